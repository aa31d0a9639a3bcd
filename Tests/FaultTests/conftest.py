import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from network import Network  # noqa: E402
from replicas import ReplicatedNetwork  # noqa: E402


@pytest.fixture(params=[Network, ReplicatedNetwork])
def network(tmp_path, request):
    made = request.param(tmp_path)
    yield made
    made.end()
