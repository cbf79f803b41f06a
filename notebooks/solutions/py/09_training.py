# %% [markdown]
# # Solutions: What happens while a model trains, and when is it enough?
#
# Three exercises for [the lesson](../09_training.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/09_training.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F09_training.ipynb)

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
import tempfile
from pathlib import Path

import torch

from mee.data import MixedBatches
from mee.loss import MaxMarginRankingLoss
from mee.model import ModelConfig, VideoTextMEE
from mee.storage import read_clips

clips = read_clips("data/tinyclips.h5")

# %% [markdown]
# ## Exercise 1 (easy): steps and rates
#
# How many steps does a run take, and how large is the learning rate in each epoch? A last batch of one clip is left
# out; a last batch of two or more is used.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# How many whole batches does an epoch have, and what is left over? `divmod` gives both.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# An epoch's rate is the rate of the epoch before, times `lr_decay`. What power of `lr_decay` does epoch 0 have, and
# epoch 3?
#
# </details>


# %% tags=["solution"]
def steps(films, batch_size, epochs):
    """Number of steps of the whole run, an int; all three arguments are ints."""
    ### BEGIN SOLUTION: return the number of steps
    whole, rest = divmod(films, batch_size)
    return epochs * (whole + (rest > 1))
    ### END SOLUTION


def rates(lr, lr_decay, epochs):
    """Learning rates of the epochs, a list of floats of length epochs; lr is first."""
    ### BEGIN SOLUTION: return the list of rates
    return [lr * lr_decay**epoch for epoch in range(epochs)]
    ### END SOLUTION


# %% tags=["check", "points-2"]
for films, size in ((2000, 64), (128, 64), (129, 64), (130, 64), (5, 64)):
    g = torch.Generator().manual_seed(0)
    batches = len(MixedBatches(clips, torch.arange(films), size, g))
    assert steps(films, size, 1) == batches, f"{films} films, batches of {size}: wrong"
    assert steps(films, size, 7) == 7 * batches, "each epoch takes as many steps"
adam = torch.optim.Adam([torch.zeros(1, requires_grad=True)], 2e-3)
decay = torch.optim.lr_scheduler.ExponentialLR(adam, 0.95)
assert len(rates(2e-3, 0.95, 8)) == 8, "a rate for each epoch"
for rate in rates(2e-3, 0.95, 8):
    want = adam.param_groups[0]["lr"]
    assert abs(rate - want) < 1e-9, "not the rate of PyTorch's exponential schedule"
    adam.step()
    decay.step()
### BEGIN HIDDEN TESTS
known = ((1000, 64, 3, 48), (65, 64, 5, 5), (66, 64, 5, 10))
for films, size, epochs, by_hand in known:
    difference = float(steps(films, size, epochs)) - by_hand
    assert -1e-5 < difference < 1e-5, f"{films} films, {epochs} epochs"
found = [float(rate) for rate in rates(0.01, 0.5, 4)]
assert len(found) == 4, "four epochs"
for rate, by_hand in zip(found, (0.01, 0.005, 0.0025, 0.00125), strict=True):
    assert -1e-8 < rate - by_hand < 1e-8, "half the rate in each epoch"
### END HIDDEN TESTS
print("exercise 1: right for five sizes, and for eight epochs of decay")

# %% [markdown]
# **In words.** Why can a batch of a single clip teach the model nothing?

# %% [markdown] tags=["written", "points-1"]
# The ranking loss compares a right pair with wrong pairs of the same batch, and a batch of one clip has no wrong
# pair: its loss is 0, whatever the weights. Batch normalisation has trouble with it too, as one number has no spread.

# %% [markdown]
# ## Exercise 2 (usual): stop and go on
#
# Make a loop written by hand resumable. Here is one epoch of it; three things change while it runs. Save them to a
# file, and bring them back into *new* objects, so that two epochs, a stop, and two more give exactly the weights of
# four epochs in one go.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The model and the optimiser have `state_dict()` and `load_state_dict(...)`. What does the third object have?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Put the three states into one dict, and give that to `torch.save`. A generator has `get_state()` and
# `set_state(...)`; `torch.load(path, weights_only=True)` gives the dict back.
#
# </details>


# %%
def start(seed):
    torch.manual_seed(seed)
    experts = {name: (expert.dim, 32) for name, expert in clips.experts.items()}
    config = ModelConfig(experts, clips.word_dim, {"audio": 2}, text_clusters=4)
    model = VideoTextMEE(config)
    adam = torch.optim.Adam(model.parameters(), 2e-3)
    return model, adam, torch.Generator().manual_seed(seed)


def one_epoch(model, adam, generator, rows):
    criterion = MaxMarginRankingLoss(0.2)
    model.train()
    for batch in MixedBatches(clips, rows, 64, generator):
        loss = criterion(model(*batch.text, *batch.video), batch.clip, batch.sentence)
        adam.zero_grad()
        loss.backward()
        adam.step()
    for group in adam.param_groups:
        group["lr"] *= 0.9


