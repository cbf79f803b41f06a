"""The drawing and the sounds of TinyClips: places, things, the person, and what is heard, each as one function.

`make_tinyclips.render` puts them together. Nothing here knows about scripts, captions or files.
"""

import cv2
import numpy as np

WIDTH, HEIGHT, RATE = 224, 168, 16000

# Everything is cut out of paper: flat antialiased shapes in RGB. Coordinates are film pixels; a canvas is drawn with K
# pixels for each and then shrunk.
K = 2
PAD = 10  # a background is larger than the film by PAD on every side, so that the camera can drift
W, H = WIDTH + 2 * PAD, HEIGHT + 2 * PAD


def _fixed(points, k):
    return np.round(np.asarray(points, np.float64) * k * 16).astype(np.int32)


def _poly(img, points, colour, k=K):
    cv2.fillPoly(img, [_fixed(points, k)], colour, cv2.LINE_AA, 4)


def _disc(img, x, y, rx, colour, ry=None, k=K, angle=0.0, start=0, end=360, width=-1):
    centre, axes = _fixed((x, y), k), _fixed((rx, rx if ry is None else ry), k)
    cv2.ellipse(img, [int(v) for v in centre], [int(v) for v in axes], angle, start, end, colour,
                width if width < 0 else max(1, round(width * k)), cv2.LINE_AA, 4)


def _line(img, points, colour, width=1.0, k=K, closed=False):
    cv2.polylines(img, [_fixed(points, k)], closed, colour, max(1, round(width * k)), cv2.LINE_AA, 4)


def _rect(img, x0, y0, x1, y1, colour, k=K):
    _poly(img, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour, k)


def _mix(a, b, share):
    return tuple(float(x + (y - x) * share) for x, y in zip(a, b, strict=False))


def _hills(img, rng, y, height, colour, wide=90.0):
    x = np.linspace(-2, W + 2, 60)
    phase, phase2 = rng.uniform(0, 6.3, 2)
    top = y - height * (0.6 * np.sin(x * 3.1 / wide + phase) + 0.4 * np.sin(x * 6.3 / wide + phase2))
    _poly(img, [*zip(x, top, strict=True), (W + 2, H), (-2, H)], colour)


SKIES = {"day": ((112, 186, 232), (222, 240, 246)), "sunset": ((98, 84, 150), (255, 178, 112)),
         "night": ((10, 14, 44), (44, 58, 112))}
LIGHT = {"day": (1.0, 1.0, 1.0), "sunset": (1.0, 0.80, 0.70), "night": (0.36, 0.43, 0.66), None: (1.0, 1.0, 1.0)}


