from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.about import NAME
from app.accounts import service
from app.core.db.unit_of_work import unit_of_work
from tests.accounts.actors import OTHER_PASSWORD, PASSWORD, Account, Mailbox, Visitor, age
from tests.together import together


def test_from_sign_up_to_sign_in(visitor: Visitor, mailbox: Mailbox) -> None:
    answer = visitor.sign_up("Ada@Example.com")
    assert (answer.status_code, answer.content) == (202, b"")
    assert (visitor.sign_in("ada@example.com")).status_code == 401
    (token,) = mailbox.tokens("verify-email", "ada@example.com")
    verified = visitor.post("verify-email", token=token)
    assert (verified.status_code, verified.content) == (204, b"")
    access, _ = visitor.tokens("ADA@example.com")
    me = visitor.get("me", access).json()
    assert (me["email"], me["name"]) == ("ada@example.com", "Ada Lovelace")
    # Once is enough.
    again = visitor.post("verify-email", token=token)
    assert again.status_code == 422
    assert again.json()["errors"][0]["code"] == "invalid_token"


def test_the_answer_does_not_tell_whether_there_is_an_account(
    visitor: Visitor, mailbox: Mailbox, account: Account
) -> None:
    new = visitor.sign_up("new@example.com")
    known = visitor.sign_up(account.email, OTHER_PASSWORD, "Mallory")
    assert (new.status_code, new.content) == (known.status_code, known.content)
    assert mailbox.subjects(account.email) == [f"You already have an account at {NAME}"]
    assert (visitor.sign_in(account.email, OTHER_PASSWORD)).status_code == 401
    access, _ = visitor.tokens(account.email)
    assert (visitor.get("me", access)).json()["name"] == "Ada Lovelace"


def test_each_link_brings_its_own_password(visitor: Visitor, mailbox: Mailbox) -> None:
    visitor.sign_up("ada@example.com", OTHER_PASSWORD, "Mallory")
    visitor.sign_up("ada@example.com", PASSWORD, "Ada")
    mallorys, adas = mailbox.tokens("verify-email", "ada@example.com")
    assert (visitor.post("verify-email", token=adas)).status_code == 204
    assert (visitor.sign_in("ada@example.com", OTHER_PASSWORD)).status_code == 401
    access, _ = visitor.tokens("ada@example.com", PASSWORD)
    assert (visitor.get("me", access)).json()["name"] == "Ada"
    # The other sign-up is over.
    assert (visitor.post("verify-email", token=mallorys)).status_code == 422
    assert (visitor.sign_in("ada@example.com", OTHER_PASSWORD)).status_code == 401


def test_resent_link_finishes_the_only_sign_up(visitor: Visitor, mailbox: Mailbox) -> None:
    visitor.sign_up("ada@example.com")
    mailbox.run_jobs()
    age("email_tokens", "expires_at", "2 days")
    answer = visitor.post("verify-email/resend", email="Ada@example.com")
    assert (answer.status_code, answer.content) == (202, b"")
    expired, fresh = mailbox.tokens("verify-email", "ada@example.com")
    assert (visitor.post("verify-email", token=expired)).status_code == 422
    assert (visitor.post("verify-email", token=fresh)).status_code == 204
    assert (visitor.sign_in("ada@example.com")).status_code == 200


def test_resent_link_of_several_sign_ups_brings_no_password(
    visitor: Visitor, mailbox: Mailbox
) -> None:
    visitor.sign_up("ada@example.com", PASSWORD)
    visitor.sign_up("ada@example.com", OTHER_PASSWORD, "Mallory")
    visitor.post("verify-email/resend", email="ada@example.com")
    *_, resent = mailbox.tokens("verify-email", "ada@example.com")
    assert (visitor.post("verify-email", token=resent)).status_code == 204
    for password in (PASSWORD, OTHER_PASSWORD):
        assert (visitor.sign_in("ada@example.com", password)).status_code == 401
    visitor.post("password/forgot", email="ada@example.com")
    (reset,) = mailbox.tokens("reset-password", "ada@example.com")
    assert (visitor.post("password/reset", token=reset, password=PASSWORD)).is_success
    assert (visitor.sign_in("ada@example.com", PASSWORD)).status_code == 200


def test_resending_tells_nothing(visitor: Visitor, mailbox: Mailbox, account: Account) -> None:
    for email in (account.email, "unknown@example.com"):
        answer = visitor.post("verify-email/resend", email=email)
        assert (answer.status_code, answer.content) == (202, b"")
        assert mailbox.subjects(email) == []


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("elevenchars", "string_too_short"),
        ("x" * 129, "string_too_long"),
        ("nul \x00 in the middle", "string_pattern_mismatch"),
        ("password1234", "password_too_common"),
        ("AdaLovelace12", "password_too_common"),
    ],
)
def test_passwords_that_are_refused(visitor: Visitor, password: str, code: str) -> None:
    answer = visitor.sign_up("ada@example.com", password)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/password", code)
    assert password not in answer.text


def test_other_tokens_verify_nothing(visitor: Visitor, mailbox: Mailbox, account: Account) -> None:
    access, refresh = visitor.tokens(account.email)
    visitor.post("password/forgot", email=account.email)
    (reset,) = mailbox.tokens("reset-password", account.email)
    for token in (access, refresh, reset, "x", "\x00", "é"):
        assert (visitor.post("verify-email", token=token)).status_code == 422


@pytest.mark.committed
def test_concurrent_sign_ups_give_one_account(
    visitor: Visitor, mailbox: Mailbox, session: Session
) -> None:
    answers = together(partial(visitor.sign_up, "ada@example.com") for _ in range(6))
    assert {answer.status_code for answer in answers} == {202}
    assert session.scalar(text("SELECT count(*) FROM users")) == 1
    tokens = mailbox.tokens("verify-email", "ada@example.com")
    verified = together(partial(visitor.post, "verify-email", token=token) for token in tokens)
    assert sorted(answer.status_code for answer in verified) == [204, *[422] * (len(tokens) - 1)]
    assert (visitor.sign_in("ada@example.com")).status_code == 200


def test_purge_forgets_what_was_never_verified(
    visitor: Visitor, mailbox: Mailbox, account: Account, session: Session
) -> None:
    visitor.sign_up("new@example.com")
    mailbox.run_jobs()
    age("users", "created_at", "60 days")
    _purge()
    assert session.scalar(text("SELECT count(*) FROM users")) == 2
    session.commit()
    age("email_tokens", "expires_at", "9 days")
    _purge()
    assert session.scalar(text("SELECT email FROM users")) == account.email


def _purge() -> None:
    with unit_of_work() as session:
        service.purge(session)
