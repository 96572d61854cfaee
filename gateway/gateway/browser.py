"""For tests: a browser without a window. It keeps cookies, fills in forms, and says where a request comes from."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie

import requests

HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


class Browser:
    """One window of one browser on the portal at `url`. It follows nowhere by itself."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}
        self.page = requests.Response()

    def open(self, path: str, **headers: str) -> requests.Response:
        """GET, without following where it leads."""
        return self._request("GET", path, {}, {"Sec-Fetch-Site": "none", **headers})

    def submit(self, path: str, fields: dict[str, str], **headers: str) -> requests.Response:
        """POSTs a form of the page that was opened last."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.page.text)
        filled = {"csrf_token": token[1] if token else "", **fields}
        return self._request("POST", path, filled, {**self.from_here, **headers})

    @property
    def from_here(self) -> dict[str, str]:
        """What a browser says of a form on a page of this site."""
        return {"Sec-Fetch-Site": "same-origin", "Origin": self.url}

    def _request(
        self, method: str, path: str, fields: dict[str, str], headers: dict[str, str]
    ) -> requests.Response:
        sent = {"Accept": HTML, **headers}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self.page = requests.request(
            method,
            self.url + path,
            data=fields or None,
            headers={name: value for name, value in sent.items() if value},
            allow_redirects=False,
            timeout=15,
        )
        self._keep_cookies()
        return self.page

    def _keep_cookies(self) -> None:
        for line in self.page.raw.headers.getlist("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0" or "1970" in morsel["expires"]:
                    del self.cookies[name]
