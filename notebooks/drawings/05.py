"""Lesson 05: four treatments of a gap, what each fills in, the spread of few experts, and two scales made one."""

import math
from statistics import NormalDist

import torch
import torch.nn.functional as F
from kit import ACCENT, PALE, Drawing

EXPERTS = ("face", "motion")
NORMAL = NormalDist()


def _at(degrees):
    angle = torch.as_tensor(degrees, dtype=torch.float32).deg2rad()
    return torch.stack([angle.cos(), angle.sin()], 1)


# The lesson's clips A to D, and its sentences "someone smiles" and "a kite falls".
TEXT = {"face": _at([0, 90]), "motion": _at([0, 30])}
WEIGHTS = torch.tensor([[0.8, 0.2], [0.1, 0.9]])
VIDEO = {"face": _at([70, 20, 0, 60]), "motion": _at([60, 80, 20, 0])}
PRESENT = torch.tensor([[True, True], [True, True], [False, True], [True, False]])
SIMILARITY = torch.stack([TEXT[e] @ VIDEO[e].T for e in EXPERTS], 2)  # (texts, clips, experts)


def _average(expert):
    i = EXPERTS.index(expert)
    return F.normalize(VIDEO[expert][PRESENT[:, i]].mean(0), dim=0)


def _masked(similarity, present, weights):
    """The paper's score (texts, clips)."""
    pair = weights[:, None] * present
    return (pair * similarity).sum(2) / pair.sum(2)


def _wrong_clips():
    """The lesson's 300 other clips: their similarities with the sentences (texts, 300, experts)."""
    g = torch.Generator().manual_seed(0)
    others = {
        "face": _at(60 + 25 * torch.randn(300, generator=g)),
        "motion": _at(20 + 20 * torch.randn(300, generator=g)),
    }
    return torch.stack([TEXT[e] @ others[e].T for e in EXPERTS], 2)


def _scores():
    """Treatment -> the scores of A to D for "someone smiles"; None where a clip is dropped."""
    filled = SIMILARITY.clone()
    for i, expert in enumerate(EXPERTS):
        filled[:, :, i] = torch.where(PRESENT[:, i], SIMILARITY[:, :, i], (TEXT[expert] @ _average(expert))[:, None])
    weighted = WEIGHTS[:, None]
    mask = _masked(SIMILARITY, PRESENT, WEIGHTS)[0].tolist()
    return {
        "zeros": (weighted * SIMILARITY * PRESENT).sum(2)[0].tolist(),
        "mean": (weighted * filled).sum(2)[0].tolist(),
        "mask": mask,
        "drop": [value if whole else None for value, whole in zip(mask, PRESENT.all(1).tolist(), strict=True)],
    }


def four_treatments():
    scores = _scores()
    meaning = {"zeros": "does not fit", "mean": "is average", "mask": "ask the rest", "drop": "leave it out"}
    order = {
        name: sorted((i for i in range(4) if values[i] is not None), key=lambda i, values=values: -values[i])
        for name, values in scores.items()
    }
    said = "; ".join(
        f"{name}: " + ", ".join(f"{'ABCD'[i]} {scores[name][i]:.2f}" for i in order[name]) for name in scores
    )
    drawing = Drawing(
        700,
        306,
        "Four treatments, four orders",
        "Clips A and B have a face and motion, C has motion only, D a face only. Their order for someone smiles, which "
        f"gives the face a weight of 0.8 and motion 0.2, best first. {said}. C is last, second, first, and gone.",
    )
    left = 14
    for i, expert in enumerate(EXPERTS):
        drawing.text(left + 52 + 66 * i, 26, expert, 16, "middle")
        drawing.text(left + 52 + 66 * i, 46, f"{float(WEIGHTS[0, i]):.1f}", 16, "middle")
    for clip in range(4):
        y = 62 + 50 * clip
        weight = {"font_weight": "bold"} if clip == 2 else {}
        drawing.text(left, y + 25, "ABCD"[clip], 18, **weight)
        for i, expert in enumerate(EXPERTS):
            present = bool(PRESENT[clip, i])
            drawing.box(left + 26 + 66 * i, y + 3, 52, 32, expert if present else "none", dash=not present)
    wide, high, pitch, start = 84, 38, 120, 230
    drawing.line(184, 20, 184, 290, stroke=PALE)
    at = {}
    for column, (name, clips) in enumerate(order.items()):
        x = start + pitch * column
        drawing.text(x + wide / 2, 26, name, 18, "middle", font_weight="bold")
        drawing.text(x + wide / 2, 288, meaning[name], 16, "middle")
        for place, clip in enumerate(clips):
            y = 62 + 50 * place
            at[column, clip] = (x, y + high / 2)
            about = clip == 2
            drawing.box(x, y, wide, high, stroke=ACCENT if about else PALE, stroke_width=3 if about else 1.4)
            words = f"{'ABCD'[clip]}  {scores[name][clip]:.2f}"
            drawing.text(x + wide / 2, y + 25, words, 17, "middle", font_weight="bold" if about else None)
    for (column, clip), (x, y) in at.items():
        if (column + 1, clip) in at:
            x2, y2 = at[column + 1, clip]
            about = clip == 2
            drawing.line(x + wide, y, x2, y2, stroke=ACCENT if about else PALE, stroke_width=3 if about else 1.6)
    return drawing


