# %% [markdown]
# # Solutions: What does max margin ask for, and how does InfoNCE differ?
#
# Three exercises for [the lesson](../06_ranking_loss.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/06_ranking_loss.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F06_ranking_loss.ipynb)

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

from mee import InfoNCELoss, MaxMarginRankingLoss, fit_clips, ranks, read_clips
from mee.evaluate import compute_ranks
from mee.metrics import retrieval_metrics, summarise

# %% [markdown]
# ## Exercise 1 (easy): two surprising matrices
#
# Build two matrices of scores. Rows are texts, columns are clips, right pairs on the diagonal, margin 0.2.
#
# The first matrix ranks all right pairs first, in both directions, and has a loss all the same.
#
# The second matrix is 10 x 10. Cut it into two batches, the first five and the last five: each batch has loss 0. But
# among all ten, no text finds its clip first: a training loss of 0 speaks only of the wrong answers in its batch.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# First matrix: a right pair may be ahead by less than the margin. Second matrix: which blocks of it does no batch
# ever see?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `torch.eye(4)` has ones on the diagonal; a factor makes the distance smaller. For the second, start from
# `torch.eye(10)` and write something into `blind[:5, 5:]` and `blind[5:, :5]`.
#
# </details>

# %% tags=["solution"]
# costly (4, 4), float: R@1 of 100 both ways, and a max-margin loss above 0.1;
# blind (10, 10), float: loss 0 for blind[:5, :5] and for blind[5:, 5:], and t2v R@1
# of 0 among all ten
### BEGIN SOLUTION: set costly and blind
costly = 0.05 * torch.eye(4)  # right pairs are ahead by 0.05, and 0.2 is asked for
blind = torch.eye(10)
blind[:5, 5:] = blind[5:, :5] = 2.0  # high wrong scores, all in the other batch
### END SOLUTION

# %% tags=["check", "points-2"]
loss = MaxMarginRankingLoss(0.2)
metrics = retrieval_metrics(costly, ties="worst", bootstrap=0)
assert costly.shape == (4, 4), "costly is 4 x 4"
assert blind.shape == (10, 10), "blind is 10 x 10"
for way in ("t2v", "v2t"):
    assert metrics[way]["R@1"][0] == 100, f"costly: {way}, every right pair ranks first"
assert loss(costly) > 0.1, "costly: right pairs are too far ahead to cost 0.1"
for half in (blind[:5, :5], blind[5:, 5:]):
    assert loss(half) == 0, "blind: no loss inside either batch"
assert (ranks(blind, ties="best") > 1).all(), (
    "blind: among all ten, some wrong clip is above each right one"
)
### BEGIN HIDDEN TESTS
c, x = costly.tolist(), blind.tolist()
off = [(i, j) for i in range(4) for j in range(4) if i != j]
assert min(c[i][i] - max(c[i][j], c[j][i]) for i, j in off) > 0, "costly: not first"
cost = [max(0, 0.2 + c[i][j] - c[k][k]) for i, j in off for k in (i, j)]
assert sum(cost) / len(cost) > 0.1, "costly: too cheap"
for start in (0, 5):
    block = range(start, start + 5)
    far = [x[k][k] - x[i][j] for i in block for j in block if i != j for k in (i, j)]
    assert min(far) > 0.2 - 1e-5, "blind: a loss in a batch"
assert all(max(row) > row[i] for i, row in enumerate(x)), "blind: a text finds its clip"
### END HIDDEN TESTS
print("exercise 1: no loss does not mean first, and first does not mean no loss")

# %% [markdown]
# **In words.** A training run shows a loss of 0. Is the model good? What do you look at instead?

# %% [markdown] tags=["written", "points-1"]
# One cannot tell. A loss of 0 says that each right pair beats the wrong answers *of its batch* by the margin; other
# clips can still be ahead. Look at the ranks among all clips of a split that was not trained on.

# %% [markdown]
# ## Exercise 2 (usual): the gradient of InfoNCE
#
# Write InfoNCE's gradient by hand, without autograd, for both directions. The lesson has it for the rows.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The loss is the mean of two: one takes the softmax along the rows, the other along the columns. The derivative of a
# sum is the sum of the derivatives.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# For the rows, the lesson found (softmax − identity), divided by the number of texts and by the temperature. Add the
# same with the softmax over axis 0, and halve the sum.
#
# </details>


# %% tags=["solution"]
def info_nce_gradient(scores, temperature):
    """Derivative of InfoNCE, both directions, with respect to each score: (n, n).

    scores: (n, n) float, right pairs on the diagonal; temperature: a float above 0.
    """
    ### BEGIN SOLUTION: return the gradient
    n = len(scores)
    rows = torch.softmax(scores / temperature, 1)
    columns = torch.softmax(scores / temperature, 0)
    return (rows + columns - 2 * torch.eye(n)) / (2 * n * temperature)
    ### END SOLUTION


