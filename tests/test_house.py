"""The house: which module may import which, what an import costs, and that all public names say what they are."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import mee

ROOT = Path(__file__).parents[1]
PURE = ("model", "loss", "metrics")
CORE = (*PURE, "calibration", "config", "data", "resident", "train", "evaluate", "robustness", "compare")
#: wing -> the wings that it may import, beside the core
WINGS = {"storage": (), "search": ("storage",), "demo": ("storage", "search"), "distributed": ()}
HEAVY = {"h5py", "faiss", "qdrant_client", "qdrant_edge", "gradio", "fastapi", "uvicorn"}


def read_modules():
    """Name without ``mee.`` -> syntax tree, of all modules; a package's ``__init__`` has the name of the package."""
    trees = {}
    for path in sorted((ROOT / "mee").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT / "mee").with_suffix("").parts).removesuffix(".__init__")
        trees[name] = ast.parse(path.read_text())
    return trees


TREES = read_modules()
MODULES = [name for name in TREES if name != "__init__"]


def imports(name):
    """All that a module imports, anywhere in it, as full names; of ours the module, not the name in it."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"mee.{name}: imports are absolute here"
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for full in found:
            parts = full.split(".")
            while parts[0] == "mee" and len(parts) > 1 and ".".join(parts[1:]) not in TREES:
                parts.pop()
            yield ".".join(parts)


def ours(name):
    return {full.removeprefix("mee.") for full in imports(name) if full.startswith("mee.")}


@pytest.mark.parametrize("name", CORE)
def test_the_core_imports_no_wing_and_nothing_heavy(name):
    allowed = {*sys.stdlib_module_names, "torch", "mee"} | (set() if name in PURE else {"numpy", "tqdm"})
    allowed |= {"matplotlib"} if name == "robustness" else set()  # imported by the function that draws
    for full in imports(name):
        assert full.partition(".")[0] in allowed - {"ctypes"}, f"mee.{name} imports {full}"
        assert not full.startswith("torch.distributed"), f"mee.{name} imports {full}"
    assert ours(name) <= (set() if name in PURE else set(CORE)), f"mee.{name} imports {ours(name) - set(CORE)}"
    assert "mee" not in imports(name), f"mee.{name} imports the package, whose names come from anywhere"


def test_wings_import_the_core_and_the_wings_below_them():
    core_and_wings = {name.partition(".")[0] for name in MODULES}
    assert core_and_wings == {*CORE, *WINGS, "cli", "__main__"}, "a new module needs its place in the house"
    for name in MODULES:
        wing = name.partition(".")[0]
        if wing in WINGS:
            for other in ours(name):
                assert other.partition(".")[0] in (*CORE, wing, *WINGS[wing]), f"mee.{name} imports mee.{other}"
    assert ours("__main__") == {"cli"}


def test_the_library_imports_no_program_of_this_repository():
    programs = {"experiments", "data_scripts", "tests", "notebooks"}
    programs |= {path.stem for folder in programs for path in (ROOT / folder).glob("*.py")}
    for name in TREES:
        found = {full.partition(".")[0] for full in imports(name)} & programs
        if name == "demo.service":  # in a clone, the page can render the book's own films; without one, it shows none
            found -= {"make_tinyclips"}
        assert not found, f"mee.{name} imports {found}"


def test_no_module_needs_itself():
    """No circles, neither at the top of modules nor inside functions; the command line, which nobody imports, aside."""
    graph = {name: ours(name) for name in MODULES if name != "cli"}
    order = list(TopologicalSorter(graph).static_order())  # raises for a circle, and names it
    assert order.index("model") < order.index("train") < order.index("storage.checkpoint")


def imported_by(statement):
    """Modules that are there after ``statement`` in a fresh Python."""
    command = [sys.executable, "-c", f"{statement}; import sys; print(*sys.modules)"]
    return set(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())


def test_what_an_import_costs():
    assert not imported_by("import mee") & {"torch", "numpy", "tqdm", *HEAVY}
    modules = imported_by("import " + ", ".join(f"mee.{name}" for name in CORE))
    assert not modules & HEAVY
    assert {name for name in modules if name.startswith("mee.")} == {f"mee.{name}" for name in CORE}
    modules = imported_by("import mee.storage")  # a file is read, a model loaded without the rest
    assert "h5py" in modules and not modules & (HEAVY - {"h5py"})


def test_every_name_of_the_package_is_there():
    for name in mee.__all__:
        value = getattr(mee, name)
        assert value.__name__ == name and value.__module__.startswith("mee."), name
    assert set(mee.__all__) <= set(dir(mee))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mee.nothing


def public(tree, prefix):
    """(full name, node) of the public functions and classes of a module, and of their methods."""
    for node in tree.body:
        special = node.name.startswith("__") if isinstance(node, ast.FunctionDef) else False
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and (special or not node.name.startswith("_")):
            yield f"{prefix}.{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public(node, f"{prefix}.{node.name}")


PUBLIC = [(full, node) for name, tree in TREES.items() for full, node in public(tree, f"mee.{name}")]


def test_everything_public_has_a_docstring():
    for name, tree in TREES.items():
        assert ast.get_docstring(tree) or name == "__main__", f"mee.{name} has no docstring"
    bare = [full for full, node in PUBLIC if ".__" not in full and not ast.get_docstring(node)]
    assert len(PUBLIC) > 100 and not bare, f"no docstring: {bare}"


def test_what_stands_before_a_colon_is_no_type():
    """Sphinx takes "#: width: of a bar" for a type and its description, and tears the sentence apart."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "mee").rglob("*.py")]
    torn = [line for text in texts for line in re.findall(r"^ *#: [^`\n]*: .*", text, re.M)]
    assert not torn


def test_everything_public_has_type_hints():
    bare = []
    for full, node in PUBLIC:
        if isinstance(node, ast.FunctionDef):
            a = node.args
            arguments = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
            bare += [f"{full}({x.arg})" for x in arguments if not x.annotation and x.arg not in ("self", "cls")]
            if node.returns is None and node.name != "__init__":
                bare.append(f"{full} -> ?")
    assert not bare, f"no type hint: {bare}"
