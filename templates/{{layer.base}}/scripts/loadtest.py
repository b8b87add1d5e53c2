"""Measure a running copy of the service, on throw-away servers.

    python -m scripts.loadtest [--seconds 5] [--clients 16]

The clients share the machine with the service: compare runs on one machine only, and trust the
CPU time of a request more than the number of requests in a second.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from app.seed import EMAIL, PASSWORD
from scripts.servers import HOST, ROOT, Program, ServerError, free_port, throw_away

PROJECTS = 100


@contextmanager
def running_service() -> Iterator[tuple[str, int]]:
    """Start the service with demo data; its address and the process to measure."""
    with throw_away() as servers:
        port = free_port()
        env = {
            **os.environ,
            **servers.urls().environment(),
            "ENVIRONMENT": "test",
            "PORT": str(port),
            "LOG_LEVEL": "WARNING",
            "RATE_LIMIT_ENABLED": "false",
        }
        for command in ("migrate", "seed"):
            subprocess.run([sys.executable, "-m", "app", command], env=env, cwd=ROOT, check=True)
        web = Program([sys.executable, "-m", "app", "web"], env=env, cwd=ROOT)
        try:
            base = f"http://{HOST}:{port}"
            _wait_until_ready(base)
            yield base, web.process.pid
        finally:
            web.stop()


def _wait_until_ready(base: str) -> None:
    for _ in range(300):
        try:
            if httpx2.get(f"{base}/readyz").is_success:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.1)
    raise ServerError("The service does not become ready.")


async def prepare(client: httpx2.AsyncClient) -> dict[str, str]:
    """Sign in, make some projects, and give the paths to measure by their names."""
    body = {"email": EMAIL, "password": PASSWORD}
    signed_in = await client.post("/api/v1/auth/sign-in", json=body)
    signed_in.raise_for_status()
    client.headers["Authorization"] = f"Bearer {signed_in.json()['access_token']}"
    organizations = (await client.get("/api/v1/organizations")).raise_for_status().json()
    organization = f"/api/v1/organizations/{organizations['items'][0]['id']}"
    for number in range(PROJECTS):
        made = await client.post(f"{organization}/projects", json={"name": f"Project {number}"})
        made.raise_for_status()
    return {
        "alive": "/livez",
        "list 20 projects": f"{organization}/projects",
        "dashboard": f"{organization}/dashboard",
    }


async def measure(
    client: httpx2.AsyncClient, path: str, clients: int, seconds: float
) -> list[float]:
    """Ask for one path again and again; the seconds that each answer took."""
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def ask() -> None:
        while (begin := time.perf_counter()) < end:
            (await client.get(path)).raise_for_status()
            times.append(time.perf_counter() - begin)

    await asyncio.gather(*(ask() for _ in range(clients)))
    return times


def cpu_seconds(pid: int) -> float | None:
    """The CPU time a process has used so far, where the system tells (Linux)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def report(base: str, pid: int, clients: int, seconds: float) -> None:
    """Print one line for each path."""
    print(f"{clients} clients, {seconds:g} s each")
    print(f"{'':>18} {'req/s':>8} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'CPU ms':>8}")
    limits = httpx2.Limits(max_connections=clients)
    async with httpx2.AsyncClient(base_url=base, limits=limits, timeout=30) as client:
        for name, path in (await prepare(client)).items():
            await measure(client, path, clients, 1)  # warm
            before = cpu_seconds(pid)
            times = await measure(client, path, clients, seconds)
            after = cpu_seconds(pid)
            cuts = [cut * 1000 for cut in statistics.quantiles(times, n=100)]
            cpu = f"{(after - before) * 1000 / len(times):8.2f}" if before and after else ""
            print(
                f"{name:>18} {len(times) / seconds:8.0f}"
                f" {cuts[49]:8.1f} {cuts[94]:8.1f} {cuts[98]:8.1f} {cpu}"
            )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="just loadtest")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--clients", type=int, default=16)
    arguments = parser.parse_args()
    try:
        with running_service() as (base, pid):
            asyncio.run(report(base, pid, arguments.clients, arguments.seconds))
    except (ServerError, subprocess.CalledProcessError, httpx2.HTTPError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
