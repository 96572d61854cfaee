"""What somebody with a token, or with somebody else's, tries in order to become more than they are."""

from __future__ import annotations

import base64
import csv
import io
import itertools
import json
import socket
import time
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from chassis.testing import wait_until

from .client import PASSWORD, Answer, Api, Organization, Person, expect, session, sign_in, sign_up
from .openapi import documented_calls
from .system import RunningSystem

NEW_PASSWORD = "another long sentence 7"  # nosec B105 # made up for a test
CONNECTIONS = 12


@pytest.fixture(scope="module")
def home(shared_system: RunningSystem) -> Organization:
    """The organization of everybody here."""
    return sign_up(shared_system.url)


@pytest.fixture(scope="module")
def admin(home: Organization) -> Person:
    """An administrator who is no owner."""
    return home.add_person("admin", can_sign_in=True)


@pytest.fixture(scope="module")
def pair(home: Organization) -> tuple[Person, Person]:
    """An instructor and a student, assigned."""
    return home.assigned_pair(can_sign_in=True)


# Stolen tokens


def is_refused_everywhere(url: str, token: str) -> bool:
    """By whichever process of the gateway and of identity it comes to, for whatever is asked."""
    paths = itertools.cycle(["/me", "/users", "/sessions", "/conversations", "/organization"])
    answers = [Api(url, token).get(next(paths)) for _ in range(CONNECTIONS)]
    return {answer.status for answer in answers} == {401}


def test_a_stolen_token_that_was_signed_out_is_refused_by_every_process(url: str) -> None:
    organization = sign_up(url)
    thief = organization.owner_token
    assert not is_refused_everywhere(url, thief)
    expect(204, organization.admin.post("/auth/logout"))
    time.sleep(1)  # nothing to wait for: the promise is about this moment
    assert is_refused_everywhere(url, thief)
    stolen = {"refresh_token": organization.refresh_token}
    expect(401, Api(url).post("/auth/refresh", stolen))


def test_a_refresh_token_that_is_used_twice_ends_all_that_came_of_it(url: str) -> None:
    organization = sign_up(url)
    first = organization.refresh_token
    second = expect(200, Api(url).post("/auth/refresh", {"refresh_token": first}))
    third = expect(200, Api(url).post("/auth/refresh", {"refresh_token": second["refresh_token"]}))
    refused = Api(url).post("/auth/refresh", {"refresh_token": first})
    assert (refused.status, refused.code) == (401, "identity.bad_refresh_token")
    for token in (second["refresh_token"], third["refresh_token"]):
        expect(401, Api(url).post("/auth/refresh", {"refresh_token": token}))
    for token in (organization.owner_token, second["access_token"], third["access_token"]):
        wait_until(lambda token=token: is_refused_everywhere(url, token), 2)
    assert sign_in(url, organization.owner.email).get("/me").status == 200


def test_a_changed_password_ends_the_thiefs_login_and_keeps_the_owners(url: str) -> None:
    organization = sign_up(url)
    thief = sign_in(url, organization.owner.email)
    change = {"password": NEW_PASSWORD, "current_password": PASSWORD}
    expect(200, organization.admin.patch("/me", change))
    wait_until(lambda: is_refused_everywhere(url, str(thief.token)), 2)
    assert organization.admin.get("/me").status == 200
    old = {"login": organization.owner.email, "password": PASSWORD}
    expect(401, Api(url).post("/auth/login", old))


def test_an_access_token_is_no_refresh_token_and_the_other_way_round(url: str) -> None:
    organization = sign_up(url)
    expect(401, Api(url).post("/auth/refresh", {"refresh_token": organization.owner_token}))
    expect(401, Api(url, organization.refresh_token).get("/me"))


def unsigned(claims: dict[str, Any], **header: Any) -> str:
    """A JWT as forgers write them."""
    parts = ({"typ": "JWT", **header}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in parts]
    return ".".join(one.rstrip("=") for one in encoded) + "."


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "HS256"},
        {"alg": "EdDSA", "kid": "../../dev/null"},
        {"alg": "EdDSA", "jku": "http://127.0.0.1:1/keys"},
    ],
    ids=str,
)
def test_a_token_that_says_itself_whom_it_is_for_is_nobodys(
    home: Organization, header: dict[str, str]
) -> None:
    claims = {"sub": home.owner.id, "org": home.id, "roles": ["owner"], "exp": 4_000_000_000}
    expect(401, Api(home.url, unsigned(claims, iss="gateway", **header)).get("/me"))


