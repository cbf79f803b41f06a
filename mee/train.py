"""Training (lesson 09): :func:`fit` is the loop; :func:`fit_clips` prepares what it needs and calls it.

The best epoch is chosen on validation; the test split is for :func:`mee.evaluate.evaluate`, once, at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from mee.calibration import batch_z_scores
from mee.config import TrainConfig
from mee.data import Batch, Clips, MixedBatches, Words
from mee.evaluate import calibrate, evaluate
from mee.loss import InfoNCELoss, MaxMarginRankingLoss
from mee.model import ModelConfig, TextEmbedding, VideoEmbedding, VideoTextMEE
from mee.resident import ResidentEpoch

#: A calibrated score of 1 counts as this much of a cosine, so that one margin or temperature serves both scores.
Z_SCALE = 0.05

Gather = Callable[[TextEmbedding, VideoEmbedding], tuple[TextEmbedding, VideoEmbedding]]


@dataclass
class Run:
    """The state of a training run, which callbacks see, and what :func:`fit` returns.

    ``model`` is, at the end, the network after its best epoch, in evaluation mode; ``history`` a dict per epoch (epoch,
    loss, seconds and, with a validation split, val); ``best`` the best epoch, from 1, and ``best_state`` its weights.
    """

    model: Any
    batches: MixedBatches
    config: TrainConfig
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    history: list[dict[str, Any]] = field(default_factory=list)
    best: int = 0
    best_score: float = float("-inf")
    best_state: dict[str, Tensor] | None = None

    @property
    def words(self) -> Words | None:
        """The vocabulary that the captions were read with, or None where they came as vectors."""
        return self.batches.clips.words

    def keep_if_best(self, row: Mapping[str, Any]) -> None:
        """Remember the weights if the epoch ``row`` is the best so far; without validation, each epoch is."""
        score = validation_score(row["val"]) if "val" in row else row["epoch"]
        if score > self.best_score:
            self.best_score, self.best = score, row["epoch"]
            self.best_state = {key: value.detach().clone() for key, value in self.model.state_dict().items()}


def fit(
    model: nn.Module,
    batches: MixedBatches,
    loss: nn.Module,
    config: TrainConfig,
    validate: Callable[[Any], Mapping[str, Any]] | None = None,
    callbacks: Sequence[Any] = (),
    step: Callable[..., Tensor] | None = None,
) -> Run:
    """Train ``model`` on ``batches`` for ``config.epochs`` epochs.

    Parameters
    ----------
    validate
        Returns the validation metrics of a model, as :func:`mee.evaluate.evaluate` does; None keeps the last epoch.
    callbacks
        Objects that are given the :class:`Run`: ``begin(run)`` before the first epoch, ``epoch_end(run)``,
        ``end(run)``.
    step
        Computes loss and gradients of one batch (default: :func:`train_step`).
    """
    device = next(model.parameters()).device
    capture = device.type == "cuda" and config.fast is not False and not config.stream and step is None
    # a CUDA graph reads the learning rate from where it lies
    lr = torch.tensor(config.lr, device=device) if capture else config.lr
    optimizer = torch.optim.Adam(model.parameters(), lr, fused=True, capturable=capture)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, config.lr_decay)
    run = Run(model, batches, config, optimizer, scheduler)
    _tell(callbacks, "begin", run)
    train_epoch: Callable[[], Tensor] = partial(_epoch, run, loss, step or train_step, device)
    if capture or config.fast:
        train_epoch = ResidentEpoch(model, batches, loss, config, optimizer, train_step, capture)
    while len(run.history) < config.epochs:
        began = time.perf_counter()
        model.train()
        with _tf32(config.tf32):
            total = train_epoch()
        scheduler.step()
        row: dict[str, Any] = {"epoch": len(run.history) + 1, "loss": float(total) / len(batches)}
        if not row["loss"] < float("inf"):
            raise FloatingPointError(f"epoch {row['epoch']}: the loss is {row['loss']}; a smaller lr may help")
        if validate is not None:
            row["val"] = validate(model)
        row["seconds"] = round(time.perf_counter() - began, 3)
        run.history.append(row)
        run.keep_if_best(row)
        _tell(callbacks, "epoch_end", run)
    if run.best_state is not None:
        model.load_state_dict(run.best_state)
    model.eval()
    _tell(callbacks, "end", run)
    return run


def _epoch(run: Run, loss: nn.Module, step: Callable[..., Tensor], device: torch.device) -> Tensor:
    """One epoch of training; returns the sum of its losses."""
    total = torch.zeros((), device=device)
    for batch in run.batches:
        run.optimizer.zero_grad()
        total += step(run.model, batch.to(device), loss, run.config)
        run.optimizer.step()
    return total


@contextmanager
def _tf32(wanted: bool) -> Iterator[None]:
    """Matrix products of a GPU in TF32 while the block lasts, if ``wanted``."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if wanted else before)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _tell(callbacks: Iterable[Any], event: str, run: Run) -> None:
    for callback in callbacks:
        if hasattr(callback, event):
            getattr(callback, event)(run)


