"""The app of projects."""

from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    """Name the app."""

    name = "app.projects"
    label = "projects"
    verbose_name = "Projects"
