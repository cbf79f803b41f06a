# %% [markdown]
# # Solutions: And with a million clips?
#
# Three exercises for [the lesson](../16_scale.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/16_scale.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F16_scale.ipynb)

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
from lesson import need

need("search")  # on Colab it is installed now; where it is, nothing happens
from mee import MEE, ClipIndex, TextEmbedding, VideoEmbedding

# in alphabetical order, as the columns of masks and weights
DIMS = {"audio": 5, "face": 8, "motion": 6}
# only its score is used
network = MEE({name: (3, dim) for name, dim in DIMS.items()}, text_dim=4)


def draw(clips, sentences, seed):
    """Random embeddings, as a model would give them: VideoEmbedding, TextEmbedding."""
    g = torch.Generator().manual_seed(seed)
    mask = torch.rand(clips, 3, generator=g) < 0.7
    mask[~mask.any(1), 2] = True  # every clip has something

    def vectors(count):
        drawn = {n: torch.randn(count, dim, generator=g) for n, dim in DIMS.items()}
        return {name: F.normalize(x, dim=1) for name, x in drawn.items()}

    videos, texts = vectors(clips), vectors(sentences)
    videos = {name: x * mask[:, [i]] for i, (name, x) in enumerate(videos.items())}
    weights = torch.softmax(torch.randn(sentences, 3, generator=g), 1)
    return VideoEmbedding(videos, mask), TextEmbedding(texts, weights)


# %% [markdown]
# ## Exercise 1 (easy): how many bytes?
#
# An index keeps the embeddings that are present, and nothing for those that are absent. Given the dimensions of the
# experts and how often each is missing, how many bytes of vectors should you expect for `clips` clips?

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# How many numbers does an average clip keep of one expert, if the expert is missing in a third of the clips?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Sum the dimension times the share that is present over the experts; then multiply by the clips and by the bytes of
# one number.
#
# </details>


# %% tags=["solution"]
def expected_bytes(clips, dims, missing, width):
    """Bytes of vectors, a number, for this many clips.

    dims and missing are dicts over the experts: numbers of an embedding, and the share
    of clips that lack it, from 0 to 1. width is the bytes of one number, 4 or 2.
    """
    ### BEGIN SOLUTION: return the bytes
    return clips * width * sum(dim * (1 - missing[name]) for name, dim in dims.items())
    ### END SOLUTION


# %% tags=["check", "points-2"]
never = dict.fromkeys(DIMS, 0)
complete = expected_bytes(10, DIMS, never, 4)
assert complete == 10 * 19 * 4, "ten complete clips have 19 numbers each"
video, _ = draw(3000, 1, seed=0)
absent = 1 - video.mask.double().mean(0)
missing = dict(zip(DIMS, absent.tolist(), strict=True))
for dtype, width in (("float32", 4), ("float16", 2)):
    index = ClipIndex(DIMS, dtype=dtype)
    index.add([str(i) for i in range(3000)], video)
    expected = expected_bytes(3000, DIMS, missing, width)
    assert abs(expected - index.nbytes) < 1, f"not what a {dtype} index keeps"
### BEGIN HIDDEN TESTS
found = expected_bytes(1000, {"a": 10, "b": 2}, {"a": 0.5, "b": 0}, 2)
assert -1e-3 < float(found) - 14_000 < 1e-3, "one is missing in every second clip"
difference = float(expected_bytes(7, {"c": 3}, {"c": 1}, 4))
assert -1e-3 < difference < 1e-3, "nothing is present, nothing is kept"
### END HIDDEN TESTS
print("exercise 1: right, for complete clips and for an index of 3,000 with gaps")

# %% [markdown]
# **In words.** A million clips have four experts of 64 dimensions each; a third of the faces and a tenth of the
# sounds are missing. How much do their vectors take in float32 and in float16, and what would storing zeros for the
# missing cost?

# %% [markdown] tags=["written", "points-1"]
# They take 913 MB, or 457 MB in float16. With zeros it would be 1,024 MB and 512 MB, an eighth more; and a mask would
# be needed too, since a zero does not say whether it was measured.

