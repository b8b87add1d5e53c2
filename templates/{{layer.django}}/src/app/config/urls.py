from django.contrib import admin
from django.urls import include, path

from app.config.api import api
from app.settings import settings

urlpatterns = [
    path(f"{settings.admin_path}/", admin.site.urls),
    path("_allauth/", include("app.accounts.urls")),
    path("", api.urls),
]
if settings.is_local:
    urlpatterns.append(path("", include("app.core.web.dev.urls")))
handler400 = "app.core.web.http.bad_request"
handler403 = "app.core.web.http.forbidden"
handler404 = "app.core.web.http.not_found"
handler500 = "app.core.web.http.server_error"
