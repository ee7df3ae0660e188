"""What follows from what the checks find: a policy decides, the vault hides. Pure.

A policy is what `[safety]` of the settings says for one collection and one key. Checks know nothing of it, so what they
found in a passage can be remembered.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, get_args

from grounding.settings import (
    PRIVATE_KINDS,
    InjectionAction,
    Preset,
    PrivateAction,
    Safety,
    SafetyRules,
    ToxicityAction,
    UnsupportedAction,
)
from grounding.values import Action, Finding, Origin, Verdict

NAMES = frozenset({"PERSON", "LOCATION", "STREET_ADDRESS"})
"""What a document may say of anybody: whether it is private depends on who says it."""
SECRETS = frozenset({"API_KEY", "PRIVATE_KEY", "PASSWORD", "URL_CREDENTIALS"})
"""What opens something: no answer needs it."""
REMOVED = "[…]"
"""Stands where a passage spoke to the model."""

PRESETS: tuple[Preset, ...] = get_args(Preset)
PRIVATE: tuple[PrivateAction, ...] = get_args(PrivateAction)
TOXICITY: tuple[ToxicityAction, ...] = get_args(ToxicityAction)
INJECTION: tuple[InjectionAction, ...] = get_args(InjectionAction)
UNSUPPORTED: tuple[UnsupportedAction, ...] = get_args(UnsupportedAction)

_SEVERITY: tuple[Action, ...] = ("allow", "redact", "drop", "block")
PLACEHOLDER = re.compile(r"<(?P<kind>[A-Z][A-Z0-9_]{0,40})_(?P<number>[0-9]{1,9})>")
_KINDS = "|".join((*PRIVATE_KINDS, "TEXT", "PRIVATE"))
_PLACEHOLDER_LIKE = re.compile(
    r"(?:\\?<|＜|‹|〈|&lt;) ?(?P<kind>[A-Za-z](?:[A-Za-z0-9]|\\?[_ ](?=[A-Za-z0-9])){0,60}?)"
    rf"\\?[_ ](?P<number>[0-9]{{1,9}}) ?(?:\\?>|＞|›|〉|&gt;)"
    rf"|(?<![\w<])(?P<bare>{_KINDS})_(?P<bare_number>[0-9]{{1,9}})(?![\w>])"
)
"""A placeholder as models write it: escaped, in another case or width, or without its brackets."""
_NOT_IN_KIND = re.compile(r"[^A-Z0-9_]+")
_CUT_OUT = "cut out"
_MOST = 0.5
"""A passage of which more than this share speaks to the model is dropped whole."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Policy:
    """What is done with each kind of finding. `pii` names kinds of which something else is said than the preset's."""

    preset: Preset
    toxicity: ToxicityAction
    injection: InjectionAction
    unsupported: UnsupportedAction
    pii: Mapping[str, PrivateAction] = field(default_factory=dict)

    def looks(self, check: str, origin: Origin) -> bool:
        """Whether anything could follow from what this check finds in a part of this origin."""
        if check == "names" and origin in ("passage", "answer"):
            return any(self._private(kind, origin) != "allow" for kind in NAMES)
        if check in ("pii", "names"):
            return self.preset != "off" or any(action != "allow" for action in self.pii.values())
        return (self.toxicity if check == "toxicity" else self.injection) != "off"

    def decide(
        self, check: str, findings: Sequence[Finding], *, text: str, part: str, origin: Origin
    ) -> tuple[Verdict, ...]:
        """A verdict for each finding of a check in a text, with its span."""
        if not findings:
            return ()
        actions = [self._action(check, finding.kind, origin) for finding in findings]
        if check == "injection" and origin == "passage" and _share(findings, text) > _MOST:
            actions = ["drop" for _ in actions]
        name = "pii" if check == "names" else check
        return tuple(
            Verdict(name, part, action, finding.kind, finding.score, finding.start, finding.end)
            for action, finding in zip(actions, findings, strict=True)
        )

    def may_be_published(self, kind: str) -> bool:
        """Whether a question may name such a value to the model once the passages name it, too."""
        return self.preset == "balanced" and kind in NAMES and kind not in self.pii

    def _action(self, check: str, kind: str, origin: Origin) -> Action:
        if check in ("pii", "names"):
            return self._private(kind, origin)
        if check == "injection" and origin != "question":
            return "drop" if self.injection == "drop" and origin == "passage" else "redact"
        return "block"

    def _private(self, kind: str, origin: Origin) -> PrivateAction:
        chosen = self.pii.get(kind)
        if chosen is None and self.preset != "balanced":
            chosen = "allow" if self.preset == "off" else "block" if kind in SECRETS else "redact"
        if chosen is None:
            chosen = "allow" if kind in NAMES and origin in ("passage", "answer") else "redact"
        # Only the question is one's own: what is said elsewhere is no reason to refuse.
        return "redact" if chosen == "block" and origin != "question" else chosen


