"""The command ``mee``: train, evaluate, calibrate, check, show, seal, index, search, demo; ``--help`` explains each.

The flags of ``mee train`` are the fields of :class:`mee.config.TrainConfig`.
"""

from __future__ import annotations

import argparse
import io
import json
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch

from mee.calibration import Calibration
from mee.config import RECIPES, SCORES, TrainConfig
from mee.data import SPLITS, Clips
from mee.evaluate import calibrate, evaluate, evaluate_choices, results_table
from mee.robustness import plot_robustness, robustness, robustness_table
from mee.train import Progress, Run, fit, prepare

DELETE = "delete these shares (0 to 1) of the clips' experts at random, and give a curve for each score the model has"
METRICS = "metrics.json"  # what `mee train --out DIR` adds to the checkpoint's files


def main(arguments: list[str] | None = None) -> None:
    """Run a command line; an error that the user can fix ends it with one line and exit status 1."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a title or a name may have letters that this console lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as on Ctrl-C, nothing is left half written
    options = parse(arguments)
    try:
        options.run(options)
    except (ValueError, FloatingPointError, ImportError, OSError) as error:
        sys.exit(f"mee {options.command}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"mee {options.command}: stopped{_how_to_resume(options)}")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of a command line; those of ``train`` have a TrainConfig as ``config``."""
    p = parser()
    options = p.parse_args(arguments)
    if options.command == "train":
        given = {f.name: getattr(options, f.name) for f in fields(TrainConfig) if hasattr(options, f.name)}
        given["experts"] = tuple(given["experts"]) if "experts" in given else None
        try:
            options.config = TrainConfig(**{**RECIPES.get(options.recipe, {}), **given})
        except ValueError as error:  # settings that do not go together
            p.error(str(error))
    return options


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    p = argparse.ArgumentParser(prog="mee", description="Find videos with a sentence: mixture of embedding experts.")
    p.set_defaults(run=lambda _: p.print_help())
    commands = p.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], None], help: str) -> argparse.ArgumentParser:
        c = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
        c.set_defaults(run=run)
        return c

    train = command("train", _train, "train a model on a clip file, then test it")
    train.add_argument("clips", type=Path, metavar="CLIPS", help="a clip file (.h5)")
    _add_training_flags(train)

    test = command("evaluate", _evaluate, "test a trained model on a clip file")
    test.add_argument("model", type=Path, metavar="MODEL", help="a model.pt from `mee train`")
    test.add_argument("clips", type=Path, metavar="CLIPS", help="a clip file")
    test.add_argument("--split", choices=SPLITS, default="test", help="which clips (default: test)")
    test.add_argument("--score", choices=SCORES, default="paper", help="what to rank by (default: paper)")
    test.add_argument("--delete", type=float, nargs="+", metavar="SHARE", help=DELETE)
    test.add_argument("--draws", type=int, default=5, help="random deletions per share (default: 5)")
    test.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers to this file")
    test.add_argument("--figure", type=Path, metavar="FILE", help="plot the curves of --delete: .png, .svg, .pdf")

    again = command("calibrate", _calibrate, "give a trained model its calibration, from the clips it was trained on")
    again.add_argument("model", type=Path, metavar="MODEL", help="a model.pt from `mee train`, which is rewritten")
    again.add_argument("clips", type=Path, metavar="CLIPS", help="the clip file that it was trained on")

    for name, run, help in (
        ("check", _check, "say what is wrong with a clip file, and where"),
        ("show", _show, "list a clip file's splits, experts and captions, and what is missing"),
        ("seal", _seal, "restore the checksum that a clip file lost when it was edited"),
    ):
        command(name, run, help).add_argument("clips", type=Path, metavar="CLIPS", help="a clip file")

    index = command("index", _index, "build an index of a clip file, to search it")
    index.add_argument("model", type=Path, metavar="MODEL", help="a model.pt from `mee train`")
    index.add_argument("clips", type=Path, metavar="CLIPS", help="a clip file")
    index.add_argument("-o", "--out", type=Path, required=True, metavar="INDEX", help="the file to write")
    index.add_argument(
        "--kind", choices=("exact", "hnsw"), default="exact", help="compare with all clips, or approximate"
    )
    index.add_argument("--dtype", choices=("float32", "float16"), default="float32", help="how embeddings are stored")

    search = command("search", _search, "find the clips of an index that fit a sentence")
    search.add_argument("index", type=Path, metavar="INDEX", help="a file from `mee index`")
    search.add_argument("sentence", metavar="SENTENCE", help="what to look for")
    search.add_argument("-k", type=int, default=10, metavar="COUNT", help="how many clips (default: 10)")
    search.add_argument("--score", choices=SCORES, help="what to rank by (default: calibrated, if the model is)")

    demo = command("demo", _demo, "open a page to search clips with a sentence, on this machine")
    demo.add_argument("model", nargs="?", type=Path, metavar="MODEL", help="a model.pt (default: one for TinyClips)")
    demo.add_argument("clips", nargs="?", type=Path, metavar="CLIPS", help="a clip file (default: TinyClips)")
    demo.add_argument("--split", nargs="+", choices=SPLITS, help="search these splits (default: val and test)")
    demo.add_argument("--videos", type=Path, metavar="FOLDER", help="where the videos are: FOLDER/ID.mp4")
    demo.add_argument("--score", choices=SCORES, help="what to rank by at first (default: calibrated, if the model is)")
    demo.add_argument(
        "--host", default="127.0.0.1", help="the address to serve on (default: 127.0.0.1, this machine only)"
    )
    demo.add_argument("--port", type=int, default=7860, help="the port (default: 7860; 0: any free port)")
    return p