def _sky(img, rng, time, x0=0, y0=0, x1=W, y1=H):
    """A sky in a rectangle, with sun and clouds, a low sun, or moon and stars."""
    top, bottom = SKIES[time]
    a, b, c, d = (int(v * K) for v in (y0, y1, x0, x1))
    ramp = np.linspace(0, 1, b - a)[:, None, None]
    img[a:b, c:d] = np.asarray(top) * (1 - ramp) + np.asarray(bottom) * ramp
    part, wide, high = img[a:b, c:d], x1 - x0, y1 - y0
    x, y = rng.uniform(0.1, 0.9) * wide, rng.uniform(0.12, 0.3) * high
    size = 4 + min(wide, high) / 22
    if time == "night":
        for _ in range(int(wide * high / 500)):
            _disc(part, *rng.uniform((0, 0), (wide, high * 0.8)), rng.uniform(0.3, 0.9), (230, 230, 255))
        _disc(part, x, y, size, (246, 240, 206))
        _disc(part, x + size * 0.3, y - size * 0.2, size * 0.2, (222, 214, 180))
        _disc(part, x - size * 0.3, y + size * 0.3, size * 0.27, (222, 214, 180))
    elif time == "sunset":
        y = high * rng.uniform(0.45, 0.55)
        for grow, share in ((2.2, 0.25), (1.7, 0.5), (1.25, 1.0)):
            _disc(part, x, y, size * grow, _mix(bottom, (255, 226, 130), share))
    else:
        _disc(part, x, y, size * 1.1, (255, 240, 170))
        for _ in range(int(1 + wide // 70)):
            x, y = rng.uniform((0, high * 0.08), (wide, high * 0.4))
            for dx, dy, r in ((-1.2, 0.2, 0.8), (0, -0.2, 1.1), (1.3, 0.25, 0.75)):
                _disc(part, x + dx * size, y + dy * size, r * size, (250, 252, 253), r * size * 0.7)


def _fir(img, x, y, size, colour, snow=None):
    _rect(img, x - size * 0.07, y - size * 0.2, x + size * 0.07, y, _mix(colour, (90, 60, 40), 0.7))
    for part in range(3):
        low, wide = y - size * (0.14 + 0.25 * part), size * (0.34 - 0.08 * part)
        top, snowy = low - size * 0.42, low - size * 0.23
        _poly(img, [(x - wide, low), (x + wide, low), (x, top)], _mix(colour, (255, 255, 255), 0.05 * part))
        if snow:
            _poly(img, [(x - wide * 0.45, snowy), (x + wide * 0.45, snowy), (x, top)], snow)


def _beach(img, rng, time, lit):
    sea, sand = rng.uniform(78, 92), rng.uniform(116, 128)
    _sky(img, rng, time, y1=sea + 4)
    _rect(img, 0, sea, W, H, lit(48, 136, 176))
    for _ in range(14):
        x, y = rng.uniform((0, sea + 4), (W, sand))
        _line(img, [(x, y), (x + rng.uniform(8, 22), y)], lit(120, 190, 214))
    _hills(img, rng, sand + 2, 4, lit(236, 244, 240))
    _hills(img, np.random.default_rng(int(sand * 99)), sand + 6, 4, lit(238, 212, 152))
    x, y, lean = rng.choice([rng.uniform(18, 50), rng.uniform(W - 50, W - 18)]), sand + 28, rng.uniform(-12, 12)
    top = (x + lean, y - rng.uniform(78, 92))
    _line(img, [(x, y), (x + lean * 0.3, y - 40), top], lit(140, 100, 64), 5)
    for angle in np.array([-30, 5, 45, 135, 175, 210]) + rng.uniform(-15, 15, 6):
        dx, dy = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        _disc(img, top[0] + 17 * dx, top[1] + 13 * dy, 20, lit(58, 140, 76), 4.5, angle=angle)
    for _ in range(6):
        _disc(img, *rng.uniform((0, sand + 18), (W, H)), 2, lit(252, 236, 204), 1.3)


def _forest(img, rng, time, lit):
    _sky(img, rng, time)
    for depth, (size, step) in enumerate(((74, 17), (96, 27), (124, 46))):
        ground = 108 + 20 * depth
        _hills(img, rng, ground, 3, lit(92 - 16 * depth, 142 - 14 * depth, 92 - 20 * depth))
        for x in np.arange(rng.uniform(-20, 10), W + 20, step):
            shade = 1 - 0.17 * depth
            _fir(img, x + rng.uniform(-6, 6), ground + rng.uniform(0, 6), size * rng.uniform(0.75, 1.1),
                 lit(86 * shade, 144 * shade, 98 * shade))
    _hills(img, rng, 158, 4, lit(70, 106, 56))


def _tower(img, rng, lit):
    """A bell tower behind the nearer houses."""
    x, top = rng.uniform(36, W - 36), rng.uniform(34, 42)
    wall, dark = lit(196, 176, 148), lit(92, 74, 70)
    _rect(img, x - 12, top, x + 12, 150, wall)
    _rect(img, x - 14, top + 26, x + 14, top + 29, lit(168, 148, 122))
    _poly(img, [(x - 16, top), (x + 16, top), (x, top - 28)], lit(148, 84, 72))
    _rect(img, x - 7, top + 9, x + 7, top + 25, dark)  # the opening, and the bell in it
    _disc(img, x, top + 9, 7, dark)
    gold = lit(226, 178, 74)
    _disc(img, x, top + 14, 4.5, gold)
    _poly(img, [(x - 4.5, top + 14), (x + 4.5, top + 14), (x + 6, top + 21), (x - 6, top + 21)], gold)
    _disc(img, x, top + 39, 7, lit(244, 238, 222))
    _line(img, [(x, top + 34.5), (x, top + 39), (x + 3.5, top + 41)], dark, 1.2)


def _city(img, rng, time, lit):
    _sky(img, rng, time)
    for far in (True, False):
        x = -rng.uniform(0, 20)
        while x < W:
            wide, top = rng.uniform(22, 40), rng.uniform(22, 66) if far else rng.uniform(62, 104)
            wall = lit(150, 156, 178) if far else lit(*_mix((128, 100, 100), (96, 108, 136), rng.random()))
            _rect(img, x, top, x + wide, 150, wall)
            _rect(img, x + wide * 0.3, top - 6, x + wide * 0.45, top, wall)
            for wx in np.arange(x + 4, x + wide - 5, 8):
                for wy in np.arange(top + 5, 142, 11):
                    on = rng.random() < (0.6 if time == "night" else 0.35 if time == "sunset" else 0)
                    _rect(img, wx, wy, wx + 4, wy + 6, (255, 222, 130) if on else _mix(wall, (200, 226, 240), 0.25))
            x += wide + (0 if far else rng.uniform(0, 14))
        if far:
            _tower(img, *rng.spawn(1), lit)
    _rect(img, 0, 148, W, 156, lit(170, 166, 160))
    _rect(img, 0, 156, W, H, lit(82, 84, 92))
    for x in np.arange(rng.uniform(-20, 0), W, 34):
        _rect(img, x, 170, x + 17, 173, lit(236, 232, 214))
    x = rng.uniform(20, W - 20)
    _line(img, [(x, 156), (x, 92), (x + 10, 88)], lit(48, 50, 58), 2.5)
    _disc(img, x + 13, 90, 4.5, (255, 236, 160) if time != "day" else lit(220, 220, 210))


def _desert(img, rng, time, lit):
    _sky(img, rng, time)
    x, size = rng.uniform(30, W - 30), rng.uniform(34, 50)
    _poly(img, [(x - size, 108), (x + size, 108), (x, 108 - size)], lit(214, 166, 100))
    _poly(img, [(x + size * 0.25, 108), (x + size, 108), (x, 108 - size)], lit(184, 136, 82))
    for y, colour in ((100, (240, 194, 120)), (122, (226, 174, 98)), (146, (210, 154, 82))):
        _hills(img, rng, y, 9, lit(*colour), wide=rng.uniform(70, 150))
    for _ in range(2):
        x, y, size = rng.uniform(14, W - 14), rng.uniform(132, 164), rng.uniform(0.7, 1.1)
        green = lit(78, 130, 84)
        _line(img, [(x, y), (x, y - 42 * size)], green, 8 * size)
        for side, up in ((-1, 20), (1, 14)):
            low, out = y - up * size, x + side * 12 * size
            _line(img, [(x, low), (out, low), (out, low - 15 * size)], green, 5.5 * size)


def _mountains(img, rng, time, lit):
    _sky(img, rng, time)
    for x in np.sort(rng.uniform(-10, W + 10, 5)):
        size, lean = rng.uniform(60, 92), rng.uniform(-10, 10)
        top, base = 122 - size, 124
        _poly(img, [(x - size, base), (x + size, base), (x + lean, top)], lit(120, 134, 160))
        _poly(img, [(x + size * 0.2, base), (x + size, base), (x + lean, top)], lit(96, 108, 138))
        cap = [(x + lean, top), (x + lean - size * 0.33, top + size * 0.34), (x + lean - 5, top + size * 0.26),
               (x + lean + 4, top + size * 0.37), (x + lean + size * 0.30, top + size * 0.33)]
        _poly(img, cap, lit(250, 252, 255))
    _hills(img, rng, 118, 5, lit(226, 236, 246))
    for x in rng.uniform(0, W, 6):
        _fir(img, x, rng.uniform(118, 136), rng.uniform(28, 44), lit(58, 104, 96), lit(248, 250, 254))
    _hills(img, rng, 140, 5, lit(244, 248, 252))
    for _ in range(90):
        _disc(img, *rng.uniform((0, 0), (W, H)), rng.uniform(0.5, 1.2), lit(255, 255, 255))


def _meadow(img, rng, time, lit):
    _sky(img, rng, time)
    for y, colour in ((84, (146, 190, 120)), (102, (126, 182, 92)), (124, (106, 168, 72))):
        _hills(img, rng, y, 9, lit(*colour), wide=rng.uniform(90, 160))
    x, y = rng.uniform(20, W - 20), rng.uniform(100, 112)
    _rect(img, x - 3.5, y - 30, x + 3.5, y + 4, lit(124, 88, 58))
    for _ in range(9):
        dx, dy = rng.normal(0, 12, 2)
        leaf = lit(*_mix((74, 140, 66), (110, 168, 84), rng.random()))
        _disc(img, x + dx, y - 44 + dy * 0.8, rng.uniform(10, 14), leaf)
    top = rng.uniform(116, 126)
    for rail in (4, 12):
        _rect(img, 0, top + rail, W, top + rail + 3, lit(226, 206, 174))
    for x in np.arange(rng.uniform(0, 20), W, 26):
        _rect(img, x, top - 2, x + 5, top + 22, lit(240, 222, 192))
    for _ in range(70):
        x, y = rng.uniform((0, 142), (W, H))
        _line(img, [(x, y), (x + rng.uniform(-2, 2), y - rng.uniform(4, 8))], lit(72, 138, 54))


def _window(img, rng, time, lit, x, y, wide, high):
    _rect(img, x - 4, y - 4, x + wide + 4, y + high + 4, lit(250, 246, 238))
    _sky(img, rng, time, x, y, x + wide, y + high)
    _rect(img, x + wide / 2 - 1.5, y, x + wide / 2 + 1.5, y + high, lit(250, 246, 238))
    _rect(img, x, y + high / 2 - 1.5, x + wide, y + high / 2 + 1.5, lit(250, 246, 238))


def _indoors(time, lit):  # lamps are on in the evening: milder than outside
    return lambda *colour: _mix(lit(*colour), colour, 0.45)


def _room(img, rng, time, lit):
    lit = _indoors(time, lit)
    wall = _mix((206, 188, 170), (176, 190, 180), rng.random())
    _rect(img, 0, 0, W, 132, lit(*wall))
    for x in np.arange(rng.uniform(0, 10), W, 14):
        _rect(img, x, 0, x + 5, 132, lit(*_mix(wall, (255, 255, 255), 0.16)))
    _rect(img, 0, 128, W, 133, lit(240, 232, 220))
    _rect(img, 0, 133, W, H, lit(166, 118, 80))
    for y in (146, 160, 175):
        _line(img, [(0, y), (W, y)], lit(138, 96, 64))
    flip = rng.random() < 0.5
    left = rng.uniform(24, 44) + 100 * flip
    _window(img, rng, time, lit, left, 30, 62, 52)
    for side in (left - 12, left + 60):
        _rect(img, side, 22, side + 14, 92, lit(150, 96, 92))
    x = rng.uniform(150, 175) - 110 * flip
    _rect(img, x, 34, x + 36, 62, lit(108, 78, 54))
    _rect(img, x + 3, 37, x + 33, 59, lit(228, 222, 200))
    _hills(img[: int(59 * K), int((x + 3) * K): int((x + 33) * K)], rng, 53, 4, lit(120, 150, 120), 20)
    x = rng.uniform(60, 100)
    _disc(img, x + 46, 166, 84, lit(190, 178, 150), 13)
    sofa, dark = lit(98, 124, 134), lit(78, 102, 112)
    _rect(img, x, 100, x + 92, 140, dark)
    _rect(img, x + 2, 122, x + 90, 146, sofa)
    _line(img, [(x + 46, 102), (x + 46, 145)], dark, 1.5)
    for arm in (x - 6, x + 84):
        _rect(img, arm, 114, arm + 14, 150, sofa)
    x += 112
    _line(img, [(x, 148), (x, 84)], lit(80, 66, 56), 2)
    glow = lit(236, 220, 184) if time == "day" else (255, 230, 170)
    _poly(img, [(x - 13, 88), (x + 13, 88), (x + 8, 68), (x - 8, 68)], glow)


def _kitchen(img, rng, time, lit):
    lit = _indoors(time, lit)
    _rect(img, 0, 0, W, H, lit(238, 232, 218))
    for x in np.arange(rng.uniform(-16, 0), W, 16):
        for row, y in enumerate(range(66, 120, 14)):
            tile = _mix((206, 222, 220), (228, 236, 232), rng.random())
            _rect(img, x + 8 * (row % 2), y, x + 8 * (row % 2) + 15, y + 13, lit(*tile))
    wood = _mix((190, 140, 92), (142, 164, 152), rng.random())
    left = rng.uniform(70, 96)
    for x in (*np.arange(left - 120, left - 10, 38), *np.arange(left + 74, W, 38)):
        _rect(img, x, 8, x + 36, 58, lit(*wood))
        _rect(img, x + 4, 12, x + 32, 54, lit(*_mix(wood, (255, 255, 255), 0.14)))
        _disc(img, x + 29, 46, 1.8, lit(90, 80, 70))
    _window(img, rng, time, lit, left, 14, 58, 48)
    _rect(img, 0, 116, W, 123, lit(112, 104, 100))
    _rect(img, 0, 123, W, 170, lit(*_mix(wood, (40, 30, 20), 0.12)))
    for x in np.arange(rng.uniform(-40, 0), W, 48):
        _rect(img, x + 3, 128, x + 45, 165, lit(*wood))
        _rect(img, x + 18, 132, x + 30, 134.5, lit(90, 80, 70))
    x = rng.uniform(20, W - 70)
    _rect(img, x, 123, x + 50, 170, lit(232, 234, 236))
    _rect(img, x + 6, 136, x + 44, 162, lit(66, 70, 78))
    for dot in range(4):
        _disc(img, x + 9 + 11 * dot, 129, 2.2, lit(70, 70, 76))
    _rect(img, x + 12, 100, x + 38, 115, lit(170, 176, 184))
    _line(img, [(x + 38, 104), (x + 52, 102)], lit(60, 60, 64), 2.5)
    for x in rng.uniform(10, W - 10, 2):
        _rect(img, x, 104, x + 8, 116, lit(214, 186, 150))
    _rect(img, 0, 170, W, H, lit(178, 158, 140))


def _underwater(img, rng, time, lit):
    ramp = np.linspace(0, 1, H * K)[:, None, None]
    img[:] = np.asarray(lit(72, 186, 206)) * (1 - ramp) + np.asarray(lit(14, 66, 118)) * ramp
    rays = img.copy()
    for x in rng.uniform(0, W, 5):
        lean, wide = rng.uniform(-40, 10), rng.uniform(8, 20)
        _poly(rays, [(x, 0), (x + wide, 0), (x + wide * 2 + lean, 150), (x + lean, 150)], lit(190, 240, 240))
    cv2.addWeighted(rays, 0.22, img, 0.78, 0, dst=img)
    _hills(img, rng, 140, 6, lit(64, 122, 138))
    _hills(img, rng, 158, 5, lit(208, 192, 142))
    for x in rng.uniform(0, W, 7):
        high, lean = rng.uniform(30, 70), rng.uniform(2, 6)
        y = np.linspace(0, 1, 14)
        _line(img, [*zip(x + lean * np.sin(y * 7 + x), 166 - high * y, strict=True)], lit(40, 124, 92), 4)
    for x in rng.uniform(0, W, 2):
        for angle in np.radians((-130, -105, -80, -55)):
            tip = (x + 24 * np.cos(angle), 162 + 30 * np.sin(angle))
            _line(img, [(x, 164), tip], lit(208, 122, 112), 5)
            _disc(img, *tip, 3, lit(232, 152, 138))
    for _ in range(16):
        x, y = rng.uniform((0, 8), (W, 140))
        _disc(img, x, y, rng.uniform(1.5, 4), lit(200, 240, 246), width=0.7)


def _space(img, rng, time, lit):
    ramp = np.linspace(0, 1, H * K)[:, None, None]
    img[:] = np.asarray(lit(24, 16, 52)) * (1 - ramp) + np.asarray(lit(60, 36, 92)) * ramp
    for _ in range(110):
        shine = _mix((255, 244, 214), (190, 214, 255), rng.random())
        _disc(img, *rng.uniform((0, 0), (W, H)), rng.uniform(0.3, 1.1), shine)
    x, y, size, tilt = rng.uniform(30, W - 30), rng.uniform(28, 60), rng.uniform(16, 24), rng.uniform(-30, 30)
    _disc(img, x, y, size * 1.9, (214, 190, 160), size * 0.5, angle=tilt, width=2.5)
    body = _mix((206, 150, 110), (120, 170, 190), rng.random())
    _disc(img, x, y, size, body)
    _disc(img, x, y, size * 0.97, _mix(body, (255, 255, 255), 0.25), size * 0.25, angle=tilt)
    _disc(img, x, y, size * 1.9, (232, 212, 184), size * 0.5, angle=tilt, start=0, end=180, width=2.5)
    _disc(img, W / 2, 262, 190, lit(178, 178, 188), 124)
    for _ in range(9):
        x, y, r = *rng.uniform((0, 152), (W, H)), rng.uniform(4, 11)
        _disc(img, x, y, r, lit(146, 146, 158), r * 0.4)
        _disc(img, x, y + r * 0.1, r * 0.85, lit(124, 124, 138), r * 0.28)


_DRAW_PLACE = {"beach": _beach, "forest": _forest, "city": _city, "desert": _desert, "mountains": _mountains,
               "meadow": _meadow, "room": _room, "kitchen": _kitchen, "underwater": _underwater, "space": _space}


def background(place: str, time: str | None, rng) -> np.ndarray:
    """The empty place, (H, W, 3) uint8."""
    img = np.zeros((H * K, W * K, 3), np.uint8)
    light, hue = np.asarray(LIGHT[time]), rng.uniform(-10, 10, 3)

    def lit(*colour):  # a colour of the place in the light of the hour
        return tuple(map(float, np.clip(np.add(colour, hue) * light, 0, 255)))

    _DRAW_PLACE[place](img, rng, time, lit)
    img = cv2.resize(img, (W, H), interpolation=cv2.INTER_AREA)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (H, W)).astype(np.float32), (0, 0), rng.uniform(0.6, 1.6))
    return np.clip(img + (grain * (3 / grain.std()))[..., None], 0, 255).astype(np.uint8)


