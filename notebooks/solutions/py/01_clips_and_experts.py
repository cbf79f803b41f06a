# %% [markdown]
# # Solutions: What can you see, hear and miss in a clip?
#
# Three exercises to [the lesson](../01_clips_and_experts.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/01_clips_and_experts.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F01_clips_and_experts.ipynb)

# %% tags=["setup", "hide-input"]
# @title Set-up: run this cell first
import os

if os.path.exists("../lesson.py"):  # exercises and solutions work in the book's folder, as the lessons do
    os.chdir("..")
elif not os.path.exists("lesson.py"):  # this notebook came alone, as on Colab: fetch its book and install mee
    address = os.environ.get("MEE_REPOSITORY", "https://github.com/OWNER/mee")
    # !test -d mee-book || git clone --quiet --depth 1 "{address}" mee-book
    # %run mee-book/notebooks/lesson.py
    os.chdir("mee-book/notebooks")

# %%
import numpy as np

from mee import read_clips

clips = read_clips("data/tinyclips.h5")
print(list(clips.experts), len(clips), "clips")

# %% [markdown]
# ## Exercise 1
#
# How large a share of a split's clips lacks an expert: of the test clips, say, a face? Write a function for any expert
# and any split. `clips.clips_in(split)` gives the numbers of a split's clips; `clips.present` is the mask (clips,
# experts), its columns in the order of `clips.experts`.

# %% tags=["solution"]
# write share_missing(clips, name, split): the share (a float from 0 to 1) of the
# split's clips without that expert
### BEGIN SOLUTION: as the comment says
def share_missing(clips, name, split):
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
print("exercise 1: right for all experts and splits")

# %% [markdown]
# ## Exercise 2
#
# In the lesson you read rows by offsets. Now write rows and offsets. You get what one expert says about each clip: a
# list of arrays (rows, dimensions), some of them without rows. Make the two arrays that go into the file.

# %% tags=["solution"]
# write pack(per_clip): return features (all rows, dimensions) and offsets
# (clips + 1,), int64
### BEGIN SOLUTION: as the comment says
def pack(per_clip):
    lengths = [len(rows) for rows in per_clip]
    return np.concatenate(per_clip), np.cumsum([0, *lengths])
### END SOLUTION


# %% tags=["check", "points-2"]
rng = np.random.default_rng(0)
for lengths in ([2, 0, 3], [0, 0, 1, 0], [1, 1, 1], [0, 5, 0, 0, 2, 0]):
    per_clip = [rng.normal(size=(n, 4)) for n in lengths]
    features, offsets = pack(per_clip)
    assert len(offsets) == len(lengths) + 1, "one offset more than clips"
    assert offsets[0] == 0 and offsets[-1] == len(features), "from 0 to the last row"
    for i, rows in enumerate(per_clip):
        back = features[offsets[i] : offsets[i + 1]]
        assert np.array_equal(back, rows), f"clip {i} of {lengths} reads back wrongly"
    grows = (np.diff(offsets) > 0).tolist()
    assert grows == [n > 0 for n in lengths], "absent is: the offset does not grow"
print("exercise 2: what was packed reads back, absent clips too")

# %% [markdown] tags=["solution"]
# An absent clip adds nothing to `features` and repeats an offset. The running sum does both without a special case.

# %% [markdown]
# ## Exercise 3
#
# A question is a small dictionary of facts, such as `{"colour": "pink", "sound": "drum"}`. `fitting` gives the test
# clips of which the question is true. Look at a few clips' facts, and find two questions: a *precise* one, of at most
# three facts, that fits exactly one test clip; and a *vague* one that is about two different experts and still fits
# thirty clips or more.

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


print(clips.facts[int(clips.clips_in("test")[5])])
pink_drum = fitting({"colour": "pink", "sound": "drum"})
print(len(pink_drum), "clips fit a pink thing and a drum")

# %% tags=["solution"]
# set precise and vague, two dictionaries of facts
### BEGIN SOLUTION: as the comment says
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
print("exercise 3: one question for one clip, one for many")

# %% [markdown] tags=["solution"]
# Three facts of few clips each are enough for one clip: a place (one in ten), a shape (one in nine or so, as some films
# have two things), and a sound that the place does not bring along. A drum is rare in a room; a clock is not, and would
# narrow the choice down less. A vague question takes facts that are common: every fourth film is at night, and every
# fourth shows glasses.
