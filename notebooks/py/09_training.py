# %% [markdown] slideshow={"slide_type": "slide"}
# # What happens while a model trains, and when is it enough?
#
# **You will learn** to read `fit` and its curves, to recognise overfitting, to tell a result from a lucky seed, to stop
# a run and resume it bit for bit, and what changes on a GPU.
#
# **You need** [lesson 08](08_build_mee.ipynb), where you wrote the loop, and [lesson 07](07_retrieval_metrics.ipynb)
# for R@10 and its interval.
#
# **Minutes** 60

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/09_training.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F09_training.ipynb)

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
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from lesson import draw, show

from mee import TrainConfig, fit, fit_clips, read_clips

torch.set_printoptions(precision=2, sci_mode=False)
device = "cuda" if torch.cuda.is_available() else "cpu"
clips = read_clips("data/tinyclips.h5")
print({split: len(clips.clips_in(split)) for split in ("train", "val", "test")})

# %% tags=["remove-input"]
draw("here_09", "You are here: the loss, and all that it changes in training.")

# %% [markdown] slideshow={"slide_type": "skip"}
# Each of the three splits has its purpose. The model learns from **train**. You look at **val**, the [validation
# split](glossary.md#validation-split), during training, to decide what to keep. You look at **test**, the [test
# split](glossary.md#test-split), once, at the end.
#
# ## fit is your loop with four additions
#
# In lesson 08 you wrote a loop: shuffle the clips, take 64, draw a caption for each, score all with all, compute the
# loss and its gradients, step. The library has one [epoch](glossary.md#epoch) of that loop as `train_epoch`, and `fit`
# runs epoch after epoch.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw("09_fit_loop", "One turn of fit: your loop of lesson 08, and four additions.")

# %% [markdown] slideshow={"slide_type": "skip"}
# Each box is a few lines of the source, printed here with long lines cut:

# %% slideshow={"slide_type": "skip"}
import inspect

source = inspect.getsource(fit)
loop = source[source.index("    while len(run.history)") :].split("    model.eval()")[0]
for line in loop.splitlines():
    print(line[4:80] + (" ..." if len(line) > 80 else ""))

# %% [markdown] slideshow={"slide_type": "skip"}
# `train_epoch` is your inner loop, and `scheduler.step()` lowers the learning rate by 5 %. (`_tf32` lets a GPU multiply
# faster and less exactly, if you ask for it.) `fit` adds four things. It stops with an error if the loss of an epoch is
# not finite. It **validates** after each epoch. It **keeps the weights of the best** epoch by validation, and loads
# them at the end. And it tells **callbacks**, objects with methods `begin`, `epoch_end` or `end`, what has happened;
# whatever you want to see or save on the way goes there.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "09_best_epoch",
    "An example. The best epoch is kept; those after it cost only time.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# **Early stopping** ends a run when some epochs have brought nothing better. `fit` has no such rule: it runs all
# epochs, and gives you the best of them.
#
# ## Before the first step, the loss is the margin
#
# `prepare` makes what `fit` needs for a set of clips: a model with random weights, batches and the loss. `TrainConfig`
# holds the options of a run, and `batch_loss` scores one batch and gives its loss. To keep the lesson short, the model
# is small: each expert compares in 64 dimensions, and [NetVLAD](glossary.md#netvlad) has 8 centres for words and 4 for
# audio.
#
# > **Predict.** A random model scores right and wrong pairs alike, with small differences up and down. The
# > [margin](glossary.md#margin) is 0.2. Roughly what will the max-margin loss of its first batch be?

# %%
from mee.train import batch_loss, prepare

