"""Ranks, recalls, chance and intervals."""

import doctest

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

import mee.loss
import mee.metrics
import mee.model
from mee.metrics import chance, pad_positives, ranks, retrieval_metrics, summarise


@pytest.mark.parametrize("module", [mee.metrics, mee.loss, mee.model])
def test_examples_in_docstrings(module):
    found = doctest.testmod(module, extraglobs={"torch": torch})
    assert found.attempted and not found.failed


def by_sorting(row, right, ties):
    """The rank from a sorted list, wrong items that tie put before, after, or half-way."""
    best = max(row[i] for i in right)
    wrong = [x for i, x in enumerate(row) if i not in right]
    above, tied = sum(x > best for x in wrong), sum(x == best for x in wrong)
    return 1 + above + {"best": 0, "worst": tied, "mean": tied / 2}[ties]


@given(st.integers(1, 8), st.integers(2, 8), st.integers(0, 1000), st.sampled_from(["mean", "best", "worst"]))
@settings(max_examples=100, deadline=None)
def test_ranks_against_a_list(queries, items, seed, ties):
    g = torch.Generator().manual_seed(seed)
    scores = torch.randint(0, 4, (queries, items), generator=g).float()  # many ties
    positives = torch.stack([torch.randperm(items, generator=g)[:2] for _ in range(queries)])
    positives[torch.rand(queries, generator=g) < 0.5, 1] = -1
    expected = [by_sorting(row.tolist(), [t for t in right.tolist() if t >= 0], ties)
                for row, right in zip(scores, positives, strict=True)]  # fmt: skip
    assert ranks(scores, positives, ties).tolist() == expected
    assert ranks(scores, positives, ties, chunk=3).tolist() == expected
    assert ranks(lambda rows: scores[rows], positives, ties, chunk=2).tolist() == expected


def test_nan_raises():
    scores = torch.eye(5)
    scores[3, 1] = float("nan")
    with pytest.raises(ValueError, match="query 3 hold NaN"):
        ranks(scores)
    with pytest.raises(ValueError, match="NaN"):
        retrieval_metrics(scores)
    scores[3, 1] = float("-inf")
    assert ranks(scores).tolist() == [1] * 5


def test_one_rank_a_query_whatever_the_ties():
    torch.manual_seed(0)
    gallery = torch.randn(50, 50).repeat_interleave(2, 1)  # every clip twice
    positives = 2 * torch.arange(50)
    best, mean, worst = (ranks(gallery, positives, ties) for ties in ("best", "mean", "worst"))
    assert len(best) == len(mean) == len(worst) == 50
    assert_close(worst, best + 1)
    assert_close(mean, best + 0.5)
    constant = ranks(torch.zeros(100, 100))
    assert (constant == 50.5).all()  # nobody is first by being indifferent


def test_rectangular_several_captions_both_ways():
    scores = torch.tensor([[0.9, 0.1, 0.5], [0.2, 0.8, 0.9], [0.3, 0.7, 0.6], [0.1, 0.2, 0.3]])
    metrics = retrieval_metrics(scores, [0, 1, 1, 2], bootstrap=0)
    assert metrics["t2v"]["R@1"][0] == 75  # only text 1 is wrong
    # clip 0: text 0 first; clip 1: texts 1 and 2, first; clip 2: text 3 behind three others
    assert metrics["v2t"]["R@1"][0] == pytest.approx(200 / 3)
    assert metrics["v2t"]["MnR"][0] == 2


def test_a_clip_without_text_stands_in_the_way_but_asks_nothing():
    scores = torch.tensor([[0.1, 0.9], [0.2, 0.3]])
    metrics = retrieval_metrics(scores, [0, 0], bootstrap=0)
    assert metrics["t2v"]["MnR"][0] == 2
    assert metrics["v2t"]["MnR"][0] == 1


def test_functions_instead_of_a_matrix():
    g = torch.Generator().manual_seed(0)
    scores, positives = torch.randn(40, 15, generator=g), torch.randint(0, 15, (40,), generator=g)
    blocks = (lambda texts: scores[texts], lambda clips: scores[:, clips].T)
    assert retrieval_metrics(blocks, positives, chunk=7) == retrieval_metrics(scores, positives)


def test_pad_positives():
    assert pad_positives([1, 1, 0, 3], 4).tolist() == [[2, -1], [0, 1], [-1, -1], [3, -1]]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ranks(torch.zeros(2, 3)), "not square"),
        (lambda: ranks(torch.zeros(2, 3), [0, 3]), "outside"),
        (lambda: ranks(torch.zeros(2, 3), [0, -1]), "no right item"),
        (lambda: ranks(torch.zeros(2, 3), [0]), "right items for"),
        (lambda: ranks(torch.zeros(3)), "queries, items"),
        (lambda: ranks(torch.zeros(2, 2), ties="optimistic"), "ties must be one of"),
        (lambda: ranks(lambda rows: rows), "give the right item"),
        (lambda: summarise([]), "no queries"),
        (lambda: summarise([1.0, float("nan")]), "NaN"),
    ],
)
def test_wrong_calls(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("items, right", [(500, 1), (7, 1), (30, [1, 3, 3, 5]), (9, 9)])
def test_chance_against_random_orders(items, right):
    g = torch.Generator().manual_seed(0)
    right = torch.as_tensor(right).reshape(-1)
    found = []
    for k in right.repeat(6000 // len(right)):
        found.append(1 + int(torch.randperm(items, generator=g)[:k].min()))
    simulated, exact = summarise(found, bootstrap=0), chance(items, right)
    for name in ("R@1", "R@5", "R@10"):
        assert exact[name] == pytest.approx(simulated[name][0], abs=2)
    assert exact["MnR"] == pytest.approx(simulated["MnR"][0], rel=0.05)
    assert exact["MdR"] == pytest.approx(simulated["MdR"][0], rel=0.06, abs=0.51)


def test_intervals_hold_the_positives_as_often_as_they_say():
    """95 % intervals of R@1 over 200 worlds whose true R@1 is 30 %."""
    g = torch.Generator().manual_seed(0)
    inside = 0
    for seed in range(200):
        found = torch.where(torch.rand(120, generator=g) < 0.3, 1.0, 20.0)
        _, low, high = summarise(found, bootstrap=200, seed=seed)["R@1"]
        inside += low <= 30 <= high
    assert 0.88 <= inside / 200 <= 0.99


def test_captions_of_one_clip_are_drawn_together():
    """Five copies of every query tell nothing new: grouped, the interval stays as wide as without the copies."""
    g = torch.Generator().manual_seed(0)
    found = torch.where(torch.rand(100, generator=g) < 0.4, 1.0, 20.0)
    width = [high - low for _, low, high in (
        summarise(found)["R@1"],
        summarise(found.repeat_interleave(5), torch.arange(100).repeat_interleave(5))["R@1"],
        summarise(found.repeat_interleave(5))["R@1"],
    )]  # fmt: skip
    assert width[1] == pytest.approx(width[0], rel=0.2)
    assert width[2] < 0.6 * width[0]
