"""Flickr8k's 8,091 captioned photographs as a clip file, to train on beside videos, as the paper does with COCO.

    python data_scripts/download.py flickr8k
    python data_scripts/convert_flickr8k.py data/flickr8k -o flickr8k.h5

A photograph is a clip of one frame: *appearance* is a sequence of one row, where ``convert_msrvtt_frames.py`` has
several per video, *face* and *text* are present or absent, and there is no *motion*. Each has five captions. All
photographs are for training, beside videos (``mee train CLIPS --images flickr8k.h5``), unless ``--val N`` sets some
aside for validation.

The photographs belong to their Flickr users, and their licences differ: convert them for yourself, do not pass them on.
"""

import argparse
import csv
from pathlib import Path

import convert_msrvtt_frames as frames
import convert_release as release
from extract.captions import Entry

from mee.storage import ClipFileError, words_for

EXPERTS = ("appearance", "face", "text")
CAPTIONS = "ignore_captions.txt"


def find_photographs(folder):
    """{name: path} of the photographs: the .jpg files of the folder ``images`` that has most, or of ``folder``."""
    places = (folder, folder / "images", folder / "data" / "images", *folder.glob("*/data/images"))
    if photographs := max((sorted(place.glob("*.jpg")) for place in places), key=len):
        return {path.name: path for path in photographs}
    raise ClipFileError(
        f"{folder}: no .jpg in it, nor in images/ in it; is it the folder that download.py flickr8k made?"
    )


def read_captions(folder):
    """{photograph: its captions}, from the table of images and captions."""
    path = next(folder.rglob(CAPTIONS), folder / CAPTIONS)
    captions = {}
    with open(path, encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            try:
                captions.setdefault(row["image"].strip(), []).append(row["caption"].strip())
            except (KeyError, AttributeError):
                raise ClipFileError(
                    f"{path}: expected a CSV with the columns image, caption; got {dict(row)}"
                ) from None
    return captions


def convert(options):
    photographs, captions = find_photographs(options.folder), read_captions(options.captions or options.folder)
    names = [name for name in photographs if name in captions]
    print(f"{len(photographs):,} photographs, {len(captions):,} with captions; {len(names):,} are used")
    splits = release.split_of(names, (), (), options.val or 0, options.seed)
    entries = [
        Entry(name, photographs[name], Path(name).stem, splits[name], captions=captions[name], mentions=None)
        for name in names
    ]
    words = words_for((text for name in names for text in captions[name]), path=options.vectors)
    attributes = {
        "title": "Flickr8k",
        "source": "github.com/RlNZLER/Image-Text-Matching, captions of github.com/quantumnaan/sic_translator",
        "licence": "the photographs are their Flickr users', under differing licences; not to be passed on",
    }
    frames.extract_file(options, entries, words, **attributes)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="what download.py flickr8k made")
    parser.add_argument("--captions", type=Path, metavar="FOLDER", help=f"with {CAPTIONS}, if not in the folder")
    frames.add_picture_options(parser, EXPERTS)
    parser.set_defaults(name="flickr8k")
    release.run("convert_flickr8k", parser, convert, arguments)


if __name__ == "__main__":
    main()
