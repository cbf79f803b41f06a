# %% [markdown]
# # Solutions: How good is it, and how sure are we?
#
# Three exercises to [the lesson](../07_retrieval_metrics.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/07_retrieval_metrics.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F07_retrieval_metrics.ipynb)

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

from mee.metrics import chance, ranks, summarise

# %% [markdown]
# ## Exercise 1
#
# Write R@K for any matrix of scores: it has as many columns as you like, any clip may be the right one, and several
# rows may have the same right clip. A query whose right score is shared with a wrong one gets the mean of the ranks in
# question. NaN raises a `ValueError`.


# %% tags=["solution"]
# write recall(scores, positive_clip, k): scores (queries, clips) float, positive_clip
# (queries,) int; return R@k in percent, a float
### BEGIN SOLUTION: as the comment says
def recall(scores, positive_clip, k):
    if torch.isnan(scores).any():
        raise ValueError("scores hold NaN")
    right = scores.gather(1, positive_clip[:, None])
    above, beside = (scores > right).sum(1), (scores == right).sum(1) - 1
    return 100 * float((1 + above + beside / 2 <= k).double().mean())
### END SOLUTION


# %% tags=["check", "points-2"]
for seed in range(5):
    g = torch.Generator().manual_seed(seed)
    x = torch.randint(30, (60, 25), generator=g) / 30
    t = torch.randint(25, (60,), generator=g)
    for name, k in (("R@1", 1), ("R@5", 5), ("R@10", 10)):
        want = summarise(ranks(x, t), bootstrap=0)[name][0]
        assert abs(recall(x, t, k) - want) < 1e-4, f"R@{k}: not right with ties"
x[3, 4] = torch.nan
try:
    recall(x, t, 1)
except ValueError:
    print("exercise 1: right on five matrices full of ties, and NaN raises")
else:
    raise AssertionError("a NaN among the scores has to raise a ValueError")

# %% [markdown]
# ## Exercise 2
#
# The lesson went from the number of queries to the width of an interval. Now go the other way. How many queries does
# a test set need so that the 95 % interval of a percentage $p$ reaches no further than $h$ points to either side? And
# how many does it need so that a paired difference of $h$ points is clear of 0, between two models that disagree on a
# share $d$ of the queries?

# %% tags=["solution"]
# write queries_for(p, h): p between 0 and 1, h in points; return the smallest whole
# number of queries; and queries_to_tell(d, h): the same for a difference.
# How sure: 1.96 standard errors, as in the lesson
### BEGIN SOLUTION: as the comment says
import math


def queries_for(p, h):
    return math.ceil(p * (1 - p) * (1.96 * 100 / h) ** 2)


def queries_to_tell(d, h):
    return math.ceil(d * (1.96 * 100 / h) ** 2)
### END SOLUTION


# %% tags=["check", "points-2"]
for p, h in ((0.5, 3), (0.1, 2), (0.3, 1)):
    n = queries_for(p, h)
    assert isinstance(n, int), "a whole number of queries"
    half, of_fewer = (196 * (p * (1 - p) / m) ** 0.5 for m in (n, n - 1))
    assert half <= h, f"{n} queries are too few for p = {p} and {h} points"
    assert of_fewer > h, f"{n} queries are more than needed for p = {p}, {h} points"
# a simulated test set of that size: is its bootstrap interval as wide as it should be?
n = queries_for(0.5, 3)
hits = torch.rand(n, generator=torch.Generator().manual_seed(0)) < 0.5
_, low, high = summarise(torch.where(hits, 1.0, 99.0))["R@10"]
assert 5 < high - low < 7, "plus or minus three points is six points wide"
for d, h in ((0.2, 1), (0.3, 2)):
    n = queries_to_tell(d, h)
    half, of_fewer = (196 * (d / m) ** 0.5 for m in (n, n - 1))
    assert half <= h < of_fewer, f"not right for d = {d} and {h} points"
print("exercise 2: right, and a simulated test set agrees")

# %% [markdown] tags=["solution"]
# For R@10 near 50 % and three points: 1,068 queries. To tell two models apart that differ by one point and disagree on
# a fifth of the queries: 7,684.

# %% [markdown]
# ## Exercise 3
#
# The mean of ties is exact for the mean rank, but not for R@K: a model that gives all clips the same score has an R@1
# of 0, though picking one of its first places by tossing coins would be right now and then. Write the R@K that one
# **expects** if ties are broken by chance. With $a$ wrong clips above the right one and $b$ beside it, each of the
# places $a + 1$ to $a + b + 1$ is as likely as any other.
#
# Then take a real score matrix, yours or the lesson's rounded to one digit, and compare your R@K with those of the
# library's three ways. Where does yours lie?


# %% tags=["solution"]
# write expected_recall(scores, k): scores (n, n), the right ones on the diagonal;
# return a percentage, a float
### BEGIN SOLUTION: as the comment says
def expected_recall(scores, k):
    right = scores.diagonal()[:, None]
    above, beside = (scores > right).sum(1), (scores == right).sum(1) - 1
    share = (k - above) / (beside + 1)  # places up to k among those in question
    return 100 * float(share.clamp(0, 1).double().mean())
### END SOLUTION


# %% tags=["check", "points-2"]
g = torch.Generator().manual_seed(0)
for k in (1, 10):
    at_chance = expected_recall(torch.zeros(50, 50), k)
    assert abs(at_chance - chance(50)[f"R@{k}"]) < 1e-4, "constant scores are at chance"
x = torch.rand(80, 80, generator=g)
want = summarise(ranks(x), bootstrap=0)["R@5"][0]
assert abs(expected_recall(x, 5) - want) < 1e-4, "without ties nothing changes"
x = torch.randint(4, (80, 80), generator=g) + torch.eye(80)
for k in (1, 5, 10):
    found = 0.0
    for _ in range(300):
        tossed = x + 0.1 * torch.rand(80, 80, generator=g)
        order = tossed.argsort(1, descending=True)
        found += (order[:, :k] == torch.arange(80)[:, None]).any(1).double().mean() / 3
    assert abs(expected_recall(x, k) - found) < 1.5, f"R@{k}: not what coins give"
    low, high = (
        summarise(ranks(x, ties=ties), bootstrap=0)[f"R@{k}"][0]
        for ties in ("worst", "best")
    )
    assert low <= expected_recall(x, k) <= high, "between the worst and the best"
print("exercise 3: right on constant scores, without ties, and against 300 tosses")

# %% [markdown] tags=["solution"]
# The expected R@K lies between the worst and the best. The mean of ties may give less or more: it puts the whole query
# at one place in the middle, which is among the first *K* or is not.
