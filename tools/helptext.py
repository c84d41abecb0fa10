"""Reads the program's own help: the commands, and for each its usage, its sections of options and its notes."""
import re
import subprocess


def run(xltune, *args):
    return subprocess.run([xltune, *args], capture_output=True, text=True, check=True).stdout


def commands(xltune):
    """[(name, summary)] as `xltune -h` lists them."""
    found = re.findall(r"^  ([a-z][a-z-]*)  +(\S.*)$", run(xltune, "-h"), re.M)
    return [(name, summary) for name, summary in found if name != "xltune"]


class Option:
    """One flag: name ("--chunk-size"), argument ("N" or ""), text, choices (may be empty)."""

    def __init__(self, name, argument):
        self.name, self.argument, self.text = name, argument, ""

    @property
    def spellings(self):
        """Its name and the other names in the help, long and short."""
        found = re.search(r"; also (-.*)$", self.text)
        return [self.name] + (found.group(1).split(", ") if found else [])

    @property
    def choices(self):
        found = re.search(r"\[([^\]]+)\]", self.text)
        return found.group(1).split(", ") if found else []


class Help:
    """A command: usage, actions (what its first argument may be), summary, sections [(title, [Option])], inert [flags], notes (text below the options)."""

    def __init__(self, xltune, command):
        self.sections, self.inert, self.notes = [], [], ""
        blocks = run(xltune, command, "-h").split("\n\n")
        head = blocks[0].split("\n")
        while len(head) > 1 and head[1].startswith("   "):
            head[0] += " " + head.pop(1).strip()
        self.usage = head[0].removeprefix("usage: ")
        self.summary = " ".join(line.strip() for line in head[1:])
        words = re.search(r" ((?:[a-z]+\|)+[a-z]+)\b", self.usage)
        self.actions = words.group(1).split("|") if words else []
        for block in blocks[1:]:
            lines = block.rstrip("\n").split("\n")
            title = re.fullmatch(r"([A-Z].*):", lines[0])
            if title and len(lines) > 1 and lines[1].startswith("  --"):
                if "without effect" in title.group(1):
                    self.inert = " ".join(lines[1:]).split()
                else:
                    self.sections.append((title.group(1), list(self.options(lines[1:]))))
            else:
                self.notes += ("\n\n" if self.notes else "") + "\n".join(lines)

    @staticmethod
    def options(lines):
        option = None
        for line in lines:
            flag = re.match(r"  (--[a-z0-9-]+)(?: (\S+))?(?:\s+(.*))?$", line)
            if flag and not line.startswith("   "):
                if option:
                    yield option
                # The help text starts in its own column; what stands before it is the argument.
                argument, text = line[2 + len(flag.group(1)):30].strip(), line[30:]
                if len(line.rstrip()) <= 30 or line[29:30] not in ("", " "):
                    argument, text = line[2 + len(flag.group(1)):].strip(), ""
                option = Option(flag.group(1), argument)
                option.text = text.strip()
            elif option:
                option.text = (option.text + " " + line.strip()).strip()
        if option:
            yield option
