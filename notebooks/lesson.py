"""What the lessons share: figures, drawings and widgets, each with words for readers who cannot see it.

`python lesson.py` installs mee beside the torch that is already installed; the lessons' first cell runs it on Colab.
"""

import base64
import html
import importlib.metadata
import importlib.util
import io
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

#: How each expert is drawn in the whole book: keywords for matplotlib's bars. They differ in lightness and hatch, and
#: stand out on a white page and on a dark one.
EXPERTS = {
    "appearance": {"color": "#3b78b8", "hatch": "", "edgecolor": "white"},
    "motion": {"color": "#a8cc78", "hatch": "xx", "edgecolor": "#3d5c14"},
    "audio": {"color": "#d9761a", "hatch": "//", "edgecolor": "#5c2c00"},
    "face": {"color": "#e6d3ef", "hatch": "..", "edgecolor": "#6b3f82"},
    "text": {"color": "#8c8c8c", "hatch": "\\\\", "edgecolor": "white"},
}


def show(figure, alt, caption=""):
    """Show a matplotlib figure in the notebook, and close it.

    figure   a matplotlib Figure
    alt      str: what it shows, for a screen reader and for a page whose pictures do not load. What a reader should see
             in it ("audio gets most of the weight for ..."), not what it is ("a bar chart")
    caption  str: a sentence below it, its claim; the book numbers figures that have one

    Raises ValueError if alt is empty.
    """
    # The picture goes into an <img> tag, because neither JupyterLab nor the book gives a figure words by itself.
    from matplotlib import pyplot

    if not alt.strip():
        raise ValueError("show(figure, alt): alt is empty; say what a reader should see in the figure")
    alt = " ".join(alt.split())
    picture = _webp(figure)
    pyplot.close(figure)  # or the notebook would show it once more, at the end of the cell
    width, height = (round(size / 2) for size in _size(picture))
    picture = base64.b64encode(picture).decode()
    _display(
        f'<img alt="{html.escape(alt)}" src="data:image/webp;base64,{picture}" width="{width}" height="{height}" '
        'style="max-width: 100%; height: auto">',
        caption,
        f"[figure: {alt}]",
    )


def _webp(figure):
    """A figure as WebP, twice as sharp as dpi says, for screens that have two pixels where a page counts one."""
    for settings in ({"lossless": True}, {"quality": 85}):  # line art is smaller lossless, photographs lossy
        file = io.BytesIO()
        figure.savefig(file, format="webp", dpi=2 * figure.dpi, bbox_inches="tight", pil_kwargs=settings)
        if len(file.getvalue()) < 60_000:
            break
    return file.getvalue()


def _size(picture):
    from PIL import Image

    return Image.open(io.BytesIO(picture)).size


def draw(name, caption=""):
    """Show a drawing of the book. name: a file of _static/drawings; caption: as in show."""
    svg = (Path(__file__).parent / "_static" / "drawings" / f"{name}.svg").read_text(encoding="utf-8")
    alt = re.search("<desc[^>]*>(.*?)</desc>", svg, re.S)[1]  # escaped already
    width = re.search(r'width="(\d+)"', svg)[1]
    # As a picture, because JupyterLab removes SVG tags from a notebook not run yet. The book puts them back.
    picture = base64.b64encode(svg.encode()).decode()
    tag = f'<img alt="{alt.replace(chr(34), "&quot;")}" src="data:image/svg+xml;base64,{picture}" width="{width}" '
    identity = re.sub(r"^\d\d_", "", name).replace("_", "-")
    _display(tag + 'style="max-width: 100%">', caption, f"[drawing: {html.unescape(alt)}]", identity)


