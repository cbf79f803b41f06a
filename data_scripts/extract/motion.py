"""The motion expert: dense optical flow by time segment, place and direction."""

from functools import lru_cache

import cv2
import numpy as np

from .decode import FLOW_LONGEST, grey_size, pick_pairs

STILL = 0.1  # pixels: a smaller displacement between two such frames comes from compression, and counts as none
CHANGE = 1.5  # grey levels of 255, over 5 x 5 pixels: where two frames differ by less, nothing has moved
SEGMENTS, GRID, DIRECTIONS = 3, 3, 8
SHAPE = SEGMENTS, 1 + GRID * GRID, DIRECTIONS + 4
DIM = SHAPE[0] * SHAPE[1] * SHAPE[2]


@lru_cache(maxsize=1)
def _flow_engine():
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)


def flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Dense optical flow in pixels, (h, w, 2) float32 as x and y (downwards), between two grey frames (h, w) uint8.

    The flow is zero where it is tiny, and where the picture does not change: an estimate of flow carries plain ground
    along with whatever moves in front of it, though standing still explains the ground as well.
    """
    first, second = np.ascontiguousarray(first), np.ascontiguousarray(second)
    moved = _flow_engine().calc(first, second, None)
    change = cv2.blur(cv2.absdiff(first, second).astype(np.float32), (5, 5))
    moved[(np.hypot(moved[..., 0], moved[..., 1]) < STILL) | (change < CHANGE)] = 0
    return moved


def _histograms(velocity: np.ndarray) -> np.ndarray:
    """(1 + GRID * GRID, DIRECTIONS + 4) of one flow field (h, w, 2); see :func:`motion`."""
    h, w = velocity.shape[:2]
    rows = [slice(h * i // GRID, h * (i + 1) // GRID) for i in range(GRID)]
    columns = [slice(w * i // GRID, w * (i + 1) // GRID) for i in range(GRID)]
    cells = [(slice(None), slice(None))] + [(r, c) for r in rows for c in columns]
    u, v = velocity[..., 0], velocity[..., 1]
    speed = np.hypot(u, v)
    turn = np.arctan2(-v, u) / (2 * np.pi) * DIRECTIONS  # 0 is right, then anticlockwise: 2 is up
    low = np.floor(turn)
    share = turn - low
    low = low.astype(int)
    y, x = np.mgrid[:h, :w]
    out = np.zeros(SHAPE[1:])
    for bins, cell in zip(out, cells, strict=True):
        s = speed[cell].ravel()
        total = s.sum()
        if not total:
            continue
        for number, part in ((low, 1 - share), (low + 1, share)):  # a direction between two bins is split
            weights = s * part[cell].ravel()
            bins[:DIRECTIONS] += np.bincount(number[cell].ravel() % DIRECTIONS, weights, DIRECTIONS)
        # away from, or around, the middle of what moves here
        dx = x[cell].ravel() - (s * x[cell].ravel()).sum() / total
        dy = y[cell].ravel() - (s * y[cell].ravel()).sum() / total
        away = np.maximum(np.hypot(dx, dy), 1e-9)
        outward = (u[cell].ravel() * dx + v[cell].ravel() * dy) / away
        clockwise = (v[cell].ravel() * dx - u[cell].ravel() * dy) / away
        bins[DIRECTIONS:] = [part.clip(0).sum() for part in (outward, -outward, clockwise, -clockwise)]
        bins /= s.size
    return out


def _grey(frame: np.ndarray) -> np.ndarray:
    """A frame, RGB or grey, as flow is computed on it."""
    frame = np.ascontiguousarray(frame)
    if frame.ndim == 3:
        frame = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    size = grey_size(frame.shape[1], frame.shape[0])
    return frame if frame.shape[::-1] == size else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


def motion(frames: np.ndarray, times: np.ndarray, pairs: list | None = None) -> np.ndarray | None:
    """How things move, from dense optical flow: (360,) float32, or None if there are not two frames.

    ``motion(...).reshape(3, 10, 12)`` is segment of time, place, kind. Places: the whole frame, then 3 x 3 cells row
    by row. Kinds: right, up and right, up, ... in eight directions, then outward, inward, clockwise, anticlockwise
    about the middle of what moves at that place. Each is the square root of the mean speed of that kind over pixels
    and moments, in longer sides of the frame per second: neither size nor frame rate matters. The root keeps fast
    videos from drowning slow ones. A pan of the camera is motion like any other. A video in which nothing moves gives a
    vector of zeros, and is not absent: the expert has seen that nothing moves.

    ``frames`` are (n, H, W, 3) uint8 RGB or (n, H, W) grey at ``times``, (n,) seconds, ascending; ``pairs`` are the
    frames to compare, None for a missing pair (default: what :func:`pick_pairs` gives).
    """
    if pairs is None:
        pairs = pick_pairs(np.asarray(times))
    if not any(pairs):
        return None
    small = {i: _grey(frames[i]) for i in {i for pair in pairs if pair for i in pair}}
    done, sums, counts = {}, np.zeros(SHAPE), np.zeros(SEGMENTS)
    for k, pair in enumerate(pairs):
        if pair is None:
            continue
        if pair not in done:  # at a low frame rate several moments share one pair
            i, j = pair
            done[pair] = _histograms(flow(small[i], small[j]) / (FLOW_LONGEST * (times[j] - times[i])))
        segment = k * SEGMENTS // len(pairs)
        sums[segment] += done[pair]
        counts[segment] += 1
    means = sums / np.maximum(counts, 1)[:, None, None]
    return np.sqrt(means).astype(np.float32).ravel()
