"""Qdrant's core in a folder (:mod:`mee.search.qdrant`): what a kill loses, and how fast, large and right it is.

    python experiments/benchmarks/bench_qdrant.py --clips 100000

A process loads drawn clips (those of bench_search.py: four experts of 64 dimensions, some missing) and is killed,
SIGKILL, in the middle; what its ``add`` had returned from must be there when the folder is opened again. Another goes
on where it stopped and is killed while it builds the graphs. Then 10 best clips are searched, one sentence at a time:

- exact: every expert proposes all clips;
- compared: every expert proposes ``depth`` clips, from comparing with all of them, before there are graphs;
- graphs: it proposes them by its graph (HNSW).

Recall is against :class:`mee.search.ClipIndex`, and "differs" is by how much a score does at most. Prints a JSON.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from bench_search import CENTRES, DIM, K, World

from mee.search import ClipIndex
from mee.search.qdrant import QdrantIndex

DIMS, CHUNK = dict.fromkeys(CENTRES, DIM), 500


def load(folder, n):
    """Add the clips that are not in the folder yet, and print how many are sure to be there after each chunk."""
    index = QdrantIndex(DIMS, folder)
    print(len(index), flush=True)
    for ids, video in World(n).clips():
        for start in range(0, len(ids), CHUNK):
            rows = [i for i in range(start, min(start + CHUNK, len(ids))) if ids[i] not in index]
            if rows:
                index.add([ids[i] for i in rows], video.rows(rows))
                print(len(index), flush=True)
    return index


def killed_load(folder, n, after, wait=0.0):
    """How many clips ``add`` had told a loading process to be there, which is killed ``wait`` s after ``after`` are."""
    command = [sys.executable, __file__, "--clips", str(n), "--load", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        told = 0
        while told < after:
            told = int(process.stdout.readline())
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        told = max([told, *map(int, process.stdout.read().split())])
    assert process.returncode == -signal.SIGKILL
    return told


def compare(index, queries, reference):
    """Milliseconds of a search, by the clock and of the processor; recall@10; by how much a score differs at most."""
    took, spent, shared, differs = [], [], 0, 0.0
    for query, hits in zip(queries, reference, strict=True):
        began, worked = time.perf_counter(), time.process_time()
        got = index.search(query, K)[0]
        took.append(1000 * (time.perf_counter() - began))
        spent.append(1000 * (time.process_time() - worked))
        scores = {hit.id: hit.score for hit in hits}
        shared += len(scores.keys() & {hit.id for hit in got})
        differs = max([differs, *(abs(hit.score - scores[hit.id]) for hit in got if hit.id in scores)])
    ms, cpu_ms = (round(float(np.median(x)), 1) for x in (took, spent))
    return {"ms": ms, "cpu_ms": cpu_ms, "recall@10": round(shared / len(reference) / K, 4), "differs": differs}


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--clips", type=int, default=100_000)
    p.add_argument("--queries", type=int, default=100)
    p.add_argument("--depths", type=int, nargs="+", default=[100, 1000])
    p.add_argument("--load", metavar="FOLDER", help=argparse.SUPPRESS)  # the process that is killed
    options = p.parse_args()
    if options.load:
        return load(options.load, options.clips).optimize()
    found, world = {"clips": options.clips}, World(options.clips)
    queries = [world.sentences(options.queries).rows([i]) for i in range(options.queries)]
    exact = ClipIndex(DIMS)
    for ids, video in world.clips():
        exact.add(ids, video)
    reference = [exact.search(query, K)[0] for query in queries]
    with tempfile.TemporaryDirectory() as folder:
        told = killed_load(folder, options.clips, options.clips // 2, 0.03)
        began = time.perf_counter()
        index = QdrantIndex(DIMS, folder)
        found["kill while loading"] = {"told": told, "there": len(index)}
        found["seconds to open"] = round(time.perf_counter() - began, 2)
        index.close()
        began = time.perf_counter()
        index = load(folder, options.clips)
        found["seconds to load the rest"] = round(time.perf_counter() - began, 1)
        for depth in (*options.depths, options.clips):
            index.depth = depth
            part = slice(None if depth < options.clips else 10)  # exact is slow
            found["exact" if depth == options.clips else f"compared, {depth}"] = compare(
                index, queries[part], reference[part]
            )
        index.close()
        told = killed_load(folder, options.clips, options.clips, 2)
        index = QdrantIndex(DIMS, folder)
        found["kill while building graphs"] = {"told": told, "there": len(index)}
        began, worked = time.perf_counter(), time.process_time()
        index.optimize()
        found["seconds to build graphs"] = round(time.perf_counter() - began, 1)
        found["cpu seconds to build graphs"] = round(time.process_time() - worked, 1)
        for depth in options.depths:
            index.depth = depth
            found[f"graphs, {depth}"] = compare(index, queries, reference)
        index.close()
        files = [path.stat() for path in Path(folder).rglob("*") if path.is_file()]
        found["MB on the disk"] = round(sum(512 * file.st_blocks for file in files) / 1e6, 1)
        found["MB of vectors"] = round(exact.nbytes / 1e6, 1)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
