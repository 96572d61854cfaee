"""The audit log over HTTP, with identity faked."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from chassis.errors import Forbidden, Invalid, Unavailable
from gateway.testing import System, is_problem

PATH = "/api/v1/audit"
HEAD = {"number": 3, "hash": "c" * 64}


def entry(number: int) -> dict[str, Any]:
    return {
        "organization_id": "0b0f3ab1-9a53-4c1e-8f0e-2d9a6a3a6b1c",
        "number": number,
        "at": "2030-01-31T15:00:00.000000Z",
        "actor_id": None,
        "address": "192.0.2.7",
        "action": "sign_in.failed",
        "targets": [],
        "details": {"name": "Zoë"},
        "previous_hash": "a" * 64,
        "hash": "b" * 64,
    }


@pytest.fixture
def owner(system: System) -> str:
    return system.sign_in("owner")[1]


def test_an_owner_reads_the_log_with_filters(system: System, owner: str) -> None:
    page = {"items": [entry(2), entry(1)], "next_cursor": "abc"}
    system.on("identity", "list_audit", page)
    filters = {
        "from": "2030-01-01T00:00:00Z",
        "to": "2030-02-01T00:00:00Z",
        "action": "sign_in.failed",
        "actor_id": "0b0f3ab1-9a53-4c1e-8f0e-2d9a6a3a6b1c",
        "target_id": "0b0f3ab1-9a53-4c1e-8f0e-2d9a6a3a6b1c",
        "cursor": "abc",
    }
    answer = system.request("GET", PATH, owner, params={**filters, "limit": "2"})
    assert (answer.status_code, answer.json()) == (200, page)
    assert system.calls("identity", "list_audit") == [{**filters, "limit": 2}]


@pytest.mark.parametrize("path", [PATH, f"{PATH}/export"])
@pytest.mark.parametrize("roles", [["admin"], ["instructor", "admin"], ["student"]])
def test_nobody_else_does(system: System, path: str, roles: list[str]) -> None:
    token = system.sign_in(*roles)[1]
    is_problem(system.request("GET", path, token), 403, "access.role_required")
    is_problem(system.request("GET", path), 401)
    assert system.calls("identity", "list_audit") == system.calls("identity", "export_audit") == []


def test_what_identity_refuses_names_the_parameter(system: System, owner: str) -> None:
    system.on("identity", "list_audit", Invalid.field("/from", "Not a valid date and time."))
    answer = system.request("GET", f"{PATH}?from=yesterday", owner)
    is_problem(answer, 422)
    assert answer.json()["errors"][0]["pointer"] == "/from"
    is_problem(system.request("GET", f"{PATH}?who=me", owner), 422)
    system.on("identity", "list_audit", Forbidden("access.owner_only", "No."))
    is_problem(system.request("GET", PATH, owner), 403)


def test_the_whole_log_is_streamed_line_by_line_up_to_its_head(system: System, owner: str) -> None:
    pages = {0: [entry(1), entry(2)], 2: [entry(3)], 3: []}
    answers = {after: {"items": items, "head": HEAD} for after, items in pages.items()}
    system.on("identity", "export_audit", lambda kwargs, _call: answers[kwargs["after"]])
    answer = system.request("GET", f"{PATH}/export", owner)
    lines = [json.loads(line) for line in answer.content.decode().splitlines()]
    assert lines == [entry(1), entry(2), entry(3), {"head": HEAD}]
    assert answer.headers["Content-Type"] == "application/jsonl"
    assert "audit.jsonl" in answer.headers["Content-Disposition"]
    assert system.calls("identity", "export_audit") == [
        {"after": 0},
        {"after": 2, "up_to": 3},
        {"after": 3, "up_to": 3},
    ]


def test_an_export_that_breaks_off_does_not_look_whole(system: System, owner: str) -> None:
    def export(kwargs: Any, _call: Any) -> Any:
        if kwargs["after"]:
            raise Unavailable("service.timeout", "No.")
        return {"items": [entry(1)], "head": HEAD}

    system.on("identity", "export_audit", export)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        system.request("GET", f"{PATH}/export", owner)


def test_an_empty_log_is_its_head_alone(system: System, owner: str) -> None:
    head = {"number": 0, "hash": "0" * 64}
    system.on("identity", "export_audit", {"items": [], "head": head})
    assert system.request("GET", f"{PATH}/export", owner).json() == {"head": head}
