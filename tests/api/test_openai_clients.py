"""Clients of OpenAI, unchanged, against a real server: the official one, langchain-openai, and the command `llm`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import openai
import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import SecretStr

from api.compose import Service, build
from tests.api.conftest import settings_of, write_documents
from tests.api.serving import SECONDS, Served, WaitingModel, serving, with_route

DUBLIN = "What is the hotel limit in Dublin?"
LEAVE = "Which annual leave may employees carry over?"
MODEL = "extractive@handbook"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("clients")
    with build(settings_of(folder / "home")) as opened:
        opened.ingest([str(write_documents(folder / "documents"))], collection="handbook")
        yield opened


@pytest.fixture(scope="module")
def served(service: Service) -> Iterator[Served]:
    with serving(service) as running:
        yield running


@pytest.fixture
def client(served: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", timeout=SECONDS, max_retries=0) as made:
        yield made


def _question(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


class TestOpenAI:
    def test_a_whole_answer(self, client: openai.OpenAI) -> None:
        found = client.chat.completions.create(model=MODEL, messages=_question(DUBLIN))
        (choice,) = found.choices
        assert "180 EUR" in (choice.message.content or "")
        assert (choice.finish_reason, choice.message.role, choice.message.refusal) == ("stop", "assistant", None)
        assert choice.message.annotations
        for annotation in choice.message.annotations:
            place = annotation.url_citation
            assert (choice.message.content or "")[place.start_index : place.end_index].startswith("[")
            assert place.url.startswith("/v1/documents/")
            assert (annotation.model_extra or {})["quote"]
        assert (choice.message.model_extra or {})["context"]["outcome"] == "answered"
        assert found.usage is not None
        assert found.usage.total_tokens == found.usage.prompt_tokens + found.usage.completion_tokens
        assert found._request_id

    def test_a_streamed_answer(self, client: openai.OpenAI) -> None:
        whole = client.chat.completions.create(model=MODEL, messages=_question(DUBLIN)).choices[0].message
        stream = client.chat.completions.create(
            model=MODEL, messages=_question(DUBLIN), stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text.strip() == whole.content
        assert chunks[-2].choices[0].finish_reason == "stop"
        extra = chunks[-2].choices[0].delta.model_extra or {}
        assert extra["annotations"][0]["document_id"]
        assert extra["context"]["outcome"] == "answered"
        assert chunks[-1].usage is not None
        assert not any(chunk.usage for chunk in chunks[:-1])

    def test_its_own_collector_of_streams(self, client: openai.OpenAI) -> None:
        with client.chat.completions.stream(model=MODEL, messages=_question(DUBLIN)) as stream:
            for _ in stream:
                pass
            message = stream.get_final_completion().choices[0].message
        assert "180 EUR" in (message.content or "")
        assert message.refusal is None

    def test_fields_of_ours(self, client: openai.OpenAI) -> None:
        first = client.chat.completions.create(model=MODEL, messages=_question(LEAVE)).choices[0].message
        conversation = (first.model_extra or {})["context"]["conversation_id"]
        more = client.chat.completions.create(
            model="extractive",
            messages=_question("And in Japan?"),
            extra_body={"conversation_id": conversation, "top_k": 3},
        )
        assert "ten days" in (more.choices[0].message.content or "")

    def test_asynchronously(self, served: Served) -> None:
        async def both() -> tuple[str, str]:
            async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
                whole = await client.chat.completions.create(model=MODEL, messages=_question(DUBLIN))
                stream = await client.chat.completions.create(model=MODEL, messages=_question(DUBLIN), stream=True)
                parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
                return whole.choices[0].message.content or "", "".join(parts)

        whole, streamed = asyncio.run(both())
        assert "180 EUR" in whole
        assert streamed.strip() == whole

    def test_models(self, client: openai.OpenAI) -> None:
        names = [each.id for each in client.models.list()]
        assert {"extractive", MODEL, "@handbook", "builtin"} <= set(names)
        assert [client.models.retrieve(name).id for name in names] == names

    def test_embeddings(self, client: openai.OpenAI, service: Service) -> None:
        texts = ["annual leave", "hotel"]
        expected = service.models.embedder().embed_passages(texts)
        for how in ({}, {"encoding_format": "float"}, {"encoding_format": "base64"}):
            found = client.embeddings.create(model="builtin", input=texts, **cast(dict[str, Any], how))
            if "base64" not in how.values():
                assert np.allclose([each.embedding for each in found.data], expected)
            assert found.usage.prompt_tokens > 0

    def test_errors_are_of_their_classes(self, client: openai.OpenAI, service: Service, served: Served) -> None:
        with pytest.raises(openai.NotFoundError) as missing:
            client.chat.completions.create(model="gpt-nonsense", messages=_question("x"))
        assert missing.value.code == "model_not_found"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("nonsense@x:y")
        with pytest.raises(openai.BadRequestError) as bad:
            client.chat.completions.create(model=MODEL, messages=_question("x"), n=2)
        assert (bad.value.param, bad.value.type) == ("n", "invalid_request_error")
        with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length"):
            client.embeddings.create(model="builtin", input=[1, 2, 3])
        _, secret = service.store.keys.create(scopes=["ingest"])
        with pytest.raises(openai.PermissionDeniedError):
            client.with_options(api_key=secret).models.list()
        with pytest.raises(openai.AuthenticationError) as unknown:
            client.with_options(api_key="gk_wrong").models.list()
        assert unknown.value.code == "invalid_api_key"

    def test_a_limit_is_a_limit_of_its(self, service: Service, served: Served) -> None:
        key, secret = service.store.keys.create(scopes=["chat"])
        service.store.keys.limit(key.id, lambda limits: limits.model_copy(update={"requests_per_minute": 1}))
        with openai.OpenAI(base_url=f"{served.url}/v1", api_key=secret, max_retries=0) as client:
            client.chat.completions.create(model=MODEL, messages=_question(DUBLIN))
            with pytest.raises(openai.RateLimitError) as limited:
                client.chat.completions.create(model=MODEL, messages=_question(DUBLIN))
        assert limited.value.code == "rate_limit_exceeded"
        assert int(limited.value.response.headers["retry-after"]) >= 1

    def test_a_stream_that_fails_raises(self, service: Service) -> None:
        model = WaitingModel(failing=True)
        model.go_on()
        with (
            serving(with_route(service, model)) as broken,
            openai.OpenAI(base_url=f"{broken.url}/v1", api_key="none", max_retries=0) as client,
        ):
            stream = client.chat.completions.create(model=MODEL, messages=_question(LEAVE), stream=True)
            shown = [next(stream).choices[0].delta.content for _ in range(2)]
            assert "five days" in (shown[1] or "")
            with pytest.raises(openai.APIError) as failed:
                list(stream)
        assert failed.value.code == "generator_failed"


class TestLangChain:
    @pytest.fixture
    def chat(self, served: Served) -> ChatOpenAI:
        return ChatOpenAI(model=MODEL, base_url=f"{served.url}/v1", api_key=SecretStr("none"), max_retries=0)

    def test_invoke(self, chat: ChatOpenAI) -> None:
        found = chat.invoke([SystemMessage("Be brief."), HumanMessage(DUBLIN)])
        assert "180 EUR" in str(found.content)
        assert found.usage_metadata is not None
        assert found.usage_metadata["total_tokens"] == (
            found.usage_metadata["input_tokens"] + found.usage_metadata["output_tokens"]
        )

    def test_stream(self, chat: ChatOpenAI) -> None:
        whole: AIMessageChunk | None = None
        for chunk in chat.stream([HumanMessage(DUBLIN)], stream_usage=True):
            assert isinstance(chunk, AIMessageChunk)
            whole = chunk if whole is None else whole + chunk
        assert whole is not None
        assert "180 EUR" in str(whole.content)
        assert whole.usage_metadata is not None
        assert whole.response_metadata["finish_reason"] == "stop"

    def test_embeddings(self, served: Served, service: Service) -> None:
        embeddings = OpenAIEmbeddings(
            model="builtin",
            openai_api_base=f"{served.url}/v1",
            openai_api_key=SecretStr("none"),
            check_embedding_ctx_length=False,
            max_retries=0,
        )
        expected = service.models.embedder().embed_passages(["annual leave", "hotel"])
        assert np.allclose(embeddings.embed_documents(["annual leave", "hotel"]), expected)
        assert np.allclose(embeddings.embed_query("hotel"), expected[1])


class TestLlm:
    @pytest.fixture
    def environment(self, served: Served, tmp_path: Path) -> dict[str, str]:
        (tmp_path / "extra-openai-models.yaml").write_text(
            f"- model_id: handbook\n  model_name: {MODEL}\n  api_base: {served.url}/v1\n", "utf-8"
        )
        # None of its plugins: those that are installed here bring models of their own.
        return {**os.environ, "LLM_USER_PATH": str(tmp_path), "LLM_LOAD_PLUGINS": "", "NO_PROXY": "127.0.0.1"}

    @pytest.mark.parametrize("more", [[], ["--no-stream"], ["-s", "Be brief."]])
    def test_a_prompt(self, environment: dict[str, str], more: list[str]) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "llm", "prompt", "-m", "handbook", *more, DUBLIN],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "180 EUR" in done.stdout
        assert "[1]" in done.stdout
