"""Passwords of one running system: generated at its first start, kept in its run folder for the owner's eyes only."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from local_runner.places import write_whole


class SecretStore:
    """A named secret is made when first asked for and stays the same from then on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def get(self, name: str) -> str:
        """The secret called `name`: safe in URLs, configuration files and shells."""
        if name not in self._known:
            self._known[name] = secrets.token_hex(20)
            self._save()
        return self._known[name]

    def keep(self, name: str, value: str) -> str:
        """Stores a secret that came from elsewhere, unless one of that name is there; answers what is stored."""
        if name not in self._known:
            self._known[name] = value
            self._save()
        return self._known[name]

    def _save(self) -> None:
        write_whole(self._path, json.dumps(self._known, indent=2) + "\n", mode=0o600)
