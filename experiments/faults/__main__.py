"""Try to break it: each class of fault is inflicted for real, many times, and what was lost is counted.

    python experiments/faults                                   # all rows, about ten minutes on two cores python
    experiments/faults kill full --share 0.06            # two rows, a sixteenth of the attempts python
    experiments/faults -o notebooks/data/faults.json     # also write the numbers python experiments/faults --page
    # put the table of those numbers into the book

Every attempt runs in a forked process, so that a crash or a hang of the interpreter is seen.
It ends *right* (the numbers are those that were written, or what the change legitimately says), *refused* (the
library's own error, nothing half written, what was there before intact), or it is *lost*: a crash, a hang, another
exception, or wrong numbers without a word. Seeds are fixed. Linux only; as root it also fills a real (small) disk.
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import torch

from mee.storage import atomic

sys.path.append(str(Path(__file__).resolve().parents[1]))
# importing a module adds its rows to the table
from faults import clip_files, training, disks, models  # noqa: E402, F401, I001
from faults.harness import ROWS, row  # noqa: E402
from records import ROOT, processor, write_json  # noqa: E402

PAGE = ROOT / "notebooks/faults.md"
NUMBERS = ROOT / "notebooks/data/faults.json"


def tests_of(*arguments):
    """Run tests of the suite, each of which inflicts one or more faults for real; a verdict for each."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-rA", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    words = ("PASSED", "FAILED", "ERROR")
    lines = [line.split(" ", 1) for line in done.stdout.splitlines() if line.split(" ")[0] in words]
    verdicts = ["refused" if word == "PASSED" else f"lost: {rest}" for word, rest in lines]
    return verdicts or [f"lost: no test ran: {done.stdout[-300:]}"]


ARCHIVES = "not_unpacked or refused_after or sizes_are_counted or mutants"


@row("Pickles and .npy files of the paper's releases: code in them, damage, bombs, what Python 2 wrote (tests)")
def pickles(folder, share):
    return tests_of("tests/test_safe_pickle.py", "tests/test_convert_release.py")


@row("Archives: names that climb out, links, devices, bombs, lies about sizes, damage: nothing written outside (tests)")
def archives(folder, share):
    return tests_of("tests/test_download.py", "-k", ARCHIVES)


@row("Downloads: connections that drop or stall, servers that lie, wrong sums, full disks, two at once, killed (tests)")
def downloads(folder, share):
    return tests_of("tests/test_download.py", "-k", f"not ({ARCHIVES})")


@row("Numbers: half precision, a batch of one, alike captions, no expert, equal scores, margins, temperatures (tests)")
def numbers(folder, share):
    return tests_of("tests/test_faults.py", "-k", "numbers")


#: rows that run tests of the suite: `make test` does so anyway, so a smaller --share leaves them out
TESTS = ("pickles", "archives", "downloads", "numbers")


# ------------------------------------------------------------------------------------------------------ the table


def run(names, share):
    table = {}
    for name in names:
        title, function = ROWS[name]
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix=f"mee-{name}-") as folder:
            found = function(Path(folder), share)
        verdicts, note = found if isinstance(found, tuple) else (found, "")
        lost = [verdict for verdict in verdicts if verdict.startswith("lost")]
        table[name] = {
            "tried": title,
            "times": len(verdicts),
            "right": verdicts.count("right"),
            "refused": verdicts.count("refused"),
            "lost": len(lost),
            "what": sorted(set(lost))[:20],
            "note": note,
            "seconds": round(time.perf_counter() - began, 1),
        }
        right, refused = table[name]["right"], table[name]["refused"]
        print(f"{name:<12}{len(verdicts):>6} times, {right:>5} right, {refused:>5} refused, {len(lost):>4} lost, "
              f"{table[name]['seconds']:>6.1f} s  {note}", flush=True)  # fmt: skip
        for verdict in table[name]["what"]:
            print("   ", verdict[:400], flush=True)
    return table


def machine():
    return (f"{os.cpu_count()} cores ({processor()}), Linux {platform.release().split('-')[0]}, Python "
            f"{platform.python_version()}, PyTorch {torch.__version__.split('+')[0]}, NumPy {np.__version__}, h5py "
            f"{h5py.__version__} with HDF5 {h5py.version.hdf5_version}")  # fmt: skip


def markdown(numbers):
    lines = ["| what was tried | how often | read right | refused | lost |", "| --- | ---: | ---: | ---: | ---: |"]
    for entry in numbers["rows"].values():
        tried = entry["tried"] + (f" ({entry['note']})" if entry["note"] else "")
        cells = (f"{entry[key]:,}" for key in ("times", "right", "refused"))
        lines.append(f"| {tried} | {' | '.join(cells)} | {entry['lost'] or 'nothing'} |")
    total = math.fsum(entry["seconds"] for entry in numbers["rows"].values())
    return "\n".join([*lines, "", f"*{total / 60:.0f} minutes on {numbers['machine']}.*"])


def into_page(text, numbers):
    """``text`` of the page with its table rewritten."""
    head, _, rest = text.partition("<!-- table -->\n")
    return f"{head}<!-- table -->\n{markdown(numbers)}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"


def main(arguments=None):
    p = argparse.ArgumentParser(prog="python experiments/faults", description=__doc__.splitlines()[0])
    p.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)} (default: all)")
    p.add_argument("--share", type=float, default=1.0, help="make this share of the attempts (0.06: half a minute)")
    p.add_argument("-o", "--out", type=Path, metavar="FILE.json", help="also write the numbers to this file")
    p.add_argument("--page", action="store_true", help="only put the table of the written numbers into the book")
    options = p.parse_args(arguments)
    if options.page:
        with atomic(PAGE) as new:
            new.write_text(
                into_page(
                    PAGE.read_text(encoding="utf-8"), json.loads((options.out or NUMBERS).read_text(encoding="utf-8"))
                ),
                encoding="utf-8",
            )
        return 0
    if not 0 < options.share <= 1:
        p.error("--share must be above 0 and at most 1")
    if unknown := set(options.rows) - set(ROWS):
        p.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    if not sys.platform.startswith("linux"):
        p.error("this runs on Linux only: it forks, mounts and limits")
    torch.set_num_threads(1)
    names = options.rows or [name for name in ROWS if options.share == 1 or name not in TESTS]
    numbers = {"machine": machine(), "share": options.share, "rows": run(names, options.share)}
    if options.out is not None:
        if options.rows and options.out.exists():  # these rows again, the others as they were
            both = json.loads(options.out.read_text(encoding="utf-8"))["rows"] | numbers["rows"]
            numbers["rows"] = {name: both[name] for name in ROWS if name in both}
        write_json(options.out, numbers)
    return int(any(entry["lost"] for entry in numbers["rows"].values()))


if __name__ == "__main__":
    sys.exit(main())
