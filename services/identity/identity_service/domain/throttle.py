"""How fast somebody may guess: who is counted together, and at which pace.

Every attempt takes from three allowances before the password is looked at: that of the login at this address, of the
login, and of the address. The last two are not asked at an address from which this login has signed in, so nobody can
lock anybody else out. Keys are keyed hashes: the table tells nobody's login or address.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass, field, replace
from datetime import timedelta

IPV6_NETWORK = 64


@dataclass(frozen=True, slots=True)
class Pace:
    """`burst` attempts at once, then one per `seconds`."""

    burst: float
    seconds: float

    def scaled(self, factor: float) -> Pace:
        """As many times as much."""
        return replace(self, burst=self.burst * factor, seconds=self.seconds / factor)

    @property
    def tolerance(self) -> float:
        """By how many seconds the next free moment may lie ahead for another attempt to be let through."""
        return max(self.burst - 1, 0) * self.seconds


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one attempt takes from."""

    key: bytes
    pace: Pace


@dataclass(frozen=True, slots=True)
class Throttle:
    """Names the allowances of an attempt."""

    secret: bytes = field(repr=False)
    login_at_address: Pace = Pace(20, 5)
    login: Pace = Pace(50, 10)
    address: Pace = Pace(300, 1 / 3)
    reset: Pace = Pace(3, 600)
    known_for: timedelta = timedelta(days=30)

    def sign_in(self, login: str, address: str, organization: str = "") -> list[Allowance]:
        """For a login, in the form in which logins are compared; the first is the login's at this address.

        That one is apart for each organization that was named: anybody can have an account in a login's name in an
        organization of their own, and what is forgiven for signing in there must not help against another account.
        """
        place = network_of(address)
        first = self._key("login_at_address", login, organization, place)
        return [
            Allowance(first, self.login_at_address),
            Allowance(self._key("login", login), self.login),
            Allowance(self._key("address", place), self.address),
        ]

    def own_password(self, user_id: str) -> list[Allowance]:
        """For the present password that somebody who is signed in gives."""
        return [Allowance(self._key("own_password", user_id), self.login_at_address)]

    def password_reset(self, login: str) -> list[Allowance]:
        """For mails that anybody can have sent to somebody."""
        return [Allowance(self._key("reset", login), self.reset)]

    def client(self, address: str) -> bytes:
        """Who is counted as one client."""
        return self._key("client", network_of(address))

    def account(self, name: str) -> bytes:
        """Who is counted as one account: a login, a link, a signed-in person."""
        return self._key("account", name)

    def _key(self, *parts: str) -> bytes:
        text = "\0".join(("throttle", *parts))
        return hmac.new(self.secret, text.encode(), hashlib.sha256).digest()


def network_of(address: str) -> str:
    """Who counts as one address: an IPv4 address, an IPv6 network as one customer gets it, or the text as it is."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 6 and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    if found.version == 6:
        return str(ipaddress.ip_network((int(found), IPV6_NETWORK), strict=False))
    return str(found)
