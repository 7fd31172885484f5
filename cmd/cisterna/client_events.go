package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"cisterna/internal/errs"
)

// EventsCmd prints what happens in the fleet, in the order in which everybody
// reads it. It ends with a line that says where to go on, on standard error, so
// that a program can keep it.
type EventsCmd struct {
	clientFlags
	Tail   int    `help:"The newest so many; 50 without --after." placeholder:"N"`
	After  string `help:"What happened behind a cursor: the one that an earlier run ended with." placeholder:"CURSOR"`
	Names  string `help:"Only these, separated by commas; one that ends in a dot stands for all that begin so." placeholder:"alarm.,pump.register"`
	Pump   string `help:"Only of this pump, by its id." placeholder:"ID"`
	Site   string `help:"Only of this site, by its id." placeholder:"ID"`
	Follow bool   `short:"f" help:"Wait for what comes, until interrupted. A server that cannot be reached is tried again."`
	JSON   bool   `name:"json" help:"One event a line, as the API answers it."`
}

// eventWait is how long a request waits for events, in seconds.
const eventWait = 20

// followPause is how long a follower waits before it tries a server again.
const followPause = 2 * time.Second

// Run prints events.
func (c *EventsCmd) Run(ctx context.Context) error {
	server, err := c.open()
	if err != nil {
		return err
	}
	if c.Tail != 0 && c.After != "" {
		return errs.InvalidField("tail", "--tail %d with --after: give either one or the other.", c.Tail)
	}
	q := url.Values{}
	for name, v := range map[string]string{"names": c.Names, "pump": c.Pump, "site": c.Site, "after": c.After} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if c.Tail != 0 {
		q.Set("tail", strconv.Itoa(c.Tail))
	}
	cursor := c.After
	// Whatever ends it, who asked learns where to go on.
	defer func() {
		if cursor != "" {
			fmt.Fprintf(os.Stderr, "go on with --after %s\n", cursor)
		}
	}()
	for {
		page, err := into[struct {
			Items []json.RawMessage `json:"items"`
			Next  string            `json:"next"`
			More  bool              `json:"more"`
		}](server.get(ctx, "/events", q))
		switch {
		case ctx.Err() != nil:
			return nil // asked to end
		case err != nil && c.Follow && cursor != "" && errs.KindOf(err) == errs.Unavailable:
			fmt.Fprintf(os.Stderr, "%s Trying again.\n", errs.Message(err))
			select {
			case <-ctx.Done():
			case <-time.After(followPause):
			}
			continue
		case err != nil:
			if errs.KindOf(err) == errs.Gone {
				cursor = "" // nobody goes on with it
			}
			return err
		}
		for _, raw := range page.Items {
			if err := printEvent(raw, c.JSON); err != nil {
				return err
			}
		}
		cursor = page.Next
		if !page.More && !c.Follow {
			return nil
		}
		q.Del("tail")
		q.Set("after", cursor)
		if c.Follow {
			q.Set("wait", strconv.Itoa(eventWait))
		}
	}
}

func printEvent(raw json.RawMessage, asJSON bool) error {
	if asJSON {
		_, err := fmt.Println(string(raw))
		return err
	}
	line, err := eventLine(raw)
	if err != nil {
		return err
	}
	_, err = fmt.Println(line)
	return err
}

// eventLine is an event as people read it.
func eventLine(raw json.RawMessage) (string, error) {
	e, err := into[struct {
		Name   string            `json:"name"`
		At     string            `json:"at"`
		Serial *string           `json:"pump_serial"`
		Actor  string            `json:"actor"`
		Object *string           `json:"object"`
		Reason *string           `json:"reason"`
		Detail map[string]string `json:"detail"`
	}](raw, nil)
	if err != nil {
		return "", err
	}
	line := []string{e.At, fmt.Sprintf("%-22s", e.Name)}
	for _, s := range []*string{e.Serial, e.Object} {
		if s != nil {
			line = append(line, *s)
		}
	}
	line = append(line, e.Detail["priority"], e.Detail["title"], "by", e.Actor)
	if m := e.Detail["meaning"]; m != "" {
		line = append(line, signedText(e.Detail["signer"], m))
	}
	if e.Reason != nil {
		line = append(line, strconv.Quote(*e.Reason))
	}
	words := line[:0]
	for _, w := range line {
		if w != "" {
			words = append(words, printable(w))
		}
	}
	return strings.Join(words, " "), nil
}

// signedText says who signed, by the printed name if it is known, and what by it.
func signedText(signer, meaning string) string {
	if signer == "" {
		return "signed to " + meaning
	}
	return "signed by " + signer + " to " + meaning
}
