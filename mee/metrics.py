"""How good is a ranking: R@K, median and mean rank, both directions, with intervals (lesson 08).

Score matrices have texts as rows and clips as columns. Ranks start at 1, small is good.
"""

import torch

TIES = ("mean", "best", "worst")


def ranks(scores, truth=None, ties="mean", chunk=1024):
    """The rank of the right item for each query: (queries,) float64, from 1.

    scores  (queries, items); or a function ``scores(queries)`` that gives the rows of the queries so numbered (int64
            tensor), so that the whole matrix never has to exist: only (chunk, items) at a time
    truth   (queries,) int: the right item of each query. Or (queries, k), padded with -1: several right items, of
            which the best counts, and the others do not stand in its way. None: item i for query i.
    ties    what a query gets whose right item shares its score with wrong ones: the ``"mean"`` of the ranks in
            question (default), the ``"best"``, or the ``"worst"``
    chunk   rows that are looked at together

    A NaN raises ValueError: it has no rank.

    >>> ranks(torch.tensor([[0.9, 0.1, 0.3], [0.5, 0.5, 0.2]]), [0, 1])
    tensor([1.0000, 1.5000], dtype=torch.float64)
    """
    if ties not in TIES:
        raise ValueError(f"ties is one of {', '.join(TIES)}; got {ties!r}")
    block = scores
    if not callable(scores):
        scores = torch.as_tensor(scores)
        if scores.ndim != 2:
            raise ValueError(f"scores is (queries, items); got {tuple(scores.shape)}")

        def block(queries):
            return scores[queries[0] : queries[-1] + 1]

        if truth is None and scores.shape[0] != scores.shape[1]:
            raise ValueError(f"{tuple(scores.shape)} scores are not square: give the right item of each query as truth")
        truth = torch.arange(len(scores)) if truth is None else torch.as_tensor(truth)
        if len(truth) != len(scores):
            raise ValueError(f"{len(truth)} right items for {len(scores)} queries")
    elif truth is None:
        raise ValueError("with a function for scores, give the right item of each query as truth")
    truth = torch.as_tensor(truth)
    truth = truth[:, None] if truth.ndim == 1 else truth
    out = torch.empty(len(truth), dtype=torch.float64)
    for start in range(0, len(truth), chunk):
        stop = min(start + chunk, len(truth))
        rows = block(torch.arange(start, stop))
        right = truth[start:stop].to(rows.device)
        if not ((right >= 0) & (right < rows.shape[1])).any(1).all() or (right >= rows.shape[1]).any():
            raise ValueError(f"truth points outside the {rows.shape[1]} items, or a query has no right item")
        bad = torch.isnan(rows.amax(1))  # the largest of some numbers and a NaN is NaN
        if bad.any():
            bad = int(bad.nonzero()[0]) + start
            raise ValueError(f"scores of query {bad} hold NaN, which has no rank; look for what made it")
        of_right = rows.gather(1, right.clamp(min=0)).masked_fill(right < 0, -torch.inf)
        best = of_right.max(1, keepdim=True).values
        # zeros and ones as float32 are summed seven times as fast as booleans, exactly up to 2**24 of them
        if start == 0:
            found = torch.empty_like(rows, dtype=torch.float32)
        above = torch.gt(rows, best, out=found[: len(rows)]).sum(1)
        tied = torch.eq(rows, best, out=found[: len(rows)]).sum(1) - ((of_right == best) & (right >= 0)).sum(1)
        extra = {"mean": tied / 2, "best": torch.zeros_like(tied), "worst": tied}[ties]
        out[start:stop] = 1 + above.double().cpu() + extra.double().cpu()
    return out


def summarise(ranks, groups=None, bootstrap=1000, seed=0):
    """R@1, R@5, R@10 (percent), MdR, MnR of ``ranks`` (queries,) with 95 % intervals: name -> (value, low, high).

    groups     (queries,) int: queries of one group (the captions of one clip) succeed and fail together, so the
               bootstrap draws groups, not queries. None: every query by itself.
    bootstrap  how many resamples; 0 leaves the intervals out (low and high are NaN)
    seed       of the resampling
    """
    ranks = torch.as_tensor(ranks, dtype=torch.float64).cpu()
    if not len(ranks):
        raise ValueError("no queries to summarise")
    if torch.isnan(ranks).any():
        raise ValueError("ranks hold NaN")
    ranks, order = ranks.sort()
    value = _statistics(ranks, torch.ones(1, len(ranks), dtype=torch.float64))[0]
    if not bootstrap:
        low = high = torch.full_like(value, torch.nan)
    else:
        generator = torch.Generator().manual_seed(seed)
        groups = torch.arange(len(ranks)) if groups is None else torch.as_tensor(groups).cpu()
        group, of_query = torch.unique(groups, return_inverse=True)
        resampled = []
        step = max(1, 2**22 // len(ranks))  # resamples at a time: bounded memory
        for start in range(0, bootstrap, step):
            drawn = torch.randint(len(group), (min(step, bootstrap - start), len(group)), generator=generator)
            times = torch.zeros(drawn.shape, dtype=torch.float64)
            times.scatter_add_(1, drawn, torch.ones_like(times))  # how often each group was drawn
            resampled.append(_statistics(ranks, times[:, of_query[order]]))
        low, high = torch.cat(resampled).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64), dim=0)
    return {name: (float(value[i]), float(low[i]), float(high[i])) for i, name in enumerate(NAMES)}


