package units

import (
	"strconv"
	"strings"
)

// parts of a duration, longest first.
var parts = [...]struct {
	name string
	size Seconds
}{{"d", Day}, {"h", Hour}, {"min", Minute}, {"s", 1}}

// String writes "2 h 30 min". Days appear from three days on, because people
// in this field count two days as 48 h.
func (s Seconds) String() string {
	if s == 0 {
		return "0 s"
	}
	n, text := uint64(s), ""
	if s < 0 {
		n, text = -n, "-"
	}
	sep := ""
	for _, p := range parts {
		if p.size == Day && n < 3*uint64(Day) || n < uint64(p.size) {
			continue
		}
		text += sep + strconv.FormatUint(n/uint64(p.size), 10) + " " + p.name
		n %= uint64(p.size)
		sep = " "
	}
	return text
}

// ParseSeconds reads "45 s", "90 min", "2 h 30 min" or "3 d 4 h". Parts stand
// in falling order, none is zero, and each but the first stays below the next
// larger unit.
func ParseSeconds(s string) (Seconds, error) {
	if s == "0 s" {
		return 0, nil
	}
	fields := strings.Split(s, " ")
	if len(fields)%2 != 0 || len(fields) > 2*len(parts) {
		return 0, refuse(s, "write a duration as in \"2 h 30 min\"")
	}
	var sum Seconds
	next := 0 // the next unit that may follow
	for i := 0; i < len(fields); i += 2 {
		k := next
		for k < len(parts) && parts[k].name != fields[i+1] {
			k++
		}
		if k == len(parts) {
			return 0, refuse(s, "write days, hours, minutes and seconds in this order, as d, h, min, s")
		}
		n, err := Unit[Seconds]{parts[k].name, 0}.Parse(fields[i])
		if err != nil || n == 0 {
			return 0, refuse(s, "write whole numbers above zero")
		}
		if i > 0 && n*parts[k].size >= parts[k-1].size {
			return 0, refuse(s, "write at most 23 h, 59 min and 59 s behind a larger unit")
		}
		v, err := MulDiv(int64(n), int64(parts[k].size), 1, Floor)
		if err != nil {
			return 0, refuse(s, "the duration is too long")
		}
		if sum, err = Add(sum, Seconds(v)); err != nil {
			return 0, refuse(s, "the duration is too long")
		}
		next = k + 1
	}
	return sum, nil
}
