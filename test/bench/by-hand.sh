#!/bin/sh
# The runbook's graft as a bare script of its commands: each thing done once, and checked once as it says, with the
# checks that the charm makes too. Environment: INDEX_URL, HELM_URL, HELM_SHA256, KUBECONFIG_FILE.
set -eu
umask 022
cd /

as_daemon() {
  runuser -u magnum -- env -i PATH=/sbin:/usr/sbin:/bin:/usr/bin HOME=/var/lib/magnum LANG=C.UTF-8 "$@"
}

# The kubeconfig, byte for byte and never readable for others.
(umask 077 && cat "$KUBECONFIG_FILE" >/etc/magnum/kubeconfig)
chown magnum: /etc/magnum/kubeconfig
chmod 0600 /etc/magnum/kubeconfig
[ "$(sha256sum <"$KUBECONFIG_FILE")" = "$(sha256sum </etc/magnum/kubeconfig)" ]

# The driver.
export PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
python3 -m pip install --no-deps --upgrade --index-url "$INDEX_URL" magnum-capi-helm==1.4.0
python3 -m pip show magnum-capi-helm | grep -qx 'Version: 1.4.0'
as_daemon python3 -c 'import importlib.metadata as m; print(m.entry_points(group="magnum.drivers"))' |
  grep -q k8s_capi_helm_v1

# helm.
work=$(mktemp -d)
curl --fail --silent --show-error --location --output "$work/helm.tar.gz" "$HELM_URL"
echo "$HELM_SHA256  $work/helm.tar.gz" | sha256sum --check --quiet
tar -xzf "$work/helm.tar.gz" -C "$work" --no-same-owner
install -m 0755 "$work"/linux-*/helm /usr/local/bin/helm
rm -r "$work"
helm version --short | grep -q '^v3\.17\.3'

# The management cluster, as the daemon.
as_daemon /usr/local/bin/helm --kubeconfig /etc/magnum/kubeconfig list --all-namespaces >/dev/null

# The drop-in, and the extension point that makes the daemon read it.
mkdir -p /etc/magnum/magnum.conf.d
cat >/etc/magnum/magnum.conf.d/00-capi-helm.conf <<'CONF'
[capi_helm]
kubeconfig_file = /etc/magnum/kubeconfig
helm_chart_repo = https://azimuth-cloud.github.io/capi-helm-charts
helm_chart_name = openstack-cluster
default_helm_chart_version = 0.25.1
api_resources = {}

[cluster_template]
kubernetes_default_network_driver = calico
kubernetes_allowed_network_drivers = calico,cilium
CONF
if LC_ALL=C grep -nP '[^\x00-\x7F]' /etc/magnum/magnum.conf.d/00-capi-helm.conf; then exit 1; fi
cat >>/etc/default/magnum-conductor <<'DEFAULT'
PATH=$PATH:/usr/local/bin
[ ! -d /etc/magnum/magnum.conf.d ] || DAEMON_ARGS="$DAEMON_ARGS --config-dir /etc/magnum/magnum.conf.d"
DEFAULT

# Before the restart: what the daemon would be started with, and what it would read.
arguments=$(as_daemon /etc/init.d/magnum-conductor show-args)
echo "$arguments" | grep -q -- '--config-file=/etc/magnum/magnum.conf'
echo "$arguments" | grep -q -- '--config-dir /etc/magnum/magnum.conf.d'
as_daemon sh -c '. /etc/default/magnum-conductor && helm version --short' | grep -q '^v3\.17\.3'
cat >/run/resolve.py <<'PYTHON'
import sys
import magnum.conf, magnum_capi_helm.conf
conf = magnum.conf.CONF
conf(sys.argv[1:], project="magnum")
assert conf.capi_helm.kubeconfig_file == "/etc/magnum/kubeconfig"
assert conf.capi_helm.helm_chart_repo == "https://azimuth-cloud.github.io/capi-helm-charts"
assert conf.capi_helm.helm_chart_name == "openstack-cluster"
assert conf.capi_helm.default_helm_chart_version == "0.25.1"
assert conf.cluster_template.kubernetes_default_network_driver == "calico"
PYTHON
as_daemon python3 /run/resolve.py --config-file=/etc/magnum/magnum.conf --config-dir /etc/magnum/magnum.conf.d
as_daemon python3 /run/resolve.py

# The restart, and 12 s in which both services must keep their process.
systemctl restart magnum-conductor magnum-api
state() {
  systemctl show magnum-conductor magnum-api --property MainPID,NRestarts,ActiveState
}
before=$(state)
sleep 12
[ "$(state)" = "$before" ]
for service in magnum-conductor magnum-api; do
  pid=$(systemctl show "$service" --property MainPID --value)
  [ "$(systemctl is-active "$service")" = active ]
  [ -n "$(cat "/proc/$pid/task/$pid/children")" ]
done

# The running conductor: its command line, its PATH, and the drivers that it lists.
pid=$(systemctl show magnum-conductor --property MainPID --value)
tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qx -- /etc/magnum/magnum.conf.d
tr '\0' '\n' <"/proc/$pid/environ" | grep -q '^PATH=.*/usr/local/bin'
as_daemon magnum-driver-manage list-drivers | grep -q k8s_capi_helm_v1
