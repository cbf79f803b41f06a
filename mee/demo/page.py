"""The search page in Gradio: its HTML, its server, and what ``mee demo`` does (lesson 15)."""

import argparse
import base64
import importlib.util
import os
import re
import socket
from collections.abc import Container
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any

from mee.demo.service import DEPTH, SHOWN, Answer, DemoError, SearchService, clean, heard, load
from mee.search import Hit

CSS = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
# Gradio has no arguments for these: a screen reader hears what changes, and new sentences get the focus
READY = """() => {
  const set = (id, attributes) => Object.entries(attributes).forEach(([name, value]) =>
    document.getElementById(id).setAttribute(name, value));
  set("status", {role: "status"});
  set("sentences", {tabindex: "-1", role: "region", "aria-label": "Sentences for a clip"});
}"""
FOCUS = """() => { setTimeout(() => document.getElementById("sentences").focus(), 50); }"""
SCORES = {"calibrated": "calibrated", "paper": "the paper's"}
SCORES_INFO = "The paper's score is a weighted mean of similarities; the calibrated one asks how unusual they are."
# an address whose host is what it seems to be: no user name before it, and no letters that look like others
ADDRESS = re.compile(r"https?://([\w.-]+)(:\d+)?([/?#][!-~]*)?", re.ASCII)
YOUTUBE = {"youtube.com", "www.youtube.com", "m.youtube.com", "youtu.be"}
HINT = '<p class="hint">The button below a clip finds the sentences that fit it.</p>'
COLOURED = ("appearance", "motion", "audio", "face", "text")  # as the book draws them (style.css); others take turns


def bar_html(value: float) -> str:
    """A number from -1 to 1 in digits, and as a bar that only the eye sees."""
    width, minus = round(100 * min(abs(value), 1)), " minus" if value < 0 else ""
    return f'<span class="bar{minus}" aria-hidden="true"><i style="width: {width}%"></i></span> {value:z.2f}'


def part_class(name: str, experts: list[str]) -> str:
    """The class that gives an expert its colour and hatch in bars."""
    others = [expert for expert in experts if expert not in COLOURED]
    return f"part {name}" if name in COLOURED else f"part other{others.index(name) % 3}"


def answer_html(answer: Answer, total: int) -> str:
    """The notes, the best of ``total`` clips and the weights, as a screen reader reads them aloud."""
    lines = [escape(note) for note in answer.notes]
    if answer.hits:
        first = f"{escape(answer.hits[0].id)} with a score of {answer.hits[0].score:.2f}"
        if answer.score == "calibrated":
            first += ", where clips that do not fit get about 0 or less"
        lines.append(
            f"The best {len(answer.hits)} of {total:,} clips for “{escape(answer.text)}”: first {first}. "
            "How far the sentence trusts each expert:"
        )
    names = list(answer.weights)
    keys = {name: f'<i class="key {part_class(name, names)}" aria-hidden="true"></i>' for name in names}
    items = "".join(
        f"<li>{keys[name]} <b>{escape(name)}</b> {bar_html(weight)}</li>" for name, weight in answer.weights.items()
    )
    return "".join(f"<p>{line}</p>" for line in lines) + (f'<ul class="trust">{items}</ul>' if items else "")


def percent_per_point(hits: list[Hit]) -> float:
    """How wide one point of score is drawn, so that the bars of all hits have one scale and fit."""
    added = [sum(value for value in parts_of(hit).values() if value > 0) for hit in hits]
    taken = [-sum(value for value in parts_of(hit).values() if value < 0) for hit in hits]
    return min(70 / max(*added, 0.01), 28 / max(*taken, 0.01))


def parts_of(hit: Hit) -> dict[str, float]:
    """What adds up to a hit's score: of each expert, and, under an empty name, the hubness taken off."""
    return {**hit.parts, "": -hit.hubness} if hit.hubness else dict(hit.parts)


def parts_html(hit: Hit, experts: list[str], scale: float) -> str:
    """A hit's score as a bar, for the eye only: what adds to it is right of the line, what is taken off is left."""
    sides: tuple[list[str], list[str]] = ([], [])
    for name, value in parts_of(hit).items():
        look = part_class(name, experts) if name else "part hubness"
        sides[value > 0].append(f'<i class="{look}" style="width: {abs(value) * scale:.1f}cqw"></i>')
    taken, added = ("".join(side) for side in sides)
    return f'<div class="parts" aria-hidden="true"><span>{taken}</span><span>{added}</span></div>'


