#!/bin/sh
# Starts an xltune agent on each machine by ssh and waits for all of them.
# usage: agents.sh STUDY HOST...      XLTUNE: the program on the hosts (default: xltune); SSH: how to reach one (ssh)
# The password of the study comes from ~/.pgpass on the hosts.
set -eu
study=$1
shift
for host in "$@"; do
    # -tt: the agent gets a hangup, and returns what it is measuring, when this script ends.
    ${SSH:-ssh -tt} "$host" "${XLTUNE:-xltune}" agent --study "'$study'" 2>&1 </dev/null | sed "s/^/$host: /" &
done
wait
