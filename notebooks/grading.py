"""Exercises for a class: what is handed out, and marks for what comes back. nbgrader does the work.

    python notebooks/grading.py release [NN]        exercise notebooks to hand out, into build/course/release
    python notebooks/grading.py grade FOLDER NN     grade the notebooks of FOLDER, one per student; see instructor.md
    python notebooks/grading.py grade NN            only the table and the feedback again, after marking by hand
    python notebooks/grading.py execute             one notebook, from standard input: what runs inside of a sandbox

nbgrader_config.py has the settings. nbgrader's own commands work too, in the folder `notebooks`.
"""

import argparse
import copy
import csv
import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from pathlib import Path

import nbformat

BOOK = Path(__file__).resolve().parent
COURSE = Path(os.environ.get("MEE_COURSE") or BOOK.parent / "build" / "course")  # nbgrader's folder

# Limits of one submission. Each can be set in the environment, so that make's command line sets it.
CELL_SECONDS = int(os.environ.get("CELL_SECONDS", 120))
SECONDS = int(os.environ.get("SECONDS_EACH", 600))
MEMORY = int(os.environ.get("MEMORY_GB", 8)) * 2**30
OUTPUT = 200_000  # characters that one cell may print

# ---------------------------------------------------------------- inside of the sandbox

# Before a check, what a submission may have replaced is put back: `torch.isclose = lambda *_: True` gains nothing, and
# `sum = 0` harms nobody's check. It runs in the students' own process, so it stops only tricks that do not look for it.
KEEP = """
def _keep():
    import builtins, math, numpy, torch, torch.testing
    import torch.nn.functional
    places = builtins, math, numpy, torch, torch.testing, torch.nn.functional, torch.Tensor
    saved = [(place, dict(vars(place))) for place in places]
    names = get_ipython().user_ns

    def put_back():
        for name in [name for name in names if hasattr(builtins, name) and not name.startswith("_")]:
            if not callable(names[name]) or name in ("abs", "bool", "float", "isinstance", "type"):
                del names[name]
        for place, before in saved:
            for name, value in before.items():
                if vars(place).get(name) is not value and name not in ("_", "__dict__"):
                    setattr(place, name, value)
        for name in set(vars(torch.Tensor)) - set(saved[-1][1]):
            delattr(torch.Tensor, name)

    return put_back
get_ipython()._put_back = _keep()
del _keep
"""


