package api

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"cisterna/internal/auth"
	"cisterna/internal/token"
)

const permissionsFile = "../../docs/permissions.md"

var roleWords = map[auth.Role][2]string{
	auth.Engineer:   {"Engineer", "registers pumps, watches alarms and links"},
	auth.Prescriber: {"Prescriber", "proposes dose changes"},
	auth.Verifier:   {"Verifier", "checks them independently"},
	auth.Nurse:      {"Nurse", "refills; may release what others approved"},
	auth.Pharmacist: {"Pharmacist", "owns the drug library"},
	auth.Auditor:    {"Auditor", "reads and exports; changes nothing"},
	auth.Admin:      {"Admin", "manages people and sites; takes part in no dose change"},
}

var thingWords = map[Thing]string{
	OfNothing: "oneself, or the server", OfSites: "a list of one's own sites", OfPump: "a pump", OfAlarm: "an alarm", OfSite: "a site", OfPerson: "a person", OfToken: "a token",
	OfRecord: "the record of one's own sites", OfEntry: "an entry of the record",
	OfOrder: "an order", OfReview: "an act of one person", OfOnCall: "a time on call", OfKey: "a signing key", OfTrust: "keysets and drug libraries, of all sites",
}

// docs/permissions.md says what the tables say. It is the same as the description
// of the API (OpenAPI) in that it is written by the program: -update.
func TestPermissionsBesideOpenAPI(t *testing.T) {
	got := permissions(t)
	if *update {
		if err := os.WriteFile(permissionsFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(permissionsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/permissions.md is not current: go test ./web/api -update")
	}
}

func permissions(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Who may what\n")
	line("<!-- Written by go test ./web/api -update from the tables in internal/auth/separation.go and web/api/access.go. -->\n")
	line("Roles are held per site. What belongs to a site where one has no role does not exist: 404. What one's role does not")
	line("allow is 403. Without a session everything but signing in and enrolling is 401. A test asks for every operation as nobody, in every")
	line("role at the site and at another, and with API tokens, and compares each answer with this table.\n")
	line("## Roles\n\n| role | does |\n|---|---|")
	for _, r := range auth.Roles() {
		w, ok := roleWords[r]
		if !ok {
			t.Fatalf("role %s has no words", r)
		}
		line("| %s | %s |", w[0], w[1])
	}
	line("\nNobody changes their own roles or shuts their own account. A site keeps an administrator whose account is open.\n")
	line("## What one person cannot be\n\n| one role | the other | where | why |\n|---|---|---|---|")
	for _, e := range auth.Exclusions() {
		where := "at the same site"
		if e.Anywhere {
			where = "anywhere"
		}
		line("| %s | %s | %s | %s |", roleWords[e.One][0], roleWords[e.Other][0], where, e.Why)
	}
	line("\nPrescriber and verifier may be one person's roles. That whoever proposes a dose change never verifies it is a rule of the")
	line("change itself, which the server keeps and the pump again.\n")
	line("## Operations\n\nA dot is a role that may. *Token* is the scope with which a program may, with an API token of somebody who may.\n*Fresh signature*: a person only with one, by a passkey, over exactly that request; a program has no key, and what it may it may by its scope.\n")
	operationsTable(t, line)
	line("\n## Members that not everybody sees\n\nTo others they are null.\n\n| operation | member | roles |\n|---|---|---|")
	for _, f := range Fields() {
		line("| %s | `%s` | %s |", f.Operation, f.Member, joined(f.Roles))
	}
	line("\n## The live feed\n\n`GET %s/live` carries rows and alarms of the sites where one has a role, and no others, whatever the role. It ends within", Prefix)
	line("5 seconds of the session; when roles change it begins again with what one may see now. No API token opens it.\n")
	line("## A session that is locked to a visit\n\nFor 60 minutes, or until it is ended, it reaches one patient's pump: what is about that pump, its alarms, orders, reviews")
	line("and maintenance as the role allows, and these lists, narrowed to it: %s. All else is 403 `visit_locked`.\n", visited())
	line("## API tokens\n\nScopes: %s. A token names its sites, lives at most %d days, and has at most what", scopes(), int(token.MaxLife.Hours()/24))
	line("its owner has at the moment of the request. It changes no people, tokens or sites. Whom a pump is in is read with the pump:")
	line("to a token without `%s` the `patient` of an alarm is null, and a filter that asks for it is 403. Whoever gives a token `%s`", token.PumpsRead, token.PumpsRead)
	line("lets it take out the whole list of its sites, as files too, which a person signs for each time.")
	return b.Bytes()
}

func operationsTable(t *testing.T, line func(string, ...any)) {
	t.Helper()
	type entry struct{ tag, id, at string }
	var all []entry
	for path, item := range unserved(t).OpenAPI().Paths {
		for method, o := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete} {
			if o != nil {
				all = append(all, entry{o.Tags[0], o.OperationID, method + " " + strings.TrimPrefix(path, Prefix)})
			}
		}
	}
	slices.SortFunc(all, func(a, b entry) int {
		return strings.Compare(a.tag+" "+a.id, b.tag+" "+b.id)
	})
	if len(all) != len(access) {
		t.Fatalf("%d operations are described, %d are in the table", len(all), len(access))
	}
	head, rule := "| operation | request | about |", "|---|---|---|"
	for _, r := range auth.Roles() {
		head += " " + roleWords[r][0] + " |"
		rule += ":-:|"
	}
	line("%s token | fresh signature |\n%s---|:-:|", head, rule)
	for _, e := range all {
		who := access[e.id]
		about := thingWords[who.Of]
		if about == "" {
			about = string(who.Of)
		}
		if who.Hidden {
			about += ", or one of one's own"
		}
		row := fmt.Sprintf("| %s | `%s` | %s |", e.id, e.at, about)
		for _, r := range auth.Roles() {
			switch {
			case who.Anyone:
				row += " anyone |"
			case who.Roles == nil || slices.Contains(who.Roles, r):
				row += " ● |"
			default:
				row += " |"
			}
		}
		fresh := ""
		if who.StepUp {
			fresh = "●"
		}
		line("%s %s | %s |", row, who.Token, fresh)
	}
}

func joined(roles []auth.Role) string {
	var out []string
	for _, r := range roles {
		out = append(out, roleWords[r][0])
	}
	return strings.Join(out, ", ")
}

// visited lists the operations that show a locked session less than others see.
func visited() string {
	var out []string
	for _, op := range slices.Sorted(maps.Keys(access)) {
		if who := access[op]; who.Visit && who.Of == OfSites {
			out = append(out, "`"+op+"`")
		}
	}
	return strings.Join(out, ", ")
}

func scopes() string {
	var out []string
	for _, s := range token.Scopes() {
		out = append(out, "`"+string(s)+"`")
	}
	return strings.Join(out, ", ")
}
