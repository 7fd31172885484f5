package dose

import "strconv"

// Codes of the ingredients that the sample drug library names. A site's library
// may list more; codes from 1000 on are its own.
const (
	Morphine      Code = 1
	Hydromorphone Code = 2
	Fentanyl      Code = 3
	Sufentanil    Code = 4
	Ziconotide    Code = 5
	Bupivacaine   Code = 6
	Clonidine     Code = 7
	Baclofen      Code = 8
	Lidocaine     Code = 9
	Ketamine      Code = 10
	Gabapentin    Code = 11
	Saline        Code = 12 // a rest or rinse; its concentration counts sodium chloride
)

var ingredients = [...]struct {
	name       string
	withdrawal Severity
}{
	Morphine:      {"morphine", WithdrawalModerate},
	Hydromorphone: {"hydromorphone", WithdrawalModerate},
	Fentanyl:      {"fentanyl", WithdrawalModerate},
	Sufentanil:    {"sufentanil", WithdrawalModerate},
	Ziconotide:    {"ziconotide", WithdrawalNone},
	Bupivacaine:   {"bupivacaine", WithdrawalNone},
	Clonidine:     {"clonidine", WithdrawalSevere},
	Baclofen:      {"baclofen", WithdrawalDeadly},
	Lidocaine:     {"lidocaine", WithdrawalNone},
	Ketamine:      {"ketamine", WithdrawalModerate},
	Gabapentin:    {"gabapentin", WithdrawalModerate},
	Saline:        {"saline", WithdrawalNone},
}

// String returns the ingredient's name, "ingredient 1007" if it is a site's own.
func (c Code) String() string {
	if c > 0 && int(c) < len(ingredients) {
		return ingredients[c].name
	}
	return "ingredient " + strconv.FormatUint(uint64(c), 10)
}

// Withdrawal returns how an abrupt stop of the ingredient is known to act. A
// library entry may say otherwise and then wins.
func (c Code) Withdrawal() Severity {
	if c > 0 && int(c) < len(ingredients) {
		return ingredients[c].withdrawal
	}
	return WithdrawalModerate
}
