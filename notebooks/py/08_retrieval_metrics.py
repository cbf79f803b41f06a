# %% [markdown]
# # How good is it, and how sure are we?
#
# **You will learn** to make ranks from a matrix of scores, and R@K, median and mean rank from ranks; what ties, several
# captions and NaN do to them; and to say how sure you are, of one model and of a difference between two.
#
# **You need** tensors, and [lesson 07](07_training.ipynb) for where a trained model comes from. Without it, take the
# matrices as given.
#
# **Minutes** 45

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/08_retrieval_metrics.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F08_retrieval_metrics.ipynb)

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
import matplotlib.pyplot as plt
import torch
from lesson import show

torch.set_printoptions(precision=2, sci_mode=False)

# %% [markdown]
# ## Ranks, by hand
#
# Four sentences, four clips. Rows are sentences, columns are clips, and sentence *i* belongs to clip *i*: the right
# scores stand on the diagonal. Before you go on: for which sentences is the right clip first?

# %%
scores = torch.tensor(
    [
        [0.9, 0.2, 0.4, 0.1],
        [0.3, 0.5, 0.7, 0.2],
        [0.1, 0.2, 0.8, 0.3],
        [0.6, 0.5, 0.4, 0.3],
    ]
)

# %% [markdown]
# The **rank** of a sentence is the place of its right clip: one more than the number of clips above it.

# %%
right = scores.diagonal()[:, None]
rank_by_hand = 1 + (scores > right).sum(1)
print(rank_by_hand)

# %% [markdown]
# The second sentence has one clip above its own, the last three. Everything else is made of these four numbers. **R@K**
# is the percentage of sentences with a rank of at most *K*. What are R@1 and R@2 here? And median and mean?

# %%
for k in (1, 2, 5):
    print(f"R@{k}: {100 * (rank_by_hand <= k).double().mean():.0f} %")
print(f"median {rank_by_hand.double().quantile(0.5):.1f}, mean {rank_by_hand.double().mean():.1f}")

# %% [markdown]
# R@5 among four clips is 100 % for everybody. A number that cannot be wrong says nothing: always ask how many clips
# were in the way. The library has the same ranks and the same numbers; `bootstrap=0` leaves out intervals, which come
# later.

# %%
from mee.metrics import ranks, summarise

torch.testing.assert_close(rank_by_hand.double(), ranks(scores))
values = {name: value for name, (value, low, high) in summarise(rank_by_hand, bootstrap=0).items()}
assert values == {"R@1": 50, "R@5": 100, "R@10": 100, "MdR": 1.5, "MnR": 2}

# %% [markdown]
# Let one sentence get lost: rank 400 in place of 4, in a larger gallery. Which of the numbers will notice?

# %%
for given in ([1, 2, 1, 4], [1, 2, 1, 400]):
    found = summarise(torch.tensor(given), bootstrap=0)
    print(given, " ".join(f"{name} {found[name][0]:.1f}" for name in ("R@1", "MdR", "MnR")))

# %% [markdown]
# The mean rank is moved by the few worst, the median by none of them, and R@1 sees only who is first. Report more than
# one.
#
# ## Chance
#
# With *g* clips in a random order, each place is as likely as any other for the right one: R@K is $100\,K/g$ percent,
# and the mean rank is $(g + 1)/2$. For our 500 test clips, what is R@10?

# %%
from mee.metrics import chance

assert abs(chance(500)["R@10"] - 100 * 10 / 500) < 1e-6 and chance(500)["MnR"] == (500 + 1) / 2
noise = torch.rand(2000, 500, generator=torch.Generator().manual_seed(0))
found = summarise(ranks(noise, torch.arange(2000) % 500), bootstrap=0)
for name, exact in chance(500).items():
    print(f"{name:<5} chance {exact:6.1f}   2,000 random rows {found[name][0]:6.1f}")
    assert abs(found[name][0] - exact) < (1.5 if name.startswith("R@") else 20)

# %% [markdown]
# A simulation only comes near it; the formula is exact, and costs nothing. An R@10 of 2 % among 500 is luck, an R@10 of
# 2 % among 50,000 is a hundred times luck.
#
# ## Both directions, and several captions
#
# Clips have several captions each, and one can also ask with a clip for its captions. Three clips, five captions:
# `positive_clip` says whose caption it is.
#
# **Text to video** (t2v): each caption is a query, its right score is in the column of its clip. Which caption fails?

