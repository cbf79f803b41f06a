"""Training: it learns, it resumes bit for bit, its files are safe; and ``mee train``."""

import json
from dataclasses import asdict, fields, replace

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mee import cli
from mee.config import RECIPES, TrainConfig
from mee.evaluate import embed, evaluate, evaluate_choices, results_table, score_in_chunks
from mee.metrics import retrieval_metrics
from mee.model import ModelConfig, TextEmbedding, VideoEmbedding, VideoTextMEE
from mee.storage import Checkpoint, CheckpointError, ClipWriter, load_model, read_clips, save_model
from mee.train import build_model, fit, fit_clips, prepare, train_step, validation_score

SMALL = {"epochs": 4, "batch_size": 16, "text_clusters": 4, "sequence_clusters": 2, "progress": False}
LONGER = {**SMALL, "epochs": 15, "lr": 2e-3}


@pytest.fixture(scope="module")
def clips(world):
    return read_clips(world)


@pytest.fixture(scope="module")
def small(clips, tmp_path_factory):
    """A short run, and the folder with its files, to read only."""
    folder = tmp_path_factory.mktemp("small")
    return fit_clips(clips, **SMALL, callbacks=[Checkpoint(folder)]), folder


@pytest.fixture(scope="module")
def longer(clips):
    return fit_clips(clips, **LONGER)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def values(metrics):
    """Without the intervals."""
    return {name: value for name, (value, _, _) in metrics.items()}


def in_folder(folder, clips, resume=False, **options):
    return fit_clips(clips, callbacks=[Checkpoint(folder, resume)], **{**SMALL, **options})


# -------------------------------------------------------------------------------------------------------- the loop


def test_it_learns_and_beats_chance(clips, longer):
    assert longer.history[-1]["loss"] < 0.7 * longer.history[0]["loss"]
    metrics = evaluate(longer.model, clips, "test")
    for direction in ("t2v", "v2t"):
        assert metrics[direction]["R@10"][1] > metrics["chance"][direction]["R@10"]  # the whole interval
    assert metrics["chance"]["t2v"]["R@1"] == pytest.approx(100 / 30)
    # the weights that are kept are those of the best epoch
    assert longer.best == 1 + max(range(15), key=lambda i: validation_score(longer.history[i]["val"]))
    again = evaluate(longer.model, clips, "val", bootstrap=0)
    assert values(again["t2v"]) == values(longer.history[longer.best - 1]["val"]["t2v"])
    assert not longer.model.training and longer.words is clips.words


def test_bfloat16_learns_the_same(clips):
    exact, half = (fit_clips(clips, **LONGER, expert_loss=0.2, amp=amp) for amp in (False, True))
    assert {x.dtype for x in half.model.state_dict().values()} == {torch.float32, torch.int64}
    losses = [[row["loss"] for row in run.history] for run in (exact, half)]
    assert losses[0] != losses[1] == pytest.approx(losses[0], rel=0.1)
    recalls = [evaluate(run.model, clips, "test")["t2v"]["R@10"] for run in (exact, half)]
    assert recalls[0][1] < recalls[1][0] < recalls[0][2]  # inside the other's interval


def test_the_same_seed_the_same_weights(world, clips, small):
    torch.manual_seed(123)
    before = torch.get_rng_state()
    state = small[0].model.state_dict()
    for other, options in ((clips, {"config": TrainConfig()}), (read_clips(world), {"stream": True})):
        assert same(state, fit_clips(other, **SMALL, **options).model.state_dict())
    assert not same(state, fit_clips(clips, **SMALL, seed=1).model.state_dict())
    assert torch.equal(torch.get_rng_state(), before)


