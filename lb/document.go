package lb

import (
	"fmt"
	"path"
	"regexp"

	"hyper-lite/compose"
)

// The settings that are the same for every route.
const (
	dialTimeout      = "2s"     // a dead host must not hold a request for long
	retryAttempts    = 3        // only while nothing was sent: safe for every method
	retryInterval    = "50ms"   // so that a replica that is just restarting is not asked three times at once
	terminationDelay = "50s"    // how long one side may go on after the other closed, as Hyper's balancer had it
	hstsSeconds      = 15768000 // as Hyper's balancer had it
	httpsPort        = 443      // where browsers look for https
)

// document is one file of Traefik's dynamic directory, in Traefik's words.
type document struct {
	HTTP *httpSection `yaml:"http,omitempty"`
	TCP  *tcpSection  `yaml:"tcp,omitempty"`
	TLS  *tlsSection  `yaml:"tls,omitempty"`
}

type (
	httpSection struct {
		Routers           map[string]router        `yaml:"routers,omitempty"`
		Services          map[string]httpService   `yaml:"services,omitempty"`
		Middlewares       map[string]middleware    `yaml:"middlewares,omitempty"`
		ServersTransports map[string]httpTransport `yaml:"serversTransports,omitempty"`
	}
	tcpSection struct {
		Routers           map[string]router       `yaml:"routers,omitempty"`
		Services          map[string]tcpService   `yaml:"services,omitempty"`
		ServersTransports map[string]tcpTransport `yaml:"serversTransports,omitempty"`
	}
	router struct {
		EntryPoints []string   `yaml:"entryPoints"`
		Rule        string     `yaml:"rule"`
		Priority    int        `yaml:"priority"`
		Middlewares []string   `yaml:"middlewares,omitempty"`
		Service     string     `yaml:"service"`
		TLS         *routerTLS `yaml:"tls,omitempty"`
	}
	routerTLS struct {
		Passthrough bool `yaml:"passthrough,omitempty"`
	}
	httpService struct {
		LoadBalancer httpServers `yaml:"loadBalancer"`
	}
	httpServers struct {
		Strategy         string       `yaml:"strategy"`
		Sticky           *sticky      `yaml:"sticky,omitempty"`
		Servers          []httpServer `yaml:"servers"`
		ServersTransport string       `yaml:"serversTransport"`
	}
	httpServer struct {
		URL string `yaml:"url"`
	}
	sticky struct {
		Cookie cookie `yaml:"cookie"`
	}
	cookie struct {
		Name     string `yaml:"name"`
		HTTPOnly bool   `yaml:"httpOnly"`
		Secure   bool   `yaml:"secure,omitempty"`
		SameSite string `yaml:"sameSite"`
	}
	httpTransport struct {
		ForwardingTimeouts timeouts `yaml:"forwardingTimeouts"`
	}
	timeouts struct {
		DialTimeout string `yaml:"dialTimeout"`
	}
	tcpService struct {
		LoadBalancer tcpServers `yaml:"loadBalancer"`
	}
	tcpServers struct {
		Servers          []tcpServer `yaml:"servers"`
		ServersTransport string      `yaml:"serversTransport"`
	}
	tcpServer struct {
		Address string `yaml:"address"`
	}
	tcpTransport struct {
		DialTimeout      string `yaml:"dialTimeout"`
		TerminationDelay string `yaml:"terminationDelay"`
	}
	middleware struct {
		Retry     *retry     `yaml:"retry,omitempty"`
		Buffering *buffering `yaml:"buffering,omitempty"`
		Headers   *headers   `yaml:"headers,omitempty"`
		BasicAuth *basicAuth `yaml:"basicAuth,omitempty"`
	}
	retry struct {
		Attempts        int    `yaml:"attempts"`
		InitialInterval string `yaml:"initialInterval"`
	}
	buffering struct {
		MemRequestBodyBytes  int    `yaml:"memRequestBodyBytes"`
		MemResponseBodyBytes int    `yaml:"memResponseBodyBytes"`
		RetryExpression      string `yaml:"retryExpression"`
	}
	headers struct {
		STSSeconds int               `yaml:"stsSeconds,omitempty"`
		Custom     map[string]string `yaml:"customResponseHeaders,omitempty"`
	}
	basicAuth struct {
		Users        []string `yaml:"users"`
		RemoveHeader bool     `yaml:"removeHeader"`
	}
	tlsSection struct {
		Certificates []keyPair           `yaml:"certificates,omitempty"`
		Stores       map[string]tlsStore `yaml:"stores,omitempty"`
	}
	tlsStore struct {
		DefaultCertificate keyPair `yaml:"defaultCertificate"`
	}
	keyPair struct {
		CertFile string `yaml:"certFile"`
		KeyFile  string `yaml:"keyFile"`
	}
)

