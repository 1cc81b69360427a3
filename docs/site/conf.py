"""Sphinx's settings for the course's site; ``python -m tools.publish.site`` copies this folder and starts Sphinx."""

import os
from pathlib import Path

STATIC = Path(__file__).parent / "static"
REPOSITORY = os.environ.get("COURSE_REPOSITORY", "")

project = "Variational inference and variational autoencoders"
author = "The course's maintainers"
project_copyright = "The course's maintainers. Text and figures: CC BY 4.0. Code: BSD-3-Clause"
language = "en"

extensions = ["myst_nb"]
root_doc = "index"
exclude_patterns = ["extra", "static"]

# --- text: the Markdown that JupyterLab shows
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_dmath_double_inline = True
myst_heading_anchors = 3

# --- notebooks: their stored outputs, never executed
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {}  # its scripts would come from another host

# --- mathematics: MathJax as copied to the site
mathjax_path = "mathjax/tex-mml-chtml.js"
mathjax3_config = {
    "options": {"menuOptions": {"settings": {"assistiveMml": True}}},
    # Formulas have a size of their own: measured from the text, it would depend on when the fonts arrive.
    "chtml": {"matchFontHeight": False, "scale": 1.12},
}

# --- pages
html_theme = "sphinx_book_theme"
html_title = project
html_favicon = "static/favicon.svg"
html_static_path = ["static"]
html_extra_path = ["extra"]
html_css_files = ["fonts.css", "type.css", "course.css", *(["frames.css"] if (STATIC / "frames.css").is_file() else [])]
html_js_files = [(name, {"defer": "defer"}) for name in ("course.js", "frames.js") if (STATIC / name).is_file()]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_permalinks_icon = "#"
html_theme_options = {
    "navbar_persistent": [],  # the search field is in the side bar
    "navigation_with_keys": False,  # the arrow keys belong to the explorers' sliders
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "repository_url": REPOSITORY,
    "show_toc_level": 1,
    "toc_title": "On this page",
    "use_download_button": False,  # every lesson links to its student version instead
    "use_repository_button": bool(REPOSITORY),
}
html_context = {"default_mode": "auto"}


def setup(app):
    """Load the filter on the index of claims alone."""

    def add_filter(app, pagename, *_):
        if pagename == "docs/claims":
            app.add_js_file("claims.js", defer="defer")

    app.connect("html-page-context", add_filter)
