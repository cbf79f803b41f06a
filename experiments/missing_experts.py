"""What is still found as experts go missing, under every treatment that we know: the numbers behind "What we found".

    python experiments/missing_experts.py curve tinyclips --split val                       # to choose by
    python experiments/missing_experts.py curve tinyclips --json notebooks/data/missing_tinyclips.json
    python experiments/missing_experts.py curve memad memad.h5 --json notebooks/data/missing_memad.json
    python experiments/missing_show.py notebooks/data/missing_*.json       # the tables and the figure of that page

It gives t2v and v2t against the share of deleted (clip, expert) pairs, for every treatment and for the parts of the
score. "val" is the validation split; for MeMAD, which has none to spare, it is a third of the complete training clips,
kept out of training. Every treatment sees the same deletions, so differences are paired.
"""

import argparse
import math
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import NormalDist

import torch
import torch.nn.functional as F
from records import git, processor, write_json
from tinyclips import COMMON, FILMS, Concatenation, zero_filled

from mee.compare import Result, difference
from mee.data import Expert
from mee.evaluate import calibrate, chance_of, embed
from mee.metrics import ranks_both_ways
from mee.model import TextEmbedding, VideoEmbedding, VideoTextMEE
from mee.robustness import SHARES, keep_some
from mee.storage import read_clips
from mee.train import fit_clips

METRICS = [("t2v", "R@1", 1), ("t2v", "R@10", 10), ("v2t", "R@1", 1), ("v2t", "R@10", 10)]
#: what MeMAD and MSR-VTT are trained with; chosen before this experiment existed, by the results page's
#: cross-validation
SETTINGS = {
    "tinyclips": COMMON,
    "memad": {"epochs": 40, "experts": ("audio", "motion")},
    "msrvtt": {"epochs": 12, "lr": 4e-4, "dim": 256, "text_clusters": 16, "sequence_clusters": 4},
}


@dataclass
class Data:
    """What one seed trains on and ranks; ``options`` are arguments of ``fit_clips``."""

    clips: object
    train: torch.Tensor
    test: torch.Tensor
    options: dict


def data_of(options):
    clips, settings = read_clips(options.file), dict(SETTINGS[options.data])
    if options.epochs:
        settings["epochs"] = options.epochs
    if options.data == "tinyclips":
        settings["val"] = clips.clips_in("val")
        return Data(clips, clips.clips_in("train"), clips.clips_in(options.split), settings)
    if options.data == "msrvtt":  # on validation, the last epoch was the best
        settings["val"] = []
        return Data(clips, clips.clips_in("train"), clips.clips_in(options.split), settings)
    learn, settings["val"] = torch.cat([clips.clips_in("train"), clips.clips_in("val")]), []
    if options.split == "test":
        return Data(clips, learn, clips.clips_in("test"), settings)
    names = list(clips.experts)
    complete = clips.present[learn][:, [names.index(name) for name in settings["experts"]]].all(1)
    order = learn[complete][torch.randperm(int(complete.sum()), generator=torch.Generator().manual_seed(0))]
    held = order[::3]
    return Data(clips, learn[~torch.isin(learn, held)], held, settings)


# --------------------------------------------------------------------------------------------- clips that lack experts


def without(clips, clip_ids, keep, names):
    """A copy of ``clips`` where ``clip_ids`` have no rows of experts where ``keep`` (clips, experts) is False."""
    experts = dict(clips.experts)
    for i, name in enumerate(names):
        expert = clips.experts[name]
        counts = expert.offsets.diff()
        kept = torch.ones(len(clips), dtype=torch.bool)
        kept[clip_ids] = keep[:, i]
        features = expert.features[kept.repeat_interleave(counts)]
        offsets = torch.cat([torch.zeros(1, dtype=torch.long), (counts * kept).cumsum(0)])
        experts[name] = Expert(expert.kind, features, offsets)
    return replace(clips, experts=experts)


