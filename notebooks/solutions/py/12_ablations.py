# %% [markdown]
# # Solutions: What does each part buy?
#
# Three exercises to [the lesson](../12_ablations.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/12_ablations.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F12_ablations.ipynb)

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
from itertools import combinations

import torch

from mee import fit_clips, read_clips
from mee.compare import Result, compare, difference

clips = read_clips("data/tinyclips.h5")
train = clips.clips_in("train")
small = {"dim": 64, "text_clusters": 8, "sequence_clusters": 4, "lr": 2e-3}
small |= {"val": [], "epochs": 6}

# %% [markdown]
# ## Exercise 1
#
# The lesson's table has each expert alone, and each left out. Write the rows with **two experts each**: a dict from a
# label, such as `"audio + face"` (in alphabetical order), to what `compare` needs. How many rows do four experts give?


# %% tags=["solution"]
# write pair_rows(experts): experts, a list of names; return a dict label ->
# dict of options of fit_clips
### BEGIN SOLUTION: as the comment says
def pair_rows(experts):
    pairs = combinations(sorted(experts), 2)
    return {" + ".join(pair): {"experts": list(pair)} for pair in pairs}
### END SOLUTION


# %% tags=["check", "points-2"]
found = pair_rows(list(clips.experts))
assert len(found) == 6, "six pairs of four experts"
assert "appearance + motion" in found, "labels in alphabetical order"
mixed = set(pair_rows(["c", "b", "a"]))
assert mixed == {"a + b", "a + c", "b + c"}, "the order of the names plays no part"
for label, options in found.items():
    model = fit_clips(clips, progress=False, **{**small, "epochs": 0}, **options).model
    trained = " + ".join(model.experts)
    assert trained == label, f"{label}: this row trains {trained}"
print("exercise 1: six rows, and each trains what its label says")

# %% [markdown]
# ## Exercise 2
#
# Toss the lesson's coins for real results. There a coin was tossed for each query. Captions of one film succeed and
# fail together, so toss a coin **for each film**: on heads, all that A and B did on its captions, over all seeds,
# changes sides. How often does the difference get as large as the one that was measured, in either direction? Count the
# measured difference as one of the tosses: a p of exactly 0 would claim too much.


# %% tags=["solution"]
# write p_value(a, b, k=10, tosses=2000, seed=0): a, b: Results with t2v
# (seeds, captions) and positive_clip (captions,), the film of each caption; return a
# float between 0 and 1
### BEGIN SOLUTION: as the comment says
def p_value(a, b, k=10, tosses=2000, seed=0):
    delta = ((a.t2v <= k).double() - (b.t2v <= k).double()).sum(0)  # a caption each
    of_film = torch.zeros(int(a.positive_clip.max()) + 1, dtype=torch.float64)
    of_film.index_add_(0, a.positive_clip, delta)
    g = torch.Generator().manual_seed(seed)
    coins = 2.0 * torch.randint(2, (tosses, len(of_film)), generator=g).double() - 1
    as_large = (coins @ of_film).abs() >= of_film.sum().abs() - 1e-9
    return float((1 + as_large.sum()) / (1 + tosses))
### END SOLUTION


# %% tags=["check", "points-2"]
def as_result(hits, films=None):  # hits (seeds, captions)
    t2v = torch.where(hits, 1.0, 99.0).double()
    films = torch.arange(hits.shape[1]) if films is None else films
    return Result(t2v, t2v, films, 0.0)


both, neither = torch.ones(1, 9, dtype=torch.bool), torch.zeros(1, 9, dtype=torch.bool)
six = torch.ones(1, 6, dtype=torch.bool)
a, b = torch.cat([both, six, neither], 1), torch.cat([both, ~six, neither], 1)
p = p_value(as_result(a), as_result(b), tosses=20_000)
assert abs(p - 2 / 64) < 0.006, "six against none: the lesson's 2 of 64"
p = p_value(as_result(a), as_result(a))
assert p == 1, "nothing differs: every toss is as large as 0"
films = torch.arange(24).repeat_interleave(5)
five = [as_result(x.repeat_interleave(5, 1), films) for x in (a, b)]
p = p_value(*five, tosses=20_000)
assert abs(p - 2 / 64) < 0.006, "five captions that agree are one witness, not five"
g, low = torch.Generator().manual_seed(1), 0
for _ in range(300):
    ease = torch.rand(1, 120, generator=g)
    x, y = (as_result(torch.rand(2, 120, generator=g) < ease) for _ in range(2))
    low += p_value(x, y, tosses=400) < 0.05
share = low / 300
assert 0.02 < share < 0.09, f"equal methods: p < 0.05 in {share:.0%} of cases, not 5 %"
print("exercise 2: right for six against none, for captions that agree", end=" ")
print("and for methods that are alike")

# %% [markdown] tags=["solution"]
# The seeds of a film change sides together here, so this p counts the luck of films only. `difference` draws seeds as
# well, and is the more careful of the two.

# %% [markdown]
# ## Exercise 3
#
# Find a row that **beats** the full model: with 1,000 films, 6 epochs and three seeds, the interval of the difference
# in t2v R@10 on *validation* should lie above 0. You may use any option of `fit_clips` that does not mean more films,
# longer training or larger networks. Then look once at the test split: does the gain hold there? And if you try ten
# rows, what would an honest interval be?

# %% tags=["solution"]
# set mine, a dict of options of fit_clips, with none of: epochs, train, val,
# dim, text_clusters, sequence_clusters, images, batch_size, seed
### BEGIN SOLUTION: as the comment says
mine = {"loss": "info-nce"}
### END SOLUTION

# %% tags=["check", "points-2"]
forbidden = {"epochs", "train", "val", "dim", "text_clusters", "sequence_clusters"}
forbidden |= {"images", "batch_size", "seed"}
assert mine, "an empty row is the full model"
assert not forbidden & set(mine), f"without {', '.join(sorted(forbidden & set(mine)))}"
gains = {}
for split in ("val", "test"):
    fair = {**small, "train": train[:1000]}
    variants = {"all parts": {}, "mine": mine}
    both = compare(clips, variants, (0, 1, 2), split, progress=False, **fair)
    gains[split] = difference(both["mine"], both["all parts"])
assert gains["val"][1] > 0, "on validation, the interval has to lie above 0"
on_test = "and on test" if gains["test"][1] > 0 else "not clear of 0 on test"
print("exercise 3: better on validation;", on_test)

# %% [markdown] tags=["solution"]
# There are others: look at the temperature, and at the learning rate, which was not chosen for so short a training.
