"""Sphinx's settings for the book. `make book` builds it, without a network and with warnings as errors."""

import base64
import dataclasses
import re
import sys
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

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
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints", "**/py", "py", "data", "drawings", "widgets", "TEMPLATE.md"]
exclude_patterns += ["locales"]  # translations
suppress_warnings = ["etoc.glob"]  # lessons join the table of contents as they are written

# The lessons are executed before they reach Sphinx, so the page shows what the notebook holds.
nb_execution_mode = "off"
nb_merge_streams = True
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
nb_render_markdown_format = "myst"  # by default, a table that a cell shows would stay a row of bars

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist", "smartquotes"]
myst_heading_anchors = 3
external_toc_path = "_toc.yml"

# `sphinx-build -b gettext` writes the book's sentences, a file a page; translations are looked for in locales/.
locale_dirs = ["locales"]
gettext_compact = False

# Docstrings are the only source of the API pages.
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = False
autodoc_inherit_docstrings = False  # PyTorch's own words about forward() say nothing about ours

# MathJax travels with the book: one file of the package that carries it, fonts included. The package is located, not
# imported: its own extension would copy all of MathJax's 25 MB.
_mathjax = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax" / "tex-svg-full.js"
html_static_path = ["_static", str(_mathjax)]
mathjax_path = _mathjax.name

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "alpha"
bibtex_reference_style = "author_year"
BIBLIOGRAPHY = set(
    re.findall(r"^@\w+\{(\w+),", (Path(__file__).parent / "references.bib").read_text(encoding="utf-8"), re.M)
)

html_theme = "sphinx_book_theme"
html_title = project
html_css_files = ["book.css"]
html_js_files = ["book.js"]
html_theme_options = {
    "home_page_in_toc": True,
    "navbar_persistent": [],  # the search box of the side bar is enough
    "show_toc_level": 2,
    "use_download_button": True,
    "use_fullscreen_button": False,
}


# ------------------------------------------------- what Jupyter and Colab show plainly, the book improves


class Numbers(SphinxTransform):
    """A lesson's title begins with its number, on its page and in the side bar; so do its exercises' and solutions'."""

    default_priority = 699

    def apply(self):
        number = re.match(r"(?:\w+/)?(\d\d)_", self.env.docname)
        title = self.document.next_node(nodes.title)
        if number and title is not None:
            title.insert(0, nodes.Text(f"{number[1]}\N{EN SPACE}"))


class Boxes(SphinxTransform):
    """A quotation that starts with one of these words, in bold, becomes a box."""

    default_priority = 700
    kinds = {"Predict": "tip", "Trap": "warning", "Aside": "note"}

    def apply(self):
        for quote in list(self.document.findall(nodes.block_quote)):
            first = quote.next_node(nodes.paragraph)
            words = [child for child in first.children if child.astext()] if first is not None else []
            bold = words[0].astext().rstrip(".") if words and isinstance(words[0], nodes.strong) else None
            if bold in self.kinds:
                first.clear()
                first += [nodes.Text(words[1].astext().lstrip()), *words[2:]]
                title = nodes.title("", bold)
                quote.replace_self(nodes.admonition("", title, *quote.children, classes=[self.kinds[bold]]))


class Figures(SphinxTransform):
    """Figures with a caption get a number, "Figure 5.3", and so do links to them: [Figure](#its-id).

    Drawings become part of the page, so that they follow its colours, light or dark.
    """

    default_priority = 701
    drawing = re.compile(r'<img [^>]*src="data:image/svg\+xml;base64,([^"]+)"[^>]*>')
    caption = re.compile(r'<figure class="mee"(?: id="([\w-]+)")?.*<figcaption>', re.S)

    def apply(self):
        if not re.match(r"\d\d_", self.env.docname):
            return
        numbers, count = {}, 0
        for raw in self.document.findall(nodes.raw):
            text = self.drawing.sub(lambda found: base64.b64decode(found[1]).decode(), raw.astext())
            found = self.caption.search(text)
            if found:
                count += 1
                number = numbers[found[1]] = f"Figure {int(self.env.docname[:2])}.{count}"
                text = text[: found.end()] + f"<b>{number}.</b> " + text[found.end() :]
            if text != raw.astext():
                raw.clear()
                raw += nodes.Text(text)
        for link in list(self.document.findall(nodes.reference)):
            target = link.get("refuri", "").removeprefix("#")
            if link.get("id_link") and target in numbers and link.astext() == "Figure":
                link.replace_self(nodes.reference("", numbers[target], internal=True, refid=target))


