package engine

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
)

// configuration is the docker CLI's own: credentials and proxies. A home that is no folder has none, which is an empty one.
func configuration() (*configfile.ConfigFile, error) {
	file, err := config.Load(config.Dir())
	if errors.Is(err, syscall.ENOTDIR) {
		return configfile.New(""), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read docker configuration: %w", err)
	}
	return file, nil
}

// CheckConfiguration says before anything is made whether the docker CLI's configuration can be read: containers are
// made with its proxies.
func CheckConfiguration() error {
	_, err := configuration()
	return err
}
