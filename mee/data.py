"""Clips, their experts and captions in memory, and the batches that training draws from them (lessons 01 and 09).

An expert that has nothing to say about a clip has **no rows** for it: absence has one representation, which a batch
carries as a mask. Files are left to :mod:`mee.storage`: ``read_clips(path)`` returns a :class:`Clips`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

SPLITS = ("train", "val", "test")


def tokenize(text: str) -> list[str]:
    """The words of a sentence, lower case: runs of letters and digits. ``"It's RED!"`` gives it, s, red."""
    return re.findall(r"[^\W_]+", text.lower())


class Words:
    """A vocabulary with its vectors: sentences in, padded word vectors and their mask out (lesson 02).

    Parameters
    ----------
    words
        List of str, lower case.
    vectors
        (words, dim), float.
    """

    def __init__(self, words: Sequence[str], vectors: Any):
        self.words = list(words)
        self.vectors = torch.as_tensor(vectors)
        if self.vectors.ndim != 2 or len(self.words) != len(self.vectors):
            raise ValueError(f"{len(self.words)} words need as many vectors; got {tuple(self.vectors.shape)}")
        self.index = {word: i for i, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    @property
    def dim(self) -> int:
        """Dimensions of a word vector."""
        return self.vectors.shape[1]

    def ids(self, text: str) -> list[int]:
        """The vocabulary's ids of the words of ``text``; unknown words are left out."""
        return [self.index[word] for word in tokenize(text) if word in self.index]

    def unknown(self, text: str) -> list[str]:
        """The words of ``text`` that have no vector."""
        return [word for word in tokenize(text) if word not in self.index]

    def batch(self, texts: Sequence[str], max_words: int | None = None) -> tuple[Tensor, Tensor]:
        """Word vectors (texts, longest, dim) float32 of ``texts``, and their mask (texts, longest).

        A text is truncated after ``max_words``. One without any known word has an all-False mask.
        """
        if isinstance(texts, str):
            raise TypeError(f"texts must be a list of sentences; for one sentence write [{texts!r}]")
        ids = [self.ids(text)[:max_words] for text in texts]
        tokens = torch.tensor([i for row in ids for i in row], dtype=torch.long)
        offsets = torch.tensor([0] + [len(row) for row in ids]).cumsum(0)
        return self.look_up(tokens, *padded_rows(offsets, torch.arange(len(ids))))

    def look_up(self, tokens: Tensor, positions: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The vectors of ``tokens[positions]`` float32, zero where ``mask`` is False; and the mask."""
        return _gather(self.vectors, tokens[positions] if len(tokens) else positions, mask)

    def to(self, device: torch.device | str) -> Words:
        """Move the vectors to ``device``; returns self."""
        self.vectors = self.vectors.to(device)
        return self


@dataclass
class Expert:
    """What one expert saw: rows ``offsets[i]`` to ``offsets[i + 1]`` of ``features`` (frames, dim) are clip i's.

    Parameters
    ----------
    kind
        ``"vector"`` (one row per clip, or none) or ``"sequence"`` (any number).
    features
        (frames, dim) float16 or float32.
    offsets
        (clips + 1,) int64, always on the CPU, where batches are planned.
    """

    kind: str
    features: Tensor
    offsets: Tensor

    @property
    def dim(self) -> int:
        """Dimensions of a row."""
        return self.features.shape[1]


@dataclass
class Batch:
    """Captions and clips, row by row. ``model(*batch.text, *batch.video)`` scores every caption with every clip.

    Parameters
    ----------
    words
        (n, longest, dim) float32: the word vectors of each caption; rows behind its last word are zero.
    word_mask
        (n, longest) bool: which words are real.
    videos
        Expert -> (n, dim), or (n, longest, dim) for a sequence; rows of what is absent are zero.
    ind
        Expert -> (n,) bool: whether the clip has it.
    masks
        Sequence expert -> (n, longest) bool: which rows are real.
    clip
        (n,) int64: which clip; the numbers of a second file continue those of the first.
    caption
        (n,) int64: which caption, numbered in the same way.
    sentence
        (n,) int64, equal for two captions that say the same, so that a loss can tell.
    """

    words: Tensor
    word_mask: Tensor
    videos: dict[str, Tensor]
    ind: dict[str, Tensor]
    masks: dict[str, Tensor]
    clip: Tensor
    caption: Tensor
    sentence: Tensor

    @property
    def text(self) -> tuple[Tensor, Tensor]:
        """The arguments of ``model.embed_text``."""
        return self.words, self.word_mask

    @property
    def video(self) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
        """The arguments of ``model.embed_video``."""
        return self.videos, self.ind, self.masks

    def __len__(self) -> int:
        return len(self.clip)

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on ``device``."""
        moved: dict[str, Any] = {
            key: {name: x.to(device) for name, x in value.items()} if isinstance(value, dict) else value.to(device)
            for key, value in vars(self).items()
        }
        return Batch(**moved)

    @staticmethod
    def join(first: Batch, second: Batch) -> Batch:
        """``first`` with ``second`` under it; an expert that ``second`` lacks altogether is absent there."""
        videos, ind, masks = {}, {}, {}
        n = len(second)
        for name, x in first.videos.items():
            known = name in second.videos
            other = second.videos[name] if known else x.new_zeros(n, *(1,) * (x.ndim - 2), x.shape[-1])
            ind[name] = torch.cat([first.ind[name], second.ind[name] if known else first.ind[name].new_zeros(n)])
            if name in first.masks:
                mask = second.masks[name] if known else first.masks[name].new_zeros(n, 1)
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


def _stack(a: Tensor, b: Tensor) -> Tensor:
    """``a`` above ``b``, the shorter one padded with zeros along dimension 1."""
    out = a.new_zeros(len(a) + len(b), max(a.shape[1], b.shape[1]), *a.shape[2:])
    out[: len(a), : a.shape[1]] = a
    out[len(a) :, : b.shape[1]] = b
    return out


def padded_rows(offsets: Tensor, items: Tensor, limit: int | None = None) -> tuple[Tensor, Tensor]:
    """Which rows belong to ``items``: their numbers (items, longest), and the mask of those that are real.

    Parameters
    ----------
    offsets
        (all items + 1,) int64.
    items
        (n,) int64.
    limit
        Items with more rows are truncated to this many.
    """
    start, length = offsets[items], offsets[items + 1] - offsets[items]
    if limit is not None:
        length = length.clamp(max=limit)
    longest = max(int(length.max()) if len(length) else 0, 1)
    step = torch.arange(longest)
    mask = step < length[:, None]
    return torch.where(mask, start[:, None] + step, 0), mask


def _gather(values: Tensor, positions: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """``values[positions]`` as float32 where ``mask``, zero elsewhere; and the mask, on the values' device."""
    positions, mask = positions.to(values.device), mask.to(values.device)
    if len(values) == 0:
        return torch.zeros(*positions.shape, values.shape[1], device=values.device), mask
    return values[positions].float().masked_fill_(~mask[..., None], 0), mask


@dataclass(eq=False, kw_only=True)
class Clips:
    """A set of clips with their experts and captions: plain data, as ``mee.storage.read_clips`` gives it.

    Parameters
    ----------
    ids
        List of str, one per clip.
    split
        Array of str, one per clip: train, val or test.
    experts
        Name -> :class:`Expert`, in alphabetical order.
    caption_clip
        (captions,) int64: the clip of each caption; -1: only a candidate in ``choices``.
    caption_offsets
        (captions + 1,) int64: where the words of each caption begin in ``tokens`` or ``caption_vectors``.
    words
        A vocabulary (:class:`Words`), or None where captions carry their own vectors.
    tokens
        (words of all captions,) int: numbers of words in the vocabulary; or None, as above.
    caption_vectors
        (words of all captions, dim) float, or None where there is a vocabulary.
    texts
        The captions as sentences, or None where the source gives none.
    mentions
        (captions, experts) bool: which experts a caption talks about, or None where that is not known.
    facts
        What is known to be true of each clip (anything that JSON can hold), or None.
    choices
        Multiple-choice questions: ``clip`` (questions,), ``captions`` (questions, options), ``answer``; or None.
    storyboards
        ``storyboards[clip]`` gives the clip's small JPEG pictures, a list of bytes; or None.
    attributes
        Title, source, licence and the like.
    path
        The file, for messages; features may be mapped from it.
    """

    ids: list[str]
    split: np.ndarray
    experts: dict[str, Expert]
    caption_clip: Tensor
    caption_offsets: Tensor
    words: Words | None = None
    tokens: Tensor | None = None
    caption_vectors: Tensor | None = None
    texts: list[str] | None = None
    mentions: Tensor | None = None
    facts: list[Any] | None = None
    choices: dict[str, Tensor] | None = None
    storyboards: Any = None
    attributes: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def title(self) -> str:
        """The set's title, or an empty str."""
        return self.attributes.get("title", "")

    @property
    def name(self) -> str:
        """How messages call this set, which is by its path or, without one, by its title."""
        return str(self.path or self.title or "these clips")

    @property
    def word_dim(self) -> int:
        """Dimensions of a word vector."""
        if self.words is not None:
            return self.words.dim
        assert self.caption_vectors is not None  # captions are words or vectors
        return self.caption_vectors.shape[1]

    @cached_property
    def present(self) -> Tensor:
        """Which expert has rows for which clip, as (clips, experts) bool."""
        spans = [expert.offsets.diff() > 0 for expert in self.experts.values()]
        return torch.stack(spans, 1) if spans else torch.zeros(len(self), 0, dtype=torch.bool)

    @cached_property
    def _captions_by_clip(self) -> tuple[Tensor, Tensor]:
        """Caption numbers sorted by clip, and where those of each clip begin."""
        by_clip = torch.argsort(self.caption_clip, stable=True)
        return by_clip, torch.searchsorted(self.caption_clip[by_clip], torch.arange(len(self) + 1))

    @cached_property
    def sentence_ids(self) -> Tensor:
        """(captions,) int64, the same number for captions that say the same; see :func:`number_sentences`."""
        return number_sentences(self)[0]

    def clips_in(self, split: str) -> Tensor:
        """The numbers of the clips of ``split`` (train, val or test), int64."""
        if split not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
        return torch.from_numpy(np.flatnonzero(self.split == split))

    def captions_of(self, clip_ids: Any) -> tuple[Tensor, Tensor]:
        """All captions of ``clip_ids``, in their order: caption numbers, and for each its row in ``clip_ids``."""
        clip_ids = torch.as_tensor(clip_ids)
        by_clip, first = self._captions_by_clip
        count = first[clip_ids + 1] - first[clip_ids]
        row = torch.repeat_interleave(torch.arange(len(clip_ids)), count)
        within = torch.arange(len(row)) - (count.cumsum(0) - count)[row]
        return by_clip[first[clip_ids][row] + within], row

    def trainable(self, clip_ids: Any, experts: Sequence[str] | None = None) -> Tensor:
        """Those of ``clip_ids`` that have a caption and at least one of ``experts`` (default: of all)."""
        clip_ids = torch.as_tensor(clip_ids)
        _, first = self._captions_by_clip
        columns = [i for i, name in enumerate(self.experts) if experts is None or name in experts]
        captioned = first[clip_ids + 1] > first[clip_ids]
        return clip_ids[captioned & self.present[clip_ids][:, columns].any(1)]

    def draw_captions(self, clip_ids: Any, generator: torch.Generator | None = None) -> Tensor:
        """One caption of each clip at random; a clip without captions raises ValueError."""
        clip_ids = torch.as_tensor(clip_ids)
        by_clip, first = self._captions_by_clip
        count = first[clip_ids + 1] - first[clip_ids]
        if (count == 0).any():
            raise ValueError(f"{self.name}: clip {self.ids[int(clip_ids[count == 0][0])]!r} has no caption to draw")
        drawn = (torch.rand(len(clip_ids), generator=generator, dtype=torch.float64) * count).long()
        return by_clip[first[clip_ids] + drawn]

    def text(self, captions: Any, max_words: int | None = None) -> tuple[Tensor, Tensor]:
        """Word vectors (captions, longest, dim) float32, and mask (captions, longest), of captions given by number."""
        positions, mask = padded_rows(self.caption_offsets, torch.as_tensor(captions), max_words)
        if self.words is not None and self.tokens is not None:
            return self.words.look_up(self.tokens, positions, mask)
        assert self.caption_vectors is not None  # captions are words or vectors
        return _gather(self.caption_vectors, positions, mask)

    def video(
        self, clip_ids: Any, experts: Sequence[str] | None = None, max_frames: int | None = None
    ) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
        """``videos``, ``ind`` and ``masks`` of clips (see :class:`Batch`), of ``experts`` (default: all)."""
        clip_ids = torch.as_tensor(clip_ids)
        videos, ind, masks = {}, {}, {}
        for i, (name, expert) in enumerate(self.experts.items()):
            if experts is not None and name not in experts:
                continue
            limit = 1 if expert.kind == "vector" else max_frames
            x, mask = _gather(expert.features, *padded_rows(expert.offsets, clip_ids, limit))
            ind[name] = self.present[clip_ids, i].to(x.device)
            if expert.kind == "vector":
                videos[name] = x[:, 0]
            else:
                videos[name], masks[name] = x, mask
        return videos, ind, masks

    def batch(
        self,
        clip_ids: Any,
        captions: Any = None,
        generator: torch.Generator | None = None,
        experts: Sequence[str] | None = None,
        max_words: int | None = None,
        max_frames: int | None = None,
    ) -> Batch:
        """A :class:`Batch` of clips with one caption each: those given, or one drawn at random.

        It is padded to its own longest caption and sequence, no further; the masks say what is padding.
        """
        clip_ids = torch.as_tensor(clip_ids)
        captions = self.draw_captions(clip_ids, generator) if captions is None else torch.as_tensor(captions)
        words, mask = self.text(captions, max_words)
        video = self.video(clip_ids, experts, max_frames)
        return Batch(words, mask, *video, clip_ids, captions, self.sentence_ids[captions])

    def storyboard(self, clip: int) -> list[bytes]:
        """The small JPEG pictures of one clip; an empty list where there are none."""
        return [] if self.storyboards is None else self.storyboards[clip]

    def to(self, device: torch.device | str) -> Clips:
        """Move all features and word vectors to ``device`` (these sets fit on a GPU); returns self."""
        for expert in self.experts.values():
            expert.features = expert.features.to(device)
        if self.words is not None:
            self.words.to(device)
        if self.caption_vectors is not None:
            self.caption_vectors = self.caption_vectors.to(device)
        return self


def number_sentences(*sets: Clips) -> list[Tensor]:
    """For each set (captions,) int64: the same number, across all sets, for captions that say the same.

    Captions are compared as sentences or, where these are not known, by their known words; captions that are only
    vectors all differ.
    """
    number: dict[Any, int] = {}
    out = []
    for i, clips in enumerate(sets):
        keys: list[Any] = [(i, caption) for caption in range(len(clips.caption_clip))]
        if clips.texts is not None:
            keys = [text.lower() for text in clips.texts]
        elif clips.words is not None and clips.tokens is not None:
            words, ends = [clips.words.words[token] for token in clips.tokens.tolist()], clips.caption_offsets.tolist()
            keys = [" ".join(words[start:end]) for start, end in zip(ends[:-1], ends[1:], strict=True)]
        out.append(torch.tensor([number.setdefault(key, len(number)) for key in keys], dtype=torch.long))
    return out


class MixedBatches:
    """Training batches, with clips of a second, incomplete set mixed in: the paper's COCO images (lesson 11).

    One epoch visits each of ``train`` once, and ``round(image_rate * len(train))`` clips of ``images``, drawn afresh
    each epoch without repeating one before all have been drawn; all shuffled together. ``len(...)`` is the number of
    batches per epoch.

    Parameters
    ----------
    clips
        The set to train on.
    train
        Numbers of the clips to train on.
    batch_size
        Clips per batch; a last batch of a single clip is left out: it has nothing to rank.
    generator
        The same seed gives the same batches.
    images
        A second set, or None; its ``train`` split is used.
    image_rate
        Images for each clip of ``train``, or ``"all"``: each image once per epoch.
    shard
        (rank, world size): which part of every batch is loaded, when several processes share it. ``clip``, ``caption``
        and ``sentence`` are always the whole batch's.
    drop_last
        Leave out a last batch that is not full, as the original does.
    experts, max_words, max_frames
        As for :meth:`Clips.batch`.
    """

    def __init__(
        self,
        clips: Clips,
        train: Any,
        batch_size: int,
        generator: torch.Generator,
        images: Clips | None = None,
        image_rate: float | str = 0.0,
        shard: tuple[int, int] = (0, 1),
        experts: Sequence[str] | None = None,
        max_words: int | None = None,
        max_frames: int | None = None,
        drop_last: bool = False,
    ):
        if batch_size < 2:
            raise ValueError("batch_size must be at least 2: a clip is ranked against the others of its batch")
        if len(train) < 2:
            raise ValueError(f"{clips.name}: {len(train)} clips to train on; at least 2 with a caption are needed")
        self.clips, self.train, self.batch_size, self.generator = clips, torch.as_tensor(train), batch_size, generator
        self.shard, self.drop_last, self.drawn = shard, drop_last, 0
        self.options: dict[str, Any] = {"experts": experts or list(clips.experts)}
        self.options |= {"max_words": max_words, "max_frames": max_frames}
        self.sources = [clips] if images is None else [clips, images]
        #: (all captions,) int64, equal for two captions that say the same, in whichever set
        self.sentence_ids = torch.cat(number_sentences(*self.sources))
        #: the captions of clip i (images are numbered after the clips, their captions after the clips' captions) are
        #: ``captions_by_clip[first_caption[i] : first_caption[i] + caption_count[i]]``
        self.captions_by_clip, self.first_caption, self.caption_count = _joined_captions(self.sources)
        if images is not None:
            check_compatible(clips, images)
            self.pool = images.trainable(images.clips_in("train"), self.options["experts"])
            self.drawn = len(self.pool) if image_rate == "all" else round(float(image_rate) * len(self.train))
            if self.drawn and not len(self.pool):
                raise ValueError(f"{images.name}: none of its clips has both a caption and an expert of {clips.name}")

    @property
    def titles(self) -> list[str]:
        """What the sets are called, for a record of what a model was trained on."""
        return [source.title or source.name for source in self.sources]

    def __len__(self) -> int:
        full, rest = divmod(len(self.train) + self.drawn, self.batch_size)
        return full + (rest > 1 and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        numbers, captions = self.plan()
        for rows in torch.arange(len(numbers)).split(self.batch_size):
            yield self._batch(numbers[rows], captions[rows])

    def plan(self) -> tuple[Tensor, Tensor]:
        """The clips and captions of one epoch, (n,) int64 each: batch after batch, in each the images after the clips.

        Images are numbered after the clips, their captions after those of the clips.
        """
        order = self.train
        if self.drawn:  # images are drawn afresh, without repeating one before all have been drawn
            rounds = -(-self.drawn // len(self.pool))
            picks = torch.cat([torch.randperm(len(self.pool), generator=self.generator) for _ in range(rounds)])
            order = torch.cat([order, len(self.clips) + self.pool[picks[: self.drawn]]])
        order = order[torch.randperm(len(order), generator=self.generator)][: len(self) * self.batch_size]
        if self.drawn:
            batch = torch.arange(len(order)) // self.batch_size
            order = order[torch.argsort(2 * batch + (order >= len(self.clips)), stable=True)]
        # drawn for whole batches, so that they are the same for any number of shards
        drawn = torch.rand(len(order), generator=self.generator, dtype=torch.float64)
        within = (drawn * self.caption_count[order]).long()
        return order, self.captions_by_clip[self.first_caption[order] + within]

    def _batch(self, numbers: Tensor, captions: Tensor) -> Batch:
        """The batch of these clips and captions; only this shard's rows of it are loaded."""
        low, high = shard_bounds(len(numbers), self.shard)
        clips = int((numbers[low:high] < len(self.clips)).sum())  # images come after them
        bounds = [(low, low + clips), (low + clips, high)]
        parts: list[Batch] = []
        clip_base = caption_base = 0
        for source, (start, end) in zip(self.sources, bounds, strict=False):
            if start < end or not parts:
                rows = slice(start, end)
                parts.append(source.batch(numbers[rows] - clip_base, captions[rows] - caption_base, **self.options))
            clip_base, caption_base = clip_base + len(source), caption_base + len(source.caption_clip)
        batch = parts[0] if len(parts) == 1 else Batch.join(*parts)
        batch.clip, batch.caption, batch.sentence = numbers, captions, self.sentence_ids[captions]
        return batch


def _joined_captions(sources: Sequence[Clips]) -> tuple[Tensor, Tensor, Tensor]:
    """Captions of all sources sorted by clip; where those of each clip begin there; and how many it has."""
    by_clip, first, count, clip_captions, sorted_captions = [], [], [], 0, 0
    for source in sources:
        own_by_clip, own_first = source._captions_by_clip
        by_clip.append(own_by_clip + clip_captions)
        first.append(own_first[:-1] + sorted_captions)
        count.append(own_first.diff())
        clip_captions, sorted_captions = clip_captions + len(source.caption_clip), sorted_captions + len(own_by_clip)
    return torch.cat(by_clip), torch.cat(first), torch.cat(count)


def shard_bounds(rows: int, shard: tuple[int, int]) -> tuple[int, int]:
    """Where the part of ``rows`` rows that belongs to ``shard`` = (rank, world size) begins and ends."""
    rank, world_size = shard
    return rank * rows // world_size, (rank + 1) * rows // world_size


def check_compatible(clips: Clips, images: Clips) -> None:
    """Raise ValueError unless the two sets can train one model."""
    shared = [name for name in images.experts if name in clips.experts]
    if not shared:
        raise ValueError(
            f"{images.name} has the experts {list(images.experts)}, none that {clips.name} has: {list(clips.experts)}"
        )
    for name in shared:
        a, b = clips.experts[name], images.experts[name]
        if (a.kind, a.dim) != (b.kind, b.dim):
            raise ValueError(
                f"expert {name!r} is a {a.kind} of {a.dim} in {clips.name} and a {b.kind} of {b.dim} in {images.name}"
            )
    if clips.word_dim != images.word_dim:
        raise ValueError(
            f"word vectors have {clips.word_dim} dimensions in {clips.name}, {images.word_dim} in {images.name}"
        )
