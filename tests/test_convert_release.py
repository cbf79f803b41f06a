"""The converter of the paper's release: on small files in its formats, as Python 2 wrote them, and on real lists."""

import argparse
import csv
import json
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from python2_pickle import dumps, objects, save_npy

from mee.data import MixedBatches, Words, tokenize
from mee.evaluate import evaluate_choices
from mee.storage import ClipFileError, ClipWriter, problems, read_clips
from mee.train import fit_clips

sys.path.append(str(Path(__file__).parents[1] / "data_scripts"))
import convert_release
from convert_release import Vocabulary, feature_rows, fit_texts, msrvtt_splits, name_words, read_annotations
from safe_pickle import load

REAL = Path(__file__).parents[2] / "shared" / "real" / "msrvtt"
real = pytest.mark.skipif(not REAL.exists(), reason="../shared/real/msrvtt is not here")
LOOK, MOVE, HEAR, FACE, WORD = 8, 6, 4, 5, 7  # dimensions; 2048, 1024, 128, 128 and 300 there
WORDS = [f"{first}{second}" for first in "bcdfg" for second in ("at", "in", "ow", "ell", "ox", "ing", "ub", "y")]


def convert(*arguments):
    """Run the converter as from a shell; the clips of what it wrote."""
    convert_release.main([str(a) for a in arguments])
    return read_clips(arguments[arguments.index("-o") + 1])


def vectors_of(g):
    return {word: row for word, row in zip(WORDS, g.normal(size=(len(WORDS), WORD)).astype("f4"), strict=True)}


