"""What stops a command, told to the person who typed it."""

from __future__ import annotations


class CannotStart(Exception):
    """The command can't go on; the text says why and what to do, without a trace."""


class StopRequested(Exception):
    """Ctrl-C or a SIGTERM came while something was being waited for."""
