"""Sends each request of schemathesis from an IP address of its own: keys that it makes up would else use up the
attempts of its only one, and the right key would be refused as well."""

import ipaddress
import itertools

import schemathesis

addresses = map(ipaddress.IPv4Address, itertools.count(int(ipaddress.IPv4Address("10.0.0.1"))))


@schemathesis.hook
def before_call(context, case, kwargs):
    case.headers["X-Forwarded-For"] = str(next(addresses))
