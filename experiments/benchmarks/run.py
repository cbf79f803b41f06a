"""How fast mee is, and how much memory it takes, compared with a plain transcription of the original (plain.py).

    python experiments/benchmarks/run.py                           all parts; a table (a quarter of an hour)
    python experiments/benchmarks/run.py step loss --json FILE     these parts; FILE keeps its numbers of the others
    python experiments/benchmarks/run.py --full                    whole sizes instead of a share: an hour
    python experiments/benchmarks/report.py                        tables and figures of the book's page from its JSON

Parts: ``step`` (a training step with MSR-VTT's sizes), ``saved`` (which change saves how much of it), ``bound`` (how
near it is to its matrix products alone), ``tried`` (what does not pay off), ``epoch`` (with loading), ``scores`` and
``ranking``, ``loss``, ``files`` (opening, importing), and how cost grows with ``batch``, ``experts``, ``words`` and
``clips``. Only on request, or with ``--full``: ``make`` (how long `make book` and `make test` take in a fresh clone).

Each part runs in a process of its own, so that its memory can be measured; both sides take turns there, so that they
meet the same conditions. The median is reported; ratios are medians of the ratios of neighbours in time. On a CPU one
thread is the default (``--threads``), and the clock is the CPU time of the process: on a shared machine it says what a
quiet one would take. ``--wall`` takes the wall-clock time, which is right for several threads on a quiet machine. A GPU
has a script of its own, ``experiments/gpu.py``.

Both sides run with MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_MAX_ set so that glibc keeps freed memory for the next step,
except where a part measures memory; values set in your environment take precedence. bfloat16 is left out on a processor
that was not made for it: one step can take a minute there.
"""

import argparse
import copy
import ctypes
import gc
import json
import logging
import os
import platform
import re
import shlex
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import plain
import sizes
import torch
import torch.nn.functional as F
from torch.testing import assert_close
from torch.utils.flop_counter import FlopCounterMode

import mee.data
from mee.config import TrainConfig
from mee.data import MixedBatches, Words
from mee.evaluate import score_in_chunks
from mee.loss import InfoNCELoss, MaxMarginRankingLoss
from mee.metrics import ranks, ranks_both_ways
from mee.model import MEE, ModelConfig, TextEmbedding, VideoEmbedding, VideoTextMEE
from mee.storage import ClipWriter, read_clips
from mee.train import batch_loss, fit_clips, train_step

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
from records import ROOT, cpu_info, processor, write_json  # noqa: E402

KEEP_FREED_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**31 - 1), "MALLOC_MMAP_MAX_": "0"}
MEMORY = ("scores", "ranking", "loss")  # parts that measure it

FLOAT32, BFLOAT16 = TrainConfig(), TrainConfig(amp=True)
EXPERTS = {"appearance": (2048, 2048), "audio": (128, 128), "face": (128, 128), "motion": (1024, 1024)}


# ------------------------------------------------------------------------------------------------------ measuring


def bfloat16_is_fast():
    return "bf16" in cpu_info("flags") + cpu_info("Features")


def turns(clock, sides, repeats):
    """Run ``sides`` (name -> function) in turns, each once to warm up; returns name -> seconds, repeat by repeat."""
    if not bfloat16_is_fast():
        sides = {name: run for name, run in sides.items() if "bfloat16" not in name}
    seconds = {name: [] for name in sides}
    for _ in range(repeats):
        for name, run in sides.items():
            run()
            began = clock()
            run()
            seconds[name].append(clock() - began)
    return seconds


def summary(seconds, against="plain"):
    """name -> {seconds, low, high, ratio}: medians; low and high are the fastest and the slowest repeat."""
    out = {}
    for name, values in seconds.items():
        row = {"seconds": median(values), "low": min(values), "high": max(values), "repeats": len(values)}
        if against in seconds and name != against:
            ratios = [a / b for a, b in zip(seconds[against], values, strict=True)]
            row |= {"ratio": median(ratios), "ratio_low": min(ratios), "ratio_high": max(ratios)}
        out[name] = row
    return out


def _status(key):
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def peak(run):
    """(result, bytes that the process held at the peak of ``run()``, beyond what it held before). Linux only."""
    gc.collect()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)  # give the system back what was kept
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # resets the high-water mark
    before = _status("VmRSS")
    result = run()
    return result, _status("VmHWM") - before


