# %% [markdown] slideshow={"slide_type": "slide"}
# # Can you write the whole model in 120 lines?
#
# **You will learn** to assemble what the earlier lessons took apart (pooling, gate, unit, block, score, batch, loss,
# measure and loop, a few lines each), to check each piece against the library, and to train a model that finds films.
#
# **You need** lessons [02](02_words_and_netvlad.ipynb) to [07](07_retrieval_metrics.ipynb). Only the assembly is new.
#
# **Minutes** 75

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/08_build_mee.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F08_build_mee.ipynb)

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

# %% slideshow={"slide_type": "skip"}
import torch
import torch.nn.functional as F
from lesson import describe, draw, results
from torch import nn
from torch.testing import assert_close

torch.set_printoptions(precision=2, sci_mode=False)

# %% tags=["remove-input"]
draw("here_08", "You are here: the whole model, from NetVLAD to the loss.")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## The plan: follow the shapes
#
# You have met each part of this drawing. A name over an arrow is a layer; a box is a tensor with its shape, here for
# three [captions](glossary.md#caption) and three [clips](glossary.md#clip).

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw("08_shapes", "Each arrow changes a shape; in the score all shapes meet.")

# %% [markdown] slideshow={"slide_type": "skip"}
# Each layer now becomes a class or a function, from the inside out, and the next piece needs to know only the *shape*
# of what comes out. None of the pieces has more than twenty lines.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw("08_pieces", "Arrows lead to what takes the result; all meet in the score.")

# %% [markdown] slideshow={"slide_type": "skip"}
# To follow the shapes, take a small [batch](glossary.md#batch) of TinyClips: three clips with one caption each.
# `read_clips` reads a [clip file](glossary.md#clip-file); `clips.batch` makes a padded batch, as the library's training
# does.

# %% slideshow={"slide_type": "skip"}
from mee import read_clips

clips = read_clips("data/tinyclips.h5")
clip_ids = torch.tensor([0, 1, 3])
captions = torch.stack([clips.captions_of([clip])[0][0] for clip in clip_ids])
few = clips.batch(clip_ids, captions)
for clip, caption in zip(clip_ids, captions, strict=True):
    has = [e for i, e in enumerate(clips.experts) if clips.present[clip, i]]
    print(clips.ids[clip], has)
    print("   ", clips.texts[caption])


# %% [markdown] slideshow={"slide_type": "skip"}
# > **Predict.** The longest of these captions decides how many words the batch has. A word vector has 50 numbers. What
# > is the shape of the batch's words?

# %% slideshow={"slide_type": "skip"}
print("words", tuple(few.words.shape))
for name, x in few.videos.items():
    print(f"{name:10}", tuple(x.shape))


# %% [markdown] slideshow={"slide_type": "skip"}
# Three captions, each padded to the longest, with 50 numbers per word. Audio has a third dimension too, because a sound
# is a sequence of rows. The other experts have one row per clip, whether the clip has the expert or not.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## NetVLAD makes one vector of many rows
#
# `(items, rows, dim) → (items, dim × clusters)`
#
# [NetVLAD](glossary.md#netvlad) shares each real row out among the centres, and each centre sums how its rows differ
# from it. Then each sum is scaled to length 1, and so is the whole ([lesson 02](02_words_and_netvlad.ipynb)).
#
# Indexing with the mask leaves the [padding](glossary.md#padding) out. A padded row has a share of 0 in every centre
# and never enters the [batch norm](glossary.md#batch-normalisation): a batch's mean and variance should not depend on
# the length of its longest caption.


# %%
class NetVLAD(nn.Module):
    # any number of rows into one vector (lesson 02)
    def __init__(self, clusters, dim):
        super().__init__()
        self.clusters = nn.Parameter(torch.randn(dim, clusters) / dim**0.5)
        self.clusters2 = nn.Parameter(torch.randn(1, dim, clusters) / dim**0.5)
        self.batch_norm = nn.BatchNorm1d(clusters)

    # (items, rows, dim), (items, rows) -> (items, dim * clusters)
    def forward(self, x, mask):
        share = x.new_zeros(*mask.shape, self.clusters.shape[1])
        # real rows only
        share[mask] = self.batch_norm(x[mask] @ self.clusters).softmax(1)
        total = share.sum(1, keepdim=True)
        residuals = x.transpose(1, 2) @ share - total * self.clusters2
        return F.normalize(F.normalize(residuals, dim=1).flatten(1), dim=1)


