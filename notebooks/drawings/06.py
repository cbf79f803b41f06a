"""Lesson 06: what the losses ask for. Scores, margin and temperature are the lesson's; the moving points are a toy."""

import math
import random

from kit import ACCENT, PALE, Drawing

MARGIN = 0.2
SCORES = [[0.6, 0.5, 0.1], [0.2, 0.3, 0.4], [0.3, 0.0, 0.7]]


def number_line():
    """A right clip, five wrong ones, and what each of them costs."""
    right, wrong = 0.7, [0.80, 0.65, 0.55, 0.45, 0.10]
    costs = [max(0.0, MARGIN + score - right) for score in wrong]
    words = ", ".join(f"{score:.2f} costs {cost:.2f}" for score, cost in zip(wrong, costs, strict=True))
    d = Drawing(
        700,
        300,
        "What a margin asks of five wrong clips",
        f"A line of scores from 0 to 0.9. The right clip is at {right}; the {MARGIN} below it are shaded: the margin. "
        f"The loss is 0 up to the margin and rises in a straight line from there. Of the wrong clips, {words}. "
        "Arrows of one length push the three that cost something to the left; the other two are not pushed.",
    )

    def x(score):
        return 40 + 680 * score

    def y(loss):
        return 196 - 400 * loss

    d.box(x(right - MARGIN), 40, x(right) - x(right - MARGIN), y(0) - 40, fill=ACCENT, stroke="none", fill_opacity=0.2)
    d.text((x(right - MARGIN) + x(right)) / 2, 32, f"margin {MARGIN}", anchor="middle")
    d.path(f"M{x(0):.0f} {y(0):.0f} H{x(0.92):.0f}", arrow=True)
    d.text(694, y(0) + 26, "score", anchor="end")
    d.path(f"M{x(0):.0f} {y(0):.0f} H{x(right - MARGIN):.1f} L{x(0.9):.1f} {y(0.4):.1f}", stroke=ACCENT, stroke_width=3)
    d.text(x(0.9) - 14, y(0.4) + 2, "loss", anchor="end")
    for score, cost in zip(wrong, costs, strict=True):
        if cost:
            d.line(x(score), y(0), x(score), y(cost), dash=True)
            d.dot(x(score), y(cost), 4, fill=ACCENT)
            d.text(x(score) - 7, y(cost) - 8, f"{cost:.2f}", anchor="end")
            d.line(x(score), y(0) + 40, x(score) - 50, y(0) + 40, arrow=True, stroke=ACCENT, stroke_width=2.2)
        else:
            d.text(x(score), y(0) - 14, "0", anchor="middle")
        d.dot(x(score), y(0), 7)
        d.text(x(score), y(0) + 26, f"{score:.2f}", anchor="middle")
    d.box(x(right) - 8, y(0) - 8, 16, 16, fill=ACCENT, radius=0)
    d.line(x(right), y(0) + 10, x(right), y(0) + 66)
    d.text(x(right), y(0) + 84, f"right clip {right:.2f}", anchor="middle")
    d.text(x(0.275), y(0) - 14, "far enough below: no push", anchor="middle")
    return d


def _both_ways(d, x, y, across, size=8, **more):
    """A small double arrow about (x, y): across or upright."""
    tip = size * 0.55
    if across:
        path = f"M{x - size} {y} h{2 * size} m{-tip} {-tip} l{tip} {tip} l{-tip} {tip} "
        path += f"M{x - size + tip} {y - tip} l{-tip} {tip} l{tip} {tip}"
    else:
        path = f"M{x} {y - size} v{2 * size} m{-tip} {-tip} l{tip} {tip} l{tip} {-tip} "
        path += f"M{x - tip} {y - size + tip} l{tip} {-tip} l{tip} {tip}"
    d.path(path, **{"stroke_width": 1.8, **more})


