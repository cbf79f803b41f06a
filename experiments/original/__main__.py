"""Train with the original code's arithmetic, then test; network.py says where it differs from this library's.

    python experiments/original FILE.h5 --recipe msrvtt

The flags are those of ``mee train``, without --out and --resume.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mee.cli import parse, report
from mee.storage import read_clips
from mee.train import Progress

sys.path.append(str(Path(__file__).resolve().parents[1]))
from original.network import mark_silence_present, train  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(["train", *(sys.argv[1:] if arguments is None else arguments)])
    if options.out or options.resume:
        sys.exit("--out: mee would read this model back as its own network; the numbers are printed, no model is kept")
    began, clips = time.perf_counter(), mark_silence_present(read_clips(options.clips))
    images = read_clips(options.images) if options.images else None
    try:
        run = train(clips, options.config, images, callbacks=[Progress()] if options.progress else [])
    except (ValueError, FloatingPointError) as error:
        sys.exit(str(error))
    report(run, clips, mark_silence_present(read_clips(options.choices)) if options.choices else clips, began)


if __name__ == "__main__":
    main()
