"""The pages of the error codes: one for each, and their examples do what they say."""

import re
from pathlib import Path

import pytest

from netspec.codes import CODES
from netspec.limits import Limits
from netspec.passes import run
from netspec.source import Source

FOLDER = Path(__file__).parents[1] / "docs" / "errors"
SPEC_ONLY = "a spec alone cannot show it:"
COMMANDS = {
    "N001": f"{SPEC_ONLY} bytes that are not UTF-8",
    "N008": f"{SPEC_ONLY} a file that is not there",
    "N208": f"{SPEC_ONLY} a size given from outside",
    "N409": f"{SPEC_ONLY} data whose examples differ in length",
    "N501": "the example would have a million characters",
    "N502": "the example would have 400,000 words",
    "N508": f"{SPEC_ONLY} files that import one another",
    "N509": f"{SPEC_ONLY} a sweep",
    "N601": f"{SPEC_ONLY} a layer of a plug-in",
    "N602": f"{SPEC_ONLY} what is installed on a machine",
    "N603": f"{SPEC_ONLY} a plug-in",
    "N604": f"{SPEC_ONLY} what is installed on a machine",
    "N701": f"{SPEC_ONLY} data that are not there",
    "N702": f"{SPEC_ONLY} a damaged data file",
    "N703": f"{SPEC_ONLY} a file of weights",
    "N704": f"{SPEC_ONLY} a training run",
    "N705": f"{SPEC_ONLY} an input of `predict`",
    "N706": f"{SPEC_ONLY} the folder of a run",
    "N707": f"{SPEC_ONLY} the folder of a sweep",
}
"""Pages whose examples are commands, and why."""
IN_SPECS = [code for code in CODES if code not in COMMANDS]
_EXAMPLE = re.compile(r"^## (Wrong|Right)\n\n```(net|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page(code: str) -> str:
    return (FOLDER / f"{code}.md").read_text("utf-8")


def examples(code: str) -> dict[str, tuple[str, str]]:
    """Language and text of the wrong and of the right example."""
    return {title: (language, text) for title, language, text in _EXAMPLE.findall(page(code))}


def codes_of(text: str, limits: Limits | None = None) -> list[str]:
    _, found = run(Source(text, "example.net"), limits or Limits())
    return [each.code for each in found]


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_page_has_the_title_of_its_code_and_two_examples(code: str) -> None:
    text = page(code)
    assert text.startswith(f"# {code}: {CODES[code]}\n\n")
    assert list(examples(code)) == ["Wrong", "Right"]
    assert re.findall("^#+ .*", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)[1:] == [
        "## Wrong",
        "## Right",
    ]
    prose = text.split("\n", 1)[1].split("## Wrong")[0]
    assert 60 < len(prose) < 900
    assert text.endswith("\n") and not text.endswith("\n\n")
    assert not any(line != line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize("code", CODES)
def test_examples_are_specs_unless_a_spec_cannot_show_it(code: str) -> None:
    language = "sh" if code in COMMANDS else "net"
    assert {found for found, _ in examples(code).values()} == {language}


@pytest.mark.parametrize("code", IN_SPECS)
def test_the_wrong_example_is_wrong_in_this_way(code: str) -> None:
    assert code in codes_of(examples(code)["Wrong"][1])


@pytest.mark.parametrize("code", IN_SPECS)
def test_the_right_example_is_right(code: str) -> None:
    assert codes_of(examples(code)["Right"][1]) == []


def test_the_limits_that_are_too_large_for_a_page() -> None:
    text = "input 4\n" + "dense 4\n" * 40
    assert "N501" in codes_of(text, Limits(source=100))
    assert "N502" in codes_of(text, Limits(tokens=50))
    assert "N505" in codes_of(text, Limits(layers=20))
    assert codes_of(text) == []


def test_commands_name_commands_and_options_that_exist() -> None:
    from click import Context

    from netspec.cli import cli

    for code in COMMANDS:
        for _, text in examples(code).values():
            for name, rest in re.findall(r"^netspec (\w+)(.*)$", text, re.MULTILINE):
                command = cli.get_command(Context(cli), name)
                assert command is not None, code
                known = {option for parameter in command.params for option in parameter.opts}
                assert set(re.findall(r"--[a-z]+", rest.split("#")[0])) <= known, code
