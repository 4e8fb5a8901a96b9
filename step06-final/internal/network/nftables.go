package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/sirupsen/logrus"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// nftables writes the rules without any program: as messages to nf_tables in the kernel (nft(8)
// sends the same), into one table of ours. A verdict ACCEPT ends only our own chain: a chain of
// another table that drops still drops.
//
// The messages are put together here and not by a library: github.com/google/nftables v0.1.0, the
// newest for Go 1.19, asks for an answer to every rule and cannot enlarge the buffer that holds
// the answers, which some forty rules fill.
type nftables struct{ table string }

func (t *nftables) place(chain string) string {
	return fmt.Sprintf("chain %s of table ip %s", chain, t.table)
}

// replace asks what is there and hands over the difference, in one transaction: all of it happens
// or nothing.
func (t *nftables) replace(r rules) error {
	present, err := t.present()
	if errors.Is(err, errNoRules) && len(r.bridges) == 0 {
		return nil // then there are none of ours
	}
	if err != nil {
		return err
	}

	var batch nftBatch
	switch {
	case len(r.bridges) > 0:
		batch = t.changes(r, present)
	case present != nil:
		batch.add(unix.NFT_MSG_DELTABLE, 0, text(unix.NFTA_TABLE_NAME, t.table))
	}
	if len(batch) == 0 {
		return nil
	}

	return nftError("write rules", batch.commit())
}

// nftError explains what nf_tables answered.
func nftError(what string, err error) error {
	if err == nil {
		return nil
	}
	for _, missing := range []error{unix.EPROTONOSUPPORT, unix.EOPNOTSUPP, unix.EINVAL, unix.ENOENT} {
		if errors.Is(err, missing) {
			return fmt.Errorf("%s: %w (nf_tables: %v): %s", what, errNoRules, err, noRulesAdvice)
		}
	}
	return fmt.Errorf("%s: nf_tables: %w; `nft list ruleset` shows what the host has", what, err)
}

// changes compares each chain with what is there. Rules that are only added, as those of one more
// published port, are appended; else the chain is emptied and filled again. (To remove rules
// makes the kernel wait some 20 ms, to add them not.)
func (t *nftables) changes(r rules, present map[string][]string) nftBatch {
	var batch nftBatch
	if present == nil {
		batch.add(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE, text(unix.NFTA_TABLE_NAME, t.table))
	}

	for _, c := range r.chains() {
		now, exists := present[c.name]
		if !exists {
			logrus.Debugf("nft: add chain ip %s %s", t.table, c.name)
			batch.add(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE, c.attributes(t.table)...)
		}

		words := c.words(func(name string) string { return name })
		if !isPrefix(now, words) {
			logrus.Debugf("nft: flush chain ip %s %s", t.table, c.name)
			batch.add(unix.NFT_MSG_DELRULE, 0, text(unix.NFTA_RULE_TABLE, t.table), text(unix.NFTA_RULE_CHAIN, c.name))
			now = nil
		}

		for i := len(now); i < len(words); i++ {
			logrus.Debugf("nft: add rule ip %s %s %s", t.table, c.name, words[i])
			batch.add(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND,
				text(unix.NFTA_RULE_TABLE, t.table), text(unix.NFTA_RULE_CHAIN, c.name),
				nest(unix.NFTA_RULE_EXPRESSIONS, c.rules[i].program()...),
				nl.NewRtAttr(unix.NFTA_RULE_USERDATA, comment(words[i])))
		}
	}

	return batch
}

// present reads our chains and of each rule its comment, which is the rule in the words of
// iptables; nil if there is no table of ours.
func (t *nftables) present() (map[string][]string, error) {
	chains, err := nftDump(unix.NFT_MSG_GETCHAIN)
	if err != nil {
		return nil, nftError("read the host's rules", err)
	}

	var present map[string][]string
	for _, c := range chains {
		if c[unix.NFTA_CHAIN_TABLE] != t.table {
			continue
		}
		if present == nil {
			present = map[string][]string{}
		}

		present[c[unix.NFTA_CHAIN_NAME]] = nil
	}

	if present == nil {
		return nil, nil
	}

	list, err := nftDump(unix.NFT_MSG_GETRULE)
	if err != nil {
		return nil, nftError("read the host's rules", err)
	}

	for _, r := range list {
		if r[unix.NFTA_RULE_TABLE] == t.table {
			name := r[unix.NFTA_RULE_CHAIN]
			present[name] = append(present[name], commentText(r[unix.NFTA_RULE_USERDATA]))
		}
	}
	return present, nil
}

