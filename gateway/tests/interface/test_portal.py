"""The portal as a browser sees it: signing in and out, what mails' links open, what other sites can't do with it."""

from __future__ import annotations

import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from chassis.errors import Conflict, Forbidden, Invalid, Unavailable
from gateway.browser import Browser
from gateway.testing import System, is_problem

SESSION = "__Host-tandem_session"
PASSWORD = "correct horse battery staple"  # nosec B105 # made up for a test
BAD_LINK = Invalid.field("/token", "Not a link that can be used.", code="identity.bad_link")


@pytest.fixture
def known(system: System) -> System:
    """Identity knows a person who signs in with PASSWORD."""
    _, token = system.sign_in("admin")
    refresh = uuid.uuid4().hex
    answer = {"access_token": token, "refresh_token": refresh, "expires_in": 900}

    def authenticate(arguments: dict[str, Any], _call: object) -> dict[str, Any]:
        if arguments["password"] != PASSWORD:
            raise Forbidden("identity.bad_credentials", "No.")
        return answer

    system.on("identity", "authenticate", authenticate)
    system.on("identity", "revoke", None)
    person = {"first_name": "Ada", "last_name": "<b>Lovelace</b>", "roles": ["admin"]}
    system.on("identity", "get_user", {**person, "email": "ada@example.org", "time_zone": None})
    system.on("identity", "get_organization", {"name": "North School", "time_zone": "UTC"})
    return system


@pytest.fixture
def browser(known: System) -> Browser:
    return Browser(known.gateway.url)


def sign_in(browser: Browser, password: str = PASSWORD, **fields: str) -> requests.Response:
    browser.open("/sign-in")
    return browser.submit("/sign-in", {"login": "ada@example.org", "password": password, **fields})


def leads_to(answer: requests.Response) -> str | None:
    """Where a page leads on to."""
    return answer.headers.get("Location") if answer.status_code == 303 else None


def test_who_is_not_signed_in_is_asked_to(browser: Browser) -> None:
    assert leads_to(browser.open("/")) == "/sign-in"
    assert '<label for="password">Password</label>' in browser.open("/sign-in").text


def test_who_signs_in_sees_who_they_are(browser: Browser) -> None:
    assert leads_to(sign_in(browser)) == "/"
    page = browser.open("/")
    assert page.status_code == 200
    assert "North School" in page.text
    assert "&lt;b&gt;Lovelace" in page.text
    assert "<b>" not in page.text


def test_who_is_signed_in_needs_not_sign_in(browser: Browser) -> None:
    sign_in(browser)
    assert leads_to(browser.open("/sign-in?next=/sign-out")) == "/sign-out"


def test_a_wrong_password_is_said_and_what_was_typed_stays(browser: Browser) -> None:
    page = sign_in(browser, "wrong")
    assert page.status_code == 422
    assert "is not right" in page.text
    assert 'value="ada@example.org"' in page.text
    assert "wrong" not in re.sub(r'class="[^"]*"', "", page.text)
    assert SESSION not in browser.cookies


def test_an_empty_field_is_named(browser: Browser) -> None:
    browser.open("/sign-in")
    page = browser.submit("/sign-in", {"login": "", "password": ""})  # nosec B105 # made up for a test
    assert page.status_code == 422
    assert page.text.count('aria-invalid="true"') == 2


def test_who_tried_too_often_is_told_to_wait(known: System, browser: Browser) -> None:
    error = Forbidden("identity.too_many_attempts", "Too many.", data={"retry_after": 5})
    known.on("identity", "authenticate", error)
    page = sign_in(browser, login="tries.often@example.org")
    assert (page.status_code, page.headers["Retry-After"]) == (429, "5")
    assert "in 5 seconds" in page.text


