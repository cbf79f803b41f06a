"""The reader of pickles that runs nothing: on what Python 2 wrote, on what Python 3 writes, and on what means harm."""

import base64
import hashlib
import io
import os
import pickle
import sys
import zlib
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python2_pickle import Text, dumps, objects, save_npy

from mee.data import ClipFileError

sys.path.append(str(Path(__file__).parents[1] / "data_scripts"))
import safe_pickle
from safe_pickle import Stored, load

#: made by Python 2.7.18 with NumPy 1.14.6: cPickle.dumps(small, 0), 1 and 2, and a file that its numpy.save wrote
GOLDEN = {
    "0": (
        "eNrtl11v2jAUhu/Pr5imaYmmFdlJSGDrCv2iTT9CIdKuJk3GBIREQ5SEqUj7w/sXOwG3o13eqNr1IkUGHj/nmNgXb+xpJim2fiymyUpalDmk"
        "0/V9tmnpVZ607tfLcqHyXG3oe57oVVqU+VqXlLlk7+ZROt3xzCM7FFTG1sSicpy1+avk26HQ45/N7Gm5yRLKfLJja9axiA2exdMDnuryQg4t"
        "iqIoPJC0vdmchEIw+PYgxL/dM9FrmtBvgJ0GKJtM6TXBxrIawjeQvIXkHSTvIbEh+QDJR0hakOAHKCFxIHEhwXvRhsSHJIAEb2sXkk+QfIbk"
        "EJIvkBxB0oOkD0gHEiGOoXMMnRPonEDnFDqn0DmDzhl0zqFzDp0BdAbQuYDOBXQuoXMJnRA6IXSuoHMFnWvoXEPnBjo30LmFzi10IuhE0BlC"
        "Zwidu1rSv4OlENGQCDGqbzKCTUawyQg2Gdc3GcMmY9hkDJvE9U1i2CSGTeI+Z5BJYXKN4FzTIXuZdWnOwWX+IqlI8RRVyvk2mQz3k4mUJpr8"
        "fB5NfNdkEy4snfrKrqnM05+Kz7z94t7rc49+mWO0qP6lqu38GL/ErjP32ZXbGpXUJhVbD/+vV198iKRPig/Vwqrf7eBP5HUfd3vh7O92x+z2"
        "Ud1uy79TrmtGaUbPjI4Z2+aYpxaK7YVWS5Xz0ru8YD4Fz1v0tgt3BBVff1Xn2JHVSlXo8llR4UHAGY0/RKpanAql6HbbUvpOEAS7JzFTOqle"
        "GhwapCqlovUb8Ti/BQ=="
    ),
    "1": (
        "eNrt1N9q01AcB/DfSdqtxtlNneKFFyIiByklqVu76lzr/DPbuEy3BbwpkqYpLWztTnYqFhTyCL6GbxHwfcRLr1ZPku9Ai4oP4Lnop1/O6S+h"
        "53fOR8G4u/Bu2AvGltD80eT4ZFr2x2FQPp4cyaEXht7UeBsG/nh0KsOJLw2h82yZMepl0yLHbZIu68p9kec247Zmc4lFPTk9CQyxwF2tv2GT"
        "zdSiRW7rLtt0HKc9UyP9UBW6LdM0DiON5sa3Br40MwpwBa7CG/AmvAVvwzvwLuTwHizBMjShBSvwPlyD67AKa3AD1uED+BBuwkdwCzZgMzOC"
        "9BgZ0jYypCfIkJ4iQ3qGDOk5MqQdZEgvkCG1kCG1kSHZyJBeIkPaRYbkIEPaQ4b0KrMJIxhDeo15GMEY0j7mYQRjSAeYhxGMD5qyizNhikJH"
        "XOADnQ9+anIja3I5SLp677yrL6Zd/eHXrm5kXd0RS/NFLqVF2HmZ/hrKFP9yONyCer3kNMSyO1duOS1HSbliulT9JFCr8oclRvT+//jnIVYC"
        "lw3n/t7LuNf0bLeGFezWlXS3tn6zW5bhLqmd0olRjjTKq55ioz9csKe+d+SFhrjKB0U3l1wBqvTqm+Qm/PK5I66ph++WWPvT17OZk1RuWWa9"
        "vm5Z1UqtVqsagZvre34gru/MvmetPSn/ACgva5M="
    ),
    "2": (
        "eNrt1F1r01AYB/DnJO3s4qxzm+KFFyIiQUpp6tauc671da5xmXY7sJsy0jSlha3dyVKxoJCb1e3Or+G3CPh9xEuvrCfJX6TKwA/gucgvf85L"
        "S85zTqB8EEznM297bXdgCMXpD4+OR3ln4Ln5o+Gh37M9zx5pB57rDPonvjd0fE2oySit3056RcqkU85aHxsirZvMVEx9jCFtf3TsamKGK51V"
        "k0wmh1zSTZWzdcuy6hPZ4odJfut8L1Doj/atipdaQgbOwyV4E96Ct+EdeBfegzq8D3MwDwvQgEX4AC7DFViCZbgKK3ANPoTr8BHcgFVYSwwg"
        "PUaG9AQZ0lNkSM+QIT1HhvQCGdImMqSXyJC2kCHVkSGZyJBeIUPaRoZkIUPaQYb0OrEGAxhCeoN+GMAQUgP9MIAhpF30wwCGuzW/hcNQEJmm"
        "mNW7avd3dWtxdZ92ZTnv/Crny3E5v58u56os56aYm559JZot54+j+Z1lzM9edBx4Rv6hqP5DvzW1ztVoHYrWyZ5zOdKV/em9HCN697/9cxPz"
        "Lme9qQ97Lbm81HiDekVs0EK8QRt/bdAZn5OboxKjFCmUloXD+hdcnyeOfWh7mljsZnkqOubjhljaj267L5+b4rr82e0cq3/6+mNinW0ZhUpl"
        "xTBKxXK5XNJcnurYjitubE6+J7U7zP8Ei09pYA=="
    ),
    "npy": (
        "eNqb7BfqGxDJyFDGUK2eklqcXKRupaBe46+uo6Cell9UUpSYF59flJIKEnZLzClOBYoXZyQWpAL5GsY6mjoKtQqUAK4GpuS80tyCSr3k/KJU"
        "vdzSnJLMxKKixEqu+KLU5Py84pKi0uQSrkJGiCquvBSIbCGTN0NrKGNSe1Ahs4Y3ozdzK1RBSkllQSpXIUsok7+FN4M3I1ABq4Y3cyhjjZ+f"
        "n9d/IAAT3vYlSZ2xhWwaGYwZCKPYQUYxeTO3ZQD1p5lA9XOA9dug6mcA6g+VYGBosMeGS5JQzOUEmcsAMpejM5QBTZILbGkr2EqYk7lxWinA"
        "gAI+AK1KLUnSAwD7u4Rt"
    ),
}


