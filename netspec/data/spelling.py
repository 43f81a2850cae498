"""How texts become numbers, as a `data` line says it: the level, how many tokens are told apart, and fitting them.

Knows nothing of files and of shapes.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from netspec.data.vocabulary import MOST_MODEL, Subwords, Tokens, Vocabulary, sentencepiece, tokens_of
from netspec.diagnostics import error
from netspec.settings.text import START, STOP, UNKNOWN, Algorithm, Level
from netspec.settings.values import Encoding

BYTES_PER_CHARACTER: Final[dict[Level, int]] = {"char": 16, "word": 32, "subword": 32}
"""What a character of a text takes in memory beside its token and the number of that."""

_MOST_LEARNT: Final = 1 << 26
"""Characters that pieces of words are learnt from; of longer texts every second line, or every third, ..."""
_LONGEST_LINE: Final = 1 << 24
"""Bytes of a line; SentencePiece passes longer ones over."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """What a `data` line says of texts; `window` is the most tokens of an example."""

    level: Level
    window: int | None = None
    vocab: int | None = None
    least: int = 1
    algorithm: Algorithm = "unigram"
    encoding: Encoding = "utf8"

    @classmethod
    def of(cls, reader: Any) -> Spelling:
        """That of a reader with the options of `pairs`; raises N406 for options that contradict each other."""
        if reader.level == "subword" and reader.least > 1:
            raise error("N406", "`least` is of words, and `subword` makes pieces of them")
        return cls(reader.level, reader.window, reader.vocab, reader.least, reader.algorithm, reader.encoding)

    @property
    def room(self) -> int:
        """Bytes that a character takes."""
        return BYTES_PER_CHARACTER[self.level]

    def fitted(
        self, texts: Sequence[str], size: int, window: int | None, *, marked: bool, begins: bool = False
    ) -> Tokens:
        """What makes numbers below `size` of texts that are filled up, with a start and a stop where `marked`.

        The most frequent words are kept, those of the same frequency in the order of their code points, or pieces of
        words are learnt. Raises N404 where there is no room for any, N604 where a package is missing.
        """
        marked = marked or self.level == "subword"
        room = min(self.vocab or size, size) - (4 if marked else 2)
        if room < 1 or (self.vocab and self.vocab > size):
            asked = f"`vocab={self.vocab}`" if self.vocab else f"an input of {size}"
            none = "0 to 3 are" if marked else "0 and 1 are"
            message = f"{asked} does not fit: {none} no words, and the input is integers below {size}"
            raise error("N404", message)
        if self.level == "subword":
            return Subwords(self._model(texts, room + 4), window, self.encoding, begins)
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(tokens_of(text, self.level))
        kept = most_frequent(counts, room, self.least)
        if not kept:
            raise error(
                "N404", f"no word of the training part occurs {self.least} times, which `least` asks for"
            )
        return Vocabulary(
            kept, self.level, window, padded=True, encoding=self.encoding, marked=marked, begins=begins
        )

    def _model(self, texts: Sequence[str], size: int) -> str:
        """A model of `size` pieces or fewer."""
        stride = 1 + sum(map(len, texts)) // _MOST_LEARNT
        written = BytesIO()
        try:
            sentencepiece().SentencePieceTrainer.train(
                sentence_iterator=iter(texts[::stride]),
                model_writer=written,
                model_type=self.algorithm,
                vocab_size=size,
                hard_vocab_limit=False,
                pad_id=0,
                bos_id=START,
                eos_id=STOP,
                unk_id=UNKNOWN,
                max_sentence_length=_LONGEST_LINE,
                num_threads=1,
                minloglevel=2,
            )
        except RuntimeError as problem:
            reason = str(problem).rpartition("] ")[2]
            raise error("N404", f"{size:,} pieces of words cannot be learnt: {reason}") from None
        model = written.getvalue()
        if len(model) > MOST_MODEL:
            message = (
                f"the model of {size:,} pieces is of {len(model):,} bytes, and {MOST_MODEL:,} are the limit"
            )
            raise error("N404", message)
        return b64encode(model).decode("ascii")


def most_frequent(counts: Counter[str], most: int, least: int = 1) -> tuple[str, ...]:
    """The tokens that occur most, equally frequent ones in the order of their code points."""
    kept = (token for token, count in counts.items() if count >= least)
    return tuple(sorted(kept, key=lambda token: (-counts[token], token))[:most])
