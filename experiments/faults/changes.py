"""Changes to a clip file that leave it valid HDF5: each is wrong, or unusual and right."""

from pathlib import Path

import h5py
import numpy as np
import torch
from faults.harness import plain
from h5py import h5d, h5s, h5t


def put(name, change, **options):
    """A change to one data set; its attributes stay."""

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


def bomb(file, name):
    file.create_dataset(name, (2**24, 1024), "f2", chunks=(2**18, 1024), compression="gzip", fillvalue=0)
    for i in range(2**6):  # 32 GB of zeros in 0.5 MB, all written
        file[name].id.write_direct_chunk((i * 2**18, 0), bomb.chunk)


def _one_text_for_all(file, name):
    """Each caption points at one long text in the file: a hundred bytes per caption become a million."""
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
    """float16 in size, but with eight bits of exponent, as bfloat16: HDF5 knows; code that copies bytes does not."""
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
    """The first caption is repeated until it has a million words."""
    tokens, offsets = file["captions/tokens"][...], file["captions/offsets"][...]
    first = np.resize(tokens[: offsets[1]], MANY)
    put("captions/tokens", lambda x: np.concatenate([first, x[offsets[1] :]]))(file)
    put("captions/offsets", lambda x: np.where(np.arange(len(x)) > 0, x + MANY - offsets[1], x))(file)
    put("captions/text", at(0, "red " * MANY))(file)


REFUSE, READ = None, "read"
_FEATURES, _OFFSETS = "experts/face/features", "experts/audio/offsets"
#: name -> (the change, and None if the file can only be refused, or how its content differs from the unchanged file's)
CHANGES = {
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
    "a type instead of features": (become(_FEATURES, lambda f, n: f.__setitem__(n, np.dtype("f4"))), REFUSE),
    "a group instead of features": (become(_FEATURES, lambda f, n: f.create_group(n)), REFUSE),
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
    "mentions, an expert too few": (put("captions/about", lambda x: x[:, 1:]), REFUSE),
    "mentions, a caption too few": (put("captions/about", lambda x: x[1:]), REFUSE),
    "mentions, seven": (put("captions/about", lambda x: at((1, 1), 7)(x.astype("u1"))), REFUSE),
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
    "32 GB of zeros in half a megabyte": (become(_FEATURES, bomb), REFUSE),
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
    "mentions as numbers": (put("captions/about", lambda x: x.astype("u1")), READ),
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
