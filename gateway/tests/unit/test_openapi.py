"""The document says what the code does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway import openapi

FILE = Path(__file__).parents[3] / "docs" / "openapi.json"
DOCUMENT = json.loads(FILE.read_text())
# API.md, as far as it is built.
PROMISED = """
POST /organizations
POST /auth/login
POST /auth/refresh
POST /auth/logout
POST /auth/accept-invitation
POST /auth/forgot-password
POST /auth/reset-password
GET /me
PATCH /me
GET /organization
PATCH /organization
POST /users
GET /users
GET /users/{}
PATCH /users/{}
POST /users/{}/archive
POST /users/{}/restore
POST /users/{}/invite
POST /users/invitations
GET /students/{}/instructors
GET /instructors/{}/students
PUT /students/{}/instructors/{}
DELETE /students/{}/instructors/{}
POST /assignments/batch
GET /assignments
GET /assignments/explain
POST /sessions
GET /sessions
GET /sessions/{}
PATCH /sessions/{}
POST /sessions/{}/confirm
POST /sessions/{}/decline
POST /sessions/{}/cancel
POST /sessions/{}/complete
POST /sessions/{}/missed
POST /conversations
GET /conversations
GET /conversations/{}
GET /conversations/{}/messages
POST /conversations/{}/messages
POST /conversations/{}/read
GET /imports/template.csv
POST /imports
GET /imports/{}
GET /imports/{}/rows
POST /imports/{}/apply
POST /imports/{}/cancel
GET /imports/{}/report.csv
GET /users/{}/export
POST /users/{}/erase
GET /me/export
GET /audit
GET /audit/export
"""


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method in {"get", "post", "put", "patch", "delete"}
    ]


def anonymous(path: str) -> str:
    while "{" in path.replace("{}", ""):
        start = path.replace("{}", "\0\0").index("{")
        path = path[:start] + "{}" + path[path.index("}", start) + 1 :]
    return path


def test_the_file_is_what_the_code_says(tmp_path: Path) -> None:
    assert openapi.main(["--check", str(FILE)]) == 0
    assert openapi.main([str(tmp_path / "new.json")]) == 0
    assert (tmp_path / "new.json").read_bytes() == FILE.read_bytes()


def test_a_file_that_is_out_of_date_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "old.json"
    old.write_text(FILE.read_text().replace("Tandem", "Random"))
    assert openapi.main(["--check", str(old)]) == 1
    assert "Random" in capsys.readouterr().err
    assert openapi.main(["--check", str(tmp_path / "none.json")]) == 1
    assert openapi.main([]) == 2


def test_exactly_the_promised_operations_are_there() -> None:
    found = {
        f"{method} {anonymous(path.removeprefix('/api/v1'))}" for method, path, _ in operations()
    }
    assert found == set(PROMISED.split("\n")[1:-1])


@pytest.mark.parametrize(("method", "path", "operation"), operations())
def test_every_operation_is_described(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["operationId"]
    names = [parameter["name"] for parameter in operation.get("parameters", ())]
    assert ("Idempotency-Key" in names) == (method == "POST")
    assert ("If-Match" in names) == (method == "PATCH")


@pytest.mark.parametrize(("method", "path", "operation"), operations())
def test_every_problem_has_its_content_type(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    for status, response in operation["responses"].items():
        if int(status) >= 400:
            name = response["$ref"].rpartition("/")[2]
            content = DOCUMENT["components"]["responses"][name]["content"]
            assert list(content) == ["application/problem+json"]
    assert {"400", "404", "422", "429", "500", "503"} <= operation["responses"].keys()


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(ids)) == len(ids)
