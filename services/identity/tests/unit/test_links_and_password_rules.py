"""Links' tokens, weak passwords, what mails say, and who is counted together."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity_service.domain import mail_texts
from identity_service.domain.links import INVITATION, PASSWORD_RESET, Links
from identity_service.domain.password_rules import common_passwords, normalized, weakness_of
from identity_service.domain.throttle import Pace, Throttle, network_of

LINKS = Links(b"k" * 32, "https://tandem.example/")


@settings(deadline=None)
@given(st.uuids(), st.sampled_from([INVITATION, PASSWORD_RESET]))
def test_a_token_names_its_link_for_its_purpose_only(link_id: uuid.UUID, purpose: str) -> None:
    token = LINKS.token_for(purpose, link_id)
    other = PASSWORD_RESET if purpose == INVITATION else INVITATION
    assert len(token) == 64
    assert LINKS.id_in(purpose, token) == link_id
    assert LINKS.id_in(other, token) is None
    assert Links(b"l" * 32, "").id_in(purpose, token) is None


@settings(deadline=None)
@given(st.text(max_size=80))
def test_no_other_text_is_a_token(text: str) -> None:
    assert LINKS.id_in(INVITATION, text) is None


@settings(deadline=None)
@given(st.uuids(), st.integers(0, 63), st.characters(codec="ascii"))
def test_a_changed_token_is_none(link_id: uuid.UUID, position: int, character: str) -> None:
    token = LINKS.token_for(INVITATION, link_id)
    changed = token[:position] + character + token[position + 1 :]
    assert (LINKS.id_in(INVITATION, changed) is None) == (changed != token)


@pytest.mark.parametrize(("written", "also_read"), [("-", "+"), ("_", "/")])
def test_the_other_alphabet_of_base64_spells_no_token(written: str, also_read: str) -> None:
    tokens = (LINKS.token_for(INVITATION, uuid.UUID(int=number)) for number in range(1000))
    token = next(one for one in tokens if written in one)
    assert LINKS.id_in(INVITATION, token.replace(written, also_read)) is None


def test_the_url_is_for_people_and_the_secret_is_not_shown() -> None:
    url = LINKS.url_for(PASSWORD_RESET, uuid.UUID(int=1))
    assert url.startswith("https://tandem.example/reset-password?token=")
    assert "kkk" not in repr(LINKS)


def test_the_list_has_at_least_ten_thousand_that_could_be_chosen() -> None:
    listed = common_passwords()
    assert len(listed) >= 10_000
    assert all(8 <= len(one) <= 128 and one == one.casefold() for one in listed)
    assert {"password", "12345678", "qwertyuiop", "iloveyou1"} <= listed


@pytest.mark.parametrize(
    ("password", "is_weak"),
    [
        ("PassWord", True),
        ("        ", True),
        ("aaaaAAAA", True),
        ("a" * 128, False),
        ("ｐａｓｓｗｏｒｄ", True),
        ("AcmeTutoring1", True),
        ("acme tutoring!", True),
        ("ada.byron", True),
        ("Byron2024!", True),
        ("countess", True),
        ("tandem2024", True),
        ("a horse of acme", False),
        ("byron the poet", False),
        ("correct horse battery", False),
        ("Ada loves numbers", False),
    ],
)
def test_what_everybody_knows_makes_no_password(password: str, is_weak: bool) -> None:
    context = ["Acme Tutoring", "Ada", "Byron", "ada.byron@example.org", "countess", None]
    assert (weakness_of(password, context) is not None) == is_weak


@settings(deadline=None)
@given(st.text(max_size=60))
def test_the_form_that_is_hashed_is_stable(password: str) -> None:
    assert normalized(normalized(password)) == normalized(password)


def test_names_are_escaped_and_stay_on_their_line() -> None:
    words = mail_texts.invitation(
        "<script>\nEvil", "A & B\r\nBcc: x", "https://t.example/?token=a&b", timedelta(days=14), "u"
    )
    assert "<script>" not in words.html
    assert "A &amp; B Bcc: x" in words.html
    assert "Evil,\n\n" in words.text
    assert "14 days" in words.text


@pytest.mark.parametrize(
    ("life", "said"),
    [
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(days=1), "1 day"),
    ],
)
def test_times_are_said_in_the_largest_unit_that_fits(life: timedelta, said: str) -> None:
    assert mail_texts.span(life) == said


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("", "", True),
        ("nonsense", "192.0.2.1", False),
    ],
)
def test_who_counts_as_one_address(one: str, other: str, is_same: bool) -> None:
    assert (network_of(one) == network_of(other)) == is_same


def test_no_two_allowances_share_a_key_and_scale_multiplies() -> None:
    throttle = Throttle(b"k" * 32)
    keys = [one.key for one in throttle.sign_in("ada", "192.0.2.1")]
    keys += [throttle.own_password("ada")[0].key, throttle.password_reset("ada")[0].key]
    assert len(set(keys)) == 5
    assert Pace(20, 5).scaled(100) == Pace(2000, 0.05)
    assert Pace(20, 5).tolerance == Pace(2000, 0.05).tolerance + 0.05 - 5
