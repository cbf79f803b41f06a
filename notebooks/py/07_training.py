# %% [markdown]
# # How does a random network become a useful one, in a minute?
#
# **You will learn** what a batch is, to write the training loop yourself and read its curves, to stop it and go on bit
# for bit, to ask the trained network in your own words, and why nobody may choose by the test clips.
#
# **You need** the loss of [lesson 06](06_ranking_loss.ipynb), and PyTorch's `backward()` by name.
#
# **Minutes** 45

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/07_training.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F07_training.ipynb)

# %% tags=["setup"]
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

from mee import read_clips

torch.set_printoptions(precision=2, sci_mode=False, linewidth=110)
device = "cuda" if torch.cuda.is_available() else "cpu"
clips = read_clips("data/tinyclips.h5")
print({split: len(clips.clips_in(split)) for split in ("train", "val", "test")})

# %% [markdown]
# Three splits, three purposes. From **train** the network learns. **Val** (validation) is looked at on the way, to
# decide what to keep. **Test** is looked at once, at the end.
#
# ## A batch
#
# A clip has several captions. These are the first clip's:

# %%
captions, _ = clips.captions_of([0])
for i in captions:
    print(clips.texts[i])

# %% [markdown]
# They speak of different things, and each leaves most of the film unsaid. One **epoch** is one pass over all training
# clips. It does not show every caption: each clip brings *one*, drawn at random, another time another. Of four
# captions, how many will five draws show?

# %%
g = torch.Generator().manual_seed(2)
for _ in range(5):
    (drawn,) = clips.draw_captions(torch.tensor([0]), g)
    print(clips.texts[drawn])

# %% [markdown]
# A **batch** is some clips with a caption each, scored against each other: the other clips of the batch are the wrong
# answers. Captions differ in length, a tensor does not. So the shorter ones are filled up with zeros to the length of
# the longest *of this batch*, and a mask says which words are real. By hand, for four clips:

# %%
rows = torch.tensor([2, 3, 4, 5])
chosen = torch.tensor([int(clips.captions_of([i])[0][0]) for i in rows])
ids = [clips.words.ids(clips.texts[i]) for i in chosen]
longest = max(len(row) for row in ids)
words = torch.zeros(4, longest, clips.word_dim)
mask = torch.zeros(4, longest, dtype=torch.bool)
for i, row in enumerate(ids):
    words[i, : len(row)] = clips.words.vectors[row].float()
    mask[i, : len(row)] = True
print(mask.int())

# %%
batch = clips.batch(rows, captions=chosen)
torch.testing.assert_close(words, batch.words)
assert torch.equal(mask, batch.word_mask)

# %% [markdown]
# The experts of the same batch. `ind` says which expert is there for which clip; sound is a sequence, padded and
# masked like the words. Which clips show a face, and which is silent?

# %%
for name, there in batch.ind.items():
    print(f"{name:<11}{tuple(batch.videos[name].shape)!s:<14} there: {there.int().tolist()}")

# %% [markdown]
# ## One step
#
# A network with random weights. To keep the lesson short it is a small one: each expert compares in 64 dimensions (the
# paper's network takes as many as the features have), NetVLAD has 8 centres for words and 4 for sound.

# %%
from mee.model import ModelConfig, VideoTextMEE


def new_network(seed):
    torch.manual_seed(seed)
    experts = {name: (expert.dim, 64) for name, expert in clips.experts.items()}
    return VideoTextMEE(ModelConfig(experts, clips.word_dim, clusters={"audio": 4}, text_clusters=8))


model = new_network(0)
print(f"{sum(p.numel() for p in model.parameters()):,} numbers to learn")

# %% [markdown]
# It scores the sentences of a batch of 64 with its clips; the loss asks that each right pair is 0.2 above the wrong
# ones. A random network scores right and wrong pairs alike, with differences that are small and as often up as down.
# What will the loss be, about? (`clip` and `sentence` tell the loss which pairs are no wrong answers: two captions of
# one clip, or the same sentence twice.)

# %%
from mee.loss import MaxMarginRankingLoss

