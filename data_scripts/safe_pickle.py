"""Pickles of features, read without running them.

A pickle is a program, and ``pickle.load`` runs it, whatever it does. Public features come as pickles all the same, most
of them from Python 2, and so do the object arrays in ``.npy`` files. :func:`load` goes through the program by itself.
It knows numbers, strings, lists, tuples, sets, dicts and the way in which NumPy rebuilds an array, a scalar and a
dtype; it imports nothing and calls nothing that the file names, and refuses the rest.

Arrays stay in the file until they are asked for: each is a :class:`Stored`, some hundred bytes in memory, and what a
file says about their size is checked against the file. So gigabytes are read in little memory, and a small file cannot
make a large array.
"""

import codecs
import math
import re
import struct
import warnings
from pathlib import Path

import numpy as np

from mee.data import ClipFileError

LONG = 256  # strings of more bytes stay in the file
SHARED = 16  # a file may use arrays again, up to so many times its own size


def load(path, records=()):
    """What is in a pickle or a ``.npy`` file: plain Python values with a :class:`Stored` for each array.

    path     ``.npy`` is read as NumPy's format, whatever else as a pickle of any protocol
    records  classes, as "module.name", whose objects are read as the dict of their attributes

    An object array becomes a list of its items. Python 2's strings become str, a byte a character (latin1). Raises
    :class:`mee.data.ClipFileError`, which names the file, the byte and what is wrong there.
    """
    path = Path(path)
    source = _Source(path)
    if path.suffix == ".npy":
        try:
            shape, fortran, dtype = _npy_header(source.file)
        except Exception as error:  # a damaged header makes NumPy raise anything
            raise ClipFileError(f"{path}: not a .npy file, or a damaged one ({error})") from None
        if dtype.kind == "O":
            value = _Machine(source, records).run()
            if shape != () and (type(value) is not list or len(value) != math.prod(shape)):
                raise ClipFileError(f"{path}: its header tells of {shape} objects, others are there")
            return value
        start, size = source.file.tell(), math.prod(shape) * dtype.itemsize
        if dtype.kind not in "biuf" or dtype.itemsize > 8 or min(shape, default=0) < 0 or start + size > source.size:
            raise ClipFileError(
                f"{path}: {shape} of {dtype} would take {size:,} bytes; {source.size - start:,} are there"
            )
        return Stored(_Raw(source, start, size, "bytes"), shape, dtype, fortran)
    return _Machine(source, records).run()


