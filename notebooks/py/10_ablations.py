# %% [markdown]
# # What does each part buy?
#
# **You will learn** to write an experiment down as a table of rows; to tell a difference from luck, query by query;
# what happens to luck when there are many rows; and to read one figure that says what each part of the model is worth,
# here.
#
# **You need** [lesson 04](04_mixture_weights.ipynb) for the parts of the model and
# [lesson 08](08_retrieval_metrics.ipynb) for intervals. Lessons 02, 03 and 06 made the parts that we now take away.
#
# **Minutes** 50

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/10_ablations.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F10_ablations.ipynb)

# %% tags=["setup"]
import os

if os.path.exists("../lesson.py"):  # exercises and solutions work in the book's folder, as the lessons do
    os.chdir("..")
elif not os.path.exists("lesson.py"):  # this notebook came alone, as on Colab: fetch its book and install mee
    address = os.environ.get("MEE_REPOSITORY", "https://github.com/OWNER/mee")
    # !test -d mee-book || git clone --quiet --depth 1 "{address}" mee-book
    # %run mee-book/notebooks/lesson.py
    os.chdir("mee-book/notebooks")

# %%
import argparse
import inspect
import json
import sys
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from IPython.display import Markdown
from lesson import show

from mee import VideoTextMEE, fit_clips, read_clips
from mee.cli import parse
from mee.compare import Result, compare, difference
from mee.evaluate import compute_ranks

torch.set_printoptions(precision=2, sci_mode=False)

# %% [markdown]
# ## A row is a dict
#
# An **ablation** takes a part of a model away, trains the rest anew, and looks at what is lost. The table of a paper is
# made of such rows: all parts, without the gate, without the weights, and so on. A *row* of ours is a dict with the
# choices that differ from the full model. The full model is the empty dict.

# %%
rows = {
    "all parts": {},
    "uniform weights": {"learned_weights": False},
    "no gate": {"gating": False},
    "InfoNCE": {"loss": "info-nce"},
}

# %% [markdown]
# What has to happen to a row? Train it, with several seeds; rank the same clips each time; keep all ranks. By hand, on
# little: two rows, two seeds, 100 films, two epochs. What shape will the ranks of one row have, for the 500 validation
# films with their 2,001 captions?

# %%
clips = read_clips("data/tinyclips.h5")
train, val = clips.clips_in("train"), clips.clips_in("val")
tiny = {"train": train[:100], "val": [], "epochs": 2, "lr": 2e-3, "dim": 64, "text_clusters": 8, "sequence_clusters": 4}
tiny["device"] = "cpu"  # the networks are too small for a GPU to be of use, and a CPU repeats itself exactly
by_hand = {}
for label in ("all parts", "no gate"):
    found = []
    for seed in (0, 1):
        run = fit_clips(clips, seed=seed, progress=False, **tiny, **rows[label])
        found.append(compute_ranks(run.model, clips, val)[0])  # t2v: for each caption, the rank of its film
    by_hand[label] = torch.stack(found)
print(tuple(by_hand["no gate"].shape))

# %% [markdown]
# That is all that `mee.compare.compare` does, for both directions. It is the runner behind every comparison of this
# book; here you see its inside.

# %%
by_library = compare(clips, {label: rows[label] for label in by_hand}, (0, 1), "val", progress=False, **tiny)
for label, result in by_library.items():
    assert torch.equal(by_hand[label], result.t2v)
print(f"{result.t2v.shape[1]} captions, {result.v2t.shape[1]} films")

# %% [markdown]
# ## Rows that need another network
#
# Not every row is an option. What is the opposite of a *mixture* of experts? To put the features of all experts side by
# side in one long vector, and to compare once. That is **concatenation**. Two experts with unit vectors of two numbers;
# the second film is silent, so there are zeros in its place. What is the cosine of the sentence with it, if sentence
# and film agree perfectly by appearance?

