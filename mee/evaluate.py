"""Evaluation: a model's embeddings of a set of clips, the ranks among them, and their metrics (lesson 07)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mee.calibration import Calibration
from mee.data import Clips
from mee.metrics import chance, ranks, ranks_both_ways, summarise
from mee.model import TextEmbedding, VideoEmbedding, VideoTextMEE

Score = Callable[[TextEmbedding, VideoEmbedding], Tensor]


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Put the model into evaluation mode, without gradients, for the length of the block; then restore its mode."""
    training = model.training
    if training:  # a model that is already serving is not touched: other threads may be using it
        model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        if training:
            model.train()


def embed(
    model: VideoTextMEE,
    clips: Clips,
    captions: Any,
    clip_ids: Any,
    experts: Sequence[str] | None = None,
    chunk: int = 512,
) -> tuple[TextEmbedding, VideoEmbedding]:
    """What ``model.embed_text`` gives for captions and ``model.embed_video`` for clips, embedded in chunks.

    Parameters
    ----------
    captions
        Numbers of captions, int64.
    clip_ids
        Numbers of clips, int64.
    experts
        Use these experts of the clips only (default: all of the model's); the others are as if absent.
    chunk
        How many are embedded together; no result depends on it, apart from rounding.
    """
    captions, clip_ids = torch.as_tensor(captions), torch.as_tensor(clip_ids)
    experts = list(model.experts if experts is None else experts)
    max_words, max_frames = model.config.max_words, model.config.max_frames
    with eval_mode(model):
        text = [model.embed_text(*clips.text(part, max_words)) for part in captions.split(chunk)]
        video = [model.embed_video(*clips.video(part, experts, max_frames)) for part in clip_ids.split(chunk)]
        return TextEmbedding.concat(text), VideoEmbedding.concat(video)


def calibrate(
    model: VideoTextMEE, clips: Clips, clip_ids: Any = "train", captions: int = 1000, seed: int = 0, chunk: int = 512
) -> Calibration:
    """The :class:`mee.calibration.Calibration` of a model, from training clips (a split's name, or clip numbers).

    >>> model.calibration = calibrate(model, clips)                             # doctest: +SKIP

    ``captions`` of these clips, drawn by ``seed``, are the sample behind h(v); 0: without that half.
    """
    clip_ids = clips.clips_in(clip_ids) if isinstance(clip_ids, str) else torch.as_tensor(clip_ids)
    if len(clip_ids) < 2:
        raise ValueError(f"{clips.name}: {len(clip_ids)} clips to calibrate by; mean and covariance need at least two")
    own, _ = clips.captions_of(clip_ids)
    drawn = own[torch.randperm(len(own), generator=torch.Generator().manual_seed(seed))[:captions]]
    text, video = embed(model, clips, drawn, clip_ids, chunk=chunk)
    return Calibration.estimate(video, text if len(drawn) else None)


def score_in_chunks(
    model: VideoTextMEE,
    text: TextEmbedding,
    video: VideoEmbedding,
    texts: Tensor | None = None,
    videos: Tensor | None = None,
    chunk: int = 512,
    score: Score | None = None,
) -> Tensor:
    """Scores of texts with clips (texts, clips), block by block: besides the result, only (chunk, chunk) is held.

    Parameters
    ----------
    text, video
        As :func:`embed` gives them.
    texts, videos
        Row numbers of those to score (default: all).
    score
        Scores a block (default: ``model.score``).
    """
    score = score or model.score
    texts_of, n = _parts(texts, len(text.weights), chunk)
    videos_of, m = _parts(videos, len(video.mask), chunk)
    out = torch.empty(n, m, dtype=torch.promote_types(text.weights.dtype, torch.float32), device=text.weights.device)
    with torch.no_grad():
        for i, a in enumerate(texts_of):
            block = text.rows(a)
            for j, b in enumerate(videos_of):
                out[i * chunk : (i + 1) * chunk, j * chunk : (j + 1) * chunk] = score(block, video.rows(b))
    return out


def _parts(rows: Tensor | None, n: int, chunk: int) -> tuple[Sequence[Any], int]:
    """``rows`` (None: all ``n``) in parts of ``chunk``, as slices where possible, and how many rows there are."""
    if rows is None:
        return [slice(i, min(i + chunk, n)) for i in range(0, n, chunk)], n
    return rows.split(chunk), len(rows)


def rank_embeddings(
    model: VideoTextMEE,
    text: TextEmbedding,
    video: VideoEmbedding,
    positive_clip: Tensor,
    calibration: Calibration | None = None,
    chunk: int = 512,
) -> tuple[Tensor, Tensor, Tensor]:
    """Ranks of what :func:`embed` gave: t2v (texts,), v2t (clips that have a text,), and ``positive_clip`` itself.

    ``positive_clip`` (texts,) holds rows of ``video``; ``calibration`` ranks by its score instead of the paper's.
    """
    score: Score = model.score
    hubness = torch.zeros(len(video.mask), device=video.mask.device)
    if calibration is not None:  # h, one number per clip, is computed once, not with every block of texts
        score = calibration.z
        with torch.no_grad():
            hubness = torch.cat(
                [calibration.hubness(video.rows(part)) for part in _parts(None, len(hubness), chunk)[0]]
            )
    return ranks_both_ways(
        (
            lambda texts: score_in_chunks(model, text, video, texts, None, chunk, score) - hubness,
            lambda videos: score_in_chunks(model, text, video, None, videos, chunk, score).T,
        ),
        positive_clip,
        chunk=chunk,
    )


