"""What pages say when something was refused: for people, not for programs."""

from __future__ import annotations

from typing import NamedTuple

from chassis.errors import ServiceError
from gateway.refusals import TOO_MANY

TYPED = frozenset({"login", "password"})
MISSING = {
    "login": "Enter your e-mail address or username.",
    "password": "Enter a password.",  # nosec B105 # what is said beside a field
}

BY_CODE = {
    "identity.bad_credentials": "The e-mail address, username or password is not right.",
}


def of_error(error: ServiceError) -> str:
    """One sentence."""
    if error.code in BY_CODE:
        return BY_CODE[error.code]
    if error.code == TOO_MANY:
        return f"Too many attempts. Please try again in {seconds_of(error)} seconds."
    return error.detail


def of_fields(error: ServiceError) -> dict[str, str]:
    """A sentence for each field of the form that is not valid; under "" those that people don't fill in."""
    names = {field.pointer.lstrip("/"): field.detail for field in error.errors}
    return {name if name in TYPED else "": detail for name, detail in names.items()}


def seconds_of(error: ServiceError) -> int:
    """How long somebody who tried too often has to wait."""
    seconds = error.data.get("retry_after", 1)
    return max(1, int(seconds))


class Failure(NamedTuple):
    """What a page says that shows that something failed: what it was, what to do, and a link to do it."""

    heading: str
    advice: str
    link: str = "/"
    label: str = "Go to the start page"


EXPIRED = Failure(
    "This form has expired",
    "Please go back, load the page again, and send it once more. Your browser must accept cookies, "
    "and the address must begin with https://.",
)
BAD_INVITATION = Failure(
    "This link can't be used any more",
    "Perhaps you have used it already: then sign in. If not, ask your organization to invite you again.",
    "/sign-in",
    "Sign in",
)
BAD_RESET = Failure(
    "This link can't be used any more",
    "It was used already, or it is too old.",
    "/forgot-password",
    "Ask for another one",
)
BY_STATUS = {
    404: Failure("There is no such page", "The address may be mistyped, or the page has moved."),
    405: Failure("That does not work here", "This page can't be used in that way."),
    413: Failure("That is too large", "Please send less at once."),
    429: Failure("Too many requests", "Please wait a moment, then try again."),
    500: Failure("Something went wrong", "The mistake is ours and was noted. Please try again."),
    503: Failure("We can't answer right now", "A part of Tandem is away. Please try again soon."),
}


def of_status(status: int) -> Failure:
    """What to say when nothing more is known."""
    other = BY_STATUS[500] if status >= 500 else Failure("That was not possible", "Please go back.")
    return BY_STATUS.get(status, other)
