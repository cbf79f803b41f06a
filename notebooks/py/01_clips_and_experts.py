# %% [markdown]
# # What is there to see, hear and miss in a clip?
#
# **You will learn** to take a film apart into what four experts can know of it; to read a clip file with nothing but
# `h5py`; how often an expert has nothing to say, and why; and how much of a clip its captions leave out.
#
# **You need** Python, a little NumPy, and [the first page](index.md). For the films, the packages `av` and
# `opencv-python-headless`. A loudspeaker helps, and is not required.
#
# **Minutes** 35

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/01_clips_and_experts.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F01_clips_and_experts.ipynb)

# %% tags=["setup"]
import os

if os.path.exists("../lesson.py"):  # exercises and solutions work in the book's folder, as the lessons do
    os.chdir("..")
elif not os.path.exists("lesson.py"):  # this notebook came alone, as on Colab: fetch its book and install mee
    address = os.environ.get("MEE_REPOSITORY", "https://github.com/OWNER/mee")
    # !test -d mee-book || git clone --quiet --depth 1 "{address}" mee-book
    # %run mee-book/notebooks/lesson.py
    os.chdir("mee-book/notebooks")

# %% [markdown]
# The book has its own films: *TinyClips*, 3,000 of them, each two and a half to four seconds long. A program draws
# and plays each from a short list of facts. So we can always ask what is true of a clip, which nobody can ask of a
# clip from the wild. The films are not stored: `render` makes them when they are needed. What *is* stored is what
# four experts made of them, in one file.

# %%
import json
import sys
import tempfile
from pathlib import Path

import cv2
import h5py
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from IPython.display import Video
from lesson import show

sys.path.append("../data_scripts")
from make_tinyclips import Script, render, write_mp4

torch.set_printoptions(precision=3, sci_mode=False)

# %% [markdown]
# ## Press play
#
# A clip file is an HDF5 file: arrays with names, in groups like folders. `h5py` opens it. It does not read anything
# yet, it shows what is there.

# %%
file = h5py.File("data/tinyclips.h5")
for name, group in file.items():
    print(f"{name:<11}", ", ".join(group))

# %% [markdown]
# `clips/facts` holds, for each clip, the facts that its film was made from. Read those of one clip. What do you
# expect to see and to hear when you press play?

# %%
ids = list(file["clips/id"].asstr())
ours = ids.index("test_0081")
facts = [json.loads(line) for line in file["clips/facts"]]
for key, value in facts[ours].items():
    print(f"{key:>7}: {value}")

# %% [markdown]
# Now make the film. Two things come out: pictures, and sound. In what shapes?

# %%
frames, audio, fps, rate, box = render(Script.from_dict(facts[ours]))
print(f"frames {frames.shape}: {len(frames)} pictures of {frames.shape[1]} x {frames.shape[2]} pixels, red green blue")
print(f"audio  {audio.shape}: {rate} numbers a second")
assert frames.dtype == np.uint8 and audio.dtype == np.float32
assert round(len(frames) / fps, 2) == round(len(audio) / rate, 2), "picture and sound last equally long"

# %% [markdown]
# Press play. If you cannot see or hear it: on the left of a living room with a grey sofa stands a smiling person with
# curly red hair and a red beard. A pink flower slides to the right, out of the picture, and comes back in on the
# left. A high drum beats twice a second or so.


# %% tags=["nbval-ignore-output"]
def play(facts, words):
    """The film of these facts, to play here; words say what is in it."""
    frames, audio, *_ = render(Script.from_dict(facts))
    with tempfile.TemporaryDirectory() as folder:
        write_mp4(f"{folder}/film.mp4", frames, audio)
        film = Path(f"{folder}/film.mp4").read_bytes()
    label = f'controls aria-label="{words}"'
    return Video(film, embed=True, mimetype="video/mp4", width=448, html_attributes=label)


play(facts[ours], "a pink flower slides to the right past a smiling person, a high drum beats")

# %% [markdown]
# And another. Snowy mountains by day; a green ball bounces, a black butterfly stays where it is. Nobody is there, and
# your loudspeaker is not broken: the film has no sound.

