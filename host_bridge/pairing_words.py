"""What `kiosk-bridge pair` says: Japanese, and English beside it."""

import unicodedata
from typing import Final

from host_bridge.pairing import ALREADY_PAIRED
from host_bridge.pairing_refused import PairingRefused, Why
from host_bridge.presence import FOREIGN_DEVICE, NO_ANSWER

ASK: Final = "リーダーの画面の6桁の番号 / the six digits on the reader's screen: "
NOT_SIX: Final = "数字を6桁で入力してください / please type six digits"
WRONG: Final = (
    "番号が違います。リーダーの画面をもう一度見て、入力してください（あと{left}回）\n"
    "  Not the number: look at the reader again and type what it shows ({left} more)"
)
FOUND: Final = (
    "リーダー {device} が見つかりました（製造元：{maker}）\n"
    "  Found reader {device} (maker: {maker}). Type the number only if the reader before you shows it."
)
CHECKING: Final = (
    "リーダーを確かめています。前の登録のすぐ後は、8秒ほどかかります\n"
    "  Checking the reader. Soon after another try it takes about 8 s."
)
TOUCH: Final = (
    "番号が一致しました。リーダーの画面のボタンに触れてください（5分以内）\n"
    "  The numbers match. Now touch the button on the reader (within five minutes)."
)
PAIRED: Final = (
    "リーダー {device} を登録しました。次に kiosk-bridge run で始めてください\n"
    "  Paired with {device}. Now start the bridge: kiosk-bridge run --config FILE"
)
WAITING: Final = "  … 待っています / still waiting（{seconds} s）"

