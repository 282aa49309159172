package compose

import "time"

// Job is a service template that runs to completion on a schedule or by hand. `up` never starts one.
// It comes from `cron:` on a service or from the top-level `jobs:` of the Compose spec.
type Job struct {
	Service
	Schedules     []Schedule
	Manual        bool          // may be run by hand; true unless triggers.manual is false
	Timeout       time.Duration // 0: none
	StartDeadline time.Duration // 0: none
	Retries       int
	KeepSucceeded int // finished containers kept; 3
	KeepFailed    int // 3
	History       int // records kept; 100
}

// Schedule is one entry of triggers.schedule (Compose spec, "jobs").
type Schedule struct {
	Cron        string // five fields, or @hourly, @daily, @weekly, @monthly, @yearly, @every D
	Timezone    string // IANA name; "UTC" when the file does not say
	Concurrency string // forbid, queue, allow, replace
	MissedFires string // one, skip
}
