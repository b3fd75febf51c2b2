"""Times whole processes in turn."""

import os
import platform
import statistics
import subprocess
import time


class Command:
    """A command, what to call it, and how it may end."""

    def __init__(self, label, arguments, statuses=(0,), environment=None, folder=None):
        self.label = label
        self.arguments = [str(argument) for argument in arguments]
        self.statuses = statuses
        self.environment = {**os.environ, **(environment or {})}
        self.folder = folder

    def seconds(self):
        begin = time.perf_counter()
        done = subprocess.run(
            self.arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=self.environment,
            cwd=self.folder,
            check=False,
        )
        took = time.perf_counter() - begin
        # A command that fails early is quick, and its time worth nothing.
        if done.returncode not in self.statuses:
            said = done.stderr.decode(errors="replace").strip()
            raise SystemExit(f"error: {self.label} ended with {done.returncode}: {said}")
        return took


def in_turn(commands, rounds):
    """The seconds of each command: A B C A B C …, after a round that does not count."""
    times = {command.label: [] for command in commands}
    for number in range(rounds + 1):
        for command in commands:
            seconds = command.seconds()
            if number > 0:
                times[command.label].append(seconds)
    return times


def table(times, reference, faster=False):
    """Rows of Markdown: medians, extremes, and the median of the ratios round by round.

    The ratio is time over the reference's time; with `faster`, the reference's
    time over the command's.
    """
    head = "times faster" if faster else "ratio"
    lines = [
        f"| command | median ms | min | max | {head} |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for label, seconds in times.items():
        ratio = ratios(times, label, reference, faster)
        cells = [statistics.median(seconds), min(seconds), max(seconds)]
        cells = " | ".join(f"{cell * 1000:.0f}" for cell in cells)
        lines.append(f"| {label} | {cells} | {statistics.median(ratio):.2f} |")
    return "\n".join(lines)


def ratios(times, label, reference, faster=False):
    pairs = zip(times[label], times[reference])
    return [(b / a if faster else a / b) for a, b in pairs]


def machine():
    """What kind of machine this is, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, {memory:.0f} GiB"
