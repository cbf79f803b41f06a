"""Lesson 00: what happens between a sentence and its results. The numbers are the book's model's own."""

from functools import lru_cache

from kit import ACCENT, HERE, PALE, Drawing

ORDER = ("appearance", "motion", "audio", "face")


SENTENCE = "deep under water a phone rings"


@lru_cache
def _clips():
    from mee import read_clips

    return read_clips(HERE.parent / "data" / "tinyclips.h5")


@lru_cache
def _index():
    import torch

    from mee import load_model
    from mee.search import ClipIndex

    model, words = load_model(HERE.parent / "data" / "tinyclips_model.pt")
    searched = torch.cat([_clips().clips_in("val"), _clips().clips_in("test")])
    return ClipIndex.build(model.float(), _clips(), searched, words=words, progress=False)


def _hits(sentence, count):
    return _index().search(sentence, count, score="paper")


def _strip(drawing, x, y, fill, cells=7, size=13):
    """A vector: a row of cells; fill: an expert's name, or None for one that is absent."""
    drawing.box(x, y, cells * size, size, fill=fill or "none", radius=0, dash=fill is None)
    if fill:
        for i in range(1, cells):
            drawing.line(x + i * size, y, x + i * size, y + size, stroke_width=0.8)


def sentence_to_results():
    hits = _hits(SENTENCE, 4)
    drawing = Drawing(
        700,
        264,
        "From a sentence to ranked films",
        "Above, a sentence is turned into four rows of numbers, one per expert. Below, films have been turned into "
        "numbers before; the second film lacks a row, because it shows no face. Both meet in a box, compare and sort, "
        f"and out come ranked films, whose scores here are {', '.join(f'{hit.score:.2f}' for hit in hits)}.",
    )
    drawing.box(4, 32, 166, 62, radius=8, stroke=ACCENT, stroke_width=2)
    drawing.text(87, 58, "deep under water", 17, "middle")
    drawing.text(87, 81, "a phone rings", 17, "middle")
    for i in range(3):
        x, y = 20 + 24 * i, 146 + 18 * i
        drawing.add(f'<rect x="{x}" y="{y}" width="76" height="50" rx="3" fill="{PALE}" stroke="currentColor"/>')
        drawing.add(f'<path d="M{x + 31} {y + 14} l18 11 l-18 11 z" fill="#ffffff"/>')
    drawing.text(20, 256, "1,000 films", 17)
    drawing.line(172, 63, 202, 63, arrow=True)
    drawing.line(150, 188, 202, 188, arrow=True)
    for i, name in enumerate(ORDER):
        _strip(drawing, 208, 30 + 17 * i, name)
    drawing.text(208, 20, "numbers per expert", 17)
    for film, x in enumerate((208, 312)):
        for i, name in enumerate(ORDER):
            _strip(drawing, x, 156 + 17 * i, None if (film, name) == (1, "face") else name)
    drawing.text(208, 256, "computed once, before", 17)
    drawing.path("M304 63 C370 63 420 74 440 100", arrow=True, stroke=ACCENT)
    drawing.path("M410 190 C426 188 440 180 446 168", arrow=True)
    drawing.box(424, 106, 104, 56, radius=8)
    drawing.text(476, 129, "compare", 17, "middle")
    drawing.text(476, 151, "and sort", 17, "middle")
    drawing.line(530, 134, 562, 134, arrow=True)
    longest = max(hit.score for hit in hits)
    for rank, hit in enumerate(hits):
        y = 56 + 42 * rank
        drawing.text(568, y + 19, f"{rank + 1}.", 17)
        drawing.box(590, y, round(46 * hit.score / longest), 26, fill=PALE, radius=0)
        drawing.text(640, y + 19, f"{hit.score:.2f}", 17)
    return drawing


def weights_times_similarities():
    hit = _hits(SENTENCE, 4)[3]
    rows = [(hit.weight[name], hit.similarity[name], hit.parts[name]) for name in ORDER]
    told = "; ".join(f"{name} {w:.3f} times {s:.3f} adds {p:.3f}" for name, (w, s, p) in zip(ORDER, rows, strict=True))
    drawing = Drawing(
        700,
        262,
        "A score is a weighted mean",
        "A table with a row for each expert: its mixture weight as a bar, times its similarity, is what it adds: "
        f"{told}. The sum is the score, {hit.score:.3f}.",
    )
    zeros = (120, 384, 590)
    for x, words in zip(zeros, ("weight", "similarity", "adds"), strict=True):
        drawing.text(x, 20, words, 18)
    for i, (name, row) in enumerate(zip(ORDER, rows, strict=True)):
        y = 36 + 46 * i
        drawing.text(8, y + 23, name, 17)
        for j, (value, scale) in enumerate(zip(row, (180, 72, 180), strict=True)):
            wide = round(abs(value) * scale)
            zero = zeros[j]
            drawing.box(zero if value > 0 else zero - wide, y, wide, 32, fill=name, radius=0, stroke_width=1)
            drawing.text(zero + (wide if value > 0 else 0) + 8, y + 22, f"{value:.3f}".replace("-", "−"), 17)
            drawing.line(zero, y - 4, zero, y + 36, stroke_width=1.2)
        drawing.text(300, y + 23, "×", 20, "middle")
        drawing.text(530, y + 23, "=", 20, "middle")
    drawing.line(560, 222, 690, 222)
    drawing.text(520, 250, "score", 18, "end")
    drawing.box(580, 228, 78, 32, stroke=ACCENT, stroke_width=2.5)
    drawing.text(619, 250, f"{hit.score:.3f}", 18, "middle", font_weight="bold")
    return drawing


def first_hundred():
    clips, hits = _clips(), _hits("a red car", 100)

    def cars(hit):
        things = clips.facts[clips.ids.index(hit.id)]["things"]
        return {thing["colour"] for thing in things if thing["shape"] == "car"}

    seen = [cars(hit) for hit in hits]
    red = [place for place, colours in enumerate(seen, 1) if "red" in colours]
    other = sum(bool(colours) for colours in seen) - len(red)
    all_cars = next(place for place, colours in enumerate(seen, 1) if not colours) - 1
    drawing = Drawing(
        700,
        214,
        "The first hundred films for a red car",
        f"A hundred places in five rows of twenty. The first {all_cars} all show a car; among the hundred, {other} "
        f"show a car of another colour and {len(red)} a red one, at places {', '.join(map(str, red))}.",
    )
    for i, colours in enumerate(seen):
        x, y = 14 + 34 * (i % 20), 4 + 32 * (i // 20)
        if "red" in colours:
            drawing.box(x, y, 28, 26, fill=ACCENT, stroke=ACCENT)
            drawing.text(x + 14, y + 19, i + 1, 15, "middle", fill="#ffffff", font_weight="bold")
        elif colours:
            drawing.box(x, y, 28, 26, fill=PALE, stroke=PALE, fill_opacity=0.55)
        else:
            drawing.box(x, y, 28, 26, dash=True, stroke_width=0.8)
    for x, words, style in (
        (14, "red car, and its place", {"fill": ACCENT, "stroke": ACCENT}),
        (268, "another car", {"fill": PALE, "stroke": PALE, "fill_opacity": 0.55}),
        (440, "no car", {"dash": True, "stroke_width": 0.8}),
    ):
        drawing.box(x, 180, 28, 26, **style)
        drawing.text(x + 38, 199, words, 18)
    return drawing
