# %% [markdown] slideshow={"slide_type": "slide"}
# # Which expert should this sentence trust?
#
# **You will learn** to compute mixture weights and scores by hand, with loops and then with two matrix products; to
# read the weights of real sentences and hold them against what the sentences talk about; whose weights count when the
# query is a clip; and why nobody may rely on the order of a dictionary.
#
# **You need** [lesson 02](02_words_and_netvlad.ipynb) (a sentence is one vector) and [lesson 03](03_gating.ipynb) (each
# expert has a space of its own).
#
# **Minutes** 40

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/04_mixture_weights.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F04_mixture_weights.ipynb)

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
import textwrap

import matplotlib.pyplot as plt
import torch
from lesson import show

torch.set_printoptions(precision=2, sci_mode=False)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Weights from a sentence
#
# Two experts: appearance sees, audio hears. Three sentences, each one vector; so that we can read them, the first
# number says how much of the sentence is about looks, the second how much is about sound.

# %%
sentences = torch.tensor([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0]])  # a red kite; a bell rings; a red kite and a bell
W = torch.tensor([[1.0, 0.0], [0.0, 1.0]])  # (experts, dimensions of a sentence)
b = torch.tensor([0.5, 0.0])

# %% [markdown] slideshow={"slide_type": "subslide"}
# A linear layer gives each sentence one number an expert, and a **softmax** makes weights of them: positive, and 1 in
# all.
#
# $$w_n(t) = \frac{e^{g_n}}{\sum_m e^{g_m}}, \qquad g = W t + b.$$
#
# Before you run it: the third sentence speaks of both alike. Will its two weights be equal?

# %%
weights = torch.zeros(3, 2)
for t in range(3):
    powers = [torch.exp(W[n] @ sentences[t] + b[n]) for n in range(2)]
    for n in range(2):
        weights[t, n] = powers[n] / sum(powers)
print(weights)
torch.testing.assert_close(weights, torch.softmax(sentences @ W.T + b, dim=1))

# %% [markdown]
# Not quite: the bias prefers appearance whatever the sentence says. An expert that is often useful gets a head start.
#
# Note what did *not* enter: the clip. A sentence decides whom it trusts before it has seen any.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The score, with loops
#
# Four clips. In a space of two dimensions a unit vector is an angle, so we write angles. Clip 1 is silent, clip 2 is
# black: there is only its sound.


# %%
def at(*degrees):
    """Unit vectors at these angles: (angles, 2)."""
    angle = torch.tensor(degrees).deg2rad()
    return torch.stack([angle.cos(), angle.sin()], 1)


experts = ["appearance", "audio"]
text = {"appearance": at(0.0, 90.0, 0.0), "audio": at(90.0, 0.0, 0.0)}  # expert -> (texts, 2)
video = {"appearance": at(10.0, 30.0, 0.0, 80.0), "audio": at(70.0, 0.0, 20.0, 10.0)}  # expert -> (clips, 2)
there = torch.tensor([[True, True], [True, False], [False, True], [True, True]])  # (clips, experts)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The score is a weighted mean over the set $E_v$ of the experts that clip $v$ has, of one cosine an expert:
#
# $$s(t, v) = \frac{\sum_{n \in E_v} w_n(t)\, s_n(t, v)}{\sum_{n \in E_v} w_n(t)}, \qquad s_n(t, v) = t_n \cdot v_n.$$

# %%
by_loops = torch.zeros(3, 4)
for t in range(3):
    for v in range(4):
        above = below = 0.0
        for n, name in enumerate(experts):
            if there[v, n]:
                above += weights[t, n] * (text[name][t] @ video[name][v])
                below += weights[t, n]
        by_loops[t, v] = above / below
print(by_loops)

# %% [markdown] slideshow={"slide_type": "subslide"}
# *A bell rings* (row 1) gave sound 0.82 and looks 0.18. What part do these two numbers play in its score with clip 1,
# which is silent? Think first.

