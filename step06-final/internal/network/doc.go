// Package network connects containers: to each other, to the host and to the rest of the world.
package network
