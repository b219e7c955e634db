"""Runs a command and kills it just before its n-th call that changes a file or starts a program.

A call that finds its work done already (mkdir of what is there, unlink of what is not) does not count, and of a row of
writes to one file only the first two do: before the first byte, and with a part of them written.

Usage: kill-at.py LOG AT WHO COMMAND...
  LOG  gets a line for each call: number, pid, program, call, what it is about; the last is the one that was not done
  AT   the number of the call; 0: count only
  WHO  all: the command and all that it started end at once; one: only the process that makes the call, as with
       strace's injection, which counts by thread and by name of a call and so can't be told a point of the whole run
Ends with the command's exit code, 137 where it was killed. What it left running goes on.
"""
import ctypes
import os
import platform
import signal
import stat
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long

CONT, SEIZE, LISTEN, GETEVENTMSG, SYSCALL_INFO = 7, 0x4206, 0x4208, 0x4201, 0x420E
OPTIONS = 0x02 | 0x04 | 0x08 | 0x80  # fork, vfork, clone, seccomp
FORK, VFORK, CLONE, SECCOMP, STOP = 1, 2, 3, 7, 128
WALL = 0x40000000
TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
WRITES = ("write", "pwrite64", "writev", "pwritev", "sendfile", "copy_file_range")
HOOK_COMMANDS = "/var/lib/juju/tools/"

# Name to number and to the arguments that say what it is about: p path, f file descriptor.
CALLS = {
    "x86_64": {
        "open": (2, "p"), "creat": (85, "p"), "openat": (257, "-p"), "openat2": (437, "-p"),
        "write": (1, "f"), "pwrite64": (18, "f"), "writev": (20, "f"), "pwritev": (296, "f"),
        "sendfile": (40, "f"), "copy_file_range": (326, "--f"), "fallocate": (285, "f"),
        "truncate": (76, "p"), "ftruncate": (77, "f"), "fsync": (74, "f"), "fdatasync": (75, "f"),
        "rename": (82, "pp"), "renameat": (264, "-p-p"), "renameat2": (316, "-p-p"),
        "unlink": (87, "p"), "unlinkat": (263, "-p"), "link": (86, "pp"), "linkat": (265, "-p-p"),
        "symlink": (88, "pp"), "symlinkat": (266, "p-p"), "mkdir": (83, "p"), "mkdirat": (258, "-p"),
        "rmdir": (84, "p"), "chmod": (90, "p"), "fchmod": (91, "f"), "fchmodat": (268, "-p"),
        "chown": (92, "p"), "fchown": (93, "f"), "lchown": (94, "p"), "fchownat": (260, "-p"),
        "utimensat": (280, "-p"), "setxattr": (188, "p"), "execve": (59, "p"), "execveat": (322, "-p"),
    },
    "aarch64": {
        "openat": (56, "-p"), "openat2": (437, "-p"), "write": (64, "f"), "pwrite64": (68, "f"),
        "writev": (66, "f"), "pwritev": (70, "f"), "sendfile": (71, "f"), "copy_file_range": (285, "--f"),
        "fallocate": (47, "f"), "truncate": (45, "p"), "ftruncate": (46, "f"), "fsync": (82, "f"),
        "fdatasync": (83, "f"), "renameat": (38, "-p-p"), "renameat2": (276, "-p-p"), "unlinkat": (35, "-p"),
        "linkat": (37, "-p-p"), "symlinkat": (36, "p-p"), "mkdirat": (34, "-p"), "fchmod": (52, "f"),
        "fchmodat": (53, "-p"), "fchown": (55, "f"), "fchownat": (54, "-p"), "utimensat": (88, "-p"),
        "setxattr": (5, "p"), "execve": (221, "p"), "execveat": (281, "-p"),
    },
}[platform.machine()]
BY_NUMBER = {number: (name, about) for name, (number, about) in CALLS.items()}


def ptrace(request, pid, address=0, data=0):
    return libc.ptrace(request, pid, address, data)


