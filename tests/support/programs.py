"""Programs that use the package: started in milliseconds, told what to do, killed at any instant.

    with Programs() as programs:
        program = programs.start(env, cwd=tmp_path)
        program.ask("generate", image="rocket.jpg", prompt="The rocket lifts off")
        program.tell("wait")        # does not wait for the answer
        program.kill()

Each is a real process with nothing of ours changed. They are fast to start because they are forks of one that has
imported the package and done nothing with it: no thread, no file, no loop. Run as a script, this module is that one.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from support.forks import Forks

if TYPE_CHECKING:
    from happyhorse_nb import Job, Snapshot

#: Seconds after which something that should have happened has not: it bounds a hang, it measures nothing.
DEADLINE = 180.0


class Died(Exception):
    """The program ended before it answered."""


class Trouble(Exception):
    """What was asked for raised an error in the program: the name of its class, and its words."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(f"{kind}: {words}")
        self.kind = kind


class Programs:
    """Starts programs; a context manager that kills those that are left."""

    def __init__(self) -> None:
        self._started: list[Program] = []

    def __enter__(self) -> Programs:
        # A socket's path has to be short, which a test's folder is not.
        self._folder = tempfile.TemporaryDirectory(prefix="hh-")
        path = Path(self._folder.name) / "programs"
        self._noise = tempfile.TemporaryFile()
        self._address = str(path)
        # Run as a script, it has nothing of the tests on its path.
        path_of_tests = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))
        self._parent = subprocess.Popen(
            [sys.executable, "-P", __file__, self._address],
            env={**os.environ, "PYTHONPATH": path_of_tests},
            stdout=subprocess.PIPE,
            stderr=self._noise,
        )
        assert self._parent.stdout is not None
        if self._parent.stdout.readline() != b"ready\n":
            raise Died(self.noise)
        return self

    def __exit__(self, *_: object) -> None:
        for program in self._started:
            program.kill()
        self._parent.terminate()
        self._parent.wait()
        assert self._parent.stdout is not None
        self._parent.stdout.close()
        self._noise.close()
        self._folder.cleanup()

    def start(self, env: Mapping[str, str], *, cwd: Path) -> Program:
        """A fresh program with these variables added to its environment."""
        self._started = [program for program in self._started if program.alive]
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(DEADLINE)
        line.connect(self._address)
        program = Program(line)
        self._started.append(program)
        program.ask("begin", env=dict(env), cwd=str(cwd))
        return program

    @property
    def noise(self) -> str:
        """What they have written to stderr."""
        self._noise.seek(0)
        return self._noise.read().decode()


