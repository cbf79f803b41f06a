"""Everything that is measured on a GPU, in one run of about eight minutes: the numbers behind the benchmarks page.

    python experiments/gpu.py --json gpu.json                       # on a machine with a CUDA device
    python experiments/gpu.py --msrvtt msrvtt.h5 --json gpu.json    # with the run on real clips
    (convert_msrvtt_frames.py) python experiments/gpu.py --device cpu --tiny                   # a dry run of the
    script: its numbers mean nothing

It needs torch, numpy, h5py and this repository, but no network. Parts run in order of importance, the JSON is written
after each, and a part that fails is reported and does not stop the others, so even a run that is cut off tells most.

card      the card, its matrix products (float32, TF32, bfloat16) and memory: what a step cannot be faster than
tests     the tests that are marked gpu
step      one step of training, batch 64 and 512: a plain transcription of the original, ours operation by operation,
          as a CUDA graph, compiled, and the graph in TF32 and bfloat16; beside the bound
recipe    100 epochs of the paper's recipe at MSR-VTT's sizes with validation after each, and plain's epoch beside one
halves    does retrieval suffer from TF32 or bfloat16? TinyClips, three seeds each
seeds     20 seeds of TinyClips, one after another and stacked in one graph
ranking   10,000 x 10,000 scores, 100,000 x 100,000 ranks both ways without the matrix, a million clips searched
msrvtt    the recipe of experiments/msrvtt.py on the real half of MSR-VTT
profile   which kernels a step spends its time in
"""

import argparse
import copy
import json
import os
import platform
import subprocess
import sys
import time
import traceback
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
from msrvtt import RECIPE as MSRVTT
from records import ROOT, git, write_json
from tinyclips import COMMON as SMALL

sys.path.append(str(Path(__file__).parent / "benchmarks"))
import plain
import sizes

from mee.config import RECIPES, TrainConfig
from mee.data import Clips, Expert, MixedBatches, Words
from mee.evaluate import calibrate, evaluate
from mee.loss import MaxMarginRankingLoss
from mee.metrics import ranks, ranks_both_ways, summarise
from mee.model import MEE, ModelConfig, TextEmbedding, VideoEmbedding, VideoTextMEE
from mee.resident import ResidentEpoch
from mee.storage import read_clips
from mee.train import fit, fit_clips, prepare, train_step

EXPERTS = {name: (dim, dim) for name, (_, dim) in sizes.EXPERTS.items()}
TINY = {"dim": 16, "text_clusters": 2, "sequence_clusters": 2, "batch_size": 16}
TINYCLIPS = ROOT / "notebooks/data/tinyclips.h5"


# ------------------------------------------------------------------------------------------------------------ measuring


def wait(o):
    if o.device != "cpu":
        torch.cuda.synchronize()


def seconds(o, run):
    """The wall-clock time of ``run()``, including all that it left to the device."""
    wait(o)
    began = time.perf_counter()
    run()
    wait(o)
    return time.perf_counter() - began


