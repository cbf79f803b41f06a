"""The Mixture-of-Embedding-Experts model, top to bottom (Miech, Laptev and Sivic, arXiv 1804.02516).

.. code-block:: text

    words  ->  NetVLAD  ->  a gated unit per expert, and a softmax: how
                            much the sentence trusts each expert
    clips  ->  a gated unit per expert (sequences through NetVLAD first);
               absent experts are masked
    score  =   the weighted mean of the experts' similarities, over the
               experts that the clip has

Training, evaluation and search rest on three methods: ``embed_text``, ``embed_video`` and ``score``. This file needs
PyTorch and nothing else, so it can be copied into another project on its own.

No shape here depends on which experts are missing: absent rows are set to zero, computed like the others, left out of
every batch statistic and set to zero again. A GPU therefore never has to stop and tell the CPU a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Score of a clip without any expert, the lowest that a mean of cosines can be, so that the clip ranks last.
NO_EXPERT = -1.0


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a :class:`VideoTextMEE`, and where it truncates; the defaults are the paper's.

    Parameters
    ----------
    experts
        Expert -> (dimensions of one row of its features, dimensions of its embedding).
    word_dim
        Dimensions of a word vector.
    clusters
        Sequence expert -> its NetVLAD centres (the paper: 16 for audio). Every other expert is one vector per clip.
    text_clusters
        NetVLAD centres for words.
    gating, learned_weights
        As in :class:`MEE`.
    max_words, max_frames
        Longer captions and sequences are truncated, in training and afterwards; None: never.
    """

    experts: dict[str, tuple[int, int]]
    word_dim: int
    clusters: dict[str, int] = field(default_factory=dict)
    text_clusters: int = 32
    gating: bool = True
    learned_weights: bool = True
    max_words: int | None = 30
    max_frames: int | None = None


class TextEmbedding(NamedTuple):
    """Sentences in each expert's space, (texts, dim) each; ``weights`` (texts, experts) sum to 1."""

    vectors: dict[str, Tensor]
    weights: Tensor

    def rows(self, i: Any) -> TextEmbedding:
        """The sentences ``i``: a slice, a list or a tensor of row numbers."""
        return TextEmbedding({name: x[i] for name, x in self.vectors.items()}, self.weights[i])

    @classmethod
    def concat(cls, parts: Sequence[TextEmbedding]) -> TextEmbedding:
        """One embedding of the sentences of all ``parts``, in their order."""
        return cls(_concat([part.vectors for part in parts]), torch.cat([part.weights for part in parts]))


class VideoEmbedding(NamedTuple):
    """Clips in each expert's space, (clips, dim) each, zero where absent; and ``mask`` (clips, experts) bool."""

    vectors: dict[str, Tensor]
    mask: Tensor

    def rows(self, i: Any) -> VideoEmbedding:
        """The clips ``i``: a slice, a list or a tensor of row numbers."""
        return VideoEmbedding({name: x[i] for name, x in self.vectors.items()}, self.mask[i])

    def keep(self, keep: Tensor) -> VideoEmbedding:
        """The same clips without the experts where ``keep`` (clips, experts) bool is False."""
        columns = {name: keep[:, i, None] for i, name in enumerate(sorted(self.vectors))}
        return VideoEmbedding({name: x * columns[name] for name, x in self.vectors.items()}, self.mask & keep)

    @classmethod
    def concat(cls, parts: Sequence[VideoEmbedding]) -> VideoEmbedding:
        """One embedding of the clips of all ``parts``, in their order."""
        return cls(_concat([part.vectors for part in parts]), torch.cat([part.mask for part in parts]))


