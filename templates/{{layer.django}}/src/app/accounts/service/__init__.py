"""Use cases of accounts, one file for each concern. Other modules import from this package only.

The steps of a sign-in, passkeys and recovery codes are allauth's (`app.accounts.headless`).
"""

from app.accounts.service.account import (
    before_account_deletion,
    delete_me,
    disable_user,
    enable_user,
    note_staff_change,
    purge,
    set_staff,
    update_me,
)
from app.accounts.service.authentication import (
    authenticate_cookie,
    authenticate_token,
    check_password,
    confirm_sign_in,
    password_fingerprint,
)
from app.accounts.service.common import Notice, can_sign_in
from app.accounts.service.identity_providers import find_provider_user
from app.accounts.service.passwords import (
    change_password,
    confirm_password,
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
from app.accounts.service.second_factor import (
    accept_code,
    check_totp_setup,
    finish_totp_setup,
    note_authenticator,
    note_recovery_codes,
    open_secret,
    require_totp,
    seal_secret,
)
from app.accounts.service.sessions import (
    end_session,
    issue_tokens,
    open_session,
    refresh,
    rekey_session,
    start_impersonation,
)

__all__ = [
    "Notice",
    "accept_code",
    "authenticate_cookie",
    "authenticate_token",
    "before_account_deletion",
    "can_sign_in",
    "change_password",
    "check_password",
    "check_totp_setup",
    "confirm_password",
    "confirm_sign_in",
    "create_user",
    "delete_me",
    "disable_user",
    "enable_user",
    "end_session",
    "find_provider_user",
    "finish_totp_setup",
    "issue_tokens",
    "note_authenticator",
    "note_recovery_codes",
    "note_staff_change",
    "open_secret",
    "open_session",
    "password_fingerprint",
    "prepare_password_reset",
    "purge",
    "refresh",
    "rekey_session",
    "renew_verification",
    "request_password_reset",
    "request_verification",
    "require_totp",
    "reset_password",
    "seal_secret",
    "set_staff",
    "sign_up",
    "start_impersonation",
    "update_me",
    "verify_email",
    "verify_user",
]
