"""`emeth deposit`, `withdraw --rpc` and `redeem-ticket` on a chain of their own: what they print, send and leave."""
import json
import os
import signal
import subprocess
import time

import eth_abi
import pytest
from eth_utils import to_checksum_address

from bridge import Bridge, serve
from evm import ADDRESSES, KEYS, artifact
from scene import *
from test_bridge import Client

BINARY = os.environ.get("EMETH_BINARY")
pytestmark = pytest.mark.skipif(BINARY is None, reason="EMETH_BINARY names no emeth")
OWNER_KEY, USER_KEY, SIGNER_KEY = KEYS[0], KEYS[1], KEYS[2]
USER, THE_SIGNER = ADDRESSES[1], ADDRESSES[2]


def calldata(contract, name, *values):
    entry = next(e for e in artifact(contract)["abi"] if e.get("name") == name)
    kinds = [p["type"] for p in entry["inputs"]]
    return "0x" + (keccak(text=f"{name}({','.join(kinds)})")[:4] + eth_abi.encode(kinds, values)).hex()


class World:
    def __init__(self, folder):
        self.server, self.folder = serve(Bridge()), folder
        self.rpc = Client(f"http://127.0.0.1:{self.server.server_port}")
        self.token = self.create("EmethToken")
        self.core = self.create("EmethCore", self.token)
        self.settlement = self.create("EmethSettlement", self.core, 50 * EMETH, kinds=["address", "uint256"])
        self.verifiers = self.create("EmethVerifiers", self.core)
        self.send(self.core, calldata("EmethCore", "setContracts", self.settlement, self.verifiers))
        self.send(self.token, calldata("EmethToken", "transfer", USER, 100 * EMETH))
        self.send(self.token, calldata("EmethToken", "approve", self.settlement, 100 * EMETH))
        self.send(self.settlement, calldata("EmethSettlement", "proposeSigner", THE_SIGNER))
        self.send(self.settlement, calldata("EmethSettlement", "depositBond", 100 * EMETH))
        self.key = folder / "key"
        self.key.write_text(USER_KEY.to_hex())
        self.key.chmod(0o600)

    def create(self, name, *values, kinds=("address",)):
        code = artifact(name)["bytecode"] + eth_abi.encode(kinds[: len(values)], values).hex()
        return to_checksum_address(self.receipt(self.rpc.send(OWNER_KEY, None, code, gas=9_000_000))["contractAddress"])

    def send(self, to, data):
        return self.receipt(self.rpc.send(OWNER_KEY, to, data))

    def receipt(self, digest):
        found = self.rpc("eth_getTransactionReceipt", digest)
        assert found["status"] == "0x1"
        return found

    def read(self, to, data):
        return int(self.rpc("eth_call", {"to": to, "data": data}, "latest"), 16)

    def ledger(self):
        return self.read(self.core, calldata("EmethCore", "deposits", USER))

    def wallet(self):
        return self.read(self.token, calldata("EmethToken", "balanceOf", USER))

    def count(self, tag):
        return int(self.rpc("eth_getTransactionCount", USER, tag), 16)

    def height(self):
        return int(self.rpc("eth_blockNumber"), 16)

    def emeth(self, *words, input=None, **environment):
        settings = {**os.environ, "EMETH_CORE": self.core, "XDG_DATA_HOME": str(self.folder), **environment}
        words = [*words, "--key-file", str(self.key), "--confirmations", "1"]
        if "--rpc" not in words and "EMETH_RPC" not in environment:
            words += ["--rpc", self.rpc.url]
        return subprocess.run([BINARY, *words], capture_output=True, text=True, input=input, env=settings)

    def ticket(self, payout, epoch=1, key=SIGNER_KEY, contract=None):
        path = self.folder / "signer"
        path.write_text(key.to_hex())
        path.chmod(0o600)
        done = subprocess.run(
            [BINARY, "sign-ticket", "--key-file", str(path), "--account", USER, "--epoch", str(epoch),
             "--cumulative-payout", f"{payout}emeth", "--chain-id", str(int(self.rpc("eth_chainId"), 16)),
             "--contract", contract or self.settlement], capture_output=True, text=True, check=True)
        return done.stdout


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("world"))
    yield made
    made.server.shutdown()


@pytest.fixture(autouse=True)
def as_it_was(request):
    if "world" not in request.fixturenames:
        return
    world = request.getfixturevalue("world")
    snapshot = world.rpc("evm_snapshot")
    yield
    world.rpc("evm_setFault", {})
    world.rpc("evm_revert", snapshot)
    for file in (world.folder / "emeth" / "chain").glob("*"):
        file.unlink()


