"""The paper's own features (MSR-VTT, LSMDC, COCO) into clip files.

    python data_scripts/download.py paper
    python data_scripts/convert_release.py msrvtt FOLDER -o msrvtt.h5                    # the paper's split, 1k-B
    python data_scripts/convert_release.py lsmdc FOLDER -o lsmdc.h5                      # training and retrieval
    python data_scripts/convert_release.py lsmdc-choices FOLDER -o lsmdc_choices.h5      # multiple choice
    python data_scripts/convert_release.py coco FOLDER -o coco.h5                        # images, for training only

FOLDER is where ``data.zip`` was unpacked. Captions come there as word vectors without their words. The same vector is
the same word, so a file gets a vocabulary of the different ones, ``w000000`` and so on, which makes it thirty times
smaller. With ``--annotations FOLDER``, MSR-VTT's two JSON files (or their zips), captions get their text and words
their names, as far as vectors and sentences fit each other: then a sentence of your own can be searched for.

Experts are appearance, motion, audio (a sequence) and face. One that saw nothing is absent: nothing stored, NaN, all
zeros (silence; a face whose values sum to zero, or that ``no_face_ind`` marks). A training clip without words is left
out; in the test's gallery it stays, for others' queries.

The original chose its best epoch on the test set. Here some training clips are set aside to validate (``--val``), and
MSR-VTT's full split has its own. Splits 1k-A and full need ``--lists FOLDER`` with ``train_list_full.txt`` and so on,
as collaborative-experts publishes them. A test clip has its first caption, in split full all 20, in 1k-A the sentence
of ``MSRVTT_JSFUSION_test.csv``, which takes that file and the annotations.

The pickles are read without being run (``safe_pickle.py``). All of this was tested on files of our own in the release's
formats: no machine of this project has seen the release itself.
"""

import argparse
import csv
import json
import re
import sys
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from safe_pickle import load
from tqdm import tqdm

from mee.data import ClipFileError, Clips, ClipWriter, Words, describe, tokenize

EXPERTS = ("appearance", "audio", "face", "motion")
SOURCE = "https://www.rocq.inria.fr/cluster-willow/amiech/ECCV18/data.zip"
LICENCE = "not stated; the terms of {} apply"
MSRVTT = {
    name: f"{file}_features.pickle" for name, file in zip(EXPERTS, ("resnet", "audio", "face", "flow"), strict=True)
}
LSMDC = {  # part -> its files
    "train": ("X_resnet.npy", "X_audio_train.npy", "X_face.npy", "X_flow.npy"),
    "test": tuple(
        f"{name}{middle}retrieval.npy.tensor.npy"
        for name, middle in (("resnet152", "-"), ("X_audio", "_"), ("face", "-"), ("flow", "-"))
    ),
    "choices": ("resnet-qcm.npy", "X_audio_test.npy", "face-qcm.npy", "flow-qcm.npy"),
}
#: split -> files of its training, validation and test list, the release's own names last, and how many clips they have
SPLITS = {
    "1k-B": (
        (("train_list_miech.txt", "train_list.txt"), (), ("test_list_miech.txt", "test_list.txt")),
        (6656, 0, 1000),
    ),
    "1k-A": (
        (("train_list_jsfusion.txt", "MSRVTT_train.9k.csv"), (), ("val_list_jsfusion.txt", "MSRVTT_JSFUSION_test.csv")),
        (9000, 0, 1000),
    ),
    "full": ((("train_list_full.txt",), ("val_list_full.txt",), ("test_list_full.txt",)), (6513, 497, 2990)),
}
JSFUSION = "MSRVTT_JSFUSION_test.csv"


# ------------------------------------------------------------------------------------------------- what was seen


