# %% [markdown]
# # Can still images teach a model about videos?
#
# **You will learn** to see a still image as a clip with missing experts; what such a clip teaches a model and what it
# can't; to mix stills into the batches of an epoch; and for how many films that pays, in which direction.
#
# **You need** [lesson 05](05_missing_faces.ipynb) for the mask, [lesson 07](07_training.ipynb) for batches and epochs,
# and [lesson 08](08_retrieval_metrics.ipynb) for intervals.
#
# **Minutes** 45

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/09_images_and_videos.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F09_images_and_videos.ipynb)

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
import io
import json
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from lesson import show

from mee import MEE, MaxMarginRankingLoss, TextEmbedding, VideoEmbedding, VideoTextMEE, fit_clips, ranks, read_clips
from mee.compare import compare, difference
from mee.data import MixedBatches, tokenize
from mee.evaluate import embed
from mee.metrics import chance, pad_positives

torch.set_printoptions(precision=2, sci_mode=False)

# %% [markdown]
# ## Stills beside films
#
# Films with captions are dear. Images with captions are cheap: people have written far more of them. So it is tempting
# to let a model of *films* learn from images as well, as the [paper](references.md) does with those of COCO. Our book
# has 1,000 *stills* for that: single pictures of the world of TinyClips, each with two captions.
#
# They lie in a clip file like the films' own. Which of the four experts will have nothing to say about any of them?

# %%
films, stills = read_clips("data/tinyclips.h5"), read_clips("data/tinyclips_stills.h5")
experts = list(films.experts)
print(f"{len(films)} films, {len(stills)} stills; how many of them each expert has seen:")
for n, name in enumerate(experts):
    print(f"{name:<11}{films.present[:, n].float().mean():>5.0%}{stills.present[:, n].float().mean():>7.0%}")

# %% [markdown]
# Nothing moves in a still, and nothing sounds. Half of the stills show a face, as half of the films do. Three of each,
# with a caption:

# %% tags=["hide-input"]
test = films.clips_in("test")
shown = [(films, int(i)) for i in test[[3, 8, 10]]] + [(stills, i) for i in (1, 2, 5)]
figure, axes = plt.subplots(1, 6, figsize=(11, 2.3), layout="constrained")
for axis, (clips, i) in zip(axes, shown, strict=True):
    axis.imshow(plt.imread(io.BytesIO(clips.storyboard(i)[0]), format="jpeg"))
    caption = clips.texts[int(clips.captions_of([i])[0][0])]
    axis.set_title("a film" if clips is films else "a still", fontsize=9)
    axis.set_xlabel(textwrap.fill(caption, 24), fontsize=8)
    axis.set_xticks([])
    axis.set_yticks([])
show(
    figure,
    "Three pictures out of films and three stills, drawn in the same way. Captions of films speak of movements and "
    "sounds as well: "
    + "; ".join(films.texts[int(films.captions_of([i])[0][0])] for clips, i in shown if clips is films)
    + ". Captions of stills speak of things, places and faces: "
    + "; ".join(stills.texts[int(stills.captions_of([i])[0][0])] for clips, i in shown if clips is stills),
)

# %% [markdown]
# And what do captions talk about? TinyClips knows. Below, the share of captions that speak of each expert's matter.
# Does a caption of a still use any word that the captions of films don't?

# %%
for n, name in enumerate(experts):
    print(f"{name:<11}{films.mentions[:, n].float().mean():>5.0%}{stills.mentions[:, n].float().mean():>7.0%}")
words = [{word for text in clips.texts for word in tokenize(text)} for clips in (films, stills)]
print(f"{len(words[0])} words in captions of films, {len(words[1])} in those of stills")
assert words[1] < words[0]

# %% [markdown]
# None. The stills bring no new words and no new kinds of things. What they bring is *more pairs*: a thousand more
# pictures of ships and kites at sunset, each beside a sentence that says so.
#
# ## A still is a clip with missing experts
#
# No new model is needed for this, and no new code. Take a film and a still, and two experts. The film has both; the
# still lacks motion. Each of the two captions trusts appearance and motion by its own weights, and $c$ holds the
# cosine of each caption with each clip, by appearance and by motion.

