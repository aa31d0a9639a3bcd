"""A disk that fills up in the middle of a job: nothing is lost, and the job goes on when there is room again."""

import os
import subprocess
import time

import pytest
from network import Network, wait_for


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "net"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", place], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", "-l", place], check=True)


def fill(folder):
    """Takes what is left of the disk, to the last byte."""
    with open(folder / "ballast", "wb", buffering=0) as file:
        for size in [1 << 20, 1 << 12, 1]:
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass
    space = os.statvfs(folder)
    assert space.f_bavail == 0


@pytest.mark.parametrize("state", ["processing", "verifying", "aggregating"])
def test_full_disk(small_disk, state):
    network = Network(small_disk)
    try:
        job = network.submit()
        wait_for(state, 120, lambda: state in network.states(job))
        fill(small_disk / "net")
        time.sleep(3)
        # Whatever is asked of it now is refused or answered: it does not end, and lies to nobody.
        assert network.processes["server"].poll() is None, network.log("server")
        refused = subprocess.run(
            [os.environ["EMETH_BINARY"], "withdraw", "1emeth", "--key-file", "requester.key", "--json"],
            cwd=small_disk,
            env=network.environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        os.remove(small_disk / "net" / "ballast")
        wait_for("the job's end", 240, lambda: "ended" in network.states(job))
        report = network.report(job)
        assert report["status"] == "VERIFIED", report
        withdrawn = network.read("SELECT count(*) FROM transfer WHERE reason LIKE '%withdraw%'")[0][0]
        assert withdrawn == (1 if refused.returncode == 0 else 0), refused.stderr
        network.check_money()
        network.stop()
    finally:
        network.end()