def seen(x, name, clip, trim=False):
    """What expert ``name`` saw of ``clip``, (rows, dim), or None if it saw nothing: traps 17, 18 and 25.

    x     an array, or what the releases write instead of one: None, a list, a NaN
    trim  leave out rows of zeros at the end, which only fill up
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
    if not x.any() or (name == "face" and x.sum(dtype="f8") == 0):
        return None
    return x


def dimension(arrays):
    """The last dimension of the first of ``arrays`` that holds something; None if none does."""
    if getattr(arrays, "shape", (0,))[1:]:
        return arrays.shape[-1]
    shapes = (x.shape if hasattr(x, "shape") else np.shape(x) for x in arrays)
    return next((shape[-1] for shape in shapes if shape and 0 not in shape), None)


# -------------------------------------------------------------------------------------------------------- captions


class Vocabulary:
    """The different word vectors that were met, each a word: ``ids`` of a caption's vectors, ``words`` of all."""

    most = 300_000  # English has fewer; vectors that depend on the sentence would be more

    def __init__(self, path):
        self.path, self.index, self.dim = path, {}, None

    def ids(self, caption):
        """(words, dim) vectors as (words,) int32; words whose vector is NaN are left out."""
        vectors = np.asarray(caption)
        if not vectors.size:
            return np.zeros(0, np.int32)
        if vectors.ndim != 2 or vectors.dtype.kind not in "biuf" or self.dim not in (None, vectors.shape[1]):
            raise ClipFileError(
                f"{self.path}: a caption of {vectors.dtype} {vectors.shape}; expected (words, {self.dim})"
            )
        self.dim = vectors.shape[1]
        vectors = np.ascontiguousarray(vectors[~np.isnan(vectors).any(1)], "f4") + 0  # a zero has no sign
        ids = [self.index.setdefault(row.tobytes(), len(self.index)) for row in vectors]
        if len(self.index) > self.most:
            raise ClipFileError(f"{self.path}: more than {self.most:,} different vectors: these are not words'")
        return np.array(ids, np.int32)

    def words(self, names=()):
        """:class:`mee.data.Words`; ``names`` (id -> word) where they are known."""
        if not self.index:
            raise ClipFileError(f"{self.path}: no caption has a word")
        names = dict(names)
        vectors = np.frombuffer(b"".join(self.index), "f4").reshape(-1, self.dim)
        return Words([names.get(i, f"w{i:06d}") for i in range(len(vectors))], torch.from_numpy(vectors.copy()))


def name_words(captions, texts):
    """{id: word} as far as word ids and sentences tell, and which share of all words that names.

    captions  clip -> [ids (words,)]
    texts     clip -> [sentence]

    A word and its id stand in the same captions, equally often. That is looked for in heaps of about 4,000 captions,
    and has to hold in most of those that the word is in, so that a few captions that don't fit do no harm. Words that
    share all captions are told apart by their order. Sentences of more than letters and spaces are passed over, since
    who cuts them where is not known, and so are clips that have another number of sentences than of captions.
    """
    heaps = 1 + sum(map(len, captions.values())) // 4000
    ours, theirs, count, number = {}, {}, Counter(), 0  # (heap, id or word) -> a hash of the captions that it is in
    for clip, of_clip in captions.items():
        if len(of_clip) != len(texts.get(clip, ())):
            continue
        for ids, text in zip(of_clip, texts[clip], strict=True):
            text = text.lower().strip()
            if not re.fullmatch("[a-z ]*", text):
                continue
            number += 1
            heap = number % heaps
            for where, said in ((ours, ids.tolist()), (theirs, text.split())):
                for word in said:
                    where[heap, word] = hash((where.get((heap, word), 0), number))
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
    """The sentence of each caption of a clip: one a caption in their order, or, if there are more, those that fit.

    captions  [ids (words,)]
    texts     [sentence]
    names     {id: word}

    A caption that no sentence fits becomes the words that are known of it.
    """
    if len(captions) == len(texts):
        return list(texts)
    known, found, texts = set(names.values()), [], list(texts)
    for ids in captions:
        said = [names[i] for i in ids.tolist() if i in names]
        fitting = (k for k, text in enumerate(texts) if [w for w in tokenize(text) if w in known] == said)
        k = next(fitting, None)
        found.append(" ".join(said) if k is None else texts[k])
        texts = texts if k is None else texts[k + 1 :]
    return found


