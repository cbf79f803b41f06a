"""Hard to break: a short round of experiments/faults, checkpoints at every stop, extreme numbers, determinism."""

import faulthandler
import gc
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mee.data import Words
from mee.evaluate import evaluate
from mee.loss import InfoNCELoss, MaxMarginRankingLoss
from mee.metrics import ranks, retrieval_metrics
from mee.model import MEE, NO_EXPERT, ModelConfig, VideoTextMEE
from mee.storage import ClipWriter, checkpoint, read_clips
from mee.train import fit_clips

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
SMALL = {"epochs": 2, "batch_size": 16, "text_clusters": 4, "sequence_clusters": 2, "progress": False, "device": "cpu"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks, mounts and limits as Linux does")
def test_a_quick_round_of_every_fault(tmp_path):
    """All rows of the book's table that are not tests themselves, a few attempts of each: nothing is lost."""
    command = [sys.executable, EXPERIMENTS / "faults", "--share", "0.06", "-o", tmp_path / "faults.json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((tmp_path / "faults.json").read_text())["rows"]
    assert sum(row["times"] for row in rows.values()) > 500
    for name, row in rows.items():
        assert row["times"] >= 3 and not row["lost"], name
        assert row["right"] + row["refused"] == row["times"], name


def test_the_page_has_the_table_of_the_numbers():
    faults = importlib.import_module("faults.__main__")
    if not faults.PAGE.exists() or not faults.NUMBERS.exists():
        pytest.skip("the page is not written yet")
    numbers, page = json.loads(faults.NUMBERS.read_text()), faults.PAGE.read_text()
    assert faults.into_page(page, numbers) == page, "make it again: python experiments/faults --page"
    assert set(numbers["rows"]) == set(faults.ROWS) and numbers["share"] == 1
    clips = [numbers["rows"][name]["times"] for name in ("damage", "unsealed", "lawful", "foreign")]
    assert sum(clips) >= 2000 and numbers["rows"]["kill"]["times"] >= 50


# --------------------------------------------------------------------------------------------------------- numbers


def network(seed=0, **options):
    torch.manual_seed(seed)
    experts = {"face": (40, 16), "sound": (12, 16)}
    return VideoTextMEE(ModelConfig(experts, word_dim=20, clusters={"sound": 4}, text_clusters=8, **options))


def batch(n=6, size=1.0, seed=0):
    """Captions and clips whose features have magnitude ``size``; the first caption is empty, clip 1 has no expert."""
    g = torch.Generator().manual_seed(seed)
    words, mask = torch.randn(n, 5, 20, generator=g), torch.rand(n, 5, generator=g) > 0.3
    mask[0] = False
    present = {"face": torch.arange(n) % 4 != 1, "sound": torch.arange(n) % 3 != 1}
    rows = {"sound": torch.rand(n, 3, generator=g) > 0.3}
    videos = {"face": torch.randn(n, 40, generator=g), "sound": torch.randn(n, 3, 12, generator=g)}
    videos = {name: (x * size).clamp(-65504, 65504) for name, x in videos.items()}
    videos["face"][0] = 0
    return words, mask, videos, present, rows


LOSSES = [MaxMarginRankingLoss(), InfoNCELoss()]


@pytest.mark.parametrize("size", [0, 1e-7, 1e-3, 1, 255, 65504])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", ["float32", "autocast bfloat16", "autocast float16", "bfloat16", "float16"])
def test_numbers_in_half_precision(kind, training, size):
    """float16's largest number times anything leaves its range; beyond 255 (pixels) the other kinds are for."""
    if "float16" in kind and "bfloat16" not in kind and size > 255:
        pytest.skip("float16 cannot hold products of numbers of that size")
    dtype = torch.bfloat16 if "bfloat16" in kind else torch.float16 if "float16" in kind else torch.float32
    model = network().train(training)
    if kind.startswith("autocast"):
        with torch.autocast("cpu", dtype=dtype):
            scores = model(*batch(size=size))
    else:
        model = model.to(dtype)
        scores = model(*batch(size=size))
    assert scores.isfinite().all() and (scores[:, 1] == NO_EXPERT).all() and scores.abs().max() <= 1.02
    for loss in LOSSES:
        for kept in (scores, scores.to(dtype)):
            model.zero_grad()
            value = loss(kept)
            value.backward(retain_graph=True)
            assert value.isfinite()
            assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_numbers_in_half_precision_are_about_the_same():
    model = network().eval()
    whole = model(*batch())
    for dtype in (torch.bfloat16, torch.float16):
        with torch.autocast("cpu", dtype=dtype):
            assert_close(model(*batch()), whole, atol=0.05, rtol=0)


def test_numbers_of_features_at_the_end_of_float16(tmp_path):
    """As the file keeps them; a batch is float32, where there is room."""
    g = np.random.default_rng(0)
    words = Words(["a", "b", "c"], 60000 * g.normal(size=(3, 8)).clip(-1, 1))
    with ClipWriter(tmp_path / "x.h5", {"face": ("vector", 6), "sound": ("sequence", 4)}, words) as out:
        for i in range(60):
            features = {"face": (1e5 * g.normal(size=6)).clip(-65504, 65504), "sound": np.full((2, 4), 6e-8 * (i % 3))}
            out.add(f"c{i}", ("train", "val", "test")[i % 3], features, ["a b", "b c"])
    run = fit_clips(read_clips(tmp_path / "x.h5"), **SMALL)
    assert all(np.isfinite(row["loss"]) for row in run.history)


@pytest.mark.parametrize("training", [True, False])
def test_numbers_of_a_batch_of_one(training):
    model = network().train(training)
    for n in (1, 2):
        scores = model(*batch(n))
        assert scores.shape == (n, n) and scores.isfinite().all()
        assert all(loss(scores[:1, :1]) == 0 for loss in LOSSES)  # nothing to rank


def test_numbers_where_all_captions_are_alike(tmp_path):
    """No clip is another's negative, so there is nothing to learn and nothing to divide by."""
    with ClipWriter(tmp_path / "x.h5", {"face": ("vector", 6)}, Words(["a", "ball"], np.eye(2))) as out:
        for i in range(48):
            split = ("train", "val", "test")[i % 3]
            out.add(f"c{i}", split, {"face": np.random.default_rng(i).normal(size=6)}, ["A ball"])
    for loss in ("max-margin", "info-nce"):
        clips = read_clips(tmp_path / "x.h5")
        run = fit_clips(clips, loss=loss, **SMALL)
        assert all(row["loss"] == 0 for row in run.history)
        found = evaluate(run.model, clips, "test", bootstrap=50)
        assert found["t2v"]["MnR"][0] == pytest.approx(8.5)  # each rank once: chance, exactly


@pytest.mark.parametrize("training", [True, False])
def test_numbers_where_no_clip_has_an_expert(training):
    words, mask, videos, present, rows = batch()
    nowhere = {name: torch.zeros(6, dtype=torch.bool) for name in present}
    model = network().train(training)
    scores = model(words, mask, videos, nowhere, rows)
    assert (scores == NO_EXPERT).all()
    losses = [loss(scores) for loss in LOSSES]
    assert [float(loss.detach()) for loss in losses] == pytest.approx([0.2, np.log(6)], rel=1e-5)
    # and beside other parameters, as in a batch of training: nothing reaches the weights, and nothing is NaN
    (sum(losses) + 0 * sum(p.sum() for p in model.parameters())).backward()
    assert all((p.grad == 0).all() for p in model.parameters())


def test_numbers_where_no_sentence_has_a_word():
    model = network()
    words, mask, *video = batch()
    scores = model(words, torch.zeros_like(mask), *video)
    assert scores.isfinite().all()
    assert_close(scores, scores[:1].expand_as(scores))  # all the same sentence


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_numbers_of_equal_scores(dtype):
    for value in (0.0, 1.0, -1.0, 0.3):
        scores = torch.full((7, 7), value, dtype=dtype)
        assert float(MaxMarginRankingLoss(0.2)(scores)) == pytest.approx(0.2, rel=1e-2)
        assert float(InfoNCELoss(0.05)(scores)) == pytest.approx(np.log(7), rel=1e-2)
        metrics = retrieval_metrics(scores, bootstrap=20)
        assert metrics["t2v"]["MnR"] == metrics["v2t"]["MdR"] == (4, 4, 4)  # the mean of ranks 1 to 7, not the best


def by_hand(loss, s):
    """Either loss of float64 scores (n, n), from its formula."""
    n, right = len(s), s.diagonal()
    if isinstance(loss, InfoNCELoss):
        s = s / loss.temperature
        return (-s.log_softmax(1).diagonal().mean() - s.log_softmax(0).diagonal().mean()) / 2
    terms = (loss.margin + s - right[:, None]).clamp(min=0) + (loss.margin + s - right).clamp(min=0)
    return terms.fill_diagonal_(0).sum() / (2 * n * (n - 1))


EXTREMES = [*map(MaxMarginRankingLoss, (0, 1e-6, 1e6, -0.2)), *map(InfoNCELoss, (1e-6, 1, 1e6))]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("loss", [*LOSSES, *EXTREMES])
def test_numbers_of_margins_and_temperatures(loss, dtype):
    scores = torch.rand(9, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)
    exact = scores.double().requires_grad_()
    expected, value = by_hand(loss, exact), loss(scores.requires_grad_())
    expected.backward()
    value.backward()
    assert_close(value.double(), expected, rtol=2e-3, atol=1e-6)
    # the gradient of InfoNCE is 1 / temperature, and float16 ends at 65504
    assert_close(scores.grad.double(), exact.grad.to(dtype).double(), rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("option", "values", "message"),
    [
        ("margin", [np.nan, np.inf, -np.inf], "margin must be a finite number"),
        ("temperature", [0, -0.0, -1, np.nan, 1e-40, -np.inf], "temperature must be above 0"),
        ("lr", [-1.0, np.nan], "[Ll]earning rate"),
    ],
)
def test_numbers_that_make_no_sense(option, values, message, world):
    for value in values:
        loss = "info-nce" if option == "temperature" else "max-margin"
        with pytest.raises(ValueError, match=message):
            fit_clips(read_clips(world), loss=loss, **{option: value}, **SMALL)


@pytest.mark.parametrize("big", [1e30, 3e38])
def test_numbers_of_scores_without_measure(big):
    """Cosines are at most 1, but nobody stops a network of one's own."""
    scores = torch.tensor([[big, -big], [-big, big]])
    assert ranks(scores).tolist() == [1, 1] and ranks(-scores).tolist() == [2, 2]
    assert ranks(torch.tensor([[torch.inf, 1], [1, -torch.inf]])).tolist() == [1, 2]


def test_numbers_that_are_there_and_nan_are_seen():
    """Not averaged away; what is absent may hold anything (test_static_shapes.py)."""
    model = MEE({"a": (3, 4), "b": (3, 4)}, 5).eval()
    videos = {"a": torch.randn(3, 3), "b": torch.randn(3, 3)}
    videos["b"][0] = torch.nan
    assert model(torch.randn(2, 5), videos).isnan().any(0).tolist() == [True, False, False]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each stop is in a process of its own")
def test_a_stop_at_each_line_of_saving_ends_well(tmp_path):
    """Ctrl-C at every line that Python runs to save a checkpoint: never an abort, and whole or not there."""
    path, content = tmp_path / "x.pt", {"model": {"weight": torch.ones(20, 5)}}
    watched = ("serialization.py", "checkpoint.py", "contextlib.py", "files.py")

    def save(stop=None):
        lines = 0

        def line(frame, event, _):
            nonlocal lines
            lines += event == "line"
            if event == "line" and lines == stop:
                raise KeyboardInterrupt
            return line

        sys.settrace(lambda frame, *_: line if Path(frame.f_code.co_filename).name in watched else None)
        try:
            checkpoint._save(path, "model", content)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        gc.collect()
        if path.exists():
            checkpoint._load(path, "model")
        return lines

    total, wrong = save(), {}
    assert total > 100
    gc.freeze()  # what is there already need not be looked through each time
    for stop in range(1, total + 1):
        path.unlink(missing_ok=True)
        pid = os.fork()
        if not pid:
            try:
                faulthandler.disable()
                save(stop)
                os._exit(0)
            finally:
                os._exit(1)
        if code := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            wrong[stop] = code
    gc.unfreeze()
    assert not wrong


# ------------------------------------------------------------------------------------------------------ determinism


def test_one_thread_or_two_the_same_numbers(world):
    """Bit for bit with as many threads; with more, sums are in another order, and differ in their last digits."""
    before, clips, runs, scores = torch.get_num_threads(), read_clips(world), [], []
    try:
        for threads in (1, 2, 2):
            torch.set_num_threads(threads)
            runs.append(fit_clips(clips, train=torch.arange(32), val=[], **SMALL))
            scores.append(runs[-1].model(*clips.text(torch.arange(90)), *clips.video(torch.arange(30))).detach())
    finally:
        torch.set_num_threads(before)
    one, two, again = runs
    assert all(torch.equal(x, again.model.state_dict()[name]) for name, x in two.model.state_dict().items())
    assert torch.equal(scores[1], scores[2])
    assert [row["loss"] for row in one.history] == pytest.approx([row["loss"] for row in two.history], rel=1e-4)
    # not the weights one by one: a bias before a batch norm has no gradient but rounding, and Adam makes steps of that
    assert_close(scores[0], scores[1], atol=1e-3, rtol=0)