# Things: cut out of coloured paper with a white rim, drawn in a box from -1 to 1, and the same from left and right, so
# that no single frame tells where they are going.

PAINT = {"red": (220, 44, 44), "orange": (246, 140, 30), "yellow": (250, 212, 44), "green": (54, 170, 76),
         "blue": (46, 104, 214), "purple": (140, 70, 184), "pink": (250, 140, 184), "black": (46, 46, 52)}
CUT = 104  # pixels of a cut-out's side; the thing itself fills about 0.7 of it


def _around(count, radius=1.0, turn=-90.0, x=0.0, y=0.0):
    angles = np.radians(turn + np.arange(count) * 360 / count)
    return np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], 1)


def _draw_thing(shape, disc, poly, line, paint, dark, light):
    """Draw a shape with functions that take coordinates from -1 to 1."""
    wood, cream = (150, 106, 70), (255, 246, 226)
    if shape == "ball":
        disc(0, 0, 0.92, paint)
        for longitude in range(-180, 180, 6):  # a beach ball: gores that meet at a pole
            gore = abs(longitude + 3)
            colour = paint if gore < 36 else cream if gore < 72 or gore > 144 else light
            for latitude in range(-90, 90, 6):
                corners, in_front = _on_sphere(longitude, latitude, 6, 6)
                if in_front:
                    poly(0.92 * corners, colour)
        poly(0.92 * np.array([_on_sphere(longitude, 77, 0, 0)[0][0] for longitude in range(0, 360, 15)]), dark)
    elif shape == "star":
        tips, dents = _around(5, 1.05), _around(5, 0.48, -54)
        poly(np.stack([tips, dents], 1).reshape(10, 2), paint)
        for tip, dent in zip(tips, dents, strict=True):
            poly([(0, 0), tip, dent], light)
    elif shape == "heart":
        t = np.linspace(0, 2 * np.pi, 60)
        height = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
        curve = np.stack([np.sin(t) ** 3, -height / 15], 1)
        poly(curve, paint)
        poly(curve * 0.72 + (0, -0.03), light)
        poly(curve * 0.6, paint)
    elif shape == "balloon":
        line([(0, 0.55), (0.05, 0.75), (-0.05, 0.9), (0, 1.05)], (120, 120, 124), 0.05)
        poly([(0, 0.44), (0.13, 0.64), (-0.13, 0.64)], dark)
        disc(0, -0.25, 0.68, paint, 0.78)
        disc(-0.24, -0.52, 0.13, cream, 0.2)
    elif shape == "box":
        poly([(-0.82, -0.4), (0.82, -0.4), (0.82, 0.85), (-0.82, 0.85)], paint)
        poly([(-0.92, -0.55), (0.92, -0.55), (0.92, -0.22), (-0.92, -0.22)], dark)
        poly([(-0.15, -0.55), (0.15, -0.55), (0.15, 0.85), (-0.15, 0.85)], cream)
        for side in (-1, 1):
            poly([(0, -0.55), (side * 0.2, -0.95), (side * 0.6, -0.98), (side * 0.55, -0.68)], cream)
    elif shape == "kite":
        line([(0, 0.6), (0.08, 0.8), (-0.08, 0.92), (0, 1.1)], (120, 120, 124), 0.05)
        poly([(0, -1.05), (0.72, -0.25), (0, 0.7), (-0.72, -0.25)], paint)
        poly([(0, -1.05), (0.72, -0.25), (0, -0.25)], light)
        poly([(0, 0.7), (-0.72, -0.25), (0, -0.25)], light)
        for y in (0.84, 1.04):
            poly([(-0.18, y - 0.09), (0.18, y + 0.09), (0.18, y - 0.09), (-0.18, y + 0.09)], dark)
    elif shape == "umbrella":
        line([(0, -1), (0, 0.86)], wood, 0.1)
        line([(0, 0.86), (0.06, 0.96), (0.18, 0.96), (0.24, 0.84)], wood, 0.1)
        t = np.linspace(np.pi, 2 * np.pi, 30)
        dome = np.stack([0.98 * np.cos(t), 0.05 + 0.9 * np.sin(t)], 1)
        scallops = [(0.98 - 0.49 * (i + s), 0.05 - 0.12 * np.sin(np.pi * s))
                    for i in range(4) for s in np.linspace(0, 1, 8)]
        poly([*dome, *scallops], paint)
        poly([(0, -0.85), *[p for p in scallops if abs(p[0]) < 0.5]], light)
    elif shape == "flower":
        line([(0, 0), (0, 1.05)], (74, 140, 70), 0.11)
        for side in (-1, 1):
            disc(side * 0.24, 0.78, 0.27, (74, 140, 70), 0.11, angle=-side * 35)
        for x, y in _around(6, 0.44, -90, 0, -0.3):
            disc(x, y, 0.31, paint)
        disc(0, -0.3, 0.24, cream)
        disc(0, -0.3, 0.16, dark)
    elif shape == "butterfly":
        for side in (-1, 1):
            disc(side * 0.52, -0.34, 0.54, paint, 0.4, angle=side * -38)
            disc(side * 0.42, 0.38, 0.4, dark, 0.32, angle=side * 40)
            disc(side * 0.6, -0.4, 0.2, light, 0.15, angle=side * -38)
            disc(side * 0.45, 0.4, 0.13, light)
            line([(0, -0.5), (side * 0.22, -0.92)], (70, 56, 52), 0.06)
        disc(0, 0, 0.11, (70, 56, 52), 0.62)
    elif shape == "boat":
        line([(0, -1.05), (0, 0.4)], wood, 0.08)
        for side in (-1, 1):
            poly([(side * 0.08, -0.95), (side * 0.08, 0.24), (side * 0.8, 0.24)], paint if side < 0 else light)
        poly([(-1, 0.36), (1, 0.36), (0.66, 0.92), (-0.66, 0.92)], paint)
        poly([(-1, 0.36), (1, 0.36), (0.93, 0.5), (-0.93, 0.5)], cream)
    elif shape == "mushroom":
        poly([(-0.28, 0), (0.28, 0), (0.36, 0.95), (-0.36, 0.95)], cream)
        t = np.linspace(np.pi, 2 * np.pi, 30)
        poly(np.stack([0.96 * np.cos(t), 0.16 + 1.06 * np.sin(t)], 1), paint)
        poly([(-0.96, 0.16), (0.96, 0.16), (0.8, 0.28), (-0.8, 0.28)], dark)
        for x, y, r in ((0, -0.52, 0.19), (-0.52, -0.18, 0.15), (0.52, -0.18, 0.15), (0, -0.04, 0.11)):
            disc(x, y, r, cream)
    elif shape == "car":
        for side in (-1, 1):
            poly([(side * 0.5, 0.5), (side * 0.86, 0.5), (side * 0.86, 0.92), (side * 0.5, 0.92)], (52, 52, 58))
            poly([(side * 0.8, -0.16), (side * 1.02, -0.22), (side * 1.02, -0.04), (side * 0.8, -0.02)], dark)
        half = [(0.56, -0.72), (0.84, 0), (0.96, 0.16), (0.96, 0.66)]
        poly([*half, *[(-x, y) for x, y in half[::-1]]], paint)
        poly([(-0.47, -0.58), (0.47, -0.58), (0.68, -0.04), (-0.68, -0.04)], (196, 226, 238))
        poly([(-0.4, 0.26), (0.4, 0.26), (0.36, 0.48), (-0.36, 0.48)], dark)
        for side in (-1, 1):
            disc(side * 0.68, 0.3, 0.17, (255, 244, 190))
        poly([(-0.96, 0.56), (0.96, 0.56), (0.96, 0.68), (-0.96, 0.68)], (210, 212, 218))
    else:
        raise ValueError(f"no such shape: {shape!r}; known: see make_tinyclips.SHAPES")