# %% tags=["nbval-ignore-output"]
play(facts[ids.index("test_0057")], "a green ball bounces in snowy mountains, a black butterfly stays still, no sound")

# %% [markdown]
# ## Four ways to look at it
#
# An *expert* is a program that knows one kind of thing about a clip and is blind to the rest. Let us see what there
# is for each of the four to work on.
#
# **Appearance**: single pictures, and no memory. From these four, would you know whether the flower goes to the right
# or to the left? Would you know it if I had shuffled them?

# %%
figure, axes = plt.subplots(1, 4, figsize=(9, 2))
for axis, t in zip(axes, [0, 7, 14, 21], strict=True):
    axis.imshow(frames[t])
    axis.set_title(f"{t / fps:.2f} s")
    axis.axis("off")
show(figure, "Four pictures in a row: the flower is at first half behind the person on the left, then further right.")

# %% [markdown]
# **Audio**: how the air moves. There is no picture in it, and no word; a beat shows as a spike that dies away.

# %%
figure, axis = plt.subplots(figsize=(7, 2.2))
axis.plot(np.arange(len(audio)) / rate, audio, linewidth=0.5)
axis.set_xlabel("time (seconds)")
axis.set_ylabel("amplitude")
show(figure, "A waveform: evenly spaced spikes, each dying away before the next.")

# %% [markdown]
# **Motion**: for each pixel, where it has gone from one picture to the next. That is called *optical flow*: two
# numbers a pixel, to the right and down. OpenCV estimates it from two grey pictures. What sign should the mean of the
# first number have, over the pixels that moved?

# %%
grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
forward = flow.calc(grey[8], grey[9], None)  # (168, 224, 2)
backward = flow.calc(grey[9], grey[8], None)
moved = np.hypot(forward[..., 0], forward[..., 1]) > 2  # pixels
right, down = forward[moved].mean(0)
print(f"what moved, moved {right:.0f} pixels to the right and {abs(down):.0f} up or down")
assert right > 2 and abs(down) < 1 and backward[moved][:, 0].mean() < -2, "played backwards, it goes to the left"

# %%
figure, axis = plt.subplots(figsize=(5, 3.4))
axis.imshow(frames[8])
y, x = np.mgrid[4:168:9, 4:224:9]
keep = moved[y, x]
arrows = forward[y, x][keep]
axis.quiver(x[keep], y[keep], arrows[:, 0], arrows[:, 1], angles="xy", scale_units="xy", scale=0.4, width=0.006)
axis.axis("off")
show(figure, "Arrows lie on the flower and nearly nowhere else, and all point to the right.")

# %% [markdown]
# **Face**: only what is inside the box, and only if there is a face.

# %%
x0, y0, x1, y1 = box
figure, axes = plt.subplots(1, 2, figsize=(6, 2.4))
axes[0].imshow(frames[8])
axes[0].add_patch(plt.Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor="white", linewidth=2))
axes[1].imshow(frames[8][y0:y1, x0:x1])
for axis in axes:
    axis.axis("off")
show(figure, "Left: the picture with a white box around the face. Right: the face alone, smiling, with a red beard.")
assert render(Script.from_dict(facts[ids.index("test_0057")]))[4] is None, "no face, no box"

# %% [markdown]
# ## What the experts wrote down
#
# Each expert looked at all 3,000 films once and wrote down numbers, its *features*. The model of this book never sees
# a film: it works with these.
#
# | expert | what it wrote for a clip |
# | --- | --- |
# | appearance | 1,280 numbers from a network trained on photographs, the mean over eight pictures |
# | motion | 360 numbers: how much moves in which direction, where, and when |
# | audio | a *sequence*: 64 numbers ten times a second, how loud each range of pitch is |
# | face | 128 numbers, such that two pictures of one face give nearly the same ones |
#
# How does a file keep a sequence that is longer for some clips than for others? All rows of all clips lie in one
# array, and `offsets` says where those of each clip begin. Before you run it: 3,000 clips; how many offsets?

