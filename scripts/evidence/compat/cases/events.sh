# shellcheck shell=bash disable=SC2016
# events: what is reported, with which attributes, and the filters.

# _since prints the events of the case so far, the actor's ids left out.
_since() {
	D events --since "$BEGIN" --until "$(date +%s.%N)" --format "$1" "${@:2}"
}

events_container() {
	BEGIN=$(date +%s.%N)
	D run --name c1 -l a=b bb true
	D run -d --name c2 bb sleep 100
	D pause c2
	D unpause c2
	D rename c2 c3
	D stop -t 0 c3
	D start c3
	D restart -t 0 c3
	D kill -s WINCH c3
	D update -m 128m --memory-swap 256m c3
	D rm -f c3
	D rm c1
	_since '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}'
	_since '{{.Status}} {{.From}} {{.Scope}} {{len .ID}}' --filter type=container
	_since '{{.Actor.Attributes}}' --filter container=c1
	_since '{{.Action}}' --filter label=a=b
	_since '{{.Action}} {{.Actor.Attributes.exitCode}} {{.Actor.Attributes.signal}}' --filter event=die --filter event=kill
}

events_exec() {
	BEGIN=$(date +%s.%N)
	D run -d --name c1 bb sleep 100
	D exec c1 sh -c 'exit 3'
	d top c1 >/dev/null
	d export c1 >/dev/null
	D cp c1:/etc/passwd p
	D cp p c1:/tmp/
	D commit -q c1 made
	_since '{{.Type}} {{.Action}} {{.Actor.Attributes.exitCode}}'
}

events_image() {
	BEGIN=$(date +%s.%N)
	D tag bb made:1
	D tag bb made:2
	D save -o s.tar made:1
	D rmi made:2
	D rmi made:1
	D load -i s.tar
	D rmi made:1
	printf 'FROM bb\nLABEL a=b\n' | d build -q -t built - >/dev/null
	D rmi built
	_since '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}' --filter type=image
}

events_network() {
	BEGIN=$(date +%s.%N)
	D network create n1
	D run -d --name c1 --net n1 bb sleep 100
	D network create n2
	D network connect n2 c1
	D network disconnect n2 c1
	D rm -f c1
	D network rm n1 n2
	because docker-20.10 _since '{{.Type}} {{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.type}}' --filter type=network
	_since '{{.Action}}' --filter network=n1
}

events_volume() {
	BEGIN=$(date +%s.%N)
	D volume create v1
	D run --rm --name c1 -v v1:/data bb true
	D volume rm v1
	_since '{{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.driver}} {{.Actor.Attributes.destination}}' --filter type=volume
	_since '{{.Action}}' --filter volume=v1
}

events_format() {
	BEGIN=$(date +%s.%N)
	D create --name c1 bb true
	D events --since "$BEGIN" --until "$(date +%s.%N)"
	d events --since "$BEGIN" --until "$(date +%s.%N)" | grep -cE '^....-..-..T..:..:..\.[0-9]{9}(Z|[+-]..:..) '
	_since '{{json .}}'
	_since '{{.Time}} {{.TimeNano}}' | grep -cE '[0-9]{10} [0-9]{19}'
	D events --since bad
	D events --filter bad
	D events --until 2001-01-01 --since 2000-01-01
}
