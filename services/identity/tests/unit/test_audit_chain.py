"""The chain of the audit log, and the form in which its entries are hashed."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis import audit as recording
from identity_service.domain.audit import (
    BEGINNING,
    BrokenChain,
    Fact,
    Head,
    canonical,
    chained,
    check_end,
    exported,
    follow_all,
    head_of,
    spelled,
)
from identity_service.use_cases.verifying import verify_lines

KEYS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=8)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
PLAIN = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4)
)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
FACTS = st.builds(
    Fact,
    organization_id=st.just(uuid.UUID(int=1)),
    at=MOMENTS,
    actor_id=st.none() | st.uuids(),
    address=st.sampled_from(["", "192.0.2.1", "2001:db8::1"]),
    action=st.sampled_from(["sign_out", "user.created"]),
    targets=st.lists(st.uuids(), max_size=1).map(tuple),
    details=st.dictionaries(KEYS, PLAIN, max_size=2),
)
CHAINS = st.lists(FACTS, min_size=1, max_size=4).map(
    lambda facts: [exported(entry) for entry in chained(BEGINNING, facts)]
)

SLOW_MACHINE = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])


def lines_of(chain: list[dict[str, Any]], head: Head) -> list[bytes]:
    last = {"head": {"number": head.number, "hash": head.hash.hex()}}
    return [json.dumps(line).encode() for line in [*chain, last]]


def broken_at(chain: list[dict[str, Any]], head: Head) -> int | None:
    """The first entry that shows it; None for a chain that is whole and ends with `head`."""
    try:
        check_end(follow_all(chain), head)
    except BrokenChain as broken:
        return broken.number
    return None


@given(st.dictionaries(KEYS, JSON, max_size=5))
def test_the_hashed_form_is_that_of_rfc_8785(members: dict[str, Any]) -> None:
    text = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical(members) == text.encode()


@given(JSON)
def test_what_has_one_spelling_may_be_recorded(value: Any) -> None:
    recording.require_plain(value)


@pytest.mark.parametrize(
    "value", [0.5, 2**53, -(2**53), "\0", "\ud800", {"ü": 1}, {"a\n": 1}, b"x"]
)
def test_what_has_none_may_not(value: Any) -> None:
    with pytest.raises(ValueError, match="details"):
        recording.require_plain([{"deep": value}])


def test_this_is_how_an_entry_is_hashed() -> None:
    fact = Fact(
        organization_id=uuid.UUID("6a3f0f52-5a5e-4f6e-9a2b-0d6f0b6f1a05"),
        at=datetime(2030, 1, 31, 16, 0, tzinfo=timezone(timedelta(hours=1))),
        actor_id=uuid.UUID("6a3f0f52-5a5e-4f6e-9a2b-0d6f0b6f1a04"),
        address="192.0.2.7",
        action="user.roles_changed",
        targets=(uuid.UUID("6a3f0f52-5a5e-4f6e-9a2b-0d6f0b6f1a02"),),
        details={"people": [{"after": ["admin"], "before": ["student"]}], "note": "Zoë"},
    )
    [entry] = chained(BEGINNING, [fact])
    text = (
        '{"action":"user.roles_changed","actor_id":"6a3f0f52-5a5e-4f6e-9a2b-0d6f0b6f1a04",'
        '"address":"192.0.2.7","at":"2030-01-31T15:00:00.000000Z",'
        '"details":{"note":"Zoë","people":[{"after":["admin"],"before":["student"]}]},"number":1,'
        '"organization_id":"6a3f0f52-5a5e-4f6e-9a2b-0d6f0b6f1a05",'
        f'"previous_hash":"{"0" * 64}","targets":["6a3f0f52-5a5e-4f6e-9a2b-0d6f0b6f1a02"]}}'
    )
    assert entry.hash == hashlib.sha256(text.encode()).digest()


@given(MOMENTS)
def test_a_moment_is_spelled_in_one_way_and_without_loss(moment: datetime) -> None:
    assert datetime.fromisoformat(spelled(moment)) == moment
    assert len(spelled(moment)) == len("2030-01-31T15:00:00.000000Z")


@settings(SLOW_MACHINE)
@given(CHAINS)
def test_an_honest_chain_is_whole(chain: list[dict[str, Any]]) -> None:
    head = follow_all(chain)
    assert (head.number, head.hash.hex()) == (len(chain), chain[-1]["hash"])
    assert broken_at(chain, head) is None
    assert verify_lines(lines_of(chain, head)) == head


@settings(SLOW_MACHINE)
@given(CHAINS, st.data())
def test_a_changed_member_is_found_at_its_entry(
    chain: list[dict[str, Any]], data: st.DataObject
) -> None:
    head = follow_all(chain)
    victim = data.draw(st.integers(0, len(chain) - 1))
    member = data.draw(st.sampled_from(sorted(chain[victim].keys() - {"number"})))
    chain[victim] = {
        **chain[victim],
        member: data.draw(PLAIN.filter(lambda v: v != chain[victim][member])),
    }
    assert broken_at(chain, head) == victim + 1


@settings(SLOW_MACHINE)
@given(CHAINS, st.data())
def test_a_removed_entry_is_found_where_it_stood(
    chain: list[dict[str, Any]], data: st.DataObject
) -> None:
    head = follow_all(chain)
    victim = data.draw(st.integers(0, len(chain) - 1))
    del chain[victim]
    assert broken_at(chain, head) == victim + 1


@settings(SLOW_MACHINE)
@given(CHAINS, FACTS, st.data())
def test_an_inserted_entry_is_found(
    chain: list[dict[str, Any]], fact: Fact, data: st.DataObject
) -> None:
    head = follow_all(chain)
    place = data.draw(st.integers(0, len(chain)))
    before = follow_all(chain[:place])
    [false] = chained(before, [fact])
    chain.insert(place, exported(false))
    assert broken_at(chain, head) == place + 1


@settings(SLOW_MACHINE)
@given(CHAINS.filter(lambda chain: len(chain) > 1), st.data())
def test_swapped_entries_are_found(chain: list[dict[str, Any]], data: st.DataObject) -> None:
    head = follow_all(chain)
    first = data.draw(st.integers(0, len(chain) - 2))
    chain[first], chain[first + 1] = chain[first + 1], chain[first]
    assert broken_at(chain, head) == first + 1


@settings(SLOW_MACHINE)
@given(CHAINS, FACTS, st.data())
def test_a_rewritten_chain_is_found_by_a_head_that_was_kept(
    chain: list[dict[str, Any]], fact: Fact, data: st.DataObject
) -> None:
    kept = follow_all(chain)
    place = data.draw(st.integers(0, len(chain) - 1))
    rewritten = [exported(entry) for entry in chained(follow_all(chain[:place]), [fact])]
    forged = [*chain[:place], *rewritten]
    if forged == chain:
        return
    assert broken_at(forged, follow_all(forged)) is None  # by itself it can't tell
    with pytest.raises(BrokenChain):
        follow_all(forged, kept)


def test_an_export_without_its_last_line_may_lack_more() -> None:
    with pytest.raises(BrokenChain, match="entry 1: may be missing"):
        verify_lines([])


@pytest.mark.parametrize(
    "line", [b"", b"no JSON", b"[]", b"7", b'{"head": 1}', b'{"head": {}}', b"{}"]
)
def test_a_line_that_is_none_breaks_an_export(line: bytes) -> None:
    with pytest.raises(BrokenChain) as broken:
        verify_lines([line])
    assert broken.value.number == 1


def test_nothing_stands_behind_the_end() -> None:
    end = b'{"head": {"number": 0, "hash": "' + b"0" * 64 + b'"}}'
    with pytest.raises(BrokenChain, match="behind the end"):
        verify_lines([end, end])


@pytest.mark.parametrize(
    "text", ["", "7", "7:", "7:ab", "x:" + "0" * 64, "-1:" + "0" * 64, "1:" + "z" * 64]
)
def test_an_anchor_is_a_number_and_a_hash(text: str) -> None:
    with pytest.raises(ValueError):
        head_of(text)
    assert head_of(str(BEGINNING)) == BEGINNING