def play_with(name, data, alt, caption=""):
    """Show something to play with: it runs in the page itself, in Jupyter, on Colab and in the book, without a kernel.

    name     a file of widgets/, JavaScript that gets ``root``, an element to fill, and ``data``
    data     numbers and words in lists and dicts, as JSON has them; floats are rounded to four digits
    alt      str: what can be done with it, and what one sees then
    caption  as in show

    In an untrusted notebook, the output shows the words instead, until its cell is run.
    """
    folder = Path(__file__).parent / "widgets"
    code = "\n".join((folder / f"{each}.js").read_text(encoding="utf-8") for each in ("kit", name))
    code = f"const EXPERTS = {json.dumps(EXPERTS)};\n{code}"
    content = json.dumps(_rounded(data), separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
    alt = " ".join(alt.split())
    _display(
        f'<div class="widget" role="group" aria-label="{html.escape(alt)}">{html.escape(alt)} (Run this cell.)</div>'
        f'<script>(function (root, data) {{ root.textContent = "";\n{code}\n}})'
        f"(document.currentScript.previousElementSibling, {content})</script>",
        caption,
        f"[something to play with: {alt}]",
        name.replace("_", "-"),
    )


def quiz(name):
    """Show a quiz in the page itself, without a kernel or a network. name: a file of quizzes/, such as "04"

    jupyterquiz shows it, a package that this asks for if it is missing. An output that an untrusted notebook holds
    shows a line of text instead, until its cell is run.
    """
    from IPython.display import display

    try:
        from jupyterquiz.dynamic.loader import load_questions_script
        from jupyterquiz.dynamic.renderer import build_script, build_styles, render_div
    except ImportError:
        print("The quiz is shown by a package that is missing here: pip install jupyterquiz")
        return
    folder, identity = Path(__file__).parent, f"quiz_{name}"
    questions = json.loads((folder / "quizzes" / f"{name}.json").read_text(encoding="utf-8"))
    for number, question in enumerate(questions, 1):
        question.pop("compute", None)  # how tests/test_quizzes.py checks the key
        question["question"] = f"<b>{number}.</b> {question['question']}"
    # From its parts, as jupyterquiz.display_quiz gives the element a random id. MathJax is hidden from its code, which
    # loads one from another host where the page's own is late; the questions have no formulas.
    begin, static, url = load_questions_script(questions, identity)
    code = build_script(begin, static, url, identity, load_js=True).replace("</", "<\\/")
    keys = (folder / "_static" / "quiz.js").read_text(encoding="utf-8")
    style = (folder / "_static" / "quiz.css").read_text(encoding="utf-8")
    words = f"A quiz of {len(questions)} questions, each with answers A to D."
    page = (
        f"{render_div(identity, False, False, False, len(questions), 680, 6, 'left')}"
        f"{build_styles(identity, {})}<style>{style}</style><p>{words} (Run this cell.)</p></div>"
        f"<script>(function (root, MathJax) {{\n{code}\n{keys}}})"
        "(document.currentScript.previousElementSibling)</script>"
    )
    display({"text/html": f'<div class="mee-quiz">{page}</div>', "text/plain": f"[quiz: {words}]"}, raw=True)


def _rounded(content):
    if isinstance(content, dict):
        return {key: _rounded(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_rounded(value) for value in content]
    return float(f"{content:.4g}") if isinstance(content, float) else content


def _display(content, caption, plain, name=""):
    from IPython.display import display

    identity = f' id="{name}"' if name else ""
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    page = f'<figure class="mee"{identity} style="margin: 1em 0">{content}{below}</figure>'
    display({"text/html": page, "text/plain": plain}, raw=True)


def describe(facts):
    """A TinyClip's facts in a line: things, place, sound, face."""
    things = " and ".join(f"{thing['colour']} {thing['shape']}" for thing in facts["things"])
    place = " ".join(filter(None, (facts["place"], facts["time"])))
    face = facts["face"]
    hair = face and ("bald" if face["style"] == "bald" else f"{face['style']} {face['hair']} hair")
    face = f"a {face['expression']} face, {hair}" if face else "no face"
    return f"{things}; {place}; {facts['sound'].replace('_', ' ')}; {face}"


def play(facts, width=448):
    """Show the film of a TinyClip's facts in a player with sound, and below it what is heard, in words.

    It is rendered now, in a second or two.
    """
    import tempfile

    from IPython.display import Video

    from mee.demo.service import heard

    scripts = str(Path(__file__).resolve().parents[1] / "data_scripts")
    if scripts not in sys.path:
        sys.path.append(scripts)
    from make_tinyclips import Script, render, write_mp4

    frames, sound, *_ = render(Script.from_dict(facts))
    with tempfile.TemporaryDirectory() as folder:
        write_mp4(f"{folder}/film.mp4", frames, sound)
        film = Path(f"{folder}/film.mp4").read_bytes()
    label = f'controls aria-label="{html.escape(describe(facts))}"'
    player = Video(film, embed=True, mimetype="video/mp4", width=width, html_attributes=label)
    words = heard(facts) + " (no sound track)" * (sound is None) + "."
    _display(f'{player._repr_html_()}<p class="heard">{words}</p>', "", f"[film: {describe(facts)}. {words}]")


def results(clips, hits, right=None, caption=""):
    """Show what a search found: for each clip, three pictures, its content, and what each expert added to its score.

    clips    a mee.Clips with storyboards, and with TinyClips' facts or with captions
    hits     the list of mee.search.Hit to show, best first, such as `search.answer(sentence).hits`
    right    ids of the clips that answer the sentence: they get a tick, the others a cross (default: neither)
    caption  as in show
    """
    from matplotlib import pyplot

    if not hits:
        print("nothing was found")
        return
    grid = {"width_ratios": [1, 1, 1, 3.2], "wspace": 0.06, "hspace": 0.5}
    figure, rows = pyplot.subplots(len(hits), 4, figsize=(9, 1.25 * len(hits)), squeeze=False, gridspec_kw=grid)
    words = []
    for rank, (hit, row) in enumerate(zip(hits, rows, strict=True), 1):
        number = clips.ids.index(hit.id)
        what = describe(clips.facts[number]) if clips.facts else clips.texts[int(clips.captions_of([number])[0][0])]
        if right is not None:
            what = ("✓ " if hit.id in right else "✗ ") + what
        for axis, jpeg in zip(row, clips.storyboard(number), strict=False):
            axis.imshow(pyplot.imread(io.BytesIO(jpeg), "jpg"))
        for axis in row:
            axis.axis("off")
        _draw_parts(row[3], hit)
        row[3].set_title(textwrap.fill(f"{rank}. {what}", 60), fontsize=10, loc="left", pad=3)
        words.append(f"{rank}. {what}; most of its score comes from {max(hit.parts, key=hit.parts.get)}.")
    limits = [row[3].get_xlim() for row in rows]
    for row in rows:  # one scale for all
        row[3].set_xlim(min(low for low, _ in limits), 1.1 * max(high for _, high in limits))
    handles = {name: bar for row in rows for bar, name in zip(*row[3].get_legend_handles_labels(), strict=True)}
    names = [name for name in EXPERTS if name in handles]
    above = {"loc": "lower center", "bbox_to_anchor": (0.5, 0.88 + 0.36 / len(hits))}  # of a title of two lines
    figure.legend([handles[name] for name in names], names, fontsize=10, ncols=len(names), **above)
    show(figure, " ".join(words).replace("✓", "right:").replace("✗", "wrong:"), caption)


def _draw_parts(axis, hit):
    """What each expert added to a hit's score, end to end; what one took off lies to the left of zero."""
    right = left = 0
    for name in filter(hit.parts.get, EXPERTS):
        value = hit.parts[name]
        axis.barh(0, value, left=right if value > 0 else left, height=0.5, label=name, **EXPERTS[name])
        right, left = right + max(value, 0), left + min(value, 0)
    axis.axvline(0, color="black", linewidth=0.8)
    axis.text(right, 0, f" {hit.score:.2f}", va="center", fontsize=10)
    axis.set_ylim(-0.5, 0.5)


def install():
    """Install mee from this clone. The installed torch stays: if mee cannot work with it, pip says so and stops."""
    wanted = [str(Path(__file__).resolve().parents[1]), "matplotlib", "av>=14.2", "jupyterquiz>=2.9.6"]
    if importlib.util.find_spec("cv2") is None:  # Colab has OpenCV under another package's name
        wanted.append("opencv-python-headless")
    _pip(wanted)


def need(*extras):
    """Make sure that what the ``extras`` of pyproject.toml name is installed: some lessons need more than mee.

    Nothing happens if it is, as after `make book`. Otherwise, as on Colab, pip installs what is missing.
    """
    missing = []
    for line in importlib.metadata.requires("mee"):
        match = re.match(r"""([\w.-]+)([^;]*);.*extra == ['"]([\w-]+)""", line)
        if not match or match[3] not in extras:
            continue
        if match[1].startswith("opencv") and importlib.util.find_spec("cv2"):
            continue  # Colab has it under another package's name
        try:
            importlib.metadata.version(match[1])
        except importlib.metadata.PackageNotFoundError:
            missing.append(match[1] + match[2].strip())
    if missing:
        print(f"installing {', '.join(missing)}", flush=True)
        _pip(missing)


def _pip(wanted):
    try:
        wanted.append(f"torch=={importlib.metadata.version('torch')}")
    except importlib.metadata.PackageNotFoundError:
        pass  # no torch yet: mee brings it
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *wanted], check=True)


if __name__ == "__main__":
    install()