# %%
weights = torch.tensor([[0.6, 0.4], [0.7, 0.3]])  # captions: of the film, of the still; columns: appearance, motion
there = torch.tensor([[True, True], [True, False]])  # clips: the film, the still
c = torch.tensor([[[0.5, 0.8], [0.2, 0.0]], [[0.5, 0.4], [0.6, 0.0]]])  # (captions, clips, experts)

# %% [markdown]
# The mask of [lesson 05](05_missing_faces.ipynb) leaves out what is missing, above the line and below it. So over each
# clip every caption has *other* weights: those it has, made to sum to 1 over the experts that this clip has. What are
# the still's?

# %%
kept = weights[:, None] * there  # (captions, clips, experts)
kept = kept / kept.sum(2, keepdim=True)
print(f"over the film\n{kept[:, 0]}\nover the still\n{kept[:, 1]}")
scores = (kept * c).sum(2)
print(f"scores\n{scores}")

# %% [markdown]
# Over the still, all trust goes to appearance, whatever the caption thinks. It is compared by what can be compared. The
# library says the same. (Its `score` takes vectors, so we write cosines as vectors: the captions' are unit vectors, and
# the clips' hold the cosines.)

# %%
text = {name: torch.eye(2) for name in ("appearance", "motion")}
video = {name: c[:, :, n].T for n, name in enumerate(("appearance", "motion"))}
mee = MEE({"appearance": (2, 2), "motion": (2, 2)}, text_dim=2)
torch.testing.assert_close(mee.score(TextEmbedding(text, weights), VideoEmbedding(video, there)), scores)

# %% [markdown]
# ## What a still teaches
#
# What will training change? Look at one term of the loss: the still's caption should score at least 0.2 higher with its
# still than with the film. Four numbers matter: its cosine with the still, by appearance; its cosines with the film, by
# appearance and by motion; and its weights. Which way will each be pushed? Write down three signs before you run it.

# %%
w = weights[1]
cosine = torch.tensor([0.6, 0.5, 0.4], requires_grad=True)  # with the still; with the film by appearance, by motion
right, wrong = cosine[0], w[0] * cosine[1] + w[1] * cosine[2]
loss = (0.2 + wrong - right).clamp(min=0)
loss.backward()
print("pushed by", -cosine.grad)
torch.testing.assert_close(-cosine.grad, torch.tensor([1.0, -0.7, -0.3]))

# %% [markdown]
# 1. Look like your still: *up* by 1. That is what we wanted.
# 2. Don't look like that film: *down*. Fine too.
# 3. Don't **move** like that film, however it moves: *down*. The caption says nothing about motion. But of a still it
#    is true that no film is right, so every movement is wrong.
#
# The third is a lesson that nobody meant to give. Remember it; it comes back.
#
# Now a real network, untrained, and three batches: films only, stills only, and both mixed. Which of its parts will get
# a gradient? In a batch of stills no clip moves, so what can a caption's motion unit learn?


# %%
def gradients(batch):
    """How large the gradient of each unit is (experts, 2: of captions, of clips), and that of the mixture weights."""
    sizes = {"dim": 64, "text_clusters": 8, "sequence_clusters": 4}
    model = fit_clips(films, epochs=0, device="cpu", progress=False, **sizes).model
    MaxMarginRankingLoss()(model.train()(*batch.text, *batch.video), batch.clip, batch.sentence).backward()
    units = [[model.mee.text_GU[name], model.mee.video_GU[name]] for name in experts]

    def size(unit):
        return sum(float(p.grad.norm()) for p in unit.parameters() if p.grad is not None)

    return torch.tensor([[size(unit) for unit in pair] for pair in units]), model.mee.moe_fc.weight.grad.norm(dim=1)


def draw(clips):
    return clips.batch(clips.clips_in("train")[:64], generator=torch.Generator().manual_seed(0))