def _add_training_flags(p: argparse.ArgumentParser) -> None:
    p.add_argument("--images", type=Path, metavar="CLIPS", help="a second, incomplete clip file to mix in")
    p.add_argument("--choices", type=Path, metavar="CLIPS", help="where multiple-choice questions are (default: CLIPS)")
    p.add_argument("--recipe", choices=list(RECIPES), help="the paper's settings; further flags change single ones")
    p.add_argument("--out", type=Path, metavar="DIR", help="write model, checkpoint and metrics to this folder")
    p.add_argument("--resume", action="store_true", help="continue the run in --out")
    p.add_argument("--no-progress", dest="progress", action="store_false", help="show no progress bar")
    for f in fields(TrainConfig):
        flag = dict(f.metadata)
        if isinstance(f.default, bool):
            flag["action"] = argparse.BooleanOptionalAction
        elif f.default is not None:
            flag.setdefault("type", type(f.default))
        if f.default is not None:
            flag["help"] += f" (default: {f.default})"
        p.add_argument("--" + f.name.replace("_", "-"), default=argparse.SUPPRESS, **flag)


# ------------------------------------------------------------------------------------------- training and evaluation


def _train(options: argparse.Namespace) -> None:
    from mee import distributed
    from mee.storage import Checkpoint, read_clips, save_model
    from mee.storage.checkpoint import MODEL

    if options.resume and options.out is None:
        raise ValueError("--resume needs --out, the folder of the run to continue")
    clips = read_clips(options.clips)
    images = read_clips(options.images) if options.images else None
    choices = read_clips(options.choices) if options.choices else clips
    rank, world_size = distributed.torchrun_rank()
    began = time.perf_counter()
    if options.recipe and rank == 0:
        print(f"recipe {options.recipe}: {_settings(options)}")
    callbacks: list[Any] = [Checkpoint(options.out, options.resume, write=rank == 0)] if options.out else []
    callbacks += [Progress()] if options.progress and rank == 0 else []
    with distributed.process_group(options.config.device):
        model, batches, loss, validate = prepare(clips, options.config, images, shard=(rank, world_size))
        run_loop = fit if world_size == 1 else distributed.fit
        run = run_loop(model, batches, loss, options.config, validate, callbacks)
    if rank == 0:  # the others have nothing to add
        run.model.calibration = calibrate(run.model, clips)
        if options.out:
            save_model(options.out / MODEL, run.model, run.words)
        report(run, clips, choices, began, options.out)


def report(run: Run, clips: Clips, choices: Clips, began: float, out: Path | None = None) -> None:
    """Print how a run ended, test its model once, and write all of it to ``out``/metrics.json."""
    print(f"{len(run.history)} epochs, the best is {run.best}; {time.perf_counter() - began:.0f} s")
    results: dict[str, Any] = {}
    for split in ("val", "test"):
        clip_ids = clips.clips_in(split)
        captions = len(clips.captions_of(clip_ids)[0])
        if captions:
            for name, calibration in (("", None), (", calibrated", run.model.calibration)):
                results[split + name] = found = evaluate(run.model, clips, clip_ids, calibration=calibration)
                print(f"\n{split}{name}: {len(clip_ids)} clips, {captions} captions\n{results_table(found)}")
        else:
            print(f"\n{split}: no captioned clips, " + ("the last epoch is kept" if split == "val" else "no test"))
    if choices.choices:
        results["choices"] = answers = evaluate_choices(run.model, choices)
        print(f"\nmultiple choice: {answers['questions']} questions, {answers['options']} sentences each")
        print("right {:.1f} % [{:.1f}, {:.1f}],".format(*answers["accuracy"]) + f" chance {answers['chance']:.1f} %")
    if out is not None:
        results |= {"config": asdict(run.config), "best": run.best, "history": run.history}
        results |= {"torch": torch.__version__, "seconds": round(time.perf_counter() - began, 1)}
        _write_json(out / METRICS, results)
        print(f"\nmodel, checkpoint and {METRICS} are in {out}")


