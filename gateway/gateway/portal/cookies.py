"""The portal's cookies: sealed, so that only a gateway can read or write them, and bound to this host by their prefix.

`__Host-` makes browsers refuse them without `Secure`, without `Path=/` or with a domain: no other host, not even a
neighbouring subdomain, can plant one. Browsers keep `Secure` cookies of https and of the machine they run on, not of
plain http elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import g, request
from werkzeug.wrappers import Response

PREFIX = "__Host-tandem_"
# Browsers drop larger ones.
LONGEST = 4096


class SealedCookie:
    """A cookie with a JSON object that its owner can neither read nor change, good for `seconds` at most.

    The browser forgets it at its own end. The first of `keys` seals, each of them opens.
    """

    def __init__(self, name: str, keys: Sequence[str], *, seconds: int) -> None:
        self.name = PREFIX + name
        self._seal = MultiFernet([Fernet(derived(key, name)) for key in keys])
        self._seconds = seconds

    def read(self) -> dict[str, Any] | None:
        """What the request's cookie holds; None without one, with one that is not ours, or with an old one."""
        sealed = request.cookies.get(self.name, "")
        if not sealed or len(sealed) > LONGEST:
            return None
        try:
            content: dict[str, Any] = orjson.loads(self._seal.decrypt(sealed, ttl=self._seconds))
        except (InvalidToken, ValueError):
            return None
        return content

    def write(self, content: Mapping[str, Any]) -> None:
        """Sets the cookie with this request's answer."""
        pending()[self.name] = self._seal.encrypt(orjson.dumps(content)).decode()

    def delete(self) -> None:
        """Has the browser forget it with this request's answer."""
        pending()[self.name] = ""


def pending() -> dict[str, str]:
    """The cookies that this request's answer sets; empty ones are forgotten."""
    if "portal_cookies" not in g:
        g.portal_cookies = {}
    cookies: dict[str, str] = g.portal_cookies
    return cookies


def send_pending(response: Response) -> Response:
    """Puts them on the answer."""
    for name, value in pending().items():
        max_age = None if value else 0
        response.set_cookie(
            name, value, max_age=max_age, path="/", secure=True, httponly=True, samesite="Lax"
        )
    return response


def derived(key: str, name: str) -> bytes:
    """A Fernet key for one cookie, so that one can't be passed off as another."""
    digest = hmac.new(key.encode(), b"tandem portal cookie " + name.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest.digest())
