"""What a record of measurements says about its origin, and how it is written."""

from __future__ import annotations

import json
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

from mee.storage import atomic

ROOT = Path(__file__).resolve().parents[1]


def cpu_info(key: str) -> str:
    """The first value of ``key`` in /proc/cpuinfo; empty where there is none (not Linux, or a silent kernel)."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def processor() -> str:
    """The processor's name."""
    return cpu_info("model name") or platform.processor() or platform.machine()


def git(*command: str) -> str:
    """What a git command prints about this repository; empty where it fails."""
    done = subprocess.run(["git", "-C", ROOT, *command], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def as_json(content: Any) -> str:
    """JSON with a line for each list of numbers, so that a change of one number changes one line."""
    text = json.dumps(content, indent=1)
    return re.sub(r"\[\s+([^\[\]{}\"]*?)\s+\]", lambda match: f"[{' '.join(match[1].split())}]", text) + "\n"


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` to ``path``, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(as_json(content), encoding="utf-8")