def mean_filled(clips, means):
    """The same clips, where those without an expert get one row: that expert's mean over the training clips."""
    experts = dict(clips.experts)
    for name, mean in means.items():
        expert, present = clips.experts[name], clips.present[:, list(clips.experts).index(name)]
        counts = expert.offsets.diff().clamp(min=1)
        features = mean.to(expert.features).repeat(int(counts.sum()), 1)
        features[present.repeat_interleave(counts)] = expert.features
        experts[name] = Expert(expert.kind, features, torch.cat([torch.zeros(1, dtype=torch.long), counts.cumsum(0)]))
    return replace(clips, experts=experts)


def mean_rows(data, names):
    """Expert -> (dim,): the mean of its rows over the training clips."""
    means = {}
    for name in names:
        expert = data.clips.experts[name]
        rows = torch.zeros(len(data.clips), dtype=torch.bool)
        rows[data.train] = True
        means[name] = expert.features[rows.repeat_interleave(expert.offsets.diff())].float().mean(0)
    return means


class ExpertDropout(VideoTextMEE):
    """In training, each clip's experts are dropped with probability .3; at least one is left."""

    share = 0.3

    def embed_video(self, videos, ind=None, masks=None):
        if self.training:
            mask = torch.stack([ind[name] for name in self.experts], 1)
            seed = int(torch.randint(2**31, ()))
            keep = keep_some(mask, self.share, seed)
            ind = {name: keep[:, i] for i, name in enumerate(self.experts)}
        return super().embed_video(videos, ind, masks)


# ------------------------------------------------------------------------------------- scores, from the same embeddings


def paper(text, video, names, centre=None):
    """The paper's score; with ``centre`` (a mean for each expert) each similarity is centred first."""
    mask = video.mask.to(text.weights)
    return weighted(text, video, names, centre) / (text.weights @ mask.T).clamp_min(1e-12)


def weighted(text, video, names, centre=None):
    total = 0
    for i, name in enumerate(names):
        v = video.vectors[name] - (0 if centre is None else centre[name])
        total = total + text.weights[:, i, None] * text.vectors[name] @ (v * video.mask[:, i, None]).T
    return total


def without_means(text, video, names, text_means, video_means):
    """GR-CLIP's remedy (arXiv 2507.19054): each side's mean embedding is subtracted, and lengths become 1 again."""
    vectors = {name: F.normalize(text.vectors[name] - text_means[name], dim=1) for name in names}
    clips = {
        name: F.normalize(video.vectors[name] - video_means[name], dim=1) * video.mask[:, i, None]
        for i, name in enumerate(names)
    }
    return paper(TextEmbedding(vectors, text.weights), VideoEmbedding(clips, video.mask), names)


def inverted_softmax(scores, bank, beta=20.0):
    """QB-Norm's dynamic inverted softmax (arXiv 2112.12777): ``bank`` (queries, items) are training queries' scores.

    Where a query's best item is also some bank query's best, its scores are divided by what the bank gives each item.
    """
    active = torch.zeros(scores.shape[1], dtype=torch.bool)
    active[bank.argmax(1)] = True
    inverted = beta * scores - (beta * bank).logsumexp(0)
    return torch.where(active[scores.argmax(1)][:, None], inverted, beta * scores)


def scores_of_one_model(model, data, keep, text, whole):
    """label -> scores (texts, clips) from one model's embeddings, or a pair if each direction has its own."""
    names, video, calibration = model.experts, whole.keep(keep), model.calibration
    bank = calibration.captions
    clip_bank = model.clip_bank
    variance = calibration.variance(text)
    mask, weights = video.mask.to(text.weights), text.weights
    centred = weighted(text, video, names, calibration.mean)
    none = ~video.mask.any(1)
    z, hubness = calibration.z(text, video), calibration.hubness(video)
    of_paper, of_bank = paper(text, video, names), paper(bank, video, names)
    of_clip_bank = paper(text, clip_bank, names)
    text_means = {name: bank.vectors[name].mean(0) for name in names}
    one_variance = variance.mean(0).expand_as(variance)

    def over(x):
        return (centred / (weights.square() * x @ mask.T).clamp_min(1e-12).sqrt()).masked_fill(none, -1e6)

    return {
        "paper's score": of_paper,
        "mean removal (GR-CLIP)": without_means(text, video, names, text_means, calibration.mean),
        "QB-Norm": (inverted_softmax(of_paper, of_bank), inverted_softmax(of_paper.T, of_clip_bank.T).T),
        "calibrated": z - hubness,
        "parts: centred": paper(text, video, names, calibration.mean),
        "parts: centred, root of the weights' squares": over(torch.ones_like(variance)),
        "parts: one variance per expert": over(one_variance),
        "parts: a variance per sentence (z)": z,
        "parts: z, no shrinkage": over(model.unshrunk(text)),
        "parts: h alone, on the paper's score": 20 * of_paper - (20 * of_bank).logsumexp(0),
        "parts: one variance, and h": over(one_variance)
        - hubness_by(bank, video, names, calibration, one_variance[:1]),
    }