_PRESETS: Mapping[Preset, Policy] = {
    "off": Policy("off", "off", "off", "list"),
    "balanced": Policy("balanced", "block", "neutralise", "list"),
    "strict": Policy("strict", "block", "drop", "remove"),
}


def policy(safety: Safety, *, collection: str, key: str) -> Policy:
    """The policy for questions to a collection with the key of this name."""
    special = [rules for rules in (safety.collections.get(collection), safety.keys.get(key)) if rules]
    preset = _strictest([rules.preset for rules in special], PRESETS) or safety.preset or "balanced"
    plain = _PRESETS[preset]
    own = safety if not any(rules.preset for rules in special) else SafetyRules()
    return Policy(
        preset,
        _strictest([rules.toxicity for rules in special], TOXICITY) or own.toxicity or plain.toxicity,
        _strictest([rules.injection for rules in special], INJECTION) or own.injection or plain.injection,
        _strictest([rules.unsupported for rules in special], UNSUPPORTED) or own.unsupported or plain.unsupported,
        {**own.pii, **_strictest_by_kind(special)},
    )


def _strictest(chosen: Iterable[_T | None], order: tuple[_T, ...]) -> _T | None:
    """Of those that are given, the one that stands last in the order."""
    return max((choice for choice in chosen if choice is not None), key=order.index, default=None)


def _strictest_by_kind(rules: Sequence[SafetyRules]) -> dict[str, PrivateAction]:
    kinds = {kind for rule in rules for kind in rule.pii}
    return {
        kind: max((r.pii[kind] for r in rules if kind in r.pii), key=get_args(PrivateAction).index) for kind in kinds
    }


def _share(findings: Sequence[Finding], text: str) -> float:
    """Of the text that is not white space, the share that the findings cover."""
    covered = bytearray(len(text))
    for finding in findings:
        covered[finding.start : finding.end] = b"\1" * max(0, min(finding.end, len(text)) - finding.start)
    signs = [at for at, sign in enumerate(text) if not sign.isspace()]
    return sum(covered[at] for at in signs) / len(signs) if signs else 0.0


def worst(verdicts: Iterable[Verdict]) -> Action:
    """The most severe action among them; "allow" for none."""
    return max((verdict.action for verdict in verdicts), key=_SEVERITY.index, default="allow")


