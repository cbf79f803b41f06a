# %% [markdown]
# # What became of the idea?
#
# **You will learn** to read the weighted mean as attention; to write a transformer layer over experts by hand; to
# compare the two fairly; what modality dropout does; why InfoNCE both ways is CLIP's loss; and what people mean by a
# *mixture of experts*.
#
# **You need** [missing faces](05_missing_faces.ipynb), [losses](06_ranking_loss.ipynb) and [the whole
# model](08_build_mee.ipynb).
#
# **Minutes** 75

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/17_from_mee_to_today.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F17_from_mee_to_today.ipynb)

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
import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from lesson import draw, show
from torch import nn
from torch.testing import assert_close

torch.set_printoptions(precision=2, sci_mode=False)

# %% tags=["remove-input"]
draw("here_17", "You are here: weights and score, for which attention can stand in.")

# %% [markdown]
# ## A weighted mean is attention
#
# [Attention](glossary.md#attention) looks things up softly ([Vaswani et al., 2017](references.md#vaswani2017)). There
# are keys, each with a value, and there is a query. The query's inner products with the keys, divided by the root of
# their dimension $d$, go through a [softmax](glossary.md#softmax). The result is the mean of the values with these
# weights:
#
# $$
# \mathrm{attention}(q, K, V) = \mathrm{softmax}\!\left(\frac{K q}{\sqrt{d}}\right)^{\!\top} V
# $$
#
# > **Predict.** Look at the three keys in the next cell. Which gets most of the weight, and which value will the result
# > be near?

# %%
query = torch.tensor([1.0, 2.0])
keys = torch.tensor([[2.0, 0.0], [0.0, 2.0], [1.0, -1.0]])
values = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
weights = torch.softmax(keys @ query / 2**0.5, 0)
result = weights @ values
print("weights", weights)
print("result ", result)
assert_close(F.scaled_dot_product_attention(query[None], keys, values)[0], result)

# %% [markdown]
# The second key does: its inner product with the query is 4, and the others have 2 and -1. PyTorch's
# `scaled_dot_product_attention` takes many queries at once; the last line checks that it agrees.
#
# Now look at MEE again. Its weights are a softmax of a linear layer on the sentence:
# $w(t) = \mathrm{softmax}(W x + b)$. Read a row of $W$, with its entry of $b$ appended, as the *key* of an expert, and
# the sentence, with a 1 appended, as the *query*.

# %%
from mee import MEE

torch.manual_seed(0)
mee = MEE({"audio": (5, 4), "face": (3, 4), "motion": (6, 4)}, text_dim=8).eval()
sentences = torch.randn(2, 8)
query = torch.cat([sentences, torch.ones(2, 1)], 1)
keys = torch.cat([mee.moe_fc.weight, mee.moe_fc.bias[:, None]], 1).detach()
print(torch.softmax(query @ keys.T, 1))
print(mee.embed_text(sentences).weights.detach())

# %% [markdown]
# The weights agree. The values are the similarities that the experts find. If an expert is missing, attention masks its
# key: the key's product becomes minus infinity before the softmax. MEE takes the softmax first, and divides by the sum
# of the weights that are left.
#
# > **Predict.** Do the two orders give the same weights?

# %%
present = torch.tensor([True, False, True])  # no face
scores = query[0] @ keys.T
masked_first = torch.softmax(scores.masked_fill(~present, -torch.inf), 0)
softmax_first = torch.softmax(scores, 0) * present
print("masked before the softmax:", masked_first)
print("divided by what is left:  ", softmax_first / softmax_first.sum())

# %% [markdown]
# They do, because the softmax's own denominator cancels. So the masked score of [lesson 04](04_mixture_weights.ipynb)
# *is* attention, with one query per sentence, one key per expert, and similarities as values. Only the division by
# $\sqrt{d}$ is left out (`scale=1.0`).

