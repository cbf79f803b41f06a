# %% [markdown]
# # Solutions: Does it hold on the paper's own videos?
#
# Three exercises for [the lesson](../14_msrvtt.ipynb). None of them needs the clips.

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/14_msrvtt.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F14_msrvtt.ipynb)

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
import math

import torch

from mee import ModelConfig, VideoTextMEE, fit_clips, read_clips
from mee.evaluate import embed
from mee.metrics import ranks, summarise

# %% [markdown]
# ## Exercise 1 (easy): count the parameters
#
# Count the parameters of any such network, layer by layer, without building it. A linear layer from $i$ to $o$
# numbers has $io + o$ parameters. A gated unit has a linear layer from $i$ to $o$, one from $o$ to $o$, and a batch
# norm with $2o$. NetVLAD with $K$ centres in $D$ dimensions has two sets of $DK$ numbers, and a batch norm with $2K$;
# it gives $KD$ numbers. Every expert has a unit for clips and one for sentences, and one more linear layer on the
# sentence gives the weights, one number for each expert.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Write the three small formulas as functions: `linear(i, o)`, `unit(i, o)`, `vlad(k, d)`. How many numbers does a
# sentence have after its NetVLAD?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# An expert that is in `clusters` has a NetVLAD of its own, and its unit for clips then reads `clusters[name]` times
# as many numbers. `clusters.get(name, 1)` is that factor.
#
# </details>


# %% tags=["solution"]
def parameters(experts, word_dim, clusters, text_clusters):
    """Number of parameters, an int, of the network that ModelConfig describes so.

    experts is a dict: name -> (numbers of a feature, numbers of an embedding); clusters
    a dict: name -> centres of the NetVLAD of an expert that is a sequence.
    """
    ### BEGIN SOLUTION: return the sum over all layers
    def linear(i, o):
        return i * o + o

    def unit(i, o):
        return linear(i, o) + linear(o, o) + 2 * o

    def vlad(k, d):
        return 2 * d * k + 2 * k

    sentence = word_dim * text_clusters
    total = vlad(text_clusters, word_dim) + linear(sentence, len(experts))
    for name, (i, o) in experts.items():
        if name in clusters:
            total += vlad(clusters[name], i)
        total += unit(i * clusters.get(name, 1), o) + unit(sentence, o)
    return total
    ### END SOLUTION


# %% tags=["check", "points-2"]
paper = {
    "appearance": (2048, 2048),
    "audio": (128, 128),
    "face": (128, 128),
    "motion": (1024, 1024),
}
for arguments in (
    (paper, 300, {"audio": 16}, 32),
    ({"face": (5, 3)}, 7, {}, 2),
    ({"audio": (6, 4), "motion": (8, 8), "ocr": (9, 2)}, 12, {"audio": 2, "ocr": 5}, 3),
):
    network = VideoTextMEE(ModelConfig(*arguments))
    wanted = sum(weights.numel() for weights in network.parameters())
    given = parameters(*arguments)
    assert given == wanted, f"not what {arguments} has: off by {given - wanted:,}"
### BEGIN HIDDEN TESTS
difference = float(parameters({"a": (2, 3)}, 5, {"a": 4}, 1)) - 123
assert -1e-5 < difference < 1e-5, "one expert, a sequence; one centre for words"
### END HIDDEN TESTS
print("exercise 1: right for three networks, one of them the paper's")

# %% [markdown]
# **In words.** You want the paper's network to have fewer than 20 million parameters, and may change nothing but the
# number of centres for the words. How many may there be, and why does each cost so much?

# %% [markdown] tags=["written", "points-1"]
# Three; four make 20.1 million. A centre adds 300 numbers to the sentence, and each of the four units for sentences
# has a linear layer from the whole sentence to its embedding: 300 times (2048 + 128 + 128 + 1024), about a million
# parameters for each centre.

# %% [markdown]
# ## Exercise 2 (usual): from a small gallery to a large one
#
# A formula leads from a rank in a large gallery to one in a small gallery; none leads back. The nearest guess is
# this: a query with $r - 1$ of $N - 1$ clips above it has the same share of $M - 1$ above it. Write the guess. The
# cell below trains a small model on TinyClips, hides 400 of the 500 test films, and `compared(larger_gallery)` shows
# what a guess says of R@1, R@10 and the median rank among all 500, beside the truth. Which of the three does the
# guess get right?

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The clip itself is none of the $N - 1$ others, and the best rank is 1, not 0.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The share above is $(r - 1) / (N - 1)$. How many of $M - 1$ others are that share, and which rank has so many above
# it?
#
# </details>

# %%
films = read_clips("data/tinyclips.h5")
gallery = films.clips_in("test")
small = {"train": films.clips_in("train")[:1000], "val": [], "epochs": 6, "lr": 2e-3}
small |= {"dim": 64, "text_clusters": 8, "sequence_clusters": 4, "progress": False}
model = fit_clips(films, **small).model
captions, row = films.captions_of(gallery)
first = torch.cat([torch.tensor([True]), row[1:] != row[:-1]])
scores = model.score(*embed(model, films, captions[first], gallery)).detach().cpu()


