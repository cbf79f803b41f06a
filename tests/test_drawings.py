"""Drawings are what their scripts draw, and say in words what they show; widgets load nothing from elsewhere."""

import base64
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import build
import nbformat
import pytest

BOOK = Path(__file__).parents[1] / "notebooks"
sys.path.insert(0, str(BOOK / "drawings"))

import kit  # noqa: E402  (a script beside the drawings)

FILES = {path.stem: path for path in sorted(kit.OUT.glob("*.svg"))}
WIDGETS = {path.stem: path for path in sorted((BOOK / "widgets").glob("*.js")) if path.stem != "kit"}
LESSONS = {name: (BOOK / "py" / f"{name}.py").read_text(encoding="utf-8") for name in build.lessons(BOOK)}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("script", kit.scripts())
def test_each_is_as_its_script_draws_it(script):
    for name, drawing in kit.drawings(script).items():
        assert name in FILES, f"python notebooks/drawings/kit.py {script}"
        assert FILES[name].read_text(encoding="utf-8") == drawing.svg(name), (
            f"python notebooks/drawings/kit.py {script}"
        )


def test_none_is_left_over_and_none_unused():
    drawn = {name for script in kit.scripts() for name in kit.drawings(script)}
    shown = {name for text in LESSONS.values() for name in re.findall(r'draw\(\s*"(\w+)"', text)}
    assert set(FILES) == drawn == shown


@pytest.mark.parametrize("name", FILES)
def test_it_says_in_words_what_it_shows_and_can_be_read(name):
    text = FILES[name].read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title.text and len(desc.text) > 60, "title and desc are what a screen reader reads"
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    own = f"d-{name}".replace("_", "-")
    assert all(id.startswith(own) for id in ids), "several drawings stand on one page"
    assert set(root.get("aria-labelledby").split()) <= set(ids)
    small = [word.text for word in root.iter(f"{SVG}text") if float(word.get("font-size")) < 14]
    assert not small, f"letters below 14: {small}"
    assert not re.findall(r"(?:href|url)\W+https?:", text), "it loads something"


@pytest.mark.parametrize("name", LESSONS)
def test_each_lesson_has_its_map_and_three_drawings_or_figures_that_move(name):
    shown = re.findall(r'draw\(\s*"(\w+)"', LESSONS[name])
    assert shown.count(f"here_{name[:2]}") == 1 and len(shown) == len(set(shown)) >= 4
    assert all(each.startswith((name[:2], "here")) for each in shown), "a drawing belongs to one lesson"


@pytest.mark.parametrize("name", LESSONS)
def test_all_that_is_shown_has_a_caption(name):
    for cell in nbformat.read(BOOK / f"{name}.ipynb", as_version=4).cells:
        for output in cell.get("outputs", []):
            page = "".join(output.get("data", {}).get("text/html", ""))
            if '<figure class="mee"' in page:
                said = "<figcaption>" in page or '<p class="heard">' in page
                assert said, f"{name}: {output['data']['text/plain'][:80]}"


@pytest.mark.parametrize("name", ["kit", *WIDGETS])
def test_a_widget_runs_alone(name):
    code = (BOOK / "widgets" / f"{name}.js").read_text(encoding="utf-8")
    code = code.replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    assert not re.findall(r"https?://|\bfetch\(|\bimport\b|XMLHttpRequest|</", code), (
        "it needs something from elsewhere"
    )
    assert code.count("\n") < 250


def test_each_widget_is_in_a_lesson():
    used = {name for text in LESSONS.values() for name in re.findall(r'play_with\(\s*"(\w+)"', text)}
    assert used == set(WIDGETS) and len(used) >= 6


def test_the_first_pages_search_shows_what_the_model_finds():
    import landing

    clips, found = landing.answers()
    page = (BOOK / "_static" / "landing.html").read_text(encoding="utf-8")
    shown = re.findall(r'src="_static/landing/(\w+)\.webp".*?<span>(.)', page)
    right = {
        hit.id: landing.SENTENCES[text](clips.facts[clips.ids.index(hit.id)])
        for text in found
        for hit in found[text].hits
    }
    assert shown == [(hit.id, "✓" if right[hit.id] else "✗") for answer in found.values() for hit in answer.hits]
    assert {path.name.partition(".")[0] for path in (BOOK / "_static" / "landing").iterdir()} == set(right)
    assert all(text in page for text in found) and 6 <= sum(right.values()) < len(right), "most are right, not all"
    assert sum(path.stat().st_size for path in (BOOK / "_static" / "landing").iterdir()) < 600_000


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_shows_its_drawings_and_widgets_as_they_are_now(name):
    shared = (BOOK / "widgets" / "kit.js").read_text(encoding="utf-8")
    for cell in nbformat.read(BOOK / f"{name}.ipynb", as_version=4).cells:
        page = "".join("".join(output.get("data", {}).get("text/html", "")) for output in cell.get("outputs", []))
        for drawing in re.findall(r'draw\(\s*"(\w+)"', cell.source):
            found = re.search(r"data:image/svg\+xml;base64,([^\"]+)", page)
            assert base64.b64decode(found[1]) == FILES[drawing].read_bytes(), f"python notebooks/build.py {name[:2]}"
        for widget in re.findall(r'play_with\(\s*"(\w+)"', cell.source):
            assert shared in page and WIDGETS[widget].read_text(encoding="utf-8") in page, f"build.py {name[:2]}"