# %%
sentence = torch.tensor([1.0, 0.0, 0.0, 1.0]) / 2**0.5  # appearance, audio: side by side, of length 1
with_sound = torch.tensor([1.0, 0.0, 0.0, 1.0]) / 2**0.5
silent = torch.tensor([1.0, 0.0, 0.0, 0.0])
print(f"with sound {sentence @ with_sound:.2f}, silent {sentence @ silent:.2f}")

# %% [markdown]
# 0.71: it pays for its silence, as with zeros in [lesson 05](05_missing_faces.ipynb). And *how much* each expert counts
# is a matter of lengths, the same for all sentences: nobody can trust sound more when a sentence speaks of a bell.
#
# Three more rows need a network of their own: a **plain mean** of the words' vectors in the place of
# [NetVLAD](02_words_and_netvlad.ipynb), a mean of the audio rows, and **one set of weights for all sentences**, learnt,
# but blind to the sentence. They stand in the repository's folder `experiments`, beside the command that made the large
# table below. Here is the last one in full: a function that takes what describes a network, and gives a network.

# %%
sys.path.append("../experiments")
from tinyclips import REPEATED, Concatenation, MeanPooling, constant_weights, mean_pooled

print(inspect.getsource(constant_weights))
rows["concatenation"] = {"network": Concatenation}
rows["mean of words"] = {"network": partial(mean_pooled, words=True)}

# %% [markdown]
# Is it what it says? The weights of two sentences, after two epochs: will they be equal? Will they be 1/4 each?

# %%
blind = fit_clips(clips, seed=0, progress=False, network=constant_weights, **tiny).model
sighted = fit_clips(clips, seed=0, progress=False, **tiny).model
with torch.no_grad():
    (_, of_blind), (_, of_sighted) = (model.embed_text(*clips.text([0, 1, 2])) for model in (blind, sighted))
assert torch.equal(of_blind[0], of_blind[1]) and (of_blind[0] - 0.25).abs().max() > 1e-3
assert not torch.allclose(of_sighted[0], of_sighted[1], atol=1e-3)

# %% [markdown]
# Look at sizes, too, before you believe a row. Taking a part away often takes numbers away, and then it is open which
# of the two was missed.

# %%
for label in ("all parts", "no gate", "concatenation", "mean of words"):
    model = fit_clips(clips, progress=False, **{**tiny, "epochs": 0}, **rows[label]).model
    print(f"{label:<14}{sum(p.numel() for p in model.parameters()) / 1000:6.0f} thousand numbers to learn")

# %% [markdown]
# *Mean of words* hands 50 numbers a sentence to the rest of the model, where NetVLAD hands 400 here. We will come back
# to that.
#
# ## A paired test, by hand
#
# Two methods, the same 24 queries. Here are the ranks that they gave; a query is *found* if its rank is at most 10. A
# found 15, B found 9. Is A better?

# %%
a = torch.tensor([1, 3, 2, 8, 40, 5, 90, 120, 7, 60, 2, 300, 6, 4, 9, 10, 1, 77, 3, 22, 10, 51, 2, 36])
b = torch.tensor([2, 9, 1, 25, 70, 5, 60, 150, 12, 80, 3, 210, 31, 6, 44, 9, 1, 95, 4, 30, 18, 40, 11, 28])
found_a, found_b = a <= 10, b <= 10
print(f"A found {found_a.sum()}, B found {found_b.sum()} of {len(a)}")

# %% [markdown]
# First as if the queries had been different ones for each. A's share is 15/24, B's 9/24, each known to
# $\pm 1.96\sqrt{p(1-p)/24}$, and their difference to the root of the sum of the squares.

# %%
p_a, p_b = found_a.double().mean(), found_b.double().mean()
half = 1.96 * ((p_a * (1 - p_a) + p_b * (1 - p_b)) / 24) ** 0.5
print(f"unpaired: {100 * (p_a - p_b):.0f} points [{100 * (p_a - p_b - half):.0f}, {100 * (p_a - p_b + half):.0f}]")
assert p_a - p_b - half < 0

# %% [markdown]
# The interval holds 0. But both met the *same* queries. Nine were found by both and nine by neither: those say nothing
# about which is better. Look at the rest. How many queries did only A find, and how many only B?

