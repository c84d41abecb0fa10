"""The server on the first GPU, or on the software device, answers as on the processor: one request behind the other,
several at once, and where there is room for one sequence only.

  test_device.py XLTUNE      exit code 77 where there is no device
"""
import subprocess
import sys
import threading

from running import Server

PROMPTS = ["Call me Ishmael.", "The sea " * 20, "It was", "One two three four five six seven eight"]


def answer(server, prompt):
    return server.get("/v1/completions", {"prompt": prompt, "max_tokens": 12, "temperature": 0})["choices"][0]["text"]


def together(server):
    texts = [None] * len(PROMPTS)

    def ask(i):
        texts[i] = answer(server, PROMPTS[i])

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(PROMPTS))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return texts


def main():
    xltune = sys.argv[1]
    listed = subprocess.run([xltune, "devices"], capture_output=True, text=True, check=True).stdout
    if not any(line.startswith("vulkan") for line in listed.splitlines()):
        print("there is no Vulkan device")
        return 77
    with Server(xltune) as server:
        wanted = [answer(server, p) for p in PROMPTS]
    device = ["--device", "vulkan", "--compute", "f32", "--slice", "64"]
    with Server(xltune, *device) as server:
        assert [answer(server, p) for p in PROMPTS] == wanted
        assert together(server) == wanted
    # A slice of one token, and one sequence: nothing can be read beside anything.
    with Server(xltune, *device, "--max-streams", "1", "--slice", "1") as server:
        assert together(server) == wanted
    print(f"{3 * len(PROMPTS)} answers as on the processor")
    return 0


sys.exit(main())
