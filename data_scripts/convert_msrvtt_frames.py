"""Turn half of MSR-VTT, real frames of 4,827 of its 10,000 videos with all their captions, into one clip file.

    python data_scripts/download.py msrvtt-frames
    python data_scripts/convert_msrvtt_frames.py data/msrvtt-frames -o msrvtt.h5               # the paper's split, 1k-B
    python data_scripts/convert_msrvtt_frames.py data/msrvtt-frames --split full -o full.h5    # or 1k-A

The frames come in pairs, a few from each of some shots of a video. Experts of ``data_scripts/extract`` look at them:

- *appearance*, a sequence: a row for each of at most 8 evenly spaced frames;
- *face*: the largest in these frames;
- *motion*: optical flow between the two frames of each pair, about half a second apart;
- *text*, a sequence: the words that OCR reads in two frames; absent if there are none, as a face is.

A clip file has the videos that the split's lists name, with all 20 captions each, and, as facts, their category,
address, start and end in the source video, and part in the other splits. Finished videos wait in ``OUTPUT.parts/`` (or
``--parts FOLDER``), so that after an interruption the same command goes on. With ``--parts`` they stay: another split
or a further expert then costs only what is new.

The frames belong to their uploaders, the captions to Microsoft: convert them for yourself, do not pass them on.
"""

import argparse
import json
import re
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import convert_release as release
import numpy as np
from extract.captions import Entry
from extract.command import add_part_options, make_and_report
from extract.decode import PAIRS, Clip, ClipError, read_clip
from extract.features import Options

from mee.data import SPLITS
from mee.storage import ClipFileError, describe, read_clips, words_for

ANNOTATIONS = ("train_val_annotation.zip", "test_videodatainfo.json.zip")
PAIR = re.compile(r"MSR-VTT-video(?:TrainVal|Test)Video_(video\d+)-shot(\d+)_\d+/concat_img(\d+)_img(\d+)\.jpg")
RATE = 25  # frames per second, about: file names count frames of the shot, and not every video has the same rate
FRAMES = 8  # of each video that are looked at
VAL = 300  # videos that are taken from training for validation, where a split has none for it
EXPERTS = ("appearance", "motion", "face", "text")
#: numbers in the annotations -> category
CATEGORIES = (
    "music", "people", "gaming", "sports/actions", "news/events/politics", "education", "tv shows", "movie/comedy",
    "animation", "vehicles/autos", "howto", "travel", "science/technology", "animals/pets", "kids/family",
    "documentary", "food/drink", "cooking", "beauty/fashion", "advertisement",
)  # fmt: skip


