"""All that can be made of a clone, on Linux, macOS and Windows: `python tasks.py` lists it. `make` calls this file.

Any Python from 3.11 to 3.13 runs it; it needs no package. One folder, .venv, holds everything that is installed; each
task sets it up the first time and after a change of pyproject.toml or constraints.txt. Variables, from the environment
or given as `python tasks.py test NAME=value`:

    VENV         where the environment goes                                                          (.venv)
    TORCH_INDEX  where torch comes from: cpu for PyTorch's own CPU builds, or a package index        (pip's setting)
    CONSTRAINTS  versions to install; an empty one takes the newest                                  (constraints.txt)
    WORKERS      how many tests run side by side                  (one more than cores, as tests often wait)
    LESSON       of which lesson `release` and `grade` are                                           (release: all)
    FOLDER       where the submissions are that `grade` takes
    EXPERIMENTS  which of experiments/msrvtt.py `msrvtt` runs                                        (all)

With -n before the task's name, the commands are printed instead of run.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
DRY = False  # set by -n
TASKS = {}  # name -> (function, extras of pyproject.toml that it needs or None)

# The lessons turn videos into features and look up words (13), and index clips (00, 13, 15, 16).
BOOK = "book,extract,words,search"
COURSE = f"{BOOK},course"
TESTS = f"{COURSE},demo,tests"


def setting(name, default=""):
    return os.environ.get(name) or default


def task(extras=None):
    """Make a function a task. Its name and the first line of its docstring are in the list."""

    def register(function):
        TASKS[function.__name__] = function, extras
        return function

    return register


# ---------------------------------------------------------------- the environment


def environment():
    return ROOT / setting("VENV", ".venv")


def interpreter():
    folder, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return environment() / folder / name


def run(*command):
    """Run a command in the clone's folder; the task ends with its exit status if that is not zero."""
    command = [str(part) for part in command]
    if DRY:
        print(shlex.join([os.path.relpath(command[0], ROOT), *command[1:]]))
        return
    # Python on Windows reads and writes text in an encoding of the machine's; ours is UTF-8, as everywhere else.
    variables = {**os.environ, **({"PYTHONUTF8": "1"} if os.name == "nt" else {})}
    try:
        status = subprocess.run(command, cwd=ROOT, env=variables).returncode
    except KeyboardInterrupt:
        status = 130  # what ran has said what it had to say
    if status:
        sys.exit(status)


def python(*arguments):
    """Run the environment's Python. Tools are called as modules: their scripts have other names on Windows."""
    run(interpreter(), *arguments)


def module(name, *arguments):
    python("-m", name, *arguments)


def versions():
    """The option, pip's and uv's, that fixes versions. An empty CONSTRAINTS counts: it asks for the newest."""
    constraints = os.environ.get("CONSTRAINTS", "constraints.txt")
    return ("-c", constraints) if constraints else ()


def pip(*arguments):
    module("pip", "install", "--quiet", *versions(), *arguments)


def prepare(extras):
    """See to it that the environment has what ``extras`` (names with commas) ask for."""
    if DRY:
        return
    ready = environment() / ".ready"  # holds which state of these files is installed, and which extras
    files = (ROOT / name for name in ("pyproject.toml", "constraints.txt"))
    state = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    before, installed = ready.read_text(encoding="utf-8").split() if ready.exists() else ("", "")
    wanted, installed = set(extras.split(",")), set(filter(None, installed.split(",")))
    if before == state and wanted <= installed:
        return
    if not interpreter().exists():
        version = sys.version_info[:2]
        if version < (3, 11):
            sys.exit(
                f"{sys.executable} is Python {version[0]}.{version[1]}: this needs 3.11 to 3.13. Start it with one of "
                "these: make PYTHON=python3.12, or on Windows py -3.12 tasks.py"
            )
        if version > (3, 13):
            print(f"Python {version[0]}.{version[1]} is newer than 3.13, the newest this is tested with")
        run(sys.executable, "-m", "venv", environment())
        subprocess.run([str(interpreter()), "-m", "pip", "install", "--quiet", "--upgrade", "pip"])  # without it, too
    wanted = ",".join(sorted(wanted | installed))
    print(f"Installing into {environment().name} for {wanted}.")
    print("The first time this takes some minutes, most of them PyTorch's.", flush=True)
    index = setting("TORCH_INDEX")  # torch comes first; without an index of its own, pip finds it with the rest
    if index == "cpu":  # uv knows where PyTorch keeps these
        pip("uv")
        cpu = ("--python", interpreter(), "--torch-backend", "cpu")
        module("uv", "pip", "install", "--quiet", *cpu, *versions(), "torch")
    elif index:
        pip("--index-url", index, "torch")
    pip("--editable", f".[{wanted}]")
    ready.write_text(f"{state}\n{wanted}\n", encoding="utf-8")


