from uuid import UUID, uuid4

from app.core.security.tokens import sign_tenant_row_token
from tests.factories import Factory


def test_creator_becomes_owner(factory: Factory) -> None:
    ada = factory.user()
    created = ada.request("POST", "/organizations", json={"name": "  Acme "})
    assert created.status_code == 201
    assert created.json()["name"] == "Acme"
    assert created.json()["role"] == "owner"
    location = created.headers["location"]
    read = ada.client.get(location, headers=ada.headers)
    assert read.json() == created.json()
    assert read.headers["etag"] == created.headers["etag"]
    again = ada.client.get(location, headers=ada.headers | {"If-None-Match": read.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_list_contains_own_organizations_only(factory: Factory) -> None:
    ada, eve = factory.user(), factory.user()
    mine = {str(factory.organization(ada, f"Org {n}")) for n in range(3)}
    factory.organization(eve)
    first = ada.request("GET", "/organizations", params={"limit": 2}).json()
    rest = ada.request("GET", "/organizations", params={"cursor": first["next_cursor"]}).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == sorted(mine)
    assert rest["next_cursor"] is None


def test_foreign_and_missing_organization_give_the_same_response(factory: Factory) -> None:
    ada, eve = factory.user(), factory.user()
    organization = factory.organization(ada)
    there = eve.request("GET", f"/organizations/{organization}")
    nowhere = eve.request("GET", f"/organizations/{uuid4()}")
    assert there.status_code == nowhere.status_code == 404
    assert there.json()["detail"] == nowhere.json()["detail"]


def test_stale_if_match_is_412(factory: Factory) -> None:
    ada = factory.user()
    path = f"/organizations/{factory.organization(ada)}"
    etag = ada.request("GET", path).headers["etag"]
    body = {"name": "New"}
    changed = ada.request("PATCH", path, json=body, headers={"If-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag
    for method, arguments in (("PATCH", {"json": body}), ("DELETE", {})):
        stale = ada.request(method, path, headers={"If-Match": etag}, **arguments)
        assert stale.status_code == 412, stale.text


def test_only_owners_appoint_owners_and_the_last_owner_cannot_leave(factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    members = f"/organizations/{organization}/members"
    admin = factory.member(organization, "admin")
    bob = factory.member(organization, "member")

    for target in (bob, ada):
        refused = admin.request("PATCH", f"{members}/{target.id}", json={"role": "owner"})
        assert refused.status_code == 403
    assert (admin.request("DELETE", f"{members}/{ada.id}")).status_code == 403
    for request in (("DELETE", {}), ("PATCH", {"json": {"role": "admin"}})):
        last = ada.request(request[0], f"{members}/{ada.id}", **request[1])
        assert last.status_code == 409

    promoted = ada.request("PATCH", f"{members}/{bob.id}", json={"role": "owner"})
    assert promoted.json()["role"] == "owner"
    assert (ada.request("DELETE", f"{members}/{ada.id}")).status_code == 204
    assert (ada.request("GET", members)).status_code == 404


def test_member_can_leave_but_not_remove_others(factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    viewer = factory.member(organization, "viewer")
    members = f"/organizations/{organization}/members"
    assert (viewer.request("DELETE", f"{members}/{ada.id}")).status_code == 403
    assert (viewer.request("DELETE", f"{members}/{viewer.id}")).status_code == 204


def test_invitation_is_valid_once_for_its_address(factory: Factory) -> None:
    ada, eve = factory.user(), factory.user()
    bob = factory.user()
    organization = factory.organization(ada)
    path = f"/organizations/{organization}/invitations"
    body = {"email": bob.email.upper(), "role": "viewer"}
    created = ada.request("POST", path, json=body)
    assert created.status_code == 201
    invitation = created.json()
    assert invitation["email"] == bob.email
    assert (ada.request("POST", path, json=body)).status_code == 409

    token = sign_tenant_row_token("invitation", organization, UUID(invitation["id"]))
    accept = {"token": token}
    assert (eve.request("POST", "/invitations/accept", json=accept)).status_code == 403
    joined = bob.request("POST", "/invitations/accept", json=accept)
    assert (joined.status_code, joined.json()["role"]) == (200, "viewer")
    assert (bob.request("POST", "/invitations/accept", json=accept)).status_code == 422
    assert (ada.request("GET", path)).json()["items"] == []
    assert (ada.request("POST", path, json=body)).status_code == 409


def test_revoked_invitation_is_rejected(factory: Factory) -> None:
    ada, bob = factory.user(), factory.user()
    organization = factory.organization(ada)
    path = f"/organizations/{organization}/invitations"
    created = ada.request("POST", path, json={"email": bob.email}).json()
    assert (ada.request("DELETE", f"{path}/{created['id']}")).status_code == 204
    token = sign_tenant_row_token("invitation", organization, UUID(created["id"]))
    refused = bob.request("POST", "/invitations/accept", json={"token": token})
    assert refused.status_code == 422
