# %% [markdown]
# # Solutions: What if the expert is missing?
#
# Three exercises for [the lesson](../05_missing_faces.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/05_missing_faces.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F05_missing_faces.ipynb)

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

# %%
import torch
import torch.nn.functional as F

from mee import TextEmbedding, VideoEmbedding, fit_clips, ranks, read_clips
from mee.calibration import Calibration
from mee.evaluate import calibrate, embed
from mee.robustness import keep_some

# %% [markdown]
# ## Exercise 1 (easy): statistics that leave out what is absent
#
# The trap of the lesson was a batch norm that counted rows of zeros. Write the two statistics that it should collect:
# for each dimension, the mean and the variance over the rows that are present. What stands in the other rows may be
# anything, even NaN, and plays no part.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# A boolean tensor of one entry per row picks rows: `x[present]`.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `mean(0)` and `var(0)` work along the rows. `var` divides by the number of rows minus one, as a batch norm does when
# it collects.
#
# </details>


# %% tags=["solution"]
def statistics(x, present):
    """Mean and variance of the rows that are present, both (dim,).

    x is (rows, dim); present is (rows,) boolean, with two rows at least. The variance
    divides by the number of present rows minus one.
    """
    ### BEGIN SOLUTION: return mean and variance of present rows
    return x[present].mean(0), x[present].var(0)
    ### END SOLUTION


# %% tags=["check", "points-2"]
for seed in range(5):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(12, 4, generator=g) + 3
    present = torch.rand(12, generator=g) < 0.5
    present[:2] = True
    norm = torch.nn.BatchNorm1d(4, momentum=1.0)  # it keeps what this batch had
    norm(x[present])
    mean, variance = statistics(x, present)
    assert mean.shape == variance.shape == (4,), "one number for each dimension"
    torch.testing.assert_close(mean, norm.running_mean, msg="not the mean")
    torch.testing.assert_close(variance, norm.running_var, msg="not the variance")
    for junk in (0.0, torch.nan):
        filled = x.masked_fill(~present[:, None], junk)
        again = statistics(filled, present)
        torch.testing.assert_close(again, (mean, variance), msg=f"{junk} counts")
### BEGIN HIDDEN TESTS
rows = torch.tensor([[1.0, 10], [torch.nan, 0], [3, 10], [8, 40]])
known = [4.0, 20.0, 13.0, 300.0]
given = statistics(rows, torch.tensor([True, False, True, True]))
given = [float(number) for part in given for number in part]
for number, by_hand in zip(given, known, strict=True):
    assert -1e-3 < number - by_hand < 1e-3, "three of four rows are present"
### END HIDDEN TESTS
print("exercise 1: what a batch norm collects from the present rows, whatever the rest")

# %% [markdown]
# **In words.** In the lesson zeros doubled the variance of the face features. When would rows of zeros make the
# variance smaller instead?

# %% [markdown] tags=["written", "points-1"]
# If the features lay around zero: then a zero row is near their mean, adds nothing to the sum of squares, and makes
# the number of rows larger. Half of the rows being zeros, the variance would about halve. The face features lie far
# from zero, so each zero row is an outlier.

# %% [markdown]
# ## Exercise 2 (usual): the calibrated score
#
# Write the calibrated score's first half, for all pairs at once and without a loop.
#
# $$
# z(t, v) = \frac{\sum_n a_n(v)\, w_n(t)\, (s_n(t, v) - m_n(t))}{\sqrt{\sum_n a_n(v)\, w_n(t)^2\, s_n^2(t)}}
# $$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Give each of the five a shape with three axes (texts, clips, experts), by `x[:, None]` or `x[None]`, and look at the
# sums. What is absent may be NaN, and NaN times zero is NaN: what has to happen before the product?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `masked_fill(~mask, 0)` after $m$ is taken off makes the numerator safe. In the denominator a clip only says which
# experts it has, so it is a matrix product of $w^2 s^2$ and the transposed mask.
#
# </details>