# %%
cosine = text["appearance"][1] @ video["appearance"][1]
torch.testing.assert_close(by_loops[1, 1], cosine)
print(f"score {by_loops[1, 1]:.2f}, cosine of appearance alone {cosine:.2f}")

# %% [markdown]
# None: the one weight that is left stands above and below the line, and cancels. A silent clip is judged by its looks
# alone, even by a sentence about sound. It is the price of *leaving out* what is missing. ([Lesson
# 05](05_missing_faces.ipynb) asks whether it is worth it.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The same as two matrix products
#
# With $a_n(v) = 1$ where clip $v$ has expert $n$, else 0, both sums run over all experts:
#
# $$
# \text{above} = \sum_n \bigl(w_n(t)\, t_n\bigr) \cdot \bigl(a_n(v)\, v_n\bigr), \qquad
# \text{below} = \sum_n w_n(t)\, a_n(v).
# $$
#
# A sum of inner products is one inner product of the vectors put side by side. How large will `query` and `gallery` be?

# %%
query = torch.cat([weights[:, [n]] * text[name] for n, name in enumerate(experts)], 1)
gallery = torch.cat([there[:, [n]] * video[name] for n, name in enumerate(experts)], 1)
scores = (query @ gallery.T) / (weights @ there.T.float())
print(tuple(query.shape), tuple(gallery.shape), "->", tuple(scores.shape))
torch.testing.assert_close(scores, by_loops)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The first public code built a tensor of texts x clips x experts on the way. Two products need none, and matrix
# products are what processors do best.
#
# Now the library. `MEE.score` takes what `embed_text` and `embed_video` give: a `TextEmbedding`, vectors by name with
# their weights, and a `VideoEmbedding`, vectors by name with the mask. Its weights come from a linear layer named
# `moe_fc`.

# %%
from mee import MEE, TextEmbedding, VideoEmbedding

mee = MEE({"appearance": (2, 2), "audio": (2, 2)}, text_dim=2).eval()
mee.moe_fc.load_state_dict({"weight": W, "bias": b})
with torch.no_grad():
    torch.testing.assert_close(mee.embed_text(sentences).weights, weights)
absent_is_zero = {name: there[:, [n]] * video[name] for n, name in enumerate(experts)}
by_library = mee.score(TextEmbedding(text, weights), VideoEmbedding(absent_is_zero, there))
torch.testing.assert_close(by_library, by_loops)
print("weights and scores are the library's; the experts in order:", mee.experts)

# %% [markdown]
# And a clip with no expert at all, 0/0? The library says: score -1, the lowest a mean of cosines can be. It ranks last.

# %%
nothing = VideoEmbedding({name: torch.zeros(1, 2) for name in experts}, torch.zeros(1, 2, dtype=torch.bool))
print(mee.score(TextEmbedding(text, weights), nothing).T)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Real sentences
#
# A small model of TinyClips with its four experts, eight epochs ([lesson 07](07_training.ipynb) says how). All that
# follows is measured on the validation split.

# %%
from mee import fit_clips, read_clips
from mee.evaluate import embed

SMALL = {"dim": 64, "text_clusters": 8, "sequence_clusters": 4, "lr": 2e-3, "val": []}
clips = read_clips("data/tinyclips.h5")
model = fit_clips(clips, seed=0, epochs=8, progress=False, **SMALL).model.cpu()
clips.to("cpu")  # fit_clips uses a GPU if there is one; from here on everything is small

val = clips.clips_in("val")
captions, positive_clip = clips.captions_of(val)  # caption numbers, and the clip of each as a row of val
text, video = embed(model, clips, captions, val)
weights = text.weights  # (captions, experts)
mentions = clips.mentions[captions]  # (captions, experts): which experts the caption talks about
names = model.experts
print(len(captions), "captions;", len(val), "clips;", names)

