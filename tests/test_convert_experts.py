"""The converter of collaborative-experts' archives: on small ones of our own, with their names and structures."""

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from python2_pickle import dumps

from mee.data import tokenize
from mee.storage import problems, read_clips

sys.path.append(str(Path(__file__).parents[1] / "data_scripts"))
import convert_experts

DIMS = {"audio": 4, "face": 5, "i3d": 6, "ocr": 3, "r2p1d": 2, "resnext": 7, "scene": 9, "senet": 7, "speech": 3}
VECTORS = {
    w: v for w, v in zip("a man dog runs sits the".split(), np.random.default_rng(9).normal(size=(6, 5)), strict=True)
}
ROWS = np.ones((10, 6), "f2")
VISUAL = "25fps_256px_stride1_offset0"
FILES = {  # as in the archives' lists of contents
    "MSRVTT": {
        "audio": "aggregated_audio_feats/Audio_MSRVTT_new.pickle",
        "face": "aggregated_face_feats/facefeats-avg.pickle",
        "i3d": "aggregated_i3d_25fps_256px_stride25_offset0_inner_stride1/i3d-avg.pickle",
        "ocr": "aggregated_ocr_feats/ocr-raw.pickle",
        "r2p1d": "aggregated_r2p1d_30fps_256px_stride32_offset0_inner_stride1/r2p1d-ig65m-avg.pickle",
        "resnext": f"aggregated_imagenet_{VISUAL}/resnext101_32x48d-avg.pickle",
        "senet": f"aggregated_imagenet_{VISUAL}/senet154-avg.pickle",
        "scene": f"aggregated_scene_{VISUAL}/densenet161-avg.pickle",
        "speech": "aggregated_speech/speech-w2v.pickle",
    },
    "MSVD": {
        "face": "aggregated_face_feats/face-avg.pickle",
        "i3d": "aggregated_i3d_25fps_256px_stride25_offset0_inner_stride1/i3d-avg.pickle",
        "ocr": "aggregated_ocr_feats/ocr-w2v.pickle",
        "senet": f"aggregated_imagenet_{VISUAL}/senet154-avg.pickle",
    },
    "DiDeMo": {
        "audio": "aggregated_audio_feats/vggish-audio-raw.pickle",
        "face": "aggregated_facefeats_25fps_256px_stride1/face-avg.pickle",
        "ocr": "aggregated_ocr_feats/ocr-feats.pkl",
        "speech": "aggregated_speech_feats/stt_w2v.pickle",
        "scene": f"aggregated_scene_{VISUAL}/densenet161-avg.pickle",
    },
    "activity-net": {
        "audio": "aggregated_audio/vggish-audio-raw.pickle",
        "ocr": "aggregated_ocr_feats/ocr-w2v.pkl",
        "speech": "aggregated_speech/goog_w2v-speech-raw.pickle",
        "senet": f"aggregated_imagenet_{VISUAL}/senet154-avg.pickle",
    },
}


def expert_store(module, keys, rows):
    """A pickle of the class ExpertStore, by a module that is not there any more when it is read."""

    class ExpertStore:
        pass

    ExpertStore.__module__, ExpertStore.__qualname__ = module, "ExpertStore"
    names = [module.rsplit(".", i)[0] for i in range(module.count(".") + 1)]
    hidden = {name: sys.modules.get(name) for name in names}
    for name in names:
        sys.modules[name] = type(sys)(name)
    sys.modules[module].ExpertStore = ExpertStore
    try:
        store = ExpertStore()
        store.keys, store.dim, store.store_dtype, store.store = keys, rows.shape[1], np.float16, rows
        store.keymap, store.missing = {key: i for i, key in enumerate(keys)}, set()
        return pickle.dumps(store, protocol=3)
    finally:
        for name, module in hidden.items():
            del sys.modules[name]
            if module is not None:
                sys.modules[name] = module


