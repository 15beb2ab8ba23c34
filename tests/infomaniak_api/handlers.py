"""What each route of the API does to an account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infomaniak_api.account import (
    APEX,
    CATCH_ALL,
    FORWARDINGS_AT_MOST,
    Account,
    Device,
    Hosting,
    Mailbox,
    MailingList,
    Redirection,
    Refusal,
    Zone,
    as_kept,
)

HOSTING = "/1/mail_hostings/{mail_hosting_id}"
MAILBOX = HOSTING + "/mailboxes/{mailbox_name}"
DEVICES = "/1/mail_hostings/{service_mail}/mailboxes/{mailbox_name}/accesses/devices"
OWN_DEVICES = "/1/mail_hostings/accesses/devices"
REDIRECTION = HOSTING + "/redirections/{redirection_id}"
MAILING_LIST = HOSTING + "/mailing_lists/{mailing_list_name}"
ZONE = "/2/zones/{zone}"
RECORD = ZONE + "/records/{record}"

# Not in the description that the table is made from: the provider's own mail app uses it.
BEYOND_THE_DESCRIPTION = {
    f"PATCH {MAILBOX}": {
        "success": 200,
        "errors": {"404": ["object_not_found"], "500": ["cannot_update_object"]},
        "body": {
            "has_move_spam": {"type": "boolean", "required": False},
            "has_mail_filtering": {"type": "boolean", "required": False},
        },
    }
}


@dataclass(frozen=True)
class Request:
    """One request: whose account, the values in the path, the query and the body."""

    account: Account
    path: dict[str, str]
    query: dict[str, str]
    body: dict[str, Any]

    @property
    def hosting(self) -> Hosting:
        """The mail hosting in the path."""
        return self.account.hosting(self.path.get("mail_hosting_id") or self.path["service_mail"])

    @property
    def mailbox(self) -> Mailbox:
        """The mailbox in the path."""
        return self.account.mailbox(str(self.hosting.id), self.path["mailbox_name"])

    @property
    def zone(self) -> Zone:
        """The DNS zone in the path."""
        return self.account.zone(self.path["zone"])

    @property
    def redirection(self) -> Redirection:
        """The redirection in the path."""
        try:
            return self.hosting.redirections[self.path["redirection_id"]]
        except KeyError:
            raise Refusal("object_not_found") from None

    @property
    def mailing_list(self) -> MailingList:
        """The provider's own mailing list in the path."""
        try:
            return self.hosting.mailing_lists[self.path["mailing_list_name"]]
        except KeyError:
            raise Refusal("object_not_found") from None

    @property
    def record(self) -> dict[str, Any]:
        """The DNS record in the path."""
        try:
            return self.zone.records[int(self.path["record"])]
        except (KeyError, ValueError):
            raise Refusal("object_not_found") from None


Handler = Callable[[Request], Any]
HANDLERS: dict[str, Handler] = {}


def route(name: str) -> Callable[[Handler], Handler]:
    """Register the handler of the route `name`, a method and a path of the description."""

    def register(handler: Handler) -> Handler:
        HANDLERS[name] = handler
        return handler

    return register


# -- the provider's own mailing lists ----------------------------------------------------------------------------------


@route(f"GET {HOSTING}/mailing_lists")
def list_mailing_lists(request):
    return [found.as_answer(request.hosting.domain) for found in request.hosting.mailing_lists.values()]


@route(f"GET {MAILING_LIST}")
def show_mailing_list(request):
    return request.mailing_list.as_answer(request.hosting.domain)


@route(f"GET {MAILING_LIST}/subscribers")
def list_subscribers(request):
    errors = {"count": 0, "last_error": None, "last_error_code": None}
    return [{"mail": address, "mailIDN": address, "errors": errors} for address in request.mailing_list.subscribers]


# -- mailboxes ---------------------------------------------------------------------------------------------------------


@route(f"GET {HOSTING}/mailboxes")
def list_mailboxes(request):
    wanted = set(request.query.get("with", "").split(","))
    return [request.hosting.mailbox_answer(mailbox, wanted) for mailbox in request.hosting.mailboxes.values()]


@route(f"POST {HOSTING}/mailboxes")
def add_mailbox(request):
    name = request.body["mailbox_name"]
    if name == CATCH_ALL and request.hosting.is_starter():
        raise Refusal("catchall_not_allow_for_starter")
    request.hosting.mailboxes.setdefault(name, Mailbox(name))
    count = len(request.hosting.mailboxes)
    return {"mailbox": f"{name}@{request.hosting.domain}", "quota": 0, "used": count, "total": count}


