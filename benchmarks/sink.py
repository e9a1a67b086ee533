"""A server of the benchmark's own that takes every mail, in a process of its own."""

import os
import shutil
import smtplib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("sink.c")

LISTENING = "0A"


@dataclass(frozen=True)
class Server:
    """A process that listens on a port of the loopback device."""

    pid: int
    port: int
    kind: str

    @property
    def mails(self) -> int:
        """How many mails it took, where it counts them."""
        with smtplib.SMTP("127.0.0.1", self.port, "benchmark") as line:
            return int(line.docmd("XCOUNT")[1])

    @property
    def cpu(self) -> float:
        """The seconds of processor time that it used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def check(self) -> None:
        """Fail unless this very process listens on the port: no other is measured."""
        inode = _listener(self.port)
        descriptors = Path(f"/proc/{self.pid}/fd").iterdir()
        if f"socket:[{inode}]" not in {str(each.readlink()) for each in descriptors}:
            raise RuntimeError(f"port {self.port} is not the benchmark's own server")


@contextmanager
def sink(folder: Path) -> Iterator[Server]:
    """Take mails in C if there is a compiler, else in Python."""
    compiler = shutil.which("cc")
    if compiler is None:
        with server("Python", "-m", "benchmarks.python_sink") as made:
            yield made
        return
    program = folder / "sink"
    subprocess.run([compiler, "-O2", "-o", program, SOURCE], check=True)
    with started("C", [str(program)]) as made:
        yield made


@contextmanager
def server(kind: str, *arguments: str) -> Iterator[Server]:
    """Run one in Python, as a module that prints its port."""
    with started(kind, [sys.executable, *arguments]) as made:
        yield made


@contextmanager
def started(kind: str, command: Sequence[str]) -> Iterator[Server]:
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            made = Server(process.pid, int(process.stdout.readline()), kind)
            made.check()
            yield made
        finally:
            process.kill()


def _listener(port: int) -> str:
    """Return the inode of the socket that listens on a port (proc(5), net/tcp)."""
    for row in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = row.split()
        if fields[1].endswith(f":{port:04X}") and fields[3] == LISTENING:
            return fields[9]
    raise RuntimeError(f"nobody listens on port {port}")