class Program:
    """One process; see `Commands` for what it can be told."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._file = line.makefile("rwb")
        self._asked = self._answered = 0
        self.alive = True
        # Asked by the process's own number, while it surely lives; it cannot end but by us.
        self._process = os.pidfd_open(int(self._read()))

    def tell(self, command: str, **arguments: Any) -> None:
        """Say what to do next, and do not wait for it."""
        self._asked += 1
        self._file.write(json.dumps([command, arguments]).encode() + b"\n")
        self._file.flush()

    def ask(self, command: str, **arguments: Any) -> Any:
        """Say what to do, and wait for the answer. Raises `Trouble` and `Died`."""
        self.tell(command, **arguments)
        answer: dict[str, Any] = {}
        while self._answered < self._asked:
            answer = json.loads(self._read())
            self._answered += 1
        if "trouble" in answer:
            raise Trouble(*answer["trouble"])
        return answer["value"]

    def kill(self, *, forks: bool = False) -> None:
        """End it at this instant, and wait until the system has taken back all that it held, locks included.

        Its ``forks`` go on; where there are some, until they have ended too.
        """
        if self.alive:
            signal.pidfd_send_signal(self._process, signal.SIGKILL)
            if forks:
                # They have its end of the line; what they have of an answer does not matter.
                self._line.settimeout(2 * DEADLINE)
                with suppress(ConnectionResetError):
                    self._file.read()
            self._gone()

    def end(self) -> None:
        """Let it end as Python does at the end of a program."""
        if self.alive:
            self._line.shutdown(socket.SHUT_WR)
            self._gone()

    def _gone(self) -> None:
        if not select.select([self._process], [], [], DEADLINE)[0]:
            raise TimeoutError("a process does not end")
        self.alive = False
        os.close(self._process)
        self._file.close()
        self._line.close()

    def _read(self) -> bytes:
        try:
            answer = self._file.readline()
        except ConnectionResetError:
            answer = b""
        if not answer.endswith(b"\n"):
            raise Died
        return answer


# In the program


class Commands:
    """What a program can be told. Jobs are named by their own id; a job's state is given as plain data."""

    def __init__(self) -> None:
        import happyhorse_nb

        self._hh = happyhorse_nb
        #: Held here as a user's variables hold them.
        self._jobs: dict[str, Job] = {}
        self._seen: list[list[str]] = []
        self._forks = Forks()

    def begin(self, env: dict[str, str], cwd: str) -> None:
        os.environ.update(env)
        os.chdir(cwd)

    def forbid_hard_links(self) -> None:
        """From now on the system refuses this process every hard link, as a folder on exFAT would."""
        _refuse_links()

    def fork(self, **how: Any) -> None:
        """Fork: see `Forks.fork`."""
        self._forks.fork(**how)

    def forks(self) -> list[str]:
        """Wait for the forks: see `Forks.ends`."""
        return self._forks.ends()

    def configure(self, **settings: Any) -> None:
        from happyhorse_nb.settings.config import config

        for name, value in settings.items():
            setattr(config(), name, value)

    def generate(self, image: str, prompt: str | None = None, **options: Any) -> dict[str, Any]:
        return self._keep(self._hh.generate(image, prompt, **options))

    def resume(self, piece: str | None = None, attach: str | None = None) -> list[dict[str, Any]]:
        return [self._keep(job) for job in self._hh.resume(piece, attach=attach)]

    def wait(self, timeout: float = DEADLINE) -> list[dict[str, Any]]:
        """Wait for all that run here. Raises WaitTimeout."""
        self._hh.wait(timeout=timeout)
        return self.jobs()

    def hurry(self, names: list[str] | None = None) -> list[dict[str, Any]]:
        """Wait for these or for all that run here, and ask the server again and again meanwhile."""
        some = [self._jobs[name] for name in self._jobs if names is None or name in names]
        until = time.monotonic() + DEADLINE
        while not all(job.done() for job in some):
            self.wake()
            with suppress(self._hh.WaitTimeout):
                self._hh.wait(*some, timeout=0.02 if time.monotonic() < until else 0)
            if time.monotonic() > until:
                raise TimeoutError(str([_plain(job.snapshot) for job in some]))
        return self.jobs()

    def sent(self, name: str) -> dict[str, Any]:
        """Wait until it is known what became of a job's paid request."""
        done = Event()

        def look(snapshot: Snapshot) -> None:
            if snapshot.status not in ("queued", "submitting"):
                done.set()

        undo = self._jobs[name].subscribe(look)
        look(self._jobs[name].snapshot)
        if not done.wait(DEADLINE):
            raise TimeoutError(name)
        undo()
        return _plain(self._jobs[name].snapshot)

    def live(self, requests: list[dict[str, Any]], *, resume: bool) -> list[dict[str, Any]]:
        """A whole notebook: go on with what there is, ask for these, wait for all."""
        if resume:
            self.resume()
        for request in requests:
            self.generate(**request)
        return self.wait()

    def jobs(self) -> list[dict[str, Any]]:
        """All of the ledger, newest first."""
        return [_plain(job.snapshot) for job in self._hh.jobs()]

    def mine(self) -> list[dict[str, Any]]:
        """The jobs that this program holds."""
        return [_plain(job.snapshot) for job in self._jobs.values()]

    def stop(self, name: str) -> None:
        self._jobs[name].stop()

    def wake(self) -> None:
        """Ask the server about every job at once."""
        from happyhorse_nb.engine import engine

        engine().wake()

    def seen(self) -> list[list[str]]:
        """The states that the jobs held here have shown, in order."""
        return self._seen

    def html(self, name: str) -> dict[str, str]:
        """All that a job is drawn as."""
        from happyhorse_nb import render
        from happyhorse_nb.render import cards as links

        job, now = self._jobs[name], time.time()
        drawn = {
            "card": render.card(job.snapshot, job.thumbnail, now=now),
            "live": render.live(job.snapshot, now=now),
            "placeholder": render.placeholder(job.snapshot),
            "spoken": render.spoken(job.snapshot),
            "table": render.table([job.snapshot], now=now, start=Path.cwd()),
            "jobs": self._hh.jobs()._repr_html_(),
            "video": render.video(job.snapshot, embed_limit=15, start=Path.cwd()).data["text/html"],
            "linked": render.video(job.snapshot, embed_limit=0, start=Path.cwd()).data["text/html"],
            "trouble": render.trouble(job.id, job.error or ValueError(job.snapshot.message)),
        }
        if job.path:
            drawn["link"] = links.link(job.path, Path.cwd())[1]
        return drawn

    def text(self, name: str) -> dict[str, str]:
        """All that a job is written as."""
        from happyhorse_nb import render

        job = self._jobs[name]
        return {"line": render.line(job.snapshot, now=time.time()), "error": str(job.error or ""), "repr": repr(job)}

    def _keep(self, job: Job) -> dict[str, Any]:
        if self._jobs.get(job.id) is not job:
            self._jobs[job.id] = job
            seen: list[str] = []
            self._seen.append(seen)
            job.subscribe(lambda snapshot: _note(seen, snapshot))
        return _plain(job.snapshot)


