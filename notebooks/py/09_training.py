# %% [markdown] slideshow={"slide_type": "slide"}
# # What happens while a model trains, and when is it enough?
#
# **You will learn** to read `fit` and its curves, to see overfitting, to tell a result from a lucky seed, to stop a
# run and resume it bit for bit, and what changes on a GPU.
#
# **You need** [lesson 08](08_build_mee.ipynb), where you wrote the loop, and [lesson 07](07_retrieval_metrics.ipynb)
# for R@10 and its interval.
#
# **Minutes** 60

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/09_training.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F09_training.ipynb)

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
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from lesson import show

from mee import TrainConfig, fit, fit_clips, read_clips

torch.set_printoptions(precision=2, sci_mode=False)
device = "cuda" if torch.cuda.is_available() else "cpu"
clips = read_clips("data/tinyclips.h5")
print({split: len(clips.clips_in(split)) for split in ("train", "val", "test")})

# %% [markdown]
# Three splits, three purposes. From **train** the model learns. **Val** (validation) is looked at on the way, to
# decide what to keep. **Test** is looked at once, at the end.
#
# ## The loop, once more
#
# In lesson 08 you wrote a loop: shuffle the clips, take 64, draw a caption for each, score all with all, compute the
# loss and its gradients, step. In the library, `mee.train` has that as an epoch, and `fit` runs epoch after epoch.
# This is the heart of `fit`, as it stands in the file:

# %%
import inspect

source = inspect.getsource(fit)
print(source[source.index("    while len(run.history)") :])

# %% [markdown]
# `train_epoch` is your inner loop, and `scheduler.step()` lets the learning rate fall by 5 %. Around them `fit` adds
# four things. It stops with an error as soon as a loss is not finite. It **validates** after each epoch. It **keeps
# the best** epoch by validation and loads its weights at the end. And it tells **callbacks**, objects with methods
# `begin`, `epoch_end` or `end`, what has happened; whatever you want to see or save on the way goes there.
#
# ## Before the first step
#
# `prepare` makes what `fit` needs for a set of clips: a model with random weights, batches, the loss. `batch_loss`
# scores one batch and gives its loss. The model here is a small one, so that the lesson stays short: each expert
# compares in 64 dimensions, and NetVLAD has 8 centres for words and 4 for sound.
#
# > **Predict.** A random model scores right and wrong pairs alike, with small differences up and down. The margin is
# > 0.2. What will the max-margin loss of its first batch be, about?

# %%
from mee.train import batch_loss, prepare

small = {"lr": 2e-3, "dim": 64, "text_clusters": 8, "sequence_clusters": 4}
config = TrainConfig(**small)
model, batches, loss, _ = prepare(clips, config)
first = batch_loss(model, next(iter(batches)).to(device), loss)
print(f"{sum(p.numel() for p in model.parameters()):,} numbers to learn")
print(f"loss ≈ {first.item():.2f}")

# %% [markdown]
# About the margin: that is what knowing nothing costs. So a loss far above the margin at the start is a sign of a
# mistake, and a loss that stays there says that nothing is learnt.
#
# ## Two curves
#
# `fit_clips` does both, `prepare` and `fit`. All 2,000 films, 8 epochs; after each, `fit` ranks the 500 validation
# clips. `Checkpoint` is a callback of the library: it writes what has been learnt into a folder.
#
# > **Predict.** A batch is 64 films. How many steps are 8 epochs?

# %%
from mee.storage import Checkpoint

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
options = {"device": device, "progress": False, **small}
run = fit_clips(clips, epochs=8, callbacks=[Checkpoint(folder / "run")], **options)
steps = len(run.batches)
seconds = sum(row["seconds"] for row in run.history)
print(f"{steps} steps per epoch, {8 * steps} in all, took {seconds:.0f} s")

