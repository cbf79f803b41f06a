"""Lesson 10: where ties and NaN land, the best of equal tries, who sees which split when, the mask's wrong axis."""

import random

from kit import ACCENT, PALE, Drawing


def ties():
    """Places of the right clip among 500 equal scores, by three rules."""
    clips = 500
    rules = [
        ("none scores higher (>)", 1.0),
        ("mean of the tied places", (1 + clips) / 2),
        ("all others come first (≥)", float(clips)),
    ]
    said = ", ".join(f"{rule}: rank {rank:g}" for rule, rank in rules)
    drawing = Drawing(
        700,
        236,
        "Where a tie lands",
        f"A score is the same for all {clips} clips. Three rules for the rank of the right one, on a line from 1 to "
        f"{clips}: {said}. The first ten places, shaded, are found by the first rule alone.",
    )
    left, right = 236, 640

    def x(rank):
        return left + (right - left) * (rank - 1) / (clips - 1)

    for row, (rule, rank) in enumerate(rules):
        y = 60 + 58 * row
        drawing.text(10, y + 6, rule, 16)
        drawing.box(left, y - 13, right - left, 26, stroke=PALE, radius=2)
        drawing.box(left, y - 13, x(11) - left, 26, PALE, stroke=PALE, radius=0)
        drawing.dot(x(rank), y, 9, ACCENT)
        at, anchor = (x(rank) + 18, "start") if row < 2 else (x(rank) - 18, "end")
        drawing.text(at, y + 6, f"rank {rank:g}", 16, anchor, font_weight="bold")
    drawing.text(left, 30, "first 10", 16)
    drawing.text(left, 218, "1", 16, "middle")
    drawing.text(right, 218, f"{clips}", 16, "middle")
    drawing.text((left + right) / 2, 218, "places of clips with equal scores", 16, "middle")
    return drawing


def nan_first():
    """One plus the number of higher scores, where the right clip's score is NaN, and where it is -1."""
    others = [0.9, 0.4, 0.1, -0.2]
    rows = [("nan", float("nan")), ("-1", -1.0)]
    answers = [[other > right for other in others] for _, right in rows]
    ranks = [1 + sum(row) for row in answers]
    drawing = Drawing(
        700,
        196,
        "A NaN ranks first",
        f"Four other clips score {', '.join(f'{value:g}' for value in others)}. Is each higher than the right clip's "
        f"score? If that is nan, the answer is no four times, and the rank is {ranks[0]}. If it is -1, the answer is "
        f"yes four times, and the rank is {ranks[1]}.",
    )
    start, pitch = 204, 92
    drawing.text(10, 36, "right clip", 16)
    drawing.text(start + 2 * pitch - 8, 20, "does another clip score higher?", 16, "middle")
    for column, value in enumerate(others):
        drawing.text(start + pitch * column + 38, 52, f"{value:g}", 18, "middle", font_weight="bold")
    drawing.text(636, 52, "rank", 18, "middle", font_weight="bold")
    for row, (label, _) in enumerate(rows):
        y = 66 + 64 * row
        drawing.box(10, y, 96, 46, stroke=ACCENT if row == 0 else "currentColor", stroke_width=2.4)
        drawing.text(58, y + 29, label, 18, "middle", font_weight="bold")
        drawing.line(112, y + 23, start - 10, y + 23, arrow=True)
        for column, yes in enumerate(answers[row]):
            drawing.box(start + pitch * column, y, 76, 46, PALE if yes else "none", dash=not yes, fill_opacity=0.35)
            drawing.text(start + pitch * column + 38, y + 29, "yes" if yes else "no", 18, "middle")
        drawing.line(start + 4 * pitch - 8, y + 23, 604, y + 23, arrow=True)
        drawing.text(636, y + 31, str(ranks[row]), 26, "middle", font_weight="bold")
    return drawing


