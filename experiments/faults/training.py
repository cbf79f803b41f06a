"""Rows about training that is killed or stopped, and about files that are overwritten without end."""

import functools
import json
import os
import random
import shutil
import signal
import tempfile
import time
from pathlib import Path

import torch
import torch._dynamo  # noqa: F401  the first optimizer imports it: here once, not for seconds in each forked process
from faults.harness import ended, fork, plain, row, some
from faults.samples import bigger, clip_file, two_indexes, world

import mee.distributed  # noqa: F401  what the command imports later, when another user's process may not be allowed to
from mee import cli
from mee.search import ClipIndex
from mee.storage import checkpoint, files, load_model, read_clips
from mee.storage.checkpoint import MODEL, STATE

EPOCHS = 8


def train(file, out, epochs=EPOCHS, *more):
    """``mee train`` in this (forked) process."""
    torch.set_num_threads(1)
    cli.main(["train", str(file), "--epochs", str(epochs), "--batch-size", "16", "--text-clusters", "8",
              "--sequence-clusters", "4", "--no-progress", "--device", "cpu", "--out", str(out), *more])  # fmt: skip


def state_of(out):
    """The checkpoint that a run can be resumed from."""
    return checkpoint._load(out / STATE, "state")


def learnt(out):
    """What a finished run has learnt: every number of both its checkpoints, except the seconds it took."""
    (model, words), state = load_model(out / MODEL), state_of(out)
    report = json.loads((out / cli.METRICS).read_text(encoding="utf-8"))
    for line in (*state["history"], *report["history"]):
        del line["seconds"]
    history = repr(state["history"]), repr(report["history"]), repr([report["best"], report["test"], report["val"]])
    parts = [dict(model.state_dict()), state["model"], state["best_state"], state["optimizer"]["state"], words.vectors]
    return plain([parts, state["generator"]]), words.words, history, state["best_score"], state["best"]


def whole_files(out):
    """What is wrong with the files of a run that was stopped; None if each is whole or absent."""
    try:
        if (out / MODEL).exists():
            load_model(out / MODEL)
        if (out / STATE).exists():
            state_of(out)
        if (out / cli.METRICS).exists():
            json.loads((out / cli.METRICS).read_text(encoding="utf-8"))
    except Exception as error:
        return f"lost: {type(error).__name__}: {error}"
    return None


def stopped(file, out, after, sign, log, at_a_save=False):
    """Train (or go on), send ``sign`` after a time, or that long after the next save began; returns the exit code.

    after  a share, 0 to 1, of the time that is left; with ``at_a_save``, of 20 ms. None: let it finish
    """
    done = len(state_of(out)["history"]) if (out / STATE).exists() else 0
    pid = fork(train, file, out, EPOCHS, *(["--resume"] if done else []), output=log)
    if after is not None:
        if at_a_save:
            before = changed(out)
            while changed(out) == before and not gone(pid):
                time.sleep(0.0005)
            time.sleep(0.02 * after)
        else:
            time.sleep(after * stopped.seconds * (EPOCHS - done) / EPOCHS)
        if not gone(pid):
            os.kill(pid, sign)
        elif not at_a_save:  # the machine has more time for it then
            stopped.seconds *= 0.8
    return ended(pid)


def changed(folder):
    """When the newest file there was last written to."""
    try:
        return max((entry.stat().st_mtime_ns for entry in os.scandir(folder)), default=0)
    except FileNotFoundError:  # the folder, or a file that has another name by now
        return 0


def gone(pid):
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


@functools.cache
def _undisturbed():
    """A folder with the clip file and a run, for all rows, and how long the run took."""
    temporary = tempfile.TemporaryDirectory(prefix="mee-whole-")
    folder = Path(temporary.name)
    file, began = world(folder / "world.h5"), time.perf_counter()
    if stopped(file, folder / "whole", None, None, folder / "log") != 0:
        raise RuntimeError((folder / "log").read_text(encoding="utf-8"))
    return temporary, time.perf_counter() - began


def uninterrupted(folder):
    """The clip file, what an undisturbed run learns from it, and how long it takes (for :func:`stopped`)."""
    temporary, stopped.seconds = _undisturbed()
    shutil.copytree(temporary.name, folder, dirs_exist_ok=True)
    return folder / "world.h5", learnt(folder / "whole")


