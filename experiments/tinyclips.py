"""What each part of MEE contributes, on TinyClips, about which every fact is known.

    python experiments/tinyclips.py            # everything, three seeds, the test split
    python experiments/tinyclips.py --split val parts weights
    python experiments/tinyclips.py parts --json notebooks/data/ablations.json      # for lesson 12
    python experiments/tinyclips.py stills --json notebooks/data/stills.json        # for lesson 11

parts    all experts against each alone and each left out, concatenation, other weights, losses and pooling, no gate
weights  does a caption that talks about one expert trust that expert most?
faces    missing from half of the clips: the mask, zeros instead, dropping, and the wrong mask from before November 2019
half     embedding in bfloat16 (``amp``) against float32
stills   a few films with and without 1,000 stills mixed in, by number of films
"""

import argparse
import hashlib
import os
import platform
import sys
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import torch
from records import git, processor, write_json

from mee.compare import compare, difference, table
from mee.data import Expert
from mee.evaluate import embed
from mee.loss import MaxMarginRankingLoss
from mee.metrics import chance, summarise
from mee.model import MEE, NetVLAD, TextEmbedding, VideoEmbedding, VideoTextMEE
from mee.storage import read_clips
from mee.train import fit_clips

FILMS, STILLS = "notebooks/data/tinyclips.h5", "notebooks/data/tinyclips_stills.h5"
# chosen on the validation split: the paper's lr (4e-4) is meant for longer training on more clips
COMMON = {"epochs": 12, "lr": 2e-3, "dim": 256, "text_clusters": 16, "sequence_clusters": 8}


# ---------------------------------------------------------------------- other networks: functions of a ModelConfig


class Concatenation(torch.nn.Module):
    """One gated pair over all features concatenated, with zeros where one is missing: what MEE is not."""

    def __init__(self, config):
        super().__init__()
        self.config, self.experts = config, sorted(config.experts)
        dims = {name: dim for name, (dim, _) in config.experts.items()}
        width = sum(dims[name] * config.clusters.get(name, 1) for name in self.experts)
        out = sum(dim for _, dim in config.experts.values())  # as many dimensions as the whole mixture has
        self.text_pooling = NetVLAD(config.text_clusters, config.word_dim)
        self.pooling = torch.nn.ModuleDict({n: NetVLAD(k, dims[n]) for n, k in config.clusters.items()})
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


class MeanPooling(torch.nn.Module):
    """The plain mean of the real rows instead of NetVLAD: from (items, rows, dim) to (items, dim)."""

    def __init__(self, dim):
        super().__init__()
        self.out_dim = dim

    def forward(self, x, mask):
        return x.masked_fill(~mask[..., None], 0).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


def mean_pooled(config, words=False, sequences=False):
    """The mixture with plain means instead of NetVLAD: over the words, over the frames of sequence experts."""
    model, clusters = VideoTextMEE(config), dict(config.clusters)
    if words:
        model.text_pooling = MeanPooling(config.word_dim)
    if sequences:
        model.pooling = torch.nn.ModuleDict({name: MeanPooling(config.experts[name][0]) for name in clusters})
        clusters = {}
    dims = {name: (dim * clusters.get(name, 1), out) for name, (dim, out) in config.experts.items()}
    model.mee = MEE(dims, model.text_pooling.out_dim, config.gating, config.learned_weights)
    return model


def constant_weights(config):
    """The mixture with weights that are learnt but do not see the sentence: one set for all sentences."""
    model = VideoTextMEE(config)
    torch.nn.init.zeros_(model.mee.moe_fc.weight).requires_grad_(False)  # only the softmax of the bias is left
    return model


class LeakyMEE(MEE):
    """The original's scores before November 2019.

    An absent clip's features are zeros, which the unit turns into a constant vector, and row i is weighted with the
    mask of clip i alone. So where the right clip has a face, a constant in place of a face is never right: the block
    learns to put all faceless clips last, in just those rows. ``leak=False`` scores the same weights rightly.
    """

    leak = True

    def embed_video(self, videos, ind=None):
        ind = ind or {}
        zeroed = {name: x.masked_fill(~ind[name][:, None], 0) if name in ind else x for name, x in videos.items()}
        vectors, mask = super().embed_video(zeroed)  # zeros are embedded and count in the batch norms
        return VideoEmbedding(vectors, torch.stack([ind.get(e, mask[:, i]) for i, e in enumerate(self.experts)], 1))

    def score(self, text, video, conf=True):
        mask = video.mask
        if not self.leak:
            vectors = {name: video.vectors[name] * mask[:, i, None] for i, name in enumerate(self.experts)}
            return super().score(text, VideoEmbedding(vectors, mask), conf)
        weights = text.weights * mask  # row i gets the mask of clip i
        weights = weights / weights.sum(1, keepdim=True)
        all_present = VideoEmbedding(video.vectors, torch.ones_like(mask))
        return super().score(TextEmbedding(text.vectors, weights), all_present, conf)


