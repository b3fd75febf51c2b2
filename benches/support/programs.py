"""The programs of this repository."""

import json
import pathlib
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def add_arguments(parser):
    parser.add_argument("--rounds", type=int, default=9, help="rounds that count [default: 9]")
    parser.add_argument("--debug", action="store_true", help="time debug builds")
    parser.add_argument("--programs", metavar="FOLDER", help="where built programs are; nothing is built then")


def find(arguments, name):
    """The path of a program, which is built first."""
    if arguments.programs:
        path = pathlib.Path(arguments.programs, name).resolve()
    else:
        path = _built(arguments.debug) / name
    if not path.is_file():
        raise SystemExit(f"error: there is no program {path}")
    return path


def _built(debug):
    # All programs at once: one package alone selects other features of its
    # dependencies, and compiles them again.
    build = ["cargo", "build", "--workspace", "--bins", "--locked"]
    subprocess.run(build if debug else [*build, "--release"], cwd=REPOSITORY, check=True)
    metadata = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"]
    told = subprocess.run(metadata, cwd=REPOSITORY, check=True, capture_output=True)
    return pathlib.Path(json.loads(told.stdout)["target_directory"], "debug" if debug else "release")
