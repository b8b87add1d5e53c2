import asyncio
import subprocess
import sys
from datetime import datetime
from functools import partial
from uuid import uuid4

import pytest
from httpx2 import Response
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service
from app.accounts.models import UserSession
from app.core.db.unit_of_work import unit_of_work
from app.core.security import access_tokens
from tests.accounts.account_client import OTHER_PASSWORD, Account, AccountClient, actions, backdate
from tests.concurrency import run_concurrently

SAME_ORIGIN = {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}


async def test_sign_in_returns_tokens(account_client: AccountClient, account: Account) -> None:
    response = await account_client.sign_in(account.email)
    assert response.status_code == 200
    assert set(response.json()) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (response.json()["token_type"], response.json()["expires_in"]) == ("Bearer", 600)
    assert response.headers["cache-control"] == "no-store"
    assert await actions() == ["user.created", "session.opened"]


async def test_wrong_password_and_unknown_address_give_the_same_response(
    account_client: AccountClient, account: Account
) -> None:
    wrong = await account_client.sign_in(account.email, OTHER_PASSWORD)
    unknown = await account_client.sign_in("unknown@example.com", OTHER_PASSWORD)
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.headers["www-authenticate"] == "Bearer"
    same = {"type", "title", "status", "detail", "instance"}
    assert all(wrong.json()[key] == unknown.json()[key] for key in same)


async def test_sessions_are_listed_and_revoked(
    account_client: AccountClient, account: Account
) -> None:
    here, _ = await account_client.tokens(account.email)
    there, refresh = await account_client.tokens(account.email)
    listed = (await account_client.get("auth/sessions", here)).json()
    assert [item["current"] for item in listed["items"]] == [False, True]
    assert listed["items"][0]["ip"] == "127.0.0.1"
    page = (await account_client.get("auth/sessions?limit=1", here)).json()
    rest = (await account_client.get(f"auth/sessions?cursor={page['next_cursor']}", here)).json()
    assert page["items"] + rest["items"] == listed["items"]

    async def end(session_id: object) -> Response:
        return await account_client.client.delete(
            f"/api/v1/auth/sessions/{session_id}", headers={"Authorization": f"Bearer {here}"}
        )

    other = listed["items"][0]["id"]
    assert (await end(other)).status_code == 204
    assert (await account_client.get("me", there)).status_code == 401
    assert (await account_client.post("refresh", refresh_token=refresh)).status_code == 401
    assert (await end(other)).status_code == 404
    assert (await end(uuid4())).status_code == 404


async def test_sessions_of_other_users_cannot_be_revoked(
    account_client: AccountClient, account: Account
) -> None:
    async with unit_of_work() as session:
        await service.create_user(
            session, email="eve@example.com", name="Eve", password=OTHER_PASSWORD, verified=True
        )
    adas, _ = await account_client.tokens(account.email)
    eves, _ = await account_client.tokens("eve@example.com", OTHER_PASSWORD)
    (item,) = (await account_client.get("auth/sessions", adas)).json()["items"]
    response = await account_client.client.delete(
        f"/api/v1/auth/sessions/{item['id']}", headers={"Authorization": f"Bearer {eves}"}
    )
    assert response.status_code == 404
    assert (await account_client.get("me", adas)).status_code == 200


async def test_sign_out_ends_the_session(account_client: AccountClient, account: Account) -> None:
    access, refresh = await account_client.tokens(account.email)
    other, _ = await account_client.tokens(account.email)
    assert (await account_client.post("sign-out", access)).status_code == 204
    assert (await account_client.get("me", access)).status_code == 401
    assert (await account_client.post("refresh", refresh_token=refresh)).status_code == 401
    assert (await account_client.get("me", other)).status_code == 200


async def test_expired_session_is_rejected(account_client: AccountClient, account: Account) -> None:
    access, refresh = await account_client.tokens(account.email)
    await backdate("sessions", "expires_at", "30 days")
    assert (await account_client.get("me", access)).status_code == 401
    assert (await account_client.post("refresh", refresh_token=refresh)).status_code == 401


async def test_disabling_a_user_ends_access_immediately(
    account_client: AccountClient, account: Account
) -> None:
    access, refresh = await account_client.tokens(account.email)
    async with unit_of_work() as session:
        await service.disable_user(session, user_id=account.id)
    assert (await account_client.get("me", access)).status_code == 401
    assert (await account_client.post("refresh", refresh_token=refresh)).status_code == 401
    assert (await account_client.sign_in(account.email)).status_code == 401
    assert "user.disabled" in await actions()


