"""The face expert: dlib's descriptor of one face."""

from functools import lru_cache

import numpy as np

from .appearance import models_of
from .decode import Clip, ClipError

FACE_SCORE = 0.25  # dlib's detector gives people 1 or more, and chance arrangements of folds and fingers 0.1
Box = tuple[float, float, float, float]


@lru_cache(maxsize=1)
def face_engine():
    """(dlib, detector, landmarks, descriptor); raises :class:`ClipError` if one is missing."""
    folder = models_of("face_recognition_models", "face")
    try:
        import dlib
    except ImportError:
        raise ClipError("dlib is missing: pip install dlib-bin; or leave face out of --experts") from None
    landmarks = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
    descriptor = dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))
    return dlib, dlib.get_frontal_face_detector(), landmarks, descriptor


def find_face(frames: np.ndarray) -> tuple[int, Box] | None:
    """(frame number, (x0, y0, x1, y1)) of the largest face in ``frames`` (n, H, W, 3) uint8 RGB, or None."""
    best = None
    for number, frame in enumerate(frames):
        boxes, scores, _ = face_engine()[1].run(np.ascontiguousarray(frame), 1)
        for box, score in zip(boxes, scores, strict=True):
            if score >= FACE_SCORE and (best is None or box.area() > best[0]):
                best = box.area(), number, (box.left(), box.top(), box.right() + 1, box.bottom() + 1)
    return best and best[1:]


def choose_face(frames: np.ndarray, box: Box | None = None) -> tuple[int, Box] | None:
    """Which face is described: the given ``box`` in the middle frame, else the largest in all frames."""
    return (len(frames) // 2, box) if box is not None and len(frames) else find_face(frames)


def face(frames: np.ndarray, box: Box | None = None) -> np.ndarray | None:
    """dlib's descriptor, (128,) float32, of one face in ``frames`` (n, H, W, 3) uint8 RGB; None if there is no face.

    Without a ``box`` (x0, y0, x1, y1), dlib's HOG detector, which finds faces of about 40 pixels or more, looks at
    every frame, and the largest face of all is described: one face in one frame, not an average over people and blurs.
    A box refers to the middle frame, in its pixels.
    """
    chosen = choose_face(frames, box)
    if chosen is None:
        return None
    dlib, _, landmarks, descriptor = face_engine()
    number, (x0, y0, x1, y1) = chosen
    frame = np.ascontiguousarray(frames[number])
    rectangle = dlib.rectangle(round(x0), round(y0), round(x1) - 1, round(y1) - 1)
    return np.array(descriptor.compute_face_descriptor(frame, landmarks(frame, rectangle)), np.float32)


def scaled_box(clip: Clip, box: Box | None) -> Box | None:
    """``box`` in pixels of the video, as pixels of ``clip.frames``."""
    if box is None or not len(clip.frames):
        return None
    x0, y0, x1, y1 = box
    if not (0 <= x0 < x1 <= clip.width and 0 <= y0 < y1 <= clip.height):
        size = f"{clip.width} x {clip.height}"
        raise ClipError(f"{clip.path.name}: face_box {box} does not lie in the picture, which is {size}")
    height, width = clip.frames.shape[1:3]
    return x0 * width / clip.width, y0 * height / clip.height, x1 * width / clip.width, y1 * height / clip.height