of_films, of_stills = (gradients(draw(clips)) for clips in (films, stills))
generator = torch.Generator().manual_seed(0)
of_both = gradients(next(iter(MixedBatches(films, films.clips_in("train")[:64], 64, generator, stills, 1.0))))
for n, name in enumerate(experts):
    marks = ["yes" if found[0][n, side] > 1e-6 else "no" for found in (of_films, of_stills, of_both) for side in (0, 1)]
    print(f"{name:<11}" + "".join(f"{mark:>6}" for mark in marks))
print(f"{'':<11}" + "  text video" * 3 + "     (films, stills, both)")

# %% [markdown]
# From stills alone, the units of motion and sound learn nothing, on neither side. Nor do the mixture weights of these
# two. Even for the face's weight there is only the ratio to appearance's. That is the mask at work: it can't be wrong
# about what it leaves out.

# %%
audio, motion = experts.index("audio"), experts.index("motion")
assert (of_stills[0][[audio, motion]] == 0).all() and (of_films[0] > 1e-6).all() and (of_both[0] > 1e-6).all()
assert (of_stills[1][[audio, motion]] < 1e-6).all() and (of_films[1] > 1e-5).all()

# %% [markdown]
# ## And zeros?
#
# Without a mask one would have to put something in the place of motion: a row of zeros, say, which counts as seen. The
# unit makes a vector of length 1 of it, from its biases, the same for all stills ([lesson
# 05](05_missing_faces.ipynb)). Say this vector has a cosine of 0.1 with our caption's idea of motion. What changes?

# %%
cosine = torch.tensor([0.6, 0.1, 0.5, 0.4], requires_grad=True)  # still by appearance, by "motion"; film by both
right, wrong = w @ cosine[:2], w @ cosine[2:]
loss = (0.2 + wrong - right).clamp(min=0)
loss.backward()
print(f"score with its still {right.item():.2f}, before {scores[1, 1]:.2f}; pushed by", -cosine.grad)
torch.testing.assert_close(-cosine.grad, torch.tensor([0.7, 0.3, -0.7, -0.3]))

# %% [markdown]
# Now the still is judged by a motion that it doesn't have. And the push is split. Appearance, which has something to
# learn here, gets only its share of 0.7. The rest goes into teaching captions that *nothing moves* is their motion,
# which is no use among films. We will see below what it costs.
#
# ## The sampler, by hand
#
# How do stills come into the batches? The paper has a **rate** $r$: one epoch shows every film once, and $r$ stills for
# each film, drawn anew each time. All are shuffled together, and cut into batches. A dozen films, five stills, and a
# rate of a half: how many stills come, and how often each? Into how many batches of four does it all go?