def best_of_many():
    """Forty tries that are equally good, measured on 250 clips; the best one again on 250 others."""
    tries, clips, truth = 40, 250, 0.35
    draw = random.Random(3)

    def measure():
        return 100 * sum(draw.random() < truth for _ in range(clips)) / clips

    found = [measure() for _ in range(tries)]
    best = max(found)
    where, again = found.index(best), measure()
    drawing = Drawing(
        700,
        316,
        "The best of forty equal tries",
        f"{tries} dots from left to right: R@10 of {tries} tries whose true R@10 is {100 * truth:.0f} percent each, "
        f"measured on {clips} test clips. They lie between {min(found):.0f} and {best:.0f}. A stepped line, the best "
        f"so far, only ever rises, to {best:.0f}. The best try, measured again on {clips} fresh clips, has "
        f"{again:.0f}.",
        css=(
            "#NAME .reveal { transform-origin: 60px 0px; animation: NAME-reveal 10s linear infinite; } "
            "@keyframes NAME-reveal { 0%, 25% { transform: scaleX(1); } 26% { transform: scaleX(0); } "
            "85%, 100% { transform: scaleX(1); } } "
            "#NAME .again { animation: NAME-again 10s linear infinite; } "
            "@keyframes NAME-again { 0%, 25% { opacity: 1; } 26%, 88% { opacity: 0; } 92%, 100% { opacity: 1; } }"
        ),
    )
    left, right, top, ground, low, high = 60, 520, 24, 262, 26.0, 46.0

    def x(number):
        return left + 8 + (right - left - 16) * number / (tries - 1)

    def y(value):
        return ground - (ground - top) * (value - low) / (high - low)

    drawing.line(left, ground, right, ground)
    drawing.line(left, top, left, ground)
    for value in (30, 35, 40, 45):
        drawing.line(left - 5, y(value), left, y(value))
        drawing.text(left - 10, y(value) + 6, value, 16, "end")
    drawing.text(10, 14, "R@10, %", 16)
    drawing.text((left + right) / 2, 300, "tries, one after the other", 16, "middle")
    drawing.line(left, y(100 * truth), 688, y(100 * truth), dash=True, stroke=PALE, stroke_width=2)
    drawing.text(688, y(100 * truth) + 22, "what all are worth", 16, "end")
    drawing.add(
        f'<clipPath id="NAME-clip"><rect class="reveal" x="{left}" y="0" width="{right - left}" height="{ground}"/>'
        '</clipPath><g clip-path="url(#NAME-clip)">'
    )
    so_far, path = found[0], f"M{x(0):.1f} {y(found[0]):.1f}"
    for number, value in enumerate(found):
        drawing.dot(x(number), y(value), 4.5, PALE)
        if value > so_far:
            so_far = value
            path += f" H{x(number):.1f} V{y(value):.1f}"
    drawing.path(f"{path} H{right}", stroke=ACCENT, stroke_width=3)
    drawing.dot(x(where), y(best), 7, ACCENT)
    drawing.add("</g>")
    drawing.add('<g class="again">')
    drawing.text(right + 8, y(best) + 6, f"best so far: {best:.0f}", 16, font_weight="bold")
    drawing.path(f"M{right + 70} {y(best) + 14} V{y(again) - 12}", arrow=True)
    drawing.dot(right + 70, y(again), 6, ACCENT)
    drawing.text(right + 82, y(again) - 16, f"again: {again:.0f}", 16)
    drawing.add("</g>")
    return drawing


def who_sees_what():
    """Which split is looked at after which epoch: the original's way, and with a validation split."""
    draw = random.Random(0)
    truth = [36 - 24 * 0.55**epoch for epoch in range(8)]
    val, test = ([value + draw.gauss(0, 2.5) for value in truth] for _ in range(2))
    flattered, chosen = max(range(8), key=test.__getitem__), max(range(8), key=val.__getitem__)
    drawing = Drawing(
        700,
        330,
        "Who sees which split, and when",
        "Eight epochs in columns. Above, the original's way: the test split is ranked after each epoch, "
        f"{', '.join(f'{value:.0f}' for value in test)}, and the best, {test[flattered]:.0f}, is reported. Below, "
        f"the validation split is ranked after each epoch, {', '.join(f'{value:.0f}' for value in val)}. Epoch "
        f"{chosen + 1} is best, and the test split is ranked once, for that epoch: {test[chosen]:.0f} is reported. On "
        f"new films the two epochs are worth {truth[flattered]:.0f} and {truth[chosen]:.0f}.",
    )
    start, pitch, high = 116, 54, 34
    for column in range(8):
        drawing.text(start + pitch * column + 25, 24, column + 1, 16, "middle")
    drawing.text(10, 24, "after epoch", 16)
    drawing.text(562, 24, "reported", 16, font_weight="bold")

    def row(y, label, values, best):
        drawing.text(10, y + 23, label, 16)
        for column, value in enumerate(values):
            left = start + pitch * column
            if value is None:
                continue
            words = "" if value == "" else f"{value:.0f}"
            drawing.box(left, y, 50, high, PALE if value == "" else "none", stroke=PALE, fill_opacity=0.35)
            if column == best:
                drawing.box(left, y, 50, high, stroke=ACCENT, stroke_width=3)
            drawing.text(left + 25, y + 23, words, 17, "middle", font_weight="bold" if column == best else None)

    row(40, "train", [""] * 8, None)
    row(80, "test", test, flattered)
    drawing.text(562, 104, f"{test[flattered]:.0f}", 22, font_weight="bold")
    drawing.text(596, 103, f"(worth {truth[flattered]:.0f})", 16)
    drawing.line(10, 138, 690, 138, stroke=PALE)
    row(158, "train", [""] * 8, None)
    row(198, "validation", val, chosen)
    row(258, "test", [value if column == chosen else None for column, value in enumerate(test)], None)
    middle = start + pitch * chosen + 25
    drawing.line(middle, 234, middle, 256, arrow=True, stroke=ACCENT, stroke_width=2.4)
    drawing.text(562, 282, f"{test[chosen]:.0f}", 22, font_weight="bold")
    drawing.text(596, 281, f"(worth {truth[chosen]:.0f})", 16)
    drawing.text(10, 320, "worth: R@10 on endlessly many new films", 16)
    return drawing


