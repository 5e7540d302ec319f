"""The window as a receptionist's browser shows it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bridge_rig import PERSON, Bridge, System
from playwright.sync_api import Browser, Page, expect, sync_playwright
from visit_samples import NOW, World
from window_rig import PATIENCE_S, TOKEN, Served, log, served

from firmware.policy import Facility, FacilityKind, consents_for, japanese_day
from firmware.token.claims import Method
from host_bridge.eligibility import CertificateStatus, Qualification, QualificationValidity
from host_bridge.link_state import STATES, UP, WAITING
from host_bridge.refused import Ground
from host_bridge.visits import Inquiry, Todo

HOSTILE = "<img src=x onerror=document.title='gotcha'><script>alert(1)</script>花子"
LONG = "見本　ジャクリーヌ・アレクサンドラ・マリア・テレジア・花子"
FULL = {
    **PERSON,
    "InsurerName": "見本県後期高齢者医療広域連合および見本市国民健康保険組合連合会",
    "InsuredBranchNumber": "00",
    "PersonalFamilyClassification": "1",
    "QualificationDate": "20240401",
    "InsuredCardExpirationDate": "20280331",
    "InsuredPartialContributionRatio": "030",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    quiet = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=[*quiet, "--no-first-run"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, window: Served, language: str = "ja", key: str = f"#{TOKEN}") -> Iterator[Page]:
    """The page at the time of the samples; at the end, whether it asked another host or complained."""
    context = browser.new_context(
        viewport={"width": 1366, "height": 768},
        locale={"ja": "ja-JP", "en": "en-GB"}[language],
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_S * 1000)
    expect.set_options(timeout=PATIENCE_S * 1000)
    page = context.new_page()
    page.clock.install(time=NOW + 5)
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"http://{window.host}/{key}")
    yield page
    context.close()
    assert asked
    assert [url for url in asked if not url.startswith(f"http://{window.host}/")] == []
    expected = ("Failed to load resource: net::ERR_CONNECTION_REFUSED", "Failed to load resource: the server responded")
    assert [text for text in complaints if not text.startswith(expected)] == []


def came(bridge: Bridge, number: int = 1, **claims: Any) -> None:
    """A whole visit, up to its file."""
    claims = {"method": Method.FACE, "consents": {1: True, 2: False}} | claims
    assert bridge.deliver(bridge.visit(cti=b"visit %010d" % number, counter=number, **claims)) is None
    assert bridge.courier.deliver_all()


def answering(bridge: Bridge, *results: dict[str, Any], **known: Any) -> System:
    """Have the bridge ask a system that gives these results."""
    validity = known.pop("validity", QualificationValidity.VALID)
    system = System(Qualification(known.pop("registered", True), validity, results), **known)
    bridge.kill(system)
    return system


def test_a_visit_arrives_live_with_name_insurance_consents_and_file(bridge: Bridge, browser: Browser) -> None:
    answering(bridge, FULL)
    with served(bridge) as window, opened(browser, window) as page:
        expect(page.get_by_role("heading", name="受付はまだありません")).to_be_visible()
        expect(page.locator("footer")).to_contain_text("デモ：登場する人と資格は架空です")
        assert TOKEN not in page.url
        log(bridge, "link_up", device="TEST-0001")
        expect(page.locator("#link")).to_contain_text("リーダー TEST-0001 につながっています")
        delivery = bridge.visit(method=Method.FACE)
        expect(page.locator("#present")).to_be_visible()
        assert bridge.deliver(delivery) is None
        row = page.get_by_role("option")
        expect(row).to_contain_text("資格を確認中です")
        expect(page.locator("#present")).to_be_hidden()
        assert bridge.courier.deliver_all()
        expect(row).to_contain_text("見本　花子")
        expect(row).to_contain_text("顔で確認")
        expect(row).to_contain_text("受付できます")
        row.click()
        visit = page.locator("#visit")
        (file,) = bridge.face_files()
        for words in (
            "ミホン ハナコ",
            "1980年2月17日 生まれ（昭和55年）、46歳",
            "3割",
            "2028年3月31日",
            "06999999",
            "有効",
            f"フォルダーにあります（{'23:13'} に書き出し）",
            file.name,
        ):
            expect(visit).to_contain_text(words)
        expect(visit.locator("dt:text('診療・お薬の情報') + dd")).to_have_text("同意明日 23:13 まで")
        expect(visit.locator("dt:text('健診の情報') + dd")).to_have_text("同意しない")
        file.unlink()
        expect(visit).to_contain_text("レセコンが受け取りました")


def test_a_hostile_name_is_text_and_nothing_else(bridge: Bridge, browser: Browser) -> None:
    answering(bridge, {**FULL, "Name": HOSTILE, "InsurerName": HOSTILE, "NameKana": HOSTILE, "Birthdate": HOSTILE})
    with served(bridge) as window, opened(browser, window) as page:
        expect(page.locator("#none")).to_be_visible()
        came(bridge)
        page.get_by_role("option").click()
        expect(page.locator("#visit h2")).to_have_text(HOSTILE)
        assert page.locator("#visit img, #visit script, #list img, #list script").count() == 0
        assert page.title() == "受付画面"


def test_the_language_changes_at_once_and_is_kept(bridge: Bridge, browser: Browser) -> None:
    answering(bridge, FULL)
    came(bridge)
    with served(bridge) as window, opened(browser, window) as page:
        page.get_by_role("option").click()
        page.get_by_role("button", name="English").click()
        for words in ("Ready to check in", "30 %", "Born 17 February 1980 (Shōwa 55), age 46", "Agreeduntil tomorrow"):
            expect(page.locator("#visit")).to_contain_text(words)
        expect(page.locator("footer")).to_contain_text("Demo: people and eligibility are invented")
        assert page.locator("html").get_attribute("lang") == "en"
        page.reload()
        expect(page.get_by_role("option")).to_contain_text("Ready to check in")


def test_the_list_is_walked_by_keys_and_no_arrival_changes_what_is_shown(bridge: Bridge, browser: Browser) -> None:
    system = answering(bridge, {**FULL, "Name": "見本　一"})
    came(bridge, 1)
    system.answer = Qualification(True, QualificationValidity.VALID, ({**FULL, "Name": "見本　二"},))
    came(bridge, 2)
    with served(bridge) as window, opened(browser, window) as page:
        expect(page.get_by_role("option")).to_have_count(2)
        shown = page.locator("#visit h2")
        page.keyboard.press("ArrowDown")
        expect(shown).to_have_text("見本　二")
        page.keyboard.press("ArrowDown")
        expect(shown).to_have_text("見本　一")
        assert page.evaluate("getComputedStyle(document.querySelector('[aria-selected=true]')).outlineStyle") == "solid"
        system.answer = Qualification(True, QualificationValidity.VALID, ({**FULL, "Name": "見本　三"},))
        came(bridge, 3)
        expect(page.get_by_role("option").first).to_contain_text("見本　三")
        expect(page.locator("#count")).to_have_text("3件・新着 1件")
        expect(page).to_have_title("(1) 受付画面")
        expect(shown).to_have_text("見本　一")
        page.keyboard.press("Home")
        expect(shown).to_have_text("見本　三")
        expect(page.locator("#count")).to_have_text("3件")


def test_a_call_is_an_alert_until_staff_dismiss_it(bridge: Bridge, browser: Browser) -> None:
    with served(bridge) as window, opened(browser, window) as page:
        expect(page.locator("#none")).to_be_visible()
        bridge.desk.reception_called("TEST-0001")
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("患者さんが受付を呼んでいます")
        expect(alert).to_contain_text("TEST-0001")
        expect(page).to_have_title("! 受付画面")
        alert.get_by_role("button").click()
        expect(alert).to_be_empty()


def test_what_went_wrong_is_said_in_words(bridge: Bridge, browser: Browser, world: World) -> None:
    answering(bridge, FULL, status=CertificateStatus.UNKNOWN)
    came(bridge)
    forged = bridge.visit(cti=b"visit 0000000002", counter=2, proof=world.card.pin_evidence(bytes(32)))
    assert bridge.deliver(forged) == "pin_signature"
    with served(bridge) as window, opened(browser, window) as page:
        expect(page.get_by_role("option").last).to_contain_text("証明書は未確認")
        page.get_by_role("option").last.click()
        expect(page.locator("#visit")).to_contain_text("失効していないかどうかは、確認できていません")
        expect(page.locator("#visit")).to_contain_text("カードの確認が必要です")
        page.get_by_role("option").first.click()
        expect(page.locator("#visit")).to_contain_text("カードが本物であることを確認できませんでした")
        log(bridge, "link_down", device="TEST-0001", reason="port_gone")
        page.clock.run_for(5000)
        expect(page.locator("#notices")).to_contain_text("リーダーのケーブルが抜けています（23:13 から）")
        log(bridge, "link_up", device="TEST-0001")
        expect(page.locator("#notices")).to_be_empty()


def test_the_page_outlives_the_bridge(bridge: Bridge, browser: Browser) -> None:
    came(bridge)
    with served(bridge) as first, opened(browser, first) as page:
        expect(page.get_by_role("option")).to_have_count(1)
        first.window.stop()
        page.clock.run_for(5000)
        expect(page.locator("#notices")).to_contain_text("受付ソフトが応答しません（23:13 から）")
        expect(page.get_by_role("option")).to_contain_text("見本　花子")
        bridge.kill()
        came(bridge, 2)
        first.thread.join(PATIENCE_S)
        with served(bridge, first.window.port):
            page.clock.run_for(5000)
            expect(page.locator("#count")).to_have_text("2件・新着 1件")
            expect(page.locator("#notices")).to_be_empty()


@pytest.mark.parametrize("key", ["", "#another-token"])
def test_without_the_right_key_the_page_says_where_to_find_it(bridge: Bridge, browser: Browser, key: str) -> None:
    came(bridge)
    with served(bridge) as window, opened(browser, window, key=key) as page:
        expect(page.locator("#refused")).to_contain_text("kiosk-bridge window --config FILE")
        expect(page.locator("#work")).to_be_hidden()
        assert "花子" not in page.content()
        page.evaluate(f"location.hash = '{TOKEN}'")  # the address pasted over it
        expect(page.get_by_role("option")).to_have_count(1)


def test_every_code_has_words_in_both_languages(bridge: Bridge, browser: Browser) -> None:
    day = japanese_day(NOW)
    keys = {
        *(f"todo_{todo}" for todo in Todo),
        *(f"ground_{ground}" for ground in Ground),
        *(f"why_{todo}" for todo in Todo if todo not in REFUSED_ONLY | {Todo.CHECK_INSURANCE}),
        *(
            f"why_check_insurance_{validity.value}"
            for validity in (QualificationValidity.INVALID, QualificationValidity.NONE)
        ),
        *(f"validity_{validity.value}" for validity in QualificationValidity),
        *(f"validity_{inquiry}" for inquiry in Inquiry if inquiry is not Inquiry.ANSWERED),
        *(f"certificate_{status}" for status in CertificateStatus),
        *(f"certificate_{status}_{where}" for status in ("ending", "ended", "unknown") for where in ("now", "short")),
        *(f"present_{status}" for status in ("expired", "revoked")),
        *(f"by_{method}" for method in Method),
        *(f"consent_{rule.key}" for kind in FacilityKind for rule in consents_for(Facility(kind), day)),
        *(f"notice_{name}" for name in NOTICES),
    }
    with served(bridge) as window, opened(browser, window) as page:
        words = page.evaluate("import('/static/words.js').then((module) => module.WORDS)")
    assert words["ja"].keys() == words["en"].keys()
    assert keys - words["ja"].keys() == set()
    places = {language: {key: placeholders(text) for key, text in words[language].items()} for language in words}
    assert places["ja"] == places["en"]


NOTICES = {"journal", "eligibility", "folder", "clock", "gone"} | STATES - {UP, WAITING}
REFUSED_ONLY = {Todo.PLACE_CARD_AGAIN, Todo.CALL_TECHNICIAN}


def placeholders(text: str) -> set[str]:
    return {part.split("}")[0] for part in text.split("{")[1:]}


MEASURE = (Path(__file__).with_name("window_measure.js")).read_text("utf-8")


@pytest.mark.parametrize("language", ["ja", "en"])
def test_nothing_overflows_and_every_text_has_contrast(bridge: Bridge, browser: Browser, language: str) -> None:
    answering(
        bridge,
        {**FULL, "Name": LONG},
        {**FULL, "Name": LONG},
        validity=QualificationValidity.SEVERAL,
        status=CertificateStatus.UNKNOWN,
    )
    came(bridge)
    assert bridge.deliver(bridge.visit(nonce=bytes(32), cti=b"visit 0000000002", counter=2)) == "nonce_unknown"
    bridge.desk.open_visit("TEST-0001")
    bridge.desk.reception_called("TEST-0001")
    log(bridge, "link_up", device="A" * 32)
    log(bridge, "eligibility_unavailable", cti="00")
    with served(bridge) as window, opened(browser, window, language) as page:
        expect(page.get_by_role("option")).to_have_count(2)
        page.clock.run_for(5000)
        for width in (1366, 1000):
            page.set_viewport_size({"width": width, "height": 768})
            for row in range(2):
                page.get_by_role("option").nth(row).click()
                found = page.evaluate(MEASURE)
                assert found == {"overflowing": [], "faint": []}, json.dumps(found, ensure_ascii=False)
        log(bridge, "link_down", device=None, reason="unpaired")  # the longest notice
        expect(page.get_by_text("kiosk-bridge pair")).to_be_visible()
        assert page.evaluate(MEASURE) == {"overflowing": [], "faint": []}