# %%
for name, expert in file["experts"].items():
    kind, features, offsets = expert.attrs["kind"], expert["features"], expert["offsets"]
    print(f"{name:<11}{kind:<9} features {str(features.shape):<14} offsets {offsets.shape}")
    assert len(offsets) == len(ids) + 1 and offsets[0] == 0 and offsets[-1] == len(features)

# %% [markdown]
# One more than clips: the last one says where the last clip ends. And there are fewer than 3,000 rows of faces. Here
# is the face expert's array of offsets, as far as the sixth clip. Which of the six have no face?

# %%
print(file["experts/face/offsets"][:7])
for clip in range(6):
    first, last = file["experts/face/offsets"][clip : clip + 2]
    print(f"{ids[clip]}: {last - first} rows, a face in its facts: {facts[clip]['face'] is not None}")
    assert (last > first) == (facts[clip]["face"] is not None)

# %% [markdown]
# Where the offset does not grow, the clip has no rows. **That is how absence is written in this file: nothing.** Not
# a row of zeros, which would be an answer; not NaN, which would spread. There is no second way to say it, so nothing
# can contradict it. One small function reads any expert of any clip.


# %%
def rows(name, clip):
    """The rows of one expert for one clip: (rows, dimensions), without rows if the expert is absent."""
    first, last = file[f"experts/{name}/offsets"][clip : clip + 2]
    return file[f"experts/{name}/features"][first:last]


quiet = ids.index("test_0057")
for name in file["experts"]:
    print(f"{name:<11} our clip {str(rows(name, ours).shape):<10} the snowy mountains {rows(name, quiet).shape}")
assert len(rows("audio", quiet)) == 0 and len(rows("face", quiet)) == 0

# %% [markdown]
# Do these numbers come from the film that you saw? Lay the audio expert's rows below the waveform. The beats must
# stand where the spikes are.

# %%
heard = rows("audio", ours).astype("float32")
figure, (above, below) = plt.subplots(2, 1, figsize=(7, 3.6), sharex=True)
above.plot(np.arange(len(audio)) / rate, audio, linewidth=0.5)
above.set_ylabel("amplitude")
below.imshow(heard.T, origin="lower", aspect="auto", extent=(0, len(heard) / 10, 0, 64))
below.set_xlabel("time (seconds)")
below.set_ylabel("band, low to high")
show(figure, """Above the waveform, below 64 bands over time: bright columns stand below the spikes, brightest
     at the foot.""")

# %% [markdown]
# By eye is good, by number is better: how loud each tenth of a second is, from the film, against the sum over
# the 64 bands, from the file.

