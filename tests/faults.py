"""Try to break it: each class of fault is done for real, many times, and what was lost is counted.

    python tests/faults.py                                     # all rows, about ten minutes of two cores
    python tests/faults.py kill full --quick                   # two rows, a few of each
    python tests/faults.py -o notebooks/data/faults.json       # write the numbers, too
    python tests/faults.py --page                              # put the written numbers' table into notebooks/faults.md

Every attempt runs in a process of its own (a fork of this one), so that a crash or a hang of the interpreter is seen.
It ends *right* (the numbers are those that were written, or what the change legitimately says), *refused* (the
library's own error, nothing half written, what was there before intact), or it is *lost*: a crash, a hang, another
exception, or wrong numbers without a word. Seeds are fixed. Linux only; as root it also fills a real (small) disk.
"""

import argparse
import ctypes
import faulthandler
import functools
import io
import json
import math
import os
import pickle
import platform
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import types
import warnings
import zipfile
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import torch
from h5py import h5d, h5s, h5t

from mee import data, files
from mee import train as training
from mee.data import ClipFileError, Clips, ClipWriter, Words
from mee.model import VideoTextMEE
from mee.search import ClipIndex, IndexFileError
from mee.train import CheckpointError

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "notebooks/faults.md"
NUMBERS = ROOT / "notebooks/data/faults.json"
ROWS = {}


def row(title):
    """A row of the table: a function ``(folder, quick)`` that gives its verdicts, and perhaps a note."""

    def keep(function):
        ROWS[function.__name__] = (title, function)
        return function

    return keep


# ------------------------------------------------------------------------------------------- processes that may die


def attempts(jobs, work, folder, patience=60, batch=40):
    """``work(job)`` for each of ``jobs``, in forked processes, two at a time; gives a verdict (str) for each.

    A process does several jobs; when it dies, the job it was at is said to have killed it, and another one goes on.
    """
    jobs = list(jobs)
    verdicts, waiting, running = [None] * len(jobs), [range(i, min(i + batch, len(jobs))) for i in
                                                      range(0, len(jobs), batch)], {}  # fmt: skip
    while waiting or running:
        while waiting and len(running) < 2:
            part = waiting.pop(0)
            log = folder / f"log-{part.start}"
            pid = fork(_attempt, part, jobs, work, log, patience)
            running[pid] = part, log
        pid, status = os.wait()
        part, log = running.pop(pid)
        began = part.start
        for line in log.read_text().splitlines() if log.exists() else ():
            number, verdict = json.loads(line)
            verdicts[number] = verdict
            began = number + (verdict is not None)
        log.unlink(missing_ok=True)
        if began < part.stop:  # it died on the way
            code = os.waitstatus_to_exitcode(status)
            how = "hung" if code == -signal.SIGALRM else f"the process died ({code})"
            verdicts[began] = f"lost: {how} at {jobs[began]!r}"
            waiting.insert(0, range(began + 1, part.stop))
    return verdicts


def _attempt(part, jobs, work, log, patience):
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the alarm ends the process, whatever it is doing
    with open(log, "w") as file:
        for number in part:
            print(json.dumps([number, None]), file=file, flush=True)
            signal.alarm(patience)
            verdict = work(jobs[number])
            signal.alarm(0)
            print(json.dumps([number, verdict]), file=file, flush=True)


def fork(function, *arguments, output=None):
    """Call ``function`` in a forked process that ends with it; gives its number. What it prints goes to ``output``."""
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
        ctypes.CDLL(None).exit(code)  # not os._exit: libraries, too, have last words, and HDF5 may die of them


def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@row("The measuring itself: a crash, a hang, an exception, a wrong number, a number from rubbish: each must be seen")
def measuring(folder, quick):
    path = clip_file(folder / "good.h5")
    want = contents(path)
    with h5py.File(path, "r+") as file:
        file["experts/face/features"][3, 3] += 1
    cases = {
        "the process died (-11)": lambda: os.kill(os.getpid(), signal.SIGSEGV),
        "hung": lambda: time.sleep(60),
        "the process died (70)": lambda: [][0],
        "the process died (3)": lambda: os._exit(3),
        "other experts, used, without a word": lambda: looked_at(path, want),
        "read, though nothing": lambda: looked_at(path, None),
        "KeyError": lambda: looked_at(path, {"nothing": 1}),
        "refused": lambda: looked_at(folder / "none.h5", want),
    }
    found = attempts(cases, lambda name: cases[name](), folder, patience=1)
    return ["right" if name in verdict else f"lost: {name} was taken for {verdict}"
            for name, verdict in zip(cases, found, strict=True)]  # fmt: skip


# -------------------------------------------------------------------------------------------------------- clip files


VOCABULARY = ["a", "ball", "bell", "red", "rings", "rolls", "two"]


def clip_file(path, clips=14, own_vectors=False, questions=False, **options):
    """A small file with nearly everything in it that a clip file can hold; sealed, as ClipWriter leaves it."""
    g = np.random.default_rng(0)
    words = None if own_vectors else Words(VOCABULARY, g.normal(size=(7, 6)))
    with ClipWriter(path, {"audio": ("sequence", 4), "face": ("vector", 9)}, words, title="small", **options) as out:
        for i in range(clips):
            said = ["A red ball rolls!", "two bells", "a bell rings"][: i % 4]
            out.add(
                f"c{i}",
                ("train", "train", "val", "test")[i % 4],
                {"audio": g.normal(size=(i % 5, 4)), "face": None if i % 3 == 1 else g.normal(size=9)},
                [g.normal(size=(3, 6)) for _ in said] if own_vectors else said,
                about=[["face"], [], ["audio"]][: i % 4],
                storyboard=[bytes(range(10 * i % 200)), b"picture"][: i % 3],
                facts={"colour": "red", "number": i},
            )
        if questions:  # their sentences are about nothing that is known, so there is no captions/about then
            for i in range(3):
                out.add_choice(f"c{i}", ["red", "two bells", "a", "rolls", "ball"], i)
    return path


def contents(path):
    """All that a clip file gives, as plain values; it is also used as training and the shell use it."""
    clips = Clips(path)
    data.describe(clips)
    everyone, captions = torch.arange(len(clips)), torch.arange(len(clips.caption_clip))
    used = [clips.text(captions, max_words=30), clips.video(everyone, max_rows=30), clips.sentences, clips.present]
    train = clips.trainable(everyone)
    if len(train):
        used.append(vars(clips.batch(train, generator=torch.Generator().manual_seed(0), max_words=30)))
    vectors = clips._caption_vectors if clips.words is None else clips.words.vectors
    return {
        "attributes": {k: clips.attributes[k] for k in ("format", "version", "title", "source", "licence", "made_by")},
        "ids": clips.ids,
        "split": clips.split.tolist(),
        "facts": clips.facts,
        "experts": {
            name: (expert.kind, tuple(expert.features.shape), plain(expert.features), plain(expert.offsets))
            for name, expert in clips.experts.items()
        },
        "texts": clips.texts,
        "captions": plain([clips.caption_clip, clips._caption_offsets, clips._tokens, clips.about]),
        "words": (clips.words and clips.words.words, plain(vectors)),
        "choices": plain(clips.choices),
        "boards": [clips.storyboard(i) for i in range(len(clips))],
        "used": plain(used),
    }


