"""How a sign-in to the API opens the admin, if its owner is staff: only with a second factor."""

import pytest

from app.accounts import service
from app.accounts.models import User
from app.core.db.unit_of_work import unit_of_work
from app.settings import settings
from tests.accounts.actors import PASSWORD, Account, Visitor, cookie_of
from tests.accounts.passkeys import Passkey
from tests.browsers import ADMIN


@pytest.fixture
def passkey(visitor: Visitor, account: Account, monkeypatch: pytest.MonkeyPatch) -> Passkey:
    """Make the account staff in production, with a passkey."""
    with unit_of_work():
        service.set_staff(user_id=User.objects.get(email=account.email).pk, staff=True)
    access, _ = visitor.tokens(account.email)
    assert visitor.prove(access).status_code == 200
    path = "account/authenticators/webauthn"
    asked = visitor.call("GET", path, access).json()["data"]["creation_options"]
    passkey, credential = Passkey().create(asked)
    made = visitor.post(path, access, name="Phone", credential=credential)
    assert made.status_code == 200, made.text
    monkeypatch.setitem(settings.__dict__, "environment", "production")
    return passkey


def admin_status(visitor: Visitor, cookie: str) -> int:
    headers = {"Cookie": f"__Host-session={cookie}"}
    return visitor.http.get(ADMIN, headers=headers).status_code


def test_a_passkey_opens_the_admin(visitor: Visitor, account: Account, passkey: Passkey) -> None:
    path = "auth/webauthn/login"
    begun = visitor.browse("GET", path)
    options = begun.json()["data"]["request_options"]
    answer = visitor.browse("POST", path, cookie_of(begun), credential=passkey.get(options))
    assert answer.status_code == 200, answer.text
    assert admin_status(visitor, cookie_of(answer)) == 200


def test_password_and_passkey_open_the_admin(
    visitor: Visitor, account: Account, passkey: Passkey
) -> None:
    begun = visitor.browse("POST", "auth/login", email=account.email, password=PASSWORD)
    cookie = cookie_of(begun)
    assert admin_status(visitor, cookie) == 302
    path = "auth/webauthn/authenticate"
    options = visitor.browse("GET", path, cookie).json()["data"]["request_options"]
    answer = visitor.browse("POST", path, cookie, credential=passkey.get(options))
    assert answer.status_code == 200, answer.text
    assert admin_status(visitor, cookie_of(answer)) == 200
