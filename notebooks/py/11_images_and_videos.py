# %% [markdown]
# # Can still images teach a model about videos?
#
# **You will learn** to treat a still image as a clip with missing experts; what such a clip can teach a model and what
# it cannot; how to mix stills into the batches of an epoch; and with how many films, and in which direction, stills pay
# off.
#
# **You need** [lesson 05](05_missing_faces.ipynb) for the mask, [lesson 07](07_retrieval_metrics.ipynb) for intervals,
# and [lesson 09](09_training.ipynb) for batches and epochs.
#
# **Minutes** 40

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/11_images_and_videos.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F11_images_and_videos.ipynb)

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
import io
import json
import textwrap
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from lesson import draw, show

from mee import MEE, TextEmbedding, VideoEmbedding, fit_clips, read_clips
from mee.compare import compare, difference
from mee.data import MixedBatches

torch.set_printoptions(precision=2, sci_mode=False)

# %% tags=["remove-input"]
draw("here_11", "You are here: clips that are stills, and the experts that they lack.")

# %% [markdown]
# ## Put stills beside films
#
# Films with captions are expensive; images with captions are cheap, and there are far more of them. So
# [Miech et al., 2018](references.md#miech2018) let a model of *films* learn from images as well, those of COCO
# ([Chen et al., 2015](references.md#chen2015)). This book has 1,000 [stills](glossary.md#still) for that purpose:
# single pictures of the world of TinyClips, each with two captions, in a [clip file](glossary.md#clip-file) like that
# of the films.
#
# > **Predict.** Which of the four experts will be absent from every still?

# %%
films = read_clips("data/tinyclips.h5")
stills = read_clips("data/tinyclips_stills.h5")
experts = list(films.experts)
print(f"present in {'films':>14}{'stills':>9}     captions about it")
for n, name in enumerate(experts):
    shares = [clips.present[:, n].float().mean() for clips in (films, stills)]
    shares += [clips.mentions[:, n].float().mean() for clips in (films, stills)]
    print(f"{name:<16}" + "".join(f"{share:>9.0%}" for share in shares))

# %% [markdown]
# The last two columns are the shares of captions that mention each expert's subject, in films and in stills. Captions
# of stills never mention movement or sound.

# %% tags=["remove-input"]
draw(
    "11_what_a_still_lacks",
    "A still has nothing for the motion and audio experts to work on.",
)

# %% [markdown]
# Here are three of each, drawn by the same program and described in the same words:

# %% tags=["hide-input"]
test = films.clips_in("test")
chosen = [(films, int(i)) for i in test[[3, 8, 10]]] + [(stills, i) for i in (1, 2, 5)]
figure, axes = plt.subplots(2, 3, figsize=(7, 5.6), layout="constrained")
words = {"a film": [], "a still": []}
for axis, (clips, i) in zip(axes.flat, chosen, strict=True):
    kind = "a film" if clips is films else "a still"
    caption = clips.texts[int(clips.captions_of([i])[0][0])]
    words[kind].append(caption)
    axis.imshow(plt.imread(io.BytesIO(clips.storyboard(i)[0]), format="jpeg"))
    axis.set_title(kind, fontsize=11)
    axis.set_xlabel(textwrap.fill(caption, 27), fontsize=10)
    axis.set_xticks([])
    axis.set_yticks([])
show(
    figure,
    "Three pictures out of films and three stills, drawn in the same way. Captions of "
    "films: " + "; ".join(words["a film"]) + ". Captions of stills, which speak of "
    "things, places and faces only: " + "; ".join(words["a still"]) + ".",
    "Stills show the same world as films and are described in the same words.",
)

# %% [markdown]
# The stills show no new kinds of things, and their captions use no new words. What they bring is *more pairs*: a
# thousand more pictures, each with sentences that say what it shows.

# %% tags=["hide-cell", "check"]
from mee.data import tokenize

