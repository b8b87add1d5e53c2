"""Use cases of accounts, one file for each concern. Other modules import from this package only."""

from app.accounts.service.account import (
    call_before_deletion,
    delete_me,
    disable_user,
    enable_user,
    purge,
    update_me,
)
from app.accounts.service.authentication import authenticate_cookie, authenticate_token, sign_in
from app.accounts.service.identity_providers import sign_in_with_provider
from app.accounts.service.passwords import (
    change_password,
    prepare_password_reset,
    request_password_reset,
    reset_password,
)
from app.accounts.service.registration import (
    create_user,
    renew_verification,
    request_verification,
    sign_up,
    verify_email,
    verify_user,
)
from app.accounts.service.second_factor import begin_totp, confirm_totp, disable_totp
from app.accounts.service.sessions import Cookie, end_session, refresh

__all__ = [
    "Cookie",
    "authenticate_cookie",
    "authenticate_token",
    "begin_totp",
    "call_before_deletion",
    "change_password",
    "confirm_totp",
    "create_user",
    "delete_me",
    "disable_totp",
    "disable_user",
    "enable_user",
    "end_session",
    "prepare_password_reset",
    "purge",
    "refresh",
    "renew_verification",
    "request_password_reset",
    "request_verification",
    "reset_password",
    "sign_in",
    "sign_in_with_provider",
    "sign_up",
    "update_me",
    "verify_email",
    "verify_user",
]