def train_step(model: Any, batch: Batch, loss: nn.Module, config: TrainConfig) -> Tensor:
    """Compute the gradients of one batch; returns its loss (a scalar, detached)."""
    value = batch_loss(model, batch, loss, config)
    value.backward()
    return value.detach()


def batch_loss(
    model: Any, batch: Batch, loss: nn.Module, config: TrainConfig | None = None, gather: Gather | None = None
) -> Tensor:
    """The loss of one batch: the mixture's, and ``config.expert_loss`` times that of each expert alone.

    A score is normalised over the experts that a clip has, so a clip without motion is on a different scale from one
    with it, and its caption's weights cancel in its own score: the mixture's loss alone learns little from such clips.
    In a loss of each expert among the clips that have it, cosines are compared only with cosines of the same kind.

    ``gather`` turns the embeddings of this process's rows into those of all processes (:mod:`mee.distributed`).
    """
    config = config or TrainConfig()
    with torch.autocast(batch.words.device.type, torch.bfloat16, enabled=config.amp):
        text, video = model.embed_text(*batch.text), model.embed_video(*batch.video)
    if gather is not None:
        text, video = gather(text, video)
    scores = model.score(text, video) if config.score == "paper" else Z_SCALE * batch_z_scores(text, video)
    value = loss(scores, batch.clip, batch.sentence)
    if config.expert_loss:
        for i, name in enumerate(model.experts):
            scores = text.vectors[name].to(value) @ video.vectors[name].to(value).T
            value = value + config.expert_loss * loss(scores, batch.clip, batch.sentence, video.mask[:, i])
    return value


def validation_score(metrics: Mapping[str, Any]) -> float:
    """What decides which epoch is best: the mean of ``R@1``, ``R@5`` and ``R@10`` over both directions."""
    return sum(metrics[direction][name][0] for direction in ("t2v", "v2t") for name in ("R@1", "R@5", "R@10")) / 6


def validation_metrics(model: Any, clips: Clips, train: Tensor, val: Tensor, config: TrainConfig) -> dict[str, Any]:
    """:func:`mee.evaluate.evaluate` on the clips ``val``, by the score that the model is trained for."""
    calibration = calibrate(model, clips, train) if config.score == "calibrated" else None
    return evaluate(model, clips, val, bootstrap=0, calibration=calibration)


class Progress:
    """A callback that shows a bar with the loss and the validation ``R@10``."""

    def begin(self, run: Run) -> None:
        """Show the bar."""
        self.bar = tqdm(total=run.config.epochs, initial=len(run.history), unit="epoch", desc="training")

    def epoch_end(self, run: Run) -> None:
        """Advance it by one epoch."""
        row = run.history[-1]
        shown = {"loss": f"{row['loss']:.4f}"}
        if "val" in row:
            shown["val R@10"] = f"{row['val']['t2v']['R@10'][0]:.1f}"
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update()

    def end(self, run: Run) -> None:
        """Close it."""
        self.bar.close()


