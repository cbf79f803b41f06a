"""The book builds without a warning, its links lead somewhere, and it shows without a network."""

import functools
import http.server
import inspect
import os
import re
import shutil
import subprocess
import sys
import threading
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import build
import pytest
import yaml

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
MINUTES = 5 * 60 * 1000  # ms, as in test_demo.py: only a broken page waits as long
API = sorted(path.stem for path in (NOTEBOOKS / "api").glob("*.md"))


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The book as `make book` builds it, from the notebooks as they are; once, as a file goes to one worker."""
    source = tmp_path_factory.mktemp("book") / "source"
    build.copy_pages(source)
    for path in [*NOTEBOOKS.glob("*.ipynb"), *NOTEBOOKS.glob("[ces]*/*.ipynb")]:
        shutil.copy(path, source / path.relative_to(NOTEBOOKS))
    out = source.with_name("html")
    command = [sys.executable, "-m", "sphinx", "-E", "-W", "--keep-going", "-q", "-b", "html", source, out]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


class Page(HTMLParser):
    """What a built page holds: text, ids, names of arguments, pictures, links, and what it loads."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loads, self.images, self.text, self.arguments = set(), [], [], [], [], []
        self.skip, self.tag, self.within = 0, None, None
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join("".join(self.text).split())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.within, self.tag = (self.tag, tag) if tag != "span" else (self.within, self.tag)
        self.ids |= {attributes.get("id"), attributes.get("name")} - {None}
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        if tag == "link" and attributes.get("rel") in ("stylesheet", "preload", "icon", "preconnect"):
            self.loads.append(attributes["href"])
        if "src" in attributes:
            self.loads.append(attributes["src"])
        if tag in ("img", "svg") and attributes.get("aria-hidden") != "true":
            self.images.append((tag, attributes))
        self.skip += tag in ("script", "style")

    def handle_endtag(self, tag):
        self.skip -= tag in ("script", "style")

    def handle_data(self, data):
        if not self.skip:
            self.text.append(data)
            if (self.within, self.tag) == ("p", "strong"):
                self.arguments.append(data)


@pytest.fixture(scope="module")
def pages(book):
    """path in the book -> Page."""
    found = (path for path in book.rglob("*.html") if "_static" not in path.parts)
    return {path.relative_to(book).as_posix(): Page(path) for path in found}


