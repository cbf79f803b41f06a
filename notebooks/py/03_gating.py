# %% [markdown] slideshow={"slide_type": "slide"}
# # What does a gated embedding unit do that a linear layer does not?
#
# **You will learn** what a linear layer cannot choose; to build context gating and the gated embedding unit by hand,
# batch normalisation included; to look at the gates of a trained model and tell what moves them from chance; and what
# comes out when nothing goes in.
#
# **You need** tensors and matrix products, and [lesson 01](01_clips_and_experts.ipynb) for the clips.
#
# **Minutes** 60

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/03_gating.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F03_gating.ipynb)

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

torch.set_printoptions(precision=2, sci_mode=False)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A choice that no matrix makes
#
# Four sentences and two clips. In one clip a lamp is on, in the other it is off, and the sentences say nothing about
# lamps:
#
# | | in a room | in the street |
# | --- | --- | --- |
# | **bright** | the lamp is on | the sun shines: off |
# | **dark** | off | the lamp is on |
#
# Each sentence is two numbers: 1 for bright and -1 for dark, 1 for street and -1 for room. What *bright* says about the
# lamp depends on the place, its *context*. (Logicians call this table *exclusive or*.)

# %%
names = ["bright room", "dark room", "bright street", "dark street"]
sentences = torch.tensor([[1.0, -1.0], [-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
lamp = torch.tensor([0, 1, 1, 0])  # the right clip of each: 0 on, 1 off

# %% [markdown] slideshow={"slide_type": "subslide"}
# A linear layer makes $z = Wx + b$ of a sentence. It chooses the clip where the lamp is on if $z$ fits $c_\text{on}$
# better than $c_\text{off}$, that is, if the *lead* $(Wx + b) \cdot (c_\text{on} - c_\text{off})$ is above zero.
# Scaling $z$ to length 1 divides the lead by something positive and changes no sign.
#
# > **Predict.** Add the lead of *bright room* to that of *dark street*. And the lead of *dark room* to that of *bright
# > street*. How do the two sums compare, whatever $W$ and $b$ are?

# %%
generator = torch.Generator().manual_seed(0)


def random(*shape):
    return torch.randn(*shape, generator=generator)


lead = (sentences @ random(2, 8) + random(8)) @ (random(8) - random(8))
print("leads", lead)
print(f"sums {lead[0] + lead[3]:.2f} and {lead[1] + lead[2]:.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# They are equal: the inputs of both pairs add up to (0, 0), and a linear layer keeps sums. But the leads of the first
# pair should both be positive, and those of the second both negative. **No linear layer gets all four right.** How many
# can it get? Here are a thousand random ones.

# %%
right = torch.zeros(1000)
for i in range(1000):
    lead = (sentences @ random(2, 8) + random(8)) @ random(8)
    right[i] = ((lead > 0) == (lamp == 0)).sum()
print("sentences right, of 4: at most", int(right.max()))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A gate by hand
#
# **Context gating** multiplies each dimension of a vector by a *gate* between 0 (shut) and 1 (open), and each gate may
# look at all dimensions:
#
# $$z_2 = z_1 \circ \sigma(W_2 z_1 + b_2), \qquad \sigma(a) = \frac{1}{1 + e^{-a}}.$$
#
# For the lamp, let $z_1$ hold *bright* twice and *street* once. The first gate opens in a room, the second in a street,
# the third stays shut.
#
# > **Predict.** What does *dark street*, $z_1 = (-1, -1, 1)$, become?

# %%
W1 = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
W2 = torch.tensor([[0.0, 0.0, -5.0], [0.0, 0.0, 5.0], [0.0, 0.0, 0.0]])
b2 = torch.tensor([0.0, 0.0, -5.0])

z1 = sentences @ W1.T
gates = torch.sigmoid(z1 @ W2.T + b2)
z2 = z1 * gates
for name, row, gate in zip(names, z2, gates, strict=True):
    print(f"{name:<14} gates", gate, " gated", row)

# %% [markdown] slideshow={"slide_type": "subslide"}
# One of the two *bright* is silenced, the other speaks: the same dimension means something else in another context. A
# clip where the lamp is on wants the first high and the second low; the other clip wants the opposite.

# %%
on = F.normalize(torch.tensor([1.0, -1.0, 0.0]), dim=0)
scores = F.normalize(z2, dim=1) @ torch.stack([on, -on], 1)  # (sentences, clips)
for name, row, clip in zip(names, scores, lamp, strict=True):
    print(f"{name:<14} on {row[0]:+.2f}, off {row[1]:+.2f}", end="; ")
    print("right:", ("on", "off")[clip])

# %% [markdown]
# All four are right. Note what a gate cannot do: it is never negative, so it turns nothing round. It can only choose,
# dimension by dimension, what is heard. That is why *bright* had to be there twice.
#
# > **Aside.** Dividing by the length is not linear either. With one clip and several sentences it matters, as each
# > sentence has a length of its own. Exercise 2 is about that.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The formula
#
# A **gated embedding unit** is a linear layer, context gating, and scaling to length 1: equations 1 to 3 of [the
# paper](references.md), with the letters of our [notation](notation.md).
#
# $$
# z_1 = W_1 x + b_1, \qquad
# z_2 = z_1 \circ \sigma(W_2 z_1 + b_2), \qquad
# z = z_2 / \lVert z_2 \rVert.
# $$
#
# As a function, it is three lines. The library's `GatedEmbeddingUnit` has the same four tensors under names of its own.

# %%
from mee import GatedEmbeddingUnit


def gated_unit(x, W1, b1, W2, b2):
    z1 = x @ W1.T + b1
    z2 = z1 * torch.sigmoid(z1 @ W2.T + b2)
    return z2 / z2.pow(2).sum(1, keepdim=True).sqrt()


b1 = random(3)
unit = GatedEmbeddingUnit(2, 3).eval()
ours = {"fc.weight": W1, "fc.bias": b1, "cg.fc.weight": W2, "cg.fc.bias": b2}
unit.load_state_dict(ours, strict=False)
with torch.no_grad():
    by_library = unit(sentences)
by_hand = gated_unit(sentences, W1, b1, W2, b2)
torch.testing.assert_close(by_library, by_hand, atol=1e-4, rtol=0)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The line that the paper does not print
#
# Why `strict=False`, and why not equal to the last digit? The paper's code has one step more, **batch normalisation**
# inside the gate: $\sigma(\mathrm{BN}(W_2 z_1 + b_2))$. In a fresh layer it does next to nothing. In training it keeps
# gates from being all open or all shut: each column has its mean subtracted and is divided by its standard deviation,
# both over the rows of the *batch*, and is then scaled and shifted by two learnt numbers (1 and 0 at first).
#
# > **Predict.** A sentence comes in a batch of six, and once more in a batch of three. Are its gates the same?


# %%
def batch_norm(a):
    return (a - a.mean(0)) / (a.var(0, correction=0) + 1e-5).sqrt()


z1, W2, b2 = random(6, 3), random(3, 3), random(3)  # six rows, and another gate
gates = torch.sigmoid(batch_norm(z1 @ W2.T + b2))
fewer = torch.sigmoid(batch_norm(z1[:3] @ W2.T + b2))
print("row 0 in a batch of six:  ", gates[0])
print("row 0 in a batch of three:", fewer[0])

# %% [markdown] slideshow={"slide_type": "subslide"}
# The same row, other gates. In training one lives with it. To *use* a model one cannot: a query must not depend on who
# else is asking. So the layer collects **running** means and variances while it trains, and uses those afterwards
# ([lesson 02](02_words_and_netvlad.ipynb) has them by hand). PyTorch calls the two ways `train()` and `eval()`. Here is
# the library's `ContextGating` in both.

# %%
from mee import ContextGating

gating = ContextGating(3)
gating.load_state_dict({"fc.weight": W2, "fc.bias": b2}, strict=False)
with torch.no_grad():
    torch.testing.assert_close(gating.train()(z1), z1 * gates)
    six, three = gating.eval()(z1), gating(z1[:3])
print("row 0 in eval mode, in a batch of six:  ", six[0])
print("row 0 in eval mode, in a batch of three:", three[0])

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Does it learn that by itself?
#
# We set the lamp's gates by hand. Can gradient descent find some? `GatedEmbeddingUnit(..., gating=False)` is the same
# unit without the gate. Both learn for a hundred steps from noisy sentences, together with the two clips' vectors. The
# loss asks that the right clip be ahead by 0.2.


# %%
def learn(gating, seed):
    torch.manual_seed(seed)
    unit = GatedEmbeddingUnit(2, 8, gating)
    clips = torch.randn(2, 8, requires_grad=True)
    adam = torch.optim.Adam([*unit.parameters(), clips], lr=0.05)
    for _ in range(100):
        which = torch.randint(4, (32,))
        noisy = sentences[which] + 0.2 * torch.randn(32, 2)
        scores = unit(noisy) @ F.normalize(clips, dim=1).T
        right = scores[range(32), lamp[which]]
        wrong = scores[range(32), 1 - lamp[which]]
        adam.zero_grad()
        (0.2 + wrong - right).clamp(min=0).mean().backward()
        adam.step()
    return unit.eval(), F.normalize(clips, dim=1).detach()


# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Predict.** Ten seeds each. How many of the four sentences does the linear unit get right at most?

# %%
learnt = {
    "linear": [learn(False, seed) for seed in range(10)],
    "gated": [learn(True, seed) for seed in range(10)],
}
right = {}
for label, pairs in learnt.items():
    with torch.no_grad():
        chosen = [(unit(sentences) @ clips.T).argmax(1) for unit, clips in pairs]
    right[label] = [int((each == lamp).sum()) for each in chosen]
    print(f"{label:<7} at least ≈ {min(right[label])}, at most ≈ {max(right[label])}")

# %% tags=["hide-cell", "check"]
assert max(right["linear"]) <= 3 and min(right["gated"]) == 4

# %% [markdown]
# The linear unit never gets past three, and the gated one always gets four. Here is what two of them think of all
# sentences in between. The white line is where they cannot decide.

# %% tags=["hide-input"]
side = torch.linspace(-1.6, 1.6, 65)
grid = torch.cartesian_prod(side, side)  # (points, 2): bright, street
figure, panels = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True)
box = {"fc": "white", "boxstyle": "round"}
for axes, label in zip(panels, learnt, strict=True):
    unit, clips = learnt[label][0]
    with torch.no_grad():
        lead = (unit(grid) @ (clips[0] - clips[1])).reshape(65, 65).T
    picture = axes.contourf(side, side, lead, levels=torch.linspace(-2, 2, 17))
    axes.contour(side, side, lead, levels=[0], colors="white", linewidths=2)
    for (x, y), clip in zip(sentences.tolist(), lamp.tolist(), strict=True):
        axes.text(x, y, ("on", "off")[clip], ha="center", va="center", bbox=box)
    axes.set(title=label, xlabel="dark to bright", aspect="equal")
panels[0].set_ylabel("room to street")
figure.colorbar(picture, ax=panels, label="lead of the lamp that is on")
show(
    figure,
    "Linear: one straight line, which leaves one of the four sentences on the wrong "
    "side. Gated: the plane falls into regions, and all four sentences lie in one of "
    "their own kind.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What gates do in a trained model
#
# Now a small model of TinyClips. `fit_clips` trains a model on the training clips in one line
# ([lesson 09](09_training.ipynb) opens it up). All that follows is measured on the validation split, so that the test
# split stays unseen.

# %%
from mee import fit_clips, read_clips

SMALL = {"epochs": 6, "dim": 64, "text_clusters": 8, "sequence_clusters": 4}
SMALL |= {"lr": 2e-3, "val": [], "progress": False}
clips = read_clips("data/tinyclips.h5")
model = fit_clips(clips, seed=0, **SMALL).model.cpu()
untrained = fit_clips(clips, seed=0, **{**SMALL, "epochs": 0}).model.cpu().eval()
clips = clips.to("cpu")  # training used a GPU if there is one; now all is small

val = clips.clips_in("val")
videos, ind, masks = clips.video(val)

# %% [markdown] slideshow={"slide_type": "subslide"}
# A unit's gates are three of its own parts in a row. `clips.video` has made a batch of the 500 validation clips. Here
# are the gates of two experts for them, 64 gates each, and those of a model that has learnt nothing.


# %%
def gates_of(model, name):
    unit = model.mee.video_GU[name]
    with torch.no_grad():
        return torch.sigmoid(unit.cg.batch_norm(unit.cg.fc(unit.fc(videos[name]))))


untrained_gates = gates_of(untrained, "appearance")
gates = {name: gates_of(model, name) for name in ("appearance", "motion")}
for label, g in {"untrained": untrained_gates, "trained": gates["appearance"]}.items():
    low, high = g.flatten().quantile(torch.tensor([0.05, 0.95]))
    print(f"appearance, {label}: nine of ten between ≈ {low:.2f} and ≈ {high:.2f}")

# %% tags=["hide-cell", "check"]
assert gates["appearance"].std(0).mean() > 4 * untrained_gates.std(0).mean()
assert 0.1 < low < 0.35 and 0.65 < high < 0.9

# %% [markdown] slideshow={"slide_type": "subslide"}
# Untrained gates stand near one half and hardly stir. Trained ones go up and down, though few of them all the way to 0
# or 1: they turn dimensions louder and softer rather than on and off.
#
# ### What moves them?
#
# If context moves the gates of appearance, their mean in one place should differ from that in another. As a control,
# take something that single pictures do not show: how the first thing in the film *moves*. Each row of the two pictures
# is the mean of one group of clips, less the mean of all clips.

# %% tags=["hide-input"] slideshow={"slide_type": "subslide"}
facts = [clips.facts[i] for i in val.tolist()]
contexts = {
    "place": [one["place"] for one in facts],
    "how it moves": [one["things"][0]["motion"] for one in facts],
    "sound": [one["sound"] for one in facts],
}


def group_means(g, labels):
    """Mean gates of each label, less those of all: (labels, dims). And members."""
    number = torch.tensor([sorted(set(labels)).index(label) for label in labels])
    members = F.one_hot(number).float()
    return (members.T @ g) / members.sum(0)[:, None] - g.mean(0), members


figure, panels = plt.subplots(2, 1, figsize=(7, 5.4), sharex=True)
g = gates["appearance"]
order = group_means(g, contexts["place"])[0][0].argsort()
for axes, context in zip(panels, ("place", "how it moves"), strict=True):
    means = group_means(g, contexts[context])[0][:, order]
    picture = axes.imshow(means, aspect="auto", vmin=-0.4, vmax=0.4)
    axes.set_yticks(range(len(means)), sorted(set(contexts[context])), fontsize=8)
    axes.set_title(f"by {context}")
panels[1].set_xlabel("dimension, in the order of the first row's gates")
figure.colorbar(picture, ax=panels, label="mean gate, less the mean of all clips")
show(
    figure,
    "By place, the rows are striped: each place has its own pattern of gates above "
    "and below the mean, up to about 0.4. By how it moves, all rows are nearly the "
    "same grey.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### More than by chance?
#
# Groups always differ a little, even if they are drawn at random. So draw some at random. One number says how much
# groups differ: the *share* of all the gates' variance that lies between groups. Shuffle the labels among the clips a
# hundred times, and see how large the share gets when labels mean nothing.


# %%
def share(g, labels):
    means, members = group_means(g, labels)
    return float((members @ means).pow(2).sum() / (g - g.mean(0)).pow(2).sum())


def shuffled(g, labels, times=100):
    generator = torch.Generator().manual_seed(0)
    orders = [torch.randperm(len(labels), generator=generator) for _ in range(times)]
    return max(share(g, [labels[i] for i in order.tolist()]) for order in orders)


# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Predict.** Two experts, three contexts. Which of the six shares are above chance? Mind the last context, the
# > *sound*, which neither expert can hear.

# %%
found = {}
for name, g in gates.items():
    for context, labels in contexts.items():
        found[name, context] = value, most = share(g, labels), shuffled(g, labels)
        print(f"{name:<10} by {context:<12} ≈ {value:.2f}", end=" ")
        print(f"(shuffled, at most ≈ {most:.2f})")

# %% [markdown]
# Place accounts for ≈ 0.4 of all that the gates of appearance do, and the kind of motion for ≈ 0.5 of those of motion.
# No shuffle gets past a few hundredths.
#
# And the sound? Appearance cannot hear, and yet its gates differ by sound far more than chance allows. Is it the surf
# that moves them, or the beach? In part of the films the sound belongs to what is seen
# ([lesson 01](01_clips_and_experts.ipynb)). So look at films where it cannot: in places that have no sound of their
# own, and without a car.

# %%
OWN = {"beach", "city", "forest", "kitchen", "meadow", "room"}
alone = [
    i
    for i, one in enumerate(facts)
    if one["place"] not in OWN and all(t["shape"] != "car" for t in one["things"])
]
g, labels = gates["appearance"][alone], [contexts["sound"][i] for i in alone]
by_sound, most = share(g, labels), shuffled(g, labels)
print(f"{len(alone)} clips: by sound ≈ {by_sound:.2f} (shuffled, at most ≈ {most:.2f})")

# %% tags=["hide-cell", "check"]
for pair in (("appearance", "place"), ("motion", "how it moves")):
    assert found[pair][0] > 3 * found[pair][1], pair
for pair in (("appearance", "how it moves"), ("motion", "place"), ("motion", "sound")):
    assert found[pair][0] < 1.5 * found[pair][1], pair
assert found["appearance", "sound"][0] > 1.5 * found["appearance", "sound"][1]
assert by_sound < 1.2 * most

# %% [markdown]
# There it is gone: the share is no larger than shuffled labels make it. (They make it larger than before, as there are
# fewer clips.) The gates follow the place, and the sound comes along with it. *By how it moves* was a good control,
# since motion is drawn independently of the place; sound was not.
#
# One more caution. *Any* function of a picture differs between a beach and a kitchen, trained or not:

# %%
labels = contexts["place"]
by_place, most = share(untrained_gates, labels), shuffled(untrained_gates, labels)
print(f"untrained, by place ≈ {by_place:.2f} (shuffled, at most ≈ {most:.2f})")

# %% tags=["hide-cell", "check"]
assert by_place > 3 * most

# %% [markdown]
# So shuffling says that the gates *see* the context, and the range of the gates says that training made them *use* it.
# Whether that does any good is the next question.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Is a model better with gates?
#
# That is another question: a model that never had gates may find another way. To compare two models, we rank the 500
# validation clips for each validation caption. **R@10** is the percentage of captions whose own clip is among the first
# ten; guessing gives 2. ([Lesson 07](07_retrieval_metrics.ipynb) is about such numbers.)
#
# `compare` trains each variant with the same seeds and ranks the same captions; `difference` gives the mean difference
# in R@10 and its 95 % interval. Three seeds each, and to save time only the first thousand clips to train on.
#
# > **Predict.** By how many points of R@10 is the gated model better?

# %%
from mee.compare import compare, difference

variants = {"gated": {}, "linear": {"gating": False}}
few = {**SMALL, "train": torch.arange(1000)}
results = compare(clips, variants, seeds=(0, 1, 2), split="val", **few)
for name, result in results.items():
    seeds = [100 * (ranks <= 10).double().mean() for ranks in result.t2v]
    print(f"{name:<7} R@10", ", ".join(f"≈ {value:.1f}" for value in seeds))
mean, low, high = difference(results["gated"], results["linear"])
print(f"gated minus linear: ≈ {mean:+.1f} points, from ≈ {low:+.1f} to ≈ {high:+.1f}")

# %% tags=["hide-cell", "check"]
assert abs(mean) < high - low < 10

# %% [markdown] slideshow={"slide_type": "subslide"}
# The difference is smaller than the interval is wide. From three seeds of so small a model nobody can say that the gate
# helps. [Lesson 12](12_ablations.ipynb) asks again, and what is true of one size and one budget need not be true of
# another.
#
# The lamp shows what a gate *can* do. Whether it is worth its parameters is a question to your data, and takes several
# seeds to answer.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The trap: nothing in, an opinion out
#
# Half of the clips show no face. Suppose their face features are filled with zeros and go through the unit.
#
# > **Predict.** How long is the vector that comes out, if the unit has no bias? And if it has one?

# %% slideshow={"slide_type": "subslide"}
nothing = torch.zeros(1, 2)
for label, bias in {"no bias": torch.zeros(3), "a bias": b1}.items():
    print(f"{label}: length", gated_unit(nothing, W1, bias, W2, b2).norm())
with torch.no_grad():
    absent = model.mee.video_GU["face"](torch.zeros(1, 128))
print("the trained face unit: length", absent.norm())

# %% [markdown]
# Without a bias, 0/0. With one, $z_1 = b_1$, and the last step scales whatever is left to length 1. A vector of length
# 1 is as much an answer as any other, so it has a similarity with each sentence. How do captions like this face that
# nobody has? `embed` gives the embeddings of captions and clips.

# %%
from mee.evaluate import embed

captions, positive_clip = clips.captions_of(val)
text, video = embed(model, clips, captions, val)
opinion = text.vectors["face"] @ absent[0]
print(f"{len(captions)} captions, similarity with no face:", end=" ")
print(f"from ≈ {opinion.min():+.2f} to ≈ {opinion.max():+.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# So a caption that happens to lie near that vector lifts all faceless clips at once, and another pushes them down. What
# does that do to ranks? `ind` says which clips have a face. The bug is to say that all have one.
#
# > **Predict.** For how many captions does the rank of their clip change? And R@10?

# %%
from mee import ranks

everybody = {**ind, "face": torch.ones_like(ind["face"])}
rank = {}
for label, there in {"masked": ind, "not masked": everybody}.items():
    with torch.no_grad():
        scores = model.score(text, model.embed_video(videos, there, masks))
    rank[label] = ranks(scores, positive_clip)
    r10 = 100 * (rank[label] <= 10).double().mean()
    print(f"{label:<11} R@10 ≈ {r10:.1f}")
changed = 100 * (rank["masked"] != rank["not masked"]).double().mean()
print(f"captions whose clip changes its rank: ≈ {changed:.0f} %")

# %% tags=["hide-cell", "check"]
assert opinion.max() - opinion.min() > 0.3
assert changed > 30

# %% [markdown] slideshow={"slide_type": "subslide"}
# For ≈ 61 % of the captions the rank of their clip changes. And R@10 hardly moves: what some captions lose, others
# gain. A bug that the metric does not show is no smaller; it only lives longer. (A score with fewer experts stands on
# another scale than one with more, so a made-up answer may even help. [Lesson 05](05_missing_faces.ipynb) goes into
# that.)
#
# The fix is a rule: **always mask**. The library sets absent rows to zero before it computes, leaves them out of every
# batch statistic, and sets their embeddings to zero again. So it does not matter what stands in those rows. Put NaN
# there:

# %%
no_face = ~ind["face"][:, None]
rubbish = {**videos, "face": videos["face"].masked_fill(no_face, torch.nan)}
with torch.no_grad():
    again = model.score(text, model.embed_video(rubbish, ind, masks))
changed = (ranks(again, positive_clip) != rank["masked"]).sum()
print("ranks that change:", int(changed))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - A linear layer cannot choose between two clips when the meaning of one number depends on another; a gate can, by
#   turning dimensions up and down.
# - A gated embedding unit is $Wx + b$, times a sigmoid that sees all dimensions, scaled to length 1. Batch
#   normalisation sits inside the gate: in training a row's gates depend on its batch, afterwards they don't.
# - In a trained model the gates follow what their expert sees, far beyond chance. They seem to follow what it cannot
#   see, too, where the two go together.
# - What a gate can do and what it buys are two questions. On a small model, three seeds cannot show that gates help.
# - A unit turns zeros into a vector of length 1, so what is absent must be masked, always.
#
# ## Exercises
#
# 1. What a gate costs: count the parameters of a unit.
# 2. The lamp again, from the clip's side: what scaling to length 1 can do alone.
# 3. Spend the gate's parameters on a wider linear layer, and compare.
#
# Write them in the [exercise notebook](exercises/03_gating.ipynb); one way to do it is in the
# [solutions](solutions/03_gating.ipynb).
#
# ## Where next
#
# A gate weighs dimensions inside one expert. [Lesson 04](04_mixture_weights.ipynb) weighs the experts. Before this came
# [words and NetVLAD](02_words_and_netvlad.ipynb).
