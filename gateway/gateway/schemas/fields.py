"""Fields that several shapes have, so that they are described once."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

from chassis.fields import Moment, Zone

ROLES = ("owner", "admin", "instructor", "student")
EXAMPLE_ID = "0b0f3ab1-9a53-4c1e-8f0e-2d9a6a3a6b1c"
EXAMPLE_MOMENT = "2030-01-31T15:00:00+00:00"
EXAMPLE_WALL_CLOCK = "2030-01-31T16:00:00"


class Shape(Schema):
    """An answer. Readers must expect more fields than it names: a newer service may add some."""

    class Meta:
        unknown = EXCLUDE


def described(kw: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """`kw` with metadata for the document."""
    return {**kw, "metadata": {**metadata, **kw.get("metadata", {})}}


def identifier(**kw: Any) -> fields.UUID:
    """An id."""
    return fields.UUID(**described(kw, examples=[EXAMPLE_ID]))


def moment(**kw: Any) -> Moment:
    """A date and time with an offset."""
    return Moment(**described(kw, examples=[EXAMPLE_MOMENT]))


def zone(**kw: Any) -> Zone:
    """An IANA time zone."""
    return Zone(**described(kw, examples=["Europe/Berlin"], description="An IANA time zone name."))


def word(*words: str, **kw: Any) -> fields.String:
    """One of some words."""
    return fields.String(validate=validate.OneOf(words), **kw)


def roles(**kw: Any) -> fields.List[Any]:
    """One or more roles."""
    return fields.List(word(*ROLES), **described(kw, minItems=1, examples=[["student"]]))
