"""Examples/network.sh, as its reader would run it: a network of processes of which some are killed, and a check of all that is left."""

import os
import pathlib
import subprocess

import pytest

from network import EMETH

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "Examples/network.sh"


@pytest.fixture
def text(tmp_path):
    """A text of some kilobytes in which no line is like another."""
    file = tmp_path / "text"
    file.write_text("".join(f"{number} times {number} is {number * number}.\n" for number in range(800)))
    return file


def test_the_script_runs_a_network_and_everything_adds_up(text):
    done = subprocess.run(
        [SCRIPT, "--embedded", EMETH, text], capture_output=True, text=True, timeout=900, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    assert "are killed, and started again" in done.stderr
    assert done.stdout.splitlines()[-1].endswith("every balance follows from the entries")


def test_the_script_says_what_it_lacks(text, tmp_path):
    # Everything that is in the usual places but jq.
    tools = tmp_path / "tools"
    tools.mkdir()
    for folder in ("/bin", "/usr/bin"):
        for program in os.listdir(folder):
            if program != "jq" and not (tools / program).exists():
                (tools / program).symlink_to(f"{folder}/{program}")
    done = subprocess.run(
        [SCRIPT, "--embedded", EMETH, text], capture_output=True, text=True, timeout=60, env={"PATH": str(tools)}
    )
    assert done.returncode == 4 and not done.stdout
    assert "found no program jq" in done.stderr and "hint: " in done.stderr
