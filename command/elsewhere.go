package command

// elsewhere is what to type for verbs of docker compose that are not here.
var elsewhere = map[string]string{
	"attach":  "`hyper-lite logs -f SERVICE` follows a service; `docker attach` takes a container of `hyper-lite ps`",
	"build":   "`hyper-lite up -d --build` builds; alone, with nothing started: `hyper-lite up --build --no-start`",
	"commit":  "`docker commit` takes a container of `hyper-lite ps`",
	"cp":      "`docker cp` takes a container of `hyper-lite ps`, as in `docker cp shop-web-1:/etc/hosts .`",
	"create":  "`hyper-lite up --no-start` creates and starts nothing",
	"events":  "`docker events --filter label=hyper-lite.project=NAME`",
	"exec":    "`docker exec -it` takes a container of `hyper-lite ps`, as in `docker exec -it shop-web-1 sh`",
	"export":  "`docker export` takes a container of `hyper-lite ps`",
	"images":  "`hyper-lite config --images` lists the images of the files, `hyper-lite ps` those that run",
	"kill":    "`hyper-lite stop -t 0 SERVICE` kills; `docker kill --signal` takes a container of `hyper-lite ps`",
	"ls":      "`docker ps --filter label=hyper-lite.project` lists the containers of all projects",
	"pause":   "`docker pause` takes a container of `hyper-lite ps`",
	"port":    "`hyper-lite ps` shows the ports of containers, `hyper-lite service ls` those of services",
	"pull":    "`hyper-lite up -d --pull always` pulls; alone, with nothing started: `hyper-lite up --pull always --no-start`",
	"push":    "`docker push` takes an image of `hyper-lite config --images`",
	"rm":      "`hyper-lite down SERVICE` stops and removes a service's containers",
	"run":     "`docker run --rm -it --network NAME_default IMAGE COMMAND` runs a container beside the project's",
	"stats":   "`docker stats` takes containers of `hyper-lite ps`: `docker stats $(hyper-lite ps -q)`",
	"top":     "`docker top` takes a container of `hyper-lite ps`, as in `docker top shop-web-1`",
	"unpause": "`docker unpause` takes a container of `hyper-lite ps`; `hyper-lite up -d` goes on with paused ones, too",
	"volumes": "`hyper-lite config --volumes` lists those of the files; `docker volume ls --filter label=hyper-lite.project=NAME`",
	"wait":    "`docker wait` takes a container of `hyper-lite ps`; `hyper-lite up -d --wait` waits until all is healthy",
	"watch":   "`hyper-lite up -d --build` after a change",
}
