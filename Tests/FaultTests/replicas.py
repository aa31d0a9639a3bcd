"""A network with two servers on one PostgreSQL database, and a balancer before them."""

import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import psycopg2
from network import Network


class Postgres:
    """A PostgreSQL server on a socket in a folder, which can be killed and started again."""

    def __init__(self):
        # A socket's path has at most 107 characters, and root may not run the server.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="emeth-pg-", dir="/tmp"))
        self.user = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        versions = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
        self.programs = versions[-1]
        make = [self.programs / "initdb", "-D", "data", "-U", "emeth", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run([*self.user, *make], cwd=self.folder, check=True, stdout=subprocess.DEVNULL)
        self.url = f"postgres://emeth@/postgres?host={self.folder}"

    def start(self) -> subprocess.Popen:
        """Starts the server and waits until it answers."""
        end = time.monotonic() + 60
        words = ["-D", "data", "-k", self.folder, "-c", "listen_addresses=", "-c", "max_connections=200"]
        while time.monotonic() < end:
            with open(self.folder / "log", "ab") as log:
                process = subprocess.Popen(
                    [*self.user, self.programs / "postgres", *words], cwd=self.folder, stdout=log, stderr=log
                )
            # One that was killed keeps its memory until its children have noticed: the next one ends at once then.
            while process.poll() is None and time.monotonic() < end:
                try:
                    psycopg2.connect(self.url).close()
                    return process
                except psycopg2.OperationalError:
                    time.sleep(0.05)
            time.sleep(0.1)
        raise AssertionError(f"PostgreSQL does not start: {(self.folder / 'log').read_text()[-2_000:]}")

    def remove(self):
        # The children of a server that was killed may still write for a moment.
        end = time.monotonic() + 10
        while self.folder.exists() and time.monotonic() < end:
            shutil.rmtree(self.folder, ignore_errors=True)
            time.sleep(0.05)


class Balancer:
    """Gives each connection to one of the servers that are there, in turn."""

    def __init__(self):
        self.ports: dict[str, int] = {}
        self.turn = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client: socket.socket):
        ports = list(self.ports.values())
        self.turn += 1
        for index in range(len(ports)):
            try:
                server = socket.create_connection(("127.0.0.1", ports[(self.turn + index) % len(ports)]), timeout=5)
            except OSError:
                continue
            server.settimeout(None)
            threading.Thread(target=self.pump, args=(client, server), daemon=True).start()
            self.pump(server, client)
            return
        client.close()

    @staticmethod
    def pump(source: socket.socket, target: socket.socket):
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
        except OSError:
            pass
        for end in [source, target]:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


class ReplicatedNetwork(Network):
    """Two servers on one PostgreSQL database and one folder; clients know the balancer alone."""

    servers = ["server1", "server2"]
    killable = ["server1", "server2", "postgres"]

    def __init__(self, folder: pathlib.Path):
        self.postgres = Postgres()
        self.balancer = Balancer()
        self.listening: dict[str, str] = {}
        self.processes = {}
        try:
            super().__init__(folder)
        except BaseException:
            self.end()
            raise

    def start_servers(self):
        self.start("postgres")
        super().start_servers()
        self.listen = self.balancer.address

    def start(self, name: str):
        if name == "postgres":
            self.processes[name] = self.postgres.start()
        else:
            super().start(name)

    def serve_words(self, name: str) -> list[str]:
        words = ["--listen", self.listening.get(name, "127.0.0.1:0"), "--audience", self.balancer.address]
        return [*words, "--database", self.postgres.url]

    def note_listening(self, name: str, address: str):
        self.listening[name] = address
        self.balancer.ports[name] = int(address.rsplit(":")[-1])

    def end(self):
        postgres = self.processes.get("postgres")
        if postgres and postgres.poll() is None:
            # At once, and with all its children.
            postgres.send_signal(signal.SIGQUIT)
            postgres.wait()
        super().end()
        self.balancer.close()
        self.postgres.remove()

    def read(self, statement: str) -> list[tuple]:
        end = time.monotonic() + 30
        while True:
            try:
                connection = psycopg2.connect(self.postgres.url)
                try:
                    with connection.cursor() as cursor:
                        cursor.execute(statement)
                        return cursor.fetchall()
                finally:
                    connection.close()
            except psycopg2.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def audit_words(self) -> list[str]:
        return ["--database", self.postgres.url]
