"""The search page: ``python -m mee.demo`` opens it on this machine, for nobody else (lesson 14).

Type a sentence and see the best clips, each with its score and with what every expert said; take experts away and see
the ranking change; ask which sentences fit a clip. Nothing on the page comes from elsewhere, fonts included.

From the shell::

    python -m mee.demo                       # TinyClips, and a small model that is trained first, in half a minute
    python -m mee.demo run/model.pt mine.h5  # a model of mee.train, and clips to search
    python -m mee.demo run/model.pt mine.h5 --films FOLDER   # with the films themselves: FOLDER/ID.mp4

The page needs Gradio: ``pip install -e '.[demo]'``.
"""

import argparse
import base64
import importlib.util
import os
import re
import shutil
import socket
import sys
import tempfile
import threading
import weakref
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import torch

from mee.data import ClipFileError, Clips
from mee.search import ClipIndex
from mee.train import CheckpointError, fit, load_model

REPOSITORY = Path(__file__).parents[1]
CACHE = Path("runs/demo/model.pt")  # in the current folder
QUICK = {"epochs": 16, "lr": 2e-3, "loss": "info-nce", "dim": 256, "text_clusters": 16, "sequence_clusters": 8}
SHOWN, LIMIT, DEPTH, CAPTIONS = 8, 500, 200, 20_000  # clips shown; letters read; ranks compared; sentences offered
FILMS = (".mp4", ".m4v", ".webm", ".ogv", ".mov")  # what browsers may play
TINYCLIPS = [
    "deep under water a phone rings",
    "something spins quickly while a bell rings",
    "a person with long hair and glasses",
    "a red car",
    "a city street without a person",
    "a dog chases a cat",
]


class DemoError(ValueError):
    """The page cannot be opened; the message says what is wrong and how to mend it."""


# ---------------------------------------------------------------------------------------------- what is asked and found


@dataclass
class Answer:
    """What there is to show for one sentence.

    text     the sentence as it was read
    notes    list of str: words that are not known, a sentence cut short, ...
    weights  expert -> how far the sentence trusts it, of those that have a say; they sum to 1
    hits     list of :class:`mee.search.Hit`, best first
    before   for each hit its rank, from 1, if all experts have a say; None: it is beyond those compared
    """

    text: str
    notes: list = field(default_factory=list)
    weights: dict = field(default_factory=dict)
    hits: list = field(default_factory=list)
    before: list = field(default_factory=list)


