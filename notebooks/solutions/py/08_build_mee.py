# %% [markdown]
# # Solutions: Can you write the whole model in 120 lines?
#
# Three exercises for [the lesson](../08_build_mee.ipynb): write the pieces yourself, each with something that the
# lesson's has not, best without looking there. Checks compare shapes first, then the numbers with the library's.

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/08_build_mee.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F08_build_mee.ipynb)

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
from mee_mini import Unit
from torch import nn
from torch.testing import assert_close

import mee

clips = mee.read_clips("data/tinyclips.h5")
part = clips.clips_in("train")[:64]
drawn = clips.draw_captions(part, torch.Generator().manual_seed(0))
batch = clips.batch(part, drawn, max_words=30)


def shape(x, wanted):
    assert tuple(x.shape) == wanted, f"the shape is {tuple(x.shape)}, not {wanted}"


def same(x, wanted, otherwise):
    """Compare two tensors; `otherwise` is what to say if they differ."""
    assert_close(x, wanted, rtol=1e-4, atol=1e-6, msg=lambda m: f"{otherwise}\n{m}")


# %% [markdown]
# ## Exercise 1 (easy): NetVLAD without padding
#
# The lesson's NetVLAD gets padded rows and a mask. Files hold no padding: they hold all rows, one item below the
# other, and offsets ([lesson 01](../01_clips_and_experts.ipynb)). Write a NetVLAD that takes these two. Its
# parameters are given, with the library's names. An item without rows becomes zeros.
#
# 1. The shares of a row: the softmax over the centres of `batch_norm(rows @ clusters)`.
# 2. For each item and centre: the sum over the item's rows of share times (row − centre), with the centres of
#    `clusters2`.
# 3. Each sum is scaled to length 1, over `dim`; then the whole item.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Step 1 needs no mask, since every row is real. For step 2 you have to know which item each row belongs to:
# `offsets.diff()` says how many rows each item has, and `torch.repeat_interleave(numbers, counts)` repeats each
# number as often as its count says.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Make the product of each row, (rows, dim, clusters): `share[:, None] * (rows[..., None] - self.clusters2)`. Add it
# into zeros of (items, dim, clusters) with `index_add(0, item, product)`. Then `F.normalize` over axis 1,
# `flatten(1)`, and `F.normalize` again.
#
# </details>


# %% tags=["solution"]
class NetVLAD(nn.Module):
    """Any number of rows per item into one vector per item."""

    def __init__(self, clusters, dim):
        super().__init__()
        self.clusters = nn.Parameter(torch.randn(dim, clusters) / dim**0.5)
        self.clusters2 = nn.Parameter(torch.randn(1, dim, clusters) / dim**0.5)
        self.batch_norm = nn.BatchNorm1d(clusters)

    def forward(self, rows, offsets):
        """Pool each item's rows: (items, dim * clusters).

        rows: (all rows, dim) float; offsets: (items + 1,) int64, from 0 to all rows;
        item i has the rows offsets[i] to offsets[i + 1].
        """
        ### BEGIN SOLUTION: return one vector per item
        share = self.batch_norm(rows @ self.clusters).softmax(1)
        product = share[:, None] * (rows[..., None] - self.clusters2)
        items = len(offsets) - 1
        item = torch.repeat_interleave(torch.arange(items), offsets.diff())
        total = rows.new_zeros(items, *self.clusters.shape).index_add(0, item, product)
        return F.normalize(F.normalize(total, dim=1).flatten(1), dim=1)
        ### END SOLUTION


# %% tags=["check", "points-2"]
torch.manual_seed(0)
mine, library = NetVLAD(8, 50), mee.NetVLAD(8, 50)
library.load_state_dict(mine.state_dict())
lengths = batch.word_mask.sum(1)
offsets = torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)])
rows = batch.words[batch.word_mask]
pooled = mine(rows, offsets)
shape(pooled, (64, 400))
same(pooled, library(*batch.text), "the shape is right, the numbers are not")
offsets = torch.cat([offsets, offsets[-1:]])  # one more item, without rows
last = mine(rows, offsets)[-1]
assert not last.any(), "an item without rows becomes zeros"
### BEGIN HIDDEN TESTS
one = NetVLAD(1, 2).eval()  # a single centre: all shares are 1
with torch.no_grad():
    one.clusters2.copy_(torch.tensor([[[1.0], [2.0]]]))
    given = torch.tensor([[4.0, 2], [1, 3], [1, 6], [2, 2]])
    got = one(given, torch.tensor([0, 0, 1, 3, 4])).flatten().tolist()
for number, by_hand in zip(got, [0, 0, 1, 0, 0, 1, 1, 0], strict=True):
    assert -1e-4 < number - by_hand < 1e-4, "other numbers for a single centre"
