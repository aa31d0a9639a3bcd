#!/usr/bin/env python3
"""Checks signed tickets and batches with eth-account, an EIP-712 implementation independent of this project.

usage: check_tickets.py FILE [SIGNER]

FILE is JSON: a signed ticket, a signed batch, a list of them, or an object with "tickets" and "batch" as
`emeth run --json` prints it. Every digest and signer is computed again; with SIGNER all must be signed by that
account. Prints one line for each and exits 1 when any is wrong.
"""
import json
import sys

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak

TYPES = {
    "Ticket": [
        ("address", "account"),
        ("uint64", "epoch"),
        ("uint256", "cumulativePayout"),
        ("uint256", "unspent"),
        ("uint256", "locked"),
        ("bytes32", "jobsRoot"),
    ],
    "Batch": [
        ("uint64", "epoch"),
        ("bytes32", "previousBatch"),
        ("bytes32", "accountsRoot"),
        ("uint256", "totalPayout"),
        ("uint256", "totalBurned"),
        ("uint64", "depositsSeen"),
        ("bytes32", "dataHash"),
        ("uint64", "fromTime"),
        ("uint64", "toTime"),
    ],
}


def value(kind, text):
    if kind.startswith("uint"):
        return int(text)
    return bytes.fromhex(text[2:]) if kind == "bytes32" else text


def check(signed, signer):
    name = "Ticket" if "ticket" in signed else "Batch"
    content = signed[name.lower()]
    fields = TYPES[name]
    message = encode_typed_data(
        {
            "name": "EMETH",
            "version": "1",
            "chainId": int(signed["domain"]["chainId"]),
            "verifyingContract": signed["domain"]["verifyingContract"],
        },
        {name: [{"name": field, "type": kind} for kind, field in fields]},
        {field: value(kind, content[field]) for kind, field in fields},
    )
    digest = "0x" + keccak(b"\x19" + message.version + message.header + message.body).hex()
    recovered = Account.recover_message(message, signature=signed["signature"])
    problems = []
    if digest != signed["digest"]:
        problems.append(f"digest {signed['digest']}, computed {digest}")
    if recovered != (signer or signed["signer"]) or recovered != signed["signer"]:
        problems.append(f"signer {signed['signer']}, recovered {recovered}")
    subject = content.get("account", "batch")
    print(f"{name} {subject} epoch {content['epoch']}: {'; '.join(problems) or 'ok'}")
    return not problems


def main():
    document = json.load(open(sys.argv[1], encoding="utf-8"))
    signer = sys.argv[2] if len(sys.argv) > 2 else None
    if isinstance(document, dict) and "tickets" in document:
        batch = document.get("batch")
        document = document["tickets"] + ([batch] if batch else [])
    records = document if isinstance(document, list) else [document]
    if not records:
        sys.exit("nothing to check")
    results = [check(record, signer) for record in records]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
