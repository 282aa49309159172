package lb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// Engine is what the sidecar needs of the engine.
type Engine interface {
	// List is the project's containers, all roles and states.
	List(ctx context.Context, project string) ([]plan.Replica, error)
	// Signal sends a signal ("HUP") to a container, by name or ID.
	Signal(ctx context.Context, container, signal string) error
	// Do performs a step of the engine: on what of the project the sidecar replaces or removes by itself.
	Do(ctx context.Context, step plan.Step) error
	// Events calls emit for what happens to the project's containers from now on, until the context ends or
	// the stream breaks, and says why it ended. It calls ready once no event can be missed any more.
	Events(ctx context.Context, project string, ready func(), emit func(Event)) error
}

// Event is something that happened to a container of the project.
type Event struct {
	Role     compose.Role
	Ref      plan.Ref
	Action   string      // the engine's word: "start", "die", "kill", "pause", "unpause", "health_status", ...
	Health   plan.Health // of a health_status
	ExitCode int         // of a die
	Signal   string      // of a kill, as the engine gives it ("15"); "" where it is not known
}

// SidecarOptions say where a sidecar works. Only Project and Engine are required.
type SidecarOptions struct {
	Project  string
	Engine   Engine
	Folder   string        // the volume; Folder
	Socket   string        // where it answers; Socket
	Control  string        // base URL of Traefik's API; the balancer's container on the control port
	Log      *slog.Logger  // none: discarded
	Alone    bool          // there is no balancer: nothing is published, probed or proven
	Policies []Policy      // what it does with which service by itself
	Patience time.Duration // how long Traefik may take to serve what was written; 10s

	// Address is the host by which a replica is probed: its network alias.
	Address func(plan.Ref) string
	// Memory bounds the garbage that the Go runtime lets pile up, in bytes; 16 MiB. Below 0: leave it alone.
	Memory int64
	// Pace is how often it looks whether something is to be replaced or removed; 1s.
	Pace time.Duration
	// Settling is how long after its start it changes no container by itself; 10s. Below 0: not at all.
	Settling time.Duration
}

// Sidecar keeps one project's balancer right: it is the only writer of Traefik's files, judges the published
// replicas, withdraws those that cannot serve and publishes them again. Where all replicas of a service are
// down its routes stay and answer 503: an honest answer, which no client takes for another service's.
type Sidecar struct {
	project  string
	engine   Engine
	socket   string
	base     string
	log      *slog.Logger
	patience time.Duration
	memory   int64
	alone    bool
	policies map[string]Policy // by service
	store    store
	prober   *prober
	control  control
	life     context.Context // Run's: what is watched is watched until it ends

	pace     time.Duration
	settling time.Duration
	gate     *gate
	healing  sync.WaitGroup
	unmended atomic.Bool // something may be left of a replacement

	flips chan struct{} // some judgement changed: apply soon

	following sync.Mutex // an event and a look are taken in one after the other
	events    int        // how many were told of replicas

	mu        sync.Mutex
	others    map[string]any // who else answers on its connections, by name
	record    record
	awaited   map[plan.Ref]time.Time // not published yet, and when they were last asked for
	halted    map[plan.Ref]string    // replicas that the engine says do not run, watched or not, and why
	written   generated              // what lies in the volume
	revision  string                 // that was last proven live
	blind     bool                   // the record was lost: files of services that are not in it stay
	sightings map[plan.Ref]sighting  // of every replica
	busy      map[string]bool        // services of which a replica is being replaced
	sweepAt   time.Time              // when it is looked for stopped containers; zero: none has stopped since

	trouble string // why the last change is not live; "" where it is
}

// NewSidecar returns a sidecar that does nothing until Run.
func NewSidecar(o SidecarOptions) *Sidecar {
	s := &Sidecar{
		project: o.Project, engine: o.Engine, socket: o.Socket, base: o.Control, log: o.Log,
		alone: o.Alone, policies: map[string]Policy{}, patience: o.Patience, memory: o.Memory, store: store{root: o.Folder},
		gate: newGate(time.Now()), pace: o.Pace, settling: o.Settling,
		others: map[string]any{}, sightings: map[plan.Ref]sighting{}, busy: map[string]bool{}, flips: make(chan struct{}, 1), awaited: map[plan.Ref]time.Time{}, halted: map[plan.Ref]string{},
	}
	if s.pace == 0 {
		s.pace = time.Second
	}
	if s.settling == 0 {
		s.settling = settling
	}
	s.unmended.Store(true)
	for _, p := range o.Policies {
		s.policies[p.Service] = p
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.store.root == "" {
		s.store.root = SidecarFolder
	}
	if s.socket == "" {
		s.socket = Socket
	}
	if s.base == "" {
		s.base = fmt.Sprintf("http://%s:%d", balancerHost(o.Project), controlPort)
	}
	if s.patience == 0 {
		s.patience = 10 * time.Second
	}
	if s.memory == 0 {
		s.memory = 16 << 20
	}
	address := o.Address
	if address == nil {
		address = func(ref plan.Ref) string { return ref.Alias(o.Project) }
	}
	s.prober = newProber(address, s.flipped)
	return s
}

// Run keeps the balancer right until the context ends, and returns nil then. Any other end is an error; the
// next Run goes on from what is in the folder.
func (s *Sidecar) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if s.memory > 0 {
		debug.SetGCPercent(40)
		debug.SetMemoryLimit(s.memory)
		go tidy(ctx)
	}
	s.life = ctx
	if err := s.restore(); err != nil {
		return err
	}
	listener, err := listen(s.socket)
	if err != nil {
		return err
	}
	ended := make(chan error, 4)
	go func() { ended <- s.serve(ctx, listener) }()
	go func() { ended <- s.followEngine(ctx) }()
	go func() { ended <- s.followFlips(ctx) }()
	go func() { ended <- s.tend(ctx) }()
	s.log.Info("sidecar runs", "project", s.project)
	err = <-ended
	cancel()
	return errors.Join(err, <-ended, <-ended, <-ended)
}

