# shellcheck shell=bash disable=SC2016
# networks, names, published ports.

network_create() {
	D network create n1
	D network create n1
	D network create --subnet 10.44.0.0/24 n2
	D network create n3 --subnet 10.45.0.0/24 --gateway 10.45.0.9
	D network create --subnet bad n4
	D network create --subnet 10.44.0.0/24 n5
	D network create --driver nosuch n6
	D network create host
	D network inspect -f '{{(index .IPAM.Config 0).Subnet}} {{(index .IPAM.Config 0).Gateway}}' n3
	D network ls --format '{{.Name}} {{.Driver}} {{.Scope}} {{.Internal}} {{.Labels}}'
	D network create
}

network_ls() {
	D network create --label a=b n1
	D network create n2
	D network ls --filter name=n1 --format '{{.Name}}'
	D network ls --filter label=a --format '{{.Name}}'
	D network ls --filter driver=host --format '{{.Name}}'
	D network ls --filter type=custom --format '{{.Name}}'
	D network ls --filter type=builtin --format '{{.Name}}'
	D network ls --filter scope=local -q --no-trunc
	D network ls --filter nosuch=x
	D network ls --filter dangling=true --format '{{.Name}}'
}

network_rm() {
	D network create n1
	D run -d --name c1 --net n1 bb sleep 100
	D network rm n1
	D network rm nosuch
	D network rm host
	D rm -f c1
	D network rm n1 nosuch
	D network create n2
	D network prune -f
}

network_names() {
	D network create n1
	D run -d --name web --net n1 --network-alias www bb sleep 100
	D run --rm --net n1 bb ping -c 1 -W 2 web
	D run --rm --net n1 bb sh -c 'ping -c 1 -W 2 www | grep -c "1 packets received"'
	D run --rm bb ping -c 1 -W 1 web
	because no-dns D exec web sh -c 'grep -c web /etc/hosts'
}

network_connect() {
	D network create n1
	D network create n2
	D run -d --name c1 --net n1 bb sleep 100
	D network connect n2 c1
	D exec c1 sh -c 'ls /sys/class/net | wc -l'
	D network connect n2 c1
	D network disconnect n2 c1
	D network disconnect n2 c1
	D network connect nosuch c1
	D network connect n2 nosuch
	D network connect --ip 1.2.3.4 n2 c1
	D network connect --alias al n2 c1
	D inspect -f '{{range $name, $n := .NetworkSettings.Networks}}{{$name}} {{len $n.Aliases}} {{end}}' c1
	D network connect host c1
}

network_modes() {
	D run --rm --net none bb ls /sys/class/net
	D run --rm --net nosuch bb true
	D run --rm --net host bb sh -c 'test -d /sys/class/net/lo'
	D run -d --name c1 bb sleep 100
	D run --rm --net container:c1 bb sh -c 'ls /sys/class/net'
	D run --rm --net container:c1 -p 80:80 bb true
	D run --rm --net container:c1 --dns 1.2.3.4 bb true
	D run --rm --net container:c1 --add-host a:1.2.3.4 bb true
	D run --rm --net container:c1 --mac-address 02:42:ac:11:00:02 bb true
	D run --rm --net container:c1 --expose 80 bb true
	D run --rm --net host --ip 1.2.3.4 bb true
	D run --rm --net none --network-alias x bb true
	D kill c1
	D run --rm --net container:c1 bb true
}

network_address() {
	D network create --subnet 10.46.0.0/24 n1
	D run --rm --net n1 --ip 10.46.0.77 bb sh -c 'ip -4 addr show dev eth0 | grep -o 10.46.0.77/24'
	D run --rm --net n1 --ip 10.47.0.77 bb true
	D run --rm --net n1 --ip bad bb true
	because docker-20.10 D run --rm --ip 1.2.3.4 bb true
	D run --rm --mac-address 02:42:ac:11:00:77 bb cat /sys/class/net/eth0/address
	D run --rm --mac-address bad bb true
}

ports() {
	D run -d --name c1 -p 127.0.0.1:5010:80 bb sh -c 'while :; do echo -e "HTTP/1.0 200 OK\r\n\r\nhello" | nc -l -p 80; done'
	sleep 0.5
	wget -qO- http://127.0.0.1:5010/
	D port c1
	D ps --format '{{.Ports}}'
	D run -d --name c2 -p 127.0.0.1:5010:81 bb sleep 100
	D ps -a --format '{{.Names}} {{.Status}}' --filter name=c2
	D rm -f c1
	D start c2
	D port c2 81/tcp
}

ports_forms() {
	D create --name c1 -p 127.0.0.1::80 bb true
	D create --name c2 -p 5011-5012:80-81 bb true
	D create --name c3 -p 5013:80/udp -p 5013:80/tcp bb true
	D create --name c4 -p bad bb true
	D create --name c5 -p 70000:80 bb true
	D create --name c6 -p 5014-5015:80 bb true
	D create --name c7 -p 80:80:80:80 bb true
	D create --name c8 --expose 90-92 bb true
	D create --name c9 --publish 127.0.0.1:5016:80 -p 127.0.0.1:5017:81 bb true
	D inspect -f '{{json .HostConfig.PortBindings}}' c1
	D inspect -f '{{json .HostConfig.PortBindings}}' c2
	D inspect -f '{{json .HostConfig.PortBindings}}' c3
	D inspect -f '{{json .Config.ExposedPorts}}' c8
	D inspect -f '{{json .HostConfig.PortBindings}}' c9
}

publish_all() {
	D run -d --name c1 -P --expose 80 --expose 81/udp bb sleep 100
	d port c1 | grep -v '\[::\]\|:::' | sed 's/:[0-9]*$/:PORT/'
	D inspect -f '{{.HostConfig.PublishAllPorts}}' c1
}

port_is_held() {
	D run -d --name c1 -p 127.0.0.1:5018:80 bb sleep 100
	timeout 1 nc -l -p 5018 -s 127.0.0.1 </dev/null >/dev/null 2>&1
	echo $?
}

dns() {
	D run --rm --dns 1.2.3.4 --dns-search example.org --dns-option ndots:2 bb sort /etc/resolv.conf
	D run --rm --dns bad bb true
	D run --rm --dns-opt ndots:3 bb sh -c 'grep ndots /etc/resolv.conf'
	D run --rm --add-host a:1.2.3.4 bb ping -c 1 -W 1 b
	D run --rm --add-host a:bad bb true
	D run --rm --add-host host:host-gateway bb sh -c 'grep -c host /etc/hosts'
}
