"""Lesson 08: the model as shapes, how its pieces fit, a training step, and what a batch norm must not see."""

import ast
from pathlib import Path

from kit import ACCENT, PALE, Drawing

TEXTS, WORDS, WORD_DIM, CLIPS, CENTRES, DIM = 3, 12, 50, 3, 8, 128  # the lesson's small batch
EXPERTS = {"appearance": (1280,), "audio": (41, 64), "face": (128,), "motion": (360,)}
SOUND_CENTRES = 4
MINI = Path(__file__).resolve().parents[1] / "mee_mini.py"


def _times(*sizes):
    return " × ".join(map(str, sizes))


def shapes():
    pooled, sound = WORD_DIM * CENTRES, EXPERTS["audio"][1] * SOUND_CENTRES
    words, weights = _times(TEXTS, WORDS, WORD_DIM), _times(TEXTS, len(EXPERTS))
    drawing = Drawing(
        700,
        452,
        "The whole model, tensor by tensor",
        f"Above, the sentences. Words, {words}, go through NetVLAD and become {_times(TEXTS, pooled)}. A softmax makes "
        f"weights of them, {weights}; four units make text vectors, {len(EXPERTS)} of {_times(TEXTS, DIM)}. Below, the "
        f"clips. Appearance, {_times(CLIPS, *EXPERTS['appearance'])}, face, {_times(CLIPS, *EXPERTS['face'])}, and "
        f"motion, {_times(CLIPS, *EXPERTS['motion'])}, each go through a unit and become {_times(CLIPS, DIM)}. Audio, "
        f"{_times(CLIPS, *EXPERTS['audio'])}, first goes through NetVLAD and becomes {_times(CLIPS, sound)}. The mask "
        f"of present experts is {_times(CLIPS, len(EXPERTS))}. Weights, text vectors, clip vectors and "
        "mask meet in the "
        f"score, {_times(TEXTS, CLIPS)}.",
    )

    def tensor(x, y, width, name, shape, fill=None):
        drawing.box(x, y, width, 46, stroke=PALE if not fill else "currentColor")
        if fill:
            drawing.box(x, y, 18, 46, fill=fill)
        middle = x + (width + (18 if fill else 0)) / 2
        drawing.text(middle, y + (19 if name else 28), name or shape, 15, "middle")
        if name:
            drawing.text(middle, y + 38, shape, 15, "middle")

    def arrow(x1, y1, x2, y2, words="", lift=6):
        drawing.line(x1, y1, x2 - 3, y2, arrow=True)
        if words:
            drawing.text((x1 + x2) / 2 - 2, min(y1, y2) - lift, words, 14, "middle")

    drawing.text(10, 18, "the sentences", 14, fill_opacity=0.8)
    tensor(10, 28, 132, "words", words)
    arrow(142, 51, 222, 51, "NetVLAD")
    tensor(222, 28, 92, "", _times(TEXTS, pooled))
    arrow(314, 51, 404, 51, "softmax")
    tensor(404, 28, 120, "weights", weights)
    drawing.path("M268 74 V113 H401", arrow=True)
    drawing.text(345, 107, "4 units", 14, "middle")
    tensor(404, 90, 120, "text vectors", f"{len(EXPERTS)} of {_times(TEXTS, DIM)}")

    drawing.text(10, 168, "the clips", 14, fill_opacity=0.8)
    for i, (name, shape) in enumerate(EXPERTS.items()):
        y = 178 + 54 * i
        tensor(10, y, 132, name, _times(CLIPS, *shape), name)
        if len(shape) > 1:
            arrow(142, y + 23, 222, y + 23, "NetVLAD")
            tensor(222, y, 92, "", _times(CLIPS, sound))
            arrow(314, y + 23, 404, y + 23, "unit")
        else:
            arrow(142, y + 23, 404, y + 23)
            drawing.text(357, y + 17, "unit", 14, "middle")
        tensor(404, y, 120, "", _times(CLIPS, DIM), name)
    drawing.path("M76 390 V417 H401", arrow=True)
    drawing.text(236, 411, "which experts are present?", 14, "middle")
    tensor(404, 394, 120, "mask", _times(CLIPS, len(EXPERTS)))

    drawing.box(604, 186, 88, 60, stroke=ACCENT, stroke_width=3)
    drawing.text(648, 211, "scores", 16, "middle")
    drawing.text(648, 233, _times(TEXTS, CLIPS), 16, "middle")
    drawing.path("M524 51 C600 51 640 110 646 182", arrow=True)
    drawing.path("M524 113 C580 113 618 140 630 182", arrow=True)
    drawing.path("M528 178 H540 V386 H528", stroke=PALE)
    drawing.path("M540 260 C565 258 585 236 600 224", arrow=True)
    drawing.path("M524 417 C600 417 646 340 648 250", arrow=True)
    drawing.text(588, 296, "weighted", 14, "middle")
    drawing.text(588, 314, "mean", 14, "middle")
    return drawing


