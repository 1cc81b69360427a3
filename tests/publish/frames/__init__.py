"""Tests of frames; `bells.py` has the explorers they are drawn of, `conftest.py` the fixtures they share."""