def wrong_axis():
    """Which experts count in each cell of a batch's scores, with the row's mask and with each column's own."""
    experts = ("appearance", "face", "audio")
    mask = {"A": (1, 1, 1), "B": (1, 0, 1), "C": (1, 1, 0), "D": (1, 0, 0)}
    clips = list(mask)
    wrong = {
        (i, j): [None if not a else b for a, b in zip(mask[i], mask[j], strict=True)] for i in clips for j in clips
    }
    right = {(i, j): [b or None for b in mask[j]] for i in clips for j in clips}
    zeros = {cell for cell, slots in wrong.items() if 0 in slots}
    assert not any(i == j for i, j in zeros)
    drawing = Drawing(
        700,
        332,
        "The mask's wrong axis",
        "Two matrices of scores, four sentences by four clips. Clip A has appearance, face and audio, B lacks the "
        "face, C the audio, D both. Left, the wrong mask: each row counts the experts of its own, right clip, and an "
        f"expert that another clip lacks counts as a zero. {len(zeros)} of the 12 cells off the diagonal hold a zero, "
        "and none on the diagonal. Right, the right mask: each cell counts the experts of its own column's clip, and "
        "no cell holds a zero.",
    )
    pitch, high, top = 70, 46, 88
    for (cells, words), start in (((wrong, "wrong: the row’s mask"), 34), ((right, "right: each clip’s own"), 404)):
        drawing.text(start + 2 * pitch, 20, words, 17, "middle", font_weight="bold")
        for column, clip in enumerate(clips):
            left = start + pitch * column
            drawing.text(left + pitch / 2, 50, clip, 17, "middle")
            for n, expert in enumerate(experts):
                if mask[clip][n]:
                    drawing.box(left + 6 + 20 * n, 58, 16, 20, expert, radius=2, stroke_width=1)
        for i, sentence in enumerate(clips):
            y = top + high * i
            drawing.text(start - 10, y + 29, sentence.lower(), 17, "end")
            for j, clip in enumerate(clips):
                left = start + pitch * j
                drawing.box(left, y, pitch, high, radius=0, stroke=PALE, stroke_width=1)
                for n, expert in enumerate(experts):
                    slot = cells[sentence, clip][n]
                    if slot:
                        drawing.box(left + 6 + 20 * n, y + 11, 16, 24, expert, radius=2, stroke_width=1)
                    elif slot == 0:
                        drawing.text(left + 14 + 20 * n, y + 30, "0", 20, "middle", font_weight="bold")
        for i in range(4):
            drawing.box(start + pitch * i, top + high * i, pitch, high, radius=0, stroke=ACCENT, stroke_width=3)
    x = 118
    for expert in experts:
        drawing.box(x, 292, 16, 24, expert, radius=2, stroke_width=1)
        drawing.text(x + 24, 310, expert, 16)
        x += 44 + 9 * len(expert)
    drawing.text(x, 310, "0", 20, "middle", font_weight="bold")
    drawing.text(x + 12, 310, "absent, but counted", 16)
    return drawing
