"""The rows of the ablations are what their labels say, and the records that lessons read are theirs."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch

from mee.compare import compare
from mee.data import Clips
from mee.train import fit

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("experiments_tinyclips", ROOT / "experiments" / "tinyclips.py")
tinyclips = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(tinyclips)

SMALL = {"epochs": 1, "batch_size": 16, "text_clusters": 4, "sequence_clusters": 2, "val": [], "progress": False}


def test_every_row_trains_and_ranks_and_leaves_the_callers_random_numbers_alone(world):
    world = Clips(world)
    rows = tinyclips.part_variants(world.experts)
    assert len(rows) == 1 + 2 * len(world.experts) + 8
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    small = {key: value for key, value in SMALL.items() if key != "progress"}
    results = compare(world, rows, seeds=(0,), progress=False, **small)
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.isfinite(result.t2v).all() for result in results.values())
    first = results[tinyclips.BASELINE].t2v
    for label, result in results.items():
        assert label == tinyclips.BASELINE or not torch.equal(result.t2v, first), f"{label} is the full model"


def test_a_mean_leaves_pads_out():
    x, mask = torch.randn(3, 4, 5), torch.tensor([[True] * 4, [True, True, False, False], [False] * 4])
    pooled = tinyclips.MeanPooling(5)(x.masked_fill(~mask[..., None], torch.nan), mask)
    torch.testing.assert_close(pooled[0], x[0].mean(0))
    torch.testing.assert_close(pooled[1], x[1, :2].mean(0))
    assert (pooled[2] == 0).all()


def test_constant_weights_do_not_see_the_sentence(world):
    world = Clips(world)
    captions = [0, 1, 2]
    for network, alike in ((tinyclips.constant_weights, True), (None, False)):
        model = fit(world, network=network, **SMALL).model
        _, weights = model.embed_text(*world.text(captions))
        assert torch.equal(weights[0], weights[1]) is alike
        assert (weights[0] - weights[0].mean()).abs().max() > 1e-5, "learnt, not uniform"


def test_zero_filled_is_zeros_where_nothing_was_and_the_rest_as_it_was():
    stills, names = Clips(ROOT / "notebooks" / "data" / "tinyclips_stills.h5"), ["audio", "face", "motion"]
    rows = torch.arange(40)
    before, there, _ = stills.video(rows)
    filled = tinyclips.zero_filled(stills, *names)
    after, now_there, masks = filled.video(rows)
    assert filled.present.all() and not stills.present.all(), "a copy; the original stays as it was"
    for name in stills.experts:
        assert now_there[name].all() and filled.experts[name].kind == stills.experts[name].kind
        torch.testing.assert_close(after[name][there[name]], before[name][there[name]])
        assert (after[name][~there[name]] == 0).all()
    assert (masks["audio"].sum(1) == 1).all() and there["face"].any() and not there["face"].all()


@pytest.mark.parametrize("name", ["ablations", "stills"])
def test_the_records_are_complete(name):
    record = json.loads((ROOT / "notebooks" / "data" / f"{name}.json").read_text())
    assert tinyclips.as_json(record) == (ROOT / "notebooks" / "data" / f"{name}.json").read_text()
    assert record["clips"]["split"] == "test" and len(record["commit"]) == 40 and len(record["seeds"]) >= 3
    labels = [row["label"] for row in record["rows"]]
    if name == "ablations":
        assert labels == [*tinyclips.part_variants(["appearance", "audio", "face", "motion"]), tinyclips.REPEATED]
    assert {label for pair in record["differences"] for label in (pair["label"], pair["against"])} <= set(labels)
    rows = {row["label"]: row for row in record["rows"]}
    for pair in record["differences"]:
        for way in ("t2v", "v2t"):
            mean, low, high = pair[way]["R@10"]
            _, strict_low, strict_high = pair[way]["R@10, strict"]
            assert strict_low <= low <= mean <= high <= strict_high
            a, b = (rows[pair[key]][way]["R@10"][0] for key in ("label", "against"))
            assert mean == pytest.approx(a - b, abs=0.02)
