"""`frozen` makes what `dataclass(frozen=True)` makes."""

from dataclasses import FrozenInstanceError, dataclass, field, fields, replace

import pytest

from netspec.frozen import frozen


class Plain:
    """The class that both decorators are given."""

    first: int
    second: str = "b"
    third: int = field(default=3, compare=False)
    fourth: int = field(default=4, repr=False)

    __annotations__ = {"first": int, "second": str, "third": int, "fourth": int}


@pytest.fixture(params=[frozen, dataclass(frozen=True)], ids=["frozen", "dataclass"])
def made(request: pytest.FixtureRequest) -> type:
    members = {
        name: value for name, value in vars(Plain).items() if not name.startswith(("__dict", "__weak"))
    }
    return request.param(type("Made", (), members))


def test_same_as_a_dataclass(made) -> None:
    one = made(1)
    assert repr(one) == "Made(first=1, second='b', third=3)"
    assert one == made(1, "b", 99) and hash(one) == hash(made(1, third=99))
    assert one != made(2) and one != made(1, fourth=5) and one != 1
    assert replace(one, second="c") == made(1, "c")
    assert [each.name for each in fields(made)] == ["first", "second", "third", "fourth"]
    assert made.__match_args__ == ("first", "second", "third", "fourth")
    with pytest.raises(FrozenInstanceError):
        one.first = 2
    with pytest.raises(TypeError):
        made()


def test_a_class_of_another_kind_is_never_equal() -> None:
    @frozen
    class Left:
        value: int

    @frozen
    class Right(Left):
        pass

    assert Left(1) != Right(1)
