"""Defines log_in, which daemon-view.py calls: the driver's own way to the management cluster.

What it tells are statuses, names of exceptions and digests of certificates: nothing that a server said, no credential.
"""

import base64
import hashlib
import os
import signal
import ssl

# In base64, a kubeconfig to log in with, which is set after this program; "" where that is in a file.
KUBECONFIG = ""

# Connecting, and waiting for each piece of an answer. The driver itself has no limit.
SECONDS = (5, 10)
SECONDS_FOR_ALL = 30

# What driver 1.3.0 calls it.
OLD_NAMES = {"K8sControlPlane": "KubeadmControlPlane"}


class Late(BaseException):
    pass


def late(*_):
    raise Late()


def digest(path):
    if not isinstance(path, str):
        return None
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def about_tls(error):
    """What OpenSSL says, somewhere in what requests makes of it."""
    seen, queue = set(), [error]
    while queue:
        it = queue.pop(0)
        if not isinstance(it, BaseException) or id(it) in seen:
            continue
        seen.add(id(it))
        if isinstance(it, ssl.SSLError):
            why = getattr(it, "verify_message", None) or it.reason
            if why:
                return str(why)
        queue += [*it.args, getattr(it, "reason", None), it.__cause__, it.__context__]
    return None


def failure(error):
    why = about_tls(error)
    return {"error": type(error).__name__, **({} if why is None else {"why": why})}


def described(client):
    """Whom the client asks and as whom; and what the environment and ~/.netrc make of it (requests, trust_env)."""
    import requests.utils

    settings = client.merge_environment_settings(client.server, {}, None, None, None)
    names = [name for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if os.environ.get(name)]
    return {
        "server": client.server,
        "login": "certificate" if client.cert else "token",
        "ca": digest(client.verify),
        "certificate": digest(client.cert[0]) if client.cert else None,
        "bundle": names[0] if names and settings["verify"] != client.verify else None,
        "netrc": requests.utils.get_netrc_auth(client.server) is not None,
        "proxy": requests.utils.select_proxy(client.server, settings["proxies"]) is not None,
    }


def body_of(response):
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def read_kind(client, kind, namespace):
    """Lists one object; where only single ones may be read, as for the driver itself, asks for one that is not there."""
    resource = kind(client)
    seen = {"version": resource.api_version, "plural": resource.plural_name}
    response = client.get(resource.prepare_path(), params={"limit": 1}, timeout=SECONDS)
    listed = response.status_code != 403
    if not listed:
        response = client.get(resource.prepare_path("none", namespace), timeout=SECONDS)
    body = body_of(response)
    # A version that is not served has no status of Kubernetes in its 404.
    absent = not listed and response.status_code == 404 and body.get("reason") == "NotFound"
    readable = absent or (response.status_code == 200 and "kind" in body)
    anonymous = "system:anonymous" in str(body.get("message"))
    return {**seen, "status": response.status_code, "readable": readable, **({"anonymous": True} if anonymous else {})}


def read_kinds(client, kinds, seen):
    from magnum_capi_helm import conf, kubernetes

    namespace = "%s-none" % conf.CONF.capi_helm.namespace_prefix
    for name in kinds:
        kind = getattr(kubernetes, name, None) or getattr(kubernetes, OLD_NAMES.get(name, ""), None)
        if kind is None:
            continue
        try:
            seen["kinds"][name] = read_kind(client, kind, namespace)
        except OSError as error:
            # Those of requests are such; so is that of a bundle that is not there.
            seen["failure"] = failure(error)
            return
        except Exception as error:
            seen["kinds"][name] = {"error": type(error).__name__}
            continue
        if seen["kinds"][name]["status"] == 401:
            return


def in_memory(text):
    """A path of this process alone, which ends with it."""
    descriptor = os.memfd_create("kubeconfig")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(text)
    return "/proc/self/fd/%d" % descriptor


def log_in(path, kinds):
    """What the driver's client reads out of the kubeconfig at this path, or of the one that came with this program, and
    what it gets for each of these kinds."""
    from magnum_capi_helm import kubernetes

    path = in_memory(base64.b64decode(KUBECONFIG)) if KUBECONFIG else path
    kubernetes.Client._get_kubeconfig_path = classmethod(lambda cls: path)
    seen = {"kinds": {}}
    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS_FOR_ALL)
    client = None
    try:
        try:
            client = kubernetes.Client.load()
            seen.update(described(client))
        except Exception as error:
            seen["error"] = type(error).__name__
            return seen
        read_kinds(client, kinds, seen)
    except Late:
        seen["failure"] = {"error": "Late"}
    finally:
        signal.alarm(0)
        if client is not None:
            # It takes its copies of certificate and key away.
            client.__del__()
    return seen
