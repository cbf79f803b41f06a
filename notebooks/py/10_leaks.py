# %% [markdown] slideshow={"slide_type": "slide"}
# # Which numbers flatter?
#
# **You will learn** five ways in which R@10 comes out too good: ties, NaN, the best of many tries, films that were seen
# before, and a mask that knows the answer. You will make each happen, measure it, and test for it.
#
# **You need** [How good is it, and how sure are we?](07_retrieval_metrics.ipynb) and
# [What if the expert is missing?](05_missing_faces.ipynb)
#
# **Minutes** 60

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/10_leaks.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F10_leaks.ipynb)

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
from lesson import draw, show

torch.set_printoptions(precision=2, sci_mode=False)

# %% tags=["remove-input"]
draw(
    "here_10",
    "You are here: the mask of present experts and the ranks, where leaks come from.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# A bug that makes a result *worse* gets looked for. A bug that makes it better gets published. Most of the bugs in this
# lesson were seen in public code for this model ([the traps](traps.md)). None of them raises an error, and each makes
# the number larger.
#
# So almost every section ends with a test: a few lines that need no trained model, and print False where a number would
# be flattered.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## A constant looks perfect
#
# Here is how ranks are often computed: one, plus the number of clips that score higher than the right one. Sentence $i$
# belongs to clip $i$. [R@10](glossary.md#r@k) is the percentage of sentences whose [rank](glossary.md#rank) is at most
# 10.


# %% slideshow={"slide_type": "skip"}
def usual_ranks(scores):
    right = scores.diagonal()[:, None]
    return 1 + (scores > right).sum(1)


def recall(ranks, k=10):
    """R@k in percent."""
    return 100 * float((ranks <= k).double().mean())


# %% [markdown] slideshow={"slide_type": "slide"}
# A network dies in training: its last layer gives zeros, whatever the input. All 500 × 500 scores are 0.
#
# > **Predict.** What is its R@10?

# %% slideshow={"slide_type": "slide"}
dead = torch.zeros(500, 500)
print(f"R@10 {recall(usual_ranks(dead)):.0f} %")

# %% [markdown] slideshow={"slide_type": "skip"}
# R@10 is perfect, as no clip scores *higher* than the right one. All 500 clips are [tied](glossary.md#tie), and
# `usual_ranks` decides each tie in favour of the right clip.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "10_ties",
    "Equal scores: three rules put the right clip first, in the middle, last.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# [Lesson 07](07_retrieval_metrics.ipynb) compares five rules for ties; `mee.ranks` gives tied clips the mean of their
# places. The test: a constant must not be good.

# %% slideshow={"slide_type": "skip"}
from mee import ranks


def constant_is_not_good(rank):
    return recall(rank(torch.zeros(500, 500))) < 5


for rank in (usual_ranks, ranks):
    print(f"{rank.__name__}: {constant_is_not_good(rank)}")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## A NaN ranks first
#
# Now take three small models, trained for seconds each, with three [seeds](glossary.md#seed). `fit_clips` trains a
# model in one line ([lesson 09](09_training.ipynb)), and `embed` gives its embeddings of captions and clips. Each test
# clip brings one caption, so that the right pairs lie on the diagonal.

# %% slideshow={"slide_type": "skip"}
from mee import fit_clips, read_clips
from mee.evaluate import embed

clips = read_clips("data/tinyclips.h5")
train, test = clips.clips_in("train")[:600], clips.clips_in("test")
small = {"dim": 64, "text_clusters": 8, "sequence_clusters": 4, "lr": 1e-3}
small |= {"epochs": 10, "val": [], "progress": False}
honest = [fit_clips(clips, train=train, seed=s, **small).model.cpu() for s in range(3)]
clips = clips.to("cpu")  # fit_clips moves them to a GPU if there is one

# %% slideshow={"slide_type": "skip"}
captions, positive_clip = clips.captions_of(test)
first = torch.searchsorted(positive_clip, torch.arange(len(test)))  # one per clip
text, video = embed(honest[0], clips, captions[first], test)
scores = honest[0].score(text, video)
print(f"{tuple(scores.shape)}, R@10 ≈ {recall(ranks(scores)):.1f} %, chance 2 %")

# %% [markdown] slideshow={"slide_type": "skip"}
# Let 100 of the 500 clips lose all their experts, as may happen when a download breaks; `keep` takes experts away from
# embeddings. In the plain formula of the [weighted mean](glossary.md#weighted-mean) their score is 0/0, which is `nan`,
# *not a number*.

# %% slideshow={"slide_type": "skip"}
keep = torch.ones_like(video.mask)
keep[:100] = False
broken = video.keep(keep)
numerator = sum(
    (text.weights[:, [n]] * text.vectors[e]) @ broken.vectors[e].T
    for n, e in enumerate(honest[0].experts)
)
plain = numerator / (text.weights @ broken.mask.float().T)
print(f"{int(plain.isnan().all(0).sum())} columns of nan")

# %% [markdown] slideshow={"slide_type": "slide"}
# > **Predict.** A fifth of the [gallery](glossary.md#gallery) is broken. What does that do to R@10, with
# > `usual_ranks`?

# %% slideshow={"slide_type": "slide"}
print(f"usual ranks: R@10 ≈ {recall(usual_ranks(plain)):.1f} %")
gone = usual_ranks(plain)[:100].double().mean()
print(f"mean rank of the broken clips: {gone:.0f}")
repaired = recall(ranks(honest[0].score(text, broken)))
print(f"with -1 for clips without experts: R@10 ≈ {repaired:.1f} %")

# %% [markdown] slideshow={"slide_type": "skip"}
# R@10 rises, from ≈ 33 to ≈ 51 %. Every comparison with `nan` is false, so nothing scores higher than a broken clip,
# and each of the hundred is in first place.

# %% slideshow={"slide_type": "skip"} tags=["remove-input"]
draw(
    "10_nan_first",
    "Nothing is higher than nan, so nan ranks first; a score of -1 ranks last.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# Training that blows up looks like success for the same reason. `mee` gives a clip without experts the score -1, so
# that the clip ranks last: in the last line of the output R@10 falls a little, as it should. (The hundred are lost, and
# the others have fewer rivals.) And `mee.ranks` refuses a NaN. The test: one NaN must raise an error.


# %% slideshow={"slide_type": "skip"}
def nan_raises(rank):
    scores = torch.eye(5)
    scores[2, 2] = torch.nan
    try:
        rank(scores)
    except ValueError:
        return True
    return False


for rank in (usual_ranks, ranks):
    print(f"{rank.__name__}: {nan_raises(rank)}")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## The best of many tries is partly luck
#
# The original code ranks the [test split](glossary.md#test-split) after every epoch and reports the best epoch. People
# also try margins, seeds and learning rates, and report the best. How much of "the best" is luck?

# %% slideshow={"slide_type": "skip"} tags=["remove-input"]
draw(
    "10_best_of_many",
    "Forty tries, all equally good: the best so far climbs by luck alone, and tried "
    "again on other clips it falls back to what all are worth.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# Here are 100 tries that need no training: one trained model, whose [mixture weights](glossary.md#mixture-weight) are
# multiplied by random factors, one per expert. There is no idea behind any of them. `tries` holds, for each try and
# each test clip, the share of the clip's captions that find it among the first ten.

# %% slideshow={"slide_type": "skip"}
from mee import TextEmbedding

text, video = embed(honest[0], clips, captions, test)
g = torch.Generator().manual_seed(0)
tries = torch.zeros(100, len(test))
for i in range(100):
    weights = text.weights * torch.exp(0.5 * torch.randn(4, generator=g))
    tweaked = TextEmbedding(text.vectors, weights / weights.sum(1, keepdim=True))
    found = ranks(honest[0].score(tweaked, video), positive_clip) <= 10
    tries[i].index_add_(0, positive_clip, found.float())
tries /= torch.bincount(positive_clip)
print(f"R@10 of 100 tries: from ≈ {100 * tries.mean(1).min():.0f}", end=" ")
print(f"to ≈ {100 * tries.mean(1).max():.0f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# Choose the best try on some of the test clips, and look at its R@10 on 250 others. The difference says by how much the
# choice flatters. We take its mean over 300 random divisions of the test clips.
#
# > **Predict.** By how many points does the best of 100 flatter if the test set has 25 clips? And 250?


# %% slideshow={"slide_type": "skip"}
def flattery(size, among, divisions=300):
    """Points of R@10 by which the best of ``among`` tries looks better than it is."""
    g, points = torch.Generator().manual_seed(0), []
    for _ in range(divisions):
        order = torch.randperm(len(test), generator=g)
        some = tries[torch.randperm(100, generator=g)[:among]]
        seen, fresh = some[:, order[:size]].mean(1), some[:, order[250:]].mean(1)
        points.append((seen - fresh)[seen.argmax()])
    return 100 * float(torch.stack(points).mean())


SIZES, AMONG = (25, 50, 100, 250), (1, 3, 10, 30, 100)
points = {size: [flattery(size, k) for k in AMONG] for size in SIZES}
for size in SIZES:
    print(f"{size} test clips, best of 100: ≈ {points[size][-1]:+.1f} points")

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
figure, axes = plt.subplots(figsize=(5.8, 3.4))
for size, line, marker in zip(SIZES, ("-", "--", "-.", ":"), "osD^", strict=True):
    axes.plot(AMONG, points[size], line, marker=marker)
    at = (AMONG[-1], points[size][-1])
    axes.annotate(f"{size} test clips", at, (9, -4), textcoords="offset points")
axes.set_xscale("log")
axes.set_xticks(AMONG, AMONG)
axes.minorticks_off()
axes.set(xlabel="tries to choose the best from", ylabel="R@10 too high by, points")
show(
    figure,
    "One try flatters by nothing. The best of more and more tries flatters by more and "
    "more, up to about five points with 25 test clips, and about one with 250.",
    "The more tries and the fewer test clips, the more the best try flatters.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# The choice flatters by ≈ 5 points with 25 clips, and by less than one with 250. A table of results seldom says how
# many tries there were, and no test can tell the luck from the number afterwards. What helps is a habit: choose on a
# [validation split](glossary.md#validation-split), and let the test split be ranked once.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "10_who_sees_what",
    "An example. Above, the test split chooses the epoch, and flatters; below, it is "
    "ranked once.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# A guard of a few lines enforces the habit:


# %% slideshow={"slide_type": "skip"}
class Once:
    """Ranks the test split, once."""

    def __init__(self, rank):
        self.rank = rank

    def __call__(self, *arguments):
        if self.rank is None:
            raise RuntimeError("the test split was ranked before: choose on validation")
        rank, self.rank = self.rank, None
        return rank(*arguments)


final = Once(ranks)
print(f"the first time: R@10 ≈ {recall(final(scores)):.1f} %")
try:
    final(scores)
except RuntimeError as error:
    print("the second time:", error)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Films seen in training are found
#
# Data sets from the web can hold the same video twice: cut again, mirrored, encoded again. If one copy is in training
# and the other in the test, remembering looks like understanding. We slip 100 of the 500 test films into the training
# set.
#
# > **Predict.** How far apart will R@10 of those 100 films and R@10 of the other 400 be?

# %% slideshow={"slide_type": "slide"}
spoilt = torch.cat([train, test[:100]])
twins = [fit_clips(clips, train=spoilt, seed=s, **small).model.cpu() for s in range(3)]
clips = clips.to("cpu")
slipped_in = positive_clip < 100

for label, models in (("honest", honest), ("with 100 test films", twins)):
    found = torch.stack([
        ranks(model.score(*embed(model, clips, captions, test)), positive_clip) <= 10
        for model in models
    ]).double()
    known, new = 100 * found[:, slipped_in].mean(), 100 * found[:, ~slipped_in].mean()
    print(f"{label}: those films ≈ {known:.0f} %, the others ≈ {new:.0f} %,", end=" ")
    print(f"all ≈ {100 * found.mean():.0f} %")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert recall(usual_ranks(plain)) > recall(ranks(scores)) + 5 > repaired + 5
assert constant_is_not_good(ranks) and nan_raises(ranks)
assert not constant_is_not_good(usual_ranks) and not nan_raises(usual_ranks)
assert all(abs(points[size][0]) < 1.5 for size in SIZES)
assert points[25][-1] > 3 > points[250][-1] > 0.2
assert points[25][-1] > points[50][-1] > points[250][-1]
assert known > new + 12

# %% [markdown] slideshow={"slide_type": "skip"}
# With a fifth of the test set slipped in, R@10 of all films rises from ≈ 35 to ≈ 45 %, and a table of results would not
# show why.
#
# > **Aside.** The other films gain a little, too: these models had a sixth more clips to learn from.
#
# Equal files are easy to find. A copy that was encoded again is not equal to the original, but close. To imitate that,
# add ten per cent of noise to the copies, and search for each test film's nearest training film, by the
# [cosine](glossary.md#cosine) of their appearance.

# %% slideshow={"slide_type": "skip"}
g = torch.Generator().manual_seed(0)
seen = clips.experts["appearance"].features.float()  # one row per clip
copies = seen[test[:100]]
copies = copies + 0.1 * copies.std() * torch.randn(copies.shape, generator=g)
library = torch.cat([seen[train], copies])


def nearest(x, library):
    return (F.normalize(x, dim=1) @ F.normalize(library, dim=1).T).max(1).values


cosine = nearest(seen[test], library)
print(f"slipped in: {cosine[:100].min():.2f} or more")
print(f"the others: {cosine[100:].max():.2f} or less")

# %% [markdown] slideshow={"slide_type": "skip"}
# A limit between the two numbers tells copies from other films. The test: no film of one split has a twin in another,
# equal or nearly so. This test needs features and no model, and belongs where a data set is made.


# %% slideshow={"slide_type": "skip"}
def splits_share_no_twins(a, b, limit=0.98):
    return bool(nearest(a, b).max() < limit)


print("TinyClips:", splits_share_no_twins(seen[test], seen[clips.clips_in("train")]))
print("with copies:", splits_share_no_twins(seen[test], library))

# %% [markdown] slideshow={"slide_type": "skip"}
# ## The trap: a mask that knows the answer
#
# In training, row $i$ of the scores is a sentence, column $i$ its clip, and the other clips of the batch are wrong.
# Until November 2019 the code that was published with the paper ([Miech et al., 2018](references.md#miech2018))
# computed these scores with one axis too few. It masked and scaled the weights of sentence $i$ *once*, with the
# [availability mask](glossary.md#availability-mask) of clip $i$, the right one, and used them for the whole row.


# %% slideshow={"slide_type": "skip"}
def wrong_mask(similarity, weights, mask):
    own = weights * mask  # (texts, experts): sentence i with the mask of clip i
    own = own / own.sum(1, keepdim=True)
    return (own[:, None] * similarity).sum(2)


def right_mask(similarity, weights, mask):
    pair = weights[:, None] * mask  # (texts, clips, experts): i with the mask of clip j
    pair = pair / pair.sum(2, keepdim=True)
    return (pair * similarity).sum(2)


# %% [markdown] slideshow={"slide_type": "skip"}
# In row $i$ of the wrong matrix only the experts of clip $i$ count, and a clip that lacks one of them gets a zero for
# it. The right clip never gets such a zero.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "10_wrong_axis",
    "Zeros lie off the diagonal alone: the wrong mask marks the right clip.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# Is that enough to find a clip by? Let everything else be noise: 500 sentences and 500 clips that have nothing to do
# with each other. One expert is always present, and each of the others, the *optional* ones, in half of the clips. As
# with most features, the cosines of unrelated vectors are above 0.


# %% slideshow={"slide_type": "skip"}
def noise(optional, seed, n=500, dim=64):
    """Similarities (texts, clips, experts), weights, mask: nothing fits anything."""
    g, experts = torch.Generator().manual_seed(seed), 1 + optional
    mask = torch.rand(n, experts, generator=g) < 0.5
    mask[:, 0] = True
    weights = torch.softmax(torch.randn(n, experts, generator=g), 1)
    text, video = F.normalize(1 + torch.randn(2, experts, n, dim, generator=g), dim=3)
    return (text @ video.mT).permute(1, 2, 0) * mask, weights, mask


similarity, weights, mask = noise(optional=0, seed=0)
print(f"mean cosine of what is unrelated: {similarity.mean():.1f}")
cosines = F.normalize(seen[:500], dim=1) @ F.normalize(seen[:500], dim=1).T
print(f"mean cosine of the appearance of two films: {cosines.mean():.1f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# > **Predict.** A random order has an R@10 of 2 %. What does the wrong mask find in noise, with five optional experts?


# %% slideshow={"slide_type": "slide"}
def on_noise(score, optional, seeds=20):
    found = [recall(ranks(score(*noise(optional, seed)))) for seed in range(seeds)]
    return sum(found) / seeds


leak = {k: (on_noise(wrong_mask, k), on_noise(right_mask, k)) for k in (1, 3, 5)}
for k, (wrong, right) in leak.items():
    print(f"{k} optional: wrong mask ≈ {wrong:.0f} %, right mask ≈ {right:.0f} %")

# %% [markdown] slideshow={"slide_type": "skip"}
# With five optional experts the wrong mask finds more than five times chance in pure noise. For an expert that the
# right clip has, a clip without it gets 0, and the others get about 0.5. So the right clip competes only with clips
# that have *all that it has*.
#
# How many are those? If the right clip has an optional expert, half of the others have it too, and the right clip's
# chance doubles; if it has not, all others stay in the race. Each case is as frequent as the other, so an optional
# expert multiplies chance by up to $(2 + 1) / 2$, and $k$ of them by up to $1.5^k$. The leak comes up to this bound if
# the similarities of present experts hardly differ. (They must not be equal, or clips would tie.)

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
figure, axes = plt.subplots(figsize=(5.2, 3.3))
k = list(leak)
lines = {
    "bound, $2 · 1.5^k$": ([2 * 1.5**i for i in k], ":", "#707070", "^"),
    "wrong mask": ([leak[i][0] for i in k], "--", "#b3261e", "s"),
    "right mask: chance": ([leak[i][1] for i in k], "-", "#202020", "o"),
}
for label, (found, line, colour, marker) in lines.items():
    axes.plot(k, found, line, color=colour, marker=marker)
    axes.annotate(label, (k[-1], found[-1]), (9, -4), textcoords="offset points")
axes.set_xticks(k)
axes.set(xlabel="optional experts $k$", ylabel="R@10 on noise, %", ylim=(0, 16))
show(
    figure,
    "With 1, 3 and 5 optional experts the wrong mask finds about 3, 6 and 11 percent "
    "of the right clips in pure noise, below the bound of 3, 7 and 15; the right mask "
    "stays at 2 percent, which is chance.",
    "The wrong mask finds more in noise the more experts can be missing.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Training makes the leak worse
#
# Noise cannot learn. A model can, and it uses whatever makes the training loss small. Train it on TinyClips with the
# wrong mask:

# %% slideshow={"slide_type": "skip"}
from mee import VideoTextMEE


def leaked(model, text, video):
    pairs = [text.vectors[e] @ video.vectors[e].T for e in model.experts]
    return wrong_mask(torch.stack(pairs, 2), text.weights, video.mask)


class Leaky(VideoTextMEE):
    """Trains with the right clip's mask for the whole row; else as it should be."""

    def score(self, text, video, conf=True):
        if self.training:
            return leaked(self, text, video)
        return super().score(text, video, conf)


small |= {"train": train, "network": Leaky}
leaky = [fit_clips(clips, seed=seed, **small).model.cpu() for seed in range(3)]
clips = clips.to("cpu")

# %% [markdown] slideshow={"slide_type": "slide"}
# Whoever trains with the wrong mask measures with it, too. So score the leaky models both ways, and the honest ones
# with the right mask.
#
# > **Predict.** Three numbers: the leaky models measured with the wrong mask; the same models measured with the right
# > mask; the honest models. In which order?


# %% slideshow={"slide_type": "slide"}
def measured(models, score):
    both = [(model, *embed(model, clips, captions[first], test)) for model in models]
    return sum(recall(ranks(score(*each))) for each in both) / len(both)


believed = measured(leaky, leaked)
actual = measured(leaky, VideoTextMEE.score)
right = measured(honest, VideoTextMEE.score)
print(f"trained and measured with the wrong mask: R@10 ≈ {believed:.0f} %")
print(f"the same models, measured with the right mask: ≈ {actual:.0f} %")
print(f"trained and measured with the right mask: ≈ {right:.0f} %")

# %% [markdown] slideshow={"slide_type": "skip"}
# The first number, ≈ 39 %, would have been reported, and it beats the honest models. The second, ≈ 24 %, is what a user
# gets. What did the leaky models learn instead of faces? Here are the cosines of the face expert, over all captions and
# all clips with a face. Nearly all of these pairs are wrong, so most cosines should be small.

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
has_face = clips.present[test, honest[0].experts.index("face")]


def face_cosines(models):
    both = [embed(model, clips, captions, test) for model in models]
    return torch.cat(
        [(t.vectors["face"] @ v.vectors["face"][has_face].T).flatten() for t, v in both]
    )


constant, usual = face_cosines(leaky), face_cosines(honest)
figure, axes = plt.subplots(figsize=(7, 3.2))
bins = torch.linspace(-1, 1, 61)
looks = {"color": "#b3261e", "alpha": 0.5, "label": "trained with the wrong mask"}
axes.hist(constant, bins, density=True, **looks)
looks = {"histtype": "step", "color": "#202020", "lw": 2}
axes.hist(usual, bins, density=True, label="trained with the right mask", **looks)
axes.set(xlabel="cosine of a caption and a face", ylabel="density")
axes.legend(loc="upper left")
show(
    figure,
    "Trained with the right mask, cosines of captions and faces spread widely, most "
    "below 0.5; trained with the wrong mask, nearly all are above 0.5, most around "
    "0.9: every face fits every caption.",
    "Trained with the wrong mask, every face fits every caption.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# The face expert has become a lamp that says *a face is present*, no matter whose. With the wrong mask that lamp shines
# only in rows whose right clip has a face, so it pays. With the right mask it lifts all clips with a face in every row,
# whatever the sentence says.
#
# With longer training the leak flatters as much, but does the models less harm ([results](results.md)). The test is the
# noise experiment from above: noise must score like chance.


# %% slideshow={"slide_type": "skip"}
def noise_is_chance(score):
    return abs(on_noise(score, optional=5) - 2) < 0.7


for score in (wrong_mask, right_mask):
    print(f"{score.__name__}: {noise_is_chance(score)}")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert all(1.4 < right < 2.7 for _, right in leak.values())
assert leak[1][0] > 2.4 and leak[3][0] > 5 and leak[5][0] > 9
assert all(leak[i][0] < 2 * 1.5**i + 0.3 for i in leak)
assert believed > right + 1.5 > actual + 5
assert constant.mean() > 0.6 and usual.mean() < 0.4
assert noise_is_chance(right_mask) and not noise_is_chance(wrong_mask)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - A constant score looks perfect if ties are decided in its favour, and a NaN ranks first. Test the metric with a
#   constant and with a NaN before you use it on a model.
# - The best of many tries on the test split is partly luck, and more so with few test clips. Choose on validation.
# - Test films that were in training are found far more often than others. Search for near twins by their features.
# - A mask [leaks](glossary.md#leak) if the right clip's mask is used for a whole row. Such a mask finds several times
#   chance in noise, and a model that trains with it looks good and is bad. Feed noise to whatever scores: R@10 must be
#   at chance.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# Ten questions: choose an answer, and read why it is right or wrong.

# %% tags=["quiz", "remove-input"]
from lesson import quiz

quiz("10")

# %% [markdown] tags=["quiz"]
# And twelve that join lessons 00 to 10:

# %% tags=["quiz", "remove-input"]
quiz("00_10")

# %% [markdown]
# ## Exercises
#
# 1. Two tests in one: does a rank function favour constants, and does it let NaN pass?
# 2. A test that finds leaks without looking at R@10: can what one clip lacks change the score of another?
# 3. Repair a leaky model without training: what can be done with its scores alone?
#
# Write them in the [exercise notebook](exercises/10_leaks.ipynb); one way to do it is in the
# [solutions](solutions/10_leaks.ipynb).
#
# ## Where next
#
# Back to [training](09_training.ipynb), or on to [images and videos](11_images_and_videos.ipynb).
