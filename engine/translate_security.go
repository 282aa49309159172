package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/strslice"
)

// namespaceKeys say what the container shares with others. "service:" references become containers in
// create.
var namespaceKeys = []key{
	plain("ipc", func(t *translation) { t.host.IpcMode = container.IpcMode(t.body.Ipc) }),
	plain("pid", func(t *translation) { t.host.PidMode = container.PidMode(t.body.Pid) }),
	plain("uts", func(t *translation) { t.host.UTSMode = container.UTSMode(t.body.Uts) }),
	plain("userns_mode", func(t *translation) { t.host.UsernsMode = container.UsernsMode(t.body.UserNSMode) }),
	plain("cgroup", func(t *translation) { t.host.CgroupnsMode = container.CgroupnsMode(t.body.Cgroup) }),
	plain("cgroup_parent", func(t *translation) { t.host.CgroupParent = t.body.CgroupParent }),
	plain("runtime", func(t *translation) { t.host.Runtime = t.body.Runtime }),
	plain("isolation", func(t *translation) { t.host.Isolation = container.Isolation(t.body.Isolation) }),
}

// securityKeys say what the container may do.
var securityKeys = []key{
	plain("cap_add", func(t *translation) { t.host.CapAdd = strslice.StrSlice(slices.Clone(t.body.CapAdd)) }),
	plain("cap_drop", func(t *translation) { t.host.CapDrop = strslice.StrSlice(slices.Clone(t.body.CapDrop)) }),
	plain("privileged", func(t *translation) { t.host.Privileged = t.body.Privileged }),
	plain("group_add", func(t *translation) { t.host.GroupAdd = t.body.GroupAdd }),
	plain("sysctls", func(t *translation) { t.host.Sysctls = t.body.Sysctls }),
	{name: "security_opt", apply: (*translation).securityOptions},
	{name: "credential_spec", set: func(b *types.ServiceConfig) bool { return b.CredentialSpec != nil }, apply: (*translation).credentials},
}

func (t *translation) securityOptions() error {
	for _, option := range t.body.SecurityOpt {
		name, value, found := strings.Cut(option, "=")
		if !found {
			name, value, found = strings.Cut(option, ":")
		}
		if found && name == "seccomp" && value != "unconfined" && value != "builtin" {
			profile, err := t.seccomp(value)
			if err != nil {
				return err
			}
			option = "seccomp=" + profile
		}
		t.host.SecurityOpt = append(t.host.SecurityOpt, option)
	}
	return nil
}

// seccomp is the profile's text: the engine takes no file name. A value that is a profile already stays.
func (t *translation) seccomp(value string) (string, error) {
	text := []byte(value)
	if !strings.HasPrefix(value, "{") {
		content, err := t.read(value)
		if err != nil {
			return "", fmt.Errorf("read seccomp profile: %w", err)
		}
		text = content
	}
	var profile bytes.Buffer
	if err := json.Compact(&profile, text); err != nil {
		return "", fmt.Errorf("read seccomp profile %s: %w", value, err)
	}
	return profile.String(), nil
}

func (t *translation) credentials() error {
	spec := t.body.CredentialSpec
	switch {
	case spec.Config != "":
		return errors.New("config needs a Swarm: use file or registry")
	case spec.File != "":
		t.host.SecurityOpt = append(t.host.SecurityOpt, "credentialspec=file://"+spec.File)
	case spec.Registry != "":
		t.host.SecurityOpt = append(t.host.SecurityOpt, "credentialspec=registry://"+spec.Registry)
	}
	return nil
}