### END HIDDEN TESTS
print("exercise 1: equal to the library's, without padding and without a mask")

# %% [markdown]
# **In words.** Compare both NetVLADs in training. Why would it be a fault if the one with padding let its batch norm
# see the padded rows?

# %% [markdown] tags=["written", "points-1"]
# The batch norm's mean and variance are those of the rows it sees. Padded rows would shift them by an amount that
# depends on how long the longest sentence of the batch is, so the vector of a sentence would depend on padding.
# Without padding, each row that is seen is real.

# %% [markdown]
# ## Exercise 2 (usual): a block that explains its scores
#
# Write the block. To keep it small, every expert here is one vector per clip: appearance, motion and face. `ind` says
# which clips have the expert. The score is that of [lesson 04](../04_mixture_weights.ipynb), and this block can say
# what each expert adds to it: `parts` returns (texts, clips, experts), and a score is the sum of its parts.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `embed_text`: a unit per expert, and a softmax over the weights. `embed_video`: begin with zeros, and let a unit see
# only the rows where its expert is present. `parts`: the weights of present experts are made to sum to 1, for each
# text and clip.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Indexing with `ind[name]` on both sides leaves zeros where the expert is absent: `vectors[name][ind[name]] =
# self.video_GU[name](videos[name][ind[name]])`. A part is weight times similarity, divided by the sum of the weights
# that are present; that sum is the matrix product of the weights with the transposed mask.
#
# </details>


# %% tags=["solution"]
class Block(nn.Module):
    """Text and clips into one space per expert, and their scores with a reason.

    experts: name -> (in_dim, out_dim); weights and masks are in alphabetical order.
    """

    def __init__(self, experts, text_dim):
        super().__init__()
        names = self.experts = sorted(experts)
        self.video_GU = nn.ModuleDict({e: Unit(*experts[e]) for e in names})
        self.text_GU = nn.ModuleDict({e: Unit(text_dim, experts[e][1]) for e in names})
        self.moe_fc = nn.Linear(text_dim, len(names))

    def embed_text(self, x):
        """From (texts, text_dim): {name: (texts, dim)}, weights (texts, experts)."""
        ### BEGIN SOLUTION: return vectors and weights
        return {e: self.text_GU[e](x) for e in self.experts}, self.moe_fc(x).softmax(1)
        ### END SOLUTION

    def embed_video(self, videos, ind):
        """From {name: (clips, in_dim)} and {name: (clips,) bool}:

        {name: (clips, dim)}, zeros where absent, and present (clips, experts), bool.
        """
        ### BEGIN SOLUTION: return vectors and what is present
        vectors = {}
        for e in self.experts:
            vectors[e] = torch.zeros(len(ind[e]), self.video_GU[e].fc.out_features)
            vectors[e][ind[e]] = self.video_GU[e](videos[e][ind[e]])
        return vectors, torch.stack([ind[e] for e in self.experts], 1)
        ### END SOLUTION

    def parts(self, text, video):
        """What each expert adds to each score: (texts, clips, experts), 0 if absent.

        text and video are what embed_text and embed_video return.
        """
        ### BEGIN SOLUTION: return the parts of all scores
        (texts, weights), (videos, present) = text, video
        similarity = torch.stack([texts[e] @ videos[e].T for e in self.experts], 2)
        total = weights @ present.T.float()
        return weights[:, None] * similarity / total[..., None]
        ### END SOLUTION

    def score(self, text, video):
        return self.parts(text, video).sum(2)


# %% tags=["check", "points-2"]
torch.manual_seed(0)
three = {"appearance": (1280, 32), "motion": (360, 32), "face": (128, 16)}
mine, library = Block(three, 400), mee.MEE(three, 400)
library.load_state_dict(mine.state_dict())
videos = {name: batch.videos[name] for name in three}
ind = {name: batch.ind[name] for name in three}
text, video = mine.embed_text(pooled.detach()), mine.embed_video(videos, ind)
shape(text[1], (64, 3))
shape(video[1], (64, 3))
assert not video[0]["face"][~ind["face"]].any(), "an absent face is zero"
parts = mine.parts(text, video)
shape(parts, (64, 64, 3))
wanted = library(pooled.detach(), videos, ind)
otherwise = "the sums differ: is it the batch norm's rows, or the denominator?"
same(parts.sum(2), wanted, otherwise)
face = mine.experts.index("face")
assert not parts[:, ~ind["face"], face].any(), "an absent face adds nothing"
junk = {**videos, "face": torch.where(ind["face"][:, None], videos["face"], torch.nan)}
again = mine.parts(text, mine.embed_video(junk, ind))
same(again, parts, "what stands in an absent row must not count")
### BEGIN HIDDEN TESTS
small = Block({"a": (2, 2), "b": (2, 2)}, 3)
texts = {"a": torch.tensor([[1.0, 0]]), "b": torch.tensor([[0.6, 0.8]])}
shown = {"a": torch.tensor([[0.6, 0.8], [0, 0]]), "b": torch.tensor([[0, 1.0], [1, 0]])}
has = torch.tensor([[True, True], [False, True]])
got = small.parts((texts, torch.tensor([[0.25, 0.75]])), (shown, has)).flatten()
for number, by_hand in zip(got.tolist(), [0.15, 0.6, 0, 0.6], strict=True):
    assert -1e-5 < number - by_hand < 1e-5, "other parts for two clips"
