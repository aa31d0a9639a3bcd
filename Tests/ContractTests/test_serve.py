"""`emeth serve --rpc` and `emeth node --redeem`: real processes on a chain of their own, from deposit to payment."""
import json
import signal
import subprocess
import time
import urllib.request

import pytest
from eth_keys import keys

from scene import *
from test_commands import BINARY, OWNER_KEY, THE_SIGNER, USER, USER_KEY, World, calldata

pytestmark = pytest.mark.skipif(BINARY is None, reason="EMETH_BINARY names no emeth")
PROPOSE = "proposeSigner"
THE_NEXT = keys.PrivateKey(bytes(31) + b"\x77")


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    made.processes = []
    yield made
    for process in made.processes:
        if process.poll() is None:
            process.kill()
            process.wait()
    made.server.shutdown()


def words(world, *more):
    operator = world.folder / "operator"
    operator.write_text(OWNER_KEY.to_hex())
    operator.chmod(0o600)
    return [
        BINARY, "serve", "--data", str(world.folder / "net"), "--listen", "127.0.0.1:0", "--interval", "200ms",
        "--rpc", f"http://127.0.0.1:{world.server.server_port}", "--core", world.core, "--chain-id", world.chain,
        "--settlement", world.settlement, "--confirmations", "2", "--operator-key-file", str(operator), *more,
    ]


def ends(world, *more, command=None):
    done = subprocess.run(command or words(world, *more, "--json"), capture_output=True, text=True, timeout=60)
    assert done.stdout == ""
    return done.returncode, json.loads(done.stderr.strip().splitlines()[-1])


def plain(world, *more):
    """A command that speaks with the server alone."""
    return subprocess.run(
        [BINARY, *more, "--key-file", str(world.key)], capture_output=True, text=True, timeout=60)


def serve(world):
    log = open(world.folder / "serve.log", "ab")
    process = subprocess.Popen(words(world), stdout=subprocess.PIPE, stderr=log, text=True)
    log.close()
    world.processes.append(process)
    url = process.stdout.readline().strip()
    assert url.startswith("http://"), (world.folder / "serve.log").read_text()[-2_000:]
    return process, url


def until(what, seconds=40):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"it never came: {what.__doc__ or what}")


def name_signer(world):
    """As a new operator learns whom to propose, and an owner proposes it."""
    code, error = ends(world)
    assert (code, error["code"]) == (1, "chain.otherSigner"), error
    signer = error["message"].rsplit(" ", 1)[-1]
    world.send(world.settlement, calldata("EmethSettlement", PROPOSE, signer))
    code, error = ends(world)
    assert (code, error["code"]) == (1, "chain.signerNotStarted"), error
    world.rpc("evm_increaseTime", hex(9 * 86_400))
    world.rpc("evm_mine", 1)
    return signer


