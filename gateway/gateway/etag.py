"""Entity tags: a resource's version, for `If-Match` on changes and `If-None-Match` on reading (RFC 9110, 13.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import request
from werkzeug.exceptions import PreconditionFailed
from werkzeug.wrappers import Response

from gateway import answers

# No version has more digits; a longer number could only overflow somewhere.
VERSION_TAG = re.compile(r'"(\d{1,9})"', re.ASCII)


def tag_of(resource: Mapping[str, Any]) -> str:
    """The strong tag of a resource."""
    return f'"{resource["version"]}"'


def answer(resource: Mapping[str, Any], status: int = 200) -> Response:
    """The resource with its tag; 304 if the caller of a GET already has this version."""
    tag = tag_of(resource)
    if request.method == "GET" and "If-None-Match" in request.headers and _is_known(tag):
        return answers.empty(304, {"ETag": tag})
    return answers.json(resource, status, {"ETag": tag})


def _is_known(tag: str) -> bool:
    known = request.if_none_match
    return bool(known.star_tag) or known.contains_weak(tag.strip('"'))


def expected_version() -> int | None:
    """The version that `If-Match` demands; None if it demands none.

    A tag that is none of ours can't match, so it is answered like a stale one.
    """
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    match = VERSION_TAG.fullmatch(header.strip())
    if match is None:
        raise PreconditionFailed(
            "If-Match does not name the present version; use the ETag of a GET."
        )
    return int(match[1])


def if_version() -> dict[str, Any]:
    """The RPC argument for `expected_version`, if there is one."""
    version = expected_version()
    return {} if version is None else {"if_version": version}


def require(resource: Mapping[str, Any]) -> None:
    """PreconditionFailed unless `If-Match` allows changing this version."""
    version = expected_version()
    if version is not None and version != resource["version"]:
        raise PreconditionFailed("It was changed meanwhile; read it again.")