# %% [markdown] slideshow={"slide_type": "skip"}
# Does your NetVLAD compute what the library's does? Its parameters have the library's names, so the weights of one load
# into the other. `same` compares two outputs and prints their shape if they are equal.

# %% slideshow={"slide_type": "skip"}
import mee


def same(mine, packaged, what):
    assert_close(mine, packaged, rtol=1e-4, atol=1e-6)
    print(f"{what}: {tuple(mine.shape)}, equal to the library's")


torch.manual_seed(0)
pool, library_pool = NetVLAD(8, 50), mee.NetVLAD(8, 50)
library_pool.load_state_dict(pool.state_dict())
same(pool(*few.text), library_pool(*few.text), "pooled sentences")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A unit is a linear layer, a gate and a length of 1
#
# `(rows, in) → (rows, out)`
#
# A gate multiplies each dimension by a number between 0 and 1 that depends on all dimensions. A [gated embedding
# unit](glossary.md#gated-embedding-unit) is a linear layer, the gate, and a division by the length ([lesson
# 03](03_gating.ipynb)).


# %%
class Gate(nn.Module):
    # each dimension times a number between 0 and 1 (lesson 03)
    def __init__(self, dim):
        super().__init__()
        self.fc, self.batch_norm = nn.Linear(dim, dim), nn.BatchNorm1d(dim)

    # (rows, dim) -> (rows, dim)
    def forward(self, x):
        return x * torch.sigmoid(self.batch_norm(self.fc(x)))


class Unit(nn.Module):
    # a linear layer, the gate, length 1 (lesson 03)
    def __init__(self, in_dim, out_dim):
        super().__init__()
        self.fc, self.cg = nn.Linear(in_dim, out_dim), Gate(out_dim)

    # (rows, in_dim) -> (rows, out_dim)
    def forward(self, x):
        return F.normalize(self.cg(self.fc(x)), dim=1)


# %% slideshow={"slide_type": "skip"}
torch.manual_seed(0)
unit, library_unit = Unit(1280, 128), mee.GatedEmbeddingUnit(1280, 128)
library_unit.load_state_dict(unit.state_dict())
picture = few.videos["appearance"]
same(unit(picture), library_unit(picture), "appearance")
print("lengths", unit(picture).norm(dim=1).detach())

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The block holds two units per expert
#
# The block has a NetVLAD for the words and one for each expert that is a sequence; two units per expert, one for each
# side; and the linear layer of the [mixture weights](glossary.md#mixture-weight). `experts` maps each name to the size
# of a feature row and the size of the embedding.


# %%
class MEE(nn.Module):
    # experts: name -> (numbers in a row of its features, numbers of its embedding)
    # clusters: sequence expert -> NetVLAD centres
    def __init__(self, experts, word_dim, clusters, text_clusters):
        super().__init__()
        names = self.experts = sorted(experts)
        self.text_pooling = NetVLAD(text_clusters, word_dim)
        pooling = {e: NetVLAD(k, experts[e][0]) for e, k in clusters.items()}
        self.pooling = nn.ModuleDict(pooling)
        text_dim = word_dim * text_clusters
        width = {e: experts[e][0] * clusters.get(e, 1) for e in names}
        self.video_GU = nn.ModuleDict({e: Unit(width[e], experts[e][1]) for e in names})
        self.text_GU = nn.ModuleDict({e: Unit(text_dim, experts[e][1]) for e in names})
        self.moe_fc = nn.Linear(text_dim, len(names))


# %% [markdown] slideshow={"slide_type": "skip"}
# > **Predict.** Audio is a sequence of rows of 64 numbers, pooled with 4 centres. How many numbers does its unit take?

# %% slideshow={"slide_type": "skip"}
dims = {name: (expert.dim, 128) for name, expert in clips.experts.items()}
torch.manual_seed(0)
model = MEE(dims, word_dim=50, clusters={"audio": 4}, text_clusters=8)
for name, (in_dim, _) in dims.items():
    width = model.video_GU[name].fc.in_features
    print(f"{name:10} {in_dim:5} numbers per row, {width:5} into its unit")
