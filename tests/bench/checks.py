"""How long the checks take for one chat: a question of 30 words and eight passages that were judged before.

`python -m tests.bench.checks` runs on one core and prints p50 and p95 of the whole and of each check, also for
passages that are new.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from grounding import plugins
from grounding.models.remembering import RememberingExtractor
from grounding.safety.policy import Policy, policy
from grounding.safety.screen import Forgetful, Part, Screen
from grounding.settings import Safety, Settings
from store.open import open_store

QUESTIONS = {
    "en": (
        "My name is Ada Lovelace and I work in the branch in Galway; how many days of annual leave may I carry over "
        "into the next year, and whom do I have to ask for it before December number {n}?"
    ),
    "ja": (
        "東京支店の田中太郎です。年次有給休暇のうち、翌年に繰り越せるのは何日までですか。"
        "また、十二月までに誰の承認が必要で、申請書はどこにありますか（{n}）。"
    ),
}
HANDBOOK = Path(__file__).parents[2] / "examples" / "handbook"
ROUNDS = 60


def main() -> None:
    """Measures on the first core that this process may use."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        extractor = plugins.entity_extractor(settings=settings)
        checks = plugins.safety_checks(extractor=RememberingExtractor(extractor), settings=settings)
        rules = policy(Safety(), collection="default", key="")
        store = open_store(home=Path(home))
        known, new, old = Screen(checks, store.judgements), Screen(checks, Forgetful()), passages(0)
        known.judge_passages(old, policy=rules)
        for language in QUESTIONS:
            report(f"question, {language}", partial(asked, known, rules, language, 0))
            for number, check in enumerate(checks, start=1):
                if "question" in check.origins:
                    alone = Screen([check], Forgetful())
                    report(f"  {check.name}", partial(asked, alone, rules, language, number * 10_000))
        report("8 passages judged before", lambda _: Screen(checks, store.judgements).judge_passages(old, policy=rules))
        report("8 passages that are new", lambda n: new.judge_passages(passages(n + 1), policy=rules), rounds=12)
        store.close()


def asked(screen: Screen, rules: Policy, language: str, first: int, number: int) -> None:
    """Judges a question that nobody asked before."""
    text = QUESTIONS[language].format(n=first + number)
    screen.judge(text, part="question", origin="question", language=language, policy=rules)


def passages(number: int) -> list[Part]:
    """Eight passages of the sample handbook, of some 110 words each; another number gives other texts."""
    words = " ".join(file.read_text("utf-8") for file in sorted(HANDBOOK.rglob("*.md"))).split(" ")
    return [Part(f"passage:{at}", f"{number} " + " ".join(words[at * 110 : at * 110 + 110]), "en") for at in range(8)]


def report(what: str, run: Callable[[int], object], *, rounds: int = ROUNDS) -> None:
    """Prints p50 and p95 in ms."""
    taken = []
    for number in range(rounds + 3):
        began = time.perf_counter()
        run(number)
        taken.append((time.perf_counter() - began) * 1000)
    taken = taken[3:]
    print(f"{what:<28} p50 {statistics.median(taken):7.2f} ms   p95 {statistics.quantiles(taken, n=20)[-1]:7.2f} ms")


if __name__ == "__main__":
    main()
