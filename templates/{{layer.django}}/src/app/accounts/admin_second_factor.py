"""Pages of the admin on which staff set up their own second factor, with allauth's views."""

from collections.abc import Callable
from typing import Any

from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.utils import is_mfa_enabled
from django import forms
from django.contrib import admin
from django.contrib.auth.views import RedirectURLMixin, redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse, reverse_lazy
from django.views.generic import FormView, TemplateView, View

from app.accounts import service, sessions
from app.accounts.admin_login import may_set_up
from app.accounts.models import User
from app.core.admin_site import BaseAdminSite
from app.core.errors import AppError, Conflict

# In Django's session from the request that makes recovery codes to the page that shows them.
_SHOWS_CODES = "shows_recovery_codes"


class _Page:
    """The context of an admin page."""

    request: HttpRequest
    title: str

    @property
    def user(self) -> User:
        assert isinstance(self.request.user, User)  # noqa: S101 - for mypy: `_serve` has checked it
        return self.request.user

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        shown = {**admin.site.each_context(self.request), "title": self.title, **context}
        found: dict[str, Any] = super().get_context_data(**shown)  # type: ignore[misc]  # of the view that this is combined with
        return found


class SecondFactorView(_Page, TemplateView):
    """What is set up, and the recovery codes right after they were made."""

    title = "Second factor"
    template_name = "staff/second_factor.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        found = {item.type: item for item in Authenticator.objects.filter(user_id=self.user.pk)}
        if Authenticator.Type.TOTP not in found:
            return HttpResponseRedirect(reverse("admin:second_factor_set_up"))
        codes = []
        if Authenticator.Type.RECOVERY_CODES in found:
            codes = found[Authenticator.Type.RECOVERY_CODES].wrap().get_unused_codes()
        context = self.get_context_data(
            totp=found[Authenticator.Type.TOTP],
            unused=len(codes),
            codes=codes if request.session.pop(_SHOWS_CODES, False) else (),
        )
        return self.render_to_response(context)


class SetUpForm(ActivateTOTPForm):
    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        try:
            self.step = service.check_totp_setup(self.user.pk, secret=self.secret, code=code)
        except AppError as error:
            raise forms.ValidationError(error.detail) from error
        return code


class SetUpView(_Page, ActivateTOTPView):
    title = "Set up a second factor"
    template_name = "staff/second_factor_set_up.html"
    form_class = SetUpForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if is_mfa_enabled(self.user, [Authenticator.Type.TOTP]):
            return HttpResponseRedirect(self.get_success_url())
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_success_url(self) -> str:
        return reverse("admin:second_factor")

    def form_valid(self, form: SetUpForm) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        service.finish_totp_setup(self.user.pk, step=form.step)
        sessions.accept_second_factor(self.request, self.user)
        # There are codes already if the account has a passkey.
        self.request.session[_SHOWS_CODES] = self.did_generate_recovery_codes
        return response


class RecoveryCodesView(GenerateRecoveryCodesView):
    """Makes new recovery codes; the old ones are void."""

    http_method_names = ("post",)
    success_url = reverse_lazy("admin:second_factor")

    def form_valid(self, form: forms.Form) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        service.note_recovery_codes(sessions.principal(self.request).id)
        self.request.session[_SHOWS_CODES] = True
        return response

    def form_invalid(self, form: forms.Form) -> HttpResponse:
        # The authenticator app was removed in another tab.
        return HttpResponseRedirect(self.get_success_url())


class RemoveView(DeactivateTOTPView):
    """Removes the authenticator app, which another one may replace."""

    http_method_names = ("post",)
    success_url = reverse_lazy("admin:second_factor")

    def form_valid(self, form: forms.Form) -> HttpResponse:
        service.require_totp(sessions.principal(self.request).id)
        response: HttpResponse = super().form_valid(form)
        return response


class PasswordForm(forms.Form):
    password = forms.CharField(
        widget=forms.PasswordInput(
            attrs={"autocomplete": "current-password", "autofocus": True, "class": "vTextField"}
        )
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        try:
            service.confirm_password(self.user.pk, password, pointer="/password")
        except AppError as error:
            raise forms.ValidationError(error.detail) from error
        return password


class PasswordView(RedirectURLMixin, _Page, FormView[PasswordForm]):
    """Asks for the password again when it was entered too long ago."""

    title = "Enter your password"
    template_name = "staff/password.html"
    form_class = PasswordForm
    next_page = "admin:second_factor"

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "user": self.user}

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        return super().get_context_data(next=self.get_redirect_url(), **context)

    def form_valid(self, form: PasswordForm) -> HttpResponse:
        reauthenticate_by_password(self.request)
        return super().form_valid(form)


def urls(site: BaseAdminSite) -> list[URLPattern]:
    return [
        path("second-factor/", _serve(site, SecondFactorView), name="second_factor"),
        path("second-factor/set-up/", _serve(site, SetUpView), name="second_factor_set_up"),
        path("second-factor/codes/", _serve(site, RecoveryCodesView), name="second_factor_codes"),
        path("second-factor/remove/", _serve(site, RemoveView), name="second_factor_remove"),
        path("second-factor/password/", _serve(site, PasswordView), name="second_factor_password"),
    ]


def _serve(site: BaseAdminSite, view: type[View[Any]]) -> Any:
    """Serve a view to staff, also to those that production refuses until they have set it up."""
    inner: Callable[[HttpRequest], HttpResponseBase] = view.as_view()

    def served(request: HttpRequest) -> HttpResponseBase:
        user = request.user
        if not (user.is_active and user.is_staff and may_set_up(request)):
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        try:
            return inner(request)
        except ReauthenticationRequired:
            # A POST is not repeated: its page is opened again.
            following = request.path if request.method == "GET" else reverse("admin:second_factor")
            page = reverse("admin:second_factor_password")
            return redirect_to_login(following, page)
        except (Http404, Conflict):
            # What the page offered was done already, for example in another tab.
            return HttpResponseRedirect(reverse("admin:second_factor"))

    return site.open_view(served)