print(f"{sum(p.numel() for p in model.parameters()):,} parameters")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## A sentence becomes vectors and weights
#
# `(texts, words, 50) → per expert (texts, 128), and weights (texts, experts)`
#
# To keep the cells short, the methods join the class one at a time; in a file they stand inside it. A sentence is
# pooled once. From the pooled sentence each expert's unit makes a vector, and a softmax makes the weights ([lesson
# 04](04_mixture_weights.ipynb)).


# %% slideshow={"slide_type": "skip"}
# (texts, words, word_dim) -> {expert: (texts, dim)}, weights (texts, experts)
def embed_text(self, words, mask):
    pooled = self.text_pooling(words, mask)
    vectors = {e: self.text_GU[e](pooled) for e in self.experts}
    return vectors, self.moe_fc(pooled).softmax(1)


MEE.embed_text = embed_text
vectors, weights = model.embed_text(*few.text)
print({name: tuple(x.shape) for name, x in vectors.items()})
print("weights", weights.detach(), sep="\n")

# %% [markdown] slideshow={"slide_type": "skip"}
# Each row of weights sums to 1. Before training, a sentence trusts all four experts alike.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## A clip becomes vectors, and a record of what is present
#
# `per expert (clips, rows, dim) → per expert (clips, 128), and present (clips, experts)`
#
# All experts come in one form: rows, and a mask that says which rows are real. An expert without a real row is
# [absent](glossary.md#absent). The code makes two choices, for the reasons that [lesson 05](05_missing_faces.ipynb)
# gave:
#
# - Only present rows go through a unit, so its batch norm sees real faces, not gaps.
# - In the embedding an absent row is zero: its inner product with any sentence is 0, which adds nothing to a sum.


# %% slideshow={"slide_type": "skip"}
# {expert: (rows, mask)} -> {expert: (clips, dim)}, present (clips, experts)
def embed_video(self, videos):
    present = torch.stack([videos[e][1].any(1) for e in self.experts], 1)
    vectors = {}
    for e, here in zip(self.experts, present.T, strict=True):
        x, mask = videos[e]
        x = self.pooling[e](x, mask) if e in self.pooling else x[:, 0]
        vectors[e] = x.new_zeros(len(x), self.video_GU[e].fc.out_features)
        # the unit sees present rows only; the others stay zero
        vectors[e][here] = self.video_GU[e](x[here])
    return vectors, present


MEE.embed_video = embed_video

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The score is a weighted mean
#
# `text and video embeddings → (texts, clips)`
#
# The score is the [weighted mean](glossary.md#weighted-mean) over the present experts, written as two matrix products
# (lesson 04 derived them). The sentence's vectors are multiplied by its weights. In the numerator absent experts are
# zero and add nothing; in the denominator `present` leaves their weights out.
#
# A clip without any expert would score 0/0, and NaN, which is neither above nor below anything, has no rank. Such a
# clip gets −1 instead, the lowest mean of cosines, and ranks last. The `clamp` protects the gradient: `masked_fill`
# hides a NaN in the score, but not in the score's gradient.


# %%
# the weighted mean over the experts that are present (lesson 04) -> (texts, clips)
def score(self, text, video):
    (texts, weights), (videos, present) = text, video
    weighted = [weights[:, [i]] * texts[e] for i, e in enumerate(self.experts)]
    gallery = torch.cat([videos[e] for e in self.experts], 1)
    total = weights @ present.T.to(weights)
    scores = torch.cat(weighted, 1) @ gallery.T / total.clamp(min=1e-12)
    # a clip without any expert ranks last
    return scores.masked_fill(~present.any(1), -1)


MEE.score = score

# %% [markdown] slideshow={"slide_type": "skip"}
# ## A batch is padded rows and a mask
#
# `numbers of captions → (texts, words, 50)`, `numbers of clips → per expert (clips, rows, dim)`, each with its mask
#
# `pad` turns a list of tables of different lengths into one block and a mask. An empty table becomes nothing but
# padding.


