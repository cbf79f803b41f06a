"""Rows about clip files: damaged ones, valid HDF5 with wrong content (changes.py), and no clip files at all."""

import gzip
import os
import pickle
import random
import resource
import shutil
import signal
import socket
import time
import warnings

import h5py
import numpy as np
from faults.changes import CHANGES, bomb
from faults.harness import attempts, damaged, row, some, structure_of
from faults.samples import bases, clip_file, contents, zipped

from mee.storage import ClipFileError, files, seal


def looked_at(path, want):
    """The verdict on one clip file: ``want`` is what it should hold, or None where it can only be refused."""
    resource.setrlimit(resource.RLIMIT_AS, (2**34, 2**34))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = contents(path)
    except ClipFileError as error:
        return "refused" if str(path) in str(error) else f"lost: an error without the file's name: {error}"
    except Exception as error:
        return f"lost: {type(error).__name__}: {str(error)[:200]}"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if grown > 1500:
        return f"lost: {grown:.0f} MB of memory for a file of {path.stat().st_size / 1e6:.1f} MB"
    if want is None:
        return "lost: read, though nothing in it can be right"
    if set(want) - set(found):
        return "lost: KeyError"
    different = [key for key in want if found[key] != want[key]]
    return f"lost: other {', '.join(different)}, without a word" if different else "right"


@row("The measuring itself: a crash, a hang, an exception, a wrong number, a number from rubbish: each must be seen")
def measuring(folder, share):
    path = clip_file(folder / "good.h5")
    want = contents(path)
    with h5py.File(path, "r+") as file:
        file["experts/face/features"][3, 3] += 1
    cases = {
        "the process died (-11)": lambda: os.kill(os.getpid(), signal.SIGSEGV),
        "hung": lambda: time.sleep(60),
        "IndexError": lambda: [][0],
        "the process died (3)": lambda: os._exit(3),
        "other experts, used, without a word": lambda: looked_at(path, want),
        "read, though nothing": lambda: looked_at(path, None),
        "KeyError": lambda: looked_at(path, {"nothing": 1}),
        "refused": lambda: looked_at(folder / "none.h5", want),
    }
    found = attempts(cases, lambda name: cases[name](), patience=1)
    return ["right" if name in verdict else f"lost: {name} was taken for {verdict}"
            for name, verdict in zip(cases, found, strict=True)]  # fmt: skip


def _damage(folder, count, sealed):
    found = [(path, path.read_bytes(), structure_of(path), contents(path)) for path in bases(folder)]
    without = -len(files.SEAL % 0)

    def work(seed):
        files.PATIENCE = 8
        path, raw, structure, want = found[seed % len(found)]
        mutant = folder / f"mutant-{os.getpid()}.h5"
        mutant.write_bytes(damaged(raw if sealed else raw[:without], seed, structure))
        return looked_at(mutant, want)

    return attempts(range(count), work)


@row("Clip files with bits and bytes changed, cut, swapped, overwritten, at random and where HDF5 keeps its structure")
def damage(folder, share):
    return _damage(folder, some(2000, share), True)


@row("The same without the seal, as other programs write them: nothing there tells a changed number from a true one")
def unsealed(folder, share):
    verdicts = _damage(folder, some(400, share), False)
    silent = [v.endswith("without a word") for v in verdicts]
    note = f"{sum(silent)} of them hold another number, name or word, and no one can tell; not counted as lost"
    return [("right" if other else v) for v, other in zip(verdicts, silent, strict=True)], note


@row("Clip files that are good HDF5 and wrong, or unusual and right: types, shapes, offsets, NaN, links, bombs")
def lawful(folder, share):
    found = {path.name: (path, contents(path)) for path in bases(folder)}
    with h5py.File(folder / "zeros.h5", "w") as file:
        zeros = file.create_dataset("x", data=np.zeros((2**18, 1024), "f2"), chunks=(2**18, 1024), compression="gzip")
        bomb.chunk = zeros.id.read_direct_chunk((0, 0))[1]
    of_questions = ("no choices", "a question", "answer")  # only the packed file has these
    jobs = []
    for number, name in enumerate(CHANGES):
        if name.startswith(of_questions):
            jobs += [(name, "packed.h5", with_seal) for with_seal in (True, False)[: some(2, share)]]
        else:
            jobs += [(name, base, True) for base in ("plain.h5", "latest.h5")[: some(2, share)]]
            jobs += [(name, "plain.h5", False)] * (number % round(3 / share) == 0)

    def work(job):
        name, base, with_seal = job
        path, want = found[base]
        mutant = folder / f"mutant-{os.getpid()}.h5"
        shutil.copy(path, mutant)
        change, expected = CHANGES[name]
        with h5py.File(mutant, "r+") as file:
            change(file)
        if with_seal:
            seal(mutant)
        if callable(expected):
            special = expected(want)
            want = special if special.keys() & {"ids", "split", "texts"} else {**want, **special}
            want = {key: value for key, value in want.items() if key != "used"}
        elif expected is None:
            want = None
        verdict = looked_at(mutant, want)
        return f"{verdict} [{name}, {base}]" if verdict.startswith("lost") else verdict

    return attempts(jobs, work)


@row("What is no clip file: text, pictures, archives, random bytes, folders, pipes, links into nowhere")
def foreign(folder, share):
    good = clip_file(folder / "good.h5").read_bytes()
    r = random.Random(0)
    things = {
        "empty": b"", "text": b"hello", "png": b"\x89PNG\r\n\x1a\n" + bytes(100), "signature": good[:8],
        "header": good[:96], "zip": zipped({"a": b"b"}), "pickle": pickle.dumps({"a": 1}), "json": b'{"format": 1}',
        "gzip": gzip.compress(good), "far": bytes(2**20) + good[8:], "npy": b"\x93NUMPY" + bytes(90),
        **{f"random {n}": r.randbytes(n) for n in (1, 7, 8, 100, 511, 512, 513, 5000)},
        **{f"signed {n}": good[:8] + r.randbytes(2**n) for n in range(3, 15)},
        **{f"sealed {n}": r.randbytes(n) for n in (0, 30, 3000)},
    }  # fmt: skip
    for name, raw in things.items():
        (folder / name).write_bytes(raw)
        if name.startswith("sealed"):
            seal(folder / name)
    (folder / "a folder").mkdir()
    os.mkfifo(folder / "a pipe")
    (folder / "into nowhere").symlink_to(folder / "nowhere")
    (folder / "round").symlink_to(folder / "round")
    server = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(folder)  # a socket's name may have at most 108 bytes
    server.bind("a socket")
    os.chdir(here)
    names = [*things, "a folder", "a pipe", "into nowhere", "round", "a socket", "is not there", "good.h5/inside"]
    found = attempts(names, lambda name: looked_at(folder / name, None))
    server.close()
    return found
