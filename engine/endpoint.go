package engine

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/docker/cli/cli/config"
	clicontext "github.com/docker/cli/cli/context"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/docker/client"
)

// defaultSocket is where an engine listens on its own host unless told otherwise.
const defaultSocket = "/var/run/docker.sock"

// endpoint is one engine's address, and how we came to it.
type endpoint struct {
	host string // "unix:///var/run/docker.sock"
	from string // "DOCKER_HOST", "context staging", "the default"

	patience time.Duration // how long the first answer may take
	docker.Endpoint
}

func (at endpoint) String() string { return at.host }

// local says whether the engine's socket is a file of this machine, so that our paths are its paths.
func (at endpoint) local() bool {
	return strings.HasPrefix(at.host, "unix://") || strings.HasPrefix(at.host, "npipe://")
}

// patient gives a remote engine more time than one on this machine.
func (at endpoint) patient() endpoint {
	at.patience = 20 * time.Second
	if at.local() {
		at.patience = 5 * time.Second
	}
	return at
}

// socket is the engine's socket as the engine's own host names it. A virtual machine's engine (Docker
// Desktop and its like) is reached by another path than the one it has inside.
func (at endpoint) socket() string {
	path, isUnix := strings.CutPrefix(at.host, "unix://")
	if !isUnix || runtime.GOOS != "linux" || strings.Contains(path, "/.docker/desktop/") {
		return defaultSocket
	}
	return path
}

func (at endpoint) dial() (*client.Client, error) {
	options, err := at.ClientOpts()
	if err != nil {
		return nil, err
	}
	return client.NewClientWithOpts(append(options, client.WithUserAgent("hyper-lite"), keepConnections)...)
}

// keepConnections keeps as many connections as steps run at once: one by ssh costs a login.
func keepConnections(c *client.Client) error {
	transport, ok := c.HTTPClient().Transport.(*http.Transport)
	if !ok {
		return fmt.Errorf("keep connections of a transport that is a %T", c.HTTPClient().Transport)
	}
	const most = 16
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = most, most
	return nil
}

// locate finds the engine as the docker CLI does.
func locate(options Options) (endpoint, error) {
	at, err := choose(options)
	return at.patient(), err
}

func choose(options Options) (endpoint, error) {
	if options.Host != "" && options.Context != "" {
		return endpoint{}, errors.New("use engine: a host and a context were given: give one of them")
	}
	if options.Host != "" {
		return byHost(options.Host, "--host")
	}
	if options.Context != "" {
		return byContext(options.Context, "--context")
	}
	if host := os.Getenv(client.EnvOverrideHost); host != "" {
		return byHost(host, client.EnvOverrideHost)
	}
	if name := os.Getenv("DOCKER_CONTEXT"); name != "" {
		return byContext(name, "DOCKER_CONTEXT")
	}
	// A broken configuration is told of when credentials are needed; the default engine needs none of it.
	if name := config.LoadDefaultConfigFile(io.Discard).CurrentContext; name != "" {
		return byContext(name, "the current context "+name)
	}
	return byHost(client.DefaultDockerHost, "the default")
}

func byHost(host, from string) (endpoint, error) {
	if !strings.Contains(host, "://") {
		host = "tcp://" + host
	}
	at := endpoint{host: host, from: from}
	at.Host = host
	if strings.HasPrefix(host, "tcp://") || strings.HasPrefix(host, "https://") {
		if err := at.secure(); err != nil {
			return endpoint{}, fmt.Errorf("read TLS files for engine %s: %w", host, err)
		}
	}
	return at, nil
}

// secure applies DOCKER_TLS, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, as the docker CLI does.
func (at *endpoint) secure() error {
	verify := os.Getenv(client.EnvTLSVerify) != ""
	if !verify && os.Getenv("DOCKER_TLS") == "" {
		return nil
	}
	folder := cmp.Or(os.Getenv(client.EnvOverrideCertPath), config.Dir())
	data, err := clicontext.TLSDataFromFiles(
		existing(folder, "ca.pem"), existing(folder, "cert.pem"), existing(folder, "key.pem"))
	if err != nil {
		return err
	}
	at.TLSData = data
	at.SkipTLSVerify = !verify
	if data == nil && verify {
		at.TLSData = &clicontext.TLSData{} // the system's certificates
	}
	return nil
}

func existing(folder, name string) string {
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

func byContext(name, from string) (endpoint, error) {
	if name == "default" {
		if host := os.Getenv(client.EnvOverrideHost); host != "" {
			return byHost(host, client.EnvOverrideHost)
		}
		return byHost(client.DefaultDockerHost, from)
	}
	contexts := store.New(config.ContextStoreDir(), store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} }),
	))
	metadata, err := contexts.GetMetadata(name)
	if err != nil {
		return endpoint{}, fmt.Errorf("read docker context %s (from %s): %w; see `docker context ls`", name, from, err)
	}
	meta, err := docker.EndpointFromContext(metadata)
	if err != nil {
		return endpoint{}, fmt.Errorf("read docker context %s (from %s): %w", name, from, err)
	}
	secured, err := docker.WithTLSData(contexts, name, meta)
	if err != nil {
		return endpoint{}, fmt.Errorf("read TLS files of docker context %s: %w", name, err)
	}
	return endpoint{host: cmp.Or(meta.Host, client.DefaultDockerHost), from: from, Endpoint: secured}, nil
}
