"""Another program with its own client, as zc.zk was: services.py HOST:PORT[/CHROOT]

Checks what zkt has registered below /svc, registers itself as zc.zk did, and leaves when it is told
to by a line on standard input.
"""

import json
import os
import sys

from kazoo.client import KazooClient
from kazoo.security import READ_ACL_UNSAFE

# No wait that goes well lasts nearly as long.
PATIENCE = 60


def main(hosts, pid):
    client = KazooClient(hosts=hosts)
    client.start(PATIENCE)
    assert client.get_children("/svc") == ["10.0.0.1:80"]
    data, stat = client.get("/svc/10.0.0.1:80")
    # Byte for byte what zc.zk wrote.
    assert data == json.dumps({"pid": int(pid)}, separators=(",", ":")).encode(), data
    assert stat.ephemeralOwner not in (0, client.client_id[0])
    acls, _ = client.get_acls("/svc/10.0.0.1:80")
    assert acls == READ_ACL_UNSAFE, acls
    assert json.loads(client.get("/links")[0]) == {"svc ->": "/svc"}

    own = json.dumps({"pid": os.getpid(), "weight": 2}, separators=(",", ":")).encode()
    client.create("/svc/10.0.0.2:80", own, acl=READ_ACL_UNSAFE, ephemeral=True)
    client.set("/config", json.dumps({"threads": 4, "name": "\u00e9"}).encode())
    print(os.getpid(), flush=True)

    # What is read is what is registered then.
    assert sys.stdin.readline() == "look\n"
    assert json.loads(client.get("/svc/10.0.0.1:80")[0]) == {"zone": "b"}
    print("seen", flush=True)
    assert sys.stdin.readline() == "leave\n"
    client.stop()
    client.close()


main(*sys.argv[1:])
