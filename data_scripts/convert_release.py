"""Turn the paper's own features (MSR-VTT, LSMDC, COCO) into clip files.

    python data_scripts/download.py paper
    python data_scripts/convert_release.py msrvtt FOLDER -o msrvtt.h5                    # the paper's split, 1k-B
    python data_scripts/convert_release.py lsmdc FOLDER -o lsmdc.h5                      # training and retrieval
    python data_scripts/convert_release.py lsmdc-choices FOLDER -o lsmdc_choices.h5      # multiple choice
    python data_scripts/convert_release.py coco FOLDER -o coco.h5                        # images, for training only

Captions come as word vectors without their words. Equal vectors are the same word, so a file gets a vocabulary of the
distinct ones, ``w000000`` and so on. With ``--annotations FOLDER``, the folder of MSR-VTT's two JSON files (or their
zips), captions get their text and words their names, as far as vectors and sentences fit: then you can search with
sentences of your own.

An expert that saw nothing is absent: nothing stored, NaN, all zeros (silence; a face whose values sum to zero, or that
``no_face_ind`` marks). A training clip without words is left out; in the test gallery it stays, as a candidate for the
other queries.

The original chose its best epoch on the test set. Here some training clips are set aside for validation (``--val``);
MSR-VTT's full split has its own. Splits 1k-A and full need ``--lists FOLDER`` with ``train_list_full.txt`` and so on,
as collaborative-experts publishes them; 1k-A tests with the sentences of ``MSRVTT_JSFUSION_test.csv``.

All of this was tested on files of our own in the formats of the release: no machine of this project has seen it.
"""

import argparse
import csv
import io
import json
import re
import sys
import zipfile
from collections import Counter
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from safe_pickle import load
from tqdm import tqdm

from mee.data import Words, tokenize
from mee.storage import ClipFileError, ClipWriter, describe, made_by, read_clips

SOURCE = "https://www.rocq.inria.fr/cluster-willow/amiech/ECCV18/data.zip"
MSRVTT = {
    "appearance": "resnet_features.pickle", "audio": "audio_features.pickle",
    "face": "face_features.pickle", "motion": "flow_features.pickle",
}  # fmt: skip
PARTS = {  # part of LSMDC or COCO -> the vectors of its captions, and its features
    "train": ("w2v_LSMDC.npy", {"appearance": "X_resnet.npy", "audio": "X_audio_train.npy",
                                "face": "X_face.npy", "motion": "X_flow.npy"}),
    "test": ("w2v_LSMDC_retrieval.npy", {name: f"{file}retrieval.npy.tensor.npy" for name, file in (
        ("appearance", "resnet152-"), ("audio", "X_audio_"), ("face", "face-"), ("motion", "flow-"))}),
    "choice": ("w2v_LSMDC_qcm.npy", {"appearance": "resnet-qcm.npy", "audio": "X_audio_test.npy",
                                     "face": "face-qcm.npy", "motion": "flow-qcm.npy"}),
    "image": ("w2v_coco_train2014_1.npy", {"appearance": "X_train2014_resnet152.npy"}),
}  # fmt: skip
JSFUSION = "MSRVTT_JSFUSION_test.csv"
#: split -> files of its training, validation and test list, the release's own names last
SPLITS = {
    "1k-B": (("train_list_miech.txt", "train_list.txt"), (), ("test_list_miech.txt", "test_list.txt")),
    "1k-A": (("train_list_jsfusion.txt", "MSRVTT_train.9k.csv"), (), ("val_list_jsfusion.txt", JSFUSION)),
    "full": (("train_list_full.txt",), ("val_list_full.txt",), ("test_list_full.txt",)),
}


