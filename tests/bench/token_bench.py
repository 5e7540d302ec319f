"""What signing and verifying a visit token costs, beside what other libraries take for the like.

Ours and theirs take turns, so that a machine that grows slower meanwhile slows both, and processor time counts.
Verifying is all of it: taking the token apart, header, signature, claims; ours with the checks of the profile, which
the others are not asked for.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from visit_samples import BRIDGE_ID, NONCE, World, claims_of, make_world

from firmware.token import cbor
from firmware.token.cose import sign_token, verify_token

ROUNDS = 7
SECONDS = 0.5
"""For one figure in one round."""
YARDSTICK = "cwt"
GOALS = {"sign": 2.7, "verify": 1.6}
"""How many times as fast as the yardstick ours is to be."""
_ORACLE = Path(__file__).with_name("token_oracle.py")


@dataclass(frozen=True)
class Figures:
    """Of one library, in one round."""

    sign: float
    """A second of processor time."""
    verify: float
    size: int
    """Bytes of the token."""


def token_figures(oracle_python: Path) -> list[str]:
    """One line for each library and each goal. `oracle_python`: of the environment of requirements-oracle.txt."""
    world = make_world()
    claims = claims_of(world, b"evidence")
    token = sign_token(claims, BRIDGE_ID, NONCE, world.reader.sign, world.reader.certificate)
    given = json.dumps(subject(world, token))
    rounds = []
    for _ in range(ROUNDS):
        ours = {"ours": _ours(world), "ES256 alone": _bare(world)}
        rounds.append(ours | _theirs(oracle_python, given, world))
    return [*(_line(name, [one[name] for one in rounds]) for name in rounds[0]), *_goals(rounds)]


def subject(world: World, token: bytes) -> dict[str, str]:
    """What the others sign: keys in PEM; claims, protected header, external data and our token in hex."""
    key = world.reader.key
    protected, _, payload, _ = cbor2.loads(token).value
    return {
        "private": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "public": key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        "claims": payload.hex(),
        "protected": protected.hex(),
        "external_aad": cbor.encode([BRIDGE_ID, NONCE]).hex(),
        "token": token.hex(),
    }


def _ours(world: World) -> Figures:
    claims, reader = claims_of(world, b"evidence"), world.reader

    def sign() -> bytes:
        return sign_token(claims, BRIDGE_ID, NONCE, reader.sign, reader.certificate)

    token = sign()
    assert verify_token(token, BRIDGE_ID, NONCE, reader.certificate) == claims
    return Figures(_rate(sign), _rate(lambda: verify_token(token, BRIDGE_ID, NONCE, reader.certificate)), len(token))


def _bare(world: World) -> Figures:
    """The signature, and nothing else: no library is faster."""
    key, algorithm, message = world.reader.key, ec.ECDSA(SHA256()), bytes(600)
    public, signature = key.public_key(), key.sign(message, algorithm)
    sign, verify = (
        _rate(lambda: key.sign(message, algorithm)),
        _rate(lambda: public.verify(signature, message, algorithm)),
    )
    return Figures(sign, verify, 64)


def _theirs(oracle_python: Path, given: str, world: World) -> dict[str, Figures]:
    argv = (oracle_python, "-W", "ignore", _ORACLE, str(SECONDS))
    done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{oracle_python}: {done.stderr[-2000:]}")
    found = {}
    for name, one in json.loads(done.stdout).items():
        token = bytes.fromhex(one["token"])
        if token.startswith(b"\xd2"):  # a COSE_Sign1 as ours: the same token
            assert verify_token(token, BRIDGE_ID, NONCE, world.reader.certificate).device_id == world.reader.device_id
        found[name] = Figures(one["sign"], one["verify"], len(token))
    return found


def _rate(call: Callable[[], object]) -> float:
    """Calls a second of processor time."""
    count, start = 0, time.process_time()
    while (passed := time.process_time() - start) < SECONDS:
        for _ in range(20):
            call()
        count += 20
    return count / passed


def _line(name: str, figures: list[Figures]) -> str:
    sign, verify = median(one.sign for one in figures), median(one.verify for one in figures)
    return f"token, {name}: signs {sign:,.0f}/s, verifies {verify:,.0f}/s, {figures[0].size} bytes"


def _goals(rounds: list[dict[str, Figures]]) -> list[str]:
    """Ratios are those of each round; the middle one counts."""
    lines = []
    yardsticks = [name for name in rounds[0] if name.startswith(YARDSTICK)]
    for yardstick, (what, goal) in product(yardsticks, GOALS.items()):
        ratios = {
            name: median(getattr(one[name], what) / getattr(one[yardstick], what) for one in rounds)
            for name in ("ours", "ES256 alone")
        }
        lines.append(
            f"token, {what}: {ratios['ours']:.2f} times as fast as {yardstick}, goal {goal}:"
            f" {'met' if ratios['ours'] >= goal else 'MISSED'}; ES256 alone: {ratios['ES256 alone']:.2f} times"
        )
    return lines


if __name__ == "__main__":
    print("\n".join(token_figures(Path(sys.argv[1]))))