def plain(value):
    if isinstance(value, torch.Tensor):
        value = value.float() if value.is_floating_point() else value
        return (tuple(value.shape), value.contiguous().numpy().tobytes())
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


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


def damaged(raw, seed, structure):
    """``raw`` (bytes) with one fault as disks, cables and people make them; ``structure``: where HDF5 keeps its own."""
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
    return np.flatnonzero(inner & near)[: -len(files.SEAL % 0)]


def bases(folder):
    """Clip files of every layout that the writer makes, and one as a newer HDF5 would lay it out."""
    found = [
        clip_file(folder / "plain.h5"),
        clip_file(folder / "packed.h5", compression="gzip", questions=True),
        clip_file(folder / "vectors.h5", own_vectors=True, dtype="float32"),
    ]
    with h5py.File(found[0]) as old, h5py.File(folder / "latest.h5", "w", libver="latest") as new:
        new.attrs.update(old.attrs)
        for name in old:
            old.copy(name, new)
    files.seal(folder / "latest.h5")
    return [*found, folder / "latest.h5"]


def _damage(folder, count, sealed):
    found = [(path, path.read_bytes(), structure_of(path), contents(path)) for path in bases(folder)]
    without = -len(files.SEAL % 0)

    def work(seed):
        files.PATIENCE = 8
        path, raw, structure, want = found[seed % len(found)]
        mutant = folder / f"mutant-{os.getpid()}.h5"
        mutant.write_bytes(damaged(raw if sealed else raw[:without], seed, structure))
        return looked_at(mutant, want)

    return attempts(range(count), work, folder)


@row("Clip files with bits and bytes changed, cut, swapped, overwritten, at random and where HDF5 keeps its structure")
def damage(folder, quick):
    return _damage(folder, 120 if quick else 2000, True)


@row("The same without the seal, as other programs write them: nothing there tells a changed number from a true one")
def unsealed(folder, quick):
    verdicts = _damage(folder, 10 if quick else 400, False)
    silent = [v.endswith("without a word") for v in verdicts]
    note = f"{sum(silent)} of them hold another number, name or word, and no one can tell; not counted as lost"
    return [("right" if other else v) for v, other in zip(verdicts, silent, strict=True)], note


# ----------------------------------------------------------------------- clip files that are wrong in a lawful way


def put(name, change, **options):
    """A change of one data set; its attributes stay."""

    def spoil(file):
        old = file[name]
        values, attributes = change(old[...]), dict(old.attrs)
        del file[name]
        values = np.asarray(values)
        kind = h5py.string_dtype() if values.dtype == object else options.get("dtype")
        file.create_dataset(name, data=values, **{**options, "dtype": kind}).attrs.update(attributes)

    return spoil


def at(i, value):
    def change(values):
        values = values.copy()
        values[i] = value
        return values

    return change


def drop(name):
    return lambda file: file.__delitem__(name)


def attribute(where, key, value):
    def spoil(file):
        del file[where].attrs[key]
        if value is not None:
            file[where].attrs[key] = value

    return spoil


def become(name, make):
    """Something else under the name of a data set: ``make(file, name)``, after the old one is gone."""

    def spoil(file):
        attributes = dict(file[name].attrs)
        file.move(name, "old")
        make(file, name)
        if isinstance(file.get(name, getlink=True), h5py.HardLink):
            file[name].attrs.update(attributes)
        if "old" in file:
            del file["old"]

    return spoil


def _bomb(file, name):
    file.create_dataset(name, (2**24, 1024), "f2", chunks=(2**18, 1024), compression="gzip", fillvalue=0)
    for i in range(2**6):  # 32 GB of zeros in 0.5 MB, all written
        file[name].id.write_direct_chunk((i * 2**18, 0), _bomb.chunk)


def _one_text_for_all(file, name):
    """Each caption points at one long text in the file: a hundred bytes a caption become a million."""
    file.create_dataset("long", data=["x" * 2**20] * 1, dtype=h5py.string_dtype())
    file.create_dataset(name, (200_000,), h5py.string_dtype())
    file[name][0] = "y"
    file.flush()
    with open(file.filename, "rb+") as raw:
        raw.seek(file["long"].id.get_offset())
        reference = raw.read(16)
        raw.seek(file[name].id.get_offset())
        raw.write(reference * 200_000)


def _odd_float(file, name):
    """float16 in size, but with eight bits of exponent, as bfloat16: HDF5 knows, and whoever copies bytes does not."""
    kind = h5t.IEEE_F16LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_ebias(127)
    values = torch.tensor(file["old"][...]).bfloat16().float().numpy()
    made = h5d.create(file.id, name.encode(), kind, h5s.create_simple(values.shape))
    made.write(h5s.ALL, h5s.ALL, values)


def _at_an_odd_place(file, name):
    values = file["old"][...]
    file.create_dataset("filler", data=np.arange(4097, dtype="u1"))
    file.create_dataset(name, data=values)


def _in_another_file(file, name):
    values = file["old"][...]
    other = Path(file.filename).with_suffix(".raw")
    other.write_bytes(values.tobytes())
    file.create_dataset(name, values.shape, values.dtype, external=[(str(other), 0, values.nbytes)])


def _virtual(file, name):
    values = file["old"][...]
    other = Path(file.filename).with_suffix(".other.h5")
    with h5py.File(other, "w") as target:
        target["x"] = values
    layout = h5py.VirtualLayout(values.shape, values.dtype)
    layout[...] = h5py.VirtualSource(str(other), "x", values.shape)
    file.create_virtual_dataset(name, layout)


def _link(kind):
    def make(file, name):
        other = Path(file.filename).with_suffix(".other.h5")
        with h5py.File(other, "w") as target:
            file.copy("old", target, "x")
        file[name] = {"external": h5py.ExternalLink(str(other), "/x"), "soft": h5py.SoftLink("/nowhere"),
                      "inner": h5py.SoftLink("/experts/audio")}[kind]  # fmt: skip

    return make


def _compact(file, name):
    values = file["old"][...]
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5d.COMPACT)
    made = h5d.create(file.id, name.encode(), h5t.py_create(values.dtype), h5s.create_simple(values.shape), properties)
    made.write(h5s.ALL, h5s.ALL, values)


def _never_written(shape, **options):
    return lambda file, name: file.create_dataset(name, shape, "f2", **options)


def _half_written(file, name):
    made = file.create_dataset(name, file["old"].shape, "f2", chunks=(2, 4))
    made[:3] = 1


def _loop(file):
    file["experts/audio/again"] = file["experts"]
    file["captions/up"] = file["/"]


def _nested(values):
    values[0] = "[" * 200_000
    return values