class Links(SphinxTransform):
    """[gate](glossary.md#gate) leads to that term, [Miech et al.](references.md#miech2018) to that entry.

    Sphinx warns about a missing term.
    """

    default_priority = 702

    def apply(self):
        for link in list(self.document.findall(addnodes.pending_xref)):
            page, target = link.get("reftarget"), link.get("reftargetid")
            if link.get("refdomain") != "doc" or not isinstance(target, str):
                continue
            if page == "glossary":
                self.replace(link, "std", "term", target.replace("-", " "))
            elif page == "references" and target in BIBLIOGRAPHY:
                self.replace(link, "cite", self.kind(link), target)

    def kind(self, link):
        """In brackets, "(Miech et al., 2018)", a citation brings its own; in the text it is "Miech et al. [2018]"."""
        siblings, at = link.parent.children, link.parent.index(link)
        around = siblings[at - 1 : at] + siblings[at + 1 : at + 2]
        if len(around) == 2 and all(isinstance(each, nodes.Text) for each in around):
            before, after = (each.astext() for each in around)
            if before.endswith("(") and after.startswith(")"):
                link.parent.replace(around[0], nodes.Text(before[:-1]))
                link.parent.replace(around[1], nodes.Text(after[1:]))
                return "p"
        return "t"

    def replace(self, link, domain, kind, target):
        link.replace_self(
            addnodes.pending_xref(
                "",
                *link.children,
                refdoc=self.env.docname,
                refdomain=domain,
                reftype=kind,
                reftarget=target,
                refexplicit=True,
                refwarn=True,
            )
        )


def size_pictures(app, page, template, context, doctree):
    """A drawing in a file is loaded when it comes near, into room that is kept for it, so that no text jumps."""

    def size(found):
        svg = (Path(app.srcdir) / "_static" / found[1]).read_text(encoding="utf-8")
        width, unit, height = re.search(r'<svg[^>]* width="([\d.]+)(pt)?" height="([\d.]+)', svg).groups()
        width, height = (round(float(length) * (4 / 3 if unit else 1)) for length in (width, height))
        return f'<img loading="lazy" width="{width}" height="{height}" '

    image = re.compile(r'<img (?=[^>]*src="(?:\.\./)*_images/([\w-]+\.svg)")')
    context["body"] = image.sub(size, context.get("body", ""))


def quiz_sheets(app, error):
    """The quizzes as pages to print, beside the book's pages."""
    if error is None and app.builder.format == "html" and (Path(app.srcdir) / "quizzes").exists():
        sys.path.insert(0, str(app.srcdir))
        from quiz_pages import write_sheets

        write_sheets(app.srcdir, Path(app.outdir) / "quizzes")


def fields_in_words(app, what, name, obj, options, lines):
    """Leave out what Python itself says of a named tuple's fields, "Alias for field number 0"; say what TrainConfig's
    own fields choose."""
    if lines and lines[0].startswith("Alias for field number"):
        lines.clear()
    if name == "mee.config.TrainConfig":
        for each in dataclasses.fields(obj):
            choices = f" ({' or '.join(each.metadata['choices'])})" if "choices" in each.metadata else ""
            lines.append(f":param {each.name}: {each.metadata['help']}{choices}")


def setup(app):
    app.connect("autodoc-process-docstring", fields_in_words)
    app.connect("html-page-context", size_pictures)
    app.connect("build-finished", quiz_sheets)
    for transform in (Numbers, Boxes, Figures, Links):
        app.add_transform(transform)
