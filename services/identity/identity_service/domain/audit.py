"""The audit log's chain: each entry's hash covers the entry and the hash of the one before it.

The form that is hashed is public, so that an export can be checked without our code: of an entry as exported take all
members but `hash`, write them by RFC 8785 (JSON Canonicalization Scheme) in UTF-8, and take SHA-256 of that. Numbers
begin at 1 and have no gaps; the first entry's `previous_hash` is 64 zeros.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Fact:
    """Who did what to whom, when, from where. `details` are JSON without fractions, their keys ASCII."""

    organization_id: uuid.UUID
    at: datetime
    actor_id: uuid.UUID | None
    address: str
    action: str
    targets: tuple[uuid.UUID, ...]
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact at its place in the chain."""

    number: int
    previous_hash: bytes
    hash: bytes
    fact: Fact


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry's number and hash: what an outsider keeps to be sure of all up to there."""

    number: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.hash.hex()}"


BEGINNING = Head(0, bytes(32))


class BrokenChain(Exception):
    """The log is not what was written; `number` is the first entry that shows it."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"entry {number}: {why}")
        self.number = number


def spelled(moment: datetime) -> str:
    """A moment as entries show it: RFC 3339 in UTC, always with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def hashed_members(number: int, previous_hash: bytes, fact: Fact) -> dict[str, Any]:
    """An entry without its hash, as JSON."""
    return {
        "organization_id": str(fact.organization_id),
        "number": number,
        "at": spelled(fact.at),
        "actor_id": None if fact.actor_id is None else str(fact.actor_id),
        "address": fact.address,
        "action": fact.action,
        "targets": [str(target) for target in fact.targets],
        "details": fact.details,
        "previous_hash": previous_hash.hex(),
    }


def canonical(members: dict[str, Any]) -> bytes:
    """RFC 8785's form of JSON that has only ASCII keys and exact whole numbers."""
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS)


def hash_of(number: int, previous_hash: bytes, fact: Fact) -> bytes:
    """What an honest entry's hash is."""
    return hashlib.sha256(canonical(hashed_members(number, previous_hash, fact))).digest()


def chained(head: Head, facts: Iterable[Fact]) -> Iterator[Entry]:
    """The facts as the entries that follow `head`."""
    for number, fact in enumerate(facts, head.number + 1):
        entry = Entry(number, head.hash, hash_of(number, head.hash, fact), fact)
        head = Head(number, entry.hash)
        yield entry


def exported(entry: Entry) -> dict[str, Any]:
    """An entry as an export shows it."""
    members = hashed_members(entry.number, entry.previous_hash, entry.fact)
    return {**members, "hash": entry.hash.hex()}


def follow(head: Head, entry: Entry) -> Head:
    """The head after `entry`, if that is the one that must follow; BrokenChain otherwise."""
    expected = head.number + 1
    if entry.number > expected:
        raise BrokenChain(expected, "is missing")
    if entry.number < expected:
        raise BrokenChain(entry.number, "stands where another belongs")
    if entry.previous_hash != head.hash:
        raise BrokenChain(entry.number, "does not continue the entry before it")
    if entry.hash != hash_of(entry.number, entry.previous_hash, entry.fact):
        raise BrokenChain(entry.number, "was changed")
    return Head(entry.number, entry.hash)


def check_end(last: Head, head: Head) -> None:
    """The entries end where the head says; BrokenChain otherwise."""
    if last.number < head.number:
        raise BrokenChain(last.number + 1, "is missing, and all after it")
    if last.number > head.number:
        raise BrokenChain(head.number + 1, "is newer than the head of the chain")
    if last.hash != head.hash:
        raise BrokenChain(last.number, "is not what the head of the chain says")
