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

if os.path.exists("../lesson.py"):
    os.chdir("..")  # exercises and solutions work in the book's folder, too
elif not os.path.exists("lesson.py"):
    # this notebook came alone, as on Colab: fetch its book and install mee
    address = os.environ.get("MEE_REPOSITORY", "https://github.com/OWNER/mee")
    # !test -d mee-book || git clone --quiet --depth 1 "{address}" mee-book
    # %run mee-book/notebooks/lesson.py
    os.chdir("mee-book/notebooks")

# %%
import torch

from mee import GatedEmbeddingUnit, fit_clips, read_clips
from mee.compare import compare, difference

# %% [markdown]
# ## Exercise 1 (easy): count what a gate costs
#
# How many numbers does a gated embedding unit learn? Write a function of the sizes alone, without making a unit.
# Remember batch normalisation: it learns two numbers per dimension (its running mean and variance are not learnt).

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Draw the unit: a linear layer from `in_dim` to `out_dim`, and with a gate a second one, from `out_dim` to `out_dim`,
# with a batch normalisation.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# A linear layer from $a$ to $b$ dimensions has a matrix of $a \times b$ numbers and $b$ more, its bias. Add up two of
# these and the two numbers per dimension of the batch normalisation; without a gate, the first layer alone.
#
# </details>


# %% tags=["solution"]
def parameters(in_dim, out_dim, gating):
    """How many numbers GatedEmbeddingUnit(in_dim, out_dim, gating) learns, an int.

    in_dim, out_dim: int, dimensions before and after; gating: bool.
    """
    ### BEGIN SOLUTION: return the number of parameters
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
### BEGIN HIDDEN TESTS
for sizes, number in (((10, 4, True), 72), ((10, 4, False), 44), ((1, 1, True), 6)):
    assert -0.5 < float(parameters(*sizes)) - number < 0.5, f"not right for {sizes}"
### END HIDDEN TESTS
print("exercise 1: right for six units")

# %% [markdown]
# **In words.** You double the embedding's dimensions and leave the input's. By what factor does the linear layer
# grow, and by what factor the gate?

# %% [markdown] tags=["written", "points-1"]
# The linear layer doubles, the gate becomes nearly four times as large: it grows with the square of the embedding's
# dimensions, a linear layer with the product of the embedding's and the input's. So a gate is expensive where the
# embedding is wide and the input narrow.

# %% [markdown]
# ## Exercise 2 (usual): the lamp, from the clip's side
#
# In the lesson, no linear layer could choose *between two clips* for all four sentences. Turn the task round: there
# is **one** clip, a lamp that is on, and it ranks the four sentences by their cosine with it. *Bright room* and *dark
# street* should both come before *dark room* and *bright street*.
#
# A linear layer and scaling to length 1 are enough for that, without any gate. Find the numbers.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# A cosine is 1 where no part of the vector points aside. Which sum is 0 for two of the sentences, and not for the
# others?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Let the first number of $z$ be the same for all sentences: a bias, with zeros in the first row of $W$. Let the
# second be $x_1 + x_2$. The length is then larger for the two sentences that should come last.
#
# </details>