class Archive:
    """An unpacked archive of ten clips: six to train, two to validate, two to test."""

    def __init__(self, folder, name):
        self.root, self.g = folder, np.random.default_rng(0)
        self.folder = folder / "data" / name / "structured-symlinks"
        self.names = [f"video{i}" if name == "MSRVTT" else f"clip_{i}" for i in range(10)]
        self.features = {expert: self.expert(expert) for expert in FILES[name]}
        for expert, file in FILES[name].items():
            self.put(file, self.features[expert])
        self.texts = {
            v: [f"a man {'sits runs'.split()[i % 2]}", f"the dog {i} runs .", "a"] for i, v in enumerate(self.names)
        }
        raw = "raw-captions-train-val_1.pkl" if name == "activity-net" else "raw-captions.pkl"
        self.raw = self.put(raw, {v: [text.split() for text in texts] for v, texts in self.texts.items()})
        self.word_file = folder / "words.txt"
        self.word_file.write_text("".join(f"{w} {' '.join(map(str, v))}\n" for w, v in VECTORS.items()))

    def expert(self, name):
        """Vectors of (1, dim) or sequences; face, ocr and speech lack every other clip, as a NaN."""
        features = {}
        for i, clip in enumerate(self.names):
            rows = self.g.integers(1, 6) if convert_experts.EXPERTS[name][0] == "sequence" else 1
            missing = name in ("face", "ocr", "speech") and i % 2
            features[clip] = float("nan") if missing else self.g.normal(size=(rows, DIMS[name])).astype("f4")
        return features

    def put(self, file, content):
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol=3))
        return path

    def lists(self, ending="", **names):
        for name, numbers in names.items():
            self.put(f"{name}.txt", "\n".join(self.names[i] + ending for i in numbers).encode())

    def convert(self, name, *arguments):
        path = self.root / "out.h5"
        arguments = [name, self.root, "-o", path, "--dtype", "float32", *arguments]
        if "--text" not in arguments:
            arguments += ["--vectors", self.word_file]
        convert_experts.main([str(a) for a in arguments])
        assert not problems(path)
        return read_clips(path)


@pytest.fixture
def msrvtt(tmp_path):
    archive = Archive(tmp_path, "MSRVTT")
    archive.lists(train_list_full=range(6), val_list_full=(6, 7), test_list_full=(8, 9))
    archive.lists(
        train_list_miech=range(8), test_list_miech=(8, 9), train_list_jsfusion=range(7), val_list_jsfusion=(8, 9)
    )
    return archive


def check(archive, clips, skipped=()):
    """Every feature is where it was, and what was NaN is absent."""
    for row, clip in enumerate(clips.ids):
        videos, ind, masks = clips.video([row])
        for expert, features in archive.features.items():
            if expert in skipped:
                continue
            there = not isinstance(features[clip], float)
            assert bool(ind[expert]) == there
            if there:
                found = videos[expert][0][masks[expert][0]] if expert in masks else videos[expert]
                assert np.array_equal(found.numpy(), features[clip])


def said(clips, clip):
    return [clips.texts[i] for i in clips.captions_of([clips.ids.index(clip)])[0].tolist()]


def test_msrvtt(msrvtt):
    clips = msrvtt.convert("msrvtt")
    assert [len(clips.clips_in(split)) for split in ("train", "val", "test")] == [6, 2, 2]
    assert {name: e.dim for name, e in clips.experts.items()} == DIMS
    kinds = {name for name, e in clips.experts.items() if e.kind == "sequence"}
    assert kinds == {"audio", "ocr", "speech"}
    check(msrvtt, clips)
    assert int((~clips.present).sum()) == 15  # face, ocr and speech of every other clip, and nothing else
    assert all(said(clips, clip) == msrvtt.texts[clip] for clip in clips.ids)  # in split full all are asked for
    captions = clips.captions_of([0])[0]
    words, mask = clips.text(captions)
    for text, found, there in zip(msrvtt.texts["video0"], words, mask, strict=True):
        expected = [VECTORS[w] for w in tokenize(text) if w in VECTORS]
        assert np.array_equal(found[there].numpy(), np.array(expected, "f4"))


