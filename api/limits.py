"""Limits: what a caller may have, whether a request is within it, and what of it is left.

A limit of the key's own holds, else that of the settings; callers without a key are one caller. The home's owner, who
asks on its own machine without HTTP, is never limited.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from api.auth import Caller
from api.compose import Service
from grounding.errors import BudgetSpent, RateLimited
from grounding.settings import Limits
from store.usage import Admission, Standing

REQUESTS, TOKENS = "requests", "tokens"


def limits_of(caller: Caller, *, default: Limits) -> Limits:
    """The limits of a caller, those of the settings where they have none of their own."""
    if not caller.id and caller.may("admin"):
        return Limits()
    own = {name: value for name, value in caller.limits.model_dump().items() if value is not None}
    return default.model_copy(update=own) if own else default


def admit(caller: Caller, *, service: Service) -> Mapping[str, str]:
    """Counts a request, and tells what is left as headers of its answer. Costs nothing for who has no limits.

    Raises RateLimited, or BudgetSpent if it is money: `retry_after` is when a request may pass again, if no other does.
    """
    limits = limits_of(caller, default=service.settings.limits)
    found = service.store.usage.admit(caller.id, limits)
    if found.wait:
        raise _refusal(caller, found)
    return headers_of(found)


def standing(caller: Caller, *, service: Service) -> Admission:
    """Where a caller stands now; nothing is counted."""
    return service.store.usage.standing(caller.id, limits_of(caller, default=service.settings.limits))


def headers_of(admission: Admission) -> dict[str, str]:
    """What is left, in the headers that OpenAI's clients read."""
    headers: dict[str, str] = {}
    for name, found in ((REQUESTS, admission.requests), (TOKENS, admission.tokens)):
        if found is not None:
            headers[f"x-ratelimit-limit-{name}"] = str(int(found.limit))
            headers[f"x-ratelimit-remaining-{name}"] = str(int(found.remaining))
            headers[f"x-ratelimit-reset-{name}"] = f"{found.reset:.3f}".rstrip("0").rstrip(".") + "s"
    return headers


def _refusal(caller: Caller, found: Admission) -> RateLimited:
    """The refusal of the limit that takes longest to wait for."""
    who = f"the key {caller.id}" if caller.id else "a caller without a key"
    if found.usd is not None and found.usd.wait == found.wait:
        on = datetime.now(UTC) + timedelta(seconds=found.wait)
        limit = f"{who} may spend {found.usd.limit:g} USD a month and has spent {found.usd.used:.4f}"
        return BudgetSpent(f"{limit}: come back on {on:%Y-%m-%d} UTC, or ask for more", retry_after=found.wait)
    if found.tokens is not None and found.tokens.wait == found.wait:
        limit = f"use {int(found.tokens.limit)} tokens a minute and has used {int(found.tokens.used)}"
    else:
        assert found.requests is not None
        limit = f"make {_counted(found.requests)} a minute"
    return RateLimited(f"{who} may {limit}: come back in {math.ceil(found.wait)} s", retry_after=found.wait)


def _counted(requests: Standing) -> str:
    return "1 request" if requests.limit == 1 else f"{int(requests.limit)} requests"