# %%
for row in run.history[::7]:
    recall = row["val"]["t2v"]["R@10"][0]
    print(f"epoch {row['epoch']}: loss ≈ {row['loss']:.3f}, val R@10 ≈ {recall:.1f}")

# %% tags=["hide-input"]
epochs = [row["epoch"] for row in run.history]
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
left.plot(epochs, [row["loss"] for row in run.history], "o-")
left.axhline(0.2, color="#808080", linestyle=":", label="margin")
left.set(xlabel="epoch", ylabel="training loss", ylim=0)
left.legend()
for way, style in (("t2v", "o-"), ("v2t", "s--")):
    recall = [row["val"][way]["R@10"][0] for row in run.history]
    right.plot(epochs, recall, style, label=way)
right.axhline(2, color="#808080", linestyle=":", label="chance (t2v)")
right.set(xlabel="epoch", ylabel="R@10, validation (percent)", ylim=0)
right.legend()
show(
    figure,
    "Left: the training loss falls steeply at first, then ever more slowly, far below "
    "the margin. Right: R@10 on the validation clips rises in both directions, from "
    "far above chance after one epoch, and has not quite levelled off after eight.",
)

# %% [markdown]
# Both curves say that something is learnt, and they say different things. The loss is about batches of 64 and about
# films that are trained on; it has the unit of the score. R@10 is about all 500 clips of a split that is not trained
# on, and it is what you want in the end. When they disagree, believe the second.
#
# **Before and after**, on the test clips. This is the one time that they are looked at. `epochs=0` gives the model as
# it was drawn; `evaluate` gives all metrics with their intervals.

# %%
from mee.evaluate import evaluate

untrained = fit_clips(clips, epochs=0, **options).model
tested = {"before": evaluate(untrained, clips, "test")}
tested["after"] = evaluate(run.model, clips, "test")
for name, metrics in tested.items():
    for way in ("t2v", "v2t"):
        words = "R@10 ≈ {:.1f} [≈ {:.1f}, ≈ {:.1f}]".format(*metrics[way]["R@10"])
        print(f"{name:<7}{way}  {words}, chance {metrics['chance'][way]['R@10']:.1f}")

# %% tags=["hide-cell", "check"]
assert 0.15 < first < 0.26
for way in ("t2v", "v2t"):
    before, after = (tested[name][way]["R@10"][0] for name in ("before", "after"))
    assert abs(before - 2) < 4 and after > 48, (before, after)
recalls = [row["val"]["t2v"]["R@10"][0] for row in run.history]
assert recalls[0] > 10 and recalls[-1] > recalls[0] + 15
assert run.history[-1]["loss"] < run.history[0]["loss"] / 2

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Overfitting
#
# What if there is little to learn from? Take 200 films, and rank two galleries of 200 after each epoch: the films
# that are trained on, and others from the validation split. That takes a callback of our own.

# %%
from mee.evaluate import compute_ranks

few, others = clips.clips_in("train")[:200], clips.clips_in("val")[:200]


class Watch:
    """R@10 after each epoch, on some galleries of films."""

    def __init__(self, **galleries):
        self.galleries, self.curves = galleries, {name: [] for name in galleries}

    def epoch_end(self, run):
        for name, films in self.galleries.items():
            t2v, _, _ = compute_ranks(run.model, clips, films)
            self.curves[name].append(100 * (t2v <= 10).double().mean().item())


# %% [markdown]
# > **Predict.** Where will R@10 be after 30 epochs, among the 200 films that were trained on, and among the 200
# > others? Chance is 5 %. Draw the two curves before you look.

# %%
watch = Watch(seen=few, unseen=others)
fit_clips(clips, train=few, val=[], epochs=30, callbacks=[watch], **options)
for name, curve in watch.curves.items():
    print(f"{name:<7} epoch 10 ≈ {curve[9]:.1f}, epoch 20 ≈ {curve[19]:.1f},", end=" ")
    print(f"epoch 30 ≈ {curve[29]:.1f}")

