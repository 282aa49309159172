package compose

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gotest.tools/v3/assert"
)

// oddValues are what somebody writes where something else is wanted.
var oddValues = []string{
	"", "''", "true", "-1", "99999999999999999999", "'two words'", "'${T}'", "'${UNSET}'", "'${T'", "[a, a]", "[{}]", "[~]", "['', '${T}']", "{}", "{a: [b]}", "{'': ~}", "!reset null",
}

// Every key that a file may have, with every value that makes little sense there: it loads, or each mistake has its place.
// FuzzLoad says what else holds.
func TestOddValuesOfEveryKey(t *testing.T) {
	schema, err := standard()
	assert.NilError(t, err)
	dir := t.TempDir()
	try := func(path, text string) {
		assert.NilError(t, os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(text), 0o600))
		opt := LoadOptions{WorkDir: dir, ProjectName: "odd", Env: []string{"T=t"}}
		p, err := loadInTime(t, opt)
		if err != nil {
			if !placed(err) {
				t.Errorf("%s: %v\n%s", path, err, text)
			}
			return
		}
		printed, err := Canonical(p, "yaml")
		assert.NilError(t, err)
		opt.Files, opt.Stdin = []string{"-"}, bytes.NewReader(printed)
		again, err := loadInTime(t, opt)
		if err != nil || outline(again) != outline(p) {
			t.Errorf("%s: printed it is another: %v\n%s\n%s\n%s\n%s", path, err, text, printed, outline(p), outline(again))
		}
	}
	nested := map[string]string{
		"healthcheck": "healthcheck", "deploy": "deployment", "build": "", "logging": "", "develop": "development", "blkio_config": "", "credential_spec": "",
	}
	for i, value := range oddValues {
		for section, def := range map[string]string{"services": "/$defs/service", "jobs": "/$defs/job"} {
			if section == "jobs" && i%2 == 1 { // most keys are those of services
				continue
			}
			for _, key := range slices.Concat(schema.properties(def), keyNames(section)) {
				image := "    image: x\n"
				if key == "image" {
					image = ""
				}
				more := ""
				if section == "jobs" && key != "triggers" {
					more = "    triggers: {manual: true}\n"
				}
				try(section+".web."+key, fmt.Sprintf("%s:\n  web:\n%s%s    %s: %s\n", section, image, more, key, value))
			}
		}
		for key, def := range nested {
			for _, inner := range schema.properties("/$defs/" + or(def, key)) {
				try("services.web."+key+"."+inner, fmt.Sprintf("services:\n  web:\n    image: x\n    %s:\n      %s: %s\n", key, inner, value))
			}
		}
		for section, def := range map[string]string{"networks": "network", "volumes": "volume", "secrets": "secret", "configs": "config"} {
			try(section+".a", fmt.Sprintf("services:\n  web:\n    image: x\n%s:\n  a: %s\n", section, value))
			for _, inner := range schema.properties("/$defs/" + def) {
				use := map[string]string{"volumes": "a2:/a"}[section]
				try(section+".a."+inner, fmt.Sprintf("services:\n  web:\n    image: x\n    %s: [%s]\n%s:\n  a2:\n    %s: %s\n", section, or(use, "a2"), section, inner, value))
			}
		}
		for _, key := range append(schema.properties(""), extension) {
			services := "services:\n  web:\n    image: x\n"
			if key == "services" {
				services = ""
			}
			try(key, fmt.Sprintf("%s%s: %s\n", services, key, value))
		}
		for _, f := range serviceFields {
			for _, inner := range f.fields {
				try(f.name+"."+inner.name, fmt.Sprintf("services:\n  web:\n    image: x\n    protocol: http\n    %s:\n      %s: %s\n", f.name, inner.name, value))
			}
		}
		for _, f := range projectFields {
			try(extension+"."+f.name, fmt.Sprintf("services:\n  web:\n    image: x\nx-hyper-lite:\n  %s: %s\n", f.name, value))
		}
	}
}