def twelve_terms():
    """The score matrix, and in each wrong pair its two terms."""
    n = len(SCORES)
    terms = {}
    for i in range(n):
        for j in range(n):
            if i != j:
                across, upright = (max(0.0, MARGIN + SCORES[i][j] - SCORES[o][o]) for o in (i, j))
                terms[i, j] = (across, upright)
    above = sum(value > 1e-9 for pair in terms.values() for value in pair)
    words = "; ".join(
        f"pair ({i}, {j}), score {SCORES[i][j]}: {a:.1f} in its row and {u:.1f} in its column"
        for (i, j), (a, u) in terms.items()
    )
    d = Drawing(
        700,
        330,
        "The twelve terms of three texts and three clips",
        f"A matrix of scores: rows are texts, columns are clips. The right pairs, on the diagonal, score "
        f"{', '.join(str(SCORES[i][i]) for i in range(n))}. Each wrong pair has two terms, as it is compared with the "
        f"right pair of its row and with that of its column: {words}. {above} of {2 * len(terms)} terms are above 0.",
    )
    wide, high, left, top = 126, 88, 70, 44
    for i in range(n):
        d.text(left + (i + 0.5) * wide, top - 14, f"clip {i}", anchor="middle")
        d.text(left - 10, top + (i + 0.5) * high + 5, f"text {i}", anchor="end")
        for j in range(n):
            x, y = left + j * wide, top + i * high
            same = {"fill": PALE, "fill_opacity": 0.28} if i == j else {}
            d.box(x, y, wide, high, radius=0, **same)
            d.text(x + wide / 2, y + 30, f"{SCORES[i][j]:.1f}", 20, "middle", font_weight="bold" if i == j else None)
            if i == j:
                d.text(x + wide / 2, y + 64, "right pair", 15, "middle")
                continue
            for across, value, at in zip((True, False), terms[i, j], (x + 30, x + 88), strict=True):
                costs = value > 1e-9
                more = {"stroke": ACCENT} if costs else {"stroke_opacity": 0.5}
                _both_ways(d, at - 14, y + 60, across, **more)
                d.text(at, y + 66, f"{value:.1f}", font_weight="bold" if costs else None)
                if costs:
                    d.line(at, y + 72, at + 24, y + 72, stroke=ACCENT, stroke_width=3)
    i, j = 0, 1
    d.box(left + j * wide, top + i * high, wide, high, radius=0, stroke=ACCENT, stroke_width=3.5)
    x, y = left + n * wide + 22, top + 22
    for across, owner, line in (
        (True, i, f"text {i} compares clips"),
        (False, j, f"clip {j} compares texts"),
    ):
        _both_ways(d, x + 8, y - 5, across, stroke=ACCENT)
        d.text(x + 26, y, line)
        right, value = SCORES[owner][owner], terms[i, j][0 if across else 1]
        d.text(x + 26, y + 26, f"{MARGIN} + {SCORES[i][j]} − {right} = {value:.1f}")
        y += 78
    d.text(x, y + 10, f"{above} of {2 * len(terms)} terms", font_weight="bold")
    d.text(x, y + 32, "cost something")
    return d


# ------------------------------------------------------------- four sentences and four clips that move


def _push(kind, s, tau=0.1):
    """(gradient with respect to the scores, loss) of a loss on a square list of lists."""
    n, loss = len(s), 0.0
    gradient = [[0.0] * n for _ in s]

    def cost(i, j, owner, share):
        nonlocal loss
        value = MARGIN + s[i][j] - s[owner][owner]
        if value > 0:
            gradient[i][j] += share
            gradient[owner][owner] -= share
            loss += value * share

    for i in range(n):
        others = [j for j in range(n) if j != i]
        if kind == "max margin":
            for j in others:
                cost(i, j, i, 1 / (2 * n * (n - 1)))
                cost(j, i, i, 1 / (2 * n * (n - 1)))
        elif kind == "hardest negative":
            cost(i, max(others, key=lambda j, i=i: s[i][j]), i, 1 / (2 * n))
            cost(max(others, key=lambda j, i=i: s[j][i]), i, i, 1 / (2 * n))
        else:
            row, column = ([math.exp(x / tau) for x in values] for values in (s[i], [line[i] for line in s]))
            for j in range(n):
                gradient[i][j] += (row[j] / sum(row) - (i == j)) / (2 * n * tau)
                gradient[j][i] += (column[j] / sum(column) - (i == j)) / (2 * n * tau)
            loss -= (math.log(row[i] / sum(row)) + math.log(column[i] / sum(column))) / (2 * n)
    return gradient, loss


def _descend(kind, texts, clips, steps):
    """Angles of texts and clips after each step of gradient descent, and the number of steps until the loss was 0."""
    path, stopped, n = [(texts, clips)], None, len(texts)
    lr = 0.1 if kind == "InfoNCE" else 0.3  # its gradient is longer, as it is divided by the temperature
    for step in range(steps):
        s = [[math.cos(t - c) for c in clips] for t in texts]
        gradient, loss = _push(kind, s)
        if loss == 0 and stopped is None:
            stopped = step
        turn = [[gradient[i][j] * math.sin(texts[i] - clips[j]) for j in range(n)] for i in range(n)]
        texts = [t + lr * sum(turn[i]) for i, t in enumerate(texts)]
        clips = [c - lr * sum(row[j] for row in turn) for j, c in enumerate(clips)]
        path.append((texts, clips))
    return path, stopped