def feature_rows(x, name, clip, trim=False):
    """The features (rows, dim) of expert ``name`` for ``clip``, or None if it is absent, in any of the many disguises.

    ``x`` is an array, or what the releases write instead of one: None, a list, a NaN. ``trim`` drops rows of zeros at
    the end, which are padding.
    """
    x = np.asarray(np.nan if x is None else x)
    if x.dtype.kind not in "biuf":
        raise ClipFileError(f"clip {clip!r}, expert {name!r}: {x.dtype}, not numbers")
    if x.ndim == 0 or not x.size:
        return None
    x = x.reshape(-1, x.shape[-1])
    x = x[~np.isnan(x).any(1)]
    if trim:
        x = x[: 1 + np.flatnonzero(x.any(1)).max(initial=-1)]
    return None if not x.any() or (name == "face" and x.sum(dtype="f8") == 0) else x


def kinds(features, folder, sequences=("audio",)):
    """{expert: (kind, dim)} of those in ``features`` (expert -> arrays) that any clip has."""
    experts = {}
    for name, arrays in features.items():
        shapes = (np.shape(x) for x in arrays)
        if dim := next((shape[-1] for shape in shapes if shape and 0 not in shape), None):
            experts[name] = ("sequence" if name in sequences else "vector", dim)
    if not experts:
        raise ClipFileError(f"{folder}: no clip has any feature")
    return experts


class Vocabulary:
    """The distinct word vectors met so far, each a word: ``ids`` of a caption's vectors, ``words`` of all."""

    most = 300_000  # English has fewer; vectors that depend on the sentence would be more

    def __init__(self, path):
        self.path, self.index, self.dim = path, {}, None

    def ids(self, caption):
        """(words, dim) vectors as (words,) int32; words whose vector is NaN are left out."""
        vectors = np.asarray(caption)
        if not vectors.size:
            return np.zeros(0, np.int32)
        if vectors.ndim != 2 or vectors.dtype.kind not in "biuf" or self.dim not in (None, vectors.shape[1]):
            shape = f"{vectors.dtype} {vectors.shape}"
            raise ClipFileError(f"{self.path}: a caption of {shape}; expected (words, {self.dim})")
        self.dim = vectors.shape[1]
        vectors = np.ascontiguousarray(vectors[~np.isnan(vectors).any(1)], "f4") + 0  # + 0 turns -0 into 0
        ids = [self.index.setdefault(row.tobytes(), len(self.index)) for row in vectors]
        if len(self.index) > self.most:
            raise ClipFileError(f"{self.path}: more than {self.most:,} distinct vectors: these are not words'")
        return np.array(ids, np.int32)

    def words(self, names=()):
        """:class:`mee.data.Words`; ``names`` (id -> word) where they are known."""
        if not self.index:
            raise ClipFileError(f"{self.path}: no caption has a word")
        names = dict(names)
        vectors = np.frombuffer(b"".join(self.index), "f4").reshape(-1, self.dim)
        return Words([names.get(i, f"w{i:06d}") for i in range(len(vectors))], torch.from_numpy(vectors.copy()))


def name_words(captions, texts):
    """{id: word} as far as word ids and sentences tell, and the share of all words that gets a name.

    ``captions`` is clip -> [ids (words,)], ``texts`` clip -> [sentence]. A word and its id stand in the same captions,
    equally often. This is checked in heaps of about 4,000 captions, and has to hold in most of the heaps that the word
    is in, so that a few captions that do not fit do no harm. Words that share all captions are told apart by their
    order. Sentences with anything but letters and spaces are skipped, because it is not known how they were split into
    words, and so are clips whose sentences and captions differ in number.
    """
    heaps = 1 + sum(map(len, captions.values())) // 4000
    ours, theirs, count, number = {}, {}, Counter(), 0  # (heap, id or word) -> a hash of the captions that it is in
    for clip, rows in captions.items():
        sentences = texts.get(clip, ())
        for ids, text in zip(rows, sentences, strict=True) if len(rows) == len(sentences) else ():
            text = text.lower().strip()
            if not re.fullmatch("[a-z ]*", text):
                continue
            number += 1
            for where, words in ((ours, ids.tolist()), (theirs, text.split())):
                for word in words:
                    key = number % heaps, word
                    where[key] = hash((where.get(key, 0), number))
            count.update(ids.tolist())
    alike = {}
    for side, where in enumerate((ours, theirs)):
        for (heap, word), captions_hash in where.items():
            alike.setdefault((heap, captions_hash), ([], []))[side].append(word)
    votes = Counter(pair for a, b in alike.values() if len(a) == len(b) for pair in zip(a, b, strict=True))
    stands = Counter(i for _, i in ours)  # in how many heaps
    names, taken = {}, set()
    for (i, word), agreed in votes.most_common():
        if 2 * agreed > stands[i] and word not in taken:
            names[i] = word
            taken.add(word)
    return names, sum(count[i] for i in names) / max(count.total(), 1)


