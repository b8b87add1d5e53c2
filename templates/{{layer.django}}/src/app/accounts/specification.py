"""The OpenAPI description of allauth's operations, which `openapi.json` has after the API's own.

allauth's document describes allauth's tokens and errors; this service has its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, get_args

from allauth.headless.constants import Client
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from app.accounts import schemas
from app.accounts.headless import answers, inputs
from app.core.web import openapi_responses, problems

type Document = dict[str, Any]

_PREFIX = "#/components/schemas/"
_SESSION_TOKEN = {
    "name": "X-Session-Token",
    "in": "header",
    "required": False,
    "description": "The `session_token` of an unfinished sign-in",
    "schema": {"type": "string"},
}
_PASSWORDLESS = {
    "name": "passwordless",
    "in": "query",
    "required": False,
    "allowEmptyValue": True,
    "description": "Present for a passkey that signs in without a password",
    "schema": {"type": "string"},
}
_TAGS = {Client.APP: "accounts of apps", Client.BROWSER: "accounts in browsers"}


@dataclass(frozen=True)
class Operation:
    """One method of a path, for both kinds of client unless `clients` says less.

    `answers` are allauth's; `in_browser` replaces them by status, since browsers get no tokens.
    `problems` come on top of those that all operations have.
    """

    route: str
    method: str
    name: str
    summary: str
    answers: tuple[type[BaseModel], ...]
    in_browser: tuple[type[BaseModel], ...] = ()
    body: type[BaseModel] | None = None
    description: str = ""
    problems: tuple[int, ...] = ()
    parameters: tuple[Document, ...] = ()
    is_public: bool = False
    clients: tuple[Client, ...] = (Client.APP, Client.BROWSER)


_REQUIRED = answers.AuthenticationRequired
_SESSION = (answers.Authenticated, _REQUIRED)
_PROOF = "After a recent proof: 401 asks for one."
_KEEP = "`meta.session_token` of a 401 is for `X-Session-Token` of the next step."

OPERATIONS = (
    Operation(
        "auth/signup",
        "post",
        "sign_up",
        "Create an account",
        (_REQUIRED, answers.AlreadySignedIn),
        body=schemas.SignUp,
        description="Answers 401, since no session begins: the flow `verify_email` is pending. "
        "The response does not tell whether the address has an account; the mail does.",
        is_public=True,
    ),
    Operation(
        "auth/email/verify",
        "post",
        "verify_email",
        "Finish a sign-up with the token from the mail",
        (_REQUIRED,),
        body=inputs.Key,
        description="It works once. Answers 401, since no session begins.",
        is_public=True,
    ),
    Operation(
        "auth/login",
        "post",
        "sign_in",
        "Sign in",
        (answers.SignedIn, _REQUIRED, answers.AlreadySignedIn),
        in_browser=(answers.Authenticated,),
        body=inputs.Credentials,
        description="401 with the pending flow `mfa_authenticate` asks for a second factor. "
        f"{_KEEP}",
        is_public=True,
        problems=(401,),
    ),
    Operation(
        "tokens/refresh",
        "post",
        "refresh",
        "Exchange a refresh token for the next pair of tokens",
        (answers.Refreshed,),
        body=schemas.Refresh,
        is_public=True,
        problems=(401,),
        clients=(Client.APP,),
    ),
    Operation(
        "auth/session",
        "get",
        "get_authentication",
        "Read who is signed in, or which step comes next",
        _SESSION,
        parameters=(_SESSION_TOKEN,),
    ),
    Operation(
        "auth/session",
        "delete",
        "sign_out",
        "End this session",
        (_REQUIRED,),
        description="Answers 401, since the session has ended.",
        parameters=(_SESSION_TOKEN,),
    ),
    Operation(
        "auth/password/request",
        "post",
        "forgot_password",
        "Send a mail with a reset token, if the address has an account",
        (answers.Done,),
        body=schemas.EmailOnly,
        is_public=True,
    ),
    Operation(
        "auth/password/reset",
        "post",
        "reset_password",
        "Set a new password with the token from the mail",
        (_REQUIRED,),
        body=inputs.KeyAndPassword,
        description="Ends all sessions, and opens none: answers 401.",
        is_public=True,
    ),
    Operation(
        "account/password/change",
        "post",
        "change_password",
        "Replace the password",
        _SESSION,
        body=schemas.PasswordChange,
        description="Ends all other sessions.",
    ),
    Operation(
        "auth/reauthenticate",
        "post",
        "reauthenticate",
        "Prove the password again",
        _SESSION,
        body=schemas.PasswordProof,
    ),
    Operation(
        "auth/2fa/reauthenticate",
        "post",
        "reauthenticate_with_code",
        "Prove the second factor again, with a TOTP code or a recovery code",
        _SESSION,
        body=inputs.Code,
    ),
    Operation(
        "auth/2fa/authenticate",
        "post",
        "sign_in_with_code",
        "Finish a sign-in with a TOTP code or a recovery code",
        (answers.SignedIn, _REQUIRED),
        in_browser=(answers.Authenticated,),
        body=inputs.Code,
        parameters=(_SESSION_TOKEN,),
    ),
    Operation(
        "account/authenticators",
        "get",
        "list_authenticators",
        "List the second factors",
        (answers.Authenticators, _REQUIRED),
    ),
    Operation(
        "account/authenticators/totp",
        "get",
        "begin_totp",
        "Set up TOTP, or read that it is enabled",
        (answers.TotpEnabled, answers.TotpNotEnabled, _REQUIRED),
        description="404 has a new secret in `meta`; it takes effect once a code confirms it.",
    ),
    Operation(
        "account/authenticators/totp",
        "post",
        "confirm_totp",
        "Enable TOTP with a code of the authenticator app",
        (answers.TotpEnabled, _REQUIRED),
        body=inputs.Code,
        description=_PROOF,
        problems=(409,),
    ),
    Operation(
        "account/authenticators/totp",
        "delete",
        "disable_totp",
        "Remove TOTP",
        (answers.Done, _REQUIRED),
        description=_PROOF,
        problems=(409,),
    ),
    Operation(
        "account/authenticators/recovery-codes",
        "get",
        "get_recovery_codes",
        "Read the recovery codes that are left",
        (answers.RecoveryCodesRead, answers.NoRecoveryCodes, _REQUIRED),
        description=f"{_PROOF} The codes are readable until they have been read once.",
    ),
    Operation(
        "account/authenticators/recovery-codes",
        "post",
        "renew_recovery_codes",
        "Replace the recovery codes",
        (answers.RecoveryCodesRead, answers.InputRefused, _REQUIRED),
        description=_PROOF,
    ),
    Operation(
        "account/authenticators/webauthn",
        "get",
        "begin_passkey",
        "Get a challenge for a new passkey",
        (answers.PasskeyCreation, _REQUIRED),
        description=_PROOF,
        parameters=(_PASSWORDLESS,),
    ),
    Operation(
        "account/authenticators/webauthn",
        "post",
        "add_passkey",
        "Add a passkey",
        (answers.PasskeyAdded, answers.InputRefused, _REQUIRED),
        body=inputs.PasskeyCreate,
        description=_PROOF,
    ),
    Operation(
        "account/authenticators/webauthn",
        "put",
        "rename_passkey",
        "Rename a passkey",
        (answers.PasskeyChanged, answers.InputRefused, _REQUIRED),
        body=inputs.PasskeyRename,
        description=_PROOF,
    ),
    Operation(
        "account/authenticators/webauthn",
        "delete",
        "remove_passkeys",
        "Remove passkeys",
        (answers.Done, answers.InputRefused, _REQUIRED),
        body=inputs.PasskeyDelete,
        description=_PROOF,
    ),
    Operation(
        "auth/webauthn/login",
        "get",
        "begin_passkey_sign_in",
        "Get a challenge for a passkey that signs in without a password",
        (answers.PasskeySignIn,),
        in_browser=(answers.PasskeyRequest,),
        is_public=True,
    ),
    Operation(
        "auth/webauthn/login",
        "post",
        "sign_in_with_passkey",
        "Sign in with a passkey, without a password",
        (answers.SignedIn, answers.InputRefused, _REQUIRED),
        in_browser=(answers.Authenticated,),
        body=inputs.PasskeyAnswer,
        parameters=(_SESSION_TOKEN,),
        problems=(401,),
        is_public=True,
    ),
    Operation(
        "auth/webauthn/authenticate",
        "get",
        "begin_passkey_second_factor",
        "Get a challenge for a passkey as the second factor",
        (answers.PasskeyRequest, _REQUIRED),
        parameters=(_SESSION_TOKEN,),
    ),
    Operation(
        "auth/webauthn/authenticate",
        "post",
        "sign_in_with_passkey_second_factor",
        "Finish a sign-in with a passkey",
        (answers.SignedIn, answers.InputRefused, _REQUIRED),
        in_browser=(answers.Authenticated,),
        body=inputs.PasskeyAnswer,
        parameters=(_SESSION_TOKEN,),
    ),
    Operation(
        "auth/webauthn/reauthenticate",
        "get",
        "begin_passkey_reauthentication",
        "Get a challenge for a passkey of the signed-in user",
        (answers.PasskeyRequest, _REQUIRED),
    ),
    Operation(
        "auth/webauthn/reauthenticate",
        "post",
        "reauthenticate_with_passkey",
        "Prove a passkey again",
        (answers.Authenticated, answers.InputRefused, _REQUIRED),
        body=inputs.PasskeyAnswer,
    ),
    Operation(
        "config",
        "get",
        "get_account_configuration",
        "Read which ways to sign in there are",
        (answers.Configuration,),
        is_public=True,
    ),
)


class _Schemas(GenerateJsonSchema):
    """Omits the default of fields that are absent or null unless a client sends them."""

    def default_schema(self, schema: Any) -> Document:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def add_operations(document: Document) -> None:
    """Add allauth's operations to the document of the API."""
    models: set[type[BaseModel]] = {answers.SessionTokenGone}
    for operation in OPERATIONS:
        models |= {*operation.answers, *operation.in_browser}
        models |= {operation.body} if operation.body else set()
    _, definitions = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template=f"{_PREFIX}{{model}}",
        schema_generator=_Schemas,
    )
    openapi_responses.remove_titles(definitions)
    document["components"]["schemas"] |= definitions["$defs"]
    for client in (Client.APP, Client.BROWSER):
        for operation in OPERATIONS:
            if client in operation.clients:
                path = f"/_allauth/{client.value}/v1/{operation.route}"
                described = _describe(operation, client)
                openapi_responses.complete_operation(
                    document, path, operation.method, described, is_public=operation.is_public
                )
                _add_answers(described, operation, client)
                _add_parameters(described, operation, client)
                document["paths"].setdefault(path, {})[operation.method] = described


