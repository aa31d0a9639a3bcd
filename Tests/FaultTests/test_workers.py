"""A node with a second machine: it computes for the node, which keeps key, deposits and journal; whichever of them is
killed, the work is done once and ends right."""

import json
import pathlib
import re
import socket
import subprocess

import pytest
from network import EMETH, Network, wait_for

# Two parts: one for the node itself, one for its worker.
JOB = (
    "--program 1 --parallel 2 --rounds 1 --steps 200 --layers 2 --heads 2 --width 64 --context 64 --batch 4 --seed 1"
).split()


class WorkedNetwork(Network):
    """One node, a worker of it, and a machine that would like to be one."""

    nodes = ["node1"]
    helpers = ["helper1", "helper2"]

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.desk = "127.0.0.1:%d" % listener.getsockname()[1]
        for name in self.helpers:
            self.processes, self.listen = {}, "127.0.0.1:0"
            self.emeth("new-key", "--out", f"{name}.key")
        super().__init__(folder)

    def address(self, name: str) -> str:
        return json.loads(self.emeth("show-key", "--key-file", f"{name}.key", "--json"))["address"]

    def words(self, name: str) -> list[str]:
        if name == "node1":
            return ["--worker", self.address("helper1"), "--listen", self.desk]
        if name in self.helpers:
            return ["--worker-of", f"http://{self.desk}"]
        return []

    def taken(self, name: str) -> list[str]:
        """What a process says that it took, oldest first."""
        return re.findall(r"took (0x[0-9a-f]{32})", (self.folder / f"{name}.log").read_text())

    def outcome(self, job: str) -> dict:
        wait_for("the job's end", 120, lambda: self.read(f"SELECT status FROM job WHERE id = '{job}'")[0][0] > 3)
        report = self.report(job)
        assert report["status"] == "VERIFIED", (report, self.log("node1"))
        assert self.read(f"SELECT id FROM subJob WHERE parent = '{job}' AND status != 4") == []
        return report


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    made = WorkedNetwork(tmp_path_factory.mktemp("workers"))
    try:
        made.root = made.outcome(made.submit(JOB))["stateRoot"]
        made.start("helper1")
        made.start("helper2")
        yield made
        made.check_money()
        made.stop()
    finally:
        made.end()


def begin(network) -> tuple[str, str]:
    """Submits jobs until the worker has a part of one."""
    for _ in range(5):
        before = len(network.taken("helper1"))
        job = network.submit(JOB)
        over = lambda: network.read(f"SELECT status FROM job WHERE id = '{job}'")[0][0] > 3  # noqa: E731
        wait_for("the worker's part", 60, lambda: len(network.taken("helper1")) > before or over())
        if len(network.taken("helper1")) > before:
            return job, network.taken("helper1")[-1]
    raise AssertionError(f"the worker took nothing: {network.log('helper1')} {network.log('node1')}")


def test_a_worker_computes(network):
    job, subjob = begin(network)
    report = network.outcome(job)
    assert report["stateRoot"] == network.root
    # The network knows the node alone: it earns, and has signed.
    node = network.address("node1")
    assert {row[0] for row in network.read(f"SELECT node FROM subJob WHERE parent = '{job}'")} == {node}
    assert f"handed {subjob} in" in (network.folder / "node1.log").read_text()
    balances = json.loads(network.emeth("balance", network.address("helper1"), "--json"))
    assert all(int(balances[pot]) == 0 for pot in ["unspent", "locked", "payout"]), balances
    # Nothing of it stays with the worker, nor what travelled with the node.
    wait_for("the worker's empty journal", 30, lambda: not list((network.folder / "helper1/journal").iterdir()))
    assert list((network.folder / "node1/workers/uploads").iterdir()) == []


def test_nobody_else_is_a_worker(network):
    begin(network)
    assert network.taken("helper2") == []
    assert "is no worker of this node" in (network.folder / "helper2.log").read_text()


def test_a_worker_is_killed(network):
    job, subjob = begin(network)
    network.kill("helper1")
    report = network.outcome(job)
    assert report["stateRoot"] == network.root
    log = (network.folder / "node1.log").read_text()
    assert f"is silent: {subjob} is computed here" in log, log[-2_000:]
    network.start("helper1")


def test_the_node_is_killed(network):
    job, subjob = begin(network)
    network.kill("node1")
    network.start("node1")
    report = network.outcome(job)
    assert report["stateRoot"] == network.root


@pytest.mark.parametrize(
    "words, said",
    [
        (["--server", "http://127.0.0.1:1", "--listen", "127.0.0.1:0"], "--worker and --listen belong together"),
        (["--server", "http://127.0.0.1:1", "--worker", "0x" + 40 * "1"], "--worker and --listen belong together"),
        (["--worker-of", "http://127.0.0.1:1", "--server", "http://127.0.0.1:1"], "--worker-of"),
        (["--worker-of", "nowhere"], "--worker-of"),
        (["--worker", "0x12", "--listen", "127.0.0.1:0"], "--worker"),
        (["--worker", "0x" + 40 * "1", "--listen", "7444"], "7444"),
    ],
)
def test_what_contradicts_itself_is_refused(network, words, said):
    """Before anything is taken: exit 2, and a sentence that names the flag."""
    refused = subprocess.run(
        [EMETH, "node", "--key-file", "helper2.key", "--data", "nobody", *words],
        cwd=network.folder,
        env=network.environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert refused.returncode == 2 and said in refused.stderr, (refused.returncode, refused.stderr)
    assert refused.stdout == "" and not (network.folder / "nobody").exists()
