package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Version is the layout of Document that this program reads and writes. It rises with every change that
// an older program would lose or misread.
const Version = 1

// Document is everything remembered of one project. What its raw parts mean is known to those who wrote them.
type Document struct {
	Version int `json:"version"`
	// LastRevision is the number of the newest revision ever recorded, kept or not: numbers are never reused.
	LastRevision int `json:"lastRevision,omitempty"`
	// Revisions are the runs that changed something, oldest first.
	Revisions []Revision `json:"revisions,omitempty"`
	// Records is what other rooms remember, by a name of their own. A room changes only its own record.
	Records map[string]json.RawMessage `json:"records,omitempty"`
}

// Recall reads the record of a room into a value, which stays as it is where there is none.
func (d Document) Recall(name string, into any) error {
	text, ok := d.Records[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("decode record %s: %w", name, err)
	}
	return nil
}

// Remember replaces the record of a room.
func (d *Document) Remember(name string, record any) error {
	text, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("encode record %s: %w", name, err)
	}
	if d.Records == nil {
		d.Records = map[string]json.RawMessage{}
	}
	d.Records[name] = text
	return nil
}

// newer is the version of a document that this program does not know yet.
type newer int

func (newer) Error() string { return "written by a newer version" }

var (
	errEmpty     = errors.New("the file is empty")
	errNoVersion = errors.New("no version in it")
	errTrailing  = errors.New("something follows the document")
)

// decode reads a document. The version is looked at first: a newer layout is not held for damage.
func decode(text []byte) (Document, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return Document{}, errEmpty
	}
	var head struct {
		Version int `json:"version"`
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&head); err != nil {
		return Document{}, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Document{}, errTrailing
	}
	if head.Version < 1 {
		return Document{}, errNoVersion
	}
	if head.Version > Version {
		return Document{}, newer(head.Version)
	}
	var d Document
	if err := json.Unmarshal(text, &d); err != nil {
		return Document{}, err
	}
	for i := range d.Revisions {
		d.Revisions[i].modernize()
	}
	return d, nil
}

func encode(d Document) ([]byte, error) {
	d.Version = Version
	text, err := json.MarshalIndent(d, "", "  ")
	return append(text, '\n'), err
}
