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
def act(fqdn, name, address, attempts):
    user = users.create_user(name, f"{name}@example.org", "right")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    client = Client(HTTP_HOST=fqdn, HTTP_X_FORWARDED_FOR=address)
    for password in attempts:
        page = client.post("/accounts/login/", {"login": name, "password": password}, secure=True)
    return "_auth_user_id" in client.session, page.content.decode()
"""

_SIGN_UP = """
def act(fqdn, name, password):
    client = Client(HTTP_HOST=fqdn)
    page = client.get("/accounts/signup/", secure=True)
    fields = {"username": name, "email": f"{name}@example.org", "password1": password, "password2": password}
    client.post("/accounts/signup/", fields, secure=True)
    return page.status_code, 'name="password1"' in page.content.decode(), users.filter(username=name).exists()
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


def log_in(website: WebSite, name: str, address: str, *attempts: str) -> tuple[bool, str]:
    """Make an account and try passwords for it; return whether the last one let in, and the page."""
    entered, page = in_django(website, _LOG_IN, website.site.fqdn, name, address, attempts)
    return entered, page


def test_after_five_wrong_passwords_the_right_one_is_refused(website: WebSite, name: str):
    entered, page = log_in(website, name, "192.0.2.5", *["wrong"] * 5, "right")
    assert not entered
    assert REFUSAL in page


def test_after_four_wrong_passwords_the_right_one_is_taken(website: WebSite, name: str):
    entered, page = log_in(website, name, "192.0.2.4", *["wrong"] * 4, "right")
    assert entered
    assert REFUSAL not in page


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
    sign_up = (_SIGN_UP, website.site.fqdn, name, secrets.token_urlsafe(12))
    assert in_django(website, *sign_up) == [200, True, True]
    try:
        playbook.deploy(deployment, release, "--tags", "web_configure", mailman_web_signup=False)
        assert in_django(website, *sign_up) == [200, False, False]
    finally:
        playbook.deploy(deployment, release, "--tags", "web_configure")
