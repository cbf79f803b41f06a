"""What the two indices share: clips and queries, embedded and checked; and hits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor
from tqdm.auto import tqdm

from mee.data import Clips, Words
from mee.evaluate import eval_mode
from mee.model import TextEmbedding, VideoEmbedding, VideoTextMEE


class Index(Protocol):
    """What :class:`mee.search.ClipIndex` and :class:`mee.search.qdrant.QdrantIndex` have in common."""

    dims: dict[str, int]
    dtype: str
    model: VideoTextMEE | None
    words: Words | None


@dataclass
class Hit:
    """A clip that a search found, and why.

    Parameters
    ----------
    id
        The clip's.
    score
        What ``model.score`` gives: the sum over experts of weight times similarity; -1 for a clip without any of the
        experts that were used, whose ``similarity`` and ``weight`` are empty.
    similarity
        Expert -> cosine of the sentence's and the clip's embeddings, for the experts that the clip has.
    weight
        Expert -> mixture weight, renormalised over the experts that the clip has: they sum to 1.
    metadata
        What ``add`` was told about the clip.
    """

    id: str
    score: float
    similarity: dict[str, float] = field(default_factory=dict)
    weight: dict[str, float] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)


def validate_dims(dims: Mapping[str, int]) -> dict[str, int]:
    """``dims`` in alphabetical order; ValueError unless each expert has at least one dimension."""
    if not dims or min(dims.values()) < 1:
        raise ValueError(f"dims names at least one expert and its dimensions; got {dims}")
    return {name: int(dims[name]) for name in sorted(dims)}


def embed_and_add(
    index: Any, model: VideoTextMEE, clips: Clips, clip_ids: Any = None, chunk: int = 512, progress: bool = False
) -> None:
    """Embed the clips ``clip_ids`` (numbers; None: all), ``chunk`` at a time, and add them to ``index``."""
    numbers = torch.arange(len(clips)) if clip_ids is None else torch.as_tensor(clip_ids, dtype=torch.long)
    experts = [name for name in model.experts if name in clips.experts]
    if not experts:
        raise ValueError(f"{clips.name} has {list(clips.experts)}, the model {model.experts}: no expert in common")
    for part in tqdm(numbers.split(chunk), disable=not progress, unit="batch", desc="indexing"):
        with eval_mode(model):
            video = model.embed_video(*clips.video(part, experts, model.config.max_frames))
        rows = part.tolist()
        index.add([clips.ids[i] for i in rows], video, [{"split": str(clips.split[i])} for i in rows])


def validate_clips(
    index: Index, ids: Iterable[str], video: VideoEmbedding, metadata: Iterable[dict[str, Any]] | None
) -> tuple[list[str], VideoEmbedding, list[str]]:
    """What ``add`` is given: ids, float32 embeddings on the CPU, metadata as JSON; ValueError if something is wrong."""
    ids = list(ids)
    metadata = [{}] * len(ids) if metadata is None else list(metadata)
    if bad := [id for id in ids if not isinstance(id, str)] + [item for item in metadata if not isinstance(item, dict)]:
        raise ValueError(f"an id is a str and metadata a dict; {bad[0]!r} is not")
    if len(set(ids)) < len(ids):
        raise ValueError("ids names a clip twice")
    vectors, mask = video
    mask, shape = torch.as_tensor(mask).bool().cpu(), (len(ids), len(index.dims))
    if mask.shape != shape or len(metadata) != len(ids):
        got = f"{tuple(mask.shape)} and {len(metadata)}"
        raise ValueError(f"{len(ids)} ids need a mask of {shape} and as many dicts of metadata; got {got}")
    vectors = _validate_vectors(index, vectors, len(ids))
    for column, (name, x) in enumerate(vectors.items()):
        wrong = mask[:, column] & ~(x.half() if index.dtype == "float16" else x).isfinite().all(1)
        if wrong.any():
            raise ValueError(f"id {ids[int(wrong.nonzero()[0])]!r}: its {name!r} has NaN, Inf or a huge number")
    return ids, VideoEmbedding(vectors, mask), [json.dumps(item, sort_keys=True) for item in metadata]


def _validate_vectors(index: Index, vectors: Mapping[str, Any], rows: int) -> dict[str, Tensor]:
    if set(vectors) != set(index.dims):
        raise ValueError(f"embeddings of {sorted(vectors)}; the experts of this index are {list(index.dims)}")
    out = {name: torch.as_tensor(vectors[name]).detach().cpu().float() for name in index.dims}
    for name, x in out.items():
        if x.shape != (rows, index.dims[name]):
            raise ValueError(f"the embedding of {name!r} is {(rows, index.dims[name])}; got {tuple(x.shape)}")
    return out


def encode_query(index: Index, query: str | list[str] | TextEmbedding) -> TextEmbedding:
    """Embed sentences with the index's model, for one or many searches; ``search`` takes the result as it is.

    A :class:`mee.TextEmbedding` is checked and comes back as float32 on the CPU. Weights get the floor of
    ``model.score``, which keeps the score defined for clips that have only experts of weight 0.

    Raises
    ------
    ValueError
        A sentence without a word that the vocabulary knows, an index without a model, or an embedding of other shapes.
    """
    if isinstance(query, str | list):
        sentences = [query] if isinstance(query, str) else query
        if index.model is None or index.words is None:
            raise ValueError("this index has no model or no vocabulary to read sentences with; give a TextEmbedding")
        for sentence in sentences:
            if not index.words.ids(sentence):
                raise ValueError(
                    f"{sentence[:80]!r}: none of its words is in the vocabulary ({len(index.words)} words)"
                )
        with eval_mode(index.model):
            query = index.model.embed_text(*index.words.batch(sentences, index.model.config.max_words))
    vectors, weights = query
    weights = torch.as_tensor(weights).detach().cpu().float()
    if weights.ndim != 2 or weights.shape[1] != len(index.dims):
        raise ValueError(f"weights are (texts, {len(index.dims)}); got {tuple(weights.shape)}")
    if not (weights.isfinite() & (weights >= 0)).all():
        raise ValueError("weights are finite and not negative")
    vectors = _validate_vectors(index, vectors, len(weights))
    if bad := [name for name, x in vectors.items() if not x.isfinite().all()]:
        raise ValueError(f"the query's {bad[0]!r} has NaN or Inf")
    return TextEmbedding(vectors, weights.clamp_min(1e-12))


def validate_search(index: Index, k: int, experts: Sequence[str] | None) -> Tensor:
    """Which experts a search uses, (experts,) bool; ValueError for unknown ones, or a ``k`` below 1."""
    if k != int(k) or k < 1:
        raise ValueError(f"k is a number from 1; got {k!r}")
    names = list(index.dims) if experts is None else experts
    if isinstance(names, str) or not names or not set(names) <= set(index.dims):
        raise ValueError(f"experts is a list of at least one of {list(index.dims)}; got {experts!r}")
    return torch.tensor([name in names for name in index.dims])
