#!/usr/bin/env python3
"""make_completions.py XLTUNE SOURCE OUT_DIR: completion files for bash, zsh and fish, from the program's own help and the
packaged profiles."""
import os
import sys

from helptext import Help, commands

FILES = {"FILE", "DIR", "RUN", "PATH"}


class Command:
    """Name, summary, options and actions; for an option its values: words, whether files, whether a value follows."""

    def __init__(self, xltune, name, summary, profiles):
        page = Help(xltune, name)
        self.name, self.summary, self.actions = name, summary, page.actions
        self.options = [option for _, section in page.sections for option in section]
        self.profiles = profiles

    def words(self, option):
        return self.profiles if option.name == "--profile" else option.choices

    @staticmethod
    def files(option):
        return option.argument in FILES or option.name == "--profile"


def bash(all_commands):
    names = " ".join(c.name for c in all_commands)
    out = ["# bash completion of xltune; made from its help", "_xltune() {",
           "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words= head=",
           "    COMPREPLY=()",
           "    # --flag=value comes as three words",
           "    if [ \"$word\" = = ]; then word=",
           "    elif [ \"$before\" = = ]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi",
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then",
           f"        COMPREPLY=($(compgen -W \"{names} help --version --help\" -- \"$word\"))",
           "        return", "    fi", "    case ${COMP_WORDS[1]}:$before in"]
    files, anything = set(), set()
    for c in all_commands:
        for option in c.options:
            spelled = "|".join(f"{c.name}:{s}" for s in option.spellings)
            if c.words(option):
                out.append(f"    {spelled}) words=\"{' '.join(c.words(option))}\" ;;")
            elif option.argument:
                (files if c.files(option) else anything).add(spelled)
    out += [f"    {'|'.join(sorted(files))}) COMPREPLY=($(compgen -f -- \"$word\")); return ;;",
            f"    {'|'.join(sorted(anything))}) return ;;", "    esac",
            "    if [ -n \"$words\" ]; then",
            "        # of a list the last name",
            "        case $word in *,*) head=${word%,*}, word=${word##*,} ;; esac",
            "        COMPREPLY=($(compgen -P \"$head\" -W \"$words\" -- \"$word\"))",
            "        [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$word\"))",
            "        return", "    fi", "    case ${COMP_WORDS[1]}:$COMP_CWORD in",
            f"    help:2) words=\"{names}\" ;;", "    help:*) return ;;"]
    for c in all_commands:
        if c.actions:
            out.append(f"    {c.name}:2) words=\"{' '.join(c.actions + [o.name for o in c.options])} --help\" ;;")
        out.append(f"    {c.name}:*) words=\"{' '.join(o.name for o in c.options)} --model --help\" ;;")
    out += ["    esac", "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))",
            "    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$word\"))", "}",
            "complete -o filenames -F _xltune xltune"]
    return "\n".join(out) + "\n"


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def zsh(all_commands):
    described = [f"        {quoted(c.name + ':' + c.summary)}" for c in all_commands]
    out = ["#compdef xltune", "# zsh completion of xltune; made from its help", "_xltune_profiles() {",
           f"    _alternative 'names:profile:({' '.join(all_commands[0].profiles)})' 'files:file:_files'", "}",
           "_xltune() {", "    local -a commands",
           "    commands=(", *described, "    )", "    if (( CURRENT == 2 )); then",
           "        commands+=('help:the options of a command')", "        _describe command commands", "        return", "    fi",
           "    local command=$words[2]", "    shift words", "    (( CURRENT-- ))", "    case $command in",
           "    help) _describe command commands ;;"]
    for c in all_commands:
        out.append(f"    {c.name}) _arguments \\")
        for option in c.options:
            text = option.text.replace("[", "(").replace("]", ")").replace(":", "\\:")
            spec = f"[{text}]"
            if option.argument:
                words = " ".join(c.words(option))
                action = f"_values -s , value {words}" if option.argument in ("NAMES", "LIST") and words else f"({words})"
                if option.name == "--profile":
                    action = "_xltune_profiles"
                elif not words:
                    action = "_files" if c.files(option) else " "
                spec += f":{option.argument}:{action}"
            out.append(f"        {quoted(option.name + spec)} \\")
        first = f"'1:action:({' '.join(c.actions)})' " if c.actions else ""
        out.append(f"        '--help[the options]' {first}'*:file:_files' ;;")
    out += ["    esac", "}", "_xltune \"$@\""]
    return "\n".join(out) + "\n"


def fish(all_commands):
    names = " ".join(c.name for c in all_commands)
    out = ["# fish completion of xltune; made from its help",
           "complete -c xltune -n __fish_use_subcommand -f -l version -d 'print the version'",
           "complete -c xltune -n __fish_use_subcommand -f -a help -d 'the options of a command'",
           f"complete -c xltune -n '__fish_seen_subcommand_from help' -f -a {quoted(names)}"]
    for c in all_commands:
        seen = f"__fish_seen_subcommand_from {c.name}; and not __fish_seen_subcommand_from help"
        out.append(f"complete -c xltune -n __fish_use_subcommand -f -a {c.name} -d {quoted(c.summary)}")
        if c.actions:
            actions = " ".join(c.actions)
            out.append(f"complete -c xltune -n '{seen}; and not __fish_seen_subcommand_from {actions}' -f "
                       f"-a {quoted(actions)}")
        for option in c.options:
            words = " ".join(c.words(option))
            what = ""
            if words:
                what = f" {'-r' if c.files(option) else '-x'} -a {quoted(words)}"
            elif option.argument:
                what = " -r -F" if c.files(option) else " -x"
            out.append(f"complete -c xltune -n '{seen}' -l {option.name[2:]}{what} -d {quoted(option.text)}")
    return "\n".join(out) + "\n"


def main():
    xltune, source, out = sys.argv[1:4]
    os.makedirs(out, exist_ok=True)
    profiles = sorted(name[:-5] for name in os.listdir(os.path.join(source, "profiles")) if name.endswith(".json"))
    listed = [Command(xltune, name, summary, profiles) for name, summary in commands(xltune)]
    for name, write in (("xltune.bash", bash), ("_xltune", zsh), ("xltune.fish", fish)):
        with open(os.path.join(out, name), "w", encoding="utf-8") as file:
            file.write(write(listed))


main()
