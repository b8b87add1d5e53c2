import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.accounts.actors import OTHER_PASSWORD, PASSWORD, Account, Visitor
from tests.conftest import Person, World


def test_read_and_rename(visitor: Visitor, account: Account) -> None:
    access, _ = visitor.tokens(account.email)
    headers = {"Authorization": f"Bearer {access}"}
    me = visitor.get("me", access)
    assert set(me.json()) == {"id", "email", "name", "has_password", "totp_enabled", "created_at"}
    assert me.json()["created_at"].endswith("Z")
    tagged = headers | {"If-None-Match": me.headers["etag"]}
    same = visitor.client.get("/api/v1/me", headers=tagged)
    assert (same.status_code, same.content) == (304, b"")

    def rename(name: object, **extra: str) -> int:
        answer = visitor.client.patch("/api/v1/me", json={"name": name}, headers=headers | extra)
        return answer.status_code

    assert rename("  Countess  ", **{"If-Match": me.headers["etag"]}) == 200
    assert (visitor.get("me", access)).json()["name"] == "Countess"
    assert rename("Ada", **{"If-Match": me.headers["etag"]}) == 412
    for bad in ("", "  ", "x" * 121, "nul\x00", None, 5):
        assert rename(bad) == 422


@pytest.mark.parametrize("field", ["id", "email", "password", "totp_enabled", "disabled_at"])
def test_nothing_else_can_be_changed(visitor: Visitor, account: Account, field: str) -> None:
    access, _ = visitor.tokens(account.email)
    answer = visitor.client.patch(
        "/api/v1/me",
        json={"name": "Ada", field: "x"},
        headers={"Authorization": f"Bearer {access}"},
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{field}"


def _delete(visitor: Visitor, access: str, password: str = PASSWORD) -> int:
    answer = visitor.client.request(
        "DELETE",
        "/api/v1/me",
        json={"password": password},
        headers={"Authorization": f"Bearer {access}"},
    )
    return answer.status_code


def test_delete_needs_the_password_and_leaves_nothing(
    visitor: Visitor, account: Account, session: Session
) -> None:
    access, refresh = visitor.tokens(account.email)
    assert _delete(visitor, access, OTHER_PASSWORD) == 422
    assert _delete(visitor, access) == 204
    assert (visitor.get("me", access)).status_code == 401
    assert (visitor.post("refresh", refresh_token=refresh)).status_code == 401
    assert (visitor.sign_in(account.email)).status_code == 401
    for table in ("users", "sessions", "refresh_tokens", "security_events"):
        assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0  # noqa: S608


def test_sole_owner_stays(visitor: Visitor, account: Account, world: World) -> None:
    access, _ = visitor.tokens(account.email)
    ada = Person(account.id, account.email, account.id, access, visitor.client)
    organization = world.organization(ada)
    other = world.member(organization, "admin")
    assert _delete(visitor, access) == 409
    assert (visitor.get("me", access)).status_code == 200
    promoted = ada.request(
        "PATCH", f"/organizations/{organization}/members/{other.id}", json={"role": "owner"}
    )
    assert promoted.status_code == 200
    assert _delete(visitor, access) == 204
    members = other.request("GET", f"/organizations/{organization}/members").json()
    assert [item["user_id"] for item in members["items"]] == [str(other.id)]
