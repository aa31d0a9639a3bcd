import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "EmethKitTests" / "Fixtures"))

from evm import PyEvmChain, RevmChain  # noqa: E402
from scene import Scene  # noqa: E402

# py-evm is the reference, revm a hundred times as fast. The table and the faults run on py-evm, the rest on revm;
# with large counts, or EMETH_EVM=both, everything runs on both.
CHAINS = {"revm": RevmChain, "py-evm": PyEvmChain}
ON_PYEVM = {"test_table", "test_faults"}
CHOICE = os.environ.get("EMETH_EVM") or ("both" if int(os.environ.get("EMETH_TEST_SCALE", "1")) > 1 else "")


def pytest_generate_tests(metafunc):
    if "scene" in metafunc.fixturenames:
        module = metafunc.module.__name__
        usual = ["py-evm"] if module in ON_PYEVM else ["revm"]
        names = list(CHAINS) if CHOICE == "both" else [CHOICE] if CHOICE else usual
        metafunc.parametrize("deployed", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def deployed(request):
    return Scene(CHAINS[request.param]())


@pytest.fixture
def scene(deployed):
    """The scene as it was deployed, whatever the test before did."""
    chain, made = deployed.chain, deployed.jobs_made
    secrets = {account: list(stock) for account, stock in deployed.secrets.items()}
    snapshot = chain.snapshot()
    yield deployed
    chain.revert(snapshot)
    deployed.jobs_made, deployed.secrets = made, secrets
