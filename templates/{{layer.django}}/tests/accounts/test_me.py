import pytest
from allauth.mfa.models import Authenticator

from app.accounts.models import RefreshToken, SecurityEvent, User, UserSession
from tests.accounts.actors import OTHER_PASSWORD, PASSWORD, Account, Visitor, bearer
from tests.conftest import Person, World


def test_read_and_rename(visitor: Visitor, account: Account) -> None:
    access, _ = visitor.tokens(account.email)
    headers = bearer(access)
    me = visitor.me(access)
    assert set(me.json()) == {"id", "email", "name", "has_password", "totp_enabled", "created_at"}
    assert me.json()["created_at"].endswith("Z")
    tagged = headers | {"If-None-Match": me.headers["etag"]}
    same = visitor.http.get("/api/v1/me", headers=tagged)
    assert (same.status_code, same.content) == (304, b"")

    def rename(name: object, **extra: str) -> int:
        answer = visitor.http.patch("/api/v1/me", json={"name": name}, headers=headers | extra)
        return answer.status_code

    assert rename("  Countess  ", **{"If-Match": me.headers["etag"]}) == 200
    assert visitor.me(access).json()["name"] == "Countess"
    assert rename("Ada", **{"If-Match": me.headers["etag"]}) == 412
    for bad in ("", "  ", "x" * 121, "nul\x00", None, 5):
        assert rename(bad) == 422


@pytest.mark.parametrize(
    "field", ["id", "email", "password", "totp_enabled", "is_active", "is_staff"]
)
def test_nothing_else_can_be_changed(visitor: Visitor, account: Account, field: str) -> None:
    access, _ = visitor.tokens(account.email)
    answer = visitor.http.patch(
        "/api/v1/me",
        json={"name": "Ada", field: "x"},
        headers=bearer(access),
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{field}"


def _delete(visitor: Visitor, access: str, password: str = PASSWORD) -> int:
    answer = visitor.http.request(
        "DELETE",
        "/api/v1/me",
        json={"password": password},
        headers=bearer(access),
    )
    return answer.status_code


def test_delete_needs_the_password_and_leaves_nothing(visitor: Visitor, account: Account) -> None:
    access, refresh = visitor.tokens(account.email)
    visitor.set_up_totp(access)
    assert _delete(visitor, access, OTHER_PASSWORD) == 422
    assert _delete(visitor, access) == 204
    assert visitor.me(access).status_code == 401
    assert (visitor.post("tokens/refresh", refresh_token=refresh)).status_code == 401
    assert (visitor.sign_in(account.email)).status_code == 401
    for model in (User, UserSession, RefreshToken, SecurityEvent, Authenticator):
        assert not model._default_manager.exists()


def test_sole_owner_stays(visitor: Visitor, account: Account, world: World) -> None:
    access, _ = visitor.tokens(account.email)
    ada = Person(account.id, account.email, account.id, access, visitor.http)
    organization = world.organization(ada)
    other = world.member(organization, "admin")
    assert _delete(visitor, access) == 409
    assert visitor.me(access).status_code == 200
    promoted = ada.request(
        "PATCH", f"/organizations/{organization}/members/{other.id}", json={"role": "owner"}
    )
    assert promoted.status_code == 200
    assert _delete(visitor, access) == 204
    members = other.request("GET", f"/organizations/{organization}/members").json()
    assert [item["user_id"] for item in members["items"]] == [str(other.id)]
