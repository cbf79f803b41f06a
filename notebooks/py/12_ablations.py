# %% [markdown]
# # What does each part buy?
#
# **You will learn** to write an experiment down as a table of rows; to tell a difference from luck, query by query;
# what luck does when there are many rows; and to read one figure that says what each part of the model is worth here.
#
# **You need** [lesson 04](04_mixture_weights.ipynb) for the parts of the model and
# [lesson 07](07_retrieval_metrics.ipynb) for intervals. Lessons 02, 03 and 06 built the parts that we now take away.
#
# **Minutes** 60

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/12_ablations.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F12_ablations.ipynb)

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
import inspect
import json
import sys
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from IPython.display import Markdown
from lesson import draw, show

from mee import VideoTextMEE, fit_clips, read_clips
from mee.compare import Result, compare, difference

torch.set_printoptions(precision=2, sci_mode=False)

# %% tags=["remove-input"]
draw("here_12", "You are here: every part of the model, each taken out in turn.")

# %% [markdown]
# ## Write a row as a dict
#
# An [ablation](glossary.md#ablation) takes a part of a model away, trains the rest again, and looks at what is lost. A
# paper's table has a row for each: all parts, without the gate, without the weights, and so on. The crosses in the next
# figure are the rows of this lesson.

# %% tags=["remove-input"]
draw(
    "12_what_is_taken_out",
    "Each cross is a row: the part that it takes out, and the row's name.",
)

# %% [markdown]
# A *row* of ours is a dict with the choices that differ from the full model. The full model is the empty dict.

# %%
rows = {
    "all parts": {},
    "uniform weights": {"learned_weights": False},
    "no gate": {"gating": False},
}

# %% [markdown]
# What has to happen to a row? Train it, with several [seeds](glossary.md#seed); rank the same clips each time; keep all
# ranks. Here it is by hand, on a small scale: two rows, two seeds, 100 films, two epochs. `fit_clips` trains a model in
# one line, and `compute_ranks` gives the rank of each caption's film, the rank of each film's best caption, and the
# film that each caption belongs to.

# %%
from mee.evaluate import compute_ranks

clips = read_clips("data/tinyclips.h5")
train, val = clips.clips_in("train"), clips.clips_in("val")
small = {"dim": 64, "text_clusters": 8, "sequence_clusters": 4, "lr": 2e-3}
small |= {"val": [], "progress": False, "device": "cpu"}  # too small for a GPU
tiny = {**small, "train": train[:100], "epochs": 2}
by_hand = {}
for label in ("all parts", "no gate"):
    runs = [fit_clips(clips, seed=seed, **tiny, **rows[label]) for seed in (0, 1)]
    t2v = [compute_ranks(run.model, clips, val)[0] for run in runs]
    by_hand[label] = torch.stack(t2v)
    print(label, tuple(by_hand[label].shape), "(seeds, captions)")

# %% [markdown]
# That is all that `mee.compare.compare` does, in both directions. A folded cell below checks that its ranks equal ours.
#
# ## Add rows that need another network
#
# Not every row is the setting of an option. The opposite of a *mixture* of experts is to put the features of all
# experts side by side in one long vector, and to compare once: **concatenation**. Take two experts with vectors of two
# numbers, one sentence and two films. The second film is silent, so it has zeros where its audio should be.
#
# > **Predict.** By appearance, the sentence agrees perfectly with both films. What is the cosine of its long vector
# > with that of the silent film?

# %%
sentence = torch.tensor([1.0, 0.0, 0.0, 1.0]) / 2**0.5  # appearance, audio
with_sound = torch.tensor([1.0, 0.0, 0.0, 1.0]) / 2**0.5
silent = torch.tensor([1.0, 0.0, 0.0, 0.0])
print(f"with sound {sentence @ with_sound:.2f}, silent {sentence @ silent:.2f}")