# %%
def random_case(seed, texts=5, clips=7, experts=3):
    """A text and a video embedding; similarities with nan where an expert is absent."""
    g = torch.Generator().manual_seed(seed)
    names = [f"expert {i}" for i in range(experts)]
    text = F.normalize(torch.randn(experts, texts, 4, generator=g), dim=2)
    video = F.normalize(torch.randn(experts, clips, 4, generator=g), dim=2)
    weights = torch.softmax(torch.randn(texts, experts, generator=g), 1)
    mask = torch.rand(clips, experts, generator=g) < 0.5
    mask[~mask.any(1), 0] = True  # every clip has something
    video = video * mask.T[..., None]
    similarity = (text @ video.mT).permute(1, 2, 0).masked_fill(~mask, torch.nan)
    text = TextEmbedding(dict(zip(names, text, strict=True)), weights)
    video = VideoEmbedding(dict(zip(names, video, strict=True)), mask)
    return text, video, similarity


# %% tags=["solution"]
def z_score(similarity, weights, mask, m, s2):
    """How unusual each score is, (texts, clips).

    similarity is (texts, clips, experts), where what is absent may hold anything, even
    nan; weights is (texts, experts), all above 0; mask is (clips, experts) boolean,
    with one expert at least in each row; m and s2, the mean and the variance of what
    wrong clips get, are (texts, experts).
    """
    ### BEGIN SOLUTION: return z for all pairs
    centred = (similarity - m[:, None]).masked_fill(~mask, 0)
    numerator = (weights[:, None] * centred).sum(2)
    return numerator / (weights.square() * s2 @ mask.float().T).sqrt()
    ### END SOLUTION


# %% tags=["check", "points-2"]
for seed in range(5):
    text, video, similarity = random_case(seed)
    _, training, _ = random_case(seed + 100, clips=50)  # other clips, to calibrate by
    calibration = Calibration.estimate(training)
    m = [text.vectors[e] @ calibration.mean[e] for e in sorted(text.vectors)]
    m, s2 = torch.stack(m, 1), calibration.variance(text)
    kept = similarity.clone()
    found = z_score(similarity, text.weights, video.mask, m, s2)
    wanted = calibration.z(text, video)
    assert found.shape == wanted.shape, f"(texts, clips); yours: {tuple(found.shape)}"
    assert not found.isnan().any(), "0 * nan is nan"
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    assert torch.equal(similarity.isnan(), kept.isnan()), "leave the arguments alone"
### BEGIN HIDDEN TESTS
small = torch.tensor([[[0.5, torch.nan], [0.1, 0.7]]])  # one text, two clips
has = torch.tensor([[True, False], [True, True]])
numbers = torch.tensor([[0.25, 0.75]]), has, torch.tensor([[0.1, 0.3]])
given = z_score(small, *numbers, torch.tensor([[0.04, 0.16]]))[0]
for number, by_hand in zip(given, (2.0, 0.3 / (0.0025 + 0.09) ** 0.5), strict=True):
    assert -1e-3 < float(number) - by_hand < 1e-3, "two clips by hand"
### END HIDDEN TESTS
print("exercise 2: equal to the library for five random cases")

# %% [markdown]
# **In words.** A clip has one expert only. Why does its $z$ not depend on the weight of that expert?

# %% [markdown] tags=["written", "points-1"]
# With one term the numerator is $w\,(s_n - m_n)$ and the denominator is $w$ times the standard deviation, so $w$
# cancels. What stays is how many standard deviations the similarity lies above what wrong clips get.

# %% [markdown]
# ## Exercise 3 (open-ended): which part of the calibrated score brings the gain?
#
# Between the mask and $z$ lies a score that only centres: the numerator of $z$ over the mask's denominator, the sum of
# the weights of what is present. Write the centred score, and measure all three on a small model with half of the test
# clips' experts deleted.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Which of the two changes, the numerator or the denominator, do you get by giving other similarities to a score that
# you have already?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `ranks(scores, positive_clip)` gives the rank of each caption's own clip; R@10 is the share of ranks up to 10, in
# percent. The mask's scores are `model.score(text, video)`.
#
# </details>

