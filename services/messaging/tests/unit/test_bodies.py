import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Invalid
from chassis.fields import load
from messaging_service.domain import is_blank
from messaging_service.schemas import SendMessage

CONVERSATION = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("body", ["", " ", "\n\t", "\u3000", "\u200b", "\ufeff", "\u00ad \u2060"])
def test_what_shows_nothing_is_blank(body):
    assert is_blank(body)


@pytest.mark.parametrize("body", [".", " a ", "\U0001f44b", "ñ", "\u0301"])
def test_what_shows_something_is_not(body):
    assert not is_blank(body)


@given(st.text(max_size=300))
def test_a_body_is_kept_unchanged_or_refused_by_name(body):
    arguments = {"conversation_id": CONVERSATION, "body": body}
    try:
        loaded = load(SendMessage, arguments)["body"]
    except Invalid as refusal:
        loaded = {error.pointer for error in refusal.errors}
    assert loaded in (body, {"/body"})
    if loaded == body:
        assert "\x00" not in body
        body.encode()
