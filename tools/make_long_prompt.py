#!/usr/bin/env python3
"""make_long_prompt.py XLTUNE [TOKENS] > prompts/prompt_16k.txt

Writes a prompt of about TOKENS (16,000) tokens of the embedded checkpoint: chapters, each an opening of ours
and what the model makes of it. The same program and checkpoint give the same text.
"""
import os
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODEL = os.path.join(SOURCE, "models", "tiny-literature")
CHAPTER = 1000  # tokens of the model's own a chapter
OPENINGS = [
    "The road to the town ran for three miles along the river, and the\nold man walked it every morning before the sun was up.",
    "It was agreed among all the neighbours that the young doctor had come\ninto a fortune, though nobody could say from whom.",
    "When the ship had lain five days in the harbour without a word from\nher owners, the captain sent for his mate and shut the cabin door.",
    "My aunt had two rooms above the baker’s, and in the smaller of them\nshe kept a parrot, a spinet, and the portrait of a colonel.",
    "The letter was not signed, and the seal had been broken before it\nreached her hands.",
    "There had been snow in the night, and the marks of a single pair of\nboots went from the gate to the library window, and did not return.",
    "“You will never persuade my father,” said the girl, “for he has not\nchanged his mind since the year of the great flood.”",
    "On the evening of the fair, when the lamps had been lit along the\nmarket, a carriage with four grey horses stopped before the inn.",
]


def generate(xltune, prompt, seed):
    command = [xltune, "generate", "--model", MODEL, "--no-best", "--prompt", prompt, "--max-new-tokens",
               str(CHAPTER), "--temperature", "0.8", "--top-p", "0.95", "--seed", str(seed)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode()


def count(xltune, text):
    done = subprocess.run([xltune, "tokenize", "--model", MODEL, "--file", "-"], input=text.encode(), check=True,
                          stdout=subprocess.PIPE)
    return len(done.stdout.split())


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    xltune, wanted = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 16000
    text = ""
    chapter = 0
    while count(xltune, text) < wanted:
        opening = OPENINGS[chapter % len(OPENINGS)]
        body = opening + generate(xltune, opening, chapter + 1)
        # A chapter ends with a whole sentence.
        end = max(body.rfind(mark) for mark in (".\n", ".”", "?”", "!”", ". "))
        chapter += 1
        text += f"CHAPTER {chapter}.\n\n{body[:end + 2].rstrip()}\n\n\n"
    sys.stdout.write(text.rstrip() + "\n")


main()
