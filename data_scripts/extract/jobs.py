"""Many clips in parallel, resumably: each finished clip waits as a part until the clip file is complete."""

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable
from concurrent.futures import as_completed
from dataclasses import replace
from multiprocessing import resource_tracker
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from pebble import ProcessExpired, ProcessPool
from tqdm import tqdm

from mee.storage import ClipWriter, atomic

from .captions import Entry
from .decode import ClipError
from .features import Options, compute_features, storyboard
from .text import embed_text, read_text


class Part(NamedTuple):
    """What is finished of a clip."""

    features: dict[str, np.ndarray]
    pictures: list[bytes]
    facts: dict
    notes: list[str]
    text: list[str]  # the lines that were read, if text is among the finished experts: the vocabulary comes later
    finished: dict[str, list]  # expert -> the options that it depends on, absent or not

    def lacks(self, options: Options) -> tuple[str, ...]:
        """The experts of ``options`` that are not finished, or were finished under other options."""
        return tuple(name for name in options.experts if self.finished.get(name) != options.settings(name))


def part_of(entry: Entry, folder: Path, options: Options) -> Path:
    """Where the finished clip waits; its name depends on what all experts depend on: files, sizes, dates, face box."""
    files = [[path.name, stat.st_size, stat.st_mtime_ns] for path in entry.files() for stat in [path.stat()]]
    key = [5, entry.file, files, entry.face_box, options.storyboard]
    return folder / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]}.npz"


def load_part(path: Path) -> Part | None:
    """A finished clip, or None if its part is absent or damaged."""
    try:
        with np.load(path, allow_pickle=False) as part:
            arrays = {name: part[name] for name in part.files}  # reading checks the sums
        info = json.loads(str(arrays.pop("info")))
    except Exception:  # whatever a damaged zip file raises
        return None
    pictures = [arrays.pop(f"jpeg{i}").tobytes() for i in range(info.pop("pictures"))]
    return Part(arrays, pictures, **info)


def do_job(entry: Entry, part: Path, options: Options) -> str | None:
    """Extract what a clip's part lacks, and write the part; returns None, or the reason why that is impossible."""
    before = load_part(part) or Part({}, [], {}, [], [], {})
    lacking = before.lacks(options)
    try:
        clip = entry.read(lacking, options.audio_seconds)
        lines = read_text(clip.frames, options.text_frames) if "text" in lacking else before.text
        others = replace(options, experts=tuple(name for name in lacking if name != "text"))
        looked = compute_features(clip, others, entry.face_box)
        pictures = storyboard(clip.frames, options.storyboard)
    except ClipError as error:
        return str(error).replace(entry.path.name, entry.file, 1)  # with its folder: names repeat
    except Exception as error:  # one odd file must not stop the others
        return f"{entry.file}: {type(error).__name__}: {error}"
    features = {name: values for name, values in before.features.items() if name not in lacking} | looked
    facts = {"seconds": round(clip.seconds, 3), "width": clip.width, "height": clip.height}
    info = {
        "facts": {"file": Path(entry.file).name} | facts,
        "notes": list(dict.fromkeys(before.notes + clip.notes)),
        "pictures": len(pictures),
        "text": lines,
        "finished": before.finished | {name: options.settings(name) for name in lacking},
    }
    jpegs = {f"jpeg{i}": np.frombuffer(picture, np.uint8) for i, picture in enumerate(pictures)}
    with atomic(part) as temporary, open(temporary, "wb") as file:
        np.savez(file, **features, **jpegs, info=np.array(json.dumps(info)))
    return None


def _start_worker() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)

    def follow() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)  # the parent was killed: do not stay behind

    if multiprocessing.parent_process():
        threading.Thread(target=follow, daemon=True).start()


def _block_ctrl_c(how: str) -> None:
    if hasattr(signal, "pthread_sigmask"):
        resource_tracker.ensure_running()  # started later, with the first worker, it would unblock the signal
        signal.pthread_sigmask(getattr(signal, how), {signal.SIGINT})