vocabulary = [{w for text in c.texts for w in tokenize(text)} for c in (films, stills)]
assert vocabulary[1] < vocabulary[0]
assert films.present[:, experts.index("motion")].all()
for name in ("audio", "motion"):
    assert not stills.present[:, experts.index(name)].any()
    assert not stills.mentions[:, experts.index(name)].any()

# %% [markdown]
# ## Score a still by what it has
#
# A still is a clip with missing experts, so it needs no new model. Take a film and a still, and two experts. The film
# has both; the still lacks motion. Each of the two captions has its own [mixture weights](glossary.md#mixture-weight).
# The library scores vectors, so we choose vectors whose inner products are our cosines: the captions are the rows of
# the identity matrix, and a clip's vector is its column of `cosine`.

# %%
weights = torch.tensor([[0.6, 0.4], [0.7, 0.3]])  # captions of film, still
present = torch.tensor([[True, True], [True, False]])  # clips: film, still
cosine = {
    "appearance": torch.tensor([[0.5, 0.2], [0.5, 0.6]]),  # (captions, clips)
    "motion": torch.tensor([[0.8, 0.0], [0.4, 0.0]]),
}
text = {name: torch.eye(2) for name in cosine}
video = {name: values.T for name, values in cosine.items()}
mee = MEE({"appearance": (2, 2), "motion": (2, 2)}, text_dim=2)
scores = mee.score(TextEmbedding(text, weights), VideoEmbedding(video, present))
print("rows: captions of film and still; columns: film and still")
print(scores)

# %% [markdown]
# The still and its caption score 0.6, the cosine by appearance alone, although the caption gives motion a weight of
# 0.3. For the still, the [availability mask](glossary.md#availability-mask) gives appearance all of the weight. Only
# what can be compared is compared.
#
# ## See what a still teaches
#
# Look at one term of the loss: the still's caption should score at least 0.2 higher with its still than with the film.
# Three cosines of this caption decide: with the still by appearance, with the film by appearance, and with the film by
# motion.
#
# > **Predict.** Training follows the negative gradient. Which of the three cosines does it push up, and which down?

# %%
w = weights[1]
three = torch.tensor([0.6, 0.5, 0.4], requires_grad=True)
right = three[0]
wrong = w[0] * three[1] + w[1] * three[2]
loss = (0.2 + wrong - right).clamp(min=0)
loss.backward()
print("pushed by", -three.grad)

# %% [markdown]
# 1. Look like your still: *up* by 1. That push is what we wanted.
# 2. Do not look like that film: *down*. That push is right, too.
# 3. Do not **move** like that film, however it moves: *down*. The caption says nothing about motion. But no film is the
#    right answer to the caption of a still, so every movement is wrong.
#
# The third push teaches something that nobody intended, and it will come back.

# %% tags=["remove-input"]
draw(
    "11_push_of_a_still",
    "How hard one term of the loss pushes each similarity of the still's caption: the "
    "mask leaves the still's motion alone, zeros do not.",
)

# %% [markdown]
# The right of [Figure](#push-of-a-still) shows the same term without a mask: the still's motion *features* are zeros,
# which the unit turns into a vector of length 1, the same for all stills. (In lesson 05 *zeros* meant that the
# embedding is zero.) Now part of the push teaches captions that *nothing moves*, which is no use among films. With the
# mask, a still cannot teach anything about what it lacks: in a batch of stills, the units of motion and audio get no
# gradient at all.

# %% tags=["hide-cell", "check"]
from mee import MaxMarginRankingLoss

assert torch.allclose(three.grad, torch.tensor([-1.0, 0.7, 0.3]))
four = torch.tensor([0.6, 0.1, 0.5, 0.4], requires_grad=True)  # still, then film
right, wrong = w @ four[:2], w @ four[2:]  # by appearance and motion
(0.2 + wrong - right).clamp(min=0).backward()
assert torch.allclose(four.grad, torch.tensor([-0.7, -0.3, 0.7, 0.3]))

