"""Rows about checkpoints and search indexes that are damaged or malicious."""

import ctypes
import io
import os
import pickle
import resource
import subprocess
import tarfile
import warnings
import zipfile

import torch
from faults.harness import attempts, damaged, plain, row, some, structure_of
from faults.samples import two_indexes, world, zipped

from mee.search import ClipIndex, IndexFileError
from mee.storage import Checkpoint, CheckpointError, load_model, read_clips
from mee.storage.checkpoint import MODEL
from mee.train import fit_clips


class Call:
    """Unpickling this calls a function: what a malicious file does."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def malicious(good, canary):
    """Model files that try to do more than be read: name -> bytes."""
    wishes = {
        "open": Call(open, str(canary), "w"),
        "system": Call(os.system, f"touch {canary}"),
        "exec": Call(exec, f"open({str(canary)!r}, 'w')"),
        "eval": Call(eval, f"open({str(canary)!r}, 'w')"),
        "library": Call(ctypes.CDLL, str(canary)),
        "popen": Call(subprocess.Popen, ["touch", str(canary)]),
    }
    content = torch.load(io.BytesIO(good), weights_only=True)
    out = {}

    def saved(thing, **options):
        raw = io.BytesIO()
        torch.save(thing, raw, **options)
        return raw.getvalue()

    for name, wish in wishes.items():
        for protocol in (0, 2, 4):
            out[f"pickle {protocol}: {name}"] = pickle.dumps(wish, protocol)
        out[f"alone: {name}"] = saved(wish)
        out[f"old format: {name}"] = saved({**content, "config": wish}, _use_new_zipfile_serialization=False)
        for key in ("config", "model", "words", "format"):
            out[f"{key}: {name}"] = saved({**content, key: wish})
        out[f"a weight: {name}"] = saved({**content, "model": {**content["model"], "mee.moe_fc.bias": wish}})
        out[f"an extra: {name}"] = saved({**content, "more": [wish]})
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w:", format=tarfile.PAX_FORMAT) as tar:
            for part in ("sys_info", "pickle", "storages", "tensors"):
                info, bytes_ = tarfile.TarInfo(part), pickle.dumps(wish, 2)
                info.size = len(bytes_)
                tar.addfile(info, io.BytesIO(bytes_))
        out[f"tar: {name}"] = raw.getvalue()
        with zipfile.ZipFile(io.BytesIO(good)) as parts:
            inside = {part: parts.read(part) for part in parts.namelist()}
        key = next(part for part in inside if part.endswith("data.pkl"))
        out[f"swapped pickle: {name}"] = zipped({**inside, key: pickle.dumps(wish, 2)})
    huge = {**content["config"], "experts": {name: (2**30, 2**20) for name in content["config"]["experts"]}}
    out |= {
        "numbers that need a petabyte": saved({**content, "config": huge}),
        "other sizes": saved({**content, "config": {**content["config"], "text_clusters": 9}}),
        "no settings": saved({**content, "config": {}}),
        "settings that are a list": saved({**content, "config": [1]}),
        "fewer words": saved({**content, "words": content["words"][1:]}),
        "no weights": saved({**content, "model": {}}),
        "a list": saved([1, 2]),
        "nothing": saved(None),
        "a state": saved({**content, "format": "mee-state"}),
        "another version": saved({**content, "version": 1}),
        "packed": zipped(inside, zipfile.ZIP_DEFLATED),
        "a bomb": zipped({**inside, "archive/data/0": bytes(2**28)}, zipfile.ZIP_DEFLATED),
        "names that climb": zipped({"../../canary": b"x", **inside}),
        "another zip": zipped({"a.txt": b"hello"}),
        "a script": scripted(),
        "empty": b"",
    }
    return out


def scripted():
    raw = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), raw)
    return raw.getvalue()


def model_verdict(path, want, canary):
    resource.setrlimit(resource.RLIMIT_AS, (2**34, 2**34))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model, words = load_model(path)
        found = plain([dict(model.state_dict()), words.vectors]), words.words
        verdict = "right" if found == want else "lost: other weights, without a word"
    except CheckpointError as error:
        verdict = "refused" if str(path) in str(error) else f"lost: {error}"
    except Exception as error:
        verdict = f"lost: {type(error).__name__}: {str(error)[:200]}"
    return "lost: its code was run" if canary.exists() else verdict


def _trained(folder):
    fit_clips(read_clips(world(folder / "world.h5")), epochs=1, batch_size=16, dim=8, text_clusters=2,
              sequence_clusters=2, callbacks=[Checkpoint(folder / "run")], progress=False, device="cpu")  # fmt: skip
    return folder / "run" / MODEL


@row("Checkpoints that are damaged: bits and bytes changed, cut, swapped, overwritten")
def checkpoints(folder, share):
    path, canary = _trained(folder), folder / "canary"
    good = path.read_bytes()
    model, words = load_model(path)
    want = plain([dict(model.state_dict()), words.vectors]), words.words
    inner = range(len(good) - 4096, len(good))  # the zip's list of its parts

    def work(seed):
        mutant = folder / f"mutant-{os.getpid()}.pt"
        mutant.write_bytes(damaged(good, seed, inner))
        return model_verdict(mutant, want, canary)

    return attempts(range(some(1000, share)), work)


@row("Checkpoints that are malicious: code in the pickle at seven places, old formats, scripts, bombs, absurd sizes")
def trojans(folder, share):
    path, canary = _trained(folder), folder / "canary"
    evil = malicious(path.read_bytes(), canary)

    def work(name):
        mutant = folder / f"mutant-{os.getpid()}.pt"
        mutant.write_bytes(evil[name])
        verdict = model_verdict(mutant, None, canary)
        return f"{verdict} [{name}]" if verdict.startswith("lost") else verdict

    return attempts(evil, work)


# ------------------------------------------------------------------------------------------------ search indexes


@row("Search indexes that are damaged: bits and bytes changed, cut, swapped, overwritten")
def indexes(folder, share):
    both, ask = two_indexes(folder)
    found = []
    for number, index in enumerate(both):
        path = folder / f"{number}.index"
        index.save(path)
        found.append((path.read_bytes(), structure_of(path), ask(ClipIndex.load(path))))

    def work(seed):
        good, structure, want = found[seed % 2]
        mutant = folder / f"mutant-{os.getpid()}.index"
        mutant.write_bytes(damaged(good, seed, structure))
        try:
            return "right" if ask(ClipIndex.load(mutant)) == want else "lost: other answers, without a word"
        except IndexFileError as error:
            return "refused" if str(mutant) in str(error) else f"lost: {error}"
        except Exception as error:
            return f"lost: {type(error).__name__}: {error}"

    return attempts(range(some(600, share)), work)
