# %% [markdown] slideshow={"slide_type": "slide"}
# # How do any number of words become one vector?
#
# **You will learn** what a word vector knows and does not know; what the mean of word vectors loses; how NetVLAD pools
# any number of vectors into one, step by step on six points; and what padding does to NetVLAD without a mask.
#
# **You need** PyTorch tensors, softmax, and [the lesson before](01_clips_and_experts.ipynb) for where captions come
# from.
#
# **Minutes** 60

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/02_words_and_netvlad.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F02_words_and_netvlad.ipynb)

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

from mee import read_clips
from mee.data import tokenize

torch.set_printoptions(precision=2, sci_mode=False)
clips = read_clips("data/tinyclips.h5")
words = clips.words

# %% tags=["remove-input"]
draw("here_02", "You are here: NetVLAD, which makes one vector of a sentence's words.")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## A word is a vector
#
# The clip file holds a *vocabulary*: words, and for each a [word vector](glossary.md#word-vector) of 50 numbers. These
# are [GloVe](glossary.md#glove) vectors ([Pennington et al., 2014](references.md#pennington2014)), learnt from which
# words stand near each other in six billion words of text. No film went into them.

# %% slideshow={"slide_type": "skip"}
print(len(words), "words of", words.dim, "numbers")
print("ship:", words.vectors[words.index["ship"]][:6].float(), "...")

# %% [markdown] slideshow={"slide_type": "slide"}
# The numbers by themselves say nothing. What means something is the angle between two vectors:
# [cosine](glossary.md#cosine) 1 is the same direction, 0 a right angle.
#
# > **Predict.** Which words are nearest to *ship*? To *red*? To *umbrella*?

# %% slideshow={"slide_type": "slide"}
directions = F.normalize(words.vectors.float(), dim=1)  # (words, 50), of length 1


def vector(word):
    return words.vectors[words.index[word]].float()


def nearest(x, count=3, without=()):
    """The words whose vectors have the largest cosine with x."""
    cosines = directions @ F.normalize(x, dim=0)
    cosines[[words.index[word] for word in without]] = -1
    return [words.words[i] for i in cosines.topk(count).indices]


for word in ("ship", "red", "drum", "umbrella"):
    print(f"{word:<9}", ", ".join(nearest(vector(word), without=[word])))

# %% [markdown] slideshow={"slide_type": "skip"}
# *Ship* is near *vessel*, but *red* is near *yellow*: words that are used in the same places are near, whether they
# mean the same or not. And *umbrella* is near *organisation*, as in *umbrella organisation*.
#
# > **Predict.** Here are five pairs of opposites and four pairs of synonyms. Which are nearer to each other?


# %% slideshow={"slide_type": "skip"}
def cosine(a, b):
    return float(directions[words.index[a]] @ directions[words.index[b]])


