"""Words, batches, mixing."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mee.data import Batch, Clips, Expert, MixedBatches, padded_rows, tokenize
from mee.storage import ClipWriter, read_clips

# ----------------------------------------------------------------------------------------------------------- words


def test_tokens():
    words = ["it", "s", "a", "red", "ball", "number", "2", "naïve", "ou"]
    assert tokenize("It's a RED ball, number 2; naïve_ou!") == words


def test_sentences_into_vectors(words):
    vectors, mask = words.batch(["Red ball?", "a zebra", "zebra", "two red balls a a a"], max_words=3)
    assert mask.tolist() == [[True, True, False], [True, False, False], [False] * 3, [True, True, True]]
    assert_close(vectors[0, :2], words.vectors[[3, 1]])
    assert (vectors[~mask] == 0).all()
    assert words.unknown("a striped zebra") == ["striped", "zebra"]
    with pytest.raises(TypeError, match="must be a list of sentences"):
        words.batch("a ball")
    assert words.batch(["zebra"])[0].shape == (1, 1, 3)


# --------------------------------------------------------------------------------------------------------- batches


def test_padded_rows_no_further_than_the_longest():
    offsets = torch.tensor([0, 2, 2, 7, 8])
    rows, mask = padded_rows(offsets, torch.tensor([0, 1, 3]))
    assert rows.shape == (3, 2) and mask.tolist() == [[True, True], [False, False], [True, False]]
    assert rows[0].tolist() == [0, 1] and rows[2, 0] == 7
    assert padded_rows(offsets, torch.tensor([2]), limit=3)[0].tolist() == [[2, 3, 4]]


def test_one_caption_per_clip_drawn_evenly(path):
    clips = read_clips(path)
    g = torch.Generator().manual_seed(0)
    three = torch.tensor([3] * 3000)
    drawn = clips.draw_captions(three, g)
    assert (clips.caption_clip[drawn] == 3).all()
    assert torch.bincount(drawn, minlength=10)[clips.captions_of([3])[0]].min() > 850
    with pytest.raises(ValueError, match="'c4' has no caption"):
        clips.draw_captions(torch.tensor([3, 4]))


def test_trainable_leaves_out_what_says_nothing(path):
    clips = read_clips(path)
    everything = torch.arange(9)
    assert clips.trainable(everything).tolist() == [1, 2, 3, 5, 6, 7]  # 0, 4, 8: no caption
    assert clips.trainable(everything, ["face"]).tolist() == [2, 3, 5, 6]


def test_batches_are_the_same_from_file_and_from_device(path):
    streamed, resident = read_clips(path), read_clips(path).to("cuda" if torch.cuda.is_available() else "cpu")
    a = streamed.batch([1, 2, 3], generator=torch.Generator().manual_seed(1))
    b = resident.batch([1, 2, 3], generator=torch.Generator().manual_seed(1)).to("cpu")
    assert vars(a).keys() == vars(b).keys()
    for key, value in vars(a).items():
        assert_close(value, getattr(b, key), rtol=0, atol=0)


def test_same_sentences_are_known_as_such(path):
    batch = read_clips(path).batch([1, 2, 3], captions=[0, 1, 3])
    assert batch.sentence[0] == batch.sentence[1] == batch.sentence[2]  # "A red ball rolls!" of three clips
    assert batch.clip.tolist() == [1, 2, 3]


def test_clips_need_no_file(words):
    features = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    clips = Clips(
        ids=["x", "y"],
        split=np.array(["train", "test"]),
        experts={"face": Expert("vector", features[:1], torch.tensor([0, 1, 1]))},
        caption_clip=torch.tensor([1, 0]),
        caption_offsets=torch.tensor([0, 1, 3]),
        words=words,
        tokens=torch.tensor([1, 3, 1]),
    )
    assert clips.present.tolist() == [[True], [False]] and clips.clips_in("test").tolist() == [1]
    batch = clips.batch([0, 1], captions=[1, 0])
    assert batch.ind["face"].tolist() == [True, False] and (batch.videos["face"][1] == 0).all()
    assert_close(batch.words[0], words.vectors[[3, 1]])
    assert clips.storyboard(0) == [] and clips.name == "these clips"


@pytest.fixture
def images(tmp_path, words):
    """Gives photographs: no sound, or what ``experts`` says."""

    def write(clips=40, experts=("face",)):
        g = np.random.default_rng(1)
        with ClipWriter(tmp_path / "images.h5", {name: ("vector", 5) for name in experts}, words) as out:
            for i in range(clips):
                out.add(f"i{i}", "train", {name: g.normal(size=5) for name in experts}, ["a red ball"])
        return read_clips(tmp_path / "images.h5")

    return write


def test_mixing_draws_what_it_says(path, images, words):  # trap 21
    clips, other = read_clips(path), images()
    train = clips.trainable(torch.arange(9))
    mixed = MixedBatches(clips, train, 4, torch.Generator().manual_seed(0), other, image_rate=1.5)
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
                assert_close(batch.words[row, :length], words.batch(["a red ball"])[0][0])
    assert seen[0] != seen[1]  # drawn afresh each epoch


def test_more_images_than_there_are(path, images):
    clips, other = read_clips(path), images(clips=4)
    train, generator = clips.trainable(torch.arange(9)), torch.Generator().manual_seed(0)
    mixed = MixedBatches(clips, train, 4, generator, other, image_rate=1)
    numbers = torch.cat([batch.clip for batch in mixed])
    assert torch.bincount(numbers[numbers >= 9] - 9).min() >= 1  # none twice before each was once


def test_the_same_seed_the_same_batches(path):
    clips = read_clips(path)

    def order(seed):
        mixed = MixedBatches(clips, clips.trainable(torch.arange(9)), 2, torch.Generator().manual_seed(seed))
        return [batch.clip.tolist() + batch.caption.tolist() for _ in range(2) for batch in mixed]

    assert order(5) == order(5) != order(6)


def test_a_last_batch_of_one_is_left_out(path):
    clips = read_clips(path)
    mixed = MixedBatches(clips, torch.tensor([1, 2, 3]), 2, torch.Generator())
    assert [len(batch) for batch in mixed] == [2] and len(mixed) == 1
    five = torch.tensor([1, 2, 3, 5, 6])
    assert len(MixedBatches(clips, five, 3, torch.Generator())) == 2
    assert len(MixedBatches(clips, five, 3, torch.Generator(), drop_last=True)) == 1


def test_joining_pads_the_shorter(path):
    clips = read_clips(path)
    a, b = clips.batch([1], captions=[0]), clips.batch([3, 2], captions=[4, 1])
    joined = Batch.join(a, b)
    assert len(joined) == 3
    whole = clips.batch([1, 3, 2], captions=[0, 4, 1])
    for key, value in vars(whole).items():
        assert_close(getattr(joined, key), value, rtol=0, atol=0)


def test_files_that_do_not_fit(path, images):
    clips = read_clips(path)
    train = clips.trainable(torch.arange(9))
    with pytest.raises(ValueError, match="none that .* has"):
        MixedBatches(clips, train, 4, torch.Generator(), images(experts=("smell",)), 1)
    with pytest.raises(ValueError, match="'audio' is a sequence of 4"):
        MixedBatches(clips, train, 4, torch.Generator(), images(experts=("audio",)), 1)
    with pytest.raises(ValueError, match="at least 2"):
        MixedBatches(clips, train, 1, torch.Generator())
    with pytest.raises(ValueError, match="1 clips to train on"):
        MixedBatches(clips, train[:1], 4, torch.Generator())
