# %% [markdown]
# # What is there to see, hear and miss in a clip?
#
# **You will learn** to split a film into what four experts can know about it; to read a clip file with nothing but
# `h5py`; how often an expert has nothing to say, and why; and how much of a clip its captions leave out.
#
# **You need** Python, a little NumPy, and [the first page](index.md). For the films, the packages `av` and
# `opencv-python-headless`. A loudspeaker helps, but you can do without.
#
# **Minutes** 45

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/01_clips_and_experts.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F01_clips_and_experts.ipynb)

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

# %% [markdown]
# The book has its own films: *TinyClips*, 3,000 of them, each two and a half to four seconds long. A program draws each
# film, and makes its sound, from a short list of facts. So for every clip we know what is true, which nobody knows for
# a million clips from the web. The films are not stored: they are rendered when they are needed. What *is* stored, in
# one file, is what four experts made of them.

# %%
import json
import sys

import cv2
import h5py
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from lesson import EXPERTS, play, show

sys.path.append("../data_scripts")
from make_tinyclips import BELONGS, Script, render

torch.set_printoptions(precision=3, sci_mode=False)

# %% [markdown]
# ## Press play
#
# A clip file is an HDF5 file: named arrays, in groups that work like folders. `h5py` opens it without reading the
# arrays, and shows what is there.

# %%
file = h5py.File("data/tinyclips.h5")
for name, group in file.items():
    print(f"{name:<11}", ", ".join(group))

# %% [markdown]
# `clips/facts` holds the facts that each film was made from. Here are those of one clip.

# %%
ids = list(file["clips/id"].asstr())
facts = [json.loads(line) for line in file["clips/facts"]]
ours = ids.index("test_0081")
for key, value in facts[ours].items():
    print(f"{key:>7}: {value}")

# %% [markdown]
# `play`, a helper of this book, renders the film of some facts and shows it in a player. If you cannot see or hear it:
# on the left of a living room with a grey sofa stands a smiling person with curly red hair and a red beard. A pink
# flower slides to the right, out of the picture, and comes back in on the left. A telephone rings.

# %% tags=["nbval-ignore-output"]
play(facts[ours])

# %% [markdown]
# And another. Snowy mountains by day; a green ball bounces, a black butterfly keeps still. There is no person, and your
# loudspeaker is not broken: the film has no sound.

# %% tags=["nbval-ignore-output"]
quiet = ids.index("test_0057")
play(facts[quiet])

# %% [markdown]
# ## Four ways to look at it
#
# An *expert* is a program that knows one kind of thing about a clip and is blind to the rest. What is there for each of
# the four to work on? `render` makes a film as arrays: its pictures, its sound, and where the face is.

# %%
frames, audio, fps, rate, box = render(Script.from_dict(facts[ours]))
height, width = frames.shape[1:3]
print(f"{len(frames)} pictures of {height} x {width} pixels, {fps} per second")
print(f"{len(audio):,} numbers for the sound, {rate:,} per second")
print("corners of the box around the face:", box)

# %% [markdown]
# **Appearance** sees single pictures and has no memory. From these four, could you tell whether the flower goes to the
# right or to the left? And if they had been shuffled?

# %% tags=["hide-input"]
figure, axes = plt.subplots(1, 4, figsize=(9, 2))
for axis, t in zip(axes, [0, 7, 14, 21], strict=True):
    axis.imshow(frames[t])
    axis.set_title(f"{t / fps:.2f} s")
    axis.axis("off")
show(
    figure,
    "Four pictures in a row: the flower is at first half behind the person on the "
    "left, and further to the right in each picture after that.",
)

# %% [markdown]
# In this order, yes: the flower is further right each time. Shuffled, no. Direction is not in the pictures but in their
# order.
#
# **Motion** compares each picture with the next and asks where every pixel has gone. The answer is called *optical
# flow*: two numbers per pixel, how far to the right and how far down. OpenCV estimates it from two grey pictures.
#
# > **Predict.** What sign has the mean of the first number over the pixels that moved? And if the film runs backwards?

# %%
grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
optical_flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
for label, (a, b) in {"forwards": (8, 9), "backwards": (9, 8)}.items():
    flow = optical_flow.calc(grey[a], grey[b], None)  # (height, width, 2)
    moved = np.hypot(flow[..., 0], flow[..., 1]) > 2  # by more than two pixels
    right, down = flow[moved].mean(0)
    print(f"{label}: ≈ {right:.0f} pixels to the right, ≈ {abs(down):.0f} up or down")

