"""Examples that are scripts do what they say, to the last figure."""

import os
import pathlib
import subprocess
import sys

from network import EMETH

EXAMPLES = pathlib.Path(__file__).parent.parent.parent / "Examples"


def test_inference(tmp_path):
    """From training to pay, with a node that is killed in the middle of its streams."""
    text = tmp_path / "text"
    text.write_text("".join(f"Rain on the roof in year {year}, and a letter on the table.\n" for year in range(400)))
    said = subprocess.run(
        [EXAMPLES / "inference.sh", EMETH, text],
        env=os.environ | {"EMETH_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert said.returncode == 0, said.stderr
    assert "eight streams came whole" in said.stderr and "every balance follows" in said.stderr
