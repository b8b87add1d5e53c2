"""`objects` is the default manager of tenant models: Django's own tools work."""

import json
from typing import Any

import pytest
from django import forms
from django.core.management import call_command

from app.core.db import tenancy
from app.core.db.unit_of_work import unit_of_work
from app.core.ids import uuid7
from app.organizations.models import Membership
from app.projects.models import Project
from tests.factories import ProjectFactory, every_factory


class ProjectForm(forms.Form):
    # Made at import, outside of any transaction.
    project = forms.ModelChoiceField(Project.objects.all())


def test_dumpdata_has_the_rows_of_all_organizations(
    database: None, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [factory.create() for factory in every_factory()] + [ProjectFactory.create()]
    call_command("dumpdata", "--exclude=contenttypes", "--exclude=auth")
    dumped = {(item["model"], item["pk"]) for item in json.loads(capsys.readouterr().out)}
    for row in made:
        pk = row.pk if isinstance(row.pk, int) else str(row.pk)
        assert (row._meta.label_lower, pk) in dumped


def test_model_choice_field_shows_the_rows_that_policies_allow(database: None) -> None:
    mine, other = ProjectFactory.create(), ProjectFactory.create()

    def shown() -> list[Project]:
        field: Any = ProjectForm().fields["project"]
        return list(field.queryset)

    with unit_of_work():
        tenancy.enter_organization(mine.organization_id)
        assert shown() == [mine]
        assert ProjectForm({"project": mine.id}).is_valid()
        assert not ProjectForm({"project": other.id}).is_valid()
    with unit_of_work():
        assert shown() == []


def test_model_form_finds_its_organization(database: None) -> None:
    project = ProjectFactory.create()
    form_class = forms.modelform_factory(Membership, fields=("organization", "role"))
    with unit_of_work():
        tenancy.enter_organization(project.organization_id)
        choice = form_class({"organization": project.organization_id, "role": "member"})
        assert choice.is_valid()
        assert not form_class({"organization": uuid7(), "role": "member"}).is_valid()
