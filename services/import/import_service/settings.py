"""The import service's own settings, from environment variables."""

from __future__ import annotations

from environs import Env


def upload_days(env: Env | None = None) -> int:
    """For how many days an uploaded file is kept; its rows stay."""
    return (env or Env()).int("UPLOAD_DAYS", 30)
