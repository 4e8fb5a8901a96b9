// A published port: the supervisor listens on the host and passes each connection on. So the host
// itself reaches it, no other program can take the port, and it ends with the supervisor.
//
// Chapter: docs/zh/08-small-network.md
package main

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// port is -p [ADDRESS:]HOST:CONTAINER.
type port struct {
	Address         string
	Host, Container int
}

func (p port) String() string {
	return fmt.Sprintf("%s->%d/tcp", net.JoinHostPort(p.Address, strconv.Itoa(p.Host)), p.Container)
}

// publish opens the ports of the host before anything else is made: a port that is taken is an
// error.
func publish(ports []port) (listeners []net.Listener, err error) {
	for i, p := range ports {
		listener, err := net.Listen("tcp4", net.JoinHostPort(p.Address, strconv.Itoa(p.Host)))
		if err != nil {
			unpublish(listeners)
			return nil, fail("publish %s: %v: port is already allocated? see: ss -ltnp", p, err)
		}
		ports[i].Host = listener.Addr().(*net.TCPAddr).Port // with -p CONTAINER the kernel chose one
		listeners = append(listeners, listener)
	}
	return listeners, nil
}

func unpublish(listeners []net.Listener) {
	for _, listener := range listeners {
		_ = listener.Close()
	}
}

// serve passes connections on until the listener is closed.
func serve(listener net.Listener, target string) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			if err := passOn(client.(*net.TCPConn), target); err != nil {
				logrus.Debugf("connection from %s: %v", client.RemoteAddr(), err)
			}
		}()
	}
}

// passOn copies both directions. The end of one is passed on as such, because the other may go on.
func passOn(client *net.TCPConn, target string) error {
	defer client.Close()
	connection, err := net.DialTimeout("tcp4", target, 10*time.Second)
	if err != nil {
		return err
	}
	defer connection.Close()
	server := connection.(*net.TCPConn)

	var both sync.WaitGroup
	both.Add(2)
	for _, way := range [][2]*net.TCPConn{{client, server}, {server, client}} {
		go func(from, to *net.TCPConn) {
			defer both.Done()
			_, _ = io.Copy(to, from)
			_ = to.CloseWrite()
		}(way[0], way[1])
	}

	both.Wait()
	return nil
}

// parsePorts reads docker's -p; only TCP.
func parsePorts(values []string) ([]port, error) {
	var ports []port

	for _, value := range values {
		fields := strings.Split(strings.TrimSuffix(value, "/tcp"), ":")
		p := port{Address: "0.0.0.0"}
		if len(fields) == 3 {
			p.Address, fields = fields[0], fields[1:]
		}

		inside, err := strconv.ParseUint(fields[len(fields)-1], 10, 16)
		var outside uint64
		if err == nil && len(fields) == 2 && fields[0] != "" {
			outside, err = strconv.ParseUint(fields[0], 10, 16)
		}
		if err != nil || inside == 0 || len(fields) > 2 || net.ParseIP(p.Address).To4() == nil {
			return nil, fail("-p %q: it is [ADDRESS:][HOSTPORT:]PORT, TCP and IPv4 only, for example 8080:80", value)
		}

		p.Host, p.Container = int(outside), int(inside)
		ports = append(ports, p)
	}

	return ports, nil
}
