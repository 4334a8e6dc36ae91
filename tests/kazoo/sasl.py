"""Kazoo authenticates by SASL: sasl.py HOST:PORT USER PASSWORD

Prints what each kind of client gets.
"""

import logging
import sys
import time

from kazoo.client import KazooClient
from kazoo.exceptions import AuthFailedError, ConnectionClosedError, NoAuthError
from kazoo.security import make_acl

# No step that goes well lasts nearly as long.
PATIENCE = 60

HOSTS, USER, PASSWORD = sys.argv[1:]
logging.disable(logging.CRITICAL)


def client(password=None):
    if password is None:
        return KazooClient(hosts=HOSTS)
    options = {"mechanism": "DIGEST-MD5", "username": USER, "password": password}
    return KazooClient(hosts=HOSTS, sasl_options=options)


def refused(one):
    """Whether the server ends it for want of authentication."""
    begun = time.monotonic()
    try:
        one.start(PATIENCE)
        one.get("/own")
    except (AuthFailedError, ConnectionClosedError):
        return True
    except one.handler.timeout_exception:
        # Kazoo says so, too, of a session that was ended before it was seen, without any wait.
        return time.monotonic() - begun < PATIENCE
    finally:
        one.stop()
    return False


known = client(PASSWORD)
known.start(PATIENCE)
known.create("/own", b"x", acl=[make_acl("sasl", USER, all=True)])
print("known:", known.get("/own")[0].decode())

someone = client()
someone.start(PATIENCE)
try:
    someone.get("/own")
except NoAuthError:
    print("someone: not authorized")
someone.stop()

print("wrong password:", "refused" if refused(client(PASSWORD + "x")) else "taken")

known.stop()
