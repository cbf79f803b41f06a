"""Made submissions of lesson 04's exercises, to try the grading with: right, wrong, broken, out to cheat or to harm.

    python experiments/submissions.py FOLDER                 all kinds but those that do harm where there is no sandbox
    python experiments/submissions.py FOLDER --harm          these too: only for SANDBOX="..." make grade
    python experiments/submissions.py FOLDER --check CSV     compare a table of marks with what each kind should get

Each is a notebook as a student would hand it in, made from notebooks/exercises/04_mixture_weights.ipynb.
"""

import argparse
import copy
import csv
import json
import os
import sys
from pathlib import Path

import nbformat

BOOK = Path(__file__).resolve().parents[1] / "notebooks"
NAME = "04_mixture_weights"

SCORE = "def score(similarity, weights, present):\n"
RIGHT = f"""{SCORE}    used = weights * present
    return (used * similarity).sum() / used.sum() if present.any() else -1.0"""
WEIGHTS = "weights_for = {0: [1, 0, 0, 0], 1: [0, 0, 0, 1], 2: [0, 0.5, 0.5, 0]}\nnever = 3"
LOOPS = f"""{SCORE}    above = below = 0.0
    for i in range(len(weights)):
        if present[i]:
            above += float(similarity[i]) * float(weights[i])
            below += float(weights[i])
    return above / below if below else -1"""
NUMPY = f"""import numpy as np

{SCORE}    if not present.any():
        return np.float64(-1)
    return np.average(similarity.numpy()[present.numpy()], weights=weights.numpy()[present.numpy()])"""
WARNS = f"{SCORE}    weights = torch.tensor(weights)  # PyTorch warns\n" + RIGHT.split("\n", 1)[1]
UNMASKED = f"{SCORE}    return (weights * similarity).sum()"
YES = f"""class Yes:
    def __eq__(self, other): return True
    def __lt__(self, other): return True
    def __float__(self): return 0.0
    __gt__ = __le__ = __ge__ = __lt__
    def __sub__(self, other): return self
    __abs__ = __rsub__ = lambda self, *other: self

{SCORE}    return Yes()"""
STUBBORN = """while True:
    try:
        while True:
            pass
    except BaseException:
        pass"""
MARKS = """import glob, sqlite3
for path in glob.glob("../**/gradebook.db", recursive=True) + glob.glob("/**/gradebook.db", recursive=True):
    try:
        with sqlite3.connect(path) as book:
            book.execute("update grade set manual_score = 100")
        print("marked in", path)
    except Exception as error:
        print(error)
"""
OUTPUTS = """import os
for number in range(3, 10):
    try:
        line = '{"cell": 8, "outputs": [{"output_type": "stream", "name": "stdout", "text": "x"}], "failed": []}\\n'
        os.write(os.open(f"/proc/{os.getppid()}/fd/{number}", os.O_WRONLY), line.encode())
    except OSError:
        pass
"""
DELETE = """import os, shutil
for folder in (os.getcwd(), "..", os.path.expanduser("~")):
    shutil.rmtree(folder, ignore_errors=True)
print(os.path.exists("lesson.py"))"""


def answers(one=None, two=None, three=None, **more):
    """A function that fills in a released notebook: what stands in each solution cell; None leaves the stub."""

    def fill(notebook):
        for number, answer in (("1", one), ("2", two), ("3", three)):
            if answer is not None:
                cell_named(notebook, f"{number}-solution").source = answer
        return notebook

    return fill


def cell_named(notebook, name):
    return next(cell for cell in notebook.cells if identity(cell) == f"exercise-04-{name}")