# %%
similarity = torch.tensor([0.8, 0.1, 0.4])
attention = F.scaled_dot_product_attention(
    query[:1], keys, similarity[:, None], attn_mask=present[None], scale=1.0
)
by_mee = (softmax_first * similarity).sum() / softmax_first.sum()
print(f"attention {attention.item():.3f}, MEE {by_mee:.3f}")
assert_close(attention[0, 0], by_mee)

# %% [markdown]
# The keys do not see the clip. They are learnt once and are the same for every clip, so a film whose sound is noise
# cannot lower the weight of its sound: the sentence decides alone. Lesson 04 said that *a weight says how useful an
# expert is beside the others, not what the sentence is about*. Now add that the weight speaks of the expert in general,
# not of the expert in this film.

# %% [markdown]
# ## Let the experts of a clip look at each other
#
# A **transformer** takes queries, keys and values all from the clip. Each expert becomes a [token](glossary.md#token),
# a vector of some common width. Each token asks all tokens of its clip, itself included, and adds the answer to itself.
# MMT, the multi-modal transformer ([Gabeur et al., 2020](references.md#gabeur2020)), put such layers on top of a model
# like MEE.
#
# Here are two clips with three tokens each; the second clip has no face. Queries, keys and values are three linear
# layers of the tokens, which PyTorch keeps in one matrix.

# %%
torch.manual_seed(1)
tokens = torch.randn(2, 3, 4)  # clips, experts, width
present = torch.tensor([[True, True, True], [True, False, True]])
options = {"dropout": 0.0, "batch_first": True, "norm_first": True}
layer = nn.TransformerEncoderLayer(4, nhead=1, dim_feedforward=8, **options)


def attend(x, present, attention):
    projected = F.linear(x, attention.in_proj_weight, attention.in_proj_bias)
    q, k, v = projected.chunk(3, -1)
    scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5  # (clips, experts, experts)
    scores = scores.masked_fill(~present[:, None, :], -torch.inf)
    weights = torch.softmax(scores, -1)
    return attention.out_proj(weights @ v), weights.detach()

# %% [markdown]
# > **Predict.** Rows are who asks, columns are who answers: audio, face, motion. Where are the zeros of the second
# > clip, in a row or in a column?

# %%
_, weights = attend(tokens, present, layer.self_attn)
print(weights)

# %% [markdown]
# The zeros stand in the face's column: no expert gets an answer from the face. The face's own row is filled all the
# same, as an absent token still asks. What comes out of that row has to be dropped, as our model below does. Here is
# the second clip beside what a sentence does in MEE:

# %% tags=["remove-input"]
draw(
    "17_two_attentions",
    "In MEE a sentence asks the experts; in a transformer the experts ask each other.",
)

# %% [markdown]
# The rest of the [transformer layer](glossary.md#transformer-layer) adds the answers to the tokens. Then a small
# network takes each token by itself, and what it gives is added to the token, too. A **layer norm**, which brings each
# token to mean 0 and variance 1 over its own dimensions, stands before the attention and before the network.


# %%
def transformer_layer(x, present, layer):
    answers, _ = attend(layer.norm1(x), present, layer.self_attn)
    x = x + answers
    return x + layer.linear2(layer.linear1(layer.norm2(x)).relu())


by_hand = transformer_layer(tokens, present, layer)
packaged = layer(tokens, src_key_padding_mask=~present)
assert_close(by_hand[present], packaged[present])
print("by hand and packaged: equal on", int(present.sum()), "present tokens")

# %% [markdown]
# > **Trap.** PyTorch has two opposite conventions. In the `attn_mask` of `scaled_dot_product_attention`, True means
# > *takes part*. In the `key_padding_mask` of attention and transformer layers, True means *is ignored*. You have seen
# > both above.
#
# Now give the layer the mask the wrong way round.
#
# > **Predict.** Will the second clip give an error, NaN, or numbers?

# %%
wrong = layer(tokens, src_key_padding_mask=present)
print("right:", packaged[1, 0].detach())
print("wrong:", wrong[1, 0].detach())