# %%
def one_epoch(film_numbers, still_numbers, rate, size, generator):
    """The batches of one epoch, each a tensor of numbers."""
    count = round(rate * len(film_numbers))
    rounds = -(-count // len(still_numbers))  # none comes twice before all have come once
    picks = [torch.randperm(len(still_numbers), generator=generator) for _ in range(rounds)]
    order = torch.cat([film_numbers, still_numbers[torch.cat(picks)[:count]]])
    order = order[torch.randperm(len(order), generator=generator)]
    return [part for part in order.split(size) if len(part) > 1]  # a clip alone has nobody to be ranked against


batches = one_epoch(torch.arange(12), 100 + torch.arange(5), 0.5, 4, torch.Generator().manual_seed(0))
for batch in batches:
    print(batch.tolist())
drawn = torch.cat(batches)
assert len(batches) == 5 and sorted(drawn[drawn < 100].tolist()) == list(range(12))
assert torch.bincount(drawn[drawn >= 100] - 100).tolist().count(2) == 1  # six of five: one comes twice

# %% [markdown]
# Now the library's `MixedBatches`, on the real files. It numbers the stills after the last film, too. In a batch it
# puts films first, so we sort ours in the same way; the rest must be equal, number by number.


# %%
def same_as_library(count, rate, size, seed):
    chosen, pool = films.clips_in("train")[:count], stills.clips_in("train")
    ours = one_epoch(chosen, len(films) + pool, rate, size, torch.Generator().manual_seed(seed))
    library = MixedBatches(films, chosen, size, torch.Generator().manual_seed(seed), stills, rate)
    found = [batch.clip for batch in library]
    sorted_ours = [torch.cat([part[part < len(films)], part[part >= len(films)]]) for part in ours]
    return len(library) == len(found) == len(ours) and all(map(torch.equal, sorted_ours, found))


assert same_as_library(12, 0.5, 4, seed=0) and same_as_library(12, 0.5, 4, seed=1)
assert same_as_library(60, 2.0, 32, seed=0) and same_as_library(3, 350.0, 64, seed=0)  # the last one: 1,050 of 1,000

# %% [markdown]
# A batch with both in it. The captions are padded to the longest of all; each expert's rows stand together, with zeros
# and a mask where a still has none. How many of these eight are films?

# %%
batch = next(iter(MixedBatches(films, films.clips_in("train")[:12], 8, torch.Generator().manual_seed(3), stills, 1.0)))
for name, ind in batch.ind.items():
    print(f"{name:<11}", ind.int().tolist())
is_still = batch.clip >= len(films)
assert not batch.ind["motion"][is_still].any() and not batch.ind["audio"][is_still].any()
assert batch.ind["motion"][~is_still].all() and batch.ind["appearance"].all()

# %% [markdown]
# Motion tells: every film has it, no still does.
#
# ## The trap: a sampler that miscounts
#
# The code that was published with the paper has this sampler too. It gives all films, and rate x *films* stills, as
# ours does. But asked for its length it says all films and rate x *stills*. Small, by hand:


# %%
class Careless(torch.utils.data.Sampler):
    """Gives rate x films stills, and says rate x stills."""

    def __init__(self, film_count, still_count, rate):
        self.film_count, self.still_count, self.rate = film_count, still_count, rate

    def __iter__(self):
        rows = one_epoch(
            torch.arange(self.film_count),
            self.film_count + torch.arange(self.still_count),
            self.rate,
            self.film_count + self.still_count,
            torch.Generator().manual_seed(0),
        )
        return iter(rows[0].tolist())

    def __len__(self):
        return self.film_count + int(self.rate * self.still_count)


# %% [markdown]
# 200 films, our 1,000 stills, a rate of a half, batches of 50. How many batches does an epoch have, and how many does
# PyTorch's `DataLoader` announce?

# %%
loader = torch.utils.data.DataLoader(range(1200), batch_size=50, sampler=Careless(200, 1000, 0.5))
given = sum(1 for _ in loader)
print(f"announced {len(loader)} batches, given {given}")
assert given == (200 + 100) // 50 and len(loader) == (200 + 500) // 50

# %% [markdown]
# Nothing raises, and nothing warns. Who is hurt? Whoever believes the length. A mean loss is the sum over the batches
# by `len(loader)`. A learning rate that is to fall to 0 along a cosine is planned over `len(loader)` steps an epoch.
# What will the loss be, if each batch has a loss of 0.2? And where does the learning rate stop?

# %%
mean_loss = sum(0.2 for _ in loader) / len(loader)
reached = given / len(loader)  # how much of the planned run really takes place
last_rate = (1 + torch.cos(torch.tensor(torch.pi * reached))) / 2
print(f"mean loss {mean_loss:.3f}; the run ends at {reached:.0%} of the plan, at {last_rate:.0%} of the learning rate")
assert mean_loss < 0.1 and last_rate > 0.5

# %% [markdown]
# A loss that looks as if half of the work were done, and steps that never get small. With fewer stills than films it
# errs the other way. (The original's training loop asks for no length, so its published numbers are not touched. Those
# who build on it may.) The mend is to count once, and to let *length* and *order* read the same number. And a test: a
# sampler that says how long it is can be counted.

# %%
for count, rate, size in ((5, 0.0, 2), (9, 0.3, 4), (7, 2.5, 8), (12, "all", 64), (64, 1.0, 64)):
    library = MixedBatches(films, films.clips_in("train")[:count], size, torch.Generator().manual_seed(0), stills, rate)
    assert len(library) == sum(1 for _ in library)

# %% [markdown]
# ## Does it help? A small try
#
# Fifty films, or four hundred, each alone and with the 1,000 stills. What is a fair comparison? With stills an epoch is
# longer. If both sides got the same number of *epochs*, the side with stills would get more training, and that alone
# would help. So both are shown **as many clips**: with stills 6 epochs, each still once an epoch (`image_rate="all"`);
# alone as many epochs as it takes. For 50 films, how many is that?

# %%
train, val = films.clips_in("train"), films.clips_in("val")
small = {"dim": 64, "text_clusters": 8, "sequence_clusters": 4, "lr": 2e-3, "val": []}


def some(count, seed):
    """``count`` films to learn from, others for each seed."""
    return train[torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[:count]]


def alone(count, epochs):
    """Without stills: as many clips as in ``epochs`` with them, while the learning rate falls as far."""
    longer = round(epochs * (count + len(stills)) / count)
    return {"epochs": longer, "lr_decay": 0.95 ** (epochs / longer)}


for count in (50, 400):
    print(f"{count} films: 6 epochs with stills, or {alone(count, 6)['epochs']} epochs alone")

# %% [markdown]
# Two seeds each; for each seed other films, the same on both sides. The metric is R@10 among the 500 validation films,
# where chance is 2. (The test split is left for a careful run, below.) `made` keeps the models, to look into them
# afterwards. What do you expect, for 50 films and for 400? From sentence to film (t2v), and back (v2t)?

# %%
made = {}


def variant(label, count, **options):
    def network(config):
        made.setdefault(label, []).append(VideoTextMEE(config))
        return made[label][-1]

    return lambda seed: {"train": some(count, seed), "network": network, **options}


mixed_in = {"images": stills, "image_rate": "all", "epochs": 6}
variants = {}
for count in (50, 400):
    variants[f"{count} films"] = variant(f"{count} films", count, **alone(count, 6))
    variants[f"{count} films and stills"] = variant(f"{count} films and stills", count, **mixed_in)
results = compare(films, variants, seeds=(0, 1), split="val", progress=False, **small)

# %% tags=["nbval-ignore-output"]
gain = {}
for count in (50, 400):
    one, both = results[f"{count} films"], results[f"{count} films and stills"]
    for way in ("t2v", "v2t"):
        a, b = (result.summary(way, 0)["R@10"][0] for result in (one, both))
        gain[count, way] = difference(both, one, way)
        print(f"{count} films, {way}: alone {a:.0f}, with stills {b:.0f}", end="")
        print(" (chance 2), a gain of {:+.1f} [{:+.1f}, {:+.1f}]".format(*gain[count, way]))
assert gain[50, "t2v"][1] > 3 and gain[400, "t2v"][2] < -3 and gain[400, "v2t"][2] < -8
assert gain[50, "v2t"][0] < gain[50, "t2v"][0] and gain[400, "v2t"][0] < gain[400, "t2v"][0]

# %% [markdown]
# With 50 films, stills about double what sentences find. With 400, the same stills do harm. And in both cases the films
# fare worse in finding their sentences than the sentences in finding films. Two riddles. The second first.
#
# ## Why do films not find their sentences?
#
# Remember the push that nobody meant: the caption of a still learns that *no film* is right for it. Sort the captions
# of the validation films into those that a still could have, as they speak of looks and faces only, and the others,
# which speak of movement or sound. What is the mean score of each kind, over **all** films, right or wrong? And for a
# model that has never seen a still?

# %% tags=["nbval-ignore-output"]
captions, positive_clip = films.captions_of(val)
moves_or_sounds = films.mentions[captions][:, [audio, motion]].any(1)


def scored(model, rows):
    """The captions of the validation films with the films ``rows``: (captions, films)."""
    with torch.no_grad():
        return model.score(*embed(model, films, captions, rows)).cpu()


height = {}
for label in ("50 films", "50 films and stills"):
    level = torch.stack([scored(model, val).mean(1) for model in made[label]]).mean(0)  # a caption each, over all films
    height[label] = level[~moves_or_sounds], level[moves_or_sounds]
    print(f"{label:<20} like a still {height[label][0].mean():.1f}, others {height[label][1].mean():.1f}")
gap = {label: float(other.mean() - like.mean()) for label, (like, other) in height.items()}
assert abs(gap["50 films"]) < 0.1 and gap["50 films and stills"] > 0.15

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 2, figsize=(9, 2.6), sharex=True, sharey=True, layout="constrained")
bins = torch.linspace(-0.3, 0.6, 37)
for axis, (label, (like, other)) in zip(panels, height.items(), strict=True):
    axis.hist(like, bins, density=True, color="#d1660a", alpha=0.6, hatch="//", label="like a still's")
    axis.hist(other, bins, density=True, histtype="step", color="#202020", linestyle="-", label="of movement or sound")
    axis.set(title=label, xlabel="a caption's mean score with all films")