class Release:
    """An unpacked data.zip of 30 videos, 12 + 6 clips of LSMDC with 4 questions, and 9 images."""

    def __init__(self, folder):
        self.folder, self.g = folder, np.random.default_rng(0)
        folder.mkdir(parents=True)
        self.vectors = vectors_of(self.g)
        self.msrvtt()
        self.lsmdc()
        self.coco()

    def said(self, sentence):
        """The vectors of a sentence; "the" and "of" have none there."""
        rows = [self.vectors[word] for word in sentence.split() if word not in ("the", "of")]
        return np.stack(rows) if rows else np.zeros((0, WORD), "f4")

    def sentence(self):
        words = [WORDS[i] for i in self.g.integers(len(WORDS), size=self.g.integers(2, 7))]
        return " ".join(["the", *words[:2], "of", *words[2:]])

    def msrvtt(self):
        g, names = self.g, [f"video{i}" for i in range(30)]
        self.look = {v: g.normal(size=LOOK).astype("f4") for v in names}
        self.move = {v: g.normal(size=MOVE).astype("f4") for v in names}
        self.hear = {v: g.normal(size=(g.integers(1, 30), HEAR)).astype("f4") for v in names}
        self.face = {v: g.normal(size=FACE) for v in names}  # doubles, as whoever saved them liked
        self.face["video0"], self.face["video1"] = np.zeros(0), np.zeros(FACE)
        self.face["video2"] = np.array([1, -1, 0.5, -0.5, 0])
        self.hear["video3"], self.hear["video4"] = np.zeros((0, HEAR), "f4"), np.zeros((7, HEAR), "f4")
        self.hear["video5"] = g.normal(size=(45, HEAR)).astype("f4")
        self.hear["video6"][0] = 0  # a quiet second is sound
        self.move["video7"][3] = np.nan
        self.move["video8"][:] = [1, -1, 2, -2, 0, 0]
        self.look["video9"][:] = 0
        del self.move["video10"]
        self.sentences = {v: [self.sentence() for _ in range(20)] for v in names}
        self.sentences["video13"][4] = self.sentences["video14"][4] = "DAT it's a fox!"  # who knows how these were cut
        self.sentences["video26"][0] = "of the"
        spoken = {v: [s for s in texts if "'" not in s] for v, texts in self.sentences.items()}
        self.captions = {v: [self.said(s) for s in texts] for v, texts in spoken.items()}
        self.captions["video11"] = [np.zeros((0, WORD), "f4"), np.zeros(0)]  # in training
        self.captions["video25"] = [self.said("the of")] * 2  # in the test
        for name, content in (
            ("resnet_features", self.look),
            ("flow_features", self.move),
            ("audio_features", self.hear),
            ("face_features", self.face),
            ("w2v_MSRVTT", self.captions),
        ):
            (self.folder / f"{name}.pickle").write_bytes(dumps(content))
        (self.folder / "train_list.txt").write_text("".join(f"{v}\n" for v in names[:20]))
        (self.folder / "test_list.txt").write_text("\n".join(names[20:]))

    def lsmdc(self):
        g = self.g
        for part, count in (("train", 12), ("test", 6), ("choices", 4)):
            files = convert_release.PARTS[part.removesuffix("s")][1]
            hear = [g.normal(size=(g.integers(1, 5), HEAR)).astype("f4") for _ in range(count)]
            face = g.normal(size=(count, FACE)).astype("f4")
            face[[0, 2]] = 0
            if part == "test":
                face[2] = 0.5  # only no_face_ind says that nobody is there
                padded = np.zeros((count, 9, HEAR), "f4")
                for i, rows in enumerate(hear):
                    padded[i, : len(rows)] = rows
                padded[4] = 0
                save_npy(self.folder / files["audio"], padded)
                save_npy(self.folder / "no_face_ind_retrieval.npy", np.isin(np.arange(count), [0, 2]).astype("f8"))
            else:
                hear[1] = np.zeros((3, HEAR))
                save_npy(self.folder / files["audio"], objects(hear))
            setattr(self, f"hear_{part}", hear)
            save_npy(self.folder / files["face"], face)
            save_npy(self.folder / files["appearance"], g.normal(size=(count, LOOK)).astype("f4"))
            save_npy(self.folder / files["motion"], np.asfortranarray(g.normal(size=(count, MOVE))))
        captions = [self.said(self.sentence()) for _ in range(12)]
        captions[3], captions[7] = np.zeros((0, WORD)), np.zeros(0)
        self.train_captions = captions
        self.test_captions = [self.said(self.sentence()) for _ in range(6)]
        self.options = [self.said(self.sentence()) for _ in range(20)]
        self.options[8] = self.options[1]  # one array, used twice
        save_npy(self.folder / "w2v_LSMDC.npy", objects(captions))
        save_npy(self.folder / "w2v_LSMDC_retrieval.npy", objects(self.test_captions))
        save_npy(self.folder / "w2v_LSMDC_qcm.npy", objects(self.options))
        (self.folder / "multiple_choice_gt.txt").write_text("1\n5\n3\n2\n")

    def coco(self):
        self.images = self.g.normal(size=(9, LOOK)).astype("f4")
        self.about = [self.said(self.sentence()) for _ in range(9)]
        self.about[4] = self.about[4][:0]
        save_npy(self.folder / "X_train2014_resnet152.npy", self.images)
        save_npy(self.folder / "w2v_coco_train2014_1.npy", objects(self.about))


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return Release(tmp_path_factory.mktemp("release") / "data" / "data")


@pytest.fixture(scope="module")
def msrvtt(release, tmp_path_factory):
    return convert("msrvtt", release.folder, "-o", tmp_path_factory.mktemp("out") / "msrvtt.h5", "--val", 4)


def absent(clips, name):
    column = list(clips.experts).index(name)
    return {clips.ids[i] for i in np.flatnonzero(~clips.present[:, column].numpy())}


def captions_in(clips, clip):
    """The word vectors of all captions of a clip, as the file gives them."""
    captions, _ = clips.captions_of([clips.ids.index(clip)])
    return [words[mask].numpy() for words, mask in zip(*clips.text(captions), strict=True)]


def equal(found, expected):
    """Alike up to what float16 keeps."""
    return len(found) == len(expected) and all(
        np.array_equal(a, np.asarray(b, "f2").astype("f4")) for a, b in zip(found, expected, strict=True)
    )


# --------------------------------------------------------------------------------------------------------- MSR-VTT