def _concat(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _identity(x: Tensor) -> Tensor:
    return x


def single(x: Tensor) -> torch.dtype:
    """Single precision, or that of ``x`` if it has more. Lengths need it: squares leave the range of float16."""
    return torch.promote_types(x.dtype, torch.float32)


def inner(a: Tensor, b: Tensor, conf: bool = True) -> Tensor:
    """Inner products of all rows of ``a`` with all of ``b`` (n, m); with ``conf=False`` of row i with row i (n,)."""
    if conf:
        return a @ b.T
    if len(a) != len(b):
        raise ValueError(f"pairs need as many captions as clips; got {len(a)} and {len(b)}")
    return (a * b).sum(1)


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation over the rows that are present (lessons 03 and 05).

    In training, mean and variance come from masked sums, so absent rows count nowhere. Fewer than two present rows have
    no variance (a batch may hold a single face): the running statistics then stand in, and stay as they are.

    ``all_reduce`` sums a tensor over processes, and is the identity in one process; :mod:`mee.distributed` sets it.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def __init__(self, dim: int):
        super().__init__(dim)
        self.all_reduce: Callable[[Tensor], Tensor] = _identity

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``x`` (..., dim), ``mask`` (...) bool or None (all present)."""
        rows = x.shape[:-1].numel()
        if not self.training or (mask is None and rows > 1 and self.all_reduce is _identity):
            # no row is left out, so PyTorch's kernel will do
            return super().forward(x.reshape(-1, x.shape[-1])).view(x.shape)
        dtype, dims = x.dtype, tuple(range(x.ndim - 1))
        x = x.to(single(x))
        present = torch.ones_like(x[..., :1]) if mask is None else mask[..., None].to(x)
        count = self.all_reduce(present.sum())
        enough = (count >= 2).to(x)  # 1 or 0, between the batch's statistics and the running ones
        mean = self.all_reduce((x * present).sum(dims)) / count.clamp(min=1)
        mean = torch.lerp(self.running_mean.to(x), mean, enough)
        centred = (x - mean) * present
        squares = self.all_reduce(centred.square().sum(dims))
        variance = torch.lerp(self.running_var.to(x), squares / count.clamp(min=1), enough)
        with torch.no_grad():
            momentum = (self.momentum * enough).to(self.running_mean)
            self.running_mean.lerp_(mean.to(self.running_mean), momentum)
            self.running_var.lerp_((squares / (count - 1).clamp(min=1)).to(self.running_var), momentum)
            self.num_batches_tracked += enough.to(self.num_batches_tracked)
        return torch.addcmul(self.bias, centred, self.weight * torch.rsqrt(variance + self.eps)).to(dtype)


class NetVLAD(nn.Module):
    """Any number of vectors into one: their softly assigned residuals to learnt centres (lesson 02).

    For rows x_t, assignments a_tk = softmax_k(BN(x_t . c_k)) and centres c'_k, the descriptor stacks
    V_k = sum_t a_tk (x_t - c'_k), each V_k scaled to length 1, then the whole scaled to length 1.

    Parameters
    ----------
    clusters
        Number of centres K.
    dim
        Dimensions D of a row.
    """

    def __init__(self, clusters: int, dim: int):
        super().__init__()
        self.clusters = nn.Parameter(torch.randn(dim, clusters) / dim**0.5)
        self.clusters2 = nn.Parameter(torch.randn(1, dim, clusters) / dim**0.5)
        self.batch_norm = BatchNorm(clusters)
        self.out_dim = dim * clusters

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Pool ``x`` (items, rows, D) to (items, D * K), where the K values of a dimension lie side by side.

        ``mask`` (items, rows) is True for real rows; None: all are real. Neither the content nor the number of padded
        rows changes anything. An item without a real row gives zeros.
        """
        dim, _ = self.clusters.shape
        if x.ndim != 3 or x.shape[-1] != dim:
            raise ValueError(f"NetVLAD pools (items, rows, {dim}); got {tuple(x.shape)}")
        mask = _mask(mask, x)
        x = torch.where(mask[..., None], x, 0)
        assignment = torch.softmax(self.batch_norm(x @ self.clusters, mask), dim=-1) * mask[..., None]
        residuals = x.transpose(1, 2) @ assignment - assignment.sum(1, keepdim=True) * self.clusters2  # (items, D, K)
        # Once each V_k has length 1, the whole has the square root of their number as its length (not counting those of
        # length 0), so one product does both scalings. These tensors are the largest of a step, and each pass over them
        # counts.
        length = torch.linalg.vector_norm(residuals, dim=1, keepdim=True, dtype=single(x))  # (items, 1, K)
        filled = (length > 0).to(length)
        scale = filled / (length.clamp_min(1e-12) * filled.sum(2, keepdim=True).clamp_min(1).sqrt())
        return (residuals * scale).to(residuals.dtype).flatten(1)


class ContextGating(nn.Module):
    """Each dimension times a gate, 0 to 1, that sees all of them: x * sigmoid(BN(W x + b)) (eq. 2, lesson 03)."""

    def __init__(self, dim: int):
        super().__init__()
        self.fc = nn.Linear(dim, dim)
        self.batch_norm = BatchNorm(dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``x`` (rows, dim); ``mask`` (rows,) bool says which rows count in the batch norm."""
        return x * torch.sigmoid(self.batch_norm(self.fc(x), mask))


class GatedEmbeddingUnit(nn.Module):
    """A linear layer, context gating, and scaling to length 1: (rows, in_dim) to (rows, out_dim) (eq. 1-3, lesson 03).

    ``gating=False`` leaves the gate out, for comparison.
    """

    def __init__(self, in_dim: int, out_dim: int, gating: bool = True):
        super().__init__()
        self.fc = nn.Linear(in_dim, out_dim)
        self.cg = ContextGating(out_dim) if gating else None

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``x`` (rows, in_dim); rows where ``mask`` (rows,) is False give zeros, whatever they hold."""
        if mask is not None:
            x = torch.where(mask[:, None], x, 0)
        x = self.fc(x)
        if self.cg is not None:
            x = self.cg(x, mask)
        x = F.normalize(x.to(single(x)), dim=1).to(x.dtype)
        return x if mask is None else x * mask[:, None]


class MEE(nn.Module):
    """The MEE block: scores sentences, one vector each, with clips, one vector per expert (section 3, lessons 04, 05).

    The order of dict keys never matters; ``mee.experts`` lists the names, alphabetically, in the order of the weights.

    Parameters
    ----------
    video_modality_dim
        Expert -> (dimensions of its features, dimensions of its embedding).
    text_dim
        Dimensions of a sentence.
    gating
        False leaves context gating out.
    learned_weights
        False trusts all experts alike: the weights do not depend on the sentence.

    Examples
    --------
    >>> mee = MEE({"face": (128, 64), "audio": (40, 32)}, text_dim=300)
    >>> captions = torch.randn(5, 300)
    >>> videos = {"face": torch.randn(7, 128), "audio": torch.randn(7, 40)}
    >>> ind = {"face": [1, 1, 0, 1, 0, 1, 1], "audio": [True] * 7}
    >>> mee(captions, videos, ind).shape  # every caption with every clip
    torch.Size([5, 7])
    """

    def __init__(
        self,
        video_modality_dim: Mapping[str, tuple[int, int]],
        text_dim: int,
        gating: bool = True,
        learned_weights: bool = True,
    ):
        super().__init__()
        if not video_modality_dim:
            raise ValueError("video_modality_dim is empty: MEE needs at least one expert")
        self.experts = sorted(video_modality_dim)
        self.text_dim = text_dim
        self.learned_weights = learned_weights
        self.video_modality_dim = dims = {name: video_modality_dim[name] for name in self.experts}
        self.video_GU = nn.ModuleDict({name: GatedEmbeddingUnit(i, o, gating) for name, (i, o) in dims.items()})
        self.text_GU = nn.ModuleDict({name: GatedEmbeddingUnit(text_dim, o, gating) for name, (_, o) in dims.items()})
        self.moe_fc = nn.Linear(text_dim, len(self.experts))

    def forward(
        self, captions: Any, videos: Mapping[str, Any], ind: Mapping | None = None, conf: bool = True
    ) -> Tensor:
        """Score every caption with every clip, (texts, clips); with ``conf=False`` caption i with clip i, (n,).

        Parameters
        ----------
        captions
            (texts, text_dim) float.
        videos
            Expert -> (clips, dim) float; an expert left out is absent from all clips.
        ind
            Expert -> (clips,) bool or 0/1, as array, list or tensor: whether the clip has the expert. An expert left
            out, or ``ind=None``: all clips have it.
        """
        return self.score(self.embed_text(captions), self.embed_video(videos, ind), conf)

    def embed_text(self, captions: Any) -> TextEmbedding:
        """Embed ``captions`` (texts, text_dim) for each expert, with their mixture weights."""
        captions = self._rows(captions, "captions", self.text_dim)
        vectors = {name: unit(captions) for name, unit in self.text_GU.items()}
        if self.learned_weights:
            return TextEmbedding(vectors, torch.softmax(self.moe_fc(captions), dim=1))
        return TextEmbedding(vectors, captions.new_full((len(captions), len(self.experts)), 1 / len(self.experts)))

    def embed_video(self, videos: Mapping[str, Any], ind: Mapping | None = None) -> VideoEmbedding:
        """Embed clips by each expert; arguments as in :meth:`forward`. Absent embeddings are zero.

        Whatever an absent row holds (zeros, NaN, anything) reaches no score, no gradient and no batch statistic.
        """
        ind = ind or {}
        self._refuse_unknown(videos, "videos")
        self._refuse_unknown(ind, "ind")
        if not videos:
            raise ValueError(f"videos is empty: give at least one of the experts {self.experts}")
        features = {name: self._rows(x, f"videos[{name!r}]") for name, x in videos.items()}
        sizes = {name: len(x) for name, x in features.items()}
        clips = max([*sizes.values()])  # a list: PyTorch 2.4 compiles no max of a dict's values
        if min([*sizes.values()]) < clips:
            raise ValueError(f"videos has different numbers of clips: {sizes}")
        vectors, mask = {}, []
        for name, (in_dim, out_dim) in self.video_modality_dim.items():
            if name in features:
                x = features[name]
                if x.shape[1] != in_dim:
                    raise ValueError(f"videos[{name!r}] must be (clips, {in_dim}); got {tuple(x.shape)}")
                present = _present(ind.get(name), name, clips, x.device)
                vectors[name] = self.video_GU[name](x, present)
            else:
                present = torch.zeros(clips, dtype=torch.bool, device=self.moe_fc.weight.device)
                vectors[name] = self.moe_fc.weight.new_zeros(clips, out_dim)
            mask.append(present)
        return VideoEmbedding(vectors, torch.stack(mask, 1))

    def score(self, text: TextEmbedding, video: VideoEmbedding, conf: bool = True, calibration: Any = None) -> Tensor:
        """Score sentences with clips: (texts, clips), or (n,) pairs with ``conf=False`` (eq. 4-6).

        s(t, v) = sum_e a_e(v) w_e(t) <t_e, v_e>  /  sum_e a_e(v) w_e(t),  a_e(v) = 1 if clip v has expert e, else 0.

        The numerator is one inner product of the embeddings side by side (absent ones are zero), the denominator
        another one of weights and mask: no tensor of texts x clips x experts is built. A clip without any expert scores
        -1, the lowest that a mean of cosines can be: it ranks last.

        ``calibration``, a :class:`mee.calibration.Calibration`, scores instead of this formula.
        """
        if calibration is not None:
            return calibration.score(text, video, conf)
        mask = video.mask
        with torch.autocast(mask.device.type, enabled=False):  # a ratio of small numbers: full precision
            # the floor keeps the ratio defined where a clip has only experts that the sentence does not trust at all
            weights = text.weights.to(single(text.weights)).clamp_min(1e-12)
            query = torch.cat(
                [weights[:, i, None] * text.vectors[e].to(weights) for i, e in enumerate(self.experts)], 1
            )
            gallery = torch.cat([video.vectors[e].to(weights) for e in self.experts], 1)
            numerator, denominator = inner(query, gallery, conf), inner(weights, mask.to(weights), conf)
            empty = ~mask.any(1)  # (clips,)
            return (numerator / denominator.masked_fill(empty, 1)).masked_fill(empty, NO_EXPERT)

    def _rows(self, x: Any, what: str, dim: int | None = None) -> Tensor:
        x = _as(x, self.moe_fc.weight)
        if x.ndim != 2 or (dim is not None and x.shape[1] != dim):
            raise ValueError(f"{what} must be (rows, {dim or 'dimensions'}); got {tuple(x.shape)}")
        return x

    def _refuse_unknown(self, given: Mapping, what: str) -> None:
        unknown = sorted(set(given) - set(self.experts))
        if unknown:
            raise ValueError(f"{what} names {unknown}; this model's experts are {self.experts}")


class VideoTextMEE(nn.Module):
    """The whole model: NetVLAD over words and over sequence experts, then the :class:`MEE` block (lessons 02 to 05).

    ``embed_text(words, mask)`` and ``embed_video(videos, ind, masks)`` take what a :class:`mee.data.Batch` carries in
    ``text`` and ``video``; ``model(words, word_mask, videos, ind, masks)`` joins them by ``score``.

    Raises
    ------
    ValueError
        If ``config.clusters`` names an expert that ``config.experts`` does not have.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        unknown = sorted(set(config.clusters) - set(config.experts))
        if unknown:
            raise ValueError(f"clusters names {unknown}; the experts are {sorted(config.experts)}")
        self.config = config
        self.text_pooling = NetVLAD(config.text_clusters, config.word_dim)
        clusters = dict(sorted(config.clusters.items()))
        self.pooling = nn.ModuleDict({name: NetVLAD(k, config.experts[name][0]) for name, k in clusters.items()})
        dims = {name: (i * clusters.get(name, 1), o) for name, (i, o) in config.experts.items()}
        self.mee = MEE(dims, self.text_pooling.out_dim, config.gating, config.learned_weights)
        #: a :class:`mee.calibration.Calibration` of this model, once :func:`mee.evaluate.calibrate` has made one
        self.calibration: Any = None

    @property
    def experts(self) -> list[str]:
        """Names of the experts in alphabetical order, which is that of the columns of weights and masks."""
        return self.mee.experts

    def forward(
        self,
        words: Any,
        word_mask: Any,
        videos: Mapping[str, Any],
        ind: Mapping | None = None,
        masks: Mapping | None = None,
        conf: bool = True,
    ) -> Tensor:
        """Scores (texts, clips), or (n,) with ``conf=False``; see ``embed_text`` and ``embed_video``."""
        return self.score(self.embed_text(words, word_mask), self.embed_video(videos, ind, masks), conf)

    def embed_text(self, words: Any, mask: Any = None) -> TextEmbedding:
        """Embed ``words`` (texts, longest, word_dim); ``mask`` (texts, longest) is True for real words."""
        words = _as(words, self.mee.moe_fc.weight)
        return self.mee.embed_text(self.text_pooling(words, mask))

    def embed_video(
        self, videos: Mapping[str, Any], ind: Mapping | None = None, masks: Mapping | None = None
    ) -> VideoEmbedding:
        """As :meth:`MEE.embed_video`, but a sequence expert is (clips, longest, dim), with its mask (clips, longest).

        A sequence without any real row is absent, whatever ``ind`` says.
        """
        masks, ind, pooled = masks or {}, dict(ind or {}), {}
        for name, x in videos.items():
            if name in self.pooling:
                x = _as(x, self.mee.moe_fc.weight)
                # what is absent is masked out here already: it must not enter the batch norm over rows either
                mask = _mask(masks.get(name), x) & _present(ind.get(name), name, len(x), x.device)[:, None]
                ind[name] = mask.any(1)
                x = self.pooling[name](x, mask)
            pooled[name] = x
        return self.mee.embed_video(pooled, ind)

    def score(self, text: TextEmbedding, video: VideoEmbedding, conf: bool = True, calibration: Any = None) -> Tensor:
        """As :meth:`MEE.score`."""
        return self.mee.score(text, video, conf) if calibration is None else calibration.score(text, video, conf)


def _as(x: Any, like: Tensor) -> Tensor:
    """``x`` (array, list or tensor) with the device and dtype of ``like``, a parameter."""
    return torch.as_tensor(x, device=like.device).to(like.dtype)


def _mask(mask: Any, x: Tensor) -> Tensor:
    """The mask (items, rows) bool of ``x`` (items, rows, ...) on its device; None: all rows are real."""
    if mask is None:
        return torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
    mask = torch.as_tensor(mask, device=x.device)
    if mask.shape != x.shape[:2]:
        raise ValueError(f"the mask of {tuple(x.shape)} must be {tuple(x.shape[:2])}; got {tuple(mask.shape)}")
    return mask.bool()


def _present(ind: Any, name: str, clips: int, device: torch.device) -> Tensor:
    """Which clips have an expert, (clips,) bool, from what the caller gave; None: all have it."""
    if ind is None:
        return torch.ones(clips, dtype=torch.bool, device=device)
    ind = torch.as_tensor(ind, device=device)
    if ind.shape != (clips,):
        raise ValueError(f"ind[{name!r}] must be ({clips},), one value per clip; got {tuple(ind.shape)}")
    # reading the values makes a GPU wait; training passes booleans, which need no check
    if ind.dtype != torch.bool and not bool(((ind == 0) | (ind == 1)).all()):
        raise ValueError(f"ind[{name!r}] must be boolean or 0/1; it holds other values")
    return ind.bool()
