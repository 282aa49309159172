package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/compose-spec/compose-go/v2/utils"
)

// LoadOptions says which files make the project. The zero value is: the default files of the process's
// working folder, with no variable set.
type LoadOptions struct {
	Files       []string          // -f, relative to WorkDir; "-" is Stdin; none: COMPOSE_FILE, else the default names
	ProjectName string            // -p; "": COMPOSE_PROJECT_NAME, else `name:`, else the project folder's name
	ProjectDir  string            // --project-directory; "": the first file's folder
	Profiles    []string          // --profile; none: COMPOSE_PROFILES
	EnvFiles    []string          // --env-file; none: COMPOSE_ENV_FILES, else .env in the project folder
	Env         []string          // the process's environment, "NAME=value"; it wins over env files
	Services    []string          // services named on the command line: their profiles are active
	Scale       map[string]int    // by service: replicas, instead of what the files say
	Images      map[string]string // by service: the image, instead of what the files say; it is never built
	Added       map[string][]byte // by job: a document that has it, beside the files, as if in the project folder
	Stdin       io.Reader
	WorkDir     string // "": the process's working folder

	// NoInterpolate leaves variables as they are written. The project then has a name, a folder and
	// what Canonical prints, and no services.
	NoInterpolate bool

	Without Omissions // for `config`; zero is none

	// Only are the services and jobs that something will be made of, beside what they depend on unless NoDeps is said;
	// none is all.
	Only   []string
	NoDeps bool

	// Looking says that no container will be made, only looked at, stopped or removed. Then what a container holds
	// may be missing: env and label files, the contents of configs and secrets, and certificates. So it may be for what is
	// not among Only. A service or job that cannot be known whole has the zero Digest. What is odd about the project is not
	// warned of.
	Looking  bool
	Building bool // images will be built: what builds need must be there, where Looking is said, too
}

// ProjectNames says what a project may be called.
const ProjectNames = "it is made of lower-case letters, digits, dashes and underscores and starts with a letter or digit"

// IsProjectName says whether a project may be called so.
func IsProjectName(name string) bool { return name != "" && loader.NormalizeProjectName(name) == name }

// Load reads the files of a project. It returns the project and what to warn of, one sentence each.
// Mistakes in the files come as FieldErrors, all at once; a missing file is ErrNoFile.
func Load(ctx context.Context, opt LoadOptions) (Project, []string, error) {
	var project Project
	var own []string
	heard, err := warningsOf(func() (err error) {
		project, own, err = load(ctx, opt)
		return err
	})
	return project, append(own, heard...), err
}

func load(ctx context.Context, opt LoadOptions) (Project, []string, error) {
	chosen, err := selectFiles(opt)
	if err != nil {
		return Project{}, chosen.warnings, err
	}
	chosen.append(opt.Added)
	return loadChosen(ctx, opt, chosen)
}

func loadChosen(ctx context.Context, opt LoadOptions, chosen selection) (_ Project, warnings []string, err error) {
	from := newOrigin(opt.NoInterpolate)
	defer func() {
		if closed := from.close(); err == nil {
			err = closed
		}
	}()
	l := &loading{opt: opt, chosen: chosen, from: from}
	project, err := l.run(ctx)
	return project, append(chosen.warnings, l.warnings...), err
}

// loading is one run of Load.
type loading struct {
	opt      LoadOptions
	chosen   selection
	from     *origin
	docs     []*document // the named files
	places   places
	warnings []string
}

// warn says of the project what is not as its author may think. Who only looks was told when its containers were made.
func (l *loading) warn(text string) {
	if !l.opt.Looking {
		l.warnings = append(l.warnings, text)
	}
}

func (l *loading) run(ctx context.Context) (Project, error) {
	if err := l.parse(); err != nil {
		return Project{}, err
	}
	wrong, err := l.shapes()
	if err != nil {
		return Project{}, err
	}
	errs := slices.Clone(l.from.errs)
	for _, w := range wrong {
		errs = append(errs, w.error)
	}
	if len(l.from.errs) > 0 || !l.prune(wrong) {
		return Project{}, l.places.sortErrors(errs)
	}
	project, err := l.build(ctx)
	if len(errs) > 0 {
		// the rest of the file was read without the parts that are wrong, to tell of all mistakes at once
		var more FieldErrors
		if errors.As(err, &more) {
			errs = append(errs, apart(more, wrong)...)
		}
		return Project{}, l.places.sortErrors(errs)
	}
	var mistakes FieldErrors
	if errors.As(err, &mistakes) {
		return Project{}, l.places.sortErrors(mistakes)
	}
	return project, err
}

