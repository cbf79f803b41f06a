# %% [markdown]
# # How do any number of words become one vector?
#
# **You will learn** what a word vector knows and does not know; what the mean of word vectors loses; how NetVLAD
# pools any number of vectors into one, step by step on six points; and what padding does to it when nobody looks.
#
# **You need** PyTorch tensors, softmax, and [the lesson before](01_clips_and_experts.ipynb) for where captions come
# from.
#
# **Minutes** 45

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/02_words_and_netvlad.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F02_words_and_netvlad.ipynb)

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
import torch.nn.functional as F
from lesson import show

from mee import read_clips
from mee.data import tokenize

torch.set_printoptions(precision=2, sci_mode=False)
clips = read_clips("data/tinyclips.h5")
words = clips.words

# %% [markdown]
# ## A word is a vector
#
# The clip file holds a *vocabulary*: words, and for each a vector of 50 numbers. They are
# [GloVe](glossary.md) vectors, learnt long before this book from which words stand near each other in a great
# amount of text. They have seen no film.

# %%
print(len(words), "words of", words.dim, "numbers")
print("ship:", words.vectors[words.index["ship"]][:6].float(), "...")

# %% [markdown]
# The numbers by themselves say nothing. What means something is the angle between two of them: *cosine* 1 is the same
# direction, 0 a right angle. Which three words do you expect nearest to *ship*? To *red*? To *umbrella*?

# %%
directions = F.normalize(words.vectors.float(), dim=1)  # (words, 50), each of length 1


def vector(word):
    return words.vectors[words.index[word]].float()


def nearest(x, count=3, without=()):
    """The words whose vectors have the largest cosine with x."""
    cosines = directions @ F.normalize(x, dim=0)
    cosines[[words.index[word] for word in without]] = -1
    return [words.words[i] for i in cosines.topk(count).indices]


for word in ("ship", "red", "drum", "umbrella"):
    print(f"{word:<9}", ", ".join(nearest(vector(word), without=[word])))
assert nearest(vector("ship"), without=["ship"])[0] == "vessel"
assert "alliance" in nearest(vector("umbrella"), without=["umbrella"])

# %% [markdown]
# A ship is a vessel, good. Red is *yellow*: words in the same places are near, whether they mean the same or not. And
# to newspapers an umbrella is an organisation. Predict the order of these pairs, nearest first, before you look.


# %%
def cosine(a, b):
    return float(directions[words.index[a]] @ directions[words.index[b]])


opposites = [("up", "down"), ("red", "blue"), ("rising", "falling"), ("high", "low"), ("left", "right")]
same = [("car", "automobile"), ("spins", "rotates"), ("ship", "sailboat"), ("mushroom", "toadstool")]
for pairs in (opposites, same):
    print("   ".join(f"{a}/{b} {cosine(a, b):.2f}" for a, b in pairs))
assert min(cosine(*pair) for pair in opposites) > max(cosine(*pair) for pair in same)

# %% [markdown]
# All of these opposites are nearer to each other than any of these synonyms. For a model that is to tell rising films
# from falling ones this is the raw material: it must learn to turn a small difference into a large one, and a large
# one into none.
#
# You may have heard that one can *calculate* with word vectors: king - man + woman is queen. Here are six such sums.
# How many come out?

# %%
sums = """man king woman queen, france paris germany berlin, he his she her,
          big bigger small smaller, left right up down, slow slowly quick quickly"""
correct = 0
for a, b, c, wanted in (line.split() for line in sums.split(",")):
    found = nearest(vector(b) - vector(a) + vector(c), 1, without=[a, b, c])[0]
    correct += found == wanted
    print(f"{b} - {a} + {c} = {found}" + ("" if found == wanted else f", not {wanted}"))
assert correct == 3
assert nearest(vector("king") - vector("man") + vector("woman"), 1) == ["king"], "if we may say king itself"

# %% [markdown]
# Half of them, on a list that we chose. And there is some cheating in it, as everywhere: the three words of the sum
# are not allowed as answers. Were they, *king* would win, not *queen*. Don't expect arithmetic from these vectors;
# expect neighbourhoods.
#
# ## A sentence is some vectors
#
# Split it into words, look each up. A sentence of five words is a tensor (5, 50).

