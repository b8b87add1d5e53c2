"""The account itself: changed, disabled, deleted, purged."""

from collections.abc import Mapping
from uuid import UUID

from django.contrib.sessions.models import Session as DjangoSession
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.dispatch import Signal

from app.accounts import queries, rules
from app.accounts.models import EmailToken, User, UserSession
from app.accounts.schemas import Me
from app.accounts.service.common import can_sign_in, lock_user, record
from app.accounts.service.passwords import confirm_password
from app.accounts.service.sessions import end_sessions
from app.core.db.rows import lock_or_404
from app.core.errors import Conflict
from app.core.models import ClockTimestamp
from app.core.web.preconditions import require_match


def update_me(*, user_id: UUID, name: str, if_match: str | None) -> Me:
    """Change the caller's name; PreconditionFailed if `if_match` is not the current ETag."""
    user = lock_or_404(User.objects.filter(id=user_id), "user", no_key=True)
    require_match(if_match, rules.me_etag(queries.view_me(user_id)))
    user.name = name
    user.save(update_fields=("name",))
    return queries.view_me(user_id)


# Sent with `user_id` in the transaction that deletes an account; an AppError of a receiver
# refuses the deletion. Modules that depend on accounts connect to it.
before_account_deletion = Signal()


def delete_me(*, user_id: UUID, password: str, if_match: str | None) -> None:
    """Delete the caller's account; Conflict while an organization has no other owner."""
    user = confirm_password(user_id, password, pointer="/password")
    require_match(if_match, rules.me_etag(queries.view_me(user_id)))
    before_account_deletion.send(sender=User, user_id=user_id)
    user.delete()


def disable_user(*, user_id: UUID) -> None:
    """Disable an account: its sessions end, and sign-in is refused."""
    _set_active(user_id, active=False)
    end_sessions(Q(user_id=user_id))
    record(user_id, "user.disabled")


def enable_user(*, user_id: UUID) -> None:
    """Enable an account that was disabled. Its ended sessions stay ended."""
    _set_active(user_id, active=True)
    record(user_id, "user.enabled")


def _set_active(user_id: UUID, *, active: bool) -> None:
    if not User.objects.filter(id=user_id, is_active=not active).update(is_active=active):
        raise rules.account_is_already("enabled" if active else "disabled")


def set_staff(*, user_id: UUID, staff: bool) -> None:
    """Grant all rights in the admin, or withdraw them."""
    user = lock_user(user_id)
    if user is None or (staff and not can_sign_in(user)):
        raise Conflict("The account is disabled, or its address was never verified.")
    if (user.is_staff, user.is_superuser) == (staff, staff):
        raise rules.account_is_already("staff" if staff else "no staff")
    user.is_staff = user.is_superuser = staff
    user.save(update_fields=("is_staff", "is_superuser"))
    record(user_id, "staff.made" if staff else "staff.revoked")


def note_staff_change(*, user_id: UUID, action: str, details: Mapping[str, object]) -> None:
    """Record a change in the admin that belongs to no organization's audit log."""
    record(user_id, action, **details)


def purge() -> None:
    """Delete expired links, ended sessions with their tokens, and unverified accounts."""
    EmailToken.objects.filter(expires_at__lt=ClockTimestamp() - rules.KEEP_UNVERIFIED).delete()
    UserSession.objects.filter(
        Q(expires_at__lt=ClockTimestamp() - rules.KEEP_ENDED)
        | Q(revoked_at__lt=ClockTimestamp() - rules.KEEP_ENDED)
    ).delete()
    DjangoSession.objects.filter(expire_date__lt=Now()).delete()
    token = EmailToken.objects.filter(user_id=OuterRef("id"))
    # Locked, so that no request verifies the address between the SELECT and the DELETE.
    unverified = User.objects.select_for_update(skip_locked=True).filter(
        ~Exists(token),
        email_verified_at=None,
        created_at__lt=ClockTimestamp() - rules.KEEP_UNVERIFIED,
    )
    User.objects.filter(id__in=list(unverified.values_list("id", flat=True))).delete()
