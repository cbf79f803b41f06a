"""Writing a clip file, a clip at a time; :mod:`mee.storage.reader` has the format."""

import json
import os
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import ArrayLike

from mee.data import SPLITS, Words
from mee.storage.files import atomic, new_hdf5, seal
from mee.storage.reader import FORMAT, KINDS, VERSION, ClipFileError


def made_by(program: str, words: Iterable[str]) -> str:
    """A command line for a clip file's ``made_by``: without the names of this machine's folders."""
    separators = {os.sep, os.altsep}  # Windows has two
    return shlex.join([program, *(Path(word).name if separators & set(word) else word for word in words)])


class _Rows:
    """Rows on their way to the file: they wait in a nameless temporary file, so memory stays bounded."""

    def __init__(self, folder: Path, dim: int, dtype: str):
        self.dim, self.dtype, self.offsets = dim, np.dtype(dtype), [0]
        self.spool = tempfile.TemporaryFile(dir=folder)

    def add(self, rows: np.ndarray) -> None:
        self.spool.write(np.ascontiguousarray(rows, self.dtype).tobytes())
        self.offsets.append(self.offsets[-1] + len(rows))

    def size(self) -> int:
        return self.offsets[-1] * self.dim * self.dtype.itemsize + 8 * len(self.offsets)

    def array(self) -> np.ndarray:
        """All rows, mapped from the temporary file."""
        self.spool.flush()
        shape = (self.offsets[-1], self.dim)
        return np.memmap(self.spool, self.dtype, "r", shape=shape) if shape[0] else np.zeros(shape, self.dtype)


class _Clip(NamedTuple):
    number: int
    split: str
    facts: str  # JSON
    pictures: int


class _Caption(NamedTuple):
    clip: int  # -1: belongs to none, only a candidate in a question
    text: str | None
    mentions: list[bool] | None