### END HIDDEN TESTS
print("exercise 2: the parts sum to the library's scores, half of the faces missing")

# %% [markdown]
# **In words.** A clip has no face. What do the parts of the other two experts say about it, compared with those of
# the same clip with a face?

# %% [markdown] tags=["written", "points-1"]
# They are larger, each by the same factor: the weights of the experts that are present are made to sum to 1, so the
# face's weight is shared out among the other two, in proportion to theirs. The part of the face is 0, which here
# means *absent*.

# %% [markdown]
# ## Exercise 3 (open-ended): a training loop of your own
#
# Write the loop that trains a `Block` and its pooling together. The lesson has one with Adam, max margin and a
# learning rate that falls. Take another loss (`mee.InfoNCELoss`), another optimiser, another size of batches, or what
# you like, as long as four epochs find films: R@10 on the validation split has to be above 25 %, where chance is 2 %.
#
# `embed(part, captions)` gives what a `Block` wants of a batch of clips: the pooled words, the videos, and `ind`.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Four lines repeat: scores from `embed_text`, `embed_video` and `score`; the loss of the scores; `backward`; a step.
# Which parameters does the optimiser have to know? The pooling has some, too.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `clips.clips_in("train")` in random order (`torch.randperm`), cut by `split(64)`; `clips.draw_captions(part)` draws
# a caption per clip; `loss(scores)` wants the right pairs on the diagonal, and they are. Forget neither
# `pool.parameters()` nor `zero_grad()`.
#
# </details>

# %%
torch.manual_seed(0)
pool = mee.NetVLAD(8, 50)


def embed(part, captions):
    b = clips.batch(part, captions, max_words=30)
    return pool(*b.text), {e: b.videos[e] for e in three}, {e: b.ind[e] for e in three}


# %% tags=["solution"]
def train(model, epochs):
    """Train a Block and pool on the training clips, in place.

    model: a Block of the three experts; epochs: int, how often each clip is seen.
    """
    ### BEGIN SOLUTION: train model and pool
    optimizer = torch.optim.Adam([*model.parameters(), *pool.parameters()], 2e-3)
    loss = mee.InfoNCELoss(0.1)
    rows = clips.clips_in("train")
    for _ in range(epochs):
        for part in rows[torch.randperm(len(rows))].split(64):
            words, videos, ind = embed(part, clips.draw_captions(part))
            text, video = model.embed_text(words), model.embed_video(videos, ind)
            optimizer.zero_grad()
            loss(model.score(text, video)).backward()
            optimizer.step()
    ### END SOLUTION


# %% tags=["check", "points-2"]
torch.manual_seed(0)
model = Block(three, 400)
before = pool.clusters.detach().clone()
train(model, epochs=0)
assert torch.equal(pool.clusters, before), "no epoch, no step"
train(model, epochs=4)
assert not torch.equal(pool.clusters, before), "the pooling is trained, too"
model.eval(), pool.eval()
val = clips.clips_in("val")
captions, positive_clip = clips.captions_of(val)
with torch.no_grad():
    text = model.embed_text(pool(*clips.text(captions, max_words=30)))
    videos, ind, _ = clips.video(val)
    scores = model.score(text, model.embed_video(videos, {e: ind[e] for e in three}))
own = scores.gather(1, positive_clip[:, None])
recall = 100 * ((scores > own).sum(1) < 10).double().mean().item()
assert not scores.isnan().any(), "scores are NaN: is a step too large?"
assert len(scores[0].unique()) > 100, "nearly all clips have the same score"
assert recall > 25, f"R@10 is {recall:.1f} %, where chance is 2 %"
print(f"exercise 3: R@10 ≈ {recall:.1f} % after four epochs, where chance is 2 %")

# %% [markdown]
# **In words.** What did you choose otherwise than the lesson, and why? How would you find out whether your choice is
# better, and not only different?

# %% [markdown] tags=["written", "points-2"]
# We took InfoNCE with a temperature of 0.1 in place of max margin, since it uses all wrong clips of a batch, and no
# falling learning rate, since four epochs are few. To find out: train both loops with the same clips, the same epochs
# and at least three seeds each, tune the learning rate of both alike, rank the same validation captions, and look at
# the paired difference with its interval. One number of one seed says only that the loop works.
