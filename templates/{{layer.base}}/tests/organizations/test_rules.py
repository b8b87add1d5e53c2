import pytest

from app.core.errors import Conflict, Forbidden
from app.core.security.roles import Role
from app.organizations import rules


@pytest.mark.parametrize("before", [*Role, None])
@pytest.mark.parametrize("after", [*Role, None])
@pytest.mark.parametrize("by", [Role.ADMIN, Role.OWNER])
def test_only_owners_change_owners(before: Role | None, after: Role | None, by: Role) -> None:
    if by is Role.ADMIN and Role.OWNER in {before, after}:
        with pytest.raises(Forbidden):
            rules.check_role_change(before=before, after=after, by=by)
    else:
        rules.check_role_change(before=before, after=after, by=by)


@pytest.mark.parametrize("by", Role)
def test_members_leave_and_admins_remove(by: Role) -> None:
    rules.check_removal(of_self=True, by=by)
    if by in {Role.ADMIN, Role.OWNER}:
        rules.check_removal(of_self=False, by=by)
    else:
        with pytest.raises(Forbidden):
            rules.check_removal(of_self=False, by=by)


def test_last_owner_stays() -> None:
    rules.check_owners_left(2)
    with pytest.raises(Conflict):
        rules.check_owners_left(1)


def test_invitation_is_for_its_address() -> None:
    rules.check_invited(email="ada@example.com", invited_email="ada@example.com")
    with pytest.raises(Forbidden):
        rules.check_invited(email="eve@example.com", invited_email="ada@example.com")
