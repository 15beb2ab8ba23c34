"""The stand-in public cloud: an OpenStack control plane in a lab host, and an agent that boots machines for it."""
