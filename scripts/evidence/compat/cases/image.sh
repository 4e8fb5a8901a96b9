# shellcheck shell=bash disable=SC2016
# images: names, lists, save and load, import and export, commit, history.

tag_names() {
	D tag bb made:1
	D tag bb made:2
	D tag nosuch made:3
	D tag bb 'bad name'
	D tag bb UPPER
	D images --format '{{.Repository}}:{{.Tag}}' made
	D images -q made
	D images --no-trunc -q made
	D images made:1 --format '{{.Tag}}'
	D images nosuch
	D images --format '{{.Repository}} {{.Digest}} {{.CreatedSince}}' made
}

images_filters() {
	D tag bb made:1
	printf 'FROM bb\nLABEL a=b\n' | d build -q -t lab - >/dev/null
	D images --filter label=a --format '{{.Repository}}'
	D images --filter label=a=c --format '{{.Repository}}'
	D images --filter reference='ma*' --format '{{.Repository}}'
	D images --filter reference=made:1 --format '{{.Repository}}'
	D images --filter dangling=true -q
	D images --filter dangling=false --format '{{.Repository}}'
	D images --filter since=bb --format '{{.Repository}}'
	D images --filter before=lab --format '{{.Repository}}'
	D images --filter nosuch=x
}

remove_name() {
	D tag bb made:1
	D tag bb made:2
	D rmi made:1
	D rmi nosuch
	D rmi -f nosuch
	D create --name c1 made:2 true
	D rmi made:2
	D rmi -f bb
	D image rm nosuch
}

remove_id() {
	printf 'FROM bb\nLABEL a=1\n' | d build -q -t one - >/dev/null
	D tag one two
	D rmi "$(d images -q one)"
	D images --format '{{.Repository}}' --filter label=a
	D rmi -f "$(d images -q one)"
	D images --format '{{.Repository}}' --filter label=a
}

remove_used() {
	printf 'FROM bb\nLABEL a=2\n' | d build -q -t used - >/dev/null
	D run -d --name c1 used sleep 100
	D rmi used
	D rmi -f used
	D rmi -f "$(d inspect -f '{{.Image}}' c1)"
	D rm -f c1
	D create --name c2 bb true
	D rmi "$(d images -q bb)"
}

save_load() {
	D tag bb made:1
	D save -o s.tar made:1
	D rmi made:1
	D load -i s.tar
	D images made --format '{{.Repository}}:{{.Tag}}'
	D save nosuch
	D load -i nosuch
	echo garbage >bad.tar
	D load -i bad.tar
	d load <s.tar
	D load -q -i s.tar
	D save -o /nosuch/dir/x.tar made:1
}

export_import() {
	D run --name c1 bb sh -c 'echo x > /f'
	D export -o e.tar c1
	tar tf e.tar | grep -x -e f -e .dockerenv
	D import -c 'CMD ["cat", "/f"]' -c 'ENV A=1' e.tar made:1
	D run --rm made:1
	D inspect -f '{{.Config.Cmd}} {{.Config.Env}}' made:1
	D import nosuch made:2
	D import -c 'BAD x' e.tar made:3
	D export nosuch
	d import - made:4 <e.tar | wc -c
	D import -m message e.tar made:5
	D inspect -f '{{.Comment}}' made:5
}

commit_options() {
	D run --name c1 -e A=1 bb sh -c 'echo x > /f'
	D commit c1 made:1
	D run --rm made:1 cat /f
	D commit -a me -m text -c 'CMD ["cat", "/f"]' c1 made:2
	D run --rm made:2
	D inspect -f '{{.Author}} {{.Comment}} {{.Config.Cmd}} {{.Config.Env}}' made:2
	D commit nosuch
	D commit c1 'bad name'
	D commit -c 'BAD x' c1
	D run -d --name c2 bb sleep 100
	D commit -p=false c2 made:3
}

history_columns() {
	D history -q bb
	because size-of-files D history --format '{{.Comment}}|{{.Size}}' bb
	D history nosuch
}

prune_images() {
	D tag bb made:1
	printf 'FROM bb\nLABEL a=3\n' | d build -q - >/dev/null
	d image prune -f | tail -n 1 | grep -c Total
	d images -q --filter dangling=true | wc -l
	D run --name c1 bb true
	d system prune -f | tail -n 1 | grep -c Total
	D ps -aq
}

pull_offline() {
	D pull 127.0.0.1:1/nosuch
	D run --rm 127.0.0.1:1/nosuch true
	D run --rm --pull never nosuch true
	D run --rm --pull missing bb true
	D create --name c1 --pull never nosuch
	D pull
}

info_version() {
	D info --format '{{.OSType}} {{.Containers}} {{.ContainersRunning}} {{.Images}}'
	D version --format '{{.Client.Os}}'
	D nosuchcommand
	D --nosuch
	D system df --format '{{.Type}} {{.TotalCount}} {{.Active}}'
}
