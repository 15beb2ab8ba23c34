"""The programs that the checks ask, which say nothing until a test has them speak."""

import pytest
from check_stand_ins import Programs


@pytest.fixture(autouse=True)
def programs(tmp_path, monkeypatch) -> Programs:
    found = Programs(tmp_path / "bin", monkeypatch)
    found.systemctl_show({})
    found.journal("")
    return found