def fit_texts(captions, texts, names):
    """The sentence of each caption (word ids) of a clip: in their order if there are as many, else those that fit.

    A caption that no sentence fits becomes those of its words that are known.
    """
    if len(captions) == len(texts):
        return list(texts)
    known, fitting = set(names.values()), []
    for ids in captions:
        words = [names[i] for i in ids.tolist() if i in names]
        k = next((k for k, text in enumerate(texts) if [w for w in tokenize(text) if w in known] == words), None)
        fitting.append(" ".join(words) if k is None else texts[k])
        texts = texts if k is None else texts[k + 1 :]
    return fitting


def with_texts(vocabulary, captions, texts):
    """``captions`` (clip -> [ids]) as clip -> [(sentence or None, ids)], and the vocabulary with names where known."""
    if texts is None:
        return {clip: [(None, ids) for ids in rows] for clip, rows in captions.items()}, vocabulary.words()
    names, share = name_words(captions, texts)
    print(f"{len(names):,} of {len(vocabulary.index):,} words have a name, {100 * share:.1f} % of all occurrences")
    if share < 0.5:
        print("the sentences do not fit the vectors (other captions, or in another order?): left without text")
        return with_texts(vocabulary, captions, None)
    pairs = {
        clip: list(zip(fit_texts(rows, texts.get(clip, ()), names), rows, strict=True))
        for clip, rows in captions.items()
    }
    return pairs, vocabulary.words(names)


