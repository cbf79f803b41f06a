"""What all experts say about a clip."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image

from mee.data import Words

from .appearance import appearance, load_network
from .audio import MELS, audio
from .decode import EXPERTS, Clip, ClipError, read_clip
from .face import Box, face, face_engine, scaled_box
from .motion import DIM as MOTION_DIM
from .motion import motion
from .text import FRAMES as TEXT_FRAMES
from .text import text, text_engine


@dataclass(frozen=True)
class Options:
    """What a clip's features depend on, besides the clip itself."""

    experts: tuple[str, ...] = EXPERTS
    model: str = "efficientnet-lite0"  # for appearance
    per_frame: bool = False  # appearance as a sequence, one row per frame
    audio_seconds: float = 30.0
    text_frames: int = TEXT_FRAMES  # frames that are searched for text
    storyboard: int = 3  # small pictures kept of each clip

    def dimensions(self, words: Words | None = None) -> dict[str, tuple[str, int]]:
        """expert -> (kind, dim), as ClipWriter takes it. Loads the models, so a missing one is reported at once."""
        kinds = {name: _KNOWN[name].kind for name in self.experts}
        if "appearance" in kinds and self.per_frame:
            kinds["appearance"] = "sequence"
        return {name: (kind, _KNOWN[name].dim(self, words)) for name, kind in kinds.items()}

    def settings(self, expert: str) -> list:
        """The options that ``expert`` depends on."""
        return [getattr(self, name) for name in _KNOWN[expert].settings]


def _text_dim(options: Options, words: Words | None) -> int:
    if words is None:
        raise ClipError("the expert text gives word vectors: it needs words=, such as mee.storage.words_for(sentences)")
    text_engine()
    return words.dim


class _Expert(NamedTuple):
    kind: str
    dim: Callable  # a function of options and words, which loads the expert's models
    compute: Callable  # what it says about a clip: a function of clip, options, face box and words
    settings: tuple[str, ...] = ()  # names of the options that the features depend on


_KNOWN = {
    "appearance": _Expert(
        "vector",
        lambda o, _: load_network(o.model).dim,
        lambda clip, o, *_: appearance(clip.frames, o.model, not o.per_frame),
        ("model", "per_frame"),
    ),
    "motion": _Expert("vector", lambda *_: MOTION_DIM, lambda clip, *_: motion(clip.grey, clip.grey_times, clip.pairs)),
    "audio": _Expert("sequence", lambda *_: MELS, lambda clip, *_: audio(clip.samples), ("audio_seconds",)),
    "face": _Expert(
        "vector", lambda *_: face_engine() and 128, lambda clip, o, box, _: face(clip.frames, scaled_box(clip, box))
    ),
    "text": _Expert(
        "sequence", _text_dim, lambda clip, o, _, words: text(clip.frames, words, o.text_frames), ("text_frames",)
    ),
}


def compute_features(
    clip: Clip, options: Options = Options(), face_box: Box | None = None, words: Words | None = None
) -> dict[str, np.ndarray]:
    """What each expert says about a :class:`Clip`: expert -> float32 array; absent experts are left out.

    ``words`` is the vocabulary of the expert ``text``; the others need none.
    """
    features = {name: _KNOWN[name].compute(clip, options, face_box, words) for name in options.experts}
    return {name: values for name, values in features.items() if values is not None}


def extract(
    path, experts=EXPERTS, face_box: Box | None = None, words: Words | None = None, **options
) -> dict[str, np.ndarray]:
    """Features of one file: expert -> float32 array, absent experts left out. Options: :class:`Options`."""
    chosen = Options(tuple(experts), **options)
    clip = read_clip(path, audio_seconds=chosen.audio_seconds, experts=experts)
    return compute_features(clip, chosen, face_box, words)


def storyboard(frames: np.ndarray, count: int) -> list[bytes]:
    """``count`` of ``frames`` as small JPEG pictures, 128 pixels wide."""
    pictures, last = [], len(frames) - 1
    # the first and the last of many frames say least; of a few, every one is needed
    picks = np.linspace(0, last, count + 2)[1:-1] if last >= 2 * count else np.linspace(0, last, min(count, last + 1))
    for i in np.unique(picks.round().astype(int)):
        picture = Image.fromarray(frames[i])
        picture = picture.resize((128, max(1, round(128 * picture.height / picture.width))), Image.LANCZOS)
        buffer = BytesIO()
        picture.save(buffer, "JPEG", quality=75)
        pictures.append(buffer.getvalue())
    return pictures
