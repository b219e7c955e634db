"""Asks magnum-api all the time until SIGTERM, then until both services are back, and prints how long each was out of work.

Standard input: JSON with "url" (the API's own), "log" (the conductor's), "every" (seconds between two requests) and
"limit" (seconds after SIGTERM). Printed, as JSON, in milliseconds: "api", the longest time between the ends of two
answers below 500 that follow each other; "conductor", by its own log from "Caught SIGTERM" of the old process to the
last "Starting N workers" of the new one.
"""

import datetime
import http.client
import json
import os
import re
import signal
import sys
import time
import urllib.parse

request = json.load(sys.stdin)
address = urllib.parse.urlsplit(request["url"])
stopping = re.compile(r"^(\S+ \S+) (\d+) .*Caught SIGTERM", re.M)
starting = re.compile(r"^(\S+ \S+) (\d+) .*Starting \d+ workers", re.M)
state = {"stop": None}


def answers():
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        response.read()
        return response.status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def moment(match):
    return datetime.datetime.strptime(match.group(1), "%Y-%m-%d %H:%M:%S.%f").timestamp()


def conductor_gap(begin):
    with open(request["log"], errors="replace") as log:
        log.seek(begin)
        text = log.read()
    stop = stopping.search(text)
    starts = [match for match in starting.finditer(text) if stop and match.group(2) != stop.group(2)]
    return (moment(starts[-1]) - moment(stop)) * 1000 if starts else None


def longest_gap(begin):
    last, longest = time.monotonic(), 0.0
    while True:
        asked = time.monotonic()
        good = answers()
        now = time.monotonic()
        if good:
            longest, last = max(longest, now - last), now
        if state["stop"] is not None:
            # An answer to a request made after the stop, and some more: a restart may just have begun.
            if good and asked > state["stop"] + 1 and conductor_gap(begin) is not None:
                return longest * 1000
            if now > state["stop"] + request["limit"]:
                sys.exit("the services were not back %d s later" % request["limit"])
        time.sleep(max(0.0, request["every"] - (time.monotonic() - asked)))


def stop(*_):
    state["stop"] = time.monotonic()


try:
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
except PermissionError:
    pass
begin = os.path.getsize(request["log"])
signal.signal(signal.SIGTERM, stop)
if not answers():
    sys.exit("magnum-api does not answer to begin with")
print(json.dumps({"api": longest_gap(begin), "conductor": conductor_gap(begin)}))