small = {"lr": 2e-3, "dim": 64, "text_clusters": 8, "sequence_clusters": 4}
config = TrainConfig(**small)
model, batches, loss, _ = prepare(clips, config)
first = batch_loss(model, next(iter(batches)).to(device), loss)
print(f"{sum(p.numel() for p in model.parameters()):,} numbers to learn")
print(f"loss ≈ {first.item():.2f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# The loss is about the margin, which is what knowing nothing costs. So a loss far above the margin at the start is a
# sign of a mistake, and a loss that stays at the margin says that nothing is being learnt.
#
# ## Watch two curves and a map
#
# `fit_clips` calls `prepare` and `fit`. It trains on all 2,000 films for 8 epochs, and ranks the 500 validation films
# after each. We give it two callbacks. `Checkpoint`, the library's, writes what has been learnt into a folder.
# `Snapshots`, ours, keeps the [embeddings](glossary.md#embedding) of a sentence and of the validation films at four
# moments; `eval_mode` switches the model to evaluation for the length of its block.

# %% slideshow={"slide_type": "skip"}
from mee.evaluate import eval_mode

val, sentence = clips.clips_in("val"), "a bell rings in the city"


class Snapshots:
    """Embeddings of the sentence and of the validation films after some epochs."""

    def __init__(self, *epochs):
        self.epochs, self.kept = epochs, {}

    def begin(self, run):
        self.epoch_end(run)

    def epoch_end(self, run):
        if len(run.history) in self.epochs:
            with eval_mode(run.model):
                text = run.model.embed_text(*clips.words.batch([sentence]))
                video = run.model.embed_video(*clips.video(val))
            self.kept[len(run.history)] = text, video


# %% [markdown] slideshow={"slide_type": "skip"}
# > **Predict.** A batch is 64 films. How many steps do 8 epochs take?

# %% slideshow={"slide_type": "skip"}
from mee.storage import Checkpoint

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
options = {"device": device, "progress": False, **small}
snapshots = Snapshots(0, 1, 4, 8)
callbacks = [Checkpoint(folder / "run"), snapshots]
run = fit_clips(clips, epochs=8, callbacks=callbacks, **options)
steps = len(run.batches)
seconds = sum(row["seconds"] for row in run.history)
print(f"{steps} steps per epoch, {8 * steps} in all, took {seconds:.0f} s")

# %% slideshow={"slide_type": "skip"}
for row in run.history[::7]:
    recall = row["val"]["t2v"]["R@10"][0]
    print(f"epoch {row['epoch']}: loss ≈ {row['loss']:.3f}, val R@10 ≈ {recall:.1f}")

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
epochs = [row["epoch"] for row in run.history]
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.2), layout="constrained")
left.plot(epochs, [row["loss"] for row in run.history], "o-")
left.axhline(0.2, color="#808080", linestyle=":")
left.text(8, 0.192, "the margin: nothing learnt", ha="right", va="top")
left.set(xlabel="epoch", ylabel="training loss", ylim=0, xticks=epochs[1::2])
right.axhline(2, color="#808080", linestyle=":")
right.text(8, 4, "chance", ha="right")
for way, style in (("v2t", "s--"), ("t2v", "o-")):
    recall = [row["val"][way]["R@10"][0] for row in run.history]
    right.plot(epochs, recall, style)
    right.text(8.3, recall[-1], way, va="center")
