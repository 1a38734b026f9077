"""A mail server that demands TLS and a password: smtp_server.py MODE CERTIFICATE KEY, MODE being implicit or starttls.

Prints its port, then each message it takes, as a line of JSON: parsed by Python's own library. Names before the @ of a
recipient or a sender make it refuse.
"""

import asyncio
import email
import email.policy
import json
import logging
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

USER = b"heart@beat.example"
PASSWORD = "p@ss:w\u00f6rd/%".encode()

RECIPIENTS = {
    "unknown": "550 5.1.1 <unknown@example.org>: no such user",
    "full": "452 4.2.2 mailbox full",
    "policy": "550 5.7.1 rejected by policy",
    "bare": "550 no such user here, or none for you",
    "busy": "451 4.3.0 try again later",
}


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if answer := RECIPIENTS.get(address.split("@")[0]):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_QUIT(self, server, session, envelope):
        # Never says goodbye: what was taken was taken.
        await asyncio.Event().wait()

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        if "refuse this" in str(message["Subject"]):
            return "554 5.6.0 message refused"
        part = lambda kind: message.get_body((kind,)).get_content().replace("\r\n", "\n")
        taken = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or MODE == "implicit",
            "headers": {name.lower(): str(value) for name, value in message.items()},
            "display_name": message["From"].addresses[0].display_name,
            "kind": message.get_content_type(),
            "text": part("plain"),
            "html": part("html"),
            "defects": [str(it) for walked in message.walk() for it in walked.defects],
            "lines": envelope.content.decode("ascii").split("\r\n"),
        }
        print(json.dumps(taken), flush=True)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    if data.login == USER and data.password == PASSWORD:
        return AuthResult(success=True)
    return AuthResult(success=False, handled=False)


async def main(mode, certificate, key):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    implicit = mode == "implicit"

    def connection():
        return SMTP(
            Handler(),
            authenticator=authenticate,
            auth_required=True,
            # With implicit TLS, the server does not know of it.
            auth_require_tls=not implicit,
            require_starttls=mode == "starttls",
            tls_context=tls if mode == "starttls" else None,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", 0, ssl=tls if implicit else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# It warns of what is wanted here.
logging.disable(logging.WARNING)
MODE = sys.argv[1]
asyncio.run(main(*sys.argv[1:]))