# %% [markdown]
# It gives numbers, and of a similar size. The audio of the second clip has now listened to the absent face and to
# nothing else. No shape is wrong, and no number of this clip is NaN; a comparison with a second implementation shows
# the mistake. (The first clip lacks nothing, so the wrong mask leaves it no expert to listen to. PyTorch 2.4 gives NaN
# there; 2.13 gives numbers, unless the layer is in `eval()` mode and without gradients.)
#
# ## Build a model whose experts look at each other
#
# Here is a small change to MEE: on the side of the clip, each [gated unit](glossary.md#gated-embedding-unit) becomes a
# plain linear layer, `Projection`. Like the unit, it gets a mask and gives zeros for absent experts. Then a transformer
# layer sees all tokens. All experts need one width, `dim`, as their tokens stand in one tensor. The layer has four
# *heads*: queries, keys and values are cut into four pieces, each piece attends by itself, and the four answers are put
# side by side again. The outputs have length 1, as before. The text side, the weights and the masked score stay. A
# learnt vector is added to each token, as nothing else in the layer knows which expert is which.

# %%
from mee import VideoEmbedding, VideoTextMEE


class Projection(nn.Linear):
    def forward(self, x, mask):
        x = torch.where(mask[:, None], x, 0)
        return super().forward(x) * mask[:, None]

# %%
class ExpertTransformer(VideoTextMEE):
    def __init__(self, config, heads=4):
        super().__init__(config)
        (dim,) = {out for _, out in config.experts.values()}
        for name, unit in self.mee.video_GU.items():
            self.mee.video_GU[name] = Projection(unit.fc.in_features, dim)
        self.token = nn.Parameter(torch.randn(len(config.experts), dim) / dim**0.5)
        options = {"dropout": 0, "batch_first": True, "norm_first": True}
        self.layer = nn.TransformerEncoderLayer(dim, heads, 2 * dim, **options)

    def embed_video(self, videos, ind=None, masks=None):
        video = super().embed_video(videos, ind, masks)
        tokens = torch.stack([video.vectors[e] for e in self.experts], 1)
        out = self.layer(tokens + self.token, src_key_padding_mask=~video.mask)
        out = F.normalize(out, dim=2) * video.mask[..., None]
        vectors = {name: out[:, i] for i, name in enumerate(self.experts)}
        return VideoEmbedding(vectors, video.mask)

# %% [markdown]
# The class has the three methods that the library's training and evaluation ask for: `embed_text`, `embed_video` and
# `score`. So `fit_clips` trains it like any other model: the function prepares batches, loss and network, and runs the
# loop of [lesson 09](09_training.ipynb). We train two small models, 8 epochs each.

# %%
from mee import fit_clips, read_clips

clips = read_clips("data/tinyclips.h5")
settings = {"loss": "info-nce", "temperature": 0.1, "dim": 64, "text_clusters": 8}
settings |= {"sequence_clusters": 4, "epochs": 8, "lr": 2e-3, "val": []}
models = {}
for name, network in (
    ("weighted mean", VideoTextMEE),
    ("transformer", ExpertTransformer),
):
    models[name] = fit_clips(clips, network=network, progress=False, **settings).model
    count = sum(p.numel() for p in models[name].parameters())
    print(f"{name:13} {count:,} parameters")

# %% tags=["hide-cell", "check"]
sys.path.append("../experiments")
import attention as experiment

packaged = experiment.ExpertTransformer(models["transformer"].config).eval()
packaged.load_state_dict(models["transformer"].state_dict())
few = clips.video(torch.arange(20))
for name, x in packaged.embed_video(*few).vectors.items():
    assert_close(x, models["transformer"].embed_video(*few).vectors[name])

# %% [markdown]
# Now search the test films. `rank_embeddings` gives the rank of the right clip for each caption, as in
# [lesson 07](07_retrieval_metrics.ipynb). To take experts away, `keep_some` of [lesson 05](05_missing_faces.ipynb)
# chooses which stay: here each is deleted with probability one half, and every clip keeps at least one. R@10 is the
# percentage of captions whose clip is among the first ten.