# %% [markdown]
# The film pays for its silence with a cosine of 0.71, as with zeros in [lesson 05](05_missing_faces.ipynb). Nothing
# leaves the audio out, as a mask would. A sentence about a bell can make its audio part longer, and so trust sound
# more, but then the silent film loses even more.
#
# Three more rows need a network of their own: a **plain mean** of the words' vectors instead of
# [NetVLAD](glossary.md#netvlad), a mean of the audio rows, and **one set of weights for all sentences**, which is
# learnt without seeing the sentence. Their code is in the folder `experiments`. The last one is a function that takes
# the description of a network and returns a network. In the layer that makes the weights, $W t + b$ ([lesson
# 04](04_mixture_weights.ipynb)), it sets $W$ to zero and freezes it, so that only the bias $b$ is learnt:

# %%
sys.path.append("../experiments")
import tinyclips
from tinyclips import constant_weights

source = inspect.getsource(constant_weights).splitlines()
print(*(line.partition("  #")[0] for line in source if '"""' not in line), sep="\n")
rows["concatenation"] = {"network": tinyclips.Concatenation}
rows["mean of words"] = {"network": partial(tinyclips.mean_pooled, words=True)}

# %% [markdown]
# Does it do what it says? Train it for two epochs, and look at the weights of two sentences.
#
# > **Predict.** Will they be equal to each other? Will they be 1/4 each?

# %%
networks = {"one set for all": constant_weights, "each its own": VideoTextMEE}
weights = {}
print("weights of", ", ".join(clips.experts))
for label, network in networks.items():
    model = fit_clips(clips, network=network, **tiny).model
    with torch.no_grad():
        weights[label] = model.embed_text(*clips.text([0, 1])).weights
    for one in weights[label].tolist():
        print(f"{label:<16}" + "  ".join(f"≈ {weight:.3f}" for weight in one))

# %% [markdown]
# With one set for all, both sentences have the same four weights, but these are no longer 1/4 each: not seeing the
# sentence is not the same as being uniform.

# %% tags=["hide-cell", "check"]
two_rows = {label: rows[label] for label in by_hand}
by_library = compare(clips, two_rows, (0, 1), "val", **tiny)
for label, result in by_library.items():
    assert torch.equal(by_hand[label], result.t2v)
same, own = weights.values()
assert torch.equal(same[0], same[1]) and (same[0] - 0.25).abs().max() > 2e-3
assert (own[0] - own[1]).abs().max() > 2e-3

# %% [markdown]
# Look at sizes, too, before you believe a row. Taking a part away often takes parameters with it, and then it is
# unclear what was missed: the part itself, or its size.

# %%
for label in ("all parts", "no gate", "concatenation", "mean of words"):
    model = fit_clips(clips, **{**tiny, **rows[label], "epochs": 0}).model
    size = sum(p.numel() for p in model.parameters())
    print(f"{label:<14}{size / 1000:6.0f} thousand numbers to learn")

# %% [markdown]
# *Mean of words* hands 50 numbers per sentence to the rest of the model, where NetVLAD hands over 400. We will come
# back to that.
#
# ## Test in pairs, by hand
#
# Two methods, A and B, get the same 24 [queries](glossary.md#query). Here are the [ranks](glossary.md#rank) that they
# gave; a query is *found* if its rank is at most 10. Is A better? First, as if each method had had queries of its own:
# each share $p$ is known to within $\pm 1.96\sqrt{p(1-p)/24}$, and their difference to within the root of the sum of
# the squares.

# %%
a = [1, 3, 2, 8, 40, 5, 90, 120, 7, 60, 2, 300]
a = torch.tensor(a + [6, 4, 9, 10, 1, 77, 3, 22, 10, 51, 2, 36])
b = [2, 9, 1, 25, 70, 5, 60, 150, 12, 80, 3, 210]
b = torch.tensor(b + [31, 6, 44, 9, 1, 95, 4, 30, 18, 40, 11, 28])
found_a, found_b = a <= 10, b <= 10
print(f"A found {found_a.sum()}, B found {found_b.sum()} of {len(a)}")
p_a, p_b = found_a.double().mean(), found_b.double().mean()
half = 1.96 * ((p_a * (1 - p_a) + p_b * (1 - p_b)) / 24) ** 0.5
low, mean, high = (100 * (p_a - p_b + x) for x in (-half, 0, half))
print(f"unpaired: {mean:.0f} points, from {low:.0f} to {high:.0f}")

