"""A channel with 2,000 messages in a browser, and how long the page takes for what happens in it."""

from dataclasses import dataclass
from typing import Final

from playwright.async_api import expect

from bot.sandbox.scene import ALICE, GENERAL
from tests.browser.window import Desk, Window

MESSAGES: Final = 2_000
UPDATES: Final = 10

WATCH: Final = """
window.news = [];
const hear = EventSource.prototype.addEventListener;
EventSource.prototype.addEventListener = function (name, tell) {
  hear.call(this, name, (event) => {
    const at = performance.now();
    tell(event);
    if (name === "message") {
      requestAnimationFrame(() => setTimeout(() => window.news.push(performance.now() - at)));
    }
  });
};
"""
"""Notes the milliseconds from a message's arrival to the end of the frame that shows it."""

SCROLL: Final = """
async (scroller, last) => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const isThere = () => scroller.querySelector("article").textContent.includes(last);
  const taken = [];
  while (scroller.scrollTop > 0 || !isThere()) {
    const before = scroller.scrollTop;
    const at = performance.now();
    scroller.scrollTop = before - 1500;
    await frame();
    if (before > 0) taken.push(performance.now() - at);
  }
  return taken;
}
"""
"""Scrolls up to the very first message, two screens at a time; the milliseconds until each step was painted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Milliseconds for each update and each step of scrolling."""

    at_the_end: list[float]
    scrolling: list[float]
    far_up: list[float]


async def fill(desk: Desk, count: int) -> None:
    """The channel's history, of plain lines and some with blocks."""
    workspace = desk.visitor.page.stage.workspace
    for number in range(count):
        text = f"Message {number}: *bold*, `code` and <@{ALICE}>"
        section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
        content = workspace.content(text, [section, {"type": "divider"}] if number % 3 == 0 else None)
        workspace.post(GENERAL, content, user=None if number % 3 == 0 else ALICE)


async def updates(window: Window) -> list[float]:
    """New messages, one after the other, as the page shows them."""
    workspace = window.visitor.page.stage.workspace
    await window.measure("window.news = []")
    for number in range(UPDATES):
        workspace.post(GENERAL, workspace.content(f"News {number}"))
        await window.page.wait_for_function("count => window.news.length >= count", arg=number + 1)
    return list(await window.measure("window.news"))


async def measured(desk: Desk, count: int = MESSAGES) -> Taken:
    """A person at the end of the channel, who then scrolls up to its beginning."""
    await fill(desk, count)
    window = await desk.window(ALICE, init=WATCH)
    await expect(window.messages.last).to_contain_text(f"Message {count - 1}:")
    at_the_end = await updates(window)
    messages = window.conversation.get_by_role("region", name="Messages")
    scrolling = await messages.evaluate(SCROLL, "Message 0:")
    far_up = await updates(window)
    await expect(window.conversation.get_by_role("button", name="New messages")).to_be_visible()
    return Taken(at_the_end=at_the_end, scrolling=scrolling, far_up=far_up)
