package web

import (
	"fmt"
)

// devicesAttempts makes the requests about communicators, maintenance, readings and recalls.
func (f *fixture) devicesAttempts() map[string]func() attempt {
	return map[string]func() attempt{
		"list-communicators": plain("GET", "/api/v1/communicators", nil, 200),
		"get-communicator":   func() attempt { return attempt{"GET", "/api/v1/communicators/" + f.comm(f.a), nil, []int{200}} },
		"register-communicator": func() attempt {
			serial := f.next()
			return attempt{"POST", "/api/v1/communicators", map[string]string{"site": fmt.Sprint(f.a), "serial": fmt.Sprintf("NC-%d", serial), "model": "Brook"}, []int{201}}
		},
		"import-communicators": func() attempt {
			serial := f.next()
			return attempt{"POST", "/api/v1/communicators/import?site=" + fmt.Sprint(f.a), []byte(fmt.Sprintf("serial,model\nIC-%d,Brook\n", serial)), []int{200}}
		},
		"move-communicator": func() attempt {
			return attempt{"POST", "/api/v1/communicators/" + f.comm(f.a) + "/status", map[string]string{"act": "lose", "reason": "as a test"}, []int{200}}
		},
		"reserve-communicator": func() attempt {
			return attempt{"POST", "/api/v1/communicators/" + f.comm(f.a) + "/reserve", map[string]string{"pump": f.pump(f.a), "reason": "as a test"}, []int{200}}
		},
		"release-communicator": func() attempt {
			return attempt{"POST", "/api/v1/communicators/" + f.comm(f.a) + "/release", asTest, []int{409}} // it is not reserved
		},
		"list-pump-work": f.onPump("GET", "/work", nil, 200),
		"add-pump-work":  f.onPump("POST", "/work", map[string]string{"kind": "note", "text": "as a test"}, 201),
		"add-communicator-work": func() attempt {
			return attempt{"POST", "/api/v1/communicators/" + f.comm(f.a) + "/work", map[string]string{"kind": "note", "text": "as a test"}, []int{201}}
		},
		"end-work": func() attempt {
			return attempt{"POST", "/api/v1/work/" + f.planned(f.a) + "/end", map[string]string{"state": "done", "result": "as a test"}, []int{200}}
		},
		"due-work":         plain("GET", "/api/v1/work", nil, 200),
		"cmms-assets":      plain("GET", "/api/v1/cmms/assets", nil, 200),
		"cmms-assets-file": plain("GET", "/api/v1/cmms/assets.csv", nil, 200),
		"cmms-work":        plain("GET", "/api/v1/cmms/work", nil, 200),
		"cmms-work-file":   plain("GET", "/api/v1/cmms/work.csv", nil, 200),
		"list-readings":    f.onPump("GET", "/readings", nil, 200),
		"record-reading":   f.onPump("POST", "/readings", aReading, 201),
		"correct-reading":  f.onPump("POST", "/readings/999999/correct", aCorrection, 404), // the pump is asked first
		"import-readings": func() attempt {
			return attempt{"POST", "/api/v1/readings/import", []byte("serial,taken_at,taken_by,battery\n" + f.manualPump(f.a) + ",2026-01-31T10:00Z,N. Urse,ok\n"), []int{200}}
		},
		"list-recalls": plain("GET", "/api/v1/recalls", nil, 200),
		"get-recall":   func() attempt { r, _ := f.recall(f.a); return attempt{"GET", "/api/v1/recalls/" + r, nil, []int{200}} },
		"export-recall": func() attempt {
			r, _ := f.recall(f.a)
			return attempt{"GET", "/api/v1/recalls/" + r + "/export", nil, []int{200}}
		},
		"preview-recall": plain("POST", "/api/v1/recalls/preview", map[string]any{"maker": "Meander", "criteria": noCriteria("X-1")}, 200),
		"create-recall": func() attempt {
			serial := f.next()
			return attempt{"POST", "/api/v1/recalls", map[string]any{
				"reference": fmt.Sprintf("FSN-%d", serial), "maker": "Nobody", "title": "As a test", "text": "Look.", "source": "letter", "severity": "II", "issued_on": "2026-01-31",
				"criteria": noCriteria("X-1"),
			}, []int{201}}
		},
		"end-recall": func() attempt {
			r, _ := f.recall(0) // with devices, only who sees them all may
			return attempt{"POST", "/api/v1/recalls/" + r + "/end", map[string]string{"state": "withdrawn", "reason": "as a test"}, []int{200}}
		},
		"add-to-recall": func() attempt {
			r, _ := f.recall(f.a)
			return attempt{"POST", "/api/v1/pumps/" + f.pump(f.a) + "/recalls", map[string]string{"recall": r, "reason": "as a test"}, []int{200}}
		},
		"add-communicator-to-recall": func() attempt {
			r, _ := f.commRecall(f.a)
			return attempt{"POST", "/api/v1/communicators/" + f.comm(f.a) + "/recalls", map[string]string{"recall": r, "reason": "as a test"}, []int{200}}
		},
		"recall-communicator": func() attempt {
			r, k := f.commRecall(f.a)
			return attempt{"POST", "/api/v1/recalls/" + r + "/communicators/" + k, map[string]string{"act": "remove", "reason": "as a test"}, []int{200}}
		},
		"recall-communicator-contact": func() attempt {
			r, k := f.commRecall(f.a)
			return attempt{"POST", "/api/v1/recalls/" + r + "/communicators/" + k + "/contacts", map[string]string{"at": "2026-01-31T10:00:00Z", "contacted": "the patient", "way": "phone", "outcome": "reached"}, []int{201}}
		},
		"recall-device": func() attempt {
			r, p := f.recall(f.a)
			return attempt{"POST", "/api/v1/recalls/" + r + "/pumps/" + p, map[string]string{"act": "remove", "reason": "as a test"}, []int{200}}
		},
		"recall-contact": func() attempt {
			r, p := f.recall(f.a)
			return attempt{"POST", "/api/v1/recalls/" + r + "/pumps/" + p + "/contacts", map[string]string{"at": "2026-01-31T10:00:00Z", "contacted": "the patient", "way": "phone", "outcome": "reached"}, []int{201}}
		},
	}
}
