# %% [markdown]
# # Solutions: How do any number of words become one vector?
#
# Three exercises for [the lesson](../02_words_and_netvlad.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/02_words_and_netvlad.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F02_words_and_netvlad.ipynb)

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
import torch.nn.functional as F

from mee import NetVLAD, read_clips
from mee.data import tokenize

clips = read_clips("data/tinyclips.h5")
words = clips.words
print(len(clips.texts), "captions,", len(words), "words")

# %% [markdown]
# ## Exercise 1 (easy): the mean with a mask
#
# Take the mean of a batch of sentences, with a mask. What stands in the padding must not matter, even if it is NaN;
# and a sentence without any word should give zeros.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# A mean is a sum and a count. Over which axis is each taken? The mask has one axis less than the vectors: `mask[...,
# None]` adds it.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# First replace what stands in the padding by 0: `x.masked_fill(~mask[..., None], 0)`. Then sum over the words, and
# divide by the number of real words, but never by less than 1: `clamp(min=1)`.
#
# </details>


# %% tags=["solution"]
def masked_mean(x, mask):
    """Mean over the real words of each sentence: (texts, dim).

    x: (texts, longest, dim) float; mask: (texts, longest) bool, True for real words.
    """
    ### BEGIN SOLUTION: return the mean over the real words
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
### BEGIN HIDDEN TESTS
some = torch.tensor([[[1.0, 2], [5, 9], [3, 4]], [[8, 8], [7, 6], [6, 6]]])
real = torch.tensor([[True, False, True], [False, True, False]])
got = [float(number) for row in masked_mean(some, real) for number in row]
for number, by_hand in zip(got, [2, 3, 7, 6], strict=True):
    assert -1e-5 < number - by_hand < 1e-5, "wherever the real words stand"
### END HIDDEN TESTS
print("exercise 1: right for random batches, for NaN in the padding, and for no words")

# %% [markdown]
# **In words.** Why is it not enough to multiply `x` by the mask before the sum?

# %% [markdown] tags=["written", "points-1"]
# NaN times zero is NaN, so one NaN in the padding would spoil its sentence's mean. `masked_fill` (or `torch.where`)
# puts a zero in its place, whatever stood there.

# %% [markdown]
# ## Exercise 2 (usual): make NetVLAD a mean
#
# NetVLAD is more than a mean, so it should be able to do what a mean does. Set its parameters so that NetVLAD,
# whatever the words, gives the mean's *direction*: the mean, scaled to length 1. How many centres do you need, and
# what is $c'_k$?

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# NetVLAD shares out each word among the centres, and sums share times (word − $c'_k$). Which number of centres makes
# every share the same? `mee.NetVLAD(clusters, dim)` keeps the $c'_k$ in `clusters2`.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# With one centre every share is 1. What must be subtracted from each word, so that the sum of the words is left?
# Parameters are changed inside `with torch.no_grad():`, for example by `pool.clusters2.fill_(...)`.
#
# </details>


# %% tags=["solution"]
def mean_pool(dim):
    """A NetVLAD in eval() mode that gives the direction of the mean of the words.

    dim: an int. pool(x, mask), with x (texts, longest, dim) and mask (texts, longest),
    returns F.normalize(mean over the real words), of shape (texts, dim).
    """
    ### BEGIN SOLUTION: return a NetVLAD that is a mean
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
### BEGIN HIDDEN TESTS
some = torch.tensor([[[1.0, 2, 2], [5, 0, 1], [9, 9, 9]]])
with torch.no_grad():
    got = mean_pool(3)(some, torch.tensor([[True, True, False]]))[0]
for number, by_hand in zip(got, (6 / 7, 2 / 7, 3 / 7), strict=True):
    assert -1e-4 < float(number) - by_hand < 1e-4, "not the direction of the mean"
### END HIDDEN TESTS
print("exercise 2: for 2, 5 and 50 dimensions NetVLAD is the mean's direction")

# %% [markdown]
# **In words.** What would your NetVLAD give if $c'$ were not as you set it, but some other vector?

# %% [markdown] tags=["written", "points-1"]
# With one centre the softmax has nothing to share out: every word belongs to that centre whole. With $c' = 0$ the
# residuals are the words themselves, and their sum points where their mean does. With another $c'$ the sum would
# point from $c'$ to the mean.

# %% [markdown]
# ## Exercise 3 (open-ended): sentences that no pooling tells apart
#
# No pooling of the lesson sees the order of words. Which captions of TinyClips can therefore not be told apart? Find
# all groups of *different* captions that have the same words. Then write two sentences of your own, of at least six
# words each, that mean different things and get the same vector.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `tokenize(text)` gives the list of a text's words. What can you make of this list that is the same for both orders,
# and is not for another number of the same word?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Use the sorted words, as a `tuple`, as the key of a dictionary, and collect the texts of each key in a set. Keep the
# sets of two texts or more. For your own sentences, exchange two words that describe two different things.
#
# </details>


# %% tags=["solution"]
def twins(texts):
    """Groups of different texts that have the same words, each equally often.

    texts: a list of str. Returns a list of sets of at least two texts each.
    """
    ### BEGIN SOLUTION: return the groups
    groups = {}
    for text in texts:
        groups.setdefault(tuple(sorted(tokenize(text))), set()).add(text)
    return [group for group in groups.values() if len(group) > 1]
    ### END SOLUTION


# %% tags=["solution"]
# mine, a list of your two sentences
### BEGIN SOLUTION: set mine
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
### BEGIN HIDDEN TESTS
given = [sorted(group) for group in twins(["x y z", "z", "z y x", "y x z", "x x"])]
assert given == [["x y z", "y x z", "z y x"]], "other texts"
assert sorted(tokenize(mine[0])) == sorted(tokenize(mine[1])), "not the same words"
assert tokenize(mine[0]) != tokenize(mine[1]), "the same order"
### END HIDDEN TESTS
print(f"exercise 3: {len(found)} groups of captions, and a pair of your own")

# %% [markdown]
# **In words.** Read the groups that you found. Is there one whose captions mean different things? What could a model
# add, to tell them apart?

# %% [markdown] tags=["written", "points-2"]
# Nearly all groups say the same in another order (*there is a happy face*, *a happy face is there*), so with captions
# this short little is lost. The two captions of one group do differ: *an object hopping and another thing moving fast
# in a zigzag* and *an object hopping fast and another thing moving in a zigzag*. What could help are vectors for
# pairs of neighbouring words, or vectors that a network has made from each word and its neighbours; both can be
# pooled by the same NetVLAD.
