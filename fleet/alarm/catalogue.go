package alarm

import (
	"strings"
	"time"

	"cisterna/device/wire"
)

// Class is how a pump's sound tells alarms apart: critical ones have two tones.
type Class string

// The classes.
const (
	Critical    Class = "critical"
	Noncritical Class = "noncritical"
	Notice      Class = "info"
)

// Delivery is what usually happens to the infusion while the condition lasts.
// What a pump really does follows from its profile and its drug, and it says so
// itself.
type Delivery string

// The effects on delivery.
const (
	Unaffected Delivery = "unaffected" // nothing to do with the infusion
	Continues  Delivery = "continues"  // the program runs, though something is wrong with it
	AtMinimum  Delivery = "minimum"    // minimum rate: the tubing is kept moving, there is no therapy
	Halted     Delivery = "stopped"
	Refused    Delivery = "refused" // a program was not accepted; the old one runs
	Uncertain  Delivery = "unknown"
)

// Entry is what is known about an alarm code. Priorities follow IEC 60601-1-8.
type Entry struct {
	Code     string
	Title    string
	Class    Class
	Priority wire.Priority
	Delivery Delivery
	Effect   string        // the same in words, with what the class of pump changes
	Detect   string        // how the condition is found
	Advice   string        // what to do first
	Ack      time.Duration // within which somebody should have looked
	Source   string        // where this row comes from: tags of the domain notes' source list
}

const (
	info   = wire.PriorityInfo
	low    = wire.PriorityLow
	medium = wire.PriorityMedium
	high   = wire.PriorityHigh

	minutes = time.Minute
	day     = 24 * time.Hour
)

