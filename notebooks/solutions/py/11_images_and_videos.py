# %% [markdown]
# # Solutions: Can still images teach a model about videos?
#
# Three exercises for [the lesson](../11_images_and_videos.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/11_images_and_videos.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F11_images_and_videos.ipynb)

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

from mee import MEE, TextEmbedding, VideoEmbedding, fit_clips, read_clips
from mee.compare import Result, difference
from mee.data import MixedBatches
from mee.evaluate import compute_ranks

films, stills = read_clips("data/tinyclips.h5"), read_clips("data/tinyclips_stills.h5")

# %% [markdown]
# ## Exercise 1 (easy): weights over clips
#
# A sentence has [mixture weights](../glossary.md#mixture-weight); for a clip that lacks an expert, the others share
# its part. Write the weights that each sentence has **for each clip**: 0 for what is missing, and a sum of 1. A clip
# without any expert has zeros only.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# What shape must the weights and the mask have, so that their product is (texts, clips, experts)? `x[:, None]` gives
# a tensor one more dimension.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Multiply, then divide by the sum over the experts with `keepdim=True`. For a clip without experts that sum is 0:
# `clamp_min` with a tiny number makes 0/0 a 0.
#
# </details>


# %% tags=["solution"]
def over_clips(weights, present):
    """Mixture weights of each sentence over each clip: (texts, clips, experts).

    weights is (texts, experts), and present (clips, experts), boolean.
    """
    ### BEGIN SOLUTION: return the weights over clips
    masked = weights[:, None] * present
    return masked / masked.sum(2, keepdim=True).clamp_min(1e-12)
    ### END SOLUTION


# %% tags=["check", "points-2"]
for seed in range(5):
    g = torch.Generator().manual_seed(seed)
    weights = torch.rand(4, 3, generator=g).softmax(1)
    present = torch.rand(6, 3, generator=g) < 0.6
    present[0], present[1] = True, False  # one clip has all, one has none
    given = over_clips(weights, present)
    assert given.shape == (4, 6, 3), "texts x clips x experts"
    assert not given[:, ~present].any(), "what is missing has a weight of 0"
    one = present.any(1).float().expand(4, 6)
    torch.testing.assert_close(given.sum(2), one, msg="the sum is 1, if any is present")
    same = "a clip that has all experts changes nothing"
    torch.testing.assert_close(given[:, 0], weights, msg=same)
    cosine = torch.rand(4, 6, 3, generator=g)
    mee = MEE({name: (4, 4) for name in "abc"}, text_dim=4)
    video = {name: (cosine[..., n] * present[:, n]).T for n, name in enumerate("abc")}
    text = TextEmbedding({name: torch.eye(4) for name in "abc"}, weights)
    scores = mee.score(text, VideoEmbedding(video, present))
    some = present.any(1)
    torch.testing.assert_close((given * cosine).sum(2)[:, some], scores[:, some])
### BEGIN HIDDEN TESTS
given = over_clips(
    torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]),
    torch.tensor([[1, 0, 1], [0, 1, 0], [0, 0, 0]]) > 0,
)
by_hand = [5 / 7, 0, 2 / 7, 0, 1, 0, 0, 0, 0, 1 / 9, 0, 8 / 9, 0, 1, 0, 0, 0, 0]
for value, wanted in zip(given.flatten().tolist(), by_hand, strict=True):
    assert -1e-5 < value - wanted < 1e-5, "two sentences over three clips"
### END HIDDEN TESTS
print("exercise 1: right, and the scores are the library's")

# %% [markdown]
# **In words.** A still has no sound and no motion. Which weights has a sentence about a sound for a still, and what
# does that mean for the still's score?

# %% [markdown] tags=["written", "points-1"]
# The weights of appearance and face share everything, however small they were: they keep their proportion, and their
# sum is 1. So a sentence that is about a sound is compared with a still by looks alone, at full weight, and what the
# still lacks does not count against it.

# %% [markdown]
# ## Exercise 2 (usual): a sampler with a memory
#
# `MixedBatches` draws its stills afresh for each epoch, and forgets. With 1,000 stills, and 100 of them per epoch,
# about $0.9^{10}$ of them, a third, have never been drawn after ten epochs. Write a sampler **with a memory**: it
# goes through all stills in a random order, epoch after epoch, then in a new order, and so on. At any time some have
# been drawn $n$ times and the others $n + 1$ times.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Forget the epochs at first. In which order do the stills come, one after the other, over the whole run?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# One `torch.randperm(pool, generator=generator)` is one round. Concatenate as many rounds as the run needs, cut off
# what is too much, and `split` the rest into epochs.
#
# </details>


