"""A TCP link to Redis that the campaign can cut, delay, mute or make deaf."""

import asyncio
import contextlib
import random
import ssl
import threading
from enum import Enum


class Line(Enum):
    """What a link does with what arrives."""

    OPEN = "open"
    # New connections are closed at once.
    CUT = "cut"
    # Nothing passes in either direction; nobody is told: a cable that was pulled.
    MUTE = "mute"
    # Requests pass, answers do not: the sender cannot know what took effect.
    DEAF = "deaf"
    # Every other answer to a script is lost, and its connection with it, once the script has taken effect.
    FORGETFUL = "forgetful"


_SCRIPT = b"EVALSHA"


class _Wire:
    """What one connection has to remember."""

    loses_next_answer = False


class Link:
    """One listening port whose connections are passed on to another one, on a thread of its own.

    Args:
        tls: What is spoken on this side; on the other it is plain TCP.
    """

    def __init__(self, port: int, target_port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._target_port = target_port
        self.port = port
        self._line = Line.OPEN
        self._delay_seconds = 0.0
        self._chance = random.Random(port)
        self._fateful = b""
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._changed = asyncio.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"link-{port}", daemon=True)
        self._thread.start()
        assert self._listening.wait(10), f"the link on port {port} does not listen"

    def set(self, line: Line, *, delay_seconds: float = 0.0, reset: bool = False) -> None:
        """Change what the link does; `reset` also breaks the connections that there are, with what is under way."""
        done = threading.Event()

        def change() -> None:
            self._line, self._delay_seconds = line, delay_seconds
            if reset:
                for writer in tuple(self._writers):
                    writer.transport.abort()
            self._changed.set()
            self._changed = asyncio.Event()
            done.set()

        self._loop.call_soon_threadsafe(change)
        done.wait(10)

    def lose_answer_to(self, words: bytes) -> None:
        """Lose the answer to the next request that holds these words, once, and its connection with it."""
        self._fateful = words

    def close(self) -> None:
        """Stop listening and end every connection."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        if self._tls is not None:
            # Whoever shows no certificate commits a fault of his own: it is none for the log.
            self._loop.set_exception_handler(lambda *_: None)
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=self._tls)
        self._listening.set()
        await self._stop.wait()
        server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._line is Line.CUT:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, far_writer}
        self._writers |= pair
        wire = _Wire()
        pumps = (self._pump_requests(reader, far_writer, wire), self._pump_answers(far_reader, writer, wire))
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*pumps)
        self._writers -= pair
        for end in pair:
            end.transport.abort()

    async def _pump_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: _Wire) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                while self._line is Line.MUTE:
                    await self._changed.wait()
                wire.loses_next_answer |= self._loses_answer_to(data)
                await self._pass_on(data, writer)
        writer.transport.abort()

    def _loses_answer_to(self, request: bytes) -> bool:
        if self._fateful and self._fateful in request:
            self._fateful = b""
            return True
        return self._line is Line.FORGETFUL and _SCRIPT in request and self._chance.random() < 0.5

    async def _pump_answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: _Wire) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if wire.loses_next_answer:
                    break
                while self._line in {Line.MUTE, Line.DEAF}:
                    await self._changed.wait()
                await self._pass_on(data, writer)
        writer.transport.abort()

    async def _pass_on(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self._delay_seconds:
            await asyncio.sleep(self._delay_seconds)
        writer.write(data)
        await writer.drain()
