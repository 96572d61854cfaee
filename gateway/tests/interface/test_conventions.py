"""What holds for every request: problems, sign-in, bodies, idempotency, tags, pages."""

from __future__ import annotations

import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chassis.errors import Conflict, Invalid
from chassis.testing import wait_until
from gateway.health import ANSWER_STANDS_SECONDS
from gateway.testing import System, is_problem, pointers, timed

MESSAGES = f"/api/v1/conversations/{uuid.uuid4()}/messages"
MESSAGE = {
    "id": str(uuid.uuid4()),
    "conversation_id": str(uuid.uuid4()),
    "sender_id": str(uuid.uuid4()),
    "body": "Hello",
    "attachments": [],
    "sent_at": "2030-01-01T00:00:00+00:00",
}
USER = {"id": str(uuid.uuid4()), "first_name": "Ada", "version": 7}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/users/42", 404),
        ("GET", "/api/v1/users/%00", 404),
        ("GET", "/api/v1/users/%ff%fe", 404),
        ("GET", "/api/docs/../app.py", 404),
        ("GET", "/api/docs/nothing.js", 404),
        ("DELETE", "/api/v1/me", 405),
        ("PUT", "/api/v1/users", 405),
        ("TRACE", "/api/v1/users", 405),
    ],
)
def test_what_there_is_not_is_a_problem(
    system: System, method: str, path: str, status: int
) -> None:
    is_problem(system.request(method, path), status)


def test_a_method_that_is_not_there_names_those_that_are(system: System) -> None:
    assert "PATCH" in system.request("DELETE", "/api/v1/me").headers["Allow"]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"NOT HTTP AT ALL\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad\x00Header: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Large: " + b"a" * 9000 + b"\r\n\r\n",
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: nonsense\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_problem_too(system: System, request_bytes: bytes) -> None:
    with socket.create_connection(("127.0.0.1", system.gateway.port), timeout=10) as client:
        client.sendall(request_bytes)
        answer = client.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 4"), answer
    assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (b"Content-Length: 100", b"{}"),
        (b"Transfer-Encoding: chunked", b"zz\r\n{}\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked", b"2\r\n{}"),
    ],
)
def test_a_body_that_breaks_off_is_a_problem(system: System, headers: bytes, body: bytes) -> None:
    head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", system.gateway.port), timeout=10) as client:
        client.sendall(head + headers + b"\r\n\r\n" + body)
        client.shutdown(socket.SHUT_WR)
        answer = client.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert b"application/problem+json" in answer
    assert system.calls("identity", "authenticate") == []


def test_the_request_id_is_taken_over_and_answered(system: System) -> None:
    given = system.request("GET", "/healthz", headers={"X-Request-Id": "call-42"})
    made = system.request("GET", "/healthz", headers={"X-Request-Id": "not sane {}"})
    assert given.headers["X-Request-Id"] == "call-42"
    assert len(made.headers["X-Request-Id"]) == 32


def test_the_services_get_actor_deadline_and_trace(system: System) -> None:
    seen: list[Any] = []

    def noting(_kwargs: Any, call: Any) -> Any:
        seen.append(call)
        return {"version": 1}

    system.on("identity", "get_organization", noting)
    person, token = system.sign_in("admin")
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    headers = {"X-Request-Id": "abc", "traceparent": traceparent}
    assert system.request("GET", "/api/v1/organization", token, headers=headers).ok
    [call] = seen
    assert (call.actor, call.request_id, call.traceparent) == (person, "abc", traceparent)
    assert 0 < call.seconds_left() <= 4.5


@pytest.mark.parametrize(
    "header", ["Basic abc", "Bearer", "Bearer x", "Bearer ä" + "a" * 20, "token"]
)
def test_a_header_that_is_no_bearer_token_never_reaches_identity(
    system: System, header: str
) -> None:
    value = header.encode("latin-1")
    is_problem(system.request("GET", "/api/v1/me", headers={"Authorization": value}), 401)
    assert system.calls("identity", "verify_token") == []


