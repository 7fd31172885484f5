package web

import (
	"fmt"
	"maps"

	"cisterna/internal/auth"
)

// attempt is how a test calls an operation.
type attempt struct {
	method, path string
	body         any
	ok           []int // statuses that mean: it was done, or would have been
}

// attempts makes, for each operation, a fresh thing of site A and the request
// about it. An operation that is missing here fails the test.
func (f *fixture) attempts() map[string]func() attempt {
	all := map[string]func() attempt{}
	for _, some := range []map[string]func() attempt{
		f.sessionAttempts(), f.peopleAttempts(), f.pumpsAttempts(), f.listsAttempts(), f.devicesAttempts(), f.recordAttempts(), f.orderAttempts(),
	} {
		for op := range some {
			if all[op] != nil {
				f.Fatalf("operation %s is tried in two places", op)
			}
		}
		maps.Copy(all, some)
	}
	return all
}

// asTest is the reason that people give in tests.
var asTest = map[string]string{"reason": "as a test"}

func plain(method, path string, body any, ok ...int) func() attempt {
	return func() attempt { return attempt{method, path, body, ok} }
}

// onPump asks about a fresh pump of site A.
func (f *fixture) onPump(method, suffix string, body any, ok ...int) func() attempt {
	return func() attempt { return attempt{method, "/api/v1/pumps/" + f.pump(f.a) + suffix, body, ok} }
}

// onPerson asks about a fresh nurse of site A.
func (f *fixture) onPerson(method, suffix string, body any, ok ...int) func() attempt {
	return func() attempt {
		return attempt{method, fmt.Sprintf("/api/v1/people/%d%s", f.someone(f.a, auth.Nurse), suffix), body, ok}
	}
}
