"""Declares operations: what a path answers, reads and needs, once, for the code and for the OpenAPI document.

    @routes.post("/users", who=access.ADMINS, body=JsonBody(NewUser), answers={201: Answer(CreatedUser)})
    def create_user(body): ...

The handler gets the path's ids as strings, the `body` and the `query`; it runs signed in, with its operation bound, and
only for callers who have a role that `who` asks for.
flask-smorest writes the document; its parsing and dumping are not used, because the services do both.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from flask_smorest import Blueprint
from werkzeug.wrappers import Response

from gateway import auth, idempotency, openapi_parts
from gateway.access import Rule
from gateway.declarations import Declaration
from gateway.reading import JsonBody, NoFields, QueryString

View = TypeVar("View", bound=Callable[..., Response])

NO_BODY = JsonBody(NoFields)


class Operation(NamedTuple):
    """A declared operation; its path as the OpenAPI document writes it, below /api/v1."""

    method: str
    path: str
    who: Rule

    @property
    def name(self) -> str:
        """`GET /users/{user_id}`."""
        return f"{self.method} {self.path}"


def documented(rule: str) -> str:
    """Flask's `<uuid:user_id>` as `{user_id}`."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)


class Routes(Blueprint):
    """A blueprint of the public API."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, f"gateway.api.{name}", url_prefix="/api/v1", description=description)
        self.operations: list[Operation] = []

    def get(self, rule: str, **declared: Any) -> Callable[[View], View]:
        """Declares a GET; so do the others."""
        return self._operation(rule, Declaration("GET", **declared))

    def post(self, rule: str, **declared: Any) -> Callable[[View], View]:
        return self._operation(rule, Declaration("POST", **declared))

    def put(self, rule: str, **declared: Any) -> Callable[[View], View]:
        return self._operation(rule, Declaration("PUT", **declared))

    def patch(self, rule: str, **declared: Any) -> Callable[[View], View]:
        return self._operation(rule, Declaration("PATCH", **declared))

    def delete(self, rule: str, **declared: Any) -> Callable[[View], View]:
        return self._operation(rule, Declaration("DELETE", **declared))

    def _operation(self, rule: str, declared: Declaration) -> Callable[[View], View]:
        def decorate(view: View) -> View:
            handler = handler_of(view, declared)
            handler.__doc__ = f"{inspect.getdoc(view)}\n\n{declared.who.words}"
            handler._apidoc = openapi_parts.describe(declared, view.__name__)  # type: ignore[attr-defined] # noqa: SLF001
            self.add_url_rule(rule, view.__name__, handler, methods=[declared.method])
            self.operations.append(Operation(declared.method, documented(rule), declared.who))
            return view

        return decorate


def handler_of(view: Callable[..., Response], declared: Declaration) -> Callable[..., Response]:
    """`view` with everything before it: sign-in, role, operation, query, body.

    In this order, so that who may not come in learns nothing of what a body should look like.
    """
    query = QueryString(declared.query) if declared.query else None
    body = declared.body or (NO_BODY if declared.changes else None)
    who, changes, wants_body = declared.who, declared.changes, bool(declared.body)
    signed_in = who.signed_in

    @functools.wraps(view)
    def handle(**path: Any) -> Response:
        arguments: dict[str, Any] = {name: str(value) for name, value in path.items()}
        if signed_in:
            who.require_role(auth.sign_in())
        if changes:
            idempotency.bind_operation()
        if query is not None:
            arguments["query"] = query.read()
        if body is not None:
            content = body.read()
            if wants_body:
                arguments["body"] = content
        return view(**arguments)

    return handle
