"""Evaluation: a model's embeddings of a set of clips, ranks among them, and the metrics of both (lesson 08)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mee.data import Clips
from mee.metrics import chance, ranks, ranks_both_ways, summarise
from mee.model import TextEmbedding, VideoEmbedding, VideoTextMEE


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode and without gradients while the block lasts, and then as it was."""
    training = model.training
    if training:  # a model that serves already is not touched: other threads may be using it
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
    captions, clip_ids
        Numbers of captions and of clips, int64.
    experts
        Use these experts of the clips only (default: all of the model's); the others are as if absent.
    chunk
        How many are embedded together; beyond rounding, no result depends on it.
    """
    captions, clip_ids = torch.as_tensor(captions), torch.as_tensor(clip_ids)
    experts = list(model.experts if experts is None else experts)
    max_words, max_frames = model.config.max_words, model.config.max_frames
    with eval_mode(model):
        text = [model.embed_text(*clips.text(part, max_words)) for part in captions.split(chunk)]
        video = [model.embed_video(*clips.video(part, experts, max_frames)) for part in clip_ids.split(chunk)]
        return TextEmbedding.concat(text), VideoEmbedding.concat(video)


def score_in_chunks(
    model: VideoTextMEE,
    text: TextEmbedding,
    video: VideoEmbedding,
    texts: Tensor | None = None,
    videos: Tensor | None = None,
    chunk: int = 512,
) -> Tensor:
    """``model.score`` of texts with clips (texts, clips), block by block: beside it only (chunk, chunk) arises.

    Parameters
    ----------
    text, video
        As :func:`embed` gives them.
    texts, videos
        Row numbers of those to score (default: all).
    """
    texts_of, n = _parts(texts, len(text.weights), chunk)
    videos_of, m = _parts(videos, len(video.mask), chunk)
    out = torch.empty(n, m, dtype=torch.promote_types(text.weights.dtype, torch.float32), device=text.weights.device)
    with torch.no_grad():
        for i, a in enumerate(texts_of):
            block = text.rows(a)
            for j, b in enumerate(videos_of):
                out[i * chunk : (i + 1) * chunk, j * chunk : (j + 1) * chunk] = model.score(block, video.rows(b))
    return out


def _parts(rows: Tensor | None, n: int, chunk: int) -> tuple[Sequence[Any], int]:
    """``rows`` (None: all ``n``) in parts of ``chunk``, as slices where they can be, and how many they are."""
    if rows is None:
        return [slice(i, min(i + chunk, n)) for i in range(0, n, chunk)], n
    return rows.split(chunk), len(rows)


def compute_ranks(
    model: VideoTextMEE, clips: Clips, clip_ids: Any, experts: Sequence[str] | None = None, chunk: int = 512
) -> tuple[Tensor, Tensor, Tensor]:
    """The ranks behind :func:`evaluate`: t2v (captions,), v2t (captioned clips,), positive_clip (captions,).

    ``positive_clip`` holds rows of ``clip_ids``.
    """
    clip_ids = torch.as_tensor(clip_ids)
    captions, positive_clip = clips.captions_of(clip_ids)
    if not len(captions):
        raise ValueError(f"{clips.name}: {len(clip_ids)} clips to evaluate on, none with a caption")
    text, video = embed(model, clips, captions, clip_ids, experts, chunk)
    return ranks_both_ways(
        (
            lambda texts: score_in_chunks(model, text, video, texts, None, chunk),
            lambda videos: score_in_chunks(model, text, video, None, videos, chunk).T,
        ),
        positive_clip,
        chunk=chunk,
    )


def evaluate(
    model: VideoTextMEE,
    clips: Clips,
    clip_ids: Any,
    experts: Sequence[str] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    chunk: int = 512,
) -> dict[str, Any]:
    """Retrieval both ways among some clips, as :func:`mee.metrics.retrieval_metrics`; each caption is a query.

    Beside "t2v" and "v2t" the result has "chance": the same metrics for a random order.

    Parameters
    ----------
    clip_ids
        A split's name, or clip numbers.
    experts, chunk
        As for :func:`embed`.
    bootstrap, seed
        As for :func:`mee.metrics.summarise`.
    """
    clip_ids = clips.clips_in(clip_ids) if isinstance(clip_ids, str) else torch.as_tensor(clip_ids)
    t2v, v2t, positive_clip = compute_ranks(model, clips, clip_ids, experts, chunk)
    count = torch.bincount(positive_clip)
    return {
        "t2v": summarise(t2v, positive_clip, bootstrap, seed),
        "v2t": summarise(v2t, None, bootstrap, seed),
        "chance": {"t2v": chance(len(clip_ids), 1), "v2t": chance(len(positive_clip), count[count > 0])},
    }


def evaluate_choices(
    model: VideoTextMEE,
    clips: Clips,
    experts: Sequence[str] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    chunk: int = 256,
) -> dict[str, Any]:
    """Multiple choice: how often the right sentence scores highest among those of its question (lesson 13).

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
