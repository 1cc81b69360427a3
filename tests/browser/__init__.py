"""Tests that drive a real browser; `conftest.py` has the fixtures they share."""