# %% tags=["hide-input"]
figure, axes = plt.subplots()
axes.plot(range(1, 31), watch.curves["seen"], "-", label="the 200 films trained on")
axes.plot(range(1, 31), watch.curves["unseen"], "--", label="200 others")
axes.axhline(5, color="#808080", linestyle=":", label="chance")
axes.set(xlabel="epoch", ylabel="t2v R@10 (percent)", ylim=(0, 100))
axes.legend(loc="upper left")
show(
    figure,
    "R@10 on the films trained on climbs to about 90 percent; on others it rises with "
    "it at first, then flattens far below. The gap between the curves keeps growing. "
    "Chance is 5 percent.",
)

# %% [markdown]
# The model knows its 200 films by heart, and that helps little with others: the curves part early, and the gap grows.
# That is **overfitting**. In textbooks the lower curve bends down again. Here it flattens, so going on is wasted time
# rather than harm. Only a curve of *other* films can tell you which of the two you have. More films help: with 2,000
# of them the model was better among 500 clips (≈ 61 on validation) than this one is among 200 (≈ 38).

# %% tags=["hide-cell", "check"]
seen, unseen = watch.curves["seen"], watch.curves["unseen"]
assert seen[-1] > 70 and seen[-1] - unseen[-1] > 30
assert unseen[-1] > unseen[9] - 4, "it flattens, and hardly bends down"
assert recalls[-1] > unseen[-1] + 3

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Seeds
#
# The seed draws the first weights, the order of the films and the captions. Nothing else changes in the next runs:
# four seeds, the same 200 films, 15 epochs.
#
# > **Predict.** By how many points will the best and the worst of four seeds differ in R@10, among the 200 others?

# %%
from mee.metrics import summarise

found = []
for seed in range(4):
    model = fit_clips(clips, train=few, val=[], epochs=15, seed=seed, **options).model
    t2v, _, clip_of_caption = compute_ranks(model, clips, others)
    found.append(summarise(t2v, clip_of_caption)["R@10"])
    print("seed {}: R@10 ≈ {:.1f} [≈ {:.1f}, ≈ {:.1f}]".format(seed, *found[-1]))
values = [value for value, _, _ in found]
print(f"best minus worst: ≈ {max(values) - min(values):.1f} points")

# %% [markdown]
# There are two kinds of doubt. The **interval** (lesson 07) says what other *clips* would have given, the **spread
# over seeds** what other *luck in training* would have given. Neither contains the other. Here the intervals are
# wide, because there are only 200 films, and the seeds differ little; in lesson 07 two seeds of one loss were further
# apart than other clips could explain. A difference between two methods that is smaller than either needs more seeds,
# more clips, or silence.

# %% tags=["hide-cell", "check"]
assert max(values) - min(values) > 0.1
assert all(high - low > 4 for _, low, high in found)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Stop and resume
#
# Long runs get interrupted. `Checkpoint` writes a file `last.pt` after each epoch; with `resume=True` training goes
# on from there. Here are ten epochs in one go, and then five, a stop, and five more in new objects. The CPU computes
# the same numbers each time it is asked, so we can compare bit for bit.
#
# > **Predict.** How many of the numbers in the two models will differ?

# %%
short = {"train": few, "val": [], "device": "cpu", "progress": False, **small}
whole = fit_clips(clips, epochs=10, **short)
fit_clips(clips, epochs=5, callbacks=[Checkpoint(folder / "parts")], **short)
at_stop = torch.load(folder / "parts" / "last.pt", weights_only=True)
go_on = Checkpoint(folder / "parts", resume=True)
resumed = fit_clips(clips, epochs=10, callbacks=[go_on], **short)


def differing(a, b):
    a, b = a.state_dict(), b.state_dict()
    return sum(int((a[name] != b[name]).sum()) for name in a)


print(f"numbers that differ: {differing(whole.model, resumed.model):,}")

# %% [markdown]
# None. What has to be in the file for that?

