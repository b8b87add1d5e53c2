"""Staff users, and browser clients that are signed in to the admin."""

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
    """Create a superuser with the password PASSWORD."""
    rights = {"is_staff": True, "is_superuser": True}
    return UserFactory.create(password=PASSWORD, **(rights | values))


def set_up_totp(user: User) -> pyotp.TOTP:
    """Enable TOTP for a user; no code has been used."""
    secret = pyotp.random_base32()
    data = {"secret": service.seal_secret(secret), "last_step": 0}
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data=data)
    return pyotp.TOTP(secret)


def sign_in(browser: Client, email: str, code: str = "", password: str = PASSWORD) -> Any:
    """Submit the sign-in form of the admin."""
    form = {"username": email, "password": password, "code": code, "next": ADMIN}
    return browser.post(f"{ADMIN}login/", form)


def signed_in(user: User) -> Client:
    """Return a client with an admin session of the user."""
    browser = Client()
    answer = sign_in(browser, user.email)
    assert (answer.status_code, answer.headers["Location"]) == (302, ADMIN)
    return browser
