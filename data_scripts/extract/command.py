"""The command line of ``python data_scripts/extract``."""

import argparse
import io
import os
import sys
from functools import partial
from pathlib import Path

from mee.data import SPLITS
from mee.storage import made_by, words_for

from .captions import assign_splits, read_captions
from .decode import ALL_EXPERTS, EXPERTS, ClipError
from .features import Options
from .inspection import inspect
from .jobs import make_file


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("extract", description="Turn videos and a table of captions into a clip file.")
    add = parser.add_argument
    add("folder", nargs="?", help="where the videos (and images) are, also in folders inside it")
    add("captions", nargs="?", help="a CSV with the columns file, caption; optional: id, split, mentions, face_box")
    add("-o", "--output", help="the clip file to write; with --inspect, the picture")
    add("--inspect", metavar="CLIP", help="draw what each expert sees in this file, and stop")
    add("--face-box", nargs=4, type=float, metavar=("X0", "Y0", "X1", "Y1"), help="for --inspect: where the face is")
    which = f"which experts (default: {' '.join(EXPERTS)})"
    add("--experts", nargs="+", choices=ALL_EXPERTS, default=EXPERTS, help=which)
    add(
        "--model",
        default=Options.model,
        help="for appearance: efficientnet-lite0 to 2, or any model of timm (default lite0)",
    )
    add("--per-frame", action="store_true", help="appearance as a sequence: a row per frame, not their mean")
    add(
        "--audio-seconds",
        type=float,
        default=Options.audio_seconds,
        help="seconds of sound to read, from the start (30)",
    )
    add("--text-frames", type=int, default=Options.text_frames, help="how many frames are searched for text (2)")
    add("--storyboard", type=int, default=Options.storyboard, help="how many small pictures of each clip are kept (3)")
    add("--only-named", action="store_true", help="leave out what the table does not name")
    add("--split", choices=SPLITS, help="put all clips into one split, whatever the table says")
    add("--words", metavar="FILE", help="word vectors (word2vec or GloVe); default: GloVe 6B 50d from its package")
    add("--frequent-words", type=int, default=20_000, metavar="N", help="frequent words beside the captions' (20000)")
    add_part_options(parser)
    for name in ("title", "source", "licence"):
        add(f"--{name}", default="", help="noted in the file")
    return parser


def add_part_options(parser: argparse.ArgumentParser) -> None:
    """The options of :func:`make_and_report`."""
    add = parser.add_argument
    add("--processes", type=int, default=os.cpu_count() or 1, help="how many clips are worked on at once (all cores)")
    add("--keep-parts", action="store_true", help="keep OUTPUT.parts/, so that new captions need no new extraction")
    add("--parts", type=Path, metavar="FOLDER", help="where finished clips wait, and stay (default OUTPUT.parts)")


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 if all went well, 1 if some files were left out, 2 if nothing was written, 130 if interrupted."""
    parser = _parser()
    args = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # as in mee.cli
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if args.inspect:
            out = args.output or f"{Path(args.inspect).stem}_experts.png"
            figure = inspect(args.inspect, args.face_box, args.audio_seconds)
            figure.savefig(out, dpi=100)
            print(figure.get_suptitle(), out, sep="\n")
            return 0
        if not (args.folder and args.captions and args.output):
            parser.error("expected FOLDER captions.csv -o OUTPUT.h5, or --inspect CLIP")
        if (
            min(args.processes, args.text_frames) < 1
            or min(args.frequent_words, args.storyboard, args.audio_seconds) < 0
        ):
            parser.error("--processes and --text-frames must be at least 1, all other numbers at least 0")
        return _extract_all(args, sys.argv[1:] if arguments is None else arguments)
    except (ClipError, ImportError, OSError, ValueError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2


def _extract_all(args: argparse.Namespace, arguments: list[str]) -> int:
    report = partial(print, file=sys.stderr)
    experts = tuple(name for name in ALL_EXPERTS if name in args.experts)
    options = Options(experts, args.model, args.per_frame, args.audio_seconds, args.text_frames, args.storyboard)
    entries, remarks = read_captions(args.captions, args.folder, args.only_named, any_split=bool(args.split))
    assign_splits(entries, args.split)
    words = words_for([text for entry in entries for text in entry.captions], args.frequent_words, args.words)
    options.dimensions(words)
    if unknown := {word for entry in entries for text in entry.captions for word in words.unknown(text)}:
        some = ", ".join(sorted(unknown)[:8]) + (", ..." if len(unknown) > 8 else "")
        remarks.append(f"{len(unknown)} words of the captions have no vector and are ignored: {some}")
    for remark in remarks:
        report(f"note: {remark}")
    notes = {name: getattr(args, name) for name in ("title", "source", "licence")}
    return make_and_report(args.output, entries, options, args, words, made_by=made_by("extract", arguments), **notes)


def make_and_report(out, entries, options: Options, args: argparse.Namespace, words, **attributes) -> int:
    """Call :func:`make_file` and tell the user how it went; returns the exit status 0, 1 or 130, as :func:`main`.

    ``args`` has the options that :func:`add_part_options` adds.
    """
    report, parts = partial(print, file=sys.stderr), args.parts or Path(f"{out}.parts")
    keep = args.keep_parts or args.parts is not None  # a folder that the user named may serve several files
    try:
        failed = make_file(out, entries, options, args.processes, words, report, parts, keep, **attributes)
    except KeyboardInterrupt:
        done = len(list(parts.glob("[!.]*.npz")))
        report(f"\nstopped; {done} clips are done and wait in {parts}: the same command goes on from there")
        return 130
    if failed:
        report(f"{len(failed)} left out:", *(f"  {reason}" for reason in failed.values()), sep="\n")
        report(f"fix them and run again: the others wait in {parts}, which you may delete")
    return 1 if failed else 0
