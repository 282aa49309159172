package compose

import (
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"
)

// listening guards the global logger that Compose's loader warns through: one Load at a time listens to it.
var listening sync.Mutex

// warningsOf runs f and returns what it would have logged as warnings, sorted, each once.
func warningsOf(f func() error) ([]string, error) {
	listening.Lock()
	defer listening.Unlock()
	logger := logrus.StandardLogger()
	ear := &ear{}
	out, hooks, level := logger.Out, logger.ReplaceHooks(logrus.LevelHooks{}), logger.GetLevel()
	defer func() {
		logger.SetOutput(out)
		logger.ReplaceHooks(hooks)
		logger.SetLevel(level)
	}()
	logger.SetOutput(io.Discard)
	logger.SetLevel(logrus.WarnLevel)
	logger.AddHook(ear)
	err := f()
	slices.Sort(ear.heard)
	return slices.Compact(ear.heard), err
}

type ear struct {
	mu    sync.Mutex
	heard []string
}

func (*ear) Levels() []logrus.Level {
	return []logrus.Level{logrus.PanicLevel, logrus.FatalLevel, logrus.ErrorLevel, logrus.WarnLevel}
}

func (e *ear) Fire(entry *logrus.Entry) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, strings.TrimSpace(entry.Message))
	return nil
}
