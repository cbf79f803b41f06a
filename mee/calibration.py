"""Scores that survive missing experts: how unusual a similarity is, instead of how large it is (lesson 05).

The paper's score is a mean over the experts that a clip has. A mean of one cosine varies more than a mean of four, and
each expert's cosines have a level and a spread of their own, so the scores of clips with different experts are on
different scales: the best of many wrong clips is one with few experts. The calibrated score measures each similarity
against what *wrong* clips get for this sentence, and combines the experts as one combines z-scores of unequal weight:

    z(t, v) = sum_e a_e(v) w_e(t) (<t_e, v_e> - m_e(t))  /  sqrt( sum_e a_e(v) w_e(t)^2 s_e(t)^2 )

a_e(v) = 1 if clip v has expert e, else 0. Mean and variance of <t_e, v_e> over clips need no gallery: where c_e and C_e
are the mean and the covariance of the training clips' embeddings, m_e(t) = <t_e, c_e> and s_e(t)^2 = t_e' C_e t_e. So
the denominator depends on the sentence and on *which* experts the clip has; among clips with the same experts the order
is the paper's. That is the first half. But some clips rank high for any sentence, so the second half asks how unusual
such a z is for the *clip*, over a sample of training captions t':

    s(t, v) = z(t, v) - h(v),        h(v) = log mean_t' exp z(t', v)

h, the clip's hubness, is one number per clip. It cancels from video to text, where each row is one clip.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mee.model import TextEmbedding, VideoEmbedding, inner, single

#: Calibrated score of a clip without any expert, below all others, so that the clip ranks last.
LAST = -1e6
#: Smallest variance of a similarity, so that z stays finite where all clips are alike.
FLOOR = 1e-6


def ledoit_wolf(x: Tensor) -> Tensor:
    """The covariance (dim, dim) of ``x`` (rows, dim), shrunk towards a multiple of the identity (Ledoit and Wolf 2004).

    The covariance of few rows overstates the large axes and understates the small ones. The share of the identity is
    the one that makes the expected squared error smallest: near 1 for a handful of rows, near 0 for many. Fewer than
    two rows say nothing; random directions of length 1 are then assumed, whose covariance is the identity divided by
    ``dim``.
    """
    rows, dim = x.shape
    identity = torch.eye(dim, dtype=x.dtype, device=x.device)
    if rows < 2:
        return identity / dim
    x = x - x.mean(0)
    sample = x.T @ x / rows
    target = sample.trace() / dim * identity
    distance = (sample - target).square().sum()
    error = (x.square().sum(1).square().sum() / rows - sample.square().sum()) / rows
    share = (error / distance.clamp_min(1e-30)).clamp(0, 1)
    return torch.lerp(sample, target, share)


def z_scores(
    text: TextEmbedding, video: VideoEmbedding, mean: Mapping[str, Tensor], variance: Tensor, conf: bool = True
) -> Tensor:
    """The first half, z: (texts, clips), or (n,) pairs with ``conf=False``; clips without experts get ``LAST``.

    Parameters
    ----------
    mean
        Expert -> (dim,): c_e.
    variance
        (texts, experts): s_e(t)^2, in the alphabetical order of the experts.
    """
    mask = video.mask
    with torch.autocast(mask.device.type, enabled=False):  # a ratio of small numbers: full precision
        weights = text.weights.to(single(text.weights)).clamp_min(1e-12)
        query, gallery = [], []
        for i, name in enumerate(sorted(mean)):
            query.append(weights[:, i, None] * text.vectors[name].to(weights))
            gallery.append((video.vectors[name].to(weights) - mean[name].to(weights)) * mask[:, i, None])
        numerator = inner(torch.cat(query, 1), torch.cat(gallery, 1), conf)
        denominator = inner(weights.square() * variance.to(weights).clamp_min(FLOOR), mask.to(weights), conf)
        empty = ~mask.any(1)
        return (numerator / denominator.masked_fill(empty, 1).sqrt()).masked_fill(empty, LAST)


def batch_z_scores(text: TextEmbedding, video: VideoEmbedding, conf: bool = True) -> Tensor:
    """z with the statistics of ``text`` and ``video`` themselves: for training, a batch at a time.

    Each expert has one variance, the mean over the sentences, and no gradient flows through mean and variance: a model
    that is free to shape the spread of its wrong similarities, or of each sentence's, overfits a small set (the results
    page has the numbers).
    """
    with torch.no_grad():
        mean, variance = {}, []
        for i, name in enumerate(sorted(text.vectors)):
            present = video.mask[:, i].to(single(text.weights))
            count = present.sum().clamp_min(1)
            vectors = video.vectors[name].to(present)
            mean[name] = vectors.sum(0) / count  # absent vectors are zero
            deviation = (text.vectors[name].to(present) @ (vectors - mean[name]).T) * present
            variance.append(deviation.square().sum(1).mean() / count)
    return z_scores(text, video, mean, torch.stack(variance).expand(len(text.weights), -1), conf)


class Calibration(nn.Module):
    """What wrong clips get: the statistics of a model's training clips, and a sample of embedded training captions.

    ``calibration.score(text, video)`` is the counterpart of ``model.score(text, video)``.
    :func:`mee.evaluate.calibrate` makes a calibration from clips; as ``model.calibration`` it is saved, loaded and
    moved with its model.

    Parameters
    ----------
    mean
        Expert -> (dim,), the mean of the clips' embeddings.
    covariance
        Expert -> (dim, dim), their covariance.
    captions
        Embedded captions for the second half, h(v); None: h is 0.
    """

    def __init__(
        self, mean: Mapping[str, Tensor], covariance: Mapping[str, Tensor], captions: TextEmbedding | None = None
    ):
        super().__init__()
        self.experts = sorted(mean)
        for name in self.experts:
            self.register_buffer(f"mean_{name}", mean[name])
            self.register_buffer(f"covariance_{name}", covariance[name])
            if captions is not None:
                self.register_buffer(f"captions_{name}", captions.vectors[name])
        if captions is not None:
            self.register_buffer("weights", captions.weights)  # no expert's name can clash with it

    @classmethod
    def estimate(cls, video: VideoEmbedding, captions: TextEmbedding | None = None) -> Calibration:
        """From embedded training clips; an expert's statistics are those of the clips that have it."""
        mean, covariance = {}, {}
        for i, name in enumerate(sorted(video.vectors)):
            x = video.vectors[name][video.mask[:, i]]
            x = x.to(single(x))
            mean[name] = x.sum(0) / max(len(x), 1)
            covariance[name] = ledoit_wolf(x)
        return cls(mean, covariance, captions)

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Calibration:
        """The calibration with this ``state_dict()``."""
        parts: dict[str, dict[str, Tensor]] = {"mean": {}, "covariance": {}, "captions": {}, "weights": {}}
        for key, value in state.items():
            kind, _, name = key.partition("_")
            parts[kind][name] = value
        captions = TextEmbedding(parts["captions"], parts["weights"][""]) if parts["captions"] else None
        return cls(parts["mean"], parts["covariance"], captions)

    def _part(self, kind: str) -> dict[str, Tensor]:
        return {name: self.get_buffer(f"{kind}_{name}") for name in self.experts}

    @property
    def mean(self) -> dict[str, Tensor]:
        """The mean c_e of each expert's embeddings, (dim,)."""
        return self._part("mean")

    @property
    def covariance(self) -> dict[str, Tensor]:
        """The covariance C_e of each expert's embeddings, (dim, dim)."""
        return self._part("covariance")

    @property
    def captions(self) -> TextEmbedding | None:
        """The sample of training captions, or None."""
        if not hasattr(self, "weights"):
            return None
        return TextEmbedding(self._part("captions"), self.get_buffer("weights"))

    def variance(self, text: TextEmbedding) -> Tensor:
        """s_e(t)^2 (texts, experts), at least ``FLOOR``."""
        columns = []
        with torch.autocast(text.weights.device.type, enabled=False):
            for name, covariance in self.covariance.items():
                vectors = text.vectors[name].to(covariance)
                columns.append((vectors @ covariance * vectors).sum(1))
        return torch.stack(columns, 1).clamp_min(FLOOR)

    def z(self, text: TextEmbedding, video: VideoEmbedding, conf: bool = True) -> Tensor:
        """The first half: (texts, clips), or (n,) pairs with ``conf=False``."""
        return z_scores(text, video, self.mean, self.variance(text), conf)

    def hubness(self, video: VideoEmbedding) -> Tensor:
        """The second half, h(v): (clips,); 0 without captions, and for clips without experts."""
        if self.captions is None:
            return torch.zeros(len(video.mask), dtype=single(video.mask.float()), device=video.mask.device)
        z = self.z(self.captions, video)
        return (z.logsumexp(0) - math.log(len(z))).masked_fill(~video.mask.any(1), 0)

    def score(self, text: TextEmbedding, video: VideoEmbedding, conf: bool = True) -> Tensor:
        """z - h: (texts, clips), or (n,) pairs with ``conf=False``; a clip without any expert scores ``LAST``.

        A z of 2 is as rare among wrong clips as two standard deviations are, whatever the clip's experts.
        """
        return self.z(text, video, conf) - self.hubness(video)