panels[0].set_ylabel("density")
panels[0].legend()
show(
    figure,
    "Learnt from 50 films, both kinds of captions have mean scores around 0. With stills, captions like a still's stay "
    "around 0, and those of movement or sound lie around 0.3, with little overlap.",
)

# %% [markdown]
# The model has learnt to tell *whether a caption belongs to a film at all*, and lifts those that do, for all films
# alike. A sentence that ranks films never notices: its whole row is lifted. A film that ranks sentences finds all
# sentences of movement above all others, whatever moves. It is the fault of [lesson 04](04_mixture_weights.ipynb) in a
# new dress: sentences on different scales.
#
# If that is the reason, it can be mended *without training*. Take from each caption its mean score over the films that
# were learnt from (no test film is needed for that). What will change in t2v? How much will v2t win?


# %%
def recalls(scores):
    both = ranks(scores, positive_clip), ranks(scores.T, pad_positives(positive_clip, len(val)))
    return torch.tensor([100 * float((found <= 10).double().mean()) for found in both])


def centred(model, seed, count):
    return scored(model, val) - scored(model, some(count, seed)).mean(1, keepdim=True)


before, after, without = [], [], []
for seed in (0, 1):
    model = made["50 films and stills"][seed]
    before.append(recalls(scored(model, val)))
    after.append(recalls(centred(model, seed, 50)))
    without.append(recalls(centred(made["50 films"][seed], seed, 50)))
