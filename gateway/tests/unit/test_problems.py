"""The one table from errors to HTTP."""

from __future__ import annotations

import json

import pytest
from werkzeug import exceptions
from werkzeug.exceptions import HTTPException

from chassis.errors import KINDS, FieldError, Forbidden, Invalid, ServiceError
from gateway import openapi_parts, problems, worker

HTTP_ERRORS = [
    cls
    for cls in vars(exceptions).values()
    if isinstance(cls, type) and issubclass(cls, HTTPException) and cls.code is not None
]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_error_has_a_status(kind: str) -> None:
    error = KINDS[kind]("some.code", "Some detail.")
    assert problems.status_of(error) == problems.STATUS_OF_KIND[kind]


@pytest.mark.parametrize("code", sorted(problems.STATUS_OF_CODE))
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_code_with_a_status_of_its_own_has_it_whatever_its_kind(kind: str, code: str) -> None:
    assert problems.status_of(KINDS[kind](code, "x")) == problems.STATUS_OF_CODE[code]


@pytest.mark.parametrize("status", sorted(problems.EXTRA_HEADERS))
def test_statuses_that_need_a_header_have_it(status: int) -> None:
    answer = problems.problem(status, "x", "y")
    for name, value in problems.EXTRA_HEADERS[status].items():
        assert answer.headers[name] == value


@pytest.mark.parametrize("error", HTTP_ERRORS, ids=lambda cls: cls.__name__)
def test_every_error_of_the_framework_is_a_problem(error: type[HTTPException]) -> None:
    answer = problems.from_http(error())
    body = json.loads(answer.get_data())
    assert answer.status_code == body["status"] == error.code
    assert answer.content_type == "application/problem+json"
    assert body["code"]


def test_a_problem_names_fields_and_adds_the_errors_data() -> None:
    error = Invalid(
        "x.y",
        "Wrong.",
        errors=[FieldError("/changes/title", "Too long."), FieldError("/changesets", "What?")],
        data={"conflicts": [1], "status": "never over ours"},
    )
    body = json.loads(problems.from_service(error).get_data())
    assert body == {
        "type": "urn:tandem:problem:x.y",
        "title": body["title"],
        "status": 422,
        "detail": "Wrong.",
        "code": "x.y",
        "errors": [
            {"pointer": "/title", "detail": "Too long."},
            {"pointer": "/changesets", "detail": "What?"},
        ],
        "conflicts": [1],
    }


def test_a_bug_says_nothing_of_its_insides() -> None:
    answer = problems.from_bug(ValueError("secret"))
    assert answer.status_code == 500
    assert b"secret" not in answer.get_data()


@pytest.mark.parametrize(
    "error",
    [ServiceError.__subclasses__()[4]("internal", "secret"), Forbidden("internal", "secret")],
)
def test_an_internal_error_of_a_service_says_nothing_either(error: ServiceError) -> None:
    answer = problems.from_service(error)
    assert answer.status_code == 500
    assert b"secret" not in answer.get_data()


def test_every_status_of_the_tables_is_described_in_the_document() -> None:
    known = {*problems.STATUS_OF_KIND.values(), *problems.STATUS_OF_CODE.values()}
    assert known <= openapi_parts.PROBLEM_DESCRIPTIONS.keys()


@pytest.mark.parametrize("status", sorted(worker.DETAILS))
def test_what_is_no_http_is_refused_with_a_problem(status: int) -> None:
    head, _, body = worker.refusal(status).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["code"] == problems.CODE_OF_STATUS[status]