opposites = ["up down", "red blue", "rising falling", "high low", "left right"]
synonyms = ["car automobile", "spins rotates", "ship sailboat", "mushroom toadstool"]
for label, pairs in {"opposites": opposites, "synonyms": synonyms}.items():
    print(label)
    for pair in pairs:
        print(f"    {pair:<18} {cosine(*pair.split()):.2f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# All of these opposites are nearer to each other than any of these synonyms. A model that has to tell a film in which a
# balloon rises from one in which it falls starts from here.
#
# You may have heard that you can *calculate* with word vectors: king - man + woman is queen.
#
# > **Predict.** Here are six such sums. How many come out right?

# %% slideshow={"slide_type": "skip"}
sums = """man king woman queen, france paris germany berlin, he his she her,
          big bigger small smaller, left right up down, slow slowly quick quickly"""
for a, b, c, wanted in (line.split() for line in sums.split(",")):
    x = vector(b) - vector(a) + vector(c)
    found = nearest(x, 1, without=[a, b, c])[0]
    print(f"{b} - {a} + {c} = {found}" + ("" if found == wanted else f", not {wanted}"))
king = nearest(vector("king") - vector("man") + vector("woman"), 1)[0]
print("king - man + woman, if any word may answer:", king)

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
closest_synonym = max(cosine(*pair.split()) for pair in synonyms)
assert min(cosine(*pair.split()) for pair in opposites) > closest_synonym

# %% [markdown] slideshow={"slide_type": "skip"}
# Three of the six come out right, and the usual way of counting helps: the words of the sum are not allowed as answers.
# If they were, *king* would win, not *queen*. Expect neighbourhoods from these vectors, not arithmetic.
#
# ## A sentence is several vectors
#
# Split a sentence into words and look each one up: five words are a tensor (5, 50). The library's `words.batch` does
# that for several sentences at once.

# %% slideshow={"slide_type": "skip"}
text = "a small boat sinks slowly"
sentence = torch.stack([vector(word) for word in tokenize(text)])
print(tuple(sentence.shape))
batch, mask = words.batch([text])
torch.testing.assert_close(sentence, batch[0])
print("left out, as it has no vector:", words.unknown("a qwertyuiop sinks"))

# %% [markdown] slideshow={"slide_type": "skip"}
# A word without a vector is left out. The next sentence may have two words or twenty, but the next part of the model, a
# linear layer, wants one vector of fixed size. The easiest way to get one is the **mean**. What does the mean lose?
#
# > **Predict.** Do these two sentences have the same mean?


# %% slideshow={"slide_type": "skip"}
def mean(text):
    return torch.stack([vector(word) for word in tokenize(text)]).mean(0)


one, other = mean("a red ball and a blue kite"), mean("a blue ball and a red kite")
print("largest difference of a number:", f"{(one - other).abs().max():.3f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# They do. The mean loses which colour goes with which thing, and NetVLAD will lose it too.
#
# The mean of a real caption loses more. Captions are full of *a*, *and*, *with*, so their means should be alike. The
# next cell prints the mean cosine of all pairs of 300 test captions. `clips.text` gives the captions' word vectors;
# `mask` says which are words.

# %% slideshow={"slide_type": "skip"}
captions, _ = clips.captions_of(clips.clips_in("test"))
x, mask = clips.text(captions[:300])  # (300, longest, 50), (300, longest)


def similarity(vectors):
    """The mean cosine of all pairs of rows."""
    unit = F.normalize(vectors, dim=1)
    n = len(unit)
    return float(((unit @ unit.T).sum() - n) / (n * (n - 1)))


means = x.sum(1) / mask.sum(1, keepdim=True)
print(f"means of two captions: cosine ≈ {similarity(means):.2f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# They are: the means of two captions have a cosine of ≈ 0.85 on average.
#
# ## Build NetVLAD on six points
#
# NetVLAD ([Arandjelović et al., 2016](references.md#arandjelovic2016)) treats the word vectors as points in space, and
# notes more about them than where their middle is. It has $K$ [*centres*](glossary.md#centre), and for each it notes
# how the points near that centre lie around it.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "02_words_to_vector",
    "NetVLAD in shapes: each word is shared out among three centres, each centre sums "
    "up what lies around it, and the sums become one vector.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# We do it with six words of two numbers ($D = 2$) and three centres. Each centre has two vectors: $c_k$, with which
# points are compared, and $c'_k$, which is subtracted from them. In a trained model both are learnt; here we set them
# by hand. As in the library, a centre is a *column*.

# %% slideshow={"slide_type": "skip"}
points = torch.tensor(
    [[2.0, 0.4], [1.7, -0.3], [0.3, 1.5], [-0.3, 1.9], [-1.5, -1.2], [0.95, 1.0]]
)  # (6, D)
c = torch.tensor([[5.0, 0.0, -4.0], [0.0, 5.0, -4.0]])  # (D, K)
c2 = torch.tensor([[1.4, 0.2, -1.2], [0.2, 1.2, -1.6]])  # (D, K)

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
figure, axis = plt.subplots(figsize=(6, 3.8))
axis.scatter(*points.T, color="#202020", zorder=3, label="points (words)")
axis.scatter(*c2, marker="X", s=110, color="#b3261e", label="centres $c'_k$")
style = {"textcoords": "offset points"}
for i, at in enumerate(points.tolist()):
    axis.annotate(f"{i}", at, xytext=(5, 5), **style)
for k, at in enumerate(c2.T.tolist()):
    name = f"centre {k}"
    axis.annotate(name, at, xytext=(-8, -4), color="#b3261e", ha="right", **style)
axis.set(xlabel="first number", xlim=(-2.8, 3))
axis.set(ylabel="second number", ylim=(-2.4, 2.4))
axis.legend(loc="lower right")
show(
    figure,
    "Points 0 and 1 lie on the right near centre 0, points 2 and 3 at the top near "
    "centre 1, point 4 at the lower left near centre 2, and point 5 between centres 0 "
    "and 1.",
    "Six words of two numbers, and three centres.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# **Step 1: share out.** Take the inner product of each point with each $c_k$, then a
# [softmax](glossary.md#softmax) over the centres. How sharply the softmax decides depends on the length of the $c_k$:
# the longer, the surer.
#
# > **Predict.** One of the six points is torn between two centres. Which?

# %% slideshow={"slide_type": "slide"}
assignment = torch.softmax(points @ c, dim=1)  # (6, K): a_ik
print(assignment)

# %% [markdown] slideshow={"slide_type": "skip"}
# Point 5 is shared by centres 0 and 1; each other point goes almost entirely to one centre. What if a $c_k$ turns? The
# drawing has only two centres, and makes their $c_k$ shorter, so that the shares change gradually.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "02_shares_follow",
    "While one centre's vector turns, points go over to it, and points that it leaves "
    "go to the other: a point's shares always sum to 1.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# **Step 2: sum the residuals.** For each point and centre take the [residual](glossary.md#residual), the difference
# $x_i - c'_k$, times the point's share, and sum over the points:
#
# $$V_k = \sum_i a_{ik}\,(x_i - c'_k).$$
#
# Point 0, for example, lies 0.6 to the right of centre 0 and 0.2 above it.

# %% slideshow={"slide_type": "skip"}
residuals = points[:, :, None] - c2  # (6, D, K)
print("from centre 0 to point 0:", residuals[0, :, 0])
V = (assignment[:, None, :] * residuals).sum(0)  # (D, K)
print(V)
torch.testing.assert_close(V, points.T @ assignment - c2 * assignment.sum(0))

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
figure, axis = plt.subplots(figsize=(6, 3.8))
looks = {"#b3261e": "-", "#2a7f8e": "--", "#777777": ":"}
for k, (colour, style) in enumerate(looks.items()):
    for i, point in enumerate(points):
        if assignment[i, k] > 0.05:
            way = torch.stack([c2[:, k], point]).T
            thick = 0.5 + 2 * float(assignment[i, k])
            axis.plot(*way, style, color=colour, linewidth=thick)
    tip = (c2[:, k] + V[:, k]).tolist()
    axis.annotate(f"$V_{k}$", tip, xytext=(6, 6), textcoords="offset points")
axis.scatter(*points.T, color="#202020", zorder=3)
axis.scatter(*c2, marker="X", s=110, color="#b3261e", zorder=3)
style = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.01, "zorder": 4}
axis.quiver(*c2, *V, color="#202020", **style)
axis.set(xlabel="first number", xlim=(-2.8, 3))
axis.set(ylabel="second number", ylim=(-2.4, 2.4))
show(
    figure,
    "Lines join each centre with the points that it shares in, thicker for a larger "
    "share; from each centre a black arrow shows the sum of these residuals: to the "
    "right of centre 0, up from centre 1, up and left from centre 2.",
    "Each arrow sums its centre's residuals, drawn as lines: the larger the share, the "
    "thicker the line.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# The last line of step 2's code gets the same sums without residuals, as the library does. For a batch of captions the
# tensor of residuals, here (6, D, K), would be very large.
#
# **Step 3: scale each sum.** Each $V_k$ is scaled to length 1 (*intra-normalisation*). Why? Say point 0 a hundred
# times. Its centre's $V_0$ grows and dwarfs the others: the vector says *point 0* and nothing else.
#
# > **Predict.** Compare the vector of the six points with that of the six and 99 more copies of point 0. Which cosine
# > will be near 1: with intra-normalisation, or without?


# %% slideshow={"slide_type": "slide"}
def pooled(points, intra=True):
    """V (D, K) of a set of points, each column of length 1 if `intra`."""
    share = torch.softmax(points @ c, dim=1)
    V = points.T @ share - c2 * share.sum(0)
    return F.normalize(V, dim=0) if intra else V


shouted = torch.cat([points, points[:1].expand(99, 2)])  # point 0 a hundred times
for label, intra in {"with": True, "without": False}.items():
    a, b = (pooled(some, intra).flatten() for some in (points, shouted))
    print(f"{label:<8} cosine {F.cosine_similarity(a, b, dim=0):.2f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# With intra-normalisation the hundred copies hardly turn the vector; without it they turn it far away.
#
# **Step 4: make one vector.** Put the numbers of V (D, K) in a row, and scale the row to length 1. In which order? As V
# lies in memory: the first number of all centres, then the second of all. The order matters only if you load weights
# that other code has trained.

# %% slideshow={"slide_type": "skip"}
by_hand = F.normalize(pooled(points).flatten(), dim=0)  # (D * K,)
labels = [f"d{d} k{k}" for d in range(2) for k in range(3)]
for label, value in zip(labels, by_hand, strict=True):
    print(f"{label} {value:.2f}", end="   ")

# %% [markdown] slideshow={"slide_type": "skip"}
# Now move the points yourself. Here each $c_k$ is 5 long and points to where its centre lies. Bring a point to another
# centre, or turn a centre around the origin, and see which centre gets the point.

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
play_with(
    "netvlad_points",
    {"points": points.tolist(), "centres": c2.T.tolist(), "sharpness": 5},
    "Six points and three centres that you can drag, or move by arrow keys. Lines "
    "join each point with the centres that share it, thicker for a larger share; an "
    "arrow at each centre is its sum of residuals, and six bars are the vector.",
    "Move points and centres: shares, residuals and vector follow.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# Now the library. `NetVLAD(clusters, dim)` has the same two tensors, and one part more: between the inner products and
# the softmax stands a [batch normalisation](glossary.md#batch-normalisation) (BN), which shifts and scales each
# centre's inner products to mean 0 and variance 1. A fresh layer in `eval()` mode assumes that they have both already,
# and changes next to nothing.

# %% slideshow={"slide_type": "skip"}
from mee import NetVLAD

netvlad = NetVLAD(clusters=3, dim=2).eval()
with torch.no_grad():
    netvlad.clusters.copy_(c)
    netvlad.clusters2.copy_(c2[None])
    packaged = netvlad(points[None])  # items, rows, D: one item here
torch.testing.assert_close(by_hand[None], packaged, atol=1e-4, rtol=0)

# %% [markdown] slideshow={"slide_type": "skip"}
# In training the same layer takes mean and variance from the rows of the batch, all words of all its sentences, and
# keeps [running statistics](glossary.md#running-statistics) of both for later. Here is the whole of NetVLAD by hand:


# %% slideshow={"slide_type": "skip"}
def vlad(points, c, c2, mean, variance):
    """NetVLAD of a set of points (n, D): (D * K,). mean, variance (K,): of the BN."""
    share = torch.softmax((points @ c - mean) / torch.sqrt(variance + 1e-5), dim=1)
    V = points.T @ share - c2 * share.sum(0)
    return F.normalize(F.normalize(V, dim=0).flatten(), dim=0)


products = points @ c
mine = vlad(points, c, c2, products.mean(0), products.var(0, correction=0))
with torch.no_grad():
    torch.testing.assert_close(mine[None], netvlad.train()(points[None]))
running = netvlad.eval().batch_norm.running_mean
print("mean of the batch", products.mean(0))
print("running mean     ", running)

# %% [markdown] slideshow={"slide_type": "skip"}
# One batch has moved the running mean a tenth of the way from 0 to the batch's mean.
#
# ## NetVLAD keeps more than a mean, and loses the order
#
# Take two pairs of points with the same mean, zero. The mean cannot tell the pairs apart. NetVLAD can, if the pairs lie
# differently around its centres.

# %% slideshow={"slide_type": "skip"}
across = torch.tensor([[2.0, 0.0], [-2.0, 0.0]])
upright = torch.tensor([[0.0, 2.0], [0.0, -2.0]])
plain = torch.zeros(3), torch.ones(3)  # a batch norm that does nothing
a, b = (vlad(pair, c, c2, *plain) for pair in (across, upright))
print(f"cosine of the two vectors: {F.cosine_similarity(a, b, dim=0):.2f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# The two vectors differ, so NetVLAD tells the pairs apart. But shuffle the points, and each sum stays the same. *A red
# ball and a blue kite* still gets the vector of *a blue ball and a red kite*, and no set of centres can change that.
#
# Are captions less alike now than their means were? The next cell tries the two sentences, and the 300 captions, with
# random centres, before any training.

# %% slideshow={"slide_type": "slide"}
torch.manual_seed(0)
pool = NetVLAD(clusters=16, dim=50).eval()  # random centres; 32 in the paper
swapped = ["a red ball and a blue kite", "a blue ball and a red kite"]
with torch.no_grad():
    one, other = pool(*words.batch(swapped))
    after = pool(x, mask)
print(f"{len(one)} numbers; largest difference: {(one - other).abs().max():.3f}")
print(f"cosine of two captions: means ≈ {similarity(means):.2f}", end=", ")
print(f"NetVLAD ≈ {similarity(after):.2f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# The captions are hardly less alike. But NetVLAD has more room, 800 numbers instead of 50, and parameters that training
# can move.
#
# ## Mask what is not a word
#
# A batch is a rectangle. `words.batch` fills up shorter sentences with zeros, which is called
# [padding](glossary.md#padding), and its second result, the *mask*, is True for real words.

# %% slideshow={"slide_type": "skip"}
three = ["a boat", "a red heart falls quickly", "somebody"]
x, mask = words.batch(three)
print(tuple(x.shape))
print(mask.int())

# %% [markdown] slideshow={"slide_type": "skip"}
# With the mask, pooling the rectangle gives the same as pooling the sentences one by one, whatever stands in the
# padding.

# %% slideshow={"slide_type": "skip"}
K = pool.clusters.shape[1]
centres = pool.clusters, pool.clusters2[0]
plain = torch.zeros(K), torch.ones(K)
with torch.no_grad():
    alone = torch.stack([vlad(x[i, mask[i]], *centres, *plain) for i in range(3)])
    together = pool(x, mask)
    garbage = pool(torch.where(mask[..., None], x, 1000.0), mask)
for label, vectors in {"one by one": alone, "with garbage": garbage}.items():
    print(f"{label}: largest difference {(vectors - together).abs().max():.4f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## The trap: zeros are words too
#
# The public code for this model had no mask here. It filled up with zeros and pooled over everything, on the assumption
# that a zero adds nothing to a sum. But look at step 1: the inner product of zero with each $c_k$ is 0, and a softmax
# of equal numbers is $1/K$ each. In step 2 the residual of zero is $0 - c'_k$. So a zero acts like a word of its own,
# at the origin, and every centre gets a share of it.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "02_padding",
    "The lesson's six points and three centres, each with its scaled sum: 24 zeros "
    "turn all three arrows to the origin, whatever the words are.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# > **Predict.** Take all test captions of eight words, and fill them up to 30 places, as is usual, and to 60. What is
# > the cosine between the vector with padding and the true one?


# %% slideshow={"slide_type": "slide"}
def with_padding(x, length, seed):
    """Mean cosine with the true vector; and of two different captions, both padded."""
    torch.manual_seed(seed)
    pool = NetVLAD(clusters=16, dim=50).eval()
    with torch.no_grad():
        true, wrong = pool(x), pool(F.pad(x, (0, 0, 0, length - 8)))
    return float((true * wrong).sum(1).mean()), similarity(wrong)


x, mask = clips.text(captions)
eight = x[mask.sum(1) == 8, :8]
lengths = [8, 12, 20, 30, 60, 120, 250, 500, 1000]
results = [[with_padding(eight, n, seed) for n in lengths] for seed in range(3)]
to_truth, to_others = torch.tensor(results).mean(0).T  # mean of three seeds
for n in (8, 30, 60):
    print(f"{n:>2} places: cosine with the truth ≈ {to_truth[lengths.index(n)]:.2f}")
print(f"two different captions without padding: ≈ {to_others[0]:.2f}")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert to_truth[0] > 0.999 and 0.7 < to_truth[3] < 0.9 and 0.5 < to_truth[4] < 0.75
assert abs(to_truth[3] - to_others[0]) < 0.1, "as far as from a stranger"
assert (to_truth.diff() < 0).all() and (to_others.diff() > 0).all()

# %% [markdown] slideshow={"slide_type": "skip"}
# Two *different* captions without padding have ≈ 0.85. So padding a caption to 30 places changes its vector about as
# much as taking another caption would. Where does it go? Pad it further.

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
figure, axis = plt.subplots()
axis.plot(lengths, to_truth, marker="o", label="with its own vector, unpadded")
axis.plot(lengths, to_others, marker="s", label="with another caption, padded too")
axis.set_xscale("log")
axis.set_xticks([8, 30, 60, 250, 1000], ["8", "30", "60", "250", "1000"])
axis.minorticks_off()
axis.set(xlabel="places that 8 words are padded to", ylabel="cosine", ylim=(0, 1.05))
axis.legend(loc="lower left")
show(
    figure,
    "With more padding the cosine with a caption's own vector falls from 1 to about "
    "0.8 at 30 places, 0.6 at 60 and 0.3 at 1000, while that with other captions "
    "rises from 0.85 to 1.",
    "The more padding, the further a caption is from itself, and the nearer to others.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# All captions go to one point. Padding is the same for all, so with enough padding all vectors are the same: column $k$
# becomes the direction of $-c'_k$, whatever the words.

# %% slideshow={"slide_type": "skip"}
with torch.no_grad():
    far = pool(F.pad(eight[:4], (0, 0, 0, 50_000)))
    limit = F.normalize(F.normalize(-pool.clusters2[0], dim=0).flatten(), dim=0)
print("cosines of four captions with that point:", far @ limit)

# %% [markdown] slideshow={"slide_type": "skip"}
# Padding does a second harm, in training: the batch norm takes its statistics from all rows, and most rows are padding.
# One pass over the test captions in `train()` mode, with the mask and without, shows which variance the layer then
# keeps.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
x, mask = clips.text(captions, max_words=30)
print(f"{1 - mask.sum() / (len(mask) * 30):.0%} of the rows are padding")
torch.manual_seed(0)
masked, unmasked = NetVLAD(16, 50), NetVLAD(16, 50)
unmasked.load_state_dict(masked.state_dict())
with torch.no_grad():
    for start in range(0, len(x) - 64, 64):
        part = slice(start, start + 64)
        masked(x[part], mask[part])
        unmasked(x[part])
ratio = unmasked.batch_norm.running_var / masked.batch_norm.running_var
print(f"running variance with padding / without: ≈ {ratio.mean():.2f}")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert 0.4 < ratio.mean() < 0.8

# %% [markdown] slideshow={"slide_type": "skip"}
# With padding the layer keeps only ≈ 0.57 of the variance that the words have: the zeros make the spread of the inner
# products look smaller than it is.
#
# The third harm is the one that users notice. Batches are often filled up to the longest sentence in them.
#
# > **Predict.** Pool one sentence beside a short one, and beside a long one. What is the cosine of its two vectors
# > without the mask? And with the mask?

# %% slideshow={"slide_type": "skip"}
query = "a red boat"
short = "a ball"
long = "a person with red hair and a beard looks at us while a butterfly goes round"
pairs = [words.batch([query, neighbour]) for neighbour in (short, long)]
with torch.no_grad():
    without = [pool(x)[0] for x, _ in pairs]
    with_mask = [pool(x, mask)[0] for x, mask in pairs]
for label, (first, second) in {"without": without, "with": with_mask}.items():
    print(f"{label:<8} the mask: cosine ≈ {first @ second:.2f}")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert without[0] @ without[1] < 0.85
torch.testing.assert_close(*with_mask)

# %% [markdown] slideshow={"slide_type": "slide"}
# With the mask a sentence has one vector, whatever stands beside it in the batch.
#
# > **Aside.** In `train()` mode a batch norm looks at the whole batch by design, mask or not; so searching and testing
# > are done in `eval()` mode.
#
# ## Summary
#
# - Word vectors know which words stand beside which in text. Opposites are near, some synonyms are far, and sums often
#   do not work out.
# - A mean loses which word goes with which, and makes all captions alike.
# - NetVLAD shares each word out among centres, sums the residuals of each centre, scales each sum and then the whole.
#   It tells apart sets that have the same mean; the order of words it loses too.
# - To NetVLAD a zero is a word. Padding eight words to 30 places changes their vector about as much as taking another
#   caption, two thirds of the batch norm's rows are padding, and the other sentences of a batch change the vector.
# - With a mask the padding changes nothing, whatever stands in it.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# Ten questions: choose an answer, and read why it is right or wrong.

# %% tags=["quiz", "remove-input"]
from lesson import quiz

quiz("02")

# %% [markdown]
# ## Exercises
#
# 1. The mean with a mask.
# 2. Set NetVLAD's parameters so that it gives the mean's direction.
# 3. Find captions that no pooling can tell apart, and write two of your own.
#
# Write them in the [exercise notebook](exercises/02_words_and_netvlad.ipynb); one way to do it is in the
# [solutions](solutions/02_words_and_netvlad.ipynb).
#
# ## Where next
#
# There is one vector per sentence. There is one per clip and expert, too: the rows of a clip's sound are pooled by a
# NetVLAD of their own. How do they come into a common space?
# [What does a gate do that a linear layer does not?](03_gating.ipynb) Or back to
# [clips and experts](01_clips_and_experts.ipynb).