before, after, without = (torch.stack(found).mean(0) for found in (before, after, without))

# %% tags=["nbval-ignore-output"]
for label, (t2v, v2t) in (("with stills", before), ("the same, centred", after), ("films alone, centred", without)):
    print(f"{label:<21} R@10 t2v {t2v:.0f}, v2t {v2t:.0f} (chance 2)")
assert abs(after[0] - before[0]) < 0.3 and after[1] > before[1] + 8 and after[1] > without[1] + 8

# %% [markdown]
# Nothing changes in t2v, and v2t doubles. The stills *had* taught the model to recognise; it was only the scale of the
# sentences that hid it. There is a way to avoid it in training, too: the **expert loss** of
# [lesson 05](05_missing_faces.ipynb), which also compares by each expert alone, among the clips that have it. There a
# still's caption meets films by looks and faces only, and learns nothing about movements.
#
# ## When do you stop?
#
# The first riddle: 400 films were better off alone. But note what "as many clips" means for the films. Alone each of
# them was seen 21 times, with stills 6 times. So let us watch over time: 100 films, 15 epochs with stills and as many
# clips without, ranked after each epoch among 100 validation films. Where do you expect the curves to cross, if they
# do?

# %%
watched = {**small, "train": some(100, 0), "val": val[:100], "seed": 0, "progress": False}
runs = {
    "alone": (100, fit_clips(films, **watched, **alone(100, 15))),
    "with stills": (1100, fit_clips(films, **watched, images=stills, image_rate="all", epochs=15)),
}
curves = {}  # (label, way) -> clips shown, R@10
for label, (shown_an_epoch, run) in runs.items():
    for way in ("t2v", "v2t"):
        curve = torch.tensor([row["val"][way]["R@10"][0] for row in run.history])
        curves[label, way] = shown_an_epoch * torch.arange(1, len(curve) + 1), curve

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 2, figsize=(9, 3), layout="constrained", sharey=True)
for axis, way in zip(panels, ("t2v", "v2t"), strict=True):
    for label, style in (("alone", "-"), ("with stills", "--")):
        axis.plot(*curves[label, way], style, label=label)
    axis.axhline(chance(100)["R@10"], color="#808080", linestyle=":", label="chance")
    axis.set(xlabel="clips shown in training", title=way, ylim=(0, 75))
