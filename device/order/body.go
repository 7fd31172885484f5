package order

// Codes that only a pump's body gives, after a document was verified. Like any
// answer to a counter that is spent, they stand for good.
const (
	ErrConfirm Code = "E_CONFIRM" // nobody pressed the button at the bedside in time
	ErrPower   Code = "E_POWER"   // the power went before it took effect: nothing changed
)

// ErrStorage says that the pump could not write a document down. Nothing is
// spent: the same document may be sent again.
const ErrStorage Code = "E_STORAGE"

// BodyCodes lists the codes that Codes does not.
func BodyCodes() []Code { return []Code{ErrConfirm, ErrPower, ErrStorage} }
