package compose

import (
	"slices"
	"strings"
)

// field is one of our keys: what it is called, what it takes, and how that is checked.
type field struct {
	name    string
	meaning string               // for editors
	allowed string               // what its value may be, as messages say it
	valid   func(value any) bool // nil: any value of the right form
	fields  []field              // it is a mapping of these keys
	items   *field               // it may also be a list, each of this form
	or      func(value any) bool // a mapping that may also be written as this
	schema  map[string]any       // JSON Schema of the value
}

const (
	needDuration = `a duration such as 5s or 1m30s, or a number of seconds`
	needPort     = `a port from 1 to 65535`
)

var (
	protocols  = []string{"http", "https", "tcp", "httpsTerm"}
	algorithms = []string{"roundrobin", "leastconn", "source"}
	policies   = []string{"forbid", "queue", "allow", "replace"}
	catchUps   = []string{"one", "skip"}
)

func number(name, meaning string, least, most int, allowed string) field {
	return field{
		name: name, meaning: meaning, allowed: allowed,
		valid:  func(v any) bool { n, ok := asInt(v); return ok && n >= least && n <= most },
		schema: map[string]any{"type": []any{"integer", "string"}, "minimum": least, "maximum": most},
	}
}

func port(name, meaning string) field { return number(name, meaning, 1, 65535, needPort) }

func boolean(name, meaning string) field {
	return field{
		name: name, meaning: meaning, allowed: "true or false",
		valid:  func(v any) bool { _, ok := asBool(v); return ok },
		schema: map[string]any{"type": []any{"boolean", "string"}},
	}
}

func duration(name, meaning string) field {
	return field{
		name: name, meaning: meaning, allowed: needDuration,
		valid:  func(v any) bool { _, ok := asDuration(v); return ok },
		schema: map[string]any{"type": []any{"string", "integer"}},
	}
}

func oneOf(name, meaning string, values []string) field {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	return field{
		name: name, meaning: meaning, allowed: "one of " + strings.Join(values, ", "),
		valid:  func(v any) bool { s, ok := v.(string); return ok && slices.Contains(values, s) },
		schema: map[string]any{"anyOf": []any{map[string]any{"enum": list}, map[string]any{"type": "string", "pattern": `\$`}}},
	}
}

func text(name, meaning, allowed string, valid func(string) bool) field {
	return field{
		name: name, meaning: meaning, allowed: allowed,
		valid:  func(v any) bool { s, ok := v.(string); return ok && s != "" && (valid == nil || valid(s)) },
		schema: map[string]any{"type": "string"},
	}
}

func list(name, meaning, allowed string, item field) field {
	return field{
		name: name, meaning: meaning, allowed: allowed, items: &item,
		schema: map[string]any{"type": []any{"string", "array"}},
	}
}

func mapping(name, meaning string, fields ...field) field {
	return field{name: name, meaning: meaning, allowed: "a mapping of " + strings.Join(fieldNames(fields), ", "), fields: fields}
}

func isText(v any) bool { _, ok := v.(string); return ok }

var certificateField = func() field {
	f := mapping("ssl_cert", "httpsTerm: the certificate chain and its key, in one PEM file or in two, or the name of a secret",
		text("cert", "PEM file or secret with the certificate chain", "a file or the name of a secret", nil),
		text("key", "PEM file or secret with the key", "a file or the name of a secret", nil))
	f.or = isText
	f.allowed = "a PEM file with chain and key, the name of a secret, or a mapping of cert and key"
	return f
}()

var retention = []field{
	duration("timeout", "a run that takes longer is stopped"),
	duration("start_deadline", "a run that could not start in this time is skipped"),
	number("retries", "how often a failed run is repeated", 0, 100, "a number from 0 to 100"),
	number("keep_succeeded", "how many finished containers of good runs are kept", 0, 1000, "a number from 0 to 1000"),
	number("keep_failed", "how many finished containers of failed runs are kept", 0, 1000, "a number from 0 to 1000"),
	number("history", "how many records of runs are kept", 0, 100000, "a number from 0 to 100000"),
}

var timing = []field{
	text("timezone", "time zone of the schedule", "an IANA time zone such as Europe/Berlin", validTimezone),
	oneOf("concurrency", "what happens when a run is due while another runs", policies),
	oneOf("missed_fires", "what happens to fires missed while nothing ran", catchUps),
}

var cronField = func() field {
	one := mapping("schedule", "when the job runs", append([]field{text("cron", "when the job runs", needCron, validCron)}, timing...)...)
	one.or, one.allowed = func(v any) bool { s, ok := v.(string); return ok && validCron(s) }, needCron
	f := mapping("cron", "makes the service a job that runs on a schedule", slices.Concat(
		[]field{list("schedule", "when the job runs", needCron+", or a list of them", one)},
		timing, []field{boolean("manual", "whether it may be run by hand")}, retention)...)
	f.or = func(v any) bool { s, ok := v.(string); return ok && validCron(s) }
	f.allowed = needCron + ", or a mapping with schedule"
	return f
}()

