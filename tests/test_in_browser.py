"""Documentation and development pages, and the admin of Django, in Chromium with JavaScript."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pyotp
import pytest
from copier import run_copy
from playwright.sync_api import Browser, Page, expect, sync_playwright

from conformance.drivers import DRIVERS, bearer
from template import commit
from test_services import DEMO, developing

pytestmark = pytest.mark.slow

STAFF = ("staff@example.com", DEMO[1])
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Return the system's Chromium; without one skip the test, in CI fail."""
    found = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"install one of {CHROMIUMS}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        yield browser
        browser.close()


@contextmanager
def serving(released: Path, framework: str) -> Iterator[str]:
    """Run a service with `just dev`; return its URL."""
    with tempfile.TemporaryDirectory(prefix="copier-saas-") as directory:
        service = Path(directory) / "svc"
        data = {"framework": framework}
        run_copy(str(released), service, data=data, defaults=True, quiet=True)
        commit(service, "Generate")
        with developing(service) as base_url:
            # Browsers treat http://localhost as a secure context, as Secure cookies require.
            yield f"http://localhost:{urlsplit(base_url).port}"


def watch(page: Page) -> list[str]:
    """Collect console messages, including CSP violations, page errors and failed requests."""
    problems: list[str] = []
    page.on(
        "console",
        lambda message: (
            problems.append(f"{page.url}: {message.text}")
            if message.type in {"error", "warning"}
            else None
        ),
    )
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
    page.on(
        "response",
        lambda response: (
            problems.append(f"{response.status} {response.url}") if response.status >= 400 else None
        ),
    )
    return problems


def test_admin_and_documentation_work_in_a_browser(browser: Browser, released: Path) -> None:
    page = browser.new_page()
    problems = watch(page)
    with serving(released, "django") as site:
        page.goto(f"{site}/docs")
        sign_in_as_offered(page, site, "/_allauth/app/v1/auth/login")
        sign_in(page, site)
        open_every_link(page, site)
        create_project(page, site)
        assert newest_event(site, "Made in a browser")["changes"]["admin_user"] == STAFF[0]
        impersonate(page, site)
        set_up_second_factor(page, site)
        walk_from_sign_up_to_project(browser, site)
    assert problems == []


@pytest.mark.parametrize("framework", ["fastapi", "flask"])
def test_documentation_works_in_a_browser(browser: Browser, released: Path, framework: str) -> None:
    page = browser.new_page()
    problems = watch(page)
    with serving(released, framework) as site:
        page.goto(f"{site}/docs")
        sign_in_as_offered(page, site, "/api/v1/auth/sign-in")
        walk_from_sign_up_to_project(browser, site)
    assert problems == []


def sign_in_as_offered(page: Page, site: str, path: str) -> None:
    """Sign in on /docs with the example as offered; the token outlives the page."""
    expect(page.get_by_role("heading", name="Start here")).to_be_visible()
    try_out(page, "post", path)
    try_out(page, "get", "/api/v1/me")
    # Not `reload`: the fragment of the URL would open the operation.
    page.goto("about:blank")
    page.goto(f"{site}/docs")
    try_out(page, "get", "/api/v1/me")


def try_out(page: Page, method: str, path: str) -> None:
    named = page.locator(f"[data-path='{path}']")
    operation = page.locator(f".opblock-{method}", has=named).first
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    status = operation.locator(".live-responses-table td.response-col_status:not(.col_header)")
    expect(status).to_contain_text("200")


def sign_in(page: Page, site: str) -> None:
    page.goto(f"{site}/admin/")
    log_in(page)
    expect(page).to_have_url(f"{site}/admin/")
    expect(page.get_by_role("heading", name="Site administration")).to_be_visible()


def log_in(page: Page, code: str = "") -> None:
    page.get_by_label("E-mail address").fill(STAFF[0])
    page.get_by_label("Password").fill(STAFF[1])
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Log in").click()


def open_every_link(page: Page, site: str) -> None:
    links = {
        link.get_attribute("href") or ""
        for link in page.locator("#content-main a, #user-tools a").all()
    }
    assert len(links) > 15
    for link in sorted(links):
        answer = page.goto(site + link)
        assert answer is not None
        assert answer.status == 200, link
        expect(page.locator("#site-name")).to_be_visible()


def create_project(page: Page, site: str) -> None:
    page.goto(f"{site}/admin/projects/project/add/")
    page.get_by_label("Name").fill("Made in a browser")
    page.locator(".field-organization .select2-selection").click()
    page.locator(".select2-search__field").fill("Demo")
    page.get_by_role("option", name="Demo Organization").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist .success")).to_contain_text("was added successfully")


def newest_event(site: str, name: str) -> dict[str, Any]:
    """Check as the organization's owner that the project exists; return its audit event."""
    base_url = site.replace("localhost", "127.0.0.1")
    with httpx2.Client(base_url=base_url, timeout=30) as http:
        headers = bearer(DRIVERS["allauth"](http).sign_in(*DEMO).require_tokens().access)
        organization = http.get("/api/v1/organizations", headers=headers).json()["items"][0]["id"]
        below = f"/api/v1/organizations/{organization}"
        projects = http.get(f"{below}/projects?limit=100", headers=headers).json()["items"]
        assert name in {item["name"] for item in projects}
        events = http.get(f"{below}/audit-events", headers=headers).json()["items"]
    event: dict[str, Any] = events[0]
    assert event["action"] == "project.created"
    return event