def _flat(count):
    """``count`` empty clips."""

    def spoil(file):
        for name in ("clips/id", "clips/split", "clips/facts", "captions/about", "captions/text", "captions/tokens"):
            del file[name]
        del file["storyboard"]
        file.create_dataset("clips/id", data=[f"c{i}" for i in range(count)], shape=(count,), dtype=h5py.string_dtype())
        file.create_dataset("clips/split", data=["train"] * count, shape=(count,), dtype=h5py.string_dtype())
        for name in file["experts"]:
            put(f"experts/{name}/features", lambda x: x[:0])(file)
            put(f"experts/{name}/offsets", lambda x: np.zeros(count + 1, "i8"))(file)
        put("captions/clip", lambda x: x[:0])(file)
        put("captions/offsets", lambda x: np.zeros(1, "i8"))(file)
        file["captions/tokens"] = np.zeros(0, "i8")

    return spoil


MANY = 10**6


def _a_million_words(file):
    """The first caption is said over and over, until it has a million words."""
    tokens, offsets = file["captions/tokens"][...], file["captions/offsets"][...]
    first = np.resize(tokens[: offsets[1]], MANY)
    put("captions/tokens", lambda x: np.concatenate([first, x[offsets[1] :]]))(file)
    put("captions/offsets", lambda x: np.where(np.arange(len(x)) > 0, x + MANY - offsets[1], x))(file)
    put("captions/text", at(0, "red " * MANY))(file)