def test_headers_that_say_who_comes_are_not_believed(
    home: Organization, pair: tuple[Person, Person]
) -> None:
    actor = json.dumps({"user_id": home.owner.id, "organization_id": home.id, "roles": ["owner"]})
    names = ("nameko.actor", "Nameko-Actor", "X-Actor", "X-User-Id", "X-Original-User", "Actor")
    for name in names:
        expect(401, Api(home.url).get("/me", headers={name: actor}))
        seen = expect(200, pair[1].api.get("/me", headers={name: actor}))
        assert seen["id"] == pair[1].id


# More rights


def escalations(
    home: Organization, admin: Person, pair: tuple[Person, Person]
) -> Iterator[tuple[Api, str, str, Any]]:
    """Ways to more rights, for each kind of person."""
    instructor, student = pair
    for person in (admin, instructor, student):
        for roles in (["owner"], ["admin", "owner"]):
            yield person.api, "PATCH", "/me", {"roles": roles}
            yield person.api, "PATCH", f"/users/{person.id}", {"roles": roles}
    for person in (instructor, student):
        yield person.api, "PATCH", f"/users/{person.id}", {"roles": ["admin"]}
        yield person.api, "PATCH", f"/users/{person.id}", {"email": "mine@example.org"}
        yield person.api, "PATCH", f"/users/{home.owner.id}", {"first_name": "Mine"}
        yield person.api, "POST", "/users", new_person(roles=["admin"])
        yield person.api, "PATCH", "/organization", {"name": "Mine"}
    yield admin.api, "POST", "/users", new_person(roles=["owner"])
    yield admin.api, "PATCH", f"/users/{home.owner.id}", {"email": "mine@example.org"}
    yield admin.api, "PATCH", f"/users/{home.owner.id}", {"roles": ["student"]}
    yield admin.api, "POST", f"/users/{home.owner.id}/archive", None


def new_person(**fields: Any) -> dict[str, Any]:
    """A form for somebody new."""
    email = f"escalated.{uuid.uuid4().hex}@example.org"
    names = {"first_name": "Eve", "last_name": "Escalated"}
    return {"roles": ["student"], **names, "email": email, **fields}


def test_nobody_gives_themselves_or_others_more_rights(
    home: Organization, admin: Person, pair: tuple[Person, Person]
) -> None:
    before = home.admin.items("/users")
    tried = 0
    for api, method, path, body in escalations(home, admin, pair):
        answer = api.request(method, path, body)
        assert answer.status in {403, 404, 422}, f"{method} {path} {body}: {answer.status}"
        tried += 1
    assert tried > 20
    assert home.admin.items("/users") == before
    assert expect(200, home.admin.get("/organization"))["name"] != "Mine"


FIELDS_OF_OURS: dict[str, Any] = {
    "id": str(uuid.uuid4()),
    "organization_id": str(uuid.uuid4()),
    "status": "active",
    "version": 99,
    "password_hash": "x",  # nosec B105 # made up for a test
    "created_at": "2020-01-01T00:00:00Z",
    "is_admin": True,
    "permissions": ["*"],
    "booked_by": str(uuid.uuid4()),
    "sender_id": str(uuid.uuid4()),
    "actor": {"roles": ["owner"]},
    "__class__": "User",
    "__proto__": {"roles": ["owner"]},
}