# %% [markdown]
# The interval contains 0. But both methods were given the *same* queries. Those that both found, and those that neither
# found, say nothing about which method is better. Look at the rest.
#
# > **Predict.** 15 against 9. How many queries did only A find, and how many only B?

# %%
delta = found_a.int() - found_b.int()  # 1: only A, -1: only B, 0: no difference
print(delta.tolist())
print(f"only A: {(delta == 1).sum()}, only B: {(delta == -1).sum()}")

# %% [markdown]
# Six against none. If A and B were equally good, a coin would have decided for each of these six queries which method
# found it. Six coins fall in $2^6 = 64$ ways; here are all of them.
#
# > **Predict.** How many of the 64 give a difference of 6 or more, in either direction?

# %%
coins = torch.cartesian_prod(*[torch.tensor([-1, 1])] * 6)  # (64, 6)
difference_of, ways = coins.sum(1).unique(return_counts=True)
print("difference", difference_of.tolist())
print("ways      ", ways.tolist())
p_value = (coins.sum(1).abs() >= 6).double().mean()
print(f"p = {p_value:.3f}")

# %% [markdown]
# Two of 64: coins alone do that in 3 % of cases, so **p = 0.03**. The usual threshold is 5 %, so the paired test can
# say what the unpaired interval could not. It is called a *sign test* and, where each answer is found or not found,
# also *McNemar's test* ([McNemar, 1947](references.md#mcnemar1947)). It used only six of the 24 queries.
#
# `difference` makes the same [paired comparison](glossary.md#paired-comparison) in another way, by drawing queries
# again and again ([lesson 07](07_retrieval_metrics.ipynb)). It takes two `Result`s, which hold ranks. Its interval does
# not contain 0 either:

# %%
one_seed = a[None].double(), b[None].double()
pair = [Result(ranks, ranks, torch.arange(24), 0.0) for ranks in one_seed]
print("paired: {:.0f} points, from {:.0f} to {:.0f}".format(*difference(*pair)))

# %% tags=["remove-input"]
draw(
    "12_paired_and_unpaired",
    "Only the queries on which A and B differ count in the paired interval, so it is "
    "narrower.",
)

# %% [markdown]
# ## Make a small table
#
# Now we train five rows on 1,000 films, for six epochs, with three seeds, and rank the validation films. A sixth row is
# one that most papers leave out: **the full model again, with three other seeds**. It shows what a table says when
# nothing has been changed.
#
# > **Predict.** How large will the difference between the full model and itself be?

# %%
fair = {**small, "train": train[:1000], "epochs": 6}
live = compare(clips, rows, (0, 1, 2), "val", **fair)
repeated = tinyclips.REPEATED  # the label of that row
live |= compare(clips, {repeated: {}}, (100, 101, 102), "val", **fair)
against = {label: difference(live[label], live["all parts"]) for label in live}


def in_words(gain):
    """A difference and its interval."""
    return "≈ {:+.1f}, from ≈ {:+.1f} to ≈ {:+.1f}".format(*gain)


print("R@10 from text to video, validation (chance 2); difference to all parts")
for label, result in live.items():
    value = result.summary("t2v", 0)["R@10"][0]
    gain = "" if label == "all parts" else in_words(against[label])
    print(f"{label:<29}≈ {value:.1f}   {gain}")

# %% [markdown]
# Concatenation and the mean of words lose around ten points, far more than a change of seeds does. The differences that
# the gate and the weights make are small beside that, and not much larger than what other seeds make. Small models,
# trained for seconds, cannot tell what those two parts are worth.

# %% tags=["hide-cell", "check"]
assert against["concatenation"][2] < -3 and against["mean of words"][2] < -3
for label in (repeated, "uniform weights", "no gate"):
    assert abs(against[label][0]) < 5

# %% [markdown]
# ## Read the careful table
#
# Judging those two parts takes more clips, more training, and an hour of computing. That was done once, by the command
# below, with the same `compare` and more rows. Everything else in this section is **read** from its record.

# %%
record = json.loads(Path("data/ablations.json").read_text())
for key in ("command", "machine", "seeds"):
    print(f"{key:<9}", record[key])
settings = (f"{name} {value}" for name, value in record["settings"].items())
print("settings ", ", ".join(settings))
ranked = record["clips"]
print(f"ranked    {ranked['clips']} clips of the {ranked['split']} split,", end=" ")
print(f"{ranked['captions']} captions")