REFUSE, READ = None, "read"
_FEATURES, _OFFSETS = "experts/face/features", "experts/audio/offsets"
#: name -> (the change, None if the file can only be refused, or how what it holds differs from the unchanged file's)
LAWFUL = {
    **{f"no {name}": (drop(name), REFUSE) for name in (
        "clips clips/id clips/split experts experts/face/features experts/face/offsets captions captions/clip "
        "captions/offsets captions/tokens vocabulary vocabulary/word vocabulary/vectors choices/clip choices/answer "
        "choices/captions storyboard/jpeg storyboard/frames storyboard/offsets").split()},
    **{f"format {value!r}": (attribute("/", "format", value), REFUSE) for value in
       (None, "", "mee-clip", 1, ["mee-clips", "mee-clips"], b"\xff")},
    **{f"version {value!r}": (attribute("/", "version", value), REFUSE) for value in
       (None, 0, 2, -1, 2**63 - 1, "1", "one", [1, 1], 1.5, float("nan"))},
    **{f"title {value!r}": (attribute("/", "title", value), REFUSE) for value in (7, ["a", "b"], [1.5])},
    "an id twice": (put("clips/id", at(3, "c2")), REFUSE),
    "an empty id": (put("clips/id", at(3, "")), REFUSE),
    "an id not in UTF-8": (put("clips/id", at(3, b"\xff\xfe")), REFUSE),
    "ids that are numbers": (put("clips/id", lambda x: np.arange(14)), REFUSE),
    "ids in two dimensions": (put("clips/id", lambda x: x[:, None]), REFUSE),
    "a split nobody knows": (put("clips/split", at(0, "tset")), REFUSE),
    "splits, one too few": (put("clips/split", lambda x: x[1:]), REFUSE),
    "facts that are no JSON": (put("clips/facts", at(0, "{")), REFUSE),
    "facts, 200,000 brackets": (put("clips/facts", _nested), REFUSE),
    "facts, one too few": (put("clips/facts", lambda x: x[1:]), REFUSE),
    "experts that are numbers": (become("experts", lambda f, n: f.create_dataset(n, data=[1, 2])), REFUSE),
    "no expert": (become("experts", lambda f, n: f.create_group(n)), REFUSE),
    "an expert that is numbers": (become("experts/face", lambda f, n: f.create_dataset(n, data=[1, 2])), REFUSE),
    "an expert's name not to be printed": (lambda f: f["experts"].move("face", "fa\nce"), REFUSE),
    "an expert's name not in UTF-8": (lambda f: f["experts"].move("face", b"fa\xff"), REFUSE),
    **{f"kind {value!r}": (attribute("experts/face", "kind", value), REFUSE) for value in
       (None, "video", 1, ["vector", "vector"], "")},
    "a vector with two rows": (attribute("experts/audio", "kind", "vector"), REFUSE),
    **{f"features as {kind}": (put(_FEATURES, lambda x, kind=kind: x.astype(kind)), REFUSE)
       for kind in ("f8", "i4", "u1", "c8", "?", "S5")},
    "features as a compound": (put(_FEATURES, lambda x: np.zeros(x.shape, "f2, i4")), REFUSE),
    "features as references": (become(_FEATURES, lambda f, n: f.create_dataset(n, (9, 9), h5py.ref_dtype)), REFUSE),
    "features as an enum": (become(_FEATURES, lambda f, n: f.create_dataset(
        n, data=np.ones((9, 9), "i4"), dtype=h5py.enum_dtype({"A": 1, "B": 2}))), REFUSE),
    "features of any length": (become(_FEATURES, lambda f, n: f.create_dataset(n, (9, 9), h5py.vlen_dtype("f4"))),
                               REFUSE),
    "a type in place of features": (become(_FEATURES, lambda f, n: f.__setitem__(n, np.dtype("f4"))), REFUSE),
    "a group in place of features": (become(_FEATURES, lambda f, n: f.create_group(n)), REFUSE),
    "features in one dimension": (put(_FEATURES, lambda x: x[0]), REFUSE),
    "features in three dimensions": (put(_FEATURES, lambda x: x[None]), REFUSE),
    "a single number as features": (put(_FEATURES, lambda x: x[0, 0]), REFUSE),
    "nothing as features": (become(_FEATURES, lambda f, n: f.__setitem__(n, h5py.Empty("f2"))), REFUSE),
    "features without columns": (put(_FEATURES, lambda x: x[:, :0]), REFUSE),
    **{f"{value} in the features, row {i}": (put(_FEATURES, at((i, -i), value)), REFUSE)
       for value in (np.nan, np.inf, -np.inf) for i in (0, 4, 8)},
    "NaN in the last row of packed float32": (put(_FEATURES, lambda x: at((-1, -1), np.nan)(x.astype("f4")),
                                                  compression="gzip"), REFUSE),
    "NaN in the vocabulary": (put("vocabulary/vectors", at((2, 3), np.nan)), REFUSE),
    "features, a row too few": (put(_FEATURES, lambda x: x[1:]), REFUSE),
    "features, a row too many": (put(_FEATURES, lambda x: np.vstack([x, x[:1]])), REFUSE),
    "offsets that go back": (put(_OFFSETS, at(3, 99)), REFUSE),
    "offsets past the end": (put(_OFFSETS, lambda x: at(-1, x[-1] + 1)(x)), REFUSE),
    "offsets that stop short": (put(_OFFSETS, lambda x: at(-1, x[-1] - 1)(x)), REFUSE),
    "offsets that begin late": (put(_OFFSETS, at(0, 1)), REFUSE),
    "offsets below zero": (put(_OFFSETS, at(0, -1)), REFUSE),
    "offsets that overflow when subtracted": (put(_OFFSETS, lambda x: at(2, -5)(at(1, 2**63 - 1)(x))), REFUSE),
    "offsets of 2^64 - 1": (put(_OFFSETS, lambda x: at(4, 2**64 - 1)(x.astype("u8"))), REFUSE),
    "offsets with fractions": (put(_OFFSETS, lambda x: x + 0.5), REFUSE),
    "offsets in two dimensions": (put(_OFFSETS, lambda x: x[:, None]), REFUSE),
    "offsets, one too few": (put(_OFFSETS, lambda x: x[:-1]), REFUSE),
    "offsets, one too many": (put(_OFFSETS, lambda x: np.append(x, x[-1])), REFUSE),
    "no offsets at all": (put(_OFFSETS, lambda x: x[:0]), REFUSE),
    **{f"a caption of clip {value}": (put("captions/clip", at(2, value)), REFUSE) for value in (14, -2, 2**62)},
    "a caption of clip 2^64 - 1": (put("captions/clip", lambda x: at(2, 2**64 - 1)(x.astype("u8"))), REFUSE),
    "captions of half clips": (put("captions/clip", lambda x: x / 2), REFUSE),
    "texts, one too few": (put("captions/text", lambda x: x[1:]), REFUSE),
    "a text not in UTF-8": (put("captions/text", at(1, b"\xc3\x28")), REFUSE),
    "texts that are numbers": (put("captions/text", lambda x: np.arange(len(x))), REFUSE),
    **{f"word {value}": (put("captions/tokens", at(3, value)), REFUSE) for value in (7, -1, 2**40)},
    "caption offsets that go back": (put("captions/offsets", at(3, 0)), REFUSE),
    "caption offsets, one too few": (put("captions/offsets", lambda x: x[:-1]), REFUSE),
    "words, one too few": (put("vocabulary/word", lambda x: x[1:]), REFUSE),
    "a word twice": (put("vocabulary/word", at(0, "ball")), REFUSE),
    "about, an expert too few": (put("captions/about", lambda x: x[:, 1:]), REFUSE),
    "about, a caption too few": (put("captions/about", lambda x: x[1:]), REFUSE),
    "about, seven": (put("captions/about", lambda x: at((1, 1), 7)(x.astype("u1"))), REFUSE),
    "a question about clip 14": (put("choices/clip", at(0, 14)), REFUSE),
    "a question of caption 999": (put("choices/captions", at((0, 0), 999)), REFUSE),
    **{f"answer {value}": (put("choices/answer", at(0, value)), REFUSE) for value in (5, -1)},
    "answers, one too few": (put("choices/answer", lambda x: x[1:]), REFUSE),
    "pictures past the end": (put("storyboard/frames", at(1, 10**6)), REFUSE),
    "pictures in wide numbers": (put("storyboard/jpeg", lambda x: x.astype("u4")), REFUSE),
    "pictures of a clip too many": (put("storyboard/offsets", lambda x: np.append(x, x[-1])), REFUSE),
    # elsewhere
    **{f"an {kind} link at {name}": (become(name, _link(kind)), REFUSE) for kind in ("external", "soft", "inner")
       for name in ("clips", "experts/face", _FEATURES, "captions/text", "captions/about", "clips/facts")},
    "features in a raw file beside": (become(_FEATURES, _in_another_file), REFUSE),
    "features put together from another file": (become(_FEATURES, _virtual), REFUSE),
    "texts put together from another file": (become("captions/clip", _virtual), REFUSE),
    # more than can be
    "10^12 rows that are not there": (become(_FEATURES, _never_written((10**12, 9))), REFUSE),
    "10^12 rows in chunks that are not there": (become(_FEATURES, _never_written((10**12, 9), chunks=(64, 9))), REFUSE),
    "10^9 columns": (become(_FEATURES, _never_written((9, 10**9))), REFUSE),
    "rows never written": (become(_FEATURES, _never_written((9, 9), chunks=(3, 9))), REFUSE),
    "rows half written": (become(_FEATURES, _half_written), REFUSE),
    "32 GB of zeros in half a megabyte": (become(_FEATURES, _bomb), REFUSE),
    "one long text for 200,000 captions": (become("captions/text", _one_text_for_all), REFUSE),
    # unusual, and right
    "as it was": (lambda f: None, READ),
    "features in the other byte order": (put(_FEATURES, lambda x: x.astype(">f2")), READ),
    "float32 features, big endian, packed": (put(_FEATURES, lambda x: x.astype(">f4"), compression="gzip"), READ),
    **{f"features, {name}": (put(_FEATURES, lambda x: x, chunks=(4, 3), **options), READ) for name, options in {
        "in chunks": {}, "gzip": {"compression": "gzip"}, "lzf": {"compression": "lzf"},
        "shuffled": {"compression": "gzip", "shuffle": True}, "with sums": {"fletcher32": True}}.items()},
    "features in the header": (become(_FEATURES, _compact), READ),
    "features at an odd place": (become(_FEATURES, _at_an_odd_place), READ),
    "features with another exponent": (become(_FEATURES, _odd_float), lambda file: _rounded(file)),
    **{f"offsets as {kind}": (put(_OFFSETS, lambda x, kind=kind: x.astype(kind)), READ)
       for kind in ("i1", "u1", "i4", ">i8", "u8")},
    **{f"captions' clips as {kind}": (put("captions/clip", lambda x, kind=kind: x.astype(kind)), READ)
       for kind in ("i2", ">i4")},
    "about as numbers": (put("captions/about", lambda x: x.astype("u1")), READ),
    "texts of one length": (put("captions/text", lambda x: x.astype("S40")), READ),
    "attributes as bytes": (lambda f: f.attrs.update(format=np.bytes_("mee-clips"), title=np.bytes_("small")), READ),
    "an attribute of 60,000 letters": (lambda f: f.attrs.update(remark="x" * 60_000), READ),
    "groups that nobody asked for": (lambda f: f.update({"more/of/this": [1], "notes": "hello"}), READ),
    "groups that hold each other": (_loop, READ),
    "one split": (put("clips/split", lambda x: np.full(len(x), "train", object)),
                  lambda want: {"split": ["train"] * 14}),
    "no caption at all": (_flat(3), lambda want: {"texts": None, "ids": ["c0", "c1", "c2"], "facts": None}),
    "one clip, without any expert": (_flat(1), lambda want: {"ids": ["c0"], "split": ["train"]}),
    "no clip at all": (_flat(0), lambda want: {"ids": [], "split": []}),
    "a caption of a million words": (_a_million_words, lambda want: {"texts": ["red " * MANY, *want["texts"][1:]]}),
    "a title in another script": (attribute("/", "title", "Ещё 球 🎈"),
                                  lambda want: {"attributes": {**want["attributes"], "title": "Ещё 球 🎈"}}),
}  # fmt: skip


def _rounded(want):
    kind, shape, (_, raw), offsets = want["experts"]["face"]
    values = torch.frombuffer(bytearray(raw), dtype=torch.float32)
    rounded = plain(values.bfloat16().float().view(shape))
    return {"experts": {**want["experts"], "face": (kind, shape, rounded, offsets)}}