# %%
delta = found_a.int() - found_b.int()  # 1: only A, -1: only B, 0: no difference
print(delta.tolist())
print(f"only A: {(delta == 1).sum()}, only B: {(delta == -1).sum()}")

# %% [markdown]
# Six against none. If A and B were equally good, then for each of these six it would have been a coin that decided who
# found it. Six coins fall in $2^6 = 64$ ways; here are all of them. How many give a difference of 6 or more, in either
# direction?

# %%
coins = torch.cartesian_prod(*[torch.tensor([-1, 1])] * 6)  # (64, 6)
sums = coins.sum(1)
print("difference:", *sorted(set(sums.tolist())))
print("how often: ", *[int((sums == value).sum()) for value in sorted(set(sums.tolist()))])
p_value = (sums.abs() >= 6).double().mean()
print(f"p = {p_value:.3f}")
assert abs(p_value - 2 / 64) < 1e-9

# %% [markdown]
# Two of 64. Coins alone do that in 3 % of cases: **p = 0.03**. The usual bar is 5 %, so the paired test says what the
# unpaired interval could not. It is called a *sign test*, and for found-or-not also McNemar's test. Note what it used:
# six of 24 queries.
#
# `difference` asks in the other way, by drawing queries anew ([lesson 08](08_retrieval_metrics.ipynb)). Will its
# interval hold 0?

# %%
one_seed = [Result(x[None].double(), x[None].double(), torch.arange(24), 0.0) for x in (a, b)]
mean, low, high = difference(*one_seed)
print(f"paired: {mean:.0f} points, 0 is {'inside' if low <= 0 <= high else 'outside'}")
assert low > 0 and mean - low < 100 * half

# %% [markdown]
# ## A small table, live
#
# Now six rows: 1,000 films, six epochs, three seeds, ranked on validation. And a seventh that most papers leave out:
# **the full model again, with three other seeds**. What should its difference be? It shows what a table says when
# nothing has been changed.

# %%
small = {**tiny, "train": train[:1000], "epochs": 6}
live = compare(clips, rows, (0, 1, 2), "val", progress=False, **small)
live |= compare(clips, {REPEATED: {}}, (100, 101, 102), "val", progress=False, **small)

# %% tags=["nbval-ignore-output"]
print(f"{'R@10 on validation (chance 2)':<32}{'t2v':>5}{'v2t':>5}   against all parts, t2v")
for label, result in live.items():
    values = [result.summary(way, 0)["R@10"][0] for way in ("t2v", "v2t")]
    text = "{:+.1f} [{:+.1f}, {:+.1f}]".format(*difference(result, live["all parts"]))
    print(f"{label:<32}{values[0]:>5.0f}{values[1]:>5.0f}   {'' if label == 'all parts' else text}")

# %%
against = {label: difference(result, live["all parts"]) for label, result in live.items()}
assert against["concatenation"][2] < -8 and against["mean of words"][2] < -5 and against["InfoNCE"][0] > 1
assert all(abs(against[label][0]) < 5 for label in (REPEATED, "uniform weights", "no gate"))
assert against["no gate"][2] > -1  # no loss without it that one could see

# %% [markdown]
# Concatenation and the mean of words lose ten points or so: that is far outside of what other seeds do. The gate and
# the weights are *not*. Three small models, trained for seconds, can't tell.
#
# ## The careful table
#
# For them one needs more clips, more training, and the patience of an hour of computing. That was done once, by the
# command below, with the same `compare` and the same rows. Its numbers lie in a small file. All that follows in this
# section was **read**, not computed here.

# %%
record = json.loads(Path("data/ablations.json").read_text())
for key in ("command", "machine", "commit", "seeds", "settings"):
    print(f"{key:<9}", record[key])
print(f"{'ranked':<9} {record['clips']['clips']} clips of the {record['clips']['split']} split,", end=" ")
print(f"{record['clips']['captions']} captions")

