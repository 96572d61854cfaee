"""What browsers are told not to do with our answers, whatever the answer is."""

from __future__ import annotations

import os
import re
import socket
import uuid

import pytest
import requests

from gateway.testing import System, running

EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
ANSWERS = [
    ("GET", "/"),
    ("GET", "/sign-in"),
    ("GET", "/nowhere"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/api/docs"),
    ("GET", "/api/docs/docs.js"),
    ("GET", "/api/openapi.json"),
    ("GET", "/api/v1/me"),
    ("POST", "/api/v1/auth/login"),
    ("DELETE", "/api/v1/me"),
    ("GET", f"/api/v1/users/{uuid.uuid4()}"),
    ("POST", "/sign-in"),
]


def policy_of(answer: requests.Response) -> dict[str, str]:
    """The content security policy's directives."""
    parts = [part.split(None, 1) for part in answer.headers["Content-Security-Policy"].split(";")]
    return {words[0]: words[1].strip() for words in parts}


@pytest.mark.parametrize(("method", "path"), ANSWERS)
def test_every_answer_says_what_browsers_may_not_do(system: System, method: str, path: str) -> None:
    answer = system.request(method, path, allow_redirects=False)
    assert {name: answer.headers[name] for name in EVERYWHERE} == EVERYWHERE
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert answer.headers["Referrer-Policy"] in {"no-referrer", "same-origin"}
    assert "Cache-Control" in answer.headers
    policy = policy_of(answer)
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert not re.search("unsafe|\\*|https?:", answer.headers["Content-Security-Policy"])


@pytest.mark.parametrize(("method", "path"), ANSWERS)
def test_no_header_is_said_twice(system: System, method: str, path: str) -> None:
    headers = system.request(method, path, allow_redirects=False).raw.headers
    names = {*EVERYWHERE, "Content-Security-Policy", "Referrer-Policy", "Cache-Control"}
    assert [name for name in names if len(headers.getlist(name)) != 1] == []


def test_what_is_no_http_is_answered_safely_too(system: System) -> None:
    with socket.create_connection(("127.0.0.1", system.gateway.port), timeout=10) as client:
        client.sendall(b"NOT HTTP AT ALL\r\n\r\n")
        answer = client.makefile("rb").read().decode()
    for name, value in EVERYWHERE.items():
        assert f"{name}: {value}" in answer
    assert "Content-Security-Policy: default-src 'none'" in answer


def test_the_api_is_not_kept_by_caches_or_shown_as_a_page(system: System) -> None:
    answer = system.request("GET", "/api/v1/me")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert policy_of(answer)["form-action"] == "'none'"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_pages_have_their_own_style_and_forms_and_no_script(system: System) -> None:
    page = system.request("GET", "/sign-in")
    policy = policy_of(page)
    assert (policy["style-src"], policy["form-action"]) == ("'self'", "'self'")
    assert "script-src" not in policy
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", page.text)
    assert page.headers["Cache-Control"] == "no-store"


def test_the_docs_page_has_nothing_inline_and_nothing_from_elsewhere(system: System) -> None:
    page = system.request("GET", "/api/docs")
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", page.text)
    assert not re.search(r"(src|href)=\"https?:", page.text)
    assert policy_of(page)["script-src"] == "'self'"


def test_browsers_are_told_to_stay_with_https_only_where_there_is_https(system: System) -> None:
    assert "Strict-Transport-Security" not in system.request("GET", "/healthz").headers
    with running(os.environ["AMQP_URL"], PUBLIC_URL="https://tandem.example.org") as process:
        answer = requests.get(f"{process.url}/healthz", timeout=10)
        assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
        headers = {"Origin": "https://tandem.example.org", "Host": "inner", "Accept": "text/html"}
        page = requests.post(f"{process.url}/sign-in", headers=headers, timeout=10)
        # Its origin is ours; what it lacks is the form's token.
        assert page.status_code == 403


def test_no_cors_is_offered(system: System) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for path in ("/api/v1/auth/login", "/sign-in"):
        answer = system.request("OPTIONS", path, headers=headers)
        assert not [name for name in answer.headers if name.startswith("Access-Control")]
