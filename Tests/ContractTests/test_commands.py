"""The commands that speak to a chain, on one of their own: what they print, send and leave."""
import dataclasses
import json
import os
import signal
import subprocess
import threading
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
        self.bridge, self.folder = Bridge(), folder
        self.server = serve(self.bridge)
        self.rpc = Client(f"http://127.0.0.1:{self.server.server_port}")
        self.token = self.create("EmethToken")
        self.core = self.create("EmethCore", self.token)
        self.settlement = self.create("EmethSettlement", self.core, 50 * EMETH, kinds=["address", "uint256"])
        self.verifiers = self.create("EmethVerifiers", self.core)
        self.send(self.core, calldata("EmethCore", "setContracts", self.settlement, self.verifiers))
        self.send(self.core, calldata("EmethCore", "setProgram", MEAN, "mean", 0, 0, 0, 0, 0, 0))
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

    def add_verifier(self, key, account, bond):
        """One that could be drawn eight times."""
        self.send(self.core, calldata("EmethCore", "addVerifier", account))
        self.send(self.token, calldata("EmethToken", "transfer", account, bond))
        for to, data in [
            (self.token, calldata("EmethToken", "approve", self.verifiers, bond)),
            (self.verifiers, calldata("EmethVerifiers", "bondVerifier", bond)),
            (self.verifiers, calldata("EmethVerifiers", "commitSecrets", [bytes([n]) * 32 for n in range(8)])),
        ]:
            self.receipt(self.rpc.send(key, to, data))

    def read(self, to, data):
        return int(self.rpc("eth_call", {"to": to, "data": data}, "latest"), 16)

    @property
    def chain(self):
        return str(int(self.rpc("eth_chainId"), 16))

    @property
    def to_servers(self):
        return ["--to-servers", "--chain-id", self.chain, "--settlement", self.settlement]

    def ledger(self):
        return self.read(self.core, calldata("EmethCore", "deposits", USER))

    def wallet(self):
        return self.read(self.token, calldata("EmethToken", "balanceOf", USER))

    def count(self, tag):
        return int(self.rpc("eth_getTransactionCount", USER, tag), 16)

    def wait(self, seconds):
        self.rpc("evm_increaseTime", seconds)
        self.rpc("evm_mine")

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


def planned(world, *words, **more):
    """What a command would call, after looking that with --dry-run it sends nothing and says what that costs."""
    before = world.height(), world.count("pending")
    done = world.emeth(*words, "--dry-run", "--json", **more)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["dryRun"] and all(int(step["wei"]) > 0 for step in report["steps"]), report
    assert (world.height(), world.count("pending")) == before
    return [step["function"] for step in report["steps"]]


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

    assert planned(world, "withdraw", "5emeth") == ["withdraw"]
    text = world.emeth("withdraw", "5emeth")
    assert text.returncode == 0, text.stderr
    assert f"token    {world.token}" in text.stdout
    assert "withdraw  0x" in text.stdout and "ledger   20\n" in text.stdout
    assert world.ledger() == 20 * EMETH

    refused = world.emeth("withdraw", "21emeth", "--json")
    assert refused.returncode == 1 and refused.stdout == ""
    error = json.loads(refused.stderr)
    assert error["code"] == "chain.reverted" and "core.deposits" in error["message"]
    too_much = world.emeth("deposit", "1000emeth", "--json")
    assert too_much.returncode == 1 and json.loads(too_much.stderr)["code"] == "chain.insufficientTokens"


