"""A picture of what each expert saw and heard in a file."""

import numpy as np

from .audio import MELS, PER_SECOND, audio, mel_corners
from .decode import ClipError, read_clip
from .face import choose_face, face_engine, scaled_box
from .motion import SHAPE, STILL, flow, motion

KINDS = ["→", "↗", "↑", "↖", "←", "↙", "↓", "↘", "out", "in", "↻", "↺"]


def inspect(path, face_box=None, audio_seconds: float = 30.0):
    """What each expert saw and heard in a file, as a matplotlib figure whose title says what is absent."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ClipError("--inspect draws with matplotlib: pip install matplotlib") from None
    clip = read_clip(path, audio_seconds=audio_seconds)
    sound, moved = audio(clip.samples), motion(clip.grey, clip.grey_times, clip.pairs)
    chosen = choose_face(clip.frames, scaled_box(clip, face_box))
    absent = ["appearance (no picture)"] * (not len(clip.frames)) + ["motion (not two frames)"] * (moved is None)
    absent += [f"audio ({'no sound track' if clip.samples is None else 'silent'})"] * (sound is None)
    absent += ["face (none found)"] * (chosen is None)
    figure = Figure(figsize=(12, 8.5), layout="constrained")
    title = f"{clip.path.name}: {clip.width} x {clip.height}, {clip.seconds:.1f} s"
    figure.suptitle("\n".join([title, *clip.notes, f"absent: {', '.join(absent) or 'nothing'}"]))
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=[0.7, 1, 1.1])
    for part, what in ((top, "appearance: sampled frames"), (middle, "motion: three moments, and all of it")):
        part.suptitle(what, fontsize=10)
    frames = top.subplots(1, max(len(clip.frames), 1), squeeze=False)[0]
    for axis, frame, time in zip(frames, clip.frames, clip.times, strict=False):
        axis.imshow(frame)
        axis.set_title(f"{time:.1f} s", fontsize=9)
    axes, (left, right) = middle.subplots(1, 4), bottom.subplots(1, 2, width_ratios=[3, 1])
    if moved is not None:
        _draw_motion(axes, clip, moved)
    if sound is not None:
        _draw_audio(left, sound)
    if chosen:
        number, (x0, y0, x1, y1) = chosen
        frames[number].plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], "w-")
        dlib, _, landmarks, _ = face_engine()
        frame = np.ascontiguousarray(clip.frames[number])
        rectangle = dlib.rectangle(*map(round, chosen[1]))
        right.imshow(dlib.get_face_chip(frame, landmarks(frame, rectangle), 150, 0.25))
        right.set_title("face: aligned, as it is described", fontsize=10)
    hidden = [*axes[: 4 if moved is None else 3], *[left] * (sound is None), right]
    for axis in [*frames, *hidden]:
        axis.axis("off")
    return figure


def _draw_motion(axes, clip, moved: np.ndarray) -> None:
    moments = [pair for pair in clip.pairs if pair]
    for axis, k in zip(axes, (1, 3, 5), strict=False):
        i, j = moments[len(moments) * k // 6]
        u, v = np.moveaxis(flow(clip.grey[i], clip.grey[j]), -1, 0)
        y, x = np.mgrid[3 : len(u) : 6, 3 : u.shape[1] : 6]
        moving = np.hypot(u, v)[y, x] > 0
        y, x = y[moving], x[moving]
        u, v = u[y, x], v[y, x]
        axis.imshow(clip.grey[i], cmap="gray", vmin=0, vmax=255, alpha=0.6)
        scale = np.hypot(u, v).max(initial=STILL) / 15  # the longest arrow is 15 pixels long
        axis.quiver(x, y, u, v, np.arctan2(-v, u), cmap="hsv", clim=(-np.pi, np.pi), angles="xy", scale_units="xy",
                    scale=scale, width=0.008)  # fmt: skip
        axis.set_title(f"{clip.grey_times[i]:.2f} to {clip.grey_times[j]:.2f} s", fontsize=9)
    for k, (row, label) in enumerate(zip(moved.reshape(SHAPE)[:, 0], ("start", "middle", "end"), strict=True)):
        axes[3].bar(np.arange(len(KINDS)) + (k - 1) * 0.28, row, 0.28, label=label, color=str(0.75 - 0.3 * k))
    axes[3].set_xticks(range(len(KINDS)), KINDS)
    axes[3].set_ylabel("√ speed, whole frame", fontsize=9)
    axes[3].legend(fontsize=8)


def _draw_audio(axis, sound: np.ndarray) -> None:
    extent = (0, len(sound) / PER_SECOND, 0, MELS)
    axis.imshow(sound.T, origin="lower", aspect="auto", cmap="magma", vmin=0, vmax=1, extent=extent)
    bands = range(3, MELS, 10)
    axis.set_yticks([band + 0.5 for band in bands], [f"{mel_corners()[band + 1]:.0f}" for band in bands])
    axis.set(xlabel="seconds", ylabel="Hz")
    axis.set_title("audio: log-mel frames; black is -80 dB", fontsize=10)