@pytest.mark.parametrize("field", FIELDS_OF_OURS)
def test_no_form_takes_a_field_that_is_not_its_own(
    shared_system: RunningSystem, home: Organization, pair: tuple[Person, Person], field: str
) -> None:
    ids = dict.fromkeys(
        ("user_id", "session_id", "conversation_id", "import_id"), home.owner.id
    ) | {"instructor_id": pair[0].id, "student_id": pair[1].id}
    checked = 0
    for call in documented_calls(shared_system.url):
        schema = call.body_schema
        if schema is None or field in schema.get("properties", {}):
            continue
        body = {field: FIELDS_OF_OURS[field]}
        answer = home.admin.request(call.method, call.path.format(**ids), body)
        assert answer.status == 422, f"{call.name}: {answer.status} {answer.body}"
        assert any(p.startswith(f"/{field}") for p in answer.pointers), (
            f"{call.name}: {answer.body}"
        )
        checked += 1
    assert checked > 8


@pytest.mark.parametrize("role", ["owner", "Owner", " OWNER ", "superuser", "admin;owner"])
def test_a_file_makes_nobody_an_owner(home: Organization, role: str) -> None:
    email = f"crowned.{uuid.uuid4().hex}@example.org"
    ended = home.upload(f'role,email,first_name,last_name\n"{role}",{email},Own,Er\n')
    assert ended["counts"]["create"] == 0
    assert ended["counts"]["invalid"] == 1
    assert home.admin.items("/users", q=email) == []


def test_a_file_takes_the_role_of_no_owner(home: Organization) -> None:
    home.upload(f"role,email,first_name,last_name\nstudent,{home.owner.email},Not,Owner\n")
    found = expect(200, home.admin.get(f"/users/{home.owner.id}"))
    assert "owner" in found["roles"]


@pytest.mark.parametrize("column", ["is_admin", "permissions", "organization_id", "password"])
def test_a_file_with_a_column_that_would_grant_rights_is_refused_or_the_column_ignored(
    home: Organization, column: str
) -> None:
    email = f"column.{uuid.uuid4().hex}@example.org"
    text = f"role,email,first_name,last_name,{column}\nstudent,{email},Col,Umn,1\n"
    files = {"file": ("people.csv", text.encode(), "text/csv")}
    answer = home.admin.request("POST", "/imports", files=files, data={"apply": "true"})
    if answer.status == 202:
        home.wait_for_import(answer.body["id"])
    for person in home.admin.items("/users", q=email):
        assert person["roles"] == ["student"]
        assert person["status"] == "invited"


# Files


PATHS = ["../../../../tmp/pwned.csv", "..\\..\\pwned.csv", "/etc/passwd", "a\x01b.csv", "x" * 5000]


@pytest.mark.parametrize("name", PATHS, ids=lambda name: repr(name)[:24])
def test_a_files_name_is_a_name_and_no_place(home: Organization, name: str) -> None:
    text = f"role,email,first_name,last_name\nstudent,{uuid.uuid4().hex}@example.org,Fi,Le\n"
    files = {"file": (name, text.encode(), "text/csv")}
    answer = home.admin.request("POST", "/imports", files=files, data={"apply": "true"})
    expect((202, 400, 422), answer)
    if answer.status == 202:
        ended = home.wait_for_import(answer.body["id"])
        assert ended["status"] == "finished"
        report = home.admin.get(f"/imports/{ended['id']}/report.csv")
        for said in (ended["filename"], report.headers.get("Content-Disposition", "")):
            assert not set("/\\") & set(said)


FORMULAS = ["=HYPERLINK(0)", "+1+1", "-1+1", "@SUM(1)", "\t=1", "=cmd|' /C calc'!A0"]


def test_no_cell_of_a_report_is_a_formula(home: Organization) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["role", "email", "first_name", "last_name", "phone"])
    for number, formula in enumerate(FORMULAS):
        email = f"formula.{number}.{uuid.uuid4().hex}@example.org"
        writer.writerow(["student", email, formula, formula, formula])
    ended = home.upload(out.getvalue())
    report = expect(200, home.admin.get(f"/imports/{ended['id']}/report.csv"))
    cells = [cell for row in csv.reader(io.StringIO(report)) for cell in row]
    assert sum("HYPERLINK" in cell for cell in cells) >= 2
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]


