import subprocess
import sys
from functools import partial
from uuid import uuid4

import pytest
from httpx2 import Response
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.accounts import service
from app.core.db.unit_of_work import unit_of_work
from app.core.security import access_tokens
from tests.accounts.actors import OTHER_PASSWORD, Account, Visitor, actions, age
from tests.together import together

PAGE = {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}


def test_answer_of_sign_in(visitor: Visitor, account: Account) -> None:
    answer = visitor.sign_in(account.email)
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 600)
    assert answer.headers["cache-control"] == "no-store"
    assert actions() == ["session.opened"]


def test_wrong_password_and_unknown_address_look_alike(visitor: Visitor, account: Account) -> None:
    wrong = visitor.sign_in(account.email, OTHER_PASSWORD)
    unknown = visitor.sign_in("unknown@example.com", OTHER_PASSWORD)
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.headers["www-authenticate"] == "Bearer"
    same = {"type", "title", "status", "detail", "instance"}
    assert all(wrong.json()[key] == unknown.json()[key] for key in same)


def test_sessions_are_listed_and_ended(visitor: Visitor, account: Account) -> None:
    here, _ = visitor.tokens(account.email)
    there, refresh = visitor.tokens(account.email)
    listed = visitor.get("auth/sessions", here).json()
    assert [item["current"] for item in listed["items"]] == [False, True]
    assert listed["items"][0]["ip"] == "127.0.0.1"
    page = visitor.get("auth/sessions?limit=1", here).json()
    rest = visitor.get(f"auth/sessions?cursor={page['next_cursor']}", here).json()
    assert page["items"] + rest["items"] == listed["items"]

    def end(session_id: object) -> Response:
        return visitor.client.delete(
            f"/api/v1/auth/sessions/{session_id}", headers={"Authorization": f"Bearer {here}"}
        )

    other = listed["items"][0]["id"]
    assert (end(other)).status_code == 204
    assert (visitor.get("me", there)).status_code == 401
    assert (visitor.post("refresh", refresh_token=refresh)).status_code == 401
    assert (end(other)).status_code == 404
    assert (end(uuid4())).status_code == 404


def test_sessions_of_others_are_out_of_reach(visitor: Visitor, account: Account) -> None:
    with unit_of_work() as session:
        service.create_verified_user(
            session, email="eve@example.com", name="Eve", password=OTHER_PASSWORD
        )
    adas, _ = visitor.tokens(account.email)
    eves, _ = visitor.tokens("eve@example.com", OTHER_PASSWORD)
    (item,) = visitor.get("auth/sessions", adas).json()["items"]
    answer = visitor.client.delete(
        f"/api/v1/auth/sessions/{item['id']}", headers={"Authorization": f"Bearer {eves}"}
    )
    assert answer.status_code == 404
    assert (visitor.get("me", adas)).status_code == 200


def test_sign_out_ends_the_session(visitor: Visitor, account: Account) -> None:
    access, refresh = visitor.tokens(account.email)
    other, _ = visitor.tokens(account.email)
    assert (visitor.post("sign-out", access)).status_code == 204
    assert (visitor.get("me", access)).status_code == 401
    assert (visitor.post("refresh", refresh_token=refresh)).status_code == 401
    assert (visitor.get("me", other)).status_code == 200


def test_session_ends_by_age(visitor: Visitor, account: Account) -> None:
    access, refresh = visitor.tokens(account.email)
    age("sessions", "expires_at", "30 days")
    assert (visitor.get("me", access)).status_code == 401
    assert (visitor.post("refresh", refresh_token=refresh)).status_code == 401


def test_disabling_a_user_works_at_once(visitor: Visitor, account: Account) -> None:
    access, refresh = visitor.tokens(account.email)
    with unit_of_work() as session:
        service.disable_user(session, user_id=account.id)
    assert (visitor.get("me", access)).status_code == 401
    assert (visitor.post("refresh", refresh_token=refresh)).status_code == 401
    assert (visitor.sign_in(account.email)).status_code == 401
    assert "user.disabled" in actions()


