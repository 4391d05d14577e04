package main

import (
	"context"
	"sync"

	"github.com/FerretDB/FerretDB/internal/handler"
	"github.com/FerretDB/wire"
)

// An update of FerretDB 1.24 looks for its document first and writes it by its id later, in another transaction: of 32
// updates that demand the same former value, several succeed. MongoDB promises that one does. SQLite has one writer at a
// time anyway, so nothing is lost by having one in the handler, too.
func writeOneByOne(commands *handler.Handler) {
	var writing sync.Mutex
	for _, name := range []string{"insert", "update", "delete", "findAndModify", "findandmodify"} {
		command, found := commands.Commands()[name]
		if !found {
			continue
		}
		write := command.Handler
		command.Handler = func(ctx context.Context, message *wire.OpMsg) (*wire.OpMsg, error) {
			writing.Lock()
			defer writing.Unlock()
			return write(ctx, message)
		}
	}
}
