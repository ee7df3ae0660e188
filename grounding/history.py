"""Conversation turns -> a window within the budget, and a stand-alone question. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from grounding import analysis
from grounding.values import Turn

_ANAPHORA = re.compile(
    r"\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|there|then|one|ones|same|such|"
    r"former|latter|else|instead|too|either|both|another|other|others)\b",
    re.IGNORECASE,
)
_CONTINUES = re.compile(
    r"^(?:and|or|but|so|also|then|what about|how about|what if|why|why not|how so|really|ok|okay|yes|no|"
    r"in that case|for example|tell me more|more|go on|please explain)\b",
    re.IGNORECASE,
)
_CONTINUES_JA = re.compile(
    r"^(?:では|じゃ|それ|その|そこ|そう|これ|この|ここ|あの|あれ|彼|彼女|同じ|ほか|他に|また|そして|なら|ちなみに|もっと|なぜ|どうして)"
)
_BARE_TOPIC_JA = re.compile(r"^.{1,20}(?:は|では|の場合は?|だと|なら)[?？。]?$")
_SHORT_TERMS = 3
"""A question of at most so many content terms rarely stands alone: "And in Japan?", "大阪は？"."""
_STOP = frozenset(
    analysis.terms(
        "a an and are as at be but by can could did do does for from had has have how i if in is it me my of on or our "
        "please so tell than that the their them then there these they this to us was we were what when where which "
        "who whom whose why will with would you your about ください とは ですか ますか でしょうか 何で いつ どこ だれ"
    )
)


def window(
    turns: Sequence[Turn], *, budget: int, count_tokens: Callable[[Sequence[str]], list[int]]
) -> tuple[Turn, ...]:
    """The latest turns whose contents together have at most `budget` tokens, oldest first, never a part of one."""
    kept: list[Turn] = []
    left = budget
    counts = count_tokens([turn.content for turn in turns]) if turns else []
    for turn, tokens in zip(reversed(turns), reversed(counts), strict=True):
        if tokens > left:
            break
        left -= tokens
        kept.append(turn)
    return tuple(reversed(kept))


def standalone(question: str, turns: Sequence[Turn]) -> str:
    """The question in a form that can be searched without the conversation: itself, or, for a follow-up, together
    with the questions that it leans on, nearest last."""
    if not turns or not leans_back(question):
        return question
    leads: list[str] = []
    for turn in reversed(turns):
        if turn.role != "user":
            continue
        leads.append(turn.content.strip())
        if len(leads) == 2 or not leans_back(turn.content):
            break
    return "\n".join([*reversed(leads), question]) if leads else question


def leans_back(question: str) -> bool:
    """Whether a question seems to need what was said before it."""
    text = question.strip()
    if _CONTINUES.search(text) or _CONTINUES_JA.search(text) or _BARE_TOPIC_JA.search(text):
        return True
    return bool(_ANAPHORA.search(text)) or len(content_terms(text)) <= _SHORT_TERMS


def content_terms(text: str) -> list[str]:
    """Index terms of a text without function words."""
    return [term for term in analysis.terms(text) if term not in _STOP]