def turns(o, sides, repeats, inner=1):
    """Name -> median, fastest and slowest milliseconds of one call; the sides take turns, ``inner`` calls each."""
    times = {}
    for name in list(sides):
        try:
            for _ in range(1 if o.tiny else 6):  # meanwhile graphs are recorded and compilers run
                sides[name]()
            wait(o)
        except Exception as error:
            times[name] = {"error": f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"}
            sides.pop(name)
    found = {name: [] for name in sides}
    for _ in range(repeats):
        for name, run in sides.items():
            found[name].append(1000 * seconds(o, lambda run=run: [run() for _ in range(inner)]) / inner)
    return times | {name: {"ms": median(v), "low": min(v), "high": max(v)} for name, v in found.items()}


def drawn_clips(o, share=1.0):
    """Clips with MSR-VTT's sizes and random content, as sizes.py writes them: train and val of the full split."""
    g, t = np.random.default_rng(0), torch.Generator().manual_seed(0)
    n = round(7010 * share)
    captions = 20 * n
    length = sizes.words_in(g, captions)
    often = 1 / np.arange(10, sizes.WORDS + 10)
    tokens = g.choice(sizes.WORDS, length.sum(), p=often / often.sum())
    rows = {
        "appearance": np.ones(n, int),
        "motion": np.ones(n, int),
        "face": (g.random(n) > 1 / 3).astype(int),
        "audio": sizes.rows_of_sound(g, n) * (g.random(n) > 0.1),
    }
    experts = {}
    for name in sorted(rows):
        kind, dim = sizes.EXPERTS[name]
        offsets = torch.from_numpy(np.concatenate([[0], rows[name].cumsum()]))
        experts[name] = Expert(kind, torch.randn(int(offsets[-1]), dim, generator=t).half(), offsets)
    words = [f"w{i}" for i in range(sizes.WORDS)]
    return Clips(
        ids=[f"video{i}" for i in range(n)],
        split=np.array(["train"] * (n - n // 14) + ["val"] * (n // 14)),
        experts=experts,
        caption_clip=torch.arange(n).repeat_interleave(20),
        caption_offsets=torch.from_numpy(np.concatenate([[0], length.cumsum()])),
        words=Words(words, torch.randn(sizes.WORDS, sizes.WORD_DIM, generator=t).half()),
        tokens=torch.from_numpy(tokens),
        attributes={"title": "MSR-VTT's sizes, drawn"},
    )


def network(o):
    torch.manual_seed(0)
    experts = {name: (dim, TINY["dim"]) for name, (dim, _) in EXPERTS.items()} if o.tiny else EXPERTS
    clusters, words = (2, 2) if o.tiny else (16, 32)
    return VideoTextMEE(ModelConfig(experts, sizes.WORD_DIM, {"audio": clusters}, words)).to(o.device)


# ---------------------------------------------------------------------------------------------------------------- parts


def part_card(o):
    """Rates of the largest product of a step, forward (n x 9600 with 9600 x 2048), and of a copy."""
    out = {"torch": torch.__version__, "python": platform.python_version(), "device": o.name}
    width, dim = (96, 32) if o.tiny else (9600, 2048)
    for n in (64, 512):
        x, w = torch.randn(n, width, device=o.device), torch.randn(width, dim, device=o.device)
        for name, dtype, precision in (
            ("float32", torch.float32, "highest"),
            ("tf32", torch.float32, "high"),
            ("bfloat16", torch.bfloat16, "highest"),
        )[: 2 if o.device == "cpu" else 3]:
            a, b = x.to(dtype), w.to(dtype)
            torch.set_float32_matmul_precision(precision)
            ms = turns(o, {"": partial(torch.matmul, a, b)}, 3 if o.tiny else 20, 1 if o.tiny else 20)[""]["ms"]
            torch.set_float32_matmul_precision("highest")
            out[f"{name} {n}"] = 2 * n * width * dim / ms / 1e9  # teraflops
    big = torch.empty(10**6 if o.tiny else 2**28, device=o.device)
    other = torch.empty_like(big)
    ms = turns(o, {"": lambda: other.copy_(big)}, 5)[""]["ms"]
    return out | {"bandwidth": 8 * len(big) / ms / 1e6}  # gigabytes per second, read and written


def part_tests(o):
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests/test_resident.py", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return {"passed": done.returncode == 0, "said": done.stdout.strip().splitlines()[-25:]}


def resident(o, clips, batch_size, capture, **options):
    """A function that takes one step of ours on random clips, as :func:`mee.train.fit` would on this device."""
    config = TrainConfig(batch_size=batch_size, **options)
    model = network(o).train()
    batches = MixedBatches(
        clips, clips.clips_in("train"), batch_size, torch.Generator().manual_seed(0), max_words=30, max_frames=30
    )
    lr = torch.tensor(4e-4, device=o.device) if capture else 4e-4
    optimizer = torch.optim.Adam(model.parameters(), lr, fused=True, capturable=capture)
    epoch = ResidentEpoch(model, batches, MaxMarginRankingLoss(), config, optimizer, train_step, capture)
    epoch.load_plan()
    precision = "high" if config.tf32 else "highest"

    def step():
        torch.set_float32_matmul_precision(precision)
        epoch.first.zero_()
        epoch.advance(batch_size)
        torch.set_float32_matmul_precision("highest")

    return step


def compiled(o, clips, batch_size):
    """The same step through ``torch.compile(mode="reduce-overhead")``; Adam runs beside it."""
    model = network(o).train()
    batches = MixedBatches(
        clips, clips.clips_in("train"), batch_size, torch.Generator().manual_seed(0), max_words=30, max_frames=30
    )
    optimizer = torch.optim.Adam(model.parameters(), 4e-4, fused=True)
    batch, loss = next(iter(batches)).to(o.device), MaxMarginRankingLoss()

    def value(batch):
        scores = model(*batch.text, *batch.video)
        return loss(scores, batch.clip, batch.sentence)

    run = torch.compile(value, mode="reduce-overhead" if o.device != "cpu" else "default")

    def step():
        optimizer.zero_grad()
        run(batch).backward()
        optimizer.step()

    return step


def plain_step(o, clips, batch_size):
    samples = plain.Samples(clips, clips.clips_in("train")[: 2 * batch_size])
    model = network(o).train()
    optimizer = plain.adam(model, 4e-4)
    text, videos, present = next(iter(plain.batches(samples, batch_size, 0)))
    videos = {name: x.to(o.device) for name, x in videos.items()}
    return partial(plain.step, model, optimizer, text.to(o.device), videos, present)


def part_step(o):
    from torch.utils.flop_counter import FlopCounterMode

    clips, out = o.clips, {}
    for n in (8,) if o.tiny else (64, 512):
        sides = {"plain": plain_step(o, clips, n), "ours, operation by operation": resident(o, clips, n, False)}
        if o.device != "cpu":
            sides |= {
                "ours, graph": resident(o, clips, n, True),
                "ours, graph, TF32": resident(o, clips, n, True, tf32=True),
                "ours, graph, bfloat16": resident(o, clips, n, True, amp=True),
                "ours, graph, bfloat16 and TF32": resident(o, clips, n, True, amp=True, tf32=True),
            }
        with FlopCounterMode(display=False) as counter:
            sides["ours, operation by operation"]()
        sides["ours, compiled"] = compiled(o, clips, n)
        times = turns(o, sides, 3 if o.tiny else 15, 1 if o.tiny else 5)
        parameters = sum(p.numel() for p in network(o).parameters())
        card, size = o.out.get("card", {}), 64 if n < 512 else 512
        for name, row in times.items():
            kind = "bfloat16" if "bfloat16" in name else "tf32" if "TF32" in name else "float32"
            if "ms" in row and f"{kind} {size}" in card:  # Adam reads four numbers of each parameter and writes three
                products = counter.get_total_flops() / card[f"{kind} {size}"] / 1e9
                adam = 28 * parameters / card["bandwidth"] / 1e6
                row |= {"products_ms": products, "adam_ms": adam, "share": (products + adam) / row["ms"]}
        out[str(n)] = times
    return out


def part_recipe(o):
    """Wall-clock seconds from the call of ``fit`` to its end, and of an epoch, with plain's beside them."""
    clips, out = o.clips, {}
    train = clips.clips_in("train")
    options = {**RECIPES["msrvtt"], "image_rate": 0.0, "device": o.device, "epochs": 2 if o.tiny else 100}
    options |= TINY if o.tiny else {}
    config = TrainConfig(**options)
    for name, changed in (("as it is", {}), ("TF32", {"tf32": True}), ("bfloat16", {"amp": True})):
        out[name] = trained(o, clips, replace(config, **changed), validating=True)
    few = replace(config, epochs=1 if o.tiny else 6)
    out["no validation"] = trained(o, clips, few, validating=False)
    out["no validation, operation by operation"] = trained(o, clips, replace(few, fast=False), validating=False)
    samples = plain.Samples(clips, train[: 32 if o.tiny else 1280])
    model = network(o).train()
    optimizer = plain.adam(model, config.lr)

    def loop():
        for text, videos, present in plain.batches(samples, config.batch_size, 0 if o.tiny else 1):
            plain.step(model, optimizer, text.to(o.device), {k: x.to(o.device) for k, x in videos.items()}, present)

    loop()
    out["plain"] = {"epoch": seconds(o, loop) * len(train) / len(samples), "measured on clips": len(samples)}
    return out | {"epochs": config.epochs, "clips": len(train), "val": len(clips.clips_in("val"))}


def trained(o, clips, config, validating):
    model, batches, loss, validate = prepare(clips, config)
    if o.device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    history = []
    with Utilisation(o) as use:
        spent = seconds(
            o, lambda: history.extend(fit(model, batches, loss, config, validate if validating else None).history)
        )
    epochs = [row["seconds"] for row in history]
    out = {"seconds": spent, "epoch": median(epochs), "first epoch": epochs[0], "steps": len(batches)}
    out |= {"utilisation": use.mean, "last loss": history[-1]["loss"]}
    return out | ({"peak memory": torch.cuda.max_memory_allocated()} if o.device != "cpu" else {})


class Utilisation:
    """How busy the card is, in percent, according to nvidia-smi, for the length of the block."""

    def __init__(self, o):
        self.o, self.mean = o, None

    def __enter__(self):
        if self.o.device != "cpu":
            command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200"]
            try:
                self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            except OSError:
                self.o = argparse.Namespace(device="cpu")
        return self

    def __exit__(self, *_):
        if self.o.device != "cpu":
            self.process.terminate()
            values = [float(line) for line in self.process.communicate()[0].split() if line.strip().isdigit()]
            self.mean = sum(values) / len(values) if values else None


def part_halves(o):
    out, clips = {}, read_clips(TINYCLIPS)
    few = {**TINY, "train": clips.clips_in("train")[:200], "val": [], "epochs": 1} if o.tiny else {}
    for name, changed in (("float32", {}), ("TF32", {"tf32": True}), ("bfloat16", {"amp": True})):
        found, spent = [], []
        for seed in range(1 if o.tiny else 3):
            began = time.perf_counter()
            run = fit_clips(clips, seed=seed, progress=False, device=o.device, **{**SMALL, **changed, **few})
            spent.append(time.perf_counter() - began)
            test = evaluate(run.model, clips, "test", bootstrap=0)
            found.append([test[way][key][0] for way in ("t2v", "v2t") for key in ("R@1", "R@10")])
        out[name] = {"t2v R@1, R@10, v2t R@1, R@10": np.mean(found, 0).tolist(), "each": found, "seconds": spent}
    return out


def part_seeds(o):
    """The same 20 models: one ``fit`` after another; and all in one step of stacked weights, with their own batches."""
    clips = read_clips(TINYCLIPS)
    count, epochs = (2, 1) if o.tiny else (20, SMALL["epochs"])
    train = clips.clips_in("train")[: 128 if o.tiny else None]
    config = TrainConfig(**{**SMALL, **(TINY if o.tiny else {}), "epochs": epochs}, device=o.device)

    def alone():
        for seed in range(count):
            fit_clips(clips, train=train, val=[], seed=seed, progress=False, config=config)

    out = {"models": count, "one after another": seconds(o, alone)}
    out["stacked"] = seconds(o, lambda: out.__setitem__("loss", stacked(o, clips, train, config, count)))
    out["gain"] = out["one after another"] / out["stacked"]
    return out


def stacked(o, clips, train, config, count):
    """The mean loss in the last epoch of ``count`` models that are trained as one, with torch.func."""
    from torch.func import functional_call, grad_and_value, stack_module_state, vmap

    from mee.resident import ResidentClips
    from mee.train import build_model, model_config

    models = [build_model(model_config(clips, config), seed).to(o.device).train() for seed in range(count)]
    parameters, buffers = stack_module_state(models)
    base = copy.deepcopy(models[0]).to("meta")
    options = {"max_words": config.max_words, "max_frames": config.max_frames}
    sets = [
        MixedBatches(clips, train, config.batch_size, torch.Generator().manual_seed(seed), drop_last=True, **options)
        for seed in range(count)
    ]
    data, loss = ResidentClips(sets[0], o.device), MaxMarginRankingLoss(config.margin)

    def value(parameters, buffers, words, word_mask, videos, ind, masks, clip, sentence):
        scores = functional_call(base, (parameters, buffers), (words, word_mask, videos, ind, masks))
        return loss(scores, clip, sentence)

    each = vmap(grad_and_value(value), randomness="error")
    lr = torch.tensor(config.lr, device=o.device) if o.device != "cpu" else config.lr
    optimizer = torch.optim.Adam(parameters.values(), lr, fused=True, capturable=o.device != "cpu")
    clip = torch.zeros(count, config.batch_size, dtype=torch.long, device=o.device)
    caption, total = torch.zeros_like(clip), torch.zeros((), device=o.device)

    def step():
        batch = data.batch(clip.flatten(), caption.flatten())
        split = {key: _split(x, count) for key, x in vars(batch).items()}
        gradients, values = each(
            parameters, buffers, split["words"], split["word_mask"], split["videos"], split["ind"], split["masks"],
            split["clip"], split["sentence"],
        )  # fmt: skip
        for name, parameter in parameters.items():
            parameter.grad = gradients[name]
        optimizer.step()
        total.add_(values.detach().mean())

    graph, done = None, 0
    for _ in range(config.epochs):
        total.zero_()
        plans = [batches.plan() for batches in sets]
        numbers = torch.stack([plan[0] for plan in plans]).to(o.device)
        captions = torch.stack([plan[1] for plan in plans]).to(o.device)
        for first in range(0, numbers.shape[1], config.batch_size):
            clip.copy_(numbers[:, first : first + config.batch_size])
            caption.copy_(captions[:, first : first + config.batch_size])
            done += 1
            if o.device != "cpu" and graph is None and done > 3:
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph):
                    step()
            graph.replay() if graph else step()
        for group in optimizer.param_groups:
            group["lr"] *= config.lr_decay
    return float(total) / len(sets[0])


def _split(x, count):
    if isinstance(x, dict):
        return {name: _split(value, count) for name, value in x.items()}
    return x.view(count, -1, *x.shape[1:])


def drawn_embeddings(o, n, dims, seed=0):
    """Sentences, and clips that each resemble their sentence a little; a third have no face."""
    g = torch.Generator(o.device).manual_seed(seed)
    mask = torch.rand(n, len(dims), generator=g, device=o.device) < torch.tensor([1, 0.9, 0.67, 1], device=o.device)
    texts = {name: F.normalize(torch.randn(n, dim, generator=g, device=o.device)) for name, dim in dims.items()}
    clips = {}
    for i, (name, dim) in enumerate(dims.items()):
        noise = torch.randn(n, dim, generator=g, device=o.device) / dim**0.5
        clips[name] = F.normalize(texts[name] + 3 * noise) * mask[:, i, None]
    weights = torch.softmax(torch.randn(n, len(dims), generator=g, device=o.device), 1)
    return TextEmbedding(texts, weights), VideoEmbedding(clips, mask)


@torch.no_grad()
def part_ranking(o):
    dims = dict.fromkeys(EXPERTS, 16 if o.tiny else 256)
    block = MEE({name: (1, dim) for name, dim in dims.items()}, 1).to(o.device)
    out = {}
    n = 500 if o.tiny else 10_000
    text, video = drawn_embeddings(o, n, dims)

    def matrix():
        scores = block.score(text, video)
        return ranks(scores), ranks(scores.T)

    out[f"{n} x {n} scores and ranks both ways"] = turns(o, {"": matrix}, 3)[""]
    n = 2000 if o.tiny else 100_000
    text, video = drawn_embeddings(o, n, dims)
    size = 4096

    def rows(queries):
        return block.score(text.rows(queries.to(o.device)), video)

    def columns(queries):
        return block.score(text, video.rows(queries.to(o.device))).T

    found = {}

    def both():
        found["t2v"], found["v2t"], _ = ranks_both_ways((rows, columns), torch.arange(n), chunk=size)

    out[f"{n} x {n} ranks both ways, without the matrix"] = {"seconds": seconds(o, both)}
    out["R@10 of it"] = summarise(found["t2v"], bootstrap=0)["R@10"][0]
    n, queries = (5000, 8) if o.tiny else (1_000_000, 64)
    g = torch.Generator(o.device).manual_seed(1)
    gallery = F.normalize(torch.randn(n, 256, generator=g, device=o.device)).half()
    asked = F.normalize(torch.randn(queries, 256, generator=g, device=o.device)).half()
    sides = {f"{count} queries": lambda count=count: (asked[:count] @ gallery.T).topk(10) for count in (1, queries)}
    out[f"exact search, {n} clips of 256 numbers in float16"] = turns(o, sides, 5)
    return out


def part_msrvtt(o):
    if not o.msrvtt:
        return {"not run": "no --msrvtt FILE"}
    clips, out = read_clips(o.msrvtt), {}
    options = {**MSRVTT, **TINY, "epochs": 1} if o.tiny else MSRVTT
    for seed in range(1 if o.tiny else 3):
        began = time.perf_counter()
        model = fit_clips(clips, seed=seed, progress=False, device=o.device, **options).model
        row = {"seconds": time.perf_counter() - began}
        for score, calibration in (("paper", None), ("calibrated", calibrate(model, clips))):
            found = evaluate(model, clips, "test", bootstrap=0, calibration=calibration)
            row |= {f"{score} t2v R@10": found["t2v"]["R@10"][0], f"{score} v2t R@10": found["v2t"]["R@10"][0]}
        out[f"seed {seed}"] = row
    return out


def part_profile(o):
    from torch.profiler import ProfilerActivity, profile

    step = resident(o, o.clips, 8 if o.tiny else 64, False)
    for _ in range(3):
        step()
    kinds = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (o.device != "cpu")
    with profile(activities=kinds) as profiled:
        for _ in range(5):
            step()
        wait(o)
    key = "self_device_time_total" if o.device != "cpu" else "self_cpu_time_total"
    rows = sorted(profiled.key_averages(), key=lambda row: -getattr(row, key))[:15]
    return {row.key[:90]: {"ms": getattr(row, key) / 5000, "calls": row.count / 5} for row in rows}


ORDER = (
    part_card, part_tests, part_step, part_recipe, part_halves, part_seeds, part_ranking, part_msrvtt, part_profile
)  # fmt: skip
PARTS = {part.__name__.removeprefix("part_"): part for part in ORDER}


# --------------------------------------------------------------------------------------------------------- command line


def lines(content, indent=0):
    """``content`` as an indented list, with numbers of three digits."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield f"{'  ' * indent}{key}"
            yield from lines(value, indent + 1)
        else:
            shown = f"{value:.3g}" if isinstance(value, float) else value
            yield f"{'  ' * indent}{key}: {shown}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="sizes for a dry run")
    parser.add_argument("--minutes", type=float, default=8, help="start no part after this time (default: 8)")
    parser.add_argument("--msrvtt", type=Path, metavar="FILE", help="the clip file of convert_msrvtt_frames.py")
    parser.add_argument("--json", type=Path, metavar="FILE")
    o = parser.parse_args()
    if o.device != "cpu" and not torch.cuda.is_available():
        parser.error("no CUDA device here; --device cpu --tiny is a dry run")
    o.name = torch.cuda.get_device_name() if o.device != "cpu" else f"{platform.processor() or 'CPU'}, a dry run"
    o.out = {"commit": git("rev-parse", "--short", "HEAD"), "tiny": o.tiny, "threads": os.cpu_count()}
    o.clips = drawn_clips(o, 0.02 if o.tiny else 1.0)
    began = time.perf_counter()
    for name in o.parts or PARTS:
        if time.perf_counter() - began > 60 * o.minutes:
            o.out[name] = {"not run": "no time was left"}
        else:
            started = time.perf_counter()
            try:
                o.out[name] = PARTS[name](o)
            except Exception as error:
                said = f"{type(error).__name__}: {error}"[:500]
                o.out[name] = {"error": said, "where": traceback.format_exc()[-1500:]}
            o.out[name]["took"] = round(time.perf_counter() - started, 1)
        print(f"\n{name}\n" + "\n".join(lines(o.out[name], 1)), flush=True)
        if o.json:
            write_json(o.json, json.loads(json.dumps(o.out)))


if __name__ == "__main__":
    main()