right.set(xlabel="epoch", ylabel="R@10, validation (%)", ylim=(0, 100))
right.set(xlim=(0.6, 9.4), xticks=epochs[1::2])
show(
    figure,
    "Left: the training loss falls steeply at first, then ever more slowly, far below "
    "the margin. Right: R@10 on the validation films rises in both directions, from "
    "far above chance after one epoch, and has not quite levelled off after eight.",
    "The loss flattens early; retrieval of films not trained on still improves.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# Both curves say that something is learnt, but they measure different things. The loss is in the unit of the score, and
# is taken over batches of 64 films that are trained on. R@10, the percentage of queries with the right answer among the
# first ten, is taken over all 500 films of a split that is not trained on, and is what you want in the end. When loss
# and R@10 disagree, believe R@10. It also says when training is enough: when R@10 on validation has not risen for
# several epochs. Here it is still rising, so eight epochs are not enough. They only keep the lesson short.
#
# What has moved? For *a bell rings in the city*, each validation film with a sound has a
# [similarity](glossary.md#similarity) by appearance and one by audio. Use the two as coordinates, and training becomes
# a map on which the right films wander to the top right.

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
import io

in_city = torch.tensor([clips.facts[i]["place"] == "city" for i in val.tolist()])
bells = torch.tensor([clips.facts[i]["sound"] == "bell" for i in val.tolist()])
sounds = clips.present[val, list(clips.experts).index("audio")]
groups = {
    "city and bell": (in_city & bells, {"marker": "s", "s": 34, "color": "#b3261e"}),
    "city only": (in_city & ~bells, {"marker": "^", "s": 20, "color": "#3b78b8"}),
    "bell only": (bells & ~in_city, {"marker": "x", "s": 20, "color": "#202020"}),
    "neither": (~in_city & ~bells, {"marker": ".", "s": 12, "color": "#b8b8b8"}),
}
both = in_city & bells & sounds
figure = plt.figure(figsize=(7, 8))
rows = figure.add_gridspec(4, 6, width_ratios=[2.3, 1, 1, 1, 1, 1], wspace=0.08)
tops, centres = {}, {}
for line, (epoch, (text, video)) in enumerate(snapshots.kept.items()):
    look, hear = (
        (video.vectors[e] @ text.vectors[e][0]).cpu() for e in ("appearance", "audio")
    )
    centres[epoch] = [(x[both].mean() - x[sounds].mean()).item() for x in (look, hear)]
    axes = figure.add_subplot(rows[line, 0])
    for name, (group, style) in reversed(groups.items()):
        axes.scatter(look[group & sounds], hear[group & sounds], label=name, **style)
    axes.set(xlim=(-0.6, 1), ylim=(-0.6, 1), xticks=[0, 1], yticks=[0, 1])
    axes.set_ylabel(f"epoch {epoch}\naudio")
    best = run.model.score(text, video)[0].topk(5).indices.cpu()
    tops[epoch] = int((in_city & bells)[best].sum())
    for place, i in enumerate(best.tolist(), 1):
        picture = figure.add_subplot(rows[line, place])
        jpeg = clips.storyboard(val[i].item())[1]
        picture.imshow(plt.imread(io.BytesIO(jpeg), "jpg"))
        picture.set_title(f"{place} {'✓' if (in_city & bells)[i] else '✗'}")
        picture.axis("off")
axes.set_xlabel("appearance")
handles, labels = axes.get_legend_handles_labels()
at = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.945)}
figure.legend(handles[::-1], labels[::-1], ncols=4, columnspacing=1, **at)
show(
    figure,
    "Four rows, for epochs 0, 1, 4 and 8: a map of the validation films, and the first "
    "five films. At epoch 0 all films lie in one heap near zero. Later, films of the "
    "city move to the right and films with a bell upwards; those with both end at the "
    "top right, apart from the rest, and films of the city with a bell are found.",
    "Training pulls the right films out of the heap. Ticks: a city and a bell.",
)

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert tops[0] <= 1 and tops[8] >= 4, tops
assert all(abs(x) < 0.1 for x in centres[0]) and min(centres[8]) > 0.3, centres
assert min(centres[8]) > min(centres[1])

# %% [markdown] slideshow={"slide_type": "skip"}
# Before training all films lie in one heap, and the first five are a matter of luck. Then the heap is pulled apart: by
# appearance the city moves right, by audio the bells move up, and the films with both are found.
#
# **Before and after, on the test films.** This is the one time that you look at them. `epochs=0` gives the untrained
# model; `evaluate` gives all metrics with their [intervals](glossary.md#bootstrap-interval).

# %% slideshow={"slide_type": "skip"}
from mee.evaluate import evaluate

untrained = fit_clips(clips, epochs=0, **options).model
tested = {"before": evaluate(untrained, clips, "test")}
tested["after"] = evaluate(run.model, clips, "test")
for name, metrics in tested.items():
    for way in ("t2v", "v2t"):
        words = "R@10 ≈ {:.1f} [≈ {:.1f}, ≈ {:.1f}]".format(*metrics[way]["R@10"])
        print(f"{name:<7}{way}  {words}, chance {metrics['chance'][way]['R@10']:.1f}")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert 0.15 < first < 0.26
for way in ("t2v", "v2t"):
    before, after = (tested[name][way]["R@10"][0] for name in ("before", "after"))
    assert abs(before - 2) < 4 and after > 48, (before, after)