@pytest.mark.parametrize("module", ["datastructures", "utils.datastructures", "zsvision.zs_data_structures"])
def test_an_expert_store_is_read_without_its_class(msrvtt, module):
    """As dicts, but one array for all clips; a clip that was not seen is a row of NaN."""
    features = msrvtt.features["senet"]
    rows = np.stack([features[clip][0] for clip in msrvtt.names]).astype("f2")
    rows[3] = np.nan
    msrvtt.put(FILES["MSRVTT"]["senet"], expert_store(module, msrvtt.names[:9], rows[:9]))
    clips = msrvtt.convert("msrvtt")
    check(msrvtt, clips, skipped=["senet"])
    assert clips.experts["senet"].features.dtype.itemsize == 4
    column = list(clips.experts).index("senet")
    absent = {clips.ids[i] for i in range(len(clips)) if not clips.present[i, column]}
    assert absent == {"video3", "video9"}  # NaN, and a clip that it does not have
    for row, clip in enumerate(clips.ids):
        if clip not in absent:
            found = clips.video([row])[0]["senet"][0].numpy()
            assert np.array_equal(found, rows[msrvtt.names.index(clip)].astype("f4"))


def test_splits_of_a_thousand(msrvtt, capsys):
    clips = msrvtt.convert("msrvtt", "--split", "1k-B", "--val", 2)
    assert [len(clips.clips_in(split)) for split in ("train", "val", "test")] == [6, 2, 2]
    assert said(clips, "video8") == msrvtt.texts["video8"][:1]
    train = clips.ids[int(clips.clips_in("train")[0])]
    assert said(clips, train) == msrvtt.texts[train]  # learnt from are all
    msrvtt.convert("msrvtt", "--split", "1k-A", "--val", 0)
    assert "the first caption instead for 2 of 2 test clips" in capsys.readouterr().out
    (msrvtt.folder / "MSRVTT_JSFUSION_test.csv").write_text(
        "key,vid_key,video_id,sentence\nret0,msr8,video8,The  dog 8 runs\nret1,msr9,video9,a\n"
    )
    clips = msrvtt.convert("msrvtt", "--split", "1k-A", "--val", 0)
    assert "not quite" not in capsys.readouterr().out
    assert said(clips, "video8") == ["the dog 8 runs ."] and said(clips, "video9") == ["a"]
    (msrvtt.folder / "MSRVTT_JSFUSION_test.csv").unlink()
    msrvtt.put("jsfusion_val_caption_idx.pkl", {"video8": 1, "video9": np.int64(2)})
    clips = msrvtt.convert("msrvtt", "--split", "1k-A", "--val", 0)
    assert said(clips, "video8") == ["the dog 8 runs ."] and said(clips, "video9") == ["a"]
    clips = msrvtt.convert("msrvtt", "--split", "1k-A", "--val", 0, "--test-captions", "all")
    assert said(clips, "video8") == msrvtt.texts["video8"]


def test_the_papers_own_features(msrvtt):
    """Another copy of them: the paper's names, its split, and an absent face as a NaN."""
    g, names = np.random.default_rng(1), msrvtt.names
    paper = {
        "appearance": ("resnet_features", {v: g.normal(size=8).astype("f4") for v in names}),
        "motion": ("flow_features", {v: g.normal(size=6).astype("f4") for v in names}),
        "audio": ("audio_features", {v: g.normal(size=(i + 1, 4)).astype("f4") for i, v in enumerate(names)}),
        "face": ("facefeats-clone", {v: float("nan") if i < 4 else g.normal(size=5) for i, v in enumerate(names)}),
    }
    for file, features in paper.values():
        msrvtt.put(f"antoine/{file}.pickle", dumps(features))
    clips = msrvtt.convert("msrvtt", "--paper", "--val", 0)
    assert list(clips.experts) == ["appearance", "audio", "face", "motion"] and "split 1k-B" in clips.title
    assert len(clips.captions_of(clips.clips_in("test"))[0]) == 2
    assert (~clips.present[:, 2]).sum() == 4
    for row, clip in enumerate(clips.ids):
        videos, ind, masks = clips.video([row])
        assert np.array_equal(videos["motion"][0].numpy(), paper["motion"][1][clip])
        assert np.array_equal(videos["audio"][0][masks["audio"][0]].numpy(), paper["audio"][1][clip])


