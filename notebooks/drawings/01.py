"""Lesson 01: what each expert gets and writes down, how a file keeps it, and how a sound becomes a picture."""

import h5py
import numpy as np
from kit import ACCENT, HERE, PALE, Drawing

FILE = HERE.parent / "data" / "tinyclips.h5"


def _picture(drawing, x, y, at, wide=44, high=34):
    """A frame of a film: a thing at (at, middle)."""
    drawing.box(x, y, wide, high, radius=2)
    drawing.dot(x + at, y + high / 2, 5)


def four_experts():
    with h5py.File(FILE) as file:
        dims = {name: expert["features"].shape[1] for name, expert in file["experts"].items()}
    drawing = Drawing(
        700,
        296,
        "What each expert gets, and what it writes down",
        f"Four rows. Appearance gets single pictures, out of order, and writes one row of {dims['appearance']:,} "
        "numbers. Motion gets pictures in order, with an arrow for what moves, and writes one row of "
        f"{dims['motion']} numbers. Audio gets the waveform and writes a row of {dims['audio']} numbers ten times per "
        f"second. Face gets the inside of a box around the face and writes one row of {dims['face']} numbers.",
    )
    told = {
        "appearance": f"{dims['appearance']:,} numbers",
        "motion": f"{dims['motion']} numbers",
        "audio": f"{dims['audio']} numbers, 10 times/s",
        "face": f"{dims['face']} numbers",
    }
    for i, (name, words) in enumerate(told.items()):
        y = 8 + 74 * i
        drawing.text(4, y + 31, name, 17)
        drawing.line(312, y + 25, 346, y + 25, arrow=True)
        count = 4 if name == "audio" else 1
        for j in range(count):
            high = 12 if count > 1 else 20
            drawing.box(356, y + 25 - count * 7 + 14 * j + (1 if count > 1 else -3), 92, high, fill=name, radius=0)
        drawing.text(460, y + 31, words, 17)
    for k, at in enumerate((30, 9, 37, 17)):  # shuffled
        _picture(drawing, 116 + 48 * k, 16, at)
    for k, at in enumerate((9, 17, 30, 37)):
        _picture(drawing, 116 + 48 * k, 90, at)
    drawing.line(130, 82, 288, 82, arrow=True, stroke=ACCENT, stroke_width=2.4)
    t = np.linspace(0, 1, 140)
    wave = np.sin(2 * np.pi * 24 * t) * (np.sin(2 * np.pi * 2 * t) > 0) * 22
    points = " L".join(f"{116 + 188 * a:.1f} {183 - b:.1f}" for a, b in zip(t, wave, strict=True))
    drawing.path(f"M{points}", stroke_width=1.4)
    drawing.box(186, 232, 50, 50, radius=2, dash=True, stroke=ACCENT, stroke_width=2)
    drawing.dot(211, 257, 19, fill="none", stroke="currentColor", stroke_width=1.6)
    drawing.dot(204, 252, 2.4)
    drawing.dot(218, 252, 2.4)
    drawing.path("M202 262 Q211 271 220 262")
    return drawing


def clip_file():
    count = 6
    with h5py.File(FILE) as file:
        ids = file["clips/id"].asstr()[:count]
        ends = {name: file[f"experts/{name}/offsets"][: count + 1].tolist() for name in ("audio", "face")}
    said = []
    for name, offsets in ends.items():
        pairs = list(zip(offsets[:-1], offsets[1:], strict=True))
        widths = ", ".join(f"clip {i}: {b - a or 'none'}" for i, (a, b) in enumerate(pairs))
        said.append(f"{name}: offsets {', '.join(map(str, offsets))}; rows per clip: {widths}")
    drawing = Drawing(
        700,
        344,
        "Rows of six clips in one array",
        f"Two long bars of rows, with a bracket per clip below. {'. '.join(said)}. A clip without rows "
        f"is a bracket of no width. The clips are {ids[0]} to {ids[-1]}.",
    )
    for (name, offsets), top in zip(ends.items(), (50, 226), strict=True):
        scale = 640 / offsets[-1]
        drawing.text(30, top - 32, name, 18)
        drawing.box(30, top, 640, 34, fill=name, radius=0)
        for row in range(1, offsets[-1]) if name == "face" else offsets[1:-1]:
            drawing.line(30 + row * scale, top, 30 + row * scale, top + 34)
        for row in sorted(set(offsets)):
            words = f"{row}, {row}" if offsets.count(row) > 1 else row
            drawing.text(30 + row * scale, top - 8, words, 16, "middle")
        for clip, (first, last) in enumerate(zip(offsets[:-1], offsets[1:], strict=True)):
            x0, x1 = 30 + first * scale, 30 + last * scale
            if last > first:
                drawing.path(f"M{x0 + 3:.1f} {top + 40} v10 H{x1 - 3:.1f} v-10")
                drawing.text((x0 + x1) / 2, top + 70, f"clip {clip}", 17, "middle")
            else:
                drawing.line(x0, top + 38, x0, top + 84, stroke=ACCENT, stroke_width=3)
                drawing.text(x0, top + 104, f"clip {clip}", 17, "start" if x0 < 60 else "middle")
    return drawing


