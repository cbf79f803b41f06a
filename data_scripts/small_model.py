"""Make a trained model small enough to come with the repository: float16, and a smaller sample in its calibration.

    python data_scripts/small_model.py build/model/model.pt notebooks/data/tinyclips_model.pt      # make model

Reads what ``mee train --out`` wrote and writes a file that ``mee.load_model`` reads. Weights and vectors are rounded to
three digits, which changes no score visibly; call ``model.float()`` after loading for speed on a CPU.
"""

import argparse
from pathlib import Path

from mee import load_model, save_model
from mee.calibration import Calibration

CAPTIONS = 500  # of the 1,000 training captions behind the calibrated score: just as good, in half the bytes


def main(arguments=None):
    """Read the model, shrink it, write it, and say how large it is."""
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("model", type=Path, help="a model.pt from `mee train`")
    p.add_argument("out", type=Path, help="the file to write")
    options = p.parse_args(arguments)
    model, words = load_model(options.model)
    if full := model.calibration:
        captions = full.captions and full.captions.rows(slice(CAPTIONS))
        model.calibration = Calibration(full.mean, full.covariance, captions)
    if words:
        words.vectors = words.vectors.half()
    save_model(options.out, model.half(), words)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