def impersonate(page: Page, site: str) -> None:
    page.goto(f"{site}/admin/accounts/user/?q=demo")
    page.get_by_role("link", name=DEMO[0]).click()
    page.get_by_role("button", name="Impersonate this user").click()
    expect(page.get_by_text(f"{STAFF[0]} is impersonating {DEMO[0]}")).to_be_visible()
    assert page.evaluate("fetch('/api/v1/me').then(answer => answer.json())")["email"] == DEMO[0]
    made = page.evaluate(
        """async () => {
            const mine = await (await fetch('/api/v1/organizations')).json()
            const answer = await fetch(`/api/v1/organizations/${mine.items[0].id}/projects`, {
                method: 'POST',
                headers: {'Content-Type': 'application/json'},
                body: JSON.stringify({name: 'Made in impersonation'}),
            })
            return answer.status
        }"""
    )
    assert made == 201
    event = newest_event(site, "Made in impersonation")
    assert event["actor"]["label"] == DEMO[0]
    assert event["changes"]["impersonated_by"] == STAFF[0]
    # During impersonation the admin shows only a button that ends it.
    page.goto(f"{site}/admin/")
    page.get_by_role("button", name="Stop impersonating this user").click()
    expect(page).to_have_url(f"{site}/admin/accounts/user/")
    assert page.evaluate("fetch('/api/v1/me').then(answer => answer.json())")["email"] == STAFF[0]


def set_up_second_factor(page: Page, site: str) -> None:
    """Set it up in the admin, sign out, and sign in with a recovery code."""
    page.goto(f"{site}/admin/")
    page.get_by_role("link", name="Second factor").click()
    # The impersonation was another sign-in: the password is asked for.
    page.get_by_label("Password").fill(STAFF[1])
    page.get_by_role("button", name="Continue").click()
    expect(page).to_have_url(f"{site}/admin/second-factor/set-up/")
    qr_code = page.get_by_role("img", name="QR code")
    # The browser has drawn it: the Content-Security-Policy allows it.
    assert qr_code.evaluate("image => image.complete && image.naturalWidth > 0")
    app = pyotp.TOTP(page.locator("#secret").inner_text())
    page.get_by_label("Authenticator code").fill(app.now())
    page.get_by_role("button", name="Set up").click()
    codes = page.locator("#recovery-codes li")
    expect(codes).to_have_count(10)
    code = codes.first.inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the codes").click()
    assert code in download.value.path().read_text().split()
    page.get_by_role("button", name="Log out").click()
    page.goto(f"{site}/admin/")
    log_in(page)
    expect(page.get_by_text("Enter the code.")).to_be_visible()
    log_in(page, code=code)
    expect(page).to_have_url(f"{site}/admin/")
    page.get_by_role("link", name="Second factor").click()
    expect(page.get_by_text("9 unused")).to_be_visible()


def walk_from_sign_up_to_project(browser: Browser, site: str) -> None:
    """Use the development pages: sign up, follow the links of the mails, create, invite, accept."""
    owner, member = "ada@example.com", "grace@example.com"
    with browser.new_context() as context:
        page = context.new_page()
        problems = watch(page)
        sign_up(page, site, owner, "Ada Lovelace")
        sign_in_on_page(page, site, owner)
        page.get_by_label("Name of the organization").fill("Analytical Engines")
        page.get_by_role("button", name="Create organization").click()
        page.get_by_label("Name of the project").fill("First project")
        page.get_by_role("button", name="Create project").click()
        expect(page.get_by_role("listitem")).to_have_text(["First project"])
        page.get_by_label("E-mail address").fill(member)
        page.get_by_role("button", name="Invite").click()
        expect(page.get_by_text("Invited")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_url(f"{site}/dev/sign-in")
        sign_up(page, site, member, "Grace Hopper")
        sign_in_on_page(page, site, member)
        open_mail(page, site, member, "You are invited to Analytical Engines")
        follow_link(page, "Accept the invitation")
        page.get_by_role("button", name="Accept").click()
        expect(page.get_by_role("listitem")).to_have_text(["First project"])
        # allauth answers sign-up, verification and sign-out with 401.
        assert [problem for problem in problems if "401" not in problem] == []


def sign_up(page: Page, site: str, email: str, name: str) -> None:
    page.goto(f"{site}/dev/sign-up")
    page.get_by_label("Name").fill(name)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill("velvet otter 7 harbour")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_text("We have sent you a mail")).to_be_visible()
    open_mail(page, site, email, "Confirm your e-mail address")
    follow_link(page, "Confirm your e-mail address")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Your address is confirmed")).to_be_visible()


def open_mail(page: Page, site: str, to: str, subject: str) -> None:
    page.goto(f"{site}/dev/mail")
    # The page reloads until the worker has sent the mail.
    mail = page.get_by_role("row").filter(has_text=to).get_by_role("link", name=subject)
    expect(mail).to_be_visible(timeout=30_000)
    page.goto(f"{site}{mail.get_attribute('href')}")


def follow_link(page: Page, label: str) -> None:
    page.frame_locator("iframe").get_by_role("link", name=label).click()
    expect(page.get_by_role("heading", name=label)).to_be_visible()


def sign_in_on_page(page: Page, site: str, email: str) -> None:
    page.goto(f"{site}/dev/sign-in")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill("velvet otter 7 harbour")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text(f"Signed in as {email}")).to_be_visible()