# %% tags=["hide-cell", "check"]
assert right < -2 and abs(down) < 1
flow = optical_flow.calc(grey[8], grey[9], None)
moved = np.hypot(flow[..., 0], flow[..., 1]) > 2
assert flow[moved][:, 0].mean() > 2

# %% [markdown]
# **Audio** knows how the air moves, and **face** what is inside the box, if there is a face. Here is what the three of
# them get to see of our film.

# %% tags=["hide-input"]
figure, axes = plt.subplots(1, 3, figsize=(9, 2.1), width_ratios=[1.5, 2, 0.8])
axes[0].imshow(frames[8])
y, x = np.mgrid[4:168:9, 4:224:9]
keep = moved[y, x]
arrows = flow[y, x][keep].T
style = {"angles": "xy", "scale_units": "xy", "scale": 0.4, "width": 0.008}
axes[0].quiver(x[keep], y[keep], *arrows, **style)
axes[0].set_title("motion")
axes[1].plot(np.arange(len(audio)) / rate, audio, linewidth=0.4)
axes[1].set(title="audio", xlabel="time (seconds)", ylabel="amplitude")
x0, y0, x1, y1 = box
axes[2].imshow(frames[8][y0:y1, x0:x1])
axes[2].set_title("face")
axes[0].axis("off")
axes[2].axis("off")
figure.tight_layout()
show(
    figure,
    "Motion: arrows lie on the flower and nearly nowhere else, and all point to the "
    "right. Audio: a waveform of loud stretches with silence between them, the "
    "telephone's rings. Face: the face alone, smiling, with a red beard.",
)

# %% [markdown]
# ## What the experts wrote down
#
# Each expert looked at all 3,000 films once and wrote down numbers, its *features*. The model of this book never sees a
# film: it works with these.
#
# | expert | what it wrote for a clip |
# | --- | --- |
# | appearance | 1,280 numbers from a network trained on photographs, the mean over eight pictures |
# | motion | 360 numbers: how much moves in which direction, where, and when |
# | audio | a *sequence*: 64 numbers ten times a second, how loud each range of pitch is |
# | face | 128 numbers, such that two pictures of one face give nearly the same ones |
#
# How does a file keep a sequence that is longer for some clips than for others? The rows of all clips lie in one array,
# one clip after the other, and a second array, `offsets`, says where each clip begins.
#
# > **Predict.** There are 3,000 clips. How many offsets does each expert have?

# %%
for name, expert in file["experts"].items():
    kind, features = expert.attrs["kind"], expert["features"]
    print(f"{name:<11}{kind:<9} features {str(features.shape):<14}", end=" ")
    print("offsets", expert["offsets"].shape)

# %% [markdown]
# One more than clips: the last one says where the last clip ends. And there are fewer than 3,000 rows of faces.
#
# So two neighbouring offsets are the two ends of a bracket around a clip's rows. Here are the first seven offsets of
# two experts, which hold six clips.

# %%
for name in ("audio", "face"):
    print(f"{name:<6}", *file[f"experts/{name}/offsets"][:7])

# %% tags=["hide-input"]
figure, panels = plt.subplots(2, 1, figsize=(9, 3.4))
for axis, name in zip(panels, ("audio", "face"), strict=True):
    ends = file[f"experts/{name}/offsets"][:7]
    axis.barh(0.5, ends[-1], height=0.6, **EXPERTS[name])
    for clip, (first, last) in enumerate(zip(ends[:-1], ends[1:], strict=True)):
        drop = -0.3 if last > first else -0.9
        axis.plot([first, first, last, last], [0, drop, drop, 0], "k-", linewidth=1.5)
        axis.text((first + last) / 2, drop - 0.1, ids[clip][6:], ha="center", va="top")
    axis.set(ylim=(-1.7, 0.9), xlabel="row" if name == "face" else "")
    axis.set_title(name, loc="left")
    axis.set_xticks(sorted(set(ends.tolist())))
    axis.set_yticks([])
    axis.spines.left.set_visible(False)
figure.tight_layout()
show(
    figure,
    "Audio: the rows lie in one long bar, with brackets for five clips below it. "
    "Between those of clips 0003 and 0005 stands a bracket of no width, that of clip "
    "0004. Face: three brackets of one row each, for clips 0001, 0003 and 0005, and "
    "before each of them a bracket of no width, for clips 0000, 0002 and 0004.",
)

# %% [markdown]
# A clip that has the expert gets a bracket with rows in it. A clip that lacks the expert gets a **bracket of no
# width**: both ends are the same number. That is how absence is written in this file: as *nothing*. Not as a row of
# zeros, which would be an answer; not as NaN, which would spread through every sum. There is only one way to say it, so
# nothing can contradict it.
#
# One small function reads any expert of any clip.


