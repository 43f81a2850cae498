"""The house rules: who may import whom, what loads what, how long things may be, what the wheel carries."""

import ast
import graphlib
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "netspec"
MODULES = sorted(PACKAGE.rglob("*.py"))

LONGEST_FILE = 400
LONGEST_FUNCTION = 60

# Where an import of netspec itself may stand inside a function: everything else imports at its head.
LAZY_DOORS = (
    "__init__.py",
    "backends/__init__.py",
    "cli/",
    "ir/catalog.py",
    "ir/net.py",
    "passes/__init__.py",
    "passes/bind.py",  # networks
    "passes/infer.py",  # numbers for symbols
    "passes/telling.py",
    "ir/asking.py",
    "syntax/parser.py",  # what is wrong with a line
)

# Imports that look back, from within a function: a `Net` writes itself as a document or a text, which is made of one;
# the first question about a symbol brings the solver, which answers such questions.
LOOKS_BACK = {
    "netspec.ir.net": {"netspec.ir.document", "netspec.ir.text"},
    "netspec.ir.asking": {"netspec.ir.constraints"},
}

HEAVY = ("matplotlib", "numpy", "onnx", "optuna", "sklearn", "tensorboard", "torch")


def run(*command: str | Path, **options: object) -> str:
    """Run a command that has to succeed; its standard output."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=300, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return str(done.stdout)


# --- imports


def test_import_contracts_hold() -> None:
    lint_imports = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    run(sys.executable, "-c", lint_imports, "--no-logo", "--no-cache", cwd=ROOT)


def test_no_import_cycle() -> None:
    graph = grimp.build_graph("netspec", exclude_type_checking_imports=True, cache_dir=None)
    needs = {
        module: graph.find_modules_directly_imported_by(module) - LOOKS_BACK.get(module, set())
        for module in graph.modules
    }
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_imports_inside_functions_only_at_the_lazy_doors() -> None:
    found = [
        f"{name(path)}:{node.lineno}"
        for path in MODULES
        if not name(path).removeprefix("netspec/").startswith(LAZY_DOORS)
        for function in functions(path)
        for node in ast.walk(function)
        if imports_netspec(node)
    ]
    assert not found


def imports_netspec(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] == "netspec" for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return node.level > 0 or (node.module or "").split(".")[0] == "netspec"
    return False


RUN_AND_TELL = f"""
import sys
from netspec.cli import main
try:
    code = main(sys.argv[1:], standalone_mode=False)
except SystemExit as stop:
    code = stop.code
assert not code, code
print("loaded:", *sorted({set(HEAVY)!r} & set(sys.modules)))
"""


@pytest.mark.parametrize("command", [["shapes"], ["check"], ["fmt", "--check"]], ids=lambda words: words[0])
def test_reading_commands_load_no_array_library(command: list[str]) -> None:
    printed = run(sys.executable, "-c", RUN_AND_TELL, *command, ROOT / "specs" / "lenet.net", cwd=ROOT)
    assert printed.splitlines()[-1] == "loaded:"


# --- budgets


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_file_is_too_long() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_function_is_too_long() -> None:
    lengths = {
        f"{name(path)}:{function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in MODULES
        for function in functions(path)
    }
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


# --- texts


def kept_texts() -> dict[str, str]:
    """Every text file that git keeps or would keep, by its name."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    texts = {}
    for path in filter(None, listed.split("\0")):
        content = (ROOT / path).read_bytes() if (ROOT / path).is_file() else b""
        if b"\0" not in content:
            texts[path] = content.decode("utf-8", errors="replace")
    return texts


def test_no_text_names_a_place_on_this_machine() -> None:
    shared = {Path("/"), Path("/usr"), Path("/usr/local"), Path(tempfile.gettempdir())}
    places = {ROOT, ROOT.parent, Path.home(), Path(sys.prefix)} - shared
    patterns = [r"/(?:home|root|Users)/\w", *(re.escape(str(place)) + "/" for place in places)]
    pattern = re.compile(r"(?<![\w.~-])(?:" + "|".join(patterns) + ")")
    assert [path for path, text in kept_texts().items() if pattern.search(text)] == []


def test_no_mark_is_left_behind() -> None:
    mark = re.compile(r"\b(?:TO[D]O|FIX[M]E)\b")
    assert [path for path, text in kept_texts().items() if mark.search(text)] == []


def test_links_between_documents_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{name(document)}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert broken == []


def test_readme_has_two_commands_and_the_checks_run_the_second() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    train, test = re.findall(r"^```sh\n(.*)\n```$", readme, flags=re.MULTILINE)
    assert train.endswith("netspec train specs/lenet.net")
    assert test.split(" && ")[-1].startswith(".venv/bin/pytest")
    checks = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "README.md" in checks
    assert "pytest" not in checks


# --- packaging


def test_every_dependency_has_a_fitting_pin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    needed = [
        Requirement(text) for text in (*project["dependencies"], *(one for extra in extras for one in extra))
    ]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    pins = {canonicalize_name(package): version for package, version in pins.items()}
    for requirement in needed:
        if requirement.name != project["name"]:
            assert pins[canonicalize_name(requirement.name)] in requirement.specifier, requirement


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution, so that this one is seen to be complete as well."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_carries_all_that_the_code_reads(wheel: Path) -> None:
    carried = set(zipfile.ZipFile(wheel).namelist())
    expected = {"netspec/py.typed", "netspec/grammars/netspec.lark"}
    expected |= {f"netspec/{name(path)}" for path in (ROOT / "specs").rglob("*.net")}
    expected |= {name(path) for path in PACKAGE.rglob("*.net")}
    assert expected <= carried
    assert not [entry for entry in carried if entry.startswith("tests/")]


def test_wheel_works_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    """In a fresh environment that borrows the dependencies, and only them, from the one of the tests."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False, symlinks=os.name != "nt")
    bin_folder = environment / ("Scripts" if os.name == "nt" else "bin")
    python = bin_folder / "python"
    own = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])").strip())
    borrowed = {sysconfig.get_paths()[kind] for kind in ("purelib", "platlib")}
    (own / "borrowed.pth").write_text("\n".join(sorted(borrowed)), encoding="utf-8")
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", wheel)

    empty = tmp_path / "empty"
    empty.mkdir()
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    where = run(python, "-c", "import netspec; print(netspec.__file__)", cwd=empty, env=clean)
    assert own in Path(where.strip()).parents
    assert "28x28x1" in run(bin_folder / "netspec", "shapes", "lenet", cwd=empty, env=clean)