# %% slideshow={"slide_type": "skip"}
# a list of (length, dim) -> (items, longest, dim), and which rows are real
def pad(tables):
    longest = max(1, *map(len, tables))
    mask = torch.arange(longest) < torch.tensor([[len(x)] for x in tables])
    out = torch.zeros(*mask.shape, tables[0].shape[1])
    out[mask] = torch.cat(tables).float()
    return out, mask


padded, mask = pad([torch.ones(2, 3), torch.ones(0, 3), torch.ones(1, 3)])
print(padded[..., 0], mask, sep="\n")

# %% [markdown] slideshow={"slide_type": "skip"}
# `words.ids` gives the vocabulary's number of each word, and leaves out words that the vocabulary lacks. A caption is
# cut after 30 words. An expert's `offsets` say where the rows of each clip start and end ([lesson
# 01](01_clips_and_experts.ipynb)).


# %% slideshow={"slide_type": "skip"}
# numbers of captions -> (texts, longest, word_dim), and which words are real
def text_batch(clips, captions):
    known = [clips.words.ids(clips.texts[caption])[:30] for caption in captions]
    return pad([clips.words.vectors[ids] for ids in known])


# numbers of clips -> {expert: (a block (clips, longest, dim), which rows are real)}
def video_batch(clips, clip_ids):
    videos = {}
    for name, expert in clips.experts.items():
        ends = zip(expert.offsets[clip_ids], expert.offsets[clip_ids + 1], strict=True)
        videos[name] = pad([expert.features[start:end] for start, end in ends])
    return videos


words, videos = text_batch(clips, captions), video_batch(clips, clip_ids)
same(words[0], few.words, "words")
for name, (x, mask) in videos.items():
    print(f"{name:10} {tuple(x.shape)}, real rows {mask.sum(1).tolist()}")


# %% [markdown] slideshow={"slide_type": "skip"}
# The shapes agree with those of the batch above, with one difference: here every expert has rows, so one vector per
# clip, (3, 1280), has become one row per clip, (3, 1, 1280). The first film shows no face, so no row of its face is
# real.
#
# > **Predict.** Take all four experts away from the second film. What does that film score with
# > each of the three sentences?

# %% slideshow={"slide_type": "skip"}
with torch.no_grad():
    text = model.embed_text(*words)
    vectors, present = model.embed_video(videos)
    print("all present", model.score(text, (vectors, present)), sep="\n")
    present[1] = False
    print("second without experts", model.score(text, (vectors, present)), sep="\n")


# %% [markdown] slideshow={"slide_type": "skip"}
# The film's column is −1; the other two columns stay as they were.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Compare with the library
#
# Now compare the whole model: the same weights and the same 64 clips, in training mode, as a new model is. The
# library's whole model is `VideoTextMEE`, which keeps its block in an attribute `mee`. So the names of the block's
# parameters begin with `mee.`, and the dict `names` leads from your names to the library's. `draw_captions` draws one
# caption for each clip. About half of these clips show no face, and some have no sound.

# %% slideshow={"slide_type": "slide"}
from mee import ModelConfig, VideoTextMEE

config = ModelConfig(dims, word_dim=50, clusters={"audio": 4}, text_clusters=8)
torch.manual_seed(0)
model, library = MEE(dims, 50, {"audio": 4}, 8), VideoTextMEE(config)
names = {key.removeprefix("mee."): key for key in library.state_dict()}
library.load_state_dict({names[key]: x for key, x in model.state_dict().items()})

part = clips.clips_in("train")[:64]
drawn = clips.draw_captions(part, torch.Generator().manual_seed(0))
words, videos = text_batch(clips, drawn), video_batch(clips, part)
batch = clips.batch(part, drawn, max_words=30)

mine = model.score(model.embed_text(*words), model.embed_video(videos))
packaged = library(*batch.text, *batch.video)
same(mine, packaged, "scores")
print({name: int((~mask.any(1)).sum()) for name, (_, mask) in videos.items()}, "absent")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## The loss turns scores into one number
#
# `(texts, clips) → one number`
#
# The [max-margin ranking loss](glossary.md#max-margin-ranking-loss) asks each right pair to beat each wrong one by the
# margin, in both directions ([lesson 06](06_ranking_loss.ipynb)).


