"""The way out of a connection."""

import asyncio
import socket
import struct
from typing import Any, Final

_GATHERED: Final = 1 << 18  # bytes
_AT_ONCE: Final = struct.pack("ii", 1, 0)  # a reset instead of an end


class Gathered(asyncio.Transport):
    """A way out on which the pieces of one turn of the event loop leave together.

    uvloop hands each piece to the kernel by itself, and each wakes up whoever reads: the head of an
    answer, what stands before a frame, the frame and what stands behind would be four calls. More
    than ``_GATHERED`` bytes never wait, so that backpressure is felt as ever. ``sent`` counts all
    that were ever written.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._pieces: list[bytes | bytearray | memoryview] = []
        self._size = 0
        self._due = False
        self.sent = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data``, at the end of the turn at the latest; it is not copied."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _GATHERED:
            self.flush()
        elif not self._due:
            self._due = True
            self._loop.call_soon(self._turn)

    def send(self, pieces: list[bytes | bytearray | memoryview]) -> None:
        """Send ``pieces`` now, behind what waits."""
        self._pieces += pieces
        self._size += sum(map(len, pieces))
        self.flush()

    def _turn(self) -> None:
        self._due = False
        self.flush()

    def flush(self) -> None:
        """Send what waits."""
        if self._pieces:
            self.sent += self._size
            pieces, self._pieces, self._size = self._pieces, [], 0
            self._transport.writelines(pieces)

    def close(self) -> None:
        """Close behind what waits."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once: what waits is lost, and the other side is told that it is."""
        self._pieces, self._size = [], 0
        connection = self._transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._transport.abort()

    def write_eof(self) -> None:
        """Send nothing behind what waits; what the other side sends is still received."""
        self.flush()
        self._transport.write_eof()

    def get_write_buffer_size(self) -> int:
        """Bytes that the other side has not taken."""
        return self._size + self._transport.get_write_buffer_size()

    def is_closing(self) -> bool:
        """Whether nothing more can be sent."""
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        """Receive nothing for a while."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Receive again."""
        self._transport.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have another protocol receive."""
        self._transport.set_protocol(protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known of the connection."""
        return self._transport.get_extra_info(name, default)
