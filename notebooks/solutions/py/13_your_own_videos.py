# %% [markdown]
# # Solutions: How does an .mp4 become a clip that can be searched?
#
# Three exercises for [the lesson](../13_your_own_videos.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/13_your_own_videos.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F13_your_own_videos.ipynb)

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
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from lesson import need

need("extract", "words", "search")
sys.path.append("../data_scripts")

import extract
from make_tinyclips import Face, Script, Thing, render, write_mp4

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)

# %% [markdown]
# ## Exercise 1 (easy): which way?
#
# The axes of `extract.motion(...).reshape(3, 10, 12)` are segment of time, place and kind. Place 0 is the whole
# frame; the first eight kinds are right, up right, up, up left, left, down left, down, down right. Write a function
# that says in one word which way things move in a film. A film in which nothing moves has a vector of zeros.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Which four of the twelve kinds do you need, and at which of the ten places?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `[:, 0, [0, 2, 4, 6]]` picks them: (3, 4). Take the mean over time, then the word of the largest number. Ask first
# whether all are 0.
#
# </details>


# %% tags=["solution"]
def direction(motion):
    """The strongest of "right", "up", "left", "down", a str; or "nowhere".

    motion is an array (360,), all zeros if nothing moves: that is "nowhere".
    """
    ### BEGIN SOLUTION: return the word for the strongest way
    strength = motion.reshape(3, 10, 12)[:, 0, [0, 2, 4, 6]].mean(0)
    if not strength.any():
        return "nowhere"
    return ("right", "up", "left", "down")[strength.argmax()]
    ### END SOLUTION


# %% tags=["check", "points-2"]
for way in ("right", "up", "left", "down"):
    ball = (Thing("ball", "black", way, "medium"),)
    frames, *_ = render(Script("x", "test", "desert", "day", ball))
    times = np.arange(len(frames)) / 12
    assert direction(extract.motion(frames, times)) == way, f"a ball that goes {way}"
back = direction(extract.motion(frames[::-1], times))
assert back == "up", "the last film, played backwards"
still = extract.motion(frames[[0] * 5], times[:5])
assert direction(still) == "nowhere", "five times the same frame: nothing moves"
### BEGIN HIDDEN TESTS
for kind, wanted in ((0, "right"), (2, "up"), (4, "left"), (6, "down")):
    made = np.zeros((3, 10, 12), dtype="float32")
    made[:, 0, kind] = 0.2
    made[:, 3, 6 - kind] = 0.9  # at another place, another way
    assert str(direction(made.ravel())) == wanted, "place 0 is the whole frame"
### END HIDDEN TESTS
print("exercise 1: right for four ways, one played backwards, and a still film")

# %% [markdown]
# **In words.** What would your function say about a ball that goes in a circle? And what does the mean over the three
# segments of time lose?

# %% [markdown] tags=["written", "points-1"]
# A circle goes each way equally long, so whichever is a little stronger wins: the word means nothing. The mean over
# the segments forgets the order. A ball that goes left and then right has the same mean as one that goes right and
# then left; only the three segments tell the two apart.

# %% [markdown]
# ## Exercise 2 (usual): from a file into the index
#
# Write one function that takes a film into the index. The model is that of the lesson, and the index holds its 500
# test films. A file that is no film must leave nothing behind: `extract.extract` raises an error for it, and the
# index should not have been touched by then.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `extract.extract(path)` gives a dict: expert to array, only those that are present. What does
# `index.model.embed_video` take?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `embed_video` takes a dict expert to tensor (clips, dim), or (clips, frames, dim) for a sequence:
# `torch.from_numpy(x)[None]` makes one clip of an array. `index.add([id], ...)` takes what it returns. Do it under
# `torch.no_grad()`.
#
# </details>

# %%
from mee import ClipIndex, load_model, read_clips

clips = read_clips("data/tinyclips.h5")
model = load_model("data/tinyclips_model.pt")[0].float()
index = ClipIndex.build(model, clips, clip_ids=clips.clips_in("test"), progress=False)


# %% tags=["solution"]
def add_film(index, path, id):
    """Add the film at path to the index under this id; return its experts, a list.

    Features come from extract.extract, embeddings from index.model.
    """
    ### BEGIN SOLUTION: extract, embed, add, return experts
    features = extract.extract(path)
    one = {name: torch.from_numpy(x)[None] for name, x in features.items()}
    with torch.no_grad():
        index.add([id], index.model.embed_video(one))
    return sorted(features)
    ### END SOLUTION


