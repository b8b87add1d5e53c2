"""The contract's rules for passwords, for Django's own forms: the admin's, `createsuperuser`."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError

from app.core.errors import Invalid
from app.core.security import passwords


class PasswordValidator:
    """12 to 128 characters, and not easy to guess; no rules of composition."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        if not passwords.MIN_LENGTH <= len(password) <= passwords.MAX_LENGTH:
            raise ValidationError(self.get_help_text(), code="password_length")
        personal = [
            text for name in ("email", "name") if isinstance(text := getattr(user, name, None), str)
        ]
        try:
            passwords.check_password(password, pointer="/password", personal=personal)
        except Invalid as error:
            raise ValidationError(error.errors[0].detail, code=error.errors[0].code) from error

    def get_help_text(self) -> str:
        return f"A password has {passwords.MIN_LENGTH} to {passwords.MAX_LENGTH} characters."
