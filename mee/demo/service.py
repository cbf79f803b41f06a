"""What the search page answers, without HTML: clips for a sentence, sentences for a clip (lesson 15)."""

import argparse
import importlib.util
import re
import shutil
import sys
import tempfile
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from mee.data import Clips, Words
from mee.evaluate import eval_mode
from mee.model import TextEmbedding, VideoTextMEE
from mee.search import ClipIndex, Hit, encode_query
from mee.storage import load_model, read_clips

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = REPOSITORY / "data_scripts"  # in a clone
DATA = Path(__file__).with_name("data")  # where a wheel has TinyClips; see pyproject.toml
TINYCLIPS = (DATA if DATA.exists() else REPOSITORY / "notebooks" / "data") / "tinyclips.h5"
SMALL_MODEL = TINYCLIPS.with_name("tinyclips_model.pt")  # of `make model`, in float16
SHOWN, LIMIT, DEPTH, CAPTIONS = 8, 500, 200, 20_000  # clips shown; letters read; ranks compared; captions searched
SUFFIXES = (".mp4", ".m4v", ".webm", ".ogv", ".mov")  # what browsers may play
EXAMPLES = [  # for TinyClips
    "deep under water a phone rings",
    "something spins quickly while a bell rings",
    "a person with long hair and glasses",
    "a red car",
    "a city street without a person",
    "a dog chases a cat",
]


class DemoError(ValueError):
    """The page cannot be opened; the message says what is wrong and how to fix it."""


class Videos:
    """The videos of clips, named after their ids in ``folder``: ID.mp4, ID.webm, ...

    ``number in videos`` says whether a clip has one, :meth:`path` where it is. Without a folder, a clone with ``av``
    and ``opencv`` renders the films of TinyClips when the page asks for them; other clips have no video then.
    :class:`DemoError` if no video in ``folder`` is named after a clip.
    """

    def __init__(self, clips: Clips, folder: Path | str | None = None) -> None:
        renders = clips.title == "TinyClips" and SCRIPTS.exists() and all(map(importlib.util.find_spec, ("av", "cv2")))
        self.facts: list = (clips.facts or []) if renders and folder is None else []
        self.paths: dict[int, Path] = {}
        self._lock = threading.Lock()
        if folder is not None:
            videos = [path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES]
            by_id = {path.relative_to(folder).with_suffix("").as_posix(): path for path in videos}
            self.paths = {i: by_id[id] for i, id in enumerate(clips.ids) if id in by_id}
            if not self.paths:
                raise DemoError(f"{folder}: no video there is named after a clip, as in {clips.ids[0]}.mp4")

    def __contains__(self, number: object) -> bool:
        return number in self.paths or number in range(len(self.facts))

    def path(self, number: int) -> Path:
        """The video of a clip, rendered now if need be."""
        with self._lock:  # a browser asks for several pieces of a video at once
            if number not in self.paths:
                if not self.paths:
                    self._folder = tempfile.mkdtemp(prefix="mee-films-")
                    weakref.finalize(self, shutil.rmtree, self._folder, True)  # deleted with the page
                    sys.path.append(str(SCRIPTS))
                from make_tinyclips import Script, render, write_mp4

                film = Path(self._folder) / f"{number}.mp4"
                write_mp4(film, *render(Script.from_dict(self.facts[number]))[:2])
                self.paths[number] = film
            return self.paths[number]


@dataclass
class Answer:
    """What the page shows for one sentence."""

    #: the sentence as the model read it
    text: str
    #: remarks to the reader, such as unknown words or a truncated sentence
    notes: list[str] = field(default_factory=list)
    #: expert -> how far the sentence trusts it, among the chosen experts; the weights sum to 1
    weights: dict[str, float] = field(default_factory=dict)
    #: the best clips, best first
    hits: list[Hit] = field(default_factory=list)
    #: for each hit its rank, from 1, with all experts; None beyond the ``DEPTH`` clips compared
    full_ranks: list[int | None] = field(default_factory=list)
    #: what the clips are ranked by, "calibrated" or "paper"
    score: str = "paper"


