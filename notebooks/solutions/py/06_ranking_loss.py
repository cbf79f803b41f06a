# %% [markdown]
# # Solutions: What does max margin ask for, and how does InfoNCE differ?
#
# Three exercises to [the lesson](../06_ranking_loss.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/06_ranking_loss.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F06_ranking_loss.ipynb)

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

from mee import InfoNCELoss, MaxMarginRankingLoss, fit_clips, ranks, read_clips
from mee.evaluate import compute_ranks
from mee.metrics import retrieval_metrics, summarise

# %% [markdown]
# ## Exercise 1
#
# Build two surprising matrices. Rows are texts, columns are clips, right pairs on the diagonal, margin 0.2.
#
# The first matrix ranks all right pairs first, in both directions, and has a loss all the same.
#
# The second matrix is 10 x 10. Cut it into two batches, the first five and the last five: each batch has loss 0. But
# among all ten, no text finds its clip first: a training loss of 0 speaks only of the wrong answers in its batch.

# %% tags=["solution"]
# set costly (4, 4): R@1 of 100 both ways, and a max-margin loss above 0.1
# set blind (10, 10): loss 0 for blind[:5, :5] and for blind[5:, 5:],
# and t2v R@1 of 0 among all ten
### BEGIN SOLUTION: as the comment says
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
print("exercise 1: no loss does not mean first, and first does not mean no loss")

# %% [markdown]
# ## Exercise 2
#
# Write InfoNCE's gradient by hand, without autograd, for both directions. The lesson has it for the rows.


# %% tags=["solution"]
# write info_nce_gradient(scores, temperature): scores (n, n); return (n, n), the
# derivative of the loss with respect to each score, from two softmaxes and the
# identity matrix
### BEGIN SOLUTION: as the comment says
def info_nce_gradient(scores, temperature):
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
print("exercise 2: equal to autograd for three sizes and temperatures")

# %% [markdown] tags=["solution"]
# Shares sum to 1 in a row, and in a column, so all entries of the gradient sum to 0, as they did for max margin:
# InfoNCE, too, stays the same if all scores rise together.

# %% [markdown]
# ## Exercise 3
#
# Choose a temperature for InfoNCE. Train small models with some temperatures, compare them on the **validation**
# split, take the best. Only then look at the test split. Is your temperature far from the default of 0.05?
#
# `train_with(temperature)` trains a small model for you, in a second or two.

# %%
clips = read_clips("data/tinyclips.h5")
small = {"lr": 1e-3, "dim": 64, "text_clusters": 8, "sequence_clusters": 4}


def train_with(temperature, seed=0):
    few = clips.clips_in("train")[:600]
    options = {"loss": "info-nce", "temperature": temperature, "seed": seed, **small}
    run = fit_clips(clips, train=few, val=[], epochs=10, progress=False, **options)
    return run.model


def recall(model, split):
    """t2v R@10 in percent."""
    t2v, _, _ = compute_ranks(model, clips, clips.clips_in(split))
    return summarise(t2v, bootstrap=0)["R@10"][0]


# %% tags=["solution"]
# set tried, a dict from temperature to R@10 on "val", with at least four temperatures
# between 0.005 and 2; and chosen, the temperature you take
### BEGIN SOLUTION: as the comment says
tried = {tau: recall(train_with(tau), "val") for tau in (0.01, 0.03, 0.1, 0.3, 1.0)}
chosen = max(tried, key=tried.get)
### END SOLUTION

# %% tags=["check", "points-2"]
assert len(tried) >= 4, "try at least four"
assert all(0.005 <= tau <= 2 for tau in tried), "all from 0.005 to 2"
assert max(tried) >= 10 * min(tried), "spread them out: largest ten times smallest"
assert tried[chosen] == max(tried.values()), "take the best on the validation split"
worst = min(tried, key=tried.get)
best, worst = (recall(train_with(tau), "test") for tau in (chosen, worst))
assert best > worst + 3, "on the test split, your choice should beat the worst"
assert best > 30, "the chosen model is far above chance (2 %), and above 30 %"
print("exercise 3: chosen on validation, and on the test split well above the worst")

# %% [markdown] tags=["solution"]
# Of these five, 0.1 was best when this page was made, twice the default. With a temperature far too small, training is
# left to the hardest negatives; with one far too large, all wrong clips are pushed alike.
