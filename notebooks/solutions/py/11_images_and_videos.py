# %% [markdown]
# # Solutions: Can still images teach a model about videos?
#
# Three exercises to [the lesson](../11_images_and_videos.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/11_images_and_videos.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F11_images_and_videos.ipynb)

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

from mee import MEE, TextEmbedding, VideoEmbedding, read_clips
from mee.compare import compare, difference
from mee.data import MixedBatches

films, stills = read_clips("data/tinyclips.h5"), read_clips("data/tinyclips_stills.h5")

# %% [markdown]
# ## Exercise 1
#
# A sentence has [mixture weights](../glossary.md#mixture-weight); for a clip that lacks an expert, the others share its
# part. Write the weights that each sentence has **for each clip**: 0 for what is missing, and a sum of 1. A clip
# without any expert has zeros only.


# %% tags=["solution"]
# write over_clips(weights, present): weights (texts, experts), present (clips,
# experts) bool; return (texts, clips, experts)
### BEGIN SOLUTION: as the comment says
def over_clips(weights, present):
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
print("exercise 1: right, and the scores are the library's")

# %% [markdown]
# ## Exercise 2
#
# `MixedBatches` draws its stills afresh for each epoch, and forgets. With 1,000 stills, and 100 of them per epoch,
# about $0.9^{10}$ of them, a third, have never been drawn after ten epochs. Write a sampler **with a memory**: it goes
# through all stills in a random order, epoch after epoch, then in a new order, and so on. At any time some have been
# drawn $n$ times and the others $n + 1$ times.


# %% tags=["solution"]
# write patient(pool, per_epoch, epochs, generator): pool, how many stills there
# are; return a list of tensors, one per epoch, each of per_epoch numbers below pool
### BEGIN SOLUTION: as the comment says
def patient(pool, per_epoch, epochs, generator):
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
print("exercise 2: right. After ten epochs", end=" ")
print(f"the library has left out {never:.0%} of the stills, yours none")

# %% [markdown]
# ## Exercise 3
#
# You have a hundred films and the thousand stills. Find a way to use the stills that helps in **both** directions: R@10
# above that of the films alone, in v2t by five points or more. You may change the options of `fit_clips` that say how
# the model learns (loss, margin, weights, the rate of the stills), not how long or with how large a network. Choose on
# the validation split; the last cell then looks at the test split.

# %%
train = films.clips_in("train")
small = {"dim": 64, "text_clusters": 8, "sequence_clusters": 4, "lr": 2e-3, "val": []}


def some(seed):
    """100 films to learn from, others for each seed."""
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    return train[order[:100]]


def gains(options, split):
    """What ``options`` win against the films alone, in points of R@10: (t2v, v2t)."""
    # alone, as many clips are shown as in 6 epochs with all stills
    alone = {"epochs": 66, "lr_decay": 0.95 ** (6 / 66)}
    mixed = {"epochs": 6, "images": stills, **options}
    variants = {
        "alone": lambda seed: {"train": some(seed), **alone},
        "mine": lambda seed: {"train": some(seed), **mixed},
    }
    results = compare(films, variants, (0, 1), split, progress=False, **small)
    pair = results["mine"], results["alone"]
    return [difference(*pair, way)[0] for way in ("t2v", "v2t")]


# %% tags=["solution"]
# set mine, a dict of options of fit_clips; image_rate is one of them: at
# most 10, or "all"
### BEGIN SOLUTION: as the comment says
mine = {"image_rate": "all", "expert_loss": 1.0}
### END SOLUTION

# %% tags=["check", "points-2"]
larger = {"epochs", "dim", "text_clusters", "sequence_clusters", "train", "val"}
larger |= {"images", "seed", "batch_size"}
assert not larger & set(mine), f"leave out {', '.join(sorted(larger & set(mine)))}"
rate = mine.get("image_rate", 0)
assert rate == "all" or 0 < rate <= 10, "use the stills, at most ten per film"
for split in ("val", "test"):
    t2v, v2t = gains(mine, split)
    assert t2v > 0, f"{split}: from text to video this is worse than the films alone"
    assert v2t > 5, f"{split}: from video to text it should win five points or more"
print("exercise 3: better than the films alone, both ways, on validation and on test")

# %% [markdown] tags=["solution"]
# With the expert loss, appearance and face are also compared one at a time, among all clips that have them, stills or
# films. So the captions of stills do not learn to stay away from films as such.
