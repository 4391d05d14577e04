//go:build tools

// kind as it is: its package is named here so that go.mod knows it.
package kind

import _ "sigs.k8s.io/kind"
