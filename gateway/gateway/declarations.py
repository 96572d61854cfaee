"""What an operation of the public API answers, reads and needs: read by the code and by the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from marshmallow import Schema

from gateway.access import Rule

CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Body(Protocol):
    """Reads the body of a request and describes itself."""

    def read(self) -> dict[str, Any]:
        """The request's fields."""

    def parameter(self) -> dict[str, Any]:
        """For the OpenAPI document."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One good answer. Without a schema it has no body, unless `content_type` says that it is no JSON."""

    schema: type[Schema] | None = None
    description: str = ""
    content_type: str = ""
    has_tag: bool = False


@dataclass(frozen=True, slots=True)
class Declaration:
    """What an operation answers, reads and needs, and who may use it: without a rule there is no operation."""

    method: str
    who: Rule
    answers: Mapping[int, Answer]
    body: Body | None = None
    query: type[Schema] | None = None
    has_tag: bool = False
    prefers_wait: bool = False
    fails: Sequence[int] = ()

    @property
    def signed_in(self) -> bool:
        """Whether it needs a token."""
        return self.who.signed_in

    @property
    def changes(self) -> bool:
        """Whether it may change something."""
        return self.method in CHANGING