def test_msrvtt(release, msrvtt, tmp_path, capsys):
    clips = msrvtt
    convert("msrvtt", release.folder, "-o", tmp_path / "again.h5", "--val", 4)
    told = capsys.readouterr().out
    assert "left out: without words: 1 ['video11']" in told
    assert "in the test gallery, but without words: 1 ['video25']" in told
    assert not problems(clips.path)
    assert {name: (e.kind, e.dim) for name, e in clips.experts.items()} == {
        "appearance": ("vector", LOOK),
        "audio": ("sequence", HEAR),
        "face": ("vector", FACE),
        "motion": ("vector", MOVE),
    }
    assert len(clips) == 29 and "video11" not in clips.ids  # no words
    for clip in clips.ids:
        videos, ind, masks = clips.video([clips.ids.index(clip)])
        for name, source in (("appearance", release.look), ("motion", release.move), ("face", release.face)):
            if ind[name]:
                assert equal([videos[name][0].numpy()], [source[clip]])
        if ind["audio"]:  # every row, also the 45 of the longest: training cuts
            assert equal([videos["audio"][0][masks["audio"][0]].numpy()], [release.hear[clip]])


def test_absence_is_seen_in_all_its_disguises(msrvtt):
    """Silence, an absent face as nothing or zeros, NaN; but no expert else goes by its sum."""
    assert absent(msrvtt, "face") == {"video0", "video1", "video2"}  # empty, zeros, a sum of zero
    assert absent(msrvtt, "audio") == {"video3", "video4"}  # empty, silent
    assert absent(msrvtt, "motion") == {"video7", "video10"}  # NaN, not in the file; video8's sum of zero is motion
    assert absent(msrvtt, "appearance") == {"video9"}


def test_words_are_those_of_the_release(release, msrvtt):
    for clip in msrvtt.ids:
        captions = [c for c in release.captions[clip] if c.size]
        if msrvtt.split[msrvtt.ids.index(clip)] != "train":
            captions = captions[:1]
        assert equal(captions_in(msrvtt, clip), captions)
    assert len(msrvtt.words) == len(WORDS) and msrvtt.words.words[0] == "w000000" and msrvtt.texts is None
    assert not captions_in(msrvtt, "video25")  # without words it is still in the gallery, but nobody asks for it


def test_first_caption_or_all(release, msrvtt, tmp_path):
    test = msrvtt.clips_in("test")
    assert len(test) == 10 and len(msrvtt.captions_of(test)[0]) == 9
    everything = convert("msrvtt", release.folder, "-o", tmp_path / "a.h5", "--val", 4, "--test-captions", "all")
    count = sum(len([c for c in release.captions[f"video{i}"] if c.size]) for i in range(20, 30))
    assert len(everything.captions_of(everything.clips_in("test"))[0]) == count > 100


def test_validation_is_not_the_test(release, msrvtt, tmp_path):
    """Some training clips by the seed, the same again; none may be; the test stays as it is."""
    names = {split: {msrvtt.ids[i] for i in msrvtt.clips_in(split)} for split in ("train", "val", "test")}
    assert len(names["val"]) in (3, 4) and names["test"] == {f"video{i}" for i in range(20, 30)}  # video11 has no words
    assert names["train"] | names["val"] == {f"video{i}" for i in range(20)} - {"video11"}
    again = convert("msrvtt", release.folder, "-o", tmp_path / "a.h5", "--val", 4)
    assert again.split.tolist() == msrvtt.split.tolist()
    other = convert("msrvtt", release.folder, "-o", tmp_path / "b.h5", "--val", 4, "--seed", 1)
    assert {other.ids[i] for i in other.clips_in("val")} != names["val"]
    none = convert("msrvtt", release.folder.parent.parent, "-o", tmp_path / "c.h5", "--val", 0)
    assert len(none.clips_in("val")) == 0 and len(none.clips_in("train")) == 19
    default = convert("msrvtt", release.folder.parent, "-o", tmp_path / "d.h5")  # the folder may be any of three
    assert len(default.clips_in("val")) == 2  # a tenth of 20
    with pytest.raises(SystemExit, match="--val 19: there are 20 clips to train on"):
        convert("msrvtt", release.folder, "-o", tmp_path / "e.h5", "--val", 19)
    assert not (tmp_path / "e.h5").exists()