# %% tags=["hide-input"]
recorded = {row["label"]: row for row in record["rows"]}
differences = {row["label"]: row for row in record["differences"]}
columns = [(way, name) for way in ("t2v", "v2t") for name in ("R@1", "R@10")]
head = [f"{way} {name}" for way, name in columns] + ["t2v R@10 against all"]
lines = ["| row | " + " | ".join(head) + " |", "| --- |" + " --- |" * len(head)]
for label, row in recorded.items():
    cells = [f"{row[way][name][0]:.1f}" for way, name in columns]
    gain = differences[label]["t2v"]["R@10"] if label in differences else None
    cells.append("{:+.1f} [{:+.1f}, {:+.1f}]".format(*gain) if gain else "")
    lines.append(f"| {label} | " + " | ".join(cells) + " |")
cells = [f"{record['chance'][way][name]:.1f}" for way, name in columns]
lines.append("| chance | " + " | ".join(cells) + " | |")
Markdown("\n".join(lines))

# %% [markdown]
# Both tables agree about the two large differences. About the small ones only the careful run can say anything, and
# whether it can is the next question.
#
# ## Ask more when there are many rows
#
# The record compares 17 rows with the full model, in both directions: 34 intervals. By construction, each misses the
# truth one time in twenty. Let us simulate a thousand papers in which **nothing** makes a difference. Each has 20 rows
# with 500 queries; a tenth of the queries are found by the row alone, another tenth by the full model alone.
#
# > **Predict.** How many *rows* will have an interval that leaves out 0? How many *papers* have at least one such row?

# %%
drawn = torch.rand(1000, 20, 500, generator=torch.Generator().manual_seed(0))
queries = (drawn < 0.1).float() - (drawn > 0.9).float()  # (papers, rows, queries)
z = queries.mean(2) / (queries.std(2) / 500**0.5)  # in standard errors
clear = z.abs() > 1.96
rate = clear.float().mean(), clear.any(1).float().mean()
print(f"rows: {rate[0]:.0%}; papers with at least one: {rate[1]:.0%}")

# %% [markdown]
# $1 - 0.95^{20} = 64\,\%$: two papers in three have something to report, although nothing differs. The simplest remedy
# is to allow each of $m$ comparisons an error of $5/m$ % instead of 5 % (*Bonferroni's* correction, [Dunn,
# 1961](references.md#dunn1961)). The intervals get wider, and in at least 95 of 100 papers all of them are right at
# once.

# %%
normal = torch.distributions.Normal(0, 1)
bar = normal.icdf(torch.tensor(1 - 0.05 / 20 / 2))
strict = (z.abs() > bar).any(1).float().mean()
print(f"{bar:.1f} standard errors; papers with at least one: {strict:.0%}")

# %% tags=["hide-cell", "check"]
assert abs(rate[0] - 0.05) < 0.01 and abs(rate[1] - (1 - 0.95**20)) < 0.06
assert strict < 0.1

# %% [markdown]
# From 1.96 standard errors to 3.0: each interval is half as wide again.

# %% tags=["remove-input"]
draw(
    "12_a_family_of_intervals",
    "Among twenty ordinary intervals one leaves out 0 by luck; of the wider ones none.",
)

# %% [markdown]
# In `mee.compare` the wider interval is `difference(..., level=1 - 0.05 / m)`, and the record has both, with $m = 34$.
# First come the comparisons that leave out 0 at 95 %, but no longer when all are to hold together; then the row in
# which nothing was changed.

# %%
doubtful = []
for label, row in differences.items():
    for way in ("t2v", "v2t"):
        (gain, low, high), (_, *strictly) = row[way]["R@10"], row[way]["R@10, strict"]
        if low * high > 0 and strictly[0] * strictly[1] <= 0:
            doubtful.append(label)
            print(f"{label}, {way}: ≈ {gain:+.1f}, strictly from", end=" ")
            print("≈ {:+.1f} to ≈ {:+.1f}".format(*strictly))
