"""A plugin with which pytest reads its command line, writes down which words it takes for paths, and does no more.

It goes by hooks that pytest documents, so every plugin's options are known; a wrong one is refused as always.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

RESULT_FILE = "TANDEM_PYTEST_PATHS"
# What pytest answers without running a test.
ANSWERED = ("help", "version", "markers", "showfixtures", "show_fixtures_per_test", "cacheshow")


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Registers the reader with the parser, which knows every option in the end."""
    pluginmanager.register(Reader(parser))


class Reader:
    """Takes the place of the run."""

    def __init__(self, parser: pytest.Parser) -> None:
        self._parser = parser

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> int | None:
        """Writes the places, in the command line, of the words that are paths."""
        if any(config.getoption(name, default=False) for name in ANSWERED):
            return None
        words = [str(word) for word in config.invocation_params.args]
        named = set(config.getoption("file_or_dir"))
        places = [
            place
            for place, word in enumerate(words)
            if word in named and self._is_path(words, place)
        ]
        Path(os.environ[RESULT_FILE]).write_text(json.dumps(places), encoding="utf-8")
        return 0

    def _is_path(self, words: list[str], place: int) -> bool:
        """Whether another word at the place would be a path, too: the same word can also be an option's value."""
        another = f"{words[place]} at {place}"
        try:
            known = self._parser.parse_known_args([*words[:place], another, *words[place + 1 :]])
        except pytest.UsageError:  # an option that wants a folder, or a number
            return False
        return another in known.file_or_dir
