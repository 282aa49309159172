package compose

import "slices"

// size is one of Hyper's container sizes.
type size struct {
	name   string
	cpus   float32
	memory int64
}

const mebibyte = 1 << 20

// sizes is Hyper's table (Hyper, "container sizes").
var sizes = []size{
	{"s1", 1, 64 * mebibyte},
	{"s2", 1, 128 * mebibyte},
	{"s3", 1, 256 * mebibyte},
	{"s4", 1, 512 * mebibyte},
	{"m1", 1, 1024 * mebibyte},
	{"m2", 2, 2048 * mebibyte},
	{"m3", 2, 4096 * mebibyte},
	{"l1", 4, 4096 * mebibyte},
	{"l2", 4, 8192 * mebibyte},
	{"l3", 8, 16384 * mebibyte},
}

func sizeNames() []string {
	names := make([]string, len(sizes))
	for i, s := range sizes {
		names[i] = s.name
	}
	return names
}

func sizeOf(name string) (size, bool) {
	i := slices.IndexFunc(sizes, func(s size) bool { return s.name == name })
	if i < 0 {
		return size{}, false
	}
	return sizes[i], true
}
