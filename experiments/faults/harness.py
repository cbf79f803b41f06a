"""What all rows share: the table of rows, processes that may die, damage, and numbers to compare by."""

import ctypes
import faulthandler
import math
import os
import random
import sys
from concurrent.futures import TimeoutError
from multiprocessing import get_context

import h5py
import numpy as np
import torch
from pebble import ProcessExpired, ProcessPool

from mee.storage.files import SEAL

ROWS = {}


def row(title):
    """A row of the table: a function ``(folder, share)`` that returns its verdicts, and perhaps a note."""

    def keep(function):
        ROWS[function.__name__] = (title, function)
        return function

    return keep


def some(count, share):
    """How many of ``count`` attempts to make: ``share`` of them, at least one."""
    return math.ceil(share * count)


# ------------------------------------------------------------------------------------------- processes that may die


def attempts(jobs, work, patience=60, workers=2):
    """``work(job)`` for each of ``jobs``, in forked processes; returns a verdict (str) for each.

    A process does 40 jobs; if it dies or hangs, that is the verdict on its current job, and another process goes on.
    """
    attempts.work, verdicts = work, []  # forked with the rest of this process, so nothing needs to be pickled
    with ProcessPool(workers, max_tasks=40, context=get_context("fork")) as pool:
        for job, future in [(job, pool.schedule(_attempt, [job], timeout=patience)) for job in jobs]:
            try:
                verdicts.append(future.result())
            except ProcessExpired as error:
                verdicts.append(f"lost: the process died ({error.exitcode}) at {job!r}")
            except TimeoutError:
                verdicts.append(f"lost: hung at {job!r}")
            except Exception as error:
                verdicts.append(f"lost: {type(error).__name__} at {job!r}: {error}")
    return verdicts


def _attempt(job):
    return attempts.work(job)


def fork(function, *arguments, output=None):
    """Call ``function`` in a forked process that ends with it; returns its pid. What it prints goes to ``output``."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        faulthandler.disable()
        if output is not None:
            target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(target, 1)
            os.dup2(target, 2)
        function(*arguments)
        code = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        ctypes.CDLL(None).exit(code)  # not os._exit: libraries have exit handlers too, and HDF5 may crash in its own


def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


# ------------------------------------------------------------------------------------------------ what is compared


def plain(value):
    if isinstance(value, torch.Tensor):
        value = value.float() if value.is_floating_point() else value
        return (tuple(value.shape), value.contiguous().numpy().tobytes())
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


def damaged(raw, seed, structure):
    """``raw`` (bytes) with a fault as disks, cables and people cause them; ``structure``: where HDF5 keeps its own."""
    r = random.Random(seed)

    def place():
        return int(r.choice(structure)) if r.random() < 0.5 else r.randrange(len(raw))

    while True:
        out = bytearray(raw)
        kind = r.choice("bit bit bit byte byte many zeros cut swap insert remove append".split())
        i, n = place(), 2 ** r.randrange(13)
        if kind == "bit":
            out[i] ^= 1 << r.randrange(8)
        elif kind == "byte":
            out[i] = r.randrange(256)
        elif kind == "many":
            for _ in range(2 ** r.randrange(1, 7)):
                out[place()] = r.randrange(256)
        elif kind == "zeros":
            out[i : i + n] = bytes(len(out[i : i + n]))
        elif kind == "cut":
            del out[i:]
        elif kind == "swap":
            j = place()
            out[i : i + 512], out[j : j + 512] = out[j : j + 512], out[i : i + 512]
        elif kind == "insert":
            out[i:i] = r.randbytes(min(n, 64))
        elif kind == "remove":
            del out[i : i + min(n, 64)]
        elif kind == "append":
            out += r.randbytes(n)
        if out != raw:
            return bytes(out)


def structure_of(path):
    """The positions in an HDF5 file that hold its inner structure, not the numbers themselves."""
    raw, plain_bytes = np.fromfile(path, np.uint8), []

    def visit(_, thing):
        if isinstance(thing, h5py.Dataset) and thing.size:
            if thing.id.get_offset() is not None:
                plain_bytes.append((thing.id.get_offset(), thing.id.get_storage_size()))
            elif thing.chunks:
                parts = [thing.id.get_chunk_info(i) for i in range(thing.id.get_num_chunks())]
                plain_bytes.extend((part.byte_offset, part.size) for part in parts)

    with h5py.File(path) as file:
        file.visititems(visit)
    inner = np.ones(len(raw), bool)
    for start, size in plain_bytes:
        inner[start : start + size] = False
    near = np.convolve(raw != 0, np.ones(9), "same") > 0  # long runs of zeros are unused
    return np.flatnonzero(inner & near)[: -len(SEAL % 0)]