def plain(value):
    """``value`` with arrays as NumPy's."""
    if isinstance(value, Stored):
        return np.asarray(value)
    if isinstance(value, dict):
        return {key: plain(x) for key, x in value.items()}
    return type(value)(plain(x) for x in value) if isinstance(value, list | tuple) else value


def same(a, b):
    """Equal, down to the types of arrays; an object array is a list."""
    b = list(b) if isinstance(b, np.ndarray) and b.dtype == object else b
    if isinstance(b, dict):
        return set(a) == set(b) and all(same(a[key], b[key]) for key in b)
    if isinstance(b, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(b, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)
    return isinstance(b, type(a)) and (a == b or (a != a and b != b))


def file(path, content):
    path.write_bytes(content)
    return path


def small():
    """What was written into ``GOLDEN``."""
    inner = objects([np.array([[1.5, -2]], "f4"), np.zeros((0, 2), "f4")])
    shared = np.arange(80, dtype="f8").reshape(2, 40)
    return {
        "video1": shared,
        "video0": [inner, shared, "x" * 300],
        "face": float("nan"),
        "n": 0.5,
        "i": np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)),
        "\xe9": [1, 300, -70000, None, True, 2**40],
    }


def sample():
    """A list of one of everything, as Python 2 wrote it in both protocols."""
    shared = np.arange(2, dtype="f8")
    inner = objects([np.ones((2, 3), "f4"), np.zeros((0, 3), "f4"), shared])
    big = np.arange(300, dtype="f4").reshape(3, 100) - 7
    texts = [Text("t\xe9xt"), "it's", 'a "q" \n\\\x00\xff', "x" * 300, ("a", 1, None, True), (), 70000, -3, 300]
    return [
        {"video1": np.arange(3, dtype="f4")},
        [np.zeros((2, 3), "f4"), np.array([]), np.asfortranarray(np.arange(6.0).reshape(2, 3)), shared, shared],
        inner,
        big,
        [*texts, float("inf"), 0.1],
        np.arange(4, dtype=">i2"),
        [[], {}],
        list(range(1003)),
    ]


