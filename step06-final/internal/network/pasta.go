package network

import (
	"fmt"
	"mydocker/step06-final/internal/proc"
	"os"
	"strconv"
	"strings"
	"time"
)

// startPasta starts pasta(1). It goes into the background by itself when everything is set up, so
// the command that we started ends, and the pid of the helper is in the file that --pid names.
func startPasta(program, pidFile string, e *Endpoint) (*Helper, error) {
	arguments := []string{"--config-net", "--ipv4-only", "--quiet", "--pid", pidFile, "--ns-ifname", userInterface,
		"--address", userIP, "--netmask", "24", "--gateway", userGateway, "--dns-forward", userDNS, "--no-map-gw",
		"--tcp-ns", "none", "--udp-ns", "none"}
	arguments = append(arguments, pastaPorts("tcp", e.Ports)...)
	arguments = append(arguments, pastaPorts("udp", e.Ports)...)
	arguments = append(arguments, strconv.Itoa(e.Pid))
	if _, err := runProgram(program, nil, arguments...); err != nil {
		return nil, err
	}

	h := &Helper{Program: "pasta", Socket: pidFile}
	var err error
	for i := 0; i < 200; i++ { // the file is there, but its content may not be
		if h.Pid, h.PidStart, err = readPidFile(pidFile); err == nil {
			return h, nil
		}

		time.Sleep(5 * time.Millisecond)
	}

	return nil, fmt.Errorf("process id of pasta: %w", err)
}

// pastaPorts: "--tcp-ports ADDRESS/HOST:CONTAINER" for each port, and "none" when there is none,
// for the default is all.
func pastaPorts(proto string, ports []PortMapping) []string {
	option := "--" + proto + "-ports"
	var arguments []string
	for _, p := range ports {
		if p.Proto != proto {
			continue
		}

		address := ""
		if p.HostIP != "" {
			address = p.HostIP + "/"
		}

		arguments = append(arguments, option, fmt.Sprintf("%s%d:%d", address, p.HostPort, p.ContainerPort))
	}

	if arguments == nil {
		return []string{option, "none"}
	}
	return arguments
}

func readPidFile(path string) (pid int, start uint64, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, err
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
		return 0, 0, err
	}
	stat, err := proc.ReadStat(pid)
	return pid, stat.Start, err
}