# %%
def rows(name, clip):
    """The rows of one expert for one clip: (rows, dimensions). No rows: absent."""
    first, last = file[f"experts/{name}/offsets"][clip : clip + 2]
    return file[f"experts/{name}/features"][first:last]


for name in file["experts"]:
    ours_has, quiet_has = rows(name, ours).shape, rows(name, quiet).shape
    print(f"{name:<11} our clip {str(ours_has):<10} the snowy mountains {quiet_has}")

# %% [markdown]
# Do these numbers come from the film that you heard? Lay the audio expert's rows below the waveform.

# %% tags=["hide-input"]
heard = rows("audio", ours).astype("float32")
figure, (above, below) = plt.subplots(2, 1, figsize=(7, 3.6), sharex=True)
above.plot(np.arange(len(audio)) / rate, audio, linewidth=0.4)
above.set_ylabel("amplitude")
extent = (0, len(heard) / 10, 0, 64)
below.imshow(heard.T, origin="lower", aspect="auto", extent=extent)
below.set(xlabel="time (seconds)", ylabel="band, low to high")
show(
    figure,
    "Above the waveform, below 64 bands over time. Bright stripes stand below the "
    "telephone's rings, and the bands are dark in the silence between them.",
)

# %% [markdown]
# They do: the bands are bright while the telephone rings and dark in between.
#
# The library reads the same file for many clips at once. `read_clips` checks it, and answers *is the expert there?*
# with a table of yes and no, `present`: a **mask**. By hand, a mask is the brackets that have some width.

# %%
from mee import read_clips

clips = read_clips("data/tinyclips.h5")
names = list(clips.experts)
widths = [np.diff(file[f"experts/{name}/offsets"]) for name in names]
by_hand = torch.from_numpy(np.stack(widths, 1) > 0)  # (clips, experts)
torch.testing.assert_close(by_hand, clips.present)
print(names)
print(by_hand[[ours, quiet]].int())

# %% [markdown]
# `clips.video` makes a batch, and a batch has to be rectangular. So it does put zeros where the second clip has no
# sound and no face. But it never hands them out alone: `ind` says which of them mean nothing.

# %%
videos, ind, _ = clips.video([ours, quiet])
for name in names:
    print(f"{name:<11}{tuple(videos[name].shape)!s:<14} there: {ind[name].tolist()}")
torch.testing.assert_close(videos["face"][:1], torch.tensor(rows("face", ours)).float())

# %% [markdown]
# ## What is missing, how often, and why
#
# Now count, over all films, and over a second file: 1,000 *stills*, single pictures with captions, which are plentiful
# on the web.
#
# > **Predict.** Which two experts can say nothing at all about a still?

# %%
stills = read_clips("data/tinyclips_stills.h5")
missing = {}
for label, some in {"3,000 films": clips, "1,000 stills": stills}.items():
    missing[label] = 100 * (~some.present).float().mean(0)
    shares = zip(names, missing[label], strict=True)
    print(f"{label} lack", ", ".join(f"{name} {share:.0f} %" for name, share in shares))

# %% tags=["hide-input"]
figure, axis = plt.subplots(figsize=(6, 2.8))
for i, name in enumerate(names):
    share = [float(part[i]) for part in missing.values()]
    at = np.arange(2) + 0.2 * i - 0.3
    bars = axis.bar(at, share, width=0.18, label=name, **EXPERTS[name])
    axis.bar_label(bars, fmt="%.0f")
axis.set_xticks(range(2), list(missing))
axis.set(ylabel="clips without it (%)", ylim=(0, 112))
axis.legend(loc="upper left")
show(
    figure,
    "Of the films, half lack a face and one in nine lacks audio; appearance and "
    "motion are always there. Of the stills, all lack audio and motion, and nearly "
    "half lack a face.",
)

# %% [markdown]
# Why? No face was drawn; nothing is heard; a still picture neither moves nor sounds. The facts must agree with the
# file, clip by clip.

# %%
has_face = torch.tensor([one["face"] is not None for one in facts])
is_heard = torch.tensor([one["sound"] != "silence" for one in facts])
audio_there, face_there = (clips.present[:, names.index(e)] for e in ("audio", "face"))
print("clips where facts and file disagree:", end=" ")
print(f"face {(has_face != face_there).sum()}, sound {(is_heard != audio_there).sum()}")
print(f"all four experts are there in {clips.present.all(1).float().mean():.0%}")

