#!/usr/bin/env python3
"""test_http.py XLTUNE [NAME...]: what the server answers, to friends and others."""
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from running import LIMIT_S, MODEL, Server

xltune = sys.argv[1]
PROMPT = "It was a dark night, and the rain fell upon the roofs of the old town while"
SYSTEM = "Answer like a sailor who has seen the seven seas, and has not forgotten one of the storms that he met on them."
LONG = {"prompt": PROMPT, "max_tokens": 100000, "ignore_eos": True}


def text_of(reply):
    return reply["choices"][0]["text"]


def completions():
    with Server(xltune) as s:
        greedy = {"prompt": PROMPT, "max_tokens": 24, "temperature": 0}
        whole = s.get("/v1/completions", greedy)
        assert whole["object"] == "text_completion" and whole["model"] == "tiny-literature"
        assert whole["choices"][0]["finish_reason"] == "length"
        assert whole["usage"]["completion_tokens"] == 24
        assert whole["usage"]["total_tokens"] == 24 + whole["usage"]["prompt_tokens"]
        generated = subprocess.run([xltune, "generate", "--model", MODEL, "--no-best", "--compute", "f32", "-p", PROMPT, "-n",
                                    "24"], capture_output=True, text=True, check=True).stdout
        assert text_of(whole) == generated, (text_of(whole), generated)
        # The same in a stream, and as tokens.
        events = s.events("/v1/completions", {**greedy, "stream_options": {"include_usage": True}})
        assert "".join(text_of(e) for e in events if e["choices"]) == generated
        assert events[-1]["choices"] == [] and events[-1]["usage"]["completion_tokens"] == 24
        assert all(e["usage"] is None for e in events[:-1])
        assert [e["choices"][0]["finish_reason"] for e in events[:-1]].count("length") == 1
        ids = s.get("/tokenize", {"content": PROMPT, "add_special": True})["tokens"]
        assert text_of(s.get("/v1/completions", {**greedy, "prompt": ids})) == generated
        assert PROMPT in s.get("/detokenize", {"tokens": ids})["content"]
        # Stop strings, in and out of streams.
        stop = generated[10:15]
        stopped = s.get("/v1/completions", {**greedy, "stop": ["no such thing", stop]})
        assert text_of(stopped) == generated[:generated.index(stop)]
        assert stopped["choices"][0]["finish_reason"] == "stop"
        events = s.events("/v1/completions", {**greedy, "stop": stop})
        assert "".join(text_of(e) for e in events) == text_of(stopped)
        # Seeds, choices, several prompts.
        drawn = {"prompt": PROMPT, "max_tokens": 12, "seed": 3, "n": 3}
        first, second = s.get("/v1/completions", drawn), s.get("/v1/completions", drawn)
        texts = [c["text"] for c in first["choices"]]
        assert texts == [c["text"] for c in second["choices"]] and len(set(texts)) > 1
        assert text_of(s.get("/v1/completions", {**drawn, "seed": 4, "n": 1})) == texts[1]
        unseeded = {s.get("/v1/completions", {"prompt": PROMPT, "max_tokens": 12})["choices"][0]["text"] for _ in range(4)}
        assert len(unseeded) > 1
        many = s.get("/v1/completions", {**greedy, "prompt": ["Hello", PROMPT], "n": 2})
        assert [c["index"] for c in many["choices"]] == [0, 1, 2, 3]
        assert many["choices"][2]["text"] == many["choices"][3]["text"] == generated
        # Logprobs.
        logprobs = s.get("/v1/completions", {**greedy, "logprobs": 2})["choices"][0]["logprobs"]
        assert "".join(logprobs["tokens"]) == generated and len(logprobs["token_logprobs"]) == 24
        assert all(len(top) == 2 and max(top.values()) == own
                   for top, own in zip(logprobs["top_logprobs"], logprobs["token_logprobs"]))
        # A prompt that is only read.
        assert text_of(s.get("/v1/completions", {"prompt": PROMPT, "max_tokens": 0})) == ""


