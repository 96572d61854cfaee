"""Tokens and passwords."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from identity_service.domain.passwords import HashCost, Passwords
from identity_service.domain.tokens import Tokens, digest_of

TOKENS = Tokens(b"k" * 32)
CHEAP = HashCost(memory_kib=64, passes=1)


def test_an_operation_has_the_same_tokens_each_time_and_no_other_has_them() -> None:
    one, other = uuid.uuid4(), uuid.uuid4()
    pair = TOKENS.pair_for(one, "f")
    assert TOKENS.pair_for(one, "f") == pair
    others = [
        TOKENS.pair_for(other, "f"),
        TOKENS.pair_for(one, "g"),
        Tokens(b"l" * 32).pair_for(one, "f"),
    ]
    made = [pair.access, pair.refresh, *(t for p in others for t in (p.access, p.refresh))]
    assert len(set(made)) == len(made)


def test_a_token_is_long_fits_a_header_and_is_not_shown_by_accident() -> None:
    pair = TOKENS.pair_for(uuid.uuid4(), "")
    assert len(pair.access) == 43
    assert pair.access.isascii()
    assert pair.access not in repr(pair)
    assert "kkk" not in repr(TOKENS)
    assert digest_of(pair.access) != digest_of(pair.refresh)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="TOKEN_SECRET"):
        Tokens(b"short")


def test_a_password_is_right_for_its_own_hash_only() -> None:
    passwords = Passwords(CHEAP)
    stored = passwords.hash("correct horse")
    assert stored.startswith("$argon2id$")
    assert stored != passwords.hash("correct horse")
    assert passwords.is_right("correct horse", stored)
    assert not passwords.is_right("wrong horse", stored)
    assert not passwords.is_right("correct horse", "no hash at all")


def test_nobodys_password_is_wrong_but_costs_a_hash() -> None:
    hashed: list[str] = []

    def offload(function: Callable[..., Any], *arguments: Any) -> Any:
        hashed.append(function.__name__)
        return function(*arguments)

    passwords = Passwords(CHEAP, offload=offload)
    assert not passwords.is_right("nobody has this password", None)
    assert len(hashed) == 1
