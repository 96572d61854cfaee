"""Who may use an operation: every rule once, for the code, the OpenAPI document and docs/access.md.

Each operation names its rule where it is declared. The roles that a rule asks for are required in one place
(routes.py), before anything else of the request is read. What depends on whose something is, only the service knows
that keeps it: the rule says what it decides, and tests/integration/test_access.py asks the running system.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chassis.context import Actor
from chassis.errors import Forbidden


class Outcome(StrEnum):
    """What becomes of a caller's request."""

    YES = "yes"
    OWN = "own"  # allowed, and confined to what is the caller's own
    SIGN_IN = "401"
    NO = "403"
    UNKNOWN = "404"  # as if it were not there


# The kinds of caller, in the order of a rule's outcomes. Student and assigned instructor are the pair that the thing
# asked for belongs to.
CALLERS = (
    "no token",
    "another organization's admin",
    "student",
    "unassigned instructor",
    "assigned instructor",
    "admin",
    "owner",
)
ROLES_OF_CALLER = dict(
    zip(
        CALLERS, ("", "admin", "student", "instructor", "instructor", "admin", "owner"), strict=True
    )
)
FOREIGN = "another organization's admin"
ADMINISTRATORS = frozenset({"admin", "owner"})


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may. Without `roles` a role is not enough to tell; `decided_by` names the services that tell the rest."""

    name: str
    sentence: str
    outcomes: tuple[Outcome, ...]
    roles: frozenset[str] = frozenset()
    decided_by: str = ""

    @property
    def signed_in(self) -> bool:
        """Whether it asks for a token."""
        return self.outcomes[0] is Outcome.SIGN_IN

    @property
    def words(self) -> str:
        """The rule as a sentence of its own."""
        return f"Allowed {self.sentence}"

    def require_role(self, actor: Actor) -> None:
        """Forbidden without any of the rule's roles."""
        if self.roles and not actor.has_role(*self.roles):
            raise Forbidden("access.role_required", self.words)

    def outcome(self, caller: str, *, names_something: bool) -> Outcome:
        """What becomes of the caller; `names_something` says that the path holds an id."""
        outcome = self.outcomes[CALLERS.index(caller)]
        if caller == FOREIGN and outcome is Outcome.OWN and names_something:
            return Outcome.UNKNOWN
        return outcome


def outcomes(words: str) -> tuple[Outcome, ...]:
    """One outcome for each of CALLERS."""
    found = tuple(Outcome(word) for word in words.split())
    if len(found) != len(CALLERS):
        raise ValueError(f"not one outcome for each kind of caller: {words}")
    return found


# Columns: no token, another organization's admin, student, unassigned and assigned instructor, admin, owner.
ANYONE = Rule(
    "anyone",
    "for anyone: no token is needed.",
    outcomes("yes yes yes yes yes yes yes"),
)
SIGNED_IN = Rule(
    "signed in",
    "for everybody who is signed in.",
    outcomes("401 own yes yes yes yes yes"),
)
ADMINS = Rule(
    "admins",
    "for admins and owners.",
    outcomes("401 own 403 403 403 yes yes"),
    roles=ADMINISTRATORS,
)
PEOPLE_ADMINS = Rule(
    "admins of people",
    "for admins and owners; an owner's account is for owners only, and so is the role of owner.",
    outcomes("401 own 403 403 403 yes yes"),
    roles=ADMINISTRATORS,
    decided_by="identity",
)
OWNERS = Rule(
    "owners",
    "for owners.",
    outcomes("401 403 403 403 403 403 yes"),
    roles=frozenset({"owner"}),
)
THEMSELVES_OR_OWNERS = Rule(
    "themselves or owners",
    "for owners, and for the person it is about.",
    outcomes("401 403 yes 403 403 403 yes"),
    decided_by="identity",
)
THEIRS = Rule(
    "theirs",
    "for everybody who is signed in: admins and owners see all, others what they take part in.",
    outcomes("401 own own own own yes yes"),
    decided_by="identity, assignment, booking, messaging",
)
PERSON = Rule(
    "the person and theirs",
    "for admins and owners, for the person, and for those who are assigned to the person; there is nobody for others.",
    outcomes("401 own yes 404 yes yes yes"),
    decided_by="assignment",
)
PARTICIPANTS = Rule(
    "participants",
    "for admins and owners, and for the instructor and the student; for others it is not there.",
    outcomes("401 own yes 404 yes yes yes"),
    decided_by="booking, messaging",
)
PAIR = Rule(
    "the pair",
    "for admins and owners, and for the pair itself.",
    outcomes("401 own yes 403 yes yes yes"),
    decided_by="assignment",
)
BOOKERS = Rule(
    "bookers",
    "for admins and owners, for instructors with their assigned students, and for students as far as the organization "
    "lets them book.",
    outcomes("401 404 yes 403 yes yes yes"),
    decided_by="booking, assignment",
)
SESSION_LEADERS = Rule(
    "session leaders",
    "for admins and owners, and for the session's instructor; for people who are not in the session it is not there.",
    outcomes("401 own 403 404 yes yes yes"),
    decided_by="booking",
)
CORRESPONDENTS = Rule(
    "correspondents",
    "for instructors and students with somebody assigned to them.",
    outcomes("401 403 yes 403 yes 403 403"),
    decided_by="messaging, assignment",
)
WRITERS = Rule(
    "writers",
    "for the conversation's instructor and student; admins and owners only read it, for others it is not there.",
    outcomes("401 404 yes 404 yes 403 403"),
    decided_by="messaging, assignment",
)
