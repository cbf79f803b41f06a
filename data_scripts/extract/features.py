"""What all experts say about a clip."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from .appearance import appearance, load_network
from .audio import MELS, audio
from .decode import EXPERTS, Clip, read_clip
from .face import Box, face, face_engine, scaled_box
from .motion import DIM as MOTION_DIM
from .motion import motion


@dataclass(frozen=True)
class Options:
    """What a clip's features depend on besides the clip."""

    experts: tuple[str, ...] = EXPERTS
    model: str = "efficientnet-lite0"  # for appearance
    audio_seconds: float = 30.0
    storyboard: int = 3  # small pictures kept of each clip

    def dimensions(self) -> dict[str, tuple[str, int]]:
        """expert -> (kind, dim), as ClipWriter takes it. Loads the models, so what is missing is said at once."""
        return {name: (_KNOWN[name][0], _KNOWN[name][1](self)) for name in self.experts}


#: expert -> kind, dim under some options (its models are loaded for that), what it says about a clip
_KNOWN = {
    "appearance": ("vector", lambda o: load_network(o.model).dim, lambda clip, o, _: appearance(clip.frames, o.model)),
    "motion": ("vector", lambda o: MOTION_DIM, lambda clip, o, _: motion(clip.grey, clip.grey_times, clip.pairs)),
    "audio": ("sequence", lambda o: MELS, lambda clip, o, _: audio(clip.samples)),
    "face": ("vector", lambda o: face_engine() and 128, lambda clip, o, box: face(clip.frames, scaled_box(clip, box))),
}


def compute_features(clip: Clip, options: Options = Options(), face_box: Box | None = None) -> dict[str, np.ndarray]:
    """What each expert says about a :class:`Clip`: expert -> float32 array; absent experts are left out."""
    features = {name: _KNOWN[name][2](clip, options, face_box) for name in options.experts}
    return {name: values for name, values in features.items() if values is not None}


def extract(path, experts=EXPERTS, face_box: Box | None = None, **options) -> dict[str, np.ndarray]:
    """Features of one file: expert -> float32 array, absent experts left out. Options: :class:`Options`."""
    chosen = Options(tuple(experts), **options)
    return compute_features(read_clip(path, audio_seconds=chosen.audio_seconds, experts=experts), chosen, face_box)


def storyboard(frames: np.ndarray, count: int) -> list[bytes]:
    """``count`` of ``frames`` as small JPEG pictures, 128 pixels wide."""
    pictures = []
    for i in np.unique(np.linspace(0, len(frames) - 1, count + 2)[1:-1].round().astype(int)) if len(frames) else ():
        picture = Image.fromarray(frames[i])
        picture = picture.resize((128, max(1, round(128 * picture.height / picture.width))), Image.LANCZOS)
        buffer = BytesIO()
        picture.save(buffer, "JPEG", quality=75)
        pictures.append(buffer.getvalue())
    return pictures
