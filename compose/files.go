package compose

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
)

// ErrNoFile says that there is no Compose file where one was looked for.
var ErrNoFile = errors.New("no compose file found")

var (
	defaultNames = []string{
		"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml",
		"hyper-compose.yml", "hyper-compose.yaml",
	}
	overrideNames = []string{
		"compose.override.yml", "compose.override.yaml", "docker-compose.override.yml",
		"docker-compose.override.yaml",
	}
)

// source is one file of the project: how it is called, and where it is.
type source struct {
	name string // as the user named it
	path string // absolute; "-" is the standard input

	added bool // it is no file: what it says is text
	text  []byte
}

// selection is which files, folder and variables make the project, found as docker compose finds them.
type selection struct {
	sources  []source
	dir      string
	env      types.Mapping
	named    string // the project name that the user or the environment gives; "" if neither does
	profiles []string
	warnings []string
}

// EnvFile is what the env files of a project say: those that the options name, or .env in the project folder. They are
// read as for Load; what of them cannot be read is left for Load to tell.
func EnvFile(opt LoadOptions) map[string]string {
	said := map[string]string{}
	chosen, _ := selectFiles(opt) // without a compose file there may be an env file
	for name, value := range chosen.env {
		said[name] = value
	}
	for _, pair := range opt.Env {
		name, _, _ := strings.Cut(pair, "=")
		delete(said, name)
	}
	return said
}

func selectFiles(opt LoadOptions) (selection, error) {
	cwd, err := workDir(opt)
	if err != nil {
		return selection{}, err
	}
	s := selection{env: types.Mapping{}}
	for _, pair := range opt.Env {
		if name, value, ok := strings.Cut(pair, "="); ok && name != "" {
			s.env[name] = value
		}
	}
	if _, ok := s.env["PWD"]; !ok {
		s.env["PWD"] = cwd
	}
	for _, f := range opt.Files {
		s.add(cwd, f)
	}
	envFiles := opt.EnvFiles
	if listed := s.env["COMPOSE_ENV_FILES"]; len(envFiles) == 0 && listed != "" {
		envFiles = strings.Split(listed, ",")
	}
	if err := s.readEnv(cwd, opt.ProjectDir, envFiles); err != nil {
		return s, err
	}
	if listed := s.env["COMPOSE_ENV_FILES"]; len(envFiles) == 0 && listed != "" { // .env names more
		envFiles = strings.Split(listed, ",")
		if err := s.readEnv(cwd, opt.ProjectDir, envFiles); err != nil {
			return s, err
		}
	}
	if err := s.addFromEnv(cwd); err != nil {
		return s, err
	}
	if err := s.addDefaults(cwd, opt.ProjectDir); err != nil {
		return s, err
	}
	// the files may have been found elsewhere: their folder's .env counts too
	if err := s.readEnv(cwd, opt.ProjectDir, envFiles); err != nil {
		return s, err
	}
	s.dir = s.folder(cwd, opt.ProjectDir)
	s.named = opt.ProjectName
	if s.named == "" {
		s.named = s.env[consts.ComposeProjectName]
	}
	s.profiles = slices.Clone(opt.Profiles)
	if len(s.profiles) == 0 {
		for p := range strings.SplitSeq(s.env[consts.ComposeProfiles], ",") {
			if p = strings.TrimSpace(p); p != "" {
				s.profiles = append(s.profiles, p)
			}
		}
	}
	return s, nil
}

func workDir(opt LoadOptions) (string, error) {
	if opt.WorkDir != "" {
		return filepath.Abs(opt.WorkDir)
	}
	cwd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the working folder: %w", err)
	}
	return cwd, nil
}

