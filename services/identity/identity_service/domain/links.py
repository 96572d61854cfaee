"""The links in invitations and password resets: a link's token is derived from its id by a keyed hash, never stored.

So no secret waits in the database or on the bus: whoever sends the mail makes the token at that moment, and whoever
opens the link is believed because nobody else could have made it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

INVITATION: Final = "invitation"
PASSWORD_RESET: Final = "password_reset"  # noqa: S105 # nosec B105 - the name of a purpose
PURPOSES: Final = (INVITATION, PASSWORD_RESET)

PATHS: Final = {INVITATION: "accept-invitation", PASSWORD_RESET: "reset-password"}
ID_BYTES: Final = 16
TOKEN_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads tokens with the service's secret."""

    secret: bytes = field(repr=False)
    public_url: str
    invitation_life: timedelta = timedelta(days=14)
    reset_life: timedelta = timedelta(hours=1)

    def life_of(self, purpose: str) -> timedelta:
        """How long a link for `purpose` can be used."""
        return self.invitation_life if purpose == INVITATION else self.reset_life

    def token_for(self, purpose: str, link_id: uuid.UUID) -> str:
        """The link's token, the same each time: 64 characters that fit a URL."""
        return base64.urlsafe_b64encode(link_id.bytes + self._proof(purpose, link_id)).decode()

    def id_in(self, purpose: str, token: str) -> uuid.UUID | None:
        """The id of the link that `token` was made for, None unless it was made here for this purpose."""
        try:
            link_id = uuid.UUID(bytes=base64.urlsafe_b64decode(token)[:ID_BYTES])
        except ValueError:
            return None
        # The text is compared, not the bytes: base64 is read with "+" for "-" as well, and a token has one spelling.
        is_ours = hmac.compare_digest(token.encode(), self.token_for(purpose, link_id).encode())
        return link_id if is_ours else None

    def url_for(self, purpose: str, link_id: uuid.UUID) -> str:
        """What the mail says."""
        path = f"{PATHS[purpose]}?token={self.token_for(purpose, link_id)}"
        return f"{self.public_url.rstrip('/')}/{path}"

    def _proof(self, purpose: str, link_id: uuid.UUID) -> bytes:
        text = f"link:{purpose}:{link_id}"
        return hmac.new(self.secret, text.encode(), hashlib.sha256).digest()
