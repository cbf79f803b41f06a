"""Hard to break: a quick round of tests/faults.py, the seal, files that are whole or not there, extreme numbers."""

import errno
import faulthandler
import gc
import json
import os
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from mee import files
from mee import train as training
from mee.data import ClipFileError, Clips, ClipWriter, Words, problems
from mee.files import atomic, seal, sealed
from mee.loss import InfoNCELoss, MaxMarginRankingLoss
from mee.metrics import ranks, retrieval_metrics
from mee.model import MEE, NO_EXPERT, VideoTextMEE
from mee.train import CheckpointError, evaluate, fit

TESTS = Path(__file__).parent
SMALL = {"epochs": 2, "batch_size": 16, "text_clusters": 4, "sequence_clusters": 2, "progress": False, "device": "cpu"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks, mounts and limits as Linux does")
def test_a_quick_round_of_every_fault(tmp_path):
    """All rows of the book's table that are not tests themselves, a few attempts of each: nothing is lost."""
    pytest.importorskip("faiss")
    command = [sys.executable, TESTS / "faults.py", "--quick", "-o", tmp_path / "faults.json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((tmp_path / "faults.json").read_text())["rows"]
    assert sum(row["times"] for row in rows.values()) > 500
    for name, row in rows.items():
        assert row["times"] >= 3 and not row["lost"], name
        assert row["right"] + row["refused"] == row["times"], name


def test_the_page_has_the_table_of_the_numbers():
    sys.path.insert(0, str(TESTS))
    try:
        import faults
    finally:
        sys.path.remove(str(TESTS))
    if not faults.PAGE.exists() or not faults.NUMBERS.exists():
        pytest.skip("the page is not written yet")
    numbers, page = json.loads(faults.NUMBERS.read_text()), faults.PAGE.read_text()
    assert faults.into_page(page, numbers) == page, "make it anew: python tests/faults.py --page"
    assert set(numbers["rows"]) == set(faults.ROWS) and not numbers["quick"]
    clips = [numbers["rows"][name]["times"] for name in ("damage", "unsealed", "lawful", "foreign")]
    assert sum(clips) >= 2000 and numbers["rows"]["kill"]["times"] >= 50


# -------------------------------------------------------------------------------------------------------- the seal


@pytest.fixture
def path(tmp_path):
    with ClipWriter(tmp_path / "x.h5", {"face": ("vector", 5)}, Words(["a", "b"], np.eye(2))) as out:
        for i in range(4):
            out.add(f"c{i}", "train", {"face": np.arange(5) + i}, ["a b"])
    return tmp_path / "x.h5"


def test_a_changed_number_is_noticed(path):
    assert sealed(path) is True and problems(path) == []
    with h5py.File(path) as file:
        place = file["experts/face/features"].id.get_offset()
    raw = bytearray(path.read_bytes())
    raw[place + 8] ^= 1
    path.write_bytes(raw)
    assert sealed(path) is False
    with pytest.raises(ClipFileError, match="damaged"):
        Clips(path)
    Clips(path, check=False)  # who does not want to look does not see


def test_h5py_takes_the_seal_off_and_the_shell_puts_it_back(path, capsys):
    from mee import data

    with h5py.File(path, "r+") as file:
        file["experts/face/features"][2, 1] = 9
    assert sealed(path) is None
    assert data.main(["check", str(path)]) == 0 and "without a seal" in capsys.readouterr().out
    assert data.main(["seal", str(path)]) == 0 and sealed(path) is True
    assert Clips(path).experts["face"].features[2, 1] == 9
    before = path.read_bytes()
    assert data.main(["seal", str(path)]) == 0 and path.read_bytes() == before
    with h5py.File(path, "r+") as file:
        file["experts/face/features"][2, 1] = np.nan
    assert data.main(["seal", str(path)]) == 1 and sealed(path) is None  # what is wrong is not sealed


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.data())
def test_no_change_of_a_byte_gets_past_the_seal(tmp_path_factory, raw, data):
    assume(b"mee whole file" not in raw)  # that looks like a damaged seal, and is taken for one
    path = tmp_path_factory.mktemp("seal") / "x"
    path.write_bytes(raw)
    assert sealed(path) is None
    seal(path)
    whole = path.read_bytes()
    assert sealed(path) is True and whole.startswith(raw)
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(changed)
    assert sealed(path) is (True if changed == whole else False)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.lists(st.text(st.characters(codec="utf-8"), max_size=300), max_size=4), min_size=1, max_size=12),
    st.sampled_from([None, "gzip"]),
    st.integers(0, 200),
)
def test_the_room_that_is_taken_is_enough(tmp_path_factory, said, compression, rows):
    """If it were not, a full disk would show itself in the middle of HDF5's writing, which then crashes Python."""
    taken = []
    path = tmp_path_factory.mktemp("room") / "x.h5"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mee.files.reserve", lambda file, size: taken.append(size))
        experts = {"face": ("vector", 3), "sound": ("sequence", 4)}
        with ClipWriter(path, experts, Words(["a"], [[1.0]]), compression=compression) as out:
            for i, captions in enumerate(said):
                captions = [text.replace("\0", "") for text in captions]
                about, features = [["face"]] * len(captions), {"face": [1, 2, 3], "sound": np.ones((rows, 4))}
                out.add(f"c{i}", "test", features, captions, about, [b"x" * 100], {"n": i})
            out.add_choice("c0", ["a", "b"], 1)
    assert path.stat().st_size <= taken[0]
    Clips(path)