def compute_ranks(
    model: VideoTextMEE,
    clips: Clips,
    clip_ids: Any,
    experts: Sequence[str] | None = None,
    chunk: int = 512,
    calibration: Calibration | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The ranks behind :func:`evaluate`: t2v (captions,), v2t (captioned clips,), positive_clip (captions,).

    ``positive_clip`` holds rows of ``clip_ids``.
    """
    clip_ids = torch.as_tensor(clip_ids)
    captions, positive_clip = clips.captions_of(clip_ids)
    if not len(captions):
        raise ValueError(f"{clips.name}: {len(clip_ids)} clips to evaluate on, none with a caption")
    text, video = embed(model, clips, captions, clip_ids, experts, chunk)
    return rank_embeddings(model, text, video, positive_clip, calibration, chunk)


def evaluate(
    model: VideoTextMEE,
    clips: Clips,
    clip_ids: Any,
    experts: Sequence[str] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    chunk: int = 512,
    calibration: Calibration | None = None,
) -> dict[str, Any]:
    """Retrieval both ways among some clips, as :func:`mee.metrics.retrieval_metrics`; each caption is a query.

    Besides "t2v" and "v2t", the result has "chance": the same metrics for a random order.

    Parameters
    ----------
    clip_ids
        A split's name, or clip numbers.
    experts, chunk
        As for :func:`embed`.
    bootstrap, seed
        As for :func:`mee.metrics.summarise`.
    calibration
        Rank by its score (``model.calibration``, if the model has one) instead of the paper's.
    """
    clip_ids = clips.clips_in(clip_ids) if isinstance(clip_ids, str) else torch.as_tensor(clip_ids)
    t2v, v2t, positive_clip = compute_ranks(model, clips, clip_ids, experts, chunk, calibration)
    return {
        "t2v": summarise(t2v, positive_clip, bootstrap, seed),
        "v2t": summarise(v2t, None, bootstrap, seed),
        "chance": chance_of(len(clip_ids), positive_clip),
    }


def chance_of(clips: int, positive_clip: Tensor) -> dict[str, dict[str, float]]:
    """The metrics of a random order both ways, among ``clips`` clips and texts that belong to ``positive_clip``."""
    count = torch.bincount(positive_clip)
    return {"t2v": chance(clips, 1), "v2t": chance(len(positive_clip), count[count > 0])}


def evaluate_choices(
    model: VideoTextMEE,
    clips: Clips,
    experts: Sequence[str] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    chunk: int = 256,
) -> dict[str, Any]:
    """Multiple choice: how often the right sentence scores highest among those of its question (lesson 14).

    Returns "accuracy" (%, low, high) with a 95 % interval over clips, "chance" (%), "questions" and "options". A right
    sentence that shares the highest score with another does not count as right.

    Parameters
    ----------
    clips
        A set with ``choices``.
    chunk
        Questions that are embedded and scored together.
    """
    if clips.choices is None or not len(clips.choices["clip"]):
        raise ValueError(f"{clips.name} has no multiple-choice questions")
    clip_ids, options, answer = (clips.choices[name] for name in ("clip", "captions", "answer"))
    scores = []
    for part in torch.arange(len(clip_ids)).split(chunk):
        text, video = embed(model, clips, options[part].flatten(), clip_ids[part], experts, chunk * options.shape[1])
        each = torch.arange(len(part), device=video.mask.device).repeat_interleave(options.shape[1])
        scores.append(model.score(text, video.rows(each), conf=False).view(len(part), -1))
    summary = summarise(ranks(torch.cat(scores), answer, ties="worst"), clip_ids, bootstrap, seed)
    return {
        "accuracy": summary["R@1"],
        "chance": 100 / options.shape[1],
        "questions": len(clip_ids),
        "options": options.shape[1],
    }


def results_table(metrics: dict[str, Any]) -> str:
    """:func:`evaluate`'s result as lines of text, each value with its 95 % interval and chance beside it."""
    lines = [f"{'':<8}" + "".join(f"{name:>24}" for name in metrics["t2v"])]
    for direction in ("t2v", "v2t"):
        cells = [f"{v:.1f} [{low:.1f}, {high:.1f}]" for v, low, high in metrics[direction].values()]
        lines.append(f"{direction:<8}" + "".join(f"{cell:>24}" for cell in cells))
        lines.append(f"{'chance':<8}" + "".join(f"{v:>24.1f}" for v in metrics["chance"][direction].values()))
    return "\n".join(lines)