# %%
text = "a small boat sinks slowly"
sentence = torch.stack([vector(word) for word in tokenize(text)])
print(tuple(sentence.shape))
batch, mask = words.batch([text])
torch.testing.assert_close(sentence, batch[0])
assert mask.all() and words.unknown("a qwertyuiop sinks") == ["qwertyuiop"], "words without a vector are left out"

# %% [markdown]
# The next sentence may have two words or twenty. But what comes next in the model, a linear layer, wants one vector
# of fixed size. The simplest way to get one is the **mean**. What is lost? Predict whether these two sentences have
# the same mean.


# %%
def mean(text):
    return torch.stack([vector(word) for word in tokenize(text)]).mean(0)


one, other = mean("a red ball and a blue kite"), mean("a blue ball and a red kite")
print("same mean:", torch.allclose(one, other, atol=1e-6))
assert torch.allclose(one, other, atol=1e-6)

# %% [markdown]
# Which colour goes with which thing: gone. Keep that in mind; it comes back. The second loss is more mathematical:
# very different sets of points have the same mean. And the third is seen on real captions: all are full of *a*,
# *and*, *with*, so all means look alike. We take 300 test captions, and the mean cosine of all pairs.

# %%
captions, _ = clips.captions_of(clips.clips_in("test"))
x, mask = clips.text(captions[:300])  # (300, longest, 50), (300, longest)


def likeness(vectors):
    """The mean cosine of all pairs of rows."""
    unit = F.normalize(vectors, dim=1)
    n = len(unit)
    return float(((unit @ unit.T).sum() - n) / (n * (n - 1)))


means = x.sum(1) / mask.sum(1, keepdim=True)
print(f"means of two captions: cosine {likeness(means):.1f}")
assert likeness(means) > 0.8

# %% [markdown]
# ## NetVLAD on six points
#
# [NetVLAD](references.md) asks more of the points than where their middle is. It has $K$ *centres*, and for each it
# notes how the points near that centre lie around it. We do it with six words of two numbers ($D = 2$) and three
# centres.
#
# There are two vectors for each centre: $c_k$, with which points are compared, and $c'_k$, from which the way to them
# is measured. In a trained model both are learnt; here we set them by hand. As in the library, a centre is a
# *column*.

# %%
points = torch.tensor([[2.0, 0.4], [1.7, -0.3], [0.3, 1.5], [-0.3, 1.9], [-1.5, -1.2], [0.95, 1.0]])  # (6, D)
c = torch.tensor([[5.0, 0.0, -4.0], [0.0, 5.0, -4.0]])  # (D, K)
c2 = torch.tensor([[1.4, 0.2, -1.2], [0.2, 1.2, -1.6]])  # (D, K)

figure, axis = plt.subplots(figsize=(4.6, 3.6))
axis.scatter(*points.T, color="#202020", zorder=3, label="points (words)")
axis.scatter(*c2, marker="X", s=110, color="#d1660a", label="centres $c'_k$")
for i, (h, v) in enumerate(points.tolist()):
    axis.annotate(f"{i}", (h, v), xytext=(5, 5), textcoords="offset points")
for k, (h, v) in enumerate(c2.T.tolist()):
    axis.annotate(f"centre {k}", (h, v), xytext=(-8, -4), textcoords="offset points", color="#a04a00", ha="right")
axis.set(xlabel="first number", ylabel="second number", xlim=(-2.4, 3), ylim=(-2.4, 2.4))
axis.legend(loc="lower right")
show(figure, """Points 0 and 1 lie on the right near centre 0, points 2 and 3 at the top near centre 1, point 4 at the
     lower left near centre 2, and point 5 between centres 0 and 1.""")

# %% [markdown]
# **Step 1: who belongs where?** The inner product of each point with each $c_k$, then a softmax over the centres. One
# of the six points should be torn between two centres. Which? (How sharply the others decide is a matter of the
# length of the $c_k$: twice as long, twice as sure.)

