"""The files that say what to install agree with each other, and hold nothing of the machine they were written on."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import mee
import tasks

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]

#: what conda calls a package, where that differs from PyPI
CONDA_NAMES = {"pytorch": "torch"}
#: modules whose package does not list them
MODULES = {"dlib": "dlib-bin"}
#: modules that code may try to import, and says how to get, without this project installing them
OPTIONAL = {"timm"}


def requirements():
    """All of pyproject's requirements: the library's own and every extra's."""
    return [Requirement(line) for line in sum(EXTRAS.values(), PROJECT["dependencies"])]


def pins():
    """name -> version from constraints.txt, whose lines hold just that."""
    found = {}
    for number, line in enumerate((ROOT / "constraints.txt").read_text().splitlines(), 1):
        if line.startswith("#") or not line:
            continue
        match = re.fullmatch(r"([a-z0-9-]+)==([0-9][0-9a-z.]*)", line)
        assert match, f"constraints.txt:{number}: {line!r} is not name==version with a canonical name"
        name, version = match.groups()
        assert name == canonicalize_name(name) and name not in found, f"constraints.txt:{number}: {name} is there twice"
        found[name] = Version(version)
    return found


def test_every_requirement_is_pinned_at_a_version_it_allows():
    pinned = pins()
    for need in requirements():
        name = canonicalize_name(need.name)
        assert [spec.operator for spec in need.specifier] == [">="], f"{need}: each gets a floor and no more"
        assert name in pinned, f"{need.name} is in pyproject.toml and not in constraints.txt"
        assert pinned[name] in need.specifier, f"{need}: constraints.txt has {pinned[name]}"


def test_a_package_has_the_same_floor_wherever_it_is_named():
    floors = {}
    for need in requirements():
        assert floors.setdefault(canonicalize_name(need.name), need.specifier) == need.specifier, need


def test_conda_asks_for_the_same():
    needs = {canonicalize_name(need.name): need.specifier for need in map(Requirement, PROJECT["dependencies"])}
    conda = [Requirement(line) for line in CONDA if isinstance(line, str)]
    conda = {CONDA_NAMES.get(need.name, need.name): need.specifier for need in conda}
    assert {name: conda.get(name) for name in needs} == needs
    others = {name for name, spec in conda.items() if spec} - set(needs) - {"python"}
    assert not others, f"environment.yml has versions of {others}, which nothing here checks"

    (pip,) = (line["pip"] for line in CONDA if isinstance(line, dict))
    (editable,) = pip  # one line: this package, with extras
    extras = re.fullmatch(r"-e \.\[([a-z,]+)\]", editable)[1].split(",")
    assert set(extras) <= set(EXTRAS)
    assert {"book", "tests"} <= set(extras), "make book and make test are to work in conda's environment too"


def test_the_tasks_install_extras_that_exist():
    named = [extras for _, extras in tasks.TASKS.values() if extras]
    assert len(named) > 10
    for extras in named:
        assert set(extras.split(",")) <= set(EXTRAS), extras


def test_an_install_line_names_extras_that_exist_and_works_in_any_shell():
    """Windows' cmd takes single quotes for letters, and whoever has a wheel has no clone to install from."""
    line, seen = re.compile(r"(?:pip (?:install|wheel)|-e)\b[^\n]*?(.)(mee|\.)\[([a-z,]+)\]"), 0
    for name, text in tracked():
        for quote, what, extras in [] if name.endswith(".yml") else line.findall(text):
            seen += 1
            assert quote == '"' and set(extras.split(",")) <= set(EXTRAS), f"{name}: {quote}{what}[{extras}]"
            assert what == "mee" or not name.startswith("mee/"), f"{name}: .[{extras}] needs a clone"
    assert seen > 15


