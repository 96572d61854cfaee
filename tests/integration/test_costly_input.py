"""Input that is made to be costly is answered at once, through every door: each field of each operation, each form.

Measured is the processor time of all processes for one request of close to a megabyte, so that a cost with the square
of the length is far beyond what is allowed. deploy/tests/test_costly_arguments.py tests the fields' rules one by one.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from chassis.errors import MOST_FIELD_ERRORS
from gateway.browser import Browser

from .client import Api, Organization, sign_up
from .openapi import Call, documented_calls
from .system import RunningSystem

# A body may have a megabyte, a form 500 kB of text, which its encoding makes three times as long; an address 8 kB.
BODY_BYTES, FORM_BYTES, ADDRESS_BYTES = 900_000, 400_000, 4_000
MOST_SECONDS = 0.5
LARGEST_ANSWER = 20_000
TICKS = os.sysconf("SC_CLK_TCK")

TEXTS: dict[str, Callable[[int], str]] = {
    "accents": lambda size: "\u0315" * (size // 4) + "\u0300" * (size // 4),
    "spaces": lambda size: "a" + " " * (size - 2) + "a",
    "addresses": lambda size: "a@b." * (size // 4),
    "ligatures": lambda size: "\ufdfa" * (size // 3),
}
VALUES: dict[str, Callable[[int], Any]] = {
    **TEXTS,
    "numbers": lambda size: [1] * (size // 2),
    "texts": lambda size: ["\u0315\u0300"] * (size // 7),
    "members": lambda size: {f"a{number}": 1 for number in range(size // 11)},
    "depth": lambda size: nested(min(size // 2, 900)),
}


def nested(depth: int) -> Any:
    """Lists in lists."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.fixture(scope="module")
def home(shared_system: RunningSystem) -> Organization:
    """The organization that sends all this."""
    return sign_up(shared_system.url)


def processor_seconds(system: RunningSystem) -> float:
    """What all of Tandem's processes, and those that they started, have used so far."""
    return sum(map(seconds_of, family_of(system)))


def family_of(system: RunningSystem) -> Iterator[int]:
    for process in system.processes():
        pid = system.pid(process)
        yield pid
        yield from map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def seconds_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    # Its own, and those of children that have ended: proc(5), utime to cstime.
    return sum(map(int, fields[11:15])) / TICKS


@contextmanager
def costing_little(system: RunningSystem, most: float = MOST_SECONDS) -> Iterator[None]:
    """Fails if the block made the processes work for more than a moment."""
    before = processor_seconds(system)
    yield
    taken = processor_seconds(system) - before
    assert taken < most, f"{taken:.2f} s of processor time for one request"


def body_of(call: Call, schema: Mapping[str, Any], value: Any) -> Any:
    """An object with the value in every field, and in those of the objects inside."""
    return {
        name: body_of(call, call.resolved(field), value) if "properties" in call.resolved(field) else value
        for name, field in schema["properties"].items()
    }  # fmt: skip


def count(call: Call, schema: Mapping[str, Any]) -> int:
    """How many values there are in such an object."""
    resolved = [call.resolved(field) for field in schema.get("properties", {}).values()]
    return sum(count(call, field) for field in resolved) if resolved else 1


def path_of(call: Call) -> str:
    """The path with ids that nobody has."""
    path = call.path
    for name in call.path_parameters:
        path = path.replace("{" + name + "}", str(uuid.uuid4()))
    return path


def with_json(url: str) -> list[Call]:
    return [call for call in documented_calls(url) if call.body_schema]


