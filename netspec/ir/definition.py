"""Words with typed arguments: the base of every layer, optimiser, schedule, loss and reader.

A definition is a frozen dataclass whose fields are its arguments, each declared with `argument` (may stand without
its name, in order), `option` (`name=value`) or `flag` (a bare word).  An instance is one use of the word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields
from functools import cache
from inspect import cleandoc
from typing import Any, ClassVar, TypeVar, dataclass_transform

from netspec.frozen import frozen
from netspec.ir.values import Flag, Kind, Reference
from netspec.syntax.tree import CLAUSES


@frozen
class Argument:
    """One argument of a definition; `default` is `...` where the argument must be given."""

    name: str
    kind: Kind
    meaning: str
    positional: bool
    default: Any

    @property
    def required(self) -> bool:
        """It has no default."""
        return self.default is ...

    @property
    def spoken(self) -> bool:
        """Its name stands before its value without `=`: `of 10`, `over memory`."""
        return self.name in CLAUSES or (isinstance(self.kind, Reference) and self.kind.spoken)

    @property
    def usage(self) -> str:
        """How it is written in a usage line: `CHANNELS`, `[stride=]`, `[nobias]`."""
        if self.positional:
            name = "NAME ..." if self.kind.many else self.name.upper()
            return name if self.required else f"[{name}]"
        if self.kind.words:
            others = [] if self.kind.only_words else [f"{self.name}="]
            return "[" + "|".join([*self.kind.words, *others]) + "]"
        named = f"{self.name} {self.name.upper()}" if self.spoken else f"{self.name}="
        return f"{self.name}=..." if self.required else f"[{named}]"


def argument(kind: Kind, meaning: str, default: Any = ...) -> Any:
    """A field that is given by position, or by name."""
    return _field(kind, meaning, default, positional=True)


def option(kind: Kind, meaning: str, default: Any = ...) -> Any:
    """A field that is given by name, `stride=2` or `stride2`, or by a bare word of its kind."""
    return _field(kind, meaning, default, positional=False)


def flag(word: str, meaning: str, default: bool = False) -> Any:
    """A field that a bare word turns to the opposite of its default."""
    return _field(Flag(word, not default), meaning, default, positional=False)


def _field(kind: Kind, meaning: str, default: Any, *, positional: bool) -> Any:
    metadata = {"kind": kind, "meaning": meaning, "positional": positional}
    return field(default=MISSING if default is ... else default, metadata=metadata)


@frozen
class Lookup:
    """The arguments of a definition by what is asked for while a line is read."""

    named: Mapping[str, Argument]
    owners: Mapping[str, Argument]
    """The argument of which a bare word is a value."""
    positional: tuple[Argument, ...]
    """Those that a value without a name fills, in order."""
    required: tuple[Argument, ...]
    references: tuple[Argument, ...]
    """Those that name layers."""
    shapes: tuple[Argument, ...]
    """Those that are shapes, which may hold symbols."""


@frozen
class Definition:
    """A word of the language.  Subclasses are made by the `word` decorator."""

    word: ClassVar[str]
    any_of: ClassVar[tuple[str, ...]] = ()
    """Arguments, None unless given, of which at least one is given."""
    only_one: ClassVar[bool] = False
    """Not more than one of them."""

    @classmethod
    def family(cls) -> str:
        """Name of the module with the definition, which is that of the modules with its rules."""
        return cls.__module__.rpartition(".")[2]

    @classmethod
    @cache
    def arguments(cls) -> tuple[Argument, ...]:
        """The arguments in documented order."""
        return tuple(
            Argument(
                f.name,
                f.metadata["kind"],
                f.metadata["meaning"],
                f.metadata["positional"],
                ... if f.default is MISSING else f.default,
            )
            for f in fields(cls)
        )

    @classmethod
    @cache
    def lookup(cls) -> Lookup:
        """The arguments by what is asked for while a line is read."""
        all_ = cls.arguments()
        return Lookup(
            {each.name: each for each in all_},
            {word: each for each in reversed(all_) for word in each.kind.words},
            tuple(each for each in all_ if each.positional and not each.kind.words),
            tuple(each for each in all_ if each.required),
            tuple(each for each in all_ if each.kind.names_layers),
            tuple(each for each in all_ if each.kind.is_shape),
        )

    @classmethod
    def usage(cls) -> str:
        """The word with its arguments: `conv CHANNELS KERNEL [stride=] ...`."""
        return " ".join([cls.word, *(each.usage for each in cls.arguments())])

    @classmethod
    def prose(cls) -> str:
        """What the word means, for people."""
        return cleandoc(cls.__doc__ or "")

    @classmethod
    def summary(cls) -> str:
        """The first sentence of the prose."""
        return cls.prose().split("\n\n")[0].replace("\n", " ")

    def written(self) -> str:
        """This use as the language writes it, defaults left out."""
        parts = [self.word]
        for each in self.arguments():
            value = getattr(self, each.name)
            if value == each.default:
                continue
            text = each.kind.write(value)
            bare = each.positional or text in each.kind.words
            joint = " " if each.spoken else "="
            parts.append(text if bare else f"{each.name}{joint}{text}")
        return " ".join(parts)


D = TypeVar("D", bound=type)


def _made(cls: Any) -> Any:
    """The class with a constructor for its arguments; the base's own will do where it adds none."""
    adds = any(isinstance(value, Field) for value in vars(cls).values())
    return frozen(cls) if adds else cls


@dataclass_transform(frozen_default=True, field_specifiers=(argument, option, flag))
def word(name: str) -> Any:
    """Make a class the definition of a word: `@word("conv") class Conv(Operation): ...`."""

    def decorate(cls: D) -> D:
        made: D = _made(cls)
        made.word = name  # type: ignore[attr-defined]
        return made

    return decorate


@dataclass_transform(frozen_default=True, field_specifiers=(argument, option, flag))
def shared(cls: D) -> D:
    """Make a class the base of definitions that share its arguments; it is no word itself."""
    made: D = _made(cls)
    return made