# %%
recorded = {row["label"]: row for row in record["rows"]}
differences = {row["label"]: row for row in record["differences"]}
lines = ["| | t2v R@1 | t2v R@10 | v2t R@1 | v2t R@10 | t2v R@10 against all |", "| --- |" + " --- |" * 5]
for label, row in recorded.items():
    cells = [f"{row[way][name][0]:.1f}" for way in ("t2v", "v2t") for name in ("R@1", "R@10")]
    last = "{:+.1f} [{:+.1f}, {:+.1f}]".format(*differences[label]["t2v"]["R@10"]) if label in differences else ""
    lines.append(f"| {label} | " + " | ".join(cells) + f" | {last} |")
cells = [f"{record['chance'][way][name]:.1f}" for way in ("t2v", "v2t") for name in ("R@1", "R@10")]
lines.append("| chance | " + " | ".join(cells) + " | |")
Markdown("\n".join(lines))

# %% [markdown]
# Does our small table agree with it? Not in size: our models are small and hardly trained. But wherever the careful
# difference is clear of 0 by far, the small one should have the same sign.

# %%
for label in ("concatenation", "mean of words", "InfoNCE", "uniform weights", "no gate"):
    mean, low, high = differences[label]["t2v"]["R@10, strict"]
    if min(abs(low), abs(high)) > 1 and low * high > 0:
        assert mean * against[label][0] > 0, label
        print(f"{label}: both {'above' if mean > 0 else 'below'} 0")
    else:
        print(f"{label}: the careful run itself is too near to 0")

# %% [markdown]
# ## Many rows, much luck
#
# The record compares 17 rows with the full model, in both directions: 34 intervals. Each misses its truth one time in
# twenty, by construction. Let us play a paper in which **nothing** makes a difference: 20 rows, 500 queries each; a
# tenth of the queries is found by the row alone, another tenth by the full model alone. A thousand such papers. How
# many rows will have an interval that leaves out 0? How many *papers* have at least one such row?

# %%
g = torch.Generator().manual_seed(0)
drawn = torch.rand(1000, 20, 500, generator=g)
queries = (drawn < 0.1).float() - (drawn > 0.9).float()  # (papers, rows, queries): 1, -1 or 0
z = queries.mean(2) / (queries.std(2) / 500**0.5)
significant = z.abs() > 1.96
print(f"rows: {significant.float().mean():.0%}; papers with at least one: {significant.any(1).float().mean():.0%}")
assert abs(significant.float().mean() - 0.05) < 0.01
assert abs(significant.any(1).float().mean() - (1 - 0.95**20)) < 0.06

# %% [markdown]
# $1 - 0.95^{20} = 64\,\%$. Two papers of three have something to report, and nothing is there. The plainest remedy:
# with $m$ comparisons, ask of each not 5 % but $5/m$ % (*Bonferroni*). Intervals get wider, and all of them hold
# together in 95 of 100 papers. With 20 rows, the bar rises from 1.96 standard errors to how many?

# %%
bar = float(torch.distributions.Normal(0, 1).icdf(torch.tensor(1 - 0.05 / 20 / 2)))
strict = z.abs() > bar
print(f"{bar:.1f} standard errors; papers with at least one: {strict.any(1).float().mean():.0%}")
assert strict.any(1).float().mean() < 0.1

# %% [markdown]
# From 1.96 to 3.0: each interval half as wide again. In `mee.compare`, that is `difference(..., level=1 - 0.05 / m)`.
# The record has both. Which of its rows leave out 0 at 95 %, and no longer when all 34 are to hold together?

# %%
print(f"level for one of {2 * len(differences)}: {record['strict level']:.4f}")
doubtful = []
for label, row in differences.items():
    for way in ("t2v", "v2t"):
        (_, low, high), (_, strict_low, strict_high) = row[way]["R@10"], row[way]["R@10, strict"]
        if low * high > 0 and strict_low * strict_high <= 0:
            doubtful.append(label)
            print(f"{label}, {way}: [{low:+.1f}, {high:+.1f}], strictly [{strict_low:+.1f}, {strict_high:+.1f}]")

# %% [markdown]
# Is it *wrong* then that learnt weights help? No: it is likely, as several rows point in one direction, and the paper
# found it on other clips. It is a claim that this table alone can't carry. And the row in which nothing was changed?