def execute():
    """Execute a notebook that comes from standard input; write a line of JSON per cell, as soon as the cell is done.

    A cell that fails, takes too long or prints too much does not stop the others; a kernel that died does.
    """
    from build import without_ports
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import DeadKernelError

    told = json.load(sys.stdin)
    notebook = nbformat.from_dict(told["notebook"])

    class Client(NotebookClient):
        printed = 0

        def output(self, outs, msg, display_id, cell_index):
            content = msg["content"]
            size = len(str(content.get("text") or content.get("data") or ""))
            self.printed += size
            if self.printed <= OUTPUT:
                return super().output(outs, msg, display_id, cell_index)
            if self.printed - size <= OUTPUT:  # the first that is too much
                outs.append(nbformat.v4.new_output("stream", text="\n... too much was printed: the rest is left out\n"))
            if msg["msg_type"] == "error":
                content["evalue"], content["traceback"] = content["evalue"][:1000], []
                return super().output(outs, msg, display_id, cell_index)

    def tell(**what):
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory(prefix="k") as home:
        # nothing of the teacher's environment, and a home of its own
        kept = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "SYSTEMROOT")
        kept = {key: os.environ[key] for key in kept if key in os.environ}
        kept |= {key: home for key in ("HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "TMPDIR", "MPLCONFIGDIR")}
        kept |= {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        os.environ.clear()
        os.environ.update(kept)
        manager = without_ports(AsyncKernelManager(kernel_name="python3"), home)  # works without network, too
        if os.name == "posix":
            import resource

            hard = resource.getrlimit(resource.RLIMIT_AS)[1]
            resource.setrlimit(resource.RLIMIT_AS, (min(MEMORY, hard) if hard > 0 else MEMORY, hard))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        client = Client(
            notebook,
            km=manager,
            timeout=told["cell_seconds"],
            interrupt_on_timeout=True,
            error_on_timeout={
                "ename": "TimeLimit",
                "evalue": f"the cell took more than {told['cell_seconds']} s",
                "traceback": [],
            },
            allow_errors=True,
            store_widget_state=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(BOOK)}},
        )

        def stop():
            tell(note=f"the time limit of {told['seconds']} s was reached")
            manager.provisioner.process.kill()
            os._exit(1)

        timer = threading.Timer(told["seconds"], stop)
        timer.daemon = True
        timer.start()
        number = 0
        try:
            with client.setup_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
                client.kc.execute(KEEP, silent=True, store_history=False)
                for number, cell in enumerate(notebook.cells):
                    client.printed = 0
                    if is_check(cell):
                        client.kc.execute("get_ipython()._put_back()", silent=True, store_history=False)
                    replies = []
                    client.on_cell_executed = lambda replies=replies, **what: replies.append(what["execute_reply"])
                    client.execute_cell(cell, number)
                    tell(cell=number, outputs=cell.get("outputs", []), failed=[
                        {key: str(reply["content"].get(key, ""))[:1000] for key in ("ename", "evalue")}
                        for reply in replies if reply["content"]["status"] != "ok"
                    ])
                number += 1
        except DeadKernelError:
            tell(note=f"the kernel died in cell {number + 1}")
        except Exception as error:
            tell(note=f"cell {number + 1} broke its kernel: {type(error).__name__}: {error}"[:200])
        timer.cancel()
        sys.stdout.flush()
        os._exit(0)  # not held up by what a submission left behind


# ---------------------------------------------------------------- what nbgrader is given


def steps():
    """What makes an exercise of a solution: nbgrader's preprocessors, apart from SaveCells, which wants a gradebook."""
    from nbgrader import preprocessors
    from traitlets import Dict, Unicode

    class ClearSolutions(preprocessors.ClearSolutions):
        """nbgrader's, with stubs that say what is to be written: what follows BEGIN SOLUTION in its line."""

        code_stub = Dict({"python": "raise NotImplementedError()"}).tag(config=True)
        text_stub = Unicode("*Your answer, in two or three sentences.*").tag(config=True)

        def preprocess_cell(self, cell, resources, cell_index):
            stubs = re.findall(r"BEGIN SOLUTION:? *(.*)", cell.source) if cell.cell_type == "code" else []
            cell, resources = super().preprocess_cell(cell, resources, cell_index)
            for what in stubs:
                number = name_of(cell).split("-")[2]
                error = f'raise NotImplementedError("Exercise {number}: {what}")'
                cell.source = cell.source.replace("raise NotImplementedError()", error, 1)
            return cell, resources

    p = preprocessors
    before = [p.LockCells, ClearSolutions, p.ClearOutput, p.CheckCellMetadata, p.ComputeChecksums]
    return before, [p.ClearHiddenTests, p.ComputeChecksums, p.CheckCellMetadata]


def execute_apart():
    """What takes the place of nbgrader's Execute: another process runs the notebook, in a sandbox if SANDBOX is set.

    Nothing that a submission does stops nbgrader, and the process need not be able to read the gradebook.
    """
    from nbgrader.preprocessors import NbGraderPreprocessor

    class ExecuteApart(NbGraderPreprocessor):
        def preprocess(self, notebook, resources):
            notes = notebook.metadata.setdefault("grading", [])
            end = secrets.token_hex(8)
            told = copy.deepcopy(notebook)
            for cell in told.cells:
                if is_check(cell):
                    cell.source += f"\nprint({end!r})"  # a check that was cut short does not print this
            lines = run_apart(told, notes)
            for number, cell in enumerate(notebook.cells):
                if cell.cell_type == "code":
                    cell.outputs, cell.execution_count = outputs_of(cell, lines.get(number), end), None
                    if any(error["ename"] == "TimeLimit" for error in lines.get(number, {}).get("failed", ())):
                        notes.append(f"time limit in cell {number + 1}")
            return notebook, resources

    return ExecuteApart


def is_check(cell):
    return cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade", False)


def run_apart(notebook, notes):
    """Run `grading.py execute`. Returns a dict, number of a cell to its line; what went wrong is appended to notes."""
    command = [*shlex.split(os.environ.get("SANDBOX", "")), "python", "notebooks/grading.py", "execute"]
    limits = {"cell_seconds": CELL_SECONDS, "seconds": SECONDS}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=BOOK.parent,
        env={**os.environ, "PATH": path},
    )
    told = json.dumps({"notebook": notebook, **limits}).encode()
    try:
        out, err = process.communicate(told, SECONDS + 60)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        notes.append("it did not stop at its time limit, and was killed")
    lines = {}
    for line in out.splitlines():
        try:
            told = json.loads(line)
            if "note" in told:
                notes.append(str(told["note"]))
            else:
                lines[told["cell"]] = told
        except (ValueError, KeyError, TypeError):
            continue  # nothing of ours
    if not lines and not notes:
        last = err.decode(errors="replace").strip().splitlines()[-1:]
        notes.append(f"the sandbox did not start: {' '.join(last)[:300]}")
    return lines


