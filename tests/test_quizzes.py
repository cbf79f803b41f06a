"""The lessons' quizzes: one right answer each, reasons for all four, and keys that are computed here."""

import functools
import json
import re
from collections import Counter
from pathlib import Path

import build
import lesson
import nbformat
import numpy
import pytest
import quiz_pages
import test_style
import torch

import mee

BOOK = Path(__file__).parents[1] / "notebooks"
NAMES = [f"{number:02}" for number in range(11)] + ["00_10"]
DATA = {name: json.loads((BOOK / "quizzes" / f"{name}.json").read_text(encoding="utf-8")) for name in NAMES}
EVERY = [(f"{name}, question {number}", each) for name in NAMES for number, each in enumerate(DATA[name], 1)]


def plain(html):
    return re.sub(r"<.*?>", "", html).strip()


def right_of(question):
    return [answer["correct"] for answer in question["answers"]].index(True)


@pytest.mark.parametrize("name", NAMES)
def test_a_quiz_is_as_jupyterquiz_wants_it(name):
    assert 10 <= len(DATA[name]) <= 15 and (len(DATA[name]) == 10 or name == "00_10")
    for question in DATA[name]:
        assert set(question) - {"code", "compute"} == {"type", "question", "answers"}, question["question"]
        assert question["type"] == "multiple_choice"
        assert [set(answer) for answer in question["answers"]] == 4 * [{"answer", "correct", "feedback"}]
        assert [answer["correct"] for answer in question["answers"]].count(True) == 1, question["question"]
        assert len({plain(answer["answer"]) for answer in question["answers"]}) == 4, question["question"]
        reasons = [answer["feedback"] for answer in question["answers"]]
        assert len(set(reasons)) == 4 and all(len(reason) > 15 for reason in reasons), question["question"]
    assert len({question["question"] for question in DATA[name]}) == len(DATA[name])


@pytest.mark.parametrize("name", NAMES)
def test_neither_letter_nor_length_gives_the_answer_away(name):
    letters = Counter(right_of(question) for question in DATA[name])
    assert len(letters) == 4 and max(letters.values()) <= 4, letters
    longest = 0
    for question in DATA[name]:
        lengths = [len(plain(answer["answer"])) for answer in question["answers"]]
        assert max(lengths) - min(lengths) <= 20, (question["question"], lengths)
        longest += lengths[right_of(question)] > max(x for i, x in enumerate(lengths) if i != right_of(question))
    assert longest <= len(DATA[name]) * 0.4, f"the right answer is the longest of four {longest} times"


READ = functools.cache(mee.read_clips)


def evaluate(lines):
    """The value of a question's last line, after the lines before it."""
    names = {"torch": torch, "numpy": numpy, "mee": mee, "read_clips": READ}
    exec("\n".join(lines[:-1]), names)
    return eval(lines[-1], names)


def fits(value, answer):
    """Whether an answer says a value: the same text, or for a number the number that it begins with."""
    if isinstance(value, str):
        return value == plain(answer)
    number = re.match(r"-?\d+(\.\d+)?", plain(answer))
    return number is not None and abs(float(number[0]) - value) < 1e-6 * max(1, abs(value))


COMPUTED = [pytest.param(question, id=label) for label, question in EVERY if "compute" in question]


@pytest.mark.parametrize("question", COMPUTED)
def test_a_computed_key_is_the_right_answer_and_no_other(question, monkeypatch):
    monkeypatch.chdir(BOOK.parent)
    value = evaluate(question["compute"])
    found = [fits(value, answer["answer"]) for answer in question["answers"]]
    assert found == [answer["correct"] for answer in question["answers"]], value


def test_two_of_three_keys_are_computed():
    print(f"{len(COMPUTED)} of {len(EVERY)} keys are computed")
    assert 3 * len(COMPUTED) >= 2 * len(EVERY), f"{len(COMPUTED)} of {len(EVERY)}"


def test_a_wrong_key_is_found():
    assert not fits(0.5, "0.51") and not fits(1, "0.5") and fits(-0.125, "-0.125") and not fits("a", "b")
    assert evaluate(["x = 2", "x + 1"]) == 3


def texts(question):
    yield question["question"]
    for answer in question["answers"]:
        yield answer["answer"]
        yield answer["feedback"]


@functools.cache
def all_prose():
    kept = [(label, re.sub(r"<code>.*?</code>", "x", text)) for label, each in EVERY for text in texts(each)]
    return [(label, plain(text)) for label, text in kept]


