"""Reading requests: names, keys, tags, preferences, tokens."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import fields
from werkzeug.exceptions import BadRequest, HTTPException, PreconditionFailed

from chassis.errors import MOST_FIELD_ERRORS, Invalid
from chassis.fields import StrictInteger, StrictSchema
from chassis.testing import actor
from gateway import etag, idempotency, reading, settling
from gateway.app import create_app
from gateway.settings import Settings

app = create_app(Settings(amqp_url="memory://"))

KEYS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=255)


class Example(StrictSchema):
    name = fields.String(required=True)
    size = StrictInteger()


def read_body(content: bytes, **options: Any) -> Any:
    options.setdefault("content_type", "application/json")
    with app.test_request_context("/", method="POST", data=content, **options):
        return reading.JsonBody(Example).read()


def read_query(text: str) -> Any:
    with app.test_request_context(f"/?{text}"):
        return reading.QueryString(Example).read()


def refused(action: Callable[[], Any]) -> set[str]:
    """The fields that the action finds invalid."""
    try:
        action()
    except Invalid as error:
        return {e.pointer for e in error.errors}
    return set()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(HTTPException, Invalid):
        assert isinstance(read_body(content), dict)


NAMES = st.text(st.characters(codec="utf-8"), max_size=5)


@given(st.dictionaries(NAMES, st.integers(0, 9), max_size=MOST_FIELD_ERRORS - 1))
def test_only_known_names_pass(body: dict[str, int]) -> None:
    wrong = {"name"} ^ (body.keys() - {"size"})
    assert refused(lambda: read_body(orjson.dumps(body))) == {reading.pointer(n) for n in wrong}


def test_of_many_unknown_names_a_few_are_told_behind_what_is_missing() -> None:
    with pytest.raises(Invalid) as refusal:
        read_body(orjson.dumps({f"{number:05}": 1 for number in range(200)}))
    told = [error.pointer for error in refusal.value.errors]
    assert told == ["/name", *(f"/{number:05}" for number in range(MOST_FIELD_ERRORS - 1))]


def test_values_are_left_to_the_service() -> None:
    assert read_body(b'{"name": 42, "size": "large"}') == {"name": 42, "size": "large"}


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "application/merge-patch+json"]
)
def test_json_by_any_of_its_names_is_read(content_type: str) -> None:
    assert read_body(b'{"name": "x"}', content_type=content_type) == {"name": "x"}


@given(st.text(max_size=20))
def test_any_number_is_read_or_refused(text: str) -> None:
    is_number = text.isascii() and re.fullmatch(r"-?\d{1,9}", text) is not None
    assert refused(lambda: reading.integer("size", text)) == (set() if is_number else {"/size"})


def test_a_query_gives_text_and_numbers() -> None:
    assert read_query("name=5&size=5") == {"name": "5", "size": 5}
    assert read_query("name=&size=-1") == {"name": "", "size": -1}


@pytest.mark.parametrize("text", ["size=1", "name=a&name=b", "name=a&x=1", "name=a&size=1.0", ""])
def test_a_query_that_is_not_right_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_query(text)


@given(KEYS, KEYS)
def test_equal_keys_are_equal_operations_and_others_are_not(one: str, other: str) -> None:
    person = actor("admin")

    def operation_id(key: str) -> uuid.UUID:
        return idempotency.operation_id_of(key, person, "POST", "/x")

    assert (operation_id(one) == operation_id(other)) == (one == other)


def test_the_operation_depends_on_caller_method_and_path() -> None:
    ada, bob = actor("admin"), actor("admin")
    requests = [(ada, "POST", "/x"), (bob, "POST", "/x"), (ada, "PUT", "/x"), (ada, "POST", "/y")]
    anonymous = (None, "POST", "/x")
    ids = {idempotency.operation_id_of("k", *request) for request in [*requests, anonymous]}
    assert len(ids) == 5


@pytest.mark.parametrize("key", ["", "x" * 256, "ü", "a\nb", "\x00", "\x7f"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(BadRequest, match="Idempotency-Key"):
        idempotency.checked(key)


@pytest.mark.parametrize(
    ("header", "version"), [(None, None), ("*", None), ('"3"', 3), (' "12" ', 12)]
)
def test_if_match_names_a_version(header: str | None, version: int | None) -> None:
    headers = {} if header is None else {"If-Match": header}
    with app.test_request_context("/", headers=headers):
        assert etag.expected_version() == version


@pytest.mark.parametrize("header", ["", "3", 'W/"3"', '"x"', '"1", "2"', '"1234567890"', '"-1"'])
def test_an_if_match_that_names_none_can_not_match(header: str) -> None:
    with (
        app.test_request_context("/", headers={"If-Match": header}),
        pytest.raises(PreconditionFailed),
    ):
        etag.expected_version()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=5", 5),
        ("wait=0", 0),
        ("wait=99999", 10),
        ('respond-async, Wait = "3"; x=y', 3),
        ("wait=-1", None),
        ("wait=soon", None),
        ("waiting=5", None),
        ("", None),
    ],
)
def test_the_preferred_wait_is_read(header: str, seconds: int | None) -> None:
    with app.test_request_context("/", headers={"Prefer": header}):
        assert settling.preferred_wait() == seconds
