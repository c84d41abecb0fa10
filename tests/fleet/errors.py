#!/usr/bin/env python3
"""Each thing that can be wrong with a study on a server, or with an agent, is one clear line; and no secret is shown.

usage: tests/fleet/errors.py XLTUNE [SKEW]        SKEW: the library of skew.c; exits 77 where no PostgreSQL server is installed
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import postgres  # noqa: E402

SECRET = "s3cr3t/@%word"
ESCAPED = "s3cr3t%2F%40%25word"
SEARCH = ["--target", "exec", "--mode", "random", "--trials", "3", "--effort", "quick", "--budget", "10s", "--space",
          json.dumps({"n": [1, 2, 3]}), "--", "true", "{n}"]
LIMIT_S = float(os.environ.get("TEST_LIMIT_S", 300))  # for what hangs; a busy machine may take long
failures = []


def expect(name, ok, seen):
    print(("ok    " if ok else "FAIL  ") + name, flush=True)
    if not ok:
        failures.append(name)
        print("      " + str(seen)[:1500])


class Case:
    def __init__(self, xltune, folder, environment):
        self.xltune, self.folder = xltune, folder
        self.environment = {k: v for k, v in environment.items() if not k.startswith("PG") or k == "PATH"}
        self.environment["HOME"] = folder

    def run(self, *arguments, **more):
        return subprocess.run([self.xltune, *arguments], cwd=self.folder, env=dict(self.environment, **more), text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S, check=False)

    def fails(self, name, arguments, wanted, code=1, **more):
        done = self.run(*arguments, **more)
        lines = [line for line in done.stderr.splitlines() if not line.startswith("xltune: ")]
        ok = done.returncode == code and len(lines) == 1 and all(w in lines[0] for w in wanted)
        expect(name, ok and "s3cr3t" not in done.stderr + done.stdout, (done.returncode, done.stderr))


def secrets_stay(case, url):
    """A password in the address works, and is nowhere afterwards."""
    # What it measures waits until its arguments were looked at: it would be over before, where this test waits for a processor.
    command = ["sh", "-c", "until [ -e looked ]; do sleep 0.1; done; : {n}"]
    p = subprocess.Popen([case.xltune, "optimize", "--study", url, *SEARCH[:-2], *command], cwd=case.folder, text=True,
                         env=case.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    # It hides the password as it begins, which takes a busy machine a moment; before, there may be no arguments yet.
    seen, until = b"", time.monotonic() + LIMIT_S
    while (not seen or b"s3cr3t" in seen) and p.poll() is None and time.monotonic() < until:
        with open(f"/proc/{p.pid}/cmdline", "rb") as f:
            seen = f.read()
    with open(os.path.join(case.folder, "looked"), "w", encoding="utf-8"):
        pass
    out = p.communicate(timeout=LIMIT_S)[0]
    expect("a password in the address works", p.returncode == 0, out)
    expect("and no list of processes shows it", b"s3cr3t" not in seen and b"postgres" in seen, seen)
    for folder, _, names in os.walk(case.folder):
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                data = f.read()
            if b"s3cr3t" in data:
                expect("and no file holds it", False, os.path.join(folder, name))
    expect("and it is in no output", "s3cr3t" not in out, out)
    runs = os.listdir(os.path.join(case.folder, "runs"))
    done = case.run("study", "show", os.path.join("runs", runs[0]), PGPASSWORD=SECRET)
    expect("a run folder finds its study by PGPASSWORD", done.returncode == 0, done.stderr)
    with open(os.path.join(case.folder, ".pgpass"), "w", encoding="utf-8") as f:
        f.write("127.0.0.1:*:*:test:" + SECRET.replace("\\", "\\\\").replace(":", "\\:") + "\n")
    os.chmod(f.name, 0o600)
    done = case.run("study", "list", "runs")
    expect("and by ~/.pgpass", done.returncode == 0 and len(done.stdout.splitlines()) == 2, done.stderr)
    os.remove(f.name)


def an_agent_elsewhere(case, url, server):
    """A search of another target, and of a checkpoint that is not here."""
    with subprocess.Popen([case.xltune, "optimize", "--agents", "1", "--study", url, "--budget", "2h", "--new", "2"],
                          cwd=case.folder, env=dict(case.environment, PGPASSWORD=SECRET), stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until and p.poll() is None:
            if server.sql("SELECT count(*) FROM xltune.fleet WHERE state = 'open'", "one") == "1":
                break
            time.sleep(0.1)
        case.fails("a search of another target", ["agent", "--study", url, "--target", "exec"],
                   ["target: found exec, wanted engine"], PGPASSWORD=SECRET)
        made = case.run("synth", "--like", "32x1x2x64", "--out", "other", "--seed", "1")
        expect("another checkpoint is made", made.returncode == 0, made.stderr)
        case.fails("a checkpoint that is another's", ["agent", "--study", url, "--model", "other"],
                   [f"node {os.uname().nodename}", "found checkpoint", "other", "--model"], PGPASSWORD=SECRET)
        case.fails("no checkpoint", ["agent", "--study", url, "--model", "nowhere"], ["nowhere"], PGPASSWORD=SECRET)
        p.send_signal(signal.SIGINT)
        p.wait(LIMIT_S)


def a_fleet(case, url, server, skew):
    """Agents with a secret in the address, one of which has a clock that is five minutes ahead."""
    environment = case.environment
    search = [*SEARCH[:SEARCH.index("--budget")], "--lease", "60s", *SEARCH[SEARCH.index("--space"):]]

    def begin(*words, **more):
        return subprocess.Popen([case.xltune, *words], cwd=case.folder, env=dict(environment, **more), text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    began = float(server.sql("SELECT extract(epoch FROM clock_timestamp())"))
    all_ = [begin("optimize", "--agents", "2", "--study", url, "--log-dir", "fleet", *search), begin("agent", "--study", url),
            begin("agent", "--study", url, **({"LD_PRELOAD": skew, "CLOCK_SKEW": "300"} if skew else {}))]
    said = [p.communicate(timeout=2 * LIMIT_S)[0] for p in all_]
    expect("a fleet measures", all(p.returncode == 0 for p in all_), said)
    expect("and shows no secret", "s3cr3t" not in "".join(said), said)
    done = subprocess.run([os.path.join(server.bin, "pg_dump"), "-h", server.folder, "-p", str(server.port), "-U", "test", "fleet"],
                          env=server.environment, text=True, capture_output=True, check=False)
    expect("nor does the study", done.returncode == 0 and "CREATE TABLE xltune.node" in done.stdout and
           "s3cr3t" not in done.stdout, done.stderr or "there it is")
    if not skew:
        print("      (clocks that differ cannot be tested here)")
        return
    expect("the node with another clock is named", f"node {os.uname().nodename}: its clock is 5 minutes ahead" in said[2] and
           "its clock" not in said[1], said)
    now = float(server.sql("SELECT xltune.xltune_now()", "fleet"))
    times = server.sql("SELECT min(at), max(at) FROM (SELECT at FROM xltune.sample UNION SELECT started FROM xltune.trial) AS a",
                       "fleet").split("|")
    expect("all times are the database's", began - 1 <= float(times[0]) and float(times[1]) <= now + 1, (now, times))
    expect("no task was lost for it", server.sql("SELECT max(turn) FROM xltune.task", "fleet") == "1", said)
    result = json.loads(server.sql("SELECT result FROM xltune.run", "fleet") or "{}")
    speedup = result.get("speedup", {"begun_s": [0], "seconds": 0})
    expect("nor does the comparison mix the clocks", 0 <= speedup["seconds"] <= now - began + 1 and min(speedup["begun_s"]) > -60 and
           max(speedup["begun_s"]) <= now - began + 1, (result, now - began))


def older_schemas(case, url, server):
    """The study of an older xltune is brought up to date by who may, and refused with advice by who may not."""
    server.sql("DROP TABLE xltune.task, xltune.node, xltune.fleet; ALTER TABLE xltune.run DROP COLUMN fleet, DROP COLUMN kind;"
               "UPDATE xltune.schema_version SET version = 5;"
               "CREATE USER guest PASSWORD 'guest'; GRANT USAGE ON SCHEMA xltune TO guest;"
               "GRANT SELECT ON ALL TABLES IN SCHEMA xltune TO guest", "one")
    case.fails("an older schema that the user may not change", ["study", "list", "--study", url.replace("test@", "guest@")],
               ["bringing its schema up to date"], PGPASSWORD="guest")
    done = case.run("study", "list", "--study", url, PGPASSWORD=SECRET)
    expect("an older schema is brought up to date", done.returncode == 0 and len(done.stdout.splitlines()) == 2 and
           server.sql("SELECT version FROM xltune.schema_version", "one") == "6", done.stderr)


def main():
    if not postgres.programs():
        print("skipped: no PostgreSQL server is installed")
        return 77
    xltune = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="xltune-pg-errors-") as folder, postgres.Server(password=SECRET) as server:
        case = Case(xltune, folder, server.environment)
        at = f"127.0.0.1:{server.port}"
        url = f"postgresql://test@{at}/one"
        server.sql("CREATE DATABASE one")
        show = ["study", "list", "--study"]
        case.fails("a wrong password", [*show, url], ["no connection", "password", "PGPASSWORD"], PGPASSWORD="s3cr3t-wrong")
        case.fails("a wrong password in the address", [*show, f"postgresql://test:s3cr3t2@{at}/one"],
                   [url, "no connection", "password"])
        case.fails("no password", [*show, url], ["no connection", "no password supplied"])
        case.fails("no server there", [*show, "postgresql://test:s3cr3t@127.0.0.1:9/one"], ["no connection", "refused"])
        case.fails("no such database", [*show, f"postgresql://test@{at}/nothing"], ["nothing", "createdb"],
                   PGPASSWORD=SECRET)
        case.fails("no TLS where it is asked for", [*show, url], ["no connection", "SSL", "PGSSLMODE"], PGPASSWORD=SECRET,
                   PGSSLMODE="require")
        case.fails("no TLS, by the address", [*show, url + "?sslmode=require"], ["no connection", "SSL"], PGPASSWORD=SECRET)
        case.fails("an address that is none", [*show, "postgresql://test:s3cr3t@[x/one"], ["not understood", "wanted"])
        secrets_stay(case, f"postgresql://test:{ESCAPED}@{at}/one")
        an_agent_elsewhere(case, url, server)
        server.sql("CREATE DATABASE fleet")
        a_fleet(case, f"postgresql://test:{ESCAPED}@{at}/fleet", server,
                os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None)
        node = f"node {os.uname().nodename}: "
        case.fails("an agent with a wrong password", ["agent", "--study", url], [node, url, "no connection", "PGPASSWORD"],
                   PGPASSWORD="s3cr3t-wrong")
        case.fails("an agent without a server", ["agent", "--study", "postgresql://test:s3cr3t@127.0.0.1:9/one"],
                   [node, "no connection", "refused"])
        case.fails("an agent without TLS where it is asked for", ["agent", "--study", url], [node, "no connection", "SSL"],
                   PGPASSWORD=SECRET, PGSSLMODE="require")
        older_schemas(case, url, server)
        server.sql("UPDATE xltune.schema_version SET version = 99", "one")
        case.fails("a newer schema", [*show, url], ["schema version 99", "use the newer one"], PGPASSWORD=SECRET)
        case.fails("an agent without a study", ["agent"], ["--study"], code=2)
        case.fails("no search", ["agent", "--study", "file.sqlite", "--patience", "1s"], ["no search to measure for"])
        case.fails("agents without a study", ["optimize", "--agents", "2", "--new", "2"], ["--study STUDY is wanted"], code=2)
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
