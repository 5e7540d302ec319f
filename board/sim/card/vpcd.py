"""The card's side of vpcd, the virtual reader of the vsmartcard project: it speaks to pcscd as a reader's driver.

Each message is a length of two bytes, big endian, and a payload. From the reader one byte is an order, more are an
APDU; the card answers APDUs, and of the orders only the request for its ATR. Connected means: lies on the reader.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from enum import IntEnum

from board.sim.card.chip import VirtualCard

PORT = 35963
"""Of vpcd's first slot."""


class Order(IntEnum):
    """Payloads of one byte."""

    POWER_OFF = 0
    POWER_ON = 1
    RESET = 2
    ATR = 4


async def converse(
    card: VirtualCard,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    transmit: Callable[[bytes], Awaitable[bytes]],
) -> None:
    """Answer until the other end goes away (asyncio.IncompleteReadError, OSError) or `transmit` raises."""
    while True:
        payload = await _receive(reader, writer)
        match payload[0] if len(payload) == 1 else None:
            case None:
                answer = await transmit(payload)
            case Order.ATR:
                answer = card.atr
            case Order.POWER_ON:
                card.power_on()
                continue
            case Order.POWER_OFF:
                card.power_off()
                continue
            case Order.RESET:
                card.reset()
                continue
            case _:
                continue
        writer.write(len(answer).to_bytes(2, "big") + answer)
        await writer.drain()


async def _receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    _acknowledge_at_once(writer)
    length = int.from_bytes(await reader.readexactly(2), "big")
    _acknowledge_at_once(writer)
    return await reader.readexactly(length)


def _acknowledge_at_once(writer: asyncio.StreamWriter) -> None:
    """vpcd sends length and payload apart, and its kernel holds the second until the first is acknowledged; ours
    would wait 40 ms for that. The option lasts for one receive."""
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
