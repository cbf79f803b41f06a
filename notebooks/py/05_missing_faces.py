# %% [markdown] slideshow={"slide_type": "slide"}
# # What if the expert is missing?
#
# **You will learn** four ways to treat a missing expert, and what each does as more and more experts go missing; why
# clips with few experts are found too often; and how to derive a calibrated score that no longer favours such clips.
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

if os.path.exists("../lesson.py"):
    os.chdir("..")  # exercises and solutions work in the book's folder, too
elif not os.path.exists("lesson.py"):
    # this notebook came alone, as on Colab: fetch its book and install mee
    address = os.environ.get("MEE_REPOSITORY", "https://github.com/OWNER/mee")
    # !test -d mee-book || git clone --quiet --depth 1 "{address}" mee-book
    # %run mee-book/notebooks/lesson.py
    os.chdir("mee-book/notebooks")

# %% slideshow={"slide_type": "skip"}
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from lesson import draw, play_with, show

from mee import MEE, TextEmbedding, VideoEmbedding

torch.set_printoptions(precision=2, sci_mode=False)

# %% tags=["remove-input"]
draw(
    "here_05",
    "You are here: which experts are present, and what that does to the score.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# The curves below are where the lesson ends. On TinyClips and on two sets of real clips, more and more
# [experts](glossary.md#expert) are deleted at random, and the search goes on. The blue line is the paper's answer to
# a missing expert, the orange line is the answer that you will build, and the grey lines are other answers, which the
# lesson explains on the way. The measure, [R@10](glossary.md#r@k), is the percentage of sentences whose clip is among
# the first ten found; [lesson 07](07_retrieval_metrics.ipynb) has more on it.
#
# ![Recall at 10 from text to video against the share of deleted experts: the calibrated score lies above the paper's
# score wherever something is missing.](_static/missing.svg)
#
# *Five seeds each, test splits, 95 % intervals, chance dotted; made by `python experiments/missing_show.py
# notebooks/data/missing_*.json`.*

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Look at four clips with two gaps
#
# Here are three sentences and four clips in a world of vectors in the plane, where a vector of length 1 is an angle.
# Clips A and B have a face and motion. C shows no face. D is a still image: it has a face, and no motion.


# %% slideshow={"slide_type": "skip"}
def at(*degrees):
    """Unit vectors at these angles: (angles, 2)."""
    angle = torch.tensor(degrees, dtype=torch.float32).deg2rad()
    return torch.stack([angle.cos(), angle.sin()], 1)


sentences = ["someone smiles", "a kite falls", "a beard, and a falling kite"]
text = {"face": at(0, 90, 40), "motion": at(0, 30, 80)}
weights = torch.tensor([[0.8, 0.2], [0.1, 0.9], [0.5, 0.5]])  # face, motion
video = {"face": at(70, 20, 0, 60), "motion": at(60, 80, 20, 0)}
present = torch.tensor([[True, True], [True, True], [False, True], [True, False]])

# %% [markdown] slideshow={"slide_type": "skip"}
# The vectors that fill the gaps of `video` mean nothing. Here are the [similarities](glossary.md#similarity) of
# *someone smiles* with each clip, and `nan`, *not a number*, where an expert is [absent](glossary.md#absent).

# %% slideshow={"slide_type": "skip"}
pairs = [text[name] @ video[name].T for name in ("face", "motion")]
similarity = torch.stack(pairs, 2)  # (texts, clips, experts)
similarity = similarity.masked_fill(~present, torch.nan)
print("columns face and motion, rows A to D")
print(similarity[0])

# %% [markdown] slideshow={"slide_type": "skip"}
# *Someone smiles* gives the face a [mixture weight](glossary.md#mixture-weight) of 0.8, and C has no face. Something
# has to be done about the gap.
#
# **Zeros.** A missing similarity counts as 0. C can then get 0.2 at most, however well its motion fits.


# %% slideshow={"slide_type": "skip"}
def order(scores):
    """The clips by falling score, as letters."""
    return " ".join("ABCD"[i] for i in scores.argsort(descending=True))


zeros = (weights[:, None] * similarity.nan_to_num(0)).sum(2)
print(zeros[0], "->", order(zeros[0]))

# %% [markdown] slideshow={"slide_type": "slide"}
# Zeros put C last.
#
# **The mean.** The gap is filled with the average face, or the average motion, of the clips that have one. The
# average then counts like a real face.
#
# > **Predict.** With an average face, will C come before or after A?

# %% slideshow={"slide_type": "slide"}
filled = {}
for i, name in enumerate(video):
    average = F.normalize(video[name][present[:, i]].mean(0), dim=0)
    filled[name] = torch.where(present[:, [i]], video[name], average)
mean = sum(weights[:, [i]] * (text[e] @ filled[e].T) for i, e in enumerate(video))
print(mean[0], "->", order(mean[0]))

# %% [markdown] slideshow={"slide_type": "slide"}
# The average face lifts C to second place.
#
# **The mask.** An absent expert is left out of the numerator *and* of the denominator, the sum of the weights. The
# masked score is that of [Miech et al., 2018](references.md#miech2018), which [lesson 04](04_mixture_weights.ipynb)
# built. `MEE.score` takes embeddings that are zero where absent, and the [availability
# mask](glossary.md#availability-mask).
#
# > **Predict.** The face's weight of 0.8 falls away. What is C's score for *someone smiles*?

# %% slideshow={"slide_type": "slide"}
mee = MEE({"face": (2, 2), "motion": (2, 2)}, text_dim=4)
queries = TextEmbedding(text, weights)
zeroed = {name: video[name] * present[:, [i]] for i, name in enumerate(video)}
gallery = VideoEmbedding(zeroed, present)
masked = mee.score(queries, gallery)
print(masked[0], "->", order(masked[0]))

# %% [markdown] slideshow={"slide_type": "skip"}
# C's motion alone decides: 0.94. The fourth way is to **drop** all clips with gaps, which leaves A and B.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "05_four_treatments",
    "One sentence and one clip: C is last, second, first, or dropped.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# None of the four is wrong arithmetic. Each is an answer to what a gap means: *it does not fit*, *it is average*, *ask
# the others*, or *I do not want to know*. The mask, too, fills in a number: to leave out C's face is to give the face
# the similarity of C's motion, 0.94.

# %% slideshow={"slide_type": "skip"} tags=["remove-input"]
draw(
    "05_filled_in",
    "A zero is an answer, and so is the mask: three treatments put C's absent face "
    "somewhere among 300 other faces, made up for this world.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Train with each treatment
#
# Which answer is best? TinyClips has natural gaps: half of its films show no face, and some have no sound.
# `VideoTextMEE` is the network that `fit_clips` trains. The treatment *zeros* changes that network by two lines: its
# score gets a mask of ones, so that absent vectors, which are zero, count as present. (`conf` is an option that is
# only passed on.)

# %% slideshow={"slide_type": "skip"}
from mee import VideoTextMEE, fit_clips, read_clips


class Zeros(VideoTextMEE):
    def score(self, text, video, conf=True):
        everything = torch.ones_like(video.mask)
        return super().score(text, video._replace(mask=everything), conf)


clips = read_clips("data/tinyclips.h5")
train = clips.clips_in("train")[:600]
complete = train[clips.present[train].all(1)]
print(f"{len(train)} clips to train on, {len(complete)} of them complete")

# %% [markdown] slideshow={"slide_type": "skip"}
# Dropping costs twice: the model never sees incomplete clips, *and* it sees fewer clips. One more variant, *as few
# clips*, tells the two costs apart: it trains on as many clips as *drop* does, drawn at random from all.
#
# `fit_clips` trains a model in one line ([lesson 09](09_training.ipynb)). These models are small and train for a few
# seconds each. Each variant is trained with three [seeds](glossary.md#seed).

# %% slideshow={"slide_type": "skip"}
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

# %% [markdown] slideshow={"slide_type": "skip"}
# Now the test. `embed` gives the embeddings of captions and clips. `keep_some` deletes a share of the test clips'
# experts at random, and leaves each clip at least one. The gallery has 500 clips, so the
# [chance level](glossary.md#chance-level) of R@10 is 2 %.

# %% slideshow={"slide_type": "skip"}
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


# %% [markdown] slideshow={"slide_type": "skip"}
# The mean needs no model of its own: it fills the gaps in the embeddings of the mask's models, as above.


# %% slideshow={"slide_type": "skip"}
def own_score(model, text, video):
    return model.score(text, video)


def mean_filled(model, text, video):
    vectors = {}
    for i, name in enumerate(model.experts):
        average = F.normalize(video.vectors[name].sum(0), dim=0)  # absent ones are zero
        vectors[name] = torch.where(video.mask[:, [i]], video.vectors[name], average)
    return model.score(text, VideoEmbedding(vectors, torch.ones_like(video.mask)))


# %% slideshow={"slide_type": "skip"}
def curves_of(label, score):
    return torch.stack([curve(model, score) for model in models[label]])


curves = {
    "zeros": curves_of("zeros", own_score),
    "mean": curves_of("mask", mean_filled),
    "mask": curves_of("mask", own_score),
    "as few clips": curves_of("as few clips", own_score),
    "drop": curves_of("drop", own_score),
}

# %% [markdown] slideshow={"slide_type": "slide"}
# > **Predict.** The mask is the paper's answer. Where will it stand among the others when half of the experts are
# > deleted?

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
LOOKS = {
    "calibrated": {"color": "#D55E00", "linestyle": "-", "marker": "o", "lw": 2.5},
    "zeros": {"color": "#606060", "linestyle": "-.", "marker": "v"},
    "mean": {"color": "#909090", "linestyle": ":", "marker": "^", "lw": 2},
    "mask": {"color": "#0072B2", "linestyle": "--", "marker": "s", "lw": 2.5},
    "as few clips": {"color": "#606060", "linestyle": "-", "marker": "D", "lw": 1},
    "drop": {"color": "#909090", "linestyle": "--", "marker": "x", "lw": 1},
}


def plot_curves(curves, alt, caption):
    """R@10 over the share deleted; the legend lists the lines as they lie at 50 %."""
    figure, axes = plt.subplots(figsize=(5.6, 3.6))
    means = {label: values.mean(0) for label, values in curves.items()}
    for label in sorted(means, key=lambda label: -means[label][3]):
        axes.plot([100 * s for s in SHARES], means[label], label=label, **LOOKS[label])
    axes.axhline(2, color="black", linestyle=(0, (1, 3)), linewidth=1)
    axes.annotate("chance", (0, 2.5))
    axes.set(xlabel="experts deleted, %", ylabel="t2v R@10, %", ylim=(0, 40))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.6))
    show(figure, alt, caption)


