"""marshmallow schemas and fields that refuse what PostgreSQL or a reader could not take.

Shared by the services (RPC arguments) and the gateway (HTTP). Everything unknown is refused. Size is judged before
content, so that what is too long costs no more than reading it: see `Text`, `BoundedList` and `StrictSchema.load`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from chassis.characters import (
    MOST_ACCENTS,
    UNWANTED,
    UNWANTED_IN_A_LINE,
    has_stacked_accents,
)
from chassis.errors import MOST_FIELD_ERRORS, FieldError, Invalid
from chassis.time_zones import known_zones

# A character of a normalized text was at most four before (UAX #15, table "Maximum Expansion Factors", NFD in UTF-32).
MOST_DECOMPOSED: Final = 4
LONGEST_DECOMPOSED: Final = 1_000

UNKNOWN: Final = "Unknown field."


class StrictSchema(Schema):
    """A schema that refuses unknown fields."""

    class Meta:
        unknown = RAISE

    def load(self, data: Any, **options: Any) -> Any:
        """As marshmallow's, which would note every single unknown field of an object that has 100,000 of them."""
        if isinstance(data, Mapping) and len(data) > len(self.load_fields) + MOST_FIELD_ERRORS:
            known = {field.data_key or name for name, field in self.load_fields.items()}
            unknown = (name for name in data if name not in known)
            raise ValidationError({name: [UNKNOWN] for name in islice(unknown, MOST_FIELD_ERRORS)})
        return super().load(data, **options)


class Text(fields.String):
    """Text of `min`..`max` characters, trimmed; no NUL, other control characters or lone surrogates.

    `multiline` allows line breaks, tabs, and any number of accents on a letter. A field that normalizes its text calls
    this one's `_deserialize` first, and so meets none that would be costly, or of which no form is short enough.
    """

    def __init__(
        self,
        *,
        min: int = 0,
        max: int = 200,
        multiline: bool = False,
        strip: bool = True,
        **kw: Any,
    ) -> None:
        self._length = validate.Length(min=min, max=max)
        self._longest_given = longest_given(max)
        super().__init__(validate=self._length, **kw)
        self.multiline = multiline
        self.strip = strip

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str):
            raise ValidationError("Not a string.")
        text = value.strip() if self.strip else value
        if len(text) > self._longest_given:
            self._length(text)
        if (UNWANTED if self.multiline else UNWANTED_IN_A_LINE).search(text):
            raise ValidationError("Contains characters that are not allowed.")
        if not self.multiline and has_stacked_accents(text):
            raise ValidationError(f"Has more than {MOST_ACCENTS} accents on one letter.")
        return text


def longest_given(most: int) -> int:
    """The characters of the longest text that may have a normalized form of up to `most` of them."""
    return max(most, min(most * MOST_DECOMPOSED, LONGEST_DECOMPOSED))


class BoundedList(fields.List[Any]):
    """A JSON list of `min`..`max` items, none of which is looked at when they are too few or too many."""

    def __init__(self, inner: fields.Field[Any], *, min: int = 0, max: int, **kw: Any) -> None:
        self._length = validate.Length(min=min, max=max)
        super().__init__(inner, validate=self._length, **kw)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        self._length(value)
        return super()._deserialize(value, attr, data, **kwargs)


class StrictInteger(fields.Integer):
    """A JSON integer: no strings, booleans or fractions."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(strict=True, **kw)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValidationError("Not a valid integer.")
        return super()._deserialize(value, attr, data, **kwargs)


class StrictBoolean(fields.Boolean):
    """A JSON boolean, nothing that merely looks like one."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise ValidationError("Not a valid boolean.")
        return value


class Moment(fields.Field[datetime]):
    """An RFC 3339 date and time with an offset, loaded in UTC; years 1970 to 2200."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> datetime:
        moment = parse_datetime(value)
        if moment.tzinfo is None:
            raise ValidationError("Needs an offset, such as 2030-01-31T15:00:00+01:00.")
        return moment.astimezone(UTC)

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else rfc3339(value)


class MomentOrWallClock(Moment):
    """As Moment, but a value without an offset stays naive: wall-clock time in a zone given elsewhere."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> datetime:
        moment = parse_datetime(value)
        return moment if moment.tzinfo is None else moment.astimezone(UTC)


class Zone(Text):
    """An IANA time zone name that this system knows."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(min=1, max=64, **kw)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        name = super()._deserialize(value, attr, data, **kwargs)
        if name not in known_zones():
            raise ValidationError("Not a known IANA time zone.")
        return name


def parse_datetime(value: Any) -> datetime:
    """An ISO 8601 date with a time; ValidationError for anything else."""
    if not isinstance(value, str) or len(value) > 40 or "T" not in value.upper():
        raise ValidationError("Not a valid date and time.")
    try:
        moment = datetime.fromisoformat(value)
        in_utc = moment.astimezone(UTC) if moment.tzinfo else moment
    except (ValueError, OverflowError) as error:
        raise ValidationError("Not a valid date and time.") from error
    if not 1970 <= in_utc.year <= 2200:
        raise ValidationError("The year must be between 1970 and 2200.")
    return moment


def rfc3339(moment: datetime) -> str:
    """The form every answer uses: UTC with offset."""
    return moment.astimezone(UTC).isoformat()


@cache
def _instance(schema: type[Schema]) -> Schema:
    return schema()


def load(schema: type[Schema], payload: Mapping[str, Any]) -> dict[str, Any]:
    """Validated arguments; Invalid with a pointer for each wrong field."""
    try:
        loaded: dict[str, Any] = _instance(schema).load(payload)
    except ValidationError as error:
        raise invalid(error.messages) from error
    return loaded


def dump(schema: type[Schema], value: Any, *, many: bool = False) -> Any:
    """The plain form of `value`."""
    return _instance(schema).dump(value, many=many)


def invalid(messages: Any, prefix: str = "") -> Invalid:
    """Marshmallow's messages as one Invalid with JSON pointers."""
    return Invalid(
        "request.invalid", "Some fields are not valid.", errors=flatten(messages, prefix)
    )


def flatten(messages: Any, pointer: str = "") -> Iterator[FieldError]:
    """One FieldError per message; keys become RFC 6901 pointer parts."""
    if isinstance(messages, Mapping):
        for key, value in messages.items():
            part = "" if key == "_schema" else "/" + str(key).replace("~", "~0").replace("/", "~1")
            yield from flatten(value, pointer + part)
    elif isinstance(messages, list):
        for message in messages:
            yield from flatten(message, pointer)
    else:
        yield FieldError(pointer, str(messages))
