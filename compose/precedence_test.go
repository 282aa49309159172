package compose

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// Where a variable of a container comes from, in the order that docker compose documents ("Environment variables
// precedence in Docker Compose", its table of fifteen cases): what `run -e` says; what environment says; what env_file
// says; what the image says. A name without a value, in any of the first three, stands for what the shell has, or else
// the .env file. Shell and .env by themselves put nothing into a container.
func TestEnvironmentPrecedence(t *testing.T) {
	const fromImage, none = "the image's", "none"
	for _, c := range []struct {
		row                                    string
		run, environment, envFile, shell, file string // "-" is not there; "VALUE" is the name alone
		image                                  bool
		want                                   string
	}{
		{"1", "-", "-", "-", "VALUE=1.4", "VALUE=1.3", false, none},
		{"2", "-", "-", "VALUE=1.6", "VALUE=1.4", "-", true, "1.6"},
		{"3", "-", "VALUE=1.7", "-", "VALUE=1.4", "-", true, "1.7"},
		{"4", "-", "-", "-", "VALUE=1.4", "VALUE=1.3", true, fromImage},
		{"5", "VALUE=1.8", "-", "-", "VALUE=1.4", "VALUE=1.3", true, "1.8"},
		{"6", "VALUE", "-", "-", "VALUE=1.4", "VALUE=1.3", true, "1.4"},
		{"7", "VALUE", "-", "-", "-", "VALUE=1.3", true, "1.3"},
		{"8", "-", "-", "VALUE", "VALUE=1.4", "VALUE=1.3", true, "1.4"},
		{"9", "-", "-", "VALUE", "-", "VALUE=1.3", true, "1.3"},
		{"10", "-", "VALUE", "-", "VALUE=1.4", "VALUE=1.3", true, "1.4"},
		{"11", "-", "VALUE", "-", "-", "VALUE=1.3", true, "1.3"},
		{"12", "VALUE", "VALUE=1.7", "-", "VALUE=1.4", "VALUE=1.3", true, "1.4"},
		{"13", "VALUE=1.8", "VALUE=1.7", "-", "VALUE=1.4", "VALUE=1.3", true, "1.8"},
		{"14", "VALUE=1.8", "-", "VALUE=1.6", "VALUE=1.4", "VALUE=1.3", true, "1.8"},
		{"15", "VALUE=1.8", "VALUE=1.7", "VALUE=1.6", "VALUE=1.4", "VALUE=1.3", true, "1.8"},

		// and what the page says in words
		{"environment before env_file", "-", "VALUE=1.7", "VALUE=1.6", "VALUE=1.4", "VALUE=1.3", true, "1.7"},
		{"interpolated in environment", "-", "VALUE=${VALUE}", "VALUE=1.6", "VALUE=1.4", "VALUE=1.3", true, "1.4"},
		{"interpolated in environment, no shell", "-", "VALUE=${VALUE}", "VALUE=1.6", "-", "VALUE=1.3", true, "1.3"},
		{"interpolated in env_file", "-", "-", "VALUE=${VALUE}", "VALUE=1.4", "VALUE=1.3", true, "1.4"},
		{"interpolated in env_file, no shell", "-", "-", "VALUE=${VALUE}", "-", "VALUE=1.3", true, "1.3"},
		{"a default in env_file", "-", "-", "VALUE=${OTHER:-1.2}", "VALUE=1.4", "VALUE=1.3", true, "1.2"},
		{"a name alone that nobody knows takes the image's away", "-", "VALUE", "-", "-", "-", true, none},
		{"a name alone before env_file", "-", "VALUE", "VALUE=1.6", "VALUE=1.4", "-", true, "1.4"},
		{"run with a name alone that nobody knows", "VALUE", "VALUE=1.7", "-", "-", "-", true, "1.7"},
		{"an empty value is one", "-", "VALUE=", "VALUE=1.6", "VALUE=1.4", "-", true, ""},
		{"empty in the shell", "-", "VALUE", "-", "VALUE=", "VALUE=1.3", true, ""},
	} {
		for _, form := range []string{"list", "mapping"} {
			t.Run(c.row+" "+form, func(t *testing.T) {
				text := "services:\n  web:\n    image: x\n"
				name, value, given := strings.Cut(c.environment, "=")
				switch {
				case c.environment == "-":
				case form == "list":
					text += "    environment: ['" + c.environment + "']\n"
				case given:
					text += "    environment: {" + name + ": '" + value + "'}\n"
				default:
					text += "    environment: {" + name + ": }\n"
				}
				files := map[string]string{}
				if c.envFile != "-" {
					text += "    env_file: web.env\n"
					files["web.env"] = c.envFile + "\n"
				}
				if c.file != "-" {
					files[".env"] = c.file + "\n"
				}
				files["compose.yaml"] = text
				var opt LoadOptions
				if c.shell != "-" {
					opt.Env = []string{c.shell}
				}
				p := mustLoad(t, files, opt)
				web := service(t, p, "web")
				if c.run != "-" {
					var err error
					web, err = OneOffOf(p, "web", "0", OneOff{Env: []string{c.run}})
					assert.NilError(t, err)
				}
				got := none
				if c.image {
					got = fromImage
				}
				switch value, said := web.Body.Environment["VALUE"]; {
				case said && value != nil:
					got = *value
				case said: // the engine takes a name alone as: not in this container
					got = none
				}
				assert.Equal(t, got, c.want)
			})
		}
	}
}
