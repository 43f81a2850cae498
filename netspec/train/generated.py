"""What a trained network writes: texts that go on from a prompt, or rows of a series, a step at a time.

Between a weight file and `netspec.generate`, which knows numbers alone: words become tokens here, and tokens words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from netspec.backends import compile_net
from netspec.data.preprocessing import Windows
from netspec.data.vocabulary import Tokens, Vocabulary, tokens_of
from netspec.diagnostics import error
from netspec.generate import Said, Stepper, continue_rows, generate
from netspec.ir.net import Net
from netspec.limits import DEFAULT, Limits
from netspec.settings.generate import Feed, Sample
from netspec.train.checkpoint import Restored, restore
from netspec.train.inputs import by_input, lengths_of, read_named
from netspec.train.said import answers, at_once

Array = np.ndarray[Any, np.dtype[Any]]

BEGINNING: Final = "\n"
"""What a text begins with where nothing else is said, if its vocabulary has it."""
DIGITS: Final = 18
"""Those of a token that stands in a prompt as a number; there are none with more."""


@dataclass(frozen=True, slots=True)
class Manner:
    """What the user says in the place of the lines of `generate:`; None is what they say."""

    most: int | None = None
    beam: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    greedy: bool = False

    def lines(self, feed: Feed, sample: Sample | None) -> tuple[Feed, Sample | None]:
        """The two lines as they are then; a beam, and greedy choice, draw nothing."""
        feed = replace(feed, **_given(max=self.most, beam=self.beam))
        changes = _given(temperature=self.temperature, top_k=self.top_k, top_p=self.top_p)
        if changes:
            sample = replace(sample or Sample(), **changes)
        if (changes and self.beam is None) or self.greedy:
            feed = replace(feed, beam=1)
        if self.greedy or (self.beam or 1) > 1:
            sample = None
        return feed, sample


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Generated:
    """One text, or the rows of one series; `index` counts from 0."""

    index: int
    prompt: str = ""
    text: str = ""
    """What follows the prompt."""
    tokens: tuple[int, ...] = ()
    score: float = 0.0
    """The mean logarithm of the probabilities of these tokens."""
    stopped: bool = False
    """It ended by itself, and not because it was long enough."""
    rows: tuple[tuple[float, ...], ...] = ()
    """Of a series: its next rows, in the units of the columns."""

    def to_json(self) -> dict[str, Any]:
        """One flat object."""
        if self.rows:
            return {"index": self.index, "rows": [list(row) for row in self.rows]}
        told = {"index": self.index, "prompt": self.prompt, "text": self.text, "tokens": list(self.tokens)}
        return {**told, "score": self.score, "stopped": self.stopped}

    def __str__(self) -> str:
        if self.rows:
            return "\n".join(" ".join(f"{value:.6g}" for value in row) for row in self.rows)
        return self.prompt + self.text


def _advice(net: Net) -> tuple[str, ...]:
    """The lines of `generate:` that may go with a network."""
    block = "a block in it does:  generate:  and below it"
    fed = [layer.name for layer in net.inputs if len(layer.shape.dims) == (1 if layer.shape.of else 2)]
    lines = [f"feed {name} from output" for name in fed[-1:]]
    if net.networks:
        lines.append("make NETWORK(normal 100)")
    elif not fed:
        lines.append("make LAYER=normal")
    return tuple(f"{block}  {line}" for line in lines)


class Writer:
    """A trained network that goes on with what it said; raises `SpecError` N405 where its spec has no line `feed`."""

    def __init__(self, restored: Restored, manner: Manner, backend: str, device: str) -> None:
        net = restored.net
        lines = net.generation.lines if net.generation else {}
        feed, sample = lines.get("feed"), lines.get("sample")
        if not isinstance(feed, Feed):
            raise error(
                "N405", f"the spec of `{net.name}` does not say what is generated", notes=_advice(net)
            )
        self.restored, self.net = restored, net
        self.prepared = by_input(net, restored.preprocessing)
        """What was fitted to the field that feeds each input."""
        self.feed, self.sample = manner.lines(feed, sample if isinstance(sample, Sample) else None)
        self.backend = backend
        self.program = compile_net(net, backend, device=device, parameters=restored.arrays)

    @classmethod
    def load(
        cls,
        path: Path,
        manner: Manner | None = None,
        *,
        backend: str = "torch",
        device: str = "auto",
        limits: Limits = DEFAULT,
    ) -> Writer:
        """The network of a weight file; raises `SpecError` N703 where it is none."""
        return cls(restore(path, limits), manner or Manner(), backend, device)

    @property
    def is_of_tokens(self) -> bool:
        """It writes texts, and no rows of numbers."""
        return self.net.by_name[self.feed.input].shape.of is not None

    @property
    def needs(self) -> tuple[str, ...]:
        """The inputs of the network that are given, and not fed back."""
        return tuple(layer.name for layer in self.net.inputs if layer.name != self.feed.input)

    def texts(self, prompt: str = "", count: int = 1, seed: int = 0) -> Iterator[Generated]:
        """Texts that begin with a prompt, tokens as numbers where there is no vocabulary; raises `SpecError` N705."""
        begin = self._encoded(prompt)
        if not begin and self.feed.start is None:
            begin = self._encoded(BEGINNING, asked=False)
        stepper = self._stepper(len(begin))
        most = at_once(self.feed)
        for first in range(0, count, most):
            some = min(most, count - first)
            numbers = range(first, first + some)
            said = generate(
                stepper, self.feed, self.sample, prompts=[begin] * some, seed=seed, numbers=numbers
            )
            for place, each in enumerate(said):
                yield self._generated(first + place, prompt, len(begin), each)

    def answers(self, path: Path, prompt: str = "", seed: int = 0) -> Iterator[Generated]:
        """What is said of each example in a file, such as a line of a text or a picture; raises `SpecError` N705.

        Texts of the same length are worked on together, so that nothing fills them up.  Of a line without a text
        nothing is said, so that each answer has the number of its line.
        """
        layers = [self.net.by_name[name] for name in self.needs]
        shapes = {layer.name: layer.shape for layer in layers}
        given = read_named(path, shapes, self.prepared, blank=True)
        begin = self._encoded(prompt)
        # of an input with a symbol the steps that there are; 0 is what fills up
        lengths = {
            name: lengths_of(array)
            for name, array in given.items()
            if not self.net.by_name[name].shape.is_known and isinstance(self.prepared.get(name), Tokens)
        }
        stepper = self._stepper(len(begin))
        places = np.flatnonzero(self._says_something(given))
        found = answers(
            stepper, self.feed, self.sample, given, lengths, prompt=begin, seed=seed, places=places
        )
        said = dict(zip(places.tolist(), found, strict=True))
        for index in range(len(next(iter(given.values())))):
            if index in said:
                yield self._generated(index, prompt, len(begin), said[index])
            else:
                yield Generated(index, stopped=True)

    def _says_something(self, given: Mapping[str, Array]) -> Array:
        """Whether there is something to be answered, of each example (n,): it is no text, or a text of some token."""
        there = [
            (array != 0).any(axis=1) if self._is_filled_up(name) else np.ones(len(array), bool)
            for name, array in given.items()
        ]
        return np.asarray(np.any(there, axis=0))

    def _is_filled_up(self, name: str) -> bool:
        prepared = self.prepared.get(name)
        return isinstance(prepared, Tokens) and prepared.padded

    def _stepper(self, given: int) -> Stepper:
        """A stepper for as many steps as there may be; those that are given, the prompt, are steps too."""
        return Stepper.of(self.program, self.feed, given + self.feed.max, backend=self.backend)

    def _generated(self, index: int, prompt: str, skipped: int, said: Said) -> Generated:
        tokens = tuple(map(int, said.tokens[skipped:]))
        return Generated(index, prompt, self._text(prompt, tokens), tokens, said.score, said.stopped)

    def rows(self, path: Path) -> Iterator[Generated]:
        """The rows that follow those in a file; of `Windows`, in the units of its columns."""
        name = self.feed.input
        given = read_named(path, {name: self.net.by_name[name].shape}, self.prepared)[name]
        stepper = self._stepper(given.shape[1])
        made = continue_rows(stepper, given, self.feed.max)
        prepared = self.restored.preprocessing
        for index, found in enumerate(made):
            rows = found.astype(np.float64)
            shown = prepared.original(rows) if isinstance(prepared, Windows) else rows
            yield Generated(index, rows=tuple(tuple(map(float, row)) for row in shown))

    # --- words and tokens

    def _vocabulary(self) -> Tokens | None:
        found = self.prepared.get(self.feed.input)
        return found if isinstance(found, Tokens) else None

    def _encoded(self, text: str, *, asked: bool = True) -> list[int]:
        vocabulary = self._vocabulary()
        if vocabulary is None:
            return self._numbers(text) if asked else []
        if not text:
            return []
        (numbers,) = vocabulary.numbers_of([text])
        if -1 in numbers:
            if not asked:
                return []
            assert isinstance(vocabulary, Vocabulary)
            strange = tokens_of(text, vocabulary.level)[numbers.index(-1)]
            raise error("N705", f"{strange!r} is in the prompt, and the network knows no such token")
        return numbers

    def _numbers(self, text: str) -> list[int]:
        """A prompt where there is no vocabulary: its tokens as numbers."""
        most = self.net.by_name[self.feed.input].shape.of
        assert most is not None
        words = text.replace(",", " ").split()
        for word in words:
            if not word.isdecimal() or len(word) > DIGITS or int(word) >= most:
                message = f"{word[:DIGITS]!r} is in the prompt, and the network was trained on no text"
                notes = (f"its tokens are numbers from 0 to {most - 1}: a prompt is such as  3 1 4",)
                raise error("N705", message, notes=notes)
        return [int(word) for word in words]

    def _text(self, prompt: str, tokens: Sequence[int]) -> str:
        """Tokens as text; numbers where there is no vocabulary."""
        vocabulary = self._vocabulary()
        text = " ".join(map(str, tokens)) if vocabulary is None else vocabulary.decode(tokens)
        of_characters = isinstance(vocabulary, Vocabulary) and vocabulary.level == "char"
        return text if of_characters else " " * bool(prompt and text) + text
