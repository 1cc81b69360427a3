"""The indexes of claims and terms: current, complete, and made from the notebooks alone."""

import ast
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.publish import indexes


def test_the_stored_pages_are_current(capsys):
    assert indexes.main(["--check"]) == 0, capsys.readouterr().err


@pytest.fixture
def course(monkeypatch, tmp_path):
    """A folder with one lesson; returns a function that writes the lesson's cells."""
    monkeypatch.setattr(indexes, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(indexes, "DOCS", tmp_path / "docs")
    monkeypatch.delitem(indexes.PAGES, "published.md")  # it links to lessons that are not here

    def write(*cells):
        nbformat.write(new_notebook(cells=[new_markdown_cell("# 01 · Try"), *cells]), tmp_path / "01_try.ipynb")

    return write


def code(source, *lines):
    outputs = [new_output("stream", name="stdout", text="".join(f"{line}\n" for line in lines))] if lines else []
    return new_code_cell(source, outputs=outputs)


def claims_of(course, *cells):
    course(*cells)
    return indexes.read_claims()


def test_every_line_with_a_tick_is_a_claim_in_its_section(course):
    source = 'for k in range(2):\n    claim(f"part {k}", k, equals=k)\nclaim("a | b", 1, at_least=0, atol=0.5)'
    found = claims_of(
        course, new_markdown_cell("## 1.1 First"), code(source, "✓ part 0", "✓ part 1", "✓ a | b   within 0.5")
    )
    assert [one.statement for one in found] == ["part 0", "part 1", "a | b"]
    assert {one.section for one in found} == {"1.1 First"} and {one.lesson for one in found} == {"01_try.ipynb"}
    assert (found[2].form, found[2].tolerance, found[2].oracle) == ("no less", "within 0.5", "bound in the cell")
    assert "| a \\| b | 1.1 First | no less, within 0.5 | bound in the cell |" in indexes.claims_page()


def test_a_stale_output_is_an_error(course):
    with pytest.raises(ValueError, match=r"01_try\.ipynb, cell 1: .*'yes'; execute"):
        claims_of(course, code('claim("no", 1, equals=1)', "✓ yes"))


def test_solutions_and_starters_hold_no_claims_of_the_lesson(course):
    cell = code('claim("mine", 1, equals=1)', "✓ mine")
    cell.metadata["tags"] = ["solution"]
    assert claims_of(course, cell) == []


@pytest.mark.parametrize(
    ("before", "claim", "oracle"),
    [
        ("from scipy import stats", "equals=stats.norm.pdf(0)", "scipy.stats"),
        ("from scipy.integrate import quad\narea, _ = quad(f, 0, 1)", "equals=area", "quadrature (scipy)"),
        ("import torch\ntruth = torch.distributions.Normal(0, 1)\ny = truth.mean", "equals=y", "torch.distributions"),
        ("import sklearn.decomposition as d\npca = d.PCA()", "equals=pca.fit(x).mean_", "scikit-learn"),
        ("import torch\n(g,) = torch.autograd.grad(y, x)", "equals=g", "automatic differentiation"),
        (
            "from course_utils.models import mixtures\nfit = mixtures.fit(x)",
            "equals=fit",
            "`course_utils.models.mixtures`",
        ),
        ("from course_utils.workshop import data\nx = data.digits()", "equals=x", "formula or number in the cell"),
        ("import numpy as np", "equals=np.log(2)", "formula or number in the cell"),
        ("from scipy import stats\nx = stats.kstest(y).pvalue", "at_least=0.01", "scipy.stats"),
        ("from scipy import stats\nx = stats.kstest(y).pvalue", "equals=0", "formula or number in the cell"),
        (
            "def f():\n    import scipy.optimize as o\n    return o.minimize(h)",
            "equals=f()",
            "numerical optimiser (scipy)",
        ),
    ],
)
def test_a_value_is_followed_back_to_where_it_comes_from(course, before, claim, oracle):
    (found,) = claims_of(course, code(before), code(f'claim("it", x, {claim})', "✓ it"))
    assert found.oracle == oracle


def test_a_name_that_depends_on_itself_ends():
    trace = indexes.Trace()
    trace.learn(ast.parse("x = x + 1\ny = x"))
    call = ast.parse('claim("it", y, equals=x)').body[0].value
    assert trace.oracle(call, call.keywords[0]) == "formula or number in the cell"


def term_cell(text, **terms):
    cell = new_markdown_cell(text)
    cell.metadata["glossary"] = terms
    return cell


@pytest.mark.parametrize(
    ("text", "words", "passage"),
    [
        ("One thing. A **code** is short. More.", "code", "A **code** is short."),
        ("We map $x$. This is a **code**. More.", "code", "We map $x$. This is a **code**."),
        ("Take\n\n$$z=e(x).$$\n\nThis is a **code**. More.", "code", "$$z=e(x).$$\n\nThis is a **code**."),
        ("Call it the **code**,\n\n$$z=e(x).$$\n\nMore.", "code", "Call it the **code**,\n\n$$z=e(x).$$"),
        ("- **one**: 1;\n- **code**: 2;\n- more", "code", "**code**: 2;"),
        ("A **code** is short. More.\n\nElse.", ["code", "paragraph"], "A **code** is short. More."),
    ],
)
def test_a_term_stands_in_a_sentence_that_can_be_read_alone(course, text, words, passage):
    course(new_markdown_cell("## 1.1 First"), term_cell(text, code=words))
    (term,) = indexes.read_terms()
    assert (term.name, term.passage, term.section) == ("code", passage, "1.1 First")


def test_a_term_that_its_cell_does_not_introduce_is_an_error(course):
    course(term_cell("A code is short.", code="code"))
    with pytest.raises(ValueError, match=r"01_try\.ipynb: .*'code'"):
        indexes.read_terms()


def test_terms_come_in_alphabetical_order_and_twice_where_they_have_two_meanings(course):
    course(term_cell("A **Zero** is. See [02](02_x.ipynb#a)."), term_cell("**b**, **A**", b="b", A="A"))
    course(
        term_cell("**b** here."),
        term_cell("**b**, **A**", b="b", A="A"),
        term_cell("Again **b**, see [2](02_x.ipynb).", b="b"),
    )
    page = indexes.glossary_page()
    assert re.findall(r"^## (.*)", page, re.MULTILINE) == ["A", "b"]
    assert "2 terms" in page and "[2](../notebooks/02_x.ipynb)" in page


def test_pages_are_written_only_where_they_changed(course, capsys, tmp_path):
    course(term_cell("A **code** is short.", code="code"), code('claim("it", 1, equals=1)', "✓ it"))
    assert indexes.main(["--check"]) == 1
    assert "docs/claims.md is not current: run `make indexes`" in capsys.readouterr().err
    assert not (tmp_path / "docs").exists()
    assert indexes.main([]) == 0 and "docs/glossary.md written" in capsys.readouterr().out
    assert indexes.main([]) == 0 and capsys.readouterr().out == ""
    assert indexes.main(["--check"]) == 0
