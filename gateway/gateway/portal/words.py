"""What pages say when something was refused: for people, not for programs."""

from __future__ import annotations

from chassis.errors import ServiceError

TOO_MANY = "identity.too_many_attempts"

TYPED = frozenset({"login", "password"})
MISSING = {
    "login": "Enter your e-mail address or username.",
    "password": "Enter a password.",
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


PAGE_TITLES = {
    400: ("This form has expired", "Please go back, load the page again, and send it once more."),
    404: ("There is no such page", "The address may be mistyped, or the page has moved."),
    405: ("That does not work here", "This page can't be used in that way."),
    413: ("That is too large", "Please send less at once."),
    429: ("Too many requests", "You have been very quick. Please wait a moment, then try again."),
    500: ("Something went wrong", "The mistake is ours and has been noted. Please try again."),
    503: ("We can't answer right now", "A part of Tandem does not answer. Please try again soon."),
}


def of_status(status: int) -> tuple[str, str]:
    """A title and what to do, for a page that says that something failed."""
    if status in PAGE_TITLES:
        return PAGE_TITLES[status]
    return PAGE_TITLES[500] if status >= 500 else ("That was not possible", "Please try again.")