def test_a_good_token_is_remembered_for_a_moment_and_a_bad_one_is_not(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on("identity", "get_user", USER)
    for _ in range(5):
        assert system.request("GET", "/api/v1/me", token).ok
    assert len(system.calls("identity", "verify_token")) == 1
    for _ in range(2):
        system.request("GET", "/api/v1/me", "no-good-token")
    assert len(system.calls("identity", "verify_token")) == 3


def test_a_revoked_token_is_refused_within_a_second(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on("identity", "get_user", USER)
    assert system.request("GET", "/api/v1/me", token).ok
    del system.tokens[token]
    wait_until(lambda: system.request("GET", "/api/v1/me", token).status_code == 401, 1.0)


def test_after_logging_out_the_token_is_refused_at_once(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on(
        "identity",
        "revoke",
        lambda kwargs, _call: system.tokens.pop(kwargs["access_token"], None) and None,
    )
    assert system.request("POST", "/api/v1/auth/logout", token).status_code == 204
    is_problem(system.request("GET", "/api/v1/me", token), 401, "identity.bad_token")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"", None, 400),
        (b"\xff", "application/json", 400),
        (b'{"body": "\\ud800"}', "application/json", 400),
        (b'{"body": NaN}', "application/json", 400),
        (b"[" * 5000, "application/json", 400),
        (b"[]", "application/json", 422),
        (b"42", "application/json", 422),
        (b'{"body": "x"}', "text/plain", 415),
        (b'{"body": "x"}', None, 415),
        (b"body=x", "application/x-www-form-urlencoded", 415),
        (b'{"body": "' + b"x" * 1_100_000 + b'"}', "application/json", 413),
    ],
)
def test_a_body_that_can_not_be_read_is_refused(
    system: System, body: bytes, content_type: str | None, status: int
) -> None:
    _, token = system.sign_in("instructor")
    headers = {"Content-Type": content_type} if content_type else {}
    answer = system.request("POST", MESSAGES, token, data=body, headers=headers)
    is_problem(answer, status)
    assert system.calls("messaging", "send_message") == []


def test_a_role_is_required_before_anything_of_the_request_is_read(system: System) -> None:
    _, token = system.sign_in("instructor", "student")
    answer = system.request("POST", "/api/v1/users?x=1", token, data=b"no JSON")
    is_problem(answer, 403, "access.role_required")
    assert system.calls("identity", "create_user") == []


def test_a_body_without_a_length_is_limited_too(system: System) -> None:
    _, token = system.sign_in("instructor")
    pieces = (b"x" * 100_000 for _ in range(20))
    headers = {"Content-Type": "application/json"}
    is_problem(system.request("POST", MESSAGES, token, data=pieces, headers=headers), 413)


def test_unknown_and_missing_fields_are_named(system: System) -> None:
    _, token = system.sign_in("instructor")
    answer = system.request("POST", MESSAGES, token, json={"text": "x", "timeout": 1, "a/b~": 1})
    assert pointers(is_problem(answer, 422)) == ["/body", "/a~1b~0", "/text", "/timeout"]


def test_unknown_repeated_and_wrong_query_parameters_are_named(system: System) -> None:
    _, token = system.sign_in("instructor")
    for query, pointer in (
        ("statu=active", "/statu"),
        ("limit=5&limit=6", "/limit"),
        ("limit=x", "/limit"),
        ("limit=", "/limit"),
        ("limit=99999999999999999999", "/limit"),
        ("limit=%D9%A3", "/limit"),
    ):
        answer = system.request("GET", f"/api/v1/sessions?{query}", token)
        assert pointers(is_problem(answer, 422)) == [pointer], query


