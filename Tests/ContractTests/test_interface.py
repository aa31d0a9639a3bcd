"""That the contracts are what EmethKit speaks to: selectors, results, events, parameter keys, digests, trees."""
import json
import os
import pathlib
import re
import subprocess

import pytest

from evm import ROOT, RevmChain, abi_type, artifact
from scene import *

FIXTURES = pathlib.Path(__file__).parent / "Fixtures"
KIT = ROOT / "Sources" / "EmethKit"
KIT_TESTS = ROOT / "Tests" / "EmethKitTests" / "Contracts"
VERDICT_ABI = ["bytes16", "bytes32", "address", "bool", "bytes32", "uint32", "bytes32", "bytes32"]
CONTRACTS = ["EmethCore", "EmethSettlement", "EmethVerifiers", "EmethToken", "EmethSigners"]


def abi(*names):
    return [entry for name in names for entry in artifact(name)["abi"]]


def flat(parameters):
    """The types of a result as the bytes lie: a struct without strings is its members one by one."""
    found = []
    for parameter in parameters:
        if parameter["type"] == "tuple" and "string" not in abi_type(parameter):
            found += flat(parameter["components"])
        else:
            found.append(parameter["type"])
    return found


def functions(*names):
    found = {}
    for entry in abi(*names):
        if entry["type"] == "function":
            signature = f"{entry['name']}({','.join(map(abi_type, entry['inputs']))})"
            found[keccak(text=signature)[:4].hex()] = (signature, flat(entry["outputs"]))
    return found


def kit_functions(file):
    """Every function of a Swift table, as (name, argument types, result types)."""
    text = (KIT / "Contracts" / file).read_text()
    text = re.sub(r"\\\n\s*", "", text)
    for name, pattern in [("ticket", TICKET_ABI), ("batch", BATCH_ABI), ("verdict", VERDICT_ABI)]:
        text = text.replace(f"\\({name})", f"({','.join(pattern)})")
    leaf = f"bytes32 batch,({','.join(TICKET_ABI)}) ticket,bytes32[] proof"
    text = text.replace("\\(leaf)", leaf).replace('"\n        + "', "")
    for found in re.finditer(r'"?\s*\b(\w+)\(([^"\n]*?)\)(?: returns \(([^"\n]*?)\))?\s*(?:"|\n\s*""")', text):
        name, inputs, outputs = found.group(1), found.group(2), found.group(3) or ""
        if name in ("ABIFunction",):
            continue

        def types(parameters):
            return re.sub(r"(\)|\w|\]) \w+", r"\1", parameters)

        yield f"{name}({types(inputs)})", [t for t in types(outputs).split(",") if t]


@pytest.mark.parametrize("file,names,count", [
    ("EmethCore+Table.swift", ["EmethCore"], 41), ("EmethCore+SettlementTable.swift", ["EmethCore", "EmethSettlement"], 35),
    ("EmethCore+ExtensionTable.swift", ["EmethCore", "EmethSettlement"], 23),
    ("EmethVerifiers+Table.swift", ["EmethVerifiers"], 21), ("EmethToken.swift", ["EmethToken"], 14),
    ("EmethSigners.swift", ["EmethSigners"], 3),
])
def test_functions_are_those_of_the_library(file, names, count):
    have, found = functions(*names), 0
    for signature, outputs in kit_functions(file):
        selector = keccak(text=signature)[:4].hex()
        if signature.split("(")[0][0].isupper():  # an event
            continue
        assert selector in have, f"{signature} is missing"
        assert have[selector][1] == outputs, signature
        found += 1
    assert found == count


def test_selectors_are_those_of_2023():
    have = functions("EmethCore")
    published = re.findall(r'\("0x([0-9a-f]{8})",\s*"(\w+)\(', (KIT_TESTS / "EmethCoreTests.swift").read_text())
    assert len(published) >= 35
    for selector, name in published:
        assert have[selector][0].startswith(name + "(")


def test_events_are_those_of_the_library():
    text = re.sub(r"\s+", " ", (KIT / "Contracts" / "EmethCore+Events.swift").read_text())
    have = {}
    for entry in abi("EmethCore", "EmethSettlement"):
        if entry["type"] == "event":
            have[f"{entry['name']}({','.join(p['type'] for p in entry['inputs'])})"] = [
                p["indexed"] for p in entry["inputs"]]
    found = re.findall(r'\.init\( ?"(\w+)\(([^)]*)\)"', text)
    assert len(found) == 22
    for name, parameters in found:
        parts = [part.split(" ") for part in parameters.split(",")]
        signature = f"{name}({','.join(part[0] for part in parts)})"
        assert have[signature] == ["indexed" in part for part in parts], signature
    assert keccak(text="Status(bytes16,address,uint256)").hex().startswith("6a890a86bce7dd07")


def test_the_record_of_selectors_holds():
    """Docs/Decisions/0006 and 0018 name functions that exist, under their selectors."""
    have = {k: v for name in CONTRACTS for k, v in functions(name).items()}
    for record in ("0006-contract-interface.md", "0018-contracts.md"):
        text = (ROOT / "Docs" / "Decisions" / record).read_text()
        rows = re.findall(r"^\| (0x[0-9a-f]{8}(?:, 0x[0-9a-f]{8})*) \| (.*)$", text, re.M)
        assert len(rows) > 15
        for selectors, cells in rows:
            for selector in selectors.split(", "):
                name = have[selector[2:]][0].split("(")[0]
                assert f"`{name}" in cells, selector


