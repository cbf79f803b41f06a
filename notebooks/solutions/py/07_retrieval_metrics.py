# %% [markdown]
# # Solutions: How good is it, and how sure are we?
#
# Three exercises for [the lesson](../07_retrieval_metrics.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/07_retrieval_metrics.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F07_retrieval_metrics.ipynb)

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

from mee.metrics import chance, ranks, summarise

# %% [markdown]
# ## Exercise 1 (easy): R@K of any matrix
#
# Write R@K for any matrix of scores: it has as many columns as you like, any clip may be the right one, and several
# rows may have the same right clip. A query whose right score is shared with a wrong one gets the mean of the ranks
# in question. NaN raises a `ValueError`.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The lesson made ranks by counting: how many scores of a row are above the right one, and how many beside it?
# `scores.gather(1, positive_clip[:, None])` gives the right score of each row.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# With $a$ wrong scores above the right one and $b$ equal to it, the mean of the ranks $a + 1$ to $a + b + 1$ is $1 +
# a + b / 2$. Count how many of these are at most $k$. Test `torch.isnan(scores).any()` first.
#
# </details>


# %% tags=["solution"]
def recall(scores, positive_clip, k):
    """R@k in percent, a float; ValueError if scores hold NaN.

    scores: (queries, clips) float; positive_clip: (queries,) int, the column of each
    query's own clip; k: int.
    """
    ### BEGIN SOLUTION: return R@k in percent
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
    pass
else:
    raise AssertionError("a NaN among the scores has to raise a ValueError")
### BEGIN HIDDEN TESTS
some = [[0.5, 0.5, 0.1], [0.2, 0.9, 0.4], [0.3, 0.3, 0.3], [0.6, 0.1, 0.2]]
own = [0, 2, 1, 0]  # mean ranks 1.5, 2, 2, 1
for k, by_hand in ((1, 25), (2, 100), (3, 100)):
    got = float(recall(torch.tensor(some), torch.tensor(own), k))
    assert -1e-4 < got - by_hand < 1e-4, f"R@{k} of four queries"
### END HIDDEN TESTS
print("exercise 1: right on five matrices full of ties, and NaN raises")

# %% [markdown]
# **In words.** A broken model gives every clip the same score. What is its R@1 by your function, and what would it be
# if only the scores *above* the right one were counted?

# %% [markdown] tags=["written", "points-1"]
# By the mean of ties it is 0: with $n$ clips, each right one has the rank $(n + 1) / 2$, which is above 1. If only
# higher scores counted, each right clip would have rank 1, and the broken model an R@1 of 100 %.

# %% [markdown]
# ## Exercise 2 (usual): how many queries does a claim need?
#
# The lesson went from the number of queries to the width of an interval. Now go the other way. How many queries does
# a test set need so that the 95 % interval of a percentage $p$ reaches no further than $h$ points to either side? And
# how many does it need so that a paired difference of $h$ points is clear of 0, between two models that disagree on a
# share $d$ of the queries?

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Look up the lesson's formula for the standard error of a percentage, and that of a paired difference. Points are
# hundredths.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Half of the interval is $h = 1.96 \cdot 100 \sqrt{p (1 - p) / n}$. Solve it for $n$, and round up: `math.ceil`. For
# a difference, $d$ stands where $p (1 - p)$ stood.
#
# </details>


# %% tags=["solution"]
def queries_for(p, h):
    """Smallest number of queries, an int, so that 1.96 standard errors are at most h.

    p: the percentage as a float between 0 and 1; h: points, a float above 0.
    """
    ### BEGIN SOLUTION: return how many queries it takes
    return math.ceil(p * (1 - p) * (1.96 * 100 / h) ** 2)
    ### END SOLUTION


def queries_to_tell(d, h):
    """The same for a difference of two models on the same queries, an int.

    d: the share of queries on which the two disagree, between 0 and 1; h: points.
    """
    ### BEGIN SOLUTION: return how many queries it takes
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
### BEGIN HIDDEN TESTS
for got, by_hand in ((queries_for(0.25, 5), 289), (queries_to_tell(0.1, 2), 961)):
    assert -0.5 < float(got) - by_hand < 0.5, "other numbers"
### END HIDDEN TESTS
print("exercise 2: right, and a simulated test set agrees")