def _describe(operation: Operation, client: Client) -> Document:
    is_app = client == Client.APP
    # Browsers: cross-site requests.
    statuses = operation.problems if is_app else (403, *operation.problems)
    problem_responses = openapi_responses.problem_responses(*statuses)
    described: Document = {
        "tags": [_TAGS[client]],
        "summary": operation.summary,
        "operationId": operation.name if is_app else f"{operation.name}_in_browser",
        "responses": {str(status): problem for status, problem in problem_responses.items()},
    }
    if operation.description:
        described["description"] = operation.description
    if operation.body:
        schema = {"$ref": f"{_PREFIX}{operation.body.__name__}"}
        described["requestBody"] = {
            "content": {"application/json": {"schema": schema}},
            "required": True,
        }
    if is_app and not operation.is_public:
        described["security"] = [{"HTTPBearer": []}]
    return described


def _add_answers(described: Document, operation: Operation, client: Client) -> None:
    """Add allauth's answers, beside the problem details of the same status."""
    responses = described["responses"]
    for status, model in _answers(operation, client):
        content = {"application/json": {"schema": {"$ref": f"{_PREFIX}{model.__name__}"}}}
        if str(status) in responses:
            problem = {"schema": {"$ref": f"{_PREFIX}Problem"}}
            content[problems.MEDIA_TYPE] = problem
        summary = (model.__doc__ or "").partition("\n")[0].removesuffix(".")
        responses[str(status)] = {"description": summary, "content": content}
    described["responses"] = dict(sorted(responses.items()))


def _add_parameters(described: Document, operation: Operation, client: Client) -> None:
    # After the common problems: neither parameter can be invalid.
    parameters = [
        item for item in operation.parameters if client == Client.APP or item is not _SESSION_TOKEN
    ]
    if parameters:
        described["parameters"] = parameters


def _answers(operation: Operation, client: Client) -> Iterator[tuple[int, type[BaseModel]]]:
    found = {_status(model): model for model in operation.answers}
    if client == Client.BROWSER:
        found |= {_status(model): model for model in operation.in_browser}
    else:
        # Every operation reads the header.
        found[HTTPStatus.GONE] = answers.SessionTokenGone
    yield from sorted(found.items())


def _status(model: type[BaseModel]) -> int:
    status: int
    (status,) = get_args(model.model_fields["status"].annotation)
    return status
