"""Every operation of the document: who may come in, and what happens when nothing answers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from gateway.testing import SERVICES, System, is_problem, timed

DOCUMENT = json.loads((Path(__file__).parents[3] / "docs" / "openapi.json").read_text())
SOME_ID = "0b0f3ab1-9a53-4c1e-8f0e-2d9a6a3a6b1c"
MULTIPART = "multipart/form-data"
EXAMPLES: dict[str, Any] = {
    "uuid": SOME_ID,
    "date-time": "2030-01-31T15:00:00+00:00",
    "email": "ada@example.com",
    "password": "correct horse",  # nosec B105 # made up for a test
}


def operations() -> list[Any]:
    return [
        pytest.param(method.upper(), path, operation, id=operation["operationId"])
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method in {"get", "post", "put", "patch", "delete"}
    ]


SIGNED_IN = [case for case in operations() if case.values[2]["security"]]


def example(schema: dict[str, Any]) -> Any:
    """A value that the schema allows."""
    if "$ref" in schema:
        return example(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "object":
        properties = schema.get("properties", {})
        return {name: example(properties[name]) for name in schema.get("required", ())}
    if schema["type"] == "array":
        return [example(schema["items"])]
    if schema["type"] == "integer":
        return schema.get("minimum", 1)
    return schema.get("examples", [EXAMPLES.get(schema.get("format", ""), "something")])[0]


def arguments(path: str, operation: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The path filled in, and what else a well-formed request needs."""
    for parameter in operation.get("parameters", ()):
        if "$ref" not in parameter and parameter["in"] == "query" and parameter["required"]:
            path += "&" if "?" in path else "?"
            path += f"{parameter['name']}={example(parameter['schema'])}"
    while "{" in path:
        path = path[: path.index("{")] + SOME_ID + path[path.index("}") + 1 :]
    content = operation.get("requestBody", {}).get("content", {})
    if MULTIPART in content:
        return path, {"files": {"file": ("people.csv", b"role,first_name\n")}}
    if content:
        return path, {"json": example(content["application/json"]["schema"])}
    return path, {}


def send(
    system: System, method: str, path: str, operation: dict[str, Any], token: str | None
) -> Any:
    filled, options = arguments(path, operation)
    return system.request(method, filled, token, **options)


@pytest.mark.parametrize(("method", "path", "operation"), SIGNED_IN)
def test_without_a_token_nothing_is_open(
    system: System, method: str, path: str, operation: dict[str, Any]
) -> None:
    answer = send(system, method, path, operation, None)
    is_problem(answer, 401, "access.sign_in_required")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path", "operation"), SIGNED_IN)
def test_with_a_made_up_token_nothing_is_open(
    system: System, method: str, path: str, operation: dict[str, Any]
) -> None:
    is_problem(send(system, method, path, operation, "made-up-token"), 401, "identity.bad_token")


@pytest.mark.parametrize(("method", "path", "operation"), operations())
def test_every_kind_of_error_is_a_documented_problem(
    system: System, method: str, path: str, operation: dict[str, Any]
) -> None:
    _, token = system.sign_in("admin", "owner")
    kinds = {
        422: Invalid.field("/x", "Wrong."),
        404: NotFound("some.unknown", "No."),
        409: Conflict("some.conflict", "No."),
        403: Forbidden("some.forbidden", "No."),
        503: Unavailable("some.unavailable", "No."),
        500: Unavailable("internal", "No."),
    }
    for status, error in kinds.items():
        answer_everything_with(system, error)
        answer = send(system, method, path, operation, token)
        if status in {409, 403} and str(status) not in operation["responses"]:
            continue
        is_problem(answer, status, error.code)
        assert str(status) in operation["responses"]


def answer_everything_with(system: System, error: Exception) -> None:
    """Every method but those that a request needs to come in at all."""

    class Everything(dict[str, Any]):
        def get(self, method: str, default: Any = None) -> Any:
            return super().get(method) or super().get("*")

    for service in SERVICES:
        system.on(service, "*", error)
        system.fakes[service].handlers = Everything(system.fakes[service].handlers)


@pytest.fixture(scope="module")
def asked_without_a_broker(lonely: System) -> dict[str, tuple[float, Any]]:
    """Seconds and answer of every operation, some asked at once: each waits for its time to be over."""

    def ask(case: Any) -> tuple[float, Any]:
        method, path, operation = case.values
        return timed(lambda: send(lonely, method, path, operation, "some-token"))

    with ThreadPoolExecutor(24) as pool:
        cases = operations()
        return dict(zip((case.id for case in cases), pool.map(ask, cases), strict=True))


@pytest.mark.parametrize("operation_id", [case.id for case in operations()])
def test_without_a_broker_every_operation_is_unavailable_within_5_seconds(
    asked_without_a_broker: dict[str, tuple[float, Any]], operation_id: str
) -> None:
    seconds, answer = asked_without_a_broker[operation_id]
    is_problem(answer, 503)
    assert answer.headers["Retry-After"]
    assert seconds < 5


def test_readiness_without_a_broker_says_so(lonely: System) -> None:
    answer = lonely.request("GET", "/readyz")
    assert is_problem(answer, 503)["checks"]["broker"] != "ok"
    assert lonely.request("GET", "/healthz").json() == {"status": "ok"}
