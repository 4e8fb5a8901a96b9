# shellcheck shell=bash disable=SC2016
# inspect: every part of what docker tells about containers, images, networks and volumes.

# Field by field: keys in one line each, so that one missing key is one line.
container_keys() {
	D run -d --name c1 bb sleep 100
	D inspect -f '{{range $k, $v := .}}{{println $k}}{{end}}' c1
	D inspect -f '{{range $k, $v := .State}}{{println $k}}{{end}}' c1
	D inspect -f '{{range $k, $v := .Config}}{{println $k}}{{end}}' c1
	because kernel-memory D inspect -f '{{range $k, $v := .HostConfig}}{{println $k}}{{end}}' c1
	D inspect -f '{{range $k, $v := .NetworkSettings}}{{println $k}}{{end}}' c1
	D inspect -f '{{range $k, $v := .NetworkSettings.Networks.bridge}}{{println $k}}{{end}}' c1
}

container_config() {
	D create --name c1 -e A=1 -u www -w /tmp -l a=b --expose 80 -v /data --hostname box --entrypoint sleep --stop-signal INT --stop-timeout 5 bb 100
	D inspect -f '{{json .Config}}' c1
	D create --name c2 bb true
	D inspect -f '{{json .Config}}' c2
	D inspect -f '{{.Config.Entrypoint}} {{.Config.User}} {{.Config.Healthcheck}} {{.Config.Volumes}} {{.Config.ExposedPorts}} {{.Config.OnBuild}}' c2
	D create -it --name c3 bb true
	D inspect -f '{{.Config.Tty}} {{.Config.OpenStdin}} {{.Config.StdinOnce}} {{.Config.AttachStdin}} {{.Config.AttachStdout}} {{.Config.AttachStderr}}' c3
}

container_host_config() {
	D create --name c1 bb true
	because host-config D inspect -f '{{range $k, $v := .HostConfig}}{{$k}} {{json $v}}{{println}}{{end}}' c1
	D create --name c2 -m 64m --cpus 0.5 --cap-add NET_ADMIN --cap-drop CHOWN --dns 1.2.3.4 --add-host a:1.2.3.4 \
		--ulimit nofile=10:20 --shm-size 1m --tmpfs /t:size=1m --device /dev/null:/dev/n --sysctl net.ipv4.ip_forward=0 \
		-p 127.0.0.1:5001:80 --restart on-failure:3 --read-only --init --security-opt no-new-privileges --pids-limit 50 bb true
	because host-config D inspect -f '{{range $k, $v := .HostConfig}}{{$k}} {{json $v}}{{println}}{{end}}' c2
}

container_state() {
	D create --name c1 bb sh -c 'exit 3'
	D inspect -f '{{json .State}}' c1
	D start -a c1
	D inspect -f '{{range $k, $v := .State}}{{$k}} {{json $v}}{{println}}{{end}}' c1
	D run -d --name c2 bb sleep 100
	D inspect -f '{{.State.Status}} {{.State.Running}} {{.State.Paused}} {{.State.Dead}} {{.State.Error}} {{.State.OOMKilled}} {{.State.FinishedAt}} {{.RestartCount}}' c2
	D inspect -f '{{.State.Health}}' c2
}

container_network() {
	D run -d --name c1 -p 127.0.0.1:5002:80 bb sleep 100
	D inspect -f '{{json .NetworkSettings.Ports}}' c1
	D inspect -f '{{.NetworkSettings.IPAddress}} {{.NetworkSettings.Gateway}} {{.NetworkSettings.MacAddress}} {{.NetworkSettings.IPPrefixLen}}' c1
	D inspect -f '{{range $k, $v := .NetworkSettings.Networks.bridge}}{{if ne $k "NetworkID"}}{{if ne $k "EndpointID"}}{{$k}} {{json $v}}{{println}}{{end}}{{end}}{{end}}' c1
	D inspect -f '{{len .NetworkSettings.SandboxID}} {{len .NetworkSettings.EndpointID}} {{.NetworkSettings.GlobalIPv6Address}} {{.NetworkSettings.GlobalIPv6PrefixLen}}' c1
	D stop -t 0 c1
	D inspect -f '{{json .NetworkSettings.Ports}} {{.NetworkSettings.IPAddress}}' c1
	D create --name c2 --net host bb true
	D inspect -f '{{.HostConfig.NetworkMode}} {{range $k, $v := .NetworkSettings.Networks}}{{$k}}{{end}}' c2
	D create --name c3 --net none bb true
	D inspect -f '{{.HostConfig.NetworkMode}} {{range $k, $v := .NetworkSettings.Networks}}{{$k}}{{end}}' c3
}

