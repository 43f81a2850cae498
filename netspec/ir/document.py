"""The network as a document: JSON in and out with a published schema.

JSON is the border where anything may come in, so this is where pydantic validates: a model is made for every
definition from its own arguments and their kinds.  Shapes in a document are checked against the inferred ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from netspec.diagnostics import error
from netspec.ir import catalog
from netspec.ir.definition import Definition
from netspec.ir.generation import Generation
from netspec.ir.layer import Layer, Operation, Origin
from netspec.ir.net import VERSION, Net
from netspec.ir.training import NAMED, Reader, Training, key_of, kind_of, line_of
from netspec.ir.updates import Network
from netspec.limits import Limits
from netspec.source import Source

SCHEMA = "netspec.net/1"
_NAME = r"^[a-z_][a-z0-9_]*$"
_STRICT = ConfigDict(extra="forbid", frozen=True)


class LayerDocument(BaseModel):
    """One layer: its word, its arguments by name, the layers that it reads."""

    model_config = _STRICT
    name: str = Field(pattern=_NAME, max_length=200)
    word: str = Field(pattern=_NAME, max_length=200)
    arguments: dict[str, Any] = {}
    inputs: list[str] = []
    shape: str | None = None
    shares: str | None = Field(default=None, description="the layer whose parameters this one uses")
    frozen: bool = Field(default=False, description="its parameters and states are not trained")


class SettingDocument(BaseModel):
    """One setting of the training: the word that defines it and its arguments by name."""

    model_config = _STRICT
    word: str = Field(pattern=_NAME, max_length=200)
    arguments: dict[str, Any] = {}


class NetworkDocument(BaseModel):
    """A network of a file that has several: what it is called, its `input` layers, the layer with its result."""

    model_config = _STRICT
    name: str = Field(pattern=_NAME, max_length=200)
    inputs: list[str] = Field(min_length=1)
    result: str


class NetDocument(BaseModel):
    """A network."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)
    schema_: Literal["netspec.net/1"] = Field(alias="schema")
    version: Literal[1]
    name: str = Field(max_length=200)
    layers: list[LayerDocument] = Field(min_length=1)
    outputs: list[str] = Field(
        default=[], description="layers that are outputs although something may read them"
    )
    training: dict[str, SettingDocument | list[SettingDocument]] | None = Field(
        default=None, description="settings by kind; a list where there are several losses or metrics"
    )
    fallback: SettingDocument | None = None
    generation: dict[str, SettingDocument] | None = Field(
        default=None, description="the lines of `generate:` by their first word"
    )
    networks: list[NetworkDocument] = Field(
        default=[], description="the networks of a file that has several, each a part of the graph by itself"
    )
    updates: list[str] = Field(
        default=[], description="how these are trained: lines `let` and `update` of the language"
    )
    make: str | None = Field(default=None, description="what `make` shows, an expression of the language")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a document holds: layers without shapes, the shapes that it states, and the training settings.

    `source` is the document in the language, a line a layer or setting, so that diagnostics have something to show.
    """

    name: str
    source: Source
    layers: tuple[Layer, ...]
    shapes: Mapping[str, str]
    training: Training | None
    outputs: tuple[str, ...] = ()
    generation: Generation | None = None
    networks: tuple[Network, ...] = ()
    updates: tuple[str, ...] = ()
    make: str | None = None


_MODELS: dict[type[Definition], type[BaseModel]] = {}


def model(definition: type[Definition]) -> type[BaseModel]:
    """The pydantic model of a definition's arguments, made once."""
    if definition not in _MODELS:
        _MODELS[definition] = _make_model(definition)
    return _MODELS[definition]


def _make_model(definition: type[Definition]) -> type[BaseModel]:
    members: dict[str, Any] = {}
    for each in definition.arguments():
        annotation = each.kind.annotation()
        if each.required:
            members[each.name] = (annotation, Field(description=each.meaning))
        else:
            optional = annotation if each.default is not None else annotation | None
            members[each.name] = (optional, Field(default=each.default, description=each.meaning))
    return create_model(definition.word, __config__=_STRICT, __doc__=definition.summary(), **members)