plot_curves(
    curves,
    "With nothing deleted, mask and zeros are best, then the mean, then as few clips "
    "drawn at random, and dropping is last. As experts are deleted the mask falls "
    "fastest: with 30 to 50 percent deleted, zeros are best, then the mean, then it.",
    "The mask starts level with zeros and falls fastest; dropping is always lowest.",
)
for i, share in enumerate(SHARES[:4]):
    if share != 0.1:
        row = [f"{label} ≈ {c[:, i].mean():.0f}" for label, c in curves.items()]
        print(f"{100 * share:.0f} % deleted:", ", ".join(row))

# %% [markdown] slideshow={"slide_type": "skip"}
# The figure holds two findings.
#
# **Dropping is by far the worst of the four treatments.** Most of its loss comes from having fewer clips to learn from:
# with nothing deleted, R@10 falls from ≈ 35 to ≈ 19 for a model trained on as few clips, drawn at random. It falls
# further, to ≈ 15, if all of those clips are complete. What can be missing in use must be missing in training too.
#
# **From text to video the mask falls fastest.** With nothing deleted the mask is as good as zeros. With half deleted,
# zeros and even the mean are better, though both make something up. Are gaps perhaps worth learning from? On TinyClips
# a natural gap does say something: no caption about a face belongs to a film without one, and a model trained with
# zeros can learn that. But the deletions here are random and tell a model nothing. Why, then, does the mask lose?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Fewer experts make wilder scores
#
# A mean over four cosines varies less than a single cosine. Take pure noise: 1,000 captions and, for each, 500 wrong
# clips, of which the first 250 have one expert and the others four. All scores have mean 0.
#
# > **Predict.** Half of the clips have one expert. What is their share among the ten best?

