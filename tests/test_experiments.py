"""The rows of the ablations are what their labels say, and the records that lessons read are theirs."""

import argparse
import json
from pathlib import Path

import missing_experts
import missing_show
import missing_why
import pytest
import records
import tinyclips
import torch

from mee.compare import compare
from mee.evaluate import embed
from mee.model import VideoTextMEE
from mee.robustness import keep_some
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


# ------------------------------------------------------------------------------------------------- missing experts


def missing_options(world, what, **changes):
    base = {"data": "msrvtt", "file": world, "split": "test", "seeds": [0, 1], "shares": [0.0, 0.5], "epochs": 1}
    base["processes"] = 1
    return argparse.Namespace(what=what, **{**base, **changes})


def test_missing_experts_ranks_every_treatment_alike(world, capsys):
    out = missing_experts.curve(missing_options(world, "curve"))
    labels = set(out["curves"])
    assert {"paper's score", "calibrated", "zeros", "mean features", "concatenation", "QB-Norm"} < labels
    assert {"appearance alone", "motion alone", "expert dropout: paper's score"} < labels
    for label, metrics in out["curves"].items():
        for rows in metrics.values():
            assert len(rows) == 2 and all(0 <= row["value"][0] <= 100 for row in rows)
            assert ("difference" in rows[0]) == (label != "paper's score")
    # with nothing deleted, a mean feature replaces what was missing anyway, and one expert stays one expert
    paper, alone = out["curves"]["paper's score"]["t2v R@10"], out["curves"]["motion alone"]["t2v R@10"]
    assert paper[0]["value"] != paper[1]["value"] and alone[0]["value"][0] >= alone[1]["value"][0] - 5
    row = out["curves"]["calibrated"]["t2v R@10"][1]
    assert row["family_wise"][0] <= row["difference"][1] <= row["difference"][2] <= row["family_wise"][1]
    assert "| chance |" in capsys.readouterr().out


def test_deleting_rows_is_dropping_from_the_mask(world):
    clips = read_clips(world)
    test, names = clips.clips_in("test"), list(clips.experts)
    keep = keep_some(clips.present[test], 0.5)
    deleted = missing_experts.without(clips, test, keep, names)
    assert torch.equal(deleted.present[test], keep)
    others = torch.ones(len(clips), dtype=torch.bool)
    others[test] = False
    assert torch.equal(deleted.present[others], clips.present[others])
    model = fit_clips(clips, epochs=1, dim=4, text_clusters=2, progress=False).model
    text, video = embed(model, deleted, [0], test)
    torch.testing.assert_close(video, embed(model, clips, [0], test)[1].keep(keep))
    filled = missing_experts.mean_filled(
        deleted, {name: torch.full((e.dim,), 7.0) for name, e in clips.experts.items()}
    )
    assert filled.present.all() and (filled.video(test[~keep[:, 0]], ["appearance"])[0]["appearance"] == 7).all()


def test_the_other_scores_are_what_they_say():
    g = torch.Generator().manual_seed(0)
    scores, bank = torch.rand(5, 4, generator=g), torch.rand(9, 4, generator=g)
    inverted = missing_experts.inverted_softmax(scores, bank)
    active = set(bank.argmax(1).tolist())
    for i in range(5):
        plain = torch.exp(20 * scores[i])
        by_hand = plain / torch.exp(20 * bank).sum(0) if int(scores[i].argmax()) in active else plain
        assert torch.equal(inverted[i].argsort(), by_hand.argsort())


def test_why_finishes(world, capsys):
    out = missing_why.puzzles(missing_options(world, "puzzles"))
    assert any("all clips, calibrated" in key for key in out) and any("uniform" in key for key in out)
    training = missing_why.training(missing_options(world, "training", seeds=[0]))
    assert "InfoNCE, no gradient, per expert (the library's)" in training["curves"]


def test_the_pages_have_the_numbers_of_the_records():
    data, book = ROOT / "notebooks" / "data", ROOT / "notebooks"
    records = [json.loads((data / f"missing_{name}.json").read_text()) for name in ("tinyclips", "memad", "msrvtt")]
    first, *others = missing_show.tables(records)
    assert first in (book / "found.md").read_text()
    results = (book / "results.md").read_text()
    assert len(others) == 6 and all(table in results for table in others)
    # every number in the page's small table of parts is one of MeMAD's, TinyClips' or MSR-VTT's at 30 %
    part = (book / "found.md").read_text().partition("**Which part does it?**")[2].partition("Centring and the root")[0]
    labels = ("paper's score", "parts: centred", "parts: centred, root of the weights' squares")
    labels += ("parts: one variance per expert", "parts: a variance per sentence (z)", "calibrated")
    labels += ("parts: h alone, on the paper's score",)
    rows = [line.split(" | ")[1:] for line in part.splitlines() if line.startswith("| ")][2:]
    for label, row in zip(labels, rows, strict=True):
        values = [missing_show.at(record, label, "t2v R@10", 0.3)["value"][0] for record in records]
        assert [cell.strip(" |") for cell in row] == [f"{value:.1f}" for value in values], label


def test_the_figure_is_the_same_from_the_same_records(tmp_path):
    data = ROOT / "notebooks" / "data"
    records = [json.loads((data / f"missing_{name}.json").read_text()) for name in ("tinyclips", "memad")]
    for name in ("a.svg", "b.svg"):
        missing_show.figure(records, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
