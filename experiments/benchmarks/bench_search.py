"""How fast, how large and how right :class:`mee.search.ClipIndex` is, from a thousand clips to a million.

    python experiments/benchmarks/bench_search.py --sizes 1000 10000 100000 1000000 --json FILE.json

The book's FILE.json is notebooks/data/bench_search.json.

Every index is built in a process of its own, so that its memory can be told from that of the others. It measures:

- seconds to build, without the drawing of the clips;
- resident memory above that of the libraries, also as a multiple of the vectors (absent ones not counted);
- milliseconds per query, p50 and p99: one sentence at a time, with its embedding given; a ``search`` with k = 10 and
  everything that a hit says;
- recall@10: which share of the exact ten best was found;
- the file: its bytes, and the seconds to save and to load it.

One thread, unless ``--threads`` says otherwise. Beside the time on the clock stands the time that the processor spent
(``cpu``): on a machine that has other work to do, go by the latter.

The clips are drawn at random, not real: a million real clips cannot be handed out, and the statistics must be known.
Four experts of 64 dimensions; a third of the clips have no face and a tenth are silent, independently. Like real
embeddings they come in clusters and fill few of their dimensions: in each expert, numbers fall off with the dimension's
number i as i ** -0.5 (about 14 dimensions count; in TinyClips, with a model of 64 dimensions, it is 5 to 20). A clip
belongs to one of clips / 50 topics; its topic names a centre in each expert, which the clip follows with probability
0.7 (else it has another, at random: not every dog barks). Its embedding is the centre plus noise of 0.6 its length, a
sentence's is the centre plus noise of 0.8, both scaled to length 1. Mixture weights are the softmax of normal numbers
with a standard deviation of 1, and, as a second set of sentences, of 3 (``--peaks``): then most of the trust goes to
one expert. Everything is drawn from ``SEED`` and the number of the block, so it is the same everywhere with the same
NumPy; the JSON has a checksum of the first block.
"""

import argparse
import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np
import torch

from mee.model import TextEmbedding, VideoEmbedding
from mee.search import ClipIndex

sys.path.append(str(Path(__file__).resolve().parents[1]))
from records import git, processor, write_json  # noqa: E402

SEED, BLOCK, DIM, K = 2018, 10_000, 64, 10
CENTRES = {"appearance": 5000, "audio": 1000, "face": 2000, "motion": 1000}
MISSING = {"face": 1 / 3, "audio": 1 / 10}
RUNS = [  # kind, dtype, values of ef_search that are tried
    ("exact", "float32", [None]),
    ("exact", "float16", [None]),
    ("hnsw", "float32", [16, 32, 64, 128, 256, 512]),
    ("hnsw", "float16", [16, 32, 64, 128, 256, 512]),
]


class World:
    """The clips and sentences of a world of ``n`` clips, drawn block by block."""

    def __init__(self, n):
        self.n, self.topics = n, max(20, n // 50)
        generator = np.random.default_rng([SEED, 0])
        self.fall = (np.arange(1, DIM + 1) ** -0.5).astype("f4")
        self.fall /= np.linalg.norm(self.fall)  # noise of about length 1
        self.centres, self.topic = {}, {}
        for name, most in CENTRES.items():
            count = min(most, self.topics)
            self.centres[name] = self._unit(self._noise(generator, count))
            self.topic[name] = generator.integers(count, size=self.topics)

    def _noise(self, generator, rows):
        return generator.standard_normal((rows, DIM), "f4") * self.fall

    def _unit(self, x):
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    def _around(self, generator, topics, follow, noise):
        out = {}
        for name, centres in self.centres.items():
            own = self.topic[name][topics]
            other = generator.integers(len(centres), size=len(topics))
            centre = np.where(generator.random(len(topics)) < follow, own, other)
            out[name] = torch.from_numpy(self._unit(centres[centre] + noise * self._noise(generator, len(topics))))
        return out

    def clips(self):
        """(ids, VideoEmbedding) of each block."""
        for start in range(0, self.n, BLOCK):
            rows = min(BLOCK, self.n - start)
            generator = np.random.default_rng([SEED, 1, start])
            vectors = self._around(generator, generator.integers(self.topics, size=rows), 0.7, 0.6)
            mask = np.stack([generator.random(rows) >= MISSING.get(name, 0) for name in self.centres], 1)
            ids = [f"clip-{i:08d}" for i in range(start, start + rows)]
            yield ids, VideoEmbedding(vectors, torch.from_numpy(mask))

    def sentences(self, count, peak=1.0):
        """A TextEmbedding of ``count`` sentences; ``peak``: how unequal the weights are."""
        generator = np.random.default_rng([SEED, 2])
        vectors = self._around(generator, generator.integers(self.topics, size=count), 1.0, 0.8)
        weights = np.exp(peak * generator.standard_normal((count, len(self.centres))))
        return TextEmbedding(vectors, torch.from_numpy((weights / weights.sum(1, keepdims=True)).astype("f4")))


def resident():
    """Bytes of this process that are in memory at the moment."""
    with open("/proc/self/statm", encoding="utf-8") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def one(options):
    """Build one index and query it; prints the measurements as JSON."""
    torch.set_num_threads(options.threads)
    faiss.omp_set_num_threads(options.threads)
    world = World(options.n)
    index = ClipIndex(dict.fromkeys(CENTRES, DIM), options.kind, options.dtype)
    # load and allocate what is needed once, before memory is measured
    warm = ClipIndex(dict.fromkeys(CENTRES, DIM), options.kind, options.dtype)
    warm.add(*next(iter(world.clips())))
    warm.search(world.sentences(10))
    del warm
    before, seconds, spent, first = resident(), 0.0, 0.0, None
    for ids, video in world.clips():
        first = first or hashlib.sha256(video.vectors["motion"].numpy().tobytes()).hexdigest()[:16]
        began, worked = time.perf_counter(), time.process_time()
        index.add(ids, video)
        seconds += time.perf_counter() - began
        spent += time.process_time() - worked
    del ids, video
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    after = resident() - before
    found = {"seconds": round(seconds, 1), "cpu_seconds": round(spent, 1), "bytes": after, "peak_bytes": peak}
    found |= {"vector_bytes": index.nbytes, "drawn": first, "efforts": []}
    for peak in options.peaks:
        text = world.sentences(options.queries, peak)
        found["efforts"] += asked(index, text, options.efforts, peak, f"{options.truth}-{peak}.npy")
    file = Path(options.truth).with_suffix(".index")
    began = time.perf_counter()
    index.save(file)
    saved = time.perf_counter()
    del index
    ClipIndex.load(file)
    found |= {"file_bytes": file.stat().st_size, "save_seconds": round(saved - began, 1)}
    file.unlink()
    print(json.dumps(found | {"load_seconds": round(time.perf_counter() - saved, 1)}))


def asked(index, text, efforts, peak, known):
    """Time and recall for each ``ef_search``; the first index queried, the exact one, says what is right."""
    queries = [text.rows([i]) for i in range(len(text.weights))]
    rows = []
    for effort in efforts:
        index.ef_search = effort or index.ef_search
        index.search(queries[0], K)
        took, spent, got = [], [], []
        for query in queries:
            began, worked = time.perf_counter(), time.process_time()
            hits = index.search(query, K)[0]
            took.append(time.perf_counter() - began)
            spent.append(time.process_time() - worked)
            got.append([hit.id for hit in hits])
        if not os.path.exists(known):
            np.save(known, np.array(got))
        truth = np.load(known, allow_pickle=False).tolist()
        recall = float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(got, truth, strict=True)]))
        row = {"peak": peak, "effort": effort, "recall@10": round(recall, 4)}
        for name, times in (("ms", took), ("cpu_ms", spent)):
            row |= {f"p{p}_{name}": round(1000 * float(np.percentile(times, p)), 3) for p in (50, 99)}
        rows.append(row)
    return rows


