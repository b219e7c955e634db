"""Takes the real driver through one step of a cluster's life. What it asks of OpenStack is answered here; the management
cluster, helm and the chart are real. The step is the argument; the cluster is JSON on standard input; what became of it
is JSON on standard output."""

import json
import sys
from types import SimpleNamespace
from unittest import mock

from oslo_config import cfg

told = json.load(sys.stdin)
# The driver reads api_resources when it is imported.
cfg.CONF(
    ["--config-file", "/etc/magnum/magnum.conf", "--config-dir", "/etc/magnum/magnum.conf.d"],
    project="magnum",
)

import magnum.conf  # noqa: E402,F401
from magnum_capi_helm import driver as module  # noqa: E402


class Record(SimpleNamespace):
    """One of Magnum's objects, without its database."""

    def save(self):
        pass

    refresh = destroy = save


def node_group(index, it):
    role = "master" if it["name"] == "default-master" else "worker"
    return Record(
        id=index,
        role=role,
        name=it["name"],
        node_count=it["count"],
        status=it["status"],
        is_default=index < 2,
        flavor_id="m1.large",
        min_node_count=None,
        max_node_count=None,
    )


groups = [node_group(index, it) for index, it in enumerate(told["nodeGroups"])]
template = Record(
    uuid="template",
    labels={"capi_helm_chart_version": told["chart"]},
    image_id="image",
    dns_nameserver="192.0.2.53",
    external_network_id="public",
    network_driver="calico",
)
cluster = Record(
    uuid=told["uuid"],
    name="demo",
    stack_id=told["release"],
    project_id=told["project"],
    user_id="user",
    status=told["status"],
    status_reason=None,
    nodegroups=groups,
    default_ng_worker=next(it for it in groups if it.role == "worker"),
    cluster_template=template,
    labels={},
    keypair=None,
    fixed_network=None,
    fixed_subnet=None,
    master_flavor_id="m1.large",
    master_count=groups[0].node_count,
    coe_version=None,
    api_address=None,
)
context = SimpleNamespace(user_id="user", project_id=told["project"], auth_url="https://192.0.2.5:5000/v3")
deleted = []


def credential(*_):
    return SimpleNamespace(id=told["credential"], secret="a-secret")


def delete(_, it):
    """Of 1.4.0 by its id, of 1.3.0 by the cluster."""
    deleted.append(it if isinstance(it, str) else told["credential"])


def clouds(*_):
    auth = {"application_credential_id": told["credential"], "application_credential_secret": "a-secret"}
    return {"clouds.yaml": json.dumps({"clouds": {"openstack": {"auth": auth}}}), "cacert": ""}


def certificates(*_):
    return {name: {"tls.crt": "certificate", "tls.key": "key"} for name in ("ca", "etcd", "proxy", "sa")}


def run(driver, step):
    if step == "create":
        driver.create_cluster(context, cluster, None)
    elif step == "resize":
        driver.resize_cluster(context, cluster, None, None, None)
    elif step == "upgrade":
        driver.upgrade_cluster(context, cluster, template, 1, None)
    elif step == "create-node-group":
        driver.create_nodegroup(context, cluster, groups[-1])
    elif step == "delete-node-group":
        driver.delete_nodegroup(context, cluster, groups[-1])
    elif step == "rotate":
        driver.rotate_credential(context, cluster)
    elif step == "delete":
        driver.delete_cluster(context, cluster)
    elif step == "status":
        driver.update_cluster_status(context, cluster)
    elif step == "health":
        monitor = driver.get_monitor(context, cluster)
        monitor.poll_health_status()
        return monitor.data
    else:
        raise ValueError(step)
    return {}


def stand_ins():
    instead = [
        (module.Driver, "_validate_allowed_flavor", lambda *_: None),
        (module.Driver, "_get_image_details", lambda *_: ("image", told["version"], "ubuntu")),
        (module.Driver, "_storageclass_definitions", lambda *_: {}),
        (module.neutron, "get_fixed_subnet_id", lambda *_: None),
        (module.neutron, "get_external_network_id", lambda *_: "public"),
        (module.app_creds, "create_app_cred", credential),
        (module.app_creds, "get_app_cred_string_data", clouds),
        (module.app_creds, "delete_app_cred", delete),
        (module.ca_certificates, "get_certificate_string_data", certificates),
    ]
    return [mock.patch.object(*each) for each in instead if hasattr(*each[:2])]


for each in stand_ins():
    each.start()
error, data = None, {}
try:
    data = run(module.Driver(), sys.argv[1])
except Exception as fault:  # the caller judges it
    error = f"{type(fault).__name__}: {fault}"
print(
    json.dumps(
        {
            "error": error,
            "status": cluster.status,
            "reason": cluster.status_reason,
            "nodeGroups": {it.name: it.status for it in groups},
            "health": data.get("health_status"),
            "healthReason": data.get("health_status_reason"),
            "deletedCredentials": deleted,
        }
    )
)
