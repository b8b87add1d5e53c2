"""Logs: one JSON line per event with the request id, and without secrets."""

import json
import time
import uuid
from typing import Any

from .drivers import Driver, bearer
from .factories import Factory, Organization
from .mailbox import Mailbox
from .service import ManagedService


def lines(managed_service: ManagedService, name: str) -> list[dict[str, Any]]:
    """Return the JSON log lines of a process."""
    text = managed_service.log(name).read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_job_logs_contain_the_request_and_trace_id(
    managed_service: ManagedService, mailbox: Mailbox, organization: Organization
) -> None:
    request_id, trace_id = uuid.uuid4().hex, uuid.uuid4().hex
    headers = {"X-Request-ID": request_id, "traceparent": f"00-{trace_id}-{trace_id[:16]}-01"}
    guest = Factory.address("guest")
    organization.invite(guest, **headers)
    mailbox.token("accept-invitation", guest)
    for process in ("web", "worker"):
        deadline = time.monotonic() + 10
        while True:
            found = [
                item for item in lines(managed_service, process) if request_id in item.values()
            ]
            if found:
                break
            assert time.monotonic() < deadline, (
                f"no line with the request id in {managed_service.log(process)}"
            )
            time.sleep(0.2)
        assert all(trace_id in str(item) for item in found), found


def test_secrets_are_not_logged(
    managed_service: ManagedService,
    factory: Factory,
    driver: Driver,
    mailbox: Mailbox,
    organization: Organization,
) -> None:
    account = factory.register("discreet")
    tokens = account.new_session()
    refreshed = driver.refresh(tokens.refresh).require_tokens()
    driver.forgot(account.email)
    reset = mailbox.token("reset-password", account.email)
    new = factory.password()
    wrong = factory.password()
    driver.sign_in(account.email, wrong)
    key = organization.key("projects:read")["key"]
    cookie = driver.sign_in(account.email, account.password, cookie=True)
    value = cookie.response.headers["set-cookie"].split(";")[0].split("=", 1)[1]
    # Clients put secrets into URLs and wrong fields; these must not be logged either.
    for path in (f"/api/v1/me?access_token={tokens.access}", f"/reset-password?token={reset}"):
        driver.http.get(path)
    driver.http.get(f"{organization.path}/projects", headers=bearer(key))
    driver.http.post("/api/v1/organizations", json={"name": wrong, "password": wrong})
    totp = driver.begin_totp(refreshed.access).secret
    driver.reset(reset, new)
    driver.http.get("/api/v1/me", headers=bearer(refreshed.access))
    guest = Factory.address("guest")
    organization.invite(guest)
    invitation = mailbox.token("accept-invitation", guest)

    logged = "".join(
        managed_service.log(name).read_text() for name in ("web", "worker", "scheduler")
    )
    secrets = {
        "password": account.password,
        "wrong password": wrong,
        "new password": new,
        "access token": tokens.access.split(".")[2],
        "refresh token": tokens.refresh,
        "reset token": reset,
        "invitation token": invitation,
        "API key": key[12:],
        "cookie": value,
        "TOTP secret": totp,
    }
    assert [name for name, secret in secrets.items() if secret in logged] == []