def test_deposit_to_layer_2(world):
    for words in [(), ("--chain-id", world.chain), ("--settlement", world.settlement)]:
        assert world.emeth("deposit", "3emeth", "--to-servers", *words).returncode == 2
    other = world.emeth(
        "deposit", "3emeth", "--to-servers", "--json", "--chain-id", world.chain, "--settlement", THE_SIGNER)
    assert other.returncode == 3 and json.loads(other.stderr)["code"] == "chain.wrongContract"
    dry = world.emeth("deposit", "3emeth", *world.to_servers, "--dry-run")
    assert f"lets {world.settlement} take tokens of {world.token}" in dry.stdout
    done = world.emeth("deposit", "3emeth", *world.to_servers, "--json")
    assert done.returncode == 0, done.stderr
    assert [s["function"] for s in json.loads(done.stdout)["steps"]] == ["approve", "depositToLayer2"]
    assert world.read(world.settlement, calldata("EmethSettlement", "depositCount")) == 1
    record = world.rpc(
        "eth_call", {"to": world.settlement, "data": calldata("EmethSettlement", "depositRecords", 0)}, "latest")
    account, depositor, amount, _ = eth_abi.decode(["address", "address", "uint256", "bool"], bytes.fromhex(record[2:]))
    assert to_checksum_address(account) == to_checksum_address(depositor) == USER and amount == 3 * EMETH


