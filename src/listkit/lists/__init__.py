"""`listkit list`: rename a list, and forget its former address.

    cli   options, the order of the steps, output

Mailman's part is `listkit.mailman.renaming`, the archive's `listkit.web.renaming`; both look former addresses up in
`listkit.common.former_lists`.
"""
