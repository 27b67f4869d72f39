"""Interactive elements, one function for each family."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from bot.sandbox.slack.checker import objects
from bot.sandbox.slack.checker.limits import ELEMENT_KEYS, LIMITS, STYLES

if TYPE_CHECKING:
    from bot.sandbox.slack.checker.report import Spot

Element = dict[str, Any]
_TRIGGERS: Final = frozenset({"on_enter_pressed", "on_character_entered"})
_FORMATS: Final = {
    "initial_date": re.compile(r"\d{4}-\d\d-\d\d"),
    "initial_time": re.compile(r"([01]\d|2[0-3]):[0-5]\d"),
}


def element(spot: Spot, value: Any, allowed: frozenset[str]) -> None:
    """Any element; `allowed` are the types that may stand here."""
    if not isinstance(value, dict):
        spot.say("must provide an object")
        return
    kind = value.get("type")
    if kind not in allowed:
        spot.say(f"unsupported type: {kind}")
        return
    if kind == "image":
        spot.keys(value, {"type", "alt_text"}, {"image_url", "slack_file"})
        objects.image(spot, value)
        return
    required, optional = ELEMENT_KEYS[kind]
    complete = spot.keys(value, required | {"type"}, optional | {"action_id"})
    if "action_id" in value:
        spot["action_id"].string(value["action_id"], LIMITS["action_id"])
    _shared(spot, value)
    if complete:
        _SPECIAL.get(kind, _nothing_more)(spot, value)


def _nothing_more(_spot: Spot, _value: Element) -> None:
    """Everything has been said by the keys and the shared parts."""


def _shared(spot: Spot, value: Element) -> None:
    """Parts that mean the same in every element."""
    if "confirm" in value:
        objects.confirm(spot["confirm"], value["confirm"])
    if "placeholder" in value:
        objects.text(spot["placeholder"], value["placeholder"], "placeholder")
    for key in ("focus_on_load", "multiline", "is_decimal_allowed", "response_url_enabled"):
        if key in value:
            spot[key].boolean(value[key])
    if "max_selected_items" in value:
        spot["max_selected_items"].integer(value["max_selected_items"], 1, 10_000)
    if "min_query_length" in value:
        spot["min_query_length"].integer(value["min_query_length"], 0, 10_000)
    if "dispatch_action_config" in value:
        _dispatch_config(spot["dispatch_action_config"], value["dispatch_action_config"])
    for key, form in _FORMATS.items():
        if key in value and not (isinstance(value[key], str) and form.fullmatch(value[key])):
            spot[key].say("has the wrong format")


def _dispatch_config(spot: Spot, value: Any) -> None:
    if spot.keys(value, {"trigger_actions_on"}, ()):
        place = spot["trigger_actions_on"]
        for index, trigger in enumerate(place.items(value["trigger_actions_on"], len(_TRIGGERS))):
            place[index].one_of(trigger, _TRIGGERS)


def _button(spot: Spot, value: Element) -> None:
    objects.text(spot["text"], value["text"], "button.text")
    if "value" in value:
        spot["value"].string(value["value"], LIMITS["button.value"])
    if "url" in value:
        objects.url(spot["url"], value["url"])
    if "style" in value:
        spot["style"].one_of(value["style"], STYLES)
    if "accessibility_label" in value:
        spot["accessibility_label"].string(value["accessibility_label"], LIMITS["button.accessibility_label"])


def _overflow(spot: Spot, value: Element) -> None:
    objects.options(spot["options"], value["options"], LIMITS["overflow.options"], with_url=True)


def _boxes(spot: Spot, value: Element) -> None:
    most = LIMITS[f"{value['type']}.options"]
    known = objects.options(spot["options"], value["options"], most, mrkdwn=True)
    _initial(spot, value, known)


def _static(spot: Spot, value: Element) -> None:
    _initial(spot, value, objects.option_lists(spot, value))


def _external(spot: Spot, value: Element) -> None:
    _initial(spot, value, None)


def _initial(spot: Spot, value: Element, known: list[Any] | None) -> None:
    """What is chosen at first must be among the options, exactly as it stands there."""
    chosen: list[tuple[Spot, Any]] = []
    if "initial_option" in value:
        chosen.append((spot["initial_option"], value["initial_option"]))
    if "initial_options" in value:
        place = spot["initial_options"]
        most = value.get("max_selected_items")
        found = place.items(value["initial_options"], most if isinstance(most, int) else LIMITS["options"])
        chosen += [(place[index], one) for index, one in enumerate(found)]
    for place, one in chosen:
        objects.option(place, one, mrkdwn=value["type"] in {"radio_buttons", "checkboxes"})
        if known is not None and not any(objects.same_option(one, option) for option in known):
            place.say("must be one of the options")


def _plain_text_input(spot: Spot, value: Element) -> None:
    longest = LIMITS["plain_text_input.length"]
    if "min_length" in value:
        spot["min_length"].integer(value["min_length"], 0, longest)
    if "max_length" in value:
        spot["max_length"].integer(value["max_length"], 1, longest)
    low, high = value.get("min_length", 0), value.get("max_length", longest)
    if not isinstance(low, int) or not isinstance(high, int):
        return
    if low > high:
        spot["min_length"].say("must not be greater than max_length")
    if "initial_value" in value:
        spot["initial_value"].string(value["initial_value"], min(high, longest), shortest=0)


def _file_input(spot: Spot, value: Element) -> None:
    if "max_files" in value:
        spot["max_files"].integer(value["max_files"], 1, LIMITS["file_input.max_files"])


def _datetimepicker(spot: Spot, value: Element) -> None:
    if "initial_date_time" in value:
        spot["initial_date_time"].integer(value["initial_date_time"], 1_000_000_000, 9_999_999_999)


_SPECIAL: Final = {
    "button": _button,
    "overflow": _overflow,
    "checkboxes": _boxes,
    "radio_buttons": _boxes,
    "static_select": _static,
    "multi_static_select": _static,
    "external_select": _external,
    "multi_external_select": _external,
    "plain_text_input": _plain_text_input,
    "file_input": _file_input,
    "datetimepicker": _datetimepicker,
}