def _lines():
    """Name -> its lines of code in mee_mini.py, without blank lines and comments; methods under their own names."""
    text = MINI.read_text(encoding="utf-8").splitlines()
    real = [bool(line.strip()) and not line.strip().startswith("#") for line in text]
    found = {}
    for node in ast.parse("\n".join(text)).body:
        for each in (node, *(getattr(node, "body", ()))):
            if isinstance(each, ast.FunctionDef | ast.ClassDef):
                found[each.name] = sum(real[each.lineno - 1 : each.end_lineno])
    return found


def pieces():
    lines = _lines()
    names = ["NetVLAD", "Gate", "Unit", "pad", "text_batch", "video_batch", "embed_text", "embed_video", "score"]
    counts = ", ".join(f"{name} {lines[name]}" for name in [*names, "max_margin", "recall_at_10", "train"])
    drawing = Drawing(
        700,
        302,
        "How the pieces fit together",
        "Boxes are pieces, an arrow goes from a piece to the one that takes its result. pad serves text_batch and "
        "video_batch. text_batch goes to embed_text, video_batch to embed_video. Both of these use NetVLAD and Unit, "
        "and Unit uses Gate. They go to score. From score one arrow goes to max_margin, which train calls, and one to "
        f"recall_at_10. Lines of code: {counts}.",
    )

    code = {"font_family": "ui-monospace, monospace"}

    def piece(x, y, width, name, accent=False):
        stroke = {"stroke": ACCENT, "stroke_width": 2.5} if accent else {}
        drawing.box(x, y, width, 50, radius=8, **stroke)
        drawing.text(x + width / 2, y + 21, name, 15, "middle", **code)
        drawing.text(x + width / 2, y + 41, f"{lines[name]} lines", 14, "middle", fill_opacity=0.8)

    piece(4, 126, 74, "pad")
    piece(116, 16, 122, "text_batch")
    piece(116, 236, 122, "video_batch")
    piece(290, 16, 122, "embed_text")
    piece(290, 236, 122, "embed_video")
    piece(458, 126, 78, "score", accent=True)
    piece(576, 236, 120, "recall_at_10")
    drawing.path("M78 142 C104 134 96 54 112 44", arrow=True)
    drawing.path("M78 160 C104 168 96 248 112 258", arrow=True)
    for y in (41, 261):
        drawing.line(238, y, 286, y, arrow=True)
    drawing.path("M412 41 C446 44 470 90 482 122", arrow=True)
    drawing.path("M412 261 C446 258 470 212 482 180", arrow=True)
    drawing.path("M524 126 C536 96 552 60 580 52", arrow=True)
    drawing.path("M524 176 C536 206 548 246 572 256", arrow=True)

    drawing.box(206, 112, 230, 78, radius=10, stroke=PALE, dash=True)
    for x, name in ((252, "NetVLAD"), (330, "Unit"), (402, "Gate")):
        drawing.text(x, 146, name, 15, "middle", **code)
        drawing.text(x, 170, f"{lines[name]} lines", 14, "middle", fill_opacity=0.8)
    drawing.line(380, 141, 356, 141, arrow=True)
    drawing.line(340, 112, 340, 70, arrow=True)
    drawing.line(340, 190, 340, 232, arrow=True)

    drawing.box(568, 8, 128, 118, radius=10)
    drawing.text(632, 96, "train", 15, "middle", **code)
    drawing.text(632, 116, f"{lines['train']} lines", 14, "middle", fill_opacity=0.8)
    piece(582, 20, 100, "max_margin")
    return drawing


def _parameters():
    """(tensors, numbers) of the lesson's model."""

    def netvlad(clusters, dim):
        return [dim * clusters, dim * clusters, clusters, clusters]

    def unit(width):
        return [width * DIM, DIM, DIM * DIM, DIM, DIM, DIM]

    pooled = WORD_DIM * CENTRES
    tensors = netvlad(CENTRES, WORD_DIM) + netvlad(SOUND_CENTRES, EXPERTS["audio"][1])
    for shape in EXPERTS.values():
        tensors += unit(shape[-1] * (SOUND_CENTRES if len(shape) > 1 else 1)) + unit(pooled)
    tensors += [pooled * len(EXPERTS), len(EXPERTS)]
    return len(tensors), sum(tensors)


