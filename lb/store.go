package lb

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hyper-lite/compose"
	"hyper-lite/state"
)

// store is the volume, of which the sidecar is the only writer. A file in it is the old one or the new one,
// never a part, after a crash too.
type store struct{ root string }

const (
	temporary    = ".new" // state.Replace's; not an ending that Traefik reads
	passwordFile = "state/password"
)

func (s store) path(name string) string { return filepath.Join(s.root, filepath.FromSlash(name)) }

func (s store) makeFolders() error {
	for folder, mode := range map[string]os.FileMode{dynamic: 0o755, certs: 0o700, "state": 0o700} {
		if err := os.MkdirAll(s.path(folder), mode); err != nil {
			return fmt.Errorf("make folder %s: %w", folder, err)
		}
	}
	return nil
}

// write puts text in place of a file, and says whether that changed anything. Equal text is not written.
func (s store) write(name string, text []byte, mode os.FileMode) (bool, error) {
	old, err := os.ReadFile(s.path(name))
	if err == nil && bytes.Equal(old, text) {
		return false, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("read %s: %w", name, err)
	}
	if err := state.Replace(s.path(name), text, mode); err != nil {
		return false, fmt.Errorf("write %s: %w", name, err)
	}
	return true, nil
}

// putDynamic makes Traefik's directory hold exactly these files, and says whether anything changed. The
// revision is written last: where it stands, all it speaks of stands. With keepOthers files of other services
// stay.
func (s store) putDynamic(files map[string][]byte, keepOthers bool) (bool, error) {
	changed := false
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name == revisionFile {
			continue
		}
		wrote, err := s.write(dynamic+"/"+name, files[name], 0o644)
		if err != nil {
			return changed, err
		}
		changed = changed || wrote
	}
	removed, err := s.removeOthers(dynamic, func(name string) bool {
		_, ok := files[name]
		return ok || keepOthers && strings.HasSuffix(name, ".yml")
	})
	if err != nil {
		return changed, err
	}
	wrote, err := s.write(dynamic+"/"+revisionFile, files[revisionFile], 0o644)
	return changed || removed || wrote, err
}

// removeOthers removes the files of a folder that are not kept, what a crash left half written included.
func (s store) removeOthers(folder string, keep func(name string) bool) (bool, error) {
	entries, err := os.ReadDir(s.path(folder))
	if err != nil {
		return false, fmt.Errorf("list %s: %w", folder, err)
	}
	removed := false
	for _, entry := range entries {
		if entry.IsDir() || keep(entry.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(s.path(folder), entry.Name())); err != nil {
			return removed, fmt.Errorf("remove %s/%s: %w", folder, entry.Name(), err)
		}
		removed = removed || !strings.HasSuffix(entry.Name(), temporary)
	}
	return removed, nil
}

func (s store) dynamicFiles() (map[string]string, error) {
	entries, err := os.ReadDir(s.path(dynamic))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dynamic, err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".yml") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(s.path(dynamic), entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", entry.Name(), err)
		}
		files[entry.Name()] = string(text)
	}
	return files, nil
}

// putCertificates writes the certificates of routes. They are named after their content, so an existing one
// is the same one. A pair that does not belong together is refused: Traefik would show no certificate at all
// any more, of no service.
func (s store) putCertificates(routes []compose.Route) error {
	for _, r := range routes {
		if r.Cert == nil || r.Cert.Chain == "" {
			continue
		}
		if !digest.MatchString(r.Cert.Digest) {
			return fmt.Errorf("certificate digest %q is not hexadecimal", r.Cert.Digest)
		}
		if _, err := tls.X509KeyPair([]byte(r.Cert.Chain), []byte(r.Cert.Key)); err != nil {
			return fmt.Errorf("certificate %s: %w", r.Cert.Source, err)
		}
		name := certs + "/" + certificateName(r.Cert)
		if _, err := s.write(name+".key", []byte(r.Cert.Key), 0o600); err != nil {
			return err
		}
		if _, err := s.write(name+".crt", []byte(r.Cert.Chain), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// pruneCertificates removes the certificates that no route names any more.
func (s store) pruneCertificates(t Table) error {
	used := map[string]bool{}
	for _, served := range t.Services {
		for _, r := range served.Routes {
			if r.Cert != nil {
				used[certificateName(r.Cert)+".key"] = true
				used[certificateName(r.Cert)+".crt"] = true
			}
		}
	}
	_, err := s.removeOthers(certs, func(name string) bool { return used[name] })
	return err
}

// password returns the password of Traefik's API, and makes one where there is none.
func (s store) password() (string, error) {
	text, err := os.ReadFile(s.path(passwordFile))
	if err == nil && len(text) > 0 {
		return string(text), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read %s: %w", passwordFile, err)
	}
	password := newPassword()
	_, err = s.write(passwordFile, []byte(password), 0o600)
	return password, err
}

// load reads the record. A record that cannot be read is set aside, never overwritten: unreadable is its new
// path, and the record returned is empty.
func (s store) load() (r record, unreadable string, err error) {
	text, err := os.ReadFile(s.path(recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return record{Version: recordVersion}, "", nil
	}
	if err != nil {
		return record{}, "", fmt.Errorf("read %s: %w", recordFile, err)
	}
	if r, err = decodeRecord(text); err == nil {
		return r, "", nil
	}
	aside := recordFile + ".unreadable"
	if err := os.Rename(s.path(recordFile), s.path(aside)); err != nil {
		return record{}, "", fmt.Errorf("set %s aside: %w", recordFile, err)
	}
	return record{Version: recordVersion}, aside, nil
}

func (s store) save(r record) error {
	text, err := r.encode()
	if err != nil {
		return fmt.Errorf("encode %s: %w", recordFile, err)
	}
	_, err = s.write(recordFile, text, 0o600)
	return err
}
