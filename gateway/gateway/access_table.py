"""docs/access.md: for every operation who may, generated from the declarations.

python -m gateway.access_table docs/access.md            writes it
python -m gateway.access_table --check docs/access.md    1 if the file is not what the code says
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from gateway import access, api, generated
from gateway.access import CALLERS, Outcome, Rule
from gateway.routes import Operation

HEAD = """\
# Who may do what

Generated from the declarations of the gateway's operations (`gateway/gateway/access.py` holds the rules); after a
change: `python -m gateway.access_table docs/access.md`. `bin/lint` checks that it is up to date, and
`tests/integration/test_access.py` asks the running system as each of these callers for every operation, with real data.

A role is required by the gateway before it reads anything else of the request; what depends on whose something is (the
column *decided by*) is decided by the services that keep it. The services require the roles once more themselves.

| | |
|---|---|
| `yes` | allowed |
| `own` | allowed, and confined to what is the caller's own; for another organization's admin that organization |
| `401` | refused: not signed in, `access.sign_in_required` |
| `403` | refused: not allowed, `access.role_required` when it is for the role |
| `404` | as if it were not there; an id in a body that the caller can't see is an unknown one, 422 |

*Student* and *assigned instructor* are the pair that the thing asked for belongs to (the session's, the conversation's,
the student who is looked at); the *unassigned instructor* is one of the same organization. Who holds several roles may
what any of them may.
"""

TAIL = """\
## Outside of the API

`/healthz`, `/readyz`, `/metrics`, `/api/docs` and `/api/openapi.json` need no token and show no organization's data.
"""


def operations() -> list[Operation]:
    """Every operation of the public API, in the order of its declaration."""
    return [operation for routes in api.ROUTES for operation in routes.operations]


def outcomes(operation: Operation) -> list[Outcome]:
    """What becomes of each of CALLERS."""
    names_something = "{" in operation.path
    return [operation.who.outcome(c, names_something=names_something) for c in CALLERS]


def generate() -> bytes:
    """The page."""
    return "\n".join(
        [HEAD, "## Operations", "", *table(), "", "## Rules", "", *rules(), "", TAIL]
    ).encode()


def table() -> Iterator[str]:
    """A row for each operation."""
    yield row("operation", "rule", *CALLERS)
    yield row(*["---"] * (len(CALLERS) + 2))
    for operation in operations():
        yield row(f"`{operation.name}`", operation.who.name, *outcomes(operation))


def rules() -> Iterator[str]:
    """A row for each rule that an operation has, in the order of gateway.access."""
    yield row("rule", "allowed", "decided by")
    yield row(*["---"] * 3)
    used = {operation.who for operation in operations()}
    for rule in vars(access).values():
        if isinstance(rule, Rule) and rule in used:
            yield row(rule.name, rule.sentence, decided_by(rule))


def decided_by(rule: Rule) -> str:
    """Where the decision is made."""
    gateway = "gateway" if rule.roles or not rule.decided_by else ""
    return ", ".join(filter(None, (gateway, rule.decided_by)))


def row(*cells: str) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str]) -> int:
    """The command."""
    return generated.main(__doc__, generate, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
