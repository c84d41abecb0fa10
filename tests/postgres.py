#!/usr/bin/env python3
"""A PostgreSQL server for tests, in a temporary folder and of an unprivileged user.

usage: tests/postgres.py [--settings NAME=VALUE,...] COMMAND...
                                       runs the command with PGHOST, PGUSER and PATH set so that "postgresql:///NAME" is
                                       a database of a server of its own. Exits 77 (skipped) where there is no server.
"""
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time


def programs():
    """The folder of initdb and postgres, or None."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: float(p.split("/")[4]), reverse=True)
    found += glob.glob("/opt/homebrew/opt/postgresql*/bin") + glob.glob("/usr/local/opt/postgresql*/bin")
    found += [os.path.dirname(os.path.realpath(p)) for p in [shutil.which("initdb")] if p]
    wanted = ("initdb", "postgres", "pg_isready", "psql", "createdb", "dropdb")
    return next((f for f in found if all(os.access(os.path.join(f, p), os.X_OK) for p in wanted)), None)


LIMIT_S = float(os.environ.get("TEST_LIMIT_S", 300))  # for what hangs; a busy machine may take long


class Server:
    """Starts on creation. `settings` are further options of postgres; with `password` it listens on 127.0.0.1 too, where
    the user "test" needs it, and with `address` it listens there and trusts the network around it."""

    def __init__(self, settings=(), password=None, address=None):
        self.bin = programs()
        if not self.bin:
            raise FileNotFoundError("no PostgreSQL server is installed")
        self.folder = tempfile.mkdtemp(prefix="xltune-pg-")
        self.data = os.path.join(self.folder, "data")
        # The server refuses to run as root.
        self.who = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self.who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        os.chmod(self.folder, 0o755)
        self._run("initdb", "-D", self.data, "-U", "test", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
        self.port = 5432
        self.settings = ["listen_addresses=", "fsync=off", f"unix_socket_directories={self.folder}", *settings]
        if password is not None or address:
            self.settings[0] = "listen_addresses=" + (address or "127.0.0.1")
            with open(os.path.join(self.data, "pg_hba.conf"), "w", encoding="utf-8") as f:
                f.write("local all all trust\nhost all all " + ("samenet trust\n" if address else
                                                                "127.0.0.1/32 scram-sha-256\n"))
        self.environment = dict(os.environ, PGHOST=self.folder, PGPORT=str(self.port), PGUSER="test",
                                PGDATABASE="postgres", PATH=self.bin + ":" + os.environ["PATH"])
        self.process = None
        for tries_left in reversed(range(5 if password is not None or address else 1)):
            if password is not None or address:
                with socket.socket() as s:
                    s.bind((address or "127.0.0.1", 0))
                    self.port = s.getsockname()[1]
                self.environment["PGPORT"] = str(self.port)
            try:
                self.start()
                break
            except RuntimeError:  # another program may have taken the port meanwhile
                if not tries_left:
                    raise
        if password is not None:
            self.sql(f"ALTER USER test PASSWORD '{password}'")

    def _run(self, program, *arguments):
        done = subprocess.run([os.path.join(self.bin, program), *arguments], cwd=self.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, env={"PATH": os.environ["PATH"]}, **self.who)
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout}")

    def start(self):
        options = [o for s in self.settings for o in ("-c", s)]
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen([os.path.join(self.bin, "postgres"), "-D", self.data, "-p", str(self.port),
                                             *options], cwd=self.folder, stdout=log, stderr=log, **self.who)
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until:
            if subprocess.run([os.path.join(self.bin, "pg_isready"), "-q"], env=self.environment, check=False).returncode == 0:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as f:
            raise RuntimeError("postgres does not start: " + f.read()[-2000:])

    def sql(self, text, database="postgres"):
        return subprocess.run([os.path.join(self.bin, "psql"), "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", text],
                              env=self.environment, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def kill(self):
        """Ends it at once, as a crash does; start() recovers."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def main():
    if not programs():
        print("skipped: no PostgreSQL server is installed")
        return 77
    words, settings = sys.argv[1:], []
    if words[:1] == ["--settings"]:
        settings, words = words[1].split(","), words[2:]
    with Server(settings) as server:
        return subprocess.run(words, env=dict(server.environment, XLTUNE_TEST_POSTGRES="1"), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