# %% [markdown] slideshow={"slide_type": "subslide"}
# TinyClips knows which experts each caption talks about; the model was never told. Here is the first caption of each
# kind, for the four kinds about one expert and for three about two.

# %% tags=["hide-input"]
kinds = [[0], [1], [3], [2], [0, 1], [1, 3], [0, 2]]
rows = [next(i for i, row in enumerate(mentions) if row.nonzero().flatten().tolist() == kind) for kind in kinds]
figure, axes = plt.subplots(figsize=(5.4, 4.2))
left = torch.zeros(len(rows))
for n, hatch in enumerate(("", "//", "..", "xx")):
    width = weights[rows, n]
    colour, edge = ("#202020", "#d1660a", "#e8e8e8", "#9fc46b")[n], ("white", "white", "grey", "white")[n]
    axes.barh(range(len(rows)), width, left=left, hatch=hatch, color=colour, edgecolor=edge, label=names[n])
    left += width
who = [" + ".join(names[n] for n in kind) for kind in kinds]
texts = [textwrap.fill(clips.texts[captions[i]], 38) for i in rows]
labels = [f"{words}\n({experts})" for words, experts in zip(texts, who, strict=True)]
axes.set_yticks(range(len(rows)), labels, fontsize=8)
axes.invert_yaxis()
axes.set(xlim=(0, 1), xlabel="mixture weight")
axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.2, 1))
show(figure, "Captions about looks give appearance the longest bar, those about sound audio, those about movement "
     "motion. The caption about a face gives appearance the longest bar, and face a short one, as all do.")  # fmt: skip

# %% [markdown]
# The weights lean the right way, and they lean gently: no sentence gives one expert everything. One bar looks wrong. Do
# you see which?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Do the weights agree with the sentence?
#
# Take the captions that talk about *one* expert only. Does that expert get the largest weight? A guess would be right
# for one in four. A cleverer guess, always the expert that most of these captions talk about, is right a little more
# often.

# %% tags=["nbval-ignore-output"]
one = mentions.sum(1) == 1
said, trusted = mentions[one].float().argmax(1), weights[one].argmax(1)
agree = (said == trusted).double().mean()
commonest = torch.bincount(said).max() / len(said)
print(f"{len(said)} captions: agreement {100 * agree:.0f} %, chance 25 %, always the commonest {100 * commonest:.0f} %")
assert agree > 2 * commonest

# %% [markdown] slideshow={"slide_type": "subslide"}
# Nothing in the loss compares weights with what captions talk about. That they agree is a finding: trusting the right
# expert ranks better, and that was enough to learn it. But one number hides which mistakes are made. The **confusion
# matrix** shows them: rows are what the caption talks about, columns what it trusts most. Before you look: where do you
# expect the large numbers off the diagonal?

# %% tags=["hide-input"] slideshow={"slide_type": "subslide"}
confusion = torch.zeros(4, 4, dtype=torch.long).index_put_((said, trusted), torch.tensor(1), accumulate=True)
figure, axes = plt.subplots(figsize=(5.8, 4))
part = confusion / confusion.sum(1, keepdim=True)
axes.imshow(part, vmin=0, vmax=1)
for i in range(4):
    for j in range(4):
        colour = "black" if part[i, j] > 0.5 else "white"
        axes.text(j, i, int(confusion[i, j]), ha="center", va="center", color=colour)
axes.set_xticks(range(4), names)
axes.set_yticks(range(4), names)
axes.set(xlabel="trusted most", ylabel="talked about")
show(figure, "Appearance, audio and motion have nearly all their captions on the diagonal. All captions about a face "
     "alone trust appearance most; the column of face is empty.")  # fmt: skip

# %%
appearance, audio, face, motion = range(4)
for n in (appearance, audio, motion):
    assert part[n, n] > 0.6
