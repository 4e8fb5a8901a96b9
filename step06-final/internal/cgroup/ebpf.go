package cgroup

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// cgroup v2 has no devices.allow: a small program decides, which the kernel runs whenever a device
// is opened or made. It gets a struct bpf_cgroup_dev_ctx {access_type, major, minor} and answers 1
// (allowed) or 0. access_type holds the type of device in its lower 16 bits and the access in its
// upper ones (include/uapi/linux/bpf.h).

// instruction is struct bpf_insn.
type instruction struct {
	code      uint8
	registers uint8 // destination in the lower half, source in the upper
	offset    int16
	immediate int32
}

// Codes of the few instructions that are needed
// (Documentation/bpf/standardization/instruction-set.rst).
const (
	loadWord    = 0x61 // dst = *(u32 *)(src + offset)
	moveImm     = 0xb7
	moveReg     = 0xbf
	andImm      = 0x57
	shiftRight  = 0x77
	jumpNotImm  = 0x55 // if dst != immediate skip offset
	jumpNotReg  = 0x5d
	exitProgram = 0x95
)

// deviceProgram compiles the rules. The last rule that matches decides, so the program asks them in
// reverse order. Registers: 1 the context, 2 type, 3 access, 4 major, 5 minor.
func deviceProgram(rules []specs.LinuxDeviceCgroup) []instruction {
	program := []instruction{
		{loadWord, 0x12, 0, 0}, {andImm, 0x02, 0, 0xffff}, // r2 = access_type & 0xffff
		{loadWord, 0x13, 0, 0}, {shiftRight, 0x03, 0, 16}, // r3 = access_type >> 16
		{loadWord, 0x14, 4, 0}, {loadWord, 0x15, 8, 0}, // r4 = major, r5 = minor
	}
	for i := len(rules) - 1; i >= 0; i-- {
		block := deviceRule(rules[i])
		program = append(program, block...)
		if len(block) == 2 {
			return program // a rule without a test matches everything; the verifier refuses code that is never reached
		}
	}
	return append(program, instruction{moveImm, 0, 0, 0}, instruction{exitProgram, 0, 0, 0})
}

// deviceRule is a block that answers if the rule matches, and falls through to the next block if
// not.
func deviceRule(r specs.LinuxDeviceCgroup) []instruction {
	const block, char = 1, 2
	var tests []instruction
	switch r.Type {
	case "c", "u":
		tests = append(tests, instruction{jumpNotImm, 2, 0, char})
	case "b":
		tests = append(tests, instruction{jumpNotImm, 2, 0, block})
	}

	access := accessBits(r.Access)
	if access != 7 {
		// All of what is asked for must be in the rule: access & rule == access. Register 1 is not
		// needed any more.
		tests = append(tests, instruction{moveReg, 0x31, 0, 0}, instruction{andImm, 1, 0, access},
			instruction{jumpNotReg, 0x31, 0, 0})
	}
	if r.Major != nil && *r.Major >= 0 {
		tests = append(tests, instruction{jumpNotImm, 4, 0, int32(*r.Major)})
	}

	if r.Minor != nil && *r.Minor >= 0 {
		tests = append(tests, instruction{jumpNotImm, 5, 0, int32(*r.Minor)})
	}

	answer := int32(0)
	if r.Allow {
		answer = 1
	}

	code := append(tests, instruction{moveImm, 0, 0, answer}, instruction{exitProgram, 0, 0, 0})
	for i := range tests {
		if c := code[i].code; c == jumpNotImm || c == jumpNotReg {
			code[i].offset = int16(len(code) - i - 1)
		}
	}
	return code
}

// accessBits are BPF_DEVCG_ACC_MKNOD 1, READ 2, WRITE 4.
func accessBits(access string) int32 {
	if access == "" {
		return 7
	}
	var bits int32
	for _, a := range access {
		switch a {
		case 'm':
			bits |= 1
		case 'r':
			bits |= 2
		case 'w':
			bits |= 4
		}
	}
	return bits
}

