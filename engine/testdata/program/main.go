// Program is what runs in the containers of the engine's tests: one verb per behaviour, and nothing else
// in the image.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		os.Args = append(os.Args, "run")
	}
	arguments := os.Args[2:]
	switch verb := os.Args[1]; verb {
	case "run": // until a signal says otherwise
		fmt.Println("running")
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
		<-stop
		fmt.Println("stopping")
	case "exit": // CODE [LINE...]
		for _, line := range arguments[1:] {
			fmt.Println(line)
		}
		code, err := strconv.Atoi(arguments[0])
		check(err)
		os.Exit(code)
	case "exists": // FILE
		_, err := os.Stat(arguments[0])
		check(err)
	case "unwell": // a health check that explains itself
		fmt.Println("the pump is broken")
		os.Exit(1)
	case "write": // FILE TEXT
		check(os.WriteFile(arguments[0], []byte(arguments[1]), 0o600))
	case "show": // FILE...: owner, mode and content
		for _, name := range arguments {
			info, err := os.Stat(name)
			check(err)
			content, err := os.ReadFile(name)
			check(err)
			owner := info.Sys().(*syscall.Stat_t)
			fmt.Printf("%s %d:%d %04o %s\n", name, owner.Uid, owner.Gid, info.Mode().Perm(), content)
		}
	case "print": // OUT ERR
		fmt.Fprintln(os.Stdout, arguments[0])
		fmt.Fprintln(os.Stderr, arguments[1])
	case "echo": // stdin to stdout, in upper case, until its end
		content, err := io.ReadAll(os.Stdin)
		check(err)
		fmt.Print(strings.ToUpper(string(content)))
	case "resolve": // NAME
		addresses, err := net.LookupHost(arguments[0])
		check(err)
		fmt.Println(len(addresses))
	case "later": // SECONDS FILE: makes a file after a while, and runs on
		seconds, err := strconv.ParseFloat(arguments[0], 64)
		check(err)
		time.Sleep(time.Duration(seconds * float64(time.Second)))
		check(os.WriteFile(arguments[1], nil, 0o600))
		select {}
	default:
		fmt.Fprintln(os.Stderr, "unknown verb", verb)
		os.Exit(64)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