def test_who_belongs_to_several_organizations_chooses_and_no_page_holds_the_password(
    known: System, browser: Browser
) -> None:
    two = [{"slug": "north", "name": "North School"}, {"slug": "south", "name": "South School"}]
    choose = Conflict("identity.choose_organization", "Which?", data={"organizations": two})
    known.on("identity", "authenticate", choose)
    page = sign_in(browser)
    assert "South School" in page.text
    assert PASSWORD not in page.text
    answer = known.sign_in("student")[1]
    known.on(
        "identity",
        "authenticate",
        {"access_token": answer, "refresh_token": answer, "expires_in": 900},
    )
    fields = {"login": "ada@example.org", "password": PASSWORD, "organization": "south"}
    assert leads_to(browser.submit("/choose-organization", fields)) == "/"
    assert known.calls("identity", "authenticate")[-1] == fields
    assert leads_to(browser.open("/choose-organization")) == "/sign-in"


def test_signing_out_ends_the_login_everywhere(known: System, browser: Browser) -> None:
    sign_in(browser)
    assert browser.open("/sign-out").status_code == 200
    assert leads_to(browser.submit("/sign-out", {})) == "/sign-in"
    assert len(known.calls("identity", "revoke")) == 1
    assert SESSION not in browser.cookies
    assert "You are signed out." in browser.open("/sign-in").text


def test_the_browser_forgets_the_session_even_when_identity_is_away(
    known: System, browser: Browser
) -> None:
    sign_in(browser)
    browser.open("/sign-out")
    known.on("identity", "revoke", Unavailable("service.down", "Away."))
    page = browser.submit("/sign-out", {})
    assert page.status_code == 503
    assert "text/html" in page.headers["Content-Type"]
    assert SESSION not in browser.cookies


def test_the_cookies_are_bound_to_this_host_and_out_of_scripts_reach(browser: Browser) -> None:
    cookies = sign_in(browser).raw.headers.getlist("Set-Cookie")
    assert len(cookies) >= 2
    for cookie in cookies:
        parts = [part.strip() for part in cookie.split(";")]
        assert parts[0].startswith("__Host-tandem_")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(parts[1:])
        assert not any(part.startswith("Domain") for part in parts)


def test_the_cookie_shows_no_token_and_stands_no_change(known: System, browser: Browser) -> None:
    sign_in(browser)
    sealed = browser.cookies[SESSION]
    assert not any(token in sealed for token in known.tokens)
    for forged in (sealed[:-9] + "AAAAAAAA=", "", "x", "ü", known.sign_in("owner")[1], "a" * 5000):
        browser.cookies[SESSION] = forged.encode().decode("latin-1")
        assert leads_to(browser.open("/")) == "/sign-in"


def test_the_api_reads_no_cookie(browser: Browser) -> None:
    sign_in(browser)
    answer = browser.open("/api/v1/me", Accept="application/json")
    is_problem(answer, 401, "access.sign_in_required")
    assert "Set-Cookie" not in answer.headers


def test_signing_in_takes_nothing_over_from_before(known: System, browser: Browser) -> None:
    browser.open("/sign-in")
    planted = browser.cookies["__Host-tandem_form"]
    sign_in(browser)
    first = browser.cookies[SESSION]
    assert planted not in browser.cookies.values()
    other = Browser(known.gateway.url)
    other.cookies = {SESSION: first}
    # Somebody who signs in while another's session is in the browser gets a session of their own.
    other.open("/forgot-password")
    other.submit("/sign-in", {"login": "ada@example.org", "password": PASSWORD})
    assert other.cookies[SESSION] != first


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "", "Origin": "null"},
        {"Sec-Fetch-Site": "", "Origin": ""},
    ],
)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/forgot-password", "/reset-password"])
def test_a_form_that_another_site_sends_is_refused(
    known: System, browser: Browser, path: str, headers: dict[str, str]
) -> None:
    browser.open("/sign-in")
    known.fakes["identity"].calls.clear()
    page = browser.submit(path, {"login": "ada", "password": PASSWORD}, **headers)
    assert page.status_code == 403
    assert "This form has expired" in page.text
    assert not known.calls("identity", "authenticate")