# %% tags=["solution"]
def patient(pool, per_epoch, epochs, generator):
    """Stills of each epoch: a list of tensors, each of per_epoch numbers below pool.

    pool is how many stills there are; generator is a torch.Generator. An epoch may be
    longer than a round.
    """
    ### BEGIN SOLUTION: return the stills of each epoch
    rounds = -(-per_epoch * epochs // pool)
    order = [torch.randperm(pool, generator=generator) for _ in range(rounds)]
    return list(torch.cat(order)[: per_epoch * epochs].split(per_epoch))
    ### END SOLUTION


# %% tags=["check", "points-2"]
def times(drawn, pool):
    return torch.bincount(torch.cat(drawn), minlength=pool)


for pool, per_epoch, epochs in ((1000, 100, 10), (7, 3, 20), (5, 12, 4), (10, 10, 3)):
    drawn = patient(pool, per_epoch, epochs, torch.Generator().manual_seed(0))
    sizes = [len(part) for part in drawn]
    assert sizes == [per_epoch] * epochs, "per_epoch numbers in each of the epochs"
    for epoch in range(1, epochs + 1):
        count = times(drawn[:epoch], pool)
        even = len(count) == pool and count.max() - count.min() <= 1
        assert even, f"after epoch {epoch} some stills are two rounds ahead"
drawn = [patient(1000, 100, 10, torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
first, again, other = drawn
assert all(map(torch.equal, first, again)), "the seed decides"
assert not torch.equal(first[0], other[0]), "another seed, another order"
assert not torch.equal(first[0].sort().values, torch.arange(100)), "at random"

generator, few = torch.Generator().manual_seed(0), films.clips_in("train")[:100]
mixed = MixedBatches(films, few, 64, generator, stills, 1.0)
seen = []
for _ in range(10):
    numbers = torch.cat([batch.clip for batch in mixed])
    seen.append(numbers[numbers >= len(films)] - len(films))
never = (times(seen, 1000) == 0).double().mean()
assert 0.3 < never < 0.4 and (times(again, 1000) == 1).all()
### BEGIN HIDDEN TESTS
parts = patient(11, 4, 9, torch.Generator().manual_seed(3))
stream = [int(number) for part in parts for number in part]
assert len(stream) == 36, "nine epochs of four"
for start in (0, 11, 22):
    assert sorted(stream[start : start + 11]) == list(range(11)), "round after round"
assert stream[:11] != stream[11:22], "each round has a new order"
### END HIDDEN TESTS
print("exercise 2: right. After ten epochs", end=" ")
print(f"the library has left out {never:.0%} of the stills, yours none")

# %% [markdown]
# **In words.** Where does $0.9^{10}$ come from, and how long must the forgetful sampler run until fewer than one
# still in a hundred has never been drawn?

# %% [markdown] tags=["written", "points-1"]
# Each epoch leaves out a given still with probability 0.9, and ten epochs draw independently, so all ten leave it out
# with probability $0.9^{10} = 0.35$. For less than 0.01 it takes $\log 0.01 / \log 0.9 = 43.7$, so 44 epochs. The
# sampler with a memory needs ten.

# %% [markdown]
# ## Exercise 3 (open-ended): stills that help both ways
#
# You have a hundred films and the thousand stills. Find a way to use the stills that helps in **both** directions:
# R@10 above that of the films alone, in v2t by five points or more. You may change the options of `fit_clips` that
# say how the model learns (loss, margin, weights, the rate of the stills), not how long or with how large a network.
# Choose on the validation split; the check then looks at the test split too.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The lesson compared several ways to use the stills. What did each do for v2t? `gains(mine)` says what yours does.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# What makes it easy to tell a still from a film, without looking at it? Look among the options of `fit_clips` for a
# loss that never compares what only one of the two has: it works on one expert at a time.
#
# </details>

# %%
train = films.clips_in("train")
small = {"dim": 64, "text_clusters": 8, "sequence_clusters": 4, "lr": 2e-3, "val": []}
# alone, as many clips are shown as in 6 epochs with all stills
alone = {"epochs": 66, "lr_decay": 0.95 ** (6 / 66)}


def results(options):
    """A Result for each split of the models of two seeds, each trained once."""
    ranks = {"val": [], "test": []}
    for seed in (0, 1):
        generator = torch.Generator().manual_seed(seed)  # other films for each seed
        hundred = train[torch.randperm(len(train), generator=generator)[:100]]
        own = {**small, **options, "train": hundred, "seed": seed, "progress": False}
        model = fit_clips(films, **own).model
        for split, found in ranks.items():
            found.append(compute_ranks(model, films, films.clips_in(split)))
    return {split: Result.of_runs(found) for split, found in ranks.items()}


def gains(options):
    """What ``options`` win against the films alone: split -> points (t2v, v2t)."""
    ours = results({"epochs": 6, "images": stills, **options})
    theirs = results(alone)
    pairs = {split: (ours[split], theirs[split]) for split in ours}
    ways = ("t2v", "v2t")
    return {s: [difference(*pair, way)[0] for way in ways] for s, pair in pairs.items()}


# %% tags=["solution"]
# mine, a dict: options of fit_clips; image_rate is one of them, at most 10, or "all"
### BEGIN SOLUTION: set mine
mine = {"image_rate": "all", "expert_loss": 1.0}
### END SOLUTION

# %% tags=["check", "points-2"]
assert isinstance(mine, dict), "mine is a dict of options"
larger = {"epochs", "dim", "text_clusters", "sequence_clusters", "train", "val"}
larger |= {"images", "seed", "batch_size"}
assert not larger & set(mine), f"leave out {', '.join(sorted(larger & set(mine)))}"
rate = mine.get("image_rate", 0)
assert rate == "all" or 0 < rate <= 10, "use the stills, at most ten per film"
for split, (t2v, v2t) in gains(mine).items():
    assert t2v > 0, f"{split}: from text to video this is worse than the films alone"
    assert v2t > 5, f"{split}: from video to text it should win five points or more"
print("exercise 3: better than the films alone, both ways, on validation and on test")

# %% [markdown]
# **In words.** Why does your way help from video to text? And what did two seeds and two splits not tell you?

# %% [markdown] tags=["written", "points-2"]
# With the expert loss, appearance and face are also compared one at a time, among all clips that have them, stills or
# films. So the captions of stills do not learn to stay away from films as such. Two seeds show that the gain is
# there, hardly how much it varies; and both splits come from the same generator as the stills.