def _on_sphere(longitude, latitude, wide, high, tilt=48):
    """Corners of a patch of the unit sphere whose north pole leans towards us, and whether its middle is seen."""
    def seen(longitude, latitude):
        a, b, c = np.radians((longitude, latitude, tilt))
        y, z = np.sin(b), np.cos(b) * np.cos(a)
        return np.cos(b) * np.sin(a), -y * np.cos(c) + z * np.sin(c), y * np.sin(c) + z * np.cos(c)

    corners = [seen(longitude + i * wide, latitude + j * high)[:2] for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
    return np.array(corners), seen(longitude + wide / 2, latitude + high / 2)[2] > 0


def _turn(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, s], [-s, c]])


def cut_out(shape: str, colour: str, rng) -> np.ndarray:
    """A thing as a cut-out with a white rim, (CUT, CUT, 4) float32 with colours premultiplied by alpha."""
    img = np.full((CUT * 2, CUT * 2, 4), (255, 255, 255, 0), np.uint8)
    paint = np.clip(np.add(PAINT[colour], rng.uniform(-12, 12, 3)), 0, 255)
    dark, light = _mix(paint, (0, 0, 0), 0.25), _mix(paint, (255, 255, 255), 0.22)
    size = CUT * 0.36

    def place(points):
        return np.asarray(points, np.float64) * size + CUT / 2

    _draw_thing(
        shape,
        lambda x, y, rx, colour, ry=None, angle=0: _disc(img, *place((x, y)), rx * size, (*colour, 255),
                                                         None if ry is None else ry * size, angle=angle),
        lambda points, colour: _poly(img, place(points), (*colour, 255)),
        lambda points, colour, width: _line(img, place(points), (*colour, 255), width * size),
        tuple(paint), dark, light)
    rim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11))
    img[..., 3] = cv2.dilate(img[..., 3], rim)
    return _premultiply(cv2.resize(img, (CUT, CUT), interpolation=cv2.INTER_AREA))