@dataclass
class PairedFrames(Entry):
    """A video given as pictures of two frames each, side by side; ``path`` is the folder of all pictures."""

    #: of each pair: its picture, and how many frames its two frames are apart in the video
    pairs: list[tuple[Path, int]] = field(default_factory=list)

    def files(self) -> list[Path]:
        return [path for path, _ in self.pairs]

    def read(self, experts: tuple[str, ...], audio_seconds: float) -> Clip:
        clip, frames, times = Clip(self.path), [], []
        for path, gap in self.pairs:
            try:
                picture = read_clip(path).frames[0]
            except ClipError as error:
                clip.notes.append(f"{path.parent.name}: {error}")
                continue
            middle = picture.shape[1] // 2
            frames += [picture[:, :middle], picture[:, middle : 2 * middle]]
            start = times[-1] + 1 if times else 0.0  # how far apart pairs are is unknown, and no expert needs it
            times += [start, start + gap / RATE]
        if not frames:
            raise ClipError(f"{self.id}: none of its pictures can be decoded: {clip.notes[0]}")
        if len({frame.shape for frame in frames}) > 1:
            raise ClipError(f"{self.id}: its pictures differ in size: {sorted({frame.shape for frame in frames})}")
        count = len(frames)
        clip.height, clip.width = frames[0].shape[:2]
        shown = np.unique(((np.arange(FRAMES) + 0.5) / FRAMES * count).astype(int))
        clip.frames, clip.times = np.stack([frames[i] for i in shown]), np.array(times)[shown]
        # motion needs them grey and small; in a video with few pairs, several moments share one
        clip.grey, clip.grey_times = np.stack(frames), np.array(times)
        clip.pairs = [(2 * i, 2 * i + 1) for i in np.arange(PAIRS) * (count // 2) // PAIRS]
        return clip


def find_pairs(folder):
    """{video: [(picture, how far its frames are apart)]}, videos by number, pairs in order; and the folder of all."""
    inside = next((place for place in (folder / "all_concat", *folder.glob("*/all_concat")) if place.is_dir()), folder)
    videos = {}
    for path in inside.glob("*/*.jpg"):
        if match := PAIR.fullmatch("/".join(path.parts[-2:])):
            shot, first, second = map(int, match.groups()[1:])
            videos.setdefault(match[1], []).append((shot, first, second, path))
    if not videos:
        raise ClipFileError(
            f"{inside}: no MSR-VTT-video..._videoN-shotS_K/concat_imgA_imgB.jpg in it; is {folder} the folder that "
            "download.py msrvtt-frames made?"
        )
    videos = {video: sorted(videos[video]) for video in sorted(videos, key=lambda name: int(name[5:]))}
    return {video: [(path, b - a) for _, a, b, path in pairs] for video, pairs in videos.items()}, inside


def read_annotations(folder):
    """{video: its sentences in their order} and {video: facts} from MSR-VTT's zips of JSON files in ``folder``."""
    sentences, facts = {}, {}
    for path in sorted(path for name in ANNOTATIONS for path in folder.rglob(name)):
        try:
            with zipfile.ZipFile(path) as archive:
                tables = [json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")]
            for table in tables:
                for row in table["videos"]:
                    start, end = float(row["start time"]), float(row["end time"])
                    facts[row["video_id"]] = {
                        "category": CATEGORIES[row["category"]], "url": row["url"], "start": start, "end": end,
                        "seconds": round(end - start, 3),
                    }  # fmt: skip
                for row in table["sentences"]:
                    sentences.setdefault(row["video_id"], {})[row["sen_id"]] = row["caption"].strip()
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise ClipFileError(f"{path}: not MSR-VTT's annotations ({type(error).__name__}: {error})") from None
    if not sentences:
        raise ClipFileError(f"{folder}: no {' or '.join(ANNOTATIONS)} below it; name their folder with --annotations")
    return {video: [rows[i] for i in sorted(rows)] for video, rows in sentences.items()}, facts


def read_splits(options, folders, present):
    """({video: its split}, {split: {video: its part}} of all splits, {video: the sentence that 1k-A tests with}).

    Lists are first restricted to the videos in ``present``, so that those of ``--val`` are drawn from them.
    """
    parts = {}
    for name, files in release.SPLITS.items():
        lists = [release.read_list(folders, names) for names in files]
        kept = [[video for video in ids if video in present] for ids in lists]
        parts[name] = {video: part for part, ids in zip(SPLITS, kept, strict=True) for video in ids}
        counts = ", ".join(
            f"{part} {len(k):,} of {len(i):,}" for part, k, i in zip(SPLITS, kept, lists, strict=True) if i
        )
        print(f"{name}: {counts} videos have frames" + ("; this split is used" if name == options.split else ""))
        if name == options.split:
            used = kept
    if options.val is None and not used[1]:
        options.val = min(VAL, len(used[0]) // 10)
    splits = release.split_of(*used, options.val, options.seed)
    path = next((path for folder in folders for path in folder.rglob(release.JSFUSION)), None)
    sentences = path and dict(zip(release.read_csv(path, "video_id"), release.read_csv(path, "sentence"), strict=True))
    return splits, parts, sentences or {}


def convert(options):
    pairs, root = find_pairs(options.folder)
    folders = [options.annotations or options.folder, options.lists or options.folder]
    captions, facts = read_annotations(folders[0])
    lists = next((path.parent for path in folders[1].rglob("train_list_full.txt")), folders[1])
    splits, parts, sentences = read_splits(options, [lists, folders[1]], pairs.keys() & captions.keys())
    first = release.chosen_numbers(sentences, captions, splits) if options.split == "1k-A" else {}
    entries = []
    for video, split in splits.items():
        texts, known = list(captions[video]), {name: of[video] for name, of in parts.items() if video in of}
        texts.insert(0, texts.pop(first.get(video, 0)))  # 1k-A tests with a sentence of its choice
        entry = PairedFrames(
            video, root, video, split, captions=texts, mentions=None, facts=facts[video] | {"splits": known},
            pairs=pairs[video],
        )  # fmt: skip
        entries.append(entry)
    words = words_for([text for entry in entries for text in entry.captions], path=options.vectors)
    attributes = {
        "title": f"Half of MSR-VTT, {options.split}",
        "source": "github.com/BennoKrojer/imagecode-msrvtt-pairs",
        "licence": "frames are their uploaders', captions Microsoft's; not to be passed on",
    }
    extract_file(options, entries, words, **attributes)


def extract_file(options, entries, words, **attributes):
    """Extract what the options ask for into the clip file, describe the file, and exit with extract's status."""
    chosen = Options(tuple(options.experts), options.model, per_frame=True, text_frames=options.text_frames)
    attributes |= {"dtype": options.dtype, "made_by": options.made_by}
    status = make_and_report(options.output, entries, chosen, options, words, **attributes)
    if status != 130:
        print(describe(read_clips(options.output)))
    sys.exit(status)


def add_picture_options(parser, experts):
    """The options of the converters that look at the pictures themselves."""
    add = parser.add_argument
    add("--experts", nargs="+", choices=experts, default=experts, help="which experts (default: all of these)")
    add(
        "--model",
        default=Options.model,
        help="for appearance: efficientnet-lite0 to 2, or any model of timm (default lite0)",
    )
    add("--text-frames", type=int, default=Options.text_frames, help="how many frames are searched for text (2)")
    add("--vectors", type=Path, help="a word2vec or GloVe file instead of GloVe 6B 50d")
    add_part_options(parser)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("folder", type=Path, help="what download.py msrvtt-frames made")
    add("--split", choices=release.SPLITS, default="1k-B", help="the split of MSR-VTT (default 1k-B)")
    add("--annotations", type=Path, metavar="FOLDER", help="the folder of MSR-VTT's two zips, if not the first")
    add("--lists", type=Path, metavar="FOLDER", help="the folder of MSR-VTT's split lists, if not the first")
    add_picture_options(parser, EXPERTS)
    parser.set_defaults(name="msrvtt")
    release.run("convert_msrvtt_frames", parser, convert, arguments)


if __name__ == "__main__":
    main()
