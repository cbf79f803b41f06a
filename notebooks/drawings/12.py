"""Drawings of lesson 12: what each row takes out, paired against unpaired, and how a family of intervals widens."""

import torch
from kit import ACCENT, PALE, Drawing


def _cross(d, x, y, size=13):
    d.path(
        f"M{x - size} {y - size} L{x + size} {y + size} M{x - size} {y + size} L{x + size} {y - size}",
        stroke=ACCENT,
        stroke_width=4,
    )


def what_is_taken_out():
    """The map of the model with a cross on each part that a row of the table takes out."""
    d = Drawing(
        700,
        320,
        "What is taken out in each row",
        "The map of the model with crosses. From the sentence: NetVLAD is replaced by a mean of words; the weights by "
        "uniform weights or one set for all. Where both sides meet: the gates of the gated units are left out. From "
        "the "
        "clip: an expert is left out, or all but one; NetVLAD over the audio rows is replaced by a mean of audio rows. "
        "A bracket under gated units, similarities, weights and score, the mixture: concatenation replaces all four. "
        "The loss is replaced by InfoNCE.",
    )
    boxes = {  # name: x, y, label, the row's name
        "sentence": (10, 50, "sentence", ""),
        "netvlad": (144, 50, "NetVLAD", "mean of words"),
        "weights": (436, 50, "weights", "uniform, one set"),
        "gate": (298, 146, "gated units", "no gate"),
        "similarity": (436, 146, "similarities", ""),
        "clip": (10, 250, "clip", ""),
        "experts": (144, 250, "experts", "alone, without"),
        "pooling": (298, 250, "NetVLAD", "mean of audio rows"),
        "score": (572, 98, "score", ""),
        "loss": (572, 250, "loss", "InfoNCE"),
    }
    wide, high = 112, 40
    d.box(284, 10, 408, 208, radius=12, dash=True, stroke=ACCENT, stroke_width=2)
    _cross(d, 676, 28, 9)
    d.text(658, 34, "concatenation", 16, "end", font_style="italic")
    for path in (
        "M122 70 H140",
        "M256 70 H432",
        "M256 82 C300 88 326 112 334 142",
        "M410 166 H432",
        "M122 270 H140",
        "M256 270 H294",
        "M380 250 V190",
        "M548 70 C576 70 592 78 604 94",
        "M548 166 C576 166 592 158 604 142",
        "M628 138 V246",
    ):
        d.path(path, arrow=True)
    for x, y, label, instead in boxes.values():
        d.box(x, y, wide, high, radius=8, stroke=ACCENT if instead else PALE, stroke_width=2.4 if instead else 1.4)
        d.text(x + wide / 2, y + 26, label, 16, "middle", **({} if instead else {"fill_opacity": 0.75}))
    for name, (x, y, _, instead) in boxes.items():
        if instead:
            _cross(d, x + 4, y + 2, 9)
            if name == "gate":  # an arrow comes from below
                d.text(x + 4, y + high + 20, instead, 16, font_style="italic")
            else:
                d.text(x + wide / 2, y + high + 20, instead, 16, "middle", font_style="italic")
    return d


# The lesson's 24 queries.
A = [1, 3, 2, 8, 40, 5, 90, 120, 7, 60, 2, 300, 6, 4, 9, 10, 1, 77, 3, 22, 10, 51, 2, 36]
B = [2, 9, 1, 25, 70, 5, 60, 150, 12, 80, 3, 210, 31, 6, 44, 9, 1, 95, 4, 30, 18, 40, 11, 28]


