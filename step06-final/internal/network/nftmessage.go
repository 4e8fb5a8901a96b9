package network

import (
	"encoding/binary"
	"fmt"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// nftBatch is a transaction of nf_tables (netlink(7), linux/netfilter/nf_tables.h): messages
// between two that say where it begins and ends. The kernel does all of it or nothing.
type nftBatch []byte

// message appends one message: netlink's header, netfilter's header, attributes.
func (b *nftBatch) message(kind, flags uint16, family byte, resource uint16, attributes ...*nl.RtAttr) {
	var body []byte
	for _, a := range attributes {
		body = append(body, a.Serialize()...)
	}
	const headers = unix.SizeofNlMsghdr + 4
	header := make([]byte, headers)
	nl.NativeEndian().PutUint32(header[0:], uint32(headers+len(body)))
	nl.NativeEndian().PutUint16(header[4:], kind)
	nl.NativeEndian().PutUint16(header[6:], flags|unix.NLM_F_REQUEST)
	header[16] = family
	binary.BigEndian.PutUint16(header[18:], resource)
	*b = append(append(*b, header...), body...)
}

// add appends one message for nf_tables about IPv4.
func (b *nftBatch) add(kind, flags uint16, attributes ...*nl.RtAttr) {
	b.message(unix.NFNL_SUBSYS_NFTABLES<<8|kind, flags, unix.NFPROTO_IPV4, 0, attributes...)
}

// commit sends the messages. Only the last one asks for an answer, but a message that fails is
// always answered.
func (b nftBatch) commit() error {
	var whole nftBatch
	whole.message(unix.NFNL_MSG_BATCH_BEGIN, 0, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES)
	whole = append(whole, b...)
	whole.message(unix.NFNL_MSG_BATCH_END, unix.NLM_F_ACK, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES)
	return nftExchange(whole, func(syscall.NetlinkMessage) {})
}

// nftDump asks for all chains or all rules of IPv4, and returns their attributes. A text is
// without the zero at its end.
func nftDump(kind uint16) ([]map[int]string, error) {
	var list []map[int]string
	var question nftBatch
	question.add(kind, unix.NLM_F_DUMP)

	err := nftExchange(question, func(m syscall.NetlinkMessage) {
		if len(m.Data) < 4 {
			return
		}

		attributes, err := nl.ParseRouteAttr(m.Data[4:])
		if err != nil {
			return
		}

		found := map[int]string{}
		for _, a := range attributes {
			kind := int(a.Attr.Type &^ unix.NLA_F_NESTED)
			found[kind] = string(a.Value)
			if kind != unix.NFTA_RULE_USERDATA {
				found[kind] = strings.TrimSuffix(found[kind], "\x00")
			}
		}

		list = append(list, found)
	})

	return list, err
}

// nftExchange sends messages and hands over what the kernel answers, until it says that this was
// all or that it failed.
func nftExchange(messages []byte, each func(syscall.NetlinkMessage)) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return err
	}
	defer unix.Close(fd)

	// A batch is one packet. The privileged option goes beyond net.core.wmem_max; where it is
	// refused the default must do.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 2*len(messages)+64<<10)
	if err := unix.Sendto(fd, messages, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}

	buffer := make([]byte, 64<<10)

	for {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}

		answers, err := syscall.ParseNetlinkMessage(buffer[:n])
		if err != nil {
			return fmt.Errorf("the kernel's answer: %w", err)
		}

		for _, m := range answers {
			switch m.Header.Type {
			case unix.NLMSG_DONE:
				return nil
			case unix.NLMSG_ERROR:
				if len(m.Data) < 4 {
					return unix.EBADMSG
				}
				if errno := -int32(nl.NativeEndian().Uint32(m.Data)); errno != 0 {
					return unix.Errno(errno)
				}
				return nil
			}

			each(m)
		}
	}
}

// --- attributes (netlink(7))
// ------------------------------------------------------------------------------------------

func text(kind int, value string) *nl.RtAttr { return nl.NewRtAttr(kind, append([]byte(value), 0)) }

// number32: nf_tables takes numbers in network byte order.
func number32(kind int, value uint32) *nl.RtAttr {
	bytes := make([]byte, 4)
	binary.BigEndian.PutUint32(bytes, value)
	return nl.NewRtAttr(kind, bytes)
}

func nest(kind int, children ...*nl.RtAttr) *nl.RtAttr {
	parent := nl.NewRtAttr(unix.NLA_F_NESTED|kind, nil)
	for _, child := range children {
		parent.AddChild(child)
	}
	return parent
}

// data is a value that an instruction works with.
func data(kind int, value []byte) *nl.RtAttr {
	return nest(kind, nl.NewRtAttr(unix.NFTA_DATA_VALUE, value))
}
