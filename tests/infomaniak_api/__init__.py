"""A stand-in for the provider's API: a small HTTP server with the description's routes, limits and errors."""

from infomaniak_api.server import StandInApi, Switches

__all__ = ["StandInApi", "Switches"]
