"""Kazoo's clients and recipes at work on one server: scenarios.py HOST:PORT

Prints the name of each scenario that went well. The first one that does not ends the run.
"""

import logging
import socket
import sys
import threading
import time
import traceback

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (
    BadVersionError,
    CancelledError,
    LockTimeout,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
    RuntimeInconsistency,
)
from kazoo.protocol.states import EventType
from kazoo.recipe.cache import TreeCache, TreeEvent
from kazoo.recipe.watchers import PatientChildrenWatch
from kazoo.security import make_digest_acl

# No wait of a scenario that goes well lasts nearly as long.
PATIENCE = 60

HOSTS = sys.argv[1]
SCENARIOS = []


def scenario(function):
    SCENARIOS.append(function)
    return function


class Place:
    """A node for one scenario, and clients that see only what is below it."""

    def __init__(self, name):
        self.name = name
        self.clients = []
        with_root = KazooClient(hosts=HOSTS)
        with_root.start(PATIENCE)
        with_root.ensure_path("/" + name)
        with_root.stop()
        with_root.close()

    def client(self, **options):
        client = KazooClient(hosts=HOSTS + "/" + self.name, timeout=10.0, **options)
        client.start(PATIENCE)
        self.clients.append(client)
        return client

    def end(self):
        for client in self.clients:
            client.stop()
            client.close()


def eventually(what):
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


def wait(event):
    assert event.wait(PATIENCE), "it did not happen"


def join(threads):
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a thread does not end"


def start(target, *arguments):
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread


