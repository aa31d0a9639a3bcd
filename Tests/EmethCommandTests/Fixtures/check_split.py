"""Makes the roots of a split again with Python's hashlib and hmac: check_split.py FOLDER [PROOF...].

An independent oracle: it reads manifest.json, split.secret and the parts, cuts the records by its own rule,
and compares every number and root. Proofs are walked up by RFC 6962 as well.
"""

import hashlib
import hmac
import json
import re
import sys
from pathlib import Path

# White space is what Python's str.isspace and Unicode's White_Space agree on; the four separators that only
# Python counts are not in the test data.
SENTENCE = re.compile(r"""[^.?!]*(?:[.?!][.?!"')\]}’”»›]*\s*)*""")


def cut(kind, data):
    if kind in ("line", "json"):
        return re.findall(rb"[^\n]*\n|[^\n]+\Z", data)
    if kind == "sentence":
        return [s.encode() for s in SENTENCE.findall(data.decode()) if s]
    size = int(kind.removeprefix("binary:"))
    assert len(data) % size == 0
    return [data[i : i + size] for i in range(0, len(data), size)]


def sha256(data):
    return hashlib.sha256(data).digest()


def root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    middle = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\x01" + root(leaves[:middle]) + root(leaves[middle:]))


def path(index, leaves):
    if len(leaves) == 1:
        return []
    middle = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < middle:
        return path(index, leaves[:middle]) + [root(leaves[middle:])]
    return path(index - middle, leaves[middle:]) + [root(leaves[:middle])]


def text(digest):
    return "0x" + digest.hex()


def check(folder, proofs):
    folder = Path(folder)
    raw = (folder / "manifest.json").read_bytes()
    manifest = json.loads(raw)
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert raw == canonical, "the manifest is not canonical"
    secret = bytes.fromhex((folder / "split.secret").read_text().strip())
    all_leaves, by_part, records = [], [], []
    size, parts = 0, manifest["parts"]
    for index, part in enumerate(parts):
        data = (folder / part["file"]).read_bytes()
        part_secret = hmac.new(secret, b"part secret" + index.to_bytes(4, "big"), "sha256").digest()
        leaves = []
        for record in cut(manifest["recordKind"], data):
            place = len(all_leaves) + len(leaves)
            salt = hmac.new(part_secret, place.to_bytes(8, "big"), "sha256").digest()[:16]
            leaves.append(sha256(b"\x00" + salt + record))
            records.append((record, salt, index, len(leaves) - 1))
        assert part["index"] == index
        assert part["firstRecord"] == str(len(all_leaves))
        assert part["count"] == str(len(leaves))
        assert part["byteCount"] == str(len(data))
        assert part["root"] == text(root(leaves)), f"root of part {index}"
        all_leaves += leaves
        by_part.append(leaves)
        size += len(data)
    counts = [len(leaves) for leaves in by_part]
    assert max(counts) - min(counts) <= 1
    assert manifest["recordCount"] == str(len(all_leaves))
    assert manifest["byteCount"] == str(size)
    assert manifest["recordsRoot"] == text(root(all_leaves)), "records root"
    for name in proofs:
        proof = json.loads(Path(name).read_text())
        place = int(proof["record"])
        record, salt, part, inside = records[place]
        assert proof["content"] == text(record) and proof["salt"] == text(salt)
        assert proof["part"]["index"] == part
        assert proof["recordsProof"] == [text(h) for h in path(place, all_leaves)]
        assert proof["partProof"] == [text(h) for h in path(inside, by_part[part])]
    print(len(all_leaves))


sys.setrecursionlimit(10_000)
check(sys.argv[1], sys.argv[2:])