# %%
clips = read_clips("data/tinyclips.h5")
train = clips.clips_in("train")[:600]
small = {"dim": 64, "text_clusters": 8, "sequence_clusters": 4, "lr": 1e-3}
small |= {"epochs": 10, "val": [], "progress": False}
model = fit_clips(clips, train=train, **small).model.cpu()
clips = clips.to("cpu")
calibration = calibrate(model, clips, train)

test = clips.clips_in("test")
captions, positive_clip = clips.captions_of(test)
text, video = embed(model, clips, captions, test)
video = video.keep(keep_some(video.mask, 0.5))
pairs = [text.vectors[e] @ video.vectors[e].T for e in model.experts]
similarity = torch.stack(pairs, 2)
m = torch.stack([text.vectors[e] @ calibration.mean[e] for e in model.experts], 1)
s2 = calibration.variance(text)


# %% tags=["solution"]
def centred_score(similarity, weights, mask, m):
    """The mask's score of centred similarities, (texts, clips).

    The arguments are those of z_score; a clip without any expert scores -1.
    """
    ### BEGIN SOLUTION: return the centred score
    centred = (similarity - m[:, None]).masked_fill(~mask, 0)
    nothing = ~mask.any(1)
    total = (weights @ mask.float().T).masked_fill(nothing, 1)
    return ((weights[:, None] * centred).sum(2) / total).masked_fill(nothing, -1)
    ### END SOLUTION


# r10, a dict with the keys "mask", "centred" and "z": t2v R@10 in percent of each
# score, for the similarity, text.weights, video.mask, m and s2 above
### BEGIN SOLUTION: set r10
arguments = similarity, text.weights, video.mask
by_score = {
    "mask": model.score(text, video),
    "centred": centred_score(*arguments, m),
    "z": z_score(*arguments, m, s2),
}
r10 = {
    name: 100 * float((ranks(scores, positive_clip) <= 10).double().mean())
    for name, scores in by_score.items()
}
### END SOLUTION

# %% tags=["check", "points-2"]
full = torch.ones(3, 4, dtype=torch.bool)
a, w = torch.rand(2, 3, 4), torch.full((2, 4), 0.25)
got = centred_score(a, w, full, torch.full((2, 4), 0.5))
torch.testing.assert_close(got, a.mean(2) - 0.5, msg="not yet for complete clips")
assert set(r10) == {"mask", "centred", "z"}, "three keys"
by_library = {"mask": model.score(text, video), "z": calibration.z(text, video)}
for name, scores in by_library.items():
    found = 100 * float((ranks(scores, positive_clip) <= 10).double().mean())
    assert abs(r10[name] - found) < 0.2, f"{name}: the library finds another R@10"
### BEGIN HIDDEN TESTS
has = torch.tensor([[True, False], [True, True], [False, False]])
some = torch.tensor([[[0.5, 0.0], [0.1, 0.7], [0.0, 0.0]]])
numbers = torch.tensor([[0.25, 0.75]]), has, torch.tensor([[0.1, 0.3]])
given = centred_score(some, *numbers)[0]
for number, by_hand in zip(given, (0.4, 0.3, -1), strict=True):
    assert -1e-4 < float(number) - by_hand < 1e-4, "three clips by hand"
scores = centred_score(similarity, text.weights, video.mask, m)
own = 100 * float((ranks(scores, positive_clip) <= 10).double().mean())
assert abs(float(r10["centred"]) - own) < 0.2, "centred: your function says otherwise"
### END HIDDEN TESTS
print(", ".join(f"{name} ≈ {value:.1f}" for name, value in r10.items()))

# %% [markdown]
# **In words.** Which part brings how much of the gain, on which numbers does that rest, and what did you not test?

# %% [markdown] tags=["written", "points-2"]
# Centring helps a little: each expert's cosines have a mean of their own, and centring removes it. Most of the gain
# comes from the denominator, because a mean over few cosines varies more. This is one model, one seed and one rate of
# deletion; [What we found](../found.md) asks the same question of three data sets, with intervals.
