"""cinder's API, scheduler and volume service in one process: the messages of `fake://` never leave a process."""

import sys

import eventlet

eventlet.monkey_patch()

import os_brick  # noqa: E402  the patch has to come first
from cinder import objects, rpc, service  # noqa: E402  as above
from cinder.common import config  # noqa: E402  as above
from cinder.db import api as _database  # noqa: E402, F401  it registers the database's options
from oslo_log import log  # noqa: E402  as above
from oslo_service import service as oslo_service  # noqa: E402  as above

objects.register_all()
log.register_options(config.CONF)
config.CONF(sys.argv[1:], project="cinder")
log.setup(config.CONF, "cinder")
os_brick.setup(config.CONF)
rpc.init(config.CONF)

launcher = oslo_service.ServiceLauncher(config.CONF, restart_method="mutate")
launcher.launch_service(service.Service.create(binary="cinder-scheduler"))
launcher.launch_service(
    service.Service.create(
        binary="cinder-volume", host="cloud@nothing", service_name="nothing", coordination=True, cluster=None
    )
)
launcher.launch_service(service.WSGIService("osapi_volume"))
launcher.wait()
