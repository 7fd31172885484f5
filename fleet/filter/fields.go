package filter

import "slices"

// Kind is what sort of values a field has.
type Kind string

// The kinds.
const (
	Choice Kind = "choice" // one of Values
	Name   Kind = "name"   // what people named; found as a whole
	Text   Kind = "text"   // found anywhere with ":"
	Number Kind = "number" // compares; may have units
	Age    Kind = "age"    // how long ago; compares; takes s, m, h and d
	Left   Kind = "left"   // how long until; compares; takes what an age takes; below zero once it is past
)

// Unit is a unit in which a number may be given.
type Unit struct {
	Name string `json:"name"`
	Base int64  `json:"base"` // of the field's base unit, whole
}

// Field is something that a filter can ask for.
type Field struct {
	Name   string
	Kind   Kind
	Title  string   // what people call it
	Doc    string   // what it means, in a sentence
	Values []string // of a Choice
	Units  []Unit   // of a Number, Age or Left; of a Number, the first is meant where none is given
}

var (
	volume  = []Unit{{"mL", 1_000_000}, {"uL", 1_000}}
	flow    = []Unit{{"mL/d", 1_000_000}, {"uL/d", 1_000}}
	percent = []Unit{{"%", 1}}
	voltage = []Unit{{"mV", 1}, {"V", 1_000}}
	ages    = []Unit{{"s", 1}, {"m", 60}, {"h", 3_600}, {"d", 86_400}}
)

// fields is the whole catalogue. A name, once released, keeps its meaning: saved
// views and groups hold it.
var fields = []Field{
	{Name: "serial", Kind: Text, Title: "Serial", Doc: "The pump's serial number."},
	{Name: "patient", Kind: Text, Title: "Patient", Doc: "Reference of the patient whom it is in, by the register."},
	{Name: "label", Kind: Text, Title: "Label", Doc: "What the site calls the pump."},
	{Name: "site", Kind: Name, Title: "Site", Doc: "The site's short name, or its name in quotes."},
	{Name: "model", Kind: Name, Title: "Model", Doc: "The pump's model."},
	{Name: "profile", Kind: Name, Title: "Profile", Doc: "The id of its device profile."},
	{Name: "link", Kind: Text, Title: "Communicator", Doc: "Serial number of the communicator paired today."},
	{Name: "status", Kind: Choice, Title: "Status", Doc: "Where the pump stands in its life.", Values: []string{"registered", "active", "revoked", "explanted", "retired", "manual"}},
	{Name: "presence", Kind: Choice, Title: "Presence", Doc: "Whether the pump can be reached.", Values: []string{"online", "stale", "offline", "never", "unknown"}},
	{Name: "alarm", Kind: Choice, Title: "Alarm", Doc: "The priorities of its alarms that are not cleared.", Values: []string{"high", "medium", "low", "none"}},
	{Name: "run", Kind: Choice, Title: "State", Doc: "What it does, by its last word.", Values: []string{"infusing", "minimum", "stopped", "bolus", "priming", "bridge", "none"}},
	{Name: "drug", Kind: Name, Title: "Drug", Doc: "An ingredient of what it holds."},
	{Name: "rate", Kind: Number, Title: "Rate", Doc: "What it delivers.", Units: flow},
	{Name: "reservoir", Kind: Number, Title: "Reservoir", Doc: "What is left, as the pump computes it.", Units: volume},
	{Name: "fill", Kind: Number, Title: "Fill", Doc: "What is left, of the reservoir's capacity, rounded down.", Units: percent},
	{Name: "level", Kind: Choice, Title: "Level", Doc: "Whether what is left is at or below the mark of the low-reservoir alarm.", Values: []string{"low", "ok", "none"}},
	{Name: "low_in", Kind: Left, Title: "Low in", Doc: "In how long its program brings the reservoir to the low mark, without patient boluses. Not known of a pump that is stopped.", Units: ages},
	{Name: "battery", Kind: Number, Title: "Battery", Doc: "Charge, by its voltage on the profile's curve.", Units: percent},
	{Name: "voltage", Kind: Number, Title: "Battery voltage", Doc: "Of the pump's battery.", Units: voltage},
	{Name: "last_heard", Kind: Age, Title: "Last heard", Doc: "How long ago any message came that the pump signed.", Units: ages},
	{Name: "last_data", Kind: Age, Title: "Last data", Doc: "How long ago its last values came.", Units: ages},
	{Name: "since", Kind: Age, Title: "Presence since", Doc: "How long its presence has been what it is.", Units: ages},
	{Name: "firmware", Kind: Text, Title: "Firmware", Doc: "Of the pump, by its own word."},
	{Name: "comm_firmware", Kind: Text, Title: "Communicator firmware", Doc: "By the communicator's own word."},
	{Name: "library", Kind: Text, Title: "Library", Doc: "The drug library that it reports."},
	{Name: "sync", Kind: Choice, Title: "Documents", Doc: "Whether it has the keyset, library and profile that it should have.", Values: []string{"current", "behind", "none"}},
	{Name: "lacks", Kind: Choice, Title: "Lacks", Doc: "Which document it should have and has not.", Values: []string{"keyset", "library", "profile", "none"}},
	{Name: "quality", Kind: Choice, Title: "Link quality", Doc: "By reconnects and refused messages of the last 24 hours.", Values: []string{"good", "fair", "poor", "none"}},
	{Name: "reconnects", Kind: Number, Title: "Reconnects", Doc: "Connections that it opened in the last 24 hours."},
	{Name: "refused", Kind: Number, Title: "Refused", Doc: "Messages refused in the last 24 hours."},
	{Name: "gaps", Kind: Number, Title: "Gaps", Doc: "Gaps that it declared in the last 24 hours."},
	{Name: "cert", Kind: Left, Title: "Certificate ends", Doc: "In how long the certificate of its link ends.", Units: ages},
	{Name: "tag", Kind: Name, Title: "Tag", Doc: "A tag that people gave it."},
	{Name: "group", Kind: Name, Title: "Group", Doc: "A group that it is in, by list or by filter."},
}

var byName = func() map[string]*Field {
	m := make(map[string]*Field, len(fields))
	for i := range fields {
		m[fields[i].Name] = &fields[i]
	}
	return m
}()

// Fields returns the catalogue, in the order in which people are shown it.
func Fields() []Field { return slices.Clone(fields) }

// Ops returns the operators that a field takes.
func (f *Field) Ops() []Op {
	switch f.Kind {
	case Number:
		return []Op{Has, Equal, NotEqual, Less, AtMost, Greater, AtLeast}
	case Age, Left:
		return []Op{Has, Less, AtMost, Greater, AtLeast}
	case Choice, Name, Text:
	}
	return []Op{Has, Equal, NotEqual}
}

// span reports whether the field's values are lengths of time from now.
func (f *Field) span() bool { return f.Kind == Age || f.Kind == Left }

// choice reports whether v is one of a choice's values.
func (f *Field) choice(v string) bool { return slices.Contains(f.Values, v) }