def test_from_deposit_to_payment(world):
    name_signer(world)
    process, url = serve(world)

    def unspent():
        done = plain(world, "balance", "--server", url, "--json")
        assert done.returncode == 0, done.stderr
        return int(json.loads(done.stdout)["unspent"])

    assert world.emeth("deposit", "5emeth", *world.to_servers).returncode == 0
    assert unspent() == 0, "one block is not deep enough"
    world.rpc("evm_mine", 1)
    until(lambda: unspent() == 5 * EMETH)
    # Killed and started again: nothing comes twice, and the rest comes.
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert world.emeth("deposit", "2emeth", *world.to_servers).returncode == 0
    world.rpc("evm_mine", 3)
    away = world.emeth("deposit", "1emeth", *world.to_servers, "--server", url, "--json")
    assert away.returncode == 4 and json.loads(away.stderr)["code"] == "server.unreachable", away.stderr
    process, url = serve(world)
    # A server that would not credit it is told before anything is sent, and one that would gets it.
    height = world.height()
    other = world.emeth(
        "deposit", "1emeth", "--server", url, "--chain-id", world.chain, "--settlement", USER, "--json")
    assert other.returncode == 1 and json.loads(other.stderr)["code"] == "deposit.otherSettlement", other.stderr
    assert world.height() == height
    assert world.emeth(
        "deposit", "1emeth", "--server", url, "--chain-id", world.chain, "--settlement", world.settlement,
        "--dry-run").returncode == 0
    until(lambda: unspent() == 7 * EMETH)

    def posted():
        world.rpc("evm_mine", 1)
        return world.read(world.settlement, calldata("EmethSettlement", "latestBatch"))

    until(posted)

    # The account's ticket in the batch that is on the chain opens the way out; a dry run asks the contract.
    def proven():
        done = subprocess.run(
            [BINARY, "fetch-ticket", USER, "--batch", "posted", "--server", url], capture_output=True, text=True, timeout=60)
        return done.stdout if done.returncode == 0 else None

    text = until(proven)
    ticket = json.loads(text)
    assert set(ticket) == {"batch", "ticket", "proof"} and int(ticket["ticket"]["unspent"]) > 0, text
    exit_ = world.emeth("request-exit", "-", "--dry-run", "--json", input=text)
    assert exit_.returncode == 0, exit_.stderr
    signed = plain(world, "fetch-ticket", "--server", url)
    assert signed.returncode == 0 and "signature" in json.loads(signed.stdout), signed.stderr
    for batch in ("999999", "posted"):
        nobody = subprocess.run(
            [BINARY, "fetch-ticket", THE_SIGNER, "--batch", batch, "--server", url, "--json"], capture_output=True, text=True)
        assert nobody.returncode == 1 and nobody.stdout == "", nobody.stderr
    assert subprocess.run([BINARY, "fetch-ticket", USER, "--batch", "0", "--server", url]).returncode == 2

    # What is withdrawn from the server is paid on the chain to a node that has it redeemed.
    before = world.wallet()
    assert plain(world, "withdraw", "3emeth", "--server", url).returncode == 0

    def node(name, rpc, core=world.core):
        log = open(world.folder / f"{name}.log", "wb")
        process = subprocess.Popen(
            [BINARY, "node", "--server", url, "--key-file", str(world.key), "--data", str(world.folder / name),
             "--redeem", "when:3emeth", "--rpc", rpc, "--core", core, "--confirmations", "1", "--threads", "1", "--json"],
            stdout=log, stderr=subprocess.STDOUT)
        log.close()
        world.processes.append(process)
        return process, lambda: (world.folder / f"{name}.log").read_text()

    rpc = f"http://127.0.0.1:{world.server.server_port}"
    # A node whose chain is away computes, and says so; one that names a wrong contract does not begin.
    away, told = node("away", "http://127.0.0.1:1")
    wrong, refusal = node("wrong", rpc, core=world.token)
    assert wrong.wait(timeout=60) == 3 and "chain.wrongContract" in refusal()
    until(lambda: '"code":"chain.unreachable"' in told().replace(" ", ""), seconds=60)
    assert away.poll() is None
    away.send_signal(signal.SIGINT)
    assert away.wait(timeout=40) in (0, 130)
    _, told = node("node", rpc)
    until(lambda: world.wallet() == before + 3 * EMETH, seconds=150)
    until(lambda: '"redeemed"' in told())
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=40) in (0, 130)