def test_a_field_that_the_service_refuses_is_named_as_the_caller_wrote_it(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on("booking", "reschedule_session", Invalid.field("/changes/title", "Too long."))
    answer = system.request("PATCH", f"/api/v1/sessions/{uuid.uuid4()}", token, json={"title": "x"})
    assert pointers(is_problem(answer, 422)) == ["/title"]


def test_a_post_without_fields_takes_an_empty_object_and_nothing_else(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on("identity", "archive_user", USER)
    path = f"/api/v1/users/{uuid.uuid4()}/archive"
    assert system.request("POST", path, token).status_code == 200
    assert system.request("POST", path, token, json={}).status_code == 200
    is_problem(system.request("POST", path, token, json={"x": 1}), 422)


def operation_ids(system: System, method: str, result: Any) -> list[uuid.UUID]:
    """Lets messaging note the operation of each call."""
    seen: list[uuid.UUID] = []

    def noting(_kwargs: Any, call: Any) -> Any:
        seen.append(call.operation.id)
        return result

    system.on("messaging", method, noting)
    return seen


def test_the_same_key_names_the_same_operation_only_for_the_same_caller_and_path(
    system: System,
) -> None:
    seen = operation_ids(system, "send_message", MESSAGE)
    _, ada = system.sign_in("instructor")
    _, bob = system.sign_in("instructor")
    elsewhere = f"/api/v1/conversations/{uuid.uuid4()}/messages"
    for path, token, key in (
        (MESSAGES, ada, "k"),
        (MESSAGES, ada, "k"),
        (MESSAGES, ada, "other"),
        (MESSAGES, bob, "k"),
        (elsewhere, ada, "k"),
        (MESSAGES, ada, None),
        (MESSAGES, ada, None),
    ):
        headers = {"Idempotency-Key": key} if key else {}
        assert system.request("POST", path, token, json={"body": "x"}, headers=headers).ok
    assert seen[0] == seen[1]
    assert len(set(seen)) == 6


def test_a_replay_answers_the_first_status_and_says_so(system: System) -> None:
    _, token = system.sign_in("instructor")

    def replay(_kwargs: Any, call: Any) -> Any:
        call.replayed = True
        return MESSAGE

    system.on("messaging", "send_message", replay)
    headers = {"Idempotency-Key": "k"}
    answer = system.request("POST", MESSAGES, token, json={"body": "x"}, headers=headers)
    assert (answer.status_code, answer.headers["Idempotent-Replay"]) == (201, "true")
    system.on("messaging", "send_message", MESSAGE)
    answer = system.request("POST", MESSAGES, token, json={"body": "x"}, headers=headers)
    assert "Idempotent-Replay" not in answer.headers


def test_a_reused_key_is_422_and_one_in_progress_409(system: System) -> None:
    _, token = system.sign_in("instructor")
    for error, status in (
        (Invalid("idempotency.key_reused", "Used with another body."), 422),
        (Conflict("idempotency.in_progress", "The first still runs."), 409),
    ):
        system.on("messaging", "send_message", error)
        answer = system.request(
            "POST", MESSAGES, token, json={"body": "x"}, headers={"Idempotency-Key": "k"}
        )
        is_problem(answer, status, error.code)


@pytest.mark.parametrize("key", ["", "k" * 256, "schlüssel", "a\tb"])
def test_a_key_that_is_none_is_refused_by_name(system: System, key: str) -> None:
    _, token = system.sign_in("instructor")
    headers = {"Idempotency-Key": key.encode("latin-1")}
    answer = system.request("POST", MESSAGES, token, json={"body": "x"}, headers=headers)
    assert "Idempotency-Key" in is_problem(answer, 400)["detail"]


def test_a_known_version_is_not_sent_again(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on("identity", "get_user", USER)
    first = system.request("GET", "/api/v1/me", token)
    assert first.headers["ETag"] == '"7"'
    for header in ('"7"', 'W/"7"', '"1", "7"', "*"):
        again = system.request("GET", "/api/v1/me", token, headers={"If-None-Match": header})
        assert (again.status_code, again.content) == (304, b""), header
        assert again.headers["ETag"] == '"7"'
    assert system.request("GET", "/api/v1/me", token, headers={"If-None-Match": '"6"'}).ok


def test_if_match_becomes_the_version_that_the_service_checks(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on("identity", "update_organization", {"version": 8})
    for header in ('"7"', "*", None):
        headers = {"If-Match": header} if header else {}
        answer = system.request(
            "PATCH", "/api/v1/organization", token, json={"name": "B"}, headers=headers
        )
        assert (answer.status_code, answer.headers["ETag"]) == (200, '"8"')
    versions = [call.get("if_version") for call in system.calls("identity", "update_organization")]
    assert versions == [7, None, None]


@pytest.mark.parametrize("header", ["7", '"x"', 'W/"7"', '"99999999999999999999"', "", '"1", "2"'])
def test_an_if_match_that_can_not_match_is_412_and_changes_nothing(
    system: System, header: str
) -> None:
    _, token = system.sign_in("admin")
    answer = system.request(
        "PATCH", "/api/v1/organization", token, json={"name": "B"}, headers={"If-Match": header}
    )
    is_problem(answer, 412)
    assert system.calls("identity", "update_organization") == []


@pytest.mark.parametrize("code", ["identity.stale_version", "booking.stale_version"])
def test_a_stale_version_is_412(system: System, code: str) -> None:
    _, token = system.sign_in("admin")
    system.on("identity", "update_organization", Conflict(code, "Changed meanwhile."))
    is_problem(system.request("PATCH", "/api/v1/organization", token, json={}), 412, code)


def test_a_service_that_does_not_answer_makes_503_within_5_seconds(system: System) -> None:
    _, token = system.sign_in("admin")
    waiting = [0]

    def never(_kwargs: Any, call: Any) -> Any:
        wait_until(lambda: waiting[0], 8)

    system.on("booking", "get_session", never)
    seconds, answer = timed(
        lambda: system.request("GET", f"/api/v1/sessions/{uuid.uuid4()}", token)
    )
    waiting[0] = 1
    is_problem(answer, 503, "service.timeout")
    assert answer.headers["Retry-After"] == "1"
    assert seconds < 5


def test_many_at_once_each_get_their_own_answer(system: System) -> None:
    _, token = system.sign_in("instructor")
    system.on(
        "messaging", "send_message", lambda kwargs, _call: {**MESSAGE, "body": kwargs["body"]}
    )
    with ThreadPoolExecutor(16) as pool:
        texts = [f"text {number}" for number in range(200)]
        answers = pool.map(
            lambda text: system.request("POST", MESSAGES, token, json={"body": text}), texts
        )
        assert [answer.json()["body"] for answer in answers] == texts


def test_readiness_names_each_check(system: System) -> None:
    wait_until(lambda: system.request("GET", "/readyz").ok)
    answer = system.request("GET", "/readyz")
    assert answer.json()["checks"] == dict.fromkeys(
        ("broker", "identity", "assignment", "booking", "messaging", "import"), "ok"
    )
    del system.fakes["booking"].handlers["ping"]
    wait_until(lambda: not system.request("GET", "/readyz").ok)
    checks = is_problem(system.request("GET", "/readyz"), 503)["checks"]
    assert checks["booking"] != "ok"
    assert checks["identity"] == "ok"


def test_asking_for_readiness_often_does_not_ask_the_services_as_often(system: System) -> None:
    wait_until(lambda: system.request("GET", "/readyz").ok)
    before = len(system.calls("identity", "ping"))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: system.request("GET", "/readyz"), range(200)))
    seconds = sum(answer.elapsed.total_seconds() for answer in answers) / 8
    assert {answer.status_code for answer in answers} == {200}
    asked = len(system.calls("identity", "ping")) - before
    assert asked <= seconds / ANSWER_STANDS_SECONDS + 2


def test_metrics_count_answers_by_route(system: System) -> None:
    system.request("GET", "/healthz")
    text = system.request("GET", "/metrics").text
    assert 'tandem_http_answered_seconds_count{method="GET",route="/healthz",status="200"}' in text


def test_the_documentation_comes_from_here(system: System) -> None:
    page = system.request("GET", "/api/docs")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "//" not in page.text.replace("<!doctype html>", "")
    for name in ("docs.js", "swagger-ui/swagger-ui-bundle.js", "swagger-ui/swagger-ui.css"):
        assert system.request("GET", f"/api/docs/{name}").ok
    document = system.request("GET", "/api/openapi.json")
    assert document.json()["openapi"] == "3.1.0"
