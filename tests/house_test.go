// Package tests holds what spans the rooms: the house rules, and scenarios on a real engine.
package tests

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// module is the product's module path.
const module = "hyper-lite"

// mostLines is how long a file may be that one reads in one sitting.
const mostLines = 450

// downhill says which rooms a room may import (DESIGN.md, "The house"). The room of main.go is "".
var downhill = map[string][]string{
	"":         {"command"},
	"command":  {"compose", "converge", "cron", "engine", "lb", "plan", "schedule", "state", "watch"},
	"converge": {"compose", "plan", "state"},
	"engine":   {"compose", "plan"},
	"lb":       {"compose", "plan", "state"},
	"cron":     {"compose", "schedule", "state"},
	"plan":     {"compose"},
	"watch":    {"compose"},
	"compose":  {"schedule"},
	"schedule": {},
	"state":    {},
	"tests":    {"command", "compose", "converge", "cron", "engine", "lb", "plan", "schedule", "state", "watch"},
}

// The rooms that reach the engine's client, by their own imports and through others.
var (
	knowsEngine   = []string{"engine"}
	reachesEngine = []string{"", "command", "engine", "tests"}
)

// prints are the rooms that may write to the terminal.
var prints = []string{"", "command", "tests"}

// pure are the rooms that work out their answers from what they are given.
var pure = []string{"plan", "schedule"}

// impure is what a pure room never imports; of time it may use only what needs no clock.
var impure = regexp.MustCompile(`^(context|crypto/rand|log|math/rand|net|os|runtime|syscall|unsafe)(/.*)?$`)

var clock = []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}

// notNouns are names of files and folders that hold no noun.
var notNouns = regexp.MustCompile(`(^|_)(util|utils|utility|utilities|helper|helpers|common|misc|manager|managers)(_|$)`)

// hosts are registries: a repository that names one cannot be used where another stands in its place.
// They are written apart, so that this file obeys its own rule.
var hosts = regexp.MustCompile(`(?i)\b(` + strings.Join([]string{
	`docker\.` + `io`, `hub\.docker\.` + `com`, `ghcr\.` + `io`, `quay\.` + `io`, `gcr\.` + `io`, `mcr\.microsoft\.` + `com`,
	`public\.ecr\.` + `aws`, `registry\.k8s\.` + `io`, `registry\.gitlab\.` + `com`, `proxy\.golang\.` + `org`,
	`sum\.golang\.` + `org`, `(deb|security|snapshot)\.debian\.` + `org`, `archive\.ubuntu\.` + `com`,
	`registry\.npmjs\.` + `org`, `pypi\.` + `org`, `crates\.` + `io`,
}, "|") + `)\b`)

// listed is a package as `go list -json` tells it.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// room is the first folder of a package of ours; ok is false for any other package.
func room(importPath string) (name string, ok bool) {
	if importPath == module {
		return "", true
	}
	rest, ok := strings.CutPrefix(importPath, module+"/")
	name, _, _ = strings.Cut(rest, "/")
	return name, ok
}

// isEngineClient says whether a package is of Docker's own: what only the engine room may know.
func isEngineClient(importPath string) bool {
	return strings.HasPrefix(importPath, "github.com/docker/docker/") || strings.HasPrefix(importPath, "github.com/docker/cli/")
}

// uphill returns what is wrong with the imports of a package.
func uphill(p listed) []string {
	name, ok := room(p.ImportPath)
	if !ok {
		return nil
	}
	allowed, known := downhill[name]
	if !known {
		return []string{p.ImportPath + ": a room that DESIGN.md does not know"}
	}
	var wrong []string
	for _, imported := range p.Imports {
		other, ours := room(imported)
		switch {
		case ours && other != name && !slices.Contains(allowed, other):
			wrong = append(wrong, p.ImportPath+" imports "+imported+": uphill")
		case isEngineClient(imported) && !slices.Contains(knowsEngine, name):
			wrong = append(wrong, p.ImportPath+" imports "+imported+": only engine knows the Docker client")
		}
	}
	for _, dep := range p.Deps {
		if isEngineClient(dep) && !slices.Contains(reachesEngine, name) {
			wrong = append(wrong, p.ImportPath+" reaches "+dep+" through others")
		}
	}
	return wrong
}

// selectors calls visit for every NAME.Member where NAME is an imported package.
func selectors(file *ast.File, visit func(importPath, member string)) {
	imported := map[string]string{}
	for _, spec := range file.Imports {
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has accepted it, so it is a string
		}
		name := path.Base(importPath)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imported[name] = importPath
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if name, ok := selector.X.(*ast.Ident); ok && imported[name.Name] != "" {
				visit(imported[name.Name], selector.Sel.Name)
			}
		}
		return true
	})
}

