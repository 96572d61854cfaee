"""Uploads over HTTP."""

from __future__ import annotations

import base64
import hashlib
import uuid
from typing import Any

import pytest
import requests

from chassis.errors import Conflict, Invalid, Unavailable
from gateway.testing import System, is_problem, pointers

IMPORT = str(uuid.uuid4())
PATH = "/api/v1/imports"
CSV = b"role,first_name,last_name,email\nstudent,Ada,Lovelace,ada@example.com\n"


@pytest.fixture
def admin(system: System) -> str:
    system.on("import", "create_import", {"id": IMPORT, "status": "reading"})
    system.on("import", "append_chunk", lambda _kwargs, _call: None)
    system.on("import", "start_import", {"id": IMPORT, "status": "reading"})
    return system.sign_in("admin")[1]


def upload(
    system: System, token: str, content: bytes, name: str = "people.csv", **fields: str
) -> requests.Response:
    files = {"file": (name, content, "text/csv")}
    return system.request("POST", PATH, token, files=files, data=fields)


def test_a_file_travels_in_pieces_and_starts_an_import(system: System, admin: str) -> None:
    content = CSV * 30_000
    answer = upload(system, admin, content, associations="replace", apply="true")
    assert (answer.status_code, answer.json()) == (202, {"id": IMPORT, "status": "reading"})
    assert system.calls("import", "create_import") == [
        {
            "filename": "people.csv",
            "size": len(content),
            "associations": "replace",
            "send_invitations": False,
            "apply": True,
        }
    ]
    pieces = system.calls("import", "append_chunk")
    assert [piece["position"] for piece in pieces] == list(range(len(pieces)))
    assert max(len(piece["content"]) for piece in pieces) <= 1024 * 1024
    assert b"".join(base64.b64decode(piece["content"]) for piece in pieces) == content
    assert system.calls("import", "start_import") == [
        {
            "import_id": IMPORT,
            "chunks": len(pieces),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    ]


def test_each_step_of_an_upload_has_an_operation_of_its_own_the_same_again(
    system: System, admin: str
) -> None:
    seen: list[uuid.UUID] = []

    def noting(_kwargs: Any, call: Any) -> Any:
        seen.append(call.operation.id)
        return {"id": IMPORT, "status": "reading"}

    for method in ("create_import", "append_chunk", "start_import"):
        system.on("import", method, noting)
    for _ in range(2):
        files = {"file": ("people.csv", CSV)}
        headers = {"Idempotency-Key": "k"}
        assert system.request("POST", PATH, admin, files=files, headers=headers).status_code == 202
    assert seen[:3] == seen[3:]
    assert len(set(seen)) == 3


def test_a_file_beyond_50_mb_is_413_and_announced_to_nobody(system: System, admin: str) -> None:
    is_problem(upload(system, admin, b"x" * (50 * 1024 * 1024 + 1)), 413, "request.too_large")
    is_problem(upload(system, admin, b"x" * (52 * 1024 * 1024)), 413, "request.too_large")
    assert system.calls("import", "create_import") == []


def test_a_file_that_the_service_finds_too_large_is_413(system: System, admin: str) -> None:
    system.on("import", "create_import", Invalid("import.too_large", "Too large."))
    is_problem(upload(system, admin, CSV), 413, "import.too_large")


def test_an_upload_that_can_not_be_read_is_refused(system: System, admin: str) -> None:
    is_problem(system.request("POST", PATH, admin, json={}), 415)
    is_problem(system.request("POST", PATH, admin), 415)
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    is_problem(system.request("POST", PATH, admin, data=b"nonsense", headers=broken), 422)
    for headers in ({"Content-Type": "multipart/form-data"},):
        answer = system.request("POST", PATH, admin, data=CSV, headers=headers)
        assert answer.status_code in {400, 422}


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"aply": "true"}, "/aply"),
        ({"apply": "yes"}, "/apply"),
        ({"send_invitations": ""}, "/send_invitations"),
    ],
)
def test_wrong_fields_of_an_upload_are_named(
    system: System, admin: str, fields: dict[str, str], pointer: str
) -> None:
    assert pointers(is_problem(upload(system, admin, CSV, **fields), 422)) == [pointer]
    assert system.calls("import", "create_import") == []


