"""The quizzes of quizzes/*.json for a room: sheets to print, in the book, and slides for a show of hands."""

import json
import re
from pathlib import Path

import nbformat

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ max-width: 42em; margin: 2em auto; padding: 0 1em; font: 11pt/1.35 sans-serif; }}
h1 {{ font-size: 1.3em; }}
li {{ margin: 0 0 0.8em; break-inside: avoid; }}
ol ol {{ list-style: upper-alpha; margin-top: 0.3em; }}
ol ol li {{ margin: 0.1em 0; }}
pre {{ margin: 0.4em 0; overflow-x: auto; }}
.key {{ break-before: page; border-top: 1px solid black; }}
@media print {{ body {{ margin: 0; font-size: 10pt; }} .key {{ border: 0; }} }}
</style>
<section>
<h1>{title}</h1>
<p>Name:</p>
<ol>
{questions}
</ol>
</section>
<section class="key">
<h1>Key: {title}</h1>
<ol>
{key}
</ol>
</section>
</html>
"""


def quizzes(book):
    """(name, title, questions) of each quiz, in order; the one that joins lessons comes last."""
    paths = sorted((Path(book) / "quizzes").glob("*.json"), key=lambda path: (len(path.stem), path.stem))
    for path in paths:
        title = "Quiz: lessons 00 to 10"
        for lesson in Path(book).glob(f"{path.stem}_*.ipynb"):
            heading = nbformat.read(lesson, as_version=4).cells[0].source
            title = f"Quiz {path.stem}: {re.search(r'^# (.*)', heading, re.M)[1]}"
        yield path.stem, title, json.loads(path.read_text(encoding="utf-8"))


def asked(question):
    code = f"<pre><code>{question['code']}</code></pre>" if "code" in question else ""
    return question["question"] + code


def answers(question):
    """(letter, text, whether it is right, reason) of each answer."""
    for letter, answer in zip("ABCD", question["answers"], strict=True):
        yield letter, answer["answer"], answer["correct"], answer["feedback"]


def write_sheets(book, out):
    """A page per quiz: the questions on one sheet, the key with the reasons on another. Returns their paths."""
    made = []
    for name, title, questions in quizzes(book):
        sheet, key = [], []
        for question in questions:
            choices = "".join(f"<li>{text}</li>" for _, text, _, _ in answers(question))
            sheet.append(f"<li>{asked(question)}<ol>{choices}</ol></li>")
            ordered = sorted(answers(question), key=lambda answer: not answer[2])  # the right one first
            reasons = "<br>".join(f"{f'<b>{letter}</b>' if ok else letter}: {why}" for letter, _, ok, why in ordered)
            key.append(f"<li>{reasons}</li>")
        path = Path(out) / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        text = PAGE.format(title=title, questions="\n".join(sheet), key="\n".join(key))
        temporary.write_text(text, encoding="utf-8", newline="\n")
        made.append(temporary.replace(path))
    return made


def decks(book):
    """(name, notebook) of each quiz as slides: a question, and below it the same with the answer and the reasons."""
    for name, title, questions in quizzes(book):
        cells = [slide("slide", f"# {title}\n\nHands, cards, or fingers for A to D. The key is below each question.")]
        for number, question in enumerate(questions, 1):
            head = f"<p><b>{number}.</b> {asked(question)}</p>"
            choices = [f"<p><b>{letter}</b> &nbsp; {text}</p>" for letter, text, _, _ in answers(question)]
            cells.append(slide("slide", html(head + "".join(choices))))
            reasons = [
                f"<p><b>{letter}{' ✓' if right else ''}</b> &nbsp; {text}<br>"
                f"<span style='font-size: 0.8em'>{why}</span></p>"
                for letter, text, right, why in answers(question)
            ]
            cells.append(slide("subslide", html(head + "".join(reasons))))
        yield f"quiz_{name}", nbformat.v4.new_notebook(cells=cells)


def html(content):
    return f'<div style="text-align: left; font-size: 1.1em">{content}</div>'


def slide(kind, source):
    return nbformat.v4.new_markdown_cell(source, metadata={"slideshow": {"slide_type": kind}})
