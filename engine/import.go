package engine

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"

	"hyper-lite/plan"
)

// SidecarRepository is the name of the sidecar's images; the tag is of the executable.
const SidecarRepository = "hyper-lite-sidecar"

// SidecarImage is the image that Options.Executable makes: its tag is the first 12 hex digits of the
// executable's SHA-256, so that another binary is another image. It is an error where there is no
// executable.
func (e *Engine) SidecarImage() (string, error) {
	e.sidecar.Do(func() { e.sidecarName, e.sidecarErr = sidecarImage(e.options.Executable) })
	return e.sidecarName, e.sidecarErr
}

func sidecarImage(executable string) (string, error) {
	if executable == "" {
		return "", errors.New("there is no Linux executable to make the sidecar's image of")
	}
	binary, err := os.Open(executable)
	if err != nil {
		return "", fmt.Errorf("read executable: %w", err)
	}
	defer binary.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, binary); err != nil {
		return "", fmt.Errorf("read executable: %w", err)
	}
	return SidecarRepository + ":" + hex.EncodeToString(sum.Sum(nil))[:12], nil
}

// importSidecar makes the sidecar's image, of nothing but the executable, unless it is there.
func (e *Engine) importSidecar(ctx context.Context, step plan.Import) error {
	_, err := e.client.ImageInspect(ctx, step.Image)
	if err == nil {
		return nil
	}
	if !errdefs.IsNotFound(err) {
		return wrap(err, "inspect image "+step.Image)
	}
	if e.options.Executable == "" {
		return errors.New("there is no Linux executable to make it of: put the file hyper-lite-linux-ARCH beside this one")
	}
	if err := e.fits(ctx, e.options.Executable); err != nil {
		return err
	}
	binary, err := os.Open(e.options.Executable)
	if err != nil {
		return fmt.Errorf("read executable: %w", err)
	}
	defer binary.Close()
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(packExecutable(writer, binary)) }()
	defer reader.Close()
	progress, err := e.client.ImageImport(ctx, image.ImportSource{Source: reader, SourceName: "-"}, step.Image, image.ImportOptions{
		Changes: []string{`ENTRYPOINT ["/hyper-lite"]`, "LABEL " + labelSidecar + "=true"},
	})
	if err != nil {
		return err
	}
	defer progress.Close()
	e.forget(step.Image)
	return e.follow(step, progress)
}

// machines are the processors that an executable can be for, in the engine's words.
var machines = map[elf.Machine]string{
	elf.EM_386: "386", elf.EM_AARCH64: "arm64", elf.EM_ARM: "arm", elf.EM_LOONGARCH: "loong64", elf.EM_PPC64: "ppc64le",
	elf.EM_RISCV: "riscv64", elf.EM_S390: "s390x", elf.EM_X86_64: "amd64",
}

// fits says why the engine's host cannot run an executable: a remote engine may have another processor.
func (e *Engine) fits(ctx context.Context, executable string) error {
	file, err := elf.Open(executable)
	if err != nil {
		return fmt.Errorf("read executable %s: %w", executable, err)
	}
	machine, known := machines[file.Machine]
	if err := file.Close(); err != nil {
		return fmt.Errorf("read executable %s: %w", executable, err)
	}
	version, err := e.client.ServerVersion(ctx)
	if err != nil {
		return wrap(err, "ask for the engine's processor")
	}
	if !known || version.Arch == "" || machine == version.Arch {
		return nil
	}
	return fmt.Errorf("the engine's host is %s and this hyper-lite is for %s: use a build for linux/%s there", version.Arch, machine, version.Arch)
}

// packExecutable writes the image's whole file system.
func packExecutable(to io.Writer, binary *os.File) error {
	info, err := binary.Stat()
	if err != nil {
		return err
	}
	archive := tar.NewWriter(to)
	err = archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "hyper-lite", Mode: 0o755, Size: info.Size()})
	if err != nil {
		return err
	}
	if _, err := io.Copy(archive, binary); err != nil {
		return err
	}
	return archive.Close()
}

// removeImage leaves an image alone that a container uses.
func (e *Engine) removeImage(ctx context.Context, step plan.RemoveImage) error {
	_, err := e.client.ImageRemove(ctx, step.Image, image.RemoveOptions{PruneChildren: true})
	if errdefs.IsConflict(err) {
		return nil
	}
	if err = gone(err); err == nil {
		e.forget(step.Image)
	}
	return err
}