def run_jobs(jobs: list[tuple[Entry, Path]], options: Options, processes: int, done: Callable) -> dict[str, str]:
    """Do all ``jobs`` (clips and where their parts go); returns file -> reason for those that are impossible.

    A worker that dies (out of memory, a file that crashes a decoder) takes no other clip with it: its clip is tried
    once more, alone, and given up only if the worker dies again. ``done`` is called after each clip.
    """
    reasons: dict[str, str | None] = {}
    if processes == 1:
        _start_worker()
        for entry, part in jobs:
            reasons[entry.file] = do_job(entry, part, options)
            done()
        jobs = []
    for workers in (processes, 1):
        if not jobs:
            break
        died = []
        pool = ProcessPool(workers, initializer=_start_worker, context=multiprocessing.get_context("spawn"))
        try:
            _block_ctrl_c("SIG_BLOCK")  # for this process to handle: all workers, later ones too, start with it blocked
            futures = {pool.schedule(do_job, args=[*job, options]): job for job in jobs}
            _block_ctrl_c("SIG_UNBLOCK")
            for future in as_completed(futures):
                entry = futures[future][0]
                try:
                    reasons[entry.file] = future.result()
                    done()
                except ProcessExpired:
                    why = "the process that read it died, twice (out of memory? a broken file?)"
                    reasons[entry.file] = f"{entry.file}: {why}"
                    died.append(futures[future])
        finally:
            pool.stop()
            pool.join()
        jobs = died
    return {file: reason for file, reason in reasons.items() if reason}


def make_file(
    out, entries: list[Entry], options: Options, processes: int, words, report: Callable, parts, keep=False, **notes
) -> dict[str, str]:
    """Extract ``entries`` into the clip file ``out``; returns file -> reason for those that were left out.

    ``notes`` are the title, source, licence, made_by and dtype for :class:`mee.ClipWriter`. Finished clips wait in the
    folder ``parts``: a second call goes on from there. It is removed when the file is complete, unless ``keep``.
    """
    out, folder = Path(out), Path(parts)
    experts = options.dimensions(words)
    jobs = [(entry, part_of(entry, folder, options)) for entry in entries]
    todo = [job for job in jobs if (part := load_part(job[1])) is None or part.lacks(options)]
    folder.mkdir(parents=True, exist_ok=True)
    if len(todo) < len(jobs):
        report(f"{len(jobs) - len(todo)} of {len(jobs)} clips were finished in an earlier run")
    with tqdm(total=len(jobs), initial=len(jobs) - len(todo), unit="clip", disable=None) as bar:
        failed = run_jobs(todo, options, min(processes, max(len(todo), 1)), bar.update)
    if len(failed) == len(entries):
        some = "\n  ".join(list(failed.values())[:5])
        raise ClipError(f"none of the {len(entries)} files could be used, so there is no {out.name}:\n  {some}")

    counts = dict.fromkeys(experts, 0)
    with ClipWriter(out, experts, words=words, **notes) as writer:
        for entry, part in jobs:
            if entry.file in failed:
                continue
            clip = load_part(part)
            facts = clip.facts | entry.facts
            features = {name: clip.features.get(name) for name in experts}
            if "text" in experts:
                facts["text"], features["text"] = clip.text, embed_text(clip.text, words)
            for name, values in features.items():
                counts[name] += values is not None
            for remark in clip.notes:
                report(f"note: {entry.file}: {remark}")
            mentions = entry.mentions and [[name for name in names if name in experts] for names in entry.mentions]
            writer.add(entry.id, entry.split, features, entry.captions, mentions, clip.pictures, facts)
    used = len(entries) - len(failed)
    report(f"{out}: {used} clips; " + ", ".join(f"{name} {n} (absent {used - n})" for name, n in counts.items()))
    if not failed and not keep:
        shutil.rmtree(folder)
    return failed
