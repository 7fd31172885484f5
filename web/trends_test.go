package web

import (
	"testing"
)

// TestTrends: a pump that nobody ever heard has days of which nothing is known, and none
// of them is a zero; what is asked for wrongly is refused.
func TestTrends(t *testing.T) {
	f := newFixture(t)
	b, pump := f.signIn("verifier"), f.pump(f.a)
	r := b.do("GET", "/api/v1/pumps/"+pump+"/trends?days=7", nil)
	days := r.json()["days"].([]any)
	f.want("days and today", line(r.status, len(days), r.json()["last_step"], r.json()["steps_30d"]), "200 8 <nil> 0")
	for _, d := range days {
		day := d.(map[string]any)
		f.want("a day of which nothing is known", line(day["coverage"], day["delivered_nl"], day["since"], day["boluses_given"], day["contents"], len(day["doses"].([]any))), "none <nil> <nil> <nil> unknown 0")
	}
	for _, total := range r.json()["totals"].([]any) {
		sum := total.(map[string]any)
		f.want("its sum", line(sum["delivered_nl"], sum["complete"], sum["doses_complete"], sum["boluses_requested"]), "<nil> false false <nil>")
	}
	for _, bad := range []string{"6", "91", "-1", "x", "7.5"} {
		f.want("days="+bad, b.do("GET", "/api/v1/pumps/"+pump+"/trends?days="+bad, nil).status, 422)
	}
	for name, id := range map[string]string{"of another site": f.pump(f.b), "of nobody": "999999", "no id": "x"} {
		f.want("a pump "+name, b.do("GET", "/api/v1/pumps/"+id+"/trends", nil).status, 404)
	}
	f.want("without a session", f.stranger().do("GET", "/api/v1/pumps/"+pump+"/trends", nil).status, 401)
}
