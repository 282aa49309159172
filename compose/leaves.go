package compose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// leaves are the errors worth telling. Of alternatives it is the one whose form fits the value.
func leaves(err *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(err.Causes) == 0 {
		return []*jsonschema.ValidationError{err}
	}
	var all []*jsonschema.ValidationError
	_, any := err.ErrorKind.(*kind.AnyOf)
	_, one := err.ErrorKind.(*kind.OneOf)
	if !any && !one {
		for _, cause := range err.Causes {
			all = append(all, leaves(cause)...)
		}
		return all
	}
	var want []string
	got := ""
	for _, cause := range err.Causes {
		branch := leaves(cause)
		mismatch := slices.IndexFunc(branch, func(l *jsonschema.ValidationError) bool {
			_, ok := l.ErrorKind.(*kind.Type)
			return ok && len(l.InstanceLocation) == len(err.InstanceLocation)
		})
		if mismatch < 0 {
			return branch
		}
		k := branch[mismatch].ErrorKind.(*kind.Type)
		want, got = append(want, k.Want...), k.Got
	}
	return []*jsonschema.ValidationError{{
		SchemaURL: err.SchemaURL, InstanceLocation: err.InstanceLocation, ErrorKind: &kind.Type{Got: got, Want: want},
	}}
}

func kinds(names []string) string {
	words := map[string]string{
		"object": "a mapping", "array": "a list", "string": "a text", "number": "a number",
		"integer": "a whole number", "boolean": "true or false", "null": "empty",
	}
	var said []string
	for _, n := range names {
		if w := words[n]; !slices.Contains(said, w) {
			said = append(said, w)
		}
	}
	if len(said) == 1 {
		return said[0]
	}
	return strings.Join(said[:len(said)-1], ", ") + " or " + said[len(said)-1]
}

func sentence(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Enum:
		return "must be one of " + strings.Join(words(k.Want), ", ")
	case *kind.Format:
		return fmt.Sprintf("%v is not a valid %s", k.Got, k.Want)
	case *kind.Minimum:
		return "must be " + k.Want.RatString() + " or more"
	case *kind.Maximum:
		return "must be " + k.Want.RatString() + " or less"
	case *kind.UniqueItems:
		return fmt.Sprintf("the entries %d and %d are the same", k.Duplicates[0]+1, k.Duplicates[1]+1)
	case *kind.Pattern:
		if said, ok := patterns[k.Want]; ok {
			return "must be " + said
		}
		return fmt.Sprintf("%q does not have the form %s", k.Got, k.Want)
	case *kind.OneOf:
		return "fits more than one form; write it in one"
	}
	return k.LocalizedString(message.NewPrinter(language.English))
}

// patterns are those of Compose's schema, in words.
var patterns = map[string]string{
	"[a-zA-Z0-9][a-zA-Z0-9_.-]+": "two or more letters, digits, dots, dashes and underscores, of which the first is a letter or digit",
	"^(always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+)$": "one of always, missing, never, build, daily, weekly or every_12h",
}

func words(values []any) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return texts
}

func valueHint(k jsonschema.ErrorKind) string {
	if e, ok := k.(*kind.Enum); ok {
		if got, ok := e.Got.(string); ok {
			return didYouMean(got, words(e.Want))
		}
	}
	return ""
}
