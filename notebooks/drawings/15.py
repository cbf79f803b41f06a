"""Drawings of lesson 15: words without an order, "without" as one more word, and a dict that is written over."""

import math

import torch
from kit import ACCENT, PALE, Drawing

SENTENCES = ("a red ball and a blue car", "a blue ball and a red car")


def _card(d, x, y, word, **more):
    width = 22 + 9.5 * len(word)
    d.box(x, y, width, 30, radius=5, **more)
    d.text(x + width / 2, y + 21, word, 17, "middle")
    return width


def same_words():
    """Two sentences whose words are the same: one sum, one ranking."""
    bag = sorted(SENTENCES[0].split())
    assert bag == sorted(SENTENCES[1].split())
    d = Drawing(
        700,
        292,
        "Two sentences, the same words",
        f"The cards of two sentences: {SENTENCES[0]}, and {SENTENCES[1]}. Both fill the same bag below, whose cards "
        "are, "
        f"in alphabetical order, {', '.join(bag)}. From the bag an arrow leads to one vector, and from there to one "
        "ranking.",
        css="@keyframes NAME-fall { 0%, 15% { transform: translate(0, 0); } 25%, 32% { transform: translate(var(--x0), "
        "var(--y0)); } 45%, 55% { transform: translate(0, 0); } 65%, 72% { transform: translate(var(--x1), var(--y1)); "
        "} "
        "85%, 100% { transform: translate(0, 0); } } #NAME .word { animation: NAME-fall 10s ease-in-out infinite; }",
    )
    homes = []  # for each sentence, word -> where its cards lie, from the left
    for n, sentence in enumerate(SENTENCES):
        x, y, places = 152, 12 + 52 * n, {}
        for word in sentence.split():
            places.setdefault(word, []).append((x, y))
            x += _card(d, x, y, word, stroke=PALE, dash=True) + 8
        homes.append(places)
    d.path("M350 104 V136", arrow=True)
    d.box(140, 146, 420, 54, radius=14, stroke=ACCENT, stroke_width=2.4)
    x, y = 152, 158
    for word in bag:
        (x0, y0), (x1, y1) = (places[word].pop(0) for places in homes)
        d.add(
            f'<g class="word" style="--x0: {x0 - x:.1f}px; --y0: {y0 - y}px; --x1: {x1 - x:.1f}px; --y1: {y1 - y}px">'
        )
        x += _card(d, x, y, word) + 8
        d.add("</g>")
    d.text(574, 179, "the sum", 17, font_style="italic")
    d.path("M350 200 V236", arrow=True)
    d.text(350, 264, "one vector, one score for each clip, one ranking", 18, "middle", font_weight="bold")
    return d


def not_is_a_word():
    """What adding a vector for "without" does, and what was meant."""
    d = Drawing(
        700,
        272,
        "“Without” is one more word",
        "Three sums of arrows from the same point; up means more persons. With a person: street, to the right, and "
        "person, up; the sum points up. Without a person: street, person, and a short arrow for without to the side; "
        "the "
        "sum still points up. What was meant: street, and person turned round, so that the sum points down.",
    )
    panels = (
        (0, "with a person", [("street", 104, 0), ("person", 0, -92)]),
        (236, "without a person", [("street", 104, 0), ("person", 0, -92), ("without", 52, 14)]),
        (484, "what was meant", [("street", 104, 0), ("−person", 0, 92)]),
    )
    for x0, title, steps in panels:
        d.text(x0 + 10, 24, title, 17, font_weight="bold")
        x, y = x0 + 16, 150
        start = x, y
        d.line(x0 + 10, y, x0 + 200, y, stroke=PALE, stroke_width=1, dash=True)
        for word, dx, dy in steps:
            d.line(x, y, x + dx, y + dy, arrow=True, stroke_width=2.4)
            if word == "street":
                d.text(x + dx / 2, y + (22 if steps[1][2] < 0 else -10), word, 16, "middle")
            elif word == "without":
                d.text(x + dx / 2 - 6, y - 8, word, 16, "middle")
            else:
                d.text(x + 10, y + dy * 0.35 + 5, word, 16)
            x, y = x + dx, y + dy
        length = math.dist(start, (x, y))
        shorter = 1 - 6 / length  # the heads of both arrows stay apart
        to = [a + shorter * (b - a) for a, b in zip(start, (x, y), strict=True)]
        d.line(*start, *to, arrow=True, stroke=ACCENT, stroke_width=4)
    d.text(10, 262, "up: more persons", 16, fill_opacity=0.8)
    d.line(350, 256, 386, 256, arrow=True, stroke=ACCENT, stroke_width=4)
    d.text(396, 262, "the sum: what is searched for", 16)
    return d


def second_question():
    """The dict of the careless block, and its answers, over three calls."""
    swap, question = torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([1.0, 0.0])
    memory, calls = torch.tensor([[0.1, 0.9], [0.7, 0.3]]), []
    for _ in range(3):
        after = (memory @ swap).T
        calls.append((memory, question @ after))
        memory = after
    answers = [int(scores.argmax()) for _, scores in calls]
    assert answers == [0, 1, 0]
    said = "; ".join(
        f"{name} call: the dict holds {before.tolist()}, the scores are {scores.tolist()}, clip {best} comes first"
        for name, (before, scores), best in zip(("first", "second", "third"), calls, answers, strict=True)
    )
    said = said.replace("0.30000001192092896", "0.3").replace("0.8999999761581421", "0.9")
    for number in (0.1, 0.3, 0.7, 0.9):
        said = said.replace(str(torch.tensor(number).item()), str(number))
    d = Drawing(
        700,
        262,
        "The second question is asked of other clips",
        f"The same question three times. {said}. Only the first answer is right.",
    )
    for n, (name, (before, scores)) in enumerate(zip(("first", "second", "third"), calls, strict=True)):
        x = 76 + 230 * n
        d.text(x + 54, 24, name, 18, "middle", font_weight="bold")
        d.matrix(x, 40, before.tolist(), (54, 36), digits=1)
        d.line(x + 54, 116, x + 54, 154, arrow=True)
        d.matrix(x, 162, [scores.tolist()], (54, 36), marks=[(0, answers[n])], digits=1)
        d.text(x + 54, 224, f"clip {answers[n]}", 16, "middle")
        d.text(x + 54, 250, "right" if n == 0 else ("wrong clip", "wrong scores")[n - 1], 16, "middle")
        if n < 2:
            d.path(
                f"M{x + 62} 140 C{x + 140} 146 {x + 148} 110 {x + 222} 80", arrow=True, stroke=ACCENT, stroke_width=2.4
            )
    d.text(62, 82, "dict", 16, "end")
    d.text(62, 186, "scores", 16, "end")
    d.text(262, 152, "written back", 14, "middle")
    d.text(492, 152, "written back", 14, "middle")
    return d