def test_a_disabled_user_has_no_session_however_it_was_done(
    visitor: Visitor, account: Account, session: Session
) -> None:
    access, refresh = visitor.tokens(account.email)
    session.execute(text("UPDATE users SET disabled_at = clock_timestamp()"))
    session.commit()
    assert (visitor.get("me", access)).status_code == 401
    assert (visitor.post("refresh", refresh_token=refresh)).status_code == 401


@pytest.mark.committed
def test_accounts_are_disabled_from_the_command_line(visitor: Visitor, account: Account) -> None:
    def run(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "app", "users", *words]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stderr

    access, _ = visitor.tokens(account.email)
    assert run("disable", " Ada@example.com") == (0, "")
    assert (visitor.get("me", access)).status_code == 401
    assert (visitor.sign_in(account.email)).status_code == 401
    assert (run("disable", account.email))[1].strip() == ("Error: The account is disabled already.")
    assert run("enable", account.email) == (0, "")
    assert (visitor.get("me", access)).status_code == 401
    visitor.tokens(account.email)
    assert (run("disable", "unknown@example.com"))[0] == 1


def test_access_token_of_another_user_opens_no_session(
    visitor: Visitor, account: Account, session: Session
) -> None:
    visitor.tokens(account.email)
    session_id = session.scalar(text("SELECT id FROM sessions"))
    forged = access_tokens.issue(user_id=uuid4(), session_id=session_id)
    assert (visitor.get("me", forged)).status_code == 401


def test_last_use_is_noted_once_a_minute(visitor: Visitor, account: Account) -> None:
    def last_used() -> object:
        with unit_of_work() as session:
            return session.scalar(text("SELECT last_used_at FROM sessions"))

    access, _ = visitor.tokens(account.email)
    first = last_used()
    visitor.get("me", access)
    assert last_used() == first
    age("sessions", "last_used_at", "61 seconds")
    visitor.get("me", access)
    assert last_used() > first  # type: ignore[operator]  # a time


def test_better_hash_is_stored_at_sign_in(
    visitor: Visitor, account: Account, session: Session
) -> None:
    from argon2 import PasswordHasher

    from tests.accounts.actors import PASSWORD

    weak = PasswordHasher(memory_cost=8, time_cost=1, parallelism=1).hash(PASSWORD)
    session.execute(text("UPDATE users SET password_hash = :weak"), {"weak": weak})
    session.commit()
    visitor.tokens(account.email)
    stored = session.scalar(text("SELECT password_hash FROM users"))
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    visitor.tokens(account.email)


# Refresh


def test_refresh_rotates(visitor: Visitor, account: Account) -> None:
    access, refresh = visitor.tokens(account.email)
    answer = visitor.post("refresh", refresh_token=refresh)
    assert answer.status_code == 200
    assert answer.json()["refresh_token"] != refresh
    # One session, so the older access token lives on.
    assert (visitor.get("me", access)).status_code == 200
    assert len(visitor.get("auth/sessions", access).json()["items"]) == 1


def test_replay_within_the_grace_does_no_harm(visitor: Visitor, account: Account) -> None:
    _, refresh = visitor.tokens(account.email)
    second = visitor.post("refresh", refresh_token=refresh).json()
    assert (visitor.post("refresh", refresh_token=refresh)).status_code == 401
    assert (visitor.get("me", second["access_token"])).status_code == 200
    again = visitor.post("refresh", refresh_token=second["refresh_token"])
    assert again.status_code == 200


def test_later_replay_ends_the_session_and_no_other(visitor: Visitor, account: Account) -> None:
    other, _ = visitor.tokens(account.email)
    _, refresh = visitor.tokens(account.email)
    second = visitor.post("refresh", refresh_token=refresh).json()
    age("refresh_tokens", "used_at", "11 seconds")
    for _ in range(2):
        assert (visitor.post("refresh", refresh_token=refresh)).status_code == 401
    assert (visitor.get("me", second["access_token"])).status_code == 401
    answer = visitor.post("refresh", refresh_token=second["refresh_token"])
    assert answer.status_code == 401
    assert (visitor.get("me", other)).status_code == 200
    assert (actions()).count("refresh_token.reused") == 1