func (s *selection) add(cwd, file string) {
	if file == "-" {
		s.sources = append(s.sources, source{name: "<stdin>", path: "-"})
		return
	}
	s.sources = append(s.sources, source{name: file, path: absolute(cwd, file)})
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// folder is where relative paths start: the one the user named, else that of the first file.
func (s *selection) folder(cwd, asked string) string {
	if asked != "" {
		return absolute(cwd, asked)
	}
	for _, f := range s.sources {
		if f.path != "-" {
			return filepath.Dir(f.path)
		}
	}
	return cwd
}

// readEnv adds the variables of --env-file, or of .env in the project folder, that are not set yet.
func (s *selection) readEnv(cwd, asked string, files []string) error {
	var paths []string
	for _, f := range files {
		paths = append(paths, absolute(cwd, strings.TrimSpace(f)))
	}
	if len(paths) == 0 {
		path := filepath.Join(s.folder(cwd, asked), ".env")
		off, err := s.disabled()
		if err != nil {
			return err
		}
		if off || !isFile(path) {
			return nil
		}
		paths = []string{path}
	}
	for _, path := range paths {
		if !isFile(path) {
			return fmt.Errorf("there is no env file %s", path)
		}
	}
	read, err := dotenv.GetEnvFromFile(s.env, paths)
	if err != nil {
		return fmt.Errorf("read env file: %w", err)
	}
	s.env.Merge(read)
	return nil
}

func (s *selection) disabled() (bool, error) {
	v, ok := s.env["COMPOSE_DISABLE_ENV_FILE"]
	if !ok || v == "" {
		return false, nil
	}
	off, err := strconv.ParseBool(v)
	if err != nil {
		return false, fmt.Errorf("COMPOSE_DISABLE_ENV_FILE is %q: must be true or false", v)
	}
	return off, nil
}

// addFromEnv takes the files that COMPOSE_FILE names.
func (s *selection) addFromEnv(cwd string) error {
	listed := s.env["COMPOSE_FILE"]
	if len(s.sources) > 0 || listed == "" {
		return nil
	}
	separator := s.env["COMPOSE_PATH_SEPARATOR"]
	if separator == "" {
		separator = string(os.PathListSeparator)
	}
	for f := range strings.SplitSeq(listed, separator) {
		if f == "" {
			continue
		}
		if f != "-" && !isFile(absolute(cwd, f)) {
			return fmt.Errorf("%w: COMPOSE_FILE names %s, which is no file", ErrNoFile, f)
		}
		s.add(cwd, f)
	}
	return nil
}

// addDefaults looks for a file of a default name in the folder and its parents, and for its override.
func (s *selection) addDefaults(cwd, asked string) error {
	if len(s.sources) > 0 {
		return nil
	}
	start := s.folder(cwd, asked)
	for dir := start; ; dir = filepath.Dir(dir) {
		found := s.firstOf(dir, defaultNames)
		if found != "" {
			s.addFound(cwd, filepath.Join(dir, found))
			if over := s.firstOf(dir, overrideNames); over != "" {
				s.addFound(cwd, filepath.Join(dir, over))
			}
			return nil
		}
		if dir == filepath.Dir(dir) {
			return fmt.Errorf("%w in %s or a folder above it: go to a folder with a compose.yaml, or name one: hyper-lite -f FILE up",
				ErrNoFile, start)
		}
	}
}

func (s *selection) firstOf(dir string, names []string) string {
	var found []string
	for _, n := range names {
		if isFile(filepath.Join(dir, n)) {
			found = append(found, n)
		}
	}
	if len(found) == 0 {
		return ""
	}
	if len(found) > 1 {
		s.warnings = append(s.warnings, fmt.Sprintf("%s has %s: %s is used", dir, strings.Join(found, " and "), found[0]))
	}
	return found[0]
}

func (s *selection) addFound(cwd, path string) {
	name := path
	if rel, err := filepath.Rel(cwd, path); err == nil {
		name = rel
	}
	s.sources = append(s.sources, source{name: name, path: path})
}

// append adds documents that are no files, in the order of their names.
func (s *selection) append(added map[string][]byte) {
	for _, name := range slices.Sorted(maps.Keys(added)) {
		s.sources = append(s.sources, source{name: name, path: "-", added: true, text: added[name]})
	}
}

// content reads a file of the project.
func (f source) content(stdin io.Reader) ([]byte, error) {
	if f.added {
		return f.text, nil
	}
	if f.path == "-" {
		if stdin == nil {
			return nil, errors.New("read the compose file from the standard input: there is none")
		}
		text, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("read the compose file from the standard input: %w", err)
		}
		return text, nil
	}
	text, err := os.ReadFile(f.path)
	if errors.Is(err, os.ErrNotExist) {
		if isRemote(f.name) {
			return nil, fmt.Errorf("%w: %s: a remote file cannot be read; fetch it first and name the local copy", ErrNoFile, f.name)
		}
		return nil, fmt.Errorf("%w: %s does not exist; name another with -f", ErrNoFile, f.path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the compose file: %w", err)
	}
	return text, nil
}
