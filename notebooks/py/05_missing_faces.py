# %% [markdown] slideshow={"slide_type": "slide"}
# # What if the expert is not there?
#
# **You will learn** four ways to treat an expert that is not there, and what each does as more and more goes missing;
# why clips with few experts are found too often; and a calibrated score that corrects it, derived by hand.
#
# **You need** [Which expert should this sentence trust?](04_mixture_weights.ipynb)
#
# **Minutes** 75

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/05_missing_faces.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F05_missing_faces.ipynb)

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

# %% slideshow={"slide_type": "skip"}
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from lesson import show

from mee import MEE, TextEmbedding, VideoEmbedding

torch.set_printoptions(precision=2, sci_mode=False)

# %% [markdown] slideshow={"slide_type": "slide"}
# This is where the lesson ends. Delete the experts of more and more clips at random, and go on searching. The blue line
# is the paper's answer to a missing expert, the grey ones are other answers. The orange one is what you will build.
#
# ![Recall at 10 from text to video against the share of deleted experts: the calibrated score lies above the paper's
# score wherever something is missing.](_static/missing.svg)
#
# *Five seeds each, test splits, 95 % intervals, chance dotted: `python experiments/missing_show.py
# notebooks/data/missing_*.json`.*

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Four clips, two experts, two gaps
#
# Three sentences, and four clips in a world of vectors in the plane. Clips A and B have a face and motion. C shows no
# face. D is a still image: it has a face, and no motion. A vector of length 1 in the plane is an angle.


# %%
def at(*degrees):
    """Unit vectors at these angles: (angles, 2)."""
    angle = torch.tensor(degrees, dtype=torch.float32).deg2rad()
    return torch.stack([angle.cos(), angle.sin()], 1)


sentences = ["someone smiles", "a kite falls", "a beard, and a falling kite"]
text = {"face": at(0, 90, 40), "motion": at(0, 30, 80)}
weights = torch.tensor([[0.8, 0.2], [0.1, 0.9], [0.5, 0.5]])  # face, motion
video = {"face": at(70, 20, 0, 60), "motion": at(60, 80, 20, 0)}
present = torch.tensor([[True, True], [True, True], [False, True], [True, False]])

# %% [markdown] slideshow={"slide_type": "subslide"}
# What stands in the gaps of `video` means nothing. Here are the similarities of *someone smiles* with each clip, and
# `nan`, *not a number*, where an expert is absent.

# %%
pairs = [text[name] @ video[name].T for name in ("face", "motion")]
similarity = torch.stack(pairs, 2)  # (texts, clips, experts)
similarity = similarity.masked_fill(~present, torch.nan)
print("columns face and motion, rows A to D")
print(similarity[0])

# %% [markdown] slideshow={"slide_type": "subslide"}
# *Someone smiles* trusts the face with 0.8, and C has none. Something has to be done about the gap.
#
# **Zeros.** A missing similarity counts as 0. C can then get 0.2 at most, however well it moves.


# %%
def order(scores):
    """The clips by falling score, as letters."""
    return " ".join("ABCD"[i] for i in scores.argsort(descending=True))


zeros = (weights[:, None] * similarity.nan_to_num(0)).sum(2)
print(zeros[0], "->", order(zeros[0]))

# %% [markdown] slideshow={"slide_type": "subslide"}
# **The mean.** The gap is filled with the average face of the clips that have one, or with their average motion, and
# that counts like a real one.
#
# > **Predict.** With an average face, will C come before or after A?

# %%
filled = {}
for i, name in enumerate(video):
    average = F.normalize(video[name][present[:, i]].mean(0), dim=0)
    filled[name] = torch.where(present[:, [i]], video[name], average)
mean = sum(weights[:, [i]] * (text[e] @ filled[e].T) for i, e in enumerate(video))
print(mean[0], "->", order(mean[0]))

# %% [markdown] slideshow={"slide_type": "subslide"}
# **The mask.** What is not there is left out of the sum *and* of the sum of the weights. This is the paper's score,
# which [lesson 04](04_mixture_weights.ipynb) built; `MEE.score` takes embeddings that are zero where absent, and the
# mask.
#
# > **Predict.** The face's weight of 0.8 falls away. What is C's score for *someone smiles*?

# %%
mee = MEE({"face": (2, 2), "motion": (2, 2)}, text_dim=4)
queries = TextEmbedding(text, weights)
zeroed = {name: video[name] * present[:, [i]] for i, name in enumerate(video)}
gallery = VideoEmbedding(zeroed, present)
masked = mee.score(queries, gallery)
print(masked[0], "->", order(masked[0]))

