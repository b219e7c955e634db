"""Runs commands in turn, round after round, and prints what each run took, as JSON.

Standard input: "rounds", "warm-up" (rounds not counted), "limit" (seconds a run may take), "environment", and "cases":
"name", "argv", and where given "environment" (added to the other), "directory" (where it runs, "/" by default) and "remove" (a file taken away before each run).
The runs have the processors before all that has no real-time priority, where that may be asked for: what else goes on
on the machine then hardly counts. Printed: "runs", by name, a list of "ms" (until the process has ended) and "kib" (the largest memory of it and of the children
that it waited for); "undisturbed", whether they had that priority.
"""

import json
import os
import signal
import sys
import tempfile
import time


def before_all_others():
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        return False
    return True


def spawn(case, environment, output):
    actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)]
    actions += [(os.POSIX_SPAWN_DUP2, output.fileno(), descriptor) for descriptor in (1, 2)]
    return os.posix_spawn(case["argv"][0], case["argv"], environment, file_actions=actions)


def run(case, environment, limit):
    if "remove" in case and os.path.exists(case["remove"]):
        os.unlink(case["remove"])
    os.chdir(case.get("directory", "/"))
    with tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        pid = spawn(case, {**environment, **case.get("environment", {})}, output)
        signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
        signal.alarm(limit)
        _, status, usage = os.wait4(pid, 0)
        ms = (time.perf_counter() - begin) * 1000
        signal.alarm(0)
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            output.seek(0)
            end = output.read().decode(errors="replace")[-3000:]
            sys.exit("%s ended with %d after %d ms:\n%s" % (case["name"], code, ms, end))
    return {"ms": ms, "kib": usage.ru_maxrss}


request = json.load(sys.stdin)
undisturbed = before_all_others()
runs = {case["name"]: [] for case in request["cases"]}
for number in range(request["warm-up"] + request["rounds"]):
    for case in request["cases"]:
        result = run(case, request["environment"], request["limit"])
        if number >= request["warm-up"]:
            runs[case["name"]].append(result)
print(json.dumps({"undisturbed": undisturbed, "runs": runs}))
