"""Reads what the experts need of a video or image file, and no more."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image, ImageOps

EXPERTS = ("appearance", "motion", "audio", "face")
ALL_EXPERTS = (*EXPERTS, "text")  # reading text is slow and needs packages of its own, so only on request
IMAGES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}

LONGEST = 640  # pixels: sampled frames are shrunk to this on their longer side, never enlarged
FLOW_LONGEST = 128  # pixels: flow is computed on grey frames of exactly this longer side
PAIRS, GAP = 24, 0.06  # flow is computed at up to PAIRS moments of a clip, between frames at least GAP seconds apart
RATE = 16_000  # Hz: sound is resampled to this and mixed to one channel
SEEK = 10.0  # seconds: a longer way to the next frame that is needed is skipped, not decoded


class ClipError(ValueError):
    """A file, a caption table or an option that cannot be used; the message names it and says why."""


@dataclass
class Clip:
    """What the experts need of one file: memory stays bounded however long the video is."""

    path: Path
    #: (n, H, W, 3) uint8 RGB, sampled evenly in time, upright, longer side at most 640 pixels; and (n,) seconds
    frames: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0, 3), np.uint8))
    times: np.ndarray = field(default_factory=lambda: np.zeros(0))
    #: (m, h, w) uint8, longer side 128 pixels: the frames between which motion is measured; and (m,) seconds
    grey: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0), np.uint8))
    grey_times: np.ndarray = field(default_factory=lambda: np.zeros(0))
    #: for each moment the two frames in ``grey``
    pairs: list[tuple[int, int] | None] = field(default_factory=list)
    #: (S,) float32 between -1 and 1 at 16 kHz, or None without a sound track
    samples: np.ndarray | None = None
    width: int = 0  # of the upright picture in pixels; 0 without a picture
    height: int = 0
    seconds: float = 0.0  # 0 for a still image
    notes: list[str] = field(default_factory=list)  # what a reader should know: truncated, damaged, ...


def read_clip(path, frames: int = 8, audio_seconds: float = 30.0, experts=EXPERTS) -> Clip:
    """Read what ``experts`` need from a video or image file; raises :class:`ClipError` if there is nothing.

    ``frames`` are sampled, one from the middle of each of as many equal parts of the clip. They are found by their
    time, so neither the frame rate nor its variation matters. Sound is read from the beginning up to ``audio_seconds``.
    """
    path = Path(path)
    if not path.is_file():
        raise ClipError(f"{path}: no such file")
    if path.suffix.lower() in IMAGES:
        return _read_image(path)
    clip = Clip(path)
    try:
        with _open(path) as container:
            cover = av.stream.Disposition.attached_pic
            streams = [stream for stream in container.streams.video if not stream.disposition & cover]
            sounds = len(container.streams.audio)
            promised = float(container.duration / av.time_base) if container.duration else 0.0
            if streams:
                _read_pictures(clip, container, streams[0], frames, "motion" in experts)
    except av.error.FFmpegError as error:
        raise ClipError(f"{path.name}: cannot be decoded ({_reason(error)})") from None
    if sounds and "audio" in experts:
        _read_sound(clip, audio_seconds)
    if not len(clip.frames) and clip.samples is None:
        nothing = "no picture, and its sound is not asked for" if sounds else "no picture, no sound"
        raise ClipError(f"{path.name}: nothing could be decoded ({'; '.join(clip.notes) or nothing})")
    if streams and promised > 1 and clip.seconds < 0.9 * promised - 0.5:
        # sound often goes on after the picture, so this is a remark and not an error
        clip.notes.append(f"pictures for {clip.seconds:.1f} of {promised:.1f} seconds")
    if not len(clip.frames):
        clip.seconds = promised or len(clip.samples) / RATE
    return clip


def _open(path: Path):
    return av.open(str(path.absolute()))  # absolute, because FFmpeg takes anything before a colon for a protocol


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _read_image(path: Path) -> Clip:
    try:
        with Image.open(path) as image:
            image = ImageOps.exif_transpose(image)
            if image.mode in ("P", "LA", "PA", "RGBA") or "transparency" in image.info:
                image = image.convert("RGBA")  # what is transparent lies on white
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            picture = np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ClipError(f"{path.name}: cannot be decoded ({error})") from None
    height, width = picture.shape[:2]
    size = fit(width, height)
    if size != (width, height):
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return Clip(path, picture[None], np.zeros(1), width=width, height=height)


def fit(width: int, height: int) -> tuple[int, int]:
    """(width, height) of a sampled frame."""
    scale = min(LONGEST / max(width, height), 1)
    return max(1, round(width * scale)), max(1, round(height * scale))


def grey_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) of the grey frame on which flow is computed."""
    scale = FLOW_LONGEST / max(width, height)
    return max(24, round(width * scale)), max(24, round(height * scale))