def filter_calls():
    """Only the calls of the table stop; the filter is inherited by all that is started."""
    code = [struct.pack("HBBI", 0x20, 0, 0, 0)]  # load the call's number
    numbers = sorted(BY_NUMBER)
    for index, number in enumerate(numbers):
        code.append(struct.pack("HBBI", 0x15, len(numbers) - index, 0, number))
    code.append(struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000))  # allow
    code.append(struct.pack("HBBI", 0x06, 0, 0, 0x7FF00000))  # trace
    program = ctypes.create_string_buffer(b"".join(code))
    head = struct.pack("HxxxxxxP", len(code), ctypes.addressof(program))
    if libc.prctl(22, 2, ctypes.c_char_p(head), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp filter refused")


def text_at(pid, address):
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        memory.seek(address)
        data = b""
        while b"\0" not in data and len(data) < 4096:
            data += memory.read(min(256, 4096 - address % 4096) or 256)
            memory.seek(address + len(data))
        return data.split(b"\0")[0].decode("utf8", "replace")


def about(pid, kinds, arguments):
    found = []
    for kind, argument in zip(kinds, arguments):
        if kind == "p":
            found.append(text_at(pid, argument))
        elif kind == "f":
            found.append(os.readlink(f"/proc/{pid}/fd/{argument & 0xFFFFFFFF}"))
    return found


def counts(pid, name, arguments, subjects):
    """Whether a call changes a file or starts a program."""
    if name in ("open", "openat"):
        flags = arguments[1 if name == "open" else 2]
        return bool(flags & TO_WRITE) and not subjects[0].startswith(("/dev/", "/proc/"))
    if CALLS[name][1].strip("-") == "f":
        return is_file(pid, arguments, name)
    if name in ("execve", "execveat"):
        return exists(pid, subjects[0]) and subjects[0] != HOOK_COMMANDS + "node"
    if name.startswith("mkdir"):
        return not exists(pid, subjects[0])
    if name.startswith(("unlink", "rmdir")):
        return exists(pid, subjects[0])
    return True


def exists(pid, path):
    """A path that a directory handle is in front of is taken as there: such calls come from a walk over what is."""
    if path.startswith("/"):
        return os.path.lexists(f"/proc/{pid}/root{path}")
    return True


def is_file(pid, arguments, name):
    descriptor = arguments[CALLS[name][1].index("f")] & 0xFFFFFFFF
    path = os.readlink(f"/proc/{pid}/fd/{descriptor}")
    mode = os.stat(f"/proc/{pid}/fd/{descriptor}").st_mode
    return (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) and not path.startswith(("/dev/", "/proc/", "/memfd:"))


class Watch:
    def __init__(self, log, at, who):
        self.log, self.at, self.who = log, at, who
        self.number, self.tasks, self.ending = 0, set(), False
        self.started, self.written = False, {}

    def stopped_at_call(self, pid):
        data = ctypes.create_string_buffer(88)
        if ptrace(SYSCALL_INFO, pid, 88, ctypes.addressof(data)) <= 0:
            return
        number, *arguments = struct.unpack_from("7Q", data.raw, 24)
        name, kinds = BY_NUMBER[number]
        try:
            if os.readlink(f"/proc/{pid}/exe").startswith(HOOK_COMMANDS):
                return
            subjects = about(pid, kinds, arguments)
            if not counts(pid, name, arguments, subjects):
                return
            with open(f"/proc/{pid}/comm") as file:
                program = file.read().strip()
        except OSError:
            return  # a path that can't be read: the call will fail as well
        if not self.started:  # the command itself
            self.started = True
            return
        if name in WRITES:
            before, times = self.written.get(pid, (None, 0))
            times = times + 1 if before == subjects[0] else 1
            self.written[pid] = (subjects[0], times)
            if times > 2:
                return
        self.number += 1
        self.log.write(f"{self.number}\t{pid}\t{program}\t{name}\t{' -> '.join(subjects)}\n")
        if self.number == self.at:
            self.log.flush()
            self.kill(pid)

    def kill(self, pid):
        self.ending = self.who == "all"
        for task in [pid, *(self.tasks if self.ending else [])]:
            try:
                os.kill(task, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def run(self, root, tell):
        while True:
            try:
                pid, status = os.waitpid(-1, WALL)
            except ChildProcessError:
                return
            if not os.WIFSTOPPED(status):
                self.tasks.discard(pid)
                if pid == root:
                    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
                    self.log.flush()
                    tell(code)
                continue
            self.tasks.add(pid)
            if self.ending:
                self.kill(pid)
            self.go_on(pid, status)

    def go_on(self, pid, status):
        event, number = status >> 16, os.WSTOPSIG(status)
        if event == SECCOMP:
            self.stopped_at_call(pid)
        if event == STOP and number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
            ptrace(LISTEN, pid)
        else:
            ptrace(CONT, pid, 0, 0 if event else number)


def start(command):
    ready, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go)
        os.read(ready, 1)
        filter_calls()
        os.execvp(command[0], command)
    os.close(ready)
    if ptrace(SEIZE, pid, 0, OPTIONS) != 0:
        raise OSError(ctypes.get_errno(), "ptrace refused")
    os.write(go, b"x")
    os.close(go)
    return pid


def watch(log, at, who, command, told):
    """In a process of its own: what the command leaves running needs it until its end."""
    root = start(command)
    nowhere = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    with open(log, "w") as file:
        Watch(file, at, who).run(root, lambda code: os.write(told, bytes([code])))


def main(log, at, who, *command):
    code, told = os.pipe()
    if os.fork() == 0:
        os.close(code)
        watch(log, int(at), who, command, told)
        os._exit(0)
    os.close(told)
    said = os.read(code, 1)
    return said[0] if said else 125


os._exit(main(*sys.argv[1:]))