assert part[face, face] < 0.2 and part[face, appearance] > 0.7
print("three experts are trusted by the captions about them; the face expert is not")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Why does nobody trust the face?
#
# No caption does, or next to none. Two suspects:
#
# 1. Half of the clips show no face, so the face's weight is used half as often and has half as much to learn from.
# 2. A head fills a third of the frame, so *appearance* sees long hair, glasses or a beard as well, and it is there for
#    all clips. What the face alone knows is little.
#
# The second can be tested by taking appearance away. If it is the reason, captions about a face should now trust the
# face expert more often.

# %% tags=["nbval-ignore-output"]
blind = fit_clips(clips, seed=0, epochs=8, progress=False, experts=["audio", "face", "motion"], **SMALL).model.cpu()
clips.to("cpu")
faces = captions[one][said == face]
with torch.no_grad():
    blind_weights = blind.embed_text(*clips.text(faces, 30)).weights
share = (blind_weights.argmax(1) == blind.experts.index("face")).double().mean()
print(f"captions about a face that trust the face most: {100 * part[face, face]:.0f} % with appearance,", end=" ")
print(f"{100 * share:.0f} % without it (chance: 25 % and 33 %)")
assert share > part[face, face] + 0.2

# %% [markdown] slideshow={"slide_type": "subslide"}
# So it was not that nobody could learn it: another expert did the work. **A weight says how useful an expert is beside
# the others, not what the sentence is about.** Where experts overlap, the two differ, and reading weights as
# explanations goes wrong. (The first suspect is exercise 3.)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### More than one expert
#
# Most captions talk about two or three experts. How much of the weight lies on those together? With $k$ of four
# experts, chance is $k / 4$.

# %%
for k in (1, 2, 3):
    rows = mentions.sum(1) == k
    mass = (weights * mentions)[rows].sum(1).mean()
    assert k / 4 + 0.04 < mass < k / 4 + 0.25
    print(f"{int(rows.sum())} captions about {k}: more than the {100 * k / 4:.0f} % of chance, by 4 to 25 points")

# %% [markdown]
# Above chance each time, and by little: the weights are hedged. In a moment we will see what for.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Are learned weights worth having?
#
# The rival trusts all experts alike, always: `learned_weights=False`. Three seeds each, the same captions, and an
# interval for the difference over clips and seeds (`mee.compare`; [lesson 08](08_retrieval_metrics.ipynb) builds it).

# %% tags=["nbval-ignore-output"]
from mee.compare import compare, difference

variants = {"learned": {}, "uniform": {"learned_weights": False}}
results = compare(clips, variants, seeds=(0, 1, 2), split="val", progress=False, epochs=6, **SMALL)
for name, result in results.items():
    for way, chance in (("t2v", 2.0), ("v2t", 2.0)):
        print(f"{name} {way}: R@10 {result.summary(way, 200)['R@10'][0]:.1f}, chance {chance}")
gain = {way: difference(results["learned"], results["uniform"], way) for way in ("t2v", "v2t")}
for way, (mean, low, high) in gain.items():
    print(f"{way}: learned minus uniform {mean:+.1f} points, 95 % between {low:+.1f} and {high:+.1f}")
assert -1 < gain["t2v"][0] < 6 and -8 < gain["v2t"][0] < 5

# %% [markdown]
# From text to video (t2v) learned weights win about two points, and in our run the interval lies above zero: some help,
# no miracle. From video to text (v2t) there is no gain that we could see. With more dimensions and epochs it is the
# same story, and at R@1 uniform weights are even the better ones from video to text ([results](results.md)). Why should
# the two directions differ?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## And when the query is a clip?
#
# Users of the original code asked: weights come from the sentence, so what are they if a *clip* is the query? Look at
# the formula: $s(t, v)$ has only $w_n(t)$ in it. A clip has no weights. When it ranks sentences, **each candidate
# sentence brings its own**, and the clip says over which experts they are scaled.
#
# So one matrix serves both ways: a row of it ranks clips for a sentence, a column ranks sentences for a clip. A small
# case: two sentences that agree with a clip in the same way, 0.9 by looks and 0.1 by sound, and differ in nothing but
# their trust. Which comes first?

