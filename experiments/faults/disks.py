"""Rows about disks: full, limited, or read-only."""

import functools
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from faults.harness import ended, fork, row, some
from faults.samples import bigger, clip_file, two_indexes
from faults.training import EPOCHS, learnt, train, uninterrupted, whole_files

from mee.search import IndexFileError
from mee.storage import ClipFileError


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
    """Fill the disk of ``folder``, except for ``but`` bytes."""
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
    """``function`` where no file may grow beyond ``size`` bytes, as under a quota."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    function(*arguments)


FULL = ("No space left", "File too large")


def refusal(code, log, path, words):
    """None if a process ended as it should where it cannot write: one line that names the file and the reason."""
    said = log.read_text(encoding="utf-8")
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
def full(folder, share):
    file, want = uninterrupted(folder)
    verdicts, log, n = [], folder / "full.log", some(10, share)
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

    def training(where, room):
        out = where / "run"
        if not out.exists():
            ended(fork(train, file, out, 3, output=folder / "log"))
        before = (out / "last.pt").read_bytes()
        code = room(train, file, out, EPOCHS, "--resume")
        left = [p.name for p in out.iterdir() if p.name not in ("last.pt", "model.pt", "metrics.json")]
        if code == 0:
            log.unlink(missing_ok=True)
            return "right" if learnt(out) == want else "lost: other weights"
        wrong = refusal(code, log, out, FULL) or whole_files(out) or (f"lost: {left}" if left else None)
        if wrong or ((out / "last.pt").read_bytes() != before and room.first):
            return wrong or "lost: the checkpoint is another"
        return "refused"

    needs["packed"] = needs["clips"]
    kinds = {"clips": one_file("clips.h5", clip_file, bigger), "train": training}
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
                if kind is training and room(train, file, where / "run", EPOCHS, "--resume", but=3 * need) == 0:
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
def readonly(folder, share):
    file, _ = uninterrupted(folder)
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
            ((train, file, where / "run", EPOCHS, "--resume"), where / "run"),
            ((train, file, where / "run2"), where / "run2"),
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
    for path in (folder, *folder.parents):  # the user nobody must be able to get there
        if path.stat().st_uid == os.geteuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o005)
    closed = folder / "closed"
    closed.mkdir()
    stocked(closed)
    for path in (closed, closed / "run"):
        path.chmod(0o555)
    for _ in range(some(5, share)):
        log.touch()
        log.chmod(0o666)
        tries(closed, as_nobody)
    for path in (closed, closed / "run"):
        path.chmod(0o755)
    if can_mount():
        with small_disk(folder / "disk", 2**25) as where:
            stocked(where)
            subprocess.run(["mount", "-o", "remount,ro", str(where)], check=True)
            for _ in range(some(5, share)):
                tries(where, lambda function, *arguments: function(*arguments))
    return verdicts
