"""The features of collaborative-experts (MSR-VTT, MSVD, DiDeMo, ActivityNet) into clip files.

    python data_scripts/download.py ce-msvd
    python data_scripts/convert_experts.py msvd FOLDER -o msvd.h5
    python data_scripts/convert_experts.py msrvtt FOLDER --split 1k-A -o msrvtt.h5
    python data_scripts/convert_experts.py msrvtt FOLDER --paper -o paper.h5     # its copy of the paper's own features

All experts that have a file in FOLDER, the unpacked archive (features-v2), are taken, or only those that ``--experts``
names. What an expert did not see, a NaN in these files, is absent. Captions are the sentences of ``raw-captions*.pkl``,
with the word vectors of GloVe 6B or of ``--vectors FILE``; ``--text w2v`` (MSR-VTT) and ``--text gpt`` take the
archive's own vectors. GPT's vectors depend on the sentence, so a file with them is large and cannot be searched with
sentences of your own. The sentences of a DiDeMo or ActivityNet video are joined into one caption, as for the published
numbers; ``--separate`` keeps them apart. ActivityNet's test split is ``val_1``. A split without a validation list gets
some training clips instead (``--val``).

The names and contents of the files are those that the public code reads. All of this was tested on files of our own in
these formats: no machine of this project has seen the archives.
"""

import argparse
from pathlib import Path

import convert_release as release
import numpy as np

from mee.storage import ClipFileError, words_for

SITE = "http://www.robots.ox.ac.uk/~vgg/research/collaborative-experts/data/features-v2/{}-experts.tar.gz"
#: expert -> (kind, its file)
EXPERTS = {
    "audio": ("sequence", "aggregated_audio*/*"),
    "face": ("vector", "aggregated_face*/*-avg.*"),
    "i3d": ("vector", "aggregated_i3d*/i3d-avg.*"),
    "ocr": ("sequence", "aggregated_ocr*/*"),
    "r2p1d": ("vector", "aggregated_r2p1d*/r2p1d-ig65m-avg.*"),
    "resnext": ("vector", "aggregated_imagenet*/resnext101_32x48d-avg.*"),
    "scene": ("vector", "aggregated_scene*/densenet161-avg.*"),
    "senet": ("vector", "aggregated_imagenet*/senet154-avg.*"),
    "speech": ("sequence", "aggregated_speech*/*"),
}
PAPER = {
    "appearance": ("vector", "antoine/resnet_features.*"),
    "audio": ("sequence", "antoine/audio_features.*"),
    "face": ("vector", "antoine/facefeats-clone.*"),
    "motion": ("vector", "antoine/flow_features.*"),
}
#: archive -> its folder under data/, its sentences, their GPT vectors, and whether a video's sentences are one caption
ARCHIVES = {
    "msrvtt": ("MSRVTT", "raw-captions.pkl", ["w2v_MSRVTT_openAIGPT.pickle"], False),
    "msvd": ("MSVD", "raw-captions.pkl", [f"openai-caption-{split}.pkl" for split in ("train", "val", "test")], False),
    "didemo": ("DiDeMo", "raw-captions.pkl", ["openai-feats.pkl"], True),
    "activity-net": ("activity-net", "raw-captions-train-val_1.pkl", ["openai-train.pkl", "openai-val1.pkl"], True),
}
W2V, TEXTS = "w2v_MSRVTT.pickle", "aggregated_text_feats"
CHOSEN = "jsfusion_val_caption_idx.pkl"
#: the class ExpertStore, wherever it was when its objects were pickled
RECORDS = [
    f"{place}.ExpertStore" for place in ("datastructures", "utils.datastructures", "zsvision.zs_data_structures")
]


def read_dict(path):
    """clip -> what the file has for it; from an ExpertStore, a row of its array per key, NaN where it has nothing."""
    content = release.read(path, dict, RECORDS)
    if "store" not in content or "keys" not in content:
        return content
    keys, rows = content["keys"], content["store"]
    if not isinstance(keys, list) or len(getattr(rows, "shape", ())) != 2 or len(rows) != len(keys):
        raise ClipFileError(f"{path}: its keys and its array do not match")
    return dict(zip(keys, rows, strict=True))


def find(folder, name):
    """The folder of the features: ``structured-symlinks``, as the archives have it."""
    for place in (folder, folder / name, folder / "data" / name):
        for inside in (place / "structured-symlinks", place):
            if list(inside.glob("aggregated_*")):
                return inside
    raise ClipFileError(f"{folder}: no folder aggregated_* in data/{name}/structured-symlinks; is it the archive?")


def one(folder, pattern):
    """The pickle or .npy file that matches ``pattern``, or None; more than one is an error."""
    found = sorted(p for p in folder.glob(pattern) if p.suffix in (".pickle", ".pkl", ".npy"))
    if len(found) > 1:
        raise ClipFileError(f"{folder}: {[str(p.relative_to(folder)) for p in found]} for one expert; leave one there")
    return found[0] if found else None


