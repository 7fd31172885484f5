package pump

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
)

// TestStories plays the texts of testdata/stories. A line does something to the
// pump or looks at it:
//
//	pump <profile>                     a fresh one
//	fill <volume> of <drug> <conc>, give <mass> a day[, <mass> each press, lockout <time>, <n> a day]
//	refill <volume>    wait <time>     patient    bolus <volume> over <time>    stop    overdose    resume
//	clear <ALARM>      fault <kind> [<value>]     mend <kind>    reboot <cause> [after <time>]    jump [-]<time>
//	… ! <reason>                       what stands before is refused so
//	wrote <records>                    since last asked: events, +alarms raised, −alarms cleared
//	is <run state>     alarms <codes>  left | really | delivered | flowed <volume>     rate <rate>    battery <permille>
func TestStories(t *testing.T) {
	names, err := filepath.Glob("testdata/stories/*.txt")
	if err != nil || len(names) < 5 {
		t.Fatalf("%d stories, %v", len(names), err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			s := story{t: t}
			for i, line := range strings.Split(string(text), "\n") {
				line, _, _ = strings.Cut(line, "#")
				if line = strings.TrimSpace(line); line == "" {
					continue
				}
				if err := s.line(line); err != nil {
					t.Fatalf("%s:%d: %s: %v", name, i+1, line, err)
				}
			}
			if s.looks == 0 {
				t.Fatal("the story looks at nothing")
			}
		})
	}
}

type story struct {
	t     *testing.T
	b     *bench
	looks int
}

func (s *story) line(line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	if verb == "pump" {
		s.b = newBench(s.t, rest)
		return nil
	}
	if done, err := s.look(verb, rest); done {
		s.looks++
		return err
	}
	act, reason, _ := strings.Cut(rest, "!")
	if verb == "wait" {
		d, err := units.ParseSeconds(rest)
		if err == nil {
			s.b.wait(d)
		}
		return err
	}
	in, err := s.act(verb, strings.TrimSpace(act))
	if err != nil {
		return err
	}
	before := s.b.s.StateHash()
	err = s.b.do(in)
	if got, want := dose.ReasonOf(err), dose.Reason(strings.TrimSpace(reason)); got != want {
		return fmt.Errorf("refused %q (%v), want %q", got, err, want) //nolint:errorlint // it may be none
	}
	if err != nil && s.b.s.StateHash() != before {
		return fmt.Errorf("refused, but changed the state")
	}
	return nil
}

// look handles the lines that check.
func (s *story) look(verb, want string) (bool, error) {
	b := s.b
	var got string
	switch verb {
	case "wrote":
		got = strings.Join(b.records(), ", ")
	case "is":
		got = b.m.Sample(&b.s).Run.String()
	case "alarms":
		var codes []string
		for _, c := range b.s.Active() {
			codes = append(codes, string(c))
		}
		got = strings.Join(codes, ", ")
	case "left":
		got = b.s.Reservoir().String()
	case "really":
		got = b.s.TrueReservoir().String()
	case "delivered":
		got = b.delivered().String()
	case "flowed":
		got = b.s.Flowed().String()
	case "rate":
		got = b.m.Rate(&b.s).String()
	case "battery":
		got = strconv.Itoa(b.m.BatteryPermille(&b.s))
	default:
		return false, nil
	}
	if got == "" {
		got = "none"
	}
	if got != want {
		return true, fmt.Errorf("got %s", got)
	}
	return true, nil
}

// act turns a line into an input.
func (s *story) act(verb, rest string) (Input, error) {
	words := strings.Fields(rest)
	switch verb {
	case "fill":
		return fillLine(rest)
	case "refill":
		v, err := units.ParseVolume(rest)
		return Change{Refill: &Refill{Volume: v}}, err
	case "patient":
		return PTMRequest{}, nil
	case "bolus":
		volume, over, _ := strings.Cut(rest, " over ")
		v, err := units.ParseVolume(volume)
		if err != nil {
			return nil, err
		}
		d, err := units.ParseSeconds(over)
		return GiveBolus{dose.Dose{Volume: v, Duration: d}}, err
	case "stop":
		return Stop{}, nil
	case "overdose":
		return Stop{Overdose: true}, nil
	case "resume":
		return Resume{}, nil
	case "clear":
		return Clear{profile.Code(rest)}, nil
	case "fault", "mend":
		f := Fault{Kind: FaultKind(words[0]), Ends: verb == "mend"}
		if len(words) > 1 {
			n, err := strconv.ParseUint(words[1], 10, 32)
			if err != nil {
				return nil, err
			}
			f.Value = uint32(n)
		}
		return f, nil
	case "reboot":
		cause, after, ok := strings.Cut(rest, " after ")
		if ok {
			d, err := units.ParseSeconds(after)
			if err != nil {
				return nil, err
			}
			s.b.now.Wall += int64(d) * 1000
		}
		return Reboot{Cause: Cause(cause)}, nil
	case "jump":
		back := strings.HasPrefix(rest, "-")
		d, err := units.ParseSeconds(strings.TrimPrefix(rest, "-"))
		if back {
			d = -d
		}
		s.b.now.Wall += int64(d) * 1000
		return Tick{}, err
	}
	return nil, fmt.Errorf("unknown verb")
}

var drugs = map[string]dose.Code{"morphine": dose.Morphine, "baclofen": dose.Baclofen, "ziconotide": dose.Ziconotide, "clonidine": dose.Clonidine}

// fillLine reads "18 mL of morphine 10 mg/mL, give 2 mg a day, 0.1 mg each
// press, lockout 4 h, 4 a day". Limits are five times the daily dose.
func fillLine(rest string) (Input, error) {
	parts := strings.Split(rest, ", ")
	volume, what, _ := strings.Cut(parts[0], " of ")
	drug, strength, _ := strings.Cut(what, " ")
	v, err := units.ParseVolume(volume)
	if err != nil {
		return nil, err
	}
	conc, err := units.ParseConc(strength)
	if err != nil {
		return nil, err
	}
	perDay, err := units.ParseMass(strings.TrimSuffix(strings.TrimPrefix(parts[1], "give "), " a day"))
	if err != nil {
		return nil, err
	}
	code := drugs[drug]
	setup := dose.Setup{Contents: contents(code, conc), Range: &profile.Sample("meander-p20").Range, Limits: *limits(code, 5*perDay, 5*perDay)}
	p, _, err := setup.Continuous(perDay)
	if err != nil {
		return nil, err
	}
	if len(parts) == 5 {
		each, err1 := units.ParseMass(strings.TrimSuffix(parts[2], " each press"))
		lockout, err2 := units.ParseSeconds(strings.TrimPrefix(parts[3], "lockout "))
		n, err3 := strconv.Atoi(strings.TrimSuffix(parts[4], " a day"))
		if err1 != nil || err2 != nil || err3 != nil {
			return nil, errors.Join(err1, err2, err3)
		}
		if p, _, err = setup.WithPTM(p, each, dose.PTM{Duration: 600, Lockout: lockout, Max24h: uint16(n)}); err != nil {
			return nil, err
		}
	}
	return Change{Refill: &Refill{Volume: v, Contents: setup.Contents}, Limits: &setup.Limits, Program: &p}, nil
}
