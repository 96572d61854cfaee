"""The audit log's chain: each entry's hash covers the entry and the hash of the one before it.

The form that is hashed is public, so that an export can be checked without our code: of an entry as exported take all
members but `hash`, write them by RFC 8785 (JSON Canonicalization Scheme) in UTF-8, and take SHA-256 of that. Numbers
begin at 1 and have no gaps; the first entry's `previous_hash` is 64 zeros.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping
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

# The greatest that a bigint column holds.
MAX_NUMBER = 2**63 - 1


class BrokenChain(Exception):
    """The log is not what was written; `number` is the first entry that shows it."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"entry {number}: {why}")
        self.number = number


def head_of(text: str) -> Head:
    """The head that is written like `str(head)`; ValueError for anything else."""
    number, _, digest = text.partition(":")
    found = Head(int(number), bytes.fromhex(digest))
    if found.number < 0 or len(found.hash) != 32:
        raise ValueError("not NUMBER:HASH")
    return found


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


def follow(head: Head, entry: Mapping[str, Any]) -> Head:
    """The head after an exported entry, if that is the one that must follow; BrokenChain otherwise."""
    expected = head.number + 1
    number = entry.get("number")
    if not isinstance(number, int):
        raise BrokenChain(expected, "has no number")
    if number > expected:
        raise BrokenChain(expected, "is missing")
    if number < expected:
        raise BrokenChain(number, "stands where another belongs")
    if entry.get("previous_hash") != head.hash.hex():
        raise BrokenChain(number, "does not continue the entry before it")
    found = hashlib.sha256(canonical({k: v for k, v in entry.items() if k != "hash"}))
    if entry.get("hash") != found.hexdigest():
        raise BrokenChain(number, "was changed")
    return Head(number, found.digest())


def follow_all(entries: Iterable[Mapping[str, Any]], anchor: Head | None = None) -> Head:
    """The head after all of a chain from its beginning; BrokenChain at the first entry that is not as it was.

    `anchor` is a head that was kept elsewhere: the chain must have gone through it.
    """
    head = BEGINNING
    for entry in entries:
        head = follow(head, entry)
        if anchor is not None and head.number == anchor.number and head.hash != anchor.hash:
            raise BrokenChain(head.number, "is not what the anchor says")
    if anchor is not None and head.number < anchor.number:
        raise BrokenChain(head.number + 1, "is missing, and all after it: the anchor knows more")
    return head


def check_end(last: Head, head: Head) -> None:
    """The entries end where the head says; BrokenChain otherwise."""
    if last.number < head.number:
        raise BrokenChain(last.number + 1, "is missing, and all after it")
    if last.number > head.number:
        raise BrokenChain(head.number + 1, "is newer than the head of the chain")
    if last.hash != head.hash:
        raise BrokenChain(last.number, "is not what the head of the chain says")
