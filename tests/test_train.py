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


def test_bfloat16_learns_the_same(path):
    options = {**SMALL, "epochs": 15, "lr": 2e-3, "expert_loss": 0.2}
    exact, half = fit(path, **options), fit(path, **options, amp=True)
    assert {x.dtype for x in half.model.state_dict().values()} == {torch.float32, torch.int64}
    losses = [[row["loss"] for row in run.history] for run in (exact, half)]
    assert losses[0] != losses[1] == pytest.approx(losses[0], rel=0.1)
    found = [evaluate(run.model, Clips(path), "test")["t2v"]["R@10"] for run in (exact, half)]
    assert found[0][1] < found[1][0] < found[0][2]  # inside the other's interval


def test_keeping_freed_memory_asks_glibc_and_else_does_nothing(monkeypatch):
    asked = []
    libc = type("glibc", (), {"mallopt": lambda self, *what: asked.append(what)})()
    monkeypatch.setattr(training.ctypes, "CDLL", lambda name: libc)
    training._keep_freed_memory()
    assert asked == [(-1, 2**31 - 1), (-4, 0)]
    monkeypatch.setattr(training.ctypes, "CDLL", lambda name: object())
    training._keep_freed_memory()


def test_scores_block_by_block_are_the_scores(path):
    clips = Clips(path)
    model = fit(clips, **SMALL).model
    rows = clips.clips_in("test")
    captions, _ = clips.captions_of(rows)
    text, video = training.embed(model, clips, captions, rows)
    whole = model.score(text, video).detach()
    assert_close(training.scores(model, text, video, chunk=7), whole)
    texts, videos = torch.tensor([5, 80, 2]), torch.arange(20, 3, -2)
    assert_close(training.scores(model, text, video, texts, videos, chunk=2), whole[texts][:, videos])


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


# ------------------------------------------------------------------------------ multiple choice, recipes, the original


@pytest.fixture(scope="module")
def quiz(world, tmp_path_factory):
    """The world's test clips with 40 questions, and a network that was trained on the world."""
    clips, g = Clips(world), np.random.default_rng(1)
    path = tmp_path_factory.mktemp("quiz") / "quiz.h5"
    with ClipWriter(path, {n: (e.kind, e.dim) for n, e in clips.experts.items()}, clips.words) as out:
        rows = clips.clips_in("test").tolist()
        for i in rows:
            features = {n: e.features[e.offsets[i] : e.offsets[i + 1]].numpy() for n, e in clips.experts.items()}
            out.add(clips.ids[i], "test", features)
        sentence = {i: clips.texts[int(clips.captions_of([i])[0][0])] for i in rows}
        for n in range(40):
            i = rows[n % len(rows)]
            wrong = sorted({sentence[j] for j in rows} - {sentence[i]})
            options = list(g.choice(wrong, 4, replace=False))
            answer = int(g.integers(5))
            out.add_choice(clips.ids[i], [*options[:answer], sentence[i], *options[answer:]], answer)
    return path, fit(world, **{**SMALL, "epochs": 15, "lr": 2e-3})


def test_multiple_choice(quiz):
    path, run = quiz
    clips = Clips(path)
    found = training.evaluate_choices(run.model, clips)
    assert found["questions"] == 40 and found["options"] == 5 and found["chance"] == 20
    # trap 20: on Python 3 the original compared with an array that held an iterator, and no answer was ever right
    assert found["accuracy"][0] > 50 and found["accuracy"][1] > 20
    # one question at a time, by hand
    right = 0
    for clip, options, answer in zip(*(clips.choices[n] for n in ("clip", "captions", "answer")), strict=True):
        scores = run.model(*clips.text(options), *clips.video([int(clip)] * 5), conf=False)
        right += int(scores.argmax()) == int(answer)
    assert found["accuracy"][0] == pytest.approx(100 * right / 40)
    for chunk in (1, 7):
        assert training.evaluate_choices(run.model, clips, chunk=chunk)["accuracy"] == found["accuracy"]


def test_alike_sentences_are_no_answer(quiz, world):
    """A model that gives every sentence the same score knows nothing; whoever takes the first one is right in 20 %."""
    path, run = quiz
    model = run.model

    class Constant(torch.nn.Module):
        experts = model.experts
        embed_text, embed_video = model.embed_text, model.embed_video

        def score(self, text, video, conf=True):
            return torch.zeros(len(text[1]))

    assert training.evaluate_choices(Constant(), Clips(path))["accuracy"][0] == 0
    with pytest.raises(ValueError, match="no multiple-choice"):
        training.evaluate_choices(model, Clips(world))


def test_the_recipes_are_the_papers():
    """And each of the original's flags has its place beside them."""
    msrvtt = training.parse(["f.h5", "--recipe", "msrvtt"])
    assert (msrvtt.epochs, msrvtt.batch_size, msrvtt.lr, msrvtt.image_rate) == (100, 64, 4e-4, 0.5)
    lsmdc = training.parse(["f.h5", "--recipe", "lsmdc"])
    assert (lsmdc.epochs, lsmdc.batch_size, lsmdc.lr, lsmdc.image_rate) == (50, 512, 1e-4, "all")
    for options in (msrvtt, lsmdc):
        assert (options.lr_decay, options.margin) == (0.95, 0.2)
        assert (options.text_clusters, options.sequence_clusters) == (32, 16)
        assert options.max_words == 30 and options.loss == "max-margin" and not options.original
    changed = training.parse("f.h5 --epochs 7 --recipe msrvtt --lr 0.1".split())  # before it or after it
    assert (changed.epochs, changed.lr, changed.batch_size) == (7, 0.1, 64)
    said = training._settings(changed)
    assert "epochs 7*" in said and "lr 0.1*" in said and "batch size 64," in said
    assert "*" not in training._settings(lsmdc)


