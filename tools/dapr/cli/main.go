// The Dapr CLI, built from its published Go module: for machines that can
// reach a module proxy but not the release archives.
package main

import "github.com/dapr/cli/cmd"

var version = "1.16.5"

func main() { cmd.Execute(version, "1.0") }
