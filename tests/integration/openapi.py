"""The served description of the API, walked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .client import Api, expect

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Call:
    """One documented operation."""

    method: str
    path: str
    described: dict[str, Any] = field(repr=False)
    schemas: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """POST /sessions/{session_id}/cancel"""
        return f"{self.method} {self.path}"

    @property
    def path_parameters(self) -> list[str]:
        """The names in braces."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    @property
    def is_list(self) -> bool:
        """Whether it answers page by page."""
        return any(
            p["name"] == "cursor" for p in self.described.get("parameters", []) if "name" in p
        )

    @property
    def needs_token(self) -> bool:
        """Whether it is for signed-in people."""
        return bool(self.described.get("security", [True]))

    @property
    def body_schema(self) -> dict[str, Any] | None:
        """The JSON body's schema, resolved, if there is a body."""
        content = self.described.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        return self.resolved(schema) if schema else None

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema without its outermost reference."""
        reference = schema.get("$ref")
        return self.schemas[reference.rpartition("/")[2]] if reference else schema


def documented_calls(url: str) -> Iterator[Call]:
    """Every operation below /api/v1, its path without that."""
    document = expect(200, Api(url).get("/api/openapi.json"))
    schemas = document.get("components", {}).get("schemas", {})
    base = document.get("servers", [{"url": ""}])[0]["url"] if document.get("servers") else ""
    for path, operations in document["paths"].items():
        whole = path if path.startswith("/api/v1") else base.rstrip("/") + path
        if not whole.startswith("/api/v1"):
            continue
        for method in METHODS:
            if method in operations:
                described = dict(operations[method])
                shared = operations.get("parameters", [])
                described["parameters"] = [*shared, *described.get("parameters", [])]
                yield Call(method.upper(), whole.removeprefix("/api/v1"), described, schemas)
