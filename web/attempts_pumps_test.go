package web

import (
	"fmt"

	"cisterna/internal/auth"
)

// pumpsAttempts makes the requests about pumps, their life and their alarms.
func (f *fixture) pumpsAttempts() map[string]func() attempt {
	return map[string]func() attempt{
		"list-pumps": plain("GET", "/api/v1/pumps", nil, 200),
		"live":       plain("GET", "/api/v1/live", nil, 426), // not a websocket, but let in
		"get-pump":   f.onPump("GET", "", nil, 200),
		"telemetry":  f.onPump("GET", "/telemetry?from=2026-11-22T00:00:00Z&to=2026-11-22T06:00:00Z", nil, 200),
		"timeline":   f.onPump("GET", "/timeline", nil, 200),
		"refusals":   f.onPump("GET", "/refusals", nil, 200),
		"register-pump": func() attempt {
			serial := f.next()
			return attempt{"POST", "/api/v1/pumps", map[string]any{"site": fmt.Sprint(f.a), "serial": fmt.Sprintf("NEW-%d", serial), "model": "Meander P20", "profile": "meander-p20"}, []int{201}}
		},
		"import-pumps": func() attempt {
			serial := f.next()
			return attempt{"POST", "/api/v1/pumps/import?site=" + fmt.Sprint(f.a), []byte(fmt.Sprintf("serial,model,profile\nIMP-%d,Meander P20,meander-p20\n", serial)), []int{200}}
		},
		"export-pumps":   plain("GET", "/api/v1/pumps/export", nil, 200),
		"claim-pump":     f.onPump("POST", "/claim", map[string]any{}, 200),
		"withdraw-claim": f.onPump("POST", "/claim/withdraw", asTest, 404), // there is none, and the role is asked first
		"revoke-pump":    f.onPump("POST", "/revoke", asTest, 200),
		"reinstate-pump": func() attempt {
			return attempt{"POST", "/api/v1/pumps/" + f.revoked() + "/reinstate", asTest, []int{200}}
		},
		"explant-pump": f.onPump("POST", "/explant", map[string]string{"reason": "as a test", "on": "2026-01-31", "fate": "kept"}, 200),
		"set-fate": func() attempt {
			return attempt{"POST", "/api/v1/pumps/" + f.explanted(f.a) + "/fate", map[string]string{"fate": "maker", "reason": "as a test"}, []int{200}}
		},
		"retire-pump": f.onPump("POST", "/retire", asTest, 200),
		"replace-pump": func() attempt {
			return attempt{"POST", "/api/v1/pumps/" + f.explanted(f.a) + "/replacement", map[string]string{"new": f.pump(f.a), "reason": "as a test"}, []int{200}}
		},
		"undo-replacement":  f.onPump("POST", "/replacement/undo", asTest, 409),                                                // there is none
		"swap-communicator": f.onPump("POST", "/communicator", map[string]string{"serial": "COMM-9", "reason": "broken"}, 409), // it has none
		"edit-pump": func() attempt {
			p := f.pump(f.a)
			return attempt{"POST", "/api/v1/pumps/" + p + "/notes", map[string]any{"rev": f.rev(p), "label": "Bed 9", "notes": noNotes()}, []int{200}}
		},
		"list-profiles": plain("GET", "/api/v1/profiles", nil, 200),
		"parse-udi":     plain("GET", "/api/v1/udi?text=%2801%2900643169001763", nil, 200),
		"list-alarms":   plain("GET", "/api/v1/alarms", nil, 200),
		"get-alarm": func() attempt {
			return attempt{"GET", "/api/v1/alarms/" + f.alarm(f.pump(f.a), "COMM_LOST"), nil, []int{200}}
		},
		"note-alarm": func() attempt {
			return attempt{"POST", "/api/v1/alarms/" + f.alarm(f.pump(f.a), "COMM_LOST") + "/note", map[string]string{"note": "seen"}, []int{200}}
		},
		"acknowledge-alarm": func() attempt {
			return attempt{"POST", "/api/v1/alarms/" + f.alarm(f.pump(f.a), "COMM_LOST") + "/acknowledge", map[string]string{"note": "seen"}, []int{200}}
		},
	}
}

// revoked returns a pump that is not trusted.
func (f *fixture) revoked() string {
	f.Helper()
	p := f.pump(f.a)
	if _, err := f.reg.Revoke(f.Context(), auth.System("test"), f.number(p), "for a test"); err != nil {
		f.Fatal(err)
	}
	return p
}