def test_fit_is_the_loop_and_tells_its_callbacks(clips, small):
    """``fit_clips`` is ``prepare`` and ``fit``; a step of one's own takes the place of the usual one."""
    told, steps = [], []

    class Tell:  # a callback has whichever methods it likes
        def begin(self, run):
            told.append(len(run.history))

        def epoch_end(self, run):
            told.append((run.history[-1]["epoch"], len(run.history), run.model.training))

    def step(model, batch, loss, config):
        steps.append(len(batch))
        return train_step(model, batch, loss, config)

    config = TrainConfig(**{k: v for k, v in SMALL.items() if k != "progress"})
    model, batches, loss, validate = prepare(clips, config)
    run = fit(model, batches, loss, config, validate, [Tell()], step)
    assert same(run.model.state_dict(), small[0].model.state_dict()) and run.config == config
    assert told == [0, *((epoch, epoch, True) for epoch in range(1, 5))]
    assert steps == 4 * [16, 16, 16, 16, 16, 16, 4]
    rates = run.optimizer.param_groups[0]["lr"]
    assert rates == pytest.approx(config.lr * config.lr_decay**4)


def test_experts_clips_images_and_a_network_of_ones_own(clips, tmp_path):
    with ClipWriter(tmp_path / "images.h5", {"appearance": ("vector", 10)}, clips.words) as out:
        for i in range(20):
            out.add(f"i{i}", "train", {"appearance": np.arange(10) / 10}, ["a red ball"])
    images, made = read_clips(tmp_path / "images.h5"), []

    def network(config):
        made.append(config)
        return VideoTextMEE(replace(config, gating=False))

    options = {"train": torch.arange(40), "val": [], "network": network, "dim": 7, "max_frames": 3}
    run = fit_clips(clips, images, experts=["appearance"], **SMALL, **options)
    assert run.model.experts == ["appearance"] and made[0].experts == {"appearance": (10, 7)}
    assert (made[0].max_frames, run.model.config.gating) == (3, False)
    assert run.best == 4 and "val" not in run.history[0]  # no validation: the last epoch
    assert len(run.batches) == 4  # 40 clips, 20 images
    for rate, drawn in (("all", 20), (0.5, 20), (1.5, 60), (0, 0)):
        _, batches, *_ = prepare(clips, replace(run.config, image_rate=rate), images, train=torch.arange(40))
        assert sum(int((batch.clip >= len(clips)).sum()) for batch in batches) == drawn


def test_wrong_arguments(clips, tmp_path):
    for options, message in (
        ({"experts": ["smell"]}, r"has no expert \['smell'\]; it has \['appearance', 'motion'\]"),
        ({"loss": "mse"}, "loss must be one of"),
        ({"batch_size": 1}, "at least 2"),
        ({"train": [3]}, "1 clips to train on"),
    ):
        with pytest.raises(ValueError, match=message):
            fit_clips(clips, **{**SMALL, **options})
    with pytest.raises(TypeError, match="epoch"):
        fit_clips(clips, epoch=3)


# -------------------------------------------------------------------------------------------------- evaluation


def test_embeddings_and_scores_do_not_depend_on_how_they_are_cut(clips, small):
    model, clip_ids = small[0].model, clips.clips_in("test")
    captions, positive_clip = clips.captions_of(clip_ids)
    scores = model(*clips.text(captions), *clips.video(clip_ids)).detach()
    text, video = embed(model, clips, captions, clip_ids, chunk=7)
    assert_close(score_in_chunks(model, text, video, chunk=7), scores)
    texts, videos = torch.tensor([5, 80, 2]), torch.arange(20, 3, -2)
    assert_close(score_in_chunks(model, text, video, texts, videos, chunk=2), scores[texts][:, videos])
    expected = retrieval_metrics(scores, positive_clip, bootstrap=50)
    for chunk in (512, 7):
        metrics = evaluate(model, clips, "test", bootstrap=50, chunk=chunk)
        # clips share sentences: in v2t these tie, and the rounding of another chunk decides between them
        for direction in ("t2v", "v2t") if chunk == 512 else ("t2v",):
            assert values(metrics[direction]) == pytest.approx(values(expected[direction]), abs=0.05)
    shown = results_table(metrics)
    assert len(shown.splitlines()) == 5 and "{:.1f} [{:.1f}, {:.1f}]".format(*metrics["t2v"]["R@5"]) in shown
    with pytest.raises(ValueError, match="0 clips to evaluate on, none with a caption"):
        evaluate(model, clips, torch.arange(0))


