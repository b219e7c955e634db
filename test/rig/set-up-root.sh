#!/bin/sh
# Turns a fresh minimal Debian into a Magnum conductor; runs inside the new root, once per recipe.
# Usage: set-up-root.sh MAGNUM_VERSION PACKAGE...   with the wheels to lay over in /run/rig-wheels
set -eu
version=$1
shift

export DEBIAN_FRONTEND=noninteractive
# Nothing may start while packages are unpacked, and the root can be built again if the machine loses power.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/rig

apt-get -q update
apt-get -q install -y --no-install-recommends "$@"

# Tests reinstall and repack these.
mkdir -p /srv/debs
cp /var/cache/apt/archives/magnum-*.deb /srv/debs/
apt-get -q clean
rm -rf /var/lib/apt/lists/* /usr/sbin/policy-rc.d

for wheel in /run/rig-wheels/*.whl; do
  [ -e "$wheel" ] || continue
  PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INDEX=1 PIP_NO_CACHE_DIR=1 pip3 install --no-deps "$wheel"
done

# Without a message bus a stop of the conductor takes 15 s; without tables its health loop logs a traceback a minute.
conf=/etc/magnum/magnum.conf
sed -i \
  -e '/^\[DEFAULT\]$/a transport_url = fake:/' \
  -e '/^\[database\]$/a connection = sqlite:////var/lib/magnum/magnum.sqlite' \
  -e '/^\[conductor\]$/a workers = 2' "$conf"
[ "$(grep -cE '^(transport_url = fake:/|connection = sqlite:|workers = 2)' "$conf")" = 3 ]
sed -i 's/^processes = .*/processes = 1/' /etc/magnum/magnum-api-uwsgi.ini
cd /
runuser -u magnum -- python3 -I -c '
from sqlalchemy import create_engine
from magnum.db.sqlalchemy import models
models.Base.metadata.create_all(create_engine("sqlite:////var/lib/magnum/magnum.sqlite"))
'

mkdir -p /srv/mirror
cat >/etc/systemd/system/rig-mirror.service <<'UNIT'
[Unit]
Description=Package index and download mirror of the rig

[Service]
ExecStart=/usr/bin/python3 -m http.server --bind 127.0.0.1 --directory /srv/mirror 8080
ExecStartPost=/bin/sh -c 'until curl --silent --output /dev/null http://127.0.0.1:8080/; do sleep 0.05; done'
TimeoutStartSec=30

[Install]
WantedBy=multi-user.target
UNIT

systemctl enable magnum-conductor.service magnum-api.service rig-mirror.service
systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
  e2scrub_reap.service systemd-pstore.service getty@tty1.service console-getty.service
# debootstrap left the names of the machine that it ran on.
printf '127.0.0.1 localhost\n' >/etc/hosts
: >/etc/resolv.conf
rm -f /etc/hostname
systemd-machine-id-setup

found=$(runuser -u magnum -- magnum-conductor --version 2>&1 | tail -n 1)
[ "$found" = "$version" ] || {
  echo "the conductor calls itself $found, not $version" >&2
  exit 1
}