# %% tags=["solution"]
def save(path, model, adam, generator):
    """Write the states of all three into one file; path is a Path."""
    ### BEGIN SOLUTION: write the three states into path
    state = {"model": model.state_dict(), "adam": adam.state_dict()}
    state["generator"] = generator.get_state()
    torch.save(state, path)
    ### END SOLUTION


def load(path, model, adam, generator):
    """Bring the states in that file into these three new objects; returns nothing."""
    ### BEGIN SOLUTION: read path, set the three states
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    adam.load_state_dict(state["adam"])
    generator.set_state(state["generator"])
    ### END SOLUTION


# %% tags=["check", "points-2"]
rows = clips.clips_in("train")[:200]
in_one_go = start(0)
for _ in range(4):
    one_epoch(*in_one_go, rows)
with tempfile.TemporaryDirectory() as folder:
    stopped = start(0)
    for _ in range(2):
        one_epoch(*stopped, rows)
    save(Path(folder) / "state.pt", *stopped)
    resumed = start(5)  # another seed: nothing may be left of it
    load(Path(folder) / "state.pt", *resumed)
same_generator = torch.equal(resumed[2].get_state(), stopped[2].get_state())
assert same_generator, "the random numbers do not go on where they were"
rate, want = (adam.param_groups[0]["lr"] for _, adam, _ in (resumed, stopped))
assert rate == want, "the learning rate jumped back"
for _ in range(2):
    one_epoch(*resumed, rows)
weights = resumed[0].state_dict()
for name, value in in_one_go[0].state_dict().items():
    assert torch.equal(value, weights[name]), f"{name} differs: is Adam's state saved?"
print("exercise 2: right, bit for bit")

# %% [markdown]
# **In words.** Where was the learning rate saved? And the machine stops *while* the file is being written: what is
# lost, and how would you write the file instead?

# %% [markdown] tags=["written", "points-1"]
# The learning rate is in Adam's state, among its `param_groups`. A stop while saving leaves half a file, and if that
# file was written over the last good one, the whole run is lost. So write under a temporary name, and rename the file
# when it is complete.

# %% [markdown]
# ## Exercise 3 (open-ended): luck in the best
#
# How much luck is in the best? Twenty networks are equally good; the R@10 of each is measured with a standard error
# of $s$ points, independently. By how much does the best of them look too good, on average? Write it for any number
# of networks, by simulation, by an integral or by a formula that is near enough: the check allows for noise.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Networks that are equally good differ only in what the measurement adds to each: a normal random number with
# standard deviation $s$. Which of these numbers belongs to the network that looks best?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Draw thousands of rows of `networks` normal numbers with a seeded generator, take the largest of each row, and then
# the mean over the rows.
#
# </details>


# %% tags=["solution"]
def luck(networks, s):
    """Points by which the best of equally good networks looks too good, on average.

    networks is an int, s a float in points of R@10; returns a float.
    """
    ### BEGIN SOLUTION: return the mean of the largest error
    g = torch.Generator().manual_seed(0)
    numbers = torch.randn(20_000, networks, generator=g)
    return s * float(numbers.max(1).values.mean())
    ### END SOLUTION


# %% tags=["check", "points-2"]
assert abs(luck(1, 1.0)) < 0.1, "with one network there is nothing to choose"
assert abs(luck(2, 1.0) - torch.pi**-0.5) < 0.08, "of two, it is s over the root of pi"
assert abs(luck(50, 3.0) - 3 * luck(50, 1.0)) < 0.15, "it is proportional to s"
few, more, many = (luck(networks, 1.0) for networks in (5, 20, 100))
assert few + 0.1 < more < many - 0.1, "of more networks, the best has more luck"
### BEGIN HIDDEN TESTS
g = torch.Generator().manual_seed(1)
for networks in (5, 20, 100):
    # R@10 of networks that truly have 40 %, each measured on its own 1,000 captions
    captions = torch.full((2000, networks), 1000.0)
    drawn = torch.binomial(captions, torch.full_like(captions, 0.4), generator=g) / 10
    by_hand = float((drawn.max(1).values - 40).mean())
    s = 100 * (0.4 * 0.6 / 1000) ** 0.5
    difference = float(luck(networks, s)) - by_hand
    assert -0.3 < difference < 0.3, f"not so for the best of {networks}"
### END HIDDEN TESTS
print("exercise 3: right for one and two, and more for many")

# %% [markdown]
# **In words.** With 100 films, about 400 captions, and R@10 near 35 %, the standard error is about 2.4 points. What
# does your function say for 20 networks? Would you expect as much for the best of 20 *epochs* of one run? [Lesson
# 10](../10_leaks.ipynb) comes back to such numbers.

# %% [markdown] tags=["written", "points-2"]
# `luck(20, 2.4)` is about 4.5 points. The best of 20 epochs owes less to luck, because the epochs of one run rank the
# same captions and mostly succeed and fail on the same ones. And early epochs are worse, so only the last few
# compete. Separate runs are less alike, so the best of them owes more to luck.