def fails(error, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except error:
        return
    raise AssertionError("no %s" % error.__name__)


@scenario
def nodes(place):
    client = place.client()
    assert client.create("/a", b"one") == "/a"
    fails(NodeExistsError, client.create, "/a")
    fails(NoNodeError, client.create, "/x/y")
    assert client.create("/x/y", b"", makepath=True) == "/x/y"
    path, stat = client.create("/b", b"12345", include_data=True)
    assert (path, stat.version, stat.dataLength) == ("/b", 0, 5)
    assert client.create("/s-", sequence=True) == "/s-0000000003"
    assert client.create("/s-", sequence=True, ephemeral=True) == "/s-0000000004"
    stat = client.set("/a", b"two", version=0)
    assert stat.version == 1 and stat.mzxid > stat.czxid
    fails(BadVersionError, client.set, "/a", b"", version=0)
    assert client.get("/a") == (b"two", stat)
    assert client.exists("/a") == stat and client.exists("/no") is None
    children, stat = client.get_children("/", include_data=True)
    assert sorted(children) == ["a", "b", "s-0000000003", "s-0000000004", "x"]
    assert (stat.numChildren, stat.cversion) == (5, 5)
    ephemeral = client.exists("/s-0000000004")
    assert ephemeral.owner_session_id == client.client_id[0]
    fails(NotEmptyError, client.delete, "/x")
    client.delete("/x", recursive=True)
    client.delete("/a", version=1)
    assert client.sync("/") == "/"
    assert client.server_version()[:2] >= (3, 5)
    assert client.command(b"ruok") == "imok"


@scenario
def transactions(place):
    client = place.client()
    transaction = client.transaction()
    transaction.create("/a", b"1")
    transaction.create("/a/b", ephemeral=True)
    transaction.set_data("/a", b"2", version=0)
    transaction.check("/a", version=1)
    created, ephemeral, stat, checked = transaction.commit()
    assert (created, ephemeral, stat.version, checked) == ("/a", "/a/b", 1, True)
    transaction = client.transaction()
    transaction.delete("/a/b")
    transaction.check("/a", version=7)
    transaction.create("/c")
    results = [type(result) for result in transaction.commit()]
    assert results == [RolledBackError, BadVersionError, RuntimeInconsistency], results
    assert client.exists("/a/b") and not client.exists("/c")


@scenario
def identities(place):
    owner = place.client(auth_data=[("digest", "owner:secret")])
    other = place.client()
    acl = [make_digest_acl("owner", "secret", all=True)]
    owner.create("/own", b"mine", acl=acl)
    fails(NoAuthError, other.get, "/own")
    other.add_auth("digest", "owner:secret")
    assert other.get("/own")[0] == b"mine"
    found, stat = owner.get_acls("/own")
    assert found == acl and stat.aversion == 0
    assert owner.set_acls("/own", acl, version=0).aversion == 1


@scenario
def locks(place):
    clients = [place.client() for _ in range(4)]
    holders, most, entries = [], [], []

    def work(client, name):
        lock = client.Lock("/lock", name)
        for _ in range(5):
            with lock:
                holders.append(name)
                most.append(len(holders))
                entries.append(name)
                holders.remove(name)

    join([start(work, client, "w%d" % n) for n, client in enumerate(clients)])
    assert max(most) == 1 and len(entries) == 20
    first, second = clients[0].Lock("/lock", "first"), clients[1].Lock("/lock", "second")
    assert first.acquire()
    assert not second.acquire(blocking=False)
    fails(LockTimeout, second.acquire, timeout=0.05)
    assert first.contenders() == ["first"]
    cancelled = []

    def cancel():
        try:
            second.acquire()
        except CancelledError:
            cancelled.append(True)

    waiting = start(cancel)
    eventually(lambda: first.contenders() == ["first", "second"])
    second.cancel()
    join([waiting])
    assert cancelled == [True]
    first.release()
    # A holder that goes leaves the lock to the next one.
    third = clients[2].Lock("/lock", "third")
    assert first.acquire()
    waiting = start(third.acquire)
    eventually(lambda: len(first.contenders()) == 2)
    clients[0].stop()
    join([waiting])
    assert third.is_acquired


@scenario
def read_and_write_locks(place):
    one, two = place.client(), place.client()
    readers = [one.ReadLock("/rw", "r1"), two.ReadLock("/rw", "r2")]
    writer = one.WriteLock("/rw", "w")
    assert all(reader.acquire(timeout=PATIENCE) for reader in readers)
    assert not writer.acquire(blocking=False)
    waiting = start(writer.acquire)
    eventually(lambda: len(writer.contenders()) == 3)
    for reader in readers:
        reader.release()
    join([waiting])
    assert writer.is_acquired
    assert not readers[1].acquire(blocking=False)
    writer.release()


@scenario
def semaphores(place):
    clients = [place.client() for _ in range(3)]
    semaphores = [client.Semaphore("/s", "h%d" % n, 2) for n, client in enumerate(clients)]
    assert semaphores[0].acquire() and semaphores[1].acquire()
    assert not semaphores[2].acquire(blocking=False)
    assert sorted(semaphores[2].lease_holders()) == ["h0", "h1"]
    waiting = start(semaphores[2].acquire)
    clients[0].stop()
    join([waiting])
    assert sorted(semaphores[1].lease_holders()) == ["h1", "h2"]


@scenario
def elections(place):
    clients = [place.client() for _ in range(3)]
    led, leads, goes = [], threading.Event(), threading.Event()

    def lead(name):
        led.append(name)
        leads.set()
        wait(goes)

    elections = [client.Election("/e", "c%d" % n) for n, client in enumerate(clients)]
    threads = []
    for n, election in enumerate(elections):
        threads.append(start(election.run, lead, "c%d" % n))
        eventually(lambda: len(elections[0].contenders()) == n + 1)
    wait(leads)
    assert led == ["c0"] and elections[2].contenders() == ["c0", "c1", "c2"]
    elections[1].cancel()
    eventually(lambda: elections[2].contenders() == ["c0", "c2"])
    goes.set()
    join(threads)
    assert led == ["c0", "c2"]


@scenario
def parties(place):
    clients = [place.client() for _ in range(3)]
    party = [client.Party("/p", "m%d" % n) for n, client in enumerate(clients)]
    shallow = [client.ShallowParty("/sp", "m%d" % n) for n, client in enumerate(clients)]
    for group in (party, shallow):
        for member in group:
            member.join()
        assert sorted(group[0]) == ["m0", "m1", "m2"] and len(group[0]) == 3
        group[1].leave()
        eventually(lambda: sorted(group[0]) == ["m0", "m2"])
        assert group[1] not in group[0]
    clients[2].stop()
    assert list(party[0]) == ["m0"] and list(shallow[0]) == ["m0"]


@scenario
def barriers(place):
    one, two = place.client(), place.client()
    barrier = one.Barrier("/b")
    assert barrier.wait(0.01), "nothing is in the way"
    barrier.create()
    assert not barrier.wait(0.05)
    through = []
    waiting = start(lambda: through.append(two.Barrier("/b").wait(PATIENCE)))
    assert barrier.remove()
    join([waiting])
    assert through == [True] and not barrier.remove()


@scenario
def double_barriers(place):
    clients = [place.client() for _ in range(3)]
    inside, left, go = [], [], threading.Event()

    def visit(client, name):
        barrier = client.DoubleBarrier("/d", len(clients), name)
        barrier.enter()
        inside.append(name)
        wait(go)
        barrier.leave()
        left.append(name)

    threads = [start(visit, client, "v%d" % n) for n, client in enumerate(clients[:2])]
    watcher = clients[2]
    eventually(lambda: watcher.exists("/d") and len(watcher.get_children("/d")) == 2)
    assert inside == []
    threads.append(start(visit, watcher, "v2"))
    eventually(lambda: len(inside) == 3)
    go.set()
    join(threads)
    assert sorted(left) == ["v0", "v1", "v2"]
    assert watcher.get_children("/d") == []


@scenario
def counters(place):
    clients = [place.client() for _ in range(4)]

    def count(client):
        counter = client.Counter("/n")
        for _ in range(10):
            counter += 2

    join([start(count, client) for client in clients])
    assert clients[0].Counter("/n").value == 80
    fraction = clients[0].Counter("/f", default=1.5)
    fraction -= 1.0
    assert fraction.value == 0.5


@scenario
def queues(place):
    one, two = place.client(), place.client()
    queue = one.Queue("/q")
    for entry, priority in ((b"late", 200), (b"first", 100), (b"second", 100)):
        queue.put(entry, priority)
    assert len(two.Queue("/q")) == 3
    assert [two.Queue("/q").get() for _ in range(4)] == [b"first", b"second", b"late", None]
    source, sink = one.LockingQueue("/lq"), two.LockingQueue("/lq")
    taken = []
    waiting = start(lambda: taken.append(sink.get(PATIENCE)))
    source.put_all([b"a", b"b"])
    join([waiting])
    assert taken == [b"a"] and sink.holds_lock()
    assert source.get(PATIENCE) == b"b"
    assert sink.consume() and source.release()
    assert sink.get(PATIENCE) == b"b" and sink.consume() and len(source) == 0


@scenario
def data_watches(place):
    client, writer = place.client(), place.client()
    seen = []

    @client.DataWatch("/w")
    def watch(data, stat, event):
        kind = event.type if event else None
        seen.append((data, stat.version if stat else None, kind))
        return len(seen) < 5

    writer.create("/w", b"1")
    eventually(lambda: len(seen) == 2)
    writer.set("/w", b"2")
    eventually(lambda: len(seen) == 3)
    writer.delete("/w")
    eventually(lambda: len(seen) == 4)
    writer.create("/w", b"3")
    eventually(lambda: len(seen) == 5)
    writer.set("/w", b"unseen")
    client.sync("/w")
    assert seen == [
        (None, None, None),
        (b"1", 0, EventType.CREATED),
        (b"2", 1, EventType.CHANGED),
        (None, None, EventType.DELETED),
        (b"3", 0, EventType.CREATED),
    ], seen


@scenario
def children_watches(place):
    client, writer = place.client(), place.client()
    writer.create("/c")
    seen = []

    @client.ChildrenWatch("/c", send_event=True)
    def watch(children, event):
        seen.append((sorted(children), event.type if event else None))
        return len(children) < 3

    for name in "xyz":
        count = len(seen)
        writer.create("/c/" + name)
        eventually(lambda: len(seen) > count)
    writer.create("/c/unseen")
    client.sync("/c")
    assert seen == [
        ([], None),
        (["x"], EventType.CHILD),
        (["x", "y"], EventType.CHILD),
        (["x", "y", "z"], EventType.CHILD),
    ], seen
    patient = PatientChildrenWatch(client, "/c", time_boundary=0.05)
    children, changed = patient.start().get(timeout=PATIENCE)
    assert len(children) == 4 and not changed.ready()
    writer.delete("/c/unseen")
    changed.get(timeout=PATIENCE)


@scenario
def caches(place):
    client, writer = place.client(), place.client()
    writer.create("/tree/a", b"1", makepath=True)
    events = []
    cache = TreeCache(client, "/tree")
    cache.listen(lambda event: events.append(event.event_type))
    cache.start()
    eventually(lambda: TreeEvent.INITIALIZED in events)
    assert cache.get_data("/tree/a").data == b"1"
    writer.create("/tree/a/b", b"2")
    writer.set("/tree/a", b"3")
    eventually(lambda: cache.get_data("/tree/a/b") is not None)
    eventually(lambda: cache.get_data("/tree/a").data == b"3")
    writer.delete("/tree/a", recursive=True)
    eventually(lambda: cache.get_data("/tree/a") is None)
    cache.close()


@scenario
def a_lost_connection(place):
    client, other = place.client(), place.client()
    states, children = [], []
    client.add_listener(states.append)
    client.create("/mine", ephemeral=True)
    client.ChildrenWatch("/")(children.append)
    session = client.client_id
    client._connection._socket.shutdown(socket.SHUT_RDWR)
    eventually(lambda: KazooState.SUSPENDED in states and client.connected)
    assert client.client_id == session and KazooState.LOST not in states
    assert other.exists("/mine")
    # The watch is set again, or was told by the way back that something had changed.
    other.create("/new")
    eventually(lambda: sorted(children[-1]) == ["mine", "new"])
    client.restart()
    assert client.client_id != session and not other.exists("/mine")


@scenario
def partitions(place):
    clients = [place.client() for _ in range(2)]
    shares = {}

    def take(client, name):
        partition = client.SetPartitioner("/parts", set=range(6), identifier=name, time_boundary=0.2)
        while not partition.acquired:
            assert not partition.failed
            if partition.release:
                partition.release_set()
            partition.wait_for_acquire(PATIENCE)
        shares[name] = list(partition)
        partitions.append(partition)

    partitions = []
    join([start(take, client, "p%d" % n) for n, client in enumerate(clients)])
    assert sorted(shares["p0"] + shares["p1"]) == list(range(6)), shares
    for partition in partitions:
        partition.finish()


def main():
    logging.basicConfig(level=logging.CRITICAL)
    for function in SCENARIOS:
        place = Place(function.__name__ + "-" + str(time.time_ns()))
        try:
            function(place)
        except Exception:
            traceback.print_exc()
            print("failed: " + function.__name__, file=sys.stderr)
            return 1
        place.end()
        print(function.__name__, flush=True)
    return 0


sys.exit(main())
