"""The map of the model, once for each lesson, with what the lesson is about filled in: here_00.svg and so on."""

from kit import ACCENT, PALE, Drawing

# name: x, y, width, words, lesson that builds it
BOXES = {
    "sentence": (10, 20, 104, "sentence", ""),
    "clip": (10, 144, 104, "clip", "01"),
    "experts": (134, 144, 104, "experts", "01"),
    "netvlad": (134, 20, 104, "NetVLAD", "02"),
    "gate": (258, 82, 104, "gated units", "03"),
    "weights": (382, 20, 104, "weights", "04"),
    "similarity": (382, 82, 104, "similarities", "03"),
    "present": (382, 144, 104, "mask", "05"),
    "score": (506, 82, 80, "score", "04"),
    "loss": (606, 20, 84, "loss", "06"),
    "ranks": (606, 144, 84, "ranks", "07"),
}
ARROWS = {
    ("sentence", "netvlad"): "M114 42 H130",
    ("netvlad", "weights"): "M238 42 H378",
    ("netvlad", "gate"): "M238 52 C268 56 290 66 300 78",
    ("clip", "experts"): "M114 166 H130",
    ("experts", "gate"): "M238 156 C268 152 290 142 300 130",
    ("experts", "present"): "M238 170 H378",
    ("gate", "similarity"): "M362 104 H378",
    ("similarity", "score"): "M486 104 H502",
    ("weights", "score"): "M486 42 C516 44 534 58 540 78",
    ("present", "score"): "M486 166 C516 164 534 150 540 130",
    ("score", "loss"): "M586 94 C600 90 608 80 618 68",
    ("score", "ranks"): "M586 114 C600 118 608 128 618 140",
}
MODEL = ["netvlad", "gate", "weights", "similarity", "present", "score"]
LESSONS = {
    "00": (["sentence", "score", "ranks"], "a sentence goes in, ranked clips come out"),
    "01": (["clip", "experts"], "the clip and its experts"),
    "02": (["sentence", "netvlad"], "the sentence and NetVLAD, which makes one vector of its words"),
    "03": (["gate", "similarity"], "the gated units, whose outputs are compared"),
    "04": (["weights", "score"], "the sentence's weights and the score, a weighted mean"),
    "05": (["present", "score"], "which experts are present, and what that does to the score"),
    "06": (["loss"], "the loss, made of a batch's scores"),
    "07": (["ranks"], "the ranks, and the metrics made of them"),
    "08": ([*MODEL, "loss"], "everything from NetVLAD to the loss"),
    "09": (["loss", "gate", "netvlad", "weights"], "the loss, and all that it changes in training"),
    "10": (["present", "ranks"], "the mask of present experts and the ranks, where leaks come from"),
    "11": (["clip", "present"], "clips that are stills and lack motion and audio"),
    "12": (MODEL, "every part of the model, each left out in turn"),
    "13": (["clip", "experts"], "your own clips and their experts"),
    "14": (["clip", "experts", "present", "ranks"], "real clips, their experts, and the ranks"),
    "15": (["sentence", "ranks"], "sentences, and the ranks that they get wrongly"),
    "16": (["score", "ranks"], "scores and ranks of a million clips"),
    "17": (["weights", "score"], "weights and score, for which attention can stand in"),
}


def _here(lesson):
    filled, words = LESSONS[lesson]
    drawing = Drawing(
        700,
        210,
        "The parts of MEE: you are here",
        f"A map of the model, with this lesson's part filled in: {words}.",
    )
    for ends, path in ARROWS.items():
        inside = set(ends) <= set(filled)
        drawing.path(
            path, arrow=True, stroke=ACCENT if inside else "currentColor", stroke_opacity=1 if inside else 0.55
        )
    for name, (x, y, width, label, builder) in BOXES.items():
        here = name in filled
        drawing.box(x, y, width, 44, fill=ACCENT if here else "none", stroke=ACCENT if here else PALE, radius=8)
        colour = {"fill": "#ffffff"} if here else {}
        drawing.text(x + width / 2, y + (20 if builder else 27), label, 16, "middle", **colour)
        if builder:
            drawing.text(
                x + width / 2,
                y + 37,
                f"lesson {builder}",
                14,
                "middle",
                **({"fill": "#ffffff"} if here else {"fill_opacity": 0.75}),
            )
    return drawing


def maps():
    """Lesson -> its map."""
    return {lesson: _here(lesson) for lesson in LESSONS}