def _frame_times(container, stream) -> tuple[np.ndarray, bool]:
    """When each frame is shown, in ascending seconds, found without decoding; and whether the file has these times."""
    pts: list[int | None] = []
    try:
        pts += (packet.pts for packet in container.demux(stream) if packet.size and not packet.is_discard)
    except av.error.FFmpegError:
        pass  # the end of a truncated file; decoding will meet it too
    if None in pts:  # raw streams and some AVI files: count
        return np.arange(len(pts)) / float(stream.average_rate or 25), False
    return np.sort(np.array(pts, float)) * float(stream.time_base), True


def pick_pairs(times, count: int = PAIRS) -> list[tuple[int, int]]:
    """Pairs (i, j) of frames, at ``times`` (ascending seconds), for measuring motion at ``count`` even moments."""
    pairs = []
    for k in range(count if len(times) > 1 else 0):
        moment = times[0] + (k + 0.5) / count * (times[-1] - times[0])
        i = max(int(np.searchsorted(times, moment, "right")) - 1, 0)
        j = int(np.searchsorted(times, times[i] + GAP - 1e-6))
        if j >= len(times):  # too close to the end: the last pair that is far enough apart
            j = len(times) - 1
            i = max(min(int(np.searchsorted(times, times[j] - GAP + 1e-6, "right")) - 1, j - 1), 0)
        pairs.append((i, j))
    return pairs


def _read_pictures(clip: Clip, container, stream, count: int, motion: bool) -> None:
    times, timed = _frame_times(container, stream)
    if not len(times):
        clip.notes.append("a video stream without frames")
        return
    frame_seconds = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
    clip.seconds = float(times[-1] - times[0] + frame_seconds)
    moments = times[0] + (np.arange(count) + 0.5) / count * clip.seconds
    shown = np.unique(np.maximum(np.searchsorted(times, moments, "right") - 1, 0))
    pairs = pick_pairs(times) if motion else []
    moving = np.unique([i for pair in pairs for i in pair]).astype(int)
    wanted = np.union1d(shown, moving)

    frames, grey, decoded_at = {}, {}, {}
    for number, frame, time in _decode(clip, stream.index, times[wanted], times[0], timed):
        i = int(wanted[number])
        if not decoded_at:  # a stream may change its size midway: all frames are made like the first
            size, turns = (frame.width, frame.height), round(frame.rotation / 90) % 4
            clip.width, clip.height = size[::-1] if turns % 2 else size
        decoded_at[i] = time - times[0]
        if i in shown:
            frames[i] = _scaled(frame, fit(*size), "rgb24", turns)
        if i in moving:
            grey[i] = _scaled(frame, grey_size(*size), "gray", turns)
    if len(decoded_at) < len(wanted):
        clip.notes.append(f"only {len(decoded_at)} of the {len(wanted)} frames that were needed could be decoded")
    if frames:
        clip.frames, clip.times = np.stack([*frames.values()]), np.array([decoded_at[i] for i in frames])
    if grey:
        clip.grey, clip.grey_times = np.stack([*grey.values()]), np.array([decoded_at[i] for i in grey])
        row = {i: k for k, i in enumerate(grey)}
        usable = (i in row and j in row and decoded_at[j] > decoded_at[i] for i, j in pairs)
        clip.pairs = [(row[i], row[j]) if ok else None for (i, j), ok in zip(pairs, usable, strict=True)]


def _scaled(frame, size: tuple[int, int], pixels: str, turns: int) -> np.ndarray:
    return np.rot90(frame.to_ndarray(width=size[0], height=size[1], format=pixels, interpolation="AREA"), turns)


def _decode(
    clip: Clip, index: int, wanted: np.ndarray, start: float, timed: bool
) -> Iterator[tuple[int, object, float]]:
    """(number, frame, time) for each of the ``wanted`` times (ascending, seconds) that could be reached."""
    # opened again, because the search for times has read to the end, and not every file can be rewound
    with _open(clip.path) as container:
        stream = container.streams[index]
        stream.codec_context.thread_count = 1  # the processes already run in parallel
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


def _read_sound(clip: Clip, seconds: float) -> None:
    parts, size, enough = [], 0, int(seconds * RATE)
    try:
        with _open(clip.path) as container:
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
    except (av.error.FFmpegError, ValueError) as error:  # ValueError: the format changes midway
        clip.notes.append(f"sound damaged after {size / RATE:.1f} seconds ({_reason(error)})")
    if parts:
        clip.samples = np.nan_to_num(np.concatenate(parts)[:enough].astype(np.float32))