// replaying asks again where a replica took a request and then was gone. What does not fit into memory goes to
// a file in the balancer's /tmp.
var replaying = &buffering{
	MemRequestBodyBytes: 1 << 20, MemResponseBodyBytes: 1 << 20, RetryExpression: "IsNetworkError() && Attempts() <= 2",
}

// controlDocument opens Traefik's API and metrics on the control port, to who knows the password. It also
// holds the certificate that a client is shown whose host name no certificate covers: that of the first
// httpsTerm service without hosts, else of the first. Traefik has only one such place for all files.
func controlDocument(t Table) document {
	name := t.Project + "-control"
	doc := document{HTTP: &httpSection{
		Routers: map[string]router{
			name: {
				EntryPoints: []string{controlEntryPoint}, Rule: "PathPrefix(`/api`)", Priority: catchAll,
				Middlewares: []string{name}, Service: "api@internal",
			},
			name + "-metrics": {
				EntryPoints: []string{controlEntryPoint}, Rule: "Path(`/metrics`)", Priority: catchAll,
				Middlewares: []string{name}, Service: "prometheus@internal",
			},
		},
		Middlewares: map[string]middleware{name: {BasicAuth: &basicAuth{Users: []string{t.Credential}, RemoveHeader: true}}},
	}}
	if r, ok := defaultCertificate(t); ok {
		doc.TLS = &tlsSection{Stores: map[string]tlsStore{"default": {DefaultCertificate: certificatePair(r)}}}
	}
	return doc
}

func defaultCertificate(t Table) (compose.Route, bool) {
	var first *compose.Route
	for _, s := range t.Services {
		for _, r := range s.Routes {
			r.Service = s.Name
			if r.Protocol != compose.HTTPSTerm || r.Cert == nil {
				continue
			}
			if len(r.Hosts) == 0 {
				return r, true
			}
			if first == nil {
				first = &r
			}
		}
	}
	if first == nil {
		return compose.Route{}, false
	}
	return *first, true
}

var digest = regexp.MustCompile(`^[0-9a-f]+$`)

func (d *document) addCertificate(r compose.Route) error {
	if r.Cert == nil {
		return fmt.Errorf("httpsTerm needs a certificate")
	}
	if !digest.MatchString(r.Cert.Digest) {
		return fmt.Errorf("certificate digest %q is not hexadecimal", r.Cert.Digest)
	}
	if d.TLS == nil {
		d.TLS = &tlsSection{}
	}
	pair := certificatePair(r)
	for _, known := range d.TLS.Certificates {
		if known == pair {
			return nil
		}
	}
	d.TLS.Certificates = append(d.TLS.Certificates, pair)
	return nil
}

// certificatePair names the two files after the content, so that another certificate is another file.
func certificatePair(r compose.Route) keyPair {
	return keyPair{
		CertFile: path.Join(Folder, certs, certificateName(r.Cert)+".crt"),
		KeyFile:  path.Join(Folder, certs, certificateName(r.Cert)+".key"),
	}
}

func certificateName(c *compose.Certificate) string { return c.Digest }
