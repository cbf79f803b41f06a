"""Several processes train as one: the same losses and weights as one process with the whole batch (lesson 16)."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.multiprocessing import start_processes
from torch.testing import assert_close

from mee import distributed
from mee.config import TrainConfig
from mee.model import VideoTextMEE
from mee.storage import Checkpoint, ClipWriter, read_clips
from mee.train import fit, prepare

# few steps, as each has dozens of messages
RUNS = {
    # 36 clips and 18 images, 16 at a time: six at the end, and with three ranks no batch splits evenly
    "images": {"batch_size": 16, "image_rate": 0.5, "expert_loss": 0.3},
    # the last batch has two clips: with three ranks one of them has none
    "tiny": {"batch_size": 3, "loss": "info-nce"},
}
CLIPS = {"images": 36, "tiny": 8}


def double(config):
    """In float64, so that what differs is not rounding: Adam turns the rounding of a gradient of zero into steps."""
    return VideoTextMEE(config).double()


def train(name, world, images, network=double, callbacks=(), **more):
    """One of the RUNS, by all processes that there are: those of ``in_each_rank``, or this one."""
    config = TrainConfig(text_clusters=4, sequence_clusters=2, lr=2e-3, **{"epochs": 2, **RUNS[name], **more})
    extra = {"train": torch.arange(CLIPS[name]), "images": read_clips(images) if name == "images" else None}
    shard = distributed.torchrun_rank()
    prepared = prepare(read_clips(world), config, network=network, shard=shard, **extra)
    model, batches, loss, validate = prepared
    return (fit if shard[1] == 1 else distributed.fit)(model, batches, loss, config, validate, callbacks)


def torchrun(ranks, *arguments):
    """Runs ``python ...`` in so many processes; gives (exit status, all that was printed)."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    run = subprocess.run([*command, *map(str, arguments)], env=environment, capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


@pytest.fixture(scope="session")
def images(world, tmp_path_factory):
    clips, path, g = read_clips(world), tmp_path_factory.mktemp("images") / "images.h5", np.random.default_rng(1)
    with ClipWriter(path, {"appearance": ("vector", 10)}, clips.words) as out:
        for i in range(40):
            out.add(f"i{i}", "train", {"appearance": g.normal(size=10)}, ["a red ball", "the ball rolls"])
    return path


@pytest.fixture(scope="session")
def alone(world, images):
    """What one process makes of all RUNS."""
    return {name: train(name, world, images) for name in RUNS}


@pytest.fixture(scope="session", params=[2, 3])
def together(request, world, images, alone, tmp_path_factory):
    """What two, or three, processes made of all that :func:`in_each_rank` does: a list, an item per rank."""
    ranks, folder = request.param, tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # a forked process has all that ``alone`` made this one import, which takes longer than what is done there
    method = "fork" if sys.platform.startswith("linux") else "spawn"
    start_processes(in_each_rank, (ranks, port, world, images, folder), ranks, start_method=method)
    return [{**torch.load(folder / f"{rank}.pt"), "folder": folder} for rank in range(ranks)]


def in_each_rank(rank, ranks, port, world, images, folder):
    there = {"RANK": rank, "WORLD_SIZE": ranks, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in there.items()})  # as torchrun does
    torch.set_num_threads(1)
    out = {}
    with distributed.process_group("cpu"):
        for name in RUNS:
            run = train(name, world, images)
            out[name] = run.model.state_dict(), [row["loss"] for row in run.history], run.best
        if ranks == 2:  # once is enough
            out["single"] = losses_in_less_precision(world, images)
        # stopped after an epoch, to be resumed by one process
        checkpoint = Checkpoint(folder / "run", write=rank == 0)
        train("tiny", world, images, callbacks=[checkpoint], epochs=1)
        torch.save(out, folder / f"{rank}.pt")


def losses_in_less_precision(world, images):
    return [
        [row["loss"] for row in train(name, world, images, VideoTextMEE, amp=amp).history]
        for name, amp in (("tiny", False), ("images", True))
    ]


def command_line(world, out):
    options = ["--epochs", "2", "--batch-size", "16", "--text-clusters", "4", "--no-progress", "--device", "cpu"]
    return [str(world), *options, "--out", str(out)]


@pytest.mark.parametrize("name", RUNS)
def test_several_processes_train_as_one(alone, together, name):
    one = alone[name]
    for state, losses, best in (rank[name] for rank in together):
        assert losses == pytest.approx([row["loss"] for row in one.history], rel=1e-10)
        assert best == one.best
        assert_close(state, one.model.state_dict(), rtol=0, atol=1e-6)
        assert_close(state, together[0][name][0], rtol=0, atol=0)  # the ranks never drift apart


def test_in_less_precision_too(world, images, together):
    if "single" not in together[0]:
        pytest.skip("two processes do it")
    single, half = losses_in_less_precision(world, images)
    assert together[0]["single"] == [pytest.approx(single, rel=1e-3), pytest.approx(half, rel=2e-2)]


def test_one_process_resumes_what_several_began(world, images, together):
    run = train("tiny", world, images, callbacks=[Checkpoint(together[0]["folder"] / "run", resume=True, write=False)])
    assert len(run.history) == 2
    assert_close(run.model.state_dict(), together[0]["tiny"][0], rtol=0, atol=1e-6)


def test_the_command_tells_once(world, tmp_path):
    status, printed = torchrun(2, "-m", "mee", "train", *command_line(world, tmp_path))
    assert status == 0 and printed.count("test: 30 clips, 90 captions") == 1, printed
    assert sorted(p.name for p in tmp_path.iterdir()) == ["last.pt", "metrics.json", "model.pt"]


def test_when_one_rank_fails_the_others_do_not_wait(world, tmp_path):
    (tmp_path / "file").write_text("in the way")  # of the first rank, which writes
    status, printed = torchrun(2, "-m", "mee", "train", *command_line(world, tmp_path / "file"))
    assert status != 0
    assert "mee train: " in printed and str(tmp_path / "file") in printed
    assert "mee/train.py" not in printed, printed  # lines for people; torchrun's own report is all else there is