# ------------------------------------------------------------------------------------------------------ good files


@pytest.mark.parametrize("name", ["0", "1", "2"])
def test_what_python_2_wrote(tmp_path, name):
    path = file(tmp_path / "x.pickle", zlib.decompress(base64.b64decode(GOLDEN[name])))
    assert same(plain(load(path)), small())


def test_what_numpy_of_python_2_saved(tmp_path):
    path = file(tmp_path / "x.npy", zlib.decompress(base64.b64decode(GOLDEN["npy"])))
    expected = [np.ones((2, 3), "f4"), np.zeros((0, 3), "f4"), np.arange(2, dtype="f8")]
    assert same(plain(load(path)), expected)


@pytest.mark.parametrize("protocol, digest", [(0, "530b6d167789baaa"), (2, "4a403bf2b6910fc9")])
def test_the_fixtures_are_what_python_2_writes(tmp_path, protocol, digest):
    """The digests are of what pickle.dumps(sample) gave there; all other fixtures come from the same ``dumps``."""
    written = dumps(sample(), protocol)
    assert hashlib.sha256(written).hexdigest().startswith(digest)
    assert same(plain(load(file(tmp_path / "x.pickle", written))), sample())


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_python_3_writes(tmp_path, protocol):
    g = np.random.default_rng(0)
    value = {
        "long": g.normal(size=(7, 50)).astype("f4"),
        "fortran": np.asfortranarray(g.normal(size=(7, 50))),
        "object": objects([g.integers(9, size=(2, 100)), "word", np.float64(0.5)]),
        "half": np.arange(3, dtype="f2"),
        "truth": np.array([True, False]),
        "bytes": b"\x00\xff" * 200,
        "none": np.zeros((0, 128), "f4"),
        "text": "\u4e00" * 200,
        "set": {1, "a"},
        "words": np.array(["one", "three"]),
        "scalar": np.float32(0.25),
        "big": 2**70,
        "ordered": OrderedDict(a=1, b=[2]),
    }
    found = plain(load(file(tmp_path / "x.pkl", pickle.dumps(value, protocol))))
    value |= {"words": ["one", "three"], "scalar": 0.25, "ordered": {"a": 1, "b": [2]}}
    value["object"][2] = 0.5
    assert same(found, value)


def test_arrays_are_read_row_by_row(tmp_path):
    array = np.arange(600, dtype="f4").reshape(3, 2, 100)
    for path in (tmp_path / "c.npy", tmp_path / "f.npy"):
        save_npy(path, array if path.stem == "c" else np.asfortranarray(array))
        rows = load(path)
        assert isinstance(rows, Stored) and len(rows) == 3 and rows.shape == (3, 2, 100)
        assert np.array_equal(rows[2], array[2]) and np.array_equal(np.stack(list(rows)), array)
        with pytest.raises(IndexError):
            rows[3]