def clip_html(
    service: SearchService,
    hit: Hit,
    rank: int,
    full_rank: int | None = None,
    left_out: Container[str] = (),
    scale: float | None = None,
) -> str:
    """A hit: its film or pictures, a caption, its score as a bar, and, folded, what each expert adds to the score.

    Where experts are ``left_out``, ``full_rank``, the clip's rank with all experts, stands beside the score. ``scale``:
    :func:`percent_per_point` of all hits that are shown.
    """
    rows = ""
    for name in service.experts:
        cells = f'<td colspan="3">{"left out" if name in left_out else "absent in this clip"}</td>'
        if name in hit.weight:
            values = f"<td>{bar_html(hit.weight[name])}</td><td>{bar_html(hit.similarity[name])}</td>"
            cells = f"{values}<td>{hit.parts[name]:+z.2f}</td>"
        rows += f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'
    if hit.hubness:
        why = "taken off: fits other sentences, too" if hit.hubness > 0 else "added: fits few other sentences"
        rows += f'<tr><th scope="row" colspan="3">{why}</th><td>{-hit.hubness:+z.2f}</td></tr>'
    number, facts = service.number[hit.id], service.clips.facts
    moved = f", rank {full_rank or f'beyond {DEPTH}'} with all experts" if left_out else ""
    captions = service.own_captions([number])
    return (
        f"{pictures_html(service, number)}"
        f'<h3>{rank}. {escape(hit.id)}</h3><p class="score">score {hit.score:.2f}{moved}</p>'
        + (f'<p class="caption">{escape(captions[0])}</p>' if captions else "")
        + parts_html(hit, service.experts, scale or percent_per_point([hit]))
        + '<details><summary>How the score is made</summary><table><tr><td></td><th scope="col">weight</th>'
        f'<th scope="col">similarity</th><th scope="col">adds</th></tr>{rows}</table></details>'
        f"{facts_html(facts[number]) if facts else ''}"
    )


