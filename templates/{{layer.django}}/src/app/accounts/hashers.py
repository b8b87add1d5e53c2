"""Argon2id with the contract's parameters, in Django's format."""

from django.contrib.auth.hashers import Argon2PasswordHasher

from app.core.security.passwords import normalise


class PasswordHasher(Argon2PasswordHasher):
    """OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane."""

    time_cost = 2
    memory_cost = 19_456
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        encoded: str = super().encode(normalise(password), salt)
        return encoded

    def verify(self, password: str, encoded: str) -> bool:
        right: bool = super().verify(normalise(password), encoded)
        return right
