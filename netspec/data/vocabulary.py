"""What makes numbers of texts and texts of numbers: the tokens that the training part has, or pieces of words.

Knows nothing of files and of shapes. Both kinds travel with the weights as data (`Preprocessing`).
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from netspec.data.fitted import Preprocessing
from netspec.diagnostics import error
from netspec.settings.text import START, STOP, UNKNOWN, Level
from netspec.settings.values import Encoding

MOST_MODEL: Final = 1 << 23
"""Bytes of a model of pieces; one of a million pieces is larger than that, one of 32,000 has about 800,000."""

_WORD: Final = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")
_CLOSED_UP: Final = (
    (re.compile(r'" ([^"]*) "'), r'"\1"'),
    (re.compile(r"(\w) - (?=\w)"), r"\1-"),
    (re.compile(r" ([.,;:!?%)\]}…])"), r"\1"),
    (re.compile(r"([(\[{]) "), r"\1"),
)
"""Spaces that stand between tokens and not in a text."""


def tokens_of(text: str, level: Level) -> Sequence[str]:
    """The tokens of a text: its characters, or its words in lower case and its other signs."""
    return text if level == "char" else _WORD.findall(text.lower())


def joined(words: Iterable[str]) -> str:
    """Words and signs as a text: without the spaces before a full stop, inside brackets and around a hyphen.

    >>> joined(["two", "t", "-", "shirts", "(", "red", ")", ",", "no", "hats", "."])
    'two t-shirts (red), no hats.'
    """
    text = " ".join(words)
    for pattern, closed in _CLOSED_UP:
        text = pattern.sub(closed, text)
    return text


class Tokens(Preprocessing):
    """The base of both kinds."""

    @property
    def window(self) -> int | None:
        """The most tokens of an example, None where there may be any number."""
        raise NotImplementedError

    @property
    def padded(self) -> bool:
        """Number 0 is no token: it fills up."""
        raise NotImplementedError

    @property
    def marked(self) -> bool:
        """Numbers 1 and 2 are the start and the stop of a text."""
        raise NotImplementedError

    @property
    def begins(self) -> bool:
        """A network reads a text after a start, so that it can say the first token too."""
        raise NotImplementedError

    @property
    def encoding(self) -> Encoding:
        """How the bytes of a file are read."""
        raise NotImplementedError

    @property
    def size(self) -> int:
        """Number of integers that are used."""
        raise NotImplementedError

    @property
    def names(self) -> tuple[str, ...]:
        """The tokens by number as they are shown."""
        raise NotImplementedError

    @property
    def stranger(self) -> int | None:
        """The number of all tokens that are not told apart, None where there is none."""
        raise NotImplementedError

    @property
    def is_lower(self) -> bool:
        """Its tokens are in lower case, whatever the text is in."""
        return False

    def numbers_of(self, texts: Sequence[str]) -> list[list[int]]:
        """The numbers of the tokens of each text, without start and stop; raises N604 where a package is missing."""
        raise NotImplementedError

    def decode(self, numbers: Iterable[int]) -> str:
        """The text that numbers stand for, up to the stop; raises N604 where a package is missing."""
        raise NotImplementedError

    def said_of(self, numbers: Iterable[int]) -> list[int]:
        """Numbers up to the stop, without the start and what fills up."""
        said = []
        for number in map(int, numbers):
            if self.marked and number == STOP:
                break
            if not (self.padded and number == 0) and not (self.marked and number == START):
                said.append(number)
        return said


def _shown(token: str) -> str:
    """A token as it is printed: white space and what cannot be printed in quotes."""
    return token if token.isprintable() and not token.isspace() else repr(token)


@dataclass(frozen=True, slots=True)
class Vocabulary(Tokens):
    """The tokens by number: those that are no words (see `Tokens`), the unknown token if there is one, then `tokens`.

    Texts that are gone on with for ever (not `padded`) are cut into windows.
    """

    said: ClassVar[str] = "the vocabulary of a text"

    tokens: tuple[str, ...]
    level: Literal["char", "word"]
    window: int | None = None
    unknown: bool = True
    padded: bool = False
    encoding: Encoding = "utf8"
    marked: bool = False
    begins: bool = False
    kind: Literal["vocabulary"] = "vocabulary"

    def __post_init__(self) -> None:
        if len(set(self.tokens)) != len(self.tokens) or not self.tokens:
            raise ValueError("a token stands twice, or there is none")
        if (self.window is None and not self.padded) or (self.window is not None and self.window < 1):
            raise ValueError("the window is below 1, or there is none")
        if (self.padded and not self.unknown) or (self.marked and not self.padded):
            raise ValueError(
                "texts that are filled up have an unknown token, and those with a stop are filled up"
            )
        if self.begins and not self.marked:
            raise ValueError("texts begin with a start, and there is none")

    @property
    def first(self) -> int:
        """The number of the first token that is told apart."""
        return self.padded + 2 * self.marked + self.unknown

    @property
    def size(self) -> int:
        """See `Tokens.size`."""
        return self.first + len(self.tokens)

    @property
    def names(self) -> tuple[str, ...]:
        """See `Tokens.names`."""
        special = ["<pad>"] * self.padded + ["<start>", "<stop>"] * self.marked + ["<unknown>"] * self.unknown
        return (*special, *map(_shown, self.tokens))

    @property
    def stranger(self) -> int | None:
        """See `Tokens.stranger`."""
        return self.first - 1 if self.unknown else None

    @property
    def is_lower(self) -> bool:
        """See `Tokens.is_lower`."""
        return self.level == "word"

    def encode(self, tokens: Sequence[str]) -> NDArray[np.int64]:
        """(n,) numbers of tokens; of one that is not known that of the unknown token, -1 where there is none."""
        numbers, other = self._numbers()
        return np.fromiter((numbers.get(token, other) for token in tokens), np.int64, len(tokens))

    def numbers_of(self, texts: Sequence[str]) -> list[list[int]]:
        """See `Tokens.numbers_of`."""
        numbers, other = self._numbers()
        return [[numbers.get(token, other) for token in tokens_of(text, self.level)] for text in texts]

    def decode(self, numbers: Iterable[int]) -> str:
        """See `Tokens.decode`; an unknown word is `<unknown>`."""
        special = self.first - self.unknown
        words = (
            "<unknown>" if self.unknown and number == special else self.tokens[number - self.first]
            for number in self.said_of(numbers)
            if special <= number < self.size
        )
        return "".join(words) if self.level == "char" else joined(words)

    def _numbers(self) -> tuple[dict[str, int], int]:
        other = self.first - 1 if self.unknown else -1
        return {token: number for number, token in enumerate(self.tokens, self.first)}, other


@dataclass(frozen=True, slots=True)
class Subwords(Tokens):
    """Pieces of words as SentencePiece learns them; `model` is its model in base64, which is data and no code.

    Their first four numbers are those of `Vocabulary`: what fills up, start, stop, unknown.
    """

    said: ClassVar[str] = "the pieces of the words of a text"
    model: str
    window: int | None = None
    encoding: Encoding = "utf8"
    begins: bool = False
    kind: Literal["subwords"] = "subwords"

    def __post_init__(self) -> None:
        if self.window is not None and self.window < 1:
            raise ValueError("the window is below 1")
        try:
            size = len(b64decode(self.model, validate=True))
        except (NotBase64, ValueError):
            raise ValueError("the model is not written in base64") from None
        if not 0 < size <= MOST_MODEL:
            raise ValueError(f"the model is of {size:,} bytes, and {MOST_MODEL:,} are the limit")

    @property
    def padded(self) -> bool:
        """See `Tokens.padded`."""
        return True

    @property
    def marked(self) -> bool:
        """See `Tokens.marked`."""
        return True

    @property
    def size(self) -> int:
        """See `Tokens.size`."""
        return int(_pieces(self.model).get_piece_size())

    @property
    def names(self) -> tuple[str, ...]:
        """See `Tokens.names`."""
        pieces = _pieces(self.model)
        special = ("<pad>", "<start>", "<stop>", "<unknown>")
        return (*special, *(_shown(pieces.id_to_piece(number)) for number in range(4, self.size)))

    @property
    def stranger(self) -> int | None:
        """See `Tokens.stranger`."""
        return UNKNOWN

    def numbers_of(self, texts: Sequence[str]) -> list[list[int]]:
        """See `Tokens.numbers_of`; a text of which nothing is left is the unknown piece."""
        found: list[list[int]] = _pieces(self.model).encode(list(texts), num_threads=1)
        return [numbers or [UNKNOWN] for numbers in found]

    def decode(self, numbers: Iterable[int]) -> str:
        """See `Tokens.decode`."""
        size = self.size
        return str(
            _pieces(self.model).decode([number for number in self.said_of(numbers) if 0 <= number < size])
        )


@lru_cache(maxsize=4)
def _pieces(model: str) -> Any:
    """The model, ready to be used; raises N604 where SentencePiece is not installed, N703 where it is none."""
    library = sentencepiece()
    try:
        found = library.SentencePieceProcessor(model_proto=b64decode(model))
    except (RuntimeError, ValueError) as problem:
        raise error("N703", f"the model of the words' pieces cannot be read: {problem}") from None
    if found.get_piece_size() < 5:
        raise error("N703", "the model of the words' pieces has none")
    special = found.pad_id(), found.bos_id(), found.eos_id(), found.unk_id()
    if special != (0, START, STOP, UNKNOWN):
        message = f"the model of the words' pieces has {special} as what fills up, start, stop and unknown"
        raise error("N703", f"{message}, and {(0, START, STOP, UNKNOWN)} is right")
    return found


def sentencepiece() -> Any:
    """The package that learns pieces of words; raises N604 where it is not installed."""
    try:
        import sentencepiece as library
    except ImportError:
        message = 'pieces of words need SentencePiece: pip install "netspec[subword]"'
        raise error("N604", message) from None
    return library