// tidy gives memory back that the start and the last changes took, and that little else would: the probes alone
// leave next to no garbage, and run in few pages of the executable.
func tidy(ctx context.Context) {
	for pause := time.Second; ; pause = min(4*pause, time.Minute) {
		debug.FreeOSMemory()
		dropPages()
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// restore reads what was left by the sidecar before. What was up stays up until probes say otherwise Fall
// times: a sidecar that starts must not take a service from its users.
func (s *Sidecar) restore() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.store.makeFolders(); err != nil {
		return err
	}
	r, unreadable, err := s.store.load()
	if err != nil {
		return err
	}
	r.Project = s.project
	for i, h := range r.Heals {
		if h.Outcome == HealUnderWay {
			r.Heals[i].Outcome = HealCutOff
		}
	}
	s.record = r
	if unreadable != "" {
		s.log.Error("the record of what is published cannot be read; the balancer serves on as it is until the next up", "setAside", unreadable)
	}
	if s.alone {
		return s.forget()
	}
	s.blind = unreadable != ""
	password, err := s.store.password()
	if err != nil {
		return err
	}
	s.control = newControl(s.base, password)
	for _, p := range r.Services {
		for _, v := range p.Health {
			s.watch(v.Ref, p.Probe, judgement{Up: v.Up, Since: v.Since, Reason: v.Reason, EverUp: v.Up || v.WasUp})
		}
	}
	s.flipped()
	return nil
}

// forget drops what was published while there was a balancer: the next one must not begin with it. It needs the lock.
func (s *Sidecar) forget() error {
	s.record.Services = nil
	for _, folder := range []string{dynamic, certs} {
		if _, err := s.store.removeOthers(folder, func(string) bool { return false }); err != nil {
			return err
		}
	}
	return s.store.save(s.record)
}

func (s *Sidecar) watch(ref plan.Ref, probe *compose.Probe, initial judgement) {
	if probe != nil {
		s.prober.ensure(s.life, ref, *probe, initial)
	}
}

func (s *Sidecar) flipped() {
	select {
	case s.flips <- struct{}{}:
	default:
	}
}

// followFlips applies what the judgements say. What Traefik does not take over is tried again, ever less often.
func (s *Sidecar) followFlips(ctx context.Context) error {
	const soon, late = time.Second, 30 * time.Second
	again := (<-chan time.Time)(nil)
	pause := soon
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.flips:
			pause = soon
		case <-again:
		}
		again = nil
		if s.idle() {
			continue
		}
		if err := s.apply(ctx, ""); err != nil && ctx.Err() == nil {
			again, pause = time.After(pause), min(2*pause, late)
		}
	}
}

// idle says that there is no Traefik, or that nothing is known of what it shall serve, so that it is left as it is.
func (s *Sidecar) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alone || s.blind && len(s.record.Services) == 0
}

// table is what Traefik shall serve now: of each service the published replicas that are up. It also brings
// the record to the same state, and needs the lock.
func (s *Sidecar) table() Table {
	t := Table{Project: s.project, Credential: Credential(s.control.password)}
	for i, p := range s.record.Services {
		served := Served{Name: p.Service, Routes: p.Routes}
		health := make([]verdict, 0, len(p.Backends))
		for _, ref := range p.Backends {
			v := verdict{Ref: ref, Up: true}
			if j, _, ok := s.prober.look(ref); ok {
				v = verdict{Ref: ref, Up: j.Up, Since: j.Since, WasUp: !j.Up && j.EverUp}
				if !j.Up {
					v.Reason = j.Reason
				}
			}
			health = append(health, v)
			if v.Up {
				served.Backends = append(served.Backends, ref)
			}
		}
		s.record.Services[i].Health = health
		t.Services = append(t.Services, served)
	}
	return t
}