def outputs_of(cell, line, end):
    """A cell's outputs, as nbgrader is to see them. An error in a check is what makes it fail."""
    if line is None:
        return [failure("NotRun", "the kernel was gone before this cell was done")]
    outputs, ended = [], False
    for output in line["outputs"]:
        output = nbformat.from_dict(output)
        if output.output_type == "stream":
            ended |= end in output.text
            output.text = output.text.replace(f"{end}\n", "")
            if not output.text:
                continue
        if output.output_type == "execute_result":  # nbgrader would read a number in it as points
            output = nbformat.v4.new_output("display_data", data=output.data)
        outputs.append(output)
    if not any(output.output_type == "error" for output in outputs):
        outputs += [failure(error["ename"], error["evalue"]) for error in line["failed"]]
    if is_check(cell) and not ended and not any(output.output_type == "error" for output in outputs):
        outputs.append(failure("NotRun", "the check did not run to its end"))
    return outputs


def failure(name, message):
    return nbformat.v4.new_output("error", ename=name, evalue=message, traceback=[f"{name}: {message}"])


# ---------------------------------------------------------------- submissions


def lay(submitted, released):
    """A submission with the released notebook's identities, and all of its cells. Returns (notebook, notes).

    What a student may edit is the student's; that a cell is a check, and its points, the released notebook says. A cell
    that is missing is added after the one that it follows there. Which cells are locked, nbgrader restores.
    """
    known = {cell.metadata.nbgrader.grade_id: cell for cell in released.cells if "nbgrader" in cell.metadata}
    notes, cells, seen = [], [], Counter()
    for cell in submitted.cells:
        identity = cell.metadata.get("nbgrader")
        identity = identity.get("grade_id") if isinstance(identity, dict) else None
        plain = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
        cell = plain.get(cell.cell_type, nbformat.v4.new_raw_cell)(cell.source)
        if isinstance(identity, str) and identity in known:
            cell.metadata["nbgrader"] = known[identity].metadata.nbgrader
            seen[identity] += 1
        cells.append(cell)
    left = Counter(seen)
    for cell in cells:  # of two with one name the last counts, as for nbgrader, whose own step breaks its metadata
        left[name_of(cell)] -= 1
        if left[name_of(cell)] > 0:
            del cell.metadata["nbgrader"]
    place = 0
    for identity, cell in known.items():
        if seen[identity] == 0:
            cells.insert(place, cell)
        place = 1 + next(i for i, each in enumerate(cells) if name_of(each) == identity)
    locked = {name: cell.source.strip() for name, cell in known.items() if cell.metadata.nbgrader.locked}
    edited = {name_of(cell) for cell in cells if cell.source.strip() != locked.get(name_of(cell), cell.source.strip())}
    for what, names in (
        ("missing cells, added", {name for name in known if seen[name] == 0}),
        ("cells that are there twice, of which the last counts", {name for name in known if seen[name] > 1}),
        ("locked cells edited, restored", edited),
    ):
        if names:
            notes.append(f"{what}: {', '.join(name.split('-', 2)[-1] for name in known if name in names)}")
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=released.metadata)
    return notebook, notes


