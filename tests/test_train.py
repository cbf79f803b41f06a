"""Training: it learns, it resumes bit for bit, its files are safe; and the shell."""

import json
import pickle

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mee import train as training
from mee.data import Clips, ClipWriter
from mee.metrics import retrieval_metrics
from mee.train import CheckpointError, evaluate, fit, load_model

SMALL = {"epochs": 4, "batch_size": 16, "text_clusters": 4, "sequence_clusters": 2, "progress": False}


@pytest.fixture
def path(world):
    return world


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def values(metrics):
    """Without the intervals."""
    return {name: value for name, (value, _, _) in metrics.items()}


def test_it_learns_and_beats_chance(path):
    run = fit(path, **{**SMALL, "epochs": 15, "lr": 2e-3})
    assert run.history[-1]["loss"] < 0.7 * run.history[0]["loss"]
    metrics = evaluate(run.model, Clips(path), "test")
    for way in ("t2v", "v2t"):
        assert metrics[way]["R@10"][1] > metrics["chance"][way]["R@10"]  # the whole interval is above chance
    assert metrics["chance"]["t2v"]["R@1"] == pytest.approx(100 / 30)
    assert run.best == 1 + max(range(15), key=lambda i: training._score(run.history[i]["val"]))


def test_the_model_is_that_of_the_best_epoch(path):
    clips = Clips(path)
    run = fit(clips, **{**SMALL, "epochs": 8, "lr": 2e-3})
    again = evaluate(run.model, clips, "val", bootstrap=0)
    assert values(again["t2v"]) == values(run.history[run.best - 1]["val"]["t2v"])


def test_the_same_seed_the_same_weights(path):
    torch.manual_seed(123)
    before = torch.get_rng_state()
    first, second, other = fit(path, **SMALL), fit(path, **SMALL), fit(path, **SMALL, seed=1)
    assert same(first.model.state_dict(), second.model.state_dict())
    assert not same(first.model.state_dict(), other.model.state_dict())
    assert torch.equal(torch.get_rng_state(), before)


def test_streaming_changes_nothing(path):
    assert same(fit(path, **SMALL).model.state_dict(), fit(path, **SMALL, stream=True).model.state_dict())


@pytest.mark.parametrize("loss", ["max-margin", "info-nce"])
def test_resume_bit_for_bit(path, tmp_path, loss):
    options = {**SMALL, "loss": loss}
    whole = fit(path, out=tmp_path / "whole", **options)
    fit(path, out=tmp_path / "parts", **{**options, "epochs": 1})
    fit(path, out=tmp_path / "parts", resume=True, **{**options, "epochs": 3})
    parts = fit(path, out=tmp_path / "parts", resume=True, **options)
    assert same(whole.model.state_dict(), parts.model.state_dict())
    a, b = (torch.load(tmp_path / d / "last.pt", weights_only=True) for d in ("whole", "parts"))
    assert same(a["model"], b["model"])
    assert torch.equal(a["generator"], b["generator"])
    for key, state in a["adam"]["state"].items():
        assert same(state, b["adam"]["state"][key])
    clean = [{k: v for k, v in row.items() if k != "seconds"} for row in whole.history]
    assert repr(clean) == repr([{k: v for k, v in row.items() if k != "seconds"} for row in parts.history])


def test_a_model_file_is_enough_for_a_typed_sentence(path, tmp_path):
    clips = Clips(path)
    run = fit(clips, out=tmp_path, **SMALL)
    model, words = load_model(tmp_path / "model.pt")
    assert not model.training
    assert same(model.state_dict(), run.model.state_dict())
    found = model.embed_text(*words.batch(["a blue ball jumps", "the ball turns"]))
    expected = run.model.embed_text(*clips.words.batch(["a blue ball jumps", "the ball turns"]))
    assert_close(found, expected)
    assert_close(model.embed_text(*words.batch(["the ball turns"]))[1], expected[1][1:])


def test_evaluation_does_not_depend_on_how_it_is_cut(path):
    clips = Clips(path)
    run = fit(clips, **SMALL)
    whole, parts = (evaluate(run.model, clips, "test", bootstrap=50, chunk=chunk) for chunk in (512, 7))
    assert values(whole["t2v"]) == pytest.approx(values(parts["t2v"]), abs=0.05)
    # and it is what scoring everything at once gives
    rows = clips.clips_in("test")
    captions, truth = clips.captions_of(rows)
    scores = run.model(*clips.text(captions), *clips.video(rows)).detach()
    assert values(retrieval_metrics(scores, truth, bootstrap=0)["v2t"]) == pytest.approx(values(whole["v2t"]), abs=0.05)