async def test_user_disabled_in_the_database_has_no_session(
    account_client: AccountClient, account: Account, session: AsyncSession
) -> None:
    access, refresh = await account_client.tokens(account.email)
    await session.execute(text("UPDATE users SET disabled_at = clock_timestamp()"))
    await session.commit()
    assert (await account_client.get("me", access)).status_code == 401
    assert (await account_client.post("refresh", refresh_token=refresh)).status_code == 401


@pytest.mark.committed
async def test_accounts_are_disabled_from_the_command_line(
    account_client: AccountClient, account: Account
) -> None:
    async def run(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "app", "users", *words]
        done = await asyncio.to_thread(
            subprocess.run, command, stderr=subprocess.PIPE, text=True, check=False
        )
        return done.returncode, done.stderr

    access, _ = await account_client.tokens(account.email)
    assert await run("disable", " Ada@example.com") == (0, "")
    assert (await account_client.get("me", access)).status_code == 401
    assert (await account_client.sign_in(account.email)).status_code == 401
    assert (await run("disable", account.email))[1].strip() == (
        "Error: The account is disabled already."
    )
    assert await run("enable", account.email) == (0, "")
    assert (await account_client.get("me", access)).status_code == 401
    await account_client.tokens(account.email)
    assert (await run("disable", "unknown@example.com"))[0] == 1


async def test_access_token_with_the_session_of_another_user_is_rejected(
    account_client: AccountClient, account: Account, session: AsyncSession
) -> None:
    await account_client.tokens(account.email)
    session_id = await session.scalar(text("SELECT id FROM sessions"))
    forged = access_tokens.issue(user_id=uuid4(), session_id=session_id)
    assert (await account_client.get("me", forged)).status_code == 401


async def test_last_used_at_is_updated_once_a_minute(
    account_client: AccountClient, account: Account
) -> None:
    async def last_used() -> datetime:
        async with unit_of_work() as session:
            return (await session.scalars(select(UserSession.last_used_at))).one()

    access, _ = await account_client.tokens(account.email)
    first = await last_used()
    await account_client.get("me", access)
    assert await last_used() == first
    await backdate("sessions", "last_used_at", "61 seconds")
    await account_client.get("me", access)
    assert await last_used() > first


async def test_weak_password_hash_is_upgraded_at_sign_in(
    account_client: AccountClient, account: Account, session: AsyncSession
) -> None:
    from argon2 import PasswordHasher

    from tests.accounts.account_client import PASSWORD

    weak = PasswordHasher(memory_cost=8, time_cost=1, parallelism=1).hash(PASSWORD)
    await session.execute(text("UPDATE users SET password_hash = :weak"), {"weak": weak})
    await session.commit()
    await account_client.tokens(account.email)
    stored = await session.scalar(text("SELECT password_hash FROM users"))
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await account_client.tokens(account.email)


# Refresh


async def test_refresh_rotates_the_refresh_token(
    account_client: AccountClient, account: Account
) -> None:
    access, refresh = await account_client.tokens(account.email)
    response = await account_client.post("refresh", refresh_token=refresh)
    assert response.status_code == 200
    assert response.json()["refresh_token"] != refresh
    # It is the same session, so the older access token stays valid.
    assert (await account_client.get("me", access)).status_code == 200
    assert len((await account_client.get("auth/sessions", access)).json()["items"]) == 1


async def test_reuse_within_the_grace_period_is_rejected_only(
    account_client: AccountClient, account: Account
) -> None:
    _, refresh = await account_client.tokens(account.email)
    second = (await account_client.post("refresh", refresh_token=refresh)).json()
    assert (await account_client.post("refresh", refresh_token=refresh)).status_code == 401
    assert (await account_client.get("me", second["access_token"])).status_code == 200
    again = await account_client.post("refresh", refresh_token=second["refresh_token"])
    assert again.status_code == 200


async def test_reuse_after_the_grace_period_ends_only_that_session(
    account_client: AccountClient, account: Account
) -> None:
    other, _ = await account_client.tokens(account.email)
    _, refresh = await account_client.tokens(account.email)
    second = (await account_client.post("refresh", refresh_token=refresh)).json()
    await backdate("refresh_tokens", "used_at", "11 seconds")
    for _ in range(2):
        assert (await account_client.post("refresh", refresh_token=refresh)).status_code == 401
    assert (await account_client.get("me", second["access_token"])).status_code == 401
    response = await account_client.post("refresh", refresh_token=second["refresh_token"])
    assert response.status_code == 401
    assert (await account_client.get("me", other)).status_code == 200
    assert (await actions()).count("refresh_token.reused") == 1


