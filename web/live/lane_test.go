package live

import (
	"fmt"
	"net/url"
	"testing"
	"testing/synctest"
	"time"
)

func TestAlarmLane(t *testing.T) {
	inWorld(t, func(w *world) {
		v := w.open(sites(1))
		other := w.open(sites(2))
		w.want("hello", v.take("hello")[0]["aseq"], 0)
		for i := range 5 {
			w.hub.Alarm(Alarm{Site: int64(1 + i%2), Change: "raised", Value: map[string]any{"id": fmt.Sprint(i)}})
		}
		w.want("alarms at once", v.take(), "[map[alarm:map[id:0] change:raised prev:0 seq:1 t:alarm] map[alarm:map[id:2] change:raised prev:1 seq:2 t:alarm] map[alarm:map[id:4] change:raised prev:2 seq:3 t:alarm]]")
		w.want("the other site's lane", len(other.take("alarm")), 2)
		time.Sleep(BeatEvery)
		beat := v.take("beat")
		w.want("beat", fmt.Sprint(len(beat), beat[0]["aseq"], beat[0]["rev"]), "1 3 0")

		resume := func(aseq string) []map[string]any {
			q := url.Values{"epoch": {sites(1).Epoch("e1")}, "rev": {"0"}, "aseq": {aseq}}
			for k, x := range v.query {
				q[k] = x
			}
			again := w.dial(q, true)
			defer again.close()
			return again.take()
		}
		v.close()
		w.hub.Alarm(Alarm{Site: 1, Change: "cleared", Value: map[string]any{"id": "0"}})
		got := resume("1")
		w.want("from 1", fmt.Sprint(got[0]["resumed"], got[1:]), "true [map[alarm:map[id:2] change:raised prev:1 seq:2 t:alarm]"+
			" map[alarm:map[id:4] change:raised prev:2 seq:3 t:alarm] map[alarm:map[id:0] change:cleared prev:3 seq:4 t:alarm]]")
		w.want("from the end", len(resume("4")), 1)
		got = resume("5")
		w.want("from beyond the end", words(got[0], "resumed")+" "+words(got[1], "t", "reason", "aseq"), "false reset alarms 4")

		// Once the lane is forgotten its numbers are not used again.
		time.Sleep(Remember + 2*BeatEvery)
		w.want("lanes left", w.hub.Stats().Lanes, 1)
		got = resume("4")
		w.want("after the lane was forgotten", words(got[1], "t", "reason", "aseq"), "reset alarms 6")
		w.hub.Lost()
		got = resume("6")
		w.want("after changes were lost", words(got[1], "t", "reason"), "reset alarms")
		other.take()
		other.close()
	})
}

// Orders share the alarms' lane: numbered with them, told per site, never conflated,
// and after a cut nothing of them is missing.
func TestOrdersShareTheLane(t *testing.T) {
	inWorld(t, func(w *world) {
		v, other := w.open(sites(1)), w.open(sites(2))
		v.take()
		other.take()
		order := func(site int64, id, state string) {
			w.hub.Order(Order{Site: site, Pump: 7, Value: map[string]string{"id": id, "state": state}})
		}
		order(1, "41", "released")
		w.hub.Alarm(Alarm{Site: 1, Pump: 7, Change: "raised", Value: map[string]string{"id": "9"}})
		order(2, "42", "proposed")
		order(1, "41", "sent")
		order(1, "41", "applied")
		w.want("in the order of what happened", v.take(), "[map[order:map[id:41 state:released] prev:0 seq:1 t:order] map[alarm:map[id:9] change:raised prev:1 seq:2 t:alarm]"+
			" map[order:map[id:41 state:sent] prev:2 seq:3 t:order] map[order:map[id:41 state:applied] prev:3 seq:4 t:order]]")
		w.want("the other site's", other.take(), "[map[order:map[id:42 state:proposed] prev:0 seq:1 t:order]]")

		// The connection is cut; meanwhile an order and an alarm.
		v.close()
		order(1, "43", "proposed")
		w.hub.Alarm(Alarm{Site: 1, Pump: 7, Change: "cleared", Value: map[string]string{"id": "9"}})
		order(1, "43", "verified")
		q := url.Values{"epoch": {sites(1).Epoch("e1")}, "rev": {"0"}, "aseq": {"4"}}
		for k, x := range v.query {
			q[k] = x
		}
		again := w.dial(q, true)
		got := again.take()
		w.want("resumed with all of it", fmt.Sprint(got[0]["resumed"], got[1:]), "true [map[order:map[id:43 state:proposed] prev:4 seq:5 t:order]"+
			" map[alarm:map[id:9] change:cleared prev:5 seq:6 t:alarm] map[order:map[id:43 state:verified] prev:6 seq:7 t:order]]")
		w.want("counted", fmt.Sprint(w.hub.Stats().Orders, w.hub.Stats().Alarms), "6 2")
		again.close()
		other.close()
	})
}

func TestLaneOverflowResets(t *testing.T) {
	inWorld(t, func(w *world) {
		s := sites(1)
		w.setSession(7, &s, nil)
		v := w.dial(url.Values{"session": {"7"}, "user": {"7"}}, false)
		v.reads <- true // hello
		synctest.Wait()
		w.hub.Alarm(Alarm{Site: 1, Change: "raised", Value: map[string]any{"id": "0"}})
		synctest.Wait() // the writer is stuck with it
		for i := range Lane + 100 {
			w.hub.Alarm(Alarm{Site: 1, Change: "raised", Value: map[string]any{"id": fmt.Sprint(1 + i)}})
		}
		close(v.reads)
		got := v.take()
		w.want("frames", len(got), 3)
		w.want("told to start again", words(got[2], "t", "reason", "aseq"), fmt.Sprint("reset alarms ", Lane+101))
		w.hub.Alarm(Alarm{Site: 1, Change: "raised", Value: map[string]any{"id": "x"}})
		w.want("and goes on", v.take()[0]["prev"], Lane+101)
		w.want("resets", w.hub.Stats().Resets, 1)
		v.close()
	})
}
