package command

// elsewhere is what to type for verbs of docker compose that are not here.
var elsewhere = map[string]string{
	"publish": "publish is docker compose's own way to put a project into a registry, and its `-f oci://...` the only reader: " +
		"put the files into a repository, or send what `hyper-lite config --resolve-image-digests` prints",
	"bridge": "bridge turns files into those of other platforms, by images of docker's: `hyper-lite config` prints one file, " +
		"which `docker compose -f FILE bridge convert` reads",
	"alpha":   "the experiments of docker compose are not here; `scale` and `watch` are commands",
	"convert": "it is called `hyper-lite config`, as in docker compose today",
}
