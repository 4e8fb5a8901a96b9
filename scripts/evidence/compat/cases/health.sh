# shellcheck shell=bash disable=SC2016
# health checks.

healthy() {
	D run -d --name c1 --health-cmd true --health-interval 1s bb sleep 100
	D ps --format '{{.Status}}'
	sleep 2.2
	D ps --format '{{.Status}}'
	D inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}}' c1
	D ps -q --filter health=unhealthy
	D ps --filter health=healthy --format '{{.Names}}'
	D ps --filter health=none --format '{{.Names}}'
}

unhealthy() {
	D run -d --name c1 --health-cmd 'echo broken; exit 7' --health-interval 500ms --health-retries 2 bb sleep 100
	sleep 3
	D ps --format '{{.Status}}'
	D inspect -f '{{.State.Health.Status}} {{(index .State.Health.Log 0).ExitCode}} {{(index .State.Health.Log 0).Output}}' c1
	d events --since 10m --until 0s --filter container=c1 --format '{{.Action}}' | grep health_status
	D stop -t 0 c1
	D ps -a --format '{{.Status}}'
}

health_flags() {
	D create --name c1 --health-cmd 'true' --health-interval 5s --health-timeout 2s --health-retries 4 --health-start-period 1s bb true
	D inspect -f '{{json .Config.Healthcheck}}' c1
	D create --name c2 --no-healthcheck bb true
	D inspect -f '{{json .Config.Healthcheck}}' c2
	D create --name c3 --no-healthcheck --health-cmd true bb true
	D create --name c4 --health-interval -1s bb true
	D create --name c5 --health-interval 1us bb true
	D create --name c6 --health-retries -1 bb true
	D create --name c7 --health-interval bad bb true
	D create --name c8 bb true
	D inspect -f '{{json .Config.Healthcheck}} {{json .State.Health}}' c8
	D create --name c9 --health-retries 3 bb true
	D inspect -f '{{json .Config.Healthcheck}}' c9
}

health_image() {
	printf 'FROM bb\nHEALTHCHECK --interval=1s CMD test -e /etc/passwd\n' | d build -q -t made - >/dev/null
	D inspect -f '{{json .Config.Healthcheck}}' made
	D run -d --name c1 made sleep 100
	D run -d --name c2 --no-healthcheck made sleep 100
	sleep 2.2
	D ps --format '{{.Names}} {{.Status}}'
	D create --name c3 --health-retries 9 made sleep 100
	D inspect -f '{{json .Config.Healthcheck}}' c3
	D inspect -f '{{json .Config.Healthcheck}}' c2
}