def three_losses():
    """Four pairs on a circle, pulled by three losses from the same start."""
    steps, n, letters = 200, 4, "ABCD"
    g = random.Random(1647)
    start = [[g.uniform(0, 2 * math.pi) for _ in range(n)] for _ in range(2)]
    names = ["max margin", "hardest negative", "InfoNCE"]
    runs = {name: _descend(name, *start, steps) for name in names}
    angles = {
        name: [abs(math.degrees(math.remainder(t - c, 2 * math.pi))) for t, c in zip(*path[-1], strict=True)]
        for name, (path, _) in runs.items()
    }
    stops = {name: stopped for name, (_, stopped) in runs.items()}
    scores = [[math.cos(t - c) for c in start[1]] for t in start[0]]
    pushed = {
        name: sum(_push(name, scores)[0][i][j] > 0 for i in range(n) for j in range(n) if i != j) for name in names
    }
    css, points = [], []
    frames = [0, 1, 2, 4, 6, 10, 15, 20, 26, 33, 40, 50, 60, 72, 90, 120, 155, steps]
    inner, outer, middle = 58, 88, 138
    for panel, name in enumerate(names):
        path, _ = runs[name]
        centre = 117 + 233 * panel
        for kind, radius in ((0, inner), (1, outer)):
            for k in range(n):
                turns = [at[kind][k] for at in path]
                pairs = zip(turns[:15], turns[1:16], strict=True)
                between = [a + (b - a) * part / 3 for a, b in pairs for part in range(3)]
                trail, way = (
                    [(centre + radius * math.cos(turn), middle + radius * math.sin(turn)) for turn in each]
                    for each in ([*between, *turns[15::6], turns[-1]], turns)
                )
                name_of = f"p{panel}{kind}{k}"
                x, y = way[-1]
                moves = [(12 + 66 * (f / steps) ** 0.7, way[f][0] - x, way[f][1] - y) for f in frames]
                rules = [f"{at:.1f}% {{ transform: translate({dx:.1f}px, {dy:.1f}px); }}" for at, dx, dy in moves]
                first = rules[0].replace("12.0%", "0%, 12%")
                last = "78%, 100% { transform: none; }"
                css.append(f"@keyframes NAME-{name_of} {{ {first} {' '.join(rules[1:-1])} {last} }}")
                css.append(f"#NAME .{name_of} {{ animation: NAME-{name_of} 9s linear infinite; }}")
                points.append((name_of, kind, letters[k], way[-1], trail))
    worst = {name: max(values) for name, values in angles.items()}
    d = Drawing(
        700,
        346,
        "Four sentences and four clips, moved by three losses",
        f"Three circles, one per loss, with four sentences A to D on an inner ring and their clips on an outer ring, "
        f"after {steps} steps of gradient descent from the same start; trails show the way. A pair's score is the "
        f"cosine of the angle between the two. In the first step max margin pushes {pushed['max margin']} of the "
        f"{n * (n - 1)} wrong pairs apart, the hardest negative {pushed['hardest negative']}, InfoNCE "
        f"{pushed['InfoNCE']}. Max margin stops after {stops['max margin']} steps and the hardest negative after "
        f"{stops['hardest negative']}, when each right pair leads by the margin; the right pairs are then "
        f"up to {worst['max margin']:.0f} and {worst['hardest negative']:.0f} degrees apart. "
        f"InfoNCE does not stop, and its right pairs end at most {worst['InfoNCE']:.0f} degrees apart.",
        css=" ".join(css),
    )
    for panel, name in enumerate(names):
        centre = 117 + 233 * panel
        d.text(centre, 22, name, anchor="middle", font_weight="bold")
        for radius in (inner, outer):
            d.dot(centre, middle, radius, fill="none", stroke=PALE, stroke_width=1)
        d.text(centre, 256, f"pushes {pushed[name]} of {n * (n - 1)} at first", anchor="middle")
        d.text(centre, 278, f"stops after {stops[name]} steps" if stops[name] else "does not stop", anchor="middle")
        d.text(centre, 300, f"pairs up to {worst[name]:.0f}° apart", anchor="middle", font_weight="bold")
    for *_, trail in points:
        line = " L".join(f"{x:.1f} {y:.1f}" for x, y in trail)
        d.path(f"M{line}", stroke=PALE, stroke_width=5, stroke_linejoin="round", stroke_linecap="round")
    for name_of, kind, letter, (x, y), _ in points:
        d.add(f'<g class="{name_of}">')
        if kind:
            d.box(x - 10, y - 10, 20, 20, fill=ACCENT, radius=2, stroke="none")
            d.text(x, y + 5.2, letter, 14, "middle", fill="#ffffff", font_weight="bold")
        else:
            d.dot(x, y, 11, fill="#3c4048", stroke="currentColor")
            d.text(x, y + 5.2, letter, 14, "middle", fill="#ffffff", font_weight="bold")
        d.add("</g>")
    d.dot(232, 330 - 5, 7, fill="#3c4048", stroke="currentColor")
    d.text(246, 330, "sentence", 15)
    d.box(360, 330 - 12, 14, 14, fill=ACCENT, radius=2, stroke="none")
    d.text(380, 330, "its clip", 15)
    return d
