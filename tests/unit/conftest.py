"""A machine that is busy with other stages is slow without being wrong: property tests have no deadline."""

from hypothesis import settings

settings.register_profile("kit", deadline=None)
settings.load_profile("kit")