def test_a_browser_that_says_only_where_a_form_comes_from_is_believed(browser: Browser) -> None:
    browser.open("/sign-in")
    fields = {"login": "ada@example.org", "password": PASSWORD}
    assert leads_to(browser.submit("/sign-in", fields, **{"Sec-Fetch-Site": ""})) == "/"


@pytest.mark.parametrize("token", ["", "made-up", "ImFiYyI.YWJj.ZGVm"])
def test_a_form_without_its_token_is_refused(known: System, browser: Browser, token: str) -> None:
    browser.open("/sign-in")
    fields = {"login": "ada", "password": PASSWORD, "csrf_token": token}
    assert browser.submit("/sign-in", fields).status_code == 403
    assert not known.calls("identity", "authenticate")


def test_a_token_of_another_browser_is_refused(known: System, browser: Browser) -> None:
    attacker = Browser(known.gateway.url)
    attacker.open("/sign-in")
    browser.open("/sign-in")
    browser.page = attacker.page
    fields = {"login": "attacker", "password": PASSWORD}
    assert browser.submit("/sign-in", fields).status_code == 403


@pytest.mark.parametrize(
    "destination",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        "evil",
        "",
    ],
)
def test_signing_in_leads_nowhere_else(browser: Browser, destination: str) -> None:
    assert leads_to(sign_in(browser, next=destination)) == "/"


def test_signing_in_leads_back(browser: Browser) -> None:
    assert leads_to(sign_in(browser, next="/sign-out?a=b")) == "/sign-out?a=b"


def test_tokens_that_ran_out_are_exchanged_once_however_many_pages_are_opened(
    known: System, browser: Browser
) -> None:
    _, fresh = known.sign_in("admin")
    old = {"access_token": "x" * 20, "refresh_token": "r" * 20, "expires_in": 0}
    known.on("identity", "authenticate", old)
    operations = []

    def refresh(_arguments: object, call: Any) -> dict[str, Any]:
        operations.append(call.operation.id)
        return {"access_token": fresh, "refresh_token": "s" * 20, "expires_in": 900}

    known.on("identity", "refresh", refresh)
    sign_in(browser)
    tabs = [Browser(browser.url) for _ in range(3)]
    for tab in tabs:
        tab.cookies = dict(browser.cookies)
    with ThreadPoolExecutor(3) as pool:
        pages = list(pool.map(lambda tab: tab.open("/"), tabs))
    assert [page.status_code for page in pages] == [200] * 3
    assert len(set(operations)) == 1
    before = len(operations)
    assert tabs[0].open("/").status_code == 200
    assert len(operations) == before


def test_a_session_that_was_ended_elsewhere_is_over_here_too(
    known: System, browser: Browser
) -> None:
    sign_in(browser)
    known.tokens.clear()
    known.on("identity", "refresh", Forbidden("identity.bad_refresh_token", "No."))
    deadline = time.monotonic() + 10
    # The gateway may remember the token for a moment.
    while leads_to(browser.open("/")) is None:
        assert time.monotonic() < deadline
    assert SESSION not in browser.cookies


def test_an_invitation_is_accepted_and_signs_in(known: System, browser: Browser) -> None:
    _, token = known.sign_in("student")
    signed_in = {"access_token": token, "refresh_token": "r" * 20, "expires_in": 900}
    known.on("identity", "accept_invitation", signed_in)
    answer = browser.open("/accept-invitation?token=secret-of-the-mail")
    assert leads_to(answer) == "/accept-invitation"
    page = browser.open("/accept-invitation")
    assert "secret-of-the-mail" not in page.text + str(page.headers) + str(browser.cookies)
    fields = {"password": PASSWORD, "repeated": PASSWORD}
    assert leads_to(browser.submit("/accept-invitation", fields)) == "/"
    assert known.calls("identity", "accept_invitation") == [
        {"token": "secret-of-the-mail", "password": PASSWORD}  # nosec B105 # made up for a test
    ]
    assert "Welcome!" in browser.open("/").text


