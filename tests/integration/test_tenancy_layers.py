"""That `test_tenancy.py` really tests each layer alone: the switch takes every filter away; without both, all shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from .client import BASE, Organization, sign_up
from .layers import confined_tables, without_row_level_security
from .system import SERVICES, RunningSystem
from .test_tenancy import Victim, new_victim

# Where a stranger would find what is the victim's, once nothing confines it.
PATHS = {
    "identity": "/users/{user_id}",
    "assignment": "/students/{student_id}/instructors",
    "booking": "/sessions/{session_id}",
    "messaging": "/conversations/{conversation_id}",
    "import": "/imports/{import_id}",
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
    """Otherwise the switch, or the tests of tenancy, would be good for nothing.

    A stranger of its own each time: what was found meanwhile, a service may remember.
    """
    stranger = sign_up(filterless_system.url)
    path = PATHS[service].format(**victim.ids)
    assert not finds_something(stranger, path)
    with without_row_level_security(filterless_system):
        assert finds_something(stranger, path)


def finds_something(stranger: Organization, path: str) -> bool:
    """Whether the answer is more than "unknown" or an empty page.

    It may be an error of ours: messaging records that an administrator reads, and the foreign key of that record goes
    by the organization.
    """
    answer = requests.get(
        f"{stranger.url}{BASE}{path}",
        headers={"Authorization": f"Bearer {stranger.owner_token}"},
        timeout=10,
    )
    assert answer.status_code in {200, 404, 500}, answer.text
    return answer.status_code != 404 and answer.json() != {"items": [], "next_cursor": None}
