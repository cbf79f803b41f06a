"""Several models, several seeds, one table: the runner behind every comparison in the book (lessons 05, 06, 07, 12).

A variant is a dict of arguments for :func:`mee.train.fit_clips`; what is not named keeps its default. All variants see
the same seeds and the same queries, so that differences are paired.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mee.data import Clips
from mee.evaluate import compute_ranks
from mee.metrics import NAMES, Summary, chance, cluster_bootstrap, interval, summarise
from mee.train import fit_clips


@dataclass
class Result:
    """Ranks of one variant: ``t2v`` (seeds, texts), ``v2t`` (seeds, clips), the clip of each text, seconds per run."""

    t2v: Tensor
    v2t: Tensor
    positive_clip: Tensor
    seconds: float

    @classmethod
    def of_runs(cls, runs: Iterable[tuple[Tensor, Tensor, Tensor]], seconds: float = 0.0) -> Result:
        """From what :func:`mee.evaluate.compute_ranks` gives for each seed, on the same clips."""
        t2v, v2t, positive_clip = zip(*runs, strict=True)
        return cls(torch.stack(t2v), torch.stack(v2t), positive_clip[0], seconds)

    def summary(self, direction: str, bootstrap: int = 1000) -> Summary:
        """Name -> (mean over seeds, low, high): the interval is that of the mean, over the choice of clips."""
        ranks, groups = getattr(self, direction), self.groups(direction)
        rows = [summarise(row, bootstrap=0) for row in ranks]
        # all seeds' ranks of a clip stay together: the interval is about other clips, the spread about other seeds
        pooled = summarise(ranks.reshape(-1), groups.repeat(len(ranks)), bootstrap)
        return {name: (sum(row[name][0] for row in rows) / len(rows), *pooled[name][1:]) for name in NAMES}

    def spread(self, direction: str) -> dict[str, float]:
        """Name -> standard deviation over seeds."""
        rows = [summarise(row, bootstrap=0) for row in getattr(self, direction)]
        return {name: float(torch.tensor([row[name][0] for row in rows]).std()) for name in NAMES}

    def groups(self, direction: str) -> Tensor:
        """(queries,): the clip of each query; a clip's captions succeed and fail together."""
        return self.positive_clip if direction == "t2v" else torch.arange(self.v2t.shape[1])


def compare(
    clips: Clips,
    variants: Mapping[str, Any],
    seeds: Sequence[int] = (0, 1, 2),
    split: Any = "test",
    progress: bool = True,
    **common: Any,
) -> dict[str, Result]:
    """Train each variant with each seed and rank ``split`` (a name, or clip numbers): name -> :class:`Result`.

    Parameters
    ----------
    clips
        For the variants that bring no ``clips`` of their own.
    variants
        Name -> dict of arguments of ``fit_clips``, or a function of the seed that returns one; with ``clips`` the
        variant is trained and tested on these instead.
    progress
        Print a line per run.
    common
        Arguments of ``fit_clips`` for all variants.
    """
    results = {}
    for name, variant in variants.items():
        runs, began = [], time.perf_counter()
        for seed in seeds:
            options = {**common, **(variant(seed) if callable(variant) else variant)}
            own = options.pop("clips", clips)
            run = fit_clips(own, seed=seed, progress=False, **options)
            runs.append(compute_ranks(run.model, own, own.clips_in(split) if isinstance(split, str) else split))
            if progress:
                value = summarise(runs[-1][0], bootstrap=0)["R@10"][0]
                print(f"{name}, seed {seed}: t2v R@10 {value:.1f} (epoch {run.best} of {len(run.history)})", flush=True)
        results[name] = Result.of_runs(runs, (time.perf_counter() - began) / len(seeds))
    return results


def difference(
    a: Result,
    b: Result,
    direction: str = "t2v",
    k: int = 10,
    bootstrap: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """How much better ``a`` is than ``b`` in R@k, in points: (mean, low, high), seeds and clips both resampled.

    Both sides have the same seeds and queries; the captions of a clip are drawn together.

    ``level`` is the interval's. For m comparisons, a level of 1 - 0.05 / m each (with a larger ``bootstrap``, because
    few resamples lie that far out) makes it improbable that any interval misses its true value (lesson 12).
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be a share between 0 and 1; got {level}")
    hits = [(getattr(result, direction) <= k).double() for result in (a, b)]
    clip, index, count = torch.unique(a.groups(direction), return_inverse=True, return_counts=True)
    # (seeds, clips): sums over a clip's captions, so that a resample is two small products
    delta = torch.zeros(len(hits[0]), len(clip), dtype=torch.float64).index_add_(1, index, hits[0] - hits[1])
    (seeds,) = cluster_bootstrap(torch.arange(len(delta)), bootstrap, seed, step=bootstrap)
    (clips,) = cluster_bootstrap(torch.arange(len(clip)), bootstrap, seed + 1, step=bootstrap)
    low, high = interval(100 * ((seeds @ delta / len(delta)) * clips).sum(1) / (clips @ count.double()), level)
    return 100 * float(delta.mean(0).sum() / count.sum()), float(low), float(high)


def table(results: Mapping[str, Result], baseline: str | None = None) -> str:
    """The results in Markdown: mean over seeds [95 % interval], chance, and ``R@10`` against ``baseline``."""
    columns = [(direction, name) for direction in ("t2v", "v2t") for name in ("R@1", "R@5", "R@10", "MdR")]
    head = ["model", *(f"{direction} {name}" for direction, name in columns), "s per run"]
    if baseline is not None:
        head.append(f"t2v R@10 against {baseline}")
    lines = [head, ["---"] * len(head)]
    for label, result in results.items():
        summary = {direction: result.summary(direction) for direction in ("t2v", "v2t")}
        cells = ["{:.1f} [{:.1f}, {:.1f}]".format(*summary[direction][name]) for direction, name in columns]
        lines.append([label, *cells, f"{result.seconds:.0f}"])
        if baseline is not None:
            better = "{:+.1f} [{:+.1f}, {:+.1f}]".format(*difference(result, results[baseline]))
            lines[-1].append("" if label == baseline else better)
    first = next(iter(results.values()))
    per_clip = torch.bincount(first.positive_clip)
    random = {"t2v": chance(len(per_clip)), "v2t": chance(len(first.positive_clip), per_clip[per_clip > 0])}
    lines.append(["chance", *(f"{random[way][name]:.1f}" for way, name in columns)] + [""] * (len(head) - 9))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
