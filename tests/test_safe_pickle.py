"""The reader of pickles that runs nothing: on what Python 2 wrote, on what Python 3 writes, and on what means harm."""

import base64
import hashlib
import io
import os
import pickle
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python2_pickle import Text, dumps, objects, save_npy

from mee.storage import ClipFileError

sys.path.append(str(Path(__file__).parents[1] / "data_scripts"))
from safe_pickle import load

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


def same(a, b):
    """Equal, down to the types of arrays; an object array is a list."""
    b = list(b) if isinstance(b, np.ndarray) and b.dtype == object else b
    if isinstance(b, dict):
        return set(a) == set(b) and all(same(a[key], b[key]) for key in b)
    if isinstance(b, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(b, np.ndarray):
        return a.dtype == b.dtype.newbyteorder("=") and a.shape == b.shape and np.array_equal(a, b)
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
    assert same(load(path), small())


def test_what_numpy_of_python_2_saved(tmp_path):
    path = file(tmp_path / "x.npy", zlib.decompress(base64.b64decode(GOLDEN["npy"])))
    expected = [np.ones((2, 3), "f4"), np.zeros((0, 3), "f4"), np.arange(2, dtype="f8")]
    assert same(load(path), expected)


@pytest.mark.parametrize("protocol, digest", [(0, "530b6d167789baaa"), (2, "4a403bf2b6910fc9")])
def test_the_fixtures_are_what_python_2_writes(tmp_path, protocol, digest):
    """The digests are of what pickle.dumps(sample) gave there; all other fixtures come from the same ``dumps``."""
    written = dumps(sample(), protocol)
    assert hashlib.sha256(written).hexdigest().startswith(digest)
    assert same(load(file(tmp_path / "x.pickle", written)), sample())


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
        "scalar": np.float32(0.25),
        "big": 2**70,
    }
    found = load(file(tmp_path / "x.pkl", pickle.dumps(value, protocol)))
    value["scalar"] = 0.25
    value["object"][2] = 0.5
    assert same(found, value)


def peak_of(path):
    """(what is in the file, the most memory that reading it took)."""
    tracemalloc.start()
    try:
        return load(path), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("order", ["C", "F"])
def test_plain_arrays_stay_on_the_disk(tmp_path, order):
    array = np.asarray(np.arange(600_000, dtype="f4").reshape(3, 2, 100_000), order=order)
    save_npy(tmp_path / "x.npy", array)
    found, peak = peak_of(tmp_path / "x.npy")
    assert np.array_equal(found, array) and np.array_equal(found[2], array[2]) and peak < 100_000


@pytest.mark.parametrize("protocol, times", [(0, 3), (2, 3)])
def test_memory_is_bounded_by_the_file(tmp_path, protocol, times):
    path = file(tmp_path / "x.pickle", dumps([np.ones((100, 100), "f4") for _ in range(100)], protocol))
    arrays, peak = peak_of(path)
    assert len(arrays) == 100 and arrays[99].shape == (100, 100) and peak < times * path.stat().st_size


def test_the_shape_of_an_object_array_in_npy(tmp_path):
    for items in ([], [np.zeros((2, 3))] * 2, [np.zeros((2, 3)), np.zeros((2, 3))]):
        save_npy(tmp_path / "x.npy", objects(items))
        assert same(load(tmp_path / "x.npy"), items)
    np.save(tmp_path / "dict.npy", np.array({"a": np.arange(3)}, object), allow_pickle=True)  # a dict, kept as 0-d
    assert same(load(tmp_path / "dict.npy"), {"a": np.arange(3)})


def test_records_are_plain_attributes_and_only_if_asked_for(tmp_path):
    class ExpertStore:
        pass

    ExpertStore.__module__, ExpertStore.__qualname__ = "datastructures", "ExpertStore"
    module = type(sys)("datastructures")
    module.ExpertStore = ExpertStore
    store = ExpertStore()
    store.keys, store.store, store.store_dtype = ["a", "b"], np.arange(600, dtype="f2").reshape(2, 300), np.float16
    store.keymap, store.missing = {"a": 0, "b": 1}, {"b"}
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        sys.modules["datastructures"] = module
        try:
            content = pickle.dumps(store, protocol)
        finally:
            del sys.modules["datastructures"]
        path = file(tmp_path / "x.pickle", content)
        with pytest.raises(ClipFileError, match="asks for 'datastructures.ExpertStore'"):
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


def test_an_array_is_as_large_as_its_data(tmp_path):
    for shape, data in (((100, 0), b"U\x00"), ((2,), b"U\x08aaaaaaaa")):
        assert load(file(tmp_path / "x.pickle", array(shape, data=data) + b".")).shape == shape