# %%
likeness = torch.tensor([0.9, 0.1])  # by appearance, by audio; the same for both sentences
trust = torch.tensor([[0.8, 0.2], [0.2, 0.8]])
column = trust @ likeness
print("column of the clip:", column)
assert column[0] > column[1]

# %% [markdown] slideshow={"slide_type": "subslide"}
# The first, by its trust alone. With one set of weights for all sentences they would tie. Does that matter for real
# clips? Score once with each sentence's own weights, and once with the mean of all sentences' weights, and see how many
# of the 500 clips then put another sentence first.

# %%
from mee import ranks
from mee.metrics import pad_positives

own = model.score(text, video)  # (texts, clips)
shared = model.score(TextEmbedding(text.vectors, weights.mean(0).expand_as(weights)), video)
changed = (own.argmax(0) != shared.argmax(0)).double().mean()
assert changed > 0.15
print("for more than one clip in seven, another sentence comes first")

# %% [markdown]
# The library's evaluation ranks columns of that one matrix too. (A clip has several captions; the best of them counts.)

# %%
from mee.evaluate import compute_ranks

by_library = compute_ranks(model, clips, val)[1]
torch.testing.assert_close(by_library, ranks(own.T, pad_positives(positive_clip, len(val))))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What the hedging is for
#
# We know what each caption talks about. So give it *perfect* weights: all on those experts, evenly. And, for
# comparison, the mean weights from above, the same for all. What do you expect, in either direction?

# %% tags=["nbval-ignore-output"]


def recall(scores, k=10):
    """R@k both ways: each sentence ranks clips, each clip ranks sentences."""
    both = ranks(scores, positive_clip), ranks(scores.T, pad_positives(positive_clip, len(val)))
    return [100 * float((found <= k).double().mean()) for found in both]


perfect = mentions / mentions.sum(1, keepdim=True)
told = model.score(TextEmbedding(text.vectors, perfect), video)
for label, scores in (("their own", own), ("perfect", told), ("all the same", shared)):
    print("weights {:<13} R@10 t2v {:.1f}, v2t {:.1f}".format(label, *recall(scores)), end="")
    print("   R@1 t2v {:.1f}, v2t {:.1f}".format(*recall(scores, 1)))
print("chance                R@10 t2v 2.0, v2t 2.0    R@1 t2v 0.2, v2t 0.2")
assert abs(recall(told)[0] - recall(own)[0]) < 8 and recall(told)[1] < 0.6 * recall(own)[1]
assert recall(shared)[0] < recall(own)[0] and recall(shared, 1)[1] > recall(own, 1)[1] - 3

# %% [markdown] slideshow={"slide_type": "subslide"}
# To a sentence that ranks clips it makes little difference. For clips that rank sentences it is a disaster. All weight
# on one expert makes the score of *a car* one bare cosine, high for every clip in which appearance sees a car; a longer
# caption is a mean over several experts, some of which are less sure. So short, vague captions come first everywhere:

# %%
length = mentions.sum(1).double()  # how many experts each caption talks about
learned_first, perfect_first = length[own.argmax(0)].mean(), length[told.argmax(0)].mean()
assert perfect_first < learned_first - 0.5
print("with perfect weights, the first sentence of a clip talks about fewer experts, by half an expert or more")

# %% [markdown]
# (This model was trained with the other weights; one trained with these might cope better.) Weights set the *scale* of
# a sentence's scores. A row never notices, as the whole row has the same sentence. A column does: it compares
# sentences. The third line says the same from the other side: one set of weights for all sentences costs the sentences
# some points, and the clips none; in our run their R@1 even rises. So learning weights helps the rows, at some cost to
# the columns, and the hedging keeps that cost small.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The trap: the order of a dictionary
#
# The original block keeps its experts in a list, in the order of the dict that the *constructor* got. At each call it
# builds the weights' columns in the order of the dict that the *caller* passes. If the two orders differ, sound is
# judged with the weight for looks. Nothing raises; the numbers are only wrong. Here is that bug by hand:


