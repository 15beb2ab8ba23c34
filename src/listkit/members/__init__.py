"""`listkit members`: import, export and synchronise the people on a list.

    cli         options, output, exit status
    importing   a file's people brought to a list
    schedule    the declared syncs, which timers run
    progress    the bar

Formats, plans and the guard are shared with Ansible's modules: `module_utils/membership` of the collection
listkit.mailman3, which the zipapp brings along.
"""