def with_texts(vocabulary, captions, texts):
    """Captions as (sentence or None, ids), and the vocabulary with the words' names, as far as they are known.

    captions  clip -> [ids (words,)]
    texts     clip -> [sentence], or None
    """
    if texts is None:
        return {clip: [(None, ids) for ids in of_clip] for clip, of_clip in captions.items()}, vocabulary.words()
    names, share = name_words(captions, texts)
    print(f"{len(names):,} of {len(vocabulary.index):,} words have a name, {100 * share:.1f} % of what is said")
    if share < 0.5:
        print("the sentences do not fit the vectors (other captions, or in another order?): left without text")
        return with_texts(vocabulary, captions, None)
    pairs = {
        clip: list(zip(fit_texts(of_clip, texts.get(clip, ()), names), of_clip, strict=True))
        for clip, of_clip in captions.items()
    }
    return pairs, vocabulary.words(names)


def read_annotations(folder):
    """clip -> its sentences in their order, from MSR-VTT's JSON files or zips in ``folder``."""
    sentences = {}
    for path in sorted([*folder.glob("*.json"), *folder.glob("*.zip")]):
        try:
            if path.suffix == ".json":
                parts = [json.loads(path.read_text("utf-8"))]
            else:
                with zipfile.ZipFile(path) as archive:
                    files = [f for f in archive.infolist() if f.filename.endswith(".json") and f.file_size < 2**29]
                    parts = [json.loads(archive.read(f)) for f in files]
            for part in parts:
                for row in part["sentences"]:
                    sentences.setdefault(row["video_id"], {})[row["sen_id"]] = row["caption"].strip()
        except (ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise ClipFileError(f"{path}: not MSR-VTT's sentences ({type(error).__name__}: {error})") from None
    if not sentences:
        raise ClipFileError(f"{folder}: no JSON file of MSR-VTT, and no zip with one")
    return {clip: [rows[i] for i in sorted(rows)] for clip, rows in sentences.items()}


# ---------------------------------------------------------------------------------------------------------- splits


def read_list(folders, names):
    """The ids in the first of the files ``names`` in ``folders``, one a line, or in a CSV's column video_id."""
    if not names:
        return []
    for path in (folder / name for folder in folders if folder for name in names):
        if path.exists():
            if path.suffix == ".csv":
                with open(path, encoding="utf-8", newline="") as file:
                    ids = [row["video_id"] for row in csv.DictReader(file)]
            else:
                ids = path.read_text("utf-8").split()
            if len(set(ids)) != len(ids) or not ids:
                raise ClipFileError(f"{path}: {len(ids)} ids, {len(set(ids))} different ones; expected each once")
            return ids
    raise ClipFileError(
        f"{' or '.join(names)}: not in {' or '.join(str(f) for f in folders if f)}; name its folder with --lists"
    )


def split_of(train, val, test, aside, seed):
    """{id: split}; without ``val``, ``aside`` of ``train`` (a tenth, at most 500) are drawn by ``seed`` (trap 22)."""
    if val and aside is not None:
        raise ClipFileError(f"--val {aside}: this split has its own {len(val)} clips to validate")
    if not val:
        aside = min(500, len(train) // 10) if aside is None else aside
        if not 0 <= aside <= len(train) - 2:
            raise ClipFileError(f"--val {aside}: there are {len(train)} clips to train on")
        val = [train[i] for i in np.random.default_rng(seed).permutation(len(train))[:aside]]
        train = [clip for clip in train if clip not in set(val)]
    splits = {clip: name for name, clips in (("train", train), ("val", val), ("test", test)) for clip in clips}
    if len(splits) != len(train) + len(val) + len(test):
        raise ClipFileError("the lists of training, validation and test clips share some: not a fair split")
    return splits


def msrvtt_splits(options, *folders):
    """{id: split} of MSR-VTT, and {id: the sentence to ask for} where the split has chosen one."""
    files, published = SPLITS[options.split]
    folders = [folder for folder in (options.lists, *folders) if folder]
    train, val, test = (read_list(folders, names) for names in files)
    counts = len(train), len(val), len(test)
    if counts != published:
        print(f"clips in the lists: {counts}; in the published ones of split {options.split}: {published}")
    chosen = {}
    for path in (folder / JSFUSION for folder in folders if options.split == "1k-A"):
        if path.exists() and not chosen:
            with open(path, encoding="utf-8", newline="") as file:
                chosen = {row["video_id"]: row["sentence"] for row in csv.DictReader(file)}
    return split_of(train, val, test, options.val, options.seed), chosen


def numbers_of(chosen, texts, splits):
    """{clip: which of its ``texts`` is the chosen one}; says so if that is not known of all test clips.

    chosen  clip -> sentence
    texts   clip -> [sentence, or None where it is not known]
    """
    numbers = {}
    for clip, sentence in chosen.items():
        said = [tokenize(text or "") for text in texts.get(clip, ())]
        if tokenize(sentence) in said:
            numbers[clip] = said.index(tokenize(sentence))
    tested = [clip for clip, split in splits.items() if split == "test"]
    lost = len([clip for clip in tested if clip not in numbers])
    if lost:
        print(f"1k-A tests with the sentences of {JSFUSION}, for which that file and MSR-VTT's sentences are needed:")
        print(f"the first caption instead for {lost} of {len(tested)} test clips, so this is not quite 1k-A")
    return numbers


def ask(captions, number=None):
    """Of ``captions`` (pairs of sentence and ids) the one to test with: that of ``number``, else the first; a list."""
    chosen = captions[number : number + 1] if number is not None else []
    return [c for c in chosen if len(c[1])] or [c for c in captions if len(c[1])][:1]


# --------------------------------------------------------------------------------------------------------- writing


def write(options, experts, words, clips, count, what, questions=(), **attributes):
    """The clip file: ``clips`` gives (id, split, {expert: what was seen}, captions). Says what it left out.

    experts    name -> (kind, dim)
    questions  (id, captions, answer)
    """
    wordless, blind, kept = [], [], []
    with ClipWriter(options.output, experts, words, options.dtype, **attributes) as out:
        for clip, split, features, captions in tqdm(clips, what, count, unit="clip", disable=None):
            features = {name: x for name, x in features.items() if x is not None}
            if captions is not None:
                captions = [(text, ids) for text, ids in captions if len(ids)]
                if not captions:
                    (kept if split == "test" else wordless).append(clip)
                    if split != "test":
                        continue
            if not features and split != "test":
                blind.append(clip)
                continue
            for name, x in features.items():  # a vector is one row, so that ClipWriter refuses more
                features[name] = x[0] if experts[name][0] == "vector" and len(x) == 1 else x
            out.add(clip, split, features, captions or ())
        if not out.numbers:
            raise ClipFileError(f"{options.folder}: no clip has both words and features")
        for clip, choices, answer in questions:
            out.add_choice(clip, choices, answer)
    print(describe(Clips(options.output, check=False)), "\n")
    for of, why in ((wordless, "without words"), (blind, "that no expert has seen"), (kept, "")):
        if of:
            what = f"left out: {len(of)} clips {why}" if why else f"in the test's gallery, but without words: {len(of)}"
            print(what, of[:10], "..." if len(of) > 10 else "")


def kinds(dims, folder):
    """{expert: (kind, dim)} of those that any clip has."""
    experts = {name: ("sequence" if name == "audio" else "vector", dim) for name, dim in dims.items() if dim}
    if not experts:
        raise ClipFileError(f"{folder}: no clip has any feature")
    return experts


def find(folder, file):
    """The folder of ``file``: ``folder`` or data/ or data/data/ in it."""
    for place in (folder, folder / "data", folder / "data" / "data"):
        if (place / file).exists():
            return place
    raise ClipFileError(f"{folder}: no {file} there, nor in data/ in it; is it the unpacked data.zip?")


def read(folder, file, kind):
    """What is in a file of the release; ``kind`` (dict or list) is what it has to be."""
    if not (folder / file).exists():
        raise ClipFileError(f"{folder / file}: no such file; was the archive unpacked whole?")
    content = load(folder / file)
    rows = not isinstance(content, dict | str | bytes | float | int | None) and getattr(content, "shape", (0,)) != ()
    if not (isinstance(content, dict) if kind is dict else rows):
        raise ClipFileError(f"{folder / file}: a {type(content).__name__}, not a {kind.__name__}")
    return content


def msrvtt(options):
    folder = find(options.folder, MSRVTT["appearance"])
    splits, chosen = msrvtt_splits(options, folder)
    path = folder / "w2v_MSRVTT.pickle"
    vocabulary, content = Vocabulary(path), read(folder, path.name, dict)
    captions = {}
    for clip in splits:
        of_clip = content.get(clip, [])
        if not isinstance(of_clip, list | tuple):
            raise ClipFileError(f"{path}: clip {clip!r}: a {type(of_clip).__name__}, not a list of captions")
        captions[clip] = [vocabulary.ids(caption) for caption in of_clip]
    del content
    texts = read_annotations(options.annotations) if options.annotations else None
    captions, words = with_texts(vocabulary, captions, texts)
    if (options.test_captions or ("all" if options.split == "full" else "first")) == "first":
        said = {clip: [text for text, _ in of_clip] for clip, of_clip in captions.items()}
        numbers = numbers_of(chosen, said, splits) if options.split == "1k-A" else {}
        captions |= {clip: ask(captions[clip], numbers.get(clip)) for clip, split in splits.items() if split != "train"}
    features = {name: read(folder, file, dict) for name, file in MSRVTT.items()}

    def clips():
        for clip, split in splits.items():
            yield clip, split, {name: seen(x.get(clip), name, clip) for name, x in features.items()}, captions[clip]

    experts = kinds({name: dimension(x.values()) for name, x in features.items()}, folder)
    title = f"MSR-VTT, split {options.split}, features of Miech et al. 2018"
    write(options, experts, words, clips(), len(splits), "MSR-VTT", **made(options, title, "MSR-VTT"))


def lsmdc_part(folder, part):
    """{expert: its rows}, and how many clips, of a part of LSMDC; all files have to agree."""
    features = {name: read(folder, file, list) for name, file in zip(EXPERTS, LSMDC[part], strict=True)}
    counts = {file: len(features[name]) for name, file in zip(EXPERTS, LSMDC[part], strict=True)}
    return features, counts


def agree(folder, counts):
    """The one number of clips in ``counts`` (file -> how many); raises if they differ."""
    if len(set(counts.values())) > 1:
        raise ClipFileError(f"{folder}: as many clips are expected in each file: {counts}")
    return next(iter(counts.values()))


def lsmdc(options):
    folder = find(options.folder, LSMDC["train"][0])
    features, captions, vocabulary, ids = {}, {}, Vocabulary(folder / "w2v_LSMDC.npy"), {}
    for part, file in (("train", "w2v_LSMDC.npy"), ("test", "w2v_LSMDC_retrieval.npy")):
        features[part], counts = lsmdc_part(folder, part)
        content = read(folder, file, list)
        captions[part] = [vocabulary.ids(caption) for caption in content]
        counts[file] = len(content)
        if part == "test":
            absent = np.asarray(read(folder, "no_face_ind_retrieval.npy", list)).reshape(-1)
            counts["no_face_ind_retrieval.npy"] = len(absent)
        ids[part] = [f"{part}-{i:06d}" for i in range(agree(folder, counts))]
    spoken = [clip for clip, of_clip in zip(ids["train"], captions["train"], strict=True) if len(of_clip)]
    splits = split_of(spoken, [], ids["test"], options.val, options.seed)

    def clips():
        for part in ("train", "test"):
            for i, clip in enumerate(ids[part]):
                saw = {name: seen(x[i], name, clip, trim=part == "test") for name, x in features[part].items()}
                if part == "test" and absent[i] == 1:
                    saw["face"] = None
                yield clip, splits.get(clip, "train"), saw, [(None, captions[part][i])]

    dims = {name: dimension(features["train"][name]) or dimension(features["test"][name]) for name in EXPERTS}
    count = sum(map(len, ids.values()))
    attributes = made(options, "LSMDC, features of Miech et al. 2018", "LSMDC (MPII)")
    write(options, kinds(dims, folder), vocabulary.words(), clips(), count, "LSMDC", **attributes)


def lsmdc_choices(options):
    folder = find(options.folder, LSMDC["choices"][0])
    features, counts = lsmdc_part(folder, "choices")
    path = folder / "multiple_choice_gt.txt"
    answers = path.read_text().split()
    if set(answers) - set("12345"):
        raise ClipFileError(f"{path}: {sorted(set(answers) - set('12345'))[:5]}; an answer is 1 to 5")
    vocabulary = Vocabulary(folder / "w2v_LSMDC_qcm.npy")
    captions = [(None, vocabulary.ids(caption)) for caption in read(folder, "w2v_LSMDC_qcm.npy", list)]
    count = agree(folder, {**counts, path.name: len(answers), "w2v_LSMDC_qcm.npy, five a clip": len(captions) / 5})
    ids = [f"choice-{i:06d}" for i in range(count)]

    def clips():
        for i, clip in enumerate(ids):
            yield clip, "test", {name: seen(x[i], name, clip) for name, x in features.items()}, None

    questions = ((clip, captions[5 * i : 5 * i + 5], int(answers[i]) - 1) for i, clip in enumerate(ids))
    experts = kinds({name: dimension(x) for name, x in features.items()}, folder)
    attributes = made(options, "LSMDC, multiple choice, features of Miech et al. 2018", "LSMDC (MPII)")
    write(options, experts, vocabulary.words(), clips(), count, "LSMDC", questions, **attributes)


def coco(options):
    images, texts = "X_train2014_resnet152.npy", "w2v_coco_train2014_1.npy"
    folder = find(options.folder, images)
    x, content, vocabulary = read(folder, images, list), read(folder, texts, list), Vocabulary(folder / texts)
    captions = [vocabulary.ids(caption) for caption in content]
    count = agree(folder, {images: len(x), texts: len(captions)})
    clips = (
        (f"image-{i:06d}", "train", {"appearance": seen(x[i], "appearance", f"image-{i:06d}")}, [(None, captions[i])])
        for i in range(count)
    )
    attributes = made(options, "COCO train2014, features of Miech et al. 2018", "COCO")
    write(options, kinds({"appearance": dimension(x)}, folder), vocabulary.words(), clips, count, "COCO", **attributes)


def made(options, title, of):
    """The attributes of the file."""
    command = f"convert_release.py {options.name} --seed {options.seed}"
    command += "" if options.val is None else f" --val {options.val}"
    return {"title": title, "source": SOURCE, "licence": LICENCE.format(of), "made_by": command}


NAMES = {"msrvtt": msrvtt, "lsmdc": lsmdc, "lsmdc-choices": lsmdc_choices, "coco": coco}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("folder", type=Path, help="folder of the unpacked data.zip")
    parser.add_argument("-o", "--output", type=Path, help="default: the name, with .h5")
    parser.add_argument("--split", choices=SPLITS, default="1k-B", help="of MSR-VTT (default 1k-B, the paper's)")
    parser.add_argument("--lists", type=Path, metavar="FOLDER", help="with MSR-VTT's split lists")
    parser.add_argument("--annotations", type=Path, metavar="FOLDER", help="with MSR-VTT's two JSON files or zips")
    parser.add_argument("--test-captions", choices=("first", "all"), help="default: first; all in MSR-VTT's full split")
    parser.add_argument(
        "--val", type=int, metavar="N", help="training clips to validate with (default: a tenth, to 500)"
    )
    parser.add_argument("--seed", type=int, default=0, help="which clips those are")
    parser.add_argument("--dtype", choices=("float16", "float32"), default="float16")
    options = parser.parse_args(arguments)
    options.output = options.output or Path(f"{options.name.replace('-', '_')}.h5")
    try:
        NAMES[options.name](options)
    except (ValueError, OSError) as error:
        sys.exit(f"convert_release: {error}")


if __name__ == "__main__":
    main()