recalls = [row["val"]["t2v"]["R@10"][0] for row in run.history]
assert recalls[0] > 10 and recalls[-1] > recalls[0] + 15
assert run.history[-1]["loss"] < run.history[0]["loss"] / 2

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Overfitting opens a gap
#
# What if there is little to learn from? Take 200 films, and rank two [galleries](glossary.md#gallery) of 200 after each
# epoch: the films that are trained on, and others from the validation split. A callback of our own does the ranking;
# `compute_ranks` gives the ranks of the captions, those of the clips, and whose caption each is.

# %% slideshow={"slide_type": "skip"}
from mee.evaluate import compute_ranks

few, others = clips.clips_in("train")[:200], val[:200]


class Watch:
    """R@10 after each epoch, on some galleries of films."""

    def __init__(self, **galleries):
        self.galleries, self.curves = galleries, {name: [] for name in galleries}

    def epoch_end(self, run):
        for name, films in self.galleries.items():
            t2v, _, _ = compute_ranks(run.model, clips, films)
            self.curves[name].append(100 * (t2v <= 10).double().mean().item())


# %% [markdown] slideshow={"slide_type": "slide"}
# > **Predict.** Chance is 5 %. Where will R@10 be after 30 epochs, among the 200 films that were trained on, and among
# > the 200 others? Draw the two curves before you look.

# %% slideshow={"slide_type": "slide"}
watch = Watch(seen=few, unseen=others)
fit_clips(clips, train=few, val=[], epochs=30, callbacks=[watch], **options)
for name, curve in watch.curves.items():
    print(f"{name:<7} epoch 10 ≈ {curve[9]:.1f}, epoch 20 ≈ {curve[19]:.1f},", end=" ")
    print(f"epoch 30 ≈ {curve[29]:.1f}")

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
seen, unseen = watch.curves["seen"], watch.curves["unseen"]
figure, axes = plt.subplots()
axes.fill_between(range(1, 31), unseen, seen, color="#e8e8e8", linewidth=0)
axes.plot(range(1, 31), seen, "-")
axes.plot(range(1, 31), unseen, "--")
axes.axhline(5, color="#808080", linestyle=":")
for y, words in ((seen[-1], "trained on"), (unseen[-1], "others"), (5, "chance")):
    axes.text(30.5, y, words, va="center")
