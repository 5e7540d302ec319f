"""Anything that can happen to a reader, its bridge and their cable, in any order."""

import hashlib
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from link_ends import FAST, FAULTS, Visit
from link_rig import LinkRig

from firmware.token.claims import FIRST, Claims
from firmware.token.cose import verify_token
from firmware.token.refusal import Refusal

RECOVERED_MS = 3_000
"""Once faults stop, everything works and everything is delivered within so much time."""
HOUR, DAY = 3600, 86400
_BY_CLOCK = {
    Refusal.NONCE_EXPIRED: 2 * DAY,
    Refusal.NONCE_UNKNOWN: 21 * DAY,
    Refusal.DEVICE_CERTIFICATE_EXPIRED: 40 * DAY,
}
"""Why an honest token may be refused where somebody has set the terminal's clock ahead by so much."""

places = st.integers(0, 999)
octets = st.integers(0, 255)
room = st.sampled_from((None, None, 0, 1, 2, 3, 4, 5, 6, 8, 12, 16))
"""Pages to which a file may grow; None: as it likes."""


def limit_of(pages: int | None, otherwise: int | None) -> int | None:
    """In bytes, and a bit more."""
    return otherwise if pages is None else pages * 4096 + 100


class LinkMachine(RuleBasedStateMachine):
    """The promise: what reached "accepted" is on the bridge's disk exactly once; all else is refused and explained."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="link-", dir=FAST)
        self.rig = LinkRig(Path(self._folder.name))
        self.used: dict[bytes, list[bytes]] = {}  # nonce -> token ids that were signed over it
        self.clock_ahead = 0
        self.claims: dict[bytes, Claims] = {}
        self.tokens: dict[bytes, bytes] = {}

    @initialize()
    def connected(self) -> None:
        self.rig.run(100)

    # a patient

    def visits(self) -> list[Visit]:
        return self.rig.reader.visits if self.rig.reader is not None else []

    def ready(self) -> list[Visit]:
        reader = self.rig.reader
        if reader is None or reader.conversation.met is None:
            return []
        return [visit for visit in reader.visits if visit.nonce is not None]

    def fresh(self) -> list[Visit]:
        return [visit for visit in self.ready() if visit.nonce not in self.used]

    @precondition(lambda self: self.rig.reader is not None)
    @rule(check_up=st.booleans())
    def a_visit_is_opened(self, check_up: bool) -> None:
        self.rig.open_visit({1: True, 2: check_up})

    @precondition(lambda self: self.visits())
    @rule(which=places)
    def a_patient_is_identified(self, which: int) -> None:
        visits = self.visits()
        self.rig.identify(visits[which % len(visits)])

    @precondition(lambda self: self.fresh())
    @rule(which=places, pages=room)
    def a_visit_is_signed(self, which: int, pages: int | None) -> None:
        visits, disk = self.fresh(), self.rig.reader_disk
        before, disk.limit = disk.limit, limit_of(pages, disk.limit)
        self._sign(visits[which % len(visits)])
        disk.limit = before

    @precondition(lambda self: self.ready())
    @rule(which=places)
    def a_reader_gone_wrong_signs_over_a_nonce_again(self, which: int) -> None:
        visits = self.ready()
        self._sign(visits[which % len(visits)])

    @precondition(lambda self: self.fresh() and self.rig.host is not None and self.rig.plugged)
    @rule()
    def a_visit_is_signed_while_the_next_identity_is_on_its_way(self) -> None:
        visit, asked = self.fresh()[-1], self.rig.reader_files / "identity" / "next"
        self._set_clock(21 * DAY)
        for _ in range(150):
            if asked.exists():
                break
            self.rig.now += 10
            for act in (self.rig.tick_host, self.rig.feed_reader, self.rig.feed_host, self.rig.tick_reader):
                act()
        self._sign(visit)

    def _sign(self, visit: Visit) -> None:
        assert visit.nonce is not None
        earlier = self.used.setdefault(visit.nonce, [])
        if earlier:
            visit.cti = hashlib.sha256(visit.cti).digest()[:16]
        earlier.append(visit.cti)
        self.rig.sign(visit)

    @precondition(lambda self: self.rig.reader is not None and self.rig.host is not None)
    @rule(
        pages=room,
        host=st.booleans(),
        early=st.sampled_from((None, None, "bridge", "cable")),
        until=st.sampled_from(("signed", "stored", "delivered")),
        then=st.sampled_from((None, "reader", "bridge", "cable")),
    )
    def a_whole_visit(self, pages: int | None, host: bool, early: str | None, until: str, then: str | None) -> None:
        """One fails `early`, before the patient is done; one when it has come so far; one disk may have no room."""
        visit, disk = self.rig.open_visit(), self.rig.host_disk if host else self.rig.reader_disk
        self.rig.run(300)
        if visit is None or visit.nonce is None or not self.ready() or self.ready()[-1] is not visit:
            return
        if early is not None:
            self._fails(early)
            self.rig.run(300)
        before, disk.limit = disk.limit, limit_of(pages, disk.limit)
        self._sign(visit)
        if until != "signed":
            self.rig.tick_reader()
        if until == "stored":
            self._until_stored()
        elif until == "delivered":
            self.rig.run(300)
        disk.limit = before
        if then is not None:
            self._fails(then)

    def _until_stored(self) -> None:
        """No further than to the bridge's disk: the receipt has not left it."""
        if self.rig.host is None:
            return
        rows = len(self.rig.rows())
        for _ in range(60):
            for act in (self.rig.feed_reader, self.rig.feed_host, self.rig.tick_host):
                act()
                if len(self.rig.rows()) > rows:
                    return

    def _fails(self, which: str) -> None:
        rig = self.rig
        if which == "reader":
            rig.kill_reader()
            rig.start_reader()
        elif which == "bridge":
            rig.kill_host()
            rig.start_host()
        else:
            rig.unplug()
            rig.plug()

    @precondition(lambda self: self.fresh() and self.rig.host is not None and self.rig.plugged)
    @rule(then=st.sampled_from((None, "reader", "bridge", "cable")))
    def a_visit_is_refused_by_a_wrong_clock_while_the_readers_disk_takes_nothing(self, then: str | None) -> None:
        self._sign(self.fresh()[-1])
        before, self.rig.reader_disk.limit = self.rig.reader_disk.limit, 0
        self._set_clock(2 * DAY)
        self.rig.tick_reader()
        self.rig.run(300)
        self.rig.reader_disk.limit = before
        self._set_clock(0)
        if then is not None:
            self._fails(then)

    # the line

    @rule(ms=st.sampled_from((10, 60, 300, 1100, 4100, 13000)))
    def time_passes(self, ms: int) -> None:
        self.rig.run(ms)

    @rule(ms=st.sampled_from((60, 1100, 4100, 13000)))
    def the_line_stalls(self, ms: int) -> None:
        self.rig.run(ms, carry=False)

    @rule(steps=st.lists(st.integers(0, 3), min_size=1, max_size=8))
    def a_few_steps(self, steps: list[int]) -> None:
        actors = (self.rig.feed_reader, self.rig.feed_host, self.rig.tick_reader, self.rig.tick_host)
        for step in steps:
            actors[step]()

    @rule(to_host=st.booleans(), kind=st.sampled_from(FAULTS), where=places, value=octets, times=st.integers(1, 3))
    def the_line_spoils_what_comes_next(self, to_host: bool, kind: str, where: int, value: int, times: int) -> None:
        lane = self.rig.to_host if to_host else self.rig.to_reader
        lane.faults.extend([(kind, where, value)] * times)

    @precondition(lambda self: self.rig.plugged)
    @rule()
    def the_cable_is_pulled(self) -> None:
        self.rig.unplug()

    @precondition(lambda self: not self.rig.plugged)
    @rule()
    def the_cable_is_plugged_in(self) -> None:
        self.rig.plug()

    # the two programs and their machines

    @precondition(lambda self: self.rig.reader is not None)
    @rule(again=st.booleans())
    def the_reader_is_killed(self, again: bool) -> None:
        self.rig.kill_reader()
        if again:
            self.rig.start_reader()

    @precondition(lambda self: self.rig.reader is None)
    @rule()
    def the_reader_starts(self) -> None:
        self.rig.start_reader()

    @precondition(lambda self: self.rig.host is not None)
    @rule(again=st.booleans())
    def the_bridge_is_killed(self, again: bool) -> None:
        self.rig.kill_host()
        if again:
            self.rig.start_host()

    @precondition(lambda self: self.rig.host is None)
    @rule()
    def the_bridge_starts(self) -> None:
        self.rig.start_host()

    @precondition(lambda self: self.rig.reader_disk.limit is None and self.rig.host_disk.limit is None)
    @rule()
    def staff_pair_the_reader_anew(self) -> None:
        self.rig.pair_anew()

    @rule(host=st.booleans(), pages=room)
    def a_disk_fails_or_works_again(self, host: bool, pages: int | None) -> None:
        disk = self.rig.host_disk if host else self.rig.reader_disk
        disk.limit = limit_of(pages, None)

    @rule(seconds=st.sampled_from((0, 0, 0, 5, 5, -60, -HOUR, 2 * DAY, 21 * DAY, 40 * DAY)))
    def somebody_sets_the_terminals_clock(self, seconds: int) -> None:
        self._set_clock(seconds)

    def _set_clock(self, seconds: int) -> None:
        self.rig.clock_off = seconds
        self.clock_ahead = max(self.clock_ahead, seconds)

    # what must hold, whatever happens

    @invariant()
    def the_reader_numbers_its_tokens_without_a_gap(self) -> None:
        if (reader := self.rig.reader) is None:
            return
        assert not reader.conversation.damaged.done()
        last, _ = reader.journal.last()
        assert last == max(self.rig.signed, default=0)
        oldest, count = reader.journal.oldest(), reader.journal.undelivered()
        assert (oldest is None) == (count == 0)
        if oldest is not None:
            assert oldest.counter == last - count + 1
        explained = {facts["cti"] for facts in self.rig.receipts()} | {cti.hex() for cti in self.rig.wiped}
        # one refused is erased, then told: what fails between the two leaves the bridge's log alone to tell it
        explained |= {one["cti"] for one in self.rig.host_events if one["event"] == "token_refused"}
        settled = range(1, last - count + 1)
        assert all(self.rig.signed[number].hex() in explained for number in settled), "gone without a receipt"

    @invariant()
    def the_bridge_has_each_token_once_and_none_that_the_reader_did_not_sign(self) -> None:
        if self.rig.host is None:
            return
        rows = self.rig.rows()
        for kind in ("cti", "nonce", "token"):
            values = [getattr(row, kind) for row in rows]
            assert len(set(values)) == len(values), f"{kind} twice"
        numbers = {cti: number for number, cti in self.rig.signed.items()}
        for row in rows:
            if row.cti not in self.claims:
                claims = verify_token(row.token, self.rig.host.identity.bridge_id, row.nonce, row.chain[0])
                assert row.chain[0] in self.rig.identities and claims.cti == row.cti
                self.claims[row.cti], self.tokens[row.cti] = claims, row.token
            assert self.claims[row.cti].counter == numbers[row.cti]
            assert row.cti in self.used[row.nonce]
        assert set(self.claims) == {row.cti for row in rows}, "a row is gone"
        stored = {claims.counter: claims for claims in self.claims.values()}
        for number, claims in stored.items():
            if number == 1 or number - 1 in stored:
                before = FIRST if number == 1 else hashlib.sha256(self.tokens[stored[number - 1].cti]).digest()
                assert claims.previous == before, "the chain of tokens is broken"

    @invariant()
    def what_the_reader_was_told_is_so(self) -> None:
        accepted = {facts["cti"] for facts in self.rig.receipts() if facts["accepted"]}
        refused = {facts["cti"]: facts["refusal"] for facts in self.rig.receipts() if not facts["accepted"]}
        assert not accepted & refused.keys()
        if self.rig.host is not None:
            assert accepted <= {cti.hex() for cti in self.claims}, "a receipt for what is not on the disk"
            assert not refused.keys() & {cti.hex() for cti in self.claims}, "refused, and on the disk"
        shared = {cti.hex() for ctis in self.used.values() if len(ctis) > 1 for cti in ctis}
        for cti, reason in refused.items():
            by_clock = reason in _BY_CLOCK and self.clock_ahead >= _BY_CLOCK[Refusal(reason)]
            assert by_clock or (reason == Refusal.NONCE_USED and cti in shared), f"refused for {reason}"
        if not refused and not self.rig.wiped:
            assert not any(one["event"] == "counter_gap" for one in self.rig.host_events)
        assert not any(one["event"] == "event_not_catalogued" for one in self.rig.host_events)

    def teardown(self) -> None:
        try:
            self._works_again_by_itself()
        finally:
            self.rig.close()
            self._folder.cleanup()

    def _works_again_by_itself(self) -> None:
        rig = self.rig
        rig.clock_off = 0
        rig.reader_disk.limit = rig.host_disk.limit = None
        rig.to_host.faults.clear()
        rig.to_reader.faults.clear()
        if rig.reader is None:
            rig.start_reader()
        if rig.host is None:
            rig.start_host()
        if not rig.plugged:
            rig.plug()
        until = rig.now + RECOVERED_MS
        while not self._all_is_well():
            assert rig.now < until, (
                f"not well after {RECOVERED_MS} ms: {rig.reader_events[-2:]}, {rig.host_events[-2:]}"
            )
            rig.run(100)
        for check in (
            self.the_reader_numbers_its_tokens_without_a_gap,
            self.the_bridge_has_each_token_once_and_none_that_the_reader_did_not_sign,
            self.what_the_reader_was_told_is_so,
        ):
            check()
        visit = rig.open_visit()
        rig.run(500)
        assert visit is not None and visit.nonce is not None, "no nonce for the next patient"
        self._sign(visit)
        rig.tick_reader()
        rig.run(500)
        assert {"cti": visit.cti.hex(), "accepted": True, "refusal": None} in rig.receipts()
        self.the_bridge_has_each_token_once_and_none_that_the_reader_did_not_sign()

    def _all_is_well(self) -> bool:
        reader = self.rig.reader
        assert reader is not None
        told = {facts["cti"] for facts in self.rig.receipts()}
        signed = {cti.hex() for cti in self.rig.signed.values()}
        untold = {visit.cti.hex() for visit in reader.visits} & signed - told
        return reader.conversation.up and self.rig.host_up() and reader.journal.undelivered() == 0 and not untold