# ---------------------------------------------------------------------------------------------------- both sides


def network(experts=EXPERTS, clusters=None, text_clusters=32, word_dim=300, seed=0):
    torch.manual_seed(seed)
    clusters = {"audio": 16} if clusters is None else clusters
    return VideoTextMEE(ModelConfig(experts, word_dim, clusters, text_clusters))


class Batch:
    """Drawn captions and clips: :class:`mee.data.Batch` for us, padded tensors and flags for the plain side.

    words  how many a caption has; None: drawn like the real ones' lengths
    whole  every expert is present and everything has full length, so that both sides compute the same numbers
    """

    def __init__(self, n, experts=EXPERTS, sequences=("audio",), words=None, whole=False, dim=300):
        g, t = np.random.default_rng(0), torch.Generator().manual_seed(0)
        rows = max(plain.ROWS, words or 0)
        length = np.full(n, words or rows) if whole or words else sizes.words_in(g, n).clip(max=rows)
        sound = np.full(n, plain.ROWS) if whole else sizes.rows_of_sound(g, n).clip(max=plain.ROWS)
        sound = sound if whole else sound * (g.random(n) > 0.1)
        absent = {"face": 1 / 3} if not whole else {}

        def padded(length, longest, dim):
            mask = torch.arange(longest) < torch.as_tensor(length)[:, None]
            return torch.randn(n, longest, dim, generator=t) * mask[..., None], mask

        text, word_mask = padded(length, rows, dim)
        videos, ind, masks = {}, {}, {}
        for name, (size, _) in experts.items():
            if name in sequences:
                videos[name], masks[name] = padded(sound, plain.ROWS, size)
                ind[name] = torch.as_tensor(sound) > 0
            else:
                ind[name] = torch.as_tensor(g.random(n) >= absent.get(name, 0))
                videos[name] = torch.randn(n, size, generator=t) * ind[name][:, None]
        present = {name: np.ones(n) if name in sequences else x.numpy() for name, x in ind.items()}
        self.plain = text, videos, present
        # ours is padded to its longest caption and sequence only, as mee.data does
        cut = {name: masks[name][:, : max(int(sound.max()), 1)] for name in masks}
        ours = {name: x[:, : cut[name].shape[1]] if name in cut else x for name, x in videos.items()}
        longest = int(length.max())
        number = torch.arange(n)
        self.ours = mee.data.Batch(text[:, :longest], word_mask[:, :longest], ours, ind, cut, number, number, number)


def step(model, optimizer, batch, loss, config=FLOAT32):
    """A step as :func:`mee.train.fit` takes it."""
    optimizer.zero_grad()
    value = train_step(model, batch, loss, config)
    optimizer.step()
    return value


def fused(model):
    return torch.optim.Adam(model.parameters(), 4e-4, fused=True)


def same():
    """Raise unless the plain side computes our numbers where they should be equal.

    That is in loss, gradients and three steps of Adam on whole clips; in evaluation scores with vectors missing; and in
    a batch from a clip file.
    """
    small = {"appearance": (24, 16), "audio": (8, 6), "face": (8, 6), "motion": (12, 10)}
    criterion = MaxMarginRankingLoss(0.2, include_positives=True)
    ours = network(small, {"audio": 3}, 4, 20)
    theirs = copy.deepcopy(ours)
    batch = Batch(16, small, whole=True, dim=20)
    optimizers = fused(ours), plain.adam(theirs, 4e-4)
    for i in range(3):
        a, b = step(ours, optimizers[0], batch.ours, criterion), plain.step(theirs, optimizers[1], *batch.plain)
        assert_close(a, b, rtol=1e-5, atol=1e-6)
        for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            if i == 0:  # later, Adam has turned rounding into steps: in the biases before a batch norm
                assert_close(p.grad, q.grad, rtol=1e-3, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}")
    batch = Batch(16, small, dim=20, words=plain.ROWS)
    batch.ours.masks["audio"] = torch.ones(16, plain.ROWS, dtype=torch.bool)  # to the plain side, silence is sound
    batch.ours.ind["audio"] = torch.ones(16, dtype=torch.bool)
    batch.ours.videos["audio"] = batch.plain[1]["audio"]
    theirs.load_state_dict(ours.state_dict())
    ours.eval(), theirs.eval()
    text, videos, present = batch.plain
    scores = plain.scores(*plain.embedded(theirs, text, videos), present)
    assert not batch.ours.ind["face"].all()
    assert_close(ours(*batch.ours.text, *batch.ours.video), scores)
    with tempfile.TemporaryDirectory() as folder:
        sizes.write(Path(folder) / "clips.h5", 0.002)
        clips = read_clips(Path(folder) / "clips.h5")
        samples = plain.Samples(clips, torch.arange(len(clips)))
        captions = torch.tensor([int(clips.captions_of([row])[0][3]) for row in range(len(clips))])
        chosen = [{**sample, "text": sample["text"][3]} for sample in samples.samples]
        words, videos, present = samples.collate(chosen)
        batch = clips.batch(torch.arange(len(clips)), captions, max_words=plain.ROWS, max_frames=plain.ROWS)
        assert_close(batch.words, words[:, : batch.words.shape[1]])
        for name, x in batch.videos.items():
            assert_close(x, videos[name][:, : x.shape[1]] if x.ndim == 3 else videos[name])
            if x.ndim == 2:
                assert batch.ind[name].tolist() == present[name].astype(bool).tolist()


