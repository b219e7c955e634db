"""Makes a wheel out of another one: another version, and files that are added or get something in front.

Usage: make-wheel.py FROM FOLDER VERSION   with a JSON object of paths and texts on standard input; a path that is there
already gets its text in front of what it holds. Writes the wheel, and a link to it into index.html of FOLDER.
"""
import base64
import hashlib
import json
import os
import sys
import zipfile

source, folder, version = sys.argv[1:]
changes = json.load(sys.stdin)
name = "magnum_capi_helm"
old = os.path.basename(source).split("-")[1]


def renamed(path):
    return path.replace(f"{name}-{old}.dist-info", f"{name}-{version}.dist-info")


with zipfile.ZipFile(source) as wheel:
    files = {renamed(path): wheel.read(path) for path in wheel.namelist() if not path.endswith("/RECORD")}
metadata = f"{name}-{version}.dist-info/METADATA"
files[metadata] = files[metadata].replace(f"\nVersion: {old}\n".encode(), f"\nVersion: {version}\n".encode())
for path, text in changes.items():
    files[path] = text.encode() + files.get(path, b"")

record = f"{name}-{version}.dist-info/RECORD"
lines = []
for path, content in files.items():
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    lines.append(f"{path},sha256={digest},{len(content)}\n")
files[record] = "".join([*lines, f"{record},,\n"]).encode()

target = os.path.join(folder, f"{name}-{version}-py3-none-any.whl")
with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as wheel:
    for path, content in files.items():
        wheel.writestr(path, content)
with open(target, "rb") as made, open(os.path.join(folder, "index.html"), "a") as index:
    digest = hashlib.sha256(made.read()).hexdigest()
    index.write(f'<a href="{os.path.basename(target)}#sha256={digest}">{os.path.basename(target)}</a><br>\n')