# %% slideshow={"slide_type": "slide"}
noise = torch.Generator().manual_seed(0)
cosines = 0.1 * torch.randn(1000, 500, 4, generator=noise)
one, four = cosines[:, :250, 0], cosines[:, 250:].mean(2)
best = torch.cat([one, four], 1).topk(10, 1).indices
print(f"spread: {one.std():.2f} with one expert, {four.std():.2f} with four")
share = 100 * (best < 250).float().mean()
print(f"one expert: 50 % of all, {share:.0f} % of the top 10")

# %% [markdown] slideshow={"slide_type": "skip"}
# The mean of four varies half as much ($1/\sqrt{4}$). Only extreme scores get to the top, and the extreme scores
# belong to clips with one expert. No score is biased, and still these clips take nearly all of the places.
#
# Now take the trained models, with half of the experts deleted. `wrong_pairs` gives their scores with the right clip of
# each caption taken out.
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

# %% [markdown] slideshow={"slide_type": "skip"}
# Clips with one expert do, as in the noise. And which clips are the ten best *wrong* ones?


# %% slideshow={"slide_type": "skip"}
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

# %% [markdown] slideshow={"slide_type": "skip"}
# Nearly all of the ten best wrong clips have one expert, though fewer than half of all clips do. The spreads are why
# the mask loses: a [weighted mean](glossary.md#weighted-mean) over the present experts puts clips with different
# experts on different scales, and the widest scale wins. Zeros shrink the scores of clips with gaps, and so happen to
# avoid the trouble.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Ask how unusual a score is
#
# Back to the noise. Divide each score by the spread of its kind. A clip then wins if its score is *unusual for a clip
# like it*, and not because the score is large.

