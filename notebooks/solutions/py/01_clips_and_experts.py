# %% [markdown]
# # Solutions: What can you see, hear and miss in a clip?
#
# Three exercises for [the lesson](../01_clips_and_experts.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/01_clips_and_experts.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F01_clips_and_experts.ipynb)

# %% tags=["setup", "hide-input"]
# @title Set-up: run this cell first
import os

if os.path.exists("../lesson.py"):
    os.chdir("..")  # exercises and solutions work in the book's folder, too
elif not os.path.exists("lesson.py"):
    # this notebook came alone, as on Colab: fetch its book and install mee
    address = os.environ.get("MEE_REPOSITORY", "https://github.com/OWNER/mee")
    # !test -d mee-book || git clone --quiet --depth 1 "{address}" mee-book
    # %run mee-book/notebooks/lesson.py
    os.chdir("mee-book/notebooks")

# %%
from pprint import pp

import numpy as np

from mee import read_clips

clips = read_clips("data/tinyclips.h5")
print(list(clips.experts), len(clips), "clips")

# %% [markdown]
# ## Exercise 1 (easy): how often is an expert missing?
#
# How large a share of a split's clips lacks an expert: of the test clips, say, a face? Write a function for any
# expert and any split. `clips.clips_in(split)` gives the numbers of a split's clips; `clips.present` is the mask
# (clips, experts), its columns in the order of `clips.experts`.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Which rows of the mask belong to the split, and which column to the expert? `list(clips.experts).index(name)` is the
# column's number.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Index the mask by the rows and the column. You get a boolean tensor, `True` where the expert is present. Turn it
# round with `~`, and take the mean of it as `float()`.
#
# </details>


# %% tags=["solution"]
def share_missing(clips, name, split):
    """Share of the split's clips without an expert, a float from 0 to 1.

    clips: a mee.Clips; name: of an expert, a str; split: "train", "val" or "test".
    """
    ### BEGIN SOLUTION: return the share without the expert
    column = list(clips.experts).index(name)
    return float((~clips.present[clips.clips_in(split), column]).float().mean())
    ### END SOLUTION


# %% tags=["check", "points-2"]
for name in clips.experts:
    sizes = {split: len(clips.clips_in(split)) for split in ("train", "val", "test")}
    given = [share_missing(clips, name, split) * sizes[split] for split in sizes]
    whole = all(abs(count - round(count)) < 1e-3 for count in given)
    assert whole, f"{name}: a share of the split's own clips"
    if clips.experts[name].kind == "vector":  # one row per clip that has it
        absent = len(clips) - len(clips.experts[name].features)
        assert round(sum(given)) == absent, f"{name}: look again"
faceless = [clips.facts[i]["face"] is None for i in clips.clips_in("test").tolist()]
given = round(share_missing(clips, "face", "test") * 500)
assert given == sum(faceless), "only clips of the test split count"
### BEGIN HIDDEN TESTS
rows, parts = clips.present.tolist(), list(clips.split)
for number, name in enumerate(clips.experts):
    for split in ("train", "val", "test"):
        pairs = zip(rows, parts, strict=True)
        has = [row[number] for row, part in pairs if part == split]
        by_hand = has.count(False) / len(has)
        difference = float(share_missing(clips, name, split)) - by_hand
        assert -1e-5 < difference < 1e-5, f"{name} in {split}: another share"
### END HIDDEN TESTS
print("exercise 1: right for all experts and splits")

# %% [markdown]
# **In words.** Why look at the share in each split, and not at one share of the whole file?

# %% [markdown] tags=["written", "points-1"]
# A model is trained on one split and measured on another. If an expert were missing far more often in the test clips
# than in the training clips, results would fall for a reason that lies in the splits and not in the model. One share
# for the whole file hides that.

# %% [markdown]
# ## Exercise 2 (usual): write a file's arrays
#
# In the lesson you read rows by offsets. Now write rows and offsets. You get what one expert says about each clip: a
# list of arrays (rows, dimensions), some of them without rows. Make the two arrays that go into the file.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The lesson read clip `i` as `features[offsets[i] : offsets[i + 1]]`. What must `offsets` be for two, zero and three
# rows?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `np.concatenate` puts all rows one below the other. The offsets are a running sum of the numbers of rows, with a 0
# before them: `np.cumsum`.
#
# </details>


# %% tags=["solution"]
def pack(per_clip):
    """Features (all rows, dimensions) and offsets (clips + 1,), int64, of one expert.

    per_clip: a list of float arrays (rows, dimensions); an absent clip has 0 rows.
    """
    ### BEGIN SOLUTION: return features and offsets
    lengths = [len(rows) for rows in per_clip]
    return np.concatenate(per_clip), np.cumsum([0, *lengths])
    ### END SOLUTION


