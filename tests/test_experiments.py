"""The rows of the ablations are what their labels say, and the records that lessons read are theirs."""

import json
from pathlib import Path

import pytest
import records
import tinyclips
import torch

from mee.compare import compare
from mee.model import VideoTextMEE
from mee.storage import read_clips
from mee.train import fit_clips

ROOT = Path(__file__).parents[1]
SMALL = {"epochs": 1, "batch_size": 16, "text_clusters": 4, "sequence_clusters": 2, "val": [], "progress": False}


def test_every_row_trains_and_ranks_and_leaves_the_callers_random_numbers_alone(world):
    world = read_clips(world)
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
    world = read_clips(world)
    captions = [0, 1, 2]
    for network, alike in ((tinyclips.constant_weights, True), (VideoTextMEE, False)):
        model = fit_clips(world, network=network, **SMALL).model
        weights = model.embed_text(*world.text(captions)).weights
        assert torch.equal(weights[0], weights[1]) is alike
        assert (weights[0] - weights[0].mean()).abs().max() > 1e-5, "learnt, not uniform"


def test_zero_filled_is_zeros_where_nothing_was_and_the_rest_as_it_was():
    stills, names = read_clips(ROOT / "notebooks" / "data" / "tinyclips_stills.h5"), ["audio", "face", "motion"]
    clip_ids = torch.arange(40)
    before, present, _ = stills.video(clip_ids)
    filled = tinyclips.zero_filled(stills, *names)
    after, now_present, masks = filled.video(clip_ids)
    assert filled.present.all() and not stills.present.all(), "a copy; the original stays as it was"
    for name in stills.experts:
        assert now_present[name].all() and filled.experts[name].kind == stills.experts[name].kind
        torch.testing.assert_close(after[name][present[name]], before[name][present[name]])
        assert (after[name][~present[name]] == 0).all()
    assert (masks["audio"].sum(1) == 1).all() and present["face"].any() and not present["face"].all()


def test_the_leak_is_told_and_stopped(world):
    """Trained with the wrong mask, a row's scores depend on which clip is its own; scored rightly, they do not."""
    world = read_clips(world)
    model = fit_clips(world, network=tinyclips.leaky, **SMALL).model
    motion = list(world.experts).index("motion")
    complete, faceless = (torch.nonzero(world.present[:, motion] == value)[:4, 0] for value in (True, False))
    text, video = tinyclips.embed(model, world, torch.arange(8), torch.cat([complete, faceless]))
    own = torch.roll(torch.arange(8), 4)  # the same clips, each as another row's own
    for leak, alike in ((True, False), (False, True)):
        model.mee.leak = leak
        assert torch.allclose(model.score(text, video)[:, own], model.score(text, video.rows(own)), atol=1e-6) == alike


@pytest.mark.parametrize("name", ["ablations", "stills"])
def test_the_records_are_complete(name):
    record = json.loads((ROOT / "notebooks" / "data" / f"{name}.json").read_text())
    assert records.as_json(record) == (ROOT / "notebooks" / "data" / f"{name}.json").read_text()
    assert record["clips"]["split"] == "test" and len(record["commit"]) == 40 and len(record["seeds"]) >= 3
    labels = [row["label"] for row in record["rows"]]
    if name == "ablations":
        assert labels == [*tinyclips.part_variants(["appearance", "audio", "face", "motion"]), tinyclips.REPEATED]
    assert {label for pair in record["differences"] for label in (pair["label"], pair["against"])} <= set(labels)
    rows = {row["label"]: row for row in record["rows"]}
    for pair in record["differences"]:
        for direction in ("t2v", "v2t"):
            mean, low, high = pair[direction]["R@10"]
            _, strict_low, strict_high = pair[direction]["R@10, strict"]
            assert strict_low <= low <= mean <= high <= strict_high
            a, b = (rows[pair[key]][direction]["R@10"][0] for key in ("label", "against"))
            assert mean == pytest.approx(a - b, abs=0.02)
