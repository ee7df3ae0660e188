"""A language model in a GGUF file as a generator, run in this process by llama.cpp (the package xllamacpp).

`local:` is followed by a path of a `.gguf` file; or by the name of an installed package that carries one; or by the
name that packages NAME-part1, NAME-part2, ... share, each of which carries a slice of it. `#` and a SHA-256 behind any
of these is compared with the file before it is loaded.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, cast

from grounding.errors import ConfigurationError, GeneratorFailed, MissingDependency
from grounding.settings import GeneratorSettings
from grounding.values import Chunk, Message, Prompt, Usage

if TYPE_CHECKING:
    from xllamacpp import Server

Render = Callable[[Prompt], tuple[Message, ...]]
Told = Mapping[str, object]
"""What llama.cpp tells at a time: a piece of a chat completion as OpenAI streams it, with its own timings beside."""

PREFIX = "local"
CONTEXT = 8192
"""Tokens of prompt and answer, unless the settings need more; a model that was trained on less has its own."""
ANSWER_TOKENS = 512
"""Of the longest answer, unless the settings say otherwise: small models may repeat themselves without end."""
BATCH = 128
"""Tokens of a prompt that are read at a time: between two of these a call can be stopped. On a processor, 64 to 512
read a prompt in the same time."""
_MAGIC = b"GGUF"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


def from_name(
    name: str, *, options: GeneratorSettings, threads: int, models_folder: Path, render: Render
) -> LlamaGenerator:
    """The generator of `local:FILE.gguf`, `local:PACKAGE` or `local:PARTS`. Loads nothing yet, and finds the file: a
    missing one is a ConfigurationError that says what was looked for."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise MissingDependency(
            "xllamacpp", purpose=f"the generator {name!r}", command="pip install 'grounding[local]'"
        )
    said, _, digest = name.removeprefix(f"{PREFIX}:").partition("#")
    if digest and not _DIGEST.fullmatch(digest):
        raise ConfigurationError(f"generator {name!r}: behind '#' belong the 64 hexadecimal digits of a SHA-256")
    weights = _located(said, name=name, folder=models_folder)
    return LlamaGenerator(
        lambda: _load(_whole(weights, digest.lower(), name=name), name=name, options=options, threads=threads),
        name=name,
        options=options,
        render=render,
    )


class LlamaGenerator:
    """Generator over a model of llama.cpp, which `load` gives at the first prompt. Thread-safe: one prompt is answered
    at a time, others wait for their turn. The same prompt gets the same answer, unless a temperature is set."""

    def __init__(self, load: Callable[[], Server], *, name: str, options: GeneratorSettings, render: Render) -> None:
        self._load = load
        self._name = name
        self._options = options
        self._render = render
        self._lock = threading.Lock()
        self._loaded: Server | None = None

    @property
    def name(self) -> str:
        return self._name

    def load(self) -> None:
        """Loads the model, which takes a second for each gigabyte, or more. Raises GeneratorFailed."""
        self._server()

    def stream(self, prompt: Prompt) -> Generator[Chunk, None, None]:
        """The answer token by token, each with the usage so far; an empty chunk for each batch of the prompt that was
        read. Once closed, the model has stopped: at most a batch later."""
        with closing(_pieces(self._server(), self._request(prompt))) as pieces:
            for piece in pieces:
                if isinstance(piece, Exception):
                    raise GeneratorFailed(
                        f"generator {self._name!r} failed: llama.cpp did not take the prompt ({type(piece).__name__})",
                        reason="invalid",
                    ) from None
                if "error" in piece:
                    raise _explained(self._name, _mapping(piece["error"]))
                if (chunk := _chunk(piece)) is not None:
                    yield chunk

    def _request(self, prompt: Prompt) -> dict[str, object]:
        options = self._options
        return {
            "messages": [{"role": message.role, "content": message.content} for message in self._render(prompt)],
            "max_tokens": options.max_output_tokens or ANSWER_TOKENS,
            "temperature": options.temperature or 0,
            "cache_prompt": False,  # what was read before would change the last digits, and so the answer
            "stream": True,
            "stream_options": {"include_usage": True},
            "timings_per_token": True,
            "return_progress": True,
        }

    def _server(self) -> Server:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded


def _pieces(server: Server, request: dict[str, object]) -> Generator[Told | Exception, None, None]:
    """What llama.cpp tells, as it tells it. When closed, it is told to stop and waited for."""
    told: SimpleQueue[Told | Exception | None] = SimpleQueue()
    closed = threading.Event()

    def hear(piece: Told) -> bool:
        told.put(piece)
        return closed.is_set()

    def run() -> None:
        try:
            server.handle_chat_completions(request, hear)
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is waited for
            told.put(error)
        finally:
            told.put(None)

    # No daemon: the interpreter must not go while foreign code is about to call back into it.
    thread = threading.Thread(target=run, name="llama.cpp")
    thread.start()
    try:
        while (piece := told.get()) is not None:
            yield piece
    finally:
        closed.set()
        thread.join()


def _chunk(piece: Told) -> Chunk | None:
    """A piece as a chunk; None for one that tells nothing."""
    usage = _usage(piece)
    for choice in cast(Sequence[Told], piece.get("choices") or ()):
        if text := _mapping(choice.get("delta")).get("content"):
            return Chunk(str(text), usage)
    at_work = "prompt_progress" in piece or any(
        _mapping(choice.get("delta")).get("reasoning_content")
        for choice in cast(Sequence[Told], piece.get("choices") or ())
    )
    return Chunk("", usage) if at_work or usage is not None else None


