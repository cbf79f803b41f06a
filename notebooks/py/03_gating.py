# %% [markdown] slideshow={"slide_type": "slide"}
# # What does a gated embedding unit do that a linear layer does not?
#
# **You will learn** which choice no linear layer can make; to build context gating and the gated embedding unit by
# hand, batch normalisation included; to tell what moves the gates of a trained model, and whether by more than chance;
# and what comes out when nothing goes in.
#
# **You need** tensors and matrix products, and [lesson 01](01_clips_and_experts.ipynb) for the clips.
#
# **Minutes** 45

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/03_gating.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F03_gating.ipynb)

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

torch.set_printoptions(precision=2, sci_mode=False)

# %% tags=["remove-input"]
draw("here_03", "You are here: the gated units, whose outputs are compared.")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## A choice that no matrix makes
#
# Sentences and clips have to become vectors that can be compared. Is a linear layer enough for that? Take four
# sentences and two clips. A lamp is on in one clip and off in the other, and the sentences never mention a lamp:
#
# | the place is | in a room | in the street |
# | --- | --- | --- |
# | **bright** | the lamp is on | the sun shines: off |
# | **dark** | off | the lamp is on |
#
# Each sentence is two numbers: 1 for bright or -1 for dark, and 1 for street or -1 for room. What *bright* says about
# the lamp depends on the place, its *context*.