def test_every_page_in_the_table_of_contents_is_built(pages):
    def files(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key in ("root", "file"):
                    yield value
                else:
                    yield from files(value)
        elif isinstance(node, list):
            for value in node:
                yield from files(value)

    listed = list(files(yaml.safe_load((NOTEBOOKS / "_toc.yml").read_text())))
    assert "index" in listed and {f"api/{module}" for module in API} <= set(listed)
    assert {f"{name}.html" for name in listed} <= set(pages)


def public_names(module):
    """The classes and functions that a module defines or, where it is a package, names in ``__all__``."""
    things = {name: x for name, x in vars(module).items() if inspect.isclass(x) or inspect.isfunction(x)}
    if hasattr(module, "__path__"):
        return {name for name in things if name in module.__all__}
    return {name for name, x in things.items() if not name.startswith("_") and x.__module__ == module.__name__}


@pytest.mark.parametrize("module", API)
def test_an_api_page_has_every_public_name(pages, module):
    page, module = pages[f"api/{module}.html"], import_module(f"mee.{module}")
    public = public_names(module)
    assert public
    missing = {name for name in public if f"{module.__name__}.{name}" not in page.ids}
    assert not missing, f"no docstring, so not on the page: {missing}"


def test_docstrings_are_shown_as_they_are_meant(pages):
    # an argument is an entry of a list, not a word in a paragraph that runs on
    for module, argument in (("metrics", "scores"), ("loss", "margin"), ("model", "text_dim"), ("storage", "path")):
        assert argument in pages[f"api/{module}.html"].arguments, f"{module}: {argument}"
    # and R@10 is no e-mail address
    assert not [link for page in pages.values() for link in page.links if link.startswith("mailto:")]
    assert not [name for name, page in pages.items() if "R\\@" in page.text]


def test_links_inside_the_book_lead_somewhere(book, pages):
    checked = 0
    for name, page in pages.items():
        for link in page.links + page.loads:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link == "#":
                continue
            target = (book / name).parent / unquote(parts.path) if parts.path else book / name
            target = Path(os.path.normpath(target))
            assert target.exists(), f"{name} links to {link}, which is not there"
            if parts.fragment and target.suffix == ".html":
                assert parts.fragment in pages[target.relative_to(book).as_posix()].ids, f"{name}: no {link}"
            checked += 1
    assert checked > 50


def test_nothing_is_loaded_from_elsewhere(book, pages):
    for name, page in pages.items():
        far = [load for load in page.loads if urlsplit(load).netloc]
        assert not far, f"{name} loads {far}: without a network it is not there"
    assert any("tex-svg-full.js" in load for load in pages["index.html"].loads), "the first page has formulas"


def test_a_table_that_a_cell_shows_is_a_table(book):
    """Left as text, its bars run together in a paragraph."""
    seen = 0
    for path in book.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        seen += len(re.findall(r'class="cell_output.{0,200}?<table', text, re.S))
        assert not re.search(r"<p>\|[^<]*\|\s", text), f"{path.name}: a table's source is shown as a paragraph"
    assert seen, "no cell of the book shows a table"


def test_predictions_are_boxes(book):
    seen = 0
    for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"):
        asked = path.read_text(encoding="utf-8").count("> **Predict.**")
        page = (book / f"{path.stem}.html").read_text(encoding="utf-8")
        assert page.count('class="tip admonition"') == asked, path.name
        seen += asked
    assert seen > 50


def test_every_picture_has_words(pages):
    seen = 0
    for name, page in pages.items():
        for tag, attributes in page.images:
            seen += 1
            if tag == "img":
                words = attributes.get("alt", "").strip()  # without any, Sphinx takes the name of the file
                assert words and not words.endswith((".png", ".svg", ".jpg")), f"{name}: {attributes['src']}: no alt"
            elif attributes.get("role") == "img":
                words = attributes.get("aria-label") or set(attributes["aria-labelledby"].split()) <= page.ids
                assert words, name
            else:
                raise AssertionError(f"{name}: an svg without role and title")
    assert seen


def test_the_picture_of_the_model_says_what_it_draws():
    svg = (NOTEBOOKS / "_static" / "mee.svg").read_text()
    drawn = re.sub(r"<(title|desc|style)\b.*?</\1>", "", svg, flags=re.S)
    drawn = [float(number) for number in re.findall(r">\s*(\d\.\d+)\s*<", drawn)]
    *rows, absent, score = drawn
    weights, similarities, products = rows[0::3], rows[1::3], rows[2::3]
    assert len(products) == 3
    assert products == pytest.approx([w * s for w, s in zip(weights, similarities, strict=True)])
    assert score == pytest.approx(sum(products) / sum(weights))
    assert sum(weights) + absent == pytest.approx(1)
    (description,) = re.findall(r"<desc.*?>(.*?)</desc>", svg, re.S)
    assert set(re.findall(r"\d\.\d+", description)) >= {str(number) for number in (*weights, *similarities, score)}


@pytest.fixture(scope="module")
def address(book):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=book))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def window(chromium):
    """A browser window, whose pages share what they have loaded: MathJax weighs two megabytes."""
    context = chromium.new_context()
    context.set_default_timeout(MINUTES)
    yield context
    context.close()


@pytest.fixture
def page(window, address):
    """A page of its own for each test; at the end: no error, and nothing was asked from elsewhere."""
    page, far, faults = window.new_page(), [], []
    page.on("request", lambda ask: far.append(ask.url) if not ask.url.startswith((address, "data:")) else 0)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    page.close()
    assert not far and not faults, (far, faults)


