"""Who is signed in with this browser: the tokens in its cookie, exchanged for new ones when they have run out."""

from __future__ import annotations

import contextlib
import hashlib
import time
import uuid
from collections.abc import Sequence
from typing import Any

from flask import g
from flask import session as form_session

from chassis.context import Actor
from chassis.errors import Forbidden
from gateway import auth, rpc
from gateway.parts import parts
from gateway.portal.cookies import SealedCookie

NAMESPACE = uuid.UUID("5a0a3a3c-6f0f-4d6a-9a51-2f4f2c9a7f0e")
# Identity decides how long a login lasts; the cookie may be used as long as any may.
COOKIE_SECONDS = 60 * 24 * 3600
# Exchanged a little before they run out, so that no page fails for it.
EARLY_SECONDS = 20


class Sessions:
    """Reads and writes sign-ins."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._cookie = SealedCookie("session", keys, seconds=COOKIE_SECONDS)

    def begin(self, signed_in: dict[str, Any]) -> None:
        """Signs this browser in with what identity answered; whatever it held before is gone."""
        form_session.clear()
        self._keep(signed_in)

    def end(self) -> None:
        """Signs out everywhere that knows this sign-in; the browser forgets it even if identity can't be reached."""
        self.forget()
        if (actor := self.actor()) is not None:
            self._cookie.delete()
            parts().tokens.forget_user(actor.user_id)
            rpc.change("identity", "revoke", access_token=g.portal_access)

    def forget(self) -> None:
        """Has the browser forget who was signed in."""
        form_session.clear()
        self._cookie.delete()

    def actor(self) -> Actor | None:
        """Who is signed in, bound to the request's context; None when nobody is."""
        held = self._cookie.read()
        if held is None:
            return None
        if held["until"] - EARLY_SECONDS > time.time():
            # Refused before its time: its role was changed, perhaps, and the login itself still stands.
            with contextlib.suppress(Forbidden):
                return self._actor_of(held["access"])
        return self._renewed(held["refresh"])

    def _renewed(self, refresh_token: str) -> Actor | None:
        # Two pages opened at once bring the same token. One operation for both, or identity takes one for a thief.
        operation_id = uuid.uuid5(NAMESPACE, hashlib.sha256(refresh_token.encode()).hexdigest())
        try:
            signed_in = parts().rpc.call(
                "identity", "refresh", operation_id=operation_id, refresh_token=refresh_token
            )
            self._keep(signed_in)
            return self._actor_of(signed_in["access_token"])
        except Forbidden:
            self._cookie.delete()
            return None

    @staticmethod
    def _actor_of(access_token: str) -> Actor:
        actor = auth.sign_in_with(access_token)
        g.portal_access = access_token
        return actor

    def _keep(self, signed_in: dict[str, Any]) -> None:
        self._cookie.write(
            {
                "access": signed_in["access_token"],
                "refresh": signed_in["refresh_token"],
                "until": int(time.time()) + signed_in["expires_in"],
            }
        )