# %%
assignment = torch.softmax(points @ c, dim=1)  # (6, K): a_ik
print(assignment)
assert torch.allclose(assignment.sum(1), torch.ones(6))
assert assignment.max(1).values.argmin() == 5

# %% tags=["hide-input"]
figure, axis = plt.subplots(figsize=(6, 2.4))
left = torch.zeros(6)
for k, (colour, hatch) in enumerate(zip(("#4a7fb5", "#d1660a", "#b8b8b8"), ("", "//", ".."), strict=True)):
    axis.barh(range(6), assignment[:, k], left=left, color=colour, hatch=hatch, edgecolor="white", label=f"centre {k}")
    left += assignment[:, k]
axis.invert_yaxis()
axis.set_yticks(range(6))
axis.set(xlabel="share", ylabel="point")
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
show(figure, """Points 0 and 1 go nearly whole to centre 0, points 2 and 3 to centre 1, point 4 to centre 2; point 5 is
     shared nearly half and half by centres 0 and 1.""")

# %% [markdown]
# **Step 2: residuals.** For each point and centre the way from the centre to the point, $x_i - c'_k$, counted
# by the point's share, and added up over the points:
#
# $$V_k = \sum_i a_{ik}\,(x_i - c'_k).$$
#
# Point 0 lies 0.6 to the right of centre 0 and 0.2 above it. What will the first row print?

# %%
residuals = points[:, :, None] - c2  # (6, D, K)
print(residuals[0, :, 0], residuals[1, :, 0])
V = (assignment[:, None, :] * residuals).sum(0)  # (D, K)
print(V)

# %% tags=["hide-input"]
figure, axis = plt.subplots(figsize=(4.6, 3.6))
for k, (colour, style) in enumerate(zip(("#4a7fb5", "#d1660a", "#777777"), ("-", "--", ":"), strict=True)):
    for i, point in enumerate(points):
        if assignment[i, k] > 0.05:
            axis.plot(*torch.stack([c2[:, k], point]).T, style, color=colour, linewidth=0.5 + 2 * assignment[i, k])
    axis.annotate(f"$V_{k}$", (c2[:, k] + V[:, k]).tolist(), xytext=(4, 4), textcoords="offset points")
axis.scatter(*points.T, color="#202020", zorder=3)
axis.scatter(*c2, marker="X", s=110, color="#d1660a", zorder=3)
axis.quiver(*c2, *V, angles="xy", scale_units="xy", scale=1, width=0.01, color="#202020", zorder=4)
axis.set(xlabel="first number", ylabel="second number", xlim=(-2.2, 3), ylim=(-2.4, 2.4))
show(figure, """Lines join each centre with the points that it shares in, thicker for a larger share; from each centre a
     black arrow shows the sum of these ways: to the right of centre 0, up from centre 1, up and left from
     centre 2.""")

# %% [markdown]
# One can compute the same without the big tensor (6, D, K): take the sum apart. This is what the library does, since
# a batch of captions would make that tensor very large.

# %%
torch.testing.assert_close(V, points.T @ assignment - c2 * assignment.sum(0))

# %% [markdown]
# **Step 3: intra-normalisation.** Each $V_k$ is scaled to length 1. Why? Say point 0 a hundred times. Its
# centre's $V_0$ grows, and the others are dwarfed: the vector says *point 0* and nothing else. Which of the two
# cosines, with the vector of six points, will be near 1?


# %%
def pooled(points, intra=True):
    """V (D, K) of a set of points, each column of length 1 if `intra`."""
    share = torch.softmax(points @ c, dim=1)
    V = points.T @ share - c2 * share.sum(0)
    return F.normalize(V, dim=0) if intra else V


shouted = torch.cat([points, points[:1].expand(99, 2)])  # point 0 a hundred times
for intra in (True, False):
    a, b = (pooled(some, intra).flatten() for some in (points, shouted))
    agreement = F.cosine_similarity(a, b, dim=0)
    print("with" if intra else "without", f"intra-normalisation: {agreement:.2f}")
    assert agreement > 0.9 if intra else agreement < 0.8

