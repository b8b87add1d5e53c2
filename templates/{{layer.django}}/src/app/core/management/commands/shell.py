from django.core.management.commands import shell


class Command(shell.Command):
    """Django's; it also imports `unit_of_work` and `tenancy`, which queries need."""

    def get_auto_imports(self) -> list[str] | None:
        return [
            *(super().get_auto_imports() or ()),
            "app.core.db.unit_of_work.unit_of_work",
            "app.core.db.tenancy",
        ]
