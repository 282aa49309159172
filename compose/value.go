package compose

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/xhit/go-str2duration/v2"
)

// The values of our keys arrive as YAML scalars or, after interpolation, as strings that look like them.

func asInt(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case int64:
		return int(v), true
	case uint64:
		return int(v), v <= math.MaxInt32
	case float64:
		return int(v), v == math.Trunc(v) && math.Abs(v) < math.MaxInt32
	case string:
		n, err := strconv.Atoi(strings.TrimSpace(v))
		return n, err == nil
	}
	return 0, false
}

func asFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return f, err == nil
	}
	n, ok := asInt(v)
	return float64(n), ok
}

func asBool(v any) (value, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		switch strings.ToLower(v) {
		case "true", "yes", "on", "y":
			return true, true
		case "false", "no", "off", "n":
			return false, true
		}
	}
	return false, false
}

// asDuration takes Compose's forms ("1m30s") and plain integers, which are seconds.
func asDuration(v any) (time.Duration, bool) {
	if n, ok := asInt(v); ok {
		return time.Duration(n) * time.Second, n >= 0 && n < 1<<31
	}
	s, ok := v.(string)
	if !ok || s == "" {
		return 0, false
	}
	d, err := str2duration.ParseDuration(s)
	return d, err == nil && d >= 0
}

func asBytes(v any) (int64, bool) {
	switch v := v.(type) {
	case int:
		return int64(v), v >= 0
	case string:
		n, err := units.RAMInBytes(v)
		return n, err == nil && n >= 0
	}
	return 0, false
}

func asString(v any) (string, bool) {
	s, ok := v.(string)
	return s, ok
}

func asStrings(v any) ([]string, bool) {
	if s, ok := v.(string); ok {
		return []string{s}, true
	}
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	texts := make([]string, len(list))
	for i, item := range list {
		if texts[i], ok = item.(string); !ok {
			return nil, false
		}
	}
	return texts, true
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}
