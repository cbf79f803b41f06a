# %% [markdown] slideshow={"slide_type": "slide"}
# # Can you write the whole model in 120 lines?
#
# **You will learn** to put together what the lessons before took apart: pooling, gate, unit, block, score, batch, loss,
# measure and loop, each of a few lines; to check each against the library; and to train them to a model that finds
# films.
#
# **You need** lessons [02](02_words_and_netvlad.ipynb) to [07](07_retrieval_metrics.ipynb). Nothing here is new except
# the assembly.
#
# **Minutes** 75

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/08_build_mee.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F08_build_mee.ipynb)

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
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from lesson import describe, show
from torch import nn
from torch.testing import assert_close

torch.set_printoptions(precision=2, sci_mode=False)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The plan
#
# ```text
# a sentence
#   words (texts, words, 50) --- NetVLAD, 8 centres --> (texts, 400)
#   (texts, 400) --------------- a unit per expert ---> 4 x (texts, 128)
#   (texts, 400) --------------- linear, softmax -----> weights (texts, 4)
# a clip
#   sound (clips, rows, 64) ---- NetVLAD, 4 centres --> (clips, 256)
#   sound (clips, 256) --------- unit ----------------> (clips, 128)
#   appearance (clips, 1280) --- unit ----------------> (clips, 128)
#   motion (clips, 360) -------- unit ----------------> (clips, 128)
#   face (clips, 128) ---------- unit ----------------> (clips, 128)
# score
#   weighted mean of 4 inner products ----------------> (texts, clips)
# ```
#
# You have met each part of this drawing. Now each becomes a class or a function, from the inside out, and the next one
# needs to know only its *shape*:
#
# | piece | takes | gives |
# | --- | --- | --- |
# | `NetVLAD` | (items, rows, dim), and which rows are real | (items, dim × clusters) |
# | `Gate`, `Unit` | (rows, in) | (rows, out), each of length 1 |
# | `embed_text` | (texts, words, 50) | a vector per expert, and weights (texts, experts) |
# | `embed_video` | rows per expert | a vector per expert, and which are present (clips, experts) |
# | `score` | both | (texts, clips) |
#
# To follow the shapes, here is a small batch of TinyClips: three clips with a caption each. `read_clips` reads a clip
# file; `clips.batch` makes a padded batch of it, as the library's training does.

# %%
from mee import read_clips

clips = read_clips("data/tinyclips.h5")
rows = torch.tensor([0, 1, 3])
captions = torch.stack([clips.captions_of([row])[0][0] for row in rows])
few = clips.batch(rows, captions)
for row, caption in zip(rows, captions, strict=True):
    has = [e for e, yes in zip(clips.experts, clips.present[row], strict=True) if yes]
    print(clips.ids[row], has)
    print("   ", clips.texts[caption])


# %% [markdown]
# > **Predict.** The longest of these captions decides how many words the batch has. What is the shape of its word
# > vectors, if a word has 50 numbers?

# %%
print("words", tuple(few.words.shape))
for name, x in few.videos.items():
    print(f"{name:10}", tuple(x.shape))


# %% [markdown]
# Three captions, as long as the longest, 50 numbers a word. Sound has a third dimension as well: it is a sequence of
# rows. The other experts are one row per clip, whether the clip has the expert or not.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## NetVLAD
#
# `(items, rows, dim) → (items, dim × clusters)`
#
# Each real row is shared out among the centres. Each centre sums how its rows differ from it. Then each sum is scaled
# to length 1, and the whole, too ([lesson 02](02_words_and_netvlad.ipynb)).
#
# Padding is left out by indexing with the mask. A padded row has a share of 0 in every centre, and it never enters the
# batch norm: mean and variance of a batch should not depend on how long its longest caption is.


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


# %% [markdown]
# Does it do what the library's does? Its parameters have the library's names, so one can load the weights of the other.
# `same` compares two outputs, and prints the shape if they are equal.

# %%
import mee


def same(mine, librarys, what):
    assert_close(mine, librarys, rtol=1e-4, atol=1e-6)
    print(f"{what}: {tuple(mine.shape)}, equal to the library's")