def name_of(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def submissions(folder, name):
    """(student, path or None, notes) of each submission: a notebook per student, or a folder per student."""
    found = []
    for path in sorted(Path(folder).iterdir()):
        if path.name.startswith((".", "__")):
            continue
        if not path.is_dir():
            notes = [] if path.suffix == ".ipynb" else ["not a notebook: its name does not end in .ipynb"]
            found.append((path.stem, path, notes))
            continue
        notebooks = [each for each in sorted(path.rglob("*.ipynb")) if ".ipynb_checkpoints" not in each.parts]
        right = [each for each in notebooks if each.stem == name]
        chosen = (right or notebooks or [None])[0]
        notes = []
        if chosen is None:
            notes.append("no notebook in the folder")
        elif len(right or notebooks) > 1:
            notes.append(f"{len(right or notebooks)} notebooks, taken: {chosen.relative_to(path)}")
        elif not right:
            notes.append(f"named {chosen.name}, not {name}.ipynb")
        found.append((path.name, chosen, notes))
    return found


def read_submission(path):
    """A submission as a notebook of format 4, or ValueError that says what is wrong with it."""
    if path.stat().st_size > 50_000_000:
        raise ValueError(f"larger than 50 MB: {path.stat().st_size // 10**6} MB")
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("not a notebook: no JSON in UTF-8") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about ids of cells: lay() gives others
            notebook = nbformat.reads(text, as_version=4)
        for cell in notebook.cells:
            cell.source = "".join(cell.source)
            cell.metadata = cell.get("metadata", {})
            cell.cell_type  # noqa: B018, an error if there is none
    except Exception as error:
        what = "no notebook in it" if not isinstance(content, dict) or "cells" not in content else type(error).__name__
        raise ValueError(f"not a notebook: {what}") from None
    return notebook


def printable(name):
    """A file's name as text, even if its bytes are none."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


# ---------------------------------------------------------------- nbgrader's commands


def nbgrader(*arguments, check=True):
    """Run one of nbgrader's commands in the book's folder, where its settings are; its report goes into a file."""
    COURSE.mkdir(parents=True, exist_ok=True)
    # nbgrader looks for `jupyter` on the PATH
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with open(COURSE / "nbgrader.log", "a", encoding="utf-8") as log:
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *arguments],
            cwd=BOOK,
            env={**os.environ, "PATH": path, "MEE_COURSE": str(COURSE)},
            stdout=log,
            stderr=log,
        )
    if check and done.returncode:
        sys.exit(f"nbgrader {' '.join(arguments)} failed: see {COURSE / 'nbgrader.log'}")


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(content), encoding="utf-8")
    temporary.replace(path)


def release(names):
    """Let nbgrader make the assignments; returns their folders."""
    import build

    folders = []
    for name in names:
        source = COURSE / "source" / name / f"{name}.ipynb"
        build.write(source, nbformat.writes(build.assignment(name)) + "\n")
        nbgrader("generate_assignment", name, "--force")
        folders.append(COURSE / "release" / name)
    return folders


def take_in(folder, name):
    """Lay the submissions of a folder where nbgrader looks for them. Returns what the table is to say of each."""
    released = nbformat.read(COURSE / "release" / name / f"{name}.ipynb", as_version=4)
    for step in ("submitted", "autograded", "feedback"):
        for old in (COURSE / step).glob(f"*/{name}"):
            shutil.rmtree(old)
    rows, used = [], set()
    for student, path, notes in submissions(folder, name):
        identity = re.sub(r"[^\w.-]+", "_", printable(student)).strip("_.-") or "student"
        while identity.lower() in used:
            identity += "_"
        used.add(identity.lower())
        row = {"student": printable(student), "id": identity, "notes": notes, "read": False}
        row["file"] = printable(path.relative_to(folder)) if path else ""
        rows.append(row)
        if path is None or path.suffix != ".ipynb":
            continue
        try:
            notebook, more = lay(read_submission(path), released)
        except ValueError as error:
            notes.append(str(error))
            continue
        notes += more
        if not any(name_of(cell) for cell in read_submission(path).cells):
            notes.append("none of the exercise's cells is in it: another notebook?")
        target = COURSE / "submitted" / identity / name / f"{name}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target)
        row["read"] = True
    write_json(COURSE / f"{name}.json", rows)
    return rows


def table(name):
    """Write marks.csv and the feedback of a lesson. Returns (folder, rows)."""
    from nbgrader.api import Gradebook, MissingEntry

    state = COURSE / f"{name}.json"
    if not state.exists():
        sys.exit(f"nothing of {name} was graded yet: make grade FOLDER=... LESSON={name[:2]}")
    out = COURSE / "marks" / name[:2]
    shutil.rmtree(out, ignore_errors=True)
    (out / "feedback").mkdir(parents=True)
    rows = []
    with Gradebook(f"sqlite:///{COURSE / 'gradebook.db'}") as book:
        cells = {cell.name: cell for cell in book.find_notebook(name, name).grade_cells}
        exercises = sorted({identity.split("-")[2] for identity in cells})
        for told in json.loads(state.read_text(encoding="utf-8")):
            row, notes, marks = {"student": told["student"]}, list(told["notes"]), {}
            graded = COURSE / "autograded" / told["id"] / name / f"{name}.ipynb"
            if told["read"]:
                try:
                    found = book.find_submission(name, told["id"]).notebooks[0]
                    marks = {grade.name: grade for grade in found.grades} if graded.exists() else {}
                except MissingEntry:
                    pass
                if graded.exists():
                    notes += nbformat.read(graded, as_version=4).metadata.get("grading", [])
                else:
                    notes.append(f"nbgrader could not grade it: see {COURSE.name}/nbgrader.log")
            for kind in ("check", "written"):
                for number in exercises:
                    ours = [n for n in cells if n.split("-")[2:4] == [number, kind]]
                    found = [marks[name] for name in ours if name in marks]
                    waits = any(mark.needs_manual_grade and mark.manual_score is None for mark in found)
                    score = sum(mark.score or 0 for mark in found)
                    row[f"{number} {kind}"] = "" if waits else round(score, 2)
            row["points"] = round(sum(grade.score or 0 for grade in marks.values()), 2)
            row["of"] = round(sum(cell.max_score for cell in cells.values()), 2)
            row["to mark"] = sum(value == "" for value in row.values())
            row["notes"] = "; ".join(notes)
            row["file"] = told["file"]
            rows.append(row)
            page = COURSE / "feedback" / told["id"] / name / f"{name}.html"
            if page.exists():
                shutil.copy(page, out / "feedback" / f"{told['id']}.html")
    temporary = out / "marks.csv.tmp"
    with open(temporary, "w", newline="", encoding="utf-8-sig") as file:  # a spreadsheet wants the mark for UTF-8
        writer = csv.DictWriter(file, rows[0] if rows else ["student"])
        writer.writeheader()
        writer.writerows({key: safe(value) for key, value in row.items()} for row in rows)
    temporary.replace(out / "marks.csv")
    return out, rows


def safe(value):
    """A cell for a spreadsheet, which would compute what begins with one of these."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value


def grade(folder, name):
    start = time.perf_counter()
    if not os.environ.get("SANDBOX"):
        print("SANDBOX is not set: students' code runs as you, on your files. notebooks/instructor.md says what to do.")
    release([name])
    rows = take_in(folder, name)
    if not rows:
        sys.exit(f"{folder} holds no submissions: one notebook per student, or one folder per student")
    if any(row["read"] for row in rows):
        nbgrader("autograde", name, "--force", check=False)  # some failures of one submission stop it
        for row in rows:
            if row["read"] and not (COURSE / "autograded" / row["id"] / name).exists():
                nbgrader("autograde", name, f"--student={row['id']}", "--force", check=False)
        nbgrader("generate_feedback", name, "--force", check=False)
    out, rows = table(name)
    print(f"{len(rows)} submissions in {time.perf_counter() - start:.0f} s")
    return out, rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["release", "grade", "execute"])
    parser.add_argument("arguments", nargs="*", metavar="FOLDER or NN")
    told = parser.parse_args()
    if told.command == "execute":
        return execute()
    import build

    *folders, lesson = told.arguments or [""]
    names = [name for name in build.lessons() if not lesson or name.startswith(f"{lesson:0>2}_")]
    if not names or (told.command == "grade" and not lesson):
        sys.exit(f"which lesson? LESSON={lesson or 'NN'} is none of {', '.join(n[:2] for n in build.lessons())}")
    if told.command == "release":
        for folder in release(names):
            print(os.path.relpath(folder))
        return
    if folders and not Path(folders[0]).is_dir():
        sys.exit(f"{folders[0]} is no folder")
    if folders:
        out, rows = grade(folders[0], names[0])
    else:  # feedback with the points and comments that were given by hand
        if (COURSE / f"{names[0]}.json").exists():
            nbgrader("generate_feedback", names[0], "--force", check=False)
        out, rows = table(names[0])
    for row in rows:
        print(f"{row['points']:>5} of {row['of']:<5} {row['student']:<24} {row['notes']}")
    print(f"Marks and feedback: {os.path.relpath(out)}")


if __name__ == "__main__":
    main()
