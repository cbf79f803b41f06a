"""How well a model still finds clips as experts go missing: its curve over the share of deleted experts (lesson 05).

From the shell::

    mee evaluate MODEL CLIPS --delete 0 .1 .3 .5 .7 .9
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mee.calibration import Calibration
from mee.data import Clips
from mee.evaluate import chance_of, embed, rank_embeddings
from mee.metrics import summarise
from mee.model import VideoTextMEE

SHARES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)


def keep_some(mask: Tensor, share: float, seed: int = 0) -> Tensor:
    """Which of the experts in ``mask`` (clips, experts) bool are kept when ``share`` of them is deleted at random.

    Each is deleted with probability ``share``; a clip that would lose its last one keeps one of its own, at random. One
    seed gives nested deletions: what a smaller share deletes, a larger one deletes too.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"the share of deleted experts must lie between 0 and 1; got {share}")
    draw = torch.rand(mask.shape, generator=torch.Generator().manual_seed(seed)).masked_fill(~mask.cpu(), -1)
    last = torch.zeros_like(draw, dtype=torch.bool).scatter_(1, draw.argmax(1, keepdim=True), True)
    return mask & ((draw >= share) | last).to(mask.device)


def robustness(
    model: VideoTextMEE,
    clips: Clips,
    clip_ids: Any = "test",
    shares: Sequence[float] = SHARES,
    calibrations: Mapping[str, Calibration | None] | None = None,
    draws: int = 5,
    bootstrap: int = 1000,
    chunk: int = 512,
) -> dict[str, Any]:
    """Retrieval among ``clip_ids`` while shares of their (clip, expert) pairs are deleted at random.

    It is embeddings that are deleted, which is right for MEE, because it embeds each expert separately. A network whose
    experts look at each other would already have seen what is deleted here: delete its features instead (lesson 17).

    Parameters
    ----------
    clip_ids
        A split's name, or clip numbers.
    calibrations
        Label -> what to score by, None being the paper's score. Default: the paper's, and the model's calibration.
    draws
        Random deletions per share; the same for all labels. Ranks of all draws count, and an interval draws clips with
        all their ranks.

    Returns
    -------
    dict
        "shares", "draws", "chance", and "curves": label -> direction -> metric -> a (value, low, high) per share.
    """
    clip_ids = clips.clips_in(clip_ids) if isinstance(clip_ids, str) else torch.as_tensor(clip_ids)
    captions, positive_clip = clips.captions_of(clip_ids)
    if not len(captions):
        raise ValueError(f"{clips.name}: {len(clip_ids)} clips to evaluate on, none with a caption")
    if calibrations is None:
        calibrations = {"paper": None, "calibrated": model.calibration}
        calibrations = {label: x for label, x in calibrations.items() if label == "paper" or x is not None}
    text, video = embed(model, clips, captions, clip_ids, chunk=chunk)
    curves: dict[str, Any] = {label: {"t2v": [], "v2t": []} for label in calibrations}
    for share in shares:
        kept = [video.keep(keep_some(video.mask, share, seed)) for seed in range(draws if share else 1)]
        for label, calibration in calibrations.items():
            found = [rank_embeddings(model, text, part, positive_clip, calibration, chunk) for part in kept]
            t2v, v2t = (torch.cat([ranks[i] for ranks in found]) for i in (0, 1))
            clip_of_rank = torch.arange(len(v2t) // len(found)).repeat(len(found))
            curves[label]["t2v"].append(summarise(t2v, positive_clip.repeat(len(found)), bootstrap))
            curves[label]["v2t"].append(summarise(v2t, clip_of_rank, bootstrap))
    by_metric = {
        label: {direction: {name: [row[name] for row in rows] for name in rows[0]} for direction, rows in ways.items()}
        for label, ways in curves.items()
    }
    chances = chance_of(len(clip_ids), positive_clip)
    return {"shares": list(shares), "draws": draws, "chance": chances, "curves": by_metric}


def robustness_table(
    result: Mapping[str, Any], metrics: Sequence[tuple[str, str]] = (("t2v", "R@10"), ("v2t", "R@1"))
) -> str:
    """The result of :func:`robustness` as Markdown: a line per label, a column per share, with 95 % intervals."""
    lines = []
    for direction, name in metrics:
        head = [f"{direction} {name}, deleted:", *(f"{100 * share:.0f} %" for share in result["shares"])]
        lines += [head, ["---"] * len(head)]
        for label, curve in result["curves"].items():
            lines.append([label, *("{:.1f} [{:.1f}, {:.1f}]".format(*value) for value in curve[direction][name])])
        lines.append(["chance", *[f"{result['chance'][direction][name]:.1f}"] * len(result["shares"]), ""])
        lines[-1].pop()
        lines.append([])
    return "\n".join("| " + " | ".join(line) + " |" if line else "" for line in lines[:-1])


def plot_robustness(
    result: Mapping[str, Any], metrics: Sequence[tuple[str, str]] = (("t2v", "R@10"), ("v2t", "R@1"))
) -> Any:
    """The result of :func:`robustness` as a Matplotlib figure: a panel per metric, a line per label, 95 % intervals."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(
        1, len(metrics), figsize=(4.5 * len(metrics), 3.6), squeeze=False, layout="constrained"
    )
    shares = [100 * share for share in result["shares"]]
    for axes, (direction, name) in zip(panels[0], metrics, strict=True):
        for i, (label, curve) in enumerate(result["curves"].items()):
            value, low, high = zip(*curve[direction][name], strict=True)
            (line,) = axes.plot(shares, value, marker="osD^v<>"[i % 7], markersize=4, label=label)
            axes.fill_between(shares, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
        axes.axhline(result["chance"][direction][name], color="0.5", linestyle=":", label="chance")
        axes.set(xlabel="experts deleted, %", ylabel=f"{direction} {name}, %", ylim=(0, None))
    panels[0][0].legend(frameon=False, fontsize="small")
    return figure