def compared(larger_gallery):
    """Name -> (what the guess says, the truth), the mean of 20 galleries of 100."""
    g, guesses = torch.Generator().manual_seed(0), []
    for _ in range(20):
        keep = torch.randperm(500, generator=g)[:100]
        guesses.append(larger_gallery(ranks(scores[keep][:, keep]), 100, 500))
    guess = summarise(torch.cat(guesses), bootstrap=0)
    truth = summarise(ranks(scores), bootstrap=0)
    return {name: (guess[name][0], truth[name][0]) for name in ("R@1", "R@10", "MdR")}


# %% tags=["solution"]
# tells, a set: which of "R@1", "R@10" and "MdR" comes within a quarter of the truth?


def larger_gallery(found, N, M):
    """Guessed ranks among M, a tensor (queries,), of ranks (queries,) among N."""
    ### BEGIN SOLUTION: return the guess
    return 1 + (found - 1) * (M - 1) / (N - 1)
    ### END SOLUTION


### BEGIN SOLUTION: set tells
tells = {"R@10", "MdR"}
### END SOLUTION

# %% tags=["check", "points-2"]
given = larger_gallery(torch.tensor([1.0, 3.0]), 5, 9).tolist()
assert given == [1, 5], "the first of 5 is the first of 9; the middle stays the middle"
pairs = compared(larger_gallery).items()
right = {name for name, (guess, truth) in pairs if abs(guess / truth - 1) < 0.25}
assert set(tells) == right, f"within a quarter of the truth: {len(right)} of the three"
### BEGIN HIDDEN TESTS
given = larger_gallery(torch.tensor([2.0, 7.0, 100.0]), 100, 1000).tolist()
for value, by_hand in zip(given, (11 + 1 / 11, 61.5454545, 1000), strict=True):
    assert -1e-2 < value - by_hand < 1e-2, "100 to 1,000"
### END HIDDEN TESTS
print("exercise 2: right, and seen on a model")

# %% [markdown]
# **In words.** Why does the guess get one of the three so wrong?

# %% [markdown] tags=["written", "points-1"]
# The guess says that first stays first, however large the gallery gets: its R@1 is that of the small gallery, several
# times too high. Ranks 1 and 2 of 100 become 1 and 6 of 500, so its R@10 is the small gallery's R@2, and that is near
# the truth. The median is a share, and a small gallery shows shares well. The nearer a number looks to the top, the
# less a small gallery says about it.

# %% [markdown]
# ## Exercise 3 (open-ended): plan a comparison
#
# You have a new idea. From seed to seed, R@10 of the old model and of the new one varies with a standard deviation of
# $s$ points, and you hope for a gain of $d$ points. How many seeds of each do you need, if the idea is as good as you
# hope, so that in four studies out of five the 95 % interval of the difference of the two means lies above 0? Plan by
# a formula, a simulation or a rule of thumb: anything goes that is enough, and not more than twice what is needed.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The interval reaches 1.96 standard errors to either side; with $n$ seeds of each, the standard error of the
# difference is $s\sqrt{2/n}$. If $n$ is chosen so that this is just $d$, how many studies succeed?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The measured difference varies with that same standard error. It falls more than 0.84 standard errors below the true
# gain in one study out of five. So the true gain must be how many standard errors?
#
# </details>


# %% tags=["solution"]
def seeds_for(s, d):
    """Seeds of each model, an int of at least 1; s and d are in points, d above 0."""
    ### BEGIN SOLUTION: return a number of seeds that is enough
    return math.ceil(2 * ((1.96 + 0.84) * s / d) ** 2)
    ### END SOLUTION


# %% tags=["check", "points-2"]
def power(n, s, d):
    """Share of 4,000 simulated studies with n seeds of each that find the gain."""
    g = torch.Generator().manual_seed(0)
    old, new = (s * torch.randn(4000, n, generator=g).mean(1) for _ in range(2))
    return float((new + d - old > 1.96 * s * (2 / n) ** 0.5).double().mean())


for s, d in ((1.0, 1.0), (1.0, 2.5), (0.7, 0.3)):
    n = seeds_for(s, d)
    assert isinstance(n, int) and n >= 1, "a whole number of seeds"
    assert power(n, s, d) > 0.77, f"{n} seeds are too few for s = {s} and d = {d}"
    half = (n - 1) // 2
    assert not half or power(half, s, d) < 0.8, f"{n} is too many: {half} are enough"
### BEGIN HIDDEN TESTS
g, n = torch.Generator().manual_seed(5), int(seeds_for(1.5, 1.2))
old = 1.5 * torch.randn(4000, n, generator=g).mean(1)
new = 1.2 + 1.5 * torch.randn(4000, n, generator=g).mean(1)
found = float((new - old > 1.96 * 1.5 * (2 / n) ** 0.5).double().mean())
assert found > 0.77 and n < 60, "another hope"
### END HIDDEN TESTS
print("exercise 3: enough seeds, and not too many, for three hopes")

# %% [markdown]
# **In words.** For $s = d = 1$, how many seeds does your plan ask for? A colleague takes eight, since $1.96\sqrt{2/8}
# = 0.98$ is just below the hoped-for gain. What happens to her?

# %% [markdown] tags=["written", "points-2"]
# Sixteen of each. The colleague's interval is clear of 0 just when the measured gain is at least the true one, and
# that is so in half of the studies: she may as well toss a coin. Worse, the half that succeed have measured more than
# the true gain, so what gets published is too large.