torch.manual_seed(0)
pool, library_pool = NetVLAD(8, 50), mee.NetVLAD(8, 50)
library_pool.load_state_dict(pool.state_dict())
same(pool(*few.text), library_pool(*few.text), "pooled sentences")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Gate and unit
#
# `(rows, in) → (rows, out)`
#
# A gate multiplies each dimension by a number between 0 and 1 that depends on all of them. A unit is a linear layer,
# the gate, and a division by the length ([lesson 03](03_gating.ipynb)).


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


# %%
torch.manual_seed(0)
unit, library_unit = Unit(1280, 128), mee.GatedEmbeddingUnit(1280, 128)
library_unit.load_state_dict(unit.state_dict())
picture = few.videos["appearance"]
same(unit(picture), library_unit(picture), "appearance")
print("lengths", unit(picture).norm(dim=1).detach())

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The block: what it holds
#
# The block has one pooling for the words, and one for each expert that is a sequence; two units per expert, one for
# each side; and the linear layer of the mixture weights. `experts` says for each name how many numbers a row of its
# features has, and how many its embedding is to have.


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


# %% [markdown]
# > **Predict.** Sound is a sequence of rows of 64 numbers, pooled with 4 centres. How many numbers does its unit take?

# %%
dims = {name: (expert.dim, 128) for name, expert in clips.experts.items()}
torch.manual_seed(0)
model = MEE(dims, word_dim=50, clusters={"audio": 4}, text_clusters=8)
for name, (in_dim, _) in dims.items():
    width = model.video_GU[name].fc.in_features
    print(f"{name:10} {in_dim:5} numbers a row, {width:5} into its unit")
print(f"{sum(p.numel() for p in model.parameters()):,} parameters")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A sentence: vectors and weights
#
# `(texts, words, 50) → per expert (texts, 128), and weights (texts, experts)`
#
# To keep the cells short, the methods join the class one at a time; in a file they stand in it. A sentence is pooled
# once. Each expert's unit makes a vector of it, and a softmax makes the weights ([lesson
# 04](04_mixture_weights.ipynb)).


# %%
# (texts, words, word_dim) -> expert -> (texts, dim); weights (texts, experts)
def embed_text(self, words, mask):
    pooled = self.text_pooling(words, mask)
    vectors = {e: self.text_GU[e](pooled) for e in self.experts}
    return vectors, self.moe_fc(pooled).softmax(1)


MEE.embed_text = embed_text
vectors, weights = model.embed_text(*few.text)
print({name: tuple(x.shape) for name, x in vectors.items()})
print("weights", weights.detach(), sep="\n")

# %% [markdown]
# Each row of the weights sums to 1. Before training, a sentence trusts all four experts alike.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A clip: vectors, and which experts are present
#
# `per expert (clips, rows, dim) → per expert (clips, 128), and present (clips, experts)`
#
# All experts come in one form: rows, and which of them are real. An expert without a real row is absent. Two choices
# are made here, and [lesson 05](05_missing_faces.ipynb) gave the reasons:
#
# - Only present rows go through a unit, so its batch norm takes mean and variance of real faces, not of gaps.
# - In the embedding an absent row is zero: its inner product with any sentence is 0, and adds nothing to a sum.


# %%
# expert -> (rows, mask) -> expert -> (clips, dim); present (clips, experts)
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
# ## The score
#
# `text and video embeddings → (texts, clips)`
#
# The weighted mean over the experts that are present, as two matrix products; lesson 04 derived it. The vectors of a
# sentence carry its weights. In the numerator, absent experts are zero and add nothing; in the denominator, `present`
# leaves their weights out.
#
# A clip without any expert would be 0/0. A NaN is neither above nor below anything, so it has no rank. A mean of
# cosines is -1 at the lowest; the clip gets that, and ranks last. The `clamp` is for the gradient: 0/0 would make it
# NaN, although `masked_fill` hides the score itself.


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

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A batch
#
# `numbers of captions → (texts, words, 50)`, `numbers of clips → per expert (clips, rows, dim)`, each with its mask
#
# `pad` turns a list of tables of different lengths into one block and a mask. An empty table becomes padding and
# nothing else.


