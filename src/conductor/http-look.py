"""Asks addresses for / by HTTP, or HTTPS where that is what they speak, and prints what each answers, as JSON.

Argument: a JSON list of objects with "host" and "port". Each is asked for at most 5 s, nothing is followed or verified.
"""

import http.client
import json
import socket
import ssl
import sys

SECONDS = 5


def plain(host, port):
    return http.client.HTTPConnection(host, port, timeout=SECONDS)


def encrypted(host, port):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=SECONDS, context=context)


def status(connection):
    try:
        connection.request("GET", "/", headers={"Connection": "close"})
        return connection.getresponse().status
    finally:
        connection.close()


def ask(host, port):
    """A server that expects TLS answers 400 to plain HTTP, or closes the connection."""
    try:
        found = status(plain(host, port))
    except (http.client.HTTPException, ConnectionError):
        return status(encrypted(host, port))
    if found != 400:
        return found
    try:
        return status(encrypted(host, port))
    except ssl.SSLError:
        return found


def look(address):
    try:
        return {"status": ask(address["host"], address["port"])}
    except (socket.timeout, TimeoutError):
        return {"error": "no answer within %d s" % SECONDS}
    except (OSError, http.client.HTTPException) as error:
        return {"error": "%s: %s" % (type(error).__name__, error)}


print(json.dumps([look(address) for address in json.loads(sys.argv[1])]))
