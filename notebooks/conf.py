"""Sphinx's settings for the book. `make book` builds it, without a network and with warnings as errors."""

from importlib.util import find_spec
from pathlib import Path

from docutils import nodes

project = "Find videos with a sentence"
author = "the mee contributors"
copyright = "the mee contributors. Code: Apache-2.0; prose and figures: CC BY 4.0"
language = "en"  # not en_GB: half of Sphinx's British words are missing, and its search page then stumbles

extensions = [
    "myst_nb",
    "sphinx_external_toc",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints", "**/py", "py", "data", "TEMPLATE.md"]
suppress_warnings = ["etoc.glob"]  # lessons join the table of contents as they are written

# The lessons are executed before they reach Sphinx, so the page shows what the notebook holds.
nb_execution_mode = "off"
nb_merge_streams = True
nb_render_markdown_format = "myst"  # the default leaves a table that a cell shows as a row of bars

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist", "smartquotes"]
myst_heading_anchors = 3
external_toc_path = "_toc.yml"

# Docstrings are the only source of the API pages.
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = False
autodoc_inherit_docstrings = False  # PyTorch's own words about forward() say nothing about ours

# MathJax travels with the book: one file of the package that carries it, fonts included. The package is found, not
# imported, as its own extension would copy all of MathJax's 25 MB.
_mathjax = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax" / "tex-svg-full.js"
html_static_path = ["_static", str(_mathjax)]
mathjax_path = _mathjax.name

html_theme = "sphinx_book_theme"
html_title = project
html_css_files = ["book.css"]
html_theme_options = {
    "home_page_in_toc": True,
    "navbar_persistent": [],  # the search box of the side bar is enough
    "show_toc_level": 2,
    "use_download_button": True,
    "use_fullscreen_button": False,
}


def boxes(app, doctree):
    """A quotation that starts with one of these words, in bold, becomes a box. Jupyter and Colab show the quotation."""
    kinds = {"Predict": "tip", "Trap": "warning", "Aside": "note"}
    for quote in list(doctree.findall(nodes.block_quote)):
        first = quote.next_node(nodes.paragraph)
        words = [child for child in first.children if child.astext()] if first is not None else []
        bold = words[0].astext().rstrip(".") if words and isinstance(words[0], nodes.strong) else None
        if bold in kinds:
            first.children = [nodes.Text(words[1].astext().lstrip()), *words[2:]]
            quote.replace_self(nodes.admonition("", nodes.title("", bold), *quote.children, classes=[kinds[bold]]))


def setup(app):
    app.connect("doctree-read", boxes)