def filled_in():
    """What each treatment takes C's absent face for, among the similarities of real faces."""
    values = _wrong_clips()[0, :, 0]
    fills = {
        "zeros": 0.0,
        "mean": float(TEXT["face"][0] @ _average("face")),
        "mask": float(SIMILARITY[0, 2, 1]),
    }
    below = {name: 100 * float((values < value).float().mean()) for name, value in fills.items()}
    said = ", ".join(f"{name} {fills[name]:.2f} (above {below[name]:.0f} % of the real faces)" for name in fills)
    drawing = Drawing(
        700,
        286,
        "Each treatment fills in a number",
        "A histogram of the similarities of someone smiles with 300 other faces, from about -0.5 to 1. On its axis "
        f"three marks show what clip C's absent face counts as: {said}. The mask's is the similarity of C's motion.",
    )
    low, high, ground = -0.6, 1.05, 220

    def x(value):
        return 30 + 640 * (value - low) / (high - low)

    step, width = 0.1, 640 * 0.1 / (high - low)
    edges = [round(-0.6 + step * i, 1) for i in range(16)]
    counts = [int(((values >= e) & (values < e + step)).sum()) for e in edges]
    tallest = max(counts)
    for edge, count in zip(edges, counts, strict=True):
        if count:
            tall = 104 * count / tallest
            drawing.box(x(edge) + 1, ground - tall, width - 2, tall, "face", radius=0, stroke=PALE, stroke_width=1)
    drawing.line(20, ground, 684, ground)
    for value in (-0.5, 0, 0.5, 1):
        drawing.line(x(value), ground, x(value), ground + 6)
        drawing.text(x(value), ground + 24, f"{value:g}", 16, "middle")
    drawing.text(350, 278, "similarity of “someone smiles” with a face", 16, "middle")
    drawing.text(20, 44, "C’s face counts as", 16)
    drawing.text(20, 64, "above this share of faces", 16)
    drawing.text(20, 160, "300 other faces", 16)
    for name, value in fills.items():
        drawing.line(x(value), 74, x(value), ground, stroke=ACCENT, stroke_width=3)
        drawing.text(x(value), 24, name, 18, "middle", font_weight="bold")
        drawing.text(x(value), 44, f"{value:.2f}", 16, "middle")
        drawing.text(x(value), 64, f"{below[name]:.0f} %", 16, "middle")
    return drawing


def _bell(spread, x, ground, tall, low, high):
    """A path of a normal density (tall at the mean if its spread is 1), from low to high."""
    points = []
    for i in range(81):
        value = low + (high - low) * i / 80
        density = math.exp(-((value / spread) ** 2) / 2) / spread
        points.append(f"{x(value):.1f} {ground - tall * density:.1f}")
    return f"M{x(low):.1f} {ground} L" + " L".join(points) + f" L{x(high):.1f} {ground} Z"


