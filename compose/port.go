package compose

import (
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

// reportPort is a mistake at a published port, the i-th of the merged model. An entry of a file may be a range of
// ports, and the entries of several files are one list: the place is the entry that says this port, where one does
// so without a variable.
func (r *reading) reportPort(i int, port types.ServicePortConfig, msg, hint string) {
	at := []string{r.section, r.name, "ports"}
	for _, doc := range slices.Backward(r.l.places.docs) {
		for _, root := range slices.Backward(doc.roots) {
			_, list, matched := find(root, at)
			if matched < len(at) || list.Kind != yaml.SequenceNode {
				continue
			}
			for n, entry := range list.Content {
				if publishes(entry, port) {
					r.errs = append(r.errs, doc.errorAt(entry, append(at, itoa(n)), msg, hint))
					return
				}
			}
		}
	}
	r.reportAt([]string{"ports", itoa(i)}, msg, hint)
}

// publishes says whether an entry of a file is this port, alone or among others.
func publishes(entry *yaml.Node, port types.ServicePortConfig) bool {
	if entry.Kind == yaml.ScalarNode {
		several, err := types.ParsePortConfig(entry.Value)
		return err == nil && slices.ContainsFunc(several, func(one types.ServicePortConfig) bool {
			return one.Target == port.Target && one.Published == port.Published && one.Protocol == port.Protocol && one.HostIP == port.HostIP
		})
	}
	value := func(key, unset string) string {
		if _, node := child(entry, key); node != nil {
			return node.Value
		}
		return unset
	}
	return value("target", "") == itoa(int(port.Target)) && value("published", "") == port.Published &&
		value("protocol", "tcp") == port.Protocol && value("host_ip", "") == port.HostIP
}
