"""The second factor: TOTP (RFC 6238) and recovery codes."""

from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import about
from app.accounts import rules
from app.accounts.models import RecoveryCode, User
from app.accounts.service.common import lock_user, notify, now, record
from app.accounts.service.passwords import confirm_password
from app.core import crypto
from app.core.db.rows import lock_or_404
from app.core.errors import Conflict, MfaRequired
from app.core.security import ratelimit, totp

_PURPOSE = "totp"


async def begin_totp(session: AsyncSession, *, user_id: UUID) -> tuple[str, str]:
    """Store a new secret; returns it with its `otpauth` URI. `confirm_totp` enables it."""
    query = select(User).where(User.id == user_id)
    user = await lock_or_404(session, query, "user", key_share=True)
    if user.totp_confirmed_at is not None:
        raise rules.totp_exists()
    secret = totp.new_secret()
    user.totp_secret = crypto.encrypt(_PURPOSE, secret.encode())
    user.totp_last_step = None
    await session.flush()
    return secret, totp.otpauth_uri(secret, account=user.email, issuer=about.NAME)


async def confirm_totp(session: AsyncSession, *, user_id: UUID, code: str) -> list[str]:
    """Enable the second factor with a first code, and return new recovery codes."""
    user = await lock_user(session, user_id)
    if user is None or user.totp_secret is None or user.totp_confirmed_at is not None:
        raise Conflict("No second factor waits for its confirmation.")
    await ratelimit.enforce("second-factor", rules.SECOND_FACTOR_RATE, str(user_id))
    if not _use_totp_code(user, code):
        raise rules.wrong_totp_code()
    user.totp_confirmed_at = now()
    codes = totp.new_recovery_codes()
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.add_all(
        RecoveryCode(user_id=user_id, code_hash=totp.hash_recovery_code(user_id, item))
        for item in codes
    )
    await ratelimit.clear("second-factor", rules.SECOND_FACTOR_RATE, str(user_id))
    await record(session, user_id, "totp.enabled")
    await notify(session, user_id, "totp_enabled")
    return codes


async def disable_totp(session: AsyncSession, *, user_id: UUID, password: str) -> None:
    """Remove the second factor and its recovery codes."""
    user = await confirm_password(session, user_id, password, pointer="/password")
    if user.totp_confirmed_at is None:
        raise rules.no_totp()
    user.totp_secret = user.totp_confirmed_at = user.totp_last_step = None
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    await record(session, user_id, "totp.disabled")
    await notify(session, user_id, "totp_disabled")


async def check_second_factor(
    session: AsyncSession, user: User, totp_code: str | None, recovery_code: str | None
) -> None:
    """Use up one of the codes; MfaRequired when both are missing or the first is wrong.

    The user's row must be locked.
    """
    if totp_code is None and recovery_code is None:
        raise MfaRequired("Send a code of the authenticator app, or a recovery code.")
    await ratelimit.enforce("second-factor", rules.SECOND_FACTOR_RATE, str(user.id))
    if totp_code is not None:
        accepted = _use_totp_code(user, totp_code)
    else:
        accepted = await _use_recovery_code(session, user, recovery_code or "")
    if not accepted:
        raise rules.code_refused()
    await ratelimit.clear("second-factor", rules.SECOND_FACTOR_RATE, str(user.id))


def _use_totp_code(user: User, code: str) -> bool:
    """Accept a code once (ASVS 6.5.1); the user's row must be locked."""
    if user.totp_secret is None:
        return False
    secret = crypto.decrypt(_PURPOSE, user.totp_secret).decode()
    step = totp.accepted_step(secret, code, last_step=user.totp_last_step)
    if step is not None:
        user.totp_last_step = step
    return step is not None


async def _use_recovery_code(session: AsyncSession, user: User, code: str) -> bool:
    used = await session.scalar(
        update(RecoveryCode)
        .where(
            RecoveryCode.user_id == user.id,
            RecoveryCode.code_hash == totp.hash_recovery_code(user.id, code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now())
        .returning(RecoveryCode.id)
    )
    if used is None:
        return False
    await record(session, user.id, "recovery_code.used")
    await notify(session, user.id, "recovery_code_used")
    return True
