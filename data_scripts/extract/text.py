"""The text expert: the words that can be read in the picture, as word vectors."""

from functools import lru_cache

import numpy as np

from mee.data import Words

from .decode import ClipError

CONFIDENCE = 0.5  # of a line; what is read with less confidence is mostly texture
SHORTER = 320  # pixels: smaller frames are enlarged to this, larger ones are taken as they are
FRAMES = 2  # two frames give more words than one at rapidocr's own 736 pixels, in under half the time
LONGEST_TEXT = 64  # words; a page of a book says no more about a clip, and would widen every batch that it is in


@lru_cache(maxsize=1)
def text_engine():
    """rapidocr's reader, whose networks (PP-OCRv6) are inside the package; raises :class:`ClipError` without it."""
    try:
        import onnxruntime  # noqa: F401  rapidocr notices that it is missing only when used
        from rapidocr import RapidOCR
    except ImportError as error:
        what = 'pip install -e ".[text]"; or leave text out of --experts'
        raise ClipError(f"{error.name} is missing: {what}") from None
    threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    # No text is upside down in an upright video, so the network that looks for such text is left out.
    return RapidOCR(
        params={"Global.log_level": "error", "Global.use_cls": False, "Global.text_score": CONFIDENCE,
                "Det.limit_side_len": SHORTER, **threads}
    )  # fmt: skip


def read_text(frames: np.ndarray, count: int = FRAMES) -> list[str]:
    """The lines of text in ``count`` of ``frames`` (n, H, W, 3) uint8 RGB, in the middles of equal parts; each once."""
    lines: dict[str, None] = {}
    middles = ((np.arange(count) + 0.5) / count * len(frames)).astype(int)
    for i in np.unique(middles) if len(frames) else ():
        result = text_engine()(np.ascontiguousarray(frames[i][..., ::-1]))  # it expects BGR
        lines.update(dict.fromkeys(result.txts or ()))
    return list(lines)


def embed_text(lines: list[str], words: Words) -> np.ndarray | None:
    """The vectors of those words of ``lines`` that ``words`` knows, (words, dim) float32; None if it knows none."""
    ids = [i for line in lines for i in words.ids(line)][:LONGEST_TEXT]
    return words.vectors[ids].float().numpy() if ids else None


def text(frames: np.ndarray, words: Words, count: int = FRAMES) -> np.ndarray | None:
    """What can be read in ``count`` of ``frames`` (n, H, W, 3) uint8 RGB, as word vectors (words, dim) float32.

    None if there is nothing to read, or no word that ``words`` knows: the expert is then absent. Words come in the
    order in which their lines are found, from top to bottom.
    """
    return embed_text(read_text(frames, count), words)