criterion = MaxMarginRankingLoss(margin=0.2)
batch = clips.batch(clips.clips_in("train")[:64], generator=torch.Generator().manual_seed(0))
loss = criterion(model(*batch.text, *batch.video), batch.clip, batch.sentence)
assert 0.15 < loss < 0.26
print(f"loss {loss:.1f}")

# %% [markdown]
# About the margin itself: that is what not knowing costs. `backward()` finds for each weight the **gradient**, how the
# loss would change with it, and an optimiser moves the weights. **Adam** divides each gradient $g$ by a running mean of
# its size. At the very first step that mean is the gradient's own size, so the step is $-\eta\, g / (|g| + \epsilon)$:
# all weights move by the learning rate $\eta$, whether their gradient is large or small. Is that so?

# %%
adam = torch.optim.Adam(model.parameters(), lr=2e-3, fused=True)
loss.backward()
weight = model.mee.moe_fc.weight
before, gradient = weight.detach().clone(), weight.grad.clone()
adam.step()
by_hand = before - 2e-3 * gradient / (gradient.abs() + 1e-8)
torch.testing.assert_close(by_hand, weight.detach())

# %% [markdown]
# Score, loss, gradient, step. Thirty more steps on the very same batch: it is learnt by heart.

# %%
losses = []
for _ in range(30):
    loss = criterion(model(*batch.text, *batch.video), batch.clip, batch.sentence)
    adam.zero_grad()
    loss.backward()
    adam.step()
    losses.append(float(loss.detach()))
assert losses[-1] < losses[0] / 4
print("the loss fell to less than a quarter")

# %% [markdown]
# ## The loop
#
# Training is that, with another batch each time. All of it, once, by hand: a random order of the clips, in parts of 64;
# a batch with drawn captions; a step. After each epoch the learning rate shrinks by the factor 0.95, so that steps are
# large at first and small in the end. `look`, if given, is called with the network after each epoch.


# %%
def train_by_hand(rows, epochs, seed=0, lr=2e-3, lr_decay=0.95, look=None, device="cpu"):
    model = new_network(seed).to(device)
    adam = torch.optim.Adam(model.parameters(), lr, fused=True)  # fused: all weights in one go, as in fit
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        model.train()
        order = rows[torch.randperm(len(rows), generator=generator)]
        for part in order.split(64):
            if len(part) > 1:  # a clip alone has nothing to be ranked against
                batch = clips.batch(part, generator=generator, max_words=30).to(device)
                loss = criterion(model(*batch.text, *batch.video), batch.clip, batch.sentence)
                adam.zero_grad()
                loss.backward()
                adam.step()
        for group in adam.param_groups:
            group["lr"] *= lr_decay
        if look is not None:
            look(model)
    return model


# %% [markdown]
# `mee.train.fit` does the same; `fit_clips` prepares the network, the batches and the loss that `fit` wants, and calls
# it. How much the same? With equal seed and choices it draws the same weights, the same order and the same captions. So
# on one machine all weights have to be **equal, bit for bit**, not only close. (`val=[]`: no validation, keep the last
# epoch.) On 400 films, two epochs:

# %%
from mee.train import fit_clips

small = {"dim": 64, "text_clusters": 8, "sequence_clusters": 4, "lr": 2e-3, "progress": False}
few = clips.clips_in("train")[:400]
by_hand = train_by_hand(few, 2)
packaged = fit_clips(clips, train=few, val=[], epochs=2, device="cpu", **small).model


