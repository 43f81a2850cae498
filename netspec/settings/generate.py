"""The lines of `generate:`: what is fed back, and how the next token is chosen."""

from __future__ import annotations

from typing import Final

from netspec.ir.definition import argument, option, word
from netspec.ir.generation import Line
from netspec.ir.values import Real, Whole, Word

MAIN = "output"
"""What the main output is called in `feed x from output`."""
MOST_STEPS: Final = 1_000_000
MOST_BEGINNINGS: Final = 1000
"""Beginnings that are followed at once."""
MOST_TEMPERATURE: Final = 1000


@word("feed")
class Feed(Line):
    """Feeds an output back as the input of the next step, so that the network goes on with what it said.

    That also says how it is trained on sequences of data, y1 to yn: with `start` and `stop` it reads start, y1, ..., yn
    and is to say y1, ..., yn, stop; without them it reads windows and is to say each next token or row.
    """

    input: str = argument(Word("the name of an input"), "the input that is fed")
    output: str = option(
        Word("the name of an output, or `output`"), "the output that is fed, the main one", default=MAIN
    )
    start: int | None = option(Whole(0, example=1), "the token that everything begins with", default=None)
    stop: int | None = option(Whole(0, example=2), "the token after which nothing follows", default=None)
    max: int = option(Whole(1, MOST_STEPS, example=50), "the most steps", default=100)
    beam: int = option(
        Whole(1, MOST_BEGINNINGS, example=4),
        "how many beginnings are followed at once; 1 is greedy",
        default=1,
    )

    def written(self) -> str:
        parts = super().written().split()
        rest = [part for part in parts[2:] if not part.startswith("output=")]
        return " ".join([self.word, self.input, "from", self.output, *rest])


@word("sample")
class Sample(Line):
    """Draws the next token by its probability, where without this line the likeliest is taken.

    Probabilities are raised to the power 1 / temperature first. `top_k` leaves the k likeliest tokens, `top_p` the
    likeliest that together have at least this probability (nucleus sampling, Holtzman et al. 2020).
    """

    temperature: float = option(
        Real(0, MOST_TEMPERATURE, open_low=True, example=0.8),
        "below 1 more likely tokens still, above 1 more even",
        default=1.0,
    )
    top_k: int | None = option(Whole(1, example=40), "how many tokens are left", default=None)
    top_p: float | None = option(
        Real(0, 1, open_low=True, example=0.9), "how much probability is left", default=None
    )