# %%
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

# %% [markdown]
# The second: both other clips fit it better.
#
# **Video to text** (v2t): each clip is a query, and several captions are right. The usual rule: the **best** of a
# clip's own captions counts, and its other captions do not stand in the way. So compare the best own score with all
# foreign ones. Which clip has a foreign caption above its best?

# %%
v2t = []
for clip in range(3):
    own = positive_clip == clip
    column = scores[:, clip]
    v2t.append(1 + int((column[~own] > column[own].max()).sum()))
print("v2t", v2t)

# %% [markdown]
# None has: all three find a caption of their own first, although the second caption is nowhere near its clip. The
# library does both directions at once, of a matrix that need not be square.

# %%
from mee.metrics import ranks_both_ways

packaged_t2v, packaged_v2t, _ = ranks_both_ways(scores, positive_clip)
torch.testing.assert_close(t2v.double(), packaged_t2v)
torch.testing.assert_close(torch.tensor(v2t).double(), packaged_v2t)

# %% [markdown]
# Four tries in place of one: is v2t easier by luck, too? Among 2,000 captions of which 4 are right, the chance that one
# of them is among the first 10 is one minus the chance that all ten first ones are foreign. First ten draws, none of
# them of the four:

# %%
foreign = 1.0
for i in range(10):
    foreign *= (2000 - 4 - i) / (2000 - i)
assert abs(100 * (1 - foreign) - chance(2000, 4)["R@10"]) < 1e-6
for label, level in (("one of 500", chance(500)), ("four of 2,000", chance(2000, 4))):
    print(f"{label:<14}" + "  ".join(f"{name} {value:.1f}" for name, value in level.items()))

# %% [markdown]
# By luck R@10 is the same, 2 %, but the ranks are not: they count captions now, and there are four times as many. So
# never set a v2t median beside a t2v median without the chance level of each.
#
# ## Ties
#
# A network that has broken down gives every clip the same score. Among 100 clips, what is its R@1? Five ways of
# counting ranks are found in public code. Each is one line, and without ties all five agree. `right` holds the column
# of each row's right clip.


# %%
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


WAYS = (optimistic, pessimistic, by_place, by_value, mean_of_ties)

# %% [markdown]
# First without ties, on random numbers: all five say the same, and the library agrees with them.

# %%
diagonal = torch.arange(100)[:, None]
noise = torch.rand(100, 100, generator=torch.Generator().manual_seed(1))
for way in WAYS:
    torch.testing.assert_close(way(noise, diagonal).double(), ranks(noise))

# %% [markdown]
# Now the same score for all: once with the right clips on the diagonal, once with the right clip always in column 0, as
# a test might store it. And a gallery in which each clip stands twice, so that the right one always has a twin. Guess a
# column before you run it. How many ranks do 100 queries get?

