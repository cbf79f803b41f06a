"""What each part of MEE buys, on TinyClips, whose truth is known.

    python experiments/tinyclips.py            # everything, three seeds, the test split
    python experiments/tinyclips.py --split val parts weights

parts    all experts against each alone, concatenated features, uniform weights, no gate
weights  does a caption that talks about one expert trust that expert most?
faces    missing in half of the clips: the mask, zeros instead, dropping, and the wrong mask of before 2019
stills   200 films with and without 1,000 stills mixed in
"""

import argparse
import copy

import torch

from mee.compare import compare, difference, table
from mee.data import Clips, Expert
from mee.loss import MaxMarginRankingLoss
from mee.metrics import summarise
from mee.model import MEE, NetVLAD, VideoTextMEE
from mee.train import embed, fit

FILMS, STILLS = "notebooks/data/tinyclips.h5", "notebooks/data/tinyclips_stills.h5"
# chosen on the validation split: the paper's lr (4e-4) is meant for longer training on more clips
COMMON = {"epochs": 12, "lr": 2e-3, "dim": 256, "text_clusters": 16, "sequence_clusters": 8}


class Concatenation(torch.nn.Module):
    """One gated pair over all features side by side, zeros where one is missing: what MEE is not."""

    def __init__(self, config):
        super().__init__()
        torch.manual_seed(config["seed"])
        self.experts = sorted(config["experts"])
        self.text_pooling = NetVLAD(config["text_clusters"], config["word_dim"])
        dims = {name: dim for name, (dim, _) in config["experts"].items()}
        self.pooling = torch.nn.ModuleDict({n: NetVLAD(k, dims[n]) for n, k in config["clusters"].items()})
        width = sum(dims[name] * config["clusters"].get(name, 1) for name in self.experts)
        out = sum(dim for _, dim in config["experts"].values())  # as many dimensions as the mixture has in all
        self.mee = MEE({"all": (width, out)}, self.text_pooling.out_dim)

    def embed_text(self, words, mask=None):
        return self.mee.embed_text(self.text_pooling(words, mask))

    def embed_video(self, videos, ind=None, masks=None):
        parts = []
        for name in self.experts:
            x = self.pooling[name](videos[name], masks[name]) if name in self.pooling else videos[name]
            parts.append(x * ind[name][:, None])
        return self.mee.embed_video({"all": torch.cat(parts, 1)})

    def score(self, text, video, conf=True):
        return self.mee.score(text, video, conf)


class LeakyMEE(MEE):
    """The original's scores before November 2019.

    An absent clip's features are zeros, which the unit turns into a constant vector, and row i is weighted with the
    mask of clip i alone. So where the right clip has a face, a constant in place of a face is never right: the block
    learns to put all faceless clips last, in just those rows. With ``leak=False`` the same weights are scored rightly.
    """

    leak = True

    def embed_video(self, videos, ind=None):
        videos = {
            name: x.masked_fill(~ind[name][:, None], 0) if name in (ind or {}) else x for name, x in videos.items()
        }
        _, mask = super().embed_video(videos, ind)  # (its embeddings are right, and not what the original had)
        return {name: self.video_GU[name](videos[name]) for name in self.experts}, mask

    def score(self, text, video, conf=True):
        (text, weights), (video, mask) = text, video
        if not self.leak:
            video = {name: video[name] * mask[:, i, None] for i, name in enumerate(self.experts)}
            return super().score((text, weights), (video, mask), conf)
        weights = weights * mask  # row i with the mask of clip i
        weights = weights / weights.sum(1, keepdim=True)
        return super().score((text, weights), (video, torch.ones_like(mask)), conf)


def leaky(config):
    torch.manual_seed(config["seed"])
    names = ("experts", "word_dim", "text_clusters", "clusters")
    model = VideoTextMEE(**{name: config[name] for name in names})
    dims = {name: (unit.fc.in_features, unit.fc.out_features) for name, unit in model.mee.video_GU.items()}
    model.mee = LeakyMEE(dims, model.text_pooling.out_dim)
    return model


