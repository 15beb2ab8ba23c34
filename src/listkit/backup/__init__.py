"""Backups of the whole site, encrypted, in a restic repository elsewhere; and the way back.

cli             `listkit backup`
configuration   `/etc/listkit/backup.json`, and the paths of the secrets
pause           the processes that write, stopped for the moment in which everything is the same age
databases       PostgreSQL: one moment's content dumped, loaded and counted
files           the files that are copied, and put back
manifest        the facts about a backup that a restore is compared with
repository      restic: what it stores, finds, reads and forgets
backing_up      how a backup is made
restoring       how a host gets its state back, and what happens to mail that waited
same_addresses  accounts' addresses in a backup that Debian 13 can't store
gap             mail that the lost host has handled since the backup
waiting         mail that a restore has set aside
scratch         a backup restored into databases of its own, for the two that follow
drill           the proof that a backup can be used
one_list        how one list comes back; list_tables says what belongs to it, and list_script copies it
unfinished      the markers of a restore that is not finished, and of a retired host
record          the last backup, the last failure and the last proof, for `listkit check`
errors          why something was not possible, for people
"""
