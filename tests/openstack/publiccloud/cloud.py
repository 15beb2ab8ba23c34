"""The control plane: a lab host whose services answer as the public cloud's do."""

from dataclasses import dataclass

from lab import Lab

HOST = "cloud"
# As `seed.py` in the image makes them.
REGION, PROJECT, USER, PASSWORD, ADMIN_PASSWORD = "dc3-a", "PCP-TEST01", "PCU-TEST01", "user-password", "admin-password"


@dataclass(frozen=True)
class Cloud:
    """A running cloud. `address` is the IPv4 address of its services."""

    address: str

    @classmethod
    def up(cls, lab: Lab) -> "Cloud":
        """Boot the control plane in the lab and wait until it is usable. Raises `LabError`."""
        lab.add({HOST: "openstack"})
        host = lab.host(HOST)
        host.run("systemctl start cloud.service || { journalctl -p warning --no-pager -n 50; exit 1; }")
        return cls(host.address)

    def openrc(self) -> dict[str, str]:
        """What the customer's openrc file exports."""
        return {
            "OS_AUTH_URL": f"http://{self.address}:5000/v3",
            "OS_IDENTITY_API_VERSION": "3",
            "OS_INTERFACE": "public",
            "OS_REGION_NAME": REGION,
            "OS_PROJECT_NAME": PROJECT,
            "OS_USERNAME": USER,
            "OS_PASSWORD": PASSWORD,
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_ID": "default",
        }

    def admin(self) -> dict[str, str]:
        """The same for the cloud's operator, who sets quotas and uploads images."""
        return self.openrc() | {"OS_PROJECT_NAME": "admin", "OS_USERNAME": "admin", "OS_PASSWORD": ADMIN_PASSWORD}