# %%
# a list of (length, dim) -> (items, longest, dim), and which rows are real
def pad(rows):
    longest = max(1, *map(len, rows))
    mask = torch.arange(longest) < torch.tensor([[len(x)] for x in rows])
    out = torch.zeros(*mask.shape, rows[0].shape[1])
    out[mask] = torch.cat(rows).float()
    return out, mask


padded, mask = pad([torch.ones(2, 3), torch.ones(0, 3), torch.ones(1, 3)])
print(padded[..., 0], mask, sep="\n")

# %% [markdown]
# `words.ids` gives the numbers of the words that the vocabulary knows. An expert's `offsets` say where the rows of each
# clip start and end ([lesson 01](01_clips_and_experts.ipynb)). The shapes agree with those of the batch above.


# %%
# numbers of captions -> (texts, longest, word_dim), and which words are real
def text_batch(clips, captions):
    known = [clips.words.ids(clips.texts[caption])[:30] for caption in captions]
    return pad([clips.words.vectors[ids] for ids in known])


# numbers of clips -> expert -> (clips, longest, dim), and which rows are real
def video_batch(clips, rows):
    videos = {}
    for name, expert in clips.experts.items():
        ends = zip(expert.offsets[rows], expert.offsets[rows + 1], strict=True)
        videos[name] = pad([expert.features[start:end] for start, end in ends])
    return videos


# %%
words, videos = text_batch(clips, captions), video_batch(clips, rows)
same(words[0], few.words, "words")
for name, (x, mask) in videos.items():
    print(f"{name:10} {tuple(x.shape)}, real rows {mask.sum(1).tolist()}")


# %% [markdown]
# The first film shows no face: no row of its face is real.
#
# > **Predict.** Take all four experts away from the second film. What do the three sentences score with it?

# %%
with torch.no_grad():
    text = model.embed_text(*words)
    vectors, present = model.embed_video(videos)
    print("all present", model.score(text, (vectors, present)), sep="\n")
    present[1] = False
    print("the second gone", model.score(text, (vectors, present)), sep="\n")


# %% [markdown]
# The other two columns stay as they were.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Against the library
#
# Now the whole model: the same weights, the same 64 clips, in training mode. About half of these clips show no face,
# and some have no sound.

# %%
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
librarys = library(*batch.text, *batch.video)
same(mine, librarys, "scores")
print({name: int((~mask.any(1)).sum()) for name, (_, mask) in videos.items()}, "absent")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The loss
#
# `(texts, clips) → one number`
#
# Max margin, both directions, over all pairs except the right ones ([lesson 06](06_ranking_loss.ipynb)).


# %%
# right pairs on the diagonal, both directions (lesson 06)
def max_margin(scores, margin=0.2):
    right, n = scores.diagonal(), len(scores)
    hinge = F.relu(margin + scores - right[:, None]) + F.relu(margin + scores - right)
    return hinge[~torch.eye(n, dtype=torch.bool)].sum() / (2 * n * (n - 1))


loss, library_loss = max_margin(mine), mee.MaxMarginRankingLoss(0.2)(librarys)
print(f"loss ≈ {loss:.4f}, the library's ≈ {library_loss:.4f}")

# %% [markdown]
# Equal losses are not enough: training follows the gradients, and there are many ways to make one number right. So all
# of them are compared. `difference` is the largest over all parameters.

# %%
loss.backward()
library_loss.backward()
gradients = {names[key]: p.grad for key, p in model.named_parameters()}
pairs = [(gradients[key], p.grad) for key, p in library.named_parameters()]
largest = max(g.abs().max() for g, _ in pairs)
difference = max((g - other).abs().max() for g, other in pairs)
print(f"{len(pairs)} tensors of gradients, largest entry ≈ {largest:.4f}")
print(f"largest difference from the library's ≈ {difference:.8f}")

# %% tags=["hide-cell", "check"]
assert_close(loss, library_loss, rtol=1e-5, atol=1e-7)
assert difference < 1e-6 < 1e-3 < largest

