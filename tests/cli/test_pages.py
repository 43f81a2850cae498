"""`layers`, `explain`, `limits`, the help, `docs/layers.md`: all made from the code that they describe."""

import json

import pytest

from netspec import render
from netspec.cli import COMMANDS, options
from netspec.cli.pages import all_pages, as_text
from netspec.cli.reference import DOCS, PUBLISHED
from netspec.codes import CODES
from netspec.ir.catalog import words
from netspec.limits import DEFAULT

from .conftest import ROOT, Run

ARRAYS = ("train", "eval", "predict")
"""Commands whose module needs NumPy."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_reference_is_current(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == PUBLISHED[name](), "run `python -m netspec.cli.reference`"


def test_examples_give_what_they_say() -> None:
    for page in all_pages():
        assert page.examples, page.word
        text = as_text(page)
        assert page.usage in text
        for example in page.examples:
            assert f"-> {example.output}" in text


def test_list_of_layers(run: Run) -> None:
    listed = run("layers").stdout
    assert all(f"\n  {word} " in listed for word in words("layer"))
    document = json.loads(run("layers", "--json").stdout)
    assert document["schema"] == "netspec.layers/1"
    assert [each["word"] for each in document["layers"]] == words("layer")


@pytest.mark.parametrize("word", ["conv", "softmax", "lstm", "input", "pool"])
def test_page_of_a_layer(run: Run, golden, word: str) -> None:
    result = run("layers", word)
    assert result.exit_code == 0
    golden(f"cli/layers_{word}.txt", result.stdout)


def test_unknown_layer(run: Run) -> None:
    result = run("layers", "covn")
    assert result.exit_code == 2
    assert "Did you mean 'conv'?" in result.stderr


@pytest.mark.parametrize("code", CODES)
def test_explain(run: Run, code: str) -> None:
    page = ROOT / "docs" / "errors" / f"{code}.md"
    result = run("explain", code.lower())
    assert result.exit_code == 0
    assert result.stdout == (page.read_text("utf-8") if page.exists() else f"{code}: {CODES[code]}\n")


def test_explain_unknown_code(run: Run) -> None:
    result = run("explain", "N2O3")
    assert result.exit_code == 2
    assert "Did you mean N203?" in result.stderr
    assert [line.split()[0] for line in run("explain").stdout.splitlines()] == list(CODES)


def test_limits(run: Run) -> None:
    listed = run("limits").stdout
    assert all(f"{value:,}" in listed for _, value, _ in DEFAULT.describe())
    document = json.loads(run("limits", "--json").stdout)
    assert document["schema"] == "netspec.limits/1"
    assert [each["name"] for each in document["limits"]] == [name for name, _, _ in DEFAULT.describe()]


def test_help_of_every_command(run: Run) -> None:
    listed = run("--help").stdout
    for name, (_, summary) in COMMANDS.items():
        assert f"{name} " in listed
        assert summary in " ".join(listed.split())
        if name not in ARRAYS:
            assert run(name, "--help").exit_code == 0


def test_unknown_command(run: Run) -> None:
    result = run("shap", "lenet")
    assert result.exit_code == 2
    assert "Did you mean 'shapes'?" in result.stderr


def test_formats_are_those_of_the_renderer() -> None:
    assert list(render.FORMATS) == list(options.FORMATS)
