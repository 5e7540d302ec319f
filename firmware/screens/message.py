"""The common shape of screens that tell: a picture, what it is, what to do, and at most two ways on."""

from collections.abc import Sequence
from dataclasses import dataclass

from firmware.screens.drawn import Box
from firmware.screens.frame import Page
from firmware.screens.icons import Icon
from firmware.screens.theme import ANSWER, HINT, INK, PAPER, QUESTION, SMALL, SOFT_INK, TEAL, TITLE
from firmware.screens.typeset import typeset

_ICON = 32.0
_SMALLEST_ICON = 13.0
_ACTION = 21.0


@dataclass(frozen=True)
class Action:
    """One way on: the name of its area and what it says."""

    area: str
    text: str


@dataclass(frozen=True)
class Message:
    """What a telling screen says; `lead` is what to do now."""

    icon: Icon
    title: str
    lead: str
    hint: str | None = None
    remark: str | None = None
    """Small, last: an error's code."""
    colour: str = TEAL
    """Of the lead."""
    actions: Sequence[Action] = ()


def tell(page: Page, message: Message) -> None:
    """Set `message` in the middle of the page's body, its ways on at the foot."""
    look, body = page.look, page.body
    if message.actions:
        height = look.px(_ACTION)
        _offer(page, message.actions, body.foot(height))
        body = body.above(height + page.gap)
    short = len(typeset(look, message.title, TITLE, body.width).lines) == 1
    blocks = [
        (typeset(look, text, style, body.width), colour)
        for text, style, colour in (
            (message.title, TITLE if short else QUESTION, INK),
            (message.lead, ANSWER, message.colour),
            (message.hint, HINT, SOFT_INK),
            (message.remark, SMALL, SOFT_INK),
        )
        if text is not None
    ]
    gap = look.px(1.8)
    text_height = sum(block.height for block, _ in blocks) + gap * len(blocks)
    side = min(look.px(_ICON), body.height - text_height)
    if side < look.px(_SMALLEST_ICON):
        side = 0
    group = body.middle(body.width, text_height + side)
    if side:
        message.icon(page.canvas, group.strip(side).middle(side, side))
        group = group.below(side)
    for block, colour in blocks:
        group = group.below(gap)
        page.canvas.write(block, group.strip(block.height), colour, PAPER)
        group = group.below(block.height)


def _offer(page: Page, actions: Sequence[Action], row: Box) -> None:
    """One button or two, of the same size and weight, in the middle of `row`."""
    space = 2 * page.gap
    width = (row.width - space) // 2
    places = row.middle(width * len(actions) + space * (len(actions) - 1), row.height).columns(len(actions), space)
    page.choices({action.area: action.text for action in actions}, places, ANSWER)