class Search:
    """A model and clips, ready to be asked.

    model, words  what :func:`mee.train.load_model` gives; ``words=None``: the vocabulary of ``clips``
    clips         :class:`mee.data.Clips`
    rows          numbers of the clips to search (default: those that no training saw, or all if there are none)
    films         :class:`Films` (default: without)

    Raises :class:`DemoError` where model and clips do not fit.
    """

    def __init__(self, model, clips, words=None, rows=None, films=()):
        self.model, self.clips, self.words, self.films = model, clips, words or clips.words, films
        _check(model, clips, self.words)
        rows = torch.cat([clips.clips_in("val"), clips.clips_in("test")]) if rows is None else torch.as_tensor(rows)
        rows = rows if len(rows) else torch.arange(len(clips))
        self.experts = [name for name in model.experts if name in clips.experts]
        self.number = {clips.ids[i]: i for i in rows.tolist()}
        self.index = ClipIndex.build(model, clips, rows, words=self.words, progress=False)
        self.captions = {}  # each sentence once: two clips may share it
        for i in clips.captions_of(rows)[0][:CAPTIONS].tolist() if clips.texts is not None else []:
            self.captions.setdefault(clips.texts[i].lower(), clips.texts[i])
        self._captions = self._embed(list(self.captions)) if self.captions else None

    def answer(self, text, experts=None, k=SHOWN):
        """The best ``k`` clips for ``text``, any str, as an :class:`Answer`. ``experts``: those that have a say."""
        text, cut = _clean(text)
        experts = [name for name in self.experts if experts is None or name in experts]
        out, known, unknown = Answer(text), self.words.ids(text), list(dict.fromkeys(self.words.unknown(text)))
        if cut:
            out.notes.append(f"That was long: the first {LIMIT} letters were read.")
        if unknown:
            named = ", ".join(f"“{word[:40]}”" for word in unknown[:12]) + (", ..." if len(unknown) > 12 else "")
            ending = "; the rest was searched for." if known else "."
            out.notes.append(f"Not in the vocabulary of {len(self.words):,} words: {named}{ending}")
        if not known:
            out.notes.append("Type what is to be seen or heard, in English words, or press one of the examples.")
        elif not experts:
            out.notes.append("Leave at least one expert: with none there is nothing to compare.")
        if not known or not experts:
            return out
        weights = dict(zip(self.model.experts, self._embed([text])[1][0].tolist(), strict=True))
        total = sum(weights[name] for name in experts) or 1
        out.weights = {name: weights[name] / total for name in experts}
        # a clip that has none of these experts fits no sentence
        out.hits = [hit for hit in self.index.search(text, k, experts=experts) if hit.weight]
        rank = {hit.id: i for i, hit in enumerate(self.index.search(text, DEPTH), 1)}
        out.before = [rank.get(hit.id) for hit in out.hits]
        return out

    @torch.no_grad()
    def sentences(self, id, experts=None, k=SHOWN):
        """Video to text: the ``k`` captions that score best with clip ``id``, as (sentence, score, is it its own)."""
        number = self.number[id]
        video, mask = self.model.embed_video(*self.clips.video([number], self.experts))
        mask = mask & torch.tensor([experts is None or name in experts for name in self.model.experts])
        if not self.captions or not mask.any():
            return []
        video = {name: video[name] * mask[:, [i]] for i, name in enumerate(self.model.experts)}
        best = self.model.score(self._captions, (video, mask))[:, 0].topk(min(k, len(self.captions)))
        own = {self.clips.texts[i].lower() for i in self.clips.captions_of([number])[0].tolist()}
        keys = [list(self.captions)[i] for i in best.indices.tolist()]
        return [(self.captions[key], score, key in own) for key, score in zip(keys, best.values.tolist(), strict=True)]

    def examples(self, count=6):
        """Sentences to try: for TinyClips some that show what it can do and what not, else captions of the clips."""
        if self.clips.title == "TinyClips":
            return TINYCLIPS[:count]
        return list(self.captions.values())[:: max(1, len(self.captions) // count)][:count]

    @torch.no_grad()
    def _embed(self, texts, chunk=512):
        """``texts`` with the model's own words (those of the clip file may be others), as ``embed_text`` gives it."""
        parts = [self.model.embed_text(*self.words.batch(texts[i : i + chunk])) for i in range(0, len(texts), chunk)]
        embeddings = {name: torch.cat([part[0][name] for part in parts]) for name in self.model.experts}
        return embeddings, torch.cat([part[1] for part in parts])


def _clean(text):
    """``text`` on one line, without what cannot be shown, at most LIMIT letters; and whether it was cut."""
    text = text[: 4 * LIMIT].encode("utf-8", "replace").decode()  # half a surrogate pair would not travel back
    text = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", " ", text).split())
    return text[:LIMIT].strip(), len(text) > LIMIT


def _check(model, clips, words):
    """Raise :class:`DemoError` unless the model can describe these clips and read sentences."""
    shared = [name for name in model.experts if name in clips.experts]
    if not shared:
        raise DemoError(
            f"{clips.path} has the experts {list(clips.experts)}, the model {model.experts}: none in common. Name the "
            "clip file that the model was trained on, or one that was made in the same way"
        )
    for name in shared:
        expert, pooled = clips.experts[name], name in model.pooling
        dim = model.pooling[name].clusters.shape[0] if pooled else model.mee.video_GU[name].fc.in_features
        if expert.dim != dim or (expert.kind == "sequence") != pooled:
            raise DemoError(
                f"{clips.path}: expert {name!r} is a {expert.kind} of {expert.dim}; the model was trained on a "
                f"{'sequence' if pooled else 'vector'} of {dim}. Name clips whose features were made in the same way"
            )
    if words is None:
        raise DemoError(f"neither the model nor {clips.path} has a vocabulary, so no sentence can be read")
    if words.dim != model.text_pooling.clusters.shape[0]:
        raise DemoError(
            f"{clips.path}: word vectors of {words.dim}; the model reads {model.text_pooling.clusters.shape[0]}"
        )


class Films:
    """The films of clips: found in a folder by id or, for TinyClips, rendered when they are asked for.

    clips   :class:`mee.data.Clips`
    folder  where ID.mp4 (or .webm, ...) lie; None: those of TinyClips, if this is a clone with ``av`` and ``opencv``

    ``number in films`` says whether there is one; ``films.path(number)`` where.
    """

    def __init__(self, clips, folder=None):
        self.clips, self.found, self.lock = clips, {}, threading.Lock()
        script = REPOSITORY / "data_scripts" / "make_tinyclips.py"
        self.drawn = folder is None and clips.title == "TinyClips" and clips.facts and script.exists()
        self.drawn = bool(self.drawn and all(map(importlib.util.find_spec, ("av", "cv2"))))
        if folder is not None:
            films = [path for path in Path(folder).rglob("*") if path.suffix.lower() in FILMS]
            path = {film.relative_to(folder).with_suffix("").as_posix(): film for film in films}
            self.found = {i: path[id] for i, id in enumerate(clips.ids) if id in path}
            if not self.found:
                raise DemoError(f"{folder}: no film there is named after a clip, as in {clips.ids[0]}.mp4")

    def __contains__(self, number):
        return number in self.found or (self.drawn and 0 <= number < len(self.clips))

    def path(self, number):
        """The path (:class:`pathlib.Path`) of a clip's film, which may be rendered now."""
        with self.lock:  # a browser asks for several pieces of a film at once
            if number not in self.found:
                if not self.found:
                    self._folder = tempfile.mkdtemp(prefix="mee-films-")
                    weakref.finalize(self, shutil.rmtree, self._folder, True)  # goes when the page does
                    sys.path.append(str(REPOSITORY / "data_scripts"))
                from make_tinyclips import Script, render, write_mp4

                film = Path(self._folder) / f"{number}.mp4"
                write_mp4(film, *render(Script.from_dict(self.clips.facts[number]))[:2])
                self.found[number] = film
            return self.found[number]


# ------------------------------------------------------------------------------------------------------------- as HTML


def _bar(value):
    """A number from -1 to 1 in digits, and as a bar for the eye alone."""
    width, minus = round(100 * min(abs(value), 1)), " minus" if value < 0 else ""
    return f'<span class="bar{minus}" aria-hidden="true"><i style="width: {width}%"></i></span> {value:z.2f}'


def answer_html(answer, total):
    """What there is to say about an answer among ``total`` clips, and the weights: a screen reader reads it aloud."""
    lines = [escape(note) for note in answer.notes]
    if answer.hits:
        first = f"{escape(answer.hits[0].id)} with a score of {answer.hits[0].score:.2f}"
        lines.append(f"The best {len(answer.hits)} of {total:,} clips for “{escape(answer.text)}”: first {first}.")
        lines[-1] += " How far the sentence trusts each expert:"
    items = "".join(f"<li><b>{escape(name)}</b> {_bar(weight)}</li>" for name, weight in answer.weights.items())
    return "".join(f"<p>{line}</p>" for line in lines) + (f'<ul class="trust">{items}</ul>' if items else "")


def clip_html(search, hit, rank, before=None, left_out=()):
    """A clip that was found: its pictures or film, its score, and what every expert said.

    before    its rank if all experts have a say, which is said where some are ``left_out``
    """
    rows = ""
    for name in search.experts:
        said = f'<td colspan="2">{"left out" if name in left_out else "absent in this clip"}</td>'
        if name in hit.weight:
            said = f"<td>{_bar(hit.weight[name])}</td><td>{_bar(hit.similarity[name])}</td>"
        rows += f'<tr><th scope="row">{escape(name)}</th>{said}</tr>'
    moved = f", rank {before or f'beyond {DEPTH}'} with all experts" if left_out else ""
    return (
        f'<h3>{rank}. {escape(hit.id)}</h3><p class="score">score {hit.score:.2f}{moved}</p><div class="found">'
        f'<div>{_pictures(search, search.number[hit.id])}</div><table><tr><td></td><th scope="col">weight</th>'
        f'<th scope="col">similarity</th></tr>{rows}</table></div>'
    )


def _pictures(search, number):
    clips = search.clips
    captions = clips.captions_of([number])[0].tolist() if clips.texts is not None else []
    words = escape(clips.ids[number] + (f". Somebody says of it: {clips.texts[captions[0]]}" if captions else ""))
    board = ["data:image/jpeg;base64," + base64.b64encode(picture).decode() for picture in clips.storyboard(number)]
    out = ""
    if number in search.films:
        poster = f'poster="{board[len(board) // 2]}"' if board else ""
        out = f'<video controls preload="none" src="film/{number}" {poster} aria-label="Film {words}"></video>'
    if board:
        images = "".join(f'<img src="{picture}" alt="">' for picture in board)
        out += f'<div class="board" role="img" aria-label="Pictures of {words}">{images}</div>'
    return out or "There are no pictures of this clip."


def sentences_html(search, id, experts=None):
    """The sentences that fit clip ``id`` best; its own captions are marked."""
    found = search.sentences(id, experts)
    if not found:
        return "<p>There is no caption to choose from, or no expert that this clip has.</p>"
    items = "".join(
        f"<li>{escape(text)} <span>{score:.2f}{', its own' * own}</span></li>" for text, score, own in found
    )
    return (
        f"<p>The best of {len(search.captions):,} captions for <strong>{escape(id)}</strong>. Its own are marked.</p>"
        f"<ol>{items}</ol><p>Each sentence brings its own weights, so these scores are on another scale than those of "
        "the clips.</p>"
    )


# ------------------------------------------------------------------------------------------------------------ the page

CSS = """
.clip h3, .clip .score { display: inline; margin-right: 0.5em; }
.found { display: flex; flex-wrap: wrap; gap: 10px; margin-top: 6px; }
.found > div { flex: 1 1 140px; max-width: 240px; }
.found > table { flex: 1 1 235px; border-collapse: collapse; font-size: 0.93em; margin: 0; }
.found video { width: 100%; aspect-ratio: 4 / 3; background: #000; }
.board { display: grid; grid-template-columns: repeat(auto-fit, minmax(45px, 1fr)); gap: 2px; }
.board:only-child { grid-template-columns: repeat(auto-fit, minmax(65px, 1fr)); }
.board img { width: 100%; margin: 0; }
.found table, .found tr, .found th, .found td { border: 0 !important; background: none !important; }
.found th, .found td { padding: 1px 4px 1px 0 !important; text-align: start; font-weight: normal; }
.found th { max-width: 9em; overflow-wrap: break-word; }
.bar { display: inline-block; width: 2.2em; height: 0.7em; border: 1px solid currentColor; }
.bar i { display: block; height: 100%; background: currentColor; }
.bar.minus i { background: repeating-linear-gradient(45deg, currentColor 0 2px, transparent 2px 5px); }
.trust { display: flex; flex-wrap: wrap; gap: 2px 2em; list-style: none !important; padding: 0 !important; }
.trust b { display: inline-block; min-width: 6em; font-weight: normal; }
.trust .bar { width: 6em; }
"""
PAGE_CSS = """
footer { display: none !important; }
.gradio-container h1, .gradio-container h2, .gradio-container h3 { margin: 0 0 4px; }
#clips { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 390px), 1fr)); gap: 12px; }
.clip { border: 1px solid var(--border-color-primary); border-radius: 8px; padding: 10px; }
#sentences { position: sticky; top: 8px; }
#sentences li span { opacity: 0.85; white-space: nowrap; }
#status p, #sentences p { overflow-wrap: anywhere; }
"""
# Gradio has no arguments for these: what changes is read aloud, and the sentences get the focus when they come
READY = """() => {
  const set = (id, attributes) => Object.entries(attributes).forEach(([name, value]) =>
    document.getElementById(id).setAttribute(name, value));
  set("status", {role: "status"});
  set("sentences", {tabindex: "-1", role: "region", "aria-label": "Sentences for a clip"});
}"""
FOCUS = """() => { setTimeout(() => document.getElementById("sentences").focus(), 50); }"""
HINT = "<p>The button below a clip finds the sentences that fit it.</p>"


def page(search):
    """The page for a :class:`Search`, as ``gradio.Blocks``."""
    gr = _gradio()

    def ask(text, experts):
        answer = search.answer(text, experts)
        left_out = [name for name in search.experts if name not in experts]
        out = [answer_html(answer, len(search.index)), [hit.id for hit in answer.hits], HINT]
        for rank, (hit, before) in enumerate(zip(answer.hits, answer.before, strict=True), 1):
            html = clip_html(search, hit, rank, before, left_out)
            out += [gr.update(visible=True), html, f"Sentences for {hit.id}"]
        return out + [gr.update(visible=False), "", ""] * (SHOWN - len(answer.hits))

    about = (
        f"{len(search.index):,} clips of {search.clips.title or search.clips.path.name}, described by experts: "
        f"{', '.join(search.experts)}. Not every clip has all of them."
    )
    with gr.Blocks(title="Find a clip with a sentence", analytics_enabled=False) as blocks:
        gr.HTML(f"<h1>Find a clip with a sentence</h1><p>{escape(about)}</p>")
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                text = gr.Textbox(label="Your sentence", placeholder="What is to be seen or heard?")
                button = gr.Button("Search", variant="primary")
            with gr.Column(scale=1, min_width=300):
                experts = gr.CheckboxGroup(search.experts, value=search.experts, label="Experts that have a say")
        gr.HTML("<h2>Examples</h2>")
        with gr.Row():
            examples = [gr.Button(example, size="sm", min_width=150) for example in search.examples()]
        status = gr.HTML(elem_id="status")
        with gr.Row():
            with gr.Column(scale=3, min_width=300):
                gr.HTML("<h2>Clips</h2>")
                with gr.Row(elem_id="clips"):
                    slots = []
                    for _ in range(SHOWN):
                        with gr.Column(visible=False, elem_classes="clip", min_width=280) as slot:
                            slots.append((slot, gr.HTML(), gr.Button(size="sm")))
            with gr.Column(scale=1, min_width=300):
                gr.HTML("<h2>Sentences for a clip</h2>")
                sentences = gr.HTML(HINT, elem_id="sentences")
        ids = gr.State([])
        quiet = {"show_progress": "hidden", "trigger_mode": "always_last", "api_visibility": "private"}
        outputs = [status, ids, sentences, *(part for slot in slots for part in slot)]
        for event in (text.submit, button.click, experts.input):
            event(ask, [text, experts], outputs, **quiet)
        for example in examples:
            example.click(lambda words: words, example, text, **quiet).then(ask, [text, experts], outputs, **quiet)
        for i, (_, _, of_clip) in enumerate(slots):
            of_clip.click(
                lambda ids, experts, i=i: sentences_html(search, ids[i], experts) if i < len(ids) else HINT,
                [ids, experts],
                sentences,
                **quiet,
            ).then(None, js=FOCUS)
    return blocks


def app(search):
    """The page and its films as a FastAPI application."""
    gr = _gradio()
    from fastapi import FastAPI, HTTPException
    from fastapi.responses import FileResponse

    web = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @web.get("/film/{number}")
    def film(number: int):
        if number not in search.films:
            raise HTTPException(404, "no such film")
        return FileResponse(search.films.path(number))

    theme = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["monospace"])  # not fonts from elsewhere
    return gr.mount_gradio_app(
        web, page(search), "/", theme=theme, css=CSS + PAGE_CSS, js=READY, footer_links=[], ssr_mode=False
    )


def _gradio():
    for name in ("GRADIO_ANALYTICS_ENABLED", "GRADIO_RUN_HISTORY"):  # no statistics, no look for a newer version
        os.environ[name] = "False"
    import gradio  # here, as it takes seconds

    return gradio


# ----------------------------------------------------------------------------------------------------------- the shell


def quick_model(clips, cache=CACHE):
    """A small model of ``clips``, trained in half a minute the first time, then kept in ``cache``; (model, words)."""
    cache = Path(cache)
    if cache.exists() and cache.stat().st_mtime >= clips.path.stat().st_mtime:
        try:
            return load_model(cache)
        except CheckpointError as error:
            print(f"{error}: it is made anew")
    print(f"A small model of {clips.title} is trained, which takes half a minute. {cache} keeps it for the next time.")
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent) as folder:
        fit(clips, out=folder, **QUICK)
        os.replace(Path(folder) / "model.pt", cache)
    return load_model(cache)


