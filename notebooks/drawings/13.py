"""Lesson 13: from an .mp4 to a clip file, the audio expert's windows, and the face that was in memory before."""

from math import cos, exp, pi, sin

from kit import ACCENT, PALE, Drawing

FRAMES, PAIRS, RATE, LONGEST = 8, 24, 16_000, 128  # what read_clip takes of a film (data_scripts/extract/decode.py)
WINDOW, HOP, ROW = 32, 10, 100  # milliseconds (data_scripts/extract/audio.py)
BANDS = 64


def path():
    size = {"appearance": 1280, "face": 128, "motion": 3 * 10 * 12, "audio": BANDS}
    words = {
        "appearance": ("network, mean", f"{size['appearance']:,} numbers"),
        "face": ("largest face", f"{size['face']} numbers"),
        "motion": ("optical flow", f"{size['motion']} numbers"),
        "audio": ("log-mel", f"{size['audio']} per 0.1 s"),
    }
    drawing = Drawing(
        700,
        322,
        "From an .mp4 to a clip file",
        f"read_clip takes three things from film.mp4: {FRAMES} frames, {PAIRS} pairs of grey frames, and the sound at "
        f"{RATE:,} samples per second. The frames go to appearance, a network and a mean, which gives "
        f"{size['appearance']:,} "
        f"numbers, and to face, which describes the largest face by {size['face']} numbers. The pairs go "
        "to motion, optical "
        f"flow, {size['motion']} numbers. The sound goes to audio, log-mel, {BANDS} numbers for each tenth "
        "of a second. All "
        "four write rows into the clip file mine.h5; the arrows of face and audio are dashed: where there "
        "is none, no row is written.",
    )
    drawing.box(6, 128, 92, 66, radius=8)
    drawing.text(52, 156, "film", 16, "middle")
    drawing.text(52, 177, ".mp4", 16, "middle")
    sources = [
        (22, f"{FRAMES} frames", ""),
        (136, f"{PAIRS} pairs of", "grey frames"),
        (248, "sound,", f"{RATE // 1000} kHz"),
    ]
    for y, first, second in sources:
        drawing.box(146, y, 116, 52, radius=8)
        drawing.text(204, y + (22 if second else 32), first, 16, "middle")
        drawing.text(204, y + 42, second, 16, "middle")
    drawing.path("M98 144 C124 138 122 60 142 50", arrow=True)
    drawing.line(98, 162, 142, 162, arrow=True)
    drawing.path("M98 180 C124 188 122 262 142 272", arrow=True)
    tops = {"appearance": 8, "face": 84, "motion": 160, "audio": 248}
    for name, y in tops.items():
        drawing.box(312, y, 146, 56, radius=8)
        drawing.box(312, y, 16, 56, fill=name)
        drawing.text(393, y + 23, name, 16, "middle", font_weight="bold")
        drawing.text(393, y + 44, words[name][0], 15, "middle")
        drawing.text(476, y + 22, words[name][1], 15)
        drawing.line(458, y + 34, 602, y + 34, arrow=True, dash=name in ("face", "audio"))
    for name in ("face", "audio"):
        drawing.text(476, tops[name] + 54, "or no row", 15)
    drawing.path("M262 44 C284 42 290 38 308 37", arrow=True)
    drawing.path("M262 54 C290 60 284 104 308 110", arrow=True)
    drawing.path("M262 164 C284 168 290 184 308 187", arrow=True)
    drawing.line(262, 275, 308, 275, arrow=True)
    drawing.box(606, 8, 88, 296, radius=8, stroke=ACCENT, stroke_width=3)
    drawing.text(650, 152, "clip file", 16, "middle")
    drawing.text(650, 174, "mine.h5", 16, "middle")
    return drawing


