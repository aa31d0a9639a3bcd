#!/usr/bin/env python3
"""Signs random tickets with eth-account and prints them as JSON lines, as `emeth verify` reads them.

usage: sign_tickets.py COUNT SEED

The tickets are of different signers, chains and contracts; zero and the largest numbers come up often.
"""
import json
import random
import sys

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from check_tickets import TYPES

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def number(draw, bits):
    return draw.choice([0, 1, 2**bits - 1, draw.getrandbits(bits), draw.getrandbits(bits // 4)])


def address(draw):
    text = draw.choice([b"\0" * 20, b"\xff" * 20, draw.randbytes(20), draw.randbytes(20)])
    return Account.from_key(keccak(text)).address if draw.random() < 0.5 else "0x" + text.hex()


def ticket(draw):
    return {
        "account": address(draw),
        "epoch": number(draw, 64),
        "cumulativePayout": number(draw, 256),
        "unspent": number(draw, 256),
        "locked": number(draw, 256),
        "jobsRoot": "0x" + draw.choice([bytes(32), draw.randbytes(32)]).hex(),
    }


def main():
    draw = random.Random(int(sys.argv[2]))
    for _ in range(int(sys.argv[1])):
        account = Account.from_key(draw.randrange(1, ORDER).to_bytes(32, "big"))
        domain = {"chainId": number(draw, 256), "verifyingContract": address(draw)}
        content = ticket(draw)
        message = encode_typed_data(
            {"name": "EMETH", "version": "1", **domain},
            {"Ticket": [{"name": field, "type": kind} for kind, field in TYPES["Ticket"]]},
            {**content, "jobsRoot": bytes.fromhex(content["jobsRoot"][2:])},
        )
        signed = account.sign_message(message)
        for holder, name in ((domain, "chainId"), (content, "epoch"), (content, "cumulativePayout"),
                             (content, "unspent"), (content, "locked")):
            # Both forms of numbers; above 2^53 other readers need the text.
            if holder[name] >= 2**53 or draw.random() < 0.7:
                holder[name] = str(holder[name])
        print(json.dumps({
            "domain": domain,
            "ticket": content,
            "digest": "0x" + bytes(signed.message_hash).hex(),
            "signature": "0x" + bytes(signed.signature).hex(),
            "signer": account.address,
        }))


if __name__ == "__main__":
    main()