# %% slideshow={"slide_type": "skip"}
unusual = torch.cat([one / one.std(), four / four.std()], 1)
best = unusual.topk(10, 1).indices
share = 100 * (best < 250).float().mean()
print(f"one expert: 50 % of all, {share:.0f} % of the top 10")

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "05_spreads",
    "Clips with one expert fill the top ten because their scores spread wider; "
    "divided by its spread, each kind gets its share.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# Clips with one expert now have half of the places, as they should. The whole idea is a **z-score**: how many
# standard deviations a score lies above the mean score of wrong clips.
#
# In the model three things set the scale of a score: which experts the clip has, how far each expert's similarities
# spread, and where their mean lies. For a sentence $t$, let the similarities $s_n(t, v)$ of wrong clips have mean
# $m_n(t)$ and variance $s_n^2(t)$. (So $s_n(t, v)$ is a similarity, and $s_n(t)$ is a spread.) As in
# [lesson 04](04_mixture_weights.ipynb), $w_n(t)$ is the weight of expert $n$, and $a_n(v)$ is 1 where clip $v$ has
# expert $n$, else 0. Subtract the mean. Then, if the experts err independently, the variances add up, each times its
# squared weight:
#
# $$
# z(t, v) = \frac{\sum_n a_n(v)\, w_n(t)\, (s_n(t, v) - m_n(t))}{\sqrt{\sum_n a_n(v)\, w_n(t)^2\, s_n^2(t)}}
# $$
#
# The denominator is no longer the sum of the weights. It is the spread that the numerator has among wrong clips.

# %% [markdown] slideshow={"slide_type": "skip"}
# Where do $m_n$ and $s_n$ come from? Here are 300 other clips of the world in the plane, scattered around one direction
# for each expert. For each sentence we take the mean and the variance of its similarities with all of them.

# %% slideshow={"slide_type": "skip"}
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

# %% [markdown] slideshow={"slide_type": "skip"}
# You need not compare a sentence with 300 clips to get these numbers. A similarity is an inner product, so its mean
# over clips is the inner product with the *mean clip* $c_n$, and its variance is $t_n^\top C_n\, t_n$ with the clips'
# covariance matrix $C_n$. Both $c_n$ and $C_n$ belong to the clips alone, and are computed once:

# %% slideshow={"slide_type": "skip"}
c = {name: x.mean(0) for name, x in others.items()}
C = {name: torch.cov(x.T, correction=0) for name, x in others.items()}
by_c = torch.stack([text[e] @ c[e] for e in c], 1)
by_C = torch.stack([(text[e] @ C[e] * text[e]).sum(1) for e in C], 1)
torch.testing.assert_close((by_c, by_C), (m, s2))

