"""Where texts come from: the words after `data` that make integers of characters or words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, get_args

from netspec.ir.definition import argument, option, word
from netspec.ir.training import Reader
from netspec.ir.values import Choice, String, Whole
from netspec.settings.data import FILE, SPLIT, SPLIT_MEANS
from netspec.settings.values import PART, SEED, Encoding, Held, Split

Level: TypeAlias = Literal["char", "word"]
"""What the tokens of a text are."""

LEVEL: Final = Choice(get_args(Level))
ENCODING: Final = Choice(get_args(Encoding))
VOCABULARY: Final = Whole(2, 1_000_000, example=8000)
WINDOW: Final = Whole(1, example=100)


@word("text")
class Text(Reader):
    """A text to be gone on with: windows of `window` tokens, and as target the next token at each step.

    The input is `T of V`, or `100 of V`, integers below V. The vocabulary is taken from the training part: all its
    characters, in the order of their code points, or its words in lower case, the most frequent first (a word is a run
    of letters, digits and `_`, joined by apostrophes, or a single other sign). Number 0 is the unknown token; of
    characters there is none where they are exactly V. The text is divided in time: the last tokens are the test part,
    those before them the validation part, and no window lies in two parts. Where the output has no steps the target is
    the token after the window. The file is looked for beside the spec, then in the folder that NETSPEC_DATA names.
    """

    path: str = argument(String(FILE, "text.txt"), "the file")
    level: Level = option(LEVEL, "what a token is", default="char")
    window: int | None = option(
        WINDOW, "tokens of an example, the steps of the input unless set", default=None
    )
    stride: int | None = option(
        WINDOW, "tokens from one window to the next, `window` unless set", default=None
    )
    vocab: int | None = option(
        VOCABULARY, "tokens that are told apart, the unknown among them; of words V unless set", default=None
    )
    encoding: Encoding = option(ENCODING, "how its bytes are read", default="utf8")
    test: Held = option(PART, "share of the tokens that is kept to test on, or which ones", default=0.1)
    validation: Held | None = option(
        PART, "share of the other tokens that is held out while training, or which ones", default=None
    )

    @property
    def goes_on(self) -> bool:
        return True

    def fields(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return ("text",)


@word("pairs")
class Pairs(Reader):
    """Texts and their classes: a file of lines `text<TAB>label`, or a folder with a file of texts, one a line, a class.

    The input is `T of V`, integers below V: the first `window` tokens of the text, filled up with 0. Number 1 is the
    unknown token; the others are the most frequent tokens of the training part, as for `text`. In a folder the classes
    are named after what tells the names of the files apart: `rt.neg` and `rt.pos` are `neg` and `pos`. The file is
    looked for beside the spec, then in the folder that NETSPEC_DATA names.
    """

    path: str = argument(
        String("the path of a file or folder in double quotes", "pairs.tsv"), "the file or folder"
    )
    level: Level = option(LEVEL, "what a token is", default="word")
    window: int | None = option(
        WINDOW, "tokens of an example, the steps of the input unless set", default=None
    )
    vocab: int | None = option(
        VOCABULARY, "tokens that are told apart, 0 and the unknown among them, V unless set", default=None
    )
    encoding: Encoding = option(ENCODING, "how its bytes are read", default="utf8")
    test: Held = option(PART, "share of the lines that is kept to test on, or which ones", default=0.2)
    validation: Held | None = option(
        PART, "share of the other lines that is held out while training, or which ones", default=None
    )
    seed: int = option(SEED, "decides which lines these are", default=0)
    split: Split | None = option(SPLIT, SPLIT_MEANS, default=None)

    def fields(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return "text", "label"
