"""The pages for teachers hold to the lessons: minutes add up, cells lie where they are said to, messages are real."""

import json
import re
from pathlib import Path

import build
import nbformat
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import mee
from mee.evaluate import embed

BOOK = Path(__file__).parents[1] / "notebooks"
SHEETS = sorted(path.stem for path in BOOK.glob("teach/[0-9][0-9].md"))


def table(text, first):
    """The rows of the table whose head begins with `first`."""
    body = re.search(rf"^\| ?{re.escape(first)} \|.*\n\| *-.*\n((?:\|.*\n)+)", text, re.M)[1]
    return [[field.strip() for field in line.strip()[1:-1].split("|")] for line in body.splitlines()]


def cells_by_heading(notebook):
    """Heading -> numbers of the code cells below it that a class can see."""
    found, here, number = {}, None, 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            number += 1
            if here and not {"check", "remove-input"} & set(build.tags(cell)):
                found[here].add(number)
        for heading in re.findall(r"^##+ (.*)$", cell.source, re.M) if cell.cell_type == "markdown" else ():
            here = heading
            found[here] = set()
    return found


def test_every_core_lesson_has_a_run_sheet():
    assert SHEETS == [f"{number:02}" for number in range(11)]


@pytest.mark.parametrize("sheet", SHEETS)
def test_a_run_sheet_holds_to_its_lesson(sheet):
    text = (BOOK / "teach" / f"{sheet}.md").read_text(encoding="utf-8")
    (name,) = {match.removesuffix(".ipynb") for match in re.findall(r"\.\./(\d\d_\w+\.ipynb)", text)}
    assert name.startswith(sheet)
    notebook = nbformat.read(BOOK / f"{name}.ipynb", as_version=4)
    rows, known = table(text, "Minutes"), cells_by_heading(notebook)
    assert sum(int(minutes) for minutes, *_ in rows) == 90
    assert rows[0][:2] == ["2", "Hook"] and rows[-1][1] == "Wrap"
    named = set()
    for _, what, cells, _ in rows:
        numbers = {int(number) for number in re.findall(r"\d+", cells)}
        heading = re.match(r"\[(.*)\]\(", what)
        assert bool(heading) == bool(numbers), f"{sheet}: a heading without cells, or cells without one: {what}"
        if heading:
            assert numbers <= known[heading[1]], f"{sheet}: {heading[1]} has the cells {sorted(known[heading[1]])}"
            named |= numbers
    said = (BOOK / "instructor.md").read_text(encoding="utf-8").lower()
    quiz = json.loads((BOOK / "quizzes" / f"{sheet}.json").read_text(encoding="utf-8"))
    (votes,) = re.findall(r"^\*\*Vote\.\*\* (.*)", text, re.M)
    found = re.findall(r'\*([^*]+)\* \(question (\d+), "([^"]+)"\)', votes)
    assert len(found) == len(re.findall(r"\*[^*]+\*", votes)) and (found or sheet == "00")
    for belief, number, words in found:
        assert f'**"{belief.lower()}."**' in said, f"{sheet}: no such misconception: {belief}"
        assert words in quiz[int(number) - 1]["question"], f"{sheet}: question {number} does not say: {words}"
    for cell in re.findall(r"before cell (\d+)", votes):
        assert int(cell) in named, f"{sheet}: cell {cell} is no place where the class stops"


class Block(nn.Module):
    def __init__(self):
        self.linear = nn.Linear(2, 2)  # the mistake: no super().__init__()


@pytest.fixture(scope="module")
def names():
    """What the lessons' own names stand for where a student makes a mistake."""
    from mee.demo import SearchService

    clips = mee.read_clips(BOOK / "data" / "tinyclips.h5")
    model, words = mee.load_model(BOOK / "data" / "tinyclips_model.pt")
    text, video = embed(model.float(), clips, [0, 1], clips.captions_of([0, 1])[0])
    return {
        **{name: getattr(mee, name) for name in mee.__all__},
        **{"torch": torch, "F": F, "Block": Block, "clips": clips, "model": model, "text": text, "video": video},
        "search": SearchService(model, clips, words, score="paper"),
        "weights": text.weights,
        "points": torch.rand(6, 2),
        "c": torch.rand(2, 3),
        "c2": torch.rand(2, 3),
        "loss": torch.ones(2, requires_grad=True).square().sum(),
    }