@row("Clip files that are good HDF5 and wrong, or unusual and right: types, shapes, offsets, NaN, links, bombs")
def lawful(folder, quick):
    found = {path.name: (path, contents(path)) for path in bases(folder)}
    _bomb.chunk = None
    with h5py.File(folder / "zeros.h5", "w") as file:
        zeros = file.create_dataset("x", data=np.zeros((2**18, 1024), "f2"), chunks=(2**18, 1024), compression="gzip")
        _bomb.chunk = zeros.id.read_direct_chunk((0, 0))[1]
    of_questions = ("no choices", "a question", "answer")  # these are in the packed file alone
    jobs = []
    for number, name in enumerate(LAWFUL):
        if name.startswith(of_questions):
            jobs += [(name, "packed.h5", True)] + [(name, "packed.h5", False)] * (not quick)
        else:
            jobs += [(name, "plain.h5", True)] + [(name, "latest.h5", True)] * (not quick)
            jobs += [(name, "plain.h5", False)] * (number % (20 if quick else 3) == 0)

    def work(job):
        name, base, seal = job
        path, want = found[base]
        mutant = folder / f"mutant-{os.getpid()}.h5"
        shutil.copy(path, mutant)
        change, expected = LAWFUL[name]
        with h5py.File(mutant, "r+") as file:
            change(file)
        if seal:
            files.seal(mutant)
        if callable(expected):
            special = expected(want)
            want = special if special.keys() & {"ids", "split", "texts"} else {**want, **special}
            want = {key: value for key, value in want.items() if key != "used"}
        elif expected is None:
            want = None
        verdict = looked_at(mutant, want)
        return f"{verdict} [{name}, {base}]" if verdict.startswith("lost") else verdict

    return attempts(jobs, work, folder)


@row("What is no clip file: text, pictures, archives, random bytes, folders, pipes, links into nowhere")
def foreign(folder, quick):
    good = clip_file(folder / "good.h5").read_bytes()
    r = random.Random(0)
    things = {
        "empty": b"", "text": b"hello", "png": b"\x89PNG\r\n\x1a\n" + bytes(100), "signature": good[:8],
        "header": good[:96], "zip": zipped({"a": b"b"}), "pickle": pickle.dumps({"a": 1}), "json": b'{"format": 1}',
        "gzip": __import__("gzip").compress(good), "far": bytes(2**20) + good[8:], "npy": b"\x93NUMPY" + bytes(90),
        **{f"random {n}": r.randbytes(n) for n in (1, 7, 8, 100, 511, 512, 513, 5000)},
        **{f"signed {n}": good[:8] + r.randbytes(2**n) for n in range(3, 15)},
        **{f"sealed {n}": r.randbytes(n) for n in (0, 30, 3000)},
    }  # fmt: skip
    for name, raw in things.items():
        (folder / name).write_bytes(raw)
        if name.startswith("sealed"):
            files.seal(folder / name)
    (folder / "a folder").mkdir()
    os.mkfifo(folder / "a pipe")
    (folder / "into nowhere").symlink_to(folder / "nowhere")
    (folder / "round").symlink_to(folder / "round")
    server = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(folder)  # such a name may have 108 bytes
    server.bind("a socket")
    os.chdir(here)
    names = [*things, "a folder", "a pipe", "into nowhere", "round", "a socket", "is not there", "good.h5/inside"]
    found = attempts(names, lambda name: looked_at(folder / name, None), folder)
    server.close()
    return found


# ------------------------------------------------------------------------------------------------------- training


def world(path):
    """80 clips whose pictures tell a colour and whose motion tells a move, with checkpoints that take a while."""
    g = np.random.default_rng(0)
    colours, moves = ["red", "green", "blue"], ["rolls", "jumps", "waits"]
    words = Words(["a", "ball", *colours, *moves], g.normal(size=(8, 24)))
    look, move = g.normal(size=(3, 256)), g.normal(size=(3, 16))
    with ClipWriter(path, {"appearance": ("vector", 256), "motion": ("sequence", 16)}, words) as out:
        for i in range(80):
            c, m = g.integers(3, size=2)
            motion = move[m] + 0.5 * g.normal(size=(3, 16)) if i % 3 else None
            features = {"appearance": look[c] + 0.5 * g.normal(size=256), "motion": motion}
            split = ("train", "train", "val", "test")[i % 4]
            out.add(f"c{i}", split, features, [f"a {colours[c]} ball {moves[m]}", f"{colours[c]} {moves[m]}"])
    return path


EPOCHS = 8


# read now: the user that a process becomes may not be let in where this repository lies
SHELL = compile(Path(training.__file__).read_text(), training.__file__, "exec")


def shell(file, out, epochs=EPOCHS, *more):
    """``python -m mee.train`` in this (forked) process."""
    torch.set_num_threads(1)
    sys.argv = ["mee.train", str(file), "--epochs", str(epochs), "--batch-size", "16", "--text-clusters", "8",
                "--sequence-clusters", "4", "--no-progress", "--device", "cpu", "--out", str(out), *more]  # fmt: skip
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    exec(SHELL, main.__dict__)


def learnt(out):
    """What a finished run has learnt: every number of both its checkpoints, but for the seconds it took."""
    model, words = training.load_model(out / training.MODEL)
    state = training._load(out / training.STATE, "state")
    report = json.loads((out / training.METRICS).read_text())
    for line in (*state["history"], *report["history"]):
        del line["seconds"]
    history = repr(state["history"]), repr(report["history"]), repr([report["best"], report["test"], report["val"]])
    parts = [dict(model.state_dict()), state["model"], state["best_model"], state["adam"]["state"], words.vectors]
    return plain([parts, state["generator"]]), words.words, history, state["score"], state["best"]


def whole_files(out):
    """What is wrong with the files of a run that was stopped; nothing, if each is whole or not there."""
    for name, load in ((training.MODEL, training.load_model), (training.STATE, lambda p: training._load(p, "state"))):
        if (out / name).exists():
            try:
                load(out / name)
            except Exception as error:
                return f"lost: {type(error).__name__}: {error}"
    if (out / training.METRICS).exists():
        json.loads((out / training.METRICS).read_text())
    return None


def stopped(file, out, after, sign, log, at_a_save=False):
    """Train (or go on), send ``sign`` after a time, or as long after the next save began; gives the exit code.

    after  0 to 1, of the time that is left to the end; for ``at_a_save`` of 20 ms. None: let it come to its end
    """
    done = len(training._load(out / training.STATE, "state")["history"]) if (out / training.STATE).exists() else 0
    pid = fork(shell, file, out, EPOCHS, *(["--resume"] if done else []), output=log)
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
        elif not at_a_save:  # the machine has more time for it now
            stopped.seconds *= 0.8
    return ended(pid)


def changed(folder):
    """When the youngest file there was last written to."""
    try:
        return max((entry.stat().st_mtime_ns for entry in os.scandir(folder)), default=0)
    except FileNotFoundError:  # the folder, or a file that has another name by now
        return 0