def test_only_some_experts(msrvtt):
    assert list(msrvtt.convert("msrvtt", "--experts", "scene", "audio").experts) == ["audio", "scene"]
    with pytest.raises(SystemExit, match=r"experts \['flow'\]: no file; there are \['audio', 'face'"):
        msrvtt.convert("msrvtt", "--experts", "flow")
    with pytest.raises(SystemExit, match=r"there are \[\]"):
        msrvtt.convert("msrvtt", "--paper")


def test_words_as_vectors(msrvtt, capsys):
    """w2v: the vectors of the archive, with the words that the sentences name."""
    known = {w: v.astype("f4") for w, v in VECTORS.items() if w not in ("a", "the")}
    vectors = {
        v: [np.array([known[w] for w in text.split() if w in known], "f4").reshape(-1, 5) for text in texts]
        for v, texts in msrvtt.texts.items()
    }
    msrvtt.put("aggregated_text_feats/w2v_MSRVTT.pickle", dumps(vectors))
    clips = msrvtt.convert("msrvtt", "--text", "w2v")
    assert said(clips, "video0") == msrvtt.texts["video0"][:2]  # "a" has no vector, so nobody can ask for it
    words, mask = clips.text(clips.captions_of([0])[0])
    assert all(np.array_equal(w[m].numpy(), v) for w, m, v in zip(words, mask, vectors["video0"], strict=False))
    assert set(clips.words.words) >= {"man", "sits", "runs"} and len(clips.words) == 4  # dogs come with digits and dots
    msrvtt.raw.unlink()  # without sentences it is the default, and words have no names
    clips = msrvtt.convert("msrvtt")
    assert clips.texts is None and set(clips.words.words) == {f"w{i:06d}" for i in range(4)}
    with pytest.raises(SystemExit, match="no captions for --text raw"):
        msrvtt.convert("msrvtt", "--text", "raw")


def test_msvd(tmp_path):
    archive = Archive(tmp_path, "MSVD")
    archive.lists(train_list=range(6), val_list=(6, 7), test_list=(8, 9))
    clips = archive.convert("msvd")
    assert [len(clips.clips_in(split)) for split in ("train", "val", "test")] == [6, 2, 2]
    assert len(clips.captions_of(clips.clips_in("test"))[0]) == 6  # all captions are asked for
    check(archive, clips)
    with pytest.raises(SystemExit, match="--val 1: this split has its own 2"):
        archive.convert("msvd", "--val", 1)
    # GPT's vectors are in three files, by names that another file translates
    other = {clip: f"vid{i}" for i, clip in enumerate(archive.names)}
    g = np.random.default_rng(2)
    vectors = {
        other[v]: [g.normal(size=(len(text), 12)).astype("f4") for text in archive.texts[v]] for v in archive.names
    }
    for split, part in (("train", range(6)), ("val", (6, 7)), ("test", (8, 9))):
        file = f"aggregated_text_feats/openai-caption-{split}.pkl"
        archive.put(file, {f"vid{i}": vectors[f"vid{i}"] for i in part})
    archive.put("dict_youtube_mapping.pkl", dumps(other))
    clips = archive.convert("msvd", "--text", "gpt")
    assert clips.words is None and clips.word_dim == 12 and said(clips, "clip_8") == archive.texts["clip_8"]
    for row, clip in enumerate(clips.ids):
        words, mask = clips.text(clips.captions_of([row])[0])
        for found, there, expected in zip(words, mask, vectors[other[clip]], strict=True):
            assert np.array_equal(found[there].numpy(), expected)
    (archive.folder / "aggregated_text_feats/openai-caption-val.pkl").unlink()
    with pytest.raises(SystemExit, match="no captions for --text gpt: openai-caption-val.pkl"):
        archive.convert("msvd", "--text", "gpt")


