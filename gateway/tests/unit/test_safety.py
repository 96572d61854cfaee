"""What every answer tells browsers."""

from __future__ import annotations

import pytest
from werkzeug.datastructures import Headers

from gateway import safety


@pytest.mark.parametrize(("has_tls", "asked"), [(True, True), (False, False)])
def test_only_who_is_reached_by_https_asks_for_https(has_tls: bool, asked: bool) -> None:
    headers = Headers()
    safety.add_headers(headers, has_tls=has_tls)
    lasting = headers.get("Strict-Transport-Security", "")
    assert ("max-age=31536000" in lasting and "includeSubDomains" in lasting) is asked


def test_a_policy_of_the_answers_own_stands() -> None:
    headers = Headers({"Content-Security-Policy": safety.PAGE_POLICY})
    safety.add_headers(headers, has_tls=False)
    assert headers.getlist("Content-Security-Policy") == [safety.PAGE_POLICY]
    assert headers["X-Content-Type-Options"] == "nosniff"