# %% tags=["check", "points-2"]
kite = (Thing("kite", "purple", "circle", "medium"),)
boat, curly = (Thing("boat", "red", "left", "fast"),), Face("red", "curly")
films = {
    "desert": Script("desert", "test", "desert", "day", kite, "drum", "low"),
    "meadow": Script("meadow", "test", "meadow", "night", boat, face=curly),
}
wanted = {
    "desert": ["appearance", "audio", "motion"],
    "meadow": ["appearance", "face", "motion"],
}
sentences = {
    "desert": "a purple kite circles in the desert while a low drum beats",
    "meadow": "a red boat moves left on the grass at night, "
    "beside someone with curly red hair",
}
for name, script in films.items():
    frames, sound, *_ = render(script)
    write_mp4(folder / f"{name}.mp4", frames, sound)
    has = sorted(add_film(index, folder / f"{name}.mp4", name))
    assert has == wanted[name], f"the experts of {name}"
    hits = {hit.id: hit for hit in index.search(sentences[name], k=50)}
    assert name in hits, f"{name} is not among the first 50 of {len(index)}"
    has = sorted(hits[name].weight)
    assert has == wanted[name], "an absent expert has to be absent in the index too"
size = len(index)
(folder / "broken.mp4").write_bytes(b"no film at all")
try:
    add_film(index, folder / "broken.mp4", "broken")
except extract.ClipError:
    assert len(index) == size, "of a broken file nothing may stay"
else:
    raise AssertionError("a broken file has to raise an error")
print("exercise 2: two films found with their experts; a broken one leaves no trace")

# %% [markdown]
# **In words.** Why does it matter that a silent film's sound is left out, and not replaced by zeros?

# %% [markdown] tags=["written", "points-1"]
# What is left out is marked as absent: the other experts share its weight. Zeros would pass for a measurement: the
# model would make an embedding of them, and compare it with each sentence at the full weight of sound. So a sound
# that nobody recorded would move the film up or down, even where a sentence asks for what can be seen.

# %% [markdown]
# ## Exercise 3 (open-ended): your own video
#
# Now film a few seconds with your phone, copy the file to your computer, and ask for it by what you can see, how it
# moves and what you can hear. If you have no video at hand, leave `None`: a stand-in is drawn, an orange car that
# shakes, in a city at night, while people clap. Find a sentence that puts your film near the top, and one that is
# just as true but ranks it lower. A third sentence is yours.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Say in one sentence what is unusual about your film among 500 drawn ones, and in another what it shares with many of
# them.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `[hit.id for hit in index.search(sentence, k=len(index))]` is the whole ranking, after `add_film(index, path,
# "try")`. A sentence about one expert only, or with words that the model has never learnt, finds less.
#
# </details>

# %% tags=["solution"]
# my_video, the path of your film (a str), or None; my_sentences, a list of three true
# sentences about it: the first ranks it higher than the second does
### BEGIN SOLUTION: set my_video and my_sentences
my_video = None
my_sentences = ["people clap", "it is dark", "an orange car in the city at night"]
### END SOLUTION

# %% tags=["check", "points-2"]
video = my_video
if video is None:
    video = folder / "stand-in.mp4"
    car = (Thing("car", "orange", "shake"),)
    frames, sound, *_ = render(Script("s", "test", "city", "night", car, "applause"))
    write_mp4(video, frames, sound)
assert len(set(my_sentences)) == 3, "three different sentences"
has = add_film(index, video, "mine")
assert has, "no expert has anything to say about this film"
features = clips.experts["appearance"].features.float()[clips.clips_in("train")]
looks = extract.extract(video, experts=["appearance"]).get("appearance")
if looks is not None:
    looks = torch.from_numpy(looks)[None]
    nearest = torch.nn.functional.cosine_similarity(features, looks).max()
    unlike = "unlike all training films: don't expect too much"
    print("like the training films" if nearest > 0.75 else unlike)
places = []
for sentence in my_sentences:
    hits = index.search(sentence, k=len(index))
    places.append(1 + [hit.id for hit in hits].index("mine"))
    assert sorted(hits[places[-1] - 1].weight) == has
assert places[0] < places[1], f"places {places[:2]}: the first should rank it higher"
print("exercise 3: your film is in the index, with", ", ".join(has))
temporary.cleanup()

# %% tags=["nbval-ignore-output"]
for sentence, place in zip(my_sentences, places, strict=True):
    print(f"place {place:>3} of {len(index)}: {sentence}")

# %% [markdown]
# **In words.** Why does the second sentence rank your film lower? And how near is the nearest film that the model has
# learnt from?

# %% [markdown] tags=["written", "points-2"]
# The first sentence names a sound that 9 of the 500 other films share. The second is as true of the 127 others at
# night, and the model has little reason to prefer this one. The stand-in comes from the program that drew the
# training films: the cosine with the nearest of them is 0.93 (`print(nearest)`). With a film from a phone, expect what
# the lesson's portrait showed: its features are unlike all training films, and even good sentences may miss it.
# `extract.inspect(path)` draws what each expert saw of a film.
