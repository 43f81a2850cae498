"""Options that several commands share.  They say how diagnostics look and what a spec may cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import click

from netspec.cli.state import State
from netspec.diagnostics import did_you_mean
from netspec.limits import DEFAULT, Limits

FORMATS: Final = ("full", "concise", "json", "github", "sarif")
Command = TypeVar("Command", bound=Callable[..., Any])

files = click.argument("files", metavar="FILE...", nargs=-1, required=True)


def reading(command: Command) -> Command:
    """The options of every command that reads a spec; the command gets `limits`."""
    return _format(bounded(command))


def bounded(command: Command) -> Command:
    """Those of a command whose own `--format` says what it writes; the command gets `limits`."""
    return _debug(_limit(command))


def json_as(schema: str) -> Callable[[Command], Command]:
    """`--json`: one document of this schema on stdout, errors included; the command gets `as_json`."""

    def wanted(ctx: click.Context, _option: click.Parameter, value: bool) -> bool:
        if value:
            ctx.ensure_object(State).schema = schema
        return value

    return click.option(
        "--json", "as_json", is_flag=True, callback=wanted, help="One JSON document on stdout."
    )


def _set_format(ctx: click.Context, _option: click.Parameter, value: str) -> None:
    ctx.ensure_object(State).format = value


def _set_debug(ctx: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(State).debug = True


def _read_limits(_ctx: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> Limits:
    known = [name for name, _, _ in DEFAULT.describe()]
    wanted = {}
    for text in values:
        name, _, number = text.partition("=")
        if name not in known:
            near = did_you_mean(name, known)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."
            raise click.BadParameter(f"there is no limit {name!r}. {hint}")
        if not number.replace("_", "").isdecimal() or len(number) > 30:
            raise click.BadParameter(f"{name} must be a whole number, as in {name}={getattr(DEFAULT, name)}.")
        wanted[name] = int(number)
    return DEFAULT.raised(**wanted)


def values_of(texts: Iterable[str]) -> dict[str, str]:
    """Values by name from texts such as `width=128`."""
    wanted = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not sign or not name or not value:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE, as in width=128.")
        wanted[name] = value
    return wanted


values = click.option(
    "--set",
    "values",
    metavar="NAME=VALUE",
    multiple=True,
    callback=lambda _ctx, _option, texts: values_of(texts),
    help="Give a `param` of the spec another value.",
)


def _read_sizes(_ctx: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    sizes = {}
    for text in values:
        name, _, number = text.partition("=")
        if not name or not number.isdecimal() or len(number) > 18 or int(number) < 1:
            raise click.BadParameter(f"{text!r} is not a symbol and its size, as in T=100.")
        sizes[name] = int(number)
    return sizes


sizes = click.option(
    "--bind",
    "sizes",
    metavar="SYMBOL=SIZE",
    multiple=True,
    callback=_read_sizes,
    help="Put a number in place of a symbol, as in T=100.",
)
_format = click.option(
    "--format",
    type=click.Choice(FORMATS),
    default="full",
    callback=_set_format,
    expose_value=False,
    help="How errors are shown.",
)
_limit = click.option(
    "--limit",
    "limits",
    metavar="NAME=NUMBER",
    multiple=True,
    callback=_read_limits,
    help="Raise a limit (see `netspec limits`).",
)
_debug = click.option("--debug", is_flag=True, callback=_set_debug, expose_value=False, hidden=True)