@route(f"GET {MAILBOX}")
def show_mailbox(request):
    return request.hosting.mailbox_answer(request.mailbox, set(request.query.get("with", "").split(",")))


@route(f"PATCH {MAILBOX}")
def change_mailbox(request):
    mailbox = request.mailbox
    mailbox.move_spam = request.body.get("has_move_spam", mailbox.move_spam)
    mailbox.mail_filtering = request.body.get("has_mail_filtering", mailbox.mail_filtering)
    return True


# -- aliases -----------------------------------------------------------------------------------------------------------


@route(f"GET {MAILBOX}/aliases")
def list_aliases(request):
    return {"enabled_alias": 1, "aliases": list(request.mailbox.aliases)}


@route(f"POST {MAILBOX}/aliases")
def add_alias(request):
    _add_alias(request, request.body["alias"])
    return True


@route(f"PUT {MAILBOX}/aliases")
def replace_aliases(request):
    if any("@" in alias for alias in request.body["aliases"]):
        raise Refusal("unknown_error")
    request.mailbox.aliases.clear()
    for alias in request.body["aliases"]:
        _add_alias(request, alias)
    return True


def _add_alias(request, alias):
    redirections = {redirection.name for redirection in request.hosting.redirections.values()}
    request.mailbox.add_alias(alias, request.hosting.alias_limit, redirections)


@route(f"DELETE {MAILBOX}/aliases/{{alias}}")
def remove_alias(request):
    if request.path["alias"] not in request.mailbox.aliases:
        raise Refusal("alias_does_not_exist")
    request.mailbox.aliases.remove(request.path["alias"])
    return True


# -- forwarding --------------------------------------------------------------------------------------------------------


def _check_forwarding(request, address):
    if "@" not in address:
        raise Refusal("incorrect_redirect_address")
    if address in request.mailbox.forwardings:
        raise Refusal("redirect_address_already_exists")
    if len(request.mailbox.forwardings) >= (1 if request.hosting.is_starter() else FORWARDINGS_AT_MOST):
        raise Refusal("max_mailbox_redirection")


@route(f"GET {MAILBOX}/forwarding_addresses")
def show_forwarding(request):
    addresses = request.mailbox.forwardings
    return {
        "is_enabled": "1" if addresses else "0",
        # Spelt like this in the description.
        "redirect_adresses": [{"email": address, "email_idn": address} for address in addresses],
        "has_dont_deliver": "0",
        "has_forward_spam": "0",
    }


@route(f"POST {MAILBOX}/forwarding_addresses")
def add_forwarding(request):
    address = request.body["redirect_address"]
    _check_forwarding(request, address)
    request.mailbox.forwardings.append(address)
    return {"email": address, "email_idn": address, "has_dont_deliver": False}


@route(f"PUT {MAILBOX}/forwarding_addresses")
def replace_forwarding(request):
    addresses = request.body.get("redirect_addresses", request.mailbox.forwardings)
    own = {f"{name}@{request.hosting.domain}" for name in (request.mailbox.name, *request.mailbox.aliases)}
    if own & set(addresses):
        raise Refusal("redirect_address_alias_or_mailboxname")
    if len(addresses) > (1 if request.hosting.is_starter() else FORWARDINGS_AT_MOST):
        raise Refusal("too_much_redirections")
    request.mailbox.forwardings[:] = addresses if request.body.get("is_enabled", True) else []
    return True


@route(f"DELETE {MAILBOX}/forwarding_addresses")
def remove_all_forwarding(request):
    request.mailbox.forwardings.clear()
    return True


@route(f"DELETE {MAILBOX}/forwarding_addresses/{{redirect_addresses}}")
def remove_forwarding(request):
    if request.path["redirect_addresses"] not in request.mailbox.forwardings:
        raise Refusal("redirect_address_does_not_exist")
    request.mailbox.forwardings.remove(request.path["redirect_addresses"])
    return True


# -- autoresponder -----------------------------------------------------------------------------------------------------


def _reply(request):
    try:
        return request.mailbox.replies[int(request.path["model_id"])]
    except (KeyError, ValueError):
        raise Refusal("object_not_found") from None


@route(f"GET {MAILBOX}/auto_reply/model")
def list_replies(request):
    return list(request.mailbox.replies.values())


