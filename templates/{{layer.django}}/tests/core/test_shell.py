import pytest
from django.core.management import call_command

from tests.factories import Factory

COUNT = "print(sum(1 for _ in Project.tenant.all()), 'found')"


def test_shell_finds_the_rows_of_one_organization(
    factory: Factory, capsys: pytest.CaptureFixture[str]
) -> None:
    organizations = []
    for _ in range(2):
        ada = factory.user()
        organizations.append(factory.organization(ada))
        path = f"/organizations/{organizations[-1]}/projects"
        assert ada.request("POST", path, json={"name": "Apollo"}).status_code == 201
    enter = f"tenancy.enter_organization('{organizations[0]}')"
    call_command("shell", command=f"with unit_of_work():\n    {enter}\n    {COUNT}")
    assert "1 found" in capsys.readouterr().out


def test_shell_raises_without_an_organization(database: None) -> None:
    with pytest.raises(RuntimeError, match="no unit of work"):
        call_command("shell", command=COUNT)
    with pytest.raises(RuntimeError, match="has no organization"):
        call_command("shell", command=f"with unit_of_work():\n    {COUNT}")