// printing returns what a file uses that writes to the terminal.
func printing(file *ast.File) []string {
	var found []string
	selectors(file, func(importPath, member string) {
		if importPath == "fmt" && strings.HasPrefix(member, "Print") ||
			importPath == "os" && (member == "Stdout" || member == "Stderr") ||
			importPath == "log" && member != "Logger" && member != "New" && !strings.HasPrefix(member, "L") {
			found = append(found, importPath+"."+member)
		}
	})
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if name, ok := call.Fun.(*ast.Ident); ok && (name.Name == "print" || name.Name == "println") {
				found = append(found, name.Name)
			}
		}
		return true
	})
	return found
}

// impurities returns what a file uses that a pure room must not.
func impurities(file *ast.File) []string {
	var found []string
	for _, spec := range file.Imports {
		if importPath := strings.Trim(spec.Path.Value, "`\""); impure.MatchString(importPath) {
			found = append(found, "import "+importPath)
		}
	}
	selectors(file, func(importPath, member string) {
		if importPath == "time" && slices.Contains(clock, member) {
			found = append(found, "time."+member)
		}
	})
	return found
}

// holdsNoNoun says whether a file's or folder's name is one of those that gather anything.
func holdsNoNoun(name string) bool {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".go"), "_test")
	return notNouns.MatchString(strings.ToLower(name))
}

// text is a file of the repository.
type text struct {
	name string // from the root, with slashes
	body []byte
}

// isCode says whether a file is part of a program; what stands in testdata is material of tests.
func (t text) isCode() bool {
	return strings.HasSuffix(t.name, ".go") && !strings.HasSuffix(t.name, "_test.go") &&
		!slices.Contains(strings.Split(t.name, "/"), "testdata")
}

// room is the room of a Go file of the product's own module.
func (t text) room() string {
	name, _, below := strings.Cut(t.name, "/")
	if !below {
		return ""
	}
	return name
}

// repository reads every text file below the root: tracked or not, but nothing that is made here.
func repository(t *testing.T) []text {
	t.Helper()
	root := rootFolder(t)
	var files []text
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{".git", ".build", ".hyper-lite"}, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		body, err := readText(name)
		if errors.Is(err, fs.ErrNotExist) || body == nil {
			return nil // gone since, or not text
		}
		relative, relErr := filepath.Rel(root, name)
		files = append(files, text{filepath.ToSlash(relative), body})
		return errors.Join(err, relErr)
	})
	assert.NilError(t, err)
	assert.Assert(t, len(files) > 0)
	return files
}

// readText returns nil for a file that is not text.
func readText(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader := bufio.NewReaderSize(file, 4096)
	if head, err := reader.Peek(4096); bytes.IndexByte(head, 0) >= 0 || (err != nil && !errors.Is(err, io.EOF)) {
		return nil, err
	}
	body, err := io.ReadAll(reader)
	if body == nil {
		body = []byte{}
	}
	return body, err
}

func rootFolder(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	assert.NilError(t, err)
	return root
}

func TestImportsRunDownhill(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Imports,Deps", "./...")
	list.Dir = rootFolder(t)
	var complaints bytes.Buffer
	list.Stderr = &complaints
	out, err := list.Output()
	assert.NilError(t, err, complaints.String())

	seen := map[string]bool{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		assert.NilError(t, err)
		if name, ok := room(p.ImportPath); ok {
			seen[name] = true
		}
		for _, wrong := range uphill(p) {
			t.Error(wrong)
		}
	}
	for _, name := range []string{"", "command", "compose", "converge", "engine", "lb", "plan", "schedule", "state"} {
		assert.Check(t, seen[name], "the room %q was not listed", name)
	}
}

func TestOnlyCommandPrintsAndDecidingIsPure(t *testing.T) {
	checked := map[string]bool{}
	for _, file := range repository(t) {
		_, ours := downhill[file.room()]
		if !file.isCode() || !ours {
			continue
		}
		checked[file.room()] = true
		syntax, err := parser.ParseFile(token.NewFileSet(), file.name, file.body, parser.SkipObjectResolution)
		assert.NilError(t, err)
		if !slices.Contains(prints, file.room()) {
			for _, found := range printing(syntax) {
				t.Errorf("%s uses %s: only command prints", file.name, found)
			}
		}
		if slices.Contains(pure, file.room()) {
			for _, found := range impurities(syntax) {
				t.Errorf("%s uses %s: %s is pure", file.name, found, file.room())
			}
		}
	}
	assert.Assert(t, checked["plan"] && checked["schedule"] && checked["engine"] && checked["lb"], "rooms were not found: %v", checked)
}