def gone(pid):
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _uninterrupted(folder):
    """The clip file, what an undisturbed run learns from it, and how long that takes (kept for :func:`stopped`)."""
    file = world(folder / "world.h5")
    began = time.perf_counter()
    if stopped(file, folder / "whole", None, None, folder / "log") != 0:
        raise RuntimeError((folder / "log").read_text())
    stopped.seconds = time.perf_counter() - began
    return file, learnt(folder / "whole")


@row("Training killed (kill -9) at random moments, then resumed: the weights at the end, bit for bit")
def kill(folder, quick):
    file, want = _uninterrupted(folder)
    r, verdicts, saves, run, log = random.Random(0), [], 0, 0, folder / "log"
    kills, out = 3 if quick else 50, folder / "run0"
    while len(verdicts) < kills or out.exists():
        last = len(verdicts) >= kills  # it may come to its end
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
            verdicts.append(f"lost: ended with {code}: {log.read_text()[-300:]}")
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
def overwrite(folder, quick):
    indexes, _ = two_indexes(folder)
    r, verdicts = random.Random(2), []
    for name, versions, read in (
        ("clips.h5", (clip_file, bigger), lambda path: len(Clips(path)) in (14, 300)),
        ("clips.index", [index.save for index in indexes], lambda path: len(ClipIndex.load(path)) in (80, 79)),
    ):
        path = folder / name
        versions[0](path)
        for _ in range(3 if quick else 50):
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


@row("Training asked to stop (Ctrl-C, SIGTERM): a line that says how to go on, nothing half written")
def stop(folder, quick):
    file, want = _uninterrupted(folder)
    r, verdicts, early = random.Random(1), [], 0
    for i in range(4 if quick else 40):
        out, log, sign = folder / f"stop{i}", folder / f"log{i}", (signal.SIGINT, signal.SIGTERM)[i % 2]
        code = stopped(file, out, r.random(), sign, log, at_a_save=i % 8 > 3)
        said, state = log.read_text() if log.exists() else "", (out / training.STATE).exists()
        if not out.exists():  # it had not begun
            early += 1
            verdicts.append("right")
        elif left := [p.name for p in out.glob(".*")]:
            verdicts.append(f"lost: {left} stayed behind")
        elif code == 0:
            verdicts.append("right" if learnt(out) == want else "lost: other weights")
        elif code != 1 or "mee.train: stopped" not in said or "Traceback" in said or state != ("--resume" in said):
            verdicts.append(f"lost: ended with {code} and said {said[-300:]!r}")
        else:
            verdicts.append(whole_files(out) or "right")
            if i % 4 < 2 and (stopped(file, out, None, None, log), learnt(out))[1] != want:
                verdicts[-1] = "lost: other weights after going on"
    return verdicts, f"{early} came before the first line of the program" if early else ""


# ---------------------------------------------------------------------------------------------------------- disks


@contextmanager
def small_disk(folder, size):
    """A file system of ``size`` bytes at ``folder``; root only."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder, but):
    """Fill the disk of ``folder``, but for so many bytes."""
    free = shutil.disk_usage(folder).free - but
    with open(folder / "filler", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(free, 1))


def can_mount():
    if os.geteuid() or not shutil.which("mount"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True)
        return done.returncode == 0 and subprocess.run(["umount", folder]).returncode == 0


def limited(size, function, *arguments):
    """``function`` where no file may grow beyond ``size`` bytes, which is how a quota feels."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    function(*arguments)


def bigger(path, compression=None):
    """Another, bigger clip file under the same name, half of it numbers, half of it texts."""
    g = np.random.default_rng(1)
    words = Words(VOCABULARY, g.normal(size=(7, 6)))
    with ClipWriter(path, {"face": ("sequence", 64)}, words, compression=compression) as out:
        for i in range(300):
            out.add(f"c{i}", "train", {"face": g.normal(size=(4, 64))}, [" ".join(g.choice(VOCABULARY, 40))] * 2)


FULL = ("No space left", "File too large")


def refusal(code, log, path, words):
    """None if a process ended as it should where it cannot write: one line that names the file and the reason."""
    said = log.read_text()
    log.unlink()
    if code != 1 or "Traceback" in said or not any(word in said for word in words) or str(path) not in said:
        return f"lost: ended with {code} and said {said[-400:]!r}"
    return None


def or_say(write, path):
    try:
        write(path)
    except (ClipFileError, IndexFileError) as error:
        sys.exit(f"refused: {error}")


@row("Disk full, or a limit on the size of files, while a clip file, a checkpoint or an index is written")
def full(folder, quick):
    file, want = _uninterrupted(folder)
    verdicts, log, n = [], folder / "full.log", 1 if quick else 10
    bigger(folder / "clips")
    (index, graph), _ = two_indexes(folder)
    graph.save(folder / "index")
    needs = {"clips": 2 * (folder / "clips").stat().st_size, "index": (folder / "index").stat().st_size}
    needs["train"] = sum((folder / "whole" / name).stat().st_size for name in ("last.pt", "model.pt"))

    def one_file(name, first, second):
        def over(where, room):
            path = where / name
            if not path.exists():
                first(path)
            before = path.read_bytes()
            code = room(or_say, second, path)
            left = [p.name for p in where.iterdir() if p.name not in (name, "filler")]
            if code == 0:
                log.unlink(missing_ok=True)
                return "right"
            good = path.read_bytes() == before
            return refusal(code, log, path, FULL) or (
                "refused" if good and not left else f"lost: {left}, intact: {good}"
            )

        return over

    def train(where, room):
        out = where / "run"
        if not out.exists():
            ended(fork(shell, file, out, 3, output=folder / "log"))
        before = (out / "last.pt").read_bytes()
        code = room(shell, file, out, EPOCHS, "--resume")
        left = [p.name for p in out.iterdir() if p.name not in ("last.pt", "model.pt", "metrics.json")]
        if code == 0:
            log.unlink(missing_ok=True)
            return "right" if learnt(out) == want else "lost: other weights"
        wrong = refusal(code, log, out, FULL) or whole_files(out) or (f"lost: {left}" if left else None)
        if wrong or ((out / "last.pt").read_bytes() != before and room.first):
            return wrong or "lost: the checkpoint is another"
        return "refused"

    needs["packed"] = needs["clips"]
    kinds = {"clips": one_file("clips.h5", clip_file, bigger), "train": train}
    kinds["packed"] = one_file("packed.h5", clip_file, functools.partial(bigger, compression="gzip"))
    kinds["index"] = one_file("clips.index", index.save, graph.save)
    for name, kind in kinds.items():
        where, need = folder / f"limit-{name}", needs[name]
        where.mkdir()
        for i in range(n):

            def room(*call, size=int(need * (i + 0.5) / n / 2)):
                return ended(fork(limited, size, *call, output=log))

            room.first = False
            verdicts.append(kind(where, room))
    if can_mount():
        for name, kind in kinds.items():
            need = needs[name]
            with small_disk(folder / f"disk-{name}", 4 * need + 2**20) as where:
                for i in range(n):

                    def room(*call, but=int(1.2 * need * i / n), where=where):
                        fill(where, but)
                        code = ended(fork(*call, output=log))
                        (where / "filler").unlink()
                        return code

                    room.first = False
                    verdicts.append(kind(where, room))
                if kind is train and room(shell, file, where / "run", EPOCHS, "--resume", but=3 * need) == 0:
                    verdicts.append("right" if learnt(where / "run") == want else "lost: other weights at the end")
        note = "a real disk of a few megabytes, and a limit on the size of a file"
    else:
        note = "by a limit on the size of a file; only root can make a small disk"
    return verdicts, note


