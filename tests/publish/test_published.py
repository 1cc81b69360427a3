"""The page of published figures: what it is made of, what it says, and that every row that misses gives its reason."""

import json

import pytest

from benchmarks import results
from tools.publish import published

TEXT = """\
# What the last runs gave

## vae

A network.

2026-01-02 · 2 cores

| what   | test NLL    | min |
|--------|-------------|-----|
| short  | 90.4 ± 0.1  | 4   |
| long   | 88.5        | 20  |

`vae: 88.5 (bar 89) pass`

## em

Fast.

2026-01-03 · 2 cores

| what | ratio |
|------|-------|
| em   | 2.0   |

`em: 2 times (bar 4) fail`
"""
GROUP = {
    "lesson": "08",
    "benchmark": "vae",
    "paper": "A paper",
    "quantity": "nats",
    "better": "lower",
    "minutes": "min",
    "rows": [{"what": "VAE", "published": 88.71, "row": "long", "column": "test NLL"}],
}


def group(**changes):
    return {**GROUP, "rows": [{**GROUP["rows"][0], **changes}]}


def test_sections_are_read_as_they_are_written():
    sections = results.read(TEXT)
    assert list(sections) == ["vae", "em"]
    assert sections["vae"] == {
        "setting": "A network.",
        "date": "2026-01-02",
        "machine": "2 cores",
        "rows": [
            {"what": "short", "test NLL": "90.4 ± 0.1", "min": "4"},
            {"what": "long", "test NLL": "88.5", "min": "20"},
        ],
        "bar": "88.5 (bar 89)",
        "passed": True,
    }
    assert not sections["em"]["passed"]
    assert json.loads(results.twin(TEXT)) == sections
    with pytest.raises(ValueError, match="the section vae is not as"):
        results.read(TEXT.replace("A network.\n", ""))


def test_a_row_says_by_how_much_it_is_better_or_worse():
    sections = results.read(TEXT)
    (better,) = published.compare(GROUP, sections)
    assert better.miss == pytest.approx(-0.21) and better.minutes == "20" and better.seeds == 1
    (worse,) = published.compare(group(row="short", reason="four\n minutes", seeds=3), sections)
    assert worse.miss == pytest.approx(1.69) and worse.reason == "four minutes" and worse.seeds == 3
    higher = {**group(row="short"), "better": "higher"}
    assert published.compare(higher, sections)[0].miss == pytest.approx(-1.69)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({**GROUP, "benchmark": "vaes"}, "no section vaes"),
        ({**GROUP, "better": "less"}, "better must be lower or higher; got 'less'"),
        ({**GROUP, "minutes": "hours"}, "no column 'hours'; there are what, test NLL, min"),
        (group(row="middle"), "not in RESULTS.md, whose rows are short, long"),
        (group(column="NLL"), "no column 'NLL'"),
        (group(column="what"), "a cell with a number was expected; got 'long'"),
        (group(row="short"), "'short' misses and gives no reason"),
        (group(reason="luck"), "'long' does not miss and gives a reason"),
    ],
)
def test_what_does_not_belong_together_is_refused(wrong, words):
    with pytest.raises(published.PublishedError, match=words):
        published.compare(wrong, results.read(TEXT))


def test_the_page_sets_both_numbers_side_by_side(tmp_path, monkeypatch):
    path = tmp_path / "RESULTS.md"
    path.write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(results, "RESULTS", path)
    figures = tmp_path / "published.yml"
    figures.write_text(json.dumps([group(row="short", reason="four minutes"), GROUP]), encoding="utf-8")
    monkeypatch.setattr(published, "FIGURES", figures)
    page = published.published_page({"08_vae.ipynb": "08 · The VAE"})
    assert "## [08 · The VAE](../notebooks/08_vae.ipynb)" in page
    assert "| VAE | 88.71 | 90.4 ± 0.1 | **worse by 1.69** | 4 | 1 |" in page
    assert "| VAE | 88.71 | 88.5 | better by 0.21 | 20 | 1 |" in page
    assert "- *VAE*: four minutes" in page
    assert page.count("A network.") == 1, "two tables of one benchmark have one setting"


def test_the_twin_is_what_the_results_page_says():
    """`python -m benchmarks NAME --record` writes both."""
    assert results.TWIN.read_text(encoding="utf-8") == results.twin(results.RESULTS.read_text(encoding="utf-8"))
