"""`RESULTS.md` as data, and its twin `results.json`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("RESULTS.md")
TWIN = Path(__file__).with_name("results.json")

_SECTION = re.compile(r"^## (?P<name>\w+)\n(?P<body>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_BODY = re.compile(
    r"\n(?P<setting>.+)\n\n(?P<date>\d{4}-\d\d-\d\d) · (?P<machine>.+)\n\n(?P<table>(?:\|.*\|\n)+)\n"
    r"`\w+: (?P<bar>.+) (?P<verdict>pass|fail)`\n"
)


def read(text: str) -> dict[str, dict[str, Any]]:
    """Return the sections of the results page, by the benchmark's name.

    Each has "setting", "date", "machine", "rows" (a dict from column to cell for each row), "bar" and "passed".

    Raises
    ------
    ValueError : a section is not as ``python -m benchmarks NAME --record`` writes it.
    """
    sections = {}
    for name, body in _SECTION.findall(text):
        found = _BODY.match(body)
        if found is None:
            raise ValueError(f"the section {name} is not as `python -m benchmarks {name} --record` writes it")
        header, _, *lines = ([cell.strip() for cell in line.strip("|").split("|")] for line in _lines(found["table"]))
        sections[name] = {
            "setting": found["setting"],
            "date": found["date"],
            "machine": found["machine"],
            "rows": [dict(zip(header, line, strict=True)) for line in lines],
            "bar": found["bar"],
            "passed": found["verdict"] == "pass",
        }
    return sections


def _lines(table: str) -> list[str]:
    return table.strip().split("\n")


def twin(text: str) -> str:
    """Return the sections of the results page as JSON, as they are stored beside it."""
    return json.dumps(read(text), ensure_ascii=False, indent=1) + "\n"