def test_reorganisations_and_a_node_that_is_away(world):
    name_signer(world)
    process, url = serve(world)

    def unspent():
        done = plain(world, "balance", "--server", url, "--json")
        return int(json.loads(done.stdout)["unspent"])

    def chain():
        with urllib.request.urlopen(url + "/ready", timeout=20) as answer:
            return json.load(answer)["chain"]

    def deposit(amount):
        world.receipt(world.rpc.send(
            USER_KEY, world.settlement, calldata("EmethSettlement", "depositToLayer2", USER, amount * EMETH)))

    world.receipt(world.rpc.send(
        USER_KEY, world.token, calldata("EmethToken", "approve", world.settlement, 100 * EMETH)))
    snapshot = world.rpc("evm_snapshot")
    deposit(5)
    world.rpc("evm_mine", 2)
    until(lambda: unspent() == 5 * EMETH)
    # Three blocks are replaced, and the same deposit comes later: nothing is credited twice, also after a kill.
    world.rpc("evm_revert", snapshot)
    world.rpc("evm_increaseTime", hex(60))
    snapshot = world.rpc("evm_snapshot")
    world.rpc("evm_mine", 1)
    deposit(5)
    deposit(1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    world.rpc("evm_mine", 3)
    process, url = serve(world)
    until(lambda: unspent() == 6 * EMETH)
    until(lambda: chain().startswith("followed"))

    # The node is away: it is told, and the rest goes on.
    world.rpc("evm_setFault", {"method": "*", "status": 503, "count": 10**6})
    until(lambda: "can't reach" in chain())
    assert plain(world, "withdraw", "1emeth", "--server", url).returncode == 0
    world.rpc("evm_setFault", {})
    deposit(2)
    world.rpc("evm_mine", 2)
    until(lambda: unspent() == 7 * EMETH)

    # Another deposit in the place of one that was credited: it is told, and nothing more is credited.
    world.rpc("evm_revert", snapshot)
    world.rpc("evm_increaseTime", hex(120))
    deposit(9)
    world.rpc("evm_mine", 9)
    until(lambda: "was credited as" in chain())
    assert unspent() == 7 * EMETH
    assert subprocess.run([BINARY, "serve", "--audit", "--data", str(world.folder / "net")]).returncode == 0


def test_what_is_named_wrongly(world):
    def changed(flag, value):
        """The same command with another value of a flag, or without the flag."""
        given = words(world, "--json")
        place = given.index(flag)
        return given[:place] + ([] if value is None else [flag, value]) + given[place + 2:]

    assert ends(world, command=changed("--chain-id", "1"))[1]["code"] == "chain.wrongChain"
    assert ends(world, command=changed("--settlement", USER))[1]["code"] == "chain.wrongContract"
    assert ends(world, "--grant", f"{USER}=1emeth")[0] == 2
    other = words(world, "--json")
    place = other.index("--core")
    other[place + 1] = USER
    code, error = ends(world, command=other)
    assert (code, error["code"]) == (3, "chain.noContract")
    without = words(world, "--json")
    place = without.index("--operator-key-file")
    code, error = ends(world, command=without[:place] + without[place + 2:])
    assert (code, error["code"]) == (2, "key.missing")
    place = without.index("--rpc")
    code, error = ends(world, command=without[:place] + without[place + 2:])
    assert code == 2 and "--rpc" in error["message"]
    assert not (world.folder / "net" / "network.sqlite").exists(), "nothing is made before all is checked"
    # The first start does not believe the node alone.
    for flag in ("--chain-id", "--settlement"):
        code, error = ends(world, command=changed(flag, None))
        assert (code, error["code"]) == (3, "chain.unnamedSettlement") and world.settlement in error["message"], error
    # A second node must say the same.
    code, error = ends(world, "--witness-rpc", "http://127.0.0.1:9")
    assert (code, error["code"]) == (4, "chain.unreachable")
    assert ends(world, "--witness-rpc", "http://198.51.100.7:8545")[1]["code"] == "chain.plainHTTP"
    name_signer(world)
    # For life.
    code, error = ends(world, command=[BINARY, "serve", "--data", str(world.folder / "net"), "--json"])
    assert (code, error["code"]) == (3, "network.otherRun")
    given = words(world, "--json")
    world.rpc("evm_setFault", {"method": "*", "status": 503, "count": 999})
    code, error = ends(world, command=given)
    assert (code, error["code"]) == (4, "chain.unreachable")


def test_the_signers_role_is_given_as_the_chain_says(world):
    name_signer(world)
    key, account = world.folder / "next", THE_NEXT.public_key.to_checksum_address()
    key.write_text(THE_NEXT.to_hex())
    key.chmod(0o600)
    rpc = f"http://127.0.0.1:{world.server.server_port}"

    def rotate(*more):
        done = subprocess.run(
            [BINARY, "rotate-signer", "--data", str(world.folder / "net"), "--key-file", str(key), "--json", *more],
            capture_output=True, text=True, timeout=60)
        assert (done.stdout == "") == (done.returncode != 0), done.stdout
        return done.returncode, json.loads(done.stdout or done.stderr.strip().splitlines()[-1])

    process, url = serve(world)
    code, error = rotate()
    assert (code, error["code"]) == (2, "chain.missing"), error
    code, error = rotate("--rpc", rpc)
    assert (code, error["code"]) == (1, "chain.otherSigner") and account in error["message"], error
    world.send(world.settlement, calldata("EmethSettlement", PROPOSE, account))
    for _ in range(2):
        code, found = rotate("--rpc", rpc)
        assert code == 0 and found["next"] == account and int(found["startsAt"]) > 0, found
    # Nobody says when: the server sees that its time has come.
    world.rpc("evm_increaseTime", hex(8 * 86_400 + 60))
    world.rpc("evm_mine", 1)

    def changes():
        with urllib.request.urlopen(url + "/api/v2/network", timeout=20) as answer:
            return json.load(answer).get("signerChanges")

    assert account in json.dumps(until(changes))
    # It is the Signer now, and is served again.
    code, error = rotate("--rpc", rpc)
    assert code == 3 and error["code"] in ("signer.returns", "signer.pending"), error
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=40) in (0, 130)
    serve(world)


