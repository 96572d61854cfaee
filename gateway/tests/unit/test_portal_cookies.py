"""The portal's sealed cookies: who can open them, and for how long."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.app import create_app
from gateway.portal.cookies import SealedCookie, pending
from gateway.portal.guard import local_path
from gateway.settings import Settings

app = create_app(Settings(amqp_url="memory://"))
OLD, NEW = "the key of last year, which was good", "the key of this year, which is better"
CONTENT = {"access": "a" * 43, "refresh": "r" * 43, "until": 1_900_000_000}


def sealed(cookie: SealedCookie, content: dict[str, Any] = CONTENT) -> str:
    with app.test_request_context("/"):
        cookie.write(content)
        return pending()[cookie.name]


def opened(cookie: SealedCookie, value: str) -> dict[str, Any] | None:
    with app.test_request_context("/", headers={"Cookie": f"{cookie.name}={value}"}):
        return cookie.read()


def test_a_cookie_sealed_with_the_old_key_is_opened_while_keys_change() -> None:
    value = sealed(SealedCookie("session", [OLD], seconds=60))
    assert opened(SealedCookie("session", [NEW, OLD], seconds=60), value) == CONTENT
    assert opened(SealedCookie("session", [NEW], seconds=60), value) is None


def test_the_first_key_seals() -> None:
    value = sealed(SealedCookie("session", [NEW, OLD], seconds=60))
    assert opened(SealedCookie("session", [NEW], seconds=60), value) == CONTENT


def test_one_cookie_is_not_taken_for_another() -> None:
    value = sealed(SealedCookie("invitation", [NEW], seconds=60))
    assert opened(SealedCookie("reset", [NEW], seconds=60), value) is None


def test_a_cookie_is_good_for_its_time_whatever_the_browser_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cookie = SealedCookie("invitation", [NEW], seconds=60)
    value = sealed(cookie)
    later = time.time() + 62
    monkeypatch.setattr("cryptography.fernet.time.time", lambda: later)
    assert opened(cookie, value) is None


def test_a_cookie_with_two_tokens_fits_into_a_browser() -> None:
    cookie = SealedCookie("session", [NEW], seconds=60)
    longest = {"access": "a" * 200, "refresh": "r" * 200, "until": 1_900_000_000}
    assert len(sealed(cookie, longest)) < 1500


@given(st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters=';,"\\')))
def test_any_text_is_no_cookie_of_ours(value: str) -> None:
    assert opened(SealedCookie("session", [NEW], seconds=60), value) is None


@given(st.text())
def test_wherever_a_link_wants_to_lead_it_stays_here(wanted: str) -> None:
    path = local_path(wanted)
    assert path.startswith("/")
    assert path[1:2] not in {"/", "\\"}
    assert path.isprintable()