def read_annotations(folder):
    """clip -> its sentences in order, from MSR-VTT's JSON files or zips in ``folder``."""
    sentences = {}
    for path in sorted([*folder.glob("*.json"), *folder.glob("*.zip")]):
        try:
            texts = [path.read_bytes()]
            if path.suffix == ".zip":
                with zipfile.ZipFile(path) as archive:
                    files = [f for f in archive.infolist() if f.filename.endswith(".json") and f.file_size < 2**29]
                    texts = [archive.read(f) for f in files]
            for row in (row for text in texts for row in json.loads(text)["sentences"]):
                sentences.setdefault(row["video_id"], {})[row["sen_id"]] = row["caption"].strip()
        except (ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise ClipFileError(f"{path}: not MSR-VTT's sentences ({type(error).__name__}: {error})") from None
    if not sentences:
        raise ClipFileError(f"{folder}: no JSON file of MSR-VTT, and no zip with one")
    return {clip: [rows[i] for i in sorted(rows)] for clip, rows in sentences.items()}


def read_list(folders, names):
    """The ids in the first of the files ``names`` in ``folders``, one per line, or in a CSV's column video_id."""
    if not names:
        return []
    for path in (folder / name for folder in folders for name in names):
        if path.exists():
            ids = read_csv(path, "video_id") if path.suffix == ".csv" else path.read_text("utf-8").split()
            if len(set(ids)) != len(ids) or not ids:
                raise ClipFileError(f"{path}: {len(ids)} ids, {len(set(ids))} different; each is expected once")
            return ids
    places = " or ".join(map(str, folders))
    raise ClipFileError(f"{' or '.join(names)}: not in {places}; name its folder with --lists")


def read_csv(path, column):
    """One column of a table whose first line names the columns, separated by commas or semicolons."""
    with open(path, encoding="utf-8", newline="") as file:
        delimiter = ";" if ";" in file.readline() else ","
        file.seek(0)
        return [row[column] for row in csv.DictReader(file, delimiter=delimiter)]


def split_of(train, val, test, aside, seed):
    """{id: split}; without ``val``, ``aside`` clips of ``train`` (a tenth, at most 500) are drawn by ``seed``."""
    if val and aside is not None:
        raise ClipFileError(f"--val {aside}: this split has its own {len(val)} clips for validation")
    if not val:
        aside = min(500, len(train) // 10) if aside is None else aside
        if not 0 <= aside <= len(train) - 2:
            raise ClipFileError(f"--val {aside}: there are {len(train)} clips to train on")
        val = [train[i] for i in np.random.default_rng(seed).permutation(len(train))[:aside]]
        train = [clip for clip in train if clip not in set(val)]
    splits = {clip: name for name, clips in (("train", train), ("val", val), ("test", test)) for clip in clips}
    if len(splits) != len(train) + len(val) + len(test):
        raise ClipFileError("the lists of training, validation and test clips share some clips: not a fair split")
    return splits


def msrvtt_splits(options, *folders):
    """{id: split} of MSR-VTT, and {id: the sentence to ask for} where the split has chosen one."""
    folders = [folder for folder in (options.lists, *folders) if folder]
    train, val, test = (read_list(folders, names) for names in SPLITS[options.split])
    chosen = {}
    for path in (folder / JSFUSION for folder in folders if options.split == "1k-A"):
        if path.exists() and not chosen:
            chosen = dict(zip(read_csv(path, "video_id"), read_csv(path, "sentence"), strict=True))
    return split_of(train, val, test, options.val, options.seed), chosen


def chosen_numbers(chosen, texts, splits):
    """{clip: which of its ``texts`` (clip -> sentences) is the ``chosen`` one}; tells if a test clip lacks one."""
    numbers = {}
    for clip, sentence in chosen.items():
        known = [tokenize(text or "") for text in texts.get(clip, ())]
        if tokenize(sentence) in known:
            numbers[clip] = known.index(tokenize(sentence))
    tested = [clip for clip, split in splits.items() if split == "test"]
    if lost := sum(clip not in numbers for clip in tested):
        print(f"1k-A tests with the sentences of {JSFUSION}, for which that file and MSR-VTT's sentences are needed:")
        print(f"the first caption instead for {lost} of {len(tested)} test clips, so this is not quite 1k-A")
    return numbers


def pick_test_caption(captions, number=None):
    """The one of ``captions`` (pairs of sentence and ids) to test with, in a list: ``number``, else the first."""
    chosen = captions[number : number + 1] if number is not None else []
    return [c for c in chosen if len(c[1])] or [c for c in captions if len(c[1])][:1]


def write(options, experts, words, clips, count, what, questions=(), **attributes):
    """The clip file: ``clips`` gives (id, split, {expert: its features}, captions). Prints what is left out."""
    reasons = {}
    with ClipWriter(options.output, experts, words, options.dtype, made_by=options.made_by, **attributes) as out:
        for clip, split, features, captions in tqdm(clips, what, count, unit="clip", disable=None):
            features = {name: x for name, x in features.items() if x is not None}
            wordless = captions is not None and not any(len(ids) for _, ids in captions)
            if wordless or not features and split != "test":
                why = "without words" if wordless else "without any expert"
                why = f"in the test gallery, but {why}" if split == "test" else f"left out: {why}"
                reasons.setdefault(why, []).append(clip)
                if split != "test":
                    continue
            for name, x in features.items():  # a vector is one row, so that ClipWriter refuses more
                features[name] = x[0] if experts[name][0] == "vector" and len(x) == 1 else x
            out.add(clip, split, features, [(text, ids) for text, ids in captions or () if len(ids)])
        if not out.clips:
            raise ClipFileError(f"{options.folder}: no clip has both words and features")
        for clip, choices, answer in questions:
            out.add_choice(clip, choices, answer)
    print(describe(read_clips(options.output, check=False)), "\n")
    for why, ids in reasons.items():
        print(f"{why}: {len(ids)}", ids[:10], "..." if len(ids) > 10 else "")


def write_dicts(options, folder, features, captions, words, splits, numbers, what, sequences=("audio",), **attributes):
    """The clip file of ``features`` (expert -> clip -> features) and ``captions``, a function of a clip."""
    experts = kinds({name: x.values() for name, x in features.items()}, folder, sequences)
    first = (options.test_captions or ("all" if options.split == "full" else "first")) == "first"
    chosen = numbers() if first and options.split == "1k-A" else {}

    def clips():
        for clip, split in splits.items():
            pairs = captions(clip)
            pairs = pick_test_caption(pairs, chosen.get(clip)) if first and split != "train" else pairs
            yield clip, split, {name: feature_rows(x.get(clip), name, clip) for name, x in features.items()}, pairs

    write(options, experts, words, clips(), len(splits), what, **attributes)


def find(folder, file):
    """The folder of ``file``: ``folder`` or data/ or data/data/ in it."""
    for place in (folder, folder / "data", folder / "data" / "data"):
        if (place / file).exists():
            return place
    raise ClipFileError(f"{folder}: no {file} there, nor in its folder data/; is it the unpacked data.zip?")


def read(path, kind, records=()):
    """What is in a file of the release, which must be a ``kind`` (dict or list)."""
    content = load(path, records)
    rows = isinstance(content, list) or getattr(content, "shape", ()) != ()
    if not (isinstance(content, dict) if kind is dict else rows):
        raise ClipFileError(f"{path}: a {type(content).__name__}, not a {kind.__name__}")
    return content


def msrvtt(options):
    folder = find(options.folder, MSRVTT["appearance"])
    splits, chosen = msrvtt_splits(options, folder)
    path = folder / "w2v_MSRVTT.pickle"
    vocabulary, content = Vocabulary(path), read(path, dict)
    captions = {}
    for clip in splits:
        vectors = content.pop(clip, [])
        if not isinstance(vectors, list | tuple):
            raise ClipFileError(f"{path}: clip {clip!r}: a {type(vectors).__name__}, not a list of captions")
        captions[clip] = [vocabulary.ids(caption) for caption in vectors]
    texts = read_annotations(options.annotations) if options.annotations else None
    captions, words = with_texts(vocabulary, captions, texts)
    texts = {clip: [text for text, _ in pairs] for clip, pairs in captions.items()}
    features = {name: read(folder / file, dict) for name, file in MSRVTT.items()}
    numbers = partial(chosen_numbers, chosen, texts, splits)
    attributes = made(f"MSR-VTT, split {options.split}")
    write_dicts(options, folder, features, captions.get, words, splits, numbers, "MSR-VTT", **attributes)


def read_part(folder, part, vocabulary, per_clip=1, counts=()):
    """(ids, {expert: its rows}, captions) of a part; all files, and the further ``counts``, must agree."""
    texts, files = PARTS[part]
    features = {name: read(folder / file, list) for name, file in files.items()}
    captions = [(None, vocabulary.ids(caption)) for caption in read(folder / texts, list)]
    counts = {files[name]: len(x) for name, x in features.items()} | {texts: len(captions) / per_clip} | dict(counts)
    if len(set(counts.values())) > 1:
        raise ClipFileError(f"{folder}: each file should have equally many clips; found: {counts}")
    count = len(captions) // per_clip
    return [f"{part}-{i:06d}" for i in range(count)], features, captions


def row(features, i, clip, trim=False):
    return {name: feature_rows(x[i], name, clip, trim) for name, x in features.items()}


def lsmdc(options):
    folder = find(options.folder, PARTS["train"][1]["appearance"])
    vocabulary, file = Vocabulary(folder / "w2v_LSMDC.npy"), "no_face_ind_retrieval.npy"
    absent = np.asarray(read(folder / file, list)).reshape(-1)
    ids, features, captions = read_part(folder, "train", vocabulary)
    test_ids, test_features, test_captions = read_part(folder, "test", vocabulary, counts={file: len(absent)})
    spoken = [clip for clip, (_, words) in zip(ids, captions, strict=True) if len(words)]
    splits = split_of(spoken, [], test_ids, options.val, options.seed)

    def clips():
        for i, clip in enumerate(ids):
            yield clip, splits.get(clip, "train"), row(features, i, clip), [captions[i]]
        for i, clip in enumerate(test_ids):
            rows = row(test_features, i, clip, trim=True)
            yield clip, "test", rows | {"face": None} if absent[i] == 1 else rows, [test_captions[i]]

    experts = kinds({name: chain(x, test_features[name]) for name, x in features.items()}, folder)
    count = len(ids) + len(test_ids)
    write(options, experts, vocabulary.words(), clips(), count, "LSMDC", **made("LSMDC", "LSMDC (MPII)"))


def lsmdc_choices(options):
    folder = find(options.folder, PARTS["choice"][1]["appearance"])
    path, vocabulary = folder / "multiple_choice_gt.txt", Vocabulary(folder / "w2v_LSMDC_qcm.npy")
    answers = path.read_text(encoding="utf-8").split()
    if set(answers) - set("12345"):
        raise ClipFileError(f"{path}: {sorted(set(answers) - set('12345'))[:5]}; an answer must be 1 to 5")
    ids, features, captions = read_part(folder, "choice", vocabulary, 5, {path.name: len(answers)})
    clips = ((clip, "test", row(features, i, clip), None) for i, clip in enumerate(ids))
    questions = ((clip, captions[5 * i : 5 * i + 5], int(answers[i]) - 1) for i, clip in enumerate(ids))
    attributes = made("LSMDC, multiple choice", "LSMDC (MPII)")
    experts = kinds(features, folder)
    write(options, experts, vocabulary.words(), clips, len(ids), "LSMDC", questions, **attributes)


def coco(options):
    folder = find(options.folder, PARTS["image"][1]["appearance"])
    vocabulary = Vocabulary(folder / PARTS["image"][0])
    ids, features, captions = read_part(folder, "image", vocabulary)
    clips = ((clip, "train", row(features, i, clip), [captions[i]]) for i, clip in enumerate(ids))
    attributes = made("COCO train2014", "COCO")
    write(options, kinds(features, folder), vocabulary.words(), clips, len(ids), "COCO", **attributes)


def made(title, owner="MSR-VTT"):
    """The attributes of the file."""
    licence = f"not stated; the terms of {owner} apply"
    return {"title": f"{title}, features of Miech et al. 2018", "source": SOURCE, "licence": licence}


NAMES = {"msrvtt": msrvtt, "lsmdc": lsmdc, "lsmdc-choices": lsmdc_choices, "coco": coco}


def add_msrvtt_options(parser, split):
    add = parser.add_argument
    add(
        "--split", choices=SPLITS, default=split, help=f"MSR-VTT's split (default {split or 'full; with --paper 1k-B'})"
    )
    add("--lists", type=Path, metavar="FOLDER", help="the folder of MSR-VTT's split lists, if not beside the features")
    add("--test-captions", choices=("first", "all"), help="default: first in 1k-A and 1k-B, else all")


def run(script, parser, convert, arguments):
    """Add the options that all converters have, parse them and convert; an error ends the script with a message."""
    add = parser.add_argument
    add("-o", "--output", type=Path, help="default: the name, with .h5")
    add("--val", type=int, metavar="N", help="training clips for validation (default: a tenth, at most 500; MeMAD: 88)")
    add("--seed", type=int, default=0, help="the seed that draws them")
    add("--dtype", choices=("float16", "float32"), default="float16")
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # as in mee.cli
        sys.stdout.reconfigure(errors="backslashreplace")
    options.output = options.output or Path(f"{options.name.replace('-', '_')}.h5")
    options.made_by = made_by(f"{script}.py", arguments or sys.argv[1:])
    try:
        convert(options)
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"{script}: {error}")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("folder", type=Path, help="the folder of the unpacked data.zip")
    parser.add_argument("--annotations", type=Path, metavar="FOLDER", help="folder of MSR-VTT's two JSON files or zips")
    add_msrvtt_options(parser, "1k-B")
    run("convert_release", parser, lambda options: NAMES[options.name](options), arguments)


if __name__ == "__main__":
    main()
