"""Training on several processes, on one machine or many: the batch is shared out, the negatives are not (lesson 15).

    torchrun --nproc-per-node 2 -m mee.train FILE.h5 --batch-size 512 ...

Each process, a *rank*, embeds its part of every batch. Then the embeddings go round, and every rank scores all captions
of the batch with all its clips: a caption has as many negatives as in one process with the whole batch, and the weights
after a step are the same, up to rounding. Four things make it so:

- every rank draws the whole batch, captions included, by the same seed, and takes its part (:class:`mee.data.Mixed`);
- batch normalisation takes its mean and variance over the rows of all ranks (:class:`SynchronisedBatchNorm`);
- all ranks compute the same loss, so a rank's gradient at its own embeddings is right as it stands (:func:`whole`);
- each rank's gradient at the parameters holds the share of its own rows, and the shares are summed
  (:func:`sum_gradients`).

Without ``torchrun`` nothing of this is used. GPUs talk by NCCL, CPUs by Gloo.
"""

import os
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist

from mee.model import BatchNorm


def started():
    """(which of the processes that ``torchrun`` started this one is, how many there are); (0, 1) without it."""
    size = int(os.environ.get("WORLD_SIZE", 1))
    return (int(os.environ["RANK"]), size) if size > 1 else (0, 1)


def ranks():
    """As :func:`started`, once they have joined in a :func:`group`; (0, 1) outside of one."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


@contextmanager
def group(device=None):
    """Join the processes that ``torchrun`` started, while the block lasts; without it, or if they have, do nothing.

    device  as for :func:`mee.train.fit`; with CUDA each process takes the GPU of its number on its machine

    When one rank fails, the others cannot go on: they leave with one line, and ``torchrun`` ends what is left.
    """
    rank, size = started()
    if size == 1 or ranks()[1] > 1:
        yield
        return
    cuda = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu")).type == "cuda"
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    # the others wait while the first one validates, so the limit is long; torchrun notices earlier if one dies
    dist.init_process_group("nccl" if cuda else "gloo", timeout=timedelta(hours=2))
    try:
        yield
    except RuntimeError as error:
        if "gloo" in str(error) or isinstance(error, dist.DistError):
            raise SystemExit(f"mee.train (rank {rank}): stops, because another rank has") from None
        raise
    finally:
        dist.destroy_process_group()


def synchronise(model):
    """Make ``model`` the first rank's on all ranks, and its batch norms look at the rows of all ranks."""
    for module in model.modules():
        if isinstance(module, BatchNorm):
            module.__class__ = SynchronisedBatchNorm  # the same parameters under the same names
    for value in (*model.parameters(), *model.buffers()):
        dist.broadcast(value.data, 0)


def whole(text, video, *ids):
    """This rank's ``(text, video, *ids)`` as that of the whole batch: the rows of all ranks, in their order.

    text, video  what ``model.embed_text`` and ``model.embed_video`` give
    ids          (rows,) int64 each
    """
    (texts, weights), (videos, mask) = text, video
    count = [int(x) for x in _all(torch.tensor([len(mask)], device=mask.device))]
    parts = [*texts.values(), *videos.values(), weights, mask.to(weights)]
    # side by side they travel as one message
    gathered = _Whole.apply(torch.cat(parts, 1), count).split([part.shape[1] for part in parts], 1)
    texts, videos = dict(zip(texts, gathered)), dict(zip(videos, gathered[len(texts) :]))  # noqa: B905
    ids = _rows(torch.stack(ids, 1).to(mask.device), count).unbind(1)
    return (texts, gathered[-2]), (videos, gathered[-1] > 0.5), *ids


def sum_gradients(model):
    """Each rank's gradients, which hold the share of its own rows, become the sum over all ranks."""
    shares = [x.grad for x in model.parameters() if x.grad is not None]
    for work in [dist.all_reduce(share, async_op=True) for share in shares]:
        work.wait()


def of_first(value):
    """The first rank's ``value`` (plain Python values), on all ranks."""
    box = [value]
    dist.broadcast_object_list(box, 0)
    return box[0]


def _all(x):
    """``x``, of one shape on all ranks, from all ranks: a list."""
    parts = [torch.empty_like(x) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, x.contiguous())
    return parts


def _rows(x, count):
    """The rows of all ranks under each other; rank r has ``count[r]`` of them, perhaps none."""
    padded = x.new_zeros(max(count), *x.shape[1:])
    padded[: len(x)] = x
    return torch.cat([part[:n] for part, n in zip(_all(padded), count, strict=True)])


class _Whole(torch.autograd.Function):
    """The rows of all ranks. All ranks go on to the same loss, so the gradient that comes back is the same on each, and
    each keeps the part that belongs to its own rows: nothing has to travel."""

    @staticmethod
    def forward(ctx, x, count):
        first = sum(count[: dist.get_rank()])
        ctx.own = slice(first, first + len(x))
        return _rows(x, count)

    @staticmethod
    def backward(ctx, gradient):
        return gradient[ctx.own], None


class SynchronisedBatchNorm(BatchNorm):
    """:class:`mee.model.BatchNorm` over the rows of all ranks; a rank may have none. (PyTorch's own needs a GPU.)"""

    def forward(self, x):
        if not self.training or ranks()[1] == 1:
            return super().forward(x)
        with torch.no_grad():
            own = x.double() if x.dtype == torch.float64 else x.float()
            mean = own.sum(0) / max(len(own), 1)
            # mean and squares of each rank's rows, joined without ever subtracting two large numbers
            sums = torch.cat([own.new_tensor([len(own)]), mean, (own - mean).square().sum(0)])
            n, means, squares = torch.stack(_all(sums)).split([1, len(mean), len(mean)], 1)
            total = n.sum()
            mean = (n * means).sum(0) / total
            squares = (squares + n * (means - mean).square()).sum(0)
        if total < 2:
            return self.by_running_statistics(x)
        with torch.no_grad():
            self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
            self.running_var.lerp_((squares / (total - 1)).to(self.running_var), self.momentum)
            self.num_batches_tracked += 1
        scale = (squares / total + self.eps).rsqrt()
        return _Normalise.apply(x, mean, scale, total, self.weight, self.bias)


class _Normalise(torch.autograd.Function):
    """weight * (x - mean) * scale + bias, where mean and scale come from the rows of all ranks, and so pass gradients
    between them: the two sums in ``backward`` run over all ranks."""

    @staticmethod
    def forward(ctx, x, mean, scale, total, weight, bias):
        normal = (x - mean) * scale
        ctx.save_for_backward(normal, scale, total, weight)
        return (normal * weight + bias).to(x.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        normal, scale, total, weight = ctx.saved_tensors
        dtype, gradient = gradient.dtype, gradient.to(normal.dtype)
        share = torch.stack([gradient.sum(0), (gradient * normal).sum(0)])  # of bias and weight, from this rank's rows
        sums = share.clone()
        dist.all_reduce(sums)
        to_x = scale * weight * (gradient - (sums[0] + normal * sums[1]) / total)
        return to_x.to(dtype), None, None, None, share[1], share[0]
