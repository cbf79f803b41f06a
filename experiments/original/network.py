"""The original code's arithmetic where this library's differs (lesson 14), to tell a bug fix from a design change.

The facts are those of the public repository antoine77340/Mixture-of-Embedding-Experts in November 2019. There,

- padded words and frames are assigned to NetVLAD's centres, and count in its batch norm's statistics;
- an absent expert is a vector of zeros, which the units embed and count in their statistics; the score leaves it out;
- a silent clip counts as one with sound; only an image has none;
- the loss counts the right pairs too, and two captions of one clip, or the same caption twice, as negatives;
- a last batch that is not full is dropped.

Everything else (the weights of each pair, metrics, a true validation split) stays as it is in ``mee``. Before November
2019 the original also weighted a whole row with one clip's mask; lesson 10 shows that leak; it is not offered here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mee.config import TrainConfig
from mee.data import Clips
from mee.loss import MaxMarginRankingLoss
from mee.model import MEE, ModelConfig, TextEmbedding, VideoEmbedding, VideoTextMEE
from mee.train import Run, fit, prepare


class OriginalNetwork(VideoTextMEE):
    """:class:`mee.model.VideoTextMEE` over zeros: the network computes on padding and on absent experts.

    Captions and sequences are padded to ``config.max_words`` and ``config.max_frames``; None: to the longest in the
    batch.
    """

    def embed_text(self, words: Tensor, mask: Any = None) -> TextEmbedding:
        """As :meth:`VideoTextMEE.embed_text`; ``words`` are zero where ``mask`` is False, and all of them count."""
        return super().embed_text(_pad(words, self.config.max_words))

    def embed_video(
        self, videos: Mapping[str, Tensor], ind: Mapping | None = None, masks: Mapping | None = None
    ) -> VideoEmbedding:
        """As :meth:`VideoTextMEE.embed_video`; the zeros of absent experts count in every batch norm."""
        padded = {name: _pad(x, self.config.max_frames) if name in self.pooling else x for name, x in videos.items()}
        vectors, mask = super().embed_video(padded)
        present = [(ind or {}).get(name, mask[:, i]) for i, name in enumerate(self.experts)]
        mask = mask & torch.stack([torch.as_tensor(x, device=mask.device).bool() for x in present], 1)
        return VideoEmbedding({name: vectors[name] * mask[:, i, None] for i, name in enumerate(self.experts)}, mask)


def _pad(x: Tensor, rows: int | None) -> Tensor:
    """``x`` (items, longest, dim) padded with zeros to ``rows`` rows; a longer ``x`` stays as it is, as with None."""
    return x if rows is None else F.pad(x, (0, 0, 0, max(0, rows - x.shape[1])))


class OriginalLoss(MaxMarginRankingLoss):
    """:class:`mee.loss.MaxMarginRankingLoss` with the diagonal, and blind to which clips and captions are the same."""

    def __init__(self, margin: float = 0.2):
        super().__init__(margin, include_positives=True)

    def forward(self, scores: Tensor, clip_ids: Any = None, caption_ids: Any = None, valid: Any = None) -> Tensor:
        """As :meth:`MaxMarginRankingLoss.forward`, without the ids."""
        return super().forward(scores, valid=valid)


def mark_silence_present(clips: Clips) -> Clips:
    """A copy of ``clips`` in which every clip has each sequence expert: to the original, silence is sound."""
    clips = copy.copy(clips)
    clips.present = clips.present | torch.tensor([expert.kind == "sequence" for expert in clips.experts.values()])
    return clips


def train(
    clips: Clips,
    config: TrainConfig,
    images: Clips | None = None,
    network: Callable[..., Any] = OriginalNetwork,
    loss: Callable[[float], nn.Module] | None = OriginalLoss,
    callbacks: Sequence[Any] = (),
) -> Run:
    """Train ``network`` with ``loss`` on full batches; ``loss=None``: as :func:`mee.train.fit_clips` does."""
    if config.loss != "max-margin":
        raise ValueError("the original's loss is max-margin; leave out --loss")
    model, batches, criterion, validate = prepare(clips, config, images, network=network)
    if loss is not None:
        criterion = loss(config.margin)
        batches.drop_last = len(batches) > 1  # if there is no full batch, the only one stays
    return fit(model, batches, criterion, config, validate, callbacks)


def from_original(
    state: Mapping[str, Any],
    order: Sequence[str],
    weight_order: Sequence[str] | None = None,
    max_words: int | None = 30,
    max_frames: int | None = None,
) -> MEE | OriginalNetwork:
    """The block (:class:`mee.model.MEE`) or the whole network that ``state`` holds under the original's names.

    Parameters
    ----------
    state
        Name (``video_GU.0.fc.weight`` of a block, ``mee.video_GU.0.fc.weight``, ``audio_pooling.clusters`` of a
        network...) -> tensor or array.
    order
        The experts' names in the order of the original's numbers: that of its constructor's dict.
    weight_order
        The names in the order of the dict that the original was *called* with, if different: its embeddings follow
        ``order``, its mixture weights this order.
    max_words, max_frames
        For a network: what it pads to, as in :class:`OriginalNetwork`.
    """
    state = {name: torch.as_tensor(value) for name, value in state.items()}
    order, whole = list(order), "text_pooling.clusters" in state
    block = "mee." if whole else ""
    dims = {name: tuple(state[f"{block}video_GU.{i}.fc.weight"].shape[::-1]) for i, name in enumerate(order)}
    gating = f"{block}video_GU.0.cg.fc.weight" in state
    if whole:
        centres = {name: state.get(f"{name}_pooling.clusters") for name in order}
        clusters = {name: x.shape[1] for name, x in centres.items() if x is not None}
        experts = {name: (dim // clusters.get(name, 1), out) for name, (dim, out) in dims.items()}
        word_dim, text_clusters = state["text_pooling.clusters"].shape
        config = ModelConfig(
            experts, word_dim, clusters, text_clusters, gating, max_words=max_words, max_frames=max_frames
        )
        model = OriginalNetwork(config)
    else:
        model = MEE(dims, state["moe_fc.weight"].shape[1], gating)
    model.load_state_dict(renamed(state, order, weight_order))
    return model


def renamed(
    state: Mapping[str, Tensor], order: Sequence[str], weight_order: Sequence[str] | None = None
) -> dict[str, Tensor]:
    """``state`` under this library's names, the rows of ``moe_fc`` in its order; arguments as in `from_original`."""
    weight_order = list(weight_order or order)
    if sorted(order) != sorted(weight_order):
        raise ValueError(f"order and weight_order must name the same experts; got {list(order)} and {weight_order}")
    out = {}
    for key, value in state.items():
        head, unit, rest = key.partition("_GU.")
        expert, pooling, part = key.partition("_pooling.")
        if unit:
            number, _, tail = rest.partition(".")
            key = f"{head}_GU.{order[int(number)]}.{tail}"
        elif pooling and expert in order:
            key = f"pooling.{expert}.{part}"
        elif key.endswith(("moe_fc.weight", "moe_fc.bias")):
            value = value[[weight_order.index(name) for name in sorted(order)]]
        out[key] = value
    return out