# %% [markdown]
# Fewer than one clip in two has all four experts. A model that needs all four could not find the others. A *mixture*
# uses those that are there.
#
# ## Sound and sight
#
# Whether a face is there has nothing to do with the rest of the film, by design. Sound is different. Where you see the
# sea you often hear it, and a good collection of films should be like that. So a place or a thing may have sounds of
# its own, and `BELONGS` lists them.

# %%
for what, sounds in BELONGS.items():
    print(f"{what:<8}", " or ".join(sounds))

# %% [markdown]
# > **Predict.** Surf is one of 13 sounds. Of the films at the beach, how many let you hear it: one in 13, half, or
# > nearly all? And of the others?

# %%
surf = np.array([one["sound"] == "surf" for one in facts])
beach = np.array([one["place"] == "beach" for one in facts])
print(f"surf at the beach: {surf[beach].mean():.0%}", end=", ")
print(f"elsewhere: {surf[~beach].mean():.0%}")


def belongs(one):
    """Whether the sound of a film belongs to its place or to one of its things."""
    seen = [one["place"]] + [thing["shape"] for thing in one["things"]]
    return any(one["sound"] in BELONGS.get(what, ()) for what in seen)


print(f"films whose sound belongs: {np.mean([belongs(one) for one in facts]):.0%}")

# %% [markdown]
# More than half of the beaches, and few other places. So in part of the films two experts *corroborate* each other: you
# can look for the sea, or listen for it. A model that misses one of the two still has the other. In the rest of the
# films the sound is drawn by itself, so that looking cannot replace listening. And where the sound does belong, a place
# mostly narrows it down to two, as the figure shows.

# %% tags=["hide-input"]
places = sorted({one["place"] for one in facts})
sounds = sorted({one["sound"] for one in facts})
table = np.zeros((len(places), len(sounds)))
for one in facts:
    table[places.index(one["place"]), sounds.index(one["sound"])] += 1
table *= 100 / table.sum(1, keepdims=True)
figure, axis = plt.subplots(figsize=(8, 3.6))
picture = axis.imshow(table, aspect="auto")
for i, j in zip(*np.where(table >= 20), strict=True):
    axis.text(j, i, f"{table[i, j]:.0f}", ha="center", va="center")
labels = [sound.replace("_", " ") for sound in sounds]
axis.set_xticks(range(len(sounds)), labels, rotation=40, ha="right")
axis.set_yticks(range(len(places)), places)
figure.colorbar(picture, label="films of this place (%)")
show(
    figure,
    "Places by sounds. Surf stands out at the beach, with 62 percent; birds and "
    "crickets in forest and meadow, bell and siren in the city, clock and phone in "
    "room and kitchen, each with about one film in three. Nothing else comes near.",
)

# %% [markdown]
# ## What captions say, and what they leave out
#
# Captions are what we search with. Here are those of our clip, and which expert's knowledge each uses. TinyClips knows
# the latter, since it wrote the captions (`mentions`). `captions_of` gives the numbers of a clip's captions.

# %%
for k in clips.captions_of([ours])[0].tolist():
    used = [name for name, yes in zip(names, clips.mentions[k], strict=True) if yes]
    print(f"{clips.texts[k]}\n    {' + '.join(used)}")

# %% [markdown]
# None of them says everything. The second is the richest, and does not mention the telephone.
#
# > **Predict.** There are twelve thousand captions. How many of them mention an expert that their clip lacks? And how
# > many mention all four?

# %%
of_clip = clips.present[clips.caption_clip]  # (captions, experts)
print("mention an absent expert:", int((clips.mentions & ~of_clip).any(1).sum()))
count = clips.mentions.sum(1)
for number in range(1, 5):
    print(f"mention {number}: {(count == number).float().mean():.0%}")

# %% [markdown]
# Nobody writes about what is not there, and hardly anybody about all that is.
#
# What is not said cannot be searched for, so a caption fits more clips than its own. The last caption of ours says *a
# pink blossom* and *a telephone ringing*. How many of the 500 test clips fit?


# %%
def pink_flower(one):
    return any(t["shape"] == "flower" and t["colour"] == "pink" for t in one["things"])


test = clips.clips_in("test").tolist()
phone = [ids[i] for i in test if facts[i]["sound"] == "phone"]
flower = [ids[i] for i in test if pink_flower(facts[i])]
print(f"phone {len(phone)}, pink flower {len(flower)}", end=", ")
print("both", sorted(set(phone) & set(flower)))

# %% tags=["hide-cell", "check"]
assert "test_0081" in phone and "test_0081" in flower

