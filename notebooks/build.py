"""Turn the lessons' scripts into notebooks with outputs, exercises and slides. TEMPLATE.md says how one is written.

    python notebooks/build.py                 execute all lessons and solutions, in place; generate the exercises
    python notebooks/build.py 03 05           only these
    python notebooks/build.py --book          execute all into _build/source, where the book is built from
    python notebooks/build.py --slides        slides of the core lessons and of the quizzes, into _build/slides
    python notebooks/build.py --address URL   write the repository's address into every badge and first cell; the word
                                              origin instead of URL takes that of the clone's remote of this name

The address of the repository stands in one place, pyproject.toml's [project.urls].
"""

import argparse
import hashlib
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import jupytext
import nbformat

BOOK = Path(__file__).resolve().parent
WIDGET = "application/vnd.jupyter.widget-view+json"
KEPT = ("slideshow", "tags", "nbgrader")  # of a cell's metadata
CAPSTONE = "capstone/captions_or_clips"  # the project that is solved as an example
FOLDED = {"setup", "hide-input", "hide-cell", "remove-input"}  # code that JupyterLab folds as the book does

SETUP = """\
# @title Set-up: run this cell first
import os

if os.path.exists("../lesson.py"):
    os.chdir("..")  # exercises and solutions work in the book's folder, too
elif not os.path.exists("lesson.py"):
    # this notebook came alone, as on Colab: fetch its book and install mee
    address = os.environ.get("MEE_REPOSITORY", "ADDRESS")
    !test -d mee-book || git clone --quiet --depth 1 "{address}" mee-book
    %run mee-book/notebooks/lesson.py
    os.chdir("mee-book/notebooks")"""


# ---------------------------------------------------------------- the repository's address


