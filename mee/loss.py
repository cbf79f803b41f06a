"""The two losses that rank the right clip above the wrong ones: max margin (the paper's) and InfoNCE (lesson 06).

Both take a square matrix of scores, rows texts, columns clips, whose diagonal holds the right pairs, and count both
directions: each text against all clips, each clip against all texts.

``clip_ids`` and ``caption_ids`` (n,) name what stands in row and column i. Two captions of one clip in a batch, or the
same caption twice, are no negatives of each other; where ids are given, pairs that share one are left out.
"""

import math

import torch
from torch import nn


def _square(scores):
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] or not len(scores):
        raise ValueError(
            f"a loss takes a square matrix of scores, right pairs on its diagonal; got {tuple(scores.shape)}"
        )


def _ids(clip_ids, caption_ids, like):
    ids = [torch.as_tensor(x, device=like.device) for x in (clip_ids, caption_ids) if x is not None]
    for x in ids:
        if x.shape != (len(like),):
            raise ValueError(f"ids are ({len(like)},), one for each row; got {tuple(x.shape)}")
    return ids


def _left_out(n, rows, ids, diagonal, device):
    """Which pairs (rows, n) are no negatives: bool."""
    rows = torch.arange(rows.start, rows.stop, device=device)
    same = torch.zeros(len(rows), n, dtype=torch.bool, device=device)
    if not diagonal:
        same[torch.arange(len(rows), device=device), rows] = True
    for x in ids:
        match = x[rows, None] == x
        if diagonal:  # the diagonal itself was asked for
            match[torch.arange(len(rows), device=device), rows] = False
        same |= match
    return same


class _MaxMargin(torch.autograd.Function):
    """The hinge and its gradient in blocks of rows, so that beside the scores only the gradient is ever (n, n)."""

    ROWS = 256

    @staticmethod
    def _blocks(scores, margin, ids, diagonal):
        n = len(scores)
        right = scores.diagonal()
        for start in range(0, n, _MaxMargin.ROWS):
            rows = slice(start, min(start + _MaxMargin.ROWS, n))
            out = _left_out(n, rows, ids, diagonal, scores.device)
            block = scores[rows].to(torch.promote_types(scores.dtype, torch.float32)) + margin
            # a text against the other clips, and a clip against the other texts
            yield rows, out, block - right[rows, None], block - right

    @staticmethod
    def forward(ctx, scores, margin, ids, diagonal):
        total, pairs = scores.new_zeros((), dtype=torch.promote_types(scores.dtype, torch.float32)), 0
        for _, out, text, clip in _MaxMargin._blocks(scores, margin, ids, diagonal):
            total = total + text.clamp_(min=0).masked_fill_(out, 0).sum(dtype=total.dtype)
            total = total + clip.clamp_(min=0).masked_fill_(out, 0).sum(dtype=total.dtype)
            pairs = pairs + out.numel() - out.sum()
        ctx.save_for_backward(scores, *ids)
        ctx.margin, ctx.diagonal, ctx.pairs = margin, diagonal, (2 * pairs).clamp(min=1)
        return total / ctx.pairs

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream):
        scores, *ids = ctx.saved_tensors
        gradient = torch.empty_like(scores)
        right = torch.zeros(len(scores), device=scores.device)
        for rows, out, text, clip in _MaxMargin._blocks(scores, ctx.margin, ids, ctx.diagonal):
            # each pair that is too close pushes its own score up by one and its right pair's score down by one
            text, clip = ((text > 0) & ~out), ((clip > 0) & ~out)
            gradient[rows] = text.to(scores.dtype) + clip
            right[rows] -= text.sum(1)
            right -= clip.sum(0)
        gradient.diagonal().add_(right.to(scores.dtype))
        return gradient.mul_(upstream / ctx.pairs), None, None, None


class MaxMarginRankingLoss(nn.Module):
    """Every wrong pair at least ``margin`` below the right ones, both directions: the paper's loss (lesson 06).

    The mean over the wrong pairs (i, j) of max(0, margin + s_ij - s_ii) and max(0, margin + s_ij - s_jj).

    margin    in units of the score (cosines: 0.2 in the paper)
    diagonal  True counts the right pairs as the original code does: each adds the constant ``margin``, and the mean is
              over all 2 n^2 terms. It shifts the loss by margin/n and scales the gradient by (n - 1)/n.

    A batch without any wrong pair (n = 1, or all ids alike) has loss 0.

    >>> scores = torch.tensor([[0.9, 0.8], [0.1, 0.5]])
    >>> MaxMarginRankingLoss(0.2)(scores)       # (0.1 + 0.0 + 0.5 + 0.0) / 4
    tensor(0.1500)
    """

    def __init__(self, margin=0.2, diagonal=False):
        super().__init__()
        if not math.isfinite(margin):
            raise ValueError(f"margin is a finite number; got {margin}")
        self.margin, self.diagonal = margin, diagonal

    def forward(self, scores, clip_ids=None, caption_ids=None):
        """``scores`` (n, n), ids (n,) or None; a scalar."""
        _square(scores)
        return _MaxMargin.apply(scores, self.margin, _ids(clip_ids, caption_ids, scores), self.diagonal)


class InfoNCELoss(nn.Module):
    """The right clip's share of a softmax over all clips, and the right text's over all texts (lesson 06).

    The mean of -log softmax_j(s_ij / t)[i] over rows and over columns; no part of the paper, but of what came after.

    temperature  t, in units of the score: the smaller, the more the hardest negatives count
    """

    def __init__(self, temperature=0.05):
        super().__init__()
        if not temperature > 1e-30:  # below, a score divided by it is no number any more
            raise ValueError(f"temperature is above 0; got {temperature}")
        self.temperature = temperature

    def forward(self, scores, clip_ids=None, caption_ids=None):
        """``scores`` (n, n), ids (n,) or None; a scalar."""
        _square(scores)
        # at least in single precision: divided by a small temperature, a score soon leaves the range of float16
        logits = scores.to(torch.promote_types(scores.dtype, torch.float32)) / self.temperature
        ids = _ids(clip_ids, caption_ids, scores)
        if ids:
            out = _left_out(len(scores), slice(0, len(scores)), ids, True, scores.device)
            logits = logits.masked_fill(out, -torch.inf)
        right = logits.diagonal()
        return ((logits.logsumexp(1) - right).mean() + (logits.logsumexp(0) - right).mean()) / 2
