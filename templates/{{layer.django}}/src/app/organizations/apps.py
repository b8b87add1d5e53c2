from django.apps import AppConfig


class OrganizationsConfig(AppConfig):
    name = "app.organizations"
    label = "organizations"
    verbose_name = "Organizations and members"

    def ready(self) -> None:
        from app.accounts.service import before_account_deletion  # noqa: PLC0415 - models must be loaded first
        from app.organizations.service import leave_all_organizations  # noqa: PLC0415 - models must be loaded first

        before_account_deletion.connect(leave_all_organizations)
