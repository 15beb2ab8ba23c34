"""Two mail domains with a web host each, on one machine."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from deployment import ORGANISATION, Deployment, Site
from e2e import playbook, rest
from e2e.browser import Browser, hosts_of
from e2e.mailing import person
from e2e.website import WebSite, archived, confirm, in_django, log_in, mailed_link, removing_archive, submit
from infomaniak import compose
from listkit.certificate.files import parse

pytestmark = [pytest.mark.same_site, pytest.mark.split]

_PLACE_OF_AN_ARCHIVE = """
import configparser, sys, urllib.parse, urllib.request
configuration = configparser.ConfigParser()
configuration.read("/etc/mailman3/listkit-hyperkitty.cfg")
general = configuration["general"]
url = general["base_url"].rstrip("/") + "/api/mailman/urls?" + urllib.parse.urlencode({"mlist": sys.argv[1]})
request = urllib.request.Request(url, headers={"Authorization": "Token " + general["api_key"]})
print(urllib.request.urlopen(request, timeout=60).read().decode())
"""
_WELCOME = """
from mailman.interfaces.template import ITemplateLoader
from zope.component import getUtility
for code in ("en", "fr"): print(getUtility(ITemplateLoader).get("list:user:notice:welcome", m, language=code))

"""
_TAKE_OUT = """
def act(fqdn, mail_domain):
    from django.contrib.sites.models import Site
    from django_mailman3.models import MailDomain
    list(setup._sites([fqdn], "Lists", {}))
    host = MailDomain.objects.get(mail_domain=mail_domain).site.domain
    return [host, *Site.objects.values_list("domain", flat=True)]
"""


@dataclass(frozen=True)
class Second:
    """The further mail domain of a host, and its web host."""

    site: Site

    @property
    def domain(self) -> str:
        """What follows the @."""
        return f"second-{self.site.host.name}.test"

    @property
    def fqdn(self) -> str:
        """The name of its web interface."""
        return f"lists.{self.domain}"

    def browser(self) -> Browser:
        """A browser that knows where this name leads."""
        return Browser(self.fqdn, self.site.web.address, WebSite.of(self.site).certificate)


def former_name(site: Site) -> str:
    """A name that the web interface had before."""
    return f"old.{site.domain}"


@pytest.fixture(scope="module")
def site(deployment: Deployment, release: str) -> Site:
    """The host under test."""
    return deployment.sites[release]


@pytest.fixture(scope="module")
def second(deployment: Deployment, release: str, site: Site) -> Iterator[Second]:
    """The host with a second web host; afterwards it is what it was."""
    made = Second(site)
    variables = {"mailman_web_hosts": {made.domain: made.fqdn}, "fqdn_former": [former_name(site)]}
    playbook.deploy(deployment, release, "--tags", "core,web,certificate", **variables)
    rest.call(site, "POST", "domains", mail_host=made.domain)
    try:
        yield made
    finally:
        rest.call(site, "DELETE", f"domains/{made.domain}")
        playbook.deploy(deployment, release, "--tags", "core,web,certificate")


@pytest.fixture(scope="module")
def letter(site: Site, second: Second) -> Iterator[str]:
    """The address of a list in the second domain, with a post in its public archive."""
    address = f"letter@{second.domain}"
    website = WebSite.of(site)
    rest.call(site, "POST", "lists", fqdn_listname=address)
    rest.call(site, "PATCH", f"lists/{address}/config", archive_policy="public", default_nonmember_action="accept")
    with removing_archive(website, address):
        website.deliver(compose("bo@example.com", address, "First letter", "Good morning.\n"))
        archived(second.browser(), address, "First letter")
        yield address
    rest.call(site, "DELETE", f"lists/{address}")


def test_one_certificate_has_all_names(site: Site, second: Second):
    assert parse(WebSite.of(site).certificate.encode()).names == {site.fqdn, second.fqdn, former_name(site)}


def test_the_welcome_message_of_a_list_names_its_own_web_host(site: Site, second: Second, letter: str):
    for address, fqdn in ((letter, second.fqdn), (f"members@{site.domain}", site.fqdn)):
        texts = site.host.run(f"mailman shell -l {address} 2>&1", stdin=_WELCOME)
        assert texts.count(f"  https://{fqdn}/\n") == 2, texts


@pytest.mark.usefixtures("second")
def test_a_former_name_leads_to_the_same_page_at_the_main_name(site: Site):
    browser = Browser(former_name(site), site.web.address, WebSite.of(site).certificate)
    page = browser.get("/mailman3/postorius/lists/?page=1")
    assert (page.status, page.url) == (200, f"https://{site.fqdn}/mailman3/postorius/lists/?page=1")


def test_each_web_host_shows_its_own_lists(site: Site, second: Second, letter: str):
    ours, theirs = WebSite.of(site).browser(), second.browser()
    assert f"members@{site.domain}" in ours.get("/mailman3/postorius/lists/").text
    assert letter not in ours.get("/mailman3/postorius/lists/").text
    assert letter in theirs.get("/mailman3/postorius/lists/").text
    assert f"members@{site.domain}" not in theirs.get("/mailman3/postorius/lists/").text
    assert letter in theirs.get("/mailman3/hyperkitty/").text
    assert letter not in ours.get("/mailman3/hyperkitty/").text


def test_pages_stay_on_their_host(second: Second, letter: str):
    browser = second.browser()
    for path in ("/", "/mailman3/postorius/lists/", f"/mailman3/hyperkitty/list/{letter}/", "/mailman3/nothing"):
        page = browser.get(path)
        assert page.url.startswith(f"https://{second.fqdn}/")
        assert hosts_of(page.loaded) <= {second.fqdn}
        assert ORGANISATION in page.text


def test_core_learns_where_an_archive_is(site: Site, second: Second, letter: str):
    def place(address: str) -> str:
        return json.loads(site.host.run(f"python3 - {address}", stdin=_PLACE_OF_AN_ARCHIVE))["url"]

    assert place(letter) == f"https://{second.fqdn}/mailman3/hyperkitty/list/{letter}/"
    assert place(f"members@{site.domain}").startswith(f"https://{site.fqdn}/mailman3/")


def test_a_sign_up_s_mail_leads_back_to_its_host(deployment: Deployment, site: Site, second: Second):
    browser, address, password = second.browser(), person("second"), secrets.token_urlsafe(12)
    fields = {"email": address, "password1": password, "password2": password}
    submit(browser, browser.get("/mailman3/accounts/signup/"), **fields)
    link = mailed_link(deployment, WebSite.of(site), address, "accounts/confirm-email/", second.fqdn)
    confirm(browser, browser.get(link))
    member = second.browser()
    log_in(member, address, password)
    profile = member.get("/mailman3/user-profile/delete")
    assert profile.url.startswith(f"https://{second.fqdn}/"), profile.url
    confirm(member, profile)


def test_a_domain_whose_host_is_taken_out_is_the_main_host_s(site: Site, second: Second):
    assert in_django(WebSite.of(site), _TAKE_OUT, site.fqdn, second.domain) == [site.fqdn, site.fqdn]


def test_the_superuser_can_add_a_domain(site: Site, second: Second):
    page = WebSite.of(site).superuser().get("/mailman3/postorius/domains/new/")
    assert page.status == 200, page.text[:2000]
    assert second.fqdn in page.text
