"""Attention over experts against the weighted mean, with and without modality dropout (lesson 17).

    python experiments/attention.py --json notebooks/data/attention.json                 # TinyClips, about half an hour
    python experiments/attention.py --msrvtt msrvtt.h5 --json notebooks/data/attention.json    # adds half of MSR-VTT

Two networks share data, text side, loss, batches, epochs and score. The weighted mean (MEE) embeds each expert with a
gated unit of its own; the transformer projects each to a token and lets the tokens of a clip look at each other, with
those of absent experts masked, as MMT does (arXiv 2007.10639). Each is trained as it is, and with experts dropped at
random. The learning rate of each of the four is the best of one grid on the validation split. Then each is trained with
five seeds and tested on the test split, complete and with a share of its experts deleted *before* they are embedded. A
transformer learns more slowly: ``--longer 30`` trains again for 30 epochs, at the same learning rates. ``--rows`` adds
rows to those of a record.
"""

import argparse
import json
import re
import time
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from missing_experts import rounded, without
from records import git, processor, write_json
from tinyclips import FILMS
from torch import nn

from mee.compare import Result, difference
from mee.config import TrainConfig
from mee.evaluate import calibrate, chance_of, compute_ranks
from mee.metrics import summarise
from mee.model import VideoEmbedding, VideoTextMEE
from mee.robustness import keep_some
from mee.storage import atomic, read_clips
from mee.train import fit, prepare, train_step

SETTINGS = {
    "tinyclips": {"epochs": 12, "loss": "info-nce", "temperature": 0.1, "dim": 128, "text_clusters": 8,
                  "sequence_clusters": 4},
    "msrvtt": {"epochs": 12, "loss": "info-nce", "temperature": 0.1, "dim": 256, "text_clusters": 16,
               "sequence_clusters": 4},
}  # fmt: skip
GRID = (5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2)
SHARES = (0.0, 0.3, 0.5)  # of the gallery's experts, deleted
DROPPED = 0.3  # each expert's chance of being dropped in training
CHOOSING = 100  # the seed that chooses a learning rate, and reports nothing
SCORES, WAYS = ("paper", "calibrated"), ("t2v", "v2t")


class Projection(nn.Linear):
    """An expert's features as a token: a linear layer, and zeros where the expert is absent."""

    def forward(self, x, mask):
        return super().forward(torch.where(mask[:, None], x, 0)) * mask[:, None]


class ExpertTransformer(VideoTextMEE):
    """MEE whose experts look at each other: one token per expert, a transformer layer, and then the weighted mean.

    The text side and ``score`` are MEE's. ``heads`` divides the embedding's dimensions, which all experts share. There
    is no dropout, and tokens are not scaled to length 1 as MMT's are: both were better on the validation split.
    """

    def __init__(self, config, heads=4):
        super().__init__(config)
        (dim,) = {out for _, out in config.experts.values()}
        for name, unit in self.mee.video_GU.items():
            self.mee.video_GU[name] = Projection(unit.fc.in_features, dim)
        self.token = nn.Parameter(torch.randn(len(config.experts), dim) / dim**0.5)  # tells which expert a token is
        self.layer = nn.TransformerEncoderLayer(dim, heads, 2 * dim, dropout=0, batch_first=True, norm_first=True)

    def embed_video(self, videos, ind=None, masks=None):
        """As in MEE; absent experts are masked as keys, and zero afterwards."""
        video = super().embed_video(videos, ind, masks)
        tokens = torch.stack([video.vectors[name] for name in self.experts], 1) + self.token
        ignored = ~video.mask & video.mask.any(1, keepdim=True)  # a softmax over no keys would be NaN
        out = F.normalize(self.layer(tokens, src_key_padding_mask=ignored), dim=2) * video.mask[..., None]
        return VideoEmbedding({name: out[:, i] for i, name in enumerate(self.experts)}, video.mask)


def drop_experts(batch, share=DROPPED):
    """The same batch, in which each clip has lost some of its experts at random and kept at least one."""
    names = sorted(batch.ind)
    keep = keep_some(torch.stack([batch.ind[name] for name in names], 1), share, int(torch.randint(2**31, ())))
    return replace(batch, ind={name: keep[:, i] for i, name in enumerate(names)})


