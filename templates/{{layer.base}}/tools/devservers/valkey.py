"""A Valkey server."""

import json
import signal

import redis

from tools.devservers.server import HOST, Server, find_executable


class Valkey(Server):
    """Valkey with 64 databases."""

    name = "valkey"
    stop_signal = signal.SIGTERM

    def url(self, database: int = 0) -> str:
        return f"redis://:{self.password}@{HOST}:{self.port}/{database}"

    def _prepare(self) -> None:
        self.data.mkdir(exist_ok=True)
        # The password is in a file, because other users can read the arguments of a process.
        config = self.data / "valkey.conf"
        config.touch(mode=0o600)
        config.write_text(
            f"bind {HOST}\nrequirepass {self.password}\ndatabases 64\n"
            # Quoted, since the path of the service can contain spaces and quotes.
            f"dir {json.dumps(str(self.data), ensure_ascii=False)}\n"
            f'save ""\nappendonly {"no" if self.throw_away else "yes"}\n'
            "maxmemory-policy noeviction\n",
            encoding="utf-8",
        )

    def _command(self, port: int) -> list[str]:
        config = self.data / "valkey.conf"
        return [find_executable("valkey-server"), str(config), "--port", str(port)]

    def _is_ready(self, port: int) -> bool:
        with redis.Redis(host=HOST, port=port, password=self.password) as client:
            try:
                client.ping()
            except redis.RedisError:
                return False
        return True
