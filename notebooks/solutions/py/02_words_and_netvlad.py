# %% [markdown]
# # Solutions: How do any number of words become one vector?
#
# Three exercises to [the lesson](../02_words_and_netvlad.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/02_words_and_netvlad.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F02_words_and_netvlad.ipynb)

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
import torch.nn.functional as F

from mee import NetVLAD, read_clips
from mee.data import tokenize

clips = read_clips("data/tinyclips.h5")
words = clips.words
print(len(clips.texts), "captions,", len(words), "words")

# %% [markdown]
# ## Exercise 1
#
# Take the mean of a batch of sentences, with a mask. What stands in the padding must not matter, even if it is NaN; and
# a sentence without any word should give zeros.

# %% tags=["solution"]
# write masked_mean(x, mask): x (texts, longest, dim), mask (texts, longest)
# bool; return (texts, dim)
### BEGIN SOLUTION: as the comment says
def masked_mean(x, mask):
    total = x.masked_fill(~mask[..., None], 0).sum(1)
    return total / mask.sum(1, keepdim=True).clamp(min=1)
### END SOLUTION


# %% tags=["check", "points-2"]
for seed in range(5):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(6, 9, 4, generator=generator)
    lengths = torch.tensor([1, 9, 4, 2, 7, 3])
    mask = torch.arange(9) < lengths[:, None]
    one_by_one = [row[:n].mean(0) for row, n in zip(x, lengths, strict=True)]
    want = torch.stack(one_by_one)
    message = "each sentence's mean is over its own words"
    torch.testing.assert_close(masked_mean(x, mask), want, msg=message)
    dirty = torch.where(mask[..., None], x, float("nan"))
    message = "NaN in the padding gets through"
    torch.testing.assert_close(masked_mean(dirty, mask), want, msg=message)
empty = masked_mean(torch.randn(2, 3, 4), torch.zeros(2, 3, dtype=torch.bool))
assert (empty == 0).all(), "a sentence without words gives zeros"
print("exercise 1: right for random batches, for NaN in the padding, and for no words")

# %% [markdown] tags=["solution"]
# Multiplying by the mask is not enough: NaN times zero is NaN. `masked_fill` (or `torch.where`) puts a zero in its
# place.

# %% [markdown]
# ## Exercise 2
#
# NetVLAD is more than a mean, so it should be able to do what a mean does. Set its parameters so that NetVLAD, whatever
# the words, gives the mean's *direction*: the mean, scaled to length 1. How many centres do you need, and what is
# $c'_k$?

# %% tags=["solution"]
# write mean_pool(dim): return a NetVLAD in eval() mode that gives
# F.normalize(mean of the words), of shape (texts, dim)
### BEGIN SOLUTION: as the comment says
def mean_pool(dim):
    pool = NetVLAD(clusters=1, dim=dim).eval()
    with torch.no_grad():
        pool.clusters2.zero_()
    return pool
### END SOLUTION


# %% tags=["check", "points-2"]
for seed, dim in enumerate((2, 5, 50)):
    torch.manual_seed(seed)
    x = torch.randn(6, 9, dim)
    mask = torch.arange(9) < torch.tensor([1, 9, 4, 2, 7, 3])[:, None]
    pool = mean_pool(dim)
    assert isinstance(pool, NetVLAD) and not pool.training, "a NetVLAD, in eval() mode"
    with torch.no_grad():
        given = pool(x, mask)
    shape = tuple(given.shape)
    assert shape == (6, dim), f"the result is (texts, {dim}); got {shape}"
    means = [row[keep].mean(0) for row, keep in zip(x, mask, strict=True)]
    want = F.normalize(torch.stack(means), dim=1)
    assert torch.allclose(given, want, atol=1e-5), "not yet the direction of the mean"
print("exercise 2: for 2, 5 and 50 dimensions NetVLAD is the mean's direction")

# %% [markdown] tags=["solution"]
# With one centre the softmax has nothing to share out: every word belongs to that centre whole. With $c' = 0$ the
# residuals are the words themselves, and their sum points where their mean does. With another $c'$ the sum would point
# from $c'$ to the mean.

# %% [markdown]
# ## Exercise 3
#
# No pooling of the lesson sees the order of words. Which captions of TinyClips can therefore not be told apart? Find
# all groups of *different* captions that have the same words. Read the groups: is there one whose captions mean
# different things? Then write two sentences of your own, of at least six words each, that mean different things and get
# the same vector.

# %% tags=["solution"]
# write twins(texts): return a list of groups, each a set of at least two different
# texts of the same words (tokenize); and set mine to your two sentences
### BEGIN SOLUTION: as the comment says
def twins(texts):
    groups = {}
    for text in texts:
        groups.setdefault(tuple(sorted(tokenize(text))), set()).add(text)
    return [group for group in groups.values() if len(group) > 1]


mine = ["a happy person and a sad face", "a sad person and a happy face"]
### END SOLUTION

# %% tags=["check", "points-2"]
found = twins(clips.texts)
torch.manual_seed(0)
pool = NetVLAD(clusters=8, dim=words.dim).eval()


def alike(texts):
    """Whether NetVLAD gives all these sentences the same vector."""
    with torch.no_grad():
        vectors = pool(*words.batch(list(texts)))
    return bool(torch.allclose(vectors, vectors[:1].expand_as(vectors), atol=1e-4))


for group in found:
    assert len(set(group)) > 1 and alike(group), "texts differ, and their words do not"
small = ["b a", "a b", "a a b", "a b b", "b a a", "c"]
given = sorted(map(sorted, twins(small)))
want = [["a a b", "b a a"], ["a b", "b a"]]
assert given == want, "how often a word occurs counts"
assert len(found) > 10, "there are more"
assert len(mine) == 2 and mine[0] != mine[1], "two sentences"
for text in mine:
    known = not words.unknown(text)
    assert known and len(words.ids(text)) >= 6, "six words or more, all known"
assert alike(mine), "NetVLAD tells yours apart"
print(f"exercise 3: {len(found)} groups of captions, and a pair of your own")

# %% [markdown] tags=["solution"]
# Nearly all groups say the same in another order (*there is a happy face*, *a happy face is there*), so with captions
# this short little is lost. The two captions of one group do differ: *an object hopping and another thing moving fast
# in a zigzag* and *an object hopping fast and another thing moving in a zigzag*. What could help? Vectors for pairs of
# neighbouring words, or vectors that a network has made from each word and its neighbours; both can be pooled by the
# same NetVLAD.