# %% [markdown]
# **Step 4: one vector.** Put the numbers of V (D, K) in a row, and scale the row to length 1. In which order? V is
# flattened as it lies in memory: first the first number of all centres, then the second of all. So the $K$ values of
# one *dimension* are neighbours, not the $D$ values of one centre. It makes no difference to a model that is trained
# so; it makes all the difference when weights come from elsewhere.

# %%
by_hand = F.normalize(pooled(points).flatten(), dim=0)  # (D * K,)
labels = [f"d{d} k{k}" for d in range(2) for k in range(3)]
print("   ".join(f"{label} {value:.2f}" for label, value in zip(labels, by_hand, strict=True)))
torch.testing.assert_close(by_hand.reshape(2, 3) * 3**0.5, pooled(points))

# %% [markdown]
# Each of the three columns has length 1, so all six numbers together have a length of $\sqrt 3$ and are divided by
# that. Hence the factor in the last line.
#
# Now the library. `NetVLAD(clusters, dim)` has the same two tensors, and one thing more: between the inner products
# and the softmax stands a *batch normalisation* (BN), which shifts and scales each centre's inner products. In a
# fresh layer in `eval()` mode it has mean 0 and variance 1 to work with, so it does nothing that can be seen.

# %%
from mee import NetVLAD

netvlad = NetVLAD(clusters=3, dim=2).eval()
with torch.no_grad():
    netvlad.clusters.copy_(c)
    netvlad.clusters2.copy_(c2[None])
    packaged = netvlad(points[None])  # items, rows, D: one item here
torch.testing.assert_close(by_hand[None], packaged, atol=1e-4, rtol=0)

other_order = F.normalize(pooled(points).T.flatten(), dim=0)
assert not torch.allclose(other_order, packaged[0], atol=0.1), "centre by centre is another vector"

# %% [markdown]
# In training the same layer takes mean and variance from the rows of the batch, all words of all its sentences, and
# keeps a running mean of both for later. By hand, and with it the whole of NetVLAD in three lines:


# %%
def vlad(points, c, c2, mean, variance):
    """NetVLAD of one set of points (n, D), by hand: (D * K,). mean, variance (K,): of the batch norm."""
    share = torch.softmax((points @ c - mean) / torch.sqrt(variance + 1e-5), dim=1)
    V = points.T @ share - c2 * share.sum(0)
    return F.normalize(F.normalize(V, dim=0).flatten(), dim=0)


products = points @ c
mean_, variance = products.mean(0), products.var(0, correction=0)
netvlad.train()
with torch.no_grad():
    torch.testing.assert_close(vlad(points, c, c2, mean_, variance)[None], netvlad(points[None]))
netvlad.eval()  # back to the running statistics, which have gone a tenth of the way from 0
torch.testing.assert_close(netvlad.batch_norm.running_mean, 0.1 * mean_)

# %% [markdown]
# ## What NetVLAD keeps, and what it loses
#
# Two pairs of points with the same mean, zero. The mean cannot tell them apart. NetVLAD?

# %%
across = torch.tensor([[2.0, 0.0], [-2.0, 0.0]])
upright = torch.tensor([[0.0, 2.0], [0.0, -2.0]])
plain = torch.zeros(3), torch.ones(3)  # a batch norm that does nothing
apart = F.cosine_similarity(vlad(across, c, c2, *plain), vlad(upright, c, c2, *plain), dim=0)
print(f"means {across.mean(0).tolist()} and {upright.mean(0).tolist()}; NetVLAD's vectors have a cosine of {apart:.1f}")
assert apart < 0.9

# %% [markdown]
# It can. But shuffle the points: a sum does not care. The red ball and the blue kite are as lost as before, and so
# are *dog bites man* and *man bites dog*. No set of centres can mend that; it is the price of not looking at order.

# %%
torch.manual_seed(0)
pool = NetVLAD(clusters=16, dim=50).eval()  # random centres; 32 in the paper
with torch.no_grad():
    swapped, mask = words.batch(["a red ball and a blue kite", "a blue ball and a red kite"])
    descriptors = pool(swapped, mask)
