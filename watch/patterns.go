package watch

import (
	"path/filepath"
	"strings"

	"github.com/moby/patternmatcher"
)

// patterns are those of a .dockerignore, relative to a folder.
type patterns struct {
	folder  string
	matcher *patternmatcher.PatternMatcher
}

func newPatterns(folder string, lines []string) (*patterns, error) {
	var clean []string
	for _, line := range lines {
		if line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "./"), "/"); line != "" {
			clean = append(clean, line)
		}
	}
	matcher, err := patternmatcher.New(clean)
	if err != nil {
		return nil, err
	}
	return &patterns{folder, matcher}, nil
}

// match says whether a pattern means the file, or a folder that it is in. What is outside of the folder, or is the
// folder itself, no pattern means.
func (p *patterns) match(file string) bool {
	relative, err := filepath.Rel(p.folder, file)
	if err != nil || relative == "." || !filepath.IsLocal(relative) {
		return false
	}
	matched, err := p.matcher.MatchesOrParentMatches(relative)
	return err == nil && matched // the patterns were understood when they were read
}

// matchWhole says that the patterns mean a folder with all that can ever be in it.
func (p *patterns) matchWhole(folder string) bool { return !p.matcher.Exclusions() && p.match(folder) }
