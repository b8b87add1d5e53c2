from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "app.projects"
    label = "projects"
    verbose_name = "Projects"
