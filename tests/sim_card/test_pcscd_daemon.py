"""The real pcscd apart from the machine's, and unmodified OpenSC on it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from board.sim.pcscd import PcscDaemon, PcscdUnavailable

PROGRAM = """
import asyncio, sys
from pathlib import Path
from board.sim.pcscd import PcscDaemon

async def main():
    async with PcscDaemon(Path(sys.argv[1])) as daemon:
        card = await daemon.start_card([sys.executable, "-m", "board.sim.card", "serve", "--card", sys.argv[2]])
        print(card.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def output(daemon: PcscDaemon, home: Path, *argv: str, status: int = 0) -> str:
    """What a client of that daemon prints; it must end with this status."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=os.environ | daemon.environment | {"HOME": str(home)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == status, printed.decode()
    return printed.decode()


@asynccontextmanager
async def card_on_reader(card: Path) -> AsyncIterator[PcscDaemon]:
    """A daemon with a card whose presence the daemon has noticed."""
    with TemporaryDirectory(prefix="pcsc") as folder:
        async with PcscDaemon(Path(folder)) as daemon:
            await daemon.start_card([sys.executable, "-m", "board.sim.card", "serve", "--card", str(card)])
            async with asyncio.timeout(10):
                while "Yes" not in await output(daemon, Path(folder), "opensc-tool", "--list-readers"):
                    await asyncio.sleep(0.1)
            yield daemon


async def test_opensc_recognises_the_card_and_lists_its_objects(fresh, tmp_path):
    async with card_on_reader(fresh("adult")) as daemon:
        assert "jpki" in (await output(daemon, tmp_path, "opensc-tool", "-n")).lower()
        objects = await output(daemon, tmp_path, "pkcs15-tool", "-D")
        assert "User Authentication Certificate" in objects
        assert "User Authentication PIN" in objects


async def test_signature_made_by_pkcs11_tool_verifies_with_the_certificate(fresh, tmp_path):
    card = fresh("adult")
    (tmp_path / "message").write_bytes(b"a message")
    sign = "pkcs11-tool --slot 0 --login --pin 1234 --id 01 --sign -m SHA256-RSA-PKCS"
    async with card_on_reader(card) as daemon:
        files = ("--input-file", str(tmp_path / "message"), "--output-file", str(tmp_path / "signature"))
        await output(daemon, tmp_path, *sign.split(), *files)
    certificate = x509.load_der_x509_certificate((card / "auth_cert.der").read_bytes())
    certificate.public_key().verify((tmp_path / "signature").read_bytes(), b"a message", PKCS1v15(), SHA256())


async def test_opensc_sees_wrong_pins_count_down_to_a_lock_that_the_right_pin_does_not_open(fresh, tmp_path):
    card = fresh("adult")
    message = tmp_path / "message"
    message.write_bytes(b"a message")
    sign = (
        "pkcs11-tool",
        "--slot",
        "0",
        "--login",
        "--id",
        "01",
        "--sign",
        "-m",
        "SHA256-RSA-PKCS",
        "-i",
        str(message),
    )

    async def tries_left(daemon: PcscDaemon) -> str:
        pins = await output(daemon, tmp_path, "pkcs15-tool", "--list-pins")
        return next(line.split()[-1] for line in pins.splitlines() if "Tries left" in line)

    async with card_on_reader(card) as daemon:
        assert await tries_left(daemon) == "3"
        for left in ("2", "1", "0"):
            assert "CKR_PIN" in await output(daemon, tmp_path, *sign, "--pin", "9999", status=1)
            assert await tries_left(daemon) == left
        refused = await output(daemon, tmp_path, *sign, "--pin", "1234", status=1)
        assert "CKR_" in refused


async def test_openssl_verifies_what_pkcs11_tool_has_signed(fresh, tmp_path):
    card, message, signature = fresh("adult"), tmp_path / "message", tmp_path / "signature"
    message.write_bytes(b"a message")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    async with card_on_reader(card) as daemon:
        sign = [
            "pkcs11-tool",
            "--slot",
            "0",
            "--login",
            "--pin",
            "1234",
            "--id",
            "01",
            "--sign",
            "-m",
            "SHA256-RSA-PKCS",
        ]
        await output(daemon, tmp_path, *sign, "-i", str(message), "-o", str(signature))
        read = await output(daemon, tmp_path, "pkcs15-tool", "--read-certificate", "1")
        certificate.write_text(read[read.index("-----BEGIN") :])
        key.write_text(await output(daemon, tmp_path, "openssl", "x509", "-in", str(certificate), "-noout", "-pubkey"))
        verify = ("openssl", "dgst", "-sha256", "-verify", str(key), "-signature", str(signature), str(message))
        assert "Verified OK" in await output(daemon, tmp_path, *verify)


async def test_two_daemons_run_side_by_side_and_share_nothing(fresh, tmp_path):
    with TemporaryDirectory(prefix="pcsc") as folder:
        async with card_on_reader(fresh("adult")) as one, PcscDaemon(Path(folder)) as other:
            assert "Yes" in await output(one, tmp_path, "opensc-tool", "--list-readers")
            readers = await output(other, tmp_path, "opensc-tool", "--list-readers")
            assert "Virtual PCD 00 00" in readers
            assert "Yes" not in readers


async def test_daemon_starts_again_in_the_folder_of_a_killed_one(tmp_path):
    with TemporaryDirectory(prefix="pcsc") as folder:
        for _ in range(2):
            async with PcscDaemon(Path(folder)) as daemon:
                assert daemon.socket.is_socket()
                (daemon.socket.parent / "pcscd.pid").write_text(str(os.getpid()))
            daemon.socket.touch()


async def test_nothing_outlives_a_killed_parent(fresh, tmp_path):
    with TemporaryDirectory(prefix="pcsc") as folder:
        parent = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, folder, str(fresh("adult")), stdout=asyncio.subprocess.PIPE
        )
        try:
            assert parent.stdout is not None
            card = int(await asyncio.wait_for(parent.stdout.readline(), 20))
            async with asyncio.timeout(10):
                while (apart := network_of(card)) == network_of(os.getpid()):
                    await asyncio.sleep(0.02)
            assert len(members(apart)) == 2
        finally:
            parent.kill()
            await parent.wait()
        async with asyncio.timeout(10):
            while members(apart):
                await asyncio.sleep(0.02)


def network_of(pid: int) -> str:
    """The network namespace of a process."""
    return str(Path(f"/proc/{pid}/ns/net").readlink())


def members(network: str) -> list[int]:
    """Processes in a network namespace."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if network_of(int(process.name)) == network:
                found.append(int(process.name))
    return found


async def test_missing_pcscd_names_the_package(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PcscdUnavailable, match="install the package pcscd"):
        await PcscDaemon(tmp_path).__aenter__()


async def test_folder_with_too_long_a_path_is_refused(tmp_path):
    with pytest.raises(PcscdUnavailable, match="shorter"):
        await PcscDaemon(tmp_path / ("x" * 100)).__aenter__()


async def test_card_without_a_daemon_is_refused(tmp_path):
    with pytest.raises(PcscdUnavailable, match="not running"):
        await PcscDaemon(tmp_path).start_card(["true"])
