"""What the mails say, as plain text and as HTML. Names are other people's words: escaped in HTML, kept on one line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from html import escape

STYLE = "font-family:sans-serif;font-size:16px;line-height:1.5;color:#222;max-width:36em"
BUTTON = "display:inline-block;padding:10px 18px;background:#1a4d8f;color:#fff;text-decoration:none;border-radius:4px"


@dataclass(frozen=True, slots=True)
class Words:
    """One mail's words."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Paragraphs:
    """A mail's parts: what it says, maybe a link with its label, and what to do if it comes unexpected."""

    subject: str
    greeting: str
    body: tuple[str, ...]
    link: tuple[str, str] | None
    unexpected: str


def invitation(
    name: str, organization: str, url: str, life: timedelta, username: str | None
) -> Words:
    """The first mail that a person gets."""
    body = [
        f"{organization} has made an account for you on Tandem, where it plans tutoring sessions."
    ]
    if username:
        body.append(f"Besides your e-mail address you can sign in with the username {username}.")
    body.append(f"Choose a password within {span(life)} to use the account:")
    return words(
        Paragraphs(
            subject=f"{organization} invites you to Tandem",
            greeting=f"Hello {name},",
            body=tuple(body),
            link=("Choose a password", url),
            unexpected=(
                "If you don't know this organization, you need not do anything: without a password nobody can use "
                "the account. Nobody from Tandem will ask you for the link or your password."
            ),
        )
    )


def password_reset(name: str, organization: str, url: str, life: timedelta) -> Words:
    """For whoever has forgotten their password."""
    return words(
        Paragraphs(
            subject=f"Choose a new password for {organization}",
            greeting=f"Hello {name},",
            body=(
                f"Somebody, hopefully you, has asked for a new password for your account at {organization}.",
                f"The link works once, and for {span(life)}:",
            ),
            link=("Choose a new password", url),
            unexpected=(
                "If it was not you, you need not do anything: your password stays as it is. If that happens again, "
                "tell an administrator of the organization."
            ),
        )
    )


def password_changed(name: str, organization: str) -> Words:
    """The notice that a password is another now."""
    return words(
        Paragraphs(
            subject=f"Your password for {organization} was changed",
            greeting=f"Hello {name},",
            body=(
                (
                    f"The password of your account at {organization} was changed just now, and you were signed out "
                    "everywhere else."
                ),
            ),
            link=None,
            unexpected=(
                "If it was not you, choose a new password at once by “Forgot password” on the sign-in page, and tell "
                "an administrator of the organization."
            ),
        )
    )


def words(parts: Paragraphs) -> Words:
    """The parts in both forms."""
    return Words(parts.subject, as_text(parts), as_html(parts))


def as_text(parts: Paragraphs) -> str:
    """Paragraphs with an empty line between them; the link on a line of its own."""
    lines = [parts.greeting, *parts.body]
    if parts.link:
        lines.append(parts.link[1])
    return "\n\n".join(one_line(line) for line in (*lines, parts.unexpected)) + "\n"


def as_html(parts: Paragraphs) -> str:
    """The same with a button. No image, no script: nothing is loaded when it is opened."""
    blocks = [paragraph(escape(one_line(line))) for line in (parts.greeting, *parts.body)]
    if parts.link:
        label, url = parts.link
        blocks.append(paragraph(f'<a href="{escape(url)}" style="{BUTTON}">{escape(label)}</a>'))
        blocks.append(paragraph(f"Or open this address: {escape(url)}"))
    blocks.append(paragraph(escape(parts.unexpected)))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(one_line(parts.subject))}</title></head>\n"
        f'<body style="{STYLE}">\n' + "\n".join(blocks) + "\n</body></html>\n"
    )


def paragraph(html: str) -> str:
    """A block."""
    return f"<p>{html}</p>"


def one_line(text: str) -> str:
    """A name can't begin a line of its own."""
    return " ".join(text.split())


def span(life: timedelta) -> str:
    """How long, in the largest unit that fits."""
    for unit, seconds in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count, rest = divmod(int(life.total_seconds()), seconds)
        if count and not rest:
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return f"{int(life.total_seconds())} seconds"
