package network

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mydocker/step06-final/internal/proc"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
)

// startSlirp starts slirp4netns(1). It is ready when it has written "1" to the descriptor that
// --ready-fd names. The host's loopback stays closed to the container.
func startSlirp(program, socket string, e *Endpoint) (*Helper, error) {
	ready, readyWrite, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("pipe for slirp4netns: %w", err)
	}
	defer ready.Close()
	defer readyWrite.Close()
	command := exec.Command(program, "--configure", "--mtu=65520", "--disable-host-loopback", "--ready-fd=3",
		"--api-socket", socket, strconv.Itoa(e.Pid), userInterface)
	command.ExtraFiles = []*os.File{readyWrite}
	h, complaint, err := startHelper(command, "slirp4netns", socket)
	if err != nil {
		return nil, err
	}

	defer os.Remove(complaint)
	readyWrite.Close()
	_, err = io.ReadFull(ready, make([]byte, 1)) // end of file when it has given up
	if err != nil {
		err = helperFailed(h, complaint)
	}

	for i := 0; err == nil && i < len(e.Ports); i++ {
		err = slirpPublish(socket, e.Ports[i])
	}
	if err != nil {
		if stopErr := h.stop(); stopErr != nil {
			return nil, fmt.Errorf("%w; %v", err, stopErr)
		}
		return nil, err
	}

	return h, nil
}

// startHelper starts a program that outlives this one: in a session of its own, without our
// terminal. What it complains about goes to a file, because no process would read a pipe later.
func startHelper(command *exec.Cmd, name, socket string) (h *Helper, complaint string, err error) {
	file, err := os.CreateTemp("", "mydocker-"+name+"-")
	if err != nil {
		return nil, "", fmt.Errorf("file for the output of %s: %w", name, err)
	}
	defer file.Close()
	command.Stdout, command.Stderr = file, file
	command.Dir = "/"
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	logrus.Debugf("start %s", strings.Join(command.Args, " "))
	if err := command.Start(); err != nil {
		os.Remove(file.Name())
		return nil, "", fmt.Errorf("start %s: %w", name, err)
	}

	h = &Helper{Program: name, Pid: command.Process.Pid, Socket: socket}
	stat, err := proc.ReadStat(h.Pid) // exists at least as a zombie until Wait
	h.PidStart = stat.Start
	go command.Wait() // no zombie while this process lives; the status says nothing that the ready descriptor did not
	if err != nil {
		os.Remove(file.Name())
		return nil, "", fmt.Errorf("start %s: %w", name, err)
	}

	return h, file.Name(), nil
}

func helperFailed(h *Helper, complaint string) error {
	text, err := os.ReadFile(complaint)
	if err != nil {
		return fmt.Errorf("%s gave up: %w", h.Program, err)
	}
	return fmt.Errorf("%s gave up: %s", h.Program, strings.TrimSpace(string(text)))
}

// slirpPublish asks slirp4netns to listen on a port of the host (slirp4netns(1), section API
// SOCKET): one JSON document there and one back, on a connection of its own.
func slirpPublish(socket string, p PortMapping) error {
	hostIP := p.HostIP
	if hostIP == "" {
		hostIP = "0.0.0.0"
	}

	answer, err := slirpCall(socket, map[string]interface{}{
		"execute": "add_hostfwd",
		"arguments": map[string]interface{}{
			"proto": p.Proto, "host_addr": hostIP, "host_port": p.HostPort, "guest_addr": userIP,
			"guest_port": p.ContainerPort,
		},
	})
	if err == nil && answer.Error != nil {
		err = errors.New(string(bytes.TrimSpace(answer.Error)))
	}

	if err != nil {
		return fmt.Errorf("publish port %s through slirp4netns: %w", p, err)
	}

	return nil
}

type slirpAnswer struct{ Error json.RawMessage }

func slirpCall(socket string, request interface{}) (*slirpAnswer, error) {
	connection, err := net.DialTimeout("unix", socket, 5*time.Second)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return nil, err
	}
	if err := json.NewEncoder(connection).Encode(request); err != nil {
		return nil, err
	}

	if err := connection.(*net.UnixConn).CloseWrite(); err != nil {
		return nil, err
	}

	answer := &slirpAnswer{}
	return answer, json.NewDecoder(connection).Decode(answer)
}