def test_evaluation_uses_the_named_experts_and_the_models_limits(clips, small):
    model, clip_ids = small[0].model, clips.clips_in("test")
    captions, _ = clips.captions_of(clip_ids)
    _, video = embed(model, clips, captions, clip_ids, experts=["motion"])
    assert not video.mask[:, model.experts.index("appearance")].any() and video.mask.any()
    short = build_model(replace(model.config, max_words=1, max_frames=2), 0)
    short.load_state_dict(model.state_dict())
    text, video = embed(short.eval(), clips, captions, clip_ids)
    assert_close(text, model.embed_text(*clips.text(captions, 1)))
    assert_close(video, model.embed_video(*clips.video(clip_ids, max_frames=2)))


def test_evaluating_leaves_the_model_as_it_was(clips):
    model = build_model(fit_clips(clips, **{**SMALL, "epochs": 1}).model.config, 0).train()
    before = [x.clone() for x in model.buffers()]
    evaluate(model, clips, "val", bootstrap=0)
    assert model.training and torch.is_grad_enabled()
    assert_close(before, list(model.buffers()), rtol=0, atol=0)


@pytest.fixture(scope="module")
def quiz(clips, tmp_path_factory):
    """The world's test clips with 40 questions."""
    g, path = np.random.default_rng(1), tmp_path_factory.mktemp("quiz") / "quiz.h5"
    clip_ids = clips.clips_in("test").tolist()
    sentence = {i: clips.texts[int(clips.captions_of([i])[0][0])] for i in clip_ids}
    with ClipWriter(path, {n: (e.kind, e.dim) for n, e in clips.experts.items()}, clips.words) as out:
        for i in clip_ids:
            features = {n: e.features[e.offsets[i] : e.offsets[i + 1]].numpy() for n, e in clips.experts.items()}
            out.add(clips.ids[i], "test", features)
        for n in range(40):
            i = clip_ids[n % len(clip_ids)]
            wrong = sorted(set(sentence.values()) - {sentence[i]})
            options, answer = list(g.choice(wrong, 4, replace=False)), int(g.integers(5))
            out.add_choice(clips.ids[i], [*options[:answer], sentence[i], *options[answer:]], answer)
    return path


def test_multiple_choice(quiz, clips, longer):
    questions, model = read_clips(quiz), longer.model
    answers = evaluate_choices(model, questions)
    assert answers["questions"] == 40 and answers["options"] == 5 and answers["chance"] == 20
    # on Python 3 the original compared with an array that held an iterator, and no answer was ever right
    assert answers["accuracy"][0] > 50 and answers["accuracy"][1] > 20
    right = 0  # one question at a time, by hand
    for clip, options, answer in zip(*(questions.choices[n] for n in ("clip", "captions", "answer")), strict=True):
        scores = model(*questions.text(options), *questions.video([int(clip)] * 5), conf=False)
        right += int(scores.argmax()) == int(answer)
    assert answers["accuracy"][0] == pytest.approx(100 * right / 40)
    for chunk in (1, 7):
        assert evaluate_choices(model, questions, chunk=chunk)["accuracy"] == answers["accuracy"]
    with pytest.raises(ValueError, match="no multiple-choice"):
        evaluate_choices(model, clips)


def test_alike_sentences_are_no_answer(quiz):
    """A model that gives every sentence the same score knows nothing; whoever takes the first one is right in 20 %."""

    class Constant(torch.nn.Module):
        experts, config = ["motion"], ModelConfig({"motion": (6, 6)}, 12, {"motion": 2})

        def embed_text(self, words, mask):
            return TextEmbedding({"motion": words[:, 0]}, torch.ones(len(words), 1))

        def embed_video(self, videos, ind, masks):
            return VideoEmbedding({"motion": videos["motion"][:, 0]}, ind["motion"][:, None])

        def score(self, text, video, conf=True):
            return torch.zeros(len(text.weights))

    assert evaluate_choices(Constant(), read_clips(quiz))["accuracy"][0] == 0


# ------------------------------------------------------------------------------------------------------ checkpoints