# %% slideshow={"slide_type": "skip"}
# right pairs on the diagonal, both directions (lesson 06)
def max_margin(scores, margin=0.2):
    right, n = scores.diagonal(), len(scores)
    hinge = F.relu(margin + scores - right[:, None]) + F.relu(margin + scores - right)
    return hinge[~torch.eye(n, dtype=torch.bool)].sum() / (2 * n * (n - 1))


loss, library_loss = max_margin(mine), mee.MaxMarginRankingLoss(0.2)(packaged)
print(f"loss ≈ {loss:.4f}, the library's ≈ {library_loss:.4f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# Equal losses are not enough: training follows the gradients, and one number can be right by accident. So compare
# every gradient. `difference` is the largest difference over all parameters.

# %% slideshow={"slide_type": "skip"}
loss.backward()
library_loss.backward()
gradients = {names[key]: p.grad for key, p in model.named_parameters()}
pairs = [(gradients[key], p.grad) for key, p in library.named_parameters()]
largest = max(g.abs().max() for g, _ in pairs)
difference = max((g - other).abs().max() for g, other in pairs)
print(f"{len(pairs)} tensors of gradients, largest entry ≈ {largest:.4f}")
print(f"largest difference from the library's ≈ {difference:.8f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# Only rounding is left. The model is the library's, down to the step that training would take.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## The measure counts right clips near the top
#
# `(texts, clips) → R@10 in percent`
#
# The [rank](glossary.md#rank) of the right clip is one more than the number of clips above it, and R@10 is the
# percentage of captions whose rank is at most 10 ([lesson 07](07_retrieval_metrics.ipynb)). Among 500 clips, chance is
# 2 %.


# %% slideshow={"slide_type": "skip"}
# in percent, text to clip; tied clips share the mean of their ranks (lesson 07)
@torch.no_grad()
def recall_at_10(model, clips, split):
    clip_ids = clips.clips_in(split)
    captions, positive_clip = clips.captions_of(clip_ids)
    video = model.embed_video(video_batch(clips, clip_ids))
    scores = model.score(model.embed_text(*text_batch(clips, captions)), video)
    right = scores.gather(1, positive_clip[:, None])
    ranks = (scores > right).sum(1) + ((scores == right).sum(1) + 1) / 2
    return 100 * (ranks <= 10).double().mean().item()


untrained = recall_at_10(model.eval(), clips, "val")
print(f"untrained: R@10 ≈ {untrained:.1f} % of the validation captions")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## The loop repeats one step
#
# A training step scores 64 clips against 64 captions, and moves every parameter against its gradient.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw("08_step", "A training step: forward to one number, back to every parameter.")

# %% [markdown] slideshow={"slide_type": "skip"}
# Each epoch shuffles the clips and takes 64 at a time; the last 16, too few for a batch, are left out. After each epoch
# the learning rate falls by 5 %. (`fused=True` only makes Adam faster.) [Lesson 09](09_training.ipynb) asks when to
# stop; ten epochs will do here.


# %% slideshow={"slide_type": "skip"}
def train(model, clips, epochs=10, lr=2e-3, size=64, seed=0):
    g, clip_ids = torch.Generator().manual_seed(seed), clips.clips_in("train")
    optimizer = torch.optim.Adam(model.parameters(), lr, fused=True)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.95)
    for epoch in range(epochs):
        order = clip_ids[torch.randperm(len(clip_ids), generator=g)]
        losses = []
        for part in order.split(size)[: len(clip_ids) // size]:
            words = text_batch(clips, clips.draw_captions(part, g))
            video = model.embed_video(video_batch(clips, part))
            loss = max_margin(model.score(model.embed_text(*words), video))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        print(f"epoch {epoch + 1:2}: loss ≈ {sum(losses) / len(losses):.4f}")
    return model.eval()


# %% [markdown] slideshow={"slide_type": "slide"}
# > **Predict.** What will R@10 be on the validation films after ten epochs (about half a minute): 10, 30, 60 or 90
# > percent?

# %% slideshow={"slide_type": "slide"}
torch.manual_seed(0)
model = train(MEE(dims, 50, {"audio": 4}, 8), clips)
trained = recall_at_10(model, clips, "val")
print(f"R@10 ≈ {trained:.1f} %")

# %% [markdown] slideshow={"slide_type": "skip"}
# Two captions in three find their film among the first ten of 500. The loss was still falling after ten epochs;
# [lesson 09](09_training.ipynb) asks what that means.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Does it find films?
#
# Rank the validation films for one sentence. Change the sentence and run both cells again.

# %% slideshow={"slide_type": "skip"} tags=["nbval-ignore-output"]
sentence = "a bell rings in the city"
val = clips.clips_in("val")
with torch.no_grad():
    text = model.embed_text(*pad([clips.words.vectors[clips.words.ids(sentence)]]))
    video = model.embed_video(video_batch(clips, val))
    scores = model.score(text, video)[0]
best = scores.argsort(descending=True)[:4]
print("; ".join(f"{clips.ids[val[i]]} ≈ {scores[i]:.2f}" for i in best))

# %% [markdown] slideshow={"slide_type": "skip"}
# A score is a weighted mean, so it is a sum with one part per present expert: the sentence's weight, divided by the sum
# of the present weights, times the similarity. `results` of the book's `lesson.py` draws these parts beside the films;
# it takes the library's `Hit`, an id with a score and its parts.

# %% slideshow={"slide_type": "slide"} tags=["nbval-ignore-output"]
from mee.search import Hit


def hit(i):
    (texts, weights), (videos, present) = text, video
    share = weights[0] * present[i] / weights[0][present[i]].sum()
    parts = {}
    for e, w in zip(model.experts, share, strict=True):
        parts[e] = (w * (texts[e][0] @ videos[e][i])).item()
    return Hit(clips.ids[val[i]], scores[i].item(), parts=parts)


found = [hit(i) for i in best]
results(clips, found, caption=f"The first four films for “{sentence}”, by your model.")

# %% [markdown] slideshow={"slide_type": "skip"}
# Cities and bells come first. Try *a red car in the city at night* as well, and compare colours and places with what
# you asked for. [Lesson 15](15_wrong_answers.ipynb) is about such answers.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## The trap: it runs, so it is right
#
# A mistake in a network seldom raises an error. Public code has this one (number 14 in the [table of
# traps](traps.md)): all rows go through the units, absent ones included, and are set to zero only afterwards. So the
# batch norm counts the absent rows as faces of zeros.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw("08_zeros_counted", "Zeros counted as faces move the mean and change real faces.")

# %% [markdown] slideshow={"slide_type": "skip"}
# In code the mistake looks harmless:


# %% slideshow={"slide_type": "skip"}
class Careless(MEE):
    def embed_video(self, videos):
        present = torch.stack([videos[e][1].any(1) for e in self.experts], 1)
        vectors = {}
        for i, e in enumerate(self.experts):
            x, mask = videos[e]
            x = self.pooling[e](x, mask) if e in self.pooling else x[:, 0]
            # the batch norm has seen the zeros
            vectors[e] = self.video_GU[e](x) * present[:, [i]]
        return vectors, present


# %% [markdown] slideshow={"slide_type": "skip"}
# > **Predict.** Train it like yours. Will its R@10 be lower by 1 point, by 10, or by 30?

# %% slideshow={"slide_type": "skip"}
torch.manual_seed(0)
careless = train(Careless(dims, 50, {"audio": 4}, 8), clips)
recall = recall_at_10(careless, clips, "val")
print(f"careless: R@10 ≈ {recall:.1f} %, yours: ≈ {trained:.1f} %")

# %% [markdown] slideshow={"slide_type": "skip"}
# The loss falls as yours did, and R@10 is close to yours. Neither number reveals the mistake. So give both models the
# same weights and the same 64 clips, and compare their scores.

# %% slideshow={"slide_type": "skip"}
torch.manual_seed(0)
right, careless = MEE(dims, 50, {"audio": 4}, 8), Careless(dims, 50, {"audio": 4}, 8)
careless.load_state_dict(right.state_dict())
words, videos = text_batch(clips, drawn), video_batch(clips, part)


def mean_difference(training):
    """How far the two models' scores differ, clip by clip."""
    models = right.train(training), careless.train(training)
    with torch.no_grad():
        a, b = (m.score(m.embed_text(*words), m.embed_video(videos)) for m in models)
    return (a - b).abs().mean(0)


# %% [markdown] slideshow={"slide_type": "slide"}
# > **Predict.** Do the scores differ in evaluation mode, in training mode, or in both? And for which clips?

# %% slideshow={"slide_type": "slide"}
evaluation, training = mean_difference(False), mean_difference(True)
face, sound = videos["face"][1].any(1), videos["audio"][1].any(1)
groups = {"a face": face, "sound, no face": sound & ~face, "neither": ~sound & ~face}
print(f"{'difference':18} evaluation  training")
for who, group in groups.items():
    off = [float(x[group].mean()) for x in (evaluation, training)]
    print(f"{who:14} {group.sum():3}     {off[0]:.4f}    {off[1]:.4f}")


# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert_close(loss, library_loss, rtol=1e-5, atol=1e-7)
assert difference < 1e-6 < 1e-3 < largest
assert untrained < 8 and 60 < trained < 75
wanted = [describe(clips.facts[i]) for i in val[best].tolist()]
assert sum("city" in words and "bell" in words for words in wanted) >= 3
assert all(abs(sum(each.parts.values()) - each.score) < 1e-5 for each in found)
assert abs(recall - trained) < 5
assert evaluation.max() < 1e-5
assert training[face].mean() > 1.3 * training[groups["sound, no face"]].mean() > 0
assert training[groups["neither"]].max() < 1e-5

# %% [markdown] slideshow={"slide_type": "skip"}
# In evaluation mode the scores are equal: the batch norm uses its [running
# statistics](glossary.md#running-statistics) and ignores the batch. In training mode what the clips *have* comes out
# wrong, because zeros were counted as faces and silence as sound. Clips that have neither keep their scores.
#
# Loss and R@10 did not show the mistake, and a comparison in evaluation mode would not either. A comparison with a
# second implementation, in training mode and with experts missing, did. If you write a model from a paper, write this
# test too.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## All of it fits in one file
#
# The file [`mee_mini.py`](mee_mini.py) beside this notebook holds all the pieces: `python mee_mini.py` trains the
# model, and tests compare it with this lesson and with the library. How many lines of code does it have, without blank
# lines and comments?

# %% slideshow={"slide_type": "skip"}
from pathlib import Path

lines = [line.strip() for line in Path("mee_mini.py").read_text().splitlines()]
print(sum(bool(line) and not line.startswith(("#", '"""')) for line in lines))

# %% [markdown] slideshow={"slide_type": "slide"}
# The library's model, loss and loop are longer because they do what a lesson can do without. They say what is wrong
# with an input instead of failing somewhere inside. They know every shape beforehand, so a GPU never waits. They do
# not count pairs that share a clip or a sentence as negatives. They accept a batch with a single face, where
# `nn.BatchNorm1d` raises an error. And they resume a run that was stopped.
#
# ## Summary
#
# The model is a pooling, a gate, a unit, two lists of units, a softmax and a weighted mean; with batch, loss, measure
# and loop it stays below 120 lines. The shapes say how the pieces fit. Equality with a second implementation, of scores
# and gradients, in training mode and with experts missing, says that they are right. A falling loss and a good R@10 do
# not.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# Ten questions: choose an answer, and read why it is right or wrong.

# %% tags=["quiz", "remove-input"]
from lesson import quiz

quiz("08")

# %% [markdown]
# ## Exercises
#
# Stubs of the pieces, each with something new, and checks of their shapes and of their equality with the library:
#
# 1. Pooling without padding, from rows and offsets.
# 2. The block: both embeddings, and a score that says what each expert adds.
# 3. A training loop of your own, up to a model that finds films.
#
# Write them in the [exercise notebook](exercises/08_build_mee.ipynb), best without looking here; one way to do it is in
# the [solutions](solutions/08_build_mee.ipynb).
#
# ## Where next
#
# Back to [retrieval metrics](07_retrieval_metrics.ipynb), or on to [training](09_training.ipynb): curves, overfitting,
# seeds, and when to stop.