def zero_filled(clips, name):
    """The same clips, where those without ``name`` have a row of zeros that counts as seen."""
    out, expert = copy.copy(clips), clips.experts[name]
    column = list(clips.experts).index(name)
    features = torch.zeros(len(clips), expert.dim, dtype=expert.features.dtype)
    features[clips.present[:, column]] = expert.features
    out.experts = {**clips.experts, name: Expert("vector", features, torch.arange(len(clips) + 1))}
    out.present = clips.present.clone()
    out.present[:, column] = True
    return out


def parts(clips, options):
    alone = {f"{name} alone": {"experts": [name]} for name in clips.experts}
    variants = {"MEE, all experts": {}, **alone}
    variants |= {
        "concatenation": {"network": Concatenation},
        "uniform weights": {"learned_weights": False},
        "no gate": {"gating": False},
        "with expert loss": {"expert_loss": 1.0},
    }
    print(table(compare(clips, variants, options.seeds, options.split, **COMMON), "MEE, all experts"))


def weights(clips, options):
    """A weight alone does not say how much an expert moves a ranking: its similarities may hardly differ between clips.

    So beside the weight stands the weight times the spread of the similarities over the clips that have the expert.
    """
    rows = clips.clips_in(options.split)
    captions, _ = clips.captions_of(rows)
    single = captions[clips.about[captions].sum(1) == 1]
    about, names = clips.about[single].float().argmax(1), list(clips.experts)
    shares = {"weight": [], "weight x spread": []}
    for seed in options.seeds:
        model = fit(clips, seed=seed, progress=False, **COMMON).model
        (text, weight), (video, mask) = embed(model, clips, single, rows)
        spread = [(text[name] @ video[name][mask[:, i]].T).std(1) for i, name in enumerate(names)]
        for label, value in (("weight", weight), ("weight x spread", weight * torch.stack(spread, 1))):
            right = (value.argmax(1) == about).double()
            shares[label].append([right.mean(), *(right[about == i].mean() for i in range(len(names)))])
    print(f"{len(single)} captions about one expert alone; how often is that expert's the largest, in % (chance 25)\n")
    print("| largest | all | " + " | ".join(f"{n} ({int((about == i).sum())})" for i, n in enumerate(names)) + " |")
    print("| --- |" + " --- |" * (1 + len(names)))
    for label, rows in shares.items():
        columns = 100 * torch.tensor(rows).T
        print(f"| {label} | " + " | ".join(f"{x.mean():.0f} ({x.min():.0f} to {x.max():.0f})" for x in columns) + " |")


def faces(clips, options):
    train = clips.clips_in("train")
    faced = train[clips.present[train, list(clips.experts).index("face")]]
    variants = {
        "the mask": {},
        "zeros instead": {"clips": zero_filled(clips, "face")},
        "incomplete dropped": {"train": faced},
    }
    print(table(compare(clips, variants, options.seeds, options.split, **COMMON), "the mask"))
    # the leak needs pairs: one caption a clip, row i belongs to column i
    rows, val = clips.clips_in(options.split), torch.empty(0, dtype=torch.long)
    captions, truth = clips.captions_of(rows)
    first = captions[torch.searchsorted(truth, torch.arange(len(rows)))]
    print("\none caption a clip, t2v R@1 / R@10 of the last epoch:")
    for seed in options.seeds:
        for label, network in (("the mask", None), ("the wrong mask", leaky)):
            model = fit(clips, val=val, seed=seed, progress=False, network=network, **COMMON).model
            text, video = embed(model, clips, first, rows)
            print(f"  seed {seed}, trained with {label}: {recalls(model.score(text, video))}", end="")
            if network:
                model.mee.leak = False
                print(f"; the same weights scored with the right one: {recalls(model.score(text, video))}", end="")
            print()
    print("\npure noise, t2v R@10 among 500 new clips after 300 steps on 500 others, optional experts there for half")
    print("of the clips; mean and standard deviation of five seeds (chance 2.0)\n")
    print("| optional experts | the wrong mask | the right mask |\n| --- | --- | --- |")
    for optional in (1, 3, 5):
        found = [torch.tensor([noise_recall(optional, seed, block) for seed in range(5)]) for block in (LeakyMEE, MEE)]
        print(f"| {optional} | " + " | ".join(f"{x.mean():.1f} ± {x.std():.1f}" for x in found) + " |")