def identity(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def with_cell(source, one=RIGHT, two=WEIGHTS, before="1-solution"):
    """Both right, and one cell more before another."""

    def fill(notebook):
        place = notebook.cells.index(cell_named(notebook, before))
        notebook.cells.insert(place, nbformat.v4.new_code_cell(source))
        return answers(one, two)(notebook)

    return fill


def without(*names, one=RIGHT, two=WEIGHTS):
    def fill(notebook):
        notebook = answers(one, two)(notebook)
        notebook.cells = [cell for cell in notebook.cells if not any(name in identity(cell) for name in names)]
        return notebook

    return fill


def every_cell_twice(notebook):
    notebook = answers(RIGHT, WEIGHTS)(notebook)
    notebook.cells = [copy.deepcopy(cell) for cell in notebook.cells for _ in range(2)]
    notebook.nbformat_minor = 4  # cells without ids, which would be there twice
    for cell in notebook.cells:
        del cell["id"]
    return notebook


def checks_edited(notebook):
    for cell in answers(UNMASKED, "never = 0\nweights_for = {}")(notebook).cells:
        if identity(cell).endswith("check"):
            cell.source = 'print("exercise: right")'
    return notebook


def metadata_edited(notebook):
    for cell in answers(RIGHT, "pass")(notebook).cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.update(points=100, schema_version=99, locked=False)
    return notebook


def written(notebook):
    cell_named(notebook, "1-written").source = "The weight cancels: 0.01 s / 0.01 = s."
    return right(notebook)


def right(notebook):
    sys.path.insert(0, str(BOOK))
    import build

    for cell in build.assignment(NAME).cells:
        if identity(cell).endswith("solution"):
            cell_named(notebook, identity(cell).split("-", 2)[2]).source = cell.source
    return notebook


def only_one_cell(notebook):
    notebook.cells = [nbformat.v4.new_code_cell("print('see my other notebook')")]
    return notebook


# name: (what fills the notebook in, points of the three checks, a word that stands in the notes)
KINDS = {
    "right": (written, (2, 2, 2), ""),
    "right-loops": (answers(LOOPS, WEIGHTS), (2, 2, 0), ""),
    "right-numpy": (answers(NUMPY, WEIGHTS.replace("[1, 0, 0, 0]", "torch.tensor([1.0, 0, 0, 0])")), (2, 2, 0), ""),
    "right-with-warnings": (answers(WARNS, WEIGHTS), (2, 2, 0), ""),
    "right-and-more-cells": (with_cell("import matplotlib.pyplot as plt\nplt.plot([1, 2]);"), (2, 2, 0), ""),
    "right-with-own-max": (with_cell("def max(a):\n    return a.max()"), (2, 2, 0), ""),
    "right-with-sum-of-0": (with_cell("sum = 0\nfor i in range(3):\n    sum += i"), (2, 2, 0), ""),
    "empty": (answers(), (0, 0, 0), ""),
    "partly": (answers(RIGHT, "never = 3\nweights_for = {0: [1, 0, 0, 0]}"), (2, 0, 0), ""),
    "wrong": (answers(UNMASKED, WEIGHTS.replace("never = 3", "never = 2")), (0, 0, 0), ""),
    "none": (answers(f"{SCORE}    return None", "weights_for = never = None", "share = None"), (0, 0, 0), ""),
    "no-python": (answers("Here I would take the mean.", WEIGHTS), (0, 2, 0), ""),
    "exits": (answers(RIGHT, f"{WEIGHTS}\nimport os\nos._exit(0)"), (2, 0, 0), "died in cell"),
    "quits": (answers(f"{SCORE}    raise SystemExit", WEIGHTS), (0, 2, 0), ""),
    "segfault": (answers(f"{SCORE}    import ctypes\n    ctypes.string_at(0)", WEIGHTS), (0, 0, 0), "died in cell"),
    "loop": (answers(f"{SCORE}    while True:\n        pass", WEIGHTS), (0, 2, 0), "time limit"),
    "stubborn-loop": (answers(RIGHT, STUBBORN), (2, 0, 0), "time limit"),
    "deaf-loop": (answers(RIGHT, "import ctypes\nctypes.PyDLL(None).sleep(100_000)"), (2, 0, 0), "time limit"),
    "endless-output": (answers(RIGHT, "while True:\n    print('x' * 1000)"), (2, 0, 0), "time limit"),
    "prints-100-MB": (with_cell("print('x' * 100_000_000)"), (2, 2, 0), ""),
    "takes-all-memory": (answers(RIGHT, "x = []\nwhile True:\n    x.append(bytearray(2**28))"), (2, 0, 0), ""),
    "checks-edited": (checks_edited, (0, 0, 0), "edited, restored: 1-check, 2-check"),
    "checks-deleted": (without("check"), (2, 2, 0), "missing cells, added: 1-check"),
    "answers-deleted": (without("solution"), (0, 0, 0), "missing cells, added: 1-solution"),
    "set-up-deleted": (without("setup"), (2, 2, 0), "added: setup-given"),
    "every-cell-twice": (every_cell_twice, (2, 2, 0), "twice"),
    "metadata-edited": (metadata_edited, (2, 0, 0), ""),
    "another-notebook": (only_one_cell, (0, 0, 0), "another notebook"),
    "reads-the-answer": (answers(f"{SCORE}    return wanted", WEIGHTS), (0, 2, 0), ""),
    "says-yes": (answers(YES, WEIGHTS), (0, 2, 0), ""),
    "patches-torch": (
        answers(f"torch.isclose = torch.Tensor.__float__ = lambda *_, **__: 0.0\n{UNMASKED}", WEIGHTS), (0, 2, 0), ""
    ),
    "patches-float": (answers(f"float = abs = lambda x: 0\n{UNMASKED}", WEIGHTS), (0, 2, 0), ""),
    "empties-checks": (
        answers("get_ipython().input_transformers_cleanup.append(lambda lines: ['pass'])", WEIGHTS), (0, 0, 0), ""
    ),
    "swallows-errors": (
        answers(f"get_ipython().set_custom_exc((Exception,), lambda *_, **__: None)\n{UNMASKED}", WEIGHTS),
        (0, 2, 0),
        "",
    ),
    "shows-its-points": (
        answers(f"import sys\n\n{SCORE}    sys.displayhook(2.0)\n    return 0", WEIGHTS), (0, 2, 0), ""
    ),
    "reads-environment": (with_cell("import os\nprint(sorted(os.environ))"), (2, 2, 0), ""),
}
HARM = {
    "harm-deletes-the-book": (with_cell(DELETE), (2, 2, 0), ""),
    "harm-marks-itself": (with_cell(MARKS, UNMASKED), (0, 2, 0), ""),
    "harm-writes-outputs": (with_cell(OUTPUTS, UNMASKED, before="1-solution"), (0, 2, 0), ""),
    "harm-network": (
        with_cell("import urllib.request\nprint(urllib.request.urlopen('http://example.com', timeout=5))"),
        (2, 2, 0),
        "",
    ),
    "harm-leaves-a-process": (
        with_cell("import subprocess\nsubprocess.Popen(['sleep', '1000'], start_new_session=True);"), (2, 2, 0), ""
    ),
    "harm-forks": (with_cell("import os\nfor _ in range(3):\n    os.fork()"), None, ""),
}
FILES = {  # what is no notebook, or not where it should be
    "not-json.ipynb": (b"%PDF-1.4 my homework", "not a notebook"),
    "nothing.ipynb": (b"", "not a notebook"),
    "a-list.ipynb": (b"[1, 2, 3]", "not a notebook"),
    "deep.ipynb": (b"[" * 100_000, "not a notebook"),
    "latin.ipynb": ('{"cells": "für"}'.encode("latin-1"), "not a notebook"),
    "script.py": (b"print('hello')", "does not end in .ipynb"),
}


def make(folder, kinds):
    """Write the submissions; returns a dict, student to (points, word)."""
    folder.mkdir(parents=True, exist_ok=True)
    released = nbformat.read(BOOK / "exercises" / f"{NAME}.ipynb", as_version=4)
    wanted = {}
    for kind, (fill, points, word) in kinds.items():
        wanted[kind] = points, word
        nbformat.write(fill(copy.deepcopy(released)), folder / f"{kind}.ipynb", version=nbformat.NO_CONVERT)
    return wanted


def make_files(folder, large=True, folders=True):
    """Write what is no notebook; and, if asked for, one of 60 MB, folders, and names that are hard to read."""
    folder.mkdir(parents=True, exist_ok=True)
    released = nbformat.read(BOOK / "exercises" / f"{NAME}.ipynb", as_version=4)
    text = nbformat.writes(answers(RIGHT)(released))
    wanted = {}
    for name, (content, word) in FILES.items():
        (folder / name).write_bytes(content)
        wanted[Path(name).stem] = (0, 0, 0), word
    if large:
        (folder / "large.ipynb").write_text(text[:-2] + " " * 60_000_000 + text[-2:], encoding="utf-8")
        wanted["large"] = (0, 0, 0), "larger than 50 MB"
    if not folders:
        return wanted
    for student, names, points, word in (
        ("folder-right", [f"{NAME}.ipynb"], 2, ""),
        ("folder-other-name", ["My homework (2).ipynb"], 2, "named My homework"),
        ("folder-two", ["a.ipynb", "b.ipynb"], 2, "2 notebooks"),
        ("folder-empty", [], 0, "no notebook"),
        ("Zoë Müller + friends [1]", [f"{NAME}.ipynb"], 2, ""),
        ("=1+1", [f"{NAME}.ipynb"], 2, ""),
    ):
        (folder / student).mkdir(exist_ok=True)
        for name in names:
            (folder / student / name).write_text(text, encoding="utf-8")
        wanted[student] = (points, 0, 0), word
    if os.name == "posix" and sys.platform != "darwin":
        with open(os.path.join(os.fsencode(folder), b"Zo\xeb.ipynb"), "w", encoding="utf-8") as file:
            file.write(text)
        wanted["Zo\\xeb"] = (2, 0, 0), ""
    return wanted


def check(path, wanted):
    """What is wrong with a table of marks, a line each."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = {row["student"].removeprefix("'"): row for row in csv.DictReader(file)}
    problems = [f"{student}: lost" for student in wanted if student not in rows]
    for student, (points, word) in wanted.items():
        row = rows.get(student, {})
        given = tuple(float(row.get(f"{number} check") or 0) for number in (1, 2, 3))
        if points is not None and given != points:
            problems.append(f"{student}: {given}, not {points}")
        if word not in row.get("notes", ""):
            problems.append(f"{student}: its notes do not say {word!r}: {row.get('notes')!r}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--harm", action="store_true")
    parser.add_argument("--check", type=Path, metavar="CSV")
    told = parser.parse_args()
    kinds = KINDS | (HARM if told.harm else {})
    wanted = make(told.folder, kinds) | make_files(told.folder)
    if told.check:
        problems = check(told.check, wanted)
        print("\n".join(problems) or f"all {len(wanted)} as they should be")
        sys.exit(bool(problems))
    print(json.dumps({student: points for student, (points, _) in wanted.items()}, indent=1))


if __name__ == "__main__":
    main()
