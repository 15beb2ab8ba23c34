"""How much property tests try: hypothesis' own hundred examples in CI, `--hypothesis-profile=long` for campaigns."""

from hypothesis import HealthCheck, settings

# A machine that is busy with other stages is slow without being wrong.
settings.register_profile("ci", deadline=None)
settings.register_profile("long", deadline=None, max_examples=100_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci")