def test_every_image_once_an_epoch(path):
    clips = Clips(path)
    batches = training.Mixed(clips, clips.clips_in("train"), 16, torch.Generator(), clips, "all")
    seen = torch.cat([batch.clip for batch in batches])
    images = seen[seen >= len(clips)] - len(clips)
    assert images.sort().values.tolist() == clips.trainable(clips.clips_in("train")).tolist()


def test_the_shell_runs_a_recipe_and_answers_questions(path, quiz, tmp_path, capsys):
    out = tmp_path / "run"
    training.main(
        [str(path), "--recipe", "lsmdc", "--epochs", "2", "--images", str(path), "--choices", str(quiz[0])]
        + ["--out", str(out), "--no-progress"]
    )
    printed = capsys.readouterr().out
    assert "recipe lsmdc: epochs 2*, batch size 512, lr 0.0001" in printed
    assert "multiple choice: 40 questions, 5 sentences each" in printed
    report = json.loads((out / "metrics.json").read_text())
    assert report["choices"]["questions"] == 40 and report["config"]["image_rate"] == "all"


def test_original_computes_on_pads_and_zeros(path):
    """Against the same, written out: zeros in every sum, the mask in the score alone."""
    torch.manual_seed(0)
    clips = Clips(path)
    run = fit(path, **{**SMALL, "epochs": 1, "original": True, "max_words": 9, "max_rows": 8})
    model, batch = run.model.train(), clips.batch(torch.arange(12), generator=torch.Generator().manual_seed(0))
    words = torch.nn.functional.pad(batch.words, (0, 0, 0, 9 - batch.words.shape[1]))
    videos = dict(batch.videos)
    videos["motion"] = torch.nn.functional.pad(videos["motion"], (0, 0, 0, 8 - videos["motion"].shape[1]))

    def vlad(pool, x):
        rows = x.reshape(-1, x.shape[-1]) @ pool.clusters
        rows = (rows - rows.mean(0)) / (rows.var(0, unbiased=False) + 1e-5).sqrt()
        a = (rows * pool.batch_norm.weight + pool.batch_norm.bias).softmax(1).view(*x.shape[:2], -1)
        v = torch.stack([(a[..., k, None] * (x - pool.clusters2[0, :, k])).sum(1) for k in range(a.shape[-1])], 2)
        v = v / v.norm(dim=1, keepdim=True)
        return (v / v.flatten(1).norm(dim=1)[:, None, None]).flatten(1)

    def unit(u, x):
        x = x @ u.fc.weight.T + u.fc.bias
        g = x @ u.cg.fc.weight.T + u.cg.fc.bias
        g = (g - g.mean(0)) / (g.var(0, unbiased=False) + 1e-5).sqrt()
        x = x * torch.sigmoid(g * u.cg.batch_norm.weight + u.cg.batch_norm.bias)
        return x / x.norm(dim=1, keepdim=True)

    text = vlad(model.text_pooling, words)
    videos["motion"] = vlad(model.pooling["motion"], videos["motion"])
    weights = (text @ model.mee.moe_fc.weight.T + model.mee.moe_fc.bias).softmax(1)
    mask = torch.stack([batch.ind[name] for name in model.experts], 1)
    pairs = weights[:, None] * mask[None]
    pairs = pairs / pairs.sum(2, keepdim=True)
    by_hand = sum(
        pairs[..., i] * (unit(model.mee.text_GU[n], text) @ unit(model.mee.video_GU[n], videos[n]).T)
        for i, n in enumerate(model.experts)
    )
    assert not mask.all()
    assert_close(model(*batch.text, *batch.video), by_hand, atol=1e-5, rtol=1e-4)


def test_original_differs_where_it_says(path, tmp_path):
    clips = Clips(path)
    plain, original = (fit(path, **SMALL, original=o, out=tmp_path / str(o)) for o in (False, True))
    assert original.config["original"] and not same(plain.model.state_dict(), original.model.state_dict())
    # pads: what stands beside a sentence changes it there, and not here
    words, mask = clips.text([2])
    model, pad = original.model, (0, 0, 0, 40)
    for m, alike in ((plain.model, True), (model, False)):
        beside = m.embed_text(torch.nn.functional.pad(words, pad), torch.nn.functional.pad(mask, (0, 40)))
        assert torch.allclose(m.embed_text(words, mask)[0]["appearance"], beside[0]["appearance"], atol=1e-3) == alike
    # what is saved comes back as what it was
    again, _ = load_model(tmp_path / "True/model.pt")
    assert type(again).__name__ == "OriginalNetwork" and again.max_words == 30
    assert same(again.state_dict(), model.state_dict())
    # silence is sound
    there = training.heard(clips).present
    assert there[:, clips.present.shape[1] - 1].all() and not clips.present.all()
    with pytest.raises(ValueError, match="max-margin"):
        fit(path, **SMALL, original=True, loss="info-nce")


def test_original_loss_counts_the_diagonal_and_what_is_alike():
    scores = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    by_hand = sum(
        max(0.0, 0.2 + float(scores[i, j] - scores[k, k])) for i in range(6) for j in range(6) for k in (i, j)
    ) / (2 * 36)
    alike = torch.zeros(6, dtype=torch.long)
    assert float(training.OriginalLoss(0.2)(scores, alike, alike)) == pytest.approx(by_hand, abs=1e-6)
