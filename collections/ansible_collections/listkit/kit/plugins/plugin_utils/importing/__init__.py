# SPDX-License-Identifier: MIT
"""Lists of other systems as entries of `mailman_lists`.

`description`  a list as it was elsewhere, in our terms, and the parts that are left out
`config_pck`   read Mailman 2.1's `config.pck` without running code that it names
`mailman2`     lists of Mailman 2.1
`sympa`        lists of Sympa
`tables`       members of any system as CSV, and those of Google Groups
`infomaniak`   Infomaniak's own mailing lists, as its API describes them
`declaring`    combine them with the declared lists and those that exist
`reading`      read any of these sources, and say which files an import leaves
"""