def _premultiply(rgba):
    out = rgba.astype(np.float32)
    out[..., :3] *= out[..., 3:] / 255
    return out


def paste(frame, cut, matrix, shadow=0.0):
    """Blend a premultiplied cut-out into a float frame in place, `matrix` (2, 3) taking its pixels to the frame's."""
    high, wide = cut.shape[:2]
    corners = np.array([[0, 0, 1], [wide, 0, 1], [0, high, 1], [wide, high, 1]]) @ matrix.T
    x0, y0 = np.maximum(np.floor(corners.min(0)).astype(int) - 1, 0)
    x1, y1 = np.minimum(np.ceil(corners.max(0)).astype(int) + 8, (frame.shape[1], frame.shape[0]))
    if x0 >= x1 or y0 >= y1:
        return
    part, size = frame[y0:y1, x0:x1], (int(x1 - x0), int(y1 - y0))
    if shadow:
        alpha = cv2.warpAffine(cut[..., 3], matrix + [[0, 0, 2.5 - x0], [0, 0, 4.0 - y0]], size)
        keep = 1 - cv2.GaussianBlur(alpha, (0, 0), 1.8) * (shadow / 255)
        cv2.multiply(part, cv2.merge([keep, keep, keep]), dst=part)
    warped = cv2.warpAffine(cut, matrix - [[0, 0, x0], [0, 0, y0]], size)
    keep = 1 - warped[..., 3] / 255
    cv2.multiply(part, cv2.merge([keep, keep, keep]), dst=part)
    cv2.add(part, np.ascontiguousarray(warped[..., :3]), dst=part)


