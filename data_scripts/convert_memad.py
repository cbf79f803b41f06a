"""Real clips, small: the TRECVID / MediaEval clips of MeMAD-project/media-memorability into one clip file.

    git clone --depth 1 https://github.com/MeMAD-project/media-memorability
    python data_scripts/convert_memad.py media-memorability -o memad.h5

1,500 short clips from the web, with two to six human captions each and features from public networks. Whichever feature
files are in the checkout become experts; a clip that a file has no row for lacks that expert. The licence of the data
is not stated and the clips come under TRECVID's and MediaEval's terms: convert it for yourself, do not pass it on.
"""

import argparse
import csv
import re
import struct
from pathlib import Path

import numpy as np
from convert_release import run

from mee.storage import ClipFileError, ClipWriter, describe, read_clips, words_for

#: feature file -> expert
FEATURES = {
    "c_in12_rn152_pool5o_d_a.bin": "appearance",  # ResNet-152 trained on ImageNet
    "c3d-rn18-s1m-pool5-a.bin": "motion",  # 3-D ResNet-18 trained on Sports-1M
    "i3d-25-128-avg.bin": "motion_i3d",
    "audioset-527.bin": "audio",  # probabilities of the 527 AudioSet classes
}
#: the repository's own split of the clips -> ours
DIVISIONS = {"training": "train", "dev": "train", "test": "test"}
HEADER = struct.Struct("if7Q")


def read_bin(path, labels):
    """One PicSOM feature file as {clip id: (dim,) float32}; ``labels`` lists the ids of its rows."""
    raw = path.read_bytes()
    _, _, begin, _, dim, *_ = HEADER.unpack(raw[: HEADER.size].ljust(HEADER.size, b"\0"))
    if begin < HEADER.size or dim < 1 or len(raw) != begin + 4 * dim * len(labels):
        needed = f"its header ({begin} bytes, then rows of {dim}) and {len(labels)} labels ask for others"
        raise ClipFileError(f"{path}: {len(raw)} bytes; {needed}. A Git LFS pointer, or an incomplete download?")
    rows = np.frombuffer(raw, "<f4", offset=begin).reshape(len(labels), dim)
    return dict(zip(labels, rows, strict=True))


def read_features(checkout):
    """{expert: {clip id: (dim,)}} of all feature files in the checkout; one that several folders hold is taken once."""
    features = {}
    for folder in sorted((checkout / "PicSOM_prediction/picsom").glob("2020*")):
        labels = re.findall(r"<(.+?)>", (folder / "meta/labels.txt").read_text(encoding="utf-8"))
        for file, expert in FEATURES.items():
            if (folder / "features" / file).exists():
                features.setdefault(expert, {}).update(read_bin(folder / "features" / file, labels))
    return features


def drop_silence(audio, least=3):
    """Leave out what the sound network answers to silence; returns the ids of the clips left out.

    Different clips never sound exactly alike. Where ``least`` clips or more have the same probabilities, the network
    has heard nothing: its answer is a constant, which says as little about a clip as zeros would.
    """
    groups = {}
    for clip, row in audio.items():
        groups.setdefault(np.round(row, 5).tobytes(), []).append(clip)
    silent = sorted(clip for group in groups.values() if len(group) >= least for clip in group)
    for clip in silent:
        del audio[clip]
    return silent


def read_captions(checkout):
    """{clip id: [captions]} in the order of the files."""
    captions = {}
    for path in sorted((checkout / "textual_scores/data_2021").glob("*/*_set/*_text_descriptions.csv")):
        with open(path, encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                captions.setdefault(f"{int(row['video_id']):04d}", []).append(row["description"].strip())
    return captions


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="folder of the cloned repository")
    parser.add_argument("--vectors", type=Path, help="a word2vec or GloVe file instead of GloVe 6B 50d")
    parser.set_defaults(name="memad")
    run("convert_memad", parser, convert, arguments)


def convert(options):
    features, captions = read_features(options.checkout), read_captions(options.checkout)
    if not features or not captions:
        raise ClipFileError(
            f"{options.checkout}: no feature file under PicSOM_prediction/picsom/2020*/features, or no captions under "
            "textual_scores/data_2021; is it a checkout of MeMAD-project/media-memorability?"
        )
    silent = drop_silence(features.get("audio", {}))
    folder = options.checkout / "PicSOM_prediction/picsom/2020b/classes"
    divisions = {clip: name for name in DIVISIONS for clip in (folder / name).read_text(encoding="utf-8").split()}
    usable = [clip for clip in divisions if clip in captions and any(clip in rows for rows in features.values())]
    splits = {clip: DIVISIONS[divisions[clip]] for clip in usable}
    complete = [clip for clip in usable if divisions[clip] == "training"]
    val = 88 if options.val is None else options.val
    for clip in np.random.default_rng(options.seed).permutation(complete)[:val]:
        splits[clip] = "val"
    words = words_for([text for clip in usable for text in captions[clip]], path=options.vectors)
    experts = {name: ("vector", len(next(iter(rows.values())))) for name, rows in features.items()}
    attributes = {
        "title": "MeMAD: TRECVID / MediaEval memorability clips",
        "source": "github.com/MeMAD-project/media-memorability",
        "licence": "not stated; the clips come under TRECVID's and MediaEval's terms; not to be passed on",
        "made_by": options.made_by,
    }
    with ClipWriter(options.output, experts, words, options.dtype, **attributes) as out:
        for clip in usable:
            out.add(clip, splits[clip], {name: rows.get(clip) for name, rows in features.items()}, captions[clip])
    dropped = [clip for clip in divisions if clip not in splits]
    print(describe(read_clips(options.output)))
    print(f"\nleft out: {len(dropped)} clips without captions or features {dropped}")
    print(f"silent, so without audio: {len(silent)} {silent}")


if __name__ == "__main__":
    main()