# %% slideshow={"slide_type": "subslide"}
def careless(text, video, built, called):
    """Scores where column n of the weights belongs to built[n], and is used for called[n]."""
    query = torch.cat([text.weights[:, [n]] * text.vectors[name] for n, name in enumerate(called)], 1)
    gallery = torch.cat([video.vectors[name] for name in called], 1)
    column = [built.index(name) for name in called]
    return (query @ gallery.T) / (text.weights @ video.mask[:, column].T.float())


torch.testing.assert_close(careless(text, video, names, names), own)

# %% [markdown]
# In the constructor's order all is well. Now call it with the same four experts in another order. How far can a score
# go wrong?

# %% tags=["nbval-ignore-output"]
called = ["face", "motion", "appearance", "audio"]
wrong = careless(text, video, names, called)
print(f"a score is off by {(wrong - own).abs().mean():.2f} on average, by {(wrong - own).abs().max():.1f} at most")
for label, scores in (("right", own), ("careless", wrong)):
    print("{:<9} t2v R@10 {:.1f}, v2t R@10 {:.1f}".format(label, *recall(scores)), "(chance 2.0)")
assert recall(wrong)[0] < recall(own)[0] - 4 and recall(wrong)[1] < recall(own)[1] - 4

# %% [markdown] slideshow={"slide_type": "subslide"}
# Many points are gone, and the model still looks as if it had learnt something. Who would look for a bug in the order
# of a dict? In `mee` there is no order to get wrong: experts are kept by *name*, alphabetically, and dicts are only
# looked up. All 24 orders, bit for bit:

# %%
from itertools import permutations

videos, ind, masks = clips.video(val)
for order in permutations(names):
    shuffled = {name: videos[name] for name in order}
    with torch.no_grad():
        again = model.embed_video(shuffled, {name: ind[name] for name in reversed(order)}, masks)
    assert torch.equal(model.score(text, again), model.score(text, video))
print("24 orders, the same scores")

# %% [markdown]
# The constructor's order doesn't matter either. (For weights trained by the original code, `from_original` in
# `experiments/original/network.py` takes both orders and puts the columns right.)

# %%
sizes = {"audio": (3, 4), "face": (2, 4), "motion": (5, 4)}
built = [MEE({name: sizes[name] for name in order}, text_dim=6) for order in (sizes, reversed(sizes))]
built[1].load_state_dict(built[0].state_dict())
x, y = torch.ones(2, 6), {name: torch.ones(4, size) for name, (size, _) in sizes.items()}
with torch.no_grad():
    assert torch.equal(built[0].eval()(x, y), built[1].eval()(x, y))
print(built[0].experts == built[1].experts == sorted(sizes))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - A softmax on the sentence gives one weight an expert; the score is the weighted mean of cosines over what the clip
#   has, and is two matrix products.
# - Weights agree with what a caption talks about far beyond chance, though no loss asks for it; but they say how useful
#   an expert is *beside the others*. Appearance sees hair and beards too, so nobody trusts the face.
# - Learned weights beat uniform ones by some two points of R@10 from text to video; from video to text we see no gain.
# - A clip has no weights: each sentence brings its own. That puts sentences on different scales, and sharp weights
#   spoil the ranking of sentences.
# - Weights belong to names, not to positions.
#
# ## Exercises
#
# 1. One score from likenesses, weights and a mask. 2. Find weights that put a given clip first. 3. Is the face
#    mistrusted because it is so often missing?
#
# Write them in the [exercise notebook](exercises/04_mixture_weights.ipynb); one way to do it is in the
# [solutions](solutions/04_mixture_weights.ipynb).
#
# ## Where next
#
# [Lesson 05](05_missing_faces.ipynb) takes experts away and looks at what that does to training and scores. Before this
# came [gating](03_gating.ipynb).