def _settings(options: argparse.Namespace) -> str:
    """The recipe's settings as they are now, in words; a star marks those that the command line changed."""
    changed = False
    parts = []
    for name, value in RECIPES[options.recipe].items():
        own = getattr(options.config, name)
        changed |= own != value
        parts.append(f"{name.replace('_', ' ')} {own}{'' if own == value else '*'}")
    return ", ".join(parts) + (" (* not the recipe's)" if changed else "")


def _how_to_resume(options: argparse.Namespace) -> str:
    from mee.storage.checkpoint import STATE

    out = getattr(options, "out", None) if options.command == "train" else None
    return f"; --resume continues after the last epoch in {out}" if out and (out / STATE).exists() else ""


def _evaluate(options: argparse.Namespace) -> None:
    from mee.storage import atomic, load_model, read_clips

    (model, _), clips = load_model(options.model), read_clips(options.clips)
    if options.figure and not options.delete:
        raise ValueError("--figure draws what --delete gives: add it, as in --delete 0 .1 .3 .5 .7 .9")
    if options.delete:
        metrics = robustness(model, clips, options.split, options.delete, draws=options.draws)
        print(f"{options.split}: {len(clips.clips_in(options.split))} clips\n\n{robustness_table(metrics)}")
    else:
        calibration = _calibration_of(model, options) if options.score == "calibrated" else None
        metrics = evaluate(model, clips, options.split, calibration=calibration)
        print(f"{options.split}: {len(clips.clips_in(options.split))} clips\n{results_table(metrics)}")
    if options.json:
        _write_json(options.json, metrics)
    if options.figure:
        with atomic(options.figure) as temporary:
            plot_robustness(metrics).savefig(temporary, format=options.figure.suffix[1:] or "png", dpi=150)


def _calibration_of(model: Any, options: argparse.Namespace) -> Calibration:
    if model.calibration is None:
        raise ValueError(
            f"{options.model}: not calibrated; run `mee calibrate {options.model} CLIPS` with its training clips"
        )
    return model.calibration


def _calibrate(options: argparse.Namespace) -> None:
    from mee.storage import load_model, read_clips, save_model

    (model, words), clips = load_model(options.model), read_clips(options.clips)
    model.calibration = calibrate(model, clips)
    save_model(options.model, model, words)
    print(f"{options.model}: calibrated with the {len(clips.clips_in('train'))} training clips of {options.clips}")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    from mee.storage import atomic

    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")


# ------------------------------------------------------------------------------------------------ clip files and search


def _check(options: argparse.Namespace) -> None:
    from mee.storage import problems, sealed

    if wrong := problems(options.clips):
        sys.exit("\n".join(wrong))
    print(f"{options.clips}: a good clip file, {'sealed' if sealed(options.clips) else 'without a seal'}")


def _show(options: argparse.Namespace) -> None:
    from mee.storage import describe, read_clips

    print(describe(read_clips(options.clips)))


def _seal(options: argparse.Namespace) -> None:
    from mee.storage import problems, seal, sealed

    if not problems(options.clips) and not sealed(options.clips):
        seal(options.clips)
    _check(options)


def _index(options: argparse.Namespace) -> None:
    from mee.search import ClipIndex
    from mee.storage import load_model, read_clips

    (model, words), clips = load_model(options.model), read_clips(options.clips)
    ClipIndex.build(model, clips, kind=options.kind, dtype=options.dtype, words=words).save(options.out)
    print(f"{len(clips)} clips of {options.clips} are in {options.out}: mee search {options.out} 'a sentence'")


def _search(options: argparse.Namespace) -> None:
    from mee.search import ClipIndex

    index = ClipIndex.load(options.index)
    for hit in index.search(options.sentence, options.k, score=options.score):
        if index.calibration is None or options.score == "paper":
            parts = [f"{name} {weight:.2f} x {hit.similarity[name]:.2f}" for name, weight in hit.weight.items()]
        else:
            parts = [f"{name} {part:+.2f}" for name, part in hit.parts.items()]
            parts.append(f"other sentences {-hit.hubness:+.2f}")
        print(f"{hit.score:6.3f}  {hit.id}  ({', '.join(parts)})")


def _demo(options: argparse.Namespace) -> None:
    from mee.demo import page

    page.run(options)