BOMBS: dict[str, tuple[bytes, dict[str, str]]] = {
    "deep": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, {}),
    "lists": (b"[" * 500_000, {}),
    "number": (b'{"duration_minutes": ' + b"9" * 900_000 + b"}", {}),
    "exponent": (b'{"duration_minutes": 1e999999999}', {}),
    "keys": (json.dumps({f"k{n}": n for n in range(60_000)}).encode(), {}),
    "text": (json.dumps({"first_name": "x" * 1_000_000}).encode(), {}),
    "compressed": (b"\x1f\x8b" + b"\0" * 1000, {"Content-Encoding": "gzip"}),
    "twice": (b'{"roles": ["student"], "roles": ["owner"], "first_name": "T"}', {}),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_body_that_is_made_to_hurt_is_refused_at_once(home: Organization, bomb: str) -> None:
    body, headers = BOMBS[bomb]
    answer = home.admin.request(
        "POST", "/users", data=body, headers={"Content-Type": "application/json", **headers}
    )
    expect((400, 413, 415, 422), answer)
    assert answer.seconds < 5
    assert expect(200, home.admin.get("/me"))


def test_a_file_of_one_endless_line_or_many_columns_is_refused(home: Organization) -> None:
    for text in ("x" * 3_000_000, ",".join(f"c{n}" for n in range(100_000)), '"' * 500_000):
        files = {"file": ("people.csv", text.encode(), "text/csv")}
        answer = home.admin.request("POST", "/imports", files=files, data={"apply": "true"})
        if answer.status == 202:
            ended = home.wait_for_import(answer.body["id"])
            assert ended["counts"]["create"] == 0
        else:
            expect((400, 413, 415, 422), answer)


# Search


@pytest.mark.parametrize(
    "text",
    [
        "%",
        "_",
        "%%%",
        "____",
        "\\",
        "\\%",
        "'",
        "' OR '1'='1",
        "'; DROP TABLE users; --",
        "%(q)s",
        "{}",
    ],
)
def test_what_means_something_to_sql_means_nothing_in_a_search(
    home: Organization, text: str
) -> None:
    assert len(home.admin.items("/users")) > 3
    assert home.admin.items("/users", q=text) == []


def test_a_wildcard_is_found_where_somebody_is_called_that(home: Organization) -> None:
    made = home.add_student(last_name="O'Neil_50%\\")
    for text in ("O'Neil", "O'Neil_50%"):
        assert [one["id"] for one in home.admin.items("/users", q=text)] == [made.id]


# Requests that are not what they seem


def raw_answer(url: str, request: bytes) -> bytes:
    """What the gateway says to bytes that no library would send."""
    parts = urlsplit(url)
    with socket.create_connection((str(parts.hostname), parts.port or 80), timeout=10) as line:
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        received = b""
        while more := line.recv(65536):
            received += more
    return received


INJECTED = [
    b"X-Request-Id: a\rSet-Cookie: stolen=1",
    b"X-Request-Id: a%0d%0aSet-Cookie: stolen=1",
    b"X-Request-Id: a\n Set-Cookie: stolen=1",
    b"X-Request-Id: a\x00Set-Cookie: stolen=1",
    b"Idempotency-Key: a\r\n\tSet-Cookie: stolen=1",
    b"traceparent: a\x0bSet-Cookie: stolen=1",
]


@pytest.mark.parametrize("line", INJECTED, ids=repr)
def test_no_header_of_a_request_becomes_one_of_the_answer(url: str, line: bytes) -> None:
    request = b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + line + b"\r\n\r\n"
    said = raw_answer(url, request)
    assert said.startswith(b"HTTP/1.1 4")
    head = said.partition(b"\r\n\r\n")[0].lower()
    assert b"set-cookie" not in head
    assert b"stolen" not in head


SMUGGLED = [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    b"Content-Length: 5\r\nContent-Length: 6",
    b"Content-Length: +5",
    b"Content-Length: 5, 5",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding : chunked",
]


