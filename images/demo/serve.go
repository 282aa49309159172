package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// settings is what the environment says. An address set to "off" closes that door.
type settings struct {
	HTTP, HTTPS, TCP string        // HTTP_ADDRESS :80, HTTPS_ADDRESS :443, TCP_ADDRESS :7000
	Greeting         string        // GREETING
	StartDelay       time.Duration // START_DELAY: how long nothing listens
	DrainLimit       time.Duration // DRAIN_LIMIT: how long open requests may last after SIGTERM
	DieAfter         time.Duration // DIE_AFTER: how long it serves until it crashes; 0 is for ever
	Unhealthy        bool          // HEALTH=fail: unhealthy from the start
	Database         string        // a connection string, see databaseURL; "" is none
}

func readSettings(env func(string) string) (settings, error) {
	s := settings{
		HTTP:      or(env("HTTP_ADDRESS"), ":80"),
		HTTPS:     or(env("HTTPS_ADDRESS"), ":443"),
		TCP:       or(env("TCP_ADDRESS"), ":7000"),
		Greeting:  or(env("GREETING"), "Hello"),
		Unhealthy: env("HEALTH") == "fail",
	}
	var err error
	if s.StartDelay, err = time.ParseDuration(or(env("START_DELAY"), "0s")); err != nil {
		return settings{}, fmt.Errorf("read START_DELAY: %w", err)
	}
	if s.DrainLimit, err = time.ParseDuration(or(env("DRAIN_LIMIT"), "8s")); err != nil {
		return settings{}, fmt.Errorf("read DRAIN_LIMIT: %w", err)
	}
	if s.DieAfter, err = time.ParseDuration(or(env("DIE_AFTER"), "0s")); err != nil {
		return settings{}, fmt.Errorf("read DIE_AFTER: %w", err)
	}
	s.Database, err = databaseURL(env)
	return s, err
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// serve answers until ctx ends, then lets open requests finish.
func serve(ctx context.Context, env func(string) string) error {
	set, err := readSettings(env)
	if err != nil {
		return err
	}
	name, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("read host name: %w", err)
	}
	if !sleep(ctx, set.StartDelay) {
		return nil
	}
	web := newWeb(name, set.Greeting, !set.Unhealthy)
	if set.Database != "" {
		if web.orders, err = openOrders(ctx, set.Database); err != nil {
			return err
		}
		defer web.orders.close()
	}

	group, ctx := errgroup.WithContext(ctx)
	certificate, err := selfSigned(name)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           web.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	if err := listen(group, set.HTTP, "http", server.Serve); err != nil {
		return err
	}
	serveTLS := func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	if err := listen(group, set.HTTPS, "https", serveTLS); err != nil {
		return err
	}
	lines := &lineServer{name: name}
	if err := listen(group, set.TCP, "tcp", lines.serve); err != nil {
		return err
	}
	group.Go(func() error {
		<-ctx.Done()
		log.Print("demo: stopping")
		lines.close()
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), set.DrainLimit)
		defer cancel()
		return server.Shutdown(limit)
	})
	log.Print("demo: ", name, " is serving")
	if set.DieAfter > 0 {
		time.AfterFunc(set.DieAfter, func() {
			log.Print("demo: crashing after ", set.DieAfter)
			os.Exit(1)
		})
	}
	return group.Wait()
}

// listen opens the address and serves it in the background; "off" does nothing.
func listen(group *errgroup.Group, address, what string, serve func(net.Listener) error) error {
	if address == "off" {
		return nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen for %s: %w", what, err)
	}
	group.Go(func() error {
		err := serve(listener)
		if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
			return nil
		}
		return fmt.Errorf("serve %s: %w", what, err)
	})
	return nil
}

// sleep reports whether the whole duration passed.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