var sizeField = oneOf("size", "CPU and memory limits by name", sizeNames())

// serviceFields are our keys of a service (DESIGN.md, "The file").
var serviceFields = []field{
	number("replicas", "how many containers of the service run", 0, 10000, "a number from 0 to 10000"),
	oneOf("protocol", "puts the service behind the balancer", protocols),
	port("service_port", "where the balancer listens"),
	port("container_port", "where a replica listens"),
	oneOf("algorithm", "how the balancer chooses a replica", algorithms),
	boolean("session_affinity", "keep a client on its replica by a cookie"),
	boolean("replay", "ask another replica again where one died in the middle of a GET or HEAD; answers are held back until they are whole"),
	certificateField,
	list("hosts", "host names that the balancer sends here", needHost, text("hosts", "", needHost, validHost)),
	text("path_prefix", "path prefix that the balancer sends here", needPrefix, validPrefix),
	mapping("health-check", "how the balancer judges a replica",
		duration("interval", "time between two checks"), duration("timeout", "time for an answer"),
		number("fall", "failures in a row that take a replica out", 1, 1000, "a number from 1 to 1000"),
		number("rise", "successes in a row that bring it back", 1, 1000, "a number from 1 to 1000"),
		text("path", "what is asked for over HTTP; absent: a TCP connect", `a path that starts with "/"`, validPath),
		number("status", "the status that counts as healthy", 100, 599, "a status from 100 to 599"),
		duration("start_interval", "time between two checks until the first good one")),
	cronField,
	sizeField,
	duration("drain", "the longest wait for open requests of a replica that goes"),
	boolean("sequential_deployment", "replace one replica after the other"),
}

// jobFields are our keys of an entry of `jobs:`.
var jobFields = append([]field{sizeField, timing[1]}, retention...)

// projectFields are the keys of the top-level extension mapping.
var projectFields = []field{
	mapping("balancer", "the project's Traefik",
		text("image", "its image", "an image reference", nil),
		list("options", "extra static options", `options such as "--log.level=INFO"`,
			text("options", "", `options such as "--log.level=INFO"`, func(s string) bool { return strings.HasPrefix(s, "--") }))),
	duration("drain", "default of the services' drain"),
	mapping("sidecar", "limits of the sidecar",
		field{
			name: "memory", meaning: "memory limit", allowed: "a size such as 64m",
			valid: func(v any) bool { _, ok := asBytes(v); return ok }, schema: map[string]any{"type": []any{"string", "integer"}},
		},
		field{
			name: "cpus", meaning: "CPU limit", allowed: "a number of CPUs such as 0.5",
			valid:  func(v any) bool { f, ok := asFloat(v); return ok && f >= 0 && f <= 4096 },
			schema: map[string]any{"type": []any{"number", "string"}},
		}),
	number("revisions", "how many applied revisions are kept for rollback", 0, 10000, "a number from 0 to 10000"),
}

func fieldNames(fields []field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

// keyNames are the names of our keys in a section, "services" or "jobs".
func keyNames(section string) []string { return fieldNames(sectionFields(section)) }

func sectionFields(section string) []field {
	if section == "jobs" {
		return jobFields
	}
	return serviceFields
}

// checker reports mistakes in the values of our keys.
type checker struct {
	// pending says that a text still holds variables and cannot be judged.
	pending func(text string) bool
	report  func(path []string, onKey bool, msg, hint string)
}

// mapping checks a mapping of our keys.
func (c checker) mapping(path []string, value map[string]any, fields []field) {
	for name, v := range value {
		at := append(slices.Clone(path), name)
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		if i < 0 {
			if !strings.HasPrefix(name, "x-") {
				c.report(at, true, "unknown key; allowed are "+strings.Join(fieldNames(fields), ", "), didYouMean(name, fieldNames(fields)))
			}
			continue
		}
		c.value(at, v, fields[i])
	}
}

func (c checker) value(path []string, v any, f field) {
	if v == nil {
		return // as if the key were absent, as Compose has it
	}
	if s, ok := v.(string); ok && c.pending(s) {
		return
	}
	if m, ok := v.(map[string]any); ok && f.fields != nil {
		c.mapping(path, m, f.fields)
		return
	}
	if l, ok := v.([]any); ok && f.items != nil {
		for i, item := range l {
			c.value(append(slices.Clone(path), itoa(i)), item, *f.items)
		}
		return
	}
	if f.items != nil {
		c.value(path, v, *f.items)
		return
	}
	if f.or != nil && f.or(v) || f.fields == nil && f.valid(v) {
		return
	}
	hint := ""
	if s, ok := v.(string); ok && strings.HasPrefix(f.allowed, "one of ") {
		hint = didYouMean(s, strings.Split(strings.TrimPrefix(f.allowed, "one of "), ", "))
	}
	c.report(path, false, "must be "+f.allowed, hint)
}