def test_a_password_is_reset_and_nobody_is_signed_in_by_that(
    known: System, browser: Browser
) -> None:
    known.on("identity", "reset_password", None)
    sign_in(browser)
    browser.open("/reset-password?token=secret-of-the-mail")
    browser.open("/reset-password")
    fields = {"password": PASSWORD, "repeated": PASSWORD}
    assert leads_to(browser.submit("/reset-password", fields)) == "/sign-in"
    assert "Your password is changed" in browser.open("/sign-in").text
    assert leads_to(browser.open("/")) == "/sign-in"


@pytest.mark.parametrize("path", ["/accept-invitation", "/reset-password"])
def test_a_link_that_is_no_good_says_what_to_do(known: System, browser: Browser, path: str) -> None:
    known.on("identity", path[1:].replace("-", "_"), BAD_LINK)
    assert browser.open(path).status_code == 410
    browser.open(f"{path}?token=old")
    browser.open(path)
    page = browser.submit(path, {"password": PASSWORD, "repeated": PASSWORD})
    assert page.status_code == 410
    assert "used any more" in page.text
    assert not any("invitation" in name or "reset" in name for name in browser.cookies)


@pytest.mark.parametrize("path", ["/accept-invitation", "/reset-password"])
def test_a_password_that_won_t_do_is_said_and_the_link_stays_good(
    known: System, browser: Browser, path: str
) -> None:
    weak = Invalid.field("/password", "Too common.", code="identity.weak_password")
    known.on("identity", path[1:].replace("-", "_"), weak)
    browser.open(f"{path}?token=good")
    browser.open(path)
    page = browser.submit(path, {"password": "password", "repeated": "password"})  # nosec B105 # made up for a test
    assert page.status_code == 422
    assert "Too common." in page.text
    page = browser.submit(path, {"password": PASSWORD, "repeated": "another"})
    assert "not the same" in page.text
    assert 'value="password"' not in page.text


def test_asking_for_a_new_password_answers_the_same_for_everybody(
    known: System, browser: Browser
) -> None:
    known.on("identity", "forgot_password", {})
    browser.open("/forgot-password")
    page = browser.submit("/forgot-password", {"login": "ada@example.org"})
    assert page.status_code == 200
    assert "If we know you" in page.text
    assert "ada@example.org" not in page.text
    assert known.calls("identity", "forgot_password") == [{"login": "ada@example.org"}]


def test_people_get_pages_and_programs_problems(known: System, browser: Browser) -> None:
    page = browser.open("/nowhere")
    assert page.status_code == 404
    assert "There is no such page" in page.text
    is_problem(browser.open("/api/v1/nowhere"), 404)
    is_problem(known.request("GET", "/nowhere"), 404)
    assert "text/html" in browser.submit("/forgot-password/", {}).headers["Content-Type"]


def test_a_service_that_is_away_and_a_bug_are_said_kindly(known: System, browser: Browser) -> None:
    sign_in(browser)
    known.on("identity", "get_user", Unavailable("service.down", "secret detail"))
    page = browser.open("/")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "1")
    assert "secret detail" not in page.text
    known.on("identity", "get_user", {})
    known.on("identity", "get_organization", None)
    page = browser.open("/")
    assert page.status_code == 500
    assert "The mistake is ours" in page.text


@pytest.mark.parametrize("name", ["portal.css", "icon.svg"])
def test_what_pages_are_made_of_may_be_kept_for_ever(browser: Browser, name: str) -> None:
    (path,) = set(re.findall(rf'"(/portal/\w+/{name})"', browser.open("/sign-in").text))
    answer = browser.open(path)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    assert browser.open(f"/portal/0123456789ab/{name}").status_code == 404
    assert browser.open("/portal/0123456789ab/../pages.py").status_code == 404
