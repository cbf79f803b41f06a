"""The two losses that rank the right clip above the wrong ones: max margin (the paper's) and InfoNCE (lesson 06).

Both take a square matrix of scores, rows texts, columns clips, whose diagonal holds the right pairs, and count both
directions: each text against all clips, each clip against all texts.

``clip_ids`` and ``caption_ids`` (n,) name the clip and the caption of pair i. Two captions of one clip in a batch, or
the same caption twice, are not negatives of each other; where ids are given, pairs that share one are ignored.
``valid`` (n,) bool says which pairs count at all; the others are neither positives nor negatives.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def ignored_pairs(scores: Tensor, clip_ids: Any, caption_ids: Any, valid: Any) -> Tensor:
    """Which pairs (n, n) are neither positives nor negatives: bool, off the diagonal unless ``valid`` says so.

    Raises
    ------
    ValueError
        If ``scores`` is not a square matrix, or there is not one id for each row.
    """
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] or not len(scores):
        raise ValueError(
            f"a loss takes a square matrix of scores, with the right pairs on its diagonal; got {tuple(scores.shape)}"
        )
    ignored = torch.zeros(scores.shape, dtype=torch.bool, device=scores.device)
    for ids in (clip_ids, caption_ids):
        if ids is not None:
            ids = _one_for_each(ids, scores)
            ignored = ignored | (ids[:, None] == ids)
    ignored = ignored & ~torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    if valid is not None:
        valid = _one_for_each(valid, scores)
        ignored = ignored | ~(valid[:, None] & valid)
    return ignored


def _one_for_each(ids: Any, scores: Tensor) -> Tensor:
    ids = torch.as_tensor(ids, device=scores.device)
    if ids.shape != (len(scores),):
        raise ValueError(f"ids must be ({len(scores)},), one for each row; got {tuple(ids.shape)}")
    return ids


class MaxMarginRankingLoss(nn.Module):
    """Every wrong pair at least ``margin`` below the right ones, both directions: the paper's loss (eq. 7, lesson 06).

    The mean over the wrong pairs (i, j) of max(0, margin + s_ij - s_ii) and max(0, margin + s_ij - s_jj). A batch
    without any wrong pair (n = 1, or all ids alike) has loss 0.

    Parameters
    ----------
    margin
        In units of the score (cosines: 0.2 in the paper).
    include_positives
        True counts the right pairs as the original code does: each adds the constant ``margin``, and the mean is
        over all 2 n^2 terms. It shifts the loss by margin/n and scales the gradient by (n - 1)/n.

    Examples
    --------
    >>> scores = torch.tensor([[0.9, 0.8], [0.1, 0.5]])
    >>> MaxMarginRankingLoss(0.2)(scores)       # (0.1 + 0.0 + 0.5 + 0.0) / 4
    tensor(0.1500)
    """

    def __init__(self, margin: float = 0.2, include_positives: bool = False):
        super().__init__()
        if not math.isfinite(margin):
            raise ValueError(f"margin must be a finite number; got {margin}")
        self.margin, self.include_positives = margin, include_positives

    def forward(self, scores: Tensor, clip_ids: Any = None, caption_ids: Any = None, valid: Any = None) -> Tensor:
        """The loss (a scalar) of ``scores`` (n, n); ids and ``valid`` are (n,) or None."""
        ignored = ignored_pairs(scores, clip_ids, caption_ids, valid)
        if not self.include_positives:
            ignored = ignored | torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        positives = scores.diagonal()
        # a text against the other clips, and a clip against the other texts
        hinge = (self.margin + scores - positives[:, None]).relu() + (self.margin + scores - positives).relu()
        return hinge.masked_fill(ignored, 0).sum() / (2 * (~ignored).sum()).clamp(min=1)


class InfoNCELoss(nn.Module):
    """The right clip's share of a softmax over all clips, and the right text's over all texts (lesson 06).

    The mean of -log softmax_j(s_ij / t)[i] over rows and over columns; not part of the paper; it came later.

    Parameters
    ----------
    temperature
        t, in units of the score: the smaller, the more the hardest negatives count.
    """

    def __init__(self, temperature: float = 0.05):
        super().__init__()
        if not temperature > 1e-30:  # below this, a score divided by it is no longer a number
            raise ValueError(f"temperature must be above 0; got {temperature}")
        self.temperature = temperature

    def forward(self, scores: Tensor, clip_ids: Any = None, caption_ids: Any = None, valid: Any = None) -> Tensor:
        """The loss (a scalar) of ``scores`` (n, n); ids and ``valid`` are (n,) or None."""
        diagonal = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        # a positive is never masked, so that no row is empty: a softmax of nothing has no gradient
        ignored = ignored_pairs(scores, clip_ids, caption_ids, valid) & ~diagonal
        # at least in single precision: divided by a small temperature, a score soon leaves the range of float16
        logits = scores.to(torch.promote_types(scores.dtype, torch.float32)) / self.temperature
        logits = logits.masked_fill(ignored, -torch.inf)
        target = torch.arange(len(scores), device=scores.device)
        if valid is not None:
            target = torch.where(_one_for_each(valid, scores), target, -100)  # which cross_entropy ignores
        total = F.cross_entropy(logits, target, reduction="sum") + F.cross_entropy(logits.T, target, reduction="sum")
        return total / (2 * (target >= 0).sum()).clamp(min=1)
