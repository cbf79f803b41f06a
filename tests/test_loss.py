"""Each loss against a naive double loop, its gradient against autograd, and the known mistakes of losses."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from mee.loss import InfoNCELoss, MaxMarginRankingLoss


def negatives(n, i, clips, captions, valid):
    """What counts as wrong for row i: no right pair, no pair that shares an id, no pair that is not valid."""
    alike = [ids for ids in (clips, captions) if ids is not None]
    return [
        j for j in range(n) if j != i and not any(ids[i] == ids[j] for ids in alike) and (valid is None or valid[j])
    ]


def naive_margin(s, margin, include_positives, *ids):
    terms, valid = [], ids[-1]
    for i in range(len(s)):
        if valid is None or valid[i]:
            for j in [i] * include_positives + negatives(len(s), i, *ids):
                terms += [(margin + s[i, j] - s[i, i]).clamp(min=0), (margin + s[i, j] - s[j, j]).clamp(min=0)]
    return torch.stack(terms).mean() if terms else s.sum() * 0


def naive_nce(s, temperature, *ids):
    terms, valid = [s.sum() * 0], ids[-1]
    for i in range(len(s)):
        if valid is None or valid[i]:
            for row in (s[i], s[:, i]):
                shares = torch.stack([(row[j] / temperature).exp() for j in [i, *negatives(len(s), i, *ids)]])
                terms.append(-(shares[0] / shares.sum()).log())
    return sum(terms) / max(len(terms) - 1, 1)


def matrix(n):
    return torch.randn(n, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()


LOSSES = [
    *((MaxMarginRankingLoss(m, all_), lambda s, *ids, m=m, all_=all_: naive_margin(s, m, all_, *ids))
      for m in (0.0, 0.2, 1.5) for all_ in (False, True)),
    *((InfoNCELoss(t), lambda s, *ids, t=t: naive_nce(s, t, *ids)) for t in (0.05, 0.5, 2.0)),
]  # fmt: skip


@given(st.sampled_from(LOSSES), st.integers(1, 9), st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_against_the_double_loop(loss, n, clips, captions, valid):
    criterion, naive = loss
    g = torch.Generator().manual_seed(n)
    clips, captions = (torch.randint(0, 4, (n,), generator=g) if some else None for some in (clips, captions))
    valid = torch.rand(n, generator=g) < 0.6 if valid else None
    ours, theirs = matrix(n), matrix(n)
    a, b = criterion(ours, clips, captions, valid), naive(theirs, clips, captions, valid)
    a.backward()
    b.backward()
    assert_close(a, b)
    assert_close(ours.grad, theirs.grad)


def test_positives_add_a_constant():
    s = matrix(64)
    plain, original = (MaxMarginRankingLoss(0.2, include)(s) for include in (False, True))
    assert_close(original, plain * 63 / 64 + 0.2 / 64)
    perfect = 10 * torch.eye(64)
    assert MaxMarginRankingLoss(0.2)(perfect) == 0
    assert MaxMarginRankingLoss(0.2, include_positives=True)(perfect).item() == pytest.approx(0.2 / 64)


@pytest.mark.parametrize("criterion", [MaxMarginRankingLoss(0.2), InfoNCELoss(0.1)])
def test_two_captions_of_one_clip_are_no_negatives(criterion):
    s = torch.tensor([[0.5, 0.9, 0.0], [0.9, 0.5, 0.0], [0.0, 0.0, 0.5]], requires_grad=True)
    (gradient,) = torch.autograd.grad(criterion(s), s)
    assert gradient[0, 1] > 0
    for ids in ({"clip_ids": [7, 7, 8]}, {"caption_ids": torch.tensor([3, 3, 4])}):
        (gradient,) = torch.autograd.grad(criterion(s, **ids), s)
        assert gradient[0, 1] == gradient[1, 0] == 0


@pytest.mark.parametrize("criterion", [MaxMarginRankingLoss(0.2), InfoNCELoss()])
@pytest.mark.parametrize("ids", [{"clip_ids": [1, 1, 1]}, {"valid": [False] * 3}, {"valid": [False, True, False]}])
def test_nothing_to_rank_is_zero(criterion, ids):
    s = torch.randn(3, 3, requires_grad=True)
    value = criterion(s, **ids)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert_close(s.grad, torch.zeros(3, 3))


def test_extreme_temperatures_stay_finite():
    s = torch.rand(5, 5, requires_grad=True)
    value = InfoNCELoss(1e-4)(s)
    value.backward()
    assert math.isfinite(value.item())
    assert torch.isfinite(s.grad).all()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: InfoNCELoss(0), "above 0"),
        (lambda: InfoNCELoss(math.nan), "above 0"),
        (lambda: MaxMarginRankingLoss(math.nan), "margin must be a finite number"),
        *((lambda loss=loss, s=s: loss()(torch.zeros(s)), "square")
          for loss in (MaxMarginRankingLoss, InfoNCELoss) for s in [(2, 3), (4,), (0, 0)]),
        (lambda: MaxMarginRankingLoss()(torch.zeros(3, 3), [1, 2]), "one for each row"),
        (lambda: InfoNCELoss()(torch.zeros(3, 3), None, None, [True]), "one for each row"),
    ],
)  # fmt: skip
def test_wrong_calls(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("criterion", [MaxMarginRankingLoss(), InfoNCELoss(0.01)])
def test_half_precision(criterion):
    s = torch.rand(6, 6).half()
    assert torch.isfinite(criterion(s))
    assert_close(criterion(s).float(), criterion(s.float()), rtol=1e-2, atol=1e-3)
