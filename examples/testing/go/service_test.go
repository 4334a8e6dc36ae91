// Tests of what a client of ZooKeeper meets in a bad hour, on a server of their own: zkt serve.
//
//	go mod tidy && go test
//
// The variable ZKT names the program where it is not on the PATH.
package service

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

// No wait that goes well lasts nearly as long.
const patience = time.Minute

// zookeeper is a ZooKeeper in memory, and its control socket.
type zookeeper struct {
	t              *testing.T
	hosts, control string
}

func start(t *testing.T) *zookeeper {
	t.Helper()
	program := os.Getenv("ZKT")
	if program == "" {
		program = "zkt"
	}
	command := exec.Command(program, "serve", "--listen", ":0", "--control", ":0")
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	lines := bufio.NewScanner(stdout)
	next := func() string {
		if !lines.Scan() {
			t.Fatal("zkt serve does not say where it listens")
		}
		return lines.Text()
	}
	return &zookeeper{t, next(), next()}
}

// do does something: expire, cut-all, inject and so on.
func (z *zookeeper) do(call string, body any) {
	z.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		z.t.Fatal(err)
	}
	answer, err := http.Post(z.control+"/"+call, "application/json", bytes.NewReader(text))
	if err != nil {
		z.t.Fatal(err)
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		z.t.Fatalf("%s: %s", call, said)
	}
}

// connect returns a client, and the events of its session.
func (z *zookeeper) connect() (*zk.Conn, <-chan zk.Event) {
	z.t.Helper()
	client, events, err := zk.Connect([]string{z.hosts}, 10*time.Second, zk.WithLogInfo(false))
	if err != nil {
		z.t.Fatal(err)
	}
	z.t.Cleanup(client.Close)
	await(z.t, events, zk.StateHasSession)
	return client, events
}

// await waits until the session is in a state.
func await(t *testing.T, events <-chan zk.Event, state zk.State) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case event := <-events:
			if event.State == state {
				return
			}
		case <-deadline:
			t.Fatalf("the client does not become %v", state)
		}
	}
}

func register(t *testing.T, client *zk.Conn) {
	t.Helper()
	_, err := client.Create("/service", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnEphemeralNodeGoesWithItsSession(t *testing.T) {
	server := start(t)
	client, events := server.connect()
	register(t, client)
	first := client.SessionID()

	server.do("expire", map[string]any{"session": fmt.Sprintf("%#x", first)})

	await(t, events, zk.StateExpired)
	await(t, events, zk.StateHasSession)
	if client.SessionID() == first {
		t.Fatal("the client has the session that expired")
	}
	if there, _, err := client.Exists("/service"); err != nil || there {
		t.Fatalf("there: %v, error: %v", there, err)
	}
}

func TestASessionOutlivesItsConnection(t *testing.T) {
	server := start(t)
	client, events := server.connect()
	register(t, client)
	first := client.SessionID()

	server.do("cut-all", map[string]any{})

	await(t, events, zk.StateDisconnected)
	await(t, events, zk.StateHasSession)
	there, stat, err := client.Exists("/service")
	if err != nil || !there || stat.EphemeralOwner != first {
		t.Fatalf("there: %v, error: %v", there, err)
	}
}
