//go:build tools

// Helm as it is: its package is named here so that go.mod knows it.
package helm

import _ "helm.sh/helm/v3/cmd/helm"
