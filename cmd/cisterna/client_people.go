package main

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"strings"

	"cisterna/internal/errs"
)

// PeopleCmd groups the commands that ask a server about people. They change
// nothing: that takes a person who is signed in.
type PeopleCmd struct {
	List PeopleListCmd `cmd:"" help:"List the people of the sites that you administer or audit."`
	Show PeopleShowCmd `cmd:"" help:"Show a person by their login."`
}

// listedPerson is what a table shows of a person.
type listedPerson struct {
	Login  string  `json:"login"`
	Name   string  `json:"name"`
	State  string  `json:"state"`
	SeenAt *string `json:"seen_at"`
	Roles  []struct {
		Site string `json:"site_short"`
		Role string `json:"role"`
	} `json:"roles"`
}

// people reads the list, page after page, as the API has it.
func (c *client) people(ctx context.Context, q url.Values) ([]json.RawMessage, error) {
	var all []json.RawMessage
	for {
		page, err := into[struct {
			Items []json.RawMessage `json:"items"`
			Next  *string           `json:"next"`
		}](c.get(ctx, "/people", q))
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == nil {
			return all, nil
		}
		q.Set("before", *page.Next)
	}
}

// PeopleListCmd lists people.
type PeopleListCmd struct {
	clientFlags
	Role  string `help:"Only people with this role." placeholder:"ROLE"`
	Text  string `help:"Only people with this in their login or name." placeholder:"TEXT"`
	State string `help:"open, disabled or all." default:"all" enum:"open,disabled,all"`
	JSON  bool   `name:"json" help:"As the API answers it."`
}

// Run prints a line per person.
func (c *PeopleListCmd) Run(ctx context.Context) error {
	server, err := c.open()
	if err != nil {
		return err
	}
	q := url.Values{"state": {c.State}, "limit": {"500"}}
	for name, v := range map[string]string{"role": c.Role, "text": c.Text} {
		if v != "" {
			q.Set(name, v)
		}
	}
	found, err := server.people(ctx, q)
	if err != nil {
		return err
	}
	return printPeople(found, c.JSON)
}

func printPeople(found []json.RawMessage, asJSON bool) error {
	if asJSON {
		raw, err := json.Marshal(found)
		if err != nil {
			return err
		}
		return printJSON(os.Stdout, raw)
	}
	var rows [][]string
	for _, one := range found {
		p, err := into[listedPerson](one, nil)
		if err != nil {
			return err
		}
		var roles []string
		for _, r := range p.Roles {
			roles = append(roles, r.Site+":"+r.Role)
		}
		seen := ""
		if p.SeenAt != nil {
			seen = *p.SeenAt
		}
		rows = append(rows, []string{p.Login, p.Name, strings.Join(roles, " "), p.State, seen})
	}
	return printTable(os.Stdout, []string{"login", "name", "roles", "account", "last_seen"}, rows)
}

// PeopleShowCmd shows a person.
type PeopleShowCmd struct {
	clientFlags
	Login string `arg:"" help:"Whose."`
	JSON  bool   `name:"json" help:"As the API answers it."`
}

// Run prints the person.
func (c *PeopleShowCmd) Run(ctx context.Context) error {
	server, err := c.open()
	if err != nil {
		return err
	}
	found, err := server.people(ctx, url.Values{"text": {c.Login}, "limit": {"500"}})
	if err != nil {
		return err
	}
	for _, one := range found {
		p, err := into[listedPerson](one, nil)
		if err != nil {
			return err
		}
		if strings.EqualFold(p.Login, c.Login) {
			return printPeople([]json.RawMessage{one}, c.JSON)
		}
	}
	return errs.NotFoundf("There is no %q among the people that you may see.", c.Login)
}