@row("Training killed (kill -9) at random moments, then resumed: the weights at the end, bit for bit")
def kill(folder, share):
    file, want = uninterrupted(folder)
    r, verdicts, saves, run, log = random.Random(0), [], 0, 0, folder / "log"
    kills, out = some(50, share), folder / "run0"
    while len(verdicts) < kills or out.exists():
        last = len(verdicts) >= kills  # it may finish
        at_a_save = len(verdicts) % 2 == 0
        code = stopped(file, out, None if last else r.random(), signal.SIGKILL, log, at_a_save)
        if code == -signal.SIGKILL:
            parts = list(out.glob(".*.part"))
            saves += any(part.stat().st_mtime > 0 for part in parts)
            for part in parts:  # as if it had been killed a minute ago
                os.utime(part, (0, 0))
            verdicts.append(whole_files(out) or "right")
            if verdicts[-1] != "right":
                break
        elif code != 0:
            verdicts.append(f"lost: ended with {code}: {log.read_text(encoding='utf-8')[-300:]}")
            break
        else:
            if learnt(out) != want:
                verdicts.append("lost: other weights than without the kills")
            if left := [part.name for part in out.glob(".*")]:
                verdicts.append(f"lost: {left} stayed behind")
            run += 1
            out = folder / f"run{run}"
    return verdicts, f"{saves} of the kills while a checkpoint was being written; {run} runs came to their end between"


def _writes_for_ever(path, versions):
    while True:
        for write in versions:
            write(path)


@row("A clip file and a search index overwritten without end, and killed: one of the two versions, whole, each time")
def overwrite(folder, share):
    indexes, _ = two_indexes(folder)
    r, verdicts = random.Random(2), []
    for name, versions, read in (
        ("clips.h5", (clip_file, bigger), lambda path: len(read_clips(path)) in (14, 300)),
        ("clips.index", [index.save for index in indexes], lambda path: len(ClipIndex.load(path)) in (80, 79)),
    ):
        path = folder / name
        versions[0](path)
        for _ in range(some(50, share)):
            pid = fork(_writes_for_ever, path, versions, output=folder / "log")
            time.sleep(r.uniform(0.01, 0.15))
            os.kill(pid, signal.SIGKILL)
            ended(pid)
            try:
                verdicts.append("right" if read(path) else "lost: neither of the two")
            except Exception as error:
                verdicts.append(f"lost: {type(error).__name__}: {error}")
            for part in folder.glob(".*.part"):
                os.utime(part, (0, 0))
        files._sweep.cache_clear()
        versions[0](path)
        if left := list(folder.glob(".*.part")):
            verdicts.append(f"lost: {len(left)} unfinished files stayed behind")
    return verdicts


@row("Training asked to stop (Ctrl-C, SIGTERM): a line that says how to resume, nothing half written")
def stop(folder, share):
    file, want = uninterrupted(folder)
    r, verdicts, early = random.Random(1), [], 0
    for i in range(some(40, share)):
        out, log, sign = folder / f"stop{i}", folder / f"log{i}", (signal.SIGINT, signal.SIGTERM)[i % 2]
        code = stopped(file, out, r.random(), sign, log, at_a_save=i % 8 > 3)
        said, state = log.read_text(encoding="utf-8") if log.exists() else "", (out / STATE).exists()
        if not out.exists():  # it had not begun
            early += 1
            verdicts.append("right")
        elif left := [p.name for p in out.glob(".*")]:
            verdicts.append(f"lost: {left} stayed behind")
        elif code == 0 or f"are in {out}" in said:  # it had come to its end, and perhaps said so when the signal came
            verdicts.append("right" if learnt(out) == want else "lost: other weights")
        elif code != 1 or "mee train: stopped" not in said or "Traceback" in said or state != ("--resume" in said):
            verdicts.append(f"lost: ended with {code} and said {said[-300:]!r}")
        else:
            verdicts.append(whole_files(out) or "right")
            if i % 4 < 2 and (stopped(file, out, None, None, log), learnt(out))[1] != want:
                verdicts[-1] = "lost: other weights after going on"
    return verdicts, f"{early} came before the first line of the program" if early else ""
