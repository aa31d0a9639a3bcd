"""A large file to a served network and back: emeth beside curl between the same two ends, in alternating rounds of one run.

    python Benchmarks/peers/transfer.py [--emeth .build/release/emeth] [--bytes 3GB] [--rounds 3] [--write]
        [--s3 PYTHON]

Folder: `emeth benchmark transfer` sends a file to `emeth serve` and fetches it again; its hash is computed on both sides.
curl sends the same number of bytes to, and fetches them from, a server of this script, which writes them to a file, waits
for the disk, and sends them from there (sendfile). --s3 names a Python with moto and its server: then the same with
objects in a bucket there, which curl reaches by its own --aws-sigv4 in one piece; emeth sends parts, and its server reads
the whole back to compare the hash. MB/s are 10^6 bytes by the clock on the wall; memory is the most that a process had,
the server's and the client's. The last line is the same as JSON. --write puts the table into Docs/Benchmarks.md.
"""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from figures import Figures, arguments

UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def size(text):
    found = re.fullmatch(r"(\d+)([kMG]?i?B)", text)
    if not found or found[2] not in UNITS:
        sys.exit(f"--bytes: found {text}, allowed is a size such as 500MB or 3GB")
    return int(found[1]) * UNITS[found[2]]


class OneFile(http.server.BaseHTTPRequestHandler):
    """Takes a file by PUT and gives it back by GET."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_PUT(self):
        left = int(self.headers["Content-Length"])
        buffer = memoryview(bytearray(1 << 20))
        if self.headers.get("Expect") == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        with open(self.server.file, "wb", buffering=0) as file:
            while left:
                count = self.rfile.readinto(buffer[: min(left, len(buffer))])
                if not count:
                    return
                file.write(buffer[:count])
                left -= count
            os.fsync(file.fileno())
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        with open(self.server.file, "rb") as file:
            length = os.fstat(file.fileno()).st_size
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.flush()
            sent = 0
            while sent < length:
                sent += os.sendfile(self.connection.fileno(), file.fileno(), sent, length - sent)


def timed(*words):
    began = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def emeth(given, *more):
    words = [given.emeth, "benchmark", "transfer", "--bytes", given.bytes, "--json", *more]
    return json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)


def curl_to_folder(folder, file, target):
    """Seconds there, seconds back."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OneFile)
    server.file = os.path.join(folder, "received")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/file"
    there = timed("curl", "-sfS", "-T", file, url)
    back = timed("curl", "-sfS", "-o", target, url)
    server.shutdown()
    server.server_close()
    os.remove(server.file)
    return there, back


class Moto:
    """moto's S3 server in a process of its own, with the bucket "emeth"."""

    def __init__(self, python):
        script = os.path.join("Tests", "EmethNetworkTests", "Fixtures", "s3_server.py")
        self.process = subprocess.Popen(
            [python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        port, self.access, self.secret = self.process.stdout.readline().split()
        self.endpoint = f"http://127.0.0.1:{port}"

    def storage(self):
        return f"s3://emeth/network?endpoint={self.endpoint}&region=us-east-1"

    def curl(self, file, target):
        sign = ["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", f"{self.access}:{self.secret}"]
        unsigned = ["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
        url = f"{self.endpoint}/emeth/floor"
        there = timed("curl", "-sfS", *sign, *unsigned, "-T", file, url)
        back = timed("curl", "-sfS", *sign, "-o", target, url)
        subprocess.run(["curl", "-sfS", *sign, "-X", "DELETE", url], check=True)
        return there, back

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def main():
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("--bytes", default="3GB")
    parser.add_argument("--s3", metavar="PYTHON")
    given = parser.parse_args()
    count = size(given.bytes)
    figures = Figures({"up MB/s": 0, "down MB/s": 0, "server MB": 0, "client MB": 0})
    folder = tempfile.mkdtemp(prefix="emeth-transfer-")

    def add(name, there, back, server=None, client=None):
        memory = [value / 1e6 if value else None for value in (server, client)]
        figures.add(name, count / there / 1e6, count / back / 1e6, *memory)

    def add_emeth(name, report):
        add(name, report["uploadSeconds"], report["downloadSeconds"], report["serverBytes"], report["clientBytes"])

    try:
        file, target = os.path.join(folder, "file"), os.path.join(folder, "target")
        with open(file, "wb") as out:
            block, left = bytearray(os.urandom(1 << 20)), count
            while left:
                block[:8] = left.to_bytes(8, "little")
                left -= out.write(block[: min(left, len(block))])
        for _ in range(given.rounds):
            add("folder: curl", *curl_to_folder(folder, file, target))
            os.remove(target)
            add_emeth("folder: emeth", emeth(given))
            if given.s3:
                # A new one each time: it keeps what it is given in memory.
                moto = Moto(given.s3)
                add("S3: curl", *moto.curl(file, target))
                os.remove(target)
                moto.stop()
                moto = Moto(given.s3)
                os.environ.update(AWS_ACCESS_KEY_ID=moto.access, AWS_SECRET_ACCESS_KEY=moto.secret)
                add_emeth("S3: emeth", emeth(given, "--storage", moto.storage()))
                moto.stop()
    finally:
        shutil.rmtree(folder)
    figures.finish(given)


if __name__ == "__main__":
    main()
