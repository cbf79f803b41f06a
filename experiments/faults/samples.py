"""The files that are damaged, overwritten and compared: clip files of every layout, and search indexes."""

import io
import zipfile

import h5py
import numpy as np
import torch
from faults.harness import plain

from mee.config import TrainConfig
from mee.data import Words
from mee.search import ClipIndex
from mee.storage import ClipWriter, describe, read_clips, seal
from mee.train import build_model, model_config

VOCABULARY = ["a", "ball", "bell", "red", "rings", "rolls", "two"]


def clip_file(path, clips=14, own_vectors=False, questions=False, **options):
    """A small file with nearly everything that a clip file can hold; sealed, as ClipWriter leaves it."""
    g = np.random.default_rng(0)
    words = None if own_vectors else Words(VOCABULARY, g.normal(size=(7, 6)))
    with ClipWriter(path, {"audio": ("sequence", 4), "face": ("vector", 9)}, words, title="small", **options) as out:
        for i in range(clips):
            said = ["A red ball rolls!", "two bells", "a bell rings"][: i % 4]
            out.add(
                f"c{i}",
                ("train", "train", "val", "test")[i % 4],
                {"audio": g.normal(size=(i % 5, 4)), "face": None if i % 3 == 1 else g.normal(size=9)},
                [g.normal(size=(3, 6)) for _ in said] if own_vectors else said,
                mentions=[["face"], [], ["audio"]][: i % 4],
                storyboard=[bytes(range(10 * i % 200)), b"picture"][: i % 3],
                facts={"colour": "red", "number": i},
            )
        if questions:  # it is not known which experts their sentences mention, so captions/about is left out
            for i in range(3):
                out.add_choice(f"c{i}", ["red", "two bells", "a", "rolls", "ball"], i)
    return path


def contents(path):
    """Everything that a clip file holds, as plain values; the file is also used as training and the shell use it."""
    clips = read_clips(path)
    describe(clips)
    everyone, captions = torch.arange(len(clips)), torch.arange(len(clips.caption_clip))
    used = [clips.text(captions, max_words=30), clips.video(everyone, max_frames=30), clips.sentence_ids, clips.present]
    train = clips.trainable(everyone)
    if len(train):
        used.append(vars(clips.batch(train, generator=torch.Generator().manual_seed(0), max_words=30)))
    vectors = clips.caption_vectors if clips.words is None else clips.words.vectors
    return {
        "attributes": {k: clips.attributes[k] for k in ("format", "version", "title", "source", "licence", "made_by")},
        "ids": clips.ids,
        "split": clips.split.tolist(),
        "facts": clips.facts,
        "experts": {
            name: (expert.kind, tuple(expert.features.shape), plain(expert.features), plain(expert.offsets))
            for name, expert in clips.experts.items()
        },
        "texts": clips.texts,
        "captions": plain([clips.caption_clip, clips.caption_offsets, clips.tokens, clips.mentions]),
        "words": (clips.words and clips.words.words, plain(vectors)),
        "choices": plain(clips.choices),
        "storyboards": [clips.storyboard(i) for i in range(len(clips))],
        "used": plain(used),
    }


def bigger(path, compression=None):
    """Another, bigger clip file of the same name, half of it numbers, half of it texts."""
    g = np.random.default_rng(1)
    words = Words(VOCABULARY, g.normal(size=(7, 6)))
    with ClipWriter(path, {"face": ("sequence", 64)}, words, compression=compression) as out:
        for i in range(300):
            out.add(f"c{i}", "train", {"face": g.normal(size=(4, 64))}, [" ".join(g.choice(VOCABULARY, 40))] * 2)


def bases(folder):
    """Clip files of every layout that the writer makes, and one as a newer HDF5 would lay it out."""
    found = [
        clip_file(folder / "plain.h5"),
        clip_file(folder / "packed.h5", compression="gzip", questions=True),
        clip_file(folder / "vectors.h5", own_vectors=True, dtype="float32"),
    ]
    with h5py.File(found[0]) as old, h5py.File(folder / "latest.h5", "w", libver="latest") as new:
        new.attrs.update(old.attrs)
        for name in old:
            old.copy(name, new)
    seal(folder / "latest.h5")
    return [*found, folder / "latest.h5"]


def world(path):
    """80 clips whose pictures show a colour and whose motion shows a move; their checkpoints take a while to write."""
    g = np.random.default_rng(0)
    colours, moves = ["red", "green", "blue"], ["rolls", "jumps", "waits"]
    words = Words(["a", "ball", *colours, *moves], g.normal(size=(8, 24)))
    look, move = g.normal(size=(3, 256)), g.normal(size=(3, 16))
    with ClipWriter(path, {"appearance": ("vector", 256), "motion": ("sequence", 16)}, words) as out:
        for i in range(80):
            c, m = g.integers(3, size=2)
            motion = move[m] + 0.5 * g.normal(size=(3, 16)) if i % 3 else None
            features = {"appearance": look[c] + 0.5 * g.normal(size=256), "motion": motion}
            split = ("train", "train", "val", "test")[i % 4]
            out.add(f"c{i}", split, features, [f"a {colours[c]} ball {moves[m]}", f"{colours[c]} {moves[m]}"])
    return path


def two_indexes(folder):
    """An exact index and a graph of the same clips, the second one without its first; and a question to ask both."""
    clips = read_clips(world(folder / "world.h5"))
    config = model_config(clips, TrainConfig(dim=8, text_clusters=2, sequence_clusters=2))
    model = build_model(config, seed=0).eval()
    exact, graph = (ClipIndex.build(model, clips, kind=kind, progress=False) for kind in ("exact", "hnsw"))
    graph.remove([clips.ids[0]])
    return (exact, graph), lambda index: [(hit.id, hit.score) for hit in index.search("a red ball jumps", k=20)]


def zipped(parts, compression=zipfile.ZIP_STORED):
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return raw.getvalue()