container_mounts() {
	D volume create v1
	mkdir dir
	D create --name c1 -v v1:/a -v "$PWD/dir:/b:ro" -v /c --tmpfs /d --mount type=volume,src=v1,dst=/e,readonly bb true
	d inspect -f '{{range .Mounts}}{{.Type}} {{.Destination}} {{.RW}} {{.Mode}} {{.Driver}} {{println}}{{end}}' c1 | sort
	D inspect -f '{{.HostConfig.Binds}} {{.HostConfig.Tmpfs}}' c1
	D inspect -f '{{json .HostConfig.Mounts}}' c1
	D inspect -f '{{json .Config.Volumes}}' c1
}

container_paths() {
	D run --name c1 bb echo hello
	D inspect -f '{{.Path}} {{.Args}} {{.Name}} {{.Driver}} {{.Platform}} {{.MountLabel}} {{.ProcessLabel}} {{.AppArmorProfile}}' c1
	D inspect -f '{{len .ID}} {{len .Image}} {{.ExecIDs}} {{.GraphDriver.Name}}' c1
	D inspect -f '{{range $k, $v := .GraphDriver.Data}}{{println $k}}{{end}}' c1
	D inspect -s -f '{{.SizeRw}}' c1
	D inspect -f '{{.NoSuch}}' c1
	D inspect -f '{{.Config.NoSuch}}' c1
	D inspect -f '{{bad' c1
	D inspect -f '{{join .Args ","}} {{upper .Name}} {{json .Args}} {{index .Args 0}}' c1
}

objects() {
	D inspect nosuch
	D inspect NOSUCH
	D inspect -f '{{.Id}}' nosuch
	D inspect --type image nosuch
	D inspect --type bad bb
	D container inspect bb
	D image inspect nosuch
	D volume inspect nosuch
	D network inspect nosuch
	D volume create v1
	D inspect -f '{{.Name}}' v1
	D inspect -f '{{.Name}}' bridge
	D create --name c1 bb true
	D inspect -f '{{.Name}}' c1 nosuch
}

image_keys() {
	D inspect -f '{{range $k, $v := .}}{{println $k}}{{end}}' bb
	D inspect -f '{{range $k, $v := .Config}}{{println $k}}{{end}}' bb
	D inspect -f '{{range $k, $v := .Config}}{{$k}} {{json $v}}{{println}}{{end}}' bb
	D inspect -f '{{.Config.Entrypoint}} {{.Config.User}} {{.Config.Cmd}} {{.Config.Env}} {{.Config.StopSignal}}' bb
	D inspect -f '{{.RepoTags}} {{.RepoDigests}} {{.Os}} {{.Architecture}} {{.Parent}} {{.RootFS.Type}} {{len .RootFS.Layers}} {{.Author}}' bb
	D inspect -f '{{.ID}}' bb
	D inspect -f '{{range $k, $v := .Metadata}}{{println $k}}{{end}}' bb
}

network_keys() {
	D network inspect -f '{{range $k, $v := .}}{{println $k}}{{end}}' bridge
	D network create n1
	D network inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{.EnableIPv6}} {{.Internal}} {{.Attachable}} {{.Ingress}} {{.Options}} {{.Labels}} {{.Containers}}' n1
	D network inspect -f '{{.IPAM.Driver}} {{.IPAM.Options}} {{len .IPAM.Config}}' n1
	D network inspect -f '{{json .ConfigFrom}} {{.ConfigOnly}}' n1
	D network create --label a=b --internal n2
	D network inspect -f '{{.Labels}} {{.Internal}}' n2
	D network inspect -f '{{.Name}} {{.Driver}} {{.Options}}' host
	D network inspect -f '{{.Name}} {{.Driver}}' none
	D run -d --name c1 --net n1 bb sleep 100
	D network inspect -f '{{range .Containers}}{{.Name}} {{len .EndpointID}} {{.MacAddress}} {{.IPv4Address}} {{.IPv6Address}}{{end}}' n1
	D network inspect -f '{{.ID}}' n1
}

volume_keys() {
	D volume create --label a=b v1
	D volume inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{.Labels}} {{.Options}}' v1
	D volume inspect -f '{{.Mountpoint}}' v1
	D volume create v2
	D volume inspect -f '{{.Labels}}' v2
}

inspect_modes() {
	D run -d --name x1 --ipc shareable bb sleep 100
	D create --name c1 --ipc container:x1 --pid container:x1 --net container:x1 bb true
	D inspect -f '{{.HostConfig.IpcMode}} {{.HostConfig.PidMode}} {{.HostConfig.NetworkMode}}' c1
	D create --name c2 --ipc host --pid host --uts host --net host bb true
	D inspect -f '{{.HostConfig.IpcMode}} {{.HostConfig.PidMode}} {{.HostConfig.NetworkMode}} {{.HostConfig.UTSMode}}' c2
	D create --name c3 bb true
	because host-config D inspect -f '{{.HostConfig.IpcMode}} {{.HostConfig.PidMode}} {{.HostConfig.NetworkMode}} {{.HostConfig.UTSMode}} {{.HostConfig.CgroupnsMode}}' c3
}
