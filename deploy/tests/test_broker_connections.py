"""Every connection to the broker is one of chassis.connections, which never opens itself again when it was lost.

kombu's own does, without channels and consumers, and py-amqp's below it as well: whoever reads from it waits for ever.
Read here are the sources.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from local_runner.places import ROOT, SERVICES, package_of

FOLDERS = (
    "libs/chassis/chassis",
    *(f"services/{name}/{package_of(name)}" for name in SERVICES),
    "gateway/gateway",
    "deploy/local_runner",
    "bench",
    "chaos",
)
THE_ONE_PLACE = ROOT / "libs/chassis/chassis/connections.py"
LIBRARIES = {"kombu", "amqp"}
MAKING = {"Connection", "BrokerConnection", "SSLConnection", "Connect", "connections", "pools"}


def sources() -> list[Path]:
    """Python of all that runs; tests aside."""
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return [path for path in files if "tests" not in path.parts and path != THE_ONE_PLACE]


def found_in(source: str) -> Iterator[str]:
    """Names of the libraries by which a connection is made."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in LIBRARIES:
            yield from (name.name for name in node.names if name.name in MAKING)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id in LIBRARIES and node.func.attr in MAKING:
                yield f"{owner.id}.{node.func.attr}"


def test_no_connection_is_made_but_by_the_one_place() -> None:
    assert len(sources()) > 200
    found = {
        str(path.relative_to(ROOT)): names
        for path in sources()
        if (names := list(found_in(path.read_text(encoding="utf-8"))))
    }
    assert found == {}


def test_one_that_is_made_by_the_library_would_be_found() -> None:
    assert list(found_in("from kombu import Connection, Queue")) == ["Connection"]
    assert list(found_in("import amqp\namqp.Connection('host')")) == ["amqp.Connection"]
    assert list(found_in("from kombu.pools import connections")) == ["connections"]
    assert list(found_in("from chassis.connections import Connection")) == []
