"""The least that a Flask application can do."""

from __future__ import annotations

from flask import Flask

application = Flask(__name__)


@application.get("/")
def constant() -> dict[str, bool]:
    """Always the same."""
    return {"ok": True}
