"""How files arrive, and how wrong ones are refused."""

from __future__ import annotations

import base64
import hashlib
import uuid
from typing import Any

import pytest

from chassis.errors import Conflict, Forbidden, Invalid, NotFound, ServiceError
from chassis.testing import actor

FILE = "role,first_name,last_name,email\nstudent,S,S,s@x.org\n"


def pointers(error: ServiceError) -> list[str]:
    return [found.pointer for found in error.errors]


@pytest.mark.parametrize(
    ("content", "code", "column"),
    [
        ("", "import.empty_file", None),
        ("email\n", "import.no_rows", None),
        ("a@x.org,Anna\nb@x.org,Ben\n", "import.missing_header", None),
        ("shoe,size\n1,2\n", "import.missing_header", None),
        ("first_name,last_name\nA,B\n", "import.missing_key_column", None),
        ("email,is_admin\na@x.org,yes\n", "import.refused_column", "is_admin"),
        ("email,Permissions\na@x.org,all\n", "import.refused_column", "Permissions"),
        ("email,owner\na@x.org,1\n", "import.refused_column", "owner"),
        (b"PK\x03\x04\x14\x00", "import.unsupported_format", None),
        (b"email\nM\xfcller@x.org\n", "import.unsupported_encoding", None),
        (b"\xff\xfee\x00m\x00", "import.unsupported_encoding", None),
        (b"email\n\x00\x00\n", "import.binary_file", None),
        ('email\n"a@x.org\n', "import.malformed_file", None),
    ],
)
def test_a_file_that_cannot_be_used_fails_and_says_why(
    organization: Any, content: str | bytes, code: str, column: str | None
) -> None:
    failed = organization.wait(organization.upload(content, apply=True), "failed")
    (error,) = failed["errors"]
    assert (error["code"], error["column"]) == (code, column)
    assert error["detail"]
    assert failed["finished_at"]
    assert sum(failed["counts"].values()) == 0
    assert organization.rows(failed["id"]) == []
    with pytest.raises(Conflict) as caught:
        organization.report(failed["id"])
    assert caught.value.code == "import.wrong_status"
    assert organization.people == {}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_delimiter_and_mark_are_detected(organization: Any, delimiter: str, mark: str) -> None:
    planned = organization.plan(mark + FILE.replace(",", delimiter))
    detected = planned["detected"]
    assert (detected["format"], detected["delimiter"]) == ("csv", delimiter)
    assert detected["encoding"] == ("utf-8-sig" if mark else "utf-8")
    assert detected["sheets"] == []
    assert planned["counts"]["create"] == 1


@pytest.mark.parametrize("role", ["student", "instructor"])
def test_only_admins_and_owners_import(organization: Any, role: str) -> None:
    nobody = actor(role, organization_id=organization.id)
    import_id = organization.upload(FILE, start=False)
    for method, arguments in {
        "create_import": {"filename": "x.csv", "size": 1},
        "append_chunk": {"import_id": import_id, "position": 0, "content": ""},
        "start_import": {"import_id": import_id, "chunks": 0, "sha256": "0" * 64},
        "get_import": {"import_id": import_id},
        "list_rows": {"import_id": import_id},
        "apply_import": {"import_id": import_id},
        "cancel_import": {"import_id": import_id},
        "report": {"import_id": import_id},
        "template": {},
    }.items():
        with pytest.raises(Forbidden):
            organization.call(method, actor=nobody, **arguments)
    owner = actor("owner", organization_id=organization.id)
    assert organization.call("get_import", actor=owner, import_id=import_id)["id"] == import_id


def test_another_organizations_import_is_unknown(
    organization: Any, other_organization: Any
) -> None:
    planned = organization.plan(FILE)
    for import_id in (planned["id"], str(uuid.uuid4())):
        for method, arguments in {
            "append_chunk": {"position": 0, "content": ""},
            "start_import": {"chunks": 0, "sha256": "0" * 64},
            "get_import": {},
            "list_rows": {},
            "apply_import": {},
            "cancel_import": {},
            "report": {},
        }.items():
            with pytest.raises(NotFound) as caught:
                other_organization.call(method, import_id=import_id, **arguments)
            assert caught.value.code == "import.unknown_import"
    assert organization.call("get_import", import_id=planned["id"])["status"] == "planned"


def test_wrong_arguments_are_refused_by_name(organization: Any) -> None:
    import_id = organization.upload(FILE, start=False)
    good = {
        "create_import": {"filename": "x.csv", "size": 1},
        "append_chunk": {"import_id": import_id, "position": 0, "content": ""},
        "start_import": {"import_id": import_id, "chunks": 1, "sha256": "0" * 64},
        "list_rows": {"import_id": import_id},
        "report": {"import_id": import_id},
    }
    wrong = [
        ("create_import", "filename", ["", "a\0b", "\ud800", 7, None, "x" * 300]),
        ("create_import", "size", [-1, "1", 1.5, True, None, 2**63]),
        ("create_import", "associations", ["destroy", None, 1]),
        ("create_import", "apply", ["yes", 1]),
        ("create_import", "surprise", [1]),
        ("append_chunk", "import_id", ["x", None, 1]),
        ("append_chunk", "position", [-1, 10**9, 2**63, "0"]),
        ("append_chunk", "content", [None, 7, "*", "YQ", "\u00e9===", "A" * 1_400_004]),
        ("start_import", "sha256", ["", "0" * 63, "z" * 64, None, "0" * 64 + "\n"]),
        ("start_import", "chunks", [-1, 2**63]),
        ("list_rows", "outcome", ["great", 1]),
        ("list_rows", "limit", [0, 201, "1"]),
        ("list_rows", "cursor", ["nonsense", "W10", "WzFlMTBd", "WyIxIl0", "Wzk5OTk5OTk5OTk5XQ"]),
        ("report", "cursor", ["nonsense", "\0"]),
    ]
    for method, field, values in wrong:
        for value in values:
            if value == "\ud800":
                continue  # JSON on the bus is UTF-8 and can't carry it
            with pytest.raises(Invalid) as caught:
                organization.call(method, **{**good[method], field: value})
            assert pointers(caught.value) == [f"/{field}"], (method, field, value)