def pose(x, y, scale, degrees, size, pivot=(0.5, 0.5)):
    """The matrix that puts a cut-out's pivot at x, y, scaled and turned."""
    turn = _turn(-degrees) * scale
    centre = np.array(pivot) * size
    return np.concatenate([turn, (np.array([x, y]) - turn @ centre)[:, None]], 1)


# The person: a head and shoulders, drawn at three times the film's resolution with soft shading, because dlib's face
# detector looks at gradients: dark brows and eye sockets, a lit nose, a mouth. Unit: half the height of the head.

HEAD, PERSON_W, PERSON_H = 46, 124, 158
CENTRE = (62, 66)
HAIR_PAINT = {"black": (38, 34, 36), "brown": (104, 66, 40), "blond": (226, 190, 112), "red": (184, 76, 34),
              "grey": (176, 176, 180)}
# Ten skin tones from very light to very dark.
SKINS = ((242, 214, 196), (238, 203, 176), (234, 190, 156), (222, 171, 130), (203, 148, 106), (180, 125, 85),
         (153, 102, 68), (125, 80, 53), (100, 65, 46), (80, 52, 38))
FACE_BOX = (-0.82, -0.53, 0.79, 1.06)  # what dlib's detector frames, in head units


def _light_and_shade(rng, smiling: bool) -> np.ndarray:
    """How bright the skin is at each point of the person's picture, one value per film pixel."""
    y, x = np.mgrid[:PERSON_H, :PERSON_W].astype(np.float32)
    x, y = (x - CENTRE[0]) / HEAD, (y - CENTRE[1]) / HEAD

    def blob(cx, cy, sx, sy, strength):
        return strength * np.exp(-(((x - cx) / sx) ** 2) - ((y - cy) / sy) ** 2)

    side = rng.uniform(-0.10, 0.10)
    shade = 1.06 + side * x - 0.30 * np.clip(np.hypot(x / 0.78, y) - 0.55, 0, 1)
    for eye in (-1, 1):
        shade += blob(eye * 0.33, -0.06, 0.22, 0.13, -0.20) + blob(eye * 0.42, 0.28, 0.2, 0.16, 0.09)
        shade += blob(eye * 0.13, 0.16, 0.06, 0.24, -0.12) + blob(eye * 0.12, 0.36, 0.07, 0.05, -0.22)
        shade += blob(eye * (0.36 if smiling else 0.30), 0.50, 0.06, 0.12, -0.10)
    shade += blob(0, 0.12, 0.055, 0.25, 0.16) + blob(0, 0.31, 0.09, 0.06, 0.12) + blob(0, 0.43, 0.15, 0.04, -0.14)
    shade += blob(0, -0.45, 0.4, 0.2, 0.06) + blob(0, 0.73, 0.2, 0.04, -0.16) + blob(0, 0.84, 0.2, 0.08, 0.07)
    return np.where(y > 0.93, np.minimum(shade, 0.72 + 0.25 * np.clip(y - 1.05, 0, 1)), shade)


