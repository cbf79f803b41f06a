# %% [markdown] slideshow={"slide_type": "slide"}
# # What does max margin ask for, and how does InfoNCE differ?
#
# **You will learn** to compute the paper's loss and its gradient by counting; what margin and temperature do; which
# "wrong" pairs of a batch are not wrong; and how to compare two losses whose values cannot be compared.
#
# **You need** [Which expert should this sentence trust?](04_mixture_weights.ipynb); the logarithm; the derivative of
# a function of one variable.
#
# **Minutes** 60

# %% [markdown] tags=["badges"]
# [![Open in Colab](_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/06_ranking_loss.ipynb)
# [![Open in Binder](_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2F06_ranking_loss.ipynb)

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

from mee import InfoNCELoss, MaxMarginRankingLoss, read_clips

torch.set_printoptions(precision=2, sci_mode=False)

# %% tags=["remove-input"]
draw("here_06", "You are here: the loss, which is made of the scores of a batch.")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A margin is a distance to keep
#
# A model gives each sentence a [score](glossary.md#score) with each clip. What do we ask of these scores? The right
# clip's score need not be 1, or any other number: only the order counts. The right clip has to score higher than the
# wrong ones, and to be safe, higher by some distance, the **[margin](glossary.md#margin)** $m$. For a right score
# $s_r$ and a wrong score $s_w$, the [loss](glossary.md#loss) is the part of that distance that is lacking:
#
# $$
# \max(0,\; m + s_w - s_r)
# $$
#
# > **Predict.** The right clip scores 0.7 and the margin is 0.2. Which of these wrong clips cost something: 0.80,
# > 0.65, 0.55, 0.45, 0.10?

# %% slideshow={"slide_type": "slide"}
margin = 0.2
right, wrong = 0.7, torch.tensor([0.80, 0.65, 0.55, 0.45, 0.10])
hinge = (margin + wrong - right).clamp(min=0)
print("wrong score:", wrong)
print("loss:       ", hinge)

# %% [markdown] slideshow={"slide_type": "skip"}
# The first wrong clip is above the right one. The next two are below it, but too near. The last two are far enough
# away to cost nothing. Over the wrong score, this loss is flat and then rises; a function with such a bend is called
# a **hinge**. Training pushes a score by the slope of the loss, and the slope is either 0 or 1:

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "06_number_line",
    "A wrong clip within the margin is pushed as hard as one above the right clip, "
    "and one below the margin is left alone.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## The other clips of the batch are the wrong answers
#
# Training takes a [batch](glossary.md#batch) of $B$ clips with one caption each. The scores are a square matrix: rows
# are texts, columns are clips, and the right pairs stand on the diagonal. For a text, the other clips of the batch are
# the wrong answers; for a clip, the other texts are. The loss of the paper ([Miech et al.,
# 2018](references.md#miech2018)) counts both directions:
#
# $$
# L = \frac{1}{2B(B-1)} \sum_{i} \sum_{j \ne i} \bigl[\max(0,\, m + s_{ij} - s_{ii}) + \max(0,\, m + s_{ij} -
# s_{jj})\bigr]
# $$
#
# The first term compares two clips for text $i$, along a row. The second term compares two texts for clip $j$, along a
# column.

# %% slideshow={"slide_type": "skip"}
scores = torch.tensor([[0.6, 0.5, 0.1], [0.2, 0.3, 0.4], [0.3, 0.0, 0.7]])
print(scores)

# %% [markdown] slideshow={"slide_type": "slide"}
# > **Predict.** How many terms does the sum have for three texts and three clips, and how many of them are above 0?

# %% slideshow={"slide_type": "slide"}
n, terms = len(scores), []  # a term: text or clip, its number, wrong pair i, j, value
for i in range(n):
    for j in range(n):
        if i != j:
            terms.append(("text", i, i, j, float(margin + scores[i, j] - scores[i, i])))
            terms.append(("clip", j, i, j, float(margin + scores[i, j] - scores[j, j])))
