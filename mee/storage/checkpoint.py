"""Trained models and checkpoints: written whole or not at all, read by PyTorch's restricted unpickler (lesson 09).

The folder of a run holds ``model.pt`` (the best epoch so far, to use) and ``last.pt`` (everything, to resume from).
"""

from __future__ import annotations

import tempfile
import traceback
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mee.calibration import Calibration
from mee.config import TrainConfig
from mee.data import Words
from mee.model import ModelConfig, VideoTextMEE
from mee.storage.files import atomic
from mee.train import Run

MODEL, STATE = "model.pt", "last.pt"


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file, what is wrong, and the fix."""


class Checkpoint:
    """A callback of :func:`mee.train.fit` that writes ``last.pt`` each epoch, and ``model.pt`` when one is the best.

    Parameters
    ----------
    folder
        Where to write; it is created if it is missing.
    resume
        Continue from ``folder/last.pt``: on the same machine bit for bit as if training had never stopped.
    write
        False only resumes: for processes beside the one that writes.

    Raises
    ------
    CheckpointError
        In ``begin``, before anything is trained, if the folder cannot be written or the checkpoint does not fit.
    """

    def __init__(self, folder: str | Path, resume: bool = False, write: bool = True):
        self.folder, self.resume, self.write = Path(folder), resume, write

    def begin(self, run: Run) -> None:
        """Check that the folder can be written, and load the checkpoint if asked to."""
        if self.write:  # better now than after the first epoch
            with _writing(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=self.folder).close()
        if not self.resume:
            return
        path = self.folder / STATE
        state = _load(path, "state")
        choices, old = self._choices(run), asdict(TrainConfig()) | state.get("choices", {})
        changed = [name for name in choices if choices[name] != old.get(name)]
        if changed:
            raise CheckpointError(f"{path}: made with another {', '.join(changed)}; start afresh, or keep it")
        with _parts_must_fit(path):
            run.model.load_state_dict(state["model"])
            _load_optimizer(run.optimizer, state["optimizer"])
            run.scheduler.load_state_dict(state["scheduler"])
            run.batches.generator.set_state(state["generator"])
            for name in RESTORED:
                setattr(run, name, state[name])

    def epoch_end(self, run: Run) -> None:
        """Write both files."""
        if not self.write:
            return
        if run.best == len(run.history):
            save_model(self.folder / MODEL, run.model, run.words)
        state = {
            "model": run.model.state_dict(),
            "optimizer": _plain(run.optimizer.state_dict()),
            "scheduler": _plain(run.scheduler.state_dict()),
            "generator": run.batches.generator.get_state(),
            "choices": self._choices(run),
            **{name: getattr(run, name) for name in RESTORED},
        }
        _save(self.folder / STATE, "state", state)

    def _choices(self, run: Run) -> dict[str, Any]:
        """What must be the same again to resume: all but the number of epochs and where model and features lie."""
        free = ("epochs", "device", "stream", "fast")
        config = {name: x for name, x in asdict(run.config).items() if name not in free}
        return {**config, "data": run.batches.titles}


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """The state of an optimiser or a scheduler, its learning rates as numbers: on a GPU they are tensors."""

    def number(x: Any) -> Any:
        return float(x) if isinstance(x, Tensor) else x

    state = {key: [number(x) for x in value] if isinstance(value, list) else value for key, value in state.items()}
    if "param_groups" in state:
        state["param_groups"] = [{key: number(x) for key, x in group.items()} for group in state["param_groups"]]
    return state


def _load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load ``state``, whatever device it comes from: where the learning rate lies is the optimiser's own business."""
    own = [(group["lr"], group["capturable"]) for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, (lr, capturable) in zip(optimizer.param_groups, own, strict=True):
        if isinstance(lr, Tensor):
            group["lr"] = lr.fill_(float(group["lr"]))
        group["capturable"] = capturable


#: fields of a Run that a checkpoint holds as they are
RESTORED = ("history", "best", "best_score", "best_state")


def save_model(path: str | Path, model: VideoTextMEE, words: Words | None = None) -> None:
    """Write a model, the config that it carries, and its vocabulary."""
    vocabulary = {"words": words and words.words, "vectors": words and words.vectors.cpu()}
    _save(path, "model", {"model": model.state_dict(), "config": asdict(model.config), **vocabulary})


def load_model(path: str | Path, device: torch.device | str = "cpu") -> tuple[VideoTextMEE, Words | None]:
    """The network and its vocabulary from a ``model.pt``.

    >>> model, words = load_model("run/model.pt")                               # doctest: +SKIP
    >>> model.embed_text(*words.batch(["a dog barks at the sea"]))              # doctest: +SKIP
    """
    content = _load(path, "model")
    with _parts_must_fit(path):
        model = rebuild_model(content["config"], content["model"])
        words = Words(content["words"], content["vectors"]) if content["words"] else None
    return model.to(device), words


def rebuild_model(config: dict[str, Any], state: dict[str, Tensor]) -> VideoTextMEE:
    """The network, in evaluation mode, that has this config (as a dict) and this ``state_dict()``."""
    with torch.device("meta"):  # shapes without memory, no random numbers: the state brings the weights
        model = VideoTextMEE(ModelConfig(**config))
    prefix = "calibration."
    if calibration := {key.removeprefix(prefix): x for key, x in state.items() if key.startswith(prefix)}:
        model.calibration = Calibration.from_state(calibration)
        if sorted(model.calibration.mean) != model.experts:
            raise ValueError(f"a calibration of {sorted(model.calibration.mean)}, a model of {model.experts}")
    model.load_state_dict(state, assign=True)
    return model.eval()


@contextmanager
def _parts_must_fit(path: str | Path) -> Iterator[None]:
    try:
        yield
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: its parts do not fit together ({error})") from None


@contextmanager
def _writing(path: str | Path) -> Iterator[None]:
    """Say which file could not be written, and why; the file of that name stays whole throughout."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        cause: BaseException = error  # torch.save hides the disk's reason, or a Ctrl-C, behind an error of its own
        while cause.__context__ is not None and not isinstance(cause, OSError | KeyboardInterrupt):
            cause = cause.__context__
        if isinstance(cause, KeyboardInterrupt):
            raise cause from None
        reason = getattr(cause, "strerror", None) or (str(cause).splitlines() or [type(cause).__name__])[0]
        raise CheckpointError(f"{path}: cannot be written: {reason}; what was saved before is as it was") from error


def _save(path: str | Path, kind: str, content: dict[str, Any]) -> None:
    with _writing(path), atomic(path) as temporary, open(temporary, "wb") as file:
        try:
            torch.save({"format": f"mee-{kind}", "version": 2, **content}, file)
        except BaseException as error:
            # PyTorch's writer, if stopped half-way, finishes its file when it is destroyed; if the file were closed by
            # then, Python would abort. The writer lives in frames that the error keeps.
            cause: BaseException | None = error
            while cause is not None:
                traceback.clear_frames(cause.__traceback__)
                cause = cause.__context__
            raise


def _load(path: str | Path, kind: str) -> dict[str, Any]:
    """A file that :func:`_save` wrote, by PyTorch's restricted unpickler: tensors and plain values, no code."""
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: no such file")
    try:
        _verify(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damage can make an unpickler raise anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path}: not a checkpoint, or a damaged one ({reason})") from None
    if not isinstance(content, dict) or content.get("format") != f"mee-{kind}" or content.get("version") != 2:
        raise CheckpointError(f"{path}: not a {kind} file of this library")
    return content


def _verify(path: str | Path) -> None:
    """Raise unless ``path`` is a zip of stored, undamaged parts.

    PyTorch does not look at a zip's checksums, so a damaged weight would be read as it stands; and its older formats
    (tar, bare pickle) could run code before version 2.6, even if asked for weights only (CVE-2025-32434).
    """
    with open(path, "rb") as file:
        if file.read(4) != b"PK\3\4":
            raise ValueError("not a zip archive")
        with zipfile.ZipFile(file) as parts:
            if any(part.compress_type for part in parts.infolist()):
                raise ValueError("its parts are compressed")
            if sum(part.file_size for part in parts.infolist()) > Path(path).stat().st_size:
                raise ValueError("its parts are larger than it is")
            if damaged := parts.testzip():
                raise ValueError(f"{damaged} is not what was written")