# %% [markdown]
# Two clips fit, and only one of them is the right answer. The best of models can do no better than guess between them.
# Captions like *something pink slides to the right* fit more clips still. So no model can reach 100 %, and it is good
# to know that before one measures.
#
# ## The trap: silence that is there
#
# Public code for this model marked silent audio as present: silence came in as numbers, and numbers look like an
# answer. In TinyClips, too, *nothing is heard* has two causes. Some films have no sound track. Others have one, and
# every number in it is zero. The clip file treats both as absent. What would have happened to the second kind?

# %%
silent = [i for i in test if facts[i]["sound"] == "silence"][:10]
sounding = [i for i in test if facts[i]["sound"] != "silence"][:10]
tracks = {i: render(Script.from_dict(facts[i]))[1] for i in silent + sounding}
with_track = [i for i in silent if tracks[i] is not None]
print(f"{len(silent)} silent films, {len(with_track)} of them with a silent track")

# %% [markdown]
# A usual way to describe sound is a *spectrogram*: the energy in each range of pitch, moment by moment, as a logarithm.
# The logarithm of zero is minus infinity, so one adds something small first. Then every row is scaled to length 1, as
# this model does with all embeddings.
#
# > **Predict.** What do 64 equal numbers look like after that?


# %%
def spectrogram(samples):
    """(moments, 64 bands): logarithm of the energy."""
    sound, window = torch.from_numpy(samples), torch.hann_window(512)
    power = torch.stft(sound, 512, 1600, window=window, return_complex=True).abs() ** 2
    return torch.log(power[1:].reshape(64, 4, -1).mean(1).T + 1e-6)


silence = spectrogram(tracks[with_track[0]])
unit = F.normalize(silence, dim=1)
print(f"before {silence[0, 0]:.1f}, after", unit[0, :4])
print(f"length {unit[0].norm():.0f}")

# %% [markdown]
# A vector of length 1, as sure of itself as that of a guitar, and the same for all silent tracks. So whatever a
# sentence asks for, its audio score is one number for all silent clips. It cannot rank them. It can only lift all of
# them at once, or push all of them down, and neither has anything to do with the question.
#
# Other public code asked the numbers themselves: an expert is absent if its features *sum to zero*. Try it on three
# things. The first is our silent track. The second is a film that stands still, so that the motion expert has looked
# and has seen no motion, which is knowledge. The third is a row whose numbers happen to cancel.


# %%
def there_by_sum(features):
    return bool(features.sum() != 0)


frozen = torch.from_numpy(optical_flow.calc(grey[0], grey[0], None))
cancels = torch.tensor([0.5, -1.5, 1.0])
for label, x in {"silence": silence, "no motion": frozen, "cancels": cancels}.items():
    print(f"{label:<10}", "there" if there_by_sum(x) else "absent")

# %% [markdown]
# Wrong three times. Silence is called there; a real observation of stillness is called absent; and so is any row whose
# numbers cancel, as they do wherever somebody has subtracted the mean.
#
# The fix is to decide where the knowledge is, at the microphone, and once: a track without a single sample above a
# thousandth of full scale is absent, and gets no rows.
#
# > **Predict.** Of these twenty films, for how many does each rule agree with the file?


# %%
def audible(samples):
    """Whether anything can be heard; None is a film without a sound track."""
    return samples is not None and np.abs(samples).max() >= 0.001


def summed(samples):
    return samples is not None and there_by_sum(spectrogram(samples))


for rule in (audible, summed):
    agree = sum(rule(track) == bool(audio_there[i]) for i, track in tracks.items())
    print(f"{rule.__name__:<8} agrees for {agree} of {len(tracks)} films")

# %% [markdown]
# ## Summary
#
# - Four experts look at a clip, each blind to what the others know: pictures, motion, sound, a face.
# - In a clip file an absent expert has no rows: a bracket of no width. A mask, read off the offsets, says who is there.
# - Half of the films show no face, one in nine is silent, and a still has neither motion nor sound.
# - In part of the films the sound belongs to what is seen, as in life; in the others it does not.
# - Captions mention part of what is there and never what is absent, so a caption may fit several clips.
# - A sum of zero does not mean absent, and silence is not a sound: absence is decided once, where the film is read.
#
# ## Exercises
#
# 1. How often is an expert missing in a split?
# 2. Write a file's arrays: from rows, clip by clip, to features and offsets.
# 3. Ask a question that only one clip answers, and one that thirty do.
#
# Write them in the [exercise notebook](exercises/01_clips_and_experts.ipynb); one way to do it is in the
# [solutions](solutions/01_clips_and_experts.ipynb).
#
# ## Where next
#
# A caption has any number of words, and the model wants one vector:
# [how do any number of words become one?](02_words_and_netvlad.ipynb) Back to
# [search in five minutes](00_search_in_five_minutes.ipynb).
