"""Lesson 02: from words to one vector, shares that follow a centre, and what padding does. Points are the lesson's."""

import numpy as np
from kit import ACCENT, PALE, Drawing

POINTS = np.array([[2.0, 0.4], [1.7, -0.3], [0.3, 1.5], [-0.3, 1.9], [-1.5, -1.2], [0.95, 1.0]])
COMPARED = np.array([[5.0, 0.0, -4.0], [0.0, 5.0, -4.0]])  # c
CENTRES = np.array([[1.4, 0.2, -1.2], [0.2, 1.2, -1.6]])  # c'


def _softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def _residual_sums(points):
    share = _softmax(points @ COMPARED)
    return points.T @ share - CENTRES * share.sum(0)


def words_to_vector():
    words = ["a", "small", "boat", "sinks", "slowly"]
    shares = _softmax(np.random.default_rng(3).normal(size=(5, 3)) * 1.6)
    drawing = Drawing(
        700,
        300,
        "From five words to one vector",
        "Four stages from left to right. Five words, a small boat sinks slowly, are five rows of 50 numbers. Each row "
        "is shared out among three centres: five rows of three shares, dots whose area is the share, which sum to 1 in "
        "each row. For each centre the residuals are summed: three columns of 50 numbers. Scaled and put in a row, "
        "they are one vector of 150 numbers, of length 1.",
    )
    for i, word in enumerate(words):
        y = 66 + 38 * i
        drawing.text(62, y + 16, word, 17, "end")
        drawing.box(70, y, 104, 22, radius=0)
        for j in range(1, 8):
            drawing.line(70 + 13 * j, y, 70 + 13 * j, y + 22, stroke_width=0.7)
        for k in range(3):
            drawing.dot(248 + 40 * k, y + 11, 16 * float(shares[i, k]) ** 0.5, fill=ACCENT)
    drawing.line(182, 153, 218, 153, arrow=True)
    drawing.line(346, 153, 382, 153, arrow=True)
    for k in range(3):
        x = 398 + 42 * k
        drawing.box(x, 66, 24, 174, radius=0, fill=PALE, fill_opacity=0.35)
        for j in range(1, 12):
            drawing.line(x, 66 + 14.5 * j, x + 24, 66 + 14.5 * j, stroke_width=0.7)
    drawing.line(516, 153, 552, 153, arrow=True)
    drawing.box(566, 141, 126, 24, radius=0, fill=PALE, fill_opacity=0.35)
    for j in range(1, 14):
        drawing.line(566 + 9 * j, 141, 566 + 9 * j, 165, stroke_width=0.7)
    for x, above, below in (
        (122, "words", "5 × 50"),
        (288, "shares", "5 × 3"),
        (452, "residuals", "50 × 3"),
        (628, "scaled", "150"),
    ):
        drawing.text(x, 40, above, 18, "middle", font_weight="bold")
        drawing.text(x, 284, below, 18, "middle")
    return drawing


