"""The processor's time that programs and servers take. Linux."""

import os
import subprocess

TICK = os.sysconf("SC_CLK_TCK")
# Of a process that ends before its file is opened, and before it is read.
GONE = (FileNotFoundError, ProcessLookupError)


def _stat(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        # The name, in brackets, may contain anything.
        return file.read().rpartition(")")[2].split()


def _children(pid):
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if int(_stat(name)[1]) == pid:
                    found.append(int(name))
            except GONE:
                continue
    return found


def of_server(pid):
    """The seconds of a process, its children, and those of them that have ended."""
    while True:
        children = _children(pid)
        try:
            ticks = sum(int(field) for child in children for field in _stat(child)[11:13])
        except GONE:
            # One has ended meanwhile, and is in its parent's sum from now on.
            continue
        ticks += sum(int(field) for field in _stat(pid)[11:15])
        if set(_children(pid)) == set(children):
            return ticks / TICK


def of_program(command):
    """Runs a program to its end; what it printed, and the seconds that it took."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        # What it prints is short, so that no pipe is full.
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        printed, said = child.communicate()
    if child.returncode != 0:
        raise SystemExit(f"error: {command[0]} ended with {child.returncode}: {said.strip()}")
    return printed, used.ru_utime + used.ru_stime
