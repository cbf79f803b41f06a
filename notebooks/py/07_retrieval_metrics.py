# %% [markdown] slideshow={"slide_type": "slide"}
# # How good is it, and how sure are we?
#
# **You will learn** to make ranks from a matrix of scores, and R@K, median and mean rank from ranks; what ties,
# several captions and NaN do to them; and to say how sure you are, of one model and of a difference between two.
#
# **You need** tensors. Where scores come from is the subject of the lessons before; here scores are given, or made in
# one line of code.
#
# **Minutes** 70

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/07_retrieval_metrics.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F07_retrieval_metrics.ipynb)

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
from lesson import draw, play_with, show
from torch.testing import assert_close

torch.set_printoptions(precision=2, sci_mode=False)

# %% tags=["remove-input"]
draw("here_07", "You are here: the ranks, and the metrics made of them.")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Make ranks by hand
#
# Take four sentences and four clips. Rows are sentences, columns are clips, and sentence *i* belongs to clip *i*, so
# the right [scores](glossary.md#score) stand on the diagonal.

# %% slideshow={"slide_type": "skip"}
scores = torch.tensor(
    [
        [0.9, 0.2, 0.4, 0.1],
        [0.3, 0.5, 0.7, 0.2],
        [0.1, 0.2, 0.8, 0.3],
        [0.6, 0.5, 0.4, 0.3],
    ]
)
print(scores)

# %% [markdown] slideshow={"slide_type": "slide"}
# The **[rank](glossary.md#rank)** of a sentence is the place of its right clip: one more than the number of clips above
# that clip.
#
# > **Predict.** For which sentences is the right clip first, and what is the rank of the others?

# %% slideshow={"slide_type": "slide"}
right = scores.diagonal()[:, None]
rank_by_hand = 1 + (scores > right).sum(1)
print(rank_by_hand)

# %% [markdown] slideshow={"slide_type": "skip"}
# The second sentence has one clip above its own, the last has three. Everything else is made of these four numbers.
# **[R@K](glossary.md#R@K)** is the percentage of sentences with a rank of at most *K*: it counts the right clips in a
# prefix of each list, as in this example of four other sentences.