// catalogue is the only place that gives alarms their priority, words and times.
// Stopping is a harm and no safe state, so that every row says what delivery
// does; the reactions that reference designs leave open are decided here.
var catalogue = []Entry{
	{"RES_LOW", "Low reservoir (computed)", Noncritical, low, Unaffected, "not affected; external pumps may fall to a keep-open rate", "computed volume at or below the low-reservoir volume", "Book the refill.", day, "S4;S12;S30b"},
	{"RES_EMPTY", "Reservoir empty", Critical, high, Halted, "stopped", "computed volume at or below zero, or fill sensor", "Refill urgently and watch for withdrawal.", 15 * minutes, "S4;S30b"},
	{"ERI", "Elective replacement indicator", Noncritical, low, Unaffected, "not affected for 90 days", "battery voltage or age", "Book the replacement of the pump.", day, "S4;S7"},
	{"EOS", "End of service", Critical, high, Halted, "stopped", "90 days after the replacement indicator, greatest age, or battery", "Replace the pump urgently and bridge the drug.", 15 * minutes, "S4;S7"},
	{"MOTOR_STALL", "Motor stall", Critical, high, Halted, "stopped", "motor sensor; often in a magnetic field", "Ask about MRI, interrogate the pump, watch for withdrawal.", 15 * minutes, "S4;S39"},
	{"STALL_RECOVERED", "Stall recovery", Notice, info, Unaffected, "running again", "event log; may appear only after a second interrogation", "Record how many hours the pump stood still.", day, "S39"},
	{"STOPPED", "Delivery stopped", Critical, high, Halted, "stopped, or only the minimum rate that protects the tubing, until somebody resumes or reprograms", "an order, a hand at the pump, or a program that was lost", "Find out who stopped it and why. Watch for withdrawal; two people resume.", 15 * minutes, "S4;S10"},
	{"STOPPED_48H", "Stopped or stalled for more than 48 hours", Critical, high, Halted, "stopped; the tubing may be damaged and over-infuse later", "timer", "Review in clinic before the pump restarts.", 15 * minutes, "S4;S12b"},
	{"MEM_NONCRIT", "Memory error in non-critical data", Noncritical, medium, Unaffected, "not affected", "checksum", "Read the pump again and reprogram it.", 240 * minutes, "S4"},
	{"MEM_CRIT", "Critical memory error or reset", Critical, high, AtMinimum, "stopped or at the minimum rate, the pump's safe state", "checksum", "Reprogram the pump in person.", 15 * minutes, "S4;S41"},
	{"LOW_BATT_RESET", "Low-battery reset", Critical, high, AtMinimum, "dropped to a very low rate", "voltage", "Replace the pump.", 15 * minutes, "S41"},
	{"OVERINF_BASAL", "Basal over-infusion", Critical, high, Continues, "more than programmed; external pumps fall to a keep-open rate", "flow, or refill ratio above 1 plus tolerance", "Follow the overdose card.", 5 * minutes, "S30b;S12"},
	{"OVERINF_BOLUS", "Bolus over-infusion", Critical, high, Continues, "more than programmed; external pumps fall to a keep-open rate", "flow", "Follow the overdose card.", 5 * minutes, "S30b"},
	{"UNDERINF", "Under-infusion, basal or bolus", Noncritical, medium, Continues, "continues, with less than programmed", "flow, or refill ratio", "Start the catheter work-up.", 240 * minutes, "S30b"},
	{"OCCL_DOWN", "Downstream occlusion or catheter", Critical, high, Halted, "little or nothing arrives; external pumps stop", "pressure, where the model measures it", "Arrange a catheter study.", 15 * minutes, "S30b"},
	{"OCCL_UP", "Upstream occlusion", Critical, high, Halted, "little or nothing leaves the reservoir; external pumps stop", "pressure", "Check the reservoir.", 15 * minutes, "S30b"},
	{"MAX_DOSE", "Worst-case dose of the window reached", Noncritical, medium, Continues, "patient boluses are refused; external pumps fall to a keep-open rate", "accounting", "Review the use of patient boluses.", 240 * minutes, "S30b;S26"},
	{"HARD_LIMIT", "Program outside a hard limit of the library", Critical, high, Refused, "program refused, the old one runs", "validator", "Correct the order.", 60 * minutes, "S30b"},
	{"DRUG_NOT_IN_LIB", "Drug or concentration not in the active library", Critical, high, Refused, "program refused, the old one runs", "validator", "Have the entry added through the library's workflow.", 60 * minutes, "S30b"},
	{"PRIME_FAIL", "Priming failure", Critical, high, Halted, "stopped", "device", "Repeat the priming.", 15 * minutes, "S30b"},
	{"AIR", "Air in line (external pumps)", Critical, high, Halted, "stopped", "sensor", "Clear the line.", 15 * minutes, "S30b"},
	{"BATT_LOW", "Battery low (external pump or communicator)", Noncritical, medium, Unaffected, "not affected on an implant; external pumps fall to a keep-open rate", "voltage", "Charge or replace the battery.", 240 * minutes, "S30b"},
	{"BATT_DEFECT", "Battery defective", Critical, high, Continues, "continues as long as the voltage lasts, then stops", "voltage", "Replace the battery, or the pump.", 15 * minutes, "S30b"},
	{"VOLT_OOR", "Supply voltage out of range", Noncritical, medium, Continues, "continues", "voltage", "Send the pump or communicator to service.", 240 * minutes, "S30b"},
	{"TEMP_HIGH", "Pump overheated", Critical, high, Continues, "continues on an implant unless its profile says otherwise; external pumps stop", "sensor", "Cool and inspect; send to service.", 15 * minutes, "S30b"},
	{"SECURITY", "Security fault", Critical, high, Continues, "the last signed program runs on; nothing new is accepted", "authentication or integrity", "Isolate the communicator and inspect it.", 15 * minutes, "S30b"},
	{"UPDATE_INCOMPLETE", "Program update not finished; pump stopped", Critical, high, Halted, "stopped", "no read-back in time", "Complete the session now.", 5 * minutes, "S10"},
	{"TELEM_STUCK", "Telemetry mode stuck after interference or MRI", Critical, high, Halted, "stopped", "status", "Interrogate the pump.", 15 * minutes, "S40"},
	{"COMM_LOST", "Communicator silent beyond its profile", Noncritical, medium, Uncertain, "unknown; more urgent for a drug with dangerous withdrawal or a reservoir that is nearly empty", "end of the connection and timer", "Call the patient.", 240 * minutes, "PROP"},
	{"ALARM_UNREAD", "Alarm of the pump that cannot be read", Critical, high, Uncertain, "unknown: the pump had something to say, and it could not be read, here or by the pump itself", "a signed message or record of the alarm lane that is refused, or that the pump could not keep", "Read the pump itself, and what is refused or missing on its page. Acknowledging it, with what was found, ends it.", 15 * minutes, "PROP"},
	{"CLOCK_DRIFT", "Pump clock differs", Noncritical, low, Continues, "a pattern over the day is shifted", "comparison", "Set the clock, only while no bolus is active.", day, "S50"},
	{"PTM_ABUSE", "Patient boluses denied by lockout too often", Noncritical, low, Unaffected, "not affected", "count", "Review the pain plan.", day, "PROP"},
	{"REFILL_MISMATCH", "Residual volume outside tolerance", Critical, high, Uncertain, "unknown; dangerous on the over-infusion side", "refill record", "Follow the protocol for volume discrepancies.", 60 * minutes, "S12;S15"},
	{"LIB_STALE", "Pump on an old library", Noncritical, low, Unaffected, "not affected", "version comparison", "Send and activate the current library.", day, "S36"},
	{"PROGRAM_DRIFT", "Pump does not run what was ordered", Critical, high, Uncertain, "runs something else than the last order left it with: changed at the bedside, by a fault, or by somebody else", "state hash in its signed reports", "Look at what it runs; adopt it or order the right program.", 15 * minutes, "PROP"},
	{"STOP_FAILED", "A signed stop has not stopped the pump", Critical, high, Continues, "the program runs on, as far as is known", "the pump's answer to the stop, or none within a minute", "Stop it at the bedside now, or sign another stop. Watch the patient.", 5 * minutes, "PROP"},
	{"KEYSET_ENDS", "The pump's list of signers ends", Noncritical, low, Unaffected, "the program runs on; no order but a stop is taken after the end", "45, 21 and 7 days before", "Have administrators sign the next keyset and let the pump connect.", day, "PROP"},
	{"RECALL", "Device matches a recall", Noncritical, medium, Unaffected, "not affected", "serial search", "Contact the patient.", day, "S5;S41"},
}