# %%
from mee.evaluate import rank_embeddings
from mee.robustness import keep_some

test = clips.clips_in("test")
captions, right = clips.captions_of(test)
videos, ind, masks = clips.video(test)
mask = torch.stack([ind[name] for name in clips.experts], 1)
kept = keep_some(mask, 0.5, seed=0)
fewer = {name: kept[:, i] for i, name in enumerate(clips.experts)}


@torch.no_grad()
def recall(model, video):
    """R@10 of all captions of the test films."""
    text = model.embed_text(*clips.text(captions))
    t2v, _, _ = rank_embeddings(model, text, video, right)
    return 100 * (t2v <= 10).double().mean().item()

# %% [markdown]
# Here is a first look, at whole clips and with half of the experts deleted:

# %%
for name, model in models.items():
    with torch.no_grad():
        whole = recall(model, model.embed_video(videos, ind, masks))
        half = recall(model, model.embed_video(videos, fewer, masks))
    print(f"{name:13} whole: R@10 ≈ {whole:.1f}, half deleted: ≈ {half:.1f}")

# %% [markdown]
# The weighted mean is ahead on whole clips, R@10 ≈ 65 against ≈ 59. With half of the experts deleted both fall to about
# half of that.

# %% [markdown]
# ## The trap: a deleted expert that still speaks
#
# In MEE, an expert's vector comes from that expert alone. So you may embed the clips once and take experts away
# afterwards, as `video.keep(kept)` does, and as the curves of [lesson 05](05_missing_faces.ipynb) were made.
#
# > **Predict.** Now the transformer's clips are embedded whole, and experts are deleted from the embeddings. Will R@10
# > be lower, the same or higher?

# %%
for name, model in models.items():
    with torch.no_grad():
        before = recall(model, model.embed_video(videos, fewer, masks))
        after = recall(model, model.embed_video(videos, ind, masks).keep(kept))
    print(f"{name:13} deleted before embedding ≈ {before:.1f}, after ≈ {after:.1f}")

# %% tags=["hide-cell", "check"]
assert after - before > 0.5  # of the transformer, the last of the loop

# %% [markdown]
# The weighted mean gives the same both ways. The transformer's R@10 is higher, ≈ 32 instead of ≈ 29, so the model seems
# better than it is. The experts that are left had listened to the deleted ones before those went, and still carry what
# they heard. A film that never had the expert cannot do that. So for such a model experts are deleted first and clips
# embedded afterwards, as in all that follows.
#
# > **Aside.** `mee.robustness` deletes from the embeddings. That is right for MEE, and only for models like it.

# %% [markdown]
# ## Compare the two fairly
#
# Two small models and one seed say little. The script `experiments/attention.py` compares with more care, and its
# record is among the book's data. Both networks get the same films, text side, loss and batches, and 12 epochs. For
# each, one learning rate out of the same six is chosen on the [validation films](glossary.md#validation-split). Then
# several seeds are trained, and meet the test films once. The transformer had a little more help: validation also chose
# that its layer has no dropout (PyTorch's, which sets single numbers to zero in training), and that its tokens are not
# scaled to length 1.

# %%
record = json.loads(Path("data/attention.json").read_text())["tinyclips"]
rows = record["rows"]
print(len(record["seeds"]), "seeds,", record["clips"], "films in the gallery")
print("R@10 on validation for lr", *record["grid"])
for name in ("weighted mean", "transformer"):
    shown = " ".join(f"{x:.1f}" for x in rows[name]["validation"])
    print(f"{name:13} {shown}   ({rows[name]['parameters']:,} parameters)")

# %% [markdown]
# Validation chooses a rate of 0.008 for the weighted mean and 0.002 for the transformer. Neither is at an end of the
# list, so the six rates were wide enough.

# %% [markdown]
# Both networks were also trained for 30 epochs. The next cell prints how many seeds each number rests on.
#
# > **Predict.** Who is ahead on the test films: the transformer, whose experts may look at each other, or the weighted
# > mean? Is it the same after 30 epochs?

