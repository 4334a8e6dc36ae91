import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a client of ZooKeeper meets in a bad hour, on a server of the test's own. */
class ServiceTest {
    private static final String PATH = "/service";

    private ZktServer server;
    private ZooKeeper client;
    private final BlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();

    @BeforeEach
    void start() throws Exception {
        server = new ZktServer();
        client = new ZooKeeper(server.hosts(), 10_000, events::add);
        await(KeeperState.SyncConnected);
    }

    @AfterEach
    void stop() throws Exception {
        client.close();
        server.close();
    }

    @Test
    void anEphemeralNodeGoesWithItsSession() throws Exception {
        client.create(PATH, new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);

        server.post("expire", "{\"session\": \"" + session() + "\"}");

        await(KeeperState.Expired);
        assertThrows(KeeperException.SessionExpiredException.class, () -> client.exists("/", false));
        try (ZooKeeper other = new ZooKeeper(server.hosts(), 10_000, event -> { })) {
            assertNull(other.exists(PATH, false));
        }
    }

    @Test
    void aSessionOutlivesItsConnection() throws Exception {
        String session = session();
        client.create(PATH, new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);

        server.post("cut-all", "");

        await(KeeperState.Disconnected);
        await(KeeperState.SyncConnected);
        assertEquals(session, session());
        assertNotNull(client.exists(PATH, false));
    }

    @Test
    void anOperationWhoseAnswerIsLostIsDoneNevertheless() throws Exception {
        server.post("inject", "{\"fault\": \"lose-reply\", \"kinds\": [\"create\"], \"path\": \"/service\"}");

        assertThrows(
                KeeperException.ConnectionLossException.class,
                () -> client.create(PATH, new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL));

        await(KeeperState.Disconnected);
        await(KeeperState.SyncConnected);
        assertEquals(client.getSessionId(), client.exists(PATH, false).getEphemeralOwner());
        assertTrue(server.get("injections").contains("\"struck\":1"));
    }

    private String session() {
        return "0x" + Long.toHexString(client.getSessionId());
    }

    /** Waits until the session is in this state. */
    private void await(KeeperState state) throws InterruptedException {
        WatchedEvent event;
        do {
            // No wait that goes well lasts nearly as long.
            event = events.poll(60, TimeUnit.SECONDS);
            assertNotNull(event, "the client does not become " + state);
        } while (event.getState() != state);
    }
}