def test_a_command_that_was_interrupted_goes_on(world):
    """The answer to the deposit is lost, again and again: repeated, the command says that it has arrived."""
    assert world.emeth("deposit", "1emeth").returncode == 0
    world.rpc("evm_setFault", {"method": "eth_getTransactionReceipt", "status": 503, "count": 99})
    lost = world.emeth("withdraw", "1emeth", "--json", "--wait", "1s")
    assert lost.returncode == 4 and lost.stdout == "", lost.stderr
    assert world.ledger() == 0
    world.rpc("evm_setFault", {})
    for _ in range(2):
        done = world.emeth("withdraw", "1emeth", "--json")
        assert done.returncode == 1 and done.stdout == "" and world.ledger() == 0
        assert json.loads(done.stderr)["code"] == "chain.sentBefore"
    assert world.emeth("deposit", "1emeth", "--again").returncode == 0
    again = world.emeth("withdraw", "1emeth", "--again", "--json")
    assert again.returncode == 0 and not json.loads(again.stdout)["steps"][0]["wasSentBefore"] and world.ledger() == 0


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
    threading.Timer(2, world.rpc, ("evm_setAutomine", True)).start()
    done = world.emeth("withdraw", "1emeth", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["steps"][0]["wasSentBefore"] and world.ledger() == 0


def test_a_kill_before_the_report_does_not_pay_twice(world, monkeypatch):
    """All is confirmed, and the report waits for a reader when the process is killed: the same command tells of it."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    # The last that is read before the report is written.
    last, read = calldata("EmethCore", "deposits", USER), threading.Event()
    whole = world.bridge.eth_call

    def watched(given, *rest):
        answer = whole(given, *rest)
        if (given.get("input") or given.get("data")) == last:
            read.set()
        return answer

    monkeypatch.setattr(world.bridge, "eth_call", watched)
    words = ["deposit", "4emeth", "--rpc", world.rpc.url, "--core", world.core, "--key-file", str(world.key),
             "--data", str(world.folder / "emeth" / "chain"), "--confirmations", "1"]
    process = subprocess.Popen([BINARY, *words], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert read.wait(60)
    time.sleep(1)
    assert process.poll() is None
    process.kill()
    assert process.wait() == -signal.SIGKILL and process.stderr.read() == b""
    process.stderr.close()
    os.close(reading)
    assert world.ledger() == 4 * EMETH
    for _ in range(2):
        told = world.emeth("deposit", "4emeth", "--json")
        assert told.returncode == 1 and json.loads(told.stderr)["code"] == "chain.sentBefore"
    assert world.ledger() == 4 * EMETH
    # Whose report was read is over: another one pays again.
    assert world.emeth("deposit", "1emeth").returncode == 0
    assert world.emeth("deposit", "1emeth").returncode == 0
    assert world.ledger() == 6 * EMETH


def test_redeem_ticket(world):
    assert world.emeth("deposit", "10emeth", *world.to_servers).returncode == 0
    before = world.wallet()
    older, newer = world.ticket(2), world.ticket(3, epoch=2)
    assert planned(world, "redeem-ticket", "-", input=older + newer) == ["redeemTicket"]
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


def test_redeem_ticket_by_its_batch(world):
    """More than bond and cap cover: the batch is posted, and pays a day later, whoever signs or doesn't."""
    assert world.emeth("deposit", "80emeth", *world.to_servers).returncode == 0
    before, signed = world.wallet(), world.ticket(70)
    refused = world.emeth("redeem-ticket", "-", "--json", input=signed)
    assert refused.returncode == 1 and refused.stdout == "" and "settlement.cap" in refused.stderr
    assert "batch and proof" in world.emeth("redeem-ticket", "-", input=signed).stderr
    tickets = [Ticket(USER, 1, 70 * EMETH), Ticket(THE_SIGNER, 1)]
    file = proven(world, tickets, USER, epoch=1, totalPayout=70 * EMETH, depositsSeen=1, toTime=1)
    # Both kinds may stand in one input.
    first = world.emeth("redeem-ticket", "-", "--json", input=signed + file)
    assert first.returncode == 0, first.stderr
    report = json.loads(first.stdout)
    assert [s["function"] for s in report["steps"]] == ["postBatch"] and report["amount"] == "0"
    assert any("repeat the command after" in note for note in report["notes"])
    world.wait(DAY)
    done = world.emeth("redeem-ticket", "-", "--json", input=file)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [s["function"] for s in report["steps"]] == ["redeemFromBatch"]
    assert report["amount"] == str(70 * EMETH) and world.wallet() == before + 70 * EMETH
    assert json.loads(world.emeth("redeem-ticket", "-", "--json", input=signed).stdout)["steps"] == []
    richer = json.loads(file)
    richer["ticket"]["cumulativePayout"] = str(71 * EMETH)
    forged = world.emeth("redeem-ticket", "-", "--json", input=json.dumps(richer))
    assert forged.returncode == 3 and json.loads(forged.stderr)["code"] == "ticket.proofMismatch"
    assert world.emeth("redeem-ticket", "-", "--json", input='{"proof": []}').returncode == 3


def test_what_is_named_wrongly(world):
    def code(done):
        assert done.stdout == ""
        return done.returncode, json.loads(done.stderr)["code"]

    assert code(world.emeth("deposit", "1emeth", "--json", EMETH_CORE=USER)) == (3, "chain.noContract")
    assert code(world.emeth("deposit", "1emeth", "--json", EMETH_CORE=world.token)) == (3, "chain.wrongContract")
    assert code(world.emeth("deposit", "1emeth", "--json", "--chain-id", "1")) == (3, "chain.wrongChain")
    assert code(world.emeth("deposit", "1emeth", "--json", "--rpc", "http://192.0.2.1/")) == (2, "chain.plainHTTP")
    secret = "http://user:topsecret@127.0.0.1/"
    done = world.emeth("deposit", "1emeth", "--json", "--rpc", secret)
    assert code(done) == (2, "chain.badEndpoint") and "topsecret" not in done.stderr
    assert code(world.emeth("withdraw", "1emeth", "--json", "--server", "http://127.0.0.1:1"))[0] == 2
    assert code(world.emeth("deposit", "1emeth", "--json", "--for", USER))[0] == 2
    world.rpc("evm_setFault", {"method": "*", "status": 503, "count": 999})
    assert code(world.emeth("deposit", "1emeth", "--json", "--wait", "1s")) == (4, "chain.unreachable")


def text_at(world, to, contract, name, *values):
    """What a view returns, by the artifact's ABI."""
    entry = next(e for e in artifact(contract)["abi"] if e.get("name") == name)
    found = world.rpc("eth_call", {"to": to, "data": calldata(contract, name, *values)}, "latest")
    kinds = [p["type"] for p in entry["outputs"]]
    values = eth_abi.decode(kinds, bytes.fromhex(found[2:]))
    return values[0] if len(values) == 1 else values


def test_deploy(world):
    """Interrupted after any of its transactions it goes on; what stands there is what the artifacts are."""
    first = world.count("latest")
    dry = world.emeth("deploy", "--signer", THE_SIGNER, "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    plan = json.loads(dry.stdout)
    assert world.count("latest") == first and len(plan["steps"]) == 10 and "core" not in plan
    poor = world.folder / "poor"
    poor.write_text("77" * 32)
    poor.chmod(0o600)
    broke = subprocess.run(
        [BINARY, "deploy", "--json", "--rpc", world.rpc.url, "--key-file", str(poor), "--data", str(world.folder / "emeth/chain")],
        capture_output=True, text=True)
    assert broke.returncode == 1 and json.loads(broke.stderr)["code"] == "chain.insufficientFunds"

    # The third transaction arrives, and its receipt does not.
    sent, whole = [], world.bridge.eth_sendRawTransaction

    def counting(raw):
        sent.append(raw)
        if len(sent) == 3:
            world.bridge.faults = [{"method": "eth_getTransactionReceipt", "status": 503, "count": 99}]
        return whole(raw)

    world.bridge.eth_sendRawTransaction = counting
    lost = world.emeth("deploy", "--signer", THE_SIGNER, "--json", "--wait", "1s")
    del world.bridge.eth_sendRawTransaction
    world.rpc("evm_setFault", {})
    assert lost.returncode == 4 and lost.stdout == "" and len(sent) == 3
    done = world.emeth("deploy", "--signer", THE_SIGNER, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert world.count("latest") == first + 10
    assert [step["wasSentBefore"] for step in report["steps"]] == 3 * [True] + 7 * [False]
    assert [step["function"] for step in report["steps"]] == [step["function"] for step in plan["steps"]]
    for planned, step in zip(plan["steps"], report["steps"]):
        assert int(step["gas"]) <= int(planned["gas"]), step
    places = {"EmethToken": "token", "EmethCore": "core", "EmethSettlement": "settlement", "EmethVerifiers": "verification"}
    for contract, member in places.items():
        runtime = artifact(contract)["runtimeBytecode"]
        code = world.rpc("eth_getCode", report[member], "latest")
        assert code.startswith(runtime) and len(code) > len(runtime) - 1
    core = report["core"]
    assert to_checksum_address(text_at(world, report["token"], "EmethToken", "minter")) == core
    assert to_checksum_address(text_at(world, report["settlement"], "EmethSettlement", "signer")) == THE_SIGNER
    # Of what nobody checks there no job is taken, unless it was asked for.
    assert text_at(world, core, "EmethCore", "programs", MEAN)[0] == MEAN
    assert text_at(world, core, "EmethCore", "programs", TRAINING)[0] == 0
    assert text_at(world, core, "EmethCore", "getParameter", "LEAST_VERIFIER_FEE") == EMETH // 10_000
    # The contracts work: the owner's tokens can be deposited. Another deployment would be another one.
    used = world.emeth("deposit", "7emeth", "--core", core, "--json")
    assert used.returncode == 0 and json.loads(used.stdout)["ledger"] == str(7 * EMETH)
    text = world.emeth("deploy", "--dry-run", "--unchecked-programs").stdout
    assert text.count("setProgram") == 4 and text.count("setFuelCounts") == 2
    assert "EmethCore  " in text and "at most" in text and "sent before" not in text


def test_submit_and_cancel_a_job(world):
    words = ["submit-job", "https://data.example.org/numbers", "--program", "999", "--fuel-limit", "1000", "--fuel-price",
             "0.001emeth", "--param", "scale=2", "--layer", "1"]
    # Nobody could check it: a bond of ten times V is needed, half an EMETH.
    world.add_verifier(KEYS[3], ADDRESSES[3], EMETH // 2 - 1)
    height = world.height()
    for more in ([], ["--dry-run"]):
        nobody = world.emeth(*words, *more, "--json")
        error = json.loads(nobody.stderr)
        assert (nobody.returncode, nobody.stdout, error["code"]) == (1, "", "chain.noVerifier"), nobody.stderr
        assert "0.05 EMETH" in error["message"] and "--bond" in error["details"]["hint"]
    assert world.height() == height and world.wallet() == 100 * EMETH
    world.add_verifier(KEYS[4], ADDRESSES[4], EMETH // 2)
    dry = world.emeth(*words, "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    plan = json.loads(dry.stdout)
    assert [s["function"] for s in plan["steps"]] == ["approve", "requestWithSalt"]
    assert plan["candidates"] == 1 and any("1 verifier could be drawn" in note for note in plan["notes"])
    before = world.wallet()
    done = world.emeth(*words, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    # The fee and a twentieth for the verifier.
    assert report["amount"] == str(105 * EMETH // 100) and world.wallet() == before - 105 * EMETH // 100
    job = report["job"]
    raw = bytes.fromhex(job[2:])
    details = world.rpc("eth_call", {"to": world.core, "data": calldata("EmethCore", "jobDetails", raw)}, "latest")
    assert b"https://data.example.org/numbers".hex() in details and b'{"scale":"2"}'.hex() in details

    # Registered, and nobody saw the receipt: the same command finds that job.
    sent, whole = [], world.bridge.eth_sendRawTransaction

    def losing(raw):
        sent.append(raw)
        world.bridge.faults = [{"method": "eth_getTransactionReceipt", "status": 503, "count": 99}]
        return whole(raw)

    approve = calldata("EmethToken", "approve", world.core, 50 * EMETH)
    world.receipt(world.rpc.send(USER_KEY, world.token, approve))
    world.bridge.eth_sendRawTransaction = losing
    assert world.emeth(*words, "--json", "--wait", "1s").returncode == 4
    del world.bridge.eth_sendRawTransaction
    world.rpc("evm_setFault", {})
    height = world.height()
    found = world.emeth(*words, "--json")
    assert found.returncode == 0, found.stderr
    again = json.loads(found.stdout)
    assert again["job"] != job and again["steps"][-1]["wasSentBefore"] and world.height() == height and len(sent) == 1

    for reference in (job, again["job"]):
        assert planned(world, "cancel-job", reference, "--layer", "1") == ["cancel"]
        canceled = world.emeth("cancel-job", reference, "--layer", "1", "--json")
        assert canceled.returncode == 0, canceled.stderr
        assert json.loads(canceled.stdout)["amount"] == str(105 * EMETH // 100)
    assert world.ledger() == 210 * EMETH // 100
    twice = world.emeth("cancel-job", job, "--layer", "1", "--json")
    assert twice.returncode == 1 and "core.status" in json.loads(twice.stderr)["message"]
    assert "has ended already" in json.loads(twice.stderr)["details"]["hint"]

    def code(*words):
        done = world.emeth(*words, "--json")
        assert done.stdout == ""
        return done.returncode, json.loads(done.stderr)["code"]

    assert code("cancel-job", "1f2e3d4c", "--layer", "1") == (2, "job.ambiguous")
    assert code("cancel-job", job, "--layer", "1", "--network", "net") == (2, "usage.contradiction")
    assert code("submit-job", "x" * 513, "--layer", "1", "--fuel-limit", "1", "--program", "999") == (2, "job.tooLong")
    assert code("submit-job", "x", "--layer", "1", "--program", "999") == (2, "usage.missingFlag")
    assert code("submit-job", "x", "--layer", "1", "--fuel-limit", "1") == (2, "program.missing")
    assert code("submit-job", "x", "--layer", "1", "--fuel-limit", "1", "--program", "5")[0] == 1
    for program in ("1", "11", "2", "21"):
        assert code("submit-job", "x", "--layer", "1", "--fuel-limit", "1", "--program", program) == (2, "program.unchecked")
    assert code("submit-job", "x", "--layer", "1", "--fuel-limit", "1", "--check-segments", "all")[0] == 2


def proven(world, tickets, account, **batch):
    """A ticket with batch and proof, as a server's page gives it; all by the tests' own Merkle tree and signature."""
    tree = Tree(tickets)
    signed = Batch(accountsRoot=tree.root, **batch)
    chain = int(world.chain)
    digest = typed(domain(chain, world.settlement), keccak(BATCH_TYPE + eth_abi.encode(BATCH_ABI, signed.abi())))
    ticket = next(t for t in tickets if t.account == account)

    def member(value):
        return "0x" + value.hex() if isinstance(value, bytes) else str(value)

    def json_of(value):
        return {name: member(found) for name, found in dataclasses.asdict(value).items()}

    return json.dumps({
        "batch": {
            "domain": {"name": "EMETH", "version": "1", "chainId": str(chain), "verifyingContract": world.settlement},
            "batch": {**json_of(signed), "fromTime": signed.fromTime, "toTime": signed.toTime},
            "digest": member(digest), "signature": member(sign(THE_SIGNER, digest)), "signer": THE_SIGNER,
        },
        "ticket": json_of(ticket), "proof": [member(node) for node in tree.proof(ticket)],
    })


def test_the_way_out(world):
    """The operator signs a batch and is gone: by the ticket in it, and by what it never credited, all comes back."""
    assert world.emeth("deposit", "10emeth", *world.to_servers).returncode == 0
    tickets = [Ticket(USER, 1, 2 * EMETH, 5 * EMETH, 3 * EMETH), Ticket(THE_SIGNER, 1)]
    file = proven(world, tickets, USER, epoch=1, totalPayout=2 * EMETH, depositsSeen=1, toTime=1)
    path = world.folder / "proven.json"
    path.write_text(file)
    assert subprocess.run([BINARY, "verify", str(path)], capture_output=True).returncode == 0
    early = world.emeth("exit-frozen", "--json")
    assert early.returncode == 1 and "settlement.tooEarly" in json.loads(early.stderr)["message"]

    dry = world.emeth("request-exit", str(path), "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    assert [s["function"] for s in json.loads(dry.stdout)["steps"]] == ["postBatch", "requestExit"]
    done = world.emeth("request-exit", str(path), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [s["function"] for s in report["steps"]] == ["postBatch", "requestExit"]
    assert report["amount"] == str(5 * EMETH)
    again = world.emeth("request-exit", str(path), "--json")
    assert again.returncode == 0 and json.loads(again.stdout)["steps"] == []
    assert "amount" not in json.loads(again.stdout), "nothing is asked for once more"

    # A deposit that no batch has seen, and then nobody is there any more.
    assert world.emeth("deposit", "4emeth", *world.to_servers).returncode == 0
    world.wait(2 * DAY + 1)
    before = world.wallet()
    frozen = world.emeth("exit-frozen", "-", "--json", input=file)
    assert frozen.returncode == 0, frozen.stderr
    report = json.loads(frozen.stdout)
    assert [s["function"] for s in report["steps"]] == ["freeze", "claim", "reclaimDeposit"]
    assert report["amount"] == str(4 * EMETH) and world.wallet() == before + 4 * EMETH
    assert any("repeat the command after" in note for note in report["notes"])
    waits = world.emeth("exit-frozen", str(path), "--json")
    assert waits.returncode == 0 and json.loads(waits.stdout)["steps"] == []
    world.wait(7 * DAY)
    planned = world.emeth("exit-frozen", "--dry-run", "--json")
    assert json.loads(planned.stdout)["amount"] == str(10 * EMETH)
    paid = world.emeth("exit-frozen", str(path), "--json")
    assert paid.returncode == 0, paid.stderr
    report = json.loads(paid.stdout)
    assert [s["function"] for s in report["steps"]] == ["payClaim"] and report["amount"] == str(10 * EMETH)
    assert world.wallet() == before + 14 * EMETH
    over = world.emeth("exit-frozen", str(path))
    assert over.returncode == 0 and "nothing to do now" in over.stdout and "was paid" in over.stdout


def test_a_batch_that_nobody_posted_is_posted_before_the_freeze(world):
    """Else what its tickets say could never be claimed; a batch that can't be posted any more stops nobody."""
    assert world.emeth("deposit", "6emeth", *world.to_servers).returncode == 0
    tickets = [Ticket(USER, 1, 0, 6 * EMETH), Ticket(THE_SIGNER, 1)]
    # Of now, whenever it is posted.
    file = proven(world, tickets, USER, epoch=2, depositsSeen=1, toTime=2**40)
    older = proven(world, tickets, USER, epoch=1, toTime=1)
    world.wait(2 * DAY + 1)
    done = world.emeth("exit-frozen", "-", "--json", input=file)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [s["function"] for s in report["steps"]] == ["postBatch"] and "newer ones" in report["notes"][0]
    world.wait(2 * DAY + 1)
    stale = world.emeth("exit-frozen", "-", "--dry-run", "--json", input=older)
    assert stale.returncode == 0, stale.stderr
    report = json.loads(stale.stdout)
    assert [s["function"] for s in report["steps"]] == ["freeze"] and "settlement.epoch" in report["notes"][0]
    done = world.emeth("exit-frozen", "-", "--json", input=file)
    assert [s["function"] for s in json.loads(done.stdout)["steps"]] == ["freeze", "claim"]
    world.wait(7 * DAY)
    before = world.wallet()
    assert world.emeth("exit-frozen").returncode == 0
    assert world.wallet() == before + 6 * EMETH


def test_who_posts_an_old_batch_leaves_a_day_for_newer_ones(world):
    """What the operator signed long ago says nothing of it, and nobody waits for another 48 hours; but who froze at once
    would leave the holders of newer batches with nothing."""
    assert world.emeth("deposit", "6emeth", *world.to_servers).returncode == 0
    tickets = [Ticket(USER, 1, 0, 6 * EMETH), Ticket(THE_SIGNER, 1)]
    file = proven(world, tickets, USER, epoch=1, depositsSeen=1, toTime=1)
    world.wait(2 * DAY + 1)
    done = world.emeth("exit-frozen", "-", "--json", input=file)
    assert done.returncode == 0, done.stderr
    assert [s["function"] for s in json.loads(done.stdout)["steps"]] == ["postBatch"]
    early = world.emeth("exit-frozen", "-", "--json", input=file)
    assert early.returncode == 0 and json.loads(early.stdout)["steps"] == []
    assert "repeat the command after" in json.loads(early.stdout)["notes"][0]
    world.wait(DAY + 1)
    done = world.emeth("exit-frozen", "-", "--json", input=file)
    assert [s["function"] for s in json.loads(done.stdout)["steps"]] == ["freeze", "claim"]


def test_a_ticket_that_does_not_fit_opens_no_way_out(world):
    tickets = [Ticket(USER, 1, 0, 5 * EMETH), Ticket(THE_SIGNER, 1, 0, 9 * EMETH)]
    terms = {"epoch": 1, "toTime": 1}
    good = proven(world, tickets, USER, **terms)
    richer = json.loads(good)
    richer["ticket"]["unspent"] = str(6 * EMETH)
    for words in (["request-exit", "-"], ["exit-frozen", "-"]):
        for text, error in [
            (json.dumps(richer), "ticket.proofMismatch"),
            (proven(world, tickets, THE_SIGNER, **terms), "ticket.accountMismatch"),
            ("{}", "json.content"),
            (world.ticket(3), "ticket.unproven"),
            ("no JSON", None),
        ]:
            done = world.emeth(*words, "--json", input=text)
            assert done.returncode == 3 and done.stdout == "", done.stdout
            assert error is None or json.loads(done.stderr)["code"] == error