@pytest.mark.parametrize("loss", ["max-margin", "info-nce"])
def test_resume_bit_for_bit(clips, tmp_path, loss):
    whole = in_folder(tmp_path / "whole", clips, loss=loss)
    in_folder(tmp_path / "parts", clips, loss=loss, epochs=1)
    in_folder(tmp_path / "parts", clips, loss=loss, epochs=3, resume=True)
    parts = in_folder(tmp_path / "parts", clips, loss=loss, resume=True)
    assert same(whole.model.state_dict(), parts.model.state_dict())
    a, b = (torch.load(tmp_path / d / "last.pt", weights_only=True) for d in ("whole", "parts"))
    assert same(a["model"], b["model"]) and torch.equal(a["generator"], b["generator"])
    for key, state in a["optimizer"]["state"].items():
        assert same(state, b["optimizer"]["state"][key])
    assert a["scheduler"] == b["scheduler"]
    histories = [[{k: v for k, v in row.items() if k != "seconds"} for row in run.history] for run in (whole, parts)]
    assert repr(histories[0]) == repr(histories[1])  # NaN is not itself, but reads so
    for folder in ("whole", "parts"):
        assert same(load_model(tmp_path / folder / "model.pt")[0].state_dict(), whole.model.state_dict())


def test_a_model_file_is_enough_for_a_typed_sentence(clips, small, tmp_path):
    run, folder = small
    model, words = load_model(folder / "model.pt")
    assert not model.training and model.config == run.model.config
    assert same(model.state_dict(), run.model.state_dict())
    expected = run.model.embed_text(*clips.words.batch(["a blue ball jumps", "the ball turns"]))
    assert_close(model.embed_text(*words.batch(["a blue ball jumps", "the ball turns"])), expected)
    assert_close(model.embed_text(*words.batch(["the ball turns"])).weights, expected.weights[1:])
    save_model(tmp_path / "plain.pt", model)  # captions may be vectors, without words
    again, words = load_model(tmp_path / "plain.pt")
    assert words is None and same(again.state_dict(), model.state_dict())


def test_a_checkpoint_of_another_run_is_refused(clips, tmp_path):
    with pytest.raises(CheckpointError, match=r"last\.pt: no such file"):
        in_folder(tmp_path, clips, resume=True)
    in_folder(tmp_path, clips, epochs=1)
    with pytest.raises(CheckpointError, match=r"last\.pt: made with another lr, margin"):
        in_folder(tmp_path, clips, resume=True, lr=1.0, margin=0.3)
    with pytest.raises(CheckpointError, match="made with another experts"):
        in_folder(tmp_path, clips, resume=True, experts=("motion",))


def test_a_folder_is_tried_before_the_first_epoch(clips, tmp_path, monkeypatch):
    monkeypatch.setattr("mee.train.batch_loss", lambda *_: pytest.fail("training has begun"))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match="file/run: cannot be written"):
        in_folder(tmp_path / "file/run", clips)


def test_a_loss_that_explodes_says_so_and_keeps_the_last_good_file(clips, tmp_path):
    in_folder(tmp_path, clips, epochs=1)
    before = (tmp_path / "last.pt").read_bytes()
    with pytest.raises(FloatingPointError, match="smaller lr"):
        in_folder(tmp_path, clips, lr=float("inf"))
    assert (tmp_path / "last.pt").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["last.pt", "model.pt"]


def test_files_that_are_no_model(small, tmp_path):
    """Damage and code in a file: also experiments/faults, of which test_faults.py runs a round."""
    run, folder = small
    model = {"format": "mee-model", "version": 2, "config": asdict(run.model.config), "words": None, "vectors": None}
    (tmp_path / "cut.pt").write_bytes((folder / "model.pt").read_bytes()[:-2000])
    torch.save({**model, "model": {}}, tmp_path / "other.pt")
    torch.save({**model, "version": 1}, tmp_path / "old.pt")
    for path, message in (
        (tmp_path / "cut.pt", "not a checkpoint, or a damaged one"),
        (tmp_path / "other.pt", "its parts do not fit together"),
        (tmp_path / "old.pt", "not a model file"),
        (folder / "last.pt", "not a model file"),
    ):
        with pytest.raises(CheckpointError, match=f"{path.name}: {message}"):
            load_model(path)


# ---------------------------------------------------------------------------------------------------- the command


def parse(line):
    return cli.parse(["train", "f.h5", *line.split()])