# %%
for name in ("weighted mean", "transformer"):
    for row in (rows[name], rows[name + ", longer"]):
        value, number = row["paper 0.0"]["t2v R@10"][0], len(row["seeds"])
        print(f"{name:13} {row['epochs']} epochs: R@10 ≈ {value:.1f}", end=", ")
        print(f"seeds: {number}")
print(f"chance: {record['chance']['t2v']['R@10']:.1f}")

# %% [markdown]
# The weighted mean is ahead both times. After 12 epochs it has ≈ 72.8 and the transformer ≈ 66.8. With 30 epochs both
# gain a few points, and the order is the same.
#
# How sure is the difference? All rows meet the same captions and the same deletions, so the interval can be that of the
# [paired difference](glossary.md#paired-comparison) ([lesson 12](12_ablations.ipynb)). The cell prints one, in points
# of R@10, for each share of deleted experts:


# %%
def show_difference(label, against, score="paper"):
    pairs = {(row["label"], row["against"]): row for row in record["differences"]}
    print(f"{label} minus {against}:")
    for share in record["shares"]:
        value, low, high = pairs[label, against][f"{score} {share}"]["t2v"]
        interval = f"[≈ {low:+.1f}, ≈ {high:+.1f}]"
        print(f"  {share:4.0%} deleted ≈ {value:+.1f} {interval}")


show_difference("transformer", "weighted mean")

# %% [markdown]
# Every interval lies below zero, and the gap does not close when experts are missing. That is a result about these
# films, which are few and made by a program. It says nothing about MMT, whose paper reports better results than the
# models before it, on real videos, with many tokens per expert and a language model for the text.

# %% [markdown]
# ## Practise being without: modality dropout
#
# Films at search time may lack experts that the training films had. So let the training films lose some at random.
# This is [modality dropout](glossary.md#modality-dropout) ([Neverova et al., 2015](references.md#neverova2015)): in
# each batch, each expert of each clip is dropped with some probability, and at least one stays.

# %% tags=["remove-input"]
draw(
    "17_modality_dropout",
    "Each step of training drops different experts, and no clip loses its last.",
)

# %% [markdown]
# Dropping takes no more than a smaller mask. Here is a batch of 64 films before and after, with a share of 0.3:


# %%
def drop_experts(batch, share, seed):
    names = sorted(batch.ind)
    present = torch.stack([batch.ind[name] for name in names], 1)
    keep = keep_some(present, share, seed)
    return replace(batch, ind={name: keep[:, i] for i, name in enumerate(names)})


torch.manual_seed(0)
batch = clips.batch(clips.clips_in("train")[:64])
dropped = drop_experts(batch, 0.3, seed=0)
for name in clips.experts:
    before, after = int(batch.ind[name].sum()), int(dropped.ind[name].sum())
    print(f"{name:10} {before:2} -> {after:2}")
counts = [sum(int(x.sum()) for x in b.ind.values()) for b in (batch, dropped)]
print(f"together {counts[0]} -> {counts[1]}, {counts[1] / counts[0]:.0%}")

# %% [markdown]
# About 70 % stay. A new seed in each step makes different films lose different experts. The record has both networks,
# trained without modality dropout and with a share of 0.3.
#
# > **Predict.** Modality dropout makes training harder. Does it cost something on whole films? Does it pay with half
# > of the experts deleted?

# %%
DROPPING = ", modality dropout"
for longer in ("", ", longer"):
    for name in ("weighted mean", "transformer"):
        show_difference(name + DROPPING + longer, name + longer)
print("\nby the calibrated score:")
for name in ("weighted mean", "transformer"):
    show_difference(f"{name}{DROPPING}, longer", f"{name}, longer", "calibrated")