class ClipWriter:
    """Writes a clip file, a clip at a time (lesson 13). The file gets its name when the ``with`` block ends well.

    Parameters
    ----------
    path : str or Path
        The file to write.
    experts : dict
        Name -> (kind, dim); kind ``"vector"`` (one row per clip) or ``"sequence"`` (any number).
    words : Words, optional
        The vocabulary that turns captions into word ids; None if captions come as word vectors.
    dtype : str
        Of features and word vectors, ``"float16"`` or ``"float32"``.
    compression : str, optional
        ``"gzip"`` makes a smaller file that is read as a whole instead of memory-mapped.
    title, source, licence, made_by : str
        The file's attributes.

    Raises
    ------
    ClipFileError
        Here, in the methods and at the end of the block; the message names file, clip, expert and fix.

    Examples
    --------
    >>> experts = {"motion": ("vector", 3)}
    >>> with ClipWriter("mine.h5", experts, words) as out:  # doctest: +SKIP
    ...     features = {"motion": [0.1, 0.0, 2.0]}
    ...     out.add("clip-1", "train", features, captions=["a ball rolls"])
    """

    def __init__(
        self,
        path: str | Path,
        experts: Mapping[str, tuple[str, int]],
        words: Words | None = None,
        dtype: str = "float16",
        compression: str | None = None,
        title: str = "",
        source: str = "",
        licence: str = "",
        made_by: str = "",
    ):
        if dtype not in ("float16", "float32"):
            raise ClipFileError(f"dtype is float16 or float32; got {dtype!r}")
        if not experts:
            raise ClipFileError("a clip file needs at least one expert")
        for name, (kind, dim) in experts.items():
            if kind not in KINDS or dim < 1 or not name or "/" in name:
                raise ClipFileError(f"expert {name!r}: ({kind!r}, {dim}) is not (vector or sequence, dimensions)")
        self.path, self.words, self.dtype, self.compression = Path(path), words, dtype, compression
        self.experts = dict(sorted(experts.items()))
        self.attributes = {"title": title, "source": source, "licence": licence, "made_by": made_by}

    def __enter__(self) -> "ClipWriter":
        self.failed: ClipFileError | None = None
        self.clips: dict[str, _Clip] = {}
        self.captions: list[_Caption] = []
        self.questions: list[tuple[int, list[int], int]] = []  # clip, captions, answer
        self.spools: list[_Rows] = []
        self.content: _Rows | None = None  # word ids or word vectors of the captions
        with self._disk():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.rows = {name: self._spool(dim) for name, (_, dim) in self.experts.items()}
            self.jpeg = self._spool(1, "uint8")
            if self.words is not None:
                self.content = self._spool(1, "int64")
        return self

    def add(
        self,
        id: str,
        split: str,
        features: Mapping[str, ArrayLike | None],
        captions: Sequence[Any] = (),
        mentions: Sequence[Iterable[str]] | None = None,
        storyboard: Sequence[bytes] = (),
        facts: Any = None,
    ) -> None:
        """Add one clip; a refused clip leaves no trace.

        Parameters
        ----------
        id : str
            Unique in the file.
        split : str
            ``"train"``, ``"val"`` or ``"test"``.
        features : dict
            Expert -> (dim,), or (rows, dim) for a sequence; left out, None, or without rows: absent.
        captions : sequence
            Sentences; or (words, dim) vectors; or pairs (sentence, vectors). With a vocabulary, word ids may replace
            the vectors.
        mentions : sequence of iterables of str, optional
            For each caption the experts that it mentions, where that is known.
        storyboard : sequence of bytes
            JPEG pictures.
        facts : optional
            What is true of the clip, where that is known: anything JSON can hold.
        """
        if id in self.clips:
            raise self._refusal(id, "is already in the file; ids are unique")
        if not id or split not in SPLITS:
            raise self._refusal(id, f"needs an id, and a split of {', '.join(SPLITS)}; got {split!r}")
        if unknown := set(features) - set(self.experts):
            raise self._refusal(id, f"no expert {sorted(unknown)}; there are {list(self.experts)}")
        named = None if mentions is None else [set(names) for names in mentions]
        if named is not None and len(named) != len(captions):
            raise self._refusal(id, f"{len(captions)} captions, mentions for {len(named)}")
        if unknown := set().union(*(named or ())) - set(self.experts):
            raise self._refusal(id, f"mentions {sorted(unknown)}, not experts of this file")
        # everything is checked before anything is stored
        rows = {name: self._check_rows(id, name, features.get(name)) for name in self.experts}
        checked = [self._check_caption(id, caption) for caption in captions]
        clip = _Clip(len(self.clips), split, json.dumps(facts), len(storyboard))
        with self._disk():
            for name, values in rows.items():
                self.rows[name].add(values)
            self._add_captions(clip.number, checked, named)
            for picture in storyboard:
                self.jpeg.add(np.frombuffer(picture, np.uint8)[:, None])
        self.clips[id] = clip

    def add_choice(self, id: str, captions: Sequence[Any], answer: int) -> None:
        """Add a multiple-choice question about clip ``id``: ``captions`` to choose from, ``answer`` counted from 0."""
        if id not in self.clips:
            raise self._refusal(id, "a question about a clip that has not been added")
        if not 0 <= answer < len(captions):
            raise self._refusal(id, f"answer {answer} of {len(captions)} captions")
        if self.questions and len(captions) != len(self.questions[0][1]):
            raise self._refusal(id, f"{len(captions)} captions; earlier questions have {len(self.questions[0][1])}")
        numbers = list(range(len(self.captions), len(self.captions) + len(captions)))
        checked = [self._check_caption(id, caption) for caption in captions]
        with self._disk():
            self._add_captions(-1, checked, None)
        self.questions.append((self.clips[id].number, numbers, answer))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if self.failed is not None:
                raise self.failed
            if kind is None:
                with self._disk(), atomic(self.path) as temporary:
                    with new_hdf5(temporary, self._size()) as file:
                        self._write(file)
                    seal(temporary)
        finally:
            for rows in self.spools:
                with suppress(OSError):  # a full disk has been reported already
                    rows.spool.close()

    def _refusal(self, id: str, what: str) -> ClipFileError:
        return ClipFileError(f"{self.path}: clip {id!r}: {what}")

    def _spool(self, dim: int, dtype: str = "") -> _Rows:
        self.spools.append(_Rows(self.path.parent, dim, dtype or self.dtype))
        return self.spools[-1]

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """Names the file that the disk had no room for; after that, nothing more is accepted."""
        try:
            yield
        except OSError as error:
            self.failed = ClipFileError(f"{self.path}: cannot be written: {error.strerror or error}")
            raise self.failed from error

    def _check_rows(self, id: str, name: str, values: ArrayLike | None) -> np.ndarray:
        """The features of one expert as (rows, dim) in the file's dtype."""
        kind, dim = self.experts[name]
        rows = np.zeros((0, dim)) if values is None or not np.size(values) else np.asarray(values)
        if rows.ndim == 1:
            rows = rows[None]
        if rows.ndim != 2 or rows.shape[1] != dim or (kind == "vector" and len(rows) > 1):
            raise self._refusal(id, f"expert {name!r}: a {kind} of {dim}; got {rows.shape}")
        with np.errstate(over="ignore"):  # what overflows is refused in the next line
            rows = rows.astype(self.dtype)
        if not np.isfinite(rows).all():
            what = f"NaN, Inf or too large for {self.dtype}; leave an absent expert out, or write float32"
            raise self._refusal(id, f"expert {name!r}: {what}")
        return rows

    def _check_caption(self, id: str, caption: Any) -> tuple[str | None, np.ndarray]:
        """A caption as its text (or None), and word ids (words,) or word vectors (words, dim)."""
        text, content = (caption, None) if isinstance(caption, str) else (None, caption)
        if isinstance(caption, tuple):
            text, content = caption
        if self.words is not None:
            ids = np.asarray(self.words.ids(text) if content is None and text is not None else content)
            if ids.ndim != 1:
                raise self._refusal(id, "a file with a vocabulary takes sentences or word ids, not word vectors")
            if ids.size and (ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= len(self.words)):
                raise self._refusal(id, f"a word id that is not 0 to {len(self.words) - 1}")
            return text, ids
        if content is None:
            raise self._refusal(id, "a file without a vocabulary takes word vectors, not sentences alone")
        vectors = np.asarray(content).astype(self.dtype)
        if vectors.ndim != 2 or not np.isfinite(vectors).all():
            raise self._refusal(id, f"word vectors {vectors.shape}; expected finite (words, dim)")
        if self.content is not None and vectors.shape[1] != self.content.dim:
            raise self._refusal(id, f"word vectors of {vectors.shape[1]}; earlier ones have {self.content.dim}")
        return text, vectors

    def _add_captions(self, clip: int, captions: list, mentions: list[set[str]] | None) -> None:
        for i, (text, content) in enumerate(captions):
            self.content = self.content or self._spool(content.shape[1])
            self.content.add(content)
            named = None if mentions is None else [name in mentions[i] for name in self.experts]
            self.captions.append(_Caption(clip, text, named))

    def _size(self) -> int:
        """About how many bytes the file will have, and not fewer."""
        texts = [*self.clips, *(caption.text or "" for caption in self.captions)]
        texts += [text for clip in self.clips.values() for text in (clip.split, clip.facts)]
        numbers = len(self.clips) + sum(1 + len(captions) + 1 for _, captions, _ in self.questions)
        numbers += (2 + len(self.experts)) * len(self.captions)
        if self.words is not None:
            texts += self.words.words
            numbers += self.words.vectors.numel()
        # a text takes a reference and a header, and it shares pages that are not always full
        size = 8 * numbers + sum(rows.size() for rows in self.spools)
        return size + 2 * sum(len(text.encode()) + 48 for text in texts) + 2**16

    def _write(self, file: h5py.File) -> None:
        clips, captions = list(self.clips.values()), self.captions
        file.attrs.update({"format": FORMAT, "version": VERSION, **self.attributes})
        self._put_strings(file, "clips/id", list(self.clips))
        self._put_strings(file, "clips/split", [clip.split for clip in clips])
        if any(clip.facts != "null" for clip in clips):
            self._put_strings(file, "clips/facts", [clip.facts for clip in clips])
        for name, (kind, _) in self.experts.items():
            group = file.create_group(f"experts/{name}")
            group.attrs["kind"] = kind
            self._put(group, "features", self.rows[name].array(), shuffle=True)
            self._put(group, "offsets", self.rows[name].offsets)
        content = self.content or self._spool(1)
        self._put(file, "captions/clip", [caption.clip for caption in captions])
        self._put(file, "captions/offsets", content.offsets)
        if captions and all(caption.text is not None for caption in captions):
            self._put_strings(file, "captions/text", [caption.text for caption in captions])
        if captions and all(caption.mentions is not None for caption in captions):
            self._put(file, "captions/about", np.array([caption.mentions for caption in captions]))
        if self.words is not None:
            self._put(file, "captions/tokens", content.array()[:, 0])
            self._put_strings(file, "vocabulary/word", self.words.words)
            self._put(file, "vocabulary/vectors", self.words.vectors.cpu().numpy().astype(self.dtype))
        else:
            self._put(file, "captions/vectors", content.array(), shuffle=True)
        if self.questions:
            for name, values in zip(("clip", "captions", "answer"), zip(*self.questions, strict=True), strict=True):
                self._put(file, f"choices/{name}", values)
        if len(self.jpeg.offsets) > 1:
            file["storyboard/jpeg"] = self.jpeg.array()[:, 0]  # not compressed: JPEG is already
            self._put(file, "storyboard/frames", self.jpeg.offsets)
            self._put(file, "storyboard/offsets", list(accumulate((clip.pictures for clip in clips), initial=0)))

    def _put(self, group: h5py.Group, name: str, values: Sequence | np.ndarray, shuffle: bool = False) -> None:
        """Numbers as a data set. Without compression it lies in one piece, which the reader can memory-map."""
        data = values if isinstance(values, np.ndarray) else np.array(values, np.int64)
        compressed = {"compression": self.compression, "shuffle": shuffle} if self.compression and len(data) else {}
        group.create_dataset(name, data=data, **compressed)

    def _put_strings(self, group: h5py.Group, name: str, texts: Sequence[Any]) -> None:
        raw = [text.encode() for text in texts]
        # compression reaches only strings of one length: others lie elsewhere in the file
        dtype = h5py.string_dtype("utf-8", max(1, *map(len, raw)) if self.compression and raw else None)
        group.create_dataset(name, data=np.array(raw, dtype), compression=self.compression if raw else None)