def test_make_knows_every_task():
    (named,) = re.findall(r"^TASKS := (.*)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert named.split() == list(tasks.TASKS)


def run_tasks(*arguments, folder=ROOT):
    """What ``python tasks.py`` prints, or its error."""
    command = [sys.executable, "tasks.py", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")
    return done.stdout if done.returncode == 0 else done.stderr


def test_each_task_runs_files_that_exist():
    listed = run_tasks("VENV=build/none")
    for name, (function, _) in tasks.TASKS.items():
        assert re.search(rf"^{name} +{re.escape(function.__doc__)}$", listed, re.M)
    printed = run_tasks("-n", *(name for name in tasks.TASKS if "clean" not in name), "VENV=build/none")
    assert not (ROOT / "build/none").exists()
    scripts = {word for word in printed.split() if word.endswith(".py")}
    assert len(scripts) > 5 and all((ROOT / script).is_file() for script in scripts), scripts
    for line in printed.splitlines():
        interpreter = ("build/none/bin/python", "'build\\none\\Scripts\\python.exe'")[os.name == "nt"]
        assert line.startswith(f"{interpreter} "), line
    assert "no task tset; there are: book, " in run_tasks("tset")


def test_the_environment_is_set_up_once_and_after_a_change(tmp_path):
    for name in ("tasks.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    code = """
import subprocess, tasks
def run(*command):
    print(*command)
    tasks.interpreter().parent.mkdir(parents=True, exist_ok=True)
    tasks.interpreter().touch()
tasks.run, subprocess.run = run, run
for extras in ("book", "book", "demo", "book,demo"):
    print("--", extras)
    tasks.prepare(extras)
open("constraints.txt", "a").write("# more")
print("-- changed")
tasks.prepare("book")
import os, shutil
os.environ |= {"TORCH_INDEX": "cpu", "CONSTRAINTS": ""}
shutil.rmtree(".venv")
print("-- cpu, newest")
tasks.prepare("book")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    first, again, more, both, changed, cpu = (part.splitlines() for part in done.stdout.split("-- ")[1:])
    assert "-m venv" in first[1] and first[-1].endswith("-c constraints.txt --editable .[book]")
    assert len(again) == len(both) == 1
    assert more[-1].endswith(".[book,demo]") and changed[-1].endswith(".[book,demo]") and "-m venv" not in str(changed)
    assert cpu[-2].endswith("--torch-backend cpu torch") and "constraints" not in str(cpu[1:])


def test_python_versions_agree():
    listed = [line.rsplit(" ", 1)[1] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)]
    listed = sorted(map(Version, listed))
    first, last = listed[0], listed[-1]
    assert [v.minor for v in listed] == list(range(first.minor, last.minor + 1))
    assert SpecifierSet(PROJECT["requires-python"]) == SpecifierSet(f">={first}")
    (conda,) = (Requirement(line) for line in CONDA if isinstance(line, str) and line.startswith("python"))
    assert conda.specifier == SpecifierSet(f">={first},<3.{last.minor + 1}")
    for file in ("README.md", "Makefile", "tasks.py", "constraints.txt", "notebooks/index.md"):
        text = re.sub(r".*==.*", "", (ROOT / file).read_text())  # without the pins
        named = {Version(version) for version in re.findall(r"\b3\.\d+\b", text)}
        assert named and first <= min(named) and max(named) == last, f"{file} speaks of Python {sorted(named)}"


def test_one_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert mee.__version__ == PROJECT["version"] == citation["version"]


def tracked():
    """Files that git has or would take, with their text; pictures and the like are left out."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        try:
            yield name, (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue


def test_a_wheel_has_the_library_and_what_mee_demo_shows(tmp_path):
    parts = {"pyproject.toml", "README.md", "MANIFEST.in", *PROJECT["license-files"]}
    data = {"notebooks/data/tinyclips.h5", "notebooks/data/tinyclips_model.pt"}
    sources = {name for name, _ in tracked() if name.startswith("mee/")}
    for name in parts | data | sources:
        (tmp_path / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
        # 20 MB need not be packed to see that they are taken
        (tmp_path / "clone" / name).write_bytes(b"" if name in data else (ROOT / name).read_bytes())
    folder = str(tmp_path)
    build = f"from setuptools import build_meta as b; b.build_wheel({folder!r}); b.build_sdist({folder!r})"
    command = [sys.executable, "-W", "ignore", "-c", build]
    subprocess.run(command, cwd=tmp_path / "clone", check=True, capture_output=True, text=True)
    (wheel,), (archive,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == sources | {name.replace("notebooks/", "mee/demo/") for name in data}
    packed = {name.partition("/")[2] for name in tarfile.open(archive).getnames()}
    left = {"setup.cfg", "PKG-INFO", "", "mee.egg-info", "notebooks"}
    packed = {name for name in packed if not name.startswith("mee.egg-info/")} - left
    folders = {str(Path(name).parent) for name in sources | data}
    assert packed - folders == parts | data | sources


def test_nothing_of_a_machine_or_a_registry_is_in_a_file():
    # the hosts and folders are put together here, so that this file does not hold them itself
    hosts = ["pypi|org", "pythonhosted|org", "download.pytorch|org", "anaconda|org", "npmjs|org", "deb.debian|org"]
    patterns = [host.replace(".", r"\.").replace("|", r"\.") for host in hosts]
    patterns += [r"\bfile:" + r"//", r"(?<![\w.~:/}>)-])/(home|Users|root|opt|work|mnt)/\w", re.escape(f"{ROOT}/")]
    bad = re.compile("|".join(patterns))
    seen = 0
    for name, text in tracked():
        seen += 1
        for number, line in enumerate(text.splitlines(), 1):
            match = bad.search(line)
            assert not match, f"{name}:{number}: {match[0]!r} belongs to a machine or a registry, not into a file"
    assert seen > 10


def test_what_the_code_imports_is_declared():
    declared = {canonicalize_name(need.name) for need in requirements()}
    homes = packages_distributions()
    folders = ("data_scripts", "experiments", "experiments/benchmarks", "notebooks", "notebooks/drawings", "tests")
    ours = {"mee", "extract", "original", "faults", "tasks"} | {
        path.stem for folder in folders for path in (ROOT / folder).glob("*.py")
    }
    for name, text in tracked():
        if not name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module]
            else:
                continue
            for module in (module.partition(".")[0] for module in modules):
                if module in sys.stdlib_module_names or module in ours or module in OPTIONAL:
                    continue
                packages = {canonicalize_name(package) for package in homes.get(module, [MODULES.get(module, module)])}
                assert packages & declared, f"{name} imports {module}, which pyproject.toml does not ask for"


def test_the_readme_example_runs_as_printed():
    text = (ROOT / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["scores"].shape == (8, 8) and names["pairs"].shape == (8,)


def test_the_readme_names_only_what_there_is():
    text = (ROOT / "README.md").read_text()
    for target in re.findall(r"`make ([a-z]+)", text) + re.findall(r"^make ([a-z]+)", text, re.M):
        assert target in tasks.TASKS, f"make {target}"
    for script in re.findall(r"python ([\w/]+\.py)", text):
        assert (ROOT / script).is_file(), script
    for module in re.findall(r"python -m ([\w.]+)", text):
        assert (ROOT / (module.replace(".", "/") + ".py")).is_file(), module
    for link in re.findall(r"\]\(([^):]+)\)", text) + re.findall(r"^\| `([^`]+)` \|", text, re.M):
        assert (ROOT / link).exists(), link
