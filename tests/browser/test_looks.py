"""How the page looks and sounds: dark, narrow, to assistive technology."""

from typing import Any, Final

import pytest
from playwright.async_api import expect

from bot.sandbox.scene import ALICE, BEN
from tests.browser.window import PHONE, Desk, Scheme, Window

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT_ON_GROUND: Final = [
    ("ink", "ground"),
    ("ink", "raised"),
    ("ink", "sunken"),
    ("ink", "accent-wash"),
    ("soft", "ground"),
    ("soft", "raised"),
    ("soft", "sunken"),
    ("accent", "ground"),
    ("accent", "accent-wash"),
    ("good", "ground"),
    ("good", "good-wash"),
    ("bad", "ground"),
    ("bad", "bad-wash"),
    ("poor", "poor-wash"),
    ("mention", "ground"),
    ("mention", "mention-wash"),
    ("rail-ink", "rail"),
    ("rail-soft", "rail"),
    ("rail-soft", "rail-now"),
    ("gold", "rail"),
]
EDGES: Final = [("edge", "ground"), ("accent", "ground"), ("accent", "raised")]
SCHEMES: Final[list[Scheme]] = ["light", "dark"]
WHITE_ON: Final = {"accent-ground", "bad-ground"}
READABLE, VISIBLE = 4.5, 3.0
"""WCAG 2.2, 1.4.3 and 1.4.11."""

COLOURS: Final = """
(names) => {
  const probe = document.body.appendChild(document.createElement("i"));
  const found = {};
  for (const name of names) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color.match(/[\\d.]+/g).map(Number);
  }
  probe.remove();
  return found;
}
"""

FAINT: Final = """
() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      const [red, green, blue, alpha = 1] = numbers(colour);
      if (!colour.startsWith("rgb") && alpha !== 0) return null;
      if (alpha === 1) return [red, green, blue];
      if (alpha > 0) return null;
    }
    return [255, 255, 255];
  };
  const light = (rgb) => {
    const [red, green, blue] = rgb.slice(0, 3).map((one) => one / 255)
      .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    const isSeen = node.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    if (!isSeen || !texts.currentNode.data.trim()) continue;
    const below = ground(node);
    const colour = getComputedStyle(node).color;
    if (!below || !colour.startsWith("rgb")) continue;
    const [high, low] = [light(numbers(colour)), light(below)].sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) faint.push(`${contrast.toFixed(2)} ${texts.currentNode.data.trim().slice(0, 40)}`);
  }
  return faint;
}
"""
"""The texts on the screen that stand out too little from the plain colour below them."""

REPEATED_IDS: Final = """
() => {
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  return ids.filter((id, index) => ids.indexOf(id) !== index);
}
"""

SPILLING: Final = """
() => {
  const seen = [...document.body.querySelectorAll("*")].filter((node) => node.checkVisibility());
  // Code and tables are moved sideways inside their own frame, and some names end in an ellipsis.
  const isFramed = (node) => node.closest("pre, .table, .tabs, textarea") !== null;
  const ends = (node) => getComputedStyle(node).textOverflow === "ellipsis";
  const isCut = (node) => node !== null && (ends(node) || isCut(node.parentElement));
  const reachesOut = (node) => {
    const { width, height, right } = node.getBoundingClientRect();
    return width > 1 && height > 1 && right > innerWidth + 1;
  };
  const page = [document.documentElement, document.body].filter((node) => node.scrollWidth > innerWidth);
  return [...page, ...seen.filter((node) => reachesOut(node) && !isFramed(node) && !isCut(node))]
    .map((node) => `${node.tagName} ${node.className}`);
}
"""
"""What reaches out of the window at the side, where nobody gets to see it."""

CONTROLS: Final = {
    "button", "checkbox", "combobox", "link", "listbox", "menu", "menuitem", "option", "radio", "radiogroup",
    "searchbox", "slider", "spinbutton", "switch", "tab", "tabpanel", "textbox", "dialog", "alertdialog", "img",
    "image", "DisclosureTriangle",
}  # fmt: skip
"""Roles of the accessibility tree that mean nothing without a name."""


def luminance(colour: list[float]) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (each / 255 for each in colour[:3])
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: list[float], other: list[float]) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


async def nameless(window: Window) -> list[str]:
    """Controls for which the browser tells assistive technology no name."""
    session = await window.page.context.new_cdp_session(window.page)
    tree: dict[str, Any] = await session.send("Accessibility.getFullAXTree")
    await session.detach()
    return [
        f"{node['role']['value']} {node.get('properties', [])[:2]}"
        for node in tree["nodes"]
        if not node["ignored"]
        and node["role"]["value"] in CONTROLS
        and not node.get("name", {}).get("value", "").strip()
    ]


