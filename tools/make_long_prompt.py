#!/usr/bin/env python3
"""make_long_prompt.py [WORDS] > prompts/prompt_16k.txt

Writes a long prompt of our own making: chapters of prose put together from the sentences below, wrapped at 70
columns as the embedded checkpoint's training text is. 10,700 words (the default) are about 16,000 of its tokens.
The same number of words gives the same text.
"""
import random
import sys
import textwrap

PEOPLE = ["Mr. Alder", "the captain", "Miss Wren", "the old doctor", "my uncle", "Mrs. Pell", "the schoolmaster",
          "the widow", "young Harrow", "the ferryman", "the rector’s daughter", "the clerk"]
PLACES = ["the inn by the bridge", "the upper garden", "the long gallery", "the harbour", "the churchyard wall",
          "the mill", "the edge of the common", "the library", "the toll-gate", "the orchard"]
THINGS = ["a letter sealed with black wax", "a lantern", "the key of the vault", "a small iron box",
          "a map drawn in pencil", "the portrait of a child", "a torn glove", "an account-book", "a silver whistle",
          "a bundle of receipts"]
TIMES = ["On the morning after the storm", "Towards evening", "Before the bell had ceased to ring",
         "In the third week of October", "When the candles had been brought", "A little after midnight",
         "As soon as the coach was out of sight", "For the whole of that winter"]
MANNERS = ["without a word", "with great composure", "as if nothing had happened", "in a low voice",
           "more kindly than was expected", "with his eyes upon the ground", "not without some reluctance",
           "to the surprise of the company"]
SENTENCES = [
    "{time}, {who} was seen at {place}, carrying {thing}, and looking about {manner}.",
    "It was said in the village that {who} had quarrelled with {other} about {thing}, which neither of them would own to.",
    "“I have told you already,” said {who}, {manner}, “that I left it at {place}, and that nobody but {other} could have found it.”",
    "There was nothing at {place} but {thing}; and {who}, who had come a long way to see it, went home again {manner}.",
    "{time}, the rain having stopped, {other} walked as far as {place}, and sat there until it was dark.",
    "“You may ask {other},” was the answer, given {manner}; “but {who} will tell you the same.”",
    "Nobody remembered afterwards who had spoken first, but it is certain that {who} took up {thing} and laid it down again.",
    "The wind had gone round to the north, and the smoke from {place} lay flat upon the fields.",
    "{who_cap} had never in a long life been asked such a question, and replied to it {manner}.",
    "{time}, there came a knock at the door, and {other} stood upon the step with {thing} in both hands.",
    "They went on together past {place}, speaking of the harvest, of the price of wool, and of {other}, whom they both mistrusted.",
    "If {who} had only waited, all might have been explained; but {thing} was gone from the table, and the window stood open.",
    "“It is of no consequence,” {who} said {manner}, and folded the paper, and put it into the fire.",
    "In those days the road by {place} was hardly safe after dark, and {other} would not go that way for money.",
    "The child had fallen asleep by the hearth, and {who} covered it with a cloak, and went out {manner}.",
    "What became of {thing} was never known, though {other} made inquiries as far as the county town.",
]


def fill(rng, sentence):
    who, other = rng.sample(PEOPLE, 2)
    return sentence.format(who=who, who_cap=who[0].upper() + who[1:], other=other, place=rng.choice(PLACES),
                           thing=rng.choice(THINGS), time=rng.choice(TIMES), manner=rng.choice(MANNERS))


def main():
    if len(sys.argv) > 2:
        sys.exit(__doc__)
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 10700
    rng = random.Random(16)
    parts, words, chapter = [], 0, 0
    while words < wanted:
        chapter += 1
        parts.append(f"CHAPTER {chapter}.")
        for _ in range(rng.randint(6, 9)):
            paragraph = " ".join(fill(rng, s) for s in rng.sample(SENTENCES, rng.randint(3, 6)))
            words += len(paragraph.split())
            parts.append(textwrap.fill(paragraph, 70, break_on_hyphens=False))
    sys.stdout.write("\n\n".join(parts) + "\n")


main()
