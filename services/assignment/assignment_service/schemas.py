"""RPC arguments, checked, and the plain form of results."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from marshmallow import ValidationError, fields, validate, validates_schema

from assignment_service.domain import FutureSessions, Pair, Source
from chassis.fields import BoundedList, StrictInteger, StrictSchema, Text, load

MOST_PAIRS: Final = 1000
MOST_PEOPLE: Final = 500
PAIR_KEYS: Final = frozenset({"instructor_id", "student_id"})


class PairArguments(StrictSchema):
    """One pair."""

    instructor_id = fields.UUID(required=True)
    student_id = fields.UUID(required=True)


class Pairs(fields.Field[list[Pair]]):
    """1..1000 objects with `instructor_id` and `student_id`.

    Read in one loop: a nested schema would cost more than the whole rest of a bulk call.
    """

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[Pair]:
        if not isinstance(value, list):
            raise ValidationError("Not a list.")
        if not 1 <= len(value) <= MOST_PAIRS:
            raise ValidationError(f"Length must be between 1 and {MOST_PAIRS}.")
        pairs = [pair_or_none(item) for item in value]
        if None in pairs:
            raise ValidationError(dict(pair_errors(value)))
        return [pair for pair in pairs if pair is not None]


def pair_or_none(item: Any) -> Pair | None:
    """The pair in a JSON object that has exactly the two ids; None for anything else."""
    try:
        if item.keys() == PAIR_KEYS:
            return Pair(uuid.UUID(item["instructor_id"]), uuid.UUID(item["student_id"]))
    except (AttributeError, TypeError, ValueError):
        pass
    return None


def pair_errors(items: list[Any]) -> Any:
    """What is wrong with each bad pair, by its place."""
    schema = PairArguments()
    for place, item in enumerate(items):
        if pair_or_none(item) is None:
            yield place, schema.validate(item) or ["Not a valid pair."]


class EndArguments(PairArguments):
    """A pair and what becomes of its sessions."""

    future_sessions = fields.String(
        load_default=FutureSessions.KEEP.value,
        validate=validate.OneOf([choice.value for choice in FutureSessions]),
    )


class ManyArguments(StrictSchema):
    """Pairs, and whether a person or an upload names them."""

    pairs = Pairs(required=True)
    source = fields.String(
        load_default=Source.MANUAL.value,
        validate=validate.OneOf([Source.MANUAL.value, Source.IMPORT.value]),
    )


class PairsArguments(StrictSchema):
    """Pairs to decide about."""

    pairs = Pairs(required=True)


class ListArguments(StrictSchema):
    """Filters and place of a page of assignments."""

    instructor_id = fields.UUID(load_default=None, allow_none=True)
    student_id = fields.UUID(load_default=None, allow_none=True)
    status = fields.String(
        load_default=None, allow_none=True, validate=validate.OneOf(["active", "ended"])
    )
    limit = StrictInteger(load_default=50, validate=validate.Range(min=1, max=200))
    cursor = Text(max=500, load_default=None, allow_none=True)


def people(**options: Any) -> BoundedList:
    """1..500 people's ids."""
    return BoundedList(fields.UUID(), min=1, max=MOST_PEOPLE, **options)


class PartnersArguments(StrictSchema):
    """Instructors or students, and the place of a page of their pairs."""

    instructor_ids = people(load_default=None, allow_none=True)
    student_ids = people(load_default=None, allow_none=True)
    cursor = Text(max=500, load_default=None, allow_none=True)

    @validates_schema
    def check_one_side(self, data: dict[str, Any], **_: Any) -> None:
        """With both it would be unclear whether a pair must have one of each."""
        if (data["instructor_ids"] is None) == (data["student_ids"] is None):
            raise ValidationError("Name either instructors or students.", "student_ids")


class PeopleArguments(StrictSchema):
    """People to ask identity about."""

    user_ids = people(required=True)


def load_pair(payload: Mapping[str, Any]) -> Pair:
    """One pair from RPC arguments; Invalid names the wrong fields.

    A good pair never meets marshmallow: `authorize` runs before every booking and message.
    """
    return pair_or_none(payload) or Pair(**load(PairArguments, payload))