# ----------------------------------------------------------------------------------------------- captions with words


@pytest.fixture(scope="module")
def annotations(release, tmp_path_factory):
    """The sentences as MSR-VTT gives them: two JSON files in zips, not in order."""
    folder = tmp_path_factory.mktemp("annotations")
    rows = [(v, s) for v, texts in release.sentences.items() for s in texts]
    rows = [{"video_id": v, "sen_id": i, "caption": s} for i, (v, s) in enumerate(rows)][::-1]
    for name, part in (("train_val_annotation.zip", rows[::2]), ("test_videodatainfo.json.zip", rows[1::2])):
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("readme.txt", "not JSON")
            archive.writestr("videodatainfo.json", json.dumps({"info": {}, "videos": [], "sentences": part}))
    return folder


def test_annotations_name_the_words(release, annotations, msrvtt, tmp_path):
    clips = convert("msrvtt", release.folder, "-o", tmp_path / "a.h5", "--val", 4, "--annotations", annotations)
    assert set(clips.words.words) == set(WORDS)
    for word in WORDS:
        assert equal([clips.words.vectors[clips.words.index[word]].float().numpy()], [release.vectors[word]])
    for clip in clips.ids:
        captions, _ = clips.captions_of([clips.ids.index(clip)])
        texts = [clips.texts[i] for i in captions.tolist()]
        full = [s for s in release.sentences[clip] if "'" not in s and s != "of the"]
        assert texts == (full if clips.split[clips.ids.index(clip)] == "train" else full[: len(texts)])
    assert torch.equal(clips.tokens, msrvtt.tokens)  # what a batch holds is the same with names and without
    rows = clips.text(clips.captions_of(clips.clips_in("test"))[0])[0]
    assert torch.equal(rows, msrvtt.text(msrvtt.captions_of(msrvtt.clips_in("test"))[0])[0])
    assert clips.words.ids("THE dat, fox")  # so a sentence of one's own finds its vectors


def test_sentences_that_do_not_fit_are_left_out(release, annotations, tmp_path, capsys):
    """Shuffled sentences name nothing, rather than something wrong."""
    folder, g = tmp_path / "shuffled", np.random.default_rng(0)
    folder.mkdir()
    rows = [
        {"video_id": v, "sen_id": i, "caption": texts[i]}
        for v, texts in read_annotations(annotations).items()
        for i in g.permutation(len(texts)).tolist()
    ]
    for i, row in enumerate(rows):
        row["sen_id"] = i
    (folder / "all.json").write_text(json.dumps({"sentences": rows}))
    clips = convert("msrvtt", release.folder, "-o", tmp_path / "a.h5", "--annotations", folder)
    assert clips.texts is None and clips.words.words[3] == "w000003"
    assert "do not fit" in capsys.readouterr().out
    (folder / "all.json").write_text("[]")
    with pytest.raises(SystemExit, match="all.json"):
        convert("msrvtt", release.folder, "-o", tmp_path / "b.h5", "--annotations", folder)


def test_words_that_share_all_captions_are_told_apart_by_order():
    ids = {"a": [np.array([0, 1, 2]), np.array([1, 1])], "b": [np.array([3, 1])]}
    texts = {"a": ["one two three", "two two"], "b": ["four of two"]}
    names, share = name_words(ids, texts)
    assert names == {0: "one", 1: "two", 2: "three"} and 0.8 < share < 0.9  # 3: four or of? Nobody can tell
    assert fit_texts([np.array([1, 1])], texts["a"], names) == ["two two"]
    assert fit_texts([np.array([2, 3])], texts["a"], names) == ["three"]