by_loop = sum(max(0.0, value) for *_, value in terms) / len(terms)
print(f"{len(terms)} terms, loss {by_loop:.3f}")
for kind, owner, i, j, value in terms:
    if value > 0:
        print(f"{kind} {owner}: the wrong pair ({i}, {j}) costs {value:.1f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# Four of the twelve terms cost something. The wrong pair (0, 1) costs twice: clip 1 scores too high for text 0, and
# text 0 scores too high for clip 1. Here are all twelve:

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "06_twelve_terms",
    "Each wrong pair has two terms: one against the right pair of its row, "
    "one against the right pair of its column.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# Loops are not needed. To compare along rows, broadcast the diagonal as a column; to compare along columns, as a row.
# The library's loss gives the same value.


# %% slideshow={"slide_type": "skip"}
def max_margin(scores, margin=0.2):
    right = scores.diagonal()
    text = (margin + scores - right[:, None]).clamp(min=0)  # row i against s_ii
    clip = (margin + scores - right[None, :]).clamp(min=0)  # column j against s_jj
    wrong = ~torch.eye(len(scores), dtype=torch.bool)
    return (text[wrong].sum() + clip[wrong].sum()) / (2 * wrong.sum())


print(f"{max_margin(scores):.3f}")
assert_close(max_margin(scores), MaxMarginRankingLoss(0.2)(scores))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The gradient is found by counting
#
# What does this loss do to the scores? A term above 0 has slope +1 in its wrong score and −1 in its right score. A
# term of 0 has slope 0. So for each costly term, add one at the wrong pair, and take one away at the right pair of
# the text or clip that does the comparing. Divide by 12 at the end.
#
# > **Predict.** Take the list of four costly terms and fill in a 3 × 3 matrix on paper. What stands at (0, 1)? And at
# > (1, 1), the right pair of text 1 and clip 1?

# %% slideshow={"slide_type": "slide"}
count = torch.zeros(n, n)
for _, owner, i, j, value in terms:
    if value > 0:
        count[i, j] += 1
        count[owner, owner] -= 1
print(count)

# %% [markdown] slideshow={"slide_type": "skip"}
# Training goes against the gradient: scores with a minus rise, scores with a plus fall. The last row is 0: text 2
# scores so low with clips 0 and 1 that neither pair is too near the right pair of its row or of its column, and clip 2
# scores low enough with texts 0 and 1. Autograd, which does not count, finds the same numbers in the library's loss.


# %% slideshow={"slide_type": "skip"}
def gradient(loss, scores):
    scores = scores.clone().requires_grad_()
    loss(scores).backward()
    return scores.grad


by_autograd = gradient(MaxMarginRankingLoss(0.2), scores)
print(12 * by_autograd)
assert_close(by_autograd, count / 12)

# %% [markdown] slideshow={"slide_type": "skip"}
# Every +1 comes with a −1, so the entries sum to 0. The loss therefore stays the same if all scores rise together: it
# depends on differences alone.

# %% slideshow={"slide_type": "skip"}
print(f"sum of the gradient: {abs(by_autograd.sum()):.1f}")
print(f"loss {max_margin(scores):.3f}, all scores + 5: {max_margin(scores + 5):.3f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## All wrong answers, or only the hardest?
#
# The paper's loss is a mean over all wrong pairs, and most of them are easy. Work on images and texts ([Faghri et
# al., 2018](references.md#faghri2018)) takes, for each text and each clip, only the **[hardest
# negative](glossary.md#hard-negative)**: the wrong answer with the highest score. The arguments `clip_ids` and
# `caption_ids` are used further down.


# %% slideshow={"slide_type": "skip"}
def hardest_margin(scores, clip_ids=None, caption_ids=None, margin=0.2):
    right = scores.diagonal()
    out = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    for ids in (clip_ids, caption_ids):
        if ids is not None:
            out = out | (ids[:, None] == ids)  # the same clip or caption is not wrong
    wrong = scores.masked_fill(out, -torch.inf)
    text = (margin + wrong.max(1).values - right).clamp(min=0)
    clip = (margin + wrong.max(0).values - right).clamp(min=0)
    return (text.mean() + clip.mean()) / 2


print(2 * n * gradient(hardest_margin, scores))

# %% [markdown] slideshow={"slide_type": "skip"}
# Of six terms, one per text and one per clip (hence the factor $2n = 6$), three cost something. The wrong pair (1, 0)
# has dropped out, because clip 2 is harder for text 1. With three clips that is a detail. With 64, as in a real
# batch, it decides which pairs are trained at all.
#
# > **Predict.** An untrained model gives random scores to 64 texts and 64 clips, so nearly all of the 4,032 wrong
# > pairs are too near. How many of them will the hardest negatives push?

# %% slideshow={"slide_type": "skip"}
untrained = 0.1 * torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
off_diagonal = ~torch.eye(64, dtype=torch.bool)
for label, loss in (("all", max_margin), ("hardest", hardest_margin)):
    pushed = (gradient(loss, untrained)[off_diagonal] > 0).sum()
    print(f"{label:<8} pushes {pushed:>5,} of {off_diagonal.sum():,} wrong pairs")

# %% [markdown] slideshow={"slide_type": "slide"}
# The hardest negatives push at most 2 × 64 pairs: one wrong clip for each text, one wrong text for each clip. Some
# pairs are the hardest both ways, so fewer are pushed.
#
# ## InfoNCE asks for a share instead of a distance
#
# [InfoNCE](glossary.md#infonce) ([van den Oord et al., 2018](references.md#oord2018)) asks another question. Turn a
# row of scores into shares with a [softmax](glossary.md#softmax): how large a share does the right clip get? The loss
# is minus the logarithm of that share, so it is 0 for a share of 1. The scores are first divided by a
# **[temperature](glossary.md#temperature)** $\tau$:
#
# $$
# L = -\frac{1}{2B} \sum_{i} \left[\log \frac{e^{s_{ii}/\tau}}{\sum_j e^{s_{ij}/\tau}}
#  + \log \frac{e^{s_{ii}/\tau}}{\sum_j e^{s_{ji}/\tau}}\right]
# $$
#
# > **Predict.** In the second row of our scores the right clip has 0.3, the others 0.2 and 0.4. With a temperature of
# > 0.1, is the right clip's share above one third?

# %%
temperature = 0.1
rows = torch.softmax(scores / temperature, dim=1)  # each text's shares over clips
columns = torch.softmax(scores / temperature, dim=0)  # each clip's shares over texts
print(rows)

# %% [markdown] slideshow={"slide_type": "skip"}
# The right clip gets 0.24. A clip that is only 0.1 above it, one temperature, has *e* times its share. The loss is the
# mean over both directions:

# %% slideshow={"slide_type": "skip"}
by_hand = -(rows.diagonal().log() + columns.diagonal().log()).mean() / 2
print(f"InfoNCE {by_hand:.3f}")
assert_close(by_hand, InfoNCELoss(temperature)(scores))

# %% [markdown] slideshow={"slide_type": "skip"}
# > **Aside.** Written both ways like this, InfoNCE is the loss of CLIP ([Radford et al.,
# > 2021](references.md#radford2021)), which learns from images and captions of the web, and learns the temperature
# > too. [Lesson 17](17_from_mee_to_today.ipynb) follows that thread.
#
# The gradient of InfoNCE is made of shares as well. In a row, each wrong clip is pushed down by its share, and the
# right clip is lifted by the sum of those shares, all divided by $\tau$ and by the number of rows. Here is that for the
# rows alone; the columns work in the same way.


# %% slideshow={"slide_type": "skip"}
def row_loss(scores):  # one direction of InfoNCE: texts looking for clips
    return -torch.log_softmax(scores / temperature, dim=1).diagonal().mean()


by_shares = (rows - torch.eye(n)) / (n * temperature)
print(by_shares)
assert_close(by_shares, gradient(row_loss, scores))

# %% [markdown] slideshow={"slide_type": "skip"}
# So no clip is ever *far enough away*, but a clip that is far away has hardly any share. Circles show what the losses
# do to vectors. Four sentences and their clips start in disorder, and a pair's score is the
# [cosine](glossary.md#cosine) of the angle between the two. Each loss turns them by its own gradient, and the grey
# trails show how far.

# %% slideshow={"slide_type": "slide"} tags=["remove-input"]
draw(
    "06_three_losses",
    "The margins stop once each right pair leads by 0.2; "
    "InfoNCE goes on and brings the right pairs together.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Margin and temperature decide who is pushed
#
# Change the scores, the margin and the temperature of our small matrix. Which margin makes all twelve terms cost
# something? And at which temperature do two wrong pairs get nearly all of InfoNCE's push?

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
play_with(
    "margin_and_temperature",
    {"scores": scores.tolist(), "margin": margin, "temperature": temperature},
    "Sliders for the margin and the temperature, and fields for the nine scores of "
    "the matrix. Tables show the two terms of max margin and the two shares of InfoNCE "
    "for each pair, and a sentence says both losses.",
    "A larger margin makes more terms cost something; a lower temperature gives the "
    "push to fewer pairs. (Terms and shares: of the row, then of the column.)",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# At a margin of 0.75 all twelve terms cost something, and at a temperature of 0.02 two wrong pairs get more than 97 %
# of InfoNCE's push.
#
# Now the five wrong clips from the beginning again, for a right clip of 0.7. Of all the push that goes to wrong
# clips, how large a share does each get?

# %% slideshow={"slide_type": "skip"}
print("wrong score  ", wrong)
print("margin 0.2   ", (hinge > 0).float() / (hinge > 0).sum())
for tau in (0.05, 0.5):
    print(f"InfoNCE {tau:<5}", torch.softmax(wrong / tau, 0))

# %% [markdown] slideshow={"slide_type": "skip"}
# The margin says yes or no. A low temperature gives nearly the whole push to the hardest negative, and a higher one
# spreads it: at 0.5 even the easiest clip gets 0.08. The temperature sets how far below the top a wrong clip still
# counts, in units of the score. The next figure shows the push for a text with 63 wrong clips, at random scores:

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
g = torch.Generator().manual_seed(0)
random_scores = 0.15 * torch.randn(200, 63, generator=g)  # 200 texts, 63 wrong clips
random_scores = random_scores.sort(descending=True).values
parts = {"hardest": 1, "next 4": 4, "next 16": 16, "other 42": 42}


def shares_of_parts(tau):
    shares = torch.softmax(random_scores / tau, 1).mean(0)
    return [float(part.sum()) for part in shares.split(list(parts.values()))]


taus = torch.logspace(-2.5, 0.5, 60)
figure, axes = plt.subplots(figsize=(7, 3.4))
table = torch.tensor([shares_of_parts(tau) for tau in taus]).T
greys = ("#b3261e", "#7d828a", "#b9bdc4", "#e4e6ea")
axes.stackplot(taus, 100 * table, colors=greys, edgecolor="white")
axes.set_xscale("log")
places = ((0.011, 45, "white"), (0.125, 23, "white"), (0.4, 27, "black"))
for name, (x, y, color) in zip(parts, (*places, (0.8, 82, "black")), strict=True):
    axes.text(x, y, name, color=color, ha="center")
axes.axvline(0.05, color="black", linestyle="--")
axes.text(0.048, 103, "0.05, the library's default", ha="center")
axes.set(xlim=(taus[0], taus[-1]), ylim=(0, 100))
axes.set_xticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
axes.set(xlabel="temperature", ylabel="share of the push (%)")
show(
    figure,
    "Stacked areas over temperatures from 0.003 to 3. The hardest of 63 negatives gets "
    "nearly all of the push at 0.003, about half of it at 0.05, and close to an even "
    "share of 1/63 above 1, where the easiest 42 get about two thirds.",
    "The lower the temperature, the more of the push goes to the hardest negative.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Some wrong answers are right
#
# *The others of the batch are wrong.* Are they? Suppose two captions of one clip are in a batch. Columns 0 and 1 are
# then the same clip, and a perfect model gives these scores:

# %% slideshow={"slide_type": "skip"}
perfect = torch.tensor([[0.9, 0.9, 0.0], [0.9, 0.9, 0.0], [0.0, 0.0, 0.9]])
clip_ids = torch.tensor([7, 7, 3])  # texts 0 and 1 both belong to clip 7
print(perfect)

# %% [markdown] slideshow={"slide_type": "slide"}
# > **Predict.** A perfect model has nothing to learn. Is its loss 0?

# %% slideshow={"slide_type": "slide"}
for loss in (MaxMarginRankingLoss(0.2), InfoNCELoss(0.05)):
    blind, aware = loss(perfect), loss(perfect, clip_ids)
    print(f"{type(loss).__name__:<21} {blind:.3f}, with the clips' ids {aware:.3f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# Without the ids, texts 0 and 1 ask for the impossible: that clip 7 score higher than itself. The columns ask as much
# of the two texts. Each such demand costs max margin the whole margin, and InfoNCE $\log 2$, as the right share is
# one half at best. Such pairs are **[false negatives](glossary.md#false-negative)**. Given ids, the losses leave them
# out.
#
# In TinyClips' batches no clip comes twice. But captions are short, and some clips share one. `MixedBatches` is the
# library's source of batches: for each batch it takes 64 clips that have not had their turn in this epoch, and draws
# one caption for each.

# %% slideshow={"slide_type": "skip"}
from mee.data import MixedBatches

clips = read_clips("data/tinyclips.h5")
train = clips.clips_in("train")
batches = list(MixedBatches(clips, train, 64, torch.Generator().manual_seed(0)))
with_twins = [batch for batch in batches if len(batch.sentence.unique()) < len(batch)]
print(f"{len(with_twins)} of {len(batches)} batches hold a sentence twice")

batch = with_twins[0]
twins = (batch.sentence[:, None] == batch.sentence) & ~torch.eye(len(batch)).bool()
for i in twins.any(1).nonzero()[:2, 0]:
    print(clips.ids[batch.clip[i]], clips.texts[batch.caption[i]])

# %% [markdown] slideshow={"slide_type": "skip"}
# These two clips share one sentence, which is right for both. Pass the sentences' ids as well, as the library's
# training does, and the loss leaves out both wrong pairs, each clip with the other's caption. Does InfoNCE push them
# down, at random scores?

# %% slideshow={"slide_type": "skip"}
g = torch.Generator().manual_seed(1)
some_scores = 0.1 * torch.randn(len(batch), len(batch), generator=g)
blind = gradient(InfoNCELoss(), some_scores)
aware = gradient(lambda s: InfoNCELoss()(s, batch.clip, batch.sentence), some_scores)
print(f"such pairs: {int(twins.sum())}")
for label, push in (("without ids", blind), ("with ids", aware)):
    print(f"pushed down {label}: {int((push[twins] > 0).sum())}")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
floor = 2 / 3 * torch.log(torch.tensor(2.0))
assert_close(InfoNCELoss(0.05)(perfect), floor)
assert MaxMarginRankingLoss(0.2)(perfect, clip_ids) == 0
assert InfoNCELoss(0.05)(perfect, clip_ids) < 1e-6
assert all(len(batch.clip.unique()) == len(batch) for batch in batches)
assert shares_of_parts(0.0032)[0] > 0.85 and 0.35 < shares_of_parts(0.05)[0] < 0.65
assert shares_of_parts(3)[0] < 0.03 and 0.6 < shares_of_parts(3)[3] < 0.7
# the widget's questions: a margin of 0.75, and a temperature of 0.02
rivals = torch.maximum(scores.diagonal(), scores.diagonal()[:, None])
assert (0.75 + scores - rivals > 0).all()
push = gradient(InfoNCELoss(0.02), scores).clamp(min=0)
assert push.flatten().topk(2).values.sum() > 0.97 * push.sum()

# %% [markdown] slideshow={"slide_type": "skip"}
# Without ids it pushes both down; with ids, neither. But ids do not catch everything. *A car* is also right for a
# clip whose caption is *a red car at night*. To see that, the loss would have to understand the sentences, which is
# what the model is being trained for.
#
# ## The trap: the right pairs among the wrong ones
#
# The code that was published with the paper takes the mean over the *whole* matrix, diagonal included, so each right
# pair is compared with itself. `include_positives=True` makes the library's loss do the same, to match that code.
#
# > **Predict.** In a perfect batch each right pair scores 1 and each wrong pair 0. What will this loss be for 4
# > clips, and for 64?

# %% slideshow={"slide_type": "skip"}
with_diagonal = MaxMarginRankingLoss(0.2, include_positives=True)
for size in (4, 64):
    ours, theirs = max_margin(torch.eye(size)), with_diagonal(torch.eye(size))
    print(f"{size:>2} clips: without the diagonal {ours:.4f}, with it {theirs:.4f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# Compared with itself, a right pair costs $\max(0, m + s_{ii} - s_{ii}) = m$, whatever the model does. That makes
# $2B$ constant terms among $2B^2$, and so a floor of $m/B$ that no training can lower. The gradient keeps its
# direction and shrinks by $(B - 1)/B$:

# %% slideshow={"slide_type": "skip"}
for size in (4, 64):
    s = 0.1 * torch.randn(size, size, generator=torch.Generator().manual_seed(size))
    shrunk = gradient(with_diagonal, s).norm() / gradient(max_margin, s).norm()
    same = torch.cosine_similarity(
        gradient(with_diagonal, s).flatten(), gradient(max_margin, s).flatten(), dim=0
    )
    print(f"batch of {size:>2}: length times {shrunk:.3f}, cosine {same:.3f}")

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
for size in (4, 64):
    s = 0.1 * torch.randn(size, size, generator=torch.Generator().manual_seed(size))
    shrunk = (size - 1) / size
    assert_close(with_diagonal(s), shrunk * max_margin(s) + 0.2 / size)
    assert_close(gradient(with_diagonal, s), shrunk * gradient(max_margin, s))
    assert_close(with_diagonal(torch.eye(size)), torch.tensor(0.2 / size))

# %% [markdown] slideshow={"slide_type": "skip"}
# Is that bad? Adam, the usual optimiser ([Kingma and Ba, 2015](references.md#kingma2015)), divides by the gradient's
# own size, so the model hardly notices. But whoever reads the curve is misled: a loss that stops at 0.003 looks as if
# something were left to learn, and with another batch size the floor moves.
#
# ## Compare losses by the ranks they lead to
#
# Max margin and InfoNCE are in different units, so their values say nothing about which is better. Rank with both
# instead, on clips that no model has seen, and report **[R@10](glossary.md#R@K)**: the percentage of captions
# whose clip is among the ten best of 500, where chance is 2 %. [Lesson 07](07_retrieval_metrics.ipynb) is about such
# numbers.
#
# Three helpers save us the training loop, which [lesson 08](08_build_mee.ipynb) writes by hand: `prepare` makes a
# model and its batches from the settings of a `TrainConfig`, `fit` trains the model on them with a given loss, and
# `compute_ranks` gives the rank of the right clip for each caption. All losses get the same network, the same start,
# and the same batches in the same order.

# %% slideshow={"slide_type": "skip"}
from mee import TrainConfig, fit
from mee.evaluate import compute_ranks
from mee.train import prepare


def learn(loss, seed):
    small = {"dim": 64, "text_clusters": 8, "sequence_clusters": 4}
    config = TrainConfig(epochs=10, lr=1e-3, seed=seed, **small)
    model, batches, _, _ = prepare(clips, config, train=train[:600], val=[])
    return fit(model, batches, loss, config).model


# %% [markdown] slideshow={"slide_type": "slide"}
# Margin 0.2 and temperature 0.05 are the library's defaults; neither was tuned for this. Each loss gets three
# [seeds](glossary.md#seed) and 600 clips. `Result` holds the ranks of all seeds, and `difference` gives the
# difference of two results in R@10 with a 95 % interval: where it could lie with other clips and other seeds. Lesson
# 07 builds both.
#
# > **Predict.** Which of the three losses will rank best, and which worst?

# %% slideshow={"slide_type": "slide"}
from mee.compare import Result, difference

losses = {
    "max margin": MaxMarginRankingLoss(0.2),
    "hardest negative": hardest_margin,
    "InfoNCE": InfoNCELoss(0.05),
}
test, results = clips.clips_in("test"), {}
for name, loss in losses.items():
    ranked = [compute_ranks(learn(loss, seed), clips, test) for seed in (0, 1, 2)]
    results[name] = Result.of_runs(ranked)
    recall = results[name].summary("t2v")["R@10"][0]
    print(f"{name:<17} text to clip (t2v), R@10 ≈ {recall:.1f} %")

# %% [markdown] slideshow={"slide_type": "skip"}
# InfoNCE is ahead with R@10 ≈ 40 %, max margin follows with ≈ 35 %, and the hardest negative alone is far behind. The
# other direction, from a clip to its captions (v2t), agrees:

# %% slideshow={"slide_type": "slide"} tags=["hide-input"]
panels = {"sharey": True, "layout": "constrained", "width_ratios": [1.4, 1]}
figure, (left, right_side) = plt.subplots(1, 2, figsize=(7, 3), **panels)
looks = {"t2v": ("o", -0.16, "#202020"), "v2t": ("s", 0.16, "#b3261e")}
for y, (name, result) in enumerate(results.items()):
    for way, (marker, shift, color) in looks.items():
        label = None if y else way
        style = {"fmt": marker, "color": color, "capsize": 3, "label": label}
        rows = {left: result.summary(way)["R@10"]}
        if name != "max margin":
            rows[right_side] = difference(result, results["max margin"], way)
        for axes, (value, low, high) in rows.items():
            ends = [[value - low], [high - value]]
            axes.errorbar(value, y + shift, xerr=ends, **style)
left.axvline(2, color="#8a8f98", linestyle=":")
left.text(3, -0.42, "chance", color="#5c6068", va="center")
left.set_yticks(range(len(results)), list(results))
left.set_ylim(2.5, -0.6)
left.set_xlim(0, 65)
left.set_xlabel("R@10 (percent)")
right_side.axvline(0, color="#8a8f98", linestyle=":")
right_side.text(-1, 0, "the baseline", ha="right", va="center", color="#5c6068")
right_side.set_xlabel("minus max margin (points)")
figure.legend(*left.get_legend_handles_labels(), loc="outside upper right", ncols=2)
show(
    figure,
    "Left: in both directions InfoNCE is several points above max margin, and the "
    "hardest negative alone is far below. Right: the intervals of the differences to "
    "max margin stay clear of 0, to the right for InfoNCE, far to the left for the "
    "hardest negative.",
    "In both directions InfoNCE ranks better than max margin here, and the hardest "
    "negative alone ranks worse (95 % intervals).",
)

# %% slideshow={"slide_type": "skip"} tags=["hide-cell", "check"]
paper = results["max margin"]
for way in ("t2v", "v2t"):
    assert difference(results["InfoNCE"], paper, way)[1] > 0.5  # lower end
    assert difference(results["hardest negative"], paper, way)[2] < -5  # upper end

# %% [markdown] slideshow={"slide_type": "slide"}
# This does not say that InfoNCE is the better loss everywhere. These are small models, early in training, on one kind
# of clip, with default settings. The hardest negative is known to start slowly: at first the hardest of 64 is hard by
# accident, and two pushes per pair are little to learn from. In the exercises you choose the temperature on the
# validation split. Do the same for the margin before you believe in a winner on clips of your own.
#
# The book goes on with max margin, because the paper does.
#
# ## Summary
#
# - Max margin asks that each right pair be above each wrong one by a margin, and then asks no more. Its gradient is
#   found by counting: +1 for each wrong pair that is too near, −1 for its right pair.
# - InfoNCE asks for the right pair's share of a softmax. Its gradient is made of shares, and the temperature says how
#   much of the push goes to the hardest negatives. Taken both ways, InfoNCE is CLIP's loss.
# - Two captions of one clip, or the same caption twice, are not negatives. Pass the ids.
# - With the diagonal in the mean, the loss has a floor of margin over batch size; its gradient keeps its direction.
# - On TinyClips, in our small setting, InfoNCE ranks better than max margin, and both rank better than the hardest
#   negative.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# Ten questions: choose an answer, and read why it is right or wrong.

# %% tags=["quiz", "remove-input"]
from lesson import quiz

quiz("06")

# %% [markdown]
# ## Exercises
#
# 1. Build two surprising matrices: one is ranked perfectly and has a loss, the other has no loss and is ranked badly.
# 2. Write InfoNCE's gradient by hand, in both directions.
# 3. Choose a temperature on the validation split.
#
# Write them in the [exercise notebook](exercises/06_ranking_loss.ipynb); one way to do it is in the
# [solutions](solutions/06_ranking_loss.ipynb).
#
# ## Where next
#
# Back to [missing faces](05_missing_faces.ipynb), or on to [retrieval metrics](07_retrieval_metrics.ipynb): how good
# is a ranking, and how sure are we?
