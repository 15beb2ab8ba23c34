# SPDX-License-Identifier: MIT
"""Options that all modules for Mailman's REST interface share."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc; the argument specs are in module_utils/rest.py."""

    DOCUMENTATION = r"""
options:
  api_url:
    description: Mailman's REST interface, as the managed host reaches it.
    type: str
    default: http://127.0.0.1:8001/3.1
  api_user:
    description: User of the REST interface.
    type: str
    default: restadmin
  api_password_file:
    description: File on the managed host with the password of O(api_user), so that it needn't travel.
    type: path
    default: /etc/listkit/secrets/rest_password
  api_wait:
    description: Seconds to wait for a Mailman that is starting. In check mode, one that doesn't answer counts as one
      without lists.
    type: int
    default: 60
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Works on a host without Mailman too, where everything is missing.
  diff_mode:
    support: full
    description: One diff for each domain and list.
"""
