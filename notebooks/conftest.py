"""Settings of `pytest --nbval notebooks`: outputs are compared, apart from what sanitize.cfg names."""

import os
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest
from build import lacks, without_ports
from jupyter_client.manager import KernelManager

collect_ignore_glob = ["_build/*", "exercises/*"]  # exercises wait for a student's code


def pytest_configure(config):
    # as in build.py: one thread per kernel, because kernels run side by side, and no progress bars, because they show
    # times
    os.environ.update(OMP_NUM_THREADS="1", TQDM_DISABLE="1")
    if getattr(config.option, "nbval", False):
        config.option.nbval_sanitize_with = str(Path(__file__).parent / "sanitize.cfg")
        config.option.nbval_current_env = True
        from nbval import kernel

        home = tempfile.TemporaryDirectory(prefix="k", ignore_cleanup_errors=True)
        config.add_cleanup(home.cleanup)

        def manager(**settings):
            return without_ports(KernelManager(**settings), tempfile.mkdtemp(dir=home.name))

        kernel.KernelManager = manager


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.suffix == ".ipynb":
            missing = lacks(item.path.with_suffix("").relative_to(Path(__file__).parent))
            if missing:
                item.add_marker(pytest.mark.skip(reason=f"{missing}, which it needs, is missing"))


def pytest_terminal_summary(terminalreporter):
    seconds = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            name, _, cell = getattr(report, "nodeid", "").partition("::")
            if cell.startswith("Cell") and hasattr(report, "duration"):
                seconds[name] += report.duration
    if seconds:
        terminalreporter.section("seconds per notebook")
        for name in sorted(seconds):
            terminalreporter.line(f"{seconds[name]:7.1f}  {name}")
