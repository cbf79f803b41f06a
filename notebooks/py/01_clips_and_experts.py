# %% [markdown] slideshow={"slide_type": "slide"}
# # What can you see, hear and miss in a clip?
#
# **You will learn** to split a film into what four experts can know about it; to read a clip file with nothing but
# `h5py`; how often an expert has nothing to say, and why; and what that means for a search.
#
# **You need** Python, a little NumPy, and [the first page](index.md); for the films, the packages `av` and
# `opencv-python-headless`. A loudspeaker helps, but you can do without.
#
# **Minutes** 35

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/01_clips_and_experts.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F01_clips_and_experts.ipynb)

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

# %% [markdown] slideshow={"slide_type": "skip"}
# The book has its own films: [*TinyClips*](glossary.md#tinyclips), 3,000 of them, each two and a half to four seconds
# long. A program draws each film, and makes its sound, from a short list of facts. So we know what is true of every
# clip, which nobody knows for a million clips from the web. (A [*clip*](glossary.md#clip) is any piece of video, or a
# still image, that a search can find; the book calls those of TinyClips *films*.) The films are rendered when they are
# needed; one file stores what four experts made of them.

# %% slideshow={"slide_type": "skip"}
import base64
import json
import sys
import tempfile
import textwrap
from pathlib import Path

import cv2
import h5py
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from IPython.display import HTML
from lesson import EXPERTS, draw, play, show

sys.path.append("../data_scripts")
from make_tinyclips import BELONGS, Script, render, write_mp4

torch.set_printoptions(precision=3, sci_mode=False)

# %% tags=["remove-input"]
draw("here_01", "You are here: the clip and its experts, before any model.")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Press play
#
# A [clip file](glossary.md#clip-file) is an [HDF5](glossary.md#hdf5) file: named arrays, in groups that work like
# folders. `h5py` opens it without reading the arrays, and lists what it holds.

# %% slideshow={"slide_type": "skip"}
file = h5py.File("data/tinyclips.h5")
for name, group in file.items():
    print(f"{name:<11}", ", ".join(group))

# %% [markdown] slideshow={"slide_type": "skip"}
# `experts` is what this lesson is about. (`storyboard` holds small pictures for people to look at; the vocabulary is
# for [lesson 02](02_words_and_netvlad.ipynb).) `clips/facts` holds the facts that each film was made from. Here are
# those of one clip.

# %% slideshow={"slide_type": "skip"}
ids = list(file["clips/id"].asstr())
facts = [json.loads(line) for line in file["clips/facts"]]
ours = ids.index("test_0081")
for key, value in facts[ours].items():
    print(f"{key:>7}:", textwrap.fill(str(value), 78, subsequent_indent=" " * 9))

# %% [markdown] slideshow={"slide_type": "skip"}
# The `split` says what a clip is for: 2,000 clips are for training (`train`), 500 for decisions on the way (`val`), and
# 500 for measuring at the end (`test`).
#
# `render` makes a film of such facts. The folded code below takes 24 test clips, six of them silent, and puts their
# films on a wall.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
test = [i for i, one in enumerate(facts) if one["split"] == "test"]
silent = [i for i in test if facts[i]["sound"] == "silence"]
sounding = [i for i in test if facts[i]["sound"] != "silence"]
wall = sorted(sounding[:18] + silent[:6])
films = {i: render(Script.from_dict(facts[i])) for i in wall}

# %% slideshow={"slide_type": "skip"} tags=["hide-input", "nbval-ignore-output"]
# a film that is short repeats; the video waits for you if you asked for less motion
tiles = []
for frames, *_ in films.values():
    small = [cv2.resize(x, (112, 84), None, 0, 0, cv2.INTER_AREA) for x in frames]
    tiles.append([small[t % len(small)] for t in range(36)])
grid = np.array(tiles).reshape(4, 6, 36, 84, 112, 3).transpose(2, 0, 3, 1, 4, 5)
with tempfile.TemporaryDirectory() as folder:
    write_mp4(f"{folder}/wall.mp4", grid.reshape(36, 4 * 84, 6 * 112, 3), None)
    film = base64.b64encode(Path(f"{folder}/wall.mp4").read_bytes()).decode()