def spreads():
    """Who is among the ten best of 500, before and after dividing by the spread: 250 clips of either kind."""

    def share(one, four):
        """The cut that 10 of 500 pass, and the share of them with one expert, in percent."""
        low, high = 0.0, 5.0
        for _ in range(60):
            middle = (low + high) / 2
            passing = (1 - NORMAL.cdf(middle / one) + 1 - NORMAL.cdf(middle / four)) / 2
            low, high = (middle, high) if passing > 10 / 500 else (low, middle)
        first, second = (1 - NORMAL.cdf(low / spread) for spread in (one, four))
        return low, 100 * first / (first + second)

    rows = [("score", 0.1, 0.05, *share(0.1, 0.05)), ("score / spread", 1.0, 1.0, *share(1, 1))]
    drawing = Drawing(
        700,
        372,
        "The top ten belongs to the widest scale",
        "Two bell curves of wrong clips' scores about 0: those of one expert spread by 0.10, those of four experts by "
        f"0.05. Beyond a score of {rows[0][3]:.2f} lie the ten best of 500, {rows[0][4]:.0f} percent of them with one "
        "expert. Below, each score divided by the spread of its kind: the curves are the same, and of the ten best "
        f"beyond {rows[1][3]:.1f}, {rows[1][4]:.0f} percent have one expert.",
        css=(
            "#NAME .four, #NAME .one { transform-origin: 330px 330px; animation: NAME-one 10s ease-in-out infinite; } "
            "#NAME .four { animation-name: NAME-four; } #NAME .found { animation: NAME-found 10s linear infinite; } "
            "@keyframes NAME-one { 0%, 40%, 95%, 100% { transform: scale(1, 1); } "
            "55%, 75% { transform: scale(1, 0.72); } } "
            "@keyframes NAME-four { 0%, 40%, 95%, 100% { transform: scale(1, 1); } "
            "55%, 75% { transform: scale(0.5, 1.44); } } "
            "@keyframes NAME-found { 0%, 40%, 95%, 100% { opacity: 1; } 45%, 88% { opacity: 0; } }"
        ),
    )
    for row, (label, one, four, cut, percent) in enumerate(rows):
        ground = 150 + 180 * row
        unit = 780 if row == 0 else 78  # pixels per unit
        tall = 6.2 if row == 0 else 86

        def x(value, unit=unit):
            return 330 + unit * value

        moves = {} if row == 0 else {"class_": "one"}
        for spread, dash in ((four, True), (one, False)):
            drawing.path(
                _bell(spread, x, ground, tall, -3.9 * spread, 3.9 * spread),
                dash=dash,
                stroke=PALE if dash else "currentColor",
                stroke_width=2.6,
                fill=PALE if dash else "none",
                fill_opacity=0.25,
                **({"class_": "four"} if moves and dash else moves),
            )
        drawing.line(14, ground, 660, ground)
        drawing.text(14, ground - 92, label, 18, font_weight="bold")
        tail = [cut + (3.9 * one - cut) * i / 30 for i in range(31)]
        curve = " L".join(f"{x(v):.1f} {ground - tall * math.exp(-((v / one) ** 2) / 2) / one:.1f}" for v in tail)
        drawing.path(
            f"M{x(cut):.1f} {ground} L{curve} L{x(tail[-1]):.1f} {ground} Z", fill=ACCENT, stroke="none", **moves
        )
        found = {"class_": "found"} if row else {}
        drawing.line(x(cut), ground - 84, x(cut), ground, stroke=ACCENT, stroke_width=3, **found)
        drawing.text(x(cut) + 12, ground - 66, "10 best of 500:", 16, **found)
        drawing.text(x(cut) + 12, ground - 44, f"{percent:.0f} % one expert", 16, font_weight="bold", **found)
        for value in (-3, -2, -1, 0, 1, 2, 3) if row else (-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3):
            drawing.line(x(value), ground, x(value), ground + 5)
            drawing.text(x(value), ground + 23, f"{value:g}", 16, "middle")
    drawing.text(388, 40, "four experts", 16)
    drawing.line(384, 36, 352, 52, stroke_width=1.2)
    drawing.text(216, 112, "one expert", 16, "end")
    return drawing


