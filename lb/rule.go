package lb

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"hyper-lite/compose"
)

// rule is one Traefik rule with its weight among the rules of an entry point, and the suffix of its router's
// name: a route becomes several routers where its parts weigh differently.
type rule struct {
	Suffix   string
	Text     string
	Priority int
}

// The weights: the internal name beats every rule of the file, an exact host a wildcard, a wildcard no host;
// among wildcards the longer one wins, and among equal hosts the longer path.
const (
	catchAll    = 1
	perPath     = 2 // so that the replay rule fits between two paths
	longestPath = 4_900
	perHostByte = 10_000
	anyWildcard = 10_000_000
	anyExact    = 100_000_000
	internal    = 1_000_000_000
)

// httpRules are the rules of an http or httpsTerm route. A path prefix matches whole segments: /api covers
// /api and /api/users, not /apiary. A wildcard covers exactly one label, as in a certificate. The internal
// name has a rule of its own, so that no other service's path takes its requests.
func httpRules(r compose.Route) ([]rule, error) {
	path, err := pathRule(r.PathPrefix)
	if err != nil {
		return nil, err
	}
	depth := min(len(r.PathPrefix), longestPath) * perPath
	hosts, err := splitHosts(r.Hosts)
	if err != nil {
		return nil, err
	}
	if len(r.Hosts) == 0 {
		if path == "" {
			path, depth = "PathPrefix(`/`)", 0
		}
		return []rule{{Text: path, Priority: catchAll + depth}, internalRule("Host", r.Service)}, nil
	}
	rules := hosts.rules("Host", "HostRegexp")
	for i := range rules {
		rules[i].Priority += depth
		if path != "" {
			rules[i].Text = "(" + rules[i].Text + ") && " + path
		}
	}
	return append(rules, internalRule("Host", r.Service)), nil
}

// tlsRules are the rules of an https route, told apart by the name that the client asks for, and of a tcp one.
func tlsRules(r compose.Route) ([]rule, error) {
	hosts, err := splitHosts(r.Hosts)
	if err != nil {
		return nil, err
	}
	if len(r.Hosts) == 0 {
		anyone := rule{Text: "HostSNI(`*`)", Priority: catchAll}
		if r.Protocol == compose.TCP { // which shows no name
			return []rule{anyone}, nil
		}
		return []rule{anyone, internalRule("HostSNI", r.Service)}, nil
	}
	return append(hosts.rules("HostSNI", "HostSNIRegexp"), internalRule("HostSNI", r.Service)), nil
}

const internalSuffix = "-lb"

// endless tells by what a client accepts that the answer is a stream, or too large to be held back.
const endless = "(?i)(event-stream|ndjson|stream.json|grpc|video/|audio/)"

// replayed is the part of a rule whose requests may be asked again: those that change nothing, less the ones
// whose answers never end or are parts of something large.
func (r rule) replayed() rule {
	return rule{
		Suffix: r.Suffix + "-replay",
		Text: "(" + r.Text + ") && (Method(`GET`) || Method(`HEAD`)) && " +
			"!HeaderRegexp(`Upgrade`, `.`) && !HeaderRegexp(`Range`, `.`) && !HeaderRegexp(`Accept`, `" + endless + "`)",
		Priority: r.Priority + 1,
	}
}

func internalRule(matcher, service string) rule {
	return rule{Suffix: internalSuffix, Text: matcher + "(`" + compose.BalancedName(service) + "`)", Priority: internal}
}

func pathRule(prefix string) (string, error) {
	if prefix == "" || prefix == "/" {
		return "", nil
	}
	if !strings.HasPrefix(prefix, "/") {
		return "", fmt.Errorf("path prefix %q does not start with /", prefix)
	}
	if strings.ContainsFunc(prefix, func(r rune) bool { return r < ' ' || r == 0x7f || r == '�' }) {
		return "", fmt.Errorf("path prefix %q contains a control character", prefix)
	}
	whole := strings.TrimRight(prefix, "/")
	if whole == "" {
		return "", fmt.Errorf("path prefix %q is no path", prefix)
	}
	return "(Path(" + quote(whole) + ") || PathPrefix(" + quote(whole+"/") + "))", nil
}

// hosts is what a route's host names are split into.
type hosts struct{ exact, wild []string }

// host allows what may stand in a DNS name, so that no character of Traefik's rule language gets through.
var host = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$`)

func splitHosts(names []string) (hosts, error) {
	var h hosts
	for _, name := range names {
		if !host.MatchString(name) {
			return hosts{}, fmt.Errorf("host %q is neither a host name nor *. before one", name)
		}
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "*.") {
			h.wild = append(h.wild, name)
		} else {
			h.exact = append(h.exact, name)
		}
	}
	return h, nil
}

// rules makes one rule of all exact hosts, and one of each wildcard.
func (h hosts) rules(exact, wildcard string) []rule {
	var rules []rule
	if len(h.exact) > 0 {
		terms := make([]string, len(h.exact))
		for i, name := range h.exact {
			terms[i] = exact + "(`" + name + "`)"
		}
		rules = append(rules, rule{Text: strings.Join(terms, " || "), Priority: anyExact})
	}
	for i, name := range h.wild {
		rest := strings.TrimPrefix(name, "*")
		rules = append(rules, rule{
			Suffix:   fmt.Sprintf("-any%d", i+1),
			Text:     wildcard + "(`^[^.]+" + regexp.QuoteMeta(rest) + "$`)",
			Priority: anyWildcard + len(rest)*perHostByte,
		})
	}
	return rules
}

// quote writes a string of Traefik's rule language.
func quote(s string) string {
	if strings.Contains(s, "`") {
		return strconv.Quote(s)
	}
	return "`" + s + "`"
}
