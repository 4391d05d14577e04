// Dapr's control plane as one program: its services share nearly all of their code.
// Usage: dapr-control-plane sentry|operator|injector [arguments of that service]
package main

import (
	"fmt"
	"os"

	injector "github.com/dapr/dapr/cmd/injector/app"
	operator "github.com/dapr/dapr/cmd/operator/app"
	sentry "github.com/dapr/dapr/cmd/sentry/app"
)

func main() {
	services := map[string]func(){"sentry": sentry.Run, "operator": operator.Run, "injector": injector.Run}
	if len(os.Args) < 2 || services[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "name a service: sentry, operator or injector")
		os.Exit(2)
	}
	// Each of them reads its own name and its arguments from here.
	os.Args = os.Args[1:]
	services[os.Args[0]]()
}
