"""Structured logs: one JSON object a line, with a constant event name, ids as fields, no personal data.

Every line carries the request id of the call it belongs to. What an error quotes of people's
data stays out of its trace.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

import structlog

from chassis import context

# Their texts quote what they could not take: a password as well as a number.
QUOTING = (ValueError, KeyError)
NAMED = ("table", "column", "constraint")
LONGEST_CHAIN = 10


def add_call(_logger: Any, _method: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Adds the bound request's ids."""
    call = context.current_or_none()
    if call is not None:
        entry.setdefault("request_id", call.request_id)
        entry.setdefault("traceparent", call.traceparent)
    return entry


def configure(level: str, **bound: str) -> None:
    """Sets up structlog and sends the libraries' own log lines the same way."""
    shared: list[Any] = [
        add_call,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(lambda exc_info: trace_of(exc_info[1])),
    ]
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            _adding(bound),
            *shared,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        processor=structlog.processors.JSONRenderer(),
        foreign_pre_chain=[_adding(bound), structlog.stdlib.add_logger_name, *shared],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    handler.addFilter(without_quotations)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(threshold, logging.WARNING))
    # Nameko logs every expected error with its trace; the RPC server counts them by code instead.
    logging.getLogger("nameko.containers").addFilter(is_unexpected)


def trace_of(error: BaseException | None) -> str:
    """The traces of an error and of those behind it, oldest first, with the texts that `text_of` gives."""
    chain: list[BaseException] = []
    while error is not None and len(chain) < LONGEST_CHAIN:
        chain.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(
        "".join(traceback.format_tb(one.__traceback__))
        + f"{type(one).__qualname__}: {text_of(one)}"
        for one in reversed(chain)
    )


def text_of(error: BaseException) -> str:
    """What may be said of an error. PostgreSQL's quotes keys and rows, so only its code and our own names remain."""
    of_database: Any = getattr(error, "orig", error)
    if hasattr(of_database, "pgcode"):
        names = (getattr(of_database.diag, f"{kind}_name", None) for kind in NAMED)
        return " ".join(word for word in (of_database.pgcode, *names) if word) or "no code"
    return "(not shown)" if isinstance(error, QUOTING) else str(error)


def without_quotations(record: logging.LogRecord) -> bool:
    """Lets every line of a library through; of errors in it, no more is said than `text_of` gives."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            f"{type(each).__qualname__}: {text_of(each)}"
            if isinstance(each, BaseException)
            else each
            for each in record.args
        )
    return True


def is_unexpected(record: logging.LogRecord) -> bool:
    """Whether a record of Nameko's container is more than an expected error."""
    return not str(record.msg).startswith("(expected)")


def _adding(bound: dict[str, str]) -> Any:
    def add_bound(_logger: Any, _method: str, entry: dict[str, Any]) -> dict[str, Any]:
        entry.update({k: v for k, v in bound.items() if k not in entry})
        return entry

    return add_bound
