package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// Our labels. A thing is ours exactly when labelProject is there.
const (
	labelProject    = "hyper-lite.project"
	labelRole       = "hyper-lite.role"
	labelService    = "hyper-lite.service"
	labelSlot       = "hyper-lite.slot"
	labelGeneration = "hyper-lite.generation"
	labelHash       = "hyper-lite.hash"
	labelFields     = "hyper-lite.fields"
	labelImage      = "hyper-lite.image" // the reference; the engine forgets it once the tag moves
	labelDigest     = "hyper-lite.digest"
	labelFiles      = "hyper-lite.files"   // folders that are volumes only for copied-in files, by commas
	labelAdopted    = "hyper-lite.adopted" // paths whose anonymous volumes come from a replaced container
	labelCopies     = "hyper-lite.copies"  // configs and secrets that were copied in, one a line; absent where there are none
	labelShares     = "hyper-lite.shares"  // IDs of the containers of the project whose namespaces or volumes it uses, by commas
	labelCause      = "hyper-lite.cause"   // why the sidecar made it
	labelJobs       = "hyper-lite.jobs"    // which jobs a container registers, and how: plan's own text
	labelSidecar    = "hyper-lite.sidecar"
)

// Compose's labels, by which Docker Desktop, `docker compose ps` and dashboards group containers.
const (
	composeProject    = "com.docker.compose.project"
	composeService    = "com.docker.compose.service"
	composeNumber     = "com.docker.compose.container-number"
	composeOneOff     = "com.docker.compose.oneoff"
	composeHash       = "com.docker.compose.config-hash"
	composeWorkingDir = "com.docker.compose.project.working_dir"
	composeFiles      = "com.docker.compose.project.config_files"
	composeImage      = "com.docker.compose.image"
	composeDependsOn  = "com.docker.compose.depends_on"
	composeVersion    = "com.docker.compose.version"
	composeNetwork    = "com.docker.compose.network"
	composeVolume     = "com.docker.compose.volume"
)

// containerLabels are the file's labels and ours; ours win. Body.CustomLabels carries what the file
// cannot know of itself, such as the project folder.
func containerLabels(service compose.Service, ref plan.Ref, imageID string) (map[string]string, error) {
	fields, err := json.Marshal(service.Digest.Fields)
	if err != nil {
		return nil, fmt.Errorf("encode spec fields of %s: %w", service.Name, err)
	}
	labels := map[string]string{}
	maps.Copy(labels, service.Body.Labels)
	maps.Copy(labels, service.Body.CustomLabels)
	maps.Copy(labels, map[string]string{
		labelProject:     service.Project,
		labelRole:        string(role(service)),
		labelService:     ref.Service,
		labelSlot:        strconv.Itoa(ref.Slot),
		labelGeneration:  strconv.Itoa(ref.Generation),
		labelHash:        service.Digest.Hash,
		labelFields:      string(fields),
		labelImage:       imageOf(service),
		composeProject:   service.Project,
		composeService:   ref.Service,
		composeNumber:    strconv.Itoa(ref.Slot),
		composeOneOff:    oneOff(role(service)),
		composeHash:      service.Digest.Hash,
		composeImage:     imageID,
		composeDependsOn: dependsLabel(service.DependsOn),
		composeVersion:   compose.LabelsVersion,
	})
	return labels, nil
}

// projectOfCompose is the project that docker compose, or we, made a container for; "" if none. The image of a service
// built by Compose carries the project's label too, and so does whatever is made of it: only the hash tells them apart.
func projectOfCompose(labels map[string]string) string {
	if labels[composeHash] == "" {
		return ""
	}
	return labels[composeProject]
}

// serviceOfCompose is the service that docker compose made a replica for; "" for all else, ours included.
func serviceOfCompose(labels map[string]string) string {
	if labels[labelProject] != "" || projectOfCompose(labels) == "" || strings.EqualFold(labels[composeOneOff], "true") {
		return ""
	}
	return labels[composeService]
}

func role(service compose.Service) compose.Role {
	if service.Role == "" {
		return compose.RoleReplica
	}
	return service.Role
}

// oneOff tells Compose to count only replicas: the rest would be orphans to it.
func oneOff(role compose.Role) string {
	if role == compose.RoleReplica {
		return "False"
	}
	return "True"
}

// dependsLabel is in Compose's form: service:condition:restart, by commas.
func dependsLabel(dependencies []compose.Dependency) string {
	entries := make([]string, len(dependencies))
	for i, d := range dependencies {
		entries[i] = fmt.Sprintf("%s:%s:%t", d.Service, d.Condition, d.Restart)
	}
	return strings.Join(entries, ",")
}

func dependsOn(label string) []string {
	var services []string
	for entry := range strings.SplitSeq(label, ",") {
		if name, _, _ := strings.Cut(entry, ":"); name != "" {
			services = append(services, name)
		}
	}
	slices.Sort(services)
	return slices.Compact(services)
}

// resourceLabels are those of a network or a volume. key is its name in the file.
func resourceLabels(own types.Labels, custom types.Labels, project, kind, key, digest string) map[string]string {
	labels := map[string]string{}
	maps.Copy(labels, own)
	maps.Copy(labels, custom)
	maps.Copy(labels, map[string]string{
		labelProject:   project,
		labelDigest:    digest,
		composeProject: project,
		composeVersion: compose.LabelsVersion,
		kind:           key,
	})
	return labels
}

// refOf reads a replica's reference from its labels. A container whose numbers are broken has slot 0,
// which no plan ever asks for.
func refOf(labels map[string]string) plan.Ref {
	slot, _ := strconv.Atoi(labels[labelSlot])
	generation, _ := strconv.Atoi(labels[labelGeneration])
	return plan.Ref{Service: labels[labelService], Slot: slot, Generation: generation}
}

// digestOf reads a container's spec digest from its labels. Broken fields are no fields: they only
// explain a difference, they never make one.
func digestOf(labels map[string]string) compose.Digest {
	digest := compose.Digest{Hash: labels[labelHash]}
	if err := json.Unmarshal([]byte(labels[labelFields]), &digest.Fields); err != nil {
		digest.Fields = nil
	}
	return digest
}

// imageOf is the reference a service's containers are made from; a service that only builds has the name
// that Compose gives it.
func imageOf(service compose.Service) string {
	if service.Body.Image != "" {
		return service.Body.Image
	}
	return service.Project + "-" + service.Name
}