class Vault:
    """Private values of one conversation and the placeholders that stand for them: `<EMAIL_ADDRESS_1>`, one for each
    distinct value. Kept only sealed (`values.Turn.values`), and never logged."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._placeholders: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._open: set[str] = set()
        for placeholder, value in (values or {}).items():
            if match := PLACEHOLDER.fullmatch(placeholder):
                self._placeholders.setdefault((match["kind"], value), placeholder)
                self._values[placeholder] = value
                self._counts[match["kind"]] = max(self._counts.get(match["kind"], 0), int(match["number"]))

    def __repr__(self) -> str:
        return f"Vault({len(self._values)} values)"

    def __len__(self) -> int:
        return len(self._values)

    def placeholder(self, value: str, *, kind: str) -> str:
        """What stands for the value; the same for the same value and kind."""
        kind = _NOT_IN_KIND.sub("_", kind.upper()).strip("_0123456789") or "PRIVATE"
        known = self._placeholders.get((kind, value))
        if known is None:
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
            known = self._placeholders[kind, value] = f"<{kind}_{number}>"
            self._values[known] = value
        return known

    def publish_named(self, text: str, *, may: Callable[[str], bool]) -> list[tuple[str, str]]:
        """(kind, value) of those values, of kinds that may be published, which this text says in any case and width:
        they are hidden no more. A placeholder that stands for one is still restored."""
        names = [(kind, value) for kind, value in self._placeholders if may(kind)]
        folded = _folded(text) if names else ""
        said = [(kind, value) for kind, value in names if _occurrences(_folded(value)).search(folded)]
        self._open.update(value for _, value in said)
        return said

    def show_published(self, text: str) -> str:
        """The text with values in place of placeholders that hide nothing any more."""
        return PLACEHOLDER.sub(
            lambda match: value if (value := self._values.get(match[0])) in self._open and value else match[0], text
        )

    def restore(self, text: str) -> str:
        """The text with every placeholder of this vault replaced by its value, also where a model wrote it a little
        differently; what is no placeholder of this vault is left as it is."""
        return _PLACEHOLDER_LIKE.sub(lambda match: self._values.get(_as_placeholder(match), match[0]), text)

    def hide(self, text: str) -> str:
        """The text with every value that this vault has seen replaced by its placeholder, longer values first."""
        for (_, value), placeholder in sorted(self._placeholders.items(), key=lambda item: -len(item[0][1])):
            if value not in self._open and value in text:
                text = _occurrences(value).sub(lambda _, by=placeholder: by, text)  # type: ignore[misc]
        return text

    def hide_name(self, name: str) -> str:
        """The name hidden, also where it is but a part of a value."""
        for (_, value), placeholder in self._placeholders.items():
            if value not in self._open and _occurrences(name).search(value):
                return placeholder
        return self.hide(name)

    def values_in(self, text: str) -> dict[str, str]:
        """The values of the placeholders that a text carries."""
        return {match[0]: self._values[match[0]] for match in PLACEHOLDER.finditer(text) if match[0] in self._values}


def _as_placeholder(match: re.Match[str]) -> str:
    kind = match["kind"] or match["bare"]
    return f"<{kind.replace(chr(92), '').replace(' ', '_').upper()}_{match['number'] or match['bare_number']}>"


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _occurrences(value: str) -> re.Pattern[str]:
    """Where the value stands by itself: a short name is no part of a longer word."""
    before = "(?<![A-Za-z0-9_])" if value[0].isascii() and value[0].isalnum() else ""
    after = "(?![A-Za-z0-9_])" if value[-1].isascii() and value[-1].isalnum() else ""
    return re.compile(before + re.escape(value) + after)


def redact(text: str, verdicts: Sequence[Verdict], vault: Vault) -> str:
    """The text with a placeholder in place of each span that a verdict redacts; `vault.restore` undoes it. What speaks
    to the model is cut out for good.

    Spans that overlap are covered together, under the reason of the longest, then of the highest score. A text of which
    nothing is redacted goes through here too: what looks like a placeholder in it already is replaced as well, or a
    document could ask for the value by writing its name.
    """
    pieces: list[str] = []
    at = 0
    for start, end, reason in _spans(len(text), verdicts):
        hidden = REMOVED if reason == _CUT_OUT else vault.placeholder(text[start:end], kind=reason)
        pieces += (_disarm(text[at:start], vault), hidden)
        at = end
    return "".join((*pieces, _disarm(text[at:], vault)))


def _disarm(text: str, vault: Vault) -> str:
    return _PLACEHOLDER_LIKE.sub(lambda match: vault.placeholder(match[0], kind="TEXT"), text)


def _spans(length: int, verdicts: Iterable[Verdict]) -> list[tuple[int, int, str]]:
    """Disjoint spans within a text of this length, in order, with the reason of each."""
    found: list[tuple[int, int, float, str]] = []
    for verdict in verdicts:
        if verdict.action == "redact" and verdict.start is not None and verdict.end is not None:
            start, end = max(0, verdict.start), min(length, verdict.end)
            if start < end:
                found.append((start, end, verdict.score, _CUT_OUT if verdict.check == "injection" else verdict.reason))
    joined: list[list[tuple[int, int, float, str]]] = []
    reach = 0
    for span in sorted(found):
        if joined and span[0] < reach:
            joined[-1].append(span)
        else:
            joined.append([span])
        reach = max(reach, span[1])
    return [(group[0][0], max(span[1] for span in group), _reason(group)) for group in joined]


def _reason(group: Sequence[tuple[int, int, float, str]]) -> str:
    return max(group, key=lambda span: (span[3] == _CUT_OUT, span[1] - span[0], span[2]))[3]