def step():
    size = 64
    tensors, numbers = _parameters()
    css = (
        "#NAME .pulse { animation: NAME-pulse 8s ease-in-out infinite; } "
        "@keyframes NAME-pulse { 0%, 26%, 100% { stroke-width: 1.6px; } 10% { stroke-width: 5px; } } "
    ) + "".join(f"#NAME .at{i} {{ animation-delay: {1.4 * i:.1f}s; }} " for i in range(4))
    drawing = Drawing(
        700,
        270,
        "One step of training",
        f"{size} clips, and a caption drawn for each, go through the model. It gives {size} times {size} "
        "scores; the right "
        "pairs lie on the diagonal. Max margin makes one number of them, the loss. From the loss the "
        "gradients go back, "
        f"one for each of the {tensors} tensors of parameters, and Adam changes their {numbers:,} numbers a little.",
        css,
    )
    drawing.box(10, 40, 120, 46, radius=8)
    drawing.text(70, 69, f"{size} captions", 16, "middle")
    drawing.box(10, 118, 120, 46, radius=8)
    drawing.text(70, 147, f"{size} clips", 16, "middle")
    drawing.path("M130 63 C150 64 160 84 176 94", arrow=True, class_="pulse at0")
    drawing.path("M130 141 C150 140 160 122 176 112", arrow=True, class_="pulse at0")
    drawing.box(180, 72, 96, 60, radius=8)
    drawing.text(228, 108, "model", 16, "middle")
    drawing.line(276, 102, 352, 102, arrow=True, class_="pulse at1")
    cells, cell = 8, 16  # a few of the 64
    x0, y0 = 358, 38
    for i in range(cells):
        for j in range(cells):
            drawing.box(
                x0 + j * cell, y0 + i * cell, cell, cell, radius=0, stroke_width=0.7, fill=ACCENT if i == j else "none"
            )
    drawing.text(x0 + cells * cell / 2, 28, f"{size} × {size} scores", 16, "middle")
    drawing.line(x0 + cells * cell, 102, 572, 102, arrow=True, class_="pulse at2")
    drawing.text(530, 92, "max margin", 14, "middle")
    drawing.box(576, 72, 120, 60, radius=8)
    drawing.text(636, 99, "loss:", 16, "middle")
    drawing.text(636, 120, "one number", 16, "middle")
    drawing.path("M636 132 V214 H228 V138", arrow=True, stroke=ACCENT, class_="pulse at3")
    drawing.text(431, 204, f"backward(): {tensors} tensors of gradients", 16, "middle")
    drawing.text(431, 240, f"step(): Adam changes {numbers:,} numbers a little", 16, "middle")
    return drawing


def zeros_counted():
    faces, absent = [0.3, 0.5, 0.7, 0.9], 5  # one dimension of six rows; five clips have no face
    panels = {"present rows only": faces, "zeros counted too": [*faces, *[0.0] * absent]}
    facts = {}
    for name, rows in panels.items():
        mean = sum(rows) / len(rows)
        spread = (sum((x - mean) ** 2 for x in rows) / len(rows)) ** 0.5
        facts[name] = mean, spread, (faces[0] - mean) / spread
    words = "; ".join(
        f"{name}: mean {mean:.2f}, standard deviation {spread:.2f}, and the face at {faces[0]} becomes {z:.2f}"
        for name, (mean, spread, z) in facts.items()
    )
    drawing = Drawing(
        700,
        236,
        "What a batch norm must not see",
        f"Two number lines from 0 to 1 with one dimension of four faces, at {', '.join(map(str, faces))}; "
        "five clips have no "
        f"face. {words}.",
    )
    left, wide = 210, 290
    for k, (name, rows) in enumerate(panels.items()):
        y = 74 + 106 * k
        mean, spread, z = facts[name]
        drawing.text(10, y - 2, name, 16)
        drawing.text(10, y + 19, f"{len(rows)} rows", 14, fill_opacity=0.8)
        drawing.box(
            left + wide * (mean - spread), y - 20, 2 * wide * spread, 40, stroke="none", fill=PALE, fill_opacity=0.3
        )
        drawing.line(left - 14, y, left + wide + 14, y)
        for value in (0, 1):
            drawing.line(left + wide * value, y - 5, left + wide * value, y + 5)
            drawing.text(left + wide * value, y + 46, value, 14, "middle")
        drawing.line(left + wide * mean, y - 26, left + wide * mean, y + 26, stroke=ACCENT, stroke_width=3)
        drawing.text(left + wide * mean, y - 34, f"mean {mean:.2f}", 16, "middle", font_weight="bold")
        for value in faces:
            drawing.dot(left + wide * value, y, 8, fill="face", stroke="currentColor", stroke_width=1.2)
        if len(rows) > len(faces):
            for ring in range(absent):
                drawing.dot(
                    left, y + 11 * (ring - (absent - 1) / 2), 5, fill="none", stroke="currentColor", stroke_width=1.8
                )
        drawing.text(600, y - 8, f"{faces[0]} becomes", 16, "middle")
        drawing.text(600, y + 15, f"{z:.2f}".replace("-", "−"), 18, "middle", font_weight="bold")
    return drawing