@pytest.mark.parametrize("colours", SCHEMES)
async def test_colours_stand_out_from_each_other(alone: Desk, colours: Scheme) -> None:
    window = await alone.window(ALICE, colours=colours)
    names = sorted({name for pair in [*TEXT_ON_GROUND, *EDGES] for name in pair} | WHITE_ON)

    shown = await window.measure(COLOURS, names)

    faint = {
        (one, other, round(contrast(shown[one], shown[other]), 2))
        for least, pairs in ((READABLE, TEXT_ON_GROUND), (VISIBLE, EDGES))
        for one, other in pairs
        if contrast(shown[one], shown[other]) < least
    }
    assert faint == set()
    assert (luminance(shown["ground"]) < 0.1) == (colours == "dark")
    assert all(contrast([255, 255, 255], shown[name]) >= READABLE for name in WHITE_ON)


async def test_the_colours_follow_the_machine_until_somebody_chooses(alone: Desk) -> None:
    window = await alone.window(ALICE, colours="dark")
    button = window.page.get_by_test_id("theme")

    async def is_dark() -> bool:
        return luminance((await window.measure(COLOURS, ["ground"]))["ground"]) < 0.1

    assert await is_dark()
    await button.click()
    await expect(button).to_have_accessible_name("Colours: light. Change")
    assert not await is_dark()
    await button.click()
    await expect(button).to_have_accessible_name("Colours: dark. Change")
    assert await is_dark()


async def test_every_control_has_a_name_and_every_text_can_be_read(at: Desk) -> None:
    card = await at.visitor.asks()
    assert (await at.visitor.approves(card))["ok"]
    await at.visitor.results(card)

    for colours in SCHEMES:
        await look_around(await at.window(BEN, colours=colours))


async def look_around(window: Window) -> None:
    """Everything that can be shown, one after the other."""
    page = window.page

    async def look(where: str) -> None:
        assert await nameless(window) == [], where
        assert await window.measure(REPEATED_IDS) == [], where
        assert await window.measure(FAINT) == [], where

    await expect(page.get_by_role("main")).to_have_count(1)
    await expect(page.locator("h1:visible")).to_have_count(1)
    await look("at the start")
    await page.get_by_test_id("tour-start").click()
    await window.go("access-approvals")
    await page.get_by_test_id("thread-summary").first.click()
    await expect(window.thread.get_by_role("table").first).to_be_visible()
    await look("card and thread")
    for tab in ("Break & clock", "Calls", "Requests", "AWS"):
        await window.tab(tab)
        await look(tab)
    await window.go("App Home")
    await expect(page.get_by_test_id("home").get_by_role("button").first).to_be_visible()
    await look("App Home")
    await window.act_as(ALICE)
    await window.go("general")
    await window.opens_form()
    await window.sends_form()
    await expect(window.field("Reason").get_by_role("alert")).to_be_visible()
    await look("form")
    await window.page.keyboard.press("Escape")
    await expect(window.form).to_be_hidden()


async def test_everything_is_reached_on_a_phone_without_scrolling_sideways(fresh: Desk) -> None:
    window = await fresh.window(ALICE, size=PHONE)
    page = window.page
    panes = page.get_by_role("navigation", name="Panels")

    async def fits(where: str) -> None:
        assert await window.measure(SPILLING) == [], where

    await fits("at the start")
    await page.get_by_test_id("tour-begin").click()
    await fits("tour")
    await window.opens_form()
    await fits("form")
    await expect(window.form.get_by_test_id("modal-submit")).to_be_in_viewport()
    await window.fills_form(reason="Train " + "the churn model " * 20 + "x" * 200)
    await fits("form, filled in")
    await window.sends_form()
    await expect(window.form).to_be_hidden()

    await page.get_by_test_id("tour-act").click()
    card = window.messages.filter(has_text="WA-1").first
    await expect(card).to_be_visible()
    await fits("card")
    await window.approves(card)
    await card.get_by_test_id("thread-summary").click()
    await expect(window.thread.get_by_role("table").first).to_be_visible()
    await expect(window.conversation).to_be_hidden()
    await fits("thread")
    await window.thread.get_by_role("button", name="Close the thread").click()
    await expect(window.conversation).to_be_visible()

    await panes.get_by_role("button", name="AWS").click()
    await expect(window.cell("Alice Smith")).to_contain_text("can")
    for tab in ("Break & clock", "Calls", "Requests", "AWS"):
        await window.tab(tab)
        await fits(tab)
    await panes.get_by_role("button", name="Workspace").click()
    await fits("workspace")
    await window.act_as(ALICE)
    await window.go("workbench-access")
    await expect(window.messages.filter(has=page.get_by_role("table"))).to_be_visible()
    await fits("direct message")
    await panes.get_by_role("button", name="Workspace").click()
    await window.go("App Home")
    await fits("App Home")
