"""Opaque cursors for keyset pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import orjson

from chassis.errors import Invalid

Row = TypeVar("Row")


def encode_cursor(*keys: Any) -> str:
    """A cursor from the sort keys of the last item shown (JSON values; ids and moments as strings)."""
    return base64.urlsafe_b64encode(orjson.dumps(keys, default=str)).decode().rstrip("=")


def decode_cursor(cursor: str, *kinds: Callable[[Any], Any]) -> list[Any]:
    """The keys that `encode_cursor` was given, each converted by its kind (`str`, `int`, `uuid.UUID`, ...).

    For a moment pass `moment`. Raises Invalid naming `/cursor` for anything else.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        keys = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not isinstance(keys, list) or len(keys) != len(kinds):
            raise ValueError("wrong number of keys")
        return [kind(key) for kind, key in zip(kinds, keys, strict=True)]
    except (ValueError, TypeError, binascii.Error, OverflowError, AttributeError) as error:
        raise Invalid.field("/cursor", "Not a cursor of this list.") from error


def moment(key: Any) -> datetime:
    """A cursor's moment; ValueError for one without an offset, which PostgreSQL would take for its own local time."""
    found = datetime.fromisoformat(key)
    if found.tzinfo is None:
        raise ValueError("a moment without an offset")
    return found


def page(
    rows: Sequence[Row],
    limit: int,
    item: Callable[[Row], Any],
    keys: Callable[[Row], Sequence[Any]],
) -> dict[str, Any]:
    """A page from up to `limit + 1` fetched rows; `keys` gives a row's sort keys for the cursor."""
    shown = rows[:limit]
    more = len(rows) > limit
    return {
        "items": [item(row) for row in shown],
        "next_cursor": encode_cursor(*keys(shown[-1])) if more else None,
    }
