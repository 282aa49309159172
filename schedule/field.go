package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Allowed is what an expression may be, as messages say it.
const Allowed = `a schedule such as "*/5 * * * *" (minute, hour, day, month, weekday and perhaps year), @hourly, @daily, @weekly, @monthly, @yearly or @every 30s`

// Error says what is wrong with which part of an expression, and what is allowed there.
type Error struct {
	Part    string // "minute", "time zone", ...
	Value   string
	Allowed string
	Never   bool   // each part is right, and no day fits them all
	Forward string // what ranges that run backwards would be as some that do not
	Err     error  // of the library, where it is what refuses
}

func (e *Error) Error() string {
	switch {
	case e.Never:
		return fmt.Sprintf("%q is never due: no day from 1970 to 2099 fits all its fields", e.Value)
	case e.Err != nil:
		return fmt.Sprintf("%q is no %s: %v", e.Value, e.Part, e.Err)
	case e.Forward != "":
		return fmt.Sprintf("%q is no %s: a range runs forwards: write %s", e.Value, e.Part, e.Forward)
	}
	return fmt.Sprintf("%q is no %s; allowed: %s", e.Value, e.Part, e.Allowed)
}

func (e *Error) Unwrap() error { return e.Err }

// field is one of the fields of an expression.
type field struct {
	name        string
	least, most int
	names       []string // of values, from first on
	first       int
}

const (
	minute = iota
	hour
	dayOfMonth
	month
	dayOfWeek
	year
)

var fields = []field{
	minute:     {name: "minute", least: 0, most: 59},
	hour:       {name: "hour", least: 0, most: 23},
	dayOfMonth: {name: "day of month", least: 1, most: 31},
	month: {
		name: "month", least: 1, most: 12, first: 1,
		names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"},
	},
	dayOfWeek: {name: "day of week", least: 0, most: 7, names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}},
	year:      {name: "year", least: 1970, most: 2099},
}

// check refuses what is no expression. The library would let some of it pass: ranges that run backwards, empty
// items, and words of other dialects (L, W, #, ?).
func check(parts []string) error {
	if len(parts) != len(fields) && len(parts) != len(fields)-1 {
		return &Error{Part: "schedule", Value: strings.Join(parts, " "), Allowed: Allowed}
	}
	for i, part := range parts {
		for item := range strings.SplitSeq(part, ",") {
			if _, ok := fields[i].read(item); !ok {
				return &Error{Part: fields[i].name, Value: part, Allowed: fields[i].allowed(), Forward: fields[i].forward(part)}
			}
		}
	}
	return nil
}

func (f field) allowed() string {
	said := fmt.Sprintf("%d-%d", f.least, f.most)
	if f.names != nil {
		said += fmt.Sprintf(" or %s-%s", f.names[0], f.names[len(f.names)-1])
	}
	return said + ", with * / , -"
}

// item is one entry of a field: from, to and step. A single value has no step.
type item struct {
	from, to, step int
	open           bool // `*`
}

// read reads one entry: `*`, a value, or a range that runs forwards, each perhaps with a step. "3/15" is "3-59/15".
func (f field) read(text string) (item, bool) {
	text, every, stepped := strings.Cut(text, "/")
	read := item{from: f.least, to: f.most, step: 1}
	if stepped {
		n, ok := digits(every)
		if !ok || n < 1 || n > f.most {
			return item{}, false
		}
		read.step = n
	}
	if text == "*" {
		read.open = true
		return read, true
	}
	from, to, ranged := strings.Cut(text, "-")
	first, ok := f.value(from)
	if !ok {
		return item{}, false
	}
	read.from = first
	switch {
	case ranged:
		if read.to, ok = f.value(to); ok && f.name == fields[dayOfWeek].name && read.to == int(time.Sunday) && first > read.to {
			read.to = f.most // the week may end with it: FRI-SUN
		}
	case !stepped:
		read.to = first
	}
	return read, ok && read.from <= read.to
}

// forward writes a field with each range that runs backwards as one or two that do not; "" where something else is wrong.
func (f field) forward(part string) string {
	var items []string
	for item := range strings.SplitSeq(part, ",") {
		if _, ok := f.read(item); !ok {
			if item = f.turned(item); item == "" {
				return ""
			}
		}
		items = append(items, item)
	}
	return strings.Join(items, ",")
}

// turned writes a range that runs backwards as one or two that do not; "" is anything else.
func (f field) turned(item string) string {
	from, to, ranged := strings.Cut(item, "-")
	first, ok := f.value(from)
	last, right := f.value(to)
	if !ranged || !ok || !right || first <= last {
		return ""
	}
	most := f.most
	if f.name == fields[dayOfWeek].name {
		most = int(time.Saturday)
		if first > most {
			return f.span(f.least, last)
		}
	}
	return f.span(first, most) + "," + f.span(f.least, last)
}

// span is a range as it may be written.
func (f field) span(from, to int) string {
	text := func(value int) string {
		if f.names != nil {
			return f.names[value-f.first]
		}
		return strconv.Itoa(value)
	}
	if from == to {
		return text(from)
	}
	return text(from) + "-" + text(to)
}

// plain writes every field but `*` as the list of its values: the library has its own mind about some ranges, such
// as "0-0" in the day of week.
func plain(parts []string) string {
	said := slices.Clone(parts)
	for i, part := range parts {
		if part == "*" {
			continue
		}
		var values []string
		for text := range strings.SplitSeq(part, ",") {
			read, _ := fields[i].read(text)
			for v := read.from; v <= read.to; v += read.step {
				values = append(values, strconv.Itoa(v))
			}
		}
		said[i] = strings.Join(values, ",")
	}
	return strings.Join(said, " ")
}

func (f field) value(text string) (int, bool) {
	if i := slices.Index(f.names, strings.ToUpper(text)); i >= 0 {
		return f.first + i, true
	}
	n, ok := digits(text)
	return n, ok && n >= f.least && n <= f.most
}

func digits(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && strings.Trim(text, "0123456789") == ""
}
