"""The real clips of data_scripts/convert_memad.py: motion, audio, both, and both with the clips that lack motion.

    python experiments/real_clips.py validate memad.h5     # cross-validation inside the training clips: to choose by
    python experiments/real_clips.py test memad.h5         # the test split, once the choice is made

The question is the paper's promise: do 410 clips without motion help when added to 588 complete ones? The 588 are the
complete clips of the train and the val split; the number of epochs is fixed, so none of them is needed to decide when
to stop.
"""

import argparse

import torch

from mee.compare import compare, difference, table
from mee.storage import read_clips

EPOCHS = 40


def settings(complete, incomplete, epochs):
    """name -> arguments of fit_clips, to train on ``complete`` clips, and on these with ``incomplete`` ones added.

    With more clips an epoch has more steps. *As many steps* gives the complete clips the same number, over which the
    learning rate falls as far.
    """
    everything = torch.cat([complete, incomplete])
    more = len(everything) / len(complete)
    longer = {"train": complete, "epochs": round(epochs * more), "lr_decay": 0.95 ** (1 / more)}
    return {
        "motion alone": {"experts": ["motion"], "train": complete},
        "audio alone": {"experts": ["audio"], "train": complete},
        "both, complete clips": {"train": complete},
        "both, and 410 without motion": {"train": everything},
        "both, complete clips, as many steps": longer,
        "both, complete clips, expert loss": {"train": complete, "expert_loss": 1.0},
        "both, complete clips, as many steps, expert loss": {**longer, "expert_loss": 1.0},
        "both, and 410 without motion, expert loss": {"train": everything, "expert_loss": 1.0},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("validate", "test"))
    parser.add_argument("file")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--folds", type=int, default=3, help="folds of the cross-validation")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    clips = read_clips(options.file)
    motion = clips.present[:, list(clips.experts).index("motion")]
    learn = torch.cat([clips.clips_in("train"), clips.clips_in("val")])
    complete, incomplete = learn[motion[learn]], learn[~motion[learn]]
    print(f"{len(complete)} clips with motion, {len(incomplete)} without")
    common = {"experts": ["audio", "motion"], "val": [], "epochs": options.epochs}
    if options.what == "test":
        results = compare(clips, settings(complete, incomplete, options.epochs), options.seeds, "test", **common)
        report(results)
        return
    for seed in options.seeds:
        order = complete[torch.randperm(len(complete), generator=torch.Generator().manual_seed(seed))]
        for fold in range(options.folds):
            held = order[fold :: options.folds]
            rest = order[~torch.isin(order, held)]
            print(f"\nseed {seed}, fold {fold + 1} of {options.folds}: {len(rest)} to train on, {len(held)} to rank")
            report(compare(clips, settings(rest, incomplete, options.epochs), [seed], held, progress=False, **common))


def report(results):
    print(table(results))
    for more, less in (
        ("both, and 410 without motion", "both, complete clips"),
        ("both, and 410 without motion", "both, complete clips, as many steps"),
        ("both, and 410 without motion, expert loss", "both, complete clips, expert loss"),
        ("both, and 410 without motion, expert loss", "both, complete clips, as many steps, expert loss"),
        ("both, and 410 without motion, expert loss", "both, complete clips"),
    ):
        for direction in ("t2v", "v2t"):
            value, low, high = difference(results[more], results[less], direction)
            print(f"{more} - {less}, {direction} R@10: {value:+.1f} [{low:+.1f}, {high:+.1f}]")


if __name__ == "__main__":
    main()