print(f"{len(doubtful)} of {2 * len(differences)}")
for way in ("t2v", "v2t"):
    words = in_words(differences[repeated][way]["R@10"])
    print(f"{repeated}, {way}: {words}")

# %% [markdown]
# A finding that fails the strict test need not be wrong. If several rows point in one direction, or if the same was
# found on other clips, it can still be likely; but this table alone cannot support the claim. The last lines show what
# other random numbers do, which a table without that row would not tell. Three seeds are few, and the ends of an
# interval are not walls.
#
# ## See all rows in one figure
#
# A [forest plot](glossary.md#forest-plot) shows for each row its difference from the full model, the 95 % interval
# (thick) and the strict one (thin). A filled circle means that even the strict interval is clear of 0.
#
# > **Predict.** Cover the labels of the figure. Which row lies furthest to the right of 0?

# %% tags=["hide-input"]
groups = {
    "one expert alone": [label for label in differences if label.endswith(" alone")],
    "one left out": [label for label in differences if label.startswith("without ")],
    "mixture": ["concatenation", "uniform weights"],
    "units and pooling": ["no gate", "mean of words", "mean of audio rows"],
    "loss": ["InfoNCE", "with expert loss"],
    "control": [repeated],
}
groups["mixture"].append("one set of weights for all sentences")
dark, edge = "#202020", -28
figure, panels = plt.subplots(1, 2, figsize=(7, 7.8), sharey=True)
figure.subplots_adjust(left=0.34, right=0.92, top=0.99, bottom=0.15, wspace=0.34)
places, names, said, y = [], [], [], 0
left = {"xycoords": panels[0].get_yaxis_transform(), "textcoords": "offset points"}
left |= {"ha": "right", "va": "center", "weight": "bold", "fontsize": 11}
for group, labels in groups.items():
    panels[0].annotate(group, (0, y), (-6, 0), **left)
    for label in labels:
        y += 1
        places.append(y)
        names.append(label.removesuffix(" sentences"))
        for axes, way in zip(panels, ("t2v", "v2t"), strict=True):
            row = differences[label][way]
            (mean, low, high), (_, *strictly) = row["R@10"], row["R@10, strict"]
            fill = dark if strictly[0] * strictly[1] > 0 else "white"
            mark, at = ("o", mean) if mean > edge else ("<", edge)
            if mark == "o":
                axes.plot(strictly, [y, y], color=dark, linestyle="-", linewidth=1)
                axes.plot([low, high], [y, y], color=dark, linestyle="-", linewidth=3.5)
            axes.plot(at, y, mark, markersize=5.5, markeredgecolor=dark, color=fill)
            value = {"xycoords": axes.get_yaxis_transform(), "va": "center"}
            axes.annotate(f"{mean:+.1f}", (1.02, y), fontsize=10, **value)
            if way == "t2v":
                said.append(f"{label} ≈ {mean:+.0f}")
    y += 1.5
for axes, way in zip(panels, ("t2v", "v2t"), strict=True):
    axes.axvline(0, color="#4a7fb5", linestyle="--", linewidth=1)
    axes.set_xticks([-20, -10, 0, 10])
    axes.tick_params(axis="x", labelsize=10)
    axes.set(xlim=(edge - 2, 15), ylim=(y - 1, -0.8))
    axes.set_xlabel(f"{way} R@10 (points)", fontsize=11)
    axes.tick_params(axis="y", length=0)
panels[0].set_yticks(places, names, fontsize=10)
key = {"color": dark, "linestyle": "-"}
handles = [
    plt.Line2D([], [], linewidth=3, label="95 % for each", **key),
    plt.Line2D([], [], linewidth=0.8, label="95 % for all together", **key),
    plt.Line2D([], [], marker="o", color=dark, lw=0, label="clear of 0, strictly"),
    plt.Line2D([], [], marker="<", color=dark, lw=0, label="off the scale"),
]
figure.legend(handles=handles, loc="lower center", ncols=2, fontsize=10)
alone = "Single experts lie far to the left of 0, InfoNCE to the right of it. From "
alone += "text to video, the differences in R@10 to the full model are: "
claim = "No expert is enough alone; InfoNCE is the only row that clearly gains."
show(figure, alone + "; ".join(said) + ".", claim)