def person(face, rng, blink: bool) -> np.ndarray:
    """A person as a cut-out, (PERSON_H, PERSON_W, 4) float32 with colours premultiplied by alpha."""
    k = 3
    img = np.full((PERSON_H * k, PERSON_W * k, 4), (255, 255, 255, 0), np.uint8)
    skin = np.clip(np.multiply(SKINS[face.skin], rng.uniform(0.97, 1.03) + rng.uniform(-0.01, 0.01, 3)), 0, 255)
    dim = 1 - skin.mean() / 255
    hair = np.clip(np.add(HAIR_PAINT[face.hair], rng.uniform(-10, 10) + rng.uniform(-3, 3, 3)), 0, 255)
    cloth = _mix(*[((92, 108, 124), (196, 186, 168), (120, 112, 104), (74, 86, 84))[i] for i in rng.permutation(4)[:2]],
                 rng.random())
    wide = rng.uniform(0.94, 1.04)
    strand, shadow = _mix(hair, (255, 255, 255), 0.14), _mix(hair, (0, 0, 0), 0.3)
    lid, lip = _mix(skin, (16, 8, 6), 0.85), _mix(skin * (0.80, 0.58, 0.58), (186, 84, 88), 0.20 + 0.35 * dim)
    iris = ((86, 58, 38), (70, 48, 34), (84, 110, 70), (74, 110, 150))[rng.integers(4)]

    def at(points):
        return np.asarray(points, np.float64) * (HEAD * wide, HEAD) + CENTRE

    def disc(x, y, rx, colour, ry=None, **more):
        _disc(img, *at((x, y)), rx * HEAD, (*colour, 255), None if ry is None else ry * HEAD, k=k, **more)

    def poly(points, colour):
        _poly(img, at(points), (*colour, 255), k)

    def line(points, colour, width):
        _line(img, at(points), (*colour, 255), width * HEAD, k)

    def arc(x0, x1, y, bend, count=15):  # a shallow curve; bend is how far its middle lies below its ends
        s = np.linspace(0, 1, count)
        return [*zip(x0 + (x1 - x0) * s, y + bend * 4 * s * (1 - s), strict=True)]

    curls = [(0.80 * np.cos(a) + rng.uniform(-0.05, 0.05), -0.35 + 0.74 * np.sin(a) + rng.uniform(-0.05, 0.05))
             for a in np.linspace(-3.55, 0.41, 13)]
    if face.style == "long":  # behind the head
        poly([*_around(24, 0.95, 180, 0, -0.18)[:13], (1.02, 0.6), (1.0, 1.28), (0.6, 1.4), (-0.6, 1.4), (-1.0, 1.28),
              (-1.02, 0.6)], shadow)
    elif face.style == "curly":
        for x, y in curls:
            disc(x, y, 0.30, shadow)
    poly([(-0.34, 0.6), (0.34, 0.6), (0.36, 1.4), (-0.36, 1.4)], skin)  # neck, shoulders, head, ears
    poly([(-1.3, 2.1), (-1.22, 1.52), (-0.95, 1.36), (-0.36, 1.18), (0, 1.42), (0.36, 1.18), (0.95, 1.36), (1.22, 1.52),
          (1.3, 2.1)], cloth)
    line([(-0.36, 1.18), (0, 1.42), (0.36, 1.18)], _mix(cloth, (0, 0, 0), 0.25), 0.05)
    for side in (-1, 1):
        disc(side * 0.77, 0.06, 0.12, skin, 0.19)
        disc(side * 0.78, 0.06, 0.06, _mix(skin, (60, 20, 10), 0.3), 0.11)
    t = np.linspace(0, 2 * np.pi, 80)
    jaw = np.where(np.cos(t) > 0, 1 - 0.20 * np.cos(t) ** 2, 1.0)
    poly(np.stack([0.76 * np.sin(t) * jaw, np.cos(t) * 0.98], 1), skin)

    shade = cv2.resize(_light_and_shade(rng, face.expression == "smiling"), (img.shape[1], img.shape[0]))
    is_skin = (img[..., :3] == np.round(skin).astype(np.uint8)).all(-1)
    lit = shade[is_skin][:, None] * (0.97 + 0.05 * dim)
    gloss = np.clip(lit - 0.92, 0, 1) * dim**2 * (560, 500, 450)  # dark skin shines where the light falls
    img[..., :3][is_skin] = np.clip(skin * lit + gloss, 0, 255)

    if face.beard:
        outer = [(0.77 * np.sin(a), 1.02 * np.cos(a) + 0.02) for a in np.linspace(-1.45, 1.45, 40)]
        inner = [(0.68, 0.10), (0.62, 0.36), (0.46, 0.52), (0.26, 0.44), (0, 0.45)]
        inner += [(-x, y) for x, y in inner[-2::-1]]
        poly([(x * (1 - 0.20 * max(y, 0) ** 2), y) for x, y in outer] + inner, hair)
        for x in np.linspace(-0.6, 0.6, 15):
            line([(x, 0.84 - 0.9 * x * x), (x * 0.92, 0.96 - 0.8 * x * x)], strand, 0.03)
    surprised, sad = face.expression == "surprised", face.expression == "sad"
    gaze, = rng.spawn(1)  # a stream of its own, so that the rest of the person stays
    gaze = gaze.choice([-1, 1]) * gaze.uniform(0.02, 0.05)  # nobody looks straight at us
    for side in (-1, 1):  # eyes and brows
        x, open_ = side * 0.33, 0.02 if blink else 0.11 if surprised else 0.075
        top, low = arc(x - 0.17, x + 0.17, -0.05, -open_ * 1.15), arc(x + 0.17, x - 0.17, -0.05, open_ * 0.8)
        if not blink:
            poly([*top, *low], _mix((240, 236, 230), skin, 0.16))
            across = np.linspace(-0.085, 0.085, 13)  # the iris, its top under the lid and its bottom above the other
            above = np.interp(x + gaze + across, *np.transpose(top))
            below = np.interp(x + gaze + across, *np.transpose(low[::-1]))
            round_ = np.sqrt(0.0875**2 - across**2)
            edge = np.maximum(-0.075 - round_, above), np.minimum(-0.075 + round_, below)
            top_edge, low_edge = (np.stack([x + gaze + across, y], 1) for y in edge)
            poly([*top_edge, *low_edge[::-1]], iris)
            disc(x + gaze, -0.08, 0.045, (16, 12, 12), min(0.045, open_ * 0.7))
            disc(x + gaze + 0.03, -0.1, 0.016, (255, 255, 255))
        line(arc(x - 0.18, x + 0.18, -0.05, -open_ * 1.15), lid, 0.05)
        line(arc(x - 0.13, x + 0.13, -0.04, open_ * 0.85), _mix(skin, lid, 0.25), 0.02)
        lift, tilt = -0.28 - 0.07 * surprised, 0.09 * sad
        brow = np.array(arc(x - 0.22, x + 0.22, lift, -0.055))
        brow[:, 1] += -tilt + tilt * 2 * (np.abs(brow[:, 0]) - 0.11) / 0.44
        line(brow, _mix(hair, (24, 14, 12), 0.45), 0.085)
    for side in (-1, 1):  # nose
        disc(side * 0.075, 0.375, 0.042, _mix(skin, (16, 4, 4), 0.75), 0.028)
        line([(side * 0.15, 0.29), (side * 0.165, 0.35), (side * 0.13, 0.39)], _mix(skin, (40, 14, 10), 0.35), 0.025)
    if surprised:  # mouth
        disc(0, 0.63, 0.20, lip, 0.16)
        disc(0, 0.63, 0.15, (44, 12, 16), 0.11)
        poly([*arc(-0.11, 0.11, 0.565, -0.03), (0.09, 0.60), (-0.09, 0.60)], (244, 240, 234))
    elif face.expression == "smiling":
        poly([*arc(-0.36, 0.36, 0.54, 0.05), *arc(0.36, -0.36, 0.54, 0.26)], lip)
        poly([*arc(-0.29, 0.29, 0.57, 0.03), *arc(0.29, -0.29, 0.57, 0.15)], (250, 247, 242))
        line(arc(-0.36, 0.36, 0.54, 0.05), _mix(lip, (20, 4, 6), 0.5), 0.03)
    else:
        bend = -0.10 if sad else 0.0
        y = 0.66 if sad else 0.60
        poly([*arc(-0.26, 0.26, y, bend - 0.05), *arc(0.26, -0.26, y, bend + 0.085)], lip)
        line(arc(-0.28, 0.28, y, bend + 0.012), _mix(lip, (20, 4, 6), 0.72), 0.035)
    if face.style in ("short", "long"):  # hair in front
        top = [(0.82 * np.cos(a), -0.24 + 0.84 * np.sin(a)) for a in np.linspace(np.pi, 2 * np.pi, 40)]
        part = rng.choice([-1, 1]) * rng.uniform(0.1, 0.3)
        low = 0.30 if face.style == "long" else -0.02
        fringe = [(0.80, low), (0.70, low - 0.04), (0.66, -0.34), (part, -0.66)]
        fringe += [(-x, y) for x, y in fringe[-2::-1]]
        poly([*top, *fringe], hair)
        for x in np.linspace(-0.6, 0.6, 9):
            arch = 1 - x * x
            line([(part + (x - part) * 0.25, -0.72 - 0.25 * arch), (x, -0.50 - 0.22 * arch)], strand, 0.025)
        if face.style == "long":
            for side in (-1, 1):
                lock = [(0.70, -0.2), (0.86, -0.3), (1.02, 0.6), (0.98, 1.3), (0.72, 1.36), (0.74, 0.6)]
                poly([(side * x, y) for x, y in lock], hair)
                line([(side * 0.84, 0.1), (side * 0.90, 0.7), (side * 0.86, 1.26)], strand, 0.03)
    elif face.style == "curly":
        for x, y in [(x * 0.86, -0.35 + (y + 0.35) * 0.86) for x, y in curls if y < -0.2] + [
                (x, -0.80 - 0.05 * np.cos(7 * x)) for x in np.linspace(-0.52, 0.52, 5)]:
            disc(x, y, 0.20, hair)
            disc(x, y, 0.12, strand, start=180, end=320, width=0.03 * HEAD)
    else:
        disc(-0.22, -0.74, 0.16, _mix(skin, (255, 255, 255), 0.35), 0.06, angle=-18)
    if face.glasses:
        frame = ((38, 36, 40), (92, 52, 34), (60, 64, 92))[rng.integers(3)]
        for side in (-1, 1):
            disc(side * 0.335, -0.05, 0.255, frame, 0.215, width=0.05 * HEAD)
            line([(side * 0.59, -0.09), (side * 0.76, -0.05)], frame, 0.05)
        line(arc(-0.09, 0.09, -0.07, -0.04), frame, 0.05)
    img[..., 3] = cv2.dilate(img[..., 3], cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11)))
    return _premultiply(cv2.resize(img, (PERSON_W, PERSON_H), interpolation=cv2.INTER_AREA))


