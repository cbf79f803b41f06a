"""Several processes train as one: the same losses and weights as one process with the whole batch (lesson 15)."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mee import distributed
from mee.data import Clips, ClipWriter, Mixed
from mee.model import BatchNorm
from mee.train import build, fit, main

SMALL = {"text_clusters": 4, "sequence_clusters": 2, "progress": False, "lr": 2e-3}
RUNS = {
    # 100 clips and 50 images, 16 at a time: six at the end, and with three ranks no batch splits evenly
    "images": {"epochs": 2, "batch_size": 16, "image_rate": 0.5, "expert_loss": 0.3},
    # the last batch has two clips: with three ranks one of them has none
    "tiny": {"epochs": 2, "batch_size": 3, "train": list(range(20)), "loss": "info-nce"},
    "original": {"epochs": 2, "batch_size": 16, "max_rows": 6, "original": True},
}


def double(config):
    """In float64, so that what differs is not rounding: Adam turns the rounding of a gradient of zero into steps."""
    return build(config).double()


def train(name, world, images, **more):
    options = RUNS[name]
    return fit(world, images if "image_rate" in options else None, **{**SMALL, **options, **more})


def torchrun(ranks, *arguments):
    """Runs ``python ...`` in so many processes; gives (exit status, all that was printed)."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    out = subprocess.run(
        [*command, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=120
    )
    return out.returncode, out.stdout + out.stderr


@pytest.fixture(scope="session")
def images(world, tmp_path_factory):
    clips, path, g = Clips(world), tmp_path_factory.mktemp("images") / "images.h5", np.random.default_rng(1)
    with ClipWriter(path, {"appearance": ("vector", 10)}, clips.words) as out:
        for i in range(40):
            out.add(f"i{i}", "train", {"appearance": g.normal(size=10)}, ["a red ball", "the ball rolls"])
    return path


@pytest.fixture(scope="session", params=[2, 3])
def together(request, world, images, tmp_path_factory):
    """What two, or three, processes made of all that :func:`in_each_rank` does: a list, an item a rank."""
    folder = tmp_path_factory.mktemp("ranks")
    status, printed = torchrun(request.param, __file__, world, images, folder)
    assert status == 0, printed
    told = {"folder": folder, "printed": printed}
    return [{**torch.load(folder / f"{rank}.pt"), **told} for rank in range(request.param)]


def in_each_rank(world, images, folder):
    torch.set_num_threads(1)
    with distributed.group("cpu"):
        rank, ranks = distributed.ranks()
        out = {}
        for name in RUNS if ranks == 2 else ["tiny"]:
            run = train(name, world, images, network=double)
            out[name] = run.model.state_dict(), [row["loss"] for row in run.history], run.best
        run = train("tiny", world, images)
        out["single precision"] = [row["loss"] for row in run.history]
        # stopped after an epoch, to be resumed by one process
        train("tiny", world, images, network=double, epochs=1, out=Path(folder) / "run")
        out["norm"] = [normalised(cut(x, rank, ranks), cut(g, rank, ranks)) for x, g in rows()]
        torch.save(out, Path(folder) / f"{rank}.pt")
        main(shell(world, Path(folder) / "shell"))


def shell(world, out):
    options = ["--epochs", "2", "--batch-size", "16", "--text-clusters", "4", "--no-progress", "--device", "cpu"]
    return [str(world), *options, "--out", str(out)]


def rows():
    """Rows and upstream gradients, far from zero, few and fewer."""
    g = torch.Generator().manual_seed(0)
    return [(1000 + torch.randn(n, 5, generator=g), torch.randn(n, 5, generator=g)) for n in (11, 3, 2, 1, 0)]


def cut(x, rank, ranks):
    """The first rank has least."""
    return x.tensor_split(ranks)[-1 - rank]


def normalised(x, upstream):
    """A batch norm's output, gradients, and statistics after ``x``."""
    norm = BatchNorm(5)
    norm.load_state_dict({**norm.state_dict(), "weight": torch.arange(1.0, 6), "bias": torch.ones(5)})
    if distributed.ranks()[1] > 1:
        distributed.synchronise(norm)
    x.requires_grad_()
    y = norm(x)
    y.backward(upstream)
    return y.detach(), x.grad, norm.weight.grad, norm.bias.grad, norm.state_dict()


def test_several_processes_train_as_one(world, images, together):
    for name in RUNS if len(together) == 2 else ["tiny"]:
        one = train(name, world, images, network=double)
        for state, losses, best in (rank[name] for rank in together):
            assert losses == pytest.approx([row["loss"] for row in one.history], rel=1e-10)
            assert best == one.best
            assert_close(state, one.model.state_dict(), rtol=0, atol=1e-6)
            assert_close(state, together[0][name][0], rtol=0, atol=0)  # the ranks never drift apart


def test_single_precision_too(world, images, together):
    losses = [row["loss"] for row in train("tiny", world, images).history]
    assert together[0]["single precision"] == pytest.approx(losses, rel=1e-3)


def test_one_process_goes_on_with_what_several_began(world, images, together):
    run = train("tiny", world, images, network=double, out=together[0]["folder"] / "run", resume=True)
    assert_close(run.model.state_dict(), together[0]["tiny"][0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", range(len(rows())))
def test_batch_norm_sees_the_rows_of_all_ranks(together, case):
    y, to_x, to_weight, to_bias, state = normalised(*rows()[case])
    found = [rank["norm"][case] for rank in together][::-1]  # see cut
    close = {"rtol": 1e-4, "atol": 1e-3}  # float32 at 1000: 6e-5 of a row's own spread
    assert_close(torch.cat([rank[0] for rank in found]), y, **close)
    assert_close(torch.cat([rank[1] for rank in found]), to_x, **close)
    assert_close(sum(rank[2] for rank in found), to_weight, **close)
    assert_close(sum(rank[3] for rank in found), to_bias, **close)
    for rank in found:
        assert_close(rank[4], state, **close)


def test_the_parts_make_up_the_whole(world, images):
    """Whatever the number of ranks, and also where a part is empty."""

    def batches(part):
        generator = torch.Generator().manual_seed(3)
        return list(Mixed(Clips(world), torch.arange(10), 4, generator, Clips(images), 0.4, part))

    for n in (2, 3, 7):
        parts = [batches((i, n)) for i in range(n)]
        for step, whole in enumerate(batches((0, 1))):
            for key in ("clip", "caption", "sentence"):
                got = torch.cat([getattr(part[step], key) for part in parts])
                assert sorted(got.tolist()) == sorted(getattr(whole, key).tolist())


def test_the_shell_tells_once(together):
    assert together[0]["printed"].count("test: 30 clips, 90 captions") == 1
    out = together[0]["folder"] / "shell"
    assert sorted(p.name for p in out.iterdir()) == ["last.pt", "metrics.json", "model.pt"]


def test_when_one_rank_fails_the_others_do_not_wait(world, tmp_path):
    (tmp_path / "file").write_text("in the way")  # of the first rank, which writes
    status, printed = torchrun(2, "-m", "mee.train", *shell(world, tmp_path / "file"))
    assert status != 0
    assert "mee.train: " in printed and str(tmp_path / "file") in printed
    assert "mee/train.py" not in printed, printed  # lines for people; torchrun's own report is all else there is


if __name__ == "__main__":
    in_each_rank(*sys.argv[1:])
