"""Create what the web interface needs at first: the sites and the administrators in its database, the search index.

Runs as the user that the database knows. Needs Debian's mailman3-web.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from listkit.web import PROJECT, SETTINGS_MODULE, accounts, search_index

log = logging.getLogger(__name__)


class SetupError(ValueError):
    """The configuration contradicts the existing data."""


def choose_settings() -> None:
    """Make Django's settings and its database connection usable in this process, but not the models."""
    sys.path.insert(0, str(PROJECT))
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS_MODULE


def load_django() -> None:
    """Make Django and the models of its applications usable in this process."""
    choose_settings()
    import django

    django.setup()


def apply(wanted: dict, passwords: Mapping[str, str], dry_run: bool) -> list[str]:
    """Bring the database to what `wanted` (`/etc/listkit/web.json`) says; return a line for each change.

    passwords: by login, for accounts that are new. Needs Django to be loaded.
    """
    from django.db import transaction

    tables = list(_tables(dry_run))
    if tables and dry_run:
        return tables  # What they will lack can't be asked yet.
    with transaction.atomic():
        changes = [
            *tables,
            *_sites(wanted["hosts"], wanted["site_name"], wanted["mail_domains"]),
            *_superuser(wanted, passwords.get(wanted["superuser"], "")),
            *(
                change
                for entry in wanted["administrators"]
                for change in _administrator(
                    entry["user"], entry["address"], passwords.get(entry["user"]), wanted["site_name"]
                )
            ),
        ]
        if dry_run:
            transaction.set_rollback(True)
    return [*changes, *_search_index(dry_run)]


def _tables(dry_run: bool) -> Iterator[str]:
    """Debian's package makes the tables while it is installed; not in a database that replaces the first one."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return
    if not dry_run:
        call_command("migrate", interactive=False, verbosity=0)
    yield f"tables of the database: {len(plan)} migrations"


def _search_index(dry_run: bool) -> Iterator[str]:
    """A search before the first post finds nothing; without an index it would be an error."""
    from django.conf import settings

    path = Path(settings.HAYSTACK_CONNECTIONS["default"]["PATH"])
    if not path.exists():
        if not dry_run:
            search_index.create(path)
        yield f"search index {path}"
    if path.exists() and search_index.close_to_others(path, dry_run):
        yield f"search index {path}: closed to other users"


def _sites(hosts: list[str], name: str, mail_domains: dict[str, str]) -> Iterator[str]:
    """Each web host is a site; each mail domain belongs to one: links in mails and headers lead there."""
    from django.contrib.sites.models import Site

    main, _ = Site.objects.get_or_create(pk=1, defaults={"domain": hosts[0], "name": name})
    # Also the one that has the main host's name: it may have been a further host before.
    yield from _close(Site.objects.exclude(pk=main.pk).exclude(domain__in=hosts[1:]), main)
    yield from _update(main, f"site {hosts[0]}", domain=hosts[0], name=name[:50])
    for host in hosts[1:]:
        _, created = Site.objects.get_or_create(domain=host, defaults={"name": name[:50]})
        if created:
            yield f"site {host}"
    for mail_domain, host in sorted(mail_domains.items()):
        yield from _mail_domain(mail_domain, Site.objects.get(domain=host))


def _close(sites, main) -> Iterator[str]:
    """Give these sites' mail domains to the main one: links would lead to hosts that no longer answer."""
    from django_mailman3.models import MailDomain

    for site in sites:
        MailDomain.objects.filter(site=site).update(site=main)
        site.delete()
        yield f"site {site.domain} goes into the main one"


def _mail_domain(mail_domain: str, site) -> Iterator[str]:
    from django_mailman3.models import MailDomain

    record, created = MailDomain.objects.get_or_create(mail_domain=mail_domain, defaults={"site": site})
    if created:
        yield f"mail domain {mail_domain} at {site.domain}"
    else:
        yield from _update(record, f"mail domain {mail_domain} at {site.domain}", site=site)


def _update(record, what: str, **values) -> Iterator[str]:
    stale = [name for name, value in values.items() if getattr(record, name) != value]
    if stale:
        for name in stale:
            setattr(record, name, values[name])
        record.save(update_fields=stale)
        yield what


def _superuser(wanted: dict, password: str) -> Iterator[str]:
    """Make the first administrator. The password is set once, and after that left to its owner unless it is forced."""
    name, address = wanted["superuser"], wanted["superuser_email"]
    user = _user(name)
    if user is None:
        if not password:
            raise SetupError(f"the superuser {name} needs a password: set web_superuser_password")
        user = _create(name, address, password)
        yield f"superuser {name}"
    elif not user.is_superuser:
        # It may be a stranger's who signed up: choosing a name must not make a superuser.
        raise SetupError(f"web_superuser: {name} is an ordinary account already; choose another name")
    elif wanted["superuser_password_force"] and not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
        yield f"password of {name}"
    yield from _confirmed_address(user, address, "web_superuser_email")


def _administrator(name: str, address: str, password: str | None, organisation: str) -> Iterator[str]:
    """Make a further administrator. Without a password, the person gets a link to set one."""
    from django.db import transaction

    user = _user(name)
    if user is None:
        user = _create(name, address, password)
        yield f"administrator {name}"
        if not password:
            transaction.on_commit(lambda: _invite(user, organisation))
    elif not user.is_superuser:
        if not _is_confirmed(user, address):
            # It may be a stranger's, as above.
            raise SetupError(
                f"mailman_admins: {name} is the account of another person, or {address} isn't confirmed there yet; "
                "choose another name, or have its owner add the address"
            )
        yield from _update(user, f"administrator {name}", is_staff=True, is_superuser=True)
    yield from _confirmed_address(user, address, "mailman_admins")


def _invite(user, organisation: str) -> None:
    """A mail that can't be sent now is no reason to fail: the account is there."""
    try:
        accounts.invite(user, organisation)
    except OSError:
        log.exception("%s got no mail; run: listkit web password-link %s", user.email, user.username)


def _user(name: str):
    from django.contrib.auth import get_user_model

    return get_user_model().objects.filter(username=name).first()


def _create(name: str, address: str, password: str | None):
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_superuser(name, address, password)


def _is_confirmed(user, address: str) -> bool:
    from allauth.account.models import EmailAddress

    return EmailAddress.objects.filter(user=user, email__iexact=address, verified=True).exists()


def _confirmed_address(user, address: str, variable: str) -> Iterator[str]:
    """The declared address counts as confirmed, so that the account's owner can log in at once."""
    from allauth.account.models import EmailAddress

    other = EmailAddress.objects.filter(email__iexact=address).exclude(user=user).first()
    if other is not None:
        raise SetupError(f"{variable}: {address} belongs to the account {other.user.username} already")
    record = EmailAddress.objects.filter(user=user, email__iexact=address).first() or EmailAddress(
        user=user, email=address
    )
    if not (record.verified and record.primary):
        EmailAddress.objects.filter(user=user, primary=True).update(primary=False)
        record.verified = record.primary = True
        record.save()
        yield f"confirmed address {address}"
    yield from _update(user, f"address of {user.username}", email=address)
