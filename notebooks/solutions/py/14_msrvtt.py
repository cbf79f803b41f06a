# %% [markdown]
# # Solutions: Does it hold on the paper's own videos?
#
# Three exercises to [the lesson](../14_msrvtt.ipynb). None of them needs the clips.

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/14_msrvtt.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F14_msrvtt.ipynb)

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

from mee import ModelConfig, VideoTextMEE, read_clips
from mee.metrics import ranks, summarise

# %% [markdown]
# ## Exercise 1
#
# Count the parameters of any such network, layer by layer, without building it. A linear layer from
# $i$ to $o$ numbers has $io + o$ parameters. A gated unit has a linear layer from $i$ to $o$, one
# from $o$ to $o$, and a batch norm with $2o$. NetVLAD with $K$ centres in $D$ dimensions has two
# sets of $DK$ numbers, and a batch norm with $2K$; it gives $KD$ numbers. Every expert has a unit
# for clips and one for sentences, and one more linear layer on the sentence gives the weights.
#
# Then shrink the paper's network: with everything else as it is, how many centres for the words may
# it have at most, if it is to stay below 20 million?


# %% tags=["solution"]
# write parameters(experts, word_dim, clusters, text_clusters), its arguments those of
# ModelConfig; and set most_centres
### BEGIN SOLUTION: as the comment says
def parameters(experts, word_dim, clusters, text_clusters):
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


paper = {
    "appearance": (2048, 2048),
    "audio": (128, 128),
    "face": (128, 128),
    "motion": (1024, 1024),
}
sizes = {k: parameters(paper, 300, {"audio": 16}, k) for k in range(1, 33)}
most_centres = max(k for k, size in sizes.items() if size < 20e6)
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
    want = sum(p.numel() for p in VideoTextMEE(ModelConfig(*arguments)).parameters())
    assert parameters(*arguments) == want, f"{arguments} has {want} parameters"


def size(k):
    network = VideoTextMEE(ModelConfig(paper, 300, {"audio": 16}, k))
    return sum(p.numel() for p in network.parameters())


assert size(most_centres) < 20e6, "that is not below 20 million"
assert size(most_centres + 1) >= 20e6, "that is not the largest"
print("exercise 1: right for three networks, and the paper's is shrunk")

# %% [markdown]
# ## Exercise 2
#
# A formula leads from a rank in a large gallery to one in a small gallery; none leads back. The
# nearest guess is this: a query with $r - 1$ of $N - 1$ clips above it has the same share of
# $M - 1$ above it. Write the guess. The check trains a small model on TinyClips, hides 400 of the
# 500 test films, and lets your guess say R@1, R@10 and the median rank among all 500. Which of the
# three does the guess get right?


# %% tags=["solution"]
# write larger_gallery(found, N, M): found (queries,) ranks among N; return the guessed
# ranks among M
### BEGIN SOLUTION: as the comment says
def larger_gallery(found, N, M):
    return 1 + (found - 1) * (M - 1) / (N - 1)


# and set tells: which of "R@1", "R@10", "MdR" does a guess from 100 get nearly right?
tells = {"R@10", "MdR"}
### END SOLUTION

# %% tags=["check", "points-2"]
from mee import fit_clips
from mee.evaluate import embed

assert larger_gallery(torch.tensor([1.0, 3.0]), 5, 9).tolist() == [1, 5]
films = read_clips("data/tinyclips.h5")
gallery = films.clips_in("test")
small = {"train": films.clips_in("train")[:1000], "val": [], "epochs": 6, "lr": 2e-3}
small |= {"dim": 64, "text_clusters": 8, "sequence_clusters": 4, "progress": False}
model = fit_clips(films, **small).model
captions, row = films.captions_of(gallery)
first = torch.cat([torch.tensor([True]), row[1:] != row[:-1]])
scores = model.score(*embed(model, films, captions[first], gallery)).detach().cpu()
truth = {name: row[0] for name, row in summarise(ranks(scores), bootstrap=0).items()}
g, guesses = torch.Generator().manual_seed(0), []
for _ in range(20):
    keep = torch.randperm(500, generator=g)[:100]
    guesses.append(larger_gallery(ranks(scores[keep][:, keep]), 100, 500))
guesses = summarise(torch.cat(guesses), bootstrap=0)
guess = {name: row[0] for name, row in guesses.items()}
off = {name: abs(guess[name] / truth[name] - 1) for name in ("R@1", "R@10", "MdR")}
right = {name for name, share in off.items() if share < 0.25}
assert set(tells) == right, f"within a quarter of the truth: {len(right)} of the three"
print("exercise 2: right, and seen on a model")

# %% [markdown] tags=["solution"]
# The guess says that first stays first, however large the gallery gets: its R@1 is that of the
# small gallery, several times too high. Ranks 1 and 2 of 100 become 1 and 6 of 500, so its R@10 is
# the small gallery's R@2, and that is near the truth. The median is a share, and a small gallery
# shows shares well. The nearer a number looks to the top, the less a small gallery says about it.

# %% [markdown]
# ## Exercise 3
#
# You have a new idea. From seed to seed, R@10 of the old model and of the new one varies with a
# standard deviation of $s$ points, and you hope for a gain of $d$ points. How many seeds of each do
# you need, so that the 95 % interval of the difference of the two means is clear of 0 when the
# measured difference is just $d$?

# %% tags=["solution"]
# write seeds_for(s, d): the smallest whole number of seeds of each model; the interval
# reaches 1.96 standard errors to either side
### BEGIN SOLUTION: as the comment says
import math


def seeds_for(s, d):
    return math.ceil(2 * (1.96 * s / d) ** 2)
### END SOLUTION


# %% tags=["check", "points-2"]
for s, d in ((1.0, 1.0), (1.0, 2.5), (0.7, 0.3)):
    n = seeds_for(s, d)
    assert isinstance(n, int), "a whole number of seeds"
    enough = 1.96 * s * (2 / n) ** 0.5 <= d
    assert enough, f"{n} seeds are too few for s = {s} and d = {d}"
    needed = n == 1 or 1.96 * s * (2 / (n - 1)) ** 0.5 > d
    assert needed, f"{n} seeds are more than needed for s = {s} and d = {d}"
# 2,000 labs whose new idea does nothing, n seeds each:
# how many find a gain beyond the interval?
g, n = torch.Generator().manual_seed(0), seeds_for(1.0, 1.0)
old, new = (torch.randn(2000, n, generator=g).mean(1) for _ in range(2))
assert 0.01 < ((new - old) > 1.0).double().mean() < 0.04
print("exercise 3: right; one in forty labs with a useless idea believes in it")

# %% [markdown] tags=["solution"]
# With a standard deviation of one point, a gain of one point takes eight seeds of each. Three seeds
# of each can show a gain of 1.6 points.
