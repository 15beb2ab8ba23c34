"""What the settings say of accounts: tried on the host beside the application.

So nothing is started again, and what the web server lets an address send isn't used up.
"""

from __future__ import annotations

import secrets

import pytest

from deployment import Deployment
from e2e import playbook
from e2e.website import WebSite, in_django

pytestmark = pytest.mark.every_release("web")

REFUSAL = "Too many failed login attempts"

_LOG_IN = """
def act(fqdn, name, attempts):
    user = users.create_user(name, f"{name}@example.org", "right")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    browsers, entered = {}, []
    for browser, address, login, password in attempts:
        client = browsers.setdefault(browser, Client(HTTP_HOST=fqdn))
        client.cookies.pop("sessionid", None)
        fields = {"login": login.format(name=name), "password": password}
        page = client.post("/accounts/login/", fields, secure=True, HTTP_X_FORWARDED_FOR=address)
        entered.append("_auth_user_id" in client.session)
    return entered, page.content.decode()
"""

_PASSWORD_LINK = """
def act(fqdn, name, address):
    from listkit.web import accounts
    user = users.create_user(name, f"{name}@example.org", "lost")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    link = accounts.password_link(address.format(name=name)).removeprefix(f"https://{fqdn}/mailman3")
    answers = []
    for client in (Client(HTTP_HOST=fqdn), Client(HTTP_HOST=fqdn)):
        form = client.get(link, secure=True).headers.get("Location", "/mailman3" + link).removeprefix("/mailman3")
        fields = {"password1": "Quince-jelly-7", "password2": "Quince-jelly-7"}
        client.post(form, fields, secure=True)
        answers.append("_auth_user_id" in client.session)
    return answers, users.get(username=name).check_password("Quince-jelly-7")
"""

_SIGN_UP = """
def act(fqdn, email, password):
    import re
    from listkit.web.patches import public_forms
    public_forms.MIN_SECONDS = 0
    client = Client(HTTP_HOST=fqdn)
    page = client.get("/accounts/signup/", secure=True)
    token = re.search('name="moment" value="([^"]+)"', page.content.decode())
    fields = {"email": email, "password1": password, "password2": password, "moment": token[1] if token else ""}
    client.post("/accounts/signup/", fields, secure=True)
    return page.status_code, bool(token), users.filter(email=email).exists()
"""

_ADMINISTER = """
def act(fqdn, name, is_staff, asked):
    user = users.create_user(name, f"{name}@example.org", "right", is_staff=is_staff)
    client = Client(HTTP_HOST=fqdn)
    if asked:
        client.force_login(user)
        page = client.get(asked, secure=True)
    else:
        page = client.post("/admin/login/", {"username": name, "password": "right"}, secure=True)
    return page.status_code, page.headers.get("Location"), "_auth_user_id" in client.session
"""

_SET_UP = """
def act(name, steps):
    done = []
    for who, password, *force in steps:
        changes = step(name, who, password, bool(force))
        user = users.get(username=name)
        done.append([changes, *{word for _, word, *_ in steps if user.check_password(word)}])
    return done

def step(name, who, password, force):
    if who == "owner":
        user = users.get(username=name)
        user.set_password(password)
        user.save()
    elif who == "stranger":
        users.create_user(name, f"{name}@example.org", password)
    else:
        wanted = {"superuser": name, "superuser_email": f"{name}@example.org", "superuser_password_force": force}
        try:
            return list(setup._superuser(wanted, password))
        except setup.SetupError as error:
            return str(error)
    return []
"""


@pytest.fixture
def name() -> str:
    """The name of an account that nobody has."""
    return f"x{secrets.token_hex(4)}"


def log_in(website: WebSite, name: str, *attempts: tuple[str, str, str, str]) -> tuple[list[bool], str]:
    """Make an account and try to enter it; return for each attempt whether it entered, and the last page.

    attempts: browser, address, login (`{name}` or an address made of it), password.
    """
    return in_django(website, _LOG_IN, website.site.fqdn, name, attempts)


def test_after_five_wrong_passwords_the_right_one_is_refused_there_and_accepted_elsewhere(website: WebSite, name: str):
    attempts = [("stranger", "192.0.2.5", "{name}", password) for password in [*["wrong"] * 5, "right"]]
    entered, page = log_in(website, name, *attempts)
    assert entered == [False] * 6
    assert REFUSAL in page
    entered, page = log_in(website, f"{name}2", *attempts, ("owner", "192.0.2.6", "{name}", "right"))
    assert entered[-1], page


