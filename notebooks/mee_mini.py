"""The whole of MEE in one file: what lesson 08 builds.

``python notebooks/mee_mini.py`` trains it, in half a minute. Shapes are in comments. Parameters have the library's
names, so that the weights of one fit the other.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from mee.storage import read_clips


class NetVLAD(nn.Module):
    # any number of rows into one vector (lesson 02)
    def __init__(self, clusters, dim):
        super().__init__()
        self.clusters = nn.Parameter(torch.randn(dim, clusters) / dim**0.5)
        self.clusters2 = nn.Parameter(torch.randn(1, dim, clusters) / dim**0.5)
        self.batch_norm = nn.BatchNorm1d(clusters)

    # (items, rows, dim), (items, rows) -> (items, dim * clusters)
    def forward(self, x, mask):
        share = x.new_zeros(*mask.shape, self.clusters.shape[1])
        # real rows only
        share[mask] = self.batch_norm(x[mask] @ self.clusters).softmax(1)
        total = share.sum(1, keepdim=True)
        residuals = x.transpose(1, 2) @ share - total * self.clusters2
        return F.normalize(F.normalize(residuals, dim=1).flatten(1), dim=1)


class Gate(nn.Module):
    # each dimension times a number between 0 and 1 (lesson 03)
    def __init__(self, dim):
        super().__init__()
        self.fc, self.batch_norm = nn.Linear(dim, dim), nn.BatchNorm1d(dim)

    # (rows, dim) -> (rows, dim)
    def forward(self, x):
        return x * torch.sigmoid(self.batch_norm(self.fc(x)))


class Unit(nn.Module):
    # a linear layer, the gate, length 1 (lesson 03)
    def __init__(self, in_dim, out_dim):
        super().__init__()
        self.fc, self.cg = nn.Linear(in_dim, out_dim), Gate(out_dim)

    # (rows, in_dim) -> (rows, out_dim)
    def forward(self, x):
        return F.normalize(self.cg(self.fc(x)), dim=1)


class MEE(nn.Module):
    # experts: name -> (numbers in a row of its features, numbers of its embedding)
    # clusters: sequence expert -> NetVLAD centres
    def __init__(self, experts, word_dim, clusters, text_clusters):
        super().__init__()
        names = self.experts = sorted(experts)
        self.text_pooling = NetVLAD(text_clusters, word_dim)
        pooling = {e: NetVLAD(k, experts[e][0]) for e, k in clusters.items()}
        self.pooling = nn.ModuleDict(pooling)
        text_dim = word_dim * text_clusters
        width = {e: experts[e][0] * clusters.get(e, 1) for e in names}
        self.video_GU = nn.ModuleDict({e: Unit(width[e], experts[e][1]) for e in names})
        self.text_GU = nn.ModuleDict({e: Unit(text_dim, experts[e][1]) for e in names})
        self.moe_fc = nn.Linear(text_dim, len(names))

    # (texts, words, word_dim) -> {expert: (texts, dim)}, weights (texts, experts)
    def embed_text(self, words, mask):
        pooled = self.text_pooling(words, mask)
        vectors = {e: self.text_GU[e](pooled) for e in self.experts}
        return vectors, self.moe_fc(pooled).softmax(1)

    # {expert: (rows, mask)} -> {expert: (clips, dim)}, present (clips, experts)
    def embed_video(self, videos):
        present = torch.stack([videos[e][1].any(1) for e in self.experts], 1)
        vectors = {}
        for e, here in zip(self.experts, present.T, strict=True):
            x, mask = videos[e]
            x = self.pooling[e](x, mask) if e in self.pooling else x[:, 0]
            vectors[e] = x.new_zeros(len(x), self.video_GU[e].fc.out_features)
            # the unit sees present rows only; the others stay zero
            vectors[e][here] = self.video_GU[e](x[here])
        return vectors, present

    # the weighted mean over the experts that are present (lesson 04) -> (texts, clips)
    def score(self, text, video):
        (texts, weights), (videos, present) = text, video
        weighted = [weights[:, [i]] * texts[e] for i, e in enumerate(self.experts)]
        gallery = torch.cat([videos[e] for e in self.experts], 1)
        total = weights @ present.T.to(weights)
        scores = torch.cat(weighted, 1) @ gallery.T / total.clamp(min=1e-12)
        # a clip without any expert ranks last
        return scores.masked_fill(~present.any(1), -1)


# a list of (length, dim) -> (items, longest, dim), and which rows are real
def pad(tables):
    longest = max(1, *map(len, tables))
    mask = torch.arange(longest) < torch.tensor([[len(x)] for x in tables])
    out = torch.zeros(*mask.shape, tables[0].shape[1])
    out[mask] = torch.cat(tables).float()
    return out, mask


# numbers of captions -> (texts, longest, word_dim), and which words are real
def text_batch(clips, captions):
    known = [clips.words.ids(clips.texts[caption])[:30] for caption in captions]
    return pad([clips.words.vectors[ids] for ids in known])


# numbers of clips -> {expert: (a block (clips, longest, dim), which rows are real)}
def video_batch(clips, clip_ids):
    videos = {}
    for name, expert in clips.experts.items():
        ends = zip(expert.offsets[clip_ids], expert.offsets[clip_ids + 1], strict=True)
        videos[name] = pad([expert.features[start:end] for start, end in ends])
    return videos


# right pairs on the diagonal, both directions (lesson 06)
def max_margin(scores, margin=0.2):
    right, n = scores.diagonal(), len(scores)
    hinge = F.relu(margin + scores - right[:, None]) + F.relu(margin + scores - right)
    return hinge[~torch.eye(n, dtype=torch.bool)].sum() / (2 * n * (n - 1))


def train(model, clips, epochs=10, lr=2e-3, size=64, seed=0):
    g, clip_ids = torch.Generator().manual_seed(seed), clips.clips_in("train")
    optimizer = torch.optim.Adam(model.parameters(), lr, fused=True)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.95)
    for epoch in range(epochs):
        order = clip_ids[torch.randperm(len(clip_ids), generator=g)]
        losses = []
        for part in order.split(size)[: len(clip_ids) // size]:
            words = text_batch(clips, clips.draw_captions(part, g))
            video = model.embed_video(video_batch(clips, part))
            loss = max_margin(model.score(model.embed_text(*words), video))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        print(f"epoch {epoch + 1:2}: loss ≈ {sum(losses) / len(losses):.4f}")
    return model.eval()


# in percent, text to clip; tied clips share the mean of their ranks (lesson 07)
@torch.no_grad()
def recall_at_10(model, clips, split):
    clip_ids = clips.clips_in(split)
    captions, positive_clip = clips.captions_of(clip_ids)
    video = model.embed_video(video_batch(clips, clip_ids))
    scores = model.score(model.embed_text(*text_batch(clips, captions)), video)
    right = scores.gather(1, positive_clip[:, None])
    ranks = (scores > right).sum(1) + ((scores == right).sum(1) + 1) / 2
    return 100 * (ranks <= 10).double().mean().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    clips = read_clips(Path(__file__).parent / "data" / "tinyclips.h5")
    dims = {name: (e.dim, 128) for name, e in clips.experts.items()}
    model = train(MEE(dims, clips.words.dim, {"audio": 4}, 8), clips)
    recall = recall_at_10(model, clips, "val")
    print(f"R@10 on validation ≈ {recall:.1f} % (chance: 2.0 %)")