def test_didemo(tmp_path):
    """Lists of files; the sentences of a film are one caption."""
    archive = Archive(tmp_path, "DiDeMo")
    archive.lists(".avi", train_list=range(6), val_list=(6, 7), test_list=(8, 9))
    clips = archive.convert("didemo")
    assert [len(clips.clips_in(split)) for split in ("train", "val", "test")] == [6, 2, 2]
    check(archive, clips)
    assert said(clips, "clip_8") == [" ".join(archive.texts["clip_8"])] == ["a man sits the dog 8 runs . a"]
    assert said(archive.convert("didemo", "--separate"), "clip_8") == archive.texts["clip_8"]
    g = np.random.default_rng(2)
    vectors = {v: [g.normal(size=(3, 12)).astype("f4") for _ in range(3)] for v in archive.names}
    archive.put("aggregated_text_feats/openai-feats.pkl", vectors)
    clips = archive.convert("didemo", "--text", "gpt")
    words, mask = clips.text(clips.captions_of([0])[0])
    assert np.array_equal(words[0][mask[0]].numpy(), np.concatenate(vectors["clip_0"])) and mask.sum() == 9


def test_activity_net(tmp_path):
    """Its test is val_1, and training clips are set aside to validate."""
    archive = Archive(tmp_path, "activity-net")
    archive.lists(train_list=range(8), val_1_list=(8, 9))
    clips = archive.convert("activity-net", "--val", 2)
    assert [len(clips.clips_in(split)) for split in ("train", "val", "test")] == [6, 2, 2]
    assert {clips.ids[i] for i in clips.clips_in("test")} == {"clip_8", "clip_9"}
    check(archive, clips)


def test_what_is_wrong_is_named(msrvtt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    harm = b"cos\nsystem\n(S'touch it_ran'\ntR."
    for file, content, message in (
        ("raw-captions.pkl", harm, "raw-captions.pkl.*asks for 'os.system'"),
        ("raw-captions.pkl", {"video0": "a man runs"}, "raw-captions.pkl: clip 'video0': a str, not a list"),
        ("raw-captions.pkl", [1], "raw-captions.pkl: a list, not a dict"),
        (FILES["MSRVTT"]["i3d"], expert_store("somewhere.else_", msrvtt.names, ROWS), "'somewhere.else_.ExpertStore'"),
        (FILES["MSRVTT"]["i3d"], expert_store("datastructures", ["video0"], ROWS), "i3d-avg.pickle: its keys and its"),
        (FILES["MSRVTT"]["ocr"], harm, "ocr-raw.pickle.*asks for 'os.system'"),
        (FILES["MSRVTT"]["r2p1d"], {"video0": np.ones((3, 2))}, "clip 'video0': expert 'r2p1d'"),
        ("aggregated_speech/other.pickle", {}, "leave one there"),
        ("train_list_full.txt", b"video1\nvideo8\n", "share some"),
    ):
        before = (msrvtt.folder / file).read_bytes() if (msrvtt.folder / file).exists() else None
        path = msrvtt.put(file, content)
        with pytest.raises(SystemExit, match=f"convert_experts: .*{message}"):
            msrvtt.convert("msrvtt")
        path.unlink() if before is None else path.write_bytes(before)
    assert not (tmp_path / "it_ran").exists() and not (tmp_path / "out.h5").exists()
    with pytest.raises(SystemExit, match="no folder aggregated_"):
        convert_experts.main(["msvd", str(tmp_path / "data"), "-o", str(tmp_path / "a.h5")])
