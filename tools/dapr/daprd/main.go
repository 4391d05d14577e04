// daprd, built from its published Go module: for machines that can reach a module proxy but not the release
// archives. The stable components plus those beyond them that Parley uses: to resolve app ids, to speak to NATS and to push
// over SNS. The official build has them all.
package main

import (
	"github.com/dapr/components-contrib/bindings/aws/sns"
	"github.com/dapr/components-contrib/nameresolution/sqlite"
	"github.com/dapr/components-contrib/pubsub/jetstream"
	"github.com/dapr/dapr/cmd/daprd/app"
	"github.com/dapr/dapr/pkg/components/bindings"
	nameresolution "github.com/dapr/dapr/pkg/components/nameresolution"
	"github.com/dapr/dapr/pkg/components/pubsub"
)

func init() {
	bindings.DefaultRegistry.RegisterOutputBinding(sns.NewAWSSNS, "aws.sns")
	nameresolution.DefaultRegistry.RegisterComponent(sqlite.NewResolver, "sqlite")
	pubsub.DefaultRegistry.RegisterComponent(jetstream.NewJetStream, "jetstream")
}

func main() { app.Run() }
