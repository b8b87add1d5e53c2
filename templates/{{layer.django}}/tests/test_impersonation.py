"""Impersonation: what staff can do as a user, what is recorded, and when it ends."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission
from django.db.models import QuerySet
from django.test import Client

from app.accounts import service
from app.accounts.models import SecurityEvent, User, UserSession
from app.core.db.unit_of_work import unit_of_work
from app.core.jobs import execution
from app.core.models import ClockTimestamp, OutboxEntry
from tests.browsers import ADMIN, PASSWORD, make_staff, set_up_totp, sign_in, signed_in
from tests.factories import Factory, SignedInUser, UserFactory, UserSessionFactory

USERS = f"{ADMIN}accounts/user/"
STAFF = "staff@example.com"
ME = "/api/v1/me"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def me(database: None) -> User:
    """Return a staff user."""
    return make_staff(email=STAFF)


@pytest.fixture
def browser(me: User) -> Client:
    """Return a browser in which the staff is signed in."""
    return signed_in(me)


def impersonate(browser: Client, user_id: object) -> Any:
    """Press the button on the page of a user in the admin."""
    return browser.post(f"{USERS}impersonate/", {"user_pk": str(user_id)})


def call(browser: Client, method: str, path: str, body: object = None) -> Any:
    """Call the API from a page, with the browser's cookie."""
    return browser.generic(
        method,
        path,
        b"" if body is None else json.dumps(body),
        content_type="application/json",
        headers=OWN_PAGE,
    )


def events(user_id: UUID) -> list[tuple[str, dict[str, Any]]]:
    found = SecurityEvent.objects.filter(user_id=user_id).order_by("id")
    return list(found.values_list("action", "details"))


def sessions(user_id: UUID) -> QuerySet[UserSession]:
    return UserSession.objects.filter(user_id=user_id, staff_session__isnull=False)