label = "24 little films in four rows: deserts, cities, forests, rooms and the sea; in "
label += "each a coloured thing or two moves, and in 13 a person looks at you."
calm = "matchMedia('(prefers-reduced-motion: reduce)').matches"
HTML(
    f'<figure class="mee"><video aria-label="{label}" width="672" '
    'style="max-width: 100%" muted loop controls playsinline '
    f'onloadeddata="if (!{calm}) this.play()" '
    f'src="data:video/mp4;base64,{film}"></video>'
    "<figcaption>24 of the 3,000 films, without their sound.</figcaption></figure>"
)

# %% [markdown] slideshow={"slide_type": "skip"}
# The wall makes no sound; `play`, a helper of this book, does. Here is the film whose facts you read: on the left of a
# living room stands a smiling person with curly red hair and a red beard; a pink flower slides to the right, out of the
# picture, and comes back in on the left; a telephone rings.

# %% slideshow={"slide_type": "slide"} tags=["nbval-ignore-output"]
play(facts[ours])

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Look at it in four ways
#
# An [*expert*](glossary.md#expert) is a program that knows one kind of thing about a clip and is blind to the rest.
#
# - **Appearance** sees single pictures and has no memory.
# - **Motion** compares each picture with the next and asks where every pixel has gone. The answer is called
#   [*optical flow*](glossary.md#optical-flow): two numbers per pixel, how far to the right and how far down.
# - **Audio** hears, and sees nothing.
# - **Face** knows what is inside a box around a face, if there is a face.
#
# `render` gives a film as arrays; OpenCV estimates the flow from two grey pictures.
#
# > **Predict.** The flower moves to the right. What sign does the mean of the first number have, over the pixels that
# > moved? And if the film runs backwards?

# %% slideshow={"slide_type": "slide"}
frames, audio, fps, rate, box = render(Script.from_dict(facts[ours]))
print(len(frames), "pictures", frames.shape[1:3], "and", len(audio), "numbers of sound")
grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
optical_flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
for label, (a, b) in {"forwards": (8, 9), "backwards": (9, 8)}.items():
    flow = optical_flow.calc(grey[a], grey[b], None)  # (height, width, 2)
    moved = np.hypot(flow[..., 0], flow[..., 1]) > 2  # by more than two pixels
    right, down = flow[moved].mean(0)
    print(f"{label}: ≈ {right:.0f} pixels to the right, ≈ {abs(down):.0f} up or down")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert right < -2 and abs(down) < 1
flow = optical_flow.calc(grey[8], grey[9], None)
moved = np.hypot(flow[..., 0], flow[..., 1]) > 2
assert flow[moved][:, 0].mean() > 2

# %% [markdown] slideshow={"slide_type": "skip"}
# The mean is positive, and negative when the film runs backwards. Here is what each of the four gets of our film.

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
layout = [["0", "7", "14", "21"], ["motion", "audio", "audio", "face"]]
figure, axes = plt.subplot_mosaic(layout, figsize=(7, 3.7))
for t in (0, 7, 14, 21):
    axes[str(t)].imshow(frames[t])
    axes[str(t)].set_title(f"{t / fps:.2f} s")
axes["motion"].imshow(frames[8])
flow = optical_flow.calc(grey[8], grey[9], None)  # forwards
moved = np.hypot(flow[..., 0], flow[..., 1]) > 2
y, x = np.mgrid[4:168:14, 4:224:14]
keep = moved[y, x]
arrows = flow[y, x][keep].T
style = {"angles": "xy", "scale_units": "xy", "scale": 0.3, "width": 0.012}
axes["motion"].quiver(x[keep], y[keep], *arrows, **style)
axes["audio"].plot(np.arange(len(audio)) / rate, audio, linewidth=0.4)
axes["audio"].set(xlabel="time (s)", yticks=[])
x0, y0, x1, y1 = box
axes["face"].imshow(frames[8][y0:y1, x0:x1])
for name, axis in axes.items():
    if name.isalpha():
        axis.set_title(name)
    if name != "audio":
        axis.axis("off")