#: The numbers of the system calls ``link`` and ``linkat``, where there are both, and of ``flock``.
_LINKS = {"x86_64": (86, 265), "aarch64": (37,)}
FLOCK = {"x86_64": (73,), "aarch64": (32,)}


def refuse_calls(calls: Mapping[str, Sequence[int]], problem: int) -> None:
    """Have these calls, by machine, fail with that errno, here and in what this process starts. It is a filter of
    system calls (seccomp), for which nobody needs to be root."""
    filters, allow = [(0x20, 0, 0, 0)], (0x06, 0, 0, 0x7FFF0000)
    for number in calls[platform.machine()]:
        filters += [(0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | problem)]
    program = b"".join(struct.pack("HBBI", *step) for step in [*filters, allow])
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    system = ctypes.CDLL(None, use_errno=True)
    for option, value, more in ((38, 1, None), (22, 2, ctypes.create_string_buffer(head, len(head)))):
        if system.prctl(option, value, more or 0, 0, 0):
            raise OSError(ctypes.get_errno(), "system calls cannot be refused here")


def _refuse_links() -> None:
    refuse_calls(_LINKS, errno.EPERM)
    with suppress(PermissionError):
        os.link(__file__, f"{__file__}.link")
        raise AssertionError("hard links are not refused")


def _note(seen: list[str], snapshot: Snapshot) -> None:
    if not seen or seen[-1] != str(snapshot.status):
        seen.append(str(snapshot.status))


def _plain(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "id": snapshot.id,
        "task_id": snapshot.task_id,
        "status": str(snapshot.status),
        "model": snapshot.model,
        "prompt": snapshot.prompt,
        "path": str(snapshot.path) if snapshot.path else None,
        "message": snapshot.message,
        "remedy": snapshot.remedy,
    }


def _obey(line: socket.socket) -> None:
    """Do what is said on the line until it is closed at the other end."""
    commands = Commands()
    with line, line.makefile("rwb") as file:
        file.write(f"{os.getpid()}\n".encode())
        file.flush()
        for said in file:
            name, arguments = json.loads(said)
            answer: dict[str, Any]
            try:
                command: Callable[..., Any] = getattr(commands, name)
                answer = {"value": command(**arguments)}
            except Exception as problem:  # noqa: BLE001  # the test decides what it expects
                answer = {"trouble": [type(problem).__name__, str(problem)]}
            file.write(json.dumps(answer).encode() + b"\n")
            file.flush()


#: All that a program imports sooner or later.
_IMPORTS = (
    "aiohttp", "IPython.display", "jinja2", "PIL.Image",
    "happyhorse_nb.client", "happyhorse_nb.inputs", "happyhorse_nb.api", "happyhorse_nb.render.player",
)  # fmt: skip


def _main(address: str) -> None:
    for name in _IMPORTS:
        import_module(name)
    # The dead leave nothing that somebody has to clear away.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            line, _ = door.accept()
            if os.fork() == 0:
                break
            line.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _obey(line)


if __name__ == "__main__":
    _main(sys.argv[1])
