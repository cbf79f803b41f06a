"""What differs between Linux, macOS and Windows, as far as it can be tried on any of them."""

import ast
import functools
import io
import re
import subprocess
import sys
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace

import pytest

from mee import cli, fit_clips, read_clips
from mee.storage import save_model, writer
from mee.storage.files import atomic

ROOT = Path(__file__).parents[1]
#: what people run on their own machine; lessons only read records of plain ASCII, which every encoding has
RUN = [path for folder in ("mee", "data_scripts", "experiments") for path in sorted((ROOT / folder).rglob("*.py"))]
RUN += [*sorted((ROOT / "notebooks").glob("*.py")), ROOT / "tasks.py"]
#: these measure or break what only Linux and macOS have, and say so
POSIX_ONLY = ("experiments/faults/", "experiments/benchmarks/")

#: names of devices, and a dot or a space at the end
RESERVED = re.compile(r"(?i)(^|/)(con|prn|aux|nul|com\d|lpt\d)(\.|/|$)|[. ](/|$)")


@functools.cache
def trees():
    """The name of each file of RUN -> what Python parses of it."""
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in RUN}


def unnamed_encoding(call):
    """Whether a call opens text without the name of its encoding, so that Windows takes one of its own."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    given = {word.arg: word.value for word in call.keywords}
    if "encoding" in given or None in given:
        return False
    if name in ("read_text", "write_text"):
        return len(call.args) < (1 if name == "read_text" else 2)
    if name == "open" and isinstance(call.func, ast.Name):
        mode = given.get("mode") or (call.args[1] if len(call.args) > 1 else ast.Constant("r"))
        return isinstance(mode, ast.Constant) and "b" not in mode.value
    return False


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("open(p)", True),
        ("open(p, 'w')", True),
        ("open(p, 'rb')", False),
        ("p.write_text(x)", True),
        ("p.read_text(encoding='utf-8')", False),
    ],
)
def test_text_without_an_encoding_is_seen(code, found):
    assert unnamed_encoding(ast.parse(code).body[0].value) is found


def test_text_is_read_and_written_in_a_named_encoding():
    calls = [(name, node) for name, tree in trees().items() for node in ast.walk(tree) if isinstance(node, ast.Call)]
    bad = [f"{name}:{call.lineno}" for name, call in calls if unnamed_encoding(call)]
    assert len(calls) > 3000 and not bad, f"no encoding named: {bad}"
    for path in (ROOT / "notebooks" / "data").glob("*.json"):  # read by lessons, in whatever encoding a system has
        assert path.read_bytes().isascii(), path


def test_nothing_at_the_top_of_a_module_needs_posix():
    posix = {"fcntl", "resource", "pwd", "grp", "termios", "pty", "syslog"}
    for name, tree in trees().items():
        if not name.startswith(POSIX_ONLY):
            for node in tree.body:
                modules = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
                modules |= {node.module} if isinstance(node, ast.ImportFrom) else set()
                assert not modules & posix, f"{name} imports {modules & posix}, which Windows lacks"


def test_processes_are_spawned():
    """Windows and macOS know no other way, so Linux takes the same: what fails there fails here."""
    starters = {"Pool", "Process", "ProcessPool", "ProcessPoolExecutor"}
    seen = 0
    for name, tree in trees().items():
        for node in ast.walk(tree):
            name_of = getattr(node, "func", None)
            if getattr(name_of, "attr", getattr(name_of, "id", "")) in starters and not name.startswith(POSIX_ONLY):
                seen += 1
                assert "get_context('spawn')" in ast.unparse(node), f"{name}:{node.lineno} starts processes as a fork"
    assert seen >= 4


def test_no_name_of_a_file_is_one_that_windows_refuses():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    names = listed.stdout.splitlines()
    folded = {}
    for name in names:
        assert not RESERVED.search(name) and not set(name) & set('<>:"|?*\\'), name
        assert len(name) < 120, f"{name}: Windows takes 260 characters, with the folders before it"
        assert folded.setdefault(name.lower(), name) == name, f"{name} and {folded[name.lower()]} are one file there"


def test_a_file_tells_no_folder_of_a_windows_machine(monkeypatch):
    """Windows has two separators, and letters of drives."""
    monkeypatch.setattr(writer, "os", SimpleNamespace(sep="\\", altsep="/"))
    monkeypatch.setattr(writer, "Path", PureWindowsPath)
    words = [r"C:\Users\ada\films", "D:/films/captions.csv", "-o", r"..\ada\mine.h5", "--title", "Plain words"]
    assert writer.made_by("extract", words) == "extract films captions.csv -o mine.h5 --title 'Plain words'"


def test_a_file_that_is_open_elsewhere_stays_as_it_was(tmp_path, monkeypatch):
    """Windows replaces no open file."""

    def replace(old, new):
        raise PermissionError(13, "Access is denied", str(old), None, str(new))

    (tmp_path / "mine.h5").write_text("before")
    monkeypatch.setattr("os.replace", replace)
    with pytest.raises(PermissionError, match=r"mine\.h5: another program has it open"):
        with atomic(tmp_path / "mine.h5") as temporary:
            temporary.write_text("after")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_every_command_prints_on_any_console(write_small, tmp_path, monkeypatch, encoding):
    """Titles and names are somebody's, and the console of an old system has 256 letters or fewer."""
    clips, model, index = (str(tmp_path / name) for name in ("small → 音.h5", "модель.pt", "é.index"))
    write_small(clips)
    run = fit_clips(read_clips(clips), epochs=1, dim=8, batch_size=4)
    save_model(model, run.model, run.words)
    console = io.TextIOWrapper(io.BytesIO(), encoding=encoding)  # as Python opens it: the first odd letter raises
    monkeypatch.setattr(sys, "stdout", console)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    cli.main(["show", clips])
    cli.main(["check", clips])
    cli.main(["evaluate", model, clips, "--split", "train"])
    cli.main(["index", model, clips, "-o", index])
    cli.main(["search", index, "a red ball rolls"])
    for command in ([], ["train"], ["evaluate"], ["index"], ["search"], ["demo"]):
        with pytest.raises(SystemExit) as end:
            cli.main([*command, "--help"])
        assert end.value.code == 0
    console.flush()
    said = console.buffer.getvalue().decode(encoding)
    assert r"small \u2192 \u97f3.h5: a good clip file" in said and "usage: mee demo" in said
