"""The committed TinyClips file is what its scripts, rendered and extracted again, give."""

import io
import json
from importlib.metadata import version
from pathlib import Path

import extract
import make_tinyclips
import numpy as np
import pytest
import torch
from PIL import Image

from mee.data import tokenize
from mee.storage import problems, read_clips

ROOT = Path(__file__).parents[1]
FILMS, STILLS = (ROOT / "notebooks/data" / name for name in ("tinyclips.h5", "tinyclips_stills.h5"))


@pytest.fixture(scope="module")
def films():
    return read_clips(FILMS)


@pytest.fixture(scope="module")
def stills():
    return read_clips(STILLS)


def test_good_files_and_small_ones():
    assert problems(FILMS) == problems(STILLS) == []
    assert FILMS.stat().st_size + STILLS.stat().st_size <= 20e6


def test_what_is_in_them(films, stills):
    assert [len(films.clips_in(split)) for split in ("train", "val", "test")] == [2000, 500, 500]
    assert len(stills) == len(stills.clips_in("train")) == 1000
    assert {name: expert.kind for name, expert in films.experts.items()} == {
        "appearance": "vector", "audio": "sequence", "face": "vector", "motion": "vector"}  # fmt: skip
    captions = torch.bincount(films.caption_clip)
    assert captions.min() >= 3 and captions.max() <= 5
    assert not stills.present[:, [list(stills.experts).index(name) for name in ("audio", "motion")]].any()
    missing = {name: float((~films.present[:, i]).double().mean()) for i, name in enumerate(films.experts)}
    assert missing["appearance"] == missing["motion"] == 0
    assert 0.4 < missing["face"] < 0.6 and 0.05 < missing["audio"] < 0.2
    # what is missing is what the script says is not there, and no caption talks about it
    column = {name: i for i, name in enumerate(films.experts)}
    assert [facts["face"] is not None for facts in films.facts] == films.present[:, column["face"]].tolist()
    assert not (films.mentions & ~films.present[films.caption_clip]).any()


def test_typed_words_that_no_caption_has(films):
    captions = {word for text in films.texts for word in tokenize(text)}
    unseen = ["woman", "children", "dog", "football", "train", "music", "river", "hospital", "winter"]
    assert not captions & set(unseen)
    assert [word for word in unseen if word not in films.words.index] == []
    assert sum(len(films.words.unknown(text)) for text in films.texts) == 0


def test_storyboards_can_be_looked_at(films, stills):
    for clips, i, pictures in ((films, 0, 1), (films, 2000, 3), (films, 2999, 3), (stills, 999, 1)):
        board = clips.storyboard(i)
        assert len(board) == pictures
        for picture in board:
            assert Image.open(io.BytesIO(picture)).size == (64, 48)


@pytest.mark.parametrize("number", [0, 777, 1999, 2300, 2600, 2999])
def test_a_film_rendered_and_extracted_again(films, number, tmp_path):
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = all(f"{name}=={version(name)}" in constraints for name in ("av", "opencv-python-headless"))
    script = next(s for s in make_tinyclips.scripts(0) if s.id == films.ids[number])
    assert json.loads(json.dumps(script.to_dict())) == films.facts[number]
    frames, audio, fps, rate, box = make_tinyclips.render(script, 0)
    make_tinyclips.write_mp4(tmp_path / "film.mp4", frames, audio, fps, rate)
    again = extract.extract(tmp_path / "film.mp4", face_box=box)
    videos, ind, _ = films.video([number])
    for name in films.experts:
        assert (again.get(name) is not None) == bool(ind[name])
        if ind[name]:
            kept, fresh = videos[name][0].numpy(), np.asarray(again[name], "f4")
            if not pinned and kept.ndim == 2:  # another FFmpeg may pad the sound to a row more
                assert abs(len(kept) - len(fresh)) <= 1
                kept, fresh = (x[: min(len(kept), len(fresh))] for x in (kept, fresh))
            assert kept.shape == fresh.shape
            # .8 % is the most that rounding can do; the film's bytes are the same wherever the packages are. Another
            # x264, or another OpenCV, moved appearance by 9 %. Another film is many times further away.
            off = np.linalg.norm(kept - fresh)
            assert off < (0.01 if pinned else 0.15) * np.linalg.norm(fresh), name
            if films.experts[name].kind == "vector":
                others = films.experts[name].features.float().numpy()
                distances = np.sort(np.linalg.norm(others - fresh, axis=1))
                assert distances[0] == pytest.approx(off, rel=1e-3) and distances[1] > 2 * off, name
    captions = make_tinyclips.captions(script, 0)
    assert [text for text, _ in captions] == [films.texts[k] for k in films.captions_of([number])[0]]
