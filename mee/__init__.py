"""mee: Mixture-of-Embedding-Experts, to learn, run and trust. See README.md and the book in notebooks/."""

import importlib

__version__ = "0.1.0"

_HOME = {
    "MEE": "model",
    "ContextGating": "model",
    "GatedEmbeddingUnit": "model",
    "NetVLAD": "model",
    "VideoTextMEE": "model",
    "InfoNCELoss": "loss",
    "MaxMarginRankingLoss": "loss",
    "ranks": "metrics",
    "retrieval_metrics": "metrics",
    "Clips": "data",
    "ClipWriter": "data",
    "Words": "data",
    "evaluate": "train",
    "fit": "train",
    "load_model": "train",
}
__all__ = sorted(_HOME)


def __getattr__(name):
    # a name's module is imported when the name is first asked for: `import mee` itself costs nothing, and
    # `python -m mee.data` does not find itself imported already
    if name in _HOME:
        return getattr(importlib.import_module(f"mee.{_HOME[name]}"), name)
    raise AttributeError(f"module 'mee' has no attribute {name!r}")


def __dir__():
    return [*globals(), *__all__]