def paired_and_unpaired():
    """The lesson's 24 queries: what each method found, and where they differ."""
    from mee.compare import Result, difference

    a, b = torch.tensor(A), torch.tensor(B)
    found = {"A": a <= 10, "B": b <= 10}
    delta = found["A"].int() - found["B"].int()
    p, q = (x.double().mean() for x in found.values())
    half = 1.96 * ((p * (1 - p) + q * (1 - q)) / 24) ** 0.5
    unpaired = [float(100 * (p - q + x)) for x in (0, -half, half)]
    results = [Result(x[None].double(), x[None].double(), torch.arange(24), 0.0) for x in (a, b)]
    paired = difference(*results)
    wins, losses = int((delta == 1).sum()), int((delta == -1).sum())
    ends = ["from {:.0f} to {:.0f}".format(*x[1:]).replace("-", "−") for x in (unpaired, paired)]
    d = Drawing(
        700,
        300,
        "Paired and unpaired",
        f"24 queries as two rows of squares, full where the method found the right film among the first ten: A has "
        f"{int(found['A'].sum())}, B has {int(found['B'].sum())}. In a third row only the {wins + losses} queries on "
        f"which they differ are left: all {wins} are A's. Below, on a line of points from minus 10 to 60, the unpaired "
        f"interval, {ends[0]}, crosses 0, and the paired one, {ends[1]}, does not.",
    )
    x0, step = 66, 22
    for n, (name, hits) in enumerate(found.items()):
        y = 14 + 34 * n
        d.text(10, y + 16, name, 18, font_weight="bold")
        for k, hit in enumerate(hits.tolist()):
            d.box(x0 + step * k, y, 18, 20, fill="currentColor" if hit else "none", radius=2, stroke=PALE)
        d.text(x0 + step * 24 + 12, y + 16, f"{int(hits.sum())} of 24", 16)
    d.text(10, 102, "A − B", 16)
    for k, value in enumerate(delta.tolist()):
        x = x0 + step * k
        if value:
            d.box(x, 86, 18, 20, fill=ACCENT, radius=2, stroke=ACCENT)
        else:
            d.line(x + 4, 96, x + 14, 96, stroke=PALE)
    d.text(x0 + step * 24 + 12, 102, f"{wins} to {losses}", 16, font_weight="bold")

    def at(points):
        return 170 + (points + 10) * 7.2

    d.line(at(0), 128, at(0), 252, dash=True)
    for y, words, (mean, low, high), colour in (
        (156, "unpaired", unpaired, "currentColor"),
        (206, "paired", paired, ACCENT),
    ):
        d.text(10, y + 6, words, 18, font_weight="bold")
        d.line(at(low), y, at(high), y, stroke=colour, stroke_width=5)
        d.dot(at(mean), y, 8, fill=colour)
        for value in (low, high):
            d.text(at(value), y + 26, f"{value:.0f}".replace("-", "−"), 15, "middle")
    d.line(at(-10), 252, at(60), 252, stroke=PALE)
    for value in range(0, 61, 20):
        d.line(at(value), 252, at(value), 258, stroke=PALE)
        d.text(at(value), 276, value, 15, "middle")
    d.text(at(25), 296, "A’s R@10 less B’s (points)", 16, "middle")
    return d


def a_family_of_intervals():
    """Twenty rows in which nothing differs: ordinary intervals, and wider ones that hold together."""
    normal = torch.distributions.Normal(0, 1)
    each, strict = (float(normal.icdf(torch.tensor(1 - 0.05 / m / 2))) for m in (1, 20))
    for seed in range(100):  # a paper with one false finding, as most have at least one
        z = torch.randn(20, generator=torch.Generator().manual_seed(seed)).tolist()
        clear = [abs(x) > each for x in z]
        if sum(clear) == 1 and not any(abs(x) > strict for x in z) and abs(z[9]) < each:
            break
    d = Drawing(
        700,
        330,
        "How a family of intervals widens",
        f"Twenty rows in which nothing differs, each a point with a thick interval of {each:.2f} standard errors to "
        f"both sides and a thin one of {strict:.2f}. {sum(clear)} of the 20 thick intervals, marked, leaves out 0, "
        "although nothing differs. None of the thin ones does.",
        css="@keyframes NAME-widen { 0%, 30% { transform: scaleX(1); } 45%, 70% { transform: scaleX("
        f"{each / strict:.3f}); }} 90%, 100% {{ transform: scaleX(1); }} }} #NAME .thin {{ transform-box: fill-box; "
        "transform-origin: center; animation: NAME-widen 8s ease-in-out infinite; }",
    )
    unit, centre = 42, 222
    d.line(centre, 20, centre, 296, dash=True)
    d.text(centre, 318, "0", 16, "middle")
    for n, value in enumerate(z):
        y, x = 26 + 14 * n, centre + unit * value
        colour = ACCENT if clear[n] else "currentColor"
        d.line(x - unit * each, y, x + unit * each, y, stroke=colour, stroke_width=5)
        d.add(
            f'<rect class="thin" x="{x - unit * strict:.1f}" y="{y - 0.8:.1f}" width="{2 * unit * strict:.1f}" '
            f'height="1.6" fill="{colour}"/>'
        )
        d.dot(x, y, 4.5, fill=colour, stroke=PALE)
    for y, line, title, words in (
        (92, 5, "thick: 95 % for each", f"{sum(clear)} of 20 leaves out 0"),
        (182, 1.6, "thin: 95 % for all together", "0 of 20 leave out 0"),
    ):
        d.line(440, y - 5, 474, y - 5, stroke_width=line)
        d.text(484, y, title, 16)
        d.text(484, y + 24, words, 16, font_weight="bold")
    return d