def test_evaluating_leaves_the_mode_alone(path):
    clips = Clips(path)
    model = fit(clips, **SMALL).model.train()
    before = [x.clone() for x in model.buffers()]
    evaluate(model, clips, "val", bootstrap=0)
    assert model.training
    assert_close(before, list(model.buffers()), rtol=0, atol=0)


def test_experts_rows_and_images(path, tmp_path):
    clips = Clips(path)
    with ClipWriter(tmp_path / "images.h5", {"appearance": ("vector", 10)}, clips.words) as out:
        for i in range(20):
            out.add(f"i{i}", "train", {"appearance": np.arange(10) / 10}, ["a red ball"])
    run = fit(clips, tmp_path / "images.h5", 0.5, experts=["appearance"], train=torch.arange(40), val=[], **SMALL)
    assert run.model.experts == ["appearance"]
    assert run.best == 4  # no validation: the last epoch
    assert "val" not in run.history[0]


def test_wrong_arguments(path, tmp_path):
    for options, message in (
        ({"experts": ["smell"]}, "no expert"),
        ({"loss": "mse"}, "loss is one of"),
        ({"resume": True}, "resume needs out"),
        ({"batch_size": 1}, "at least 2"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(path, **{**SMALL, **options})
    with pytest.raises(CheckpointError, match=r"last\.pt: no such file"):
        fit(path, out=tmp_path, resume=True, **SMALL)
    fit(path, out=tmp_path, **{**SMALL, "epochs": 1})
    with pytest.raises(CheckpointError, match="another lr, margin"):
        fit(path, out=tmp_path, resume=True, lr=1.0, margin=0.3, **SMALL)


def test_a_loss_that_explodes_says_so_and_keeps_the_last_good_file(path, tmp_path):
    fit(path, out=tmp_path, **{**SMALL, "epochs": 1})
    before = (tmp_path / "last.pt").read_bytes()
    with pytest.raises(FloatingPointError, match="smaller lr"):
        fit(path, out=tmp_path, lr=float("inf"), **SMALL)
    assert (tmp_path / "last.pt").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["last.pt", "model.pt"]


class Evil:
    def __reduce__(self):
        return (open, ("/tmp/mee-was-here", "w"))


def test_files_that_are_no_checkpoints(path, tmp_path):
    fit(path, out=tmp_path, **{**SMALL, "epochs": 1})
    good = (tmp_path / "model.pt").read_bytes()
    for name, content in {
        "cut.pt": good[: len(good) // 2],
        "text.pt": b"hello",
        "empty.pt": b"",
        "evil.pt": pickle.dumps(Evil(), protocol=2),
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=name):
            load_model(tmp_path / name)
    torch.save({"format": "mee-model", "version": 1, "config": Evil()}, tmp_path / "evil2.pt")
    with pytest.raises(CheckpointError, match="evil2.pt"):
        load_model(tmp_path / "evil2.pt")
    torch.save({"format": "mee-model", "version": 1, "config": {}}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="do not fit together"):
        load_model(tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="not a model file"):
        load_model(tmp_path / "last.pt")


def test_the_shell(path, tmp_path, capsys):
    shell = [str(path), "--epochs", "3", "--batch-size", "16", "--text-clusters", "4", "--no-progress"]
    training.main([*shell, "--out", str(tmp_path), "--uniform-weights"])
    printed = capsys.readouterr().out
    assert "test: 30 clips, 90 captions" in printed and "chance" in printed
    report = json.loads((tmp_path / "metrics.json").read_text())
    assert report["config"]["learned_weights"] is False  # trap 19: flags are flags
    assert report["config"]["gating"] is True
    assert len(report["history"]) == 3
    value, low, high = report["test"]["t2v"]["R@5"]
    assert low <= value <= high and f"{value:.1f} [{low:.1f}, {high:.1f}]" in printed
    training.main([*shell, "--out", str(tmp_path), "--uniform-weights", "--resume"])
    with pytest.raises(SystemExit, match="no such file"):
        training.main([str(tmp_path / "none.h5")])
    with pytest.raises(SystemExit, match="learned_weights"):
        training.main([*shell, "--out", str(tmp_path), "--resume"])