// comment is the form in which nft(8) keeps and shows the comment of a rule: type 0, length,
// text. commentText reads it.
func comment(words string) []byte {
	if len(words) > 254 {
		words = words[:254]
	}
	return append([]byte{0, byte(len(words) + 1)}, words+"\x00"...)
}

func commentText(data string) string {
	if len(data) < 3 || data[0] != 0 || int(data[1]) != len(data)-2 {
		return ""
	}
	return data[2 : len(data)-1]
}

// attributes describe a new chain. A chain that packets come to by themselves has a hook: its
// number (linux/netfilter.h), and the priority of the table of iptables that has this hook
// (linux/netfilter_ipv4.h).
func (c chain) attributes(table string) []*nl.RtAttr {
	list := []*nl.RtAttr{text(unix.NFTA_CHAIN_TABLE, table), text(unix.NFTA_CHAIN_NAME, c.name)}
	if c.hook == "" {
		return list
	}

	number := map[string]uint32{"PREROUTING": 0, "FORWARD": 2, "OUTPUT": 3, "POSTROUTING": 4}[c.hook]
	kind, priority := "filter", int32(0)
	switch {
	case c.table == "raw":
		priority = -300
	case c.table == "nat" && c.hook == "POSTROUTING":
		kind, priority = "nat", 100
	case c.table == "nat":
		kind, priority = "nat", -100
	}

	hook := nest(unix.NFTA_CHAIN_HOOK, number32(unix.NFTA_HOOK_HOOKNUM, number),
		number32(unix.NFTA_HOOK_PRIORITY, uint32(priority)))
	return append(list, hook, text(unix.NFTA_CHAIN_TYPE, kind))
}

// program is a rule as nf_tables runs it: each instruction loads something of the packet into
// register 1, or compares it with a value, and the rule ends where a comparison fails; the last
// one gives the verdict.
type program struct{ instructions []*nl.RtAttr }

func (p *program) add(name string, operands ...*nl.RtAttr) {
	p.instructions = append(p.instructions,
		nest(unix.NFTA_LIST_ELEM, text(unix.NFTA_EXPR_NAME, name), nest(unix.NFTA_EXPR_DATA, operands...)))
}

func (p *program) meta(key uint32) {
	p.add("meta", number32(unix.NFTA_META_DREG, unix.NFT_REG_1), number32(unix.NFTA_META_KEY, key))
}

func (p *program) payload(base, offset, length uint32) {
	p.add("payload", number32(unix.NFTA_PAYLOAD_DREG, unix.NFT_REG_1), number32(unix.NFTA_PAYLOAD_BASE, base),
		number32(unix.NFTA_PAYLOAD_OFFSET, offset), number32(unix.NFTA_PAYLOAD_LEN, length))
}

func (p *program) mask(bits []byte) {
	p.add("bitwise", number32(unix.NFTA_BITWISE_SREG, unix.NFT_REG_1), number32(unix.NFTA_BITWISE_DREG, unix.NFT_REG_1),
		number32(unix.NFTA_BITWISE_LEN, uint32(len(bits))),
		data(unix.NFTA_BITWISE_MASK, bits), data(unix.NFTA_BITWISE_XOR, make([]byte, len(bits))))
}

func (p *program) compare(operator uint32, value []byte) {
	p.add("cmp", number32(unix.NFTA_CMP_SREG, unix.NFT_REG_1), number32(unix.NFTA_CMP_OP, operator),
		data(unix.NFTA_CMP_DATA, value))
}

func (p *program) load(register uint32, value []byte) {
	p.add("immediate", number32(unix.NFTA_IMMEDIATE_DREG, register), data(unix.NFTA_IMMEDIATE_DATA, value))
}

// isInterface: names are compared with all of their 16 bytes.
func (p *program) isInterface(key uint32, name string, operator uint32) {
	if name != "" {
		padded := make([]byte, unix.IFNAMSIZ)
		copy(padded, name)
		p.meta(key)
		p.compare(operator, padded)
	}
}

// isAddress: the source stands at byte 12 of the IPv4 header, the destination at byte 16.
func (p *program) isAddress(offset uint32, address string, operator uint32) {
	if address == "" {
		return
	}
	_, subnet, err := net.ParseCIDR(withPrefix(address))
	if err != nil { // the state has been validated
		panic("network: address of a rule: " + err.Error())
	}
	p.payload(unix.NFT_PAYLOAD_NETWORK_HEADER, offset, 4)
	p.mask(subnet.Mask)
	p.compare(operator, subnet.IP.To4())
}

