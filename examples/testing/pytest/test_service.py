"""Tests of a service that registers itself in ZooKeeper, on a server of their own: `zkt serve`.

    pip install kazoo pytest
    pytest test_service.py

The variable ZKT names the program zkt where it is not on the PATH.
"""

import json
import os
import subprocess
import time
import urllib.request

import pytest
from kazoo.client import KazooClient
from kazoo.protocol.states import KazooState

# No wait that goes well lasts nearly as long.
PATIENCE = 60


class ZooKeeper:
    """A ZooKeeper in memory, and its control socket."""

    def __init__(self):
        command = [os.environ.get("ZKT", "zkt"), "serve", "--listen", ":0", "--control", ":0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.hosts = self.process.stdout.readline().strip()
        self.control = self.process.stdout.readline().strip()
        assert self.control, "zkt serve does not start"
        # What is on this machine is not asked for through a proxy.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def do(self, call, **body):
        """Does something: expire, cut-all, inject and so on."""
        return self._ask(call, json.dumps(body).encode())

    def show(self, call):
        """Shows something: sessions, tree, injections and so on."""
        return self._ask(call, None)

    def _ask(self, call, body):
        request = urllib.request.Request(f"{self.control}/{call}", data=body)
        with self.opener.open(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


class Service:
    """What is tested: it is registered for as long as it runs."""

    def __init__(self, hosts, address):
        self.path = f"/services/{address}"
        self.is_lost = False
        self.client = KazooClient(hosts=hosts, timeout=10)
        self.client.add_listener(self._changed)
        self.client.start(PATIENCE)
        self._register()

    def _changed(self, state):
        if state == KazooState.LOST:
            self.is_lost = True
        elif state == KazooState.CONNECTED and self.is_lost:
            self.is_lost = False
            # A listener must not wait for the client.
            self.client.handler.spawn(self._register)

    def _register(self):
        def create():
            # After a lost connection, it may have been created nevertheless.
            if not self.client.exists(self.path):
                self.client.create(self.path, b"", ephemeral=True, makepath=True)

        self.client.retry(create)

    def stop(self):
        self.client.remove_listener(self._changed)
        self.client.stop()
        self.client.close()


@pytest.fixture
def zookeeper():
    server = ZooKeeper()
    yield server
    server.stop()


@pytest.fixture
def service(zookeeper):
    service = Service(zookeeper.hosts, "10.0.0.1:80")
    yield service
    service.stop()


def eventually(what):
    """Waits for what is no longer None."""
    deadline = time.monotonic() + PATIENCE
    while (found := what()) is None:
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)
    return found


def registration(zookeeper):
    """The session that the service is registered by, None without one."""
    ephemerals = zookeeper.show("ephemerals")["ephemerals"]
    return ephemerals[0]["session"] if ephemerals else None


def test_it_comes_back_when_its_session_expires(zookeeper, service):
    first = registration(zookeeper)
    assert zookeeper.do("expire", session=first) == {"expired": 1}

    second = eventually(lambda: registration(zookeeper))
    assert second != first


def test_it_keeps_its_session_when_its_connection_is_cut(zookeeper, service):
    first = registration(zookeeper)
    assert zookeeper.do("cut", session=first) == {"cut": 1}

    def peer():
        [session] = zookeeper.show("sessions")["sessions"]
        return session["peer"]

    eventually(peer)
    assert registration(zookeeper) == first


def test_it_is_registered_once_when_the_answer_is_lost(zookeeper):
    zookeeper.do("inject", fault="lose-reply", kinds=["create", "create2"], path="/services/10.0.0.1:80")
    service = Service(zookeeper.hosts, "10.0.0.1:80")

    [injection] = zookeeper.show("injections")["injections"]
    assert injection["struck"] == 1
    assert registration(zookeeper) == hex(service.client.client_id[0])
    service.stop()