print(tuple(descriptors.shape))
torch.testing.assert_close(descriptors[0], descriptors[1])

# %% [markdown]
# And captions as a whole: are they less alike now than their means were? With random centres, before any training?

# %%
x, mask = clips.text(captions[:300])
with torch.no_grad():
    after = likeness(pool(x, mask))
print(f"cosine of two captions: means {likeness(means):.1f}, NetVLAD with random centres {after:.1f}")
assert 0.7 < after < 0.95

# %% [markdown]
# No: hardly less. NetVLAD is no magic; it is a shape with room in it, 800 numbers instead of 50, and parameters that
# training can move.
#
# ## The mask
#
# A batch is a rectangle. `words.batch` fills up shorter sentences with zeros, and its second result, the *mask*, is
# True for real words. How many Trues for these three?

# %%
three = ["a boat", "a red heart falls quickly", "somebody"]
x, mask = words.batch(three)
print(tuple(x.shape))
print(mask.int())
assert mask.sum() == 8 and (x[~mask] == 0).all()

# %% [markdown]
# With the mask the rectangle is as good as the sentences one by one. By hand each alone, without any pad, against the
# library's one call; and then with garbage in place of the zeros. (A sentence without any word gives a zero vector.)

# %%
with torch.no_grad():
    K = pool.clusters.shape[1]
    alone = [vlad(x[i, mask[i]], pool.clusters, pool.clusters2[0], torch.zeros(K), torch.ones(K)) for i in range(3)]
    together = pool(x, mask)
    garbage = pool(torch.where(mask[..., None], x, 1000.0), mask)
    nothing = pool(*words.batch(["qwertyuiop"]))
torch.testing.assert_close(torch.stack(alone), together)
torch.testing.assert_close(garbage, together)
assert (nothing == 0).all()

# %% [markdown]
# ## The trap: zeros are words too
#
# The public code for this model had no mask here. It filled up with zeros and pooled over everything, on the thought
# that a zero adds nothing to a sum. Look at step 1: the inner product of zero with each $c_k$ is 0, and a softmax of
# equal numbers is $1/K$ each. Then step 2: its residual is $0 - c'_k$. So a pad is a word in the middle of nowhere
# that every centre owns a share of. Take all test captions of eight words and fill up to 30, as is usual, and to 60.
# What does the cosine between the vector with pads and the true one become?

# %%
x, mask = clips.text(captions)
eight = mask.sum(1) == 8
x = x[eight, :8]


def padded_to(length):
    return F.pad(x, (0, 0, 0, length - 8))  # zeros, and no word said about them


def with_pads(length, seed):
    """Mean cosine with the true vector; and of two different captions, padded both."""
    torch.manual_seed(seed)
    pool = NetVLAD(clusters=16, dim=50).eval()
    with torch.no_grad():
        true, wrong = pool(x), pool(padded_to(length))
    return float((true * wrong).sum(1).mean()), likeness(wrong)


lengths = [8, 12, 20, 30, 60, 120, 250, 500, 1000]
results = torch.tensor([[with_pads(length, seed) for length in lengths] for seed in range(3)])  # (3, 9, 2)
to_truth, to_others = results.mean(0).T
print(len(x), "captions of 8 words, cosine with the truth")
for length in (8, 30, 60):
    print(f"    in {length:>2} places: {to_truth[lengths.index(length)]:.1f}")
assert to_truth[0] > 0.999 and 0.7 < to_truth[3] < 0.9 and 0.5 < to_truth[4] < 0.75

# %% [markdown]
# About 0.8, then about 0.6. Remember that two *different* captions have 0.8 with each other: padded to 30, a sentence
# is as far from itself as from a stranger. Where does it go? Follow it further.