def as_nobody(function, *arguments):
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    function(*arguments)


@row("A folder or a disk that may not be written to: said at once, not after the first epoch")
def readonly(folder, quick):
    # the first step of an old PyTorch imports this, and nobody may read where Python lies
    import torch._dynamo  # noqa: F401

    file, _ = _uninterrupted(folder)
    (index, _), _ = two_indexes(folder)
    clip_file(folder / "clips.h5")
    index.save(folder / "clips.index")
    reasons, log, verdicts = ("Permission denied", "Read-only file system"), folder / "ro.log", []

    def tries(where, how):
        for call, path in (
            ((or_say, bigger, where / "clips.h5"), where / "clips.h5"),
            ((or_say, bigger, where / "new.h5"), where / "new.h5"),
            ((or_say, bigger, where / "new/new.h5"), where / "new/new.h5"),
            ((or_say, index.save, where / "clips.index"), where / "clips.index"),
            ((or_say, index.save, where / "new.index"), where / "new.index"),
            ((shell, file, where / "run", EPOCHS, "--resume"), where / "run"),
            ((shell, file, where / "run2"), where / "run2"),
        ):
            before = {p: p.read_bytes() for p in where.rglob("*") if p.is_file()}
            wrong = refusal(ended(fork(how, *call, output=log)), log, path, reasons)
            same = before == {p: p.read_bytes() for p in where.rglob("*") if p.is_file()}
            verdicts.append(wrong or ("refused" if same else "lost: something was changed"))

    def stocked(where):
        shutil.copy(folder / "clips.h5", where)
        shutil.copy(folder / "clips.index", where)
        shutil.copytree(folder / "whole", where / "run")

    log.touch()
    for path in (folder, *folder.parents):  # nobody must be able to get there
        if path.stat().st_uid == os.geteuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o005)
    closed = folder / "closed"
    closed.mkdir()
    stocked(closed)
    for path in (closed, closed / "run"):
        path.chmod(0o555)
    for _ in range(1 if quick else 5):
        log.touch()
        log.chmod(0o666)
        tries(closed, as_nobody)
    for path in (closed, closed / "run"):
        path.chmod(0o755)
    if can_mount():
        with small_disk(folder / "disk", 2**25) as where:
            stocked(where)
            subprocess.run(["mount", "-o", "remount,ro", str(where)], check=True)
            for _ in range(1 if quick else 5):
                tries(where, lambda function, *arguments: function(*arguments))
    return verdicts


# ---------------------------------------------------------------------------------------------------- checkpoints


def zipped(parts, compression=zipfile.ZIP_STORED):
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return raw.getvalue()