def chat():
    with Server(xltune) as s:
        ask = {"messages": [{"role": "system", "content": SYSTEM},
                            {"role": "user", "content": [{"type": "text", "text": "Who are"}, {"type": "text", "text": " you?"}]}],
               "max_tokens": 20, "temperature": 0}
        whole = s.get("/v1/chat/completions", ask)
        message = whole["choices"][0]["message"]
        assert whole["object"] == "chat.completion" and message["role"] == "assistant" and message["content"]
        events = s.events("/v1/chat/completions", {**ask, "logprobs": True, "top_logprobs": 3})
        assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        assert "".join(e["choices"][0]["delta"].get("content", "") for e in events) == message["content"]
        assert events[-1]["choices"][0]["delta"] == {} and events[-1]["choices"][0]["finish_reason"]
        tokens = [t for e in events for t in (e["choices"][0]["logprobs"] or {"content": []})["content"]]
        assert all(len(t["top_logprobs"]) == 3 and t["bytes"] == list(t["token"].encode()) for t in tokens)
        # What the second conversation shares with the first is not read again.
        ask["messages"][1]["content"] = "Another question"
        usage = s.get("/v1/chat/completions", ask)["usage"]
        system = len(s.get("/tokenize", {"content": SYSTEM, "add_special": True})["tokens"])
        assert usage["prompt_tokens_details"]["cached_tokens"] >= system > 16
        assert usage["prompt_tokens"] > usage["prompt_tokens_details"]["cached_tokens"]


