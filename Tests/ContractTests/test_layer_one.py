"""A job of EMETH Core by real processes: `submit-job`, `serve`, `node` and `verifier` on layer 1, and the money at the end."""
import json
import signal
import subprocess

from scene import *
from test_commands import BINARY, KEYS, OWNER_KEY, USER, calldata
from test_serve import name_signer, pytestmark, serve, until, world  # noqa: F401

NODE_KEY, VERIFIER_KEY, SERVER_KEY = KEYS[5], KEYS[6], KEYS[7]
NODE_ACCOUNT, VERIFIER_ACCOUNT, SERVER_ACCOUNT = ADDRESSES[5], ADDRESSES[6], ADDRESSES[7]
MEAN_PART = 9991


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
    own = ["--key-file", str(file), "--threads", "1"]
    if kind == "serve":
        own = ["--operator-key-file", str(file), "--requester", USER]
    process = subprocess.Popen(
        [BINARY, kind, "--layer", "1", "--server", url, "--data", str(world.folder / kind), *own,
         *names(world), "--confirmations", "1", "--json", *more],
        stdout=open(world.folder / f"{kind}-1.log", "ab"), stderr=subprocess.STDOUT)
    world.processes.append(process)
    return process


def events(world, kind):
    lines = (world.folder / f"{kind}-1.log").read_text().splitlines()
    return [json.loads(line).get("event") for line in lines if line.startswith("{\"")]


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def start_verifier(world, url):
    """With a server, and money for everybody who works."""
    verifier = agent(world, "verifier", VERIFIER_KEY, url)
    until(lambda: "commitSecrets" in (world.folder / "verifier-1.log").read_text(), seconds=90)
    return verifier


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
    start_verifier(world, url)

    numbers = world.folder / "numbers.txt"
    numbers.write_text("1\n2\nno number\n4.5\n")
    done = world.emeth(
        "submit-job", str(numbers), "--program", "999", "--fuel-limit", "10", "--fuel-price", "0.1emeth",
        "--server", url, "--layer", "1", "--json")
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)["job"]
    assert json.loads(done.stdout)["candidates"] == 1
    early = world.emeth("fetch-result", job, "--layer", "1", "--server", url, "--out", str(world.folder / "early"))
    assert early.returncode != 0 and "REQUESTED" in early.stderr, early.stderr

    # Killed as soon as it has taken it, and started again.
    node = agent(world, "node", NODE_KEY, url)
    until(lambda: status(world, job) >= PROCESSING, seconds=90)
    kill(node)
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
    told = world.emeth("fetch-result", job, "--layer", "1", "--server", url, "--out", str(world.folder / "told"), "--json")
    assert told.returncode == 0 and json.loads(told.stdout)["mayBeUnseen"] is False, told.stderr

    dry = subprocess.run(
        [BINARY, "node", "--layer", "1", "--server", url, "--key-file", str(world.folder / "node.key"), "--data",
         str(world.folder / "other"), *names(world), "--threads", "1", "--dry-run", "--json"],
        capture_output=True, text=True)
    assert dry.returncode == 0 and json.loads(dry.stdout) == [], dry.stderr

    # What a verifier would do: nothing while nobody has listed it, then its bond and its commitments. Nothing is sent.
    def planned(*more):
        height = world.height()
        done = subprocess.run(
            [BINARY, "verifier", "--layer", "1", "--server", url, "--key-file", str(world.folder / "node.key"), "--data",
             str(world.folder / "another"), *names(world), "--threads", "1", "--dry-run", *more],
            capture_output=True, text=True)
        assert done.returncode == 0 and world.height() == height, done.stderr
        return done.stdout

    plan, = json.loads(planned("--json"))
    assert "not listed" in plan["refusal"] and "next" not in plan, plan
    world.send(world.core, calldata("EmethCore", "addVerifier", NODE_ACCOUNT))
    bond, commitments = json.loads(planned("--json"))
    assert bond["next"].startswith("approve and bondVerifier") and int(bond["wei"]) > 0, bond
    assert commitments["next"].startswith("commitSecrets"), commitments
    assert planned().startswith("standing  approve and bondVerifier")