def test_no_overloads_and_no_selector_twice():
    for name in CONTRACTS:
        names = [entry["name"] for entry in abi(name) if entry["type"] == "function"]
        assert len(names) == len(set(names))
    shared = set(functions("EmethCore")) & set(functions("EmethSettlement"))
    # The parameter functions and the token are on both.
    assert {functions("EmethCore")[s][0].split("(")[0] for s in shared} == {
        "setParameter", "getParameter", "emtToken"}


def test_texts_of_refusals_are_their_names():
    source = (ROOT / "Contracts" / "EmethCore.vy").read_text()
    found = re.findall(r"^E_(\w+): constant\(uint256\) = (\d+)$", source, re.M)
    assert len(found) > 20
    for name, number in found:
        number = int(number)
        text = number.to_bytes((number.bit_length() + 7) // 8, "big").decode()
        assert re.sub(r"([A-Z])", r"_\1", text).upper() == name


def test_strings_come_one_by_one_as_soliditys_do(scene):
    job = scene.request()
    output = scene.chain.read(STRANGER, scene.core.address, scene.core.data("jobDetails", job))
    kinds = ["uint256", "uint256", "uint256", "string", "string", "string"]
    assert output == eth_abi.encode(kinds, [MEAN, 1, 1, "{}", "data", ""])
    output = scene.chain.read(STRANGER, scene.core.address, scene.core.data("programs", PART))
    assert output == eth_abi.encode(["uint256", "string"] + 6 * ["uint256"], [PART, "part", 0, 0, 0, 0, 0, 0])
    output = scene.chain.read(STRANGER, scene.core.address, scene.core.data("jobs", job_id(99_999)))
    assert output == bytes(9 * 32)


def tickets_and_batch():
    tickets = [
        Ticket(ALICE, 7, 3 * EMETH + 1, 5, 6, word("jobs")), Ticket(BOB, 6, 2**200, 2**255, 1), Ticket(CAROL, 1),
        Ticket(NODE, 7, 1, 2, 3), Ticket(STRANGER, 2**64 - 1 - 2**63, 0, 1, 0),
    ]
    tickets[4] = Ticket(STRANGER, 5, 0, 1, 0)
    tree = Tree(tickets)
    batch = Batch(
        7, word("before"), tree.root, sum(t.cumulativePayout for t in tickets), 12, 3, word("data"), 1_700_000_000,
        1_700_000_060)
    return tickets, tree, batch


def json_domain(contract):
    return {"chainId": "1", "name": "EMETH", "verifyingContract": contract, "version": "1"}


def json_ticket(ticket):
    return {
        "account": ticket.account, "epoch": str(ticket.epoch), "cumulativePayout": str(ticket.cumulativePayout),
        "unspent": str(ticket.unspent), "locked": str(ticket.locked), "jobsRoot": "0x" + ticket.jobsRoot.hex(),
    }


def json_batch(scene, batch):
    digest = scene.settlement.read("batchDigest", batch)
    members = dataclasses.asdict(batch)
    for name, value in members.items():
        if isinstance(value, bytes):
            members[name] = "0x" + value.hex()
        elif name not in ("fromTime", "toTime"):
            members[name] = str(value)
    return {
        "domain": json_domain(scene.settlement.address), "batch": members, "digest": "0x" + digest.hex(),
        "signature": "0x" + sign(SIGNER, digest).hex(), "signer": SIGNER,
    }


@pytest.fixture(scope="module")
def on_revm():
    return Scene(RevmChain())


def test_digests_are_those_that_emeth_signed(on_revm):
    """Recorded from `emeth sign-ticket`: see Fixtures/README.md."""
    lines = (FIXTURES / "signed-tickets.jsonl").read_text().splitlines()
    tickets, _, _ = tickets_and_batch()
    assert len(lines) == len(tickets)
    for line, ticket in zip(lines, tickets):
        signed = json.loads(line)
        assert signed["domain"]["verifyingContract"] == on_revm.settlement.address
        assert {**signed["ticket"]} == json_ticket(ticket)
        assert "0x" + on_revm.settlement.read("ticketDigest", ticket).hex() == signed["digest"]
        assert "0x" + on_revm.signed(ticket).hex() == signed["signature"]


@pytest.mark.skipif("EMETH_BINARY" not in os.environ, reason="EMETH_BINARY names no emeth")
def test_emeth_verifies_what_the_contract_digests(on_revm):
    tickets, tree, batch = tickets_and_batch()
    signed = json_batch(on_revm, batch)
    proven = [
        {"batch": signed, "ticket": json_ticket(t), "proof": ["0x" + p.hex() for p in tree.proof(t)]} for t in tickets
    ]
    for item in [signed, *proven]:
        done = subprocess.run(
            [os.environ["EMETH_BINARY"], "verify", "-"], input=json.dumps(item), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    signed["batch"]["totalBurned"] = "13"
    done = subprocess.run(
        [os.environ["EMETH_BINARY"], "verify", "-"], input=json.dumps(signed), capture_output=True, text=True)
    assert done.returncode != 0


def test_artifacts_are_what_the_sources_compile_to():
    script = ROOT / "Scripts" / "compile-contracts.py"
    import sys

    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_code_limit(on_revm):
    for contract in (on_revm.core, on_revm.settlement, on_revm.verifiers, on_revm.token):
        found = artifact(contract.name)
        code = on_revm.chain.code(contract.address)
        assert found["runtimeSize"] == len(found["runtimeBytecode"]) // 2 - 1
        # What is fixed at deployment (the token, the core) stands behind the code, 32 bytes each.
        assert code.startswith(bytes.fromhex(found["runtimeBytecode"][2:]))
        assert found["runtimeSize"] < len(code) < 24_576