def hubness_by(bank, video, names, calibration, variance):
    mask = video.mask.to(bank.weights)
    z = weighted(bank, video, names, calibration.mean)
    return (z / (bank.weights.square() * variance @ mask.T).clamp_min(1e-12).sqrt()).logsumexp(0)


def prepare_scores(model, data, seed):
    """Give a model its calibration and what the other scores need."""
    model.calibration = calibrate(model, data.clips, data.train, seed=seed)
    drawn = data.train[torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))[:1000]]
    captions, _ = data.clips.captions_of(data.train)
    _, model.clip_bank = embed(model, data.clips, captions[:1], drawn)
    _, training = embed(model, data.clips, captions[:1], data.train)
    covariance = {}
    for i, name in enumerate(model.experts):
        covariance[name] = torch.cov(training.vectors[name][training.mask[:, i]].T, correction=0)
    model.unshrunk = lambda text: torch.stack(
        [(text.vectors[n] @ c * text.vectors[n]).sum(1) for n, c in covariance.items()], 1
    )
    return model


# ------------------------------------------------------------------------------------------------------------ the curve


class Collected:
    """Ranks of every treatment, share and seed, and what is printed about them."""

    def __init__(self):
        self.ranks, self.positive_clip = defaultdict(list), None

    def add(self, label, share, scores, positive_clip):
        by_text, by_clip = scores if isinstance(scores, tuple) else (scores, scores)
        functions = (lambda i: by_text[i], lambda i: by_clip.T[i])
        t2v, v2t, self.positive_clip = ranks_both_ways(functions, positive_clip)
        self.ranks[label, share].append((t2v, v2t))

    def result(self, label, share):
        t2v, v2t = (torch.stack(x) for x in zip(*self.ranks[label, share], strict=True))
        return Result(t2v, v2t, self.positive_clip, 0.0)

    def labels(self):
        return list(dict.fromkeys(label for label, _ in self.ranks))

    def summary(self, shares, baseline, bootstrap=2000):
        """label -> metric -> (value, low, high) per share, and the difference from ``baseline`` with two intervals."""
        count = len(METRICS) * len(shares) * (len(self.labels()) - 1)
        wider = NormalDist().inv_cdf(1 - 0.025 / count) / NormalDist().inv_cdf(0.975)  # Bonferroni's, if all is normal
        out = {}
        for label in self.labels():
            out[label] = {}
            for direction, name, k in METRICS:
                rows = []
                for share in shares:
                    a, b = self.result(label, share), self.result(baseline, share)
                    row = {"value": difference(a, never(a), direction, k, bootstrap)}
                    if label != baseline:
                        mean, low, high = row["difference"] = difference(a, b, direction, k, bootstrap)
                        row["family_wise"] = mean - wider * (mean - low), mean + wider * (high - mean)
                    own = label.rpartition(": ")[0] + ": paper's score"
                    if label.endswith(": calibrated") and (own, share) in self.ranks:  # the same models' other score
                        row["own_difference"] = difference(a, self.result(own, share), direction, k, bootstrap)
                    rows.append(row)
                out[label][f"{direction} {name}"] = rows
        return out


def never(result):
    """The ranks of a model that finds nothing: the difference from it is R@k itself, seeds and clips resampled."""
    return replace(result, t2v=torch.full_like(result.t2v, torch.inf), v2t=torch.full_like(result.v2t, torch.inf))


