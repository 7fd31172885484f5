package api

import (
	"slices"
	"time"

	"cisterna/device/order"
	"cisterna/fleet/dosing"
	"cisterna/internal/errs"
)

// SignRequest is what to have signed by an authenticator.
type SignRequest struct {
	Document  string `json:"document" doc:"base64url; goes back as it is."`
	Challenge string `json:"challenge" doc:"The hash of the document, base64url: what the authenticator signs."`
	Key       string `json:"key"`
	RPID      string `json:"rp_id"`
	Person    string `json:"person"`
}

type signOutput struct{ Body SignRequest }

func signOut(s dosing.Signing, err error) (*signOutput, error) {
	if err != nil {
		return nil, err
	}
	return &signOutput{Body: SignRequest{Document: b64.EncodeToString(s.Document), Challenge: b64.EncodeToString(s.Challenge[:]), Key: s.Key.String(), RPID: s.RPID, Person: s.Person}}, nil
}

// Signed is a document that an authenticator signed.
type Signed struct {
	Document  string    `json:"document" maxLength:"12000"`
	Assertion Assertion `json:"assertion"`
}

func (s Signed) read() ([]byte, order.Assertion, error) {
	doc, err := readBytes("document", s.Document)
	if err != nil {
		return nil, order.Assertion{}, err
	}
	a, err := s.Assertion.read()
	return doc, a, err
}

// meaningOf reads what somebody says by an approval.
func meaningOf(s string) (order.Meaning, error) {
	var m order.Meaning
	if err := m.UnmarshalText([]byte(s)); err != nil {
		return 0, errs.InvalidField("meaning", "There is no meaning %q.", s)
	}
	return m, nil
}

func branchOf(s string) (order.BranchNo, error) {
	switch i := slices.Index([]string{"", "planned", "same"}, s); i {
	case -1:
		return 0, errs.InvalidField("branch", "A branch is planned or same.")
	default:
		return order.BranchNo(i), nil
	}
}

func daysAgo(now time.Time, n int) time.Time { return now.Add(-time.Duration(n) * 24 * time.Hour) }