# %%
sentences = torch.tensor([[1.0, -1.0], [-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
clip = torch.tensor([1.0, 0.0])  # the lamp is on; sentences 0 and 3 belong to it

# %% tags=["solution"]
# W (2, 2) and b (2,), float tensors: of the linear layer z = W x + b, which is
# then scaled to length 1
### BEGIN SOLUTION: set W and b
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
### BEGIN HIDDEN TESTS
rows, bias = [[float(x) for x in row] for row in W], [float(x) for x in b]
by_hand = []
for one, two in ((1, -1), (-1, 1), (-1, -1), (1, 1)):
    z = [rows[i][0] * one + rows[i][1] * two + bias[i] for i in (0, 1)]
    by_hand.append(z[0] / max((z[0] ** 2 + z[1] ** 2) ** 0.5, 1e-12))
assert min(by_hand[:2]) > max(by_hand[2:]) + 0.04, "the wrong sentences are too near"
### END HIDDEN TESTS
print("exercise 2: right, and before the scaling it was not")

# %% [markdown]
# **In words.** A linear layer alone could not do it. What in your answer is not linear, and how does it help?

# %% [markdown] tags=["written", "points-1"]
# The scaling to length 1. The first number is the same for all sentences; the second number is how far $x_1 + x_2$ is
# from 0. Dividing by the length turns *how far aside* into *how much less*. It helps where one vector is compared
# with several that are scaled, and not where one scaled vector chooses between several.

# %% [markdown]
# ## Exercise 3 (open-ended): gates, or as many other parameters?
#
# Is a model better with gates? Gates are parameters, and perhaps any parameters would do. Design a model **without**
# gates that is as large as one of 64 dimensions **with** gates: choose yourself where its parameters go. Train both
# with two seeds on eight hundred clips, and measure the difference in R@10 on the validation split. Then say what you
# conclude.
#
# `compare` trains each variant with the same seeds and ranks the same captions; `difference` gives the mean
# difference and its 95 % interval. `size(...)` counts a model's parameters without training it.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `size(gating=False)` says how many parameters are left when the gates are gone. Which of `dim`, `text_clusters` and
# `sequence_clusters` adds some, and how many per step?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Try a range: `for dim in range(64, 90): print(dim, size(dim=dim, gating=False))`, or the same for another option.
# Then call `compare(clips, {"gated": {}, "other": other}, seeds=(0, 1), split="val", **SMALL)`, and `difference` of
# its two results.
#
# </details>

# %%
SMALL = {"dim": 64, "epochs": 5, "text_clusters": 8, "sequence_clusters": 4, "lr": 2e-3}
SMALL |= {"train": torch.arange(800), "val": []}
clips = read_clips("data/tinyclips.h5")


def size(**options):
    """How many numbers a model with these options (and SMALL) learns."""
    options = {**SMALL, **options, "epochs": 0}
    model = fit_clips(clips, progress=False, **options).model
    return sum(x.numel() for x in model.parameters())


print(f"with gates {size():,}, without {size(gating=False):,} parameters")

# %% tags=["solution"]
# other, a dict: options of the model without gates, so that size(**other) is within
# 2 % of size(); results, what compare(...) gives for the variants "gated" (no options)
# and "other", with seeds (0, 1), split "val", progress=False and SMALL; gain, what
# difference(...) gives for the two: (mean, low, high), gated minus other
### BEGIN SOLUTION: set other, results and gain
wanted = size()
sizes = {dim: size(dim=dim, gating=False) for dim in range(70, 82, 2)}
dim = min(sizes, key=lambda dim: abs(sizes[dim] - wanted))
other = {"dim": dim, "gating": False}
variants = {"gated": {}, "other": other}
options = {"seeds": (0, 1), "split": "val", "progress": False, **SMALL}
results = compare(clips, variants, **options)
gain = difference(results["gated"], results["other"])
### END SOLUTION

# %% tags=["check", "points-2"]
assert other["gating"] is False, "the other model has no gates"
free = {"gating", "dim", "text_clusters", "sequence_clusters"}
assert set(other) <= free, f"options among {sorted(free)}"
ratio = size(**other) / size()
assert abs(ratio - 1) < 0.02, f"the two are not equally large: {ratio:.2f}"
captions, _ = clips.captions_of(clips.clips_in("val"))
hits = {}
for name in ("gated", "other"):
    found = results[name].t2v
    assert found.shape == (2, len(captions)), f"{name}: two seeds, all captions of val"
    hits[name] = 100 * float((found <= 10).double().mean())
    assert hits[name] > 10, f"{name}: R@10 {hits[name]:.0f} is low; trained with SMALL?"
mean, low, high = gain
assert low <= mean <= high, "gain is what difference(...) gives"
given = hits["gated"] - hits["other"]
assert abs(mean - given) < 1e-3, "difference(results['gated'], results['other'])"
print("exercise 3: as large, and compared on the same captions")

# %%
print(f"{other}; gated minus other: ≈ {mean:+.1f} points of R@10,")
print(f"95 % between ≈ {low:+.1f} and ≈ {high:+.1f}")

# %% [markdown]
# **In words.** What do you conclude about gates, on which number does it rest, and what would you do to be surer?

# %% [markdown] tags=["written", "points-2"]
# Where we ran it, the model without gates and with 74 dimensions was some three points of R@10 better, and the
# interval, from about one to five points, was clear of 0. So with eight hundred clips and five epochs gates are not
# worth their parameters. This does not contradict the [results](../results.md), where larger models, trained for
# longer on all clips, lose about two points without gates: there nothing took the gates' place. To be surer, train on
# all clips until neither improves, with more seeds than two, and spend the parameters in other ways, too.
