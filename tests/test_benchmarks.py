"""The benchmarks compare like with like: the plain side computes our numbers where the two should be equal."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mee.config import TrainConfig
from mee.storage import read_clips
from mee.train import fit_clips

BENCHMARKS = Path(__file__).parents[1] / "experiments" / "benchmarks"


@pytest.fixture
def run(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import run

    return run


def test_the_plain_side_computes_our_numbers(run):
    run.same()


def test_the_drawn_file_is_a_clip_file_and_always_the_same(run, tmp_path):
    import sizes

    for name in "ab":
        sizes.write(tmp_path / f"{name}.h5", 0.003)
    a, b = read_clips(tmp_path / "a.h5"), read_clips(tmp_path / "b.h5")
    assert (a.texts, len(a), len(a.texts)) == (b.texts, 30, 600)
    assert torch.equal(a.experts["audio"].features, b.experts["audio"].features)
    assert {name: expert.dim for name, expert in a.experts.items()} == {n: dim for n, (_, dim) in sizes.EXPERTS.items()}


def test_the_table_and_unknown_parts(run):
    command = [sys.executable, BENCHMARKS / "run.py", "nothing"]
    assert "no part nothing" in subprocess.run(command, capture_output=True, text=True).stderr
    found = run.summary({"plain": [2.0, 4.0, 3.0], "mee": [1.0, 1.0, 2.0]})
    assert found["mee"]["ratio"] == 2.0 and found["plain"]["seconds"] == 3.0
    (line, other) = run.lines("step", {"64": found})
    assert "plain" in line and "ratio 2" in other and "(1.50 to 4.00)" in other


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is measured on Linux only")
def test_memory_is_that_of_the_peak(run):
    _, bytes_held = run.peak(lambda: [torch.ones(2**22), torch.ones(2**22).sum()][1])
    assert 2**24 * 0.9 < bytes_held < 2**24 * 2.2


def test_both_sides_keep_freed_memory_except_where_it_is_measured(run, monkeypatch):
    """What each part's process is started with; the caller's own setting has the last word."""
    started = {}

    def begin(command, env, **_):
        started[command[2]] = env
        raise SystemExit

    monkeypatch.setattr(run.subprocess, "run", begin)
    monkeypatch.setenv("MALLOC_MMAP_MAX_", "7")
    for part in ("step", "loss"):
        with pytest.raises(SystemExit):
            run.main([part])
    assert (started["step"]["MALLOC_TRIM_THRESHOLD_"], started["step"]["MALLOC_MMAP_MAX_"]) == (str(2**31 - 1), "7")
    assert "MALLOC_TRIM_THRESHOLD_" not in started["loss"] and set(run.MEMORY) < set(run.PARTS)


def test_the_gpus_script_runs_dry_and_its_page_says_what_was_not_run(monkeypatch, tmp_path, capsys):
    """Every part but two: compiling takes a minute, and the tests that need a GPU have their own file."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    import gpu
    import report

    def broken(o):
        raise RuntimeError("no luck")

    monkeypatch.setitem(gpu.PARTS, "halves", broken)
    parts = ["card", "recipe", "halves", "seeds", "ranking", "msrvtt", "profile"]
    out = tmp_path / "gpu.json"
    monkeypatch.setattr("sys.argv", ["gpu.py", *parts, "--device", "cpu", "--tiny", "--json", str(out)])
    gpu.main()
    found = json.loads(out.read_text())
    assert [name for name in parts if "error" in found[name]] == ["halves"], capsys.readouterr().out[-2000:]
    assert found["recipe"]["as it is"]["steps"] == found["recipe"]["no validation"]["steps"] > 2
    losses = [found["recipe"][name]["last loss"] for name in ("no validation", "no validation, operation by operation")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    page = report.of_gpu({"gpu": found | {"card": found["card"] | {"bfloat16 512": 1.0}}})
    assert "halves: RuntimeError: no luck" in page and "step: not run" in page and "| plain |" in page
    with pytest.raises(KeyError):
        report.of_gpu({})


def test_stacked_models_train_as_each_alone(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import gpu

    o = argparse.Namespace(device="cpu", tiny=True)
    clips = read_clips(gpu.TINYCLIPS)
    train = clips.clips_in("train")[:48]
    config = TrainConfig(**{**gpu.SMALL, **gpu.TINY, "epochs": 2}, device="cpu")
    alone = [fit_clips(clips, train=train, val=[], seed=s, progress=False, config=config).history[-1] for s in (0, 1)]
    together = gpu.stacked(o, clips, train, config, 2)
    assert together == pytest.approx(sum(row["loss"] for row in alone) / 2, rel=1e-3)