NAMES = ("R@1", "R@5", "R@10", "MdR", "MnR")


def _statistics(ranks, times):
    """(samples, 5), in the order of NAMES, of sorted ``ranks`` (queries,) that count ``times`` (samples, queries)."""
    total = times.sum(1, keepdim=True)
    columns = [100 * times[:, ranks <= k].sum(1, keepdim=True) / total for k in (1, 5, 10)]
    reached = times.cumsum(1)  # the median is where half of all is reached, or the mean of the two around it
    at = torch.cat([(reached < total / 2).sum(1, keepdim=True), (reached <= total / 2).sum(1, keepdim=True)], 1)
    columns += [ranks[at].mean(1, keepdim=True), (times @ ranks)[:, None] / total]
    return torch.cat(columns, 1)


def chance(items, right=1):
    """The metrics of a random order, exactly: name -> value.

    items  how many there are to rank
    right  how many of them are right, for each query (queries,) or for all (int); the best of them counts
    """
    right, count = torch.unique(torch.as_tensor(right, dtype=torch.float64).reshape(-1), return_counts=True)
    share = count.double() / count.sum()
    # P(best rank > r) with k right among n is C(n - r, k) / C(n, k) = prod_{i<r} (n - k - i) / (n - i)
    i = torch.arange(items, dtype=torch.float64)
    beyond = ((items - right[:, None] - i).clamp(min=0) / (items - i)).cumprod(1)  # column r - 1
    within = 1 - share @ beyond
    recalls = [100 * float(within[min(k, items) - 1]) for k in (1, 5, 10)]
    median = 1 + int((within < 0.5 - 1e-12).sum())
    if median < items and abs(float(within[median - 1]) - 0.5) < 1e-12:
        median += 0.5
    mean = float(share @ ((items + 1) / (right + 1)))
    return dict(zip(NAMES, (*recalls, float(median), mean), strict=True))


def several(clip_of_text, clips):
    """The texts of each clip, (clips, most), padded with -1: the ``truth`` of video-to-text where captions are several.

    >>> several([0, 0, 1, 0], 2)
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


def ranks_both_ways(scores, truth=None, ties="mean", chunk=1024):
    """(t2v (texts,), v2t (clips that have a text,), truth (texts,)): arguments as in :func:`retrieval_metrics`."""
    if isinstance(scores, tuple):
        by_text, by_clip = scores
    else:
        by_text = torch.as_tensor(scores)

        def by_clip(clips):
            return by_text.T[clips.to(by_text.device)]

    t2v = ranks(by_text, truth, ties, chunk)
    truth = torch.arange(len(t2v)) if truth is None else torch.as_tensor(truth).cpu()
    asking = torch.unique(truth)
    texts = several(truth, int(truth.max()) + 1)[asking]
    return t2v, ranks(lambda rows: by_clip(asking[rows]), texts, ties, chunk), truth


def retrieval_metrics(scores, truth=None, ties="mean", bootstrap=1000, seed=0, chunk=1024):
    """Both directions of a (texts, clips) matrix: {"t2v": ..., "v2t": ...}, each as :func:`summarise` gives it.

    scores  (texts, clips), or a pair of functions: the first gives the rows (n, clips) of the texts so numbered, the
            second the rows (n, texts) of the clips so numbered; then ``truth`` is needed
    truth   (texts,) int: the clip of each text; a clip may have several texts, or none (it still stands in the way of
            others). None: square, text i belongs to clip i.
    chunk   rows that are looked at together

    In v2t the best of a clip's texts counts; clips without a text ask nothing. Intervals resample clips, with all
    their texts.

    >>> metrics = retrieval_metrics(torch.eye(20))
    >>> metrics["t2v"]["R@1"]
    (100.0, 100.0, 100.0)
    """
    t2v, v2t, truth = ranks_both_ways(scores, truth, ties, chunk)
    return {"t2v": summarise(t2v, truth, bootstrap, seed), "v2t": summarise(v2t, None, bootstrap, seed)}