# %%
tenths = audio[: len(audio) // 1600 * 1600].reshape(-1, 1600)
loudness = np.log((tenths**2).mean(1) + 1e-9)
agreement = np.corrcoef(loudness, heard[: len(loudness)].sum(1))[0, 1]
assert agreement > 0.6, agreement
print(f"correlation {agreement:.1f}")

# %% [markdown]
# The library does the same, for many clips at once. `read_clips` checks the file, keeps the features where they are
# until they are asked for, and gives the question *is it there* as a table of yes and no, `present`: a *mask*. First
# by hand, from the offsets:

# %%
names = list(file["experts"])
by_hand = torch.stack([torch.from_numpy(np.diff(file[f"experts/{name}/offsets"]) > 0) for name in names], dim=1)
print(names)
print(by_hand[:4].int())

# %%
from mee import read_clips

clips = read_clips("data/tinyclips.h5")
assert list(clips.experts) == names and clips.ids == ids and clips.facts == facts
torch.testing.assert_close(by_hand, clips.present)

videos, ind, masks = clips.video([ours, quiet])
for name in names:
    mine = torch.from_numpy(rows(name, ours)).float()
    theirs = videos[name][0] if name in masks else videos[name][:1]
    torch.testing.assert_close(mine, theirs)
    print(f"{name:<11}{tuple(videos[name].shape)!s:<14} there: {ind[name].tolist()}")

# %% [markdown]
# A batch has to be rectangular, so `clips.video` does put zeros where the second clip has no sound and no face. But
# it never hands them out alone: `ind` says that they mean nothing.
#
# ## What is missing, how often, and why
#
# Now count, over all films, and over a second file: 1,000 *stills*, pictures with captions, as they are plentiful on
# the web. Before you look: which two experts can say nothing at all about a still?

# %%
stills = read_clips("data/tinyclips_stills.h5")
missing = {}
for label, some in (("3,000 films", clips), ("1,000 stills", stills)):
    missing[label] = 100 * (~some.present).float().mean(0)
    print(label, {name: f"{share:.0f} %" for name, share in zip(names, missing[label], strict=True)})

# %% tags=["hide-input"]
figure, axis = plt.subplots()
for shift, hatch, (label, share) in zip((-0.2, 0.2), ("", "//"), missing.items(), strict=True):
    bars = axis.bar(np.arange(4) + shift, share, width=0.38, label=label, hatch=hatch, edgecolor="white")
    axis.bar_label(bars, fmt="%.0f")
axis.set_xticks(range(4), names)
axis.set_ylabel("clips without it (%)")
axis.set_ylim(0, 112)
axis.legend(loc="upper left")
show(figure, """Of the films, half lack a face and one in nine lacks audio; appearance and motion are always there.
     Of the stills, all lack audio and motion, and nearly half lack a face.""")

# %% [markdown]
# Why? The facts say, and the file must agree with them, clip by clip: no face is drawn; nothing is heard; a still
# picture neither moves nor sounds.

# %%
column = {name: clips.present[:, i] for i, name in enumerate(names)}
assert torch.equal(column["face"], torch.tensor([one["face"] is not None for one in facts]))
assert torch.equal(column["audio"], torch.tensor([one["sound"] != "silence" for one in facts]))
assert column["appearance"].all() and column["motion"].all()
still = {name: stills.present[:, i] for i, name in enumerate(names)}
assert torch.equal(still["face"], torch.tensor([one["face"] is not None for one in stills.facts]))
assert still["appearance"].all() and not still["motion"].any() and not still["audio"].any()

# %% [markdown]
# *Nothing is heard* has two causes. Some films have no sound track; others have one, on which nothing is to be heard.
# The file treats them alike. We render twenty silent films to see.

# %%
test = clips.clips_in("test").tolist()
silent = [i for i in test if facts[i]["sound"] == "silence"][:20]
tracks = {i: render(Script.from_dict(facts[i]))[1] for i in silent}
with_track = [i for i in silent if tracks[i] is not None]
print(f"{len(silent)} silent films, {len(with_track)} of them with a silent track, the others without any")
assert all(np.all(tracks[i] == 0) for i in with_track) and not column["audio"][silent].any()

# %% [markdown]
# Fewer than one clip in two has all four experts. Does a missing face make a missing sound more likely? If the two
# have nothing to do with each other, the share of films that lack both is the product of the two shares.

# %%
faceless, soundless = ~column["face"], ~column["audio"]
both = (faceless & soundless).float().mean()
product = faceless.float().mean() * soundless.float().mean()
print(f"complete: {clips.present.all(1).float().mean():.0%}; lacks both: {both:.0%}, the product says {product:.0%}")
assert abs(both - product) < 0.02

# %% [markdown]
# Nothing to do with each other, by design. In a real collection it may well be otherwise: where nobody is in view,
# there may be less to hear as well. Keep it in mind when you carry a result from here to there.
#
# ## What captions say, and what they leave out
#
# Captions are what we search with. Here are those of our clip, and which expert's knowledge each uses: TinyClips
# knows, since it wrote them (`mentions`).

# %%
mine, _ = clips.captions_of([ours])
for k in mine.tolist():
    used = [name for name, yes in zip(names, clips.mentions[k], strict=True) if yes]
    print(f"{clips.texts[k]}\n    {' + '.join(used)}")

# %% [markdown]
# None says everything. The second is the richest, and does not say that anything moves. Does any caption of the
# twelve thousand talk about an expert that is absent? How many experts does a caption talk about?

# %%
assert not (clips.mentions & ~clips.present[clips.caption_clip]).any(), "no caption speaks of what is not there"
count = clips.mentions.sum(1).bincount(minlength=5)[1:]
share = 100 * count / count.sum()
figure, axis = plt.subplots(figsize=(5, 2.6))
axis.bar_label(axis.bar(range(1, 5), share, color="#4a7fb5"), fmt="%.0f %%")
axis.set_xticks(range(1, 5))
axis.set_xlabel("experts that a caption talks about")
axis.set_ylabel("captions (%)")
show(figure, "A quarter of the captions talk about one expert, two in five about two, few about all four.")

# %% [markdown]
# And the other way round: of the captions of clips with sound, how many mention the sound? For each expert it is
# about the same.

# %%
for i, name in enumerate(names):
    could = clips.present[clips.caption_clip, i]
    mentioned = clips.mentions[could, i].float().mean()
    print(f"{name:<11} could be mentioned by {int(could.sum()):>5} captions, is by {mentioned:.0%}")
    assert 0.55 < mentioned < 0.7
assert (clips.mentions[:, names.index("face")].sum() < count.sum() / 2), "most captions say nothing about a face"

# %% [markdown]
# What is not said cannot be searched for. So a caption fits more clips than its own. The last caption but one
# of ours says *pink*, and *a high drum*. How many of the 500 test clips fit the first half, and how many both?


# %%
def pink(one):
    return any(thing["colour"] == "pink" for thing in one["things"])


def high_drum(one):
    return one["sound"] == "drum" and one["pitch"] == "high"


seen = [ids[i] for i in test if pink(facts[i])]
both = [ids[i] for i in test if pink(facts[i]) and high_drum(facts[i])]
print(f"pink: {len(seen)} clips; pink, with a high drum: {len(both)}")
assert 1 <= len(both) < len(seen) / 5 and "test_0081" in both

# %% [markdown]
# This is the reason for a *mixture* of experts: each alone leaves many clips, together they leave few. It is also a
# ceiling. Where several clips fit, the best of models can only guess among them.
#
# ## The trap: silence that is there
#
# Public code for this model marked silent audio as present: silence came in as numbers, and numbers look like an
# answer. Here is a film with a silent track. A green ball spins in the mountains at night, next to a person, and you
# will hear nothing.

# %% tags=["nbval-ignore-output"]
play(facts[ids.index("test_0020")], "a green ball spins at night in the mountains next to a person, nothing is heard")

# %% [markdown]
# A usual way to describe sound is a *spectrogram*: the energy in each range of pitch, moment by moment, on a
# logarithmic scale. The logarithm of zero is minus infinity, so one adds something small first. Then every row
# is scaled to length 1, as this model does with all embeddings. What will 64 equal numbers look like after that?


# %%
def spectrogram(samples):
    """(moments, 64 bands): logarithm of the energy."""
    window = torch.hann_window(512)
    power = torch.stft(torch.from_numpy(samples), 512, 1600, window=window, return_complex=True).abs() ** 2
    return torch.log(power[1:].reshape(64, 4, -1).mean(1).T + 1e-6)


silence = spectrogram(tracks[ids.index("test_0020")])
unit = F.normalize(silence, dim=1)
print(unit[0, :5], "of length", f"{unit[0].norm():.0f}")
torch.testing.assert_close(unit, torch.full_like(unit, -1 / 64**0.5))

# %% [markdown]
# A constant vector of length 1: it looks as sure of itself as a guitar. All silent tracks give this same one. So
# whatever a sentence asks for, its audio score is one number for all silent clips: it can rank none of them, but it
# can lift them all at once, or push them all down. Ten silent tracks, and 500 random directions in place of
# sentences:

# %%
def unit_mean(i):
    """The mean row of a film's spectrogram, scaled to length 1."""
    return F.normalize(spectrogram(tracks[i]).mean(0), dim=0)


sentences = F.normalize(torch.randn(500, 64, generator=torch.Generator().manual_seed(0)), dim=1)
scores = sentences @ torch.stack([unit_mean(i) for i in with_track]).T  # (500, silent clips)
print(f"spread of one sentence's scores over {len(with_track)} silent clips: {scores.std(1).mean():.3f}")
print(f"spread of one clip's scores over the sentences: {scores.std(0).mean():.1f}")
assert scores.std(1).max() < 1e-5 and scores.std(0).mean() > 0.05

# %% [markdown]
# How far up or down? Twenty films that do sound join the list. For some sentences all silent clips land above all of
# them, for others all land below, and neither has anything to do with what was asked for.

# %%
sounding = [i for i in test if facts[i]["sound"] != "silence"][:20]
tracks |= {i: render(Script.from_dict(facts[i]))[1] for i in sounding}
loud = sentences @ torch.stack([unit_mean(i) for i in sounding]).T  # (500, 20)
above = (scores.min(1).values > loud.max(1).values).float().mean()
below = (scores.max(1).values < loud.min(1).values).float().mean()
print(f"silence wins for one sentence in {1 / above:.0f}, and comes last for one in {1 / below:.0f}")
assert above > 0.1 and below > 0.1

# %% [markdown]
# Other public code asked the numbers themselves: an expert is absent if its features *sum to zero*. Does that help
# here? And what does it make of a film in which nothing moves? We freeze our film, so that a motion expert has looked
# and has seen that all stands still: that is knowledge. (TinyClips' own camera drifts a little, so no film of ours
# has it.) Our little motion expert is the mean of what flows right, left, up and down.


# %%
def motion(grey):
    """(4,): mean flow to the right, left, up and down, in pixels a picture."""
    field = np.stack([flow.calc(a, b, None) for a, b in zip(grey[:-1], grey[1:], strict=True)])
    right, down = torch.from_numpy(field[..., 0]), torch.from_numpy(field[..., 1])
    return torch.stack([part.clamp(min=0).mean() for part in (right, -right, -down, down)])


def there_by_sum(features):
    return bool(features.sum() != 0)


frozen = motion([grey[0]] * 5)
print("silent track: ", "there" if there_by_sum(silence) else "absent")
print("frozen film:  ", "there" if there_by_sum(frozen) else "absent")
print("centred row:  ", "there" if there_by_sum(torch.tensor([0.5, -1.5, 1.0])) else "absent")
assert clips.experts["motion"].features.float().sum(1).min() > 0, "in TinyClips nothing is ever quite still"
assert there_by_sum(silence) and not there_by_sum(frozen) and there_by_sum(motion(grey[:5]))

# %% [markdown]
# Wrong three times. Silence is called there; a real observation of stillness is called absent; and so is any row
# whose numbers happen to cancel, as rows do that somebody has centred.
#
# The mend is to decide where the knowledge is, at the microphone, and once: a track without a single sample above a
# thousandth of full scale is absent, and gets no rows. We hold that against the file, for the twenty silent films and
# the twenty others.


# %%
def audible(samples):
    """Whether anything is to be heard; None is a film without a sound track."""
    return samples is not None and bool(np.abs(samples).max() >= 0.001)


present = column["audio"]
right = sum(audible(track) == bool(present[i]) for i, track in tracks.items())
summed = {i: track is not None and there_by_sum(spectrogram(track)) for i, track in tracks.items()}
by_sum = sum(there == bool(present[i]) for i, there in summed.items())
print(f"agrees with the file: by loudness {right} of {len(tracks)} films, by the sum {by_sum}")
assert right == len(tracks) and by_sum == len(tracks) - len(with_track)

# %% [markdown]
# ## Summary
#
# - A clip is looked at by four experts, each blind to what the others know: pictures, motion, sound, a face.
# - In a clip file an absent expert has no rows. A mask, read off the offsets, says who is there.
# - Half of the films show no face, one in nine is silent, and a still has neither motion nor sound.
# - Captions mention a part of what is there and never what is absent; so a caption fits several clips.
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
# [how do any number of words become one?](02_words_and_netvlad.ipynb) Or back to [the first page](index.md).
