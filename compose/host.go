package compose

import (
	"regexp"
	"strings"
)

// What stands here reaches Traefik's rules and its files, which are templates: the character sets leave
// no room for a backquote, a brace or a line break.

const (
	needHost   = `a host name such as example.com or *.example.com`
	needPrefix = `a path that starts with "/", of letters, digits and -._~!$&'()*+,;=:@%/`
)

var (
	hostPattern = regexp.MustCompile(`^(\*\.)?([a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?\.)*[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?$`)
	pathPattern = regexp.MustCompile(`^/[a-zA-Z0-9._~!$&'()*+,;=:@%/-]*$`)
	askPattern  = regexp.MustCompile(`^/[a-zA-Z0-9._~!$&'()*+,;=:@%/?-]*$`)
)

func validHost(s string) bool { return len(s) <= 253 && hostPattern.MatchString(s) }

func validPrefix(s string) bool { return pathPattern.MatchString(s) && !strings.Contains(s, "//") }

func validPath(s string) bool { return askPattern.MatchString(s) }
