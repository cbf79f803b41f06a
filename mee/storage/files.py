"""Files that are complete or absent: written under a temporary name first, and sealed with a checksum."""

import errno
import os
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np

SEAL = b"\nmee whole file crc32 %08x\n"
PATIENCE = 20  # seconds that HDF5 may take over a small file before it counts as hanging


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary name beside ``path`` that becomes ``path`` if the block ends well, and is removed if it does not.

    What a killed process left under such a name is removed by the next process that writes to the folder.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # on the disk before it has its name, or a power cut could leave the name empty
        try:
            os.replace(temporary, path)
        except PermissionError as error:  # Windows replaces no file that is open, as a clip file is in a notebook
            why = "another program has it open, or you may not replace it; end that program, or write elsewhere"
            raise PermissionError(f"{path}: {why}") from error
    finally:
        temporary.unlink(missing_ok=True)


@cache  # once per process and folder
def _sweep(folder: Path) -> None:
    """Remove the unfinished files in ``folder`` whose processes have ended."""
    for old in folder.glob(".*.part") if os.name == "posix" else ():
        pid = old.name.split(".")[-2]
        try:
            # another machine may be writing to the same folder: leave what changed within the last minute
            if not pid.isdigit() or time.time() - old.stat().st_mtime < 60:
                continue
            os.kill(int(pid), 0)
        except ProcessLookupError:
            old.unlink(missing_ok=True)
        except (OSError, OverflowError):
            pass  # removed meanwhile, or another user's


def reserve(file: BinaryIO, size: int) -> None:
    """Reserve ``size`` bytes for an open ``file``; OSError if the disk, a quota or a limit does not allow them."""
    try:
        os.posix_fallocate(file.fileno(), 0, size)
    except AttributeError:
        pass  # neither macOS nor Windows has it
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise


@contextmanager
def new_hdf5(path: str | Path, size: int) -> Iterator[h5py.File]:
    """A new HDF5 file for writing, with room for ``size`` bytes; OSError before HDF5 starts if there is none.

    HDF5 crashes at the end of Python if the disk was full when it wrote or closed a file. It needs an empty file to
    start with, so the space is reserved twice: once to see that it exists, and once to keep it.
    """
    with open(path, "w+b") as disk:
        reserve(disk, size)
        disk.truncate(0)
        with h5py.File(disk, "w") as file:
            reserve(disk, size)
            yield file


def write_strings(group: h5py.Group, name: str, texts: Sequence[str]) -> None:
    """Write ``texts`` to ``group[name]`` as one run of bytes and the length of each: small and quick for a million."""
    raw = [text.encode("utf-8", "surrogatepass") for text in texts]
    group[f"{name}/bytes"] = np.frombuffer(b"".join(raw), np.uint8)
    group[f"{name}/length"] = np.array([len(text) for text in raw], np.int32)


def read_strings(group: h5py.Group, name: str) -> list[str]:
    """The strings that :func:`write_strings` wrote; ValueError if lengths and bytes disagree."""
    raw, length = group[f"{name}/bytes"][()].tobytes(), group[f"{name}/length"][()]
    ends = np.cumsum(length, dtype=np.int64).tolist()
    if len(raw) != (ends[-1] if ends else 0) or (length < 0).any():
        raise ValueError(f"{name}: lengths and bytes differ")
    return [raw[a:b].decode("utf-8", "surrogatepass") for a, b in zip([0, *ends], ends, strict=False)]


def _crc32(file: BinaryIO, size: int) -> int:
    crc = 0
    while size and (block := file.read(min(size, 2**20))):
        crc, size = zlib.crc32(block, crc), size - len(block)
    return crc


def seal(path: str | Path) -> None:
    """Append the checksum of all bytes of ``path``; HDF5 and zip readers ignore what follows the end."""
    with open(path, "rb+") as file:
        file.write(SEAL % _crc32(file, os.stat(path).st_size))


def sealed(path: str | Path) -> bool | None:
    """True if ``path`` is as it was when it was sealed, False if it is not, None if it has no seal.

    A file that h5py opens for writing loses its seal, so an edited file is not mistaken for a damaged one.
    """
    size, length = os.stat(path).st_size, len(SEAL % 0)
    with open(path, "rb") as file:
        crc = _crc32(file, max(0, size - length))
        tail = file.read()
    if len(tail) == length and tail == SEAL % crc:
        return True
    # damage may have hit the seal itself: what looks much like a seal was one
    alike = sum(a == b for a, b in zip(tail, SEAL % crc, strict=False))
    return False if 2 * alike > length or re.search(rb"mee whole file", tail) else None


_WALK = """
import sys, h5py
def visit(name, thing):
    dict(thing.attrs)
    if not isinstance(thing, h5py.Dataset) or thing.is_virtual or thing.external or not thing.size:
        return
    if thing.chunks:
        thing.id.get_num_chunks()
    plain = thing.id.get_offset() is not None and thing.dtype.kind in "iuf"  # bytes that HDF5 only copies
    if thing.ndim and not plain and thing.nbytes < int(sys.argv[2]):
        for start in range(0, len(thing), 256):
            thing[start : start + 256]
try:
    with h5py.File(sys.argv[1], "r") as file:
        dict(file.attrs)
        file.visititems(visit)
except Exception:
    pass
"""


def survives_hdf5(path: str | Path) -> bool:
    """Whether the HDF5 library survives reading ``path``, tried in a process of its own.

    Damage in the inner structure of a file can crash the library, and Python with it, or keep it busy for ever.
    """
    size = os.stat(path).st_size
    command = [sys.executable, "-P", "-c", _WALK, str(path), str(2**26 + 100 * size)]
    try:
        tried = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE + size / 1e7)
    except subprocess.TimeoutExpired:
        return False
    return tried.returncode in (0, 1)
