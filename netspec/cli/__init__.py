"""The command line: a table of commands, each imported when it is called, and the one place where failures end.

Nothing but click is imported before a command is known, so that `--help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import click

from netspec.cli.state import WORDS, State

# command -> where its function is, and what it does in a few words
COMMANDS: Final = {
    "shapes": ("netspec.cli.shapes:shapes", "Shapes, parameters and multiply-adds, a row a line."),
    "check": ("netspec.cli.check:check", "Say whether specs are right, and if not, why."),
    "fmt": ("netspec.cli.fmt:fmt", "Rewrite specs in the one style."),
    "train": ("netspec.cli.train:train", "Train the network of a spec."),
    "eval": ("netspec.cli.trained:evaluate", "Measure a trained network on its test data."),
    "predict": ("netspec.cli.trained:predict", "Apply a trained network to pictures or tables."),
    "generate": ("netspec.cli.generate:generate", "Have a trained network write or draw."),
    "sweep": ("netspec.cli.sweep:sweep", "Train with each value that a spec says is worth trying."),
    "runs": ("netspec.cli.runs:runs", "List what runs left, or compare some."),
    "curves": ("netspec.cli.runs:curves", "Draw the curves of several runs in one picture."),
    "export": (
        "netspec.cli.export:export",
        "Write a network as code or as a model that runs without netspec.",
    ),
    "verify": ("netspec.cli.verify:verify", "Run a network on every backend and say whether they agree."),
    "layers": ("netspec.cli.layers:layers", "List the layers, or explain one."),
    "diff": ("netspec.cli.diff:diff", "What is different between two specs."),
    "draw": ("netspec.cli.draw:draw", "Draw the network of a spec."),
    "augment": ("netspec.cli.augment:augment", "Draw examples as training sees them."),
    "blocks": ("netspec.cli.blocks:blocks", "List the blocks that ship with netspec, or show one."),
    "explain": ("netspec.cli.explain:explain", "Explain a line of a spec, or an error code."),
    "limits": ("netspec.cli.limits:limits", "List the bounds on what a spec may cost."),
}


class Commands(click.Group):
    """The `netspec` command: looks its commands up in the table and turns failures into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), function)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from netspec.diagnostics import did_you_mean

            near = did_you_mean(args[0], COMMANDS)
            ctx.fail(f"There is no command {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[WORDS] = tuple(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        state = ctx.obj = State(debug=ctx.params.get("debug", False))
        try:
            answer = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
            return answer
        except (click.ClickException, click.exceptions.Exit):
            raise
        except BaseException as failure:
            from netspec.cli.failures import explain_failure

            code = explain_failure(failure, state)
        ctx.exit(code)


def _version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"netspec {version('netspec')}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, help="Show the traceback of a bug.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version."
)
def cli(debug: bool) -> None:
    """Networks as you write them on a whiteboard, checked to the last number before anything runs.

    A FILE is a spec (`lenet.net`), a folder of specs, weights that carry their spec (`best.safetensors`), `-` for
    standard input, or the bare name of a spec that ships with netspec (`lenet`).
    """


def main(args: Sequence[str] | None = None, standalone_mode: bool = True) -> Any:
    """Run the command line.  Without `standalone_mode` the exit code is returned: 0 or None where all went well."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what a terminal cannot show must not stop a message
            stream.reconfigure(errors="backslashreplace")
    try:
        return cli.main(args=args, prog_name="netspec", standalone_mode=standalone_mode)
    except SystemExit as ended:
        processes = sys.modules.get("netspec.backends.processes")
        if standalone_mode and processes and processes.is_started():
            processes.end(ended.code if isinstance(ended.code, int) else bool(ended.code))
        raise
