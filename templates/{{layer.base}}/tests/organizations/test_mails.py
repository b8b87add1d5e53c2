import re

from app.core.ids import uuid7
from app.core.security.roles import Role
from app.core.security.tokens import read_tenant_row_token
from app.organizations import mails, rules


def test_invitation_has_a_link_with_its_token() -> None:
    organization_id, invitation_id = uuid7(), uuid7()
    message = mails.invitation(
        organization_id=organization_id,
        organization_name="Acme",
        invitation_id=invitation_id,
        email="ada@example.com",
        role=Role.ADMIN,
    )
    assert (message.to, message.subject) == ("ada@example.com", "You are invited to Acme")
    assert "as admin" in message.text
    [token] = re.findall(r"\?token=(\S+)", message.text)
    assert read_tenant_row_token(rules.INVITATION, token) == (organization_id, invitation_id)
