"""Your own videos as a clip file: what four experts see and hear in each, with your captions.

::

    python data_scripts/extract FOLDER captions.csv -o mine.h5
    python data_scripts/extract --inspect VIDEO.mp4 -o picture.png     # what the experts saw, as a picture

An expert with nothing to go by is *absent*, which is not the same as zero: no sound track or a silent one, no face, a
single picture, which cannot move. ``data_scripts/README.md`` and lesson 13 describe the experts, ``captions.csv`` and
everything else.
"""

try:
    import pebble  # noqa: F401

    from .appearance import appearance
    from .audio import audio
    from .decode import ALL_EXPERTS, EXPERTS, Clip, ClipError, pick_pairs, read_clip
    from .face import face, find_face
    from .features import Options, compute_features, extract
    from .inspection import inspect
    from .motion import flow, motion
    from .text import read_text, text
except ImportError as error:
    command = 'pip install -e ".[extract,words]"'
    raise ImportError(f"{error.name} is missing; in the clone of the repository: {command}") from None

__all__ = [
    "ALL_EXPERTS", "EXPERTS", "Clip", "ClipError", "Options", "appearance", "audio", "compute_features", "extract",
    "face", "find_face", "flow", "inspect", "motion", "pick_pairs", "read_clip", "read_text", "text",
]  # fmt: skip