def trained(data, seed, **options):
    return fit_clips(data.clips, train=data.train, seed=seed, progress=False, **{**data.options, **options}).model


def curve_of_seed(options, seed):
    """Ranks of all treatments with one seed, and what the gallery looks like."""
    torch.set_num_threads(1)
    collected = Collected()
    data = data_of(options)
    names = sorted(data.options.get("experts") or data.clips.experts)
    captions, positive_clip = data.clips.captions_of(data.test)
    present = data.clips.present[data.test][:, [list(data.clips.experts).index(name) for name in names]]
    keeps = {share: keep_some(present, share, seed) for share in options.shares}
    deleted = {share: without(data.clips, data.test, keeps[share], names) for share in options.shares}

    # one model, many scores
    for prefix, choices in (
        ("", {}),
        ("InfoNCE: ", {"loss": "info-nce"}),
        ("trained calibrated, InfoNCE: ", {"loss": "info-nce", "score": "calibrated"}),
        ("expert dropout: ", {"network": ExpertDropout}),
    ):
        model = prepare_scores(trained(data, seed, **choices), data, seed)
        text, video = embed(model, data.clips, captions, data.test)
        for share in options.shares:
            found = scores_of_one_model(model, data, keeps[share], text, video)
            if prefix:
                found = {label: found[label] for label in ("paper's score", "calibrated")}
            for label, scores in found.items():
                collected.add(prefix + label, share, scores, positive_clip)
        if not prefix:
            means = mean_rows(data, names)
            for share in options.shares:
                filled = mean_filled(deleted[share], means)
                collected.add(
                    "mean features", share, model.score(*embed(model, filled, captions, data.test)), positive_clip
                )
        print(f"seed {seed}: {prefix or 'max margin: '}done", flush=True)

    # models of their own
    zeros = replace(data, clips=zero_filled(data.clips, *names))
    model = trained(zeros, seed)
    for share in options.shares:
        filled = zero_filled(deleted[share], *names)
        collected.add("zeros", share, model.score(*embed(model, filled, captions, data.test)), positive_clip)
    model = trained(data, seed, network=Concatenation)
    for share in options.shares:
        text, video = embed(model, deleted[share], captions, data.test, names)
        collected.add("concatenation", share, model.score(text, video), positive_clip)
    alone = {}
    for name in names:
        model = trained(data, seed, experts=[name])
        alone[name] = [model.score(*embed(model, deleted[share], captions, data.test)) for share in options.shares]
    for name, matrices in alone.items():
        for share, scores in zip(options.shares, matrices, strict=True):
            collected.add(f"{name} alone", share, scores, positive_clip)
    if options.data == "tinyclips":
        for share in options.shares:
            collected.add("oracle", share, oracle_scores(data, keeps[share], captions), positive_clip)
    print(f"seed {seed}: other models done", flush=True)
    gallery = {"chance": chance_of(len(data.test), positive_clip), "clips": len(data.test), "captions": len(captions)}
    gallery["experts"] = {name: round(float(present[:, i].float().mean()), 3) for i, name in enumerate(names)}
    return collected, gallery


def curve(options):
    work = partial(curve_of_seed, options)
    if options.processes > 1:
        with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
            parts = list(pool.map(work, options.seeds))
    else:
        parts = [work(seed) for seed in options.seeds]
    collected = Collected()
    for part, _ in parts:
        collected.positive_clip = part.positive_clip
        for key, ranks in part.ranks.items():
            collected.ranks[key] += ranks
    out = dict(parts[0][1])
    out["shares"], out["curves"] = options.shares, collected.summary(options.shares, "paper's score")
    report(out)
    return out


