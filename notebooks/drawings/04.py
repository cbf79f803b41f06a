"""Lesson 04: the score as an area, an expert left out, rows and columns, and crossed wires."""

from math import cos, exp, radians

from kit import ACCENT, PALE, Drawing

EXPERTS = ["appearance", "audio"]
CAPTIONS = ["a red kite", "a bell rings", "a red kite and a bell"]
# the lesson's own numbers: angles of the vectors, and logits of the weights with their bias
_TEXT = {"appearance": (0, 90, 0), "audio": (90, 0, 0)}
_VIDEO = {"appearance": (10, 30, 0, 80), "audio": (70, 0, 20, 10)}
_PRESENT = [(1, 1), (1, 0), (0, 1), (1, 1)]
_LOGITS = [(2.5, 0), (0.5, 2), (1.5, 1)]


def _weights(t):
    powers = [exp(g) for g in _LOGITS[t]]
    return [power / sum(powers) for power in powers]


def _cosines(t, v):
    return [cos(radians(_TEXT[name][t] - _VIDEO[name][v])) for name in EXPERTS]


def _score(t, v):
    terms = list(zip(_weights(t), _cosines(t, v), _PRESENT[v], strict=True))
    return sum(w * s * a for w, s, a in terms) / sum(w * a for w, _, a in terms)


# ---------------------------------------------------------------- the score is a mean


def score_as_area():
    t, v = 2, 3
    weights, cosines, score = _weights(t), _cosines(t, v), _score(t, v)
    drawing = Drawing(
        700,
        330,
        "A score is a weighted mean of similarities",
        f"The sentence {CAPTIONS[t]} gives appearance the weight {weights[0]:.2f} and audio {weights[1]:.2f}: the "
        f"widths of two columns. Their heights are the similarities with one clip, {cosines[0]:.2f} by appearance "
        f"and {cosines[1]:.2f} by audio. A dashed line at {score:.2f}, the score, has the same area below it as the "
        "two columns together.",
        css="#NAME .a { animation: NAME-a 9s ease-in-out infinite; } #NAME .b { animation: NAME-b 9s "
        "ease-in-out infinite; } @keyframes NAME-a { 0%, 40%, 100% { transform: none; } 60%, 80% { transform: "
        f"scaleY({score / cosines[0]:.4f}); }} }} @keyframes NAME-b {{ 0%, 40%, 100% {{ transform: none; }} 60%, "
        f"80% {{ transform: scaleY({score / cosines[1]:.4f}); }} }}",
    )
    left, wide, base, high = 130, 440, 286, 170
    drawing.text(left + wide / 2, 22, f"“{CAPTIONS[t]}”", 18, "middle", font_style="italic")
    x = left
    for name, weight, cosine, letter in zip(EXPERTS, weights, cosines, "ab", strict=True):
        width = wide * weight
        drawing.box(x, 44, width, 26, fill=name, radius=0)
        drawing.text(x + width / 2, 90, f"{name} {weight:.2f}", anchor="middle")
        origin = f"transform-origin: 0 {base}px"
        drawing.box(x, base - high * cosine, width, high * cosine, fill=name, radius=0, class_=letter, style=origin)
        drawing.line(x, 98, x, base, dash=True, stroke=PALE)
        x += width
    drawing.line(x, 98, x, base, dash=True, stroke=PALE)
    drawing.line(left - 12, base, left + wide + 12, base)
    drawing.text(10, 63, "weights")
    drawing.text(10, base - 120, "similarities")
    drawing.text(left - 10, base - high * cosines[0] + 5, f"{cosines[0]:.2f}", anchor="end")
    drawing.text(x + 10, base - high * cosines[1] + 5, f"{cosines[1]:.2f}")
    y = base - high * score
    drawing.line(left - 12, y, x + 12, y, stroke=ACCENT, stroke_width=3, dash=True)
    drawing.text(x + 18, y + 6, f"score {score:.2f}", 18, font_weight="bold")
    products = " + ".join(f"{w:.2f} × {s:.2f}" for w, s in zip(weights, cosines, strict=True))
    drawing.text(left + wide / 2, 318, f"{products} = {score:.2f}", anchor="middle")
    return drawing