# %% [markdown]
# ## Exercise 2 (usual): the search in groups
#
# The lesson's search by hand knew one sentence and two experts. Write the search for any number of both, with tensors
# alone. Take inner products with the clips of one group at a time, and never make a tensor of all sentences × all
# clips.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Clips of one group have the same experts. Which part of a score is then the same for all clips of the group, and can
# wait until after the inner product?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Concatenate weight times text vector over the experts, and the video vectors likewise. `mask.unique(dim=0)` gives
# the groups. Divide a group's products by the weights that its experts have together; take `topk` in each group, and
# again over what the groups give. `gather` takes the clips' numbers along.
#
# </details>


# %% tags=["solution"]
def search(text, video, k):
    """The best k clips of each sentence: scores and clips, both (sentences, k).

    text is a TextEmbedding, which unpacks to (texts, weights), and video a
    VideoEmbedding, which unpacks to (videos, mask), as in draw() above; every group has
    at least one expert.
    """
    ### BEGIN SOLUTION: search group by group, return the best
    (texts, weights), (videos, mask) = text, video
    names = list(videos)
    query = [weights[:, [i]] * texts[name] for i, name in enumerate(names)]
    query = torch.cat(query, 1)
    gallery = torch.cat([videos[name] for name in names], 1)
    scores, clips = [], []
    for pattern in mask.unique(dim=0):
        group = (mask == pattern).all(1).nonzero()[:, 0]
        product, place = (query @ gallery[group].T).topk(min(k, len(group)), 1)
        scores.append(product / (weights * pattern).sum(1, keepdim=True))
        clips.append(group[place])
    best = torch.cat(scores, 1).topk(k, 1)
    return best.values, torch.cat(clips, 1).gather(1, best.indices)
    ### END SOLUTION


# %% tags=["check", "points-2"]
for seed in range(4):
    video, text = draw(400, 30, seed)
    want = network.score(text, video)
    scores, numbers = search(text, video, 12)
    assert scores.shape == numbers.shape == (30, 12), "(sentences, k), both"
    torch.testing.assert_close(scores, want.topk(12, 1).values, atol=1e-5, rtol=0)
    torch.testing.assert_close(want.gather(1, numbers), scores, atol=1e-5, rtol=0)
### BEGIN HIDDEN TESTS
for seed, clips, k in ((9, 25, 20), (10, 60, 1)):
    video, text = draw(clips, 3, seed)
    values, order = network.score(text, video).sort(1, descending=True)
    scores, numbers = search(text, video, k)
    assert numbers.tolist() == order[:, :k].tolist(), "small groups, or the best alone"
    differences = (scores - values[:, :k]).flatten().tolist()
    assert all(-1e-4 < difference < 1e-4 for difference in differences), "the scores"
### END HIDDEN TESTS
print("exercise 2: the best twelve of four random worlds, as in the library")

# %% [markdown]
# **In words.** Why is one `topk` over the plain inner products of all clips not enough?

# %% [markdown] tags=["written", "points-1"]
# The inner product is the numerator of a score. The denominator, the weights of the experts that the clip has,
# differs from group to group, and a clip with few experts has a small numerator and a small denominator. Within a
# group the denominator is the same for all, so there the order of the products is that of the scores.

# %% [markdown]
# ## Exercise 3 (open-ended): when is it proven?
#
# In the database every expert proposes its own best clips. Say each expert has proposed its best `depth` clips, and
# $l_e$ is the similarity of the last one that expert $e$ proposed. A clip that was not proposed has a similarity of
# at most $l_e$ for each expert that it has. How high can its score be, whatever experts it has? If the *k*-th best
# score of the proposed clips is at least as high, then it is proven that no better clip was missed. (This is known as
# Fagin's threshold algorithm.)
#
# Write a bound: it must never be too low; the nearer it is to the highest score that can occur, the sooner the proof
# ends. Then find a depth that proves the best ten. In which steps you go deeper is up to you.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# A score is a weighted mean of the similarities of the experts that the clip has. What is the largest value that a
# mean of some numbers can take?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Begin with a small depth. Collect what each expert proposes (`topk` of its similarities, with -2 where it is absent)
# and the last similarity of each; an expert that has proposed all its clips knows none of the unseen. Compare the
# k-th best score of the proposed with the bound, and go deeper until it is proven.
#
# </details>