# ------------------------------------------------------------------------------------------- whole, or not there


def test_what_killed_processes_left_is_removed(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    old, own = tmp_path / f".last.pt.{ended.pid}.part", tmp_path / f".last.pt.{os.getppid()}.part"
    fresh, other = tmp_path / f".model.pt.{ended.pid}.part", tmp_path / ".notes.part"
    for file in (old, own, fresh, other):
        file.write_text("half")
    for file in (old, own, other):
        os.utime(file, (time.time() - 3600,) * 2)
    with atomic(tmp_path / "x") as temporary:
        temporary.write_text("whole")
    # gone is only what nobody can be writing: its process has ended, and a while ago (it may run on another machine)
    assert sorted(tmp_path.iterdir()) == sorted([own, fresh, other, tmp_path / "x"])


def test_a_writer_that_ran_out_of_room_does_not_go_on(tmp_path, monkeypatch):
    """A clip of which one expert was kept and another not would shift all that come after it."""
    with pytest.raises(ClipFileError, match=r"x\.h5: cannot be written: No space"):
        with ClipWriter(tmp_path / "x.h5", {"a": ("vector", 2), "b": ("vector", 2)}, Words(["a"], [[1.0]])) as out:
            out.add("c0", "train", {"a": [1, 2], "b": [1, 2]})

            class Full:
                def write(self, _):
                    raise OSError(28, "No space left on device")

                close = out.rows["b"].spool.close

            monkeypatch.setattr(out.rows["b"], "spool", Full())
            with pytest.raises(ClipFileError, match="No space"):
                out.add("c1", "train", {"a": [3, 4], "b": [3, 4]})
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_hdf5_hangs_on_is_refused(path, monkeypatch):
    with h5py.File(path, "r+"):
        pass  # no seal any more: HDF5 is tried in another process first
    monkeypatch.setattr(files, "_WALK", "import time; time.sleep(60)")
    monkeypatch.setattr(files, "PATIENCE", 0.2)
    assert "does not come to an end" in problems(path)[0]
    monkeypatch.setattr(files, "_WALK", "import os; os.abort()")
    assert "crashes" in problems(path)[0]


def test_out_is_tried_before_the_first_epoch(world, tmp_path, monkeypatch):
    monkeypatch.setattr("mee.train.batch_loss", lambda *_: pytest.fail("training has begun"))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match=r"file/run: cannot be written"):
        fit(world, out=tmp_path / "file/run", **SMALL)


# --------------------------------------------------------------------------------------------------------- numbers


def network(seed=0, **options):
    torch.manual_seed(seed)
    return VideoTextMEE({"face": (40, 16), "sound": (12, 16)}, 20, 8, {"sound": 4}, **options)


def batch(n=6, size=1.0, seed=0):
    """Captions and clips whose features have magnitude ``size``; the first caption is empty, clip 1 has no expert."""
    g = torch.Generator().manual_seed(seed)
    words, mask = torch.randn(n, 5, 20, generator=g), torch.rand(n, 5, generator=g) > 0.3
    mask[0] = False
    there = {"face": torch.arange(n) % 4 != 1, "sound": torch.arange(n) % 3 != 1}
    rows = {"sound": torch.rand(n, 3, generator=g) > 0.3}
    videos = {"face": torch.randn(n, 40, generator=g), "sound": torch.randn(n, 3, 12, generator=g)}
    videos = {name: (x * size).clamp(-65504, 65504) for name, x in videos.items()}
    videos["face"][0] = 0
    return words, mask, videos, there, rows


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
    run = fit(tmp_path / "x.h5", **SMALL)
    assert all(np.isfinite(row["loss"]) for row in run.history)


