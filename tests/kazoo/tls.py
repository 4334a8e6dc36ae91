"""A client through TLS: tls.py HOST:PORT CA CERTIFICATE KEY"""

import sys

from kazoo.client import KazooClient

# No wait that goes well lasts nearly as long.
PATIENCE = 60


def main(hosts, ca, certificate, key):
    client = KazooClient(
        hosts=hosts, use_ssl=True, ca=ca, certfile=certificate, keyfile=key, verify_certs=True
    )
    client.start(PATIENCE)
    client.create("/a", b"x" * 500_000, ephemeral=True)
    data, _ = client.get("/a")
    assert data == b"x" * 500_000
    client.stop()
    client.close()
    print("served")


main(*sys.argv[1:])