@pytest.mark.parametrize("pattern", test_style.SAY_INSTEAD)
def test_the_quizzes_words_are_those_of_the_book(pattern):
    found = [f"{label}: {text}" for label, text in all_prose() if re.search(pattern, text, re.I)]
    assert not found, f"say instead: {test_style.SAY_INSTEAD[pattern]}\n" + "\n".join(found)


def test_no_sentence_of_a_quiz_is_long():
    for label, text in all_prose():
        for sentence in test_style.ENDS.split(text):
            assert len(sentence.split()) <= 45, f"{label}: {sentence}"
        assert "$" not in text, f"{label}: formulas are not typeset in a quiz"


def test_each_core_lesson_shows_its_quiz_as_it_is_now(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    for name in build.lessons()[:11]:
        cells = nbformat.read(BOOK / f"{name}.ipynb", as_version=4).cells
        quizzes = [cell for cell in cells if cell.cell_type == "code" and "quiz" in build.tags(cell)]
        assert quizzes, f"{name} has no quiz"
        wanted = [name[:2], "00_10"] if name.startswith("10") else [name[:2]]
        for cell, number in zip(quizzes, wanted, strict=True):
            assert f'quiz("{number}")' in cell.source
            lesson.quiz(number)
            assert cell.outputs[0].data == shown[-1], f"{name}: build.py {number} shows the quiz of now"


def test_a_quiz_without_its_package_says_so(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "jupyterquiz.dynamic.loader", None)
    lesson.quiz("04")
    assert "pip install jupyterquiz" in capsys.readouterr().out


def test_a_quiz_works_from_the_keyboard_without_a_network_and_in_the_dark(chromium, tmp_path):
    cells = nbformat.read(BOOK / "04_mixture_weights.ipynb", as_version=4).cells
    (shown,) = [cell.outputs[0].data["text/html"] for cell in cells if 'quiz("04")' in cell.source]
    assert len(shown) < 80_000
    # a page whose MathJax has not loaded yet, which jupyterquiz would fetch from another host
    head = "<meta charset=utf-8><style>:root {color-scheme: light dark}</style>"
    head += "<script>MathJax = {version: '3.2'}</script>"
    (tmp_path / "page.html").write_text(f"<!doctype html>{head}{shown}", encoding="utf-8")
    page = chromium.new_page(viewport={"width": 390, "height": 850}, color_scheme="dark")
    far, faults = [], []
    page.route(lambda url: not url.startswith("file:"), lambda route: (far.append(route.request.url), route.abort()))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector("[role=radiogroup]")
    assert page.locator(".mee-quiz .Quiz").count() == 10
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "the page scrolls sideways"
    first, question = page.locator(".Quiz").first, DATA["04"][0]
    said = first.locator("[role=status]")
    page.keyboard.press("Tab")
    for answer in question["answers"]:
        page.keyboard.press("Space")
        assert said.inner_text() == plain(answer["feedback"])
        assert ("correct" in said.get_attribute("class").split()) == answer["correct"]
        page.keyboard.press("ArrowDown")
        assert said.inner_text() == plain(answer["feedback"]), "an arrow key moves and does not answer"
    for part in (".MultipleChoiceQn", ".Feedback", ".Quiz:nth-of-type(2) .MCButton"):
        colour = page.evaluate(f"getComputedStyle(document.querySelector('.mee-quiz {part}')).color")
        assert min(map(int, re.findall(r"\d+", colour)[:3])) > 200, f"{part}: {colour} on a dark page"
    sign = "getComputedStyle(document.querySelector('.MCButton'), '::before').content"
    assert "upper-alpha" in page.evaluate(sign)
    page.wait_for_timeout(700)  # jupyterquiz looks for MathJax after half a second
    assert not far and not faults


def test_print_pages_and_slides_hold_each_question_and_the_key(tmp_path):
    made = quiz_pages.write_sheets(BOOK, tmp_path)
    assert [path.stem for path in made] == NAMES
    for path in made:
        text = path.read_text(encoding="utf-8")
        questions, key = text.split('<section class="key">')
        assert "<script" not in text and "http" not in text, "a page to print loads nothing"
        for question in DATA[path.stem]:
            assert question["question"] in questions
            assert not [a for a in question["answers"] if a["feedback"] in questions], question["question"]
            letter = "ABCD"[right_of(question)]
            assert f"<b>{letter}</b>: {question['answers'][right_of(question)]['feedback']}" in key
    decks = dict(quiz_pages.decks(BOOK))
    assert list(decks) == [f"quiz_{name}" for name in NAMES]
    for name in NAMES:
        kinds = [cell.metadata.slideshow.slide_type for cell in decks[f"quiz_{name}"].cells]
        assert kinds.count("slide") == 1 + len(DATA[name]) and kinds.count("subslide") == len(DATA[name])
