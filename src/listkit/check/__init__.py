"""`listkit check`: the state of every component on this host, and the remedy for each failure.

Each role writes `/etc/listkit/check.d/ROLE.json`; a component is checked on the hosts that have its file. Every file
may have `units` (the systemd units that must be active) and `ports` (the TCP ports that may be open to the outside);
its module in `components` documents the other keys.

    cli          options, output, exit status
    runner       which checks run, all at once
    finding      the result of a check
    settings     reading `check.d`
    reuse        findings that the regular checks don't look for each time
    units        systemd units and timers
    probes       greetings of servers, age of files
    components   a module for each component

A new role needs its file, a module `components/ROLE.py` with a function `checks(settings) -> list[Check]`, and its
name in `components.ORDER`. With `units` and `ports` only it needs no module.
"""
