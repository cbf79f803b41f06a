"""What several test files share."""

import os
import shutil
import signal
import sys
from pathlib import Path

# One thread a process, also those that the tests start: they run side by side, and threads that fight for cores are
# slower than none. PyTorch looks when it is imported.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pytest
import torch

from mee.data import Words
from mee.storage import ClipWriter

# A shell that starts `make test &` has its Ctrl-C ignored, also by all that the tests start and want to stop by it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The programs of the repository, which are no part of the library.
sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("notebooks", "data_scripts", "experiments")]
sys.path.append(str(Path(__file__).parents[1]))  # tasks.py

torch.set_num_threads(1)  # had it been imported before

# The files that take longest, from the longest on.
LONG = "demo book faults extract_features lessons distributed tinyclips_films grading search".split()


def pytest_collection_modifyitems(items):
    """They come first: a file goes to one worker, and none is to be left with one of them when the others are done."""
    first = [f"test_{name}" for name in LONG]
    items.sort(key=lambda item: first.index(item.path.stem) if item.path.stem in first else len(first))


COLOURS, MOVES = ["red", "green", "blue", "grey"], ["rolls", "jumps", "waits", "turns"]


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """160 clips whose picture tells the colour and whose motion tells the move; a third lacks the motion."""
    path, g = tmp_path_factory.mktemp("data") / "world.h5", np.random.default_rng(0)
    vocabulary = ["a", "ball", "the", *COLOURS, *MOVES]
    words = Words(vocabulary, g.normal(size=(len(vocabulary), 12)))
    look, move = g.normal(size=(4, 10)), g.normal(size=(4, 6))
    with ClipWriter(path, {"appearance": ("vector", 10), "motion": ("sequence", 6)}, words) as out:
        for i in range(160):
            c, m = g.integers(4, size=2)
            rows = move[m] + 0.3 * g.normal(size=(g.integers(2, 6), 6))
            features = {"appearance": look[c] + 0.3 * g.normal(size=10), "motion": rows if i % 3 else None}
            captions = [f"a {COLOURS[c]} ball {MOVES[m]}", f"the ball {MOVES[m]}", f"{COLOURS[c]}"]
            out.add(f"c{i}", "train" if i < 100 else "val" if i < 130 else "test", features, captions)
    return path


@pytest.fixture(scope="session")
def words():
    """A vocabulary of seven words, in three dimensions."""
    vocabulary = ["a", "ball", "bell", "red", "rings", "rolls", "two"]
    return Words(vocabulary, torch.arange(3.0 * len(vocabulary)).view(-1, 3) / 8)


@pytest.fixture(scope="session")
def write_small(words):
    """Writes nine clips: audio is a sequence, face a vector; each is missing now and then, clip 4 has neither."""

    def write(path, **options):
        g = np.random.default_rng(0)
        experts = {"audio": ("sequence", 4), "face": ("vector", 5)}
        with ClipWriter(path, experts, words, title="small", licence="CC0", **options) as out:
            for i in range(9):
                out.add(
                    f"c{i}",
                    ("train", "val", "test")[i % 3] if i > 5 else "train",
                    {"audio": g.normal(size=(i % 4, 4)), "face": None if i % 3 == 1 else g.normal(size=5)},
                    ["A red ball rolls!", "two bells", "a bell rings"][: i % 4],
                    mentions=[["face"], [], ["audio"]][: i % 4],
                    storyboard=[b"\xff\xd8 picture", b"\xff\xd8 another one"][: i % 3],
                    facts={"colour": "red", "number": i},
                )
        return path

    return write


@pytest.fixture
def path(tmp_path, write_small):
    """A small clip file."""
    return write_small(tmp_path / "small.h5")


@pytest.fixture(scope="module")
def chromium():
    """This machine's Chromium, which looks nothing up by itself."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def axe():
    """What axe-core finds on a playwright page: lines of rule, help and place. Options are those of axe.run."""
    from axe_playwright_python.sync_playwright import Axe

    def run(page, context=None, **options):
        found = Axe().run(page, context, {"resultTypes": ["violations"], **options}).response["violations"]
        return [f"{each['id']}: {each['help']}: {node['target']}" for each in found for node in each["nodes"]]

    return run
