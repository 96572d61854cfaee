"""That `test_tenancy.py` really tests each layer alone: the switch takes every filter away; without both, all shows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from .client import Api, sign_up
from .layers import confined_tables, without_row_level_security
from .system import SERVICES, RunningSystem
from .test_tenancy import Victim, new_victim

# Statements without the organization in them, and why they may be.
WITHOUT_A_FILTER = {
    "people_like": "a function that confines itself by the setting: see test_tenancy_schema",
    "words_near": "the same",
    "outbox": "written only; the relay reads it in the system scope",
}

# What of each service's shows to a stranger, by whichever id or list, once nothing confines it.
SHOWN_BY: dict[str, Callable[[Api, Victim], Any]] = {
    "identity": lambda api, victim: api.get(f"/users/{victim.student.id}"),
    "assignment": lambda api, victim: api.get(f"/students/{victim.student.id}/instructors"),
    "booking": lambda api, victim: api.get(f"/sessions/{victim.session_id}"),
    "messaging": lambda api, victim: api.get(f"/conversations/{victim.conversation_id}"),
    "import": lambda api, victim: api.get(f"/imports/{victim.import_id}"),
}


@dataclass(frozen=True)
class Statement:
    """What a service ran for an organization, as it was before its filters were taken out."""

    text: str
    filters: int

    def tables(self, tenants: set[str]) -> list[str]:
        """The tenant tables that it reads, changes or deletes from."""
        named = re.findall(r"\b(?:FROM|JOIN|UPDATE)\s+(?:ONLY\s+)?(\w+)", self.text)
        return [table for table in named if table in tenants]


@pytest.fixture(scope="module")
def victim(filterless_system: RunningSystem) -> Victim:
    """Something of everything; making it runs most statements."""
    found = new_victim(filterless_system.url)
    found.snapshot()
    return found


def statements_of(system: RunningSystem, service: str) -> Iterator[Statement]:
    """What the service logged of its statements."""
    for line in (system.run_dir / f"{service}.1.log").read_text().splitlines():
        if '"statement.filters_removed"' in line:
            entry = json.loads(line)
            yield Statement(entry["statement"], entry["count"])


@pytest.mark.parametrize("service", SERVICES)
def test_every_statement_names_the_organization_as_often_as_it_names_tables(
    filterless_system: RunningSystem, victim: Victim, service: str
) -> None:
    tenants = set(confined_tables(filterless_system, service))
    found = [*statements_of(filterless_system, service)]
    assert sum(statement.filters for statement in found) > 5
    for statement in found:
        tables = statement.tables(tenants)
        assert statement.filters >= len(tables), statement.text


@pytest.mark.parametrize("service", SERVICES)
def test_without_both_layers_a_stranger_would_see_it(
    filterless_system: RunningSystem, victim: Victim, service: str
) -> None:
    """Otherwise the switch, or the tests of tenancy, would be good for nothing."""
    stranger = sign_up(filterless_system.url).admin
    ask = SHOWN_BY[service]
    assert not shows(ask(stranger, victim))
    with without_row_level_security(filterless_system):
        assert shows(ask(stranger, victim))
    assert not shows(ask(stranger, victim))


def shows(answer: Any) -> bool:
    """Whether there is anything in it."""
    return answer.status == 200 and answer.body != {"items": [], "next_cursor": None}
