"""Pickles of features, read without running them.

A pickle is a program, and ``pickle.load`` runs it, whatever it does. Public features come as pickles all the same, most
of them from Python 2, and so do the object arrays in ``.npy`` files. :func:`load` restricts Python's own unpickler to
numbers, strings, lists, tuples, sets, dicts and the way in which NumPy rebuilds an array, a scalar and a dtype: it
imports nothing that the file names, calls only the few functions of this module, and refuses the rest.

What a file says about sizes is checked against the file, and what it uses repeatedly is counted, so memory stays within
a small multiple of the file's size. Plain ``.npy`` arrays stay on the disk (memory-mapped).
"""

import math
import mmap
import pickle
import re
import types
import warnings
from pathlib import Path

import numpy as np

from mee.storage import ClipFileError

SHARED = 16  # a file may reuse arrays and strings, up to this many times its own size
SCALARS = (str, int, float, bool, type(None))


def load(path, records=()):
    """What is in a pickle of any protocol or a ``.npy`` file: plain Python values and NumPy arrays.

    ``records`` are classes, as "module.name", whose objects are read as the dict of their attributes. An object array
    becomes a list of its items; Python 2's strings become str, one character per byte (latin1). Raises ClipFileError,
    which names the file, the byte and what is wrong there.
    """
    path, source, shape = Path(path), None, ()
    try:
        with open(path, "rb") as file:
            source = _Source(file.fileno(), 0, access=mmap.ACCESS_READ)
        if path.suffix == ".npy":
            shape, fortran, dtype = _npy_header(source)
            if dtype.kind != "O":
                _require(dtype.kind in "biuf" and dtype.itemsize <= 8, f"an array of {dtype}")
                return np.ndarray(shape, dtype, source, source.tell(), order="F" if fortran else "C")
        value = _Unpickler(source, set(records)).load()
        if shape:
            _require(type(value) is list and len(value) == math.prod(shape), f"{shape} objects were announced")
        return value
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged file makes the unpickler and NumPy raise anything
        what = f"opcode {error}" if isinstance(error, KeyError) else str(error) or "the file ends too early"
        why = "Only NumPy's arrays and plain containers are read; nothing of it was run"
        raise ClipFileError(f"{path}: at byte {source.tell() if source else 0:,}: {what}. {why}") from None


class _Source(mmap.mmap):
    """A file whose ``read`` gives all that was asked for, and takes no more memory than the file has bytes left."""

    def read(self, size):
        data = mmap.mmap.read(self, size)
        if len(data) < size:
            raise EOFError(f"{size:,} bytes should follow; the file has {len(data):,} more")
        return data