# %% [markdown]
# ## Say what the figure allows
#
# What can we say, for TinyClips and these settings?
#
# - **No expert is enough** alone, and appearance, audio and motion are missed when they are left out. **The face** is
#   missed least: appearance sees beards and glasses too ([lesson 04](04_mixture_weights.ipynb)). Alone, the face finds
#   more than chance; beside the others it adds too little to be seen here.
# - **The mixture** beats one long vector.
# - **The gate** is worth about two points from sentence to film. Even the strict interval is clear of 0 there, but only
#   just. From film to sentence the intervals contain 0. (Without gates the model also has fewer numbers to learn.)
# - **The words** need NetVLAD badly; **the audio rows** do as well with a mean. We look at the reason below.
# - [InfoNCE](glossary.md#infonce) ([van den Oord et al., 2018](references.md#oord2018)) gains most, and is not part of
#   the paper. Most of what came after 2018 trains with this loss ([lesson 17](17_from_mee_to_today.ipynb)).

# %% tags=["hide-cell", "check"]


def clear_of_0(label, way="t2v"):
    """+1 or -1 if a row's strict interval lies above or below 0, else 0."""
    _, low, high = differences[label][way]["R@10, strict"]
    return (low > 0) - (high < 0)


def points(label, way="t2v", name="R@10"):
    return differences[label][way][name][0]


for label in groups["one expert alone"]:
    assert all(clear_of_0(label, way) == -1 for way in ("t2v", "v2t"))
left_out = {label: points(label) for label in groups["one left out"]}
assert max(left_out, key=left_out.get) == "without face"
assert left_out["without face"] > -4
assert all(clear_of_0(label) == -1 for label in left_out if label != "without face")
assert clear_of_0("concatenation") == clear_of_0("mean of words") == -1
assert abs(points("mean of audio rows")) < 3
assert clear_of_0("InfoNCE") == 1 and max(differences, key=points) == "InfoNCE"
assert clear_of_0("no gate") == -1 and clear_of_0("no gate", "v2t") == 0
for label in ("concatenation", "mean of words"):
    assert against[label][0] * points(label) > 0
assert sorted(sum(groups.values(), [])) == sorted(differences)
assert len(differences) == 17
for label in groups["mixture"][1:]:
    assert points(label, "v2t", "R@1") > 1 and clear_of_0(label) == -1

# %% [markdown]
# And the weights? From sentence to film they help: both rows without them lie below 0, even with the strict interval.
# Now look at the *other* direction, where each film ranks sentences, and at R@1, the share of films whose own caption
# comes first:

# %%
for label in ("uniform weights", "one set of weights for all sentences"):
    for way in ("t2v", "v2t"):
        print(f"{label}, {way} R@1: {in_words(differences[label][way]['R@1'])}")

# %% [markdown]
# There, sentences do *better* without weights of their own. [Lesson 04](04_mixture_weights.ipynb) found the reason: a
# clip has no weights, and each sentence that it ranks brings its own, and so its own scale. The last row supports that:
# with **one set of weights for all**, *learnt* like the others, the points are gained as well. So it is not the
# learning of weights that costs points, but that weights differ between sentences. The [calibrated
# score](glossary.md#calibrated-score) of [lesson 05](05_missing_faces.ipynb) puts sentences on a common scale.
#
# An ablation cannot say that a part is worth so many points, full stop. The part is worth them *beside the other
# parts*, with these settings, on these clips. All rows rise with more training, and [lesson
# 11](11_images_and_videos.ipynb) showed that an answer may reverse on the way. And the settings were chosen for the
# full model, which puts all its rivals at a small disadvantage.

# %% [markdown]
# ## Add a row of your own
#
# Why does the mean of words lose so much? There are three suspects: a mean is too poor; its 50 numbers are too few
# beside NetVLAD's 400; or a layer that learns is missing. Two rows can tell. **NetVLAD with one centre** gives 50
# numbers, too, and learns. A **wide mean** is the mean, followed by a learnt layer to 400 numbers. The first row is an
# option; the second takes a small class and a function.


# %%
class WideMean(tinyclips.MeanPooling):
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


# %% [markdown]
# If width is what counts, the wide mean will be good; if learning is enough, so will the single centre.

