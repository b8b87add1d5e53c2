"""An authenticator in software: real keys, real CBOR and COSE, real signatures."""

import os
from dataclasses import dataclass, field, replace
from typing import Any, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import sha256, websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

ORIGIN = "http://localhost:8000"
_FLAG = AuthenticatorData.FLAG
# User present (a touch) and user verified (biometrics or PIN).
VERIFIED = _FLAG.UP | _FLAG.UV


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Passkey:
    """One credential, for one account, in a browser on one origin."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=_new_key)
    id: bytes = field(default_factory=lambda: os.urandom(32))
    user_handle: bytes = b""
    origin: str = ORIGIN
    rp_id: str = "localhost"
    flags: _FLAG = VERIFIED

    def but(self, **other: Any) -> Self:
        """Return a copy with other fields."""
        return replace(self, **other)

    def create(self, options: dict[str, Any], **extra: Any) -> tuple[Self, dict[str, Any]]:
        """Return the passkey for the account in the options, and the registration response."""
        asked = options["publicKey"]
        public_key = self.key.public_key()
        cose_key = ES256.from_cryptography_key(public_key)  # type: ignore[no-untyped-call]  # fido2 has no type for it
        attested = AttestedCredentialData.create(Aaguid.NONE, self.id, cose_key)
        data = AuthenticatorData.create(
            sha256(self.rp_id.encode()), self.flags | _FLAG.AT, 0, bytes(attested)
        )
        client = self._client(CollectedClientData.TYPE.CREATE, asked)
        sent = self._credential(
            clientDataJSON=client,
            attestationObject=AttestationObject.create("none", data, {}),
            **extra,
        )
        sent["clientExtensionResults"] = {"credProps": {"rk": True}}
        return self.but(user_handle=websafe_decode(asked["user"]["id"])), sent

    def get(self, options: dict[str, Any], **extra: Any) -> dict[str, Any]:
        """Return the authentication response."""
        data = AuthenticatorData.create(sha256(self.rp_id.encode()), self.flags, 0)
        client = self._client(CollectedClientData.TYPE.GET, options["publicKey"])
        signed = bytes(data) + client.hash
        return self._credential(
            clientDataJSON=client,
            authenticatorData=data,
            signature=self.key.sign(signed, ec.ECDSA(hashes.SHA256())),
            userHandle=self.user_handle,
            **extra,
        )

    def _client(self, kind: str, asked: dict[str, Any]) -> CollectedClientData:
        return CollectedClientData.create(kind, asked["challenge"], self.origin)

    def _credential(self, **response: Any) -> dict[str, Any]:
        encoded = {
            name: websafe_encode(value) if isinstance(value, bytes) else value
            for name, value in response.items()
        }
        return {
            "id": websafe_encode(self.id),
            "rawId": websafe_encode(self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": encoded,
        }
