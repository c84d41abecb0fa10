#!/usr/bin/env python3
"""with_server.py XLTUNE COMMAND…: runs a command while a server runs, whose address is its last argument."""
import subprocess
import sys

from running import LIMIT_S, Server

with Server(sys.argv[1], "--max-streams", "8", "--max-queue", "1") as s:
    code = subprocess.run([*sys.argv[2:], f"http://{s.host}:{s.port}/v1"], timeout=LIMIT_S).returncode
sys.exit(code)