// parse reads the named files and all that they refer to.
func (l *loading) parse() error {
	in := scope{dir: l.chosen.dir, env: l.chosen.env}
	for _, f := range l.chosen.sources {
		content, err := f.content(l.opt.Stdin)
		if err != nil {
			return err
		}
		l.docs = append(l.docs, l.from.read(f.name, f.path, content, in, false))
	}
	l.places.docs = append(slices.Clone(l.from.order), l.docs...)
	for _, name := range l.from.dated {
		l.warnings = append(l.warnings, name+": `version` is obsolete and has no effect; take it out")
	}
	return nil
}

// shapes checks every file by itself.
func (l *loading) shapes() ([]rejected, error) {
	schema, err := standard()
	if err != nil {
		return nil, err
	}
	wrong := slices.Clone(l.from.wrong)
	check := func(doc *document, first bool, only []string) {
		s := &shape{doc: doc, first: first, only: only, schema: schema, pending: l.pending}
		s.check()
		wrong = append(wrong, s.wrong...)
	}
	seen := map[reference]bool{}
	var follow func(doc *document)
	follow = func(doc *document) {
		for _, base := range doc.bases {
			if base.doc == doc || seen[base] {
				continue
			}
			seen[base] = true
			check(base.doc, false, []string{base.section, base.name})
			follow(base.doc)
		}
	}
	for i, doc := range l.places.docs {
		wrong = append(wrong, doc.rings()...)
		check(doc, len(l.docs) == 1 || i < len(l.from.order), nil)
		follow(doc)
	}
	return wrong, nil
}

// pending says that a text holds variables: it is judged once they are replaced.
func (l *loading) pending(text string) bool {
	return strings.Contains(text, "$")
}

// prune takes the wrong parts out. It returns false where what is left makes no sense: where a whole
// section or service is wrong, or an extended file, whose copy is already written.
func (l *loading) prune(wrong []rejected) bool {
	for _, w := range wrong {
		if len(w.path) < 3 || w.path[2] == "extends" || !slices.Contains(l.docs, w.doc) {
			return false
		}
	}
	type part struct {
		doc  *document
		path []string
	}
	var parts []part
	for _, w := range wrong {
		parts = append(parts, part{w.doc, w.doc.entry(w.path)})
	}
	slices.SortFunc(parts, func(a, b part) int { return -slices.CompareFunc(a.path, b.path, compareParts) })
	for i, p := range parts {
		before := func(q part) bool { return q.doc == p.doc && slices.Equal(q.path, p.path) }
		if !slices.ContainsFunc(parts[:i], before) { // or the next entry of a list would go
			p.doc.prune(p.path)
		}
	}
	return true
}

func compareParts(a, b string) int {
	if len(a) != len(b) && a != "" && b != "" && a[0] <= '9' && b[0] <= '9' {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// apart keeps the errors of services that had no other: there they may be mere consequences.
func apart(errs FieldErrors, wrong []rejected) FieldErrors {
	return slices.DeleteFunc(errs, func(e *FieldError) bool {
		return slices.ContainsFunc(wrong, func(w rejected) bool {
			return e.Path == "" || strings.HasPrefix(e.Path+".", strings.Join(w.path[:2], ".")+".")
		})
	})
}

// build hands the lifted files to Compose's loader and makes our Project of the result.
func (l *loading) build(ctx context.Context) (Project, error) {
	details := types.ConfigDetails{WorkingDir: l.chosen.dir, Environment: l.chosen.env}
	for i, doc := range l.docs {
		content, err := doc.encode()
		if err != nil {
			return Project{}, err
		}
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: l.chosen.sources[i].path, Content: content})
	}
	model, err := l.model(ctx, details)
	if err != nil {
		return Project{}, err
	}
	project := Project{Name: details.Environment[consts.ComposeProjectName], Dir: l.chosen.dir}
	for _, f := range l.chosen.sources {
		if f.added {
			project.Added = append(project.Added, f.name)
			continue
		}
		project.Files = append(project.Files, f.path)
	}
	if l.opt.NoInterpolate {
		project.raw = model
		return project, nil
	}
	if l.opt.Without != (Omissions{}) {
		return l.rendered(project, model, details)
	}
	typed, err := l.bind(model, details, project.Name)
	if err != nil {
		return Project{}, err
	}
	l.replaceImages(typed)
	return l.convert(project, typed)
}