def test_arrays_stay_in_the_file(tmp_path):
    """Of 4 MB in 100 arrays nothing is in memory; and the same of protocol 0, where bytes are written as text."""
    import tracemalloc

    for protocol in (0, 2):
        array = np.zeros((100, 100), "f4")
        path = file(tmp_path / "x.pickle", dumps([array.copy() for _ in range(100)], protocol))
        tracemalloc.start()
        arrays = load(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(arrays) == 100 and arrays[99].shape == array.shape and peak < path.stat().st_size / 20


def test_the_shape_of_an_object_array_in_npy(tmp_path):
    for items in ([], [np.zeros((2, 3))] * 2, [np.zeros((2, 3)), np.zeros((2, 3))]):
        save_npy(tmp_path / "x.npy", objects(items))
        assert same(plain(load(tmp_path / "x.npy")), items)
    np.save(tmp_path / "dict.npy", np.array({"a": np.arange(3)}, object), allow_pickle=True)  # a dict, kept as 0-d
    assert same(plain(load(tmp_path / "dict.npy")), {"a": np.arange(3)})


def test_records_are_plain_attributes_and_only_if_asked_for(tmp_path):
    class ExpertStore:
        pass

    ExpertStore.__module__, ExpertStore.__qualname__ = "datastructures", "ExpertStore"
    module = type(sys)("datastructures")
    module.ExpertStore = ExpertStore
    store = ExpertStore()
    store.keys, store.store, store.store_dtype = ["a", "b"], np.arange(600, dtype="f2").reshape(2, 300), np.float16
    store.keymap, store.missing = {"a": 0, "b": 1}, {"b"}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        sys.modules["datastructures"] = module
        try:
            content = pickle.dumps(store, protocol)
        finally:
            del sys.modules["datastructures"]
        path = file(tmp_path / "x.pickle", content)
        with pytest.raises(ClipFileError, match=r"asks for '(datastructures.ExpertStore|copyreg?_?reg?..*)'"):
            load(path)
        found = load(path, records=["datastructures.ExpertStore"])
        assert found["keys"] == ["a", "b"] and found["missing"] == {"b"} and found["keymap"] == {"a": 0, "b": 1}
        assert np.array_equal(found["store"][1], store.store[1])


# ------------------------------------------------------------------------------------------------------- bad files


class Run:
    """Pickled as a call of ``function`` with ``arguments``."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A file that a pickle's code would make; the test fails if it is there."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "it_ran"
    yield path
    assert not path.exists()


def refused(path, content, *parts):
    with pytest.raises(ClipFileError) as caught:
        load(file(path, content))
    for part in (path.name, "nothing of it was run", *parts):
        assert part in str(caught.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_code_does_not_run(tmp_path, trap, protocol):
    def wrapped(call):
        yield call
        yield {"video0": call}
        yield objects([np.zeros(3), call])
        yield {"video0": [np.zeros(3), (1, call)]}

    calls = [
        Run(os.system, f"touch {trap}"),
        Run(eval, f"open({str(trap)!r}, 'w')"),
        Run(exec, f"open({str(trap)!r}, 'w')"),
        Run(open, str(trap), "w"),
        Run(np.load, "x.npy"),
        Run(np.lib.format.open_memmap, str(trap), "w+", "f4", None, (3,)),
        Run(getattr, "a", "upper"),
        Run(__import__, "os"),
    ]
    for call in calls:
        module, name = call.call[0].__module__, call.call[0].__name__
        shown = {"posix.system", "nt.system", f"{module}.{name}", f"__builtin__.{name}", f"io.{name}", f"_io.{name}"}
        for value in wrapped(call):
            content = pickle.dumps(value, protocol)
            with pytest.raises(ClipFileError) as caught:
                load(file(tmp_path / "x.pickle", content))
            assert "x.pickle" in str(caught.value) and any(f"asks for {one!r}" in str(caught.value) for one in shown)


@pytest.mark.parametrize(
    "name",
    [
        "os system", "posix system", "nt system", "subprocess Popen", "builtins eval", "__builtin__ eval",
        "__builtin__ execfile", "builtins getattr", "builtins __import__", "numpy load", "numpy loads",
        "numpy.core.multiarray array", "numpy.core.multiarray fromfile", "numpy fromfile", "numpy memmap", "numpy save",
        "numpy.testing._private.utils runstring", "numpy.testing.utils runstring", "numpy.f2py compile",
        "numpy.core.multiarray _reconstruct.__globals__", "numpy.ctypeslib load_library", "numpy.distutils x",
        "copyreg _extension_registry", "copyreg __newobj__", "copyreg add_extension", "types FunctionType",
        "operator attrgetter", "functools partial", "_pickle Unpickler", "pickle loads", "_codecs decode",
        "codecs open", "collections defaultdict", "collections namedtuple", "torch load", "mee.data atomic",
        "safe_pickle load", "numpy core", "numpy ", " ", "datastructures ExpertStore",
    ],
)  # fmt: skip
def test_only_a_few_names_are_known(tmp_path, trap, name):
    module, _, what = name.partition(" ")
    for call in (b"(S'it_ran'\ntR.", b"."):
        refused(tmp_path / "x.pickle", f"c{module}\n{what}\n".encode() + call, f"asks for '{module}.{what}'")
    short = [b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, what)]
    refused(tmp_path / "y.pickle", b"\x80\x04" + short[0] + short[1] + b"\x93.", f"asks for '{module}.{what}'")


def test_what_is_named_is_never_imported(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "evil_module.py").write_text("raise SystemExit('it ran')")
    refused(tmp_path / "x.pickle", b"cevil_module\nthing\n.", "asks for 'evil_module.thing'")
    assert "evil_module" not in sys.modules


@pytest.mark.parametrize(
    "content",
    [
        b"(S'touch it_ran'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'touch it_ran'\no.",  # OBJ
        b"Ppersistent\n.",
        b"S'id'\nQ.",  # BINPERSID
        b"\x82\x01.",  # EXT1
        b"\x83\x01\x00.",
        b"\x84\x01\x00\x00\x00.",
        b"\x80\x05\x97.",  # NEXT_BUFFER
        b"2.",
        b"}\x8c\x01k)\x92.",  # NEWOBJ_EX
        b"\x8b\x08\x00\x00\x00aaaaaaaa.",  # LONG4
        b"cnumpy\ndtype\n(S'f4'\ntR)\x81.",
        b"cnumpy\nndarray\n)\x81.",  # an array of one's own
        b"cnumpy\nndarray\n(I9\ntR.",
        b"]}b.",  # a list given a state
        b"S'abc'\n}b.",
        b"cnumpy\ndtype\n(S'f4'\ntR}b.",
        b"S'eval'\n(S'1'\ntR.",  # a str is no function
        b"](S'1'\ntR.",
    ],
)
def test_opcodes_that_features_do_not_need(tmp_path, trap, content):
    refused(tmp_path / "x.pickle", content)


def array(shape, dtype="f4", data=b"U\x00", order=b"<"):
    """An array in a pickle whose shape and type are what somebody says they are."""
    shape = b"(" + b"".join(b"I%d\n" % n for n in shape) + b"t"
    kind = b"cnumpy\ndtype\n(S'%s'\nI0\nI1\ntR(I3\nS'%s'\nNNNI-1\nI-1\nI0\ntb" % (dtype.encode(), order)
    return (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n"
        + shape
        + kind
        + b"I00\n"
        + data
        + b"tb"
    )


@pytest.mark.parametrize(
    "content, part",
    [
        (array((10**12,)) + b".", "shape"),
        (array((2**62, 4)) + b".", "shape"),
        (array((10**6, 10**6)) + b".", "shape"),
        (array((100, 0)) + b".", None),
        (array((10**9, 0)) + b".", "shape"),
        (array((-1,)) + b".", "shape"),
        (array((2,)) + b".", "takes 8 bytes; 0 are there"),
        (array((2,), data=b"U\x08aaaaaaaa") + b".", None),
        (array((2,), data=b"U\x09aaaaaaaaa") + b".", "takes 8 bytes; 9 are there"),
        (array((2,), "O8", b"]") + b".", "object array"),
        (array((1,), "V8", b"U\x08aaaaaaaa") + b".", "an array of type 'V8'"),
        (array((0,), "V0") + b".", "an array of type"),
        (array((0,), "S0") + b".", "an array of type"),
        (array((1,), "f4,f4", b"U\x08aaaaaaaa") + b".", "an array of type"),
        (array((1,), "i4", b"U\x04aaaa", b"x") + b".", "byte order"),
        (array((1,), "M8", b"U\x08aaaaaaaa") + b".", "an array of type"),
        (b"U\xffabc.", "a string of 255 bytes"),
        (b"T\xff\xff\xff\x7fabc.", "a string of 2,147,483,647 bytes"),
        (b"\x8e" + b"\xff" * 8 + b"abc.", "a string of 18,446,744,073,709,551,615 bytes"),
        (b"\x96" + b"\xff" * 7 + b"\x7fabc.", "a string of"),
        (b"I" + b"9" * 5000 + b"\n.", "digits"),
        (b"L" + b"9" * 5000 + b"L\n.", "digits"),
        (b"p" + b"9" * 5000 + b"\n.", "digits"),
        (b"h\x05.", "used again"),
        (b"]", "ends before"),
        (b"", "ends before"),
        (b"K", "ends before"),
        (b"I12", "ends before"),
        (b".", "nothing is on the stack"),
        (b"(.", "nothing is on the stack"),
        (b"e.", "no mark"),
        (b"K\x01K\x02a.", "expected list or set"),
        (b"(K\x01K\x02e.", "expected list or set"),
        (b"}(K\x01u.", "a key without its value"),
        (b"}(K\x01\x85K\x01u.", "a key of tuple"),
        (b"}(]K\x01u.", "a key of list"),
        (b"\x8f(]\x90.", "a set of list"),
        (b"Ix\n.", "damaged"),
        (b"Sabc\n.", "without its quotes"),
        (b"V\\ud8\n.", "damaged"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I5\ntS'b'\ntR.", "begin empty"),
        (b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'f8'\ntRS'abc'\ntR.", "without its bytes"),
        (b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'O8'\ntRS'abc'\ntR.", "without its bytes"),
        (b"cnumpy\ndtype\n(S'f8'\nS'x'\nS'x'\nS'x'\nI1\ntRcnumpy\ndtype\n)R.", "damaged"),
        (b"ccollections\nOrderedDict\n((lp0\n((I1\nI2\nttatR.", "damaged"),
        (b"ccollections\nOrderedDict\n((l((I1\ntI2\ntatR.", "a key that is neither"),
        (b"c_codecs\nencode\n(S'abc'\nS'zip'\ntR.", "another coding"),
        (b"c__builtin__\nset\n(((I1\ntltR.", "a set of"),
    ],
)  # fmt: skip
def test_what_a_pickle_says_is_checked(tmp_path, content, part):
    if part is None:
        load(file(tmp_path / "x.pickle", content))
        return
    refused(tmp_path / "x.pickle", content, part)


def test_little_does_not_become_much(tmp_path):
    """Lists of the same list fifty deep, or an array a million times: files of a few kB that would fill a disk."""
    laughs = (
        b"]" + b"q\x00" + b"K\x01a" + b"".join(b"](" + b"h%c" % i * 10 + b"eq%c" % (i + 1) for i in range(50)) + b"."
    )
    refused(tmp_path / "x.pickle", laughs, "used again")
    early = b"]q\x00](" + b"h\x00" * 10 + b"e."  # used before it is filled: each use is an empty list of its own
    found = load(file(tmp_path / "x.pickle", early))
    assert found == [[]] * 10 and found[0] is not found[1]
    itself = b"]q\x00h\x00a."
    assert load(file(tmp_path / "x.pickle", itself)) == [[]]
    tuples = b"K\x01\x85q\x00" + b"".join(b"h%ch%c\x86q%c" % (i, i, i + 1) for i in range(60)) + b"."
    refused(tmp_path / "x.pickle", tuples, "used again")
    keys = b"}" + tuples[:-1] + b"K\x01s."
    refused(tmp_path / "x.pickle", keys)
    many = b"(" + array((1000,), "f4", b"T\xa0\x0f\x00\x00" + b"a" * 4000) + b"q\x00" + b"h\x00" * 200_000 + b"l."
    refused(tmp_path / "x.pickle", many, "arrays are used again")
    raw = b"(" + b"T\xa0\x0f\x00\x00" + b"a" * 4000 + b"q\x00" + b"h\x00" * 200_000 + b"l."
    refused(tmp_path / "x.pickle", raw, "arrays are used again")
    far = b"Nr\xff\xff\xff\xff."  # a memo of four thousand million places is one place
    assert load(file(tmp_path / "x.pickle", far)) is None
    unfinished = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntRq\x00](h\x00h\x00e."
    refused(tmp_path / "x.pickle", unfinished, "unfinished")
    content = array((2,), "O8", b"](K\x01K\x02e")
    refused(tmp_path / "x.pickle", content + b"q\x00](h\x00h\x00e.", "an array of objects")


def test_deep_is_no_harm(tmp_path):
    load(file(tmp_path / "x.pickle", b"]" * 20_000 + b"a" * 19_999 + b"."))
    load(file(tmp_path / "x.pickle", b"N" + b"\x85" * 20_000 + b"."))


def test_a_type_is_not_changed_for_the_next_file(tmp_path):
    refused(tmp_path / "x.pickle", b"cnumpy\nfloat16\n(I3\nS'>'\nNNNtb(", "ends before")
    assert safe_pickle.NAMES["numpy.float16"].dtype == np.dtype("<f2")


@pytest.mark.parametrize(
    "spoil, part",
    [
        (lambda raw: raw[:5], "not a .npy file"),
        (lambda raw: raw[:-1], "would take"),
        (lambda raw: b"x" + raw[1:], "not a .npy file"),
        (lambda raw: raw.replace(b"(2L, 3L,)", b"(9L, 9L,)"), "would take 324 bytes"),
        (lambda raw: raw.replace(b"(2L, 3L,)", b"(-2, 3L,)"), "would take"),
        (lambda raw: raw.replace(b"(2L, 3L,)", b"exit('a')"), "not a .npy file"),
        (lambda raw: raw.replace(b"'<f4'", b"'|O' "), "opcode"),
        (lambda raw: raw.replace(b"'<f4'", b"'<c8'"), "would take"),
        (lambda raw: raw[:6] + b"\x03\x00" + raw[8:], "not a .npy file"),
    ],
)
def test_damaged_npy(tmp_path, spoil, part):
    save_npy(tmp_path / "x.npy", np.arange(6, dtype="f4").reshape(2, 3))
    raw = (tmp_path / "x.npy").read_bytes()
    assert raw != spoil(raw)
    with pytest.raises(ClipFileError, match=part) as caught:
        load(file(tmp_path / "x.npy", spoil(raw)))
    assert "x.npy" in str(caught.value)


def test_malice_in_npy(tmp_path, trap):
    content = io.BytesIO()
    np.save(content, objects([np.zeros((2, 3)), Run(os.system, f"touch {trap}")]), allow_pickle=True)
    refused(tmp_path / "x.npy", content.getvalue(), "system")
    save_npy(tmp_path / "y.npy", objects([1, 2]))
    raw = (tmp_path / "y.npy").read_bytes()
    with pytest.raises(ClipFileError, match="objects"):
        load(file(tmp_path / "y.npy", raw.replace(b"(2L,)", b"(3L,)")))


@pytest.mark.filterwarnings("ignore:invalid escape")
@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(data=st.data())
def test_damage_is_refused_or_read(tmp_path_factory, data):
    """Whatever byte is another: a message that names the file, or values; nothing else, and not much memory."""
    path = tmp_path_factory.getbasetemp() / "damaged.pickle"
    content = bytearray(dumps(sample()[:7], data.draw(st.sampled_from([0, 2]))))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        plain(load(file(path, bytes(content))))
    except ClipFileError as error:
        assert "damaged.pickle" in str(error)


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(
    parts=st.lists(
        st.sampled_from([bytes([c]) for c in b"N().01]}KabeqhtlduRs\x85\x86\x88\x94\x8f"] + [b"K\x01", b"q\x01"])
    )
)
def test_any_opcodes_in_any_order(tmp_path_factory, parts):
    path = tmp_path_factory.getbasetemp() / "any.pickle"
    try:
        load(file(path, b"".join(parts) + b"."))
    except ClipFileError as error:
        assert "any.pickle" in str(error)