# %%
for way, name in (("t2v", "R@10"), ("v2t", "R@1")):
    mean, low, high = differences[REPEATED][way][name]
    print(f"{REPEATED}, {way} {name}: {mean:+.1f} [{low:+.1f}, {high:+.1f}]")
assert differences[REPEATED]["t2v"]["R@10"][1] < 0 < differences[REPEATED]["t2v"]["R@10"][2]
assert differences[REPEATED]["v2t"]["R@1"][0] > 3

# %% [markdown]
# Four points of v2t R@1, for other random numbers. With one seed a side, in a table without this row, that would be
# somebody's finding. Three seeds are few, and the interval's ends are not to be taken for walls.
#
# ## One figure that says it all
#
# A **forest plot**: a row each, its difference to the full model, the 95 % interval (thick) and the strict one (thin).
# A filled circle is clear of 0 even strictly. The axis is squeezed beyond 5 points, as some rows lose sixty. Cover the
# labels and guess: which row will be the only one to the right of 0, in both panels?

# %% tags=["hide-input"]
groups = {
    "one expert alone": [label for label in differences if label.endswith(" alone")],
    "one left out": [label for label in differences if label.startswith("without ")],
    "mixture": ["concatenation", "uniform weights", "one set of weights for all sentences"],
    "units and pooling": ["no gate", "mean of words", "mean of audio rows"],
    "loss": ["InfoNCE", "with expert loss"],
    "control": [REPEATED],
}
assert sorted(label for labels in groups.values() for label in labels) == sorted(differences)
figure, panels = plt.subplots(1, 2, figsize=(9.5, 6.6), sharey=True, layout="constrained")
places, names, y = [], [], 0
for group, labels in groups.items():
    panels[0].annotate(group, (0, y), (-6, 0), xycoords=panels[0].get_yaxis_transform(), textcoords="offset points",
                       ha="right", va="center", weight="bold", fontsize=9)  # fmt: skip
    for label in labels:
        y += 1
        places.append(y)
        names.append(label.replace("one set of weights for all sentences", "one set of weights for all"))
        for axes, way in zip(panels, ("t2v", "v2t"), strict=True):
            (mean, low, high), (_, *strictly) = (differences[label][way][name] for name in ("R@10", "R@10, strict"))
            clear = strictly[0] * strictly[1] > 0
            axes.plot(strictly, [y, y], color="#202020", linestyle="-", linewidth=0.8)
            axes.plot([low, high], [y, y], color="#202020", linestyle="-", linewidth=3)
            axes.plot(mean, y, "o", markersize=7, markeredgecolor="#202020", color="#202020" if clear else "white")
            axes.annotate(f"{mean:+.1f}", (75, y), ha="right", va="center", fontsize=9)
    y += 1.5
for axes, way in zip(panels, ("t2v", "v2t"), strict=True):
    axes.axvline(0, color="#4a7fb5", linestyle="--", linewidth=1)
    axes.set_xscale("symlog", linthresh=5, linscale=1.2)
    axes.set_xticks([-60, -20, -5, 0, 5], ["-60", "-20", "-5", "0", "5"])
    axes.minorticks_off()
    axes.set(xlim=(-100, 80), ylim=(y - 1, -0.8), xlabel=f"{way} R@10 against all parts (points)")
panels[0].set_yticks(places, names, fontsize=9)
for axes in panels:
    axes.tick_params(axis="y", length=0)
show(
    figure,
    "Differences in R@10 to the full model. Each expert alone loses 32 to 74 points; leaving out appearance, audio or "
    "motion loses 13 to 20, leaving out the face nothing that is clear of 0. Concatenation loses 13 and 8, the mean of "
    "words 13 and 23. Uniform weights, one set of weights, and no gate lose 2 to 3 points in t2v, at the edge of the "
    "strict interval, and nothing in v2t. InfoNCE gains 4 and 6, clear of 0; expert loss, mean of audio rows and the "
    "control do not differ from 0.",
)

