#!/usr/bin/env python3
"""Compiles Contracts/*.vy and writes Contracts/artifacts: compile-contracts.py [--check]

One JSON file a contract: its ABI, creation and runtime bytecode, the runtime's size, and the compiler. With --check
nothing is written; the exit code is 1 when an artifact is not what its source compiles to. Needs the Vyper that
Tests/requirements.txt pins, in the Python that runs this.
"""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = ROOT / "Contracts"
ARTIFACTS = SOURCES / "artifacts"
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


def main():
    checking = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not checking:
        sys.exit(__doc__)
    stale = False
    for source in sorted(SOURCES.glob("*.vy")):
        text = compiled(source)
        path = ARTIFACTS / f"{source.stem}.json"
        if not checking:
            ARTIFACTS.mkdir(exist_ok=True)
            path.write_text(text)
            print(f"{source.stem}: {json.loads(text)['runtimeSize']} bytes")
        elif not path.exists() or path.read_text() != text:
            print(f"{path.relative_to(ROOT)} is not what {source.name} compiles to", file=sys.stderr)
            stale = True
    sys.exit(1 if stale else 0)


if __name__ == "__main__":
    main()