# %% [markdown] slideshow={"slide_type": "skip"}
# Now compute $z$ for every pair, term by term. The mask put C first for *someone smiles*: its face is missing, and its
# motion fits by 0.94. But most clips move like that: the mean is 0.87.
#
# > **Predict.** In which place is C by $z$?

# %% slideshow={"slide_type": "skip"}
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

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "05_two_scales",
    "A masked score means something different in each row; z means the same in all.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# C is second, behind B, whose face fits better than most faces do. The library's [Calibration](api/calibration.md)
# takes means and covariances, and its `z` is the one above:

# %% slideshow={"slide_type": "skip"}
from mee.calibration import Calibration

torch.testing.assert_close(Calibration(c, C).z(queries, gallery), z)

# %% [markdown] slideshow={"slide_type": "skip"}
# **The other half.** $z$ asks how unusual a similarity is for the *sentence*. But some clips rank high whatever the
# sentence; [Radovanović et al., 2010](references.md#radovanovic2010) call such clips [hubs](glossary.md#hub). So ask
# about the clip, too: what $z$ does the clip usually get, over a sample of other sentences $t'$? The answer $h(v)$ is
# its [hubness](glossary.md#hubness), one number per clip. It is a mean in which the exponential makes high $z$ count
# most:
#
# $$
# s(t, v) = z(t, v) - h(v), \qquad h(v) = \log \operatorname{mean}_{t'} e^{z(t', v)}
# $$
#
# Here the three sentences are the sample:

# %% slideshow={"slide_type": "skip"}
h = z.exp().mean(0).log()
print("h of A, B, C, D:", h)
calibration = Calibration(c, C, captions=queries)
torch.testing.assert_close(calibration.score(queries, gallery), z - h)
print("z - h", z[0] - h, "->", order(z[0] - h))

# %% [markdown] slideshow={"slide_type": "skip"}
# The difference $z - h$ is the [calibrated score](glossary.md#calibrated-score). B has the largest $h$, and so it
# loses most: for *someone smiles*, C is first again. Do not read much into that order, as three sentences are far too
# few for a sample; the library takes 1,000.
#
# ## Measure what calibration is worth
#
# `calibrate` takes means, covariances and the sample of 1,000 captions from the clips that a model was trained on.
# Nothing is trained again: the same three models get another score.
#
# > **Predict.** At which share deleted will the calibrated score and the mask be furthest apart?

# %% slideshow={"slide_type": "skip"}
from mee.evaluate import calibrate

for model in models["mask"]:
    model.calibration = calibrate(model, clips, train)


def calibrated(model, text, video):
    return model.calibration.score(text, video)


curves["calibrated"] = curves_of("mask", calibrated)
for i, share in enumerate(SHARES):
    gain = (curves["calibrated"] - curves["mask"])[:, i].mean()
    print(f"{100 * share:.0f} % deleted: ≈ {gain:+.1f} points of R@10")

# %% [markdown] slideshow={"slide_type": "skip"}
# The gain is largest with 30 to 50 % deleted. And who fills the top 10 now, with half of the experts deleted?

# %% slideshow={"slide_type": "skip"}
_, by_z = top_ten(calibrated)
print(f"one expert: {all_clips[0]:.0f} % of all clips; in the top 10:", end=" ")
print(f"≈ {by_mask[0]:.0f} % by the mask, ≈ {by_z[0]:.0f} % calibrated")

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
plot_curves(
    {k: curves[k] for k in ("calibrated", "mask", "zeros", "mean")},
    "With nothing deleted, the calibrated score, mask and zeros lie close together. "
    "With 10 to 50 percent deleted, the calibrated score is highest, then zeros, then "
    "the mean, and the mask is lowest or next to it.",
    "The calibrated score is highest while 10 to 50 % of the experts are deleted.",
)

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
R10 = {label: c.mean(0) for label, c in curves.items()}
assert R10["drop"][0] < R10["as few clips"][0] - 1.5 < R10["mask"][0] - 8
assert abs(R10["mask"][0] - R10["zeros"][0]) < 5
assert (R10["zeros"][2:4] > R10["mask"][2:4] + 1.5).all()
assert (R10["mean"][2:4] > R10["mask"][2:4] + 0.5).all()
assert 40 < all_clips[0] < 52 and by_mask[0] > 80
assert R10["calibrated"][0] > R10["mask"][0] - 1.5
assert (R10["calibrated"][2:4] > R10["mask"][2:4] + 4).all()
assert (R10["calibrated"][1:4] > R10["zeros"][1:4] - 0.5).all()
assert (R10["calibrated"][1:5] > R10["mask"][1:5]).all()
assert abs(R10["calibrated"][5] - R10["mask"][5]) < 3
assert 25 < by_z[0] < 50