# %% tags=["check", "points-2"]
for size, temperature in ((3, 1.0), (8, 0.1), (20, 0.05)):
    s = torch.randn(size, size, generator=torch.Generator().manual_seed(size))
    s = (0.2 * s).requires_grad_()
    InfoNCELoss(temperature)(s).backward()
    found = info_nce_gradient(s.detach(), temperature)
    assert found.shape == s.shape, "the gradient has the shape of the scores"
    assert (found.diagonal() <= 0).all(), "right pairs are lifted: at most 0"
    torch.testing.assert_close(found, s.grad)
### BEGIN HIDDEN TESTS
from math import exp

x, tau = [[0.3, -0.1, 0.2], [0.0, 0.4, 0.1], [0.25, -0.3, 0.1]], 0.3
got = info_nce_gradient(torch.tensor(x), tau)
for i in range(3):
    for j in range(3):
        e = exp(x[i][j] / tau)
        row = e / sum(exp(x[i][k] / tau) for k in range(3))
        column = e / sum(exp(x[k][j] / tau) for k in range(3))
        by_hand = (row + column - 2 * (i == j)) / (6 * tau)
        assert -1e-4 < float(got[i, j]) - by_hand < 1e-4, "another gradient"
### END HIDDEN TESTS
print("exercise 2: equal to autograd for three sizes and temperatures")

# %% [markdown]
# **In words.** What do all entries of this gradient sum to, and what does that say about adding 1 to all scores?

# %% [markdown] tags=["written", "points-1"]
# To 0: shares sum to 1 in each row and in each column, and the identity takes as much away. So the loss does not
# change if all scores rise together, as it did not for max margin; only differences between scores count.

# %% [markdown]
# ## Exercise 3 (open-ended): choose a temperature
#
# Choose a temperature for InfoNCE. Train small models with some temperatures, compare them on the **validation**
# split, take the best. Only then look at the test split. Is your temperature far from the default of 0.05?
#
# `train_with(temperature)` trains a small model for you, in a second or two.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Temperatures are compared by factors: 0.01, 0.03, 0.1 and so on. Which function below trains, and which one
# measures?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `recall(train_with(tau), "val")` is one number. Collect four of them or more in a dictionary, and take the key of
# the largest: `max(tried, key=tried.get)`.
#
# </details>

# %%
clips = read_clips("data/tinyclips.h5")
small = {"lr": 1e-3, "dim": 64, "text_clusters": 8, "sequence_clusters": 4}


def train_with(temperature, seed=0):
    few = clips.clips_in("train")[:600]
    options = {"loss": "info-nce", "temperature": temperature, "seed": seed, **small}
    run = fit_clips(clips, train=few, val=[], epochs=8, progress=False, **options)
    return run.model


def recall(model, split):
    """t2v R@10 in percent."""
    t2v, _, _ = compute_ranks(model, clips, clips.clips_in(split))
    return summarise(t2v, bootstrap=0)["R@10"][0]


# %% tags=["solution"]
# tried, a dict: temperature -> R@10 on "val", with at least four temperatures from
# 0.005 to 2; chosen, the temperature that you take
### BEGIN SOLUTION: set tried and chosen
tried = {tau: recall(train_with(tau), "val") for tau in (0.01, 0.04, 0.1, 1.0)}
chosen = max(tried, key=tried.get)
### END SOLUTION

# %% tags=["check", "points-2"]
assert len(tried) >= 4, "try at least four"
assert all(0.005 <= tau <= 2 for tau in tried), "all from 0.005 to 2"
assert max(tried) >= 10 * min(tried), "spread them out: largest ten times smallest"
assert tried[chosen] == max(tried.values()), "take the best on the validation split"
again = train_with(chosen)
near = abs(recall(again, "val") - tried[chosen]) < 3
assert near, "trained once more, your choice has another R@10 on the validation split"
worst = min(tried, key=tried.get)
best, worst = recall(again, "test"), recall(train_with(worst), "test")
assert best > worst + 3, "on the test split, your choice should beat the worst"
assert best > 25, "the chosen model is far above chance (2 %), and above 25 %"
print("exercise 3: chosen on validation, and on the test split well above the worst")

# %% [markdown]
# **In words.** What goes wrong with a temperature far too small, and with one far too large? And why is the test
# split looked at last?

# %% [markdown] tags=["written", "points-2"]
# With a temperature far too small, training is left to the hardest negatives; with one far too large, all wrong clips
# are pushed alike. Both lose. The best of several numbers on the validation split flatters a little, because it was
# chosen for being the best; the test split has had no part in the choice.