def window_and_hop():
    left, per_ms = 20, 4.6
    count = ROW // HOP
    css = (
        "#NAME .slide { animation: NAME-slide 10s steps(1, end) infinite; } @keyframes NAME-slide { "
        + " ".join(
            f"{100 * i / count:.0f}% {{ transform: translateX({per_ms * HOP * i:.0f}px); }}" for i in range(count)
        )
        + " }"
    )
    drawing = Drawing(
        700,
        340,
        "Windows of the audio expert",
        f"A sound as a wave, {ROW + WINDOW} milliseconds of it. A window of {WINDOW} milliseconds lies on "
        "its beginning; it moves "
        f"on by {HOP} milliseconds at a time, so windows overlap. Below, each of {count} windows gives a column of "
        f"frequencies, and the mean of the {count} columns is one row of {BANDS} numbers: one for each "
        "tenth of a second.",
        css,
    )

    def wave(ms):
        return sin(2 * pi * (ms / 16 + (ms / 42) ** 2)) * (0.45 + 0.55 * exp(-((ms - 70) ** 2) / 900))

    points = [(left + per_ms * ms / 2, 74 - 36 * wave(ms / 2)) for ms in range(2 * (ROW + WINDOW) + 1)]
    drawing.path("M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points))
    drawing.box(
        left, 32, per_ms * WINDOW, 84, fill="audio", fill_opacity=0.35, stroke=ACCENT, stroke_width=2.5, class_="slide"
    )
    drawing.line(left, 138, left + per_ms * WINDOW, 138)
    for x in (left, left + per_ms * WINDOW):
        drawing.line(x, 132, x, 144)
    drawing.text(left + per_ms * WINDOW / 2, 160, f"window {WINDOW} ms", 16, "middle")
    drawing.box(left + per_ms * HOP, 24, per_ms * WINDOW, 100, dash=True, stroke=PALE)
    drawing.line(left, 12, left + per_ms * HOP, 12, stroke=ACCENT, stroke_width=3)
    drawing.text(left + per_ms * HOP + 8, 17, f"hop {HOP} ms", 16)
    drawing.text(left + per_ms * WINDOW + 60, 150, "the next window begins one hop later", 16)
    # a column per window: how strong each of eight frequencies is in it, by a sum over the window
    cells, high = 8, 14
    strengths = []
    for i in range(count):
        column = []
        for k in range(cells):
            angle = [2 * pi * (0.05 + 0.035 * k) * ms for ms in range(WINDOW)]
            values = [wave(HOP * i + ms) * (0.5 - 0.5 * cos(2 * pi * ms / WINDOW)) for ms in range(WINDOW)]
            real = sum(v * cos(a) for v, a in zip(values, angle, strict=True))
            imaginary = sum(v * sin(a) for v, a in zip(values, angle, strict=True))
            column.append((real**2 + imaginary**2) ** 0.5)
        strengths.append(column)
    most = max(map(max, strengths))
    top = 192

    def column(x, values, wide):
        for k, value in enumerate(values):
            y = top + high * (cells - 1 - k)
            drawing.box(
                x,
                y,
                wide,
                high,
                radius=0,
                stroke=PALE,
                stroke_width=0.6,
                fill="currentColor",
                fill_opacity=value / most,
            )

    for i, values in enumerate(strengths):
        column(left + per_ms * HOP * i, values, 30)
    right = left + per_ms * HOP * count
    drawing.line(right + 4, top + 56, right + 66, top + 56, arrow=True)
    drawing.text(right + 34, top + 46, "mean", 16, "middle")
    mean = [sum(values[k] for values in strengths) / count for k in range(cells)]
    column(right + 74, mean, 44)
    drawing.box(right + 74, top, 44, high * cells, radius=0, stroke=ACCENT, stroke_width=3)
    drawing.text(left, top + 140, f"{count} windows", 16)
    drawing.text(right + 118, top + 140, f"one row of {BANDS} numbers per 0.1 s", 16, "end")
    return drawing


def leftovers():
    films = [("room", "a"), ("beach", ""), ("space", "b"), ("desert", "")]
    drawing = Drawing(
        700,
        290,
        "The face that was in memory before",
        "Four films in the order of writing: room has a face with long hair, beach has none, space has a "
        "bearded face, desert "
        "has none. Written into rows of np.empty, beach keeps the face of room and desert the face of "
        "space: two wrong faces. "
        "In a clip file beach and desert have no row.",
    )

    def face(x, y, kind, wrong=False):
        colour = ACCENT if wrong else "currentColor"
        look = {"stroke": colour, "stroke_width": 2.4}
        drawing.dot(x, y, 20, fill="face", **look)
        if kind == "a":
            drawing.path(
                f"M{x - 22} {y + 20} V{y - 6} C{x - 20} {y - 30} {x + 20} {y - 30} {x + 22} {y - 6} V{y + 20}", **look
            )
        else:
            drawing.path(f"M{x - 18} {y + 8} C{x - 14} {y + 32} {x + 14} {y + 32} {x + 18} {y + 8}", **look)
        for side in (-7, 7):
            drawing.dot(x + side, y - 4, 2.6, fill="#1f2328")
        drawing.path(f"M{x - 8} {y + 7} Q{x} {y + 14} {x + 8} {y + 7}", stroke="#1f2328", stroke_width=2)

    columns = {"the film has": 210, "np.empty gives": 390, "the clip file holds": 570}
    for words, x in columns.items():
        drawing.text(x, 22, words, 16, "middle")
    before = ""
    for i, (name, kind) in enumerate(films):
        y = 66 + 62 * i
        before = kind or before
        drawing.text(20, y + 6, name, 16, font_weight="bold")
        drawing.line(14, y + 31, 686, y + 31, stroke=PALE, stroke_opacity=0.5)
        for words, x in columns.items():
            if words == "np.empty gives":
                face(x, y, before, wrong=not kind)
                if not kind:
                    drawing.text(x + 40, y + 6, "wrong", 16)
            elif kind:
                face(x, y, kind)
            else:
                drawing.text(x, y + 6, "no face" if x == 210 else "no row", 16, "middle")
    for i in (0, 2):
        y = 66 + 62 * i
        drawing.path(
            f"M{390 - 34} {y + 6} C{390 - 60} {y + 20} {390 - 60} {y + 46} {390 - 34} {y + 58}",
            arrow=True,
            stroke=ACCENT,
        )
    return drawing