@real
def test_names_on_the_real_sentences():
    """2,000 of the 10,000 videos, every seventh word without a vector, some captions lost: what is named is right."""
    texts = {clip: rows for clip, rows in read_annotations(REAL).items() if int(clip[5:]) % 5 == 0}
    kept = sorted({w for rows in texts.values() for s in rows for w in tokenize(s)})
    index = {w: i for i, w in enumerate(w for i, w in enumerate(kept) if i % 7 and w not in ("a", "and", "of", "to"))}
    captions = {}
    for clip, rows in texts.items():
        captions[clip] = [np.array([index[w] for w in tokenize(s) if w in index], int) for s in rows]
        if int(clip[5:]) % 19 == 0:
            del captions[clip][int(clip[5:]) % 20]
    names, share = name_words(captions, texts)
    assert share > 0.9
    assert all(index[word] == i for i, word in names.items())
    lost = [clip for clip in texts if len(captions[clip]) == 19]
    wrong = total = 0
    for clip in lost:
        found = fit_texts(captions[clip], texts[clip], names)
        expected = [s for i, s in enumerate(texts[clip]) if i != int(clip[5:]) % 20]
        total += len(found)
        wrong += sum(tokenize(a) != tokenize(b) for a, b in zip(found, expected, strict=True))
    assert total > 1000 and wrong / total < 0.02


# ---------------------------------------------------------------------------------------------------------- splits


