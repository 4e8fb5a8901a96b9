// The way out: the host routes between the bridge and the world, and a rule of nf_tables hides the
// containers behind the host's address.
//
// Chapter: docs/zh/08-small-network.md
package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

const forwarding = "/proc/sys/net/ipv4/ip_forward"

// wayOut lets the host route, and hide the containers behind its own address. Without it the
// container still has its bridge.
func wayOut(name string, gateway *net.IPNet) {
	before, err := os.ReadFile(forwarding)
	if err == nil && strings.TrimSpace(string(before)) == "0" {
		err = os.WriteFile(filepath.Join(rootDir(), "ip_forward"), before, 0o600)
		if err == nil {
			err = writeFile(forwarding, "1")
		}
	}
	if err != nil {
		logrus.Warnf("containers have no way out: %v", err)
		return
	}

	conn := &nftables.Conn{}
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: name})
	chain := conn.AddChain(&nftables.Chain{Name: "postrouting", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource})
	own := make([]byte, unix.IFNAMSIZ)
	copy(own, name)
	conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		// ip saddr NETWORK oifname != BRIDGE masquerade
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: gateway.Mask, Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: gateway.IP.Mask(gateway.Mask).To4()},
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: own},
		&expr.Masq{},
	}})

	if err := conn.Flush(); err != nil {
		logrus.Warnf("containers have no way out: the kernel takes no rule of nf_tables: %v: see: modprobe "+
			"nf_tables nft_masq", err)
	}
}

func restoreForwarding() error {
	saved := filepath.Join(rootDir(), "ip_forward")
	before, err := os.ReadFile(saved)
	if os.IsNotExist(err) {
		return nil
	}
	if err == nil {
		err = writeFile(forwarding, strings.TrimSpace(string(before)))
	}
	if err != nil {
		return err
	}
	return os.Remove(saved)
}
