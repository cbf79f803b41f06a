# %% [markdown]
# # Solutions: What does a gated embedding unit do that a linear layer does not?
#
# Three exercises for [the lesson](../03_gating.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/03_gating.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F03_gating.ipynb)

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
import torch

from mee import GatedEmbeddingUnit, fit_clips, read_clips
from mee.compare import compare, difference

# %% [markdown]
# ## Exercise 1
#
# How many numbers does a gated embedding unit learn? Write a function of the sizes alone, without making a unit.
# Remember batch normalisation: it learns two numbers per dimension (its running mean and variance are not learnt).


# %% tags=["solution"]
# write parameters(in_dim, out_dim, gating): how many numbers
# GatedEmbeddingUnit(in_dim, out_dim, gating) learns
### BEGIN SOLUTION: as the comment says
def parameters(in_dim, out_dim, gating):
    linear = in_dim * out_dim + out_dim
    gate = out_dim * out_dim + out_dim + 2 * out_dim
    return linear + gate if gating else linear
### END SOLUTION


# %% tags=["check", "points-2"]
for in_dim, out_dim in ((3, 2), (128, 64), (40, 90)):
    for gating in (False, True):
        unit = GatedEmbeddingUnit(in_dim, out_dim, gating)
        counted = sum(x.numel() for x in unit.parameters())
        given, what = parameters(in_dim, out_dim, gating), f"{in_dim} to {out_dim}"
        assert given == counted, f"{what}, gating={gating}: not {given}"
print("exercise 1: right for six units")

# %% [markdown] tags=["solution"]
# A gate grows with the square of the embedding's dimensions, a linear layer with the product of the embedding's and the
# input's. So a gate is expensive where the embedding is wide and the input narrow.

# %% [markdown]
# ## Exercise 2
#
# In the lesson, no linear layer could choose *between two clips* for all four sentences. Turn the task round: there is
# **one** clip, a lamp that is on, and it ranks the four sentences by their cosine with it. *Bright room* and *dark
# street* should both come before *dark room* and *bright street*.
#
# A linear layer and scaling to length 1 are enough for that, without any gate. Find the numbers.
#
# A hint: a cosine is 1 where no part of the vector points aside. Which sum is 0 for two of the sentences, and not for
# the others?

# %%
sentences = torch.tensor([[1.0, -1.0], [-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
clip = torch.tensor([1.0, 0.0])  # the lamp is on; sentences 0 and 3 belong to it

# %% tags=["solution"]
# set W (2, 2) and b (2,) of the linear layer z = W x + b, which is then
# scaled to length 1
### BEGIN SOLUTION: as the comment says
W = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
b = torch.tensor([1.0, 0.0])
### END SOLUTION

# %% tags=["check", "points-2"]
unit = GatedEmbeddingUnit(2, 2, gating=False)
numbers = {"fc.weight": torch.as_tensor(W), "fc.bias": torch.as_tensor(b)}
unit.load_state_dict({name: value.float() for name, value in numbers.items()})
with torch.no_grad():
    cosines = unit(sentences) @ clip
ahead = cosines[[0, 3]].min() > cosines[[1, 2]].max() + 0.05
assert ahead, f"the wrong sentences are too near: {cosines}"
linear = (sentences @ unit.fc.weight.T + unit.fc.bias) @ clip
assert linear[[0, 3]].min() <= linear[[1, 2]].max(), "no linear layer alone can do it"
print("exercise 2: right, and before the scaling it was not")

# %% [markdown] tags=["solution"]
# The first number is the same for all sentences; the second number is how far $x_1 + x_2$ is from 0. Dividing by the
# length turns *how far aside* into *how much less*. So scaling to length 1 is a small nonlinearity of its own. It helps
# where one vector is compared with several that are scaled, and not where one scaled vector chooses between several.

# %% [markdown]
# ## Exercise 3
#
# Is a model better with gates? Gates are parameters, and perhaps any parameters would do. Find how many embedding
# dimensions make a model **without** gates as large as one of 64 dimensions **with** gates. Train both with two seeds
# on the first thousand clips, and measure the difference in R@10 on the validation split. Then say what you conclude.
#
# `compare` trains each variant with the same seeds and ranks the same captions; `difference` gives the mean difference
# and its 95 % interval.
#
# `fit_clips(clips, epochs=0, ...).model` makes a model without training it.

# %%
SMALL = {"epochs": 6, "text_clusters": 8, "sequence_clusters": 4, "lr": 2e-3}
SMALL |= {"train": torch.arange(1000), "val": [], "progress": False}
clips = read_clips("data/tinyclips.h5")


def size(**options):
    model = fit_clips(clips, **{**SMALL, "epochs": 0, **options}).model
    return sum(x.numel() for x in model.parameters())


# %% tags=["solution"]
# set dim so that size(dim=dim, gating=False) is within 2 % of size(dim=64); then
# set results to what compare(...) gives for the variants "gated" and "wide",
# seeds (0, 1), split "val"; then gain to difference(...) of the two
### BEGIN SOLUTION: as the comment says
wanted = size(dim=64)
dim = min(range(64, 90), key=lambda dim: abs(size(dim=dim, gating=False) - wanted))
variants = {"gated": {"dim": 64}, "wide": {"dim": dim, "gating": False}}
results = compare(clips, variants, seeds=(0, 1), split="val", **SMALL)
gain = difference(results["gated"], results["wide"])
### END SOLUTION

# %% tags=["check", "points-2"]
ratio = size(dim=dim, gating=False) / size(dim=64)
assert abs(ratio - 1) < 0.02, f"the two are not equally large: {ratio:.2f}"
captions, _ = clips.captions_of(clips.clips_in("val"))
hits = {}
for name in ("gated", "wide"):
    ranks = results[name].t2v
    assert ranks.shape == (2, len(captions)), f"{name}: two seeds, all captions of val"
    hits[name] = 100 * float((ranks <= 10).double().mean())
    assert hits[name] > 20, f"{name}: R@10 {hits[name]:.0f} is low; trained with SMALL?"
mean, low, high = gain
assert low <= mean <= high, "gain is what difference(...) gives"
given = hits["gated"] - hits["wide"]
assert abs(mean - given) < 1e-3, "difference(results['gated'], results['wide'])"
print("exercise 3: as large, and compared on the same captions")

# %%
print(f"{dim} dimensions; gated minus wide: ≈ {mean:+.1f} points of R@10,", end=" ")
print(f"95 % between ≈ {low:+.1f} and ≈ {high:+.1f}")

# %% [markdown] tags=["solution"]
# Where we ran it, the interval was some five points wide and held zero. Two seeds and a thousand clips cannot tell the
# two models apart. What one may conclude is that neither is better by much at this size.
