"""What follows from verdicts: the worst action, and texts with placeholders in place of private values. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from grounding.values import Action, Verdict

_SEVERITY: tuple[Action, ...] = ("allow", "redact", "drop", "block")
_PLACEHOLDER = re.compile(r"<[A-Z][A-Z0-9_]*_[0-9]+>")
_NOT_IN_KIND = re.compile(r"[^A-Z0-9_]+")


def worst(verdicts: Iterable[Verdict]) -> Action:
    """The most severe action among them; "allow" for none."""
    return max((verdict.action for verdict in verdicts), key=_SEVERITY.index, default="allow")


class Vault:
    """Private values and the placeholders that stand for them: `<EMAIL_ADDRESS_1>`, one for each distinct value.

    Lives as long as the texts that carry its placeholders, and is never stored or logged.
    """

    def __init__(self) -> None:
        self._placeholders: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._counts: dict[str, int] = {}

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

    def restore(self, text: str) -> str:
        """The text with every placeholder of this vault replaced by its value; others are left as they are."""
        return _PLACEHOLDER.sub(lambda match: self._values.get(match[0], match[0]), text)

    def hide(self, text: str) -> str:
        """The text with every value that this vault has seen replaced by its placeholder, longer values first."""
        for (_, value), placeholder in sorted(self._placeholders.items(), key=lambda item: -len(item[0][1])):
            text = text.replace(value, placeholder)
        return text


def redact(text: str, verdicts: Sequence[Verdict], vault: Vault) -> str:
    """The text with a placeholder in place of each span that a verdict redacts; `vault.restore` undoes it.

    Spans that overlap are covered together, under the reason of the longest, then of the highest score. A text of which
    nothing is redacted goes through here too: what looks like a placeholder in it already is replaced as well, or a
    document could ask for the value by writing its name.
    """
    pieces: list[str] = []
    at = 0
    for start, end, reason in _spans(len(text), verdicts):
        pieces += (_disarm(text[at:start], vault), vault.placeholder(text[start:end], kind=reason))
        at = end
    return "".join((*pieces, _disarm(text[at:], vault)))


def _disarm(text: str, vault: Vault) -> str:
    return _PLACEHOLDER.sub(lambda match: vault.placeholder(match[0], kind="TEXT"), text)


def _spans(length: int, verdicts: Iterable[Verdict]) -> list[tuple[int, int, str]]:
    """Disjoint spans within a text of this length, in order, with the reason of each."""
    found: list[tuple[int, int, float, str]] = []
    for verdict in verdicts:
        if verdict.action == "redact" and verdict.start is not None and verdict.end is not None:
            start, end = max(0, verdict.start), min(length, verdict.end)
            if start < end:
                found.append((start, end, verdict.score, verdict.reason))
    joined: list[list[tuple[int, int, float, str]]] = []
    reach = 0
    for span in sorted(found):
        if joined and span[0] < reach:
            joined[-1].append(span)
        else:
            joined.append([span])
        reach = max(reach, span[1])
    return [
        (group[0][0], max(span[1] for span in group), max(group, key=lambda span: (span[1] - span[0], span[2]))[3])
        for group in joined
    ]
