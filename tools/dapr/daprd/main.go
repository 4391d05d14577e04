// daprd, built from its published Go module: for machines that can reach a module proxy but not the release
// archives. The stable components plus the one that Parley resolves app ids with; the official build has both.
package main

import (
	"github.com/dapr/components-contrib/nameresolution/sqlite"
	"github.com/dapr/dapr/cmd/daprd/app"
	nameresolution "github.com/dapr/dapr/pkg/components/nameresolution"
)

func init() {
	nameresolution.DefaultRegistry.RegisterComponent(sqlite.NewResolver, "sqlite")
}

func main() { app.Run() }
