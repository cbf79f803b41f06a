"""Lesson 03: why no line will do, a gate at work, the unit with its shapes, and one row in two batches."""

from math import exp, sqrt

from kit import ACCENT, PALE, Drawing


def _sigmoid(a):
    return 1 / (1 + exp(-a))


def _signed(value):
    return f"{value:+.0f}".replace("-", "−")


# ---------------------------------------------------------------- the lamp


def _lamp(drawing, x, y, lit):
    """A lamp on its foot, about 26 wide and 36 high, with (x, y) the middle of its shade's lower edge."""
    if lit:
        for dx, dy in ((-22, 2), (-15, 16), (22, 2), (15, 16)):
            drawing.line(x + 0.55 * dx, y + 4 + 0.5 * dy, x + dx, y + 4 + dy, stroke=ACCENT, stroke_width=2.2)
    shade = f"M{x - 7} {y - 16} H{x + 7} L{x + 13} {y} H{x - 13} Z"
    drawing.path(shade, fill=ACCENT if lit else "none", stroke=ACCENT if lit else "currentColor")
    drawing.path(f"M{x} {y} V{y + 22} M{x - 8} {y + 22} H{x + 8}")


def lamp():
    # an own example of a linear layer's lead: 1 + 3 bright + 1 street
    corners = {(bright, street): 1 + 3 * bright + street for bright in (-1, 1) for street in (-1, 1)}
    on = [(1, -1), (-1, 1)]  # bright room, dark street
    off = [(-1, -1), (1, 1)]  # dark room, bright street
    first, second = ([corners[corner] for corner in pair] for pair in (on, off))
    assert sum(first) == sum(second)
    middle = sum(first) / 2
    drawing = Drawing(
        700,
        330,
        "Why a linear layer cannot tell when the lamp is on",
        "Left, the four sentences as the corners of a square: dark or bright across, room or street upwards. The "
        "lamp is on for bright room and dark street, which face each other, and off for the other two corners. "
        "Both diagonals have the same middle. Right, the leads that one linear layer gives them, 1 + 3 bright + "
        f"street: bright room {first[0]}, dark street {first[1]}; dark room {second[0]}, bright street {second[1]}. "
        f"A line through each pair: both go through {middle:.0f} in the middle. So the lines cross, and neither "
        "lies wholly above the other.",
    )
    left, top, side = 96, 62, 168
    place = {-1: 0, 1: 1}
    at = {c: (left + place[c[0]] * side, top + (1 - place[c[1]]) * side) for c in corners}
    for pair, colour, dash in ((on, ACCENT, False), (off, PALE, True)):
        (x1, y1), (x2, y2) = (at[c] for c in pair)
        drawing.line(x1, y1, x2, y2, stroke=colour, stroke_width=3, dash=dash)
    drawing.dot(left + side / 2, top + side / 2, 6)
    for corner, (x, y) in at.items():
        drawing.dot(x, y, 5)
        outwards = -1 if corner[0] < 0 else 1
        _lamp(drawing, x + outwards * 34, y - 2, corner in on)
        words = f"{'dark' if corner[0] < 0 else 'bright'} {'room' if corner[1] < 0 else 'street'}"
        drawing.text(x + outwards * 18, y - 32 if corner[1] > 0 else y + 48, words, anchor="middle")
    drawing.text(left + side / 2, 322, "what is wanted", anchor="middle")

    x0, x1, zero, unit = 416, 620, 190, 26
    drawing.line(x0 - 30, zero, x1 + 30, zero, dash=True)
    drawing.text(x0 - 36, zero + 5, "0", anchor="end")
    for pair, values, colour, dash in ((on, first, ACCENT, False), (off, second, PALE, True)):
        ends = [(x0, zero - unit * values[0]), (x1, zero - unit * values[1])]
        drawing.line(*ends[0], *ends[1], stroke=colour, stroke_width=3, dash=dash)
        for (x, y), value, corner in zip(ends, values, pair, strict=True):
            drawing.dot(x, y, 5)
            words = f"{'dark' if corner[0] < 0 else 'bright'} {'room' if corner[1] < 0 else 'street'} {_signed(value)}"
            drawing.text(x, y - 12 if value > 0 else y + 24, words, anchor="middle")
    drawing.dot((x0 + x1) / 2, zero - unit * middle, 6)
    drawing.text((x0 + x1) / 2, 322, "one linear layer's leads", anchor="middle")
    return drawing


# ---------------------------------------------------------------- a gate