def left_out():
    t, v = 1, 1
    weights, cosines = _weights(t), _cosines(t, v)
    drawing = Drawing(
        700,
        222,
        "An expert that is left out",
        f"The sentence {CAPTIONS[t]} and a silent clip. Numerator: {weights[0]:.2f} times {cosines[0]:.2f} of "
        f"appearance, plus audio's {weights[1]:.2f} times nothing, struck out. Denominator: {weights[0]:.2f} plus "
        f"{weights[1]:.2f}, which is struck out too. What is left is {weights[0]:.2f} times {cosines[0]:.2f} over "
        f"{weights[0]:.2f}, that is {_score(t, v):.2f}.",
        css="#NAME .strike { stroke-dasharray: 1; animation: NAME-strike 7s ease-in-out infinite; } "
        "@keyframes NAME-strike { 0%, 60%, 100% { stroke-dashoffset: 0; } 70%, 80% { stroke-dashoffset: 1; } }",
    )
    left, width = 150, 190

    def term(x, y, name, words, absent):
        drawing.box(x, y, 30, 44, fill=name, radius=4)
        drawing.text(x + 42, y + 29, words, 18)
        drawing.box(x - 6, y - 6, width, 56, radius=6, stroke=PALE)
        if absent:
            drawing.path(
                f"M{x - 10} {y + 54} L{x + width - 2} {y - 10}",
                stroke=ACCENT,
                stroke_width=4,
                class_="strike",
                pathLength=1,
            )

    drawing.text(10, 58, "numerator")
    drawing.text(10, 180, "denominator")
    for y, numerator in ((28, True), (150, False)):
        for i, (name, weight, cosine) in enumerate(zip(EXPERTS, weights, cosines, strict=True)):
            words = f"{weight:.2f}"
            if numerator:
                words += f" × {cosine:.2f}" if _PRESENT[v][i] else " × ?"
            term(left + i * (width + 40), y, name, words, not _PRESENT[v][i])
        drawing.text(left + width + 16, y + 29, "+", 20, "middle")
    drawing.line(left - 10, 111, left + 2 * width + 36, 111, stroke_width=2)
    drawing.text(left + 2 * width + 52, 117, f"= {_score(t, v):.2f}", 20, font_weight="bold")
    for i, name in enumerate(EXPERTS):
        words = name if _PRESENT[v][i] else f"{name} is absent"
        drawing.text(left + i * (width + 40) - 6, 99, words, 14)
    return drawing


# ---------------------------------------------------------------- both directions


def rows_and_columns():
    scores = [[_score(t, v) for v in range(4)] for t in range(3)]
    row, column = 1, 0
    drawing = Drawing(
        700,
        262,
        "A row has one set of weights, a column has several",
        "The lesson's scores of three sentences with four clips, twice; a bar left of each row shows that "
        "sentence's weights for appearance and audio: "
        f"{'; '.join(f'{a:.2f} and {b:.2f}' for a, b in map(_weights, range(3)))}. Left, a row is outlined: a "
        f"sentence ranks clips, and only its own weights are used. Right, the column of clip {column} is outlined, "
        f"{', '.join(f'{scores[t][column]:.2f}' for t in range(3))}: a clip ranks sentences, and three sets of "
        "weights are used.",
    )
    cell, bar = (54, 44), 92
    for panel in range(2):
        left, top = 10 + 352 * panel, 74
        drawing.text(
            left + 164,
            26,
            ("a sentence ranks clips", "a clip ranks sentences")[panel],
            18,
            "middle",
            font_weight="bold",
        )
        used = [row] if panel == 0 else range(3)
        for t in range(3):
            x, y = left, top + t * cell[1] + 10
            for name, weight in zip(EXPERTS, _weights(t), strict=True):
                drawing.box(x, y, bar * weight, 24, fill=name, radius=0, opacity=1 if t in used else 0.25)
                x += bar * weight
            if t in used:
                drawing.box(left - 3, y - 3, bar + 6, 30, stroke=ACCENT, stroke_width=3, radius=3)
        grid = left + bar + 20
        drawing.matrix(grid, top, scores, cell)
        if panel == 0:
            drawing.box(grid, top + row * cell[1], 4 * cell[0], cell[1], stroke=ACCENT, stroke_width=3, radius=0)
        else:
            drawing.box(grid + column * cell[0], top, cell[0], 3 * cell[1], stroke=ACCENT, stroke_width=3, radius=0)
        drawing.text(left + bar / 2, top - 12, "weights", 14, "middle")
        drawing.text(grid + 2 * cell[0], top - 12, "clips", 14, "middle")
        drawing.text(
            left + 164,
            top + 3 * cell[1] + 36,
            ("one set of weights", "each row brings its own")[panel],
            anchor="middle",
        )
    return drawing


# ---------------------------------------------------------------- the trap


def crossed_wires():
    built = ["appearance", "audio", "face", "motion"]
    called = ["face", "motion", "appearance", "audio"]
    weights = [0.15, 0.6, 0.05, 0.2]  # an example: a sentence about a sound
    drawing = Drawing(
        700,
        282,
        "Weights by position meet the wrong experts",
        "Left, the weights in the constructor's order: "
        f"{', '.join(f'{name} {w:.2f}' for name, w in zip(built, weights, strict=True))}. Right, the vectors in the "
        f"caller's order: {', '.join(called)}. Solid arrows go straight across, by position: "
        f"{', '.join(f'the weight of {a} to {b}' for a, b in zip(built, called, strict=True))}. Dashed lines, by "
        "name, cross.",
    )
    left, right, top, step = 20, 460, 52, 58
    drawing.text(left, 28, "weights, as constructed", 16, font_weight="bold")
    drawing.text(right, 28, "vectors, as called", 16, font_weight="bold")
    for i, name in enumerate(built):
        y = top + i * step
        to = top + called.index(name) * step + 20
        drawing.line(left + 200, y + 20, right, to, dash=True, stroke=PALE, stroke_width=2)
    for i, (name, other) in enumerate(zip(built, called, strict=True)):
        y = top + i * step
        drawing.line(left + 200, y + 20, right - 4, y + 20, arrow=True, stroke=ACCENT, stroke_width=2.6)
        for x, expert, words in ((left, name, f"{name} {weights[i]:.2f}"), (right, other, other)):
            drawing.box(x, y, 200, 40, radius=6)
            drawing.box(x, y, 34, 40, fill=expert, radius=6)
            drawing.text(x + 46, y + 26, words)
    return drawing