@pytest.mark.parametrize("kind", VALUES)
def test_a_costly_value_in_every_field_of_a_body_is_refused_at_once(
    shared_system: RunningSystem, home: Organization, kind: str
) -> None:
    calls = with_json(home.url)
    assert len(calls) > 15
    for call in calls:
        schema = call.body_schema or {}
        value = VALUES[kind](BODY_BYTES // count(call, schema))
        api = home.admin if call.needs_token else Api(home.url)
        with costing_little(shared_system):
            answer = api.request(call.method, path_of(call), body_of(call, schema, value))
        assert 400 <= answer.status < 500, f"{call.name}: {answer.status}"
        assert len(answer.body.get("errors", ())) <= MOST_FIELD_ERRORS
        assert len(str(answer.body)) < LARGEST_ANSWER, call.name


@pytest.mark.parametrize("key", ["a", "~/", "\u0315\u0300"])
def test_fields_that_nobody_knows_are_refused_at_once(
    shared_system: RunningSystem, home: Organization, key: str
) -> None:
    for call in with_json(home.url):
        api = home.admin if call.needs_token else Api(home.url)
        unknown = {f"{key}{number}": 1 for number in range(30_000)} | {key * 20_000: 1}
        with costing_little(shared_system):
            answer = api.request(call.method, path_of(call), unknown)
        assert answer.status in {404, 422}, f"{call.name}: {answer.status}"
        assert len(str(answer.body)) < LARGEST_ANSWER, call.name


@pytest.mark.parametrize("kind", TEXTS)
def test_a_costly_text_in_every_parameter_is_answered_at_once(
    shared_system: RunningSystem, home: Organization, kind: str
) -> None:
    for call in documented_calls(home.url):
        names = [p["name"] for p in call.described["parameters"] if p.get("in") == "query"]
        if not names:
            continue
        for name in names:
            text = TEXTS[kind](ADDRESS_BYTES // 3)
            with costing_little(shared_system):
                answer = home.admin.request(call.method, path_of(call), params={name: text})
            assert 400 <= answer.status < 500, f"{call.name} {name}: {answer.status}"
            assert len(str(answer.body)) < LARGEST_ANSWER, call.name


@pytest.mark.parametrize(
    "q", ["ab" * 100, "abcdefgh " * 22, "a b " * 50, "a\u0315\u0300" * 66, "%_\\" * 66, "(" * 200]
)
def test_what_is_searched_for_may_be_anything(
    shared_system: RunningSystem, home: Organization, q: str
) -> None:
    home.add_person("student", last_name="ab" * 49)
    with costing_little(shared_system):
        assert home.admin.get("/users", params={"q": q[:200]}).status == 200


FORMS = {
    "/sign-in": ("login", "password", "next"),
    "/choose-organization": ("login", "password", "organization", "next"),
    "/forgot-password": ("login",),
    "/accept-invitation": ("password", "repeated"),
    "/reset-password": ("password", "repeated"),
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("path", FORMS)
def test_a_costly_text_in_every_field_of_a_form_is_answered_at_once(
    shared_system: RunningSystem, path: str, kind: str
) -> None:
    browser = Browser(shared_system.url)
    browser.open(f"{path}?token=made-up")
    browser.open("/sign-in" if path == "/choose-organization" else path)
    fields = FORMS[path]
    text = TEXTS[kind](FORM_BYTES // 3 // len(fields))
    with costing_little(shared_system):
        page = browser.submit(path, dict.fromkeys(fields, text))
    assert page.status_code in {202, 303, 413, 422}, page.status_code


HEADERS = (
    "Accept", "Accept-Language", "Authorization", "Content-Type", "Cookie", "Idempotency-Key", "If-Match",
    "If-None-Match", "Prefer", "Range", "X-Forwarded-For", "X-Request-Id", "traceparent",
)  # fmt: skip
HEADER_VALUES = {
    "commas": "," * 8_000,
    "spaces": "a" + " " * 8_000 + "a",
    "tags": '"1",' * 2_000,
    "pairs": "a=b; " * 1_600,
    "quotes": '"' * 8_000,
    "waits": "wait=" + "1" * 8_000,
    "token": "Bearer " + " " * 4_000 + "x" * 4_000,
}


@pytest.mark.parametrize("kind", HEADER_VALUES)
def test_a_costly_header_is_answered_at_once(
    shared_system: RunningSystem, home: Organization, kind: str
) -> None:
    for header in HEADERS:
        for method, path in (("GET", "/me"), ("PATCH", "/me"), ("POST", "/sessions")):
            with costing_little(shared_system):
                home.admin.request(method, path, headers={header: HEADER_VALUES[kind]})
        with costing_little(shared_system):
            requests.get(f"{home.url}/sign-in", headers={header: HEADER_VALUES[kind]}, timeout=10)


BOUNDARY = "b" * 70
PARTS: dict[str, bytes] = {
    "many parts": f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'.encode()
    * 5_000,
    "carriage returns": b"\r" * BODY_BYTES,
    "almost a boundary": f"\r\n--{BOUNDARY[1:]}".encode() * (BODY_BYTES // 73),
    "a header without an end": b"X-Part: " + b"x" * BODY_BYTES,
    "a name of quotes": b'Content-Disposition: form-data; name="' + b'\\"' * (BODY_BYTES // 2),
}


@pytest.mark.parametrize("kind", PARTS)
def test_a_costly_multipart_body_is_refused_at_once(
    shared_system: RunningSystem, home: Organization, kind: str
) -> None:
    start = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
    for body in (PARTS[kind], start.encode() + b"\r\n" + PARTS[kind], start.encode() + PARTS[kind]):
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        with costing_little(shared_system):
            answer = home.admin.request("POST", "/imports", headers=headers, data=body)
        assert 400 <= answer.status < 500


def rows_naming(names: list[str], rows: int) -> str:
    """Students who each have all these instructors."""
    cell = ";".join(names)
    return "".join(f"a{n}@example.org,A,B,student,{cell}\n" for n in range(rows))


LIGATURE = "\ufdfa"  # 3 bytes, and 18 characters when it is compared
HEADER_LINE = "email,first_name,last_name,role,instructors\n"
LONG_HEADER_LINE = HEADER_LINE.replace("instructors", f"instructors{chr(0x1F600) * 180}")
HUNDRED_NAMES = ";".join(f"i{n}@example.org" for n in range(100))
FILES: dict[str, str] = {
    "a row of commas": HEADER_LINE + "a@example.org" + "," * 2_000_000,
    "a header of commas": "email" + "," * 2_000_000 + "\n1",
    "cells of accents": HEADER_LINE + ",".join(["\u0315" * 45_000 + "\u0300" * 45_000] * 5),
    "a cell of names": HEADER_LINE + "a@example.org,A,B,student," + "a;" * 49_000,
    "a cell of long names": HEADER_LINE
    + "a@example.org,A,B,student,"
    + ";".join(["\u0315" * 20_000 + "\u0300" * 20_000] * 2),
    "quotes": HEADER_LINE + '"' * 2_000_000,
    "empty lines": HEADER_LINE + "\n" * 2_000_000,
    "no line": "email;" * 300_000,
    "a long row of commas": HEADER_LINE + "a@example.org" + "," * 2_000_000 + "x",
    "names that grow": HEADER_LINE + rows_naming([LIGATURE * 80 + f"{n}" for n in range(390)], 20),
    "names that grow but fit": HEADER_LINE
    + rows_naming([LIGATURE * 13 + f"{n}" for n in range(500)], 50),
    "bad names under a long header": LONG_HEADER_LINE
    + rows_naming([f"\x01{n}" for n in range(500)], 40),
    "unknown long names": HEADER_LINE + rows_naming([f"{'n' * 180}{n}" for n in range(500)], 20),
    "long cells": LONG_HEADER_LINE + rows_naming(["x" * 90_000], 40),
    "cells that grow": LONG_HEADER_LINE + rows_naming(["\x01" * 90_000], 40),
    "many honest pairs": HEADER_LINE
    + "".join(f"s{n}@example.org,S,T,student,\n" for n in range(200))
    + "".join(f"i{n}@example.org,I,N,instructor,\n" for n in range(100))
    + "".join(f"t{n}@example.org,T,U,student,{HUNDRED_NAMES}\n" for n in range(100)),
}


# Of a list, or of a part of a report, and what else an answer has.
LARGEST_PAGE = 1_100_000
# What a health check may wait; so do the heartbeats to the broker, and everybody else's requests.
LONGEST_SILENCE = 1.0


@contextmanager
def answering(system: RunningSystem, service: str) -> Iterator[None]:
    """Fails if a process of the service did not always answer within a second while the block ran."""
    urls = [f"{system.health_url(process)}/healthz" for process in system.processes(service)]
    over = threading.Event()
    waits: list[float] = []

    def ask() -> None:
        while not over.wait(0.05):
            for url in urls:
                began = time.monotonic()
                assert requests.get(url, timeout=10).ok
                waits.append(time.monotonic() - began)

    with ThreadPoolExecutor(1) as asking:
        asked = asking.submit(ask)
        try:
            yield
        finally:
            over.set()
        asked.result()
    assert max(waits, default=0.0) < LONGEST_SILENCE


def read_all_rows(home: Organization, import_id: str) -> int:
    """How many rows the import shows, page by page."""
    found, cursor = 0, None
    while True:
        parameters = {"limit": 200, **({"cursor": cursor} if cursor else {})}
        page = home.admin.get(f"/imports/{import_id}/rows", params=parameters)
        assert int(page.headers["Content-Length"]) < LARGEST_PAGE
        found += len(page.body["items"])
        cursor = page.body["next_cursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize("kind", FILES)
def test_a_costly_file_is_judged_and_shown_within_seconds(
    shared_system: RunningSystem, kind: str
) -> None:
    home = sign_up(shared_system.url)
    with answering(shared_system, "import"):
        with costing_little(shared_system, most=5.0):
            done = home.upload(FILES[kind])
        assert done["status"] in {"failed", "finished"}
        with costing_little(shared_system, most=5.0):
            assert read_all_rows(home, done["id"]) == done["counts"]["rows"]
            report = home.admin.get(f"/imports/{done['id']}/report.csv")
    assert report.status == (200 if done["detected"]["format"] else 409)
    assert len(report.body) < 2 * len(FILES[kind]) + LARGEST_ANSWER * done["counts"]["rows"]