def recalls(scores):
    found = summarise(1 + (scores > scores.diagonal()[:, None]).sum(1), bootstrap=0)
    return f"{found['R@1'][0]:.1f} / {found['R@10'][0]:.1f}"


def noise_recall(optional, seed, block, clips=500, dim=16):
    """R@10 of a block that was trained on noise, among new noise: nothing but masks can tell the right clip."""
    torch.manual_seed(seed)
    names = [f"e{i}" for i in range(1 + optional)]
    mee = block({name: (dim, dim) for name in names}, dim)

    def noise():
        videos = {name: torch.randn(clips, dim) for name in names}
        return torch.randn(clips, dim), videos, {name: torch.rand(clips) < 0.5 for name in names[1:]}

    text, videos, ind = noise()
    adam, criterion = torch.optim.Adam(mee.parameters(), 5e-3), MaxMarginRankingLoss()
    for _ in range(300):
        rows = torch.randperm(clips)[:128]
        loss = criterion(mee(text[rows], *({name: x[rows] for name, x in part.items()} for part in (videos, ind))))
        adam.zero_grad()
        loss.backward()
        adam.step()
    mee.eval()
    with torch.no_grad():
        scores = mee(*noise())
    return summarise(1 + (scores > scores.diagonal()[:, None]).sum(1), bootstrap=0)["R@10"][0]


def stills(clips, options):
    images = Clips(options.stills)

    def few(seed):
        train = clips.clips_in("train")
        return train[torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[:200]]

    mixed = {"images": images, "image_rate": options.rate}
    # alone, the films get as many steps as with the stills, and the same fall of the learning rate over them
    longer = round(COMMON["epochs"] * (1 + options.rate))
    alone = {"epochs": longer, "lr_decay": 0.95 ** (COMMON["epochs"] / longer)}
    variants = {
        "200 films": lambda seed: {"train": few(seed), **alone},
        "200 films and stills": lambda seed: {"train": few(seed), **mixed},
        "200 films, expert loss": lambda seed: {"train": few(seed), "expert_loss": 1.0, **alone},
        "200 films and stills, expert loss": lambda seed: {"train": few(seed), "expert_loss": 1.0, **mixed},
    }
    results = compare(clips, variants, options.seeds, options.split, **COMMON)
    print(table(results, "200 films"))
    a, b = results["200 films and stills, expert loss"], results["200 films, expert loss"]
    print("with expert loss, the stills' gain in t2v R@10: {:+.1f} [{:+.1f}, {:+.1f}]".format(*difference(a, b)))


EXPERIMENTS = {"parts": parts, "weights": weights, "faces": faces, "stills": stills}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", help=f"of {', '.join(EXPERIMENTS)}; default: all")
    parser.add_argument("--films", default=FILMS)
    parser.add_argument("--stills", default=STILLS)
    parser.add_argument("--split", default="test", choices=("val", "test"))
    parser.add_argument("--rate", type=float, default=5.0, help="stills for each of the 200 films, an epoch")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    clips = Clips(options.films)
    for name in options.what or EXPERIMENTS:
        print(f"\n## {name} ({options.split}, seeds {options.seeds})\n", flush=True)
        EXPERIMENTS[name](clips, options)


if __name__ == "__main__":
    main()
