# %% [markdown]
# # Solutions: Can you write the whole model in 120 lines?
#
# Three exercises for [the lesson](../08_build_mee.ipynb): write the pieces yourself, best without looking there. Each
# check compares shapes first, then the numbers with the library's.

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/08_build_mee.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F08_build_mee.ipynb)

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
# ## Exercise 1
#
# Write the parts: NetVLAD (lesson 02), gate and unit (lesson 03). Keep the names of the parameters, so that the check
# can give the library's parts the same weights.


# %% tags=["solution"]
# write the class NetVLAD(clusters, dim) with the parameters clusters (dim, clusters)
# and clusters2 (1, dim, clusters), and with batch_norm, a BatchNorm1d of the clusters
# forward(x, mask): x (items, rows, dim), mask (items, rows), True for real rows
# -> (items, dim * clusters)
# 1. shares of a real row: softmax(batch_norm(x @ clusters)); of padding: 0
# 2. each centre sums share * (x - centre), with the centres of clusters2
# 3. each sum is scaled to length 1, then the whole
### BEGIN SOLUTION: as the comment says
class NetVLAD(nn.Module):
    def __init__(self, clusters, dim):
        super().__init__()
        self.clusters = nn.Parameter(torch.randn(dim, clusters) / dim**0.5)
        self.clusters2 = nn.Parameter(torch.randn(1, dim, clusters) / dim**0.5)
        self.batch_norm = nn.BatchNorm1d(clusters)

    def forward(self, x, mask):
        share = x.new_zeros(*mask.shape, self.clusters.shape[1])
        share[mask] = self.batch_norm(x[mask] @ self.clusters).softmax(1)
        total = share.sum(1, keepdim=True)
        residuals = x.transpose(1, 2) @ share - total * self.clusters2
        return F.normalize(F.normalize(residuals, dim=1).flatten(1), dim=1)
### END SOLUTION


# %% tags=["check", "points-2"]
torch.manual_seed(0)
mine, library = NetVLAD(8, 50), mee.NetVLAD(8, 50)
library.load_state_dict(mine.state_dict())
pooled = mine(*batch.text)
shape(pooled, (64, 400))
same(pooled, library(*batch.text), "the shape is right, the numbers are not")
longer = torch.cat([batch.words, torch.full((64, 3, 50), 9.0)], 1)
mask = torch.cat([batch.word_mask, torch.zeros(64, 3, dtype=torch.bool)], 1)
same(mine.eval()(longer, mask), mine(*batch.text), "padding must not count")
print("exercise 1, pooling: equal to the library's, whatever stands in the padding")