# %% tags=["solution"]
def bound(last, weights):
    """A score that no unseen clip can exceed, a float; both are (experts,)."""
    ### BEGIN SOLUTION: return the bound
    # a weighted mean is never above its largest term; a clip may have that expert alone
    return float(last.max())
    ### END SOLUTION


def proven_depth(text, video, k):
    """A depth, an int of at most the number of clips, at which the best k are proven.

    For one sentence: texts (1, dim), weights (1, experts). network.score(text, video)
    scores what was proposed.
    """
    ### BEGIN SOLUTION: go deeper until it is proven
    (texts, weights), (videos, mask) = text, video
    scores, depth = network.score(text, video)[0], 10
    while True:
        proposed, last = set(), []
        for i, name in enumerate(videos):
            similarity = (videos[name] @ texts[name][0]).masked_fill(~mask[:, i], -2)
            best = similarity.topk(min(depth, int(mask[:, i].sum())))
            proposed |= set(best.indices.tolist())
            # an expert that has proposed all its clips knows none of the unseen
            more = len(best.values) == depth
            last.append(best.values[-1] if more else torch.tensor(-2.0))
        seen, highest = scores[sorted(proposed)], bound(torch.stack(last), weights[0])
        proven = len(seen) >= k and seen.topk(k).values[-1] >= highest
        if depth >= len(mask) or proven:
            return min(depth, len(mask))
        depth *= 2
    ### END SOLUTION


# %% tags=["check", "points-2"]
import itertools

g, excess = torch.Generator().manual_seed(0), []
for _ in range(50):
    last = torch.rand(3, generator=g) * 2 - 1
    w = torch.softmax(torch.randn(3, generator=g), 0)
    pairs = itertools.combinations(range(3), 2)
    subsets = [[0], [1], [2], *map(list, pairs), [0, 1, 2]]
    highest = max(float((w[s] * last[s]).sum() / w[s].sum()) for s in subsets)
    given = bound(last, w)
    assert given >= highest - 1e-6, "an unseen clip could score more than this bound"
    excess.append(given - highest)
assert sum(excess) / 50 < 0.3, "a bound far above all possible scores"
depths = []
for seed in range(6):
    video, text = draw(2000, 1, seed)
    depth = proven_depth(text, video, 10)
    want = set(network.score(text, video)[0].topk(10).indices.tolist())
    proposed = set()
    for i, name in enumerate(DIMS):
        has = video.mask[:, i]
        similarity = video.vectors[name] @ text.vectors[name][0]
        best = similarity.masked_fill(~has, -2).topk(min(depth, int(has.sum())))
        proposed |= set(best.indices.tolist())
    assert want <= proposed, f"at depth {depth} one of the ten best was not proposed"
    depths.append(depth)
assert min(depths) < 2000, "some world is proven before everything has been proposed"
### BEGIN HIDDEN TESTS
for one, two, wanted in ((0.3, -0.2, 0.3), (-0.9, -0.4, -0.4)):
    given = float(bound(torch.tensor([one, two]), torch.tensor([0.6, 0.4])))
    assert given > wanted - 1e-5, "a clip may have one expert alone"
### END HIDDEN TESTS
print("exercise 3: a bound that holds, and nothing was missed in six random worlds")

# %% [markdown]
# **In words.** How many clips must your experts propose, and how does that compare with ten or twenty each, which
# would have found the same clips? What would make the proof cheaper?

# %% [markdown] tags=["written", "points-2"]
# The bound is hard to reach: the best ten of a mean must beat the best that a *single* expert has left. The proof
# takes hundreds of proposals here, where ten or twenty would have found the same clips: proving costs more than being
# right. If no clip has one expert alone, only the patterns that occur count, and the bound comes down.
