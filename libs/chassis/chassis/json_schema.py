"""JSON Schema of marshmallow schemas, for the generated descriptions.

Describes what is published, so that a reader may rely on it: fields may be added later, hence no object is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from marshmallow import Schema, fields, validate

from chassis.fields import Moment

Reference = Callable[[type[Schema]], dict[str, Any]]

# The first match counts: subclasses before their bases.
TYPES: tuple[tuple[type[fields.Field[Any]], dict[str, Any]], ...] = (
    (fields.UUID, {"type": "string", "format": "uuid"}),
    (Moment, {"type": "string", "format": "date-time"}),
    (fields.AwareDateTime, {"type": "string", "format": "date-time"}),
    (fields.DateTime, {"type": "string", "format": "date-time"}),
    (fields.Date, {"type": "string", "format": "date"}),
    (fields.Email, {"type": "string", "format": "email"}),
    (fields.Url, {"type": "string", "format": "uri"}),
    (fields.String, {"type": "string"}),
    (fields.Boolean, {"type": "boolean"}),
    (fields.Integer, {"type": "integer"}),
    (fields.Float, {"type": "number"}),
    (fields.Mapping, {"type": "object"}),
)


def object_schema(schema: type[Schema], reference: Reference) -> dict[str, Any]:
    """The JSON Schema of one marshmallow schema; `reference` gives what stands for a nested one."""
    declared = schema().fields
    described = {
        name_of(name, field): describe(field, reference) for name, field in declared.items()
    }
    required = [name_of(name, field) for name, field in declared.items() if field.required]
    document: dict[str, Any] = {"type": "object"}
    if schema.__doc__:
        document["description"] = schema.__doc__.strip().splitlines()[0]
    document["properties"] = described
    if required:
        document["required"] = required
    return document


def name_of(name: str, field: fields.Field[Any]) -> str:
    """The field's name on the wire."""
    return field.data_key or name


def describe(field: fields.Field[Any], reference: Reference) -> dict[str, Any]:
    """The JSON Schema of one field. LookupError for a kind of field it does not know."""
    described = {**kind_of(field, reference), **limits(field)}
    return nullable(described) if field.allow_none else described


def kind_of(field: fields.Field[Any], reference: Reference) -> dict[str, Any]:
    """The type alone."""
    if isinstance(field, fields.Nested):
        nested = reference(type(field.schema))
        return {"type": "array", "items": nested} if field.many else nested
    if isinstance(field, fields.List):
        return {"type": "array", "items": describe(field.inner, reference)}
    if isinstance(field, fields.Enum):
        values = [each.value if field.by_value else each.name for each in field.enum]
        return {"type": "string", "enum": values}
    if type(field) is fields.Raw:
        return {}
    for kind, described in TYPES:
        if isinstance(field, kind):
            return dict(described)
    raise LookupError(f"no JSON Schema is known for {type(field).__name__}")


def limits(field: fields.Field[Any]) -> dict[str, Any]:
    """What the field's validators demand, as far as JSON Schema has a word for it."""
    of_items = isinstance(field, fields.List)
    return {
        keyword: value
        for validator in field.validators
        for keyword, value in demands(validator, of_items=of_items)
        if value is not None
    }


def demands(validator: Any, *, of_items: bool) -> Iterator[tuple[str, Any]]:
    """The keywords of one validator."""
    if isinstance(validator, validate.Length):
        what = "Items" if of_items else "Length"
        yield f"min{what}", validator.equal or validator.min
        yield f"max{what}", validator.equal or validator.max
    elif isinstance(validator, validate.Range):
        yield "minimum" if validator.min_inclusive else "exclusiveMinimum", validator.min
        yield "maximum" if validator.max_inclusive else "exclusiveMaximum", validator.max
    elif isinstance(validator, validate.OneOf):
        yield "enum", [str(choice) for choice in validator.choices]
    elif isinstance(validator, validate.Equal):
        yield "const", validator.comparable


def nullable(described: dict[str, Any]) -> dict[str, Any]:
    """The same or null."""
    if "type" in described and "enum" not in described:
        return {**described, "type": [described["type"], "null"]}
    return {"oneOf": [described, {"type": "null"}]} if described else {}
