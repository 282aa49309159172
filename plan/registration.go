package plan

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"hyper-lite/compose"
)

// Registered is one job as a container registers it.
type Registered struct {
	Digest     compose.Digest // of what its runs are made of
	Generation int            // from 1, one more each time that it changes: of two registrations the higher counts
	Since      time.Time      // since when it is registered as it is, to the second; zero: since its container was made
	Job        string         // its compose.Registration, as JSON
}

// same says that two registrations of a job are one.
func (r Registered) same(other Registered) bool {
	return r.Generation == other.Generation && r.Digest.Hash == other.Digest.Hash && r.Job == other.Job
}

// registeredJSON is a registered job in the label.
type registeredJSON struct {
	Generation int               `json:"generation"`
	Hash       string            `json:"hash"`
	Fields     map[string]string `json:"fields,omitempty"`
	Since      int64             `json:"since,omitempty"`
	Job        json.RawMessage   `json:"job"`
}

// jobsLabel is what a list tells of the jobs that a container registers: base64 of deflated JSON, by name. It is
// packed, since the engine repeats all labels of a container with each of its events.
func jobsLabel(jobs map[string]Registered) string {
	all := map[string]registeredJSON{}
	for name, r := range jobs {
		one := registeredJSON{Generation: r.Generation, Hash: r.Digest.Hash, Fields: r.Digest.Fields, Job: json.RawMessage(r.Job)}
		if !r.Since.IsZero() {
			one.Since = r.Since.Unix()
		}
		all[name] = one
	}
	var packed bytes.Buffer
	text := base64.NewEncoder(base64.RawStdEncoding, &packed)
	small, err := flate.NewWriter(text, flate.DefaultCompression)
	if err == nil {
		err = errors.Join(json.NewEncoder(small).Encode(all), small.Close(), text.Close())
	}
	if err != nil {
		panic(err) // plain data into memory: cannot fail
	}
	return packed.String()
}

// Registers are the jobs that a container registers, by name. The error is of a label that cannot be read.
func (r Replica) Registers() (map[string]Registered, error) {
	if r.Role != compose.RoleJob || r.Jobs == "" {
		return nil, nil
	}
	var all map[string]registeredJSON
	small := flate.NewReader(base64.NewDecoder(base64.RawStdEncoding, bytes.NewBufferString(r.Jobs)))
	text, err := io.ReadAll(small)
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("read which jobs %s registers: %w", r.Name, err)
	}
	jobs := map[string]Registered{}
	for name, one := range all {
		jobs[name] = Registered{
			Digest:     compose.Digest{Hash: one.Hash, Fields: one.Fields},
			Generation: one.Generation, Since: r.CreatedAt, Job: string(one.Job),
		}
		if one.Since != 0 {
			job := jobs[name]
			job.Since = time.Unix(one.Since, 0).UTC()
			jobs[name] = job
		}
	}
	return jobs, nil
}

// RegisteredJob is a registered job and its container.
type RegisteredJob struct {
	Registered
	By Replica
}

// RegisteredJobs are the jobs that containers register, by name, each by the newest of them. A container whose label
// cannot be read, or that is on its way out, registers none.
func RegisteredJobs(replicas []Replica) map[string]RegisteredJob {
	newest := map[string]RegisteredJob{}
	for _, r := range replicas {
		jobs, err := r.Registers()
		if err != nil || r.State == Dead || r.State == Removing {
			continue
		}
		for name, job := range jobs {
			other, ok := newest[name]
			if !ok || cmp.Or(cmp.Compare(job.Generation, other.Generation), newer(r, other.By)) > 0 {
				newest[name] = RegisteredJob{job, r}
			}
		}
	}
	return newest
}

// newer compares two containers that register jobs.
func newer(a, b Replica) int {
	return cmp.Or(cmp.Compare(a.Generation, b.Generation), a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
}