model = fit_clips(films, epochs=0, dim=64, device="cpu", progress=False).model
generator = torch.Generator().manual_seed(0)
batch = stills.batch(stills.clips_in("train")[:64], generator=generator)
MaxMarginRankingLoss()(model(*batch.text, *batch.video), batch.clip).backward()
for name in experts:
    for unit in (model.mee.text_GU[name], model.mee.video_GU[name]):
        gradients = [p.grad for p in unit.parameters() if p.grad is not None]
        learns = any(bool((grad != 0).any()) for grad in gradients)
        assert learns == (name in ("appearance", "face"))

# %% [markdown]
# ## Mix stills into an epoch
#
# How do stills get into the [batches](glossary.md#batch)? The paper sets a **rate** $r$: one
# [epoch](glossary.md#epoch) shows every film once, and $r$ stills per film, drawn afresh each time. All are shuffled
# together and cut into batches.

# %% tags=["remove-input"]
draw(
    "11_mixed_batches",
    "One epoch: each film once, and half as many stills, shuffled in.",
)

# %% [markdown]
# The library's `MixedBatches` does this with real files. In each of its batches, films come first.
#
# > **Predict.** Take the first twelve films, a rate of a half, and batches of four. How many batches are there, and how
# > many stills in all of them?

# %%
generator = torch.Generator().manual_seed(0)
twelve = films.clips_in("train")[:12]
for batch in MixedBatches(films, twelve, 4, generator, stills, image_rate=0.5):
    print(*("film" if number < len(films) else "still" for number in batch.clip))

# %% [markdown]
# There are five batches, with six stills in them. The folded cell writes this sampler in ten lines and compares the two
# number by number.

# %% tags=["hide-cell", "check"]