def test_staff_is_signed_in_as_the_user(browser: Client, me: User, factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    assert "Impersonate this user" in browser.get(f"{USERS}{ada.id}/change/").text
    begun = impersonate(browser, ada.id)
    assert (begun.status_code, begun.headers["Location"]) == (302, f"{USERS}impersonation/")
    shown = browser.get(f"{USERS}impersonation/").text
    assert STAFF in shown
    assert ada.email in shown
    assert browser.get(ME).json()["email"] == ada.email
    projects = f"/api/v1/organizations/{organization}/projects"
    made = call(browser, "POST", projects, {"name": "Made in her name"})
    assert made.status_code == 201
    (listed,) = ada.request("GET", f"/organizations/{organization}/projects").json()["items"]
    assert listed["name"] == "Made in her name"


def test_changes_are_recorded_with_both_names(browser: Client, me: User, factory: Factory) -> None:
    ada = factory.user()
    organization = factory.organization(ada)
    impersonate(browser, ada.id)
    below = f"/api/v1/organizations/{organization}"
    assert call(browser, "POST", f"{below}/projects", {"name": "Apollo"}).status_code == 201
    # A job has the context of the request that enqueued it.
    guest = {"email": "guest@example.com"}
    assert call(browser, "POST", f"{below}/invitations", guest).status_code == 201
    for entry in OutboxEntry.objects.open():
        assert entry.context["impersonated_by"] == STAFF
        execution.run_job(entry.id)
    path = f"/organizations/{organization}/audit-events"
    made, *before = reversed(ada.request("GET", path).json()["items"])
    assert (made["action"], made["changes"]) == ("organization.created", {"name": "Acme"})
    assert {item["action"] for item in before} >= {"project.created", "invitation.created"}
    for item in before:
        assert item["actor"] == {"type": "user", "id": str(ada.id), "label": ada.email}
        assert item["changes"]["impersonated_by"] == STAFF


def test_start_and_end_are_in_both_histories(browser: Client, me: User, factory: Factory) -> None:
    ada = factory.user()
    impersonate(browser, ada.id)
    (session,) = sessions(ada.id)
    assert browser.post(f"{USERS}release/").status_code == 302
    details = {"session_id": str(session.pk), "as_user": str(ada.id), "impersonated_by": STAFF}
    started = {**details, "admin_user": STAFF}
    expected = [("impersonation.started", started), ("impersonation.ended", details)]
    assert events(ada.id) == expected
    assert [event for event in events(me.pk) if event[0].startswith("impersonation.")] == expected


def test_release_returns_to_the_staffs_own_session(
    browser: Client, me: User, factory: Factory
) -> None:
    app = set_up_totp(me)
    assert sign_in(browser, me.email, app.now()).status_code == 302
    (own,) = UserSession.objects.filter(user=me, revoked_at=None)
    ada = factory.user()
    former = browser.cookies["__Host-session"].value
    impersonate(browser, ada.id)
    during = browser.cookies["__Host-session"].value
    assert Client(headers={"Cookie": f"__Host-session={former}"}).get(ME).status_code == 401
    assert browser.get(f"{USERS}{ada.id}/change/").status_code == 302
    released = browser.post(f"{USERS}release/")
    assert (released.status_code, released.headers["Location"]) == (302, USERS)
    assert browser.get(USERS).status_code == 200
    assert browser.get(ME).json()["email"] == STAFF
    (same,) = UserSession.objects.filter(user=me, revoked_at=None)
    assert same.pk == own.pk
    # The cookie of the impersonation opens nothing after its end.
    assert Client(headers={"Cookie": f"__Host-session={during}"}).get(ME).status_code == 401
    assert browser.post(f"{USERS}release/").headers["Location"] == ADMIN


def test_release_needs_an_impersonation(browser: Client, factory: Factory) -> None:
    ada = factory.user()
    impersonate(browser, ada.id)
    # The session of a user who has signed in herself.
    sessions(ada.id).update(staff_session=None)
    assert browser.post(f"{USERS}release/").headers["Location"] == ADMIN
    assert browser.get(ME).json()["email"] == ada.email


def test_start_and_release_need_a_csrf_token(me: User, factory: Factory) -> None:
    ada = factory.user()
    browser = Client(enforce_csrf_checks=True)
    page = browser.get(f"{ADMIN}login/")

    def token(page: Any) -> dict[str, str]:
        return {"csrfmiddlewaretoken": str(page.context["csrf_token"])}

    form = {"username": STAFF, "password": PASSWORD, "code": "", "next": ADMIN}
    assert browser.post(f"{ADMIN}login/", form | token(page)).status_code == 302
    page = browser.get(f"{USERS}{ada.id}/change/")
    assert browser.get(f"{USERS}impersonate/?user_pk={ada.id}").status_code == 400
    assert impersonate(browser, ada.id).status_code == 403
    assert (
        browser.post(f"{USERS}impersonate/", {"user_pk": str(ada.id)} | token(page)).status_code
        == 302
    )
    page = browser.get(f"{USERS}impersonation/")
    assert browser.get(f"{USERS}release/").status_code == 405
    assert browser.post(f"{USERS}release/").status_code == 403
    assert browser.post(f"{USERS}release/", token(page)).status_code == 302


def test_start_needs_the_permission(database: None) -> None:
    support = make_staff(is_superuser=False)
    browser = signed_in(support)
    user = UserFactory.create()
    assert impersonate(browser, user.pk).status_code == 403
    names = ("view_user", "impersonate_user")
    support.user_permissions.set(Permission.objects.filter(codename__in=names))
    assert "Impersonate this user" in browser.get(f"{USERS}{user.pk}/change/").text
    assert impersonate(browser, user.pk).status_code == 302
    assert browser.get(ME).json()["email"] == user.email


@pytest.mark.parametrize(
    "values",
    [
        {"is_staff": True},
        {"is_superuser": True},
        {"is_active": False},
        {"email_verified_at": None},
    ],
)
def test_start_refuses_staff_and_unusable_accounts(values: dict[str, Any], browser: Client) -> None:
    user = UserFactory.create(**values)
    assert "Impersonate this user" not in browser.get(f"{USERS}{user.pk}/change/").text
    assert impersonate(browser, user.pk).status_code == 403
    assert not sessions(user.pk).exists()


def test_start_refuses_unknown_and_own_accounts(browser: Client, me: User) -> None:
    assert impersonate(browser, me.pk).status_code == 403
    assert impersonate(browser, UserSessionFactory.create().pk).status_code == 404
    assert impersonate(browser, "not-a-uuid").status_code == 404
    assert browser.post(f"{USERS}impersonate/").status_code == 400


def test_users_cannot_impersonate(factory: Factory) -> None:
    ada, bob = factory.user(), factory.user()
    browser = Client()
    assert impersonate(browser, bob.id).status_code == 302
    assert not sessions(bob.id).exists()
    assert browser.post(f"{USERS}release/").headers["Location"] == ADMIN
    assert browser.get(f"{USERS}impersonation/").headers["Location"] == ADMIN
    assert (
        Client().post(f"{USERS}impersonate/", {"user_pk": bob.id}, headers=ada.headers).status_code
        == 302
    )
    assert not sessions(bob.id).exists()


def test_admin_is_closed_during_an_impersonation(browser: Client, factory: Factory) -> None:
    ada = factory.user()
    impersonate(browser, ada.id)
    page = browser.get(ADMIN, follow=True)
    assert page.redirect_chain[-1][0] == f"{USERS}impersonation/"
    assert "Stop impersonating" in page.text
    assert impersonate(browser, factory.user().id).status_code == 302
    assert browser.get(ME).json()["email"] == ada.email


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/api/v1/me", {"password": PASSWORD}),
        ("GET", "/api/v1/auth/sessions", None),
        ("DELETE", "/api/v1/auth/sessions/{session}", None),
        (
            "POST",
            "/_allauth/browser/v1/account/password/change",
            {"current_password": PASSWORD, "new_password": "quiet lantern 42 meadow"},
        ),
        ("POST", "/_allauth/browser/v1/auth/reauthenticate", {"password": PASSWORD}),
        ("GET", "/_allauth/browser/v1/account/authenticators", None),
        ("GET", "/_allauth/browser/v1/account/authenticators/totp", None),
        ("POST", "/_allauth/browser/v1/account/authenticators/totp", {"code": "000000"}),
        ("DELETE", "/_allauth/browser/v1/account/authenticators/totp", None),
        ("GET", "/_allauth/browser/v1/account/authenticators/recovery-codes", None),
        ("POST", "/_allauth/browser/v1/account/authenticators/recovery-codes", None),
        ("GET", "/_allauth/browser/v1/account/authenticators/webauthn", None),
        ("POST", "/_allauth/browser/v1/account/authenticators/webauthn", {"name": "Key"}),
        # An API key would outlast the impersonation.
        (
            "POST",
            "/api/v1/organizations/{organization}/api-keys",
            {"name": "Key", "scopes": ["projects:read"]},
        ),
    ],
)
def test_account_security_is_refused_during_an_impersonation(
    method: str, path: str, body: object, browser: Client, factory: Factory
) -> None:
    ada = factory.user()
    user = User.objects.get(id=ada.id)
    user.set_password(PASSWORD)
    user.save()
    path = path.format(session=ada.session_id, organization=factory.organization(ada))
    impersonate(browser, ada.id)
    answer = call(browser, method, path, body)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden")
    assert "staff" in answer.json()["detail"]
    assert ada.request("GET", "/me").status_code == 200


