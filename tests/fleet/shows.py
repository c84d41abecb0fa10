#!/usr/bin/env python3
"""`study list`, `study show` and `dash` of a study on a server: while a fleet measures, and when it has ended.

usage: tests/fleet/shows.py XLTUNE        exits 77 where no PostgreSQL server is installed
"""
import http.cookiejar
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import postgres  # noqa: E402

SECRET = "s3cr3t"
SEARCH = ["--target", "exec", "--mode", "grid", "--effort", "quick", "--lease", "60s",
          "--space", json.dumps({"n": [1, 2, 3, 4]}), "--", "true", "{n}"]
LIMIT_S = float(os.environ.get("TEST_LIMIT_S", 300))  # for what hangs; a busy machine may take long
failures = []


def expect(name, ok, seen):
    print(("ok    " if ok else "FAIL  ") + name, flush=True)
    if not ok:
        failures.append(name)
        print("      " + str(seen)[:2000])


class Page:
    """What a browser that opened the printed address gets."""

    def __init__(self, address):
        self.root = address.split("/?")[0]
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                                  urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        self.text = self.opener.open(address, timeout=LIMIT_S).read().decode()

    def get(self, path):
        return json.loads(self.opener.open(self.root + path, timeout=LIMIT_S).read())

    def listen(self):
        """The events: a connection that stays."""
        return self.opener.open(self.root + "/events", timeout=LIMIT_S)


def main():
    if not postgres.programs():
        print("skipped: no PostgreSQL server is installed")
        return 77
    xltune = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="xltune-shows-") as folder, postgres.Server(password=SECRET) as server:
        server.sql("CREATE DATABASE one")
        url = f"postgresql://test@127.0.0.1:{server.port}/one"
        environment = dict({k: v for k, v in os.environ.items() if not k.startswith("PG")}, PGPASSWORD=SECRET, HOME=folder)

        def begin(*words):
            return subprocess.Popen([xltune, *words], cwd=folder, env=environment, text=True, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

        def show(*words):
            return subprocess.run([xltune, *words], cwd=folder, env=environment, text=True, stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=LIMIT_S, check=False)
        proposer = begin("optimize", "--study", url, "--agents", "2", *SEARCH)
        agents = [begin("agent", "--study", url) for _ in range(2)]
        dash = None
        try:
            until = time.monotonic() + 2 * LIMIT_S
            while time.monotonic() < until:
                listed = show("study", "list", url, "--format", "json")
                runs = json.loads(listed.stdout) if listed.returncode == 0 and listed.stdout.strip() else []
                if runs or proposer.poll() is not None:
                    break
                time.sleep(0.1)
            expect("study list shows a run that goes on", len(runs) == 1 and runs[0]["state"] in ("running", "finished"),
                   (listed.stdout, listed.stderr))
            dash = begin("dash", "--study", url)
            page = Page(dash.stdout.readline().strip())
            uid = runs[0]["uid"]
            events = page.listen()
            expect("dash tells what it knows", events.readline().startswith(b'data: {"runs":[{"uid":'), "something else")
            cards = page.get("/api/runs")["runs"]
            expect("dash lists it", [c["uid"] for c in cards] == [uid], cards)
            began = float(server.sql("SELECT created FROM xltune.run", "one").split()[0])
            expect("and knows to the second when it began", abs(cards[0]["created"] - began) <= 0.5, (cards, began))
            expect("and shows it while it goes on", page.get("/api/run?a=" + uid)["uid"] == uid, uid)
            said = [p.communicate(timeout=2 * LIMIT_S)[0] for p in (proposer, *agents)]
            expect("the fleet measures", proposer.returncode == 0, said)
            until = time.monotonic() + LIMIT_S
            while time.monotonic() < until:
                cards = page.get("/api/runs")["runs"]
                if cards and cards[0]["state"] == "finished":
                    break
                time.sleep(0.1)
            expect("dash sees the end", cards[0]["state"] == "finished" and cards[0]["count"] == 4 and
                   cards[0]["report"]["verdict"], cards)
            facts = page.get("/api/run?a=" + uid)
            expect("and has all trials", facts["state"] == "finished" and
                   [len(a["values"]) for a in facts["axes"] if a["name"] == "n"] == [4], str(facts)[:1500])
            expect("no secret is shown", SECRET not in json.dumps(facts) + page.text + "".join(said), "it is")
            dash.send_signal(signal.SIGINT)
            told = dash.communicate(timeout=LIMIT_S)[0]
            expect("Ctrl-C ends dash, whoever listens", dash.returncode == 130 and not told, (dash.returncode, told))
            events.close()
            listed = show("study", "list", "--study", url)
            expect("study list shows its verdict", listed.returncode == 0 and "exec" not in listed.stderr and
                   len(listed.stdout.splitlines()) == 2 and "finished" in listed.stdout, (listed.stdout, listed.stderr))
            shown = show("study", "show", "1", "--study", url)
            expect("study show shows it", shown.returncode == 0 and "finished" in shown.stdout, (shown.stdout, shown.stderr))
            missing = show("study", "show", "nothing", "--study", url)
            expect("a run that is not there is named", missing.returncode == 1 and "no run 'nothing'" in missing.stderr,
                   missing.stderr)
        except Exception:
            # What each has said is told, so that a log says why one is gone.
            for name, p in [("optimize", proposer), ("agent", agents[0]), ("agent", agents[1]), ("dash", dash)]:
                if p and not p.stdout.closed:
                    p.kill()
                    print(f"{name} (ended with {p.wait()}) said:\n{p.stdout.read()}", flush=True)
            raise
        finally:
            for p in (proposer, *agents, dash):
                if p and p.poll() is None:
                    p.kill()
                    p.wait()
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
