"""A nova virt driver that asks an agent outside to start a machine where a hypervisor would start one.

The agent's address stands in `AGENT`. While there is no such file, servers exist in nova's books only: that is enough
for everything but logging in. The agent gets what nova would have written on the machine's configuration drive.
"""

import base64
import io
import json
import urllib.error
import urllib.request
from pathlib import Path

from nova import context as nova_context
from nova import exception, objects
from nova.api.metadata import base as instance_metadata
from nova.compute import power_state
from nova.image import glance
from nova.virt import fake

AGENT = Path("/etc/public-cloud/agent")
# A machine has answered by then, or it never will.
SECONDS = 120


class AgentDriver(fake.FakeDriverWithoutFakeNodes):
    """nova's fake driver with an agent behind it."""

    def init_host(self, host):
        """Take the servers back from the database: the fake driver forgets them when nova restarts."""
        super().init_host(host)
        for instance in objects.InstanceList.get_by_host(nova_context.get_admin_context(), host):
            state = power_state.RUNNING if instance.power_state is None else instance.power_state
            self.instances[instance.uuid] = fake.FakeInstance(instance.name, state, instance.uuid)

    def spawn(self, context, instance, image_meta, injected_files, admin_password, allocations, network_info=None,
              block_device_info=None, power_on=True, accel_info=None):  # fmt: skip
        if AGENT.exists():
            self._boot(instance, image_meta, injected_files, admin_password, network_info)
        super().spawn(context, instance, image_meta, injected_files, admin_password, allocations,
                      network_info=network_info, block_device_info=block_device_info, power_on=power_on)  # fmt: skip

    def destroy(self, context, instance, network_info, block_device_info=None, destroy_disks=True,
                destroy_secrets=True):  # fmt: skip
        if AGENT.exists():
            _ask("DELETE", instance.uuid)
        super().destroy(context, instance, network_info, block_device_info, destroy_disks, destroy_secrets)

    def snapshot(self, context, instance, image_id, update_task_state):
        """Complete the image, which the fake driver leaves without data."""
        super().snapshot(context, instance, image_id, update_task_state)
        formats = {"disk_format": "raw", "container_format": "bare"}
        glance.API().update(context, image_id, formats, data=io.BytesIO(b"disk"))

    def get_console_output(self, context, instance):
        if AGENT.exists():
            return _ask("GET", instance.uuid)
        return super().get_console_output(context, instance).encode()

    def _boot(self, instance, image_meta, injected_files, admin_password, network_info):
        metadata = instance_metadata.InstanceMetadata(
            instance, content=injected_files, extra_md={"admin_pass": admin_password}, network_info=network_info
        )
        drive = {path: base64.b64encode(data).decode() for path, data in metadata.metadata_for_config_drive()}
        request = {
            "hostname": instance.hostname,
            "image": image_meta.name,
            "interfaces": [_interface(vif) for vif in network_info],
            "config_drive": drive,
        }
        try:
            _ask("PUT", instance.uuid, request)
        except urllib.error.URLError as error:
            # No second try on another host: the server goes to ERROR, and the text is shown as its fault.
            raise exception.BuildAbortException(instance_uuid=instance.uuid, reason=_reason(error)) from error


def _interface(vif):
    addresses = [
        {"address": address["address"], "prefix": int(subnet["cidr"].rpartition("/")[2])}
        for subnet in vif["network"]["subnets"]
        for address in subnet["ips"]
    ]
    return {"mac": vif["address"], "addresses": addresses}


def _ask(method, uuid, body=None):
    url = f"{AGENT.read_text().strip()}/{uuid}"
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, method=method), timeout=SECONDS) as answer:  # noqa: S310 -- the address is ours, and http
        return answer.read()


def _reason(error):
    return error.read().decode() if isinstance(error, urllib.error.HTTPError) else str(error)
