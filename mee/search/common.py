"""What the two indices share: clips and queries, embedded and checked; and hits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from mee.calibration import LAST, Calibration
from mee.config import SCORES
from mee.data import Clips, Words
from mee.evaluate import eval_mode
from mee.model import NO_EXPERT, TextEmbedding, VideoEmbedding, VideoTextMEE


class Index(Protocol):
    """What :class:`mee.search.ClipIndex` and :class:`mee.search.qdrant.QdrantIndex` have in common."""

    dims: dict[str, int]
    dtype: str
    model: VideoTextMEE | None
    words: Words | None
    calibration: Calibration | None


@dataclass
class Hit:
    """A clip that a search found, and why.

    Parameters
    ----------
    id
        The clip's.
    score
        What ``model.score`` gives: the sum of ``parts``, less ``hubness``. A clip without any of the experts that were
        used has no parts, and :data:`mee.calibration.LAST` or, by the paper's score, :data:`mee.model.NO_EXPERT`.
    similarity
        Expert -> cosine of the sentence's and the clip's embeddings, for the experts that the clip has.
    weight
        Expert -> mixture weight, renormalised over the experts that the clip has: they sum to 1.
    parts
        Expert -> what it adds to the score. Calibrated: w_e (<t_e, v_e> - m_e) / D, with the m_e and the D of
        :mod:`mee.search.index`. The paper's: weight times similarity.
    hubness
        What the clip loses for scoring high whatever the sentence; 0 by the paper's score, and where experts are left
        out.
    metadata
        What ``add`` was told about the clip.
    """

    id: str
    score: float
    similarity: dict[str, float] = field(default_factory=dict)
    weight: dict[str, float] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)
    hubness: float = 0.0
    metadata: dict[str, Any] = field(default_factory=dict)


def validate_dims(dims: Mapping[str, int]) -> dict[str, int]:
    """``dims`` in alphabetical order; ValueError unless each expert has at least one dimension."""
    if not dims or min(dims.values()) < 1:
        raise ValueError(f"dims must name at least one expert and its dimensions; got {dims}")
    return {name: int(dims[name]) for name in sorted(dims)}


class Query(NamedTuple):
    """Sentences as a search needs them; all arrays but ``vectors`` are (texts, experts).

    Where x_e is what an index keeps of a clip, <t_e, v_e> = <t_e, x_e> + ``mean``, and the score without hubness is

        sum_e a_e w_e (<t_e, x_e> + shift_e)  /  (sum_e a_e scale_e) ** power
    """

    vectors: dict[str, np.ndarray]  # expert -> t_e (texts, dim)
    weights: np.ndarray  # w_e; 0 where an expert is left out, and only there
    mean: np.ndarray  # m_e; 0 if the index has no calibration
    shift: np.ndarray  # 0; the paper's score, from centred embeddings: m_e
    scale: np.ndarray  # w_e^2 s_e^2; the paper's: w_e
    power: float  # 1/2; the paper's: 1
    hubness: bool  # whether the clip's h is subtracted
    last: float  # the score of a clip without any of the experts that are used

    def denominator(self, columns: Sequence[int]) -> np.ndarray:
        """What the scores of clips with the experts ``columns`` are divided by, (texts, 1)."""
        return self.scale[:, columns].sum(1, keepdims=True) ** self.power


def index_calibration(
    dims: Mapping[str, int], model: VideoTextMEE | None, calibration: Calibration | None
) -> Calibration | None:
    """The calibration of an index: the one given, else the model's; in single precision and on the CPU.

    It stays as it is when the model is moved or recalibrated: the clips in the index are centred by this one.
    """
    calibration = calibration or (None if model is None else model.calibration)
    if calibration is None:
        return None
    found = {name: len(x) for name, x in calibration.mean.items()}
    if found != dims:
        raise ValueError(f"a calibration of {found}, an index of {dims}")
    state = {key: x.detach().cpu().float() for key, x in calibration.state_dict().items()}
    rows = len(state.get("weights", ()))
    shapes: dict[str, tuple[int, ...]] = {"weights": (rows, len(dims))}
    for name, dim in dims.items():
        shapes |= {f"mean_{name}": (dim,), f"covariance_{name}": (dim, dim), f"captions_{name}": (rows, dim)}
    for key, x in state.items():
        if x.shape != shapes[key] or not x.isfinite().all():
            raise ValueError(f"the calibration's {key!r} is not {shapes[key]} of finite numbers")
    return Calibration.from_state(state)


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
    """What ``add`` is given, checked: ids, float32 embeddings on the CPU, metadata as JSON; ValueError if one is wrong.

    Absent embeddings become zero, whatever they held.
    """
    ids = list(ids)
    metadata = [{}] * len(ids) if metadata is None else list(metadata)
    if bad := [id for id in ids if not isinstance(id, str)] + [item for item in metadata if not isinstance(item, dict)]:
        raise ValueError(f"an id must be a str, and metadata a dict; {bad[0]!r} is not")
    if len(set(ids)) < len(ids):
        raise ValueError("ids names a clip twice")
    vectors, mask = video
    mask, shape = torch.as_tensor(mask).bool().cpu(), (len(ids), len(index.dims))
    if mask.shape != shape or len(metadata) != len(ids):
        got = f"{tuple(mask.shape)} and {len(metadata)}"
        raise ValueError(f"{len(ids)} ids need a mask of {shape} and as many dicts of metadata; got {got}")
    vectors = _validate_vectors(index, vectors, len(ids))
    for column, name in enumerate(index.dims):
        vectors[name] = vectors[name].masked_fill(~mask[:, [column]], 0)
        _refuse_huge(index, ids, repr(name), vectors[name])
    return ids, VideoEmbedding(vectors, mask), [json.dumps(item, sort_keys=True) for item in metadata]


def _refuse_huge(index: Index, ids: list[str], what: str, x: Tensor) -> None:
    """Raise ValueError, naming the clip, unless ``x`` (clips, dim) is finite in the index's dtype."""
    wrong = ~(x.half() if index.dtype == "float16" else x).isfinite().all(1)
    if wrong.any():
        raise ValueError(f"id {ids[int(wrong.nonzero()[0])]!r}: its {what} has NaN, Inf or a huge number")


