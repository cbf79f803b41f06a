"""Training on several processes, on one machine or many: the batch is split, its negatives are not (lesson 16).

From the shell::

    torchrun --nproc-per-node 2 -m mee train FILE.h5 --batch-size 512 ...

Each process embeds its part of every batch; then the embeddings are gathered, and all processes compute the same loss
over the whole batch, so a caption keeps all its negatives. Batch norm sums over the rows of all processes. After a step
the weights are those of one process with the whole batch, up to rounding. GPUs communicate by NCCL, CPUs by Gloo.

The collectives of ``torch.distributed.nn.functional`` differentiate the *sum* of all processes' losses. These losses
are equal, so gradients are too large by a factor of the number of processes, and their mean is right.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as collectives

from mee import train
from mee.data import shard_bounds
from mee.model import BatchNorm, TextEmbedding, VideoEmbedding


def torchrun_rank() -> tuple[int, int]:
    """(this process's rank, number of processes) as ``torchrun`` set them; (0, 1) without it."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


@contextmanager
def process_group(device: str | None = None) -> Iterator[None]:
    """For the length of the block, join the processes that ``torchrun`` started; without it, nothing happens.

    With CUDA, each process takes the GPU whose number is its own on that machine. When one process fails, the others
    stop too.
    """
    rank, world_size = torchrun_rank()
    if world_size == 1:
        yield
        return
    cuda = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu")).type == "cuda"
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    # the others wait while the first one validates, so the limit is long; torchrun notices sooner if one dies
    dist.init_process_group("nccl" if cuda else "gloo", timeout=timedelta(hours=2))
    try:
        with warnings.catch_warnings():
            # since 2.13 PyTorch names a successor of these collectives: a private module, which older versions lack
            warnings.filterwarnings("ignore", "torch.distributed.nn.functional", FutureWarning)
            yield
    except RuntimeError as error:
        if "gloo" in str(error) or isinstance(error, dist.DistError):
            raise SystemExit(f"mee train (rank {rank}): stopping, because another process has stopped") from None
        raise
    finally:
        dist.destroy_process_group()


def fit(model: Any, batches: Any, loss: Any, config: Any, validate: Any = None, callbacks: Any = ()) -> train.Run:
    """:func:`mee.train.fit` in a process group; ``batches`` load this process's shard, and rank 0 alone validates."""
    broadcast_model(model)
    norms = [module for module in model.modules() if isinstance(module, BatchNorm)]
    alone = [norm.all_reduce for norm in norms]
    validate_once = validate and (lambda model: broadcast_from_rank0(partial(validate, model)))
    try:
        for norm in norms:
            norm.all_reduce = collectives.all_reduce
        return train.fit(model, batches, loss, config, validate_once, callbacks, train_step)
    finally:
        for norm, all_reduce in zip(norms, alone, strict=True):
            norm.all_reduce = all_reduce


def train_step(model: Any, batch: Any, loss: Any, config: Any) -> torch.Tensor:
    """As :func:`mee.train.train_step`, over the batch of all processes."""
    value = train.batch_loss(model, batch, loss, config, partial(all_gather_embeddings, rows=len(batch)))
    value.backward()
    all_reduce_gradients(model)
    return value.detach()


def all_gather_embeddings(
    text: TextEmbedding, video: VideoEmbedding, rows: int
) -> tuple[TextEmbedding, VideoEmbedding]:
    """This process's embeddings as those of the whole batch of ``rows`` pairs: all processes' rows, in their order."""
    parts = [*text.vectors.values(), *video.vectors.values(), text.weights, video.mask.to(text.weights)]
    own, size = torch.cat(parts, 1), dist.get_world_size()  # side by side they travel as one message
    bounds = [shard_bounds(rows, (rank, size)) for rank in range(size)]
    counts = [high - low for low, high in bounds]
    padded = torch.cat([own, own.new_zeros(max(counts) - len(own), own.shape[1])])
    gathered = torch.cat([x[:n] for x, n in zip(collectives.all_gather(padded), counts, strict=True)])
    whole = list(gathered.split([part.shape[1] for part in parts], 1))
    texts = dict(zip(text.vectors, whole[: len(text.vectors)], strict=True))
    videos = dict(zip(video.vectors, whole[len(text.vectors) : -2], strict=True))
    return TextEmbedding(texts, whole[-2]), VideoEmbedding(videos, whole[-1] > 0.5)


def all_reduce_gradients(model: torch.nn.Module) -> None:
    """Each process's gradients become their mean over all processes."""
    for parameter in model.parameters():
        if parameter.grad is not None:
            dist.all_reduce(parameter.grad)
            parameter.grad /= dist.get_world_size()


def broadcast_model(model: torch.nn.Module) -> None:
    """The model of rank 0, on all processes."""
    for value in (*model.parameters(), *model.buffers()):
        dist.broadcast(value.data, 0)


def broadcast_from_rank0(function: Any) -> Any:
    """What ``function()`` gives on rank 0 (plain Python values), on all processes; the others do not call it."""
    box = [function() if dist.get_rank() == 0 else None]
    dist.broadcast_object_list(box, 0)
    return box[0]