_SEEKING: Final = (
    "リーダーを待っています（ポート {port}）。終えるには Ctrl-C\n  Waiting for a reader on {port}. Ctrl-C ends this."
)
_OBSTACLES: Final = {
    "port_absent": "ポート {port} がありません。リーダーのケーブルを差してください\n"
    "  There is no port {port}: plug the reader in, or correct `port` in the configuration.",
    "port_gone": "リーダーのケーブルが抜けました。差し直してください\n  The reader was unplugged: plug it in again.",
    "port_busy": "ポート {port} は別のプログラムが使っています。そのプログラムを終えてください\n"
    "  Another program uses {port}: end it.",
    "port_denied": "ポート {port} を使う権限がありません\n"
    "  This user may not open {port}: add the user to the group that owns it (often dialout).",
    "port_foreign": "{port} はシリアルポートではありません。設定の port を直してください\n"
    "  {port} is no serial port: correct `port` in the configuration.",
    "port_blocked": "ポート {port} の装置がデータを受け取りません。リーダーの電源を入れ直してください\n"
    "  The device on {port} takes no data: switch the reader off and on.",
    NO_ANSWER: "ポート {port} から応答がありません。リーダーの電源と画面を確かめてください\n"
    "  Nothing answers on {port}: see that the reader is on and has started.",
    FOREIGN_DEVICE: "ポート {port} の装置は、このリーダーではありません\n"
    "  The device on {port} is no such reader: correct `port`, or unplug the other device.",
    ALREADY_PAIRED: "このリーダーは登録済みです。リーダーのプログラムを止め、リーダーで登録を解除してください"
    "（kiosk-reader unpair --state フォルダー）\n"
    "  This reader is paired already. On the reader: stop its program, then kiosk-reader unpair --state FOLDER",
}
_AGAIN: Final = "もう一度、同じコマンドを実行してください / run the same command again"
_LIST: Final = (
    "失効リスト（CRL、PEM）を製造元から受け取り、{file} に置いてください"
    " / get it (a CRL in PEM) from the reader's maker and put it at {file}"
)
_STOLEN: Final = "このリーダーは使わず、製造元に連絡してください / do not use this reader; ask its maker"
REFUSALS: Final = {
    Why.MALFORMED: ("リーダーのデータが読めません / what the reader sent cannot be read", _AGAIN),
    Why.MAKER_CHAIN: ("製造元の証明書がつながりません / the maker's certificates do not hold together", _STOLEN),
    Why.MAKER_UNKNOWN: (
        "この製造元のリーダーは、ここでは認められていません / a reader of a maker that is not trusted here",
        "製造元の証明書を確かめて {file} に加えてください / if the maker is yours, add its root to {file}",
    ),
    Why.NAMELESS: ("製造元の証明書に装置の名前がありません / the maker's certificate names no device", _STOLEN),
    Why.ROOTS_UNUSABLE: (
        "製造元の証明書のファイル {file} を読めません / {file} cannot be read",
        "製造元のルート証明書（PEM）を {file} に置いてください / put the maker's root certificate (PEM) there",
    ),
    Why.LIST_MISSING: ("製造元 {maker} の失効リストがありません / no revocation list of {maker}", _LIST),
    Why.LIST_EXPIRED: (
        "製造元 {maker} の失効リストの期限が切れています / {maker}'s revocation list has expired",
        _LIST,
    ),
    Why.LIST_FORGED: (
        "製造元 {maker} の失効リストの署名が正しくありません / {maker}'s revocation list is not signed by that maker",
        _LIST,
    ),
    Why.LIST_UNUSABLE: ("失効リストのファイルを読めません / the revocation lists cannot be read", _LIST),
    Why.CLOCK: (
        "この端末の時計が遅れています（{now}） / this terminal's clock is behind ({now})",
        "この端末の日付と時刻を合わせてから、やり直してください"
        " / set the clock of this terminal, then run the command again",
    ),
    Why.REVOKED_BY_MAKER: ("製造元がこのリーダーを失効させています / the maker has revoked this reader", _STOLEN),
    Why.DENIED: (
        "リーダー {device} はこの端末で拒否されています / {device} is denied on this terminal",
        "別のリーダーを使ってください / use another reader",
    ),
    Why.DENYLIST_UNUSABLE: (
        "拒否リストが使えません / the denylist cannot be used: {reason}",
        "バックアップから戻してください / restore it from a backup",
    ),
    Why.REQUEST: (
        "リーダーの証明書要求が正しくありません / the reader's request cannot be granted: {reason}",
        _STOLEN,
    ),
    Why.PROOF: ("リーダーが製造元の鍵を持っていません / the reader does not hold its maker's key", _STOLEN),
    Why.CODE: (
        "番号が一致しません。ケーブルの途中に別の装置があるか、別のリーダーの番号です。何も発行していません\n"
        "  The numbers differ: something sits on the cable, or it is another reader's number. Nothing was issued.",
        "ケーブルを直接つなぎ、もう一度、同じコマンドを実行してください"
        " / connect the cable directly, then run the same command again",
    ),
    Why.READER_SAYS: ("リーダーが中止しました / the reader has ended it: {reason}", _AGAIN),
    Why.SLOW: ("時間切れです。何も発行していません / out of time; nothing was issued", _AGAIN),
    Why.LOST: ("リーダーとの接続が切れました。何も発行していません / the reader is gone; nothing was issued", _AGAIN),
    Why.LOST_AFTER_ISSUE: (
        "リーダーとの接続が、終わる前に切れました / the reader went before it said that it was done",
        "リーダーの画面を見てください。登録済みならこれで終わりです。そうでなければ、もう一度実行してください"
        " / look at the reader: if it says that it is paired, all is well; if not, run the same command again",
    ),
    Why.NOT_TOUCHED: (
        "リーダーのボタンに触れないまま時間切れになりました / nobody touched the reader's button",
        _AGAIN,
    ),
    Why.STOPPED: ("中止しました / stopped", _AGAIN),
    Why.NO_INPUT: (
        "番号を入力できません。標準入力が閉じています / nobody can type the number: standard input is closed",
        "端末（ターミナル）で、同じコマンドを実行してください / run the same command in a terminal",
    ),
    Why.CANNOT_STORE: (
        "登録を保存できません / the pairing cannot be stored: {reason}",
        "ディスクの空きと権限を確かめてください / see that the disk has room and may be written",
    ),
}


def obstacle(name: str, port: str) -> str:
    """What is in the way of finding a reader; "" for nothing yet."""
    return _OBSTACLES.get(name, _SEEKING).format(port=port)


def refused(why: PairingRefused | None, device: str) -> str:
    """What has happened, then what to do."""
    if why is None:
        why = PairingRefused(Why.STOPPED)
    said, then = REFUSALS[why.why]
    facts = {name: printable(str(fact)) for name, fact in {"device": device, **why.facts}.items()}
    return f"登録していません / not paired: {said.format(**facts)}\n  → {then.format(**facts)}"


def printable(text: str) -> str:
    """Without what would move the cursor, or turn the direction of the line: a reader that nobody has checked yet may
    say why it ends a pairing."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def digits(typed: str) -> str:
    """The digits in what was typed, full-width ones too."""
    return "".join(one for one in unicodedata.normalize("NFKC", typed) if one in "0123456789")
