"""Which limits there are, what they are by default, and which operations have a stricter one."""

from __future__ import annotations

from dataclasses import dataclass

from limits import RateLimitItem, parse

# The method and the path as it was declared.
Operation = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Rule:
    """A limit: `setting` may replace `default`."""

    name: str
    default: str

    @property
    def setting(self) -> str:
        """The environment variable."""
        return f"RATE_LIMIT_{self.name.upper().replace('-', '_')}"


RULES = (
    Rule("address", "6000/10 seconds"),
    Rule("account", "3000/10 seconds"),
    Rule("organization", "6000/10 seconds"),
    Rule("sign-up", "600/10 minutes"),
    Rule("sign-in", "600/1 minute"),
    Rule("forgot-password", "120/10 minutes"),
    Rule("uploads", "120/10 minutes"),
    Rule("batches", "100/10 seconds"),
)

API = "/api/v1"

# Counted by address: nobody is signed in yet.
STRICTER_BY_ADDRESS: dict[Operation, str] = {
    ("POST", f"{API}/organizations"): "sign-up",
    ("POST", f"{API}/auth/login"): "sign-in",
    ("POST", f"{API}/auth/accept-invitation"): "sign-in",
    ("POST", f"{API}/auth/reset-password"): "sign-in",
    ("POST", f"{API}/auth/forgot-password"): "forgot-password",
    ("POST", "/sign-in"): "sign-in",
    ("POST", "/accept-invitation"): "sign-in",
    ("POST", "/reset-password"): "sign-in",
    ("POST", "/forgot-password"): "forgot-password",
}

STRICTER_BY_ACCOUNT: dict[Operation, str] = {
    ("POST", f"{API}/imports"): "uploads",
    ("POST", f"{API}/assignments/batch"): "batches",
    ("POST", f"{API}/users/invitations"): "batches",
}


def limit_of(text: str) -> RateLimitItem:
    """`100/10 seconds` as a limit; ValueError if it is none."""
    limit = parse(text)
    if limit.amount < 1 or limit.get_expiry() < 1:
        raise ValueError(f"{text!r} allows nothing")
    return limit


DEFAULTS = {rule.name: limit_of(rule.default) for rule in RULES}