def leaky(config):
    model = VideoTextMEE(config)
    dims = {name: (unit.fc.in_features, unit.fc.out_features) for name, unit in model.mee.video_GU.items()}
    model.mee = LeakyMEE(dims, model.text_pooling.out_dim)
    return model


# ------------------------------------------------------------------------------------------------- the experiments


def zero_filled(clips, *names):
    """The same clips, where those without an expert of ``names`` get a row of zeros that counts as present."""
    experts = dict(clips.experts)
    for name in names:
        expert, present = clips.experts[name], clips.present[:, list(clips.experts).index(name)]
        frames = expert.offsets.diff().clamp(min=1)
        features = expert.features.new_zeros(int(frames.sum()), expert.dim)
        features[present.repeat_interleave(frames)] = expert.features
        offsets = torch.cat([torch.zeros(1, dtype=torch.long), frames.cumsum(0)])
        experts[name] = Expert(expert.kind, features, offsets)
    return replace(clips, experts=experts)


BASELINE, REPEATED = "MEE, all experts", "nothing changed, other seeds"


def part_variants(experts):
    """Label -> what :func:`mee.compare.compare` should train: the rows of lesson 12's table."""
    variants = {BASELINE: {}}
    variants |= {f"{name} alone": {"experts": [name]} for name in experts}
    variants |= {f"without {name}": {"experts": [other for other in experts if other != name]} for name in experts}
    return variants | {
        "concatenation": {"network": Concatenation},
        "uniform weights": {"learned_weights": False},
        "one set of weights for all sentences": {"network": constant_weights},
        "no gate": {"gating": False},
        "InfoNCE": {"loss": "info-nce"},
        "with expert loss": {"expert_loss": 1.0},
        "mean of words": {"network": partial(mean_pooled, words=True)},
        "mean of audio rows": {"network": partial(mean_pooled, sequences=True)},
    }


def parts(clips, options):
    settings = {**COMMON, "epochs": options.epochs or COMMON["epochs"]}
    variants = part_variants(clips.experts)
    if options.rows:
        variants = {label: variants[label] for label in [BASELINE, *options.rows]}
    results = compare(clips, variants, options.seeds, options.split, **settings)
    if not options.rows:  # what changes when nothing is changed: how far three seeds are from three others
        others = [seed + 100 for seed in options.seeds]
        results |= compare(clips, {REPEATED: {}}, others, options.split, **settings)
    print(table(results, BASELINE))
    return results, [(label, BASELINE) for label in results if label != BASELINE], settings


