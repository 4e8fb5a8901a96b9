// Package early holds the code that runs before anything else in a re-executed program.
package early