func (l *loading) options(more ...func(*loader.Options)) []func(*loader.Options) {
	return append([]func(*loader.Options){func(o *loader.Options) {
		o.SkipInterpolation = l.opt.NoInterpolate
		o.ResourceLoaders = []loader.ResourceLoader{l.from}
		o.MaxNodeVisits = 4 * maxNodes
		l.opt.Without.apply(o)
		o.Profiles = l.chosen.profiles
		o.ConvertWindowsPaths = utils.StringToBool(l.chosen.env["COMPOSE_CONVERT_WINDOWS_PATHS"]) // Windows only
		if l.chosen.named != "" {
			o.SetProjectName(l.chosen.named, true)
			return
		}
		o.SetProjectName(loader.NormalizeProjectName(filepath.Base(l.chosen.dir)), false)
	}}, more...)
}

// model is the merged, interpolated tree.
func (l *loading) model(ctx context.Context, details types.ConfigDetails) (model map[string]any, err error) {
	defer func() { // the loader trusts its input more than it should
		if r := recover(); r != nil {
			err = fmt.Errorf("read the compose file: %v", r)
		}
	}()
	if n := l.chosen.named; n != "" && !IsProjectName(n) {
		return nil, fmt.Errorf("invalid project name %q: %s", n, ProjectNames)
	}
	model, err = loader.LoadModelWithContext(ctx, details, l.options()...)
	if err != nil {
		return nil, l.located(err)
	}
	return model, nil
}

// bind turns the tree into Compose's types, checked for consistency, and with our own checks where
// Compose's stop at the first mistake.
func (l *loading) bind(model map[string]any, details types.ConfigDetails, name string) (typed *types.Project, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("read the compose file: %v", r)
		}
	}()
	l.activate(model)
	unread := func(o *loader.Options) { o.SkipResolveEnvironment, o.SkipResolveLabels = true, true } // convert reads them
	strict := loader.ToOptions(&details, l.options(named(name), unread))
	typed, err = loader.ModelToProject(copyTree(model).(map[string]any), strict, details)
	if err == nil {
		return typed, nil
	}
	loose := loader.ToOptions(&details, l.options(named(name), unread, func(o *loader.Options) { o.SkipConsistencyCheck = true }))
	partial, looseErr := loader.ModelToProject(copyTree(model).(map[string]any), loose, details)
	if looseErr != nil {
		return nil, l.located(looseErr)
	}
	var mistakes FieldErrors
	if _, own := l.convert(Project{Name: name, Dir: l.chosen.dir}, partial); errors.As(own, &mistakes) {
		return nil, mistakes
	}
	return nil, l.located(err)
}

// replaceImages gives services other images than the files do, and with them the pre_start hooks that run on the
// service's own image. What is named so is fetched and not built.
func (l *loading) replaceImages(typed *types.Project) {
	for name, image := range l.opt.Images {
		s, ok := typed.Services[name]
		if !ok {
			continue
		}
		was := s.Image
		s.Image, s.Build = image, nil
		if s.PullPolicy == types.PullPolicyBuild {
			s.PullPolicy = ""
		}
		s.PreStart = slices.Clone(s.PreStart)
		for i := range s.PreStart {
			if s.PreStart[i].Image == was {
				s.PreStart[i].Image = image
			}
		}
		typed.Services[name] = s
	}
}

func named(name string) func(*loader.Options) {
	return func(o *loader.Options) { o.SetProjectName(name, true) }
}

// activate switches the profiles of the services on that the user named.
func (l *loading) activate(model map[string]any) {
	for _, name := range l.opt.Services {
		for _, section := range []string{"services", "jobs"} {
			service := asMap(asMap(model[section])[name])
			if profiles, ok := asStrings(service["profiles"]); ok && !(types.ServiceConfig{Profiles: profiles}).HasProfile(l.chosen.profiles) {
				l.chosen.profiles = append(l.chosen.profiles, profiles...)
			}
		}
	}
}

func copyTree(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = copyTree(e)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = copyTree(e)
		}
		return list
	}
	return v
}
