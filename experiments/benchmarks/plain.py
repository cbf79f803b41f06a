"""What the original code computes, rewritten by us and without our shortcuts: the other side of every comparison.

It works on the parameters of one of our networks, so that the two can be compared (``same`` in run.py). The facts of
its arithmetic are those of the public repository antoine77340/Mixture-of-Embedding-Experts in November 2019.

- captions and sound are padded to 30 rows, and the padding is computed on; so are the zeros of absent experts;
- the weights of every pair are a tensor (texts, clips, experts), rebuilt for each batch;
- experts are visited one by one, and a matrix of scores is added up;
- the loss lays the scores out twice, once for each direction, beside those of the right pairs;
- a batch is put together sample by sample in float64 NumPy arrays, and then made float32;
- gradients are set to zero, and the new ones added; Adam takes its parameters one by one, an operation at a time, as
  PyTorch did in 2018.
"""

import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

ROWS = 30  # words of a caption, rows of a sequence


def norm(layer, x):
    return nn.BatchNorm1d.forward(layer, x)


def pooled(vlad, x):
    """NetVLAD over all rows of ``x`` (items, rows, dim), the padded ones too."""
    items, rows, dim = x.shape
    scores = norm(vlad.batch_norm, x.reshape(-1, dim) @ vlad.clusters)
    assignment = F.softmax(scores, 1).view(items, rows, -1)
    centres = assignment.sum(1, keepdim=True) * vlad.clusters2
    residuals = (assignment.transpose(1, 2) @ x).transpose(1, 2) - centres
    return F.normalize(F.normalize(residuals).reshape(items, -1))


def gated(unit, x):
    x = unit.fc(x)
    gate = norm(unit.cg.batch_norm, unit.cg.fc(x))
    return F.normalize(F.glu(torch.cat((x, gate), 1), 1))


def embedded(model, words, videos):
    """Embeddings of ``model``, a :class:`mee.model.VideoTextMEE`: ({expert: (n, dim)}, weights, {expert: (n, dim)}).

    words, videos  padded to ``ROWS``, zero where there is nothing
    """
    text = pooled(model.text_pooling, words)
    video = {}
    for name in model.experts:
        x = pooled(model.pooling[name], videos[name]) if name in model.pooling else videos[name]
        video[name] = gated(model.mee.video_GU[name], x)
    said = {name: gated(model.mee.text_GU[name], text) for name in model.experts}
    return said, F.softmax(model.mee.moe_fc(text), 1), video


def scores(said, weights, video, there):
    """Scores (n, n) of what :func:`embedded` returns.

    there  expert -> (n,) array, 1 where the clip has it
    """
    available = np.zeros(weights.shape)
    for i, name in enumerate(said):
        available[:, i] = there[name]
    available = torch.from_numpy(available).float().to(weights.device)
    of_pairs = available[None, :, :] * weights[:, None, :]  # (texts, clips, experts)
    of_pairs = of_pairs / of_pairs.sum(2).unsqueeze(2)
    out = torch.zeros(len(weights), len(weights), device=weights.device)
    for i, name in enumerate(said):
        out += of_pairs[:, :, i] * (said[name] @ video[name].T)
    return out


def loss(scores, margin=0.2):
    """The max-margin loss over all pairs and the diagonal, both directions laid out one under the other."""
    n = len(scores)
    right = scores.diag().unsqueeze(1).expand(n, n).reshape(-1, 1)
    other = torch.cat((scores.reshape(-1, 1), scores.T.reshape(-1, 1)))
    return F.relu(margin - (torch.cat((right, right)) - other)).mean()


def adam(model, lr):
    return torch.optim.Adam(model.parameters(), lr, foreach=False, fused=False)


class Samples(torch.utils.data.Dataset):
    """The training clips of a clip file as the original holds them: NumPy arrays, clip by clip, caption by caption."""

    def __init__(self, clips, rows):
        vectors = clips.words.vectors.float().numpy()
        self.names = list(clips.experts)
        self.samples = []
        for row in rows.tolist():
            features = {}
            for name, expert in clips.experts.items():
                first, last = expert.offsets[row : row + 2].tolist()
                x = expert.features[first:last].float().numpy()
                features[name] = x if expert.kind == "sequence" else x[0] if len(x) else np.zeros(expert.dim, "f4")
            captions, _ = clips.captions_of(torch.tensor([row]))
            begin = clips.caption_offsets
            features["text"] = [vectors[clips.tokens[begin[i] : begin[i + 1]].numpy()] for i in captions.tolist()]
            self.samples.append(features)

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, i):
        sample = dict(self.samples[i])
        sample["text"] = sample["text"][random.randint(0, len(sample["text"]) - 1)]
        return sample

    def collate(self, samples):
        """``samples`` as (words, videos, there), padded to ``ROWS``."""
        n = len(samples)
        out, there = {}, {name: np.ones(n) for name in self.names}
        for name in ("text", *self.names):
            shape = samples[0][name].shape[-1:]
            sequence = samples[0][name].ndim == 2
            out[name] = np.zeros((n, ROWS, *shape) if sequence else (n, *shape))
        for i, sample in enumerate(samples):
            for name, x in sample.items():
                if x.ndim == 2:
                    out[name][i, : min(len(x), ROWS)] = x[:ROWS]
                else:
                    out[name][i] = x
                    there[name][i] = np.sum(x) != 0
        tensors = {name: torch.from_numpy(x).float() for name, x in out.items()}
        return tensors.pop("text"), tensors, there


def batches(samples, batch_size, workers=1):
    """The original's loader: a second process, which puts batches together while the network computes."""
    return torch.utils.data.DataLoader(
        samples, batch_size, shuffle=True, num_workers=workers, collate_fn=samples.collate, drop_last=True
    )


def step(model, optimizer, words, videos, there, fresh=False):
    """One step of training; ``fresh`` drops gradients instead of setting them to zero, as PyTorch does today."""
    optimizer.zero_grad(set_to_none=fresh)
    value = loss(scores(*embedded(model, words, videos), there))
    value.backward()
    optimizer.step()
    return value.detach()