# %% [markdown]
# ## Reading it
#
# What may be said, for TinyClips and these settings? Each sentence with the numbers that carry it.


# %%
def clear(label, way="t2v"):
    """+1 or -1 if a row's strict interval lies above or below 0, else 0."""
    _, low, high = differences[label][way]["R@10, strict"]
    return (low > 0) - (high < 0)


def points(label, way="t2v", name="R@10"):
    return differences[label][way][name][0]


# no expert is enough alone, and three of four are missed when they are left out
assert all(clear(label, way) == -1 for label in groups["one expert alone"] for way in ("t2v", "v2t"))
assert all(points(f"without {name}") < -10 for name in ("appearance", "audio", "motion"))
assert clear("without face") == 0 and abs(points("without face")) < 2
# the mixture beats one long vector, and NetVLAD a mean of words; a mean of the audio rows is as good as NetVLAD
assert clear("concatenation") == clear("mean of words") == -1 and abs(points("mean of audio rows")) < 1
# the largest gain of all is no part of the paper
assert [label for label in differences if clear(label) == 1] == ["InfoNCE"] and clear("InfoNCE", "v2t") == 1

# %% [markdown]
# - **The face** buys nothing that can be measured here: appearance sees beards and glasses too
#   ([lesson 04](04_mixture_weights.ipynb)). An expert may be good and still be dispensable.
# - **The audio rows** need no NetVLAD. The **words** need it badly. Why, we look at below.
# - **InfoNCE**, with the library's temperature and a learning rate that was chosen for the other loss, is worth more
#   than weights and gate together. The paper is from 2018; most of what came after it trains so.
#
# And the weights? From sentence to film they help, probably. Now compare the *other* direction, at R@1, where each film
# ranks sentences:

# %%
for label in ("uniform weights", "one set of weights for all sentences"):
    for way in ("t2v", "v2t"):
        print("{}, {} R@1: {:+.1f} [{:+.1f}, {:+.1f}]".format(label, way, *differences[label][way]["R@1"]))
assert all(differences[label]["v2t"]["R@1"][1] > 3 for label in groups["mixture"][1:])

# %% [markdown]
# Seven or eight points *better* without. Lesson 04 had a suspicion: weights of its own give each sentence a scale of
# its own, which spoils the comparison of sentences. The new row supports it. With **one set of weights for all**,
# *learnt* like the others, the points are there as well. So it is not learning that costs them; it is that sentences
# differ. (The two rows are about equal: weights that are learnt, but the same for all, are worth little more than a
# quarter each.)
#
# What an ablation can't say: that a part is worth so many points, full stop. It is worth them *beside the other parts*,
# with these settings, on these clips. Our live models did as well without a gate; the careful ones trained longer on
# more films, and there the gate is worth something, perhaps. Even they had twelve epochs only: all rows rise with more,
# and [lesson 09](09_images_and_videos.ipynb) showed that an answer may turn round on the way. And settings were chosen
# for the full model and not for its rivals, which is a small injustice to all of them.
#
# ## A row of your own
#
# Why does the mean of words lose so much? Three suspects: a mean is too poor, or its 50 numbers are too few beside
# NetVLAD's 400, or the learnt layer is missing. Two rows can tell. First **NetVLAD with one centre**: also 50 numbers,
# and learnt. Second a **wide mean**: the mean, then a learnt layer to 400 numbers. The first is an option. The second
# is a function of eight lines. If width is what counts, which of the two will be good?


# %%
class WideMean(MeanPooling):
    """The mean of the rows, then a learnt layer to as many numbers as NetVLAD gives."""

    def __init__(self, dim, out_dim):
        super().__init__(dim)
        self.fc, self.out_dim = torch.nn.Linear(dim, out_dim), out_dim

    def forward(self, x, mask):
        return torch.relu(self.fc(super().forward(x, mask)))


def wide_mean(config):
    model = VideoTextMEE(config)
    model.text_pooling = WideMean(config.word_dim, model.text_pooling.out_dim)
    return model


own = {"one centre": {"text_clusters": 1}, "wide mean": {"network": wide_mean}}
live |= compare(clips, own, (0, 1, 2), "val", progress=False, **small)

