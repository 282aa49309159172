package command

// elsewhere is what to type for verbs of docker compose that are not here.
var elsewhere = map[string]string{
	"publish": "publish is docker compose's own way to put a project into a registry, and its `-f oci://...` the only reader: " +
		"put the files into a repository, or send what `hyper-lite config --resolve-image-digests` prints",
}
