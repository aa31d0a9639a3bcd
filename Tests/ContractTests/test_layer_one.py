"""A job of EMETH Core by real processes: `submit-job`, `serve`, `node` and `verifier` on layer 1, and the money at the end."""
import json
import signal
import subprocess

from scene import *
from test_commands import BINARY, KEYS, OWNER_KEY, calldata
from test_serve import name_signer, pytestmark, serve, until, world  # noqa: F401

NODE_KEY, VERIFIER_KEY = KEYS[5], KEYS[6]
NODE_ACCOUNT, VERIFIER_ACCOUNT = ADDRESSES[5], ADDRESSES[6]


def status(world, job):
    raw = bytes.fromhex(job[2:])
    found = world.rpc("eth_call", {"to": world.core, "data": calldata("EmethCore", "jobs", raw)}, "latest")
    return int(found[2 + 7 * 64:2 + 8 * 64], 16)


def names(world):
    return ["--rpc", f"http://127.0.0.1:{world.server.server_port}", "--core", world.core, "--chain-id", world.chain,
            "--verification", world.verifiers]


def agent(world, kind, key, url, *more):
    file = world.folder / f"{kind}.key"
    file.write_text(key.to_hex())
    file.chmod(0o600)
    process = subprocess.Popen(
        [BINARY, kind, "--layer", "1", "--server", url, "--key-file", str(file), "--data", str(world.folder / kind),
         *names(world), "--confirmations", "1", "--threads", "1", "--json", *more],
        stdout=open(world.folder / f"{kind}.log", "ab"), stderr=subprocess.STDOUT)
    world.processes.append(process)
    return process


def events(world, kind):
    lines = (world.folder / f"{kind}.log").read_text().splitlines()
    return [json.loads(line).get("event") for line in lines if line.startswith("{\"")]


def ledger(world, account):
    return world.read(world.core, calldata("EmethCore", "deposits", account))


def test_from_request_to_payment(world):
    name_signer(world)
    for account in (NODE_ACCOUNT, VERIFIER_ACCOUNT):
        world.send(world.token, calldata("EmethToken", "transfer", account, 20 * EMETH))
    world.send(world.core, calldata("EmethCore", "addVerifier", VERIFIER_ACCOUNT))
    _, url = serve(world)
    # A node of the chain alone is not believed which contract gets the bond.
    file = world.folder / "verifier.key"
    file.write_text(VERIFIER_KEY.to_hex())
    file.chmod(0o600)
    for flag in ("--chain-id", "--verification"):
        words = names(world)
        place = words.index(flag)
        done = subprocess.run(
            [BINARY, "verifier", "--layer", "1", "--server", url, "--key-file", str(file), "--data",
             str(world.folder / "unnamed"), *words[:place], *words[place + 2:], "--json"],
            capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and flag in done.stderr, done.stderr
    agent(world, "verifier", VERIFIER_KEY, url)
    until(lambda: "commitSecrets" in (world.folder / "verifier.log").read_text(), seconds=90)

    numbers = world.folder / "numbers.txt"
    numbers.write_text("1\n2\nno number\n4.5\n")
    done = world.emeth(
        "submit-job", str(numbers), "--program", "999", "--fuel-limit", "10", "--fuel-price", "0.1emeth",
        "--server", url, "--layer", "1", "--json")
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)["job"]
    early = world.emeth("fetch-result", job, "--layer", "1", "--server", url, "--out", str(world.folder / "early"))
    assert early.returncode != 0 and "REQUESTED" in early.stderr, early.stderr

    # Killed as soon as it has taken it, and started again.
    node = agent(world, "node", NODE_KEY, url)
    until(lambda: status(world, job) >= PROCESSING, seconds=90)
    node.send_signal(signal.SIGKILL)
    node.wait()
    node = agent(world, "node", NODE_KEY, url)
    until(lambda: status(world, job) >= SUBMITTED, seconds=90)
    world.rpc("evm_mine", 33)
    until(lambda: status(world, job) == VERIFIED, seconds=90)

    # The deposit came out of the wallet and lies in the ledger, with the fee of one fuel.
    assert ledger(world, NODE_ACCOUNT) == 105 * EMETH // 100 + EMETH // 10
    assert ledger(world, VERIFIER_ACCOUNT) == EMETH // 20
    until(lambda: "ended" in events(world, "node"))
    out = world.folder / "out"
    fetched = world.emeth("fetch-result", job, "--layer", "1", "--server", url, "--out", str(out))
    assert fetched.returncode == 0, fetched.stderr
    assert (out / "result.dat").read_bytes() == b"3,2.5\r\n"

    dry = subprocess.run(
        [BINARY, "node", "--layer", "1", "--server", url, "--key-file", str(world.folder / "node.key"), "--data",
         str(world.folder / "other"), *names(world), "--threads", "1", "--dry-run", "--json"],
        capture_output=True, text=True)
    assert dry.returncode == 0 and json.loads(dry.stdout) == [], dry.stderr
