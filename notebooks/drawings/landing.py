"""The search that plays on the book's first page: _static/landing.html, and its films in _static/landing.

    python notebooks/drawings/landing.py

The small model that comes with the book answers four sentences, and the page shows what it found, right or wrong.
"""

import shutil
import sys
from html import escape
from pathlib import Path

BOOK = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BOOK), str(BOOK / "drawings"), str(BOOK.parent / "data_scripts")]

from kit import HATCHES  # noqa: E402
from lesson import EXPERTS, describe  # noqa: E402

# sentence: whether a film with these facts answers it
SENTENCES = {
    "deep under water a phone rings": lambda facts: (facts["place"], facts["sound"]) == ("underwater", "phone"),
    "something spins while a bell rings": lambda facts: (
        facts["sound"] == "bell" and "spin" in {thing["motion"] for thing in facts["things"]}
    ),
    "a person with long hair and glasses": lambda facts: (
        bool(facts["face"]) and facts["face"]["style"] == "long" and facts["face"]["glasses"]
    ),
    "a yellow car at the seaside": lambda facts: (
        facts["place"] == "beach" and ("yellow", "car") in {(t["colour"], t["shape"]) for t in facts["things"]}
    ),
}
SHOWN, SIZE, EVERY = 3, (224, 168), 2  # results per sentence, pixels of a film, every second of its frames

SCRIPT = """
(function (root) {
  const panels = [...root.querySelectorAll("[data-panel]")], buttons = [...root.querySelectorAll("[data-ask]")];
  const pause = root.querySelector("[data-pause]"), still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let now = 0, timer = null;
  function show(index) {
    now = index;
    panels.forEach((panel, i) => { panel.hidden = i !== index; });
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", i === index));
  }
  function play(on) {
    clearInterval(timer);
    timer = on ? setInterval(() => show((now + 1) % panels.length), 6000) : null;
    pause.textContent = on ? "Pause" : "Play";
  }
  buttons.forEach((button, i) => button.addEventListener("click", () => { play(false); show(i); }));
  pause.addEventListener("click", () => play(timer === null));
  show(0);
  play(!still);
})(document.getElementById("landing"));
"""


def answers():
    """(the clips, sentence -> its Answer): what the small model finds among the thousand films that it never saw."""
    from mee import load_model, read_clips
    from mee.demo import SearchService

    clips = read_clips(BOOK / "data" / "tinyclips.h5")
    model, words = load_model(BOOK / "data" / "tinyclips_model.pt")
    search = SearchService(model.float(), clips, words)
    return clips, {sentence: search.answer(sentence, k=SHOWN) for sentence in SENTENCES}


def film(facts, path):
    """A film of TinyClips without its sound, and one of its frames for readers who asked for less motion."""
    from make_tinyclips import FPS, Script, render
    from PIL import Image

    frames, *_ = render(Script.from_dict(facts))
    pictures = [Image.fromarray(frame).resize(SIZE, Image.LANCZOS) for frame in frames[::EVERY]]
    more = {"append_images": pictures[1:], "duration": 1000 * EVERY // FPS, "loop": 0}
    pictures[0].save(path, save_all=True, quality=35, method=6, **more)
    pictures[len(pictures) // 2].save(path.with_suffix(".still.webp"), quality=60, method=6)


def bar(values, label):
    """Numbers of experts as one bar: of each colour and hatch as much as its part of the positive sum."""
    total = sum(max(value, 0) for value in values.values())
    left, parts = 0.0, []
    for name in EXPERTS:
        if values.get(name, 0) > 0:
            width = 100 * values[name] / total
            parts.append(f'<rect x="{left:.1f}%" width="{width:.1f}%" height="14" fill="url(#landing-{name})"/>')
            left += width
    return f'<svg role="img" aria-label="{escape(label)}" width="100%" height="14">{"".join(parts)}</svg>'


def page(clips, found):
    """The HTML, which says all it says without its script too."""
    defs = "".join(
        f'<pattern id="landing-{name}" width="8" height="8" patternUnits="userSpaceOnUse"><rect width="8" height="8" '
        f'fill="{style["color"]}"/>{HATCHES[style["hatch"]].format(style["edgecolor"])}</pattern>'
        for name, style in EXPERTS.items()
    )
    names = [name for name in EXPERTS if name in clips.experts]
    keys = "".join(
        f'<span><svg width="14" height="14" aria-hidden="true"><rect width="14" height="14" '
        f'fill="url(#landing-{name})"/></svg> {name}</span> '
        for name in names
    )
    buttons, panels = [], []
    for number, (sentence, answer) in enumerate(found.items()):
        buttons.append(f'<button type="button" data-ask aria-pressed="{str(not number).lower()}">{sentence}</button>')
        items = []
        for hit in answer.hits:
            facts = clips.facts[clips.ids.index(hit.id)]
            what, right = describe(facts), SENTENCES[sentence](facts)
            most = max(hit.parts, key=hit.parts.get)
            file = f"_static/landing/{hit.id}"
            items.append(
                f'<li><picture><source srcset="{file}.still.webp" media="(prefers-reduced-motion: reduce)">'
                f'<img src="{file}.webp" alt="A film: {escape(what)}" width="{SIZE[0]}" height="{SIZE[1]}" '
                'loading="lazy">'
                f"</picture>{bar(hit.parts, f'most of its score comes from {most}')}"
                f"<span>{'✓' if right else '✗'} {escape(what)}</span></li>"
            )
        weights = ", ".join(f"{name} {answer.weights[name]:.2f}" for name in names)
        panels.append(
            f"<div data-panel{' hidden' if number else ''}><p>“{sentence}” trusts {weights}.</p>"
            f"{bar(answer.weights, weights)}<ol>{''.join(items)}</ol></div>"
        )
    return (
        '<div id="landing" role="group" aria-label="A search: four sentences, and the films that a model finds">'
        f'<svg width="0" height="0" aria-hidden="true" style="position: absolute"><defs>{defs}</defs></svg>'
        f'<div class="ask">{"".join(buttons)}<button type="button" data-pause>Pause</button></div>'
        f'{"".join(panels)}<p class="keys">{keys}</p></div>\n<script>{SCRIPT}</script>\n'
    )


def main():
    clips, found = answers()
    folder = BOOK / "_static" / "landing"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for id in {hit.id for answer in found.values() for hit in answer.hits}:
        film(clips.facts[clips.ids.index(id)], folder / f"{id}.webp")
    (BOOK / "_static" / "landing.html").write_text(page(clips, found), encoding="utf-8")
    for sentence, answer in found.items():
        print(sentence, [(hit.id, describe(clips.facts[clips.ids.index(hit.id)])) for hit in answer.hits], sep="\n  ")


if __name__ == "__main__":
    main()