def test_no_file_two_files_or_an_empty_one_are_refused(system: System, admin: str) -> None:
    two = [("file", ("a.csv", CSV)), ("file", ("b.csv", CSV))]
    text = {"file": (None, "just text")}
    for files in (two, text, {"other": ("a.csv", CSV)}):
        answer = system.request("POST", PATH, admin, files=files)
        assert pointers(is_problem(answer, 422))
    assert pointers(is_problem(upload(system, admin, b""), 422)) == ["/file"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("/home/me/people.csv", "people.csv"), ("../../x.csv", "x.csv"), ("a\tb.csv", "ab.csv")],
)
def test_a_files_name_loses_its_folders(system: System, admin: str, name: str, shown: str) -> None:
    assert upload(system, admin, CSV, name).status_code == 202
    assert system.calls("import", "create_import")[0]["filename"] == shown


def test_a_service_that_is_away_ends_an_upload_with_503(system: System, admin: str) -> None:
    system.on("import", "append_chunk", Unavailable("service.timeout", "No."))
    is_problem(upload(system, admin, CSV), 503)
    assert system.calls("import", "start_import") == []


def test_an_import_is_followed_applied_and_cancelled(system: System, admin: str) -> None:
    state = {"id": IMPORT, "status": "planned"}
    rows: dict[str, Any] = {"items": [], "next_cursor": None}
    for method, result in (
        ("get_import", state),
        ("list_rows", rows),
        ("apply_import", state),
        ("cancel_import", state),
    ):
        system.on("import", method, result)
    assert system.request("GET", f"{PATH}/{IMPORT}", admin).json() == state
    assert system.request("GET", f"{PATH}/{IMPORT}/rows?outcome=invalid", admin).json() == rows
    assert system.calls("import", "list_rows") == [{"import_id": IMPORT, "outcome": "invalid"}]
    for action in ("apply", "cancel"):
        answer = system.request("POST", f"{PATH}/{IMPORT}/{action}", admin)
        assert (answer.status_code, answer.json()) == (202, state)
    system.on("import", "apply_import", Conflict("import.wrong_status", "No."))
    is_problem(system.request("POST", f"{PATH}/{IMPORT}/apply", admin), 409)


def test_the_report_is_streamed_page_by_page(system: System, admin: str) -> None:
    pages = {
        None: {"content": "row,outcome\n", "next_cursor": "1"},
        "1": {"content": "2,create\n", "next_cursor": "2"},
        "2": {"content": "3,Ü\n", "next_cursor": None},
    }
    system.on("import", "report", lambda kwargs, _call: pages[kwargs.get("cursor")])
    answer = system.request("GET", f"{PATH}/{IMPORT}/report.csv", admin)
    assert answer.content.decode() == "row,outcome\n2,create\n3,Ü\n"
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "report.csv" in answer.headers["Content-Disposition"]


def test_a_report_that_breaks_off_does_not_look_whole(system: System, admin: str) -> None:
    def report(kwargs: Any, _call: Any) -> Any:
        if "cursor" in kwargs:
            raise Unavailable("service.timeout", "No.")
        return {"content": "row,outcome\n", "next_cursor": "1"}

    system.on("import", "report", report)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        system.request("GET", f"{PATH}/{IMPORT}/report.csv", admin)


def test_the_template_is_a_file(system: System, admin: str) -> None:
    system.on("import", "template", {"content": "role,first_name\n"})
    answer = system.request("GET", f"{PATH}/template.csv", admin)
    assert (answer.text, answer.headers["Content-Type"]) == (
        "role,first_name\n",
        "text/csv; charset=utf-8",
    )