def hour_passes(session: UserSession) -> None:
    UserSession.objects.filter(pk=session.pk).update(expires_at=ClockTimestamp())


def staff_is_signed_out(session: UserSession) -> None:
    assert session.staff_session_id is not None
    UserSession.objects.filter(pk=session.staff_session_id).update(revoked_at=ClockTimestamp())


def staff_is_revoked(session: UserSession) -> None:
    with unit_of_work():
        service.set_staff(user_id=User.objects.get(email=STAFF).pk, staff=False)


def staff_is_disabled(session: UserSession) -> None:
    with unit_of_work():
        service.disable_user(user_id=User.objects.get(email=STAFF).pk)


def user_becomes_staff(session: UserSession) -> None:
    User.objects.filter(pk=session.user_id).update(is_staff=True)


def user_is_disabled(session: UserSession) -> None:
    with unit_of_work():
        service.disable_user(user_id=session.user_id)


@pytest.mark.parametrize(
    "happens",
    [
        hour_passes,
        staff_is_signed_out,
        staff_is_revoked,
        staff_is_disabled,
        user_becomes_staff,
        user_is_disabled,
    ],
)
def test_impersonation_ends(happens: Any, browser: Client, factory: Factory) -> None:
    ada = factory.user()
    impersonate(browser, ada.id)
    (session,) = sessions(ada.id)
    allowed = session.expires_at - session.created_at
    assert timedelta(minutes=59) < allowed < timedelta(minutes=61)
    assert browser.get(ME).status_code == 200
    happens(session)
    assert browser.get(ME).status_code == 401
    assert browser.get(f"{USERS}impersonation/").headers["Location"] == ADMIN
    assert browser.get(ADMIN).headers["Location"].startswith(f"{ADMIN}login/")


def test_user_sees_and_ends_the_impersonation(browser: Client, factory: Factory) -> None:
    ada: SignedInUser = factory.user()
    impersonate(browser, ada.id)
    (session,) = sessions(ada.id)
    listed = ada.request("GET", "/auth/sessions").json()["items"]
    assert str(session.pk) in {item["id"] for item in listed}
    assert ada.request("DELETE", f"/auth/sessions/{session.pk}").status_code == 204
    assert browser.get(ME).status_code == 401
    assert events(ada.id)[-1][0] == "impersonation.ended"


def test_sign_out_ends_the_impersonation(browser: Client, factory: Factory) -> None:
    ada = factory.user()
    impersonate(browser, ada.id)
    told = call(browser, "GET", "/_allauth/browser/v1/auth/session")
    assert told.json()["data"]["user"]["email"] == ada.email
    assert call(browser, "DELETE", "/_allauth/browser/v1/auth/session").status_code == 401
    assert browser.get(ME).status_code == 401
    assert events(ada.id)[-1][0] == "impersonation.ended"
    assert ada.request("GET", "/me").status_code == 200