# --------------------------------------------------------------------------------------------------------- parts


def _both(loss, ours, theirs, batch):
    """name -> a step of the plain side and one of ours, each with its own optimiser."""
    optimizer, slow = fused(ours), plain.adam(theirs, 4e-4)
    return {
        "plain": partial(plain.step, theirs, slow, *batch.plain),
        "mee": partial(step, ours, optimizer, batch.ours, loss),
        "mee, bfloat16": partial(step, ours, optimizer, batch.ours, loss, BFLOAT16),
    }


def part_step(o):
    ours = network()
    theirs, out = copy.deepcopy(ours), {}
    for n, repeats in ((64, 9), (512, 5)):
        sides = _both(MaxMarginRankingLoss(0.2), ours, theirs, Batch(n))
        out[str(n)] = summary(turns(o.clock, sides, repeats))
    out["parameters"] = sum(p.numel() for p in ours.parameters())
    return out


def part_saved(o):
    """From the plain side to ours, a change at a time."""
    criterion, out = MaxMarginRankingLoss(0.2), {}
    ours = network()
    theirs = copy.deepcopy(ours)
    many = torch.optim.Adam(theirs.parameters(), 4e-4, foreach=True)
    for n, repeats in ((64, 7), (512, 3)):
        b = Batch(n)
        last = _both(criterion, ours, theirs, b)
        optimizer, slow = fused(ours), plain.adam(theirs, 4e-4)
        sides = {
            "plain": last["plain"],
            "gradients let go, not set to zero": partial(plain.step, theirs, slow, *b.plain, True),
            "Adam by operation (foreach)": partial(plain.step, theirs, many, *b.plain, True),
            "Adam in one pass (fused)": partial(plain.step, ours, optimizer, *b.plain, True),
            "our network and loss": last["mee"],
            "bfloat16": last["mee, bfloat16"],
        }
        out[str(n)] = summary(turns(o.clock, sides, repeats))
    return out


def part_bound(o):
    """Our step beside what it cannot do without: its matrix products, and Adam's pass.

    The products count at the speed of the largest forward one; Adam's pass over all parameters is timed by itself.
    """
    criterion, out = MaxMarginRankingLoss(0.2), {}
    ours = network()
    optimizer = fused(ours)
    for n, repeats in ((64, 5), (512, 3)):
        batch, x = Batch(n), torch.randn(n, 9600)
        weight, found = torch.randn(9600, 2048), {}
        with FlopCounterMode(display=False) as counter:
            step(ours, optimizer, batch.ours, criterion)
        for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
            if dtype is torch.bfloat16 and not bfloat16_is_fast():
                continue
            a, b = x.to(dtype), weight.to(dtype)
            config = BFLOAT16 if name == "bfloat16" else FLOAT32
            sides = {
                "product": partial(torch.matmul, a, b),
                "step": partial(step, ours, optimizer, batch.ours, criterion, config),
                "adam": optimizer.step,  # with the gradients that the step has left
            }
            seconds = {side: median(values) for side, values in turns(o.clock, sides, repeats).items()}
            speed = 2 * n * 9600 * 2048 / seconds["product"]
            bound = counter.get_total_flops() / speed
            found[name] = {"step": seconds["step"], "products": bound, "adam": seconds["adam"]}
            found[name]["share"] = (bound + seconds["adam"]) / seconds["step"]
            found[name]["gigaflops"] = speed / 1e9
        out[str(n)] = found
    return out