def weights(clips, options):
    """A weight alone does not say how much an expert moves a ranking: its similarities may hardly differ between clips.

    So the weight is shown beside the weight times the spread of the similarities over the clips that have the expert.
    """
    clip_ids = clips.clips_in(options.split)
    captions, _ = clips.captions_of(clip_ids)
    single = captions[clips.mentions[captions].sum(1) == 1]
    mentioned, names = clips.mentions[single].float().argmax(1), list(clips.experts)
    shares = {"weight": [], "weight x spread": []}
    for seed in options.seeds:
        text, video = embed(fit_clips(clips, seed=seed, progress=False, **COMMON).model, clips, single, clip_ids)
        similarities = [text.vectors[e] @ video.vectors[e][video.mask[:, i]].T for i, e in enumerate(names)]
        spread = torch.stack([x.std(1) for x in similarities], 1)
        for label, value in (("weight", text.weights), ("weight x spread", text.weights * spread)):
            right = (value.argmax(1) == mentioned).double()
            shares[label].append([right.mean(), *(right[mentioned == i].mean() for i in range(len(names)))])
    print(f"{len(single)} captions about one expert alone; how often is that expert's the largest, in % (chance 25)\n")
    print("| largest | all | " + " | ".join(f"{e} ({int((mentioned == i).sum())})" for i, e in enumerate(names)) + " |")
    print("| --- |" + " --- |" * (1 + len(names)))
    for label, lines in shares.items():
        columns = 100 * torch.tensor(lines).T
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
    # the leak needs pairs: one caption per clip, and row i belongs to column i
    clip_ids = clips.clips_in(options.split)
    captions, positive_clip = clips.captions_of(clip_ids)
    first = captions[torch.searchsorted(positive_clip, torch.arange(len(clip_ids)))]
    print("\none caption per clip, t2v R@1 / R@10 of the last epoch:")
    for seed in options.seeds:
        for label, network in (("the mask", VideoTextMEE), ("the wrong mask", leaky)):
            model = fit_clips(clips, val=[], seed=seed, progress=False, network=network, **COMMON).model
            text, video = embed(model, clips, first, clip_ids)
            print(f"  seed {seed}, trained with {label}: {recalls(model.score(text, video))}", end="")
            if network is leaky:
                model.mee.leak = False
                print(f"; the same weights scored with the right one: {recalls(model.score(text, video))}", end="")
            print()
    print("\npure noise, t2v R@10 among 500 new clips after 300 steps on 500 others, optional experts there for half")
    print("of the clips; mean and standard deviation of five seeds (chance 2.0)\n")
    print("| optional experts | the wrong mask | the right mask |\n| --- | --- | --- |")
    for optional in (1, 3, 5):
        found = [torch.tensor([noise_recall(optional, seed, block) for seed in range(5)]) for block in (LeakyMEE, MEE)]
        print(f"| {optional} | " + " | ".join(f"{x.mean():.1f} ± {x.std():.1f}" for x in found) + " |")


def half(clips, options):
    results = compare(clips, {"float32": {}, "bfloat16": {"amp": True}}, options.seeds, options.split, **COMMON)
    print(table(results, "float32"))
    for direction in ("t2v", "v2t"):
        gain = difference(results["bfloat16"], results["float32"], direction)
        print("{} R@10: {:+.1f} [{:+.1f}, {:+.1f}]".format(direction, *gain))


def recalls(scores):
    found = summarise(1 + (scores > scores.diagonal()[:, None]).sum(1), bootstrap=0)
    return f"{found['R@1'][0]:.1f} / {found['R@10'][0]:.1f}"


def noise_recall(optional, seed, block, clips=500, dim=16):
    """R@10 of a block trained on noise, among new noise: nothing but the masks can tell the right clip."""
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
    images = read_clips(options.stills)
    # with stills, validation is still rising after 12 epochs; few films leave few to validate on; dim: for speed
    settings = {**COMMON, "epochs": options.epochs or 40, "dim": 128, "val": clips.clips_in("val")[:100]}
    mixed = {"images": images, "image_rate": "all"}  # each still once per epoch
    zeros = {**mixed, "images": zero_filled(images, "audio", "motion")}
    variants, pairs = {}, []
    for count in options.films:

        def on(count=count, **choices):
            def variant(seed):  # each seed draws different films
                train = clips.clips_in("train")
                order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
                return {"train": train[order[:count]], **choices}

            return variant

        # alone, the films get as many steps as with the stills, over which the learning rate falls as far
        longer = round(settings["epochs"] * (count + len(images)) / count)
        alone = {"epochs": longer, "lr_decay": 0.95 ** (settings["epochs"] / longer)}
        variants |= {
            f"{count} films": on(**alone),
            f"{count} films and stills": on(**mixed),
            f"{count} films and stills, zeros": on(**zeros),
            f"{count} films, expert loss": on(expert_loss=1.0, **alone),
            f"{count} films and stills, expert loss": on(expert_loss=1.0, **mixed),
        }
        pairs += [(f"{count} films{label}", f"{count} films") for label in (" and stills", " and stills, zeros")]
        pairs += [(f"{count} films and stills, zeros", f"{count} films and stills")]
        pairs += [(f"{count} films{label}, expert loss", f"{count} films") for label in ("", " and stills")]
        pairs += [(f"{count} films and stills, expert loss", f"{count} films, expert loss")]
    results = compare(clips, variants, options.seeds, options.split, **settings)
    print(table(results))
    print("\n| variant | against | t2v R@10 | v2t R@10 |\n| --- | --- | --- | --- |")
    for a, b in pairs:
        gains = [difference(results[a], results[b], direction) for direction in ("t2v", "v2t")]
        print(f"| {a} | {b} | " + " | ".join("{:+.1f} [{:+.1f}, {:+.1f}]".format(*gain) for gain in gains) + " |")
    return results, pairs, {**settings, "val": f"the first {len(settings['val'])} films of the split"}