# %% [markdown]
# Nothing is left but rounding. The model is the library's, down to the step that training would take.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The measure
#
# `(texts, clips) → R@10 in percent`
#
# The rank of the right clip is one more than the number of clips above it, and R@10 is the share of captions whose rank
# is at most 10 ([lesson 07](07_retrieval_metrics.ipynb)). Among 500 clips, chance is 2 %.


# %%
# in percent, text to clip; tied clips share the mean of their ranks (lesson 07)
@torch.no_grad()
def recall_at_10(model, clips, split):
    rows = clips.clips_in(split)
    captions, positive_clip = clips.captions_of(rows)
    video = model.embed_video(video_batch(clips, rows))
    scores = model.score(model.embed_text(*text_batch(clips, captions)), video)
    right = scores.gather(1, positive_clip[:, None])
    ranks = (scores > right).sum(1) + ((scores == right).sum(1) + 1) / 2
    return 100 * (ranks <= 10).double().mean().item()


untrained = recall_at_10(model.eval(), clips, "val")
print(f"untrained: R@10 ≈ {untrained:.1f} % of the validation captions")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The loop
#
# Shuffle the clips, take 64, draw a caption for each, score all with all, make a step. After each epoch the learning
# rate falls by 5 %. [Lesson 09](09_training.ipynb) asks when to stop; ten epochs will do here.