class Call:
    """Unpickling this calls a function: what a malicious file does."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def malicious(good, canary):
    """Model files that want more than to be read: name -> bytes."""
    wishes = {
        "open": Call(open, str(canary), "w"),
        "system": Call(os.system, f"touch {canary}"),
        "exec": Call(exec, f"open({str(canary)!r}, 'w')"),
        "eval": Call(eval, f"open({str(canary)!r}, 'w')"),
        "library": Call(ctypes.CDLL, str(canary)),
        "popen": Call(subprocess.Popen, ["touch", str(canary)]),
    }
    content = torch.load(io.BytesIO(good), weights_only=True)
    out = {}

    def saved(thing, **options):
        raw = io.BytesIO()
        torch.save(thing, raw, **options)
        return raw.getvalue()

    for name, wish in wishes.items():
        for protocol in (0, 2, 4):
            out[f"pickle {protocol}: {name}"] = pickle.dumps(wish, protocol)
        out[f"alone: {name}"] = saved(wish)
        out[f"old format: {name}"] = saved({**content, "config": wish}, _use_new_zipfile_serialization=False)
        for key in ("config", "model", "words", "format"):
            out[f"{key}: {name}"] = saved({**content, key: wish})
        out[f"a weight: {name}"] = saved({**content, "model": {**content["model"], "mee.moe_fc.bias": wish}})
        out[f"an extra: {name}"] = saved({**content, "more": [wish]})
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w:", format=tarfile.PAX_FORMAT) as tar:
            for part in ("sys_info", "pickle", "storages", "tensors"):
                info, bytes_ = tarfile.TarInfo(part), pickle.dumps(wish, 2)
                info.size = len(bytes_)
                tar.addfile(info, io.BytesIO(bytes_))
        out[f"tar: {name}"] = raw.getvalue()
        with zipfile.ZipFile(io.BytesIO(good)) as parts:
            inside = {part: parts.read(part) for part in parts.namelist()}
        key = next(part for part in inside if part.endswith("data.pkl"))
        out[f"swapped pickle: {name}"] = zipped({**inside, key: pickle.dumps(wish, 2)})
    huge = {**content["config"], "experts": {name: (2**30, 2**20) for name in content["config"]["experts"]}}
    out |= {
        "numbers that need a petabyte": saved({**content, "config": huge}),
        "other sizes": saved({**content, "config": {**content["config"], "text_clusters": 9}}),
        "no settings": saved({**content, "config": {}}),
        "settings that are a list": saved({**content, "config": [1]}),
        "fewer words": saved({**content, "words": content["words"][1:]}),
        "no weights": saved({**content, "model": {}}),
        "a list": saved([1, 2]),
        "nothing": saved(None),
        "a state": saved({**content, "format": "mee-state"}),
        "version 2": saved({**content, "version": 2}),
        "packed": zipped(inside, zipfile.ZIP_DEFLATED),
        "a bomb": zipped({**inside, "archive/data/0": bytes(2**28)}, zipfile.ZIP_DEFLATED),
        "names that climb": zipped({"../../canary": b"x", **inside}),
        "another zip": zipped({"a.txt": b"hello"}),
        "a script": scripted(),
        "empty": b"",
    }
    return out


def scripted():
    raw = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), raw)
    return raw.getvalue()


def model_verdict(path, want, canary):
    resource.setrlimit(resource.RLIMIT_AS, (2**34, 2**34))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model, words = training.load_model(path)
        found = plain([dict(model.state_dict()), words.vectors]), words.words
        verdict = "right" if found == want else "lost: other weights, without a word"
    except CheckpointError as error:
        verdict = "refused" if str(path) in str(error) else f"lost: {error}"
    except Exception as error:
        verdict = f"lost: {type(error).__name__}: {str(error)[:200]}"
    return "lost: its code was run" if canary.exists() else verdict


def _trained(folder):
    training.fit(world(folder / "world.h5"), epochs=1, batch_size=16, dim=8, text_clusters=2, sequence_clusters=2,
                 out=folder / "run", progress=False, device="cpu")  # fmt: skip
    return folder / "run" / training.MODEL


@row("Checkpoints that are damaged: bits and bytes changed, cut, swapped, overwritten")
def checkpoints(folder, quick):
    path, canary = _trained(folder), folder / "canary"
    good = path.read_bytes()
    model, words = training.load_model(path)
    want = plain([dict(model.state_dict()), words.vectors]), words.words
    inner = range(len(good) - 4096, len(good))  # the zip's list of its parts

    def work(seed):
        mutant = folder / f"mutant-{os.getpid()}.pt"
        mutant.write_bytes(damaged(good, seed, inner))
        return model_verdict(mutant, want, canary)

    return attempts(range(100 if quick else 1000), work, folder)


@row("Checkpoints that are malicious: code in the pickle at seven places, old formats, scripts, bombs, absurd sizes")
def trojans(folder, quick):
    path, canary = _trained(folder), folder / "canary"
    evil = malicious(path.read_bytes(), canary)

    def work(name):
        mutant = folder / f"mutant-{os.getpid()}.pt"
        mutant.write_bytes(evil[name])
        verdict = model_verdict(mutant, None, canary)
        harmless = name.startswith(("an extra", "names that climb")) and "other weights" in verdict
        if harmless:  # what nobody reads may be there, as long as nothing comes of it
            verdict = "right"
        return f"{verdict} [{name}]" if verdict.startswith("lost") else verdict

    return attempts(evil, work, folder)


# ------------------------------------------------------------------------------------------------ search indexes


def two_indexes(folder):
    """An exact index and a graph of the same clips, the second one without its first; and a question to both."""
    clips = Clips(world(folder / "world.h5"))
    torch.manual_seed(0)
    experts = {name: (expert.dim, 8) for name, expert in clips.experts.items()}
    model = VideoTextMEE(experts, clips.word_dim, 2, {"motion": 2}).eval()
    exact, graph = (ClipIndex.build(model, clips, kind=kind, progress=False) for kind in ("exact", "hnsw"))
    graph.remove([clips.ids[0]])
    return (exact, graph), lambda index: [(hit.id, hit.score) for hit in index.search("a red ball jumps", k=20)]


@row("Search indexes that are damaged: bits and bytes changed, cut, swapped, overwritten")
def indexes(folder, quick):
    both, ask = two_indexes(folder)
    found = []
    for number, index in enumerate(both):
        path = folder / f"{number}.index"
        index.save(path)
        found.append((path.read_bytes(), structure_of(path), ask(ClipIndex.load(path))))

    def work(seed):
        good, structure, want = found[seed % 2]
        mutant = folder / f"mutant-{os.getpid()}.index"
        mutant.write_bytes(damaged(good, seed, structure))
        try:
            return "right" if ask(ClipIndex.load(mutant)) == want else "lost: other answers, without a word"
        except IndexFileError as error:
            return "refused" if str(mutant) in str(error) else f"lost: {error}"
        except Exception as error:
            return f"lost: {type(error).__name__}: {error}"

    return attempts(range(60 if quick else 600), work, folder)


# ------------------------------------------------------------------------------------- what other tests go through


def tests_of(*arguments):
    """Run tests of the suite, each of which does one or more faults for real; a verdict for each."""
    paths = [argument for argument in arguments if argument.startswith("tests/")]
    if not all((ROOT / path.split("::")[0]).exists() for path in paths):
        return []
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-rA", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    words = ("PASSED", "FAILED", "ERROR")
    lines = [line.split(" ", 1) for line in done.stdout.splitlines() if line.split(" ")[0] in words]
    return ["refused" if word == "PASSED" else f"lost: {rest}" for word, rest in lines]


ARCHIVES = "not_unpacked or refused_after or sizes_are_counted or mutants"


@row("Pickles and .npy files of the paper's releases: code in them, damage, bombs, what Python 2 wrote (tests)")
def pickles(folder, quick):
    return tests_of("tests/test_safe_pickle.py", "tests/test_convert_release.py")


@row("Archives: names that climb out, links, devices, bombs, lies about sizes, damage: nothing written outside (tests)")
def archives(folder, quick):
    return tests_of("tests/test_download.py", "-k", ARCHIVES)


@row("Downloads: connections that drop or stall, servers that lie, wrong sums, full disks, two at once, killed (tests)")
def downloads(folder, quick):
    return tests_of("tests/test_download.py", "-k", f"not ({ARCHIVES})")


@row("Numbers: half precision, a batch of one, alike captions, no expert, equal scores, margins, temperatures (tests)")
def numbers(folder, quick):
    return tests_of("tests/test_faults.py", "-k", "numbers")


#: rows that run tests of the suite: `make test` does so anyway, so --quick leaves them out
TESTS = ("pickles", "archives", "downloads", "numbers")


# ------------------------------------------------------------------------------------------------------ the table


def run(names, quick):
    table = {}
    for name in names:
        title, function = ROWS[name]
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix=f"mee-{name}-") as folder:
            found = function(Path(folder), quick)
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
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    return (f"{os.cpu_count()} cores ({cpu or platform.machine()}), Linux {platform.release().split('-')[0]}, Python "
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
    """``text`` of the page with its table made anew."""
    head, _, rest = text.partition("<!-- table -->\n")
    return f"{head}<!-- table -->\n{markdown(numbers)}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"


def main(arguments=None):
    p = argparse.ArgumentParser(prog="python tests/faults.py", description=__doc__.splitlines()[0])
    p.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)} (default: all)")
    p.add_argument("--quick", action="store_true", help="a few of each, in half a minute")
    p.add_argument("-o", "--out", type=Path, metavar="FILE.json", help="write the numbers there, too")
    p.add_argument("--page", action="store_true", help="put the table of the written numbers into the book, and end")
    options = p.parse_args(arguments)
    if options.page:
        with files.atomic(PAGE) as new:
            new.write_text(into_page(PAGE.read_text(), json.loads((options.out or NUMBERS).read_text())))
        return 0
    if unknown := set(options.rows) - set(ROWS):
        p.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    if not sys.platform.startswith("linux"):
        p.error("this runs on Linux only: it forks, mounts and limits")
    torch.set_num_threads(1)
    names = options.rows or [name for name in ROWS if not (options.quick and name in TESTS)]
    numbers = {"machine": machine(), "quick": options.quick, "rows": run(names, options.quick)}
    if options.out is not None:
        if options.rows and options.out.exists():  # some rows anew, the others as they were
            both = json.loads(options.out.read_text())["rows"] | numbers["rows"]
            numbers["rows"] = {name: both[name] for name in ROWS if name in both}
        with files.atomic(options.out) as new:
            new.write_text(json.dumps(numbers, indent=1) + "\n")
    return int(any(entry["lost"] for entry in numbers["rows"].values()))


if __name__ == "__main__":
    sys.exit(main())