def part_tried(o):
    """What was tried for a step and is not used, beside what is. Compiling takes seconds, listed separately."""
    torch._logging.set_logs(dynamo=logging.ERROR)
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"  # time compilation, not a cache
    criterion, out = MaxMarginRankingLoss(0.2), {}
    ours = network()
    optimizer = fused(ours)

    def compiled_step(forward, batch, config):
        value = forward(ours, batch, criterion, config)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    def inside(batch):  # float32 outside, bfloat16 inside of oneDNN's products
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"
        step(ours, optimizer, batch, criterion)
        torch.backends.mkldnn.matmul.fp32_precision = "ieee"

    for n, repeats in ((64, 9), (512, 5)):
        batch = Batch(n).ours
        forward = torch.compile(batch_loss, fullgraph=True, dynamic=False)  # one graph, from the batch to the loss
        began = time.perf_counter()
        for config in (FLOAT32, BFLOAT16)[: 1 + bfloat16_is_fast()]:
            compiled_step(forward, batch, config)
        took = time.perf_counter() - began
        sides = {
            "mee": partial(step, ours, optimizer, batch, criterion),
            "torch.compile": partial(compiled_step, forward, batch, FLOAT32),
            "mee, bfloat16": partial(step, ours, optimizer, batch, criterion, BFLOAT16),
            "torch.compile, bfloat16": partial(compiled_step, forward, batch, BFLOAT16),
            "bfloat16 inside oneDNN's products only": partial(inside, batch),
        }
        out[str(n)] = {**summary(turns(o.clock, sides, repeats), "mee"), "compiling": {"seconds": took}}
    # the sentence goes through a product for each expert; one for all of them would be one call
    x, parts = torch.randn(64, 9600, requires_grad=True), [torch.randn(d, 9600) for _, d in EXPERTS.values()]
    several, one = [w.requires_grad_() for w in parts], torch.cat(parts).detach().requires_grad_()

    def there_and_back(weights):
        y = torch.cat([F.linear(x, w) for w in weights], 1)
        torch.autograd.grad(y, [x, *weights], torch.ones_like(y))

    sides = {"a product per expert": partial(there_and_back, several), "one for all": partial(there_and_back, [one])}
    out["text"] = summary(turns(o.clock, sides, 9), "a product per expert")
    return out


