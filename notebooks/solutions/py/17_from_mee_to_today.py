# %% [markdown]
# # Solutions: What became of the idea?
#
# Three exercises for [the lesson](../17_from_mee_to_today.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/17_from_mee_to_today.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F17_from_mee_to_today.ipynb)

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
from torch.testing import assert_close

# %% [markdown]
# ## Exercise 1 (easy): attention for one query
#
# Write attention for one query, by hand, with a mask. A clip may lack every expert: then there is nothing to look up,
# and the answer is zeros, not NaN. Divide the scores by the root of $d$, the length of the query.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# A softmax over scores gives weights. Which score makes a weight exactly 0?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `scores.masked_fill(~present, -torch.inf)` before the softmax. If all are masked, the softmax is NaN: ask for that
# case first.
#
# </details>


# %% tags=["solution"]
def attend(query, keys, values, present):
    """The mean of the values, weighted by attention: (m,); zeros if nothing is present.

    query is (d,), keys (n, d), values (n, m), present (n,), boolean.
    """
    ### BEGIN SOLUTION: return the weighted mean
    if not present.any():
        return torch.zeros(values.shape[1])
    scores = keys @ query / len(query) ** 0.5
    weights = torch.softmax(scores.masked_fill(~present, -torch.inf), 0)
    return weights @ values
    ### END SOLUTION


# %% tags=["check", "points-2"]
for seed in range(5):
    g = torch.Generator().manual_seed(seed)
    query, keys = torch.randn(4, generator=g), torch.randn(6, 4, generator=g)
    values, present = torch.randn(6, 3, generator=g), torch.rand(6, generator=g) < 0.6
    present[0] = True
    found = attend(query, keys, values, present)
    assert found.shape == (3,), "one number for each column of the values"
    want = F.scaled_dot_product_attention(
        query[None], keys, values, attn_mask=present[None]
    )
    assert_close(found, want[0], msg="not what PyTorch's function gives")
    changed = values.masked_fill(~present[:, None], 1000.0)
    again = attend(query, keys, changed, present)
    assert_close(found, again, msg="absent values count")
nothing = attend(query, keys, values, torch.zeros(6, dtype=torch.bool))
assert_close(nothing, torch.zeros(3), msg="nothing present: zeros")
### BEGIN HIDDEN TESTS
values = torch.tensor([[1.0, 2.0], [50.0, 60.0], [9.0, 4.0]])
keys = torch.tensor([[5.0], [7.0], [1.0]])
found = attend(torch.zeros(1), keys, values, torch.tensor([1, 0, 1]) > 0).tolist()
assert len(found) == 2, "a number for each column"
assert all(-1e-4 < x - y < 1e-4 for x, y in zip(found, (5, 3), strict=True)), "a mean"
### END HIDDEN TESTS
print("exercise 1: equal to PyTorch's for five masks, and zeros for none")

# %% [markdown]
# **In words.** Can the value of an absent expert ever do harm, once the mask is right?

# %% [markdown] tags=["written", "points-1"]
# An absent expert that is masked before the softmax has a weight of exactly zero. Its value can do harm only if it is
# infinite or NaN, since zero times either is NaN; a library sets such values to zero first.

# %% [markdown]
# ## Exercise 2 (usual): modality dropout
#
# Write modality dropout. Each expert that is present is dropped with probability `share`, but no clip loses its last
# one: if all would be dropped, one of those that the clip has stays, drawn at random. What is absent stays absent.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Draw a random number for each entry of the mask. When is an expert dropped? And which of a clip's numbers could say
# who stays?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Give what is absent the number -1. Keep what is present and has a number of at least `share`, and besides that the
# largest number of each row: `F.one_hot(draw.argmax(1), ...)`.
#
# </details>


# %% tags=["solution"]
def drop(present, share, generator):
    """A mask (clips, experts), boolean, of what is kept of present, a mask like it.

    share is the probability to drop, from 0 to 1; each row of present has a True.
    """
    ### BEGIN SOLUTION: return what is kept
    draw = torch.rand(present.shape, generator=generator)
    draw = draw.masked_fill(~present, -1.0)  # the absent never have the largest number
    last = F.one_hot(draw.argmax(1), present.shape[1]).bool()
    return present & ((draw >= share) | last)
    ### END SOLUTION


