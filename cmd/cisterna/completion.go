package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"cisterna/fleet/filter"
	"cisterna/fleet/overview"
)

// CompletionCmd prints what a shell needs to complete the command's words.
type CompletionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// completions are the scripts: each asks the command itself what may come next.
var completions = map[string]string{
	"bash": `_cisterna() {
  local line; COMPREPLY=()
  # A colon splits words in bash; what is typed is put together again.
  local cur="${COMP_LINE:0:$COMP_POINT}"; cur="${cur##* }"
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(cisterna complete -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$cur" 2>/dev/null)
  case $cur in *:*) local head="${cur%"${cur##*:}"}" i; for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]="${COMPREPLY[i]#"$head"}"; done ;; esac
}
complete -o nospace -F _cisterna cisterna
`,
	"zsh": `#compdef cisterna
_cisterna() {
  local -a all
  all=("${(@f)$(cisterna complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -S '' -- $all
}
compdef _cisterna cisterna
`,
	"fish": `complete -c cisterna -f -a '(cisterna complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`,
}

// Run prints the script.
func (c *CompletionCmd) Run() error {
	fmt.Print(completions[c.Shell])
	return nil
}

// CompleteCmd prints what may come next, one a line. The scripts call it.
type CompleteCmd struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

// Run prints the possible words.
func (c *CompleteCmd) Run(k *kong.Context) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	for _, w := range complete(k.Model.Node, words) {
		if _, err := fmt.Fprintln(os.Stdout, w); err != nil {
			return err
		}
	}
	return nil
}

// complete returns what the last word may become.
func complete(node *kong.Node, words []string) (out []string) {
	if len(words) == 0 {
		words = []string{""}
	}
	last, flag := words[len(words)-1], ""
	for _, w := range words[:len(words)-1] {
		flag = ""
		if strings.HasPrefix(w, "-") {
			if !strings.Contains(w, "=") {
				flag = w
			}
			continue
		}
		if i := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == w }); i >= 0 {
			node = node.Children[i]
		}
	}
	add := func(w string) {
		if strings.HasPrefix(w, last) && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	if name, value, ok := strings.Cut(last, "="); ok && strings.HasPrefix(name, "-") {
		for _, v := range flagValues(node, name) {
			if strings.HasPrefix(v, value) {
				add(name + "=" + v)
			}
		}
		return out
	}
	if values := flagValues(node, flag); values != nil {
		for _, v := range values {
			add(v)
		}
		return out
	}
	if strings.HasPrefix(last, "-") {
		for _, group := range node.AllFlags(true) {
			for _, f := range group {
				add("--" + f.Name)
			}
		}
		return out
	}
	for _, n := range node.Children {
		if !n.Hidden {
			add(n.Name)
		}
	}
	if slices.ContainsFunc(node.Positional, func(p *kong.Positional) bool { return p.Name == "filter" }) {
		for _, f := range filter.Fields() {
			for _, w := range filterWords(f) {
				// The values of a field are shown once its name stands there.
				if _, value, _ := strings.Cut(w, ":"); value == "" || strings.HasPrefix(last, f.Name+":") {
					add(w)
				}
			}
		}
	}
	return out
}

// filterWords are how a term about a field may begin.
func filterWords(f filter.Field) []string {
	out := []string{f.Name + string(f.Ops()[0])}
	for _, v := range f.Values {
		out = append(out, f.Name+":"+v)
	}
	return out
}

// flagValues are the values that a flag takes, nil if they are not known.
func flagValues(node *kong.Node, flag string) (out []string) {
	if !slices.ContainsFunc(node.Positional, func(p *kong.Positional) bool { return p.Name == "filter" }) {
		return nil
	}
	switch flag {
	case "--columns":
		for _, c := range overview.Columns() {
			out = append(out, c.Key)
		}
	case "--sort":
		for _, c := range overview.Columns() {
			if _, err := overview.ParseSort(c.Key); err == nil {
				out = append(out, c.Key, "-"+c.Key)
			}
		}
	case "--by":
		out = overview.Facets()
	}
	return out
}