def _npy_header(file):
    """(shape, whether in Fortran's order, dtype) of a .npy file; leaves ``file`` where its data begins."""
    version = np.lib.format.read_magic(file)
    reader = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if reader is None:
        raise ValueError(f"version {version}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 2 wrote (5L,), which NumPy reads, and tells
        return reader(file)


class Stored:
    """An array in its file: ``shape``, ``dtype``; ``x[i]`` reads a row, ``np.asarray(x)`` all of it."""

    __slots__ = ("data", "shape", "dtype", "fortran")

    def __init__(self, data=None, shape=(0,), dtype=None, fortran=False):
        self.data, self.shape, self.fortran = data, shape, fortran  # data: _Raw, bytes, or not there yet
        self.dtype = dtype or np.dtype("f8")

    def __array__(self, dtype=None, copy=None):
        data = self.data.bytes() if isinstance(self.data, _Raw) else self.data or b""
        array = np.frombuffer(data, self.dtype).reshape(self.shape, order="F" if self.fortran else "C")
        return array if dtype is None else array.astype(dtype)

    def __len__(self):
        return self.shape[0] if self.shape else 0

    def __getitem__(self, i):
        if not 0 <= i < len(self):
            raise IndexError(f"row {i} of {len(self)}")
        if self.fortran or isinstance(self.data, _Raw) and self.data.how not in ("bytes", "latin1"):
            self.data, self.fortran = np.asarray(self).tobytes(), False  # rows don't lie there in one piece
        size = math.prod(self.shape[1:]) * self.dtype.itemsize
        data = self.data.bytes(i * size, size) if isinstance(self.data, _Raw) else self.data[i * size : (i + 1) * size]
        return np.frombuffer(data, self.dtype).reshape(self.shape[1:])

    def __iter__(self):
        return (self[i] for i in range(len(self)))


class _Source:
    """An open file and its size; closed when nothing refers to it any more."""

    def __init__(self, path):
        self.path, self.file = path, open(path, "rb")
        self.size = path.stat().st_size

    def read(self, start, size):
        here = self.file.tell()
        self.file.seek(start)
        data = self.file.read(size)
        self.file.seek(here)
        return data

    def __del__(self):
        if hasattr(self, "file"):
            self.file.close()


class _Raw:
    """A long string that is still in the file; ``how`` says as what: bytes, latin1, escaped (protocol 0), utf-8, or
    encoded: bytes that protocol 2 writes as text."""

    __slots__ = ("source", "start", "size", "how")

    def __init__(self, source, start, size, how):
        self.source, self.start, self.size, self.how = source, start, size, how

    def bytes(self, skip=0, size=None):
        raw = self.source.read(self.start + skip, self.size if size is None else size)
        if self.how == "escaped":
            return codecs.escape_decode(raw)[0]
        return raw.decode("utf-8").encode("latin1") if self.how == "encoded" else raw

    def text(self):
        if self.how == "utf-8":
            return self.source.read(self.start, self.size).decode("utf-8", "surrogatepass")
        return self.bytes().decode("latin1")

    def __len__(self):
        return self.size if self.how in ("bytes", "latin1") else len(self.bytes())


class _Kind:
    """A dtype on its way: what ``numpy.dtype(...)`` made, before the byte order is set."""

    def __init__(self, dtype):
        self.dtype = dtype


class _Record(dict):
    """The attributes of an object of one of the classes that :func:`load` was told to read."""


MARK, NDARRAY, OBJECT = object(), object(), object()
SCALARS = (str, int, float, bool, type(None))


class _Machine:
    """The pickle's stack machine, without its power. ``run`` gives the value that the file describes."""

    def __init__(self, source, records):
        self.source, self.file, self.records = source, source.file, set(records)
        self.stack, self.memo, self.shared = [], {}, 0

    def run(self):
        try:
            while (code := self.file.read(1)) != b".":
                if code not in STEPS:
                    self.refuse(f"opcode {code!r}" if code else "the file ends before the pickle does")
                STEPS[code](self)
            return self.settle(self.pop())
        except (UnicodeError, ValueError, TypeError, OverflowError) as error:
            if isinstance(error, ClipFileError):
                raise
            self.refuse(f"damaged: {error}")

    def refuse(self, what):
        raise ClipFileError(
            f"{self.source.path}: at byte {self.file.tell():,}: {what}. Only NumPy's arrays and plain containers are "
            "read from a pickle; nothing of it was run"
        )

    # ---------------------------------------------------------------------------------------- reading the file

    def read(self, size):
        data = self.file.read(size)
        if len(data) < size:
            self.refuse("the file ends before the pickle does")
        return data

    def number(self, width, signed=False):
        return int.from_bytes(self.read(width), "little", signed=signed)

    def line(self):
        line = self.file.readline()
        if not line.endswith(b"\n"):
            self.refuse("the file ends before the pickle does")
        return line[:-1]

    def integer(self, text):
        if len(text) > 40:
            self.refuse("a number of more than 40 digits")
        return int(text)

    def string(self, size, how):
        """A string of ``size`` bytes from here on; a long one is left where it is."""
        start = self.file.tell()
        if start + size > self.source.size:
            self.refuse(f"a string of {size:,} bytes; {self.source.size - start:,} are left")
        if size > LONG:
            self.file.seek(start + size)
            return _Raw(self.source, start, size, how)
        raw = self.file.read(size)
        return raw if how == "bytes" else raw.decode(how, "surrogatepass" if how == "utf-8" else "strict")

    def quoted(self):
        start, line = self.file.tell(), self.line()
        if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1]:
            self.refuse("a string without its quotes")
        if len(line) > LONG:
            return _Raw(self.source, start + 1, len(line) - 2, "escaped")
        return codecs.escape_decode(line[1:-1])[0].decode("latin1")

    # ------------------------------------------------------------------------------------------------ the stack

    def push(self, value):
        self.stack.append(value)

    def pop(self):
        if not self.stack or self.stack[-1] is MARK:
            self.refuse("nothing is on the stack")
        return self.stack.pop()

    def top(self, kind):
        if not self.stack or type(self.stack[-1]) not in kind:
            self.refuse(f"expected {' or '.join(k.__name__ for k in kind)} on the stack")
        return self.stack[-1]

    def popped(self):
        """All that was pushed since the last mark."""
        for i in range(len(self.stack) - 1, -1, -1):
            if self.stack[i] is MARK:
                items = self.stack[i + 1 :]
                del self.stack[i:]
                return items
        self.refuse("no mark is on the stack")

    def settle(self, value):
        """``value`` as it may stand in a container: object arrays are lists, long texts str."""
        if type(value) is Stored and type(value.data) is list:
            return value.data[0] if value.shape == () else value.data
        if type(value) is _Raw:
            return value.bytes() if value.how in ("bytes", "encoded") else value.text()
        return value

    def extend(self, items):
        target = self.top((list, set))
        for item in items:
            item = self.settle(item)
            if type(target) is list:
                target.append(item)
            elif type(item) in SCALARS:
                target.add(item)
            else:
                self.refuse(f"a set of {type(item).__name__}")

    def set_items(self, items):
        target = self.top((dict,))
        if len(items) % 2:
            self.refuse("a key without its value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            key = self.settle(key)
            if type(key) not in (str, int):  # the hash of tuples in tuples in tuples takes for ever
                self.refuse(f"a dict with a key of {type(key).__name__}")
            target[key] = self.settle(value)

    def put(self, key):
        value = self.stack[-1] if self.stack else MARK
        plain = type(value) is not tuple or all(type(x) in SCALARS for x in value)
        self.memo[key] = value if plain else MARK  # no file of arrays uses another tuple again

    def get(self, key):
        """Push what was put under ``key``. Used again and again, a little would become very much: that is refused."""
        value = self.memo.get(key, MARK)
        if type(value) in (list, dict, set) and not value:
            value = type(value)()
        elif value is MARK or type(value) in (list, dict, set, _Record):
            self.refuse("a container, or nothing at all, is used again")
        elif type(value) is Stored and type(value.data) not in (_Raw, bytes):
            self.refuse("an array of objects, or an unfinished one, is used again")
        if type(value) in (Stored, _Raw):
            self.shared += value.size if type(value) is _Raw else math.prod(value.shape) * value.dtype.itemsize
            if self.shared > SHARED * self.source.size + 2**20:
                self.refuse(f"arrays are used again, {self.shared:,} bytes in all")
        self.push(value)

    # --------------------------------------------------------------------------------------- what stands for code

    def named(self, module, name):
        """Push what stands for ``module.name`` here, if it is one of the few names that arrays need."""
        if type(module) is not str or type(name) is not str:
            self.refuse("a name that is not a string")
        full = f"{module}.{name}"
        if full in self.records:
            return self.push(_Record)
        if full not in NAMES:
            self.refuse(f"asks for {full[:200]!r}")
        value = NAMES[full]
        self.push(_Kind(value.dtype) if type(value) is _Kind else value)

    def reduce(self):
        """What the pickle means as a call: only a few functions of this file can be on the stack."""
        arguments, function = self.pop(), self.pop()
        if type(arguments) is not tuple or function not in CALLED:
            self.refuse("a call of something else than NumPy's reconstruction")
        self.push(function(self, *arguments))

    def new_object(self):
        arguments, kind = self.pop(), self.pop()
        if kind is not _Record or arguments != ():
            self.refuse("a new object")
        self.push(_Record())

    def build(self):
        """Give the array, the dtype or the record on top of the stack its state."""
        state = self.pop()
        target = self.top((Stored, _Kind, _Record))
        if type(target) is _Record and type(state) is dict:
            target.update(state)
        elif type(target) is _Kind and type(state) is tuple and len(state) > 4 and state[2:5] == (None, None, None):
            if state[1] not in ("<", ">", "=", "|"):
                self.refuse(f"byte order {state[1]!r}")
            if state[1] in "<>":
                target.dtype = target.dtype.newbyteorder(state[1])
        elif type(target) is Stored and type(state) is tuple and len(state) == 5 and target.data is None:
            self.fill(target, *state[1:])
        else:
            self.refuse(f"an unknown state of {type(target).__name__}")

    def fill(self, target, shape, kind, fortran, data):
        """Give ``target`` its shape, type and data, if they fit each other and the file."""
        if type(kind) is not _Kind or type(shape) is not tuple or len(shape) > 32:
            self.refuse("an array without a type or a shape")
        if not all(type(n) is int and 0 <= n <= self.source.size for n in shape):
            self.refuse(f"an array of shape {str(shape)[:200]}")
        dtype, count = kind.dtype, math.prod(shape)
        if type(data) is str:
            data = data.encode("latin1")
        if dtype.kind == "O":
            if type(data) is not list or len(data) != count or len(shape) > 1:
                self.refuse(f"an object array of shape {shape} with other contents")
        elif type(data) not in (bytes, _Raw) or len(data) != count * dtype.itemsize:
            size = len(data) if hasattr(data, "__len__") else 0
            self.refuse(
                f"an array of shape {shape}, {dtype}, takes {count * dtype.itemsize:,} bytes; {size:,} are there"
            )
        elif dtype.kind in "SU":
            if len(shape) > 1:
                self.refuse("strings in more than one dimension")
            data = data if type(data) is bytes else data.bytes()
            data = [x if type(x) is str else x.decode("latin1") for x in np.frombuffer(data, dtype).tolist()]
        target.data, target.shape, target.dtype, target.fortran = data, shape, dtype, fortran is True


def _array(machine, subtype, shape, kind):
    if subtype is not NDARRAY or shape != (0,):
        machine.refuse("an array that does not begin empty")
    return Stored()


def _from_buffer(machine, data, kind, shape, order):
    target = Stored()
    machine.fill(target, shape, kind, order == "F", data)
    return target


def _dtype(machine, name, *flags):
    if type(name) is not str or not re.fullmatch(r"b1|[iu][1248]|f[248]|O\d?|[SU][1-9]\d{0,3}", name):
        machine.refuse(f"an array of type {str(name)[:50]!r}")
    return _Kind(np.dtype(name))


def _scalar(machine, kind, data=None):
    data = data.encode("latin1") if type(data) is str else data
    if type(kind) is not _Kind or kind.dtype.kind == "O" or type(data) is not bytes or len(data) != kind.dtype.itemsize:
        machine.refuse("a number without its bytes")
    return np.frombuffer(data, kind.dtype)[0].item()


def _encode(machine, text, coding="latin1"):
    """Bytes as Python 3 writes them for Python 2."""
    long = type(text) is _Raw and text.how == "utf-8"
    if not (long or type(text) is str) or coding not in ("latin1", "latin-1"):
        machine.refuse("bytes in another coding than latin1")
    return text.encode("latin1") if type(text) is str else _Raw(text.source, text.start, text.size, "encoded")


def _bytes(machine):
    return b""


def _set(machine, items=()):
    if not all(type(item) in SCALARS for item in items):
        machine.refuse("a set of something else than numbers and strings")
    return set(items)


def _ordered_dict(machine, items=()):
    if not all(type(key) in (str, int) for key, _ in items):
        machine.refuse("a dict with a key that is neither a string nor a number")
    return dict(items)


def _reconstructor(machine, kind, base, state):
    if kind is not _Record or base is not OBJECT or state is not None:
        machine.refuse("a new object")
    return _Record()


#: all that a pickle may name, and what stands for it here
NAMES = {
    "numpy.ndarray": NDARRAY,
    "numpy.dtype": _dtype,
    "_codecs.encode": _encode,
    "collections.OrderedDict": _ordered_dict,
    **{f"numpy.{core}.multiarray._reconstruct": _array for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _from_buffer for core in ("core", "_core")},
    **{f"{module}._reconstructor": _reconstructor for module in ("copy_reg", "copyreg")},
    **{f"{module}.set": _set for module in ("__builtin__", "builtins")},
    **{f"{module}.bytes": _bytes for module in ("__builtin__", "builtins")},
    **{f"{module}.object": OBJECT for module in ("__builtin__", "builtins")},
    **{f"numpy.float{bits}": _Kind(np.dtype(f"f{bits // 8}")) for bits in (16, 32, 64)},
}
CALLED = {_dtype, _encode, _ordered_dict, _array, _scalar, _from_buffer, _reconstructor, _set, _bytes}


# ------------------------------------------------------------------------------------------------------- opcodes


def _push(value):
    return lambda machine: machine.push(value)


def _number(width, signed=False):
    return lambda machine: machine.push(machine.number(width, signed))


def _counted(width, how):
    return lambda machine: machine.push(machine.string(machine.number(width), how))


def _int_line(machine):
    line = machine.line()
    machine.push({b"00": False, b"01": True}[line] if line in (b"00", b"01") else machine.integer(line))


def _tuple(count):
    def step(machine):
        items = [machine.pop() for _ in range(count)]
        machine.push(tuple(items[::-1]))

    return step


def _list_from_mark(machine):
    items = machine.popped()
    machine.push([])
    machine.extend(items)


def _dict_from_mark(machine):
    items = machine.popped()
    machine.push({})
    machine.set_items(items)


def _set_item(machine):
    value, key = machine.pop(), machine.pop()
    machine.set_items([key, value])


def _global(machine):
    machine.named(machine.line().decode(), machine.line().decode())


def _stack_global(machine):
    name, module = machine.pop(), machine.pop()
    machine.named(module, name)


#: opcode -> what it does to the machine; those that are not here are refused: persistent ids, classes, extensions
STEPS = {
    b"N": _push(None),
    b"\x88": _push(True),
    b"\x89": _push(False),
    b")": _push(()),
    b"]": lambda machine: machine.push([]),
    b"}": lambda machine: machine.push({}),
    b"\x8f": lambda machine: machine.push(set()),
    b"(": _push(MARK),
    b"0": lambda machine: machine.pop(),
    b"1": lambda machine: machine.popped(),
    # numbers
    b"K": _number(1),
    b"M": _number(2),
    b"J": _number(4, signed=True),
    b"\x8a": lambda machine: machine.push(machine.number(machine.number(1), signed=True)),
    b"I": _int_line,
    b"L": lambda machine: machine.push(machine.integer(machine.line().rstrip(b"L"))),
    b"F": lambda machine: machine.push(float(machine.line())),
    b"G": lambda machine: machine.push(struct.unpack(">d", machine.read(8))[0]),
    # strings: of Python 2, text, bytes
    b"S": lambda machine: machine.push(machine.quoted()),
    b"U": _counted(1, "latin1"),
    b"T": _counted(4, "latin1"),
    b"V": lambda machine: machine.push(machine.line().decode("raw-unicode-escape")),
    b"\x8c": _counted(1, "utf-8"),
    b"X": _counted(4, "utf-8"),
    b"\x8d": _counted(8, "utf-8"),
    b"C": _counted(1, "bytes"),
    b"B": _counted(4, "bytes"),
    b"\x8e": _counted(8, "bytes"),
    b"\x96": _counted(8, "bytes"),
    # containers
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"t": lambda machine: machine.push(tuple(machine.popped())),
    b"l": _list_from_mark,
    b"d": _dict_from_mark,
    b"a": lambda machine: machine.extend([machine.pop()]),
    b"e": lambda machine: machine.extend(machine.popped()),
    b"\x90": lambda machine: machine.extend(machine.popped()),
    b"s": _set_item,
    b"u": lambda machine: machine.set_items(machine.popped()),
    # what was seen before
    b"p": lambda machine: machine.put(machine.integer(machine.line())),
    b"q": lambda machine: machine.put(machine.number(1)),
    b"r": lambda machine: machine.put(machine.number(4)),
    b"\x94": lambda machine: machine.put(len(machine.memo)),
    b"g": lambda machine: machine.get(machine.integer(machine.line())),
    b"h": lambda machine: machine.get(machine.number(1)),
    b"j": lambda machine: machine.get(machine.number(4)),
    # arrays
    b"c": _global,
    b"\x93": _stack_global,
    b"R": lambda machine: machine.reduce(),
    b"\x81": lambda machine: machine.new_object(),
    b"b": lambda machine: machine.build(),
    # the protocol's number, and the size of a frame, tell nothing that is needed
    b"\x80": lambda machine: machine.number(1),
    b"\x95": lambda machine: machine.number(8),
}
