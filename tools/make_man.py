#!/usr/bin/env python3
"""make_man.py XLTUNE VERSION PROSE_DIR OUT_DIR: man pages of the commands that the program has.

A page is its prose, PROSE_DIR/xltune-COMMAND.man (roff), around the options that `xltune COMMAND -h` lists, so the
options are always the program's. It prints the path of each. A command without prose gets a page from its help alone."""
import os
import re
import sys
import time

from helptext import Help, commands

# reproducible builds set SOURCE_DATE_EPOCH
DATE = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
EXIT = """.SH EXIT STATUS
.TP
.B 0
done
.TP
.B 1
failed; one line on standard error names the file, the key, what was found and what was wanted
.TP
.B 2
usage error
.TP
.B 3
stopped by the hard memory limit
.TP
.BR 130 ", " 143 ", " 129
stopped by SIGINT, SIGTERM or SIGHUP, everything written
"""


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(['.])", r"\\&\1", text, flags=re.M)


def options(page):
    out = [".SH OPTIONS", r"\(oq\-\(cq and \(oq_\(cq are interchangeable in flags. Every flag is also a key of a JSON config."]
    for title, section in page.sections:
        out.append(f".SS {roff(title)}")
        for option in section:
            argument = f" \\fI{roff(option.argument)}\\fR" if option.argument else ""
            out += [".TP", f"\\fB{roff(option.name)}\\fR{argument}", roff(option.text)]
    return "\n".join(out) + "\n"


def inert(page):
    """The options without effect, which come last because nobody looks for them."""
    if not page.inert:
        return ""
    return (".SH COMPATIBILITY\nThe following flags of the original, the Python programs that\n.BR xltune (1)\nfollows, "
            "are accepted and have no effect:\n" + ",\n".join(f"\\fB{roff(flag)}\\fR" for flag in page.inert) + ".\n")


def see_also(names, own):
    pages = ["xltune"] * (own != "xltune") + [f"xltune-{n}" for n in names if f"xltune-{n}" != own]
    return ".SH SEE ALSO\n" + ",\n".join(f".BR {roff(p)} (1)" if i == len(pages) - 1 else f".BR {roff(p)} (1)"
                                         for i, p in enumerate(pages)).replace(",\n", "\n") + "\n"


def prose(folder, name):
    path = os.path.join(folder, name + ".man")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return file.read()


def head(name, version, summary):
    return f'.TH {name.upper().replace("-", chr(92) + "-")} 1 "{DATE}" "xltune {version}" "User commands"\n' \
           f".SH NAME\n{roff(name)} \\- {roff(summary)}\n"


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    print(path)


def main():
    xltune, version, folder, out = sys.argv[1:5]
    listed = commands(xltune)
    names = [name for name, _ in listed]
    os.makedirs(out, exist_ok=True)
    for command, summary in listed:
        page, name = Help(xltune, command), "xltune-" + command
        text = head(name, version, summary)
        text += f".SH SYNOPSIS\n.B {roff(page.usage)}\n.SH DESCRIPTION\n{roff(page.summary)}\n"
        if page.notes:
            text += ".PP\n" + roff(page.notes).replace("\n\n", "\n.PP\n") + "\n"
        text += prose(folder, name) or ""
        text += options(page) + EXIT + see_also(names, name) + inert(page)
        write(os.path.join(out, name + ".1"), text)
    text = head("xltune", version, "run xLSTM checkpoints and find their fastest runtime parameters")
    text += ".SH SYNOPSIS\n.B xltune\n.I command\n.RI [ options ]\n.br\n.B xltune \\-\\-version\n"
    rows = "".join(f".TP\n.BR xltune\\-{roff(name)} (1)\n{roff(summary)}\n" for name, summary in listed)
    text += (prose(folder, "xltune") or "").replace("@COMMANDS@\n", rows)
    text += EXIT + see_also(names, "xltune")
    write(os.path.join(out, "xltune.1"), text)


main()
