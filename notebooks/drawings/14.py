"""Lesson 14: what is kept of MSR-VTT, what four experts see of a video, and two lists that leak into each other."""

from kit import ACCENT, PALE, Drawing

# videos: of MSR-VTT, with frames in public, of these on the paper's list, and its splits
ALL, FRAMES, LISTED = 10_000, 4_827, 3_723
SPLITS = {"train": 2_938, "val": 300, "test": 485}
# videos in the file that each list trains on and tests with: (what 1k-B does, what 1k-A does) -> how many
BOTH = {("test", "test"): 146, ("test", "train"): 339, ("train", "test"): 210}
BOTH["train", "train"] = LISTED - sum(BOTH.values())


def kept():
    complete = 356  # with all four experts
    drawing = Drawing(
        700,
        270,
        "What is kept of 10,000 videos",
        f"Four bars, each as long as its number of videos. MSR-VTT has {ALL:,}; {FRAMES:,} of them have frames "
        "in public; "
        f"{LISTED:,} of these are on the list 1k-B, divided into {SPLITS['train']:,} to train, {SPLITS['val']} "
        "to validate "
        f"and {SPLITS['test']} to test; {complete} have all four experts.",
    )
    scale, left = 560 / ALL, 120
    rows = (
        ("MSR-VTT", ALL, f"{ALL:,} videos"),
        ("frames", FRAMES, f"{FRAMES:,} have frames"),
        ("our file", LISTED, f"{LISTED:,} on the list 1k-B"),
        ("complete", complete, f"{complete} have all four experts"),
    )
    for i, (label, count, words) in enumerate(rows):
        top = 14 + 66 * i
        drawing.text(left - 12, top + 26, label, 16, "end")
        wide = count * scale
        if label == "our file":
            x = left
            for number, fill in zip(SPLITS.values(), ("none", PALE, ACCENT), strict=True):
                drawing.box(x, top, number * scale, 40, fill, radius=0)
                x += number * scale
            drawing.text(left + 8, top + 26, f"{SPLITS['train']:,} train")
            drawing.text(x + 12, top + 17, words)
            drawing.text(x + 12, top + 37, f"{SPLITS['val']} validation, {SPLITS['test']} test")
        else:
            drawing.box(left, top, wide, 40, radius=0)
            inside = count == ALL
            drawing.text(left + wide + (-10 if inside else 12), top + 26, words, 16, "end" if inside else "start")
        if i:
            before = rows[i - 1][1] * scale
            for x, y in ((left, left), (left + before, left + wide)):
                drawing.line(x, top - 26, y, top, dash=True, stroke=PALE, stroke_width=1)
    return drawing


def four_experts():
    drawing = Drawing(
        700,
        330,
        "What four experts see of one video",
        "Four frames of a video in two pairs: a street, the street half a second later, a person at a desk above whose "
        "desk a headline is written, the same person half a second later. Appearance reads each frame: four "
        "rows of 1,280 "
        "numbers. Motion compares the two frames of each pair: one vector of 360. Face takes the largest "
        "face: one vector "
        "of 128. Text reads a headline: a row of 50 for each word. A video without a face or writing has no "
        "rows there.",
    )
    xs = [118, 222, 350, 454]
    for i, x in enumerate(xs):
        drawing.box(x, 12, 96, 62, radius=3)
        if i < 2:  # a street: houses and a car
            drawing.box(x + 10, 26, 22, 36, stroke_width=1)
            drawing.box(x + 38, 36, 20, 26, stroke_width=1)
            drawing.line(x + 2, 62, x + 94, 62, stroke_width=1)
            car = x + 12 + 42 * i
            drawing.box(car, 50, 24, 9, PALE, stroke_width=1)
            drawing.dot(car + 6, 61, 3)
            drawing.dot(car + 18, 61, 3)
        else:  # a person at a desk, and a headline
            drawing.dot(x + 46 + 4 * (i - 2), 29, 11, "none", stroke="currentColor", stroke_width=1.4)
            drawing.dot(x + 42 + 4 * (i - 2), 27, 1.6)
            drawing.dot(x + 50 + 4 * (i - 2), 27, 1.6)
            drawing.path(f"M{x + 26} 55 C{x + 28} 43 {x + 66} 43 {x + 70} 55", stroke_width=1.4)
            drawing.box(x + 5, 55, 86, 17, "#1f2328", radius=0, stroke="none")
            drawing.text(x + 48, 68.5, "RAIN NOW", 14, "middle", fill="#ffffff")
    rows = ("appearance", "motion", "face", "text")
    for i, name in enumerate(rows):
        y = 98 + 50 * i
        drawing.text(8, y + 20, name)
        drawing.line(118, y + 40, 692, y + 40, stroke=PALE, stroke_width=0.7)
    for x in xs:
        drawing.box(x, 98, 96, 28, "appearance")
    drawing.text(566, 118, "4 rows of 1,280")
    for x in (xs[0], xs[2]):
        drawing.box(x, 148, 200, 28, "motion")
    drawing.text(566, 168, "360 numbers")
    drawing.box(xs[2], 198, 96, 28, "face")
    drawing.text(566, 218, "128 numbers")
    drawing.box(xs[2], 248, 96, 28, "text")
    drawing.text(566, 268, "2 rows of 50")
    drawing.text(118, 316, "No face, no writing: no rows. A gap, not a zero.", font_weight="bold")
    return drawing