# %% slideshow={"slide_type": "skip"}
names = ["bright room", "dark room", "bright street", "dark street"]
sentences = torch.tensor([[1.0, -1.0], [-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
lamp = torch.tensor([0, 1, 1, 0])  # the right clip of each: 0 on, 1 off

# %% [markdown] slideshow={"slide_type": "slide"}
# A linear layer turns a sentence $x$ into $z = Wx + b$. Let $c_\text{on}$ and $c_\text{off}$ be the vectors of the two
# clips. The sentence chooses the clip with the lamp on if $z$ has a larger inner product with $c_\text{on}$ than with
# $c_\text{off}$, that is, if the *lead* $(Wx + b) \cdot (c_\text{on} - c_\text{off})$ is above zero. Scaling $z$ to
# length 1 divides the lead by a positive number and changes no sign.
#
# > **Predict.** Add the lead of *bright room* to that of *dark street*, and the lead of *dark room* to that of *bright
# > street*. How do the two sums compare, whatever $W$ and $b$ are?

# %% slideshow={"slide_type": "slide"}
generator = torch.Generator().manual_seed(0)


def random(*shape):
    return torch.randn(*shape, generator=generator)


W, b, c_on, c_off = random(2, 8), random(8), random(8), random(8)
lead = (sentences @ W + b) @ (c_on - c_off)  # one row of `sentences` per lead
print("leads", lead)
print(f"sums {lead[0] + lead[3]:.2f} and {lead[1] + lead[2]:.2f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# The sums are equal: the inputs of each pair add up to (0, 0), so the leads of each pair add up to
# $2b \cdot (c_\text{on} - c_\text{off})$. But the first pair's leads should both be positive, and the second pair's
# both negative. **No linear layer gets all four right.**

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw("03_lamp", "Both pairs share one middle, so their leads cross there.")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Build a gate by hand
#
# [**Context gating**](glossary.md#context-gating) ([Miech et al., 2017](references.md#miech2017)) multiplies each
# dimension of a vector by a *gate* between 0 (shut) and 1 (open), and each gate may look at all dimensions:
#
# $$z_2 = z_1 \circ \sigma(W_2 z_1 + b_2), \qquad \sigma(a) = \frac{1}{1 + e^{-a}}.$$
#
# Here $\circ$ multiplies two vectors number by number. For the lamp, let $z_1$ hold *bright* twice and *street* once.
# The first gate opens in a room, the second in a street, and the third stays shut.
#
# > **Predict.** What does *dark street*, $z_1 = (-1, -1, 1)$, become?

# %% slideshow={"slide_type": "slide"}
W1 = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
W2 = torch.tensor([[0.0, 0.0, -5.0], [0.0, 0.0, 5.0], [0.0, 0.0, 0.0]])
b2 = torch.tensor([0.0, 0.0, -5.0])

z1 = sentences @ W1.T
gates = torch.sigmoid(z1 @ W2.T + b2)
z2 = z1 * gates
for name, row, gate in zip(names, z2, gates, strict=True):
    print(f"{name:<14} gates", gate, " gated", row)

# %% [markdown] slideshow={"slide_type": "skip"}
# One of the two *bright* dimensions is silenced and the other passes; the place decides which.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw("03_gates_and_values", "The place decides which of two equal numbers passes.")

# %% [markdown] slideshow={"slide_type": "skip"}
# The clip with the lamp on wants the first dimension high and the second low; the other clip wants the opposite.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
on = F.normalize(torch.tensor([1.0, -1.0, 0.0]), dim=0)
scores = F.normalize(z2, dim=1) @ torch.stack([on, -on], 1)  # (sentences, clips)
for name, row, clip in zip(names, scores, lamp, strict=True):
    print(f"{name:<14} on {row[0]:+.2f}, off {row[1]:+.2f}", end="; ")
    print("right:", ("on", "off")[clip])

# %% [markdown] slideshow={"slide_type": "skip"}
# All four sentences choose the right clip. A gate is never negative, so it cannot change a sign; it only sets how much
# passes. That is why $z_1$ had to hold *bright* twice. Can you find *one* setting of the gates that gets all four
# right?

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
play_with(
    "gate_sliders",
    {
        "names": names,
        "values": z1.tolist(),
        "gates": gates.tolist(),
        "right": lamp.tolist(),
        "clips": torch.stack([on, -on]).tolist(),
        "clip_names": ["lamp on", "lamp off"],
    },
    "Choose one of four sentences and move three gates between 0 and 1. You see its "
    "three values, their products with the gates, these scaled to length 1, and the "
    "cosines with the two clips. Gates that stay the same for all sentences get at "
    "most two of the four right; gates that read their sentence get all four.",
    "Gates that never change get two sentences right; gates that read get four.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# You cannot: gates that are the same for all sentences multiply by constants, which makes a linear layer again. Gates
# help because they move with the sentence.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Write the whole unit
#
# A [**gated embedding unit**](glossary.md#gated-embedding-unit) is a linear layer, context gating, and scaling to
# length 1: equations 1 to 3 of [Miech et al., 2018](references.md#miech2018), with the letters of our
# [notation](notation.md).
#
# $$
# z_1 = W_1 x + b_1, \qquad
# z_2 = z_1 \circ \sigma(W_2 z_1 + b_2), \qquad
# z = z_2 / \lVert z_2 \rVert.
# $$
#
# The model has two such units for each expert: one turns the sentence, the other the clip's features, into a vector $z$
# in a space of that expert's own. The cosine of these two vectors is the expert's [similarity](glossary.md#similarity).
#
# The library's `GatedEmbeddingUnit` holds the same four tensors under its own names.

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

# %% [markdown] slideshow={"slide_type": "skip"}
# ### The line that the paper does not print
#
# Why `strict=False`, and why are the two results not equal to the last digit? The paper's code has one step more inside
# the gate, [batch normalisation](glossary.md#batch-normalisation) ([Ioffe and Szegedy, 2015](references.md#ioffe2015)),
# which you met in NetVLAD: $\sigma(\mathrm{BN}(W_2 z_1 + b_2))$. `ours` has no numbers for that step, hence
# `strict=False`, and a fresh layer in `eval()` mode changes next to nothing. The drawing has the shapes of the model
# that you will train below: 500 clips with 1,280 numbers each from appearance, and 2,001 sentences with 8 × 50 numbers
# each from NetVLAD.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw("03_unit", "In a unit, only the batch norm looks at other rows.")

# %% [markdown] slideshow={"slide_type": "skip"}
# Batch normalisation keeps gates from being all open or all shut: it subtracts each column's mean over the rows of the
# [batch](glossary.md#batch), divides by their standard deviation, then scales and shifts by two learnt numbers (1 and 0
# at first).
#
# > **Predict.** A sentence comes in a batch of six, and once more in a batch of three. Are its gates the same?


# %% slideshow={"slide_type": "skip"}
def batch_norm(a):
    return (a - a.mean(0)) / (a.var(0, correction=0) + 1e-5).sqrt()


z1, W2, b2 = random(6, 3), random(3, 3), random(3)  # six rows, and another gate
gates = torch.sigmoid(batch_norm(z1 @ W2.T + b2))
fewer = torch.sigmoid(batch_norm(z1[:3] @ W2.T + b2))
print("row 0 in a batch of six:  ", gates[0])
print("row 0 in a batch of three:", fewer[0])

# %% [markdown] slideshow={"slide_type": "skip"}
# The same row gets other gates. A query must not depend on who else is asking, so the layer collects
# [running](glossary.md#running-statistics) means and variances in training, and uses those afterwards. PyTorch calls
# the two modes `train()` and `eval()`. The drawing shows both, with simpler numbers.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw("03_two_batches", "A row's gate depends on its batch, until the mean is stored.")

# %% [markdown] slideshow={"slide_type": "skip"}
# Here is the library's `ContextGating` in both modes. It returns $z_1$ times the gates, so dividing by $z_1$ leaves the
# gates.

# %% slideshow={"slide_type": "skip"}
from mee import ContextGating

gating = ContextGating(3)
gating.load_state_dict({"fc.weight": W2, "fc.bias": b2}, strict=False)
with torch.no_grad():
    torch.testing.assert_close(gating.train()(z1), z1 * gates)
    six, three = gating.eval()(z1) / z1, gating(z1[:3]) / z1[:3]  # gates alone
print("eval mode, row 0 in a batch of six:  ", six[0])
print("eval mode, row 0 in a batch of three:", three[0])

# %% [markdown] slideshow={"slide_type": "skip"}
# In `eval()` mode row 0 has the same gates in both batches. They are not those of `train()` mode yet: one batch has
# moved the running mean and variance only a tenth of the way.
#
# ## Can training find such gates?
#
# We set the gates for the lamp by hand. Now let gradient descent look for them. `GatedEmbeddingUnit(..., gating=False)`
# is the unit without its gate. Each of the two units learns for a hundred steps from noisy sentences, together with the
# two clips' vectors. The loss asks that the right clip be ahead by 0.2.


# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
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


# %% [markdown] slideshow={"slide_type": "slide"}
# > **Predict.** With ten seeds each, how many of the four sentences does the linear unit get right at most?

# %% slideshow={"slide_type": "slide"}
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

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert max(right["linear"]) <= 3 and min(right["gated"]) == 4

# %% [markdown] slideshow={"slide_type": "skip"}
# The linear unit never gets past three, and the gated unit always gets four. Here is what one of each kind chooses for
# all sentences in between.

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
side = torch.linspace(-1.6, 1.6, 65)
grid = torch.cartesian_prod(side, side)  # (points, 2): bright, street
figure, panels = plt.subplots(1, 2, figsize=(7, 3.3), layout="constrained")
box = {"fc": "white", "ec": "black", "boxstyle": "round"}
for axes, label in zip(panels, learnt, strict=True):
    unit, clips = learnt[label][0]
    with torch.no_grad():
        lead = (unit(grid) @ (clips[0] - clips[1])).reshape(65, 65).T
    most = float(lead.abs().max())
    levels = torch.linspace(-most, most, 18)
    picture = axes.contourf(side, side, lead, levels=levels, cmap="PuOr_r")
    dots = axes.contourf(side, side, lead, [-most, 0], colors="none", hatches=["."])
    dots.set(edgecolor="black", linewidth=0)
    axes.contour(side, side, lead, levels=[0], colors="black", linewidths=2)
    for (x, y), clip in zip(sentences.tolist(), lamp.tolist(), strict=True):
        axes.text(x, y, ("on", "off")[clip], ha="center", va="center", bbox=box)
    axes.set(title=label, xlabel="dark to bright", aspect="equal")
    axes.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    bar = figure.colorbar(picture, ax=axes, shrink=0.8, format="%.2f")
    bar.set_ticks([-most, 0, most])
panels[0].set_ylabel("room to street")
panels[1].set_ylabel("room to street")
show(
    figure,
    "The lead of the lit lamp, for all sentences of the plane; dots where off is "
    "chosen. Linear: one straight border, and one of the four sentences lies on the "
    "wrong side. Gated: two curved borders, and all four lie on the right side.",
    "A straight border leaves one sentence wrong; the gated unit bends its borders. "
    "Dots: off is chosen.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## What moves the gates of a trained model?
#
# Train a small model on TinyClips. `fit_clips` does that in one line ([lesson 09](09_training.ipynb) shows what it
# does). Its embeddings have 64 dimensions. One NetVLAD with 8 centres pools the words of a sentence, and another with 4
# pools the rows of a clip's sound. We measure on the [validation split](glossary.md#validation-split), so that the test
# split stays unseen.

# %% slideshow={"slide_type": "skip"}
from mee import fit_clips, read_clips

SMALL = {"epochs": 6, "dim": 64, "text_clusters": 8, "sequence_clusters": 4}
SMALL |= {"lr": 2e-3, "val": [], "progress": False}
clips = read_clips("data/tinyclips.h5")
model = fit_clips(clips, seed=0, **SMALL).model.cpu()
untrained = fit_clips(clips, seed=0, **{**SMALL, "epochs": 0}).model.cpu().eval()
clips = clips.to("cpu")  # training used a GPU if there is one; now all is small

val = clips.clips_in("val")
videos, ind, masks = clips.video(val)

# %% [markdown] slideshow={"slide_type": "skip"}
# `gates_of` computes the 64 gates of an expert's unit for each of the 500 validation clips. How wide is their range in
# appearance's unit, before training and after?


# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
def gates_of(model, name):
    unit = model.mee.video_GU[name]
    with torch.no_grad():
        return torch.sigmoid(unit.cg.batch_norm(unit.cg.fc(unit.fc(videos[name]))))


untrained_gates = gates_of(untrained, "appearance")
gates = {name: gates_of(model, name) for name in ("appearance", "motion")}
for label, g in {"untrained": untrained_gates, "trained": gates["appearance"]}.items():
    low, high = g.flatten().quantile(torch.tensor([0.05, 0.95]))
    print(f"appearance, {label}: nine of ten between ≈ {low:.2f} and ≈ {high:.2f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# Untrained gates stay near one half. Trained gates go up and down, but few reach 0 or 1: they make dimensions louder or
# softer rather than switch them on and off.
#
# If context moves the gates of appearance, their means in two places should differ. As a control, take what a single
# picture does not show: how the first thing in the film *moves*. Each row of the figure is a group of clips: its mean
# gates, minus those of all clips.

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
facts = [clips.facts[i] for i in val.tolist()]
contexts = {
    "place": [one["place"] for one in facts],
    "how it moves": [one["things"][0]["motion"] for one in facts],
}


def group_means(g, labels):
    """Mean gates of each label, less those of all: (labels, dims). And members."""
    number = torch.tensor([sorted(set(labels)).index(label) for label in labels])
    members = F.one_hot(number).float()
    return (members.T @ g) / members.sum(0)[:, None] - g.mean(0), members


figure, panels = plt.subplots(
    2,
    1,
    figsize=(7, 6.4),
    sharex=True,
    layout="constrained",
    gridspec_kw={"height_ratios": [10, 13]},
)
g = gates["appearance"]
order = group_means(g, contexts["place"])[0][0].argsort()
for axes, context in zip(panels, contexts, strict=True):
    means = group_means(g, contexts[context])[0][:, order]
    look = {"vmin": -0.4, "vmax": 0.4, "cmap": "PuOr_r", "interpolation": "nearest"}
    picture = axes.imshow(means, aspect="auto", **look)
    axes.set_yticks(range(len(means)), sorted(set(contexts[context])), fontsize=11)
    axes.set_title(f"by {context}")
panels[1].set_xlabel("dimension, in the order of the first row's gates")
figure.colorbar(picture, ax=panels, shrink=0.6, label="mean gate, minus that of all")
show(
    figure,
    "By place, the rows are striped: each place has its own pattern of gates above "
    "and below the mean, up to about 0.4. By how it moves, all rows are nearly white: "
    "close to the mean of all clips.",
    "The gates of appearance differ by place, and hardly by how things move.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Compare with chance
#
# Groups always differ a little, even those drawn at random. One number says how much: the *share* of the gates'
# variance that lies between groups. Compare it with chance: the largest of a hundred shares with shuffled labels, which
# mean nothing.
#
# > **Predict.** Two experts, two contexts: which of the four shares are above chance?


# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
def share(g, labels):
    means, members = group_means(g, labels)
    return float((members @ means).pow(2).sum() / (g - g.mean(0)).pow(2).sum())


def shuffled(g, labels, times=100):
    generator = torch.Generator().manual_seed(0)
    orders = [torch.randperm(len(labels), generator=generator) for _ in range(times)]
    return max(share(g, [labels[i] for i in order.tolist()]) for order in orders)


found = {}
for name, g in gates.items():
    for context, labels in contexts.items():
        found[name, context] = value, most = share(g, labels), shuffled(g, labels)
        print(f"{name:<10} by {context:<12} ≈ {value:.2f}", end=" ")
        print(f"(shuffled, at most ≈ {most:.2f})")

# %% [markdown] slideshow={"slide_type": "skip"}
# Place accounts for ≈ 0.4 of the variance of appearance's gates, and *how it moves* for ≈ 0.5 of the variance of
# motion's gates; shuffled labels reach ≈ 0.04 at most. Two cautions, measured in the folded cell below:
#
# - The gates of appearance also differ by *sound*, which it cannot hear: surf goes with the beach. In clips whose place
#   and things have no sound of their own, that share is no larger than chance. *How it moves* is drawn independently of
#   the place, so it is a good control.
# - Untrained gates differ by place too, as *any* function of a picture does. Shuffling says that gates *see* the
#   context; their wider range says that training made them *use* it.
#
# Is a model *better* with gates? A model that never had any may find another way, and more so if it gets other
# parameters in their place. Exercise 3 measures that on small models with little training.
# [Lesson 12](12_ablations.ipynb) leaves gates out of larger ones, with nothing in their place.

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
for pair in (("appearance", "place"), ("motion", "how it moves")):
    assert found[pair][0] > 3 * found[pair][1], pair
for pair in (("appearance", "how it moves"), ("motion", "place")):
    assert found[pair][0] < 1.5 * found[pair][1], pair
assert gates["appearance"].std(0).mean() > 4 * untrained_gates.std(0).mean()
assert 0.1 < low < 0.35 and 0.65 < high < 0.9

g, sound = gates["appearance"], [one["sound"] for one in facts]
print(f"by sound ≈ {share(g, sound):.2f}", end=" ")
print(f"(shuffled, at most ≈ {shuffled(g, sound):.2f})")
assert share(g, sound) > 1.5 * shuffled(g, sound)
OWN = {"beach", "city", "forest", "kitchen", "meadow", "room"}  # have a sound
quiet = [
    i
    for i, one in enumerate(facts)
    if one["place"] not in OWN and all(t["shape"] != "car" for t in one["things"])
]
g, sound = g[quiet], [sound[i] for i in quiet]
print(f"in {len(quiet)} clips of quiet places ≈ {share(g, sound):.2f}", end=" ")
print(f"(shuffled, at most ≈ {shuffled(g, sound):.2f})")
assert share(g, sound) < 1.2 * shuffled(g, sound)

labels = contexts["place"]
by_place, most = share(untrained_gates, labels), shuffled(untrained_gates, labels)
print(f"untrained, by place ≈ {by_place:.2f} (shuffled, at most ≈ {most:.2f})")
assert by_place > 3 * most

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The trap: nothing in, an opinion out
#
# Half of the clips show no face. Suppose their face features are filled with zeros and go through the unit.
#
# > **Predict.** How long is the vector that comes out if the unit has no bias? And if it has one?

# %% slideshow={"slide_type": "slide"}
nothing = torch.zeros(1, 2)
for label, bias in {"no bias": torch.zeros(3), "a bias": b1}.items():
    print(f"{label}: length", gated_unit(nothing, W1, bias, W2, b2).norm())
with torch.no_grad():
    absent = model.mee.video_GU["face"](torch.zeros(1, 128))
print("the trained face unit: length", absent.norm())

# %% [markdown] slideshow={"slide_type": "skip"}
# Without a bias the result is 0/0. With a bias, $z_1 = b_1$, and the last step scales whatever is left to length 1.
# This vector counts like any other, and has a similarity to each sentence. How similar are captions to this face that
# nobody has? `embed` gives the [embeddings](glossary.md#embedding) of captions and clips.

# %% slideshow={"slide_type": "skip"}
from mee.evaluate import embed

captions, positive_clip = clips.captions_of(val)  # caption numbers; the clip of each
text, video = embed(model, clips, captions, val)
opinion = text.vectors["face"] @ absent[0]
print(f"{len(captions)} captions, similarity with no face:", end=" ")
print(f"from ≈ {opinion.min():+.2f} to ≈ {opinion.max():+.2f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# A caption near that vector lifts all faceless clips at once, and another caption pushes them down. `ind`, the
# [availability mask](glossary.md#availability-mask), says which clips have a face. The bug is a mask that says all
# clips have one. **R@10** is the percentage of captions whose own clip is among the first ten of 500 ([lesson
# 07](07_retrieval_metrics.ipynb)); [guessing](glossary.md#chance-level) gives 2.
#
# > **Predict.** For how many captions does the rank of their clip change? And R@10?

# %% slideshow={"slide_type": "skip"}
from mee import ranks

all_present = {**ind, "face": torch.ones_like(ind["face"])}
rank = {}
for label, present in {"masked": ind, "not masked": all_present}.items():
    with torch.no_grad():
        scores = model.score(text, model.embed_video(videos, present, masks))
    rank[label] = ranks(scores, positive_clip)
    r10 = 100 * (rank[label] <= 10).double().mean()
    print(f"{label:<11} R@10 ≈ {r10:.1f}")
changed = 100 * (rank["masked"] != rank["not masked"]).double().mean()
print(f"captions whose clip changes its rank: ≈ {changed:.0f} %")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert opinion.max() - opinion.min() > 0.3
assert changed > 30

# %% [markdown] slideshow={"slide_type": "skip"}
# For ≈ 61 % of the captions the rank of their clip changes, and R@10 hardly moves: what some captions lose, others
# gain. A bug that the metric does not show is no smaller; it only lives longer.
#
# > **Trap.** Always mask what is absent: a unit turns zeros into a vector of length 1.
#
# The library sets the rows of [absent](glossary.md#absent) experts to zero before it computes, leaves them out of every
# batch statistic, and sets their embeddings to zero afterwards. So those rows may hold anything, even NaN:

# %% slideshow={"slide_type": "skip"}
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
#   normalisation sits inside the gate: in training a row's gates depend on its batch, afterwards they do not.
# - In a trained model the gates follow what their expert sees, far beyond chance.
# - A unit turns zeros into a vector of length 1, so what is absent must be masked, always.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# Ten questions: choose an answer, and read why it is right or wrong.

# %% tags=["quiz", "remove-input"]
from lesson import quiz

quiz("03")

# %% [markdown]
# ## Exercises
#
# 1. Count the parameters that a gate costs.
# 2. Solve the lamp from the clip's side, by scaling to length 1 alone.
# 3. Design a model without gates that is as large as one with gates, and compare the two.
#
# Write them in the [exercise notebook](exercises/03_gating.ipynb); one way to do it is in the
# [solutions](solutions/03_gating.ipynb).
#
# ## Where next
#
# A gate weighs dimensions inside one expert. [Lesson 04](04_mixture_weights.ipynb) weighs the experts. Before this came
# [words and NetVLAD](02_words_and_netvlad.ipynb).
