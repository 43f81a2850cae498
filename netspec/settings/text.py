"""Where texts come from: the words after `data` that make integers of characters or words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, get_args

from netspec.ir.definition import argument, flag, option, word
from netspec.ir.training import Reader
from netspec.ir.values import Choice, String, Whole
from netspec.settings.data import FILE, SPLIT, SPLIT_MEANS
from netspec.settings.values import SEED, Encoding, Ending, Held, PartOrFile, Split

Level: TypeAlias = Literal["char", "word", "subword"]
"""What the tokens of a text are."""

Algorithm: TypeAlias = Literal["unigram", "bpe"]
"""How pieces of words are learnt."""

START: Final = 1
STOP: Final = 2
UNKNOWN: Final = 3
"""Tokens of texts that begin and end; 0 fills up."""

LEVEL: Final = Choice(get_args(Level))
ALGORITHM: Final = Choice(get_args(Algorithm))
PIECES: Final = "how pieces of words are learnt, from SentencePiece"
ENCODING: Final = Choice(get_args(Encoding))
VOCABULARY: Final = Whole(2, 1_000_000, example=8000)
WINDOW: Final = Whole(1, example=100)
LEAST: Final = Whole(1, 1_000_000, example=2)
OFTEN: Final = "how often a token has to occur in the training part to be told apart"
FILE_OR_PART: Final = PartOrFile()


@word("text")
class Text(Reader):
    """A text to be gone on with: windows of `window` tokens, and as target the next token at each step.

    The input is `T of V`, or `100 of V`, integers below V. The vocabulary is taken from the training part: all its
    characters, in the order of their code points, or its words in lower case, the most frequent first (a word is a run
    of letters, digits and `_`, joined by apostrophes, or a single other sign). Number 0 is the unknown token; of
    characters there is none where they are exactly V. The text is divided in time: the last tokens are the test part,
    those before them the validation part, and no window lies in two parts. Where the output has no steps the target is
    the token after the window.

    With `lines` each line is a text of its own, as long as it is: the input is a start (1) and the line, the target the
    line and a stop (2); 0 fills up and 3 is the unknown token. Pieces of words (`subword`) are for such lines. The file
    may be packed (gzip). It is looked for beside the spec, then in the folder that NETSPEC_DATA names.
    """

    path: str = argument(String(FILE, "text.txt"), "the file")
    level: Level = option(LEVEL, "what a token is", default="char")
    lines: bool = flag("lines", "each line is a text of its own", default=False)
    window: int | None = option(
        WINDOW,
        "tokens of an example, of a line the first ones; the steps of the input unless set",
        default=None,
    )
    stride: int | None = option(
        WINDOW, "tokens from one window to the next, `window` unless set", default=None
    )
    vocab: int | None = option(
        VOCABULARY, "tokens that are told apart, the unknown among them; of words V unless set", default=None
    )
    least: int = option(LEAST, OFTEN, default=1)
    algorithm: Algorithm = option(ALGORITHM, PIECES, default="unigram")
    encoding: Encoding = option(ENCODING, "how its bytes are read", default="utf8")
    test: Held | str = option(
        FILE_OR_PART,
        "share of the tokens or lines that is kept to test on, which ones, or another file",
        default=0.1,
    )
    validation: Held | str | None = option(
        FILE_OR_PART,
        "share of the other tokens or lines that is held out while training, which ones, or another file",
        default=None,
    )

    @property
    def goes_on(self) -> bool:
        return True

    @property
    def marks(self) -> tuple[int, int] | None:
        return (START, STOP) if self.lines else None

    @property
    def differing(self) -> tuple[str, ...]:
        return ("text",) if self.lines else ()

    def fields(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return ("text",)


@word("pairs")
class Pairs(Reader):
    """Texts and their classes, or texts and what they become in another language.

    A class: a file of lines `text<TAB>label`, or a folder with a file of texts, one a line, a class. The input is
    `T of V`, integers below V: the text, as long as it is, or, in `50 of V`, its first 50 tokens, filled up with 0.
    Number 1 is the unknown token; the others are the most frequent tokens of the training part, as for `text`. In a
    folder the classes are named after what tells the names of the files apart: `rt.neg` and `rt.pos` are `neg` and
    `pos`.

    Two texts: `pairs "train" source=de target=en` reads the files `train.de` and `train.en`, one text a line, plain or
    packed (`train.de.gz`). The inputs are `S of V`, the source, and `T of W`, a start (1) and the target; what is to be
    predicted is the target and a stop (2). 0 fills up, 3 is the unknown token, and each side has a vocabulary of its
    own. Files are looked for beside the spec, then in the folder that NETSPEC_DATA names.
    """

    path: str = argument(
        String("the path of a file or folder in double quotes", "pairs.tsv"),
        "the file or folder; of two files what their names begin with",
    )
    source: str | None = option(Ending(), "what the name of the file of the one text ends with", default=None)
    target: str | None = option(Ending(example="en"), "what that of the other ends with", default=None)
    level: Level = option(LEVEL, "what a token is", default="word")
    window: int | None = option(
        WINDOW, "tokens of a text that are read, the steps of the input unless set", default=None
    )
    vocab: int | None = option(
        VOCABULARY, "tokens that are told apart, 0 and the unknown among them, V unless set", default=None
    )
    least: int = option(LEAST, OFTEN, default=1)
    algorithm: Algorithm = option(ALGORITHM, PIECES, default="unigram")
    encoding: Encoding = option(ENCODING, "how its bytes are read", default="utf8")
    test: Held | str = option(
        FILE_OR_PART, "share of the lines that is kept to test on, which ones, or other files", default=0.2
    )
    validation: Held | str | None = option(
        FILE_OR_PART,
        "share of the other lines that is held out while training, which ones, or other files",
        default=None,
    )
    seed: int = option(SEED, "decides which lines these are", default=0)
    split: Split | None = option(SPLIT, SPLIT_MEANS, default=None)

    @property
    def is_of_two(self) -> bool:
        """What is to be predicted is a text as well."""
        return self.source is not None or self.target is not None

    @property
    def goes_on(self) -> bool:
        return self.is_of_two

    @property
    def marks(self) -> tuple[int, int] | None:
        return (START, STOP) if self.is_of_two else None

    @property
    def differing(self) -> tuple[str, ...]:
        return ("source", "target") if self.is_of_two else ("text",)

    def fields(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return ("source", "target") if self.is_of_two else ("text", "label")