def test_a_job_in_parts(world):
    """Divided, killed, a part declined and registered again, joined and paid: every holon is where it belongs."""
    name_signer(world)
    world.send(world.core, calldata("EmethCore", "setProgram", MEAN_PART, "mean, part", 0, 0, 0, 0, 0, 0))
    for account in (NODE_ACCOUNT, VERIFIER_ACCOUNT):
        world.send(world.token, calldata("EmethToken", "transfer", account, 20 * EMETH))
    world.send(world.core, calldata("EmethCore", "addVerifier", VERIFIER_ACCOUNT))
    _, url = serve(world)
    start_verifier(world, url)
    numbers = world.folder / "numbers.txt"
    numbers.write_text("1\n2\nno number\n4.5\n")
    before = world.wallet() + world.ledger()
    words = ["submit-job", str(numbers), "--program", "999", "--fuel-limit", "7", "--fuel-price", "0.1emeth", "--server", url,
             "--layer", "1", "--divided-by", SERVER_ACCOUNT, "--json"]
    assert world.emeth(*words).returncode == 2, "a job that is not in parts is divided by nobody"
    done = world.emeth(*words, "--parallel", "2")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    job = report["job"]
    assert [step["function"] for step in report["steps"]] == ["setServer", "approve", "requestWithSalt"]
    raw = bytes.fromhex(job[2:])

    def count():
        return world.read(world.core, calldata("EmethCore", "childCount", raw))

    def part(number):
        return world.rpc(
            "eth_call", {"to": world.core, "data": calldata("EmethCore", "jobChildren", raw, number)}, "latest")[:34]

    def terms(part):
        found = world.rpc(
            "eth_call", {"to": world.core, "data": calldata("EmethCore", "jobTerms", bytes.fromhex(part[2:]))}, "latest")
        return [int(found[2 + 64 * index:66 + 64 * index], 16) for index in range(3)]

    # What it would do, it says before.
    key = world.folder / "serve.key"
    key.write_text(SERVER_KEY.to_hex())
    key.chmod(0o600)
    plain = [BINARY, "serve", "--layer", "1", "--server", url, "--operator-key-file", str(key), "--data",
             str(world.folder / "plan"), *names(world)]
    unsaid = subprocess.run([*plain, "--dry-run"], capture_output=True, text=True, timeout=60)
    assert unsaid.returncode == 2 and "--anybody" in unsaid.stderr, unsaid.stderr
    plain += ["--requester", USER]
    assert subprocess.run([*plain, "--anybody"], capture_output=True, timeout=60).returncode == 2
    dry = subprocess.run([*plain, "--dry-run", "--json"], capture_output=True, text=True, timeout=60)
    assert dry.returncode == 0, dry.stderr
    plan, = json.loads(dry.stdout)
    assert (plan["job"], plan["next"], count()) == (job, "requestSubJob: 2 of 2 parts", 0)
    for other in (["--listen", "127.0.0.1:0"], ["--grant", SERVER_ACCOUNT + "=1emeth"]):
        assert subprocess.run([*plain, *other], capture_output=True, timeout=60).returncode == 2

    server = agent(world, "serve", SERVER_KEY, url)
    until(lambda: count() == 2, seconds=60)
    kill(server)
    # 7 fuel are 4 and 3, and so is the verifiers' fee, to the holon.
    first, second = sorted((part(0), part(1)), key=terms)
    assert [terms(second)[1], terms(first)[1]] == [EMETH // 10 * 4 // 20, EMETH // 10 * 3 // 20]
    # While it is away one part is taken and declined.
    deposit = terms(first)[2]
    world.send(world.token, calldata("EmethToken", "approve", world.core, deposit))
    world.send(world.core, calldata("EmethCore", "deposit", deposit))
    world.send(world.core, calldata("EmethCore", "process", bytes.fromhex(first[2:])))
    world.send(world.core, calldata("EmethCore", "decline", bytes.fromhex(first[2:])))
    server = agent(world, "serve", SERVER_KEY, url)
    agent(world, "node", NODE_KEY, url)
    until(lambda: status(world, second) == SUBMITTED, seconds=60)
    assert count() == 2, "its delay is not over"
    world.rpc("evm_increaseTime", 31)
    world.rpc("evm_mine", 33)
    again = until(lambda: part(2) if count() == 3 else None, seconds=60)
    kill(server)
    server = agent(world, "serve", SERVER_KEY, url)
    until(lambda: status(world, again) == SUBMITTED, seconds=60)
    world.rpc("evm_mine", 33)
    until(lambda: status(world, job) == VERIFIED, seconds=90)
    assert count() == 3, "nothing is registered twice"

    # A fuel for each part; who declined has lost a quarter of the part's fee.
    fees = EMETH // 10 * 7 // 20
    assert world.wallet() + world.ledger() == before - 2 * (EMETH // 10) - fees
    assert ledger(world, VERIFIER_ACCOUNT) == fees
    wallet = world.read(world.token, calldata("EmethToken", "balanceOf", NODE_ACCOUNT))
    assert wallet + ledger(world, NODE_ACCOUNT) == 20 * EMETH + 2 * (EMETH // 10)
    assert ledger(world, OWNER) == deposit - EMETH // 10 * 3 // 4
    until(lambda: "ended" in events(world, "serve"))
    out = world.folder / "out"

    def fetched():
        """Once its server has seen that the job is verified."""
        return world.emeth("fetch-result", job, "--layer", "1", "--server", url, "--out", str(out)).returncode == 0

    until(fetched)
    assert (out / "result.dat").read_bytes() == b"3,2.5\r\n"


def test_a_proof_of_work(world):
    """A node searches, takes and hands in by one call; a job whose target is not Core's it leaves alone."""
    name_signer(world)
    world.send(world.token, calldata("EmethToken", "transfer", NODE_ACCOUNT, 20 * EMETH))
    world.send(world.token, calldata("EmethToken", "approve", world.core, 10 * EMETH))
    target, signer = 2**250, KEYS[8]
    world.send(world.core, calldata("EmethCore", "setProgram", 84, "proof", 1, 0, 0, 10, EMETH // 10, target))
    world.send(world.core, calldata("EmethCore", "setChallengeSigner", ADDRESSES[8]))

    def request(number, target):
        salt = number.to_bytes(32, "big")
        job = keccak(to_canonical_address(ADDRESSES[0]) + salt)[:16]
        digest = keccak(b"\x19Ethereum Signed Message:\n32" + bytes(16) + job)
        signed = signer.sign_msg_hash(digest).to_bytes()
        challenge = signed[:64] + bytes([27 + signed[64]])
        now = int(world.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        world.send(world.core, calldata(
            "EmethCore", "requestWithSalt", salt, 84, 1, 1, (challenge + target.to_bytes(32, "big")).hex(), "{}", 10,
            EMETH // 10, now + DAY, 2 * EMETH))
        return "0x" + job.hex()

    wrong, job = request(1, target + 1), request(2, target)
    _, url = serve(world)
    agent(world, "node", NODE_KEY, url)
    until(lambda: status(world, job) == VERIFIED, seconds=90)
    # One fuel; the deposit was locked for one call.
    assert ledger(world, NODE_ACCOUNT) == EMETH + EMETH // 10
    until(lambda: "ended" in events(world, "node"))
    assert status(world, wrong) == REQUESTED
    log = (world.folder / "node-1.log").read_text()
    assert "directSubmit" in log and "failed" not in events(world, "node"), log
