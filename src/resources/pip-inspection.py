"""Prints what one Python interpreter sees of an installed package, as JSON; null when it sees none."""

import sys

sys.path[:] = [entry for entry in sys.path if entry]
sys.dont_write_bytecode = True

import base64
import hashlib
import importlib.metadata
import json
import os
import re


def damaged(distribution):
    """Files that are missing or whose bytes are not those that the package's RECORD lists."""
    files = distribution.files or []
    # pip adds this one when it writes RECORD anew, which it does last: without it an installation was cut off.
    names = [] if not files or any(entry.name == "INSTALLER" for entry in files) else ["INSTALLER"]
    for entry in files:
        if entry.hash is None:
            continue
        try:
            with open(distribution.locate_file(entry), "rb") as handle:
                digest = hashlib.new(entry.hash.mode, handle.read()).digest()
        except OSError:
            names.append(str(entry))
            continue
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != entry.hash.value:
            names.append(str(entry))
    return names


def digest_of(path):
    with open(path, "rb") as handle:
        return hashlib.sha256(handle.read()).hexdigest()


def half_written(distribution):
    """Files of pip's own that it was about to rename: it writes them beside the ones of an installed package, last."""
    pattern = re.compile(r"(INSTALLER|REQUESTED|RECORD|direct_url\.json)[a-z0-9_]{8}\.tmp$")
    folders = {os.path.dirname(str(f)) for f in (distribution.files or [])} if distribution else set()
    found = []
    for folder in [str(distribution.locate_file(it)) for it in folders if it.endswith(".dist-info")]:
        names = os.listdir(folder) if os.path.isdir(folder) else []
        found += [os.path.join(folder, it) for it in names if pattern.match(it)]
    return found


def leftovers(name, distribution):
    """What an installation that was cut off left: pip's renamed directories, folders that no RECORD lists, and files."""
    folder = name.replace("-", "_")
    own = {str(f).split("/")[0] for f in (distribution.files or [])} if distribution else set()
    # pip exchanges the first letters of what it is about to replace.
    ends = "|".join(re.escape(folder[at:]) for at in range(1, len(folder) - 3))
    pattern = re.compile(r"(%s|[-~.=%%0-9]+(%s))(-[^/]*\.dist-info)?$" % (re.escape(folder), ends))
    found = half_written(distribution)
    for directory in {os.path.realpath(entry) for entry in sys.path if entry.startswith("/usr/local/")}:
        names = os.listdir(directory) if os.path.isdir(directory) else []
        found += [os.path.join(directory, it) for it in names if pattern.match(it) and it not in own]
    return sorted(found)


def describe(name, group, entry_point):
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        left = leftovers(name, None)
        return {"leftovers": left} if left else None
    record = next((f for f in distribution.files or [] if f.name == "RECORD"), None)
    stat = os.stat(distribution.locate_file(record)) if record is not None else None
    entries = [e for e in distribution.entry_points if e.group == group and e.name == entry_point]
    return {
        "version": distribution.version,
        "location": str(distribution.locate_file("")),
        "damaged": damaged(distribution),
        "entryPoint": len(entries) > 0,
        "leftovers": leftovers(name, distribution),
        "record": digest_of(distribution.locate_file(record)) if record is not None else "",
        "files": [str(distribution.locate_file(f)) for f in distribution.files or []],
        "identity": "%s@%s" % (distribution.version, stat.st_ctime_ns if stat else 0),
        "changedAt": stat.st_ctime_ns / 1e6 if stat else 0,
    }


print(json.dumps(describe(*sys.argv[1:4])))