def _arguments(use: Definition) -> dict[str, Any]:
    values = {each.name: getattr(use, each.name) for each in use.arguments()}
    return model(type(use)).model_construct(**values).model_dump(mode="json", exclude_defaults=True)


def to_document(net: Net) -> dict[str, Any]:
    """The JSON document of a network: core layers, arguments that differ from their defaults, shapes."""
    layers = [
        {
            "name": layer.name,
            "word": layer.word,
            "arguments": _arguments(layer.operation),
            "inputs": list(layer.inputs),
            "shape": str(layer.shape),
        }
        | ({"shares": layer.shares} if layer.shares else {})
        | ({"frozen": True} if _says_frozen(layer) else {})
        for layer in net.layers
    ]
    document: dict[str, Any] = {"schema": SCHEMA, "version": VERSION, "name": net.name, "layers": layers}
    if net.named_outputs:
        document["outputs"] = list(net.named_outputs)
    if net.training is not None:
        uses: dict[str, list[dict[str, Any]]] = {}
        for name, use in net.training.settings.items():
            uses.setdefault(kind_of(name), []).append(_setting(use))
        document["training"] = {kind: each[0] if len(each) == 1 else each for kind, each in uses.items()}
        if net.training.fallback is not None:
            document["fallback"] = _setting(net.training.fallback)
    if net.generation is not None and net.generation.lines:
        document["generation"] = {word: _setting(use) for word, use in net.generation.lines.items()}
    if net.networks:
        document["networks"] = [
            {"name": each.name, "inputs": list(each.inputs), "result": each.result} for each in net.networks
        ]
    updates, make = net.said
    document |= ({"updates": updates} if updates else {}) | ({"make": make} if make else {})
    return document


def _setting(use: Definition) -> dict[str, Any]:
    return {"word": use.word, "arguments": _arguments(use)}


def read_document(document: object, limits: Limits) -> Draft:
    """The contents of a document, every word and argument validated; raises `SpecError`."""
    try:
        read = NetDocument.model_validate(document)
    except ValidationError as wrong:
        raise error("N004", _say("the document", wrong)) from None
    if len(read.layers) > limits.layers:
        raise error("N505", f"more than {limits.layers:,} layers")
    layers: list[Layer] = []
    names: set[str] = set()
    for entry in read.layers:
        operation = _use("layer", entry.word, entry.arguments, f"layer `{entry.name}`")
        assert isinstance(operation, Operation)
        unknown = [name for name in entry.inputs if name.partition(".")[0] not in names]
        unknown += [entry.shares] if entry.shares and entry.shares not in names else []
        if unknown or entry.name in names or operation.reads_nothing == bool(entry.inputs):
            raise error("N108", f"layer `{entry.name}`: its name is taken, or it reads what is not above it")
        if operation.parts() != (operation,):
            raise error(
                "N101",
                f"layer `{entry.name}`: `{entry.word}` stands for several layers; a document has these",
            )
        names.add(entry.name)
        layers.append(
            Layer(entry.name, operation, tuple(entry.inputs), shares=entry.shares or "", frozen=entry.frozen)
        )
    training, generation = _training(read), _generation(read)
    settings = training.settings if training else {}
    generated = generation.lines if generation else {}
    lines = [layer.operation.written() + " frozen" * layer.frozen for layer in layers]
    others = [line_of(name, use) for name, use in settings.items()]
    others += [use.written() for use in generated.values()]
    source = Source("\n".join([*lines, *others]), "<json>")
    spans = [source.line_span(line) for line in range(1, len(lines) + len(others) + 1)]
    placed = tuple(
        replace(layer, origin=Origin(span, span, {})) for layer, span in zip(layers, spans, strict=False)
    )
    if training:
        training = replace(training, spans=dict(zip(settings, spans[len(lines) :], strict=False)))
    if generation:
        generation = replace(generation, spans=dict(zip(generated, spans[-len(generated) :], strict=True)))
    shapes = {entry.name: entry.shape for entry in read.layers if entry.shape is not None}
    outputs = tuple(read.outputs)
    if strangers := [name for name in outputs if name not in names]:
        raise error("N108", f"the output `{strangers[0][:40]}` is no layer of the document")
    networks = tuple(Network(each.name, tuple(each.inputs), each.result) for each in read.networks)
    if unknown := [each for one in networks for each in (*one.inputs, one.result) if each not in names]:
        raise error("N108", f"`{unknown[0][:40]}`, of a network, is no layer of the document")
    more = networks, tuple(read.updates), read.make
    return Draft(read.name, source, placed, shapes, training, outputs, generation, *more)