def test_several_keys_sign(world):
    members = [keys.PrivateKey(bytes(31) + bytes([number])) for number in (0x81, 0x82, 0x83)]
    files = []
    for number, member in enumerate(members):
        files.append(world.folder / f"member{number}")
        files[-1].write_text(member.to_hex())
        files[-1].chmod(0o600)
    addresses = [member.public_key.to_checksum_address() for member in members]
    code, error = ends(world)
    own = error["message"].rsplit(" ", 1)[-1]
    group = world.create("EmethSigners", [own, *addresses[:2]], 2, kinds=["address[]", "uint256"])
    world.send(world.settlement, calldata("EmethSettlement", PROPOSE, group))
    assert ends(world)[1]["code"] == "chain.signerNotStarted"
    world.rpc("evm_increaseTime", hex(9 * 86_400))
    world.rpc("evm_mine", 1)
    _, url = serve(world)
    rpc = f"http://127.0.0.1:{world.server.server_port}"

    def cosign(number, *more, core=world.core):
        done = subprocess.run(
            [BINARY, "cosign-batch", "--server", url, "--rpc", rpc, "--core", core, "--key-file", str(files[number]),
             "--data", str(world.folder / f"signed{number}"), "--json", *more],
            capture_output=True, text=True, timeout=60)
        assert (done.stdout == "") == (done.returncode != 0), done.stdout
        return done.returncode, json.loads(done.stdout or done.stderr.strip().splitlines()[-1])

    def asked():
        world.rpc("evm_mine", 1)
        code, found = cosign(0, "--dry-run")
        assert code == 0, found
        return found["waiting"] and found["batch"]

    def latest():
        return world.read(world.settlement, calldata("EmethSettlement", "latestBatch"))

    assert cosign(0) == (0, {"waiting": False})
    assert world.emeth("deposit", "5emeth", *world.to_servers).returncode == 0
    batch = until(asked)
    assert batch["signers"] == [own] and batch["needed"] == "2" and batch["isDryRun"], batch
    assert not (world.folder / "signed0").exists(), "a dry run remembers nothing"
    # Nobody else signs, nor for other contracts.
    code, error = cosign(2)
    assert (code, error["code"]) == (1, "chain.signerSet") and addresses[2] in error["message"], error
    assert cosign(0, core=world.token)[1]["code"] == "chain.wrongContract"
    assert cosign(0, "--settlement", USER)[1]["code"] == "chain.wrongContract"
    assert cosign(0, "--chain-id", "5")[1]["code"] == "chain.wrongChain"
    before = latest()
    code, found = cosign(0)
    assert code == 0 and sorted(found["batch"]["signers"]) == sorted([own, addresses[0]]), found
    first = until(lambda: world.rpc("evm_mine", 1) and latest() != before and latest())
    assert first == int(batch["digest"], 16)
    until(lambda: not asked())

    # What one key alone has signed the chain does not pay, nor what a stranger adds to; with a second member's it does.
    assert plain(world, "withdraw", "1emeth", "--server", url).returncode == 0

    def ticket():
        done = plain(world, "fetch-ticket", "--server", url)
        assert done.returncode == 0, done.stderr
        return int(json.loads(done.stdout)["ticket"]["cumulativePayout"]) == EMETH and done.stdout

    def cosigned(text, number):
        done = subprocess.run(
            [BINARY, "sign-ticket", "-", "--cosign", "--key-file", str(files[number])], input=text,
            capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    alone, wallet = until(ticket), world.wallet()
    for text in (alone, cosigned(alone, 2)):
        refused = world.emeth("redeem-ticket", "-", "--json", input=text)
        assert refused.returncode == 1 and "settlement.signature" in refused.stderr, refused.stderr
    paid = world.emeth("redeem-ticket", "-", input=cosigned(alone, 1))
    assert paid.returncode == 0, paid.stderr
    assert world.wallet() == wallet + EMETH

    # Later batches: any other member's signature will do. By their proofs everybody is paid, a day after.
    assert plain(world, "withdraw", "2emeth", "--server", url).returncode == 0

    def proven():
        world.rpc("evm_increaseTime", hex(700))
        # A member that signed the first looks whether this one follows from it.
        if asked():
            assert cosign(1)[0] == 0
        done = subprocess.run(
            [BINARY, "fetch-ticket", USER, "--batch", "posted", "--server", url], capture_output=True, text=True, timeout=60)
        found = json.loads(done.stdout)["ticket"]["cumulativePayout"] if done.returncode == 0 else done.stderr
        return found == str(3 * EMETH) and done.stdout

    text = until(proven, seconds=90)
    assert latest() != first
    world.rpc("evm_increaseTime", hex(25 * 3_600))
    world.rpc("evm_mine", 1)
    paid = world.emeth("redeem-ticket", "-", input=text)
    assert paid.returncode == 0, paid.stderr
    assert world.wallet() == wallet + 3 * EMETH
