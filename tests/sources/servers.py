"""A PostgreSQL of our own and connections to a server, which tests stop, pause and cut."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

PATIENCE_SECONDS = 30
LONGEST_PAUSE_SECONDS = 15
"""After this time a paused server goes on by itself, so that a test fails rather than waits for ever."""


class Cluster:
    """A private PostgreSQL on a free port of this machine, to be stopped, paused and started again."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        # Not under pytest's folder, which the user postgres cannot enter.
        self._folder = Path(tempfile.mkdtemp(prefix="provider-postgresql-"))
        self._as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as_owner:
            shutil.chown(self._folder, "postgres", "postgres")
        self.port = free_port()
        self._data = self._folder / "data"
        self._end_of_pause = threading.Timer(0, self.resume)
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync", f"--pgdata={self._data}")

    @property
    def url(self) -> str:
        """Where it is."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it and wait until it answers; harmless when it runs."""
        if not self._processes():
            options = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
            self._run("pg_ctl", "start", "--wait", f"--pgdata={self._data}", f"--log={self._folder}/log", "-o", options)

    def stop(self, mode: str = "fast") -> None:
        """Stop it at once, whatever it does; harmless when it is stopped."""
        if self._processes():
            self._run("pg_ctl", "stop", "--wait", "--mode", mode, f"--pgdata={self._data}")

    def pause(self) -> None:
        """Pause it: the kernel still accepts what is sent, but nothing answers."""
        self._signal(signal.SIGSTOP)
        self._end_of_pause = threading.Timer(LONGEST_PAUSE_SECONDS, self._signal, [signal.SIGCONT])
        self._end_of_pause.start()

    def resume(self) -> None:
        """Let it go on."""
        self._end_of_pause.cancel()
        self._signal(signal.SIGCONT)

    def remove(self) -> None:
        """Leave nothing behind."""
        self.resume()
        self.stop("immediate")
        shutil.rmtree(self._folder)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def _processes(self) -> list[int]:
        """List the postmaster and its children."""
        file = self._data / "postmaster.pid"
        if not file.exists():
            return []
        postmaster = int(file.read_text().split()[0])
        children = subprocess.run(
            ["pgrep", "-P", str(postmaster)], capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
        )
        return [postmaster, *map(int, children.stdout.split())]

    def _run(self, program: str, *arguments: str) -> None:
        with (self._folder.parent / f"{self._folder.name}.out").open("w+") as output:
            Path(output.name).unlink()  # pg_ctl's child keeps it open: a pipe would never end
            done = subprocess.run(
                [*self._as_owner, self._programs / program, *arguments],
                stdout=output,
                stderr=output,
                cwd="/",
                timeout=PATIENCE_SECONDS,
                check=False,
            )
            output.seek(0)
            assert done.returncode == 0, output.read()


class Line:
    """Passes connections on to a server through a port of our own, and can stop passing without touching the server."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._flows = threading.Event()
        self._flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._end_of_pause = threading.Timer(0, self._flows.set)
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def hang(self) -> None:
        """Accept what is sent and pass nothing on."""
        self._flows.clear()
        self._end_of_pause = threading.Timer(LONGEST_PAUSE_SECONDS, self._flows.set)
        self._end_of_pause.start()

    def flow(self) -> None:
        """Pass everything on again."""
        self._end_of_pause.cancel()
        self._flows.set()

    def close(self) -> None:
        """Close every connection."""
        self.flow()
        for one in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [caller, server]
            self._start(self._pass_on, caller, server)
            self._start(self._pass_on, server, caller)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                self._flows.wait()
                target.sendall(chunk)
            target.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def silent_port():
    """Open a port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