# ------------------------------------------------------------------------------------------------------------- sound

def sound(kind: str, pitch: str | None, samples: int, rng) -> np.ndarray:
    """What is heard, (samples,) float32 between -1 and 1, with timbre, tempo and loudness by chance."""
    t = np.arange(samples) / RATE
    tune = rng.uniform(0.92, 1.09)  # all pitches and tempi vary a little

    def choose(low, high):
        return (low if pitch == "low" else high) * tune

    def hiss(low, high):  # noise between two frequencies
        size = 1 << (samples - 1).bit_length()
        f = np.fft.rfftfreq(size, 1 / RATE)
        spectrum = np.fft.rfft(rng.normal(0, 1, size)) / (1 + (low / np.maximum(f, 1)) ** 4) / (1 + (f / high) ** 4)
        noise = np.fft.irfft(spectrum, size)[:samples]
        return noise / (noise.std() + 1e-9) * 0.25

    def since(period, jitter=0.0):  # seconds since the last of many strokes, at every sample
        starts = np.arange(-rng.random() * period, t[-1] + period, period)
        starts = np.sort(starts + rng.uniform(-jitter, jitter, len(starts)))
        stroke = np.clip(np.searchsorted(starts, t, "right") - 1, 0, None)
        return np.where(t >= starts[0], t - starts[stroke], 9.0), stroke

    def partials(phase, weights):
        return sum(w * np.sin(2 * np.pi * m * phase) for m, w in weights)

    soft = rng.uniform(0.1, 0.5)
    if kind == "bell":
        s, _ = since(0.95 / tune)
        f = choose(230, 900)
        wave = sum(w * np.exp(-s * d) * np.sin(2 * np.pi * f * m * s)
                   for m, w, d in ((1, 1, 2.2), (2.0, 0.6, 3), (2.76, 0.5, 4), (5.4, 0.3 * soft + 0.1, 7)))
    elif kind == "drum":
        s, _ = since(0.42 / tune)
        f = choose(85, 230)
        skin = np.exp(-s * 11) * np.sin(2 * np.pi * f * (s + 0.03 * (1 - np.exp(-s * 30))))
        wave = skin + hiss(800, 4000) * np.exp(-s * 60)
    elif kind == "siren":
        sweep = 1 + 0.32 * np.sin(2 * np.pi * (0.7 * tune * t + rng.random()))
        wave = partials(np.cumsum(choose(330, 1000) * sweep) / RATE, ((1, 1), (2, soft), (3, soft / 2)))
    elif kind == "engine":
        phase = np.cumsum(choose(38, 115) * (1 + 0.03 * np.sin(2 * np.pi * 0.5 * t + rng.uniform(0, 6)))) / RATE
        wave = partials(phase, [(m, 1 / m) for m in range(1, 12)]) * (1 + 0.3 * np.sin(np.pi * phase))
        wave = wave + 0.4 * hiss(50, 400)
    elif kind in ("tune_up", "tune_down"):
        s, note = since(0.24 / tune)
        step = np.array([0, 2, 4, 5, 7, 9, 11, 12])[note % 8 if kind == "tune_up" else 7 - note % 8]
        f = choose(165, 620) * 2 ** (step / 12)
        wave = partials(f * s, ((1, 1), (2, soft), (3, soft / 2), (4, soft / 4)))
        wave = wave * np.exp(-s * 5) * np.clip(s * 200, 0, 1)
    elif kind == "birds":
        wave = np.zeros(samples)
        for start in np.arange(rng.uniform(0, 0.3), t[-1], 0.36):
            f, bend, trill = rng.uniform(2600, 4600), rng.uniform(-7000, 7000), rng.choice([0, 24])
            s = t - start - rng.uniform(0, 0.14)
            on = np.where((s > 0) & (s < 0.16), np.sin(np.pi * np.clip(s / 0.16, 0, 1)), 0)
            wave += on * np.sin(2 * np.pi * (f + bend * s / 2) * s + 3 * np.sin(2 * np.pi * trill * s))
    elif kind == "rain":
        drops = np.where(rng.random(samples) < 0.004, rng.normal(0, 1, samples), 0)
        wave = 0.5 * hiss(1200, 7000) + 2 * np.convolve(drops, np.exp(-np.arange(80) / 12), "same")
    elif kind == "clock":
        s, stroke = since(0.5 / tune)
        f = np.where(stroke % 2, 1500, 2100) * tune
        wave = np.exp(-s * 110) * np.sin(2 * np.pi * f * s) + 0.6 * hiss(2000, 6000) * np.exp(-s * 200)
    elif kind == "surf":
        swell = 0.5 - 0.5 * np.cos(2 * np.pi * (t * 0.42 * tune + rng.random()))
        wave = hiss(150, 900) * (0.25 + swell) + hiss(900, 3500) * swell**2 * 0.7
    elif kind == "crickets":
        s, _ = since(0.55 / tune)
        wave = np.sin(2 * np.pi * 4700 * tune * t) * (np.sin(2 * np.pi * 15 * s) ** 2) * (s < 0.3)
    elif kind == "phone":
        s, _ = since(1.3 / tune)
        wave = (np.sin(2 * np.pi * 740 * tune * t) + np.sin(2 * np.pi * 920 * tune * t)) * (s < 0.8) * (
            0.6 + 0.4 * np.sign(np.sin(2 * np.pi * 19 * t)))
    elif kind == "applause":
        claps = np.where(rng.random(samples) < 40 / RATE, rng.uniform(0.3, 1, samples), 0)
        wave = np.convolve(claps, np.exp(-np.arange(400) / 60), "same") * hiss(900, 3500) * 4 + 0.08 * hiss(900, 3500)
    else:
        raise ValueError(f"no such sound: {kind!r}; known: see make_tinyclips.SOUNDS")
    wave = wave / np.sqrt(4 * wave.std() * np.abs(wave).max() + 1e-9)  # no crackling rain, no tick too quiet
    wave = np.tanh(wave) * rng.uniform(0.35, 0.85)
    wave = wave + hiss(60, 2000) * rng.uniform(0.002, 0.012)  # every microphone hisses a little
    return (wave * np.clip(np.minimum(t, t[-1] - t) * 100, 0, 1)).clip(-1, 1).astype(np.float32)