def facts_html(facts: Any) -> str:
    """What a clip's facts say of its sound and its source: words read on screen, category, address; or nothing.

    Facts may be anything that JSON can hold; whatever does not have the expected form is skipped.
    """
    facts = facts if isinstance(facts, dict) else {}
    text, category, url, start = map(facts.get, ("text", "category", "url", "start"))
    read = [clean(line)[0] for line in text if isinstance(line, str)] if isinstance(text, list) else []
    items = [escape(line) for line in [heard(facts)] if line]
    for name, value in (("Words on screen", " / ".join(filter(None, read))), ("Category", category)):
        words, truncated = clean(value) if isinstance(value, str) else ("", False)
        if words:
            items.append(f"{name}: {escape(words)}{' ...' * truncated}")
    if isinstance(url, str) and (address := ADDRESS.fullmatch(url)):
        where = f"Source video on {address[1]}"
        if isinstance(start, int | float) and 0 <= start < 360_000:
            minutes, seconds = divmod(int(start), 60)
            where += f", from {minutes}:{seconds:02}"
            if address[1] in YOUTUBE:
                url = url.partition("#")[0]
                url += f"{'&' if '?' in url else '?'}t={int(start)}s"
        items.append(f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{where}</a>')
    return f'<ul class="facts">{"".join(f"<li>{item}</li>" for item in items)}</ul>' if items else ""


def pictures_html(service: SearchService, number: int) -> str:
    """The video and the storyboard of clip ``number``, if there are any."""
    clips, captions = service.clips, service.own_captions([number])
    label = escape(clips.ids[number] + (f". Caption: {captions[0]}" if captions else ""))
    board = ["data:image/jpeg;base64," + base64.b64encode(picture).decode() for picture in clips.storyboard(number)]
    out = ""
    if service.videos and number in service.videos:
        poster = f'poster="{board[len(board) // 2]}"' if board else ""
        out = f'<video controls preload="none" src="video/{number}" {poster} aria-label="Video {label}"></video>'
    if board:
        images = "".join(f'<img src="{picture}" alt="">' for picture in board)
        out += f'<div class="board" role="img" aria-label="Pictures of {label}">{images}</div>'
    return out or "There are no pictures of this clip."


def sentences_html(service: SearchService, id: str, experts: list[str] | None = None, score: str | None = None) -> str:
    """The sentences that fit clip ``id`` best; its own captions are marked."""
    found = service.sentences(id, experts, score=score)
    if not found:
        return "<p>There is no caption to choose from, or no expert that this clip has.</p>"
    items = "".join(
        f"<li>{escape(text)} <span>{value:.2f}{', its own' * own}</span></li>" for text, value, own in found
    )
    note = "Each sentence brings its own weights, so these scores are on another scale than those of the clips."
    if (score or service.score) == "calibrated":
        note = "Each score compares with what other clips get for the same sentence."
    return (
        f"<p>The best of {len(service.captions):,} captions for <strong>{escape(id)}</strong>. Its own are marked.</p>"
        f"<ol>{items}</ol><p>{note}</p>"
    )


def build_page(service: SearchService) -> Any:
    """The page for a service, as ``gradio.Blocks``."""
    gr = import_gradio()

    def ask(text: str, experts: list[str], score: str) -> list:
        answer = service.answer(text, experts, score=score)
        left_out = [name for name in service.experts if name not in experts]
        out = [answer_html(answer, len(service.index)), [hit.id for hit in answer.hits], HINT]
        scale = percent_per_point(answer.hits) if answer.hits else None
        for rank, (hit, full_rank) in enumerate(zip(answer.hits, answer.full_ranks, strict=True), 1):
            html = clip_html(service, hit, rank, full_rank, left_out, scale)
            out += [gr.update(visible=True), html, f"Sentences for {hit.id}"]
        return out + [gr.update(visible=False), "", ""] * (SHOWN - len(answer.hits))

    source = service.clips.title or Path(service.clips.name).name
    intro = (
        f"{len(service.index):,} clips of {source}, described by experts: {', '.join(service.experts)}. "
        "Not every clip has all of them."
    )
    with gr.Blocks(title="Find a clip with a sentence", analytics_enabled=False) as blocks:
        gr.HTML(f"<h1>Find a clip with a sentence</h1><p>{escape(intro)}</p>", elem_id="head")
        with gr.Row(elem_id="ask"):
            text = gr.Textbox(label="Your sentence", placeholder="What can you see or hear?", scale=6, min_width=220)
            button = gr.Button("Search", variant="primary", scale=1, min_width=110)
        with gr.Row(elem_id="examples"):
            examples = [gr.Button(example, size="sm", min_width=80) for example in service.examples()]
        with gr.Row(elem_id="options"):
            experts = gr.CheckboxGroup(service.experts, value=service.experts, label="Use these experts", min_width=300)
            choices = [(SCORES[name], name) for name in service.scores]
            options = {"value": service.score, "label": "Score", "info": SCORES_INFO, "elem_id": "score"}
            score = gr.Radio(choices, visible=len(choices) > 1, min_width=300, **options)
        status = gr.HTML(elem_id="status")
        with gr.Row(elem_id="found"):
            with gr.Column(scale=3, min_width=300):
                gr.HTML("<h2>Clips</h2>")
                with gr.Row(elem_id="clips"):
                    slots = []
                    for _ in range(SHOWN):
                        with gr.Column(visible=False, elem_classes="clip", min_width=240) as slot:
                            slots.append((slot, gr.HTML(), gr.Button(size="sm")))
            with gr.Column(scale=1, min_width=300, elem_id="side"):
                gr.HTML("<h2>Sentences for a clip</h2>")
                sentences = gr.HTML(HINT, elem_id="sentences")
        ids = gr.State([])
        quiet = {"show_progress": "hidden", "trigger_mode": "always_last", "api_visibility": "private"}
        outputs = [status, ids, sentences, *(part for slot in slots for part in slot)]
        question = [text, experts, score]
        for event in (text.submit, button.click, experts.input, score.input):
            event(ask, question, outputs, **quiet)
        for example in examples:
            example.click(lambda words: words, example, text, **quiet).then(ask, question, outputs, **quiet)
        for i, (_, _, of_clip) in enumerate(slots):
            of_clip.click(
                lambda ids, *how, i=i: sentences_html(service, ids[i], *how) if i < len(ids) else HINT,
                [ids, experts, score],
                sentences,
                **quiet,
            ).then(None, js=FOCUS)
    return blocks


def build_app(service: SearchService) -> Any:
    """The page and its videos as a FastAPI application."""
    gr = import_gradio()
    from fastapi import FastAPI, HTTPException
    from fastapi.responses import FileResponse

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/video/{number}")
    def video(number: int) -> FileResponse:
        if not service.videos or number not in service.videos:
            raise HTTPException(404, "no such video")
        return FileResponse(service.videos.path(number))

    # no fonts from other hosts
    theme = gr.themes.Base(
        primary_hue="red", neutral_hue="gray", font=["system-ui", "sans-serif"], font_mono=["monospace"]
    )
    page = build_page(service)
    return gr.mount_gradio_app(app, page, "/", theme=theme, css=CSS, js=READY, footer_links=[], ssr_mode=False)


def import_gradio() -> Any:
    """Gradio, which takes seconds to import, without its usage statistics and its check for a newer version."""
    for name in ("GRADIO_ANALYTICS_ENABLED", "GRADIO_RUN_HISTORY"):
        os.environ[name] = "False"
    import gradio

    return gradio


def run(options: argparse.Namespace) -> None:
    """``mee demo``: serve the page until Ctrl-C; :class:`DemoError` if it cannot open."""
    if not importlib.util.find_spec("gradio"):
        raise DemoError('gradio is missing: pip install "mee[search,demo]" brings what the page needs')
    service = load(options)
    try:
        listener = socket.create_server((options.host, options.port))
    except (OSError, OverflowError) as error:
        raise DemoError(f"{options.host}, port {options.port}: {error}; --port 0 takes any free port") from error
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(build_app(service), log_level="warning"))
    host, port = listener.getsockname()[:2]
    print(f"The page: http://{host}:{port} (Ctrl-C stops it)", flush=True)
    if not host.startswith("127."):
        print("Anyone who can reach this machine can look at these clips.", flush=True)
    with listener, suppress(KeyboardInterrupt):
        server.run([listener])
