"""The admin pages in a real browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from tests.api.test_server import Server, serving

CHROMIUM = shutil.which("chromium")
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on the PATH")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("browser") / "home") as running, running.client() as client:
        running.upload("handbook")
        for question in ("What is the hotel limit in Dublin?", "大雪警報が出ている場合、出社する必要はありますか。"):
            client.post("/v1/chat", json={"message": question, "collection": "handbook"}).raise_for_status()
        query = "<script>document.title = 'broken'</script> ERR-4012"
        client.post("/v1/search", json={"query": query, "collection": "handbook"}).raise_for_status()
        history = [{"role": "user", "content": "What is the hotel limit for a night in Dublin?"}]
        follow_up = {"query": "And what is it in Tokyo?", "collection": "handbook", "history": history}
        client.post("/v1/search", json=follow_up).raise_for_status()
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """Signed in by typing the key into the form; complaints of the browser fail the test."""
    context = browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("requestfailed", lambda request: complaints.extend(_failure(request)))
    opened.goto("/admin/retrievals")
    assert opened.url.endswith("/admin/login?next=/admin/retrievals")
    opened.get_by_label("Key").fill(server.admin_key or "")
    opened.get_by_role("button", name="Sign in").click()
    opened.wait_for_url("**/admin/retrievals")
    yield opened
    context.close()
    assert complaints == []


def _failure(request: Request) -> list[str]:
    """What a request failed of; one that leaving the page cut off has not failed."""
    return [] if request.failure == "net::ERR_ABORTED" else [f"{request.failure}: {request.url}"]


def test_a_wrong_key_is_told(browser: Browser, server: Server) -> None:
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/admin/retrievals")
    page.get_by_label("Key").fill("gk_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    context.close()


def test_the_list_filters_and_leads_to_the_detail(page: Page) -> None:
    expect(page.get_by_role("row")).to_have_count(5)
    expect(page).to_have_title("Retrievals · Grounding")
    page.get_by_label("Question contains").fill("hotel")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("link", name="What is the hotel limit in Dublin?").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What is the hotel limit in Dublin?")


def test_the_quotes_stand_out_in_their_passages(page: Page) -> None:
    page.get_by_role("link", name="What is the hotel limit in Dublin?").click()
    quote = page.locator("#answer blockquote").first.inner_text()
    marked = page.locator("#passages mark.quote").first
    assert marked.inner_text() in quote or quote in marked.inner_text()
    expect(marked).to_be_visible()
    page.locator("#answer .citations .marker").first.click()
    target = page.locator(":target")
    expect(target.locator("mark.quote")).not_to_have_count(0)
    for section in ("Answer", "Question", "Passages", "Legs", "Dropped", "Safety", "Prompt", "Timings", "Record"):
        expect(page.get_by_role("heading", name=section).first).to_be_visible()


def test_a_follow_up_shows_which_form_found_what(page: Page, tmp_path: Path) -> None:
    page.get_by_role("link", name="And what is it in <LOCATION_1>?").click()
    expect(page.locator("#question")).to_contain_text("hotel limit for a night")
    for leg in ("dense", "lexical"):
        for form in ("as asked", "stand-alone"):
            expect(page.get_by_role("region", name=f"{leg} leg, {form}", exact=True)).to_be_visible()
    expect(page.locator("#passages .form").first).to_have_text("stand-alone")
    assert page.screenshot(path=tmp_path / "follow-up.png", full_page=True)


def test_text_of_users_is_never_obeyed(page: Page) -> None:
    page.get_by_role("link", name="document.title").click()
    expect(page).to_have_title(re.compile("^<script>"))


def test_it_fits_a_phone_in_the_dark(browser: Browser, page: Page, server: Server, tmp_path: Path) -> None:
    page.get_by_role("link", name="What is the hotel limit in Dublin?").click()
    expect(page.locator("#passages")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 800})
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.screenshot(path=tmp_path / "phone.png", full_page=True)


def test_it_can_be_used_from_the_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#main$"))


def test_signing_out_ends_it(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/admin/login")
    page.goto("/admin/retrievals")
    expect(page).to_have_url(re.compile("/admin/login"))
