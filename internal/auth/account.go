package auth

import (
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cisterna/internal/errs"
)

// Account is a person who can sign in.
type Account struct {
	ID         int64
	Login      string // as it was given; unique without regard to case
	Name       string // printed name
	CreatedAt  time.Time
	PasswordAt time.Time // of the last change of password
	DisabledAt time.Time // zero: may sign in
}

// Disabled reports whether the account is shut.
func (a Account) Disabled() bool { return !a.DisabledAt.IsZero() }

// Actor returns the person as somebody acting with these roles by site.
func (a Account) Actor(roles map[int64][]Role) Actor {
	return Actor{ID: a.ID, Login: a.Login, Name: a.Name, Roles: roles}
}

// Manages reports whether the actor may shut target's account, set its password
// or end its sessions: an administrator at every site where target is somebody.
// Nobody manages people of a site that is not theirs.
func (a Actor) Manages(target Actor) bool {
	if a.system() {
		return true
	}
	for site, roles := range target.Roles {
		if len(roles) > 0 && !a.Has(site, Admin) {
			return false
		}
	}
	return a.HasAnywhere(Admin)
}

var loginForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$`)

// NewUser is what an account is made from.
type NewUser struct {
	Login    string // 1 to 64 letters, digits and . _ @ + -
	Name     string
	Password string
	// NoPassword says that there is none: the person gets in by other means.
	NoPassword bool
}

func (u NewUser) validate() error {
	if !loginForm.MatchString(u.Login) {
		return errs.InvalidField("login", "A login has 1 to 64 letters, digits and . _ @ + - and starts with a letter or digit.")
	}
	if err := checkName(u.Name); err != nil {
		return err
	}
	if u.NoPassword && u.Password == "" {
		return nil
	}
	return CheckPassword(u.Password, u.Login, u.Name)
}

func checkName(name string) error {
	if name == "" || len(name) > 256 || strings.TrimSpace(name) != name || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return errs.InvalidField("name", "A name has 1 to 256 bytes of text and neither begins nor ends with a blank.")
	}
	return nil
}
