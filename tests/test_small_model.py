"""The small model that comes with the book: it loads, reads what the clips' captions say, and finds clips."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import lesson
import pytest
import torch

from mee import ModelConfig, VideoTextMEE, Words, load_model, ranks, read_clips, save_model
from mee.calibration import Calibration
from mee.demo import SearchService
from mee.evaluate import embed
from mee.model import TextEmbedding

ROOT = Path(__file__).parents[1]
FILE = ROOT / "notebooks" / "data" / "tinyclips_model.pt"


@pytest.fixture(scope="module")
def clips():
    return read_clips(ROOT / "notebooks" / "data" / "tinyclips.h5")


@pytest.fixture(scope="module")
def loaded():
    return load_model(FILE)


def test_it_is_small_and_knows_the_clips_vocabulary(clips, loaded):
    model, words = loaded
    assert FILE.stat().st_size < 4e6
    assert words.words == clips.words.words and torch.equal(words.vectors, clips.words.vectors)
    assert model.experts == sorted(clips.experts) and not model.training
    assert {x.dtype for x in model.parameters()} == {torch.float16}


@pytest.mark.parametrize("calibrated", [False, True])
def test_it_finds_the_clip_of_a_caption_far_more_often_than_chance(clips, calibrated):
    val = clips.clips_in("val")
    captions, positive_clip = clips.captions_of(val)
    model = load_model(FILE)[0].float()
    text, video = embed(model, clips, captions, val)
    found = ranks(model.score(text, video, calibration=model.calibration if calibrated else None), positive_clip)
    chance = 10 / len(val)
    assert (found <= 10).double().mean() > 30 * chance


def test_half_precision_as_it_lies_finds_the_same(clips, loaded):
    model, words = loaded
    some = clips.clips_in("val")[:60]
    one = SearchService(model, clips, words, some).answer("waves crash on the beach", k=5)
    other = SearchService(load_model(FILE)[0].float(), clips, words, some).answer("waves crash on the beach", k=5)
    assert [hit.id for hit in one.hits] == [hit.id for hit in other.hits]


def test_the_script_that_makes_it_keeps_scores_and_halves_the_file(tmp_path):
    torch.manual_seed(0)
    model = VideoTextMEE(ModelConfig({"face": (6, 16), "audio": (4, 16)}, 5, text_clusters=2)).eval()
    vectors = {name: torch.nn.functional.normalize(torch.randn(900, 16), dim=1) for name in model.experts}
    sample = TextEmbedding(vectors, torch.full((900, 2), 0.5))
    identity = {name: torch.eye(16) / 16 for name in model.experts}
    model.calibration = Calibration({name: x.mean(0) for name, x in vectors.items()}, identity, sample)
    save_model(tmp_path / "large.pt", model, Words(["a", "b"], torch.randn(2, 5)))
    script = ROOT / "data_scripts" / "small_model.py"
    command = [sys.executable, script, tmp_path / "large.pt", tmp_path / "small.pt"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "small.pt: 0.0 MB" in done.stdout or "small.pt: 0.1 MB" in done.stdout
    assert (tmp_path / "small.pt").stat().st_size < 0.6 * (tmp_path / "large.pt").stat().st_size
    small, words = load_model(tmp_path / "small.pt")
    assert len(small.calibration.captions.weights) == 500 and words.words == ["a", "b"]
    small = small.float()
    for name, x in model.state_dict().items():
        if not name.startswith("calibration."):
            torch.testing.assert_close(small.state_dict()[name], x, rtol=1e-3, atol=1e-4)


def test_results_show_pictures_parts_and_say_what_they_are(clips, monkeypatch):
    shown = []
    monkeypatch.setattr(lesson, "show", lambda figure, alt, caption="": shown.append((figure, alt)))
    model, words = load_model(FILE)
    hits = SearchService(model.float(), clips, words, clips.clips_in("test")[:40], score="paper").answer("a boat").hits
    lesson.results(clips, hits[:3])
    lesson.results(replace(clips, facts=None), hits[:1])
    lesson.results(clips, hits[:2], right={hits[0].id})
    (figure, alt), (_, by_caption), (_, judged) = shown
    assert judged.startswith("1. right: ") and " 2. wrong: " in judged
    assert len(figure.axes) == 12 and all(
        axis.images for axis in figure.axes if axis.get_subplotspec().colspan.start < 3
    )
    number = clips.ids.index(hits[0].id)
    assert alt.startswith(f"1. {lesson.describe(clips.facts[number])}; most of its score comes from ")
    assert by_caption.startswith(f"1. {clips.texts[int(clips.captions_of([number])[0][0])]}; most")
    for hit, bars in zip(hits, figure.axes[3::4], strict=False):
        assert sum(bar.get_width() for bar in bars.patches) == pytest.approx(hit.score, abs=1e-4)


def test_results_of_nothing_say_so(clips, capsys):
    lesson.results(clips, [])
    assert "nothing was found" in capsys.readouterr().out


def test_a_film_plays_in_the_page(clips, monkeypatch):
    pytest.importorskip("av")
    shown = []
    monkeypatch.setattr(lesson, "_display", lambda *arguments, **named: shown.append(arguments[0]))
    facts = clips.facts[clips.ids.index("test_0081")]
    lesson.play(facts)
    player = shown[0]
    assert "data:video/mp4;base64," in player and f'aria-label="{lesson.describe(facts)}"' in player


def test_facts_in_a_line():
    thing = {"shape": "boat", "colour": "red", "motion": "left", "speed": None}
    face = {"hair": "grey", "style": "bald", "expression": "sad"}
    facts = {"things": [thing], "place": "space", "time": None, "sound": "tune_up", "face": face}
    assert lesson.describe(facts) == "red boat; space; tune up; a sad face, bald"
    assert lesson.describe({**facts, "face": None}).endswith("; no face")