func TestFilesAreNounsOfReadableLength(t *testing.T) {
	for _, file := range repository(t) {
		for part := range strings.SplitSeq(file.name, "/") {
			if holdsNoNoun(part) {
				t.Errorf("%s: the name says nothing; name the noun that it holds", file.name)
			}
		}
		if lines := bytes.Count(file.body, []byte("\n")); file.isCode() && lines > mostLines {
			t.Errorf("%s has %d lines; at most %d can be read in one sitting", file.name, lines, mostLines)
		}
	}
}

func TestNoRegistryIsNamed(t *testing.T) {
	for _, file := range repository(t) {
		for number, line := range strings.Split(string(file.body), "\n") {
			if found := hosts.FindString(line); found != "" {
				t.Errorf("%s:%d names the registry %s", file.name, number+1, found)
			}
		}
	}
}

// TestHouseRulesCanFail shows each rule something that breaks it.
func TestHouseRulesCanFail(t *testing.T) {
	client := "github.com/docker/docker/client"
	for _, c := range []struct {
		broken listed
		wrong  int
	}{
		{listed{ImportPath: module + "/plan", Imports: []string{"fmt", module + "/compose"}}, 0},
		{listed{ImportPath: module + "/plan", Imports: []string{module + "/engine"}}, 1},
		{listed{ImportPath: module + "/state/below", Imports: []string{module + "/compose"}}, 1},
		{listed{ImportPath: module + "/compose", Imports: []string{module + "/plan"}}, 1},
		{listed{ImportPath: module + "/converge", Imports: []string{module + "/engine"}, Deps: []string{client}}, 2},
		{listed{ImportPath: module + "/command", Imports: []string{client}, Deps: []string{client}}, 1},
		{listed{ImportPath: module + "/engine", Imports: []string{client}, Deps: []string{client}}, 0},
		{listed{ImportPath: module + "/helping"}, 1},
		{listed{ImportPath: module, Imports: []string{module + "/engine"}}, 1},
		{listed{ImportPath: "example.com/other", Imports: []string{client}}, 0},
	} {
		assert.Check(t, len(uphill(c.broken)) == c.wrong, "%+v: %v", c.broken, uphill(c.broken))
	}

	for body, want := range map[string]string{
		`import "fmt"; func f() { fmt.Println() }`:                              "fmt.Println",
		`import p "fmt"; func f() { p.Printf("") }`:                             "fmt.Printf",
		`import "os"; var w = os.Stderr`:                                        "os.Stderr",
		`import "log"; func f() { log.Fatal() }`:                                "log.Fatal",
		`func f() { println() }`:                                                "println",
		`import "fmt"; func f() string { return fmt.Sprint() }`:                 "",
		`import "fmt"; import "io"; func f(w io.Writer) { fmt.Fprintln(w) }`:    "",
		`type t struct{}; func (t) Println() {}; func f(fmt t) { fmt.Other() }`: "",
	} {
		assert.Check(t, strings.Join(printing(parse(t, body)), " ") == want, body)
	}
	for body, want := range map[string]string{
		`import "os"`:                        "import os",
		`import _ "net/http"`:                "import net/http",
		`import "context"`:                   "import context",
		`import "log/slog"`:                  "import log/slog",
		`import "time"; var n = time.Now()`:  "time.Now",
		`import "time"; var d time.Duration`: "",
		`import "cmp"; import "slices"`:      "",
	} {
		assert.Check(t, strings.Join(impurities(parse(t, body)), " ") == want, body)
	}
	for name, want := range map[string]bool{
		"utils.go": true, "helpers_test.go": true, "common": true, "route_manager.go": true,
		"service.go": false, "commonplace.go": false, "utilisation.md": false,
	} {
		assert.Check(t, holdsNoNoun(name) == want, name)
	}
	for line, want := range map[string]bool{
		"image: ghcr." + "io/a/b": true, `"index.docker.` + `io/v1/"`: true, "docker.ioutil": false, "image: redis:7": false,
	} {
		assert.Check(t, hosts.MatchString(line) == want, line)
	}
}

func parse(t *testing.T, body string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "broken.go", fmt.Sprintf("package broken; %s", body), parser.SkipObjectResolution)
	assert.NilError(t, err)
	return file
}
