"""Processes that stand still for a while, and clocks that jump: nobody is punished for the operator's fault, a node that
stands still loses what it had and nothing more, and each job ends as one that nobody disturbed."""

import json
import os
import pathlib
import signal
import subprocess
import time

import pytest
from network import EMETH, Clock, Network, wait_for

# Each part takes seconds, so that something can happen to it.
JOB = (
    "--program 1 --parallel 3 --rounds 1 --steps 150 --layers 2 --heads 2 --width 64 --context 64 --batch 4 --seed 1"
).split()
LEASE = 6
# A clock that is put ahead is put back too.
SCALE = int(os.environ.get("EMETH_TEST_SCALE", "1"))


class TimedNetwork(Network):
    """A server and a node whose clocks can be put, leases of six seconds, and one node more than a job has parts."""

    nodes = ["node1", "node2", "node3", "node4"]

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        made = {name: Clock(folder, name) for name in ["server", "node1"]}
        self.made = made
        super().__init__(folder)

    def start(self, name: str):
        self.clocks = self.made
        super().start(name)

    def serve_words(self, name: str) -> list[str]:
        return [*super().serve_words(name), "--lease", f"{LEASE}s"]

    def address(self, name: str) -> str:
        return json.loads(self.emeth("show-key", "--key-file", f"{name}.key", "--json"))["address"]

    def computing(self, job: str) -> dict[str, str]:
        """The nodes that compute now, with their SubJobs."""
        rows = self.read(f"SELECT node, id FROM subJob WHERE parent = '{job}' AND status = 2")
        names = {self.addresses[name]: name for name in self.nodes}
        return {names[node]: subjob for node, subjob in rows if node in names}

    def all_computing(self, job: str) -> dict[str, str] | None:
        """The same once each part has one."""
        computing = self.computing(job)
        return computing if len(computing) == 3 else None

    def status(self, subjob: str) -> int:
        return self.read(f"SELECT status FROM subJob WHERE id = '{subjob}'")[0][0]

    def outcome(self, job: str, seconds: float = 120) -> dict:
        wait_for("the job's end", seconds, lambda: self.read(f"SELECT status FROM job WHERE id = '{job}'")[0][0] > 3)
        report = self.report(job)
        assert report["status"] == "VERIFIED", (report, self.log("server"))
        return report

    def lost(self, job: str) -> list[tuple]:
        """SubJobs that ended otherwise than they should."""
        return self.read(f"SELECT id, status FROM subJob WHERE parent = '{job}' AND status IN (6, 7, 8)")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    made = TimedNetwork(tmp_path_factory.mktemp("time"))
    try:
        made.addresses = {name: made.address(name) for name in made.nodes}
        made.root = made.outcome(made.submit(JOB))["stateRoot"]
        yield made
        made.check_money()
        made.stop()
    finally:
        made.end()


def begin(network, *wanted: str) -> tuple[str, dict[str, str]]:
    """Submits jobs until one of the wanted nodes computes a part of it; any will do where none is named."""
    for _ in range(10):
        job = network.submit(JOB)
        computing = wait_for("three nodes at work", 60, lambda: network.all_computing(job))
        if not wanted or set(wanted) & set(computing):
            return job, computing
        network.outcome(job)
    raise AssertionError(f"{wanted} took nothing of ten jobs")


def test_a_server_that_stands_still(network):
    job, _ = begin(network)
    network.processes["server"].send_signal(signal.SIGSTOP)
    # Longer than any lease, and than the server may be away before it counts.
    time.sleep(2.5 * LEASE)
    network.processes["server"].send_signal(signal.SIGCONT)
    report = network.outcome(job)
    assert network.lost(job) == []
    assert report["stateRoot"] == network.root


def test_a_node_that_stands_still(network):
    job, computing = begin(network)
    name, subjob = sorted(computing.items())[0]
    network.processes[name].send_signal(signal.SIGSTOP)
    try:
        assert network.status(subjob) == 2
        stopped = time.monotonic()
        wait_for("the lease's end", 4 * LEASE, lambda: network.status(subjob) == 6)
        assert time.monotonic() - stopped < 2 * LEASE + 3
        # Somebody else computes it, to the same bits.
        report = network.outcome(job)
    finally:
        network.processes[name].send_signal(signal.SIGCONT)
    assert [row[0] for row in network.lost(job)] == [subjob]
    assert report["stateRoot"] == network.root
    penalties = network.read(f"SELECT count(*) FROM transfer WHERE job = '{subjob}' AND reason = 'penalty'")
    assert penalties == [(1,)]
    # It finds out, and works on.
    wait_for("an empty journal", 60, lambda: subjob not in [p.name for p in (network.folder / name / "journal").iterdir()])
    assert network.processes[name].poll() is None, network.log(name)


@pytest.mark.parametrize("seconds", [3_600] if SCALE == 1 else [3_600, -3_600])
def test_a_server_whose_clock_jumps(network, seconds):
    job, _ = begin(network)
    clock = network.clocks["server"]
    try:
        clock.put(seconds)
        # Who signs with the right time is told.
        words = ["withdraw", "1gholon", "--key-file", "requester.key", "--json"]
        refused = subprocess.run(
            [EMETH, *words], cwd=network.folder, env=network.environment(), capture_output=True, text=True, timeout=60
        )
        assert refused.returncode != 0
        error = json.loads(refused.stderr)
        assert error["code"] == "request.expired", error
        time.sleep(3)
    finally:
        clock.put(0)
    report = network.outcome(job)
    assert network.lost(job) == []
    assert report["stateRoot"] == network.root
    # Time has not gone back: each batch begins where the one before ended.
    batches = [json.loads(text) for (text,) in network.read("SELECT batch FROM batch ORDER BY epoch")]
    times = [(int(b["fromTime"]), int(b["toTime"])) for b in (b.get("batch", b) for b in batches)]
    assert all(begin <= end for begin, end in times)
    assert all(one[1] == other[0] for one, other in zip(times, times[1:]))


@pytest.mark.parametrize("seconds", [-3_600] if SCALE == 1 else [3_600, -3_600])
def test_a_node_whose_clock_jumps(network, seconds):
    job, _ = begin(network, "node1")
    clock = network.clocks["node1"]
    try:
        clock.put(seconds)
        # Shorter than its lease: its renewals are refused meanwhile, and told of.
        time.sleep(LEASE / 2)
    finally:
        clock.put(0)
    report = network.outcome(job)
    assert network.lost(job) == []
    assert report["stateRoot"] == network.root
    assert "clock" in (network.folder / "node1.log").read_text(), network.log("node1")