def test_after_four_wrong_passwords_the_right_one_is_accepted(website: WebSite, name: str):
    attempts = [("owner", "192.0.2.4", "{name}", password) for password in [*["wrong"] * 4, "right"]]
    entered, page = log_in(website, name, *attempts)
    assert entered[-1]
    assert REFUSAL not in page


def test_ipv6_addresses_of_one_customer_are_counted_together(website: WebSite, name: str):
    attempts = [("stranger", f"2001:db8:1:2::{number}", "{name}", "wrong") for number in range(5)]
    entered, page = log_in(website, name, *attempts, ("stranger", "2001:db8:1:2:ffff::1", "{name}", "right"))
    assert not entered[-1]
    assert REFUSAL in page
    entered, _ = log_in(website, f"{name}2", *attempts, ("owner", "2001:db8:1:3::1", "{name}", "right"))
    assert entered[-1]


def test_a_known_browser_is_not_locked_out_by_its_neighbours_and_has_a_limit_too(website: WebSite, name: str):
    address = "192.0.2.7"
    own = [("own", address, "{name}", "right")]
    strangers = [("stranger", address, login, "wrong") for login in ["{name}", "{name}@example.org"] for _ in range(5)]
    by_address = [("own", address, "{name}@example.org", "right")]
    guesses = [("own", address, "{name}", "wrong")] * 5
    entered, page = log_in(website, name, *own, *strangers, *own, *by_address, *guesses, *own)
    assert entered == [True, *[False] * 10, True, True, *[False] * 6]
    assert REFUSAL in page


@pytest.mark.parametrize("address", ["{name}", "{name}@example.org"])
def test_the_operator_s_link_sets_a_new_password_once_and_logs_in(website: WebSite, name: str, address: str):
    entered, is_set = in_django(website, _PASSWORD_LINK, website.site.fqdn, name, address)
    assert entered == [True, False]
    assert is_set


def test_the_operator_s_command_makes_a_link_for_accounts_that_exist(website: WebSite, name: str):
    made = website.site.web.run("listkit web password-link admin").strip()
    assert made.startswith(f"https://{website.site.fqdn}/mailman3/accounts/password/reset/key/")
    refused = website.site.web.try_run(f"listkit web password-link {name}")
    assert refused.returncode == 1
    assert f"{name}: no active account" in refused.stderr


def test_the_administration_tries_no_passwords_itself(website: WebSite, name: str):
    status, place, entered = in_django(website, _ADMINISTER, website.site.fqdn, name, True, "")
    assert (status, place, entered) == (302, "/mailman3/accounts/login/?next=/mailman3/admin/", False)


@pytest.mark.parametrize(
    ("is_staff", "path", "answer"),
    [
        (True, "/admin/", (200, None)),
        (True, "/admin/login/", (302, "/mailman3/admin/")),
        (False, "/admin/", (302, "/mailman3/admin/login/?next=/mailman3/admin/")),
        (False, "/admin/login/", (403, None)),
    ],
)
def test_who_is_logged_in_gets_the_administration_or_a_refusal(
    website: WebSite, name: str, is_staff: bool, path: str, answer: tuple
):
    status, place, _ = in_django(website, _ADMINISTER, website.site.fqdn, name, is_staff, path)
    assert (status, place) == answer


def test_the_superuser_s_password_is_set_once_and_then_left_to_its_owner(website: WebSite, name: str):
    steps = [("setup", "first"), ("setup", "other"), ("owner", "own"), ("setup", "first"), ("setup", "forced", "force")]
    assert in_django(website, _SET_UP, name, [*steps, steps[-1]]) == [
        [[f"superuser {name}", f"confirmed address {name}@example.org"], "first"],
        [[], "first"],
        [[], "own"],
        [[], "own"],
        [[f"password of {name}"], "forced"],
        [[], "forced"],
    ]


def test_nobody_becomes_superuser_by_choosing_a_name(website: WebSite, name: str):
    refusal = f"web_superuser: {name} is an ordinary account already; choose another name"
    steps = [("stranger", "own"), ("setup", "first", "force")]
    assert in_django(website, _SET_UP, name, steps) == [[[], "own"], [refusal, "own"]]


@pytest.mark.one_release
def test_the_sign_up_can_be_closed(deployment: Deployment, release: str, website: WebSite, name: str):
    fqdn, password = website.site.fqdn, secrets.token_urlsafe(12)
    assert in_django(website, _SIGN_UP, fqdn, f"{name}@example.org", password) == [200, True, True]
    try:
        playbook.deploy(deployment, release, "--tags", "web_configure", mailman_web_signup=False)
        assert in_django(website, _SIGN_UP, fqdn, f"{name}-2@example.org", password) == [200, False, False]
    finally:
        playbook.deploy(deployment, release, "--tags", "web_configure")
