"""Every choice that training leaves open, each default in one place: :class:`TrainConfig` and the paper's recipes.

The fields of :class:`TrainConfig` are the flags of ``mee train``: name, default and help text are read from here.
"""

from __future__ import annotations

from argparse import BooleanOptionalAction
from dataclasses import dataclass, field
from typing import Any

from mee.model import ModelConfig

LOSSES = ("max-margin", "info-nce")
SCORES = ("paper", "calibrated")


def _option(default: Any, help: str, **flag: Any) -> Any:
    """A field with its help text; ``flag`` holds what else argparse needs."""
    return field(default=default, metadata={"help": help, **flag})


def _image_rate(text: str) -> float | str:
    return text if text == "all" else float(text)


@dataclass(frozen=True)
class TrainConfig:
    """How to train; the defaults are the paper's for MSR-VTT (lesson 09)."""

    experts: tuple[str, ...] | None = _option(None, "use only these experts", nargs="+", metavar="NAME")
    epochs: int = _option(100, "passes over the training clips")
    batch_size: int = _option(64, "clips per batch, which are each other's negatives")
    lr: float = _option(4e-4, "learning rate of Adam")
    lr_decay: float = _option(0.95, "factor applied to the learning rate after each epoch")
    loss: str = _option("max-margin", "what training minimises", choices=LOSSES)
    margin: float = _option(0.2, "how far a wrong pair must stay below the right one (max-margin)")
    temperature: float = _option(0.05, "divides the scores (info-nce)")
    score: str = _option("paper", "what training ranks by; calibrated needs the loss info-nce", choices=SCORES)
    expert_loss: float = _option(0.0, "weight of a loss of each expert alone, among the clips that have it (paper: 0)")
    image_rate: float | str = _option(
        0.5, "images per clip, or 'all': each image once per epoch", type=_image_rate, metavar="RATE"
    )
    seed: int = _option(0, "seed of the weights, the order and the drawn captions")
    device: str | None = _option(None, "cpu, cuda, cuda:1 (default: a GPU if there is one)", type=str)
    stream: bool = _option(False, "leave the features in the file instead of moving them to the device")
    dim: int | None = _option(
        None, "embedding dimensions of each expert (default: those of its features)", type=int, metavar="DIM"
    )
    text_clusters: int = _option(ModelConfig.text_clusters, "NetVLAD centres for words")
    sequence_clusters: int = _option(16, "NetVLAD centres for each sequence expert")
    max_words: int = _option(ModelConfig.max_words, "longer captions are truncated")
    max_frames: int | None = _option(
        ModelConfig.max_frames, "longer sequences are truncated (default: never)", type=int, metavar="FRAMES"
    )
    gating: bool = _option(ModelConfig.gating, "context gating")
    learned_weights: bool = _option(ModelConfig.learned_weights, "mixture weights from the sentence, not uniform ones")
    amp: bool = _option(False, "embed in bfloat16: faster on processors and GPUs made for it")
    tf32: bool = _option(False, "a GPU's matrix products in TF32: faster, three digits")
    fast: bool | None = _option(
        None,
        "all data on the device, the step replayed as a CUDA graph (default: on a GPU)",
        action=BooleanOptionalAction,
    )

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}; got {self.loss!r}")
        if self.score not in SCORES:
            raise ValueError(f"score must be one of {', '.join(SCORES)}; got {self.score!r}")
        if self.fast and self.stream:
            raise ValueError("fast keeps all features on the device, stream leaves them in the file: choose one")
        if self.score == "calibrated" and self.loss != "info-nce":  # a margin is never wide enough: the spread grows
            raise ValueError("training by the calibrated score needs loss info-nce; any model can be calibrated later")


#: The paper's settings, as its code's two command lines give them.
RECIPES: dict[str, dict[str, Any]] = {
    "msrvtt": {
        "epochs": 100,
        "batch_size": 64,
        "lr": 4e-4,
        "lr_decay": 0.95,
        "margin": 0.2,
        "image_rate": 0.5,
        "text_clusters": 32,
        "sequence_clusters": 16,
        "max_words": 30,
        "max_frames": 30,
    },
    "lsmdc": {
        "epochs": 50,
        "batch_size": 512,
        "lr": 1e-4,
        "lr_decay": 0.95,
        "margin": 0.2,
        "image_rate": "all",  # this half of the original had no sampler: every image once per epoch
        "text_clusters": 32,
        "sequence_clusters": 16,
        "max_words": 30,
        "max_frames": None,
    },
}