def one_epoch(film_ids, still_ids, rate, size, generator):
    """The batches of one epoch, each a tensor of clip numbers."""
    count = round(rate * len(film_ids))
    rounds = -(-count // len(still_ids))  # no still twice before all came once
    drawn = [torch.randperm(len(still_ids), generator=generator) for _ in range(rounds)]
    clips = torch.cat([film_ids, still_ids[torch.cat(drawn)[:count]]])
    clips = clips[torch.randperm(len(clips), generator=generator)]
    return [part for part in clips.split(size) if len(part) > 1]


def same_as_library(count, rate, size, seed):
    film_ids, pool = films.clips_in("train")[:count], stills.clips_in("train")
    generators = [torch.Generator().manual_seed(seed) for _ in range(2)]
    ours = one_epoch(film_ids, len(films) + pool, rate, size, generators[0])
    library = MixedBatches(films, film_ids, size, generators[1], stills, rate)
    theirs = [batch.clip for batch in library]  # in a batch, films come first
    ours = [torch.cat([x[x < len(films)], x[x >= len(films)]]) for x in ours]
    return len(library) == len(ours) and all(map(torch.equal, ours, theirs))


assert same_as_library(12, 0.5, 4, seed=0) and same_as_library(12, 0.5, 4, seed=1)
assert same_as_library(60, 2.0, 32, seed=0)
assert same_as_library(3, 350.0, 64, seed=0)  # 1,050 of 1,000 stills

# %% [markdown]
# ## The trap: a sampler that miscounts
#
# The code published with the paper has such a sampler, too. It yields all films and rate × *films* stills. Asked for
# its length, it counts all films and rate × *stills*. Here is a small copy:


# %%
class Careless(torch.utils.data.Sampler):
    """Gives rate x films stills, and says rate x stills."""

    def __init__(self, film_count, still_count, rate):
        self.films, self.stills, self.rate = film_count, still_count, rate

    def __iter__(self):
        chosen = torch.randperm(self.stills)[: round(self.rate * self.films)]
        clips = torch.cat([torch.arange(self.films), self.films + chosen])
        return iter(clips[torch.randperm(len(clips))].tolist())

    def __len__(self):
        return self.films + int(self.rate * self.stills)


# %% [markdown]
# Nothing raises an error. The wrong length hurts code that believes it: a mean loss is divided by `len(loader)`, and a
# learning rate that should fall to 0 along a cosine is planned over `len(loader)` steps.
#
# > **Predict.** 200 films, 1,000 stills, a rate of a half, batches of 50. How many batches does PyTorch's `DataLoader`
# > announce, and how many does it give? If each has a loss of 0.2, what is the mean?

# %%
sampler = Careless(200, 1000, 0.5)
loader = torch.utils.data.DataLoader(range(1200), batch_size=50, sampler=sampler)
given = sum(1 for _ in loader)
print(f"announced {len(loader)} batches, given {given}")
print(f"mean loss {0.2 * given / len(loader):.3f}")
rate_at_end = (1 + torch.cos(torch.tensor(torch.pi * given / len(loader)))) / 2
print(f"the learning rate ends at {rate_at_end:.0%} of where it began")

# %% [markdown]
# > **Trap.** The loss looks less than half as large as it is, and the steps never get small. The original's training
# > loop asks for no length; code that builds on it may. Count once: in `MixedBatches`, *length* and *order* read the
# > same number.

# %% tags=["hide-cell", "check"]
assert given == (200 + 100) // 50 and len(loader) == (200 + 500) // 50
for count, rate, size in ((5, 0.0, 2), (9, 0.3, 4), (7, 2.5, 8), (12, "all", 64)):
    generator = torch.Generator().manual_seed(0)
    train = films.clips_in("train")[:count]
    library = MixedBatches(films, train, size, generator, stills, rate)
    assert len(library) == sum(1 for _ in library)

# %% [markdown]
# ## Try it on 50 films, and on 400
#
# With stills an epoch is longer, and longer training would help by itself. So both sides are shown **the same number of
# clips**: 5 epochs with stills, each still once per epoch (`image_rate="all"`), and without stills as many epochs as
# that takes.

# %%
train, val = films.clips_in("train"), films.clips_in("val")
small = {"dim": 64, "text_clusters": 8, "sequence_clusters": 4, "lr": 2e-3, "val": []}
mixed = {"images": stills, "image_rate": "all"}


def some(count, seed):
    """``count`` films to learn from, others for each seed."""
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    return train[order[:count]]


def alone(count, epochs):
    """As many clips as in ``epochs`` with stills; the learning rate falls as far."""
    longer = round(epochs * (count + len(stills)) / count)
    return {"epochs": longer, "lr_decay": 0.95 ** (epochs / longer)}


# %% [markdown]
# `compare` trains each variant with each seed, which also draws the films, and ranks the 500 validation films.
# `difference` gives the difference between two variants in R@10, the share of queries whose right answer is among the
# first ten, with its 95 % interval. Chance is 2 %.


# %%
def variant(count, with_stills, seed):
    options = {"epochs": 5, **mixed} if with_stills else alone(count, 5)
    return {"train": some(count, seed), **options}


variants = {}
for n in (50, 400):
    variants[n, "alone"] = partial(variant, n, False)
    variants[n, "stills"] = partial(variant, n, True)
print("50 films alone:", alone(50, 5)["epochs"], "epochs")
results = compare(films, variants, (0, 1), split="val", progress=False, **small)

# %% [markdown]
# > **Predict.** Do stills help beside 50 films, and beside 400? From sentence to film (t2v), and back (v2t)?

# %%
gain = {}
for n in (50, 400):
    for direction in ("t2v", "v2t"):
        pair = [results[n, kind] for kind in ("stills", "alone")]
        both, one = (result.summary(direction, 0)["R@10"][0] for result in pair)
        gain[n, direction] = difference(*pair, direction)
        print(f"{n} films, {direction} R@10: alone ≈ {one:.0f}, ", end="")
        print(f"with stills ≈ {both:.0f};", end=" ")
        words = "gain ≈ {:+.1f}, from ≈ {:+.1f} to ≈ {:+.1f}"
        print(words.format(*gain[n, direction]))

# %% [markdown]
# Beside 50 films, stills nearly double what sentences find. Beside 400, the same stills do harm. In both cases v2t
# comes off worse than t2v. These are two riddles; we begin with the second.

# %% tags=["hide-cell", "check"]
assert gain[50, "t2v"][1] > 3 and gain[400, "t2v"][2] < -1 and gain[400, "v2t"][2] < -5
for n in (50, 400):
    assert gain[n, "v2t"][0] < gain[n, "t2v"][0]

# %% [markdown]
# ## Why films do not find their sentences
#
# Remember the third push: the caption of a still learns that *no film* is right for it. Sort the captions of the
# validation films into those that a still could have and those that mention movement or sound, and take each caption's
# mean score over **all** films, right or wrong.

# %% tags=["hide-input"]
from mee.evaluate import embed

captions, positive_clip = films.captions_of(val)
columns = [experts.index("audio"), experts.index("motion")]
moving = films.mentions[captions][:, columns].any(1)  # mentions movement or sound


def scored(model, clips):
    """The captions of the validation films with some films: (captions, films)."""
    with torch.no_grad():
        return model.score(*embed(model, films, captions, clips)).cpu()


models, height = {}, {}
figure, panels = plt.subplots(1, 2, figsize=(7, 2.7), sharex=True, sharey=True)
for axis, kind in zip(panels, ("alone", "stills"), strict=True):
    options = {**small, **variants[50, kind](seed=0), "progress": False}
    models[kind] = fit_clips(films, **options).model
    mean = height[kind] = scored(models[kind], val).mean(1)
    print(f"{kind:<7} mean score of captions like a still's", end=" ")
    print(f"≈ {mean[~moving].mean():.2f},")
    print(f"{'':<7} of those about movement or sound ≈ {mean[moving].mean():.2f}")
    bins = torch.linspace(-0.25, 0.55, 33)
    filled = {"density": True, "color": "#d1660a", "alpha": 0.6, "hatch": "//"}
    line = {"density": True, "histtype": "step", "color": "#202020", "linestyle": "-"}
    axis.hist(mean[~moving], bins, label="like a still's", **filled)
    axis.hist(mean[moving], bins, label="about movement or sound", lw=1.6, **line)
    axis.set_title({"alone": "50 films", "stills": "50 films and stills"}[kind])
    axis.set_xlabel("mean score with all films")
panels[0].set_ylabel("density of captions")
figure.legend(*axis.get_legend_handles_labels(), loc="upper center", ncols=2)
figure.subplots_adjust(top=0.74, wspace=0.1)
show(
    figure,
    "Learnt from 50 films alone, both kinds of captions have mean scores in the same "
    "range. With stills, captions about movement or sound lie higher than captions "
    "like a still's, with little overlap.",
    "Stills teach the model to lift captions about movement or sound, for all films.",
)

# %% [markdown]
# With stills, the model has learnt to tell *whether a caption belongs to a film at all*, and lifts those that do. When
# a sentence ranks films, that does not matter, because its whole row is lifted. When a film ranks sentences, those
# about movement or sound come out on top, whatever the film shows.

# %% tags=["remove-input"]
draw(
    "11_lifted_rows",
    "A lifted row misleads films, not sentences; less the row's mean, both are right.",
)

# %% [markdown]
# Sentences are on different scales once more, as in [lesson 04](04_mixture_weights.ipynb). If that is the reason, no
# training is needed to correct it: subtract from each caption's scores their mean, here over the films that the model
# learnt from.
#
# > **Predict.** What changes in t2v, and what in v2t?

# %%
from mee.metrics import pad_positives, ranks


def recalls(scores):
    """R@10 from text to video, and from video to text."""
    own_captions = pad_positives(positive_clip, len(val))
    both = ranks(scores, positive_clip), ranks(scores.T, own_captions)
    return [100 * float((each <= 10).double().mean()) for each in both]


recall = {}
for kind, model in models.items():
    plain, usual = scored(model, val), scored(model, some(50, 0)).mean(1, keepdim=True)
    recall[kind] = {"as it is": recalls(plain), "centred": recalls(plain - usual)}
    for label, (t2v, v2t) in recall[kind].items():
        print(f"{kind:<7}{label:<9} t2v R@10 ≈ {t2v:.1f}, v2t R@10 ≈ {v2t:.1f}")

# %% [markdown]
# Nothing changes in t2v, and with stills v2t gains a lot. The stills *had* taught the model what things look like; the
# scales of the sentences only hid it. Training can avoid such scales, too: the **expert loss** (`expert_loss=1.0`) also
# compares by each expert alone, among the clips that have it. In that loss, the caption of a still learns nothing about
# movement.

# %% tags=["hide-cell", "check"]
gap = {k: mean[moving].mean() - mean[~moving].mean() for k, mean in height.items()}
assert abs(gap["alone"]) < 0.12 and gap["stills"] > gap["alone"] + 0.1
before, after = recall["stills"]["as it is"], recall["stills"]["centred"]
assert abs(after[0] - before[0]) < 0.5 and after[1] > before[1] + 6
assert after[1] > recall["alone"]["centred"][1] + 4

# %% [markdown]
# ## Do not stop early
#
# Now the first riddle: 400 films were better off alone. But "the same number of clips" means that each film was seen 18
# times alone, and 5 times with stills. Does time make the difference? Let us watch a model learn. We take 100 films, to
# keep it short, for 10 epochs with stills and the same number of clips without, and rank 100 validation films after
# each epoch. The next section comes back to 400.
#
# > **Predict.** 11,000 clips are shown on either side. In t2v, does the model with stills pass the best that films
# > alone ever reach, and after how many clips?

# %% tags=["hide-input"]
watched = {**small, "train": some(100, 0), "val": val[:100], "progress": False}
runs = {
    "alone": fit_clips(films, **watched, **alone(100, 10)),
    "with stills": fit_clips(films, **watched, **mixed, epochs=10),
}
curves = {}  # (label, direction) -> clips shown, R@10
figure, panels = plt.subplots(1, 2, figsize=(7, 3.2), sharey=True)
for axis, direction in zip(panels, ("t2v", "v2t"), strict=True):
    for (label, run), style in zip(runs.items(), ("-", "--"), strict=True):
        curve = torch.tensor([row["val"][direction]["R@10"][0] for row in run.history])
        steps = torch.arange(1, len(curve) + 1) * (1100 if "stills" in label else 100)
        curves[label, direction] = steps, curve
        axis.plot(steps / 1000, curve, style, label=label)
    axis.axhline(10, color="#808080", linestyle=":", label="chance")
    axis.set(xlabel="thousands of clips shown", title=direction, ylim=(0, 80))
panels[0].set_ylabel("R@10 among 100 (%)")
figure.legend(*axis.get_legend_handles_labels(), loc="upper center", ncols=3)
figure.subplots_adjust(top=0.8, wspace=0.08)
best_alone = curves["alone", "t2v"][1].max()
steps, curve = curves["with stills", "t2v"]
above = (curve > best_alone).nonzero()[:, 0]
print(f"t2v: alone, the best is ≈ {best_alone:.0f};", end=" ")
print(f"with stills it is passed after ≈ {steps[above][0]} of {steps[-1]:,} clips")
show(
    figure,
    "Left, t2v: alone, R@10 rises fast and then stays where it is; with stills it "
    "rises more slowly, passes the best of the films alone and ends higher. Right, "
    "v2t: alone, it rises fast and stays; with stills it starts near chance and rises "
    "slowly.",
    "Alone, R@10 rises fast and levels off; with stills it goes on rising.",
)

# %% [markdown]
# Films alone are learnt quickly, and then by heart ([overfitting](glossary.md#overfitting)). Films among stills are
# learnt slowly, and the curve goes on rising; v2t, which begins near chance, takes even longer, and at the end it is
# still below the curve of the films alone. Stop early, and stills do harm; stop late, and they help, first in t2v.
#
# > **Aside.** We made this mistake ourselves: an earlier [results page](results.md) stopped after 12 epochs, and said
# > that stills hurt v2t.

# %% tags=["hide-cell", "check"]
early, late = slice(0, 2), slice(-3, None)
for direction in ("t2v", "v2t"):
    (at_alone, a), (at_both, b) = (curves[label, direction] for label in runs)
    assert a[at_alone <= at_both[1]].max() > b[early].max(), "at first alone is ahead"
    assert b[late].mean() > b[early].mean() + 12
end = {label: curves[label, "t2v"][1][late].mean() for label in runs}
assert end["with stills"] > end["alone"] + 2 and len(above) and above[0] > 0

# %% [markdown]
# ## Read the careful run
#
# So we also made one careful run with many more epochs: 40 with stills, and without them again as many as show the same
# number of clips. It kept the epoch that was best on 100 validation films, had larger networks, and ranked the *test*
# films. The numbers below are **read** from its record.

# %%
record = json.loads(Path("data/stills.json").read_text())
print(record["command"])
print(f"{record['settings']['epochs']} epochs, seeds {record['seeds']}")
rows = {row["label"]: row for row in record["rows"]}
won = {(row["label"], row["against"]): row for row in record["differences"]}
counts = (50, 100, 200, 400)
for count in counts:
    for direction in ("t2v", "v2t"):
        gains = won[f"{count} films and stills", f"{count} films"][direction]["R@10"]
        words = "≈ {:+.1f}, from ≈ {:+.1f} to ≈ {:+.1f}".format(*gains)
        print(f"{count} films, {direction} R@10: stills bring {words}")

# %% tags=["hide-input"]
kinds = {  # suffix of the label -> how it is drawn
    "": ("films alone", "-", "o", "#202020"),
    " and stills": ("and stills, masked", "--", "s", "#d1660a"),
    " and stills, expert loss": ("masked, with expert loss", "-.", "D", "#4a7fb5"),
    " and stills, zeros": ("and stills, zeros", ":", "^", "#7a7a7a"),
}
figure, panels = plt.subplots(1, 2, figsize=(7, 4.2), sharey=True)
said = []
for axis, direction in zip(panels, ("t2v", "v2t"), strict=True):
    for shift, (suffix, (label, style, marker, colour)) in enumerate(kinds.items()):
        values = [rows[f"{count} films{suffix}"][direction]["R@10"] for count in counts]
        mean, low, high = torch.tensor(values).T
        x = torch.tensor(counts) * 1.05 ** (shift - 1.5)  # so that bars stand apart
        how = {"color": colour, "linestyle": style, "marker": marker, "capsize": 3}
        bars = torch.stack([mean - low, high - mean]).numpy()
        axis.errorbar(x, mean, yerr=bars, label=label, markersize=5, **how)
        ends = f"≈ {mean[0]:.0f} at 50 films, ≈ {mean[-1]:.0f} at 400"
        said.append(f"{direction}, {label}: {ends}")
    axis.axhline(2, color="#808080", linestyle=":", linewidth=1)
    axis.set_xscale("log")
    axis.set_xticks(counts, counts)
    axis.minorticks_off()
    axis.set(xlabel="films to learn from", title=direction, ylim=(0, 90))
panels[0].set_ylabel("R@10 among 500 test films (%)")
panels[0].annotate("chance", (400, 2), (0, 3), textcoords="offset points", ha="right")
figure.legend(*axis.get_legend_handles_labels(), loc="upper center", ncols=2)
figure.subplots_adjust(top=0.76, wspace=0.08)
show(
    figure,
    "R@10, which rises with the number of films. " + "; ".join(said) + ".",
    "Stills help most where films are few, and zeros cost most where films are many.",
)

# %% [markdown]
# *Do stills pay off?* Yes, and more so the fewer films there are. From sentence to film, the gain is clear of 0 for
# each number of films, and it shrinks as the number grows. A model of 50 films with stills finds more than one of 100
# films without. With all 2,000 films little is left of it ([results](results.md)): stills are worth a point of t2v R@10
# at best, and they cost two of v2t.
#
# *What are zeros worth?* Beside 50 films they do little harm to t2v. In v2t, where masked stills put captions on
# different scales, they even find more than the mask. Beside 400 they cost more than the stills had gained. A likely
# reason: most clips in training then say that *nothing moves*. That spoils little where 50 films teach little about
# movement, and more where 400 teach more. A gap can mean something, as a missing face does in [lesson
# 05](05_missing_faces.ipynb). Here it means only that the camera took stills.
#
# *And the expert loss?* With stills it lifts v2t further where films are few. Without stills it does not help 400
# films; it is a remedy for mixed batches.

# %% tags=["hide-cell", "check"]
gains = {}
for count in counts:
    gains[count] = won[f"{count} films and stills", f"{count} films"]
t2v, v2t = ({n: gains[n][way]["R@10"] for n in counts} for way in ("t2v", "v2t"))
assert all(low > 0 for _, low, _ in t2v.values())
assert t2v[50][0] > t2v[200][0] > t2v[400][0] and v2t[50][0] > v2t[400][0]
few, more = rows["50 films and stills"], rows["100 films"]
assert few["t2v"]["R@10"][1] > more["t2v"]["R@10"][2]
zeros = {count: f"{count} films and stills, zeros" for count in counts}
assert abs(won[zeros[50], "50 films and stills"]["t2v"]["R@10"][0]) < 4
assert won[zeros[50], "50 films and stills"]["v2t"]["R@10"][1] > 0
assert won[zeros[400], "400 films and stills"]["t2v"]["R@10"][2] < -5
assert won[zeros[400], "400 films"]["t2v"]["R@10"][2] < 0
for count in (50, 100):
    masked = rows[f"{count} films and stills"]["v2t"]["R@10"]
    lifted = rows[f"{count} films and stills, expert loss"]["v2t"]["R@10"]
    assert lifted[0] > masked[0] + 3
assert won["400 films, expert loss", "400 films"]["t2v"]["R@10"][0] < 1

# %% [markdown]
# One caution: no photograph is as close to a film as TinyClips' stills are to its films. Where [Miech et
# al.](references.md#miech2018) add COCO's images to thousands of films, R@10 rises from 51.0 to 53.8 on MSR-VTT, and
# from 33.4 to 34.6 on LSMDC ([lesson 14](14_msrvtt.ipynb)).
#
# ## Summary
#
# - A still is a clip that lacks motion and sound. The mask gives its weight to what is present, and the units of what
#   is missing learn nothing from it.
# - One epoch shows each film once and a number of stills, shuffled in. A sampler's length and order come from one
#   number.
# - Stills are worth much with few films, little with many. Zeros instead of motion turn the gain into a loss once films
#   are many.
# - A still's caption also learns that no film is right for it. That puts captions on different scales, which hurts only
#   the direction from film to sentence.
# - Stills need time: to those who stop early, they seem to do harm.
#
# ## Exercises
#
# 1. The weights of each sentence over each clip.
# 2. A sampler with a memory.
# 3. Use stills so that both directions gain.
#
# Write them in the [exercise notebook](exercises/11_images_and_videos.ipynb); one way to do it is in the
# [solutions](solutions/11_images_and_videos.ipynb).
#
# ## Where next
#
# Back to [lesson 10](10_leaks.ipynb), or on to [lesson 12](12_ablations.ipynb): what does each part buy?
