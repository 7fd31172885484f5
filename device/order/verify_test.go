package order

import "testing"

func TestEveryActGood(t *testing.T) {
	for a := ActProgram; a <= ActClock; a++ {
		t.Run(a.String(), func(t *testing.T) {
			w := newWorld()
			switch a {
			case ActResume:
				w.view.State.Run = 3
			case ActAdopt:
				w.view.Foreign = true
			}
			got := w.deliver(w.build(w.draft(a)))
			if got.Code != Applied || got.Step != StepAccept || got.Effect == nil || !got.Burned {
				t.Fatalf("step %d %s: %s", got.Step, got.Code, got.Detail)
			}
		})
	}
}
