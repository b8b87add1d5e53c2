"""A member of the staff at a browser, as the admin's tests need one."""

from typing import Any

import pyotp
from allauth.mfa.models import Authenticator
from django.test import Client

from app.accounts import service
from app.accounts.models import User
from app.settings import settings
from tests.factories import UserFactory

ADMIN = f"/{settings.admin_path}/"
PASSWORD = "correct horse staple"


def make_staff(**values: Any) -> User:
    """Make a superuser with a password."""
    rights = {"is_staff": True, "is_superuser": True}
    return UserFactory.create(password=PASSWORD, **(rights | values))


def set_up_totp(user: User) -> pyotp.TOTP:
    """Give a user an authenticator app, which has shown no code so far."""
    secret = pyotp.random_base32()
    data = {"secret": service.seal_secret(secret), "last_step": 0}
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data=data)
    return pyotp.TOTP(secret)


def sign_in(browser: Client, email: str, code: str = "", password: str = PASSWORD) -> Any:
    """Fill in the admin's form."""
    form = {"username": email, "password": password, "code": code, "next": ADMIN}
    return browser.post(f"{ADMIN}login/", form)


def signed_in(user: User) -> Client:
    """Open a browser in which somebody is in the admin."""
    browser = Client()
    answer = sign_in(browser, user.email)
    assert (answer.status_code, answer.headers["Location"]) == (302, ADMIN)
    return browser