# %% [markdown]
# **In words.** A paper reports a gain of one point of R@10 on a test set of 1,000 queries. The two models disagree on
# a fifth of them. What do you answer?

# %% [markdown] tags=["written", "points-1"]
# That the gain is not clear of 0. To tell two models apart that differ by one point and disagree on a fifth takes
# 7,684 queries. With 1,000, the interval reaches 2.8 points to either side.

# %% [markdown]
# ## Exercise 3 (open-ended): ties broken by tossing coins
#
# The mean of ties is exact for the mean rank, but not for R@K: a model that gives all clips the same score has an R@1
# of 0, though picking one of its first places by tossing coins would be right now and then. Write the R@K that one
# **expects** if ties are broken by chance. With $a$ wrong clips above the right one and $b$ beside it, each of the
# places $a + 1$ to $a + b + 1$ is as likely as any other.
#
# Then build two matrices of your own, with as many ties as you like: for the first, the mean of ties gives an R@5
# that is at least 20 points *above* the expected one; for the second, at least 20 points *below*.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Of the $b + 1$ places from $a + 1$ on, how many are among the first $k$? For the matrices: the mean of ties puts the
# whole query at one place in the middle, which is among the first five or is not.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# $k - a$ places of $b + 1$ are among the first $k$, at least none and at most all: `clamp(0, 1)` of the share. For
# the matrices, begin with constant scores, `torch.zeros(n, n)`: from which $n$ on is the middle no longer among the
# first five?
#
# </details>


# %% tags=["solution"]
def expected_recall(scores, k):
    """R@k in percent to expect if ties are broken by chance, a float.

    scores: (n, n) float, the right ones on the diagonal; k: int.
    """
    ### BEGIN SOLUTION: return the expected R@k
    right = scores.diagonal()[:, None]
    above, beside = (scores > right).sum(1), (scores == right).sum(1) - 1
    share = (k - above) / (beside + 1)  # places up to k among those in question
    return 100 * float(share.clamp(0, 1).double().mean())
    ### END SOLUTION


# %% tags=["solution"]
# flattered and wronged, two float matrices (n, n), n from 2 to 50: R@5 by the mean of
# ties is at least 20 points above the expected R@5, and at least 20 points below it
### BEGIN SOLUTION: set flattered and wronged
flattered = torch.zeros(9, 9)  # the middle of nine places is the fifth
wronged = torch.zeros(10, 10)
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
for matrix, sign, what in ((flattered, 1, "flattered"), (wronged, -1, "wronged")):
    n = len(matrix)
    assert 2 <= n <= 50 and matrix.shape == (n, n), f"{what}: (n, n), n from 2 to 50"
    by_mean = summarise(ranks(matrix), bootstrap=0)["R@5"][0]
    assert sign * (by_mean - expected_recall(matrix, 5)) >= 20, f"{what}: not yet"
### BEGIN HIDDEN TESTS
tied = [[1.0, 1, 1, 0], [2, 0, 0, 0], [0, 0, 3, 3], [0, 0, 0, 4]]
for k, by_hand in ((1, (1 / 3 + 0 + 1 / 2 + 1) * 25), (2, (2 / 3 + 1 / 3 + 2) * 25)):
    got = float(expected_recall(torch.tensor(tied), k))
    assert -1e-3 < got - by_hand < 1e-3, f"R@{k} of four queries"
for matrix, sign in ((flattered.tolist(), 1), (wronged.tolist(), -1)):
    gap = 0.0
    for i, row in enumerate(matrix):
        a, b = sum(x > row[i] for x in row), row.count(row[i])
        gap += (a + (b + 1) / 2 <= 5) - min(max((5 - a) / b, 0), 1)
    assert sign * 100 * gap / len(matrix) > 19.9, "no such matrix"
### END HIDDEN TESTS
print("exercise 3: right on constant scores, without ties, and against 300 tosses")

# %% [markdown]
# **In words.** Ties can be counted as the worst place, the best, the mean or the expected one. Which would you report
# for a model with many ties, and why?

# %% [markdown] tags=["written", "points-2"]
# The expected R@K: it is what tossing coins gives in the long run, it lies between the worst and the best, and
# constant scores get chance and no more. The mean of ties may give less or more, as both matrices show: it puts the
# whole query at one place in the middle, which is among the first *K* or is not. The best place rewards a model for
# saying nothing. The worst is safe, and should be named. In any case say how many queries have ties.