@pytest.mark.committed
async def test_concurrent_refreshes_succeed_once(
    account_client: AccountClient, account: Account
) -> None:
    _, refresh = await account_client.tokens(account.email)
    responses = await run_concurrently(
        partial(account_client.post, "refresh", refresh_token=refresh) for _ in range(8)
    )
    assert sorted(response.status_code for response in responses) == [200, *[401] * 7]
    (winner,) = [response.json() for response in responses if response.status_code == 200]
    assert (await account_client.get("me", winner["access_token"])).status_code == 200
    again = await account_client.post("refresh", refresh_token=winner["refresh_token"])
    assert again.status_code == 200
    assert "refresh_token.reused" not in await actions()


@pytest.mark.committed
async def test_concurrent_sign_ins_create_separate_sessions(
    account_client: AccountClient, account: Account
) -> None:
    pairs = await run_concurrently(partial(account_client.tokens, account.email) for _ in range(4))
    assert len(set(pairs)) == 4
    assert len((await account_client.get("auth/sessions", pairs[0][0])).json()["items"]) == 4


@pytest.mark.parametrize("token", ["x", "\x00", "A" * 43, "é", "A" * 2000])
async def test_malformed_refresh_token_is_rejected(
    account_client: AccountClient, token: str
) -> None:
    assert (await account_client.post("refresh", refresh_token=token)).status_code == 401


# Browsers


async def _sign_in_by_cookie(
    account_client: AccountClient, account: Account, headers: dict[str, str] | None = None
) -> Response:
    return await account_client.client.post(
        "/api/v1/auth/sign-in?transport=cookie",
        json={"email": account.email, "password": "velvet otter 7 harbour"},
        headers=headers,
    )


async def test_cookie_transport_sets_a_session_cookie_and_requires_same_origin(
    account_client: AccountClient, account: Account
) -> None:
    response = await _sign_in_by_cookie(account_client, account, SAME_ORIGIN)
    assert (response.status_code, response.content) == (204, b"")
    cookie, *attributes = response.headers["set-cookie"].split("; ")
    assert cookie.startswith("__Host-session=")
    assert {item.lower() for item in attributes if not item.startswith("Expires=")} == {
        "httponly",
        "secure",
        "path=/",
        "samesite=lax",
        f"max-age={30 * 24 * 3600}",
    }
    headers = {"Cookie": cookie}
    client = account_client.client
    client.cookies.clear()
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 200

    evil = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    for other in (evil, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}, {}):
        refused = await client.patch("/api/v1/me", json={"name": "X"}, headers=headers | other)
        assert refused.status_code == 403, other
        assert "CORS_ORIGINS" in refused.json()["detail"]
    for own in (SAME_ORIGIN, {"Origin": SAME_ORIGIN["Origin"]}, {"Sec-Fetch-Site": "same-origin"}):
        changed = await client.patch("/api/v1/me", json={"name": "Ada"}, headers=headers | own)
        assert changed.status_code == 200, own
    plain = await client.patch(
        "/api/v1/me",
        content=b'{"name": "X"}',
        headers=headers | SAME_ORIGIN | {"Content-Type": "text/plain"},
    )
    assert plain.status_code == 415

    out = await client.post("/api/v1/auth/sign-out", headers=headers | SAME_ORIGIN)
    assert out.status_code == 204
    assert out.headers["set-cookie"].startswith("__Host-session=")
    assert "Max-Age=0" in out.headers["set-cookie"]
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 401


async def test_session_cookie_and_tokens_are_not_interchangeable(
    account_client: AccountClient, account: Account
) -> None:
    response = await _sign_in_by_cookie(account_client, account)
    value = response.headers["set-cookie"].split(";")[0].partition("=")[2]
    account_client.client.cookies.clear()
    assert (await account_client.get("me", value)).status_code == 401
    assert (await account_client.post("refresh", refresh_token=value)).status_code == 401
    access, refresh = await account_client.tokens(account.email)
    for forged in (access, refresh, "x", ""):
        headers = {"Cookie": f"__Host-session={forged}"}
        assert (await account_client.client.get("/api/v1/me", headers=headers)).status_code == 401


async def test_cross_origin_sign_in_by_cookie_is_rejected(
    account_client: AccountClient, account: Account
) -> None:
    response = await _sign_in_by_cookie(account_client, account, {"Origin": "https://evil.example"})
    assert response.status_code == 403
    assert "set-cookie" not in response.headers


async def test_jwks_verifies_access_tokens(account_client: AccountClient, account: Account) -> None:
    import jwt

    from app.settings import settings

    access, _ = await account_client.tokens(account.email)
    response = await account_client.client.get("/.well-known/jwks.json")
    assert response.headers["cache-control"] == "public, max-age=300"
    keys = jwt.PyJWKSet.from_dict(response.json())
    claims = jwt.decode(
        access,
        keys[jwt.get_unverified_header(access)["kid"]],
        algorithms=["EdDSA"],
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
    )
    assert claims["sub"] == str(account.id)
