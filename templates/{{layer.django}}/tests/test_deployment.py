"""Django's settings in production, in a process with production's environment."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]

# Sends GET requests to the application, without TLS as a server behind a proxy.
ASK = """
import json, sys
from io import BytesIO
from app.config.wsgi import application

answers = []
for host, path in json.load(sys.stdin):
    found = {}
    def start_response(status, headers, exc_info=None):
        found.update(status=int(status.split()[0]), headers=dict(headers))
    environ = {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "",
        "SERVER_NAME": "10.1.2.3", "SERVER_PORT": "8000", "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": host, "REMOTE_ADDR": "10.9.9.9", "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(), "wsgi.errors": sys.stderr, "wsgi.version": (1, 0),
        "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
    }
    answer = application(environ, start_response)
    b"".join(answer)
    answer.close()
    answers.append(found)
print(json.dumps(answers))
"""


def _run(*command: str, given: str = "", **changes: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the settings of production, and the servers of this test run."""
    kept = ("PATH", "HOME", "DATABASE_URL", "MIGRATION_DATABASE_URL", "REDIS_URL")
    environment = {name: os.environ[name] for name in kept if name in os.environ} | {
        "ENVIRONMENT": "production",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "PUBLIC_URL": "https://api.example.com",
        "SMTP_URL": "smtps://user:password@mail.example.com",
        "MAIL_FROM": "no-reply@example.com",
        "PYTHONPATH": str(ROOT / "src"),
        "DJANGO_SETTINGS_MODULE": "app.config.settings",
        **changes,
    }
    return subprocess.run(
        [sys.executable, *command],
        check=False,
        cwd=ROOT,
        env=environment,
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
    )


def _ask(*asked: tuple[str, str]) -> list[dict[str, Any]]:
    done = _run("-c", ASK, given=json.dumps(asked))
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return answers


def test_check_deploy_finds_nothing() -> None:
    done = _run("manage.py", "check", "--deploy", "--fail-level", "DEBUG")
    assert done.returncode == 0, done.stderr
    # W008 is about redirects to HTTPS: the proxy does them.
    assert "no issues (1 silenced)" in done.stdout + done.stderr
    from django.conf import settings

    assert settings.SILENCED_SYSTEM_CHECKS == ["security.W008"]


@pytest.mark.usefixtures("migrated")
def test_health_endpoints_accept_any_host_and_others_only_the_public_one() -> None:
    probes = ("/livez", "/readyz", "/startupz")
    answers = _ask(
        *(("10.1.2.3:8000", path) for path in probes),
        ("api.example.com", "/api/v1/me"),
        ("evil.example", "/api/v1/me"),
        ("evil.example", "/admin/login/"),
    )
    assert [answer["status"] for answer in answers] == [200, 200, 200, 401, 400, 400]


@pytest.mark.usefixtures("migrated")
def test_responses_have_strict_transport_security() -> None:
    for answer in _ask(("api.example.com", "/api/v1/me"), ("api.example.com", "/admin/login/")):
        assert "max-age=63072000" in answer["headers"]["Strict-Transport-Security"]


def test_strict_transport_security_is_off_in_development_with_https() -> None:
    shown = (
        "from app.config import settings as s; print(s.SECURE_HSTS_SECONDS, s.SECURE_HSTS_PRELOAD)"
    )
    local = {"ENVIRONMENT": "development", "PUBLIC_URL": "https://localhost:5173"}
    assert _run("-c", shown, **local).stdout == "0 False\n"