def templates():
    def with_template(folder, text):
        for name in os.listdir(MODEL):
            if not os.path.lexists(os.path.join(folder, name)):
                os.symlink(os.path.join(MODEL, name), os.path.join(folder, name))
        with open(os.path.join(folder, "chat_template.jinja"), "w", encoding="utf-8") as file:
            file.write(text)
    ask = {"messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "Hi"}], "max_tokens": 6, "temperature": 0}
    with tempfile.TemporaryDirectory() as folder:
        with_template(folder, "{% for m in messages %}[{{ m.role }}] {{ m.content }} {{ mark }}\n{% endfor %}"
                              "{% if add_generation_prompt %}[assistant]{% endif %}"
                              "{% if messages[0].role == 'nobody' %}{{ raise_exception('who is nobody?') }}{% endif %}")
        with Server(xltune, model=folder) as s:
            found = s.get("/v1/chat/completions", {**ask, "chat_template_kwargs": {"mark": "+"}})
            text = f"[system] {SYSTEM} +\n[user] Hi +\n[assistant]"
            ids = s.get("/tokenize", {"content": text})["tokens"]
            assert found["usage"]["prompt_tokens"] == len(ids)
            wanted = s.get("/v1/completions", {"prompt": ids, "max_tokens": 6, "temperature": 0})
            assert found["choices"][0]["message"]["content"] == text_of(wanted)
            error = s.get("/v1/chat/completions", {"messages": [{"role": "nobody", "content": ""}]}, status=400)["error"]
            assert "who is nobody?" in error["message"]
        with_template(folder, "{% for %}")
        with Server(xltune, model=folder) as s:
            assert "/v1/chat/completions is refused" in s.said()
            assert s.get("/v1/chat/completions", ask, status=501)["error"]["message"]
            s.get("/v1/completions", {"prompt": PROMPT})


def plain():
    """As llama-server's users type it."""
    with Server(xltune) as s:
        ask = {"prompt": PROMPT, "n_predict": 12, "temperature": 0}
        whole = s.get("/completion", ask)
        assert whole["stop"] is True and whole["stop_type"] == "limit" and whole["tokens_predicted"] == 12
        events = s.events("/completion", ask)
        assert "".join(e["content"] for e in events) == whole["content"]
        assert [e["stop"] for e in events] == [False] * (len(events) - 1) + [True]
        word = whole["content"].split()[2]
        stopped = s.get("/completion", {**ask, "stop": [word]})
        assert stopped["stop_type"] == "word" and stopped["stopping_word"] == word
        assert s.get("/health") == {"status": "ok"}
        assert s.get("/v1/models")["data"][0]["id"] == "tiny-literature"
        assert s.get("/v1/models/") == s.get("/v1/models")
        assert s.get("/v1/models/tiny-literature")["object"] == "model"
        assert s.get("/v1/models/gpt-4", status=404)["error"]["code"] == "model_not_found"
        assert s.ask("/health", method="HEAD")[0] == 200


def names():
    """The model's name is that under which it was published where it lies in the cache of Hugging Face's tools."""
    with tempfile.TemporaryDirectory() as d:
        folder = os.path.join(d, "models--lab--Tiny-1", "snapshots", "0123abcd")
        os.makedirs(os.path.dirname(folder))
        os.symlink(MODEL, folder)
        with Server(xltune, model=folder + "/") as s:
            assert s.get("/v1/models")["data"][0]["id"] == "lab/Tiny-1"
            assert s.get("/v1/models/lab/Tiny-1") == s.get("/v1/models/lab%2FTiny-1") == s.get("/v1/models")["data"][0]
            assert s.get("/v1/completions", {"prompt": PROMPT, "max_tokens": 1})["model"] == "lab/Tiny-1"
        with Server(xltune, model=os.path.join(MODEL, ".")) as s:
            assert s.get("/v1/models")["data"][0]["id"] == "tiny-literature"


def huge_pages():
    """The default copies the weights where the system has huge pages; off leaves them in the file, and says nothing."""
    offered = False
    if os.path.exists("/sys/kernel/mm/transparent_hugepage/enabled"):
        with open("/sys/kernel/mm/transparent_hugepage/enabled", encoding="ascii") as file:
            offered = "[never]" not in file.read()
    ask = {"prompt": PROMPT, "max_tokens": 12, "temperature": 0}
    texts = set()
    for flags, used in ((), offered), (("--huge-pages", "auto"), offered), (("--huge-pages", "off"), False):
        with Server(xltune, *flags) as s:
            assert (s.metric("huge_page_bytes") > 0) == used, flags
            assert ("MB of weights are in huge pages (--huge-pages off" in s.said()) == used, s.said()
            texts.add(text_of(s.get("/v1/completions", ask)))
    assert len(texts) == 1


def errors():
    with Server(xltune, "--max-body-mb", "0.5") as s:
        bad = [
            (b"", "empty"), (b"{", "not JSON"), (b"[1]", "not an object"), (b'{"prompt": "\xff"}', "not JSON"),
            (b'{"prompt": "a", "prompt": "b"}', "duplicate"), (b"[" * 100000, "not JSON"),
            ({}, "prompt: missing"), ({"prompt": 3}, "prompt: wanted"), ({"prompt": []}, "prompt: wanted"),
            ({"prompt": [[]]}, "prompt is empty"), ({"prompt": ["a"] * 1000}, "prompt: wanted a list of 1 to"),
            ({"prompt": [1, "a"]}, "prompt: token 1"), ({"prompt": [-1]}, "prompt: token 0"),
            ({"prompt": [10 ** 30]}, "too large"), ({"prompt": "a", "seed": 2 ** 64 - 1}, "too large"), ({"prompt": [2 ** 31 - 1]}, "id 2147483647, wanted 0 to"),
            ({"prompt": "a", "temperature": -1}, "temperature"), ({"prompt": "a", "temperature": "hot"}, "temperature"),
            ({"prompt": "a", "top_p": 2}, "top_p"), ({"prompt": "a", "n": 0}, "n: wanted"), ({"prompt": "a", "n": 1e300}, "n: wanted"),
            ({"prompt": "a", "max_tokens": -5}, "max_tokens"), ({"prompt": "a", "max_tokens": 1.5}, "max_tokens"),
            ({"prompt": "a", "stop": 5}, "stop"), ({"prompt": "a", "stop": ["x"] * 17}, "stop"), ({"prompt": "a", "stop": "x" * 5000}, "stop"),
            ({"prompt": "a", "logprobs": 21}, "logprobs"), ({"prompt": "a", "echo": True}, "echo is not supported"),
            ({"prompt": "a", "logit_bias": {"1": 5}}, "logit_bias is not supported"), ({"prompt": "a", "frequency_penalty": 1}, "frequency_penalty"),
            ({"prompt": "a", "stream": "yes"}, "stream: wanted true or false"), ({"prompt": "a", "stream_options": {}}, "stream_options"),
            ({"prompt": "a", "session_id": "../../etc/passwd"}, "session_id: wanted"), ({"prompt": "a", "session_id": "a"}, "keeps no conversations"),
            ({"prompt": "a", "best_of": 2}, "best_of"), ({"prompt": "a", "response_format": {"type": "json_object"}}, "response_format"),
        ]
        for body, wanted in bad:
            status, _, text = s.ask("/v1/completions", body)
            error = json.loads(text)["error"]
            assert status == 400 and wanted in error["message"], (body if len(str(body)) < 200 else "...", status, error)
            assert set(error) == {"message", "type", "param", "code"} and error["type"] == "invalid_request_error"
        for body, wanted in [({}, "messages"), ({"messages": []}, "messages"), ({"messages": [3]}, "messages[0].role"),
                             ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
                             ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content"),
                             ({"messages": [{"role": "user", "content": "a"}], "tools": [{}]}, "tools is not supported")]:
            assert wanted in s.get("/v1/chat/completions", body, status=400)["error"]["message"], body
        assert "wanted text" in s.get("/tokenize", {"content": 5}, status=400)["error"]["message"]
        assert "tokens[1]" in s.get("/detokenize", {"tokens": [1, -1]}, status=400)["error"]["message"]
        assert s.get("/v1/nothing", {}, status=404)["error"]["message"].startswith("there is no /v1/nothing")
        # A method that a path does not know is told those that it does.
        for path, body, method, wanted in [("/v1/completions", None, "GET", "POST"), ("/tokenize", None, "OPTIONS", "POST"),
                                           ("/health", {}, "POST", "GET, HEAD"), ("/v1/models", {}, "DELETE", "GET, HEAD"),
                                           ("/v1/nothing", {}, "POST", None)]:
            status, headers, _ = s.ask(path, body, method)
            assert (status, headers["Allow"]) == (405 if wanted else 404, wanted), (path, status, headers["Allow"])
        # Too much: said before it is sent, while it comes, and not said at all.
        big = json.dumps({"prompt": "x" * 600000}).encode()
        assert s.get("/v1/completions", big, status=413)["error"]["type"] == "invalid_request_error"
        connection = s.connect()
        connection.request("POST", "/v1/completions", iter([big[:300000], big[300000:]]), encode_chunked=True,
                           headers={"Transfer-Encoding": "chunked"})
        assert connection.getresponse().status == 413
        connection.close()
        # It all did no harm.
        assert s.get("/v1/completions", {"prompt": PROMPT, "max_tokens": 2})["choices"][0]["text"]


def raw():
    """What is no HTTP, or only half of it."""
    body = json.dumps({"prompt": PROMPT, "max_tokens": 2}).encode()
    head = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    with Server(xltune) as s:
        # The pieces of a request one byte at a time, and two requests at once.
        with socket.create_connection((s.host, s.port), timeout=LIMIT_S) as c:
            for byte in head % len(body) + body:
                c.sendall(bytes([byte]))
            assert b"200 OK" in c.recv(65536)
            c.sendall((head % len(body) + body) * 2)
            seen = b""
            while seen.count(b"200 OK") < 2:
                more = c.recv(65536)
                assert more, seen
                seen += more

    def answer_to(data):
        # Without --idle-limit it is a minute.
        with socket.create_connection((s.host, s.port), timeout=50) as c:
            try:
                c.sendall(data)
                return c.recv(65536)
            except ConnectionError:
                return b""
    with Server(xltune, "--idle-limit", "1s") as s:
        for data in (b"\0" * 5000, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
                     b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
                     b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
                     b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                     b"GET /%00%ff%2e%2e/ HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /" + b"a" * 30000 + b" HTTP/1.1\r\n\r\n"):
            reply = answer_to(data)
            assert not reply or reply.split(b" ")[1][:1] in b"45", (data[:60], reply[:100])
        # Half a request is not waited for longer than the limit says, nor is a connection without any.
        for data in (b"", b"POST /v1/comp", head % 5000 + b"{"):
            start = time.monotonic()
            assert answer_to(data) == b""
            assert time.monotonic() - start > 0.5, data


def many_bodies():
    """What all requests that are being read may hold together has a limit, from which the server comes back; nor is a
    body read for ever, or waited for in vain."""
    limit = 4096
    with Server(xltune, "--max-body-mb", str(limit / 2 ** 20), "--idle-limit", "600s") as s:
        ask = json.dumps({"content": "x" * 3000}).encode()
        head = b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%s\r\n"
        held = []
        for _ in range(100):  # 64 x 4096 bytes are allowed
            c = socket.create_connection((s.host, s.port), timeout=LIMIT_S)
            c.sendall(head % (len(ask), b"") + ask[:-1])
            held.append(c)
        end = time.monotonic() + LIMIT_S
        while s.ask("/tokenize", ask)[0] != 503:
            assert time.monotonic() < end
        for _ in range(100):
            assert s.get("/tokenize", ask, status=503)["error"]["message"] == "too many requests are being read"
        assert s.get("/health") == {"status": "ok"}
        for c in held:
            c.close()
        end = time.monotonic() + LIMIT_S
        while s.ask("/tokenize", ask)[0] != 200:
            assert time.monotonic() < end

        def answer_to(data):
            with socket.create_connection((s.host, s.port), timeout=LIMIT_S) as c:
                try:
                    c.sendall(data)
                    return c.recv(65536)
                except ConnectionError:
                    return b""
        # Whoever asks before sending, and whoever would send for ever, is answered at once.
        expects = b"Expect: 100-continue\r\n"
        assert b" 100 " in answer_to(head % (len(ask), expects)).split(b"\r\n")[0]
        assert b" 413 " in answer_to(head % (limit + 1, expects)).split(b"\r\n")[0]
        assert b" 404 " in answer_to((head % (len(ask), expects)).replace(b"/tokenize", b"/nothing")).split(b"\r\n")[0]
        assert b" 413 " in answer_to(head % (1 << 40, b"")).split(b"\r\n")[0]
        endless = (head % (0, b"Transfer-Encoding: chunked\r\n")).replace(b"Content-Length: 0\r\n", b"")
        chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
        assert answer_to(endless + chunk * 64) == b""


def clients_that_vanish():
    with Server(xltune, "--max-streams", "20", "--max-tokens", "1000000") as s:
        sockets = []
        for i in range(40):
            c = socket.create_connection((s.host, s.port), timeout=LIMIT_S)
            body = json.dumps({**LONG, "stream": i % 2 == 0}).encode()
            c.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            sockets.append(c)
        s.wait_for("sequences", 20)
        s.wait_for("queued", 20)
        other = s.connect()
        for c in sockets:
            c.close()
        # One that waits may begin before it is seen that its client is gone, so the number of sequences may be 0 before.
        s.wait_for("jobs_cancelled_total", 40)
        s.wait_for("sequences", 0)
        s.wait_for("queued", 0)
        assert s.metric("jobs_cancelled_total") == 40
        other.request("GET", "/health")
        assert other.getresponse().status == 200


def slow_readers():
    with Server(xltune, "--idle-limit", "4s", "--max-tokens", "1000000") as s:
        body = json.dumps({**LONG, "stream": True, "logprobs": 20, "n": 8}).encode()
        c = socket.socket()
        c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c.connect((s.host, s.port))
        c.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        s.wait_for("slow_readers_total", 1)
        s.wait_for("sequences", 0)
        c.close()


def full_queue():
    with Server(xltune, "--max-streams", "1", "--max-queue", "1", "--max-tokens", "1000000") as s:
        held = []
        for _ in range(2):
            c = s.connect()
            c.request("POST", "/v1/completions", json.dumps({**LONG, "stream": True}))
            held.append(c)
        s.wait_for("queued", 1)
        status, headers, text = s.ask("/v1/completions", {"prompt": PROMPT})
        assert status == 429 and int(headers["Retry-After"]) >= 1, (status, text)
        assert json.loads(text)["error"]["code"] == "rate_limit_exceeded"
        assert s.get("/v1/completions", {"prompt": PROMPT, "n": 2}, status=400)["error"]["message"].startswith("n: 2, wanted at most 1")
        for c in held:
            c.close()
        # The second takes the place of the first, until it is seen that it is gone too.
        s.wait_for("jobs_cancelled_total", 2)
        s.wait_for("sequences", 0)
        s.get("/v1/completions", {"prompt": PROMPT})
    # A request that takes too long ends.
    with Server(xltune, "--max-tokens", "1000000", "--request-limit", "1s") as s:
        error = s.get("/v1/completions", LONG, status=503)["error"]
        assert "time limit" in error["message"]
        connection = s.connect()
        connection.request("POST", "/v1/completions", json.dumps({**LONG, "stream": True}))
        last = connection.getresponse().read().decode().rstrip("\n").split("\n\n")[-1]
        assert "time limit" in json.loads(last.removeprefix("data: "))["error"]["message"]


def who_may_ask():
    with tempfile.TemporaryDirectory() as folder:
        keys = os.path.join(folder, "keys")
        with open(keys, "w", encoding="ascii") as file:
            file.write("# ours\nfirst-key-123\n\n  second-key-456\n")
        sessions = os.path.join(folder, "sessions")
        with Server(xltune, "--api-key-file", keys, "--sessions", sessions, env={"XLTUNE_API_KEY": "third-key-789"}) as s:
            assert s.get("/health") == {"status": "ok"}
            for wrong in (None, "", "Bearer", "Bearer ", "Bearer first-key-124", "first-key-12", "Basic Zmlyc3Q="):
                status, headers, text = s.ask("/v1/models", headers={"Authorization": wrong} if wrong is not None else {})
                assert status == 401 and headers["WWW-Authenticate"] == "Bearer", (wrong, text)
                assert json.loads(text)["error"]["code"] == "invalid_api_key"
                assert s.ask("/v1/completions", {"prompt": "x"}, headers={"Authorization": wrong or ""})[0] == 401
                assert s.ask("/metrics", headers={"Authorization": wrong or ""})[0] == 401
            for key in ("first-key-123", "second-key-456", "third-key-789"):
                assert s.ask("/v1/models", headers={"Authorization": "Bearer " + key})[0] == 200
            # One's conversations are not another's.
            mine, other = ({"Authorization": "Bearer " + key} for key in ("first-key-123", "second-key-456"))
            s.get("/v1/completions", {"prompt": PROMPT, "session_id": "a"}, headers=mine)
            s.get("/v1/completions", {"prompt": "", "session_from": "a"}, headers=mine)
            s.get("/v1/completions", {"prompt": "", "session_from": "a"}, headers=other, status=404)
    with Server(xltune) as s:
        ask = {"prompt": PROMPT, "max_tokens": 1}
        for headers, status in (({"Host": "evil.example"}, 403), ({"Host": "localhost:80"}, 200), ({"Host": "[::1]"}, 200),
                                ({"Origin": "https://evil.example"}, 403), ({"Origin": "null"}, 403),
                                ({"Origin": "http://localhost:3000"}, 200), ({"Host": "localhost.evil.example"}, 403)):
            assert s.ask("/v1/completions", ask, headers=headers)[0] == status, headers
        # A port that another server has, and the other address of this machine.
        taken = subprocess.run([xltune, "serve", "--model", MODEL, "--port", str(s.port)], capture_output=True, text=True, timeout=LIMIT_S)
        assert taken.returncode == 1 and f"port {s.port}: Address already in use" in taken.stderr, taken.stderr
        # That is said before a model is loaded, which may take minutes: here there is none.
        taken = subprocess.run([xltune, "serve", "--model", os.path.dirname(MODEL), "--port", str(s.port)], capture_output=True, text=True, timeout=LIMIT_S)
        assert taken.returncode == 1 and f"port {s.port}: Address already in use" in taken.stderr, taken.stderr
        # Bodies are not unpacked.
        for name, status in (("gzip", 415), ("br", 415), ("identity", 200), ("Identity", 200)):
            answer = s.ask("/v1/completions", ask, headers={"Content-Encoding": name})
            assert answer[0] == status, (name, answer)
            assert status == 200 or f"Content-Encoding: found {name}; " in json.loads(answer[2])["error"]["message"], answer
        assert s.get("/health") == {"status": "ok"}
    if os.path.exists("/proc/net/if_inet6") and " lo" in open("/proc/net/if_inet6", encoding="ascii").read():
        with Server(xltune, "--host", "[::1]") as s:
            assert s.said().count(f"at http://[::1]:{s.port}") == 1
            with socket.create_connection(("::1", s.port), timeout=LIMIT_S) as c:
                c.sendall(b"GET /health HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n")
                assert c.recv(100).startswith(b"HTTP/1.1 200")
    for flags, wanted in ((("--host", "0.0.0.0"), "a key is wanted"), (("--api-key-file", "/nowhere"), "/nowhere"),
                          (("--host", "300.1.1.1", "--api-key-file", "/dev/null"), "holds no key"),
                          (("--sessions", __file__), "cannot make folder: Not a directory"),
                          (("--sessions", __file__ + "/talks"), "cannot make folder: Not a directory")):
        for model in (MODEL, os.path.dirname(MODEL)):  # the other folder holds none, so nothing was loaded
            done = subprocess.run([xltune, "serve", "--model", model, "--port", "0", *flags], capture_output=True, text=True, timeout=LIMIT_S)
            assert done.returncode == 1 and wanted in done.stderr, done.stderr
    # Names are not cut off: the first 63 bytes of this one are an address of this machine.
    for host, wanted in (("127.0.0." + 54 * "0" + "1x", f"{54 * '0'}1x: "), (300 * "a", "300 bytes, wanted at most 255")):
        done = subprocess.run([xltune, "serve", "--model", MODEL, "--port", "0", "--host", host], capture_output=True, text=True,
                              env={**os.environ, "XLTUNE_API_KEY": "twelve-letters"}, timeout=LIMIT_S)
        assert done.returncode == 1 and wanted in done.stderr, done.stderr


def drains():
    with Server(xltune, "--max-tokens", "1000000", "--drain-limit", "300s") as s:
        kept = s.connect()
        kept.request("GET", "/health")
        kept.getresponse().read()
        text = []

        def stream():
            text.append(s.get("/v1/completions", {"prompt": PROMPT, "max_tokens": 3000, "ignore_eos": True}))
        thread = threading.Thread(target=stream)
        thread.start()
        while s.metric("generated_tokens_total") < 1:
            time.sleep(0.01)
        s.process.send_signal(signal.SIGTERM)
        # It notices the signal within a tenth of a second, later on a busy machine; the stream may end before.
        refused = closed = False
        while not (refused and closed) and s.process.poll() is None and not text:
            try:
                if not refused:
                    kept.request("POST", "/v1/completions", json.dumps({"prompt": PROMPT, "max_tokens": 1}))
                    reply = kept.getresponse()
                    reply.read()
                    assert reply.status in (200, 503), reply.status
                    refused = reply.status == 503
            except (ConnectionError, http.client.HTTPException):  # it has ended
                kept.close()
            try:
                s.ask("/health")
            except (ConnectionError, http.client.HTTPException):
                closed = True
            time.sleep(0.05)
        assert refused and closed or text or s.process.poll() is not None
        kept.close()
        thread.join(LIMIT_S + 10)
        assert text[0]["usage"]["completion_tokens"] == 3000
        assert s.process.wait(LIMIT_S) == 143
    # Whoever takes longer than the limit is told so.
    with Server(xltune, "--max-tokens", "1000000", "--drain-limit", "0") as s:
        c = s.connect()
        c.request("POST", "/v1/completions", json.dumps({**LONG, "stream": True}))
        reply = c.getresponse()
        reply.read(100)
        s.process.send_signal(signal.SIGTERM)
        try:
            reply.read()
        except (http.client.IncompleteRead, ConnectionError):
            pass
        assert s.process.wait(LIMIT_S) == 143


def asked_to_the_end():
    """Requests come in until the server is gone, also while it stops; what it had of them is freed (a sanitizer tells)."""
    with Server(xltune, "--drain-limit", "0") as s:
        def ask():
            c = s.connect()
            try:
                while True:
                    c.request("POST", "/tokenize", json.dumps({"content": PROMPT}))
                    c.getresponse().read()
            except (OSError, http.client.HTTPException):
                c.close()
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        while s.metric("requests_total") < 50:
            time.sleep(0.01)
        assert s.stop() == 143
        for thread in threads:
            thread.join()


def conversations_and_cache():
    with tempfile.TemporaryDirectory() as folder:
        flags = ("--sessions", os.path.join(folder, "s"), "--cache-dir", os.path.join(folder, "c"))
        greedy = {"prompt": PROMPT, "max_tokens": 24, "temperature": 0}
        with Server(xltune, *flags) as s:
            whole = s.get("/v1/completions", greedy)
            again = s.get("/v1/completions", greedy)
            assert again["usage"]["prompt_tokens_details"]["cached_tokens"] == whole["usage"]["prompt_tokens"]
            assert text_of(again) == text_of(whole)
            first = text_of(s.get("/v1/completions", {**greedy, "max_tokens": 10, "session_id": "talk"}))
            sizes = [os.path.getsize(os.path.join(folder, "s", "talk.safetensors"))]
        # What a server that was killed was writing is removed at the next start, and nothing else.
        gone = 4999999  # more than a process's number can be
        os.mkdir(os.path.join(folder, "s", 16 * "a"))
        left = [os.path.join(folder, *place, f"xltune-{gone}-0.tmp") for place in (("s",), ("s", 16 * "a"), ("c", *os.listdir(os.path.join(folder, "c"))[:1]))]
        for path in [*left, os.path.join(folder, "s", "notes.tmp")]:
            open(path, "w").close()
        with Server(xltune, *flags) as s:
            assert not any(map(os.path.exists, left)) and os.path.exists(os.path.join(folder, "s", "notes.tmp"))
            # Both survive the restart.
            longer = s.get("/v1/completions", {**greedy, "prompt": PROMPT + text_of(whole)})
            assert longer["usage"]["prompt_tokens_details"]["cached_tokens"] > 16, longer["usage"]
            more = {**greedy, "prompt": "", "max_tokens": 14}
            fork = text_of(s.get("/v1/completions", {**more, "session_from": "talk", "session_id": "fork"}))
            assert first + fork == text_of(whole)
            with open(os.path.join(folder, "s", "fork.safetensors"), "rb") as file:
                before = file.read()
            taken = s.get("/v1/completions", {**more, "session_from": "talk", "session_id": "fork"}, status=409)["error"]
            assert taken["param"] == "session_id" and "'fork' already" in taken["message"], taken
            with open(os.path.join(folder, "s", "fork.safetensors"), "rb") as file:
                assert file.read() == before
            assert first + text_of(s.get("/v1/completions", {**more, "session_id": "talk"})) == text_of(whole)
            sizes.append(os.path.getsize(os.path.join(folder, "s", "talk.safetensors")))
            assert sizes[0] == sizes[1]
            assert "no such" in s.get("/v1/completions", {**more, "session_from": "nobody"}, status=404)["error"]["message"]
            for i in range(2):
                chat = s.get("/v1/chat/completions", {"messages": [{"role": "user", "content": f"Question {i}"}],
                                                      "max_tokens": 8, "session_id": "chat"})
                assert chat["choices"][0]["message"]["content"]
            with open(os.path.join(folder, "s", "broken.safetensors"), "wb") as file:
                file.write(b"nothing")
            assert s.ask("/v1/completions", {**more, "session_id": "broken"})[0] == 409


tests = [completions, chat, templates, plain, names, huge_pages, errors, raw, many_bodies, clients_that_vanish, slow_readers, full_queue,
         who_may_ask, drains, asked_to_the_end, conversations_and_cache]
for test in tests:
    if len(sys.argv) < 3 or test.__name__ in sys.argv[2:]:
        start = time.monotonic()
        test()
        print(f"ok {test.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
