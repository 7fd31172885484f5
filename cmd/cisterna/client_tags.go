package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"cisterna/internal/errs"
)

// PumpsTagCmd gives tags to all pumps of a filter.
type PumpsTagCmd struct {
	clientFlags
	filterArgs
	Add    []string `help:"Tags to give." placeholder:"TAG" xor:"what" required:""`
	Remove []string `help:"Tags to take away." placeholder:"TAG" xor:"what" required:""`
	All    bool     `help:"Work on all pumps: needed when there is no filter."`
	DryRun bool     `help:"Only say how many pumps are meant."`
}

// Run works on what the filter means at this moment, and prints what became of it.
func (c *PumpsTagCmd) Run(ctx context.Context) error {
	server, err := c.open()
	if err != nil {
		return err
	}
	which, err := server.wanted(ctx, c.filterArgs, &tableFlags{})
	if err != nil {
		return err
	}
	if strings.TrimSpace(which) == "" && !c.All {
		return errs.Invalidf("No filter would mean all pumps. Say which, or --all.")
	}
	type frozen struct {
		ID, Filter string
		Count      int64
	}
	list, err := into[frozen](server.post(ctx, "/pumps/frozen", map[string]string{"q": which}))
	if err != nil {
		return err
	}
	meant := list.Filter
	if meant == "" {
		meant = "all pumps"
	}
	fmt.Fprintf(os.Stderr, "%d pumps: %s\n", list.Count, meant)
	if c.DryRun {
		return nil
	}
	action, tags := "tag", c.Add
	if len(c.Remove) > 0 {
		action, tags = "untag", c.Remove
	}
	r, err := into[runState](server.post(ctx, "/runs", map[string]any{"frozen": list.ID, "action": action, "tags": tags}))
	if err != nil {
		return err
	}
	return server.follow(ctx, r)
}

// runState is how far work on many pumps is.
type runState struct {
	ID, State, Why         string
	Waiting, Done, Refused int64
}

// follow waits until a run has ended and says how.
func (c *client) follow(ctx context.Context, r runState) (err error) {
	for r.State == "running" {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
		if r, err = into[runState](c.get(ctx, "/runs/"+r.ID, nil)); err != nil {
			return err
		}
	}
	fmt.Printf("%d done, %d refused, %d left\n", r.Done, r.Refused, r.Waiting)
	type page struct {
		Items []struct{ Serial, Detail string }
		Next  *string
	}
	for q := (url.Values{"state": {"refused"}, "limit": {"1000"}}); r.Refused > 0; {
		p, err := into[page](c.get(ctx, "/runs/"+r.ID+"/items", q))
		if err != nil {
			return err
		}
		for _, i := range p.Items {
			fmt.Printf("%s: %s\n", printable(i.Serial), printable(i.Detail))
		}
		if p.Next == nil {
			break
		}
		q.Set("after", *p.Next)
	}
	if r.State == "stopped" || r.Refused > 0 {
		return exitError{1, strings.TrimSpace("not everything was done. " + r.Why)}
	}
	return nil
}
