"""The parser's tables, made from the grammar beforehand: building them takes longer than reading most specs.

Both files are plain data written by `python -m netspec.syntax.tables` and checked by a test.  `netspec.driver.json` is
for `netspec.syntax.driver`, which reads specs; `netspec.tables.json` is for Lark itself, which is asked what is wrong
with a line.  When one is missing or belongs to another grammar, or Lark's own to another version of Lark, it is made
anew from the grammar.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

if TYPE_CHECKING:
    from lark import Lark, Token

NAME: Final = "netspec.tables.json"
DRIVER: Final = "netspec.driver.json"
OPTIONS: Final[dict[str, Any]] = {"parser": "lalr", "start": ["file", "row"], "maybe_placeholders": False}


class ForLark:
    """A builder as Lark calls it: rules get their children as they are, terminals come as tokens."""

    def __init__(self, builder: object, other: Any) -> None:
        self._builder, self._other = builder, other

    def __getattr__(self, name: str) -> Any:
        if not name.isupper():
            return getattr(self._builder, name)
        leaf = getattr(self._builder, name, self._other)

        def of_token(token: Token) -> Any:
            return leaf(token.start_pos, token.end_pos, str(token))

        return of_token


def load_parser(grammar: str, builder: ForLark) -> Lark:
    """Lark's parser for the grammar's text, from the stored tables where they are the grammar's own."""
    from lark import Lark

    stored = _stored()
    if stored is not None and stored["key"] == _lark_key(grammar):
        # what Lark's own stand-alone parsers call; its public `load` unpickles
        return Lark._load_from_dict(stored["data"], stored["memo"], transformer=builder)  # type: ignore[no-any-return, no-untyped-call]
    return Lark(grammar, transformer=builder, **OPTIONS)


def load_driver_tables(grammar: str) -> dict[str, Any]:
    """The driver's tables for the grammar's text: the stored ones where they are the grammar's own."""
    stored = place(DRIVER)
    if stored.is_file():
        tables: dict[str, Any] = json.loads(stored.read_text("utf-8"))
        if tables["key"] == _key(grammar):
            return tables
    return driver_tables(grammar)


def make_tables(grammar: str) -> str:
    """Lark's tables of a grammar as JSON text."""
    import lark

    data, memo = lark.Lark(grammar, **OPTIONS).memo_serialize([lark.lexer.TerminalDef, lark.grammar.Rule])
    return json.dumps({"key": _lark_key(grammar), "data": data, "memo": memo}, separators=(",", ":")) + "\n"


def driver_tables(grammar: str) -> dict[str, Any]:
    """The driver's tables of a grammar, taken from Lark's parser.

    `states`: what each state does by symbol, a number from 0 a shift to a state, a negative one a reduction (-1 is the
    first rule).  `rules`: origin, size and the indices to leave out, last first.  `silent`: terminals that no rule
    keeps.  `order`: all terminals that a lexer tries, in Lark's order; `lexers`: the same for the states (`lexer`),
    each with its keywords: texts that match the terminal `word` and are another.
    """
    from lark import Lark
    from lark.parsers.lalr_analysis import Shift

    parser = Lark(grammar, **OPTIONS)
    frontend: Any = parser.parser
    table, lexers = frontend.parser._parse_table, frontend.lexer.lexers
    rules = {rule: number for number, rule in enumerate(parser.rules)}
    for rule in rules:
        assert not (rule.alias or rule.options.expand1), f"the driver knows no `->` and no `?`: {rule}"
        assert rule.expansion or rule.origin.name in OPTIONS["start"], f"an empty rule: {rule}"
    ends: list[Any] = [symbol for rule in rules for symbol in rule.expansion if symbol.is_term]
    kept = {symbol.name for symbol in ends if not symbol.filter_out}
    distinct = list({id(lexer): lexer for lexer in lexers.values()}.values())
    numbers = {id(lexer): number for number, lexer in enumerate(distinct)}
    root = frontend.lexer.root_lexer
    order = [terminal.name for terminal in root.scanner.terminals]
    words = [name for name, found in root.callback.items()]
    assert len(words) == 1, f"keywords that are not of one terminal: {words}"
    return {
        "key": _key(grammar),
        "starts": {start: [table.start_states[start], table.end_states[start]] for start in OPTIONS["start"]},
        "states": [
            {
                symbol: target if action is Shift else -1 - rules[target]
                for symbol, (action, target) in table.states[state].items()
            }
            for state in range(len(table.states))
        ],
        "rules": [[rule.origin.name, len(rule.expansion), _left_out(rule, kept)] for rule in rules],
        "patterns": {terminal.name: terminal.pattern.to_regexp() for terminal in parser.terminals},
        "silent": sorted({symbol.name for symbol in ends} - kept),
        "ignored": parser.ignore_tokens,
        "blank": parser.ignore_tokens[0],
        "order": order,
        "word": words[0],
        "keywords": _keywords(root, words[0]),
        "lexer": [numbers[id(lexers[state])] for state in range(len(table.states))],
        "lexers": [
            [[terminal.name for terminal in lexer.scanner.terminals], _keywords(lexer, words[0])]
            for lexer in distinct
        ],
    }


def _left_out(rule: Any, kept: set[str]) -> list[int]:
    """Symbols that a rule leaves out and others keep, last first."""
    out = [
        index
        for index, symbol in enumerate(rule.expansion)
        if symbol.is_term and symbol.filter_out and symbol.name in kept
    ]
    return out[::-1]


def _keywords(lexer: Any, word: str) -> dict[str, str]:
    found = lexer.callback.get(word) if lexer.scanner else None  # the scanner makes the callbacks
    return {each.pattern.value: each.name for each in found.scanner.terminals} if found else {}


def _key(grammar: str) -> str:
    return f"{len(grammar)} {crc32(grammar.encode()):08x}"


def _lark_key(grammar: str) -> str:
    import lark

    return f"lark {lark.__version__} {_key(grammar)}"


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
    text = (folder / "netspec.lark").read_text("utf-8")
    (folder / NAME).write_text(make_tables(text), "utf-8")
    (folder / DRIVER).write_text(json.dumps(driver_tables(text), separators=(",", ":")) + "\n", "utf-8")