def sentences(path, fused):
    """clip -> [sentence], from lists of sentences that are lists of words."""
    texts = {}
    for clip, lists in read_dict(path).items():
        if not isinstance(lists, list | tuple):
            raise ClipFileError(f"{path}: clip {clip!r}: a {type(lists).__name__}, not a list of sentences")
        texts[clip] = [words if isinstance(words, str) else " ".join(map(str, words)) for words in lists]
    return {clip: [" ".join(rows)] for clip, rows in texts.items()} if fused else texts


def splits_of(options, folder):
    """{id: split}, and the sentences that the split has chosen to test with: {id: sentence}."""
    if options.name == "msrvtt":
        return release.msrvtt_splits(options, folder)
    test, val = ("val_1_list.txt", ()) if options.name == "activity-net" else ("test_list.txt", ("val_list.txt",))
    lists = [release.read_list([folder], names) for names in (("train_list.txt",), val, (test,))]
    if options.name == "didemo":  # file names there, with their endings
        lists = [[clip.split(".")[0] for clip in ids] for ids in lists]
    return release.split_of(*lists, options.val, options.seed), {}


def of_gpt(options, paths, mapping, texts, fused):
    """A function of a clip: its [(sentence or None, (words, dim) vectors)], read when needed."""
    content = {clip: vectors for path in paths for clip, vectors in read_dict(path).items()}
    other = read_dict(mapping) if options.name == "msvd" else {}  # where captions and features have different names

    def captions(clip):
        vectors = [np.asarray(x) for x in content.get(other.get(clip, clip), ())]
        vectors = [np.concatenate(vectors)] if fused and vectors else vectors
        known = texts.get(clip, ())
        return list(zip(known if len(known) == len(vectors) else [None] * len(vectors), vectors, strict=True))

    return captions


def captions_of(options, folder, splits, texts, gpt, fused):
    """A function of a clip: its captions, as pairs of sentence and words; and the vocabulary that these point into."""
    kind = options.text or ("raw" if texts else "w2v")
    paths = [folder / TEXTS / name for name in (gpt if kind == "gpt" else [W2V] if kind == "w2v" else [])]
    lacking = [path for path in paths if not path.exists()]
    if lacking or (kind == "raw" and not texts):
        raise ClipFileError(
            f"{folder}: no captions for --text {kind}: {lacking[0].name if lacking else 'no sentences'}"
        )
    if kind == "gpt":
        return of_gpt(options, paths, folder / "dict_youtube_mapping.pkl", texts, fused), None
    if kind == "raw":
        occurring = (text for clip in splits for text in texts.get(clip, ()))
        words = words_for(occurring, path=options.vectors)
        return lambda clip: [(text, words.ids(text)) for text in texts.get(clip, ())], words
    content, vocabulary = read_dict(paths[0]), release.Vocabulary(paths[0])
    ids = {clip: [vocabulary.ids(caption) for caption in content.get(clip, ())] for clip in splits}
    captions, words = release.with_texts(vocabulary, ids, texts or None)
    return captions.__getitem__, words


def convert(options):
    name, raw, gpt, fused = ARCHIVES[options.name]
    fused = fused and not options.separate
    folder = find(options.folder, name)
    is_msrvtt = options.name == "msrvtt"
    options.split = is_msrvtt and options.split or ("1k-B" if options.paper else "full")
    splits, chosen = splits_of(options, folder)
    texts = sentences(folder / raw, fused) if (folder / raw).exists() else {}
    captions, words = captions_of(options, folder, splits, texts, gpt, fused)
    path = folder / CHOSEN  # the chosen numbers themselves, if this archive has them

    def numbers():
        return read_dict(path) if path.exists() else release.chosen_numbers(chosen, texts, splits)

    known = PAPER if options.paper else EXPERTS
    files = {expert: one(folder, pattern) for expert, (_, pattern) in known.items()}
    files = {expert: path for expert, path in files.items() if path}
    wanted = options.experts or list(files)
    if set(wanted) - set(files) or not files:
        raise ClipFileError(f"{folder}: experts {sorted(set(wanted) - set(files))}: no file; there are {sorted(files)}")
    features = {expert: read_dict(files[expert]) for expert in wanted}
    sequences = [expert for expert in wanted if known[expert][0] == "sequence"]
    split = f", split {options.split}" if is_msrvtt else ""
    attributes = {
        "title": f"{name}{split}, features of {'Miech et al. 2018' if options.paper else 'collaborative-experts'}",
        "source": SITE.format("didemo" if options.name == "didemo" else name),
        "licence": f"not stated; the terms of {name} apply",
    }
    release.write_dicts(options, folder, features, captions, words, splits, numbers, name, sequences, **attributes)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("name", choices=ARCHIVES)
    add("folder", type=Path, help="folder of the unpacked archive")
    add("--experts", nargs="+", metavar="NAME", help="take only these experts")
    add("--paper", action="store_true", help="the copy of the paper's own features (MSR-VTT)")
    add("--text", choices=("raw", "w2v", "gpt"), help="default: raw, the sentences, if the archive has them")
    add("--vectors", type=Path, help="a word2vec or GloVe file instead of GloVe 6B 50d")
    add("--separate", action="store_true", help="a caption for each sentence (DiDeMo, ActivityNet)")
    release.add_msrvtt_options(parser, None)
    release.run("convert_experts", parser, convert, arguments)


if __name__ == "__main__":
    main()
