from functools import partial

import pyotp
import pytest
from allauth.mfa.models import Authenticator
from httpx2 import Response

from tests.accounts.account_client import (
    PASSWORD,
    Account,
    AccountClient,
    Mailbox,
    actions,
    cookie_of,
)
from tests.concurrency import run_concurrently

TOTP = "account/authenticators/totp"
RECOVERY = "account/authenticators/recovery-codes"


def forget_the_last_step() -> None:
    """Make the current code valid again, as if 5 minutes had passed."""
    item = Authenticator.objects.get(type=Authenticator.Type.TOTP)
    item.data["last_step"] -= 10
    item.save()


def second_step(account_client: AccountClient, account: Account, code: str) -> Response:
    """Sign in with password and code."""
    begun = account_client.sign_in(account.email)
    flows = begun.json()["data"]["flows"]
    (pending,) = [flow for flow in flows if flow.get("is_pending")]
    assert (begun.status_code, pending["id"]) == (401, "mfa_authenticate")
    token = begun.json()["meta"]["session_token"]
    return account_client.call(
        "POST", "auth/2fa/authenticate", headers={"X-Session-Token": token}, code=code
    )


def test_set_up_needs_reauthentication(
    account_client: AccountClient, account: Account, mailbox: Mailbox
) -> None:
    access, _ = account_client.tokens(account.email)
    begun = account_client.call("GET", TOTP, access)
    assert begun.status_code == 404
    assert begun.json()["meta"]["totp_url"].startswith("otpauth://totp/ada%40example.com?")
    code = pyotp.TOTP(begun.json()["meta"]["secret"]).now()
    refused = account_client.post(TOTP, access, code=code)
    flows = [flow["id"] for flow in refused.json()["data"]["flows"]]
    assert (refused.status_code, flows) == (401, ["reauthenticate"])
    assert account_client.prove(access, "quiet lantern 42 meadow").status_code == 422
    assert account_client.prove(access).status_code == 200
    assert account_client.post(TOTP, access, code="000000").status_code == 422
    assert account_client.post(TOTP, access, code=code).status_code == 200
    assert account_client.http.get(
        "/api/v1/me", headers={"Authorization": f"Bearer {access}"}
    ).json()["totp_enabled"]
    assert account_client.post(TOTP, access, code=code).status_code == 409
    assert actions()[-1] == "totp.enabled"
    assert len(mailbox.subjects(account.email)) == 1


def test_browser_finishes_the_sign_in_with_its_cookie(
    account_client: AccountClient, account: Account
) -> None:
    access, _ = account_client.tokens(account.email)
    app = account_client.set_up_totp(access)
    forget_the_last_step()
    begun = account_client.browse("POST", "auth/login", email=account.email, password=PASSWORD)
    assert begun.status_code == 401
    done = account_client.browse("POST", "auth/2fa/authenticate", cookie_of(begun), code=app.now())
    assert done.status_code == 200, done.text
    cookie = {"Cookie": f"__Host-session={cookie_of(done)}"}
    assert account_client.http.get("/api/v1/me", headers=cookie).status_code == 200


def test_secrets_are_encrypted(account_client: AccountClient, account: Account) -> None:
    access, _ = account_client.tokens(account.email)
    app = account_client.set_up_totp(access)
    kept = [str(item.data) for item in Authenticator.objects.all()]
    assert len(kept) == 2
    assert not any(app.secret in text for text in kept)


def test_codes_work_once(account_client: AccountClient, account: Account) -> None:
    access, _ = account_client.tokens(account.email)
    app = account_client.set_up_totp(access)
    # The code of the set-up is used as well.
    used = second_step(account_client, account, app.now())
    assert used.json()["type"] == "/problems/mfa-required"
    forget_the_last_step()
    answer = second_step(account_client, account, app.now())
    assert answer.status_code == 200
    assert account_client.me(answer.json()["meta"]["access_token"]).status_code == 200
    assert second_step(account_client, account, app.now()).status_code == 401


@pytest.mark.committed
def test_concurrent_uses_of_one_code_succeed_once(
    account_client: AccountClient, account: Account
) -> None:
    access, _ = account_client.tokens(account.email)
    app = account_client.set_up_totp(access)
    codes = account_client.call("GET", RECOVERY, access).json()["data"]["unused_codes"]
    forget_the_last_step()
    for code in (app.now(), codes[0]):
        answers = run_concurrently([partial(second_step, account_client, account, code)] * 4)
        assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    assert actions().count("recovery_code.used") == 1