# %% tags=["hide-input"]
LOOKS = {
    "weighted mean": {"color": "#3b78b8", "marker": "o", "linestyle": "-"},
    "weighted mean, modality dropout": {
        "color": "#3b78b8",
        "marker": "o",
        "linestyle": "--",
        "markerfacecolor": "white",
    },
    "transformer": {"color": "#d1660a", "marker": "s", "linestyle": "-"},
    "transformer, modality dropout": {
        "color": "#d1660a",
        "marker": "s",
        "linestyle": "--",
        "markerfacecolor": "white",
    },
}
figure, panels = plt.subplots(1, 2, figsize=(7, 4.6), sharey=True, layout="constrained")
shares = [100 * share for share in record["shares"]]
SCORES = (("paper", "the paper's score"), ("calibrated", "calibrated score"))
for axes, (score, title) in zip(panels, SCORES, strict=True):
    for shift, (name, look) in enumerate(LOOKS.items()):
        cells = [
            rows[name + ", longer"][f"{score} {share}"]["t2v R@10"]
            for share in record["shares"]
        ]
        value, low, high = map(torch.tensor, zip(*cells, strict=True))
        where = [x + 1.2 * (shift - 1.5) for x in shares]
        bars = torch.stack([value - low, high - value]).numpy()
        axes.errorbar(where, value, bars, label=name, capsize=2, markersize=6, **look)
    axes.axhline(record["chance"]["t2v"]["R@10"], color="0.5", linestyle=":")
    axes.set_title(title)
    axes.set_xticks(shares)
figure.supxlabel("experts deleted from the test films, percent", fontsize=12)
panels[0].set_ylabel("t2v R@10, percent")
panels[0].set_ylim(0, 85)
panels[0].text(24, 4, "chance", color="0.4")
handles, labels = panels[0].get_legend_handles_labels()
figure.legend(handles, labels, loc="outside upper center", ncols=2, fontsize=11)
show(
    figure,
    "Text to video R@10 after 30 epochs against the share of deleted experts, with "
    "intervals. By the paper's score both networks are better without modality dropout "
    "on whole films, and better with it when half is deleted. By the calibrated score "
    "the lines are flatter, and there is little or nothing left to gain.",
    "Modality dropout helps the paper's score when much is missing; "
    "calibration makes it nearly needless.",
)

# %% tags=["hide-cell", "check"]
pairs = {(row["label"], row["against"]): row for row in record["differences"]}
fair = pairs["transformer", "weighted mean"]
assert all(fair[f"paper {share}"]["t2v"][2] < -3 for share in record["shares"])
short = pairs["weighted mean" + DROPPING, "weighted mean"]
assert short["paper 0.0"]["t2v"][2] < -3 and abs(short["paper 0.5"]["t2v"][0]) < 3
for name in ("weighted mean", "transformer"):
    both = rows[name], rows[name + ", longer"]
    short, long = (one["paper 0.0"]["t2v R@10"][0] for one in both)
    assert short < long
    row = pairs[name + DROPPING + ", longer", name + ", longer"]
    assert row["paper 0.0"]["t2v"][2] < 0 < row["paper 0.5"]["t2v"][1]
    assert row["calibrated 0.0"]["t2v"][2] < 0
    gains = [row[f"{score} 0.5"]["t2v"][0] for score in ("paper", "calibrated")]
    assert gains[1] < 0.5 * gains[0] and gains[1] < 3
    plain = rows[name + ", longer"]
    for share in (0.3, 0.5):
        by_paper, calibrated = (plain[f"{s} {share}"]["t2v R@10"] for s, _ in SCORES)
        assert calibrated[0] > by_paper[0] + 2
longer = [rows[f"{name}, longer"]["paper 0.0"]["t2v R@10"][0] for name in models]
assert longer[0] > longer[1] + 1

# %% [markdown]
# Modality dropout costs and pays. After 12 epochs the weighted mean changes by ≈ -8.1 points on whole films, and with
# half deleted by nothing that can be told from zero. With 30 epochs (*longer* in the list) modality dropout still
# costs on whole films, and with half of the experts deleted both networks gain.
#
# The [calibrated score](glossary.md#calibrated-score) of [lesson 05](05_missing_faces.ipynb) needs no training, and in
# the right half of the figure it lifts the models that had no modality dropout. By that score, modality dropout still
# costs something on whole films, and with half of the experts deleted it gains little or nothing.

