"""A mend or a change? This library against the original's arithmetic (mee.original), on TinyClips or another file.

    python experiments/original.py                     # TinyClips, three seeds, the test split
    python experiments/original.py FILE.h5 --split val --epochs 40

The rows are a ladder: each has all differences of those above it.
"""

import argparse

import torch

from mee.compare import compare, difference, table
from mee.data import Clips
from mee.model import VideoTextMEE
from mee.original import OriginalNetwork, heard
from mee.train import ARCHITECTURE

# those of experiments/tinyclips.py; at most 30 words and rows are padded to, as in the paper's recipe for MSR-VTT
COMMON = {"lr": 2e-3, "dim": 256, "text_clusters": 16, "sequence_clusters": 8, "max_words": 30, "max_rows": 30}


class PaddedWords(OriginalNetwork):
    """Pads count among the words alone."""

    embed_video = VideoTextMEE.embed_video


def made(network):
    """``network`` with the weights of the config's seed, for :func:`mee.train.fit`."""

    def build(config):
        torch.manual_seed(config["seed"])
        return network(config["max_words"], config["max_rows"], **{name: config[name] for name in ARCHITECTURE})

    return build


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", default="notebooks/data/tinyclips.h5")
    parser.add_argument("--split", default="test", choices=("val", "test"))
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    torch.set_num_threads(1)
    clips = Clips(options.file)
    silent = heard(clips)
    variants = {
        "this library": {},
        "and pads among the words": {"network": made(PaddedWords)},
        "and zeros for what a clip lacks": {"network": made(OriginalNetwork)},
        "and silence is sound": {"network": made(OriginalNetwork), "clips": silent},
        "and its loss: the original's arithmetic": {"original": True, "clips": silent},
    }
    results = compare(clips, variants, options.seeds, options.split, epochs=options.epochs, **COMMON)
    first, *others = variants
    print(table(results, first))
    for way in ("t2v", "v2t"):
        for k in (1, 10):
            for name in others:
                gain = difference(results[name], results[first], way, k)
                print("{} R@{}: {}: {:+.1f} [{:+.1f}, {:+.1f}] against {}".format(way, k, name, *gain, first))


if __name__ == "__main__":
    main()
