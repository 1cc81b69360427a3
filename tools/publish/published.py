"""The page *Published figures and ours*, made of what the benchmarks gave and of what the papers report.

The numbers of ours come from `benchmarks/RESULTS.md`, those of the papers, and why a row misses, from
`benchmarks/published.yml`; a test holds the page to both.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import yaml

from benchmarks import results

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "benchmarks" / "published.yml"
MADE = "<!-- Made by `python -m tools.publish.indexes` from what the benchmarks gave. Changes belong there. -->\n"
HEAD = """\
# Published figures and ours

What the papers report, and what the course's own code reaches beside it on two cores. A row that misses says by how
much, and why as far as we know. Settings differ; that of ours stands below the tables. The full course keeps all rows
of each benchmark, and `python -m benchmarks NAME` runs one again.
"""


class PublishedError(ValueError):
    """`benchmarks/published.yml` and `benchmarks/RESULTS.md` do not belong together."""


@dataclass(frozen=True)
class Comparison:
    """One of our numbers beside a paper's, in the same unit."""

    what: str
    published: float
    ours: float
    cell: str
    minutes: str
    seeds: int
    better: str
    reason: str

    @property
    def miss(self) -> float:
        """By how much ours is worse; negative where it is better."""
        return (self.ours - self.published) * (1 if self.better == "lower" else -1)


def number(cell: str) -> float:
    """Return the number at the beginning of a table's cell, as in "0.912 ± 0.009"."""
    found = re.match(r"-?\d+(\.\d+)?", cell)
    if found is None:
        raise PublishedError(f"a cell with a number was expected; got {cell!r}")
    return float(found[0])


def compare(group: Mapping[str, Any], sections: Mapping[str, Mapping[str, Any]]) -> list[Comparison]:
    """Return the comparisons of one group of `published.yml`.

    Raises
    ------
    PublishedError : a benchmark, row or column is not in the results; a row that misses gives no reason, or one that
        does not miss gives one.
    """
    if group["benchmark"] not in sections:
        raise PublishedError(f"RESULTS.md has no section {group['benchmark']}")
    if group["better"] not in ("lower", "higher"):
        raise PublishedError(f"better must be lower or higher; got {group['better']!r}")
    rows = {next(iter(row.values())): row for row in sections[group["benchmark"]]["rows"]}
    found = []
    for entry in group["rows"]:
        where = f"{group['benchmark']}, row {entry['row']!r}"
        if entry["row"] not in rows:
            raise PublishedError(f"{where}: not in RESULTS.md, whose rows are {', '.join(rows)}")
        row = rows[entry["row"]]
        for column in (entry["column"], group.get("minutes", entry["column"])):
            if column not in row:
                raise PublishedError(f"{where}: no column {column!r}; there are {', '.join(row)}")
        cell = row[entry["column"]]
        minutes = row[group["minutes"]] if "minutes" in group else ""
        reason = " ".join(entry.get("reason", "").split())
        one = Comparison(
            entry["what"],
            float(entry["published"]),
            number(cell),
            cell,
            minutes,
            entry.get("seeds", 1),
            group["better"],
            reason,
        )
        if (one.miss > 0) != bool(reason):
            words = "misses and gives no reason" if one.miss > 0 else "does not miss and gives a reason"
            raise PublishedError(f"{where} {words}")
        found.append(one)
    return found


def published_page(titles: Mapping[str, str]) -> str:
    """Return the page as Markdown; `titles` has the title of each notebook by its file's name."""
    sections = results.read(results.RESULTS.read_text(encoding="utf-8"))
    groups = yaml.safe_load(FIGURES.read_text(encoding="utf-8"))
    lines = [MADE, HEAD]
    for lesson, of_lesson in itertools.groupby(sorted(groups, key=itemgetter("lesson")), itemgetter("lesson")):
        name = next(name for name in titles if name.startswith(f"{lesson}_"))
        lines.append(f"## [{titles[name]}](../notebooks/{name})\n")
        for benchmark, of_benchmark in itertools.groupby(of_lesson, itemgetter("benchmark")):
            for group in of_benchmark:
                lines += _table(group, compare(group, sections))
            lines += _setting(benchmark, sections[benchmark])
    return "\n".join(lines).rstrip() + "\n"


def _table(group: Mapping[str, Any], rows: Sequence[Comparison]) -> list[str]:
    places = max(len(f"{row.published:g}".partition(".")[2]) for row in rows)
    minutes = any(row.minutes for row in rows)
    header = ["what", "published", "ours", "ours is", *["training, min"] * minutes, "seeds"]
    lines = [f"### {group['paper']}\n", f"*{group['quantity']}; {group['better']} is better.*\n"]
    lines += [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    for row in rows:
        size = f"{abs(row.miss):.{max(places, 2)}f}"
        verdict = f"**worse by {size}**" if row.miss > 0 else f"better by {size}" if row.miss < 0 else "the same"
        published = f"{row.published:.{places}f}"
        cells = [row.what, published, row.cell, verdict, *[row.minutes] * minutes, str(row.seeds)]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    lines += [f"- *{row.what}*: {row.reason}" for row in rows if row.reason]
    if any(row.reason for row in rows):
        lines.append("")
    return lines


def _setting(benchmark: str, section: Mapping[str, Any]) -> list[str]:
    return [
        f"<details><summary>The setting of ours: benchmark {benchmark}, {section['date']}</summary>\n",
        f"{section['setting']}\n",
        f"{section['machine']}\n",
        "</details>\n",
    ]
