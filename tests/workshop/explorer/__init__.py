"""Tests of explorers; `bell.py` has those they are tried on, `conftest.py` what holds for all tests."""