# %%
for key, value in at_stop.items():
    print(f"{key:<11}{type(value).__name__}")

# %% [markdown]
# The weights, of course (`model`). But also Adam's running means of the gradients (`optimizer`), how far the learning
# rate has fallen (`scheduler`), where the random numbers stand (`generator`), the best weights so far (`best_state`),
# the rows of the curves (`history`), and what was chosen (`choices`). A run with other choices is another run, so
# `Checkpoint` refuses to go on with it:

# %%
from mee.storage import CheckpointError

try:
    fit_clips(clips, epochs=12, callbacks=[go_on], **{**short, "lr": 1e-3})
except CheckpointError as error:
    print(str(error).replace(str(folder), "folder"))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The trap: weights are not a run
#
# The code that was published with the paper saves no checkpoint at all. It ranks after each epoch, and the best line
# of its log belongs to a model that the next epoch has overwritten. A common repair saves the weights, and only
# those, and starts from them when the run was interrupted. Adam is new then, the learning rate is back at its start,
# and so are the random numbers: the first films come in the same order, with the same captions, once more.
#
# > **Predict.** Five epochs more, from the weights alone. Will the loss of the sixth epoch be above or below that of
# > the run that was never stopped?

# %%
model = fit_clips(clips, epochs=0, **short).model
model.load_state_dict(at_stop["model"])
alone = fit_clips(clips, epochs=5, network=lambda config: model, **short)
for name, each in (("never stopped", whole), ("weights alone", alone)):
    losses = "  ".join(f"≈ {row['loss']:.3f}" for row in each.history[-5:])
    t2v, _, _ = compute_ranks(each.model, clips, others)
    recall = 100 * (t2v <= 10).double().mean()
    print(f"{name}: loss {losses}, R@10 of the others ≈ {recall:.1f}")

# %% [markdown]
# Below, at once, and R@10 of the 200 others is higher as well: ≈ 32 instead of ≈ 28, a larger difference than between
# the four seeds above. So the stop has not spoilt this run; it has made another one of it, with larger steps, a new
# Adam and the first batches once more. That is a change of method which happened by accident, and no line of the log
# tells. Compare a model that was interrupted with one that was not, and you measure the interruption.

# %% tags=["hide-cell", "check"]
assert differing(whole.model, resumed.model) == 0
for a, b in zip(whole.history, resumed.history, strict=True):
    assert a["loss"] == b["loss"]
assert whole.history[5]["loss"] - alone.history[0]["loss"] > 0.003
both = [compute_ranks(each.model, clips, others)[0] <= 10 for each in (alone, whole)]
assert 100 * (both[0].double().mean() - both[1].double().mean()) > 1
assert max(values) - min(values) < 2.5

# %% [markdown]
# The other file of a checkpoint, `model.pt`, holds the best model with its vocabulary and its shape: what you give
# away. It belongs to a line of the log, and so that line can be checked. Here is the run of 2,000 films:

# %%
from mee.storage import load_model

opened, words = load_model(folder / "run" / "model.pt")
again = evaluate(opened.to(device), clips, "val", bootstrap=0)["t2v"]["R@10"][0]
reported = run.history[run.best - 1]["val"]["t2v"]["R@10"][0]
print(f"best epoch: {run.best}, {len(words):,} words in the vocabulary")
print(f"validation R@10: the log says ≈ {reported:.1f}, the file gives ≈ {again:.1f}")

# %% [markdown]
# The best epoch was chosen by validation. Whoever chooses it by the *test* clips, as that code does, reports a number
# that is too good; [lesson 10](10_leaks.ipynb) measures by how much.
#
# ## Fewer bits, and a GPU
#
# **Mixed precision** computes the large products with 16 bits instead of 32. `bfloat16` has three digits at best; in
# exchange it needs half the memory, and GPUs and some CPUs are faster with it. `torch.autocast` does it for a block
# of code, while weights and gradients stay at 32 bits; in training, `amp=True` turns it on.
#
# > **Predict.** Scores lie between −1 and 1. How far will the largest change of a score be, among 64 × 64?