_VALUES = {"bright room": (1, 1, -1), "bright street": (1, 1, 1)}


def _gates(street):
    return _sigmoid(-5 * street), _sigmoid(5 * street), _sigmoid(-5)


def gates_and_values():
    words = []
    for name, values in _VALUES.items():
        gates = _gates(values[2])
        products = [v * g for v, g in zip(values, gates, strict=True)]
        words.append(
            f"{name}: values {', '.join(map(str, values))}, gates {', '.join(f'{g:.2f}' for g in gates)}, products "
            f"{', '.join(f'{p:.2f}' for p in products)}"
        )
    drawing = Drawing(
        700,
        348,
        "Gates times values",
        f"Three values, the three gates that multiply them, and the products, as bars. {'; '.join(words)}. Bright "
        "is the same number twice; in the room the first gate lets it through, in the street the second.",
        css="#NAME .out { transform: scaleY(var(--g)); animation: NAME-gate 8s ease-in-out infinite; } "
        "@keyframes NAME-gate { 0%, 65%, 100% { transform: scaleY(var(--g)); } 82%, 90% { transform: scaleY(1); } }",
    )
    unit, slot = 38, 44
    tops = {"value": 90, "× gate": 204, "= product": 284}
    for label, y in tops.items():
        drawing.text(10, y + (-slot / 2 + 6 if label == "× gate" else 5), label)
    for panel, (name, values) in enumerate(_VALUES.items()):
        left = 122 + panel * 296
        drawing.text(left + 132, 24, name, 18, "middle", font_weight="bold")
        for i, (value, gate) in enumerate(zip(values, _gates(values[2]), strict=True)):
            x = left + 12 + i * 92
            centre = x + 28
            passes = gate > 0.5
            fill = ACCENT if passes else PALE
            high = unit * abs(value)
            down = value < 0
            base = tops["value"]
            drawing.box(x, base if down else base - high, 56, high, fill=fill, radius=0)
            drawing.text(centre, base - 8 if down else base + 18, _signed(value), anchor="middle")
            base = tops["× gate"]
            drawing.box(x + 14, base - slot, 28, slot, radius=0)
            drawing.box(x + 14, base - slot * gate, 28, slot * gate, fill="currentColor", radius=0, stroke="none")
            drawing.text(x + 48, base - slot / 2 + 6, f"{gate:.2f}", 14)
            base = tops["= product"]
            origin = f"--g: {gate:.4f}; transform-origin: 0 {base}px"
            drawing.box(x, base if down else base - high, 56, high, fill=fill, radius=0, class_="out", style=origin)
            drawing.text(
                centre, base - 8 if down else base + 18, f"{value * gate:.2f}".replace("-", "−"), anchor="middle"
            )
            drawing.text(centre, 338, ("bright", "bright", "street")[i], anchor="middle")
        for y in (tops["value"], tops["= product"]):
            drawing.line(left, y, left + 264, y)
    return drawing


# ---------------------------------------------------------------- the unit


