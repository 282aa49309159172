package cron

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hyper-lite/compose"
	"hyper-lite/state"
)

// Files is a Store in a folder of which it is the only writer: what is remembered of every job in one file that is
// replaced whole, and the history of all in one that grows by a line a record and is cut from time to time.
type Files struct {
	Folder string

	lines  int    // of the history
	torn   bool   // its last line may be half written
	bounds bounds // how many of them count
}

// bounds are how many records of each job are kept.
type bounds map[string]int

const (
	memoryFile  = "jobs.json"
	historyFile = "history.jsonl"
	// version is that of both files.
	version = 1
	// slack is how many lines the history may have beyond twice what is kept of it.
	slack = 1000
)

type memoryDocument struct {
	Version int               `json:"version"`
	Lost    bool              `json:"lost,omitempty"` // an earlier one could not be read, and nothing was remembered since
	Jobs    map[string]Memory `json:"jobs"`
}

func (f *Files) path(name string) string { return filepath.Join(f.Folder, name) }

// Load reads the memories. A file that cannot be read is set aside.
func (f *Files) Load() (Loaded, error) {
	if err := os.MkdirAll(f.Folder, 0o700); err != nil {
		return Loaded{}, fmt.Errorf("make folder %s: %w", f.Folder, err)
	}
	trouble, err := f.mendHistory()
	if err != nil {
		return Loaded{}, err
	}
	loaded := Loaded{Memories: map[string]Memory{}, Trouble: trouble}
	text, err := os.ReadFile(f.path(memoryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return loaded, nil
	}
	if err != nil {
		return Loaded{}, fmt.Errorf("read %s: %w", memoryFile, err)
	}
	var document memoryDocument
	err = json.Unmarshal(text, &document)
	if err == nil && document.Version != version {
		err = fmt.Errorf("it is of version %d, and this program reads version %d", document.Version, version)
	}
	if err != nil {
		loaded.Lost = true
		aside := f.free(memoryFile)
		loaded.Trouble = join(trouble, fmt.Sprintf("%s cannot be read and is now %s: %v", memoryFile, aside, err))
		return loaded, f.beginAnew(aside, text)
	}
	if document.Jobs != nil {
		loaded.Memories = document.Jobs
	}
	loaded.Lost = document.Lost
	f.bound(loaded.Memories)
	return loaded, nil
}

// beginAnew puts a document that says so in the place of one that cannot be read. At no time is there none: that would
// be the memory of a project that never ran.
func (f *Files) beginAnew(aside string, text []byte) error {
	lost, err := json.Marshal(memoryDocument{Version: version, Lost: true})
	if err == nil {
		err = state.Replace(f.path(aside), text, 0o600)
	}
	if err == nil {
		err = state.Replace(f.path(memoryFile), lost, 0o600)
	}
	if err != nil {
		return fmt.Errorf("set %s aside: %w", memoryFile, err)
	}
	return nil
}

// Save replaces the memories.
func (f *Files) Save(memories map[string]Memory) error {
	f.bound(memories)
	text, err := json.Marshal(memoryDocument{Version: version, Jobs: memories})
	if err != nil {
		return fmt.Errorf("encode %s: %w", memoryFile, err)
	}
	if err := state.Replace(f.path(memoryFile), text, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", memoryFile, err)
	}
	return nil
}

func (f *Files) bound(memories map[string]Memory) {
	f.bounds = bounds{}
	for name, m := range memories {
		f.bounds[name] = m.Timing.History
	}
}

// Append adds records to the history.
func (f *Files) Append(records []Record) (err error) {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	for _, r := range records {
		if err := encoder.Encode(r); err != nil {
			return fmt.Errorf("encode a record of %s: %w", r.Job, err)
		}
	}
	if f.torn { // by a full disk: what comes after half a line could not be read
		if err := f.cutTorn(); err != nil {
			return fmt.Errorf("mend %s: %w", historyFile, err)
		}
	}
	file, err := os.OpenFile(f.path(historyFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", historyFile, err)
	}
	f.torn = true
	_, err = file.Write(lines.Bytes())
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", historyFile, err)
	}
	f.torn = false
	f.lines += len(records)
	kept := 0
	for _, n := range f.bounds {
		kept += n
	}
	if f.lines > 2*kept+slack {
		return f.cut()
	}
	return nil
}

// cut drops the records that are beyond what is kept.
func (f *Files) cut() error {
	counts := map[string]int{}
	if err := f.eachLine(func(_ []byte, job string) { counts[job]++ }); err != nil {
		return err
	}
	lines := 0
	err := state.ReplaceBy(f.path(historyFile), 0o600, func(to io.Writer) error {
		var failed error
		err := f.eachLine(func(line []byte, job string) {
			bound, known := f.bounds[job]
			if !known {
				bound = compose.DefaultTiming().History
			}
			if counts[job]--; counts[job] < bound && failed == nil {
				_, failed = fmt.Fprintf(to, "%s\n", line)
				lines++
			}
		})
		return errors.Join(err, failed)
	})
	if err != nil {
		return fmt.Errorf("cut %s: %w", historyFile, err)
	}
	f.lines = lines
	return nil
}

func (f *Files) eachLine(visit func(line []byte, job string)) error {
	file, err := os.Open(f.path(historyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", historyFile, err)
	}
	defer file.Close()
	return eachRecord(file, func(line []byte, r Record) { visit(line, r.Job) })
}

// corruptError is a history that is no history.
type corruptError struct {
	line int
	err  error
}

func (e *corruptError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }

// eachRecord calls visit for every line, which holds only until it returns.
func eachRecord(r io.Reader, visit func(line []byte, record Record)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var record Record
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			return &corruptError{n, err}
		}
		visit(lines.Bytes(), record)
	}
	if err := lines.Err(); err != nil {
		return &corruptError{0, err}
	}
	return nil
}