@pytest.mark.committed
def test_of_parallel_refreshes_one_wins(visitor: Visitor, account: Account) -> None:
    _, refresh = visitor.tokens(account.email)
    answers = together(partial(visitor.post, "refresh", refresh_token=refresh) for _ in range(8))
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 7]
    (winner,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert (visitor.get("me", winner["access_token"])).status_code == 200
    again = visitor.post("refresh", refresh_token=winner["refresh_token"])
    assert again.status_code == 200
    assert "refresh_token.reused" not in actions()


@pytest.mark.committed
def test_sign_ins_at_once_are_sessions_of_their_own(visitor: Visitor, account: Account) -> None:
    pairs = together(partial(visitor.tokens, account.email) for _ in range(4))
    assert len(set(pairs)) == 4
    assert len(visitor.get("auth/sessions", pairs[0][0]).json()["items"]) == 4


@pytest.mark.parametrize("token", ["x", "\x00", "A" * 43, "é", "A" * 2000])
def test_what_is_no_refresh_token(visitor: Visitor, token: str) -> None:
    assert (visitor.post("refresh", refresh_token=token)).status_code == 401


# Browsers


def _sign_in_by_cookie(
    visitor: Visitor, account: Account, headers: dict[str, str] | None = None
) -> Response:
    return visitor.client.post(
        "/api/v1/auth/sign-in?transport=cookie",
        json={"email": account.email, "password": "velvet otter 7 harbour"},
        headers=headers,
    )


def test_cookie_instead_of_tokens(visitor: Visitor, account: Account) -> None:
    answer = _sign_in_by_cookie(visitor, account, PAGE)
    assert (answer.status_code, answer.content) == (204, b"")
    cookie, *attributes = answer.headers["set-cookie"].split("; ")
    assert cookie.startswith("__Host-session=")
    assert {item.lower() for item in attributes if not item.startswith("Expires=")} == {
        "httponly",
        "secure",
        "path=/",
        "samesite=lax",
        f"max-age={30 * 24 * 3600}",
    }
    headers = {"Cookie": cookie}
    client = visitor.client
    client.cookies.clear()
    assert (client.get("/api/v1/me", headers=headers)).status_code == 200

    evil = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    for other in (evil, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}, {}):
        refused = client.patch("/api/v1/me", json={"name": "X"}, headers=headers | other)
        assert refused.status_code == 403, other
    for own in (PAGE, {"Origin": PAGE["Origin"]}, {"Sec-Fetch-Site": "same-origin"}):
        changed = client.patch("/api/v1/me", json={"name": "Ada"}, headers=headers | own)
        assert changed.status_code == 200, own
    plain = client.patch(
        "/api/v1/me",
        content=b'{"name": "X"}',
        headers=headers | PAGE | {"Content-Type": "text/plain"},
    )
    assert plain.status_code == 415

    out = client.post("/api/v1/auth/sign-out", headers=headers | PAGE)
    assert out.status_code == 204
    assert out.headers["set-cookie"].startswith("__Host-session=")
    assert "Max-Age=0" in out.headers["set-cookie"]
    assert (client.get("/api/v1/me", headers=headers)).status_code == 401


def test_cookie_is_no_other_token(visitor: Visitor, account: Account) -> None:
    answer = _sign_in_by_cookie(visitor, account)
    value = answer.headers["set-cookie"].split(";")[0].partition("=")[2]
    visitor.client.cookies.clear()
    assert (visitor.get("me", value)).status_code == 401
    assert (visitor.post("refresh", refresh_token=value)).status_code == 401
    access, refresh = visitor.tokens(account.email)
    for forged in (access, refresh, "x", ""):
        headers = {"Cookie": f"__Host-session={forged}"}
        assert (visitor.client.get("/api/v1/me", headers=headers)).status_code == 401


def test_other_sites_cannot_sign_a_visitor_in(visitor: Visitor, account: Account) -> None:
    answer = _sign_in_by_cookie(visitor, account, {"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_published_keys_verify_the_tokens(visitor: Visitor, account: Account) -> None:
    import jwt

    from app.settings import settings

    access, _ = visitor.tokens(account.email)
    answer = visitor.client.get("/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=300"
    keys = jwt.PyJWKSet.from_dict(answer.json())
    claims = jwt.decode(
        access,
        keys[jwt.get_unverified_header(access)["kid"]],
        algorithms=["EdDSA"],
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
    )
    assert claims["sub"] == str(account.id)