// attachDeviceProgram loads the program and makes it the only one of the group (bpf(2),
// BPF_PROG_LOAD, BPF_PROG_ATTACH).
func attachDeviceProgram(directory string, rules []specs.LinuxDeviceCgroup) error {
	const progLoad, progAttach, typeCgroupDevice, attachDevice, allowMulti = 5, 8, 15, 6, 2
	var code bytes.Buffer
	program := deviceProgram(rules)
	if err := binary.Write(&code, nativeEndian(), program); err != nil {
		return err
	}

	license := []byte("GPL\x00")
	load := struct {
		programType, count uint32
		code, license      uint64
		logLevel, logSize  uint32
		logBuffer          uint64
		version, flags     uint32
	}{programType: typeCgroupDevice, count: uint32(len(program)),
		code: uint64(uintptr(unsafe.Pointer(&code.Bytes()[0]))), license: uint64(uintptr(unsafe.Pointer(&license[0])))}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, progLoad, uintptr(unsafe.Pointer(&load)), unsafe.Sizeof(load))
	runtime.KeepAlive(&code)
	runtime.KeepAlive(license)
	if errno != 0 {
		return fmt.Errorf("load the eBPF program (needs Linux 4.15 and root): %w", errno)
	}

	defer unix.Close(int(fd))

	target, err := unix.Open(directory, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", directory, err)
	}
	defer unix.Close(target)
	old, err := devicePrograms(target)
	if err != nil {
		return err
	}

	attach := struct{ target, program, attachType, flags, replace uint32 }{uint32(target), uint32(fd), attachDevice,
		allowMulti, 0}
	if _, _, errno := unix.Syscall(unix.SYS_BPF, progAttach, uintptr(unsafe.Pointer(&attach)),
		unsafe.Sizeof(attach)); errno != 0 {
		return fmt.Errorf("attach the eBPF program to %s: %w", directory, errno)
	}

	// With several programs all must allow: the ones of before an update go.
	for _, id := range old {
		if err := detachDeviceProgram(target, id); err != nil {
			return err
		}
	}

	return nil
}

// devicePrograms are the ids of the programs that are attached to this group itself
// (BPF_PROG_QUERY).
func devicePrograms(target int) ([]uint32, error) {
	const progQuery, attachDevice = 16, 6
	ids := make([]uint32, 64)
	query := struct {
		target, attachType, queryFlags, attachFlags uint32
		ids                                         uint64
		count, pad                                  uint32
	}{target: uint32(target), attachType: attachDevice, ids: uint64(uintptr(unsafe.Pointer(&ids[0]))),
		count: uint32(len(ids))}
	_, _, errno := unix.Syscall(unix.SYS_BPF, progQuery, uintptr(unsafe.Pointer(&query)), unsafe.Sizeof(query))
	runtime.KeepAlive(ids)
	if errno != 0 {
		return nil, fmt.Errorf("list the eBPF programs of the cgroup: %w", errno)
	}
	return ids[:query.count], nil
}

func detachDeviceProgram(target int, id uint32) error {
	const progDetach, getFdByID, attachDevice = 9, 13, 6
	get := struct{ id, next, flags uint32 }{id: id}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, getFdByID, uintptr(unsafe.Pointer(&get)), unsafe.Sizeof(get))
	if errno == unix.ENOENT {
		return nil
	}
	if errno != 0 {
		return fmt.Errorf("open eBPF program %d: %w", id, errno)
	}
	defer unix.Close(int(fd))
	detach := struct{ target, program, attachType, flags uint32 }{uint32(target), uint32(fd), attachDevice, 0}
	if _, _, errno := unix.Syscall(unix.SYS_BPF, progDetach, uintptr(unsafe.Pointer(&detach)),
		unsafe.Sizeof(detach)); errno != 0 {
		return fmt.Errorf("detach eBPF program %d: %w", id, errno)
	}

	return nil
}

func nativeEndian() binary.ByteOrder {
	one := uint16(1)
	if *(*byte)(unsafe.Pointer(&one)) == 1 {
		return binary.LittleEndian
	}
	return binary.BigEndian
}