@pytest.mark.parametrize("training", [True, False])
def test_numbers_of_a_batch_of_one(training):
    model = network().train(training)
    for n in (1, 2):
        scores = model(*batch(n))
        assert scores.shape == (n, n) and scores.isfinite().all()
        for loss in LOSSES:
            model.zero_grad()
            value = loss(scores[:1, :1])
            value.backward(retain_graph=True)
            assert value == 0  # nothing to rank
            assert all((p.grad == 0).all() for p in model.parameters() if p.grad is not None)


def test_numbers_where_all_captions_are_alike(tmp_path):
    """No clip is another's negative, so there is nothing to learn and nothing to divide by."""
    with ClipWriter(tmp_path / "x.h5", {"face": ("vector", 6)}, Words(["a", "ball"], np.eye(2))) as out:
        for i in range(48):
            split = ("train", "val", "test")[i % 3]
            out.add(f"c{i}", split, {"face": np.random.default_rng(i).normal(size=6)}, ["A ball"])
    for loss in ("max-margin", "info-nce"):
        run = fit(tmp_path / "x.h5", loss=loss, **SMALL)
        assert all(row["loss"] == 0 for row in run.history)
        found = evaluate(run.model, Clips(tmp_path / "x.h5"), "test", bootstrap=50)
        assert found["t2v"]["MnR"][0] == pytest.approx(8.5)  # each rank once: chance, exactly


