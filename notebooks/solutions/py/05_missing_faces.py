# %% [markdown]
# # Solutions: What if the expert is missing?
#
# Three exercises to [the lesson](../05_missing_faces.ipynb).

# %% [markdown] tags=["badges"]
# [![Open in Colab](../_static/colab.svg)](https://colab.research.google.com/github/OWNER/mee/blob/main/notebooks/solutions/05_missing_faces.ipynb)
# [![Open in Binder](../_static/binder.svg)](https://mybinder.org/v2/gh/OWNER/mee/main?labpath=notebooks%2Fsolutions%2F05_missing_faces.ipynb)

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

# %%
import torch
import torch.nn.functional as F

from mee import MEE, TextEmbedding, VideoEmbedding, fit_clips, ranks, read_clips
from mee.calibration import Calibration
from mee.evaluate import calibrate, embed
from mee.robustness import keep_some

# %% [markdown]
# ## Exercise 1
#
# Write the masked score, for all pairs and any number of experts. A clip that has no expert scores -1.
#
# $$
# s(t, v) = \frac{\sum_n a_n(v)\, w_n(t)\, s_n(t, v)}{\sum_n a_n(v)\, w_n(t)}
# $$


# %% tags=["solution"]
# write masked_score(similarity, weights, mask): similarity (texts, clips, experts),
# where what is absent may hold anything, even nan; weights (texts, experts), all above
# 0; mask (clips, experts) bool; return (texts, clips)
### BEGIN SOLUTION: as the comment says
def masked_score(similarity, weights, mask):
    numerator = (weights[:, None] * similarity.masked_fill(~mask, 0)).sum(2)
    denominator = weights @ mask.float().T
    nothing = ~mask.any(1)
    return (numerator / denominator.masked_fill(nothing, 1)).masked_fill(nothing, -1)
### END SOLUTION


# %% tags=["check", "points-2"]
def random_case(seed, texts=5, clips=7, experts=3):
    """A text and a video embedding; similarities with nan where an expert is absent."""
    g = torch.Generator().manual_seed(seed)
    names = [f"expert {i}" for i in range(experts)]
    text = F.normalize(torch.randn(experts, texts, 4, generator=g), dim=2)
    video = F.normalize(torch.randn(experts, clips, 4, generator=g), dim=2)
    weights = torch.softmax(torch.randn(texts, experts, generator=g), 1)
    mask = torch.rand(clips, experts, generator=g) < 0.5
    mask[0], mask[1] = False, True  # a clip with nothing, a clip with everything
    video = video * mask.T[..., None]
    similarity = (text @ video.mT).permute(1, 2, 0).masked_fill(~mask, torch.nan)
    text = TextEmbedding(dict(zip(names, text, strict=True)), weights)
    video = VideoEmbedding(dict(zip(names, video, strict=True)), mask)
    return text, video, similarity


for seed in range(5):
    text, video, similarity = random_case(seed)
    wanted = MEE({name: (4, 4) for name in text.vectors}, 4).score(text, video)
    kept = similarity.clone()
    found = masked_score(similarity, text.weights, video.mask)
    assert found.shape == wanted.shape, f"(texts, clips); yours: {tuple(found.shape)}"
    assert not found.isnan().any(), "0 * nan is nan, and so is 0/0"
    assert (found[:, 0] == -1).all(), "a clip without any expert scores -1"
    torch.testing.assert_close(found, wanted)
    assert torch.equal(similarity.isnan(), kept.isnan()), "leave the arguments alone"
print("exercise 1: equal to the library for five random cases")

# %% [markdown] tags=["solution"]
# `masked_fill` comes before the product: a product of `nan` and a mask's zero is still `nan`.

# %% [markdown]
# ## Exercise 2
#
# Write the calibrated score's first half, for all pairs at once and without a loop.
#
# $$
# z(t, v) = \frac{\sum_n a_n(v)\, w_n(t)\, (s_n(t, v) - m_n(t))}{\sqrt{\sum_n a_n(v)\, w_n(t)^2\, s_n^2(t)}}
# $$


# %% tags=["solution"]
# write z_score(similarity, weights, mask, m, s2): the first three as in exercise 1, but
# each clip has one expert at least; m and s2 (texts, experts): mean and variance of
# what wrong clips get; return (texts, clips)
### BEGIN SOLUTION: as the comment says
def z_score(similarity, weights, mask, m, s2):
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
    some = video.mask.any(1)
    found = z_score(similarity[:, some], text.weights, video.mask[some], m, s2)
    wanted = calibration.z(text, video)[:, some]
    assert found.shape == wanted.shape, f"(texts, clips); yours: {tuple(found.shape)}"
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
print("exercise 2: equal to the library for five random cases")

# %% [markdown] tags=["solution"]
# The denominator is one matrix product: of the clip it needs only *which* experts are present.

# %% [markdown]
# ## Exercise 3
#
# Which part of the calibrated score brings the gain? Between the mask and $z$ lies a score that only centres: the
# numerator of $z$ over the mask's denominator, the sum of the weights. Write the centred score, and measure all three
# on a small model with half of the test clips' experts deleted.

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
# write centred_score(similarity, weights, mask, m): the arguments as in exercise 2;
# and set r10 to a dict with the keys "mask", "centred" and "z": t2v R@10 in percent of
# each score, for the similarity, text.weights, video.mask, m and s2 above
### BEGIN SOLUTION: as the comment says
def centred_score(similarity, weights, mask, m):
    return masked_score(similarity - m[:, None], weights, mask)


arguments = similarity, text.weights, video.mask
by_score = {
    "mask": masked_score(*arguments),
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
wanted = a.mean(2) - 0.5
got = centred_score(a, w, full, torch.full((2, 4), 0.5))
torch.testing.assert_close(got, wanted, msg="m comes off each similarity")
by_library = {"mask": model.score(text, video), "z": calibration.z(text, video)}
for name, scores in by_library.items():
    wanted = 100 * float((ranks(scores, positive_clip) <= 10).double().mean())
    assert abs(r10[name] - wanted) < 0.2, f"{name}: the library finds another R@10"
assert set(r10) == {"mask", "centred", "z"}, "three keys"
assert r10["z"] > r10["mask"], "z should be above the mask here"
print(", ".join(f"{name} ≈ {value:.1f}" for name, value in r10.items()))

# %% [markdown] tags=["solution"]
# Centring helps a little: each expert's cosines have a mean of their own, and centring removes it. Most of the gain
# comes from the denominator, because a mean over few cosines varies more. [What we found](../found.md) asks the same
# question of three data sets, with intervals.