def test_a_file_beyond_the_limit_is_refused_at_once(organization: Any) -> None:
    with pytest.raises(Invalid) as caught:
        organization.call("create_import", filename="x.csv", size=50 * 2**20 + 1)
    assert caught.value.code == "import.too_large"
    assert pointers(caught.value) == ["/size"]


def test_what_arrives_must_be_what_was_announced(organization: Any) -> None:
    data = FILE.encode()
    made = organization.call("create_import", filename="x.csv", size=len(data))["id"]

    def append(position: int, part: bytes) -> None:
        content = base64.b64encode(part).decode()
        organization.call("append_chunk", import_id=made, position=position, content=content)

    def refusal(chunks: int, digest: str | None = None) -> str:
        with pytest.raises(Invalid) as caught:
            organization.call(
                "start_import",
                import_id=made,
                chunks=chunks,
                sha256=digest or hashlib.sha256(data).hexdigest(),
            )
        assert caught.value.code == "import.incomplete_upload"
        return pointers(caught.value)[0]

    append(0, data[:10])
    with pytest.raises(Invalid) as caught:
        append(1, data)
    assert pointers(caught.value) == ["/content"]
    assert refusal(2) == "/chunks"
    append(2, data[10:])  # leaves a hole
    assert refusal(2) == "/chunks"
    assert refusal(3) == "/chunks"
    append(2, b"")
    append(1, data[10:-1] + b"!")
    assert refusal(3) == "/sha256"
    append(1, data[10:])  # sent again, it takes the first one's place
    organization.start(made, data, 3)
    assert organization.wait(made, "planned")["counts"]["create"] == 1
    with pytest.raises(Conflict) as conflict:
        append(1, b"late")
    assert conflict.value.code == "import.wrong_status"


def test_repeated_calls_answer_the_first_result(organization: Any) -> None:
    data = FILE.encode()
    create, start, apply, cancel = (uuid.uuid4() for _ in range(4))
    announced = {"filename": "x.csv", "size": len(data), "operation_id": create}
    made = organization.call("create_import", **announced)
    assert organization.call("create_import", **announced) == made
    assert organization.service.last_replayed
    with pytest.raises(Invalid) as caught:
        organization.call("create_import", **{**announced, "size": 3})
    assert caught.value.code == "idempotency.key_reused"
    chunk = {
        "position": 0,
        "content": base64.b64encode(data).decode(),
        "operation_id": uuid.uuid4(),
    }
    for _ in range(2):
        organization.call("append_chunk", import_id=made["id"], **chunk)
    digest = hashlib.sha256(data).hexdigest()
    for _ in range(2):
        organization.call(
            "start_import", import_id=made["id"], chunks=1, sha256=digest, operation_id=start
        )
    organization.wait(made["id"], "planned")
    for _ in range(2):
        answer = organization.call("apply_import", import_id=made["id"], operation_id=apply)
        assert answer["status"] == "applying"
    organization.wait(made["id"], "finished")
    assert len(organization.people) == 1
    with pytest.raises(Conflict) as conflict:
        organization.call("cancel_import", import_id=made["id"], operation_id=cancel)
    assert conflict.value.code == "import.wrong_status"


def test_a_plan_can_be_cancelled_and_is_then_not_applied(organization: Any) -> None:
    planned = organization.plan(FILE)
    assert organization.call("cancel_import", import_id=planned["id"])["status"] == "cancelled"
    with pytest.raises(Conflict) as caught:
        organization.call("apply_import", import_id=planned["id"])
    assert caught.value.code == "import.wrong_status"
    assert organization.people == {}
    assert ",not applied," in organization.report(planned["id"])


def test_old_files_are_forgotten_but_not_their_rows(organization: Any) -> None:
    planned = organization.plan(FILE)
    old = "UPDATE import_chunks SET created_at = now() - interval '40 days' WHERE import_id = %s"
    organization.service.sql(old, (planned["id"],))
    organization.plan(FILE)
    kept = "SELECT 1 FROM import_chunks WHERE import_id = %s"
    assert organization.service.sql(kept, (planned["id"],)) == []
    assert len(organization.rows(planned["id"])) == 1


def test_a_long_report_and_many_rows_come_in_pages(organization: Any) -> None:
    people = "".join(f"student,S,S,s{n}@x.org\n" for n in range(1203))
    planned = organization.plan(FILE.splitlines(keepends=True)[0] + people)
    rows = organization.rows(planned["id"])
    assert [row["row"] for row in rows] == list(range(2, 1205))
    assert organization.rows(planned["id"], outcome="update") == []
    report = organization.report(planned["id"]).splitlines()
    assert len(report) == 1204
    assert report[-1] == "student,S,S,s1202@x.org,create,"