def test_deposit_and_withdraw(world):
    before, height = world.wallet(), world.height()
    dry = world.emeth("deposit", "25emeth", "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    plan = json.loads(dry.stdout)
    assert plan["dryRun"] and [s["function"] for s in plan["steps"]] == ["approve", "deposit"]
    assert int(plan["steps"][0]["gas"]) > 21_000 and "transaction" not in plan["steps"][0]
    assert world.height() == height and plan["wallet"] == str(before)

    done = world.emeth("deposit", "25emeth", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [s["function"] for s in report["steps"]] == ["approve", "deposit"]
    assert report["ledger"] == str(25 * EMETH) == str(world.ledger())
    assert report["wallet"] == str(before - 25 * EMETH) and report["chainId"] == str(int(world.rpc("eth_chainId"), 16))
    assert world.rpc("eth_getTransactionReceipt", report["steps"][1]["transaction"])["status"] == "0x1"

    text = world.emeth("withdraw", "5emeth")
    assert text.returncode == 0, text.stderr
    assert "withdraw  0x" in text.stdout and "ledger   20\n" in text.stdout
    assert world.ledger() == 20 * EMETH

    refused = world.emeth("withdraw", "21emeth", "--json")
    assert refused.returncode == 1 and refused.stdout == ""
    error = json.loads(refused.stderr)
    assert error["code"] == "chain.reverted" and "core.deposits" in error["message"]
    too_much = world.emeth("deposit", "1000emeth", "--json")
    assert too_much.returncode == 1 and json.loads(too_much.stderr)["code"] == "chain.insufficientTokens"


def test_deposit_to_layer_2(world):
    done = world.emeth("deposit", "3emeth", "--to-servers", "--json")
    assert done.returncode == 0, done.stderr
    assert [s["function"] for s in json.loads(done.stdout)["steps"]] == ["approve", "depositToLayer2"]
    assert world.read(world.settlement, calldata("EmethSettlement", "depositCount")) == 1
    record = world.rpc(
        "eth_call", {"to": world.settlement, "data": calldata("EmethSettlement", "depositRecords", 0)}, "latest")
    account, depositor, amount, _ = eth_abi.decode(["address", "address", "uint256", "bool"], bytes.fromhex(record[2:]))
    assert to_checksum_address(account) == to_checksum_address(depositor) == USER and amount == 3 * EMETH


def test_a_command_that_was_interrupted_goes_on(world):
    """The answer to the deposit is lost, again and again: repeated, the command waits for the same transaction."""
    assert world.emeth("deposit", "1emeth").returncode == 0
    world.rpc("evm_setFault", {"method": "eth_getTransactionReceipt", "status": 503, "count": 99})
    lost = world.emeth("withdraw", "1emeth", "--json", "--wait", "1s")
    assert lost.returncode == 4 and lost.stdout == "", lost.stderr
    assert world.ledger() == 0
    world.rpc("evm_setFault", {})
    done = world.emeth("withdraw", "1emeth", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["steps"][0]["wasSentBefore"] and world.ledger() == 0


def test_ctrl_c_while_it_waits(world):
    """Exit code 130 with a note; the transaction is not lost, and the repeated command finds it."""
    assert world.emeth("deposit", "1emeth").returncode == 0
    world.rpc("evm_setAutomine", False)
    words = ["withdraw", "1emeth", "--rpc", world.rpc.url, "--core", world.core, "--key-file", str(world.key), "--json",
             "--data", str(world.folder / "emeth" / "chain"), "--confirmations", "1"]
    with subprocess.Popen([BINARY, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.time() + 60
        while world.count("pending") == world.count("latest") and time.time() < deadline:
            time.sleep(0.1)
        assert world.count("pending") == world.count("latest") + 1
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert process.returncode == 130 and output == "" and "interrupted" in errors
    world.rpc("evm_setAutomine", True)
    done = world.emeth("withdraw", "1emeth", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["steps"][0]["wasSentBefore"] and world.ledger() == 0


def test_redeem_ticket(world):
    assert world.emeth("deposit", "10emeth", "--to-servers").returncode == 0
    before = world.wallet()
    older, newer = world.ticket(2), world.ticket(3, epoch=2)
    done = world.emeth("redeem-ticket", "-", "--json", input=older + newer)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["amount"] == str(3 * EMETH) and len(report["steps"]) == 1
    assert world.wallet() == before + 3 * EMETH
    height = world.height()
    again = world.emeth("redeem-ticket", "-", "--json", input=newer)
    assert again.returncode == 0 and json.loads(again.stdout)["steps"] == [] and world.height() == height

    forged = world.emeth("redeem-ticket", "-", "--json", input=world.ticket(9, epoch=3, key=OWNER_KEY))
    assert forged.returncode == 1 and "settlement.signature" in json.loads(forged.stderr)["message"]
    foreign = world.emeth("redeem-ticket", "-", "--json", input=world.ticket(9, epoch=3, contract=world.core))
    assert foreign.returncode == 3, foreign.stderr
    broken = json.loads(newer)
    broken["ticket"]["cumulativePayout"] = str(9 * EMETH)
    assert world.emeth("redeem-ticket", "-", "--json", input=json.dumps(broken)).returncode == 3


def test_what_is_named_wrongly(world):
    def code(done):
        assert done.stdout == ""
        return done.returncode, json.loads(done.stderr)["code"]

    assert code(world.emeth("deposit", "1emeth", "--json", EMETH_CORE=USER)) == (3, "chain.noContract")
    assert code(world.emeth("deposit", "1emeth", "--json", EMETH_CORE=world.token)) == (3, "chain.wrongContract")
    assert code(world.emeth("deposit", "1emeth", "--json", "--chain-id", "1")) == (3, "chain.wrongChain")
    secret = "http://user:topsecret@127.0.0.1/"
    done = world.emeth("deposit", "1emeth", "--json", "--rpc", secret)
    assert code(done) == (2, "chain.badEndpoint") and "topsecret" not in done.stderr
    assert code(world.emeth("withdraw", "1emeth", "--json", "--server", "http://127.0.0.1:1"))[0] == 2
    assert code(world.emeth("deposit", "1emeth", "--json", "--for", USER))[0] == 2
    world.rpc("evm_setFault", {"method": "*", "status": 503, "count": 999})
    assert code(world.emeth("deposit", "1emeth", "--json", "--wait", "1s")) == (4, "chain.unreachable")
