"""The clip file: one HDF5 format for every source of clips. Here it is checked and read (lesson 01).

A clip file holds clips, what each *expert* saw or heard in them, and captions. An expert that has nothing to say about
a clip has **no rows** for it: absence has one representation, which a batch carries as a mask (lessons 01, 05).

======================  ============================================================================================
``/`` attributes        ``format``, ``version``, ``title``, ``source``, ``licence``, ``made_by``
``clips/``              ``id``, ``split`` (train, val, test), optional ``facts`` (JSON, where the truth is known)
``experts/NAME/``       ``features`` (rows, dim), ``offsets`` (clips + 1); attribute ``kind``: vector or sequence
``captions/``           ``clip`` (-1: only a candidate in ``choices``), ``offsets``, ``tokens`` or ``vectors``; optional
                        ``text``, and ``about`` (captions, experts): which experts the caption mentions
``vocabulary/``         ``word``, ``vectors``: what ``tokens`` point into
``choices/``            optional multiple-choice questions: ``clip``, ``captions`` (questions, 5), ``answer`` (0 to 4)
``storyboard/``         optional small JPEG pictures: ``jpeg`` (bytes), ``frames`` and ``offsets`` (where each begins)
======================  ============================================================================================

Rows ``offsets[i]`` to ``offsets[i + 1]`` belong to clip ``i``; features are float16 or float32. The file's *seal*
follows the end of the HDF5 data: a checksum of all bytes, so that damage is noticed, and not trained on. h5py drops the
seal of a file that it opens for writing; a file without a seal is read all the same (``mee check``, ``show`` and
``seal`` are the commands).
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from mee.data import SPLITS, Clips, Expert, Words
from mee.storage.files import sealed, survives_hdf5

FORMAT, VERSION = "mee-clips", 1
KINDS = ("vector", "sequence")


class ClipFileError(ValueError):
    """A clip file, or something offered to one, violates the format; the message names what and where."""


def read_clips(path: str | Path, check: bool = True) -> Clips:
    """Read a clip file. Features stay in the file (memory-mapped) until a batch needs them.

    Parameters
    ----------
    path : str or Path
        The file.
    check : bool
        Also compare the file with its seal, and look for NaN and Inf in the features, which reads all of it once.

    Returns
    -------
    Clips
        Experts in alphabetical order, features float16 or float32 as in the file.

    Raises
    ------
    ClipFileError
        If anything is wrong with the file; the message says what and where.
    """
    fields, wrong = _read(Path(path), check)
    if wrong:
        more = f"\n(and {len(wrong) - 5} more: mee check {path})" if len(wrong) > 5 else ""
        raise ClipFileError("\n".join(wrong[:5]) + more)
    return Clips(**fields, path=Path(path))


def problems(path: str | Path) -> list[str]:
    """What is wrong with a clip file, in plain words, each naming the place; an empty list for a good file."""
    return _read(Path(path), check=True)[1]


def describe(clips: Clips) -> str:
    """A table of what a clip file holds: splits, how often each expert is missing, captions."""
    size = f", {clips.path.stat().st_size / 1e6:.1f} MB" if clips.path else ""
    lines = [f"{clips.path or ''}  {clips.title}".strip(), f"{len(clips)} clips{size}", ""]
    lines += [f"{'expert':<14}{'kind':<10}{'dim':>6}  {'dtype':<9}rows per clip"]
    for name, expert in clips.experts.items():
        length = expert.offsets.diff()[expert.offsets.diff() > 0]
        rows = f"{int(length.min())} to {int(length.max())}" if len(length) else "none"
        dtype = str(expert.features.dtype).removeprefix("torch.")
        lines.append(f"{name:<14}{expert.kind:<10}{expert.dim:>6}  {dtype:<9}{rows}")
    lines += ["", f"{'split':<8}{'clips':>7}{'captions':>10}   missing " + "".join(f"{n:>14}" for n in clips.experts)]
    for split in SPLITS:
        inside = clips.clips_in(split)
        captions = len(clips.captions_of(inside)[0])
        missing = (~clips.present[inside]).sum(0).tolist()
        lines.append(f"{split:<8}{len(inside):>7}{captions:>10}           " + "".join(f"{n:>14}" for n in missing))
    vocabulary = f"{len(clips.words)} words of" if clips.words else "own vectors of"
    lines += ["", f"captions: {len(clips.caption_clip)}, {vocabulary} {clips.word_dim} dimensions"]
    if empty := int((~clips.present.any(1)).sum()):
        lines.append(f"clips without any expert: {empty}")
    if wordless := int((clips.caption_offsets.diff() == 0).sum()):
        lines.append(f"captions without a known word: {wordless}")
    if clips.choices is not None:
        lines.append(f"multiple-choice questions: {len(clips.choices['clip'])}")
    for key in ("source", "licence", "made_by"):
        if clips.attributes.get(key):
            lines.append(f"{key}: {clips.attributes[key]}")
    if clips.texts:
        examples = zip(clips.caption_clip[:3].tolist(), clips.texts, strict=False)
        lines += ["", "for example:", *(f"  {clips.ids[clip]}: {text}" for clip, text in examples)]
    return "\n".join(lines)


@dataclass
class _Storyboards:
    """The pictures of each clip: ``storyboards[clip]`` is a list of JPEG bytes."""

    jpeg: np.ndarray  # all pictures, uint8
    frames: list[int]  # where each begins in ``jpeg``, and the end
    offsets: list[int]  # the first picture of each clip, and the end

    def __getitem__(self, clip: int) -> list[bytes]:
        first, last = self.offsets[clip : clip + 2]
        return [self.jpeg[self.frames[i] : self.frames[i + 1]].tobytes() for i in range(first, last)]


def _read(path: Path, check: bool) -> tuple[dict[str, Any], list[str]]:
    """The fields of :class:`Clips` from ``path``, and what is wrong there: use them only if nothing is."""
    if not path.is_file():
        return {}, [f"{path}: {'not a file' if path.exists() else 'no such file'}"]
    try:
        intact = sealed(path) if check else True
        if intact is False:
            return {}, [f"{path}: damaged: its bytes are not those that were written; copy, fetch or make it again"]
        if intact is None and h5py.is_hdf5(path) and not survives_hdf5(path):
            return {}, [f"{path}: damaged: the HDF5 library crashes on it, or never finishes"]
        file = h5py.File(path, "r")
    except OSError as error:
        return {}, [f"{path}: not an HDF5 file, or a damaged one ({error})"]
    with file:
        reader = _Reader(file, path, check)
        try:
            return reader.clips(), reader.wrong
        except _Unreadable as error:
            reader.report(*error.args)
        except Exception as error:  # damage can make HDF5 say anything
            reader.report("file", f"cannot be read: {type(error).__name__}: {error}")
        return {}, reader.wrong


def _decode(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


class _Unreadable(Exception):
    """Where and what: a fault that makes the rest unreadable."""


class _Reader:
    """One pass over an open file: reads each part, and reports what is wrong with it."""

    def __init__(self, file: h5py.File, path: Path, check: bool):
        self.file, self.path, self.check = file, path, check
        self.wrong: list[str] = []
        self.room = 2**26 + 100 * path.stat().st_size  # nothing worth keeping compresses better

    def report(self, where: str, what: str) -> None:
        self.wrong.append(f"{self.path}: {where}: {what}")

    # ------------------------------------------------------------------------------------------- the parts of a file

    def clips(self) -> dict[str, Any]:
        attributes = self.attributes()
        self.refuse_links(self.file)
        ids = self.strings("clips/id")
        split = np.array(self.strings("clips/split", len(ids)), dtype=str)
        first: dict[str, int] = {}
        for i, name in enumerate(ids):
            if not name:
                self.report("clips/id", f"clip {i} has an empty id")
            if first.setdefault(name, i) != i:
                self.report("clips/id", f"{name!r} is the id of clips {first[name]} and {i}; ids are unique")
        for name in sorted(set(split.tolist()) - set(SPLITS)):
            self.report("clips/split", f"{name!r} is not one of {', '.join(SPLITS)}")
        group = self.file.get("experts")
        if not isinstance(group, h5py.Group) or not len(group):
            raise _Unreadable("experts", "there is none; a clip file describes its clips by at least one expert")
        experts = {name: self.expert(f"experts/{name}", ids) for name in sorted(group)}
        captions = self.captions(len(ids), len(experts))
        facts = self.strings("clips/facts", len(ids)) if "clips/facts" in self.file else None
        try:
            facts = facts and [json.loads(line) for line in facts]
        except ValueError as error:
            raise _Unreadable("clips/facts", f"not JSON: {error}") from None
        return {
            **captions,
            "ids": ids,
            "split": split,
            "facts": facts,
            "experts": experts,
            "choices": self.choices(len(ids), len(captions["caption_clip"])) if "choices" in self.file else None,
            "storyboards": self.storyboards(len(ids)) if "storyboard" in self.file else None,
            "attributes": attributes,
        }

    def attributes(self) -> dict[str, Any]:
        if _decode(self.file.attrs.get("format")) != FORMAT:
            raise _Unreadable("attribute 'format'", f"not {FORMAT!r}; this HDF5 file is not a clip file")
        version = self.file.attrs.get("version")
        if version != VERSION:
            raise _Unreadable("attribute 'version'", f"{version}; this library reads version {VERSION}")
        attributes = {key: _decode(value) for key, value in self.file.attrs.items()}
        for key in ("title", "source", "licence", "made_by"):
            if not isinstance(attributes.setdefault(key, ""), str):
                raise _Unreadable(f"attribute {key!r}", f"not a text: {attributes[key]!r}")
        return attributes

    def expert(self, place: str, ids: list[str]) -> Expert:
        kind = _decode(self.file[place].attrs.get("kind"))
        if kind not in KINDS:
            raise _Unreadable(place, f"attribute 'kind' is {kind!r}, not 'vector' or 'sequence'")
        features = self.features(f"{place}/features")
        offsets = self.offsets(f"{place}/offsets", len(ids), len(features), "clips")
        length = offsets.diff()
        if kind == "vector" and (length > 1).any():
            i = int((length > 1).nonzero()[0])
            self.report(f"{place}/offsets", f"clip {ids[i]!r} has {length[i]} rows; a vector has one or none")
        return Expert(kind, features, offsets)

    def captions(self, clips: int, experts: int) -> dict[str, Any]:
        clip = self.pointers("captions/clip", clips, "clips", lowest=-1)
        words = tokens = vectors = None
        if "captions/vectors" in self.file:
            content = vectors = self.features("captions/vectors")
        else:
            words, tokens = self.vocabulary()
            content = tokens
        return {
            "caption_clip": clip,
            "caption_offsets": self.offsets("captions/offsets", len(clip), len(content), "captions"),
            "texts": self.strings("captions/text", len(clip)) if "captions/text" in self.file else None,
            "words": words,
            "tokens": tokens,
            "caption_vectors": vectors,
            "mentions": self.mentions(len(clip), experts) if "captions/about" in self.file else None,
        }

    def vocabulary(self) -> tuple[Words, torch.Tensor]:
        words, vectors = self.strings("vocabulary/word"), self.features("vocabulary/vectors")
        if len(words) != len(vectors):
            raise _Unreadable("vocabulary", f"{len(words)} words, {len(vectors)} vectors")
        if len(set(words)) != len(words):
            self.report("vocabulary/word", "a word occurs twice")
        return Words(words, vectors), self.pointers("captions/tokens", len(words), "words of the vocabulary")

    def mentions(self, captions: int, experts: int) -> torch.Tensor:
        values = self.array("captions/about", "biu", 2)[...]
        if values.shape != (captions, experts):
            self.report("captions/about", f"{values.shape}; expected captions x experts {(captions, experts)}")
        if ((values != 0) & (values != 1)).any():
            self.report("captions/about", "holds numbers other than 0 and 1")
        return torch.from_numpy(values.astype(bool))

    def choices(self, clips: int, captions: int) -> dict[str, torch.Tensor]:
        clip = self.pointers("choices/clip", clips, "clips")
        options = self.pointers("choices/captions", captions, "captions", ndim=2)
        answer = self.pointers("choices/answer", options.shape[1], "captions of a question")
        if not len(clip) == len(answer) == len(options):
            raise _Unreadable("choices", f"{len(clip)} clips, {len(options)} rows of captions, {len(answer)} answers")
        return {"clip": clip, "captions": options, "answer": answer}

    def storyboards(self, clips: int) -> _Storyboards:
        jpeg = self.array("storyboard/jpeg", "u", 1)[...]
        if jpeg.itemsize != 1:
            raise _Unreadable("storyboard/jpeg", f"{jpeg.dtype}: pictures are bytes, uint8")
        count = max(len(self.integers("storyboard/frames")) - 1, 0)
        frames = self.offsets("storyboard/frames", count, len(jpeg), "pictures")
        offsets = self.offsets("storyboard/offsets", clips, count, "clips")
        return _Storyboards(jpeg, frames.tolist(), offsets.tolist())

    # ---------------------------------------------------------------------------------------------- kinds of numbers

    def refuse_links(self, group: h5py.Group, place: str = "", depth: int = 2) -> None:
        """Stop at a link: what it points at may lie in another file, or nowhere."""
        for name in group:
            where = place + name
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise _Unreadable(where, "a link to elsewhere; a clip file holds all of its data itself")
            if not name.isprintable():
                raise _Unreadable(ascii(where), "not a name that can be printed")
            if depth and isinstance(group[name], h5py.Group):
                self.refuse_links(group[name], where + "/", depth - 1)

    def take_room(self, name: str, size: int) -> None:
        """Stop where a small file claims to hold more than memory does."""
        self.room -= size
        if self.room < 0:
            raise _Unreadable(name, f"more data than a file of {self.path.stat().st_size} bytes can hold")

    def array(self, name: str, kinds: str, ndim: int) -> h5py.Dataset:
        """A data set as it is in the file; stops where it is missing, incomplete, or of another kind or shape."""
        data = self.file.get(name)
        if not isinstance(data, h5py.Dataset):
            raise _Unreadable(name, "missing")
        if data.dtype.kind not in kinds or data.ndim != ndim:
            raise _Unreadable(name, f"expected {ndim}-d data of kind {kinds!r}; found {data.ndim}-d {data.dtype}")
        if data.is_virtual or data.external:
            raise _Unreadable(name, "its numbers lie in another file; a clip file holds all of its data itself")
        written, expected, unit = data.id.get_storage_size(), data.size * data.id.get_type().get_size(), "bytes"
        if data.chunks:
            written, unit = data.id.get_num_chunks(), "chunks"
            expected = math.prod(-(-n // m) for n, m in zip(data.shape, data.chunks, strict=True))
        if written < expected:
            raise _Unreadable(name, f"{written} of {expected} {unit} are present; was it written to the end?")
        self.take_room(name, data.nbytes)
        return data

    def strings(self, name: str, count: int | None = None) -> list[str]:
        data = self.array(name, "OS", 1)
        if count not in (None, len(data)):
            raise _Unreadable(name, f"{len(data)} texts; expected {count}")
        if h5py.check_string_dtype(data.dtype) is None:
            raise _Unreadable(name, f"expected strings; found {data.dtype}")
        texts: list[str] = []
        try:
            for start in range(0, len(data), 256):  # many may point at one long text, so the sum is watched
                texts += data.asstr()[start : start + 256].tolist()
                self.take_room(name, sum(map(len, texts[start:])))
        except UnicodeDecodeError as error:
            raise _Unreadable(name, f"not UTF-8: {error}") from None
        return texts

    def integers(self, name: str, ndim: int = 1) -> np.ndarray:
        values = self.array(name, "iu", ndim)[...]
        if values.size and values.max() > np.iinfo(np.int64).max:
            raise _Unreadable(name, f"holds {values.max()}, too large to count anything here")
        return values.astype(np.int64)

    def pointers(self, name: str, count: int, of: str, ndim: int = 1, lowest: int = 0) -> torch.Tensor:
        """Numbers of things that are counted from 0, and of which there are ``count``."""
        values = self.integers(name, ndim)
        outside = np.argwhere((values < lowest) | (values >= count))
        if len(outside):
            first = tuple(outside[0].tolist())
            self.report(name, f"{values[first]} at {list(first)} points at none of the {count} {of}")
        return torch.from_numpy(values)

    def offsets(self, name: str, count: int, rows: int, of: str) -> torch.Tensor:
        """Where each item's rows begin and end: ``count + 1`` numbers from 0 to ``rows`` that never fall."""
        values = self.integers(name)
        if len(values) != count + 1:
            raise _Unreadable(name, f"{len(values)} numbers for {count} {of}; there is one more than {of}")
        if values[0] != 0:
            raise _Unreadable(name, f"begins with {values[0]}, not with 0")
        if (values[1:] < values[:-1]).any():  # not by their differences: those can overflow
            i = int(np.flatnonzero(values[1:] < values[:-1])[0])
            raise _Unreadable(name, f"goes back from {values[i]} to {values[i + 1]} at item {i}")
        if values[-1] != rows:
            raise _Unreadable(name, f"ends with {values[-1]}; there are {rows} rows")
        return torch.from_numpy(values)

    def features(self, name: str) -> torch.Tensor:
        """Rows of floats as a tensor that shares the file's pages, where the file's layout allows it."""
        data = self.array(name, "f", 2)
        if data.dtype.itemsize not in (2, 4):
            raise _Unreadable(name, f"{data.dtype}: features are float16 or float32")
        place = data.id.get_offset()
        plain = data.dtype.isnative and h5py.h5t.py_create(data.dtype).equal(data.id.get_type())
        if place is not None and plain and data.size and place % data.dtype.itemsize == 0:
            # copy-on-write: torch wants a writable array, and the file stays as it is
            array: np.ndarray = np.memmap(self.path, data.dtype, "c", place, data.shape)
        else:
            array = data[...].astype(data.dtype.newbyteorder("="))
        if array.shape[1] == 0:
            self.report(name, "has no columns")
        # NaN and Inf have all bits of the exponent set; looking at these is four times as fast as np.isfinite
        exponent, bits = (0x7C00, "u2") if array.itemsize == 2 else (0x7F800000, "u4")
        step = max(1, 2**22 // max(1, array.shape[1]))
        for start in range(0, len(array) if self.check else 0, step):
            bad = ((array[start : start + step].view(bits) & exponent) == exponent).any(1)
            if bad.any():
                row = start + int(bad.argmax())
                self.report(name, f"{int(bad.sum())} rows or more hold NaN or Inf, the first is row {row}")
                break
        return torch.from_numpy(array)
