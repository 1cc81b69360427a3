"""Words: what breaks its rules."""

from breaches.lesson import replace
from breaches.registry import breaks


@breaks("heading_order", "2 first-level headings")
def two_titles(notebook, module):
    replace(notebook, "## 1.2", "# 1.2")


@breaks("heading_order", "must start with '01 · '")
def wrong_title(notebook, module):
    replace(notebook, "# 01 · Small", "# 2 · Small")


@breaks("heading_order", "has level 4 after level 2")
def left_out_level(notebook, module):
    replace(notebook, "And if one", "#### Deep\n\nAnd if one")


@breaks("heading_order", "the section '1.3 The median' must start with '1.2 '")
def wrong_section(notebook, module):
    replace(notebook, "## 1.2", "## 1.3")


@breaks("heading_order", "the exercise 'Exercise 1.4 · The median_of' must start with 'Exercise 1.3 '")
def wrong_exercise_number(notebook, module):
    replace(notebook, "Exercise 1.3", "Exercise 1.4")


@breaks("heading_order", "there is no section '## 1.1 …'")
def no_sections(notebook, module):
    for cell in notebook.cells:
        cell.source = cell.source.replace("## 1.", "## Section 1.")


@breaks("links", "figures/none.png: there is no such file")
def lost_picture(notebook, module):
    replace(notebook, "figures/data.png", "figures/none.png")


@breaks("links", "a picture on the web")
def web_picture(notebook, module):
    replace(notebook, "figures/data.png", "https://example.org/data.png")


@breaks("links", "a picture on the web")
def web_picture_in_html(notebook, module):
    replace(notebook, "![the data", '<img src="https://example.org/data.png" alt="…"> ![the data')


@breaks("links", "02_mixtures.ipynb: there is no such file")
def later_lesson(notebook, module):
    replace(notebook, "00_start_here.ipynb#How-to-read", "02_mixtures.ipynb")


@breaks("links", "that notebook has no such heading")
def lost_anchor_elsewhere(notebook, module):
    replace(notebook, "#How-to-read", "#how-to-read")


@breaks("links", "no heading reads like that")
def lost_anchor(notebook, module):
    replace(notebook, "#1.2-The-median", "#1.2-The-mode")


@breaks("links", "leads out of the course")
def outside(notebook, module):
    replace(notebook, "00_start_here.ipynb#How-to-read", "../../outside.txt")


@breaks("links", "no such attachment")
def lost_attachment(notebook, module):
    replace(notebook, "figures/data.png", "attachment:data.png")


@breaks("links", "lost.md: there is no such file")
def lost_reference(notebook, module):
    replace(notebook, "And if one", "[the guide]: lost.md\n\nAnd if one")


@breaks("links", "lost.md: there is no such file")
def lost_link_around_a_picture(notebook, module):
    replace(notebook, "And if one", "[![a picture](figures/data.png)](lost.md) And if one")


@breaks("frame", "does not give the reading time")
def no_time(notebook, module):
    replace(notebook, "Reading time: 5 minutes for the text, 5 with its code, 53 with the exercises.", "")


@breaks("frame", "does not link to 00_start_here.ipynb")
def no_link_back(notebook, module):
    replace(notebook, "[this](00_start_here.ipynb#How-to-read)", "the start")


@breaks("frame", "builds on lesson 00 and nowhere links to it")
def speaks_of_a_lesson_without_a_link(notebook, module):
    source = notebook.cells[0].source
    notebook.cells[0].source = source.replace("[this](00_start_here.ipynb#How-to-read)", "what lesson 00 says")


@breaks("frame", "no picture stands before")
def no_picture(notebook, module):
    replace(notebook, "![the data", "[the data")


@breaks("frame", "there is no section 'Common confusions'")
def missing_section(notebook, module):
    replace(notebook, "Common confusions", "Questions")


@breaks("frame", "lists 2 outcomes")
def few_outcomes(notebook, module):
    replace(notebook, "- add\n", "")


@breaks("frame", "has 8 lines, more than 7")
def much_to_remember(notebook, module):
    replace(notebook, "- one", "- one\n" * 7)


@breaks("frame", "a paper without its year")
def paper_without_year(notebook, module):
    replace(notebook, "1809, ", "")


@breaks("voice", "says 'just'")
def banned_word(notebook, module):
    replace(notebook, "It follows", "Just look: it follows")


@breaks("voice", "leaves something to be done")
def left_to_do(notebook, module):
    replace(notebook, "data = ", "# TODO: real data\ndata = ")