def dropping_step(model, batch, loss, config):
    """A step of training with modality dropout; for ``fit(..., step=dropping_step)``."""
    return train_step(model, drop_experts(batch), loss, config)


NETWORKS = {"weighted mean": VideoTextMEE, "transformer": ExpertTransformer}
VARIANTS = {
    f"{label}{extra}": (network, step)
    for label, network in NETWORKS.items()
    for extra, step in (("", None), (", modality dropout", dropping_step))
}

PLAIN, ATTENTION = NETWORKS
DROPPING = ", modality dropout"
PAIRS = [(ATTENTION, PLAIN), (ATTENTION + DROPPING, PLAIN + DROPPING), (PLAIN + DROPPING, PLAIN)]
PAIRS += [(ATTENTION + DROPPING, ATTENTION)]
LONGER = ", longer"


def train(clips, label, seed, val=None, **settings):
    """One model of VARIANTS, trained; ``seed`` also draws whatever training draws besides the batches."""
    network, step = VARIANTS[label]
    config = replace(TrainConfig(), seed=seed, **settings)
    model, batches, loss, validate = prepare(clips, config, val=val, network=network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return fit(model, batches, loss, config, validate, step=step)


def recall(run):
    """The mean of t2v and v2t R@10 on validation, for the epoch that was kept."""
    row = run.history[run.best - 1]["val"]
    return (row["t2v"]["R@10"][0] + row["v2t"]["R@10"][0]) / 2


def deleted(clips, clip_ids, share, seed):
    """The same clips with a share of the experts of ``clip_ids`` deleted; all models see the same deletions."""
    return without(clips, clip_ids, keep_some(clips.present[clip_ids], share, seed), list(clips.experts))


def finished(clips, label, lr, seed, epochs, options):
    """What the folder --runs keeps of one model: recall on validation, and ranks for "SCORE SHARE"."""
    name = re.sub("[^a-z0-9]+", "-", f"{options.name} {options.split} {label} {epochs} epochs {lr} {seed}".lower())
    path, settings = options.runs / f"{name}.pt", str(options.settings | {"epochs": epochs})
    if path.exists() and (kept := torch.load(path))["settings"] == settings:
        return kept
    began = time.process_time()
    run = train(clips, label, seed, lr=lr, **options.settings | {"epochs": epochs})
    kept = {"settings": settings, "validation": recall(run), "seconds": time.process_time() - began}
    kept["parameters"] = sum(p.numel() for p in run.model.parameters())
    if seed != CHOOSING:
        clip_ids = clips.clips_in(options.split)
        calibrations = {"paper": None, "calibrated": calibrate(run.model, clips, seed=seed)}
        for share in SHARES:
            part = deleted(clips, clip_ids, share, seed)
            for score, calibration in calibrations.items():
                kept[f"{score} {share}"] = compute_ranks(run.model, part, clip_ids, calibration=calibration)
    with atomic(path) as temporary:
        torch.save(kept, temporary)
    shown = {key: summarise(x[0], bootstrap=0)["R@10"][0] for key, x in kept.items() if isinstance(x, tuple)}
    shown = ", ".join(f"{key}: {value:.1f}" for key, value in shown.items())
    print(
        f"{label}, {epochs} epochs, lr {lr}, seed {seed}: {kept['validation']:.1f} on validation; {shown}", flush=True
    )
    return kept


def row_of(clips, label, epochs, seeds, options):
    """One row of the record, and "SCORE SHARE" -> Result: the best lr of the grid, then all seeds."""
    choice = [finished(clips, label, lr, CHOOSING, options.settings["epochs"], options)["validation"] for lr in GRID]
    lr = GRID[choice.index(max(choice))]
    runs = [finished(clips, label, lr, seed, epochs, options) for seed in seeds]
    row = {
        "parameters": runs[0]["parameters"],
        "seconds": sum(run["seconds"] for run in runs) / len(runs),
        "lr": str(lr),
    }
    row |= {"epochs": epochs, "seeds": seeds, "validation": choice}
    results = {}
    for key in (f"{score} {share}" for score in SCORES for share in SHARES):
        result = results[key] = Result.of_runs([run[key] for run in runs], row["seconds"])
        row[key] = {}
        for way in WAYS:
            summary = result.summary(way)
            by_seed = [summarise(ranks, bootstrap=0)["R@10"][0] for ranks in getattr(result, way)]
            row[key] |= {f"{way} {name}": summary[name] for name in ("R@1", "R@10", "MdR")}
            row[key][f"{way} R@10 by seed"] = by_seed
    return row, results


def record(clips, options):
    """What ``--json`` writes of one set of clips."""
    clip_ids = clips.clips_in(options.split)
    _, positive_clip = clips.captions_of(clip_ids)
    rows, results, differences = {}, {}, []
    sizes = {"": (options.settings["epochs"], options.seeds)}
    if options.longer:
        sizes[LONGER] = (options.longer, options.longer_seeds)
    for longer, (epochs, seeds) in sizes.items():
        for label in options.rows:
            rows[label + longer], results[label + longer] = row_of(clips, label, epochs, seeds, options)
    for a, b in ((a + longer, b + longer) for longer in sizes for a, b in PAIRS):
        if a in rows and b in rows:
            values = {
                key: {way: difference(results[a][key], results[b][key], way) for way in WAYS} for key in results[a]
            }
            differences.append({"label": a, "against": b, **values})
    return {
        "title": clips.title, "split": options.split, "clips": len(clip_ids), "captions": len(positive_clip),
        "seeds": options.seeds, "settings": options.settings, "grid": list(map(str, GRID)),
        "choosing seed": CHOOSING, "dropped": DROPPED, "shares": SHARES,
        "chance": chance_of(len(clip_ids), positive_clip), "rows": rows, "differences": differences,
    }  # fmt: skip


def show(found):
    """Print t2v R@10 of all rows, and the paired differences."""
    for score in SCORES:
        keys = [f"{score} {share}" for share in found["shares"]]
        print(f"\n{found['title']}, {found['split']}, {score} score: t2v R@10 with a share of the experts deleted\n")
        print("| | parameters | lr | " + " | ".join(f"{100 * share:.0f} %" for share in found["shares"]) + " |")
        print("| --- | --- | --- |" + " --- |" * len(keys))
        for label, row in found["rows"].items():
            cells = " | ".join("{:.1f} [{:.1f}, {:.1f}]".format(*row[key]["t2v R@10"]) for key in keys)
            print(f"| {label} | {row['parameters']:,} | {row['lr']} | {cells} |")
        print(f"| chance | | | {found['chance']['t2v']['R@10']:.1f} |" + " |" * (len(keys) - 1))
        for row in found["differences"]:
            cells = " | ".join("{:+.1f} [{:+.1f}, {:+.1f}]".format(*row[key]["t2v"]) for key in keys)
            print(f"| {row['label']} - {row['against']} | | | {cells} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", default=FILMS, metavar="FILE.h5")
    parser.add_argument("--msrvtt", metavar="FILE.h5", help="use what convert_msrvtt_frames.py wrote instead")
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--rows", nargs="+", choices=list(VARIANTS), default=list(VARIANTS), metavar="LABEL")
    parser.add_argument("--longer", type=int, metavar="EPOCHS", help="train again, for this many epochs")
    parser.add_argument("--longer-seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs/attention"), metavar="FOLDER", help="of finished runs")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.name = "msrvtt" if options.msrvtt else "tinyclips"
    options.settings = SETTINGS[options.name]
    options.runs.mkdir(parents=True, exist_ok=True)
    found = record(read_clips(options.msrvtt or options.clips), options)
    show(found)
    if options.json:
        origin = {"torch": torch.__version__, "processor": processor(), "commit": git("rev-parse", "--short", "HEAD")}
        kept = json.loads(options.json.read_text(encoding="utf-8")) if options.json.exists() else {}
        found = rounded(found)
        if (before := kept.get(options.name)) and before["settings"] == found["settings"]:
            found["rows"] = before["rows"] | found["rows"]
            rows = {(row["label"], row["against"]): row for row in before["differences"] + found["differences"]}
            found["differences"] = list(rows.values())
        write_json(options.json, kept | {options.name: origin | found})


if __name__ == "__main__":
    main()
