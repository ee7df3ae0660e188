"""The admin pages, as JSON and as HTML."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.compose import Service
from tests.api.exchanges import EXCHANGE

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(autouse=True)
def recorded(service: Service, tmp_path: Path) -> None:
    """Seven turns, one minute apart."""
    # A record keeps the words of passages that are there: 7 and 8 must be.
    (tmp_path / "nine.jsonl").write_text("".join(f'{{"id": "{n}", "text": "number {n}"}}\n' for n in range(9)))
    service.ingest([str(tmp_path / "nine.jsonl")], collection="numbers")
    for number in range(7):
        question = replace(EXCHANGE.question, clean=f"Question {number} <b>")
        service.store.exchanges.record(
            replace(
                EXCHANGE,
                trace_id=f"trace{number}",
                question=question,
                created_at=EXCHANGE.created_at + timedelta(minutes=number),
                outcome="answered" if number % 2 else "abstained",
                collection="handbook" if number < 4 else "other",
                conversation_id=f"c{number // 2}",
                message_id=f"m{number}",
            )
        )


def _ids(client: TestClient, query: str) -> list[str]:
    response = client.get(f"/admin/retrievals{query}")
    assert response.status_code == 200, response.text
    return [item["trace_id"] for item in response.json()["data"]]


def test_the_list_is_newest_first_filtered_and_paged(admin: TestClient) -> None:
    assert _ids(admin, "") == [f"trace{number}" for number in range(6, -1, -1)]
    assert _ids(admin, "?collection=other") == ["trace6", "trace5", "trace4"]
    assert _ids(admin, "?outcome=answered") == ["trace5", "trace3", "trace1"]
    assert _ids(admin, "?conversation=c1") == ["trace3", "trace2"]
    assert _ids(admin, "?q=QUESTION%203") == ["trace3"]
    assert _ids(admin, "?q=nothing") == []
    first = admin.get("/admin/retrievals?limit=5").json()
    assert _ids(admin, f"?limit=5&cursor={first['next_cursor']}") == ["trace1", "trace0"]
    assert admin.get("/admin/retrievals?cursor=nonsense").status_code == 422


def test_the_whole_exchange_as_json(admin: TestClient) -> None:
    found = admin.get("/admin/retrievals/trace3").json()
    assert found["trace_id"] == "trace3"
    assert found["answer"]["citations"][0]["quote"] == "at most five days"
    assert found["legs"][1]["hits"][0] == {"passage_id": 7, "score": 11.2}
    assert found["messages"][0] == {"role": "system", "content": "Answer from the evidence."}
    missing = admin.get("/admin/retrievals/unknown")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")


def test_a_browser_gets_pages_that_load_nothing_from_elsewhere(admin: TestClient) -> None:
    for path in ("/admin/retrievals", "/admin/retrievals/trace3", "/admin/retrievals/unknown", "/admin/login"):
        page = admin.get(path, headers=HTML)
        assert page.headers["content-type"].startswith("text/html")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http://" not in page.text
        assert "https://" not in page.text
        assert "<script" not in page.text
        assert "style=" not in page.text
    assert admin.get("/admin/retrievals/unknown", headers=HTML).status_code == 404
    assert admin.get("/admin/style.css").headers["content-type"].startswith("text/css")


def test_the_list_page(admin: TestClient) -> None:
    page = admin.get("/admin/retrievals?limit=20&outcome=answered", headers=HTML).text
    assert "Question 3 &lt;b&gt;" in page
    assert "Question 2" not in page
    assert '<option value="answered" selected>' in page
    assert "Nothing matches" in admin.get("/admin/retrievals?q=zzz", headers=HTML).text
    older = admin.get("/admin/retrievals?limit=5", headers=HTML).text
    assert 'rel="next"' in older


def test_the_detail_page_shows_everything_and_obeys_nothing(admin: TestClient) -> None:
    page = admin.get("/admin/retrievals/trace3", headers=HTML).text
    assert '<mark class="quote" title="[1]">at most five days</mark>' in page
    assert '<a class="marker" href="#citation-1">[1]</a>' in page
    assert 'id="passage-7"' in page
    for words in ("injection: instructions to the model", "EMAIL_ADDRESS", "Answer from the evidence.", "ranked lower"):
        assert words in page
    assert "It is generous." in page
    assert "<b>Not bold" not in page
    assert "<script>alert" not in page


def test_the_form_of_the_answer_is_a_choice(admin: TestClient) -> None:
    assert json.loads(admin.get("/admin/retrievals/trace3?format=json", headers=HTML).text)["trace_id"] == "trace3"
    assert "<html" in admin.get("/admin/retrievals/trace3?format=html").text
    assert admin.get("/admin/retrievals/trace3").headers["vary"] == "Accept"


def test_a_limited_administrator_sees_their_collections(admin: TestClient, service: Service) -> None:
    for collections, query, status in (
        (["other"], "", 200),
        (["other"], "?collection=handbook", 404),
        (["other", "more"], "", 422),
        (["other", "more"], "?collection=other", 200),
    ):
        _, secret = service.store.keys.create(scopes=["admin"], collections=collections)
        headers = {"Authorization": f"Bearer {secret}"}
        response = admin.get(f"/admin/retrievals{query}", headers=headers)
        assert response.status_code == status
        if status == 200:
            assert {item["collection"] for item in response.json()["data"]} == {"other"}
        assert admin.get("/admin/retrievals/trace0", headers=headers).status_code == 404


def test_short_addresses_lead_somewhere(admin: TestClient) -> None:
    assert admin.get("/", follow_redirects=False).headers["location"] == "/docs"
    assert admin.get("/admin", follow_redirects=False).headers["location"] == "/admin/retrievals"
