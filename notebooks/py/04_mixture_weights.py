# %% [markdown] slideshow={"slide_type": "slide"}
# # Which expert should this sentence trust?
#
# **You will learn** to compute mixture weights and scores by hand, with loops and then with two matrix products; to
# compare the weights of real sentences with what the sentences talk about; whose weights count when the query is a
# clip; and why nothing may depend on the order of a dictionary.
#
# **You need** [lesson 02](02_words_and_netvlad.ipynb) (a sentence is one vector) and [lesson 03](03_gating.ipynb) (each
# expert compares in a space of its own).
#
# **Minutes** 60

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/04_mixture_weights.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F04_mixture_weights.ipynb)

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
from lesson import EXPERTS, describe, draw, play_with, show

torch.set_printoptions(precision=2, sci_mode=False)

# %% tags=["remove-input"]
draw("here_04", "You are here: the sentence's weights and the score, a weighted mean.")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## A sentence makes its weights
#
# Take two [experts](glossary.md#expert), appearance, which sees, and audio, which hears; and three sentences, each a
# vector of two numbers that we can read: how much the sentence is about looks, and how much about sound.

# %% slideshow={"slide_type": "skip"}
sentences = torch.tensor([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
captions = ["a red kite", "a bell rings", "a red kite and a bell"]
W = torch.tensor([[1.0, 0.0], [0.0, 1.0]])  # (experts, dimensions of a sentence)
b = torch.tensor([0.5, 0.0])

# %% [markdown] slideshow={"slide_type": "slide"}
# A linear layer gives each sentence one number per expert, and a [softmax](glossary.md#softmax) turns these numbers
# into [**mixture weights**](glossary.md#mixture-weight), which are positive and sum to 1.
#
# $$w_n(t) = \frac{e^{g_n}}{\sum_m e^{g_m}}, \qquad g = W t + b.$$
#
# > **Predict.** The third sentence speaks of looks and sound alike. Will its two weights be equal?

# %% slideshow={"slide_type": "slide"}
weights = torch.zeros(3, 2)
for t in range(3):
    powers = [torch.exp(W[n] @ sentences[t] + b[n]) for n in range(2)]
    for n in range(2):
        weights[t, n] = powers[n] / sum(powers)
print(weights)
torch.testing.assert_close(weights, torch.softmax(sentences @ W.T + b, dim=1))

# %% [markdown] slideshow={"slide_type": "skip"}
# The two weights are not equal: the bias $b$ prefers appearance whatever the sentence says. In training, an expert that
# is often useful can get a head start this way.
#
# Note what did *not* enter: the clip. A sentence decides which experts it trusts before it has seen any clip.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Compute the score with loops
#
# Now take four clips. Each expert has a vector for each sentence and one for each clip, all of length 1. The gated
# units of lesson 03 make such vectors; here we make them up. In the plane a vector of length 1 is fixed by its angle,
# so we write angles. Clip 1 is silent. Clip 2 is black and has only sound. The angle of what they lack is written as 0
# and means nothing: `present` says so.


# %% slideshow={"slide_type": "skip"}
def at(*degrees):
    """Unit vectors at these angles: (angles, 2)."""
    angle = torch.tensor(degrees).deg2rad()
    return torch.stack([angle.cos(), angle.sin()], 1)


experts = ["appearance", "audio"]
text = {"appearance": at(0.0, 90.0, 0.0), "audio": at(90.0, 0.0, 0.0)}  # (texts, 2)
video = {"appearance": at(10.0, 30.0, 0.0, 80.0), "audio": at(70.0, 0.0, 20.0, 10.0)}
present = torch.tensor([[True, True], [True, False], [False, True], [True, True]])

# %% [markdown] slideshow={"slide_type": "skip"}
# Each expert $n$ has a vector $t_n$ of the sentence and a vector $v_n$ of the clip, both of length 1. It compares them
# by a [similarity](glossary.md#similarity) $s_n$, their cosine. The [score](glossary.md#score) is a weighted mean of
# these over the set $E_v$ of the experts that clip $v$ has ([Miech et al., 2018](references.md#miech2018)):
#
# $$s(t, v) = \frac{\sum_{n \in E_v} w_n(t)\, s_n(t, v)}{\sum_{n \in E_v} w_n(t)}, \qquad s_n(t, v) = t_n \cdot v_n.$$

# %% slideshow={"slide_type": "skip"}
by_loops = torch.zeros(3, 4)
for t in range(3):
    for v in range(4):
        numerator = denominator = 0.0
        for n, name in enumerate(experts):
            if present[v, n]:
                numerator += weights[t, n] * (text[name][t] @ video[name][v])
                denominator += weights[t, n]
        by_loops[t, v] = numerator / denominator
print(by_loops)

# %% [markdown] slideshow={"slide_type": "skip"}
# Each row is a sentence and each column a clip. Here is how the last score, in row 2 and column 3, comes about:

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "04_score_as_area",
    "The score is the mean height of columns as wide as the weights.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# > **Predict.** *A bell rings* (row 1) trusts sound with 0.82 and looks with 0.18. What part do these two numbers play
# > in its score with clip 1, which is silent?

# %% slideshow={"slide_type": "slide"}
cosine = text["appearance"][1] @ video["appearance"][1]
print(f"score {by_loops[1, 1]:.2f}, cosine of appearance alone {cosine:.2f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# They play no part: the score is the cosine of appearance alone. The only weight left stands in both numerator and
# denominator, and cancels.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw("04_left_out", "With one expert left, its weight cancels, however small it is.")

# %% [markdown] slideshow={"slide_type": "skip"}
# So a silent clip is judged by its looks alone, even by a sentence about sound: the price of *leaving out* what is
# [absent](glossary.md#absent). [Lesson 05](05_missing_faces.ipynb) asks whether it is worth paying.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Score all pairs by two matrix products
#
# Let $a_n(v)$ be 1 where clip $v$ has expert $n$, and 0 where it does not. Then both sums run over all experts:
#
# $$
# \text{numerator} = \sum_n \bigl(w_n(t)\, t_n\bigr) \cdot \bigl(a_n(v)\, v_n\bigr), \qquad
# \text{denominator} = \sum_n w_n(t)\, a_n(v).
# $$
#
# A sum of inner products is one inner product of the vectors laid side by side, so two matrix products give all scores.
#
# > **Predict.** Three sentences, four clips, two experts of two dimensions. What are the shapes of `query` and
# > `gallery`?

# %%
query = torch.cat([weights[:, [n]] * text[e] for n, e in enumerate(experts)], 1)
gallery = torch.cat([present[:, [n]] * video[e] for n, e in enumerate(experts)], 1)
scores = (query @ gallery.T) / (weights @ present.T.float())
print(tuple(query.shape), tuple(gallery.shape), "->", tuple(scores.shape))
torch.testing.assert_close(scores, by_loops)

# %% [markdown] slideshow={"slide_type": "skip"}
# Now the library. `MEE` makes the weights by a linear layer named `moe_fc`. Its method `score` takes a `TextEmbedding`
# (vectors by name, and weights) and a `VideoEmbedding` (vectors by name, and the mask `present`; vectors of absent
# experts are zero).

# %% slideshow={"slide_type": "skip"}
from mee import MEE, TextEmbedding, VideoEmbedding

mee = MEE({"appearance": (2, 2), "audio": (2, 2)}, text_dim=2).eval()
mee.moe_fc.load_state_dict({"weight": W, "bias": b})
zeroed = {e: present[:, [n]] * video[e] for n, e in enumerate(experts)}
with torch.no_grad():
    torch.testing.assert_close(mee.embed_text(sentences).weights, weights)
by_library = mee.score(TextEmbedding(text, weights), VideoEmbedding(zeroed, present))
torch.testing.assert_close(by_library, by_loops)

# %% [markdown] slideshow={"slide_type": "skip"}
# The library gives the same weights and scores, so from here on the book calls `score`. One case is left: the score of
# a clip with no expert at all would be 0/0. The library gives it -1, the lowest that a mean of cosines can be, so that
# such a clip ranks last:

# %% slideshow={"slide_type": "skip"}
nothing = {name: torch.zeros(1, 2) for name in experts}
empty = VideoEmbedding(nothing, torch.tensor([[False, False]]))
print(mee.score(TextEmbedding(text, weights), empty).T)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Look at the weights of real sentences
#
# Train a small model with four experts on TinyClips, by `fit_clips` as in [lesson 03](03_gating.ipynb). `embed`
# gives the [embeddings](glossary.md#embedding) of captions and clips. We measure on the [validation
# split](glossary.md#validation-split).

# %% slideshow={"slide_type": "skip"}
from mee import fit_clips, read_clips
from mee.evaluate import embed

SMALL = {"dim": 64, "text_clusters": 8, "sequence_clusters": 4, "lr": 2e-3}
SMALL |= {"val": [], "progress": False}
clips = read_clips("data/tinyclips.h5")
model = fit_clips(clips, seed=0, epochs=8, **SMALL).model.cpu()
clips = clips.to("cpu")  # training used a GPU if there is one; now all is small

# %% slideshow={"slide_type": "skip"}
val = clips.clips_in("val")
captions, positive_clip = clips.captions_of(val)  # caption numbers; the clip of each
text, video = embed(model, clips, captions, val)
weights = text.weights  # (captions, experts)
mentions = clips.mentions[captions]  # (captions, experts): what each talks about
names = model.experts
print(len(captions), "captions;", len(val), "clips;", names)

# %% [markdown] slideshow={"slide_type": "skip"}
# TinyClips knows which experts each caption talks about; the model was never told. Here are the weights of seven
# captions: four about one expert, three about two.

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
kinds = [[0], [1], [2], [3], [0, 1], [1, 3], [0, 2]]
about = [row.nonzero().flatten().tolist() for row in mentions]
rows = [about.index(kind) for kind in kinds]
figure, axes = plt.subplots(figsize=(7, 5.4))
left = torch.zeros(len(rows))
for n, name in enumerate(names):
    width = weights[rows, n]
    axes.barh(range(len(rows)), width, 0.46, left=left, label=name, **EXPERTS[name])
    for y, kind in enumerate(kinds):
        if n in kind:  # a frame around what the caption talks about
            axes.barh(y, width[y], 0.46, left=left[y], fill=False, ec="black", lw=3)
    left += width
for y, i in enumerate(rows):
    axes.text(0, y - 0.33, clips.texts[captions[i]], fontsize=11)
axes.set(xlim=(0, 1), xlabel="mixture weight", yticks=[])
axes.spines.left.set_visible(False)
axes.invert_yaxis()
axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1))
show(
    figure,
    "Seven captions, each above a bar of its four weights; what a caption talks about "
    "is framed. Captions about looks give appearance the longest part, those about "
    "sound audio, those about movement motion. The caption about a face gives "
    "appearance the longest part, and face a short one, as all do.",
    "Weights lean towards what a caption talks about (framed), except for the face.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# The weights lean the right way, and they lean gently: no sentence gives one expert everything. One bar is out of line:
# the caption about a face gives the face expert little weight.
#
# What do such weights find? Choose a caption, and take experts away.

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
import base64
import io

from PIL import Image

texts_of = {}  # what a caption talks about -> such captions, each text once
for i, kind in enumerate(about):
    texts_of.setdefault((len(kind), *kind), {}).setdefault(clips.texts[captions[i]], i)
two_each = [list(texts_of[kind].values())[:2] for kind in sorted(texts_of)]
chosen = [i for two in two_each for i in two][:24]
own = positive_clip[chosen].tolist()
shown = list(dict.fromkeys([*own, *range(len(val))]))[:100]  # the gallery
tile = (80, 60)
sheet = Image.new("RGB", (10 * tile[0], 10 * tile[1]))
for place, v in enumerate(shown):
    jpeg = io.BytesIO(clips.storyboard(int(val[v]))[1])
    at = (place % 10 * tile[0], place // 10 * tile[1])
    sheet.paste(Image.open(jpeg).resize(tile), at)
sheet.save(file := io.BytesIO(), "webp", quality=50)
sprite = "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
cosines = [text.vectors[e][chosen] @ video.vectors[e][shown].T for e in names]
play_with(
    "weights_and_results",
    {
        "experts": names,
        "captions": [
            {
                "text": clips.texts[captions[i]],
                "weights": weights[i].tolist(),
                "mentions": about[i],
                "own": shown.index(v),
            }
            for i, v in zip(chosen, own, strict=True)
        ],
        "clips": [{"what": describe(clips.facts[int(val[v])])} for v in shown],
        "present": video.mask[shown].int().tolist(),
        "similarities": (1000 * torch.stack(cosines, 2)).round().int().tolist(),
        "sprite": sprite,
        "columns": 10,
        "tile": tile,
    },
    "Choose one of 24 captions and tick which experts are used. You see the caption's "
    "weights, the five of 100 clips with the highest scores and what each expert adds, "
    "and the rank of the caption's own clip. Without the experts that the caption "
    "talks about, that clip mostly falls.",
    "Without the experts that a caption talks about, its own clip mostly falls.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Do the weights agree with the sentence?
#
# Take the captions that talk about *one* expert only. Does that expert get the largest weight?
# [Guessing](glossary.md#chance-level) would be right for one in four. Always naming the expert that captions talk about
# most often would do a little better.

# %% slideshow={"slide_type": "skip"}
one = mentions.sum(1) == 1
mentioned, trusted = mentions[one].float().argmax(1), weights[one].argmax(1)
agree = (mentioned == trusted).double().mean()
commonest = torch.bincount(mentioned).max() / len(mentioned)
print(f"captions about one expert: {len(mentioned)}")
print(f"it has the largest weight in ≈ {100 * agree:.0f} %")
print(f"chance: 25 %; always the commonest: {100 * commonest:.0f} %")

# %% [markdown] slideshow={"slide_type": "slide"}
# Nothing in the loss compares weights with what captions talk about. That the two agree is a finding: trusting the
# right expert ranks clips better, and training rewards a better ranking. The **confusion matrix** shows the mistakes: a
# row for what the caption talks about, a column for what it trusts most.
#
# > **Predict.** Where are the large numbers off the diagonal?

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
confusion = torch.bincount(4 * mentioned + trusted, minlength=16).view(4, 4)
part = confusion / confusion.sum(1, keepdim=True)
figure, axes = plt.subplots(figsize=(6, 4.2))
axes.imshow(part, vmin=0, vmax=1, aspect="auto")
for i in range(4):
    for j in range(4):
        colour = "black" if part[i, j] > 0.5 else "white"
        number = int(confusion[i, j])
        axes.text(j, i, number, ha="center", va="center", color=colour)
axes.set_xticks(range(4), names)
axes.set_yticks(range(4), names)
axes.set(xlabel="trusted most", ylabel="talked about")
show(
    figure,
    "Appearance, audio and motion have nearly all their captions on the diagonal. "
    "Nearly all captions about a face alone trust appearance most; the column of face "
    "is empty, or nearly.",
    "Captions about a face alone trust appearance; the others trust their own expert.",
)
for i, name in enumerate(names):
    shares = "  ".join(f"{names[j]} ≈ {part[i, j]:.0%}" for j in range(4))
    print(f"about {name:<11} trusts {shares}")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
appearance, audio, face, motion = range(4)
assert agree > 0.7 > 2 * commonest
few = TextEmbedding({e: x[chosen] for e, x in text.vectors.items()}, weights[chosen])
without = TextEmbedding(few.vectors, few.weights * ~mentions[chosen])
columns = torch.tensor(own)[:, None]
places = [
    (scores[:, shown] > scores.gather(1, columns)).sum(1)
    for scores in (model.score(few, video), model.score(without, video))
]
assert (places[1] > places[0]).double().mean() > 0.6
assert min(part[n, n] for n in (appearance, audio, motion)) > 0.6
assert part[face, face] < 0.2 and part[face, appearance] > 0.7

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Why do sentences not trust the face?
#
# Nearly all captions about a face alone trust appearance most. There are two suspects:
#
# 1. Half of the clips show no face, so the face's weight has half as much to learn from.
# 2. A head fills a third of the frame, so *appearance* sees long hair, glasses or a beard as well. There is little that
#    only the face expert knows.
#
# The second suspect can be tested: train once more, without appearance.
#
# > **Predict.** Of the captions about a face alone, how many now trust the face expert most? There are three experts,
# > so chance is 33 %.

# %% slideshow={"slide_type": "skip"}
three = ["audio", "face", "motion"]
blind = fit_clips(clips, seed=0, epochs=8, experts=three, **SMALL).model.cpu()
clips = clips.to("cpu")
faces = captions[one][mentioned == names.index("face")]
for label, network in (("with appearance", model), ("without", blind)):
    with torch.no_grad():
        w = network.embed_text(*clips.text(faces, 30)).weights
    share = (w.argmax(1) == network.experts.index("face")).double().mean()
    print(f"{label}: ≈ {100 * share:.0f} % trust the face most")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert share > part[face, face] + 0.3

# %% [markdown] slideshow={"slide_type": "skip"}
# So a sentence can trust the face: before, appearance was doing the face's work. **A weight says how useful an expert
# is beside the others, not what the sentence is about.** Where experts overlap the two differ, and reading weights as
# explanations goes wrong. Exercise 3 tests the first suspect.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Weights hedge
#
# Most captions talk about two or three experts. How much of the weight lies on those together, and how much is
# *hedged*, spread over the others? If a caption mentions $k$ of the four experts, even weights would put $k / 4$ there.

# %% slideshow={"slide_type": "skip"}
for k in (1, 2, 3):
    rows = mentions.sum(1) == k
    mass = (weights * mentions)[rows].sum(1).mean()
    print(f"{int(rows.sum())} captions about {k}:", end=" ")
    print(f"≈ {100 * mass:.0f} % of the weight (even weights: {25 * k} %)")

# %% [markdown] slideshow={"slide_type": "skip"}
# Each time the share is larger than with even weights, but not by much: sentences hedge. You will see shortly why.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Are learnt weights worth having?
#
# The rival is a model that trusts all experts alike: `learned_weights=False`. `compare` trains each variant with
# several seeds and ranks the same captions; `difference` puts a 95 % interval on the difference ([lesson
# 07](07_retrieval_metrics.ipynb)). **R@10** is the percentage of queries whose right answer is among the first ten.
# From text to video, [*t2v*](glossary.md#t2v), a random order would give 2 %; *v2t* is the reverse.

# %% slideshow={"slide_type": "skip"}
from mee.compare import compare, difference

variants = {"learnt": {}, "uniform": {"learned_weights": False}}
options = {"split": "val", "epochs": 4, **SMALL}
results = compare(clips, variants, seeds=(0, 1, 2), **options)

# %% slideshow={"slide_type": "skip"}
gains = {}
for direction in ("t2v", "v2t"):
    learnt, uniform = (results[v].summary(direction)["R@10"][0] for v in variants)
    gains[direction] = difference(results["learnt"], results["uniform"], direction)
    gain, low, high = gains[direction]
    print(f"{direction} R@10: learnt ≈ {learnt:.0f}, uniform ≈ {uniform:.0f};", end=" ")
    print(f"difference ≈ {gain:+.1f} points, from ≈ {low:+.1f} to ≈ {high:+.1f}")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
clips = clips.to("cpu")
for k in (1, 2, 3):
    rows = mentions.sum(1) == k
    assert k / 4 + 0.04 < (weights * mentions)[rows].sum(1).mean() < k / 4 + 0.3
assert -2 < gains["t2v"][0] < 7 and -9 < gains["v2t"][0] < 5

# %% [markdown] slideshow={"slide_type": "skip"}
# From text to video learnt weights are ahead by about a point, but the interval just reaches zero. From video to text
# we see no gain. These small models had four [epochs](glossary.md#epoch) of training instead of the eight above, so
# their R@10 is lower. [Lesson 12](12_ablations.ipynb) repeats the comparison with full ones. Is there a reason why the
# two directions should differ?

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Whose weights count when the query is a clip?
#
# Users of the original code asked: what are the weights when a *clip* is the query? The formula of $s(t, v)$ has only
# $w_n(t)$ in it: a clip has no weights. When a clip ranks sentences, **each candidate sentence brings its own**, and
# the clip only says over which experts these are rescaled to sum to 1.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw("04_rows_and_columns", "A row has one set of weights; a column mixes several.")

# %% [markdown] slideshow={"slide_type": "skip"}
# Take two sentences that agree with a clip in the same way, 0.9 by looks and 0.1 by sound, and differ only in their
# weights.
#
# > **Predict.** The clip ranks the two sentences. Which comes first, or do they tie?

# %% slideshow={"slide_type": "skip"}
similarity = torch.tensor([0.9, 0.1])  # by appearance, by audio: the same for both
trust = torch.tensor([[0.8, 0.2], [0.2, 0.8]])
print("the clip's column:", trust @ similarity)

# %% [markdown] slideshow={"slide_type": "skip"}
# The first sentence comes first, by its weights alone; with the same weights the two sentences would tie. Does that
# matter for real clips? Score once with each sentence's own weights, and once with the mean of all sentences' weights.

# %% slideshow={"slide_type": "skip"}
own = model.score(text, video)  # (texts, clips)
mean_weights = weights.mean(0).expand_as(weights)
shared = model.score(TextEmbedding(text.vectors, mean_weights), video)
changed = (own.argmax(0) != shared.argmax(0)).double().mean()
print(f"another sentence comes first for ≈ {100 * changed:.0f} % of the clips")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert changed > 0.15

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Find out what hedging is for
#
# For four clips in ten the winner depends on the weights that sentences bring. What, then, would sharper weights do?
# We know what each caption talks about, so give it *perfect* weights: all on those experts, evenly. `recall` gives R@k
# in both directions. A clip has several captions, which `pad_positives` lists, and the best of them counts.
#
# > **Predict.** What do perfect weights do to R@10 from text to video? And from video to text?

# %% slideshow={"slide_type": "skip"}
from mee import ranks
from mee.metrics import pad_positives


def recall(scores, k=10):
    """R@k in percent: each sentence ranks clips, each clip ranks sentences."""
    captions_of_clip = pad_positives(positive_clip, len(val))
    both = ranks(scores, positive_clip), ranks(scores.T, captions_of_clip)
    return [100 * float((r <= k).double().mean()) for r in both]


perfect = mentions / mentions.sum(1, keepdim=True)
told = model.score(TextEmbedding(text.vectors, perfect), video)
for label, scores in (("their own", own), ("perfect", told), ("all the same", shared)):
    print("{:12}  R@10 t2v ≈ {:.0f}, v2t ≈ {:.0f}".format(label, *recall(scores)))

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
from mee.evaluate import compute_ranks

by_library = compute_ranks(model, clips, val)[1]  # the library ranks columns likewise
own_ranks = ranks(own.T, pad_positives(positive_clip, len(val)))
torch.testing.assert_close(by_library, own_ranks)
assert abs(recall(told)[0] - recall(own)[0]) < 8
assert recall(told)[1] < 0.6 * recall(own)[1]
assert recall(shared)[0] < recall(own)[0]
assert recall(shared)[1] > recall(own)[1] - 5

# %% [markdown] slideshow={"slide_type": "skip"}
# For sentences that rank clips, perfect weights change little. For clips that rank sentences they are a disaster: v2t
# R@10 falls from ≈ 81 to ≈ 20. With all weight on one expert, the score of *a car* is a single cosine, which is high
# for every clip in which appearance sees a car. A longer caption's score is a mean over several experts, and some of
# their cosines are lower. So short, vague captions should come first everywhere. Count how many experts the winning
# sentence talks about:

# %% slideshow={"slide_type": "skip"}
length = mentions.sum(1).double()  # how many experts each caption talks about
by_own, by_perfect = (length[s.argmax(0)].mean() for s in (own, told))
print("experts in the sentence that comes first:")
print(f"own weights ≈ {by_own:.1f}, perfect weights ≈ {by_perfect:.1f}")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert by_perfect < by_own - 0.5

# %% [markdown] slideshow={"slide_type": "skip"}
# Weights set the *scale* of a sentence's scores. A row never notices, as the whole row has the same sentence. A column
# does, because it compares sentences. So sharp weights spoil the columns, and here they gain the rows nothing (t2v
# ≈ 60). Hedging keeps that cost small. The other extreme, the same weights for all sentences, costs the columns nothing
# (v2t ≈ 82) and the rows a little (t2v ≈ 58).
#
# > **Aside.** This model was trained with its own weights; a model trained with perfect ones might cope better.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## The trap: the order of a dictionary
#
# The original code keeps its experts in a list, in the order of the dict that the *constructor* got. At each call it
# takes the columns of the weights in the order of the dict that the *caller* passes. If the two orders differ, one
# expert is judged with the weight of another. Nothing raises an error; the numbers are wrong.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw("04_crossed_wires", "By position (arrows), weights meet the wrong experts.")

# %% [markdown] slideshow={"slide_type": "skip"}
# Here is that bug by hand:


# %% slideshow={"slide_type": "skip"}
def careless(text, video, built, called):
    """By position: column n of the weights, made for built[n], weighs called[n]."""
    weighted = [text.weights[:, [n]] * text.vectors[e] for n, e in enumerate(called)]
    gallery = torch.cat([video.vectors[name] for name in called], 1)
    mask = video.mask[:, [built.index(name) for name in called]]
    return (torch.cat(weighted, 1) @ gallery.T) / (text.weights @ mask.T.float())


torch.testing.assert_close(careless(text, video, names, names), own)

# %% [markdown] slideshow={"slide_type": "slide"}
# In the constructor's order all is well. Now call the function with the same four experts in another order.
#
# > **Predict.** How many points of R@10 does that cost?

# %% slideshow={"slide_type": "slide"}
called = ["face", "motion", "appearance", "audio"]
wrong = careless(text, video, names, called)
print(f"the largest error of a score ≈ {(wrong - own).abs().max():.1f}")
for label, scores in (("right", own), ("careless", wrong)):
    print("{:9} R@10 t2v ≈ {:.0f}, v2t ≈ {:.0f}".format(label, *recall(scores)))

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert recall(wrong)[0] < recall(own)[0] - 4
assert recall(wrong)[1] < recall(own)[1] - 4

# %% [markdown] slideshow={"slide_type": "skip"}
# R@10 falls from ≈ 61 to ≈ 49 and from ≈ 81 to ≈ 65, and the model still looks as if it had learnt something. Who would
# look for the fault in the order of a dict?
#
# > **Trap.** Weights belong to names, not to positions.
#
# In `mee` there is no order to get wrong: experts are kept by *name*, alphabetically, and dicts are only looked up. All
# 24 orders give the same scores, bit for bit:

# %% slideshow={"slide_type": "skip"}
from itertools import permutations

videos, ind, masks = clips.video(val)
same = 0
for order in permutations(names):
    shuffled = {name: videos[name] for name in order}
    backwards = {name: ind[name] for name in reversed(order)}
    with torch.no_grad():
        again = model.embed_video(shuffled, backwards, masks)
    same += torch.equal(model.score(text, again), model.score(text, video))
print(same, "orders, the same scores")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
assert same == 24
# the constructor's order does not matter either
sizes = {"audio": (3, 4), "face": (2, 4), "motion": (5, 4)}
built = [MEE({name: sizes[name] for name in o}, 6) for o in (sizes, reversed(sizes))]
built[1].load_state_dict(built[0].state_dict())
x = torch.ones(2, 6), {name: torch.ones(4, size) for name, (size, _) in sizes.items()}
with torch.no_grad():
    assert torch.equal(built[0].eval()(*x), built[1].eval()(*x))
assert built[0].experts == built[1].experts == sorted(sizes)

# %% [markdown] slideshow={"slide_type": "skip"}
# > **Aside.** For weights trained by the original code, `from_original` in `experiments/original/network.py` takes both
# > orders and puts the columns right.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - A softmax on the sentence gives one weight per expert; the score is the weighted mean of similarities over the
#   experts that the clip has, and two matrix products compute all scores.
# - Weights agree with what a caption talks about far beyond chance, though no loss asks for it. But they say how useful
#   an expert is *beside the others*: appearance sees hair and beards too, so captions about a face trust appearance
#   most.
# - From text to video learnt weights were ahead by about a point, which may be chance. From video to text we saw no
#   gain over uniform ones.
# - A clip has no weights: each sentence brings its own. These weights put sentences on different scales, so sharp
#   weights spoil the ranking of sentences.
# - Weights belong to names, not to positions.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# Ten questions: choose an answer, and read why it is right or wrong.

# %% tags=["quiz", "remove-input"]
from lesson import quiz

quiz("04")

# %% [markdown]
# ## Exercises
#
# 1. Easy: compute one score from similarities, weights and a mask.
# 2. Usual: find weights that put a given clip first.
# 3. Open-ended: is the face not trusted because it is so often missing?
#
# Write them in the [exercise notebook](exercises/04_mixture_weights.ipynb); one way to do it is in the
# [solutions](solutions/04_mixture_weights.ipynb).
#
# ## Where next
#
# [Lesson 05](05_missing_faces.ipynb) takes experts away and looks at what that does to training and scores. Before this
# came [gating](03_gating.ipynb).