# %% tags=["check", "points-2"]
rng = np.random.default_rng(0)
for lengths in ([2, 0, 3], [0, 0, 1, 0], [1, 1, 1], [0, 5, 0, 0, 2, 0]):
    per_clip = [rng.normal(size=(n, 4)) for n in lengths]
    features, offsets = pack(per_clip)
    assert len(offsets) == len(lengths) + 1, "one offset more than clips"
    assert offsets.dtype == np.int64, "offsets are int64"
    assert offsets[0] == 0 and offsets[-1] == len(features), "from 0 to the last row"
    for i, rows in enumerate(per_clip):
        back = features[offsets[i] : offsets[i + 1]]
        assert np.array_equal(back, rows), f"clip {i} of {lengths} reads back wrongly"
    grows = (np.diff(offsets) > 0).tolist()
    assert grows == [n > 0 for n in lengths], "absent is: the offset does not grow"
### BEGIN HIDDEN TESTS
for lengths in ([0, 3, 1, 0], [4], [1, 0, 0, 0, 6]):
    numbers = iter(range(100))
    listed = [[[next(numbers), 7] for _ in range(n)] for n in lengths]
    features, offsets = pack([np.array(rows, float).reshape(-1, 2) for rows in listed])
    starts = [sum(lengths[:i]) for i in range(len(lengths) + 1)]
    assert [int(x) for x in offsets] == starts, f"other offsets for {lengths}"
    rows = [[int(x) for x in row] for row in features]
    assert rows == [row for clip in listed for row in clip], "other rows"
### END HIDDEN TESTS
print("exercise 2: what was packed reads back, absent clips too")

# %% [markdown]
# **In words.** How do the two arrays say that a clip is absent? What would be lost if it had a row of zeros instead?

# %% [markdown] tags=["written", "points-1"]
# An absent clip adds no row to `features`, and its offset is repeated. A row of zeros would be read back as something
# that the expert said about the clip: absent and "all zero" would look the same.

# %% [markdown]
# ## Exercise 3 (open-ended): one question for one clip, one for many
#
# A question is a small dictionary of facts, such as `{"colour": "pink", "sound": "drum"}`. `fitting` gives the test
# clips of which the question is true. Look at a few clips' facts, and find two questions: a *precise* one, of at most
# three facts, that fits exactly one test clip; and a *vague* one that is about two different experts and still fits
# thirty clips or more.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `KNOWS` lists which facts belong to which expert. Begin with the facts of one clip, and see how many clips `fitting`
# still gives as you add facts.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Precise: facts that have many possible values, such as place, shape and sound, narrow down most. Vague: one fact of
# each of two experts, with few possible values, such as day or night, or glasses.
#
# </details>

# %%
KNOWS = {
    "appearance": ("place", "time", "shape", "colour"),
    "motion": ("motion", "speed"),
    "audio": ("sound", "pitch"),
    "face": ("hair", "style", "glasses", "beard", "expression"),
}


def fitting(question):
    """The numbers of the test clips of which a question is true."""

    def true_of(facts, key, value):
        places = [facts, facts["face"] or {}, *facts["things"]]
        return any(key in place and place[key] == value for place in places)

    test = clips.clips_in("test").tolist()
    wanted = question.items()
    return [i for i in test if all(true_of(clips.facts[i], *pair) for pair in wanted)]


pp(clips.facts[int(clips.clips_in("test")[5])], width=88)
pink_drum = fitting({"colour": "pink", "sound": "drum"})
print(len(pink_drum), "clips fit a pink thing and a drum")

# %% tags=["solution"]
# precise and vague, two dictionaries: the name of a fact -> its value
### BEGIN SOLUTION: set precise and vague
precise = {"place": "room", "shape": "star", "sound": "drum"}
vague = {"time": "night", "glasses": True}
### END SOLUTION

# %% tags=["check", "points-2"]
known = {key: expert for expert, keys in KNOWS.items() for key in keys}
for question in (precise, vague):
    assert set(question) <= set(known), f"facts are among {sorted(known)}"
assert len(precise) <= 3, "precise: at most three facts"
fits_precise, fits_vague = len(fitting(precise)), len(fitting(vague))
assert fits_precise == 1, f"precise: {fits_precise} clips fit; exactly one should"
assert len({known[key] for key in vague}) == 2, "vague: facts of two different experts"
assert fits_vague >= 30, f"vague: {fits_vague} clips fit; thirty should, at least"
### BEGIN HIDDEN TESTS
for question, least, most in ((precise, 1, 1), (vague, 30, 500)):
    count = 0
    for facts, part in zip(clips.facts, clips.split, strict=True):
        told = [facts, facts["face"] or {}, *facts["things"]]
        has = [[key in one and one[key] == x for one in told].count(True)
               for key, x in question.items()]
        count += part == "test" and min(has) > 0
    assert least <= count <= most, f"{count} test clips fit"
### END HIDDEN TESTS
print("exercise 3: one question for one clip, one for many")

# %% [markdown]
# **In words.** How did you choose your facts? Say for both questions why so few, or so many, clips fit.

# %% [markdown] tags=["written", "points-2"]
# Three facts of few clips each are enough for one clip: a place (one in ten), a shape (one in nine or so, as some
# films have two things), and a sound that the place does not bring along. A drum is rare in a room; a clock is not,
# and would narrow the choice down less. A vague question takes facts that are common: every fourth film is at night,
# and every fourth shows glasses.