// OfDocument begins the instance of a SECURITY alarm about a document that nobody here
// sent.
const OfDocument = "order "

// OfCheckpoint is the instance of a SECURITY alarm about a record that was shown
// smaller than before.
const OfCheckpoint = "checkpoint"

// happened reports whether an alarm of the server says that something happened, and
// not that something is so: whoever acknowledges it ends it. So it is of a document
// that nobody sent, and of a record that was smaller than before: once a backup was
// restored, a pump that has seen more never forgets it.
func (a *Alarm) happened() bool {
	return a.Source == SourceServer && (a.Code == "ALARM_UNREAD" ||
		a.Code == "SECURITY" && (a.Instance == OfCheckpoint || strings.HasPrefix(a.Instance, OfDocument)))
}

// forVisit reports whether an alarm says no more than that the pump needs a visit: its
// reservoir is low or empty, or it has stood so long that it is reviewed in clinic before
// it restarts. A visit is not made stale by what it is made for. What made the pump stand
// was news to all orders by itself, as an alarm or another state.
func (a *Alarm) forVisit() bool {
	return a.Code == "RES_LOW" || a.Code == "RES_EMPTY" || a.Code == "STOPPED_48H"
}

var byCode = func() map[string]*Entry {
	m := make(map[string]*Entry, len(catalogue))
	for i := range catalogue {
		m[catalogue[i].Code] = &catalogue[i]
	}
	return m
}()

// Catalogue returns all known alarms in the catalogue's order.
func Catalogue() []Entry { return append([]Entry(nil), catalogue...) }

// Lookup returns what is known about a code. An unknown one, which a newer pump
// may send, is named by its code and should be looked at as soon as a critical
// one.
func Lookup(code string) (Entry, bool) {
	if e, ok := byCode[code]; ok {
		return *e, true
	}
	return Entry{
		Code: code, Title: code, Class: Critical, Delivery: Uncertain, Effect: "not known to this server", Detect: "declared by the pump",
		Advice: "Look the code up in the pump's manual.", Ack: 15 * minutes,
	}, false
}