def load(options):
    """The :class:`Search` that the command line asks for."""
    if options.model and not options.clips:
        raise DemoError(
            f"name both, a model and a clip file: python -m mee.demo MODEL CLIPS (got {options.model} alone)"
        )
    path = options.clips or REPOSITORY / "notebooks" / "data" / "tinyclips.h5"
    if not options.clips and not path.exists():
        raise DemoError(
            f"{path}: TinyClips come with the repository, not with the package; clone it, or name MODEL CLIPS"
        )
    clips = Clips(path)
    films = Films(clips, options.films)
    rows = torch.cat([clips.clips_in(split) for split in options.split]) if options.split else None
    if rows is not None and not len(rows):
        raise DemoError(f"{clips.path}: it has no clip in {' or '.join(options.split)}")
    model, words = load_model(options.model) if options.model else quick_model(clips)
    return Search(model, clips, words, rows, films)


def main(arguments=None):
    options = parser().parse_args(arguments)
    try:
        if not importlib.util.find_spec("gradio"):
            raise DemoError("gradio is missing: pip install -e '.[demo]' brings what the page needs")
        search = load(options)
    except (DemoError, ClipFileError, CheckpointError, OSError) as error:
        sys.exit(f"mee.demo: {error}")
    try:
        listener = socket.create_server((options.host, options.port))
    except (OSError, OverflowError) as error:
        sys.exit(f"mee.demo: {options.host}, port {options.port}: {error}; --port 0 takes any port that is free")
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app(search), log_level="warning"))
    host, port = listener.getsockname()[:2]
    print(f"The page: http://{host}:{port} (Ctrl-C ends it)", flush=True)
    if not host.startswith("127."):
        print("Whoever reaches this machine can look at these clips.", flush=True)
    with listener:
        server.run([listener])


def parser():
    p = argparse.ArgumentParser(prog="python -m mee.demo", description="A page to search clips with a sentence.")
    p.add_argument("model", nargs="?", type=Path, metavar="MODEL", help="a model.pt of mee.train")
    p.add_argument("clips", nargs="?", type=Path, metavar="CLIPS", help="a clip file")
    p.add_argument("--split", nargs="+", choices=("train", "val", "test"), help="search these (default: val and test)")
    p.add_argument("--films", type=Path, metavar="FOLDER", help="where the films are: FOLDER/ID.mp4")
    p.add_argument("--host", default="127.0.0.1", help="who can reach the page (default 127.0.0.1: this machine)")
    p.add_argument("--port", type=int, default=7860, help="default 7860; 0: any that is free")
    return p


if __name__ == "__main__":
    main()
