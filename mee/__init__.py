"""mee: Mixture-of-Embedding-Experts, to learn, run and trust. See README.md and the book in notebooks/."""

import importlib

__version__ = "0.1.0"

_HOME = {
    "config": ["TrainConfig"],
    "data": ["Clips", "Words"],
    "loss": ["InfoNCELoss", "MaxMarginRankingLoss"],
    "metrics": ["ranks", "retrieval_metrics"],
    "model": ["MEE", "ContextGating", "GatedEmbeddingUnit", "ModelConfig", "NetVLAD", "TextEmbedding"]
    + ["VideoEmbedding", "VideoTextMEE"],
    "search": ["ClipIndex"],
    "storage": ["Checkpoint", "ClipWriter", "load_model", "read_clips", "save_model"],
    "train": ["fit", "fit_clips"],
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}
__all__ = sorted(_MODULE)


def __getattr__(name: str) -> object:
    # a name's module is imported when the name is first used, so `import mee` itself costs nothing
    if name in _MODULE:
        return getattr(importlib.import_module(f"mee.{_MODULE[name]}"), name)
    raise AttributeError(f"module 'mee' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