def unit():
    clips, features, dim, sentences, words = 500, 1280, 64, 2001, 8 * 50
    drawing = Drawing(
        700,
        312,
        "A gated embedding unit and its shapes",
        f"Top: features of {clips} clips, {clips} by {features}, go through a linear layer and become {clips} by "
        f"{dim}. From there one path goes straight on; another goes down through a linear layer, batch norm and a "
        f"sigmoid, all {clips} by {dim}, and its result, the gates, multiplies the first. The product is scaled to "
        f"length 1. Bottom: {sentences} sentences, {sentences} by {words}, go through a unit of their own and "
        f"become {sentences} by {dim}. Their cosines with the clips are {sentences} by {clips}. Batch norm is "
        "marked: it alone looks at other rows.",
    )

    def box(x, y, width, label, **more):
        drawing.box(x, y, width, 38, radius=6, **more)
        drawing.text(x + width / 2, y + 24, label, anchor="middle")

    box(10, 32, 104, "features")
    drawing.text(62, 90, f"{clips} × {features}", 14, "middle")
    drawing.line(114, 51, 142, 51, arrow=True)
    box(146, 32, 72, "linear")
    drawing.line(218, 51, 452, 51, arrow=True)
    drawing.text(336, 42, f"{clips} × {dim}", 14, "middle")
    drawing.dot(470, 51, 15, fill="none", stroke="currentColor", stroke_width=1.6)
    drawing.text(470, 57, "×", 20, "middle")
    drawing.path("M240 51 V139 H252", arrow=True)
    drawing.dot(240, 51, 4)
    box(256, 120, 64, "linear")
    drawing.line(320, 139, 334, 139, arrow=True)
    drawing.box(338, 120, 106, 38, fill=ACCENT, stroke=ACCENT, radius=6)
    drawing.text(391, 144, "batch norm", anchor="middle", fill="#ffffff")
    drawing.line(444, 139, 458, 139, arrow=True)
    box(462, 120, 78, "sigmoid")
    drawing.path("M470 120 V70", arrow=True)
    drawing.text(480, 106, "gates", 14)
    drawing.box(228, 18, 322, 152, radius=10, dash=True, stroke=PALE)
    drawing.text(389, 190, "context gating", anchor="middle")
    drawing.line(485, 51, 572, 51, arrow=True)
    box(576, 32, 88, "length 1")
    drawing.path("M620 70 V146", arrow=True)
    drawing.text(628, 112, f"{clips} × {dim}", 14)
    drawing.box(566, 150, 108, 54, radius=6)
    drawing.text(620, 172, "cosines", anchor="middle")
    drawing.text(620, 193, f"{sentences} × {clips}", 14, "middle")
    box(10, 246, 104, "sentences")
    drawing.text(62, 304, f"{sentences} × {words}", 14, "middle")
    drawing.line(114, 265, 142, 265, arrow=True)
    box(146, 246, 294, "a unit of the same kind")
    drawing.path("M440 265 H620 V208", arrow=True)
    drawing.text(528, 256, f"{sentences} × {dim}", 14, "middle")
    return drawing


# ---------------------------------------------------------------- batch norm


def two_batches():
    column = [4.0, 6.0, 8.0, 0.0, 1.0, 1.0]

    def normalised(rows):
        mean = sum(rows) / len(rows)
        return mean, sqrt(sum((a - mean) ** 2 for a in rows) / len(rows))

    lines = [
        ("in a batch of six", column, *normalised(column)),
        ("in a batch of three", column[:3], *normalised(column[:3])),
        ("in use, in any batch", column[:1], 3.0, 2.0),
    ]
    gates = [_sigmoid((column[0] - mean) / deviation) for *_, mean, deviation in lines]
    drawing = Drawing(
        700,
        316,
        "The same row in two batches, and in use",
        "A number line from 0 to 8, three times. Row 0 stands at 4 in each. In a batch of six the mean is "
        f"{lines[0][2]:.1f}, below row 0, whose gate is {gates[0]:.2f}. In a batch of three the mean is "
        f"{lines[1][2]:.1f}, above it, and the gate is {gates[1]:.2f}. In use, mean {lines[2][2]:.1f} and deviation "
        f"{lines[2][3]:.1f} are those collected in training, and the gate is {gates[2]:.2f} in any batch. The band "
        "is one standard deviation to both sides of the mean.",
    )
    left, unit, slot = 176, 46, 46
    for i, ((label, rows, mean, deviation), gate) in enumerate(zip(lines, gates, strict=True)):
        y = 62 + 96 * i
        first, rest = label.split(", ") if ", " in label else (label[:10], label[11:])
        drawing.text(10, y - 6, first)
        drawing.text(10, y + 16, rest)
        low, high = max(mean - deviation, -0.4), mean + deviation
        drawing.box(left + unit * low, y - 13, unit * (high - low), 26, fill=PALE, fill_opacity=0.35, stroke="none")
        drawing.line(left - 14, y, left + 8.4 * unit, y)
        drawing.line(left + unit * mean, y - 18, left + unit * mean, y + 18, stroke_width=2.4)
        drawing.text(left + unit * mean, y + 36, f"mean {mean:.1f}", anchor="middle")
        seen = {}
        for a in rows[1:]:
            seen[a] = seen.get(a, 0) + 1
            drawing.dot(left + unit * a, y - 11 * (seen[a] - 1), 5)
        drawing.dot(left + unit * rows[0], y, 8, fill=ACCENT, stroke="currentColor")
        drawing.text(left + unit * rows[0], y - 24, "row 0", anchor="middle")
        drawing.line(580, y, 604, y, arrow=True)
        drawing.box(612, y - slot / 2, 24, slot, radius=0)
        drawing.box(612, y + slot / 2 - slot * gate, 24, slot * gate, fill=ACCENT, radius=0, stroke="none")
        drawing.text(646, y + 6, f"{gate:.2f}")
    drawing.text(634, 20, "gate", anchor="middle")
    return drawing
