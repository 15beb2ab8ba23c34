"""A cinder driver whose volumes exist in cinder's books only."""

from cinder import interface
from cinder.volume import driver


@interface.volumedriver
class NothingDriver(driver.VolumeDriver):
    """See the module."""

    VERSION = "1"

    def check_for_setup_error(self):
        """Nothing is needed, so nothing can be missing."""

    def create_volume(self, volume):
        """Nothing to do."""

    def delete_volume(self, volume):
        """Nothing to do."""

    def extend_volume(self, volume, new_size):
        """Nothing to do."""

    def create_export(self, context, volume, connector):
        """Nothing to do."""

    def ensure_export(self, context, volume):
        """Nothing to do."""

    def remove_export(self, context, volume):
        """Nothing to do."""

    def initialize_connection(self, volume, connector):
        """Tell nova how it would reach the volume."""
        return {"driver_volume_type": "nothing", "data": {"volume_id": volume.id}}

    def terminate_connection(self, volume, connector, **kwargs):
        """Nothing to do."""

    def _update_volume_stats(self):
        self._stats = {
            "volume_backend_name": "nothing",
            "vendor_name": "listkit",
            "driver_version": self.VERSION,
            "storage_protocol": "nothing",
            "total_capacity_gb": 1000,
            "free_capacity_gb": 1000,
            "reserved_percentage": 0,
        }