# %% slideshow={"slide_type": "skip"} tags=["remove-input"]
draw(
    "07_prefixes",
    "R@1, R@5 and R@10 look at the first 1, 5 and 10 places, and ignore the rest.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# > **Predict.** Back to our own four ranks. What are their R@1 and R@2? And R@5, among four clips?

# %% slideshow={"slide_type": "skip"}
for k in (1, 2, 5):
    print(f"R@{k}: {100 * (rank_by_hand <= k).double().mean():.0f} %")
print(f"median {rank_by_hand.double().quantile(0.5):.1f}", end=", ")
print(f"mean {rank_by_hand.double().mean():.1f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# R@5 among four clips is 100 % for every model. A number that every model reaches says nothing, so always ask how
# many clips there were to choose from. In the library, `ranks` turns scores into ranks, and `summarise` turns ranks
# into these numbers: MdR is the [median rank](glossary.md#median-rank), MnR the [mean rank](glossary.md#mean-rank).
# `bootstrap=0` leaves out the intervals, which come later.
#
# In a larger [gallery](glossary.md#gallery) one sentence can get lost: let the last rank be 400 instead of 4.
#
# > **Predict.** Which of R@1, median and mean will notice?

# %% slideshow={"slide_type": "skip"}
from mee.metrics import ranks, summarise

assert_close(rank_by_hand.double(), ranks(scores))
for given in ([1, 2, 1, 4], [1, 2, 1, 400]):
    values = summarise(torch.tensor(given), bootstrap=0)
    print(given, [f"{name} {values[name][0]:.1f}" for name in ("R@1", "MdR", "MnR")])

# %% [markdown] slideshow={"slide_type": "skip"}
# One bad rank moves the mean and leaves the median where it was; R@1 sees only which ranks are 1. Report more than
# one of the three.
#
# ## Rank in both directions, with several captions per clip
#
# Clips have several captions each, and you can also search with a clip for its captions. Here are three clips and
# five captions; `positive_clip` says whose caption each is. **Text to video** ([t2v](glossary.md#t2v)): each caption
# is a query, and its right score is in the column of its clip.

# %% slideshow={"slide_type": "skip"}
positive_clip = torch.tensor([0, 0, 1, 1, 2])
scores = torch.tensor(
    [
        [0.8, 0.3, 0.1],
        [0.2, 0.5, 0.4],
        [0.1, 0.7, 0.2],
        [0.6, 0.9, 0.3],
        [0.5, 0.6, 0.7],
    ]
)
t2v = 1 + (scores > scores.gather(1, positive_clip[:, None])).sum(1)
print("t2v", t2v)

# %% [markdown] slideshow={"slide_type": "skip"}
# The second caption fails: both other clips score better with it than its own clip.
#
# **Video to text** ([v2t](glossary.md#v2t)): each clip is a query, and several captions are right. The usual rule is
# that the **best** of a clip's own captions counts, and that its other captions do not stand in the way:

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "07_two_directions",
    "A row of the score matrix is a search for a clip, "
    "a column is a search for a caption.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# So compare the best own score with all scores of other clips' captions. The library's `ranks_both_ways` does both
# directions at once, for a matrix that need not be square.

# %% slideshow={"slide_type": "skip"}
from mee.metrics import ranks_both_ways

v2t = []
for clip in range(3):
    own = positive_clip == clip
    column = scores[:, clip]
    v2t.append(1 + int((column[~own] > column[own].max()).sum()))
print("v2t", v2t)

packaged_t2v, packaged_v2t, _ = ranks_both_ways(scores, positive_clip)
assert_close(t2v.double(), packaged_t2v)
assert_close(torch.tensor(v2t).double(), packaged_v2t)

# %% [markdown] slideshow={"slide_type": "slide"}
# All three clips find a caption of their own first, although the second caption scores low with its clip.
#
# ## Every number needs its chance level
#
# With *g* clips in a random order, each place is as likely as any other for the right one. So R@K is $100\,K/g$
# percent, and the mean rank is $(g + 1)/2$. The library's `chance` gives the [level](glossary.md#chance-level)
# exactly. The first line of the table is a simulation to compare it with: 2,000 captions with random scores for 500
# clips, as many as TinyClips has for testing. The last line is for the other direction, where each clip has four right
# captions: four chances instead of one, but four times as many captions to beat.

# %%
from mee.metrics import chance

noise = torch.rand(2000, 500, generator=torch.Generator().manual_seed(0))
measured = summarise(ranks(noise, torch.arange(2000) % 500), bootstrap=0)
levels = {
    "random scores": {name: value[0] for name, value in measured.items()},
    "1 of 500": chance(500),
    "4 of 2,000": chance(2000, 4),
}
for label, level in levels.items():
    row = "  ".join(f"{name} {value:5.1f}" for name, value in level.items())
    print(f"{label:<14}{row}")

# %% [markdown] slideshow={"slide_type": "skip"}
# The simulation comes near; the formula is exact and costs nothing. An R@10 of 2 % among 500 clips is luck, and the
# same 2 % among 50,000 clips is a hundred times what luck gives. With four right captions of 2,000, R@10 is still 2 %,
# but the median and the mean rank are not the same, because they count captions now. So never set a v2t median beside
# a t2v median without the chance level of each.
#
# ## Ties give one matrix five answers
#
# A network that has broken down gives every clip the same score. Which rank does the right clip get? Public
# code counts such [ties](glossary.md#tie) in five ways. Each is one line; `right` holds the column of each row's right
# clip.


# %% slideshow={"slide_type": "skip"}
def optimistic(s, right):  # one more than those strictly above
    return 1 + (s > s.gather(1, right)).sum(1)


def pessimistic(s, right):  # those above or beside, the right one itself among them
    return (s >= s.gather(1, right)).sum(1)


def by_place(s, right):  # where the right clip stands after sorting
    return 1 + (s.argsort(dim=1, descending=True, stable=True) == right).int().argmax(1)


def by_value(s, right):  # where the sorted scores equal the right one's
    return 1 + torch.where(s.sort(1, descending=True).values == s.gather(1, right))[1]


def mean_of_ties(s, right):
    return (optimistic(s, right) + pessimistic(s, right)) / 2


# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "07_five_rules",
    "A right clip that shares its score with three others gets rank 2, 3, 3.5 or 5, "
    "or four ranks at once.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# Without ties all five agree. Now take three matrices with ties. In the first all scores are the same, and the right
# clips are on the diagonal. In the second all scores are the same too, but the right clip is always in column 0, as a
# test might store it. The third is a gallery in which each clip stands twice, so that the right one always has a
# twin; its model works, and about half of the queries put the right pair of twins first.
#
# > **Predict.** Write down one column of the table to come: R@1 of the constant scores, by each of the five rules.

# %% slideshow={"slide_type": "slide"}
rules = (optimistic, pessimistic, by_place, by_value, mean_of_ties)
diagonal = torch.arange(100)[:, None]
constant, first = torch.zeros(100, 100), torch.zeros(100, 1, dtype=torch.long)
twins = torch.rand(100, 50, generator=torch.Generator().manual_seed(2))
twins[torch.arange(100), torch.arange(100) // 2] += 0.5
twins = twins.repeat_interleave(2, dim=1)


def r_at_1(given):
    return 100 * float((given <= 1).double().mean())


print(f"{'R@1 of':<14}  constant  column 0   twins   ranks for 100 queries")
for rule in rules:
    cases = [(constant, diagonal), (constant, first), (twins, diagonal)]
    a, b, c = (r_at_1(rule(*case)) for case in cases)
    count = len(rule(constant, diagonal))
    print(f"{rule.__name__:<14}{a:>10.0f}{b:>10.0f}{c:>8.0f}{count:>12,}")

# %% [markdown] slideshow={"slide_type": "skip"}
# - *Optimistic* calls the broken network perfect. If you meet an R@1 of 100 %, look for this rule first.
# - *Pessimistic* calls it hopeless, which is safe but not fair.
# - *By place* gives chance on the diagonal, because a stable sort leaves equal scores in their order. With the right
#   clip in column 0 the same order is a perfect score: the answer depends on where the right clip is stored.
# - *By value* gives 10,000 ranks for 100 queries. With twins each query has two ranks, and at most one of the two is 1,
#   so R@1 is 25 where half of the queries put the right pair first. The original code of this model ([Miech et al.,
#   2018](references.md#miech2018)) counts this way.
# - *The mean of ties* gives a constant network the mean rank of chance, and does not count a shared first place as
#   first.
#
# The library's default is the mean; `ties="best"` and `ties="worst"` are there to see how much ties matter. If the
# two differ, say so.
#
# ## Measure two trained models
#
# Now scores from real models. `fit_clips` trains a model on a file of clips in one line: data in, trained network
# out. We train with two losses, max margin and InfoNCE ([lesson 06](06_ranking_loss.ipynb)), and three
# [seeds](glossary.md#seed) each. The models are small, so that training takes seconds; their numbers set no record.
# `embed` gives the vectors of the 500 test clips and of all their captions, and `score` the matrix.

# %% slideshow={"slide_type": "skip"}
from mee import fit_clips, read_clips
from mee.evaluate import embed

clips = read_clips("data/tinyclips.h5")
train, test = clips.clips_in("train")[:1000], clips.clips_in("test")
captions, positive_clip = clips.captions_of(test)
small = {"epochs": 6, "lr": 2e-3, "dim": 64, "text_clusters": 8, "sequence_clusters": 4}


def scores_of(loss, seed):
    options = {"loss": loss, "seed": seed, "progress": False, **small}
    model = fit_clips(clips, train=train, val=[], **options).model
    return model.score(*embed(model, clips, captions, test)).cpu()


# %% [markdown] slideshow={"slide_type": "slide"}
# > **Predict.** Will the three seeds of one loss agree more with each other than the two losses do?

# %% slideshow={"slide_type": "slide"}
losses = {"max margin": "max-margin", "InfoNCE": "info-nce"}
scores, hits = {}, {}  # hits: (seeds, captions), 1 where the clip is among the first 10
for name, loss in losses.items():
    scores[name] = [scores_of(loss, seed) for seed in range(3)]
    t2v = torch.stack([ranks(s, positive_clip) for s in scores[name]])
    hits[name] = (t2v <= 10).double()
    row = "  ".join(f"≈ {100 * x:.1f}" for x in hits[name].mean(1))
    print(f"{name:<11}R@10 of three seeds  {row}")
print(f"{len(captions):,} captions, {len(test)} clips, so chance is 2.0")

# %% [markdown] slideshow={"slide_type": "skip"}
# The three max-margin runs agree closely. The InfoNCE runs differ by several points, nearly as much as the losses do;
# but each of them is above each max-margin run. All are far above chance.
#
# An R@10 of 40 % among 500 clips: would it be 40 % among 50? Take wrong clips out of the gallery at random, and see.

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
above = {
    name: torch.bincount(ranks(each[0], positive_clip).long() - 1, minlength=500)
    for name, each in scores.items()
}
play_with(
    "gallery_size",
    {"clips": 500, "above": {name: x.tolist() for name, x in above.items()}},
    "A slider for the number of clips in the gallery, from 10 to 500, and a choice of "
    "R@1, R@5 or R@10. Curves show the metric of one network per loss and that of "
    "chance, which fall as the gallery grows; a sentence says the three values.",
    "The same scores, a smaller gallery: R@10 rises, and so does chance.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# No: among 50 clips R@10 is about twice as high. But chance is 20 % there instead of 2 %. The model is no better, and
# the question is easier.
#
# Do [ties](glossary.md#tie) happen in such a model? In full precision they hardly ever do. But scores get rounded: to
# two digits to print them, to eight bits to store an index. Here is one network's R@10 after rounding, with ties
# counted the best and the worst way.

# %% slideshow={"slide_type": "skip"}
for digits in (7, 2, 1):
    rounded = scores["max margin"][0].double().round(decimals=digits)
    both = [ranks(rounded, positive_clip, ties) <= 10 for ties in ("best", "worst")]
    best, worst = (100 * x.double().mean() for x in both)
    print(f"digits: {digits}   R@10 best ≈ {best:.1f}, worst ≈ {worst:.1f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# With seven digits it makes no difference how ties are counted. With two digits, R@10 lies anywhere between ≈ 38
# and ≈ 41; with one digit it could be anything between ≈ 24 and ≈ 55. Nothing about the model has changed.
#
# ## How sure are we of one number?
#
# R@10 was measured on 500 clips. Another 500 clips from the same source would have given another number; how far off
# could ours be? The **bootstrap** ([Efron, 1979](references.md#efron1979)) treats our clips as if they were the whole
# source. It draws 500 of them *with repetition*, computes R@10, and does so a thousand times. Here it is with six
# clips:

# %% slideshow={"slide_type": "skip"} tags=["remove-input"]
draw(
    "07_bootstrap",
    "Each resample draws as many clips as there are, some of them several times, "
    "and measures R@10 again.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# A clip's captions come along together, because they tend to succeed or fail together: an unclear film is hard to
# find with any of them. So we need, for each clip, how many captions it has and how many of them found the clip. The
# middle 95 % of the thousand values are the **[interval](glossary.md#bootstrap-interval)**. `summarise` draws the same
# clips, from a generator of seed 0, so its numbers are the same.

# %% slideshow={"slide_type": "skip"}
hit = hits["max margin"][0]
captions_of_clip = torch.bincount(positive_clip).double()
hits_of_clip = torch.bincount(positive_clip, weights=hit)
drawn = torch.randint(500, (1000, 500), generator=torch.Generator().manual_seed(0))
resampled = 100 * hits_of_clip[drawn].sum(1) / captions_of_clip[drawn].sum(1)
middle = torch.tensor([0.025, 0.975]).double()
low, high = resampled.quantile(middle)

t2v = ranks(scores["max margin"][0], positive_clip)
packaged = summarise(t2v, positive_clip)["R@10"]
by_hand = torch.stack([100 * hit.mean(), low, high])
assert_close(by_hand, torch.tensor(packaged).double())
print("R@10 ≈ {:.1f}, interval from ≈ {:.1f} to ≈ {:.1f}".format(*packaged))

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
figure, axes = plt.subplots(figsize=(7, 3))
axes.hist(resampled - 100 * hit.mean(), bins=30, color="#b9bdc4", edgecolor="white")
for edge, side in ((low, "right"), (high, "left")):
    place = float(edge - 100 * hit.mean())
    axes.axvline(place, color="#202020", linestyle="--")
    axes.text(place, 82, f"  {place:+.1f}  ", ha=side)
axes.set_xlabel("R@10 of a resample, less R@10 of the test clips (points)")
axes.set_ylabel("resamples")
show(
    figure,
    "A bell of a thousand resamples around 0, some 4 points wide to either side; "
    "dashed lines at about 2.5 points below and above hold 95 % of them.",
    "With other clips of the same kind, R@10 could be some 2.5 points lower or higher.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# What if captions were drawn one by one, as if 2,000 people had described 2,000 different films?
#
# > **Predict.** Will the interval be wider or narrower?

# %% slideshow={"slide_type": "skip"}
alone = summarise(t2v)["R@10"]


def width(interval):
    return interval[2] - interval[1]


print(f"clips with all captions: ≈ {width(packaged):.1f} points wide")
print(f"caption by caption: ≈ {width(alone):.1f} points wide")

# %% [markdown] slideshow={"slide_type": "skip"}
# Narrower, and wrong: drawing one by one takes the captions of one film for independent witnesses. If they always
# agreed, the true interval would be twice as wide (four captions, and the root of 4). TinyClips' captions speak of
# different things, so they agree only a little, and the difference is smaller.
#
# ## Compare two models query by query
#
# Start with a toy: models A and B answer 200 queries, and B finds all that A finds, and ten more. The textbook's 95 %
# interval of a share $p$ of $n$ queries is $p \pm 1.96\sqrt{p(1-p)/n}$, as 95 % of a normal distribution lie within
# 1.96 standard deviations of its mean.

# %% slideshow={"slide_type": "skip"}
a, b = torch.zeros(2, 200).double()
a[:100], b[:110] = 1, 1
for name, found in (("A", a), ("B", b)):
    p, half = found.mean(), 1.96 * (found.mean() * (1 - found.mean()) / 200) ** 0.5
    print(f"{name}: {100 * p:.0f} % [{100 * (p - half):.0f}, {100 * (p + half):.0f}]")

# %% [markdown] slideshow={"slide_type": "slide"}
# The intervals overlap by most of their length. And yet B was never worse than A, on any query, and better on ten.
# Both were asked the *same* queries, so look at the difference query by query, and bootstrap that difference.
#
# > **Predict.** Can a resample of these differences come out below 0?

# %% slideshow={"slide_type": "slide"}
drawn = torch.randint(200, (1000, 200), generator=torch.Generator().manual_seed(0))
values = 100 * (b - a)[drawn].mean(1)
low, high = values.quantile(middle)
print(f"B - A: {100 * (b - a).mean():.0f} points [{low:.1f}, {high:.1f}]")
print(f"smallest of 1,000 resamples: {values.min():.1f} points")

# %% [markdown] slideshow={"slide_type": "skip"}
# A resample cannot come out below 0, as no single difference is below 0. Comparing query by query is called a
# **[paired comparison](glossary.md#paired-comparison)**, an idea as old as [McNemar,
# 1947](references.md#mcnemar1947). What makes queries easy or hard for both models drops out; what is left is where
# the two differ. Now compare our models, one seed each, with all captions of a clip together. `difference` in
# `mee.compare` takes two `Result`s, which hold ranks, and draws seeds as well as clips.
#
# > **Aside.** With one network per loss there is no choice of seeds to draw. `difference` draws clips with a
# > generator of seed 1, and so does the code by hand below.

# %% slideshow={"slide_type": "skip"}
from mee.compare import Result, difference


def result(name, seeds):
    runs = [ranks_both_ways(scores[name][seed], positive_clip) for seed in seeds]
    return Result.of_runs(runs)


delta = hits["InfoNCE"][0] - hits["max margin"][0]
delta = torch.bincount(positive_clip, weights=delta)
drawn = torch.randint(500, (2000, 500), generator=torch.Generator().manual_seed(1))
values = 100 * delta[drawn].sum(1) / captions_of_clip[drawn].sum(1)
packaged = difference(result("InfoNCE", [0]), result("max margin", [0]))
print("InfoNCE - max margin: ≈ {:.1f} points [≈ {:.1f}, ≈ {:.1f}]".format(*packaged))
assert_close(values.quantile(middle), torch.tensor(packaged[1:]).double())

# %% [markdown] slideshow={"slide_type": "skip"}
# How long would the interval be without pairing? Errors of independent measurements add like the sides of a right
# triangle: two intervals of width 3 and 4 would give a difference of width 5. Ours are not independent.

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
packaged_of = {name: result(name, [0]).summary("t2v")["R@10"] for name in losses}
unpaired = sum(width(interval) ** 2 for interval in packaged_of.values()) ** 0.5
print(f"paired:   ≈ {width(packaged):.1f} points wide")
print(f"unpaired: ≈ {unpaired:.1f} points wide")

ends = (packaged[0], packaged[0] - unpaired / 2, packaged[0] + unpaired / 2)
differences = {"paired": packaged, "unpaired": ends}
figure, (left, right_side) = plt.subplots(1, 2, figsize=(7, 2.1), layout="constrained")
figure.get_layout_engine().set(wspace=0.12)
for axes, rows in ((left, packaged_of), (right_side, differences)):
    for y, (name, (value, low, high)) in enumerate(rows.items()):
        color = "#b3261e" if name == "paired" else "#202020"
        axes.plot([low, high], [y, y], "-|", color=color, lw=2, markersize=12)
        axes.plot(value, y, "o", color=color, markersize=8)
    axes.set_yticks(range(2), rows)
    axes.set_ylim(1.6, -0.6)
left.set_xlabel("t2v R@10 (percent)")
right_side.set_xlabel("difference (points)")
right_side.axvline(0, color="#202020", linestyle=":")
show(
    figure,
    "Left: InfoNCE is some points better than max margin, each with an interval of "
    "about 2.5 points either way. Right: their difference; the paired interval is "
    "clear of 0 and about two thirds as long as the unpaired one.",
    "Asked the same queries, two models are told apart by a shorter interval.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# Pairing makes the interval shorter, at no cost. But this interval is about these two *networks*. With other seeds
# there would have been others. Here are the differences between the three InfoNCE networks, which are one method with
# different random numbers:

# %% slideshow={"slide_type": "skip"}
for i, j in ((0, 1), (0, 2), (1, 2)):
    two = difference(result("InfoNCE", [i]), result("InfoNCE", [j]))
    words = "≈ {:.1f} points [≈ {:.1f}, ≈ {:.1f}]".format(*two)
    print(f"seed {i} - seed {j}: {words}")

# %% [markdown] slideshow={"slide_type": "skip"}
# Seed 0 beats seed 1 by ≈ 5.5 points, and the interval is clear of 0. That is not wrong: these two networks do differ
# on these clips. But a paper compares *methods*, and a method is not one seed. So train several seeds on both sides,
# and let `difference` draw seeds as well as clips:

# %% slideshow={"slide_type": "skip"}
over_seeds = difference(result("InfoNCE", range(3)), result("max margin", range(3)))
words = "≈ {:.1f} points [≈ {:.1f}, ≈ {:.1f}]".format(*over_seeds)
print(f"InfoNCE - max margin, three seeds each: {words}")

# %% [markdown] slideshow={"slide_type": "skip"}
# The interval is longer now, and it means more. On these clips, with this small network and short training, InfoNCE
# is better than max margin, and luck with clips and seeds hardly explains it. An honest sentence says how many seeds
# there were; three are few. And it does not say that InfoNCE is better with the paper's sizes, or on real films.

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
# a gallery of 50: 49 of the 499 wrong clips stay, and at most 9 of them may be above
draws = torch.rand(2000, 499, generator=torch.Generator().manual_seed(0)).argsort(1)
tenth = draws[:, :49].sort(1).values[:, 9]
stays_found = (tenth[:, None] >= torch.arange(500)).double().mean(0)
for counts in above.values():
    among_50, among_500 = (counts * stays_found).sum(), counts[:10].sum()
    assert 1.6 < among_50 / among_500 < 2.4
# ties
noise = torch.rand(100, 100, generator=torch.Generator().manual_seed(1))
assert all(torch.equal(rule(noise, diagonal).double(), ranks(noise)) for rule in rules)
assert r_at_1(optimistic(constant, diagonal)) == 100
assert r_at_1(pessimistic(constant, diagonal)) == 0
assert len(by_value(constant, diagonal)) == 10_000
assert len(by_value(twins, diagonal)) == 200
assert_close(r_at_1(by_value(twins, diagonal)), r_at_1(optimistic(twins, diagonal)) / 2)
named = {"best": optimistic, "worst": pessimistic, "mean": mean_of_ties}
for ties, rule in named.items():
    assert_close(rule(twins, diagonal).double(), ranks(twins, ties=ties))
assert summarise(ranks(constant), bootstrap=0)["MnR"][0] == chance(100)["MnR"] == 50.5
assert_close(chance(500)["R@10"], 2.0)
assert_close(chance(2000, 4)["R@10"], 2.0, atol=0.05, rtol=0)
assert chance(2000, 4)["MdR"] > 300 and chance(2000, 4)["MnR"] > 350
assert abs(measured["R@10"][0] - 2) < 1.5 and abs(measured["MnR"][0] - 250.5) < 20

# two trained models
assert all(100 * x.mean() > 20 for x in hits.values())
of_seeds = {name: 100 * x.mean(1) for name, x in hits.items()}
assert of_seeds["InfoNCE"].min() > of_seeds["max margin"].max()
assert of_seeds["InfoNCE"].max() - of_seeds["InfoNCE"].min() > 2.5
assert of_seeds["max margin"].max() - of_seeds["max margin"].min() < 2
few = positive_clip < 50  # a gallery of the first 50 clips
of_few = ranks(scores["max margin"][0][few, :50], positive_clip[few])
assert 100 * (of_few <= 10).double().mean() > 100 * hits["max margin"][0].mean() + 20


def gap(digits):
    rounded = scores["max margin"][0].double().round(decimals=digits)
    both = [ranks(rounded, positive_clip, ties) <= 10 for ties in ("best", "worst")]
    return 100 * float(both[0].double().mean() - both[1].double().mean())


assert gap(7) < 0.5 < gap(2) < 8 and gap(1) > 10
one = packaged_of["max margin"]
assert 1.03 < width(one) / width(alone) < 2
assert 4 < width(one) < 7
assert width(packaged) < 0.85 * unpaired and packaged[1] > 2
assert over_seeds[1] > 0.5 and width(over_seeds) > width(packaged)
two = difference(result("InfoNCE", [0]), result("InfoNCE", [1]))
assert two[1] > 0.5

# %% [markdown] slideshow={"slide_type": "skip"}
# ## How large must a test set be?
#
# For one caption per clip and R@10 near 50 %, $p \pm 1.96\sqrt{p(1-p)/n}$ gives the interval with $n$ clips. And for
# a difference? On each query the two models differ by $-1$, 0 or $+1$. If they disagree on a share $d$ of the queries,
# these differences have a variance of about $d$, and their mean is known to about $\pm 1.96\sqrt{d/n}$. Set that to one
# point, 0.01, and solve it for $n$: so many queries does it take to tell a difference of one point from 0.

# %% slideshow={"slide_type": "skip"}
for n in (100, 500, 1000, 10_000):
    half = 1.96 * 100 * (0.5 * 0.5 / n) ** 0.5
    print(f"{n:>6,} clips: plus or minus {half:.1f} points")

disagree = (hits["InfoNCE"] != hits["max margin"]).double().mean()
print(f"our two models disagree on ≈ {100 * disagree:.0f} % of the captions")
for share in (0.1, 0.2, 0.3):
    queries = (1.96 / 0.01) ** 2 * share
    print(f"disagreeing on {100 * share:.0f} %: {queries:,.0f} queries")

# %% [markdown] slideshow={"slide_type": "slide"}
# Half the width takes four times the clips. With 1,000 clips, the size of the test sets that most papers use, a single
# R@10 is known to about three points either way, and one point of difference takes thousands of queries. A table that
# ranks methods by half a point on 1,000 clips, one seed each, ranks luck.
#
# ## The trap: queries that vanish
#
# Take a hundred sentences, of which 75 find their clip first. Then the network gives NaN (not a number, what 0/0
# gives) for twenty of them: one that had been right, and nineteen that had been wrong anyway, say the long and
# strange ones.
#
# > **Predict.** The ranks are taken *by value*, as the original code does. What will R@1 be: 74, 75, or something
# > else?

# %% slideshow={"slide_type": "slide"}
broken = torch.full((100, 100), 0.2).fill_diagonal_(0.5)
broken[torch.arange(75, 100), torch.arange(25)] = 0.9  # a wrong clip is above
print(f"before: R@1 {r_at_1(by_value(broken, diagonal)):.1f} %")
broken[[0, *range(81, 100)]] = torch.nan
given = by_value(broken, diagonal)
print(f"after:  R@1 {r_at_1(given):.1f} %, from {len(given)} ranks")

# %% [markdown] slideshow={"slide_type": "skip"}
# The network broke, and R@1 rose from 75 to 92.5 %. *By value* looks where the sorted scores **equal** the right one,
# and NaN equals nothing, not even itself. The twenty rows give no rank at all, and the mean is taken over the other
# 80, of which 74 are 1. By this rule a network whose training blows up can seem to get better. And if everything is
# NaN?

# %% slideshow={"slide_type": "skip"}
for rule in rules:
    given = rule(torch.full((100, 100), torch.nan), diagonal)
    print(f"{rule.__name__:<14}{len(given):>5} ranks, R@1 {r_at_1(given):5.0f} %")

# %% [markdown] slideshow={"slide_type": "skip"}
# Comparisons with NaN are False, so nothing is above and nothing beside. *Optimistic* says perfect; *pessimistic*
# gives the rank 0, which does not exist and counts as perfect too. *By place* gives chance, and hides that anything
# happened. *By value* has no rank left to take a mean of. The library refuses, and names the query.

# %% slideshow={"slide_type": "skip"}
try:
    ranks(broken)
except ValueError as error:
    print(error)

# %% [markdown] slideshow={"slide_type": "slide"}
# Where do NaNs come from? From a clip without any expert, for one: a weighted mean over nothing is 0/0 ([lesson
# 05](05_missing_faces.ipynb)). The model here gives such a clip the lowest score on purpose, so that NaN can only
# mean that something broke. A metric has to say so: **one rank for each query, or an error**. Checking `len(ranks) ==
# len(queries)` takes one line.
#
# ## Summary
#
# - A rank is one more than the number of clips above the right one; R@K, median and mean are made of ranks, and each
#   needs its chance level, which depends on the gallery.
# - With ties, the same scores can give an R@1 of 0 or 100 %; say how you count. NaN must raise.
# - A bootstrap over clips, captions together, says how far a number could be off: with 500 or 1,000 clips, some
#   points.
# - Compare two models on the same queries by the interval of their difference, with several seeds on both sides.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# Ten questions: choose an answer, and read why it is right or wrong.

# %% tags=["quiz", "remove-input"]
from lesson import quiz

quiz("07")

# %% [markdown]
# ## Exercises
#
# 1. Write R@K of any matrix with any right clips.
# 2. Compute how many clips a claim needs.
# 3. Find the R@K to expect when ties are broken by tossing coins, and matrices for which the mean of ties is far off.
#
# Write them in the [exercise notebook](exercises/07_retrieval_metrics.ipynb); one way to do it is in the
# [solutions](solutions/07_retrieval_metrics.ipynb).
#
# ## Where next
#
# Back to [the ranking loss](06_ranking_loss.ipynb), or on to [lesson 08](08_build_mee.ipynb), where you write the
# whole model and measure it. The [results](results.md) are now yours to judge.