def two_lists():
    drawing = Drawing(
        700,
        300,
        "One video, two lists",
        f"The file's {LISTED:,} videos stand twice, divided by the list 1k-B on the left and by 1k-A on the right. "
        f"{BOTH['train', 'train']:,} are trained on by both, and {BOTH['test', 'test']} are tested by both. "
        f"{BOTH['train', 'test']} that 1k-B trains on are tested by 1k-A, and {BOTH['test', 'train']} the "
        "other way round: "
        "these two bands cross, and are leaks. The band of videos that both train on is drawn shortened.",
    )
    # heights: not to scale for the large band, or the small ones could not be seen
    high = {key: 96 if key == ("train", "train") else 0.16 * count for key, count in BOTH.items()}
    order = (("train", "train"), ("train", "test"), ("test", "train"), ("test", "test"))
    left, right, y = {}, {}, 44.0
    for key in order:
        left[key], y = y, y + high[key] + (18 if key == ("train", "test") else 0)
    y = 44.0
    for key in (("train", "train"), ("test", "train"), ("train", "test"), ("test", "test")):
        right[key], y = y, y + high[key] + (18 if key == ("test", "train") else 0)
    x1, x2 = 210, 490
    for key in (order[0], order[3], order[1], order[2]):
        a, b, h = left[key], right[key], high[key]
        leak = key[0] != key[1]
        middle = (x1 + x2) / 2
        there = f"M{x1} {a:.1f} C{middle} {a:.1f} {middle} {b:.1f} {x2} {b:.1f}"
        d = f"{there} V{b + h:.1f} C{middle} {b + h:.1f} {middle} {a + h:.1f} {x1} {a + h:.1f} Z"
        drawing.path(d, fill=ACCENT if leak else PALE, fill_opacity=0.75 if leak else 0.3, stroke="none")
    for x, side, name in ((x1 - 14, left, "1k-B"), (x2, right, "1k-A")):
        which = 0 if name == "1k-B" else 1
        total = {part: sum(n for key, n in BOTH.items() if key[which] == part) for part in ("train", "test")}
        drawing.text(x + 7, 26, name, 18, "middle", font_weight="bold")
        for part in ("train", "test"):
            keys = [key for key in BOTH if key[which] == part]
            top, bottom = min(side[key] for key in keys), max(side[key] + high[key] for key in keys)
            drawing.box(x, top, 14, bottom - top, PALE if part == "train" else "none", radius=0)
            at, anchor = (x - 10, "end") if which == 0 else (x + 24, "start")
            middle = (top + bottom) / 2
            drawing.text(at, middle, "trains on" if part == "train" else "tests with", 16, anchor)
            drawing.text(at, middle + 20, f"{total[part]:,}", 16, anchor)
    drawing.text(350, 44 + 52, f"{BOTH['train', 'train']:,} in both trainings", 16, "middle")
    drawing.text(350, left["test", "test"] + 18, f"{BOTH['test', 'test']} in both tests", 16, "middle")
    drawing.text(232, left["train", "test"] + 22, BOTH["train", "test"], 16, fill="#ffffff")
    drawing.text(232, left["test", "train"] + 34, BOTH["test", "train"], 16, fill="#ffffff")
    return drawing


def a_draw_of_captions():
    import torch

    # 12 videos with 20 captions: which find their video is drawn, harder and easier videos
    g = torch.Generator().manual_seed(3)
    ease = torch.linspace(0.05, 0.9, 12)[torch.randperm(12, generator=g)]
    found = torch.rand(20, 12, generator=g) < ease
    draws = [torch.randint(20, (12,), generator=g) for _ in range(60)]
    hits = [int(found[d, torch.arange(12)].sum()) for d in draws]
    low, high = hits.index(min(hits)), hits.index(max(hits))
    mean = float(found.double().mean())
    drawing = Drawing(
        700,
        300,
        "One caption per clip is a draw",
        f"Twelve columns, a video each, of twenty dots, its captions; a filled dot finds its video. Of all 240, "
        f"{100 * mean:.0f} percent do. Two draws of one caption for each video are ringed below: a lucky one of which "
        f"{hits[high]} of 12 find their video, and an unlucky one of which {hits[low]} do.",
    )
    for panel, (draw, word) in enumerate(((low, "unlucky"), (high, "lucky"))):
        x0 = 40 + 350 * panel
        for j in range(12):
            for i in range(20):
                x, y = x0 + 24 * j, 16 + 11.5 * i
                hit = bool(found[i, j])
                drawing.dot(x, y, 3.4, "currentColor" if hit else "none", stroke=PALE, stroke_width=1)
                if int(draws[draw][j]) == i:
                    drawing.dot(x, y, 6.4, "none", stroke=ACCENT, stroke_width=2.4)
        drawing.text(x0 + 132, 264, f"{word} draw: {hits[draw]} of 12", 16, "middle")
    drawing.text(350, 292, f"all 240 captions: {100 * mean:.0f} %", 16, "middle")
    return drawing
