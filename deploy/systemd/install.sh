#!/bin/sh
# Installs the units of this folder on a machine where the project lies in /opt/visionfleet and script/server --demo has
# made its .venv. Run as root. Runs again without harm: passwords and settings that are there stay.
set -eu
from=$(cd "$(dirname "$0")" && pwd)
into=${DESTDIR:-}
etc=$into/etc/visionfleet units=$into/etc/systemd/system

[ -n "$into" ] || id visionfleet >/dev/null 2>&1 ||
  useradd --system --home-dir /var/lib/visionfleet --shell /usr/sbin/nologin visionfleet
mkdir -p "$etc" "$units"
chmod 750 "$etc"
umask 077
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
if [ ! -s "$etc/redis.conf" ]; then
  password=$(random)
  cat >"$etc/redis.conf" <<CONF
bind 127.0.0.1
port 6390
requirepass $password
dir /var/lib/visionfleet/redis
appendonly yes
appendfsync everysec
save ""
maxmemory 1gb
maxmemory-policy noeviction
CONF
  printf 'redis://:%s@127.0.0.1:6390/0' "$password" >"$etc/redis-url"
fi
[ -s "$etc/admin-key" ] || random >"$etc/admin-key"
[ -s "$etc/visionfleet.env" ] || printf '# Any setting of docs/settings.md, one a line.\nVISIONFLEET_HOST=127.0.0.1\n' >"$etc/visionfleet.env"
umask 022
cp "$from"/*.service "$from"/*.target "$units"
[ -n "$into" ] || systemctl daemon-reload
echo "start it: systemctl enable --now visionfleet.target"
echo "the administrator's API key: $etc/admin-key"
