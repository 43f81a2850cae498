"""Plug-ins: a package of a third party, really installed, and what happens where one is broken."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = ROOT / "tests" / "plugin_package"


def python(code: str, *folders: Path) -> str:
    """What a program prints in a fresh interpreter that finds netspec and what lies in the folders."""
    path = os.pathsep.join(map(str, (*folders, ROOT)))
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the package, without a network."""
    folder = tmp_path_factory.mktemp("site")
    options = "--quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index".split()
    command = [sys.executable, "-m", "pip", "install", *options, "--target", folder, PLUGIN]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def write_plugin(folder: Path, name: str, entry_points: str, module: str = "") -> Path:
    """Put a package as an installer leaves it into a folder: its metadata, and a module of the same name."""
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    (information / "entry_points.txt").write_text(entry_points, "utf-8")
    (folder / f"{name}.py").write_text(module, "utf-8")
    return folder


REFUSED = """
import netspec

def refusal(make):
    try:
        make()
    except netspec.SpecError as refused:
        return "; ".join([str(refused), *(note for found in refused.diagnostics for note in found.notes)])
    return "accepted"
"""


# --- the package


def test_the_layer_is_a_word_of_the_language(installed: Path) -> None:
    code = """
import netspec
from netspec.ir import catalog
net = netspec.parse("input 4x3x2; conv 5 3x3 snake; snake 2.5; dense 3 snake; softmax 2")
print(*(f"{layer.name} {layer.shape}" for layer in net if layer.word == "snake"), sep=", ")
print(net.parameters["snake1.weight"].shape, net.parameters["snake2.weight"].initial)
print("snake" in catalog.words("layer"), [each.word for each in catalog.definitions("layer")].count("snake"))
print(netspec.from_json(net.to_json()) == net, netspec.parse(net.to_text()) == net)
"""
    assert python(code, installed).splitlines() == [
        "snake1 4x3x5, snake2 4x3x5, snake3 3",
        "(5,) Constant(value=2.5)",
        "True 1",
        "True True",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("input 4; snak", "| `snake`"),
        ("input 4; snake 0", "N105: `frequency` of `snake` must be a number above 0"),
        ("input 4; snake frequncy=2", "| `frequency=2`"),
        ("input 4 of 9; snake", "N206: `snake` reads"),
    ],
)
def test_the_layer_is_checked_like_any_other(installed: Path, text: str, complaint: str) -> None:
    code = f"""
import netspec
try:
    netspec.parse({text!r})
except netspec.SpecError as refused:
    print(refused, *refused.diagnostics[0].tries, sep=" | ")
"""
    assert complaint in python(code, installed)


def test_layer_and_backend_conform(installed: Path) -> None:
    """The layer on every backend, and every ninth of all cases on the backend of the package."""
    code = """
from netspec.backends import available
from netspec.testing import conformance
every = list(conformance.cases())
mine = [case for case in every if "snake" in case.name]
assert available()[-1] == "numpy64", available()
for backend in available():
    for case in mine:
        print(*conformance.run(case, backend), sep="\\n", end="")
for case in every[::9]:
    print(*conformance.run(case, "numpy64"), sep="\\n", end="")
print(len(mine))
"""
    assert python(code, installed).strip() == "8"


def test_the_backend_computes_in_double_precision(installed: Path) -> None:
    code = """
import numpy as np, netspec
net = netspec.parse("input 6; dense 300 relu; dense 300 relu; dense 1")
x = np.random.default_rng(0).normal(size=(9, 6)).astype("float32")
exact = netspec.compile(net, "numpy", dtype="float64", parameters=netspec.compile(net, "numpy").parameters())
single, mine = netspec.compile(net, "numpy"), netspec.compile(net, "numpy64")
off = [abs(program.predict(x) - exact.predict(x)).max() for program in (single, mine)]
print(mine.predict(x).dtype, off[1] < 1e-7 and off[1] < off[0])
"""
    assert python(code, installed) == "float32 True\n"


def test_a_near_name_of_a_backend_is_proposed(installed: Path) -> None:
    code = REFUSED + 'print(refusal(lambda: netspec.compile(netspec.parse("input 4; dense 2"), "numpy46")))'
    assert "did you mean `numpy64`?" in python(code, installed)


def test_rules_of_other_backends_are_not_imported(installed: Path) -> None:
    code = """
import sys, netspec
netspec.compile(netspec.parse("input 4; snake; dense 2"), "numpy")
print(sorted(name for name in sys.modules if name.startswith("netspec_plugin_example") or name == "torch"))
"""
    names = ["netspec_plugin_example", "netspec_plugin_example.snake", "netspec_plugin_example.snake_numpy"]
    assert python(code, installed) == f"{names}\n"


# --- what is missing or broken

WAVE = """
from netspec.ir.definition import word
from netspec.ir.layer import Operation

@word("wave")
class Wave(Operation):
    '''A layer without a rule.'''
"""


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_a_missing_rule_is_told_when_compiled(tmp_path: Path, backend: str) -> None:
    write_plugin(tmp_path, "ripple", "[netspec.layers]\nwave = ripple:Wave\n", WAVE)
    code = f"""
try:
    netspec.compile(netspec.parse("input 4; wave"), {backend!r})
except netspec.SpecError as refused:
    print(refused, *(f"at {{found.span.text}}" for found in refused.diagnostics))
"""
    assert python(f"import netspec{code}", tmp_path) == (
        f"N601: the backend `{backend}` has no rule for `wave` at wave\n"
    )