# %% [markdown] slideshow={"slide_type": "subslide"}
# C's motion alone, 0.94. The fourth way is to **drop** all clips with gaps. That leaves A and B.

# %% tags=["hide-input"]
complete = masked[0].masked_fill(~present.all(1), -torch.inf)
ways = {"zeros": zeros[0], "mean": mean[0], "mask": masked[0], "drop": complete}
figure, axes = plt.subplots(figsize=(6.4, 2.7))
for clip, (marker, line) in enumerate(zip("osD^", ("-", "--", ":", "-."), strict=True)):
    places = [1 + int((scores > scores[clip]).sum()) for scores in ways.values()]
    seen = len(ways) if complete[clip].isfinite() else len(ways) - 1
    axes.plot(range(seen), places[:seen], line, marker=marker, markersize=8)
    axes.annotate("ABCD"[clip], (0, places[0]), (-18, -4), textcoords="offset points")
axes.set_xticks(range(len(ways)), ways)
axes.set_yticks(range(1, 5))
axes.set(ylim=(4.4, 0.6), xlim=(-0.4, 3.3), ylabel="place")
show(
    figure,
    "The places of four clips for someone smiles. Clip C is last with zeros, second "
    "with the mean, first with the mask, and gone when clips with gaps are dropped, as "
    "is D. Clip B is first with zeros and the mean, and second with the mask.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# One sentence, one clip, and C is last, second, first or gone. None of this is wrong arithmetic. Each way is an answer
# to what a gap means: *it does not fit*, *it is average*, *ask the others*, or *I do not want to know*.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The four ways, trained
#
# Which answer is best? TinyClips has natural gaps: half of its films show no face, some have no sound. Zeros take two
# lines: a network whose score gets a mask of ones, so that absent vectors, which are zero, count as seen.

# %%
from mee import VideoTextMEE, fit_clips, read_clips


class Zeros(VideoTextMEE):
    def score(self, text, video, conf=True):
        everything = torch.ones_like(video.mask)
        return super().score(text, video._replace(mask=everything), conf)


clips = read_clips("data/tinyclips.h5")
train = clips.clips_in("train")[:600]
complete = train[clips.present[train].all(1)]
print(f"{len(train)} clips to train on, {len(complete)} of them complete")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Dropping loses twice: incomplete clips are never seen, *and* fewer clips are seen. To tell the two apart there is one
# more variant, trained on as many clips, drawn from all.
#
# `fit_clips` trains a model in one line ([lesson 09](09_training.ipynb)). These models are small, and train for a few
# seconds each; three seeds of each kind.

# %%
drawn = torch.randperm(600, generator=torch.Generator().manual_seed(0))
variants = {
    "mask": {"train": train},
    "zeros": {"train": train, "network": Zeros},
    "drop": {"train": complete},
    "as few clips": {"train": train[drawn[: len(complete)]]},
}
small = {"dim": 64, "text_clusters": 8, "sequence_clusters": 4, "lr": 1e-3}
small |= {"epochs": 10, "val": [], "progress": False}
models = {
    label: [fit_clips(clips, seed=s, **small, **v).model.cpu() for s in range(3)]
    for label, v in variants.items()
}
clips = clips.to("cpu")  # fit_clips moves them to a GPU if there is one

# %% [markdown] slideshow={"slide_type": "subslide"}
# Now the test. `embed` gives the embeddings of captions and clips; `keep_some` deletes a share of the test clips'
# experts at random and leaves each clip one at least. **R@10** is the percentage of captions whose clip is among the
# first ten of 500; chance is 2 %.

# %%
from mee import ranks
from mee.evaluate import embed
from mee.robustness import keep_some

SHARES = (0, 0.1, 0.3, 0.5, 0.7, 0.9)
test = clips.clips_in("test")
captions, positive_clip = clips.captions_of(test)


def curve(model, score):
    """R@10 from text to video, for each share of deleted experts."""
    text, video = embed(model, clips, captions, test)
    kept = [video.keep(keep_some(video.mask, share)) for share in SHARES]
    found = [ranks(score(model, text, part), positive_clip) <= 10 for part in kept]
    return 100 * torch.stack(found).double().mean(1)


# %% [markdown] slideshow={"slide_type": "subslide"}
# The mean needs no model of its own: it fills the gaps of the mask's model, as above.


# %%
def own_score(model, text, video):
    return model.score(text, video)


def mean_filled(model, text, video):
    vectors = {}
    for i, name in enumerate(model.experts):
        average = F.normalize(video.vectors[name].sum(0), dim=0)  # absent ones are zero
        vectors[name] = torch.where(video.mask[:, [i]], video.vectors[name], average)
    return model.score(text, VideoEmbedding(vectors, torch.ones_like(video.mask)))


# %%
def curves_of(label, score):
    return torch.stack([curve(model, score) for model in models[label]])


curves = {
    "zeros": curves_of("zeros", own_score),
    "mean": curves_of("mask", mean_filled),
    "mask": curves_of("mask", own_score),
    "drop": curves_of("drop", own_score),
    "as few clips": curves_of("as few clips", own_score),
}

# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Predict.** The mask is the paper's answer. Where will it stand among the others when half of the experts are
# > deleted?

# %% tags=["hide-input"]
LOOKS = {
    "calibrated": ("#d1660a", "-", "o"),
    "zeros": ("#606060", "-.", "v"),
    "mean": ("#8c8c8c", ":", "^"),
    "mask": ("#2b5c8a", "--", "s"),
    "as few clips": ("#a8a8a8", "-", "D"),
    "drop": ("#a8a8a8", "--", "x"),
}


def plot_curves(curves, alt):
    figure, axes = plt.subplots(figsize=(6.6, 3.6))
    for label, (colour, line, marker) in LOOKS.items():
        if label in curves:
            mean = curves[label].mean(0)
            shares = [100 * share for share in SHARES]
            axes.plot(shares, mean, line, color=colour, marker=marker, label=label)
    axes.axhline(2, color="black", linestyle=(0, (1, 3)), linewidth=1)
    axes.annotate("chance", (0, 2.4))
    axes.set(xlabel="experts deleted, %", ylabel="t2v R@10, %", ylim=(0, 40))
    axes.legend(loc="upper right", fontsize=9)
    show(figure, alt)


plot_curves(
    curves,
    "With nothing deleted, mask and zeros are best, then the mean, then as few clips "
    "drawn at random, and dropping is last. As experts are deleted the mask falls "
    "fastest: with 30 to 50 percent deleted, zeros are best, then the mean, then it.",
)

# %%
for i, share in enumerate(SHARES[:4]):
    if share != 0.1:
        row = [f"{label} ≈ {c[:, i].mean():.0f}" for label, c in curves.items()]
        print(f"{100 * share:.0f} % deleted:", ", ".join(row))

# %% tags=["hide-cell", "check"]
R10 = {label: c.mean(0) for label, c in curves.items()}
assert R10["drop"][0] < R10["as few clips"][0] - 1.5 < R10["mask"][0] - 8
assert abs(R10["mask"][0] - R10["zeros"][0]) < 5
assert (R10["zeros"][2:4] > R10["mask"][2:4] + 1.5).all()
assert (R10["mean"][2:4] > R10["mask"][2:4] + 0.5).all()

# %% [markdown] slideshow={"slide_type": "subslide"}
# Two findings.
#
# **Dropping is by far the worst**, and not only because there is less to learn from: as few clips drawn at random do
# better. What can be missing in use must be missing in training too.
#
# **The mask falls fastest.** With nothing deleted it is as good as zeros. With half deleted, zeros and even the mean
# are better, though they make something up. On TinyClips a natural gap is information, as no caption about a face
# belongs to a film without one, and zeros can learn that. But these deletions are random: there is nothing to learn.
# So why does the mask lose?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Fewer experts, wilder scores
#
# A mean over four cosines is calmer than a single cosine. Take pure noise: 1,000 captions, 500 wrong clips each, the
# first 250 with one expert, the others with four. All scores have mean 0.
#
# > **Predict.** Half of the clips have one expert. What is their share among the ten best?

# %%
noise = torch.Generator().manual_seed(0)
cosines = 0.1 * torch.randn(1000, 500, 4, generator=noise)
one, four = cosines[:, :250, 0], cosines[:, 250:].mean(2)
best = torch.cat([one, four], 1).topk(10, 1).indices
print(f"spread: {one.std():.2f} with one expert, {four.std():.2f} with four")
share = 100 * (best < 250).float().mean()
print(f"one expert: 50 % of all, {share:.0f} % of the top 10")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The mean of four varies half as much ($1/\sqrt{4}$). Only extremes get to the top, and the extremes have one expert.
# No score is biased, and still these clips take all the places.
#
# Now the trained models, with half of the experts deleted. `wrong_pairs` gives the scores with the right clip of each
# caption taken out.
#
# > **Predict.** Which clips' wrong scores spread widest: those with one, two, three or four experts?


# %% slideshow={"slide_type": "skip"}
def wrong_pairs(model, score):
    """Scores with the right clips at -inf, and each clip's number of experts."""
    text, video = embed(model, clips, captions, test)
    video = video.keep(keep_some(video.mask, 0.5))
    scores = score(model, text, video).clone()
    scores[torch.arange(len(captions)), positive_clip] = -torch.inf
    return scores, video.mask.sum(1)


for n in (1, 2, 3, 4):
    each = [wrong_pairs(model, own_score) for model in models["mask"]]
    spread = [s[:, number == n] for s, number in each]
    spread = torch.stack([s[s.isfinite()].std() for s in spread]).mean()
    print(f"{n} expert(s): spread ≈ {spread:.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# One expert, as in the noise. And who is among the ten best *wrong* clips?


# %%
def top_ten(score):
    """Shares of clips with 1, 2, 3, 4 experts: in the gallery, and in the top 10."""
    shares = []
    for scores, number in (wrong_pairs(model, score) for model in models["mask"]):
        found = number[scores.topk(10, 1).indices].flatten()
        counts = [torch.bincount(x, minlength=5)[1:] / len(x) for x in (number, found)]
        shares.append(torch.stack(counts))
    return 100 * torch.stack(shares).mean(0)


all_clips, by_mask = top_ten(own_score)
print(f"one expert: {all_clips[0]:.0f} % of all clips,", end=" ")
print(f"≈ {by_mask[0]:.0f} % of the top 10")

# %% tags=["hide-cell", "check"]
assert 40 < all_clips[0] < 52 and by_mask[0] > 80

# %% [markdown] slideshow={"slide_type": "subslide"}
# That is the answer. A weighted mean over what is there puts clips with different experts on different scales, and the
# wildest scale wins. Zeros shrink the scores of clips with gaps, and by that happen to avoid it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A score that asks how unusual
#
# Back to the noise. Divide each score by the spread of its kind. A clip then wins if its score is *unusual for a clip
# like it*, and not because it is large.

# %%
unusual = torch.cat([one / one.std(), four / four.std()], 1)
best = unusual.topk(10, 1).indices
share = 100 * (best < 250).float().mean()
print(f"one expert: 50 % of all, {share:.0f} % of the top 10")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Half, as it should be. That is the whole idea: a **z-score**, how many standard deviations above what wrong clips get.
#
# In our formula three things set the scale of a score: which experts the clip has, how far each expert's similarities
# spread, and where their mean lies. For a sentence $t$, let the similarities of wrong clips have mean $m_n(t)$ and
# variance $s_n^2(t)$. Subtract the mean. Then, if the experts err independently, the variances add up:
#
# $$
# z(t, v) = \frac{\sum_n a_n(v)\, w_n(t)\, (s_n(t, v) - m_n(t))}{\sqrt{\sum_n a_n(v)\, w_n(t)^2\, s_n^2(t)}}
# $$
#
# The denominator is no longer the sum of the weights. It is the spread that the numerator has among wrong clips.

# %% [markdown] slideshow={"slide_type": "subslide"}
# Where do $m_n$ and $s_n$ come from? Here are 300 clips of our world in the plane, scattered around a direction of
# their own for each expert. For each sentence we take the mean and the variance of its similarities with all of them.

# %%
g = torch.Generator().manual_seed(0)
others = {
    "face": at(*(60 + 25 * torch.randn(300, generator=g)).tolist()),
    "motion": at(*(20 + 20 * torch.randn(300, generator=g)).tolist()),
}
m = torch.stack([(text[e] @ others[e].T).mean(1) for e in others], 1)
s2 = torch.stack([(text[e] @ others[e].T).var(1, correction=0) for e in others], 1)
for t, sentence in enumerate(sentences):
    (face, motion), (face_std, motion_std) = m[t], s2[t].sqrt()
    print(f"face {face:.2f} ± {face_std:.2f}", end="   ")
    print(f"motion {motion:.2f} ± {motion_std:.2f}  ", sentence)

# %% [markdown] slideshow={"slide_type": "subslide"}
# No sentence has to be compared with 300 clips for that. A similarity is an inner product, so its mean over clips is
# the inner product with the *mean clip* $c_n$, and its variance is $t^\top C_n\, t$ with the clips' covariance $C_n$.
# Both belong to the clips alone, and are computed once:

# %%
c = {name: x.mean(0) for name, x in others.items()}
C = {name: torch.cov(x.T, correction=0) for name, x in others.items()}
by_c = torch.stack([text[e] @ c[e] for e in c], 1)
by_C = torch.stack([(text[e] @ C[e] * text[e]).sum(1) for e in C], 1)
torch.testing.assert_close((by_c, by_C), (m, s2))

# %% [markdown] slideshow={"slide_type": "subslide"}
# Now $z$ for every pair, term by term. The mask had put C first for *someone smiles*: its face is missing, and its
# motion fits by 0.94. But most clips move like that.
#
# > **Predict.** Where does C come by $z$?

# %%
z = torch.zeros(3, 4)
for t in range(3):
    for v in range(4):
        numerator = variance = 0.0
        for n in range(2):
            if present[v, n]:
                numerator += weights[t, n] * (similarity[t, v, n] - m[t, n])
                variance += weights[t, n] ** 2 * s2[t, n]
        z[t, v] = numerator / variance.sqrt()
print("mask", masked[0], "->", order(masked[0]))
print("z   ", z[0], "->", order(z[0]))

# %% [markdown] slideshow={"slide_type": "subslide"}
# Second, behind B, whose face fits better than faces do. The library's [Calibration](api/calibration.md) takes means
# and covariances, and its `z` is ours:

# %%
from mee.calibration import Calibration

torch.testing.assert_close(Calibration(c, C).z(queries, gallery), z)

# %% [markdown] slideshow={"slide_type": "subslide"}
# **The other half.** $z$ asks how unusual a similarity is for the *sentence*. But some clips stand high whatever the
# sentence: they are called **hubs**. So ask the clip, too. Over a sample of other sentences $t'$, what does it usually
# get? That is its hubness, one number per clip:
#
# $$
# s(t, v) = z(t, v) - h(v), \qquad h(v) = \log \operatorname{mean}_{t'} e^{z(t', v)}
# $$
#
# With our three sentences as the sample:

# %%
h = z.exp().mean(0).log()
print("h of A, B, C, D:", h)
calibration = Calibration(c, C, captions=queries)
torch.testing.assert_close(calibration.score(queries, gallery), z - h)

# %% [markdown] slideshow={"slide_type": "slide"}
# B is the hub among the four: all three sentences together like it best, and so it pays most.
#
# ## What it is worth
#
# `calibrate` takes mean, covariance and a sample of captions from the clips that a model was trained on. Nothing is
# trained again: the same three models, another score.
#
# > **Predict.** Where will the calibrated score and the mask be furthest apart?

# %%
from mee.evaluate import calibrate

for model in models["mask"]:
    model.calibration = calibrate(model, clips, train)


def calibrated(model, text, video):
    return model.calibration.score(text, video)


curves["calibrated"] = curves_of("mask", calibrated)
for i, share in enumerate(SHARES):
    gain = (curves["calibrated"] - curves["mask"])[:, i].mean()
    print(f"{100 * share:.0f} % deleted: ≈ {gain:+.1f} points of R@10")

# %% tags=["hide-input"]
plot_curves(
    {k: curves[k] for k in ("calibrated", "mask", "zeros", "mean")},
    "With nothing deleted, the calibrated score, mask and zeros lie close together. "
    "With 10 to 50 percent deleted, the calibrated score is highest, then zeros, then "
    "the mean, and the mask is lowest or next to it.",
)

# %%
_, by_z = top_ten(calibrated)
print(f"one expert: {all_clips[0]:.0f} % of all clips")
print(f"in the top 10: by the mask ≈ {by_mask[0]:.0f} %, calibrated ≈ {by_z[0]:.0f} %")

# %% tags=["hide-cell", "check"]
R10 = {label: c.mean(0) for label, c in curves.items()}
assert R10["calibrated"][0] > R10["mask"][0] - 1.5
assert (R10["calibrated"][2:4] > R10["mask"][2:4] + 4).all()
assert (R10["calibrated"][1:4] > R10["zeros"][1:4] - 0.5).all()
assert (R10["calibrated"][1:5] > R10["mask"][1:5]).all()
assert abs(R10["calibrated"][5] - R10["mask"][5]) < 3
assert 25 < by_z[0] < 50

# %% [markdown] slideshow={"slide_type": "subslide"}
# Clips with one expert no longer crowd the top 10. With nothing deleted nothing is lost, and the gain is largest where
# a third to a half is missing. When nearly all is deleted, nearly every clip has one expert, all scores are equally
# wild, and there is little to correct: with nine in ten deleted the calibrated score is no better than the mask.
#
# These are small models. The figure at the top has full ones, five seeds each, on real clips too. [What we
# found](found.md) has the evidence, its limits, and who had which part of the idea before; and a warning: on some real
# data one expert alone does as well as any treatment. Ask of each data set *why* something is missing.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The trap: zeros among the rows
#
# A zero instead of a missing face does harm before any score is computed. The gated unit of [lesson
# 03](03_gating.ipynb) has a batch norm, which collects a mean and a variance over all rows that pass. In the original
# code rows of zeros pass, too.


# %%
from mee import GatedEmbeddingUnit


def collected(rows):
    """A gated unit in evaluation mode, whose batch norm has seen these rows."""
    torch.manual_seed(0)
    unit = GatedEmbeddingUnit(rows.shape[1], 64)
    unit.cg.batch_norm.momentum = 1.0  # keep the statistics of this one batch
    with torch.no_grad():
        unit(rows)
    return unit.eval()


videos, ind, _ = clips.video(clips.clips_in("train"), ["face"])
faces, has_face = videos["face"], ind["face"]  # (2000, 128), zeros where there is none
print(f"{int((~has_face).sum())} of {len(has_face)} films show no face")

# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Predict.** Half of the rows are zeros, and do not vary at all. Does the collected variance halve, stay, or grow?

# %%
clean, spoilt = collected(faces[has_face]), collected(faces)
ratio = spoilt.cg.batch_norm.running_var / clean.cg.batch_norm.running_var
with torch.no_grad():
    nothing = spoilt(torch.zeros(1, 128))
print(f"variance with the zeros: {ratio.median():.1f} times that without")
print(f"length of what the unit makes of a zero row: {nothing.norm():.1f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# It doubles. Face descriptors lie close together, far from zero. So zeros are outliers, and the distance to them
# becomes most of the variance. (Around zero it would halve. Wrong it is either way.) And the unit adds a bias and
# divides by the length, so out of nothing comes a full vector, as certain as any other.
#
# `MEE.embed_video` leaves absent rows out of the batch norm's statistics, and sets their embeddings to zero in the end.
# Fill the gaps with `nan`, and nothing changes, not the embeddings and not the batch norm:


# %%
def after(junk):
    torch.manual_seed(0)
    block = MEE({"face": (128, 64)}, text_dim=4)  # in training mode: the norm collects
    filled = faces.masked_fill(~has_face[:, None], junk)
    embeddings, _ = block.embed_video({"face": filled}, {"face": has_face})
    return embeddings["face"], block.video_GU["face"].cg.batch_norm.running_var


torch.testing.assert_close(after(0.0), after(torch.nan), rtol=0, atol=0)

# %% tags=["hide-cell", "check"]
assert ratio.median() > 1.4 and torch.isclose(nothing.norm(), torch.tensor(1.0))
assert (after(0.0)[0][~has_face] == 0).all()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - Zeros, the mean, the mask and dropping are four answers to what a gap means, and they order the same clips
#   differently. Dropping incomplete clips was by far the worst: what can be missing must be missing in training too.
# - The mask, the paper's score, fell fastest as experts were deleted. A mean over few cosines varies more than a mean
#   over many, so clips with one expert fill the top 10.
# - A calibrated score counts standard deviations above what wrong clips get, and takes off what the clip gets from any
#   sentence. It needs no training, and was above the mask with 10 to 70 % of the experts deleted.
# - Rows of zeros spoil a batch norm. Absent rows are left out of its statistics.
#
# ## Exercises
#
# 1. The masked score for any number of experts, with -1 where there is nothing.
# 2. The z-score for any number of experts, from similarities, weights, mask, means and variances.
# 3. Which part does it? Centre the similarities without the new denominator, and see how far that gets.
#
# Write them in the [exercise notebook](exercises/05_missing_faces.ipynb); one way to do it is in the
# [solutions](solutions/05_missing_faces.ipynb).
#
# ## Where next
#
# Back to [mixture weights](04_mixture_weights.ipynb), or on to [what the loss asks for](06_ranking_loss.ipynb).
