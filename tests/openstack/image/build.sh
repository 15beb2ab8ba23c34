#!/bin/sh
# Runs inside a Debian 13 image and makes it an OpenStack control plane: keystone, glance, placement, neutron, nova, cinder,
# unmodified packages (a layer below has them) with sqlite and in-process messages in place of a database server and a message broker.
set -eu
here=/run/lab state=/var/lib/public-cloud etc=/etc/public-cloud lib=/usr/lib/public-cloud

install -d $etc $lib/virt $lib/python $state/images $state/fernet $state/lock $state/instances
install -m 0755 $here/wait $lib/wait
install -m 0644 $here/seed.py $here/nova_all.py $here/cinder_all.py $lib/
install -m 0644 $here/agent.py $lib/virt/
install -m 0644 $here/ml2_any_host.py $here/volume_driver.py $lib/python/
install -m 0644 $here/*.service /etc/systemd/system/

install -m 0644 $here/keystone.conf $etc/
for service in glance-api placement neutron nova cinder; do
    sed -e "/^@auth@\$/r $here/auth.conf" -e '/^@auth@$/d' $here/$service.conf > $etc/$service.conf
done
environment() {
    service=$1 socket=$2 threads=$3 wsgi=$4
    shift 4
    printf '%s\n' "SOCKET=:$socket" "THREADS=$threads" "WSGI=$wsgi" "$@" > "$etc/$service.env"
}
environment keystone 5000 4 /usr/bin/keystone-wsgi-public OS_KEYSTONE_CONFIG_FILES=$etc/keystone.conf
environment placement 8778 2 /usr/bin/placement-api OS_PLACEMENT_CONFIG_DIR=$etc
environment glance 9292 2 /usr/bin/glance-wsgi-api OS_GLANCE_CONFIG_DIR=$etc OS_GLANCE_CONFIG_FILES=glance-api.conf
# One thread: with sqlite, two writers at once are answered with 500.
environment neutron 9696 1 /usr/bin/neutron-api OS_NEUTRON_CONFIG_DIR=$etc OS_NEUTRON_CONFIG_FILES=neutron.conf

# neutron finds its drivers by entry points only.
information=$lib/python/public_cloud-1.dist-info
install -d $information
printf 'Metadata-Version: 2.1\nName: public-cloud\nVersion: 1\n' > $information/METADATA
printf '[neutron.ml2.mechanism_drivers]\nany_host = ml2_any_host:AnyHostDriver\n' > $information/entry_points.txt

keystone-manage --config-file $etc/keystone.conf db_sync
keystone-manage --config-file $etc/keystone.conf fernet_setup --keystone-user root --keystone-group root
keystone-manage --config-file $etc/keystone.conf bootstrap --bootstrap-password admin-password --bootstrap-region-id dc3-a \
    --bootstrap-internal-url http://127.0.0.1:5000/v3

glance-manage --config-file $etc/glance-api.conf db_sync
placement-manage --config-file $etc/placement.conf db sync
cinder-manage --config-file $etc/cinder.conf db sync

# neutron's migrations alter constraints, which sqlite can't: make the newest schema from the models instead.
PYTHONPATH=$lib/python python3 -c "
import sqlalchemy
from neutron.db.migration.models import head
head.get_metadata().create_all(sqlalchemy.create_engine('sqlite:///$state/neutron.db'))"
neutron-db-manage --config-file $etc/neutron.conf stamp heads

nova-manage --config-file $etc/nova.conf api_db sync
nova-manage --config-file $etc/nova.conf db sync --local_cell
cp $state/nova.db $state/nova_cell0.db
nova-manage --config-file $etc/nova.conf cell_v2 map_cell0 --database_connection sqlite:///$state/nova_cell0.db
nova-manage --config-file $etc/nova.conf cell_v2 create_cell --name cell1 \
    --database_connection sqlite:///$state/nova.db --transport-url fake://
# Discovering hosts needs a running nova-compute; this row is what it would write.
python3 - <<'P'
import sqlite3

with sqlite3.connect("/var/lib/public-cloud/nova_api.db") as database:
    database.execute(
        "insert into host_mappings (cell_id, host, created_at)"
        " select id, 'cloud', datetime() from cell_mappings where name = 'cell1'"
    )
P
for database in $state/*.db; do
    python3 -c "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('pragma journal_mode=wal')" "$database"
done

systemctl enable cloud.service
