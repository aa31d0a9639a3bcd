"""Scripts/call-contract.py: what an owner does without a command of emeth."""
import json
import os
import pathlib
import subprocess
import sys

import pytest
from eth_utils import to_checksum_address

from bridge import Bridge, serve
from evm import ADDRESSES, KEYS, artifact
from scene import EMETH
from test_bridge import Client

SCRIPT = pathlib.Path(__file__).resolve().parent.parent.parent / "Scripts" / "call-contract.py"
OWNER, OTHER = ADDRESSES[0], ADDRESSES[1]


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    server = serve(Bridge())
    rpc = Client(f"http://127.0.0.1:{server.server_port}")
    receipt = rpc("eth_getTransactionReceipt", rpc.send(KEYS[0], None, artifact("EmethToken")["bytecode"]))
    key = tmp_path_factory.mktemp("keys") / "key"
    key.write_text(KEYS[0].to_hex() + "\n")

    def call(*words, **environment):
        return subprocess.run(
            [sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True, timeout=120,
            env={**os.environ, "EMETH_RPC": rpc.url, **environment})

    call.rpc, call.key, call.token = rpc, key, to_checksum_address(receipt["contractAddress"])
    yield call
    server.shutdown()


def test_sends_and_reads(chain):
    before = chain("read", "EmethToken", chain.token, "balanceOf", OTHER)
    assert before.returncode == 0 and before.stdout == "0\n", before.stderr
    sent = chain("send", chain.key, "EmethToken", chain.token, "transfer", OTHER, "2.5emeth")
    assert sent.returncode == 0, sent.stderr
    found = chain.rpc("eth_getTransactionReceipt", json.loads(sent.stdout)["transaction"])
    assert found["status"] == "0x1" and int(found["blockNumber"], 16) == int(json.loads(sent.stdout)["block"])
    assert chain("read", "EmethToken", chain.token, "balanceOf", OTHER).stdout == f"{5 * EMETH // 2}\n"
    assert chain("rpc", "eth_chainId").stdout.strip() == json.dumps(chain.rpc("eth_chainId"))
    # The key of a parameter, as the contracts' events name it (Docs/Decisions/0006).
    assert chain("code", "").stdout == "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470\n"


def test_creates(chain):
    made = chain("create", chain.key, "EmethSigners", json.dumps([OWNER, OTHER]), "2")
    assert made.returncode == 0, made.stderr
    contract = json.loads(made.stdout)["contract"]
    assert chain("read", "EmethSigners", contract, "threshold").stdout == "2\n"
    assert chain("read", "EmethSigners", contract, "members", "1").stdout.strip() == OTHER
    height = chain.rpc("eth_blockNumber")
    for words, told in [
        (("EmethSigners", json.dumps([OWNER, OTHER]), "3"), "signers.threshold"),
        (("EmethSigners", json.dumps([OWNER])), "EmethSigners takes address[], uint256, found 1 arguments"),
        (("Nothing",), "Nothing"),
    ]:
        done = chain("create", chain.key, *words)
        assert done.returncode == 1 and done.stdout == "" and told in done.stderr, (words, done.stderr)
    assert chain.rpc("eth_blockNumber") == height


def test_says_what_is_wrong_and_sends_nothing(chain):
    height = chain.rpc("eth_blockNumber")
    for words, told in [
        (("send", chain.key, "EmethToken", chain.token, "transfer", OTHER, "99999999emeth"), "reverted"),
        (("send", chain.key, "EmethToken", chain.token, "mint", OTHER, "1emeth"), "token.notMinter"),
        (("send", chain.key, "EmethToken", chain.token, "transfer", OTHER), "transfer takes address to uint256 amount"),
        (("send", chain.key, "EmethToken", chain.token, "transfer", OTHER, "manyemeth"), "manyemeth is no uint256"),
        (("send", chain.key, "EmethToken", chain.token, "transfer", OTHER, "-1"), "-1 is no uint256"),
        (("send", chain.key, "EmethToken", chain.token, "transfer", "0x12", "1"), "0x12 is no address"),
        (("send", chain.key, "EmethToken", chain.token, "transfers", OTHER, "1"), "has no function transfers; it has"),
        (("send", "/nowhere", "EmethToken", chain.token, "transfer", OTHER, "1"), "/nowhere"),
        (("read", "EmethToken", OTHER, "totalSupply"), "no contract at"),
        (("read", "Nothing", OTHER, "totalSupply"), "Nothing"),
        (("rpc", "eth_nothing"), "does not exist"),
    ]:
        done = chain(*words)
        assert done.returncode == 1 and done.stdout == "" and told in done.stderr, (words, done.stderr)
        assert "Traceback" not in done.stderr
    assert chain("rpc", "eth_chainId", EMETH_RPC="").returncode == 1
    assert chain("send", chain.key).returncode == 2
    assert chain.rpc("eth_blockNumber") == height