def part_epoch(o):
    """An epoch of the training split, from a file of :mod:`sizes`, by ``fit`` and by the original's loader and loop."""
    share = 1.0 if o.full else 0.15
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clips.h5"
        sizes.write(path, share)
        clips = read_clips(path, check=False)
        train = clips.clips_in("train")
        samples = plain.Samples(clips, train)
        ours = ("mee", "mee, bfloat16")[: 1 + bfloat16_is_fast()]
        seconds = {"plain": [], **{name: [] for name in ours}}
        work = ("plain", "plain, loaded in the same process") if o.wall else ("plain",)
        model = network()
        for _ in range(2 if o.full else 3):
            for name in work:
                theirs = copy.deepcopy(model)
                optimizer = plain.adam(theirs, 4e-4)
                # the clock of this process does not see a second one's work, so for CPU time loading is done here
                workers = 1 if name == "plain" and len(work) == 2 else 0
                began = o.clock()
                for text, videos, present in plain.batches(samples, 64, workers):
                    plain.step(theirs, optimizer, text, videos, present)
                seconds.setdefault(name, []).append(o.clock() - began)
            for name in ours:
                seconds[name].append(_fit_seconds(clips, train, name.endswith("16"), o))
        own = MixedBatches(clips, train, 64, torch.Generator().manual_seed(0), max_words=30, max_frames=30)
        loading = {}
        for name, loader in (("plain", plain.batches(samples, 64, 0)), ("mee", own)):
            began = o.clock()
            for batch in loader:
                del batch
            loading[name] = o.clock() - began
    steps = {"clips": len(train), "steps": len(train) // 64, "share": share, "loading": loading}
    return {"64": summary(seconds), **steps}


def _fit_seconds(clips, train, amp, o):
    """Seconds of the loop of one epoch by this part's clock: those of fit with one epoch minus those with none."""
    options = {"train": train, "val": [], "max_frames": 30, "amp": amp, "progress": False}
    began = o.clock()
    fit_clips(clips, epochs=0, **options)
    middle = o.clock()
    run = fit_clips(clips, epochs=1, **options)
    if o.wall:  # fit itself reads the wall clock
        return run.history[0]["seconds"]
    return (o.clock() - middle) - (middle - began)


def _embeddings(n, dims, seed=0):
    g = torch.Generator().manual_seed(seed)
    mask = torch.rand(n, len(dims), generator=g) < torch.tensor([1, 0.9, 0.67, 1])
    texts = {name: F.normalize(torch.randn(n, dim, generator=g)) for name, dim in dims.items()}
    clips = {}
    for i, (name, dim) in enumerate(dims.items()):
        noise = torch.randn(n, dim, generator=g) / dim**0.5
        clips[name] = F.normalize(texts[name] + 3 * noise) * mask[:, i, None]
    weights = torch.softmax(torch.randn(n, len(dims), generator=g), 1)
    return TextEmbedding(texts, weights), VideoEmbedding(clips, mask)


def part_scores(o):
    """All scores of 10,000 texts with 10,000 clips from embeddings of the paper's sizes: seconds, and memory."""
    n, dims = 10_000, {name: dim for name, (_, dim) in EXPERTS.items()}
    model = MEE({name: (1, dim) for name, dim in dims.items()}, 1)
    text, video = _embeddings(n, dims)
    present = {name: video.mask[:, i].numpy() for i, name in enumerate(dims)}
    with torch.no_grad():
        sides = {
            "plain": lambda: plain.scores(*text, video.vectors, present),
            "mee, all at once": lambda: model.score(text, video),
            "mee": lambda: score_in_chunks(model, text, video),
            "mee, blocks of 256": lambda: score_in_chunks(model, text, video, chunk=256),
            "mee, blocks of 1024": lambda: score_in_chunks(model, text, video, chunk=1024),
        }
        memory, found = {}, {}
        for name, run in reversed(sides.items()):
            found[name], memory[name] = peak(run)
        difference = max(float((found["plain"] - found[name]).abs().max()) for name in sides)
        assert difference < 1e-5, difference
        found.clear()
        out = summary(turns(o.clock, sides, 2))
    for name in sides:
        out[name]["peak"] = memory[name]
    return {"n": n, "matrix": 4 * n * n, "sides": out, "largest_difference": difference}


def part_ranking(o):
    """Ranks both ways without ever holding the matrix, from embeddings of 4 x 64 dimensions."""
    dims, out = {name: 64 for name in EXPERTS}, {}
    model = MEE({name: (1, 64) for name in dims}, 1)
    for n in (10_000, 30_000, 100_000) if o.full else (10_000, 30_000):
        embeddings = _embeddings(n, dims)
        began = o.clock()
        (t2v, _, _), memory = peak(partial(_ranked, model, *embeddings))
        seconds = o.clock() - began
        if n == 10_000:  # against the matrix
            whole = score_in_chunks(model, *embeddings)
            assert torch.equal(t2v, 1.0 + (whole > whole.diagonal()[:, None]).sum(1).double())
            del whole
        out[str(n)] = {"seconds": seconds, "peak": memory, "matrix": 4 * n * n, "median": float(t2v.median())}
    return out


def _ranked(model, text, video):
    by_text = partial(score_in_chunks, model, text, video)
    return ranks_both_ways((by_text, lambda clips: by_text(None, clips).T), torch.arange(len(video.mask)), chunk=512)


def part_loss(o):
    """The loss of 4,096 texts and clips from their scores, forward and backward: seconds and memory."""
    n = 4096
    g = torch.Generator().manual_seed(0)
    scores = torch.randn(n, n, generator=g).mul_(0.2)
    scores.diagonal().add_(0.5)
    clip, sentence = torch.arange(n), torch.arange(n)
    clip[::50] = clip[1::50]  # some clips are there twice

    def of(loss, *ids):
        def run():
            leaf = scores.detach().requires_grad_()
            value = loss(leaf, *ids)
            value.backward()
            return value.detach(), leaf.grad

        return run

    sides = {
        "plain": of(plain.loss),
        "mee, without ids": of(MaxMarginRankingLoss(0.2, include_positives=True)),
        "mee": of(MaxMarginRankingLoss(0.2), clip, sentence),
        "mee, InfoNCE": of(InfoNCELoss(), clip, sentence),
    }
    found, memory = {}, {}
    for name, run in sides.items():
        found[name], memory[name] = peak(run)
    for a, b in zip(found["plain"], found["mee, without ids"], strict=True):
        assert_close(a, b, rtol=1e-4, atol=1e-9)
    found.clear()
    out = summary(turns(o.clock, sides, 5))
    for name in memory:
        out[name]["peak"] = memory[name]
    return {"n": n, "matrix": 4 * n * n, "sides": out}


def part_files(o):
    """A clip file of a gigabyte: opening it, with and without reading every byte, and the first batch. Imports."""
    g = np.random.default_rng(0)
    words = Words([f"w{i}" for i in range(2000)], g.normal(size=(2000, 300)))
    clips = 160_000
    block = {"appearance": g.normal(size=(1000, 2048)).astype("f2"), "motion": g.normal(size=(1000, 1024)).astype("f2")}
    out = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.h5"
        with ClipWriter(path, {"appearance": ("vector", 2048), "motion": ("vector", 1024)}, words) as writer:
            for i in range(clips):
                features = {name: x[i % 1000] for name, x in block.items()}
                writer.add(f"clip{i}", "train", features, [f"w{i % 2000} w{i % 1999} w{i % 7}"])
        out["bytes"] = path.stat().st_size
        for name, check in (("checked", True), ("unchecked", False)):
            clock = time.perf_counter
            opening, first = [], []
            for _ in range(3):
                began = clock()
                opened = read_clips(path, check)
                middle = clock()
                opened.batch(torch.arange(0, clips, clips // 64)[:64], generator=torch.Generator().manual_seed(0))
                opening.append(middle - began)
                first.append(clock() - middle)
            out[name] = {"open": median(opening), "batch": median(first)}
    for name, code in (("import mee", "import mee"), ("import mee.train", "import mee.train")):
        run = f"import torch, time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
        command = [sys.executable, "-c", run]
        found = [float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout) for _ in range(5)]
        out[name] = {"seconds beyond torch": median(found), "low": min(found)}
    return out


def _grow(o, points):
    """Seconds of a step, both sides. points: what grows -> (a function that makes a batch, the network's experts)."""
    out = {}
    for value, (make, experts) in points.items():
        ours = network(experts, {name: 16 for name in experts if name == "audio"})
        sides = _both(MaxMarginRankingLoss(0.2), ours, copy.deepcopy(ours), make())
        out[str(value)] = summary(turns(o.clock, sides, 3))
    return out


def part_batch(o):
    sizes = (8, 16, 32, 64, 128, 256, 512) + ((1024,) if o.full else ())
    return _grow(o, {n: (partial(Batch, n), EXPERTS) for n in sizes})


def part_experts(o):
    """More and more experts, each a vector of 512 dimensions."""
    points = {}
    for count in (1, 2, 4, 8, 16):
        experts = {f"expert{i:02}": (512, 512) for i in range(count)}
        points[count] = partial(Batch, 64, experts, ()), experts
    return _grow(o, points)


def part_words(o):
    """Captions of a given number of words; the plain side pads to at least 30."""
    return _grow(o, {words: (partial(Batch, 64, words=words), EXPERTS) for words in (8, 15, 30, 60, 120, 240)})


def part_clips(o):
    """Seconds to score and rank one text among a given number of clips, 512 texts at a time, with 4 x 64 dimensions."""
    dims, out, texts = {name: 64 for name in EXPERTS}, {}, torch.arange(512)
    model = MEE({name: (1, 64) for name in dims}, 1)
    for n in (1000, 3000, 10_000, 30_000, 100_000):
        run = partial(ranks, partial(score_in_chunks, model, *_embeddings(n, dims)), texts)
        row = summary(turns(o.clock, {"mee": run}, 3))["mee"]
        out[str(n)] = {"mee": {**row, **{key: row[key] / len(texts) for key in ("seconds", "low", "high")}}}
    return out


def part_make(o):
    """What is committed, in a fresh clone: wall-clock seconds of each command of `make book` and `make test`."""
    out = {}
    ours = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", *KEEP_FREED_MEMORY)
    environment = {key: value for key, value in os.environ.items() if key not in ours}
    environment.pop("VIRTUAL_ENV", None)

    def timed(command, clone):
        began = time.perf_counter()
        done = subprocess.run(command, cwd=clone, env=environment, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"{shlex.join(command)}: failed with {done.returncode}\n{done.stdout[-3000:]}")
        return time.perf_counter() - began, done.stdout

    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "mee"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        python = sys._base_executable  # not that of our own environment
        for target, extras in (("book", ["EXTRAS=book,extract,words,search"]), ("test", [])):
            install = [python, "tasks.py", "setup", *extras]
            rows = {"install" if target == "book" else "install what tests need, too": timed(install, clone)[0]}
            plan = [python, "tasks.py", "-n", target]
            plan = subprocess.run(plan, cwd=clone, stdout=subprocess.PIPE, text=True, check=True)
            for line in plan.stdout.splitlines():
                rows[line], said = timed(shlex.split(line), clone)
                lessons = re.findall(r"^ *([\d.]+) s  (\S+)", said, re.M) if target == "book" else []
                out |= {"lessons": {name: {"seconds": float(s)} for s, name in lessons}} if lessons else {}
            out[f"make {target}"] = {name: {"seconds": seconds} for name, seconds in rows.items()}
    return out


PARTS = {name.removeprefix("part_"): part for name, part in list(globals().items()) if name.startswith("part_")}


# ------------------------------------------------------------------------------------------------------- reporting


def machine(o):
    return {
        "cpu": processor() + (" with avx512_bf16" if "avx512_bf16" in cpu_info("flags") else ""),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "libc": " ".join(platform.libc_ver()),
        "threads": o.threads,
        "clock": "wall" if o.wall else "CPU time",
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }


def lines(name, found):
    """One part's result as lines of the table."""
    for key, value in found.items():
        rows = value if isinstance(value, dict) else {}
        rows = rows.items() if all(isinstance(row, dict) for row in rows.values()) else [("", rows)]
        for side, row in rows:
            numbers = {k: v for k, v in row.items() if isinstance(v, (int, float))}
            if not numbers:
                continue
            text = []
            for k, v in numbers.items():
                if k in ("repeats", "ratio_low", "ratio_high"):
                    continue
                text.append(f"{k} {v / 1e6:.1f} MB" if k in ("peak", "matrix") else f"{k} {v:.4g}")
            if "ratio" in row:
                text.append(f"({row['ratio_low']:.2f} to {row['ratio_high']:.2f})")
            yield f"{name:<9}{key:>8}  {side:<36}" + "  ".join(text)


def main(arguments=None):
    p = argparse.ArgumentParser(prog="python experiments/benchmarks/run.py", description=__doc__.splitlines()[0])
    p.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    p.add_argument("--json", type=Path, metavar="FILE")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--wall", action="store_true", help="measure wall-clock time instead of CPU time")
    p.add_argument("--full", action="store_true")
    p.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # in this process; prints JSON
    o = p.parse_args(arguments)
    unknown = set(o.parts) - set(PARTS)
    if unknown:
        p.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if o.here:
        torch.set_num_threads(o.threads)
        o.clock = time.perf_counter if o.wall else time.process_time
        same()
        found = PARTS[o.parts[0]](o)
        print("\n" + json.dumps({**machine(o), "found": found}))
        return
    results = json.loads(o.json.read_text(encoding="utf-8")) if o.json and o.json.exists() else {}
    usual = [name for name in PARTS if name != "make" or o.full]
    parts = o.parts or usual
    for name in parts:
        print(f"{name} ...", file=sys.stderr)
        options = ["--threads", str(o.threads)]
        options += ["--wall"] * o.wall + ["--full"] * o.full
        environment = {**os.environ, "OMP_NUM_THREADS": str(o.threads), "MKL_NUM_THREADS": str(o.threads)}
        environment = environment if name in MEMORY else {**KEEP_FREED_MEMORY, **environment}
        command = [sys.executable, __file__, name, "--here", *options]
        began = time.perf_counter()
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"{name}: failed with {done.returncode}")
        key = f"{name} with {o.threads} threads" if o.threads > 1 else name
        results[key] = json.loads(done.stdout.strip().splitlines()[-1])
        results[key]["took"] = round(time.perf_counter() - began)
        for line in lines(name, results[key]["found"]):
            print(line, flush=True)
        if o.json:
            write_json(o.json, results)


if __name__ == "__main__":
    main()
