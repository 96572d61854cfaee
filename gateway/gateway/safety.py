"""Headers that tell browsers what not to do with our answers (OWASP ASVS 5.0, V3.4)."""

from __future__ import annotations

from werkzeug.datastructures import Headers

# Nothing here is a page: should a browser show it as one, it may do nothing.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# Pages have a style sheet and forms of their own, and no script.
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
FEATURES = "accelerometer camera display-capture geolocation gyroscope microphone midi payment usb"
ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Permissions-Policy", ", ".join(f"{feature}=()" for feature in FEATURES.split())),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
UNLESS_SET = (
    ("Content-Security-Policy", DATA_POLICY),
    ("Referrer-Policy", "no-referrer"),
)
# A year, as browsers' preload lists ask for.
TRANSPORT = ("Strict-Transport-Security", "max-age=31536000; includeSubDomains")


def add_headers(headers: Headers, *, has_tls: bool) -> None:
    """On every answer; an answer's own policies stand."""
    for name, value in ALWAYS:
        headers.add(name, value)
    for name, value in UNLESS_SET:
        if name not in headers:
            headers.add(name, value)
    if has_tls:
        headers.add(*TRANSPORT)