# %% tags=["nbval-ignore-output"]
for label in ("mean of words", *own):
    for way in ("t2v", "v2t"):
        text = "{:+.1f} [{:+.1f}, {:+.1f}]".format(*difference(live[label], live["all parts"], way))
        print(f"{label}, {way}: {text} points of R@10 against NetVLAD with 8 centres")

# %%
assert all(difference(live[label], live["all parts"], way)[2] < -5 for label in own for way in ("t2v", "v2t"))

# %% [markdown]
# Neither. One centre is no better than the mean, and width alone does not help. What is left is what NetVLAD is about:
# *several* centres, so that words go to different places of the vector before they are added up. (Lesson 02 asked what
# a mean loses, and had only random centres to show; here is the answer with trained ones.)
#
# ## The trap: a switch that can't be switched off
#
# Tables like ours are often made from the shell, a run a row: `--gating False`. The code that was published with the
# paper has its switches as `type=bool`. What does Python make of the *word* False?

# %%
parser = argparse.ArgumentParser()
parser.add_argument("--gating", type=bool, default=True)
for given in ("True", "False", "0", "no"):
    print(f"--gating {given:<6} gives", parser.parse_args(["--gating", given]).gating)

# %% [markdown]
# `bool` of any text that is not empty is True. So the row *no gate* trains the full model. Nothing raises, the row gets
# a label, a mean and an interval. What difference will it show?

# %%
options = {"gating": parser.parse_args(["--gating", "False"]).gating}
mislabelled = compare(clips, {"all parts": {}, "no gate": options}, (0, 1), "val", progress=False, **tiny)
mean, low, high = difference(mislabelled["no gate"], mislabelled["all parts"])
print(f"no gate against all parts: {mean:+.1f} [{low:+.1f}, {high:+.1f}]")
assert torch.equal(mislabelled["no gate"].t2v, mislabelled["all parts"].t2v)
assert not torch.equal(by_library["no gate"].t2v, by_library["all parts"].t2v)

# %% [markdown]
# *The gate buys nothing*, and very surely so. In a table without intervals, or with other seeds for each row, nobody
# would see it. Here the interval gives it away: **no two trainings that differ in anything agree on every rank**. A
# difference of exactly 0 is a bug. The mend is a switch that has no value, and a look at what was built:

# %%
for flags, gating in (["--no-gating"], False), ([], True):
    assert parse(["train", "clips.h5", *flags]).config.gating is gating
untrained = {**tiny, "epochs": 0, "progress": False}
with_gate, without = (fit_clips(clips, gating=gate, **untrained).model for gate in (True, False))
gates = [sum("cg" in name for name, _ in model.named_parameters()) for model in (with_gate, without)]
print(f"parameters that belong to a gate: {gates[0]} with, {gates[1]} without")
assert gates[0] > 0 and gates[1] == 0

# %% [markdown]
# ## Summary
#
# - A row is a dict: what differs from the full model. One runner trains all rows with the same seeds and ranks the same
#   clips, so that differences are paired; a row with nothing changed belongs into every table.
# - A paired test looks only at the queries on which two methods disagree. Coins say how often luck alone does as much.
# - Twenty rows in which nothing differs give two papers of three something to report. Ask more of each when there are
#   many.
# - On TinyClips the experts, their mixture and NetVLAD over words buy ten points and more; weights and gate two or
#   three in one direction, at the edge of what 500 films can show; the face and NetVLAD over sound nothing; InfoNCE,
#   which is not in the paper, four to six.
# - A part is worth what it is worth beside the others. And a difference of exactly 0 is a bug.
#
# ## Exercises
#
# 1. The rows with two experts each. 2. The paired test for real results: coins for films. 3. Find a row that beats the
# full model.
#
# Write them in the [exercise notebook](exercises/10_ablations.ipynb); one way to do it is in the
# [solutions](solutions/10_ablations.ipynb).
#
# ## Where next
#
# Back to [images and videos](09_images_and_videos.ipynb), or on to [your own videos](11_your_own_videos.ipynb).