@pytest.mark.parametrize(
    "content",
    [
        array((10**12,)), array((2**62, 4)), array((10**6, 10**6)), array((-1,)),
        array((2,)), array((2,), data=b"U\x09aaaaaaaaa"), array((2,), "O8", b"]"), array((10**12,), "O8", b"]"),
        array((1,), "V8", b"U\x08aaaaaaaa"), array((0,), "V0"), array((0,), "S0"), array((1,), "M8", b"U\x08aaaaaaaa"),
        array((1,), "f4,f4", b"U\x08aaaaaaaa"), array((1,), "i4", b"U\x04aaaa", b"x"),
        b"U\xffabc", b"T\xff\xff\xff\x7fabc", b"\x8e" + b"\xff" * 8 + b"abc", b"\x8e" + b"\xff" * 7 + b"\x7fabc",
        b"\x96" + b"\xff" * 7 + b"\x7fabc", b"\x80\x04\x95" + b"\xff" * 7 + b"\x7fabc", b"Xa\x00\x00\x00b",
        b"I" + b"9" * 5000 + b"\n", b"L" + b"9" * 5000 + b"L\n", b"p" + b"9" * 5000 + b"\n",
        b"h\x05", b"", b"(", b"e", b"K\x01K\x02a", b"(K\x01K\x02e", b"}(K\x01u", b"Ix\n", b"Sabc\n", b"V\\ud8\n",
        b"}(K\x01\x85K\x01u", b"}K\x01\x85K\x01s", b"(K\x01\x85K\x01d", b"}(]K\x01u", b"\x8f(]\x90", b"\x8f(N\x85\x90",
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I5\ntS'b'\ntR",
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'f8'\ntRS'abc'\ntR",
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'O8'\ntRS'abc'\ntR",
        b"cnumpy\ndtype\n)R", b"ccollections\nOrderedDict\n((lp0\n((I1\nI2\nttatR",
        b"ccollections\nOrderedDict\n((l((I1\ntI2\ntatR", b"c_codecs\nencode\n(S'abc'\nS'zip'\ntR",
        b"c__builtin__\nset\n(((I1\ntltR", b"cnumpy\nndarray\n}b", b"cnumpy\ndtype\n(N}S'__defaults__'\n)stb",
    ],
)  # fmt: skip
def test_what_a_pickle_says_is_checked(tmp_path, content):
    refused(tmp_path / "x.pickle", content + b".")


@pytest.mark.parametrize("content", [b"]", b"", b"K", b"I12", b"cos", b"X\x05\x00\x00\x00ab"])
def test_a_cut_pickle(tmp_path, content):
    refused(tmp_path / "x.pickle", content)


def test_little_does_not_become_much(tmp_path):
    """Lists of the same list fifty deep, or an array a million times: files of a few kB that would fill a disk."""
    laughs = (
        b"]" + b"q\x00" + b"K\x01a" + b"".join(b"](" + b"h%c" % i * 10 + b"eq%c" % (i + 1) for i in range(50)) + b"."
    )
    refused(tmp_path / "x.pickle", laughs, "used again")
    refused(tmp_path / "x.pickle", b"]q\x00](" + b"h\x00" * 10 + b"e.", "used again")  # before it is filled
    refused(tmp_path / "x.pickle", b"]q\x00h\x00a.", "used again")  # by itself
    tuples = b"K\x01\x85q\x00" + b"".join(b"h%ch%c\x86q%c" % (i, i, i + 1) for i in range(60)) + b"."
    refused(tmp_path / "x.pickle", tuples, "used again")
    keys = b"}" + tuples[:-1] + b"K\x01s."
    refused(tmp_path / "x.pickle", keys)
    many = b"(" + array((1000,), "f4", b"T\xa0\x0f\x00\x00" + b"a" * 4000) + b"q\x00" + b"h\x00" * 200_000 + b"l."
    refused(tmp_path / "x.pickle", many, "are used again")
    raw = b"(" + b"T\xa0\x0f\x00\x00" + b"a" * 4000 + b"q\x00" + b"h\x00" * 200_000 + b"l."
    refused(tmp_path / "x.pickle", raw, "are used again")
    far = b"Nr\xff\xff\xff\xff."  # a memo of four thousand million places is one place
    assert load(file(tmp_path / "x.pickle", far)) is None
    unfinished = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntRq\x00](h\x00h\x00e."
    refused(tmp_path / "x.pickle", unfinished, "unfinished")
    content = array((2,), "O8", b"](K\x01K\x02e")
    refused(tmp_path / "x.pickle", content + b"q\x00](h\x00h\x00e.", "unfinished")


def test_deep_is_no_harm(tmp_path):
    load(file(tmp_path / "x.pickle", b"]" * 20_000 + b"a" * 19_999 + b"."))
    load(file(tmp_path / "x.pickle", b"N" + b"\x85" * 20_000 + b"."))


def test_a_type_is_not_changed_for_the_next_file(tmp_path):
    big_endian = array((2,), data=b"U\x08\x00\x00\x80\x3f\x3f\x80\x00\x00", order=b">") + b"."
    swapped = load(file(tmp_path / "x.pickle", big_endian))
    assert swapped[1] == 1 and np.dtype("f4") == np.dtype("<f4")
    assert load(file(tmp_path / "x.pickle", array((1,), data=b"U\x04\x00\x00\x80\x3f") + b"."))[0] == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw[:5],
        lambda raw: raw[:-1],
        lambda raw: b"x" + raw[1:],
        lambda raw: raw.replace(b"(2L, 3L,)", b"(9L, 9L,)"),
        lambda raw: raw.replace(b"(2L, 3L,)", b"(-2, 3L,)"),
        lambda raw: raw.replace(b"(2L, 3L,)", b"exit('a')"),
        lambda raw: raw.replace(b"'<f4'", b"'|O' "),
        lambda raw: raw.replace(b"'<f4'", b"'<c8'"),
        lambda raw: raw[:6] + b"\x03\x00" + raw[8:],
    ],
)
def test_damaged_npy(tmp_path, spoil):
    save_npy(tmp_path / "x.npy", np.arange(6, dtype="f4").reshape(2, 3))
    raw = (tmp_path / "x.npy").read_bytes()
    assert raw != spoil(raw)
    refused(tmp_path / "x.npy", spoil(raw))


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
        load(file(path, bytes(content)))
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