def _usage(piece: Told) -> Usage | None:
    """Tokens of the call so far: the whole at its end, before that as far as it got."""
    if whole := _mapping(piece.get("usage")):
        return Usage(_number(whole, "prompt_tokens"), _number(whole, "completion_tokens"))
    if so_far := _mapping(piece.get("timings")):
        return Usage(_number(so_far, "prompt_n") + _number(so_far, "cache_n"), _number(so_far, "predicted_n"))
    return None


def _explained(name: str, error: Told) -> GeneratorFailed:
    """What went wrong, by its kind alone: llama.cpp's own words may repeat the prompt."""
    if error.get("type") == "exceed_context_size_error":
        has, takes = _number(error, "n_prompt_tokens"), _number(error, "n_ctx")
        return GeneratorFailed(
            f"generator {name!r} failed: the prompt has {has} tokens, and the model takes {takes}; lower "
            f"prompting.budget_tokens, or take a model that takes more",
            reason="too_long",
        )
    return GeneratorFailed(
        f"generator {name!r} failed: llama.cpp refused the prompt ({_number(error, 'code')})", reason="invalid"
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """Slices of a file, in their order, and the file that they are put together in."""

    slices: tuple[Path, ...]
    file: Path


def _located(said: str, *, name: str, folder: Path) -> Path | _Parts:
    """Where the weights are."""
    if said.casefold().endswith(".gguf") or "/" in said or os.sep in said:
        file = Path(said).expanduser()
        if not file.is_file():
            raise ConfigurationError(f"generator {name!r}: there is no file {str(file)!r}")
        return file
    if not _NAME.fullmatch(said):
        raise ConfigurationError(
            f"generator {name!r}: expected {PREFIX}:FILE.gguf, or {PREFIX}:PACKAGE of one that carries a .gguf file"
        )
    module = re.sub(r"[._-]+", "_", said)
    if found := _carried(module, "*.gguf"):
        if len(found) > 1:
            raise ConfigurationError(
                f"generator {name!r}: the package carries {', '.join(file.name for file in found)}: "
                f"name one by its path, as {PREFIX}:{found[0]}"
            )
        return found[0]
    slices: list[Path] = []
    while part := _carried(f"{module}_part{len(slices) + 1}", "*.bin"):
        slices += part[:1]
    if slices:
        return _Parts(tuple(slices), folder / f"{module}.gguf")
    raise ConfigurationError(
        f"generator {name!r}: looked for a .gguf file in an installed package {module!r}, and for packages "
        f"{module}_part1, {module}_part2, ...: neither is there; install it, or name a file as {PREFIX}:FILE.gguf"
    )


def _carried(module: str, pattern: str) -> list[Path]:
    """Files of an installed package, which is not imported: it may load a library of its own."""
    spec = importlib.util.find_spec(module)
    folders = spec.submodule_search_locations or () if spec else ()
    return sorted(file for folder in folders for file in Path(folder).rglob(pattern))


def _whole(weights: Path | _Parts, digest: str, *, name: str) -> Path:
    """The file, put together if need be, and compared with the SHA-256 if there is one."""
    try:
        file = _joined(weights, name=name) if isinstance(weights, _Parts) else weights
        found = _sha256(file) if digest else ""
    except OSError as error:
        raise GeneratorFailed(f"generator {name!r}: {error.filename!r}: {error.strerror}") from error
    if found != digest:
        raise GeneratorFailed(f"generator {name!r}: {str(file)!r} is another file, with the SHA-256 {found}")
    return file


def _sha256(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def _joined(parts: _Parts, *, name: str) -> Path:
    """The slices as one file; one of their size that is there already is taken for it."""
    size = sum(part.stat().st_size for part in parts.slices)
    if parts.file.is_file() and parts.file.stat().st_size == size:
        return parts.file
    with parts.slices[0].open("rb") as first:
        if first.read(len(_MAGIC)) != _MAGIC:
            raise GeneratorFailed(f"generator {name!r}: {str(parts.slices[0])!r} is not the first slice of a GGUF file")
    parts.file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=parts.file.parent, prefix=parts.file.name, delete=False) as made:
        try:
            for part in parts.slices:
                with part.open("rb") as data:
                    shutil.copyfileobj(data, made, 1 << 20)
            made.flush()
            os.fsync(made.fileno())
        except BaseException:
            Path(made.name).unlink()
            raise
    return Path(made.name).replace(parts.file)


def _load(file: Path, *, name: str, options: GeneratorSettings, threads: int) -> Server:
    """The model, ready to answer."""
    from xllamacpp import CommonParams, Server

    params = CommonParams()
    params.model.path = str(file)
    answer = options.max_output_tokens or ANSWER_TOKENS
    params.n_ctx = max(CONTEXT, (options.max_prompt_tokens or 0) + answer)
    params.n_parallel = 1  # four at a time take 8 % less of a processor in all, and each of them four times as long
    params.n_batch = params.n_ubatch = BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads or -1
    params.cache_ram_mib = 0  # no prompt is kept for later
    params.ctx_shift = False
    params.ui = False
    params.offline = True
    params.verbosity = -1  # its log is no log of ours, and says what it was asked
    with tempfile.TemporaryDirectory(prefix="grounding-") as private:
        # It cannot be had without a listening socket: this one nobody can reach, for its folder is the owner's alone
        # and soon gone.
        params.hostnames = [str(Path(private) / "llama.sock")]
        try:
            return Server(params)
        except RuntimeError:
            raise GeneratorFailed(
                f"generator {name!r}: llama.cpp cannot load {str(file)!r}: is it a whole GGUF file of a chat model, "
                f"and is there memory for it?"
            ) from None


def _mapping(value: object) -> Told:
    return cast(Told, value) if isinstance(value, Mapping) else {}


def _number(values: Told, name: str) -> int:
    value = values.get(name)
    return value if isinstance(value, int) else 0