# %%
batch = next(iter(run.batches)).to(device)
opened.eval()
with torch.no_grad():
    full = opened(*batch.text, *batch.video)
    with torch.autocast(device, dtype=torch.bfloat16):
        mixed = opened(*batch.text, *batch.video)
        r_at_10 = evaluate(opened, clips, "val", bootstrap=0)["t2v"]["R@10"][0]
print(f"largest change of a score ≈ {(mixed - full).abs().max():.3f}")
print(f"validation R@10 ≈ {r_at_10:.1f}, with 32 bits ≈ {again:.1f}")

# %% [markdown]
# Enough for two films to change places now and then, too little to change R@10 by much.
#
# **On a GPU**, a step of this model is some hundred small operations, and the GPU is done with each before the CPU
# has asked for the next. So the library trains in another way there (`mee.resident`; `fast=True`, or `--fast` on the
# command line, is the default where there is a GPU). All clips, captions and word vectors are moved to the GPU once.
# A batch is made there, from numbers of clips and captions. And since all batches have the same shape, a whole step
# is recorded once, as a *CUDA graph*, and then replayed without the CPU. The price is padding: an ordinary batch is
# as long as its longest caption, a resident one as long as the longest caption of all.

# %%
from mee.resident import ResidentClips

numbers, captions = batches.plan()  # the films and captions of an epoch, in order
ordinary = clips.batch(numbers[:64], captions[:64], max_words=config.max_words)
resident = ResidentClips(batches, device).batch(numbers[:64], captions[:64])
print("words, ordinary:", tuple(ordinary.words.shape))
print("words, resident:", tuple(resident.words.shape))

# %% [markdown]
# Padding is masked, so it changes nothing but time. On a CPU there is no graph to replay, but the rest of `fast=True`
# runs there as well, on the same films and captions:

# %%
fast = fit_clips(clips, epochs=10, fast=True, **short)
for name, rows in (("ordinary", whole.history), ("fast", fast.history)):
    print(f"{name:<9}" + "  ".join(f"≈ {row['loss']:.3f}" for row in rows[:5]))

# %% tags=["hide-cell", "check"]
assert abs(again - reported) < 0.5
assert 0 < (mixed - full).abs().max() < 0.05
assert abs(r_at_10 - again) < 2
for a, b in zip(fast.history, whole.history, strict=True):
    assert abs(a["loss"] - b["loss"]) < 0.01
temporary.cleanup()

# %% [markdown]
# The same losses, up to rounding. How much faster it is on a GPU, we do not know: when this page was written, it had
# not been measured on one ([benchmarks](benchmarks.md) says what has been measured, and has the command). What you
# can expect from the argument is that a small model gains most, because there the waiting is the largest part.
#
# ## Summary
#
# - `fit` is the loop of lesson 08 with validation, the best epoch, and callbacks around it.
# - The loss alone says little: watch R@10 on clips that are not trained on, with chance beside it. When the two
#   curves part, the model is learning its films by heart.
# - Another seed gives another number. So do other clips.
# - A checkpoint holds weights, optimiser, learning rate and random numbers; then a resumed run is the same run, bit
#   for bit. Weights alone are not a run.
# - Fewer bits and a GPU change the time, not the method.
#
# ## Exercises
#
# 1. How many steps does a run take, and with which learning rates?
# 2. Stop and resume a loop written by hand.
# 3. How large is the luck of the best of many?
#
# Write them in the [exercise notebook](exercises/09_training.ipynb); one way to do it is in the
# [solutions](solutions/09_training.ipynb).
#
# ## Where next
#
# Back to [lesson 08](08_build_mee.ipynb), or on to [lesson 10](10_leaks.ipynb): which numbers flatter?
