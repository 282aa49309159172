package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// clientLimit bounds request and dial: both serve as health checks.
const clientLimit = 10 * time.Second

// request prints the body of the answer. Certificates are not verified: the demo's own are self-signed.
func request(ctx context.Context, method, url string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, clientLimit)
	defer cancel()
	ask, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	answer, err := client.Do(ask)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(out, answer.Body); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("%s %s: %s", method, url, answer.Status)
	}
	return nil
}

// dial prints the first line that the server sends.
func dial(ctx context.Context, address string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, clientLimit)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(clientLimit)); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return fmt.Errorf("read first line: %w", err)
	}
	_, err = io.WriteString(out, line)
	return err
}