# %% [markdown]
# ## InfoNCE both ways is CLIP's loss
#
# In 2021 **CLIP** ([Radford et al., 2021](references.md#radford2021)) learnt from pictures and their texts on the web,
# and became what many later works start from. You know its loss already. Take a batch's scores, rows texts, columns
# pictures; divide by a [temperature](glossary.md#temperature); ask each row for its right column and each column for
# its right row, by [cross entropy](glossary.md#cross-entropy), minus the logarithm of the right one's share; take the
# mean of both.

# %%
from mee import InfoNCELoss

scores = torch.tensor([[0.9, 0.2, 0.1], [0.3, 0.6, 0.5], [0.0, 0.4, 0.8]])
own = torch.arange(3)
logits = scores / 0.07
by_rows = F.cross_entropy(logits, own)
by_columns = F.cross_entropy(logits.T, own)
clip_loss = (by_rows + by_columns) / 2
print(f"CLIP's loss {clip_loss:.3f}, InfoNCELoss {InfoNCELoss(0.07)(scores):.3f}")
assert_close(clip_loss, InfoNCELoss(0.07)(scores))

# %% [markdown]
# What CLIP changed is around the loss:
#
# - **Data**: 400 million pictures with their texts from the web, instead of some thousand films with written captions.
# - **Towers**: one network for pictures and one for texts, both trained from the start. There are no fixed features, so
#   there are no experts to mix, and none that can be missing: each side has one vector.
# - **Temperature**: learnt with the rest, as its logarithm. It starts at 0.07, and the scores are never multiplied by
#   more than 100.
#
# > **Predict.** Which way will training push the temperature for these scores, whose right pairs are all ahead: up or
# > down? And for scores that rank some pairs wrongly?

# %%
confused = torch.tensor([[0.2, 0.9, 0.1], [0.3, 0.6, 0.5], [0.8, 0.4, 0.0]])
for name, matrix in (("right pairs ahead", scores), ("two pairs wrong", confused)):
    log_t = torch.tensor(0.07).log().requires_grad_()
    logits = matrix / log_t.exp()
    (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)).backward()
    towards = "smaller" if log_t.grad > 0 else "larger"
    print(f"{name}: gradient {log_t.grad:+.2f}, so the temperature gets {towards}")

# %% [markdown]
# Training moves against the gradient. Where the right pairs are ahead, the temperature falls and makes the model surer;
# where they are not, it rises and makes the model less sure. The limit of 100 keeps the temperature from falling for
# ever.

# %% [markdown]
# ## Tell the mixtures of experts apart
#
# The words *mixture of experts* have meant three things:
#
# | model | what is an expert? | who weighs? | how many are computed? |
# | --- | --- | --- | --- |
# | [Jacobs et al., 1991](references.md#jacobs1991) | a small network | a gate that sees the input | all |
# | MEE, [Miech et al., 2018](references.md#miech2018) | a source of features | the sentence | all present |
# | sparse layers, [Shazeer et al., 2017](references.md#shazeer2017) | part of a layer | a router | the best few |
#
# The third is what the words mean in today's news about language models.

# %% tags=["remove-input"]
draw(
    "17_two_mixtures",
    "MEE weighs every expert that is present; a sparse layer computes the best few.",
)

# %% [markdown]
# In the language model Mixtral ([Jiang et al., 2024](references.md#jiang2024)), each layer has eight experts, and a
# [router](glossary.md#router) picks two for every token, which here stands for a word or a part of one. Here is such a
# layer in small, with four experts and two per token; the drawing shows its first token.

# %%
torch.manual_seed(3)
experts = [
    nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 8)) for _ in range(4)
]
router = nn.Linear(8, 4, bias=False)
x = torch.randn(6, 8)  # six tokens
best, chosen = router(x).topk(2, dim=1)  # (tokens, 2)
gates = torch.softmax(best, 1)  # over the two that were chosen
print(chosen)
print(gates.detach())