@route(f"POST {MAILBOX}/auto_reply/model")
def add_reply(request):
    identifier = request.account.next_id()
    times = {"started_at": None, "ended_at": None}
    defaults = {"is_active": False, "is_model": True, "is_visible": True, "recurrent_days": {}, "source_model_id": None}
    request.mailbox.replies[identifier] = {"id": identifier, **times, **defaults, **request.body}
    return identifier


@route(f"GET {MAILBOX}/auto_reply/model/{{model_id}}")
def show_reply(request):
    return _reply(request)


@route(f"PATCH {MAILBOX}/auto_reply/model/{{model_id}}")
def change_reply(request):
    _reply(request).update(request.body)
    return True


@route(f"DELETE {MAILBOX}/auto_reply/model/{{model_id}}")
def remove_reply(request):
    _reply(request)
    del request.mailbox.replies[int(request.path["model_id"])]
    return True


@route(f"PUT {MAILBOX}/auto_reply/reset")
def reset_replies(request):
    return bool(request.mailbox)


# -- redirections ------------------------------------------------------------------------------------------------------


@route(f"GET {HOSTING}/redirections")
def list_redirections(request):
    return [redirection.as_answer(request.hosting.domain) for redirection in request.hosting.redirections.values()]


@route(f"POST {HOSTING}/redirections")
def add_redirection(request):
    identifier = str(request.account.next_id())
    targets = dict.fromkeys(request.body["targets"])
    request.hosting.redirections[identifier] = Redirection(identifier, request.body["name"], targets)
    return identifier


@route(f"GET {REDIRECTION}")
def show_redirection(request):
    return request.redirection.as_answer(request.hosting.domain)


@route(f"PUT {REDIRECTION}")
def replace_targets(request):
    redirection = request.redirection
    redirection.targets = {address: redirection.targets.get(address) for address in request.body["targets"]}
    return True


@route(f"DELETE {REDIRECTION}")
def remove_redirection(request):
    del request.hosting.redirections[request.redirection.id]
    return True


@route(f"PUT {REDIRECTION}/enable")
def enable_redirection(request):
    request.redirection.state = "enable"
    return True


@route(f"PUT {REDIRECTION}/send-confirmation-requests")
def ask_all_targets(request):
    return bool(request.redirection)


@route(f"GET {REDIRECTION}/targets")
def list_targets(request):
    return [request.redirection.target(address) for address in request.redirection.targets]


@route(f"POST {REDIRECTION}/targets")
def add_target(request):
    request.redirection.targets.setdefault(request.body["address"])
    return request.body["address"]


@route(f"DELETE {REDIRECTION}/targets")
def remove_target(request):
    request.redirection.targets.pop(request.body.get("address"), None)
    return True


@route(f"PUT {REDIRECTION}/targets/{{target_id}}/resend-confirmation-request")
def ask_target(request):
    if request.path["target_id"] not in request.redirection.targets:
        raise Refusal("unexpected_error")
    return {}


# -- device passwords --------------------------------------------------------------------------------------------------


def _access(request):
    try:
        return request.mailbox.devices[int(request.path["device_access"])]
    except (KeyError, ValueError):
        raise Refusal("cannot_delete_object") from None


def _all_devices(request):
    for hosting in request.account.hostings.values():
        for mailbox in hosting.mailboxes.values():
            for device in mailbox.devices.values():
                yield mailbox, device


@route(f"GET {DEVICES}")
@route(f"GET {DEVICES}/users/{{user_id}}")
def list_accesses(request):
    address = f"{request.mailbox.name}@{request.hosting.domain}"
    accesses = [device.as_access(address, request.hosting.id) for device in request.mailbox.devices.values()]
    if request.query.get("with") != "device":
        for access in accesses:
            del access["device"]
    return accesses


@route(f"POST {DEVICES}")
def add_access(request):
    existing = next(
        (each for _mailbox, each in _all_devices(request) if each.id == request.body.get("device_id")), None
    )
    if "device_id" in request.body and existing is None:
        raise Refusal("object_not_found")
    if existing and existing.type == "legacy":
        raise Refusal("legacy_device_creation")
    if existing and existing.id in request.mailbox.devices:
        raise Refusal("device_already_has_access_to_mailbox")
    if existing:
        raise Refusal("existing_device_can_only_have_one_user")
    made = Device(
        request.account.next_id(),
        request.body.get("label", ""),
        request.body["protocols"],
        request.body.get("type", "other"),
    )
    request.mailbox.devices[made.id] = made
    return {"password": made.password}