@pytest.mark.parametrize("lines", SMUGGLED, ids=repr)
def test_a_request_whose_end_can_be_read_two_ways_is_refused(url: str, lines: bytes) -> None:
    smuggled = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    said = raw_answer(url, head + lines + b"\r\n\r\n0\r\n\r\n" + smuggled)
    assert said.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501")), said[:80]
    assert said.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_a_method_can_not_be_overridden(home: Organization, name: str) -> None:
    path = f"/users/{home.owner.id}"
    before = expect(200, home.admin.get(path))
    home.admin.get(path, headers={name: "PATCH"})
    expect((404, 405), home.admin.post(path, {"first_name": "X"}, headers={name: "PATCH"}))
    assert expect(200, home.admin.get(path)) == before


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "PROPFIND", "GETS"])
def test_methods_that_nobody_needs_are_refused(home: Organization, method: str) -> None:
    answer = home.admin.request(method, "/me")
    assert answer.status in {400, 404, 405, 501}
    assert home.owner_token not in str(answer.body)


HOSTS = [b"evil.example", b"evil.example:80@x", b"x/../evil.example", b""]


@pytest.mark.parametrize("host", HOSTS, ids=repr)
@pytest.mark.parametrize("path", ["/api/v1/users/", "//api/v1/me", "/api/docs/", "/api/v1/me"])
def test_no_answer_leads_where_the_host_header_says(url: str, host: bytes, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nConnection: close\r\n".encode() + b"Host: " + host
    forwarded = b"\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\n\r\n"
    head = raw_answer(url, request + forwarded).partition(b"\r\n\r\n")[0]
    assert b"evil" not in head


ANSWERS = [
    "/api/v1/me",
    "/api/v1/nowhere",
    "/api/v1/auth/login",
    "/api/openapi.json",
    "/api/docs",
    "/api/docs/docs.js",
    "/healthz",
    "/",
    "/sign-in",
    "/nowhere",
]


@pytest.mark.parametrize("path", ANSWERS)
def test_every_answer_tells_browsers_what_not_to_do(url: str, path: str) -> None:
    foreign = {"Origin": "https://evil.example", "Accept": "text/html"}
    for method in ("GET", "OPTIONS", "POST"):
        answer = requests.request(
            method, url + path, headers=foreign, allow_redirects=False, timeout=10
        )
        headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= {
            part.strip() for part in policy.split(";")
        }
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] in {"no-referrer", "same-origin"}
        assert not [name for name in headers if name.lower().startswith("access-control-")]
        assert not answer.cookies or not path.startswith("/api")


def test_no_answer_about_people_is_kept_by_browsers_or_proxies(home: Organization) -> None:
    for path in ("/me", "/users", f"/users/{home.owner.id}", "/organization", "/sessions"):
        kept = home.admin.get(path).headers["Cache-Control"]
        assert kept in {"no-store", "private, no-cache"}
    login = {"login": home.owner.email, "password": PASSWORD}
    assert Api(home.url).post("/auth/login", login).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/api/docs/../settings.py",
        "/api/docs/%2e%2e/settings.py",
        "/api/docs/..%2fsettings.py",
        "/api/docs/%2e%2e%2f%2e%2e%2f%2e%2e%2fpyproject.toml",
        "/api/docs//etc/passwd",
        "/api/docs/swagger-ui/",
    ],
)
def test_no_file_outside_the_documentations_folder_is_served(url: str, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    said = raw_answer(url, request)
    assert said.startswith(b"HTTP/1.1 4"), said[:80]


def test_a_parameter_that_is_given_twice_is_refused(home: Organization) -> None:
    for query in ("role=student&role=admin", "limit=1&limit=200", "q=a&q=b"):
        expect((400, 422), home.admin.get(f"/users?{query}"))


def test_what_an_instructor_may_not_see_is_in_no_answer_about_it(
    home: Organization, pair: tuple[Person, Person]
) -> None:
    stranger = home.add_student()
    instructor = pair[0]
    answers: list[Answer] = [
        instructor.api.get(f"/users/{stranger.id}"),
        instructor.api.post("/conversations", {"participant_id": stranger.id}),
        instructor.api.post("/sessions", session(instructor, stranger)),
        instructor.api.get("/users", params={"q": stranger.email}),
        instructor.api.get(f"/students/{stranger.id}/instructors"),
    ]
    for answer in answers:
        assert stranger.email not in str(answer.body)
