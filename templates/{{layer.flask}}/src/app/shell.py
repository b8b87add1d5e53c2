from flask.cli import ScriptInfo, shell_command

from app.main import create_app


def run_shell() -> None:
    """Run `flask shell`."""
    shell_command.main([], obj=ScriptInfo(create_app=create_app))
