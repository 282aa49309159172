package compose

import (
	"net/url"
	"slices"
	"strings"

	"github.com/mattn/go-shellwords"
)

// notify reads who is told of the ends of a job's runs. at is the mapping that the keys stand in.
func (r *reading) notify(keys map[string]any, at []string) *Notify {
	wrong := func(msg, hint string, below ...string) *Notify {
		r.reportAt(append(slices.Clone(at), below...), msg, hint)
		return nil
	}
	mail, _ := asString(keys["mail"])
	said, command := asMap(keys["notify"]), []string{"notify", "command"}
	if said == nil {
		command = command[:1]
		said = map[string]any{"command": keys["notify"]}
		if text, ok := asString(keys["notify"]); ok && validWebhook(text) {
			said = map[string]any{"webhook": text}
		}
	}
	policy, _ := asString(said["policy"])
	webhook, _ := asString(said["webhook"])
	n := &Notify{Policy: or(policy, or(mail, OnFailure)), Command: asCommand(said["command"]), Webhook: webhook}
	told := len(n.Command) > 0 || n.Webhook != ""
	switch {
	case mail != "" && policy != "" && mail != policy:
		return wrong("says "+mail+", and notify.policy says "+policy, "keep one of them", "mail")
	case mail != "" && !told:
		return wrong("says when, and nothing says who is told: no mail is sent from here", "add notify with a command or a webhook URL", "mail")
	case keys["notify"] == nil:
		return nil
	case !told:
		return wrong("says when, and nothing says who is told", "add command or webhook", "notify")
	case len(n.Command) > 0 && n.Webhook != "":
		return wrong("cannot stand beside command", "keep one of them", "notify", "webhook")
	case len(n.Command) > 0 && strings.Contains(n.Command[0], "://"):
		return wrong("is no command, and no webhook", "a webhook is an address that begins with http:// or https:// and names a host", command...)
	}
	return n
}

// asCommand reads a command as Compose reads them: a list as it is, a text in words, quotes honoured.
func asCommand(v any) []string {
	text, ok := asString(v)
	if !ok {
		words, _ := asStrings(v)
		return words
	}
	words, err := shellwords.Parse(text)
	if err != nil {
		return nil
	}
	return words
}

func validWebhook(text string) bool {
	if !strings.HasPrefix(text, "http://") && !strings.HasPrefix(text, "https://") {
		return false
	}
	u, err := url.Parse(text)
	return err == nil && u.Host != ""
}
