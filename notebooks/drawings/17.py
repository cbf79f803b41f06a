"""Lesson 17: two kinds of attention, modality dropout, two mixtures of experts, and a timeline."""

import torch
from kit import ACCENT, PALE, Drawing
from torch import nn

EXPERTS = ("audio", "face", "motion")
PRESENT = torch.tensor([True, False, True])  # the lesson's clip without a face


def _weights_of_a_sentence():
    """The lesson's: an untrained MEE's weights for its first sentence, without the face."""
    from mee import MEE

    torch.manual_seed(0)
    mee = MEE({"audio": (5, 4), "face": (3, 4), "motion": (6, 4)}, text_dim=8).eval()
    weights = mee.embed_text(torch.randn(2, 8)).weights.detach()[0] * PRESENT
    return weights / weights.sum()


def _weights_of_tokens():
    """The lesson's: how much each token of its second clip takes from each."""
    torch.manual_seed(1)
    tokens = torch.randn(2, 3, 4)[1:]
    layer = nn.TransformerEncoderLayer(4, 1, 8, 0.0, batch_first=True, norm_first=True)
    with torch.no_grad():
        _, weights = layer.self_attn(tokens, tokens, tokens, key_padding_mask=~PRESENT[None])
    return weights[0]


def two_attentions():
    one, square = _weights_of_a_sentence(), _weights_of_tokens()
    shares = ", ".join(f"{name} {x:.2f}" for name, x in zip(EXPERTS, one.tolist(), strict=True))
    rows = [", ".join(f"{x:.2f}" for x in row) for row in square.tolist()]
    table = "; ".join(f"{name} asks, {row}" for name, row in zip(EXPERTS, rows, strict=True))
    drawing = Drawing(
        700,
        290,
        "Who asks whom",
        "Left, the weighted mean: one sentence asks three experts of a clip without a face, with weights "
        f"{shares}. Right, "
        "a transformer layer: each expert's token asks all tokens of the clip. Lines are as thick as the "
        "weights, of audio, "
        f"face and motion in turn: {table}. No line ends at the absent face.",
    )
    ys = [76, 156, 236]
    drawing.text(150, 26, "the sentence asks", 16, "middle", font_weight="bold")
    drawing.text(540, 26, "the tokens ask each other", 16, "middle", font_weight="bold")
    drawing.box(10, 134, 96, 44, radius=8)
    drawing.text(58, 161, "sentence", 16, "middle")
    for y, name, present, weight in zip(ys, EXPERTS, PRESENT.tolist(), one.tolist(), strict=True):
        if weight:
            drawing.line(106, 156, 196, y, stroke=ACCENT, stroke_width=14 * weight)
        drawing.box(200, y - 20, 62, 40, name if present else "none", dash=not present)
        drawing.text(272, y - 2, name)
        drawing.text(272, y + 18, f"{weight:.2f}")
    for i, (y, row) in enumerate(zip(ys, square.tolist(), strict=True)):
        for j, weight in enumerate(row):
            if weight:
                style = {} if PRESENT[i] else {"stroke_dasharray": "4 5"}
                drawing.line(496, y, 586, ys[j], stroke=ACCENT, stroke_width=14 * weight, **style)
    for y, name, present in zip(ys, EXPERTS, PRESENT.tolist(), strict=True):
        for x in (432, 590):
            drawing.box(x, y - 20, 62, 40, name if present else "none", dash=not present)
        drawing.text(424, y + 5, name, 16, "end")
    drawing.text(463, 282, "asks", 16, "middle")
    drawing.text(621, 282, "answers", 16, "middle")
    return drawing


