from django.apps import AppConfig


class WidgetsConfig(AppConfig):
    name = "app.widgets"
    label = "widgets"
    verbose_name = "Widgets"
