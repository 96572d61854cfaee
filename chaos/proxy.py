"""A TCP proxy between one process and one server, which cuts, delays, throttles, holds back and half-opens.

All proxies share one thread. What they do to their connections is said from any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Self, TypeVar

from local_runner.ports import free_port

CHUNK = 65_536
SLICES_PER_SECOND = 20
CLOSING_SECONDS = 5.0
Value = TypeVar("Value")


@dataclass
class Weather:
    """What happens to bytes on their way. `delay` is in seconds, `rate` in bytes per second."""

    delay: float = 0.0
    rate: int | None = None
    passes_to_server: bool = True
    passes_to_process: bool = True
    takes_connections: bool = True


class Proxies:
    """The thread that all proxies run in."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._all: list[Proxy] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._close_all)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSING_SECONDS)
        self._loop.close()

    def call(self, work: Callable[[], Awaitable[Value]]) -> Value:
        """Does something in the proxies' thread; returns its result."""

        async def done() -> Value:
            return await work()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(CLOSING_SECONDS)

    def to(self, host: str, port: int) -> Proxy:
        """A new proxy in front of a server."""
        proxy = Proxy(self, host, port)
        self.call(proxy.listen)
        self._all.append(proxy)
        return proxy

    async def _close_all(self) -> None:
        for proxy in self._all:
            await proxy.close()


@dataclass(eq=False)
class Link:
    """One connection of the process, and ours to the server."""

    ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def abort(self) -> None:
        """Closes both ends at once, whatever is still on the way."""
        for task in self.tasks:
            task.cancel()
        for writer in self.ends:
            writer.transport.abort()


class Proxy:
    """Listens on `port` for one process."""

    def __init__(self, proxies: Proxies, host: str, port: int) -> None:
        self.port = free_port()
        self._proxies = proxies
        self._address = (host, port)
        self._weather = Weather()
        self._changed = asyncio.Event()
        self._links: set[Link] = set()
        self._accepting: set[asyncio.Task[None]] = set()
        self._awaited: dict[bytes, threading.Event] = {}
        self._server: asyncio.Server | None = None

    @contextlib.contextmanager
    def having(self, weather: Weather) -> Iterator[None]:
        """As long as the block runs; afterwards all goes through again, with what was held back first."""
        self._proxies.call(lambda: self._set(weather))
        try:
            yield
        finally:
            self._proxies.call(lambda: self._set(Weather()))

    def cut(self) -> None:
        """Breaks every connection; new ones are taken, unless the weather says otherwise."""
        self._proxies.call(self._abort_links)

    @contextlib.contextmanager
    def silent_after(self, words: bytes) -> Iterator[threading.Event]:
        """From the moment the process sends these words in one piece, it hears nothing more from the server.

        The words themselves arrive there. The event is set then; all goes through again when the block ends.
        """
        spoken = threading.Event()
        self._awaited[words] = spoken
        try:
            yield spoken
        finally:
            del self._awaited[words]
            self._proxies.call(lambda: self._set(Weather()))

    async def listen(self) -> None:
        """In the proxies' thread."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def close(self) -> None:
        """In the proxies' thread."""
        if self._server is not None:
            self._server.close()
        await self._abort_links()

    async def _set(self, weather: Weather) -> None:
        self._weather = weather
        self._changed.set()
        self._changed = asyncio.Event()

    async def _abort_links(self) -> None:
        for link in list(self._links):
            link.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._weather.takes_connections:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection(*self._address)
        except OSError:
            writer.transport.abort()
            return
        link = Link((writer, back))
        self._links.add(link)
        link.tasks = [
            asyncio.ensure_future(self._pump(reader, back, to_server=True)),
            asyncio.ensure_future(self._pump(there, writer, to_server=False)),
        ]
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait(link.tasks, return_when=asyncio.FIRST_COMPLETED)
        self._links.discard(link)
        link.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, to_server: bool
    ) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while data := await reader.read(self._piece()):
                if to_server:
                    self._look_for_words(data)
                await self._travel(len(data), to_server=to_server)
                writer.write(data)
                await writer.drain()
            await self._may_pass(to_server=to_server)

    def _piece(self) -> int:
        rate = self._weather.rate
        return CHUNK if rate is None else max(1, rate // SLICES_PER_SECOND)

    async def _travel(self, size: int, *, to_server: bool) -> None:
        weather = self._weather
        pause = weather.delay + (size / weather.rate if weather.rate else 0.0)
        if pause:
            await asyncio.sleep(pause)
        await self._may_pass(to_server=to_server)

    async def _may_pass(self, *, to_server: bool) -> None:
        """An end of the stream is held back as well: a half-open connection says nothing at all."""
        while not self._passes(to_server=to_server):
            await self._changed.wait()

    def _passes(self, *, to_server: bool) -> bool:
        return self._weather.passes_to_server if to_server else self._weather.passes_to_process

    def _look_for_words(self, data: bytes) -> None:
        for words, spoken in list(self._awaited.items()):
            if words in data and not spoken.is_set():
                self._weather = Weather(passes_to_process=False)
                spoken.set()