# %% tags=["check", "points-2"]
g = torch.Generator().manual_seed(0)
present = torch.rand(4000, 4, generator=g) < 0.7
present = present[present.any(1)]
kept = drop(present, 0.3, torch.Generator().manual_seed(1))
assert kept.shape == present.shape, "a mask of the same shape"
assert kept.dtype == torch.bool, "a mask is boolean"
assert not (kept & ~present).any(), "an absent expert came back"
assert kept.any(1).all(), "a clip lost its last expert"
three = present.sum(1) >= 3
rate = (kept[three].sum() / present[three].sum()).item()
assert 0.67 < rate < 0.75, "with share 0.3, about 70 % stay where there are several"
everything = drop(present, 1.0, torch.Generator().manual_seed(2))
assert (everything.sum(1) == 1).all(), "with share 1, one stays"
whole = present[present.all(1)]
counts = drop(whole, 1.0, torch.Generator().manual_seed(3)).float().mean(0)
assert (counts - 0.25).abs().max() < 0.06, "which one stays is drawn at random"
### BEGIN HIDDEN TESTS
two = torch.ones(20_000, 2, dtype=torch.bool)
kept = drop(two, 0.5, torch.Generator().manual_seed(7)).tolist()
count = sum(map(sum, kept)) / 40_000
assert 0.61 < count < 0.64, "of two with share 0.5, five in eight stay"
assert drop(two[:9], 0.0, torch.Generator()).tolist() == two[:9].tolist(), "share 0"
### END HIDDEN TESTS
print("exercise 2: drops, keeps one, and brings none back")

# %% [markdown]
# **In words.** Why does a model that was trained with it do better on clips that lack an expert, and why does it do
# worse on complete clips?

# %% [markdown] tags=["written", "points-1"]
# It has seen every expert without the others, so none can lean on another's presence: each has to carry the score
# when it is left alone. On complete clips this costs something, in the lesson four to twelve points of R@10, because
# what two experts can only do together was trained less often.

# %% [markdown]
# ## Exercise 3 (open-ended): a router with few places
#
# A sparse layer sends each token to the $k$ experts that its router scores highest. In practice each expert has a
# limited number of places, its *capacity*, so that all take equally long. Who waits if too many want the same expert?
# Write a router with a rule of your own. Its gates are the softmax over the scores of the experts that take the
# token, or another division: they are never negative and sum to 1 for a token that any expert takes, and are all 0
# for one that none takes. With places for all, they are the softmax over the best $k$ scores. Fill at least as many
# places as *first come, first served* would.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `scores.topk(k, dim=1)` says who wants where. Now take one expert at a time: which of its tokens may stay, and how
# do you choose them?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `(chosen == expert).nonzero(as_tuple=True)` gives the tokens that want this expert, and their column. Keep
# `capacity` of them: the first, or those with the largest gates. At the end divide each row by its sum, but not by 0.
#
# </details>


# %% tags=["solution"]
def route(scores, k, capacity):
    """Gates (tokens, experts): at most k of a row and capacity of a column are not 0.

    scores is (tokens, experts), what the router says; k and capacity are ints.
    """
    ### BEGIN SOLUTION: return the gates
    best, chosen = scores.topk(k, dim=1)
    share, gates = torch.softmax(best, 1), torch.zeros_like(scores)
    for expert in range(scores.shape[1]):
        token, column = (chosen == expert).nonzero(as_tuple=True)
        wanted = share[token, column]
        stay = wanted.argsort(descending=True)[:capacity]  # who needs it most
        gates[token[stay], expert] = wanted[stay]
    return gates / gates.sum(1, keepdim=True).clamp_min(1e-12)
    ### END SOLUTION


# %% tags=["check", "points-2"]
g = torch.Generator().manual_seed(0)
for k, capacity in ((1, 8), (2, 12), (2, 40), (6, 40)):
    scores = torch.randn(40, 6, generator=g)
    scores[:, 0] += 2.0  # many want the first expert
    gates = route(scores, k, capacity)
    assert gates.shape == (40, 6) and gates.min() >= 0, "gates, none below 0"
    assert (gates > 0).sum(1).max() <= k, f"a token goes to more than {k}"
    assert (gates > 0).sum(0).max() <= capacity, f"an expert takes over {capacity}"
    taken = (gates > 0).any(1)
    assert_close(gates.sum(1), taken.float(), msg="a row sums to 1, or to 0")
    best, chosen = scores.topk(k, dim=1)
    if capacity == 40:
        want = torch.zeros(40, 6).scatter(1, chosen, torch.softmax(best, 1))
        assert_close(gates, want, msg="with places for all, the softmax of the best k")
    wish = torch.bincount(chosen.flatten(), minlength=6).clamp(max=capacity).sum()
    assert (gates > 0).sum() >= wish, "places stay empty that somebody asked for"
### BEGIN HIDDEN TESTS
made = torch.tensor([[3.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
rows = route(made, 1, 1).tolist()
assert sum(row[0] > 0 for row in rows) == 1, "one place, two who want it"
assert all(sum(value > 0 for value in row) <= 1 for row in rows), "k is 1"
assert -1e-5 < max(rows[2]) - 1 < 1e-5 or rows[2] == [0, 0], "a row's sum"
### END HIDDEN TESTS
print("exercise 3: right with few places and with many")

# %% [markdown]
# **In words.** Whom does your rule leave out, and is that fair? And what has become of a token's result: on what does
# it depend now?

# %% [markdown] tags=["written", "points-2"]
# An expert keeps the tokens with the largest gates for it, so those lose out that were undecided, and they mostly
# have a second expert. The order in the batch plays no part. But a token's result now depends on which other tokens
# are in the batch, a leak of the kind that lesson 10 looked for. So a model is evaluated with places for all.