def same(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


assert same(by_hand, packaged)
assert not same(by_hand, train_by_hand(few, 2, seed=1)), "another seed, another network"

# %% [markdown]
# Every number in the two networks is the same. (On another processor the last digits of all of them may differ, and
# training carries that on; a GPU may even differ from itself. That is why this cell stays on the CPU.)
#
# ## In a minute
#
# Now all 2,000 films, 8 epochs, with validation: after each epoch `fit` ranks the 500 validation clips, and keeps the
# network of the best epoch. `Checkpoint` is a *callback*: `fit` tells it when an epoch ends, and it writes what is kept
# into a folder. With 64 clips a batch, how many steps will it take?

# %%
from mee.storage import Checkpoint

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
run = fit_clips(clips, epochs=8, callbacks=[Checkpoint(folder / "minute")], device=device, **small)
print(f"{8 * -(-2000 // 64)} steps, took {sum(row['seconds'] for row in run.history):.0f} s")

# %%
from mee.metrics import chance

epochs = [row["epoch"] for row in run.history]
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
left.plot(epochs, [row["loss"] for row in run.history], "o-")
left.set(xlabel="epoch", ylabel="training loss", ylim=0)
for way, style in (("t2v", "o-"), ("v2t", "s--")):
    right.plot(epochs, [row["val"][way]["R@10"][0] for row in run.history], style, label=way)
right.axhline(chance(500)["R@10"], color="#808080", linestyle=":", label="chance")
right.set(xlabel="epoch", ylabel="R@10, validation (percent)", ylim=0)
right.legend()
show(
    figure,
    "Left: the training loss falls steeply, then ever more slowly. Right: R@10 on the validation clips rises from near "
    "20 to above 60 percent for t2v and higher for v2t, far above chance at 2 percent, and has not quite levelled off.",
)

# %% [markdown]
# **Before and after**, on the test clips. This is the one time that they are measured on. `epochs=0` gives the network
# as it was drawn.

# %% tags=["nbval-ignore-output"]
from mee.evaluate import evaluate

untrained = fit_clips(clips, epochs=0, device=device, **small).model
result = {"before": evaluate(untrained, clips, "test"), "after": evaluate(run.model, clips, "test")}
result["chance"] = {way: {k: (v,) * 3 for k, v in c.items()} for way, c in result["after"]["chance"].items()}
print(" " * 7, "".join(f"{way + ' ' + k:>10}" for way in ("t2v", "v2t") for k in ("R@1", "R@10", "MdR")))
for name, found in result.items():
    print(
        f"{name:<8}" + "".join(f"{found[way][k][0]:>10.1f}" for way in ("t2v", "v2t") for k in ("R@1", "R@10", "MdR"))
    )

# %% [markdown]
# Before, all numbers are those of chance. After, more than half of the captions find their film, among 500, within the
# first ten places. Nobody could put all first: many captions fit several films.

# %%
for way in ("t2v", "v2t"):
    before, after, luck = (result[name][way]["R@10"][0] for name in ("before", "after", "chance"))
    assert abs(before - luck) < 4 and after > 50

# %% [markdown]
# ## Overfitting
#
# What if there is little to learn from? 200 films, 30 epochs. We rank the training films as well as 200 others from the
# validation split, so that both galleries have the same size. Draw the two curves before you look.

# %%
from mee.evaluate import compute_ranks
from mee.metrics import summarise

few, held_out = clips.clips_in("train")[:200], clips.clips_in("val")[:200]
curves = []


def r_at_10(model, rows):
    return summarise(compute_ranks(model, clips, rows)[0], bootstrap=0)["R@10"][0]


train_by_hand(few, 30, look=lambda model: curves.append((r_at_10(model, few), r_at_10(model, held_out))))
seen, unseen = zip(*curves, strict=True)
assert seen[-1] > 70 and seen[-1] - unseen[-1] > 30
assert run.history[-1]["val"]["t2v"]["R@10"][0] > unseen[-1] + 5  # 2,000 films learnt from, 500 to find among

# %%
figure, axes = plt.subplots()
axes.plot(range(1, 31), seen, "-", label="the 200 films learnt from")
axes.plot(range(1, 31), unseen, "--", label="200 others")
axes.axhline(chance(200)["R@10"], color="#808080", linestyle=":", label="chance")
axes.set(xlabel="epoch", ylabel="t2v R@10 (percent)", ylim=(0, 100))
axes.legend(loc="upper left")
show(
    figure,
    "R@10 on the films learnt from climbs to about 90 percent; on others it rises with it at first, then flattens near "
    "40 percent. The gap between the curves keeps growing. Chance is 5 percent.",
)

# %% [markdown]
# The network knows its 200 films by heart, and that helps little with others: the curves part early, and the gap grows.
# That is **overfitting**. In textbooks the lower curve bends down again; here it does not, it flattens, and going on is
# wasted time rather than harm. Only a curve of *other* clips can tell you which of the two you have. More films
# help: 2,000 of them gave a better R@10 among 500 clips than these 200 give among 200.
#
# ## Seeds
#
# The seed draws weights, order and captions. Four seeds, nothing else changed, 20 epochs each on the 200 films. We keep
# the ranks of all validation captions after each epoch; they will serve twice. By how many points will R@10 differ?

# %%
_, positive_clip = clips.captions_of(held_out)
kept = []
for seed in range(4):
    after_epoch = []
    train_by_hand(few, 20, seed, look=lambda model, to=after_epoch: to.append(compute_ranks(model, clips, held_out)[0]))
    kept.append(torch.stack(after_epoch))
kept = torch.stack(kept)  # (seeds, epochs, captions)
hit = 100 * (kept <= 10).double()

# %% tags=["nbval-ignore-output"]
last = [summarise(ranks, positive_clip)["R@10"] for ranks in kept[:, -1]]
for seed, (value, low, high) in enumerate(last):
    print(f"seed {seed}: R@10 {value:.0f}, interval over clips {low:.0f} to {high:.0f}")
print(f"chance: {chance(200)['R@10']:.0f}")

# %%
values = torch.tensor(last)[:, 0]
assert values.max() - values.min() > 0.5
assert all(high - low > 4 for _, low, high in last)

# %% [markdown]
# Two kinds of doubt. The **interval** (lesson 08) says what other *clips* would have given, the **spread over seeds**
# what other *luck in training* would have given. Neither contains the other, and neither is small. A difference
# between two methods that is smaller than either needs more seeds, more clips, or silence.
#
# ## Save, stop, resume
#
# Long runs get interrupted. `Checkpoint` writes `last.pt` after each epoch; with `resume=True` training goes on from
# there. Four epochs in one go, or two, then a stop, then two more: will the networks be the same?

# %%
short = {"train": few, "val": [], "device": "cpu", **small}
whole = fit_clips(clips, epochs=4, callbacks=[Checkpoint(folder / "whole")], **short)
fit_clips(clips, epochs=2, callbacks=[Checkpoint(folder / "parts")], **short)
resumed = fit_clips(clips, epochs=4, callbacks=[Checkpoint(folder / "parts", resume=True)], **short)
assert same(whole.model, resumed.model)
assert [row["loss"] for row in whole.history] == [row["loss"] for row in resumed.history]

# %% [markdown]
# Bit for bit. What has to be in the file for that?

# %%
state = torch.load(folder / "parts" / "last.pt", weights_only=True)
for key, value in state.items():
    print(f"{key:<11}{type(value).__name__}")

# %% [markdown]
# The weights, of course (`model`); but also Adam's running means (`optimizer`), how far the learning rate has shrunk
# (`scheduler`), where the random numbers stand (`generator`), and the best network so far (`best_state`). If only the
# weights are kept, Adam starts anew, the learning rate jumps back, and the captions of the first epochs are drawn once
# more:

# %%
model = new_network(0)
model.load_state_dict(torch.load(folder / "whole" / "model.pt", weights_only=True)["model"])
again = fit_clips(clips, epochs=2, network=lambda config: model, **short)  # two more epochs, from weights alone
longer = fit_clips(clips, epochs=6, callbacks=[Checkpoint(folder / "whole", resume=True)], **short)
assert not same(again.model, longer.model)

# %% [markdown]
# `Checkpoint` refuses to resume with other choices than the run began with. A run that changed its learning rate
# halfway would be a run that nobody can repeat.

# %%
from mee.storage import CheckpointError

try:
    fit_clips(clips, epochs=6, callbacks=[Checkpoint(folder / "parts", resume=True)], **{**short, "lr": 1e-3})
except CheckpointError as error:
    print(str(error).removeprefix(str(folder)))

# %% [markdown]
# ## Ask
#
# The other file, `model.pt`, is the best network with its vocabulary and its `ModelConfig`: what one gives away. It is
# opened without the clips that it learnt from.

# %%
from mee.storage import load_model

model, words = load_model(folder / "minute" / "model.pt")
assert same(model, run.model.cpu()) and len(words) == len(clips.words)

# %% [markdown]
# A sentence of your own: its words become vectors, the network embeds it, and all test clips are scored. What it has no
# word vector for, it does not hear: the vocabulary knows a *cat*, but not that it *meows*. Change the sentence and
# run it again.

# %%
from mee.evaluate import embed

sentence = "somebody with a beard and glasses while a siren wails"
assert words.unknown(sentence) == [] and words.unknown("the cat meows") == ["meows"]
test = clips.clips_in("test")
with torch.no_grad():
    asked = model.embed_text(*words.batch([sentence]))
    _, videos = embed(model, clips, captions[:1], test)
    scores = model.score(asked, videos)[0]
best = test[scores.topk(10).indices]

# %% [markdown]
# TinyClips knows the truth about its films, so we can look at what is right among the first ten, and in all 500.


# %%
def share(rows, fact):
    return sum(bool(fact(clips.facts[i])) for i in rows.tolist()) / len(rows)


facts = {
    "siren": lambda film: film["sound"] == "siren",
    "glasses": lambda film: film["face"] and film["face"]["glasses"],
    "beard": lambda film: film["face"] and film["face"]["beard"],
}
for name, fact in facts.items():
    assert share(best, fact) > share(test, fact) + 0.2, name

# %%
import io

figure, axes = plt.subplots(2, 5, figsize=(9, 3), layout="constrained")
for column, i in enumerate(best[:5].tolist()):
    film, pictures = clips.facts[i], clips.storyboard(i)
    for axis, picture in zip(axes[:, column], (pictures[0], pictures[-1]), strict=True):
        axis.imshow(plt.imread(io.BytesIO(picture), format="jpeg"))
        axis.axis("off")
    heard = [name for name, fact in facts.items() if fact(film)]
    axes[0, column].set_title(f"{column + 1}. " + ", ".join(heard or ["none of it"]), fontsize=9)
show(
    figure,
    f"Two pictures each of the five films that come first for '{sentence}'. Nearly all show a drawn face with a beard, "
    "glasses or both; above each stands what of siren, glasses and beard is true of it.",
)

# %% [markdown]
# ## Fewer bits, and a GPU
#
# **Mixed precision** computes the large products with 16 bits in place of 32. `bfloat16` has three digits at best, in
# exchange it needs half the memory, and GPUs and some CPUs are faster with it. `torch.autocast` does it for a block of
# code; weights and gradients stay at 32 bits. How far will scores move, which go from -1 to 1?

# %%
model = model.to(device)
batch = clips.batch(test[:64], generator=torch.Generator().manual_seed(0)).to(device)
with torch.no_grad():
    full = model(*batch.text, *batch.video)
    with torch.autocast(device, dtype=torch.bfloat16):
        mixed = model(*batch.text, *batch.video)
assert 0 < (mixed - full).abs().max() < 0.03
assert mixed.dtype == torch.float32  # the last division, of two small numbers, is kept at 32 bits by the library

# %% [markdown]
# By less than 0.03. That is enough for two films to change places, and too little to change R@10 by much. A training
# step is `autocast` around scores and loss, with `backward()` outside; its gradients are 32 bits wide again.

# %%
with torch.autocast(device, dtype=torch.bfloat16):
    mixed_r_at_10 = r_at_10(model, held_out)
assert abs(mixed_r_at_10 - r_at_10(model, held_out)) < 2
model.train()
with torch.autocast(device, dtype=torch.bfloat16):
    loss = criterion(model(*batch.text, *batch.video), batch.clip, batch.sentence)
loss.backward()
assert {p.grad.dtype for p in model.parameters()} == {torch.float32} and torch.isfinite(loss)
assert {p.device.type for p in model.parameters()} == {device}

# %% [markdown]
# The lesson uses a GPU where there is one: `device` was chosen in the first cell, and `fit_clips` chooses likewise.
# Three things move there, model, batch and loss; the random numbers stay on the CPU, so that a GPU sees the same
# batches. For a network as small as this one a GPU has little to do; with the paper's sizes it pays.
#
# ## The trap: choosing by the test clips
#
# The original code ranks the test set after each epoch, under the name "val", and has no other. The best line of the
# log becomes the result. What is wrong with that? Each R@10 is off by luck; the largest of many is the one with the
# most luck.
#
# We have the ranks of four seeds after each of 20 epochs. Now 200 times: split the held-out films in two halves at
# random and call one *val*, one *test* (the real test clips we leave alone, even here). **Best on test**: the largest
# test R@10 of all epochs. **Honest**: the test R@10 of the epoch that is best on val. The first cannot be smaller; the
# question is by how much it is larger.


# %%
def optimism(films, splits=200):
    """Points of R@10 by which best on test exceeds honest, if epochs are chosen, and if epochs and seeds are."""
    g = torch.Generator().manual_seed(0)
    epoch, both = [], []
    for _ in range(splits):
        order = torch.randperm(len(held_out), generator=g)
        halves = order[:films], order[films : 2 * films]
        val, test = (hit[:, :, torch.isin(positive_clip, half)].mean(2) for half in halves)  # (seeds, epochs)
        honest = test.gather(1, val.argmax(1, keepdim=True))[:, 0]
        epoch.append((test.max(1).values - honest).mean())
        both.append(test.max() - test.flatten()[val.argmax()])
    return float(torch.stack(epoch).mean()), float(torch.stack(both).mean())


measured = {films: optimism(films) for films in (25, 50, 100)}
assert measured[25][0] > measured[50][0] > measured[100][0] and 0 < measured[100][0] < 1.5
assert measured[50][0] > 0.5 and measured[50][1] > measured[50][0] + 0.5

# %%
figure, axes = plt.subplots()
for shift, (label, hatch) in enumerate((("epoch chosen on test", "//"), ("epoch and seed chosen on test", ".."))):
    heights = [values[shift] for values in measured.values()]
    bars = axes.bar([x + 0.4 * shift for x in range(3)], heights, width=0.38, label=label, hatch=hatch)
    axes.bar_label(bars, fmt="%.1f", padding=2)
axes.set_xticks([0.2, 1.2, 2.2], measured)
axes.set_xlabel("test films")
axes.set_ylabel("R@10 too high by (points)")
axes.legend()
show(
    figure,
    "Choosing the epoch on the test films makes R@10 too high by several points with 25 films and by less than one "
    "with 100; choosing epoch and seed on them costs about twice as much or more.",
)

# %% [markdown]
# With 100 films and 20 epochs of one run, the optimism is small: not every sin is large. It grows with each
# choice that is made (epochs, seeds, margins, which of five models) and with the smallness of the test set. And nobody
# can take it off again afterwards, because the number of choices stands in no table.
#
# The second half of the trap: the original code **saves no checkpoint**. The best line belongs to a network that was
# overwritten by the next epoch. Nobody can run it, test it, or hand it on. `Checkpoint` keeps the network that the
# number belongs to:

# %%
val = clips.clips_in("val")
again = evaluate(load_model(folder / "minute" / "model.pt")[0], clips, val, bootstrap=0)
reported = run.history[run.best - 1]["val"]
assert abs(again["t2v"]["R@10"][0] - reported["t2v"]["R@10"][0]) < 0.5
temporary.cleanup()

# %% [markdown]
# ## Summary
#
# - A batch is clips with one drawn caption each, padded to its longest, with masks; the loop is scores, loss, gradient,
#   step, and `fit` is that loop, bit for bit.
# - The loss alone says little: watch R@10 on clips that are not learnt from, with chance beside it.
# - Another seed gives another number. So do other clips.
# - A checkpoint holds weights, optimiser, random numbers and history; then a resumed run is the same run.
# - Choose on validation. The largest of many test numbers is too large.
#
# ## Exercises
#
# 1. How many steps does a run take, and with which learning rates? 2. Stop and resume the loop written by hand. 3. How
# large is the luck of the best of many epochs?
#
# Write them in the [exercise notebook](exercises/07_training.ipynb); one way to do it is in the
# [solutions](solutions/07_training.ipynb).
#
# ## Where next
#
# Back to [lesson 06](06_ranking_loss.ipynb), or on to [lesson 08](08_retrieval_metrics.ipynb): how good is it, and how
# sure are we?
