"""A network of real processes of `emeth`, each of which can be killed and started again."""

import json
import os
import pathlib
import shutil
import signal
import sqlite3
import struct
import subprocess
import time

EMETH = os.environ.get("EMETH_BINARY", "emeth")
# A job of three parts and two rounds: every role has something to do, and it takes seconds.
JOB = (
    "--program 1 --parallel 3 --rounds 2 --steps 20 --layers 1 --heads 2 --width 32 --context 32 --batch 4 --seed 1"
).split()


class Clock:
    """The clock of a process, off by as many seconds as it is put."""

    def __init__(self, folder: pathlib.Path, name: str):
        library = folder / "clock.so"
        if not library.exists():
            compiler = shutil.which("cc") or shutil.which("clang")
            source = pathlib.Path(__file__).with_name("clock.c")
            subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
        self.file = folder / f"{name}.clock"
        self.environment = {"LD_PRELOAD": str(library), "EMETH_TEST_CLOCK": str(self.file)}
        self.put(0)

    def put(self, seconds: int):
        # Not a new file: processes look at this one.
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("<q", seconds))


class Network:
    """One server, three nodes, two verifiers and a requester, each with a key and a folder of its own."""

    servers = ["server"]
    # What is part of the service, and may be killed like it.
    killable = ["server"]
    nodes = ["node1", "node2", "node3"]
    verifiers = ["verifier1", "verifier2"]
    # Machines that compute for a node.
    helpers: list[str] = []

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.processes: dict[str, subprocess.Popen] = {}
        self.listen = "127.0.0.1:0"
        # Clocks that a test can put forward and back, by the process.
        self.clocks: dict[str, Clock] = {}
        self.grants: list[str] = []
        for name in ["requester", *self.nodes, *self.verifiers]:
            self.emeth("new-key", "--out", f"{name}.key")
            address = json.loads(self.emeth("show-key", "--key-file", f"{name}.key", "--json"))["address"]
            self.grants += ["--grant", f"{address}=100emeth"]
        lines = [f"Rain on the roof in year {year}, and a letter on the table." for year in range(400)]
        (folder / "text").write_text("\n".join(lines) + "\n")
        self.start_servers()
        for name in [*self.nodes, *self.verifiers]:
            self.start(name)

    # -- processes

    def emeth(self, *words: str, check: bool = True) -> str:
        """Runs a command to its end."""
        result = subprocess.run(
            [EMETH, *words], cwd=self.folder, env=self.environment(), capture_output=True, text=True, timeout=120
        )
        if check:
            assert result.returncode == 0, f"emeth {' '.join(words)}: {result.returncode} {result.stderr}"
        return result.stdout

    def environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        if not self.listen.endswith(":0"):
            environment["EMETH_SERVER"] = f"http://{self.listen}"
        return environment

    def start(self, name: str):
        """Starts what is not running."""
        if name in self.servers:
            words = ["serve", "--data", "net", "--interval", "500ms", *self.grants, *self.serve_words(name)]
        else:
            role = name.rstrip("0123456789")
            role = "node" if name in self.helpers else role
            words = [role, "--key-file", f"{name}.key", "--data", name, "--threads", "1", *self.words(name)]
        log = open(self.folder / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen(
            [EMETH, *words],
            cwd=self.folder,
            env=self.environment() | (self.clocks[name].environment if name in self.clocks else {}),
            stdout=subprocess.PIPE if name in self.servers else log,
            stderr=log,
            text=True,
        )
        log.close()
        if name in self.servers:
            line = self.processes[name].stdout.readline().strip()
            assert line.startswith("http://"), f"{name} does not start: {self.log(name)}"
            self.note_listening(name, line.removeprefix("http://"))

    def start_servers(self):
        for name in self.servers:
            self.start(name)

    def serve_words(self, name: str) -> list[str]:
        """What `emeth serve` is told besides."""
        return ["--listen", self.listen]

    def words(self, name: str) -> list[str]:
        """What `emeth node` and `emeth verifier` are told besides."""
        return []

    def note_listening(self, name: str, address: str):
        self.listen = address

    def kill(self, *names: str):
        """Ends processes as a power failure does."""
        for name in names:
            self.processes[name].send_signal(signal.SIGKILL)
        for name in names:
            self.processes[name].wait()

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()[-2_000:]

    def end(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()

    # -- jobs

    def submit(self, what: list[str] = JOB) -> str:
        words = ["submit-job", "text", "--key-file", "requester.key", *what, "--json"]
        return json.loads(self.emeth(*words))["jobId"]

    def report(self, job: str) -> dict:
        return json.loads(self.emeth("show-job", job, "--json"))

    def read(self, statement: str) -> list[tuple]:
        """Asks the database, whoever else is using it."""
        file = sqlite3.connect(f"file:{self.folder}/net/network.sqlite?mode=ro", uri=True, timeout=20)
        try:
            return file.execute(statement).fetchall()
        finally:
            file.close()

    def states(self, job: str) -> set[str]:
        """What is going on: requested, processing, submitted, verifying, aggregating, signing, ended."""
        found = set()
        rows = self.read(f"SELECT status, machine FROM job WHERE id = '{job}'")
        if not rows:
            return found
        status, machine = rows[0][0], json.loads(rows[0][1])
        if status > 3:
            open_leaves = self.read("SELECT count(*) FROM settled WHERE epoch IS NULL")[0][0]
            return {"signing" if open_leaves else "ended"}
        subjobs = self.read(f"SELECT status, machine FROM subJob WHERE parent = '{job}'")
        if status == 1 or any(state == 1 for state, _ in subjobs):
            found.add("requested")
        if any(state == 2 for state, _ in subjobs):
            found.add("processing")
        submitted = [json.loads(text) for state, text in subjobs if state == 3]
        if any(not one.get("draws") for one in submitted):
            found.add("submitted")
        if any(one.get("draws") and "verdict" not in one for one in submitted):
            found.add("verifying")
        cohorts = self.read(f"SELECT round FROM cohort WHERE parent = '{job}'")
        if any(round == machine.get("roundsComplete", 0) for (round,) in cohorts):
            found.add("aggregating")
        return found

    # -- what must be true at the end

    def check_money(self):
        """Nothing was paid twice, and every balance follows from the entries."""
        double = self.read(
            "SELECT job, reason, targetAccount, count(*) FROM transfer WHERE job IS NOT NULL "
            "GROUP BY job, reason, sourceAccount, targetAccount HAVING count(*) > 1"
        )
        assert not double, f"moved twice: {double}"
        paid = self.read("SELECT count(*) FROM transfer WHERE reason = 'fee'")[0][0]
        verified = self.read("SELECT count(*) FROM subJob WHERE status = 4")[0][0]
        assert paid == verified > 0, f"{paid} fees were paid for {verified} SubJobs"

    def stop(self):
        """Ends the servers in order; then looks over their books."""
        for name in self.servers:
            self.processes[name].send_signal(signal.SIGTERM)
        for name in self.servers:
            assert self.processes[name].wait(60) == 0, self.log(name)
        self.emeth("serve", "--audit", "--data", "net", *self.audit_words())

    def audit_words(self) -> list[str]:
        return []


def wait_for(what: str, seconds: float, happened):
    """Waits until something is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = happened()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s in vain for {what}")
