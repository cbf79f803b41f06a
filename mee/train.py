"""Training and evaluation: ``fit`` and ``evaluate`` in notebooks, ``python -m mee.train`` in the shell (lesson 07).

The paper's recipe is the default: Adam, max margin 0.2, learning rate times 0.95 an epoch, NetVLAD with 32 centres on
words and 16 on sequences. The best epoch is chosen on validation; the test split is looked at once, at the end.
"""

import argparse
import ctypes
import json
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm.auto import tqdm

from mee import distributed
from mee.data import ClipFileError, Clips, Mixed, Words, atomic
from mee.loss import InfoNCELoss, MaxMarginRankingLoss
from mee.metrics import chance, ranks, ranks_both_ways, summarise
from mee.model import VideoTextMEE
from mee.original import OriginalLoss, OriginalNetwork, heard

MODEL, STATE, METRICS = "model.pt", "last.pt", "metrics.json"  # what --out DIR holds
LOSSES = {"max-margin": MaxMarginRankingLoss, "info-nce": InfoNCELoss}


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file, what is wrong, and the mend."""


@dataclass
class Run:
    """What :func:`fit` gives back.

    model    the network after its best epoch, in evaluation mode
    words    :class:`mee.data.Words`, or None where captions came as vectors
    history  a dict an epoch: epoch, loss, seconds and, with a validation split, its metrics
    config   every choice that made the model
    best     the epoch that ``model`` is from (counted from 1)
    """

    model: VideoTextMEE
    words: Words | None
    history: list
    config: dict
    best: int


def build(config):
    """The network that ``config`` (see :func:`fit`) describes, with weights drawn by its seed."""
    torch_state = torch.get_rng_state()
    torch.manual_seed(config["seed"])
    model = _network(config)
    torch.set_rng_state(torch_state)  # a library leaves the caller's random numbers alone
    return model


ARCHITECTURE = ("experts", "word_dim", "text_clusters", "clusters", "gating", "learned_weights")


def _network(config):
    options = {name: config[name] for name in ARCHITECTURE}
    if config.get("original"):
        return OriginalNetwork(config["max_words"], config["max_rows"], **options)
    return VideoTextMEE(**options)


def fit(
    clips,
    images=None,
    image_rate=0.0,
    experts=None,
    train=None,
    val=None,
    epochs=100,
    batch_size=64,
    lr=4e-4,
    lr_decay=0.95,
    loss="max-margin",
    margin=0.2,
    temperature=0.05,
    expert_loss=0.0,
    seed=0,
    device=None,
    stream=False,
    out=None,
    resume=False,
    dim=None,
    text_clusters=32,
    sequence_clusters=16,
    max_words=30,
    max_rows=None,
    gating=True,
    learned_weights=True,
    original=False,
    amp=False,
    progress=True,
    network=None,
):
    """Train a network on ``clips``; gives a :class:`Run`.

    clips, images   :class:`mee.data.Clips` or paths; ``images`` is the incomplete second file, mixed in at
                    ``image_rate`` images a clip, or ``"all"`` once an epoch (lesson 09)
    experts         names to use (default: all in the file)
    train, val      clip numbers instead of the file's splits; an empty ``val`` keeps the last epoch
    loss            ``"max-margin"`` (with ``margin``) or ``"info-nce"`` (with ``temperature``)
    expert_loss     also rank by each expert alone, among the clips that have it: the weight of these losses. The paper
                    has none (0); with it, clips that lack an expert help the others (lesson 05, :func:`batch_loss`)
    seed            of weights, order and drawn captions
    device          default: a GPU if there is one. ``stream`` leaves the features in the file instead of moving the
                    whole set there
    out             folder for ``last.pt`` (everything, each epoch) and ``model.pt`` (the best epoch so far)
    resume          go on from ``out/last.pt``: on the same machine bit for bit as if never stopped
    dim             embedding dimensions of each expert (default: those of its features, as in the paper)
    max_words, max_rows  longer captions and sequences are cut
    original        the original code's arithmetic where ours differs, see :mod:`mee.original`; for comparison
    amp             embed in bfloat16 where PyTorch holds that safe, for processors and GPUs that are faster at it;
                    weights, scores, loss and evaluation stay in float32 (the book's benchmarks)
    network         a function of ``config`` that makes another network with the same three methods, for experiments
    """
    given = dict(locals())  # the arguments, before anything else has a name here
    clips = clips if isinstance(clips, Clips) else Clips(clips)
    images = images if images is None or isinstance(images, Clips) else Clips(images)
    if loss not in LOSSES:
        raise ValueError(f"loss is one of {', '.join(LOSSES)}; got {loss!r}")
    if resume and out is None:
        raise ValueError("resume needs out, the folder of the run to go on with")
    if original:
        if loss != "max-margin":
            raise ValueError("original is about the original's loss, max-margin; leave out loss, or original")
        clips = heard(clips)
    names = sorted(clips.experts if experts is None else experts)
    missing = [name for name in names if name not in clips.experts]
    if missing or not names:
        raise ValueError(f"{clips.path} has no expert {missing}; it has {list(clips.experts)}")
    config = {key: given[key] for key in OPTIONS}
    config.update(
        experts={name: (clips.experts[name].dim, dim or clips.experts[name].dim) for name in names},
        clusters={name: sequence_clusters for name in names if clips.experts[name].kind == "sequence"},
        word_dim=clips.word_dim,
        data=clips.title or clips.path.name,
        images=None if images is None else images.title or images.path.name,
    )
    train = clips.trainable(clips.clips_in("train") if train is None else train, names)
    val = clips.clips_in("val") if val is None else torch.as_tensor(val, dtype=torch.long)
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if not stream:
        clips.to(device)
        images = images and images.to(device)

    model = (network or build)(config).to(device)
    criterion = MaxMarginRankingLoss(margin) if loss == "max-margin" else InfoNCELoss(temperature)
    criterion = OriginalLoss(margin) if original else criterion
    adam = torch.optim.Adam(model.parameters(), lr, fused=True)
    generator = torch.Generator().manual_seed(seed)
    cut = {"experts": names, "max_words": max_words, "max_rows": max_rows}
    part = distributed.ranks()  # under torchrun this process has a part of each batch
    first, alone = part[0] == 0, part[1] == 1
    if original and max_rows is None and not alone:
        raise ValueError("original pads to the longest of a batch, which a part of one does not know: give max_rows")
    batches = Mixed(clips, train, batch_size, generator, images, image_rate, part, **cut)
    run = Run(model, clips.words, [], config, 0)
    best_state, best_score = None, float("-inf")
    if out is not None and first:  # better now than after the first epoch
        with _writing(out):
            Path(out).mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=out).close()
    if resume:
        state = _load(Path(out) / STATE, "state")
        changed = [key for key in config if key != "epochs" and config[key] != state["config"].get(key)]
        if changed:
            raise CheckpointError(
                f"{Path(out) / STATE}: made with another {', '.join(changed)}; start afresh, or keep it"
            )
        try:
            model.load_state_dict(state["model"])
            adam.load_state_dict(state["adam"])
            generator.set_state(state["generator"])
            run.history, run.best, best_state, best_score = (
                state[key] for key in ("history", "best", "best_model", "score")
            )
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(f"{Path(out) / STATE}: its parts do not fit together ({error})") from None

    if not alone:
        distributed.synchronise(model)
    progress = progress and first
    bar = tqdm(total=epochs, initial=len(run.history), disable=not progress, unit="epoch", desc="training")
    while len(run.history) < epochs:
        began = time.perf_counter()
        total, steps = 0.0, 0
        model.train()
        for batch in batches:
            if original and steps and (steps + 1) * batch_size > len(batches.train) + batches.drawn:
                continue
            batch = batch.to(device)
            value = batch_loss(criterion, model, batch, expert_loss, amp)
            adam.zero_grad()
            value.backward()
            if not alone:
                distributed.sum_gradients(model)
            adam.step()
            total, steps = total + value.detach(), steps + 1
        for group in adam.param_groups:
            group["lr"] *= lr_decay
        row = {"epoch": len(run.history) + 1, "loss": float(total) / steps}
        if not row["loss"] < float("inf"):
            raise FloatingPointError(f"epoch {row['epoch']}: the loss is {row['loss']}; a smaller lr may help")
        if len(val) and first:
            row["val"] = evaluate(model, clips, val, bootstrap=0, **cut)
        row["seconds"] = round(time.perf_counter() - began, 3)
        if not alone:
            row = distributed.of_first(row)
        # without validation the last epoch is the best that is known
        score = _score(row["val"]) if len(val) else row["epoch"]
        run.history.append(row)
        improved = score > best_score
        if improved:
            best_score, run.best = score, row["epoch"]
            best_state = {key: value.detach().clone() for key, value in model.state_dict().items()}
        if out is not None and first and improved:
            _save(Path(out) / MODEL, "model", {"model": best_state, "config": config, **_vocabulary(clips.words)})
        if out is not None and first:
            everything = {"model": model.state_dict(), "adam": adam.state_dict(), "generator": generator.get_state()}
            everything |= {"config": config, "history": run.history, "best": run.best, "best_model": best_state}
            _save(Path(out) / STATE, "state", everything | {"score": best_score})
        shown = {"loss": f"{row['loss']:.4f}"}
        if len(val):
            shown["val R@10"] = f"{row['val']['t2v']['R@10'][0]:.1f}"
        bar.set_postfix(shown, refresh=False)
        bar.update()
    bar.close()
    if best_state is not None:
        model.load_state_dict(best_state)
    model.eval()
    return run


def batch_loss(criterion, model, batch, expert_loss=0.0, amp=False):
    """The loss of one batch: the mixture's, and ``expert_loss`` times that of each expert alone.

    A score is normalised over the experts that a clip has, so a clip without motion is on another scale than one with
    it, and its caption's weights cancel in its own score: the mixture's loss alone teaches little from such clips.
    Ranked by each expert among the clips that have it, cosines meet only cosines of the same kind.
    """
    with torch.autocast(batch.words.device.type, torch.bfloat16, enabled=amp):
        text, video = model.embed_text(*batch.text), model.embed_video(*batch.video)
    clip, sentence = batch.clip, batch.sentence
    if distributed.ranks()[1] > 1:  # every rank goes on with the embeddings of all
        text, video, clip, sentence = distributed.whole(text, video, clip, sentence)
    value = criterion(model.score(text, video), clip, sentence)
    if expert_loss:
        for i, name in enumerate(model.experts):
            there = video[1][:, i]
            if int(there.sum()) > 1:
                scores = text[0][name][there].to(value) @ video[0][name][there].to(value).T
                value = value + expert_loss * criterion(scores, clip[there], sentence[there])
    return value


#: arguments of :func:`fit` that make the model what it is, and so must be the same again to resume
OPTIONS = (
    "image_rate epochs batch_size lr lr_decay loss margin temperature expert_loss seed text_clusters max_words "
    "max_rows gating learned_weights original amp"
).split()


def _score(metrics):
    """What the best epoch is best in: the mean of R@1, R@5 and R@10 over both directions."""
    return sum(metrics[way][name][0] for way in ("t2v", "v2t") for name in ("R@1", "R@5", "R@10")) / 6


def evaluate(model, clips, rows, experts=None, max_words=30, max_rows=None, bootstrap=1000, seed=0, chunk=512):
    """Retrieval both ways among some clips, as :func:`mee.metrics.retrieval_metrics`; each caption is a query.

    rows   a split's name, or clip numbers
    chunk  texts and clips that are embedded and scored together; no result depends on it

    Beside "t2v" and "v2t" the result has "chance": the same metrics for a random order.
    """
    rows = clips.clips_in(rows) if isinstance(rows, str) else torch.as_tensor(rows)
    t2v, v2t, truth = rank(model, clips, rows, experts, max_words, max_rows, chunk)
    count = torch.bincount(truth)
    return {
        "t2v": summarise(t2v, truth, bootstrap, seed),
        "v2t": summarise(v2t, None, bootstrap, seed),
        "chance": {"t2v": chance(len(rows), 1), "v2t": chance(len(truth), count[count > 0])},
    }


@torch.no_grad()
def rank(model, clips, rows, experts=None, max_words=30, max_rows=None, chunk=512):
    """The ranks behind :func:`evaluate`: (t2v (captions,), v2t (captioned clips,), truth (captions,) rows of clips)."""
    rows = torch.as_tensor(rows)
    captions, truth = clips.captions_of(rows)
    if not len(captions):
        raise ValueError(f"{clips.path}: {len(rows)} clips to evaluate on, none with a caption")
    training = model.training
    model.eval()
    text, video = embed(model, clips, captions, rows, experts or model.experts, max_words, max_rows, chunk)

    both = (lambda texts: scores(model, text, video, texts), lambda videos: scores(model, text, video, None, videos).T)
    found = ranks_both_ways(both, truth, chunk=chunk)
    model.train(training)
    return found


@torch.no_grad()
def embed(model, clips, captions, rows, experts=None, max_words=30, max_rows=None, chunk=512):
    """What ``model.embed_text`` gives for ``captions`` and ``model.embed_video`` for clips ``rows``, in chunks."""
    texts = [model.embed_text(*clips.text(part, max_words)) for part in captions.split(chunk)]
    videos = [model.embed_video(*clips.video(part, experts or model.experts, max_rows)) for part in rows.split(chunk)]

    def whole(parts):
        embeddings = {name: torch.cat([part[0][name] for part in parts]) for name in parts[0][0]}
        return embeddings, torch.cat([part[1] for part in parts])

    return whole(texts), whole(videos)


@torch.no_grad()
def scores(model, text, video, texts=None, videos=None, chunk=512):
    """``model.score`` of every text with every clip, block by block: beside the result only (chunk, chunk) arises.

    text, video    embeddings, as :func:`embed` gives them
    texts, videos  numbers of those to score (default: all)
    """
    (said, weights), (seen, mask) = text, video
    texts, n = _parts(texts, len(weights), chunk)
    videos, m = _parts(videos, len(mask), chunk)
    out = torch.empty(n, m, dtype=weights.dtype, device=weights.device)
    for i, a in enumerate(texts):
        t = {name: x[a] for name, x in said.items()}, weights[a]
        for j, b in enumerate(videos):
            v = {name: x[b] for name, x in seen.items()}, mask[b]
            out[i * chunk : (i + 1) * chunk, j * chunk : (j + 1) * chunk] = model.score(t, v)
    return out


def _parts(rows, n, chunk):
    """``rows`` (None: all ``n``) in parts of ``chunk``, and how many they are; slices where they can be, which copy
    nothing."""
    if rows is None:
        return [slice(i, min(i + chunk, n)) for i in range(0, n, chunk)], n
    return rows.split(chunk), len(rows)


@torch.no_grad()
def evaluate_choices(model, clips, experts=None, max_words=30, max_rows=None, bootstrap=1000, seed=0, chunk=256):
    """Multiple choice: how often the right sentence scores highest among those of its question (lesson 13).

    clips  a file with ``choices``
    chunk  questions that are embedded and scored together

    A dict: "accuracy" (%, low, high), with a 95 % interval over clips; "chance" (%); "questions", "options". A right
    sentence that shares the highest score with another is not counted as found.
    """
    if clips.choices is None or not len(clips.choices["clip"]):
        raise ValueError(f"{clips.path} has no multiple-choice questions")
    training = model.training
    model.eval()
    rows, options, answer = (clips.choices[name] for name in ("clip", "captions", "answer"))
    of_question = []
    for part in torch.arange(len(rows)).split(chunk):
        text, weights = model.embed_text(*clips.text(options[part].flatten(), max_words))
        video, mask = model.embed_video(*clips.video(rows[part], experts or model.experts, max_rows))
        each = torch.arange(len(part), device=mask.device).repeat_interleave(options.shape[1])
        pairs = ({name: x[each] for name, x in video.items()}, mask[each])
        of_question.append(model.score((text, weights), pairs, conf=False).view(len(part), -1))
    model.train(training)
    found = summarise(ranks(torch.cat(of_question), answer, ties="worst"), rows, bootstrap, seed)
    return {
        "accuracy": found["R@1"],
        "chance": 100 / options.shape[1],
        "questions": len(rows),
        "options": options.shape[1],
    }


# ----------------------------------------------------------------------------------------------------- checkpoints


def _vocabulary(words):
    return {"words": words and words.words, "vectors": words and words.vectors.cpu()}


@contextmanager
def _writing(path):
    """Says which file could not be written, and why; the one that has the name is whole all the while."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        cause = error  # torch.save hides the disk's reason, or a Ctrl-C, behind an error of its own
        while cause.__context__ is not None and not isinstance(cause, OSError | KeyboardInterrupt):
            cause = cause.__context__
        if isinstance(cause, KeyboardInterrupt):
            raise cause from None
        reason = getattr(cause, "strerror", None) or (str(cause).splitlines() or [type(cause).__name__])[0]
        raise CheckpointError(f"{path}: cannot be written: {reason}; what was saved before is as it was") from error


def _save(path, kind, content):
    with _writing(path), atomic(path) as temporary, open(temporary, "wb") as file:
        try:
            torch.save({"format": f"mee-{kind}", "version": 1, **content}, file)
        except BaseException as error:
            # PyTorch's writer, if it was stopped half-way, ends its file when it goes; were the file closed by then,
            # Python would be aborted. The writer lives in frames that the error keeps.
            while error is not None:
                traceback.clear_frames(error.__traceback__)
                error = error.__context__
            raise


def _load(path, kind):
    """A file that :func:`_save` wrote, by PyTorch's restricted unpickler: tensors and plain values, no code."""
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: no such file")
    try:
        _check(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damage can make an unpickler say anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path}: not a checkpoint, or a damaged one ({reason})") from None
    if not isinstance(content, dict) or content.get("format") != f"mee-{kind}" or content.get("version") != 1:
        raise CheckpointError(f"{path}: not a {kind} file of this library")
    return content


def _check(path):
    """Raise unless ``path`` is a zip of stored, undamaged parts.

    PyTorch does not look at a zip's checksums, so a damaged weight would be read as it stands; and its older formats
    (tar, bare pickle) could run code before version 2.6, even if asked for weights only (CVE-2025-32434).
    """
    with open(path, "rb") as file:
        if file.read(4) != b"PK\3\4":
            raise ValueError("not a zip archive")
        with zipfile.ZipFile(file) as parts:
            if any(part.compress_type for part in parts.infolist()):
                raise ValueError("its parts are compressed")
            if sum(part.file_size for part in parts.infolist()) > Path(path).stat().st_size:
                raise ValueError("its parts are larger than it is")
            if damaged := parts.testzip():
                raise ValueError(f"{damaged} is not what was written")


def load_model(path, device="cpu"):
    """The network and its vocabulary from a ``model.pt``: (:class:`~mee.model.VideoTextMEE`, :class:`~mee.data.Words`).

    >>> model, words = load_model("run/model.pt")                               # doctest: +SKIP
    >>> model.embed_text(*words.batch(["a dog barks at the sea"]))              # doctest: +SKIP
    """
    content = _load(path, "model")
    try:
        with torch.device("meta"):  # shapes without memory: the file brings the numbers
            model = _network(content["config"])
        model.load_state_dict(content["model"], assign=True)
        words = content["words"] and Words(content["words"], content["vectors"])
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: its parts do not fit together ({error})") from None
    return model.to(device).eval(), words


# ------------------------------------------------------------------------------------------------------- the shell


def table(metrics):
    """``evaluate``'s result as lines of text, each value with its 95 % interval and chance beside it."""
    lines = [f"{'':<8}" + "".join(f"{name:>24}" for name in metrics["t2v"])]
    for way in ("t2v", "v2t"):
        cells = [f"{v:.1f} [{low:.1f}, {high:.1f}]" for v, low, high in metrics[way].values()]
        lines.append(f"{way:<8}" + "".join(f"{cell:>24}" for cell in cells))
        lines.append(f"{'chance':<8}" + "".join(f"{v:>24.1f}" for v in metrics["chance"][way].values()))
    return "\n".join(lines)


#: the paper's settings, as its code's two command lines give them; the flags beside --recipe change single ones
RECIPES = {
    "msrvtt": {
        "epochs": 100,
        "batch_size": 64,
        "lr": 4e-4,
        "lr_decay": 0.95,
        "margin": 0.2,
        "image_rate": 0.5,
        "text_clusters": 32,
        "sequence_clusters": 16,
        "max_words": 30,
        "max_rows": 30,
    },
    "lsmdc": {
        "epochs": 50,
        "batch_size": 512,
        "lr": 1e-4,
        "lr_decay": 0.95,
        "margin": 0.2,
        "image_rate": "all",  # this half of the original had no sampler: every image once an epoch
        "text_clusters": 32,
        "sequence_clusters": 16,
        "max_words": 30,
        "max_rows": None,
    },
}


def main(arguments=None):
    options = parse(arguments)
    rank = distributed.started()[0]  # 0, unless torchrun started several
    began = time.perf_counter()
    _keep_freed_memory()
    try:
        clips = Clips(options.file)
        questions = Clips(options.choices) if options.choices else clips if clips.choices else None
        if options.original:
            clips, questions = heard(clips), questions and heard(questions)
        if options.recipe and rank == 0:
            print(f"recipe {options.recipe}: {_settings(options)}")
        own = ("file", "choices", "recipe", "no_progress")
        chosen = {name: value for name, value in vars(options).items() if name not in own}
        with distributed.group(options.device):
            run = fit(clips, **chosen, progress=not options.no_progress)
        if rank > 0:  # the first one goes on to test and tell
            return
        cut = {"max_words": options.max_words, "max_rows": options.max_rows}
        print(f"{len(run.history)} epochs, the best is {run.best}; {time.perf_counter() - began:.0f} s")
        results = {}
        for split in ("val", "test"):
            rows = clips.clips_in(split)
            if len(clips.captions_of(rows)[0]):
                results[split] = evaluate(run.model, clips, rows, **cut)
                print(f"\n{split}: {len(rows)} clips, {len(clips.captions_of(rows)[0])} captions")
                print(table(results[split]))
            else:
                print(f"\n{split}: no captioned clips, " + ("the last epoch is kept" if split == "val" else "no test"))
        if questions:
            results["choices"] = found = evaluate_choices(run.model, questions, **cut)
            value, low, high = found["accuracy"]
            print(f"\nmultiple choice: {found['questions']} questions, {found['options']} sentences each")
            print(f"right {value:.1f} % [{low:.1f}, {high:.1f}], chance {found['chance']:.1f} %")
        if options.out is not None:
            report = {"config": run.config, "best": run.best, "history": run.history, **results}
            report |= {"torch": torch.__version__, "seconds": round(time.perf_counter() - began, 1)}
            with _writing(options.out / METRICS), atomic(options.out / METRICS) as temporary:
                temporary.write_text(json.dumps(report, indent=1))
            print(f"\nwritten to {options.out}: {MODEL}, {STATE}, {METRICS}")
    except (ClipFileError, CheckpointError, FloatingPointError, ValueError, OSError) as error:
        sys.exit(f"mee.train{f' (rank {rank})' if rank else ''}: {error}")
    except KeyboardInterrupt:
        kept = options.out and (options.out / STATE).exists()
        sys.exit("mee.train: stopped" + (f"; --resume goes on after the last epoch in {options.out}" if kept else ""))


def _keep_freed_memory():
    """Ask glibc to keep what one step frees for the next one; elsewhere do nothing.

    A tensor of megabytes is otherwise given back to the system at once, and the next one's pages come cleared and one
    by one: up to a third of a step on a CPU. It holds for the whole process, so it is for the shell to decide.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: how much may lie free at the end
    mallopt(-4, 0)  # M_MMAP_MAX: no tensor outside


def _settings(options):
    """The recipe's settings as they are now, in words; a star marks those that the command line changed."""
    recipe = RECIPES[options.recipe]
    parts = [
        f"{name.replace('_', ' ')} {getattr(options, name)}{'' if getattr(options, name) == value else '*'}"
        for name, value in recipe.items()
    ]
    changed = any(getattr(options, name) != value for name, value in recipe.items())
    return ", ".join(parts) + (" (* not the recipe's)" if changed else "")


def parse(arguments=None):
    """The options of the shell; ``--recipe`` changes what those are that are not named."""
    p = parser()
    recipe = p.parse_args(arguments).recipe
    if recipe:
        p.set_defaults(**RECIPES[recipe])
    return p.parse_args(arguments)


def _rate(text):
    return text if text == "all" else float(text)


def parser():
    p = argparse.ArgumentParser(prog="python -m mee.train", description="Train MEE on a clip file, then test it.")
    p.add_argument("file", type=Path, metavar="FILE.h5")
    p.add_argument("--images", type=Path, metavar="FILE.h5", help="a second, incomplete file to mix in")
    p.add_argument("--image-rate", type=_rate, default=0.5, metavar="RATE", help="images a clip, or all (default 0.5)")
    p.add_argument("--choices", type=Path, metavar="FILE.h5", help="multiple choice from there (default: from FILE.h5)")
    p.add_argument("--recipe", choices=list(RECIPES), help="the paper's settings; flags beside it change single ones")
    p.add_argument("--original", action="store_true", help="the original code's arithmetic where ours differs")
    p.add_argument("--experts", nargs="+", metavar="NAME", help="use only these")
    p.add_argument("--epochs", type=int, default=100)
    p.add_argument("--batch-size", type=int, default=64)
    p.add_argument("--lr", type=float, default=4e-4)
    p.add_argument("--lr-decay", type=float, default=0.95, help="factor on lr after each epoch (default 0.95)")
    p.add_argument("--loss", choices=list(LOSSES), default="max-margin")
    p.add_argument("--margin", type=float, default=0.2)
    p.add_argument("--temperature", type=float, default=0.05, help="of info-nce")
    p.add_argument("--expert-loss", type=float, default=0.0, help="weight of each expert's own loss (the paper: 0)")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--device", help="cpu, cuda, cuda:1 (default: a GPU if there is one)")
    p.add_argument(
        "--stream", action="store_true", help="leave features in the file instead of moving them to the device"
    )
    p.add_argument("--out", type=Path, metavar="DIR", help="write model, checkpoint and metrics there")
    p.add_argument("--resume", action="store_true", help="go on with the run in --out")
    p.add_argument("--dim", type=int, help="embedding dimensions of each expert (default: those of its features)")
    p.add_argument("--text-clusters", type=int, default=32)
    p.add_argument("--sequence-clusters", type=int, default=16)
    p.add_argument("--max-words", type=int, default=30)
    p.add_argument("--max-rows", type=int, help="rows of a sequence that are used (default: all)")
    p.add_argument("--no-gating", dest="gating", action="store_false", help="leave context gating out")
    p.add_argument("--uniform-weights", dest="learned_weights", action="store_false", help="trust all experts alike")
    p.add_argument("--amp", action="store_true", help="embed in bfloat16: faster on processors and GPUs made for it")
    p.add_argument("--no-progress", action="store_true")
    return p


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to end: as by Ctrl-C, nothing stays half written
    main()