def modality_dropout():
    from mee.robustness import keep_some

    names, share = ("appearance", "audio", "face", "motion"), 0.3
    present = torch.ones(8, 4, dtype=torch.bool)
    present[[1, 2, 4, 5, 7], 2] = False  # no face
    present[3, 1] = False  # silent
    steps = [keep_some(present, share, seed) for seed in (0, 1, 2)]
    counts = [int(kept.sum()) for kept in steps]
    drawing = Drawing(
        700,
        236,
        "Modality dropout: each step takes different experts away",
        f"Left, eight clips in columns and four experts in rows; {int(present.sum())} of 32 cells are filled, "
        "the others "
        f"are absent. Right, the same batch in three training steps, one after the other: {counts[0]}, {counts[1]} and "
        f"{counts[2]} cells are left, different ones each time, and the dropped ones are crossed out. No clip "
        "loses its last.",
        css="#NAME .m1, #NAME .m2 { opacity: 0; } "
        + " ".join(f"#NAME .m{i} {{ animation: NAME-m{i} 7.5s steps(1) infinite; }}" for i in range(3))
        + " @keyframes NAME-m0 { 0% { opacity: 1; } 33.3%, 100% { opacity: 0; } }"
        " @keyframes NAME-m1 { 0% { opacity: 0; } 33.3% { opacity: 1; } 66.6%, 100% { opacity: 0; } }"
        " @keyframes NAME-m2 { 0% { opacity: 0; } 66.6%, 100% { opacity: 1; } }",
    )

    def grid(x, kept):
        for j, name in enumerate(names):
            for i in range(8):
                left, top = x + 31 * i, 44 + 42 * j
                here, stays = bool(present[i, j]), bool(kept[i, j])
                drawing.box(left, top, 27, 34, name if stays else "none", radius=2, dash=not here,
                            stroke="currentColor" if here else PALE)  # fmt: skip
                if here and not stays:
                    drawing.line(left + 4, top + 6, left + 23, top + 28, stroke=ACCENT, stroke_width=2.6)
                    drawing.line(left + 23, top + 6, left + 4, top + 28, stroke=ACCENT, stroke_width=2.6)

    for j, name in enumerate(names):
        drawing.text(100, 66 + 42 * j, name, 16, "end")
    drawing.text(232, 26, "a batch", 16, "middle", font_weight="bold")
    grid(110, present)
    drawing.line(366, 126, 408, 126, arrow=True)
    for step, kept in enumerate(steps):
        drawing.add(f'<g class="m{step}">')
        drawing.text(548, 26, f"in step {step + 1}", 16, "middle", font_weight="bold")
        grid(424, kept)
        drawing.text(548, 230, f"{counts[step]} of {int(present.sum())} left", 16, "middle")
        drawing.add("</g>")
    drawing.text(232, 230, f"{int(present.sum())} experts of 8 clips", 16, "middle")
    return drawing


def two_mixtures():
    names = ("appearance", "audio", "motion", "face")
    logits, present = torch.tensor([0.6, 0.25, 0.15, 0.2]).log(), torch.tensor([True, True, True, False])
    weights = torch.softmax(logits.masked_fill(~present, -torch.inf), 0).tolist()
    torch.manual_seed(3)  # the lesson's router, and its first token
    for _ in range(4):
        nn.Linear(8, 32), nn.Linear(32, 8)
    router, tokens = nn.Linear(8, 4, bias=False), torch.randn(6, 8)
    best, chosen = router(tokens).topk(2, dim=1)
    gates = dict(zip(chosen[0].tolist(), torch.softmax(best[0], 0).tolist(), strict=True))
    left = ", ".join(f"{name} {x:.2f}" for name, x in zip(names, weights, strict=True))
    right = " and ".join(f"part {number} with {gate:.2f}" for number, gate in gates.items())
    drawing = Drawing(
        700,
        320,
        "Two mixtures of experts",
        f"Left, MEE: the sentence weighs every expert that the clip has: {left}, the face being absent. Right, "
        "a sparse "
        f"layer of a language model: a router sends a token to two of four like parts: {right}; the other two are not "
        "computed.",
    )
    ys = [78, 142, 206, 270]
    drawing.text(170, 26, "MEE: all that are present", 16, "middle", font_weight="bold")
    drawing.text(536, 26, "sparse layer: the best two", 16, "middle", font_weight="bold")
    drawing.box(10, 152, 92, 44, radius=8)
    drawing.text(56, 179, "sentence", 16, "middle")
    drawing.box(378, 152, 70, 44, radius=8)
    drawing.text(413, 179, "token", 16, "middle")
    drawing.line(448, 174, 470, 174, arrow=True)
    drawing.box(476, 152, 70, 44, radius=8)
    drawing.text(511, 179, "router", 16, "middle")
    for i, (y, name, weight) in enumerate(zip(ys, names, weights, strict=True)):
        if weight:
            drawing.line(102, 174, 158, y, stroke=ACCENT, stroke_width=max(14 * weight, 1.5))
        drawing.box(162, y - 22, 60, 44, name if weight else "none", dash=not weight)
        drawing.text(232, y - 2, name)
        drawing.text(232, y + 18, f"{weight:.2f}" if weight else "absent")
        gate = gates.get(i)
        if gate:
            drawing.line(546, 174, 588, y, stroke=ACCENT, stroke_width=max(14 * gate, 1.5))
        drawing.box(592, y - 22, 60, 44, PALE if gate else "none", dash=not gate)
        drawing.text(692, y + 5, f"{gate:.2f}" if gate else "off", 16, "end")
    drawing.line(356, 48, 356, 304, stroke=PALE, stroke_width=1)
    return drawing