# %% [markdown] slideshow={"slide_type": "skip"}
# Clips with one expert no longer crowd the top 10; they now have a little less than their share. With nothing deleted
# nothing is lost. When nearly all is deleted, nearly every clip has one expert, all scores are equally wild, and there
# is little to correct: with nine in ten deleted the calibrated score is no better than the mask.
#
# These are small models. Below are the full ones from the top of this lesson, five seeds each, on real clips too:
# MeMAD's excerpts of television programmes, and half of MSR-VTT, a set of web videos that the paper used ([lesson
# 14](14_msrvtt.ipynb)). Two more treatments are among them: *concatenation* lays all features side by side in one
# vector, with zeros in the gaps, and *dropout in training* (*expert dropout* at the top) deletes experts at random
# while the model learns. Take experts away and compare.

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
import json

FILES = {"TinyClips": "tinyclips", "MeMAD (real)": "memad", "MSR-VTT (real)": "msrvtt"}
METRICS = ("t2v R@10", "t2v R@1", "v2t R@10")
NAMES = {  # in the files -> in this lesson
    "calibrated": "calibrated",
    "paper's score": "mask",
    "zeros": "zeros",
    "mean features": "mean",
    "concatenation": "concatenation",
    "expert dropout: paper's score": "dropout in training",
}


def measured(title, file):
    """A data set's curves, as the widget takes them."""
    with open(f"data/missing_{file}.json") as opened:
        record = json.load(opened)
    lines = {
        name: {k: [p["value"][0] for p in record["curves"][key][k]] for k in METRICS}
        for key, name in NAMES.items()
    }
    chance = {k: record["chance"][k.split()[0]][k.split()[1]] for k in METRICS}
    shares = record["shares"]
    return {"name": title, "shares": shares, "chance": chance, "curves": lines}