axes.text(22, 57, "the gap")
axes.set(xlabel="epoch", ylabel="t2v R@10 (%)", ylim=(0, 100), xlim=(0, 36))
axes.set_xticks(range(0, 31, 5))
show(
    figure,
    "R@10 on the films trained on climbs to about 90 percent; on others it rises with "
    "it at first, then flattens far below. The gap between the curves keeps growing. "
    "Chance is 5 percent.",
    "On 200 films the two curves part early: what is learnt helps little with others.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# The model has learnt its 200 films nearly by heart, which helps little with others: the curves part early, and the gap
# grows. That is [overfitting](glossary.md#overfitting). In textbooks the lower curve bends down again. Here the lower
# curve flattens, so going on wastes time but does no harm. Only a curve of *other* films can tell you which case you
# have. More films help: the model trained on 2,000 of them reached ≈ 61 among 500 validation films, this one ≈ 38 among
# 200, which is an easier search.

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert seen[-1] > 70 and seen[-1] - unseen[-1] > 30
assert unseen[-1] > unseen[9] - 4, "it flattens, and hardly bends down"
assert recalls[-1] > unseen[-1] + 3

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Another seed gives another number
#
# The [seed](glossary.md#seed) decides the first weights, the order of the films and the captions that are drawn.
# Nothing else changes in the next runs: four seeds, the same 200 films, 10 epochs.
#
# > **Predict.** By how many points of R@10 will the best and the worst of four seeds differ, among the 200 others?

# %% slideshow={"slide_type": "slide"}
from mee.metrics import summarise

measured, ranks = [], []
for seed in range(4):
    model = fit_clips(clips, train=few, val=[], epochs=10, seed=seed, **options).model
    t2v, _, clip_of_caption = compute_ranks(model, clips, others)
    ranks.append(t2v)
    measured.append(summarise(t2v, clip_of_caption)["R@10"])
    print("seed {}: R@10 ≈ {:.1f} [≈ {:.1f}, ≈ {:.1f}]".format(seed, *measured[-1]))
values = [value for value, _, _ in measured]
print(f"best minus worst: ≈ {max(values) - min(values):.1f} points")

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
g = torch.Generator().manual_seed(0)
_, film = clip_of_caption.unique(return_inverse=True)
each = torch.bincount(film)  # captions of each film
picks = torch.randint(len(each), (400, len(each)), generator=g)
figure, axes = plt.subplots(figsize=(7, 3))
for seed, t2v in enumerate(ranks):
    hit = torch.bincount(film, (t2v <= 10).double())
    drawn = 100 * hit[picks].sum(1) / each[picks].sum(1)
    height = seed + 0.5 * torch.rand(len(drawn), generator=g) - 0.25
    axes.scatter(drawn, height, s=7, color="#b8b8b8", linewidth=0)
    axes.plot(measured[seed][1:], [seed, seed], color="#202020", linestyle="-")
    axes.plot(values[seed], seed, "D", color="#b3261e", markersize=9)
axes.set_yticks(range(4), [f"seed {seed}" for seed in range(4)])
axes.set(xlabel="t2v R@10 among 200 others (%)", ylim=(3.5, -0.5))
show(
    figure,
    "Four rows, one per seed. In each a diamond for the measured R@10 lies in the "
    "middle of a wide cloud of 400 dots, what other draws of the films would give, and "
    "of its interval of about nine points. The four diamonds are nearly in a column.",
    "Diamonds: four seeds. Dots: the same model on other draws of the 200 films.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# A result can be doubted in two ways. The **interval** (lesson 07) says what other *films* would have given, the
# **spread over seeds** what other *luck in training* would have given. Neither contains the other. Here the intervals
# are wide, because there are only 200 films, and the seeds differ little; in lesson 07 two seeds of one loss were
# further apart than other clips could explain. To compare two methods, put one interval on their difference, over clips
# and seeds, as in lesson 07. If it contains 0, take more seeds or more clips before you report the difference.

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert max(values) - min(values) > 0.1
assert all(high - low > 4 for _, low, high in measured)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Stop and resume, bit for bit
#
# Long runs get interrupted. `Checkpoint` writes a file `last.pt` after each epoch, a
# [checkpoint](glossary.md#checkpoint) from which `resume=True` continues. Compare ten epochs in one go with five, a
# stop, and five more with a new model and a new optimiser. The CPU computes the same numbers each time, so we can
# compare bit for bit.
#
# > **Predict.** How many of the numbers in the two models will differ?

# %% slideshow={"slide_type": "slide"}
short = {"train": few, "val": [], "device": "cpu", "progress": False, **small}
whole = fit_clips(clips, epochs=10, **short)
fit_clips(clips, epochs=5, callbacks=[Checkpoint(folder / "parts")], **short)
at_stop = torch.load(folder / "parts" / "last.pt", weights_only=True)
go_on = Checkpoint(folder / "parts", resume=True)
resumed = fit_clips(clips, epochs=10, callbacks=[go_on], **short)


def differing(a, b):
    a, b = a.state_dict(), b.state_dict()
    return sum(int((a[name] != b[name]).sum()) for name in a)


print(f"numbers that differ: {differing(whole.model, resumed.model):,}")

# %% [markdown] slideshow={"slide_type": "skip"}
# None differ. What has to be in the file for that?

# %% slideshow={"slide_type": "skip"}
for key, value in at_stop.items():
    print(f"{key:<11}{type(value).__name__}")

# %% [markdown] slideshow={"slide_type": "skip"}
# The file holds the weights (`model`). But it also holds the running means of the gradients that Adam
# ([Kingma and Ba, 2015](references.md#kingma2015)) keeps (`optimizer`), how far the learning rate has fallen
# (`scheduler`), where the random numbers stand (`generator`), the best weights so far (`best_state`), the curves
# (`history`) and the options (`choices`). A run with other options is another run, so `Checkpoint` refuses to continue
# it:

# %% slideshow={"slide_type": "skip"}
from mee.storage import CheckpointError

try:
    fit_clips(clips, epochs=12, callbacks=[go_on], **{**short, "lr": 1e-3})
except CheckpointError as error:
    print(str(error).replace(str(folder), "folder"))

# %% [markdown] slideshow={"slide_type": "skip"}
# ## The trap: weights are not a run
#
# The code published with the paper ([Miech et al., 2018](references.md#miech2018)) saves no checkpoint at all. It ranks
# after each epoch, and the best line of its log belongs to a model that the next epoch has overwritten. A common fix
# saves the weights alone, and starts from them after an interruption.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw("09_resume", "Four things have to cross a stop; weights alone make another run.")

# %% [markdown] slideshow={"slide_type": "slide"}
# From weights alone, Adam is new, the learning rate is back at its start, and so are the random numbers: the first
# films come once more, in the same order, with the same captions.
#
# > **Predict.** Train five epochs more from the weights alone. Will the loss of the sixth epoch be above or below
# > that of the run that was never stopped?

# %% slideshow={"slide_type": "slide"}
model = fit_clips(clips, epochs=0, **short).model
model.load_state_dict(at_stop["model"])
alone = fit_clips(clips, epochs=5, network=lambda config: model, **short)
for name, each in (("never stopped", whole), ("weights alone", alone)):
    losses = "  ".join(f"≈ {row['loss']:.3f}" for row in each.history[-5:])
    t2v, _, _ = compute_ranks(each.model, clips, others)
    recall = 100 * (t2v <= 10).double().mean()
    print(f"{name}: loss {losses}, R@10 of the others ≈ {recall:.1f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# The loss is below at once, and R@10 of the 200 others is higher as well: ≈ 32 instead of ≈ 28, a larger difference
# than between the four seeds above. So the stop has not spoilt the run, but made another run of it, with larger steps,
# a new Adam and the first batches once more. The method has changed by accident, and no line of the log says so.
# Compare a model that was interrupted with one that was not, and you measure the interruption.

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert differing(whole.model, resumed.model) == 0
for a, b in zip(whole.history, resumed.history, strict=True):
    assert a["loss"] == b["loss"]
assert whole.history[5]["loss"] - alone.history[0]["loss"] > 0.003
both = [compute_ranks(each.model, clips, others)[0] <= 10 for each in (alone, whole)]
gain = 100 * (both[0].double().mean() - both[1].double().mean())
assert gain > max(1, max(values) - min(values))

# %% [markdown] slideshow={"slide_type": "skip"}
# `Checkpoint` writes a second file. `model.pt` holds the weights of the best epoch, the sizes of the model and its
# vocabulary, which is all that somebody else needs to use it. So the log's line for that epoch can be checked, here for
# the run of 2,000 films:

# %% slideshow={"slide_type": "skip"}
from mee.storage import load_model

opened, words = load_model(folder / "run" / "model.pt")
again = evaluate(opened.to(device), clips, "val", bootstrap=0)["t2v"]["R@10"][0]
reported = run.history[run.best - 1]["val"]["t2v"]["R@10"][0]
print(f"best epoch: {run.best}, {len(words):,} words in the vocabulary")
print(f"validation R@10: the log says ≈ {reported:.1f}, the file gives ≈ {again:.1f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# The best epoch was chosen by validation. It is the last of the eight, so a longer run would probably find a better
# one. Choosing it by the *test* clips, as the published code does, reports a number that is too good; [lesson
# 10](10_leaks.ipynb) measures how much such choices flatter.
#
# ## Fewer bits and a GPU change the time, not the method
#
# [Mixed precision](glossary.md#mixed-precision) computes the large products with 16 bits instead of 32. A `bfloat16`
# number has three digits at best; in exchange it needs half the memory, and GPUs and some CPUs compute faster with it.
# `torch.autocast` uses it for a block of code, while weights and gradients stay at 32 bits; in training, `amp=True`
# turns it on.
#
# > **Predict.** Scores lie between −1 and 1. How large will the largest change of a score be, among 64 × 64?

# %% slideshow={"slide_type": "skip"}
batch = next(iter(run.batches)).to(device)
opened.eval()
with torch.no_grad():
    full = opened(*batch.text, *batch.video)
    with torch.autocast(device, dtype=torch.bfloat16):
        mixed = opened(*batch.text, *batch.video)
        r_at_10 = evaluate(opened, clips, "val", bootstrap=0)["t2v"]["R@10"][0]
print(f"largest change of a score ≈ {(mixed - full).abs().max():.3f}")
print(f"validation R@10 ≈ {r_at_10:.1f}, with 32 bits ≈ {again:.1f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# Such a change makes two films swap places now and then, but is too small to move R@10 by much.
#
# **On a GPU**, a step of this model is a few hundred small operations, and the GPU finishes each before the CPU has
# asked for the next. So on a GPU the library trains in another way (`mee.resident`), unless you say `fast=False`. All
# clips, captions and word vectors move to the GPU once, and batches are made there. These batches all have the same
# shape, so a whole step is recorded once, as a *CUDA graph*, and then replayed: the CPU asks once per step.

# %% slideshow={"slide_type": "skip"} tags=["remove-input"]
draw("09_waiting", "Recording a step removes the waiting (a sketch, not measured).")

# %% [markdown] slideshow={"slide_type": "skip"}
# The price is [padding](glossary.md#padding): an ordinary batch is as long as its longest caption, a resident batch as
# long as the longest caption of all, which is cut after 30 words.

# %% slideshow={"slide_type": "skip"}
from mee.resident import ResidentClips

numbers, captions = batches.plan()  # the films and captions of an epoch, in order
ordinary = clips.batch(numbers[:64], captions[:64], max_words=config.max_words)
resident = ResidentClips(batches, device).batch(numbers[:64], captions[:64])
print("words, ordinary:", tuple(ordinary.words.shape))
print("words, resident:", tuple(resident.words.shape))

# %% [markdown] slideshow={"slide_type": "skip"}
# Padding is masked, so it changes nothing but the time. A CPU has no graph to replay, but `fast=True` makes it do the
# rest. Here are the losses of five epochs, on the same films and captions:

# %% slideshow={"slide_type": "skip"}
fast = fit_clips(clips, epochs=5, fast=True, **short)
for name, rows in (("ordinary", whole.history), ("fast", fast.history)):
    print(f"{name:<9}" + "  ".join(f"≈ {row['loss']:.3f}" for row in rows[:5]))

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert abs(again - reported) < 0.5
assert 0 < (mixed - full).abs().max() < 0.05
assert abs(r_at_10 - again) < 2
for a, b in zip(fast.history, whole.history[:5], strict=True):
    assert abs(a["loss"] - b["loss"]) < 0.01
temporary.cleanup()

# %% [markdown] slideshow={"slide_type": "slide"}
# The losses are the same, up to rounding. How much time the recording saves on a GPU had not been measured when this
# page was written ([benchmarks](benchmarks.md) has the command). A small model should gain most, because waiting takes
# the largest part of its time.
#
# ## Summary
#
# - `fit` is the loop of lesson 08 with validation, the best epoch and callbacks around it.
# - The loss alone says little: watch R@10 on films that are not trained on, with chance beside it. When the two curves
#   part, the model is learning its films by heart.
# - Another seed gives another number, and so do other clips.
# - A checkpoint holds weights, optimiser, learning rate and random numbers, so a resumed run is the same run, bit for
#   bit. Weights alone are not a run.
# - Fewer bits and a GPU change the time, not the method.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# Ten questions: choose an answer, and read why it is right or wrong.

# %% tags=["quiz", "remove-input"]
from lesson import quiz

quiz("09")

# %% [markdown]
# ## Exercises
#
# 1. How many steps does a run take, and with which learning rates?
# 2. Stop and resume a loop written by hand.
# 3. How much luck is in the best of many results?
#
# Write them in the [exercise notebook](exercises/09_training.ipynb); one way to do it is in the
# [solutions](solutions/09_training.ipynb).
#
# ## Where next
#
# Back to [lesson 08](08_build_mee.ipynb), or on to [lesson 10](10_leaks.ipynb): which numbers flatter?
