import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from network import Network  # noqa: E402


@pytest.fixture
def network(tmp_path):
    made = Network(tmp_path)
    yield made
    made.end()
