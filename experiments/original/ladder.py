"""A bug fix or a design change? This library beside the original's arithmetic, on TinyClips or another file.

    python experiments/original/ladder.py                     # TinyClips, three seeds, the test split
    python experiments/original/ladder.py FILE.h5 --split val --epochs 40

The rows are a ladder: each has all differences of those above it.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from mee.compare import Result, difference, table
from mee.config import TrainConfig
from mee.evaluate import compute_ranks
from mee.model import VideoTextMEE
from mee.storage import read_clips

sys.path.append(str(Path(__file__).resolve().parents[1]))
from original.network import OriginalLoss, OriginalNetwork, mark_silence_present, train  # noqa: E402

# those of experiments/tinyclips.py; padding goes to 30 words and frames, as in the paper's recipe for MSR-VTT
COMMON = {"lr": 2e-3, "dim": 256, "text_clusters": 16, "sequence_clusters": 8, "max_words": 30, "max_frames": 30}


class PaddedWords(OriginalNetwork):
    """Padding counts, but only among the words."""

    embed_video = VideoTextMEE.embed_video


#: label -> (network, whether silence is sound, loss)
ROWS = {
    "this library": (VideoTextMEE, False, None),
    "and pads among the words": (PaddedWords, False, None),
    "and zeros for what a clip lacks": (OriginalNetwork, False, None),
    "and silence is sound": (OriginalNetwork, True, None),
    "and its loss: the original's arithmetic": (OriginalNetwork, True, OriginalLoss),
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", default="notebooks/data/tinyclips.h5")
    parser.add_argument("--split", default="test", choices=("val", "test"))
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    clips, config, results = read_clips(options.file), TrainConfig(epochs=options.epochs, **COMMON), {}
    for label, (network, silence_is_sound, loss) in ROWS.items():
        own, runs, began = mark_silence_present(clips) if silence_is_sound else clips, [], time.perf_counter()
        for seed in options.seeds:
            run = train(own, replace(config, seed=seed), network=network, loss=loss)
            runs.append(compute_ranks(run.model, own, own.clips_in(options.split)))
        results[label] = Result.of_runs(runs, (time.perf_counter() - began) / len(runs))
    first, *others = ROWS
    print(table(results, first))
    for direction in ("t2v", "v2t"):
        for k in (1, 10):
            for label in others:
                gain = difference(results[label], results[first], direction, k)
                print("{} R@{}: {}: {:+.1f} [{:+.1f}, {:+.1f}] against {}".format(direction, k, label, *gain, first))


if __name__ == "__main__":
    main()
