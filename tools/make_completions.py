#!/usr/bin/env python3
"""make_completions.py XLTUNE OUT_DIR: completion files for bash, zsh and fish, from the program's own help."""
import os
import sys

from helptext import Help, commands

FILES = {"FILE", "DIR", "RUN", "PATH"}


def pages(xltune):
    for name, summary in commands(xltune):
        yield name, summary, [option for _, section in Help(xltune, name).sections for option in section]


def kind(option):
    if option.choices:
        return " ".join(option.choices)
    return "files" if option.argument in FILES else "any" if option.argument else ""


def bash(all_pages):
    out = ["# bash completion of xltune; made from its help", "_xltune() {",
           "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} flags=",
           "    COMPREPLY=()",
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then",
           f"        COMPREPLY=($(compgen -W \"{' '.join(n for n, _, _ in all_pages)} help --version --help\" -- \"$word\"))",
           "        return", "    fi", "    case ${COMP_WORDS[1]}:$before in"]
    for name, _, options in all_pages:
        for option in options:
            if kind(option) not in ("", "files", "any"):
                out += [f"    {name}:{option.name})",
                        f"        COMPREPLY=($(compgen -W \"{kind(option)}\" -- \"$word\"))", "        return ;;"]
    files = sorted({option.name for _, _, options in all_pages for option in options if kind(option) == "files"})
    values = sorted({option.name for _, _, options in all_pages for option in options if kind(option) == "any"})
    if files:
        out += [f"    {'|'.join('*:' + f for f in files)}|*:--model)", "        COMPREPLY=($(compgen -f -- \"$word\"))",
                "        return ;;"]
    if values:
        out += [f"    {'|'.join('*:' + v for v in values)})", "        return ;;"]
    out += ["    esac", "    case ${COMP_WORDS[1]} in"]
    for name, _, options in all_pages:
        out.append(f"    {name}) flags=\"{' '.join(o.name for o in options)} --model --help\" ;;")
    out += ["    help) flags=\"" + " ".join(n for n, _, _ in all_pages) + "\" ;;", "    esac",
            "    COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))",
            "    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$word\"))", "}",
            "complete -o filenames -F _xltune xltune"]
    return "\n".join(out) + "\n"


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def zsh(all_pages):
    out = ["#compdef xltune", "# zsh completion of xltune; made from its help", "_xltune() {", "    local -a commands",
           "    commands=("]
    out += [f"        {quoted(name + ':' + summary)}" for name, summary, _ in all_pages]
    out += ["    )", "    if (( CURRENT == 2 )); then", "        _describe command commands", "        return", "    fi",
            "    local command=$words[2]", "    shift words", "    (( CURRENT-- ))", "    case $command in"]
    for name, _, options in all_pages:
        out.append(f"    {name}) _arguments \\")
        for option in options:
            text = option.text.replace("[", "(").replace("]", ")").replace(":", "\\:")
            spec = f"{option.name}[{text}]"
            if option.argument:
                action = {"files": "_files", "any": " "}.get(kind(option), f"({kind(option)})")
                spec += f":{option.argument}:{action}"
            out.append(f"        {quoted(spec)} \\")
        out.append("        '--help[the options]' '*:file:_files' ;;")
    out += ["    esac", "}", "_xltune \"$@\""]
    return "\n".join(out) + "\n"


def fish(all_pages):
    out = ["# fish completion of xltune; made from its help",
           "complete -c xltune -n __fish_use_subcommand -f -l version -d 'print the version'"]
    for name, summary, options in all_pages:
        out.append(f"complete -c xltune -n __fish_use_subcommand -f -a {name} -d {quoted(summary)}")
        for option in options:
            what = {"": "", "files": " -r -F", "any": " -x"}.get(kind(option), f" -x -a {quoted(kind(option))}")
            out.append(f"complete -c xltune -n '__fish_seen_subcommand_from {name}' -l {option.name[2:]}{what}"
                       f" -d {quoted(option.text)}")
    return "\n".join(out) + "\n"


def main():
    xltune, out = sys.argv[1:3]
    os.makedirs(out, exist_ok=True)
    all_pages = list(pages(xltune))
    for name, text in (("xltune.bash", bash(all_pages)), ("_xltune", zsh(all_pages)), ("xltune.fish", fish(all_pages))):
        with open(os.path.join(out, name), "w", encoding="utf-8") as file:
            file.write(text)


main()