def test_session_token_of_a_pending_sign_in_opens_nothing(
    account_client: AccountClient, account: Account
) -> None:
    access, _ = account_client.tokens(account.email)
    account_client.set_up_totp(access)
    token = account_client.sign_in(account.email).json()["meta"]["session_token"]
    step = {"X-Session-Token": token}
    assert account_client.call("GET", "auth/session", headers=step).status_code == 401
    assert account_client.call("GET", TOTP, headers=step).status_code == 401
    for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"__Host-session={token}"}):
        assert account_client.http.get("/api/v1/me", headers=headers).status_code == 401


def test_password_reset_does_not_bypass_the_second_factor(
    account_client: AccountClient, account: Account, mailbox: Mailbox
) -> None:
    access, _ = account_client.tokens(account.email)
    account_client.set_up_totp(access)
    account_client.post("auth/password/request", email=account.email)
    (token,) = mailbox.tokens("reset-password", account.email)
    account_client.post("auth/password/reset", key=token, password=PASSWORD + " too")
    answer = account_client.sign_in(account.email, PASSWORD + " too")
    assert answer.status_code == 401
    assert "access_token" not in answer.text


def test_removal_needs_reauthentication(account_client: AccountClient, account: Account) -> None:
    access, _ = account_client.tokens(account.email)
    account_client.set_up_totp(access)
    fresh = second_step(account_client, account, _recovery_code(account_client, access))
    other = fresh.json()["meta"]["access_token"]
    # The other session has not reauthenticated.
    assert account_client.call("DELETE", TOTP, other).status_code == 401
    assert account_client.call("DELETE", TOTP, access).status_code == 200
    assert not Authenticator.objects.exists()
    assert account_client.sign_in(account.email).status_code == 200
    assert account_client.call("DELETE", TOTP, access).status_code == 409
    assert actions()[-2:] == ["totp.disabled", "session.opened"]


def _recovery_code(account_client: AccountClient, access: str) -> str:
    codes: list[str] = account_client.call("GET", RECOVERY, access).json()["data"]["unused_codes"]
    return codes[0]


def test_new_recovery_codes_replace_the_old(
    account_client: AccountClient, account: Account, mailbox: Mailbox
) -> None:
    access, _ = account_client.tokens(account.email)
    account_client.set_up_totp(access)
    old = account_client.call("GET", RECOVERY, access).json()["data"]["unused_codes"]
    assert {len(code) for code in old} == {10}
    answer = account_client.call("POST", RECOVERY, access)
    new = answer.json()["data"]["unused_codes"]
    assert not set(old) & set(new)
    assert second_step(account_client, account, old[0]).status_code == 401
    assert second_step(account_client, account, new[0]).status_code == 200
    assert "recovery_codes.renewed" in actions()
    # One for the set-up, one for the new codes, one for the used code.
    assert len(mailbox.subjects(account.email)) == 3


def test_passkeys_are_bound_to_the_front_ends_domain(
    account_client: AccountClient, account: Account
) -> None:
    access, _ = account_client.tokens(account.email)
    path = "account/authenticators/webauthn"
    assert account_client.call("GET", path, access).status_code == 401
    account_client.prove(access)
    options = account_client.call("GET", path, access).json()["data"]["creation_options"][
        "publicKey"
    ]
    assert options["rp"] == {"id": "localhost", "name": options["rp"]["name"]}
    assert options["user"]["name"] == account.email
    public = account_client.call("GET", "auth/webauthn/login")
    assert public.json()["data"]["request_options"]["publicKey"]["rpId"] == "localhost"


@pytest.mark.parametrize(
    "credential",
    [
        {},
        "x",
        5,
        [],
        {"id": "x", "type": "public-key"},
        {"id": "eA", "rawId": "eA", "type": "public-key", "response": {}},
        {"id": "eA", "rawId": "eA", "type": "public-key", "response": "x"},
        {
            "id": "eA",
            "rawId": "eA",
            "type": "public-key",
            "response": {
                "clientDataJSON": "e30",
                "authenticatorData": "eA",
                "signature": "eA",
                "userHandle": "eA",
            },
        },
        {
            "id": "eA",
            "rawId": "eA",
            "type": "public-key",
            "response": {"clientDataJSON": "e30", "attestationObject": "eA"},
        },
    ],
    ids=str,
)
def test_malformed_credentials_are_refused(
    account_client: AccountClient, account: Account, credential: object
) -> None:
    access, _ = account_client.tokens(account.email)
    account_client.prove(access)
    for path in (
        "auth/webauthn/login",
        "auth/webauthn/authenticate",
        "auth/webauthn/reauthenticate",
        "account/authenticators/webauthn",
    ):
        for sent in ({"credential": credential}, {"credential": credential, "name": "\x00"}):
            answer = account_client.post(path, access, **sent)
            assert answer.status_code in {400, 401, 422}, answer.text
            assert "access_token" not in answer.text