def report(out):
    print(f"\n{out['clips']} clips, {out['captions']} captions; present: {out['experts']}")
    for direction, name, _ in METRICS:
        metric = f"{direction} {name}"
        print(f"\n| {metric} | " + " | ".join(f"{100 * share:.0f} %" for share in out["shares"]) + " |")
        print("| --- |" + " --- |" * len(out["shares"]))
        for label, rows in out["curves"].items():
            cells = []
            for row in rows[metric]:
                cell = "{:.1f}".format(row["value"][0])
                if "difference" in row:
                    sure = "*" if row["family_wise"][0] > 0 or row["family_wise"][1] < 0 else ""
                    cell += " ({:+.1f} [{:+.1f}, {:+.1f}]{})".format(*row["difference"], sure)
                cells.append(cell)
            print(f"| {label} | " + " | ".join(cells) + " |")
        print("| chance | " + " | ".join([f"{out['chance'][direction][name]:.1f}"] * len(out["shares"])) + " |")


# --------------------------------------------------------------------------------------------------- the oracle's bound


def facts_of(script):
    """Expert -> what only this expert can tell about a film, from its script; None: the film lacks the expert."""
    things = script["things"]
    looks = (script["place"], script["time"], *((thing["shape"], thing["colour"]) for thing in things))
    moves = tuple((thing["motion"], thing["speed"]) for thing in things)
    face = script["face"] and tuple(value for key, value in script["face"].items() if key != "skin")
    sound = script["sound"] and (script["sound"], script["pitch"])
    return {"appearance": looks, "motion": moves, "audio": sound, "face": face}


def oracle_scores(data, keep, captions):
    """An oracle that reads each remaining expert's facts without error, and from a caption all that its experts say.

    A clip that contradicts an expert that the caption mentions is ruled out; among the others, the one with the rarer
    agreement is more probable. The oracle reads more from a caption than it says, so no model can do better.
    """
    clips = data.clips
    names = list(clips.experts)
    facts = [facts_of(script) for script in clips.facts]
    scores = torch.zeros(len(captions), len(data.test))
    for i, name in enumerate(names):
        values = [facts[j][name] for j in range(len(clips))]
        number = {value: n for n, value in enumerate(dict.fromkeys(values))}
        code = torch.tensor([number[value] for value in values])
        rarity = -(torch.bincount(code[data.train], minlength=len(number)).double() + 1).log() + math.log(
            len(data.train)
        )
        mentioned = clips.mentions[captions, i]
        own, of_clips = code[clips.caption_clip[captions]], code[data.test]
        agree = own[:, None] == of_clips
        value = torch.where(agree, rarity[own][:, None], torch.tensor(-1000.0, dtype=torch.float64))
        scores += torch.where(mentioned[:, None] & keep[:, i], value, torch.tensor(0.0, dtype=torch.float64)).float()
    return scores


# ------------------------------------------------------------------------------------------------------ command line

TITLES = {"tinyclips": "TinyClips (made)", "memad": "MeMAD (real)", "msrvtt": "MSR-VTT, half (real)"}


def run(experiments, doc):
    """The command line of ``experiments``: name -> function of the options that returns what ``--json`` writes."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    commands = parser.add_subparsers(dest="what", required=True)
    for name in experiments:
        p = commands.add_parser(name)
        p.add_argument("data", choices=list(SETTINGS))
        p.add_argument("file", nargs="?", default=FILMS, help="the clip file (default: TinyClips)")
        p.add_argument("--split", choices=("val", "test"), default="test")
        p.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
        p.add_argument("--shares", type=float, nargs="+", default=list(SHARES) if name == "curve" else [0.0, 0.3, 0.5])
        p.add_argument("--epochs", type=int, help="how many, for a quick look")
        p.add_argument("--processes", type=int, default=1, help="for curve: processes, each with a seed (default: 1)")
        p.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    found = experiments[options.what](options)
    if options.json:
        origin = {"title": TITLES[options.data], "split": options.split, "seeds": options.seeds}
        origin |= {"torch": torch.__version__, "processor": processor(), "commit": git("rev-parse", "--short", "HEAD")}
        write_json(options.json, origin | rounded(found))


def rounded(content):
    """``content`` with its floats rounded to three decimals: more would be noise that changes with each run."""
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [rounded(value) for value in content]
    return round(content, 3) if isinstance(content, float) else content


if __name__ == "__main__":
    run({"curve": curve}, __doc__)
