"""Pages of lists: opaque cursors for keyset pages, and how much fits into one answer."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import orjson

from chassis.errors import Invalid

Row = TypeVar("Row")

# RabbitMQ closes the channel of whoever sends a message of over 16 MiB (128 MiB before 4.0), and a process that writes
# or reads one keeps everybody waiting meanwhile.
ANSWER_BYTES: Final = 1_000_000
MOST_AT_ONCE: Final = 32


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
    rows: Iterable[Row],
    limit: int,
    item: Callable[[Row], Any],
    keys: Callable[[Row], Sequence[Any]],
) -> dict[str, Any]:
    """A page of up to `limit` items, fewer where they are large; `keys` gives a row's sort keys for the cursor.

    `rows` has one more than `limit` if there are so many. It is read no further than the page goes and one beyond.
    """
    shown = filled(rows, limit, item)
    items, last = shown
    return {"items": items, "next_cursor": None if last is None else encode_cursor(*keys(last))}


def filled(
    rows: Iterable[Row], limit: int, item: Callable[[Row], Any]
) -> tuple[list[Any], Row | None]:
    """The items of the first rows, and the last of these rows if others follow it.

    At most `limit` of them, and as many as fit into an answer; one that alone is larger comes alone.
    """
    items: list[Any] = []
    last: Row | None = None
    size = 0
    for row in rows:
        found = item(row)
        size += encoded_size(found)
        if items and (len(items) == limit or size > ANSWER_BYTES):
            return items, last
        items.append(found)
        last = row
    return items, None


def growing() -> Iterator[int]:
    """How many rows to fetch for a page at once, where they may be large: few at first, then more, up to 32.

    So a page that ends after one row was not fetched in vain, and one of many small rows takes few statements.
    """
    number = 2
    while True:
        yield number
        number = min(2 * number, MOST_AT_ONCE)


def encoded_size(value: Any) -> int:
    """How many bytes a value takes in an answer."""
    return len(orjson.dumps(value, default=str))