def lists(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, ids in files.items():
        (folder / f"{name}.txt").write_text("\n".join(f"video{i}" for i in ids))
    return folder


def test_split_full_has_its_own_validation(release, tmp_path):
    folder = lists(tmp_path / "l", train_list_full=range(8), val_list_full=range(20, 23), test_list_full=range(12, 18))
    clips = convert("msrvtt", release.folder, "-o", tmp_path / "a.h5", "--split", "full", "--lists", folder)
    assert [len(clips.clips_in(split)) for split in ("train", "val", "test")] == [8, 3, 6]
    assert len(clips.captions_of(clips.clips_in("test"))[0]) == 118  # all of them; two had none of their words
    assert len(clips.captions_of(clips.clips_in("val"))[0]) == 60
    with pytest.raises(SystemExit, match="has its own 3 clips"):
        convert("msrvtt", release.folder, "-o", tmp_path / "b.h5", "--split", "full", "--lists", folder, "--val", 2)
    with pytest.raises(SystemExit, match="--lists"):
        convert("msrvtt", release.folder, "-o", tmp_path / "b.h5", "--split", "full")
    lists(folder, test_list_full=range(5, 9))
    with pytest.raises(SystemExit, match="share some"):
        convert("msrvtt", release.folder, "-o", tmp_path / "b.h5", "--split", "full", "--lists", folder)
    lists(folder, test_list_full=[9, 9])
    with pytest.raises(SystemExit, match="test_list_full.txt: 2 ids, 1 different"):
        convert("msrvtt", release.folder, "-o", tmp_path / "b.h5", "--split", "full", "--lists", folder)


def test_split_1k_a_asks_for_the_chosen_sentences(release, annotations, tmp_path, capsys):
    folder = lists(tmp_path / "l", train_list_jsfusion=range(18))
    chosen = {f"video{i}": release.sentences[f"video{i}"][i % 20] for i in range(20, 25)}
    with open(folder / "MSRVTT_JSFUSION_test.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["key", "vid_key", "video_id", "sentence"])
        table.writerows(
            [f"ret{i}", "msr", clip, text.replace(" ", "  ")] for i, (clip, text) in enumerate(chosen.items())
        )
    arguments = ("msrvtt", release.folder, "--split", "1k-A", "--lists", folder, "--val", 0, "-o")
    clips = convert(*arguments, tmp_path / "a.h5", "--annotations", annotations)
    captions, row = clips.captions_of(clips.clips_in("test"))
    assert len(captions) == 5 and row.tolist() == [0, 1, 2, 3, 4]
    assert [clips.texts[i] for i in captions.tolist()] == list(chosen.values())
    assert "not quite 1k-A" not in capsys.readouterr().out
    first = convert(*arguments, tmp_path / "b.h5")
    assert "first caption instead for 5 of 5" in capsys.readouterr().out
    assert equal(captions_in(first, "video21"), release.captions["video21"][:1])


@real
@pytest.mark.parametrize(
    "name, counts", [("1k-A", (9000, 0, 1000)), ("1k-B", (6656, 0, 1000)), ("full", (6513, 497, 2990))]
)
def test_split_counts_of_the_real_lists(name, counts):
    options = argparse.Namespace(split=name, lists=REAL, val=None if name == "full" else 0, seed=0)
    splits, chosen = msrvtt_splits(options)
    assert tuple(list(splits.values()).count(split) for split in ("train", "val", "test")) == counts
    assert len(chosen) == (1000 if name == "1k-A" else 0)
    if name != "full":
        options.val = 500
        splits, _ = msrvtt_splits(options)
        assert list(splits.values()).count("val") == 500 and list(splits.values()).count("train") == counts[0] - 500


@real
def test_the_real_annotations():
    texts = read_annotations(REAL)
    assert len(texts) == 10_000 and {len(rows) for rows in texts.values()} == {20}
    options = argparse.Namespace(split="1k-A", lists=REAL, val=0, seed=0)
    splits, chosen = msrvtt_splits(options)
    for clip, sentence in chosen.items():  # each is one of the 20, but for its blanks
        assert splits[clip] == "test" and tokenize(sentence) in [tokenize(text) for text in texts[clip]]


# ----------------------------------------------------------------------------------------------------------- LSMDC


@pytest.fixture(scope="module")
def lsmdc(release, tmp_path_factory):
    return convert("lsmdc", release.folder, "-o", tmp_path_factory.mktemp("out") / "lsmdc.h5", "--val", 2)


def test_lsmdc(release, lsmdc):
    clips = lsmdc
    assert not problems(clips.path)
    assert [len(clips.clips_in(split)) for split in ("train", "val", "test")] == [8, 2, 6]  # two had no words
    assert not {"train-000003", "train-000007"} & set(clips.ids) and clips.choices is None
    assert load(release.folder / "face-retrieval.npy.tensor.npy")[2].any()  # stored, but marked absent by a 1
    assert absent(clips, "face") == {"train-000000", "train-000002", "test-000000", "test-000002"}
    assert absent(clips, "audio") == {"train-000001", "test-000004"}
    for clip in clips.ids:
        part, number = clip.split("-")
        row, i = clips.ids.index(clip), int(number)
        videos, ind, masks = clips.video([row])
        if ind["audio"]:  # the zeros that fill up the test's sounds are no sound
            assert equal([videos["audio"][0][masks["audio"][0]].numpy()], [getattr(release, f"hear_{part}")[i]])
        expected = release.train_captions[i] if part == "train" else release.test_captions[i]
        assert equal(captions_in(clips, clip), [expected])
        look = load(release.folder / ("X_resnet.npy" if part == "train" else "resnet152-retrieval.npy.tensor.npy"))
        move = load(release.folder / ("X_flow.npy" if part == "train" else "flow-retrieval.npy.tensor.npy"))
        assert equal([videos["appearance"][0].numpy(), videos["motion"][0].numpy()], [look[i], move[i]])


def test_lsmdc_choices(release, lsmdc, tmp_path):
    clips = convert("lsmdc-choices", release.folder, "-o", tmp_path / "c.h5")
    assert not problems(clips.path)
    assert clips.ids == [f"choice-{i:06d}" for i in range(4)] and set(clips.split) == {"test"}
    assert clips.choices["clip"].tolist() == [0, 1, 2, 3] and clips.choices["answer"].tolist() == [0, 4, 2, 1]
    assert (clips.caption_clip == -1).all()  # candidates: no clip is said to look like that
    for question, row in enumerate(clips.choices["captions"]):
        words, mask = clips.text(row)
        assert equal([w[m].numpy() for w, m in zip(words, mask, strict=True)], release.options[5 * question :][:5])
    assert absent(clips, "face") == {"choice-000000", "choice-000002"} and absent(clips, "audio") == {"choice-000001"}
    run = fit_clips(lsmdc, epochs=1, batch_size=4, progress=False, dim=8, text_clusters=2, sequence_clusters=2)
    assert evaluate_choices(run.model, clips, bootstrap=0)["questions"] == 4


@pytest.mark.parametrize(
    "name, file, content, message",
    [
        ("lsmdc", "X_flow.npy", np.zeros((11, MOVE)), "equally many clips"),
        ("lsmdc", "no_face_ind_retrieval.npy", np.zeros(5), "equally many clips"),
        ("lsmdc", "w2v_LSMDC.npy", objects([np.zeros((2, WORD))] * 11), "equally many clips"),
        ("lsmdc", "X_face.npy", None, "X_face.npy"),
        ("lsmdc-choices", "multiple_choice_gt.txt", "0\n1\n2\n3\n", "an answer must be 1 to 5"),
        ("lsmdc-choices", "multiple_choice_gt.txt", "1\n1\n2\n", "equally many clips"),
        ("coco", "w2v_coco_train2014_1.npy", objects([np.zeros((2, WORD))] * 8), "equally many clips"),
        ("coco", "w2v_coco_train2014_1.npy", objects([np.zeros((2, WORD))] * 8 + [np.zeros(3)]), "a caption of fl"),
        ("coco", "w2v_coco_train2014_1.npy", objects(["a dog"] * 9), "a caption of <U5"),
        ("coco", "X_train2014_resnet152.npy", np.zeros((9, LOOK)), "no clip has both"),
        ("msrvtt", "w2v_MSRVTT.pickle", dumps([1, 2]), "w2v_MSRVTT.pickle: a list, not a dict"),
        ("msrvtt", "w2v_MSRVTT.pickle", dumps({"video0": np.zeros((2, WORD))}), "clip 'video0'"),
        ("msrvtt", "w2v_MSRVTT.pickle", b"cos\nsystem\n(S'touch it_ran'\ntR.", "asks for 'os.system'"),
        ("msrvtt", "flow_features.pickle", b"cos\nsystem\n(S'touch it_ran'\ntR.", "asks for 'os.system'"),
        ("msrvtt", "face_features.pickle", dumps({"video0": "none"}), "clip 'video0', expert 'face'"),
        ("msrvtt", "resnet_features.pickle", dumps({"video0": np.ones((3, LOOK))}), "clip 'video0': expert "),
        ("msrvtt", "resnet_features.pickle", dumps({"video0": np.full(LOOK, 1e6)}), "write float32"),
        ("msrvtt", "train_list.txt", "", "train_list.txt: 0 ids"),
        ("msrvtt", "test_list.txt", "video1\nvideo90\n", "share some"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(release, tmp_path, monkeypatch, name, file, content, message):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "spoilt"
    folder.mkdir()
    for path in release.folder.iterdir():
        shutil.copy(path, folder)
    (folder / file).unlink()
    if isinstance(content, np.ndarray):
        save_npy(folder / file, content)
    elif content is not None:
        (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SystemExit) as caught:
        convert(name, folder, "-o", tmp_path / "out.h5")
    assert message in str(caught.value) and str(caught.value).startswith("convert_release: ")
    assert not (tmp_path / "out.h5").exists() and not (tmp_path / "it_ran").exists()


def test_a_folder_of_something_else(tmp_path):
    for name in convert_release.NAMES:
        with pytest.raises(SystemExit, match="is it the unpacked data.zip?"):
            convert(name, tmp_path, "-o", tmp_path / "a.h5")


# ------------------------------------------------------------------------------------------------------------ COCO


def test_coco(release, msrvtt, lsmdc, tmp_path, capsys):
    clips = convert("coco", release.folder, "-o", tmp_path / "coco.h5")
    assert "left out: without words: 1 ['image-000004']" in capsys.readouterr().out
    assert not problems(clips.path)
    assert list(clips.experts) == ["appearance"] and set(clips.split) == {"train"} and len(clips) == 8
    for row, clip in enumerate(clips.ids):
        i = int(clip[-6:])
        assert equal([clips.video([row])[0]["appearance"][0].numpy()], [release.images[i]])
        assert equal(captions_in(clips, clip), [release.about[i]])
    for videos in (msrvtt, lsmdc):  # both can be trained with it
        batches = MixedBatches(videos, videos.trainable(videos.clips_in("train")), 4, torch.Generator(), clips, 0.5)
        assert sum(len(batch) for batch in batches) >= len(videos.clips_in("train"))


# ------------------------------------------------------------------------------------------------- the parts alone


def test_seen():
    for nothing in (None, float("nan"), np.zeros(0), [], np.zeros((0, 3)), np.zeros((4, 3)), np.full((2, 3), np.nan)):
        for name in convert_release.MSRVTT:
            assert feature_rows(nothing, name, "c") is None
    rows = np.array([[0, 0], [1, 2], [np.nan, 1], [0, 0]])
    assert feature_rows(rows, "audio", "c").tolist() == [[0, 0], [1, 2], [0, 0]]
    assert feature_rows(rows, "audio", "c", trim=True).tolist() == [[0, 0], [1, 2]]
    sums_to_zero = np.array([1.0, -1.0])
    assert feature_rows(sums_to_zero, "face", "c") is None and feature_rows(sums_to_zero, "motion", "c") is not None
    with pytest.raises(ClipFileError, match="clip 'c', expert 'face'"):
        feature_rows("x", "face", "c")


def test_vocabulary(monkeypatch):
    vocabulary = Vocabulary("w2v.pickle")
    a = np.array([[1, 2], [0.1, 0.2], [1, 2]], "f4")
    assert vocabulary.ids(a).tolist() == [0, 1, 0]
    assert vocabulary.ids(a.astype("f8")[1:]).tolist() == [1, 0]  # the same in another precision
    assert vocabulary.ids(np.array([[np.nan, 1], [-0.0, 0], [0, 0]])).tolist() == [2, 2]
    assert vocabulary.words({1: "dog"}).words == ["w000000", "dog", "w000002"]
    assert np.array_equal(vocabulary.words().vectors[1], a[1])
    with pytest.raises(ClipFileError, match="w2v.pickle: a caption of float64"):
        vocabulary.ids(np.zeros((2, 3)))
    with pytest.raises(ClipFileError, match="no caption has a word"):
        Vocabulary("w2v.pickle").words()
    monkeypatch.setattr(Vocabulary, "most", 100)
    with pytest.raises(ClipFileError, match="these are not words'"):
        vocabulary.ids(np.random.default_rng(0).normal(size=(200, 2)))


def test_a_file_with_a_vocabulary_takes_word_ids(tmp_path):
    words = Words(["red", "dog"], np.eye(2))
    with ClipWriter(tmp_path / "a.h5", {"look": ("vector", 2)}, words) as out:
        out.add("c", "train", {"look": [1, 2]}, [("A red dog", np.array([0, 1])), "dog", (None, [1, 1])])
        with pytest.raises(ClipFileError, match="clip 'd': a word id that is not 0 to 1"):
            out.add("d", "train", {}, [np.array([2])])
        with pytest.raises(ClipFileError, match="word id"):
            out.add("d", "train", {}, [np.array([0.5])])
        with pytest.raises(ClipFileError, match="takes sentences"):
            out.add("d", "train", {}, [np.eye(2)])
    clips = read_clips(tmp_path / "a.h5")
    assert clips.tokens.tolist() == [0, 1, 1, 1, 1] and clips.texts is None
    assert clips.sentence_ids.unique().numel() == 3
    with ClipWriter(tmp_path / "b.h5", {"look": ("vector", 2)}, words) as out:
        out.add("c", "train", {"look": [1, 2]}, [[0, 1], [1], [0, 1]])
    sentences = read_clips(tmp_path / "b.h5").sentence_ids  # without texts, the same words are the same sentence
    assert sentences[0] == sentences[2] != sentences[1]