def _direction(degrees):
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def shares_follow():
    length, fixed, first, last, steps = 1.3, 60, -30, 120, 11
    angles = np.linspace(first, last, steps)
    shares = np.array(
        [_softmax(POINTS @ (length * np.stack([_direction(at), _direction(fixed)], 1)))[:, 0] for at in angles]
    )  # (steps, points): of centre 0
    turn = f"rotate({-first}deg)", f"rotate({-last}deg)"
    css = f"#NAME .c {{ transform: {turn[0]}; animation: NAME-turn 5s linear infinite alternate; }}"
    css += f" @keyframes NAME-turn {{ from {{ transform: {turn[0]}; }} to {{ transform: {turn[1]}; }} }}"
    for i in range(len(POINTS)):
        frames = [f"{100 * t / (steps - 1):.0f}% {{ transform: scaleX({shares[t, i]:.3f}); }}" for t in range(steps)]
        still = f"transform: scaleX({shares[0, i]:.3f})"
        css += f" #NAME .p{i} {{ {still}; animation: NAME-p{i} 5s linear infinite alternate; }}"
        css += f" @keyframes NAME-p{i} {{ {' '.join(frames)} }}"
    told = ", ".join(f"point {i} {shares[0, i]:.2f} and {shares[-1, i]:.2f}" for i in range(len(POINTS)))
    drawing = Drawing(
        700,
        390,
        "A centre turns, and the shares follow",
        "Six points around an origin, and two arrows from it: the red one is centre 0's vector c, the dashed one, "
        "which stays where it is, centre 1's. Beside each point a bar shows centre 0's share of it in red; the rest is "
        "centre 1's. The red arrow turns from the lower right to the upper left and back. The bars of points on its "
        "side grow, the others shrink. Shares of centre 0 with the red arrow at the lower right and at the upper left: "
        f"{told}.",
        css,
    )
    x0, y0, unit, reach = 320, 232, 100, 112
    drawing.line(110, y0, 690, y0, stroke=PALE, stroke_width=1)
    drawing.line(x0, 12, x0, 382, stroke=PALE, stroke_width=1)
    x, y = _direction(fixed)
    dashed = {"stroke_dasharray": "8 4"}
    drawing.line(x0, y0, float(x0 + reach * x), float(y0 - reach * y), arrow=True, stroke_width=4, **dashed)
    drawing.add(f'<g transform="translate({x0} {y0})"><g class="c">')
    drawing.line(0, 0, reach, 0, arrow=True, stroke=ACCENT, stroke_width=5)
    drawing.add("</g></g>")
    for i, (a, b) in enumerate(POINTS.tolist()):
        x, y = x0 + unit * a, y0 - unit * b
        drawing.dot(x, y, 7)
        drawing.text(x - 13, y + 6, i, 17, "end")
        bar = f'<rect class="p{i}" width="80" height="18" fill="{ACCENT}"/>'
        drawing.add(f'<g transform="translate({x + 14:.1f} {y - 9:.1f})">{bar}</g>')
        drawing.box(x + 14, y - 9, 80, 18, radius=0)
    legend = ((326, "centre 0 and its share", {"stroke": ACCENT}), (362, "centre 1 and the rest", dashed))
    for y, words, style in legend:
        drawing.line(428, y - 6, 466, y - 6, arrow=True, stroke_width=4, **style)
        drawing.text(476, y, words, 18)
    return drawing


def padding():
    drawing = Drawing(700, 336, "Padding pulls every residual to the origin", "")
    told = []
    for left, zeros in ((0, 0), (352, 24)):
        x0, y0, unit = left + 172, 186, 62
        V = _residual_sums(POINTS) + zeros / 3 * -CENTRES  # softmax(0) is 1/3 each, and its residual is 0 - c'
        V = V / np.linalg.norm(V, axis=0)
        drawing.text(
            left + 172, 24, "six words" + (f" and {zeros} zeros" if zeros else ""), 18, "middle", font_weight="bold"
        )
        drawing.box(left + 6, 36, 332, 290, radius=6, stroke=PALE)
        for a, b in POINTS.tolist():
            drawing.dot(x0 + unit * a, y0 - unit * b, 5, fill=PALE)
        drawing.dot(x0, y0, 9 if zeros else 4, fill=ACCENT if zeros else "currentColor")
        for k, ((a, b), (u, v)) in enumerate(zip(CENTRES.T.tolist(), V.T.tolist(), strict=True)):
            x, y = x0 + unit * a, y0 - unit * b
            drawing.path(f"M{x - 6:.1f} {y - 6:.1f} l12 12 m0 -12 l-12 12", stroke_width=3)
            drawing.line(x, y, x + 70 * u, y - 70 * v, arrow=True, stroke=ACCENT, stroke_width=4)
            to_origin = -(a * u + b * v) / np.hypot(a, b)
            told.append(f"{zeros} zeros, centre {k}: {to_origin:.2f}")
    drawing.desc = (
        "Two panels with the same six grey points and three crosses, the centres. On the left, without padding, a red "
        "arrow of length 1 at each centre points to the words around it. On the right, with 24 zeros, drawn as one "
        "large red dot at the origin, all three arrows point to the origin. Cosines of each arrow with the way to the "
        f"origin: {'; '.join(told)}."
    )
    return drawing
