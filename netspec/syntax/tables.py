"""The parser's tables, made from the grammar beforehand: building them takes longer than reading most specs.

`grammars/netspec.tables.json` is plain data written by `python -m netspec.syntax.tables` and checked by a test; when
it is missing or belongs to another grammar or another version of Lark, the parser is built from the grammar.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import lark
from lark import Lark, Transformer

NAME: Final = "netspec.tables.json"
OPTIONS: Final[dict[str, Any]] = {"parser": "lalr", "start": ["file", "row"], "maybe_placeholders": False}


def load_parser(grammar: str, transformer: Transformer[Any, Any]) -> Lark:
    """A parser for the grammar's text, from the stored tables where they are the grammar's own."""
    stored = _stored()
    if stored is not None and stored["key"] == _key(grammar):
        # what Lark's own stand-alone parsers call; its public `load` unpickles
        return Lark._load_from_dict(stored["data"], stored["memo"], transformer=transformer)  # type: ignore[no-any-return, no-untyped-call]
    return Lark(grammar, transformer=transformer, **OPTIONS)


def make_tables(grammar: str) -> str:
    """The tables of a grammar as JSON text."""
    data, memo = Lark(grammar, **OPTIONS).memo_serialize([lark.lexer.TerminalDef, lark.grammar.Rule])
    return json.dumps({"key": _key(grammar), "data": data, "memo": memo}, separators=(",", ":")) + "\n"


def _key(grammar: str) -> str:
    return f"lark {lark.__version__} {sha256(grammar.encode()).hexdigest()}"


def _stored() -> dict[str, Any] | None:
    stored = place(NAME)
    if not stored.is_file():
        return None
    tables: dict[str, Any] = json.loads(stored.read_text("utf-8"))
    tables["memo"] = _numbered(tables["memo"])
    parser = tables["data"]["parser"]["parser"]
    parser["tokens"] = _numbered(parser["tokens"])
    parser["states"] = {int(state): _numbered(row) for state, row in parser["states"].items()}
    return tables


def place(name: str) -> Path:
    """A file of the grammar: the package's own copy, or the checkout's."""
    package = Path(__file__).parents[1]
    packaged = package / "grammars" / name
    return packaged if packaged.is_file() else package.parent / "grammars" / name


def _numbered(table: dict[str, Any]) -> dict[int, Any]:
    """JSON has no numbers for keys; Lark's tables do."""
    return {int(key): value for key, value in table.items()}


if __name__ == "__main__":
    folder = Path(__file__).parents[2] / "grammars"
    (folder / NAME).write_text(make_tables((folder / "netspec.lark").read_text("utf-8")), "utf-8")