figure.tight_layout(pad=0.4, h_pad=1.4)
show(
    figure,
    "Appearance, above: four pictures in a row; the flower is at first half behind "
    "the person on the left, and further to the right in each picture after that. "
    "Motion: arrows lie on the flower and nearly nowhere else, and all point to the "
    "right. Audio: a waveform of loud stretches with silence between them, the "
    "telephone's rings. Face: the face alone, smiling, with a red beard.",
    "One film as its experts get it; appearance gets the single pictures above.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# In this order the four pictures tell you where the flower goes; shuffled, they would not. The direction lies in their
# order, not in any one picture, so appearance cannot know it.
#
# Each expert looked at all 3,000 films once and wrote down numbers, its [*features*](glossary.md#feature). The model of
# this book never sees a film: it works with the features.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "01_four_experts",
    "What each expert gets of a clip, and what it writes down: one row of numbers, or "
    "for audio a row for every tenth of a second.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# How does a sound become rows? A window slides over the waveform, and at each step a row says how loud each range of
# pitch is. The rows together are a [log-mel](glossary.md#log-mel) picture of the sound.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "01_window_slides",
    "A window slides over a sound and turns it into a picture: time to the right, "
    "pitch upwards. Three notes leave three marks, each higher than the one before.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Read the file, and see how it says *absent*
#
# How does a file keep a [sequence](glossary.md#sequence) that is longer for some clips than for others? The rows of all
# clips lie in one array, one clip after the other, and a second array, `offsets`, says where each clip begins.
#
# > **Predict.** There are 3,000 clips. How many offsets does each expert have?

# %% slideshow={"slide_type": "slide"}
for name, expert in file["experts"].items():
    kind, features = expert.attrs["kind"], expert["features"]
    print(f"{name:<11}{kind:<9} features {str(features.shape):<14}", end=" ")
    print("offsets", *expert["offsets"].shape, "first:", *expert["offsets"][:7])

# %% [markdown] slideshow={"slide_type": "skip"}
# There is one offset more than there are clips: the last says where the last clip ends. (`kind` is *vector* where a
# clip has one row at most.) Two neighbouring offsets are the two ends of a bracket around a clip's rows, so seven
# offsets make six brackets.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "01_clip_file",
    "The rows of six clips, read by brackets. Clip 4 has no sound, and clips 0, 2 and "
    "4 have no face: their brackets have no width.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# A clip that lacks an expert gets a **bracket of no width**: both ends are the same number. That is how the file writes
# [absence](glossary.md#absent): as *nothing*, not as a row of zeros, which would be an answer, nor as NaN, which would
# spread through every sum.
#
# One small function reads any expert of any clip. Try it on our clip, and on the meadow at sunset (in the wall's last
# row), a film with neither face nor sound.


# %% slideshow={"slide_type": "skip"}
def rows(name, clip):
    """The rows of one expert for one clip: (rows, dimensions). No rows: absent."""
    first, last = file[f"experts/{name}/offsets"][clip : clip + 2]
    return file[f"experts/{name}/features"][first:last]


quiet = ids.index("test_0026")
for name in file["experts"]:
    ours_has, quiet_has = rows(name, ours).shape, rows(name, quiet).shape
    print(f"{name:<11} our clip {str(ours_has):<10} the meadow {quiet_has}")

# %% [markdown] slideshow={"slide_type": "skip"}
# Do these numbers come from the film that you heard? Lay the audio expert's rows below the waveform.

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
heard = rows("audio", ours).astype("float32")
figure, (above, below) = plt.subplots(2, 1, figsize=(7, 3.8), sharex=True)
above.plot(np.arange(len(audio)) / rate, audio, linewidth=0.4)
above.set_ylabel("amplitude")
extent = (0, len(heard) / 10, 0, 64)
below.imshow(heard.T, origin="lower", aspect="auto", extent=extent)
below.set(xlabel="time (s)", ylabel="band, low to high")
figure.align_ylabels()
show(
    figure,
    "Above the waveform, below 64 bands over time. Bright stripes stand below the "
    "telephone's rings, and the bands are dark in the silence between them.",
    "The audio expert's rows are bright while the telephone rings, and dark otherwise.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# They do. The library reads the same file for many clips at once. `read_clips` answers *is the expert present?* with a
# table of yes and no, `present`: a [**mask**](glossary.md#availability-mask). By hand, the mask is True where a bracket
# has some width.

# %% slideshow={"slide_type": "skip"}
from mee import read_clips

clips = read_clips("data/tinyclips.h5")
names = list(clips.experts)
widths = [np.diff(file[f"experts/{name}/offsets"]) for name in names]
by_hand = torch.from_numpy(np.stack(widths, 1) > 0)  # (clips, experts)
torch.testing.assert_close(by_hand, clips.present)
videos, ind, _ = clips.video([ours, quiet])
for name in names:
    print(f"{name:<11}{tuple(videos[name].shape)!s:<14} present: {ind[name].tolist()}")

# %% [markdown] slideshow={"slide_type": "slide"}
# `clips.video` makes a [batch](glossary.md#batch), which has to be rectangular, so it does put zeros where the meadow
# has no sound and no face. But it never hands them out alone: `ind`, the mask's columns by name, says which rows mean
# nothing.
#
# ## Count what is missing, and say why
#
# Now count over all films, and over a second file: 1,000 [*stills*](glossary.md#still), single pictures with captions,
# which are plentiful on the web.
#
# > **Predict.** Which two experts can say nothing at all about a still?

# %% slideshow={"slide_type": "slide"}
stills = read_clips("data/tinyclips_stills.h5")
missing = {}
for label, some in {"3,000 films": clips, "1,000 stills": stills}.items():
    missing[label] = 100 * (~some.present).float().mean(0)
    shares = zip(names, missing[label], strict=True)
    print(f"{label} lack", ", ".join(f"{name} {share:.0f} %" for name, share in shares))
print(f"films with all four experts: {clips.present.all(1).float().mean():.0%}")

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
figure, axis = plt.subplots(figsize=(7, 2.8))
for i, name in enumerate(names):
    share = [float(part[i]) for part in missing.values()]
    at = np.arange(2) + 0.2 * i - 0.3
    bars = axis.bar(at, share, width=0.18, label=name, **EXPERTS[name])
    axis.bar_label(bars, fmt="%.0f")
axis.set_xticks(range(2), list(missing))
axis.set(ylabel="clips without it (%)", ylim=(0, 112), yticks=[0, 50, 100])
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
show(
    figure,
    "Of the films, half lack a face and one in nine lacks audio; all have appearance "
    "and motion. Of the stills, all lack audio and motion, and nearly half a face.",
    "Half of the films show no face; no still has motion or sound.",
)

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
has_face = torch.tensor([one["face"] is not None for one in facts])
is_heard = torch.tensor([one["sound"] != "silence" for one in facts])
audio_present = clips.present[:, names.index("audio")]
assert torch.equal(is_heard, audio_present)
assert torch.equal(has_face, clips.present[:, names.index("face")])

# %% [markdown] slideshow={"slide_type": "skip"}
# A face is missing where none was drawn, and audio where nothing is heard; a still picture neither moves nor sounds.
# Fewer than one film in two has all four experts. A model that needs all four could not find the other films. A
# *mixture* of experts uses those that are present.
#
# Sound depends in part on what you see, as in life: surf belongs to the beach, a siren to the city, an engine to a car.
#
# > **Predict.** Surf is one of 13 sounds. In how many of the films at the beach do you hear it: one in 13, more than
# > half, or nearly all? And in how many of the films elsewhere?

# %% slideshow={"slide_type": "skip"}
surf = np.array([one["sound"] == "surf" for one in facts])
beach = np.array([one["place"] == "beach" for one in facts])
print(f"surf at the beach: {surf[beach].mean():.0%}", end=", ")
print(f"elsewhere: {surf[~beach].mean():.0%}")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
belongs = 0
for one in facts:
    seen = [one["place"], *(thing["shape"] for thing in one["things"])]
    belongs += any(one["sound"] in BELONGS.get(what, ()) for what in seen)
assert 0.4 < belongs / len(facts) < 0.45

# %% [markdown] slideshow={"slide_type": "skip"}
# At the beach you hear surf in more than half of the films. Elsewhere it is rarer than one in 13, as other places and
# things have sounds of their own. So in part of the films two experts *corroborate* each other: you can look for the
# sea, or listen for it. In the rest the sound is drawn at random, and looking cannot replace listening.
#
# ## See what captions leave out
#
# [Captions](glossary.md#caption) are what we search with. Here are those of our clip. Below each stand the experts
# whose knowledge it uses. TinyClips recorded them as it wrote the caption: the file calls that table `about`, the
# library `mentions`. `captions_of` gives the indices of a clip's captions. The last two lines of the output say which
# test clips the last caption is true of.

# %% slideshow={"slide_type": "slide"}
for k in clips.captions_of([ours])[0].tolist():
    used = [name for name, yes in zip(names, clips.mentions[k], strict=True) if yes]
    print(textwrap.fill(clips.texts[k], 80), "\n   ", " + ".join(used))


def pink_flower(one):
    return any(t["shape"] == "flower" and t["colour"] == "pink" for t in one["things"])


phone = [ids[i] for i in test if facts[i]["sound"] == "phone"]
flower = [ids[i] for i in test if pink_flower(facts[i])]
print(f"of {len(test)} test clips: phone {len(phone)}, pink flower {len(flower)}")
print("both:", *sorted(set(phone) & set(flower)))

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert "test_0081" in phone and "test_0081" in flower
count = clips.mentions.sum(1)
assert not (clips.mentions & ~clips.present[clips.caption_clip]).any()
assert (count == 4).float().mean() < 0.06 and (count <= 2).float().mean() > 0.6

# %% [markdown] slideshow={"slide_type": "slide"}
# No caption says everything, so many captions fit more clips than their own. *A pink blossom, a telephone ringing* is
# true of two test clips, and only one of them counts as right. So no model can put the right clip first for every
# caption, which is good to know before you measure.
#
# ## The trap: silence that counts as present
#
# Public code for this model marked silent audio as present: silence came in as numbers, and numbers look like an
# answer. In TinyClips, too, some silent films have no sound track, and others have one in which every number is zero.
# The clip file treats both as absent. What would have happened to the second kind? Make rows as in
# [Figure](#window-slides): the logarithm of the energy in each range of pitch, with something small added, as the
# logarithm of zero is minus infinity. Then scale every row to length 1, as this model does with every vector that it
# compares, its [*embeddings*](glossary.md#embedding).
#
# > **Predict.** What do 64 equal numbers look like after that?


# %% slideshow={"slide_type": "slide"}
def spectrogram(samples):
    """(moments, 64 bands): logarithm of the energy."""
    sound, window = torch.from_numpy(samples), torch.hann_window(512)
    # windows of 512 samples, one every 1,600 samples: ten a second
    power = torch.stft(sound, 512, 1600, window=window, return_complex=True).abs() ** 2
    bands = power[1:].reshape(64, 4, -1).mean(1)  # 256 frequencies, four to a band
    return torch.log(bands.T + 1e-6)  # for silence: log(1e-6), about -13.8


tracks = {i: films[i][1] for i in wall}  # of the wall's 24 films; None: no track
silent_tracks = [tracks[i] for i in silent[:6] if tracks[i] is not None]
print(f"6 silent films, {len(silent_tracks)} of them with a silent track")
silence = spectrogram(silent_tracks[0])
unit = F.normalize(silence, dim=1)
print(f"before {silence[0, 0]:.1f}, after", unit[0, :4])
print(f"length {unit[0].norm():.0f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# Silence has become a vector of length 1, as long as that of a guitar, and the same for all silent tracks. So whatever
# a sentence asks for, all silent clips get one and the same audio score. Such a score cannot rank them; it lifts all of
# them at once or pushes all of them down, whatever they show.
#
# Other public code looked at the numbers: an expert is absent if its features *sum to zero*. Try that rule on our
# silent track; on a film that stands still, where motion has looked and has seen none, which is knowledge; and on a row
# whose numbers happen to cancel.


# %% slideshow={"slide_type": "skip"}
def present_by_sum(features):
    return bool(features.sum() != 0)


frozen = torch.from_numpy(optical_flow.calc(grey[0], grey[0], None))
cancels = torch.tensor([0.5, -1.5, 1.0])
for label, x in {"silence": silence, "no motion": frozen, "cancels": cancels}.items():
    print(f"{label:<10}", "present" if present_by_sum(x) else "absent")

# %% [markdown] slideshow={"slide_type": "skip"}
# The rule is wrong all three times. (Subtract a vector's mean, and its numbers always cancel.) The fix is to decide
# once, where the sound itself is read: a track without a single sample above a thousandth of full scale is absent, and
# gets no rows. On the wall's 24 films that rule agrees with the facts each time, and the sum is wrong for each silent
# track.

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
for i, track in tracks.items():
    audible = track is not None and np.abs(track).max() >= 0.001
    assert audible == (i not in silent) == bool(clips.present[i, names.index("audio")])
    by_sum = track is not None and present_by_sum(spectrogram(track))
    assert by_sum == (track is not None)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - Four experts look at a clip, each blind to what the others know: pictures, motion, sound, a face.
# - In a clip file an absent expert has no rows: a bracket of no width. A mask says which experts are present.
# - Half of the films show no face, one in nine is silent, and a still has neither motion nor sound.
# - A caption says only part of what its clip holds, so it may fit several clips.
# - A sum of zero does not mean absent, and silence is not a sound: absence is decided once, where the film is read.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# Ten questions: choose an answer, and read why it is right or wrong.

# %% tags=["quiz", "remove-input"]
from lesson import quiz

quiz("01")

# %% [markdown]
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