@pytest.mark.parametrize("sheet", SHEETS)
def test_python_says_what_a_run_sheet_quotes(sheet, names, monkeypatch):
    monkeypatch.chdir(BOOK)
    rows = table((BOOK / "teach" / f"{sheet}.md").read_text(encoding="utf-8"), "Somebody writes")
    assert len(rows) >= 2
    for line, message, _ in rows:
        kind, said = message.strip("`").split(": ", 1)
        with pytest.raises(Exception) as error:
            exec(line.strip("`"), dict(names))
        first = str(error.value).splitlines()[0]
        # PyTorch 2.15 puts the operation before the message, and has a subclass of RuntimeError for some of them
        assert kind in [each.__name__ for each in type(error.value).__mro__], line
        first = re.sub("^(add)?mm: ", "", first)
        assert first.startswith(said[:-4]) if said.endswith(" ...") else first == said, f"{sheet}: {first}"


def test_the_timetables_add_up():
    page = (BOOK / "instructor.md").read_text(encoding="utf-8")
    day = table(page, "Time")
    starts = [int(start[:2]) * 60 + int(start[3:]) for start, *_ in day]
    ends = [start + int(lasts.split()[0]) for start, (*_, lasts) in zip(starts, day, strict=True)]
    assert starts[1:] == ends[:-1]
    for week, first, second, _ in table(page, "Week | First meeting | Second meeting | At home"):
        for meeting in (first, second):
            assert sum(map(int, re.findall(r"\((\d+)\)", meeting))) == 90, f"week {week}: {meeting}"


def test_the_rubric_adds_up_to_a_hundred():
    page = (BOOK / "capstone.md").read_text(encoding="utf-8")
    assert sum(int(points) for _, points, *_ in table(page, "Part")) == 100
    assert 6 <= sum(int(hours) for hours, _ in table(page, "Hours")) <= 10
    assert len(re.findall(r"^### \d\. .*\?$", page, re.M)) == 5


def test_the_example_is_what_its_script_says():
    notebook = nbformat.read(BOOK / f"{build.CAPSTONE}.ipynb", as_version=4)
    assert [cell.source for cell in notebook.cells] == [cell.source for cell in build.read(build.CAPSTONE).cells]
    assert notebook.metadata == build.read(build.CAPSTONE).metadata and not build.machine_paths(notebook)
    printed = " ".join(build.text_of(output) for cell in notebook.cells for output in cell.get("outputs", []))
    text = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    quoted = re.findall(r"≈ (\d+\.\d)", text)
    assert quoted and all(f"≈ +{number}" in printed for number in quoted), quoted


def test_each_core_lesson_has_slides_that_fit(chromium, tmp_path):
    names = build.lessons()[:11]
    for name in names:
        notebook = nbformat.read(BOOK / f"{name}.ipynb", as_version=4)
        kinds = [cell.metadata.get("slideshow", {}).get("slide_type") for cell in notebook.cells]
        assert 8 <= kinds.count("slide") + kinds.count("subslide") <= 20, name
        (summary,) = (cell.source for cell in notebook.cells if "## Summary" in cell.source)
        assert re.search(r"^## Summary\n\n(?!#).", build.short(summary), re.M), f"{name}: nothing below Summary"
    for folder in ("_static", "widgets"):
        (tmp_path / folder).symlink_to(BOOK / folder)
    name = names[4]  # figures, formulas, a widget: one deck, as each takes seconds
    (tmp_path / f"{name}.ipynb").write_bytes((BOOK / f"{name}.ipynb").read_bytes())
    (deck,) = build.slides(tmp_path)
    page = chromium.new_page(viewport={"width": 1100, "height": 760})
    page.goto(deck.as_uri(), wait_until="load", timeout=120_000)
    for number in range(page.evaluate("Reveal.getTotalSlides()")):
        size = page.evaluate(
            "(s => [s.innerText.trim().length + s.querySelectorAll('img').length, s.scrollHeight * (s.style.zoom || 1),"
            " s.style.zoom || 1])(Reveal.getCurrentSlide())"
        )
        assert size[0] and size[1] <= 760 and float(size[2]) >= 0.6, f"{name}, slide {number + 1}: {size}"
        page.evaluate("Reveal.next()")
