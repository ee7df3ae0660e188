"""Every error that Grounding raises on purpose.

GroundingError
├── ConfigurationError      a setting, an environment variable or grounding.toml is wrong
├── InvalidRequest          the caller asked for something that cannot be meant
├── NotFound                a collection, document, conversation, trace, key or job that is not there
├── Conflict                the name is taken, or the state does not allow it now
│   └── EmbedderChanged     the collection holds vectors of another embedder than those it was asked with
├── NotAuthenticated        no key, or one that is not valid
├── NotAllowed              the key is valid and lacks the scope or the collection
├── RateLimited             more requests or tokens than the key may have now; says when to come back
│   └── BudgetSpent         all the money that the key may spend in this month
├── MissingDependency       an optional package is not installed; says the command that installs it
├── ModelError              a model cannot be loaded, failed its hash check, or answered nonsense
│   └── GeneratorFailed     the language model failed or did not answer in time
├── StoreError              SQL or an index cannot be read or written
│   ├── StoreUnavailable    the database is locked or cannot be reached now: it may be in a moment
│   ├── SchemaOutdated      the database is older or newer than this version; says the command
│   └── CollectionBusy      another process holds the collection's writer lock
└── LoadError               one source cannot be read as documents; carries stage and reason

A message is for the person who has to act: it names the culprit and says what to do.
"""

from __future__ import annotations


class GroundingError(Exception):
    """Base of all of them; `code` is a stable identifier for programs."""

    code = "error"


class ConfigurationError(GroundingError):
    code = "configuration"


class InvalidRequest(GroundingError):
    code = "invalid_request"


class NotFound(GroundingError):
    code = "not_found"


class Conflict(GroundingError):
    code = "conflict"


class EmbedderChanged(Conflict):
    code = "embedder_changed"


class NotAuthenticated(GroundingError):
    code = "not_authenticated"


class NotAllowed(GroundingError):
    code = "not_allowed"


class RateLimited(GroundingError):
    """`retry_after`: seconds after which the same request may pass."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class BudgetSpent(RateLimited):
    code = "budget_spent"


class MissingDependency(GroundingError):
    """An optional package is missing; `package` is what to install."""

    code = "missing_dependency"

    def __init__(self, package: str, *, purpose: str, command: str | None = None) -> None:
        self.package = package
        command = command or f"pip install {package}"
        super().__init__(f"{purpose} needs the package {package!r}, which is not installed: run  {command}")


class ModelError(GroundingError):
    code = "model"


class GeneratorFailed(ModelError):
    """`reason` is a stable word ("timeout", "http_429", "connection", "cut", "invalid", "failed"). `passing`: the same
    call may succeed in a moment, after `retry_after` seconds where the provider says so."""

    code = "generator_failed"

    def __init__(
        self, message: str, *, reason: str = "failed", passing: bool = False, retry_after: float | None = None
    ) -> None:
        self.reason = reason
        self.passing = passing
        self.retry_after = retry_after
        super().__init__(message)


class StoreError(GroundingError):
    code = "store"


class StoreUnavailable(StoreError):
    code = "store_unavailable"


class SchemaOutdated(StoreError):
    code = "schema_outdated"


class CollectionBusy(StoreError):
    code = "collection_busy"


class LoadError(GroundingError):
    """One source could not become documents.

    `source` is the source key, `stage` one of load, chunk, embed, entities, store; `reason` a short stable word
    ("empty", "binary", "encoding", "json", "too_large", ...); `detail` a sentence for a person.
    """

    code = "load"

    def __init__(self, source: str, *, reason: str, detail: str, stage: str = "load") -> None:
        self.source = source
        self.stage = stage
        self.reason = reason
        self.detail = detail
        super().__init__(f"{source}: {detail}")
