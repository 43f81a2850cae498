"""The documents in the folder of a run as they are validated when they are read; they may come from anyone."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from netspec.diagnostics import short


class Model(BaseModel):
    """A document that is read as it was written: no number for a text, nothing that is not finite."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


Count = Annotated[int, Field(ge=0, lt=1 << 63)]


class _Line(Model):
    line: str


class _Seed(_Line):
    value: Count


class _Epochs(_Line):
    count: Count


class _Stop(_Line):
    on: str


class _Uses(Model):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, _Line]
    seed: _Seed
    epochs: _Epochs | None = None
    stop: _Stop | None = None

    def lines(self) -> dict[str, str]:
        uses = {
            **{name: getattr(self, name) for name in ("epochs", "stop", "seed")},
            **self.__pydantic_extra__,
        }
        return {name: use.line.removeprefix(name).strip() for name, use in uses.items() if use}


class _Data(Model):
    used: str
    validation: dict[str, Any] | None


class Settings(Model):
    """What is read of `settings.json`."""

    net: str
    backend: str
    device: str
    dtype: str
    parameters: Count
    values: dict[str, str] = {}
    sizes: dict[str, Count] = {}
    settings: _Uses
    overrides: tuple[str, ...]
    data: _Data

    @property
    def watched(self) -> str | None:
        """The figure that decides which weights count, None where nothing does."""
        if self.data.validation is None:
            return None
        return self.settings.stop.on if self.settings.stop else "val.loss"


class Environment(Model):
    """What is read of `environment.json`."""

    started: str


class _Failure(Model):
    message: str


class Result(Model):
    """What is read of `result.json`."""

    ended: Literal["done", "patience", "interrupted", "failed"]
    best_epoch: Count | None = None
    seconds: float | None = None
    test: dict[str, float | None] | None = None
    error: _Failure | None = None


@cache
def row() -> TypeAdapter[dict[str, float | None]]:
    """What reads a line of `metrics.jsonl`: numbers by name, null for those that are not finite."""
    return TypeAdapter(dict[str, float | None], config=ConfigDict(strict=True, allow_inf_nan=False))


def what_is_wrong(problem: ValidationError) -> str:
    """What is wrong with a document, in one sentence."""
    found = problem.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, found["loc"]))
    message = found["msg"][:1].lower() + found["msg"][1:]
    return f"`{short(place, 60)}`: {short(message, 100)}" if place else short(message, 100)