WORKS = {  # name: first version on arXiv in years, lane, where its label stands
    "MEE": (2018.27, 0, "middle"),
    "CE": (2019.58, 0, "middle"),
    "MMT": (2020.56, 0, "middle"),
    "HowTo100M": (2019.45, 1, "below"),
    "MIL-NCE": (2019.95, 1, "middle"),
    "Frozen": (2021.25, 1, "middle"),
    "InternVideo2": (2024.22, 1, "middle"),
    "CLIP": (2021.16, 2, "end"),
    "CLIP4Clip": (2021.30, 1.5, "start"),
    "ImageBind": (2023.36, 2, "middle"),
}
TAKES_UP = (("MEE", "CE"), ("CE", "MMT"), ("MEE", "HowTo100M"), ("HowTo100M", "MIL-NCE"), ("CLIP", "CLIP4Clip"),
            ("CLIP", "ImageBind"))  # fmt: skip


def timeline():
    lanes = ("several experts, fixed features", "features learnt from videos", "learnt from pictures with texts")
    when = "; ".join(f"{name} {int(year)}" for name, (year, *_) in WORKS.items())
    drawing = Drawing(
        700,
        330,
        "From 2018 to today",
        f"A time axis with ten works: {when}. The first three, MEE, CE and MMT, combine several experts with fixed "
        "features; arrows lead from MEE to CE and on to MMT, from MEE to HowTo100M and on to MIL-NCE, and from CLIP to "
        "CLIP4Clip and ImageBind.",
    )
    at = {name: (34 + 96 * (year - 2018), 70 + 96 * lane) for name, (year, lane, _) in WORKS.items()}
    for i, words in enumerate(lanes):
        y = 70 + 96 * i
        drawing.text(692, y + (24 if i == 2 else -38), words, 16, "end", fill_opacity=0.8)
        drawing.line(10, y, 692, y, stroke=PALE, stroke_width=0.8)
    for one, other in TAKES_UP:
        (x1, y1), (x2, y2) = at[one], at[other]
        far = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
        dx, dy = (x2 - x1) / far, (y2 - y1) / far
        drawing.line(x1 + 8 * dx, y1 + 8 * dy, x2 - 9 * dx, y2 - 9 * dy, arrow=True, stroke_width=2)
    for name, (_, lane, place) in WORKS.items():
        x, y = at[name]
        if lane == 0:
            drawing.box(x - 7, y - 7, 14, 14, ACCENT, radius=0)
        else:
            drawing.dot(x, y, 7)
        dx, dy, anchor = {"middle": (0, -14, "middle"), "below": (0, 26, "middle"), "end": (-14, -10, "end"),
                          "start": (12, 6, "start")}[place]  # fmt: skip
        drawing.text(min(x + dx, 645), y + dy, name, 16, anchor, font_weight="bold")
    for year in range(2018, 2025):
        x = 34 + 96 * (year - 2018)
        drawing.line(x, 296, x, 304)
        drawing.text(x, 324, year, 16, "middle")
    drawing.line(10, 300, 692, 300)
    return drawing
