# %% [markdown] slideshow={"slide_type": "slide"}
# # What does a gated embedding unit do that a linear layer does not?
#
# **You will learn** what a linear layer cannot choose; to build context gating and the gated embedding unit by hand,
# batch normalisation included; to look at the gates of a trained model and tell what moves them from chance; and what
# comes out when nothing goes in.
#
# **You need** tensors and matrix products, and [lesson 01](01_clips_and_experts.ipynb) for the clips.
#
# **Minutes** 35

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/03_gating.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F03_gating.ipynb)

# %% tags=["setup"]
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
sentences = torch.tensor([[1.0, -1.0], [-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])  # (sentences, 2): bright, street
lamp = torch.tensor([0, 1, 1, 0])  # the right clip of each: 0 on, 1 off

# %% [markdown] slideshow={"slide_type": "subslide"}
# A linear layer makes $z = Wx + b$ of a sentence. It takes the clip where the lamp is on if $z$ fits $c_\text{on}$
# better than $c_\text{off}$, so if the *lead* $(Wx + b) \cdot (c_\text{on} - c_\text{off})$ is above zero. Scaling $z$
# to length 1 divides the lead by something positive and changes no sign.
#
# Now add the lead of *bright room* to that of *dark street*. And the lead of *dark room* to that of *bright street*.
# Before you run it: how do the two sums compare, whatever $W$ and $b$ are?

# %%
generator = torch.Generator().manual_seed(0)


def random(*shape):
    return torch.randn(*shape, generator=generator)


lead = (sentences @ random(2, 8) + random(8)) @ (random(8) - random(8))
torch.testing.assert_close(lead[0] + lead[3], lead[1] + lead[2])
print("leads", lead, "\nsums ", lead[0] + lead[3], lead[1] + lead[2])

# %% [markdown] slideshow={"slide_type": "subslide"}
# They are equal: the inputs of both pairs add up to (0, 0), and a linear layer keeps sums. But the first two leads
# should be positive, and the last two negative. **No linear layer gets all four right.** Three it can: here are ten
# thousand random ones.

# %%
right = []
for _ in range(10_000):
    lead = (sentences @ random(2, 8) + random(8)) @ random(8)
    right.append(int(((lead > 0) == (lamp == 0)).sum()))
print("sentences right, of 4: at most", max(right))
assert max(right) == 3

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A gate by hand
#
# **Context gating** multiplies each dimension of a vector by a *gate* between 0 (shut) and 1 (open), and each gate may
# look at all dimensions:
#
# $$z_2 = z_1 \circ \sigma(W_2 z_1 + b_2), \qquad \sigma(a) = \frac{1}{1 + e^{-a}}.$$
#
# For the lamp, let $z_1$ hold *bright* twice and *street* once. The first gate opens in a room, the second in a street,
# the third stays shut. Before you run it: what does *dark street*, $z_1 = (-1, -1, 1)$, become?

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
print(scores)
assert torch.equal(scores.argmax(1), lamp)

# %% [markdown]
# All four are right. Note what a gate cannot do: it is never negative, so it turns nothing round. It can only choose,
# number by number, who is heard. That is why *bright* had to be there twice.
#
# (One thing more is not linear: dividing by the length. With one clip and several sentences it matters, as each
# sentence has a length of its own. Exercise 2 is about that.)

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
# As a function, it is four lines.


# %%
def gated_unit(x, W1, b1, W2, b2):
    z1 = x @ W1.T + b1
    z2 = z1 * torch.sigmoid(z1 @ W2.T + b2)
    return z2 / z2.pow(2).sum(1, keepdim=True).sqrt()


z = gated_unit(sentences, W1, torch.zeros(3), W2, b2)
torch.testing.assert_close(z @ torch.stack([on, -on], 1), scores)
print("lengths", z.norm(dim=1))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The line that the paper does not print
#
# The paper's code has one step more, **batch normalisation** inside the gate: $\sigma(\mathrm{BN}(W_2 z_1 + b_2))$. It
# keeps gates from being all open or all shut. From each column take its mean, divide by its standard deviation, then
# scale and shift by two learnt numbers (1 and 0 at first). Mean and deviation are over the rows of the *batch*: what
# does that mean for a sentence, if other sentences come with it?


# %%
def batch_norm(a):
    return (a - a.mean(0)) / (a.var(0, correction=0) + 1e-5).sqrt()


z1, W2, b2 = random(6, 3), random(3, 3), random(3)  # six rows, and another gate
gates = torch.sigmoid(batch_norm(z1 @ W2.T + b2))
fewer = torch.sigmoid(batch_norm(z1[:3] @ W2.T + b2))
print("gates of row 0 in a batch of six: ", gates[0], "\ngates of row 0 in a batch of three:", fewer[0])
assert (gates[0] - fewer[0]).abs().max() > 0.05

# %% [markdown] slideshow={"slide_type": "subslide"}
# The same row, other gates. While training one lives with it. To *use* a model one cannot: a query must not depend on
# who else is asking. So the layer collects **running** means and variances while it trains, and takes those afterwards.
# PyTorch calls the two ways `train()` and `eval()`. Here is the library's `ContextGating` in the first.

# %%
from mee import ContextGating, GatedEmbeddingUnit

gating = ContextGating(3)
gating.load_state_dict({"fc.weight": W2, "fc.bias": b2}, strict=False)
with torch.no_grad():
    in_training = gating.train()(z1)
torch.testing.assert_close(in_training, z1 * gates)

# %% [markdown]
# That one call has moved the running statistics a tenth of the way from where they began (mean 0, variance 1) to the
# batch's own. In `eval()` it is these that count, and rows no longer see each other.

# %%
a = z1 @ W2.T + b2
mean, variance = 0.9 * 0 + 0.1 * a.mean(0), 0.9 * 1 + 0.1 * a.var(0)  # (for running, var divides by rows - 1)
by_hand = z1 * torch.sigmoid((a - mean) / (variance + 1e-5).sqrt())
with torch.no_grad():
    in_use = gating.eval()(z1)
    torch.testing.assert_close(in_use, by_hand)
    torch.testing.assert_close(gating(z1[:3]), in_use[:3])
print("in eval mode, row 0 is the same in a batch of six and of three")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The whole unit now, against ours. To have batch normalisation do nothing, we leave it as it was made (mean 0, variance
# 1) and divide by $\sqrt{1 + 10^{-5}}$, which is as good as nothing.

# %%
unit = GatedEmbeddingUnit(2, 3).eval()
b1 = random(3)
state = {"fc.weight": W1, "fc.bias": b1, "cg.fc.weight": W2, "cg.fc.bias": b2}
unit.load_state_dict(state, strict=False)
with torch.no_grad():
    torch.testing.assert_close(unit(sentences), gated_unit(sentences, W1, b1, W2, b2), atol=1e-4, rtol=1e-4)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Does it learn that by itself?
#
# We set those gates by hand. Can gradient descent find some? `GatedEmbeddingUnit(..., gating=False)` is the same unit
# without the gate. Both learn for a hundred steps from noisy sentences, together with the two clips' vectors; the loss
# asks that the right clip be ahead by 0.2.


# %%
def learn(gating, seed, steps=100):
    torch.manual_seed(seed)
    unit, clips = GatedEmbeddingUnit(2, 8, gating), torch.randn(2, 8, requires_grad=True)
    adam = torch.optim.Adam([*unit.parameters(), clips], lr=0.05)
    for _ in range(steps):
        which = torch.randint(4, (32,))
        scores = unit(sentences[which] + 0.2 * torch.randn(32, 2)) @ F.normalize(clips, dim=1).T
        on, off = scores[range(32), lamp[which]], scores[range(32), 1 - lamp[which]]
        adam.zero_grad()
        (0.2 + off - on).clamp(min=0).mean().backward()
        adam.step()
    return unit.eval(), F.normalize(clips, dim=1).detach()


# %% [markdown] slideshow={"slide_type": "subslide"}
# Ten seeds each. You know an upper bound for one of the two rows.

# %%
learnt = {gating: [learn(gating, seed) for seed in range(10)] for gating in (False, True)}
with torch.no_grad():
    for gating, label in ((False, "linear"), (True, "gated")):
        right = [int(((unit(sentences) @ clips.T).argmax(1) == lamp).sum()) for unit, clips in learnt[gating]]
        assert min(right) == 4 if gating else max(right) <= 3
        print(f"{label:<7} sentences right, of 4: at", "least" if gating else "most", min(right) if gating else 3)

# %% [markdown]
# Here is what two of them think of all sentences in between. The line is where they cannot decide.

# %% tags=["hide-input"]
side = torch.linspace(-1.6, 1.6, 65)
grid = torch.cartesian_prod(side, side)  # (points, 2): bright, street
figure, panels = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True)
for axes, gating, title in ((panels[0], False, "linear"), (panels[1], True, "gated")):
    unit, clips = learnt[gating][0]
    with torch.no_grad():
        lead = (unit(grid) @ (clips[0] - clips[1])).reshape(65, 65).T
    picture = axes.contourf(side, side, lead, levels=torch.linspace(-2, 2, 17))
    axes.contour(side, side, lead, levels=[0], colors="white", linewidths=2)
    for (x, y), clip in zip(sentences.tolist(), lamp.tolist(), strict=True):
        axes.text(x, y, ("on", "off")[clip], ha="center", va="center", bbox={"fc": "white", "boxstyle": "round"})
    axes.set(title=title, xlabel="dark to bright", aspect="equal")
panels[0].set_ylabel("room to street")
figure.colorbar(picture, ax=panels, label="lead of the lamp that is on")
show(figure, "Linear: one straight line, which leaves one of the four sentences on the wrong side. Gated: the plane "
     "falls into regions, and all four sentences lie in one of their own kind.")  # fmt: skip

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What it costs
#
# A gate over $d$ dimensions has a $d \times d$ matrix, $d$ biases, and two numbers a dimension for batch normalisation.
# How many is that for $d = 64$?


# %%
def parameters(module):
    return sum(x.numel() for x in module.parameters())


for inputs in (128, 1280):
    with_gate, without = GatedEmbeddingUnit(inputs, 64), GatedEmbeddingUnit(inputs, 64, gating=False)
    cost = parameters(with_gate) - parameters(without)
    assert cost == 64 * 64 + 64 + 2 * 64
    print(f"{inputs} to 64: {parameters(without):,} linear, {cost:,} more for the gate")

# %% [markdown]
# Little beside a wide input, half as much again beside a narrow one.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What gates do in a trained model
#
# TinyClips, six epochs, 64 dimensions an expert. How `fit_clips` works is [lesson 07](07_training.ipynb); here it is a
# way to get a model. The last epoch is kept (`val=[]`), and all below is measured on the validation split, so that the
# test split stays unseen.

# %%
from mee import fit_clips, read_clips

SMALL = {"epochs": 6, "dim": 64, "text_clusters": 8, "sequence_clusters": 4, "lr": 2e-3, "val": []}
clips = read_clips("data/tinyclips.h5")
model = fit_clips(clips, seed=0, progress=False, **SMALL).model.cpu()
clips.to("cpu")  # fit_clips uses a GPU if there is one; from here on everything is small

val = clips.clips_in("val")
facts = [clips.facts[i] for i in val.tolist()]
videos, ind, masks = clips.video(val)

# %% [markdown] slideshow={"slide_type": "subslide"}
# A unit's gates for some inputs are three of its own parts in a row. We take the `appearance` expert: 500 clips with 64
# gates each. And the same of a model that has learnt nothing, for comparison.

# %%
from mee import ModelConfig
from mee.train import build_model


def gates_of(unit, x):
    with torch.no_grad():
        return torch.sigmoid(unit.cg.batch_norm(unit.cg.fc(unit.fc(x))))


experts = {name: (expert.dim, 64) for name, expert in clips.experts.items()}
config = ModelConfig(experts, word_dim=50, clusters={"audio": 4}, text_clusters=8)
untrained = build_model(config, seed=0).eval()

gates = {name: gates_of(model.mee.video_GU[name], videos[name]) for name in ("appearance", "motion")}
before = gates_of(untrained.mee.video_GU["appearance"], videos["appearance"])
print(f"a gate's spread over clips: {before.std(0).mean():.2f} untrained,", end=" ")
print(f"{gates['appearance'].std(0).mean():.1f} trained")
assert gates["appearance"].std(0).mean() > 4 * before.std(0).mean()

# %% [markdown] slideshow={"slide_type": "subslide"}
# Untrained gates stand at one half and hardly stir; trained ones go up and down from clip to clip. Few reach 0 or 1:
# they turn dimensions louder and softer rather than on and off.

# %%
low, high = gates["appearance"].flatten().quantile(torch.tensor([0.05, 0.95])).tolist()
assert 0.1 < low < 0.35 and 0.65 < high < 0.9
print("nine of ten trained gates lie between 0.1 and 0.9, and not in the middle only")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What moves them?
#
# If context moves the gates of appearance, their mean in one place should differ from that in another. As a control we
# take something that appearance cannot see: which *sound* is heard, drawn independently of the picture. What do you
# expect of the lower picture?


# %%
def group_means(g, labels):
    """Mean gates of each label: (labels, dims), in alphabetical order."""
    number = torch.tensor([sorted(set(labels)).index(label) for label in labels])
    members = F.one_hot(number).float()
    return (members.T @ g) / members.sum(0)[:, None], members


contexts = {
    "place": [f["place"] for f in facts],
    "a face there": [str(f["face"] is not None) for f in facts],
    "how it moves": [f["things"][0]["motion"] for f in facts],
    "sound": [f["sound"] for f in facts],
}

# %% tags=["hide-input"] slideshow={"slide_type": "subslide"}
figure, panels = plt.subplots(2, 1, figsize=(7, 5.6), height_ratios=[10, 14], sharex=True)
g = gates["appearance"]
order = group_means(g, contexts["place"])[0][0].argsort()
for axes, context in zip(panels, ("place", "sound"), strict=True):
    means = (group_means(g, contexts[context])[0] - g.mean(0))[:, order]
    picture = axes.imshow(means, aspect="auto", vmin=-0.4, vmax=0.4)
    axes.set_yticks(range(len(means)), sorted(set(contexts[context])), fontsize=8)
    axes.set_title(f"by {context}")
panels[1].set_xlabel("dimension, in the order of the first row's gates")
figure.colorbar(picture, ax=panels, label="mean gate, less the mean of all clips")
show(figure, "By place, the rows are striped: each place has its own pattern of gates above and below the mean, up to "
     "about 0.4. By sound, all rows are nearly the same grey: no pattern.")  # fmt: skip

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### More than by chance?
#
# Groups always differ a little, also if drawn by lot. So we do draw by lot. One number says how much groups differ: the
# *share* of all the gates' variance that lies between groups. Shuffle the labels among the clips 200 times, and see how
# large the share gets when labels mean nothing.


# %%
def share(g, labels):
    means, members = group_means(g, labels)
    return float((members @ means - g.mean(0)).pow(2).sum() / (g - g.mean(0)).pow(2).sum())


def shuffled(g, labels, times=200):
    generator = torch.Generator().manual_seed(0)
    orders = [torch.randperm(len(labels), generator=generator).tolist() for _ in range(times)]
    return torch.tensor([share(g, [labels[i] for i in order]) for order in orders])


# %% [markdown] slideshow={"slide_type": "subslide"}
# Two experts, four contexts. Which of the eight shares should be above chance?

# %% tags=["nbval-ignore-output"]
found = {}
for name, g in gates.items():
    for context, labels in contexts.items():
        found[name, context] = share(g, labels), shuffled(g, labels)
        value, lot = found[name, context]
        print(f"{name:<11} by {context:<13} {value:.2f}   by lot {lot.mean():.2f}, at most {lot.max():.2f}")

# %%
for pair in (("appearance", "place"), ("appearance", "a face there"), ("motion", "how it moves")):
    value, lot = found[pair]
    assert value > 3 * lot.max(), pair
for pair in (("appearance", "sound"), ("appearance", "how it moves"), ("motion", "place"), ("motion", "sound")):
    value, lot = found[pair]
    assert value < 2 * lot.mean(), pair
value, lot = found["motion", "a face there"]
assert value > 2 * lot.mean()
print("what an expert sees moves its gates; what it cannot see does not")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Place alone accounts for about a third of all that the gates of appearance do, and the kind of motion for about half
# of those of motion. None of 200 shuffles comes near. One row is a small surprise: the gates of motion tell a little
# about whether a face is there. They may: the people in these films blink and sway.
#
# Be careful what you read into that. *Any* function of a picture differs between a beach and a kitchen, and so do the
# gates of the model that has learnt nothing:

# %%
value, lot = share(before, contexts["place"]), shuffled(before, contexts["place"], times=50)
assert value > 3 * lot.max()
print("untrained gates differ by place more than by lot, too")

# %% [markdown]
# What they lack is size: they differ by a few hundredths. So the permutation check says *the gates see the context*,
# and the spread says that *training made them use it*. Whether that does any good is the next question.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Hold the gates still
#
# Give each gate its mean over 500 training clips and keep it there: the dimensions are still weighed, but every context
# alike. PyTorch's *hooks* do that without touching the model: a function that is called after a module, and whose
# result, if it gives one, takes the place of the module's. First, one that only looks.

# %%
from mee.evaluate import compute_ranks, embed

gatings = [unit.cg for side in (model.mee.text_GU, model.mee.video_GU) for unit in side.values()]
seen = {cg: [] for cg in gatings}


def look(cg, inputs, output):
    x, mask = inputs
    gates = torch.sigmoid(cg.batch_norm(cg.fc(x)))
    seen[cg].append(gates if mask is None else gates[mask])  # of the clips that have the expert


hooks = [cg.register_forward_hook(look) for cg in gatings]
some = clips.clips_in("train")[:500]
embed(model, clips, clips.captions_of(some)[0], some)
for hook in hooks:
    hook.remove()
print(len(gatings), "gatings, two an expert")
assert {len(torch.cat(rows)) for rows in seen.values()} > {500}  # the clips; and others: captions, those with a face

# %% [markdown] slideshow={"slide_type": "subslide"}
# Then one that multiplies by the mean gate. Before you run it: will R@10, the percentage of captions whose clip is
# among the first ten of 500, fall much?


# %% tags=["nbval-ignore-output"]
def hold(cg, inputs, output):
    return inputs[0] * torch.cat(seen[cg]).mean(0)


def r10(model):
    return 100 * float((compute_ranks(model, clips, val)[0] <= 10).double().mean())


moving = r10(model)
hooks = [cg.register_forward_hook(hold) for cg in gatings]
held = r10(model)
for hook in hooks:
    hook.remove()
print(f"text to video R@10: gates moving {moving:.1f}, gates held {held:.1f}, chance 2.0")
assert 2 < moving - held < 20

# %% [markdown]
# The trained model loses some six or seven points. It has learnt to rely on gates that move.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## And without gates from the start?
#
# That is another question. A model that never had gates may find another way. `mee.compare` trains each variant with
# the same seeds and ranks the same captions, so that differences are paired ([lesson 08](08_retrieval_metrics.ipynb)).

# %% tags=["nbval-ignore-output"]
from mee.compare import compare, difference

variants = {"gated": {}, "linear": {"gating": False}}
results = compare(clips, variants, seeds=(0, 1, 2), split="val", progress=False, **SMALL)
for name, result in results.items():
    seeds = ", ".join(f"{100 * (row <= 10).double().mean():.1f}" for row in result.t2v)
    print(f"{name:<7} t2v R@10 {seeds} (three seeds), chance 2.0")
gain = {way: difference(results["gated"], results["linear"], way) for way in ("t2v", "v2t")}
for way, (mean, low, high) in gain.items():
    print(f"{way}: gated minus linear {mean:+.1f} points, 95 % between {low:+.1f} and {high:+.1f}")

# %%
size = parameters(model)
gate = sum(parameters(cg) for cg in gatings)
print(f"{size:,} parameters, {gate:,} of them in gates: {100 * gate / size:.0f} %")
assert abs(gain["t2v"][0]) < 5 and abs(gain["v2t"][0]) < 8

# %% [markdown] slideshow={"slide_type": "subslide"}
# A seventh more parameters, and no difference that three seeds could show: one direction leans this way, the other that
# way, and both intervals reach across zero. At this size, nobody can say that the gate helps.
#
# Is that the last word? No. With 256 dimensions and twice the epochs, on the test split, gates buy two to three points
# from text to video, and the interval lies above zero ([results](results.md)). The lamp shows what a gate *can* do.
# Whether it is worth its parameters is a question to your data and your budget, and takes several seeds to answer.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The trap: nothing in, an opinion out
#
# Half of the clips show no face. Suppose their face features are filled with zeros and go through the unit. Before you
# run it: how long is the vector that comes out?

# %% slideshow={"slide_type": "subslide"}
nothing = torch.zeros(1, 2)
print("bias 0:      length", gated_unit(nothing, W1, torch.zeros(3), W2, b2).norm())
print("some bias:   length", gated_unit(nothing, W1, b1, W2, b2).norm())
face = model.mee.video_GU["face"]
with torch.no_grad():
    absent = face(torch.zeros(1, 128))
print("the trained face unit: length", absent.norm())
torch.testing.assert_close(absent.norm(), torch.tensor(1.0))

# %% [markdown]
# Without a bias, 0/0. With one, $z_1 = b_1$, and the last step scales whatever is left to length 1. A vector of length
# 1 is as much an answer as any other, and so it has a similarity with each sentence. What do the sentences think of
# this face that nobody has?

# %% tags=["nbval-ignore-output"]
captions, positive_clip = clips.captions_of(val)
text, video = embed(model, clips, captions, val)
opinion = text.vectors["face"] @ absent[0]
print(f"similarity of 2,001 captions with no face at all: from {opinion.min():+.2f} to {opinion.max():+.2f}")
assert opinion.max() - opinion.min() > 0.3

# %% [markdown] slideshow={"slide_type": "subslide"}
# So a caption that happens to lie near that vector lifts all faceless clips at once, another sinks them. What does it
# do to ranks? `ind` says which clips have a face; the bug is to say that all have.

# %% tags=["nbval-ignore-output"]
from mee import ranks

with torch.no_grad():
    everybody = {**ind, "face": torch.ones_like(ind["face"])}
    wrong = model.score(text, model.embed_video(videos, everybody, masks))
    right = model.score(text, model.embed_video(videos, ind, masks))
changed = (ranks(wrong, positive_clip) != ranks(right, positive_clip)).double().mean()
print(f"captions whose clip changes its rank: {100 * changed:.0f} %")
for label, scores in (("masked", right), ("not masked", wrong)):
    found = ranks(scores, positive_clip) <= 10
    print(f"{label:<11} R@10 {100 * found.double().mean():.1f}, chance 2.0")
assert changed > 0.3

# %% [markdown] slideshow={"slide_type": "subslide"}
# More than half of all captions see their clip move. And R@10? It hardly moves: what some captions lose, others win. A
# bug that the metric does not show is no smaller bug, only one that stays. (Why some captions *win* by it is worth a
# thought: a score with fewer experts stands on another scale. [Lesson 05](05_missing_faces.ipynb) goes into that.)
#
# The mend is a rule: **always mask**. `mee` sets absent rows to zero before it computes, leaves them out of every batch
# statistic, and sets their embeddings to zero again. Put NaN in those rows, and nothing changes.

# %%
rubbish = {**videos, "face": torch.where(ind["face"][:, None], videos["face"], torch.nan)}
with torch.no_grad():
    again = model.score(text, model.embed_video(rubbish, ind, masks))
assert torch.equal(again, right)
print("the same scores, bit for bit")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - A linear layer cannot choose between two clips when the meaning of one number depends on another; a gate can, by
#   turning dimensions up and down.
# - A gated embedding unit is $Wx + b$, times a sigmoid that sees all dimensions, scaled to length 1. Batch
#   normalisation sits inside the gate: in training a row's gates depend on its batch, afterwards they don't.
# - In a trained model the gates follow what their expert sees, far beyond chance, and not what it cannot see. Held
#   still, they cost that model some points.
# - Trained small, a model without gates is about as good, with an eighth fewer parameters. Trained larger, gates buy
#   two to three points: a comparison holds for the budget it was made with.
# - A unit turns zeros into a vector of length 1, so what is absent must be masked, always.
#
# ## Exercises
#
# 1. Count the parameters of a unit. 2. The lamp again, from the clip's side: what scaling to length 1 can do alone.
# 3. Spend the gate's parameters on a wider linear layer, and compare.
#
# Write them in the [exercise notebook](exercises/03_gating.ipynb); one way to do it is in the
# [solutions](solutions/03_gating.ipynb).
#
# ## Where next
#
# A gate weighs dimensions inside one expert. [Lesson 04](04_mixture_weights.ipynb) weighs the experts. Before this came
# [words and NetVLAD](02_words_and_netvlad.ipynb).
