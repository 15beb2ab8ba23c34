"""The status page at `/status/`: static files that the web server serves while the application is down, too.

`listkit alert run` writes them after each run of the checks.

    report      what the checks found on one host; the other hosts of a split site read it over Mailman's REST API
    services    what visitors use, whether it works, and since when
    texts       the words of the pages in each language
    pages       the pages as HTML
    publishing  which files are written
"""