// mendHistory takes away a last line that a crash left half written, and sets a damaged history aside.
func (f *Files) mendHistory() (trouble string, err error) {
	f.lines = 0
	if err := f.cutTorn(); err != nil {
		return "", fmt.Errorf("mend %s: %w", historyFile, err)
	}
	err = f.eachLine(func([]byte, string) { f.lines++ })
	if _, corrupt := errors.AsType[*corruptError](err); corrupt {
		f.lines = 0
		aside, moved := f.setAside(historyFile)
		return fmt.Sprintf("%s cannot be read and is now %s: %v", historyFile, aside, err), moved
	}
	return "", err
}

// cutTorn takes away a last line that is half written.
func (f *Files) cutTorn() error {
	whole, length, err := wholeLines(f.path(historyFile))
	if err == nil && whole < length {
		err = os.Truncate(f.path(historyFile), whole)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		f.torn = false
		return nil
	}
	return err
}

// wholeLines is how much of a file is whole lines, and how long it is.
func wholeLines(path string) (whole, length int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, 0, err
	}
	length = info.Size()
	block := make([]byte, 64<<10)
	for end := length; end > 0; {
		begin := max(0, end-int64(len(block)))
		part := block[:end-begin]
		if _, err := file.ReadAt(part, begin); err != nil {
			return 0, 0, err
		}
		if at := bytes.LastIndexByte(part, '\n'); at >= 0 {
			return begin + int64(at) + 1, length, nil
		}
		end = begin
	}
	return 0, length, nil
}

// setAside renames a file that cannot be read, never over another one.
func (f *Files) setAside(name string) (aside string, err error) {
	aside = f.free(name)
	if err := os.Rename(f.path(name), f.path(aside)); err != nil {
		return "", fmt.Errorf("set %s aside: %w", name, err)
	}
	return aside, nil
}

// free is a name beside a file's that nothing has.
func (f *Files) free(name string) string {
	for n := 1; ; n++ {
		aside := fmt.Sprintf("%s.unreadable-%d", name, n)
		if _, err := os.Lstat(f.path(aside)); errors.Is(err, fs.ErrNotExist) {
			return aside
		}
	}
}

func join(a, b string) string { return strings.TrimPrefix(a+"; "+b, "; ") }

// History reads what became of a job's fires, in order of their instants, at most the last `most` of them.
func History(lines io.Reader, job string, most int) ([]Record, error) {
	histories, err := Histories(lines)
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", job, err)
	}
	records := histories[job]
	return records[max(0, len(records)-most):], nil
}