def window_slides():
    length, window, hop = 1920, 160, 80
    n = np.arange(length)
    sound = np.zeros(length)
    for start, period, loud in ((100, 40, 0.8), (700, 20, 1.0), (1330, 10, 0.6)):
        here = (n >= start) & (n < start + 420)
        fade = np.clip(np.minimum(n - start, start + 420 - n) / 60, 0, 1)
        sound += here * fade * loud * np.sin(2 * np.pi * n / period)
    edges = (2, 3, 5, 7, 12, 20)
    count = (length - window) // hop + 1
    strength = np.empty((count, len(edges) - 1))
    for i in range(count):
        power = np.abs(np.fft.rfft(sound[i * hop : i * hop + window] * np.hanning(window))) ** 2
        strength[i] = [power[a:b].sum() for a, b in zip(edges[:-1], edges[1:], strict=True)]
    strength = np.clip(np.log10(strength / strength.max() + 1e-9) / 2.5 + 1, 0, 1)
    scale, left, step = 620 / length, 66, 620 * hop / length
    css = (
        "#NAME .window { transform: translateX("
        + f"{10 * step:.2f}px); animation: NAME-slide 9s steps({count}) -4s infinite; }}"
    )
    end = f"translateX({count * step:.2f}px)"
    css += f" @keyframes NAME-slide {{ from {{ transform: none; }} to {{ transform: {end}; }} }}"
    for i in range(count):
        at = 100 * i / count
        css += f" #NAME .c{i} {{ animation: NAME-c{i} 9s -4s infinite; }}"
        css += f" @keyframes NAME-c{i} {{ 0%, {at:.1f}% {{ opacity: 0.15; }} {at + 0.2:.1f}%, 100% {{ opacity: 1; }} }}"
    drawing = Drawing(
        700,
        300,
        "A window slides over a sound and writes a picture",
        "Above, a waveform of three notes with pauses between them, each note higher than the one before. A window "
        f"slides over it in {count} steps, and each step writes a column of {len(edges) - 1} cells below: the stronger "
        "a cell, the louder that range of pitch. The first note fills a low row of cells, the last a high row, and in "
        "the pauses the columns are empty.",
        css,
    )
    points = " L".join(f"{left + scale * i:.1f} {58 - 44 * sound[i]:.1f}" for i in range(0, length, 2))
    drawing.path(f"M{points}", stroke_width=1.1)
    drawing.text(6, 64, "sound", 17)
    drawing.text(6, 156, "high", 17)
    drawing.text(6, 270, "low", 17)
    first = left + (window - hop) / 2 * scale  # a column stands below the middle of its window
    for i, column in enumerate(strength):
        cells = "".join(
            f'<rect x="{first + i * step:.1f}" y="{138 + 28 * (len(column) - 1 - band)}" width="{step - 1.5:.1f}" '
            f'height="26" fill="currentColor" fill-opacity="{value:.2f}"/>'
            for band, value in enumerate(column)
            if value >= 0.05
        )
        drawing.add(f'<g class="c{i}">{cells}</g>')
    drawing.box(first - 2, 136, count * step + 2, 142, radius=0, stroke=PALE)
    drawing.add('<g class="window">')
    drawing.box(left, 8, window * scale, 100, stroke=ACCENT, stroke_width=3, fill=ACCENT, fill_opacity=0.12)
    drawing.line(
        left + window * scale / 2, 108, left + window * scale / 2, 132, arrow=True, stroke=ACCENT, stroke_width=2.4
    )
    drawing.box(first - 1.5, 136, step + 1.5, 142, radius=0, stroke=ACCENT, stroke_width=3)
    drawing.add("</g>")
    drawing.text(690, 297, "time", 17, "end")
    drawing.line(560, 291, 646, 291, arrow=True)
    return drawing