# %%
assert abs(to_truth[lengths.index(30)] - to_others[lengths.index(8)]) < 0.1, "as far as from a stranger"
figure, axis = plt.subplots()
axis.plot(lengths, to_truth, marker="o", label="with its own vector, without pads")
axis.plot(lengths, to_others, marker="s", label="with another caption, padded too")
axis.set_xscale("log")
axis.set_xticks([8, 30, 60, 250, 1000], ["8", "30", "60", "250", "1000"])
axis.minorticks_off()
axis.set(xlabel="places that 8 words are padded to", ylabel="cosine", ylim=(0, 1.05))
axis.legend(loc="lower left")
show(figure, """With more pads the cosine with a caption's own vector falls from 1 to about 0.8 at 30 places, 0.6 at 60
     and 0.3 at 1000, while that with other captions rises from 0.85 to 1.""")
assert (to_truth.diff() < 0).all() and (to_others.diff() > 0).all()

# %% [markdown]
# All captions go to one point. Pads are the same for everybody, so with enough of them everybody says the same:
# column $k$ becomes the direction of $-c'_k$, whatever the words.

# %%
with torch.no_grad():
    far = pool(F.pad(x[:5], (0, 0, 0, 100_000)))
    limit = F.normalize(F.normalize(-pool.clusters2[0], dim=0).flatten(), dim=0)
print("cosine with the limit:", far @ limit)
assert (far @ limit > 0.99).all()

# %% [markdown]
# In training there is a second damage. The batch norm takes its statistics from all rows. What share of them are
# pads, if all captions are filled up to 30? (Captions have ten words on average.)

# %%
x, mask = clips.text(captions, max_words=30)
length = mask.sum(1).float()
pads = 1 - length.mean() / 30
print(f"a caption has {length.mean():.0f} words; {pads:.0%} of the rows are pads")
assert 0.6 < pads < 0.7

# %% [markdown]
# Two thirds. One pass over the test captions in `train()` mode, once with the mask and once without, shows what the
# layer then believes about its inner products: the zeros make the spread look smaller than it is for words.

# %%
torch.manual_seed(0)
masked, unmasked = NetVLAD(16, 50), NetVLAD(16, 50)
unmasked.load_state_dict(masked.state_dict())
with torch.no_grad():
    for start in range(0, len(x) - 64, 64):
        masked(x[start : start + 64], mask[start : start + 64])
        unmasked(x[start : start + 64])
ratio = (unmasked.batch_norm.running_var / masked.batch_norm.running_var).mean()
print(f"running variance with pads / without: {ratio:.1f}")
assert 0.4 < ratio < 0.8

# %% [markdown]
# And a third, the one that users notice. Where the length to fill up to is that of the longest sentence in the batch,
# the *same sentence* gets another vector in other company. Here is one sentence, once beside a short one and once
# beside a long one; without the mask, and with it.

# %%
query = "a red boat"
beside = ["a ball", "a person with red hair and a beard looks at us while a black butterfly goes round in circles"]
vectors = {}
with torch.no_grad():
    for masked in (False, True):
        both = [words.batch([query, neighbour]) for neighbour in beside]
        vectors[masked] = [pool(x, mask if masked else None)[0] for x, mask in both]
for masked, (first, second) in vectors.items():
    print("with the mask:   " if masked else "without the mask:", f"cosine {first @ second:.1f}")
assert vectors[False][0] @ vectors[False][1] < 0.85
torch.testing.assert_close(vectors[True][0], vectors[True][1])

# %% [markdown]
# One sentence, one vector. (In `eval()` mode: in `train()` mode a batch norm looks at the whole batch by design, mask
# or not. That is why searching and testing are done in `eval()`.)
#
# ## Summary
#
# - Word vectors know who stands beside whom in text. Opposites are near, some synonyms are far, and sums seldom work
#   out.
# - A mean loses who goes with whom, and makes all captions alike.
# - NetVLAD shares each word out among centres, adds up the ways from the centres to the words, scales each sum and
#   then the whole. It tells apart sets that have the same mean; the order of words it loses too.
# - A zero is a word to it. Eight words in 30 places are as far from themselves as from another caption, two thirds of
#   the batch norm's rows are pads, and company changes the vector.
# - With a mask none of this happens, whatever stands in the pads.
#
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
# One vector a sentence, and one a clip and expert. How do they come into a common space?
# [What does a gate do that a linear layer does not?](03_gating.ipynb) Or back to
# [clips and experts](01_clips_and_experts.ipynb).