def centre(index: Index, ids: list[str], video: VideoEmbedding, chunk: int = 1024) -> tuple[dict[str, Tensor], Tensor]:
    """What an index keeps of clips that :func:`validate_clips` let through: their embeddings and h (clips,).

    With a calibration the embeddings are centred, v_e - c_e; without one they are unchanged, and h is 0.
    """
    if index.calibration is None:
        return video.vectors, torch.zeros(len(ids))
    parts = torch.arange(len(ids)).split(chunk)  # h compares with each caption of the sample, so not all clips at once
    hubness = torch.cat([index.calibration.hubness(video.rows(part)) for part in parts])
    _refuse_huge(index, ids, "hubness", hubness[:, None])
    return {name: video.vectors[name] - mean for name, mean in index.calibration.mean.items()}, hubness


def _validate_vectors(index: Index, vectors: Mapping[str, Any], rows: int) -> dict[str, Tensor]:
    if set(vectors) != set(index.dims):
        raise ValueError(f"the embeddings are of {sorted(vectors)}; the experts of this index are {list(index.dims)}")
    out = {name: torch.as_tensor(vectors[name]).detach().cpu().float() for name in index.dims}
    for name, x in out.items():
        if x.shape != (rows, index.dims[name]):
            raise ValueError(f"the embedding of {name!r} must be {(rows, index.dims[name])}; got {tuple(x.shape)}")
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
        raise ValueError(f"weights must be (texts, {len(index.dims)}); got {tuple(weights.shape)}")
    if not (weights.isfinite() & (weights >= 0)).all():
        raise ValueError("weights must be finite and not negative")
    vectors = _validate_vectors(index, vectors, len(weights))
    if bad := [name for name, x in vectors.items() if not x.isfinite().all()]:
        raise ValueError(f"the query's {bad[0]!r} has NaN or Inf")
    return TextEmbedding(vectors, weights.clamp_min(1e-12))


def prepare_search(
    index: Index, query: str | list[str] | TextEmbedding, k: int, experts: Sequence[str] | None, score: str | None
) -> Query:
    """The arguments of ``search`` as both indices need them; ValueError if one of them is wrong."""
    if k != int(k) or k < 1:
        raise ValueError(f"k must be a whole number of at least 1; got {k!r}")
    names = list(index.dims) if experts is None else experts
    if isinstance(names, str) or not names or not set(names) <= set(index.dims):
        raise ValueError(f"experts must be a list of at least one of {list(index.dims)}; got {experts!r}")
    used = torch.tensor([name in names for name in index.dims])
    calibration = index.calibration
    if score not in (None, *SCORES):
        raise ValueError(f"score must be one of {', '.join(SCORES)}; got {score!r}")
    if score == "calibrated" and calibration is None:
        raise ValueError(
            "this index has no calibration: run `mee calibrate MODEL CLIPS` for its model, and build the index again"
        )
    text = encode_query(index, query)
    weights = text.weights * used
    vectors = {name: x.numpy() for name, x in text.vectors.items()}
    mean = torch.zeros_like(weights)
    if calibration is not None:
        mean = torch.stack([text.vectors[name] @ c for name, c in calibration.mean.items()], 1)
    if calibration is None or score == "paper":
        w, m = weights.numpy(), mean.numpy()
        return Query(vectors, w, m, shift=m, scale=w, power=1, hubness=False, last=NO_EXPERT)
    scale = (weights.square() * calibration.variance(text)).numpy()
    shift, whole = np.zeros_like(scale), bool(used.all())
    return Query(vectors, weights.numpy(), mean.numpy(), shift, scale, power=0.5, hubness=whole, last=LAST)


def explain(
    hits: list[Hit], query: Query, texts: Sequence[int] | np.ndarray, columns: list[int], products: np.ndarray
) -> None:
    """Fill in why each hit was found: ``products`` (hits, columns) holds <t_e, x_e> of each, for the experts used."""
    weights = query.weights[texts][:, columns]
    values = (
        products + query.mean[texts][:, columns],
        weights / weights.sum(1, keepdims=True),
        weights * (products + query.shift[texts][:, columns]) / query.denominator(columns)[texts],
    )
    names = [list(query.vectors)[column] for column in columns]
    for hit, *rows in zip(hits, *(x.tolist() for x in values), strict=True):
        hit.similarity, hit.weight, hit.parts = (dict(zip(names, row, strict=True)) for row in rows)
