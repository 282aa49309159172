package main

import (
	"bufio"
	"fmt"
	"net"
	"sync"
)

// lineServer says its name as the first line of a connection, then sends back each line.
type lineServer struct {
	name string

	mu       sync.Mutex
	closed   bool
	listener net.Listener
	open     map[net.Conn]struct{}
}

func (s *lineServer) serve(listener net.Listener) error {
	s.mu.Lock()
	s.listener, s.open = listener, map[net.Conn]struct{}{}
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return listener.Close()
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go s.talk(conn)
	}
}

func (s *lineServer) talk(conn net.Conn) {
	defer conn.Close()
	if !s.keep(conn) {
		return
	}
	defer s.forget(conn)
	if _, err := fmt.Fprintln(conn, s.name); err != nil {
		return
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if _, err := fmt.Fprintln(conn, lines.Text()); err != nil {
			return
		}
	}
}

func (s *lineServer) keep(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.open[conn] = struct{}{}
	}
	return !s.closed
}

func (s *lineServer) forget(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
}

// close ends the listener and every open connection: a TCP client has no request to wait for.
func (s *lineServer) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.listener != nil {
		s.listener.Close()
	}
	for conn := range s.open {
		conn.Close()
	}
}