panels[0].set_ylabel("R@10 among 100 (percent)")
panels[1].legend(loc=(0.6, 0.22))
show(
    figure,
    "Left, t2v: alone, R@10 rises fast to about 45 percent and stays there; with stills it rises more slowly, crosses "
    "that line after about a quarter of the training and goes on to nearly 60. Right, v2t: alone, it rises to nearly "
    "60 and stays; with stills it starts at chance, rises slowly and catches up towards the end.",
)

# %%
early, late = slice(0, 2), slice(-3, None)
for way in ("t2v", "v2t"):
    (at_alone, a), (at_both, b) = curves["alone", way], curves["with stills", way]
    assert a[at_alone <= at_both[1]].max() > b[early].max(), "at first the films alone are ahead"
    assert b[late].mean() > b[early].mean() + 20
assert curves["with stills", "t2v"][1][late].mean() > curves["alone", "t2v"][1][late].mean() + 4

# %% [markdown]
# Films alone are learnt quickly, and then by heart; after that, more training brings nothing. Films among stills are
# learnt slowly, and the curve goes on rising. Stop early, and stills are harmful; stop late, and they help. We fell for
# this ourselves: an earlier [results page](results.md) stopped after 12 epochs, and said that stills hurt v2t.
#
# ## The careful run
#
# So the careful run took 40 epochs, and kept the epoch that was best on 100 validation films, for all alike. Three
# seeds, larger networks, ranked once among the 500 *test* films. All that follows was **read** from its record, not
# computed here.

# %%
record = json.loads(Path("data/stills.json").read_text())
for key in ("command", "machine", "commit", "seeds"):
    print(f"{key:<8}", record[key])
table = {row["label"]: row for row in record["rows"]}
won = {(row["label"], row["against"]): row for row in record["differences"]}
counts = [count for count in (50, 100, 200, 400) if f"{count} films" in table]
for count in counts:
    for way in ("t2v", "v2t"):
        numbers = won[f"{count} films and stills", f"{count} films"][way]["R@10"]
        print("{:>4} films, {}: stills win {:+.1f} [{:+.1f}, {:+.1f}] points of R@10".format(count, way, *numbers))

# %% tags=["hide-input"]
kinds = {  # suffix of the label -> how it is drawn
    "": ("films alone", "-", "o", "#202020"),
    " and stills": ("and stills, masked", "--", "s", "#d1660a"),
    " and stills, expert loss": ("and stills, expert loss", "-.", "D", "#4a7fb5"),
    " and stills, zeros": ("and stills, zeros", ":", "^", "#7a7a7a"),
}
figure, panels = plt.subplots(1, 2, figsize=(9.5, 3.6), sharey=True, layout="constrained")
for axis, way in zip(panels, ("t2v", "v2t"), strict=True):
    for shift, (suffix, (label, style, marker, colour)) in enumerate(kinds.items()):
        mean, low, high = torch.tensor([table[f"{count} films{suffix}"][way]["R@10"] for count in counts]).T
        x = torch.tensor(counts) * 1.025 ** (shift - 1.5)  # beside each other, so that intervals can be told apart
        axis.errorbar(x, mean, yerr=torch.stack([mean - low, high - mean]), label=label, color=colour, linestyle=style,
                      marker=marker, capsize=3)  # fmt: skip
    axis.axhline(record["chance"][way]["R@10"], color="#808080", linestyle=":", linewidth=1)
    axis.set_xscale("log")
    axis.set_xticks(counts, counts)
    axis.minorticks_off()
    axis.set(xlabel="films to learn from", title=way, ylim=(0, 85))