def _training(read: NetDocument) -> Training | None:
    if read.training is None:
        return None
    settings: dict[str, Definition] = {}
    for kind, entries in read.training.items():
        for entry in entries if isinstance(entries, list) else [entries]:
            place = f"setting `{kind}`"
            use = _use(kind if kind in NAMED else "setting", entry.word, entry.arguments, place)
            if key_of(kind, use) in settings:
                raise error("N402", f"`{key_of(kind, use)}` is set twice")
            settings[key_of(kind, use)] = use
    fallback = read.fallback and _use("data", read.fallback.word, read.fallback.arguments, "the fallback")
    assert fallback is None or isinstance(fallback, Reader)
    return Training(settings, fallback)


def _generation(read: NetDocument) -> Generation | None:
    if not read.generation:
        return None
    for word, entry in read.generation.items():
        if entry.word != word:
            raise error("N105", f"line `{word}` of `generate:`: its word is `{entry.word}`")
    lines = {
        word: _use("generation", word, entry.arguments, f"line `{word}` of `generate:`")
        for word, entry in read.generation.items()
    }
    return Generation(lines)


def _use(kind: str, word: str, arguments: dict[str, Any], place: str) -> Definition:
    definition = catalog.find(kind, word)
    if definition is None:
        raise error("N101", f"{place}: there is no {kind} called `{word}`")
    try:
        checked = model(definition).model_validate(arguments)
    except ValidationError as wrong:
        raise error("N105", _say(place, wrong)) from None
    values = {each.name: getattr(checked, each.name) for each in definition.arguments()}
    return definition(**values)


def _say(place: str, wrong: ValidationError) -> str:
    first = wrong.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return (
        f"{place}: {where}: {first['msg'][:1].lower()}{first['msg'][1:]}"
        if where
        else f"{place}: {first['msg']}"
    )


def schema() -> dict[str, Any]:
    """The JSON Schema of a network, with the arguments of every layer and setting of the catalog."""
    document = NetDocument.model_json_schema(by_alias=True)
    definitions = document["$defs"]
    for kind in catalog.BUILT_IN:
        for definition in catalog.definitions(kind):
            name = f"{kind}.{definition.word}"
            definitions[name] = model(definition).model_json_schema(ref_template="#/$defs/{model}")
    document["$id"] = SCHEMA
    definitions["LayerDocument"]["allOf"] = _branches("layer")
    for kind in NAMED:
        definitions[f"setting.{kind}"] = {
            "allOf": [{"$ref": "#/$defs/SettingDocument"}, *_branches(kind)],
        }
    return document


def _branches(kind: str) -> list[dict[str, Any]]:
    """`if word is W then arguments are W's`, for every word of a kind."""
    return [
        {
            "if": {"properties": {"word": {"const": word}}},
            "then": {"properties": {"arguments": {"$ref": f"#/$defs/{kind}.{word}"}}},
        }
        for word in catalog.words(kind)
    ]


def _says_frozen(layer: Layer) -> bool:
    """A further use of a layer is frozen because that one is."""
    return layer.frozen and not layer.shares
