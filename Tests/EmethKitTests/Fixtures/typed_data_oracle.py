#!/usr/bin/env python3
"""Hashes EIP-712 documents with eth-account, an implementation independent of this project.

usage: typed_data_oracle.py < DOCUMENTS

Each line of the input is a document as wallets exchange it. Prints the digest of each, a line each.
"""
import json
import sys

from eth_account.messages import encode_typed_data
from eth_utils import keccak

for line in sys.stdin:
    message = encode_typed_data(full_message=json.loads(line))
    print("0x" + keccak(b"\x19" + message.version + message.header + message.body).hex())