def test_rules_that_cannot_be_imported_are_told_where_they_are_missed(
    tmp_path: Path, installed: Path
) -> None:
    entry_points = "[netspec.layers]\nwave = ripple:Wave\n[netspec.rules]\nnumpy = ripple_rules\n"
    write_plugin(tmp_path, "ripple", entry_points, WAVE)
    (tmp_path / "ripple_rules.py").write_text("import no_such_module", "utf-8")
    code = f"""
{REFUSED}
import numpy as np
print(netspec.compile(netspec.parse("input 4; dense 2 relu"), "numpy").device)
print(netspec.compile(netspec.parse("input 4; snake"), "numpy").device)
print(refusal(lambda: netspec.compile(netspec.parse("input 4; wave"), "numpy").predict(np.ones((1, 4)))))
"""
    printed = python(code, tmp_path, installed).splitlines()
    assert printed[:2] == ["cpu", "cpu"]
    assert printed[2] == (
        "N601: the backend `numpy` has no rule for `wave`; the rules in `ripple_rules` cannot be imported: "
        "ModuleNotFoundError: No module named 'no_such_module'"
    )


def test_a_broken_plug_in_breaks_nobody_else(tmp_path: Path) -> None:
    entry_points = "[netspec.layers]\nwave = ripple:Wave\n[netspec.optimizers]\nswim = ripple:Swim\n"
    write_plugin(tmp_path, "ripple", entry_points, "import no_such_module")
    code = f"""
{REFUSED}
import warnings
from netspec.ir import catalog
print(netspec.parse("input 4; dense 2 relu").outputs[0].shape)
print(refusal(lambda: netspec.parse("input 4; dens 2")))
print(refusal(lambda: netspec.parse("input 4; wave")))
print(refusal(lambda: netspec.parse("input 4; dense 3 wave")))
print(refusal(lambda: netspec.parse("input 4; dense 3\\ntrain:\\n    optimizer swim")))
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    print(len(list(catalog.definitions("layer"))) == len(catalog.words("layer")) - 1)
print([str(warning.message)[:39] for warning in warned])
"""
    reason = (
        "comes from the plug-in `ripple`, which cannot be imported: "
        "ModuleNotFoundError: No module named 'no_such_module'"
    )
    assert python(code, tmp_path).splitlines() == [
        "2",
        "N101: there is no layer called `dens`",
        f"N603: the layer `wave` {reason}",
        f"N603: the layer `wave` {reason}",
        f"N603: the optimizer `swim` {reason}",
        "True",
        "['N603: the layer `wave` comes from the p']",
    ]


def test_a_plug_in_must_define_what_it_promises(tmp_path: Path) -> None:
    points = "wave = ripple:Wave\nfoam = ripple:Wave\nspray = ripple:nothing\nadamant = ripple:Adamant\n"
    module = f"{WAVE}\nfrom netspec.settings.optimizer import Adam as Adamant\nnothing = 1"
    write_plugin(tmp_path, "ripple", f"[netspec.layers]\n{points}", module)
    write_plugin(tmp_path, "surf", "[netspec.layers]\nwave = surf:Wave\n", WAVE)
    code = f"""
{REFUSED}
for word in ("foam", "spray", "adamant", "wave"):
    print(refusal(lambda: netspec.parse(f"input 4; {{word}}")))
"""
    foam, spray, adamant, wave = python(code, tmp_path).splitlines()
    assert (
        foam == "N603: the plug-in `ripple` promises the layer `foam`, and `ripple:Wave` does not define it"
    )
    assert "`ripple:nothing` does not define it" in spray
    assert "`ripple:Adamant` does not define it" in adamant
    assert wave == "N603: the layer `wave` comes from several plug-ins at once: `ripple`, `surf`"


def test_a_built_in_word_or_backend_is_never_replaced(tmp_path: Path) -> None:
    entry_points = "[netspec.layers]\nrelu = ripple:Relu\n[netspec.backends]\nnumpy = ripple\n"
    write_plugin(tmp_path, "ripple", entry_points, "raise SystemExit('imported')")
    code = """
import netspec
from netspec.backends import available, load_backend
from netspec.ir import catalog
print(catalog.find("layer", "relu").__module__, catalog.words("layer").count("relu"))
print(load_backend("numpy").__name__, available().count("numpy"))
"""
    assert python(code, tmp_path) == "netspec.layers.activation 1\nnetspec.backends.numpy 1\n"


def test_a_backend_that_cannot_be_imported_is_told(tmp_path: Path) -> None:
    write_plugin(tmp_path, "ripple", "[netspec.backends]\nwater = ripple\n", "import no_such_module")
    code = REFUSED + 'print(refusal(lambda: netspec.compile(netspec.parse("input 4; dense 2"), "water")))'
    assert python(code, tmp_path) == (
        "N602: the backend `water` comes from a plug-in that cannot be imported: "
        "ModuleNotFoundError: No module named 'no_such_module'\n"
    )


def test_built_in_words_ask_no_metadata() -> None:
    code = """
import sys, netspec
netspec.parse("input 28x28x1; conv 4 5x5 relu; pool 2; dense 10; softmax 10")
print("importlib.metadata" in sys.modules)
"""
    assert python(code) == "False\n"
