"""What `let`, `update` and `make` say of several networks that are trained by turns, and `make` of one, as data.

A value is what a network reads or gives: a field of the data, noise, a network applied to a value.  Names that `let`
gave have been replaced by what they stand for, so that equal values are one value: what is written twice alike is
worked out once in an update.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace
from typing import Final, Literal, TypeAlias, get_args

from netspec.frozen import frozen
from netspec.ir.shape import Shape
from netspec.ir.training import Loss, Optimizer
from netspec.source import Span

Noisy: TypeAlias = Literal["normal", "uniform", "categorical"]
NOISE: Final[tuple[Noisy, ...]] = get_args(Noisy)
"""The words of noise: of mean 0 and deviation 1, evenly from -1 to 1, a 1 at any one place of the last axis."""
NOISES: Final = (
    "`normal` (mean 0, deviation 1), `uniform` (from -1 to 1) or `categorical` (one is 1, the others 0)"
)


def noise_word(text: str) -> Noisy | None:
    """The word of noise that a text is, if it is one."""
    return next((word for word in NOISE if word == text), None)


def input_name(number: int) -> str:
    """What the input with this number, counted from 1, of a network is called behind its name, if it has none."""
    return "input" if number == 1 else f"input{number}"


@frozen
class Network:
    """A network of a file: what it is called, the `input` layers that it begins with, the result that it gives."""

    name: str
    inputs: tuple[str, ...]
    result: str


@frozen
class Field:
    """A field of the data: of an example, or what is to be predicted of it, the `last` field."""

    name: str
    last: bool = False
    called: str = field(default="", compare=False)
    """Another name that the text gives it (`data mnist as real`)."""

    def __str__(self) -> str:
        return self.name


@frozen
class Noise:
    """Random numbers of a shape, others at each step; `place` numbers the places in the text where noise stands."""

    kind: Noisy
    shape: Shape
    place: int

    def __str__(self) -> str:
        return f"{self.kind} {self.shape}"


@frozen
class Use:
    """A network applied to values, one for each of its inputs."""

    network: str
    of: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.network}({', '.join(map(str, self.of))})"


@frozen
class Stop:
    """A value through which no gradient passes."""

    of: Value

    def __str__(self) -> str:
        return f"stop {self.of}"


@frozen
class From:
    """What a network gives at its end where one of its results is something else."""

    result: str
    of: Noise

    def __str__(self) -> str:
        return f"{self.result}={self.of.kind}"


Value: TypeAlias = Field | Noise | Use | Stop | From


def inside(value: Value) -> Iterator[Value]:
    """A value and those that it is made of, outermost first, each as often as it is read."""
    yield value
    for part in parts_of(value):
        yield from inside(part)


def parts_of(value: Value) -> tuple[Value, ...]:
    """The values that a value is made of directly."""
    match value:
        case Use(of=parts):
            return parts
        case Stop(of=part) | From(of=part):
            return (part,)
    return ()


def trains(value: Value, network: str) -> bool:
    """A gradient of the value reaches a network's parameters."""
    if isinstance(value, Stop):
        return False
    own = isinstance(value, Use) and value.network == network
    return own or any(trains(part, network) for part in parts_of(value))


@frozen
class Term:
    """One loss of an update; the factor before it is the loss's weight, which may be negative.

    The target is a number, a field, a value, or None where the loss has none.
    """

    loss: Loss
    of: Value
    target: float | Value | None = None


@frozen
class Update:
    """One `update`: the network that it changes, what it makes small, and how.

    `optimizer` is None where the one of `train:` does it.
    """

    network: str
    terms: tuple[Term, ...]
    optimizer: Optimizer | None = None
    every: int = 1
    """It is done at the steps that this divides, counted from 1."""
    span: Span | None = field(default=None, compare=False, repr=False)


def values_of(updates: Iterable[Update], make: Value | None = None) -> list[Value]:
    """All values that updates and `make` are about, in the order of the text."""
    given = (each for update in updates for term in update.terms for each in (term.of, term.target))
    return [each for each in (*given, make) if each is not None and not isinstance(each, int | float)]


def noises_of(values: Iterable[Value]) -> list[Noise]:
    """The noise in values, as often as it is read."""
    return [each for value in values for each in inside(value) if isinstance(each, Noise)]


def numbered(updates: Sequence[Update], make: Value | None) -> tuple[tuple[Update, ...], Value | None]:
    """The same with the places of noise counted from 0 in the order in which they are first read."""
    order = dict.fromkeys(noise.place for noise in noises_of(values_of(updates, make)))
    places = {old: new for new, old in enumerate(order)}

    def moved(value: Value) -> Value:
        match value:
            case Noise():
                return noise(value)
            case From(of=drawn):
                return replace(value, of=noise(drawn))
            case Use(of=parts):
                return replace(value, of=tuple(map(moved, parts)))
            case Stop(of=part):
                return replace(value, of=moved(part))
        return value

    def noise(old: Noise) -> Noise:
        return replace(old, place=places[old.place])

    def term(old: Term) -> Term:
        target = (
            old.target if old.target is None or isinstance(old.target, int | float) else moved(old.target)
        )
        return replace(old, of=moved(old.of), target=target)

    changed = tuple(replace(update, terms=tuple(map(term, update.terms))) for update in updates)
    return changed, moved(make) if make is not None else None


# --- as the language writes it


def lines_of(updates: Sequence[Update], make: Value | None = None) -> tuple[list[str], str]:
    """The lines of `train:` that say the updates, and the expression of `make`, empty where there is none.

    Where some noise is read in several places, all noise has names.
    """
    noises = Counter(noises_of(values_of(updates, make)))
    several = any(count > 1 for count in noises.values())
    names: Names = {noise: f"noise{noise.place + 1}" for noise in noises} if several else {}
    lines = [f"let {name} = {value}" for value, name in names.items()]
    lines += [_update(update, names) for update in updates]
    return lines, _text(make, names) if make is not None else ""


Names: TypeAlias = dict[Value, str]


def _text(value: Value, names: Names) -> str:
    if value in names:
        return names[value]
    if isinstance(value, Use):
        return f"{value.network}({', '.join(_text(each, names) for each in value.of)})"
    return f"stop {_text(value.of, names)}" if isinstance(value, Stop) else str(value)


def _update(update: Update, names: Names) -> str:
    text = ""
    for term in update.terms:
        factor = term.loss.weight
        sign = "-" if factor < 0 else "+" * bool(text)
        text += f" {sign} " if text else sign
        text += f"{_number(abs(factor))} * " * (abs(factor) != 1) + _term(term, names)
    optimizer = f" {update.optimizer.written()}" if update.optimizer else ""
    return f"update {update.network}: {text}{optimizer}" + f" every={update.every}" * (update.every > 1)


def _term(term: Term, names: Names) -> str:
    arguments = [_text(term.of, names)]
    if isinstance(term.target, int | float):
        arguments.append(_number(term.target))
    elif term.target is not None:
        arguments.append(_text(term.target, names))
    for each in term.loss.arguments():
        value = getattr(term.loss, each.name)
        if each.name not in ("on", "weight") and value != each.default:
            arguments.append(f"{each.name}={each.kind.write(value)}")
    return f"{term.loss.word}({', '.join(arguments)})"


def _number(value: float) -> str:
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
