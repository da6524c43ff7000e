"""A mail server for tests: says as JSON lines what it gets, and does what the recipient's name asks for.

    mail_server.py FOLDER PORT {none,starttls,tls} [--login USER:PASSWORD] [--wrong-name]

`greylisted-…@` is taken at the second try, `refused-…@` never; at `hanging-…@` the server falls silent after the mail, at `dropping-…@` it breaks the
connection then. The certificate of the authority that it makes for itself lies in FOLDER/authority.pem.
"""

import argparse
import asyncio
import email
import email.policy
import itertools
import json
import pathlib
import ssl

import certificates
from aiosmtpd.smtp import SMTP, AuthResult

HANGS_FOR_S = 3600


def say(message, **fields):
    print(json.dumps({"message": message, **fields}), flush=True)


class Handler:
    def __init__(self):
        self.greylisted = set()
        self.numbers = itertools.count(1)

    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name.startswith("refused"):
            say("refused", recipient=address)
            return "550 5.1.1 no such user here"
        if name.startswith("greylisted") and address not in self.greylisted:
            self.greylisted.add(address)
            say("greylisted", recipient=address)
            return "451 4.7.1 greylisted, try again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        part = lambda kind: mail.get_body((kind,)).get_content()
        number = next(self.numbers)
        say(
            "mail",
            number=number,
            sender=envelope.mail_from,
            recipients=envelope.rcpt_tos,
            headers={name: str(value) for name, value in mail.items()},
            text=part("plain"),
            html=part("html"),
            encrypted=session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None,
            user=session.auth_data.decode() if session.auth_data else None,
        )
        name = envelope.rcpt_tos[0]
        if name.startswith("hanging"):
            await asyncio.sleep(HANGS_FOR_S)
        if name.startswith("dropping"):
            server.transport.abort()
        return f"250 2.0.0 Ok: queued as {number}"


def context(folder, name):
    certificates.make(folder, name)
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return made


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("port", type=int)
    parser.add_argument("way", choices=["none", "starttls", "tls"])
    parser.add_argument("--login")
    parser.add_argument("--wrong-name", action="store_true")
    arguments = parser.parse_args()
    tls = None
    if arguments.way != "none":
        tls = context(arguments.folder, "elsewhere.example.com" if arguments.wrong_name else "localhost")

    def authenticate(server, session, envelope, mechanism, data):
        given = f"{data.login.decode()}:{data.password.decode()}"
        good = given == arguments.login
        say("login", good=good)
        return AuthResult(success=good, handled=False, auth_data=data.login)

    settings = {"ident": "test"}
    if arguments.login:
        settings |= {
            "authenticator": authenticate,
            "auth_required": True,
            # With TLS from the first byte it takes the connection for a plain one.
            "auth_require_tls": arguments.way == "starttls",
        }
    if arguments.way == "starttls":
        settings |= {"tls_context": tls, "require_starttls": True}
    handler = Handler()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, **settings),
        "127.0.0.1",
        arguments.port,
        ssl=tls if arguments.way == "tls" else None,
    )
    say("ready", port=server.sockets[0].getsockname()[1])
    await server.serve_forever()


asyncio.run(main())
