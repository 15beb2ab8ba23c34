# SPDX-License-Identifier: MIT
"""Options that all modules for Infomaniak's API share."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc; the argument specs are in module_utils/api_module.py."""

    DOCUMENTATION = r"""
options:
  api_token:
    description:
      - API token of an administrator of the organisation, with the scope C(mail), and C(domain) for DNS.
      - Read from the environment variable E(INFOMANIAK_TOKEN) when not given. It is never shown.
    type: str
  api_url:
    description: The API. Read from the environment variable E(INFOMANIAK_HOST) when not given.
    type: str
    default: https://api.infomaniak.com
  api_timeout:
    description: Seconds to wait for one answer.
    type: int
    default: 30
  api_wait:
    description:
      - Seconds to keep trying while Infomaniak has too many requests, and to wait for a change that it makes later.
    type: int
    default: 300
notes:
  - Runs where the token is, usually on the controller, with C(delegate_to) and C(localhost).
  - At most 60 requests are sent in a minute. A request that Infomaniak is too busy for is sent again.
  - Every change is read back. One that was accepted and not made is an error.
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Nothing is written.
  diff_mode:
    support: full
    description: Shows the state before and after.
"""
