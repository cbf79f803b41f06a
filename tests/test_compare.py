"""The runner behind every comparison."""

import pytest
import torch

from mee.compare import Result, compare, difference, table
from mee.evaluate import compute_ranks
from mee.storage import read_clips
from mee.train import fit_clips


def result(hits, clips=None):
    """A result whose rank is 1 where ``hits`` (seeds, queries) is true, 50 elsewhere."""
    ranks = torch.where(torch.as_tensor(hits), 1.0, 50.0).double()
    return Result(ranks, ranks, torch.arange(ranks.shape[1]) if clips is None else clips, 1.0)


def test_difference_is_paired():
    g = torch.Generator().manual_seed(0)
    base = torch.rand(3, 300, generator=g) < 0.4
    better = base | (torch.rand(3, 300, generator=g) < 0.1)
    value, low, high = difference(result(better), result(base))
    assert value == pytest.approx(100 * (better.double() - base.double()).mean().item())
    assert 0 < low < value < high < 12
    assert difference(result(base), result(base)) == (0, 0, 0)


def test_difference_intervals_hold_the_truth_as_often_as_they_say():
    """Two models that are truly alike: the interval excludes zero about one time in twenty."""
    g = torch.Generator().manual_seed(1)
    wrong = 0
    for trial in range(150):
        ease = torch.rand(1, 150, generator=g)  # queries differ in difficulty, and both models share that
        a, b = (torch.rand(3, 150, generator=g) < ease for _ in range(2))
        _, low, high = difference(result(a), result(b), bootstrap=300, seed=trial)
        wrong += low > 0 or high < 0
    assert wrong / 150 < 0.1


def test_captions_of_a_clip_are_drawn_together():
    g = torch.Generator().manual_seed(0)
    a, b = (torch.rand(2, 80, generator=g) < p for p in (0.5, 0.4))
    _, low, high = difference(result(a), result(b))
    five = torch.arange(80).repeat_interleave(5)
    copies = [result(x.repeat_interleave(5, 1), five) for x in (a, b)]
    _, low5, high5 = difference(*copies)
    assert high5 - low5 == pytest.approx(high - low, rel=0.1)
    summary, once = copies[0].summary("t2v"), result(a).summary("t2v")
    assert summary["R@1"][0] == once["R@1"][0]
    assert summary["R@1"][2] - summary["R@1"][1] == pytest.approx(once["R@1"][2] - once["R@1"][1], rel=0.15)


def test_variants_seeds_and_the_table(world):
    clips, seeds = read_clips(world), []

    def by_seed(seed):
        seeds.append(seed)
        return {"experts": ["appearance"], "clips": read_clips(world)}

    variants = {"mixture": {}, "uniform": {"learned_weights": False}, "look": by_seed}
    small = {"epochs": 2, "batch_size": 16, "text_clusters": 4, "sequence_clusters": 2}
    results = compare(clips, variants, seeds=(0, 1), progress=False, **small)
    assert list(results) == list(variants) and seeds == [0, 1]
    assert results["look"].t2v.shape == (2, 90) and results["look"].v2t.shape == (2, 30)
    assert torch.equal(results["look"].positive_clip, torch.arange(30).repeat_interleave(3))
    assert not torch.equal(results["mixture"].t2v[0], results["mixture"].t2v[1])
    test = clips.clips_in("test")
    again = compare(clips, {"mixture": {}}, seeds=(1,), split=test, progress=False, **small)["mixture"]
    assert torch.equal(again.t2v[0], results["mixture"].t2v[1])
    run = fit_clips(clips, seed=1, progress=False, **small)
    assert torch.equal(compute_ranks(run.model, clips, test)[0], again.t2v[0])
    lines = table(results, "mixture").splitlines()
    assert len(lines) == 6 and len({line.count("|") for line in lines}) == 1
    assert lines[-1].startswith("| chance | 3.3 |")
    assert results["mixture"].spread("t2v")["MnR"] > 0
    with pytest.raises(ValueError, match="level must be a share"):
        difference(again, again, level=95)
