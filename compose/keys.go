package compose

import (
	"fmt"
	"slices"
	"strings"

	"hyper-lite/schedule"
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
	wrong   func(string) string  // what is wrong with a text, where that can be said exactly
	schema  map[string]any       // JSON Schema of the value
}

const (
	needDuration = `a duration such as 5s or 1m30s, or a number of seconds`
	needPort     = `a port from 1 to 65535`
)

var (
	protocols  = []string{"http", "https", "tcp", "httpsTerm"}
	algorithms = []string{"roundrobin", "leastconn", "source"}
	overlaps   = []string{Forbid, Queue, Allow, Replace}
	catchUps   = []string{CatchUpOnce, CatchUpNever}
	occasions  = []string{OnFailure, OnSuccess, OnEnd}
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

var keepField = func() field {
	need := "a number from 0 to 1000"
	f := mapping("keep", "how many finished containers stay on the host",
		number("successful", "of good runs", 0, 1000, need), number("failed", "of the others", 0, 1000, need))
	both := number("keep", "", 0, 1000, need)
	f.or, f.schema, f.allowed = both.valid, both.schema, need+", or a mapping of successful and failed"
	return f
}()

var notifyField = func() field {
	command := field{
		name: "command", meaning: "runs in a container like the run's, with the last 100 lines of the log on its standard input",
		allowed: "a command, as a text or a list", valid: func(v any) bool { return len(asCommand(v)) > 0 },
		schema: map[string]any{"type": []any{"string", "array"}},
	}
	f := mapping("notify", "who is told of the end of a run, with the last 100 lines of its log",
		oneOf("policy", "which ends are told", occasions), command,
		text("webhook", "gets a POST of JSON", "an http or https URL", validWebhook))
	f.or, f.schema = command.valid, command.schema
	f.allowed = "a webhook URL, a command, or a mapping of policy and one of command and webhook"
	return f
}()

var retention = []field{
	duration("timeout", "a run that takes longer is stopped"),
	duration("start_deadline", "a fire that could not start in this time is skipped"),
	number("retries", "how often a failed run is repeated", 0, 100, "a number from 0 to 100"),
	keepField,
	number("history", "how many records of runs are kept", 0, 100000, "a number from 0 to 100000"),
	notifyField,
	oneOf("mail", "notify's policy, as Hyper Cron called it", occasions),
}

var timing = []field{
	text("timezone", "time zone of the schedule", needTimezone, validTimezone),
	oneOf("concurrency", "what happens when a run is due while another runs", overlaps),
	oneOf("missed_fires", "what happens to fires missed while nothing ran", catchUps),
}

var cronField = func() field {
	expression := text("cron", "when the job runs", schedule.Allowed, validCron)
	expression.wrong = wrongCron
	one := mapping("schedule", "when the job runs", append([]field{expression}, timing...)...)
	one.or, one.allowed, one.wrong = func(v any) bool { s, ok := v.(string); return ok && validCron(s) }, schedule.Allowed, wrongCron
	f := mapping("cron", "makes the service a job that runs on a schedule", slices.Concat(
		[]field{list("schedule", "when the job runs", schedule.Allowed+", or a list of them", one)},
		timing, []field{boolean("manual", "whether it may be run by hand")}, retention)...)
	f.or, f.wrong = one.or, wrongCron
	f.allowed = schedule.Allowed + ", or a mapping with schedule"
	return f
}()

// word is oneOf in whatever case, with - or _: Docker Cloud wrote ON_FAILURE, Compose writes on-failure.
func word(name, meaning string, values ...string) field {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	return field{
		name: name, meaning: meaning, allowed: "one of " + strings.Join(values, ", "),
		valid:  func(v any) bool { return slices.Contains(values, asWord(v)) },
		schema: map[string]any{"type": []any{"string", "boolean"}, "examples": list},
	}
}

// asWord is a word in capitals and with _, and OFF for what says no.
func asWord(v any) string {
	if on, ok := asBool(v); ok && !on {
		return off
	}
	s, _ := v.(string)
	return strings.ReplaceAll(strings.ToUpper(strings.TrimSpace(s)), "-", "_")
}

const off = "OFF"

var autohealField = func() field {
	f := mapping("autoheal", "whether the sidecar replaces a replica that stays unhealthy", duration("after", "how long it may be unhealthy"))
	f.or = func(v any) bool { _, ok := asBool(v); return ok }
	f.allowed = "true, false, or a mapping of after"
	f.schema = map[string]any{"type": []any{"boolean", "string"}}
	return f
}()

var sizeField = oneOf("size", "CPU and memory limits by name", sizeNames())

// serviceFields are our keys of a service (DESIGN.md, "The file").
var serviceFields = []field{
	number("replicas", "how many containers of the service run", 0, MaxReplicas, fmt.Sprintf("a number from 0 to %d", MaxReplicas)),
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
	autohealField,
	word("autorestart", "Docker Cloud's word for restart", off, "ON_FAILURE", "ALWAYS"),
	word("autodestroy", "when the sidecar removes a container that has stopped", off, "ON_SUCCESS", "ALWAYS"),
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
	if s, ok := v.(string); ok && f.wrong != nil {
		c.report(path, false, f.wrong(s), "")
		return
	}
	hint := ""
	if s, ok := v.(string); ok && strings.HasPrefix(f.allowed, "one of ") {
		hint = didYouMean(s, strings.Split(strings.TrimPrefix(f.allowed, "one of "), ", "))
	}
	c.report(path, false, "must be "+f.allowed, hint)
}
