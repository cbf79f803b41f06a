"""How good a ranking is: R@K, median and mean rank, in both directions, with intervals (lesson 07).

Score matrices have texts as rows and clips as columns. Ranks start at 1; small is good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

TIES = ("mean", "best", "worst")
NAMES = ("R@1", "R@5", "R@10", "MdR", "MnR")

#: name -> (value, low, high)
Summary = dict[str, tuple[float, float, float]]
#: gives the rows of scores of the queries with these numbers (int64 tensor)
Rows = Callable[[Tensor], Tensor]


def ranks(scores: Any, positives: Any = None, ties: str = "mean", chunk: int = 1024) -> Tensor:
    """The rank of the right item for each query: (queries,) float64, from 1.

    Parameters
    ----------
    scores
        (queries, items); or a function that returns the rows of the queries with given numbers (int64 tensor), so that
        the whole matrix never has to exist: only (chunk, items) at a time.
    positives
        (queries,) int: the right item of each query. Or (queries, k), padded with -1: several right items, of which the
        best counts; the others do not push it down. None: item i for query i.
    ties
        What a query gets when its right item shares its score with wrong ones: the ``"mean"`` of the ranks in question,
        the ``"best"``, or the ``"worst"``.
    chunk
        Queries that are ranked together.

    Raises
    ------
    ValueError
        For a NaN, which has no rank, and for right items that do not fit the scores.

    Examples
    --------
    >>> ranks(torch.tensor([[0.9, 0.1, 0.3], [0.5, 0.5, 0.2]]), [0, 1])
    tensor([1.0000, 1.5000], dtype=torch.float64)
    """
    if ties not in TIES:
        raise ValueError(f"ties must be one of {', '.join(TIES)}; got {ties!r}")
    rows_of, positives = _rows_and_positives(scores, positives)
    out = torch.empty(len(positives), dtype=torch.float64)
    for start in range(0, len(positives), chunk):
        queries = torch.arange(start, min(start + chunk, len(positives)))
        rows = rows_of(queries)
        right = positives[queries].to(rows.device)
        if not ((right >= 0) & (right < rows.shape[1])).any(1).all() or (right >= rows.shape[1]).any():
            raise ValueError(f"positives point outside the {rows.shape[1]} items, or a query has no right item")
        bad = torch.isnan(rows.amax(1))  # the largest of some numbers and a NaN is NaN
        if bad.any():
            query = start + int(bad.nonzero()[0])
            raise ValueError(f"scores of query {query} hold NaN, which has no rank; look for what made it")
        of_right = rows.gather(1, right.clamp(min=0)).masked_fill(right < 0, -torch.inf)
        best = of_right.max(1, keepdim=True).values
        # zeros and ones as float32 are summed seven times as fast as booleans, exactly up to 2**24 of them
        if start == 0:
            buffer = torch.empty_like(rows, dtype=torch.float32)
        above = torch.gt(rows, best, out=buffer[: len(rows)]).sum(1)
        tied = torch.eq(rows, best, out=buffer[: len(rows)]).sum(1) - ((of_right == best) & (right >= 0)).sum(1)
        extra = {"mean": tied / 2, "best": torch.zeros_like(tied), "worst": tied}[ties]
        out[queries] = 1 + above.double().cpu() + extra.double().cpu()
    return out


def _rows_and_positives(scores: Any, positives: Any) -> tuple[Rows, Tensor]:
    """Scores as a function of query numbers, and the right items as (queries, k)."""
    if callable(scores):
        if positives is None:
            raise ValueError("with a function for scores, give the right item of each query as positives")
        rows_of = scores
    else:
        matrix = torch.as_tensor(scores)
        if matrix.ndim != 2:
            raise ValueError(f"scores must be (queries, items); got {tuple(matrix.shape)}")
        if positives is None:
            if matrix.shape[0] != matrix.shape[1]:
                raise ValueError(
                    f"{tuple(matrix.shape)} scores are not square: give the right item of each query as positives"
                )
            positives = torch.arange(len(matrix))
        if len(positives) != len(matrix):
            raise ValueError(f"{len(positives)} right items for {len(matrix)} queries")

        def rows_of(queries: Tensor) -> Tensor:
            return matrix[queries[0] : queries[-1] + 1]

    positives = torch.as_tensor(positives)
    return rows_of, positives[:, None] if positives.ndim == 1 else positives


def cluster_bootstrap(groups: Tensor, samples: int, seed: int = 0, step: int | None = None) -> Iterator[Tensor]:
    """How often each query counts when whole groups are drawn with replacement: (samples, queries) float64, in parts.

    Queries of one group (the captions of one clip) succeed and fail together, so they are drawn together.

    Parameters
    ----------
    groups
        (queries,) int: which queries belong together.
    samples
        How many resamples.
    seed
        Of the resampling.
    step
        Resamples in one part; by default, so many that memory stays bounded.
    """
    generator = torch.Generator().manual_seed(seed)
    group, of_query = torch.unique(groups, return_inverse=True)
    step = step or max(1, 2**22 // len(groups))
    for start in range(0, samples, step):
        drawn = torch.randint(len(group), (min(step, samples - start), len(group)), generator=generator)
        times = torch.zeros(drawn.shape, dtype=torch.float64)
        yield times.scatter_add_(1, drawn, torch.ones_like(times))[:, of_query]


def interval(values: Tensor, level: float = 0.95) -> tuple[Tensor, Tensor]:
    """The bounds between which the share ``level`` of ``values`` (samples, ...) lies."""
    bounds = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = values.quantile(bounds, dim=0)
    return low, high


def summarise(ranks: Any, groups: Any = None, bootstrap: int = 1000, seed: int = 0) -> Summary:
    """``R@1``, ``R@5``, ``R@10`` (percent), MdR, MnR of ``ranks`` with 95 % intervals: name -> (value, low, high).

    Parameters
    ----------
    ranks
        (queries,).
    groups
        (queries,) int: queries of one group (the captions of one clip) succeed and fail together, so the bootstrap
        draws groups, not queries. None: every query by itself.
    bootstrap
        How many resamples; 0 leaves the intervals out (low and high are NaN).
    seed
        Of the resampling.
    """
    ranks = torch.as_tensor(ranks, dtype=torch.float64).cpu()
    if not len(ranks):
        raise ValueError("no queries to summarise")
    if torch.isnan(ranks).any():
        raise ValueError("ranks hold NaN")
    ranks, order = ranks.sort()
    value = _statistics(ranks, torch.ones(1, len(ranks), dtype=torch.float64))[0]
    low = high = torch.full_like(value, torch.nan)
    if bootstrap:
        groups = torch.arange(len(ranks)) if groups is None else torch.as_tensor(groups).cpu()
        parts = [_statistics(ranks, times) for times in cluster_bootstrap(groups[order], bootstrap, seed)]
        low, high = interval(torch.cat(parts))
    return {name: (float(value[i]), float(low[i]), float(high[i])) for i, name in enumerate(NAMES)}


def _statistics(ranks: Tensor, times: Tensor) -> Tensor:
    """(samples, 5), in the order of NAMES, of sorted ``ranks`` (queries,) that count ``times`` (samples, queries)."""
    total = times.sum(1, keepdim=True)
    columns = [100 * times[:, ranks <= k].sum(1, keepdim=True) / total for k in (1, 5, 10)]
    reached = times.cumsum(1)  # the median is where half of all is reached, or the mean of the two around it
    at = torch.cat([(reached < total / 2).sum(1, keepdim=True), (reached <= total / 2).sum(1, keepdim=True)], 1)
    columns += [ranks[at].mean(1, keepdim=True), (times @ ranks)[:, None] / total]
    return torch.cat(columns, 1)


def chance(items: int, right: Any = 1) -> dict[str, float]:
    """The metrics of a random order, exactly: name -> value.

    Parameters
    ----------
    items
        How many there are to rank.
    right
        How many of them are right, for each query (queries,) or for all (int); the best of them counts.
    """
    right, count = torch.unique(torch.as_tensor(right, dtype=torch.float64).reshape(-1), return_counts=True)
    share = count.double() / count.sum()
    # P(best rank > r) with k right among n is C(n - r, k) / C(n, k) = prod_{i<r} (n - k - i) / (n - i)
    i = torch.arange(items, dtype=torch.float64)
    beyond = ((items - right[:, None] - i).clamp(min=0) / (items - i)).cumprod(1)  # column r - 1
    within = 1 - share @ beyond
    recalls = [100 * float(within[min(k, items) - 1]) for k in (1, 5, 10)]
    median = 1.0 + int((within < 0.5 - 1e-12).sum())
    if median < items and abs(float(within[int(median) - 1]) - 0.5) < 1e-12:
        median += 0.5
    mean = float(share @ ((items + 1) / (right + 1)))
    return dict(zip(NAMES, (*recalls, median, mean), strict=True))


def pad_positives(clip_of_text: Any, clips: int) -> Tensor:
    """The texts of each clip, (clips, most), padded with -1: the positives of video-to-text.

    >>> pad_positives([0, 0, 1, 0], 2)
    tensor([[ 0,  1,  3],
            [ 2, -1, -1]])
    """
    clip_of_text = torch.as_tensor(clip_of_text)
    order = torch.argsort(clip_of_text, stable=True)
    count = torch.bincount(clip_of_text, minlength=clips)
    out = torch.full((clips, max(int(count.max()), 1)), -1)
    within = torch.arange(len(order)) - (count.cumsum(0) - count)[clip_of_text[order]]
    out[clip_of_text[order], within] = order
    return out


def ranks_both_ways(
    scores: Any, positive_clip: Any = None, ties: str = "mean", chunk: int = 1024
) -> tuple[Tensor, Tensor, Tensor]:
    """Ranks t2v (texts,) and v2t (clips that have a text,), and the clip of each text (texts,).

    Arguments are those of :func:`retrieval_metrics`.
    """
    if isinstance(scores, tuple):
        by_text, by_clip = scores
    else:
        by_text = matrix = torch.as_tensor(scores)

        def by_clip(clips: Tensor) -> Tensor:
            return matrix.T[clips.to(matrix.device)]

    t2v = ranks(by_text, positive_clip, ties, chunk)
    positive_clip = torch.arange(len(t2v)) if positive_clip is None else torch.as_tensor(positive_clip).cpu()
    queries = torch.unique(positive_clip)  # a clip without a text is no query
    texts = pad_positives(positive_clip, int(positive_clip.max()) + 1)[queries]
    return t2v, ranks(lambda numbers: by_clip(queries[numbers]), texts, ties, chunk), positive_clip


def retrieval_metrics(
    scores: Any,
    positive_clip: Any = None,
    ties: str = "mean",
    bootstrap: int = 1000,
    seed: int = 0,
    chunk: int = 1024,
) -> dict[str, Summary]:
    """Both directions of a (texts, clips) matrix: {"t2v": ..., "v2t": ...}, each as :func:`summarise` gives it.

    In v2t the best of a clip's texts counts; a clip without a text is no query. Intervals resample clips, with all
    their texts.

    Parameters
    ----------
    scores
        (texts, clips), or a pair of functions: the first returns the rows (n, clips) of the texts with given numbers,
        the second the rows (n, texts) of the clips with given numbers; ``positive_clip`` is then needed.
    positive_clip
        (texts,) int: the clip of each text; a clip may have several texts, or none (it still competes with the others).
        None: square, text i belongs to clip i.
    ties, chunk
        As in :func:`ranks`.
    bootstrap, seed
        As in :func:`summarise`.

    Examples
    --------
    >>> metrics = retrieval_metrics(torch.eye(20))
    >>> metrics["t2v"]["R@1"]
    (100.0, 100.0, 100.0)
    """
    t2v, v2t, positive_clip = ranks_both_ways(scores, positive_clip, ties, chunk)
    return {
        "t2v": summarise(t2v, positive_clip, bootstrap, seed),
        "v2t": summarise(v2t, None, bootstrap, seed),
    }
