"""A staff user's sign-in to the API opens the admin, with a second factor."""

import pytest

from app.accounts import service
from app.accounts.models import User
from app.core.db.unit_of_work import unit_of_work
from app.settings import settings
from tests.accounts.account_client import PASSWORD, Account, AccountClient, cookie_of
from tests.accounts.passkeys import Passkey
from tests.browsers import ADMIN


@pytest.fixture
def passkey(
    account_client: AccountClient, account: Account, monkeypatch: pytest.MonkeyPatch
) -> Passkey:
    """Return a passkey of the account, which becomes staff in production."""
    with unit_of_work():
        service.set_staff(user_id=User.objects.get(email=account.email).pk, staff=True)
    access, _ = account_client.tokens(account.email)
    assert account_client.prove(access).status_code == 200
    path = "account/authenticators/webauthn"
    asked = account_client.call("GET", path, access).json()["data"]["creation_options"]
    passkey, credential = Passkey().create(asked)
    made = account_client.post(path, access, name="Phone", credential=credential)
    assert made.status_code == 200, made.text
    monkeypatch.setitem(settings.__dict__, "environment", "production")
    return passkey


def admin_status(account_client: AccountClient, cookie: str) -> int:
    headers = {"Cookie": f"__Host-session={cookie}"}
    return account_client.http.get(ADMIN, headers=headers).status_code


def test_a_passkey_opens_the_admin(
    account_client: AccountClient, account: Account, passkey: Passkey
) -> None:
    path = "auth/webauthn/login"
    begun = account_client.browse("GET", path)
    options = begun.json()["data"]["request_options"]
    answer = account_client.browse("POST", path, cookie_of(begun), credential=passkey.get(options))
    assert answer.status_code == 200, answer.text
    assert admin_status(account_client, cookie_of(answer)) == 200


def test_password_and_passkey_open_the_admin(
    account_client: AccountClient, account: Account, passkey: Passkey
) -> None:
    begun = account_client.browse("POST", "auth/login", email=account.email, password=PASSWORD)
    cookie = cookie_of(begun)
    assert admin_status(account_client, cookie) == 302
    path = "auth/webauthn/authenticate"
    options = account_client.browse("GET", path, cookie).json()["data"]["request_options"]
    answer = account_client.browse("POST", path, cookie, credential=passkey.get(options))
    assert answer.status_code == 200, answer.text
    assert admin_status(account_client, cookie_of(answer)) == 200