def table(runs):
    head = f"{'clips':>9} {'index':<14}{'build s':>9}{'cpu s':>9}{'memory MB':>11}{'x vectors':>11}"
    lines = [head + f"{'peak':>6}{'effort':>8}{'recall@10':>11}{'p50 ms':>9}{'p99 ms':>9}{'p50 cpu':>9}{'p99 cpu':>9}"]
    for run in runs:
        left = f"{run['clips']:>9} {run['kind'] + ' ' + run['dtype']:<14}"
        left += f"{run['seconds']:>9.1f}{run['cpu_seconds']:>9.1f}"
        left += f"{run['bytes'] / 1e6:>11.1f}{run['bytes'] / run['vector_bytes']:>11.2f}"
        for row in run["efforts"]:
            times = "".join(f"{row[name]:>9.2f}" for name in ("p50_ms", "p99_ms", "p50_cpu_ms", "p99_cpu_ms"))
            lines.append(f"{left:<64}{row['peak']:>6g}{row['effort'] or '':>8}{row['recall@10']:>11.3f}{times}")
            left = ""
    return "\n".join(lines)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    p.add_argument("--queries", type=int, default=500)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--peaks", type=float, nargs="+", default=[1, 3], help="how unequal the weights are (default 1 3)")
    p.add_argument("--kinds", nargs="+", default=["exact", "hnsw"])
    p.add_argument("--dtypes", nargs="+", default=["float32", "float16"])
    p.add_argument("--json", type=Path)
    for name in ("--n", "--kind", "--dtype", "--truth", "--efforts"):  # of one process, see one()
        p.add_argument(name, help=argparse.SUPPRESS)
    options = p.parse_args()
    if options.n:
        options.n, options.efforts = int(options.n), json.loads(options.efforts)
        return one(options)
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for n in options.sizes:
            for kind, dtype, efforts in RUNS:
                if kind not in options.kinds or dtype not in options.dtypes:
                    continue
                own = ["--n", n, "--kind", kind, "--dtype", dtype, "--efforts", json.dumps(efforts)]
                own += ["--truth", f"{folder}/{n}", "--queries", options.queries, "--threads", options.threads]
                command = [sys.executable, __file__, *map(str, [*own, "--peaks", *options.peaks])]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                run = {"clips": n, "kind": kind, "dtype": dtype, **json.loads(done.stdout.splitlines()[-1])}
                runs.append(run)
                print(table([run]) if len(runs) == 1 else table([run]).split("\n", 1)[1], flush=True)
    if options.json:
        about = {
            "what": "what experiments/benchmarks/bench_search.py says is measured, on clips drawn as it says",
            "command": " ".join(["python experiments/benchmarks/bench_search.py", *sys.argv[1:]]),
            "commit": git("describe", "--always", "--dirty"),
            "machine": f"{processor()}, {os.cpu_count()} cores, {options.threads} used; {platform.system()}",
            "versions": {"python": platform.python_version(), "numpy": np.__version__, "faiss": faiss.__version__},
            "experts": len(CENTRES),
            "dim": DIM,
            "seed": SEED,
            "queries": options.queries,
        }
        write_json(options.json, {**about, "runs": runs})


if __name__ == "__main__":
    main()