# ------------------------------------------------------------------------------------------------------ the record


def record(clips, options, results, pairs, settings):
    """What lessons show of a careful run: numbers, and how they were made. ``pairs``: (label, label it is against)."""
    first = next(iter(results.values()))
    per_clip = torch.bincount(first.positive_clip)
    strict = 1 - 0.05 / (2 * len(pairs))  # each pair is compared in both directions
    directions, metrics = ("t2v", "v2t"), ("R@1", "R@5", "R@10", "MdR")

    def rounded(values, digits=2):
        return [round(float(value), digits) for value in values]

    def row(label, result):
        out = {"label": label, "seconds": round(result.seconds, 1)}
        for direction in directions:
            summary = result.summary(direction)
            out[direction] = {name: rounded(summary[name]) for name in metrics}
            out[direction]["R@10 by seed"] = rounded(100 * (getattr(result, direction) <= 10).double().mean(1))
        return out

    def compared(label, against):
        out = {"label": label, "against": against}
        for direction in directions:
            a, b = results[label], results[against]
            out[direction] = {name: rounded(difference(a, b, direction, int(name[2:]))) for name in ("R@1", "R@10")}
            out[direction]["R@10, strict"] = rounded(difference(a, b, direction, level=strict, bootstrap=20_000))
        return out

    random = {"t2v": chance(len(per_clip)), "v2t": chance(len(first.positive_clip), per_clip[per_clip > 0])}
    return {
        "command": " ".join(["python", "experiments/tinyclips.py", *sys.argv[1:]]),
        "date": date.today().isoformat(),
        "commit": git("rev-parse", "HEAD") or "unknown",
        "changed since": [line.split()[-1] for line in git("status", "--porcelain", "-uno").splitlines()],
        "machine": f"{processor()}, {os.cpu_count()} cores, threads used: {torch.get_num_threads()}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "clips": {
            "title": clips.title,
            "sha256": hashlib.sha256(clips.path.read_bytes()).hexdigest(),
            "split": options.split,
            "clips": len(per_clip),
            "captions": len(first.positive_clip),
        },
        "seeds": options.seeds,
        "settings": settings,
        "strict level": round(strict, 6),
        "chance": {way: {name: round(values[name], 2) for name in metrics} for way, values in random.items()},
        "rows": [row(label, result) for label, result in results.items()],
        "differences": [compared(*pair) for pair in pairs],
    }


EXPERIMENTS = {"parts": parts, "weights": weights, "faces": faces, "half": half, "stills": stills}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", help=f"{', '.join(EXPERIMENTS)} (default: all)")
    parser.add_argument("--clips", default=FILMS, metavar="FILE.h5")
    parser.add_argument("--stills", default=STILLS, metavar="FILE.h5")
    parser.add_argument("--split", default="test", choices=("val", "test"))
    parser.add_argument("--films", type=int, nargs="+", default=[50, 100, 200, 400], metavar="N", help="for stills")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rows", nargs="+", metavar="LABEL", help="for parts: only these rows, against the full model")
    parser.add_argument("--epochs", type=int, help="for parts (default: 12) and stills (default: 40)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers here (parts or stills)")
    options = parser.parse_intermixed_args()
    unknown = [name for name in options.what if name not in EXPERIMENTS]
    if unknown:
        parser.error(f"no experiment {', '.join(unknown)}; there are {', '.join(EXPERIMENTS)}")
    if options.json and options.what not in (["parts"], ["stills"]):
        parser.error("--json needs exactly one experiment, parts or stills")
    clips = read_clips(options.clips)
    for name in options.what or EXPERIMENTS:
        print(f"\n## {name} ({options.split}, seeds {options.seeds})\n", flush=True)
        found = EXPERIMENTS[name](clips, options)
        if options.json:
            write_json(options.json, record(clips, options, *found))


if __name__ == "__main__":
    main()
