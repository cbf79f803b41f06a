"""Training with everything on the device: batches are made there, at fixed shapes, and a GPU replays a whole step.

An ordinary step of :func:`mee.train.fit` starts some hundred kernels, and a GPU has finished each before the CPU has
asked for the next. Here the plan of one epoch's clips and captions travels to the device at once; a batch is index
arithmetic there; and since no shape depends on the content, a step (batch, forward, loss, backward, Adam) is recorded
once as a CUDA graph, and then replayed. The batches are those of :class:`mee.data.MixedBatches`, the losses equal up to
rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mee.data import Batch, Clips, MixedBatches

#: Steps that run before one is recorded, as Adam's state, gradients and the libraries' workspaces must exist by then.
WARM_UP = 3


class ResidentClips:
    """The clips of a :class:`mee.data.MixedBatches`, images after clips, all on one device.

    ``batch(clips, captions)`` gives the :class:`mee.data.Batch` of these numbers, (n,) int64 on the device; its words
    and sequences are always as long as the longest in the set, up to ``max_words`` and ``max_frames``.
    """

    def __init__(self, batches: MixedBatches, device: torch.device | str):
        sources, options = batches.sources, batches.options
        self.sentence_ids = batches.sentence_ids.to(device)
        tokens = None
        if all(source.words is not None for source in sources):
            ids, known = [], 0
            for source in sources:
                assert source.words is not None and source.tokens is not None
                ids.append(source.tokens + known)
                known += len(source.words)
            vectors = [source.words.vectors for source in sources if source.words is not None]
            tokens = torch.cat(ids).to(device)
        else:
            vectors = [_caption_vectors(source) for source in sources]
        offsets = [source.caption_offsets for source in sources]
        self.text = _Rows(vectors, offsets, options["max_words"], device, tokens)
        self.video: dict[str, tuple[str, _Rows]] = {}
        for name in sorted(options["experts"]):
            known_to = [source.experts.get(name) for source in sources]
            kind = batches.clips.experts[name].kind
            limit = 1 if kind == "vector" else options["max_frames"]
            features = [expert.features for expert in known_to if expert is not None]
            spans = [
                torch.zeros(len(source) + 1, dtype=torch.long) if expert is None else expert.offsets
                for source, expert in zip(sources, known_to, strict=True)
            ]
            self.video[name] = kind, _Rows(features, spans, limit, device)

    def batch(self, clips: Tensor, captions: Tensor) -> Batch:
        """The batch of these clips and captions, row by row; nothing in it waits for the CPU."""
        words, word_mask = self.text.of(captions)
        videos, ind, masks = {}, {}, {}
        for name, (kind, rows) in self.video.items():
            x, mask = rows.of(clips)
            ind[name] = mask[:, 0]
            if kind == "vector":
                videos[name] = x[:, 0]
            else:
                videos[name], masks[name] = x, mask
        return Batch(words, word_mask, videos, ind, masks, clips, captions, self.sentence_ids[captions])


class _Rows:
    """Rows of many items, (rows, dim), on a device, with where each item's rows begin and how many it has."""

    def __init__(self, values: list, offsets: list, limit: int | None, device: Any, index: Tensor | None = None):
        self.values, self.index = torch.cat([x.to(device) for x in values]), index
        starts, base = [], 0
        for part in offsets:
            starts.append(part[:-1] + base)
            base += int(part[-1])
        count = torch.cat([part.diff() for part in offsets])
        self.longest = max(int(count.max()) if len(count) else 0, 1)
        if limit is not None:
            self.longest = min(self.longest, limit)
        self.start, self.count = torch.cat(starts).to(device), count.to(device)
        self.step = torch.arange(self.longest, device=device)
        if not len(self.values):  # even an item without rows points at one
            self.values = self.values.new_zeros(1, self.values.shape[1])

    def of(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of ``items``, (items, longest, dim) float32, zero beyond the last; and which are real."""
        mask = self.step < self.count[items][:, None]
        positions = torch.where(mask, self.start[items][:, None] + self.step, 0)
        if self.index is not None and len(self.index):
            positions = self.index[positions]
        return torch.where(mask[..., None], self.values[positions].float(), 0), mask


def _caption_vectors(source: Clips) -> Tensor:
    if source.caption_vectors is None:
        raise ValueError(f"{source.name}: its captions are words, but those of the other set are vectors")
    return source.caption_vectors


class ResidentEpoch:
    """One epoch of training, as often as called: ``epoch()`` returns the sum of its losses, a scalar on the device.

    Parameters
    ----------
    model, batches, loss, config
        As in :func:`mee.train.fit`.
    optimizer
        As there, too; with ``capture`` it must be capturable.
    train_step
        Computes loss and gradients of one batch.
    capture
        Record a step as a CUDA graph and replay it; False runs it operation by operation (a CPU needs False).
    """

    def __init__(
        self,
        model: nn.Module,
        batches: MixedBatches,
        loss: nn.Module,
        config: Any,
        optimizer: torch.optim.Optimizer,
        train_step: Callable[..., Tensor],
        capture: bool,
    ):
        device = next(model.parameters()).device
        self.model, self.batches, self.loss, self.config = model, batches, loss, config
        self.optimizer, self.train_step, self.capture = optimizer, train_step, capture
        self.clips = ResidentClips(batches, device)
        numbers, captions = torch.zeros(2, len(batches.train) + batches.drawn, dtype=torch.long, device=device)
        self.numbers, self.captions = numbers, captions
        self.within = torch.arange(batches.batch_size, device=device)
        self.first = torch.zeros((), dtype=torch.long, device=device)  # row of the next batch's first clip
        self.total = torch.zeros((), device=device)
        self.graphs: dict[int, torch.cuda.CUDAGraph] = {}
        self.steps: dict[int, int] = {}

    def step(self, size: int) -> None:
        """The next step, on a batch of ``size``."""
        rows = self.first + self.within[:size]
        batch = self.clips.batch(self.numbers[rows], self.captions[rows])
        self.optimizer.zero_grad()
        self.total += self.train_step(self.model, batch, self.loss, self.config)
        self.optimizer.step()
        self.first += size

    def __call__(self) -> Tensor:
        """Train for one epoch."""
        count = self.load_plan()
        self.total.zero_()
        for first in range(0, count, self.batches.batch_size):
            self.advance(min(self.batches.batch_size, count - first))  # the last batch may be smaller
        return self.total

    def advance(self, size: int) -> None:
        """The next step, in the quickest way that is ready for this batch size."""
        self.steps[size] = self.steps.get(size, 0) + 1
        if not self.capture:
            self.step(size)
        elif self.steps[size] <= WARM_UP:
            self._apart(size)
        else:
            if size not in self.graphs:
                self._record(size)
            self.graphs[size].replay()

    def load_plan(self) -> int:
        """Draw the next epoch's clips and captions and move them to the device; returns how many there are."""
        numbers, captions = self.batches.plan()
        self.numbers[: len(numbers)].copy_(numbers)
        self.captions[: len(captions)].copy_(captions)
        self.first.zero_()
        return len(numbers)

    def _apart(self, size: int) -> None:
        """A step on a stream of its own, as CUDA requires of what will be recorded later."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self.step(size)
        torch.cuda.current_stream().wait_stream(stream)

    def _record(self, size: int) -> None:
        self.optimizer.zero_grad()  # gradients must lie in the graph's own memory
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.step(size)
        self.graphs[size] = graph
