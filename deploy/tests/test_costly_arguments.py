"""Arguments that are made to be costly cost no more than their length, for every field of every service's methods.

Measured is processor time, of so much input that a cost with the square of its length shows: `Password` once took 0.8 s
for the accents below, and for ever for 280 KB of them, in the event loop of everybody's identity service.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from marshmallow import fields

from chassis.errors import LONGEST_POINTER, MOST_FIELD_ERRORS, Invalid
from chassis.fields import StrictSchema, load
from local_runner.places import ROOT, SERVICES, package_of

SIZE = 20_000
MOST_SECONDS = 0.05
# Accents that normalizing has to bring into another order, white space, words with several forms, and what stands in
# addresses, ids, cursors and numbers.
PIECES = (
    "\u0315",
    "\u0300",
    "\ufdfa",
    "\u1f82",
    " ",
    "\u3000",
    "a",
    "A.",
    "@",
    "a@",
    "0",
    "-",
    "=",
    "\n",
    "\ud800",
    "/",
)
PACKAGES = ("chassis", *map(package_of, SERVICES))
Path = tuple[str, ...]


def subclasses(schema: type[StrictSchema]) -> Iterator[type[StrictSchema]]:
    for found in schema.__subclasses__():
        yield found
        yield from subclasses(found)


def places() -> Iterator[tuple[type[StrictSchema], Path]]:
    """Every field of every schema of arguments, those inside of others by way of these."""
    for folder in (ROOT / "libs/chassis", *(ROOT / "services" / name for name in SERVICES)):
        for source in folder.glob("*/**/*.py"):
            if "(StrictSchema)" in source.read_text() and "tests" not in source.parts:
                name = source.relative_to(folder).with_suffix("")
                importlib.import_module(".".join(name.parts))
    for schema in subclasses(StrictSchema):
        package, _, module = schema.__module__.partition(".")
        if package in PACKAGES and module != "events":
            yield from ((schema, path) for path in paths(schema))


def paths(schema: type[StrictSchema]) -> Iterator[Path]:
    for name, field in schema().load_fields.items():
        own = field.data_key or name
        yield (own,)
        if isinstance(field, fields.Nested):
            yield from ((own, *inner) for inner in paths(type(field.schema)))


def at(path: Path, value: Any) -> dict[str, Any]:
    """Arguments with `value` there, and nothing else."""
    for name in reversed(path):
        value = {name: value}
    return dict(value)


def text_of(pieces: Sequence[str]) -> str:
    """A long text: each piece repeated, one after the other."""
    return "".join(piece * (SIZE // len(pieces) // len(piece)) for piece in pieces)


def list_of(item: Any) -> list[Any]:
    """A long list."""
    return [item] * SIZE


def object_of(name: str) -> dict[str, int]:
    """A large object."""
    return {f"{name} {number}": number for number in range(SIZE)}


Recipe = tuple[Callable[[Any], Any], Any]
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map(tuple)
# What is said of a failure is the recipe, not the megabyte.
RECIPES: st.SearchStrategy[Recipe] = (
    st.tuples(st.just(text_of), TEXTS)
    | st.tuples(st.just(list_of), st.sampled_from((1, "", "x", None, {}, [], "\u0315\u0300" * 20)))
    | st.tuples(st.just(object_of), st.sampled_from(("name", "~/")))
)


def seconds_to_judge(schema: type[StrictSchema], arguments: dict[str, Any]) -> float:
    """The best of three: whatever else the machine does may take from one."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        with suppress(Invalid):
            load(schema, arguments)
        taken.append(time.process_time() - began)
        if taken[-1] < MOST_SECONDS:
            break
    return min(taken)


@pytest.mark.parametrize(
    ("schema", "path"),
    list(places()),
    ids=lambda part: getattr(part, "__name__", None) or "/".join(part),
)
@example((text_of, ("\u0315", "\u0300")))
@example((list_of, 1))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(RECIPES)
def test_judging_an_argument_costs_little(
    schema: type[StrictSchema], path: Path, recipe: Recipe
) -> None:
    make, of = recipe
    assert seconds_to_judge(schema, at(path, make(of))) < MOST_SECONDS


@pytest.mark.parametrize("schema", dict(places()), ids=lambda s: s.__name__)
def test_a_refusal_is_small_whatever_it_refuses(schema: type[StrictSchema]) -> None:
    arguments = {f"{'~' * 500} {number}": number for number in range(SIZE)}
    with pytest.raises(Invalid) as refusal:
        load(schema, arguments)
    assert len(refusal.value.errors) == MOST_FIELD_ERRORS
    assert all(len(error.pointer) <= LONGEST_POINTER + 1 for error in refusal.value.errors)
