"""Prints what one Python interpreter sees of an installed package, as JSON; null when it sees none."""

import sys

sys.path[:] = [entry for entry in sys.path if entry]
sys.dont_write_bytecode = True

import base64
import hashlib
import importlib.metadata
import json
import os


def damaged(distribution):
    """Files that are missing or whose bytes are not those that the package's RECORD lists."""
    names = []
    for entry in distribution.files or []:
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


def describe(name, group, entry_point):
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    record = next((f for f in distribution.files or [] if f.name == "RECORD"), None)
    stat = os.stat(distribution.locate_file(record)) if record is not None else None
    entries = [e for e in distribution.entry_points if e.group == group and e.name == entry_point]
    return {
        "version": distribution.version,
        "location": str(distribution.locate_file("")),
        "damaged": damaged(distribution),
        "entryPoint": len(entries) > 0,
        "files": [str(distribution.locate_file(f)) for f in distribution.files or []],
        "identity": "%s@%s" % (distribution.version, stat.st_ctime_ns if stat else 0),
        "changedAt": stat.st_ctime_ns / 1e6 if stat else 0,
    }


print(json.dumps(describe(*sys.argv[1:4])))
