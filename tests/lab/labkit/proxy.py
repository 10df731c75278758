"""The program under test: `stanzascope run` between a client and a server."""

import re
import signal
import subprocess
from pathlib import Path

from .endpoint import DOMAIN, Endpoint
from .ports import LOOPBACK
from .process import LabError, OwnProcess
from .run_directory import RunDirectory
from .server import Server, port_for

NAME = "stanzascope"


class Proxy:
    def __init__(
        self,
        binary: Path,
        directory: Path,
        server: Server,
        upstream_tls: str,
        label: str,
        options: tuple[str, ...] = (),
        outlive_us: bool = False,
    ):
        """`upstream_tls` is one of `UPSTREAM_TLS`; with port 0 the proxy chooses its own ports."""
        self._binary = binary
        certs = directory / "certs"
        self.process = OwnProcess(
            NAME,
            [
                str(binary), "run", "--yes",
                "--domain", DOMAIN,
                "--upstream", f"{LOOPBACK}:{port_for(server, upstream_tls)}",
                "--upstream-tls", upstream_tls,
                "--upstream-ca", str(server.endpoint.ca),
                "--listen", LOOPBACK,
                "--certs", str(certs),
                "--runs", str(directory / "runs"),
                "--label", label,
                *_with_default(options, "--starttls-port", "0"),
                *_with_default(options, "--direct-port", "0"),
                *_with_default(options, "--metrics", f"{LOOPBACK}:0"),
                *options,
            ],
            directory,
            outlive_us=outlive_us,
        )  # fmt: skip
        try:
            starttls_port = int(self._announced(r"listening starttls \S+:(\d+)"))
            direct_port = int(self._announced(r"listening direct \S+:(\d+)"))
            self.metrics_url = self._announced(r"metrics (http://\S+)")
            self.run = RunDirectory(directory / self._announced(r"run directory (.+)"))
            ca = directory / "stanzascope-ca.pem"
            self.command("ca", "export", "--certs", str(certs), "-o", str(ca))
            self.endpoint = Endpoint(LOOPBACK, starttls_port, direct_port, ca, upload_ca=server.endpoint.ca)
        except BaseException:
            self.process.stop()
            raise

    def command(self, *arguments: str) -> str:
        """Runs another command of the same program and returns what it prints."""
        done = subprocess.run([str(self._binary), *arguments], capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise LabError(f"stanzascope {' '.join(arguments)} failed with status {done.returncode}: {done.stderr}")
        return done.stdout

    def stop(self) -> int:
        """Ends the run as Ctrl-C does and returns the exit status; the summary is then in `summary`."""
        return self.process.stop(first=signal.SIGINT, grace=20)

    @property
    def summary(self) -> str:
        return self.process.stdout_path.read_text()

    def written_files(self) -> list[Path]:
        """Everything the run wrote anywhere."""
        return [*self.run.files(), self.process.stdout_path, self.process.stderr_path]

    def _announced(self, pattern: str) -> str:
        """What the proxy says about itself on standard error once it is ready."""

        def search():
            return re.search(f"^{pattern}$", self.process.stderr_path.read_text(), re.MULTILINE)

        return self.process.wait_until(search, f"print a line like /{pattern}/", timeout=30).group(1)


def _with_default(options: tuple[str, ...], flag: str, value: str) -> list[str]:
    return [] if flag in options else [flag, value]
