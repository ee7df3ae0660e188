"""Usage as it is told: to an administrator, to each caller, and on the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api import usage_schemas
from api.compose import Service
from api.usage import usage_app
from grounding.errors import InvalidRequest
from grounding.settings import Limits
from grounding.values import ModelCall, Usage
from store.open import open_store
from tests.api.test_cli import ENVIRONMENT, Shell

NOW = datetime.now(UTC)


def spend(
    service: Any, key: str, at: datetime = NOW, *, tokens: int = 10, usd: float | None = None, **more: Any
) -> None:
    call = ModelCall(
        generator=more.pop("generator", "large"),
        model="openai:large",
        purpose="answer",
        outcome="ok",
        started_at=at,
        ms=5.0,
        first_token_ms=None,
        usage=Usage(tokens, 2, usd, 1),
        reported=more.pop("reported", True),
    )
    whose: dict[str, Any] = {"user": "", "conversation_id": None, "collection": "", "trace_id": None, **more}
    service.usage.record([call], key_id=key, **whose)


def test_an_administrator_sees_all_of_it(admin: TestClient, service: Service) -> None:
    day = datetime(2026, 3, 1, 23, tzinfo=UTC)
    spend(service.store, "k1", day, usd=0.5)
    spend(service.store, "k1", day + timedelta(hours=2), reported=False)
    spend(service.store, "k2", day, generator="small")
    found = admin.get("/admin/usage?by=key,day&since=2026-03-01&until=2026-03-01").json()
    assert (found["by"], found["since"], found["until"]) == (
        ["key", "day"],
        "2026-03-01T00:00:00Z",
        "2026-03-02T00:00:00Z",
    )
    assert [row["group"] for row in found["rows"]] == [
        {"key": "k1", "day": "2026-03-01"},
        {"key": "k2", "day": "2026-03-01"},
    ]
    whole = admin.get("/admin/usage?key=k1").json()
    assert whole["rows"] == [{"group": {"key": "k1", "generator": "large"}} | _figures(whole["total"])]
    assert _figures(whole["total"]) == {
        "calls": 2,
        "prompt_tokens": 20,
        "completion_tokens": 4,
        "total_tokens": 24,
        "cached_tokens": 2,
        "estimated_tokens": 12,
        "cost_usd": 0.5,
        "unpriced_calls": 1,
    }


def _figures(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name != "group"}


@pytest.mark.parametrize(
    ("query", "named"),
    [("by=colour", "'colour'"), ("since=yesterday", "since"), ("until=2026-13-01", "until")],
)
def test_what_cannot_be_meant_is_named(admin: TestClient, query: str, named: str) -> None:
    refused = admin.get(f"/admin/usage?{query}")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert named in refused.json()["detail"]


def test_it_is_an_administrator_s_alone(app: FastAPI, client: TestClient, service: Service) -> None:
    _, secret = service.store.keys.create(scopes=["chat", "search", "ingest"])
    assert client.get("/admin/usage").status_code == 401
    headers = {"Authorization": f"Bearer {secret}"}
    assert client.get("/admin/usage", headers=headers).status_code == 403


def test_a_caller_sees_their_own_and_what_is_left(app: FastAPI, service: Service, client: TestClient) -> None:
    own = Limits(requests_per_minute=2, usd_per_month=0.5)
    key, secret = service.store.keys.create(scopes=["chat"], limits=own)
    spend(service.store, key.id, usd=0.5)
    spend(service.store, key.id, NOW - timedelta(days=40), usd=7.0)
    spend(service.store, "another", usd=3.0)
    spend(service.store, "", tokens=1, user="somebody")
    found = client.get("/v1/usage", headers={"Authorization": f"Bearer {secret}"})
    assert found.status_code == 200  # though the budget is spent
    told = found.json()
    assert told["key"] == key.id
    assert (told["month"]["total"]["calls"], told["month"]["total"]["cost_usd"]) == (1, 0.5)
    assert told["month"]["rows"][0]["group"] == {"generator": "large", "day": f"{NOW:%Y-%m-%d}"}
    assert told["requests_per_minute"] == {
        "limit": 2,
        "used": 0,
        "remaining": 2,
        "wait_seconds": 0,
        "reset_seconds": 0,
    }
    assert told["tokens_per_minute"] is None
    assert told["usd_per_month"]["remaining"] == 0
    assert told["usd_per_month"]["wait_seconds"] > 0
    keyless = client.get("/v1/usage")
    assert keyless.json()["month"]["total"]["prompt_tokens"] == 1
    assert "somebody" not in keyless.text


def test_an_answer_is_billed_to_its_key_and_the_user_whom_it_names(
    app: FastAPI, service: Service, admin: TestClient, handbook: str
) -> None:
    key, secret = service.store.keys.create(scopes=["chat"])
    body = {
        "model": f"extractive@{handbook}",
        "messages": [{"role": "user", "content": "What does ERR-4012 mean?"}],
        "user": "ada of the north wing",
    }
    answered = TestClient(app, headers={"Authorization": f"Bearer {secret}"}).post("/v1/chat/completions", json=body)
    assert answered.status_code == 200, answered.text
    context = answered.json()["choices"][0]["message"]["context"]
    by = "key,user,conversation,collection,generator,purpose,outcome"
    (row,) = admin.get(f"/admin/usage?by={by}").json()["rows"]
    assert row["group"] == {
        "key": key.id,
        "user": "ada of the north wing",
        "conversation": context["conversation_id"],
        "collection": handbook,
        "generator": "extractive",
        "purpose": "answer",
        "outcome": "ok",
    }
    assert row["total_tokens"] == answered.json()["usage"]["total_tokens"]
    receipt = service.store.erase_user("ada of the north wing")
    assert receipt.clean, receipt
    assert (receipt.calls, receipt.removed["exchanges"]) == (1, 1)
    (row,) = admin.get(f"/admin/usage?by={by}").json()["rows"]
    assert (row["group"]["key"], row["group"]["user"], row["group"]["conversation"]) == (key.id, "", "")


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)),
        ("2026-03-01T12:00", datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00+09:00", datetime(2026, 3, 1, 3, tzinfo=UTC), datetime(2026, 3, 1, 3, tzinfo=UTC)),
    ],
)
def test_a_day_is_meant_whole(text: str, since: datetime, until: datetime) -> None:
    assert (usage_schemas.since(text), usage_schemas.until(text)) == (since, until)
    assert usage_schemas.since(None) is usage_schemas.until(None) is None


class TestCommandLine:
    @pytest.fixture
    def shell(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("GROUNDING_HOME", str(tmp_path / "home"))
        return Shell(capsys)

    @pytest.fixture
    def used(self, shell: Shell, tmp_path: Path) -> str:
        key_id = str(shell.json("key", "create", "--scope", "chat", "--name", "app")["id"])
        store = open_store(home=tmp_path / "home")
        spend(store, key_id, usd=0.25)
        spend(store, "", tokens=3, generator="small")
        store.close()
        return key_id

    def run(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
        capsys.readouterr()
        assert usage_app(args=list(arguments), standalone_mode=False) == 0
        return capsys.readouterr().out

    def test_a_table_with_its_total(self, used: str, capsys: pytest.CaptureFixture[str]) -> None:
        lines = [line.split() for line in self.run(capsys).splitlines()]
        assert lines == [
            ["key", "generator", "calls", "prompt", "completion", "cached", "estimated", "unpriced", "USD"],
            ["-", "small", "1", "3", "2", "1", "0", "1", "-"],
            [used, "(app)", "large", "1", "10", "2", "1", "0", "0", "0.2500"],
            ["total", "2", "13", "4", "2", "0", "1", "0.2500"],
        ]
        assert self.run(capsys, "--by", "").split()[-7:] == ["2", "13", "4", "2", "0", "1", "0.2500"]

    def test_one_json_object(self, used: str, capsys: pytest.CaptureFixture[str]) -> None:
        today = f"{NOW:%Y-%m-%d}"
        out = self.run(capsys, "--by", "day", "--key", used, "--since", today, "--until", today, "--json")
        assert out.count("\n") == 1
        found = json.loads(out)
        assert [row["group"] for row in found["rows"]] == [{"day": today}]
        assert found["total"]["total_tokens"] == 12

    def test_wrong_usage(self, used: str) -> None:
        for arguments in (["--by", "colour"], ["--since", "soon"]):
            with pytest.raises(InvalidRequest):
                usage_app(args=arguments, standalone_mode=False)

    def test_limits_of_a_key(self, shell: Shell) -> None:
        made = shell.json("key", "create", "--scope", "chat", "--requests-per-minute", 10, "--usd-per-month", "2.5")
        none = {"requests_per_minute": None, "tokens_per_minute": None, "usd_per_month": None}
        assert made["limits"] == none | {"requests_per_minute": 10, "usd_per_month": 2.5}
        changed = shell.json("key", "limit", made["id"], "--tokens-per-minute", 900, "--usd-per-month", "none")
        assert changed["limits"] == none | {"requests_per_minute": 10, "tokens_per_minute": 900}
        assert shell.run("key", "list") == 0
        assert "10 requests/min, 900 tokens/min" in shell.out
        assert shell.run("key", "limit", made["id"], "--requests-per-minute", "0", "--json") == 2
        assert "--requests-per-minute: expected a whole number, 1 or more, or none, got '0'" in shell.out
        for wrong in ("-1", "inf", "nan", "much"):
            assert shell.run("key", "limit", made["id"], f"--usd-per-month={wrong}") == 2
            assert "--usd-per-month: expected a number, 0 or more, or none" in shell.err
        assert shell.run("key", "limit", made["id"]) == 2
        assert shell.run("key", "limit", "nobody", "--usd-per-month", "1") == 1
        assert shell.json("key", "limit", made["id"], "--usd-per-month", 0)["limits"] == changed["limits"] | {
            "usd_per_month": 0
        }
