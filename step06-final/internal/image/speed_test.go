package image

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"mydocker/step06-final/internal/snapshot"
)

// BenchmarkContainer is what every start of a container pays to this package and to snapshot.
func BenchmarkContainer(b *testing.B) {
	if os.Getuid() != 0 {
		b.Skip("needs root: overlay")
	}

	for name, o := range map[string]snapshot.Options{"kept": {}, "rm": {Volatile: true}} {
		b.Run(name, func(b *testing.B) {
			s := newStore(b)
			_, err := s.Resolve("host")
			require.NoError(b, err)
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				img, err := s.Resolve("host")
				require.NoError(b, err)
				dirs, err := s.LayerDirs(img, nil)
				require.NoError(b, err)
				sn, err := s.snapshots.Prepare(fmt.Sprint("c", i), dirs, o)
				require.NoError(b, err)
				require.NoError(b, sn.Mount(""))
				require.NoError(b, sn.Remove())
			}
		})
	}
}