# ---------------------------------------------------------------- the book


# The lessons are executed into a copy: a picture's bytes differ from machine to machine, and building the book is not
# to change files of a clone. `lessons` does, for those who write them.
@task(BOOK)
def book():
    """run all lessons and build the book into notebooks/_build/html; a warning is an error"""
    python("notebooks/build.py", "--book")
    module("sphinx", "-E", "-W", "--keep-going", "-q", "-b", "html", "notebooks/_build/source", "notebooks/_build/html")
    if not DRY:
        print("The book is built: open notebooks/_build/html/index.html in a browser.")


@task(COURSE)
def lessons():
    """run all lessons in place, after a change of their scripts (notebooks/TEMPLATE.md)"""
    python("notebooks/build.py")


@task(BOOK)
def slides():
    """make slides of the lessons that are meant to be shown, into notebooks/_build/slides"""
    python("notebooks/build.py", "--slides")


@task(BOOK)
def lab():
    """open JupyterLab on the first lesson"""
    first = min(path.name for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    module("jupyterlab", "--ServerApp.root_dir=notebooks", f"--LabApp.default_url=/lab/tree/{first}")


@task(BOOK)
def address():
    """write the address of this clone's remote, origin, into every badge and first cell"""
    python("notebooks/build.py", "--address", "origin")


# ---------------------------------------------------------------- a class


@task(COURSE)
def release():
    """make the exercise notebooks that a class gets, into build/course/release; LESSON=04 makes one"""
    python("notebooks/grading.py", "release", *setting("LESSON").split())


@task(COURSE)
def grade():
    """grade the notebooks in FOLDER, one per student, of LESSON=04: a table of marks, and feedback (instructor.md)"""
    python("notebooks/grading.py", "grade", *filter(None, [setting("FOLDER"), setting("LESSON")]))


# ---------------------------------------------------------------- checks


def check():
    module("ruff", "check", ".")
    module("mypy", "mee")
    module("codespell_lib")


@task(TESTS)
def test():
    """check style, types and spelling, run the tests and the lessons"""
    workers = setting("WORKERS", str((os.cpu_count() or 1) + 1))
    check()
    module("pytest", "-n", workers, "--dist", "loadfile", "--no-loadscope-reorder", "tests")  # in conftest.py's order
    module("pytest", "--nbval", "-n", workers, "--dist", "loadscope", "notebooks")


@task(TESTS)
def quick():
    """check style, types and spelling, and run the tests of the model, its losses and its metrics (a minute)"""
    check()
    module("pytest", "-q", *(f"tests/test_{name}.py" for name in ("model", "loss", "metrics", "calibration", "train")))


@task()
def setup():
    """install what all of these tasks need, and do nothing else"""
    prepare(setting("EXTRAS", TESTS))


@task(TESTS)
def bench():
    """how fast, against a plain transcription of the original: a table and a JSON file (quarter of an hour)"""
    python("experiments/benchmarks/run.py", "--json", "notebooks/data/benchmarks.json")


@task(TESTS)
def faults():
    """try to break it: thousands of damaged files, kills, full disks (ten minutes; on Linux and macOS)"""
    python("experiments/faults", "-o", "notebooks/data/faults.json")


# ---------------------------------------------------------------- data and models


@task("search,demo,extract")
def demo():
    """open the search page in a browser, on TinyClips and the small model"""
    module("mee", "demo")


@task(TESTS)
def tinyclips():
    """make the book's films and their clip files again: render, extract, pack (half an hour)"""
    make, films, data = "data_scripts/make_tinyclips.py", "build/tinyclips", "notebooks/data"
    python(make, "films", films)
    for table, out, title in (("captions", "films", "TinyClips"), ("stills", "stills", "TinyClips, stills")):
        facts = ("--title", title, "--source", make, "--licence", "CC-BY-4.0")
        python("data_scripts/extract", films, f"{films}/{table}.csv", "-o", f"build/{out}.h5", "--only-named", *facts)
    facts = ("--facts", f"{films}/scripts.jsonl")
    python(make, "pack", "build/films.h5", f"{data}/tinyclips.h5", *facts)
    python(make, "pack", "build/stills.h5", f"{data}/tinyclips_stills.h5", *facts, "--frequent", "0")


# Lessons 00 and 15 search with it. It is trained on a processor, so that a rebuild gives nearly the same numbers.
@task(TESTS)
def model():
    """train the small model that comes with the book, on TinyClips (two minutes)"""
    shape = ("--loss", "info-nce", "--dim", "128", "--text-clusters", "16", "--sequence-clusters", "8")
    steps = ("--epochs", "30", "--lr", "2e-3", "--device", "cpu")
    module("mee", "train", "notebooks/data/tinyclips.h5", *steps, *shape, "--out", "build/model")
    python("data_scripts/small_model.py", "build/model/model.pt", "notebooks/data/tinyclips_model.pt")


# The clip files lie where lesson 14 looks for them. Each step goes on where it stopped; EXPERIMENTS="experts stills"
# runs only these, and then only their tables are shown.
@task(f"{TESTS},text,sentences")
def msrvtt():
    """half of MSR-VTT, real: fetch 500 MB (asks first), extract, train, tables (three hours on two cores)"""
    data, frames, images = "notebooks/data", "data/msrvtt-frames", "notebooks/data/flickr8k.h5"
    python("data_scripts/download.py", "msrvtt-frames")
    python("data_scripts/download.py", "flickr8k")
    clips = {"msrvtt": (), "msrvtt_1k-A": ("--split", "1k-A")}
    for name, split in clips.items():
        if not (ROOT / data / f"{name}.h5").exists():
            out = ("--parts", "build/msrvtt.parts", "-o", f"{data}/{name}.h5")
            python("data_scripts/convert_msrvtt_frames.py", frames, *split, *out)
    if not (ROOT / images).exists():
        python("data_scripts/convert_flickr8k.py", "data/flickr8k", "--parts", "build/flickr8k.parts", "-o", images)
    for name in clips:
        out = ("--runs", f"runs/{name}", "--processes", "2", "--json", "build/msrvtt.json")
        python("experiments/msrvtt.py", f"{data}/{name}.h5", "--images", images, *out, *setting("EXPERIMENTS").split())


# ---------------------------------------------------------------- cleaning


@task()
def clean():
    """remove what was built; the environment stays"""
    for name in "notebooks/_build build mee.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis".split():
        shutil.rmtree(ROOT / name, ignore_errors=True)
    for folder, inside, _ in os.walk(ROOT):
        inside[:] = [name for name in inside if name != ".git" and Path(folder, name) != environment()]
        for name in {"__pycache__", ".ipynb_checkpoints"} & set(inside):
            shutil.rmtree(Path(folder, name), ignore_errors=True)
            inside.remove(name)


@task()
def distclean():
    """remove the environment too"""
    clean()
    if (environment() / "pyvenv.cfg").is_file():
        shutil.rmtree(environment())
    elif environment().exists():
        print(f"{environment().name} is no virtual environment: left alone")


def main(arguments):
    global DRY
    names = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if equals:
            os.environ[name] = value
        elif argument == "-n":
            DRY = True
        elif argument in TASKS:
            names.append(argument)
        elif argument not in ("help", "-h", "--help"):
            sys.exit(f"no task {argument}; there are: {', '.join(TASKS)}")
    if not names:
        print("\n".join(f"{name:10} {function.__doc__}" for name, (function, _) in TASKS.items()))
    for name in names:
        function, extras = TASKS[name]
        if extras:
            prepare(extras)
        function()


if __name__ == "__main__":
    main(sys.argv[1:])
