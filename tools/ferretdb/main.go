// FerretDB with SQLite files: the MongoDB of a machine that has none, for development and tests.
//
//	echo password | ferretdb 127.0.0.1:27017 directory
//
// FerretDB's embeddable package has no passwords, and its SQLite backend keeps neither MongoDB's promise that an update
// is atomic nor an index for it (serial.go, by-id.go). So this is built from the parts below that package. They are
// internal to its module; the module path, which lies below FerretDB's, opens them.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/FerretDB/FerretDB/build/version"
	"github.com/FerretDB/FerretDB/internal/backends"
	"github.com/FerretDB/FerretDB/internal/backends/sqlite"
	"github.com/FerretDB/FerretDB/internal/clientconn"
	"github.com/FerretDB/FerretDB/internal/clientconn/connmetrics"
	"github.com/FerretDB/FerretDB/internal/handler"
	"github.com/FerretDB/FerretDB/internal/handler/users"
	"github.com/FerretDB/FerretDB/internal/util/password"
	"github.com/FerretDB/FerretDB/internal/util/state"
)

// The database whose user is `parley`, and the user.
const name = "parley"

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "ferretdb <address> <directory>, and the password on standard input")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(address, directory string) error {
	// Whoever relies on what is mended here can tell it from FerretDB.
	version.Get().Version = "v1.24.0-parley"
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return fmt.Errorf("no password: %w", err)
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	states, err := state.NewProvider("")
	if err != nil {
		return err
	}
	if err := states.Update(func(s *state.State) { s.DisableTelemetry(); s.TelemetryLocked = true }); err != nil {
		return err
	}
	files, err := sqlite.NewBackend(&sqlite.NewBackendParams{
		// An acknowledged write is on the disk.
		URI: "file:" + directory + "/?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)",
		L:   logger, P: states, BatchSize: 100,
	})
	if err != nil {
		return err
	}
	defer files.Close()
	if err := demandUser(files, strings.TrimSpace(line)); err != nil {
		return err
	}
	metrics := connmetrics.NewListenerMetrics()
	commands, err := handler.New(&handler.NewOpts{
		Backend: byID{files, directory, &sync.Map{}}, TCPHost: address, EnableNewAuth: true, BatchSize: 100,
		L: logger, ConnMetrics: metrics.ConnMetrics, StateProvider: states,
	})
	if err != nil {
		return err
	}
	writeOneByOne(commands)
	listener, err := clientconn.Listen(&clientconn.NewListenerOpts{
		TCP: address, Mode: clientconn.NormalMode, Handler: commands, Logger: logger, Metrics: metrics,
	})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener.Run(ctx)
	return nil
}

// The password is that of the first start.
func demandUser(files backends.Backend, secret string) error {
	err := users.CreateUser(context.Background(), files, &users.CreateUserParams{
		Database: name, Username: name, Password: password.WrapPassword(secret),
	})
	if backends.ErrorCodeIs(err, backends.ErrorCodeInsertDuplicateID) {
		return nil
	}
	return err
}
