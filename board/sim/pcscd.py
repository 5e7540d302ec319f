"""A real pcscd with the virtual reader vpcd, apart from any pcscd of this machine.

The daemon's paths are compiled in and vpcd listens on all interfaces, so both get namespaces of their own: a folder of
ours is its /run, and its network holds nothing but its own loopback. It sees no reader on USB. Clients outside reach
it through its Unix socket.
"""

import asyncio
import os
import shutil
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_DRIVERS: Final = Path("/usr/lib/pcsc/drivers")
_DRIVER: Final = "libifdvpcd.so"
_SOCKET_CAP: Final = 107
"""Bytes in the path of a Unix socket (unix(7))."""
_START_S: Final = 10.0
_STOP_S: Final = 5.0
_POLL_S: Final = 0.01

_READER: Final = """\
FRIENDLYNAME "Virtual PCD"
DEVICENAME /dev/null:0x8C7B
LIBPATH {drivers}/{driver}
CHANNELID 0x8C7B
"""
_START: Final = """\
mount --bind "$1" /run
mount --bind {drivers}/serial {drivers}
ip link set lo up
exec pcscd --foreground --config /run/reader.conf.d
"""
"""The second mount hides the drivers of USB readers, so that none of this machine's is taken."""


class PcscdUnavailable(Exception):
    """The daemon cannot run here; the text says what to do."""


class PcscDaemon:
    """`async with PcscDaemon(folder) as daemon:` runs one until the end of the block. All it started ends with it, and
    with this process, however that ends."""

    def __init__(self, folder: Path, *, attached: bool = True) -> None:
        """`folder`: where its socket, configuration and log go; made if need be. `attached`: whether the virtual reader
        is plugged in."""
        self._folder = folder.absolute()
        self._attached = attached
        self.socket = self._folder / "pcscd" / "pcscd.comm"
        """Where clients reach it."""
        self._daemon: Process | None = None
        self._cards: list[Process] = []

    @property
    def environment(self) -> dict[str, str]:
        """What a client's environment must hold. libpcsclite reads it once, when first used."""
        return {"PCSCLITE_CSOCK_NAME": str(self.socket)}

    async def __aenter__(self) -> "PcscDaemon":
        """Raises PcscdUnavailable."""
        self._check()
        configuration = self._folder / "reader.conf.d"
        configuration.mkdir(parents=True, exist_ok=True)
        reader = _READER.format(drivers=_DRIVERS, driver=_DRIVER) if self._attached else ""
        (configuration / "vpcd").write_text(reader, "utf-8")
        shutil.rmtree(self.socket.parent, ignore_errors=True)  # what a killed daemon left keeps the next from starting
        script = ("unshare", "--net", "--mount", "sh", "-e", "-c", _START.format(drivers=_DRIVERS), "pcscd")
        self._daemon = await self._spawn(*script, str(self._folder))
        try:
            await asyncio.wait_for(self._answers(self._daemon), _START_S)
        except BaseException as error:
            await self._stop()
            if isinstance(error, TimeoutError):
                raise PcscdUnavailable(f"pcscd does not answer, see {self._log}") from None
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stop()

    async def ended(self) -> None:
        """Return once the daemon, or a card that it was given, has ended."""
        parts = [asyncio.create_task(one.wait()) for one in (self._daemon, *self._cards) if one is not None]
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in parts:
                part.cancel()

    async def start_card(self, argv: Sequence[str]) -> Process:
        """Start a virtual card where vpcd can be reached: `python -m board.sim.card ...`."""
        if self._daemon is None:
            raise PcscdUnavailable("pcscd is not running")
        card = await self._spawn("nsenter", f"--net=/proc/{self._daemon.pid}/ns/net", "--", *argv)
        self._cards.append(card)
        return card

    @property
    def _log(self) -> Path:
        return self._folder / "pcscd.log"

    def _check(self) -> None:
        if os.geteuid() != 0:
            raise PcscdUnavailable("namespaces for pcscd and its virtual reader need root: run it with sudo")
        for program, package in (("pcscd", "pcscd"), ("ip", "iproute2"), ("unshare", "util-linux")):
            if shutil.which(program) is None:
                raise PcscdUnavailable(f"{program} is missing: install the package {package}")
        if not (_DRIVERS / "serial" / _DRIVER).exists():
            raise PcscdUnavailable(f"{_DRIVER} is missing: install the package vsmartcard-vpcd")
        if len(os.fsencode(self.socket)) > _SOCKET_CAP:
            raise PcscdUnavailable(f"{self._folder} is too long a path for a socket: choose a shorter one")

    async def _answers(self, daemon: Process) -> None:
        while True:
            if daemon.returncode is not None:
                last = (self._log.read_text("utf-8", "replace").splitlines() or ["no word"])[-1]
                raise PcscdUnavailable(
                    f"pcscd ended with status {daemon.returncode} ({last}): its namespaces need root, in a container "
                    "the capability CAP_SYS_ADMIN, in a chroot a root folder that is a mount point"
                )
            try:
                _, writer = await asyncio.open_unix_connection(self.socket)
            except OSError:
                await asyncio.sleep(_POLL_S)
            else:
                writer.close()
                return

    async def _spawn(self, *argv: str) -> Process:
        """A process that the kernel kills when this one ends."""
        with self._log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *("setpriv", "--pdeathsig", "KILL", "--", *argv),
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for whoever started the daemon, and ends it in order
            )

    async def _stop(self) -> None:
        for process in (*self._cards, self._daemon):
            if process is not None and process.returncode is None:
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), _STOP_S)
                except TimeoutError:
                    process.kill()
                    await process.wait()
        self._daemon = None
        self._cards.clear()