def test_every_field_of_the_config_is_a_flag():
    assert parse("").config == TrainConfig()
    for field in fields(TrainConfig):
        flag = "--" + field.name.replace("_", "-")
        value = {"loss": "info-nce", "score": "paper", "experts": "face audio", "device": "cpu"}.get(field.name, "7")
        if isinstance(field.default, bool) or field.name == "fast":
            for line, expected in ((flag, True), (flag.replace("--", "--no-", 1), False)):
                assert getattr(parse(line).config, field.name) is expected  # a flag, not a str that is always true
        else:
            given = getattr(parse(f"{flag} {value}").config, field.name)
            assert given == (("face", "audio") if field.name == "experts" else type(given)(value))
    assert parse("--image-rate all").config.image_rate == "all"
    assert parse("--score calibrated --loss info-nce").config.score == "calibrated"
    for line in ("--loss mse", "--score calibrated"):
        with pytest.raises(SystemExit):
            parse(line)


def test_the_recipes_are_the_papers():
    msrvtt, lsmdc = (parse(f"--recipe {name}").config for name in RECIPES)
    assert (msrvtt.epochs, msrvtt.batch_size, msrvtt.lr, msrvtt.image_rate) == (100, 64, 4e-4, 0.5)
    assert (lsmdc.epochs, lsmdc.batch_size, lsmdc.lr, lsmdc.image_rate) == (50, 512, 1e-4, "all")
    assert (msrvtt.max_frames, lsmdc.max_frames) == (30, None)
    for config in (msrvtt, lsmdc):
        assert (config.lr_decay, config.margin, config.loss) == (0.95, 0.2, "max-margin")
        assert (config.text_clusters, config.sequence_clusters, config.max_words) == (32, 16, 30)
    for line in ("--epochs 7 --recipe msrvtt --lr 0.1", "--recipe msrvtt --lr 0.1 --epochs 7"):
        assert parse(line).config == replace(msrvtt, epochs=7, lr=0.1)


def test_mee_train(world, tmp_path, capsys):
    line = ["train", str(world), "--epochs", "3", "--batch-size", "16", "--text-clusters", "4", "--no-progress"]
    out = tmp_path / "run"
    cli.main([*line, "--out", str(out), "--no-learned-weights"])
    printed = capsys.readouterr().out
    assert "test: 30 clips, 90 captions" in printed and "chance" in printed
    report = json.loads((out / "metrics.json").read_text())
    assert report["config"]["learned_weights"] is False and report["config"]["gating"] is True
    assert len(report["history"]) == 3
    value, low, high = report["test"]["t2v"]["R@5"]
    assert low <= value <= high and f"{value:.1f} [{low:.1f}, {high:.1f}]" in printed
    cli.main([*line, "--out", str(out), "--no-learned-weights", "--resume"])
    # the same numbers from the file that it wrote
    cli.main(["evaluate", str(out / "model.pt"), str(world), "--json", str(tmp_path / "again.json")])
    again = json.loads((tmp_path / "again.json").read_text())
    assert again["t2v"] == report["test"]["t2v"] and "test: 30 clips" in capsys.readouterr().out
    for arguments, message in (
        (["train", str(tmp_path / "none.h5")], "mee train: .*none.h5.*no such file"),
        ([*line, "--out", str(out), "--resume"], "mee train: .*another learned_weights"),
        ([*line, "--resume"], "mee train: --resume needs --out"),
        (["evaluate", str(world), str(world)], "mee evaluate: .*not a checkpoint"),
    ):
        with pytest.raises(SystemExit, match=message):
            cli.main(arguments)


def test_mee_train_runs_a_recipe_and_answers_questions(world, quiz, tmp_path, capsys):
    out = tmp_path / "run"
    options = ["--recipe", "lsmdc", "--epochs", "2", "--images", str(world), "--choices", str(quiz)]
    cli.main(["train", str(world), *options, "--out", str(out), "--no-progress"])
    printed = capsys.readouterr().out
    assert "recipe lsmdc: epochs 2*, batch size 512, lr 0.0001" in printed and "(* not the recipe's)" in printed
    assert "multiple choice: 40 questions, 5 sentences each" in printed
    report = json.loads((out / "metrics.json").read_text())
    assert report["choices"]["questions"] == 40 and report["config"]["image_rate"] == "all"
    assert len(report["history"]) == 2 and report["history"][0]["loss"] > 0