# %%
constant, first = torch.zeros(100, 100), torch.zeros(100, 1, dtype=torch.long)
g = torch.Generator().manual_seed(2)
twins = torch.rand(100, 50, generator=g)
twins[torch.arange(100), torch.arange(100) // 2] += 0.5  # a fair model: about half of the right ones first
twins = twins.repeat_interleave(2, 1)


def r_at_1(found):
    return 100 * float((found <= 1).double().mean())


print(f"{'R@1 of':<14}{'constant':>10}{'column 0':>10}{'twins':>8}   ranks of 100 queries")
for way in WAYS:
    row = [r_at_1(way(constant, diagonal)), r_at_1(way(constant, first)), r_at_1(way(twins, diagonal))]
    print(f"{way.__name__:<14}{row[0]:>10.0f}{row[1]:>10.0f}{row[2]:>8.0f}{len(way(constant, diagonal)):>12,}")

# %% [markdown]
# One matrix, five answers.
#
# - *optimistic* calls the broken network perfect. If you meet an R@1 of 100 %, look for this first.
# - *pessimistic* calls it hopeless, which is safe but not fair.
# - *by place* gives chance on the diagonal, because a stable sort leaves equal scores in their order; with the right
#   clip in column 0 the same order is a perfect score. The answer depends on where the truth is stored.
# - *by value* gives 10,000 ranks for 100 queries, and 200 for the twins, where half of the hits vanish into the larger
#   denominator. The [original code](references.md) of this model counts so.
# - *the mean of ties* gives a constant network the mean rank of chance, and a shared first place is no first place.

# %%
assert r_at_1(optimistic(constant, diagonal)) == 100 and r_at_1(pessimistic(constant, diagonal)) == 0
assert len(by_value(constant, diagonal)) == 10_000 and len(by_value(twins, diagonal)) == 200
assert abs(r_at_1(by_value(twins, diagonal)) - r_at_1(optimistic(twins, diagonal)) / 2) < 1e-6
for way in (optimistic, pessimistic, mean_of_ties):
    ties = {"optimistic": "best", "pessimistic": "worst", "mean_of_ties": "mean"}[way.__name__]
    torch.testing.assert_close(way(twins, diagonal).double(), ranks(twins, ties=ties))
assert summarise(ranks(constant), bootstrap=0)["MnR"][0] == chance(100)["MnR"] == 50.5

# %% [markdown]
# The library's default is the mean; `ties="best"` and `ties="worst"` are there to see how much ties matter. If the two
# differ, say so.
#
# ## Two trained models
#
# We train two models on 1,000 films, with three seeds each: one with the paper's max-margin loss, one
# with InfoNCE (both are lesson 06's). `compare` trains them and ranks the 500 test clips. The networks are small so
# that it takes seconds; their numbers are no record.

# %%
from mee.compare import compare, difference
from mee.storage import read_clips

clips = read_clips("data/tinyclips.h5")
train, test = clips.clips_in("train")[:1000], clips.clips_in("test")
options = {"train": train, "val": [], "epochs": 6, "lr": 2e-3, "dim": 64, "text_clusters": 8, "sequence_clusters": 4}
variants = {"max margin": {}, "InfoNCE": {"loss": "info-nce"}}
results = compare(clips, variants, seeds=(0, 1, 2), progress=False, **options)
margin, nce = results.values()
positive_clip = margin.positive_clip
print(f"{len(test)} clips, {len(positive_clip)} captions, three seeds: t2v is {tuple(margin.t2v.shape)}")

# %% [markdown]
# Below, each seed's R@10 beside chance. Do the seeds agree more with each other than the models do?

# %% tags=["nbval-ignore-output"]
for name, result in results.items():
    for way in ("t2v", "v2t"):
        row = 100 * (getattr(result, way) <= 10).double().mean(1)
        print(f"{name:<11}{way}  R@10 of three seeds: " + "  ".join(f"{x:.0f}" for x in row))
    assert (100 * (result.t2v <= 10).double().mean(1) > 10 * chance(500)["R@10"]).all()
print(f"chance     t2v  R@10 {chance(500)['R@10']:.0f}")

# %% [markdown]
# All are far beyond chance. Do ties happen in such a model? In full precision hardly ever. But scores get rounded: to
# two digits to print them, to eight bits to store an index. We take one network's scores and round them.

# %%
from mee.evaluate import embed
from mee.train import fit_clips

run = fit_clips(clips, seed=0, progress=False, **options)
captions, _ = clips.captions_of(test)
scores = run.model.score(*embed(run.model, clips, captions, test)).cpu()
gap = {}
for digits in (7, 2, 1):
    rounded = scores.double().round(decimals=digits)
    best, worst = (summarise(ranks(rounded, positive_clip, ties), bootstrap=0)["R@10"][0] for ties in ("best", "worst"))
    gap[digits] = best - worst
assert gap[7] < 0.5 and 0.5 < gap[2] < 8 and gap[1] > 10

# %% [markdown]
# With full scores it makes no difference how ties are counted. With two digits R@10 is known only to a point or more,
# with one digit it could be anything within more than ten points. Nothing about the model has changed.
#
# ## How sure are we?
#
# R@10 was measured on 500 clips. Other 500 clips from the same source would have given another number; how far off
# could ours be? The **bootstrap** takes our clips for the world: draw 500 of them *with repetition*, compute R@10, put
# them back, and again, a thousand times. A clip's captions come along together, because they succeed and fail together:
# an unclear film is unclear to all of them.
#
# So we need, for each clip, how many captions it has and how many of them found it.

# %%
hit = (margin.t2v[0] <= 10).double()
captions_of_clip = torch.bincount(positive_clip).double()
hits_of_clip = torch.zeros(500, dtype=torch.float64).index_add(0, positive_clip, hit)
drawn = torch.randint(500, (1000, 500), generator=torch.Generator().manual_seed(0))
r_at_10 = 100 * hits_of_clip[drawn].sum(1) / captions_of_clip[drawn].sum(1)

# %% [markdown]
# A thousand values of R@10; the middle 95 % of them are the interval. The library draws in the same order, so the
# numbers are the same.

# %%
low, high = r_at_10.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
by_hand = torch.stack([100 * hit.mean(), low, high])
packaged = summarise(margin.t2v[0], positive_clip)["R@10"]
torch.testing.assert_close(by_hand, torch.tensor(packaged, dtype=torch.float64))

# %%
figure, axes = plt.subplots()
axes.hist(r_at_10 - by_hand[0], bins=30, color="#4a7fb5")
for edge in (low, high):
    axes.axvline(edge - by_hand[0], color="#202020", linestyle="--")
axes.set_xlabel("R@10 of a resample, less R@10 of the test clips (points)")
axes.set_ylabel("resamples")
show(
    figure,
    "A bell of a thousand resamples around 0, from about -4 to 4 points; dashed lines at about -2.7 and 2.7 hold "
    "95 % of them.",
)

# %% [markdown]
# What if captions are drawn one by one, as if 2,000 people had described 2,000 films? Will the interval be wider or
# narrower?

# %%


def width(interval):
    return interval[2] - interval[1]


together, one_by_one = width(packaged), width(summarise(margin.t2v[0])["R@10"])
assert 1.05 < together / one_by_one < 2

# %% [markdown]
# Narrower, and wrong: it takes the captions of one film for independent witnesses. If they always agreed, the true
# interval would be twice as wide (four captions, and the root of 4). TinyClips' captions speak of different things, so
# they agree only a little, and the factor is nearer to 1.2.
#
# ## Which model is better?
#
# Two models, two intervals. A toy first: 200 queries; B finds all that A finds, and ten more. The usual interval of a
# percentage is $p \pm 1.96\sqrt{p(1-p)/n}$. Do the two overlap?

# %%
a = torch.zeros(200, dtype=torch.float64)
b = a.clone()
a[:100], b[:110] = 1, 1
for name, found in (("A", a), ("B", b)):
    p, half = found.mean(), 1.96 * (found.mean() * (1 - found.mean()) / 200) ** 0.5
    print(f"{name}: {100 * p:.0f} % [{100 * (p - half):.0f}, {100 * (p + half):.0f}]")

# %% [markdown]
# They overlap by most of their length. And yet B was never worse than A, on any query, and ten times better. Both met
# the *same* queries, so look at the difference query by query, and bootstrap that. Can it come out below 0?

# %%
drawn = torch.randint(200, (1000, 200), generator=torch.Generator().manual_seed(0))
low, high = (100 * (b - a)[drawn].mean(1)).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
assert low > 1 and high < 10
print(f"B - A: {100 * (b - a).mean():.0f} points [{low:.0f}, {high:.0f}]")

# %% [markdown]
# That is a **paired comparison**. What makes queries easy or hard for both drops out of it; what is left is where they
# differ. The same on our models, one seed, by hand, then `mee.compare.difference`. (It draws seeds as well as clips,
# each with a generator of its own. Of one seed there is one choice; the generator of the clips has the seed 1.)

# %%
from mee.compare import Result

one_margin, one_nce = (Result(r.t2v[:1], r.v2t[:1], positive_clip, 0.0) for r in (margin, nce))
delta = (nce.t2v[0] <= 10).double() - (margin.t2v[0] <= 10).double()
delta_of_clip = torch.zeros(500, dtype=torch.float64).index_add(0, positive_clip, delta)
drawn = torch.randint(500, (2000, 500), generator=torch.Generator().manual_seed(1))
values = 100 * delta_of_clip[drawn].sum(1) / captions_of_clip[drawn].sum(1)
low, high = values.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
by_hand = torch.stack([100 * delta.mean(), low, high])
torch.testing.assert_close(by_hand, torch.tensor(difference(one_nce, one_margin), dtype=torch.float64))

# %% [markdown]
# Now with all three seeds on both sides, paired and unpaired. Errors of independent measurements add like the sides of
# a right triangle: two intervals of width 3 and 4 would give a difference of width 5. Ours are not independent.

# %%
paired = difference(nce, margin)
separate = [result.summary("t2v")["R@10"] for result in (nce, margin)]
unpaired = (width(separate[0]) ** 2 + width(separate[1]) ** 2) ** 0.5
assert width(paired) < 0.8 * unpaired
assert paired[1] > 0, "InfoNCE is better here, and luck with clips and seeds does not explain it"

figure, (left, right_side) = plt.subplots(1, 2, figsize=(8, 2.4), layout="constrained")
unpaired_ends = (paired[0], paired[0] - unpaired / 2, paired[0] + unpaired / 2)
panels = [(left, {"InfoNCE": separate[0], "max margin": separate[1]}, "t2v R@10 (percent)")]
panels.append((right_side, {"paired": paired, "unpaired": unpaired_ends}, "InfoNCE - max margin (points)"))
for axes, rows, label in panels:
    for y, (value, low, high) in enumerate(rows.values()):
        axes.plot([low, high], [y, y], "-|", color="#202020", linewidth=2, markersize=12)
        axes.plot(value, y, "o", color="#d1660a", markersize=8)
    axes.set_yticks(range(2), rows)
    axes.set_ylim(1.6, -0.6)
    axes.set_xlabel(label)
right_side.axvline(0, color="#202020", linestyle=":")
show(
    figure,
    "Left: InfoNCE at about 47 %, max margin at about 43 %, intervals of about 2.5 points either way that just touch. "
    "Right: their difference, about 4 points: paired within about 2 points, clear of 0; unpaired within more than 3.",
)

# %% [markdown]
# Pairing makes the interval much shorter, for free. On these clips, with this small network and short training, InfoNCE
# is better than max margin. That is all that was shown: not that it is with the paper's sizes, or on real films.
#
# One more doubt. The three max-margin runs are the same method with other random numbers. By a paired interval over
# clips alone, which does not know of seeds, does one of them beat another?

# %% tags=["nbval-ignore-output"]
single = [Result(margin.t2v[i : i + 1], margin.v2t[i : i + 1], positive_clip, 0.0) for i in range(3)]
for i, j in ((0, 1), (0, 2), (1, 2)):
    value, low, high = difference(single[i], single[j])
    print(f"max margin, seed {i} against seed {j}: {value:+.1f} points [{low:+.1f}, {high:+.1f}]")

# %% [markdown]
# Look at the last: on our machine, seed 2 beats seed 1, and the interval leaves out 0. It is not wrong: these two
# *networks* do differ on these clips. But a paper compares *methods*, and a method is not one seed. So `difference`
# draws seeds too, and the honest sentence names how many there were. Three are few.
#
# ## How large must a test set be?
#
# From $p \pm 1.96\sqrt{p(1-p)/n}$: for one caption a clip, and R@10 near 50 %, how wide is the interval with 500 clips,
# and with 1,000, the size of the test sets that most papers use?


# %%
def formula(n, p=0.5):
    return 2 * 1.96 * 100 * (p * (1 - p) / n) ** 0.5


for n in (100, 500, 1000, 10_000):
    print(f"{n:>6,} clips: {formula(n):4.1f} points wide, so plus or minus {formula(n) / 2:.1f}")

# %% [markdown]
# Four times the clips for half the width. With 1,000 clips a single R@10 is known to about three points either way.
# Does the bootstrap agree? We take the first 50, 100, ... of our test clips as queries (the gallery stays as it was),
# with all their captions.

# %%
sizes = [50, 100, 250, 500]
measured = [width(summarise(margin.t2v[0][positive_clip < n], positive_clip[positive_clip < n])["R@10"]) for n in sizes]
assert 2.2 < measured[0] / measured[-1] < 4.5  # the root of 500 / 50 is 3.2

figure, axes = plt.subplots()
line = torch.logspace(1.7, 4, 50)
p = float(hit.mean())
axes.loglog(line, [formula(float(n), p) for n in line], "-", label="formula: one caption a clip")
axes.loglog(line, [formula(4 * float(n), p) for n in line], "--", label="formula: four, as if independent")
axes.loglog(sizes, measured, "o", color="#202020", label="bootstrap: four captions a clip")
for n in (500, 1000):
    axes.axvline(n, color="#b8b8b8", linestyle=":")
axes.set_xticks([50, 100, 500, 1000, 10_000], ["50", "100", "500", "1,000", "10,000"])
axes.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
axes.minorticks_off()
axes.set_xlabel("test clips")
axes.set_ylabel("width of the 95 % interval (points)")
axes.legend()
show(
    figure,
    "Both formulas fall along straight lines, from some 27 and 14 points at 50 clips to 2 and 1 at 10,000; the "
    "bootstrap's widths lie between the two lines, nearer to the lower one.",
)

# %% [markdown]
# Four captions a clip help, but less than four times as many clips would.
#
# And a difference? If two models disagree on a share $d$ of the queries, the paired difference is known to about
# $\pm 1.96\sqrt{d/n}$. On how many captions do our two disagree, and how many queries would show a difference of one
# point?

# %%
disagree = float(((nce.t2v <= 10) != (margin.t2v <= 10)).double().mean())
assert 0.1 < disagree < 0.5
for share in (0.1, 0.2, 0.3):
    needed = (1.96 / 0.01) ** 2 * share
    print(f"they disagree on {100 * share:.0f} %: {needed:,.0f} queries for a difference of 1 point")

# %% [markdown]
# Thousands. A table that ranks methods by half a point on 1,000 clips, one seed each, ranks luck.
#
# ## The trap: queries that vanish
#
# A hundred sentences, of which 75 find their clip first. Then the network gives NaN (not a number, what 0/0 gives) for
# twenty of them: one that had been right, and nineteen that had been wrong anyway, the long and strange ones, say. What
# should R@1 be now?

# %%
scores = torch.full((100, 100), 0.2)
scores.fill_diagonal_(0.5)
scores[torch.arange(75, 100), torch.arange(25)] = 0.9  # a wrong clip above the right one
assert r_at_1(by_value(scores, diagonal)) == 75
lost = torch.tensor([0, *range(81, 100)])
scores[lost] = torch.nan
found = by_value(scores, diagonal)
print(f"{len(found)} ranks, R@1 {r_at_1(found):.1f} %")

# %% [markdown]
# From 75 to 92.5 %, by breaking. *By value* looks where the sorted scores **equal** the right one, and NaN equals
# nothing, not even itself. The twenty rows give no rank at all, and the mean is taken over those that are left: 74 of
# 80. A network whose training blows up gets better every epoch. How do the other ways do, if everything is NaN?

# %%
assert len(found) == 80 and abs(r_at_1(found) - 92.5) < 1e-6
broken = torch.full((100, 100), torch.nan)
for way in WAYS:
    found = way(broken, diagonal)
    print(f"{way.__name__:<14}{len(found):>5} ranks, R@1 {r_at_1(found):5.0f} %")
assert (optimistic(broken, diagonal) == 1).all() and (pessimistic(broken, diagonal) == 0).all()

# %% [markdown]
# Comparisons with NaN are False, so nothing is above and nothing beside: *optimistic* says perfect, *pessimistic* gives
# the rank 0, which does not exist, and counts as perfect too. *By place* gives chance, and hides that anything
# happened. *By value* has no rank left to take a mean of. The library refuses, and names the query.

# %%
try:
    ranks(scores)
except ValueError as error:
    print(error)

# %% [markdown]
# Where do NaNs come from? From a clip without any expert, for one: a weighted mean over nothing is 0/0 (lesson 05).
# The model here gives such a clip the lowest score on purpose, so that NaN can only mean that something broke. A metric
# has to say so aloud: **one rank for each query, or an error**. Checking `len(ranks) == len(queries)` is a line.
#
# ## Summary
#
# - A rank is one more than the number of clips above the right one; R@K, median and mean are made of ranks, and each
#   needs its chance level, which depends on the gallery.
# - With ties, the same scores can give an R@1 of 0 or 100 %; say how you count. NaN must raise.
# - A bootstrap over clips, captions together, says how far a number could be off: with 500 or 1,000 clips, some points.
# - Compare two models on the same queries by the interval of their difference, with several seeds on both sides.
#
# ## Exercises
#
# 1. R@K of any matrix with any truth. 2. How many clips does a claim need? 3. The R@K that one expects when ties are
# broken by tossing coins.
#
# Write them in the [exercise notebook](exercises/08_retrieval_metrics.ipynb); one way to do it is in the
# [solutions](solutions/08_retrieval_metrics.ipynb).
#
# ## Where next
#
# Back to [lesson 07](07_training.ipynb), or on to [lesson 09](09_images_and_videos.ipynb): can still images teach a
# model about videos? The [results](results.md) are now yours to judge.