# %%
def train(model, clips, epochs=10, lr=2e-3, size=64, seed=0):
    g, rows = torch.Generator().manual_seed(seed), clips.clips_in("train")
    optimizer = torch.optim.Adam(model.parameters(), lr, fused=True)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.95)
    for epoch in range(epochs):
        order = rows[torch.randperm(len(rows), generator=g)]
        losses = []
        for part in order.split(size)[: len(rows) // size]:
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


# %% [markdown]
# > **Predict.** Ten epochs take about half a minute. What will R@10 be on the validation films: 10, 30, 60 or 90
# > percent?

# %%
torch.manual_seed(0)
model = train(MEE(dims, 50, {"audio": 4}, 8), clips)
trained = recall_at_10(model, clips, "val")
print(f"R@10 ≈ {trained:.1f} %")

# %% tags=["hide-cell", "check"]
assert untrained < 8 and 55 < trained < 80

# %% [markdown]
# Chance is 2 %. The loss was still falling after ten epochs; [lesson 09](09_training.ipynb) is about what that means.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Does it find films?
#
# These are the first validation films for a sentence. Change the sentence and run both cells again. `describe` says
# what a film holds.

# %% tags=["nbval-ignore-output"]
sentence = "a bell rings in the city"
val = clips.clips_in("val")
with torch.no_grad():
    text = model.embed_text(*pad([clips.words.vectors[clips.words.ids(sentence)]]))
    scores = model.score(text, model.embed_video(video_batch(clips, val)))[0]
best = val[scores.argsort(descending=True)[:4]]
for i in best.tolist():
    print(clips.ids[i], "|", describe(clips.facts[i]))


# %% tags=["hide-cell", "check"]
wanted = [describe(clips.facts[i]) for i in best.tolist()]
assert sum("city" in words and "bell" in words for words in wanted) >= 3

# %% tags=["hide-input", "nbval-ignore-output"]
import io

figure, axes = plt.subplots(1, len(best), figsize=(9, 2))
for axis, i in zip(axes, best.tolist(), strict=True):
    board = clips.storyboard(i)
    axis.imshow(plt.imread(io.BytesIO(board[len(board) // 2]), "jpg"))
    axis.set_title(clips.ids[i], fontsize=9)
    axis.axis("off")
films = "; ".join(describe(clips.facts[i]) for i in best.tolist())
show(figure, f"The middle frames of the four films, from left to right: {films}.")

# %% [markdown]
# Cities, and bells. Try *a red car in the city at night* as well, and compare colours and places with what you asked
# for. [Lesson 15](15_wrong_answers.ipynb) is about such answers.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The trap: it runs, so it is right
#
# A mistake in a network seldom raises an error. Here is one from public code (number 14 in the [table of
# traps](traps.md)): all rows go through the units, absent ones too, and are set to zero only afterwards.


# %%
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


# %% [markdown]
# > **Predict.** Train it like yours. Will its R@10 be lower by 1 point, by 10, or by 30?

# %%
torch.manual_seed(0)
careless = train(Careless(dims, 50, {"audio": 4}, 8), clips)
recall = recall_at_10(careless, clips, "val")
print(f"careless: R@10 ≈ {recall:.1f} %, yours: ≈ {trained:.1f} %")

# %% [markdown]
# The loss falls as yours did, and R@10 is close to yours. Neither number says that this is not the model of the paper.
#
# So give both the same weights and the same 64 clips, and compare their scores.

# %%
torch.manual_seed(0)
right, careless = MEE(dims, 50, {"audio": 4}, 8), Careless(dims, 50, {"audio": 4}, 8)
careless.load_state_dict(right.state_dict())
words, videos = text_batch(clips, drawn), video_batch(clips, part)


def mean_difference(training):
    """Of the two models' scores, clip by clip."""
    models = right.train(training), careless.train(training)
    with torch.no_grad():
        a, b = (m.score(m.embed_text(*words), m.embed_video(videos)) for m in models)
    return (a - b).abs().mean(0)


# %% [markdown]
# > **Predict.** Do the scores differ in evaluation mode, in training mode, or in both? And for which clips?

# %%
evaluation, training = mean_difference(False), mean_difference(True)
face, sound = videos["face"][1].any(1), videos["audio"][1].any(1)
groups = {"a face": face, "sound, no face": sound & ~face, "neither": ~sound & ~face}
print(f"{'difference':18} evaluation  training")
for who, group in groups.items():
    off = [float(x[group].mean()) for x in (evaluation, training)]
    print(f"{who:14} {group.sum():3}     {off[0]:.4f}    {off[1]:.4f}")


# %% tags=["hide-cell", "check"]
assert abs(recall - trained) < 5
assert evaluation.max() < 1e-5
assert training[face].mean() > 1.3 * training[groups["sound, no face"]].mean() > 0
assert training[groups["neither"]].max() < 1e-5

# %% [markdown]
# In evaluation mode there is no difference: the batch norm uses the statistics that it has collected, and does not look
# at the batch. In training mode it is what the clips *have* that comes out wrong, since zeros were counted as faces,
# and silence as sound. Clips that have neither keep their scores.
#
# Loss and R@10 did not notice, and neither would a comparison in evaluation mode. A second implementation in training
# mode, with experts missing, did. If you write a model from a paper, this is the test to have.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One file
#
# All of this is in one file, [`mee_mini.py`](mee_mini.py), beside this notebook: `python mee_mini.py` trains it. Tests
# compare it with this lesson and with the library. Lines of code, without blank lines and comments:

# %%
from pathlib import Path

lines = [line.strip() for line in Path("mee_mini.py").read_text().splitlines()]
print(sum(bool(line) and not line.startswith(("#", '"""')) for line in lines))

# %% [markdown]
# The library's model, loss and loop are longer, for what a lesson can do without. They say what is wrong with an input
# instead of failing somewhere inside. Every shape is known beforehand, so that a GPU never waits. Pairs that share a
# clip or a sentence are not negatives. A batch with a single face, where `nn.BatchNorm1d` raises an error, uses the
# statistics collected so far. And a run that was stopped can be resumed.
#
# ## Summary
#
# The model is a pooling, a gate, a unit, two lists of units, a softmax and a weighted mean; with batch, loss, measure
# and loop it is shorter than 120 lines. The shapes say how the pieces fit. Equality with a second implementation, of
# scores and gradients, in training mode and with experts missing, says that they are right. A falling loss and a good
# R@10 do not.
#
# ## Exercises
#
# Stubs of the pieces, with checks of their shapes and of their equality with the library:
#
# 1. Pooling, gate and unit.
# 2. The block: both embeddings and the score.
# 3. Loss, measure and loop, up to a model that finds films.
#
# Write them in the [exercise notebook](exercises/08_build_mee.ipynb), best without looking here; one way to do it is in
# the [solutions](solutions/08_build_mee.ipynb).
#
# ## Where next
#
# Back to [retrieval metrics](07_retrieval_metrics.ipynb), or on to [training](09_training.ipynb): curves, overfitting,
# seeds, and when to stop.
