"""Drawings of lesson 11: what a still lacks and teaches, how it is mixed in, and why films lose their sentences."""

import math

import torch
from kit import ACCENT, PALE, Drawing

LACKS = ("motion", "audio")


def _frame(d, x, y, star, face=True):
    """A frame of 92 x 70 with a thing at ``star`` and a face beside it."""
    d.box(x, y, 92, 70, radius=3)
    points = []
    for n in range(10):
        radius, angle = (13, 6)[n % 2], math.pi * (n / 5 - 0.5)
        points.append(f"{x + star + radius * math.cos(angle):.1f},{y + 32 + radius * math.sin(angle):.1f}")
    d.add(f'<polygon points="{" ".join(points)}" fill="currentColor"/>')
    if face:
        d.dot(x + 72, y + 36, 11, fill="none", stroke="currentColor", stroke_width=1.6)
        d.path(
            f"M{x + 67} {y + 39} q5 5 10 0 M{x + 68} {y + 32} h1 M{x + 75} {y + 32} h1 M{x + 56} {y + 70} q16 -30 32 0"
        )


def what_a_still_lacks():
    """A film and a still, and the experts that have something to look at."""
    d = Drawing(
        700,
        292,
        "What a still lacks",
        "Left, a film: three frames in which a star moves to the right beside a face, and below them the wave of its "
        "sound. Frames give appearance, the change between them motion, the wave audio and the person's head face: "
        "four full boxes. Its caption says: a star slides to the right, a bell rings. Right, a still: one frame, and "
        "nothing below it. Appearance and face are full; motion and audio are empty, dashed boxes. Its caption says: "
        "a star and a person.",
    )
    for x0, words, films in ((0, "a film", True), (400, "a still", False)):
        d.text(x0 + 10, 22, words, 18, font_weight="bold")
        for n in range(3 if films else 1):
            _frame(d, x0 + 10 + 100 * n, 48, 20 + 11 * n)
        if films:
            d.line(x0 + 30, 40, x0 + 264, 40, arrow=True, stroke=PALE, stroke_width=2)
            wave = " ".join(
                f"L{x0 + 10 + i * 4} {144 - 15 * math.sin(i * 1.9) * math.exp(-(i % 24) / 9):.1f}" for i in range(74)
            )
            d.path(f"M{x0 + 10} 144 {wave}")
        else:
            d.text(x0 + 114, 90, "nothing moves,", 16, fill=PALE)
            d.text(x0 + 10, 149, "nothing sounds", 16, fill=PALE)
        for n, name in enumerate(("appearance", "motion", "audio", "face")):
            x, y = x0 + 10 + 152 * (n % 2), 172 + 40 * (n // 2)
            missing = not films and name in LACKS
            d.box(x, y, 26, 26, fill="none" if missing else name, radius=3, dash=missing)
            d.text(x + 36, y + 19, name, 16, **({"fill": PALE} if missing else {}))
        said = "“a star slides to the right, a bell rings”" if films else "“a star and a person”"
        d.text(x0 + 10, 276, said, 16, font_style="italic")
    d.line(366, 14, 366, 280, stroke=PALE, stroke_width=1)
    return d


def _pushes(zeros):
    """The lesson's term of the loss: minus its gradient, in the order of the cosines."""
    w = torch.tensor([0.7, 0.3])
    if zeros:
        x = torch.tensor([0.6, 0.1, 0.5, 0.4], requires_grad=True)
        right, wrong = w @ x[:2], w @ x[2:]
    else:
        x = torch.tensor([0.6, 0.5, 0.4], requires_grad=True)
        right, wrong = x[0], w @ x[1:]
    (0.2 + wrong - right).clamp(min=0).backward()
    return [-value for value in x.grad.tolist()]


def push_of_a_still():
    """How hard training pushes the similarities of a still's caption, with the mask and with zeros."""
    masked, zeros = _pushes(False), _pushes(True)
    d = Drawing(
        700,
        326,
        "The push of a still",
        "Bars above and below a line of zero: how hard one term of the loss pushes each similarity of the still's "
        f"caption. With the mask: its still by appearance {masked[0]:+.1f}; the film by appearance {masked[1]:+.1f}, "
        f"by motion {masked[2]:+.1f}. The last is marked: no film may move rightly. With zeros: its still by "
        "appearance "
        f"{zeros[0]:+.1f} and by motion {zeros[1]:+.1f}, which is marked, too; the film by appearance {zeros[2]:+.1f}, "
        f"by motion {zeros[3]:+.1f}.",
    )
    zero, unit = 166, 104
    panels = (
        (16, "With the mask", [("appearance", masked[0]), None, ("appearance", masked[1]), ("motion", masked[2])]),
        (372, "With zeros for motion", [(("appearance", "motion")[n % 2], x) for n, x in enumerate(zeros)]),
    )
    for x0, title, bars in panels:
        d.text(x0, 24, title, 18, font_weight="bold")
        for n, bar in enumerate(bars):
            x = x0 + 6 + 74 * n + (16 if n > 1 else 0)
            if bar is None:
                d.box(x, zero - 26, 56, 26, dash=True, radius=0, stroke=PALE)
                d.text(x + 28, zero - 36, "no push", 15, "middle", fill=PALE)
                continue
            name, value = bar
            high = abs(value) * unit
            marked = name == "motion"
            edge = {"stroke": ACCENT, "stroke_width": 3} if marked else {}
            d.box(x, zero - high if value > 0 else zero, 56, high, fill=name, radius=0, **edge)
            label = f"{value:+.1f}".replace("-", "−")
            d.text(x + 28, zero - high - 8 if value > 0 else zero + high + 20, label, 16, "middle")
        d.line(x0, zero, x0 + 312, zero)
        d.text(x0 + 71, 284, "its still", 16, "middle")
        d.text(x0 + 235, 284, "the film", 16, "middle")
    d.line(356, 14, 356, 292, stroke=PALE, stroke_width=1)
    for x, name in ((250, "appearance"), (382, "motion")):
        d.box(x, 300, 20, 20, fill=name, radius=2)
        d.text(x + 28, 316, name, 16)
    return d


def _one_epoch(films, stills, rate, size, generator):
    count = round(rate * len(films))
    rounds = -(-count // len(stills))
    drawn = torch.cat([torch.randperm(len(stills), generator=generator) for _ in range(rounds)])[:count]
    clips = torch.cat([films, stills[drawn]])
    return [part.tolist() for part in clips[torch.randperm(len(clips), generator=generator)].split(size)]


def mixed_batches():
    """Twelve films and half as many stills, of five, shuffled into batches of four."""
    batches = _one_epoch(torch.arange(12), 100 + torch.arange(5), 0.5, 4, torch.Generator().manual_seed(0))
    order = [clip for batch in batches for clip in batch]
    twice = next(chr(65 + clip - 100) for clip in order if clip >= 100 and order.count(clip) == 2)

    def label(clip):
        return str(clip + 1) if clip < 100 else chr(65 + clip - 100)

    said = "; ".join(" ".join(label(clip) for clip in batch) for batch in batches)
    d = Drawing(
        700,
        316,
        "How films and stills are mixed",
        f"Above, twelve films, 1 to 12, and five stills, A to E, of which six are drawn, so that {twice} comes twice. "
        f"All eighteen cards are shuffled and cut into batches of four: {said}. The last batch has two.",
        css="@keyframes NAME-deal { 0%, 35% { transform: translate(0, 0); } 55%, 70% { transform: translate(var(--x), "
        "var(--y)); } 92%, 100% { transform: translate(0, 0); } } #NAME .card { animation: NAME-deal 10s ease-in-out "
        "infinite; }",
    )
    wide, high = 38, 30
    home = {clip: (10 + 42 * clip, 38) for clip in range(12)}
    home |= {100 + n: (10 + 42 * n, 110) for n in range(5)}
    d.text(10, 26, "12 films: each of them once", 16)
    d.text(10, 98, "5 stills, rate ½: six are drawn, so one of them comes twice", 16)
    for x, y in home.values():
        d.box(x, y, wide, high, radius=3, dash=True, stroke=PALE, stroke_width=1)
    d.path("M330 148 V176", arrow=True)
    d.text(344, 168, "shuffle, cut into batches of four", 16)
    seen = set()
    for n, batch in enumerate(batches):
        left, top = 10 + 138 * n, 190
        d.box(left, top, 128, 92, radius=8, stroke=PALE)
        d.text(left + 64, top + 112, f"batch {n + 1}", 16, "middle")
        for k, clip in enumerate(batch):
            x, y = left + 20 + 48 * (k % 2), top + 12 + 38 * (k // 2)
            at = home[clip]
            from_x, from_y = at[0] - x, at[1] - y
            if clip in seen:  # the second time it lies a little beside the first
                from_x, from_y = from_x + 5, from_y + 5
            seen.add(clip)
            still = clip >= 100
            d.add(f'<g class="card" style="--x: {from_x}px; --y: {from_y}px">')
            d.box(x, y, wide, high, radius=15 if still else 3, **({"fill": ACCENT, "stroke": ACCENT} if still else {}))
            d.text(x + wide / 2, y + 21, label(clip), 16, "middle", **({"fill": "#ffffff"} if still else {}))
            d.add("</g>")
    return d


def lifted_rows():
    """Two captions and two films: a lifted row changes what a film finds, not what a caption finds."""
    scores = torch.tensor([[0.30, 0.10], [0.46, 0.60]])
    centred = scores - scores.mean(1, keepdim=True)
    assert scores.argmax(1).tolist() == [0, 1] and scores.argmax(0).tolist() == [1, 1]
    assert centred.argmax(0).tolist() == [0, 1] and centred.argmax(1).tolist() == [0, 1]

    def values(matrix):
        return [[f"{x:.2f}".replace("-", "−") for x in row] for row in matrix.tolist()]

    plain, less = values(scores), values(centred)
    d = Drawing(
        700,
        236,
        "A lifted row misleads films, not captions",
        "Two tables of scores of two captions with two films; film 1 belongs to the first caption and film 2 to the "
        f"second. As they are: the caption of looks scores {plain[0][0]} and {plain[0][1]}, that of movement "
        f"{plain[1][0]} and {plain[1][1]}. Along rows both captions find their film. Along columns film 1 takes the "
        f"caption of movement, {plain[1][0]}, which is wrong. Less each row's mean: {less[0][0]} and {less[0][1]}, "
        f"{less[1][0]} and {less[1][1]}. Now both films find their caption, too.",
    )
    wide, high, top = 84, 44, 66
    for n, words in enumerate(("“a yellow ball”", "“a bell rings”")):
        d.text(10, top + high * n + 28, words, 16)
    for x, title, matrix, table in ((160, "as it is", scores, plain), (440, "less the row’s mean", centred, less)):
        d.text(x + wide, 24, title, 17, "middle", font_weight="bold")
        for k in (0, 1):
            d.text(x + wide * (k + 0.5), top - 12, f"film {k + 1}", 16, "middle")
            d.text(x + 2 * wide + 22, top + high * k + 29, "✓", 20, "middle")
        d.text(x + 2 * wide + 22, top - 12, "t2v", 16, "middle")
        right = matrix.argmax(0) == torch.arange(2)
        d.matrix(x, top, table, (wide, high), marks=[(int(matrix[:, k].argmax()), k) for k in (0, 1)])
        for k in (0, 1):
            d.text(x + wide * (k + 0.5), top + 2 * high + 28, ("✗", "✓")[int(right[k])], 20, "middle")
        d.text(x - 14, top + 2 * high + 28, "v2t", 16, "end")
    d.box(160, 206, 24, 20, radius=0, stroke=ACCENT, stroke_width=3)
    d.text(194, 222, "the highest of its column: what a film finds", 16)
    return d