# %%
own = {"one centre": {"text_clusters": 1}, "wide mean": {"network": wide_mean}}
live |= compare(clips, own, (0, 1, 2), "val", **fair)
print("R@10 against NetVLAD with 8 centres")
for label in ("mean of words", *own):
    for way in ("t2v", "v2t"):
        gain = difference(live[label], live["all parts"], way)
        print(f"{label:<14}{way}  {in_words(gain)}")

# %% [markdown]
# Neither is good: a learnt layer with one centre is not enough, and width alone is not either. What remains is the idea
# of NetVLAD: *several* [centres](glossary.md#centre), so that words go to different places in the vector before they
# are added up. The audio rows of a film all come from one sound, so there is less to keep apart in them.

# %% [markdown]
# ## The trap: a switch that cannot be switched off
#
# Tables like ours are often made from the shell, one command per row: `--gating False`. The code published with the
# paper declares its switches with `type=bool`. This is what Python makes of the *word* False:

# %%
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--gating", type=bool, default=True)
for given in ("True", "False", "0", "no"):
    options = parser.parse_args(["--gating", given])
    print(f"--gating {given:<6} gives", options.gating)

# %% [markdown]
# `bool` of any text that is not empty is True. So the row *no gate* trains the full model. No error is raised, and the
# row gets a label, a mean and an interval.
#
# > **Predict.** What difference will this row show?

# %%
options = {"gating": parser.parse_args(["--gating", "False"]).gating}
wrong = compare(clips, {"no gate": options}, (0, 1), "val", **tiny)["no gate"]
right = by_library["no gate"]
for label, result in (("wrong switch", wrong), ("right switch", right)):
    gain = difference(result, by_library["all parts"])
    if gain == (0, 0, 0):
        print(f"{label}: exactly 0 points, and so are the interval's ends")
    else:
        print(f"{label}: {in_words(gain)} points")

# %% [markdown]
# > **Trap.** *The gate buys nothing*, says the row, and with no doubt at all. In a table without intervals, or with
# > other seeds for each row, the mistake would not show. Here it does: **no two trainings that differ in anything agree
# > on every rank**. A difference of exactly 0 is a bug.
#
# (The right switch even gains here. These models saw 100 films for two epochs, and say nothing about the gate.) The fix
# is a switch that takes no value, and a look at what was built:

# %%
from mee.cli import parse

for flags in ([], ["--no-gating"]):
    config = parse(["train", "clips.h5", *flags]).config
    model = fit_clips(clips, gating=config.gating, **{**tiny, "epochs": 0}).model
    gates = [name for name, _ in model.named_parameters() if "cg" in name]
    print(flags, "gating", config.gating, "| parameters of a gate:", len(gates))

# %% tags=["hide-cell", "check"]
for label in own:
    for way in ("t2v", "v2t"):
        assert difference(live[label], live["all parts"], way)[2] < -2
assert torch.equal(wrong.t2v, by_library["all parts"].t2v)
assert not torch.equal(right.t2v, by_library["all parts"].t2v)
assert not gates

# %% [markdown]
# ## Summary
#
# - A row is a dict: what differs from the full model. One runner trains all rows with the same seeds and ranks the same
#   clips, so that differences are paired. A row with nothing changed belongs in every table.
# - A paired test looks only at the queries on which two methods disagree. Coins say how often luck alone does as much.
# - Twenty rows in which nothing differs give two papers in three something to report. Ask more of each row when there
#   are many.
# - On TinyClips, appearance, audio, motion, the mixture and NetVLAD over words are worth much, the face and NetVLAD
#   over sound little; InfoNCE, which is not in the paper, gains most.
# - A part is worth what it is worth beside the others. And a difference of exactly 0 is a bug.
#
# ## Exercises
#
# 1. The rows with two experts each.
# 2. The paired test for real results: coins for films.
# 3. Find a row that beats the full model, and see whether the gain holds.
#
# Write them in the [exercise notebook](exercises/12_ablations.ipynb); one way to do it is in the
# [solutions](solutions/12_ablations.ipynb).
#
# ## Where next
#
# Back to [images and videos](11_images_and_videos.ipynb), or on to [your own videos](13_your_own_videos.ipynb).
