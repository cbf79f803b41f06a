"""Attention over experts (experiments/attention.py): absence matters nowhere, and the record is the command's."""

import json
from dataclasses import replace
from pathlib import Path

import attention
import pytest
import torch

from mee.model import ModelConfig
from mee.storage import read_clips
from mee.train import build_model

ROOT = Path(__file__).parents[1]
CONFIG = ModelConfig(
    {"audio": (6, 8), "face": (5, 8), "motion": (4, 8)}, word_dim=7, clusters={"audio": 2}, text_clusters=2
)
SMALL = {"epochs": 2, "batch_size": 16, "dim": 8, "text_clusters": 2, "sequence_clusters": 2, "lr": 1e-3}


@pytest.fixture
def model():
    return build_model(CONFIG, 0, attention.ExpertTransformer)


def inputs(junk=0.0):
    """Four clips: complete, without a face, with motion alone, with nothing; ``junk`` stands in what is absent."""
    g = torch.Generator().manual_seed(0)
    videos = {
        "audio": torch.randn(4, 3, 6, generator=g),
        "face": torch.randn(4, 5, generator=g),
        "motion": torch.randn(4, 4, generator=g),
    }
    present = torch.tensor([[True, True, True], [True, False, True], [False, False, True], [False, False, False]])
    ind = {name: present[:, i] for i, name in enumerate(videos)}
    for name, x in videos.items():
        x[~ind[name]] = junk
    return videos, ind, {"audio": torch.tensor([[True, True, False]] * 4)}


@pytest.mark.parametrize("training", [True, False])
def test_what_is_absent_reaches_nothing(model, training):
    model.train(training)
    wanted = model.embed_video(*inputs())
    sum(x.square().sum() + x.sum() for x in wanted.vectors.values()).backward()
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    assert gradients and all(torch.isfinite(x).all() for x in gradients)
    fresh = build_model(CONFIG, 0, attention.ExpertTransformer).train(training)
    found = fresh.embed_video(*inputs(torch.nan))
    assert torch.equal(found.mask, inputs()[1]["audio"].new_tensor([[1, 1, 1], [1, 0, 1], [0, 0, 1], [0, 0, 0]]).bool())
    for i, name in enumerate(model.experts):
        assert torch.equal(found.vectors[name], wanted.vectors[name])
        length = torch.linalg.vector_norm(found.vectors[name], dim=1)
        torch.testing.assert_close(length, found.mask[:, i].float())


def test_an_expert_sees_the_others_and_only_those_that_are_there(model):
    model.eval()
    with torch.no_grad():
        before = model.embed_video(*inputs()).vectors["motion"]
        videos, ind, masks = inputs()
        videos["face"] = videos["face"] + 1
        after = model.embed_video(videos, ind, masks).vectors["motion"]
    assert not torch.allclose(before[0], after[0]), "the complete clip's motion has looked at its face"
    assert torch.equal(before[1:], after[1:]), "the others have no face to look at"


def test_dropping_leaves_one_and_brings_none_back(world):
    world = read_clips(world)
    batch = world.batch(torch.arange(60))
    torch.manual_seed(0)
    dropped = attention.drop_experts(batch, 0.9)
    before, after = (torch.stack([x.ind[name] for name in sorted(x.ind)], 1) for x in (batch, dropped))
    assert not (after & ~before).any() and after.any(1).all() and after.sum() < before.sum()
    assert dropped.videos is batch.videos and torch.equal(before, world.present[:60]), "the batch stays as it was"


def test_every_row_trains_and_the_callers_random_numbers_are_left_alone(world):
    world = read_clips(world)
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    runs = {label: attention.train(world, label, 0, **SMALL) for label in attention.VARIANTS}
    assert torch.equal(torch.rand(3), wanted)
    assert len({run.history[-1]["loss"] for run in runs.values()}) == len(runs) == 4
    again = attention.train(world, "transformer, modality dropout", 0, **SMALL)
    assert again.history[-1]["loss"] == runs["transformer, modality dropout"].history[-1]["loss"]


def test_deleted_experts_are_gone_before_they_are_embedded(world):
    world = read_clips(world)
    clip_ids = world.clips_in("test")
    part = attention.deleted(world, clip_ids, 0.5, 0)
    assert part.present[clip_ids].sum() < world.present[clip_ids].sum()
    others = torch.cat([world.clips_in("train"), world.clips_in("val")])
    assert torch.equal(part.present[others], world.present[others])
    assert replace(world).present.equal(world.present)


def test_the_record_has_all_rows_seeds_and_differences():
    found = json.loads((ROOT / "notebooks/data/attention.json").read_text())["tinyclips"]
    labels = [label + longer for longer in ("", attention.LONGER) for label in attention.VARIANTS]
    assert sorted(found["rows"]) == sorted(labels) and len(found["seeds"]) == 5
    assert found["settings"] == attention.SETTINGS["tinyclips"] and tuple(map(float, found["grid"])) == attention.GRID
    for label, row in found["rows"].items():
        seeds = len(row["seeds"])
        assert seeds == 5 or label.endswith(attention.LONGER)
        best = max(row["validation"])
        assert row["lr"] == found["grid"][row["validation"].index(best)]
        for score in attention.SCORES:
            for share in found["shares"]:
                cell = row[f"{score} {share}"]
                by_seed = cell["t2v R@10 by seed"]
                assert len(by_seed) == seeds
                assert cell["t2v R@10"][0] == pytest.approx(sum(by_seed) / seeds, abs=0.002)
                assert cell["t2v R@10"][1] < cell["t2v R@10"][0] < cell["t2v R@10"][2]
    for row in found["differences"]:
        for key in (f"{score} {share}" for score in attention.SCORES for share in found["shares"]):
            a, b = (found["rows"][row[side]][key]["t2v R@10"][0] for side in ("label", "against"))
            assert row[key]["t2v"][0] == pytest.approx(a - b, abs=0.003)