# %% tags=["solution"]
# write the class Unit(in_dim, out_dim): a linear layer fc, and a gate cg, a module with
# a linear layer fc and a batch_norm of its own
# forward(x): x (rows, in_dim) -> (rows, out_dim)
# 1. y = fc(x)
# 2. y * sigmoid(cg.batch_norm(cg.fc(y)))
# 3. divided by its length
### BEGIN SOLUTION: as the comment says
class Gate(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.fc, self.batch_norm = nn.Linear(dim, dim), nn.BatchNorm1d(dim)

    def forward(self, x):
        return x * torch.sigmoid(self.batch_norm(self.fc(x)))


class Unit(nn.Module):
    def __init__(self, in_dim, out_dim):
        super().__init__()
        self.fc, self.cg = nn.Linear(in_dim, out_dim), Gate(out_dim)

    def forward(self, x):
        return F.normalize(self.cg(self.fc(x)), dim=1)
### END SOLUTION


# %% tags=["check", "points-2"]
torch.manual_seed(0)
mine, library = Unit(1280, 32), mee.GatedEmbeddingUnit(1280, 32)
library.load_state_dict(mine.state_dict())
x = batch.videos["appearance"]
shape(mine(x), (64, 32))
same(mine(x).norm(dim=1), torch.ones(64), "each row has length 1")
same(mine(x), library(x), "the lengths are right, the numbers are not")
print("exercise 1, unit: equal to the library's")

# %% [markdown] tags=["solution"]
# `share[mask] = ...` leaves the shares of padding at 0, so everything after it can sum over all rows.

# %% [markdown]
# ## Exercise 2
#
# Write the block. To keep it small, every expert here is one vector per clip: appearance, motion and face. `ind` says
# which clips have the expert. The score is that of lesson 04.


# %% tags=["solution"]
# write the class Block(experts, text_dim); experts: name -> (in_dim, out_dim). It has
# text_GU and video_GU, ModuleDicts of a Unit per name, and moe_fc, a linear layer from
# text_dim to the number of experts. Weights and masks: experts in alphabetical order.
# embed_text(x): (texts, text_dim) -> {name: (texts, dim)}, weights (texts, experts)
# embed_video(videos, ind): -> {name: (clips, dim)}, present (clips, experts), bool;
#     zeros where absent, and a unit's batch norm never meets an absent row
# score(text, video): what the two above give -> (texts, clips), the weighted mean over
#     the experts that are present
### BEGIN SOLUTION: as the comment says
class Block(nn.Module):
    def __init__(self, experts, text_dim):
        super().__init__()
        names = self.experts = sorted(experts)
        self.video_GU = nn.ModuleDict({e: Unit(*experts[e]) for e in names})
        self.text_GU = nn.ModuleDict({e: Unit(text_dim, experts[e][1]) for e in names})
        self.moe_fc = nn.Linear(text_dim, len(names))

    def embed_text(self, x):
        return {e: self.text_GU[e](x) for e in self.experts}, self.moe_fc(x).softmax(1)

    def embed_video(self, videos, ind):
        vectors = {}
        for e in self.experts:
            vectors[e] = torch.zeros(len(ind[e]), self.video_GU[e].fc.out_features)
            vectors[e][ind[e]] = self.video_GU[e](videos[e][ind[e]])
        return vectors, torch.stack([ind[e] for e in self.experts], 1)

    def score(self, text, video):
        (texts, weights), (videos, present) = text, video
        query = [weights[:, [i]] * texts[e] for i, e in enumerate(self.experts)]
        gallery = torch.cat([videos[e] for e in self.experts], 1)
        return (torch.cat(query, 1) @ gallery.T) / (weights @ present.T.float())
### END SOLUTION


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
scores = mine.score(text, video)
shape(scores, (64, 64))
wanted = library(pooled.detach(), videos, ind)
same(scores, wanted, "scores differ: is it the batch norm's rows, or the denominator?")
junk = {**videos, "face": torch.where(ind["face"][:, None], videos["face"], torch.nan)}
again = mine.score(text, mine.embed_video(junk, ind))
same(again, scores, "what stands in an absent row must not count")
print("exercise 2: scores equal to the library's, with half of the faces missing")

# %% [markdown] tags=["solution"]
# Indexing with `ind[e]` on both sides does it: the unit sees present rows only, and the zeros around them stay.

# %% [markdown]
# ## Exercise 3
#
# Write loss, measure and loop. First come the two that turn scores into a number.


# %% tags=["solution"]
# write max_margin(scores, margin=0.2): scores (n, n), right pairs on the diagonal
# -> the mean of max(0, margin + wrong - right) over all wrong pairs, both directions
# and recall_at_10(scores, positive_clip): scores (texts, clips), and the column of
# each text's own clip (texts,) -> R@10 in percent
### BEGIN SOLUTION: as the comment says
def max_margin(scores, margin=0.2):
    right, n = scores.diagonal(), len(scores)
    hinge = F.relu(margin + scores - right[:, None]) + F.relu(margin + scores - right)
    return hinge[~torch.eye(n, dtype=torch.bool)].sum() / (2 * n * (n - 1))


def recall_at_10(scores, positive_clip):
    right = scores.gather(1, positive_clip[:, None])
    return 100 * ((scores > right).sum(1) < 10).double().mean().item()
### END SOLUTION


# %% tags=["check", "points-2"]
wanted = mee.MaxMarginRankingLoss(0.2)(scores)
same(max_margin(scores), wanted, "the loss is not the library's")
falling = torch.arange(40.0).flip(0).repeat(4, 1)
ranks = torch.tensor([1, 10, 11, 40])
assert recall_at_10(falling, ranks - 1) == 50, "ranks 1 and 10 count, 11 and 40 do not"
print("exercise 3, loss and measure: right")

# %% [markdown]
# Now the loop. `pool` pools words, and `embed(part, captions)` gives what a `Block` wants of a batch of clips: the
# pooled words, the videos, and `ind`.

# %%
torch.manual_seed(0)
pool = mee.NetVLAD(8, 50)


def embed(part, captions):
    b = clips.batch(part, captions, max_words=30)
    return pool(*b.text), {e: b.videos[e] for e in three}, {e: b.ind[e] for e in three}


# %% tags=["solution"]
# write train(model, epochs): Adam with lr 2e-3 over the parameters of model and of pool
# each epoch takes clips.clips_in("train") in random order, 64 at a time, draws captions
# with clips.draw_captions(part), and makes a step with max_margin
### BEGIN SOLUTION: as the comment says
def train(model, epochs):
    optimizer = torch.optim.Adam([*model.parameters(), *pool.parameters()], 2e-3)
    rows = clips.clips_in("train")
    for _ in range(epochs):
        for part in rows[torch.randperm(len(rows))].split(64):
            words, videos, ind = embed(part, clips.draw_captions(part))
            text, video = model.embed_text(words), model.embed_video(videos, ind)
            optimizer.zero_grad()
            max_margin(model.score(text, video)).backward()
            optimizer.step()
### END SOLUTION


# %% tags=["check", "points-2"]
torch.manual_seed(0)
model = Block(three, 400)
train(model, epochs=4)
model.eval(), pool.eval()
val = clips.clips_in("val")
captions, positive_clip = clips.captions_of(val)
with torch.no_grad():
    text = model.embed_text(pool(*clips.text(captions, max_words=30)))
    videos, ind, _ = clips.video(val)
    scores = model.score(text, model.embed_video(videos, {e: ind[e] for e in three}))
recall = recall_at_10(scores, positive_clip)
assert recall > 25, f"R@10 is {recall:.1f} %, where chance is 2 %"
print(f"exercise 3, loop: R@10 ≈ {recall:.1f} % after four epochs, where chance is 2 %")

# %% [markdown] tags=["solution"]
# The order of `zero_grad`, `backward` and `step` is all there is to a loop. Without audio and after four epochs, this
# model finds less than the lesson's, and far more than chance.
