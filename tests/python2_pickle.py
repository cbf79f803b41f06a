"""Pickles and .npy files as Python 2.7 and its NumPy wrote them, so that the readers are not tested by their own twin.

``dumps`` writes what ``pickle.dumps`` of Python 2.7.18 with NumPy 1.14.6 wrote, byte for byte (``test_safe_pickle.py``
holds it against samples from there): str as bytes without a coding, arrays through ``_reconstruct`` and a state whose
data is a str, each thing put into the memo.
"""

import struct

import numpy as np


class Text(str):
    """What was ``u"..."`` in Python 2; a plain str or bytes is written as Python 2's str."""


def dumps(value, protocol=2):
    """``value`` of dicts, lists, tuples, str, bytes, numbers, None and arrays as a pickle of ``protocol`` 0 or 2."""
    writer = _Writer(protocol)
    writer.save(value)
    return bytes(writer.out + b".")


class _Writer:
    def __init__(self, protocol):
        self.binary = protocol == 2
        self.out = bytearray(b"\x80\x02" if self.binary else b"")
        self.memo, self.kept = {}, []  # what is remembered by its id has to live on

    def put(self, key):
        number = len(self.memo)
        self.memo[key] = number
        if not self.binary:
            self.out += b"p%d\n" % number
        else:
            self.out += b"q" + bytes([number]) if number < 256 else b"r" + struct.pack("<i", number)

    def seen(self, key):
        number = self.memo.get(key)
        if number is None:
            return False
        if not self.binary:
            self.out += b"g%d\n" % number
        else:
            self.out += b"h" + bytes([number]) if number < 256 else b"j" + struct.pack("<i", number)
        return True

    def save(self, value):
        if isinstance(value, Text):
            self.text(value)
        elif isinstance(value, str | bytes):
            self.string(value if isinstance(value, bytes) else value.encode("latin1"))
        elif value is None or isinstance(value, bool):
            self.constant(value)
        elif isinstance(value, int):
            self.integer(value)
        elif isinstance(value, float):
            self.out += b"G" + struct.pack(">d", value) if self.binary else b"F%s\n" % repr(value).encode()
        elif isinstance(value, tuple):
            self.tuple(value)
        elif not self.seen(id(value)):
            self.kept.append(value)
            {list: self.list, dict: self.dict, np.ndarray: self.array}[type(value)](value)

    def constant(self, value):
        if self.binary:
            self.out += {None: b"N", True: b"\x88", False: b"\x89"}[value]
        else:
            self.out += {None: b"N", True: b"I01\n", False: b"I00\n"}[value]

    def integer(self, value):
        if not self.binary:
            self.out += b"I%d\n" % value
        elif 0 <= value < 256:
            self.out += b"K" + bytes([value])
        elif 0 <= value < 65536:
            self.out += b"M" + struct.pack("<H", value)
        else:
            self.out += b"J" + struct.pack("<i", value)

    def string(self, raw, key=None):
        key = key or (object() if raw else "empty")  # of the empty string and of "b", NumPy's own, there is only one
        if self.seen(key):
            return
        if self.binary:
            self.out += (b"U" + bytes([len(raw)]) if len(raw) < 256 else b"T" + struct.pack("<i", len(raw))) + raw
        else:
            self.out += b"S" + _escape(raw) + b"\n"
        self.put(key)

    def text(self, value):
        if self.binary:
            raw = str(value).encode()
            self.out += b"X" + struct.pack("<i", len(raw)) + raw
        else:
            self.out += b"V" + str(value).encode("raw-unicode-escape") + b"\n"
        self.put(object())

    def tuple(self, items):
        if not items:
            self.out += b")" if self.binary else b"(t"
            return
        if not self.binary or len(items) > 3:
            self.out += b"("
        for item in items:
            self.save(item)
        self.out += b"t" if not self.binary or len(items) > 3 else b"\x85\x86\x87"[len(items) - 1 : len(items)]
        self.put(object())

    def list(self, items):
        self.out += b"]" if self.binary else b"(l"
        self.put(id(items))
        self.in_batches(items, lambda item: self.save(item), b"a", b"e")

    def dict(self, items):
        def pair(item):
            self.save(item[0])
            self.save(item[1])

        self.out += b"}" if self.binary else b"(d"
        self.put(id(items))
        self.in_batches(list(items.items()), pair, b"s", b"u")

    def in_batches(self, items, save, one, many):
        if not self.binary:
            for item in items:
                save(item)
                self.out += one
            return
        for start in range(0, len(items), 1000):
            batch = items[start : start + 1000]
            self.out += b"(" if len(batch) > 1 else b""
            for item in batch:
                save(item)
            self.out += many if len(batch) > 1 else one

    def named(self, module, name):
        if not self.seen((module, name)):
            self.out += f"c{module}\n{name}\n".encode()
            self.put((module, name))

    def call(self, function, arguments):
        """``arguments`` is a list of functions that save one argument each."""
        self.named(*function)
        if not self.binary or len(arguments) > 3:
            self.out += b"("
        for save in arguments:
            save()
        self.out += b"t" if not self.binary or len(arguments) > 3 else b"\x85\x86\x87"[len(arguments) - 1 :][:1]
        self.put(object())
        self.out += b"R"

    def array(self, array):
        core = "numpy.core.multiarray"
        arguments = [lambda: self.named("numpy", "ndarray"), lambda: self.tuple((0,)), lambda: self.string(b"b", "b")]
        self.call((core, "_reconstruct"), arguments)
        self.put(id(array))
        fortran = array.flags.f_contiguous and not array.flags.c_contiguous
        self.out += b"("
        self.save(1)
        self.tuple(array.shape)
        self.dtype(array.dtype)
        self.constant(fortran)
        if array.dtype.kind == "O":
            self.save(list(array.ravel()))
        else:
            self.string(array.tobytes("F" if fortran else "C"))
        self.out += b"t"
        self.put(object())
        self.out += b"b"

    def dtype(self, dtype):
        if self.seen(dtype.str):
            return
        name = dtype.str[1:] if dtype.kind != "O" else "O8"
        saves = [lambda: self.string(name.encode()), lambda: self.integer(0), lambda: self.integer(1)]
        self.call(("numpy", "dtype"), saves)
        self.put(dtype.str)
        order = dtype.str[0] if dtype.kind != "O" else "|"
        self.tuple((3, order, None, None, None, -1, -1, 63 if dtype.kind == "O" else 0))
        self.out += b"b"


def _escape(raw):
    """``repr`` of a Python 2 str."""
    quote = b'"' if b"'" in raw and b'"' not in raw else b"'"
    named = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r", b"\t": b"\\t", quote: b"\\" + quote}
    out = (named.get(bytes([c]), bytes([c]) if 32 <= c < 127 else b"\\x%02x" % c) for c in raw)
    return quote + b"".join(out) + quote


def save_npy(path, array):
    """``np.save`` of Python 2: plain data, or a pickle of protocol 2 for object arrays; the header says ``5L``."""
    dtype = array.dtype.str if array.dtype.kind != "O" else "|O"
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    shape = "(" + "".join(f"{n}L, " for n in array.shape).strip() + ")"
    header = f"{{'descr': '{dtype}', 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 16) + b"\n"
    data = dumps(array) if array.dtype.kind == "O" else array.tobytes("F" if fortran else "C")
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data)


def objects(items):
    """A one-dimensional array of objects."""
    array = np.empty(len(items), object)
    for i, item in enumerate(items):
        array[i] = item
    return array