# %% [markdown]
# Each expert computes only those tokens that chose it. The result is the same as if all four were computed and two of
# them got a weight of zero, but it is cheaper:

# %%
out = torch.zeros_like(x)
load = Counter()
for number, expert in enumerate(experts):
    token, place = (chosen == number).nonzero(as_tuple=True)
    out[token] += gates[token, place, None] * expert(x[token])
    load[number] = len(token)
print("tokens per expert:", dict(load))

everything = torch.stack([expert(x) for expert in experts], 1)  # (tokens, experts, 8)
full_gates = torch.zeros(6, 4).scatter(1, chosen, gates)
assert_close(out, (full_gates[:, :, None] * everything).sum(1))
each = sum(p.numel() for p in experts[0].parameters())
print(f"parameters of all experts {4 * each:,}, used for one token {2 * each:,}")

# %% [markdown]
# One token uses half of the parameters. With two experts out of eight it uses a quarter: this is how such a model holds
# many parameters and computes with few. But the load above is uneven. Left alone, a router may send almost everything
# to the same experts, so such layers are trained with an extra loss that asks for an even load.
#
# MEE needs no such loss. Its experts are not interchangeable: the sound expert is about sound from the start. And MEE
# has nothing to save, since an expert's vectors are computed once per clip and kept in the index.

# %% [markdown]
# ## See where each idea went, from 2018 to today
#
# Dates are those of the first version on arXiv; an arrow leads from a work to one that takes it up.

# %% tags=["remove-input"]
draw(
    "17_timeline",
    "One line of work kept the experts; the others learnt features from far more data.",
)

# %% [markdown]
# The first line kept experts with fixed features and changed how they are put together: CE, collaborative experts, lets
# experts gate one another ([Liu et al., 2019](references.md#liu2019)), MMT puts a transformer over their tokens
# ([Gabeur et al., 2020](references.md#gabeur2020)).
#
# The second learnt from far more videos. HowTo100M has 136 million narrated clips ([Miech et al.,
# 2019](references.md#miech2019)), and MIL-NCE learnt from these without any fixed features ([Miech et al.,
# 2020](references.md#miech2020)). Frozen learns from pictures and videos in one encoder ([Bain et al.,
# 2021](references.md#bain2021)), and InternVideo2 has up to 6 billion parameters ([Wang et al.,
# 2024](references.md#wang2024)).
#
# The third began with pictures and their texts: CLIP, its use for video search in CLIP4Clip ([Luo et al.,
# 2021](references.md#luo2021)), and ImageBind, which puts six kinds of data into one space ([Girdhar et al.,
# 2023](references.md#girdhar2023)).
#
# All three keep much of MEE's frame: text and video are embedded apart, a product is the score, and a loss ranks the
# right pair within its batch. And wherever a model has several sources again, the old question is back: what about a
# clip that lacks one?
#
# ## Summary
#
# MEE's weighted mean is attention with one query, the sentence, and keys that do not look at the clip. A transformer
# layer over expert tokens looks at the clip, and with a mask it does without absent experts, too; on TinyClips the
# weighted mean is still better. Modality dropout helps the paper's score when much is missing and costs when nothing
# is; with the calibrated score it gains little or nothing. InfoNCE both ways is CLIP's loss. An *expert* is a source of
# features here, and a part of the network in a language model.
#
# ## Exercises
#
# 1. Attention for one query, with a mask, for a clip that may lack every expert.
# 2. Modality dropout by hand, which never takes a clip's last expert.
# 3. A router whose experts have few places each: who waits?
#
# Write them in the [exercise notebook](exercises/17_from_mee_to_today.ipynb); one way to do it is in the
# [solutions](solutions/17_from_mee_to_today.ipynb).
#
# ## Where next
#
# Back to [a million clips](16_scale.ipynb), or to [the first page](index.md). From here on, the papers: the
# [references](references.md) say where each idea of the book was first written down.