def two_scales():
    """Wrong clips' scores for two sentences, by the experts they have: masked, and as z."""
    wrong = _wrong_clips()
    kinds = {"face": (True, False), "motion": (False, True), "both": (True, True)}
    m, s2 = wrong.mean(1), wrong.var(1, correction=0)

    def z(similarity, present, t):
        used = torch.tensor(present).float()
        numerator = (used * WEIGHTS[t] * (similarity - m[t])).sum(-1)
        return numerator / (used * WEIGHTS[t] ** 2 * s2[t]).sum().sqrt()

    def masked(similarity, present, t):
        used = torch.tensor(present).float() * WEIGHTS[t]
        return (used * similarity).sum(-1) / used.sum()

    b, c = SIMILARITY[0, 1], SIMILARITY[0, 2]
    marks = {  # row of the first sentence: clip, masked score, z
        "both": ("B", float(masked(b, (True, True), 0)), float(z(b, (True, True), 0))),
        "motion": ("C", float(masked(c, (False, True), 0)), float(z(c, (False, True), 0))),
    }
    said = []
    for t, sentence in enumerate(("someone smiles", "a kite falls")):
        for name, present in kinds.items():
            values = masked(wrong[t], present, t)
            said.append(f"{sentence}, {name}: {values.mean():.2f} plus or minus {values.std():.2f}")
    drawing = Drawing(
        700,
        332,
        "Two sentences' scales, before and after",
        "Dots are wrong clips, in a row for each sentence and each set of experts. On the left their masked scores, on "
        f"scales of their own: {'; '.join(said)}. On the right their z: every row lies about 0 with a spread of 1. "
        f"For someone smiles, clip C, motion only, has the masked score {marks['motion'][1]:.2f}, above B's "
        f"{marks['both'][1]:.2f}; by z, C's {marks['motion'][2]:.2f} lies below B's {marks['both'][2]:.2f}.",
    )
    panels = {
        "masked score": (178, 244, -0.5, 1.0, (-0.5, 0, 0.5, 1)),
        "z": (446, 240, -4.0, 2.6, (-3, -2, -1, 0, 1, 2)),
    }
    bottom = 300
    for name, (left, wide, low, high, ticks) in panels.items():
        drawing.text(left + wide / 2, 24, name, 18, "middle", font_weight="bold")
        drawing.line(left, bottom, left + wide, bottom)
        for value in ticks:
            x = left + wide * (value - low) / (high - low)
            drawing.line(x, 44, x, bottom + 5, stroke=PALE, stroke_width=1, stroke_opacity=0.6)
            drawing.text(x, bottom + 24, f"{value:g}", 16, "middle")
    y = 46
    for t, sentence in enumerate(("someone smiles", "a kite falls")):
        drawing.text(10, y + 16, f"“{sentence}”", 16, font_weight="bold")
        y += 26
        for name, present in kinds.items():
            scores = {"masked score": masked(wrong[t], present, t), "z": z(wrong[t], present, t)}
            drawing.text(160, y + 15, {"face": "face only", "motion": "motion only", "both": "both"}[name], 16, "end")
            for panel, values in scores.items():
                left, wide, low, high, _ = panels[panel]

                def x(value, left=left, wide=wide, low=low, high=high):
                    return left + wide * (value - low) / (high - low)

                for i, value in enumerate(values[:70].tolist()):
                    if low < value < high:
                        up = ((i * 7) % 5 - 2) * 2.6
                        drawing.dot(x(value), y + 10 + up, 2.6, PALE, fill_opacity=0.75)
                average, spread = float(values.mean()), float(values.std())
                drawing.line(x(average - spread), y + 10, x(average + spread), y + 10, stroke_width=2.4)
                drawing.dot(x(average), y + 10, 5)
                if t == 0 and name in marks:
                    clip, before, after = marks[name]
                    value = x(before if panel == "masked score" else after)
                    drawing.dot(value, y + 10, 11, ACCENT)
                    drawing.text(value, y + 15.5, clip, 15, "middle", fill="#ffffff", font_weight="bold")
            y += 32
        y += 14
    return drawing