mask = clips.present[test[:20]]
kept = sum(keep_some(mask, share).int() for share in SHARES)
play_with(
    "missing_curve",
    {
        "shares": SHARES,
        "sets": [measured(title, file) for title, file in FILES.items()],
        "treatments": list(NAMES.values()),
        "metrics": METRICS,
        "experts": list(clips.experts),
        "kept": kept.tolist(),
    },
    "Choose how many experts are deleted: squares show which experts twenty clips "
    "keep, and a line per treatment shows what is found. Treatments, clips and the "
    "measure can be chosen, too.",
    "Once experts are missing, full models find more clips for a sentence by the "
    "calibrated score than by the mask; from clip to sentence neither always wins.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# From text to video the calibrated score is above the mask on all three sets. The other treatments depend on the
# clips: with 30 % deleted, zeros are above the mask on TinyClips and on MSR-VTT, and find least on MeMAD. From video to
# text (v2t) the picture changes. The mask stays within a few points of the calibrated score, and zeros and the mean
# fall below both: one clip ranks sentences, and its gaps are the same for all of them.
#
# [What we found](found.md) has the evidence, its limits, and who had which part of the idea before. The page also has
# a warning: on MSR-VTT, where every clip has appearance until we delete it, appearance alone does about as well as any
# treatment. Ask of each data set *why* something is missing.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## The trap: zeros spoil the batch norm
#
# A zero instead of a missing face does harm before any score is computed. The
# [gated embedding unit](glossary.md#gated-embedding-unit) of [lesson 03](03_gating.ipynb) has a
# [batch norm](glossary.md#batch-normalisation), which collects a mean and a variance over all rows that pass. In the
# original code rows of zeros pass, too.


# %% slideshow={"slide_type": "skip"}
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

# %% [markdown] slideshow={"slide_type": "slide"}
# > **Predict.** Half of the rows are zeros, and do not vary at all. Does the collected variance halve, stay, or grow?

# %% slideshow={"slide_type": "slide"}
clean, spoilt = collected(faces[has_face]), collected(faces)
ratio = spoilt.cg.batch_norm.running_var / clean.cg.batch_norm.running_var
with torch.no_grad():
    nothing = spoilt(torch.zeros(1, 128))
print(f"variance with the zeros: {ratio.median():.1f} times that without")
print(f"length of what the unit makes of a zero row: {nothing.norm():.1f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# The variance doubles. Face features lie close together, far from zero, so zeros are outliers, and the distance to
# them becomes most of the variance. The unit also adds a bias and divides by the length, so that a zero row becomes a
# vector of length 1, like that of a real face.
#
# > **Aside.** Were the features spread around zero, the variance would halve instead. It would still be wrong.
#
# `MEE.embed_video` leaves absent rows out of the batch norm's statistics, and sets their embeddings to zero in the end.
# Fill the gaps with `nan`, and neither the embeddings nor the batch norm change:


# %% slideshow={"slide_type": "skip"}
def after(junk):
    torch.manual_seed(0)
    block = MEE({"face": (128, 64)}, text_dim=4)  # in training mode: the norm collects
    filled = faces.masked_fill(~has_face[:, None], junk)
    embeddings, _ = block.embed_video({"face": filled}, {"face": has_face})
    return embeddings["face"], block.video_GU["face"].cg.batch_norm.running_var


torch.testing.assert_close(after(0.0), after(torch.nan), rtol=0, atol=0)

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert ratio.median() > 1.4 and torch.isclose(nothing.norm(), torch.tensor(1.0))
assert (after(0.0)[0][~has_face] == 0).all()
for each in (measured(title, file) for title, file in FILES.items()):
    lines, at = each["curves"], each["shares"].index(0.3)
    assert lines["calibrated"]["t2v R@10"][at] > lines["mask"]["t2v R@10"][at] + 1
    t2v = {name: line["t2v R@10"][at] for name, line in lines.items()}
    if "MeMAD" in each["name"]:
        assert min(t2v, key=t2v.get) == "zeros"
    else:
        assert t2v["zeros"] > t2v["mask"]
    v2t = {name: torch.tensor(line["v2t R@10"]) for name, line in lines.items()}
    assert (v2t["calibrated"] - v2t["mask"]).abs().max() < 5
    for name in ("zeros", "mean"):
        for best in ("calibrated", "mask"):
            assert (v2t[name] < v2t[best])[at:].all()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - Zeros, the mean, the mask and dropping are four answers to what a gap means, and they order the same clips
#   differently. Dropping incomplete clips was by far the worst, mostly because it leaves fewer clips to learn from.
#   What can be missing in use must be missing in training too.
# - From text to video the mask, the paper's score, fell fastest as experts were deleted. A mean over few cosines varies
#   more than a mean over many, so clips with one expert fill the top 10.
# - A calibrated score counts standard deviations above what wrong clips get, and subtracts what the clip gets from any
#   sentence. It needs no training, and was above the mask with 10 to 70 % of the experts deleted.
# - Rows of zeros spoil a batch norm. Absent rows are left out of its statistics.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# Ten questions: choose an answer, and read why it is right or wrong.

# %% tags=["quiz", "remove-input"]
from lesson import quiz

quiz("05")

# %% [markdown]
# ## Exercises
#
# 1. Easy: the mean and the variance that a batch norm should collect when rows are absent.
# 2. Usual: the z-score for any number of experts, from similarities, weights, mask, means and variances.
# 3. Open-ended: which part does it? Centre the similarities without the new denominator, and see how far that gets.
#
# Write them in the [exercise notebook](exercises/05_missing_faces.ipynb); one way to do it is in the
# [solutions](solutions/05_missing_faces.ipynb).
#
# ## Where next
#
# Back to [mixture weights](04_mixture_weights.ipynb), or on to [what the loss asks for](06_ranking_loss.ipynb).
