"""Several models, several seeds, one table: the runner behind every comparison in the book (lessons 05, 08, 10).

A variant is a dict of choices for :func:`mee.train.fit`; what is not named keeps its default. All variants see the same
seeds and the same queries, so that differences are paired.
"""

import time
from dataclasses import dataclass

import torch

from mee.data import Clips
from mee.metrics import NAMES, chance, summarise
from mee.train import fit, rank


@dataclass
class Result:
    """Ranks of one variant: ``t2v`` (seeds, texts) and ``v2t`` (seeds, clips), the clip of each text, seconds a run."""

    t2v: torch.Tensor
    v2t: torch.Tensor
    truth: torch.Tensor
    seconds: float

    def summary(self, way, bootstrap=1000):
        """name -> (mean over seeds, low, high): the interval is of the mean, over the choice of queries."""
        ranks = getattr(self, way)
        groups = self.truth if way == "t2v" else torch.arange(ranks.shape[1])
        rows = [summarise(row, bootstrap=0) for row in ranks]
        # all seeds' ranks of a clip stay together: the interval speaks of other clips, the spread below of other seeds
        pooled = summarise(ranks.reshape(-1), groups.repeat(len(ranks)), bootstrap)
        return {name: (sum(row[name][0] for row in rows) / len(rows), *pooled[name][1:]) for name in NAMES}

    def spread(self, way):
        """name -> standard deviation over seeds."""
        rows = [summarise(row, bootstrap=0) for row in getattr(self, way)]
        return {name: float(torch.tensor([row[name][0] for row in rows]).std()) for name in NAMES}


def compare(clips, variants, seeds=(0, 1, 2), split="test", progress=True, **common):
    """Train each variant with each seed and rank ``split`` (a name, or clip numbers): name -> :class:`Result`.

    clips     :class:`mee.data.Clips` or a path, for the variants that bring no ``clips`` of their own
    variants  name -> dict of arguments of ``fit``, or a function of the seed that gives one; besides, ``clips`` (train
              and test on these instead)
    common    arguments of ``fit`` for all
    """
    clips = clips if isinstance(clips, Clips) else Clips(clips)
    results = {}
    for name, variant in variants.items():
        found, began = [], time.perf_counter()
        for seed in seeds:
            options = {**common, **(variant(seed) if callable(variant) else variant)}
            own = options.pop("clips", clips)
            run = fit(own, seed=seed, progress=False, **options)
            cut = {key: options[key] for key in ("experts", "max_words", "max_rows") if key in options}
            rows = own.clips_in(split) if isinstance(split, str) else split
            found.append(rank(run.model, own, rows, **cut))
            if progress:
                value = summarise(found[-1][0], bootstrap=0)["R@10"][0]
                print(f"{name}, seed {seed}: t2v R@10 {value:.1f} (epoch {run.best} of {len(run.history)})", flush=True)
        seconds = (time.perf_counter() - began) / len(seeds)
        results[name] = Result(*(torch.stack([f[i] for f in found]) for i in (0, 1)), found[0][2], seconds)
    return results


def difference(a, b, way="t2v", k=10, bootstrap=2000, seed=0, level=0.95):
    """How much better ``a`` is than ``b`` in R@k, in points: (mean, low, high), seeds and clips both resampled.

    The same seeds and queries on both sides; captions of a clip are drawn together.

    level  of the interval. Of m comparisons, 1 - 0.05 / m for each (and then a larger ``bootstrap``: only few resamples
           lie that far out) makes it improbable that any interval misses its truth (lesson 10)
    """
    if not 0 < level < 1:
        raise ValueError(f"level is a share between 0 and 1; got {level}")
    hits = [(getattr(result, way) <= k).double() for result in (a, b)]
    groups = a.truth if way == "t2v" else torch.arange(hits[0].shape[1])
    group, index, count = torch.unique(groups, return_inverse=True, return_counts=True)
    # (seeds, groups): sums over a clip's captions, so that a resample is two small products
    delta = torch.zeros(len(hits[0]), len(group), dtype=torch.float64).index_add_(1, index, hits[0] - hits[1])
    g = torch.Generator().manual_seed(seed)
    seeds = _times(len(delta), bootstrap, g)
    clips = _times(len(group), bootstrap, g)
    drawn = 100 * ((seeds @ delta / len(delta)) * clips).sum(1) / (clips @ count.double())
    low, high = drawn.quantile(torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)).tolist()
    return 100 * float(delta.mean(0).sum() / count.sum()), low, high


def _times(n, samples, generator):
    """(samples, n): how often each of ``n`` is drawn when ``n`` are drawn with replacement."""
    drawn = torch.randint(n, (samples, n), generator=generator)
    return torch.zeros(samples, n, dtype=torch.float64).scatter_add_(1, drawn, torch.ones(samples, n).double())


def table(results, baseline=None):
    """The results as a Markdown table: mean over seeds [95 % interval], chance, and R@10 against ``baseline``."""
    columns = [(way, name) for way in ("t2v", "v2t") for name in ("R@1", "R@5", "R@10", "MdR")]
    head = ["model", *(f"{way} {name}" for way, name in columns), "s a run"]
    if baseline is not None:
        head.append(f"t2v R@10 against {baseline}")
    rows = []
    for label, result in results.items():
        summary = {way: result.summary(way) for way in ("t2v", "v2t")}
        cells = ["{:.1f} [{:.1f}, {:.1f}]".format(*summary[way][name]) for way, name in columns]
        rows.append([label, *cells, f"{result.seconds:.0f}"])
        if baseline is not None:
            same = label == baseline
            rows[-1].append("" if same else "{:+.1f} [{:+.1f}, {:+.1f}]".format(*difference(result, results[baseline])))
    first = next(iter(results.values()))
    per_clip = torch.bincount(first.truth)
    clips, texts = len(per_clip), len(first.truth)
    random = {"t2v": chance(clips), "v2t": chance(texts, per_clip[per_clip > 0])}
    rows.append(["chance", *(f"{random[way][name]:.1f}" for way, name in columns)] + [""] * (len(head) - 9))
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