class SearchService:
    """A model and its clips, which answer a sentence.

    ``service.experts`` lists the experts that both have, ``service.scores`` the scores to choose from, and
    ``service.number`` gives a clip's number for its id. :class:`DemoError` if the model cannot describe these clips,
    cannot read sentences, or lacks the calibration that was asked for.

    Parameters
    ----------
    model
        As :func:`mee.load_model` gives it.
    words
        The vocabulary that comes with it; default: that of ``clips``.
    clip_ids
        Numbers of the clips to search; default: the val and test splits, or all clips if both are empty.
    videos
        The videos to play; default: none.
    score
        What to rank by unless a call names another score: "calibrated" or "paper"; default: calibrated if the model has
        a calibration.
    """

    def __init__(
        self,
        model: VideoTextMEE,
        clips: Clips,
        words: Words | None = None,
        clip_ids: torch.Tensor | None = None,
        videos: Videos | None = None,
        score: str | None = None,
    ) -> None:
        self.model, self.clips, self.videos = model, clips, videos
        self.scores = ["paper"] if model.calibration is None else ["calibrated", "paper"]
        self.score = score or self.scores[0]
        if self.score not in self.scores:
            raise DemoError(
                "the model has no calibration: `mee calibrate MODEL CLIPS`, with its training clips, gives it one"
            )
        self.words, self.experts = check_compatible(model, clips, words or clips.words)
        clip_ids = torch.cat([clips.clips_in("val"), clips.clips_in("test")]) if clip_ids is None else clip_ids
        clip_ids = clip_ids if len(clip_ids) else torch.arange(len(clips))
        self.number = {clips.ids[i]: i for i in clip_ids.tolist()}
        self.index = ClipIndex.build(model, clips, clip_ids, words=self.words, progress=False)
        self.captions: dict[str, str] = {}  # in lower case -> as written; clips may share a caption
        for text in filter(self.words.ids, self.own_captions(clip_ids)[:CAPTIONS]):
            self.captions.setdefault(text.lower(), text)
        texts = list(self.captions)
        parts = [encode_query(self.index, texts[i : i + 512]) for i in range(0, len(texts), 512)]
        self._caption_embedding = TextEmbedding.concat(parts) if parts else None

    def answer(
        self, text: str, experts: Sequence[str] | None = None, k: int = SHOWN, score: str | None = None
    ) -> Answer:
        """The best ``k`` clips for ``text``, which may be any str, by ``score``; ``experts``: use only these."""
        text, truncated = clean(text)
        chosen = [name for name in self.experts if experts is None or name in experts]
        out, score = Answer(text, score=score or self.score), score or self.score
        known, unknown = self.words.ids(text), list(dict.fromkeys(self.words.unknown(text)))
        if truncated:
            out.notes.append(f"That was long: the first {LIMIT} letters were read.")
        if (limit := self.model.config.max_words) and len(known) > limit:
            out.notes.append(f"The model reads the first {limit} known words.")
        if unknown:
            named = ", ".join([f"“{word[:40]}”" for word in unknown[:12]] + ["..."] * (len(unknown) > 12))
            rest = "; the rest was searched for." if known else "."
            out.notes.append(f"Not in the vocabulary of {len(self.words):,} words: {named}{rest}")
        if not known or not chosen:
            hint = "Type what you can see or hear, in English words, or press one of the examples."
            out.notes.append("Keep at least one expert: with none, there is nothing to compare." if known else hint)
            return out
        query = encode_query(self.index, [text])
        weights = {name: float(query.weights[0, self.model.experts.index(name)]) for name in chosen}
        out.weights = {name: weight / sum(weights.values()) for name, weight in weights.items()}
        by_all = self.index.search(query, max(k, DEPTH), score=score)[0]
        hits = by_all[:k] if chosen == self.experts else self.index.search(query, k, experts=chosen, score=score)[0]
        out.hits = [hit for hit in hits if hit.weight]  # a clip that has none of these experts fits no sentence
        rank = {hit.id: i for i, hit in enumerate(by_all[:DEPTH], 1)}
        out.full_ranks = [rank.get(hit.id) for hit in out.hits]
        return out

    def sentences(
        self, id: str, experts: Sequence[str] | None = None, k: int = SHOWN, score: str | None = None
    ) -> list[tuple[str, float, bool]]:
        """Video to text: the ``k`` captions that score best with clip ``id``: (sentence, score, whether its own)."""
        number = self.number[id]
        present = dict(zip(self.clips.experts, self.clips.present[number].tolist(), strict=True))
        chosen = [name for name in self.experts if present[name] and (experts is None or name in experts)]
        if self._caption_embedding is None or not chosen:
            return []
        with eval_mode(self.model):
            video = self.model.embed_video(*self.clips.video([number], chosen, self.model.config.max_frames))
            calibration = None if (score or self.score) == "paper" else self.index.calibration
            if calibration is None or experts is None or set(self.experts) <= set(experts):
                scores = self.model.score(self._caption_embedding, video, calibration=calibration)
            else:  # as in a search that leaves experts out
                scores = calibration.z(self._caption_embedding, video)
            best = scores[:, 0].topk(min(k, len(self.captions)))
        own = {text.lower() for text in self.own_captions([number])}
        keys = [list(self.captions)[i] for i in best.indices.tolist()]
        return [(self.captions[key], score, key in own) for key, score in zip(keys, best.values.tolist(), strict=True)]

    def own_captions(self, clip_ids: torch.Tensor | list[int]) -> list[str]:
        """The captions of these clips, as written; none if the file keeps only their word vectors."""
        texts = self.clips.texts
        return [] if texts is None else [texts[i] for i in self.clips.captions_of(clip_ids)[0].tolist()]

    def examples(self, count: int = 6) -> list[str]:
        """Sentences to try: for TinyClips some that show what works and what does not, else captions of the clips."""
        if self.clips.title == "TinyClips":
            return EXAMPLES[:count]
        return list(self.captions.values())[:: max(1, len(self.captions) // count)][:count]


def clean(text: str) -> tuple[str, bool]:
    """``text`` on one line, without what cannot be shown, at most ``LIMIT`` letters; and whether it was truncated."""
    text = text[: 4 * LIMIT].encode("utf-8", "replace").decode()  # half a surrogate pair could not be sent back
    text = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", " ", text).split())
    return text[:LIMIT].strip(), len(text) > LIMIT


def heard(facts: dict) -> str:
    """The sound of a TinyClip's facts in words, for those who cannot hear it; empty if the facts have none.

    A sound lasts as long as its film: "Heard throughout: a high bell", "Heard: nothing".
    """
    sound, pitch = facts.get("sound"), facts.get("pitch")
    if not isinstance(sound, str) or not sound.strip():
        return ""
    if sound == "silence":
        return "Heard: nothing"
    name = {"tune_up": "rising tune", "tune_down": "falling tune"}.get(sound, clean(sound)[0])
    several = name in ("applause", "birds", "crickets", "rain", "surf")  # words without an article
    return "Heard throughout: " + " ".join(["a"] * (not several) + [str(pitch)] * (pitch in ("low", "high")) + [name])


def check_compatible(model: VideoTextMEE, clips: Clips, words: Words | None) -> tuple[Words, list[str]]:
    """``words`` and the experts to use; :class:`DemoError` unless the model describes the clips and reads sentences."""
    config = model.config
    shared = [name for name in model.experts if name in clips.experts]
    if not shared:
        raise DemoError(
            f"{clips.name} has the experts {list(clips.experts)}, the model {model.experts}: none in common. Name the "
            "clip file that the model was trained on, or one that was made in the same way"
        )
    for name in shared:
        expert = clips.experts[name]
        dim, kind = config.experts[name][0], "sequence" if name in config.clusters else "vector"
        if (expert.kind, expert.dim) != (kind, dim):
            raise DemoError(
                f"{clips.name}: expert {name!r} is a {expert.kind} of {expert.dim}; the model was trained on a {kind} "
                f"of {dim}. Name clips whose features were made in the same way"
            )
    if words is None:
        raise DemoError(f"neither the model nor {clips.name} has a vocabulary, so no sentence can be read")
    if words.dim != config.word_dim:
        raise DemoError(f"{clips.name}: word vectors of {words.dim}; the model reads {config.word_dim}")
    return words, shared


def load(options: argparse.Namespace) -> SearchService:
    """The service that the command line asks for; :class:`DemoError` if something does not fit."""
    if options.model and not options.clips:
        raise DemoError(f"name both a model and a clip file: mee demo MODEL CLIPS (got {options.model} alone)")
    clips = read_clips(options.clips or TINYCLIPS)
    videos = Videos(clips, options.videos)
    clip_ids = torch.cat([clips.clips_in(split) for split in options.split]) if options.split else None
    if clip_ids is not None and not len(clip_ids):
        raise DemoError(f"{clips.name}: it has no clip in {' or '.join(options.split)}")
    model, words = load_model(options.model or SMALL_MODEL)
    return SearchService(model.float(), clips, words, clip_ids, videos, options.score)