def _npy_header(file):
    """(shape, whether in Fortran's order, dtype) of a .npy file; leaves ``file`` where its data begins."""
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    _require(version in readers, f".npy of version {version}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 2 wrote (5L,), which NumPy reads with a warning
        return readers[version](file)


def _require(condition, what):
    if not condition:
        raise pickle.UnpicklingError(what)


class _Record(dict):
    """The attributes of an object of one of the classes that :func:`load` was told to read."""


def _reconstruct(kind, shape, code):
    _require(kind is np.ndarray and shape == (0,), "an array that does not begin empty")
    return np.empty(0, object)  # an array of objects, until BUILD fills it


def _fill(array, shape, dtype, fortran, data):
    """Fill the empty ``array``, if shape, type and data match; for objects and strings, give a list instead."""
    _require(isinstance(dtype, np.dtype) and type(shape) is tuple and len(shape) <= 32, "an array without a type")
    _require(all(type(n) is int and n >= 0 for n in shape), f"an array of shape {str(shape)[:200]}")
    count = math.prod(shape)
    if dtype.kind == "O":
        _require(type(data) is list and len(data) == count and len(shape) < 2, f"{shape} objects with other contents")
        return data if shape else data[0]
    data = data.encode("latin1") if type(data) is str else data
    size = len(data) if type(data) is bytes else 0
    _require(size == count * dtype.itemsize, f"an array of shape {str(shape)[:200]}, {dtype}, in {size:,} bytes")
    array.__setstate__((1, shape, dtype, fortran, data))
    return array


def _from_buffer(data, dtype, shape, order):
    return _fill(np.empty(0, object), shape, dtype, order == "F", data)


def _dtype(name, *flags):
    known = type(name) is str and re.fullmatch(r"b1|[iu][1248]|f[248]|O\d?", name)
    _require(known, f"an array of type {str(name)[:50]!r}")
    return np.dtype(name if name[0] != "O" else "O", copy=True)  # a copy: its byte order may be set


def _scalar(dtype, data=None):
    data = data.encode("latin1") if type(data) is str else data
    fits = isinstance(dtype, np.dtype) and dtype.kind != "O" and type(data) is bytes and len(data) == dtype.itemsize
    _require(fits, "a number without its bytes")
    return np.frombuffer(data, dtype)[0].item()


def _encode(text, coding="latin1"):
    """Bytes as Python 3 writes them for Python 2."""
    _require(type(text) is str and coding in ("latin1", "latin-1"), "bytes in an encoding other than latin1")
    return text.encode("latin1")


def _set(items=()):
    _require(all(type(item) in SCALARS for item in items), "a set of something other than numbers and strings")
    return set(items)


#: what Python 2 and NumPy 2 call the modules of NAMES
MODULES = {"__builtin__": "builtins", "numpy._core.multiarray": "numpy.core.multiarray",
           "numpy._core.numeric": "numpy.core.numeric"}  # fmt: skip
NAMES = {
    "numpy.ndarray": np.ndarray,
    "numpy.dtype": _dtype,
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _from_buffer,
    "_codecs.encode": _encode,
    "builtins.set": _set,
    "builtins.bytes": lambda: b"",
    **{f"numpy.float{bits}": f"float{bits}" for bits in (16, 32, 64)},
}

#: the opcodes that are read; all others are refused: persistent ids, extensions, other ways to make objects, copies
OPCODES = (
    b".\x80\x95N\x88\x89KMJ\x8aILFG"  # stop, protocol, frame, numbers
    b"SUTVX\x8c\x8dCB\x8e\x96"  # strings: of Python 2, text, bytes
    b"(01)]}\x8f\x85\x86\x87tldae\x90su"  # marks and containers
    b"pqr\x94ghj"  # the memo
    b"c\x93R\x81b"  # names, calls, objects
)


class _Unpickler(pickle._Unpickler):
    """Python's unpickler with an allow-list. The one written in C would give the memo what memory the file names."""

    dispatch = {code: step for code, step in pickle._Unpickler.dispatch.items() if code in OPCODES}

    def __init__(self, source, records):
        super().__init__(source, encoding="latin1")
        self.records, self.shared, self.most = records, 0, SHARED * len(source) + 2**20

    def find_class(self, module, name):
        full = f"{MODULES.get(module, module)}.{name}"
        _require(full in self.records or full in NAMES, f"asks for {f'{module}.{name}'[:200]!r}")
        return _Record if full in self.records else NAMES[full]

    def load_reduce(self):
        arguments, function = self.stack.pop(), self.stack.pop()
        _require(type(function) is types.FunctionType and type(arguments) is tuple, "a call of something else")
        self.append(function(*arguments))

    def load_newobj(self):
        arguments, kind = self.stack.pop(), self.stack.pop()
        _require(kind is _Record and arguments == (), "a new object")
        self.append(_Record())

    def load_build(self):
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is _Record and type(state) is dict:
            target.update(state)
        elif isinstance(target, np.dtype) and type(state) is tuple and state[2:5] == (None, None, None):
            _require(type(state[1]) is str and state[1] in ("<", ">", "=", "|"), "an unknown byte order")
            if state[1] in "<>" and target.kind != "O":
                sizes = target.itemsize, target.alignment, target.flags
                target.__setstate__((3, state[1], None, None, None, *sizes))
        else:
            unfilled = type(target) is np.ndarray and target.dtype == object
            _require(unfilled and type(state) is tuple and len(state) == 5, "an unknown state of an object")
            self.stack[-1] = _fill(target, *state[1:3], state[3] is True, state[4])

    def load_bytearray8(self):
        self.load_binbytes8()  # without taking the memory first

    for _code, _step in ((b"R", load_reduce), (b"\x81", load_newobj), (b"b", load_build), (b"\x96", load_bytearray8)):
        dispatch[_code[0]] = _step


def _without_odd_keys(step, keys):
    """A step that hashes what lies on the stack: scalars only, or tuples in tuples in tuples could take for ever."""

    def checked(self):
        odd = [type(key).__name__ for key in self.stack[keys] if type(key) not in SCALARS]
        _require(not odd, f"a key, or an item of a set, that is a {odd[:1]}")
        step(self)

    return checked


def _counted(step):
    """A step that uses something again. Reused again and again, a little would become very much: that is refused."""

    def checked(self):
        step(self)
        value = self.stack[-1]
        fine = type(value) not in (list, dict, set, _Record) and str(getattr(value, "dtype", "")) != "object"
        fine = fine and (type(value) is not tuple or all(type(item) in SCALARS for item in value))
        _require(fine, "a container, or an unfinished array, is used again")
        self.shared += value.nbytes if type(value) is np.ndarray else len(value) if type(value) in (str, bytes) else 0
        _require(self.shared <= self.most, f"arrays and strings are used again, {self.shared:,} bytes in all")

    return checked


for _codes, _keys in ((b"s", slice(-2, -1)), (b"ud", slice(0, None, 2)), (b"\x90", slice(None))):
    for _code in _codes:
        _Unpickler.dispatch[_code] = _without_odd_keys(_Unpickler.dispatch[_code], _keys)
for _code in b"ghj":
    _Unpickler.dispatch[_code] = _counted(_Unpickler.dispatch[_code])
