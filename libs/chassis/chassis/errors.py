"""The errors that cross the bus.

    ServiceError
    ├── Invalid       the caller sent something that can't be accepted; names the fields
    ├── NotFound      no such thing, or it is another organization's (the two look the same)
    ├── Conflict      right in itself, but not in the present state
    ├── Forbidden     this actor may not do this
    └── Unavailable   something needed did not answer in time; nothing was decided

A service picks a stable `code` ("booking.conflict"); clients match on it. Only the gateway knows HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Final

# An answer must not be larger than the request that it refuses.
MOST_FIELD_ERRORS: Final = 20
LONGEST_POINTER: Final = 200


@dataclass(frozen=True, slots=True)
class FieldError:
    """One invalid field: a JSON pointer into the caller's arguments and what is wrong there.

    A pointer of over 200 characters is cut: it is the caller's own text, and may have a megabyte.
    """

    pointer: str
    detail: str

    def __post_init__(self) -> None:
        if len(self.pointer) > LONGEST_POINTER:
            object.__setattr__(self, "pointer", self.pointer[:LONGEST_POINTER] + "…")


class ServiceError(Exception):
    """An expected error with a stable code. Raise one of the five kinds, never this class.

    Of `errors` the first 20 are kept.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Iterable[FieldError] = (),
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.errors = tuple(islice(errors, MOST_FIELD_ERRORS))
        self.data = dict(data or {})

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"

    def to_wire(self) -> dict[str, Any]:
        """The plain form that `from_wire` reads back on the other side of the bus."""
        return {
            "kind": self.kind,
            "code": self.code,
            "detail": self.detail,
            "errors": [{"pointer": e.pointer, "detail": e.detail} for e in self.errors],
            "data": self.data,
        }


class Invalid(ServiceError):
    """The arguments can't be accepted; `errors` names the fields."""

    kind = "invalid"

    @classmethod
    def field(cls, pointer: str, detail: str, code: str = "request.invalid") -> Invalid:
        """The common case: exactly one field is wrong."""
        return cls(code, detail, errors=[FieldError(pointer, detail)])


class NotFound(ServiceError):
    """There is no such thing in the actor's organization."""

    kind = "not_found"


class Conflict(ServiceError):
    """The present state does not allow it."""

    kind = "conflict"


class Forbidden(ServiceError):
    """The actor may not do this."""

    kind = "forbidden"


class Unavailable(ServiceError):
    """A dependency did not answer within the deadline. Trying again later is right."""

    kind = "unavailable"


KINDS: dict[str, type[ServiceError]] = {
    cls.kind: cls for cls in (Invalid, NotFound, Conflict, Forbidden, Unavailable)
}


def from_wire(problem: Mapping[str, Any]) -> ServiceError:
    """The error that `to_wire` described. An unknown kind, from a newer service, is Unavailable."""
    cls = KINDS.get(str(problem.get("kind")), Unavailable)
    return cls(
        str(problem.get("code", "internal")),
        str(problem.get("detail", "")),
        errors=[FieldError(e["pointer"], e["detail"]) for e in problem.get("errors", [])],
        data=problem.get("data") or {},
    )