@pytest.mark.parametrize("width", [1366, 390])
def test_formulas_and_search_work_without_a_network(page, address, width):
    page.set_viewport_size({"width": width, "height": 850})
    page.goto(f"{address}/index.html")
    page.wait_for_selector("mjx-container svg")
    assert page.locator("mjx-container").count() >= 5
    assert page.locator("mjx-merror").count() == 0
    assert page.locator("#mee-picture").bounding_box()["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"

    page.goto(f"{address}/search.html?q=NetVLAD")
    page.wait_for_selector("#search-results li a")
    assert page.locator("#search-results li a[href*='api/model']").count()


def test_the_picture_of_the_model_is_light_in_the_dark(chromium, address):
    for scheme, bright in (("light", False), ("dark", True)):
        page = chromium.new_page(color_scheme=scheme)
        page.set_default_timeout(MINUTES)
        for target in ("index.html", "_static/mee.svg"):  # in the page, and alone
            page.goto(f"{address}/{target}")
            style = "getComputedStyle(document.querySelector('#mee-picture text')).fill"
            red, green, blue = map(int, re.findall(r"\d+", page.evaluate(style))[:3])
            assert (red + green + blue > 384) == bright, f"{target}: letters {red, green, blue} on {scheme}"
        page.close()


LESSONS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(NOTEBOOKS.glob("py/[0-9]*.py"))}


@pytest.mark.parametrize("name", [name for name, text in LESSONS.items() if "play_with(" in text])
def test_each_widget_works_from_the_keyboard_without_a_kernel(page, address, name):
    page.set_viewport_size({"width": 390, "height": 850})
    page.goto(f"{address}/{name}.html")
    root = page.locator("figure.mee .widget")
    assert root.count() == 1 and root.bounding_box()["width"] <= 390
    status = root.locator("[role=status]").first
    said, silent = [status.inner_text()], []
    controls = root.locator("input:visible, select:visible, [role=slider]:visible")
    assert controls.count() >= 2
    for number in range(controls.count()):
        control, before = controls.nth(number), root.inner_html()
        kind = control.get_attribute("type") or control.get_attribute("role") or "select"
        states = [control.evaluate("e => e.value")]
        control.focus()
        for key in {"checkbox": ["Space"], "radio": ["Space"], "select": ["ArrowDown"]}.get(
            kind, ["ArrowRight", "ArrowUp"]
        ):
            control.press(key)
        states.append(control.evaluate("e => e.value"))
        if root.inner_html() == before and not (kind == "radio" or states[0] == states[1] and kind == "select"):
            silent.append(f"{kind} {number}")
        said.append(status.inner_text())
    assert not silent, f"nothing changes: {silent}"
    assert len(set(said)) > 1, "what changed is said in words"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("name", ["index", "04_mixture_weights"])
def test_axe_finds_no_fault(page, address, axe, name):
    """Of a core lesson with its widget and its quiz; the arrows and title of the side bar have names by book.js.

    Code is left out: its thousands of spans take a minute, and its colours are those of accessible-pygments.
    """
    page.goto(f"{address}/{name}.html")
    if name.startswith("04"):
        page.wait_for_selector("[role=radiogroup]")
    assert not axe(page, {"exclude": [[".highlight"]]})
    page.emulate_media(color_scheme="dark")
    page.wait_for_selector("html[data-theme=dark]")
    contrast = {"type": "rule", "values": ["color-contrast"]}  # the rest is the same in the dark
    assert not axe(page, {"include": [["main"]], "exclude": [[".highlight"]]}, runOnly=contrast)


def test_a_page_is_small_and_does_not_jump(chromium, address, book):
    for name in LESSONS:
        text = (book / f"{name}.html").read_text(encoding="utf-8")
        weight = len(re.sub(r'data:video/[^"]+', "", text))
        assert weight < 1_000_000, f"{name}: {weight:,} bytes without films"
    page = chromium.new_page(viewport={"width": 1366, "height": 850})
    page.set_default_timeout(MINUTES)
    page.add_init_script(
        "window.jumps = 0; const add = list => list.getEntries().forEach(e => { window.jumps += e.value; });"
        "new PerformanceObserver(add)"
        ".observe({type: 'layout-shift', buffered: true});"
    )
    page.goto(f"{address}/15_wrong_answers.html")
    page.wait_for_timeout(1000)
    assert page.evaluate("window.jumps") < 0.1, "a good page has less than 0.1"