# --------------------------------------------------------------------------------------------- from clips to the loop


def model_config(clips: Clips, config: TrainConfig) -> ModelConfig:
    """The shape of the model that ``config`` asks for on ``clips``."""
    names = sorted(config.experts or clips.experts)
    missing = [name for name in names if name not in clips.experts]
    if missing or not names:
        raise ValueError(f"{clips.name} has no expert {missing}; it has {list(clips.experts)}")
    experts = {name: clips.experts[name] for name in names}
    return ModelConfig(
        experts={name: (expert.dim, config.dim or expert.dim) for name, expert in experts.items()},
        word_dim=clips.word_dim,
        clusters={name: config.sequence_clusters for name, expert in experts.items() if expert.kind == "sequence"},
        text_clusters=config.text_clusters,
        gating=config.gating,
        learned_weights=config.learned_weights,
        max_words=config.max_words,
        max_frames=config.max_frames,
    )


def build_model(config: ModelConfig, seed: int, network: Callable[[ModelConfig], Any] = VideoTextMEE) -> Any:
    """``network(config)`` with weights drawn by ``seed``; the caller's random state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return network(config)


def prepare(
    clips: Clips,
    config: TrainConfig,
    images: Clips | None = None,
    train: Any = None,
    val: Any = None,
    network: Callable[[ModelConfig], Any] = VideoTextMEE,
    shard: tuple[int, int] = (0, 1),
) -> tuple[Any, MixedBatches, nn.Module, Callable[[Any], Mapping[str, Any]] | None]:
    """What :func:`fit` needs to train on ``clips``: model, batches, loss and validate.

    Arguments are those of :func:`fit_clips`; ``shard`` = (rank, world size) is this process's part of each batch.
    """
    shape = model_config(clips, config)
    train = clips.trainable(clips.clips_in("train") if train is None else train, list(shape.experts))
    val = clips.clips_in("val") if val is None else torch.as_tensor(val, dtype=torch.long)
    device = torch.device(config.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if not config.stream:
        for source in (clips, images) if images is not None else (clips,):
            source.to(device)
    options: dict[str, Any] = {
        "experts": list(shape.experts),
        "max_words": config.max_words,
        "max_frames": config.max_frames,
    }
    generator = torch.Generator().manual_seed(config.seed)
    batches = MixedBatches(clips, train, config.batch_size, generator, images, config.image_rate, shard, **options)
    loss = MaxMarginRankingLoss(config.margin) if config.loss == "max-margin" else InfoNCELoss(config.temperature)
    validate = partial(validation_metrics, clips=clips, train=train, val=val, config=config) if len(val) else None
    return build_model(shape, config.seed, network).to(device), batches, loss, validate


def fit_clips(
    clips: Clips,
    images: Clips | None = None,
    train: Any = None,
    val: Any = None,
    network: Callable[[ModelConfig], Any] = VideoTextMEE,
    callbacks: Sequence[Any] = (),
    progress: bool = True,
    config: TrainConfig | None = None,
    **options: Any,
) -> Run:
    """Train a model on ``clips`` in one line: ``fit_clips(clips, epochs=8, dim=256).model``.

    Parameters
    ----------
    images
        A second, incomplete set that is mixed in at ``image_rate`` (lesson 11).
    train, val
        Clip numbers instead of the set's splits; an empty ``val`` keeps the last epoch.
    network
        Builds another network from a :class:`mee.model.ModelConfig`, with the same three methods, for experiments.
    callbacks, progress
        As for :func:`fit`; ``progress`` shows a bar.
    config
        A :class:`mee.config.TrainConfig`; default: the paper's.
    options
        Fields of it to change.
    """
    config = replace(config or TrainConfig(), **options)
    model, batches, loss, validate = prepare(clips, config, images, train, val, network)
    callbacks = [*callbacks, Progress()] if progress else callbacks
    return fit(model, batches, loss, config, validate, callbacks)