// program translates a rule in the order in which words writes it.
func (r rule) program() []*nl.RtAttr {
	const sourceAt, destinationAt = 12, 16
	var p program
	p.isAddress(sourceAt, r.notSrc, unix.NFT_CMP_NEQ)
	p.isAddress(sourceAt, r.src, unix.NFT_CMP_EQ)
	p.isAddress(destinationAt, r.notDst, unix.NFT_CMP_NEQ)
	p.isAddress(destinationAt, r.dst, unix.NFT_CMP_EQ)
	p.isInterface(unix.NFT_META_IIFNAME, r.in, unix.NFT_CMP_EQ)
	p.isInterface(unix.NFT_META_OIFNAME, r.notOut, unix.NFT_CMP_NEQ)
	p.isInterface(unix.NFT_META_OIFNAME, r.out, unix.NFT_CMP_EQ)

	if r.proto != "" {
		number := map[string]byte{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP}[r.proto]
		p.meta(unix.NFT_META_L4PROTO)
		p.compare(unix.NFT_CMP_EQ, []byte{number})
		p.payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2) // the destination port, for both protocols
		p.compare(unix.NFT_CMP_EQ, bigEndian16(r.port))
	}
	if r.local {
		p.add("fib", number32(unix.NFTA_FIB_DREG, unix.NFT_REG_1),
			number32(unix.NFTA_FIB_RESULT, unix.NFT_FIB_RESULT_ADDRTYPE),
			number32(unix.NFTA_FIB_FLAGS, unix.NFTA_FIB_F_DADDR))
		p.compare(unix.NFT_CMP_EQ, native32(unix.RTN_LOCAL))
	}

	const relatedOrEstablished, statusDestinationNAT = 4 | 2, 1 << 5 // NFT_CT_STATE_BIT, IPS_DST_NAT
	switch r.state {
	case answered:
		p.connection(unix.NFT_CT_STATE, relatedOrEstablished)
	case published:
		p.connection(unix.NFT_CT_STATUS, statusDestinationNAT)
	}

	p.verdict(r)
	return p.instructions
}

// connection: one of these bits is set in what connection tracking knows.
func (p *program) connection(key, bits uint32) {
	p.add("ct", number32(unix.NFTA_CT_DREG, unix.NFT_REG_1), number32(unix.NFTA_CT_KEY, key))
	p.mask(native32(bits))
	p.compare(unix.NFT_CMP_NEQ, native32(0))
}

func (p *program) verdict(r rule) {
	const drop, accept, jump = 0, 1, -3 // NF_DROP, NF_ACCEPT, NFT_JUMP
	give := func(code int32, more ...*nl.RtAttr) {
		verdict := nest(unix.NFTA_DATA_VERDICT,
			append([]*nl.RtAttr{number32(unix.NFTA_VERDICT_CODE, uint32(code))}, more...)...)
		p.add("immediate", number32(unix.NFTA_IMMEDIATE_DREG, unix.NFT_REG_VERDICT),
			nest(unix.NFTA_IMMEDIATE_DATA, verdict))
	}

	switch r.then {
	case "ACCEPT":
		give(accept)
	case "DROP":
		give(drop)
	case "MASQUERADE":
		p.add("masq")
	case "DNAT":
		p.load(unix.NFT_REG_1, net.ParseIP(r.toIP).To4())
		p.load(unix.NFT_REG_2, bigEndian16(r.toPort))
		p.add("nat", number32(unix.NFTA_NAT_TYPE, unix.NFT_NAT_DNAT), number32(unix.NFTA_NAT_FAMILY, unix.NFPROTO_IPV4),
			number32(unix.NFTA_NAT_REG_ADDR_MIN, unix.NFT_REG_1), number32(unix.NFTA_NAT_REG_PROTO_MIN, unix.NFT_REG_2))
	default:
		give(jump, text(unix.NFTA_VERDICT_CHAIN, r.then))
	}
}

func bigEndian16(n uint16) []byte {
	bytes := make([]byte, 2)
	binary.BigEndian.PutUint16(bytes, n)
	return bytes
}

func native32(n uint32) []byte {
	bytes := make([]byte, 4)
	nl.NativeEndian().PutUint32(bytes, n)
	return bytes
}
