# %% [markdown]
# # Solutions: What became of the idea?
#
# Three exercises to [the lesson](../17_from_mee_to_today.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/17_from_mee_to_today.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F17_from_mee_to_today.ipynb)

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
from torch import nn
from torch.testing import assert_close

# %% [markdown]
# ## Exercise 1
#
# Write attention for one query, by hand, with a mask. A clip may lack every expert: then there is nothing to look up,
# and the answer is zeros, not NaN.


# %% tags=["solution"]
# write attend(query, keys, values, present): query (d,), keys (n, d), values
# (n, m), present (n,) bool; return (m,), the masked mean of the values; zeros if
# nothing is present. Divide the scores by the root of d.
### BEGIN SOLUTION: as the comment says
def attend(query, keys, values, present):
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
print("exercise 1: equal to PyTorch's for five masks, and zeros for none")

# %% [markdown] tags=["solution"]
# An absent expert that is masked before the softmax has a weight of exactly zero. Its value can do harm only if it is
# infinite or NaN, since zero times either is NaN; a library sets such rows to zero first.

# %% [markdown]
# ## Exercise 2
#
# Write modality dropout. Each expert that is present is dropped with probability `share`, but no clip loses its last
# one: if all would be dropped, one of those that the clip has stays, drawn at random. What is absent stays absent.


# %% tags=["solution"]
# write drop(present, share, generator): present (clips, experts) bool;
# return a mask of the same shape
### BEGIN SOLUTION: as the comment says
def drop(present, share, generator):
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
print("exercise 2: drops, keeps one, and brings none back")

# %% [markdown] tags=["solution"]
# The largest of a clip's random numbers decides which one stays, so no second draw is needed.
# `mee.robustness.keep_some` does the same.

# %% [markdown]
# ## Exercise 3
#
# Write a sparse layer for any $k$: a router scores the experts for each token, the best $k$ are computed, and a
# softmax over these $k$ scores mixes them. No expert may be called with a token that did not choose it: the check
# counts rows.


# %% tags=["solution"]
# write sparse(x, router, experts, k): x (tokens, d); router gives (tokens,
# experts); return (tokens, d)
### BEGIN SOLUTION: as the comment says
def sparse(x, router, experts, k):
    best, chosen = router(x).topk(k, dim=1)
    gates = torch.softmax(best, 1)
    out = torch.zeros_like(x)
    for number, expert in enumerate(experts):
        token, place = (chosen == number).nonzero(as_tuple=True)
        if len(token):
            out = out.index_add(0, token, gates[token, place, None] * expert(x[token]))
    return out
### END SOLUTION


# %% tags=["check", "points-2"]
class Counting(nn.Linear):
    rows = 0

    def forward(self, x):
        self.rows += len(x)
        return super().forward(x)


torch.manual_seed(0)
experts = nn.ModuleList(Counting(5, 5) for _ in range(6))
router, x = nn.Linear(5, 6), torch.randn(40, 5)
everything = torch.stack([F.linear(x, e.weight, e.bias) for e in experts], 1)
for k in (1, 2, 6):
    for expert in experts:
        expert.rows = 0
    found = sparse(x, router, experts, k)
    gates = router(x)
    floor = gates.topk(k, dim=1).values[:, -1:]
    gates = torch.softmax(gates.masked_fill(gates < floor, -torch.inf), 1)
    want = (gates[:, :, None] * everything).sum(1)
    assert_close(found, want, msg=f"wrong for k = {k}")
    computed = sum(expert.rows for expert in experts)
    assert computed == 40 * k, f"k = {k}: {computed} rows computed, {40 * k} are enough"
print("exercise 3: right for k = 1, 2 and 6, and nothing computed in vain")

# %% [markdown] tags=["solution"]
# With $k = 6$ of 6 it is the mixture of 1991: all are computed, and a softmax weighs them.