@route(f"POST {DEVICES}/{{device_access}}")
def regenerate_password(request):
    device = _access(request)
    device.password = Device(0, "").password
    return {"password": device.password}


def _remove_devices(mailbox, devices):
    if any(device.type == "legacy" for device in devices):
        raise Refusal("legacy_device_deletion")
    for device in devices:
        del mailbox.devices[device.id]
    return True


@route(f"DELETE {DEVICES}")
@route(f"DELETE {DEVICES}/users/{{user_id}}")
def remove_all_accesses(request):
    return _remove_devices(request.mailbox, list(request.mailbox.devices.values()))


@route(f"DELETE {DEVICES}/{{device_access}}")
def remove_access(request):
    return _remove_devices(request.mailbox, [_access(request)])


@route("GET /1/mail_hostings/{service_mail}/accesses/devices/users/{user_id}")
@route(f"GET {OWN_DEVICES}")
def list_devices(request):
    return [device.as_device() for _mailbox, device in _all_devices(request)]


@route(f"DELETE {OWN_DEVICES}")
def remove_devices(request):
    for mailbox, device in list(_all_devices(request)):
        del mailbox.devices[device.id]
    return True


@route(f"DELETE {OWN_DEVICES}/{{device}}")
def remove_device(request):
    for mailbox, device in list(_all_devices(request)):
        if str(device.id) == request.path["device"]:
            del mailbox.devices[device.id]
            return True
    raise Refusal("cannot_delete_object")


@route(f"PATCH {OWN_DEVICES}/{{device}}")
def rename_device(request):
    devices = [device for _mailbox, device in _all_devices(request)]
    if any(device.label == request.body["label"] for device in devices):
        raise Refusal("device_already_exists")
    for device in devices:
        if str(device.id) == request.path["device"]:
            device.label = request.body["label"]
            return True
    raise Refusal("cannot_update_object")


# -- preferences of a mail hosting -------------------------------------------------------------------------------------


@route(f"GET {HOSTING}/preferences")
def show_preferences(request):
    return dict(request.hosting.preferences)


@route(f"PATCH {HOSTING}/preferences")
def change_preferences(request):
    changes = dict(request.body)
    dkim = changes.pop("dkim_enabled", None)
    if dkim is not None:
        for mailbox in request.hosting.mailboxes.values():
            mailbox.dkim = dkim
    request.hosting.preferences.update(changes)
    return True


# -- DNS ---------------------------------------------------------------------------------------------------------------


@route("GET /2/domains/{domain}/zones")
def list_zones(request):
    domain = request.path["domain"]
    return [zone.as_answer() for name, zone in request.account.zones.items() if f".{name}".endswith(f".{domain}")]


@route(f"GET {ZONE}")
def show_zone(request):
    return request.zone.as_answer()


@route(f"GET {ZONE}/exists")
def zone_exists(request):
    return request.path["zone"] in request.account.zones


@route(f"POST {ZONE}")
def add_zone(request):
    name = request.path["zone"]
    if name in request.account.zones:
        raise Refusal("zone_already_exists")
    request.account.zones[name] = Zone(name)
    return request.account.zones[name].as_answer()


@route(f"PUT {ZONE}")
def replace_zone(request):
    return request.zone.as_answer()


@route(f"DELETE {ZONE}")
def remove_zone(request):
    del request.account.zones[request.zone.fqdn]
    return True


@route(f"GET {ZONE}/records")
def list_records(request):
    return list(request.zone.records.values())


@route(f"POST {ZONE}/records")
def add_record(request):
    made = {"source": APEX, **{key: value for key, value in request.body.items() if value is not None}}
    made |= {"target": as_kept(made["type"], made["target"]), "updated_at": 1}
    request.zone.check(made)
    made = {"id": request.account.next_id(), **made}
    request.zone.records[made["id"]] = made
    return made


@route(f"GET {RECORD}")
def show_record(request):
    return request.record


@route(f"PUT {RECORD}")
def change_record(request):
    record = request.record
    changed = {**record, **request.body}
    changed["target"] = as_kept(changed["type"], changed["target"])
    request.zone.check(changed, but=record["id"])
    record.update(changed)
    return record


@route(f"DELETE {RECORD}")
def remove_record(request):
    del request.zone.records[request.record["id"]]
    return True


@route(f"GET {RECORD}/check")
def check_record(request):
    if not request.zone.managed:
        raise Refusal("zone_not_managed_by_infomaniak_dns")
    return bool(request.record)
