#!/usr/bin/env python3
"""Compiles Contracts/*.vy and writes Contracts/artifacts and ContractCode.swift: compile-contracts.py [--check]

One JSON file a contract: its ABI, creation and runtime bytecode, the runtime's size, and the compiler. ContractCode.swift
has the creation bytecode of those that `emeth deploy` creates. With --check nothing is written; the exit code is 1 when a
file is not what the sources compile to. Needs the Vyper that Tests/requirements.txt pins, in the Python that runs this.
"""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = ROOT / "Contracts"
ARTIFACTS = SOURCES / "artifacts"
SWIFT = ROOT / "Sources" / "EmethNetwork" / "Chain" / "ContractCode.swift"
# What `emeth deploy` creates, and how it calls it.
DEPLOYED = {
    "EmethToken": "token", "EmethCore": "core", "EmethSettlement": "settlement", "EmethVerifiers": "verification",
}
# EIP-170: no larger runtime can be deployed.
CODE_LIMIT = 24_576


def vyper(*arguments):
    command = [sys.executable, "-m", "vyper.cli.vyper_compile", *arguments]
    done = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout


def compiled(source):
    """The artifact of a contract, as the text of its file."""
    output = vyper("-f", "abi,bytecode,bytecode_runtime", "--no-bytecode-metadata", source.name)
    abi, bytecode, runtime = output.strip().splitlines()
    size = len(runtime) // 2 - 1
    if size > CODE_LIMIT:
        sys.exit(f"{source.name}: the runtime has {size} bytes, allowed are {CODE_LIMIT}")
    artifact = {
        "abi": json.loads(abi),
        "bytecode": bytecode,
        "compiler": "vyper " + vyper("--version").strip(),
        "contractName": source.stem,
        "runtimeBytecode": runtime,
        "runtimeSize": size,
    }
    return json.dumps(artifact, indent=1, sort_keys=True) + "\n"


def swift(artifacts):
    """The program's own copy of what it deploys, from the texts of the artifacts by name."""
    lines = [
        "// swift-format-ignore-file",
        "// Written by Scripts/compile-contracts.py: what the contracts in Contracts/ compile to.",
        "",
        "/// The code that creates EMETH's contracts, in hexadecimal; the arguments of a constructor follow it.",
        "enum ContractCode {",
    ]
    for contract, name in DEPLOYED.items():
        lines.append(f'  static let {name} = "{json.loads(artifacts[contract])["bytecode"]}"')
    return "\n".join(lines + ["}", ""])


def main():
    checking = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not checking:
        sys.exit(__doc__)
    stale, artifacts = False, {}
    for source in sorted(SOURCES.glob("*.vy")):
        text = artifacts[source.stem] = compiled(source)
        path = ARTIFACTS / f"{source.stem}.json"
        if not checking:
            ARTIFACTS.mkdir(exist_ok=True)
            path.write_text(text)
            print(f"{source.stem}: {json.loads(text)['runtimeSize']} bytes")
        elif not path.exists() or path.read_text() != text:
            print(f"{path.relative_to(ROOT)} is not what {source.name} compiles to", file=sys.stderr)
            stale = True
    text = swift(artifacts)
    if not checking:
        SWIFT.write_text(text)
    elif not SWIFT.exists() or SWIFT.read_text() != text:
        print(f"{SWIFT.relative_to(ROOT)} is not what the contracts compile to", file=sys.stderr)
        stale = True
    sys.exit(1 if stale else 0)


if __name__ == "__main__":
    main()
