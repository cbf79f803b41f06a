"""Each loss against a naive double loop, its gradient against autograd, and the traps of losses."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from mee import loss as loss_module
from mee.loss import InfoNCELoss, MaxMarginRankingLoss


def naive_margin(s, margin, clips=None, captions=None, diagonal=False):
    terms = []
    for i in range(len(s)):
        for j in range(len(s)):
            if i == j and not diagonal:
                continue
            if i != j and any(ids is not None and ids[i] == ids[j] for ids in (clips, captions)):
                continue
            terms += [(margin + s[i, j] - s[i, i]).clamp(min=0), (margin + s[i, j] - s[j, j]).clamp(min=0)]
    return torch.stack(terms).mean() if terms else s.sum() * 0


def naive_nce(s, temperature, clips=None):
    total = 0
    for i in range(len(s)):
        negatives = [j for j in range(len(s)) if j != i and (clips is None or clips[i] != clips[j])]
        for row in (s[i], s[:, i]):
            shares = torch.stack([(row[j] / temperature).exp() for j in [i, *negatives]])
            total = total - (shares[0] / shares.sum()).log()
    return total / (2 * len(s))


def matrix(n, seed=0):
    return torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()


@given(
    st.integers(1, 9),
    st.sampled_from([0.0, 0.2, 1.5]),
    st.booleans(),
    st.sampled_from([None, "clips", "captions", "both"]),
    st.sampled_from([1024, 2]),
)
@settings(max_examples=80, deadline=None)
def test_margin_against_the_double_loop(n, margin, diagonal, ids, rows):
    g = torch.Generator().manual_seed(n)
    clips = torch.randint(0, 4, (n,), generator=g) if ids in ("clips", "both") else None
    captions = torch.randint(0, 4, (n,), generator=g) if ids in ("captions", "both") else None
    ours, theirs = matrix(n), matrix(n)
    before, loss_module._MaxMargin.ROWS = loss_module._MaxMargin.ROWS, rows
    try:
        a = MaxMarginRankingLoss(margin, diagonal)(ours, clips, captions)
        a.backward()
    finally:
        loss_module._MaxMargin.ROWS = before
    b = naive_margin(theirs, margin, clips, captions, diagonal)
    b.backward()
    assert_close(a, b)
    assert_close(ours.grad, theirs.grad)


def test_the_diagonal_adds_a_constant():  # trap 10
    s = matrix(64)
    plain, original = MaxMarginRankingLoss(0.2)(s), MaxMarginRankingLoss(0.2, diagonal=True)(s)
    assert_close(original, plain * 63 / 64 + 0.2 / 64)
    perfect = 10 * torch.eye(64)
    assert MaxMarginRankingLoss(0.2)(perfect) == 0
    assert MaxMarginRankingLoss(0.2, diagonal=True)(perfect).item() == pytest.approx(0.2 / 64)


def test_two_captions_of_one_clip_are_no_negatives():  # trap 11
    s = torch.tensor([[0.5, 0.9, 0.0], [0.9, 0.5, 0.0], [0.0, 0.0, 0.5]], requires_grad=True)
    for ids in ({"clip_ids": [7, 7, 8]}, {"caption_ids": torch.tensor([3, 3, 4])}):
        for criterion in (MaxMarginRankingLoss(0.2), InfoNCELoss(0.1)):
            (gradient,) = torch.autograd.grad(criterion(s, **ids), s)
            assert gradient[0, 1] == gradient[1, 0] == 0
            (gradient,) = torch.autograd.grad(criterion(s), s)
            assert gradient[0, 1] > 0


@given(st.integers(1, 8), st.sampled_from([0.05, 0.5, 2.0]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_info_nce_against_the_double_loop(n, temperature, some):
    clips = torch.randint(0, 4, (n,), generator=torch.Generator().manual_seed(n)) if some else None
    ours, theirs = matrix(n), matrix(n)
    a, b = InfoNCELoss(temperature)(ours, clips), naive_nce(theirs, temperature, clips)
    a.backward()
    b.backward()
    assert_close(a, b)
    assert_close(ours.grad, theirs.grad)


def test_nothing_to_rank_is_zero():
    for criterion in (MaxMarginRankingLoss(0.2), InfoNCELoss()):
        s = torch.randn(3, 3, requires_grad=True)
        value = criterion(s, clip_ids=[1, 1, 1])
        value.backward()
        assert value.item() == pytest.approx(0, abs=1e-6)
        assert_close(s.grad, torch.zeros(3, 3))


def test_extreme_temperatures_stay_finite():
    s = torch.rand(5, 5, requires_grad=True)
    value = InfoNCELoss(1e-4)(s)
    value.backward()
    assert math.isfinite(value.item())
    assert torch.isfinite(s.grad).all()
    with pytest.raises(ValueError, match="above 0"):
        InfoNCELoss(0)


@pytest.mark.parametrize("scores", [torch.zeros(2, 3), torch.zeros(4), torch.zeros(0, 0)])
def test_only_square_matrices(scores):
    for criterion in (MaxMarginRankingLoss(), InfoNCELoss()):
        with pytest.raises(ValueError, match="square"):
            criterion(scores)


def test_ids_of_the_wrong_length():
    with pytest.raises(ValueError, match="one for each row"):
        MaxMarginRankingLoss()(torch.zeros(3, 3), [1, 2])


def test_half_precision():
    s = torch.rand(6, 6).half()
    assert torch.isfinite(MaxMarginRankingLoss()(s))
    assert_close(MaxMarginRankingLoss()(s).float(), MaxMarginRankingLoss()(s.float()), rtol=1e-2, atol=1e-3)
