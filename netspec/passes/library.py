"""Definitions: the blocks and networks that a text may use, its own, imported ones, and those that ship with netspec.

The standard library is `netspec/blocks/NAME.net`, one file a block, written in the language; what else such a file
defines serves that block alone.  A word of the text itself comes before one of the library.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from netspec.diagnostics import Edit, Fix, Label, SpecError, did_you_mean, error
from netspec.ir import catalog
from netspec.passes.context import Context
from netspec.passes.parameters import parameters
from netspec.passes.place import Defined
from netspec.source import Source
from netspec.syntax import tree
from netspec.syntax.parser import parse, read_source

FOLDER = Path(__file__).parents[1] / "blocks"
SHIPPED = "netspec/blocks/"
"""What the paths of the standard library begin with where texts are kept; no file of a user is read from there."""
_BROKEN = re.compile(r"(?:block|network|def)\s+([a-z_][a-z0-9_]*)")
"""A definition in a line that cannot be read: its uses are not wrong a second time."""
RESERVED = frozenset(
    "input output param expect repeat path if else for block network import train generate".split()
)
"""Words of the language's structure, which no block can be called."""


@cache
def blocks() -> dict[str, Path]:
    """The blocks that ship with netspec, and their files."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.net"))}


def standard(context: Context, word: str) -> Defined | None:
    """A block of the standard library."""
    path = blocks().get(word)
    if path is None:
        return None
    if word not in context.library:
        name = f"{SHIPPED}{word}.net"
        kept = context.main.files.texts if context.main.files else {}
        text = kept[name] if name in kept else read_source(path, context.limits).text
        context.texts[name] = text
        source = Source(text, name, is_shipped=True)
        context.library[word] = Library(context).of(source)[word]
    found: Defined = context.library[word]
    return found


class Library:
    """Reads the definitions of a text and of what it imports, within the limits."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.files: dict[str, dict[str, Defined]] = {}
        self.open: list[str] = []
        """The files that are being read, each imported by the one before."""

    def of(self, source: Source) -> dict[str, Defined]:
        """The definitions of an imported text; its statements of other kinds do nothing."""
        before, self.context.source = self.context.source, source
        try:
            statements = parse(source, self.context.diagnostics, self.context.limits).statements
            return self.defined(statements, parameters(self.context, statements))
        finally:
            self.context.source = before

    def defined(
        self, statements: Sequence[tree.Statement], values: Mapping[str, tree.Value]
    ) -> dict[str, Defined]:
        """The blocks and networks of some statements by word; `values` are the parameters of their file."""
        words: dict[str, Defined] = {}
        for statement in statements:
            if isinstance(statement, tree.Command) and statement.head.text != "network":
                continue
            match statement:
                case tree.Block(name=name, parameters=parameters, body=body):
                    self.define(words, name, statement, parameters, body or (), values)
                case tree.Command(
                    head=tree.Name(text="network"), items=(tree.Name() as name,), body=tuple(body)
                ):
                    self.define(words, name, statement, (), body, values, is_network=True)
                case tree.Command(head=tree.Name(text="network"), items=(tree.Name() as name, *_), body=None):
                    span = self.context.span(name)
                    words.setdefault(name.text, Defined(name.text, (), (), span, words, {}, is_missing=True))
                case tree.Import():
                    self.imported(words, statement)
                case tree.Unread() if found := _BROKEN.match(self.context.text(statement)):
                    span = self.context.span(statement)
                    words.setdefault(found[1], Defined(found[1], (), (), span, words, {}, is_missing=True))
        return words

    def define(
        self,
        words: dict[str, Defined],
        name: tree.Name,
        statement: tree.Statement,
        parameters: tuple[tree.Parameter, ...],
        body: tuple[tree.Statement, ...],
        values: Mapping[str, tree.Value],
        is_network: bool = False,
    ) -> None:
        """Enter a definition; a word that is taken is reported."""
        span = self.context.span(name)
        report = self.context.diagnostics.report
        if name.text in words:
            labels = Label(span, "again"), Label(words[name.text].header, "first")
            report("N109", f"`{name.text}` is defined twice", *labels)
        elif catalog.find("layer", name.text) is not None or name.text in RESERVED:
            what = "part of the language" if name.text in RESERVED else "a layer"
            fix = Fix((Edit(span, f"my_{name.text}"),), f"`my_{name.text}`, here and where it is used")
            report("N109", f"`{name.text}` is {what} and cannot be defined again", Label(span), fixes=(fix,))
            words[name.text] = Defined(name.text, (), (), span, words, {}, is_missing=True)
        else:
            header = self.context.span(statement)
            words[name.text] = Defined(name.text, parameters, body, header, words, values, is_network)
        seen: set[str] = set()
        for parameter in parameters:
            if parameter.name.text in seen:
                report("N109", f"`{parameter.name.text}` is a parameter twice", self.context.span(parameter))
            seen.add(parameter.name.text)

    # --- imports

    def imported(self, words: dict[str, Defined], statement: tree.Import) -> None:
        """Enter what an import names."""
        before = len(self.context.diagnostics)
        found = self.file(statement)
        if len(self.context.diagnostics) > before:
            found = None  # the file has mistakes of its own, which have been reported
        for name in statement.names:
            span = self.context.span(name)
            if found is None:
                words[name.text] = Defined(name.text, (), (), span, words, {}, is_missing=True)
            elif name.text not in found:
                words[name.text] = Defined(name.text, (), (), span, words, {}, is_missing=True)
                near = did_you_mean(name.text, found)
                fixes = tuple(Fix((Edit(span, word),), f"`{word}`") for word in near)
                notes = (f"it defines: {', '.join(found) or 'nothing'}",)
                message = f"`{statement.path.value}` defines no `{name.text[:40]}`"
                self.context.diagnostics.report("N108", message, span, notes=notes, fixes=fixes)
            elif name.text in words:
                labels = Label(span, "again"), Label(words[name.text].header, "first")
                self.context.diagnostics.report("N109", f"`{name.text}` is defined twice", *labels)
            else:
                words[name.text] = found[name.text]

    def file(self, statement: tree.Import) -> dict[str, Defined] | None:
        """The definitions of an imported file; None after a report."""
        source, span = self.context.source, self.context.span(statement.path)
        limits, report = self.context.limits, self.context.diagnostics.report
        if source.files is None:
            note = "`netspec.parse(text, root=FOLDER)` allows the files inside a folder"
            report("N306", "this text may not import files", Label(span, "would be opened"), notes=(note,))
            return None
        written = statement.path.value
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source.path), written))
        if posixpath.isabs(written) or "\\" in written or path.startswith(("..", SHIPPED)) or "\0" in written:
            note = "a path is relative and stays inside the folder of the spec"
            report("N306", f"`{written[:80]}` leads out of the folder of the spec", span, notes=(note,))
            return None
        if path in self.open or path == self.context.main.path:
            ring = " -> ".join([*self.open[self.open.index(path) :], path] if path in self.open else [path])
            report("N306", "files import one another in a circle", Label(span, ring))
            return None
        if len(self.open) >= limits.depth:
            message = f"files import one another more than {limits.depth} deep"
            report("N508", message, Label(span, "one too many"))
            return None
        if path not in self.files:
            if len(self.files) >= limits.files:
                report("N508", f"more than {limits.files} files are imported", Label(span, "one too many"))
                return None
            self.files[path] = {}
            try:
                opened = source.files.read(path, limits.source)
            except SpecError as refused:
                for problem in refused.diagnostics:
                    report(problem.code, problem.message, Label(span, "is imported here"))
                return None
            self.context.texts[path] = opened.text
            self.open.append(path)
            try:
                self.files[path] = self.of(opened)
            finally:
                self.open.pop()
        return self.files[path]


def refuse(word: str) -> SpecError:
    """The error for a block that does not exist."""
    near = did_you_mean(word, blocks())
    hint = f"; did you mean `{near[0]}`?" if near else f"; known: {', '.join(blocks())}"
    return error("N101", f"there is no block called `{word}`{hint}")