@pytest.mark.parametrize("training", [True, False])
def test_numbers_where_no_clip_has_an_expert(training):
    words, mask, videos, there, rows = batch()
    nowhere = {name: torch.zeros(6, dtype=torch.bool) for name in there}
    model = network().train(training)
    for ind in (nowhere, {"face": nowhere["face"], "sound": nowhere["sound"]}):
        scores = model(words, mask, {name: x * np.nan for name, x in videos.items()}, ind, rows)
        assert (scores == NO_EXPERT).all()
        for loss, value in zip(LOSSES, (0.2, np.log(6)), strict=True):
            assert float(loss(scores).detach()) == pytest.approx(value, rel=1e-5)
    # and beside other parameters, as in a batch of training: nothing reaches the weights, and nothing is NaN
    (loss(scores) + 0 * sum(p.sum() for p in model.parameters())).backward()
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
        assert ranks(scores, ties="best").tolist() == [1] * 7 and ranks(scores, ties="worst").tolist() == [7] * 7


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("margin", [0, 1e-6, 0.2, 1e6, -0.2])
def test_numbers_of_margins(margin, dtype):
    scores = torch.rand(9, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)
    s = scores.double()
    right = s.diagonal()
    terms = (margin + s - right[:, None]).clamp(min=0) + (margin + s - right).clamp(min=0)
    expected = terms.fill_diagonal_(0).sum() / (2 * 9 * 8)
    scores.requires_grad_()
    value = MaxMarginRankingLoss(margin)(scores)
    value.backward()
    assert_close(value.double(), expected, rtol=2e-3, atol=1e-6)
    assert scores.grad.isfinite().all()
    if margin == 1e6:  # every wrong pair is too close
        assert_close(scores.grad.double().diagonal(), torch.full((9,), -2 * 8 / 144.0).double(), rtol=2e-3, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("temperature", [1e-6, 0.05, 1, 1e6])
def test_numbers_of_temperatures(temperature, dtype):
    scores = torch.rand(9, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)
    logits = scores.double() / temperature
    expected = (-logits.log_softmax(1).diagonal().mean() - logits.log_softmax(0).diagonal().mean()) / 2
    scores.requires_grad_()
    value = InfoNCELoss(temperature)(scores)
    value.backward()
    assert_close(value.double(), expected, rtol=2e-3, atol=1e-5)
    assert not scores.grad.isnan().any()
    if dtype != torch.float16 or temperature > 1e-3:  # its gradient is 1 / temperature, and float16 ends at 65504
        assert scores.grad.isfinite().all()


@pytest.mark.parametrize("margin", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_no_margin(margin, world):
    with pytest.raises(ValueError, match="margin is a finite number"):
        MaxMarginRankingLoss(margin)
    with pytest.raises(ValueError, match="margin is a finite number"):
        fit(world, margin=margin, **SMALL)


@pytest.mark.parametrize("temperature", [0, -0.0, -1, float("nan"), 1e-40, -float("inf")])
def test_numbers_that_are_no_temperature(temperature, world):
    with pytest.raises(ValueError, match="temperature is above 0"):
        InfoNCELoss(temperature)
    with pytest.raises(ValueError, match="temperature is above 0"):
        fit(world, loss="info-nce", temperature=temperature, **SMALL)


@pytest.mark.parametrize("lr", [-1.0, float("nan")])
def test_numbers_that_are_no_learning_rate(lr, world):
    with pytest.raises(ValueError, match="[Ll]earning rate"):
        fit(world, lr=lr, **SMALL)


@pytest.mark.parametrize("big", [1e30, 3e38])
def test_numbers_of_scores_without_measure(big):
    """Cosines are at most 1, but nobody stops a network of one's own."""
    scores = torch.tensor([[big, -big], [-big, big]])
    assert ranks(scores).tolist() == [1, 1] and ranks(-scores).tolist() == [2, 2]
    assert ranks(torch.tensor([[torch.inf, 1], [1, -torch.inf]])).tolist() == [1, 2]
    with pytest.raises(ValueError, match="NaN"):
        ranks(torch.tensor([[1.0, torch.nan]]), [0])


def test_numbers_in_nan_reach_no_score():
    """What is absent may hold anything; what is there and NaN is seen, not averaged away."""
    model = MEE({"a": (3, 4), "b": (3, 4)}, 5).eval()
    text, a = torch.randn(2, 5), torch.randn(3, 3)
    ind = {"a": [True, True, True], "b": [True, False, True]}
    b = torch.randn(3, 3)
    expected = model(text, {"a": a, "b": b}, ind)
    b[1] = torch.nan
    assert_close(model(text, {"a": a, "b": b}, ind), expected, atol=0, rtol=0)
    b[0] = torch.nan
    assert model(text, {"a": a, "b": b}, ind)[:, 0].isnan().all()


def test_without_room_hdf5_never_begins(tmp_path, monkeypatch):
    """HDF5 1.14 crashes at the end of Python if it has to close a file that it had no room for."""

    def full(file, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mee.files.reserve", full)
    monkeypatch.setattr(h5py, "File", lambda *_: pytest.fail("HDF5 has begun"))
    with pytest.raises(OSError, match="No space left"), files.new_hdf5(tmp_path / "x.h5", 1000):
        pass


@pytest.mark.parametrize("ends_well", [True, False])
def test_a_writer_leaves_no_file_open(tmp_path, ends_well):
    waiting = []
    with pytest.raises(KeyError) if not ends_well else nullcontext():
        with ClipWriter(tmp_path / "x.h5", {"a": ("vector", 2)}, Words(["a"], [[1.0]])) as out:
            out.add("c0", "train", {"a": [1, 2]}, ["a"], storyboard=[b"x"])
            waiting = out._waiting()
            if not ends_well:
                raise KeyError
    assert len(waiting) == 2 and all(rows.spool.closed for rows in waiting)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each stop is in a process of its own")
def test_a_stop_at_each_line_of_saving_ends_well(tmp_path):
    """Ctrl-C at every line that Python runs to save a checkpoint: never an abort, and whole or not there."""
    path, content = tmp_path / "x.pt", {"model": {"weight": torch.ones(20, 5)}}
    lines = 0

    def at(file, stop):
        def line(frame, event, _):
            nonlocal lines
            lines += event == "line"
            if event == "line" and lines == stop:
                raise KeyboardInterrupt
            return line

        name = Path(file).name
        return line if name in ("serialization.py", "train.py", "contextlib.py", "files.py") else None

    def stopped(stop):
        sys.settrace(lambda frame, event, _: at(frame.f_code.co_filename, stop))
        try:
            training._save(path, "model", content)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        gc.collect()
        if path.exists():
            training._load(path, "model")

    stopped(None)
    total, wrong = lines, {}
    assert total > 100
    gc.freeze()  # what is there already need not be looked through each time
    for stop in range(1, total + 1):
        path.unlink(missing_ok=True)
        pid = os.fork()
        if not pid:
            lines, code = 0, 1
            try:
                faulthandler.disable()
                stopped(stop)
                code = 0
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code:
            wrong[stop] = code
    gc.unfreeze()
    assert not wrong


# ------------------------------------------------------------------------------------------------------ determinism


def test_one_thread_or_two_the_same_numbers(world):
    """Bit for bit with as many threads; with more, sums are in another order, and differ in their last digits."""
    before, clips, runs, scores = torch.get_num_threads(), Clips(world), [], []
    try:
        for threads in (1, 2, 2):
            torch.set_num_threads(threads)
            runs.append(fit(clips, train=torch.arange(32), val=[], **SMALL))
            scores.append(runs[-1].model(*clips.text(torch.arange(90)), *clips.video(torch.arange(30))).detach())
    finally:
        torch.set_num_threads(before)
    one, two, again = runs
    assert all(torch.equal(x, again.model.state_dict()[name]) for name, x in two.model.state_dict().items())
    assert torch.equal(scores[1], scores[2])
    assert [row["loss"] for row in one.history] == pytest.approx([row["loss"] for row in two.history], rel=1e-4)
    # not the weights one by one: a bias before a batch norm has no gradient but rounding, and Adam makes steps of that
    assert_close(scores[0], scores[1], atol=1e-3, rtol=0)
