"""nova's API, scheduler, conductor and compute in one process: the messages of `fake://` never leave a process."""

import sys

import nova.monkey_patch
import nova.virt
import os_brick
import os_vif
from nova import config, objects, service
from nova.compute import rpcapi as compute_rpcapi
from nova.conductor import rpcapi as conductor_rpcapi
from nova.scheduler import rpcapi as scheduler_rpcapi
from oslo_log import log
from oslo_service import service as oslo_service

# nova looks for drivers in its own package only.
nova.virt.__path__.append("/usr/lib/public-cloud/virt")

config.parse_args(sys.argv)
log.setup(config.CONF, "nova")
objects.register_all()
os_brick.setup(config.CONF)
os_vif.initialize()

launcher = oslo_service.ServiceLauncher(config.CONF, restart_method="mutate")
for binary, topic in (
    ("nova-conductor", conductor_rpcapi.RPC_TOPIC),
    ("nova-scheduler", scheduler_rpcapi.RPC_TOPIC),
    ("nova-compute", compute_rpcapi.RPC_TOPIC),
):
    launcher.launch_service(service.Service.create(binary=binary, topic=topic))
launcher.launch_service(service.WSGIService("osapi_compute"))
launcher.wait()
