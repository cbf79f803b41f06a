"""A clip file with MSR-VTT's sizes and random content, to measure on.

    python experiments/benchmarks/sizes.py FILE.h5 [SHARE]

SHARE (default 1) of 10,000 clips with 20 captions each. Dimensions are those of the paper's features. Lengths follow
the real annotations: captions have 9.3 words on average, and a twentieth more than 17; clips last 10 to 30 seconds, 15
on average, and sound has a row for every 0.96 seconds. It is assumed that a third of the clips have no face and a tenth
no sound. The splits are those of the full split: 6,513 for training, 497 for validation, 2,990 for testing. The same
seed gives the same file.
"""

import sys

import numpy as np

from mee.data import Words
from mee.storage import ClipWriter

CLIPS, CAPTIONS, WORDS, WORD_DIM = 10_000, 20, 28_000, 300
EXPERTS = {
    "appearance": ("vector", 2048),
    "audio": ("sequence", 128),
    "face": ("vector", 128),
    "motion": ("vector", 1024),
}


def words_in(g, captions):
    """How many words each caption has: log-normal, as the real ones nearly are."""
    return np.exp(g.normal(2.138, 0.42, captions)).round().clip(2, 60).astype(int)


def rows_of_sound(g, clips):
    return ((10 + g.exponential(5.0, clips)).clip(max=30) / 0.96).astype(int)


def write(path, share=1.0, seed=0):
    g = np.random.default_rng(seed)
    clips = round(CLIPS * share)
    vocabulary = [f"w{i}" for i in range(WORDS)]
    words = Words(vocabulary, g.normal(size=(WORDS, WORD_DIM)).astype("f2"))
    often = 1 / np.arange(10, WORDS + 10)
    drawn = g.choice(WORDS, 70 * clips * CAPTIONS // 5, p=often / often.sum())
    length, sound = words_in(g, clips * CAPTIONS), rows_of_sound(g, clips)
    border = [round(clips * part) for part in (0.6513, 0.7010)]
    used = 0
    with ClipWriter(path, EXPERTS, words, title="MSR-VTT's sizes, drawn", made_by="sizes.py") as out:
        for i in range(clips):
            features = {"appearance": abs(g.standard_normal(2048, "f4")), "motion": abs(g.standard_normal(1024, "f4"))}
            if g.random() > 1 / 3:
                features["face"] = g.standard_normal(128, "f4")
            if g.random() > 0.1:
                features["audio"] = g.standard_normal((sound[i], 128), "f4")
            captions = []
            for n in length[i * CAPTIONS : (i + 1) * CAPTIONS]:
                captions.append(" ".join(vocabulary[w] for w in drawn[used : used + n]))
                used += n
            split = "train" if i < border[0] else "val" if i < border[1] else "test"
            out.add(f"video{i}", split, features, captions)


if __name__ == "__main__":
    write(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 1.0)