def address(book=BOOK):
    """The repository's address, from the one place that holds it."""
    return tomllib.loads((book.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def of_origin(root=BOOK.parent):
    """The https address of the clone's remote ``origin``; the program ends with an error if that is not on GitHub."""
    command = ["git", "-C", str(root), "remote", "get-url", "origin"]
    found = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if found.returncode:
        sys.exit(
            f"{root}: git knows no remote named origin ({found.stderr.strip()}). Create the repository on GitHub, then "
            "git remote add origin ADDRESS, or give the address here: --address https://github.com/somebody/mee"
        )
    # git@github.com:somebody/mee.git, ssh://git@github.com/somebody/mee, https://token@github.com/somebody/mee.git
    remote = r"(?:\w+://)?(?:[^@/]+@)?(?:ssh\.)?github\.com(?::\d+)?[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?"
    match = re.fullmatch(remote, found.stdout.strip())
    if not match:
        sys.exit(f"{root}: its origin is not on github.com; give an address: --address https://github.com/somebody/mee")
    return f"https://github.com/{match[1]}"


def badges(name, url):
    """The line of badges of a notebook. name: its path in the book, such as "exercises/03_gating.ipynb"."""
    pictures = "../" * name.count("/") + "_static"
    repository = url.removeprefix("https://github.com/")
    colab = f"https://colab.research.google.com/github/{repository}/blob/main/notebooks/{name}"
    binder = f"https://mybinder.org/v2/gh/{repository}/main?labpath=notebooks%2F{name.replace('/', '%2F')}"
    return f"[![Open in Colab]({pictures}/colab.svg)]({colab})\n[![Open in Binder]({pictures}/binder.svg)]({binder})"


def setup_cell(url):
    """The first code cell of every notebook."""
    return SETUP.replace("ADDRESS", url)


def change_address(url=None, book=BOOK):
    """Write the address (a new one, if url is given) into all badges and first cells; outputs stay as they are.

    url   https://github.com/somebody/mee, or "origin" for that of the clone's remote
    """
    if url == "origin":
        url = of_origin(book.parent)
    if url:
        url = url.removesuffix("/").removesuffix(".git")
        if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", url):
            sys.exit(f"{url}: Colab and Binder need an address such as https://github.com/somebody/mee")
        old, project = address(book), book.parent / "pyproject.toml"
        line = re.compile(r'^Repository = ".*"', re.M)
        write(project, line.sub(f'Repository = "{url}"', project.read_text(encoding="utf-8")))
        pages = (*book.parent.glob("*.md"), *book.parent.glob("*.cff"), *book.glob("*.md"))
        for path in (*pages, *book.parent.glob(".github/**/*.*")):
            write(path, re.sub(re.escape(old) + r"(?![\w-])", url, path.read_text(encoding="utf-8")))
    url = address(book)
    template = book / "TEMPLATE.md"
    scripts = [*book.glob("py/*.py"), *book.glob("solutions/py/*.py"), *book.glob("capstone/py/*.py")]
    scripts += template.parent.glob(template.name)
    for path in scripts:
        folder = f"{path.parts[-3]}/" if path.parts[-3] in ("solutions", "capstone") else ""
        write(
            path,
            with_address(
                path.read_text(encoding="utf-8"), f"{folder}{path.stem}.ipynb" if path != template else None, url
            ),
        )
    for name in [*lessons(book), *(f"solutions/{name}" for name in lessons(book)), CAPSTONE]:
        path = book / f"{name}.ipynb"
        if path.exists():
            notebook = nbformat.read(path, as_version=4)
            for cell in notebook.cells:
                if "badges" in tags(cell):
                    cell.source = badges(f"{name}.ipynb", url)
                if "setup" in tags(cell):
                    cell.source = setup_cell(url)
            write(path, nbformat.writes(tidy(notebook)) + "\n")
    for name in lessons(book):
        write_exercise(name, book, book)


def with_address(text, name, url):
    """A script (or a page with scripts in it) with its cells tagged badges and setup rewritten."""
    cell = r'(^# %% {}tags=\["{}"[^\]\n]*\]\n).*?(?=^(?:# %%|```)|\Z)'

    def new_badges(match):
        here = name
        if here is None:  # the page names the notebook in the cell itself
            here = re.search(r"blob/main/notebooks/([\w/]+\.ipynb)", match[0])[1]
        return match[1] + "".join(f"# {line}\n" for line in badges(here, url).splitlines()) + "\n"

    def new_setup(match):
        head = match[1].replace('["setup"]', '["setup", "hide-input"]')
        return head + re.sub(r"^( *)([!%])", r"\1# \2", setup_cell(url), flags=re.M) + "\n\n"

    text = re.sub(cell.format(r"\[markdown\] ", "badges"), new_badges, text, flags=re.M | re.S)
    return re.sub(cell.format("", "setup"), new_setup, text, flags=re.M | re.S)


# ---------------------------------------------------------------- scripts, notebooks, exercises


def lessons(book=BOOK):
    """The names of all lessons, in order: 01_clips_and_experts and so on."""
    return sorted(path.stem for path in book.glob("py/[0-9][0-9]_*.py"))


def script(name, book=BOOK):
    """Path of the script of a notebook. name: its path in the book, without .ipynb"""
    path = book / name
    return path.parent / "py" / f"{path.name}.py"


def read(name, book=BOOK):
    """A notebook without outputs, from its script. name: its path in the book, without .ipynb"""
    path = script(name, book)
    notebook = tidy(jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent"))
    if name.startswith("solutions/"):
        add_grading(notebook, Path(name).name[:2])
    return notebook


def tags(cell):
    return cell.metadata.get("tags", [])


def tidy(notebook):
    """A notebook with the metadata that all of ours have, and an id for each cell that only its content decides."""
    notebook.metadata = nbformat.from_dict(
        {
            "jupytext": {
                "cell_metadata_filter": ",".join(["tags", "slideshow", "-all"]),
                "formats": "ipynb,py//py:percent",
                "notebook_metadata_filter": "-all",
            },
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "pygments_lexer": "ipython3"},
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen = set()
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in KEPT if key in cell.metadata})
        if "setup" in tags(cell):  # one line to the reader: folded on Colab too
            cell.metadata["cellView"] = "form"
        if FOLDED & set(tags(cell)):
            cell.metadata["jupyter"] = {"source_hidden": True}
        again = 0
        while not again or cell.id in seen:
            again += 1
            cell.id = hashlib.sha256(f"{cell.cell_type} {again} {cell.source}".encode()).hexdigest()[:12]
        seen.add(cell.id)
    return notebook


def add_grading(notebook, lesson):
    """Give the cells of a solution notebook the metadata that nbgrader reads (schema 3), as their tags say.

    `solution` is what a student writes, `check` with `points-2` tests it, `written` with `points-1` is an answer in
    words, marked by hand. All other code cells are locked, and text cells tagged `solution` are remarks.
    """
    exercise, count = "setup", Counter()
    for cell in notebook.cells:
        heading = re.match(r"## Exercise (\d)", cell.source)
        exercise = heading[1] if heading else exercise
        code = cell.cell_type == "code"
        kind = next((tag for tag in ("solution", "check", "written") if tag in tags(cell)), "given" if code else None)
        if not kind or kind == "solution" and not code:
            continue
        name = f"exercise-{lesson}-{exercise}-{kind}"
        count[name] += 1
        cell.metadata["nbgrader"] = {
            "schema_version": 3,
            "grade_id": name if count[name] == 1 else f"{name}-{count[name]}",
            "solution": kind in ("solution", "written"),
            "grade": kind in ("check", "written"),
            "locked": kind in ("check", "given"),
            "task": False,
        }
        if kind in ("check", "written"):
            points = [int(tag.removeprefix("points-")) for tag in tags(cell) if tag.startswith("points-")]
            cell.metadata["nbgrader"]["points"] = points[0] if points else 0


def assignment(name, book=BOOK):
    """What nbgrader makes an exercise of: the solutions, with the title and badges of exercises, without remarks."""
    notebook = read(f"solutions/{name}", book)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code" or "solution" not in tags(cell)]
    for cell in notebook.cells:
        if "badges" in tags(cell):
            cell.source = badges(f"exercises/{name}.ipynb", address(book))
        elif cell.cell_type == "markdown":
            cell.source = re.sub(r"\A# Solutions\b", "# Exercises", cell.source)
    return tidy(notebook)


def exercise(name, book=BOOK):
    """The exercise notebook of a lesson, as nbgrader hands it out: without solutions, hidden tests and outputs."""
    import grading

    notebook, resources = assignment(name, book), {}
    for step in itertools.chain(*grading.steps()):
        notebook, resources = step().preprocess(notebook, resources)
    return notebook


def write_exercise(name, book=BOOK, out=BOOK):
    """Write a lesson's exercise; into another folder than the book's, as it is: building the book needs no nbgrader."""
    path = book / "exercises" / f"{name}.ipynb"
    if out != book and path.exists():
        write(out / "exercises" / path.name, path.read_text(encoding="utf-8"))
    elif script(f"solutions/{name}", book).exists():
        write(path, nbformat.writes(exercise(name, book)) + "\n")


def write(path, text):
    """Write a file if its text is new, under a temporary name first."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8", newline="\n")  # on Windows, too
    temporary.replace(path)


# ---------------------------------------------------------------- execution


def text_of(output):
    """All text that an output shows, without the bytes of pictures."""
    data = {**output.get("data", {})}
    parts = [output.get("text", ""), output.get("evalue", ""), *output.get("traceback", [])]
    parts += ["".join(data[kind]) for kind in data if kind.startswith("text/") or kind == "image/svg+xml"]
    return re.sub(r"base64,[A-Za-z0-9+/=\s]+", "", "\n".join(map("".join, parts)))


def machine_paths(notebook):
    """(cell number, path) of each folder of any machine that the outputs mention."""
    here = {str(Path.home()), str(BOOK.parent), str(Path.cwd()), sys.prefix, sys.base_prefix} - {"/", "/usr"}
    paths = "|".join(rf"{re.escape(path)}(?![\w-])" for path in here)
    paths += r"|(?<![\w.~:/}>)-])/(?:home|Users|root|opt|work|mnt|tmp|content|var)/\w[\w./-]*"
    paths += r"|[A-Z]:\\Users\b|ipykernel_\d"
    return [
        (number, match[0])
        for number, cell in enumerate(notebook.cells, 1)
        for output in cell.get("outputs", [])
        for match in re.finditer(paths, text_of(output))
    ]


# A lesson that needs a file which the repository doesn't hold looks for it with a line of exactly this form. Nothing
# else tells; MEE_X in the environment names the file if it is not in notebooks/data.
NEEDS = re.compile(r'os\.environ\.get\("(MEE_\w+)", "(data/[^"]+)"\)')


def lacks(name, book=BOOK):
    """The missing file that a notebook needs, or None. name: its path in the book, without .ipynb"""
    path = script(name, book)
    for variable, usual in NEEDS.findall(path.read_text(encoding="utf-8")) if path.exists() else ():
        wanted = os.environ.get(variable, usual)
        if not (book / wanted).exists():  # the book's folder is where notebooks work
            return wanted
    return None


def without_ports(manager, folder):
    """Have a kernel listen on files in `folder` instead of ports, where the system can. Returns its manager.

    A kernel's ports are looked up and let go before it starts; when another process gets one of them in between, the
    kernel dies, or lives and never answers.
    """
    if os.name == "posix":
        manager.transport, manager.ip = "ipc", str(Path(folder) / "s")
    return manager


def execute(name, out=BOOK, book=BOOK, timeout=600):
    """Execute a script in a fresh kernel, in the notebook's own folder, and write the notebook below `out`.

    name     path in the book, without .ipynb
    timeout  seconds that one cell may take

    Returns (seconds, None), or (seconds, what went wrong as a text that names lesson, cell and error). If a file that
    the notebook needs is missing, the notebook executed earlier stays.
    """
    before = book / f"{name}.ipynb"
    if lacks(name, book) and before.exists():  # never executed: it raises, and says how to get the file
        write(out / f"{name}.ipynb", before.read_text(encoding="utf-8"))
        return 0, None
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    # as in conftest.py: one thread per kernel, because kernels run side by side, and no progress bars, because they
    # show times
    os.environ.update(OMP_NUM_THREADS="1", TQDM_DISABLE="1")
    start, notebook = time.perf_counter(), read(name, book)
    at = []
    home = tempfile.TemporaryDirectory(prefix="k", ignore_cleanup_errors=True)
    client = NotebookClient(
        notebook,
        km=without_ports(AsyncKernelManager(kernel_name="python3"), home.name),
        timeout=timeout,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],  # of the kernel itself: it warns about its own transport
        resources={"metadata": {"path": str((book / name).parent)}},
        on_cell_start=lambda cell, cell_index: at.append(cell_index),
    )
    try:
        with home:
            client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        number = at[-1] if at else 0
        source = notebook.cells[number].source if notebook.cells else ""
        what = str(error)
        if isinstance(error, CellExecutionError):
            what = f"{re.sub(chr(27) + r'.[0-9;]*m', '', error.traceback).strip()}\n"
        return time.perf_counter() - start, f"{name}, cell {number + 1}:\n{source}\n\n{what}"

    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        # a widget needs a running kernel: what is kept without one is an error message
        cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
        for output in cell.outputs:
            if output.output_type == "error":  # meant to happen (tag raises-exception): the last line says it
                output.traceback = [f"{output.ename}: {output.evalue}"]
    found = machine_paths(notebook)
    if found:
        return time.perf_counter() - start, f"{name}, cell {found[0][0]}: its output mentions {found[0][1]}"
    write(out / f"{name}.ipynb", nbformat.writes(tidy(notebook)) + "\n")
    return time.perf_counter() - start, None


def execute_all(names, out=BOOK, book=BOOK, jobs=2, timeout=600):
    """Execute lessons and their solutions, `jobs` at a time, and generate their exercises.

    Prints the seconds of each, or that it stays as it was. Returns the failures, one text each.
    """
    every = [folder + name for name in names for folder in ("", "solutions/") if script(folder + name, book).exists()]
    failures = []
    for name in names:
        try:
            write_exercise(name, book, out)
        except RuntimeError as error:  # nbgrader's word for a region without an end
            failures.append(f"{script(f'solutions/{name}', book)}: {error}")
    with ThreadPoolExecutor(jobs) as pool:  # the work is done by the kernels, processes of their own
        futures = {name: pool.submit(execute, name, out, book, timeout) for name in every}
        for name, future in futures.items():
            seconds, failure = future.result()
            note = " FAILED" if failure else " (slower than 90 s)" if seconds > 90 else ""
            note += f" stays as it was: {lacks(name, book)} is missing" if lacks(name, book) else ""
            print(f"{seconds:7.1f} s  {name}{note}", flush=True)
            failures += [failure] if failure else []
    return failures


def copy_pages(out, book=BOOK):
    """Copy what the book is built from, apart from notebooks, which are executed into the copy."""
    shutil.rmtree(out, ignore_errors=True)
    ignored = shutil.ignore_patterns("_build", "py", "data", "*.ipynb", ".*", "__pycache__", "*.py[co]", "*.tmp")
    shutil.copytree(book, out, ignore=ignored)


# ---------------------------------------------------------------- slides

SLIDES = """\
{% extends 'reveal/index.html.j2' %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}
<script>MathJax = {tex: {inlineMath: [["$", "$"], ["\\\\(", "\\\\)"]], processEscapes: true}}</script>
<script src="MATHJAX" defer></script>
{% endblock %}
{% block html_head_css %}
<style>
:root {--r-heading-text-transform: none !important; --r-main-font-size: 32px !important}
.reveal .slides :is(h1, h2, h3) {font-size: 44px !important; line-height: 1.15 !important; margin: 0 0 16px !important}
.reveal img, .reveal video, .reveal figure.mee > svg {
  width: auto !important; height: auto !important; max-width: 1000px !important; max-height: 530px !important;
  margin: 0 auto}
.reveal img[src^="data:image/svg"] {width: 960px !important; object-fit: contain}
.reveal .slides > section:first-of-type img {max-height: 330px !important}
.reveal figure.mee {margin: 0 !important; font-size: 22px; text-align: center}
.reveal figure.mee div svg {max-height: 330px !important}
.reveal pre, .reveal .jp-OutputArea-output pre, .reveal .highlight pre {
  font-size: 23px !important; line-height: 1.3; white-space: pre-wrap; box-shadow: none}
.reveal blockquote {width: auto; font-size: 32px; font-style: normal; margin: 0}
.reveal .jp-Cell, .reveal .jp-OutputArea-output, .reveal .jp-RenderedHTMLCommon {overflow: visible; font-size: inherit}
.reveal .jp-RenderedHTMLCommon p, .reveal li {text-align: left; font-size: inherit; line-height: 1.35}
</style>
{% endblock %}
{% block footer_js %}
<script src="reveal/dist/reveal.js"></script>
<script src="reveal/plugin/notes/notes.js"></script>
<script>
Reveal.initialize({controls: true, progress: true, hash: true, slideNumber: "c/t", transition: "none",
                   width: 1100, height: 760, margin: 0.04, plugins: [RevealNotes]});
// a slide that is a little too tall, as letters differ between machines, is drawn a little smaller
const fit = () => {
  const slide = Reveal.getCurrentSlide();
  slide.style.zoom = 1;
  slide.style.zoom = Math.min(1, 740 / slide.scrollHeight);
  Reveal.layout();
};
Reveal.on("ready", fit);
Reveal.on("slidechanged", fit);
addEventListener("load", fit);
</script>
{% endblock %}
"""


def short(text):
    """What a slide shows of a text: headings, prediction, formulas, pictures; of prose and points a first sentence."""
    blocks = re.split(r"\n\s*\n", re.split(r"^## Exercises", text, maxsplit=1, flags=re.M)[0])
    if any("**Predict.**" in block for block in blocks):
        return "\n\n".join(block for block in blocks if block.startswith(("#", "$$", "> **Predict.**")))
    first = re.compile(r"((?:[-*] |\d+\. )?.*?[.:?])\s+(?=[A-Z*`$\[]).*", re.S)
    kept, prose = [], False
    for block in blocks:
        if block.startswith(("- ", "1. ")):
            kept.append("\n".join(first.sub(r"\1", point) for point in re.split(r"\n(?=- |\d+\. )", block)))
        elif block.startswith(("#", "$$", "![", "|", "```")):
            kept.append(block)
            prose = prose and not block.startswith("#")  # below each heading a sentence
        elif not prose and not block.startswith(">"):
            kept.append(first.sub(r"\1", re.sub(r"^\*\*(.*?)\.\*\*", r"**\1:**", block)))
            prose = True
    return "\n\n".join(kept)


def to_slides(notebook):
    """Cells as slides show them: short texts, the whole text as the speaker's notes, code where there is no output.

    A slide without a heading of its own gets that of its section.
    """
    cells, heading = [], ""
    for cell in notebook.cells:
        kind = cell.metadata.get("slideshow", {}).get("slide_type", "-")
        found = re.findall(r"^##+ (.*)", cell.source, re.M) if cell.cell_type == "markdown" else []
        if {"badges", "setup", "hide-cell", "quiz"} & set(tags(cell)) or kind == "skip":
            heading = found[-1] if found else heading
            continue
        if cell.source.startswith("## Exercises"):
            continue
        if cell.cell_type == "markdown":  # a link to a page of the book leads there
            cell.source = re.sub(r"\]\(([\w/]+)\.(?:ipynb|md)", r"](../html/\1.html", cell.source)
            whole = nbformat.v4.new_markdown_cell(cell.source, metadata={"slideshow": {"slide_type": "notes"}})
            cell.source = short(cell.source)
        long = cell.cell_type == "code" and cell.outputs and cell.source.count("\n") > 3
        if long or {"hide-input", "remove-input"} & set(tags(cell)):
            cell.metadata["transient"] = {"remove_source": True}
        if kind in ("slide", "subslide") and not re.match("#", cell.source) and heading:
            title = nbformat.v4.new_markdown_cell(f"## {heading}", metadata={"slideshow": {"slide_type": kind}})
            cell.metadata["slideshow"] = {"slide_type": "-"}
            cells.append(title)
        cells += [cell, whole] if cell.cell_type == "markdown" else [cell]
        heading = found[-1] if found else heading
    notebook.cells = cells


def slides(book=BOOK):
    """Slides of the quizzes and of the core lessons, from their outputs. Returns the files' paths.

    reveal.js and MathJax lie beside them, taken from the packages that carry them: no network is needed.
    """
    from nbconvert import SlidesExporter
    from quiz_pages import decks

    out = book / "_build" / "slides"
    shutil.rmtree(out, ignore_errors=True)
    mathjax = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax" / "tex-svg-full.js"
    reveal = Path(find_spec("sphinx_revealjs").origin).parent / "_static" / "revealjs"
    exporter = SlidesExporter(
        raw_template=SLIDES.replace("MATHJAX", mathjax.name),
        reveal_url_prefix="reveal",
        reveal_theme="white",
        embed_images=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    made = []
    for name, deck in decks(book):
        deck.metadata["title"] = deck.cells[0].source.splitlines()[0].removeprefix("# ")
        html, _ = exporter.from_notebook_node(deck, resources={"metadata": {"path": str(book), "name": name}})
        write(out / f"{name}.html", html)
        made.append(out / f"{name}.html")
    for path in sorted(book.glob("[0-9][0-9]_*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        if not any("slideshow" in cell.metadata for cell in notebook.cells):
            continue  # only the core lessons, 00 to 10, say which of their cells are slides
        to_slides(notebook)
        notebook.metadata["title"] = re.search(r"^# (.*)", notebook.cells[0].source, re.M)[1]
        html, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"path": str(book), "name": path.stem}})
        write(out / f"{path.stem}.html", html)
        made.append(out / f"{path.stem}.html")
    if made:
        shutil.copy(mathjax, out)
        unused = shutil.ignore_patterns("*.map", "*.esm.js")
        for folder in ("dist", "plugin/notes"):
            shutil.copytree(reveal / folder, out / "reveal" / folder, ignore=unused)
        shutil.copy(reveal / "LICENSE", out / "reveal")
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lessons", nargs="*", metavar="NN", help="numbers of lessons (default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="how many run at a time (default: 2)")
    parser.add_argument("--timeout", type=float, default=600, help="seconds that one cell may take (default: 600)")
    parser.add_argument("--book", action="store_true", help="execute into _build/source instead of in place")
    parser.add_argument("--slides", action="store_true", help="make slides instead")
    parser.add_argument(
        "--address",
        nargs="?",
        const="",
        metavar="URL",
        help="write the repository's address instead; the word origin takes that of the clone's remote",
    )
    arguments = parser.parse_args()

    if arguments.address is not None:
        change_address(arguments.address)
        print(f"All badges and first cells hold {address()}")
        return
    if arguments.slides:
        made = [f"Slides: open {os.path.relpath(path)}" for path in slides()]
        print("\n".join(made) or "No lesson has slide metadata yet.")
        return
    names = [*lessons(), CAPSTONE]
    for wanted in arguments.lessons:
        if not any(name.startswith(f"{wanted:0>2}_") for name in names):
            known = ", ".join(lessons()) or "none"
            sys.exit(f"no lesson {wanted} in {os.path.relpath(BOOK / 'py')}; there are: {known}")
    if arguments.lessons:
        names = [name for name in names if any(name.startswith(f"{wanted:0>2}_") for wanted in arguments.lessons)]
    out = BOOK
    if arguments.book:
        out = BOOK / "_build" / "source"
        copy_pages(out)
    failures = execute_all(names, out, jobs=arguments.jobs, timeout=arguments.timeout)
    if failures:
        sys.exit("\n\n".join(["", *failures, f"{len(failures)} of the notebooks failed"]))


if __name__ == "__main__":
    main()
