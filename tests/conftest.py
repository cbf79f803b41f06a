"""What several test files share."""

import shutil
import signal

import numpy as np
import pytest
import torch

from mee.data import ClipWriter, Words

# A shell that starts `make test &` has its Ctrl-C ignored, also by all that the tests start and want to stop by it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# One thread a test process: the tests run side by side, and threads that fight for cores are slower than none.
torch.set_num_threads(1)

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
