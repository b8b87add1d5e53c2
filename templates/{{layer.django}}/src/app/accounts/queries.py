"""Reads of accounts and sessions."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q

from app.accounts.models import EmailToken, User, UserSession
from app.accounts.rules import LAST_USED_PRECISION, Person
from app.accounts.schemas import Me
from app.core.db.rows import get_or_404, page
from app.core.models import ClockTimestamp
from app.core.security.client_ip import network


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of the support staff."""

    id: UUID
    email: str


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that is neither revoked nor expired, of a user who is not disabled."""

    id: UUID
    user_id: UUID
    email: str
    django_session_key: str | None
    # The address of the staff, during an impersonation.
    impersonated_by: str | None
    is_stale: bool


def get_users(user_ids: Collection[UUID]) -> dict[UUID, Person]:
    """Load users by their ids, in one query."""
    rows = User.objects.filter(id__in=user_ids).values_list("id", "email", "name")
    return {id_: Person(id_, email, name) for id_, email, name in rows}


def find_user_id(email: str) -> UUID | None:
    """Return the id of the user with an address, verified or not."""
    return User.objects.filter(email=email).values_list("id", flat=True).first()


def find_user(email: str) -> User | None:
    """Return the user with an address, verified or not."""
    return User.objects.filter(email=email).first()


def view_me(user_id: UUID) -> Me:
    """Return the owner's view of an account, or raise NotFound."""
    has_totp = Authenticator.objects.filter(user_id=OuterRef("id"), type=Authenticator.Type.TOTP)
    rows = User.objects.filter(id=user_id).annotate(has_totp=Exists(has_totp))
    user = get_or_404(rows, "user")
    return Me(
        id=user.id,
        email=user.email,
        name=user.name,
        has_password=user.has_usable_password(),
        totp_enabled=user.has_totp,
        created_at=user.created_at,
    )


def is_live() -> Q:
    """Return the condition for sessions that may be used.

    An impersonation ends with the staff's own session, and when the user becomes staff.
    """
    live = Q(revoked_at=None, expires_at__gt=ClockTimestamp(), user__is_active=True)
    of_staff = Q(
        user__is_staff=False,
        staff_session__revoked_at=None,
        staff_session__expires_at__gt=ClockTimestamp(),
        staff_session__user__is_active=True,
        staff_session__user__is_staff=True,
    )
    return live & (Q(staff_session=None) | of_staff)


def find_live_session(criterion: Q) -> LiveSession | None:
    """Return the session that matches, if it may be used."""
    is_stale = ExpressionWrapper(
        Q(last_used_at__lt=ClockTimestamp() - LAST_USED_PRECISION), output_field=BooleanField()
    )
    row = (
        UserSession.objects.filter(criterion, is_live())
        .annotate(is_stale=is_stale)
        .values_list(
            "id",
            "user_id",
            "user__email",
            "django_session_key",
            "staff_session__user__email",
            "is_stale",
        )
        .first()
    )
    return None if row is None else LiveSession(*row)


def list_sessions(
    *, user_id: UUID, limit: int, cursor: str | None = None
) -> tuple[list[UserSession], str | None]:
    """List one page of a user's live sessions, newest first."""
    return page(
        UserSession.objects.filter(is_live(), user_id=user_id),
        "created_at",
        "id",
        limit=limit,
        cursor=cursor,
        bound_to={"list": "sessions", "user_id": user_id},
        descending=True,
    )


def has_signed_in_from(*, email: str, address: str | None) -> bool:
    """Return whether a stored session of the account was opened from the network of `address`."""
    known = (
        UserSession.objects.filter(user__email=email, ip__isnull=False)
        .order_by()
        .values_list("ip", flat=True)
        .distinct()
    )
    return address is not None and network(address) in {network(ip) for ip in known}


def find_open_link(email_token_id: UUID) -> EmailToken | None:
    """Return an unused, unexpired link with its user."""
    return (
        EmailToken.objects.filter(id=email_token_id, used_at=None, expires_at__gt=ClockTimestamp())
        .select_related("user")
        .first()
    )


def find_pending_sign_ups(user_id: UUID) -> list[EmailToken]:
    """Return the sign-ups of an address that are not verified."""
    return list(
        EmailToken.objects.filter(
            user_id=user_id,
            purpose=EmailToken.Purpose.VERIFY_EMAIL,
            password_hash__isnull=False,
            used_at=None,
        )
    )


def find_django_session_key(session_id: UUID) -> str | None:
    """Return the key of Django's session that belongs to a session with tokens."""
    return (
        UserSession.objects.filter(id=session_id)
        .values_list("django_session_key", flat=True)
        .first()
    )


def find_impersonator(session_id: UUID) -> Staff | None:
    """Return the staff that impersonates the user in a session; None in the user's own."""
    row = (
        UserSession.objects.filter(id=session_id, staff_session__isnull=False)
        .values_list("staff_session__user_id", "staff_session__user__email")
        .first()
    )
    return None if row is None else Staff(*row)


def get_expiry(session_id: UUID) -> datetime:
    """Return when a session expires."""
    found: datetime = UserSession.objects.values_list("expires_at", flat=True).get(id=session_id)
    return found
