"""Grading: nobody is lost, whatever is handed in. experiments/submissions.py has more kinds, for a round by hand."""

import csv
import json

import build
import nbformat
import pytest

pytest.importorskip("nbgrader")
import grading
import submissions

NAME = submissions.NAME


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Some submissions, graded: (rows of the table, what each should get, the course's folder)."""
    course, folder = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("handed_in")
    kinds = {name: submissions.KINDS[name] for name in ("exits",)}
    wanted = submissions.make(folder, kinds) | submissions.make_files(folder, large=False, folders=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grading, "COURSE", course)
        patch.delenv("SANDBOX", raising=False)
        out, _ = grading.grade(folder, NAME)
    return out, wanted, course


def test_everybody_has_a_row_and_the_right_points(graded):
    out, wanted, _ = graded
    assert submissions.check(out / "marks.csv", wanted) == []
    with open(out / "marks.csv", encoding="utf-8-sig", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert rows["exits"]["points"] == "2.0" and rows["exits"]["of"] == "10.0"
    assert rows["exits"]["1 written"] == "0", "no answer, no points"
    assert [page.stem for page in (out / "feedback").iterdir()] == ["exits"]


def test_feedback_hides_what_was_hidden(graded):
    page = (graded[0] / "feedback" / "exits.html").read_text(encoding="utf-8")
    assert "exercise 1: the library" in page and "by_hand" not in page


def test_what_nbgrader_releases_is_the_exercise_of_the_book(graded):
    released = nbformat.read(graded[2] / "release" / NAME / f"{NAME}.ipynb", as_version=4)
    assert released == nbformat.read(build.BOOK / "exercises" / f"{NAME}.ipynb", as_version=4)


def test_a_submission_gets_the_released_cells_and_keeps_its_own():
    released = build.exercise(NAME)

    def laid(kind):
        notebook = submissions.KINDS[kind][0](build.exercise(NAME))
        result, notes = grading.lay(notebook, released)
        names = [grading.name_of(cell) for cell in result.cells if grading.name_of(cell)]
        assert names == [grading.name_of(cell) for cell in released.cells if grading.name_of(cell)], kind
        return result, " ".join(notes)

    for kind in ("checks-edited", "checks-deleted", "answers-deleted", "set-up-deleted", "another-notebook"):
        assert submissions.KINDS[kind][2] in laid(kind)[1] or kind == "another-notebook"
    assert laid("empty")[1] == "" and "twice" in laid("every-cell-twice")[1]
    result, _ = laid("metadata-edited")
    points = [cell.metadata.nbgrader.get("points", 0) for cell in result.cells if "nbgrader" in cell.metadata]
    assert sum(points) == 10


def outputs(line, check=True):
    cell = nbformat.v4.new_code_cell()
    cell.metadata["nbgrader"] = nbformat.from_dict({"grade": check})
    return grading.outputs_of(cell, line, "END")


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", text=text, name=name)


def test_only_a_check_that_ran_to_its_end_is_passed():
    (passed,) = outputs({"outputs": [stream("right\nEND\n")], "failed": []})
    assert passed.text == "right\n"
    result = nbformat.v4.new_output("execute_result", data={"text/plain": "2.0"})
    for line in (
        None,
        {"outputs": [stream("right\n")], "failed": []},
        {"outputs": [], "failed": []},
        {"outputs": [stream("END\n")], "failed": [{"ename": "E", "evalue": "hidden by a handler"}]},
        {"outputs": [result, stream("END\n")], "failed": [{"ename": "E", "evalue": "shown as points"}]},
    ):
        found = outputs(line)
        assert any(output.output_type == "error" for output in found)
        assert not any(output.output_type == "execute_result" for output in found), "nbgrader reads points from it"
    assert outputs({"outputs": [], "failed": []}, check=False) == []


def test_a_spreadsheet_computes_nothing(tmp_path):
    assert grading.safe("=1+1") == "'=1+1" and grading.safe("anna") == "anna" and grading.safe(-1) == -1


def test_folders_and_names_of_submissions(tmp_path):
    wanted = submissions.make_files(tmp_path, large=False)
    each = grading.submissions(tmp_path, NAME)
    found = {grading.printable(student): (path, " ".join(notes)) for student, path, notes in each}
    assert set(found) == set(wanted)
    assert found["folder-two"][0].name == "a.ipynb" and "no notebook" in found["folder-empty"][1]
    for student, (_, word) in wanted.items():
        path, notes = found[student]
        if path and path.suffix == ".ipynb" and "not a notebook" in word:
            with pytest.raises(ValueError, match=word):
                grading.read_submission(path)
        else:
            assert word in notes
    assert json.dumps(sorted(found)), "names can be written, whatever their bytes"


def test_marking_by_hand_reaches_the_feedback(tmp_path, monkeypatch, capsys):
    """`make grade LESSON=NN` writes the feedback, then the table, which copies it."""
    done = []
    monkeypatch.setattr(grading, "COURSE", tmp_path)
    monkeypatch.setattr(grading, "nbgrader", lambda *arguments, check: done.append(arguments[:2]))
    monkeypatch.setattr(grading, "table", lambda name: done.append(("table", name)) or (tmp_path, []))
    (tmp_path / f"{NAME}.json").write_text("[]", encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["grading.py", "grade", NAME[:2]])
    grading.main()
    assert done == [("generate_feedback", NAME), ("table", NAME)] and "Marks and feedback" in capsys.readouterr().out