panels[0].set_ylabel("R@10 among 500 test films (percent)")
panels[0].annotate("chance", (counts[-1], 2), (0, 3), textcoords="offset points", ha="right")
panels[0].legend(loc="upper left", fontsize=9)
show(
    figure,
    "Left, t2v: films alone go from 11 percent at 50 films to 52 at 400; with masked stills from 32 to 58, with expert "
    "loss nearly the same; with zeros from 31 to only 38. Right, v2t: films alone from 14 to 74, with stills from 35 "
    "to 75, with expert loss from 51 to 77, and with zeros from 42 to 55.",
)

# %% [markdown]
# Look for three things. *Does it pay?* Yes, in both directions, and the more the fewer films there are: 50 films with
# stills find about as much as 200 without. With 400 the gain in v2t is no longer clear of 0.

# %%
both = {count: won[f"{count} films and stills", f"{count} films"] for count in counts}
assert all(both[count]["t2v"]["R@10, strict"][1] > 0 for count in counts)
assert all(both[count]["v2t"]["R@10, strict"][1] > 0 for count in (50, 100))
assert both[400]["v2t"]["R@10"][1] < 0 < both[400]["v2t"]["R@10"][2]
assert both[50]["t2v"]["R@10"][0] > both[200]["t2v"]["R@10"][0] > both[400]["t2v"]["R@10"][0]
assert abs(table["50 films and stills"]["t2v"]["R@10"][0] - table["200 films"]["t2v"]["R@10"][0]) < 5

# %% [markdown]
# *What are zeros worth?* With 50 films they do no harm, and v2t is even better for them. With 400 they cost 20 points
# against the mask, and the films alone would have been better: five of seven clips in training then say that *nothing
# moves*. In lesson 05 zeros in the place of half of the faces cost nothing, as the gap itself meant something. Here it
# means only that somebody used a camera for stills.
#
# *And the expert loss?* With stills it lifts v2t further where films are few. Without stills it costs points. It is a
# remedy for mixed company.

# %%
zeros = {count: won[f"{count} films and stills, zeros", f"{count} films and stills"] for count in counts}
assert abs(zeros[50]["t2v"]["R@10"][0]) < 3 and zeros[400]["t2v"]["R@10, strict"][2] < -10
assert won["400 films and stills, zeros", "400 films"]["t2v"]["R@10, strict"][2] < 0
lifted = {count: table[f"{count} films and stills, expert loss"]["v2t"]["R@10"] for count in counts}
assert all(lifted[count][1] > table[f"{count} films and stills"]["v2t"]["R@10"][2] for count in (50, 100))
assert won["400 films, expert loss", "400 films"]["v2t"]["R@10, strict"][2] < 0

# %% [markdown]
# One caution. TinyClips' stills are drawn by the same hand as its films, and speak of the same things with the same
# words. No photograph is so close to a film. Where the paper adds COCO's images to its films, R@10 rises from 51.0 to
# 53.8 on MSR-VTT, and from 33.4 to 34.6 on LSMDC ([lesson 12](12_msrvtt.ipynb)): thousands of films there,
# and a gain of one to three points.
#
# ## Summary
#
# - A still is a clip that lacks motion and sound. The mask gives its weight to what is there, and units of what is
#   missing learn nothing from it.
# - One epoch shows each film once and a number of stills, drawn anew and shuffled in. A sampler's length and its order
#   must come from one number.
# - With few films, stills are worth much: 50 films and 1,000 stills find as much as some 200 films. With 400 the gain
#   is a few points. Zeros in the place of motion turn the gain into a loss.
# - A still's caption also learns that no film is right for it. That puts captions on different scales, which hurts only
#   the way from film to sentence, and can be mended without training.
# - Stills need time. Who stops early finds that they do harm.
#
# ## Exercises
#
# 1. The weights of each sentence over each clip. 2. A sampler with a memory. 3. Use stills so that both directions
#    gain.
#
# Write them in the [exercise notebook](exercises/09_images_and_videos.ipynb); one way to do it is in the
# [solutions](solutions/09_images_and_videos.ipynb).
#
# ## Where next
#
# Back to [lesson 08](08_retrieval_metrics.ipynb), or on to [lesson 10](10_ablations.ipynb): what does each part buy?
