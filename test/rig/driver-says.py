"""What the real driver makes of the objects of one cluster, by its own code; one JSON object on standard output.

Arguments: the folder that the driver is installed in, a configuration file, the project. The objects are those of a
cluster demo-abc that is up and healthy, with a Secret of its credentials. Run as the daemon's user.
"""

import json
import sys

folder, config, project = sys.argv[1:]
sys.path.insert(0, folder)

from oslo_config import cfg  # noqa: E402

cfg.CONF(["--config-file", config], project="magnum")

from magnum_capi_helm import driver as capi  # noqa: E402

namespace = f"magnum-{project}"
uuid = "4a5d0a3c-8a4c-4f6f-9a8c-0a1b2c3d4e5f"


class Record:
    """A cluster or a node group of Magnum's database, without the database."""

    def __init__(self, **fields):
        self.__dict__.update(fields)
        self.is_gone = False

    def save(self):
        pass

    def destroy(self):
        self.is_gone = True


def cluster_in(status, *more):
    groups = [("default-master", "master", status), ("default-worker", "worker", status), *more]
    return Record(
        uuid=uuid,
        name="demo",
        stack_id="demo-abc",
        project_id=project,
        user_id="user",
        status=status,
        status_reason=None,
        api_address=None,
        coe_version="v0",
        nodegroups=[
            Record(name=name, role=role, status=state, is_default=name.startswith("default"))
            for name, role, state in groups
        ],
    )


def attempt(work):
    try:
        return work()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:300]}


driver = capi.Driver()


def health():
    monitor = driver.get_monitor(None, cluster_in("CREATE_COMPLETE"))
    monitor.poll_health_status()
    return {"status": monitor.data["health_status"], **monitor.data["health_status_reason"]}


def creation():
    cluster = cluster_in("CREATE_IN_PROGRESS")
    driver.update_cluster_status(None, cluster)
    return {"status": cluster.status, "version": cluster.coe_version, "address": cluster.api_address}


def nodegroup_deletion():
    """Of one whose MachineDeployment is gone, as are its machines."""
    cluster = cluster_in("UPDATE_IN_PROGRESS", ("old", "worker", "DELETE_IN_PROGRESS"))
    driver.update_cluster_status(None, cluster)
    return {"gone": cluster.nodegroups[2].is_gone}


def addons():
    labels = {"addons.stackhpc.com/cluster": "demo-abc"}
    return {"seen": len(driver._k8s_client.get_addons_by_label(labels, namespace))}


def deletion():
    """While the Cluster is still there: nothing may be taken from it."""
    cluster = cluster_in("DELETE_IN_PROGRESS")
    end = attempt(lambda: driver.update_cluster_status(None, cluster)) or {}
    secret = f"/api/v1/namespaces/{namespace}/secrets/demo-abc-cloud-credentials"
    kept = driver._k8s_client.get(secret).status_code == 200
    return {"status": cluster.status, "credentials": kept, **end}


parts = [health, creation, nodegroup_deletion, addons, deletion]
print(json.dumps({part.__name__: attempt(part) for part in parts}))
